"""Missing data: bounds, multiple imputation, rules for blanks, late and reluctant respondents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.analysis import layout
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import planned, sample_for
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison
from evaluation.analysis.level_tables import group_column
from evaluation.analysis.levels import Survey, _too_few_sessions, domain, is_item, values
from evaluation.analysis.robustness.planned_contrast import planned_estimate
from evaluation.analysis.verdicts import focus
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, Result
from evaluation.statistics import multiple_imputation, sensitivity
from evaluation.statistics.matching import MatchedSample
from evaluation.table_builder import Table

IMPUTATIONS, PASSES = 10, 5
Treatment = tuple[str, np.ndarray, np.ndarray]


def scale_ends(plan: Plan, outcome: str) -> tuple[float, float] | None:
    """Return the lowest and highest code of an outcome (of its items for a scale); None where it has no levels."""
    items = plan.scales[outcome].items if outcome in plan.scales else (outcome,)
    codes = [float(code) for item in items for code in plan.levels_of(item)]
    return (min(codes), max(codes)) if codes else None


def missing_answers(
    plan: Plan, wave: str, compare: Comparison, sample: MatchedSample, survey: Survey, attend: Sequence[Result]
) -> Exhibit:
    """Return the planned difference under other treatments of people who gave no answer to the primary question.

    Complete cases (planned); every blank or don't-know as the middle of the scale, or as its lowest answer; multiple
    imputation; Lee's bounds with the number trimmed; the worst and the best that the missing answers could be.
    """
    row, refusal = planned_estimate(plan, attend)
    if compare.refusal is not None or row is None:
        return layout.refused(plan, wave, "sensitivity.missing", refusal)
    outcome, ends = row.outcome, scale_ends(plan, row.outcome)
    people = compare.people.assign(**{outcome: survey.outcomes[outcome].reindex(compare.people.index).astype(float)})
    kept = sample_for(people, sample)
    table = layout.table(plan, wave, "sensitivity.missing", outcome=outcome, times=IMPUTATIONS)
    table.numbers(unit=row.unit, base=min(row.n.values()))
    table.row("complete").interval("difference", row)
    for key, answer in {} if ends is None else {"middle": sum(ends) / 2, "lowest": ends[0]}.items():
        result = planned(plan, people.assign(**{outcome: people[outcome].fillna(answer)}), kept, outcome)
        if isinstance(result, Estimate):
            table.row(key).interval("difference", result)
    _imputed(plan, people, kept, survey, row, table)
    if ends is not None:
        _bounded(people, outcome, ends, table)
    return table.exhibit()


def _imputed(
    plan: Plan, people: pd.DataFrame, kept: MatchedSample, survey: Survey, row: Estimate, table: Table
) -> None:
    """Lay out the planned estimate pooled over imputations made from the design, the treatment and other answers."""
    outcome = row.outcome
    others = [o for o in plan.outcomes.secondary if o != outcome and o in survey.outcomes]
    answers = survey.outcomes.reindex(people.index)[others].astype(float)
    answers = answers.loc[:, answers.notna().mean() > 1 / 2]
    design = [c for c in plan.covariates if c in people and people[c].nunique() > 1]
    columns = [TREATED, outcome, *design, *answers.columns]
    draws = {"m": IMPUTATIONS, "iterations": PASSES, "seed": plan.seed}
    try:
        frames = multiple_imputation.impute(people.join(answers), columns, **draws)
        results = [r for f in frames if isinstance(r := planned(plan, f, kept, outcome), Estimate)]
        pooled = multiple_imputation.pool([r.value for r in results], [r.se**2 for r in results], df=row.df).estimate()
    except errors.DataError as error:
        label = "Imputed from other answers"
        table.row("imputed", label).text("difference", error.what.split(":")[0])
    else:
        table.row("imputed").interval("difference", pooled)


def _bounded(people: pd.DataFrame, outcome: str, ends: tuple[float, float], table: Table) -> None:
    """Lay out Lee's bounds with the number of people trimmed, and the worst and best case."""
    worst = sensitivity.worst_case(people[outcome], people[TREATED], bounds=ends, weight=people[COMPARISON_WEIGHT])
    lee = sensitivity.lee(people[outcome], people[TREATED])
    for key, (low, high) in {"lee": (lee.low, lee.high), "worst": worst}.items():
        table.row(key).number("difference", (low + high) / 2, low=low, high=high)
    row = table.row("trimmed")
    if lee.trimmed >= 10:
        row.number("difference", 5 * round(lee.trimmed / 5), unit="people", decimals=0)
    else:
        row.text("difference", "none" if lee.trimmed == 0 else "under 10")


# ---- levels ---------------------------------------------------------------------------------------------------------


def levels_otherwise(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return the focus group's level under other treatments of blanks: who belongs to it, what a blank answer means.

    People who give no group belong to nobody (planned), to the group, or to it in its share of those who do; blank
    answers are left out (planned), or all negative, or all positive; late and reluctant answers beside the others.
    """
    outcome, column, (code, _) = plan.outcomes.primary, group_column(plan), focus(plan)
    frame = survey.general(wave) if wave in survey.weights and survey.asked(outcome, wave) else None
    if frame is None or not is_item(plan, outcome):
        return layout.refused(plan, wave, "sensitivity.levels", outcome=outcome)
    table = layout.table(plan, wave, "sensitivity.levels", outcome=outcome, code=code)
    jk, y = survey.jackknife(plan, wave), values(plan, frame, outcome, share=True)
    for place, (key, answers, inside) in enumerate(_treatments(frame, outcome, column, code, y)):
        row, id, n = table.row(key), table.id(str(place), ""), int((inside > 0).sum())
        if n < plan.sizes.least_people or _too_few_sessions(plan, jk.design, inside):
            row.declared("positive", "few", id=id)
            continue
        mean = jk.mean(answers, inside, label=code)
        row.number("positive", mean.value, base=n, low=max(mean.low, 0.0), high=min(mean.high, 100.0), id=id)
    return table.exhibit()


def _treatments(frame: pd.DataFrame, outcome: str, column: str, code: str, y: np.ndarray) -> list[Treatment]:
    """Return (key, answers, membership in 0 to 1) of each treatment, the planned one first."""
    inside = domain(frame, outcome, column, code)
    everyone = (frame[column] == code).fillna(False).to_numpy(float) if column else np.ones(len(frame))
    blank = frame[outcome].isna().to_numpy()
    out = [("planned", y, inside)]
    if column and frame[column].isna().any():
        unknown = (frame[column].isna() & frame[outcome].notna()).to_numpy(float)
        share = float(inside.sum() / max((frame[column].notna() & frame[outcome].notna()).sum(), 1))
        out += [("group_in", y, inside + unknown), ("group_share", y, inside + share * unknown)]
    if (blank & (everyone > 0)).any():
        out += [(key, np.where(blank, x, y), everyone) for key, x in (("negative", 0.0), ("positive", 100.0))]
    return out + _late(frame, y, inside) + _reluctant(frame, outcome, y, inside)


def _late(frame: pd.DataFrame, y: np.ndarray, inside: np.ndarray) -> list[Treatment]:
    dates = next((frame[c] for c in frame if pd.api.types.is_datetime64_any_dtype(frame[c])), None)
    if dates is None or dates.nunique() < 2:
        return []
    late = (dates > dates.median()).to_numpy(float)
    return [("early", y, inside * (1 - late)), ("late", y, inside * late)]


def _reluctant(frame: pd.DataFrame, outcome: str, y: np.ndarray, inside: np.ndarray) -> list[Treatment]:
    """Return people who left some other question blank: nearest to those who did not answer at all."""
    others = [c for c in frame.select_dtypes("number") if c not in (outcome, "population_weight")]
    asked = [c for c in others if frame[c].notna().mean() > 1 / 2]
    left = frame[asked].isna().any(axis=1).to_numpy(float) if asked else np.zeros(len(frame))
    return [("reluctant", y, inside * left)] if 0 < left.mean() < 1 else []
