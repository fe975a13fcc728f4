"""One published form for each result: later notebooks add robustness and verdict, never another number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evaluation.errors import CheckFailed
from evaluation.exhibit import Cell, Exhibit, Item
from evaluation.results import Estimate, NotIdentified, TooFew


def settle(exhibits: Sequence[Exhibit]) -> list[Exhibit]:
    """Return the exhibits with each result in its last published form (07 adds robustness, 10 the verdict).

    Raises
    ------
    CheckFailed
        Two exhibits publish one id with different numbers.
    """
    latest: dict[str, Cell] = {}
    for exhibit in exhibits:
        for item in exhibit.items:
            before, now = latest.get(item.result.id), item.result
            same = before is None or (type(before) is type(now) and _numbers(before) == _numbers(now))
            if (
                not same
                and not isinstance(now, NotIdentified | TooFew)
                and not isinstance(before, NotIdentified | TooFew)
            ):
                raise CheckFailed(f"two exhibits publish {now.id!r} with different numbers", where=exhibit.id)
            latest[now.id] = now
    return [replace(e, items=tuple(Item(i.row, i.column, latest[i.result.id]) for i in e.items)) for e in exhibits]


def _numbers(result: Cell) -> tuple[object, ...]:
    if isinstance(result, Estimate):
        return (result.value, result.se, result.low, result.high)
    return (getattr(result, "n", None), getattr(result, "value", None), getattr(result, "text", None))
