"""What happened when: fieldwork, events and dated outside events on one line."""

from __future__ import annotations

import pandas as pd

from evaluation.answers.registers import shelf
from evaluation.answers.registers.cited import as_cited
from evaluation.answers.registers.shelf import Held, Triples, optional
from evaluation.answers.words import exhibit, words
from evaluation.errors import EvaluationError
from evaluation.exhibits import Exhibit
from evaluation.study import Plan

Dated = list[tuple[pd.Timestamp, str, str]]  # day, what, kind


def timeline(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return fieldwork, the first and last event and dated outside events on one line, and the sources of the last."""
    history, events = (shelf.register(plan, wave, held, n) for n in ("history", "events"))
    sections = ("policy-8", "annex-N")
    if history is None and events is None:
        return [shelf.absent(plan, wave, "history.timeline", "What happened when", "history", sections)]
    known = [*_fieldwork(plan), *_events(events), *_outside(plan, history)]
    known.sort(key=lambda d: (d[0], d[1]))
    labels = shelf.unique([shelf.day_words(d[0]) for d in known])
    cells: Triples = []
    for place, (label, (_, what, kind)) in enumerate(zip(labels, known, strict=True)):
        cells.append((label, "What", words(f"history.{place + 1:02d}.{wave}", what)))
        cells.append((label, "Kind", words(f"history.{place + 1:02d}.kind.{wave}", kind)))
    line = exhibit(
        "history.timeline",
        "What happened when",
        cells,
        sections=sections,
        wave=wave,
        chart="timeline",
        row_header="Date",
        source="Registers of history and events; fieldwork dates",
        notes=("What stands side by side here is not thereby connected.",),
    )
    return [line] if history is None else [line, _sources(plan, wave, history)]


def _sources(plan: Plan, wave: str, history: pd.DataFrame) -> Exhibit:
    seen = shelf.levels(plan, "history", "verified")
    cells: Triples = []
    for row in history.itertuples(index=False):
        stem, known = f"history.source.{row.history_id}", optional(row, "verified")
        cells += [
            (str(row.what), "Source", words(f"{stem}.{wave}", as_cited(row))),
            (str(row.what), "Seen?", words(f"{stem}.seen.{wave}", "not stated" if pd.isna(known) else seen[known])),
        ]
    return exhibit(
        "history.sources",
        "Where the dates of outside events come from",
        cells,
        sections=("annex-N",),
        wave=wave,
        row_header="What happened",
        source="Register of history",
    )


def _fieldwork(plan: Plan) -> Dated:
    from evaluation.intake import waves

    known: Dated = []
    for name in plan.waves:
        try:
            info = waves.info(plan, name)
        except (EvaluationError, OSError):
            continue
        if info.start is not None:
            until = "" if info.end is None else f", until {shelf.day_words(info.end)}"
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
    places = shelf.levels(plan, "history", "area") | {"force": "force area", "national": "national"}
    known: Dated = []
    for row in history.dropna(subset=["start"]).itertuples(index=False):
        area, end = optional(row, "area"), optional(row, "end")
        where = "" if pd.isna(area) else f" ({places.get(area, area)})"
        until = "" if pd.isna(end) else f", until {shelf.day_words(end)}"
        known.append((row.start, f"{row.what}{where}{until}", "outside event"))
    return known
