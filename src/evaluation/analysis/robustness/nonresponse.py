"""People who did not answer, and how the answers were collected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from evaluation import exhibit as w
from evaluation.analysis import contrasts, layout, population_weights
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import adjusted_for, guarded, joined
from evaluation.analysis.change import change
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison, everybody
from evaluation.analysis.level_tables import groups
from evaluation.analysis.levels import Survey, domain, is_item, level, values
from evaluation.analysis.robustness.specification_curve import subsets
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics import effects, power, sensitivity

HALF = 50.0


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
        half = float(np.average(y, weights=frame.loc[inside > 0, "population_weight"])) - HALF
        if sd > 0:
            rho = sensitivity.correlation_to_erase(value=abs(half), answered=n, population=round(population), sd=sd)
            cell = w.measure(f"eraselevel.{outcome}.{group}.{wave}", rho, "correlation", base=n, wave=wave, decimals=4)
            triples.append((who, "Would bring the level to one half", cell))
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
    return layout.table(plan, wave, "sensitivity.nonresponse").add(triples).exhibit()


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
        return layout.refused(plan, wave, "sensitivity.collection", compare.refusal, heading=title)
    people = joined(compare, survey, outcome)
    triples: list[tuple[str, str, Any]] = []
    for place, (name, rows) in enumerate(subsets(plan, compare, survey.people).items()):
        made = _subset(plan, people[rows.reindex(people.index)], outcome)
        named = contrasts.name(
            made,
            "part",
            outcome=outcome,
            group="all",
            wave=wave,
            method=str(place),
            licence="exploratory",
            planned=False,
            unit=contrasts.points(plan, outcome),
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
                    contrasts.points(plan, outcome),
                    base=len(people),
                    wave=wave,
                    low=min(found),
                    high=max(found),
                ),
            )
        )
    triples += _lists_against_general(plan, wave, people, outcome)
    return layout.table(plan, wave, "sensitivity.collection", heading=title).add(triples).exhibit()


def _lists_against_general(plan: Plan, wave: str, people: pd.DataFrame, outcome: str) -> list[tuple[str, str, Any]]:
    """Return attendees reached through lists against other attendees, and what size it could have seen."""
    came = people[people[TREATED] == 1]
    if not came["boost"].any():
        return []
    made = _subset(plan, came.assign(**{TREATED: came["boost"].astype(int)}), outcome)
    stem, name = f"part.{outcome}.all.{wave}.lists", "Attendees reached through lists, against other attendees"
    named = contrasts.name(
        made,
        "part",
        outcome=outcome,
        group="all",
        wave=wave,
        method="lists",
        licence="exploratory",
        planned=False,
        unit=contrasts.points(plan, outcome),
        question=name,
    )
    out: list[tuple[str, str, Any]] = [(name, "Difference", named)]
    if isinstance(made, Estimate) and made.se:
        seen = power.minimum_detectable(made.se, df=made.df, power=plan.power.power, size=plan.power.size)
        cell = w.measure(f"{stem}.mde", seen, contrasts.points(plan, outcome), base=min(made.n.values()), wave=wave)
        out.append((name, "Smallest difference it could have seen", cell))
    return out


def window(plan: Plan, wave: str, survey: Survey, margins: Mapping[str, pd.Series]) -> Exhibit:
    """Return the change of the primary outcome with and without answers given in the plan's window of dates."""
    title, outcome, dates = (
        "Answers given during a disturbance",
        plan.outcomes.primary,
        plan.sensitivity.disorder_window,
    )
    held = [c for c in survey.people if pd.api.types.is_datetime64_any_dtype(survey.people[c])]
    before = survey.first_asked(plan, outcome, wave)
    if len(dates) != 2 or not held or before is None:
        refusal = NotIdentified("no window, no dates of answering, or no earlier wave", "State the window in the plan.")
        return layout.refused(plan, wave, "sensitivity.window", refusal, heading=title)
    when = survey.people[held[0]]
    inside = ((when >= pd.Timestamp(dates[0])) & (when <= pd.Timestamp(dates[1]))).fillna(False)
    kept = survey.people[~inside]
    items = survey.outcomes.loc[kept.index]
    without = replace(
        survey, people=kept, outcomes=items, weights=population_weights.by_wave(plan, kept, margins), _jackknives={}
    )
    triples: list[tuple[str, str, Any]] = []
    for _, code, who in groups(plan):
        for name, some in (("All answers", survey), ("Without the window", without)):
            group = code or "all"
            made = change(plan, some, outcome, wave, group) if some.asked(outcome, before) else _all_inside()
            words = {"licence": "exploratory", "planned": False, "unit": contrasts.points(plan, outcome)}
            named = contrasts.name(
                made, "window", outcome=outcome, group=group, wave=wave, method=name.split()[0], **words
            )
            triples.append((who, name, named))
    return layout.table(plan, wave, "sensitivity.window", heading=title).add(triples).exhibit()


def _all_inside() -> NotIdentified:
    return NotIdentified("every answer of the earlier wave was given in the window", "Ask outside such a window.")


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
    """Return the estimate without each session in turn; none where sessions were not recorded."""
    if not plan.population.session_column:
        return []
    made = [_subset(plan, people[people["session"] != s], outcome) for s in sorted(people["session"].unique())]
    return [m.value for m in made if isinstance(m, Estimate)]
