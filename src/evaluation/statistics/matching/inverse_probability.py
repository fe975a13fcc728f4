"""Weights from the propensity score: to attendees (ATT), to others (ATC), to all (ATE), to the overlap (ATO, ATM)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Booleans, Floats
from evaluation.statistics.matching.nearest import read_scores
from evaluation.statistics.matching.sample import MatchedSample, Scores, empty_pairs

ESTIMANDS = ("ATT", "ATE", "ATC", "ATO", "ATM")


def weights(
    frame: pd.DataFrame,
    scores: Scores,
    *,
    treat: str,
    estimand: str = "ATT",
    survey_weight: str | None = None,
    boosted: bool = False,
    prevalence: float | None = None,
    outcomes: Iterable[str] = (),
) -> MatchedSample:
    """Return balancing weights in closed form (Li, Morgan and Zaslavsky 2018, table 1).

    ATT: 1 and p/(1-p). ATC: (1-p)/p and 1. ATE: 1/p and 1/(1-p). ATO: 1-p and p. ATM: min(p, 1-p) over the chance of
    the arm one is in (Li and Greene 2013).

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique.
    scores : PropensityScores or Series
        Scores on the frame's index (a Series holds probabilities, between 0 and 1).
    treat : str
        Column of 0 and 1.
    estimand : "ATT", "ATC", "ATE", "ATO" or "ATM"
        Whom the comparison is about.
    survey_weight : str, optional
        Column of positive weights, recorded, checked, and to be multiplied in the analysis; it is not in
        `match_weight`.
    boosted : bool
        Whether attendees were sought out, so that the share of them here is not the share outside. ATE, ATO and ATM are
        then refused unless `prevalence` is given: the log odds are shifted by it.
    prevalence : float, optional
        True share of attendees, 0 to 1.
    outcomes : iterable of str
        Names that are refused in the frame.

    Returns
    -------
    MatchedSample
        Weights as the formulas give them, nobody left out.

    Raises
    ------
    OutcomesClosed, UnknownColumn, MissingValues, DataError
        An outcome in the frame; an absent column; NA in any role, or people without a score; duplicate ids, a treatment
        that is not 0/1, a weight that is not a positive number.
    EmptyCell, Unsupported
        Everybody or nobody treated, or scores that tell the two arms apart perfectly; an estimand that is not known; a
        boost without a prevalence between 0 and 1.
    """
    treated = _roles.check(frame, treat=treat, survey_weight=survey_weight, outcomes=outcomes)
    base = _roles.weights(frame, survey_weight)
    if estimand not in ESTIMANDS:
        raise errors.Unsupported(f"estimand {estimand!r} is not known", todo=f"Use one of {', '.join(ESTIMANDS)}.")
    p, logit = read_scores(frame, scores)
    refuse_separated(p, treated)
    if boosted and estimand in ("ATE", "ATO", "ATM"):
        p = _shift(logit, treated, base, prevalence, estimand)
    formulas: dict[str, Callable[[], Floats]] = {
        "ATT": lambda: np.where(treated, 1.0, p / (1 - p)),
        "ATC": lambda: np.where(treated, (1 - p) / p, 1.0),
        "ATE": lambda: np.where(treated, 1 / p, 1 / (1 - p)),
        "ATO": lambda: np.where(treated, 1 - p, p),
        "ATM": lambda: np.minimum(p, 1 - p) / np.where(treated, p, 1 - p),
    }
    raw = formulas[estimand]()
    return MatchedSample(
        match_weight=pd.Series(raw, index=frame.index, name="match_weight"),
        pairs=empty_pairs(),
        unmatched=frame.index[:0],
        estimand=estimand,
        target=estimand,
        treat=treat,
        survey_weight=survey_weight,
        method=f"propensity weighting ({estimand})",
        scores=scores,
        survey=pd.Series(base, index=frame.index) if survey_weight else None,
        treated=pd.Series(treated, index=frame.index, name=treat),
        estimated="propensity" if hasattr(scores, "bread") and not (boosted and prevalence) else "",
    )


def refuse_separated(p: Floats, treated: Booleans) -> None:
    """Refuse scores that tell treated people and others apart perfectly: nobody has a counterpart.

    Parameters
    ----------
    p : ndarray, shape (n,)
        Probabilities of treatment, 0 to 1.
    treated : ndarray of bool, shape (n,)
        Who is treated.

    Raises
    ------
    EmptyCell
        Every treated person's score is above every other person's.
    """
    if p[treated].min() > p[~treated].max():
        raise errors.EmptyCell(
            "the covariates tell attendees and others apart perfectly, so that nobody is comparable",
            todo="Take off the covariate that decides who attends, or join its levels; describe both groups instead.",
        )


def trim(sample: MatchedSample, *, at: float, lower: bool = False) -> MatchedSample:
    """Cap weights at a quantile.

    Only the reweighted arms count: under ATT the controls, under ATC the treated, else both together. The quantile
    is the nearest even order statistic (R's type 3), so that a cap is a weight somebody has.

    Parameters
    ----------
    sample : MatchedSample
        A design by weights.
    at : float
        Quantile of the cap, 0.5 to 1.
    lower : bool
        Whether to raise the least weights to the 1 - `at` quantile as well.

    Returns
    -------
    MatchedSample
        The same design with capped weights; a note says how many.

    Raises
    ------
    Unsupported
        A quantile that is not between 0.5 and 1.
    """
    if not 0.5 < at < 1:
        raise errors.Unsupported(f"trim at {at!r} is not between 0.5 and 1", todo="Use a quantile such as 0.99.")
    treated = sample.treated.to_numpy()
    arm = {"ATT": ~treated, "ATC": treated}.get(sample.target, np.ones(len(treated), dtype=bool))
    w = sample.match_weight.to_numpy().copy()
    among = w[arm & (w > 0)]
    ends = np.quantile(among, [1 - at, at], method="closest_observation")
    w[arm & (w > 0)] = np.clip(among, ends[0] if lower else None, ends[1])
    return replace(
        sample,
        match_weight=pd.Series(w, index=sample.match_weight.index, name="match_weight"),
        capped=True,
        method=f"{sample.method}, trimmed at the {at:.0%} quantile",
        notes=(*sample.notes, f"{int((among > ends[1]).sum())} weights were capped at {ends[1]:.3g}."),
    )


def _shift(logit: Floats, treated: Booleans, base: Floats, prevalence: float | None, estimand: str) -> Floats:
    """Return probabilities moved from the sample's share of attendees to the population's."""
    if prevalence is None:
        raise errors.Unsupported(
            f"{estimand} weights with a boost of attendees",
            todo="Use ATT (unchanged by a boost), or give the share of attendees from outside as prevalence=.",
        )
    if not 0 < prevalence < 1:
        raise errors.Unsupported(f"prevalence {prevalence!r} is not between 0 and 1", todo="Give a share.")
    here = base[treated].sum() / base.sum()
    moved = logit + np.log(prevalence / (1 - prevalence)) - np.log(here / (1 - here))
    probability: Floats = 1 / (1 + np.exp(-moved))
    return probability
