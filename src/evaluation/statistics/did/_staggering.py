"""What staggered designs read: who was first treated when, seen when, standing for how many, in which cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import _roles, inference
from evaluation.statistics.did import cells


@dataclass(slots=True)
class Units:
    """Units (people of a panel, rows of cross-sections): outcome (units, times) or (rows,), first, weights, codes."""

    y: np.ndarray
    x: np.ndarray
    when: np.ndarray | None
    times: np.ndarray
    first: np.ndarray
    w: np.ndarray
    codes: np.ndarray | None
    clusters: int

    @property
    def units(self) -> int:
        """How many people (of a panel) or rows."""
        return len(self.first)


def read(frame, outcome, first_treated, time, covariates, weight, cluster, unit) -> Units:
    """Return the units of a checked frame; people must stand at every time where `unit` names them."""
    frame = frame.sort_index(kind="stable")  # draws do not depend on the order of rows
    built = _roles.columns(frame, list(covariates), drop_first=True).matrix if covariates else np.zeros((len(frame), 0))
    first = _numbers(frame, first_treated, "time of first treatment")
    first = np.where(first == 0, np.inf, first)
    y, x = _roles.numeric(frame, outcome, role="outcome"), np.column_stack([np.ones(len(frame)), built])
    y = y - y[0] if np.ptp(y) == 0 else y  # a constant outcome has a change of exactly 0
    w = cells.weights(frame, weight, None)
    times, when = np.unique(_numbers(frame, time, "time"), return_inverse=True)
    labels = None if cluster is None else frame[cluster]
    if unit is not None:
        cells.refuse_repeats(frame, unit, time, linked=True)
        who = pd.factorize(frame[unit], sort=True)[0]
        order = np.lexsort((when, who))
        if len(order) != (who.max() + 1) * len(times):
            raise errors.DataError("somebody is missing at a time", todo="Keep people who answered every time.")
        shape = (who.max() + 1, len(times))
        first = first[order].reshape(shape)
        if (first != first[:, :1]).any():
            raise errors.DataError("somebody changes group", todo="One time of first treatment per person.")
        y, x, w = y[order].reshape(shape), x[order].reshape(*shape, -1), w[order].reshape(shape)
        labels = None if labels is None else labels.iloc[order[:: len(times)]]
        first, when = first[:, 0], None
    keep = first > times[0]
    if not keep.any():
        raise errors.EmptyCell("everybody was treated from the first time on", todo="There is no time before.")
    if labels is None:
        codes, clusters = None, int(keep.sum())
    else:
        codes, clusters = inference.cluster_codes(labels[keep], int(keep.sum()))
    return Units(y[keep], x[keep], None if when is None else when[keep], times, first[keep], w[keep], codes, clusters)


def _numbers(frame: pd.DataFrame, column: str, what: str) -> np.ndarray:
    """Return a column of times as floats (infinity is allowed: never), or raise."""
    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if np.isnan(values).any():
        raise errors.DataError(f"the {what} {column!r} is not a number", todo="Number the times; 0 for never treated.")
    return values


def refuse_one_place(data: Units, control: str) -> None:
    """Refuse errors by clusters treated as a whole where one only was treated, or one only is compared with."""
    if data.codes is None:
        return
    pairs = np.unique(np.column_stack([data.codes, data.first]), axis=0)
    never = np.isinf(pairs[:, 1])
    if len(np.unique(pairs[:, 0])) < len(pairs):  # clusters hold people of several groups
        return
    if (~never).sum() == 1 or (never.sum() == 1 and (control == "never" or len(pairs) == 2)):
        raise errors.EmptyCell(
            "one cluster only stands on a side, so its chance deviation cannot be seen",
            todo="Treat at least two places, and keep at least two without.",
        )
