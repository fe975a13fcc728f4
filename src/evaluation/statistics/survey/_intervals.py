"""Intervals of a share that stay inside 0 and 1: logit, Korn-Graubard, Wilson; and the plain t interval."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evaluation import errors

INTERVALS = ("logit", "beta", "wilson", "mean")
ZERO_ERROR = 1e-12  # an error this small is none: the share of a margin that the weights were made to meet
IntervalFunction = Callable[[float, float, int, float, float], tuple[float, float]]


def check_interval(interval: str, level: float) -> None:
    """Refuse an interval that is not known, and a level outside 0 to 1.

    Parameters
    ----------
    interval : str
        Name of the interval of a share.
    level : float
        Confidence level.

    Raises
    ------
    Unsupported, DataError
        Another name than those in `INTERVALS`; a level that is not between 0 and 1.
    """
    if interval not in INTERVALS:
        raise errors.Unsupported(f"interval {interval!r} is not known", todo=f"Use one of {', '.join(INTERVALS)}.")
    if not 0 < level < 1:
        raise errors.DataError(f"level {level} is not between 0 and 1", todo="Give a level such as 0.95.")


def interval_function(p: float, se: float, interval: str) -> tuple[IntervalFunction, str]:
    """Return the function that makes the interval of a share, and its name.

    Parameters
    ----------
    p : float
        Estimated share, 0 to 1.
    se : float
        Its standard error.
    interval : "logit", "beta", "wilson" or "mean"
        The interval asked for.

    Returns
    -------
    function : callable
        Takes share, error, people, degrees of freedom and level; returns the two ends. At a share of 0 or 1 it is the
        Korn-Graubard interval; without error it is the point.
    name : str
        What was used, in words.
    """
    if p in (0.0, 1.0):
        return korn_graubard, "Korn-Graubard interval at the edge"
    if se <= ZERO_ERROR:
        return _point, "a margin that the weights meet"
    functions: dict[str, IntervalFunction] = {
        "logit": _logit,
        "beta": korn_graubard,
        "wilson": _wilson,
        "mean": _t_interval,
    }
    return functions[interval], f"{interval} interval"


def _point(p: float, _se: float, _n: int, _df: float, _level: float) -> tuple[float, float]:
    return p, p


def _t_interval(p: float, se: float, _: int, df: float, level: float) -> tuple[float, float]:
    from scipy.stats import t

    half = float(t.ppf(0.5 + level / 2, df)) * se
    return p - half, p + half


def _logit(p: float, se: float, _: int, df: float, level: float) -> tuple[float, float]:
    from scipy.special import expit, logit
    from scipy.stats import t

    half = float(t.ppf(0.5 + level / 2, df)) * se / (p * (1 - p))
    return float(expit(logit(p) - half)), float(expit(logit(p) + half))


def korn_graubard(p: float, se: float, n: int, df: float, level: float = 0.95) -> tuple[float, float]:
    """Return the Korn-Graubard interval of a share: Clopper-Pearson with the design's effective number (1998).

    n* = p (1 - p) / se² × (t_{n-1} / t_df)², the unweighted number where the share is 0 or 1; as R's
    svyciprop(method = "beta").

    Parameters
    ----------
    p : float
        Estimated share, 0 to 1.
    se : float
        Its design-based standard error.
    n : int
        Unweighted people.
    df : float
        Design degrees of freedom.
    level : float
        Confidence level, 0 to 1.

    Returns
    -------
    low, high : float
        Ends of the interval, 0 to 1.
    """
    from scipy.stats import beta, t

    effective = float(n)
    if 0 < p < 1 and se > 0:
        effective = p * (1 - p) / se**2
        if n > 1 and df > 0:
            effective *= float(t.ppf(0.5 + level / 2, n - 1) / t.ppf(0.5 + level / 2, df)) ** 2
    tail, x = (1 - level) / 2, p * effective
    low = 0.0 if p == 0 else float(beta.ppf(tail, x, effective - x + 1))
    high = 1.0 if p == 1 else float(beta.ppf(1 - tail, x + 1, effective - x))
    return low, high


def _wilson(p: float, se: float, _: int, df: float, level: float) -> tuple[float, float]:
    from scipy.stats import t

    effective, z = p * (1 - p) / se**2, float(t.ppf(0.5 + level / 2, df))
    middle = (p + z**2 / (2 * effective)) / (1 + z**2 / effective)
    half = z / (1 + z**2 / effective) * np.sqrt(p * (1 - p) / effective + z**2 / (4 * effective**2))
    return float(middle - half), float(middle + half)
