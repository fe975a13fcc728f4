"""Actions: status, what was asked and answered, times with refusals competing, whether the loop was closed."""

from __future__ import annotations

import pandas as pd

from evaluation.analysis.programme import register_cells
from evaluation.exhibit import Exhibit, cell_key
from evaluation.plan.study import Plan
from evaluation.programme import actions as action_times
from evaluation.table_builder import Row, Tables

# Parts of ids by status, in the order of the table.
STATUS_IDS = {
    "reported_back": "reported-back",
    "done": "done",
    "under_way": "under-way",
    "cannot": "could-not-be-done",
    "referred": "passed-on",
    "checked": "confirmed",
    "raised": "raised-only",
}
ANSWERS = {
    "did": action_times.DONE_STATUSES,
    "doing": ("under_way", "referred"),
    "not": ("cannot",),
    "open": ("raised", "checked"),
}
DAYS = (90, 180, 365)


def actions(plan: Plan, wave: str, registers: register_cells.Registers) -> list[Exhibit]:
    """Return actions by status, asked and answered, time to an answer and to an end, the closed loop, and the list."""
    rows, build = register_cells.read(plan, wave, registers, "actions")
    if rows is None:
        return [
            register_cells.absent(plan, wave, "actions.status", "actions"),
            register_cells.absent(plan, wave, "actions.said_did", "actions"),
        ]
    until = register_cells.through(plan, wave, registers)
    return [
        _status(plan, build, rows),
        _answers(build, rows),
        _times(build, rows, until),
        _loop(plan, build, rows, until),
        _list(plan, build, rows),
    ]


def _status(plan: Plan, build: Tables, rows: pd.DataFrame) -> Exhibit:
    table, counts = build.table("actions.status"), rows["status"].value_counts()
    labels = register_cells.levels(plan, "actions", "status")
    labels |= {"cannot": "Could not be done"}  # whether it was explained is another row
    statuses = [s for s in STATUS_IDS if s in labels]
    for status in statuses:
        table.row(STATUS_IDS[status], labels[status]).count("n", counts.get(status, 0), status=status)
    table.sum(cell_key("actions", status="any"), [cell_key("actions", status=s) for s in statuses])
    return table.exhibit()


def _answers(build: Tables, rows: pd.DataFrame) -> Exhibit:
    """Return, for each issue, how often it was done, is under way, was refused and why, or has no answer yet."""
    table = build.table("actions.said_did")
    for place, (issue, part) in enumerate(rows.groupby("issue", sort=False), 1):
        row = table.row(f"issue{place:02d}", str(issue))
        for answer, statuses in ANSWERS.items():
            row.count(answer, part["status"].isin(statuses).sum(), issue=place)
        row.text("why", _reasons(part))
    return table.exhibit()


def _reasons(part: pd.DataFrame) -> str:
    refused = part[(part["status"] == "cannot").fillna(False).to_numpy(dtype=bool)]
    if refused.empty:
        return "–"
    given = refused["reason_cannot"].fillna("") if "reason_cannot" in refused else pd.Series("", index=refused.index)
    reasons = list(dict.fromkeys(str(r) for r in given if r))
    return "; ".join([*reasons, *(["no reason was given"] if (given == "").any() else [])])


def _times(build: Tables, rows: pd.DataFrame, until: pd.Timestamp) -> Exhibit:
    known = action_times.outcomes(rows, until=until)
    if known.empty:
        why = "no action has a date on which it was raised"
        return build.refused("actions.times", register_cells.refusal(why, "Write down when each issue was raised."))
    table = build.table("actions.times")
    for place, curve in enumerate(action_times.cumulative_incidence(known["days"], known["event"]), 1):
        row = table.row(f"end{place}", f"{curve.event[:1].upper()}{curve.event[1:]}")
        for days in DAYS:
            share, low, high = curve.at(days)
            ends = {"low": low, "high": high} if share > 0 else {}  # before the first ending there is no interval
            row.share(f"d{days}", share, **ends)
    first = action_times.first_response(known["answered"], known["was_answered"])
    for days in DAYS:
        place = sum(t <= days for t in first.times)
        table.row("answered").share(f"d{days}", first.share[place - 1] if place else 0.0)
    return table.exhibit()


def _loop(plan: Plan, build: Tables, rows: pd.DataFrame, until: pd.Timestamp) -> Exhibit:
    n, table = action_times.feedback_loop(rows, until=until), build.table("actions.loop")
    table.row("all").count("n", len(rows))
    table.row("told").count("n", n.reported_back).share("share", n.reported_back / n.raised)
    for key in ("did", "doing", "open"):
        table.row(key).count("n", rows["status"].isin(ANSWERS[key]).sum())
    for key in ("refused", "explained", "overdue", "undated", "rated"):
        table.row(key).count("n", getattr(n, key))
    ends = [cell_key("actions", answer=key) for key in ("did", "doing", "open")]
    table.sum(cell_key("actions", status="any"), [*ends, cell_key("actions", status="cannot")])
    if n.refused:
        table.row("explained").share("share", n.explained / n.refused)
    if n.rated:
        table.row("rated").share("satisfied", n.satisfied / n.rated)
    known = action_times.outcomes(rows, until=until)
    if len(known):
        _median(table.row("answered"), action_times.first_response(known["answered"], known["was_answered"]))
    labels = register_cells.levels(plan, "actions", "raised_source")
    for source, count in rows["raised_source"].value_counts().sort_index().items():
        label = f"Raised through: {labels.get(str(source), str(source))}"
        table.row("from", label).count("n", count, id=f"actions.from.{source}.{build.wave}", source=source)
    return table.exhibit()


def _median(row: Row, first: action_times.FirstResponse) -> None:
    """Add the median time to a first response, once half have had one."""
    if first.median is None:
        row.refused("days", "half of the actions have not had a first response yet", "Wait for more answers.")
    elif first.low is None or first.high is None:
        row.number("days", first.median)
    else:
        row.number("days", first.median, low=first.low, high=first.high)


def _list(plan: Plan, build: Tables, rows: pd.DataFrame) -> Exhibit:
    """Return every action with its theme, owner, status and last date: the record behind the counts."""
    columns = {
        "raised": rows["raised_date"].map(register_cells.month),
        "theme": register_cells.in_words(plan, "actions", rows, "theme"),
        "issue": rows["issue"],
        "owner": rows["owner_department"],
        "status": register_cells.in_words(plan, "actions", rows, "status"),
        "since": rows["status_date"].map(register_cells.month),
    }
    frame = register_cells.stated(pd.DataFrame(columns)).set_axis(rows["action_id"])
    return build.table("actions.list").from_frame(frame).exhibit()
