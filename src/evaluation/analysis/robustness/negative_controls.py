"""Negative controls: outcomes and exposures that events cannot have moved or mattered to; dose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.analysis import contrasts, layout
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import joined, planned
from evaluation.analysis.comparison import Comparison
from evaluation.analysis.levels import Survey
from evaluation.analysis.robustness.planned_contrast import difference_between, exploratory, planned_row
from evaluation.analysis.robustness.specification_curve import members
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified, Result
from evaluation.statistics import power
from evaluation.statistics.matching import MatchedSample

LEVEL = 0.05
SAW, NOTHING, SILENT, ABSENT = "a difference", "no difference", "not informative", "not asked"
OFTEN = 2


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
    plan: Plan, wave: str, compare: Comparison, sample: MatchedSample, survey: Survey, attend: Sequence[Result]
) -> Controls:
    """Test every negative control jointly, by the planned comparison."""
    if compare.refusal is not None:
        return Controls((), None, {}, ABSENT)
    asked = [o for o in plan.outcomes.negative_controls if survey.asked(o, wave)]
    results = [_control(plan, wave, planned(plan, joined(compare, survey, o), sample, o), o) for o in asked]
    rows = tuple(r for r in results if isinstance(r, Estimate) and r.se)
    if not rows:
        return Controls((), None, {}, ABSENT)
    k, p = len(rows), min(1.0, len(rows) * min(r.p for r in rows))
    test = {"power": plan.power.power, "size": LEVEL / k}
    detectable = {
        r.outcome: power.minimum_detectable(r.se, df=r.df or float("inf"), **test) / survey.sd[r.outcome] for r in rows
    }
    signs = {1 if r.value > 0 else -1 for r in rows if k * r.p <= LEVEL}
    sign = signs.pop() if len(signs) == 1 else 0
    return Controls(rows, p, detectable, _state(plan, survey, attend, p, detectable), sign)


def _control(plan: Plan, wave: str, result: Result, outcome: str) -> Result:
    fields = {"licence": "association", "planned": True, "family": "control", "question": plan.label_of(outcome)}
    unit = contrasts.points(plan, outcome)
    return contrasts.name(result, "control", outcome=outcome, group="all", wave=wave, unit=unit, **fields)


def _state(plan: Plan, survey: Survey, attend: Sequence[Result], p: float, detectable: dict[str, float]) -> str:
    if p <= LEVEL:
        return SAW
    row = planned_row(plan, attend)
    difference = abs(row.value) / survey.sd[row.outcome] if isinstance(row, Estimate) else 0.0
    return NOTHING if min(detectable.values()) <= max(difference, plan.outcomes.margin_sd or 0.0) else SILENT


def controls_table(plan: Plan, wave: str, controls: Controls) -> Exhibit:
    """Return each control's difference, what it could have noticed, and the joint result."""
    table = layout.table(plan, wave, "sensitivity.controls", points=contrasts.points(plan, plan.outcomes.primary))
    for result in controls.rows:
        row = table.row(result.outcome, plan.label_of(result.outcome)).estimate("difference", result)
        row.number("mde", controls.detectable[result.outcome], base=min(result.n.values()))
    table.row("joint").declared("difference", controls.state, id=f"controls.joint.all.{wave}")
    return table.exhibit(chart=None if len(controls.rows) > 1 else "")


def exposures(plan: Plan, wave: str, compare: Comparison, survey: Survey, attend: Sequence[Result]) -> Exhibit:
    """Return the difference by number of events, and of people exposed to something that cannot have moved them.

    People who come back chose to: a difference that does not grow with the number of events, while attendees differ
    from others, is a sign of who attends; one that grows is no proof of the opposite.
    """
    if compare.refusal is not None:
        return layout.refused(plan, wave, "sensitivity.dose", compare.refusal)
    people, table = joined(compare, survey, plan.outcomes.primary), layout.table(plan, wave, "sensitivity.dose")
    doses, idle = _doses(plan, survey, people), _idle(plan, survey, people)
    for place, (key, result) in enumerate([*doses.items(), *idle.items()]):
        table.row(key).estimate("difference", exploratory(plan, wave, "dose", str(place), result))
    texts, more = table.declaration.texts["reading"], doses.get("more")
    readings = [texts["unknown"]]
    if isinstance(more, Estimate) and isinstance(planned_row(plan, attend), Estimate):
        readings = [texts["changes" if _apart(more) else "unchanged"]]
    if any(isinstance(r, Estimate) and _apart(r) for r in idle.values()):
        readings.append(texts["idle"])
    table.row("reading").text("difference", "; ".join(readings), id=f"dose.reading.all.{wave}")
    return table.exhibit()


def _apart(result: Estimate) -> bool:
    """Return whether a range excludes no difference."""
    return result.low > 0 or result.high < 0


def _doses(plan: Plan, survey: Survey, people: pd.DataFrame) -> dict[str, Result]:
    """Return those who came once and those who came more often against others, and the two against each other."""
    column = plan.treatment.dose_column
    if not column or column not in survey.people:
        return {}
    times = pd.to_numeric(survey.people[column].reindex(people.index), errors="coerce").to_numpy(float, na_value=np.nan)
    came, others = (people[TREATED] == 1).to_numpy(), (people[TREATED] == 0).to_numpy()
    once, often = came & (times == 1), came & (times >= OFTEN)
    pairs = {"once": (once, others), "often": (often, others), "more": (often, once)}
    return {key: difference_between(plan, people, *pair) for key, pair in pairs.items()}


def _idle(plan: Plan, survey: Survey, people: pd.DataFrame) -> dict[str, Result]:
    """Return, among people who did not attend, those with each exposure that cannot matter against those without."""
    results, others = {}, (people[TREATED] == 0).to_numpy()
    for exposure in plan.sensitivity.negative_exposures or ():
        if exposure.column not in survey.people:
            continue
        answers = survey.people.reindex(people.index)
        known = others & answers[exposure.column].notna().to_numpy()
        exposed = members(exposure, answers).to_numpy(bool)
        results[f"Did not attend: {exposure.name}"] = difference_between(
            plan, people, known & exposed, known & ~exposed
        )
    none = NotIdentified("the plan names no exposure that cannot matter", "Name one, with its question.")
    return results or {"Exposures that cannot matter": none}
