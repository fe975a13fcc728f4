"""Scales: scores of people who answered enough items, and how well the items hold together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors


@dataclass(frozen=True, slots=True)
class Reliability:
    """Internal consistency of a scale.

    `alpha`, `omega` (total, one factor), `items` (DataFrame: item, item_rest, floor and ceiling shares), `n` people
    with complete answers.
    """

    alpha: float
    alpha_low: float
    alpha_high: float
    omega: float
    items: pd.DataFrame
    n: int

    def tidy(self) -> pd.DataFrame:
        """Return one row per item."""
        return self.items.copy()

    def summary(self) -> str:
        """Return one sentence."""
        interval = f"{self.alpha_low:.2f} to {self.alpha_high:.2f}"
        return f"Alpha {self.alpha:.2f} ({interval}), omega {self.omega:.2f}, {self.n} people."


def score(frame: pd.DataFrame, items: Sequence[str], *, least: int) -> pd.Series:
    """Return the mean of the items for people who answered at least `least` of them, NA for others (person mean)."""
    errors.require_columns(frame, items, role="a scale")
    if not 1 <= least <= len(items):
        raise errors.DataError(f"least {least} is not between 1 and {len(items)}")
    numbers = frame[list(items)].astype("Float64").astype(float)
    return numbers.mean(axis=1).where(numbers.notna().sum(axis=1) >= least)


def reliability(frame: pd.DataFrame, items: Sequence[str], *, ends: tuple[float, float] | None = None) -> Reliability:
    """Return alpha with Feldt's interval (by pingouin), omega total of one factor, item-rest correlations.

    Complete cases. Omega is (sum of loadings)² over that plus the sum of uniquenesses, from a one-factor minimum
    residual solution of the correlations (McDonald 1999). Floor and ceiling are shares at the `ends` of the answers
    (lowest, highest); without them, at the lowest and highest answer anybody gave to the item.

    Raises
    ------
    DataError
        Fewer than three items, fewer than ten complete cases, or an item that never varies.
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


def omega(correlations: np.ndarray) -> float:
    """Return omega total of one factor by minimum residuals."""
    from scipy.optimize import minimize

    k = len(correlations)
    off = ~np.eye(k, dtype=bool)

    def loss(loading: np.ndarray) -> float:
        return float(((correlations - np.outer(loading, loading))[off] ** 2).sum())

    start = np.full(k, np.sqrt(max(correlations[off].mean(), 0.05)))
    loading = minimize(loss, start, method="BFGS", options={"gtol": 1e-12}).x
    common = loading.sum() ** 2
    return float(common / (common + (1 - np.minimum(loading**2, 1.0)).sum()))
