"""The attendee comparison by every method and for every outcome, and the answer of notebook 05."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from evaluation.analysis import comparison, contrasts, layout, linked_waves
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import (
    CLUSTERED,
    ROLES,
    adjusted_for,
    guarded,
    joined,
    labelled,
    planned,
    subset,
)
from evaluation.analysis.comparison import Comparison
from evaluation.analysis.levels import Survey, is_item
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, Gate, NotIdentified, Result, Results
from evaluation.statistics import effects, matching, propensity
from evaluation.statistics import survey as estimation
from evaluation.statistics.matching import MatchedSample

EARLIER = "attendbefore"  # how far apart the compared groups were in an earlier wave


def estimates(
    plan: Plan, wave: str, compare: Comparison, sample: MatchedSample, survey: Survey, gates: Sequence[Gate]
) -> Results:
    """Return every result of the attendee comparison, the planned contrast of the primary outcome first.

    One result per outcome by the planned method, and its share of positive answers where it has one; for the primary
    outcome also every companion method. Where there is no comparison, one refusal per outcome.
    """
    primary, read = plan.outcomes.primary, tuple(g for g in gates if g.id.startswith("attend"))

    def label(result: Result, outcome: str = primary, *, method: str = "", share: bool = False) -> Result:
        own = (*read, *contrasts.scale_gates(gates, outcome, "attend"))
        return labelled(plan, wave, result, outcome, compare, survey, gates=own, method=method, share=share)

    outcomes = [o for o in plan.all_outcomes if survey.asked(o, wave)]
    if compare.refusal is not None:
        return Results(label(replace(compare.refusal, gates=()), o) for o in outcomes)
    results = [label(planned(plan, joined(compare, survey, o), sample, o), o) for o in outcomes]
    for outcome in [o for o in outcomes if is_item(plan, o)]:
        people = joined(compare, survey, outcome)
        positive = 100.0 * people[outcome].isin(plan.positive(outcome))
        shares = planned(plan, people.assign(positive=positive), sample, "positive")
        results.append(label(shares, outcome, share=True))
    people = joined(compare, survey, primary)
    before = _before(plan, wave, people, sample, survey)
    if before is not None:
        earlier = replace(label(before[1]), id=f"{EARLIER}.{primary}.all.{wave}.{before[0]}".lower(), planned=False)
        results.append(earlier)
    companions = _companions(plan, compare, people, sample)
    named = [label(result, method=method) for method, result in companions.items()]
    dose = plan.dose_source
    if dose:
        slope = label(guarded(_slope, plan, wave, survey, dose), method="slope")
        named.append(replace(slope, margin=None) if isinstance(slope, Estimate) else slope)
    return Results(results + named)


def _slope(plan: Plan, wave: str, survey: Survey, dose: str) -> Estimate:
    """Return the difference in the primary outcome for one more of the number that the groups were cut from.

    Everybody of the general sample with that number counts, those between the groups too; adjusted for the prognostic
    covariates, with the survey weight and the error of the sessions.
    """
    outcome, frame = plan.outcomes.primary, survey.general(wave)
    covariates = [c for c in plan.matching.prognostic if c in frame and frame[c].nunique() > 1]
    session = plan.population.session_column
    known = frame.dropna(subset=[outcome, dose, *covariates])
    numbers = {
        c: known[c].astype(float) for c in (outcome, dose, *covariates) if pd.api.types.is_numeric_dtype(known[c])
    }
    design = estimation.Design(known.assign(**numbers), weight="population_weight", cluster=session or None)
    found = estimation.glm(design, f"{outcome} ~ {' + '.join([dose, *covariates])}").estimate(dose)
    return replace(
        found, method=f"weighted regression on {plan.label_of(dose)}", estimand="slope among people who answered"
    )


def _before(
    plan: Plan, wave: str, people: pd.DataFrame, sample: MatchedSample, survey: Survey
) -> tuple[str, Result] | None:
    """Return the last wave that nearly the same people answered, and how far apart the compared groups were then.

    None where no earlier wave was answered by the same people.
    """
    primary, everybody = plan.outcomes.primary, survey.people
    waves = [w for w in survey.waves_of(plan, primary, wave)[:-1] if linked_waves.same_people(everybody, w, wave)]
    if not waves:
        return None
    then = everybody[(everybody["wave"] == waves[-1]) & everybody["link"].notna()].drop_duplicates("link", keep=False)
    answers = survey.outcomes[primary].reindex(then.index).set_axis(then["link"])
    earlier = everybody["link"].reindex(people.index).map(answers).astype(float)
    known = people.assign(**{primary: earlier}).dropna(subset=[primary])
    return waves[-1], planned(plan, known, sample, primary)


def _companions(plan: Plan, compare: Comparison, people: pd.DataFrame, sample: MatchedSample) -> dict[str, Result]:
    """Return the primary outcome by every companion method."""
    outcome = plan.outcomes.primary
    lists, others, prognostic = people["boost"], people[TREATED] == 0, adjusted_for(plan, people)
    rules = {"outcome": outcome, **CLUSTERED}
    redrawn = {"strata": "boost", "draws": max(plan.sensitivity.bootstrap_draws, 50), "seed": plan.seed}
    unweightable = NotIdentified(
        "lists of attendees were added, so the share who attended here is not the share among residents",
        "The share of residents who attended, from a source outside the survey.",
    )
    apart = {
        "general-sample-only": subset(plan, people, sample, outcome, ~lists | others),
        "lists-only": subset(plan, people, sample, outcome, lists | others),
    }
    return {
        "unadjusted": guarded(effects.in_sample, people, comparison.everybody(people), **rules),
        "with-replacement": guarded(_replaced, plan, compare, people),
        "full-matching": guarded(_designed, compare, people, rules, matching.full),
        "subclasses": guarded(_designed, compare, people, rules, matching.subclass),
        "entropy-balancing": _entropy(plan, compare, people, rules),
        "weighting": guarded(_inverse, compare, people, rules, "ATT"),
        "weighting-redrawn": guarded(
            effects.bootstrap, people, covariates=compare.covariates, reweigh=compare.raking, **redrawn, **rules
        ),
        "overlap": unweightable if bool(lists.any()) else guarded(_inverse, compare, people, rules, "ATO"),
        "doubly-robust": guarded(effects.doubly_robust, people, covariates=prognostic, **rules),
        "everybody-g-computation": unweightable
        if bool(lists.any())
        else guarded(
            effects.in_sample,
            people,
            comparison.everybody(people, "ATE"),
            covariates=prognostic,
            over="estimand",
            **rules,
        ),
        "everybody-doubly-robust": unweightable
        if bool(lists.any())
        else guarded(effects.doubly_robust, people, covariates=prognostic, estimand="ATE", **rules),
        **(apart if plan.population.boost_column else {}),
    }


def _entropy(plan: Plan, compare: Comparison, people: pd.DataFrame, rules: dict[str, Any]) -> Result:
    weights = comparison.companion(plan, replace(compare, people=compare.people.loc[people.index]))
    return weights if isinstance(weights, NotIdentified) else guarded(effects.weighted, people, weights, **rules)


def _scores(compare: Comparison, people: pd.DataFrame) -> propensity.PropensityScores:
    return propensity.fit(people, covariates=list(compare.covariates), only_attendees="penalise", **ROLES)


def _inverse(compare: Comparison, people: pd.DataFrame, rules: dict[str, Any], estimand: str) -> Estimate:
    weights = matching.weights(people, _scores(compare, people), estimand=estimand, **ROLES)
    return effects.weighted(people, weights, **rules)


def _designed(
    compare: Comparison, people: pd.DataFrame, rules: dict[str, Any], design: Callable[..., MatchedSample]
) -> Estimate:
    return effects.in_sample(people, design(people, _scores(compare, people), **ROLES), **rules)


def _replaced(plan: Plan, compare: Comparison, people: pd.DataFrame) -> Estimate:
    rules = comparison.planned_matching(plan, comparison.caliper_over(compare)) | {"replace": True}
    pairs, covariates = matching.nearest(people, _scores(compare, people), **rules), adjusted_for(plan, people)
    return effects.abadie_imbens(people, pairs, outcome=plan.outcomes.primary, covariates=covariates, **ROLES)


def methods(plan: Plan, wave: str, results: Sequence[Result]) -> Exhibit:
    """Return the primary contrast by every method, the planned one first."""
    outcome, lower = plan.outcomes.primary, plan.words.untreated_short.lower()
    names = {"short": contrasts.short(plan, outcome), "points": contrasts.points(plan, outcome)}
    table = layout.table(plan, wave, "attend.methods", lower=lower, **names)
    for result in results:
        if result.outcome == outcome and result.id.startswith("attend."):
            method = result.id.split(".")[4:]
            table.row(method[0] if method else "planned").estimate("difference", result)
    return table.exhibit()


def outcomes(plan: Plan, wave: str, results: Sequence[Result]) -> Exhibit:
    """Return the planned contrast for every outcome: primary, secondary, exploratory, controls."""
    table = layout.table(plan, wave, "attend.outcomes")
    for kind, label in (("attend.", ""), ("attendshare.", ": positive answers")):
        for result in results:
            if result.id.startswith(kind) and result.id.count(".") == 3:
                table.row(result.id, plan.label_of(result.outcome) + label).estimate("difference", result)
    for result in (r for r in results if r.id.startswith(f"{EARLIER}.")):
        when = result.id.split(".")[4].upper()
        row = table.row(result.id, f"{plan.label_of(result.outcome)}: the same people in {when}")
        row.estimate("difference", result)
    return table.exhibit()


def answer(plan: Plan, wave: str, survey: Survey, results: Sequence[Result]) -> Exhibit:
    """Return the answer of notebook 05: the planned contrast, stated without a verdict."""
    table = layout.table(plan, wave, "answer.05")
    primary = next(r for r in results if r.outcome == plan.outcomes.primary)
    table.row("primary", primary.question or "Planned comparison").estimate("estimate", primary)
    if isinstance(primary, Estimate):
        table.row("all").text("estimate", table.sentence("follows"))
    return table.exhibit()
