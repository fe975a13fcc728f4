"""The planned estimator of the attendee comparison, and the labels of its results."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import pandas as pd

from evaluation import errors
from evaluation.analysis import contrasts
from evaluation.analysis.arms import TREATED
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison
from evaluation.analysis.levels import Survey, margin_of
from evaluation.exhibit import SHARE
from evaluation.plan.study import Plan
from evaluation.results import Gate, NotIdentified, Result, TooFew
from evaluation.statistics import effects, matching
from evaluation.statistics.matching import MatchedSample

ROLES = {"treat": TREATED, "survey_weight": COMPARISON_WEIGHT}
CLUSTERED = {**ROLES, "cluster": "session"}
T = TypeVar("T")


def joined(compare: Comparison, survey: Survey, outcome: str) -> pd.DataFrame:
    """Return the compared people with one outcome; people without an answer to it are left out."""
    answers = survey.outcomes[outcome].reindex(compare.people.index).astype(float)
    return compare.people.assign(**{outcome: answers}).dropna(subset=[outcome])


def planned(plan: Plan, people: pd.DataFrame, sample: MatchedSample, outcome: str) -> Result:
    """Return the planned estimate: in the matched sample, adjusted for the prognostic covariates."""
    covariates = adjusted_for(plan, people)
    restricted = sample_for(people, sample)
    return guarded(effects.in_sample, people, restricted, outcome=outcome, covariates=covariates, **CLUSTERED)


def matched(plan: Plan, compare: Comparison, survey: Survey, sample: MatchedSample, outcome: str) -> pd.DataFrame:
    """Return the matched people for a regression: `treated`, outcome, session, `analysis_weight`, centred covariates.

    The weight is the survey's times the match's. Each prognostic covariate, words as indicators, is centred on the
    attendees (`c_...`), so that the coefficient of `treated` in `formula` is the difference among those who attended.
    """
    people = joined(compare, survey, outcome)
    kept = sample_for(people, sample).match_weight > 0
    frame = people.loc[kept, [TREATED, outcome, "session"]]
    weight = (sample_for(people, sample).match_weight * people[COMPARISON_WEIGHT])[kept]
    covariates = people.loc[kept, list(adjusted_for(plan, people[kept]))]
    columns = pd.get_dummies(covariates, drop_first=True, dtype=float) if len(covariates.columns) else covariates
    columns.columns = [f"c_{re.sub(r'[^0-9a-zA-Z]', '_', str(c))}" for c in columns]
    attended = frame[TREATED] == 1
    centre = columns[attended].mul(weight[attended], axis=0).sum() / weight[attended].sum()
    return frame.assign(analysis_weight=weight).join(columns - centre)


def formula(outcome: str, people: pd.DataFrame) -> str:
    """Return the planned regression of an outcome: attendance crossed with every centred covariate of `matched`."""
    covariates = " + ".join(c for c in people if str(c).startswith("c_"))
    return f"{outcome} ~ {TREATED}" + (f" * ({covariates})" if covariates else "")


def adjusted_for(plan: Plan, people: pd.DataFrame) -> tuple[str, ...]:
    """Return the prognostic covariates that vary among these people."""
    return tuple(c for c in plan.matching.prognostic if c in people and people[c].nunique() > 1)


def sample_for(people: pd.DataFrame, sample: MatchedSample) -> MatchedSample:
    """Return the saved sample for the people who answered: pairs that lost a member are re-weighted, not re-drawn."""
    return matching.restrict(sample, people.index)


def guarded(function: Callable[..., T], *args: object, **fields: object) -> T | NotIdentified:
    """Call an estimator; what its data refuse becomes a result that says why."""
    try:
        return function(*args, **fields)
    except errors.EmptyCell as error:
        return NotIdentified(error.what, "More people in each group.")
    except errors.DataError as error:
        return NotIdentified(error.what, error.todo or "See the notebook.")


def labelled(  # noqa: PLR0913
    plan: Plan,
    wave: str,
    result: Result,
    outcome: str,
    compare: Comparison,
    survey: Survey,
    *,
    method: str = "",
    share: bool = False,
    gates: Sequence[Gate] = (),
    contrast: str = "",
) -> Result:
    """Return a result with its id, words, margin, gates and size; `contrast` names what is not the planned contrast."""
    family, words = plan.outcomes.family(outcome), plan.words
    question = f"Do {words.treated} differ from similar {words.untreated} in {contrasts.short(plan, outcome)}?"
    main = not method and not share and not contrast
    named = contrasts.name(
        result,
        contrast or ("attendshare" if share else "attend"),
        outcome=outcome,
        group="all",
        wave=wave,
        method=method,
        question=question + (f" ({method.replace('-', ' ')})" if method else ""),
        licence="association",
        planned=main and family in ("primary", "secondary", "control"),
        family=family,
        null=0.0,
        margin=plan.outcomes.margin_share if share else margin_of(plan, survey, outcome),
        unit=SHARE if share else contrasts.points(plan, outcome),
        estimand=getattr(result, "estimand", "") or "difference among attendees who answered (ATT)",
        gates=gates,
    )
    return contrasts.sized(named, plan, dict(compare.sessions))


def subset(plan: Plan, people: pd.DataFrame, sample: MatchedSample, outcome: str, rows: pd.Series) -> Result:
    """Return the planned estimate among some of the people, or too few."""
    some = people[rows]
    counts = {"treated": int((some[TREATED] == 1).sum()), "untreated": int((some[TREATED] == 0).sum())}
    if min(counts.values()) < plan.sizes.least_people:
        return TooFew(counts=counts, needed=plan.sizes.least_people)
    return planned(plan, some, sample, outcome)
