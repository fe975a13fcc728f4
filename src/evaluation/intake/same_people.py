"""Find the same people counted twice: equal rows, one export as two waves, doubled link codes, another wave's rows.

Nobody's answers are kept or shown: rows are compared by hashes of their cells.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from evaluation.intake import earlier_waves
from evaluation.intake.earlier_waves import Hashes, answers, hashed
from evaluation.intake.mapping import Mapped, normal
from evaluation.intake.records import Read
from evaluation.intake.wave_file import WaveInfo
from evaluation.plan.study import Plan

LEAST_EXPECTED = 0.05  # pairs alike by chance: under this, equal rows are the same people
LEAST_SHARED = 8  # variables that two waves must share before their rows are compared
MOST_SHARED = 0.2  # of the smaller wave's rows found in another wave
MIXED = np.uint64(0x9E3779B97F4A7C15)


def check(plan: Plan, info: WaveInfo, read: Read, mapped: Mapped) -> None:
    """Add the faults that show people counted twice, or rows of another wave."""
    _doubled_rows(info, read, mapped)
    _doubled_links(plan, info, mapped)
    _wave_column(plan, info, read, mapped)
    _other_waves(plan, info, read, mapped)


def _together(columns: list[np.ndarray]) -> np.ndarray:
    whole = np.zeros(len(columns[0]), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column in columns:
            whole = (whole ^ column) * MIXED
            whole ^= whole >> np.uint64(29)
    return whole


def _doubled_rows(info: WaveInfo, read: Read, mapped: Mapped) -> None:
    """Rows equal in every answer are one person twice, unless so few things were asked that chance explains them."""
    columns = answers(info, read)
    if not columns or len(read.frame) < 2:
        return
    held = np.zeros(len(read.frame), dtype=np.int32)
    chance = math.log(len(read.frame) * (len(read.frame) - 1) / 2)
    for name in columns:
        found = read.frame[name].array
        counts = np.bincount(found.codes, minlength=len(found.categories)) / len(found)
        chance += math.log((counts**2).sum())
        held += np.asarray(found.categories != "")[found.codes]
    if chance > math.log(LEAST_EXPECTED):
        return
    whole = _together([hashed(read.frame[c], str) for c in columns])
    enough = held >= np.median(held) / 2
    again = np.flatnonzero(pd.Series(whole).duplicated().to_numpy() & enough)
    if len(again):
        first = int(np.flatnonzero(whole == whole[again[0]])[0])
        mapped.fault(
            "doubled_rows",
            info,
            "",
            f"equal in every answer to another row (the first to row {read.rows[first]}): the same person twice",
            "Remove one of each in the survey tool and export again, or waive it with a reason.",
            list(again),
        )


def _doubled_links(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    name = plan.treatment.link_column
    if name not in mapped.values:
        return
    codes = mapped.values[name].map(lambda v: pd.NA if v is pd.NA else "".join(str(v).split()).casefold())
    again = np.flatnonzero((codes.notna() & (codes != "") & codes.duplicated()).to_numpy())
    if len(again):
        mapped.fault(
            "doubled_link",
            info,
            name,
            "the link code stands with an earlier row too: the same person twice, or two who cannot be told apart",
            "Remove one of the rows, or blank the code of both, or waive it with a reason.",
            list(again),
        )


def _wave_column(plan: Plan, info: WaveInfo, read: Read, mapped: Mapped) -> None:
    """Refuse a column that says another wave; one that is read must say this wave."""
    for column in read.frame.columns:
        mapped_so = info.columns.get(column) == "wave"
        if not mapped_so and normal(column) not in ("wave", "survey wave"):
            continue
        found = read.frame[column].array
        said = [_said(str(c)) for c in found.categories]
        others = {_said(w) for w in plan.waves} - {_said(info.wave)}
        wrong = [s in others or (mapped_so and s not in ("", _said(info.wave))) for s in said]
        rows = np.flatnonzero(np.array(wrong, dtype=bool)[found.codes])
        if len(rows):
            mapped.fault(
                "other_wave",
                info,
                column,
                f"it does not say {info.wave}",
                "Export this wave alone, or add the export as the wave it is.",
                list(rows),
            )


def _said(text: str) -> str:
    """Return a wave's name without its letter, case and blanks: "W2024", "w 2024" and "2024" are one."""
    return "".join(normal(text).split()).removeprefix("wave").removeprefix("w")


def _other_waves(plan: Plan, info: WaveInfo, read: Read, mapped: Mapped) -> None:
    """Compare with every earlier wave: an export added twice under two names would be counted as change."""
    columns = {info.columns[c]: c for c in answers(info, read) if info.columns[c] != plan.treatment.link_column}
    here: Hashes = {}
    for wave in plan.waves[: plan.waves.index(info.wave)] if info.wave in plan.waves else ():
        there = earlier_waves.of(plan.root, wave).hashes
        shared = sorted(columns.keys() & there.keys())
        here |= {n: hashed(read.frame[columns[n]]) for n in shared if n not in here}
        chance = max(len(read.frame), *(len(there[n]) for n in shared[:1]), 1) * math.prod(
            _alike(there[n]) for n in shared
        )
        if len(shared) < LEAST_SHARED or chance > LEAST_EXPECTED:
            continue
        mine, theirs = (_together([side[n] for n in shared]) for side in (here, there))
        common = np.intersect1d(mine, theirs)
        same = np.flatnonzero(np.isin(mine, common))
        if len(common) > MOST_SHARED * min(len(mine), len(theirs)):
            mapped.fault(
                "same_export",
                info,
                "",
                f"these rows stand in {wave} too, answer for answer: one export was added as two waves",
                "Add each wave's own export.",
                list(same),
            )


def _alike(column: np.ndarray) -> float:
    """Return the chance that two people drawn at random gave the same answer."""
    counts = np.unique(column, return_counts=True)[1] / max(len(column), 1)
    return float((counts**2).sum())
