"""What was held: events, attendances that are not people, features of the practice, who came."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from evaluation.answers.registers import shelf
from evaluation.answers.registers.shelf import Held, Triples, people, per_cent, plain
from evaluation.answers.words import exhibit, measure
from evaluation.exhibits import Exhibit, cell_key
from evaluation.programme import events as held_events
from evaluation.study import Plan

NOT_PEOPLE = "Attendances are not people: somebody who came to three events counts three times."


def events(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return what was held, by event, in numbers, by feature, by area, by who came, and from contact to form."""
    rows = shelf.register(plan, wave, held, "events")
    if rows is None:
        return [shelf.absent(plan, wave, "events.strip", "Events held", "events", ("policy-3", "annex-K"))]
    slips = shelf.register(plan, wave, held, "attendance")
    day = shelf.through(plan, wave, held)
    made = [_strip(plan, wave, rows, day), _summary(plan, wave, rows, day), _fidelity(plan, wave, rows, day),
            _reach(plan, wave, rows, day), _funnel(plan, wave, rows, day)]  # fmt: skip
    if slips is None:
        return [*made, shelf.absent(plan, wave, "events.who", "Who came", "attendance", ("annex-K",))]
    return [*made, _who(plan, wave, slips, day), _slips(plan, wave, rows, slips, day)]


def _attendance(row: Any, wave: str, id: str) -> Any:
    return people(f"events.{id}.{row.event_id}.{wave}", row.n_public, wave, unit="attendances", universe="attendances",
                  event=row.event_id)  # fmt: skip


def _counted(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["n_public"].notna()].sort_values(["event_date", "event_id"])


def _strip(plan: Plan, wave: str, rows: pd.DataFrame, day: pd.Timestamp) -> Exhibit:
    counted, areas = _counted(rows), shelf.levels(plan, "events", "area")
    labels = shelf.unique([shelf.month(d) for d in counted["event_date"]])
    cells: Triples = [(label, areas.get(row.area, row.area), _attendance(row, wave, "attendance"))
                      for label, row in zip(labels, counted.itertuples(index=False), strict=True)]  # fmt: skip
    return exhibit("events.strip", "Events by month and area", cells, sections=("policy-3", "annex-K"), wave=wave,
                   chart="strip", row_header="Month", source=shelf.source(plan, "events", day), notes=(NOT_PEOPLE,),
                   extras={"axis": "Attendances"})  # fmt: skip


def _summary(plan: Plan, wave: str, rows: pd.DataFrame, day: pd.Timestamp) -> Exhibit:
    counted = _counted(rows)
    n = held_events.held(rows, heavy_ratio=plan.programme.police_heavy_ratio)
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
        ("Different people, at least (the largest event)", column,
         _attendance(ends.iloc[-1], wave, "people_least")),
        ("Different people, at most (every attendance)", column,
         people(f"events.people_most.all.{wave}", n.attendances, wave, **total)),
        ("Attendances at an event, mean", column, number("mean", n.mean, "attendances")),
        ("Attendances at an event, median", column, number("median", n.median, "attendances")),
        ("Smallest event", column, _attendance(ends.iloc[0], wave, "smallest")),
        ("Largest event", column, _attendance(ends.iloc[-1], wave, "largest")),
        ("Events where attendance was estimated, not counted", column, events_count("estimated", n.estimated)),
        ("Officers and staff at an event, mean", column, number("officers", n.officers_mean, "officers", 1, None)),
        ("Officers and staff, fewest", column, number("officers_low", n.officers_low, "officers", 0, None)),
        ("Officers and staff, most", column, number("officers_high", n.officers_high, "officers", 0, None)),
        ("Members of the public for each officer", column, number("per_officer", n.public_per_officer, "people", 1)),
        (f"Events with more than {ratio:g} officers for each member of the public", column,
         events_count("heavy", len(n.heavy))),
        ("Events that lasted longer than planned", column, events_count("overran", n.overran)),
        ("Time over the plan, mean", column, number("overrun", n.overrun_mean, "hours", 1, None)),
    ]  # fmt: skip
    gaps = held_events.intervals_between(rows["event_date"])
    if len(gaps):
        cells.append(("Days from one event to the next, median", column,
                      number("between", float(gaps.median()), "days", 0, None)))  # fmt: skip
    parts = tuple(cell_key("attendances", event=e) for e in counted["event_id"])
    return exhibit("events.summary", "Events in numbers", cells, sections=("policy-3", "annex-K"), wave=wave,
                   row_header="What", source=shelf.source(plan, "events", day), notes=(NOT_PEOPLE,),
                   sums=((cell_key("attendances", event="all"), parts),))  # fmt: skip


def _fidelity(plan: Plan, wave: str, rows: pd.DataFrame, day: pd.Timestamp) -> Exhibit:
    asked = [q for q in shelf.levels(plan, "feedback", "question") if q != "off_topic"]
    cells: Triples = []
    for f in held_events.fidelity(rows, questions=asked):
        if not f.known:
            continue
        of = {"unit": "events", "universe": "events"}
        cells += [
            (f.label, "Events with it", plain(f"events.{f.id}.present.{wave}", f.present, wave, **of, feature=f.id)),
            (f.label, "Events where this is known",
             plain(f"events.{f.id}.known.{wave}", f.known, wave, **of, feature=f"{f.id} known")),
            (f.label, "Share", per_cent(f"events.fidelity.{f.id}.{wave}", f.share, wave)),
        ]  # fmt: skip
    note = "Whether an event was held as the practice is described. It says nothing of what followed."
    return exhibit("events.fidelity", "How far events were held as described", cells, sections=("annex-K",), wave=wave,
                   row_header="Feature", source=shelf.source(plan, "events", day), notes=(note,))  # fmt: skip


def _reach(plan: Plan, wave: str, rows: pd.DataFrame, day: pd.Timestamp) -> Exhibit:
    areas = shelf.levels(plan, "events", "area")
    counted = _counted(rows)
    cells: Triples = []
    sums = []
    for area, row in held_events.reach(counted).iterrows():
        name = areas.get(str(area), str(area))
        key = {"unit": "attendances", "universe": "attendances", "area": area}
        cells += [
            (name, "Events", plain(f"events.reach.{area}.{wave}", row["events"], wave, unit="events",
                                   universe="events", area=area)),
            (name, "Attendances", people(f"events.reached.{area}.{wave}", row["attendances"], wave, **key)),
        ]  # fmt: skip
        here = counted.loc[counted["area"] == area, "event_id"]
        sums.append((cell_key("attendances", area=area), tuple(cell_key("attendances", event=e) for e in here)))
    never = [v for k, v in areas.items() if k not in set(rows["area"].dropna()) and not k.startswith("outside")]
    notes = [f"No event was held in: {', '.join(never)}."] if never else []
    if "ward_group" in rows:
        wards = shelf.levels(plan, "events", "ward_group")
        left = [v for k, v in wards.items() if k not in set(rows["ward_group"].dropna())]
        notes += [f"Inside the city no event was held in: {', '.join(left)}."] if left else []
    notes += _residents(plan, rows)
    return exhibit("events.reach", "Where events were held", cells, sections=("annex-K",), wave=wave,
                   row_header="Area", source=shelf.source(plan, "events", day), notes=tuple(notes),
                   sums=tuple(sums))  # fmt: skip


def _residents(plan: Plan, rows: pd.DataFrame) -> list[str]:
    """Return a sentence on residents of the focus group within reach, where the margins say how many live where."""
    from evaluation.intake import waves

    group = plan.programme.stop_group.lower()
    for margin in waves.margins(plan).values():
        names = list(margin.index.names)
        placed = [n for n in names if n in plan.derive and plan.derive[n].source == "area"] if len(names) > 1 else []
        if not placed or group not in set(margin.index.get_level_values(0)):
            continue
        rule = plan.derive[placed[0]].map
        reached = {rule.get(a, rule.get("*")) for a in rows["area"].dropna()}
        of_group = margin.xs(group, level=0)
        inside = float(of_group[[i in reached for i in of_group.index]].sum())
        share = 100 * inside / float(of_group.sum())
        return [f"{share:.0f} per cent of the area's {plan.programme.stop_group} residents ({plan.population.title}) "
                "live in a part of the area where an event was held. Residents are not counted by ward here."]  # fmt: skip
    return []


def _funnel(plan: Plan, wave: str, rows: pd.DataFrame, day: pd.Timestamp) -> Exhibit:
    steps = (("outreach", "Contacts made (calls, e-mails, visits)", "outreach_contacts", "contacts"),
             ("attended", "Attendances", "n_public", "attendances"), ("forms", "Feedback forms", "n_forms", "forms"),
             ("optin", "Left contact details", "n_contact_optin", "people"),
             ("joining", "Asked to join the checking group", "n_focusgroup_requests", "people"))  # fmt: skip
    cells: Triples = []
    for id, label, column, unit in steps:
        if column in rows and rows[column].notna().any():
            total = int(rows[column].astype("Int64").sum())
            universe = "attendances" if id == "attended" else id
            cells.append((label, "", people(f"events.funnel_{id}.all.{wave}", total, wave, unit=unit, universe=universe,
                                            event="all")))  # fmt: skip
    notes = (NOT_PEOPLE, "How many people heard of an event and did not come is not in the register; the survey's "
             "question on having heard of the events is in the table of who attended.")  # fmt: skip
    return exhibit("events.funnel", "From first contact to a form handed in", cells, sections=("annex-K",), wave=wave,
                   chart="steps", row_header="Step", source=shelf.source(plan, "events", day), notes=notes,
                   extras={"axis": "Number"})  # fmt: skip


# ---- slips ------------------------------------------------------------------------------------------------------


def _who(plan: Plan, wave: str, slips: pd.DataFrame, day: pd.Timestamp) -> Exhibit:
    """Return slips by broad ethnic group and by age."""
    cells: Triples = []
    sums = []
    broad = broad_groups(plan)
    total = people(f"events.slips.all.{wave}", len(slips), wave, unit="slips", universe="slips")
    cells.append(("All slips", "Slips", total))
    for column, label, codes in (
        ("ethnic", "", slips["ethnic_group"].map(lambda g: broad.get(str(g), "")).fillna("")),
        ("age", "Age ", slips["age_band"].fillna("")),
    ):  # fmt: skip
        names = _level_words(plan, column)
        parts = []
        for code in [*[c for c in names if (codes == c).any()], *([""] if (codes == "").any() else [])]:
            word = names.get(code, code) if code else f"{'Ethnic group' if column == 'ethnic' else 'Age'} not stated"
            count = people(f"events.slips.{column}-{code or 'blank'}.{wave}", int((codes == code).sum()), wave,
                           unit="slips", universe="slips", **{column: code or "blank"})  # fmt: skip
            cells.append((f"{label}{word}" if code else word, "Slips", count))
            parts.append(count.key)
        sums.append((total.key, tuple(parts)))
    return exhibit("events.who", "Who came, from anonymous slips", cells, sections=("annex-K",), wave=wave,
                   row_header="Group", source=shelf.source(plan, "attendance", day), sums=tuple(sums),
                   notes=("Slips are anonymous: one for each attendance that was noted, so not one for each person.",))  # fmt: skip


def _level_words(plan: Plan, column: str) -> dict[str, str]:
    if column == "age":
        return shelf.levels(plan, "attendance", "age_band")
    variable = _broad_variable(plan)
    return {} if variable is None else {str(k): str(v) for k, v in variable.levels.items()}


def _broad_variable(plan: Plan) -> Any | None:
    """Return the survey variable that the codebook makes from the detailed ethnic group."""
    survey = plan.codebook.table("survey").variables.values()
    return next((v for v in survey if v.made_from == "ethnic_group"), None)


def broad_groups(plan: Plan) -> dict[str, str]:
    """Return the broad group of each detailed ethnic group: its code's first part, where the codebook has it."""
    broad = _broad_variable(plan)
    known = set() if broad is None else set(broad.levels)
    detailed = shelf.levels(plan, "attendance", "ethnic_group")
    return {code: code.split("_")[0] for code in detailed if code.split("_")[0] in known}


def belongs(focus: str, groups: Collection[str]) -> tuple[str, ...]:
    """Return the ethnic groups that a community in focus names; none where it names no group.

    "all_black" and "young_black" are every group whose code starts with "black"; "african" is the one two-part code
    that ends with it.
    """
    parts = [p for p in focus.split("_") if p not in ("all", "young", "other")]
    found = [g for g in groups for p in parts if g.split("_")[0] == p or g.split("_")[1:] == [p]]
    return tuple(dict.fromkeys(found))


def _slips(plan: Plan, wave: str, rows: pd.DataFrame, slips: pd.DataFrame, day: pd.Timestamp) -> Exhibit:
    groups = list(shelf.levels(plan, "attendance", "ethnic_group"))
    focus = {c: belongs(c, groups) for c in shelf.levels(plan, "events", "focus_community")}
    n = held_events.slips(slips, rows, focus=focus)
    told = n.first + n.repeat
    forms = int(rows["n_forms"].astype("Int64").sum()) if "n_forms" in rows else 0
    cells: Triples = [
        ("Attendances with a slip", "Share", per_cent(f"events.coverage.all.{wave}", n.slips / max(n.attendances, 1),
                                                      wave, base=n.attendances)),
        ("Attendances with a feedback form", "Share", per_cent(f"events.forms.all.{wave}",
                                                               forms / max(n.attendances, 1), wave,
                                                               base=n.attendances)),
    ]  # fmt: skip
    if told:
        cells.append(("Had been to an event before", "Share",
                      per_cent(f"events.repeat.all.{wave}", n.repeat / told, wave, base=told)))  # fmt: skip
    if n.focus_known:
        cells.append(("Belonged to the community in focus", "Share",
                      per_cent(f"events.focus.all.{wave}", n.focus_match / n.focus_known, wave, base=n.focus_known)))  # fmt: skip
    blank = slips["ethnic_group"].isna().mean()
    cells.append(("Slip without an ethnic group", "Share", per_cent(f"events.blank.all.{wave}", float(blank), wave,
                                                                    base=len(slips))))  # fmt: skip
    cells.append(("Lay observation (custody visits and the like)", "Share", shelf.cannot(
        wave, f"events.observation.all.{wave}", "the registers do not record who was offered it or took it up",
        "Record offers and visits made, by event.")))  # fmt: skip
    return exhibit("events.slips", "What the slips and forms cover", cells, sections=("annex-K",), wave=wave,
                   row_header="What", source=shelf.source(plan, "attendance", day),
                   notes=("Events are open to everybody: a low share in focus is not a fault.",))  # fmt: skip
