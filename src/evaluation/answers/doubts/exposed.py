"""Dose and exposures that cannot matter: signs of who attends rather than of what events do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evaluation.answers import words as w
from evaluation.answers.attendees import adjusted_for, guarded, joined
from evaluation.answers.comparison import COMPARISON_WEIGHT, Comparison, everybody
from evaluation.answers.doubts.curved import chosen
from evaluation.answers.doubts.unseen import planned_row
from evaluation.answers.levels import Survey
from evaluation.answers.samples import TREATED
from evaluation.estimates import Estimate, NotIdentified, TooFew
from evaluation.exhibits import Exhibit
from evaluation.statistics import effects
from evaluation.study import Plan

TITLE = "How often people came, and exposures that cannot matter"
OFTEN = 2


def exposures(plan: Plan, wave: str, compare: Comparison, survey: Survey, attend: Sequence[Any]) -> Exhibit:
    """Return the difference by number of events, and of people exposed to something that cannot have moved them.

    People who come back chose to: a difference that does not grow with the number of events, while attendees differ
    from others, is a sign of who attends; one that grows is no proof of the opposite.
    """
    if compare.refusal is not None:
        return w.refusal_exhibit("sensitivity.dose", TITLE, compare.refusal, wave, ("annex-I",), "dose.attend.all")
    people = joined(compare, survey, plan.outcomes.primary)
    rows = _doses(plan, survey, people) + _idle(plan, survey, people)
    triples = [(name, "Difference", _named(plan, wave, made, str(place))) for place, (name, made) in enumerate(rows)]
    triples.append(("Reading", "Difference", w.words(f"dose.reading.all.{wave}", reading(plan, attend, rows))))
    return w.exhibit(
        "sensitivity.dose",
        TITLE,
        triples,
        sections=("annex-I",),
        wave=wave,
        row_header="People",
        source="Survey",
        notes=("Weighted and adjusted for the prognostic characteristics; error by session.",),
    )


def _named(plan: Plan, wave: str, made: Any, place: str) -> Any:
    outcome = plan.outcomes.primary
    return w.name(
        made,
        "dose",
        outcome=outcome,
        group="all",
        wave=wave,
        method=place,
        licence="exploratory",
        planned=False,
        unit=w.points(plan, outcome),
    )


def _doses(plan: Plan, survey: Survey, people: pd.DataFrame) -> list[tuple[str, Any]]:
    """Return those who came once and those who came more often against others, and the two against each other."""
    column = plan.treatment.dose_column
    if not column or column not in survey.people:
        return []
    times = pd.to_numeric(survey.people[column].reindex(people.index), errors="coerce").to_numpy(float, na_value=np.nan)
    came, others = (people[TREATED] == 1).to_numpy(), (people[TREATED] == 0).to_numpy()
    once, often = came & (times == 1), came & (times >= OFTEN)
    return [
        ("Came once, against people who did not", _gap(plan, people, once, others)),
        ("Came twice or more, against people who did not", _gap(plan, people, often, others)),
        ("Came twice or more, against once", _gap(plan, people, often, once)),
    ]


def _idle(plan: Plan, survey: Survey, people: pd.DataFrame) -> list[tuple[str, Any]]:
    """Return, among people who did not attend, those with each exposure that cannot matter against those without."""
    found = []
    others = (people[TREATED] == 0).to_numpy()
    for one in plan.sensitivity.negative_exposures or ():
        if one.column not in survey.people:
            continue
        answers = survey.people.reindex(people.index)
        known = answers[one.column].notna().to_numpy()
        exposed = chosen(one, answers).to_numpy(bool)
        made = _gap(plan, people, others & known & exposed, others & known & ~exposed)
        found.append((f"Did not attend: {one.name}", made))
    if not found:
        reason = NotIdentified("the plan names no exposure that cannot matter", "Name one, with its question.")
        found = [("Exposures that cannot matter", reason)]
    return found


def _gap(plan: Plan, people: pd.DataFrame, first: np.ndarray, second: np.ndarray) -> Any:
    """Return the weighted, adjusted difference of two groups of people, or why there is none."""
    counts = {"treated": int(first.sum()), "untreated": int(second.sum())}
    if min(counts.values()) < plan.sizes.least_people:
        return TooFew(counts=counts, needed=plan.sizes.least_people)
    some = people[first | second].assign(**{TREATED: first[first | second].astype(int)})
    return guarded(
        effects.in_sample,
        some,
        everybody(some),
        outcome=plan.outcomes.primary,
        treat=TREATED,
        covariates=adjusted_for(plan, some),
        cluster="session",
        survey_weight=COMPARISON_WEIGHT,
    )


def reading(plan: Plan, attend: Sequence[Any], rows: Sequence[tuple[str, Any]]) -> str:
    """Return what dose and idle exposures say of who attends, in words."""
    row, found = planned_row(plan, attend), dict(rows)
    more = found.get("Came twice or more, against once")
    said = []
    if not isinstance(more, Estimate) or not isinstance(row, Estimate):
        said.append("the number of events says nothing: too few people, or it was not asked")
    elif more.low > 0 or more.high < 0:
        said.append(
            "the difference changes with the number of events; people who come back chose to, so it proves little"
        )
    else:
        said.append(
            "no change with the number of events could be told; if attendees differ from others, that fits who attends"
        )
    idle = [m for name, m in rows if name.startswith("Did not attend") and isinstance(m, Estimate)]
    if any(m.low > 0 or m.high < 0 for m in idle):
        said.append("people with an exposure that cannot matter differ too: a sign of who attends")
    return "; ".join(said)
