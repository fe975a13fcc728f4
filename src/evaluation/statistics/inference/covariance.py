"""Covariances robust to clusters (CR0 to CR3, Satterthwaite df, joint tests) and to unequal variances (HC0 to HC3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics.inference.wls import Regression, cluster_codes, read_fit

MOST_SQUARE = 1000  # clusters up to which a matrix of clusters × clusters is made
KINDS = ("CR0", "CR1", "CR1S", "CR2", "CR3")
HC = ("HC0", "HC1", "HC2", "HC3")


@dataclass(frozen=True, slots=True)
class Wald:
    """A joint test: F, its two degrees of freedom, p."""

    f: float
    df_num: int
    df_denom: float
    p: float


@dataclass(frozen=True, slots=True)
class Covariance:
    """A cluster-robust covariance.

    Attributes
    ----------
    matrix : DataFrame, terms × terms
    kind : str; `clusters` their number; `rows` the number of people.
    """

    matrix: pd.DataFrame
    kind: str
    clusters: int
    params: pd.Series
    freedom: Callable[[], Any] = field(repr=False)
    rows: int = 0
    parts: Any = field(default=None, repr=False)
    _held: dict[str, pd.Series] = field(default_factory=dict, repr=False, compare=False)

    @property
    def df(self) -> pd.Series:
        """Term → degrees of freedom (Satterthwaite for CR2, clusters less one otherwise), found when first asked for.

        0 for a coefficient whose score is 0 in every cluster (a side that holds one cluster): it has no error.
        """
        if "df" not in self._held:
            self._held["df"] = pd.Series(self.freedom(), index=self.params.index, dtype=float)
        return self._held["df"]

    @property
    def se(self) -> pd.Series:
        """Standard errors."""
        return pd.Series(np.sqrt(np.maximum(np.diag(self.matrix), 0.0)), index=self.matrix.index)

    def estimate(self, term: str, **words: Any) -> Estimate:
        """Return one coefficient with its t interval.

        Raises
        ------
        UnknownColumn, EmptyCell
            No such term; a coefficient that the clusters give no error.
        """
        if term not in self.params.index:
            raise errors.UnknownColumn(f"no term {term!r}", todo=f"Terms: {list(self.params.index)}.")
        if not self.df[term] > 0:
            raise errors.EmptyCell(
                f"{self.clusters} clusters give {term!r} no error: one side has one only",
                todo="More clusters on each side of the comparison.",
            )
        words = {"n": {"all": self.rows}, "method": "least squares"} | words
        if self.kind in HC:
            named = {"se_method": self.kind} | words
        else:
            named = {"se_method": f"{self.kind}, {self.clusters} clusters", "n_sessions": self.clusters} | words
        return from_se(float(self.params[term]), float(self.se[term]), df=float(self.df[term]), **named)

    def contrast(self, c: np.ndarray) -> tuple[float, float, float]:
        """Return value, standard error and degrees of freedom of a linear combination of the coefficients."""
        var = float(c @ self.matrix.to_numpy() @ c)
        df = _satterthwaite(self.parts, c) if self.kind == "CR2" else float(self.clusters - 1)
        if not df > 0:
            raise errors.EmptyCell(
                f"{self.clusters} clusters give the contrast no error",
                todo="More clusters on each side of the comparison.",
            )
        return float(c @ self.params.to_numpy()), float(np.sqrt(max(var, 0.0))), df

    def wald(self, terms: Sequence[str]) -> Wald:
        """Test that several coefficients are all 0.

        CR2: Hotelling's T² with the degrees of freedom of Pustejovsky and Tipton (2018, section 3.2), which
        clubSandwich calls HTZ. Other kinds: F on the clusters less one (the naive F).
        """
        lacking = [t for t in terms if t not in self.params.index]
        if lacking or not len(terms):
            raise errors.UnknownColumn(f"no terms {lacking}", todo=f"Terms: {list(self.params.index)}.")
        places = [self.params.index.get_loc(t) for t in terms]
        beta, var = self.params.to_numpy()[places], self.matrix.to_numpy()[np.ix_(places, places)]
        q, whole = len(places), float(self.df.iloc[places[0]])
        statistic = float(beta @ np.linalg.solve(var, beta))
        if self.kind == "CR2":
            eta = _hotelling(self.parts, np.eye(len(self.params))[places])
            f, df = (eta - q + 1) / (eta * q) * statistic, eta - q + 1
        else:
            f, df = statistic / q, whole
        if df <= 0:
            raise errors.EmptyCell("too few clusters for a joint test", todo="Test fewer coefficients.")
        from scipy.special import fdtrc

        return Wald(float(f), q, float(df), float(fdtrc(q, df, f)))

    def tidy(self) -> pd.DataFrame:
        """Return one row per term that the clusters give an error."""
        held = [t for t in self.params.index if self.df[t] > 0]
        return pd.DataFrame([self.estimate(t).tidy() | {"term": t} for t in held])

    def summary(self) -> str:
        """Return one sentence."""
        return f"{self.kind} covariance from {self.clusters} clusters."


def cluster_robust(fit: Any, cluster: Any, *, kind: str = "CR2") -> Covariance:
    """Return the cluster-robust covariance of a (weighted) least-squares fit.

    Parameters
    ----------
    fit : Regression, or a statsmodels OLS or WLS result
    cluster : array of labels, length n
    kind : "CR0", "CR1" (G / (G - 1)), "CR1S" (times (n - 1) / (n - k)), "CR2" or "CR3"
        CR2 is Bell and McCaffrey's (2002) with an independent, equal-variance working model, as clubSandwich does;
        its df are Satterthwaite's, per coefficient (Pustejovsky and Tipton 2018, equation 11).

    Raises
    ------
    MissingValues, EmptyCell, Unsupported
    """
    if kind not in KINDS:
        raise errors.Unsupported(f"kind {kind!r} is not known", todo=f"Use one of {KINDS}.")
    fit = read_fit(fit)
    codes, clusters = cluster_codes(cluster, len(fit.y))
    w, x, n, k = fit.weights, fit.x, len(fit.y), fit.x.shape[1]
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    residual = fit.residuals
    middle = (x.T * w**2) @ x
    adjusted = [_adjustment(x, w, bread, middle, r, kind) for r in rows]
    scores = np.array([x[r].T @ (w[r] * a(residual[r])) for r, a in zip(rows, adjusted, strict=True)])
    scale = {"CR1": clusters / (clusters - 1), "CR1S": clusters / (clusters - 1) * (n - 1) / (n - k)}.get(kind, 1.0)
    matrix = scale * bread @ (scores.T @ scores) @ bread
    parts = (x, w, bread, rows, adjusted)

    def freedom() -> np.ndarray:
        own = [_freedom(_lead(parts, unit), bread, middle) for unit in np.eye(k)] if kind == "CR2" else clusters - 1.0
        return np.where(_unseen(fit, bread, rows), 0.0, own)

    names = list(fit.names)
    return Covariance(
        pd.DataFrame(matrix, index=names, columns=names),
        kind,
        clusters,
        pd.Series(fit.params, index=names),
        freedom,
        n,
        parts,
    )


def _unseen(fit: Regression, bread: np.ndarray, rows: list[np.ndarray]) -> np.ndarray:
    """Return which coefficients have a score of 0 in every cluster though people differ: the error cannot be seen."""
    pull = (fit.x @ bread) * (fit.weights * fit.residuals)[:, None]
    by_cluster = np.array([pull[r].sum(axis=0) for r in rows])
    noise = np.abs(fit.residuals).max(initial=0.0) <= 1e-10 * np.abs(fit.y).max(initial=0.0)
    return np.zeros(pull.shape[1], dtype=bool) if noise else (by_cluster**2).sum(0) <= 1e-20 * (pull**2).sum(0)


def heteroskedastic(fit: Any, *, kind: str = "HC1") -> Covariance:
    """Return the covariance of a (weighted) fit with unequal variances and independent people.

    `kind`: "HC0", "HC1" (n / (n - k)), "HC2" (residuals over the root of 1 - h) or "HC3" (over 1 - h), as sandwich;
    t on n - k degrees of freedom.
    """
    if kind not in HC:
        raise errors.Unsupported(f"kind {kind!r} is not known", todo=f"Use one of {HC}.")
    fit = read_fit(fit)
    w, x, n, k = fit.weights, fit.x, len(fit.y), fit.x.shape[1]
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    left = np.maximum(1 - w * np.einsum("ij,jk,ik->i", x, bread, x, optimize=True), 1e-12)
    factor = {"HC0": 1.0, "HC1": np.sqrt(n / (n - k)), "HC2": 1 / np.sqrt(left), "HC3": 1 / left}[kind]
    scores = x * (w * fit.residuals * factor)[:, None]
    names = list(fit.names)
    matrix = pd.DataFrame(bread @ (scores.T @ scores) @ bread, index=names, columns=names)
    params = pd.Series(fit.params, index=names)
    return Covariance(matrix, kind, n, params, lambda: np.full(k, float(n - k)), n)


def _adjustment(
    x: np.ndarray, w: np.ndarray, bread: np.ndarray, middle: np.ndarray, rows: np.ndarray, kind: str
) -> Any:
    """Return a function that adjusts a cluster's residuals (or any vector of its length).

    The matrices are I plus one of low rank, in the columns of x and of w x. With more rows than twice the columns
    they are handled in an orthonormal basis of these, so that no square matrix of the cluster's size is made.
    """
    if kind in ("CR0", "CR1", "CR1S"):
        return lambda v: v
    own, scaled = x[rows], x[rows] * w[rows, None]
    if len(rows) <= 2 * x.shape[1]:
        matrix = _adjusting(np.eye(len(rows)), own, scaled, bread, middle, kind)
        return lambda v: matrix @ v
    basis = np.linalg.qr(np.column_stack([own, scaled]))[0]
    inner = _adjusting(np.eye(basis.shape[1]), basis.T @ own, basis.T @ scaled, bread, middle, kind)
    inner = inner - np.eye(basis.shape[1])
    return lambda v: v + basis @ (inner @ (basis.T @ v))


def _adjusting(identity, own, scaled, bread, middle, kind) -> np.ndarray:
    """Return (I - H)^-1 for CR3, or (I - H - H' + X M X'W²X M X')^-1/2 for CR2, in the given basis."""
    hat = own @ bread @ scaled.T
    if kind == "CR3":
        return np.linalg.pinv(identity - hat)
    cross = own @ bread @ middle @ bread @ own.T
    return _inverse_root(identity - hat - hat.T + cross)


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    keep = values > 1e-12 * max(values.max(), 1.0)
    root = np.where(keep, 1 / np.sqrt(np.where(keep, values, 1.0)), 0.0)
    return (vectors * root) @ vectors.T


def _satterthwaite(parts: Any, c: np.ndarray) -> float:
    """Return Satterthwaite degrees of freedom of a contrast under independent, equal errors."""
    x, w, bread, _, _ = parts
    lead = _lead(parts, c)
    return _freedom(lead, bread, (x.T * w**2) @ x)


def _freedom(lead: Any, bread: np.ndarray, middle: np.ndarray) -> float:
    """Return the squared trace of `_gram` over its sum of squares.

    With many clusters from its form D + U P' + P U', D diagonal, so that it need not be made: its memory would grow
    with the square of the clusters.
    """
    if len(lead[0]) <= MOST_SQUARE:
        gram = _gram(lead, lead, bread, middle)
        trace, total = np.trace(gram), float((gram**2).sum())
    else:
        size, p = np.array([v @ v for v in lead[0]]), lead[1]
        u = p @ bread @ middle @ bread / 2 - lead[2] @ bread
        own, cross = (u * p).sum(axis=1), u.T @ p
        trace = size.sum() + 2 * own.sum()
        squares = ((p.T @ p) * (u.T @ u)).sum() + (cross * cross.T).sum()
        total = float(size @ size + 4 * size @ own + 2 * squares)
    return float(trace**2 / total) if total > 0 else 0.0


def _lead(parts: Any, c: np.ndarray) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Return per cluster the vector that turns residuals into a contrast's score, and its sums over x and w x."""
    x, w, bread, rows, adjusted = parts
    lead = bread @ c
    vectors = [a(w[r] * (x[r] @ lead)) for r, a in zip(rows, adjusted, strict=True)]
    plain = np.array([x[r].T @ v for r, v in zip(rows, vectors, strict=True)])
    weighted = np.array([x[r].T @ (w[r] * v) for r, v in zip(rows, vectors, strict=True)])
    return vectors, plain, weighted


def _gram(one: Any, two: Any, bread: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Return the working covariance of two contrasts' scores, clusters × clusters, after the fit's residual maker."""
    size = np.array([v @ u for v, u in zip(one[0], two[0], strict=True)])
    squared = one[1] @ bread @ middle @ bread @ two[1].T
    return np.diag(size) - one[2] @ bread @ two[1].T - one[1] @ bread @ two[2].T + squared


def _hotelling(parts: Any, contrasts: np.ndarray) -> float:
    """Return the degrees of freedom of Hotelling's approximation for several contrasts (HTZ).

    The contrasts are first made uncorrelated under the working model; then q (q + 1) over the total variance of the
    elements of their estimated covariance.
    """
    x, w, bread, _, _ = parts
    q, middle = len(contrasts), (x.T * w**2) @ x
    omega = contrasts @ bread @ middle @ bread @ contrasts.T
    values, vectors = np.linalg.eigh(omega)
    turned = (vectors / np.sqrt(values)) @ vectors.T @ contrasts
    leads = [_lead(parts, c) for c in turned]
    cov = {(s, t): _gram(leads[s], leads[t], bread, middle) for s in range(q) for t in range(q)}
    total = sum((cov[s, s] * cov[t, t]).sum() + (cov[s, t] * cov[s, t].T).sum() for s in range(q) for t in range(q))
    return float(q * (q + 1) / total)
