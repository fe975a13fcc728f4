"""Matching on the covariates themselves: nearest by Mahalanobis distance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Booleans, Floats, Integers
from evaluation.statistics.matching.nearest import read_scores
from evaluation.statistics.matching.optimal import candidates
from evaluation.statistics.matching.sample import MatchedSample, Pairs, Scores, concatenate_pairs, from_pairs


def mahalanobis(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    treat: str,
    covariates: Sequence[str],
    ratio: int = 1,
    replace: bool = False,
    exact: Sequence[str] = (),
    scores: Scores | None = None,
    survey_weight: str | None = None,
    outcomes: Iterable[str] = (),
) -> MatchedSample:
    """Match each attendee to the `ratio` others nearest in the covariates (Rubin 1980), in the order of ids.

    Distance (x - y)' S^-1 (x - y), S the covariance pooled within arms, every level of a factor a column. Rounds and
    ties by id as in `nearest`. For a few covariates; with many a score balances better.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique; the index breaks ties.
    treat : str
        Column of 0 and 1.
    covariates : sequence of str
        Columns to match on; words and categoricals as indicators.
    ratio : int
        Partners of each attendee.
    replace : bool
        Whether a control may serve several attendees.
    exact : sequence of str
        Columns on which pairs must agree.
    scores : PropensityScores or Series, optional
        Needed with `survey_weight`: partners' weights are measured against partners of about the same score.
    survey_weight : str, optional
        Column of positive weights, as in `nearest`.
    outcomes : iterable of str
        Names that are refused in the frame.

    Returns
    -------
    MatchedSample
        ATT; ATM when somebody has no counterpart.

    Raises
    ------
    Unsupported
        More than 2e7 distances in a group: `nearest` is named instead. A survey weight without scores; a ratio that is
        not a whole number of 1 or more.
    NobodyMatched, EmptyCell
        No group holds people of both arms; everybody or nobody treated.
    OutcomesClosed, UnknownColumn, MissingValues, DataError
        An outcome in the frame; an absent column; NA in any role; duplicate ids, a treatment
        that is not 0/1, a weight that is not a positive number.
    """
    exact = [exact] if isinstance(exact, str) else list(exact)
    treated = _roles.check(
        frame, treat=treat, covariates=covariates, others=exact, survey_weight=survey_weight, outcomes=outcomes
    )
    if int(ratio) != ratio or ratio < 1:
        raise errors.Unsupported(f"ratio {ratio!r} is not a whole number of 1 or more", todo="Use 1, 2, 3 …")
    if survey_weight and scores is None:
        raise errors.Unsupported("survey weights in Mahalanobis matching need scores", todo="Give scores=.")
    y = _sphered(_roles.columns(frame, list(covariates), drop_first=False).matrix, treated)
    parts = [
        _nearest_rounds(y, units, others, int(ratio), replace)
        for units, others in candidates(frame, treated, exact, 1)
        if len(units) and len(others)
    ]
    if not parts:
        raise errors.NobodyMatched("no group holds attendees and others", todo="Relax the exact columns.")
    pairs = concatenate_pairs(parts)
    distance = np.zeros(len(frame)) if scores is None else read_scores(frame, scores)[1]
    return from_pairs(
        frame,
        treated,
        pairs,
        treat=treat,
        target="ATT",
        replace=replace,
        scores=scores,
        distance=distance,
        survey_weight=survey_weight,
        method=f"nearest in {', '.join(covariates)} (Mahalanobis) {ratio}:1 "
        + ("with" if replace else "without")
        + " replacement",
    )


def _sphered(x: Floats, treated: Booleans) -> Floats:
    """Return columns whose Euclidean distances are Mahalanobis distances with the covariance pooled within arms."""
    parts = [(x[arm] - x[arm].mean(axis=0)) for arm in (treated, ~treated)]
    pooled = sum(p.T @ p for p in parts) / (len(x) - 2)
    value, vector = np.linalg.eigh(pooled)
    kept = value > 1e-10 * value.max()
    columns: Floats = x @ (vector[:, kept] / np.sqrt(value[kept]))
    return columns


def _nearest_rounds(y: Floats, units: Integers, others: Integers, ratio: int, replace: bool) -> Pairs:
    """Return positions of attendee and other, and the round; everybody's first match before anybody's second."""
    free = np.ones(len(others), dtype=bool)
    a: list[int] = []
    b: list[int] = []
    rounds: list[int] = []
    if replace:
        for i in units:
            gap = ((y[others] - y[i]) ** 2).sum(axis=1)
            chosen = np.argsort(gap, kind="stable")[:ratio]
            a += [i] * len(chosen)
            b += others[chosen].tolist()
            rounds += range(1, len(chosen) + 1)
        return np.array(a), np.array(b), np.array(rounds)
    for lap in range(1, ratio + 1):
        for i in units:
            if not free.any():
                break
            gap = np.where(free, ((y[others] - y[i]) ** 2).sum(axis=1), np.inf)
            j = int(gap.argmin())
            free[j] = False
            a.append(i)
            b.append(others[j])
            rounds.append(lap)
    return np.array(a), np.array(b), np.array(rounds)
