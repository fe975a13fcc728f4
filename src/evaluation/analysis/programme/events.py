"""What was held: events, attendances that are not people, features of the practice, who came."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.programme import register_cells
from evaluation.analysis.programme.participants import slips_table, who_came
from evaluation.analysis.programme.register_cells import Held, Triples, official, people, per_cent, plain
from evaluation.exhibit import Exhibit, cell_key, measure
from evaluation.plan.study import Plan
from evaluation.programme import events as held_events


def events(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return what was held, by event, in numbers, by feature, by area, by who came, and from contact to form."""
    rows = register_cells.register(plan, wave, held, "events")
    if rows is None:
        return [register_cells.absent(plan, wave, "events.strip", "events")]
    slips = register_cells.register(plan, wave, held, "attendance")
    day = register_cells.through(plan, wave, held)
    made = [
        _strip(plan, wave, rows, day),
        _summary(plan, wave, rows, day),
        _fidelity(plan, wave, rows, day),
        _reach(plan, wave, rows, day),
        _funnel(plan, wave, rows, day),
    ]
    if slips is None:
        return [*made, register_cells.absent(plan, wave, "events.who", "attendance")]
    return [*made, who_came(plan, wave, slips, day), slips_table(plan, wave, rows, slips, day)]


def _attendance(row: Any, wave: str, id: str) -> Any:
    return people(
        f"events.{id}.{row.event_id}.{wave}",
        row.n_public,
        wave,
        unit="attendances",
        universe="attendances",
        event=row.event_id,
    )


def _counted(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["n_public"].notna()].sort_values(["event_date", "event_id"])


def _strip(plan: Plan, wave: str, rows: pd.DataFrame, day: pd.Timestamp) -> Exhibit:
    counted, areas = _counted(rows), register_cells.levels(plan, "events", "area")
    labels = register_cells.unique([register_cells.month(d) for d in counted["event_date"]])
    cells: Triples = [
        (label, areas.get(row.area, row.area), _attendance(row, wave, "attendance"))
        for label, row in zip(labels, counted.itertuples(index=False), strict=True)
    ]
    return (
        layout.table(plan, wave, "events.strip", source=register_cells.source(plan, "events", day)).add(cells).exhibit()
    )


def _summary(plan: Plan, wave: str, rows: pd.DataFrame, day: pd.Timestamp) -> Exhibit:
    counted = _counted(rows)
    n = held_events.event_summary(rows, heavy_ratio=plan.programme.police_heavy_ratio)
    base, column = n.attendances, "Figure"
    ends = counted.sort_values("n_public")
    total = {"unit": "attendances", "universe": "attendances", "event": "all"}

    def events_count(id: str, value: int) -> Any:
        return plain(f"events.{id}.all.{wave}", value, wave, unit="events", universe="events", feature=id)

    def number(id: str, value: float, unit: str, places: int = 0, least: int | None = base) -> Any:
        return measure(f"events.{id}.all.{wave}", value, unit, base=least, wave=wave, decimals=places)

    ratio = plan.programme.police_heavy_ratio
    cells: Triples = [
        ("Events held", column, events_count("held", n.events)),
        ("Attendances", column, people(f"events.attendances.all.{wave}", n.attendances, wave, **total)),
        ("Different people, at least (the largest event)", column, _attendance(ends.iloc[-1], wave, "people_least")),
        (
            "Different people, at most (every attendance)",
            column,
            people(f"events.people_most.all.{wave}", n.attendances, wave, **total),
        ),
        ("Attendances at an event, mean", column, number("mean", n.mean, "attendances")),
        ("Attendances at an event, median", column, number("median", n.median, "attendances")),
        ("Smallest event", column, _attendance(ends.iloc[0], wave, "smallest")),
        ("Largest event", column, _attendance(ends.iloc[-1], wave, "largest")),
        ("Events where attendance was estimated, not counted", column, events_count("estimated", n.estimated)),
        ("Officers and staff at an event, mean", column, number("officers", n.officers_mean, "officers", 1, None)),
        ("Officers and staff, fewest", column, number("officers_low", n.officers_low, "officers", 0, None)),
        ("Officers and staff, most", column, number("officers_high", n.officers_high, "officers", 0, None)),
        ("Members of the public for each officer", column, number("per_officer", n.public_per_officer, "people", 1)),
        (
            f"Events with more than {ratio:g} officers for each member of the public",
            column,
            events_count("heavy", len(n.heavy)),
        ),
        ("Events that lasted longer than planned", column, events_count("overran", n.overran)),
        ("Time over the plan, mean", column, number("overrun", n.overrun_mean, "hours", 1, None)),
    ]
    if "agenda_version" in rows and rows["agenda_version"].notna().any():
        cells.append(
            ("Versions of the agenda used", column, events_count("agenda", int(rows["agenda_version"].nunique())))
        )
    gaps = held_events.intervals_between(rows["event_date"])
    if len(gaps):
        cells.append(
            (
                "Days from one event to the next, median",
                column,
                number("between", float(gaps.median()), "days", 0, None),
            )
        )
    parts = tuple(cell_key("attendances", event=e) for e in counted["event_id"])
    return (
        layout.table(plan, wave, "events.summary", source=register_cells.source(plan, "events", day))
        .add(cells)
        .exhibit(sums=((cell_key("attendances", event="all"), parts),))
    )


def _fidelity(plan: Plan, wave: str, rows: pd.DataFrame, day: pd.Timestamp) -> Exhibit:
    asked = [q for q in register_cells.levels(plan, "feedback", "question") if q != "off_topic"]
    cells: Triples = []
    for f in held_events.fidelity(rows, questions=asked):
        if not f.known:
            continue
        of = {"unit": "events", "universe": "events"}
        cells += [
            (f.label, "Events with it", plain(f"events.{f.id}.present.{wave}", f.present, wave, **of, feature=f.id)),
            (
                f.label,
                "Events where this is known",
                plain(f"events.{f.id}.known.{wave}", f.known, wave, **of, feature=f"{f.id} known"),
            ),
            (f.label, "Share", per_cent(f"events.fidelity.{f.id}.{wave}", f.share, wave)),
        ]
    return (
        layout.table(plan, wave, "events.fidelity", source=register_cells.source(plan, "events", day))
        .add(cells)
        .exhibit()
    )


def _reach(plan: Plan, wave: str, rows: pd.DataFrame, day: pd.Timestamp) -> Exhibit:
    areas = register_cells.levels(plan, "events", "area")
    counted, residents = _counted(rows), _residents(plan)
    cells: Triples = []
    sums = []
    for area, row in held_events.reach(counted).iterrows():
        name = areas.get(str(area), str(area))
        key = {"unit": "attendances", "universe": "attendances", "area": area}
        cells += [
            (
                name,
                "Events",
                plain(f"events.reach.{area}.{wave}", row["events"], wave, unit="events", universe="events", area=area),
            ),
            (name, "Attendances", people(f"events.reached.{area}.{wave}", row["attendances"], wave, **key)),
        ]
        living = residents.get(str(area))
        if living is not None:
            who = {"unit": "residents", "universe": "residents", "area": area, "group": plan.programme.stop_group}
            counted_there = official(f"events.residents.{area}.{wave}", round(living), wave, **who)
            cells.append((name, f"{plan.programme.stop_group} residents ({plan.population.title})", counted_there))
        here = counted.loc[counted["area"] == area, "event_id"]
        sums.append((cell_key("attendances", area=area), tuple(cell_key("attendances", event=e) for e in here)))
    never = [v for k, v in areas.items() if k not in set(rows["area"].dropna()) and not k.startswith("outside")]
    notes = [f"No event was held in: {', '.join(never)}."] if never else []
    if "ward_group" in rows:
        wards = register_cells.levels(plan, "events", "ward_group")
        left = [v for k, v in wards.items() if k not in set(rows["ward_group"].dropna())]
        notes += [f"Inside the city no event was held in: {', '.join(left)}."] if left else []
    notes.append("Residents are known for whole areas of the population figures only, never by ward.")
    return (
        layout.table(plan, wave, "events.reach", source=register_cells.source(plan, "events", day))
        .add(cells)
        .note_texts("more", tuple(notes))
        .exhibit(sums=tuple(sums))
    )


def _residents(plan: Plan) -> dict[str, float]:
    """Return residents of the programme's group by area, for areas that are a level of a population margin alone."""
    from evaluation.intake import waves

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


def _funnel(plan: Plan, wave: str, rows: pd.DataFrame, day: pd.Timestamp) -> Exhibit:
    steps = (
        ("outreach", "Contacts made (calls, e-mails, visits)", "outreach_contacts", "contacts"),
        ("attended", "Attendances", "n_public", "attendances"),
        ("forms", "Feedback forms", "n_forms", "forms"),
        ("optin", "Left contact details", "n_contact_optin", "people"),
        ("joining", "Asked to join the checking group", "n_focusgroup_requests", "people"),
    )
    cells: Triples = []
    for id, label, column, unit in steps:
        if column in rows and rows[column].notna().any():
            total = int(rows[column].astype("Int64").sum())
            universe = "attendances" if id == "attended" else id
            cells.append(
                (
                    label,
                    "Number",
                    people(f"events.funnel_{id}.all.{wave}", total, wave, unit=unit, universe=universe, event="all"),
                )
            )
    return (
        layout.table(plan, wave, "events.funnel", source=register_cells.source(plan, "events", day))
        .add(cells)
        .exhibit()
    )
