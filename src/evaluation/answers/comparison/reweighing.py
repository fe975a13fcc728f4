"""The comparison weight made again in a draw: margins and joined cells as fixed, counts as base weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.answers.samples import TREATED
from evaluation.answers.weights.cells import Cells
from evaluation.answers.weights.made import rake
from evaluation.statistics import weighting
from evaluation.study import Plan


@dataclass(frozen=True, slots=True)
class Raking:
    """How those who did not attend were raked to the population, so that a draw of them can be raked again.

    `cells` has a column per margin used, on the respondents who did not attend; `targets` the population of each cell;
    `low`, `high` the bounds of trimming, times the median; `left_out` the margins that could not be used. Without a
    usable margin `targets` is empty: weights are 1.
    """

    cells: pd.DataFrame
    targets: Mapping[str, pd.Series]
    low: float
    high: float
    tolerance: float
    left_out: tuple[Cells, ...] = ()

    def __call__(self, people: pd.DataFrame, times: str) -> pd.Series:
        """Return the comparison weight of drawn people; `times` is the column that says how often each was drawn."""
        out = pd.Series(1.0, index=people.index)
        others = people.index[people[TREATED] == 0]
        if not self.targets or not len(others):
            return out
        cells, count = self.cells.loc[others], people.loc[others, times].astype(float)
        own = weighting.rake(cells, self.targets, base_weight=count, tolerance=self.tolerance).values / count
        cut = _trimmed(own.to_numpy(), count.to_numpy(), self.low, self.high)
        if cut is not None:
            base = pd.Series(cut, index=others) * count
            own = weighting.rake(cells, self.targets, base_weight=base, tolerance=self.tolerance).values / count
        out[others] = own / np.average(own, weights=count)
        return out


def raking(plan: Plan, design: pd.DataFrame, treated: pd.Series, margins: Mapping[str, pd.Series]) -> Raking:
    """Return how the comparison weight of these people was made."""
    made = rake(plan, design[treated == 0], margins)
    pop = plan.population
    columns = [f"margin.{c.name}" for c in made.cells]
    total = made.cells[0].population.sum() if made.cells else 1.0
    targets = {f"margin.{c.name}": c.population * (total / c.population.sum()) for c in made.cells}
    return Raking(made.frame[columns].copy(), targets, pop.trim_low, pop.trim_high, pop.tolerance, made.left_out)


def _trimmed(own: np.ndarray, count: np.ndarray, low: float, high: float) -> np.ndarray | None:
    """Return weights within `low` and `high` times the median, the excess shared among the rest; None where all are.

    As `weighting.trim`, each person counted as often as drawn.
    """
    order = np.argsort(own)
    half = np.searchsorted(np.cumsum(count[order]), count.sum() / 2)
    middle = np.median(own) if (count == 1).all() else own[order][half]
    low, high = low * middle, high * middle
    if not ((own < low) | (own > high)).any():
        return None
    w = own.copy()
    for _ in range(1000):
        outside = (w < low * (1 - 1e-12)) | (w > high * (1 + 1e-12))
        if not outside.any():
            return w
        if outside.all():
            break
        cut = np.clip(w, low, high)
        cut[~outside] += (count * (w - cut)).sum() / count[~outside].sum()
        w = cut
    raise errors.NotConverged("no weights of this draw lie within the bounds", todo="Widen them.")
