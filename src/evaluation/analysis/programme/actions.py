"""What was done about it: status, you said and we did, times with refusals competing, the closed loop."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.programme import register_cells
from evaluation.analysis.programme.register_cells import Held, Triples, per_cent, plain
from evaluation.exhibit import Count, Exhibit, cell_key, measure, words
from evaluation.plan.study import Plan
from evaluation.programme import actions as doing

SPOKEN = {
    "reported_back": "reported-back",
    "done": "done",
    "under_way": "under-way",
    "cannot": "could-not-be-done",
    "referred": "passed-on",
    "checked": "confirmed",
    "raised": "raised-only",
}
CLOSED = {"cannot": "Could not be done"}  # whether it was explained is another row
DAYS = (90, 180, 365)


def actions(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return actions by status, said and done, time to an answer and to an end, the closed loop, and the list."""
    rows = register_cells.register(plan, wave, held, "actions")
    if rows is None:
        return [
            register_cells.absent(plan, wave, "actions.status", "actions"),
            register_cells.absent(plan, wave, "actions.said_did", "actions"),
        ]
    until = register_cells.through(plan, wave, held)
    source = register_cells.source(plan, "actions", until)
    return [
        _status(plan, wave, rows, source),
        _said_did(plan, wave, rows, source),
        _times(plan, wave, rows, until, source),
        _loop(plan, wave, rows, until, source),
        _list(plan, wave, rows, source),
    ]


def _n(id: str, n: int, wave: str, **levels: object) -> Count:
    return plain(id, n, wave, unit="actions", universe="actions", **levels)


def _status(plan: Plan, wave: str, rows: pd.DataFrame, source: str) -> Exhibit:
    names = register_cells.levels(plan, "actions", "status")
    counts = rows["status"].value_counts()
    cells: Triples = [
        (
            CLOSED.get(code) or names.get(code, code),
            "Actions",
            _n(f"actions.status.{spoken}.all.{wave}", int(counts.get(code, 0)), wave, status=code),
        )
        for code, spoken in SPOKEN.items()
        if code in names
    ]
    parts = tuple(cell_key("actions", status=c) for c in SPOKEN if c in names)
    return (
        layout.table(plan, wave, "actions.status", source=source)
        .add(cells)
        .exhibit(sums=((cell_key("actions", status="any"), parts),))
    )


def _said_did(plan: Plan, wave: str, rows: pd.DataFrame, source: str) -> Exhibit:
    """Return, for each issue, how often it was done, is under way, was refused and why, or has no answer yet."""
    cells: Triples = []
    for place, (issue, part) in enumerate(rows.groupby("issue", sort=False)):
        status = part["status"]
        groups = (
            ("did", "We did", status.isin(doing.DONE_STATUSES)),
            ("doing", "Under way or passed on", status.isin(["under_way", "referred"])),
            ("not", "We could not", status == "cannot"),
            ("open", "No answer yet", status.isin(["raised", "checked"])),
        )
        for id, column, those in groups:
            cells.append(
                (
                    str(issue),
                    column,
                    _n(
                        f"actions.said.issue{place + 1:02d}.{wave}.{id}",
                        int(those.sum()),
                        wave,
                        issue=place + 1,
                        answer=id,
                    ),
                )
            )
        cells.append((str(issue), "Because", words(f"actions.said.issue{place + 1:02d}.{wave}.why", _why(part))))
    return layout.table(plan, wave, "actions.said_did", source=source).add(cells).exhibit()


def _why(part: pd.DataFrame) -> str:
    refused = part[(part["status"] == "cannot").fillna(False).to_numpy(dtype=bool)]
    if refused.empty:
        return "–"
    given = refused["reason_cannot"].fillna("") if "reason_cannot" in refused else pd.Series("", index=refused.index)
    reasons = list(dict.fromkeys(str(r) for r in given if r))
    return "; ".join([*reasons, *(["no reason was given"] if (given == "").any() else [])])


def _times(plan: Plan, wave: str, rows: pd.DataFrame, until: pd.Timestamp, source: str) -> Exhibit:
    known = doing.outcomes(rows, until=until)
    if known.empty:
        cell = register_cells.cannot(
            wave,
            f"actions.times.all.{wave}",
            "no action has a date on which it was raised",
            "Write down when each issue was raised.",
        )
        return layout.table(plan, wave, "actions.times").only(cell)
    cells: Triples = []
    for k, curve in enumerate(doing.cumulative_incidence(known["days"], known["event"])):
        for days in DAYS:
            share, low, high = curve.at(days)
            ends = {"low": low, "high": high} if share > 0 else {}  # before the first ending there is no interval
            cells.append(
                (
                    f"{curve.event[:1].upper()}{curve.event[1:]}",
                    f"Within {days} days",
                    per_cent(f"actions.within.end{k + 1}.{wave}.d{days}", share, wave, **ends),
                )
            )
    first = doing.first_response(known["answered"], known["was_answered"])
    for days in DAYS:
        place = sum(t <= days for t in first.times)
        cells.append(
            (
                "Any first response",
                f"Within {days} days",
                per_cent(f"actions.within.answered.{wave}.d{days}", first.share[place - 1] if place else 0.0, wave),
            )
        )
    notes = [
        "Time runs from the day an issue was raised. Open actions are not counted as refused.",
        "Shares ending done or refused are cumulative incidence (Aalen-Johansen); first response is Kaplan-Meier.",
        "Actions without a date of raising are in no time; their number stands under “Was the loop closed?”.",
    ]
    return (
        layout.table(plan, wave, "actions.times", source=source).add(cells).note_texts("more", tuple(notes)).exhibit()
    )


def _median(first: doing.FirstResponse, wave: str) -> Any:
    """Return the median time to a first response, once half have had one."""
    id = f"actions.median.answered.{wave}"
    if first.median is None:
        return register_cells.cannot(
            wave, id, "half of the actions have not had a first response yet", "Wait for more answers."
        )
    ends = {} if first.low is None or first.high is None else {"low": first.low, "high": first.high}
    return measure(id, first.median, "days", wave=wave, decimals=0, **ends)


def _loop(plan: Plan, wave: str, rows: pd.DataFrame, until: pd.Timestamp, source: str) -> Exhibit:
    n = doing.feedback_loop(rows, until=until)
    cells: Triples = [
        ("All actions", "Actions", _n(f"actions.all.all.{wave}", len(rows), wave, status="any")),
        ("Reported back to people", "Actions", _n(f"actions.told.all.{wave}", n.reported_back, wave, told="yes")),
        (
            "Reported back to people",
            "Share of all",
            per_cent(f"actions.told_share.all.{wave}", n.reported_back / n.raised, wave),
        ),
        ("Refused", "Actions", _n(f"actions.refused.all.{wave}", n.refused, wave, status="cannot")),
        (
            "Refused with a written reason",
            "Actions",
            _n(f"actions.explained.all.{wave}", n.explained, wave, status="cannot", reason="yes"),
        ),
        (
            "Past their date and not closed",
            "Actions",
            _n(f"actions.overdue.all.{wave}", n.overdue, wave, overdue="yes"),
        ),
        ("Without a date of raising", "Actions", _n(f"actions.undated.all.{wave}", n.undated, wave, dated="no")),
        ("Answer rated by the community", "Actions", _n(f"actions.rated.all.{wave}", n.rated, wave, rated="yes")),
    ]
    if n.refused:
        cells.append(
            (
                "Refused with a written reason",
                "Share of all",
                per_cent(f"actions.explained_share.all.{wave}", n.explained / n.refused, wave),
            )
        )
    if n.rated:
        cells.append(
            (
                "Answer rated by the community",
                "Rated satisfied",
                per_cent(f"actions.satisfied.all.{wave}", n.satisfied / n.rated, wave),
            )
        )
    known = doing.outcomes(rows, until=until)
    if len(known):
        first = doing.first_response(known["answered"], known["was_answered"])
        cells.append(("Half had a first response within", "Days", _median(first, wave)))
    for source_id, count in rows["raised_source"].value_counts().sort_index().items():
        name = register_cells.levels(plan, "actions", "raised_source").get(str(source_id), str(source_id))
        cells.append(
            (
                f"Raised through: {name}",
                "Actions",
                _n(f"actions.from.{source_id}.{wave}", int(count), wave, source=source_id),
            )
        )
    return layout.table(plan, wave, "actions.loop", source=source).add(cells).exhibit()


def _list(plan: Plan, wave: str, rows: pd.DataFrame, source: str) -> Exhibit:
    """Return every action with its theme, owner, status and last date: the record behind the counts."""
    names, themes = register_cells.levels(plan, "actions", "status"), register_cells.levels(plan, "actions", "theme")
    cells: Triples = []
    for row in rows.itertuples(index=False):
        stem, label = f"actions.list.{row.action_id}.{wave}", str(row.action_id)
        columns = (
            ("Raised", register_cells.month(row.raised_date)),
            ("Theme", themes.get(row.theme, row.theme)),
            ("Issue", row.issue),
            ("Owner", row.owner_department),
            ("Status", names.get(row.status, row.status)),
            ("Since", register_cells.month(row.status_date)),
        )
        cells += [(label, c, words(f"{stem}.{c}", "not stated" if pd.isna(v) else str(v))) for c, v in columns]
    return layout.table(plan, wave, "actions.list", source=source).add(cells).exhibit()
