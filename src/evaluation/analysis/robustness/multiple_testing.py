"""Multiple testing: p-values corrected within families, differences expected by chance, and equivalence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.analysis import layout, vocabulary
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import adjusted_for, joined, sample_for
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison
from evaluation.analysis.levels import Survey
from evaluation.analysis.robustness.planned_contrast import planned_estimate
from evaluation.analysis.verdicts import FAMILIES
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, Result
from evaluation.statistics import multiplicity, power
from evaluation.statistics.matching import MatchedSample

LEVEL = 0.05
UNPLANNED = "Benjamini and Hochberg among these; verdicts take all unplanned comparisons together"
WEIGHT = "analysis_weight"
LEAST_DRAWS = 199


@dataclass(frozen=True, slots=True)
class FamilyPValues:
    """Result id → p within its family, and family → the method that made it."""

    p: dict[str, float] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)


def family_p_values(
    plan: Plan, compare: Comparison, sample: MatchedSample, survey: Survey, attend: Sequence[Result]
) -> FamilyPValues:
    """Return the corrected p of every planned comparison of a family.

    Secondary outcomes and controls: Romano-Wolf by wild cluster bootstrap in the designed sample, weighted and
    adjusted as planned, never below the p of the planned estimate itself; Holm where sessions are too few for it.
    Exploratory outcomes: Benjamini and Hochberg among these (verdicts take those of every contrast together).
    """
    out = FamilyPValues()
    for family in FAMILIES:
        rows = [r for r in attend if _in_family(r, family)]
        if not rows:
            continue
        plain = pd.Series({r.id: r.p for r in rows})
        if family == "exploratory":
            corrected, out.methods[family] = multiplicity.benjamini_hochberg(plain), UNPLANNED
        else:
            corrected, out.methods[family] = _stepped(plan, compare, sample, survey, rows, plain)
        out.p.update({k: float(v) for k, v in corrected.items()})
    return out


def _in_family(row: Result, family: str) -> TypeGuard[Estimate]:
    named = isinstance(row, Estimate) and row.family == family and row.p is not None
    return named and row.id.startswith("attend.") and row.id.count(".") == 3


def _stepped(
    plan: Plan, compare: Comparison, sample: MatchedSample, survey: Survey, rows: Sequence[Estimate], plain: pd.Series
) -> tuple[pd.Series, str]:
    """Return step-down p-values of a family in the designed sample; Holm's where the bootstrap cannot serve."""
    fixed = sample_for(compare.people, sample)
    frame = compare.people.assign(**{WEIGHT: fixed.match_weight * compare.people[COMPARISON_WEIGHT]})
    answers = survey.outcomes.reindex(frame.index)[[r.outcome for r in rows]].astype(float)
    frame = frame.join(answers)[lambda f: f[WEIGHT] > 0]
    roles = {"outcomes": list(answers), "treat": TREATED, "weight": WEIGHT, "cluster": "session"}
    draws = {"draws": max(plan.sensitivity.bootstrap_draws, LEAST_DRAWS), "seed": plan.seed, "missing": "each"}
    try:
        table = multiplicity.romano_wolf(frame, covariates=adjusted_for(plan, frame), **roles, **draws)
    except errors.DataError:
        return multiplicity.holm(plain), "Holm"
    if str(table["method"].iloc[0]) != multiplicity.WILD:
        return multiplicity.holm(plain), "Holm"
    stepped = pd.Series(table["p_family"].to_numpy(), index=plain.index)
    return pd.concat([stepped, plain], axis=1).max(axis=1), vocabulary.own(plan, "Romano and Wolf, sessions drawn")


def families(plan: Plan, wave: str, attend: Sequence[Result], corrected: FamilyPValues) -> Exhibit:
    """Return each outcome's chance as it stands and corrected, and how many would differ by chance alone."""
    table = layout.table(plan, wave, "sensitivity.families")
    for result in (r for r in attend if isinstance(r, Estimate) and r.id in corrected.p):
        row = table.row(result.id, f"{plan.label_of(result.outcome)} ({result.family})")
        table.numbers(base=min(result.n.values()))
        row.number("p", result.p).number("pfamily", corrected.p[result.id])
    table.numbers(base=None, unit="comparisons")
    if corrected.p:
        count, id = len(corrected.p), "tests.{}.all." + wave
        by_chance = multiplicity.expected_by_chance(count, LEVEL)
        table.row("count").number("p", count, decimals=0, id=id.format("count"))
        table.row("chance").number("p", by_chance, decimals=1, id=id.format("chance"))
    for family, method in corrected.methods.items():
        table.note("method", family=family.capitalize(), method=method)
    return table.exhibit()


def equivalence(
    plan: Plan, wave: str, compare: Comparison, sample: MatchedSample, survey: Survey, attend: Sequence[Result]
) -> Exhibit:
    """Return whether the whole 95 % interval of the planned contrast lies inside the smallest worthwhile difference.

    Weights and sessions are in the interval. Beside it: the chance that a study of this error rules it out if there is
    no difference, and two one-sided tests of the matched people without weights or sessions (Schuirmann 1987).
    """
    row, refusal = planned_estimate(plan, attend)
    if row is None or not row.margin:
        return layout.refused(plan, wave, "sensitivity.equivalence", refusal)
    table = layout.table(plan, wave, "sensitivity.equivalence", outcome=row.outcome)
    table.numbers(unit=row.unit, base=min(row.n.values()))
    null = row.null or 0.0
    inside = -row.margin < row.low - null and row.high - null < row.margin
    table.row("margin").number("size", row.margin)
    table.row("range").interval("size", row)
    table.row("inside").text("size", "yes" if inside else "no")
    table.row("chance").share("size", power.chance_of_equivalence(row.margin, row.se, df=row.df or float("inf")))
    tost = unweighted(joined(compare, survey, row.outcome), sample, row.outcome, row.margin)
    table.row("tost").number("size", tost, unit="", decimals=3)
    return table.exhibit()


def matched_arms(
    plan: Plan, compare: Comparison, sample: MatchedSample, survey: Survey, attend: Sequence[Result]
) -> tuple[list[np.ndarray], float]:
    """Return the answers of matched attendees and of their counterparts, and the margin; a margin of 0 where none."""
    row, _ = planned_estimate(plan, attend)
    if row is None or not row.margin:
        return [], 0.0
    return _arms(joined(compare, survey, row.outcome), sample, row.outcome), float(row.margin)


def _arms(people: pd.DataFrame, sample: MatchedSample, outcome: str) -> list[np.ndarray]:
    used = people[(sample_for(people, sample).match_weight > 0).to_numpy()]
    return [used.loc[used[TREATED] == arm, outcome].to_numpy(float) for arm in (1, 0)]


def unweighted(people: pd.DataFrame, sample: MatchedSample, outcome: str, margin: float) -> float:
    """Return the larger p of two one-sided t tests (pingouin) between matched attendees and their counterparts."""
    import pingouin

    table = pingouin.tost(*_arms(people, sample, outcome), bound=margin)
    return float(table[next(c for c in table if c.startswith("p"))].iloc[0])
