"""Notebook 05, second half: people who attended and similar people who did not, by the planned method and others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from evaluation import errors
from evaluation.answers import comparison as comparing
from evaluation.answers import words as w
from evaluation.answers.comparison import COMPARISON_WEIGHT, Comparison
from evaluation.answers.levels import Survey, margin_of
from evaluation.answers.samples import TREATED
from evaluation.estimates import Estimate, Gate, NotIdentified, TooFew
from evaluation.exhibits import Exhibit
from evaluation.statistics import effects, matching
from evaluation.study import Plan

PLANNED = ""
DESIGN_GATES = ("attend.overlap", "attend.routes", "attend.balance")


def estimates(
    plan: Plan, wave: str, compare: Comparison, sample: Any, survey: Survey, gates: Sequence[Gate]
) -> list[Any]:
    """Return every result of the attendee comparison, the planned contrast of the primary outcome first.

    One result per outcome by the planned method; for the primary outcome also the share of positive answers and
    every companion method. Where there is no comparison, one refusal per outcome.
    """
    outcomes = [o for o in plan.all_outcomes if survey.asked(o, wave)]
    read = tuple(g for g in gates if g.id.startswith("attend"))
    if compare.refusal is not None:
        return [
            _labelled(plan, wave, replace(compare.refusal, gates=()), o, compare, survey, gates=read) for o in outcomes
        ]
    out = []
    for outcome in outcomes:
        people = joined(compare, survey, outcome)
        out.append(_labelled(plan, wave, planned(plan, people, sample, outcome), outcome, compare, survey, gates=read))
    out += _shares(plan, wave, compare, sample, survey, read)
    return out + _companions(plan, wave, compare, sample, survey, read)


def joined(compare: Comparison, survey: Survey, outcome: str) -> pd.DataFrame:
    """Return the compared people with one outcome; people without an answer to it are left out."""
    answers = survey.outcomes[outcome].reindex(compare.people.index).astype(float)
    return compare.people.assign(**{outcome: answers}).dropna(subset=[outcome])


def planned(plan: Plan, people: pd.DataFrame, sample: Any, outcome: str, column: str = "") -> Any:
    """Return the planned estimate: in the matched sample, adjusted for the prognostic covariates."""
    return guarded(
        effects.in_sample,
        people,
        sample_for(people, sample),
        outcome=column or outcome,
        treat=TREATED,
        covariates=adjusted_for(plan, people),
        cluster="session",
        survey_weight=COMPARISON_WEIGHT,
    )


def adjusted_for(plan: Plan, people: pd.DataFrame) -> tuple[str, ...]:
    """Return the prognostic covariates that vary among these people."""
    return tuple(c for c in plan.matching.prognostic if c in people and people[c].nunique() > 1)


def sample_for(people: pd.DataFrame, sample: Any) -> Any:
    """Return the saved sample for the people who answered: pairs that lost a member are re-weighted, not re-drawn."""
    return matching.restrict(sample, people.index)


def guarded(function: Any, *args: Any, **words: Any) -> Any:
    """Call an estimator; what its data refuse becomes a result that says why."""
    try:
        return function(*args, **words)
    except errors.EmptyCell as error:
        return NotIdentified(error.what, "More people in each group.")
    except errors.DataError as error:
        return NotIdentified(error.what, error.todo or "See the notebook.")


def _labelled(  # noqa: PLR0913
    plan: Plan,
    wave: str,
    result: Any,
    outcome: str,
    compare: Comparison,
    survey: Survey,
    *,
    method: str = "",
    share: bool = False,
    gates: Sequence[Gate] = (),
    licence: str = "association",
) -> Any:
    family = plan.outcomes.family(outcome)
    words = plan.words
    short = w.short(plan, outcome)
    question = f"Do {words.treated} differ from similar {words.untreated} in {short}?"
    named = w.name(
        result,
        "attendshare" if share else "attend",
        outcome=outcome,
        group="all",
        wave=wave,
        method=method,
        question=question + (f" ({method.replace('-', ' ')})" if method else ""),
        licence=licence,
        planned=not method and not share and family in ("primary", "secondary", "control"),
        family=family,
        null=0.0,
        margin=plan.outcomes.margin_share if share else margin_of(plan, survey, outcome),
        unit=w.SHARE if share else w.points(plan, outcome),
        estimand=_estimand(result),
        gates=gates,
    )
    return w.sized(named, plan, dict(compare.sessions))


def _estimand(result: Any) -> str:
    return getattr(result, "estimand", "") or "difference among attendees who answered (ATT)"


def _shares(plan, wave, compare, sample, survey, gates) -> list[Any]:
    outcome = plan.outcomes.primary
    people = joined(compare, survey, outcome)
    positive = 100.0 * people[outcome].isin(plan.outcomes.positive)
    result = planned(plan, people.assign(positive=positive), sample, outcome, "positive")
    return [_labelled(plan, wave, result, outcome, compare, survey, share=True, gates=gates)]


def _companions(plan, wave, compare, sample, survey, gates) -> list[Any]:
    """Return the primary outcome by every companion method, each named."""
    outcome = plan.outcomes.primary
    people = joined(compare, survey, outcome)
    found = {
        "unadjusted": guarded(_weighted, people, outcome, None),
        "entropy-balancing": _entropy(plan, compare, people, outcome),
        "weighting": guarded(_inverse, compare, people, outcome, plan),
        "doubly-robust": guarded(
            effects.doubly_robust,
            people,
            outcome=outcome,
            treat=TREATED,
            covariates=adjusted_for(plan, people),
            survey_weight=COMPARISON_WEIGHT,
            cluster="session",
        ),
        "general-sample-only": _subset(plan, people, sample, outcome, ~people["boost"] | (people[TREATED] == 0)),
        "lists-only": _subset(plan, people, sample, outcome, people["boost"] | (people[TREATED] == 0)),
    }
    return [_labelled(plan, wave, r, outcome, compare, survey, method=m, gates=gates) for m, r in found.items()]


def _weighted(people: pd.DataFrame, outcome: str, sample: Any) -> Any:
    everybody = sample or comparing.everybody(people)
    return effects.in_sample(
        people, everybody, outcome=outcome, treat=TREATED, cluster="session", survey_weight=COMPARISON_WEIGHT
    )


def _entropy(plan: Plan, compare: Comparison, people: pd.DataFrame, outcome: str) -> Any:
    made = comparing.companion(plan, replace(compare, people=compare.people.loc[people.index]))
    return made if isinstance(made, NotIdentified) else guarded(_weighted, people, outcome, made)


def _inverse(compare: Comparison, people: pd.DataFrame, outcome: str, plan: Plan) -> Any:
    from evaluation.statistics import propensity

    scores = propensity.fit(people, treat=TREATED, covariates=list(compare.covariates), survey_weight=COMPARISON_WEIGHT)
    made = matching.weights(people, scores, treat=TREATED, estimand="ATT", survey_weight=COMPARISON_WEIGHT)
    return _weighted(people, outcome, made)


def _subset(plan: Plan, people: pd.DataFrame, sample: Any, outcome: str, rows: pd.Series) -> Any:
    some = people[rows]
    counts = {"treated": int((some[TREATED] == 1).sum()), "untreated": int((some[TREATED] == 0).sum())}
    if min(counts.values()) < plan.sizes.least_people:
        return TooFew(counts=counts, needed=plan.sizes.least_people)
    return planned(plan, some, sample, outcome)


def methods(plan: Plan, wave: str, results: Sequence[Any]) -> Exhibit:
    """Return the primary contrast by every method, the planned one first."""
    outcome = plan.outcomes.primary
    rows = [r for r in results if r.outcome == outcome and r.id.startswith("attend.")]
    triples = [(_method_words(r.id), "Difference", r) for r in rows]
    return w.exhibit(
        "attend.methods",
        f"{plan.words.treated_short} and {plan.words.untreated_short.lower()}, by method",
        triples,
        sections=("policy-7", "annex-G"),
        wave=wave,
        chart="forest",
        row_header="Method",
        source="Survey",
        extras={"axis": f"Difference in {w.short(plan, outcome)} ({w.points(plan, outcome)})", "reference": 0.0},
    )


def _method_words(id: str) -> str:
    parts = id.split(".")
    return "Planned: nearest neighbours" if len(parts) == 4 else parts[4].replace("-", " ").capitalize()


def outcomes(plan: Plan, wave: str, results: Sequence[Any]) -> Exhibit:
    """Return the planned contrast for every outcome: primary, secondary, exploratory, controls."""
    rows = [r for r in results if r.id.startswith("attend.") and r.id.count(".") == 3]
    triples = [(plan.label_of(r.outcome), "Difference", r) for r in rows]
    triples += [
        (f"{plan.label_of(r.outcome)}: positive answers", "Difference", r)
        for r in results
        if r.id.startswith("attendshare.")
    ]
    return w.exhibit(
        "attend.outcomes",
        "Every outcome by the planned method",
        triples,
        sections=("annex-G",),
        wave=wave,
        chart="",
        row_header="Outcome",
        source="Survey",
    )


def answer(plan: Plan, wave: str, survey: Survey, results: Sequence[Any]) -> Exhibit:
    """Return the answer of notebook 05: the planned contrast, stated without a verdict."""
    primary = next(r for r in results if r.outcome == plan.outcomes.primary)
    triples = [(primary.question or "Planned comparison", "Estimate", primary)]
    if isinstance(primary, Estimate):
        note = w.words(f"answer.05.all.{wave}", "The verdict follows in notebook 10, after the doubts of notebook 07.")
        triples.append(("What follows", "Estimate", note))
    return w.exhibit("answer.05", "Do people who attended trust the police more?", triples, sections=(), wave=wave)
