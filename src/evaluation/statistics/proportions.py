"""Intervals of one share and of the difference of two, in the forms that published figures use."""

from __future__ import annotations

import math
from typing import Any

from evaluation.errors import DataError, Unsupported
from evaluation.results import Estimate

METHODS = ("wilson", "wilson_cc", "exact", "jeffreys", "agresti_coull", "wald")
STATSMODELS = {"wilson": "wilson", "exact": "beta", "jeffreys": "jeffreys"}


def interval(x: int, n: int, *, method: str = "wilson", level: float = 0.95) -> tuple[float, float]:
    """Return the ends of the interval of a share x / n.

    Parameters
    ----------
    x, n : int
        How many have the feature, and of how many.
    method : {"wilson", "wilson_cc", "exact", "jeffreys", "agresti_coull", "wald"}
        Score; score with continuity correction; Clopper-Pearson; quantiles of Beta(x + 1/2, n - x + 1/2);
        Agresti-Coull; Wald.
    level : float
        Confidence level, 0 to 1.

    Returns
    -------
    tuple of float
        Lower and upper end, between 0 and 1 (Agresti-Coull and Wald may leave them, as their formulas do).

    Raises
    ------
    DataError
        n is not positive, or x is outside 0 to n.
    Unsupported
        An unknown method.

    References
    ----------
    Newcombe (1998a), methods 3 and 4, for the score intervals; Clopper and Pearson (1934); Agresti and Coull (1998).
    """
    _check(x, n)
    if method not in METHODS:
        raise Unsupported(f"there is no interval {method!r}", todo=f"Use one of {', '.join(METHODS)}.")
    if method in STATSMODELS:
        from statsmodels.stats.proportion import proportion_confint

        low, high = proportion_confint(x, n, alpha=1 - level, method=STATSMODELS[method])
        bounded = method != "jeffreys"  # the others end at 0 and 1, in statsmodels to rounding
        return (0.0 if bounded and x == 0 else float(low)), (1.0 if bounded and x == n else float(high))
    from scipy.special import ndtri

    z = float(ndtri((1 + level) / 2))
    if method == "wilson_cc":
        return _wilson_corrected(x, n, z)
    added = z * z if method == "agresti_coull" else 0.0  # statsmodels cuts these two at 0 and 1, R does not
    centre, size = (x + added / 2) / (n + added), n + added
    half = z * math.sqrt(centre * (1 - centre) / size)
    return centre - half, centre + half


def _check(x: int, n: int) -> None:
    """Refuse counts that are no share."""
    if n <= 0 or not 0 <= x <= n:
        raise DataError(f"a share needs 0 ≤ x ≤ n and n > 0, got x = {x} and n = {n}", todo="Check the counts.")


def _wilson_corrected(x: int, n: int, z: float) -> tuple[float, float]:
    """Score interval with half a count taken off towards each end (R's `prop.test(correct = TRUE)`)."""
    cut = min(0.5, abs(x - 0.5 * n))

    def _end(count: float, sign: float) -> float:
        return (count + z * z / 2 + sign * z * math.sqrt(z * z / 4 + count * (1 - count / n))) / (n + z * z)

    return (0.0 if x == 0 else max(0.0, _end(x - cut, -1))), (1.0 if x == n else min(1.0, _end(x + cut, 1)))


def share(x: int, n: int, *, method: str = "wilson", unit: str = "per cent", **details: Any) -> Estimate:
    """Return a share x / n with its 95 % and 90 % intervals.

    Parameters
    ----------
    x, n : int
        How many have the feature, and of how many.
    method : str
        A method of `interval`.
    unit : str
        "per cent" gives a percentage; any other unit a share of 1.
    **details : object
        Further fields of the `Estimate` (`outcome`, `wave` and so on).

    Returns
    -------
    Estimate
        The share, in `unit`.

    Raises
    ------
    DataError
        n is not positive, or x is outside 0 to n.
    Unsupported
        An unknown method.
    """
    low, high = interval(x, n, method=method)
    low_90, high_90 = interval(x, n, method=method, level=0.90)
    scale = 100.0 if unit == "per cent" else 1.0
    return Estimate(
        value=scale * x / n,
        se=scale * math.sqrt(x * (n - x) / n) / n,
        low=scale * low,
        high=scale * high,
        low_90=scale * low_90,
        high_90=scale * high_90,
        df=math.inf,
        unit=unit,
        n={"all": int(n)},
        method="share",
        se_method=method,
        **details,
    )


def difference(x1: int, n1: int, x2: int, n2: int, *, unit: str = "percentage points", **details: Any) -> Estimate:
    """Return the difference of two shares, first less second, with Newcombe's interval.

    Parameters
    ----------
    x1, n1 : int
        How many have the feature in the first group, and of how many.
    x2, n2 : int
        The same in the second group.
    unit : str
        "percentage points" gives points out of 100; any other unit a difference of shares of 1.
    **details : object
        Further fields of the `Estimate` (`outcome`, `wave` and so on).

    Returns
    -------
    Estimate
        The difference, in `unit`, with 95 % and 90 % intervals and the two-sided p-value of Fisher's exact test; `n`
        holds both bases.

    Raises
    ------
    DataError
        A base that is not positive, or a count outside it.

    References
    ----------
    Newcombe (1998b), method 10.
    """
    from scipy.stats import fisher_exact

    (low, high), (low_90, high_90) = (_newcombe(x1, n1, x2, n2, level) for level in (0.95, 0.90))
    scale = 100.0 if unit == "percentage points" else 1.0
    p = float(fisher_exact([[x1, n1 - x1], [x2, n2 - x2]]).pvalue)
    se = math.sqrt(x1 * (n1 - x1) / n1**3 + x2 * (n2 - x2) / n2**3)
    return Estimate(
        value=scale * (x1 / n1 - x2 / n2),
        se=scale * se,
        low=scale * low,
        high=scale * high,
        low_90=scale * low_90,
        high_90=scale * high_90,
        df=math.inf,
        p=p,
        unit=unit,
        n={"first": int(n1), "second": int(n2)},
        method="difference of shares",
        se_method="Newcombe",
        null=0.0,
        **details,
    )


def _newcombe(x1: int, n1: int, x2: int, n2: int, level: float) -> tuple[float, float]:
    """Return the ends of a difference of shares from the score intervals of both."""
    (l1, u1), (l2, u2) = interval(x1, n1, level=level), interval(x2, n2, level=level)
    p1, p2 = x1 / n1, x2 / n2
    gap = p1 - p2
    return gap - math.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2), gap + math.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)
