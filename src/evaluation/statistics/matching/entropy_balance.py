"""Entropy balancing: weights as even as they can be that give both arms the same means (Hainmueller 2012)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Booleans, Floats
from evaluation.statistics.matching.sample import MatchedSample, empty_pairs
from evaluation.statistics.propensity import only_treated_levels

_MAX_ITERATIONS = 200


def entropy_balance(
    frame: pd.DataFrame,
    *,
    treat: str,
    covariates: Sequence[str],
    moments: int = 1,
    survey_weight: str | None = None,
    estimand: str = "ATT",
    tolerance: float = 1e-8,
    outcomes: Iterable[str] = (),
) -> MatchedSample:
    """Weight non-attendees to the means of attendees by entropy balancing (Hainmueller 2012).

    Solves min over l of log sum_i s_i exp(l'(x_i - target)) by Newton's method, so that match weight times survey
    weight balances every column, and asserts that the returned weights do it; ATE weights both arms to everybody, ATC
    attendees to the others.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique.
    treat : str
        Column of 0 and 1.
    covariates : sequence of str
        Columns to balance; words and categoricals as indicators.
    moments : int
        1 balances means, 2 also squares of numeric covariates, 3 also cubes.
    survey_weight : str, optional
        Base weights s; targets are survey-weighted too. The returned `match_weight` is to be multiplied by it.
    estimand : "ATT", "ATC" or "ATE"
        Whose means are the target.
    tolerance : float
        Largest standardised gap (in SDs) allowed in the check made from the returned weights.
    outcomes : iterable of str
        Names that are refused in the frame.

    Returns
    -------
    MatchedSample
        Weights 1 in the arm that sets the target; elsewhere a (survey-weighted) mean of 1.

    Raises
    ------
    EmptyCell
        A level that only the target's people have; it is named. Everybody or nobody treated.
    NotConverged
        No weights give balance; the column with the largest gap is named.
    Collinear, Unsupported
        Collinear covariates, named; an estimand or moments that are not known, or no covariates.
    OutcomesClosed, UnknownColumn, MissingValues, DataError
        An outcome in the frame; an absent column; NA in any role; duplicate ids, a treatment
        that is not 0/1, a weight that is not a positive number.
    """
    covariates = _roles.listed(covariates)
    treated = _roles.check(frame, treat=treat, covariates=covariates, survey_weight=survey_weight, outcomes=outcomes)
    if estimand not in ("ATT", "ATC", "ATE"):
        raise errors.Unsupported(f"entropy balancing has no estimand {estimand!r}", todo="Use ATT, ATC or ATE.")
    if moments not in (1, 2, 3) or not covariates:
        raise errors.Unsupported("entropy balancing needs covariates, and moments 1, 2 or 3", todo="Give both.")
    _refuse_lone_levels(frame, treated, covariates, estimand)
    built = _roles.columns(frame, covariates, drop_first=True)
    _roles.refuse_collinear(frame, covariates, built)
    matrix, names = _powers(built, moments)
    base = _roles.weights(frame, survey_weight)
    aim = {"ATT": treated, "ATC": ~treated, "ATE": np.ones(len(frame), dtype=bool)}[estimand]
    target = base[aim] @ matrix[aim] / base[aim].sum()
    weight = np.ones(len(frame))
    for arm in {"ATT": [~treated], "ATC": [treated], "ATE": [~treated, treated]}[estimand]:
        weight[arm] = _solve(matrix[arm], base[arm], target, names, tolerance)
    return MatchedSample(
        match_weight=pd.Series(weight, index=frame.index, name="match_weight"),
        pairs=empty_pairs(),
        unmatched=frame.index[:0],
        estimand=estimand,
        target=estimand,
        treat=treat,
        survey_weight=survey_weight,
        method=f"entropy balancing on {', '.join(covariates)}" + (f" (moments 1 to {moments})" if moments > 1 else ""),
        treated=pd.Series(treated, index=frame.index, name=treat),
        estimated="entropy",
        balanced=tuple(covariates),
        moments=moments,
        survey=pd.Series(base, index=frame.index) if survey_weight else None,
    )


def design_columns(frame: pd.DataFrame, covariates: Sequence[str], moments: int) -> Floats:
    """Return the columns that were balanced, for errors that allow for estimated weights.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    covariates : sequence of str
        Columns that were balanced.
    moments : int
        1, 2 or 3, as in `entropy_balance`.

    Returns
    -------
    ndarray, shape (n, k)
        Covariates as numbers, then powers of the numeric ones, taken about their means.
    """
    return _powers(_roles.columns(frame, list(covariates), drop_first=True), moments)[0]


def _refuse_lone_levels(frame: pd.DataFrame, treated: Booleans, covariates: Sequence[str], estimand: str) -> None:
    lone = [] if estimand == "ATC" else only_treated_levels(frame, treated, covariates)
    lone += [] if estimand == "ATT" else only_treated_levels(frame, ~treated, covariates)
    if lone:
        raise errors.EmptyCell(
            f"only one arm has {', '.join(lone)}: no weights can balance it",
            todo="Merge the level, or drop those people as a named step.",
        )


def _powers(columns: _roles.Columns, moments: int) -> tuple[Floats, tuple[str, ...]]:
    """Return columns followed by squares and cubes of the numeric ones, taken about their means."""
    if moments == 1:
        return columns.matrix, columns.names
    parts, names = [columns.matrix], list(columns.names)
    continuous = np.flatnonzero(~columns.binary)
    z = _roles.standardise(columns.matrix[:, continuous])[0]
    for power in range(2, moments + 1):
        parts.append(z**power)
        names += [f"{columns.names[j]}^{power}" for j in continuous]
    return np.hstack(parts), tuple(names)


def _solve(matrix: Floats, base: Floats, target: Floats, names: tuple[str, ...], tolerance: float) -> Floats:
    """Return weights, shape (m,), with base-weighted mean 1, whose means are the target's."""
    spread = matrix.std(axis=0)
    gap = np.abs(base @ matrix / base.sum() - target)
    flat = spread <= 1e-12 * np.maximum(1, np.abs(target))
    if (flat & (gap > 1e-9)).any():
        named = ", ".join(n for n, bad in zip(names, flat & (gap > 1e-9), strict=True) if bad)
        raise errors.EmptyCell(f"one arm has a single value of {named}", todo="Take it off the covariates.")
    live = matrix[:, ~flat]
    aim = target[~flat]
    kept = _support(live, aim)
    z = (live[kept] - aim) / spread[~flat]
    varies = z.any(axis=0)
    weight = np.zeros(len(matrix))
    weight[kept] = _newton(np.ascontiguousarray(z[:, varies]), base[kept])
    weight *= base.sum() / (base @ weight)
    worst = np.abs((base * weight) @ live / base.sum() - aim) / spread[~flat]
    if not np.isfinite(worst).all() or worst.max(initial=0.0) > tolerance:
        j = int(np.nanargmax(np.where(np.isfinite(worst), worst, np.inf)))
        name = [n for n, dead in zip(names, flat, strict=True) if not dead][j]
        raise errors.NotConverged(
            f"entropy balancing left a standardised gap of {worst[j]:.3g} in {name!r}",
            todo="Balance fewer columns or merge levels: the target lies outside what these people can reach.",
        )
    return weight


def _support(matrix: Floats, aim: Floats) -> Booleans:
    """Return who may carry weight: where the target has 0 or 1 of an indicator, only people who agree can."""
    kept = np.ones(len(matrix), dtype=bool)
    for j in np.flatnonzero((aim == 0) | (aim == 1)):
        column = matrix[:, j]
        if (column.min() == 0 and column.max() == 1) and np.isin(column, (0.0, 1.0)).all():
            kept &= column == aim[j]
    return kept


def _newton(z: Floats, base: Floats) -> Floats:
    """Return exp weights with base-weighted column means of zero; z holds gaps to the target in SDs."""
    tilt: Floats = np.zeros(z.shape[1])
    if len(z) > 20_000:
        step = len(z) // 5_000
        tilt = _tilt(z[::step], base[::step], tilt, loose=True)
    tilt = _tilt(z, base, tilt)
    eta = z @ tilt
    weight: Floats = np.exp(eta - eta.max())
    return weight


def _tilt(z: Floats, base: Floats, start: Floats, *, loose: bool = False) -> Floats:
    """Return the tilt that minimises log sum base exp(z tilt), by damped Newton steps."""
    log_base = np.log(base)
    tilt = start
    value, share = _dual(z, log_base, tilt)
    for _ in range(_MAX_ITERATIONS):
        slope = share @ z
        if np.abs(slope).max(initial=0.0) < (1e-3 if loose else 1e-11):
            break
        curve = (z * share[:, None]).T @ z - np.outer(slope, slope)
        step = np.linalg.lstsq(curve, slope, rcond=1e-13)[0]
        size, promised = 1.0, float(slope @ step)
        tried, new_share = _dual(z, log_base, tilt - step)
        while tried > value - 1e-4 * size * promised + 1e-13 * abs(value) and size > 1e-6:
            size /= 2
            tried, new_share = _dual(z, log_base, tilt - size * step)
        tilt = tilt - size * step
        stuck = abs(value - tried) <= 1e-16 * max(1.0, abs(value)) and np.abs(new_share @ z).max() > 1e-3
        value, share = tried, new_share
        if stuck or not np.isfinite(value):
            break
    return tilt


def _dual(z: Floats, log_base: Floats, tilt: Floats) -> tuple[float, Floats]:
    eta = z @ tilt + log_base
    top = eta.max()
    raw = np.exp(eta - top)
    total = raw.sum()
    return float(top + np.log(total)), raw / total
