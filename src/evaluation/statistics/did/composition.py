"""Whether other kinds of people answered after than before: seen, tested and adjusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Floats, Integers
from evaluation.statistics.did import influence_functions, two_by_two_cells
from evaluation.statistics.did.doubly_robust import from_influence
from evaluation.statistics.did.regression import two_by_two

CELLS = ((1, 1), (1, 0), (0, 1), (0, 0))  # (group, time), in the order of the cells' codes
RIDGE = 1e-6  # keeps Newton's steps finite; does not move four digits
WEIGHT_CAP = 20.0  # multiple of a cell's median weight that larger weights are cut to


@dataclass(frozen=True, slots=True)
class Composition:
    """How the people of two waves differ, read against chance.

    Attributes
    ----------
    table : DataFrame
        One row per column: column, before, after (means, or shares of 0 to 1), smd (difference in pooled standard
        deviations).
    worst : float
        Largest absolute standardised difference.
    p : float
        Share (0 to 1) of draws, with sessions dealt to waves by lot, whose worst is as large.
    reference : tuple of float
        90th and 99th percentile of the worst in these draws.
    draws : int
        Number of draws.
    """

    table: pd.DataFrame
    worst: float
    p: float
    reference: tuple[float, float]
    draws: int

    @property
    def grade(self) -> str:
        """Return how the worst difference compares with the draws.

        Returns
        -------
        str
            "pass" to the 90th percentile, "flag" to the 99th, "fail" above.
        """
        return "pass" if self.worst <= self.reference[0] else "flag" if self.worst <= self.reference[1] else "fail"


def between_waves(
    frame: pd.DataFrame,
    *,
    time: str,
    columns: Sequence[str],
    session: str | None = None,
    weight: str | None = None,
    draws: int = 200,
    seed: int = 0,
) -> Composition:
    """Compare who answered at two times, against waves drawn by lot (whole sessions dealt anew).

    Weights are scaled to mean 1 within each wave as drawn; standardised by the pooled SD of the data.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    time : str
        Column of 0 and 1.
    columns : sequence of str
        Columns to compare; words are compared level by level.
    session : str, optional
        Column of the sessions, which are dealt whole; people are dealt one by one without it.
    weight : str, optional
        Column of the survey weights, above 0.
    draws : int
        Number of draws.
    seed : int
        Seed of the draws.

    Returns
    -------
    Composition
        The differences, the worst of them, and how often chance makes one as large.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A missing value in any of these columns.
    DataError
        A time other than 0 and 1, or a weight that is not above 0.
    """
    roles = [time, *columns, *[c for c in (session, weight) if c]]
    errors.require_columns(frame, roles, role="composition")
    errors.require_complete(frame, roles, role="composition")
    t, w = two_by_two_cells.binary(frame, time), two_by_two_cells.weights(frame, weight, None)
    built = _roles.columns(frame, list(columns), drop_first=False)
    v = built.matrix
    codes = (
        np.arange(len(t))
        if session is None
        else pd.factorize(frame[session].astype(str) + "|" + frame[time].astype(str))[0]
    )
    late = np.zeros(codes.max() + 1)
    late[codes] = t
    sd = np.sqrt((v[t == 1].var(axis=0, ddof=1) + v[t == 0].var(axis=0, ddof=1)) / 2)
    sd = np.where(sd > 0, sd, np.inf)
    own, rng = _standardised_gaps(v, w, sd, t), np.random.default_rng(seed)
    lots = (rng.permutation(late)[codes] for _ in range(draws))
    drawn = np.array([np.abs(_standardised_gaps(v, w, sd, lot)).max() for lot in lots])
    worst = float(np.abs(own).max())
    a, b = w * t, w * (1 - t)
    table = pd.DataFrame({"column": built.names, "before": b @ v / b.sum(), "after": a @ v / a.sum(), "smd": own})
    return Composition(
        table,
        worst,
        float((1 + (drawn >= worst - 1e-12).sum()) / (1 + draws)),
        (float(np.quantile(drawn, 0.9)), float(np.quantile(drawn, 0.99))),
        draws,
    )


def _standardised_gaps(v: Floats, w: Floats, sd: Floats, late: Floats) -> Floats:
    """Return the weighted means of those late less those of the others, in standard deviations."""
    a, b = w * late, w * (1 - late)
    gaps: Floats = (a @ v / a.sum() - b @ v / b.sum()) / sd
    return gaps


def cell_probabilities(x: Floats, cell: Integers, w: Floats) -> Floats:
    """Return each person's chance of standing in each of the four cells, by a weighted multinomial logit.

    Parameters
    ----------
    x : ndarray, shape (n, k)
        Covariates, an intercept first.
    cell : ndarray of int, shape (n,)
        Code of each person's cell, 0 to 3; the last is the reference.
    w : ndarray, shape (n,)
        Weights.

    Returns
    -------
    ndarray, shape (n, 4)
        Chances, which sum to 1 in each row.

    Raises
    ------
    NotConverged
        A covariate tells the four cells apart.
    """
    n, k = x.shape
    z = np.column_stack([np.ones(n), _roles.standardise(x[:, 1:])[0]]) if k > 1 else x
    y = (cell[:, None] == np.arange(3)[None, :]).astype(float)
    beta = np.zeros((3, k))
    p: Floats = np.full((n, 4), 0.25)
    for _ in range(100):
        eta = np.column_stack([z @ beta.T, np.zeros(n)])
        p = np.exp(eta - eta.max(axis=1, keepdims=True))
        p = p / p.sum(axis=1, keepdims=True)
        score = ((w[:, None] * (y - p[:, :3])).T @ z) - RIDGE * beta
        blocks = [[(z * (w * p[:, a] * ((a == b) - p[:, b]))[:, None]).T @ z for b in range(3)] for a in range(3)]
        step = np.linalg.solve(np.block(blocks) + RIDGE * np.eye(3 * k), score.ravel()).reshape(3, k)
        beta = beta + step * min(1.0, 5.0 / max(np.abs(z @ step.T).max(), 1e-300))
        if np.abs(z @ step.T).max() < 1e-9:
            return p
    raise errors.NotConverged("a covariate tells the four cells apart", todo="Join small levels, or use fewer columns.")


@dataclass(frozen=True, slots=True)
class _FourCells:
    """A checked frame with its design matrix and the code of each person's cell."""

    read: two_by_two_cells.Cells
    x: Floats
    cell: Integers


def _four_cells(
    frame: pd.DataFrame,
    outcome: str,
    group: str,
    time: str,
    covariates: Sequence[str],
    weight: str | None,
    cluster: str | None,
) -> _FourCells | NotIdentified | TooFew:
    """Return the four cells, or why there are none."""
    read = two_by_two_cells.read(
        frame,
        outcome=outcome,
        group=group,
        time=time,
        covariates=covariates,
        weight=weight,
        cluster=cluster,
        rescale=True,
    )
    if not isinstance(read, two_by_two_cells.Cells):
        return read
    x = np.column_stack([np.ones(len(read.y)), read.x])
    cell = np.select([(read.g == a) & (read.t == b) for a, b in CELLS], range(4))
    return _FourCells(read, x, cell)


def four_group_weights(
    frame: pd.DataFrame, *, group: str, time: str, covariates: Sequence[str], weight: str | None = None
) -> pd.Series:
    """Return weights that make all four cells resemble the group before.

    The weights are e1(x) / e_own(x), times the survey weight, of mean 1 within each cell.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    group, time : str
        Columns of 0 and 1. The group must be known in both waves: a place or an ethnic group, never attendance where it
        was not asked.
    covariates : sequence of str
        Columns; words become indicators.
    weight : str, optional
        Column of the survey weights, above 0.

    Returns
    -------
    Series of float
        Weights, cut to 20 times their cell's median.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A column that is partly missing.
    DataError
        Group or time other than 0 and 1, or a weight that is not above 0.
    NotConverged
        A covariate tells the four cells apart.
    EmptyCell
        A cell with nobody in it.

    References
    ----------
    Stuart and others (2014), section 3.
    """
    dummy = frame.assign(_y=0.0)
    cells = _four_cells(dummy, "_y", group, time, covariates, weight, None)
    if isinstance(cells, NotIdentified):
        raise errors.DataError(cells.reason, todo=cells.what_would_help)
    if isinstance(cells, TooFew):
        raise errors.EmptyCell("a cell has nobody in it", todo="All four cells need people.")
    read, cell = cells.read, cells.cell
    p = cell_probabilities(cells.x, cell, read.w)
    raw = p[:, CELLS.index((1, 0))] / p[np.arange(len(p)), cell] * read.w
    for c in range(4):
        rows = cell == c
        raw[rows] = np.minimum(raw[rows], WEIGHT_CAP * np.median(raw[rows]))
        raw[rows] /= raw[rows].mean()
    return pd.Series(raw, index=frame.index)


def four_group(
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    covariates: Sequence[str],
    weight: str | None = None,
    cluster: str | None = None,
) -> Estimate | NotIdentified | TooFew:
    """Estimate the two-by-two with four-group weights: every cell looks like the group before.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    outcome : str
        Column of the outcome, numeric.
    group, time : str
        Columns of 0 and 1. The group must be known in both waves: a place or an ethnic group, never attendance where it
        was not asked.
    covariates : sequence of str
        Columns; words become indicators.
    weight, cluster : str, optional
        Columns of the survey weights (above 0) and of the clusters.

    Returns
    -------
    Estimate, NotIdentified or TooFew
        Difference in differences in the outcome's unit, weights taken as given; or why there is none.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A column that is partly missing.
    DataError
        Group or time other than 0 and 1, or a weight that is not above 0.
    NotConverged
        A covariate tells the four cells apart.

    References
    ----------
    Stuart and others (2014).
    """
    checked = two_by_two_cells.read(
        frame, outcome=outcome, group=group, time=time, covariates=covariates, weight=weight, cluster=cluster
    )
    if not isinstance(checked, two_by_two_cells.Cells):
        return checked
    weights = four_group_weights(frame, group=group, time=time, covariates=covariates, weight=weight)
    data = frame.assign(_four=weights)
    result = two_by_two(data, outcome=outcome, group=group, time=time, weight="_four", cluster=cluster)
    if not isinstance(result, Estimate):
        return result
    return replace(
        result,
        method="two by two, all cells weighted to the group before",
        se_method=f"{result.se_method}, weights as given",
        n_effective=float(_roles.kish(weights.to_numpy())),
    )


def robust_to_composition(
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    covariates: Sequence[str],
    weight: str | None = None,
    cluster: str | None = None,
) -> Estimate | NotIdentified | TooFew:
    """Estimate the effect on the group after without taking who answers to be the same at both times.

    Regressions in four cells carried to the people of the group after, residuals weighted by ratios of cell chances;
    doubly robust. Error by the efficient influence function (its nuisances do not move it to first order).

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    outcome : str
        Column of the outcome, numeric.
    group, time : str
        Columns of 0 and 1. The group must be known in both waves: a place or an ethnic group, never attendance where it
        was not asked.
    covariates : sequence of str
        Columns; words become indicators.
    weight, cluster : str, optional
        Columns of the survey weights (above 0) and of the clusters.

    Returns
    -------
    Estimate, NotIdentified or TooFew
        Average effect on the group after, in the outcome's unit; or why there is none.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A column that is partly missing.
    DataError
        Group or time other than 0 and 1, or a weight that is not above 0.
    NotConverged
        A covariate tells the four cells apart.
    Collinear
        A cell is too small for its outcome regression.

    References
    ----------
    Sant'Anna and Xu (2023), equation 3.5.
    """
    free = _composition_free(frame, outcome, group, time, covariates, weight, cluster)
    if not isinstance(free, tuple):
        return free
    value, inf, read = free
    return from_influence(
        value,
        inf,
        None if cluster is None else frame[cluster],
        n=read.counts,
        side=read.g,
        weight=read.w,
        outcome=outcome,
        method="doubly robust, composition free to change",
        estimand="average effect on the group after (ATT)",
    )


def _composition_free(
    frame: pd.DataFrame,
    outcome: str,
    group: str,
    time: str,
    covariates: Sequence[str],
    weight: str | None,
    cluster: str | None,
) -> tuple[float, Floats, two_by_two_cells.Cells] | NotIdentified | TooFew:
    """Return the effect that lets composition change, its influence function and the cells; or why there is none."""
    cells = _four_cells(frame, outcome, group, time, covariates, weight, cluster)
    if not isinstance(cells, _FourCells):
        return cells
    read, x, cell = cells.read, cells.x, cells.cell
    p = cell_probabilities(x, cell, read.w)
    target = read.w * (cell == 0)
    mu = {
        c: x @ influence_functions.outcome_regression(read.y, x, read.w * (cell == i))[0] for i, c in enumerate(CELLS)
    }
    gap = (mu[1, 1] - mu[1, 0]) - (mu[0, 1] - mu[0, 0])
    value, inf = influence_functions._weighted_mean(gap, target)
    for i, (a, b) in enumerate(CELLS):
        ratio = read.w * (cell == i) * p[:, 0] / p[:, i]
        cap = WEIGHT_CAP * np.median(ratio[cell == i])
        part, own = influence_functions._weighted_mean(read.y - mu[a, b], np.minimum(ratio, cap))
        sign = 1 if a == b else -1
        value, inf = value + sign * part, inf + sign * own
    return value, inf, read


@dataclass(frozen=True, slots=True)
class CompositionTest:
    """The contrast of the estimate that takes composition as constant with the one that does not.

    Attributes
    ----------
    constant, free : Estimate
        The estimate that takes composition as constant, and the one that lets it change.
    difference : Estimate
        The first less the second, with its error; a small p-value says that composition matters.
    """

    constant: Estimate
    free: Estimate
    difference: Estimate


def composition_test(
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    covariates: Sequence[str],
    weight: str | None = None,
    cluster: str | None = None,
) -> CompositionTest | NotIdentified | TooFew:
    """Test whether a change of composition moves the estimate (Hausman's test).

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    outcome : str
        Column of the outcome, numeric.
    group, time : str
        Columns of 0 and 1. The group must be known in both waves: a place or an ethnic group, never attendance where it
        was not asked.
    covariates : sequence of str
        Columns; words become indicators.
    weight, cluster : str, optional
        Columns of the survey weights (above 0) and of the clusters.

    Returns
    -------
    CompositionTest, NotIdentified or TooFew
        Both estimates and their difference; or why there is none.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A column that is partly missing.
    DataError
        Group or time other than 0 and 1, or a weight that is not above 0.
    NotConverged
        A covariate tells the four cells apart.
    Collinear
        A cell is too small for its outcome regression.

    References
    ----------
    Sant'Anna and Xu (2023), section 4.2.
    """
    unrestricted = _composition_free(frame, outcome, group, time, covariates, weight, cluster)
    if not isinstance(unrestricted, tuple):
        return unrestricted
    free, inf_free, read = unrestricted
    x = np.column_stack([np.ones(len(read.y)), read.x])
    constant, inf_constant = influence_functions.rc_doubly_robust(read.y, read.t, read.g, x, read.w / read.w.mean())
    labels = None if cluster is None else frame[cluster]
    estimates = (
        (constant, inf_constant, "doubly robust, composition constant"),
        (free, inf_free, "doubly robust, composition free to change"),
        (constant - free, inf_constant - inf_free, "constant less free composition"),
    )
    return CompositionTest(
        *(
            from_influence(v, inf, labels, side=read.g, weight=read.w, method=m, n=read.counts, outcome=outcome)
            for v, inf, m in estimates
        )
    )


__all__ = [
    "Composition",
    "CompositionTest",
    "between_waves",
    "cell_probabilities",
    "composition_test",
    "four_group",
    "four_group_weights",
    "robust_to_composition",
]
