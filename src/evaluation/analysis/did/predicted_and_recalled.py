"""D3 people like those who attend, and D4 then and now as remembered: both within reach of one asked wave."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evaluation import errors
from evaluation.analysis import arms, comparison
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import adjusted_for, guarded
from evaluation.analysis.comparison import COMPARISON_WEIGHT
from evaluation.analysis.did.exposed_places import gated
from evaluation.analysis.did.inputs import Evidence, attended
from evaluation.plan.study import Design, Plan
from evaluation.results import Gate, NotIdentified, TooFew
from evaluation.statistics import effects, predicted_attendance


def predicted_attendees(plan: Plan, found: Evidence, design: Design) -> list[tuple[str, Any]]:
    """D3: change by predicted attendance, and the four-group contrast; neither removes unseen selection."""
    first, last = design.waves[0], design.waves[-1]
    if first in found.arms:
        return [("", NotIdentified(f"{first} asked about attendance: nothing needs predicting", "Use that answer."))]
    if last not in found.arms:
        return [("", NotIdentified(f"{last} did not ask about attendance", "Ask about attendance."))]
    frame = found.general((first, last), design.outcome)
    frame["attended"] = attended(found, frame)
    before, after = frame[frame["after"] == 0], frame[(frame["after"] == 1) & frame["attended"].notna()]
    counts = {
        "before": len(before),
        "attended": int((after["attended"] == 1).sum()),
        "not": int((after["attended"] == 0).sum()),
    }
    if min(counts.values()) < plan.sizes.least_people:
        return [("", TooFew(counts=counts, needed=plan.sizes.least_people))]
    names = [c for c in plan.covariates if all(c in f and f[c].notna().any() for f in (before, after))]
    both = [_filled(f, names) for f in (before.drop(columns="attended"), after)]
    session = plan.population.session_column
    made = guarded(
        predicted_attendance.attendance,
        both[0],
        both[1],
        outcome=design.outcome,
        treat="attended",
        covariates=names,
        weight="population_weight",
        cluster=session if session and session in frame else None,
        draws=plan.sensitivity.bootstrap_draws,
        seed=plan.seed,
    )
    blind = Gate("d3.selection", "quality", False, None, None, "who came because they trusted already is told apart")
    if isinstance(made, NotIdentified):
        return [("", made)]
    return [("", gated(made[0], blind)), ("four-group", gated(made[1], blind))]


def _filled(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return frame.assign(**{c: frame[c].astype(object).fillna(arms.NOT_STATED).astype(str) for c in names})


def then_and_now(plan: Plan, found: Evidence, design: Design) -> list[tuple[str, Any]]:
    """D4: remembered change of attendees against that of others, weighted and adjusted, error by session."""
    column, name = plan.treatment.retrospective_column, design.waves[-1]
    answers = found.survey.outcomes
    if not column or column not in answers or not found.survey.asked(column, name):
        return [("", NotIdentified("nobody was asked how it was before", "Ask everybody how it was before."))]
    people = remembered(plan, found, name, design.outcome)
    if isinstance(people, NotIdentified):
        return [("", people)]
    n, _ = arms.size_counts(people)
    if min(n.values()) < plan.sizes.least_people:
        return [("", TooFew(counts=n, needed=plan.sizes.least_people))]
    made = guarded(
        effects.in_sample,
        people,
        comparison.everybody(people),
        outcome="moved",
        treat=TREATED,
        covariates=adjusted_for(plan, people),
        cluster="session",
        survey_weight=COMPARISON_WEIGHT,
    )
    return [("", made)]


def remembered(plan: Plan, found: Evidence, name: str, outcome: str) -> pd.DataFrame | NotIdentified:
    """Return the compared people of a wave with `moved`, the answer now less the answer remembered; or why nobody is.

    A wave that did not ask about attendance compares nobody, nor one in which nobody attended or nobody did not.
    """
    if name not in found.arms:
        return NotIdentified(f"{name} did not ask about attendance", "Ask about attendance.")
    rows = found.survey.people[found.survey.people["wave"] == name]
    try:
        people = arms.compared(plan, rows, found.arms[name]).people
    except errors.EmptyCell as error:
        return NotIdentified(error.what, error.todo)
    weight = found.survey.weights[name].values.reindex(people.index)
    others = people[TREATED] == 0
    people[COMPARISON_WEIGHT] = 1.0
    people.loc[others, COMPARISON_WEIGHT] = weight[others] / weight[others].mean()
    answers = found.survey.outcomes.reindex(people.index)
    moved = answers[outcome] - answers[plan.treatment.retrospective_column]
    return people.assign(moved=moved).dropna(subset=["moved"])
