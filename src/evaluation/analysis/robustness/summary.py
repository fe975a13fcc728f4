"""Threats to the planned contrast in order of what each could take from it, and the results with what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from evaluation.analysis import layout
from evaluation.analysis.robustness.multiple_testing import FamilyPValues
from evaluation.analysis.robustness.negative_controls import LEVEL, NOTHING, SAW, Controls
from evaluation.analysis.robustness.planned_contrast import planned_row
from evaluation.exhibit import Exhibit, Measure
from evaluation.plan.study import Plan
from evaluation.results import Estimate, Gate, NotIdentified, Result
from evaluation.statistics.sensitivity.specification_curve import SpecificationCurve

MISSING = {k: f"missing.{k}" for k in ("worst", "lee", "imputed")} | dict.fromkeys(
    ("middle", "lowest"), "missing.filled"
)
SPANS = ("kappa", "spec", "missing.worst", "missing.lee", "part.sessions")  # whose ends are values, not errors
GATE = "attend.controls"


@dataclass(frozen=True, slots=True)
class Doubt:
    """One doubt: its key, what it could leave of the difference (signed as published), its move against it."""

    key: str
    left: float
    move: float
    base: int | None


def ranked(row: Estimate, exhibits: Sequence[Exhibit]) -> list[Doubt]:
    """Return each doubt at its worst for the difference found, largest move first.

    Read from the published measures in the unit of the difference: the end or value that lies furthest against the
    sign of the planned estimate. A doubt that could only strengthen it has a move of 0.
    """
    side = 1.0 if row.value >= 0 else -1.0
    worst: dict[str, Doubt] = {}
    cells = (i.result for e in exhibits for i in e.items)
    for cell in (c for c in cells if isinstance(c, Measure | Estimate)):
        key = _key(cell, row)
        ends = (cell.low, cell.high) if key in SPANS and cell.low is not None else (cell.value,) if key else ()
        left = min((side * x for x in ends if x is not None), default=None)
        if left is None:
            continue
        base = cell.base if isinstance(cell, Measure) else min(cell.n.values(), default=None)
        doubt = Doubt(key, side * left, max(side * row.value - left, 0.0), base)
        if key not in worst or doubt.move > worst[key].move:
            worst[key] = doubt
    return sorted(worst.values(), key=lambda d: (-d.move, d.key))


def _key(cell: Measure | Estimate, row: Estimate) -> str:
    """Return the doubt that a published cell belongs to, or "" for a cell that is not a difference left."""
    if cell.unit != row.unit:
        return ""
    head, *parts = cell.id.split(".")
    last = parts[-1] if parts else head
    if head == "missing":
        return MISSING.get(last, "")
    if head == "part":
        return "part.sessions" if last == "sessions" else "part.rows" if last.isdigit() and last != "0" else ""
    of_doubt = {"robustness": "like" in parts, "spec": last == "range", "kappa": True}
    return head if of_doubt.get(head, False) else ""


def gates(plan: Plan, wave: str, controls: Controls) -> list[Gate]:
    """Return the gate of the negative controls; a test that could not have noticed anything sets none."""
    if controls.state not in (SAW, NOTHING):
        return []
    note = "attendees do not differ on things that the events cannot have moved"
    return [Gate(GATE, "quality", controls.state == NOTHING, controls.p, LEVEL, note)]


def applied(
    plan: Plan,
    attend: Sequence[Result],
    curve: SpecificationCurve | NotIdentified,
    corrected: FamilyPValues,
    gates: Sequence[Gate],
    controls: Controls,
) -> list[Result]:
    """Return the results with what was seen: agreement of the curve, corrected p, and the doubt of the controls.

    Where attendees differ from others on the controls in one direction, the doubt is one-sided: it downgrades only a
    finding in that direction. Where the controls point both ways, the gate itself downgrades any finding.
    """
    out: list[Result] = []
    for row in attend:
        if not isinstance(row, Estimate):
            out.append(row)
            continue
        fields: dict[str, Any] = {"p_family": corrected.p.get(row.id)}
        if gates and not gates[0].passed and row.family != "control":
            one_sided = {1: {"doubt": "up"}, -1: {"doubt": "down"}}
            fields |= one_sided.get(controls.sign, {"gates": (*row.gates, *gates)})
        primary = row.outcome == plan.outcomes.primary and row.id.startswith("attend.")
        if primary and not isinstance(curve, NotIdentified):
            fields |= {"same_sign_share": curve.same_sign_share, "specification_median": curve.median}
        out.append(replace(row, **fields))
    return out


def answer(
    plan: Plan,
    wave: str,
    doubted: Sequence[Result],
    curve: SpecificationCurve | NotIdentified,
    controls: Controls,
    exhibits: Sequence[Exhibit],
) -> Exhibit:
    """Return the answer of notebook 07: the break-even gap, then the doubts, the one that could move most first."""
    row, table = planned_row(plan, doubted), layout.table(plan, wave, "answer.07")
    if not isinstance(row, Estimate):
        table.row("Answer").estimate("left", replace(row, id=f"answer.07.all.{wave}".lower()))
        return table.exhibit()
    table.numbers(unit=row.unit, base=min(row.n.values()))
    table.row("found").interval("left", row)
    table.row("breakeven").number("left", abs(row.value))
    for doubt in ranked(row, exhibits):
        id, lost = f"doubt.{doubt.key}.{wave}", (doubt.left <= 0) if row.value >= 0 else (doubt.left >= 0)
        line = table.row(doubt.key).number("left", doubt.left, base=doubt.base, id=id)
        line.text("lost", "yes" if lost else "no", id=f"{id}.lost")
    if not isinstance(curve, NotIdentified):
        table.row("same").share("left", curve.same_sign_share)
    table.row("controls").declared("left", controls.state)
    return table.exhibit()
