"""Negative controls: things the events cannot have moved; one joint test, with the size it could have noticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.answers import words as w
from evaluation.answers.attendees import joined, planned
from evaluation.answers.comparison import Comparison
from evaluation.answers.doubts.unseen import planned_row
from evaluation.answers.levels import Survey
from evaluation.estimates import Estimate
from evaluation.exhibits import Exhibit
from evaluation.statistics import power
from evaluation.study import Plan

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
    return w.name(
        made,
        "control",
        outcome=outcome,
        group="all",
        wave=wave,
        licence="association",
        planned=True,
        family="control",
        unit=w.points(plan, outcome),
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
    return w.exhibit(
        "sensitivity.controls",
        "Things the events cannot have moved",
        triples,
        sections=("annex-I",),
        wave=wave,
        row_header="Control",
        source="Survey, planned comparison",
        chart="forest" if len(found.rows) > 1 else "",
        extras={"axis": f"Difference ({w.points(plan, plan.outcomes.primary)})", "reference": 0.0},
    )
