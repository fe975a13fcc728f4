"""Weighted means whose error knows that the weights were estimated: M-estimation."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Booleans, Floats
from evaluation.statistics.effects import standard_errors
from evaluation.statistics.effects.g_computation import analysis_sample, estimand_text
from evaluation.statistics.matching.entropy_balance import design_columns
from evaluation.statistics.matching.sample import MatchedSample
from evaluation.statistics.propensity import PropensityScores


def weighted(
    frame: pd.DataFrame,
    sample: MatchedSample,
    *,
    outcome: str,
    treat: str,
    survey_weight: str | None = None,
    cluster: str | None = None,
    target: str = "estimated",
) -> Estimate:
    """Estimate the difference of weighted means, with an error that knows that the weights were estimated.

    M-estimation (Lunceford and Davidian 2004, section 4; Stefanski and Boos 2002): the influence of each person on the
    two weighted means, plus its influence on what made the weights (the score's coefficients; the tilt of entropy
    balancing and its target) times the derivative of the difference by these. Summed by session where sessions are
    known (G / (G - 1), t on G - 1), else normal.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique; outcomes of the sample's people complete.
    sample : MatchedSample
        Made by `matching.weights` from fitted scores (not trimmed, no shift of prevalence), or by
        `matching.entropy_balance`.
    outcome : str
        Numeric column.
    treat : str
        Column of 0 and 1, the treatment that the sample was designed for.
    survey_weight : str, optional
        Column of positive weights; the analysis weight is match weight times it.
    cluster : str, optional
        Column of the collection session.
    target : "estimated" or "fixed"
        Entropy balancing: whether the means aimed at vary with the sample (as they do), or are taken as given.

    Returns
    -------
    Estimate
        A contrast against 0, in the unit of the outcome.

    Raises
    ------
    Unsupported
        Weights of another origin: `in_sample` serves them. A target that is not known.
    EmptyCell
        Nobody of one arm is left, or treated people come from fewer than four sessions.
    UnknownColumn, MissingValues, DataError
        No such column; NA in any role; a sample of other people or of another treatment, duplicate ids, an outcome that
        is not numbers.
    """
    if sample.estimated not in ("propensity", "entropy") or getattr(sample, "capped", False):
        raise errors.Unsupported("the weights do not come from a fit alone", todo="Use effects.in_sample.")
    if sample.survey_weight != survey_weight and sample.estimated == "entropy":
        raise errors.DataError(
            f"the weights were balanced with survey weight {sample.survey_weight!r}, not {survey_weight!r}",
            todo="Use the same survey weight in the design and in the outcome.",
        )
    if target not in ("estimated", "fixed"):
        raise errors.Unsupported(f"target {target!r} is not known", todo="Use 'estimated' or 'fixed'.")
    balanced = sample.balanced if sample.estimated == "entropy" else ()
    used = analysis_sample(frame, sample, outcome, treat, balanced, survey_weight, cluster)
    d, y = used[treat].to_numpy(dtype=float), used[outcome].to_numpy(dtype=float)
    y = y - y[0] if np.ptp(y) == 0 else y  # a constant outcome has a difference of exactly 0
    s = _roles.weights(used, survey_weight)
    w = s * sample.match_weight.reindex(used.index).to_numpy(dtype=float)
    size = np.array([(w * (1 - d)).sum(), (w * d).sum()])
    means = np.array([(w * (1 - d) * y).sum(), (w * d * y).sum()]) / size
    lever = d * (y - means[1]) / size[1] - (1 - d) * (y - means[0]) / size[0]
    if sample.estimated == "propensity":
        influence = w * lever + _score_influence(sample, used, s, lever, d == 1)
    else:
        influence = w * lever + _tilt_influence(sample, used, s, w, lever, d == 1, target == "fixed")
    by = None if cluster is None else used[cluster].to_numpy()
    se, df, how = standard_errors.influence_error(influence, by, d == 1)
    sessions = None if cluster is None else int(used[cluster].nunique())
    return from_se(
        float(means[1] - means[0]),
        se,
        df=df if cluster else float("inf"),
        n_sessions=sessions,
        n={"treated": int(d.sum()), "untreated": int((1 - d).sum())},
        n_effective=_roles.kish(w[d == 0]),
        method=f"weighted means after {sample.method}",
        se_method=f"M-estimation, {how}",
        outcome=outcome,
        estimand=estimand_text(sample.estimand),
        sample=sample.estimand,
    )


def _score_influence(sample: MatchedSample, used: pd.DataFrame, s: Floats, lever: Floats, treated: Booleans) -> Floats:
    """Return each person's influence on the difference through the coefficients of the score, shape (n,)."""
    scores = cast(PropensityScores, sample.scores)
    if len(used) < len(scores.values) or not used.index.equals(scores.values.index):
        raise errors.DataError("the score was fitted to other people", todo="Design and estimate on the same people.")
    p = scores.values.to_numpy()
    slope = (s * _weight_slope(sample.target, treated, p) * lever) @ scores.gradient
    influence: Floats = scores.scores @ scores.bread.T @ slope
    return influence


def _tilt_influence(
    sample: MatchedSample, used: pd.DataFrame, s: Floats, w: Floats, lever: Floats, treated: Booleans, fixed: bool
) -> Floats:
    """Return each person's influence through the tilt of entropy balancing, and through the target it aims at.

    Per reweighted arm: sum w (x - target) = 0 with w = s exp(x'tilt) up to scale, whose slope by the tilt is
    sum w (x - target)(x - target)' and by the target -sum w.
    """
    if len(used) < len(sample.match_weight):
        raise errors.DataError("the weights were balanced on other people", todo="Use the same people in both.")
    x = _roles.standardise(design_columns(used, sample.balanced, sample.moments))[0]
    aim = {"ATT": treated, "ATC": ~treated}.get(sample.target, np.ones(len(treated), dtype=bool))
    goal = s[aim] @ x[aim] / s[aim].sum()
    away = x - goal
    arms = {"ATT": [~treated], "ATC": [treated]}.get(sample.target, [~treated, treated])
    total = np.zeros(len(x))
    for arm in arms:
        push = (w * arm)[:, None] * away
        curve = away.T @ push
        slope = (w * arm * lever) @ away
        if not fixed:
            push = push - (w @ arm) * (s * aim / (s @ aim))[:, None] * away
        total -= push @ np.linalg.lstsq(curve, slope, rcond=1e-12)[0]
    return total


def _weight_slope(target: str, treated: Booleans, p: Floats) -> Floats:
    """Return the derivative of each person's weight by the chance of treatment."""
    lower = p < 0.5
    return {
        "ATT": np.where(treated, 0.0, 1 / (1 - p) ** 2),
        "ATC": np.where(treated, -1 / p**2, 0.0),
        "ATE": np.where(treated, -1 / p**2, 1 / (1 - p) ** 2),
        "ATO": np.where(treated, -1.0, 1.0),
        "ATM": np.where(treated, np.where(lower, 0.0, -1 / p**2), np.where(lower, 1 / (1 - p) ** 2, 0.0)),
    }[target]
