"""How people said it: kinds of comment, formats of the discussion, one topic taking an event over; story to action."""

from __future__ import annotations

import pandas as pd

from evaluation.answers.registers import shelf
from evaluation.answers.registers.shelf import Held, Triples, people, per_cent, plain
from evaluation.answers.words import exhibit
from evaluation.exhibits import Count, Exhibit, cell_key
from evaluation.programme import actions as doing
from evaluation.programme import feedback as said
from evaluation.statistics.tabulate import Sums
from evaluation.study import Plan


def _comments(id: str, n: int, wave: str, **levels: object) -> Count:
    return people(id, n, wave, unit="comments", universe="comments", **levels)


def manner(plan: Plan, wave: str, kept: pd.DataFrame, held: Held) -> list[Exhibit]:
    """Return comments by kind, comments and forms by format of the discussion, and the way from story to action."""
    made = [_kinds(plan, wave, kept, held)]
    events = shelf.register(plan, wave, held, "events")
    if events is not None and "format" in events:
        made.append(_formats(plan, wave, kept, events, held))
    actions = shelf.register(plan, wave, held, "actions")
    if actions is not None:
        made.append(_trace(plan, wave, kept, actions, held))
    return made


def _source(plan: Plan, wave: str, held: Held) -> str:
    return shelf.source(plan, "feedback", shelf.through(plan, wave, held))


def _kinds(plan: Plan, wave: str, kept: pd.DataFrame, held: Held) -> Exhibit:
    names = shelf.levels(plan, "feedback", "stance")
    cells: Triples = []
    for code, label in names.items():
        n = int((kept["stance"] == code).fillna(False).sum())
        cells.append((label, "Comments", _comments(f"feedback.{code}.all.{wave}", n, wave, stance=code)))
    off = int((kept["question"] == "off_topic").fillna(False).sum())
    count = _comments(f"feedback.off_topic.all.{wave}", off, wave, off="yes")
    cells.append(("Off the question asked", "Comments", count))
    shares = said.largest_theme(kept)
    if len(shares):
        cells += [
            (
                "Events with comments",
                "Events",
                plain(
                    f"feedback.events.all.{wave}",
                    len(shares),
                    wave,
                    unit="events",
                    universe="events",
                    feature="comments",
                ),
            ),
            (
                "Largest theme's share of an event's comments, median",
                "Share",
                per_cent(f"feedback.largest.median.{wave}", float(shares.median()), wave),
            ),
            (
                "Events where one theme took half of the comments or more",
                "Events",
                plain(
                    f"feedback.largest.half.{wave}",
                    int((shares >= 0.5).sum()),
                    wave,
                    unit="events",
                    universe="events",
                    feature="one theme",
                ),
            ),
        ]
    return exhibit(
        "feedback.kinds",
        "Kinds of comment",
        cells,
        sections=("annex-L",),
        wave=wave,
        row_header="Kind",
        source=_source(plan, wave, held),
        sums=_by_theme(kept, names),
        notes=("Stories and comments off the question are kept: they are what people came to say.",),
    )


def _by_theme(kept: pd.DataFrame, stances: dict[str, str]) -> Sums:
    """Return the sums that tie comments of a kind to the tables by theme: the disclosure gate reads them."""
    if kept[["theme", "stance"]].isna().any(axis=None):
        return ()
    themes = sorted(kept["theme"].astype(str).unique())
    return tuple(
        (cell_key("comments", stance=s), tuple(cell_key("comments", theme=t, stance=s) for t in themes))
        for s in stances
    )


def _formats(plan: Plan, wave: str, kept: pd.DataFrame, events: pd.DataFrame, held: Held) -> Exhibit:
    names = shelf.levels(plan, "events", "format")
    counts = kept.groupby("event_id").size()
    cells: Triples = []
    for code, label in names.items():
        part = events[(events["format"] == code).fillna(False).to_numpy(dtype=bool)]
        if part.empty:
            continue
        public, forms = (int(part[c].astype("Float64").sum()) if c in part else 0 for c in ("n_public", "n_forms"))
        n = int(counts.reindex(part["event_id"]).fillna(0).sum())
        cells.append(
            (
                label,
                "Events",
                plain(
                    f"feedback.format.{code}.{wave}.events",
                    len(part),
                    wave,
                    unit="events",
                    universe="events",
                    format=code,
                ),
            )
        )
        cells.append((label, "Comments", _comments(f"feedback.format.{code}.{wave}.comments", n, wave, format=code)))
        if public:
            share = per_cent(f"feedback.format.{code}.{wave}.forms", forms / public, wave, base=public)
            cells.append((label, "Forms as a share of attendances", share))
    return exhibit(
        "feedback.formats",
        "Comments and forms by format of the discussion",
        cells,
        sections=("annex-L",),
        wave=wave,
        row_header="Format",
        source=_source(plan, wave, held),
        notes=("Events differ in more than their format, so this compares nothing; it says where voices came from.",),
    )


def _trace(plan: Plan, wave: str, kept: pd.DataFrame, actions: pd.DataFrame, held: Held) -> Exhibit:
    """Return, by theme, lived experience and ideas told, actions raised on it, and actions done."""
    themes = shelf.levels(plan, "feedback", "theme")
    cells: Triples = []
    for code, label in themes.items():
        here, own = kept[kept["theme"] == code], actions[actions["theme"] == code]
        if here.empty and own.empty:
            continue
        done = int(own["status"].isin(doing.DONE).sum())
        told = (("story", "Told as lived experience"), ("solution", "Ideas of what good looks like"))
        cells += [
            (
                label,
                column,
                _comments(f"trace.{s}.{code}.{wave}", int((here["stance"] == s).sum()), wave, theme=code, stance=s),
            )
            for s, column in told
        ]
        of = {"unit": "actions", "universe": "actions", "theme": code}
        cells += [
            (label, "Actions on the theme", plain(f"trace.actions.{code}.{wave}", len(own), wave, **of)),
            (label, "Done", plain(f"trace.done.{code}.{wave}", done, wave, **of, status="done")),
        ]
    return exhibit(
        "feedback.trace",
        "From what people told to what was done, by theme",
        cells,
        sections=("annex-L",),
        wave=wave,
        row_header="Theme",
        source="Registers of feedback and actions",
        notes=("A theme links them, not a person: no comment is traced to who made it.",),
    )
