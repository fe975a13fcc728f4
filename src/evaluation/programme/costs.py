"""What it cost: hire, catering and other money kept apart; hours; officer-hours; money per attendance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    cost = spent(events, public=public)
    people = cost.attendances
    total = sum(cost.money.values())
    valued = (total + staff_rate * (cost.staff_hours + cost.officer_hours)) / people if staff_rate > 0 else None
    return PerAttendance(
        cost.events,
        people,
        cost.money.get("hire", 0.0) / people,
        total / people,
        cost.staff_hours / people,
        cost.officer_hours / people,
        valued,
    )


@dataclass(frozen=True, slots=True)
class Spent:
    """What events cost that have a record of attendance, hire and catering.

    Attributes
    ----------
    events, attendances : int
        Events that count, and the attendances at them.
    money : mapping
        Kind of cost to pounds.
    staff_hours, officer_hours : float
        Hours of organising and set-up, and of officers.
    each : tuple of (float, float)
        Pounds and hours of each event.
    """

    events: int
    attendances: int
    money: Mapping[str, float]
    staff_hours: float
    officer_hours: float
    each: tuple[tuple[float, float], ...] = ()

    def largest(self, rate: float) -> tuple[float, ...]:
        """Return the costs of the two largest events at a rate, for the dominance rule of disclosure.

        Parameters
        ----------
        rate : float
            Pounds an hour.

        Returns
        -------
        tuple of float
            Pounds, the largest first.
        """
        return tuple(sorted((money + rate * hours for money, hours in self.each), reverse=True)[:2])

    def total(self, rate: float) -> float:
        """Return all costs in pounds with an hour of staff and officers valued at a rate.

        Parameters
        ----------
        rate : float
            Pounds an hour.

        Returns
        -------
        float
            Pounds.
        """
        return sum(self.money.values()) + rate * (self.staff_hours + self.officer_hours)


def spent(events: pd.DataFrame, *, public: str = "n_public") -> Spent:
    """Return what the events cost in money and hours, over those with a record of attendance, hire and catering.

    Parameters
    ----------
    events : DataFrame
        The events register, one row an event.
    public : str
        Column with the number of members of the public who attended.

    Returns
    -------
    Spent
        Pounds, hours and attendances.

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
    known = {"n_officers", "actual_hours"} <= set(rows)
    officers = officer_hours(rows).reindex(rows.index).fillna(0.0) if known else pd.Series(0.0, index=rows.index)
    pounds, hours = (_by_event(rows, columns) for columns in (MONEY, HOURS))
    each = tuple(zip(pounds, hours + officers, strict=True))
    return Spent(len(rows), people, money, staff, float(officers.sum()), each)


def _by_event(rows: pd.DataFrame, columns: Mapping[str, str]) -> pd.Series:
    held = [c for c in columns.values() if c in rows]
    return rows[held].astype("Float64").sum(axis=1).fillna(0.0).astype(float)


@dataclass(frozen=True, slots=True)
class Worth:
    """What one changed answer would have to be worth for a programme to be worth its cost.

    Attributes
    ----------
    share : float
        Share of attendances, 0 to 1, that would each have to change somebody's answer.
    people : float
        How many that is.
    low, high : float
        Pounds for each of them, at the least and the most that staff time may be worth.
    """

    share: float
    people: float
    low: float
    high: float


def worth(costs: Spent, shares: Sequence[float], rates: tuple[float, float]) -> list[Worth]:
    """Return, for each share of attendances, what one changed answer would have to be worth.

    It says nothing of whether anybody changed: cost over people whose answer would have to.

    Parameters
    ----------
    costs : Spent
        What was spent.
    shares : sequence of float
        Shares of attendances, each above 0 and at most 1.
    rates : tuple of float
        Least and most pounds an hour of staff time; 0 leaves it out.

    Returns
    -------
    list of Worth
        In the order of `shares`.

    Raises
    ------
    DataError
        A share is not above 0 and at most 1.
    """
    if any(not 0 < s <= 1 for s in shares):
        raise DataError("each share of attendances is above 0 and at most 1")
    each = [(s, s * costs.attendances) for s in shares]
    low, high = (costs.total(rate) for rate in rates)
    return [Worth(s, n, low / n, high / n) for s, n in each]


def cost_per_point(per_person: tuple[float, float], effect: tuple[float, float]) -> tuple[float, float]:
    """Return the range of pounds for one point of an effect: least cost over largest effect to most over smallest.

    Parameters
    ----------
    per_person : tuple of float
        Least and most pounds for one person who took part.
    effect : tuple of float
        Ends of the interval of the effect on one person, in points, both above 0.

    Returns
    -------
    tuple of float
        Pounds.

    Raises
    ------
    DataError
        The interval of the effect holds 0 or less: no ratio has an end then.
    """
    if not 0 < effect[0] <= effect[1]:
        raise DataError("the interval of the effect is not above 0: a ratio of cost to it has no end")
    return per_person[0] / effect[1], per_person[1] / effect[0]
