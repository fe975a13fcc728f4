"""Subclasses of the score and coarsened exact matching: people are compared within cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Required, TypedDict, Unpack

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Booleans, Floats, Integers, group_sums
from evaluation.statistics.matching.nearest import read_scores
from evaluation.statistics.matching.sample import MatchedSample, Scores, empty_pairs, scale_to_mean_one


class StrataFields(TypedDict, total=False):
    """What a design of strata says of itself: fields of `MatchedSample` that `from_strata` passes on.

    Attributes
    ----------
    method : str
        How the sample was made, in words.
    scores : PropensityScores, Series or None
        The scores used.
    matched_sets : bool
        Whether each stratum is a set of one person with counterparts.
    distance : Series or None
        The scale on which sets are near.
    notes : tuple of str
        Sentences for the summary.
    """

    method: Required[str]
    scores: Scores | None
    matched_sets: bool
    distance: pd.Series | None
    notes: tuple[str, ...]


def subclass(  # noqa: PLR0913
    frame: pd.DataFrame,
    scores: Scores,
    *,
    treat: str,
    subclasses: int = 6,
    estimand: str = "ATT",
    least: int = 1,
    empty: str = "repair",
    survey_weight: str | None = None,
    outcomes: Iterable[str] = (),
) -> MatchedSample:
    """Cut the score at quantiles of the people the comparison is about, and weight cells to them.

    Rosenbaum and Rubin (1984). With a survey weight, people of a cell count by it, so that match weight times survey
    weight adds up to the attendees of each cell.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique.
    scores : PropensityScores or Series
        Scores on the frame's index (a Series holds probabilities, between 0 and 1).
    treat : str
        Column of 0 and 1.
    subclasses : int
        Number of cells, 2 or more.
    estimand : "ATT", "ATC" or "ATE"
        Whom the cells are weighted to, and whose quantiles cut the score.
    least : int
        Fewest people of each arm in a cell.
    empty : "repair" or "refuse"
        Whether a cell with under `least` people of an arm borrows its neighbours' nearest, or is refused.
    survey_weight : str, optional
        Column of positive weights.
    outcomes : iterable of str
        Names that are refused in the frame.

    Returns
    -------
    MatchedSample
        Cells in `stratum`.

    Raises
    ------
    EmptyCell
        A cell with too few people of one arm that is not, or cannot be, repaired; everybody or nobody treated.
    Unsupported
        Fewer than 2 subclasses, or an estimand that is not known.
    OutcomesClosed, UnknownColumn, MissingValues, DataError
        An outcome in the frame; an absent column; NA in any role, or people without a score; duplicate ids, a treatment
        that is not 0/1, a weight that is not a positive number.
    """
    treated = _roles.check(frame, treat=treat, survey_weight=survey_weight, outcomes=outcomes)
    if subclasses < 2:
        raise errors.Unsupported(f"{subclasses!r} subclasses", todo="Use 2 or more.")
    p, _ = read_scores(frame, scores)
    among = {"ATT": treated, "ATC": ~treated, "ATE": np.ones(len(p), dtype=bool)}.get(estimand)
    if among is None:
        raise errors.Unsupported(f"subclasses have no estimand {estimand!r}", todo="Use ATT, ATC or ATE.")
    cuts = np.unique(np.quantile(p[among], np.linspace(0, 1, subclasses + 1)))
    cell: Integers = np.clip(np.searchsorted(cuts, p, side="right") - 1, 0, max(len(cuts) - 2, 0))
    if _short_cells(cell, treated, least).any():
        if empty != "repair":
            raise errors.EmptyCell(
                f"a subclass has under {least} people of one arm", todo="Use fewer subclasses, or empty='repair'."
            )
        cell = _repair(cell, treated, p, least)
    return from_strata(
        frame,
        treated,
        cell,
        treat=treat,
        estimand=estimand,
        scores=scores,
        survey_weight=survey_weight,
        method=f"{len(np.unique(cell))} subclasses of the score",
    )


def coarsened_exact(
    frame: pd.DataFrame,
    *,
    treat: str,
    covariates: Sequence[str],
    cutpoints: Mapping[str, Sequence[float] | int] | None = None,
    estimand: str = "ATT",
    survey_weight: str | None = None,
    outcomes: Iterable[str] = (),
) -> MatchedSample:
    """Compare people within cells of coarsened covariates (Iacus, King and Porro 2012).

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique.
    treat : str
        Column of 0 and 1.
    covariates : sequence of str
        Columns whose coarsened values make the cells.
    cutpoints : mapping, optional
        Per numeric covariate: inner cut points (a value on a cut belongs above it, as in MatchIt), a number of
        equal-width bins, or 0 to match it exactly. Without one, Sturges' number of equal-width bins. Words match
        exactly.
    estimand : "ATT", "ATC" or "ATE"
        Whom the cells are weighted to.
    survey_weight : str, optional
        Column of positive weights, as in `subclass`.
    outcomes : iterable of str
        Names that are refused in the frame.

    Returns
    -------
    MatchedSample
        Cells in `stratum`; people in a cell of one arm have weight 0.

    Raises
    ------
    NobodyMatched
        No cell holds people of both arms.
    Unsupported, EmptyCell
        An estimand that is not known; everybody or nobody treated.
    OutcomesClosed, UnknownColumn, MissingValues, DataError
        An outcome in the frame; an absent column; NA in any role; duplicate ids, a treatment
        that is not 0/1, a weight that is not a positive number.
    """
    covariates = _roles.listed(covariates)
    if not covariates:
        raise errors.DataError("no covariates to match on", todo="Name at least one.")
    treated = _roles.check(frame, treat=treat, covariates=covariates, survey_weight=survey_weight, outcomes=outcomes)
    codes = {c: _coarsen(frame, c, (cutpoints or {}).get(c)) for c in covariates}
    cell = pd.DataFrame(codes).groupby(covariates, sort=True).ngroup().to_numpy()
    size = cell.max() + 1
    both = (np.bincount(cell[treated], minlength=size) > 0) & (np.bincount(cell[~treated], minlength=size) > 0)
    if not both.any():
        raise errors.NobodyMatched(
            "no cell holds attendees and others", todo="Coarsen the covariates further, or use fewer."
        )
    return from_strata(
        frame,
        treated,
        np.where(both[cell], cell, -1),
        treat=treat,
        estimand=estimand,
        survey_weight=survey_weight,
        method=f"coarsened exact matching on {', '.join(covariates)}",
    )


def from_strata(
    frame: pd.DataFrame,
    treated: Booleans,
    cell: Integers,
    *,
    treat: str,
    estimand: str,
    survey_weight: str | None = None,
    **fields: Unpack[StrataFields],
) -> MatchedSample:
    """Return the sample that compares people within cells.

    ATT weights each control n1/n0 of its cell, ATC each treated n0/n1, ATE everybody n/n_arm, n counted by the survey
    weight; the reweighted arms then have mean 1.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique.
    treated : ndarray of bool, shape (n,)
        Who is treated.
    cell : ndarray of int, shape (n,)
        Cell of each person, from 0; -1 for people left out.
    treat : str
        Column of 0 and 1.
    estimand : "ATT", "ATC" or "ATE"
        Whom the cells are weighted to.
    survey_weight : str, optional
        Column of positive weights.
    **fields
        Further fields of `MatchedSample`: method, scores, matched_sets, distance, notes.

    Returns
    -------
    MatchedSample
        Its estimand reads ATM when a person it is about is left out.

    Raises
    ------
    Unsupported
        An estimand that is not known.
    """
    if estimand not in ("ATT", "ATC", "ATE"):
        raise errors.Unsupported(f"{fields['method']} has no estimand {estimand!r}", todo="Use ATT, ATC or ATE.")
    kept = cell >= 0
    size = int(cell.max()) + 1
    survey = _roles.weights(frame, survey_weight)
    n1 = group_sums(cell[kept & treated], survey[kept & treated], size)
    n0 = group_sums(cell[kept & ~treated], survey[kept & ~treated], size)
    with np.errstate(divide="ignore", invalid="ignore"):
        up, down, both = n1 / n0, n0 / n1, n1 + n0
        per_cell = {"ATT": (np.ones(size), up), "ATC": (down, np.ones(size)), "ATE": (both / n1, both / n0)}[estimand]
    here = np.where(kept, cell, 0)
    weight = np.where(kept, np.where(treated, per_cell[0][here], per_cell[1][here]), 0.0)
    for arm in (treated, ~treated):
        weight[arm] = scale_to_mean_one(weight[arm])
    focal = {"ATT": treated, "ATC": ~treated}.get(estimand, np.ones(len(cell), dtype=bool))
    lost = focal & ~kept
    stratum = pd.Series(np.where(kept, cell + 1, 0), index=frame.index, name="stratum").astype("Int64")
    return MatchedSample(
        match_weight=pd.Series(weight, index=frame.index, name="match_weight"),
        pairs=empty_pairs(),
        unmatched=frame.index[lost & (treated if estimand != "ATC" else ~treated)],
        estimand="ATM" if lost.any() else estimand,
        target=estimand,
        treat=treat,
        stratum=stratum.mask(~kept),
        treated=pd.Series(treated, index=frame.index, name=treat),
        survey_weight=survey_weight,
        survey=None if survey_weight is None else pd.Series(survey, index=frame.index, name=survey_weight),
        **fields,
    )


def _short_cells(cell: Integers, treated: Booleans, least: int) -> Booleans:
    """Return, per arm and cell, whether it holds fewer than `least` people."""
    size = cell.max() + 1
    return np.stack([np.bincount(cell[arm], minlength=size) < least for arm in (~treated, treated)])


def _repair(cell: Integers, treated: Booleans, p: Floats, least: int) -> Integers:
    """Pass the nearest people of an arm from cell to cell until each has `least` of that arm."""
    cell = cell.copy()
    size = cell.max() + 1
    for arm in (~treated, treated):
        rows = np.flatnonzero(arm)
        if len(rows) < size * least:
            raise errors.EmptyCell(
                f"{len(rows)} people of one arm cannot fill {size} subclasses with {least} each",
                todo="Use fewer subclasses.",
            )
        while True:
            counts = np.bincount(cell[rows], minlength=size)
            short = np.flatnonzero(counts < least)
            if not len(short):
                break
            _pass_on(cell, rows, p, int(short[0]), counts)
    return cell


def _pass_on(cell: Integers, rows: Integers, p: Floats, empty: int, counts: Integers) -> None:
    """Shift one person towards the short cell, one cell at a time, from the side with more people nearer by."""
    places = np.arange(len(counts))
    pull = np.zeros(len(counts))
    away = places != empty
    pull[away] = counts[away] / np.abs(places[away] - empty)
    below = empty > 0 and pull[:empty].sum() >= pull[empty + 1 :].sum()
    occupied = np.flatnonzero(counts[:empty] > 0) if below else np.flatnonzero(counts[empty + 1 :] > 0) + empty + 1
    giver = int(occupied.max() if below else occupied.min())
    members = rows[cell[rows] == giver]
    chosen = members[np.argmax(p[members]) if below else np.argmin(p[members])]
    cell[chosen] = giver + (1 if below else -1)


def _coarsen(frame: pd.DataFrame, covariate: str, cuts: Sequence[float] | int | None) -> Integers:
    column = frame[covariate]
    if _roles.is_categorical(column) or (isinstance(cuts, int) and cuts == 0):
        return pd.factorize(column.astype(object), sort=True)[0]
    values = _roles.numeric(frame, covariate, role="covariate")
    if cuts is None:
        cuts = int(np.ceil(np.log2(len(values)) + 1))
    if isinstance(cuts, int):
        edges = np.linspace(values.min(), values.max(), cuts + 1)
        edges[-1] = np.inf
        return np.searchsorted(edges[1:], values, side="right")
    return np.searchsorted(np.sort(np.asarray(cuts, dtype=float)), values, side="right")
