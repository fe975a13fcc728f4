"""Randomisation p-value and interval: what the lot alone, without a model, says of an effect."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics._arrays import Booleans, Floats
from evaluation.statistics.randomisation.allocation import Allocations

TIE = math.sqrt(np.finfo(float).eps)


class ExactTest(NamedTuple):
    """What a randomisation test says.

    Attributes
    ----------
    value : float
        Difference in means within blocks, weighted by the people of each block, in the outcome's unit.
    p : float
        Two-sided p-value of "the lot changed nobody's answer", 0 to 1.
    low, high : float
        Constant effects that the test does not reject, in the outcome's unit; infinite where no end is reached.
    allocations : int
        Number of allocations.
    complete : bool
        Whether they are all that the lot could have given.
    """

    value: float
    p: float
    low: float
    high: float
    allocations: int
    complete: bool


def exact_test(
    units: pd.DataFrame,
    allocations: Allocations,
    *,
    treat: str,
    total: str,
    people: str,
    block: str,
    size: float = 0.05,
) -> ExactTest:
    """Test by the lot's own allocations that it changed nobody's answer, and invert the test into an interval.

    Parameters
    ----------
    units : DataFrame
        One row per unit in the order of the allocations.
    allocations : Allocations
        What the lot could have given (`allocations`), the one that was made among them.
    treat, total, people, block : str
        Columns: the allocation that was made (0 and 1), the sum of the outcome over the unit's people, the number of
        its people who answered (0 for none), its block.
    size : float
        Level of the test, between 0 and 1; the interval holds the effects whose p-value is above it.

    Returns
    -------
    ExactTest
        Difference, p-value, interval.

    Raises
    ------
    DataError
        Rows that do not match the allocations, or an allocation that is not among them.
    EmptyCell
        A block with answers in one arm only.

    Notes
    -----
    The difference under an allocation is linear in a constant effect, so that an allocation is at least as far away as
    the one made for the effects of an interval around the estimate; p-values change at the ends of those intervals, and
    no grid is needed. Ties within the square root of machine precision count.

    References
    ----------
    Rosenbaum (2002), chapter 2; Phipson and Smyth (2010) for drawn allocations.
    """
    z = units[treat].to_numpy() == 1
    if allocations.treat.shape[1] != len(units) or not (allocations.treat == z).all(axis=1).any():
        raise errors.DataError("the allocation that was made is not among those of the lot", todo="Verify the record.")
    count, sums = units[people].to_numpy(float), units[total].to_numpy(float)
    codes = pd.factorize(units[block])[0]
    value = _statistic(z[None, :], sums, count, codes)[0]
    if not math.isfinite(value):
        raise errors.EmptyCell("a block has answers in one arm only", todo="Leave that block out, or join blocks.")
    a = _statistic(allocations.treat, sums, count, codes)
    b = _statistic(allocations.treat, count * z, count, codes)
    kept = np.isfinite(a)
    a, b = a[kept], b[kept]
    lower, upper = _rejected_within(a, b, value)
    far = TIE * max(1.0, abs(value))
    p = float((np.abs(a) >= abs(value) - far).mean())
    low, high = (_end(ends, len(a), size) for ends in (lower, -upper))
    return ExactTest(value, p, low, -high, len(a), allocations.complete and bool(kept.all()))


def _statistic(treat: Booleans, sums: Floats, count: Floats, codes: np.ndarray) -> Floats:
    """Return the difference in means within blocks under each allocation; not a number where an arm is empty."""
    whole, out = count.sum(), np.zeros(len(treat))
    drawn = treat.astype(float)
    for b in range(int(codes.max(initial=0)) + 1):
        rows = codes == b
        if not count[rows].any():
            continue
        first, first_n = drawn[:, rows] @ sums[rows], drawn[:, rows] @ count[rows]
        others, others_n = sums[rows].sum() - first, count[rows].sum() - first_n
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = first / first_n - others / others_n
        out += count[rows].sum() / whole * np.where((first_n > 0) & (others_n > 0), gap, np.nan)
    return out


def _rejected_within(a: Floats, b: Floats, value: float) -> tuple[Floats, Floats]:
    """Return per allocation the interval of effects under which it is at least as far away as the one made.

    |a - e b| >= |value - e|: between (value - a) / (1 - b) and (value + a) / (1 + b), in either order. The allocation
    made (b = 1) and its mirror image (b = -1) are so under every effect.
    """
    always = 1 - np.abs(b) <= TIE
    with np.errstate(divide="ignore", invalid="ignore"):
        one, two = (value - a) / (1 - b), (value + a) / (1 + b)
    lower = np.where(always, -np.inf, np.minimum(one, two))
    upper = np.where(always, np.inf, np.maximum(one, two))
    return np.minimum(lower, value), np.maximum(upper, value)


def _end(ends: Floats, allocations: int, size: float) -> float:
    """Return the least effect below the estimate that more than `size` of the allocations are as far from."""
    needed = math.floor(size * allocations * (1 + 1e-12)) + 1
    return float(np.sort(ends)[needed - 1]) if needed <= allocations else math.inf
