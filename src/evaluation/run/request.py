"""The request for a run, with its wave, date and limits resolved."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.errors import StudyError, nearest
from evaluation.plan import study

CELL_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Request:
    """The words of `evaluation run`, resolved: nothing here is read from the environment."""

    study: Path | None = None
    wave: str = ""
    date: str = ""
    only: str = ""
    draft: bool = False
    fresh: bool = False
    say: Callable[[str], None] = print
    cluster: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    cell_seconds: int = CELL_SECONDS


def resolve_wave(plan: study.Plan, wave: str) -> str:
    """Return the wave asked for, or the plan's last; a wave the plan lacks is an error naming the nearest."""
    if not wave:
        return plan.waves[-1]
    if wave not in plan.waves:
        raise StudyError(
            f"the study has no wave {wave!r}; it has {', '.join(plan.waves)}",
            todo=f"Did you mean {nearest(wave, plan.waves) or plan.waves[-1]!r}?",
        )
    return wave


def resolve_date(plan: study.Plan, date: str) -> dt.date:
    """Return the report's date: as asked, else `$SOURCE_DATE_EPOCH`, else today in the study's time zone."""
    if date:
        try:
            return dt.date.fromisoformat(date)
        except ValueError:
            raise StudyError(f"{date!r} is not a date", todo="Write it as 2026-07-04.") from None
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch:
        if not epoch.isdigit():
            raise StudyError(f"SOURCE_DATE_EPOCH is {epoch!r}, not a number of seconds")
        return dt.datetime.fromtimestamp(int(epoch), dt.UTC).date()
    return resolve_clock(plan)


def resolve_clock(plan: study.Plan) -> dt.date:
    """Return today by the machine's clock, in the study's time zone."""
    from zoneinfo import ZoneInfo

    return dt.datetime.now(ZoneInfo(plan.study.timezone)).date()
