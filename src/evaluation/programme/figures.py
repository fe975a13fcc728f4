"""Published figures: what one needs to be read alone, and whether it follows from the base it gives."""

from __future__ import annotations

from typing import TypeGuard

import pandas as pd

BLANK = ("", "not stated", "not known")


def _given(value: float | str | None) -> TypeGuard[float | str]:
    return not pd.isna(value) and str(value).strip().lower() not in BLANK


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
