"""What it cost: hire, catering and other money kept apart; hours; officer-hours; money per attendance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pandas as pd

from evaluation.errors import DataError

MONEY = {"hire": "cost_hire", "catering": "cost_catering", "other": "cost_other"}
HOURS = {"organising": "hours_organising", "setup": "hours_setup"}


@dataclass(frozen=True, slots=True)
class CostLine:
    """One kind of cost over the events where it is recorded.

    Attributes
    ----------
    id : str
        Kind of cost, such as "hire".
    known : int
        Events with a record; 0 is a record, a blank is none.
    total, mean, median, least, most : float
        Over those events, in pounds or hours.
    largest : tuple of float
        The amounts of the two largest events, for the dominance rule of disclosure.
    """

    id: str
    known: int
    total: float
    mean: float
    median: float
    least: float
    most: float
    largest: tuple[float, ...]

    def tidy(self) -> dict[str, object]:
        """Return one flat row.

        Returns
        -------
        dict
            Field name to value.
        """
        return asdict(self)


def cost_line(values: pd.Series, id: str) -> CostLine:
    """Return one kind of cost: total, mean with median, range and number of events.

    Parameters
    ----------
    values : Series of float
        One amount per event, in pounds or hours; blank where it was not recorded.
    id : str
        Kind of cost.

    Returns
    -------
    CostLine
        The amounts over the events with a record.

    Raises
    ------
    DataError
        No event has a record of it, or an amount is under 0.
    """
    known = values.dropna().astype(float)
    if known.empty or (known < 0).any():
        raise DataError(f"{id}: no amount is recorded, or one is under 0", todo="Fill in the events register.")
    largest = tuple(sorted(known, reverse=True)[:2])
    return CostLine(
        id,
        len(known),
        float(known.sum()),
        float(known.mean()),
        float(known.median()),
        float(known.min()),
        float(known.max()),
        largest,
    )


def cost_lines(events: pd.DataFrame, columns: Mapping[str, str]) -> list[CostLine]:
    """Return a line for each of these columns that the register holds with at least one record.

    Parameters
    ----------
    events : DataFrame
        The events register, one row an event.
    columns : mapping
        Kind of cost to its column, such as `MONEY` (pounds) or `HOURS`.

    Returns
    -------
    list of CostLine
        In the order of `columns`.

    Raises
    ------
    DataError
        An amount is under 0.
    """
    return [cost_line(events[c], k) for k, c in columns.items() if c in events and events[c].notna().any()]


def officer_hours(events: pd.DataFrame, *, officers: str = "n_officers", hours: str = "actual_hours") -> pd.Series:
    """Return officers present times the hours that the event lasted, where both are known.

    Parameters
    ----------
    events : DataFrame
        The events register, one row an event.
    officers, hours : str
        Columns with the number of officers and the length in hours.

    Returns
    -------
    Series of float
        Officer-hours, on the index of the events where both are known.
    """
    return (events[officers] * events[hours]).dropna().astype(float)


@dataclass(frozen=True, slots=True)
class PerAttendance:
    """Money and hours for each attendance at the events where cost and attendance are known.

    Attributes
    ----------
    events, attendances : int
        Events that count, and the attendances at them.
    hire, money : float
        Pounds per attendance: hire alone; hire, catering and other money.
    staff_hours, officer_hours : float
        Hours per attendance of organising and set-up, and of officers.
    with_staff : float or None
        Pounds per attendance with staff and officer time valued; None where no rate is given.
    """

    events: int
    attendances: int
    hire: float
    money: float
    staff_hours: float
    officer_hours: float
    with_staff: float | None

    def tidy(self) -> dict[str, object]:
        """Return one flat row.

        Returns
        -------
        dict
            Field name to value.
        """
        return asdict(self)


def per_attendance(events: pd.DataFrame, *, staff_rate: float = 0.0, public: str = "n_public") -> PerAttendance:
    """Return cost per attendance: hire alone, hire with catering and other, then with staff time if a rate is given.

    Only events with a record of attendance, hire and catering count, so that top and bottom are of the same events.
    Officer-hours are never turned into money unless `staff_rate` is above 0.

    Parameters
    ----------
    events : DataFrame
        The events register, one row an event.
    staff_rate : float
        Pounds an hour of staff and officer time; 0 leaves time unvalued.
    public : str
        Column with the number of members of the public who attended.

    Returns
    -------
    PerAttendance
        Pounds and hours per attendance.

    Raises
    ------
    DataError
        No event has both a cost and an attendance.
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
