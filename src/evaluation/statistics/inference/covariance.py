"""Covariances robust to clusters (CR0 to CR3, Satterthwaite df, joint tests) and to unequal variances (HC0 to HC3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics._arrays import Booleans, Floats, Integers
from evaluation.statistics.inference.wls import Regression, cluster_codes, read_fit

MOST_SQUARE = 1000  # clusters up to which a matrix of clusters × clusters is made
KINDS = ("CR0", "CR1", "CR1S", "CR2", "CR3")
HC = ("HC0", "HC1", "HC2", "HC3")

Adjustment = Callable[[Floats], Floats]


class _Sandwich(NamedTuple):
    """What the covariance of any contrast is made from: design, weights, bread, and each cluster's rows and matrix."""

    x: Floats
    weights: Floats
    bread: Floats
    rows: Sequence[Integers]
    adjustments: Sequence[Adjustment]


class _Lead(NamedTuple):
    """Per cluster the vector that turns residuals into a contrast's score, and its sums over x and over w x."""

    vectors: list[Floats]
    plain: Floats
    weighted: Floats


@dataclass(frozen=True, slots=True)
class Wald:
    """A joint test that several coefficients are all 0.

    Attributes
    ----------
    f : float
        F statistic.
    df_num : int
        Degrees of freedom of the numerator: coefficients tested.
    df_denom : float
        Degrees of freedom of the denominator; `inf` where the test is a chi-squared one.
    p : float
        p-value.
    """

    f: float
    df_num: int
    df_denom: float
    p: float


@dataclass(frozen=True, slots=True)
class Covariance:
    """A robust covariance of a least-squares fit, by cluster or for independent people.

    Attributes
    ----------
    matrix : DataFrame, terms by terms
        Covariance of the coefficients.
    kind : str
        One of `KINDS` (by cluster) or `HC` (independent people).
    clusters : int
        Number of clusters; the number of people for an HC kind.
    params : Series of float
        Coefficients by term.
    freedom : callable
        Makes the degrees of freedom of every coefficient; read them from `df`.
    rows : int
        Number of people.
    parts : object or None
        What the degrees of freedom of a contrast are made from; None for an HC kind.
    """

    matrix: pd.DataFrame
    kind: str
    clusters: int
    params: pd.Series[float]
    freedom: Callable[[], Floats] = field(repr=False)
    rows: int = 0
    parts: _Sandwich | None = field(default=None, repr=False)
    _cache: dict[str, pd.Series[float]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def df(self) -> pd.Series[float]:
        """Return each coefficient's degrees of freedom, worked out when first asked for.

        Returns
        -------
        Series of float
            By term: Satterthwaite's for CR2, clusters less one for the other clustered kinds, people less coefficients
            for HC kinds. 0 for a coefficient whose score is 0 in every cluster (a side that holds one cluster): it has
            no error.
        """
        if "df" not in self._cache:
            self._cache["df"] = pd.Series(self.freedom(), index=self.params.index, dtype=float)
        return self._cache["df"]

    @property
    def se(self) -> pd.Series[float]:
        """Return the standard errors.

        Returns
        -------
        Series of float
            By term, in the outcome's unit.
        """
        return pd.Series(np.sqrt(np.maximum(np.diag(self.matrix), 0.0)), index=self.matrix.index)

    def estimate(self, term: str, **details: Any) -> Estimate:
        """Return one coefficient with its t interval.

        Parameters
        ----------
        term : str
            Name of the coefficient.
        **details : object
            Further fields of the `Estimate` (`n`, `method`, `outcome` and so on); they win over those set here.

        Returns
        -------
        Estimate
            The coefficient in the outcome's unit, 95 % and 90 % t intervals and a p-value against 0 (or `null`).

        Raises
        ------
        UnknownColumn
            The fit has no such term.
        EmptyCell
            The clusters give the coefficient no error.
        """
        if term not in self.params.index:
            raise errors.UnknownColumn(f"no term {term!r}", todo=f"Terms: {list(self.params.index)}.")
        if not self.df[term] > 0:
            raise errors.EmptyCell(
                f"{self.clusters} clusters give {term!r} no error: one side has one only",
                todo="More clusters on each side of the comparison.",
            )
        named: dict[str, Any] = {"n": {"all": self.rows}, "method": "least squares", "se_method": self.kind}
        if self.kind not in HC:
            named |= {"se_method": f"{self.kind}, {self.clusters} clusters", "n_sessions": self.clusters}
        return from_se(float(self.params[term]), float(self.se[term]), df=float(self.df[term]), **(named | details))

    def contrast(self, c: Floats) -> tuple[float, float, float]:
        """Return a linear combination of the coefficients with its error.

        Parameters
        ----------
        c : ndarray, shape (terms,)
            Weight of each coefficient, in the order of `params`.

        Returns
        -------
        value : float
            The combination, in the outcome's unit.
        se : float
            Its standard error.
        df : float
            Satterthwaite's degrees of freedom for CR2, otherwise clusters less one.

        Raises
        ------
        EmptyCell
            The clusters give the combination no error.
        """
        var = float(c @ self.matrix.to_numpy() @ c)
        df = float(self.clusters - 1) if self.parts is None or self.kind != "CR2" else _satterthwaite(self.parts, c)
        if not df > 0:
            raise errors.EmptyCell(
                f"{self.clusters} clusters give the contrast no error",
                todo="More clusters on each side of the comparison.",
            )
        return float(c @ self.params.to_numpy()), float(np.sqrt(max(var, 0.0))), df

    def wald(self, terms: Sequence[str]) -> Wald:
        """Test that several coefficients are all 0.

        Parameters
        ----------
        terms : sequence of str
            Names of the coefficients, one or more.

        Returns
        -------
        Wald
            For CR2 Hotelling's T² with the degrees of freedom of Pustejovsky and Tipton, which clubSandwich calls
            HTZ; for other kinds F on clusters less one (the naive F).

        Raises
        ------
        UnknownColumn
            No term, or one that the fit does not have.
        EmptyCell
            Too few clusters for a joint test of so many coefficients.

        References
        ----------
        Pustejovsky and Tipton (2018), section 3.2.
        """
        lacking = [t for t in terms if t not in self.params.index]
        if lacking or not len(terms):
            raise errors.UnknownColumn(f"no terms {lacking}", todo=f"Terms: {list(self.params.index)}.")
        places = [list(self.params.index).index(t) for t in terms]
        beta, var = self.params.to_numpy()[places], self.matrix.to_numpy()[np.ix_(places, places)]
        q = len(places)
        statistic = float(beta @ np.linalg.solve(var, beta))
        if self.parts is not None and self.kind == "CR2":
            eta = _hotelling(self.parts, np.eye(len(self.params))[places])
            f, df = (eta - q + 1) / (eta * q) * statistic, eta - q + 1
        else:
            f, df = statistic / q, float(self.df.iloc[places[0]])
        if df <= 0:
            raise errors.EmptyCell("too few clusters for a joint test", todo="Test fewer coefficients.")
        from scipy.special import fdtrc

        return Wald(float(f), q, float(df), float(fdtrc(q, df, f)))

    def tidy(self) -> pd.DataFrame:
        """Return the coefficients as a table.

        Returns
        -------
        DataFrame
            One row per term that has an error: the fields of its `Estimate`, and `term`.
        """
        terms = [t for t in self.params.index if self.df[t] > 0]
        return pd.DataFrame([self.estimate(t).tidy() | {"term": t} for t in terms])

    def summary(self) -> str:
        """Return one sentence on the covariance.

        Returns
        -------
        str
            Its kind and the number of clusters.
        """
        return f"{self.kind} covariance from {self.clusters} clusters."


def cluster_robust(
    fit: object, cluster: npt.ArrayLike, *, kind: str = "CR2", like: Covariance | None = None
) -> Covariance:
    """Return the cluster-robust covariance of a (weighted) least-squares fit.

    Parameters
    ----------
    fit : Regression, or a statsmodels OLS or WLS result
        The fit.
    cluster : array-like of labels, length n
        Cluster of each row.
    kind : {"CR2", "CR0", "CR1", "CR1S", "CR3"}
        CR0 has no correction; CR1 G / (G - 1); CR1S that times (n - 1) / (n - k); CR2 is Bell and McCaffrey's with an
        independent, equal-variance working model, as clubSandwich has it, with Satterthwaite degrees of freedom per
        coefficient; CR3 is the jackknife that leaves out one cluster at a time. Degrees of freedom of the others are
        clusters less one.
    like : Covariance, optional
        Covariance of another outcome on the very same design matrix, weights and clusters: what depends on these alone
        is taken from it and not worked out again.

    Returns
    -------
    Covariance
        Matrix, standard errors, degrees of freedom and joint tests of the coefficients.

    Raises
    ------
    Unsupported
        An unknown `kind`, or a fit that is not least squares.
    MissingValues
        A cluster label is missing.
    EmptyCell
        One cluster only, or no more rows than coefficients.
    Collinear
        A column depends on the columns before it.
    DataError
        The number of labels differs from the number of rows.

    References
    ----------
    Liang and Zeger (1986); Bell and McCaffrey (2002); Pustejovsky and Tipton (2018), equation 11; Cameron and Miller
    (2015).
    """
    if kind not in KINDS:
        raise errors.Unsupported(f"kind {kind!r} is not known", todo=f"Use one of {KINDS}.")
    own = read_fit(fit)
    codes, clusters = cluster_codes(cluster, len(own.y))
    n, k = own.x.shape
    parts = _sandwich(own, codes, kind) if like is None else _same_design(like, own, codes, kind)
    x, w, bread, rows, adjustments = parts
    residual = own.residuals
    scores = np.array([x[r].T @ (w[r] * a(residual[r])) for r, a in zip(rows, adjustments, strict=True)])
    scale = {"CR1": clusters / (clusters - 1), "CR1S": clusters / (clusters - 1) * (n - 1) / (n - k)}.get(kind, 1.0)
    matrix = scale * bread @ (scores.T @ scores) @ bread
    names = list(own.names)
    return Covariance(
        pd.DataFrame(matrix, index=names, columns=names),
        kind,
        clusters,
        pd.Series(own.params, index=names),
        partial(_all_freedom, own, parts, kind, clusters),
        n,
        parts,
    )


def _sandwich(fit: Regression, codes: Integers, kind: str) -> _Sandwich:
    """Return what the covariance of any outcome on a design is made from."""
    x, w = fit.x, fit.weights
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    middle = (x.T * w**2) @ x
    return _Sandwich(x, w, bread, rows, [_adjustment(x, w, bread, middle, r, kind) for r in rows])


def _same_design(like: Covariance, fit: Regression, codes: Integers, kind: str) -> _Sandwich:
    """Return the parts of another outcome's covariance, of the same design, weights, clusters and kind or refused."""
    parts = like.parts
    if (
        parts is None
        or like.kind != kind
        or parts.x is not fit.x
        or not np.array_equal(parts.weights, fit.weights)
        or not all(np.array_equal(r, np.flatnonzero(codes == g)) for g, r in enumerate(parts.rows))
    ):
        raise errors.DataError("`like` is the covariance of another design", todo="Leave it out.")
    return parts


def _all_freedom(fit: Regression, parts: _Sandwich, kind: str, clusters: int) -> Floats:
    """Return the degrees of freedom of every coefficient of a clustered covariance."""
    x, w, bread = parts.x, parts.weights, parts.bread
    each: Floats = np.full(x.shape[1], clusters - 1.0)
    if kind == "CR2":
        middle = (x.T * w**2) @ x
        each = np.array([_freedom(_lead(parts, unit), bread, middle) for unit in np.eye(x.shape[1])])
    return np.where(_zero_scores(fit, bread, parts.rows), 0.0, each)


def _zero_scores(fit: Regression, bread: Floats, rows: Sequence[Integers]) -> Booleans:
    """Return which coefficients have a score of 0 in every cluster though people differ: the error cannot be seen."""
    pull = (fit.x @ bread) * (fit.weights * fit.residuals)[:, None]
    by_cluster = np.array([pull[r].sum(axis=0) for r in rows])
    noise = np.abs(fit.residuals).max(initial=0.0) <= 1e-10 * np.abs(fit.y).max(initial=0.0)
    return np.zeros(pull.shape[1], dtype=bool) if noise else (by_cluster**2).sum(0) <= 1e-20 * (pull**2).sum(0)


def heteroskedastic(fit: object, *, kind: str = "HC1") -> Covariance:
    """Return the covariance of a (weighted) least-squares fit with unequal variances and independent people.

    Parameters
    ----------
    fit : Regression, or a statsmodels OLS or WLS result
        The fit.
    kind : {"HC1", "HC0", "HC2", "HC3"}
        HC0 has no correction; HC1 n / (n - k); HC2 divides residuals by the root of 1 - h, HC3 by 1 - h, h the
        leverage; as the R package sandwich.

    Returns
    -------
    Covariance
        Covariance with t on n - k degrees of freedom.

    Raises
    ------
    Unsupported
        An unknown `kind`, or a fit that is not least squares.
    EmptyCell
        No more rows than coefficients.
    Collinear
        A column depends on the columns before it.

    References
    ----------
    MacKinnon and White (1985).
    """
    if kind not in HC:
        raise errors.Unsupported(f"kind {kind!r} is not known", todo=f"Use one of {HC}.")
    own = read_fit(fit)
    w, x, n, k = own.weights, own.x, len(own.y), own.x.shape[1]
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    left = np.maximum(1 - w * np.einsum("ij,jk,ik->i", x, bread, x, optimize=True), 1e-12)
    factor = {"HC0": 1.0, "HC1": np.sqrt(n / (n - k)), "HC2": 1 / np.sqrt(left), "HC3": 1 / left}[kind]
    scores = x * (w * own.residuals * factor)[:, None]
    names = list(own.names)
    matrix = pd.DataFrame(bread @ (scores.T @ scores) @ bread, index=names, columns=names)
    params = pd.Series(own.params, index=names)
    return Covariance(matrix, kind, n, params, lambda: np.full(k, float(n - k)), n)


def _adjustment(x: Floats, w: Floats, bread: Floats, middle: Floats, rows: Integers, kind: str) -> Adjustment:
    """Return a function that adjusts a cluster's residuals (or any vector of its length).

    The matrices are I plus one of low rank, in the columns of x and of w x. With more rows than twice the columns
    they are handled in an orthonormal basis of these, so that no square matrix of the cluster's size is made.
    """
    if kind in ("CR0", "CR1", "CR1S"):
        return lambda v: v
    own, scaled = x[rows], x[rows] * w[rows, None]
    if len(rows) <= 2 * x.shape[1]:
        matrix = _adjustment_matrix(np.eye(len(rows)), own, scaled, bread, middle, kind)
        return lambda v: matrix @ v
    basis = np.linalg.qr(np.column_stack([own, scaled]))[0]
    inner = _adjustment_matrix(np.eye(basis.shape[1]), basis.T @ own, basis.T @ scaled, bread, middle, kind)
    inner = inner - np.eye(basis.shape[1])
    return lambda v: v + basis @ (inner @ (basis.T @ v))


def _adjustment_matrix(
    identity: Floats, own: Floats, scaled: Floats, bread: Floats, middle: Floats, kind: str
) -> Floats:
    """Return (I - H)^-1 for CR3, or (I - H - H' + X M X'W²X M X')^-1/2 for CR2, in the given basis."""
    hat = own @ bread @ scaled.T
    if kind == "CR3":
        return np.linalg.pinv(identity - hat)
    cross = own @ bread @ middle @ bread @ own.T
    return _inverse_root(identity - hat - hat.T + cross)


def _inverse_root(matrix: Floats) -> Floats:
    """Return the inverse of a symmetric matrix's square root, on the space where it is not singular."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    keep = values > 1e-12 * max(values.max(), 1.0)
    root = np.where(keep, 1 / np.sqrt(np.where(keep, values, 1.0)), 0.0)
    inverse: Floats = (vectors * root) @ vectors.T
    return inverse


def _satterthwaite(parts: _Sandwich, c: Floats) -> float:
    """Return Satterthwaite degrees of freedom of a contrast under independent, equal errors."""
    x, w = parts.x, parts.weights
    return _freedom(_lead(parts, c), parts.bread, (x.T * w**2) @ x)


def _freedom(lead: _Lead, bread: Floats, middle: Floats) -> float:
    """Return the squared trace of `_gram` over its sum of squares.

    With many clusters from its form D + U P' + P U', D diagonal, so that it need not be made: its memory would grow
    with the square of the clusters.
    """
    if len(lead.vectors) <= MOST_SQUARE:
        gram = _gram(lead, lead, bread, middle)
        trace, total = np.trace(gram), float((gram**2).sum())
    else:
        size, p = np.array([v @ v for v in lead.vectors]), lead.plain
        u = p @ bread @ middle @ bread / 2 - lead.weighted @ bread
        own, cross = (u * p).sum(axis=1), u.T @ p
        trace = size.sum() + 2 * own.sum()
        squares = ((p.T @ p) * (u.T @ u)).sum() + (cross * cross.T).sum()
        total = float(size @ size + 4 * size @ own + 2 * squares)
    return float(trace**2 / total) if total > 0 else 0.0


def _lead(parts: _Sandwich, c: Floats) -> _Lead:
    """Return the vectors of a contrast, cluster by cluster."""
    x, w, bread, rows, adjustments = parts
    lead = bread @ c
    vectors = [a(w[r] * (x[r] @ lead)) for r, a in zip(rows, adjustments, strict=True)]
    plain = np.array([x[r].T @ v for r, v in zip(rows, vectors, strict=True)])
    weighted = np.array([x[r].T @ (w[r] * v) for r, v in zip(rows, vectors, strict=True)])
    return _Lead(vectors, plain, weighted)


def _gram(one: _Lead, two: _Lead, bread: Floats, middle: Floats) -> Floats:
    """Return the working covariance of two contrasts' scores, clusters × clusters, after the fit's residual maker."""
    size = np.array([v @ u for v, u in zip(one.vectors, two.vectors, strict=True)])
    squared = one.plain @ bread @ middle @ bread @ two.plain.T
    return np.diag(size) - one.weighted @ bread @ two.plain.T - one.plain @ bread @ two.weighted.T + squared


def _hotelling(parts: _Sandwich, contrasts: Floats) -> float:
    """Return the degrees of freedom of Hotelling's approximation for several contrasts (HTZ).

    The contrasts are first made uncorrelated under the working model; then q (q + 1) over the total variance of the
    elements of their estimated covariance.
    """
    x, w, bread = parts.x, parts.weights, parts.bread
    q, middle = len(contrasts), (x.T * w**2) @ x
    omega = contrasts @ bread @ middle @ bread @ contrasts.T
    values, vectors = np.linalg.eigh(omega)
    turned = (vectors / np.sqrt(values)) @ vectors.T @ contrasts
    leads = [_lead(parts, c) for c in turned]
    cov = {(s, t): _gram(leads[s], leads[t], bread, middle) for s in range(q) for t in range(q)}
    total = sum((cov[s, s] * cov[t, t]).sum() + (cov[s, t] * cov[s, t].T).sum() for s in range(q) for t in range(q))
    return float(q * (q + 1) / total)
