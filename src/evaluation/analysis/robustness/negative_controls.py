"""Negative controls: things the events cannot have moved; one joint test, with the size it could have noticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evaluation import exhibit as w
from evaluation.analysis import contrasts, layout
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import adjusted_for, guarded, joined, planned
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison, everybody
from evaluation.analysis.levels import Survey
from evaluation.analysis.robustness.specification_curve import chosen
from evaluation.analysis.robustness.unmeasured_confounding import planned_row
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics import effects, power

LEVEL = 0.05
SAW, NOTHING, SILENT, ABSENT = "a difference", "no difference", "not informative", "not asked"


@dataclass(frozen=True, slots=True)
class Controls:
    """The joint test of the negative controls.

    Attributes
    ----------
    rows : tuple of Estimate
        One per control, by the planned method.
    p : float or None
        Smallest p-value times the number of controls (Holm's first step).
    detectable : mapping outcome → smallest difference noticed with 80 % power at the corrected size, in SD.
    state : str
        "a difference", "no difference", "not informative" (it could not have noticed a difference as large, in
        standard deviations, as the one found in the primary outcome) or "not asked".
    sign : int
        Direction in which attendees differ on the controls that differ: 1, -1, or 0 (none, or both).
    """

    rows: tuple[Estimate, ...]
    p: float | None
    detectable: dict[str, float]
    state: str
    sign: int = 0


def controls(
    plan: Plan, wave: str, compare: Comparison, sample: Any, survey: Survey, attend: Sequence[Any]
) -> Controls:
    """Test every negative control jointly, by the planned comparison."""
    if compare.refusal is not None:
        return Controls((), None, {}, ABSENT)
    rows = [
        _one(plan, wave, compare, sample, survey, o) for o in plan.outcomes.negative_controls if survey.asked(o, wave)
    ]
    known = tuple(r for r in rows if isinstance(r, Estimate) and r.se)
    if not known:
        return Controls((), None, {}, ABSENT)
    k = len(known)
    p = min(1.0, k * min(r.p for r in known))
    detectable = {
        r.outcome: power.minimum_detectable(r.se, df=r.df or float("inf"), power=plan.power.power, size=LEVEL / k)
        / survey.sd[r.outcome]
        for r in known
    }
    signs = {1 if r.value > 0 else -1 for r in known if k * r.p <= LEVEL}
    sign = signs.pop() if len(signs) == 1 else 0
    return Controls(known, p, detectable, _state(plan, survey, attend, p, detectable), sign)


def _one(plan: Plan, wave: str, compare: Comparison, sample: Any, survey: Survey, outcome: str) -> Any:
    made = planned(plan, joined(compare, survey, outcome), sample, outcome)
    return contrasts.name(
        made,
        "control",
        outcome=outcome,
        group="all",
        wave=wave,
        licence="association",
        planned=True,
        family="control",
        unit=contrasts.points(plan, outcome),
        question=plan.label_of(outcome),
    )


def _state(plan: Plan, survey: Survey, attend: Sequence[Any], p: float, detectable: dict[str, float]) -> str:
    if p <= LEVEL:
        return SAW
    row = planned_row(plan, attend)
    found = abs(row.value) / survey.sd[row.outcome] if isinstance(row, Estimate) else 0.0
    return NOTHING if min(detectable.values()) <= max(found, plan.outcomes.margin_sd or 0.0) else SILENT


def controls_table(plan: Plan, wave: str, found: Controls) -> Exhibit:
    """Return each control's difference, what it could have noticed, and the joint result."""
    triples: list[tuple[str, str, Any]] = []
    for row in found.rows:
        name = plan.label_of(row.outcome)
        triples.append((name, "Difference", row))
        triples.append(
            (
                name,
                "Smallest difference it could have noticed (standard deviations)",
                w.measure(
                    f"mde.control.{row.outcome}.{wave}",
                    found.detectable[row.outcome],
                    "standard deviations",
                    base=min(row.n.values()),
                    wave=wave,
                ),
            )
        )
    said = {
        SAW: "attendees differ on things that the events cannot have moved: a sign of who attends",
        NOTHING: "no difference was found, and one as large as that in the primary outcome would have been noticed",
        SILENT: "not informative: a difference as large as that in the primary outcome could have gone unnoticed",
        ABSENT: "not asked: no negative control was answered in this wave",
    }[found.state]
    triples.append(("All together", "Difference", w.words(f"controls.joint.all.{wave}", said)))
    return (
        layout.table(plan, wave, "sensitivity.controls", points=contrasts.points(plan, plan.outcomes.primary))
        .add(triples)
        .exhibit(chart=None if len(found.rows) > 1 else "")
    )


OFTEN = 2


def exposures(plan: Plan, wave: str, compare: Comparison, survey: Survey, attend: Sequence[Any]) -> Exhibit:
    """Return the difference by number of events, and of people exposed to something that cannot have moved them.

    People who come back chose to: a difference that does not grow with the number of events, while attendees differ
    from others, is a sign of who attends; one that grows is no proof of the opposite.
    """
    if compare.refusal is not None:
        return layout.refused(plan, wave, "sensitivity.dose", compare.refusal)
    people = joined(compare, survey, plan.outcomes.primary)
    rows = _doses(plan, survey, people) + _idle(plan, survey, people)
    triples = [(name, "Difference", _named(plan, wave, made, str(place))) for place, (name, made) in enumerate(rows)]
    triples.append(("Reading", "Difference", w.words(f"dose.reading.all.{wave}", reading(plan, attend, rows))))
    return layout.table(plan, wave, "sensitivity.dose").add(triples).exhibit()


def _named(plan: Plan, wave: str, made: Any, place: str) -> Any:
    outcome = plan.outcomes.primary
    return contrasts.name(
        made,
        "dose",
        outcome=outcome,
        group="all",
        wave=wave,
        method=place,
        licence="exploratory",
        planned=False,
        unit=contrasts.points(plan, outcome),
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
