"""Make population weights per wave by the plan: collapse, rake, trim, rake again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evaluation import errors
from evaluation.answers import samples
from evaluation.answers.weights.cells import Cells, collapsed
from evaluation.statistics import weighting
from evaluation.study import Plan

MOST_DISAGREEMENT = 0.02  # share by which totals of two published margins may differ before they are refused


@dataclass(frozen=True, slots=True)
class WaveWeights:
    """Population weights of one wave's general sample.

    Attributes
    ----------
    wave : str
    frame : DataFrame
        The general sample with a column per margin ("margin.<name>") holding each respondent's cell.
    weights : Weights or None
        Raked and trimmed; None where no margin could be used, and every weight is then 1.
    cells : tuple of Cells
        The margins used; `left_out` those that could not be.
    trimmed : float
        Share of respondents whose weight was trimmed.
    """

    wave: str
    frame: pd.DataFrame
    weights: Any
    cells: tuple[Cells, ...]
    left_out: tuple[Cells, ...] = ()
    trimmed: float = 0.0

    @property
    def values(self) -> pd.Series:
        """Weight of each respondent of the general sample."""
        if self.weights is None:
            return pd.Series(1.0, index=self.frame.index)
        return self.weights.values


def by_wave(plan: Plan, people: pd.DataFrame, margins: Mapping[str, pd.Series]) -> dict[str, WaveWeights]:
    """Return the population weights of each wave in `people`, the boost left out (its weight is 0)."""
    general = samples.general(plan, people)
    return {str(w): rake(plan, rows, margins, wave=str(w)) for w, rows in general.groupby("wave", sort=True)}


def rake(plan: Plan, rows: pd.DataFrame, margins: Mapping[str, pd.Series], *, wave: str = "") -> WaveWeights:
    """Return weights of `rows` that meet every usable margin of the plan."""
    pop = plan.population
    every = [
        collapsed(rows, name, margins[name], steps=pop.collapse, least=pop.least_in_cell)
        for name in pop.margins
        if name in margins and set(margins[name].index.names) <= set(rows.columns)
    ]
    used = tuple(c for c in every if not c.empty)
    frame = rows.assign(**{f"margin.{c.name}": c.of for c in used})
    if not used:
        return WaveWeights(wave, frame, None, (), tuple(every))
    targets = {f"margin.{c.name}": p for c, p in zip(used, _one_total(used), strict=True)}
    made = weighting.rake(frame, targets, tolerance=pop.tolerance)
    middle = float(made.values.median())
    low, high = pop.trim_low * middle, pop.trim_high * middle
    outside = (made.values < low) | (made.values > high)
    if outside.any():
        cut = weighting.trim(made, lower=low, upper=high)
        made = weighting.rake(frame, targets, base_weight=cut.values, tolerance=pop.tolerance)
    return WaveWeights(wave, frame, made, used, tuple(c for c in every if c.empty), float(outside.mean()))


def _one_total(cells: tuple[Cells, ...]) -> list[pd.Series]:
    """Return margins scaled to the first one's total (published tables differ by rounding); refuse real gaps."""
    total = cells[0].population.sum()
    for c in cells[1:]:
        if abs(c.population.sum() / total - 1) > MOST_DISAGREEMENT:
            raise errors.MarginMismatch(
                f"margins {cells[0].name!r} and {c.name!r} differ in their totals by more than 2 %",
                todo="Give margins of one population.",
            )
    return [c.population * (total / c.population.sum()) for c in cells]


def comparison_weight(
    plan: Plan, design: pd.DataFrame, treated: pd.Series, margins: Mapping[str, pd.Series]
) -> pd.Series:
    """Return the weights of the attendee comparison: attendees 1, others raked among themselves to mean 1."""
    weight = pd.Series(1.0, index=design.index, name="comparison_weight")
    others = treated == 0
    made = rake(plan, design[others], margins)
    weight[others] = made.values / made.values.mean()
    return weight


def frame(made: Mapping[str, WaveWeights]) -> pd.DataFrame:
    """Return `population_weight` by respondent, all waves."""
    return pd.concat([w.values for w in made.values()]).rename("population_weight").to_frame()


def met(plan: Plan, made: Mapping[str, WaveWeights]) -> bool:
    """Return whether every weighted margin equals its population figure within the plan's tolerance."""
    for wave in made.values():
        for cells, target in zip(wave.cells, _one_total(wave.cells) if wave.cells else [], strict=True):
            got = wave.values.groupby(cells.of).sum()
            gap = (got.reindex(target.index) / got.sum() - target / target.sum()).abs().max()
            if not gap <= max(plan.population.tolerance * 10, 1e-8):
                return False
    return True
