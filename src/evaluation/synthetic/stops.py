"""Simulate stop and search records in the layout of data.police.uk, one row a search, monthly files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

FIRST_YEAR = 2015
POINTS = 20_000
HEAD = (
    "Type,Date,Part of a policing operation,Policing operation,Latitude,Longitude,Gender,Age range,"
    "Self-defined ethnicity,Officer-defined ethnicity,Legislation,Object of search,Outcome,"
    "Outcome linked to object of search,Removal of more than just outer clothing\n"
)
SELF = {
    "White - English/Welsh/Scottish/Northern Irish/British": 0.52,
    "White - Any other White background": 0.06,
    "Asian/Asian British - Indian": 0.07,
    "Asian/Asian British - Any other Asian background": 0.06,
    "Black/African/Caribbean/Black British - African": 0.05,
    "Black/African/Caribbean/Black British - Caribbean": 0.04,
    "Mixed/Multiple ethnic groups - White and Black Caribbean": 0.02,
    "Other ethnic group - Not stated": 0.17,
    "": 0.01,
}


def month(number: int, n: int, rng: np.random.Generator) -> bytes:
    """Return one month of made-up records as csv text, in the layout of data.police.uk."""
    start = pd.Timestamp(FIRST_YEAR, 1, 1) + pd.DateOffset(months=number)
    when = start + pd.to_timedelta(rng.integers(0, 28 * 24 * 60, n), unit="min")
    pick = rng.choice
    parts = (
        pick(["Person search", "Person and Vehicle search"], n),
        when.strftime("%Y-%m-%dT%H:%M:00+00:00").to_numpy(),
        np.full(n, ","),
        _points(n, rng),
        pick(["Male", "Female", ""], n),
        pick(["10-17", "18-24", "25-34", "over 34", ""], n),
        pick(list(SELF), n, p=list(SELF.values())),
        pick(["White", "Black", "Asian", "Other", ""], n, p=[0.6, 0.15, 0.2, 0.03, 0.02]),
        pick(["Misuse of Drugs Act 1971 (section 23)", "Police and Criminal Evidence Act 1984 (section 1)"], n),
        pick(["Controlled drugs", "Offensive weapons", "Stolen goods"], n),
        pick(["A no further action disposal", "Arrest", "Community resolution", ""], n),
        pick(["", "True", "False"], n),
        np.full(n, "False"),
    )
    text = parts[0].astype(object)
    for part in parts[1:]:
        text = text + "," + part.astype(object)
    return (HEAD + "\n".join(text) + "\n").encode()


def _points(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return places as published: each search is moved to one of the map's fixed points."""
    point = rng.integers(0, POINTS, n)
    return np.char.mod("%.6f,", 52.5 + 0.2 * (point * 0.618 % 1)) + np.char.mod("%.6f", -1.3 + 0.4 * (point / POINTS))


def write(folder: Path, records: int, months: int, *, seed: int) -> None:
    """Write `records` made-up searches as so many monthly files, in equal parts."""
    rng = np.random.default_rng(seed)
    for number in range(months):
        name = f"{FIRST_YEAR + number // 12}-{number % 12 + 1:02d}.csv"
        (folder / name).write_bytes(month(number, records // months, rng))
