"""How sure the levels are: two kinds of error side by side, the group's own weights, and answers that are missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation import exhibit as w
from evaluation.analysis import contrasts, layout, population_weights
from evaluation.analysis.level_tables import groups
from evaluation.analysis.levels import Survey, bounded, domain, is_item, level, values
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate
from evaluation.statistics import multiple_imputation
from evaluation.statistics import survey as estimation
from evaluation.verdict import TOO_FEW

IMPUTATIONS, PASSES = 20, 5


def errors_beside(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return the primary outcome's published errors beside linearised ones, which are shorter with few sessions."""
    triples: list[tuple[str, str, Any]] = []
    outcome = plan.outcomes.primary
    share = is_item(plan, outcome)
    for when in [x for x in (*plan.earlier_waves(wave), wave) if x in survey.weights and survey.asked(outcome, x)]:
        frame, design = survey.general(when), survey.jackknife(plan, when).design
        for column, code, who in groups(plan):
            made = level(plan, survey, outcome, when, column=column, code=code, share=share)
            if not isinstance(made, Estimate) or not made.se:
                continue
            inside = domain(frame, outcome, column, code)
            y = pd.Series(values(plan, frame, outcome, share=share), index=frame.index).where(inside > 0)
            held = estimation.Design(frame.assign(held=y), weight=design.source, cluster=design.cluster)
            (linear,) = estimation.mean(held, "held", missing="domain")
            stem, base = f"error.{outcome}.{code or 'all'}.{when}", int(inside.sum())
            row = f"{who}, {when}"
            for head, id, value, unit, places in (
                ("Published (sessions left out in turn)", "jackknife", made.se, unit_of(made), 2),
                ("Linearised", "linearised", linear.se or 0.0, unit_of(made), 2),
                ("Published interval, times the linearised one", "times", _width(made) / _width(linear), "times", 2),
                ("Degrees of freedom, published", "df", made.df or 0.0, "", 1),
            ):
                cell = w.measure(f"{stem}.{id}", value, unit, base=base, wave=when, decimals=places)
                triples.append((row, head, cell))
    if not triples:
        triples = [("No error", "", w.words(f"error.none.all.{wave}", "too few sessions for an error"))]
    return layout.table(plan, wave, "levels.errors", short=contrasts.short(plan, outcome)).add(triples).exhibit()


def unit_of(e: Estimate) -> str:
    """Return the unit of an error: a share's is in percentage points."""
    return "percentage points" if e.unit == "per cent" else e.unit


def _width(e: Estimate) -> float:
    assert e.high is not None
    assert e.low is not None
    return e.high - e.low


def own_population(plan: Plan, wave: str, survey: Survey, margins: Mapping[str, pd.Series]) -> Exhibit:
    """Return the focus group's levels with everybody's weights and with weights to the group's own population."""
    triples: list[tuple[str, str, Any]] = []
    column, made = population_weights.of_group(plan, survey.people, margins)
    code = population_weights.focus_levels(plan)[1]
    if wave in made:
        alone = Survey(survey.people, survey.outcomes, made, survey.sd)
        for outcome in (plan.outcomes.primary, *plan.outcomes.secondary):
            if not survey.asked(outcome, wave):
                continue
            share = is_item(plan, outcome)
            for head, which, method in (
                ("Weighted to everybody", survey, "everybody"),
                ("Weighted to their own population", alone, "own"),
            ):
                found = level(plan, which, outcome, wave, column=column, code=code, share=share)
                named = contrasts.name(
                    found,
                    "level" if share else "mean",
                    outcome=outcome,
                    group=code,
                    wave=wave,
                    method=method,
                    planned=method == "everybody",
                    licence="descriptive",
                    question=f"{plan.label_of(outcome)}, {code}, {wave}, {head.lower()}",
                )
                triples.append((plan.label_of(outcome), head, named))
    if not triples:
        triples = [("No group", "", w.words(f"level.own.none.{wave}", "the plan compares no groups"))]
    return layout.table(plan, wave, "levels.own").add(triples).exhibit()


def unanswered(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return the primary outcome's level as published, with missing answers imputed, and at their worst and best.

    Imputed twenty times from the other answers and characteristics (chained equations), pooled by Rubin's rules with
    Barnard and Rubin's degrees of freedom; errors by leaving out sessions. The bounds give every missing answer the
    lowest and then the highest possible one.
    """
    outcome, jk = plan.outcomes.primary, survey.jackknife(plan, wave)
    frame = survey.general(wave)
    triples: list[tuple[str, str, Any]] = []
    completed: list[pd.Series] | None = None if survey.asked(outcome, wave) else []
    for column, code, who in groups(plan):
        inside = np.ones(len(frame)) if not column else (frame[column] == code).fillna(False).to_numpy(dtype=float)
        for share in (True, False) if is_item(plan, outcome) else (False,):
            found = level(plan, survey, outcome, wave, column=column, code=code, share=share)
            if isinstance(found, Estimate) and completed is None:
                completed = _completed(plan, frame, survey, outcome)
            if isinstance(found, Estimate) and completed:
                triples += _missing_row(plan, jk, completed, (outcome, code, who), inside, found)
    if not triples:
        triples = [("Nothing to show", "", w.words(f"unanswered.none.all.{wave}", f"{TOO_FEW}, or none missing"))]
    return layout.table(plan, wave, "levels.missing", short=contrasts.short(plan, outcome)).add(triples).exhibit()


def _missing_row(
    plan: Plan, jk: Any, completed: list[pd.Series], who: tuple[str, str, str], inside: np.ndarray, found: Estimate
) -> list[tuple[str, str, Any]]:
    """Return one row: published, imputed, and the lowest and the highest that the missing answers allow.

    `completed` holds the outcome with its gaps first, then each completed copy.
    """
    outcome, code, words = who
    share = found.unit == "per cent"
    wave, gaps = str(jk.design.frame["wave"].iloc[0]), completed[0]
    stem = f"unanswered.{outcome}.{code or 'all'}.{wave}.{'share' if share else 'mean'}"
    row = f"{words}: {'share of positive answers' if share else 'mean'}"

    def shown(id: str, e: float, low: float | None = None, high: float | None = None) -> Any:
        return w.measure(
            f"{stem}.{id}",
            e,
            found.unit,
            base=sum(found.n.values()),
            wave=wave,
            low=low,
            high=high,
            decimals=0 if share else 2,
        )

    def at(y: pd.Series) -> Estimate:
        scored = values(plan, pd.DataFrame({outcome: y}), outcome, share=share)
        made: Estimate = jk.mean(scored, inside, label=code or "all")
        return made

    each = [at(y) for y in completed[1:]]
    pooled = multiple_imputation.pool([e.value for e in each], [(e.se or 0.0) ** 2 for e in each], each[0].df).estimate(
        null=None
    )
    pooled = bounded(replace(pooled, unit="per cent")) if share else pooled
    lowest, highest = (at(gaps.fillna(x)).value for x in _ends(plan, outcome))
    return [
        (row, "Published (those who answered)", shown("published", found.value, found.low, found.high)),
        (row, "Imputed", shown("imputed", pooled.value, pooled.low, pooled.high)),
        (row, "If every missing answer were the lowest", shown("lowest", lowest)),
        (row, "If every missing answer were the highest", shown("highest", highest)),
    ]


def _ends(plan: Plan, outcome: str) -> tuple[float, float]:
    items = plan.scales[outcome].items if outcome in plan.scales else (outcome,)
    codes = [float(code) for item in items for code in plan.levels_of(item)]
    return min(codes), max(codes)


def _completed(plan: Plan, frame: pd.DataFrame, survey: Survey, outcome: str) -> list[pd.Series]:
    """Return the outcome with its gaps, then completed m times from other outcomes, covariates, group and weight."""
    others = [o for o in survey.outcomes if o in frame and o != outcome and frame[o].notna().mean() > 0.5]
    model = frame[[outcome, *others]].astype(float)
    for column in dict.fromkeys([*plan.covariates, plan.treatment.column]):
        if column in frame and frame[column].notna().any():
            held = frame[column]
            numbers = pd.api.types.is_numeric_dtype(held) and not pd.api.types.is_bool_dtype(held)
            model[column] = held.astype(float) if numbers else held.astype(object).fillna("not stated").astype(str)
    model["weight"] = frame["population_weight"]
    model = model[[c for c in model if model[c].nunique() > 1]]
    if outcome not in model or model[outcome].notna().all():
        return []
    try:
        made = multiple_imputation.impute(model, list(model), m=IMPUTATIONS, iterations=PASSES, seed=plan.seed)
    except errors.DataError:
        return []
    return [model[outcome], *(one[outcome] for one in made)]
