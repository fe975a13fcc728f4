"""Mediation: willingness to report by way of fairness and respect; hate crimes experienced and reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from evaluation.analysis import arms, contrasts, layout
from evaluation.analysis.level_tables import group_column
from evaluation.analysis.levels import Survey
from evaluation.analysis.verdicts import focus
from evaluation.errors import EvaluationError
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified, Result, TooFew
from evaluation.statistics import mediation, proportions
from evaluation.table_builder import Table

# Parts of the names of questions: on telling the police, on unfair treatment, on fairness and respect.
TELLING, UNFAIR, FAIR = ("report", "share_info", "give_info"), ("discrim",), ("fair", "respect")
DRAWS = 500


class Exposure(NamedTuple):
    """A comparison: its id and label, people with a 0/1 column `x`, and the covariates that belong to it."""

    id: str
    label: str
    people: pd.DataFrame
    covariates: list[str]


def willingness(plan: Plan) -> str:
    """Return the plan's outcome on telling the police about something; "" where none is asked."""
    return next((o for o in plan.all_outcomes if any(t in o for t in TELLING)), "")


def mediators_of(plan: Plan, survey: Survey, wave: str) -> list[str]:
    """Return the answers that a difference may go through: unfair treatment, fairness, respect, as far as asked."""
    items = [i for s in plan.scales.values() for i in s.items] + list(plan.all_outcomes)
    known = dict.fromkeys(i for i in items if any(t in i for t in (*UNFAIR, *FAIR)))
    return [i for i in known if i not in plan.scales and survey.asked(i, wave)]


def reporting(plan: Plan, wave: str, people: pd.DataFrame, outcomes: pd.DataFrame, survey: Survey) -> list[Exhibit]:
    """Return what goes through fairness and respect in the willingness to report, and how much was reported.

    Parameters
    ----------
    people, outcomes : DataFrame
        Design and answers of every wave, as notebook 07 loads them.
    """
    return [_paths(plan, wave, people, survey), _reported(plan, wave, people, outcomes)]


# ---- paths ----------------------------------------------------------------------------------------------------------


def _paths(plan: Plan, wave: str, people: pd.DataFrame, survey: Survey) -> Exhibit:
    outcome, mediators = willingness(plan), mediators_of(plan, survey, wave)
    short = contrasts.short(plan, outcome) if outcome else f"telling {plan.words.institution}"
    table = layout.table(plan, wave, "mediation.reporting", short=short, outcome=outcome)
    if not outcome or not survey.asked(outcome, wave):
        _not_asked(table, "none", "", f"the survey asks nothing about telling {plan.words.institution}")
    elif not mediators:
        _not_asked(table, "none", "", "the survey asks nothing about fairness")
    else:
        for exposure in _exposures(plan, wave, people):
            _parts(plan, survey, outcome, mediators, exposure, table)
        if not any(any(t in m for t in UNFAIR) for m in mediators):
            reason = "the survey asks nobody whether they were treated unfairly because of who they are"
            _not_asked(table, "unfair", table.items[0].column, reason)
    return table.exhibit()


def _not_asked(table: Table, key: str, column: str, reason: str) -> None:
    """Lay out why nothing is shown: the survey does not ask."""
    id = f"mediation.{key}.all.{table.wave}".lower()
    refusal = NotIdentified(reason, "Ask it next time.", wave=table.wave, id=id)
    table.row(key).estimate(column, refusal)


def _exposures(plan: Plan, wave: str, people: pd.DataFrame) -> Iterator[Exposure]:
    """Yield each comparison that the wave allows: of the groups, of those who attended and did not."""
    here, column, words = people[people["wave"] == wave], group_column(plan), plan.words
    prognostic = [c for c in plan.matching.prognostic if c in here]
    if column and column in here:
        general = arms.general(plan, here)
        source = plan.derive[column].source if column in plan.derive else column
        own = {column, source, *(d for d, rule in plan.derive.items() if rule.source == source)}
        x = (general[column] == focus(plan)[0]).fillna(False).astype(float)
        label = f"{words.focus_group} against {words.comparison_group}"
        yield Exposure("group", label, general.assign(x=x), [c for c in prognostic if c not in own])
    try:
        arm = arms.arms(plan, here)
    except (EvaluationError, KeyError):
        return
    kept = here[arm.isin(["first", "both", "neither"])]
    if not kept.empty:
        x = arm.reindex(kept.index).isin(["first", "both"]).astype(float)
        label = f"{words.treated_short} against {words.untreated_short.lower()}"
        yield Exposure("attended", label, kept.assign(x=x), prognostic)


def _parts(
    plan: Plan, survey: Survey, outcome: str, mediators: Sequence[str], exposure: Exposure, table: Table
) -> None:
    """Lay out the whole difference of one comparison, and the parts that go through each mediator and through none."""
    people = exposure.people
    answers = survey.outcomes[[outcome, *mediators]].reindex(people.index)
    levels = people[exposure.covariates].astype("string").fillna("not stated")
    dummies = pd.get_dummies(levels, drop_first=True, dtype=float)
    roles = {"x": "x", "mediators": mediators, "y": outcome, "covariates": list(dummies)}
    parts = mediation.paths(answers.join(dummies).assign(x=people["x"]), draws=DRAWS, seed=plan.seed, **roles)
    fields = {"wave": table.wave, "outcome": outcome, "unit": contrasts.points(plan, outcome)}
    if isinstance(parts, NotIdentified):
        refusal = replace(parts, id=table.id("", exposure.id), wave=table.wave, licence="exploratory")
        table.row("total").estimate(exposure.label, refusal)
        return
    for key, part in parts.items():
        row = table.row(key, f"Through: {plan.label_of(key)}" if key in mediators else "")
        question = f"{exposure.label}: {row.label.lower()}"
        row.estimate(exposure.label, replace(part, id=table.id(key, exposure.id), question=question, **fields))


# ---- hate crimes ----------------------------------------------------------------------------------------------------


def _reported(plan: Plan, wave: str, people: pd.DataFrame, outcomes: pd.DataFrame) -> Exhibit:
    """Return, of people who experienced it, the share who reported the latest; refused where few or none were asked."""
    rows, table = people.index[people["wave"] == wave], layout.table(plan, wave, "reporting.hate")
    result: Result = NotIdentified(
        "this wave did not ask people whether they had experienced a hate crime and reported it",
        "Ask both questions; police counts do not say how common it is.",
    )
    pair = _routed(plan)
    if pair and set(pair) <= set(outcomes) and outcomes.loc[rows, pair[0]].notna().any():
        happened, told = (outcomes.loc[rows, c] for c in pair)
        base = (happened == "yes").fillna(False) & told.isin(["yes", "no"])
        n, x = int(base.sum()), int((told[base] == "yes").sum())
        few = n < plan.sizes.least_people
        result = TooFew({"experienced": n}, plan.sizes.least_people) if few else proportions.share(x, n)
    named = replace(result, id=f"reporting.hate.all.{wave}".lower(), wave=wave)
    if isinstance(named, Estimate):
        named = replace(named, question="Of people who experienced a hate crime, share who reported the latest")
    table.row("reported").estimate("share", named)
    return table.exhibit()


def _routed(plan: Plan) -> tuple[str, str] | None:
    """Return the questions (experienced it, reported it) on hate crime that the codebook routes one on the other."""
    for v in plan.codebook.table("survey").variables.values():
        if v.name.endswith("_reported") and v.route:
            return v.route.split(" ")[0], v.name
    return None
