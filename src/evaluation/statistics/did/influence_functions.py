"""Estimators of the effect on the group from two groups at two times, each with its influence function.

Arrays in, (value, influence) out: repeated cross-sections take `y, post, d, x, w`, linked people the change `dy, d, x,
w`. `x` (n, k) holds an intercept, `w` (n,) weights of mean 1. The influence function has shape (n,) and mean 0; the
standard error is its standard deviation over the root of n.

Sources: Sant'Anna and Zhao (2020): equations 2.2, 2.5 (panel, cross-sections), 3.1 and 3.4 (locally efficient),
appendix for influence functions; regression: Heckman, Ichimura and Todd (1997); weighting with weights of sum 1: Abadie
(2005), Hajek.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evaluation import errors
from evaluation.statistics import _logistic
from evaluation.statistics._arrays import Floats, Integers

TRIM = 0.995  # people of the other group with a larger chance of belonging are left out
EffectAndInfluence = tuple[float, Floats]
Estimator = Callable[..., EffectAndInfluence]  # of cross-sections (y, post, d, x, w) or of changes (dy, d, x, w)


# ---- nuisances -----------------------------------------------------------------------------------------------------


def propensity(x: Floats, d: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Return each person's chance of belonging to the group (logit), and their linear contributions to its slopes.

    Parameters
    ----------
    x : ndarray, shape (n, k)
        Covariates, an intercept first.
    d : ndarray, shape (n,)
        1 for the group, 0 for the others.
    w : ndarray, shape (n,)
        Weights of mean 1.

    Returns
    -------
    p : ndarray, shape (n,)
        Chances, below 1.
    linear : ndarray, shape (n, k)
        Influence functions of the logit's coefficients.

    Raises
    ------
    NotConverged
        A covariate tells the groups apart completely.
    """
    z, back = _standardisation(x)
    model = _logistic.fit(z, d, w)
    if not model.converged:
        raise errors.NotConverged(
            "the covariates tell the groups apart completely", todo="Join small levels, or use fewer covariates."
        )
    p = np.minimum(model.probability, 1 - 1e-6)
    linear = len(d) * (model.scores @ model.bread) @ back.T
    return p, linear


def balancing_propensity(x: Floats, d: Floats, w: Floats) -> Floats:
    """Return chances whose odds balance the covariates exactly (inverse probability tilting).

    Solves sum w (d - (1 - d) exp(x gamma)) x = 0 by Newton with step halving; the problem is convex.

    Parameters
    ----------
    x : ndarray, shape (n, k)
        Covariates, an intercept first.
    d : ndarray, shape (n,)
        1 for the group, 0 for the others.
    w : ndarray, shape (n,)
        Weights of mean 1.

    Returns
    -------
    ndarray, shape (n,)
        Chances of belonging to the group, below 1.

    Raises
    ------
    NotConverged
        No weights balance the covariates.

    References
    ----------
    Graham and others (2012).
    """
    z, _ = _standardisation(x)
    own, other = z.T @ (w * d), w * (1 - d)
    gamma = np.zeros(x.shape[1])
    gamma[0] = np.log((w @ d) / other.sum())
    for _ in range(200):
        odds = other * np.exp(np.minimum(z @ gamma, 500.0))
        gradient = z.T @ odds - own
        if np.abs(gradient).max() < 1e-11 * max(own[0], 1.0):
            break
        step = np.linalg.solve((z * odds[:, None]).T @ z, gradient)
        size, here = 1.0, _tilting_loss(gamma, z, other, own)
        while _tilting_loss(gamma - size * step, z, other, own) > here + 1e-14 * abs(here) and size > 1e-10:
            size /= 2
        gamma = gamma - size * step
    if np.abs(gradient).max() > 1e-6 * max(own[0], 1.0):
        raise errors.NotConverged("no weights balance the covariates", todo="Use fewer covariates, or 'traditional'.")
    return np.minimum(1 / (1 + np.exp(-(z @ gamma))), 1 - 1e-6)


def _tilting_loss(gamma: Floats, z: Floats, other: Floats, own: Floats) -> float:
    """Return what inverse probability tilting minimises: weights of the others, sums of the group's covariates."""
    return float(other @ np.exp(np.minimum(z @ gamma, 500.0)) - own @ gamma)


def _standardisation(x: Floats) -> tuple[Floats, Floats]:
    """Return columns centred and scaled (first is the intercept), and the matrix that turns slopes back."""
    centre, spread = x.mean(axis=0), x.std(axis=0)
    centre[0], spread[0] = 0.0, 1.0
    spread = np.where(spread > 0, spread, 1.0)
    back = np.diag(1 / spread)
    back[0, 1:] = -centre[1:] / spread[1:]
    return (x - centre) / spread, back


def outcome_regression(y: Floats, x: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Return the coefficients of a weighted regression in one cell, and each person's linear contribution.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Outcome.
    x : ndarray, shape (n, k)
        Covariates, an intercept first.
    w : ndarray, shape (n,)
        Weights, 0 outside the cell.

    Returns
    -------
    beta : ndarray, shape (k,)
        Coefficients.
    linear : ndarray, shape (n, k)
        Influence functions of the coefficients.

    Raises
    ------
    Collinear
        A cell is too small for its outcome regression.
    """
    gram = x.T @ (x * w[:, None])
    if np.linalg.matrix_rank(gram) < x.shape[1]:
        raise errors.Collinear("a cell is too small for its outcome regression", todo="Use fewer covariates.")
    bread = np.linalg.inv(gram)
    beta = bread @ (x.T @ (w * y))
    return beta, len(y) * ((x * (w * (y - x @ beta))[:, None]) @ bread)


def _trimming(p: Floats, d: Floats) -> Floats:
    """Return 0 for people of the other group whose chance of belonging is above `TRIM`, else 1."""
    return np.where((d == 1) | (p < TRIM), 1.0, 0.0)


def _weighted_mean(values: Floats, weight: Floats) -> tuple[float, Floats]:
    """Return a ratio of means and its influence function."""
    total = weight.mean()
    value = float((weight * values).mean() / total)
    return value, weight * (values - value) / total


def _column_means(weight: Floats, x: Floats) -> Floats:
    """Return the weighted mean of each column: how a mean moves with slopes."""
    means: Floats = (weight @ x) / weight.sum()
    return means


# ---- repeated cross-sections ---------------------------------------------------------------------------------------


def rc_doubly_robust(y: Floats, post: Floats, d: Floats, x: Floats, w: Floats) -> EffectAndInfluence:
    """Estimate the locally efficient doubly robust effect from repeated cross-sections.

    Logit, and regressions in all four cells. The terms of the earlier outcome regression have the sign that their
    derivation gives; DRDID up to 1.2.3 adds them where it should subtract, in the group and among the others, and its
    error is then wrong (1 to 2 % here).

    Parameters
    ----------
    y : ndarray, shape (n,)
        Outcome.
    post : ndarray, shape (n,)
        1 for people who answered after, 0 before.
    d : ndarray, shape (n,)
        1 for the group, 0 for the others.
    x : ndarray, shape (n, k)
        Covariates, an intercept first.
    w : ndarray, shape (n,)
        Weights of mean 1.

    Returns
    -------
    value : float
        Average effect on the group, in the outcome's unit.
    influence : ndarray, shape (n,)
        Influence function, of mean 0.

    Raises
    ------
    NotConverged
        A covariate tells the groups apart completely.
    Collinear
        A cell is too small for its outcome regression.

    References
    ----------
    Sant'Anna and Zhao (2020), equation 3.4.
    """
    p, lin_ps = propensity(x, d, w)
    fits = {(a, b): outcome_regression(y, x, w * (d == a) * (post == b)) for a in (0, 1) for b in (0, 1)}
    mu = {k: x @ f[0] for k, f in fits.items()}
    mu_c = np.where(post == 1, mu[0, 1], mu[0, 0])
    odds = w * _trimming(p, d) * p / (1 - p) * (1 - d)
    at = {1: post, 0: 1 - post}
    value, inf = 0.0, np.zeros(len(y))
    for b, sign in ((1, 1.0), (0, -1.0)):
        own, other = w * d * at[b], odds * at[b]
        eta_own, inf_own = _weighted_mean(y - mu_c, own)
        eta_other, inf_other = _weighted_mean(y - mu_c, other)
        inf_own = inf_own - fits[0, b][1] @ _column_means(own, x)
        drift = ((other * (y - mu_c - eta_other)) @ x) / other.sum()
        inf_other = inf_other + lin_ps @ drift - fits[0, b][1] @ _column_means(other, x)
        gap = mu[1, b] - mu[0, b]
        wide, inf_wide = _weighted_mean(gap, w * d)
        narrow, inf_narrow = _weighted_mean(gap, own)
        moved = _column_means(w * d, x) - _column_means(own, x)
        inf_local = inf_wide - inf_narrow + (fits[1, b][1] - fits[0, b][1]) @ moved
        value += sign * (eta_own - eta_other + wide - narrow)
        inf += sign * (inf_own - inf_other + inf_local)
    return value, inf


def rc_improved(y: Floats, post: Floats, d: Floats, x: Floats, w: Floats) -> EffectAndInfluence:
    """Estimate the improved, locally efficient doubly robust effect from repeated cross-sections.

    Balancing chances, regressions weighted by their odds: by construction of the nuisances their estimation does not
    enter the influence function (first order).

    Parameters
    ----------
    y : ndarray, shape (n,)
        Outcome.
    post : ndarray, shape (n,)
        1 for people who answered after, 0 before.
    d : ndarray, shape (n,)
        1 for the group, 0 for the others.
    x : ndarray, shape (n, k)
        Covariates, an intercept first.
    w : ndarray, shape (n,)
        Weights of mean 1.

    Returns
    -------
    value : float
        Average effect on the group, in the outcome's unit.
    influence : ndarray, shape (n,)
        Influence function, of mean 0.

    Raises
    ------
    NotConverged
        No weights balance the covariates.
    Collinear
        A cell is too small for its outcome regression.

    References
    ----------
    Sant'Anna and Zhao (2020); Graham and others (2012) for the chances.
    """
    p = balancing_propensity(x, d, w)
    odds = p / (1 - p)
    at = {1: post, 0: 1 - post}
    mu = {(0, b): x @ outcome_regression(y, x, w * odds * (1 - d) * at[b])[0] for b in (0, 1)}
    mu |= {(1, b): x @ outcome_regression(y, x, w * d * at[b])[0] for b in (0, 1)}
    mu_c = np.where(post == 1, mu[0, 1], mu[0, 0])
    value, inf = 0.0, np.zeros(len(y))
    for b, sign in ((1, 1.0), (0, -1.0)):
        gap = mu[1, b] - mu[0, b]
        parts = (
            (1, _weighted_mean(y - mu_c, w * d * at[b])),
            (-1, _weighted_mean(y - mu_c, w * _trimming(p, d) * odds * (1 - d) * at[b])),
            (1, _weighted_mean(gap, w * d)),
            (-1, _weighted_mean(gap, w * d * at[b])),
        )
        value += sign * sum(s * v for s, (v, _) in parts)
        inf += sign * sum(s * i for s, (_, i) in parts)
    return value, inf


def rc_regression(y: Floats, post: Floats, d: Floats, x: Floats, w: Floats) -> EffectAndInfluence:
    """Estimate the effect by outcome regression: the others' change predicted at the group's covariates.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Outcome.
    post : ndarray, shape (n,)
        1 for people who answered after, 0 before.
    d : ndarray, shape (n,)
        1 for the group, 0 for the others.
    x : ndarray, shape (n, k)
        Covariates, an intercept first.
    w : ndarray, shape (n,)
        Weights of mean 1.

    Returns
    -------
    value : float
        Average effect on the group, in the outcome's unit.
    influence : ndarray, shape (n,)
        Influence function, of mean 0.

    Raises
    ------
    Collinear
        A cell is too small for its outcome regression.

    References
    ----------
    Heckman, Ichimura and Todd (1997).
    """
    value, inf = 0.0, np.zeros(len(y))
    for b, sign in ((1, 1.0), (0, -1.0)):
        here = post if b else 1 - post
        beta, linear = outcome_regression(y, x, w * (1 - d) * here)
        own, inf_own = _weighted_mean(y, w * d * here)
        other, inf_other = _weighted_mean(x @ beta, w * d)
        value += sign * (own - other)
        inf += sign * (inf_own - inf_other - linear @ _column_means(w * d, x))
    return value, inf


def rc_weighting(y: Floats, post: Floats, d: Floats, x: Floats, w: Floats) -> EffectAndInfluence:
    """Estimate the effect by weights that sum to 1 in each cell, from repeated cross-sections.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Outcome.
    post : ndarray, shape (n,)
        1 for people who answered after, 0 before.
    d : ndarray, shape (n,)
        1 for the group, 0 for the others.
    x : ndarray, shape (n, k)
        Covariates, an intercept first.
    w : ndarray, shape (n,)
        Weights of mean 1.

    Returns
    -------
    value : float
        Average effect on the group, in the outcome's unit.
    influence : ndarray, shape (n,)
        Influence function, of mean 0.

    Raises
    ------
    NotConverged
        A covariate tells the groups apart completely.

    References
    ----------
    Abadie (2005); Hajek's weights.
    """
    p, lin_ps = propensity(x, d, w)
    odds = w * _trimming(p, d) * p / (1 - p) * (1 - d)
    value, inf = 0.0, np.zeros(len(y))
    for b, sign in ((1, 1.0), (0, -1.0)):
        here = post if b else 1 - post
        own, inf_own = _weighted_mean(y, w * d * here)
        weight = odds * here
        other, inf_other = _weighted_mean(y, weight)
        drift = ((weight * (y - other)) @ x) / weight.sum()
        value += sign * (own - other)
        inf += sign * (inf_own - inf_other - lin_ps @ drift)
    return value, inf


# ---- linked people -------------------------------------------------------------------------------------------------


def panel_doubly_robust(dy: Floats, d: Floats, x: Floats, w: Floats) -> EffectAndInfluence:
    """Estimate the doubly robust effect on the change of linked people.

    Parameters
    ----------
    dy : ndarray, shape (n,)
        Change of each person's outcome.
    d : ndarray, shape (n,)
        1 for the group, 0 for the others.
    x : ndarray, shape (n, k)
        Covariates of the earlier time, an intercept first.
    w : ndarray, shape (n,)
        Weights of mean 1.

    Returns
    -------
    value : float
        Average effect on the group, in the outcome's unit.
    influence : ndarray, shape (n,)
        Influence function, of mean 0.

    Raises
    ------
    NotConverged
        A covariate tells the groups apart completely.
    Collinear
        A cell is too small for its outcome regression.

    References
    ----------
    Sant'Anna and Zhao (2020), equation 3.1.
    """
    p, lin_ps = propensity(x, d, w)
    beta, linear = outcome_regression(dy, x, w * (1 - d))
    left = dy - x @ beta
    odds = w * _trimming(p, d) * p / (1 - p) * (1 - d)
    own, inf_own = _weighted_mean(left, w * d)
    other, inf_other = _weighted_mean(left, odds)
    drift = ((odds * (left - other)) @ x) / odds.sum()
    inf = inf_own - linear @ _column_means(w * d, x) - (inf_other + lin_ps @ drift - linear @ _column_means(odds, x))
    return own - other, inf


def panel_improved(dy: Floats, d: Floats, x: Floats, w: Floats) -> EffectAndInfluence:
    """Estimate the improved doubly robust effect on the change of linked people.

    Parameters
    ----------
    dy : ndarray, shape (n,)
        Change of each person's outcome.
    d : ndarray, shape (n,)
        1 for the group, 0 for the others.
    x : ndarray, shape (n, k)
        Covariates of the earlier time, an intercept first.
    w : ndarray, shape (n,)
        Weights of mean 1.

    Returns
    -------
    value : float
        Average effect on the group, in the outcome's unit.
    influence : ndarray, shape (n,)
        Influence function, of mean 0.

    Raises
    ------
    NotConverged
        No weights balance the covariates.
    Collinear
        A cell is too small for its outcome regression.

    References
    ----------
    Sant'Anna and Zhao (2020); Graham and others (2012) for the chances.
    """
    p = balancing_propensity(x, d, w)
    odds = w * p / (1 - p) * (1 - d)
    left = dy - x @ outcome_regression(dy, x, odds)[0]
    (own, inf_own), (other, inf_other) = _weighted_mean(left, w * d), _weighted_mean(left, odds * _trimming(p, d))
    return own - other, inf_own - inf_other


def panel_regression(dy: Floats, d: Floats, x: Floats, w: Floats) -> EffectAndInfluence:
    """Estimate the effect on the change of linked people by outcome regression.

    Parameters
    ----------
    dy : ndarray, shape (n,)
        Change of each person's outcome.
    d : ndarray, shape (n,)
        1 for the group, 0 for the others.
    x : ndarray, shape (n, k)
        Covariates of the earlier time, an intercept first.
    w : ndarray, shape (n,)
        Weights of mean 1.

    Returns
    -------
    value : float
        Average effect on the group, in the outcome's unit.
    influence : ndarray, shape (n,)
        Influence function, of mean 0.

    Raises
    ------
    Collinear
        A cell is too small for its outcome regression.

    References
    ----------
    Heckman, Ichimura and Todd (1997).
    """
    beta, linear = outcome_regression(dy, x, w * (1 - d))
    (own, inf_own), (other, inf_other) = _weighted_mean(dy, w * d), _weighted_mean(x @ beta, w * d)
    return own - other, inf_own - inf_other - linear @ _column_means(w * d, x)


def panel_weighting(dy: Floats, d: Floats, x: Floats, w: Floats) -> EffectAndInfluence:
    """Estimate the effect on the change of linked people by weights that sum to 1.

    Parameters
    ----------
    dy : ndarray, shape (n,)
        Change of each person's outcome.
    d : ndarray, shape (n,)
        1 for the group, 0 for the others.
    x : ndarray, shape (n, k)
        Covariates of the earlier time, an intercept first.
    w : ndarray, shape (n,)
        Weights of mean 1.

    Returns
    -------
    value : float
        Average effect on the group, in the outcome's unit.
    influence : ndarray, shape (n,)
        Influence function, of mean 0.

    Raises
    ------
    NotConverged
        A covariate tells the groups apart completely.

    References
    ----------
    Abadie (2005); Hajek's weights.
    """
    p, lin_ps = propensity(x, d, w)
    odds = w * _trimming(p, d) * p / (1 - p) * (1 - d)
    (own, inf_own), (other, inf_other) = _weighted_mean(dy, w * d), _weighted_mean(dy, odds)
    drift = ((odds * (dy - other)) @ x) / odds.sum()
    return own - other, inf_own - inf_other - lin_ps @ drift


RC: dict[str, Estimator] = {
    "traditional": rc_doubly_robust,
    "improved": rc_improved,
    "regression": rc_regression,
    "weighting": rc_weighting,
}
PANEL: dict[str, Estimator] = {
    "traditional": panel_doubly_robust,
    "improved": panel_improved,
    "regression": panel_regression,
    "weighting": panel_weighting,
}
METHODS = tuple(RC)


def estimator(method: str, *, panel: bool) -> Estimator:
    """Return the estimator of a method.

    Parameters
    ----------
    method : {"traditional", "improved", "regression", "weighting"}
        The method.
    panel : bool
        Whether the same people stand at both times.

    Returns
    -------
    callable
        Takes (dy, d, x, w) for a panel, else (y, post, d, x, w); returns the value and the influence function.

    Raises
    ------
    Unsupported
        An unknown method; the message names those there are.
    """
    known = PANEL if panel else RC
    if method not in known:
        raise errors.Unsupported(f"method {method!r} is not known", todo=f"Use one of {METHODS}.")
    return known[method]


# ---- errors --------------------------------------------------------------------------------------------------------


def sums_by_cluster(influence: Floats, codes: Integers | None, clusters: int) -> Floats:
    """Return cluster totals of influence functions, scaled so that their mean is the mean over rows.

    Parameters
    ----------
    influence : ndarray, shape (n,) or (n, m)
        Influence functions by row.
    codes : ndarray of int, shape (n,), or None
        Cluster of each row; None leaves rows as they are.
    clusters : int
        Number of clusters.

    Returns
    -------
    ndarray, shape (clusters,) or (clusters, m)
        Influence functions by cluster.
    """
    if codes is None:
        return influence
    out = np.zeros((clusters, *influence.shape[1:]))
    np.add.at(out, codes, influence)
    return out * (clusters / len(influence))


def multiplier(influence: Floats, *, draws: int, seed: int) -> Floats:
    """Return multiplier-bootstrap draws of the error of estimates, with Rademacher signs.

    Signs are made from random bits, in blocks, so that memory stays under some tens of megabytes.

    Parameters
    ----------
    influence : ndarray, shape (n,) or (n, m)
        Influence functions; rows are people or clusters.
    draws : int
        Number of draws.
    seed : int
        Seed of the signs.

    Returns
    -------
    ndarray, shape (draws, m)
        Errors of the m estimates, in the outcome's unit.
    """
    values = np.ascontiguousarray(influence.reshape(len(influence), -1), dtype=np.float32)
    n, m = values.shape
    rng = np.random.default_rng(seed)
    total = influence.reshape(n, -1).sum(axis=0)
    out = np.empty((draws, m))
    block = max(1, min(draws, 20_000_000 // max(n, 1)))
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        bits = np.unpackbits(np.frombuffer(rng.bytes(rows * (-(-n // 8))), dtype=np.uint8).reshape(rows, -1), axis=1)
        out[start : start + rows] = (2.0 * (bits[:, :n].astype(np.float32) @ values) - total) / n
    return out
