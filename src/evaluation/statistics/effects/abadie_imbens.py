"""Matching with replacement: the bias-corrected estimate of Abadie and Imbens and its variance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Floats, group_sums
from evaluation.statistics.effects.g_computation import analysis_sample, estimand_text
from evaluation.statistics.matching.sample import MatchedSample


def abadie_imbens(
    frame: pd.DataFrame,
    sample: MatchedSample,
    *,
    outcome: str,
    treat: str,
    covariates: Sequence[str] = (),
    survey_weight: str | None = None,
    variance: str = "population",
) -> Estimate:
    """Estimate the ATT after matching with replacement, corrected for what matching left apart.

    tau = mean over treated of Y - sum_j q_j (Y_j + mu0(X) - mu0(X_j)), q the partners' shares of the analysis weight
    (without survey weights 1/k); mu0 is a weighted regression on the covariates among the partners used (Abadie and
    Imbens 2011, equation 6). Variance: their 2006 paper, theorem 7 (population) or 6 (these people); the conditional
    variance of the outcome comes from each person's nearest neighbour in its own arm. The score is taken as given, and
    sessions are not in it.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique; outcomes complete.
    sample : MatchedSample
        Made by `matching.nearest(replace=True)`, ATT.
    outcome : str
        Numeric column.
    treat : str
        Column of 0 and 1, the treatment that the sample was designed for.
    covariates : sequence of str
        Columns of the correction; without any there is none.
    survey_weight : str, optional
        Column of positive weights; the analysis weight is match weight times it.
    variance : "population" or "sample"
        Whether the attendees stand for others like them, or only for themselves.

    Returns
    -------
    Estimate
        A contrast against 0, in the unit of the outcome; normal interval.

    Raises
    ------
    Unsupported
        Any other design. The bootstrap is not valid there (Abadie and Imbens 2008), this is.
    EmptyCell
        An arm with fewer than two people.
    UnknownColumn, MissingValues, DataError
        No such column; NA in any role; a sample of other people or of another treatment, duplicate ids, an outcome that
        is not numbers.
    """
    if not (getattr(sample, "replace", False) and len(sample.pairs) and sample.distance is not None):
        raise errors.Unsupported(
            "the errors of Abadie and Imbens are for matching with replacement",
            todo="Use matching.nearest(replace=True), or effects.in_sample for this design.",
        )
    if sample.target != "ATT" or variance not in ("population", "sample"):
        raise errors.Unsupported(
            f"target {sample.target!r} with variance {variance!r}", todo="Use an ATT, 'population' or 'sample'."
        )
    used = analysis_sample(frame, sample, outcome, treat, covariates, survey_weight, None)
    errors.require_complete(frame, [outcome, treat], role="an effect")
    y, d = used[outcome].to_numpy(dtype=float), used[treat].to_numpy() == 1
    s = _roles.weights(used, survey_weight)
    place = pd.Series(np.arange(len(used)), index=used.index)
    focal, other = place[sample.pairs["treated"]].to_numpy(), place[sample.pairs["control"]].to_numpy()
    given = s[focal] / np.bincount(focal, minlength=len(used))[focal]
    own = s * sample.match_weight.reindex(used.index).to_numpy(dtype=float)
    times = own * (s[d].sum() / own[~d].sum())
    share = given * (times / group_sums(other, given, len(used)).clip(min=1e-300))[other]
    squares = group_sums(other, share**2, len(used))
    mean0 = _outcome_model(used, y, np.where(d, 0.0, times), list(covariates))
    moved = y[other] + mean0[focal] - mean0[other]
    imputed = group_sums(focal, share * moved, len(used))
    imputed /= group_sums(focal, share, len(used)).clip(min=1e-300)
    size = s[d].sum()
    value = float(((s * y)[d].sum() - (share * moved).sum()) / size)
    noise = _conditional_variance(frame, sample.distance, outcome, treat).reindex(used.index).to_numpy()
    if variance == "population":
        alone = (s**2 * (y - imputed - value) ** 2)[d].sum()
        shared = ((times**2 - squares) * noise)[~d].sum()
    else:
        alone, shared = (s**2 * noise)[d].sum(), (times**2 * noise)[~d].sum()
    return from_se(
        value,
        float(np.sqrt((alone + shared) / size**2)),
        n={"treated": int(d.sum()), "untreated": int((~d).sum())},
        n_effective=_roles.kish(times[~d]),
        outcome=outcome,
        estimand=estimand_text(sample.estimand),
        sample=sample.estimand,
        method=f"bias-corrected {sample.method}" if covariates else sample.method,
        se_method=f"Abadie-Imbens ({variance})",
    )


def _outcome_model(used: pd.DataFrame, y: Floats, times: Floats, covariates: list[str]) -> Floats:
    """Return everybody's mean without treatment, from a regression among the partners weighted by their use."""
    if not covariates:
        return np.zeros(len(y))
    x = np.column_stack([np.ones(len(y)), _roles.columns(used, covariates, drop_first=True).matrix])
    root = np.sqrt(times)
    rows = times > 0
    beta: Floats = np.linalg.lstsq(x[rows] * root[rows, None], y[rows] * root[rows], rcond=None)[0]
    untreated_mean: Floats = x @ beta
    return untreated_mean


def _conditional_variance(frame: pd.DataFrame, nearness: pd.Series, outcome: str, treat: str) -> pd.Series:
    """Return half the squared gap to the nearest person of one's own arm in the whole frame, by person."""
    out = pd.Series(np.nan, index=frame.index)
    distance, y = nearness.reindex(frame.index).to_numpy(dtype=float), frame[outcome].to_numpy(dtype=float)
    for arm in (0, 1):
        rows = np.flatnonzero(frame[treat].to_numpy() == arm)
        if len(rows) < 2:
            raise errors.EmptyCell("one arm has fewer than two people, so its spread is unknown")
        order = rows[np.argsort(distance[rows], kind="stable")]
        gap = np.diff(distance[order])
        left = np.r_[np.inf, gap] <= np.r_[gap, np.inf]
        near = np.where(left, np.arange(len(order)) - 1, np.arange(len(order)) + 1)
        out.iloc[order] = 0.5 * (y[order] - y[order[near]]) ** 2
    return out
