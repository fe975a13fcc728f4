"""Notebook 07, at its end: willingness to report, what goes through fairness and respect, and what was reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from evaluation.analysis import arms, contrasts, layout
from evaluation.analysis.level_tables import group_column
from evaluation.analysis.levels import Survey
from evaluation.analysis.verdicts import focus
from evaluation.errors import EvaluationError
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics import mediation, proportions

# Parts of the names of questions: on telling the police, on unfair treatment, on fairness and respect.
TELLING, UNFAIR, FAIR = ("report", "share_info", "give_info"), ("discrim",), ("fair", "respect")
TITLES = {"total": "Whole difference", "direct": "Not through these answers"}
DRAWS = 500


def willing(plan: Plan) -> str:
    """Return the plan's outcome on telling the police about something; "" where none is asked."""
    return next((o for o in plan.all_outcomes if any(t in o for t in TELLING)), "")


def through(plan: Plan, survey: Survey, wave: str) -> list[str]:
    """Return the answers that a difference may go through: unfair treatment, fairness, respect, as far as asked."""
    items = [i for s in plan.scales.values() for i in s.items] + list(plan.all_outcomes)
    known = dict.fromkeys(i for i in items if any(t in i for t in (*UNFAIR, *FAIR)))
    return [i for i in known if i not in plan.scales and survey.asked(i, wave)]


def reporting(plan: Plan, wave: str, people: pd.DataFrame, outcomes: pd.DataFrame, survey: Survey) -> list[Exhibit]:
    """Return what goes through fairness and respect in the willingness to report, and how much was reported.

    Parameters
    ----------
    people, outcomes : DataFrame
        Design and answers of every wave, as notebook 07 holds them.
    """
    return [_paths(plan, wave, people, survey), _reported(plan, wave, people, outcomes)]


def _paths(plan: Plan, wave: str, people: pd.DataFrame, survey: Survey) -> Exhibit:
    outcome, mediators = willing(plan), through(plan, survey, wave)
    triples: list[tuple[str, str, Any]] = []
    if not outcome or not survey.asked(outcome, wave):
        reason = f"the survey asks nothing about telling {plan.words.institution}"
        refusal = NotIdentified(reason, "Ask it next time.", wave=wave)
        triples.append(("Not shown", "", replace(refusal, id=f"mediation.none.all.{wave}".lower())))
    elif not mediators:
        refusal = NotIdentified("the survey asks nothing about fairness", "Ask it next time.", wave=wave)
        triples.append(("Not shown", "", replace(refusal, id=f"mediation.none.all.{wave}".lower())))
    else:
        for id, column, frame, covariates in _exposures(plan, wave, people):
            triples += _column(plan, wave, survey, outcome, mediators, (id, column, frame, covariates))
        if not any(any(t in m for t in UNFAIR) for m in mediators):
            refusal = NotIdentified(
                "the survey asks nobody whether they were treated unfairly because of who they are",
                "Ask it next time.",
                wave=wave,
                id=f"mediation.unfair.all.{wave}".lower(),
            )
            triples.append(("Through perceived discrimination", triples[0][1], refusal))
    short = contrasts.short(plan, outcome) if outcome else f"telling {plan.words.institution}"
    return layout.table(plan, wave, "mediation.reporting", short=short).add(triples).exhibit()


def _exposures(plan: Plan, wave: str, people: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame, list[str]]]:
    """Return (id, words, people with a 0/1 column `x`, covariates) of each comparison that the wave allows."""
    here = people[people["wave"] == wave]
    made = []
    column = group_column(plan)
    prognostic = [c for c in plan.matching.prognostic if c in here]
    if column and column in here:
        general = arms.general(plan, here)
        source = plan.derive[column].source if column in plan.derive else column
        own = {column, source, *(d for d, rule in plan.derive.items() if rule.source == source)}
        x = (general[column] == focus(plan)[0]).fillna(False).astype(float)
        made.append(
            (
                "group",
                f"{plan.words.focus_group} less {plan.words.comparison_group}",
                general.assign(x=x),
                [c for c in prognostic if c not in own],
            )
        )
    try:
        arm = arms.arms(plan, here)
    except (EvaluationError, KeyError):
        return made
    kept = here[arm.isin(["first", "both", "neither"])]
    if kept.empty:
        return made
    x = arm.reindex(kept.index).isin(["first", "both"]).astype(float)
    made.append(
        (
            "attended",
            f"{plan.words.treated_short} less {plan.words.untreated_short.lower()}",
            kept.assign(x=x),
            prognostic,
        )
    )
    return made


def _column(
    plan: Plan,
    wave: str,
    survey: Survey,
    outcome: str,
    mediators: Sequence[str],
    exposure: tuple[str, str, pd.DataFrame, list[str]],
) -> list[tuple[str, str, Any]]:
    id, column, frame, covariates = exposure
    answers = survey.outcomes[[outcome, *mediators]].reindex(frame.index)
    dummies = pd.get_dummies(frame[covariates].astype("string").fillna("not stated"), drop_first=True, dtype=float)
    data = answers.join(dummies).assign(x=frame["x"])
    found = mediation.paths(
        data, x="x", mediators=mediators, y=outcome, covariates=list(dummies), draws=DRAWS, seed=plan.seed
    )
    stem = f"mediation.{outcome}.{id}.{wave}".lower()
    if isinstance(found, NotIdentified):
        return [(TITLES["total"], column, replace(found, id=stem, wave=wave, licence="exploratory"))]
    rows = TITLES | {m: f"Through: {plan.label_of(m)}" for m in mediators}
    return [
        (
            rows[key],
            column,
            replace(
                e,
                id=f"{stem}.{key}".lower(),
                wave=wave,
                outcome=outcome,
                unit=contrasts.points(plan, outcome),
                question=f"{column}: {rows[key].lower()}",
            ),
        )
        for key, e in found.items()
    ]


def _reported(plan: Plan, wave: str, people: pd.DataFrame, outcomes: pd.DataFrame) -> Exhibit:
    """Return, of people who experienced it, the share who reported the latest; refused where few or none were asked."""
    title, id = "Hate crimes: experienced, and reported", f"reporting.hate.all.{wave}"
    rows = people.index[people["wave"] == wave]
    cell: Any = NotIdentified(
        "this wave did not ask people whether they had experienced a hate crime and reported it",
        "Ask both questions; police counts do not say how common it is.",
    )
    pair = _routed(plan)
    if pair and set(pair) <= set(outcomes) and outcomes.loc[rows, pair[0]].notna().any():
        happened, told = (outcomes.loc[rows, c] for c in pair)
        base = (happened == "yes").fillna(False) & told.isin(["yes", "no"])
        n, x = int(base.sum()), int((told[base] == "yes").sum())
        few = n < plan.sizes.least_people
        cell = TooFew({"experienced": n}, plan.sizes.least_people) if few else proportions.share(x, n)
    named = replace(cell, id=id.lower(), wave=wave)
    if isinstance(named, Estimate):
        named = replace(named, question="Of people who experienced a hate crime, share who reported the latest")
    return (
        layout.table(plan, wave, "reporting.hate", heading=title)
        .add([("Reported the latest one, of those who experienced one", "Share", named)])
        .exhibit()
    )


def _routed(plan: Plan) -> tuple[str, str] | None:
    """Return the questions (experienced it, reported it) on hate crime that the codebook routes one on the other."""
    for v in plan.codebook.table("survey").variables.values():
        if v.name.endswith("_reported") and v.route:
            return v.route.split(" ")[0], v.name
    return None
