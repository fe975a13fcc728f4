"""Subclasses of the score and coarsened exact matching: people are compared within cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import _roles
from evaluation.statistics.matching.nearest import read_scores
from evaluation.statistics.matching.sample import MatchedSample, mean_one, no_pairs


def subclass(  # noqa: PLR0913
    frame: pd.DataFrame,
    scores: Any,
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

    Rosenbaum and Rubin 1984. A cell with under `least` people of an arm borrows its neighbours' nearest
    (`empty="repair"`) or is refused (`empty="refuse"`). With a survey weight, people of a cell count by it, so that
    match weight times survey weight adds up to the attendees of each cell.
    """
    treated = _roles.check(frame, treat=treat, survey_weight=survey_weight, outcomes=outcomes)
    if subclasses < 2:
        raise errors.Unsupported(f"{subclasses!r} subclasses", todo="Use 2 or more.")
    p, _ = read_scores(frame, scores)
    among = {"ATT": treated, "ATC": ~treated, "ATE": np.ones(len(p), dtype=bool)}.get(estimand)
    if among is None:
        raise errors.Unsupported(f"subclasses have no estimand {estimand!r}", todo="Use ATT, ATC or ATE.")
    cuts = np.unique(np.quantile(p[among], np.linspace(0, 1, subclasses + 1)))
    cell = np.clip(np.searchsorted(cuts, p, side="right") - 1, 0, max(len(cuts) - 2, 0))
    if _short(cell, treated, least).any():
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
    cutpoints : mapping, optional
        Per numeric covariate: inner cut points, a number of equal-width bins, or 0 to match it exactly. Without one,
        Sturges' number of equal-width bins. Words match exactly.
    survey_weight : str, optional
        As in `subclass`.

    Raises
    ------
    NobodyMatched
        No cell holds people of both arms.
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
    treated: np.ndarray,
    cell: np.ndarray,
    *,
    treat: str,
    estimand: str,
    survey_weight: str | None = None,
    **words: Any,
) -> MatchedSample:
    """Return the sample that compares people within cells (-1: left out).

    ATT weights each control n1/n0 of its cell, ATC each treated n0/n1, ATE everybody n/n_arm, n counted by the survey
    weight; the reweighted arms then have mean 1.
    """
    if estimand not in ("ATT", "ATC", "ATE"):
        raise errors.Unsupported(f"{words['method']} has no estimand {estimand!r}", todo="Use ATT, ATC or ATE.")
    kept = cell >= 0
    size = cell.max() + 1
    survey = _roles.weights(frame, survey_weight)
    n1 = np.bincount(cell[kept & treated], weights=survey[kept & treated], minlength=size)
    n0 = np.bincount(cell[kept & ~treated], weights=survey[kept & ~treated], minlength=size)
    with np.errstate(divide="ignore", invalid="ignore"):
        up, down, both = n1 / n0, n0 / n1, n1 + n0
        per_cell = {"ATT": (np.ones(size), up), "ATC": (down, np.ones(size)), "ATE": (both / n1, both / n0)}[estimand]
    here = np.where(kept, cell, 0)
    weight = np.where(kept, np.where(treated, per_cell[0][here], per_cell[1][here]), 0.0)
    for arm in (treated, ~treated):
        weight[arm] = mean_one(weight[arm])
    focal = {"ATT": treated, "ATC": ~treated}.get(estimand, np.ones(len(cell), dtype=bool))
    lost = focal & ~kept
    stratum = pd.Series(np.where(kept, cell + 1, 0), index=frame.index, name="stratum").astype("Int64")
    return MatchedSample(
        match_weight=pd.Series(weight, index=frame.index, name="match_weight"),
        pairs=no_pairs(),
        unmatched=frame.index[lost & (treated if estimand != "ATC" else ~treated)],
        estimand="ATM" if lost.any() else estimand,
        target=estimand,
        treat=treat,
        stratum=stratum.mask(~kept),
        treated=pd.Series(treated, index=frame.index, name=treat),
        survey_weight=survey_weight,
        survey=None if survey_weight is None else pd.Series(survey, index=frame.index, name=survey_weight),
        **words,
    )


def _short(cell: np.ndarray, treated: np.ndarray, least: int) -> np.ndarray:
    """Return, per arm and cell, whether it holds fewer than `least` people."""
    size = cell.max() + 1
    return np.stack([np.bincount(cell[arm], minlength=size) < least for arm in (~treated, treated)])


def _repair(cell: np.ndarray, treated: np.ndarray, p: np.ndarray, least: int) -> np.ndarray:
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


def _pass_on(cell: np.ndarray, rows: np.ndarray, p: np.ndarray, empty: int, counts: np.ndarray) -> None:
    """Shift one person towards the short cell, one cell at a time, from the side with more people nearer by."""
    places = np.arange(len(counts))
    pull = np.zeros(len(counts))
    away = places != empty
    pull[away] = counts[away] / np.abs(places[away] - empty)
    below = empty > 0 and pull[:empty].sum() >= pull[empty + 1 :].sum()
    held = np.flatnonzero(counts[:empty] > 0) if below else np.flatnonzero(counts[empty + 1 :] > 0) + empty + 1
    giver = int(held.max() if below else held.min())
    members = rows[cell[rows] == giver]
    chosen = members[np.argmax(p[members]) if below else np.argmin(p[members])]
    cell[chosen] = giver + (1 if below else -1)


def _coarsen(frame: pd.DataFrame, covariate: str, cuts: Sequence[float] | int | None) -> np.ndarray:
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
    return np.searchsorted(np.sort(np.asarray(cuts, dtype=float)), values, side="left")
