"""The wild cluster bootstrap-t, weighted, enumerated where the number of sign vectors is small."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from evaluation import errors
from evaluation.results import Estimate
from evaluation.statistics.inference.covariance import cluster_robust
from evaluation.statistics.inference.wls import Regression, cluster_codes, read_fit

MOST_ENUMERATED = 20


def wild_cluster(  # noqa: PLR0913
    fit: Any,
    cluster: Any,
    *,
    term: str,
    weights: str = "rademacher",
    draws: int = 9999,
    seed: int = 0,
    null: float = 0.0,
    impose_null: bool = True,
    ties: str = "count",
) -> Estimate:
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
    if draws < 1:
        raise errors.DataError(f"{draws} draws are none", todo="Use 999 or more.")
    place = fit.names.index(term)
    if np.abs(fit.residuals).max() <= 1e-12 * np.abs(fit.y).max():
        raise errors.DataError(
            "the model fits every answer exactly: there is nothing to draw from",
            todo="Use an outcome that varies within the cells.",
        )
    plain = cluster_robust(fit, cluster, kind="CR1S")
    plain.estimate(term)  # refuses a term that the clusters give no error
    signs = _signs(clusters, weights, draws, seed)
    statistic, drawn = _wild_statistics(fit, codes, clusters, place, null, impose_null, signs)
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
