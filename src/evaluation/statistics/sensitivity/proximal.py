"""A double negative control: what an unseen trait did to a difference, told from answers that it alone moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Floats, group_sums

STRONG = 10.0
GRID, SLOPES = 161, 241


@dataclass(frozen=True, slots=True)
class Proximal:
    """The difference with an unseen trait allowed for.

    Attributes
    ----------
    estimate : Estimate
        Proximal two-stage least squares, with the sandwich of the second stage's own residuals.
    strength : float
        F of the exposure controls in the outcome control, treatment and covariates allowed for.
    low, high : float
        Ends of the 95 % Anderson-Rubin set within the range looked at; it is right however weak the controls are. None
        where nothing is left: no difference agrees with the controls, which then do not hold what they are taken for.
    bounded : bool
        Whether the set ends on both sides within that range, and is one interval.
    naive : float
        The difference without the controls, by the same regression.
    """

    estimate: Estimate
    strength: float
    low: float | None
    high: float | None
    bounded: bool
    naive: float

    @property
    def informative(self) -> bool:
        """Return whether the controls are strong (F of 10 or more) and the set is an interval.

        Returns
        -------
        bool
            False says nothing for or against the difference.
        """
        return self.bounded and self.strength >= STRONG

    def holds(self, difference: float) -> bool:
        """Return whether the set holds a difference.

        Parameters
        ----------
        difference : float
            In the outcome's unit.

        Returns
        -------
        bool
            Whether it lies between the set's ends.
        """
        return self.low is not None and self.high is not None and self.low <= difference <= self.high


def proximal(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    outcome: str,
    treat: str,
    outcome_control: str,
    exposure_controls: Sequence[str],
    width: float,
    covariates: Sequence[str] = (),
    weight: str | None = None,
    cluster: str | None = None,
) -> Proximal:
    """Return the difference of treated and untreated with an unseen trait allowed for by negative controls.

    First stage: outcome control on treatment, exposure controls and covariates. Second: outcome on treatment,
    covariates and the fitted outcome control (Tchetgen Tchetgen and others 2024). It holds if the controls are moved by
    the trait, if treatment and exposure controls do not move the outcome control, if exposure controls do not move the
    outcome, and if one trait moves all by constant amounts. The Anderson-Rubin set is every difference for which some
    slope of the outcome control leaves treatment and exposure controls without a say (subset test, chi-squared on
    the number of exposure controls).

    Parameters
    ----------
    frame : DataFrame
        One row per person, complete.
    outcome, treat, outcome_control : str
        Numeric columns; `treat` 0 or 1.
    exposure_controls : sequence of str
        Numeric columns, one or more.
    width : float
        Differences from -width to width are looked at: the width of the outcome's scale.
    covariates : sequence of str
        Numbers, or words, which become indicators.
    weight, cluster : str, optional
        Survey weight (default 1) and cluster (default each person).

    Returns
    -------
    Proximal
        Estimate, set and strength.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; gaps; a control that is the outcome, or that is no number.
    Collinear, EmptyCell
        Controls that covariates determine; fewer clusters than moments.

    References
    ----------
    Tchetgen Tchetgen, Ying, Cui, Shi and Miao (2024) Statistical Science 39; Guggenberger, Kleibergen, Mavroeidis and
    Chen (2012) Econometrica 80.
    """
    controls = [outcome_control, *exposure_controls]
    roles = [outcome, treat, *controls, *covariates, *[c for c in (weight, cluster) if c]]
    errors.require_columns(frame, roles, role="a double negative control")
    errors.require_complete(frame, roles, role="a double negative control")
    _roles.refuse_own_covariates(covariates, outcome, treat, *controls)
    if not exposure_controls or outcome in controls or len(set(controls)) < len(controls):
        raise errors.DataError("an outcome control and other exposure controls are needed", todo="Name each once.")
    y, a, w = (_roles.numeric(frame, c, role="variable").astype(float) for c in (outcome, treat, outcome_control))
    z = np.column_stack([_roles.numeric(frame, c, role="exposure control") for c in exposure_controls]).astype(float)
    weights = np.ones(len(frame)) if weight is None else frame[weight].to_numpy(dtype=float)
    x = np.ones((len(frame), 1))
    if covariates:
        x = np.column_stack([x, _roles.columns(frame, covariates, drop_first=True).matrix])
    codes = np.arange(len(frame)) if cluster is None else pd.factorize(frame[cluster])[0]
    root = np.sqrt(weights / weights.mean())
    y, a, w, z = (_residual(v, x, root) for v in (y, a, w, z))
    moments = _Moments(y, a, w, np.column_stack([a, z]), codes)
    low, high, bounded = moments.accepted(np.linspace(-width, width, GRID))
    value, se = moments.two_stage()
    n = {"treated": int((frame[treat] == 1).sum()), "untreated": int((frame[treat] == 0).sum())}
    estimate = from_se(
        value,
        se,
        df=moments.clusters - 1,
        n=n,
        outcome=outcome,
        method="proximal two-stage least squares",
        se_method="sandwich of the second stage" + (f", by {cluster}" if cluster else ""),
    )
    return Proximal(estimate, moments.strength(), low, high, bounded, float(a @ y / (a @ a)))


def _residual(v: Floats, x: Floats, root: Floats) -> Floats:
    """Return weighted residuals of columns on the covariates."""
    scaled, base = (v.T * root).T, x * root[:, None]
    return np.asarray(scaled - base @ np.linalg.lstsq(base, scaled, rcond=None)[0])


class _Moments:
    """Outcome, treatment, outcome control and instruments (treatment first), residuals of the covariates."""

    def __init__(self, y: Floats, a: Floats, w: Floats, instruments: Floats, codes: np.ndarray) -> None:
        self.y, self.a, self.w, self.z, self.codes = y, a, w, instruments, codes
        self.clusters, self.k = int(codes.max()) + 1, instruments.shape[1]
        if np.linalg.matrix_rank(instruments, tol=1e-8 * np.linalg.norm(instruments)) < self.k:
            raise errors.Collinear("a control is determined by covariates or others", todo="Leave it out.")
        if self.clusters <= self.k + 1:
            raise errors.EmptyCell("too few clusters for these controls", todo="Name fewer controls.")

    def _sums(self, v: Floats) -> Floats:
        """Return each cluster's sum of instruments times a variable, (clusters, k)."""
        return np.column_stack([group_sums(self.codes, column * v) for column in self.z.T])

    def two_stage(self) -> tuple[float, float]:
        """Return the treatment's coefficient and its error."""
        right = np.column_stack([self.a, self.w])
        fitted = self.z @ np.linalg.lstsq(self.z, right, rcond=None)[0]
        bread = np.linalg.inv(fitted.T @ right)
        beta = bread @ (fitted.T @ self.y)
        rest = self.y - right @ beta
        sums = np.column_stack([group_sums(self.codes, column * rest) for column in fitted.T])
        spread = bread @ (sums.T @ sums) @ bread.T * self.clusters / (self.clusters - 1)
        return float(beta[0]), float(np.sqrt(spread[0, 0]))

    def strength(self) -> float:
        """Return the F of the exposure controls in the outcome control, errors by cluster."""
        gram = np.linalg.inv(self.z.T @ self.z)
        beta = gram @ (self.z.T @ self.w)
        sums = self._sums(self.w - self.z @ beta)
        spread = gram @ (sums.T @ sums) @ gram * self.clusters / (self.clusters - 1)
        own = beta[1:]
        return float(own @ np.linalg.solve(spread[1:, 1:], own) / (self.k - 1))

    def accepted(self, differences: Floats) -> tuple[float | None, float | None, bool]:
        """Return the ends of the set of differences that are not rejected, and whether it is one bounded interval."""
        from scipy.stats import f

        parts = [self._sums(v) for v in (self.y, self.a, self.w)]
        scale = float(np.sqrt((self.y @ self.y) / (self.w @ self.w)))
        slopes = np.tan(np.linspace(-np.pi / 2 + 1e-3, np.pi / 2 - 1e-3, SLOPES)) * scale
        tau, eta = (v.ravel() for v in np.meshgrid(differences, slopes, indexing="ij"))
        point = np.column_stack([np.ones(len(tau)), -tau, -eta])
        total = np.array([p.sum(axis=0) for p in parts])
        crossed = np.array([[p.T @ q for q in parts] for p in parts])
        gap = point @ total
        spread = np.einsum("gi,gj,ijkl->gkl", point, point, crossed) - gap[:, :, None] * gap[:, None, :] / self.clusters
        value = np.einsum("gk,gk->g", gap, np.linalg.solve(spread, gap[:, :, None])[:, :, 0])
        least = value.reshape(len(differences), -1).min(axis=1) * (self.clusters - 1) / self.clusters
        q = self.k - 1
        kept = np.flatnonzero(least <= q * f.ppf(0.95, q, self.clusters - 1))
        if not len(kept):
            return None, None, False
        one = bool((np.diff(kept) == 1).all()) and kept[0] > 0 and kept[-1] < len(differences) - 1
        step = float(differences[1] - differences[0])
        return float(differences[kept[0]]) - step, float(differences[kept[-1]]) + step, one
