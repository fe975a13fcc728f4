"""D2: the focus group and the others, by two definitions of the group, and by place as a triple difference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from evaluation.analysis.attendee_effect import guarded
from evaluation.analysis.change import difference, gap
from evaluation.analysis.did.exposed_places import gated, placed
from evaluation.analysis.did.inputs import Evidence, exposed_places
from evaluation.plan.study import Design, Plan
from evaluation.results import NotIdentified, TooFew
from evaluation.statistics import did


def gap_change(plan: Plan, found: Evidence, design: Design) -> list[tuple[str, Any]]:
    """D2: change of the gap between the groups, from the jackknifed gaps of the two waves.

    Companions: the same by each other definition of the group that the plan derives; and the triple difference by
    place, how much more the gap moved where events were held.
    """
    out = [("", _gap_change(plan, found, design))]
    for name in definitions(plan, design):
        made = _by_definition(plan, found, design, name)
        out.append((name.replace("_", "-"), made))
        asked = [x for x in (*plan.earlier_waves(found.wave), found.wave) if _known(found, design, name, x)]
        if isinstance(made, NotIdentified) and len(asked) > 1:
            later = design.model_copy(update={"waves": (asked[0], asked[-1])})
            out.append((f"{name.replace('_', '-')}-since-{asked[0].lower()}", _by_definition(plan, found, later, name)))
    return [*out, ("by-place", by_place(plan, found, design))]


def _gap_change(plan: Plan, found: Evidence, design: Design) -> Any:
    first, last = design.waves[0], design.waves[-1]
    parts = [gap(plan, found.survey, design.outcome, x) for x in (first, last)]
    counts = {
        f"{g}, {x}": n
        for x, p in zip((first, last), parts, strict=True)
        for g, n in (p.counts if isinstance(p, TooFew) else p.n).items()
    }
    if any(isinstance(p, TooFew) for p in parts) or min(counts.values()) < plan.sizes.least_people:
        return TooFew(counts=counts, needed=plan.sizes.least_people)
    made = difference(parts[1], parts[0], labels=(last, first))
    return replace(made, n=counts, method="change of the gap between weighted means")


def definitions(plan: Plan, design: Design) -> list[str]:
    """Return other derived columns with the levels of the design's groups: further definitions of the same group."""
    return [
        name
        for name, made in plan.derive.items()
        if name != design.group and set(made.map.values()) == set(design.group_levels)
    ]


def grouped(found: Evidence, design: Design, column: str) -> pd.DataFrame:
    """Return the general samples of the design's waves with `member` 1 for the focus group, 0 for the other."""
    frame = found.general((design.waves[0], design.waves[-1]), design.outcome)
    if column not in frame:
        frame[column] = pd.NA
    frame = frame.assign(
        member=frame[column].map({level: float(i == 0) for i, level in enumerate(design.group_levels)})
    )
    return frame.assign(member=frame["member"].astype(float))


def _known(found: Evidence, design: Design, column: str, wave: str) -> bool:
    """Return whether a wave asked the outcome and says who belongs to the group by this definition."""
    people = found.survey.people
    inside = people["wave"] == wave
    return (
        column in people and bool(people.loc[inside, column].notna().any()) and found.survey.asked(design.outcome, wave)
    )


def _by_definition(plan: Plan, found: Evidence, design: Design, column: str) -> Any:
    frame = grouped(found, design, column)
    silent = [wave for wave, rows in frame.groupby("wave")["member"] if rows.isna().all()]
    if silent:
        reason = f"{', '.join(silent)} offered fewer groups, so that the wider definition cannot be made there"
        return NotIdentified(reason, "Ask it in full in every wave.")
    session = plan.population.session_column
    return guarded(
        did.two_by_two,
        frame[frame["member"].notna()],
        outcome=design.outcome,
        group="member",
        time="after",
        weight="population_weight",
        cluster=session if session and session in frame else None,
        least=plan.sizes.least_people,
    )


def by_place(plan: Plan, found: Evidence, design: Design) -> Any:
    """Return the triple difference by place: all eight cells counted, error by place."""
    names, gate = exposed_places(plan, found, (design.waves[0], design.waves[-1]))
    frame = placed(plan, found, design, names)
    levels = {level: float(i == 0) for i, level in enumerate(design.group_levels)}
    if design.group not in frame:
        return NotIdentified("the waves do not say who belongs to which group", "Ask it in every wave.")
    frame = frame.assign(member=frame[design.group].map(levels).astype(float)).dropna(subset=["member"])
    sides = frame.groupby("exposed")["unit"].nunique()
    if len(sides) < 2 or sides.min() < 2:
        return NotIdentified("fewer than two places on one side", "Events in two places or more, and two without.")
    made = guarded(
        did.triple,
        frame,
        outcome=design.outcome,
        group="member",
        place="exposed",
        time="after",
        weight="population_weight",
        cluster="unit",
        least=plan.sizes.least_people,
    )
    return gated(made, gate)
