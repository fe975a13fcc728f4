"""How strong an unseen difference between attendees and others would have to be to overturn the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation import exhibit as w
from evaluation.analysis import layout
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import adjusted_for, joined
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison
from evaluation.analysis.levels import Survey
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified
from evaluation.statistics import inference, sensitivity
from evaluation.statistics._roles import columns

SIGNS = {
    "towards": "adjusting for what is seen took some of the difference away: unseen selection of the same kind could "
    "take more",
    "away": "adjusting for what is seen made the difference larger: more of the same kind would not remove it",
    "unmoved": "adjusting for what is seen did not move the difference",
}
GAMMAS = (1.0, 1.5, 2.0)


def planned_row(plan: Plan, results: Sequence[Any]) -> Any:
    """Return the planned contrast of the primary outcome (an estimate or a refusal)."""
    return next(r for r in results if r.outcome == plan.outcomes.primary and r.id.startswith("attend."))


def unseen(plan: Plan, wave: str, compare: Comparison, sample: Any, survey: Survey, attend: Sequence[Any]) -> Exhibit:
    """Return every measure of how strong an unseen difference would have to be, for the planned contrast."""
    row = planned_row(plan, attend)
    if not isinstance(row, Estimate) or not row.se:
        reason = row if not isinstance(row, Estimate) else NotIdentified("the comparison has no error", "See 05.")
        return layout.refused(plan, wave, "sensitivity.unseen", reason)
    people = joined(compare, survey, row.outcome)
    base, sd = min(row.n.values()), survey.sd[row.outcome]
    triples = _break_even(row, sd, base, wave) + _e_value(row, people, base, wave) + _bounds(plan, row, sd, base, wave)
    triples += _omitted(plan, people, row, base, wave) + _pairs(plan, people, sample, row, base, wave)
    return layout.table(plan, wave, "sensitivity.unseen").add(triples).exhibit()


def _one(name: str, id: str, value: float, unit: str, base: int, wave: str, **more: Any) -> tuple[str, str, Any]:
    return name, "Size", w.measure(f"{id}.{wave}", value, unit, base=base, wave=wave, **more)


def _break_even(row: Estimate, sd: float, base: int, wave: str) -> list[tuple[str, str, Any]]:
    found, stem = sensitivity.break_even(row, sd=sd), f"breakeven.{row.outcome}.all"
    return [
        (name, "Size", w.measure(f"{stem}.{wave}{tail}", value, unit, base=base, wave=wave))
        for name, tail, value, unit in (
            ("Break-even baseline gap", "", abs(found.gap), row.unit),
            ("Break-even, in standard deviations", ".sd", abs(found.in_sd), "standard deviations"),
            ("Gap at which the range reaches no difference", ".limit", abs(found.gap_to_limit), row.unit),
        )
    ]


def _e_value(row: Estimate, people: pd.DataFrame, base: int, wave: str) -> list[tuple[str, str, Any]]:
    found = sensitivity.e_value(row.value, kind="OLS", se=row.se, sd=float(people[row.outcome].std()))
    stem = f"evalue.{row.outcome}.all"
    out = [_one("E-value of the difference", stem, found.point, "", base, wave)]
    if found.limit is not None:
        out.append(
            (
                "E-value of the nearer end of its range",
                "Size",
                w.measure(f"{stem}.{wave}.limit", found.limit, "", base=base, wave=wave),
            )
        )
    return out


def _bounds(plan: Plan, row: Estimate, sd: float, base: int, wave: str) -> list[tuple[str, str, Any]]:
    table = sensitivity.kappa_bounds(row, sd=sd, kappas=plan.sensitivity.kappa_sd)
    out = []
    for k in table.itertuples(index=False):
        id = f"kappa.{row.outcome}.all.{wave}.{k.kappa:g}"
        out.append(
            (
                f"Difference if the gap beforehand was up to {k.kappa:g} standard deviations",
                "Size",
                w.measure(id, row.value, row.unit, base=base, wave=wave, low=float(k.low), high=float(k.high)),
            )
        )
    return out


def _omitted(plan: Plan, people: pd.DataFrame, row: Estimate, base: int, wave: str) -> list[tuple[str, str, Any]]:
    """Return robustness values, what a trait as strong as the strongest seen one would do, and Oster's delta."""
    names = list(adjusted_for(plan, people))
    if not names:
        return []
    weight = people[COMPARISON_WEIGHT].to_numpy(dtype=float)
    y, t = people[row.outcome].to_numpy(dtype=float), people[TREATED].to_numpy(dtype=float)
    full, plain = _regression(people, names, t, y, weight), _regression(people, [], t, y, weight)
    strongest, with_treat, with_outcome = _strongest(people, names, t, y, weight)
    stem = f"robustness.{row.outcome}.all"
    try:
        found = sensitivity.omitted_variable(
            full[0], full[1], full[2], benchmark_treat=with_treat, benchmark_outcome=with_outcome, benchmark=strongest
        )
        like = [
            (
                f"Difference left by a trait as strong as “{plan.label_of(strongest)}”",
                f"{stem}.like",
                found.adjusted,
                row.unit,
            )
        ]
    except errors.DataError:
        found, like = sensitivity.omitted_variable(full[0], full[1], full[2]), []
    rows = [
        ("Robustness value", stem, 100 * found.robustness, "per cent"),
        ("Robustness value for the range", f"{stem}.range", 100 * found.robustness_significance, "per cent"),
        *like,
    ]
    out = [
        (name, "Size", w.measure(f"{id}.{wave}", value, unit, base=base, wave=wave)) for name, id, value, unit in rows
    ]
    if full[3] > plain[3]:
        stable = sensitivity.coefficient_stability(
            plain=plain[0], adjusted=full[0], r2_plain=plain[3], r2_adjusted=full[3]
        )
        out.append(_one("Stability (Oster’s delta)", f"stability.{row.outcome}.all", stable.delta, "", base, wave))
        said = w.words(f"stability.{row.outcome}.all.{wave}.sign", SIGNS[stable.sign])
        out.append(("What the sign of stability means", "Size", said))
    return out


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


def _strongest(people, names, t, y, weight) -> tuple[str, float, float]:
    """Return the covariate whose like would bias the difference most, and its partial R2 with both, given the others.

    The bias goes with sqrt(R2 outcome × R2 treatment / (1 - R2 treatment)): Cinelli and Hazlett 2020, equation 6.
    """
    found = []
    for name in names:
        rest = [c for c in names if c != name]
        with_treat = _partial(people, rest, name, t, weight, None)
        with_outcome = _partial(people, rest, name, y, weight, t)
        found.append((with_outcome * with_treat / max(1 - with_treat, 1e-12), name, with_treat, with_outcome))
    return max(found)[1:]


def _partial(people, rest, name, target, weight, treated) -> float:
    """Return the share of what the others leave of `target` that `name` explains."""
    base = [np.ones(len(people))] + ([treated] if treated is not None else [])
    if rest:
        base.append(columns(people, rest, drop_first=True).matrix)
    small = np.column_stack(base)
    large = np.column_stack([small, columns(people, [name], drop_first=True).matrix])
    root = np.sqrt(weight)
    left = [
        float((((target - x @ np.linalg.lstsq(x * root[:, None], target * root, rcond=None)[0]) * root) ** 2).sum())
        for x in (small, large)
    ]
    return 1 - left[1] / left[0] if left[0] > 0 else 0.0


def _pairs(
    plan: Plan, people: pd.DataFrame, sample: Any, row: Estimate, base: int, wave: str
) -> list[tuple[str, str, Any]]:
    """Return Rosenbaum's bounds on the first pair of each attendee: signed ranks, shift, positive answers."""
    pairs = sample.pairs
    pairs = pairs[pairs["treated"].isin(people.index) & pairs["control"].isin(people.index)]
    pairs = pairs[~pairs["treated"].duplicated()]
    if len(pairs) < 2:
        return []
    y = people[row.outcome]
    first, second = (y.loc[pairs[side]].to_numpy() for side in ("treated", "control"))
    way = "greater" if row.value >= 0 else "less"
    stem, out = f"gamma.{row.outcome}.all", []
    try:
        found = sensitivity.rosenbaum(first, second, alternative=way)
        shift = sensitivity.rosenbaum(first, second, alternative=way, gammas=GAMMAS, test="hodges_lehmann").table
    except errors.DataError:
        return out
    out.append(_one("Gamma (matched pairs, signed ranks)", stem, found.critical, "times", base, wave))
    for g in shift.itertuples(index=False):
        name = f"Shift between pairs if odds of attending differed {g.gamma:g} times"
        cell = w.measure(
            f"{stem}.{wave}.shift.{g.gamma:g}",
            (g.lower + g.upper) / 2,
            row.unit,
            base=base,
            wave=wave,
            low=float(g.lower),
            high=float(g.upper),
        )
        out.append((name, "Size", cell))
    yes = [np.isin(v, plan.outcomes.positive).astype(float) for v in (first, second)]
    if (yes[0] != yes[1]).any():
        share = sensitivity.rosenbaum(*yes, alternative=way, test="mcnemar")
        out.append(
            (
                "Gamma (positive answers in pairs, McNemar)",
                "Size",
                w.measure(f"{stem}.{wave}.positive", share.critical, "times", base=base, wave=wave),
            )
        )
    return out
