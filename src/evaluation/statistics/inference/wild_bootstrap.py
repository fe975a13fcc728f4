"""The wild cluster bootstrap-t, weighted, enumerated where the number of sign vectors is small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from evaluation import errors
from evaluation.results import Estimate
from evaluation.statistics._arrays import Floats, Integers
from evaluation.statistics.inference.covariance import cluster_robust
from evaluation.statistics.inference.wls import Regression, cluster_codes, read_fit

MOST_ENUMERATED = 20  # clusters up to which all Rademacher sign vectors may be enumerated


def wild_cluster(  # noqa: PLR0913
    fit: object,
    cluster: npt.ArrayLike,
    *,
    term: str,
    weights: str = "rademacher",
    draws: int = 9999,
    seed: int = 0,
    null: float = 0.0,
    impose_null: bool = True,
    ties: str = "count",
) -> Estimate:
    """Test one coefficient by the wild cluster bootstrap-t, for few clusters.

    Parameters
    ----------
    fit : Regression, or a statsmodels OLS or WLS result
        The fit; survey weights enter through it.
    cluster : array-like of labels, length n
        Cluster of each row.
    term : str
        Name of the coefficient that is tested.
    weights : {"rademacher", "webb"}
        Bootstrap weights: signs, or Webb's six points. All 2**G sign vectors are used when they do not exceed `draws`
        (20 clusters at most).
    draws : int
        Number of draws, 1 or more.
    seed : int
        Seed of the draws; not used where all sign vectors are.
    null : float
        Value of the coefficient under the null, in the outcome's unit.
    impose_null : bool
        Whether residuals come from the fit under the null (WCR), else from the unrestricted one (WCU).
    ties : {"count", "strict"}
        Whether draws exactly as far out as the data count against the finding.

    Returns
    -------
    Estimate
        The coefficient in the outcome's unit, CR1S error and t interval on clusters less one, bootstrap p-value;
        `se_method` names both.

    Raises
    ------
    Unsupported
        Unknown `weights` or `ties`, or a fit that is not least squares.
    UnknownColumn
        The fit has no such term.
    DataError
        No draws, or a model that fits every answer exactly.
    EmptyCell
        One cluster only, or a term that the clusters give no error.
    MissingValues
        A cluster label is missing.

    References
    ----------
    Cameron, Gelbach and Miller (2008); Webb (2023) for the six-point weights; MacKinnon and Webb (2018).
    """
    if weights not in ("rademacher", "webb") or ties not in ("count", "strict"):
        raise errors.Unsupported("weights are 'rademacher' or 'webb', ties 'count' or 'strict'")
    own = read_fit(fit)
    codes, clusters = cluster_codes(cluster, len(own.y))
    if term not in own.names:
        raise errors.UnknownColumn(f"no term {term!r}", todo=f"Terms: {list(own.names)}.")
    if draws < 1:
        raise errors.DataError(f"{draws} draws are none", todo="Use 999 or more.")
    place = own.names.index(term)
    if np.abs(own.residuals).max() <= 1e-12 * np.abs(own.y).max():
        raise errors.DataError(
            "the model fits every answer exactly: there is nothing to draw from",
            todo="Use an outcome that varies within the cells.",
        )
    plain = cluster_robust(own, cluster, kind="CR1S")
    plain.estimate(term)  # refuses a term that the clusters give no error
    signs = _signs(clusters, weights, draws, seed)
    statistic, drawn = _wild_statistics(own, codes, clusters, place, null, impose_null, signs)
    far = np.abs(drawn) >= abs(statistic) - 1e-10 if ties == "count" else np.abs(drawn) > abs(statistic) + 1e-10
    enumerated = weights == "rademacher" and len(signs) == 2**clusters
    p = float(far.mean()) if enumerated else float((1 + far.sum()) / (len(signs) + 1))
    made = plain.estimate(
        term,
        null=null,
        method="wild cluster bootstrap",
        se_method=f"CR1S interval, wild bootstrap p ({len(signs)} draws, ties {ties})",
    )
    return replace(made, p=p)


def _signs(clusters: int, weights: str, draws: int, seed: int) -> Floats:
    """Return the bootstrap weights, one row per draw and one column per cluster; all sign vectors where few."""
    if weights == "rademacher" and clusters <= MOST_ENUMERATED and 2**clusters <= draws:
        bits: Floats = ((np.arange(2**clusters)[:, None] >> np.arange(clusters)) & 1).astype(float)
        return 1 - 2 * bits
    rng = np.random.default_rng(seed)
    if weights == "rademacher":
        return rng.choice(np.array([-1.0, 1.0]), (draws, clusters))
    sizes, signs = np.sqrt([0.5, 1.0, 1.5]), np.array([-1.0, 1.0])
    webb: Floats = rng.choice(sizes, (draws, clusters)) * rng.choice(signs, (draws, clusters))
    return webb


def _wild_statistics(
    fit: Regression, codes: Integers, clusters: int, place: int, null: float, impose_null: bool, signs: Floats
) -> tuple[float, Floats]:
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

    def t_statistics(moved: Floats, scores: Floats, at: Floats) -> Floats:
        """Return t from coefficients less the fitted ones (B, k) and cluster scores before the refit (B, G, k)."""
        left = scores - np.einsum("gij,bj->bgi", gram, moved)
        var: Floats = scale * ((left @ lead) ** 2).sum(axis=1)
        return at / np.sqrt(var)

    full = fit.params
    own = np.zeros((1, clusters, k))
    np.add.at(own[0], codes, x * (w * (fit.y - x @ full))[:, None])
    statistic = float((full[place] - null) / np.sqrt(scale * ((own[0] @ lead) ** 2).sum()))
    out = []
    for block in np.array_split(signs, max(1, len(signs) // 2000)):
        scores = block[:, :, None] * sums[None, :, :]
        moved = scores.sum(axis=1) @ bread
        base = (_fitted_coefficient(fit, impose_null, place, null) + moved[:, place]) - centre
        out.append(t_statistics(moved, scores, base))
    return statistic, np.concatenate(out)


def _fitted_coefficient(fit: Regression, impose_null: bool, place: int, null: float) -> float:
    """Return the coefficient under which the bootstrap draws outcomes."""
    return null if impose_null else float(fit.params[place])
