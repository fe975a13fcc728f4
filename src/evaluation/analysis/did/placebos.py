"""Placebo tests with their power, bounds on departures from parallel trends, and mean beside share."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import pandas as pd

from evaluation.analysis import arms, contrasts, layout
from evaluation.analysis.attendee_effect import guarded
from evaluation.analysis.did.designs import TwoGroups, heading, method_of, name_of, two_group_designs
from evaluation.analysis.did.group_gap import grouped
from evaluation.analysis.did.inputs import DesignInputs
from evaluation.analysis.levels import has_shares, margin_of
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, Result
from evaluation.statistics import did, multiplicity, power, sensitivity

DIFFERS, NO_DIFFERENCE, SILENT = "differs", "no difference seen", "not informative"
HALVES = "the first wave split in two"
Placebo = tuple[str, str, Result]

# ---- placebos -------------------------------------------------------------------------------------------------------


def placebos(plan: Plan, inputs: DesignInputs) -> list[Placebo]:
    """Return (design, what was done, estimate or refusal) for each placebo that can be run.

    An outcome that events cannot move, between the earliest and latest wave that asked it; a group that was never
    reached; the baseline split into its earlier and later half as if events lay between.
    """
    designs = two_group_designs(plan, inputs)
    exposed, gap = designs.get("D1"), designs.get("D2")
    out = list(_outcome_placebos(plan, inputs, designs.values()))
    if exposed is not None:
        out += _place_placebos(plan, exposed)
    if gap is not None:
        out += _gap_placebos(plan, inputs, gap, exposed)
    return out


def _outcome_placebos(plan: Plan, inputs: DesignInputs, designs: Collection[TwoGroups]) -> Iterator[Placebo]:
    """Yield each design with an outcome that cannot move."""
    for outcome in plan.outcomes.negative_controls:
        asked = inputs.waves_asking(plan, outcome)
        for groups in designs if len(asked) > 1 else ():
            people = groups.people_with(plan, inputs, outcome, (asked[0], asked[-1]))
            label = f"an outcome that cannot move: {plan.label_of(outcome)}"
            yield groups.name, label, groups.change(plan, people, outcome)


def _place_placebos(plan: Plan, exposed: TwoGroups) -> Iterator[Placebo]:
    people, outcome = exposed.people, exposed.design.outcome
    never = people[people["exposed"] == 0]
    units = sorted(never["unit"].unique())
    if len(units) >= 4:
        pretended = never.assign(exposed=never["unit"].isin(units[::2]).astype(float))
        yield "D1", "places never reached, every other one pretended", exposed.change(plan, pretended, outcome)
    halves = _halves(plan, people[people["after"] == 0])
    if halves is not None:
        yield "D1", HALVES, exposed.change(plan, halves, outcome)


def _gap_placebos(plan: Plan, inputs: DesignInputs, gap: TwoGroups, exposed: TwoGroups | None) -> Iterator[Placebo]:
    design = gap.design
    halves = _halves(plan, grouped(inputs, design, design.group).query("after == 0"))
    if halves is not None:
        yield "D2", HALVES, gap.change(plan, halves.dropna(subset=["member"]), design.outcome)
    if exposed is not None:
        never = exposed.people.index[exposed.people["exposed"] != 1]
        yield (
            "D2",
            "only places never reached",
            gap.change(plan, gap.people[gap.people.index.isin(never)], design.outcome),
        )


def _halves(plan: Plan, frame: pd.DataFrame) -> pd.DataFrame | None:
    """Return a wave with `after` 1 for answers after its middle day; None where days are not known or do not differ."""
    answered = arms.date_column(plan)
    if answered not in frame or frame[answered].isna().all():
        return None
    dates = pd.to_datetime(frame[answered])
    known = frame[dates.notna()].assign(after=(dates[dates.notna()] > dates.median()).astype(float))
    if known["after"].nunique() < 2:
        return None
    if "unit" in known:
        both = known.groupby("unit")["after"].nunique()
        known = known[known["unit"].isin(both.index[both == 2])]
    return known


def placebo_exhibit(plan: Plan, inputs: DesignInputs) -> tuple[Exhibit, dict[str, bool]]:
    """Return the placebos with the size each could have seen, and for each design whether they support it.

    One joint test at 5 % for each design (Holm). A placebo that could not have seen the smallest worthwhile change is
    "not informative", never "passed": a design whose placebos are all of that kind is not in the answer.
    """
    results = placebos(plan, inputs)
    if not results:
        return layout.refused(plan, inputs.wave, "designs.placebos"), {}
    table = layout.table(plan, inputs.wave, "designs.placebos")
    supported: dict[str, bool] = {}
    for name in dict.fromkeys(design for design, _, _ in results):
        own = {label: result for design, label, result in results if design == name}
        readings = _readings(plan, inputs, own)
        if DIFFERS in readings.values():
            supported[name] = False
        elif set(readings.values()) == {NO_DIFFERENCE}:
            supported[name] = True
        for place, (label, result) in enumerate(own.items()):
            row, unit = table.row(f"{name}.{place}", f"{plan.designs[name].title}: {label}"), ""
            if isinstance(result, Estimate):
                unit = contrasts.points(plan, result.outcome)
            row.interval("value", result, unit=unit)
            if isinstance(result, Estimate) and label in readings:
                row.number("size", _detectable(plan, result), unit=unit, base=min(result.n.values()))
            row.text("reading", readings.get(label, "too few people"))
    return table.exhibit(), supported


def _readings(plan: Plan, inputs: DesignInputs, results: dict[str, Result]) -> dict[str, str]:
    """Return what each placebo that could be run says, chances corrected together."""
    run = {k: e for k, e in results.items() if isinstance(e, Estimate)}
    chances = multiplicity.holm(pd.Series({k: e.p for k, e in run.items()})) if run else {}
    readings = {}
    for label, e in run.items():
        worth = margin_of(plan, inputs.survey, e.outcome)
        seen = NO_DIFFERENCE if worth is not None and _detectable(plan, e) <= worth else SILENT
        readings[label] = DIFFERS if float(chances[label]) <= 0.05 else seen
    return readings


def _detectable(plan: Plan, e: Estimate) -> float:
    p = plan.power
    return power.minimum_detectable(e.se or 0.0, df=e.df or math.inf, power=p.power, size=p.size)


# ---- bounds ---------------------------------------------------------------------------------------------------------


def bounds(plan: Plan, inputs: DesignInputs, results: Sequence[Result]) -> Exhibit:
    """Return each design's range when the groups would have moved apart by up to kappa standard deviations anyway."""
    table, kappas = layout.table(plan, inputs.wave, "designs.bounds"), plan.sensitivity.kappa_sd
    for result in results:
        sd = inputs.survey.sd.get(getattr(result, "outcome", ""), math.nan)
        if not isinstance(result, Estimate) or not result.se or method_of(result) or not sd > 0:
            continue
        table.numbers(unit=result.unit, base=min(result.n.values()))
        row = table.row(result.id, heading(plan, result)).number("even", sensitivity.break_even(result, sd=sd).gap)
        for bound in sensitivity.kappa_bounds(result, sd=sd, kappas=kappas).itertuples():
            column, id = f"Apart by up to {bound.kappa:g} SD", f"bounds.{result.id}.k{bound.kappa:g}"
            row.number(column, result.value, low=bound.ci_low, high=bound.ci_high, id=id)
        if name_of(result) in ("D3", "D4"):
            most = sensitivity.kappa_bounds(result, sd=sd, kappas=kappas, monotone=True).iloc[-1]
            row.number("monotone", result.value, low=float(most["ci_low"]), high=float(most["ci_high"]))
    return table.exhibit()


# ---- mean and share -------------------------------------------------------------------------------------------------


def sides(plan: Plan, inputs: DesignInputs) -> Exhibit:
    """Return D1 and D2 on the mean, on the share of positive answers, and as probabilities of a logit."""
    table = layout.table(plan, inputs.wave, "designs.sides")
    for groups in two_group_designs(plan, inputs).values():
        outcome = groups.design.outcome
        frame = groups.people.assign(positive=groups.people[outcome].isin(plan.positive(outcome)).astype(float))
        roles = {"group": groups.group, "time": "after", "weight": "population_weight", "cluster": groups.cluster}
        logit = guarded(did.probability_difference, frame, outcome="positive", **roles)
        if isinstance(logit, Estimate):  # with few places the range of the difference of shares is the one to read
            logit = replace(logit, low=None, high=None)
        row = table.row(f"{groups.name}.{outcome}", groups.heading)
        row.interval("mean", groups.change(plan, frame, outcome), unit=contrasts.points(plan, outcome))
        if not has_shares(plan, outcome):
            continue
        row.interval("share", groups.change(plan, frame, "positive"), scale=100.0).interval("logit", logit, scale=100.0)
    return table.exhibit()
