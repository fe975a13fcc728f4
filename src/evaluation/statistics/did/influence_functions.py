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

TRIM = 0.995  # people of the other group with a larger chance of belonging are left out
Found = tuple[float, np.ndarray]


# ---- nuisances -----------------------------------------------------------------------------------------------------


def chance(x: np.ndarray, d: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each person's odds of belonging to the group (logit), and their linear contributions to its slopes.

    Raises NotConverged where a covariate tells the groups apart completely.
    """
    z, back = _standard(x)
    model = _logistic.fit(z, d, w)
    if not model.converged:
        raise errors.NotConverged(
            "the covariates tell the groups apart completely", todo="Join small levels, or use fewer covariates."
        )
    p = np.minimum(model.probability, 1 - 1e-6)
    linear = len(d) * (model.scores @ model.bread) @ back.T
    return p, linear


def balanced_chance(x: np.ndarray, d: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return chances whose odds balance the covariates exactly (inverse probability tilting, Graham and others 2012).

    Solves sum w (d - (1 - d) exp(x gamma)) x = 0 by Newton with step halving; the problem is convex.
    """
    z, _ = _standard(x)
    own, other = z.T @ (w * d), w * (1 - d)
    gamma = np.zeros(x.shape[1])
    gamma[0] = np.log((w @ d) / other.sum())

    def loss(at: np.ndarray) -> float:
        return float(other @ np.exp(np.minimum(z @ at, 500.0)) - own @ at)

    for _ in range(200):
        odds = other * np.exp(np.minimum(z @ gamma, 500.0))
        gradient = z.T @ odds - own
        if np.abs(gradient).max() < 1e-11 * max(own[0], 1.0):
            break
        step = np.linalg.solve((z * odds[:, None]).T @ z, gradient)
        size, here = 1.0, loss(gamma)
        while loss(gamma - size * step) > here + 1e-14 * abs(here) and size > 1e-10:
            size /= 2
        gamma = gamma - size * step
    if np.abs(gradient).max() > 1e-6 * max(own[0], 1.0):
        raise errors.NotConverged("no weights balance the covariates", todo="Use fewer covariates, or 'traditional'.")
    return np.minimum(1 / (1 + np.exp(-(z @ gamma))), 1 - 1e-6)


def _standard(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return columns centred and scaled (first is the intercept), and the matrix that turns slopes back."""
    centre, spread = x.mean(axis=0), x.std(axis=0)
    centre[0], spread[0] = 0.0, 1.0
    spread = np.where(spread > 0, spread, 1.0)
    back = np.diag(1 / spread)
    back[0, 1:] = -centre[1:] / spread[1:]
    return (x - centre) / spread, back


def outcome(y: np.ndarray, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients of a weighted regression in one cell, and each person's linear contribution, (n, k)."""
    gram = x.T @ (x * w[:, None])
    if np.linalg.matrix_rank(gram) < x.shape[1]:
        raise errors.Collinear("a cell is too small for its outcome regression", todo="Use fewer covariates.")
    bread = np.linalg.inv(gram)
    beta = bread @ (x.T @ (w * y))
    return beta, len(y) * ((x * (w * (y - x @ beta))[:, None]) @ bread)


def _kept(p: np.ndarray, d: np.ndarray) -> np.ndarray:
    return np.where((d == 1) | (p < TRIM), 1.0, 0.0)


def _mean(values: np.ndarray, weight: np.ndarray) -> tuple[float, np.ndarray]:
    """Return a ratio of means and its influence function."""
    total = weight.mean()
    value = float((weight * values).mean() / total)
    return value, weight * (values - value) / total


def _column(weight: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the weighted mean of each column: how a mean moves with slopes."""
    return (weight @ x) / weight.sum()


# ---- repeated cross-sections ---------------------------------------------------------------------------------------


def rc_doubly_robust(y: np.ndarray, post: np.ndarray, d: np.ndarray, x: np.ndarray, w: np.ndarray) -> Found:
    """Return the locally efficient doubly robust effect (equation 3.4), logit and regressions in all four cells.

    The terms of the earlier outcome regression have the sign that their derivation gives; DRDID up to 1.2.3 adds them
    where it should subtract, in the group and among the others, and its error is then wrong (1 to 2 % here).
    """
    p, lin_ps = chance(x, d, w)
    fits = {(a, b): outcome(y, x, w * (d == a) * (post == b)) for a in (0, 1) for b in (0, 1)}
    mu = {k: x @ f[0] for k, f in fits.items()}
    mu_c = np.where(post == 1, mu[0, 1], mu[0, 0])
    odds = w * _kept(p, d) * p / (1 - p) * (1 - d)
    at = {1: post, 0: 1 - post}
    value, inf = 0.0, np.zeros(len(y))
    for b, sign in ((1, 1.0), (0, -1.0)):
        own, other = w * d * at[b], odds * at[b]
        eta_own, inf_own = _mean(y - mu_c, own)
        eta_other, inf_other = _mean(y - mu_c, other)
        inf_own = inf_own - fits[0, b][1] @ _column(own, x)
        drift = ((other * (y - mu_c - eta_other)) @ x) / other.sum()
        inf_other = inf_other + lin_ps @ drift - fits[0, b][1] @ _column(other, x)
        gap = mu[1, b] - mu[0, b]
        wide, inf_wide = _mean(gap, w * d)
        narrow, inf_narrow = _mean(gap, own)
        moved = _column(w * d, x) - _column(own, x)
        inf_local = inf_wide - inf_narrow + (fits[1, b][1] - fits[0, b][1]) @ moved
        value += sign * (eta_own - eta_other + wide - narrow)
        inf += sign * (inf_own - inf_other + inf_local)
    return value, inf


def rc_improved(y: np.ndarray, post: np.ndarray, d: np.ndarray, x: np.ndarray, w: np.ndarray) -> Found:
    """Return the improved, locally efficient effect: balancing chances, regressions weighted by their odds.

    By construction of the nuisances their estimation does not enter the influence function (first order).
    """
    p = balanced_chance(x, d, w)
    odds = p / (1 - p)
    at = {1: post, 0: 1 - post}
    mu = {(0, b): x @ outcome(y, x, w * odds * (1 - d) * at[b])[0] for b in (0, 1)}
    mu |= {(1, b): x @ outcome(y, x, w * d * at[b])[0] for b in (0, 1)}
    mu_c = np.where(post == 1, mu[0, 1], mu[0, 0])
    value, inf = 0.0, np.zeros(len(y))
    for b, sign in ((1, 1.0), (0, -1.0)):
        gap = mu[1, b] - mu[0, b]
        parts = (
            (1, _mean(y - mu_c, w * d * at[b])),
            (-1, _mean(y - mu_c, w * _kept(p, d) * odds * (1 - d) * at[b])),
            (1, _mean(gap, w * d)),
            (-1, _mean(gap, w * d * at[b])),
        )
        value += sign * sum(s * v for s, (v, _) in parts)
        inf += sign * sum(s * i for s, (_, i) in parts)
    return value, inf


def rc_regression(y: np.ndarray, post: np.ndarray, d: np.ndarray, x: np.ndarray, w: np.ndarray) -> Found:
    """Return the outcome-regression effect: the other group's change predicted at the group's covariates."""
    value, inf = 0.0, np.zeros(len(y))
    for b, sign in ((1, 1.0), (0, -1.0)):
        here = post if b else 1 - post
        beta, linear = outcome(y, x, w * (1 - d) * here)
        own, inf_own = _mean(y, w * d * here)
        other, inf_other = _mean(x @ beta, w * d)
        value += sign * (own - other)
        inf += sign * (inf_own - inf_other - linear @ _column(w * d, x))
    return value, inf


def rc_weighting(y: np.ndarray, post: np.ndarray, d: np.ndarray, x: np.ndarray, w: np.ndarray) -> Found:
    """Return the weighting effect with weights that sum to 1 in each cell."""
    p, lin_ps = chance(x, d, w)
    odds = w * _kept(p, d) * p / (1 - p) * (1 - d)
    value, inf = 0.0, np.zeros(len(y))
    for b, sign in ((1, 1.0), (0, -1.0)):
        here = post if b else 1 - post
        own, inf_own = _mean(y, w * d * here)
        weight = odds * here
        other, inf_other = _mean(y, weight)
        drift = ((weight * (y - other)) @ x) / weight.sum()
        value += sign * (own - other)
        inf += sign * (inf_own - inf_other - lin_ps @ drift)
    return value, inf


# ---- linked people -------------------------------------------------------------------------------------------------


def panel_doubly_robust(dy: np.ndarray, d: np.ndarray, x: np.ndarray, w: np.ndarray) -> Found:
    """Return the doubly robust effect on the change of linked people (equation 3.1)."""
    p, lin_ps = chance(x, d, w)
    beta, linear = outcome(dy, x, w * (1 - d))
    left = dy - x @ beta
    odds = w * _kept(p, d) * p / (1 - p) * (1 - d)
    own, inf_own = _mean(left, w * d)
    other, inf_other = _mean(left, odds)
    drift = ((odds * (left - other)) @ x) / odds.sum()
    inf = inf_own - linear @ _column(w * d, x) - (inf_other + lin_ps @ drift - linear @ _column(odds, x))
    return own - other, inf


def panel_improved(dy: np.ndarray, d: np.ndarray, x: np.ndarray, w: np.ndarray) -> Found:
    """Return the improved doubly robust effect on the change of linked people."""
    p = balanced_chance(x, d, w)
    odds = w * p / (1 - p) * (1 - d)
    left = dy - x @ outcome(dy, x, odds)[0]
    (own, inf_own), (other, inf_other) = _mean(left, w * d), _mean(left, odds * _kept(p, d))
    return own - other, inf_own - inf_other


def panel_regression(dy: np.ndarray, d: np.ndarray, x: np.ndarray, w: np.ndarray) -> Found:
    """Return the outcome-regression effect on the change of linked people."""
    beta, linear = outcome(dy, x, w * (1 - d))
    (own, inf_own), (other, inf_other) = _mean(dy, w * d), _mean(x @ beta, w * d)
    return own - other, inf_own - inf_other - linear @ _column(w * d, x)


def panel_weighting(dy: np.ndarray, d: np.ndarray, x: np.ndarray, w: np.ndarray) -> Found:
    """Return the weighting effect on the change of linked people, weights that sum to 1."""
    p, lin_ps = chance(x, d, w)
    odds = w * _kept(p, d) * p / (1 - p) * (1 - d)
    (own, inf_own), (other, inf_other) = _mean(dy, w * d), _mean(dy, odds)
    drift = ((odds * (dy - other)) @ x) / odds.sum()
    return own - other, inf_own - inf_other - lin_ps @ drift


RC: dict[str, Callable[..., Found]] = {
    "traditional": rc_doubly_robust,
    "improved": rc_improved,
    "regression": rc_regression,
    "weighting": rc_weighting,
}
PANEL: dict[str, Callable[..., Found]] = {
    "traditional": panel_doubly_robust,
    "improved": panel_improved,
    "regression": panel_regression,
    "weighting": panel_weighting,
}
METHODS = tuple(RC)


def estimator(method: str, *, panel: bool) -> Callable[..., Found]:
    """Return the estimator of a method, or raise naming those there are."""
    known = PANEL if panel else RC
    if method not in known:
        raise errors.Unsupported(f"method {method!r} is not known", todo=f"Use one of {METHODS}.")
    return known[method]


# ---- errors --------------------------------------------------------------------------------------------------------


def sums_by_cluster(influence: np.ndarray, codes: np.ndarray | None, clusters: int) -> np.ndarray:
    """Return cluster totals of influence functions (n,) or (n, m), scaled so that their mean is the mean over rows."""
    if codes is None:
        return influence
    out = np.zeros((clusters, *influence.shape[1:]))
    np.add.at(out, codes, influence)
    return out * (clusters / len(influence))


def multiplier(influence: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """Return multiplier-bootstrap draws of the error of estimates, shape (draws, m), with Rademacher signs.

    `influence` (n, m): rows are people or clusters. Signs are made from random bits, in blocks, so that memory stays
    under some tens of megabytes.
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
