"""Scales: scores of people who answered enough items, and how well the items hold together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics._arrays import Booleans, Floats


@dataclass(frozen=True, slots=True)
class Reliability:
    """Internal consistency of a scale.

    Attributes
    ----------
    alpha : float
        Cronbach's alpha.
    alpha_low, alpha_high : float
        Ends of its 95 % interval.
    omega : float
        McDonald's omega total of one factor.
    items : DataFrame
        One row per item: item, item_rest (correlation with the sum of the others), floor and ceiling (shares, 0 to 1).
    n : int
        People with complete answers.
    """

    alpha: float
    alpha_low: float
    alpha_high: float
    omega: float
    items: pd.DataFrame
    n: int

    def tidy(self) -> pd.DataFrame:
        """Return the items as a table.

        Returns
        -------
        DataFrame
            One row per item.
        """
        return self.items.copy()

    def summary(self) -> str:
        """Return one sentence with alpha and omega.

        Returns
        -------
        str
            Alpha with its interval, omega, number of people.
        """
        interval = f"{self.alpha_low:.2f} to {self.alpha_high:.2f}"
        return f"Alpha {self.alpha:.2f} ({interval}), omega {self.omega:.2f}, {self.n} people."


def score(frame: pd.DataFrame, items: Sequence[str], *, least: int) -> pd.Series[float]:
    """Return the mean of a scale's items for people who answered enough of them.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    items : sequence of str
        Columns of the items, numeric; missing answers are allowed.
    least : int
        Items that a person must have answered, from 1 to all of them.

    Returns
    -------
    Series of float
        The mean of the items answered (person mean), on the items' scale; NaN for people with fewer answers.

    Raises
    ------
    UnknownColumn
        An item that is not there.
    DataError
        `least` is not between 1 and the number of items.
    """
    errors.require_columns(frame, items, role="a scale")
    if not 1 <= least <= len(items):
        raise errors.DataError(f"least {least} is not between 1 and {len(items)}")
    numbers = frame[list(items)].astype("Float64").astype(float)
    return numbers.mean(axis=1).where(numbers.notna().sum(axis=1) >= least)


def reliability(frame: pd.DataFrame, items: Sequence[str], *, ends: tuple[float, float] | None = None) -> Reliability:
    """Return Cronbach's alpha, McDonald's omega and the item-rest correlations of a scale.

    Complete cases only. Alpha is pingouin's, with Feldt's interval. Omega is (sum of loadings)² over that plus the sum
    of uniquenesses, from a one-factor minimum residual solution of the correlations.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    items : sequence of str
        Columns of the items, numeric, three or more.
    ends : tuple of float, optional
        Lowest and highest possible answer, for the floor and ceiling shares; without it, the lowest and highest answer
        anybody gave to the item.

    Returns
    -------
    Reliability
        Alpha, omega and one row per item.

    Raises
    ------
    UnknownColumn
        An item that is not there.
    DataError
        Fewer than three items, fewer than ten complete cases, or an item that never varies.

    References
    ----------
    McDonald (1999) for omega.
    """
    from pingouin import cronbach_alpha

    errors.require_columns(frame, items, role="a scale")
    numbers = frame[list(items)].astype("Float64").astype(float).dropna()
    if len(items) < 3 or len(numbers) < 10 or (numbers.nunique() < 2).any():
        raise errors.DataError("reliability needs three items, ten complete answers, and items that vary")
    alpha, (low, high) = cronbach_alpha(numbers)
    total = numbers.sum(axis=1)
    rows = []
    for name, item in numbers.items():
        low_end, high_end = ends or (item.min(), item.max())
        rest = float(np.corrcoef(item, total - item)[0, 1])
        rows.append((name, rest, float((item == low_end).mean()), float((item == high_end).mean())))
    table = pd.DataFrame(rows, columns=["item", "item_rest", "floor", "ceiling"])
    return Reliability(float(alpha), float(low), float(high), omega(numbers.corr().to_numpy()), table, len(numbers))


def omega(correlations: Floats) -> float:
    """Return omega total of one factor by minimum residuals.

    Parameters
    ----------
    correlations : ndarray, shape (items, items)
        Correlations of the items.

    Returns
    -------
    float
        Omega, the share of the sum score's variance that the factor makes.

    References
    ----------
    McDonald (1999).
    """
    from scipy.optimize import minimize

    k = len(correlations)
    off = ~np.eye(k, dtype=bool)
    start = np.full(k, np.sqrt(max(correlations[off].mean(), 0.05)))
    loading = minimize(_residual_sum, start, args=(correlations, off), method="BFGS", options={"gtol": 1e-12}).x
    common = loading.sum() ** 2
    return float(common / (common + (1 - np.minimum(loading**2, 1.0)).sum()))


def _residual_sum(loading: Floats, correlations: Floats, off: Booleans) -> float:
    """Return the sum of squared residual correlations off the diagonal, given one factor's loadings."""
    return float(((correlations - np.outer(loading, loading))[off] ** 2).sum())
