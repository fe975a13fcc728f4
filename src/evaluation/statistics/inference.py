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
HC = ("HC0", "HC1", "HC2", "HC3")
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
        if self.kind in HC:
            named = {"se_method": self.kind} | words
        else:
            named = {"se_method": f"{self.kind}, {self.clusters} clusters", "n_sessions": self.clusters} | words
        return from_se(float(self.params[term]), float(self.se[term]), df=float(self.df[term]), **named)

    def contrast(self, c: np.ndarray) -> tuple[float, float, float]:
        """Return value, standard error and degrees of freedom of a linear combination of the coefficients."""
        var = float(c @ self.matrix.to_numpy() @ c)
        df = _satterthwaite(self.parts, c) if self.kind == "CR2" else float(self.clusters - 1)
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
    try:  # sorted, so that draws by cluster do not depend on the order of rows
        codes, labels = pd.factorize(values, sort=True)
    except TypeError:
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
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    residual = fit.residuals
    adjusted = [_adjustment(x, w, bread, r, kind) for r in rows]
    scores = np.array([x[r].T @ (w[r] * a(residual[r])) for r, a in zip(rows, adjusted, strict=True)])
    scale = {"CR1": clusters / (clusters - 1), "CR1S": clusters / (clusters - 1) * (n - 1) / (n - k)}.get(kind, 1.0)
    matrix = scale * bread @ (scores.T @ scores) @ bread
    parts = (x, w, bread, rows, adjusted)
    if kind == "CR2":
        leads = [_lead(parts, np.eye(k)[j]) for j in range(k)]
        middle = (x.T * w**2) @ x
        df = [_degrees(_gram(lead, lead, bread, middle)) for lead in leads]
    else:
        df = [float(clusters - 1)] * k
    names = list(fit.names)
    return Covariance(
        pd.DataFrame(matrix, index=names, columns=names), pd.Series(df, index=names), kind, clusters,
        pd.Series(fit.params, index=names), parts,
    )  # fmt: skip


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
    return Covariance(matrix, pd.Series(float(n - k), index=names), kind, n, pd.Series(fit.params, index=names))


def _adjustment(x: np.ndarray, w: np.ndarray, bread: np.ndarray, rows: np.ndarray, kind: str) -> Any:
    """Return a function that adjusts a cluster's residuals (or any vector of its length).

    The matrices are I plus one of low rank, in the columns of x and of w x. With more rows than twice the columns
    they are handled in an orthonormal basis of these, so that no square matrix of the cluster's size is made.
    """
    if kind in ("CR0", "CR1", "CR1S"):
        return lambda v: v
    own, scaled = x[rows], x[rows] * w[rows, None]
    if len(rows) <= 2 * x.shape[1]:
        matrix = _adjusting(np.eye(len(rows)), own, scaled, x, w, bread, kind)
        return lambda v: matrix @ v
    basis = np.linalg.qr(np.column_stack([own, scaled]))[0]
    inner = _adjusting(np.eye(basis.shape[1]), basis.T @ own, basis.T @ scaled, x, w, bread, kind)
    inner = inner - np.eye(basis.shape[1])
    return lambda v: v + basis @ (inner @ (basis.T @ v))


def _adjusting(identity, own, scaled, x, w, bread, kind) -> np.ndarray:
    """Return (I - H)^-1 for CR3, or (I - H - H' + X M X'W²X M X')^-1/2 for CR2, in the given basis."""
    hat = own @ bread @ scaled.T
    if kind == "CR3":
        return np.linalg.pinv(identity - hat)
    cross = own @ bread @ ((x.T * w**2) @ x) @ bread @ own.T
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
    return _degrees(_gram(lead, lead, bread, (x.T * w**2) @ x))


def _degrees(gram: np.ndarray) -> float:
    return float(np.trace(gram) ** 2 / (gram**2).sum())


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
