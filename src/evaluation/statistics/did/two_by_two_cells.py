"""What every design asks first: who is in which cell, are they known, are there enough, what do they weigh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import NotIdentified, TooFew
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Floats
from evaluation.statistics.did import whole_clusters

LEAST = 1  # people in a cell under which there is no estimate; a plan asks for more


@dataclass(frozen=True, slots=True)
class Cells:
    """A frame of two groups at two times, as arrays.

    Attributes
    ----------
    y : ndarray, shape (n,)
        Outcome.
    g, t : ndarray, shape (n,)
        1 for the group, 0 for the others; 1 after, 0 before.
    w : ndarray, shape (n,)
        Weights.
    x : ndarray, shape (n, k)
        Covariates as numbers, without an intercept.
    names : tuple of str, length k
        Names of the columns of `x`.
    counts : dict of str to int
        People in each of the four cells.
    """

    y: Floats
    g: Floats
    t: Floats
    w: Floats
    x: Floats
    names: tuple[str, ...]
    counts: dict[str, int]


def read(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    covariates: Sequence[str] = (),
    weight: str | None = None,
    cluster: str | None = None,
    least: int = LEAST,
    rescale: bool = False,
) -> Cells | NotIdentified | TooFew:
    """Return a frame of two groups at two times as arrays, once it has been checked.

    Parameters
    ----------
    frame : DataFrame
        One row per person (and time).
    outcome, group, time : str
        Columns of the outcome (numeric), of the group and of the time (0 and 1).
    covariates : sequence of str
        Columns; words become indicators.
    weight, cluster : str, optional
        Columns of the survey weights (above 0) and of the clusters.
    least : int
        People needed in every cell.
    rescale : bool
        Whether weights are scaled to mean 1 within each time.

    Returns
    -------
    Cells, NotIdentified or TooFew
        The arrays; `NotIdentified` where the group is unknown for everybody at a time or has fewer than three whole
        clusters on a side, `TooFew` with the counts where a cell is under `least`.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A column that is partly missing.
    DataError
        Group or time other than 0 and 1, a weight that is not above 0, an outcome that is not numeric.
    """
    _roles.refuse_own_covariates(covariates, outcome, group, time)
    _roles.by_name(weight, "weight")
    _roles.by_name(cluster, "cluster")
    roles = [outcome, group, time, *covariates, *([weight] if weight else []), *([cluster] if cluster else [])]
    errors.require_columns(frame, roles, role="difference-in-differences")
    refusal = identification_refusal(frame, group, time)
    if refusal is not None:
        return refusal
    errors.require_complete(frame, roles, role="difference-in-differences")
    g, t = binary(frame, group), binary(frame, time)
    counts = cell_counts(g, t)
    if min(counts.values()) < max(least, 1):
        return TooFew(counts=counts, needed=max(least, 1))
    few = whole_clusters.refusal(frame, group, cluster)
    if few is not None:
        return few
    w = weights(frame, weight, t if rescale else None)
    x, names = covariate_columns(frame, covariates)
    y = _roles.numeric(frame, outcome, role="outcome")
    y = y - y[0] if np.ptp(y) == 0 else y  # a constant outcome has a change of exactly 0
    return Cells(y, g, t, w, x, names, counts)


def covariate_columns(frame: pd.DataFrame, covariates: Sequence[str]) -> tuple[Floats, tuple[str, ...]]:
    """Return covariates as numeric columns, words as indicators of every level but the first.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    covariates : sequence of str
        Columns; none gives no columns.

    Returns
    -------
    x : ndarray, shape (n, k)
        The columns.
    names : tuple of str, length k
        Their names.
    """
    if not covariates:
        return np.zeros((len(frame), 0)), ()
    built = _roles.columns(frame, list(covariates), drop_first=True)
    return built.matrix, tuple(built.names)


def identification_refusal(frame: pd.DataFrame, group: str, time: str) -> NotIdentified | None:
    """Return why the design is not identified where the group is unknown for everybody at some time.

    This is an attendee design without earlier attendance.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    group, time : str
        Columns of the group and of the time.

    Returns
    -------
    NotIdentified or None
        The refusal; None where the group is known at every time.
    """
    silent = [t for t, rows in frame.groupby(time)[group] if rows.isna().all()]
    if silent:
        return NotIdentified(
            f"who belongs to which group is not known at time {', '.join(map(str, silent))}, and other people answered",
            "Ask about attendance in every wave, or link the same people across waves.",
        )
    return None


def binary(frame: pd.DataFrame, column: str) -> Floats:
    """Return a column of 0 and 1 as floats.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    column : str
        The column.

    Returns
    -------
    ndarray, shape (n,)
        0.0 and 1.0.

    Raises
    ------
    DataError
        Another value, or a missing one.
    """
    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if not np.isin(values, (0.0, 1.0)).all():
        coded = bool((values < 0).any())
        raise errors.DataError(
            f"{column!r} is not 0 and 1" + (": negative values look like codes of missing answers" if coded else ""),
            todo="Leave those people out as a named step; they are not known to be 0."
            if coded
            else "Make it so; more periods belong to group_time.",
        )
    return values


def cell_counts(g: Floats, t: Floats) -> dict[str, int]:
    """Return how many people stand in each of the four cells.

    Parameters
    ----------
    g, t : ndarray, shape (n,)
        1 for the group, 0 for the others; 1 after, 0 before.

    Returns
    -------
    dict of str to int
        Unweighted people by "group, before", "group, after", "others, before", "others, after".
    """
    names = {(1, 0): "group, before", (1, 1): "group, after", (0, 0): "others, before", (0, 1): "others, after"}
    return {name: int(((g == a) & (t == b)).sum()) for (a, b), name in names.items()}


def weights(frame: pd.DataFrame, weight: str | None, t: Floats | None) -> Floats:
    """Return survey weights, or 1 for everybody.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    weight : str or None
        Column of the weights.
    t : ndarray, shape (n,), or None
        Times within each of which weights are scaled to mean 1; None leaves them as they are.

    Returns
    -------
    ndarray, shape (n,)
        Weights above 0.

    Raises
    ------
    DataError
        A weight that is not a positive number.
    """
    if weight is None:
        return np.ones(len(frame))
    w = _roles.numeric(frame, weight, role="weight")
    if not np.isfinite(w).all() or (w <= 0).any():
        raise errors.DataError("weights must be positive numbers", todo="Leave people of weight 0 out.")
    out = w.copy()
    for value in [] if t is None else np.unique(t):
        out[t == value] /= w[t == value].mean()
    return out


def refuse_repeats(frame: pd.DataFrame, unit: str, time: str, *, linked: bool) -> None:
    """Raise when a person stands twice at a time or, in repeated cross-sections, at two times.

    The error of repeated cross-sections treats the waves as different people: linked people given to it would get
    an error that is too large (Card and Krueger 1994: 1.80 against 1.34), and a panel read as one person per row an
    error that is too small.

    Parameters
    ----------
    frame : DataFrame
        One row per person and time.
    unit, time : str
        Columns of the person's code and of the time.
    linked : bool
        Whether the same people may stand at several times.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A person without a code.
    DataError
        A person who stands twice.
    """
    errors.require_columns(frame, [unit, time], role="people")
    errors.require_complete(frame, [unit], role="people")
    if frame.duplicated([unit, time]).any():
        raise errors.DataError("a person stands twice at one time", todo="Keep one row per person and time.")
    if not linked and frame.duplicated([unit]).any():
        raise errors.DataError(
            "the same people stand at several times", todo="Use linked_panel, or cluster by person in two_by_two."
        )
