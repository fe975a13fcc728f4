"""One ratio over several areas: pooled over them beside the ratio within them."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from evaluation.errors import DataError, EmptyCell, require_columns
from evaluation.results import Estimate, ratio_from_log
from evaluation.statistics.disparity.not_stated import whole_numbers
from evaluation.statistics.disparity.ratios import rate_ratio


def mantel_haenszel(
    counts: pd.DataFrame, population: pd.DataFrame, *, group: str, comparator: str, dispersion: float = 1.0
) -> list[Estimate]:
    """Return the ratio of two groups' rates pooled over areas, beside the Mantel-Haenszel ratio within areas.

    Parameters
    ----------
    counts, population : DataFrame
        Counts and residents: one row an area, one column a group; the same areas and groups in both.
    group, comparator : str
        Column of the group whose rate is divided, and of the one it is divided by.
    dispersion : float
        Quasi-Poisson dispersion φ (1 is plain counting); standard errors grow by its square root.

    Returns
    -------
    list of Estimate
        [pooled over areas, within areas]: ratios, `se` on the log scale, intervals made on the log scale. A pooled
        ratio far from the within-area one says that the groups live in areas with different overall rates.

    Raises
    ------
    UnknownColumn
        A group without a column.
    DataError
        Areas that differ or stand twice; counts or residents that are missing or negative.
    EmptyCell
        A group that was never counted.

    Notes
    -----
    RR = Σ aB/T / Σ bA/T with T = A + B in each area; variance of its log Σ (a+b)AB/T² / (Σ aB/T · Σ bA/T).

    References
    ----------
    Greenland and Robins (1985), person-time data.
    """
    areas = counts.index
    if set(areas) != set(population.index) or areas.has_duplicates or population.index.has_duplicates:
        raise DataError("counts and population must have the same areas, each once", todo="Align their rows.")
    for frame, role in ((counts, "counts"), (population, "population")):
        require_columns(frame, [group, comparator], role=role)
    people = population.loc[areas]
    a, b = (whole_numbers(counts[g], "counts").to_numpy() for g in (group, comparator))
    size_a, size_b = (people[g].astype(float).to_numpy() for g in (group, comparator))
    if not ((size_a >= 0) & (size_b >= 0) & (size_a + size_b > 0)).all():
        raise DataError("an area has no residents of either group", todo="Give its residents, or leave it out.")
    if a[size_a == 0].any() or b[size_b == 0].any():
        raise DataError("a group was counted in an area where it has no residents", todo="Check the residents.")
    total = size_a + size_b
    top, bottom = float((a * size_b / total).sum()), float((b * size_a / total).sum())
    if top == 0 or bottom == 0:
        raise EmptyCell("one of the groups has no counts in any area", todo="Join areas or years.")
    variance = float(((a + b) * size_a * size_b / total**2).sum()) / (top * bottom)
    n = {group: int(a.sum()), comparator: int(b.sum())}
    within = ratio_from_log(
        math.log(top / bottom),
        math.sqrt(dispersion * variance),
        unit="times",
        n=n,
        method="within areas (Mantel-Haenszel)",
        se_method="Greenland-Robins",
        group=f"{group} against {comparator}",
    )
    pooled = rate_ratio(
        counts[[group, comparator]].sum(),
        people[[group, comparator]].sum(),
        group=group,
        comparator=comparator,
        dispersion=dispersion,
    )[0]
    return [replace(pooled, method="pooled over areas"), within]
