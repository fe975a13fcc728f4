"""Events held: attendances that are not people, features of the practice, areas reached, from contact to form."""

from __future__ import annotations

import pandas as pd

from evaluation.analysis.programme import register_cells
from evaluation.analysis.programme.participants import slips_table, who_came
from evaluation.exhibit import Exhibit, cell_key
from evaluation.intake import waves
from evaluation.plan.study import Plan
from evaluation.programme import events as event_counts
from evaluation.table_builder import Table, Tables

# Steps from first contact to a form, each with the column that counts it.
STEPS = {
    "outreach": "outreach_contacts",
    "attended": "n_public",
    "forms": "n_forms",
    "optin": "n_contact_optin",
    "joining": "n_focusgroup_requests",
}


def events(plan: Plan, wave: str, registers: register_cells.Registers) -> list[Exhibit]:
    """Return what was held, by event, in numbers, by feature, by area, by who came, and from contact to form."""
    rows, build = register_cells.read(plan, wave, registers, "events")
    if rows is None:
        return [register_cells.absent(plan, wave, "events.strip", "events")]
    counted = rows[rows["n_public"].notna()].sort_values(["event_date", "event_id"])
    exhibits = [
        _strip(plan, build, counted),
        _summary(build, rows, counted, plan.programme.police_heavy_ratio),
        _fidelity(plan, build, rows),
        _reach(plan, build, rows, counted),
        _funnel(build, rows),
    ]
    slips, build = register_cells.read(plan, wave, registers, "attendance")
    if slips is None:
        return [*exhibits, register_cells.absent(plan, wave, "events.who", "attendance")]
    return [*exhibits, who_came(plan, build, slips), slips_table(plan, build, rows, slips)]


def _strip(plan: Plan, build: Tables, counted: pd.DataFrame) -> Exhibit:
    table = build.table("events.strip").head(register_cells.levels(plan, "events", "area"))
    labels = register_cells.unique([register_cells.month(d) for d in counted["event_date"]])
    for label, event in zip(labels, counted.itertuples(index=False), strict=True):
        table.row(event.event_id, label).count(str(event.area), event.n_public)
    return table.exhibit()


def _summary(build: Tables, rows: pd.DataFrame, counted: pd.DataFrame, heavy_ratio: float) -> Exhibit:
    n = event_counts.event_summary(rows, heavy_ratio=heavy_ratio)
    table = build.table("events.summary", heavy_ratio=f"{heavy_ratio:g}")
    by_size = list(counted.sort_values("n_public").itertuples(index=False))
    _counts(table, held=n.events, attendances=n.attendances)
    _one_event(table, "people_least", by_size[-1].event_id, by_size[-1].n_public)
    _counts(table, people_most=n.attendances)
    _numbers(table, n.attendances, mean=n.mean, median=n.median)
    _one_event(table, "smallest", by_size[0].event_id, by_size[0].n_public)
    _one_event(table, "largest", by_size[-1].event_id, by_size[-1].n_public)
    _counts(table, estimated=n.estimated)
    _numbers(table, officers=n.officers_mean, officers_low=n.officers_low, officers_high=n.officers_high)
    _numbers(table, n.attendances, per_officer=n.public_per_officer)
    _counts(table, heavy=len(n.heavy), overran=n.overran)
    _numbers(table, overrun=n.overrun_mean)
    if "agenda_version" in rows and rows["agenda_version"].notna().any():
        _counts(table, agenda=rows["agenda_version"].nunique())
    gaps = event_counts.intervals_between(rows["event_date"])
    if len(gaps):
        _numbers(table, between=gaps.median())
    table.sum(cell_key("attendances", event="all"), [cell_key("attendances", event=e) for e in counted["event_id"]])
    return table.exhibit()


def _counts(table: Table, **counts: int) -> None:
    for key, n in counts.items():
        table.row(key).count("figure", n)


def _numbers(table: Table, base: int | None = None, **numbers: float) -> None:
    for key, number in numbers.items():
        table.row(key).number("figure", number, base=base)


def _one_event(table: Table, key: str, id: str, n: int) -> None:
    """Add the attendances of one event, by the cell that the strip of events shows too."""
    table.row(key).count("figure", n, id=f"events.{key}.{id}.{table.wave}", event=id)


def _fidelity(plan: Plan, build: Tables, rows: pd.DataFrame) -> Exhibit:
    table = build.table("events.fidelity")
    questions = [q for q in register_cells.levels(plan, "feedback", "question") if q != "off_topic"]
    for f in event_counts.fidelity(rows, questions=questions):
        if f.known:
            table.row(f.id, f.label).cells({"present": f.present, "known": f.known, "share": f.share})
    return table.exhibit()


def _reach(plan: Plan, build: Tables, rows: pd.DataFrame, counted: pd.DataFrame) -> Exhibit:
    areas, residents = register_cells.levels(plan, "events", "area"), _residents(plan)
    table = build.table("events.reach")
    for area, n in event_counts.reach(counted).iterrows():
        row = table.row(str(area), areas.get(str(area), str(area)))
        row.count("events", n["events"]).count("attendances", n["attendances"])
        if str(area) in residents:
            row.count("residents", round(residents[str(area)]))
        here = counted.loc[counted["area"] == area, "event_id"]
        table.sum(cell_key("attendances", area=area), [cell_key("attendances", event=e) for e in here])
    never = [v for k, v in areas.items() if k not in set(rows["area"].dropna()) and not k.startswith("outside")]
    if never:
        table.note("never", text=", ".join(never))
    if "ward_group" in rows:
        wards = register_cells.levels(plan, "events", "ward_group")
        left = [v for k, v in wards.items() if k not in set(rows["ward_group"].dropna())]
        table.note_texts("wards", [", ".join(left)] if left else [])
    return table.exhibit()


def _residents(plan: Plan) -> dict[str, float]:
    """Return residents of the programme's group by area, for areas that are a level of a population margin alone."""
    group = plan.programme.stop_group.lower()
    for margin in waves.margins(plan).values():
        if margin.index.nlevels != 2 or group not in set(margin.index.get_level_values(0)):
            continue
        place = margin.index.names[1]
        if place in plan.derive and plan.derive[place].source == "area":
            alone = [(a, to) for a, to in plan.derive[place].map.items() if a != "*"]
            once = [(a, to) for a, to in alone if [x for _, x in alone].count(to) == 1]
            return {a: float(margin[group, to]) for a, to in once if to != plan.derive[place].map.get("*")}
    return {}


def _funnel(build: Tables, rows: pd.DataFrame) -> Exhibit:
    table = build.table("events.funnel")
    for step, column in STEPS.items():
        if column in rows and rows[column].notna().any():
            table.row(step).count("number", rows[column].astype("Int64").sum())
    return table.exhibit()
