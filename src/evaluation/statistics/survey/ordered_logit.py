"""Ordered logit with survey weights: proportional odds by weighted likelihood, design-based covariance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from evaluation import errors
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Floats, Integers
from evaluation.statistics.survey.design import Design
from evaluation.statistics.survey.models import Fit, answered, fit_from_scores, numbers


def ordered_logit(design: Design, outcome: str, covariates: Sequence[str], *, missing: str = "refuse") -> Fit:
    """Fit a proportional-odds model by weighted likelihood with a design-based covariance (McCullagh 1980).

    P(y <= k) = logistic(threshold_k - x'b). The weights enter the likelihood and the error: an integer weight equals as
    many copies of the person.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    outcome : str
        Numeric column of three levels or more.
    covariates : sequence of str
        Numeric columns, or words, which become indicators of every level but the first.
    missing : "refuse" or "domain"
        What to do with people who lack an answer: refuse them, or estimate for the domain of those who have them all,
        the whole design and its calibration kept.

    Returns
    -------
    Fit
        Terms are the covariates and then the thresholds "<= level", on the log odds scale.

    Raises
    ------
    DataError, Collinear, NotConverged
        Fewer than three levels with weight; covariates that are collinear or constant; no maximum (separation).
    UnknownColumn, MissingValues
        No such column; missing values in one.
    """
    _roles.refuse_own_covariates(covariates, outcome)
    inside = answered(design, [outcome, *covariates], missing)
    weights = design.weights[inside]
    y, built = numbers(design, outcome, inside), _roles.columns(design.frame[inside], covariates, drop_first=True)
    if not len(covariates) or _roles.dependent(built.matrix, built.names):
        raise errors.Collinear("the model's columns are collinear, constant or none", todo="Leave a column out.")
    levels = np.unique(y[weights > 0])
    if len(levels) < 3:
        raise errors.DataError("an ordered model needs at least three levels", todo="Use glm for two.")
    code = np.clip(np.searchsorted(levels, y), 0, len(levels) - 1)
    model = _ProportionalOdds(built.matrix, code, len(levels) - 1)
    theta = model.fit(weights / weights.sum())
    bread = -np.linalg.inv(_jacobian(lambda th: weights @ model.scores(th), theta))
    names = [*built.names, *(f"<= {level:g}" for level in levels[:-1])]
    return fit_from_scores(design, theta, model.scores(theta) @ bread, names, "ordered logit", inside=inside)


class _ProportionalOdds:
    """Likelihood of a proportional-odds model: covariates (n, k), level codes (n,), number of thresholds."""

    def __init__(self, x: Floats, code: Integers, cuts: int) -> None:
        self.x, self.code, self.cuts, self.k = x, code, cuts, x.shape[1]

    def level_probabilities(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the probability of each person's level and the densities at its two ends."""
        from scipy.special import expit

        eta, t = self.x @ theta[: self.k], theta[self.k :]
        upper = np.where(self.code < self.cuts, expit(t[np.minimum(self.code, self.cuts - 1)] - eta), 1.0)
        lower = np.where(self.code > 0, expit(t[np.maximum(self.code - 1, 0)] - eta), 0.0)
        return np.maximum(upper - lower, 1e-300), upper * (1 - upper), lower * (1 - lower)

    def scores(self, theta: Floats) -> Floats:
        """Return each person's derivative of the log likelihood, (n, k + cuts)."""
        p, high, low = self.level_probabilities(theta)
        out = np.zeros((len(p), self.k + self.cuts))
        out[:, : self.k] = -((high - low) / p)[:, None] * self.x
        rows, up, down = np.arange(len(p)), self.code < self.cuts, self.code > 0
        out[rows[up], self.k + self.code[up]] += (high / p)[up]
        out[rows[down], self.k + self.code[down] - 1] -= (low / p)[down]
        return out

    def fit(self, w: Floats) -> Floats:
        """Return coefficients and thresholds: Fisher's scoring, else a search, then Newton's method."""
        theta = self._scored(w)
        theta = self._searched(w) if theta is None else theta
        for _ in range(50):
            hessian = _jacobian(lambda th: w @ self.scores(th), theta)
            if not np.isfinite(hessian).all() or np.max(np.abs(theta)) > 100:
                break
            move = np.linalg.lstsq(hessian, w @ self.scores(theta), rcond=None)[0]
            theta = theta - move
            if np.max(np.abs(move)) < 1e-11:
                return theta
        raise errors.NotConverged(
            "the ordered model did not converge: a column may separate the answers",
            todo="Join levels, or drop the column.",
        )

    def _start(self, w: Floats) -> Floats:
        share = np.cumsum(np.bincount(self.code, w))[:-1]
        return np.asarray(np.log(share / (1 - share)))

    def _scored(self, w: Floats) -> Floats | None:
        """Return the maximum by Fisher's scoring from no effect; None where a step leaves the ordered thresholds."""
        theta = np.concatenate([np.zeros(self.k), self._start(w)])
        for _ in range(30):
            move = np.linalg.lstsq(self._information(theta, w), w @ self.scores(theta), rcond=None)[0]
            theta = np.asarray(theta + move)
            if not np.isfinite(theta).all() or np.any(np.diff(theta[self.k :]) <= 0) or np.max(np.abs(theta)) > 100:
                return None
            if np.max(np.abs(move)) < 1e-7:
                return theta
        return None

    def _information(self, theta: Floats, w: Floats) -> Floats:
        """Return the expected information."""
        from scipy.special import expit

        below = expit(theta[self.k :] - (self.x @ theta[: self.k])[:, None])
        edge = np.ones((len(w), 1))
        density = below * (1 - below)
        p = np.maximum(np.diff(np.column_stack([0 * edge, below, edge]), axis=1), 1e-300)
        slopes = np.zeros((len(w), self.cuts + 1, self.cuts + 1))  # by level, then by the predictor and each threshold
        cut = np.arange(self.cuts)
        slopes[:, cut, cut + 1] = density
        slopes[:, cut + 1, cut + 1] = -density
        slopes[:, :, 0] = -slopes[:, :, 1:].sum(axis=2)
        core = np.einsum("i,ika,ikb,ik->iab", w, slopes, slopes, 1 / p)
        total, cross = core.sum(axis=0), self.x.T @ core[:, 0, 1:]
        return np.block([[self.x.T @ (self.x * core[:, 0, :1]), cross], [cross.T, total[1:, 1:]]])

    def _searched(self, w: Floats) -> Floats:
        """Return about the maximum, searched for on ordered thresholds."""
        from scipy.optimize import minimize

        def natural(free: Floats) -> Floats:
            t = np.cumsum(np.concatenate([free[self.k : self.k + 1], np.exp(free[self.k + 1 :])]))
            return np.concatenate([free[: self.k], t])

        start = self._start(w)
        free = np.concatenate([np.zeros(self.k), start[:1], np.log(np.maximum(np.diff(start), 1e-3))])
        optimum = minimize(
            lambda f: -float(w @ np.log(self.level_probabilities(natural(f))[0])),
            free,
            method="BFGS",
            options={"gtol": 1e-7},
        )
        return np.asarray(natural(optimum.x))


def _jacobian(function: Callable[[Floats], Floats], at: Floats) -> Floats:
    step = 1e-5 * np.maximum(1.0, np.abs(at))
    columns = []
    for i in range(len(at)):
        up, down = at.copy(), at.copy()
        up[i] += step[i]
        down[i] -= step[i]
        columns.append((function(up) - function(down)) / (2 * step[i]))
    return np.column_stack(columns)
