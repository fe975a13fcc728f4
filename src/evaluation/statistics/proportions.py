"""Intervals of one share and of the difference of two, in the forms that published figures use."""

from __future__ import annotations

import math

from evaluation.errors import DataError, Unsupported
from evaluation.results import Estimate

METHODS = ("wilson", "wilson_cc", "exact", "jeffreys", "agresti_coull", "wald")


def interval(x: int, n: int, *, method: str = "wilson", level: float = 0.95) -> tuple[float, float]:
    """Return the ends of the interval of a share x / n, between 0 and 1 (Agresti-Coull and Wald may leave them).

    Parameters
    ----------
    x, n : int
        How many have the feature, and of how many.
    method : str
        "wilson" (score; Newcombe 1998a, method 3), "wilson_cc" (with continuity correction, method 4), "exact"
        (Clopper and Pearson 1934), "jeffreys" (Beta(x + 1/2, n - x + 1/2) quantiles), "agresti_coull" (Agresti and
        Coull 1998) or "wald".

    Raises
    ------
    DataError
        n is not positive, or x is outside 0 to n.
    Unsupported
        An unknown method.
    """
    _check(x, n)
    if method not in METHODS:
        raise Unsupported(f"there is no interval {method!r}", todo=f"Use one of {', '.join(METHODS)}.")
    alpha = 1 - level
    if method in ("exact", "jeffreys"):
        return _beta(x, n, alpha, method)
    from scipy.special import ndtri

    z = float(ndtri(1 - alpha / 2))
    if method == "wilson":
        return _wilson(x, n, z)
    if method == "wilson_cc":
        return _wilson_corrected(x, n, z)
    if method == "agresti_coull":
        centre, size = (x + z * z / 2) / (n + z * z), n + z * z
    else:
        centre, size = x / n, float(n)
    half = z * math.sqrt(centre * (1 - centre) / size)
    return centre - half, centre + half


def _check(x: int, n: int) -> None:
    if n <= 0 or not 0 <= x <= n:
        raise DataError(f"a share needs 0 ≤ x ≤ n and n > 0, got x = {x} and n = {n}", todo="Check the counts.")


def _beta(x: int, n: int, alpha: float, method: str) -> tuple[float, float]:
    from scipy.special import betaincinv

    if method == "jeffreys":
        a, b = x + 0.5, n - x + 0.5
        return float(betaincinv(a, b, alpha / 2)), float(betaincinv(a, b, 1 - alpha / 2))
    low = 0.0 if x == 0 else float(betaincinv(x, n - x + 1, alpha / 2))
    high = 1.0 if x == n else float(betaincinv(x + 1, n - x, 1 - alpha / 2))
    return low, high


def _wilson(x: int, n: int, z: float) -> tuple[float, float]:
    centre, half = x + z * z / 2, z * math.sqrt(x * (n - x) / n + z * z / 4)
    low, high = (centre - half) / (n + z * z), (centre + half) / (n + z * z)
    return (0.0 if x == 0 else low), (1.0 if x == n else high)


def _wilson_corrected(x: int, n: int, z: float) -> tuple[float, float]:
    """Score interval with half a count taken off towards each end (R's `prop.test(correct = TRUE)`)."""
    p, cut = x / n, min(0.5, abs(x - 0.5 * n))
    low = max(0.0, (n * p - cut + z * z / 2 - z * math.sqrt(z * z / 4 + (x - cut) * (1 - (x - cut) / n))) / (n + z * z))
    high = (
        min(1.0, (n * p + cut + z * z / 2 + z * math.sqrt(z * z / 4 + (x + cut) * (1 - (x + cut) / n))) / (n + z * z))
        if x < n
        else 1.0
    )
    return (0.0 if x == 0 else low), high


def share(x: int, n: int, *, method: str = "wilson", unit: str = "per cent", **words: object) -> Estimate:
    """Return x / n with its interval, as a percentage (or as a share of 1 for any other unit)."""
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
        **words,  # type: ignore[arg-type]
    )


def difference(x1: int, n1: int, x2: int, n2: int, *, unit: str = "percentage points", **words: object) -> Estimate:
    """Return the difference of two shares, first minus second, with Newcombe's interval (1998b, method 10).

    The p-value is Fisher's exact test, two-sided. `n` holds both bases.
    """
    from scipy.stats import fisher_exact

    gap = x1 / n1 - x2 / n2
    ends = {}
    for level, (a, b) in {0.95: ("low", "high"), 0.90: ("low_90", "high_90")}.items():
        (l1, u1), (l2, u2) = interval(x1, n1, level=level), interval(x2, n2, level=level)
        p1, p2 = x1 / n1, x2 / n2
        ends[a] = gap - math.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2)
        ends[b] = gap + math.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)
    scale = 100.0 if unit == "percentage points" else 1.0
    p = float(fisher_exact([[x1, n1 - x1], [x2, n2 - x2]]).pvalue)
    se = math.sqrt(x1 * (n1 - x1) / n1**3 + x2 * (n2 - x2) / n2**3)
    return Estimate(
        value=scale * gap,
        se=scale * se,
        **{k: scale * v for k, v in ends.items()},
        df=math.inf,
        p=p,
        unit=unit,
        n={"first": int(n1), "second": int(n2)},
        method="difference of shares",
        se_method="Newcombe",
        null=0.0,
        **words,  # type: ignore[arg-type]
    )
