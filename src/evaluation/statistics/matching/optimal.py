"""Optimal pairs and full matching: the least total distance, by linear assignment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import _roles
from evaluation.statistics.matching.nearest import SCALES, known, make_caliper, read_scores, whole_ratio
from evaluation.statistics.matching.sample import MatchedSample, from_pairs, id_ranks, level, mean_one
from evaluation.statistics.matching.subclasses import from_strata

MOST_CELLS = 20_000_000


def optimal(  # noqa: PLR0913
    frame: pd.DataFrame,
    scores: Any,
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

    Distances are on `caliper_scale` ("score" for the probability). Within a caliper as many pairs as possible are
    kept, then their sum is least. `survey_weight` as in `nearest`.

    Raises
    ------
    Unsupported
        More than 2e7 cells of attendees times others: `nearest` is named instead.
    EmptyCell
        Fewer others than `ratio` times the attendees, without a caliper.
    """
    exact = [exact] if isinstance(exact, str) else list(exact)
    treated = _roles.check(frame, treat=treat, others=exact, survey_weight=survey_weight, outcomes=outcomes)
    whole_ratio(ratio)
    score = read_scores(frame, scores)[0 if known(caliper_scale, SCALES, "caliper_scale") == "score" else 1]
    limit = make_caliper(score, treated, caliper, caliper_scale, caliper_over)
    width = np.inf if limit is None else limit.absolute
    parts = [_assign(score, units, others, ratio, width) for units, others in candidates(frame, treated, exact, ratio)]
    found = tuple(np.concatenate([p[i] for p in parts]) for i in range(3))
    if not len(found[0]):
        raise errors.NobodyMatched("nobody has a counterpart in the caliper", todo="Widen it.")
    return from_pairs(
        frame,
        treated,
        found,
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
    scores: Any,
    *,
    treat: str,
    estimand: str = "ATT",
    caliper_scale: str = "logit",
    survey_weight: str | None = None,
    outcomes: Iterable[str] = (),
) -> MatchedSample:
    """Put everybody into sets of one attendee with others, or one other with attendees, of least total distance.

    Optimal full matching without limits on set size (Hansen 2004) is a least-weight edge cover; it is solved exactly
    by one linear assignment on d_ij - min_i - min_j. Nobody is left out. `survey_weight`: as in `nearest`, because
    sets are too small to compare weights within them.
    """
    treated = _roles.check(frame, treat=treat, survey_weight=survey_weight, outcomes=outcomes)
    score = read_scores(frame, scores)[0 if known(caliper_scale, SCALES, "caliper_scale") == "score" else 1]
    order = np.argsort(id_ranks(frame.index), kind="stable")
    units, others = order[treated[order]], order[~treated[order]]
    _refuse_size(len(units), len(others), "matching.weights(estimand='ATO') or matching.entropy_balance")
    cell = np.empty(len(frame), dtype=np.int64)
    gaps = np.abs(score[units][:, None] - score[others][None, :])
    cell[units], cell[others] = _stars(*_edge_cover(gaps))
    total = float(_total(gaps, cell[units], cell[others]))
    made = from_strata(
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
    return made if survey_weight is None else _with_survey(made, frame, score, survey_weight)


def _with_survey(made: MatchedSample, frame: pd.DataFrame, score: np.ndarray, survey_weight: str) -> MatchedSample:
    """Return full matching with survey weights: sets by the weight of those compared, counterparts about their level.

    ATT: what a set's attendees weigh is shared among its others, each relative to others of about its score; ATC the
    other way round; ATE both.
    """
    survey = _roles.weights(frame, survey_weight)
    treated, cell = made.treated.to_numpy(), made.stratum.to_numpy(dtype=int)
    ranks, weight = id_ranks(frame.index), np.ones(len(frame))
    total = {
        arm: np.bincount(cell[m], weights=survey[m], minlength=cell.max() + 1)
        for arm, m in ((True, treated), (False, ~treated))
    }
    count = {arm: np.bincount(cell[m], minlength=cell.max() + 1) for arm, m in ((True, treated), (False, ~treated))}
    goal = {"ATT": total[True], "ATC": total[False], "ATE": total[True] + total[False]}[made.target]
    for arm in {"ATT": (False,), "ATC": (True,), "ATE": (True, False)}[made.target]:
        rows = np.flatnonzero(treated == arm)
        share = np.zeros(len(frame))
        share[rows] = goal[cell[rows]] / count[arm][cell[rows]]
        weight[rows] = mean_one((share / level(survey, share, score, ranks))[rows])
    return replace(
        made,
        match_weight=pd.Series(weight, index=frame.index, name="match_weight"),
        survey_weight=survey_weight,
        survey=pd.Series(survey, index=frame.index, name=survey_weight),
    )


def candidates(frame, treated, exact, ratio):
    """Return positions of attendees and of others, in order of ids, per group of the exact columns."""
    order = np.argsort(id_ranks(frame.index), kind="stable")
    codes = frame.groupby(exact, observed=True).ngroup().to_numpy() if exact else np.zeros(len(frame), dtype=int)
    found = []
    for code in np.unique(codes):
        rows = order[codes[order] == code]
        units, others = rows[treated[rows]], rows[~treated[rows]]
        _refuse_size(len(units) * ratio, len(others), "matching.nearest")
        found.append((units, others))
    return found


def _refuse_size(rows: int, columns: int, instead: str) -> None:
    if rows * columns > MOST_CELLS:
        raise errors.Unsupported(
            f"{rows} by {columns} distances are more than {MOST_CELLS:.0e}", todo=f"Use {instead} instead."
        )


def _assign(score, units, others, ratio, width):
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
    row, column = _uncrossed(score[units], score[others], row[ok], column[ok])
    order = np.lexsort((column, gaps[row, column], row))
    row, column = row[order], column[order]
    first = np.r_[True, row[1:] != row[:-1]] if len(row) else np.empty(0, dtype=bool)
    turn = np.arange(len(row)) - np.maximum.accumulate(np.where(first, np.arange(len(row)), 0)) + 1
    return units[row], others[column], turn


def _uncrossed(focal: np.ndarray, other: np.ndarray, row: np.ndarray, column: np.ndarray):
    """Return the same people paired in order of their scores: of equal least sum, and never a wider widest pair.

    On a line many pairings share the least sum; this one does not depend on rounding, nor on the order of rows.
    """
    row, column = np.sort(row), np.sort(column)
    by_row, by_column = (np.argsort(np.round(v, 10), kind="stable") for v in (focal[row], other[column]))
    return row[by_row], column[by_column]


def _edge_cover(gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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


def _stars(rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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


def _total(gaps: np.ndarray, set_row: np.ndarray, set_column: np.ndarray) -> float:
    return gaps[set_row[:, None] == set_column[None, :]].sum()
