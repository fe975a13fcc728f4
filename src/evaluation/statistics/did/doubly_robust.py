"""Doubly robust difference-in-differences for repeated cross-sections and for linked people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, NotIdentified, TooFew, from_se
from evaluation.statistics import _logistic, _roles, inference
from evaluation.statistics._arrays import Floats, Integers
from evaluation.statistics.did import influence_functions, two_by_two_cells, whole_clusters

METHOD_NAMES = {
    "traditional": "doubly robust",
    "improved": "doubly robust, improved",
    "regression": "outcome regression",
    "weighting": "weighting by the chance of belonging",
}


def doubly_robust(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    covariates: Sequence[str],
    weight: str | None = None,
    cluster: str | None = None,
    method: str = "traditional",
    unit: str | None = None,
    draws: int = 0,
    seed: int = 0,
    least: int = two_by_two_cells.LEAST,
    rescale: bool = False,
) -> Estimate | NotIdentified | TooFew:
    """Estimate the average effect on the group by doubly robust difference-in-differences.

    Parameters
    ----------
    frame : DataFrame
        One row per person (and time).
    outcome : str
        Column of the outcome, numeric.
    group, time : str
        Columns of 0 and 1, known in both waves.
    covariates : sequence of str
        Numbers as they are, words as indicators. In repeated cross-sections they are read in each wave's own sample
        and their distribution within the group is taken to be the same in both (see `composition_test`).
    weight, cluster : str, optional
        Survey weight (its scale is free; with `rescale` of mean 1 within each wave) and labels to sum errors over.
    method : {"traditional", "improved", "regression", "weighting"}
        Traditional: logit and least squares in all four cells (equation 3.4). Improved: chances that balance the
        covariates and regressions weighted by their odds. The last two are its singly robust parts.
    unit : str, optional
        A person's code: the same people at both times are compared with themselves (equation 3.1, covariates of the
        earlier time). Without it, repeated cross-sections.
    draws : int
        Multiplier-bootstrap draws for the error and interval; 0 uses the influence function.
    seed : int
        Seed of these draws.
    least : int
        People needed in every cell.
    rescale : bool
        Whether weights are scaled to mean 1 within each wave.

    Returns
    -------
    Estimate, NotIdentified or TooFew
        The effect in the outcome's unit, error by the influence function; with clusters t on clusters less one.
        `NotIdentified` where the group is unknown at a time, or a group has one cluster only; `TooFew` with the counts.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A column that is partly missing.
    DataError
        Group or time other than 0 and 1, a weight that is not above 0, somebody who stands twice, at one time only or
        in two groups.
    NotConverged
        The covariates tell the groups apart, or no weights balance them.
    Collinear
        A cell is too small for its outcome regression.
    Unsupported
        An unknown method.

    References
    ----------
    Sant'Anna and Zhao (2020).
    """
    frame = frame.sort_index(kind="stable") if draws else frame  # draws do not depend on the order of rows
    read = two_by_two_cells.read(
        frame,
        outcome=outcome,
        group=group,
        time=time,
        covariates=covariates,
        weight=weight,
        cluster=cluster,
        least=least,
        rescale=rescale,
    )
    if not isinstance(read, two_by_two_cells.Cells):
        return read
    run = influence_functions.estimator(method, panel=unit is not None)
    x = np.column_stack([np.ones(len(read.y)), read.x])
    labels, g, w = None if cluster is None else frame[cluster], read.g, read.w
    if unit is None:
        value, inf = run(read.y, read.t, g, x, w / w.mean())
        what = "repeated cross-sections"
    else:
        dy, first = changes(frame, read, unit, time)
        g, w = g[first], w[first]
        value, inf = run(dy, g, x[first], w / w.mean())
        labels, what = None if labels is None else labels.iloc[first], "the same people"
    return from_influence(
        value,
        inf,
        labels,
        side=g,
        weight=w,
        draws=draws,
        seed=seed,
        n=read.counts,
        outcome=outcome,
        method=f"{METHOD_NAMES[method]}, {what}",
        estimand="average effect on the group (ATT)",
    )


def changes(frame: pd.DataFrame, read: two_by_two_cells.Cells, unit: str, time: str) -> tuple[Floats, Integers]:
    """Return each person's change of outcome, and where their earlier rows stand.

    Parameters
    ----------
    frame : DataFrame
        One row per person and time.
    read : Cells
        The same rows as arrays.
    unit, time : str
        Columns of the person's code and of the time.

    Returns
    -------
    change : ndarray, shape (people,)
        Later less earlier outcome.
    first : ndarray of int, shape (people,)
        Positions of the earlier rows.

    Raises
    ------
    DataError
        Somebody stands twice at a time, at one time only, or changes group.
    """
    two_by_two_cells.refuse_repeats(frame, unit, time, linked=True)
    order = np.lexsort((read.t, pd.factorize(frame[unit])[0]))
    first, second = order[::2], order[1::2]
    codes = pd.factorize(frame[unit])[0]
    if len(order) % 2 or (codes[first] != codes[second]).any() or (read.t[first] == read.t[second]).any():
        raise errors.DataError("somebody stands at one time only", todo="Keep people who answered both times.")
    if (read.g[first] != read.g[second]).any():
        raise errors.DataError("somebody changes group", todo="The group is what a person belongs to at both times.")
    return read.y[second] - read.y[first], first


def from_influence(
    value: float,
    inf: Floats,
    labels: pd.Series | None,
    *,
    side: Floats,
    weight: Floats,
    draws: int = 0,
    seed: int = 0,
    **details: Any,
) -> Estimate:
    """Return an estimate whose error comes from its influence function.

    Parameters
    ----------
    value : float
        The estimate.
    inf : ndarray, shape (n,)
        Influence function, of mean 0.
    labels : Series or None, length n
        Clusters to sum it over.
    side, weight : ndarray, shape (n,)
        Group of each person, 0 or 1, and their weight.
    draws : int
        Multiplier-bootstrap draws for the error; 0 uses the standard deviation of the influence function.
    seed : int
        Seed of these draws.
    **details : object
        Further fields of the `Estimate` (`n`, `method`, `outcome` and so on).

    Returns
    -------
    Estimate
        Value, error, and t intervals on people (or clusters) less one. Where each cluster lies whole on one side: sums
        corrected for the cluster's share of its side, and Satterthwaite degrees of freedom.

    Raises
    ------
    EmptyCell
        Clusters so few or unequal that fewer than three degrees of freedom are left.
    """
    codes: Integers | None = None
    count = len(inf)
    if labels is not None:
        codes, count = inference.cluster_codes(labels, len(inf))
    summed, df, less = influence_functions.sums_by_cluster(inf, codes, count), float(count - 1), count - 1
    by = "" if labels is None else f", {count} clusters"
    if codes is not None:
        pair = whole_clusters.sides(codes, count, weight, side, 1 - side)
        if not ((pair.treated > 0) & (pair.others > 0)).any():  # whole clusters: few of them have a small-sample error
            summed, df, less = pair.corrected(summed), whole_clusters.freedom([pair.treated, pair.others]), count
            by += ", Satterthwaite"
            if df < whole_clusters.LEAST_DF:
                raise errors.EmptyCell(
                    f"a few of the {count} clusters hold so much of their side that the error cannot be judged: "
                    f"unequal sizes leave {df:.1f} degrees of freedom",
                    todo=whole_clusters.REMEDY,
                )
    if draws:
        drawn = influence_functions.multiplier(summed, draws=draws, seed=seed)[:, 0]
        how, se = f"multiplier bootstrap, {draws} draws{by}", bootstrap_error(drawn)
    elif labels is None:
        how, se = "influence function", float(np.sqrt((inf**2).mean() / count))
    else:
        how, se = f"influence function{by}", float(np.sqrt((summed**2).sum() / less / count))
    return from_se(value, se, df=df, se_method=how, **details)


def bootstrap_error(draws: Floats) -> float:
    """Return the standard error of bootstrap draws: the interquartile range over that of the normal.

    The R packages did and DRDID use it; it is robust to a wild draw.

    Parameters
    ----------
    draws : ndarray, shape (draws,)
        Draws of an estimate's error.

    Returns
    -------
    float
        Standard error.
    """
    low, high = np.quantile(draws, [0.25, 0.75])
    return float((high - low) / 1.3489795003921634)


def probability_difference(
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    covariates: Sequence[str] = (),
    weight: str | None = None,
    cluster: str | None = None,
) -> Estimate | NotIdentified | TooFew:
    """Estimate a binary outcome's difference-in-differences as a difference of probabilities, from a weighted logit.

    In a logit the coefficient of group × time is no difference of probabilities. The effect on the group after is
    P(with the interaction) less P(without), averaged over its people: untreated odds, not shares, are taken to move in
    parallel. Error by the delta method, CR1 by cluster or HC1.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    outcome, group, time : str
        Columns of 0 and 1.
    covariates : sequence of str
        Columns; words become indicators.
    weight, cluster : str, optional
        Columns of the survey weights and of the clusters.

    Returns
    -------
    Estimate, NotIdentified or TooFew
        Difference of probabilities, -1 to 1; `method` says that parallel odds are assumed.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A column that is partly missing.
    DataError
        An outcome, a group or a time other than 0 and 1, or a weight that is not above 0.
    NotConverged
        Everybody in a cell gave the same answer.

    References
    ----------
    Ai and Norton (2003); Puhani (2012), equation 10.
    """
    read = two_by_two_cells.read(
        frame, outcome=outcome, group=group, time=time, covariates=covariates, weight=weight, cluster=cluster
    )
    if not isinstance(read, two_by_two_cells.Cells):
        return read
    if not np.isin(read.y, (0.0, 1.0)).all():
        raise errors.DataError(f"{outcome!r} is not 0 and 1", todo="Make the positive answers 1.")
    z, _, _ = _roles.standardise(read.x)
    x = np.column_stack([np.ones(len(read.y)), read.g, read.t, read.g * read.t, z])
    w = read.w / read.w.mean()
    model = _logistic.fit(x, read.y, w)
    if not model.converged:
        raise errors.NotConverged("everybody in a cell gave the same answer", todo="Use two_by_two on the shares.")
    own = w * read.g * read.t / (w * read.g * read.t).sum()
    without = x.copy()
    without[:, 3] = 0.0
    p1, p0 = model.probability, 1 / (1 + np.exp(-(without @ model.beta)))
    slope = own @ (x * (p1 * (1 - p1))[:, None] - without * (p0 * (1 - p0))[:, None])
    value = float(own @ (p1 - p0))
    inf = len(w) * (model.scores @ model.bread @ slope + own * (p1 - p0 - value))
    return from_influence(
        value,
        inf,
        None if cluster is None else frame[cluster],
        side=read.g,
        weight=w,
        n=read.counts,
        outcome=outcome,
        method="difference of probabilities from a logit (parallel log-odds)",
        estimand="average effect on the group (ATT)",
    )
