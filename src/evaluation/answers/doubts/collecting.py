"""People who did not answer, and how the answers were collected."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evaluation.answers import words as w
from evaluation.answers.attendees import adjusted_for, guarded, joined
from evaluation.answers.comparison import COMPARISON_WEIGHT, Comparison, everybody
from evaluation.answers.doubts.curved import subsets
from evaluation.answers.levels import Survey
from evaluation.answers.levels.saying import groups
from evaluation.answers.levels.surveyed import domain, is_item, level, values
from evaluation.answers.samples import TREATED
from evaluation.estimates import Estimate, TooFew
from evaluation.exhibits import Exhibit
from evaluation.statistics import effects, sensitivity
from evaluation.study import Plan


def who_did_not_answer(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return how far each level would move if answering went with the answer, and what would erase the change."""
    outcome, triples = plan.outcomes.primary, []
    frame = survey.general(wave)
    for column, code, who in groups(plan):
        inside = domain(frame, outcome, column, code)
        n, population = int(inside.sum()), float(frame.loc[inside > 0, "population_weight"].sum())
        if n < plan.sizes.least_people or population <= n or not is_item(plan, outcome):
            continue
        y = pd.Series(values(plan, frame, outcome, share=True))[inside > 0]
        sd, group = float(y.std()), code or "all"
        for rho in plan.sensitivity.response_correlations:
            bias = sensitivity.nonresponse_bias(answered=n, population=round(population), correlation=rho, sd=sd)
            triples.append(
                (
                    who,
                    f"If answering goes with it at {rho:g}",
                    w.measure(
                        f"nonresponse.{outcome}.{group}.{wave}.{rho:g}", bias, w.SHARE, base=n, wave=wave, decimals=1
                    ),
                )
            )
        erase = _erases(plan, survey, wave, column, code, n, round(population), sd)
        if erase is not None:
            triples.append(
                (
                    who,
                    "Would erase the change",
                    w.measure(f"erase.{outcome}.{group}.{wave}", erase, "correlation", base=n, wave=wave, decimals=4),
                )
            )
    if not triples:
        triples = [("No level", "", w.words(f"nonresponse.none.all.{wave}", "no level could be published"))]
    return w.exhibit(
        "sensitivity.nonresponse",
        "People who did not answer",
        triples,
        sections=("annex-I",),
        wave=wave,
        row_header="Group",
        notes=("In percentage points: how far the share of positive answers would be off.",),
    )


def _erases(plan, survey, wave, column, code, n, population, sd) -> float | None:
    """Return the correlation at which the change since before would be nothing but bias of this wave."""
    outcome = plan.outcomes.primary
    before = survey.first_asked(plan, outcome, wave)
    if before is None or sd == 0:
        return None
    parts = [level(plan, survey, outcome, x, column=column, code=code) for x in (before, wave)]
    if not all(isinstance(p, Estimate) for p in parts):
        return None
    change = abs(parts[1].value - parts[0].value)
    return sensitivity.correlation_to_erase(value=change, answered=n, population=population, sd=sd)


def collection(plan: Plan, wave: str, compare: Comparison, survey: Survey) -> Exhibit:
    """Return the comparison among parts of the sample, and its range when each session is left out in turn."""
    title, outcome = "How the answers were collected", plan.outcomes.primary
    if compare.refusal is not None:
        return w.refusal_exhibit(
            "sensitivity.collection", title, compare.refusal, wave, ("annex-I",), "part.attend.all"
        )
    people = joined(compare, survey, outcome)
    triples: list[tuple[str, str, Any]] = []
    for place, (name, rows) in enumerate(subsets(plan, compare, survey.people).items()):
        made = _subset(plan, people[rows.reindex(people.index)], outcome)
        named = w.name(
            made,
            "part",
            outcome=outcome,
            group="all",
            wave=wave,
            method=str(place),
            licence="exploratory",
            planned=False,
            unit=w.points(plan, outcome),
            question=f"Among: {name}",
        )
        triples.append((name[:1].upper() + name[1:], "Difference", named))
    found = _sessions_left_out(plan, people, outcome)
    if found:
        triples.append(
            (
                "Each session left out in turn",
                "Difference",
                w.measure(
                    f"part.{outcome}.all.{wave}.sessions",
                    sum(found) / len(found),
                    w.points(plan, outcome),
                    base=len(people),
                    wave=wave,
                    low=min(found),
                    high=max(found),
                ),
            )
        )
    return w.exhibit(
        "sensitivity.collection",
        title,
        triples,
        sections=("annex-I",),
        wave=wave,
        row_header="People",
        notes=(
            "Weighted and adjusted for the prognostic characteristics; the whole sample by the same "
            "method stands first.",
        ),
        source="Survey",
    )


def _subset(plan: Plan, people: pd.DataFrame, outcome: str) -> Any:
    n = people[TREATED].value_counts()
    counts = {"treated": int(n.get(1, 0)), "untreated": int(n.get(0, 0))}
    if min(counts.values()) < plan.sizes.least_people:
        return TooFew(counts=counts, needed=plan.sizes.least_people)
    return guarded(
        effects.in_sample,
        people,
        everybody(people),
        outcome=outcome,
        treat=TREATED,
        covariates=adjusted_for(plan, people),
        cluster="session",
        survey_weight=COMPARISON_WEIGHT,
    )


def _sessions_left_out(plan: Plan, people: pd.DataFrame, outcome: str) -> list[float]:
    made = [_subset(plan, people[people["session"] != s], outcome) for s in sorted(people["session"].unique())]
    return [m.value for m in made if isinstance(m, Estimate)]
