"""Check a mapped wave as a whole: duplicates, dates, routing, attendance where it was not asked, reversed items."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from evaluation.intake.faults import Fault
from evaluation.intake.mapping import NOT_ASKED, ROUTED, Mapped
from evaluation.intake.wavefile import WaveInfo
from evaluation.study import Plan

ROUTE = re.compile(r"(\w+) == '(\w+)'")
LEAST_FOR_CORRELATION = 50
MOST_STRAIGHT = 0.4


def check(plan: Plan, info: WaveInfo, mapped: Mapped) -> list[Fault]:
    """Return the faults that only show when the whole wave is seen."""
    checks: tuple[Callable[[Plan, WaveInfo, Mapped], list[Fault]], ...] = (
        _ids,
        _too_few,
        _fieldwork,
        _routing,
        _attendance,
        _wording,
        _reversed,
        _straight,
    )
    return [fault for one in checks for fault in one(plan, info, mapped)]


def _fault(
    info: WaveInfo, mapped: Mapped, kind: str, column: str, what: str, todo: str, place: int | None = None
) -> Fault:
    if place is None:
        return Fault(kind, info.file, column, what, todo)
    row, who = int(mapped.rows.iloc[place]), str(mapped.who.iloc[place])
    return Fault(kind, info.file, column, what, todo, row=row, who=who)


def _ids(plan: Plan, info: WaveInfo, mapped: Mapped) -> list[Fault]:
    if "resp_id" not in mapped.values or (mapped.reasons["resp_id"] == NOT_ASKED).all():
        return [_fault(info, mapped, "missing_column", "resp_id", "no column numbers the respondents",
                       'Map one, or number the rows: "#row" = "resp_id".')]  # fmt: skip
    ids = mapped.values["resp_id"]
    out = []
    for place in np.flatnonzero(ids.isna().to_numpy()):
        out.append(
            _fault(info, mapped, "missing_id", "resp_id", "the respondent has no number", "Number them.", int(place))
        )
    for place in np.flatnonzero((ids.notna() & ids.duplicated()).to_numpy()):
        out.append(_fault(info, mapped, "duplicate_respondent", "resp_id", "this respondent stands twice",
                          "Remove one of the rows in the survey tool and export again.", int(place)))  # fmt: skip
    return out


def _too_few(plan: Plan, info: WaveInfo, mapped: Mapped) -> list[Fault]:
    n, least = len(mapped.rows), plan.sizes.least_answers
    if n >= least:
        return []
    return [_fault(info, mapped, "too_few_answers", "", f"fewer than {least} people answered",
                   "Check that the export is complete; a wave this small cannot be used.")]  # fmt: skip


def _fieldwork(plan: Plan, info: WaveInfo, mapped: Mapped) -> list[Fault]:
    out = []
    for name, values in mapped.values.items():
        var = plan.codebook.variable(name)
        if var.type != "date" or var.role not in ("collection", "treatment"):
            continue
        for place, day in enumerate(values):
            if day is pd.NA or day is None:
                continue
            early = var.role == "collection" and info.start and day < info.start
            late = info.end and day > info.end
            if early or late:
                out.append(_fault(info, mapped, "date_outside_fieldwork", name,
                                  "the date lies outside the fieldwork of wave.toml",
                                  "Correct the date order or the fieldwork, or waive it with a reason.", place))  # fmt: skip
    return out


def _routing(plan: Plan, info: WaveInfo, mapped: Mapped) -> list[Fault]:
    """Blank where routed past becomes "not applicable"; an answer where routed past is a fault."""
    out = []
    for name, values in mapped.values.items():
        match = ROUTE.fullmatch(plan.codebook.variable(name).route)
        if not match or match[1] not in mapped.values or (mapped.reasons[name] == NOT_ASKED).all():
            continue
        on = mapped.values[match[1]]
        past = (on.notna() & (on != match[2])).fillna(False).to_numpy(dtype=bool)
        mapped.reasons[name] = mapped.reasons[name].mask(past & values.isna().to_numpy(), ROUTED)
        nothing = values.isin([0, "", "none"]).to_numpy()
        values[past & nothing] = pd.NA
        mapped.reasons[name] = mapped.reasons[name].mask(past & nothing, ROUTED)
        for place in np.flatnonzero(past & values.notna().to_numpy()):
            out.append(_fault(info, mapped, "impossible_routing", name,
                              f"answered although {match[1]} is not {match[2]!r}", "Correct one of the two.", int(place)))  # fmt: skip
    return out


def _attendance(plan: Plan, info: WaveInfo, mapped: Mapped) -> list[Fault]:
    column = plan.treatment.column
    if info.attendance_asked or column not in mapped.values or not mapped.values[column].notna().any():
        return []
    return [_fault(info, mapped, "attendance_not_asked", column, "attendance stands in a wave that did not ask it",
                   "Set attendance_asked = true if it was asked; otherwise remove the column from the map.")]  # fmt: skip


def _wording(plan: Plan, info: WaveInfo, mapped: Mapped) -> list[Fault]:
    """Every outcome item that an earlier wave may have asked needs a statement about its wording."""
    if info.wave == plan.waves[0]:
        return []
    out = []
    for item in outcome_items(plan):
        asked = item in mapped.reasons and not (mapped.reasons[item] == NOT_ASKED).all()
        if asked and item not in info.wording:
            out.append(_fault(info, mapped, "wording_unstated", item, "it is not said whether the wording is the same",
                              f"Write same, changed or unknown under [wording] {item}."))  # fmt: skip
    return out


def outcome_items(plan: Plan) -> list[str]:
    """Return the items behind every outcome of the plan, each once."""
    items = [i for o in plan.all_outcomes for i in (plan.scales[o].items if o in plan.scales else (o,))]
    return list(dict.fromkeys(items))


def _scale_frame(items: Any, mapped: Mapped) -> pd.DataFrame:
    return pd.DataFrame(
        {i: pd.to_numeric(mapped.values[i], errors="coerce").astype(float) for i in items if i in mapped.values}
    )


def _reversed(plan: Plan, info: WaveInfo, mapped: Mapped) -> list[Fault]:
    out = []
    for scale in plan.scales.values():
        frame = _scale_frame(scale.items, mapped)
        for item in frame.columns:
            rest = frame.drop(columns=item).mean(axis=1)
            both = frame[item].notna() & rest.notna()
            if both.sum() < LEAST_FOR_CORRELATION or frame.loc[both, item].nunique() < 2:
                continue
            if np.corrcoef(frame.loc[both, item], rest[both])[0, 1] < -0.1:
                out.append(_fault(info, mapped, "reversed_item", item, "answers run against the rest of the scale",
                                  "The item is reversed or recoded in this export: mend [labels]."))  # fmt: skip
    return out


def _straight(plan: Plan, info: WaveInfo, mapped: Mapped) -> list[Fault]:
    items = [i for s in plan.scales.values() for i in s.items]
    frame = _scale_frame(items, mapped).dropna()
    if len(frame) < LEAST_FOR_CORRELATION or frame.shape[1] < 5:
        return []
    if (frame.nunique(axis=1) == 1).mean() <= MOST_STRAIGHT:
        return []
    return [_fault(info, mapped, "straight_lining", "", "many people gave one answer to every statement of the scale",
                   "Look at how the answers were collected, or waive it with a reason.")]  # fmt: skip
