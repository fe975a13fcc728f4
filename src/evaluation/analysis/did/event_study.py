"""Staggered designs: effects by group and time, earlier trends, sensitivity to them; designs on simulated selection."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.analysis import contrasts, layout
from evaluation.analysis.attendee_effect import guarded
from evaluation.analysis.did.inputs import DesignInputs, first_reached, place
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Design, Plan
from evaluation.results import NotIdentified
from evaluation.statistics import did
from evaluation.statistics.did import pre_trends, selection_demo
from evaluation.table_builder import Table

BOUNDS = (0.5, 1.0, 2.0)


def staggered_frame(plan: Plan, inputs: DesignInputs, design: Design) -> pd.DataFrame | None:
    """Return all waves that asked, with `when` 1, 2, … and `first`: the wave that first found the place reached.

    Places whose first event came before the first wave was over are left out: they were never seen without. None with
    fewer than three waves, or without places of both kinds.
    """
    waves = inputs.waves_asking(plan, design.outcome)
    if len(waves) < 3 or plan.exposure is None:
        return None
    frame = inputs.general(waves, design.outcome)
    frame = frame.assign(unit=place(plan, frame), when=frame["after"] + 1)
    frame = frame[frame["unit"].notna()]
    reached = {u: i + 1 for u, i in first_reached(plan, inputs, waves).items()}
    frame["first"] = frame["unit"].map(reached).fillna(0).astype(float)
    later = frame[frame["first"] != 1]
    everywhere = later.groupby("unit")["when"].nunique()
    kept = later[later["unit"].isin(everywhere.index[everywhere == len(waves)])]
    kept = kept.assign(unit=kept["unit"].astype(str))
    return kept if (kept["first"] > 0).any() and (kept["first"] == 0).any() else None


def effects_over_time(plan: Plan, design: Design, frame: pd.DataFrame) -> did.GroupTime | NotIdentified:
    """Return group-time effects of places, against places not reached by then, or the reason there are none."""
    if frame.groupby(["first", "when"]).size().min() < plan.sizes.least_people:
        return NotIdentified("a group of places has too few people at one time", "Survey more people in each place.")
    roles = {"outcome": design.outcome, "first_treated": "first", "time": "when", "weight": "population_weight"}
    return guarded(did.group_time, frame, cluster="unit", control="not_yet", **roles)


def over_time(plan: Plan, inputs: DesignInputs) -> Exhibit:
    """Return effects by group and time with their aggregates, each by its name, and what earlier waves leave open."""
    design = plan.designs.get("D1")
    frame = None if design is None else staggered_frame(plan, inputs, design)
    if design is None or frame is None:
        return layout.refused(plan, inputs.wave, "designs.times")
    effects = effects_over_time(plan, design, frame)
    if not isinstance(effects, did.GroupTime):
        return layout.refused(plan, inputs.wave, "designs.times", effects)
    waves = dict(enumerate(inputs.waves_asking(plan, design.outcome), 1))
    table = layout.table(plan, inputs.wave, "designs.times").numbers(unit=contrasts.points(plan, design.outcome))
    for effect, g, t in zip(effects, effects.groups, effects.times, strict=True):
        when = "before" if t < g else "after"
        label = f"First reached before {waves[int(g)]}, seen in {waves[int(t)]} ({when})"
        table.row(f"g{g:g}t{t:g}", label).interval("change", effect)
    for kind in ("simple", "group", "dynamic", "calendar"):
        effect = effects.aggregate(kind)[0]
        table.row(kind, f"Overall, {effect.estimand}").interval("change", effect, base=len(frame))
    left_out = sorted({waves[int(g)] for g, _ in effects.left_out if g not in effects.groups})
    if left_out:
        table.note("left_out", waves=" and ".join(left_out))
    _earlier_trends(plan, table, frame, design)
    return table.exhibit()


def _earlier_trends(plan: Plan, table: Table, frame: pd.DataFrame, design: Design) -> None:
    """Lay out the slope before places were reached, the one that would have been seen, and how far results survive."""
    stem, rows = f"times.before.{table.wave}", _one_start(frame)
    study = _event_study(rows, design)
    if study is None or not study.before:
        for key, part in (("untested", "slope"), ("honest", "honest")):
            table.row(key).declared("change", "one", id=f"{stem}.{part}")
        return
    table.numbers(base=len(rows))
    before = study.before
    k, cov = len(before), study.matrix()
    times = [t - study.reference for t in study.times[:k]]
    df = min(float(e.df or np.inf) for e in before)
    line = pre_trends.slope([e.value for e in before], cov[:k, :k], times, df=df)
    steep = pre_trends.detectable_slope(cov[:k, :k], times, power=plan.power.power, size=plan.power.size, df=df)
    table.row("slope").interval("change", line, id=f"{stem}.slope")
    table.row("detectable").number("change", steep, id=f"{stem}.detectable")
    departures = pre_trends.Departures.of([e.value for e in before], [e.value for e in study.after], cov)
    steps = pre_trends.relative_magnitudes(departures, bounds=BOUNDS)
    bend = pre_trends.smoothness(departures, bounds=[0.0, abs(line.se or 0.0)])
    for name, label, limits in (
        ("steps", "a step after at most {:g} × the largest before", steps),
        ("bend", "the slope bending by up to {:.2g} a wave", bend),
    ):
        if isinstance(limits, NotIdentified):
            table.row(name, f"Sensitivity ({name})").text("change", limits.reason, id=f"{stem}.{name}")
            continue
        for number, limit in enumerate(limits.itertuples()):
            row = table.row(name, f"First effect with {label.format(limit.m)}")
            ends = {"low": limit.low, "high": limit.high}
            row.number("change", study.after[0].value, id=f"{stem}.{name}{number}", **ends)


def _one_start(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the largest group of places first reached at one time, and those never reached, with `group` 0/1."""
    start = frame.loc[frame["first"] > 0, "first"]
    rows = frame.assign(group=(frame["first"] > 0).astype(float))
    return rows[rows["first"].isin([0.0, start.value_counts().index[0]])] if start.nunique() > 1 else rows


def _event_study(rows: pd.DataFrame, design: Design) -> did.EventStudy | None:
    start = float(rows.loc[rows["first"] > 0, "first"].iloc[0])
    roles = {"group": "group", "time": "when", "weight": "population_weight", "cluster": "unit"}
    try:
        return did.event_study(rows, outcome=design.outcome, start=start, **roles)
    except errors.DataError:
        return None


def fooled(plan: Plan, inputs: DesignInputs, *, people: int = 60_000) -> Exhibit:
    """Return what each design says in made-up surveys of 60,000 people where the truth is known.

    The truth is 0.30 points for those who attend. In one survey people come by what is known of them; in the other also
    because they already trusted the police.
    """
    table = layout.table(plan, inputs.wave, "designs.fooled")
    values = selection_demo.large(people=people, seed=plan.seed)
    values.loc["truth"] = selection_demo.World().effect
    return table.from_frame(values.loc[list(table.declaration.rows)]).exhibit()
