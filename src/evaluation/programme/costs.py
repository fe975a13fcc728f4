"""What it cost: hire, catering and other money kept apart; hours; officer-hours; money per attendance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from evaluation.errors import DataError

MONEY = {"hire": "cost_hire", "catering": "cost_catering", "other": "cost_other"}
HOURS = {"organising": "hours_organising", "setup": "hours_setup"}


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of cost over the events where it is recorded, in pounds or hours.

    `largest` holds the two largest events' amounts; `known` the events with a record (0 is a record, blank is not).
    """

    id: str
    known: int
    total: float
    mean: float
    median: float
    least: float
    most: float
    largest: tuple[float, ...]

    def tidy(self) -> dict[str, Any]:
        """Return one flat row."""
        return asdict(self)


def line(values: pd.Series, id: str) -> Line:
    """Return one kind of cost: total, mean with median, range and number of events.

    Raises
    ------
    DataError
        No event has a record of it, or an amount is under 0.
    """
    known = values.dropna().astype(float)
    if known.empty or (known < 0).any():
        raise DataError(f"{id}: no amount is recorded, or one is under 0", todo="Fill in the events register.")
    largest = tuple(sorted(known, reverse=True)[:2])
    return Line(
        id,
        len(known),
        float(known.sum()),
        float(known.mean()),
        float(known.median()),
        float(known.min()),
        float(known.max()),
        largest,
    )


def lines(events: pd.DataFrame, columns: Mapping[str, str]) -> list[Line]:
    """Return a line for each of these columns that the register holds with at least one record."""
    return [line(events[c], k) for k, c in columns.items() if c in events and events[c].notna().any()]


def officer_hours(events: pd.DataFrame, *, officers: str = "n_officers", hours: str = "actual_hours") -> pd.Series:
    """Return officers present times hours held, by event, where both are known."""
    return (events[officers] * events[hours]).dropna().astype(float)


@dataclass(frozen=True, slots=True)
class PerAttendance:
    """Money and hours for each attendance at the events where both are known, staff time at `staff_rate` an hour."""

    events: int
    attendances: int
    hire: float
    money: float
    staff_hours: float
    officer_hours: float
    with_staff: float | None

    def tidy(self) -> dict[str, Any]:
        """Return one flat row."""
        return asdict(self)


def per_attendance(events: pd.DataFrame, *, staff_rate: float = 0.0, public: str = "n_public") -> PerAttendance:
    """Return cost per attendance: hire alone, hire with catering and other, then with staff time if a rate is given.

    Only events with a record of attendance, hire and catering count, so that top and bottom are of the same events.
    Officer-hours are never turned into money unless `staff_rate` is above 0.
    """
    need = [public, *(c for k, c in MONEY.items() if k != "other" and c in events)]
    rows = events.dropna(subset=need)
    people = int(rows[public].astype(float).sum()) if len(rows) else 0
    if not people:
        raise DataError("no event has both a cost and an attendance", todo="Fill in the events register.")
    money = {k: float(rows[c].astype("Float64").sum()) for k, c in MONEY.items() if c in rows}
    staff = sum(float(rows[c].astype("Float64").sum()) for c in HOURS.values() if c in rows)
    officer = float(officer_hours(rows).sum()) if {"n_officers", "actual_hours"} <= set(rows) else 0.0
    total = sum(money.values())
    valued = (total + staff_rate * (staff + officer)) / people if staff_rate > 0 else None
    return PerAttendance(
        len(rows), people, money.get("hire", 0.0) / people, total / people, staff / people, officer / people, valued
    )
