"""Rosenbaum bounds: how far apart two paired people's odds of attending could be before the result goes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd

from evaluation import errors

TESTS = ("signed_rank", "hodges_lehmann", "mcnemar")


@dataclass(frozen=True, slots=True)
class RosenbaumBounds:
    """Bounds per gamma: one-sided p-values, or Hodges-Lehmann estimates; `critical` is the gamma where p passes 0.05.

    `table` has columns gamma, lower, upper. `critical` is None for Hodges-Lehmann bounds.
    """

    table: pd.DataFrame
    test: str
    pairs: int
    critical: float | None

    def tidy(self) -> pd.DataFrame:
        """Return one row per gamma."""
        return self.table.copy()

    def summary(self) -> str:
        """Return one sentence."""
        if self.critical is None:
            return f"Bounds from {self.pairs} pairs by {self.test.replace('_', ' ')}."
        return f"The result would go if one of two paired people had {self.critical:.2f} times the odds of attending."


def rosenbaum(
    treated: Sequence[float] | np.ndarray | pd.Series,
    control: Sequence[float] | np.ndarray | pd.Series,
    *,
    gammas: Sequence[float] = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0),
    test: str = "signed_rank",
    alternative: str = "greater",
) -> RosenbaumBounds:
    """Return Rosenbaum bounds for matched pairs.

    Parameters
    ----------
    treated, control : arrays, shape (pairs,)
        Outcomes of both members of each pair (0 and 1 for "mcnemar").
    gammas : sequence of float, each 1 or more
        Ratio of the odds of treatment of two paired people that an unseen trait may make.
    test : "signed_rank", "hodges_lehmann" or "mcnemar"
        Wilcoxon's signed-rank statistic (zeros dropped, midranks, normal approximation without correction:
        expectation q sum r, variance q (1 - q) sum r^2, q = gamma / (1 + gamma)); the location shift whose
        signed-rank statistic meets its bounding expectations; the exact binomial of discordant pairs.
    alternative : "greater" or "less"
        Direction of the one-sided test (treated against control).

    Source: Rosenbaum 2002, Observational Studies, sections 4.3 and 4.4.

    Raises
    ------
    DataError
        Lengths differ, values are missing, a gamma is under 1, or no pair differs.
    """
    x, y = (
        pd.to_numeric(pd.Series(v), errors="coerce").to_numpy(dtype=float, na_value=np.nan) for v in (treated, control)
    )
    gammas = [gammas] if isinstance(gammas, Real) else list(gammas)
    _check(x, y, gammas, test, alternative)
    gap = x - y if alternative == "greater" else y - x
    bound = {"signed_rank": _signed_rank, "hodges_lehmann": _hodges_lehmann, "mcnemar": _mcnemar}[test]
    rows = [(float(g), *bound(gap, float(g))) for g in gammas]
    table = pd.DataFrame(rows, columns=["gamma", "lower", "upper"])
    if test == "hodges_lehmann":
        if alternative == "less":
            table = table.assign(lower=-table["upper"], upper=-table["lower"])
        return RosenbaumBounds(table, test, len(gap), None)
    return RosenbaumBounds(table, test, len(gap), _critical(gap, bound))


def _check(x, y, gammas, test, alternative) -> None:
    if test not in TESTS or alternative not in ("greater", "less"):
        raise errors.Unsupported(f"test {test!r}, alternative {alternative!r}", todo=f"Use one of {TESTS}.")
    if x.shape != y.shape or not len(x):
        raise errors.DataError("treated and control need one value per pair", todo="Pair them row by row.")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise errors.MissingValues("outcomes of pairs have missing values", todo="Drop such pairs as a named step.")
    if not gammas or any(not (isinstance(g, Real) and 1 <= g < math.inf) for g in gammas):
        raise errors.DataError("every gamma must be a number of 1 or more", todo="Give a list such as [1, 1.5, 2].")
    if test == "mcnemar" and not np.isin(np.concatenate([x, y]), (0.0, 1.0)).all():
        raise errors.DataError("McNemar's bounds need outcomes of 0 and 1")
    if not (x != y).any():
        raise errors.DataError("no pair differs: there is nothing to bound")


def _signed_rank(gap: np.ndarray, gamma: float) -> tuple[float, float]:
    from scipy.stats import norm, rankdata

    moved = gap[gap != 0]
    rank = rankdata(np.abs(moved))
    statistic = rank[moved > 0].sum()

    def tail(q: float) -> float:
        return float(norm.sf((statistic - q * rank.sum()) / math.sqrt(q * (1 - q) * (rank**2).sum())))

    return tail(1 / (1 + gamma)), tail(gamma / (1 + gamma))


def _mcnemar(gap: np.ndarray, gamma: float) -> tuple[float, float]:
    from scipy.stats import binom

    up, moved = int((gap > 0).sum()), int((gap != 0).sum())
    return tuple(float(binom.sf(up - 1, moved, q)) for q in (1 / (1 + gamma), gamma / (1 + gamma)))  # type: ignore[return-value]


def _hodges_lehmann(gap: np.ndarray, gamma: float) -> tuple[float, float]:
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


def _critical(gap, bound, level: float = 0.05) -> float:
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
