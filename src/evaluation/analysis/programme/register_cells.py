"""The registers as a report wave sees them, with the words of their codes, dates and sources."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd
from pandas.api.typing import NaTType

from evaluation.analysis import layout
from evaluation.errors import EvaluationError
from evaluation.exhibit import Exhibit
from evaluation.intake import waves
from evaluation.plan.study import Plan
from evaluation.results import NotIdentified
from evaluation.table_builder import Tables

Registers = Mapping[str, pd.DataFrame]
Day = dt.date | NaTType
Rows = TypeVar("Rows", pd.DataFrame, pd.Series)
DATES = {
    "events": "event_date",
    "iag_meetings": "meeting_date",
    "actions": "raised_date",
    "history": "start",
    "recruitment": "year_ending",
}
PERIOD = re.compile(r"(?P<year>\d{4})(?:-(?P<month>\d{2})| ?Q(?P<quarter>[1-4]))?$")
OLDEST = 24  # months before the end of fieldwork, from which on a figure says its age first
PERIODS = ("victim_recording", "stop_search")  # their period is text: a month, a quarter or a year


def through(plan: Plan, wave: str, registers: Registers) -> pd.Timestamp:
    """Return the last day that a report of this wave sees: the wave's last day, or all there is for the last wave."""
    dated = [
        f[c].dropna() for f in registers.values() for c in f if f[c].dtype.kind == "M" and c not in ("due_date", "end")
    ]
    latest = max((d.max() for d in dated if len(d)), default=pd.Timestamp("1970-01-01"))
    if wave == plan.waves[-1]:
        return pd.Timestamp(latest)
    try:
        end = waves.info(plan, wave).end
    except (EvaluationError, OSError):
        end = None
    if end is None:
        return pd.Timestamp(latest)
    return min(pd.Timestamp(latest), pd.Timestamp(end)) if any(len(d) for d in dated) else pd.Timestamp(end)


def read(
    plan: Plan, wave: str, registers: Registers, name: str, *, title: str = "", **words: object
) -> tuple[pd.DataFrame | None, Tables]:
    """Return a register up to the wave's last day, and the builder of the tables that have it as their `{source}`."""
    where = source(title or name, through(plan, wave, registers))
    return register(plan, wave, registers, name), layout.tables(plan, wave, **pair(plan), source=where, **words)


def register(plan: Plan, wave: str, registers: Registers, name: str) -> pd.DataFrame | None:
    """Return a register up to the wave's last day; None when it was not supplied or holds no row by then."""
    frame = registers.get(name)
    if frame is None or frame.empty:
        return None
    day = through(plan, wave, registers)
    column = DATES.get(name)
    if column in frame:
        frame = frame[frame[column].isna() | (frame[column] <= day)]
        frame = _as_of(frame, day) if name == "actions" else frame
    elif name in PERIODS and "period" in frame and wave != plan.waves[-1]:
        ends = frame["period"].map(period_end)
        frame = frame[(ends.isna() | (ends <= day)).to_numpy(dtype=bool)]
    elif name in ("attendance", "feedback") and "event_id" in frame:
        events = registers.get("events")
        if events is not None:
            late = events.loc[events["event_date"] > day, "event_id"]
            frame = frame[~frame["event_id"].isin(late)]
    return None if frame.empty else frame


def period_end(text: object) -> pd.Timestamp | NaTType:
    """Return the last day of "2024-03", "2024 Q1", "2024Q1" or "2024"; NaT for any other period, which is kept."""
    parts = PERIOD.match(str(text).strip())
    if not parts:
        return pd.NaT
    year, month, quarter = parts["year"], parts["month"], parts["quarter"]
    if month and not 1 <= int(month) <= 12:
        return pd.NaT
    last = int(month) if month else 3 * int(quarter) if quarter else 12
    return pd.Timestamp(int(year), last, 1) + pd.offsets.MonthEnd(0)


def latest(periods: Iterable[object]) -> str:
    """Return the last day of the latest of some periods or dates as 2025-09-30; "" where none is known."""
    ends = [p if isinstance(p, pd.Timestamp) else period_end(p) for p in periods]
    known = [e for e in ends if not pd.isna(e)]
    return f"{max(known):%Y-%m-%d}" if known else ""


def _as_of(actions: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Return actions as they stood on a day: what came later is not known yet."""
    later = (actions["status_date"] > day).fillna(False).to_numpy(dtype=bool)
    out = actions.copy()
    out.loc[later, "status"] = "raised"
    if "fed_back_date" in out:
        out["fed_back_date"] = out["fed_back_date"].where(out["fed_back_date"] <= day)
    if "reason_cannot" in out:
        out.loc[later, "reason_cannot"] = pd.NA
    return out


def absent(plan: Plan, wave: str, id: str, name: str) -> Exhibit:
    """Return the exhibit of a register that was not supplied: one plain sentence, never a hole."""
    table = plan.codebook.tables.get(name)
    grain = f" (one row for {table.grain})" if table is not None and getattr(table, "grain", "") else ""
    reason = f"no register of {name.replace('_', ' ')} was supplied, or it has no rows yet"
    return layout.refused(plan, wave, id, NotIdentified(reason, f"Supply it as {name}.csv or .xlsx{grain}.", wave=wave))


def refusal(reason: str, helps: str) -> NotIdentified:
    """Return why a table has no number, and what would help."""
    return NotIdentified(reason, helps, licence="descriptive")


def optional(row: object, column: str) -> Any:
    """Return a cell of a column that a register may leave out; NA where it does."""
    return getattr(row, column, pd.NA)


def month(day: Day) -> str:
    """Return "October 2022", or "no date"."""
    return "no date" if pd.isna(day) else f"{pd.Timestamp(day):%B %Y}"


def day_words(day: Day) -> str:
    """Return "5 October 2022", or "no date"."""
    return "no date" if pd.isna(day) else f"{pd.Timestamp(day).day} {pd.Timestamp(day):%B %Y}"


def levels(plan: Plan, table: str, column: str) -> dict[str, str]:
    """Return the levels of a register's column in words, in the codebook's order."""
    return {str(k): str(v) for k, v in plan.codebook.variable(column, table).levels.items()}


def pair(plan: Plan) -> dict[str, str]:
    """Return the words of the programme's group and of the group that it is compared with."""
    return {"stop_group": plan.programme.stop_group, "stop_comparator": plan.programme.stop_comparator}


def residents_by(margins: Mapping[str, pd.Series], *codes: str) -> Iterator[tuple[str, pd.Series]]:
    """Yield each variable of the population margins that has these codes, with the residents by its codes."""
    for margin in margins.values():
        for level in margin.index.names:
            by = margin.groupby(level=level).sum()
            if set(codes) <= set(by.index):
                yield str(level), by


def in_words(plan: Plan, table: str, rows: pd.DataFrame, column: str) -> pd.Series:
    """Return a register's column of codes in the codebook's words; a code that it does not have stays."""
    names = levels(plan, table, column)
    return rows[column].map(lambda code: names.get(code, code))


def age_words(end: Day | None, fieldwork: dt.date | None) -> str:
    """Return "[5 years before this survey]" for a figure older than 24 months at the end of fieldwork; "" otherwise."""
    if end is None or pd.isna(end) or fieldwork is None:
        return ""
    then, now = pd.Timestamp(end), pd.Timestamp(fieldwork)
    months = 12 * (now.year - then.year) + now.month - then.month - (now.day < then.day)
    return f"[{months // 12} years before this survey]" if months >= OLDEST else ""


def stated(rows: Rows) -> Rows:
    """Return values as text, "not stated" where there is none."""
    return rows.astype(object).where(rows.notna(), "not stated").map(str)


def unique(labels: Sequence[str]) -> list[str]:
    """Return the labels with " (2)", " (3)" where one comes again."""
    seen: dict[str, int] = {}
    out = []
    for text in labels:
        seen[text] = seen.get(text, 0) + 1
        out.append(text if seen[text] == 1 else f"{text} ({seen[text]})")
    return out


def source(name: str, day: pd.Timestamp) -> str:
    """Return where a register's figures come from, in words."""
    return f"Register of {name.replace('_', ' ')}, records to {day_words(day)}"
