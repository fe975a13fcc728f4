"""The specification curve: every combination of the choices that the plan lists, and only those."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors, parallel
from evaluation.results import Estimate

LEAST_DRAWS = 19


@dataclass(frozen=True, slots=True)
class SpecificationCurve:
    """All specifications, the planned one marked.

    Attributes
    ----------
    table : DataFrame
        One row per specification that gave an estimate: the choices, value, se, low, high, planned; by value.
    refused : DataFrame
        The choices that gave no estimate, with the reason.
    same_sign_share : float
        Share of specifications with the sign of the planned one.
    median : float
    p : float or None
        Joint p-value of the median under no effect (share of draws at least as far from 0); None without draws.
    p_share : float or None
        The same of the share of specifications that point the planned way (either way counts in the draws).
    """

    table: pd.DataFrame
    refused: pd.DataFrame
    same_sign_share: float
    median: float
    p: float | None = None
    draws: int = 0
    p_share: float | None = None

    def tidy(self) -> pd.DataFrame:
        """Return the curve, one row per specification."""
        return self.table.copy()

    def summary(self) -> str:
        """Return one sentence."""
        return (
            f"{len(self.table)} ways of analysing: {self.same_sign_share:.0%} point the same way as the planned one; "
            f"their median is {self.median:.2f}."
        )


def specification_curve(
    estimate: Callable[[Mapping[str, Any]], Any],
    axes: Mapping[str, Sequence[Any]],
    *,
    planned: Mapping[str, Any],
    null_draws: Callable[[np.random.Generator], Sequence[float]] | None = None,
    draws: int = 0,
    seed: int = 0,
) -> SpecificationCurve:
    """Run every combination of the axes (Simonsohn, Simmons and Nelson 2020, steps 1 to 3).

    Parameters
    ----------
    estimate : callable
        Takes one mapping axis → choice and returns an `Estimate`, or a refusal, which is kept with its reason.
    axes : mapping
        Axis to its admissible choices, in order.
    planned : mapping
        The planned choice on every axis; it must be one of the combinations.
    null_draws : callable, optional
        Takes a generator and returns the values of all specifications on one data set in which the effect was
        removed and sessions were resampled. Attendance is never permuted freely: it would undo its clustering.
    draws : int
        How many such data sets.

    Raises
    ------
    Unsupported
        `planned` is not a combination of the axes.
    DataError
        No specification, or not the planned one, gave an estimate.
    """
    wrong = [k for k, v in axes.items() if isinstance(v, str) or not isinstance(v, Sequence) or not len(v)]
    if wrong or not axes:
        raise errors.Unsupported(f"no list of choices for {wrong or 'any axis'}", todo="Give {axis: [choice, …]}.")
    combos = [dict(zip(axes, choice, strict=True)) for choice in itertools.product(*axes.values())]
    if dict(planned) not in combos:
        raise errors.Unsupported("the planned choices are not one of the combinations", todo="Name one per axis.")
    results = parallel.run(partial(_one, estimate), combos, seed)
    rows, refused = [], []
    for combo, result in zip(combos, results, strict=True):
        if isinstance(result, Estimate):
            words = {"value": result.value, "se": result.se, "low": result.low, "high": result.high}
            rows.append(combo | words | {"planned": combo == dict(planned)})
        else:
            refused.append(combo | {"reason": getattr(result, "reason", type(result).__name__)})
    if not any(r["planned"] for r in rows):
        raise errors.DataError("the planned specification gave no estimate, so no curve is drawn around it")
    table = pd.DataFrame(rows)
    by = ["value", *[a for a in axes if not any(isinstance(v, list | dict | set) for v in axes[a])]]
    table = table.sort_values(by, kind="stable").reset_index(drop=True)
    planned_value = float(table.loc[table["planned"], "value"].iloc[0])
    share = float((np.sign(table["value"]) == np.sign(planned_value)).mean())
    median = float(table["value"].median())
    made = SpecificationCurve(table, pd.DataFrame(refused), share, median)
    return judged(made, null_draws, draws, seed + 1) if null_draws is not None and draws else made


def judged(
    curve: SpecificationCurve, null_draws: Callable[[np.random.Generator], Sequence[float]], draws: int, seed: int
) -> SpecificationCurve:
    """Return the curve with its joint p-values (Simonsohn, Simmons and Nelson 2020, step 3: median, share of one sign).

    `null_draws` as in `specification_curve`; p is (1 + draws at least as far out) / (1 + draws).
    """
    if draws < LEAST_DRAWS:
        raise errors.DataError(f"{draws} draws are too few for a p-value", todo=f"Use {LEAST_DRAWS} at least.")
    found = np.array(parallel.run(partial(_null, null_draws), list(range(draws)), seed))
    far = (np.abs(found[:, 0]) >= abs(curve.median)).sum(), (found[:, 1] >= curve.same_sign_share).sum()
    p, p_share = ((1 + int(k)) / (draws + 1) for k in far)
    return replace(curve, p=p, p_share=p_share, draws=draws)


def resampled_sessions(parts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the values of all specifications on sessions drawn anew, with the effect removed.

    Parameters
    ----------
    parts : array, shape (sessions, specifications)
        What each session adds to each estimate (`effects.influence` summed by session); columns sum to 0.

    Sessions are drawn with replacement, all specifications from the same draw; each estimate moves by the sum of what
    the drawn sessions add, times sqrt(G / (G - 1)): the bootstrap of clusters to first order, designs held fixed.
    """
    clusters = len(parts)
    if clusters < 2:
        raise errors.EmptyCell("fewer than two sessions cannot be drawn anew")
    times = rng.multinomial(clusters, np.full(clusters, 1 / clusters))
    return math.sqrt(clusters / (clusters - 1)) * ((times - 1.0) @ parts)


def _one(estimate: Callable[[Mapping[str, Any]], Any], combo: Mapping[str, Any], _: np.random.Generator) -> Any:
    try:
        return estimate(combo)
    except errors.DataError as error:
        return _Refused(error.what)


@dataclass(frozen=True, slots=True)
class _Refused:
    reason: str


def _null(
    null_draws: Callable[[np.random.Generator], Sequence[float]], _: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return median and share of the commoner sign of one draw."""
    values = np.asarray(null_draws(rng), dtype=float)
    return float(np.median(values)), float(max((values > 0).mean(), (values < 0).mean()))
