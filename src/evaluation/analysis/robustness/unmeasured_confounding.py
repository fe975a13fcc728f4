"""Sensitivity to unmeasured confounding: break-even gap, E-value, omitted variable, Oster's delta, Rosenbaum bounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.analysis import layout, vocabulary
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import adjusted_for, joined
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison
from evaluation.analysis.levels import Survey
from evaluation.analysis.robustness.planned_contrast import planned_estimate
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, Result
from evaluation.statistics import inference, sensitivity
from evaluation.statistics._roles import columns
from evaluation.statistics.matching import MatchedSample
from evaluation.table_builder import Table

GAMMAS = (1.0, 1.5, 2.0)


def unseen(
    plan: Plan, wave: str, compare: Comparison, sample: MatchedSample, survey: Survey, attend: Sequence[Result]
) -> Exhibit:
    """Return every measure of how strong an unseen difference would have to be, for the planned contrast."""
    row, refusal = planned_estimate(plan, attend)
    if row is None:
        return layout.refused(plan, wave, "sensitivity.unseen", refusal)
    people, sd = joined(compare, survey, row.outcome), survey.sd[row.outcome]
    table = layout.table(plan, wave, "sensitivity.unseen", outcome=row.outcome).numbers(base=min(row.n.values()))
    gap = sensitivity.break_even(row, sd=sd)
    _size(table, "breakeven", abs(gap.gap), row.unit)
    _size(table, "breakeven.sd", abs(gap.in_sd), "standard deviations")
    _size(table, "breakeven.limit", abs(gap.gap_to_limit), row.unit)
    e_value = sensitivity.e_value(row.value, kind="OLS", se=row.se, sd=float(people[row.outcome].std()))
    _size(table, "evalue", e_value.point)
    if e_value.limit is not None:
        _size(table, "evalue.limit", e_value.limit)
    for k in sensitivity.kappa_bounds(row, sd=sd, kappas=plan.sensitivity.kappa_sd).itertuples(index=False):
        label = f"Difference if the gap beforehand was up to {k.kappa:g} standard deviations"
        _size(table, f"kappa.{k.kappa:g}", row.value, row.unit, label, low=float(k.low), high=float(k.high))
    _omitted(plan, people, row, table)
    _pairs(plan, people, sample, row, table)
    return table.exhibit()


def _size(
    table: Table,
    key: str,
    value: float,
    unit: str = "",
    label: str = "",
    *,
    id: str = "",
    low: float | None = None,
    high: float | None = None,
) -> None:
    """Lay out one measure; its key is "measure.part", of which the part stands behind the wave in the id."""
    head, _, part = key.partition(".")
    table.row(key, label).number("size", value, unit=unit, id=id or table.id(head, part), low=low, high=high)


# ---- omitted variables ----------------------------------------------------------------------------------------------


def _omitted(plan: Plan, people: pd.DataFrame, row: Estimate, table: Table) -> None:
    """Lay out robustness values, what a trait as strong as the strongest seen one would do, and Oster's delta."""
    names = list(adjusted_for(plan, people))
    if not names:
        return
    weight = people[COMPARISON_WEIGHT].to_numpy(dtype=float)
    y, t = people[row.outcome].to_numpy(dtype=float), people[TREATED].to_numpy(dtype=float)
    *fit, r2 = _regression(people, names, t, y, weight)
    plain, *_, r2_plain = _regression(people, [], t, y, weight)
    trait, with_treat, with_outcome = _strongest(people, names, t, y, weight)
    benchmark = {"benchmark_treat": with_treat, "benchmark_outcome": with_outcome, "benchmark": trait}
    try:
        bias, like = sensitivity.omitted_variable(*fit, **benchmark), True
    except errors.DataError:
        bias, like = sensitivity.omitted_variable(*fit), False
    stem = f"robustness.{row.outcome}.all"
    _size(table, "robustness", 100 * bias.robustness, "per cent")
    _size(table, "robustness.range", 100 * bias.robustness_significance, "per cent", id=f"{stem}.range.{table.wave}")
    if like:
        label = f"Difference left by a trait as strong as “{plan.label_of(trait)}”"
        _size(table, "robustness.like", bias.adjusted, row.unit, label, id=f"{stem}.like.{table.wave}")
    if r2 > r2_plain:
        stable = sensitivity.coefficient_stability(plain=plain, adjusted=fit[0], r2_plain=r2_plain, r2_adjusted=r2)
        _size(table, "stability", stable.delta)
        table.row("stability.sign").declared("size", stable.sign, id=table.id("stability", "sign"))


def _regression(
    people: pd.DataFrame, names: list[str], t: np.ndarray, y: np.ndarray, weight: np.ndarray
) -> tuple[float, float, float, float]:
    """Return the weighted coefficient of `t`, its classical error, residual degrees of freedom, and R2."""
    extra = columns(people, names, drop_first=True).matrix if names else np.zeros((len(people), 0))
    x = np.column_stack([np.ones(len(y)), t, extra])
    fit = inference.regress(x, y, [str(i) for i in range(x.shape[1])], weight)
    df = len(y) - x.shape[1]
    rss = float(weight @ fit.residuals**2)
    variance = rss / df * np.linalg.inv(x.T @ (x * weight[:, None]))
    total = float(weight @ (y - weight @ y / weight.sum()) ** 2)
    return float(fit.params[1]), float(np.sqrt(variance[1, 1])), float(df), 1 - rss / total


def _strongest(
    people: pd.DataFrame, names: list[str], t: np.ndarray, y: np.ndarray, weight: np.ndarray
) -> tuple[str, float, float]:
    """Return the covariate whose like would bias the difference most, and its partial R2 with both, given the others.

    The bias goes with sqrt(R2 outcome × R2 treatment / (1 - R2 treatment)): Cinelli and Hazlett 2020, equation 6.
    """
    strengths = []
    for name in names:
        own = columns(people, [name], drop_first=True).matrix
        rest = [c for c in names if c != name]
        others = [np.ones(len(people)), *([columns(people, rest, drop_first=True).matrix] if rest else [])]
        with_treat = _partial(others, own, t, weight)
        with_outcome = _partial([others[0], t, *others[1:]], own, y, weight)
        strengths.append((with_outcome * with_treat / max(1 - with_treat, 1e-12), name, with_treat, with_outcome))
    return max(strengths)[1:]


def _partial(others: list[np.ndarray], own: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
    """Return the share of what the others leave of `target` that a covariate's own columns explain."""
    small, root = np.column_stack(others), np.sqrt(weight)
    left = [
        float((((target - x @ np.linalg.lstsq(x * root[:, None], target * root, rcond=None)[0]) * root) ** 2).sum())
        for x in (small, np.column_stack([small, own]))
    ]
    return 1 - left[1] / left[0] if left[0] > 0 else 0.0


# ---- matched pairs --------------------------------------------------------------------------------------------------


def _pairs(plan: Plan, people: pd.DataFrame, sample: MatchedSample, row: Estimate, table: Table) -> None:
    """Lay out Rosenbaum's bounds on the first pair of each attendee: signed ranks, shift, positive answers."""
    pairs = sample.pairs
    pairs = pairs[pairs["treated"].isin(people.index) & pairs["control"].isin(people.index)]
    pairs = pairs[~pairs["treated"].duplicated()]
    if len(pairs) < 2:
        return
    answers = [people[row.outcome].loc[pairs[side]].to_numpy() for side in ("treated", "control")]
    way = "greater" if row.value >= 0 else "less"
    try:
        ranks = sensitivity.rosenbaum(*answers, alternative=way)
        shift = sensitivity.rosenbaum(*answers, alternative=way, gammas=GAMMAS, test="hodges_lehmann").table
    except errors.DataError:
        return
    _size(table, "gamma", ranks.critical, "times")
    for g in shift.itertuples(index=False):
        label = f"Shift between pairs if odds of attending differed {g.gamma:g} times"
        ends = {"low": float(g.lower), "high": float(g.upper)}
        _size(table, f"gamma.shift.{g.gamma:g}", (g.lower + g.upper) / 2, row.unit, vocabulary.own(plan, label), **ends)
    yes = [np.isin(v, plan.positive(row.outcome)).astype(float) for v in answers]
    if (yes[0] != yes[1]).any():
        share = sensitivity.rosenbaum(*yes, alternative=way, test="mcnemar")
        _size(table, "gamma.positive", share.critical, "times")
