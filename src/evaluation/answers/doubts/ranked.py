"""The doubts in order: how far each could move the planned difference, and whether its direction would be lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.answers import words as w
from evaluation.answers.doubts.controlled import Controls
from evaluation.estimates import Estimate
from evaluation.exhibits import Exhibit, Measure

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
