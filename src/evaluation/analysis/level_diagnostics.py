"""Diagnostics of the levels: two kinds of error, the focus group's own weights, and answers that are missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.analysis import contrasts, layout, population_weights
from evaluation.analysis.level_tables import groups
from evaluation.analysis.levels import Survey, bounded, domain, is_item, level, values
from evaluation.exhibit import SHARE, Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate
from evaluation.statistics import multiple_imputation
from evaluation.statistics import survey as estimation
from evaluation.statistics.survey import Jackknife
from evaluation.table_builder import Row

IMPUTATIONS, PASSES = 20, 5


def two_errors(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return the primary outcome's published errors and linearised ones, which are shorter with few sessions."""
    outcome = plan.outcomes.primary
    table = layout.table(plan, wave, "levels.errors", short=contrasts.short(plan, outcome))
    share = is_item(plan, outcome)
    for when in survey.waves_of(plan, outcome, wave):
        frame, design = survey.general(when), survey.jackknife(plan, when).design
        for column, code, who in groups(plan):
            published = level(plan, survey, outcome, when, column=column, code=code, share=share)
            if not isinstance(published, Estimate) or not published.se:
                continue
            inside = domain(frame, outcome, column, code)
            y = pd.Series(values(plan, frame, outcome, share=share), index=frame.index).where(inside > 0)
            whole = estimation.Design(frame.assign(answer=y), weight=design.source, cluster=design.cluster)
            (linear,) = estimation.mean(whole, "answer", missing="domain")
            if not _width(linear):
                continue
            unit, given = SHARE if share else published.unit, {"base": int(inside.sum()), "wave": when}
            row = table.row(f"{outcome}.{code or 'all'}.{when}", f"{who}, {when}")
            row.numbers({"jackknife": published.se, "linearised": linear.se or 0.0}, unit=unit, **given)
            row.numbers({"times": _width(published) / _width(linear), "df": published.df or 0.0}, **given)
    return table.exhibit()


def _width(e: Estimate) -> float:
    return e.high - e.low


def own_population(plan: Plan, wave: str, survey: Survey, group: population_weights.Group) -> Exhibit:
    """Return the focus group's levels with everybody's weights and with weights to the group's own population."""
    table = layout.table(plan, wave, "levels.own")
    column, weights = group
    code = population_weights.focus_levels(plan)[1]
    surveys = {"everybody": survey, "own": Survey(survey.people, survey.outcomes, weights, survey.sd)}
    for outcome in (plan.outcomes.primary, *plan.outcomes.secondary) if wave in weights else ():
        if not survey.asked(outcome, wave):
            continue
        share, label = is_item(plan, outcome), plan.label_of(outcome)
        row, contrast = table.row(outcome, label), "level" if share else "mean"
        for method, weighted in surveys.items():
            result = level(plan, weighted, outcome, wave, column=column, code=code, share=share)
            question = f"{label}, {code}, {wave}, {table.column(method).label.lower()}"
            given = {"method": method, "planned": method == "everybody"}
            row.estimate(method, contrasts.level(result, contrast, outcome, code, wave, question, **given))
    return table.exhibit()


def unanswered(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return the primary outcome's level as published, with missing answers imputed, and at their worst and best.

    Imputed twenty times from the other answers and characteristics (chained equations), pooled by Rubin's rules with
    Barnard and Rubin's degrees of freedom; errors by leaving out sessions. The bounds give every missing answer the
    lowest and then the highest possible one.
    """
    outcome, jk, frame = plan.outcomes.primary, survey.jackknife(plan, wave), survey.general(wave)
    table = layout.table(plan, wave, "levels.missing", short=contrasts.short(plan, outcome))
    completed: list[pd.Series] | None = None if survey.asked(outcome, wave) else []
    for column, code, who in groups(plan):
        inside = np.ones(len(frame)) if not column else (frame[column] == code).fillna(False).to_numpy(dtype=float)
        for share in (True, False) if is_item(plan, outcome) else (False,):
            published = level(plan, survey, outcome, wave, column=column, code=code, share=share)
            if isinstance(published, Estimate) and completed is None:
                completed = _completed(plan, frame, survey, outcome)
            if isinstance(published, Estimate) and completed:
                kind, label = ("share", "share of positive answers") if share else ("mean", "mean")
                row = table.row(f"{outcome}.{code or 'all'}.{wave}.{kind}", f"{who}: {label}")
                _imputed(plan, row, jk, completed, inside, published)
    return table.exhibit()


def _imputed(
    plan: Plan, row: Row, jk: Jackknife, completed: list[pd.Series], inside: np.ndarray, published: Estimate
) -> None:
    """Add the level as published, imputed, and the lowest and the highest that the missing answers allow.

    `completed` holds the outcome with its gaps first, then each completed copy.
    """
    outcome, share = str(completed[0].name), published.unit == "per cent"

    def at(y: pd.Series) -> Estimate:
        return jk.mean(values(plan, pd.DataFrame({outcome: y}), outcome, share=share), inside, label="all")

    each = [at(y) for y in completed[1:]]
    pool = multiple_imputation.pool([e.value for e in each], [(e.se or 0.0) ** 2 for e in each], each[0].df)
    pooled = pool.estimate(null=None)
    pooled = bounded(replace(pooled, unit="per cent")) if share else pooled
    given = {"unit": published.unit, "base": sum(published.n.values()), "decimals": 0 if share else 2}
    for column, e in (("published", published), ("imputed", pooled)):
        row.number(column, e.value, low=e.low, high=e.high, **given)
    for column, end in zip(("lowest", "highest"), contrasts.ends(plan, outcome), strict=False):
        row.number(column, at(completed[0].fillna(end)).value, **given)


def _completed(plan: Plan, frame: pd.DataFrame, survey: Survey, outcome: str) -> list[pd.Series]:
    """Return the outcome with its gaps, then completed m times from other outcomes, covariates, group and weight."""
    others = [o for o in survey.outcomes if o in frame and o != outcome and frame[o].notna().mean() > 0.5]
    model = frame[[outcome, *others]].astype(float)
    for column in dict.fromkeys([*plan.covariates, plan.treatment.column]):
        if column in frame and frame[column].notna().any():
            known = frame[column]
            numbers = pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known)
            model[column] = known.astype(float) if numbers else known.astype(object).fillna("not stated").astype(str)
    model["weight"] = frame["population_weight"]
    model = model[[c for c in model if model[c].nunique() > 1]]
    if outcome not in model or model[outcome].notna().all():
        return []
    try:
        copies = multiple_imputation.impute(model, list(model), m=IMPUTATIONS, iterations=PASSES, seed=plan.seed)
    except errors.DataError:
        return []
    return [model[outcome], *(one[outcome] for one in copies)]
