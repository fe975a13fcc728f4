"""Design D1, exposure by place: places that events reached against places that they did not, and its companions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from evaluation.analysis import arms
from evaluation.analysis.attendee_effect import guarded
from evaluation.analysis.did.inputs import DesignInputs, attended, ends, exposed_places, in_city, place, runnable
from evaluation.plan.study import Design, Plan
from evaluation.results import Gate, NotIdentified, Result
from evaluation.statistics import did

ROLES: dict[str, object] = {"group": "exposed", "time": "after", "area": "unit", "weight": "population_weight"}
LEAST_IN_LEVEL = 5


def places(plan: Plan, inputs: DesignInputs, design: Design) -> list[tuple[str, Result]]:
    """D1: change in places reached by events against change in places not reached; error by place.

    Companions: adjusted for the prognostic covariates; and places next door to events against places further away,
    which word of mouth would move and events by themselves would not.
    """
    names, gate = exposed_places(plan, inputs, ends(design))
    frame = placed(plan, inputs, design, names)
    if frame["exposed"].nunique() < 2:
        side = "no place" if not names else "every place"
        reason = f"{side} among those surveyed had an event between the surveys"
        return [("", NotIdentified(reason, "Survey places with events and places without."))]
    roles: dict[str, object] = {**ROLES, "outcome": design.outcome, "least": plan.sizes.least_people}
    out = [("", guarded(did.by_area, frame, **roles))]
    filled, adjusted = prognostic(plan, frame)
    if adjusted:
        out.append(("adjusted", guarded(did.by_area, filled, covariates=adjusted, **roles)))
    out.append(("next-door", next_door(plan, frame, roles)))
    return [(method, gated(result, gate)) for method, result in out]


def placed(plan: Plan, inputs: DesignInputs, design: Design, names: set[str]) -> pd.DataFrame:
    """Return the general samples of a design's waves in places that both waves reached, `exposed` 0/1."""
    frame = inputs.general(ends(design), design.outcome)
    frame["unit"] = place(plan, frame)
    frame = _in_both(frame[frame["unit"].notna()])
    return frame.assign(exposed=frame["unit"].isin(names).astype(float), unit=frame["unit"].astype(str))


def _in_both(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the people of places (`unit`) that are there before and after."""
    waves = frame.groupby("unit")["after"].nunique()
    return frame[frame["unit"].isin(waves.index[waves == 2])]


def exposed_frame(plan: Plan, inputs: DesignInputs) -> tuple[Design, pd.DataFrame] | None:
    """Return D1 and its people, where there are places of both kinds."""
    design = runnable(plan, inputs, "D1")
    if design is None or plan.exposure is None:
        return None
    frame = placed(plan, inputs, design, exposed_places(plan, inputs, ends(design))[0])
    return (design, frame) if both_kinds(frame) else None


def both_kinds(frame: pd.DataFrame) -> bool:
    """Return whether at least two places were reached and at least two were not."""
    sides = frame.groupby("exposed")["unit"].nunique()
    return len(sides) == 2 and bool(sides.min() >= 2)


def prognostic(plan: Plan, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the frame with the prognostic covariates that every wave asked, blanks as a level, and their names.

    What is made from the question of the place is left out: places are compared.
    """
    area = plan.exposure.area_column if plan.exposure else ""
    names = []
    for c in plan.matching.prognostic:
        if c not in frame or area in (c, source_of(plan, c)) or frame.groupby("after")[c].count().min() == 0:
            continue
        numbers = pd.api.types.is_numeric_dtype(frame[c]) and not pd.api.types.is_bool_dtype(frame[c])
        filled = frame[c].astype(float) if numbers else frame[c].astype(object)
        filled = filled.fillna(filled.mean()) if numbers else _joined(filled.fillna(arms.NOT_STATED), frame)
        frame = frame.assign(**{c: filled})
        if frame[c].nunique() > 1:
            names.append(c)
    return frame, names


def _joined(values: pd.Series, frame: pd.DataFrame) -> pd.Series:
    """Return levels with those that under five people of any cell share joined to the commonest one."""
    cell = frame["after"].astype(str)
    for side in ("exposed", "member"):
        if side in frame:
            cell = cell + frame[side].astype(str)
    counts = pd.crosstab(values, cell)
    rare = counts.index[(counts < LEAST_IN_LEVEL).any(axis=1)]
    return values.where(~values.isin(rare), values.value_counts().index[0])


def source_of(plan: Plan, column: str) -> str:
    """Return the question that a column was made from."""
    return plan.derive[column].source if column in plan.derive else column


def next_door(plan: Plan, frame: pd.DataFrame, roles: Mapping[str, object]) -> Result:
    """Return the change of places not reached but in the same city as events, against places further away."""
    unreached = frame[frame["exposed"] == 0]
    near = in_city(plan, unreached)
    if near is None or near.nunique() < 2:
        return NotIdentified("no place that was not reached lies next door to one that was", "Record ward groups.")
    return guarded(did.by_area, unreached.assign(exposed=near.astype(float)), **roles)


def gated(result: Result, *gates: Gate) -> Result:
    """Return a result with gates added."""
    return replace(result, gates=(*result.gates, *gates)) if hasattr(result, "gates") else result


def reached_share(inputs: DesignInputs, design: Design, frame: pd.DataFrame) -> pd.DataFrame | None:
    """Return people whose attendance is known, `taken` 0/1 (0 before anybody could); None where it was not asked."""
    if design.waves[-1] not in inputs.arms:
        return None
    known = frame.assign(taken=attended(inputs, frame))
    known.loc[known["after"] == 0, "taken"] = 0.0
    return _in_both(known[known["taken"].notna()])
