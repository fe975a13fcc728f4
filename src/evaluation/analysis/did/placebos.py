"""Placebo tests with their power, bounds on departures from parallel trends, and mean beside share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from evaluation.analysis import arms, contrasts, layout
from evaluation.analysis.attendee_effect import guarded
from evaluation.analysis.did.designs import heading, method_of, name_of
from evaluation.analysis.did.exposed_places import ROLES, exposed_frame, placed
from evaluation.analysis.did.group_gap import grouped, members, two_groups
from evaluation.analysis.did.inputs import DesignInputs, runnable, session_in
from evaluation.analysis.levels import margin_of
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Design, Plan
from evaluation.results import Estimate, NotIdentified
from evaluation.statistics import did, multiplicity, power, sensitivity

DIFFERS, NO_DIFFERENCE, SILENT = "differs", "no difference seen", "not informative"
Placebo = tuple[str, str, Any]

# ---- placebos -------------------------------------------------------------------------------------------------------


def placebos(plan: Plan, inputs: DesignInputs) -> list[Placebo]:
    """Return (design, what was done, estimate or refusal) for each placebo that can be run.

    An outcome that events cannot move, between the earliest and latest wave that asked it; a group that was never
    reached; the baseline split into its earlier and later half as if events lay between.
    """
    exposed, d2 = exposed_frame(plan, inputs), runnable(plan, inputs, "D2")
    out = list(_outcome_placebos(plan, inputs, exposed, d2))
    if exposed is not None:
        out += _place_placebos(plan, *exposed)
    if d2 is not None:
        out += _gap_placebos(plan, inputs, d2, None if exposed is None else exposed[1])
    return out


def _outcome_placebos(plan: Plan, inputs: DesignInputs, exposed: Any, d2: Design | None) -> Iterator[Placebo]:
    """Yield each design with an outcome that cannot move."""
    for outcome in plan.outcomes.negative_controls:
        asked = inputs.waves_asking(plan, outcome)
        if len(asked) < 2:
            continue
        moved = {"outcome": outcome, "waves": (asked[0], asked[-1])}
        label = f"an outcome that cannot move: {plan.label_of(outcome)}"
        if exposed is not None:
            design, people = exposed
            reached = set(people.loc[people["exposed"] == 1, "unit"])
            yield "D1", label, _by_area(plan, placed(plan, inputs, design.model_copy(update=moved), reached), outcome)
        if d2 is not None:
            yield "D2", label, two_groups(plan, members(inputs, d2.model_copy(update=moved)), outcome, whole=True)


def _place_placebos(plan: Plan, design: Design, frame: pd.DataFrame) -> Iterator[Placebo]:
    never = frame[frame["exposed"] == 0]
    units = sorted(never["unit"].unique())
    if len(units) >= 4:
        pretended = never.assign(exposed=never["unit"].isin(units[::2]).astype(float))
        yield "D1", "places never reached, every other one pretended", _by_area(plan, pretended, design.outcome)
    split = _halves(plan, frame[frame["after"] == 0])
    if split is not None:
        yield "D1", "the first wave split in two", _by_area(plan, split, design.outcome)


def _gap_placebos(plan: Plan, inputs: DesignInputs, design: Design, exposed: pd.DataFrame | None) -> Iterator[Placebo]:
    split = _halves(plan, grouped(inputs, design, design.group).query("after == 0"))
    if split is not None:
        halves = split.dropna(subset=["member"])
        yield "D2", "the first wave split in two", two_groups(plan, halves, design.outcome, whole=True)
    if exposed is not None:
        frame, never = members(inputs, design), exposed.index[exposed["exposed"] != 1]
        unreached = frame[frame.index.isin(never)]
        yield "D2", "only places never reached", two_groups(plan, unreached, design.outcome, whole=True)


def _by_area(plan: Plan, frame: pd.DataFrame, outcome: str) -> Any:
    return guarded(did.by_area, frame, outcome=outcome, least=plan.sizes.least_people, **ROLES)


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
        nothing = NotIdentified("no outcome, group or earlier wave can serve as a placebo", "Ask control questions.")
        return layout.refused(plan, inputs.wave, "designs.placebos", nothing), {}
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
            row, unit = table.row(f"{name}.{place}", f"{name}: {label}"), ""
            if isinstance(result, Estimate):
                unit = contrasts.points(plan, result.outcome)
            row.interval("value", result, unit=unit)
            if label in readings:
                row.number("size", _detectable(plan, result), unit=unit, base=min(result.n.values()))
            row.words("reading", readings.get(label, "too few people"))
    return table.exhibit(), supported


def _readings(plan: Plan, inputs: DesignInputs, results: dict[str, Any]) -> dict[str, str]:
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


def bounds(plan: Plan, inputs: DesignInputs, results: Sequence[Any]) -> Exhibit:
    """Return each design's range when the groups would have moved apart by up to kappa standard deviations anyway."""
    table, kappas = layout.table(plan, inputs.wave, "designs.bounds"), plan.sensitivity.kappa_sd
    for result in results:
        sd = inputs.survey.sd.get(getattr(result, "outcome", ""), math.nan)
        if not isinstance(result, Estimate) or not result.se or method_of(result) or not sd > 0:
            continue
        table.numbers(unit=result.unit, base=min(result.n.values()))
        row = table.row(result.id, heading(plan, result)).number("even", sensitivity.break_even(result, sd=sd).gap)
        for made in sensitivity.kappa_bounds(result, sd=sd, kappas=kappas).itertuples():
            column, id = f"Apart by up to {made.kappa:g} SD", f"bounds.{result.id}.k{made.kappa:g}"
            row.number(column, result.value, low=made.ci_low, high=made.ci_high, id=id)
        if name_of(result) in ("D3", "D4"):
            most = sensitivity.kappa_bounds(result, sd=sd, kappas=kappas, monotone=True).iloc[-1]
            row.number("monotone", result.value, low=float(most["ci_low"]), high=float(most["ci_high"]))
    return table.exhibit()


# ---- mean and share -------------------------------------------------------------------------------------------------


def sides(plan: Plan, inputs: DesignInputs) -> Exhibit:
    """Return D1 and D2 on the mean, on the share of positive answers, and as probabilities of a logit."""
    table = layout.table(plan, inputs.wave, "designs.sides")
    exposed, d2 = exposed_frame(plan, inputs), runnable(plan, inputs, "D2")
    rows: list[tuple[str, Design, list[Any]]] = []
    if exposed is not None:
        design, frame = exposed[0], _positive(plan, exposed[1], exposed[0].outcome)
        results = [_by_area(plan, frame, o) for o in (design.outcome, "positive")]
        rows.append(("D1", design, [*results, _logit(frame, "exposed", "unit")]))
    if d2 is not None:
        frame = _positive(plan, members(inputs, d2), d2.outcome)
        results = [two_groups(plan, frame, o, whole=True) for o in (d2.outcome, "positive")]
        rows.append(("D2", d2, [*results, _logit(frame, "member", session_in(plan, frame))]))
    for name, design, (mean, share, logit) in rows:
        row = table.row(f"{name}.{design.outcome}", f"{name} {design.title}")
        row.interval("mean", mean, unit=contrasts.points(plan, design.outcome))
        row.interval("share", share, scale=100.0).interval("logit", logit, scale=100.0)
    return table.exhibit()


def _positive(plan: Plan, frame: pd.DataFrame, outcome: str) -> pd.DataFrame:
    return frame.assign(positive=frame[outcome].isin(plan.outcomes.positive).astype(float))


def _logit(frame: pd.DataFrame, group: str, cluster: str | None) -> Any:
    """Return the difference of probabilities, without its range: with few places that of the shares is to be read."""
    roles = {"group": group, "time": "after", "weight": "population_weight", "cluster": cluster}
    result = guarded(did.probability_difference, frame, outcome="positive", **roles)
    return replace(result, low=None, high=None) if isinstance(result, Estimate) else result
