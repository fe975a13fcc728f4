"""What calibration is given, checked: base weights, bounds, and the columns whose totals are to be met."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from numbers import Real

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics._arrays import Floats
from evaluation.statistics._constraints import pseudo_inverse
from evaluation.statistics._margins import level_key

INTERCEPT = "(Intercept)"


def check_bounds(bounds: tuple[float, float] | None) -> None:
    """Refuse bounds on the ratio of weights that do not lie on both sides of 1.

    Parameters
    ----------
    bounds : (low, high) or None
        Least and largest ratio of calibrated to base weight.

    Raises
    ------
    DataError
        Bounds that are not two numbers with 0 <= low < 1 < high.
    """
    pair = isinstance(bounds, tuple | list) and len(bounds) == 2 and all(isinstance(b, Real) for b in bounds)
    if bounds is not None and not (pair and 0 <= bounds[0] < 1 < bounds[1]):
        raise errors.DataError("bounds must lie on both sides of 1, from 0", todo="Give bounds such as (0.3, 3).")


def base_weights(frame: pd.DataFrame, base_weight: str | pd.Series | Floats | None) -> Floats:
    """Return positive base weights in the order of the frame's rows.

    Parameters
    ----------
    frame : DataFrame
        The sample, one row per person.
    base_weight : str, Series, ndarray of shape (n,), or None
        Column of the frame, weights by row label, or weights by row; None gives everybody 1.

    Returns
    -------
    ndarray, shape (n,)
        Base weights.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; a missing weight; weights that are not one positive number for each row.
    """
    if base_weight is None:
        return np.ones(len(frame))
    if isinstance(base_weight, str):
        errors.require_columns(frame, [base_weight], role="base weight")
        base_weight = frame[base_weight]
    if not isinstance(base_weight, pd.Series) and np.shape(base_weight) != (len(frame),):
        raise errors.DataError(f"base weights are not one for each of {len(frame)} rows", todo="Name a column.")
    series = base_weight if isinstance(base_weight, pd.Series) else pd.Series(base_weight, index=frame.index)
    if not series.index.equals(frame.index):
        if series.index.has_duplicates or frame.index.has_duplicates:
            raise errors.DataError("base weights and frame have other, repeated labels", todo="Use one index.")
        series = series.reindex(frame.index)
    if series.isna().any():
        raise errors.MissingValues(f"{int(series.isna().sum())} base weights are missing", todo="Complete them.")
    values = pd.to_numeric(series, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if not np.isfinite(values).all() or (values <= 0).any():
        raise errors.DataError("base weights must be positive numbers", todo="Leave people of weight 0 out.")
    return values


def calibration_column(frame: pd.DataFrame, name: str | tuple[str, Hashable]) -> Floats:
    """Return a calibration variable: ones, a numeric column, or an indicator of a level.

    Parameters
    ----------
    frame : DataFrame
        The sample, one row per person.
    name : str or tuple
        "(Intercept)", a numeric column, "column=level", or (column, level).

    Returns
    -------
    ndarray, shape (n,)
        The variable of each person.

    Raises
    ------
    UnknownColumn, MissingValues, EmptyCell, DataError
        No such column; missing values in it; a level that nobody has; a column that is not finite numbers.
    """
    if name in (INTERCEPT, "(intercept)"):
        return np.ones(len(frame))
    variable, level = name if isinstance(name, tuple) else (name, None)
    if level is None and variable not in frame and "=" in str(variable):
        variable, _, level = str(variable).partition("=")
    errors.require_columns(frame, [variable], role="calibration")
    errors.require_complete(frame, [variable], role="calibration")
    if level is not None:
        holders = frame[variable].map(level_key) == level_key(level)
        if not holders.any():
            raise errors.EmptyCell(f"nobody in the sample has {variable} = {level}", todo="Join it to another level.")
        return holders.to_numpy().astype(float)
    kind = frame[variable].dtype
    if not (pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind)):
        raise errors.DataError(f"{variable!r} is not a number", todo=f"Name an indicator, such as {variable}=level.")
    values = frame[variable].to_numpy(dtype=float)
    if not np.isfinite(values).all():
        raise errors.DataError(f"{variable!r} holds infinite values", todo="Correct them.")
    return values


def refuse_collinear(columns: Floats, names: Sequence[Hashable]) -> None:
    """Refuse calibration variables that do not all carry something of their own.

    Parameters
    ----------
    columns : ndarray, shape (n, k)
        Calibration variables.
    names : sequence of length k
        Their names.

    Raises
    ------
    Collinear
        The columns have a lower rank than their number.
    """
    gram = columns.T @ columns
    rank = round(float(np.trace(pseudo_inverse(gram) @ gram)))
    if rank < columns.shape[1]:
        raise errors.Collinear(
            f"the {columns.shape[1]} calibration columns {', '.join(map(str, names))} carry {rank} only",
            todo="Leave one level of each factor out.",
        )
