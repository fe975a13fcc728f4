"""Design D2, the gap between groups: by each definition of the group, and by place as a triple difference."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from evaluation.analysis import group_lists
from evaluation.analysis.attendee_effect import guarded
from evaluation.analysis.change import difference, gap
from evaluation.analysis.did.exposed_places import both_kinds, gated, placed
from evaluation.analysis.did.inputs import DesignInputs, ends, exposed_places, session_in
from evaluation.plan.study import Design, Plan
from evaluation.results import NotIdentified, Result, TooFew
from evaluation.statistics import did


def gap_change(plan: Plan, inputs: DesignInputs, design: Design) -> list[tuple[str, Result]]:
    """D2: change of the gap between the groups, from the jackknifed gaps of the two waves.

    Companions: the same by each other definition of the group that the plan derives; and the triple difference by
    place, how much more the gap moved where events were held.
    """
    lists = group_lists.changed(plan, design.group, *ends(design))
    out: list[tuple[str, Result]] = [("", _gap_change(plan, inputs, design))]
    if lists is not None:
        return out  # models of people cannot be told which group an earlier answer would be in
    for name in definitions(plan, design):
        result, method = _by_definition(plan, inputs, design, name), name.replace("_", "-")
        out.append((method, result))
        asked = [x for x in (*plan.earlier_waves(inputs.wave), inputs.wave) if _known(inputs, design, name, x)]
        if isinstance(result, NotIdentified) and len(asked) > 1:
            later = design.model_copy(update={"waves": (asked[0], asked[-1])})
            out.append((f"{method}-since-{asked[0].lower()}", _by_definition(plan, inputs, later, name)))
    return [*out, ("by-place", by_place(plan, inputs, design))]


def _gap_change(plan: Plan, inputs: DesignInputs, design: Design) -> Result:
    first, last = ends(design)
    gaps: dict[str, Result] = {x: gap(plan, inputs.survey, design.outcome, x) for x in (first, last)}
    if (lists := group_lists.changed(plan, design.group, first, last)) is not None:
        gaps[first] = _crossed_gap(plan, inputs, design, lists)
    refused = next((g for g in gaps.values() if isinstance(g, NotIdentified)), None)
    if refused is not None:
        return refused
    counts = {
        f"{group}, {x}": n
        for x, result in gaps.items()
        for group, n in (result.counts if isinstance(result, TooFew) else result.n).items()
    }
    if any(isinstance(g, TooFew) for g in gaps.values()) or min(counts.values()) < plan.sizes.least_people:
        return TooFew(counts=counts, needed=plan.sizes.least_people)
    result = difference(gaps[last], gaps[first], labels=(last, first))
    return replace(result, n=counts, method="change of the gap between weighted means")


def _crossed_gap(plan: Plan, inputs: DesignInputs, design: Design, lists: tuple[str, str]) -> Result:
    """Return the earlier gap by the plan's crosswalk of the groups, or why there is none."""
    crosswalk = group_lists.named(plan, design.group, lists)
    if crosswalk is None:
        return group_lists.refusal(plan, design.group, lists)
    first, _ = ends(design)
    return group_lists.crossed(
        plan, inputs.survey, design.outcome, first, list(design.group_levels), crosswalk, share=False
    )


def definitions(plan: Plan, design: Design) -> list[str]:
    """Return other derived columns with the levels of the design's groups: further definitions of the same group."""
    return [
        name
        for name, rule in plan.derive.items()
        if name != design.group and set(rule.map.values()) == set(design.group_levels)
    ]


def membership(design: Design, column: pd.Series) -> pd.Series:
    """Return 1 for the focus group, 0 for the other, missing elsewhere."""
    return column.map({level: float(i == 0) for i, level in enumerate(design.group_levels)}).astype(float)


def grouped(inputs: DesignInputs, design: Design, column: str) -> pd.DataFrame:
    """Return the general samples of the design's waves with `member` 1 for the focus group, 0 for the other."""
    frame = inputs.general(ends(design), design.outcome)
    if column not in frame:
        frame[column] = pd.NA
    return frame.assign(member=membership(design, frame[column]))


def members(inputs: DesignInputs, design: Design) -> pd.DataFrame:
    """Return the people of the design's two groups, by its own definition of them."""
    return grouped(inputs, design, design.group).dropna(subset=["member"])


def two_groups(plan: Plan, frame: pd.DataFrame, outcome: str, *, whole: bool = False) -> Result:
    """Return the difference in change of the two groups, error by session.

    With `whole`, sessions are clusters only where everybody has one.
    """
    session = session_in(plan, frame)
    if whole and session and frame[session].isna().any():
        session = None
    roles = {"group": "member", "time": "after", "weight": "population_weight", "cluster": session}
    return guarded(did.two_by_two, frame, outcome=outcome, least=plan.sizes.least_people, **roles)


def _known(inputs: DesignInputs, design: Design, column: str, wave: str) -> bool:
    """Return whether a wave asked the outcome and says who belongs to the group by this definition."""
    people = inputs.survey.people
    inside = people["wave"] == wave
    named = column in people and bool(people.loc[inside, column].notna().any())
    return named and inputs.survey.asked(design.outcome, wave)


def _by_definition(plan: Plan, inputs: DesignInputs, design: Design, column: str) -> Result:
    frame = grouped(inputs, design, column)
    silent = [wave for wave, rows in frame.groupby("wave")["member"] if rows.isna().all()]
    if silent:
        reason = f"{', '.join(silent)} offered fewer groups, so that the wider definition cannot be made there"
        return NotIdentified(reason, "Ask it in full in every wave.")
    return two_groups(plan, frame[frame["member"].notna()], design.outcome)


def by_place(plan: Plan, inputs: DesignInputs, design: Design) -> Result:
    """Return the triple difference by place: all eight cells counted, error by place."""
    names, gate = exposed_places(plan, inputs, ends(design))
    frame = placed(plan, inputs, design, names)
    if design.group not in frame:
        return NotIdentified("the waves do not say who belongs to which group", "Ask it in every wave.")
    frame = frame.assign(member=membership(design, frame[design.group])).dropna(subset=["member"])
    if not both_kinds(frame):
        return NotIdentified("fewer than two places on one side", "Events in two places or more, and two without.")
    roles = {"group": "member", "place": "exposed", "time": "after", "weight": "population_weight", "cluster": "unit"}
    return gated(guarded(did.triple, frame, outcome=design.outcome, least=plan.sizes.least_people, **roles), gate)
