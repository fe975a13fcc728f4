"""What it cost: money, hours, officer-hours, and each for an attendance, with what is left out."""

from __future__ import annotations

import pandas as pd

from evaluation.analysis.programme import register_cells
from evaluation.analysis.programme.register_cells import Held, Triples, plain
from evaluation.errors import DataError
from evaluation.exhibit import Exhibit, exhibit, measure
from evaluation.plan.study import Plan
from evaluation.programme import costs as spending

LABELS = {
    "hire": "Hire",
    "catering": "Catering",
    "other": "Other costs",
    "organising": "Organiser's hours beforehand",
    "setup": "Person-hours of setting up",
    "officers": "Officer-hours at the event",
}
SECTIONS = ("policy-12", "annex-K")


def costs(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return costs by kind over events, and cost and hours for each attendance."""
    rows = register_cells.register(plan, wave, held, "events")
    if rows is None:
        return [register_cells.absent(plan, wave, "costs.table", "What events cost", "events", SECTIONS)]
    made = [_table(plan, wave, rows, held)]
    try:
        return [*made, _each(plan, wave, rows, held)]
    except DataError as refused:
        cell = register_cells.cannot(wave, f"costs.attend.all.{wave}", str(refused.what), refused.todo)
        return [
            *made,
            exhibit("costs.attend", "Cost of an attendance", [("Not shown", "", cell)], sections=SECTIONS, wave=wave),
        ]


def _table(plan: Plan, wave: str, rows: pd.DataFrame, held: Held) -> Exhibit:
    money, hours = spending.cost_lines(rows, spending.MONEY), spending.cost_lines(rows, spending.HOURS)
    if {"n_officers", "actual_hours"} <= set(rows):
        known = spending.officer_hours(rows)
        hours += [spending.cost_line(known, "officers")] if len(known) else []
    cells: Triples = []
    for line in [*money, *hours]:
        unit, row = ("pounds", f"{LABELS[line.id]}, pounds") if line in money else ("hours", LABELS[line.id])
        cells.append(
            (
                row,
                "Events with a record",
                plain(
                    f"costs.{line.id}.known.{wave}", line.known, wave, unit="events", universe="events", cost=line.id
                ),
            )
        )
        for column, value in (
            ("Total", line.total),
            ("Mean", line.mean),
            ("Median", line.median),
            ("Least", line.least),
            ("Most", line.most),
        ):
            largest = line.largest if column == "Total" else ()
            cells.append(
                (
                    row,
                    column,
                    measure(f"costs.{line.id}.{column}.{wave}", value, unit, wave=wave, decimals=0, largest=largest),
                )
            )
    return exhibit(
        "costs.table",
        "What events cost, by kind",
        cells,
        sections=SECTIONS,
        wave=wave,
        row_header="Kind",
        source=register_cells.source(plan, "events", register_cells.through(plan, wave, held)),
        notes=_left_out(plan),
    )


def _left_out(plan: Plan) -> tuple[str, ...]:
    rate = plan.programme.staff_rate
    staff = (
        f"Staff time is valued at {rate:g} pounds an hour."
        if rate > 0
        else "Staff and officer time is counted in hours and not valued in money, because no rate is set."
    )
    return (staff, "Left out: travel, premises of the force, time of volunteers and of community facilitators.")


def _each(plan: Plan, wave: str, rows: pd.DataFrame, held: Held) -> Exhibit:
    n = spending.per_attendance(rows, staff_rate=plan.programme.staff_rate)
    kinds = [
        ("attend", "Hire, catering and other costs", n.money, "pounds of hire, catering and other costs", 2),
        ("hire_attend", "Hire alone", n.hire, "pounds of hire", 2),
        ("staff_attend", "Organising and setting up", n.staff_hours, "hours", 2),
        ("officer_attend", "Officers at the event", n.officer_hours, "officer-hours", 2),
    ]
    if n.with_staff is not None:
        kinds.append(("all_attend", "All costs, staff time valued", n.with_staff, "pounds, staff time valued", 2))
    cells: Triples = [
        (
            label,
            "For each attendance",
            measure(f"costs.{id}.all.{wave}", value, unit, base=n.attendances, wave=wave, decimals=places),
        )
        for id, label, value, unit, places in kinds
    ]
    cells = [(f"{row} ({'pounds' if 'pounds' in c.unit else 'hours'})", column, c) for row, column, c in cells]
    return exhibit(
        "costs.attend",
        "Cost of an attendance",
        cells,
        sections=SECTIONS,
        wave=wave,
        row_header="Kind",
        source=register_cells.source(plan, "events", register_cells.through(plan, wave, held)),
        notes=("An attendance is not a person.", *_left_out(plan)),
    )
