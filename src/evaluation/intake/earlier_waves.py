"""What an earlier wave's export holds, read once: hashes of its answers by variable, and its first and last day.

Nobody's answers are kept: cells are compared by their hashes.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from evaluation.errors import InputError, StudyError
from evaluation.intake import readers, wave_file
from evaluation.intake.dates import read_date
from evaluation.intake.known_words import normal
from evaluation.intake.records import Read
from evaluation.intake.wave_file import WaveInfo

Hashes = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier wave: hashes of its answers by variable, and the first and last day by variable that holds days."""

    hashes: Hashes = field(default_factory=dict, repr=False)
    days: dict[str, tuple[dt.date, dt.date]] = field(default_factory=dict)


def of(root: Path, wave: str, dates: tuple[str, ...] = ()) -> Earlier:
    """Return what a wave holds, with the days of `dates`; nothing where it cannot be read, which its own check says."""
    try:
        info = wave_file.load(root, wave)
        stamps = info.path.stat().st_mtime_ns, (info.folder / "wave.toml").stat().st_mtime_ns
        hashes, texts = _kept(info.path, *stamps)
    except (InputError, StudyError, OSError):
        return Earlier()
    found = {n: [d for t in texts.get(n, ()) if (d := read_date(t, info.date_order)[0])] for n in dates}
    return Earlier(hashes, {n: (min(d), max(d)) for n, d in found.items() if d})


@functools.lru_cache(maxsize=8)
def _kept(path: Path, _changed: int, _mapped: int) -> tuple[Hashes, dict[str, list[str]]]:
    """Return hashes of every answer, and the different texts of columns that are few: days are among them."""
    info = wave_file.load(path.parents[3], path.parent.name)
    read = readers.read_wave(info)
    columns = {info.columns[c]: read.frame[c] for c in answers(info, read)}
    texts = {n: [str(t) for t in c.array.categories] for n, c in columns.items() if _days(c)}
    return {n: hashed(c) for n, c in columns.items()}, texts


def _days(column: pd.Series) -> bool:
    """Return whether the texts of a column may be days."""
    held = [str(t) for t in column.array.categories if t]
    return bool(held) and any(c.isdigit() for c in held[0]) and len(held[0]) > 4


def answers(info: WaveInfo, read: Read) -> list[str]:
    """Return the columns that hold answers: those mapped, without the number of the respondent and the wave."""
    return [c for c in read.frame.columns if info.columns.get(c, "resp_id") not in ("resp_id", "wave")]


def hashed(column: pd.Series, same: Callable[[str], str] = normal) -> np.ndarray:
    """Return a hash of each cell; cells that say the `same` have the same one."""
    found = column.array
    texts = np.array([same(str(c)) for c in found.categories], dtype=object)
    return np.asarray(pd.util.hash_array(texts, categorize=False)[found.codes])
