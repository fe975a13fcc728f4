"""Answers and characteristics that are missing: bounds, imputation, rules for blanks, late and reluctant answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation import exhibit as w
from evaluation.analysis import layout
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import planned, sample_for
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison
from evaluation.analysis.level_tables import group_column
from evaluation.analysis.levels import Survey, _too_few_sessions, domain, is_item, values
from evaluation.analysis.robustness.unmeasured_confounding import planned_row
from evaluation.analysis.verdicts import focus
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified
from evaluation.statistics import multiple_imputation, sensitivity

IMPUTATIONS, PASSES = 10, 5


def scale_ends(plan: Plan, outcome: str) -> tuple[float, float] | None:
    """Return the lowest and highest code of an outcome (of its items for a scale); None where it has no levels."""
    items = plan.scales[outcome].items if outcome in plan.scales else (outcome,)
    codes = [float(code) for item in items for code in plan.levels_of(item)]
    return (min(codes), max(codes)) if codes else None


def missing_answers(
    plan: Plan, wave: str, compare: Comparison, sample: Any, survey: Survey, attend: Sequence[Any]
) -> Exhibit:
    """Return the planned difference under other treatments of people who gave no answer to the primary question.

    Complete cases (planned); every blank or don't-know as the middle of the scale, or as its lowest answer; multiple
    imputation; Lee's bounds with the number trimmed; the worst and the best that the missing answers could be.
    """
    row = planned_row(plan, attend)
    if compare.refusal is not None or not isinstance(row, Estimate) or not row.se:
        reason = row if not isinstance(row, Estimate) else NotIdentified("the comparison has no error", "See 05.")
        return layout.refused(plan, wave, "sensitivity.missing", reason)
    outcome = row.outcome
    people = compare.people.assign(**{outcome: survey.outcomes[outcome].reindex(compare.people.index).astype(float)})
    kept = sample_for(people, sample)
    stem, base = f"missing.{outcome}.all.{wave}", min(row.n.values())
    words = {"base": base, "wave": wave}
    triples = [
        (
            "Complete answers (planned)",
            "Difference",
            w.measure(f"{stem}.complete", row.value, row.unit, **words, low=row.low, high=row.high),
        )
    ]
    ends = scale_ends(plan, outcome)
    if ends is not None:
        triples += _filled(plan, people, kept, outcome, ends, stem, row, words)
    triples += _imputed(plan, people, kept, survey, outcome, stem, row, words)
    if ends is not None:
        triples += _bounded(people, outcome, ends, stem, row, words)
    return layout.table(plan, wave, "sensitivity.missing").add(triples).exhibit()


def _filled(plan, people, kept, outcome, ends, stem, row, words) -> list[tuple[str, str, Any]]:
    """Return the planned estimate with every missing answer given one fixed answer."""
    triples: list[tuple[str, str, Any]] = []
    rules = (("middle", "Counted as the middle answer", sum(ends) / 2), ("lowest", "Counted as the lowest", ends[0]))
    for id, name, fill in rules:
        made = planned(plan, people.assign(**{outcome: people[outcome].fillna(fill)}), kept, outcome)
        if isinstance(made, Estimate):
            cell = w.measure(f"{stem}.{id}", made.value, row.unit, **words, low=made.low, high=made.high)
            triples.append((f"Don’t know and blank: {name[:1].lower()}{name[1:]}", "Difference", cell))
    return triples


def _imputed(plan, people, kept, survey, outcome, stem, row, words) -> list[tuple[str, str, Any]]:
    """Return the planned estimate pooled over imputations made from the design, the treatment and other answers."""
    others = [o for o in plan.outcomes.secondary if o != outcome and o in survey.outcomes]
    answers = survey.outcomes.reindex(people.index)[others].astype(float)
    answers = answers.loc[:, answers.notna().mean() > 1 / 2]
    design = [c for c in plan.covariates if c in people and people[c].nunique() > 1]
    columns = [TREATED, outcome, *design, *answers.columns]
    try:
        frames = multiple_imputation.impute(
            people.join(answers), columns, m=IMPUTATIONS, iterations=PASSES, seed=plan.seed
        )
        made = [planned(plan, f, kept, outcome) for f in frames]
        found = [m for m in made if isinstance(m, Estimate)]
        pooled = multiple_imputation.pool([m.value for m in found], [m.se**2 for m in found], df=row.df).estimate()
    except errors.DataError as error:
        return [("Imputed from other answers", "Difference", w.words(f"{stem}.imputed", error.what.split(":")[0]))]
    cell = w.measure(f"{stem}.imputed", pooled.value, row.unit, **words, low=pooled.low, high=pooled.high)
    return [(f"Imputed from other answers, {IMPUTATIONS} times", "Difference", cell)]


def _bounded(people, outcome, ends, stem, row, words) -> list[tuple[str, str, Any]]:
    """Return Lee's bounds with the number of people trimmed, and the worst and best case."""
    low, high = sensitivity.worst_case(people[outcome], people[TREATED], bounds=ends, weight=people[COMPARISON_WEIGHT])
    lee = sensitivity.lee(people[outcome], people[TREATED])
    trimmed = (
        w.measure(f"{stem}.trimmed", 5 * round(lee.trimmed / 5), "people", **words, decimals=0)
        if lee.trimmed >= 10
        else w.words(f"{stem}.trimmed", "none" if lee.trimmed == 0 else "under 10")
    )
    spans = (("Lee’s bounds", "lee", lee.low, lee.high), ("Worst and best case", "worst", low, high))
    triples: list[tuple[str, str, Any]] = [
        (name, "Difference", w.measure(f"{stem}.{id}", (a + b) / 2, row.unit, **words, low=a, high=b))
        for name, id, a, b in spans
    ]
    return [*triples, ("People trimmed for Lee’s bounds", "Difference", trimmed)]


# ---- levels ---------------------------------------------------------------------------------------------------------


def levels_otherwise(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return the focus group's level under other treatments of blanks: who belongs to it, what a blank answer means.

    People who give no group belong to nobody (planned), to the group, or to it in its share of those who do; blank
    answers are left out (planned), or all negative, or all positive; late and reluctant answers beside the others.
    """
    outcome, column, (code, _) = plan.outcomes.primary, group_column(plan), focus(plan)
    title, stem = "The level under other treatments of what is missing", f"otherwise.{outcome}.{code}.{wave}"
    frame = survey.general(wave) if wave in survey.weights and survey.asked(outcome, wave) else None
    if frame is None or not is_item(plan, outcome):
        refusal = NotIdentified("the primary outcome is not a question with positive answers", "See the levels.")
        return layout.refused(plan, wave, "sensitivity.levels", refusal, outcome=outcome, heading=title)
    jk, y = survey.jackknife(plan, wave), values(plan, frame, outcome, share=True)
    cells = _domains(frame, outcome, column, code, y)
    triples: list[tuple[str, str, Any]] = []
    for place, (name, answers, inside) in enumerate(cells):
        n = int((inside > 0).sum())
        if n < plan.sizes.least_people or _too_few_sessions(plan, jk.design, inside):
            triples.append((name, "Positive answers", w.words(f"{stem}.{place}", "too few people or sessions")))
            continue
        made = jk.mean(answers, inside, label=code)
        low, high = max(made.low, 0.0), min(made.high, 100.0)
        words = {"base": n, "wave": wave, "low": low, "high": high, "decimals": 0}
        triples.append((name, "Positive answers", w.measure(f"{stem}.{place}", made.value, "per cent", **words)))
    return layout.table(plan, wave, "sensitivity.levels", heading=title).add(triples).exhibit()


def _domains(frame, outcome, column, code, y) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return (name, answers, membership in 0 to 1) of each treatment, the planned one first."""
    inside = domain(frame, outcome, column, code)
    everyone = (frame[column] == code).fillna(False).to_numpy(float) if column else np.ones(len(frame))
    blank = frame[outcome].isna().to_numpy()
    found = [("Planned: blanks left out", y, inside)]
    if column and frame[column].isna().any():
        unknown = (frame[column].isna() & frame[outcome].notna()).to_numpy(float)
        share = float(inside.sum() / max((frame[column].notna() & frame[outcome].notna()).sum(), 1))
        found += [
            ("Group not stated: all counted in", y, inside + unknown),
            ("Group not stated: counted in by share", y, inside + share * unknown),
        ]
    if (blank & (everyone > 0)).any():
        found += [
            ("No answer: all negative", np.where(blank, 0.0, y), everyone),
            ("No answer: all positive", np.where(blank, 100.0, y), everyone),
        ]
    return found + _late(frame, y, inside) + _reluctant(frame, outcome, y, inside)


def _late(frame: pd.DataFrame, y: np.ndarray, inside: np.ndarray) -> list[tuple[str, np.ndarray, np.ndarray]]:
    dates = next((frame[c] for c in frame if pd.api.types.is_datetime64_any_dtype(frame[c])), None)
    if dates is None or dates.nunique() < 2:
        return []
    late = (dates > dates.median()).to_numpy(float)
    return [
        ("Answered in the first half of fieldwork", y, inside * (1 - late)),
        ("Answered in the second half", y, inside * late),
    ]


def _reluctant(frame, outcome, y, inside) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return people who left some other question blank: nearest to those who did not answer at all."""
    others = [c for c in frame.select_dtypes("number") if c not in (outcome, "population_weight")]
    asked = [c for c in others if frame[c].notna().mean() > 1 / 2]
    left = frame[asked].isna().any(axis=1).to_numpy(float) if asked else np.zeros(len(frame))
    return [("Left another question blank", y, inside * left)] if 0 < left.mean() < 1 else []
