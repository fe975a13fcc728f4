"""Attendance predicted where it was not asked: two exploratory estimators that do not remove unseen selection.

Both fit the chance of attending where attendance is known and apply it where it is not, which needs that chance to be
the same function of the covariates in both waves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics import _logistic, _roles
from evaluation.statistics._arrays import Floats, Integers

RIDGE = 1.0  # attendees are few for the number of columns
LEAST_SPREAD = 1e-6


def attendance(  # noqa: PLR0913
    before: pd.DataFrame,
    after: pd.DataFrame,
    *,
    outcome: str,
    treat: str,
    covariates: Sequence[str],
    weight: str | None = None,
    cluster: str | None = None,
    draws: int = 199,
    seed: int = 0,
) -> tuple[Estimate, Estimate]:
    """Estimate a change by predicted attendance: the predicted-exposure slope, and the four-group contrast.

    Parameters
    ----------
    before, after : DataFrame
        Repeated cross-sections; `treat` stands in `after` only.
    outcome : str
        Column of the outcome, in both frames.
    treat : str
        Column of 0 and 1: attended.
    covariates : sequence of str
        Columns fixed before anybody could attend; words become indicators.
    weight, cluster : str, optional
        Survey weight, scaled to mean 1 within each wave; sessions, which are resampled whole and within their wave.
    draws : int
        Bootstrap draws; the probability of attending is fitted again in each.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    slope : Estimate
        The coefficient of probability × after in a regression on covariates, time, probability and their product: how
        much more those sure to attend would have changed. It allows a fixed unseen gap, and needs the trend not to vary
        with the covariates.
    four_group : Estimate
        The attendees' gap after, less the gap before between people weighted by their probability and by its
        complement: this equals an adjusted comparison after the event and shares all of its unseen selection.

    Raises
    ------
    DataError
        `treat` stands in `before` (then `did.two_by_two` can be used), or the covariates do not tell who attends.
    EmptyCell
        `treat` has one value only.
    OutcomesClosed
        The outcome or the treatment is among the covariates.
    UnknownColumn
        A column that is not there.
    MissingValues
        A missing value in any of these columns.

    References
    ----------
    Botosaru and Gutierrez (2018), in whose spirit the slope is.
    """
    roles = [outcome, *covariates, *([weight] if weight else []), *([cluster] if cluster else [])]
    inside = {outcome, treat} & set(covariates)
    if inside:
        raise errors.OutcomesClosed(
            f"{', '.join(sorted(inside))} among the covariates", todo="Use what was fixed before anybody could attend."
        )
    if treat in before and before[treat].notna().any():
        raise errors.DataError(f"{treat!r} is known before as well", todo="Use did.two_by_two.")
    for frame, needed in ((before, roles), (after, [*roles, treat])):
        errors.require_columns(frame, needed, role="predicted attendance")
        errors.require_complete(frame, needed, role="predicted attendance")
    if after[treat].nunique() < 2:
        raise errors.EmptyCell(f"everybody has the same {treat!r}", todo="Nothing can be predicted.")
    data = _arrays(before, after, outcome, treat, covariates, weight, cluster)
    values = _estimates(data, np.arange(len(data.y)))
    resampled = [_bootstrap_estimates(data, rng) for rng in _generators(draws, seed)]
    drawn = np.array([pair for pair in resampled if pair is not None])
    n = {"before": len(before), "attended": int(after[treat].sum()), "not": int((1 - after[treat]).sum())}
    names = ("predicted-exposure slope", "four-group contrast by predicted attendance")
    df = float(len(np.unique(data.cluster)) - 1)
    slope, four_group = (
        from_se(
            float(v),
            float(drawn[:, i].std(ddof=1)),
            df=df,
            n=n,
            outcome=outcome,
            method=name,
            se_method=f"bootstrap of both steps, {len(drawn)} draws",
        )
        for i, (v, name) in enumerate(zip(values, names, strict=True))
    )
    return slope, four_group


def contrasts(
    before: pd.DataFrame,
    after: pd.DataFrame,
    *,
    outcome: str,
    treat: str,
    covariates: Sequence[str],
    weight: str | None = None,
) -> tuple[float, float]:
    """Return the two estimates of `attendance` without their errors, for simulations of large samples.

    Parameters
    ----------
    before, after : DataFrame
        Repeated cross-sections; `treat` stands in `after` only.
    outcome, treat : str
        Columns of the outcome and of attendance (0 and 1).
    covariates : sequence of str
        Columns; words become indicators.
    weight : str, optional
        Survey weight, scaled to mean 1 within each wave.

    Returns
    -------
    tuple of float
        Slope and four-group contrast, in the outcome's unit.

    Raises
    ------
    DataError
        The covariates do not tell who attends.
    """
    data = _arrays(before, after, outcome, treat, covariates, weight, None)
    return _estimates(data, np.arange(len(data.y)))


@dataclass(frozen=True, slots=True)
class _Arrays:
    """Both waves as arrays, one row per person."""

    y: Floats  # outcome
    t: Floats  # 0 before, 1 after
    w: Floats  # weight, of mean 1 within each wave
    x: Floats  # covariates with an intercept
    a: Floats  # attended; not known before
    cluster: Integers  # codes of clusters, none of which spans both waves


def _generators(draws: int, seed: int) -> list[np.random.Generator]:
    """Return one generator per draw."""
    return [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(draws)]


def _arrays(
    before: pd.DataFrame,
    after: pd.DataFrame,
    outcome: str,
    treat: str,
    covariates: Sequence[str],
    weight: str | None,
    cluster: str | None,
) -> _Arrays:
    """Return both waves as arrays, in an order that does not depend on that of the rows."""
    parts = [f.sort_index(kind="stable").assign(_t=t) for f, t in ((before, 0.0), (after, 1.0))]
    both = pd.concat(parts, ignore_index=True)  # sorted, so that draws do not depend on the order of rows
    w = np.ones(len(both)) if weight is None else both[weight].to_numpy(dtype=float, copy=True)
    time = both["_t"].to_numpy()
    for t in (0.0, 1.0):
        w[time == t] /= w[time == t].mean()
    design = _roles.columns(both, list(covariates), drop_first=True).matrix
    labels = both[cluster].astype(str) if cluster else pd.Series(both.index.astype(str))
    return _Arrays(
        y=both[outcome].to_numpy(dtype=float),
        t=time,
        w=w,
        x=np.column_stack([np.ones(len(both)), design]),
        a=both[treat].to_numpy(dtype=float) if treat in both else np.zeros(len(both)),
        cluster=pd.factorize(labels + "|" + both["_t"].astype(str), sort=True)[0],
    )


def _estimates(data: _Arrays, rows: Integers) -> tuple[float, float]:
    """Return (slope, four-group contrast) of the given rows."""
    y, t, w, x, a = (v[rows] for v in (data.y, data.t, data.w, data.x, data.a))
    after = t == 1
    model = _logistic.fit(x[after], a[after], w[after], ridge=RIDGE)
    chance = 1 / (1 + np.exp(-(x @ model.beta)))
    if chance.std() < LEAST_SPREAD:
        raise errors.DataError("the covariates do not tell who attends", todo="Use covariates that do.")
    terms = np.column_stack([x, t, chance, chance * t])
    root = np.sqrt(w)
    slope = np.linalg.lstsq(terms * root[:, None], y * root, rcond=None)[0][-1]
    gap_after = _gap(y[after], w[after] * a[after], w[after] * (1 - a[after]))
    gap_before = _gap(y[~after], (w * chance)[~after], (w * (1 - chance))[~after])
    return float(slope), gap_after - gap_before


def _gap(y: Floats, first: Floats, second: Floats) -> float:
    """Return the difference of two weighted means."""
    return float(first @ y / first.sum() - second @ y / second.sum())


def _bootstrap_estimates(data: _Arrays, rng: np.random.Generator) -> tuple[float, float] | None:
    """Return both estimates on one draw of clusters, within each wave; None where a draw has no attendee."""
    codes = data.cluster
    rows: list[Integers] = []
    members = [np.flatnonzero(codes == c) for c in range(codes.max() + 1)]
    first = np.array([data.t[m[0]] for m in members])
    for t in (0.0, 1.0):
        pool = np.flatnonzero(first == t)
        rows += [members[c] for c in rng.choice(pool, len(pool))]
    chosen = np.concatenate(rows)
    after = data.t[chosen] == 1
    if not 0 < data.a[chosen][after].sum() < after.sum():
        return None
    try:
        return _estimates(data, chosen)
    except (errors.DataError, np.linalg.LinAlgError):
        return None
