"""One bootstrap through every step: survey weight, score, weighting, estimate, made again in each draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from evaluation import errors, parallel
from evaluation.results import Estimate, from_se
from evaluation.statistics import _roles, matching, propensity
from evaluation.statistics._arrays import Integers
from evaluation.statistics.effects import standard_errors
from evaluation.statistics.effects.doubly_robust import doubly_robust
from evaluation.statistics.effects.g_computation import estimand_text

METHODS = ("weighting", "entropy balancing", "doubly robust")
MAX_FAILED_SHARE = 0.05  # share of draws that may be refused (an arm or a level not drawn) before the whole is
DRAW_COUNT = "times_drawn"


@dataclass(frozen=True, slots=True)
class Steps:
    """What is made again in each draw.

    Attributes
    ----------
    outcome, treat : str
        Columns, as in `bootstrap`.
    covariates : tuple of str
        Columns of the score, of the balance or of the outcome model.
    method : str
        One of `METHODS`.
    estimand : str
        Whom the comparison is about.
    survey_weight : str or None
        Column of positive weights.
    reweigh : callable or None
        Makes the survey weights of drawn people, as in `bootstrap`.
    penalty : "none" or "firth"
        The score's penalty, as the people themselves needed it: a draw has fewer different people, which is no reason
        for another model.
    """

    outcome: str
    treat: str
    covariates: tuple[str, ...]
    method: str
    estimand: str
    survey_weight: str | None
    reweigh: Callable[[pd.DataFrame, str], pd.Series] | None
    penalty: str = "none"


def bootstrap(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    outcome: str,
    treat: str,
    covariates: Sequence[str],
    method: str = "weighting",
    estimand: str = "ATT",
    survey_weight: str | None = None,
    reweigh: Callable[[pd.DataFrame, str], pd.Series] | None = None,
    cluster: str | None = None,
    strata: str | None = None,
    draws: int = 999,
    seed: int,
) -> Estimate:
    """Estimate a difference with the error of every step that was estimated (Efron and Tibshirani 1993, chapter 6).

    Sessions (or people, without `cluster`) are drawn again within strata; then survey weights, score, weights and
    estimate are made anew. A person drawn m times counts m times in each step.

    Parameters
    ----------
    frame : DataFrame
        One row per person, every role complete.
    outcome : str
        Numeric column.
    treat : str
        Column of 0 and 1.
    covariates : sequence of str
        Columns of the score, of the balance or of the outcome model.
    method : "weighting", "entropy balancing" or "doubly robust"
        Matching is refused: its bootstrap is not valid (Abadie and Imbens 2008).
    estimand : str
        Whom the comparison is about: "ATT", or another that the method has.
    survey_weight : str, optional
        Column of positive weights.
    reweigh : callable, optional
        Takes the drawn people, and the name of the column that says how often each was drawn; returns their survey
        weights, made with those counts as base weights and divided by them. Without it weights are as given.
    cluster : str, optional
        Column of the collection session.
    strata : str, optional
        Column within whose values sessions are drawn (attendees' lists and the general sample, say).
    draws : int
        Number of draws, 50 or more.
    seed : int
        Seed of the draws, 0 or more; equal seeds give equal draws for any number of workers.

    Returns
    -------
    Estimate
        Value from the people themselves, in the unit of the outcome; SD of the draws, t on the sessions of the smaller
        arm less one.

    Raises
    ------
    Unsupported, NotConverged
        A method without a valid bootstrap; more than one draw in twenty that could not be made.
    UnknownColumn, MissingValues, DataError, EmptyCell
        No such column; NA in any role; fewer than 50 draws; attendees from fewer than four sessions.
    """
    if method not in METHODS:
        raise errors.Unsupported(
            f"a bootstrap through {method!r} is not valid",
            todo=f"Use one of {', '.join(METHODS)}; after matching effects.in_sample, with replacement abadie_imbens.",
        )
    if draws < 50:
        raise errors.DataError(f"{draws} draws are too few for an error", todo="Use 199 or more.")
    _roles.refuse_own_covariates(covariates, outcome, treat)
    steps = Steps(outcome, treat, tuple(covariates), method, estimand, survey_weight, reweigh)
    roles = [outcome, treat, *covariates, *(c for c in (survey_weight, cluster, strata) if c)]
    errors.require_columns(frame, roles, role="an effect")
    errors.require_complete(frame, roles, role="an effect")
    standard_errors.refuse_few(frame, treat, cluster)
    frame = _roles.coded(frame, steps.covariates)
    if method == "weighting":
        steps = replace(steps, penalty=_penalty(steps, frame))
    value = _estimate(steps, frame.assign(**{DRAW_COUNT: 1.0}))
    units = np.arange(len(frame)) if cluster is None else pd.factorize(frame[cluster])[0]
    within = np.zeros(len(frame), dtype=int) if strata is None else pd.factorize(frame[strata])[0]
    home = np.zeros(units.max() + 1, dtype=int)
    home[units] = within
    values = parallel.run(partial(_draw, steps, frame, units, home), list(range(draws)), seed)
    kept = np.array([v for v in values if v is not None])
    if len(kept) < (1 - MAX_FAILED_SHARE) * draws:
        raise errors.NotConverged(
            f"{draws - len(kept)} of {draws} draws could not be estimated",
            todo="Merge rare levels, or use fewer covariates.",
        )
    d = frame[treat].to_numpy() == 1
    count = [len(np.unique(units[arm])) for arm in (d, ~d)]
    n = {"treated": int(d.sum()), "untreated": int((~d).sum())}
    return from_se(
        value,
        float(kept.std(ddof=1)),
        df=float(min(count) - 1),
        n=n,
        n_sessions=min(count) if cluster else None,
        method=f"{method} ({estimand})",
        outcome=outcome,
        estimand=estimand_text(estimand),
        sample=estimand,
        se_method=f"bootstrap of {'sessions' if cluster else 'people'} through every step, {len(kept)} draws",
    )


def _penalty(steps: Steps, frame: pd.DataFrame) -> str:
    """Return the penalty that the score of the people themselves takes."""
    weight = steps.survey_weight
    scores = propensity.fit(
        frame, treat=steps.treat, covariates=list(steps.covariates), survey_weight=weight, only_attendees="penalise"
    )
    return "firth" if scores.method.startswith("Firth") else "none"


def _scores(steps: Steps, people: pd.DataFrame, names: list[str]) -> propensity.PropensityScores:
    """Return the score of drawn people; separation, which a draw may have by chance, is met by Firth's penalty."""
    fit = partial(
        propensity.fit, people, treat=steps.treat, covariates=names, survey_weight=DRAW_COUNT, only_attendees="penalise"
    )
    try:
        return fit(penalty=steps.penalty)
    except errors.NotConverged:
        return fit(penalty="firth")


def _draw(
    steps: Steps, frame: pd.DataFrame, units: Integers, home: Integers, _: int, rng: np.random.Generator
) -> float | None:
    """Return the estimate of one draw, or None where it could not be made."""
    times = np.zeros(len(home))
    for stratum in np.unique(home):
        rows = np.flatnonzero(home == stratum)
        times[rows] = np.bincount(rng.integers(0, len(rows), len(rows)), minlength=len(rows))
    drawn = frame.assign(**{DRAW_COUNT: times[units]})
    try:
        return _estimate(steps, drawn[drawn[DRAW_COUNT] > 0])
    except errors.DataError:
        return None


def _estimate(steps: Steps, people: pd.DataFrame) -> float:
    """Return the estimate of the people, each counted as often as drawn."""
    given = people[steps.survey_weight] if steps.survey_weight else 1.0
    weight = given if steps.reweigh is None else steps.reweigh(people, DRAW_COUNT)
    people = people.assign(**{DRAW_COUNT: people[DRAW_COUNT] * weight})
    names = [c for c in steps.covariates if _roles.varies(people[c])]
    treat = steps.treat
    if steps.method == "doubly robust":
        return doubly_robust(
            people, outcome=steps.outcome, covariates=names, treat=treat, survey_weight=DRAW_COUNT
        ).value
    if steps.method == "entropy balancing":
        sample = matching.entropy_balance(
            people, covariates=names, estimand=steps.estimand, treat=treat, survey_weight=DRAW_COUNT
        )
    else:
        scores = _scores(steps, people, names)
        sample = matching.weights(people, scores, estimand=steps.estimand, treat=treat, survey_weight=DRAW_COUNT)
    y, d = people[steps.outcome].to_numpy(dtype=float), people[treat].to_numpy() == 1
    w = sample.match_weight.to_numpy() * people[DRAW_COUNT].to_numpy()
    return float(w[d] @ y[d] / w[d].sum() - w[~d] @ y[~d] / w[~d].sum())
