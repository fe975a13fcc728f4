"""What would undo the designs: placebos with what they could see, bounds, and mean and share side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from evaluation import exhibit as w
from evaluation.analysis import arms, contrasts, layout
from evaluation.analysis.attendee_effect import guarded
from evaluation.analysis.did.designs import Triples, cell, exposed_frame, runnable
from evaluation.analysis.did.exposed_places import WORDS, placed
from evaluation.analysis.did.group_gap import grouped
from evaluation.analysis.did.inputs import Evidence
from evaluation.analysis.levels import margin_of
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Design, Plan
from evaluation.results import Estimate, NotIdentified
from evaluation.statistics import did, multiplicity, power, sensitivity

# ---- placebos ------------------------------------------------------------------------------------------------------


def placebos(plan: Plan, found: Evidence) -> list[tuple[str, str, Any]]:
    """Return (design, what was done, estimate or refusal) for each placebo that can be run.

    An outcome that events cannot move, between the earliest and latest wave that asked it; a group that was never
    reached; the baseline split into its earlier and later half as if events lay between.
    """
    out: list[tuple[str, str, Any]] = []
    held, least = exposed_frame(plan, found), plan.sizes.least_people
    d2 = runnable(plan, found, "D2")
    for outcome in plan.outcomes.negative_controls:
        asked = [x for x in (*plan.earlier_waves(found.wave), found.wave) if found.survey.asked(outcome, x)]
        if len(asked) < 2:
            continue
        pair = (asked[0], asked[-1])
        if held is not None:
            moved = held[0].model_copy(update={"outcome": outcome, "waves": pair})
            frame = placed(plan, found, moved, set(held[1].loc[held[1]["exposed"] == 1, "unit"]))
            words = {**WORDS, "outcome": outcome, "least": least}
            out.append(
                ("D1", f"an outcome that cannot move: {plan.label_of(outcome)}", guarded(did.by_area, frame, **words))
            )
        if d2 is not None:
            moved = d2.model_copy(update={"outcome": outcome, "waves": pair})
            out.append(("D2", f"an outcome that cannot move: {plan.label_of(outcome)}", _between(plan, found, moved)))
    if held is not None:
        design, frame = held
        never = frame[frame["exposed"] == 0]
        units = sorted(never["unit"].unique())
        pretended = never.assign(exposed=never["unit"].isin(units[::2]).astype(float))
        words = {**WORDS, "outcome": design.outcome, "least": least}
        if len(units) >= 4:
            out.append(
                ("D1", "places never reached, every other one pretended", guarded(did.by_area, pretended, **words))
            )
        split = _halves(plan, frame[frame["after"] == 0])
        if split is not None:
            out.append(("D1", "the first wave split in two", guarded(did.by_area, split, **words)))
    if d2 is not None:
        out += _gap_placebos(plan, found, d2, held)
    return out


def _gap_placebos(plan: Plan, found: Evidence, design: Design, held: Any) -> list[tuple[str, str, Any]]:
    out = []
    split = _halves(plan, grouped(found, design, design.group).query("after == 0"))
    if split is not None:
        out.append(("D2", "the first wave split in two", _two(plan, split.dropna(subset=["member"]), design)))
    if held is not None:
        reached = set(held[1].index[held[1]["exposed"] == 1])
        frame = grouped(found, design, design.group).dropna(subset=["member"])
        never = frame[~frame.index.isin(reached) & frame.index.isin(held[1].index)]
        out.append(("D2", "only places never reached", _two(plan, never, design)))
    return out


def _between(plan: Plan, found: Evidence, design: Design) -> Any:
    return _two(plan, grouped(found, design, design.group).dropna(subset=["member"]), design)


def _two(plan: Plan, frame: pd.DataFrame, design: Design, **more: Any) -> Any:
    session = plan.population.session_column
    cluster = session if session and session in frame and frame[session].notna().all() else None
    words = {"group": "member", "time": "after", "weight": "population_weight", "cluster": cluster}
    return guarded(did.two_by_two, frame, outcome=design.outcome, least=plan.sizes.least_people, **words, **more)


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


def placebo_exhibit(plan: Plan, found: Evidence) -> tuple[Exhibit, dict[str, bool]]:
    """Return the placebos with the size each could have seen, and for each design whether they speak for it.

    One joint test at 5 % for each design (Holm). A placebo that could not have seen the smallest worthwhile change is
    "not informative", never "passed": a design whose placebos are all of that kind is not in the answer.
    """
    made = placebos(plan, found)
    if not made:
        nothing = NotIdentified("no outcome, group or earlier wave can serve as a placebo", "Ask control questions.")
        return layout.refused(plan, found.wave, "designs.placebos", nothing), {}
    triples: Triples = []
    speaks: dict[str, bool] = {}
    for name in dict.fromkeys(d for d, _, _ in made):
        own = {what: e for d, what, e in made if d == name}
        run = {k: e for k, e in own.items() if isinstance(e, Estimate)}
        family = multiplicity.holm(pd.Series({k: e.p for k, e in run.items()})) if run else pd.Series(dtype=float)
        readings = {k: _reading(plan, found, e, float(family[k])) for k, e in run.items()}
        if "differs" in readings.values():
            speaks[name] = False
        elif readings and set(readings.values()) == {"no difference seen"}:
            speaks[name] = True
        for place, (what, e) in enumerate(own.items()):
            stem, row = f"placebo.{name}.{place}.{found.wave}", f"{name}: {what}"
            unit = contrasts.points(plan, e.outcome) if isinstance(e, Estimate) else ""
            triples.append((row, "Difference in change", cell(f"{stem}.value", e, found.wave, unit)))
            if what in run:
                base, size = min(e.n.values()), _detectable(plan, e)
                seen = w.measure(f"{stem}.size", size, unit, base=base, wave=found.wave)
                triples.append((row, "Could have seen", seen))
            reading = readings.get(what, "too few people")
            triples.append((row, "Reading", w.words(f"{stem}.reading", reading)))
    shown = layout.table(plan, found.wave, "designs.placebos").add(triples).exhibit()
    return shown, speaks


def _detectable(plan: Plan, e: Estimate) -> float:
    p = plan.power
    return power.minimum_detectable(e.se or 0.0, df=e.df or math.inf, power=p.power, size=p.size)


def _reading(plan: Plan, found: Evidence, e: Estimate, p: float) -> str:
    worth = margin_of(plan, found.survey, e.outcome)
    if p <= 0.05:
        return "differs"
    return "no difference seen" if worth is not None and _detectable(plan, e) <= worth else "not informative"


# ---- bounds --------------------------------------------------------------------------------------------------------


def bounds(plan: Plan, found: Evidence, results: Sequence[Any]) -> Exhibit:
    """Return each design's range when the groups would have moved apart by up to kappa standard deviations anyway."""
    triples: Triples = []
    for result in results:
        sd = found.survey.sd.get(getattr(result, "outcome", ""), math.nan)
        if not isinstance(result, Estimate) or not result.se or result.id.count(".") > 3 or not sd > 0:
            continue
        name, unit, base = result.id.split(".")[0].upper(), result.unit, min(result.n.values())
        row, stem = f"{name} {plan.designs[name].title}", f"bounds.{result.id}"
        even = sensitivity.break_even(result, sd=sd)
        triples.append((row, "Would vanish at", w.measure(f"{stem}.even", even.gap, unit, base=base, wave=found.wave)))
        table = sensitivity.kappa_bounds(result, sd=sd, kappas=plan.sensitivity.kappa_sd)
        for made in table.itertuples():
            column = f"Apart by up to {made.kappa:g} SD"
            held = w.measure(
                f"{stem}.k{made.kappa:g}",
                result.value,
                unit,
                base=base,
                wave=found.wave,
                low=made.ci_low,
                high=made.ci_high,
            )
            triples.append((row, column, held))
        if name in ("D3", "D4"):
            most = sensitivity.kappa_bounds(result, sd=sd, kappas=plan.sensitivity.kappa_sd, monotone=True).iloc[-1]
            held = w.measure(
                f"{stem}.monotone",
                result.value,
                unit,
                base=base,
                wave=found.wave,
                low=float(most["ci_low"]),
                high=float(most["ci_high"]),
            )
            triples.append((row, "Attendees more trusting before", held))
    if not triples:
        triples = [("No design", "Would vanish at", w.words(f"bounds.none.all.{found.wave}", "nothing was estimated"))]
    return layout.table(plan, found.wave, "designs.bounds").add(triples).exhibit()


# ---- mean and share ------------------------------------------------------------------------------------------------


def sides(plan: Plan, found: Evidence) -> Exhibit:
    """Return D1 and D2 on the mean, on the share of positive answers, and as probabilities of a logit."""
    triples: Triples = []
    held, d2 = exposed_frame(plan, found), runnable(plan, found, "D2")
    if held is not None:
        design, frame = held
        frame = _positive(plan, frame, design.outcome)
        words = {**WORDS, "least": plan.sizes.least_people}
        mean, share = (guarded(did.by_area, frame, outcome=o, **words) for o in (design.outcome, "positive"))
        triples += _row(plan, found, design, "D1", mean, share, _logit(frame, "exposed", "unit"))
    if d2 is not None:
        frame = _positive(plan, grouped(found, d2, d2.group).dropna(subset=["member"]), d2.outcome)
        mean, share = (_two(plan, frame, d2.model_copy(update={"outcome": o})) for o in (d2.outcome, "positive"))
        session = plan.population.session_column
        triples += _row(
            plan, found, d2, "D2", mean, share, _logit(frame, "member", session if session in frame else None)
        )
    if not triples:
        triples = [("No design", "Mean", w.words(f"sides.none.all.{found.wave}", "no design compares two groups"))]
    return layout.table(plan, found.wave, "designs.sides").add(triples).exhibit()


def _positive(plan: Plan, frame: pd.DataFrame, outcome: str) -> pd.DataFrame:
    return frame.assign(positive=frame[outcome].isin(plan.outcomes.positive).astype(float))


def _logit(frame: pd.DataFrame, group: str, cluster: str | None) -> Any:
    words = {"group": group, "time": "after", "weight": "population_weight", "cluster": cluster}
    return guarded(did.probability_difference, frame, outcome="positive", **words)


def _bare(made: Any) -> Any:
    """Return an estimate without its range: with few places that of the difference of shares is the one to read."""
    return replace(made, low=None, high=None) if isinstance(made, Estimate) else made


def _row(plan: Plan, found: Evidence, design: Design, name: str, mean: Any, share: Any, logit: Any) -> Triples:
    stem, row = f"sides.{name}.{design.outcome}.{found.wave}", f"{name} {design.title}"
    return [
        (row, "Mean", cell(f"{stem}.mean", mean, found.wave, contrasts.points(plan, design.outcome))),
        (row, "Share of positive answers", cell(f"{stem}.share", share, found.wave, w.SHARE, 100.0)),
        (row, "Share, by a logit", cell(f"{stem}.logit", _bare(logit), found.wave, w.SHARE, 100.0)),
    ]
