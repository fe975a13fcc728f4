"""Binary regression by Newton's method: plain, ridge and Firth, with what stacked estimating equations need.

Columns are expected standardised. Weights are sampling weights scaled to mean 1, never frequencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.statistics._arrays import Floats

_TOLERANCE = 1e-10  # largest change of any linear predictor at which Newton stops
_SEPARATION = 30.0  # a linear predictor beyond this is a chance below 1e-13: the likelihood has no maximum
_MAX_ITERATIONS = 100


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted binary regression of n people on k columns.

    Attributes
    ----------
    beta : ndarray, shape (k,)
        Coefficients, intercept first.
    eta : ndarray, shape (n,)
        Linear predictor.
    probability : ndarray, shape (n,)
        Fitted probability, 0 to 1.
    scores : ndarray, shape (n, k)
        Each person's contribution to the estimating equation, weight included.
    bread : ndarray, shape (k, k)
        Inverse of minus the derivative of the estimating equation.
    covariance : ndarray, shape (k, k)
        Inverse of the expected information.
    gradient : ndarray, shape (n, k)
        Derivative of each probability by the coefficients.
    converged : bool
        Whether a maximum was reached.
    step : ndarray, shape (k,)
        Last Newton step; without a maximum it points along the separating direction.
    """

    beta: Floats
    eta: Floats
    probability: Floats
    scores: Floats
    bread: Floats
    covariance: Floats
    gradient: Floats
    converged: bool
    step: Floats


def fit(design: Floats, y: Floats, weight: Floats, *, link: str = "logit", ridge: float = 0.0) -> Fit:
    """Fit a logit or probit by weighted maximum likelihood, with a ridge penalty where one is asked.

    The likelihood is lessened by half `ridge` times the squared slopes; the intercept is free. Without a maximum
    (complete or quasi-complete separation; Albert and Anderson 1984) Newton's step never shrinks: `converged` is then
    False and `step` points along the separating direction.

    Parameters
    ----------
    design : ndarray, shape (n, k)
        Columns, the first of them ones, the others standardised.
    y : ndarray, shape (n,)
        Outcome, 0 or 1.
    weight : ndarray, shape (n,)
        Sampling weights of mean 1.
    link : "logit" or "probit"
        Link function.
    ridge : float
        Penalty on the squared slopes; 0 for none.

    Returns
    -------
    Fit
        Coefficients and what errors need.
    """
    k = design.shape[1]
    shrink = np.full(k, ridge)
    shrink[0] = 0.0
    share = float(np.clip(weight @ y / weight.sum(), 1e-6, 1 - 1e-6))
    beta = np.zeros(k)
    beta[0] = np.log(share / (1 - share)) if link == "logit" else _ndtri(share)
    step: Floats = np.zeros(k)
    converged = False
    for _ in range(_MAX_ITERATIONS):
        eta = design @ beta
        p, slope, info = _link(eta, link)
        information = design.T @ (design * (weight * info)[:, None]) + np.diag(shrink)
        score = design.T @ (weight * slope * (y - p)) - shrink * beta
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            break
        change = float(np.abs(design @ step).max())
        if not np.isfinite(change):
            break
        beta = beta + (step if change <= 5 else step * (5 / change))
        if change < _TOLERANCE:
            converged = True
            break
        if np.abs(eta).max() > _SEPARATION and change > 1e-3:
            break
    return _assemble_fit(design, y, weight, beta, link, shrink, converged, step)


def firth(design: Floats, y: Floats, weight: Floats) -> Fit:
    """Fit a logit by Firth's penalised likelihood: plus half the log determinant of the information (Firth 1993).

    Solves X'(w(y - p) + h(1/2 - p)) = 0 with h the leverages of the weighted fit (Heinze and Schemper 2002, eq. 2).

    Parameters
    ----------
    design : ndarray, shape (n, k)
        Columns, the first of them ones, the others standardised.
    y : ndarray, shape (n,)
        Outcome, 0 or 1.
    weight : ndarray, shape (n,)
        Sampling weights of mean 1.

    Returns
    -------
    Fit
        Coefficients and what errors need.
    """
    k = design.shape[1]
    share = float(np.clip(weight @ y / weight.sum(), 1e-6, 1 - 1e-6))
    beta = np.zeros(k)
    beta[0] = np.log(share / (1 - share))
    current = _penalised_likelihood(design, y, weight, beta)
    step: Floats = np.zeros(k)
    converged = False
    for _ in range(_MAX_ITERATIONS):
        p, leverage, inverse = _leverage(design, weight, beta)
        step = inverse @ (design.T @ (weight * (y - p) + leverage * (0.5 - p)))
        change = float(np.abs(design @ step).max())
        if change > 5:
            step = step * (5 / change)
        proposed = _penalised_likelihood(design, y, weight, beta + step)
        while proposed < current - 1e-12 * abs(current) and np.abs(step).max() > 1e-14:
            step = step / 2
            proposed = _penalised_likelihood(design, y, weight, beta + step)
        beta, current = beta + step, proposed
        if change < 1e-9:
            converged = True
            break
    return _assemble_fit(design, y, weight, beta, "logit", np.zeros(k), converged, step)


def separation_columns(model: Fit, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that separate the outcome.

    Parameters
    ----------
    model : Fit
        A fit that did not converge.
    names : sequence of str, length k
        Names of its columns, the intercept first.

    Returns
    -------
    tuple of str
        Columns whose standardised slopes still run away, or all columns when none stands out.
    """
    run = np.abs(model.step[1:])
    top = run.max(initial=0.0)
    if not np.isfinite(top) or top == 0:
        run = np.abs(model.beta[1:])
        top = run.max(initial=0.0)
    return tuple(n for n, r in zip(names[1:], run, strict=True) if r > 0.05 * top)


def _link(eta: Floats, link: str) -> tuple[Floats, Floats, Floats]:
    """Return probability, the factor of (y - p) in the score, and the expected information per row."""
    if link == "logit":
        p = 1 / (1 + np.exp(-np.clip(eta, -700, 700)))
        return p, np.ones_like(p), p * (1 - p)
    from scipy.special import ndtr

    p = np.clip(ndtr(eta), 1e-15, 1 - 1e-15)
    density = np.exp(-0.5 * eta**2) / np.sqrt(2 * np.pi)
    return p, density / (p * (1 - p)), density**2 / (p * (1 - p))


def _ndtri(share: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(share))


def _leverage(design: Floats, weight: Floats, beta: Floats) -> tuple[Floats, Floats, Floats]:
    p, _, info = _link(design @ beta, "logit")
    w = weight * info
    inverse = np.linalg.inv(design.T @ (design * w[:, None]))
    return p, w * np.einsum("ij,jk,ik->i", design, inverse, design, optimize=True), inverse


def _penalised_likelihood(design: Floats, y: Floats, weight: Floats, beta: Floats) -> float:
    eta = design @ beta
    _, _, info = _link(eta, "logit")
    sign, logdet = np.linalg.slogdet(design.T @ (design * (weight * info)[:, None]))
    if sign <= 0:
        return -np.inf
    return float(weight @ (y * eta - np.logaddexp(0, eta)) + 0.5 * logdet)


def _assemble_fit(
    design: Floats, y: Floats, weight: Floats, beta: Floats, link: str, shrink: Floats, converged: bool, step: Floats
) -> Fit:
    eta = design @ beta
    p, slope, info = _link(eta, link)
    w = weight * info
    information = design.T @ (design * w[:, None]) + np.diag(shrink)
    inverse = np.linalg.pinv(information)
    derivative = p * (1 - p) if link == "logit" else np.exp(-0.5 * eta**2) / np.sqrt(2 * np.pi)
    bread = (
        inverse
        if link == "logit"
        else np.linalg.pinv(_observed_information(design, y, weight, eta, p) + np.diag(shrink))
    )
    return Fit(
        beta=beta,
        eta=eta,
        probability=p,
        scores=design * (weight * slope * (y - p))[:, None],
        bread=bread,
        covariance=inverse,
        gradient=design * derivative[:, None],
        converged=converged,
        step=step,
    )


def _observed_information(design: Floats, y: Floats, weight: Floats, eta: Floats, p: Floats) -> Floats:
    """Return the probit's observed information (the logit's equals the expected)."""
    density = np.exp(-0.5 * eta**2) / np.sqrt(2 * np.pi)
    signed: Floats = np.where(y == 1, density / p, -density / (1 - p))
    return design.T @ (design * (weight * signed * (signed + eta))[:, None])
