"""What the doubts change: gates of the controls, agreement of the curve, corrected chances; and the answer of 07."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from evaluation.answers import words as w
from evaluation.answers.doubts.controlled import NOTHING, SAW, Controls
from evaluation.answers.doubts.ranked import ranked_rows, sentence
from evaluation.answers.doubts.several import Together
from evaluation.answers.doubts.unseen import planned_row
from evaluation.estimates import Estimate, Gate, NotIdentified
from evaluation.exhibits import Exhibit
from evaluation.study import Plan

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
        return w.exhibit("answer.07", title, [only], sections=(), wave=wave)
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
    return w.exhibit(
        "answer.07",
        title,
        triples,
        sections=("annex-I",),
        wave=wave,
        row_header="Doubt",
        notes=("Sorted by how much each could take from the difference.",),
    )
