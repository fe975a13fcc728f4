"""The specification curve: every combination of the choices that the plan lists, and only those."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors, parallel
from evaluation.estimates import Estimate


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
    """

    table: pd.DataFrame
    refused: pd.DataFrame
    same_sign_share: float
    median: float
    p: float | None = None
    draws: int = 0

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
    table = pd.DataFrame(rows).sort_values(["value", *axes], kind="stable").reset_index(drop=True)
    planned_value = float(table.loc[table["planned"], "value"].iloc[0])
    share = float((np.sign(table["value"]) == np.sign(planned_value)).mean())
    median = float(table["value"].median())
    p = None
    if null_draws is not None and draws:
        found = parallel.run(partial(_null, null_draws), list(range(draws)), seed + 1)
        p = (1 + sum(abs(m) >= abs(median) for m in found)) / (draws + 1)
    return SpecificationCurve(table, pd.DataFrame(refused), share, median, p, draws if p is not None else 0)


def _one(estimate: Callable[[Mapping[str, Any]], Any], combo: Mapping[str, Any], _: np.random.Generator) -> Any:
    try:
        return estimate(combo)
    except errors.DataError as error:
        return _Refused(error.what)


@dataclass(frozen=True, slots=True)
class _Refused:
    reason: str


def _null(null_draws: Callable[[np.random.Generator], Sequence[float]], _: int, rng: np.random.Generator) -> float:
    return float(np.median(np.asarray(null_draws(rng), dtype=float)))
