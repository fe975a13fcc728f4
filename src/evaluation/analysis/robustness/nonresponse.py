"""Nonresponse and mode of collection: bias by correlation with the answer, parts of the sample, a window of dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from evaluation.analysis import contrasts, layout, population_weights
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import joined
from evaluation.analysis.change import change
from evaluation.analysis.comparison import Comparison
from evaluation.analysis.level_tables import groups
from evaluation.analysis.levels import Survey, domain, is_item, level, values
from evaluation.analysis.robustness.planned_contrast import adjusted_difference, exploratory
from evaluation.analysis.robustness.specification_curve import subsets
from evaluation.exhibit import SHARE, Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified
from evaluation.statistics import power, sensitivity
from evaluation.table_builder import Table

HALF = 50.0


def who_did_not_answer(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return how far each level would move if answering went with the answer, and what would erase the change."""
    outcome, frame = plan.outcomes.primary, survey.general(wave)
    table = layout.table(plan, wave, "sensitivity.nonresponse", outcome=outcome)
    for column, code, who in groups(plan):
        inside = domain(frame, outcome, column, code)
        weight = frame.loc[inside > 0, "population_weight"]
        n, population = int(inside.sum()), float(weight.sum())
        if n < plan.sizes.least_people or population <= n or not is_item(plan, outcome):
            continue
        y = pd.Series(values(plan, frame, outcome, share=True))[inside > 0]
        sd, sizes = float(y.std()), {"answered": n, "population": round(population)}
        row, stem = table.numbers(base=n).row(code or "all", who), f"nonresponse.{outcome}.{code or 'all'}.{wave}"
        for rho in plan.sensitivity.response_correlations:
            bias = sensitivity.nonresponse_bias(correlation=rho, sd=sd, **sizes)
            column_label = f"If answering goes with it at {rho:g}"
            row.number(column_label, bias, unit=SHARE, decimals=1, id=f"{stem}.{rho:g}")
        gaps = {
            "eraselevel": abs(float(np.average(y, weights=weight)) - HALF),
            "erase": _change(plan, survey, wave, column, code),
        }
        for key, gap in gaps.items():
            if sd > 0 and gap is not None:
                row.number(key, sensitivity.correlation_to_erase(value=gap, sd=sd, **sizes))
    return table.exhibit()


def _change(plan: Plan, survey: Survey, wave: str, column: str, code: str) -> float | None:
    """Return the size of a group's change since the first wave that asked; None where there is none."""
    outcome = plan.outcomes.primary
    before = survey.first_asked(plan, outcome, wave)
    if before is None:
        return None
    first, last = (level(plan, survey, outcome, x, column=column, code=code) for x in (before, wave))
    return abs(last.value - first.value) if isinstance(first, Estimate) and isinstance(last, Estimate) else None


def collection(plan: Plan, wave: str, compare: Comparison, survey: Survey) -> Exhibit:
    """Return the comparison among parts of the sample, and its range when each session is left out in turn."""
    outcome = plan.outcomes.primary
    if compare.refusal is not None:
        return layout.refused(plan, wave, "sensitivity.collection", compare.refusal)
    people = joined(compare, survey, outcome)
    table = layout.table(plan, wave, "sensitivity.collection", outcome=outcome)
    table.numbers(unit=contrasts.points(plan, outcome))
    for place, (name, rows) in enumerate(subsets(plan, compare, survey.people).items()):
        result = adjusted_difference(plan, people[rows.reindex(people.index)], outcome)
        named = exploratory(plan, wave, "part", str(place), result, question=f"Among: {name}")
        table.row(str(place), name[:1].upper() + name[1:]).estimate("difference", named)
    differences = _sessions_left_out(plan, people)
    if differences:
        ends = {"low": min(differences), "high": max(differences)}
        row, mean = table.row("sessions"), sum(differences) / len(differences)
        row.number("difference", mean, base=len(people), **ends)
    _lists_against_general(plan, people, table)
    return table.exhibit()


def _sessions_left_out(plan: Plan, people: pd.DataFrame) -> list[float]:
    """Return the estimate without each session in turn; none where sessions were not recorded."""
    sessions = sorted(people["session"].unique()) if plan.population.session_column else []
    results = [adjusted_difference(plan, people[people["session"] != s], plan.outcomes.primary) for s in sessions]
    return [r.value for r in results if isinstance(r, Estimate)]


def _lists_against_general(plan: Plan, people: pd.DataFrame, table: Table) -> None:
    """Lay out attendees reached through lists against other attendees, and what size it could have seen."""
    came = people[people[TREATED] == 1]
    if not came["boost"].any():
        return
    row, lists = table.row("lists"), came.assign(**{TREATED: came["boost"].astype(int)})
    result = adjusted_difference(plan, lists, plan.outcomes.primary)
    row.estimate("difference", exploratory(plan, table.wave, "part", "lists", result, question=row.label))
    if isinstance(result, Estimate) and result.se:
        seen = power.minimum_detectable(result.se, df=result.df, power=plan.power.power, size=plan.power.size)
        row.number("mde", seen, base=min(result.n.values()), id=f"{table.id('lists', '')}.mde")


def window(plan: Plan, wave: str, survey: Survey, margins: Mapping[str, pd.Series]) -> Exhibit:
    """Return the change of the primary outcome with and without answers given in the plan's window of dates."""
    outcome, dates, people = plan.outcomes.primary, plan.sensitivity.disorder_window, survey.people
    answered = [c for c in people if pd.api.types.is_datetime64_any_dtype(people[c])]
    before = survey.first_asked(plan, outcome, wave)
    if len(dates) != 2 or not answered or before is None:
        return layout.refused(plan, wave, "sensitivity.window")
    when = people[answered[0]]
    kept = people[~((when >= pd.Timestamp(dates[0])) & (when <= pd.Timestamp(dates[1]))).fillna(False)]
    weights = population_weights.by_wave(plan, kept, margins)
    without = replace(survey, people=kept, outcomes=survey.outcomes.loc[kept.index], weights=weights, _jackknives={})
    inside = NotIdentified("every answer of the earlier wave was given in the window", "Ask outside such a window.")
    table = layout.table(plan, wave, "sensitivity.window")
    for _, code, who in groups(plan):
        row, group = table.row(code or "all", who), code or "all"
        for column, answers in {"All": survey, "Without": without}.items():
            result = change(plan, answers, outcome, wave, group) if answers.asked(outcome, before) else inside
            row.estimate(column, exploratory(plan, wave, "window", column, result, group=group))
    return table.exhibit()
