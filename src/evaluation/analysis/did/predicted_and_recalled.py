"""Designs D3, predicted attendance, and D4, recalled answers: both within reach of one wave that asked who attended."""

from __future__ import annotations

import pandas as pd

from evaluation import errors
from evaluation.analysis import arms, comparison
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import adjusted_for, guarded
from evaluation.analysis.comparison import COMPARISON_WEIGHT
from evaluation.analysis.did.exposed_places import gated
from evaluation.analysis.did.inputs import DesignInputs, attended, ends, session_in
from evaluation.plan.study import Design, Plan
from evaluation.results import Gate, NotIdentified, Result, TooFew
from evaluation.statistics import effects, predicted_attendance

SELECTION = Gate("d3.selection", "quality", False, None, None, "who came because they trusted already is told apart")


def predicted_attendees(plan: Plan, inputs: DesignInputs, design: Design) -> list[tuple[str, Result]]:
    """D3: change by predicted attendance, and the four-group contrast; neither removes unseen selection."""
    first, last = ends(design)
    if first in inputs.arms:
        return [("", NotIdentified(f"{first} asked about attendance: nothing needs predicting", "Use that answer."))]
    if last not in inputs.arms:
        return [("", NotIdentified(f"{last} did not ask about attendance", "Ask about attendance."))]
    frame = inputs.general((first, last), design.outcome)
    frame["attended"] = attended(inputs, frame)
    before, after = frame[frame["after"] == 0], frame[(frame["after"] == 1) & frame["attended"].notna()]
    came = int((after["attended"] == 1).sum())
    counts = {"before": len(before), "attended": came, "not": len(after) - came}
    if min(counts.values()) < plan.sizes.least_people:
        return [("", TooFew(counts=counts, needed=plan.sizes.least_people))]
    names = [c for c in plan.covariates if all(c in f and f[c].notna().any() for f in (before, after))]
    results = guarded(
        predicted_attendance.attendance,
        _without_blanks(before.drop(columns="attended"), names),
        _without_blanks(after, names),
        outcome=design.outcome,
        treat="attended",
        covariates=names,
        weight="population_weight",
        cluster=session_in(plan, frame),
        draws=plan.sensitivity.bootstrap_draws,
        seed=plan.seed,
    )
    if isinstance(results, NotIdentified):
        return [("", results)]
    return [("", gated(results[0], SELECTION)), ("four-group", gated(results[1], SELECTION))]


def _without_blanks(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return frame.assign(**{c: frame[c].astype(object).fillna(arms.NOT_STATED).astype(str) for c in names})


def then_and_now(plan: Plan, inputs: DesignInputs, design: Design) -> list[tuple[str, Result]]:
    """D4: remembered change of attendees against that of others, weighted and adjusted, error by session."""
    column, wave = plan.treatment.retrospective_column, design.waves[-1]
    if not column or column not in inputs.survey.outcomes or not inputs.survey.asked(column, wave):
        return [("", NotIdentified("nobody was asked how it was before", "Ask everybody how it was before."))]
    people = remembered(plan, inputs, wave, design.outcome)
    if isinstance(people, NotIdentified):
        return [("", people)]
    n, _ = arms.size_counts(people)
    if min(n.values()) < plan.sizes.least_people:
        return [("", TooFew(counts=n, needed=plan.sizes.least_people))]
    roles: dict[str, object] = {"treat": TREATED, "cluster": "session", "survey_weight": COMPARISON_WEIGHT}
    roles |= {"outcome": "moved", "covariates": adjusted_for(plan, people)}
    return [("", guarded(effects.in_sample, people, comparison.everybody(people), **roles))]


def remembered(plan: Plan, inputs: DesignInputs, wave: str, outcome: str) -> pd.DataFrame | NotIdentified:
    """Return the compared people of a wave with `moved`, the answer now less the answer remembered; or why nobody is.

    A wave that did not ask about attendance compares nobody, nor one in which nobody attended or nobody did not.
    """
    if wave not in inputs.arms:
        return NotIdentified(f"{wave} did not ask about attendance", "Ask about attendance.")
    survey = inputs.survey
    try:
        people = arms.compared(plan, survey.people[survey.people["wave"] == wave], inputs.arms[wave]).people
    except errors.EmptyCell as error:
        return NotIdentified(error.what, error.todo)
    weight = survey.weights[wave].values.reindex(people.index)
    others = people[TREATED] == 0
    people[COMPARISON_WEIGHT] = 1.0
    people.loc[others, COMPARISON_WEIGHT] = weight[others] / weight[others].mean()
    answers = survey.outcomes.reindex(people.index)
    moved = answers[outcome] - answers[plan.treatment.retrospective_column]
    return people.assign(moved=moved).dropna(subset=["moved"])
