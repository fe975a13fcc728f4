"""The doubly robust estimate of the effect on those who attended, or on everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics import _roles, propensity
from evaluation.statistics._arrays import Floats
from evaluation.statistics.effects import standard_errors
from evaluation.statistics.effects.g_computation import estimand_text, role_columns
from evaluation.statistics.matching.inverse_probability import refuse_separated


def doubly_robust(
    frame: pd.DataFrame,
    *,
    outcome: str,
    treat: str,
    covariates: Sequence[str],
    survey_weight: str | None = None,
    cluster: str | None = None,
    estimand: str = "ATT",
) -> Estimate:
    """Estimate the ATT or the ATE by augmented inverse-probability weighting (Robins, Rotnitzky and Zhao 1994).

    ATT: sum over treated of s (Y - m0(X)) / sum s, less the same over others with weights s p / (1 - p); m0 is fitted
    to the untreated with survey weights. ATE: mean of s (m1 - m0) over everybody, plus the treated's mean of
    Y - m1 with weights s / p, less the others' mean of Y - m0 with weights s / (1 - p). Errors by the influence
    function, with the estimation of the score and of the outcome models in it, summed by session where sessions are
    known (G / (G - 1); t on G - 1, or on the sessions of an arm that has under 12, less one).

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique, every role complete.
    outcome : str
        Numeric column.
    treat : str
        Column of 0 and 1.
    covariates : sequence of str
        Columns of the score and of the outcome model.
    survey_weight : str, optional
        Column of positive weights s.
    cluster : str, optional
        Column of the collection session.
    estimand : "ATT" or "ATE"
        The effect on people who attended, or on everybody; the second needs a sample in which attendees are as frequent
        as among the people it speaks for.

    Returns
    -------
    Estimate
        A contrast against 0, in the unit of the outcome.

    Raises
    ------
    EmptyCell
        Attendees from under four sessions: described only. A level that only attendees have; everybody or nobody
        treated.
    Unsupported
        Another estimand.
    UnknownColumn, MissingValues, DataError, Collinear
        No such column; NA in any role; an outcome that is not numbers; collinear covariates, named.
    """
    if estimand not in ("ATT", "ATE"):
        raise errors.Unsupported(f"estimand {estimand!r} is not known", todo="Use ATT or ATE.")
    roles = role_columns(outcome, treat, covariates, survey_weight, cluster)
    errors.require_columns(frame, roles, role="an effect")
    errors.require_complete(frame, roles, role="an effect")
    standard_errors.refuse_few(frame, treat, cluster)
    scores = propensity.fit(
        frame.drop(columns=[outcome]), treat=treat, covariates=list(covariates), survey_weight=survey_weight
    )
    d = frame[treat].to_numpy(dtype=float)
    refuse_separated(scores.values.reindex(frame.index).to_numpy(), d == 1)
    s = _roles.weights(frame, survey_weight)
    s = s / s.mean()
    y, p = _roles.numeric(frame, outcome, role="outcome"), scores.values.reindex(frame.index).to_numpy()
    y = y - y[0] if np.ptp(y) == 0 else y  # a constant outcome has an effect of exactly 0
    built = _roles.columns(frame, list(covariates), drop_first=True)
    x = np.column_stack([np.ones(len(y)), built.matrix])
    parts = _Parts(y, d, s, p, x)
    value, influence, used = parts.on_treated(scores) if estimand == "ATT" else parts.on_everybody(scores)
    by = None if cluster is None else frame[cluster].to_numpy()
    se, df, how = standard_errors.influence_error(influence, by, d == 1)
    n = {"treated": int(d.sum()), "untreated": int((1 - d).sum())}
    sessions = None if cluster is None else int(frame[cluster].nunique())
    return from_se(
        float(value),
        se,
        df=df,
        n=n,
        n_sessions=sessions,
        n_effective=_roles.kish(used[d == 0]),
        method="doubly robust (augmented weighting)",
        se_method=how,
        outcome=outcome,
        estimand=estimand_text(estimand),
        sample=estimand,
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """Outcome, treatment, survey weight, score and the outcome model's matrix, one entry per person."""

    y: Floats
    d: Floats
    s: Floats
    p: Floats
    x: Floats

    def _model(self, w: Floats) -> tuple[Floats, Floats]:
        """Return predictions of a weighted regression for everybody, and its influence on the coefficients."""
        bread = np.linalg.pinv(self.x.T @ (self.x * w[:, None]))
        beta = bread @ (self.x.T @ (w * self.y))
        left = self.y - self.x @ beta
        return self.x @ beta, np.asarray((self.x * (w * left)[:, None]) @ bread)

    def _score(self, scores: propensity.PropensityScores, slope: Floats) -> Floats:
        """Return what estimating the score adds to each person's influence; `slope` by each person's score."""
        return np.asarray(scores.scores @ scores.bread.T @ (slope @ scores.gradient))

    def on_treated(self, scores: propensity.PropensityScores) -> tuple[float, Floats, Floats]:
        """Return the ATT, each person's influence, and the weights of the untreated."""
        y, d, s, p = self.y, self.d, self.s, self.p
        fitted, on_beta = self._model(s * (1 - d))
        left = y - fitted
        odds = s * (1 - d) * p / (1 - p)
        treated, control = (s * d).sum(), odds.sum()
        value_t, value_c = (s * d * left).sum() / treated, (odds * left).sum() / control
        influence = s * d * (left - value_t) / treated - odds * (left - value_c) / control
        influence += on_beta @ (odds @ self.x / control - (s * d) @ self.x / treated)
        influence -= self._score(scores, odds / (p * (1 - p)) * (left - value_c) / control)
        return float(value_t - value_c), influence, odds

    def on_everybody(self, scores: propensity.PropensityScores) -> tuple[float, Floats, Floats]:
        """Return the ATE, each person's influence, and the weights of both arms."""
        y, d, s, p = self.y, self.d, self.s, self.p
        total, value, influence = s.sum(), 0.0, np.zeros(len(y))
        weights = s * np.where(d == 1, 1 / p, 1 / (1 - p))
        for arm, sign in ((d, 1.0), (1 - d, -1.0)):
            fitted, on_beta = self._model(s * arm)
            w, left = weights * arm, y - fitted
            mean, rest = (s * fitted).sum() / total, (w * left).sum() / w.sum()
            value += sign * (mean + rest)
            influence += sign * (s * (fitted - mean) / total + w * (left - rest) / w.sum())
            influence += sign * (on_beta @ (s @ self.x / total - w @ self.x / w.sum()))
            chance = p if sign > 0 else 1 - p
            influence -= self._score(scores, w / chance * (left - rest) / w.sum())
        return float(value), influence, weights
