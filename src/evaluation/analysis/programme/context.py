"""What surrounds the programme: published figures, other surveys, history, initiatives, indicators, outcomes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.programme import register_cells
from evaluation.analysis.programme.indicators import indicators_sheet, theory
from evaluation.analysis.programme.register_cells import Held, Triples, official, optional, people, per_cent, plain
from evaluation.analysis.programme.stop_search_counts import Searches, estimates, prepared
from evaluation.errors import EvaluationError
from evaluation.exhibit import Exhibit, measure, words
from evaluation.plan.study import Plan
from evaluation.programme import actions as doing
from evaluation.programme import events as held_events
from evaluation.programme import figures as published
from evaluation.programme import representation

UNITS = {
    "share": "per cent",
    "rate_ratio": "times",
    "pct_change_count": "per cent of the earlier count",
    "target": "per cent",
}


def as_cited(row: Any) -> str:
    """Return the source of a row of a register: bare when the team saw it, else "as cited in"."""
    source, seen = optional(row, "source"), optional(row, "verified")
    if pd.isna(source) or not str(source).strip():
        return "source not stated"
    if pd.isna(seen) or seen == "cited_only":
        return f"as cited in {source}"
    return f"{source}; its own source differs" if seen == "conflicts" else str(source)


def figures(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return the published figures that can be read alone, and every one with what it lacks."""
    rows = register_cells.register(plan, wave, held, "context_figures")
    if rows is None:
        return [register_cells.absent(plan, wave, "context.figures", "context_figures")]
    lacks = [published.missing_information(**_parts(row)) for row in rows.itertuples(index=False)]
    whole: Triples = []
    every: Triples = []
    for row, lack in zip(rows.itertuples(index=False), lacks, strict=True):
        stem = f"context.{row.figure_id}"
        if not lack:
            whole += _figure(row, wave, stem)
        every += _entry(plan, row, wave, stem, lack)
    incomplete = sum(bool(x) for x in lacks)
    note = "Every figure stands in the annex; those without a base, an area, a period or a comparator stand only there."
    made = (
        [
            layout.table(plan, wave, "context.figures")
            .add(whole)
            .note_texts("more", (note,) if incomplete else ())
            .exhibit()
        ]
        if whole
        else []
    )
    register = layout.table(plan, wave, "context.register").add(every).exhibit()
    return [*made, register]


def _parts(row: Any) -> dict[str, Any]:
    names = ("kind", "value", "numerator", "denominator", "comparator", "area_of_figure", "period")
    return {n: optional(row, n) for n in names}


def _value(row: Any, id: str, wave: str) -> Any:
    text = f"{float(row.value):.10f}".rstrip("0")
    return measure(
        id, float(row.value), UNITS.get(row.kind, ""), public=True, wave=wave, decimals=len(text.partition(".")[2])
    )


def _figure(row: Any, wave: str, stem: str) -> Triples:
    label = str(row.claim)
    return [
        (label, "Value", _value(row, f"{stem}.value.{wave}", wave)),
        (label, "Of what", words(f"{stem}.base.{wave}", _base(row))),
        (label, "Area and period", words(f"{stem}.where.{wave}", f"{row.area_of_figure}, {row.period}")),
        (label, "Source", words(f"{stem}.source.{wave}", as_cited(row))),
    ]


def _base(row: Any) -> str:
    top, bottom, against = (optional(row, n) for n in ("numerator", "denominator", "comparator"))
    if not pd.isna(top) and not pd.isna(bottom):
        return f"{float(top):,.0f} of {float(bottom):,.0f}"
    return "–" if pd.isna(against) else f"against {against}"


def _entry(plan: Plan, row: Any, wave: str, stem: str, lack: str) -> Triples:
    seen, kinds = (register_cells.levels(plan, "context_figures", c) for c in ("verified", "kind"))
    label = f"{row.figure_id} {row.claim}"
    return [
        (label, "Value", _value(row, f"{stem}.entry.{wave}", wave)),
        (label, "Kind", words(f"{stem}.kind.{wave}", str(kinds.get(row.kind, row.kind)))),
        (label, "Area and period", words(f"{stem}.entry_where.{wave}", f"{row.area_of_figure}, {row.period}")),
        (label, "Base", words(f"{stem}.lacks.{wave}", lack or _base(row))),
        (label, "Source", words(f"{stem}.entry_source.{wave}", as_cited(row))),
        (label, "Seen by the team?", words(f"{stem}.seen.{wave}", seen.get(row.verified, str(row.verified)))),
    ]


def surveys(plan: Plan, wave: str, held: Held) -> Exhibit:
    """Return other surveys' estimates, compared with ours only where the wording is the same."""
    rows = register_cells.register(plan, wave, held, "external_surveys")
    if rows is None:
        return register_cells.absent(plan, wave, "context.surveys", "external_surveys")
    names = register_cells.levels(plan, "external_surveys", "survey") | {"other": ""}
    ours = {plan.label_of(o).strip().lower() for o in plan.all_outcomes}
    labels = register_cells.unique([_survey(names, r) for r in rows.itertuples(index=False)])
    cells: Triples = []
    for place, (label, row) in enumerate(zip(labels, rows.itertuples(index=False), strict=True)):
        cells += _estimate(row, label, f"context.survey{place + 1:02d}", wave, str(row.wording).strip().lower() in ours)
    return layout.table(plan, wave, "context.surveys").add(cells).exhibit()


def _survey(names: dict[str, str], row: Any) -> str:
    survey = names.get(row.survey, row.survey)
    return f"{survey}, {row.period}: {row.group}" if survey else f"{row.period}: {row.group}"


def _estimate(row: Any, label: str, stem: str, wave: str, same: bool) -> Triples:
    ends = {k: float(v) for k, v in (("low", optional(row, "lo")), ("high", optional(row, "hi"))) if not pd.isna(v)}
    match = "yes, the same wording" if same else "no, the wording differs: not compared"
    known = not pd.isna(row.n_base) and row.n_base > 0
    return [
        (
            label,
            "Estimate",
            measure(
                f"{stem}.value.{wave}",
                float(row.estimate),
                "per cent",
                public=True,
                wave=wave,
                decimals=0,
                **(ends if len(ends) == 2 else {}),
            ),
        ),
        (
            label,
            "Answers",
            official(f"{stem}.n.{wave}", int(row.n_base), wave, unit="people", universe="external", row=stem)
            if known
            else words(f"{stem}.n.{wave}", "not stated"),
        ),
        (label, "Wording there", words(f"{stem}.wording.{wave}", str(row.wording))),
        (label, "Comparable?", words(f"{stem}.match.{wave}", match)),
        (label, "Source", words(f"{stem}.source.{wave}", as_cited(row))),
    ]


Dated = list[tuple[pd.Timestamp, str, str]]  # day, what, kind


def timeline(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return fieldwork, the first and last event and dated outside events on one line, and the sources of the last."""
    history, events = (register_cells.register(plan, wave, held, n) for n in ("history", "events"))
    if history is None and events is None:
        return [register_cells.absent(plan, wave, "history.timeline", "history")]
    known = [*_fieldwork(plan), *_events(events), *_outside(plan, history)]
    known.sort(key=lambda d: (d[0], d[1]))
    labels = register_cells.unique([register_cells.day_words(d[0]) for d in known])
    cells: Triples = []
    for place, (label, (_, what, kind)) in enumerate(zip(labels, known, strict=True)):
        cells.append((label, "What", words(f"history.{place + 1:02d}.{wave}", what)))
        cells.append((label, "Kind", words(f"history.{place + 1:02d}.kind.{wave}", kind)))
    line = layout.table(plan, wave, "history.timeline").add(cells).exhibit()
    return [line] if history is None else [line, _sources(plan, wave, history)]


def _sources(plan: Plan, wave: str, history: pd.DataFrame) -> Exhibit:
    seen = register_cells.levels(plan, "history", "verified")
    cells: Triples = []
    for row in history.itertuples(index=False):
        stem, known = f"history.source.{row.history_id}", optional(row, "verified")
        cells += [
            (str(row.what), "Source", words(f"{stem}.{wave}", as_cited(row))),
            (str(row.what), "Seen?", words(f"{stem}.seen.{wave}", "not stated" if pd.isna(known) else seen[known])),
        ]
    return layout.table(plan, wave, "history.sources").add(cells).exhibit()


def _fieldwork(plan: Plan) -> Dated:
    from evaluation.intake import waves

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
    for row in history.dropna(subset=["start"]).itertuples(index=False):
        area, end = optional(row, "area"), optional(row, "end")
        where = "" if pd.isna(area) else f" ({places.get(area, area)})"
        until = "" if pd.isna(end) else f", until {register_cells.day_words(end)}"
        known.append((row.start, f"{row.what}{where}{until}", "outside event"))
    return known


def context(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return published figures, other surveys, the timeline, initiatives, indicators and outcomes."""
    return [
        *figures(plan, wave, held),
        surveys(plan, wave, held),
        *timeline(plan, wave, held),
        _initiatives(plan, wave, held),
        _partners(plan, wave, held),
        indicators_sheet(plan, wave, held),
        theory(plan, wave, held),
    ]


def _initiatives(plan: Plan, wave: str, held: Held) -> Exhibit:
    rows = register_cells.register(plan, wave, held, "initiatives")
    if rows is None:
        return register_cells.absent(plan, wave, "initiatives.table", "initiatives")
    kinds, answers = (register_cells.levels(plan, "initiatives", c) for c in ("mechanism", "contamination_risk"))
    cells: Triples = []
    labels = register_cells.unique([f"{r.title} ({r.organisation})" for r in rows.itertuples(index=False)])
    for label, row in zip(labels, rows.itertuples(index=False), strict=True):
        stem = f"initiatives.{row.initiative_id}"
        columns = (
            ("Mechanism", kinds.get(row.mechanism, row.mechanism)),
            ("Does its source report an outcome?", answers.get(row.outcome_reported, row.outcome_reported)),
            ("Could it reach people compared here?", answers.get(row.contamination_risk, row.contamination_risk)),
            ("Source", row.source_ref),
        )
        cells += [
            (label, c, words(f"{stem}.{k + 1}.{wave}", "not stated" if pd.isna(v) else str(v)))
            for k, (c, v) in enumerate(columns)
        ]
    return layout.table(plan, wave, "initiatives.table").add(cells).exhibit()


def _partners(plan: Plan, wave: str, held: Held) -> Exhibit:
    rows = register_cells.register(plan, wave, held, "partners")
    if rows is None:
        return register_cells.absent(plan, wave, "context.partners", "partners")
    names = register_cells.levels(plan, "partners", "network")
    cells: Triples = []
    for network, part in rows.groupby("network", sort=True):
        label, stem = names.get(str(network), str(network)), f"partners.{network}.{wave}"
        key = {"unit": "organisations", "universe": "partners", "network": network}
        cells += [
            (
                label,
                "Approached",
                register_cells.plain(
                    f"{stem}.approached", int((part["approached"] == "yes").sum()), wave, **key, step="approached"
                ),
            ),
            (
                label,
                "Agreed",
                register_cells.plain(
                    f"{stem}.agreed", int((part["agreed"] == "yes").sum()), wave, **key, step="agreed"
                ),
            ),
            (
                label,
                "Answers through them",
                register_cells.people(
                    f"{stem}.answers",
                    int(part["n_responses"].sum()),
                    wave,
                    unit="people",
                    universe="people",
                    partner=network,
                ),
            ),
        ]
    return layout.table(plan, wave, "context.partners").add(cells).exhibit()


def programme_answer(plan: Plan, wave: str, held: Held) -> Exhibit:
    """Return the answer of notebook 08: events, attendances, what was checked, done, refused and reported back."""
    cells: Triples = []
    events, actions = (register_cells.register(plan, wave, held, n) for n in ("events", "actions"))
    if events is None:
        cells.append(("Events", "", words(f"answer.08.events.{wave}", "no register of events was supplied")))
    else:
        n = held_events.event_summary(events, heavy_ratio=plan.programme.police_heavy_ratio)
        cells += [
            (
                "Events held",
                "",
                plain(f"answer.08.events.{wave}", n.events, wave, unit="events", universe="events", feature="held"),
            ),
            (
                "Attendances (not people)",
                "",
                people(
                    f"answer.08.attendances.{wave}",
                    n.attendances,
                    wave,
                    unit="attendances",
                    universe="attendances",
                    event="all",
                ),
            ),
        ]
    if actions is None:
        cells.append(("Actions", "", words(f"answer.08.actions.{wave}", "no register of actions was supplied")))
    else:
        cells += _done(plan, wave, held, actions)
    said = "What was done and answered. Whether it made a difference to anybody is another question."
    cells.append(("What this is", "", words(f"answer.08.all.{wave}", said)))
    return layout.table(plan, wave, "answer.08").add(cells).exhibit()


def _done(plan: Plan, wave: str, held: Held, actions: Any) -> Triples:
    n = doing.feedback_loop(actions, until=register_cells.through(plan, wave, held))
    key = {"unit": "actions", "universe": "actions"}
    return [
        ("Actions raised", "", plain(f"answer.08.actions.{wave}", n.raised, wave, **key, status="any")),
        ("Reported back to people", "", per_cent(f"answer.08.told.{wave}", n.reported_back / n.raised, wave)),
        ("Refused", "", plain(f"answer.08.refused.{wave}", n.refused, wave, **key, status="cannot")),
        (
            "Refused with a written reason",
            "",
            plain(f"answer.08.explained.{wave}", n.explained, wave, **key, status="cannot", reason="yes"),
        ),
    ]


def wider_answer(plan: Plan, wave: str, held: Held) -> Exhibit:
    """Return the answer of notebook 09: the ratio with its bounds, what goes unrecorded, recruits against the goal."""
    cells: Triples = [*_ratio(plan, wave, held), *_unrecorded(plan, wave, held), *_recruits(plan, wave, held)]
    said = f"Context, not a result of {plan.words.programme}. None of these figures explains another."
    cells.append(("What this is", "", words(f"answer.09.all.{wave}", said)))
    return layout.table(plan, wave, "answer.09").add(cells).exhibit()


def _ratio(plan: Plan, wave: str, held: Held) -> Triples:
    from evaluation.intake import waves

    try:
        margins: Any = waves.margins(plan)
    except EvaluationError:
        margins = {}
    s = prepared(plan, wave, held, margins)
    if s is None:
        return [("Stop and search", "", words(f"answer.09.stops.{wave}", "no counts with residents were supplied"))]
    found = estimates(s)
    cells: Triples = []
    for key, row in (("bounds", "lowest"), ("bounds", "highest"), ("drop", "drop")):
        if key not in found:
            continue
        e = found[key][-1] if row == "highest" else found[key][0]
        cells.append(
            (
                _row_words(plan, s, row),
                "",
                replace(e, id=f"answer.09.stops_{row}.{wave}".lower(), wave=wave, null=None, p=None, n={}),
            )
        )
    return cells


def _row_words(plan: Plan, s: Searches, row: str) -> str:
    how = {
        "lowest": "lowest it can be, whatever those not stated are",
        "drop": "self-defined, not stated left out",
        "highest": "highest it can be, whatever those not stated are",
    }[row]
    pair = f"{plan.programme.stop_group} residents' search rate over {plan.programme.stop_comparator} residents'"
    return f"{pair}, {s.area}, {s.period}, {s.described}: {how}"


def _unrecorded(plan: Plan, wave: str, held: Held) -> Triples:
    rows = register_cells.register(plan, wave, held, "victim_recording")
    if rows is None:
        return [
            (
                "Victims without a recorded ethnic group",
                "",
                words(f"answer.09.recording.{wave}", "no register was supplied"),
            )
        ]
    last = rows.sort_values("period").iloc[-1]
    return [
        (
            f"Victims whose ethnic group was left blank, {last['period']}",
            "",
            per_cent(
                f"answer.09.recording.{wave}",
                float(last["blank"]) / float(last["victims"]),
                wave,
                base=int(last["victims"]),
            ),
        )
    ]


def _recruits(plan: Plan, wave: str, held: Held) -> Triples:
    rows = register_cells.register(plan, wave, held, "recruitment")
    joined = None if rows is None else rows[(rows["stage"] == "joined") & (rows["group_type"] == "ethnicity")]
    label = f"Recruits against the goal of not less than {100 * plan.programme.recruit_goal:.0f} per cent"
    if joined is None or joined.empty:
        return [(label, "", words(f"answer.09.recruits.{wave}", "no counts were supplied"))]
    row = joined.sort_values("year_ending").iloc[-1]
    try:
        g = representation.against_goal(
            int(row.n_people), int(row.n_total), int(row.n_unknown), goal=plan.programme.recruit_goal
        )
    except EvaluationError as refused:
        return [(label, "", words(f"answer.09.recruits.{wave}", refused.what))]
    return [
        (
            f"{label}, {row.group}, year to {register_cells.day_words(row.year_ending)}",
            "",
            words(f"answer.09.recruits.{wave}", g.met),
        )
    ]
