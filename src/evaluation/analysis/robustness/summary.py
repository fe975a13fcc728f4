"""The doubts in order: how far each could move the planned difference, and whether its direction would be lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from evaluation import exhibit as w
from evaluation.analysis import layout
from evaluation.analysis.robustness.multiple_testing import Together
from evaluation.analysis.robustness.negative_controls import NOTHING, SAW, Controls
from evaluation.analysis.robustness.unmeasured_confounding import planned_row
from evaluation.exhibit import Exhibit, Measure
from evaluation.plan.study import Plan
from evaluation.results import Estimate, Gate, NotIdentified

NAMES = {  # start of a result id (after it the outcome) → the doubt in words
    "robustness": "an unseen trait as strong as the strongest one asked about",
    "kappa": "a gap between the groups before anybody attended, as large as the plan allows for",
    "spec": "doing the analysis in another way that the plan lists",
    "missing.worst": "the answers that are missing, at their worst",
    "missing.lee": "people who answered in one group and would not have in the other",
    "missing.filled": "what a blank or a don\u2019t know is taken to mean",
    "missing.imputed": "filling in the missing answers from other answers",
    "part.sessions": "leaving out one collection session",
    "part.rows": "how answers were collected: without some of them",
}

MISSING = {
    "worst": "missing.worst",
    "lee": "missing.lee",
    "imputed": "missing.imputed",
    "middle": "missing.filled",
    "lowest": "missing.filled",
}


@dataclass(frozen=True, slots=True)
class Doubt:
    """One doubt: its words, what it could leave of the difference (signed as published), its move against it."""

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
    for cell in (i.result for e in exhibits for i in e.items):
        key = _key(cell, row)
        if not key:
            continue
        left = min((side * x for x in _ends(cell, key) if x is not None), default=None)
        if left is None:
            continue
        base = cell.base if isinstance(cell, Measure) else min(cell.n.values(), default=None)
        made = Doubt(key, side * left, max(side * row.value - left, 0.0), base)
        if key not in worst or made.move > worst[key].move:
            worst[key] = made
    return sorted(worst.values(), key=lambda d: (-d.move, d.key))


def _key(cell: Any, row: Estimate) -> str:
    """Return the doubt that a published cell belongs to, or "" for a cell that is not a difference left."""
    if not isinstance(cell, Measure | Estimate) or cell.unit != row.unit:
        return ""
    head, rest = cell.id.split(".", 1)[0], cell.id.split(".")
    if head == "robustness":
        return head if "like" in rest else ""
    if head == "spec":
        return head if rest[-1] == "range" else ""
    if head == "missing":
        return MISSING.get(rest[-1], "")
    if head == "part":
        return (
            "part.sessions" if rest[-1] == "sessions" else "part.rows" if rest[-1].isdigit() and rest[-1] != "0" else ""
        )
    return head if head == "kappa" else ""


SPANS = ("kappa", "spec", "missing.worst", "missing.lee", "part.sessions")  # whose ends are values, not errors


def _ends(cell: Any, key: str) -> tuple[float | None, ...]:
    return (cell.low, cell.high) if key in SPANS and cell.low is not None else (cell.value,)


def ranked_rows(wave: str, row: Estimate, exhibits: Sequence[Exhibit]) -> list[tuple[str, str, Any]]:
    """Return the doubts as rows of a table: what each could leave, and whether the direction would be lost."""
    side, triples = (1.0 if row.value >= 0 else -1.0), []
    for doubt in ranked(row, exhibits):
        name, id = _upper(NAMES[doubt.key]), f"doubt.{doubt.key}.{wave}"
        left = w.measure(id, doubt.left, row.unit, base=doubt.base, wave=wave)
        state = "yes" if side * doubt.left <= 0 else "no"
        triples += [(name, "Could leave", left), (name, "Direction lost", w.words(f"{id}.lost", state))]
    return triples


def sentence(controls: Controls) -> str:
    """Return what the negative controls showed, in words."""
    return {
        "a difference": "they differ there too: a sign of who attends",
        "no difference": "no difference was found, and one as large would have been noticed",
        "not informative": "not informative: a difference as large could have gone unnoticed",
        "not asked": "nothing of the kind was asked",
    }[controls.state]


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


GATE = "attend.controls"


def gates(plan: Plan, wave: str, found: Controls) -> list[Gate]:
    """Return the gate of the negative controls; a test that could not have noticed anything sets none."""
    if found.state not in (SAW, NOTHING):
        return []
    note = "attendees do not differ on things that the events cannot have moved"
    return [Gate(GATE, "quality", found.state == NOTHING, found.p, 0.05, note)]


def applied(
    plan: Plan, attend: Sequence[Any], curve: Any, together: Together, found: Sequence[Gate], controls: Controls
) -> list[Any]:
    """Return the results with what was found: agreement of the curve, corrected p, and the doubt of the controls.

    Where attendees differ from others on the controls in one direction, the doubt is one-sided: it downgrades only a
    finding in that direction. Where the controls point both ways, the gate itself downgrades any finding.
    """
    out = []
    for row in attend:
        if not isinstance(row, Estimate):
            out.append(row)
            continue
        words: dict[str, Any] = {"p_family": together.p.get(row.id)}
        if found and not found[0].passed and row.family != "control":
            words |= (
                {"doubt": {1: "up", -1: "down"}[controls.sign]} if controls.sign else {"gates": (*row.gates, *found)}
            )
        primary = row.outcome == plan.outcomes.primary and row.id.startswith("attend.")
        if primary and not isinstance(curve, NotIdentified):
            words |= {"same_sign_share": curve.same_sign_share, "specification_median": curve.median}
        out.append(replace(row, **words))
    return out


def answer(
    plan: Plan, wave: str, doubted: Sequence[Any], curve: Any, controls: Controls, exhibits: Sequence[Exhibit]
) -> Exhibit:
    """Return the answer of notebook 07: the break-even gap, then the doubts, the one that could move most first."""
    row, title = planned_row(plan, doubted), "How easily could this be wrong?"
    if not isinstance(row, Estimate):
        only = ("Answer", "Could leave", replace(row, id=f"answer.07.all.{wave}".lower()))
        return layout.table(plan, wave, "answer.07", heading=title).add([only]).exhibit()
    words = {"base": min(row.n.values()), "wave": wave}
    stem = f"answer.07.{wave}"
    triples: list[tuple[str, str, Any]] = [
        (
            "The difference found",
            "Could leave",
            w.measure(f"{stem}.found", row.value, row.unit, **words, low=row.low, high=row.high),
        ),
        (
            "An earlier gap of this size would leave nothing",
            "Could leave",
            w.measure(f"{stem}.breakeven", abs(row.value), row.unit, **words),
        ),
        *ranked_rows(wave, row, exhibits),
    ]
    if not isinstance(curve, NotIdentified):
        same = w.measure(f"{stem}.same", 100 * curve.same_sign_share, "per cent", **words, decimals=0)
        triples.append(("Ways of analysing that point the same way", "Could leave", same))
    said = w.words(f"{stem}.controls", sentence(controls))
    triples.append(("Things that events cannot have moved", "Could leave", said))
    return layout.table(plan, wave, "answer.07", heading=title).add(triples).exhibit()
