"""Published figures: what one needs to be read alone, and whether it follows from the base it gives."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from typing import TypeGuard

import pandas as pd

BLANK = ("", "not stated", "not known")


def _given(value: float | str | None) -> TypeGuard[float | str]:
    return not pd.isna(value) and str(value).strip().lower() not in BLANK


MONTHS = list(calendar.month_name)[1:]
MONTH = re.compile(rf"({'|'.join(MONTHS)}) (\d{{4}})")
FINANCIAL = re.compile(r"(\d{4})/(\d{2})\b")


def period_end(period: str) -> dt.date | None:
    """Return the last day of a period in words: "2019/20", "year to March 2023", "August 2018", "2018 to 2022".

    Parameters
    ----------
    period : str
        As published.

    Returns
    -------
    date or None
        None where no year is named, and for what holds "from" a date on.
    """
    if period.strip().lower().startswith("from "):
        return None
    months, years = MONTH.findall(period), re.findall(r"\d{4}", period)
    if months:
        name, year = months[-1]
        place = MONTHS.index(name) + 1
        return dt.date(int(year), place, calendar.monthrange(int(year), place)[1])
    if split := FINANCIAL.search(period):
        return dt.date(int(split[1]) + 1, 3, 31)
    return dt.date(int(years[-1]), 12, 31) if years else None


def missing_information(
    *,
    kind: str,
    value: float,
    numerator: float | None = None,
    denominator: float | None = None,
    comparator: str | None = None,
    area_of_figure: str | None = None,
    period: str | None = None,
) -> str:
    """Return what a published figure lacks, in words; an empty string when it can be read alone.

    A share and a change of a count need the two numbers they are made of (and must follow from them, to the digit that
    is printed), a ratio its comparator, an average its number of cases; each needs its area and its period.

    Parameters
    ----------
    kind : str
        "share", "rate_ratio", "pct_change_count", "count", "target", "average" or "maximum".
    value : float
        Per cent for shares and changes, times for ratios, else a plain number.
    numerator, denominator : float or None
        Of a share: the part and the whole; of a change: the later and the earlier count; of an average: the sum (may
        be absent) and the number of cases.
    comparator : str or None
        Whom a ratio compares with.
    area_of_figure, period : str or None
        Area and period that the figure is about.

    Returns
    -------
    str
        What is lacking, split by "; ".
    """
    what = []
    if kind in ("share", "pct_change_count"):
        if not (_given(numerator) and _given(denominator)):
            what.append("base not supplied")
        elif not _follows(kind, value, float(numerator), float(denominator)):
            what.append("does not follow from its base")
    if kind == "rate_ratio" and not _given(comparator):
        what.append("comparator not stated")
    if kind == "average" and not _given(denominator):
        what.append("number of cases not supplied")
    what += [f"{name} not stated" for name, v in (("area", area_of_figure), ("period", period)) if not _given(v)]
    return "; ".join(what)


def _follows(kind: str, value: float, top: float, bottom: float) -> bool:
    """Return whether a percentage follows from its two numbers, to half a unit of its last printed digit."""
    if bottom <= 0:
        return False
    exact = 100 * top / bottom - (100 if kind == "pct_change_count" else 0)
    places = len(f"{value:.6f}".rstrip("0").partition(".")[2])
    return bool(abs(exact - value) <= 0.5 * 10**-places + 1e-9)
