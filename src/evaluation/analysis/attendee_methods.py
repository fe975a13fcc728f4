"""The attendee comparison by every method and for every outcome, and the answer of notebook 05."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from evaluation import exhibit as w
from evaluation.analysis import comparison, contrasts, layout
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import adjusted_for, guarded, joined, labelled, planned, subset
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison
from evaluation.analysis.levels import Survey
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, Gate, NotIdentified
from evaluation.statistics import effects, matching, propensity

NAMES = {
    "unadjusted": "Not adjusted",
    "with-replacement": "Nearest with replacement, bias-corrected",
    "full-matching": "Full matching",
    "subclasses": "Subclasses of the chance of attending",
    "entropy-balancing": "Entropy balancing (planned companion)",
    "weighting": "Weighting by the chance of attending",
    "weighting-redrawn": "The same, error from redrawing every step",
    "overlap": "Overlap weights",
    "doubly-robust": "Doubly robust",
    "general-sample-only": "Planned, general sample only",
    "lists-only": "Planned, attendees from lists only",
}


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
            labelled(plan, wave, replace(compare.refusal, gates=()), o, compare, survey, gates=read) for o in outcomes
        ]
    out = []
    for outcome in outcomes:
        people = joined(compare, survey, outcome)
        out.append(labelled(plan, wave, planned(plan, people, sample, outcome), outcome, compare, survey, gates=read))
    out += _shares(plan, wave, compare, sample, survey, read)
    return out + _companions(plan, wave, compare, sample, survey, read)


def _shares(plan, wave, compare, sample, survey, gates) -> list[Any]:
    outcome = plan.outcomes.primary
    people = joined(compare, survey, outcome)
    positive = 100.0 * people[outcome].isin(plan.outcomes.positive)
    result = planned(plan, people.assign(positive=positive), sample, outcome, "positive")
    return [labelled(plan, wave, result, outcome, compare, survey, share=True, gates=gates)]


def _companions(plan, wave, compare, sample, survey, gates) -> list[Any]:
    """Return the primary outcome by every companion method, each named."""
    outcome = plan.outcomes.primary
    people = joined(compare, survey, outcome)
    common = {"outcome": outcome, "treat": TREATED, "survey_weight": COMPARISON_WEIGHT}
    boost = bool(people["boost"].any())
    found = {
        "unadjusted": guarded(_weighted, people, outcome, None),
        "with-replacement": guarded(_replaced, plan, compare, people, common),
        "full-matching": guarded(_designed, compare, people, outcome, matching.full),
        "subclasses": guarded(_designed, compare, people, outcome, matching.subclass),
        "entropy-balancing": _entropy(plan, compare, people, common),
        "weighting": guarded(_inverse, compare, people, common, "ATT"),
        "weighting-redrawn": guarded(
            effects.bootstrap,
            people,
            covariates=compare.covariates,
            cluster="session",
            strata="boost",
            draws=max(plan.sensitivity.bootstrap_draws, 50),
            seed=plan.seed,
            reweigh=compare.raking,
            **common,
        ),
        "overlap": NotIdentified(
            "lists of attendees were added, so the share who attended here is not the share among residents",
            "The share of residents who attended, from a source outside the survey.",
        )
        if boost
        else guarded(_inverse, compare, people, common, "ATO"),
        "doubly-robust": guarded(
            effects.doubly_robust, people, covariates=adjusted_for(plan, people), cluster="session", **common
        ),
        "general-sample-only": subset(plan, people, sample, outcome, ~people["boost"] | (people[TREATED] == 0)),
        "lists-only": subset(plan, people, sample, outcome, people["boost"] | (people[TREATED] == 0)),
    }
    return [labelled(plan, wave, r, outcome, compare, survey, method=m, gates=gates) for m, r in found.items()]


def _weighted(people: pd.DataFrame, outcome: str, sample: Any) -> Any:
    everybody = sample or comparison.everybody(people)
    return effects.in_sample(
        people, everybody, outcome=outcome, treat=TREATED, cluster="session", survey_weight=COMPARISON_WEIGHT
    )


def _entropy(plan: Plan, compare: Comparison, people: pd.DataFrame, common: dict[str, Any]) -> Any:
    made = comparison.companion(plan, replace(compare, people=compare.people.loc[people.index]))
    if isinstance(made, NotIdentified):
        return made
    return guarded(effects.weighted, people, made, cluster="session", **common)


def _scores(compare: Comparison, people: pd.DataFrame) -> Any:
    return propensity.fit(
        people,
        treat=TREATED,
        covariates=list(compare.covariates),
        survey_weight=COMPARISON_WEIGHT,
        only_attendees="penalise",
    )


def _inverse(compare: Comparison, people: pd.DataFrame, common: dict[str, Any], estimand: str) -> Any:
    made = matching.weights(
        people, _scores(compare, people), treat=TREATED, estimand=estimand, survey_weight=COMPARISON_WEIGHT
    )
    return effects.weighted(people, made, cluster="session", **common)


def _designed(compare: Comparison, people: pd.DataFrame, outcome: str, design: Any) -> Any:
    made = design(people, _scores(compare, people), treat=TREATED, survey_weight=COMPARISON_WEIGHT)
    return _weighted(people, outcome, made)


def _replaced(plan: Plan, compare: Comparison, people: pd.DataFrame, common: dict[str, Any]) -> Any:
    how = comparison.planned_matching(plan, comparison.caliper_over(compare)) | {"replace": True}
    made = matching.nearest(people, _scores(compare, people), **how)
    return effects.abadie_imbens(people, made, covariates=adjusted_for(plan, people), **common)


def methods(plan: Plan, wave: str, results: Sequence[Any]) -> Exhibit:
    """Return the primary contrast by every method, the planned one first."""
    outcome = plan.outcomes.primary
    rows = [r for r in results if r.outcome == outcome and r.id.startswith("attend.")]
    triples = [(_method_words(r.id), "Difference", r) for r in rows]
    return (
        layout.table(
            plan,
            wave,
            "attend.methods",
            lower=plan.words.untreated_short.lower(),
            short=contrasts.short(plan, outcome),
            points=contrasts.points(plan, outcome),
        )
        .add(triples)
        .exhibit()
    )


def _method_words(id: str) -> str:
    parts = id.split(".")
    return "Planned: nearest neighbours" if len(parts) == 4 else NAMES[parts[4]]


def outcomes(plan: Plan, wave: str, results: Sequence[Any]) -> Exhibit:
    """Return the planned contrast for every outcome: primary, secondary, exploratory, controls."""
    rows = [r for r in results if r.id.startswith("attend.") and r.id.count(".") == 3]
    triples = [(plan.label_of(r.outcome), "Difference", r) for r in rows]
    triples += [
        (f"{plan.label_of(r.outcome)}: positive answers", "Difference", r)
        for r in results
        if r.id.startswith("attendshare.")
    ]
    return layout.table(plan, wave, "attend.outcomes").add(triples).exhibit()


def answer(plan: Plan, wave: str, survey: Survey, results: Sequence[Any]) -> Exhibit:
    """Return the answer of notebook 05: the planned contrast, stated without a verdict."""
    primary = next(r for r in results if r.outcome == plan.outcomes.primary)
    triples = [(primary.question or "Planned comparison", "Estimate", primary)]
    if isinstance(primary, Estimate):
        note = w.words(f"answer.05.all.{wave}", "The verdict follows in notebook 10, after the doubts of notebook 07.")
        triples.append(("What follows", "Estimate", note))
    return layout.table(plan, wave, "answer.05").add(triples).exhibit()
