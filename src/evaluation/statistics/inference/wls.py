"""Weighted least squares as arrays, and the labels of clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors


@dataclass(frozen=True, slots=True)
class Regression:
    """A weighted least-squares fit as arrays: what the errors below need.

    `x` (n, k), `y` (n,), `weights` (n,), `params` (k,), `names`; `frame_index` labels the rows.
    """

    x: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    weights: np.ndarray = field(repr=False)
    params: np.ndarray
    names: tuple[str, ...]

    @property
    def residuals(self) -> np.ndarray:
        """Return y less its fit."""
        return self.y - self.x @ self.params


def regress(x: np.ndarray, y: np.ndarray, names: Sequence[str], weights: np.ndarray | None = None) -> Regression:
    """Return a weighted least-squares fit; collinear columns and missing values are refused."""
    w = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=float)
    if not (np.isfinite(x).all() and np.isfinite(y).all() and np.isfinite(w).all()):
        raise errors.MissingValues("a regression has missing values", todo="Name a policy for them first.")
    root = np.sqrt(w)
    scaled = x * root[:, None]
    if np.linalg.matrix_rank(scaled) < x.shape[1]:
        raise errors.Collinear(f"columns are collinear: {', '.join(_dependent(scaled, names))}")
    params = np.linalg.lstsq(scaled, y * root, rcond=None)[0]
    size = np.abs(y).max(initial=0.0) * 1e-12
    if np.abs(y - x @ params).max(initial=0.0) <= size:  # fitted exactly: a coefficient of rounding alone is 0
        params = np.where(np.abs(params) * np.abs(x).max(axis=0) <= size, 0.0, params)
    return Regression(x, y, w, params, tuple(names))


def _dependent(x: np.ndarray, names: Sequence[str]) -> list[str]:
    rank, found = 0, []
    for i, name in enumerate(names):
        now = np.linalg.matrix_rank(x[:, : i + 1])
        if now == rank:
            found.append(name)
        rank = now
    return found


def read_fit(fit: Any) -> Regression:
    """Return a `Regression`, or one read from a statsmodels OLS or WLS result; other models are refused.

    Raises
    ------
    Unsupported, Collinear, EmptyCell
        A fit of another kind (a logit's scores differ); collinear columns; no more rows than coefficients.
    """
    if not isinstance(fit, Regression):
        model = getattr(fit, "model", None)
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
                f"columns are collinear: {', '.join(_dependent(root, model.exog_names))}",
                todo="Leave them out of the model.",
            )
        fit = Regression(x, np.asarray(model.endog), w, np.asarray(fit.params), tuple(model.exog_names))
    if len(fit.y) <= fit.x.shape[1]:
        raise errors.EmptyCell(
            f"{len(fit.y)} rows for {fit.x.shape[1]} coefficients leave nothing for an error",
            todo="More people, or fewer columns.",
        )
    return fit


def cluster_codes(cluster: Any, n: int) -> tuple[np.ndarray, int]:
    """Return integer codes of clusters; missing labels and fewer than two clusters are refused."""
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
