"""What a plan says of a lot and cannot mean: a unit nobody answers with, a wave out of order, no outcome."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from evaluation.errors import nearest

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def lot_faults(plan: Any) -> list[str]:
    """Return a line for everything that a lot of the plan names and nothing defines, or that it cannot mean.

    Parameters
    ----------
    plan : Plan
        A plan with its codebook.

    Returns
    -------
    list of str
        One line each: which lot, which key, what is wrong, the nearest known word.
    """
    return [f"- lots.{name}.{fault}" for name, lot in plan.lots.items() for fault in _faults(plan, name, lot)]


def _faults(plan: Any, name: str, lot: Any) -> Iterator[str]:
    if not NAME.fullmatch(name):
        yield "title: the lot's name is not of small letters, digits, - and _, so that no file can bear it"
    if not lot.reason.strip() or not lot.public_number.strip():
        yield "public_number: a lot states its reason and the number that it waits for"
    yield from _columns(plan, lot)
    yield from _waves(plan, lot)
    for key in ("blocks", "restrict"):
        if len(set(getattr(lot, key))) < len(getattr(lot, key)) or lot.unit in getattr(lot, key):
            yield f"{key}: a column stands twice, or is the unit itself"
    if lot.done in {lot.unit, *lot.blocks, *lot.restrict}:
        yield "done: it says what was done afterwards, so it is no column of the draw"
    if not lot.take_up[0] < lot.take_up[1]:
        yield "take_up: the first share (not drawn) should be less than the second (drawn)"
    if lot.neighbours and lot.kind != "places":
        yield "neighbours: only places lie side by side"
    if any(one == other for one, other in lot.neighbours):
        yield "neighbours: a place is beside itself"


def _columns(plan: Any, lot: Any) -> Iterator[str]:
    known = {*plan.codebook.names(), *plan.derive}
    if lot.unit not in known:
        hint = nearest(lot.unit, known)
        yield f"unit: unknown variable {lot.unit!r}" + (f"; did you mean {hint!r}?" if hint else "")
    if lot.kind == "people" and lot.unit != plan.treatment.link_column:
        yield f"unit: people are known by treatment.link_column ({plan.treatment.link_column!r}), not by {lot.unit!r}"
    for outcome in lot.outcomes:
        if outcome not in plan.all_outcomes:
            hint = nearest(outcome, plan.all_outcomes)
            yield f"outcomes: {outcome!r} is no outcome of the plan" + (f"; did you mean {hint!r}?" if hint else "")


def _waves(plan: Any, lot: Any) -> Iterator[str]:
    for key in ("serves", "before"):
        wave = getattr(lot, key)
        # A lot is planned before the wave that it serves has an id in `study.waves`, so a later one is no fault.
        if key == "before" and wave and wave not in plan.waves:
            hint = nearest(wave, plan.waves)
            yield f"before: unknown wave {wave!r}" + (f"; did you mean {hint!r}?" if hint else "")
    if lot.before and lot.before >= lot.serves:
        yield "before: the earlier answer comes from a wave before the one that the lot serves"
