"""Optimal pairs and full matching: the least total distance, by linear assignment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Booleans, Floats, Integers, group_sums
from evaluation.statistics.matching.nearest import SCALES, check_choice, check_ratio, make_caliper, read_scores
from evaluation.statistics.matching.sample import (
    MatchedSample,
    Pairs,
    Scores,
    concatenate_pairs,
    from_pairs,
    id_ranks,
    level,
    scale_to_mean_one,
)
from evaluation.statistics.matching.subclasses import from_strata

MAX_DISTANCES = 20_000_000


def optimal(  # noqa: PLR0913
    frame: pd.DataFrame,
    scores: Scores,
    *,
    treat: str,
    ratio: int = 1,
    caliper: float | None = None,
    caliper_scale: str = "logit",
    caliper_over: str = "all",
    exact: Sequence[str] = (),
    survey_weight: str | None = None,
    outcomes: Iterable[str] = (),
) -> MatchedSample:
    """Pair each attendee with `ratio` others so that the sum of distances is least (Rosenbaum 1989).

    Within a caliper as many pairs as possible are kept, then their sum is least.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique; the index breaks ties.
    scores : PropensityScores or Series
        Scores on the frame's index (a Series holds probabilities, between 0 and 1).
    treat : str
        Column of 0 and 1.
    ratio : int
        Partners of each attendee.
    caliper : float, optional
        Largest distance of a pair, in SDs of `caliper_scale`; none by default.
    caliper_scale : "logit", "score" or "logit_pooled"
        Scale of the distances and of the caliper, as in `nearest`.
    caliper_over : "all", "control" or "none"
        Whose SD, as in `nearest`.
    exact : sequence of str
        Columns on which pairs must agree.
    survey_weight : str, optional
        Column of positive weights, as in `nearest`.
    outcomes : iterable of str
        Names that are refused in the frame.

    Returns
    -------
    MatchedSample
        ATT; ATM when somebody has no counterpart in the caliper.

    Raises
    ------
    Unsupported
        More than 2e7 cells of attendees times others: `nearest` is named instead; a choice that is not known, a ratio
        or a caliper that is not positive.
    NobodyMatched, EmptyCell
        The caliper keeps nobody; fewer others than `ratio` times the attendees, without a caliper, or everybody or
        nobody treated.
    OutcomesClosed, UnknownColumn, MissingValues, DataError
        An outcome in the frame; an absent column; NA in any role, or people without a score; duplicate ids, a treatment
        that is not 0/1, a weight that is not a positive number.
    """
    exact = [exact] if isinstance(exact, str) else list(exact)
    treated = _roles.check(frame, treat=treat, others=exact, survey_weight=survey_weight, outcomes=outcomes)
    check_ratio(ratio)
    score = read_scores(frame, scores)[0 if check_choice(caliper_scale, SCALES, "caliper_scale") == "score" else 1]
    limit = make_caliper(score, treated, caliper, caliper_scale, caliper_over)
    width = np.inf if limit is None else limit.absolute
    parts = [_assign(score, units, others, ratio, width) for units, others in candidates(frame, treated, exact, ratio)]
    pairs = concatenate_pairs(parts)
    if not len(pairs[0]):
        raise errors.NobodyMatched("nobody has a counterpart in the caliper", todo="Widen it.")
    return from_pairs(
        frame,
        treated,
        pairs,
        treat=treat,
        target="ATT",
        caliper=limit,
        scores=scores,
        distance=score,
        survey_weight=survey_weight,
        method=f"optimal pairs {ratio}:1",
    )


def full(
    frame: pd.DataFrame,
    scores: Scores,
    *,
    treat: str,
    estimand: str = "ATT",
    caliper_scale: str = "logit",
    survey_weight: str | None = None,
    outcomes: Iterable[str] = (),
) -> MatchedSample:
    """Put everybody into sets of one attendee with others, or one other with attendees, of least total distance.

    Optimal full matching without limits on set size (Hansen 2004) is a least-weight edge cover; it is solved exactly
    by one linear assignment on d_ij - min_i - min_j. Nobody is left out.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique; the index breaks ties.
    scores : PropensityScores or Series
        Scores on the frame's index (a Series holds probabilities, between 0 and 1).
    treat : str
        Column of 0 and 1.
    estimand : "ATT", "ATC" or "ATE"
        Whom the sets are weighted to.
    caliper_scale : "logit", "score" or "logit_pooled"
        Scale of the distances: log odds, or the score itself.
    survey_weight : str, optional
        Column of positive weights, as in `nearest`, because sets are too small to compare weights within them.
    outcomes : iterable of str
        Names that are refused in the frame.

    Returns
    -------
    MatchedSample
        Sets in `stratum`; a note says their total distance.

    Raises
    ------
    Unsupported, EmptyCell
        More than 2e7 distances, naming what serves instead; a choice that is not known; everybody or nobody treated.
    OutcomesClosed, UnknownColumn, MissingValues, DataError
        An outcome in the frame; an absent column; NA in any role, or people without a score; duplicate ids, a treatment
        that is not 0/1, a weight that is not a positive number.
    """
    treated = _roles.check(frame, treat=treat, survey_weight=survey_weight, outcomes=outcomes)
    score = read_scores(frame, scores)[0 if check_choice(caliper_scale, SCALES, "caliper_scale") == "score" else 1]
    order = np.argsort(id_ranks(frame.index), kind="stable")
    units, others = order[treated[order]], order[~treated[order]]
    _refuse_size(len(units), len(others), "matching.weights(estimand='ATO') or matching.entropy_balance")
    cell = np.empty(len(frame), dtype=np.int64)
    gaps = np.abs(score[units][:, None] - score[others][None, :])
    cell[units], cell[others] = _stars(*_edge_cover(gaps))
    total = _total(gaps, cell[units], cell[others])
    sample = from_strata(
        frame,
        treated,
        cell,
        treat=treat,
        estimand=estimand,
        scores=scores,
        method="full matching",
        matched_sets=True,
        distance=pd.Series(score, index=frame.index, name="distance"),
        notes=(f"The sets' total distance is {total:.4g}.",),
    )
    return sample if survey_weight is None else _with_survey_weights(sample, frame, score, cell, survey_weight)


def _with_survey_weights(
    sample: MatchedSample, frame: pd.DataFrame, score: Floats, cell: Integers, survey_weight: str
) -> MatchedSample:
    """Return full matching with survey weights: sets by the weight of those compared, counterparts about their level.

    ATT: what a set's attendees weigh is shared among its others, each relative to others of about its score; ATC the
    other way round; ATE both.
    """
    survey = _roles.weights(frame, survey_weight)
    treated = sample.treated.to_numpy()
    ranks, weight = id_ranks(frame.index), np.ones(len(frame))
    total = {
        arm: group_sums(cell[m], survey[m], int(cell.max()) + 1) for arm, m in ((True, treated), (False, ~treated))
    }
    count = {arm: np.bincount(cell[m], minlength=cell.max() + 1) for arm, m in ((True, treated), (False, ~treated))}
    goal = {"ATT": total[True], "ATC": total[False], "ATE": total[True] + total[False]}[sample.target]
    for arm in {"ATT": (False,), "ATC": (True,), "ATE": (True, False)}[sample.target]:
        rows = np.flatnonzero(treated == arm)
        share = np.zeros(len(frame))
        share[rows] = goal[cell[rows]] / count[arm][cell[rows]]
        weight[rows] = scale_to_mean_one((share / level(survey, share, score, ranks))[rows])
    return replace(
        sample,
        match_weight=pd.Series(weight, index=frame.index, name="match_weight"),
        survey_weight=survey_weight,
        survey=pd.Series(survey, index=frame.index, name=survey_weight),
    )


def candidates(
    frame: pd.DataFrame, treated: Booleans, exact: Sequence[str], ratio: int
) -> list[tuple[Integers, Integers]]:
    """Return who may be paired with whom, per group of the exact columns.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique; the index breaks ties.
    treated : ndarray of bool, shape (n,)
        Who is treated.
    exact : sequence of str
        Columns on which pairs must agree.
    ratio : int
        Partners of each attendee.

    Returns
    -------
    list of tuple of two ndarray of int
        Rows of attendees and of others, in order of ids, one pair of arrays per group.

    Raises
    ------
    Unsupported
        More than 2e7 distances in a group.
    """
    order = np.argsort(id_ranks(frame.index), kind="stable")
    codes = frame.groupby(list(exact), observed=True).ngroup().to_numpy() if exact else np.zeros(len(frame), dtype=int)
    groups = []
    for code in np.unique(codes):
        rows = order[codes[order] == code]
        units, others = rows[treated[rows]], rows[~treated[rows]]
        _refuse_size(len(units) * ratio, len(others), "matching.nearest")
        groups.append((units, others))
    return groups


def _refuse_size(rows: int, columns: int, instead: str) -> None:
    if rows * columns > MAX_DISTANCES:
        raise errors.Unsupported(
            f"{rows} by {columns} distances are more than {MAX_DISTANCES:.0e}", todo=f"Use {instead} instead."
        )


def _assign(score: Floats, units: Integers, others: Integers, ratio: int, width: float) -> Pairs:
    """Return positions of attendee and other, and the round, for one group."""
    from scipy.optimize import linear_sum_assignment

    empty = np.empty(0, dtype=np.int64)
    if not len(units) or not len(others):
        return empty, empty, empty
    gaps = np.abs(score[units][:, None] - score[others][None, :])
    if not np.isfinite(width) and len(units) * ratio > len(others):
        raise errors.EmptyCell(
            f"{len(others)} others cannot give {ratio} each to {len(units)} attendees",
            todo="Use a smaller ratio, or matching.nearest.",
        )
    allowed = gaps <= width
    cost = np.where(allowed, gaps, 1.0 + gaps[allowed].sum() if allowed.any() else 1.0)
    row, column = linear_sum_assignment(np.repeat(cost, ratio, axis=0))
    row = row // ratio
    ok = allowed[row, column]
    row, column = _ordered_pairs(score[units], score[others], row[ok], column[ok])
    order = np.lexsort((column, gaps[row, column], row))
    row, column = row[order], column[order]
    first = np.r_[True, row[1:] != row[:-1]] if len(row) else np.empty(0, dtype=bool)
    turn = np.arange(len(row)) - np.maximum.accumulate(np.where(first, np.arange(len(row)), 0)) + 1
    return units[row], others[column], turn


def _ordered_pairs(focal: Floats, other: Floats, row: Integers, column: Integers) -> tuple[Integers, Integers]:
    """Return the same people paired in order of their scores: of equal least sum, and never a wider widest pair.

    On a line many pairings share the least sum; this one does not depend on rounding, nor on the order of rows.
    """
    row, column = np.sort(row), np.sort(column)
    by_row, by_column = (np.argsort(np.round(v, 10), kind="stable") for v in (focal[row], other[column]))
    return row[by_row], column[by_column]


def _edge_cover(gaps: Floats) -> tuple[Integers, Integers]:
    """Return the edges (rows, columns) of the cover of least total distance."""
    from scipy.optimize import linear_sum_assignment

    near_row, near_column = gaps.argmin(axis=1), gaps.argmin(axis=0)
    saving = gaps - gaps.min(axis=1)[:, None] - gaps.min(axis=0)[None, :]
    row, column = linear_sum_assignment(np.minimum(saving, 0))
    ok = saving[row, column] < 0
    row, column = row[ok], column[ok]
    free_row = np.setdiff1d(np.arange(gaps.shape[0]), row)
    free_column = np.setdiff1d(np.arange(gaps.shape[1]), column)
    rows = np.concatenate([row, free_row, near_column[free_column]])
    columns = np.concatenate([column, near_row[free_row], free_column])
    edges = np.unique(np.stack([rows, columns], axis=1), axis=0)
    return edges[:, 0], edges[:, 1]


def _stars(rows: Integers, columns: Integers) -> tuple[Integers, Integers]:
    """Return the set of each row and each column, after taking out edges that nobody needs (ties of distance)."""
    by_row, by_column = np.bincount(rows), np.bincount(columns)
    set_row, set_column = np.full(len(by_row), -1), np.full(len(by_column), -1)
    kept = []
    for i, j in zip(rows.tolist(), columns.tolist(), strict=True):
        if by_row[i] > 1 and by_column[j] > 1:
            by_row[i] -= 1
            by_column[j] -= 1
        else:
            kept.append((i, j))
    size = 0
    for i, j in kept:
        known = set_row[i] if set_row[i] >= 0 else set_column[j]
        if known < 0:
            known, size = size, size + 1
        set_row[i] = set_column[j] = known
    return set_row, set_column


def _total(gaps: Floats, set_row: Integers, set_column: Integers) -> float:
    return float(gaps[set_row[:, None] == set_column[None, :]].sum())
