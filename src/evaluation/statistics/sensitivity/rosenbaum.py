"""Rosenbaum bounds: how far apart two paired people's odds of attending could be before the result goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics._arrays import Floats, is_number

TESTS = ("signed_rank", "hodges_lehmann", "mcnemar")
_Bound = Callable[[Floats, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class RosenbaumBounds:
    """Bounds of a matched comparison per gamma.

    Attributes
    ----------
    table : DataFrame
        gamma, lower, upper: one-sided p-values, or Hodges-Lehmann estimates in the outcome's unit.
    test : str
        The test that is bounded.
    pairs : int
        Number of pairs.
    critical : float or None
        The gamma at which the upper p-value passes 0.05 (1 when it is above at once, 50 at most); None for
        Hodges-Lehmann bounds.
    """

    table: pd.DataFrame
    test: str
    pairs: int
    critical: float | None

    def tidy(self) -> pd.DataFrame:
        """Return the bounds as a table.

        Returns
        -------
        DataFrame
            One row per gamma: gamma, lower, upper.
        """
        return self.table.copy()

    def summary(self) -> str:
        """Return one sentence on the gamma at which the result goes.

        Returns
        -------
        str
            The critical gamma, or the number of pairs for Hodges-Lehmann bounds.
        """
        if self.critical is None:
            return f"Bounds from {self.pairs} pairs by {self.test.replace('_', ' ')}."
        return f"The result would go if one of two paired people had {self.critical:.2f} times the odds of attending."


def rosenbaum(
    treated: Sequence[float] | Floats | pd.Series[float],
    control: Sequence[float] | Floats | pd.Series[float],
    *,
    gammas: float | Sequence[float] = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0),
    test: str = "signed_rank",
    alternative: str = "greater",
    zeros: str = "drop",
) -> RosenbaumBounds:
    """Return Rosenbaum bounds for matched pairs.

    Parameters
    ----------
    treated, control : array-like of float, shape (pairs,)
        Outcomes of both members of each pair (0 and 1 for "mcnemar").
    gammas : float or sequence of float
        Ratio of the odds of treatment of two paired people that an unseen trait may make, each 1 or more.
    test : {"signed_rank", "hodges_lehmann", "mcnemar"}
        Wilcoxon's signed-rank statistic (midranks, normal approximation without correction:
        expectation q sum r, variance q (1 - q) sum r^2, q = gamma / (1 + gamma)); the location shift whose
        signed-rank statistic meets its bounding expectations; the exact binomial of discordant pairs.
    alternative : {"greater", "less"}
        Direction of the one-sided test (treated against control).
    zeros : {"drop", "keep"}
        Pairs that do not differ, for "signed_rank": dropped before ranking (Wilcoxon), or ranked with the others and
        counted as not in favour, which is the more cautious. "mcnemar" drops and "hodges_lehmann" keeps them in any
        case.

    Returns
    -------
    RosenbaumBounds
        Lower and upper bound per gamma, and the critical gamma.

    Raises
    ------
    Unsupported
        An unknown test or alternative.
    MissingValues
        An outcome is missing.
    DataError
        Lengths differ, a gamma is under 1, no pair differs, or outcomes other than 0 and 1 for "mcnemar".

    References
    ----------
    Rosenbaum (2002), Observational Studies, sections 4.3 and 4.4.
    """
    x, y = (
        pd.to_numeric(pd.Series(v), errors="coerce").to_numpy(dtype=float, na_value=np.nan) for v in (treated, control)
    )
    each = [gammas] if is_number(gammas) else list(cast("Sequence[float]", gammas))
    _check(x, y, each, test, alternative)
    gap = x - y if alternative == "greater" else y - x
    if zeros not in ("drop", "keep"):
        raise errors.Unsupported(f"zeros {zeros!r} is not known", todo="Use 'drop' or 'keep'.")
    signed_rank = partial(_signed_rank, keep=zeros == "keep")
    bounds: dict[str, _Bound] = {"signed_rank": signed_rank, "hodges_lehmann": _hodges_lehmann, "mcnemar": _mcnemar}
    bound = bounds[test]
    rows = [(float(g), *bound(gap, float(g))) for g in each]
    table = pd.DataFrame(rows, columns=["gamma", "lower", "upper"])
    if test == "hodges_lehmann":
        if alternative == "less":
            table = table.assign(lower=-table["upper"], upper=-table["lower"])
        return RosenbaumBounds(table, test, len(gap), None)
    return RosenbaumBounds(table, test, len(gap), _critical_gamma(gap, bound))


def _check(x: Floats, y: Floats, gammas: Sequence[float], test: str, alternative: str) -> None:
    """Refuse pairs, gammas or words that a bound cannot be made from."""
    if test not in TESTS or alternative not in ("greater", "less"):
        raise errors.Unsupported(f"test {test!r}, alternative {alternative!r}", todo=f"Use one of {TESTS}.")
    if x.shape != y.shape or not len(x):
        raise errors.DataError("treated and control need one value per pair", todo="Pair them row by row.")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise errors.MissingValues("outcomes of pairs have missing values", todo="Drop such pairs as a named step.")
    if not gammas or any(not (is_number(g) and 1 <= g < math.inf) for g in gammas):
        raise errors.DataError("every gamma must be a number of 1 or more", todo="Give a list such as [1, 1.5, 2].")
    if test == "mcnemar" and not np.isin(np.concatenate([x, y]), (0.0, 1.0)).all():
        raise errors.DataError("McNemar's bounds need outcomes of 0 and 1")
    if not (x != y).any():
        raise errors.DataError("no pair differs: there is nothing to bound")


def _signed_rank(gap: Floats, gamma: float, *, keep: bool) -> tuple[float, float]:
    """Return the bounds of the one-sided p-value of Wilcoxon's signed-rank statistic."""
    from scipy.stats import norm, rankdata

    moved = gap if keep else gap[gap != 0]
    rank = rankdata(np.abs(moved))
    statistic = rank[moved > 0].sum()

    def tail(q: float) -> float:
        return float(norm.sf((statistic - q * rank.sum()) / math.sqrt(q * (1 - q) * (rank**2).sum())))

    return tail(1 / (1 + gamma)), tail(gamma / (1 + gamma))


def _mcnemar(gap: Floats, gamma: float) -> tuple[float, float]:
    """Return the bounds of the exact one-sided p-value of discordant pairs."""
    from scipy.stats import binom

    up, moved = int((gap > 0).sum()), int((gap != 0).sum())
    lower, upper = (float(binom.sf(up - 1, moved, q)) for q in (1 / (1 + gamma), gamma / (1 + gamma)))
    return lower, upper


def _hodges_lehmann(gap: Floats, gamma: float) -> tuple[float, float]:
    """Return the shifts at which the signed-rank statistic meets q times the sum of ranks, for both q."""
    n = len(gap)
    i, j = np.triu_indices(n)
    walsh = np.sort((gap[i] + gap[j]) / 2)
    total = n * (n + 1) / 2

    def shift(q: float) -> float:
        place = (1 - q) * total  # walsh averages at or below the shift
        low, high = math.floor(place), math.ceil(place)
        if low == high:
            return float((walsh[min(max(low - 1, 0), len(walsh) - 1)] + walsh[min(low, len(walsh) - 1)]) / 2)
        return float(walsh[min(high - 1, len(walsh) - 1)])

    return shift(gamma / (1 + gamma)), shift(1 / (1 + gamma))


def _critical_gamma(gap: Floats, bound: _Bound, level: float = 0.05) -> float:
    """Return the largest gamma at which the upper p-value is at most 0.05 (1 when it never is; cut at 50)."""
    if bound(gap, 1.0)[1] > level:
        return 1.0
    low, high = 1.0, 50.0
    if bound(gap, high)[1] <= level:
        return high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if bound(gap, middle)[1] <= level else (low, middle)
    return low
