"""What events cost: money, hours and officer-hours by kind, and each for an attendance, with what is left out."""

from __future__ import annotations

import pandas as pd

from evaluation.analysis.programme import register_cells
from evaluation.errors import DataError
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.programme import costs as event_costs
from evaluation.results import NotIdentified
from evaluation.table_builder import Tables

TOTALS = ("total", "mean", "median", "least", "most")


def costs(plan: Plan, wave: str, registers: register_cells.Registers) -> list[Exhibit]:
    """Return costs by kind over events, and cost and hours for each attendance."""
    events, build = register_cells.read(plan, wave, registers, "events", staff=_staff_time(plan))
    if events is None:
        return [register_cells.absent(plan, wave, "costs.table", "events")]
    try:
        return [_by_kind(build, events), _per_attendance(build, events, plan.programme.staff_rate)]
    except DataError as error:
        return [_by_kind(build, events), build.refused("costs.attend", NotIdentified(str(error.what), error.todo))]


def _by_kind(build: Tables, events: pd.DataFrame) -> Exhibit:
    table = build.table("costs.table")
    money = event_costs.cost_lines(events, event_costs.MONEY)
    hours = event_costs.cost_lines(events, event_costs.HOURS)
    if {"n_officers", "actual_hours"} <= set(events):
        known = event_costs.officer_hours(events)
        hours += [event_costs.cost_line(known, "officers")] if len(known) else []
    for line in [*money, *hours]:
        row = table.row(line.id).count("known", line.known, cost=line.id)
        for total in TOTALS:
            largest = line.largest if total == "total" else ()
            row.number(total, getattr(line, total), unit="pounds" if line in money else "hours", largest=largest)
    return table.exhibit()


def _staff_time(plan: Plan) -> str:
    rate = plan.programme.staff_rate
    if rate > 0:
        return f"Staff time is valued at {rate:g} pounds an hour."
    if plan.programme.staff_range:
        return "Staff and officer time is counted in hours here; what it comes to at the plan's range stands by itself."
    return "Staff and officer time is counted in hours and not valued in money, because no rate is set."


def _per_attendance(build: Tables, events: pd.DataFrame, staff_rate: float) -> Exhibit:
    cost = event_costs.per_attendance(events, staff_rate=staff_rate)
    values = {
        "attend": (cost.money, "pounds of hire, catering and other costs"),
        "hire_attend": (cost.hire, "pounds of hire"),
        "staff_attend": (cost.staff_hours, "hours"),
        "officer_attend": (cost.officer_hours, "officer-hours"),
        "all_attend": (cost.with_staff, "pounds, staff time valued"),
    }
    table = build.table("costs.attend")
    for key, (value, unit) in values.items():
        if value is not None:
            table.row(key).number("each", value, unit=unit, base=cost.attendances)
    return table.exhibit()
