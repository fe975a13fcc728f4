"""The specification curve: every combination of the choices that the plan lists, and only those."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from evaluation import errors, parallel
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics._arrays import Floats

LEAST_DRAWS = 19
Choices = Mapping[str, object]  # axis → choice, of whatever type the axis has
NullDraws = Callable[[np.random.Generator], Sequence[float] | Floats]


@dataclass(frozen=True, slots=True)
class SpecificationCurve:
    """All specifications, the planned one marked.

    Attributes
    ----------
    table : DataFrame
        One row per specification that gave an estimate: the choices, value, se, low, high, planned; by value,
        equal ones (to ten decimals) in the order of the axes.
    refused : DataFrame
        The choices that gave no estimate, with the reason.
    same_sign_share : float
        Share (0 to 1) of specifications with the sign of the planned one.
    median : float
        Median of the values, in the outcome's unit.
    p : float or None
        Joint p-value of the median under no effect (share of draws at least as far from 0); None without draws.
    draws : int
        Draws that the p-values come from.
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
        """Return the curve as a table.

        Returns
        -------
        DataFrame
            One row per specification, by value.
        """
        return self.table.copy()

    def summary(self) -> str:
        """Return one sentence on how far the specifications agree.

        Returns
        -------
        str
            Their number, the share that points the planned way, and their median.
        """
        return (
            f"{len(self.table)} ways of analysing: {self.same_sign_share:.0%} point the same way as the planned one; "
            f"their median is {self.median:.2f}."
        )


def specification_curve(
    estimate: Callable[[Choices], Estimate | NotIdentified | TooFew],
    axes: Mapping[str, Sequence[object]],
    *,
    planned: Choices,
    null_draws: NullDraws | None = None,
    draws: int = 0,
    seed: int = 0,
) -> SpecificationCurve:
    """Estimate every combination of the choices that the plan lists.

    Parameters
    ----------
    estimate : callable
        Takes one mapping axis → choice and returns an `Estimate`, or a refusal, which is kept with its reason.
    axes : mapping of str to sequence
        Axis to its admissible choices, in order.
    planned : mapping
        The planned choice on every axis; it must be one of the combinations.
    null_draws : callable, optional
        Takes a generator and returns the values of all specifications on one data set in which the effect was
        removed and sessions were resampled. Attendance is never permuted freely: it would undo its clustering.
    draws : int
        How many such data sets: 0 for none, else 19 or more.
    seed : int
        Seed of the draws.

    Returns
    -------
    SpecificationCurve
        Every specification, the share of the planned sign, the median and, with draws, joint p-values.

    Raises
    ------
    Unsupported
        `planned` is not a combination of the axes, or an axis has no list of choices.
    DataError
        The planned specification gave no estimate, or too few draws.

    References
    ----------
    Simonsohn, Simmons and Nelson (2020), steps 1 to 3.
    """
    wrong = [k for k, v in axes.items() if isinstance(v, str) or not isinstance(v, Sequence) or not len(v)]
    if wrong or not axes:
        raise errors.Unsupported(f"no list of choices for {wrong or 'any axis'}", todo="Give {axis: [choice, …]}.")
    combos = [dict(zip(axes, choice, strict=True)) for choice in itertools.product(*axes.values())]
    if dict(planned) not in combos:
        raise errors.Unsupported("the planned choices are not one of the combinations", todo="Name one per axis.")
    results = parallel.run(partial(_specification, estimate), combos, seed)
    rows: list[dict[str, object]] = []
    refused: list[dict[str, object]] = []
    for combo, result in zip(combos, results, strict=True):
        if isinstance(result, Estimate):
            words = {"value": result.value, "se": result.se, "low": result.low, "high": result.high}
            rows.append(combo | words | {"planned": combo == dict(planned)})
        else:
            refused.append(combo | {"reason": getattr(result, "reason", type(result).__name__)})
    if not any(r["planned"] for r in rows):
        raise errors.DataError("the planned specification gave no estimate, so no curve is drawn around it")
    table = pd.DataFrame(rows)
    table = table.loc[table["value"].round(10).sort_values(kind="stable").index].reset_index(drop=True)
    planned_value = float(table.loc[table["planned"], "value"].iloc[0])
    share = float((np.sign(table["value"]) == np.sign(planned_value)).mean())
    median = float(table["value"].median())
    curve = SpecificationCurve(table, pd.DataFrame(refused), share, median)
    return judged(curve, null_draws, draws, seed + 1) if null_draws is not None and draws else curve


def judged(curve: SpecificationCurve, null_draws: NullDraws, draws: int, seed: int) -> SpecificationCurve:
    """Return a specification curve with its joint p-values.

    Parameters
    ----------
    curve : SpecificationCurve
        The curve.
    null_draws : callable
        As in `specification_curve`.
    draws : int
        Number of draws, 19 or more.
    seed : int
        Seed of the draws.

    Returns
    -------
    SpecificationCurve
        The curve with `p` (of the median), `p_share` (of the share of one sign) and `draws`; p is
        (1 + draws at least as far out) / (1 + draws).

    Raises
    ------
    DataError
        Too few draws for a p-value.

    References
    ----------
    Simonsohn, Simmons and Nelson (2020), step 3.
    """
    if draws < LEAST_DRAWS:
        raise errors.DataError(f"{draws} draws are too few for a p-value", todo=f"Use {LEAST_DRAWS} at least.")
    drawn = np.array(parallel.run(partial(_null_statistics, null_draws), list(range(draws)), seed))
    far = (np.abs(drawn[:, 0]) >= abs(curve.median)).sum(), (drawn[:, 1] >= curve.same_sign_share).sum()
    p, p_share = ((1 + int(k)) / (draws + 1) for k in far)
    return replace(curve, p=p, p_share=p_share, draws=draws)


def resampled_sessions(parts: Floats, rng: np.random.Generator) -> Floats:
    """Return the values of all specifications on sessions drawn anew, with the effect removed.

    Sessions are drawn with replacement, all specifications from the same draw; each estimate moves by the sum of what
    the drawn sessions add, times sqrt(G / (G - 1)): the bootstrap of clusters to first order, designs held fixed.

    Parameters
    ----------
    parts : ndarray, shape (sessions, specifications)
        What each session adds to each estimate (`effects.influence` summed by session); columns sum to 0.
    rng : numpy.random.Generator
        Generator of the draw.

    Returns
    -------
    ndarray, shape (specifications,)
        Values under no effect, in the outcome's unit.

    Raises
    ------
    EmptyCell
        Fewer than two sessions.
    """
    clusters = len(parts)
    if clusters < 2:
        raise errors.EmptyCell("fewer than two sessions cannot be drawn anew")
    times = rng.multinomial(clusters, np.full(clusters, 1 / clusters))
    moved: Floats = (times - 1.0) @ parts
    return math.sqrt(clusters / (clusters - 1)) * moved


def _specification(
    estimate: Callable[[Choices], Estimate | NotIdentified | TooFew], combo: Choices, _: np.random.Generator
) -> Estimate | NotIdentified | TooFew | _Refusal:
    """Return one specification's result, or why it was refused."""
    try:
        return estimate(combo)
    except errors.DataError as error:
        return _Refusal(error.what)


@dataclass(frozen=True, slots=True)
class _Refusal:
    reason: str


def _null_statistics(null_draws: NullDraws, _: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return median and share of the commoner sign of one draw."""
    values = np.asarray(null_draws(rng), dtype=float)
    return float(np.median(values)), float(max((values > 0).mean(), (values < 0).mean()))
