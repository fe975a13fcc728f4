"""Weighted least squares as arrays, and the labels of clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evaluation import errors
from evaluation.statistics._arrays import Floats, Integers


@dataclass(frozen=True, slots=True)
class Regression:
    """A weighted least-squares fit as arrays: what robust covariances and the wild bootstrap need.

    Attributes
    ----------
    x : ndarray, shape (n, k)
        Design matrix, with its intercept.
    y : ndarray, shape (n,)
        Outcome.
    weights : ndarray, shape (n,)
        Sampling weights; 1 for everybody in an unweighted fit.
    params : ndarray, shape (k,)
        Coefficients.
    names : tuple of str, length k
        Names of the coefficients.
    """

    x: Floats = field(repr=False)
    y: Floats = field(repr=False)
    weights: Floats = field(repr=False)
    params: Floats
    names: tuple[str, ...]

    @property
    def residuals(self) -> Floats:
        """Return the outcome less its fitted values.

        Returns
        -------
        ndarray, shape (n,)
            Residuals on the outcome's scale, not weighted.
        """
        return self.y - self.x @ self.params


def regress(x: Floats, y: Floats, names: Sequence[str], weights: Floats | None = None) -> Regression:
    """Fit weighted least squares by statsmodels.

    Parameters
    ----------
    x : ndarray, shape (n, k)
        Design matrix, with its intercept.
    y : ndarray, shape (n,)
        Outcome.
    names : sequence of str, length k
        Names of the columns of `x`.
    weights : ndarray, shape (n,), optional
        Sampling weights (their scale moves nothing); 1 for everybody when not given.

    Returns
    -------
    Regression
        The fit. Where the outcome is fitted exactly, coefficients that are rounding error alone are set to 0.

    Raises
    ------
    MissingValues
        A value of the design, the outcome or the weights is missing or infinite.
    Collinear
        A column depends on the columns before it; the message names it.
    """
    w = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=float)
    if not (np.isfinite(x).all() and np.isfinite(y).all() and np.isfinite(w).all()):
        raise errors.MissingValues("a regression has missing values", todo="Name a policy for them first.")
    root = np.sqrt(w)
    scaled = x * root[:, None]
    if np.linalg.matrix_rank(scaled) < x.shape[1]:
        raise errors.Collinear(f"columns are collinear: {', '.join(_dependent_columns(scaled, names))}")
    from statsmodels.regression.linear_model import WLS

    params = np.asarray(WLS(y, x, weights=w).fit().params)
    size = np.abs(y).max(initial=0.0) * 1e-12
    if np.abs(y - x @ params).max(initial=0.0) <= size:  # fitted exactly: a coefficient of rounding alone is 0
        params = np.where(np.abs(params) * np.abs(x).max(axis=0) <= size, 0.0, params)
    return Regression(x, y, w, params, tuple(names))


def _dependent_columns(x: Floats, names: Sequence[str]) -> list[str]:
    """Return the columns that add nothing to the rank of the columns before them."""
    rank, found = 0, []
    for i, name in enumerate(names):
        now = np.linalg.matrix_rank(x[:, : i + 1])
        if now == rank:
            found.append(name)
        rank = now
    return found


def read_fit(fit: object) -> Regression:
    """Return a least-squares fit as a `Regression`, whichever of the two packages made it.

    Parameters
    ----------
    fit : Regression, or a statsmodels OLS or WLS result
        The fit; a `Regression` is returned as it is.

    Returns
    -------
    Regression
        Design, outcome, weights and coefficients of the fit.

    Raises
    ------
    Unsupported
        A fit of another kind (the scores of a logit differ).
    Collinear
        A column depends on the columns before it.
    EmptyCell
        No more rows than coefficients.
    """
    if not isinstance(fit, Regression):
        model: Any = getattr(fit, "model", None)  # statsmodels has no types
        if type(model).__name__ not in ("OLS", "WLS"):
            raise errors.Unsupported(
                f"cluster errors need a least-squares fit, not {type(fit if model is None else model).__name__}",
                todo="Give a statsmodels OLS or WLS result (for shares survey.glm has design-based errors).",
            )
        w = np.asarray(getattr(model, "weights", 1.0), dtype=float)
        w = np.full(len(model.endog), float(w)) if w.ndim == 0 else w
        x = np.asarray(model.exog)
        root = x * np.sqrt(w)[:, None]
        if np.linalg.matrix_rank(root) < x.shape[1]:
            raise errors.Collinear(
                f"columns are collinear: {', '.join(_dependent_columns(root, model.exog_names))}",
                todo="Leave them out of the model.",
            )
        params: object = getattr(fit, "params", None)
        fit = Regression(x, np.asarray(model.endog), w, np.asarray(params), tuple(model.exog_names))
    if len(fit.y) <= fit.x.shape[1]:
        raise errors.EmptyCell(
            f"{len(fit.y)} rows for {fit.x.shape[1]} coefficients leave nothing for an error",
            todo="More people, or fewer columns.",
        )
    return fit


def cluster_codes(cluster: npt.ArrayLike, n: int) -> tuple[Integers, int]:
    """Return the labels of clusters as integer codes.

    Parameters
    ----------
    cluster : array-like of labels, length n
        One label per row; numbers or words.
    n : int
        Number of rows that the labels must match.

    Returns
    -------
    codes : ndarray of int, shape (n,)
        0 to the number of clusters less one, in the labels' sorted order, so that draws by cluster do not depend on the
        order of rows.
    clusters : int
        Number of clusters.

    Raises
    ------
    DataError
        The number of labels differs from `n`.
    MissingValues
        A label is missing.
    EmptyCell
        There is one cluster only.
    """
    values = pd.Series(np.asarray(cluster, dtype=object))
    if len(values) != n:
        raise errors.DataError(f"{len(values)} cluster labels for {n} rows")
    if values.isna().any():
        raise errors.MissingValues(f"{int(values.isna().sum())} cluster labels are missing", todo="Complete them.")
    try:  # sorted, so that draws by cluster do not depend on the order of rows
        codes, labels = pd.factorize(values, sort=True)
    except TypeError:
        codes, labels = pd.factorize(values)
    if len(labels) < 2:
        raise errors.EmptyCell("there is one cluster only", todo="An error needs at least two.")
    return codes, len(labels)
