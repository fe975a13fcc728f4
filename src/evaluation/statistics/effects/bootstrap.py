"""One bootstrap through every step: survey weight, score, weighting, estimate, made again in each draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors, parallel
from evaluation.results import Estimate, from_se
from evaluation.statistics import _roles, matching, propensity
from evaluation.statistics.effects import standard_errors
from evaluation.statistics.effects.doubly_robust import doubly_robust
from evaluation.statistics.effects.g_computation import words

METHODS = ("weighting", "entropy balancing", "doubly robust")
MOST_LOST = 0.05  # share of draws that may be refused (an arm or a level not drawn) before the whole is
TIMES = "times_drawn"


@dataclass(frozen=True, slots=True)
class Steps:
    """What is made again in each draw; fields as the arguments of `bootstrap`.

    `penalty` is the score's, as the people themselves needed it: a draw has fewer different people, which is no reason
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
    method : "weighting", "entropy balancing" or "doubly robust"
        Matching is refused: its bootstrap is not valid (Abadie and Imbens 2008).
    reweigh : callable, optional
        Takes the drawn people, and the name of the column that says how often each was drawn; returns their survey
        weights, made with those counts as base weights and divided by them. Without it weights are as given.
    strata : str, optional
        Column within whose values sessions are drawn (attendees' lists and the general sample, say).

    Returns
    -------
    Estimate
        Value from the people themselves, SD of the draws, t on the sessions of the smaller arm less one.

    Raises
    ------
    Unsupported, NotConverged
        A method without a valid bootstrap; more than one draw in twenty that could not be made.
    """
    if method not in METHODS:
        raise errors.Unsupported(
            f"a bootstrap through {method!r} is not valid",
            todo=f"Use one of {', '.join(METHODS)}; after matching effects.in_sample, with replacement abadie_imbens.",
        )
    if draws < 50:
        raise errors.DataError(f"{draws} draws are too few for an error", todo="Use 199 or more.")
    steps = Steps(outcome, treat, tuple(covariates), method, estimand, survey_weight, reweigh)
    roles = [outcome, treat, *covariates, *(c for c in (survey_weight, cluster, strata) if c)]
    errors.require_columns(frame, roles, role="an effect")
    errors.require_complete(frame, roles, role="an effect")
    standard_errors.refuse_few(frame, treat, cluster)
    factors = [c for c in steps.covariates if _roles.is_categorical(frame[c])]
    frame = frame.assign(**{c: frame[c].astype("category") for c in factors})
    if method == "weighting":
        steps = replace(steps, penalty=_penalty(steps, frame))
    value = _estimate(steps, frame.assign(**{TIMES: 1.0}))
    units = np.arange(len(frame)) if cluster is None else pd.factorize(frame[cluster])[0]
    within = np.zeros(len(frame), dtype=int) if strata is None else pd.factorize(frame[strata])[0]
    home = np.zeros(units.max() + 1, dtype=int)
    home[units] = within
    found = parallel.run(partial(_draw, steps, frame, units, home), list(range(draws)), seed)
    kept = np.array([v for v in found if v is not None])
    if len(kept) < (1 - MOST_LOST) * draws:
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
        estimand=words(estimand),
        sample=estimand,
        se_method=f"bootstrap of {'sessions' if cluster else 'people'} through every step, {len(kept)} draws",
    )


def _penalty(steps: Steps, frame: pd.DataFrame) -> str:
    """Return the penalty that the score of the people themselves takes."""
    weight = steps.survey_weight
    made = propensity.fit(
        frame, treat=steps.treat, covariates=list(steps.covariates), survey_weight=weight, only_attendees="penalise"
    )
    return "firth" if made.method.startswith("Firth") else "none"


def _scores(steps: Steps, people: pd.DataFrame, names: list[str]) -> propensity.PropensityScores:
    """Return the score of drawn people; separation, which a draw may have by chance, is met by Firth's penalty."""
    roles = {"treat": steps.treat, "covariates": names, "survey_weight": TIMES, "only_attendees": "penalise"}
    try:
        return propensity.fit(people, penalty=steps.penalty, **roles)
    except errors.NotConverged:
        return propensity.fit(people, penalty="firth", **roles)


def _draw(steps: Steps, frame: pd.DataFrame, units: np.ndarray, home: np.ndarray, _: int, rng: Any) -> float | None:
    times = np.zeros(len(home))
    for stratum in np.unique(home):
        rows = np.flatnonzero(home == stratum)
        times[rows] = np.bincount(rng.integers(0, len(rows), len(rows)), minlength=len(rows))
    drawn = frame.assign(**{TIMES: times[units]})
    try:
        return _estimate(steps, drawn[drawn[TIMES] > 0])
    except errors.DataError:
        return None


def _estimate(steps: Steps, people: pd.DataFrame) -> float:
    """Return the estimate of the people, each counted as often as drawn."""
    given = people[steps.survey_weight] if steps.survey_weight else 1.0
    weight = given if steps.reweigh is None else steps.reweigh(people, TIMES)
    people = people.assign(**{TIMES: people[TIMES] * weight})
    names = [c for c in steps.covariates if people[c].nunique() > 1]
    roles = {"treat": steps.treat, "survey_weight": TIMES}
    if steps.method == "doubly robust":
        return doubly_robust(people, outcome=steps.outcome, covariates=names, **roles).value
    if steps.method == "entropy balancing":
        sample = matching.entropy_balance(people, covariates=names, estimand=steps.estimand, **roles)
    else:
        scores = _scores(steps, people, names)
        sample = matching.weights(people, scores, estimand=steps.estimand, **roles)
    y, d = people[steps.outcome].to_numpy(dtype=float), people[steps.treat].to_numpy() == 1
    w = sample.match_weight.to_numpy() * people[TIMES].to_numpy()
    return float(w[d] @ y[d] / w[d].sum() - w[~d] @ y[~d] / w[~d].sum())
