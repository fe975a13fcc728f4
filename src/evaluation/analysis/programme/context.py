"""What surrounds the programme: published figures, other surveys, history, initiatives, partners; two answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.programme import national_trend, register_cells
from evaluation.analysis.programme.indicators import indicators_sheet, theory
from evaluation.analysis.programme.stop_search_inputs import estimates, searches
from evaluation.analysis.programme.stop_search_ratios import aged
from evaluation.errors import EvaluationError
from evaluation.exhibit import Exhibit
from evaluation.intake import waves
from evaluation.plan.study import Plan
from evaluation.programme import actions as action_times
from evaluation.programme import events as event_counts
from evaluation.programme import figures as published
from evaluation.programme import representation
from evaluation.table_builder import Row, Table, Tables

UNITS = {
    "share": "per cent",
    "rate_ratio": "times",
    "pct_change_count": "per cent of the earlier count",
    "target": "per cent",
}
PARTS = ("kind", "value", "numerator", "denominator", "comparator", "area_of_figure", "period")
Dated = list[tuple[pd.Timestamp, str, str]]  # day, what, kind


def context(plan: Plan, wave: str, registers: register_cells.Registers) -> list[Exhibit]:
    """Return published figures, other surveys, the timeline, initiatives, indicators and outcomes."""
    return [
        *figures(plan, wave, registers),
        surveys(plan, wave, registers),
        *timeline(plan, wave, registers),
        _initiatives(plan, wave, registers),
        _partners(plan, wave, registers),
        indicators_sheet(plan, wave, registers),
        theory(plan, wave, registers),
    ]


def as_cited(row: object) -> str:
    """Return the source of a row of a register: bare when the team saw it, else "as cited in"."""
    source, seen = register_cells.optional(row, "source"), register_cells.optional(row, "verified")
    if pd.isna(source) or not str(source).strip():
        return "source not stated"
    if pd.isna(seen) or seen == "cited_only":
        return f"as cited in {source}"
    licence = register_cells.optional(row, "licence")
    terms = "" if pd.isna(licence) or not str(licence).strip() else f" ({licence})"
    return f"{source}{terms}; its own source differs" if seen == "conflicts" else f"{source}{terms}"


# ---- published figures and other surveys --------------------------------------------------------------------------


def figures(plan: Plan, wave: str, registers: register_cells.Registers) -> list[Exhibit]:
    """Return the published figures that can be read alone, and every one with what it lacks."""
    rows = register_cells.register(plan, wave, registers, "context_figures")
    if rows is None:
        return [register_cells.absent(plan, wave, "context.figures", "context_figures")]
    build, end = layout.tables(plan, wave), national_trend.fieldwork_end(plan, wave)
    whole, every = build.table("context.figures"), build.table("context.register")
    seen, kinds = (register_cells.levels(plan, "context_figures", c) for c in ("verified", "kind"))
    lacking = old = 0
    for figure in rows.itertuples(index=False):
        lack = published.missing_information(**{n: register_cells.optional(figure, n) for n in PARTS})
        where, source = f"{figure.area_of_figure}, {figure.period}", as_cited(figure)
        age = register_cells.age_words(published.period_end(str(figure.period)), end)
        lacking, old = lacking + bool(lack), old + bool(age)
        if not lack and not age:
            row = whole.row(str(figure.figure_id), str(figure.claim))
            _figure_value(row, "value", figure.value, figure.kind)
            row.cells({"base": _figure_base(figure), "where": where, "source": source})
        row = every.row(str(figure.figure_id), " ".join(filter(None, (str(figure.figure_id), age, str(figure.claim)))))
        _figure_value(row, "entry", figure.value, figure.kind)
        row.cells({"kind": str(kinds.get(figure.kind, figure.kind)), "entry_where": where})
        row.cells({"lacks": lack or _figure_base(figure), "entry_source": source})
        row.text("seen", seen.get(figure.verified, str(figure.verified)))
    if lacking:
        whole.note("incomplete")
    if old:
        whole.note("old")
    return [*([whole.exhibit()] if len(whole) else []), every.exhibit()]


def _figure_value(row: Row, column: str, value: float, kind: str) -> Row:
    """Add the figure with the digits that it was published with."""
    digits = len(f"{float(value):.10f}".rstrip("0").partition(".")[2])
    return row.number(column, value, unit=UNITS.get(kind, ""), decimals=digits)


def _figure_base(figure: object) -> str:
    top, bottom, against = (register_cells.optional(figure, n) for n in ("numerator", "denominator", "comparator"))
    if not pd.isna(top) and not pd.isna(bottom):
        return f"{float(top):,.0f} of {float(bottom):,.0f}"
    return "–" if pd.isna(against) else f"against {against}"


def surveys(plan: Plan, wave: str, registers: register_cells.Registers) -> Exhibit:
    """Return other surveys' estimates, old ones with their age first, and whether each is of a question asked here."""
    rows = register_cells.register(plan, wave, registers, "external_surveys")
    if rows is None:
        return register_cells.absent(plan, wave, "context.surveys", "external_surveys")
    names = register_cells.levels(plan, "external_surveys", "survey") | {"other": ""}
    hashes, end = national_trend.latest_hashes(plan, wave), national_trend.fieldwork_end(plan, wave)
    dated = [(register_cells.optional(r, "until"), r) for r in rows.itertuples(index=False)]
    ages = [register_cells.age_words(published.period_end(r.period) if pd.isna(d) else d, end) for d, r in dated]
    titles = [
        (f"{age} {names.get(r.survey, r.survey)}".strip(), f"{r.period}: {r.group}")
        for age, (_, r) in zip(ages, dated, strict=True)
    ]
    labels = register_cells.unique([", ".join(t for t in title if t) for title in titles])
    table = layout.table(plan, wave, "context.surveys")
    for place, (label, e) in enumerate(zip(labels, rows.itertuples(index=False), strict=True), 1):
        row = table.row(f"survey{place:02d}", label)
        ends = {"low": register_cells.optional(e, "lo"), "high": register_cells.optional(e, "hi")}
        whole = not any(pd.isna(v) for v in ends.values())
        row.number("value", e.estimate, **({k: float(v) for k, v in ends.items()} if whole else {}))
        if not pd.isna(e.n_base) and e.n_base > 0:
            row.count("n", e.n_base)
        else:
            row.text("n", "not stated")
        match = national_trend.match_words(plan, e, hashes)
        row.cells({"wording": str(e.wording), "match": match, "source": as_cited(e)})
    return table.exhibit()


# ---- history, initiatives, partners -------------------------------------------------------------------------------


def timeline(plan: Plan, wave: str, registers: register_cells.Registers) -> list[Exhibit]:
    """Return fieldwork, the first and last event and dated outside events on one line, and the sources of the last."""
    history, events = (register_cells.register(plan, wave, registers, n) for n in ("history", "events"))
    if history is None and events is None:
        return [register_cells.absent(plan, wave, "history.timeline", "history")]
    build = layout.tables(plan, wave)
    known = sorted([*_fieldwork(plan), *_events(events), *_outside(plan, history)], key=lambda d: (d[0], d[1]))
    labels = register_cells.unique([register_cells.day_words(d[0]) for d in known])
    table = build.table("history.timeline")
    for place, (label, (_, what, kind)) in enumerate(zip(labels, known, strict=True), 1):
        table.row(f"{place:02d}", label).text("what", what).text("kind", kind)
    return [table.exhibit()] if history is None else [table.exhibit(), _sources(plan, build, history)]


def _sources(plan: Plan, build: Tables, history: pd.DataFrame) -> Exhibit:
    table, seen = build.table("history.sources"), register_cells.levels(plan, "history", "verified")
    for event in history.itertuples(index=False):
        known = register_cells.optional(event, "verified")
        row = table.row(str(event.history_id), str(event.what)).text("source", as_cited(event))
        row.text("seen", "not stated" if pd.isna(known) else seen[known])
    return table.exhibit()


def _fieldwork(plan: Plan) -> Dated:
    known: Dated = []
    for name in plan.waves:
        try:
            info = waves.info(plan, name)
        except (EvaluationError, OSError):
            continue
        if info.start is not None:
            until = "" if info.end is None else f", until {register_cells.day_words(info.end)}"
            known.append((pd.Timestamp(info.start), f"Survey {name}: answers{until}", "fieldwork"))
    return known


def _events(events: pd.DataFrame | None) -> Dated:
    dates = pd.Series(dtype="datetime64[ns]") if events is None else events["event_date"].dropna()
    if dates.empty:
        return []
    ends = ((dates.min(), "First event on the register"), (dates.max(), "Latest event on the register"))
    return [(pd.Timestamp(day), what, "programme") for day, what in ends]


def _outside(plan: Plan, history: pd.DataFrame | None) -> Dated:
    if history is None:
        return []
    places = register_cells.levels(plan, "history", "area") | {"force": "force area", "national": "national"}
    known: Dated = []
    for event in history.dropna(subset=["start"]).itertuples(index=False):
        area, end = register_cells.optional(event, "area"), register_cells.optional(event, "end")
        where = "" if pd.isna(area) else f" ({places.get(area, area)})"
        until = "" if pd.isna(end) else f", until {register_cells.day_words(end)}"
        known.append((event.start, f"{event.what}{where}{until}", "outside event"))
    return known


def _initiatives(plan: Plan, wave: str, registers: register_cells.Registers) -> Exhibit:
    rows = register_cells.register(plan, wave, registers, "initiatives")
    if rows is None:
        return register_cells.absent(plan, wave, "initiatives.table", "initiatives")
    answers = register_cells.levels(plan, "initiatives", "contamination_risk")
    columns = {
        "mechanism": register_cells.in_words(plan, "initiatives", rows, "mechanism"),
        "outcome": rows["outcome_reported"].map(lambda code: answers.get(code, code)),
        "reach": register_cells.in_words(plan, "initiatives", rows, "contamination_risk"),
        "source": rows["source_ref"],
    }
    frame = register_cells.stated(pd.DataFrame(columns)).set_axis(rows["initiative_id"])
    labels = register_cells.unique([f"{r.title} ({r.organisation})" for r in rows.itertuples(index=False)])
    named = dict(zip(rows["initiative_id"], labels, strict=True))
    return layout.table(plan, wave, "initiatives.table").from_frame(frame, labels=named).exhibit()


def _partners(plan: Plan, wave: str, registers: register_cells.Registers) -> Exhibit:
    rows = register_cells.register(plan, wave, registers, "partners")
    if rows is None:
        return register_cells.absent(plan, wave, "context.partners", "partners")
    table, names = layout.table(plan, wave, "context.partners"), register_cells.levels(plan, "partners", "network")
    for network, part in rows.groupby("network", sort=True):
        steps = {step: (part[step] == "yes").sum() for step in ("approached", "agreed")}
        row = table.row(str(network), names.get(str(network), str(network)))
        row.cells({**steps, "answers": part["n_responses"].sum()})
    return table.exhibit()


# ---- the answers of notebooks 08 and 09 ---------------------------------------------------------------------------


def programme_answer(plan: Plan, wave: str, registers: register_cells.Registers) -> Exhibit:
    """Return the answer of notebook 08: events, attendances, what was checked, done, refused and reported back."""
    table = layout.table(plan, wave, "answer.08")
    events, actions = (register_cells.register(plan, wave, registers, n) for n in ("events", "actions"))
    if events is None:
        table.row("no_events").text("answer", "no register of events was supplied")
    else:
        summary = event_counts.event_summary(events, heavy_ratio=plan.programme.police_heavy_ratio)
        table.row("events").count("answer", summary.events)
        table.row("attendances").count("answer", summary.attendances)
    if actions is None:
        table.row("no_actions").text("answer", "no register of actions was supplied")
    else:
        loop = action_times.feedback_loop(actions, until=register_cells.through(plan, wave, registers))
        table.row("actions").count("answer", loop.raised)
        table.row("told").share("answer", loop.reported_back / loop.raised)
        table.row("refused").count("answer", loop.refused)
        table.row("explained").count("answer", loop.explained)
    what = "What was done and answered. Whether it made a difference to anybody is another question."
    return table.row("all").text("answer", what).table.exhibit()


def wider_answer(plan: Plan, wave: str, registers: register_cells.Registers) -> Exhibit:
    """Return the answer of notebook 09: the ratio with its bounds, what goes unrecorded, recruits against the goal."""
    goal = f"{100 * plan.programme.recruit_goal:.0f}"
    table = layout.table(plan, wave, "answer.09", goal=goal, **register_cells.pair(plan))
    _ratio(table, plan, registers)
    victims = register_cells.register(plan, wave, registers, "victim_recording")
    if victims is None:
        table.row("no_recording").text("answer", "no register was supplied")
    else:
        last = victims.sort_values("period").iloc[-1]
        row = table.row("recording", f"Victims whose ethnic group was left blank, {last['period']}")
        if last["victims"] > 0:
            row.share("answer", float(last["blank"]) / float(last["victims"]), base=int(last["victims"]))
        else:
            row.text("answer", "no victims were recorded in that period")
    _recruits(table, plan, register_cells.register(plan, wave, registers, "recruitment"))
    what = f"Context, not a result of {plan.words.programme}. None of these figures explains another."
    return table.row("all").text("answer", what).table.exhibit()


def _ratio(table: Table, plan: Plan, registers: register_cells.Registers) -> None:
    """Add the lowest and highest that the ratio of search rates can be, and the ratio without those not stated."""
    try:
        margins: Mapping[str, pd.Series] = waves.margins(plan)
    except EvaluationError:
        margins = {}
    s = searches(plan, table.wave, registers, margins)
    if s is None:
        table.row("stops").text("answer", "no counts with residents were supplied")
        return
    table.words |= {"about": f"{s.area}, {s.period}, {s.described}", "aged": aged(plan, table.wave, s)}
    ratios = estimates(s)
    rows = dict(zip(("stops_lowest", "stops_highest"), ratios.get("bounds", ()), strict=False))
    rows |= {"stops_drop": ratios["drop"][0]} if "drop" in ratios else {}
    for key, e in rows.items():
        cell = replace(e, id=table.id(key, ""), wave=table.wave, null=None, p=None, n={})
        table.row(key).estimate("answer", cell)


def _recruits(table: Table, plan: Plan, rows: pd.DataFrame | None) -> None:
    """Add whether the last year's recruits met the goal."""
    joined = None if rows is None else rows[(rows["stage"] == "joined") & (rows["group_type"] == "ethnicity")]
    if joined is None or joined.empty:
        table.row("recruits").text("answer", "no counts were supplied")
        return
    last, goal = joined.sort_values("year_ending").iloc[-1], plan.programme.recruit_goal
    try:
        g = representation.against_goal(int(last.n_people), int(last.n_total), int(last.n_unknown), goal=goal)
    except EvaluationError as error:
        table.row("recruits").text("answer", error.what)
        return
    table.words["year"] = f"{last.group}, year to {register_cells.day_words(last.year_ending)}"
    table.row("recruits_of_year").text("answer", g.met)
