"""Change over a changed question or a changed list of groups, with the error of what joins the two sides."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from evaluation.errors import DataError
from evaluation.results import Estimate, from_se

Floats = npt.NDArray[np.float64]


def over_bridge(
    later: Estimate,
    earlier: Estimate,
    shift: Estimate,
    *,
    labels: tuple[str, str, str] = ("later", "earlier", "bridge"),
) -> Estimate:
    """Return the change of a question that took another's place, over the survey that asked both.

    Later level of the new question, less earlier level of the old one, plus what the same people answered to the old
    one less the new one. Three samples: their variances add, so that the change carries the bridge's error.

    Parameters
    ----------
    later, earlier : Estimate
        Level of the new question now, and of the old one then, in one unit.
    shift : Estimate
        Old less new among people of the bridge who answered both.
    labels : tuple of three str
        Names of the three samples in `n`.

    Returns
    -------
    Estimate
        Against 0; Welch-Satterthwaite degrees of freedom.

    Raises
    ------
    DataError
        A part without an error.

    Notes
    -----
    It holds if the two questions differ by the same amount at other times as they did at the bridge.
    """
    parts = (later, earlier, shift)
    if any(e.se is None for e in parts):
        raise DataError(
            "a change over a bridge needs the error of its three parts", todo="Estimate each with its error."
        )
    variances = [float(e.se or 0.0) ** 2 for e in parts]
    met = [e.n_sessions for e in parts]
    return from_se(
        later.value - earlier.value + shift.value,
        math.sqrt(sum(variances)),
        df=_satterthwaite(variances, [e.df for e in parts]),
        unit=later.unit,
        n={name: sum(e.n.values()) for name, e in zip(labels, parts, strict=True)},
        n_sessions=None if None in met else min(m for m in met if m is not None),
        method="change over the survey that asked both questions",
        se_method="levels and bridge; Welch-Satterthwaite t",
    )


def crossed(levels: Floats, covariance: Floats, shares: Floats, base: int, *, df: float) -> Estimate:
    """Return a group's level under a new list of groups, from levels under the old list and a crosswalk.

    The mean of the old groups' levels, each as often as people of the new group stood in it. Its variance is that of
    the levels, and that of the crosswalk's shares, which rest on people classified by both lists.

    Parameters
    ----------
    levels : ndarray, shape (k,)
        Levels of the old groups.
    covariance : ndarray, shape (k, k)
        Their covariance.
    shares : ndarray, shape (k,)
        Share of the new group's people who stood in each old group; they sum to 1.
    base : int
        People of the new group classified by both lists.
    df : float
        Degrees of freedom of the levels.

    Returns
    -------
    Estimate
        A level.

    Raises
    ------
    DataError
        Shares that are none or do not sum to 1; a crosswalk without people.

    Notes
    -----
    It holds if, within an old group, people whom the new list puts elsewhere answered like the others.
    """
    return _crossed(levels, covariance, [(shares, base)], df)


def crossed_gap(
    levels: Floats, covariance: Floats, shares: tuple[Floats, Floats], bases: tuple[int, int], *, df: float
) -> Estimate:
    """Return the gap between two groups of a new list, from levels under the old list and a crosswalk.

    Parameters
    ----------
    levels : ndarray, shape (k,)
        Levels of the old groups.
    covariance : ndarray, shape (k, k)
        Their covariance.
    shares : tuple of two ndarray, shape (k,)
        Of the first and of the second new group: share of its people who stood in each old group.
    bases : tuple of two int
        People of either new group classified by both lists.
    df : float
        Degrees of freedom of the levels.

    Returns
    -------
    Estimate
        First less second.

    Raises
    ------
    DataError
        As `crossed`.
    """
    return _crossed(levels, covariance, list(zip(shares, bases, strict=True)), df)


def _crossed(levels: Floats, covariance: Floats, groups: list[tuple[Floats, int]], df: float) -> Estimate:
    """Return a new group's level, or the first new group's less the second's."""
    weights, mixing, signs = np.zeros(len(levels)), 0.0, (1.0, -1.0)
    for (given, base), sign in zip(groups, signs, strict=False):
        shares = np.asarray(given, dtype=float)
        if (shares < 0).any() or not math.isclose(float(shares.sum()), 1.0, abs_tol=1e-6):
            raise DataError("the shares of a crosswalk are 0 or more and sum to 1", todo="Correct the shares.")
        if base < 1:
            raise DataError(
                "a crosswalk without people has no error", todo="State how many people both lists classified."
            )
        weights = weights + sign * shares
        mixing += float(shares @ (levels - shares @ levels) ** 2) / base
    sampling = float(weights @ covariance @ weights)
    return from_se(
        float(weights @ levels),
        math.sqrt(sampling + mixing),
        df=_satterthwaite([sampling, mixing], [df, float(min(base for _, base in groups))]),
        null=None,
        method="weighted levels of the groups of the earlier list, by the crosswalk",
        se_method="levels, and shares of the crosswalk; Satterthwaite t",
    )


def _satterthwaite(variances: list[float], df: list[float | None]) -> float:
    loss = sum(v**2 / d for v, d in zip(variances, df, strict=True) if d is not None and math.isfinite(d))
    return sum(variances) ** 2 / loss if loss > 0 else math.inf
