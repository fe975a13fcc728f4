"""What every design asks first: who is in which cell, are they known, are there enough, what do they weigh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import NotIdentified, TooFew
from evaluation.statistics import _roles

LEAST = 30


@dataclass(frozen=True, slots=True)
class Cells:
    """A frame of two groups at two times as arrays.

    `y`, `g`, `t`, `w` (n,), `x` (n, k) without an intercept, `names` of its columns, `counts` of people per cell.
    """

    y: np.ndarray
    g: np.ndarray
    t: np.ndarray
    w: np.ndarray
    x: np.ndarray
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
    least: int = 1,
    rescale: bool = False,
) -> Cells | NotIdentified | TooFew:
    """Return a checked frame as arrays; a refusal where a group is unknown at a time, or a cell is too small.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        A column is lacking, holds NA (an answer, a group, a weight, a cluster), or group and time are not 0/1.
    """
    _roles.listed(covariates)
    _roles.by_name(weight, "weight")
    _roles.by_name(cluster, "cluster")
    roles = [outcome, group, time, *covariates, *([weight] if weight else []), *([cluster] if cluster else [])]
    errors.require_columns(frame, roles, role="difference-in-differences")
    refusal = identified(frame, group, time)
    if refusal is not None:
        return refusal
    errors.require_complete(frame, roles, role="difference-in-differences")
    g, t = binary(frame, group), binary(frame, time)
    counts = cell_counts(g, t)
    if min(counts.values()) < max(least, 1):
        return TooFew(counts=counts, needed=max(least, 1))
    w = weights(frame, weight, t if rescale else None)
    built = _roles.columns(frame, list(covariates), drop_first=True) if covariates else None
    x, names = (np.zeros((len(frame), 0)), ()) if built is None else (built.matrix, tuple(built.names))
    y = _roles.numeric(frame, outcome, role="outcome")
    y = y - y[0] if np.ptp(y) == 0 else y  # a constant outcome has a change of exactly 0
    return Cells(y, g, t, w, x, names, counts)


def one_place(frame: pd.DataFrame, group: str, cluster: str | None) -> NotIdentified | None:
    """Refuse errors by clusters that each belong to one group where a group has one cluster only.

    The lone cluster's residuals sum to 0 whatever happened there: its chance deviation is not seen (with one a side the
    error is 0), and degrees of freedom look healthy while a true null is rejected far too often.
    """
    if cluster is None:
        return None
    sides = frame.groupby(cluster, observed=True)[group].agg(["min", "max"]).astype(float)
    if (sides["min"] != sides["max"]).any() or sides["min"].value_counts().reindex([0.0, 1.0]).min() > 1:
        return None
    return NotIdentified(
        f"there is one {cluster} only on one side", "Events in at least two places, and at least two places without."
    )


def identified(frame: pd.DataFrame, group: str, time: str) -> NotIdentified | None:
    """Refuse where the group is unknown for everybody at some time: an attendee design without earlier attendance."""
    silent = [t for t, rows in frame.groupby(time)[group] if rows.isna().all()]
    if silent:
        return NotIdentified(
            f"who belongs to which group is not known at time {', '.join(map(str, silent))}, and other people answered",
            "Ask about attendance in every wave, or link the same people across waves.",
        )
    return None


def binary(frame: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column of 0 and 1 as floats, or raise."""
    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if not np.isin(values, (0.0, 1.0)).all():
        raise errors.DataError(f"{column!r} is not 0 and 1", todo="Make it so; more periods belong to group_time.")
    return values


def cell_counts(g: np.ndarray, t: np.ndarray) -> dict[str, int]:
    """Return unweighted people in the four cells."""
    names = {(1, 0): "group, before", (1, 1): "group, after", (0, 0): "others, before", (0, 1): "others, after"}
    return {name: int(((g == a) & (t == b)).sum()) for (a, b), name in names.items()}


def weights(frame: pd.DataFrame, weight: str | None, t: np.ndarray | None) -> np.ndarray:
    """Return positive weights, of mean 1 within each value of `t` where that is given."""
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
    """Raise when a person stands twice at a time, or, in repeated cross-sections, at two times.

    The error of repeated cross-sections treats the waves as different people: linked people given to it would get
    an error that is too large (Card and Krueger 1994: 1.80 against 1.34), and a panel read as one person per row an
    error that is too small.
    """
    errors.require_columns(frame, [unit, time], role="people")
    errors.require_complete(frame, [unit], role="people")
    if frame.duplicated([unit, time]).any():
        raise errors.DataError("a person stands twice at one time", todo="Keep one row per person and time.")
    if not linked and frame.duplicated([unit]).any():
        raise errors.DataError(
            "the same people stand at several times", todo="Use linked_panel, or cluster by person in two_by_two."
        )
