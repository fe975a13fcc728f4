"""Three waves and more: when places were first reached, effects by group and time, earlier trends; what fools."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation import exhibit as w
from evaluation.analysis import contrasts, layout
from evaluation.analysis.attendee_effect import guarded
from evaluation.analysis.did.inputs import Evidence, first_reached, place
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Design, Plan
from evaluation.results import Estimate, NotIdentified, from_se
from evaluation.statistics import did
from evaluation.statistics.did import pre_trends, selection_demo

BOUNDS = (0.5, 1.0, 2.0)


def staggered_frame(plan: Plan, found: Evidence, design: Design) -> pd.DataFrame | None:
    """Return all waves that asked, with `when` 1, 2, … and `first`: the wave that first found the place reached.

    Places whose first event came before the first wave was over are left out: they were never seen without. None with
    fewer than three waves, or without places of both kinds.
    """
    waves = [x for x in (*plan.earlier_waves(found.wave), found.wave) if found.survey.asked(design.outcome, x)]
    if len(waves) < 3 or plan.exposure is None:
        return None
    reached = first_reached(plan, found, waves)
    frame = found.general(tuple(waves), design.outcome)
    frame = frame.assign(unit=place(plan, frame), when=frame["after"] + 1)
    frame = frame[frame["unit"].notna()]
    frame["first"] = frame["unit"].map({u: i + 1 for u, i in reached.items()}).fillna(0).astype(float)
    early = frame["first"] == 1
    kept = frame[~early].copy()
    everywhere = kept.groupby("unit")["when"].nunique()
    kept = kept[kept["unit"].isin(everywhere.index[everywhere == len(waves)])].assign(
        unit=lambda f: f["unit"].astype(str)
    )
    return kept if (kept["first"] > 0).any() and (kept["first"] == 0).any() else None


def effects_over_time(plan: Plan, found: Evidence, design: Design, frame: pd.DataFrame) -> Any:
    """Return group-time effects of places, against places not reached by then, or the reason there are none."""
    small = frame.groupby(["first", "when"]).size()
    if small.min() < plan.sizes.least_people:
        return NotIdentified("a group of places has too few people at one time", "Survey more people in each place.")
    words = {"outcome": design.outcome, "first_treated": "first", "time": "when", "weight": "population_weight"}
    return guarded(did.group_time, frame, cluster="unit", control="not_yet", **words)


def few_places_range(made: Estimate, frame: pd.DataFrame) -> Estimate:
    """Return an estimate with its range on as many degrees of freedom as the smaller side has places, less one."""
    sides = frame.groupby(frame["first"] > 0)["unit"].nunique()
    return from_se(made.value, made.se or 0.0, df=float(max(sides.min() - 1, 1)), n=made.n, estimand=made.estimand)


def over_time(plan: Plan, found: Evidence) -> Exhibit:
    """Return effects by group and time with their aggregates, each by its name, and what earlier waves leave open."""
    design = plan.designs.get("D1")
    title, stem = "Since places were first reached", "times"
    frame = None if design is None else staggered_frame(plan, found, design)
    if design is None or frame is None:
        none = NotIdentified(
            "this needs three waves, and places first reached between the first and the last",
            "Ask the same question in one wave more.",
        )
        return layout.refused(plan, found.wave, "designs.times", none, stem=stem, heading=title)
    made, unit = effects_over_time(plan, found, design, frame), contrasts.points(plan, design.outcome)
    if not isinstance(made, did.GroupTime):
        return layout.refused(plan, found.wave, "designs.times", made, stem=stem, heading=title)
    waves = dict(
        enumerate(
            (x for x in (*plan.earlier_waves(found.wave), found.wave) if found.survey.asked(design.outcome, x)), 1
        )
    )
    triples: list[tuple[str, str, Any]] = []
    for e, g, t in zip(made, made.groups, made.times, strict=True):
        when = "before" if t < g else "after"
        row, e = f"First reached before {waves[int(g)]}, seen in {waves[int(t)]} ({when})", few_places_range(e, frame)
        triples.append((row, "Difference in change", _number(f"{stem}.g{g:g}t{t:g}.{found.wave}", e, found.wave, unit)))
    for kind in ("simple", "group", "dynamic", "calendar"):
        e = few_places_range(made.aggregate(kind)[0], frame)
        number = w.measure(
            f"{stem}.{kind}.{found.wave}", e.value, unit, base=len(frame), wave=found.wave, low=e.low, high=e.high
        )
        triples.append((f"Overall, {e.estimand}", "Difference in change", number))
    triples += earlier(plan, found, frame, design)
    return layout.table(plan, found.wave, "designs.times", heading=title).add(triples).exhibit()


def earlier(plan: Plan, found: Evidence, frame: pd.DataFrame, design: Design) -> list[tuple[str, str, Any]]:
    """Return the slope before places were reached, the one that would have been seen, and how far results survive."""
    stem, unit = f"times.before.{found.wave}", contrasts.points(plan, design.outcome)
    start = frame.loc[frame["first"] > 0, "first"]
    rows = frame.assign(group=(frame["first"] > 0).astype(float))
    if start.nunique() > 1:  # one start only can be one regression: the largest group and those never reached
        common = start.value_counts().index[0]
        rows = rows[rows["first"].isin([0.0, common])]
        start = start[start == common]
    study: Any = None
    try:
        study = did.event_study(
            rows,
            outcome=design.outcome,
            group="group",
            time="when",
            start=float(start.iloc[0]),
            weight="population_weight",
            cluster="unit",
        )
    except errors.DataError:
        study = None
    before = [] if study is None else study.before
    if not before:
        text = "not available: one wave only before places were reached"
        return [
            ("Slope before", "Difference in change", w.words(f"{stem}.slope", text)),
            ("Sensitivity to earlier trends", "Difference in change", w.words(f"{stem}.honest", text)),
        ]
    base = len(rows)
    k, cov = len(before), study.matrix()
    times = [t - study.reference for t in study.times[:k]]
    df = min(float(e.df or np.inf) for e in before)
    line = pre_trends.slope([e.value for e in before], cov[:k, :k], times, df=df)
    steep = pre_trends.detectable_slope(cov[:k, :k], times, power=plan.power.power, size=plan.power.size, df=df)
    slope = w.measure(f"{stem}.slope", line.value, unit, base=base, wave=found.wave, low=line.low, high=line.high)
    seen = w.measure(f"{stem}.detectable", steep, unit, base=base, wave=found.wave)
    out = [
        ("Slope before, a wave", "Difference in change", slope),
        ("Slope that would have been seen (power 80 %)", "Difference in change", seen),
    ]
    d = pre_trends.Departures.of([e.value for e in before], [e.value for e in study.after], cov)
    for name, what, made in (
        ("steps", "a step after at most {:g} × the largest before", pre_trends.relative_magnitudes(d, bounds=BOUNDS)),
        (
            "bend",
            "the slope bending by up to {:.2g} a wave",
            pre_trends.smoothness(d, bounds=[0.0, abs(line.se or 0.0)]),
        ),
    ):
        if isinstance(made, NotIdentified):
            out.append((f"Sensitivity ({name})", "Difference in change", w.words(f"{stem}.{name}", made.reason)))
            continue
        for number, row in enumerate(made.itertuples()):
            cell = w.measure(
                f"{stem}.{name}{number}",
                study.after[0].value,
                unit,
                base=base,
                wave=found.wave,
                low=row.low,
                high=row.high,
            )
            out.append((f"First effect with {what.format(row.m)}", "Difference in change", cell))
    return out


def _number(id: str, made: Estimate, wave: str, unit: str) -> Any:
    return w.measure(id, made.value, unit, base=min(made.n.values()), wave=wave, low=made.low, high=made.high)


NAMES = {
    "naive": "Attendees less others, after only",
    "adjusted": "The same, adjusted for what is known",
    "four_group": "D3 four groups weighted by predicted attendance",
    "slope": "D3 slope on predicted attendance",
    "places": "D1 places reached (all their residents)",
    "ratio": "D1 per person reached",
    "linked": "D5 the same people",
}


def fooled(plan: Plan, found: Evidence, *, people: int = 60_000) -> Exhibit:
    """Return what each design says in made-up surveys of 60,000 people where the truth is known.

    The truth is 0.30 points for those who attend. In one survey people come by what is known of them; in the other also
    because they already trusted the police.
    """
    truth = selection_demo.World().effect
    table = selection_demo.large(people=people, seed=plan.seed)
    columns = {"seen": "They came by what is known", "unseen": "They came because they trusted already"}
    triples: list[tuple[str, str, Any]] = []
    for name, label in NAMES.items():
        for column, head in columns.items():
            value = float(table.loc[name, column])
            triples.append(
                (label, head, w.measure(f"fooled.{name}.{column}.{found.wave}", value, "points", wave=found.wave))
            )
    for column, head in columns.items():
        triples.append(
            ("The truth", head, w.measure(f"fooled.truth.{column}.{found.wave}", truth, "points", wave=found.wave))
        )
    return layout.table(plan, found.wave, "designs.fooled").add(triples).exhibit()


__all__ = ["earlier", "effects_over_time", "fooled", "over_time", "staggered_frame"]
