"""Tables of the designs: results and refusals, people in every cell, assumptions, recall bias, common shocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeGuard

import numpy as np
import pandas as pd

from evaluation.analysis import contrasts, layout, vocabulary
from evaluation.analysis.arms import TREATED
from evaluation.analysis.did.designs import heading, kind, method_of, name_of, unmet
from evaluation.analysis.did.inputs import DesignInputs, ends, session_in
from evaluation.analysis.did.linked_panel import linked_rows
from evaluation.analysis.did.predicted_and_recalled import remembered
from evaluation.analysis.programme import national_trend
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified, Result, TooFew
from evaluation.statistics import inference
from evaluation.statistics.external_series import Spread

ATTENDEES = "Attendees before and after"
OWN_CELLS = ("", "by-place", "next-door", "black-heritage")


def forest(plan: Plan, inputs: DesignInputs, results: Sequence[Result], refusal: Result) -> Exhibit:
    """Return each design's estimate or refusal, the refused change of attendees first."""
    unit = contrasts.points(plan, plan.outcomes.primary)
    table = layout.table(plan, inputs.wave, "designs.forest", points=unit)
    table.row(vocabulary.own(plan, ATTENDEES)).estimate("change", refusal)
    for result in results:
        table.row(result.id, heading(plan, result)).estimate("change", result)
        licensed = plan.designs[name_of(result)].licence
        if _is_estimate(result) and licensed == "effect" and result.licence == "association":
            table.note("capped", design=plan.designs[name_of(result)].title, unmet="; ".join(unmet(result)))
    return table.exhibit(chart=None if any(isinstance(r, Estimate) for r in results) else "")


def _is_estimate(result: Result) -> TypeGuard[Estimate]:
    """Return whether a result is a design's own estimate, not a companion's."""
    return isinstance(result, Estimate) and not method_of(result)


def refusals(plan: Plan, inputs: DesignInputs, results: Sequence[Result], refusal: Result) -> Exhibit:
    """Return each design that was refused or had too few people, why, and what the next wave should ask."""
    table = layout.table(plan, inputs.wave, "designs.refused")
    headings = [vocabulary.own(plan, ATTENDEES), *(heading(plan, r) for r in results)]
    for place, (label, result) in enumerate(zip(headings, [refusal, *results], strict=True)):
        if not place and not plan.treatment.column:
            continue
        row = table.row(str(place), label)
        if isinstance(result, NotIdentified):
            row.text("why", result.reason).text("ask", result.what_would_help)
        elif isinstance(result, TooFew):
            row.text("why", f"too few {result.unit}: {result.needed} are needed in every cell").declared("ask", "few")
    return table.exhibit()


def cells(plan: Plan, inputs: DesignInputs, results: Sequence[Result]) -> Exhibit:
    """Return the number of people in every cell of every design, and how many linked people stand in none."""
    table = layout.table(plan, inputs.wave, "designs.cells")
    rows: list[tuple[str, str, int | None]] = []
    for result in results:
        method = method_of(result)
        if method not in OWN_CELLS:
            continue
        name = heading(plan, result)
        counts = result.n if isinstance(result, Estimate) else getattr(result, "counts", {})
        if method and min(counts.values(), default=10) < 10:
            rows.append((f"{result.id}.few", f"{name}: all cells", None))
        else:
            rows += [
                (f"{result.id}.{i}", f"{name}: {vocabulary.own(plan, cell)}", n)
                for i, (cell, n) in enumerate(counts.items())
            ]
    design = plan.designs.get("D5")
    aside = linked_rows(plan, inputs, design)[1] if design and set(design.waves) <= set(inputs.fieldwork) else {}
    for i, (reason, n) in enumerate(aside.items()):
        rows.append((f"d5.aside{i}.{inputs.wave}", f"Linked, in no group: {vocabulary.own(plan, reason)}", n))
    for key, label, n in rows:
        row = table.row(key, label)
        if n is None or n < 10:
            row.declared("people", "few" if n is None else "under")
        else:
            row.number("people", 5 * round(n / 5), base=n)
    return table.exhibit()


def assumptions(plan: Plan, inputs: DesignInputs, results: Sequence[Result]) -> Exhibit:
    """Return what each design of the plan assumes, what it leaves in, and what its result may say."""
    table = layout.table(plan, inputs.wave, "designs.assumptions")
    licences = {name_of(r): r.licence for r in results if _is_estimate(r)}
    for name, design in plan.designs.items():
        row = table.row(name, design.title)
        for column in ("q", "a", "h", "b", "m"):
            row.declared(column, kind(name))
        row.declared("c", licences.get(name, design.licence))
    return table.exhibit()


def answer(plan: Plan, inputs: DesignInputs, results: Sequence[Result], refusal: Result) -> Exhibit:
    """Return the answer of notebook 06: the refusal, then each design's estimate or reason, and what it may say."""
    table = layout.table(plan, inputs.wave, "answer.06")
    may_say = layout.declarations(plan)["designs.assumptions"].texts["c"]
    table.row(vocabulary.own(plan, ATTENDEES)).estimate("answer", refusal)
    for result in (r for r in results if not method_of(r)):
        row = table.row(name_of(result), heading(plan, result)).estimate("answer", result)
        if isinstance(result, Estimate):
            row.text("verb", f"“{may_say[result.licence].split(':')[0]}”, no more")
    return table.exhibit()


# ---- recall bias ----------------------------------------------------------------------------------------------------


def recall(plan: Plan, inputs: DesignInputs) -> Exhibit:
    """Return how far memory agrees with what was answered then: people who did not attend, recalled and measured."""
    column, outcome = plan.treatment.retrospective_column, plan.outcomes.primary
    survey, before = inputs.survey, inputs.survey.first_asked(plan, outcome, inputs.wave)
    people = remembered(plan, inputs, inputs.wave, outcome) if column and column in survey.outcomes else None
    if not isinstance(people, pd.DataFrame) or before is None:
        refusal = people if isinstance(people, NotIdentified) else None
        return layout.refused(plan, inputs.wave, "designs.recall", refusal)
    others, frame = people[people[TREATED] == 0], survey.general(before).dropna(subset=[outcome])
    then = survey.outcomes[column].reindex(others.index)
    table = layout.table(plan, inputs.wave, "designs.recall", outcome=outcome, before=before)
    means = {
        "remembered": (then, others["comparison_weight"]),
        "answered": (frame[outcome], frame["population_weight"]),
    }
    for key, (values, weight) in means.items():
        mean = float((values * weight).sum() / weight.sum())
        table.row(key).number("mean", mean, base=len(values))
    if min(len(others), len(frame)) < plan.sizes.least_people:
        counts = {"remembered": len(others), "answered": len(frame)}
        return table.refused(TooFew(counts=counts, needed=plan.sizes.least_people))
    bias, base = _recall_bias(plan, inputs, others, then, frame)
    table.row("bias").interval("mean", bias, base=base)
    return table.exhibit()


def _recall_bias(
    plan: Plan, inputs: DesignInputs, others: pd.DataFrame, then: pd.Series, frame: pd.DataFrame
) -> tuple[Estimate, int]:
    """Return memory less answer among people alike in what both surveys asked, error by session (CR2)."""
    outcome = plan.outcomes.primary
    rows = inputs.survey.people.loc[others.index]
    weights = others["comparison_weight"], frame["population_weight"]
    recalled = rows.assign(y=then, remembered=1.0, weight=weights[0] / weights[0].mean())
    answered = frame.assign(y=frame[outcome], remembered=0.0, weight=weights[1] / weights[1].mean())
    both = pd.concat([recalled, answered]).dropna(subset=["y"])
    shared = [c for c in plan.matching.prognostic if c in both and both[c].notna().all() and both[c].nunique() > 1]
    session = session_in(plan, both)
    labels = both[session].astype(str) if session else pd.Series(both.index.astype(str))
    extra = pd.get_dummies(both[shared], drop_first=True) if shared else both[[]]
    x = np.column_stack([np.ones(len(both)), both["remembered"], extra]).astype(float)
    names = ["one", "remembered", *[f"x{k}" for k in range(x.shape[1] - 2)]]
    fit = inference.regress(x, both["y"].to_numpy(dtype=float), names, both["weight"].to_numpy(dtype=float))
    bias = inference.cluster_robust(fit, labels.to_numpy()).estimate("remembered")
    return bias, int(min((both["remembered"] == 1).sum(), (both["remembered"] == 0).sum()))


# ---- common shocks --------------------------------------------------------------------------------------------------


def shocks(plan: Plan, inputs: DesignInputs, results: Sequence[Result], rows: pd.DataFrame | None = None) -> Exhibit:
    """Return the interval of each change widened by news that moved one group between the surveys.

    A shock of s percentage points is turned into points of the mean by the outcome's standard deviation (a share near
    one half has a standard deviation of 50 percentage points); it adds to the variance once per wave. Where another
    survey asks the outcome in the same words and `rows` holds its figures, how far they move over the years between the
    two waves stands in place of the assumed shocks.
    """
    table = layout.table(plan, inputs.wave, "designs.shocks")
    moved = national_trend.spreads(plan, rows)
    for result in results:
        if not _is_estimate(result) or not result.se or len(plan.designs[name_of(result)].waves) < 2:
            continue
        sd = inputs.survey.sd.get(result.outcome, math.nan)
        if not math.isfinite(sd):
            continue
        row = table.row(result.id, heading(plan, result))
        table.numbers(unit=result.unit, base=min(result.n.values()))
        quantile = (result.high - result.low) / 2 / result.se
        years = national_trend.years_between(plan, *ends(plan.designs[name_of(result)]))
        for column, key, points in _shocks(plan, moved.get(result.outcome), years):
            half = quantile * math.sqrt(result.se**2 + (points / 50.0 * sd) ** 2)
            low, high = result.value - half, result.value + half
            row.number(column, result.value, low=low, high=high, id=f"shock.{result.id}.{key}")
    return table.exhibit()


def _shocks(plan: Plan, moved: Spread | None, years: float) -> list[tuple[str, str, float]]:
    """Return column, key and size of each shock to a change: of the series where there is one, else as assumed."""
    if moved is not None and years > 0:
        points = moved.over(years)
        return [("none", "0", 0.0), ("Another survey's own movement on this question", "series", points)]
    assumed = [(f"News of {p:g} percentage points", f"{p:g}", math.sqrt(2) * p) for p in plan.sensitivity.shocks_points]
    return [("none" if points == 0 else column, key, points) for column, key, points in assumed]
