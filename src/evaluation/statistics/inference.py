"""Errors and tests with few clusters: cluster-robust covariances with Satterthwaite df, wild cluster bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.estimates import Estimate, from_se

KINDS = ("CR0", "CR1", "CR1S", "CR2", "CR3")
MOST_ENUMERATED = 20


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


@dataclass(frozen=True, slots=True)
class Covariance:
    """A cluster-robust covariance.

    Attributes
    ----------
    matrix : DataFrame, terms × terms
    df : Series, term → degrees of freedom (Satterthwaite for CR2, clusters less one otherwise).
    kind : str; `clusters` their number.
    """

    matrix: pd.DataFrame
    df: pd.Series
    kind: str
    clusters: int
    params: pd.Series
    parts: Any = field(default=None, repr=False)

    @property
    def se(self) -> pd.Series:
        """Standard errors."""
        return pd.Series(np.sqrt(np.diag(self.matrix)), index=self.matrix.index)

    def estimate(self, term: str, **words: Any) -> Estimate:
        """Return one coefficient with its t interval."""
        named = {"se_method": f"{self.kind}, {self.clusters} clusters", "n_sessions": self.clusters} | words
        return from_se(float(self.params[term]), float(self.se[term]), df=float(self.df[term]), **named)

    def contrast(self, c: np.ndarray) -> tuple[float, float, float]:
        """Return value, standard error and degrees of freedom of a linear combination of the coefficients."""
        var = float(c @ self.matrix.to_numpy() @ c)
        df = _satterthwaite(self.parts, c) if self.kind == "CR2" else float(self.clusters - 1)
        return float(c @ self.params.to_numpy()), float(np.sqrt(max(var, 0.0))), df

    def tidy(self) -> pd.DataFrame:
        """Return one row per term."""
        return pd.DataFrame([self.estimate(t).tidy() | {"term": t} for t in self.params.index])

    def summary(self) -> str:
        """Return one sentence."""
        return f"{self.kind} covariance from {self.clusters} clusters."


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
    """Return a `Regression`, or one read from a statsmodels OLS or WLS result."""
    if isinstance(fit, Regression):
        return fit
    model = fit.model
    w = np.asarray(getattr(model, "weights", 1.0), dtype=float)
    w = np.full(len(model.endog), float(w)) if w.ndim == 0 else w
    return Regression(
        np.asarray(model.exog), np.asarray(model.endog), w, np.asarray(fit.params), tuple(model.exog_names)
    )


def cluster_codes(cluster: Any, n: int) -> tuple[np.ndarray, int]:
    """Return integer codes of clusters; missing labels and fewer than two clusters are refused."""
    values = pd.Series(np.asarray(cluster, dtype=object))
    if len(values) != n:
        raise errors.DataError(f"{len(values)} cluster labels for {n} rows")
    if values.isna().any():
        raise errors.MissingValues(f"{int(values.isna().sum())} cluster labels are missing", todo="Complete them.")
    codes, labels = pd.factorize(values)
    if len(labels) < 2:
        raise errors.EmptyCell("there is one cluster only", todo="An error needs at least two.")
    return codes, len(labels)


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
    rows = [np.flatnonzero(codes == g) for g in range(clusters)]
    residual = fit.residuals
    adjusted = [_adjustment(x, w, bread, r, kind) for r in rows]
    scores = np.array([x[r].T @ (w[r] * (a @ residual[r])) for r, a in zip(rows, adjusted, strict=True)])
    scale = {"CR1": clusters / (clusters - 1), "CR1S": clusters / (clusters - 1) * (n - 1) / (n - k)}.get(kind, 1.0)
    matrix = scale * bread @ (scores.T @ scores) @ bread
    parts = (x, w, bread, rows, adjusted)
    if kind == "CR2":
        df = [_satterthwaite(parts, np.eye(k)[j]) for j in range(k)]
    else:
        df = [float(clusters - 1)] * k
    names = list(fit.names)
    return Covariance(
        pd.DataFrame(matrix, index=names, columns=names), pd.Series(df, index=names), kind, clusters,
        pd.Series(fit.params, index=names), parts,
    )  # fmt: skip


def _adjustment(x: np.ndarray, w: np.ndarray, bread: np.ndarray, rows: np.ndarray, kind: str) -> np.ndarray:
    """Return the matrix that multiplies a cluster's residuals."""
    size = len(rows)
    if kind in ("CR0", "CR1", "CR1S"):
        return np.eye(size)
    hat = x[rows] @ bread @ (x[rows] * w[rows, None]).T
    if kind == "CR3":
        return np.linalg.pinv(np.eye(size) - hat)
    cross = x[rows] @ bread @ ((x.T * w**2) @ x) @ bread @ x[rows].T
    middle = np.eye(size) - hat - hat.T + cross
    return _inverse_root(middle)


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    keep = values > 1e-12 * max(values.max(), 1.0)
    root = np.where(keep, 1 / np.sqrt(np.where(keep, values, 1.0)), 0.0)
    return (vectors * root) @ vectors.T


def _satterthwaite(parts: Any, c: np.ndarray) -> float:
    """Return Satterthwaite degrees of freedom of a contrast under independent, equal errors."""
    x, w, bread, rows, adjusted = parts
    lead, k = bread @ c, x.shape[1]
    size, plain, weighted = np.zeros(len(rows)), np.zeros((len(rows), k)), np.zeros((len(rows), k))
    for g, (r, a) in enumerate(zip(rows, adjusted, strict=True)):
        v = a.T @ (w[r] * (x[r] @ lead))
        size[g], plain[g], weighted[g] = v @ v, x[r].T @ v, x[r].T @ (w[r] * v)
    cross = weighted @ bread @ plain.T
    squared = plain @ bread @ ((x.T * w**2) @ x) @ bread @ plain.T
    gram = np.diag(size) - cross - cross.T + squared
    return float(np.trace(gram) ** 2 / (gram**2).sum())


def wild_cluster(  # noqa: PLR0913
    fit: Any, cluster: Any, *, term: str, weights: str = "rademacher", draws: int = 9999, seed: int = 0,
    null: float = 0.0, impose_null: bool = True, ties: str = "count",
) -> Estimate:  # fmt: skip
    """Test one coefficient by the wild cluster bootstrap-t (Cameron, Gelbach and Miller 2008; Webb 2023).

    Parameters
    ----------
    fit : Regression or statsmodels OLS / WLS result; survey weights enter through the fit.
    weights : "rademacher" or "webb"
        Rademacher signs are enumerated when 2**G does not exceed `draws`.
    impose_null : bool
        Whether residuals come from the fit under the null (WCR), else unrestricted (WCU).
    ties : "count" or "strict"
        Whether draws exactly as far out as the data count against the null.

    Returns
    -------
    Estimate
        Value, CR1S error and t interval, bootstrap p; `se_method` names both.
    """
    if weights not in ("rademacher", "webb") or ties not in ("count", "strict"):
        raise errors.Unsupported("weights are 'rademacher' or 'webb', ties 'count' or 'strict'")
    fit = read_fit(fit)
    codes, clusters = cluster_codes(cluster, len(fit.y))
    if term not in fit.names:
        raise errors.UnknownColumn(f"no term {term!r}", todo=f"Terms: {list(fit.names)}.")
    place = fit.names.index(term)
    signs = _signs(clusters, weights, draws, seed)
    statistic, drawn = _wild_statistics(fit, codes, clusters, place, null, impose_null, signs)
    far = np.abs(drawn) >= abs(statistic) - 1e-10 if ties == "count" else np.abs(drawn) > abs(statistic) + 1e-10
    enumerated = weights == "rademacher" and len(signs) == 2**clusters
    p = float(far.mean()) if enumerated else float((1 + far.sum()) / (len(signs) + 1))
    plain = cluster_robust(fit, cluster, kind="CR1S")
    from dataclasses import replace

    made = plain.estimate(term, null=null, method="wild cluster bootstrap",
                          se_method=f"CR1S interval, wild bootstrap p ({len(signs)} draws, ties {ties})")  # fmt: skip
    return replace(made, p=p)


def _signs(clusters: int, weights: str, draws: int, seed: int) -> np.ndarray:
    if weights == "rademacher" and clusters <= MOST_ENUMERATED and 2**clusters <= draws:
        return 1 - 2 * ((np.arange(2**clusters)[:, None] >> np.arange(clusters)) & 1).astype(float)
    rng = np.random.default_rng(seed)
    if weights == "rademacher":
        return rng.choice([-1.0, 1.0], (draws, clusters))
    return rng.choice(np.sqrt([0.5, 1.0, 1.5]), (draws, clusters)) * rng.choice([-1.0, 1.0], (draws, clusters))


def _wild_statistics(fit, codes, clusters, place, null, impose_null, signs):
    """Return the data's t and the draws' t, by cluster sums only: no row is touched per draw."""
    w, x, n, k = fit.weights, fit.x, len(fit.y), fit.x.shape[1]
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    if impose_null:
        rest = np.delete(x, place, axis=1)
        root = np.sqrt(w)
        gamma = np.linalg.lstsq(rest * root[:, None], (fit.y - null * x[:, place]) * root, rcond=None)[0]
        fitted = rest @ gamma + null * x[:, place]
        centre = null
    else:
        fitted, centre = x @ fit.params, fit.params[place]
    residual = fit.y - fitted
    sums = np.zeros((clusters, k))
    np.add.at(sums, codes, x * (w * residual)[:, None])
    gram = np.zeros((clusters, k, k))
    np.add.at(gram, codes, (x * w[:, None])[:, :, None] * x[:, None, :])
    scale = clusters / (clusters - 1) * (n - 1) / (n - k)
    lead = bread[place]

    def t_of(moved: np.ndarray, scores: np.ndarray, at: float) -> np.ndarray:
        """Return t from coefficients less the fitted ones (B, k) and cluster scores before the refit (B, G, k)."""
        left = scores - np.einsum("gij,bj->bgi", gram, moved)
        var = scale * ((left @ lead) ** 2).sum(axis=1)
        return at / np.sqrt(var)

    full = fit.params
    own = np.zeros((1, clusters, k))
    np.add.at(own[0], codes, x * (w * (fit.y - x @ full))[:, None])
    statistic = float((full[place] - null) / np.sqrt(scale * ((own[0] @ lead) ** 2).sum()))
    out = []
    for block in np.array_split(signs, max(1, len(signs) // 2000)):
        scores = block[:, :, None] * sums[None, :, :]
        moved = scores.sum(axis=1) @ bread
        base = (fitted_coefficient(fit, impose_null, place, null) + moved[:, place]) - centre
        out.append(t_of(moved, scores, base))
    return statistic, np.concatenate(out)


def fitted_coefficient(fit: Regression, impose_null: bool, place: int, null: float) -> float:
    """Return the coefficient under which the bootstrap draws outcomes."""
    return null if impose_null else float(fit.params[place])
