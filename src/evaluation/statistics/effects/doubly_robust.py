"""The doubly robust estimate of the effect on those who attended."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics import _roles, propensity
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
) -> Estimate:
    """Estimate the ATT by augmented inverse-probability weighting (Robins, Rotnitzky and Zhao 1994).

    sum over treated of s (Y - m0(X)) / sum s, less the same over others with weights s p / (1 - p); m0 is fitted to the
    untreated with survey weights. Errors by the influence function, with the score's and the outcome model's
    estimation in it, summed by session where sessions are known (G / (G - 1); t on G - 1, or on the sessions of an arm
    that has under 12, less one).

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

    Returns
    -------
    Estimate
        A contrast against 0 about people who attended, in the unit of the outcome.

    Raises
    ------
    EmptyCell
        Attendees from under four sessions: described only. A level that only attendees have; everybody or nobody
        treated.
    UnknownColumn, MissingValues, DataError, Collinear
        No such column; NA in any role; an outcome that is not numbers; collinear covariates, named.
    """
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
    w0 = s * (1 - d)
    bread = np.linalg.pinv(x.T @ (x * w0[:, None]))
    beta = bread @ (x.T @ (w0 * y))
    left = y - x @ beta
    odds = s * (1 - d) * p / (1 - p)
    treated_size, control_size = (s * d).sum(), odds.sum()
    value_t, value_c = (s * d * left).sum() / treated_size, (odds * left).sum() / control_size
    influence = s * d * (left - value_t) / treated_size - odds * (left - value_c) / control_size
    gap = odds @ x / control_size - (s * d) @ x / treated_size
    influence += (x * (w0 * left)[:, None]) @ bread @ gap
    slope = (odds / (p * (1 - p)) * (left - value_c)) @ scores.gradient / control_size
    influence -= scores.scores @ scores.bread.T @ slope
    value = value_t - value_c
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
        n_effective=_roles.kish(odds[d == 0]),
        method="doubly robust (augmented weighting)",
        se_method=how,
        outcome=outcome,
        estimand=estimand_text("ATT"),
        sample="ATT",
    )
