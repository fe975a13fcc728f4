"""Check a mapped wave as a whole: duplicates, dates, routing, attendance where it was not asked, reversed items."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from evaluation.errors import StudyError
from evaluation.intake import answer_patterns, comparable_questions, drawn_sample, earlier_waves, registers, wave_file
from evaluation.intake.answer_patterns import outcome_items
from evaluation.intake.faults import safe_number
from evaluation.intake.mapping import BLANK, NOT_ASKED, ROUTED, UNREADABLE, Mapped
from evaluation.intake.privacy import identifies
from evaluation.intake.wave_file import WaveInfo
from evaluation.plan.study import Plan

ROUTE = re.compile(r"(\w+) == '(\w+)'")


def check(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    """Add the faults that only show when the whole wave is seen; routed-past blanks get their reason here."""
    checks: tuple[Callable[[Plan, WaveInfo, Mapped], None], ...] = (
        _ids,
        _too_few,
        _fieldwork,
        _order_of_waves,
        _routing,
        _identifiers,
        _attendance,
        _wording,
        comparable_questions.check,
        answer_patterns.reversed_items,
        answer_patterns.straight_lines,
        drawn_sample.weights,
        drawn_sample.strata,
        _primary,
        _before_events,
    )
    for one in checks:
        one(plan, info, mapped)


def _ids(_: Plan, info: WaveInfo, mapped: Mapped) -> None:
    if (mapped.reasons["resp_id"] == NOT_ASKED).all():
        mapped.fault(
            "missing_column",
            info,
            "resp_id",
            "no column numbers the respondents",
            "Map the tool's own number (Respondent ID, ResponseId, Unique Response Number). Only where there is none, "
            'number the rows: "#row" = "resp_id"; a withdrawal by number then means the row of this very export.',
        )
        return
    named = mapped.values["resp_id"].map(lambda v: v is not pd.NA and not safe_number(v)).to_numpy(dtype=bool)
    if named.any():
        mapped.fault(
            "identifier",
            info,
            "resp_id",
            "what numbers the respondents may be a name or a contact detail",
            'Use the tool\'s own number, or number the rows: "#row" = "resp_id".',
            list(np.flatnonzero(named)),
        )
    ids = mapped.values["resp_id"].map(lambda v: v if v is pd.NA else str(v).lstrip("0") or "0").astype(object)
    if missing := list(np.flatnonzero(ids.isna().to_numpy())):
        mapped.fault("missing_id", info, "resp_id", "the respondent has no number", "Number them.", missing)
    if doubled := list(np.flatnonzero((ids.notna() & ids.duplicated()).to_numpy())):
        mapped.fault(
            "duplicate_respondent",
            info,
            "resp_id",
            "this respondent stands twice",
            "Remove one of the rows in the survey tool and export again.",
            doubled,
        )


def _too_few(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    least = plan.sizes.least_answers
    if len(mapped.rows) < least:
        mapped.fault(
            "too_few_answers",
            info,
            "",
            f"fewer than {least} people answered",
            "Check that the export is complete; a wave this small cannot be used.",
        )


def _fieldwork(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    """Dates of collection lie in the fieldwork; dates of taking part do not lie after it."""
    for name, values in mapped.values.items():
        var = plan.codebook.variable(name)
        if var.type not in ("date", "datetime") or var.role not in ("collection", "treatment"):
            continue
        days = np.where(values.isna(), "NaT", values.to_numpy()).astype("datetime64[D]")
        outside = np.zeros(len(days), dtype=bool)
        if info.start and var.role == "collection":
            outside |= days < np.datetime64(info.start)
        if info.end:
            outside |= days > np.datetime64(info.end)
        if outside.any():
            mapped.fault(
                "date_outside_fieldwork",
                info,
                name,
                "the date lies outside the fieldwork of wave.toml",
                "Correct the date order or the fieldwork, or waive it with a reason.",
                list(np.flatnonzero(outside)),
            )


def _order_of_waves(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    """Refuse answers collected before an earlier wave had ended, or after a later one began.

    An earlier wave whose wave.toml does not say when it was held began with its first answer.
    """
    here = plan.waves.index(info.wave) if info.wave in plan.waves else 0
    after = [start for w in plan.waves[here + 1 :] if (start := _field(plan, w)[0])]
    names = [
        n
        for n in mapped.values
        if (v := plan.codebook.variable(n)).type in ("date", "datetime") and v.role == "collection"
    ]
    for name in names:
        before = [d for w in plan.waves[:here] if (d := _ended(plan, w, name))]
        days = np.where(mapped.values[name].isna(), "NaT", mapped.values[name].to_numpy()).astype("datetime64[D]")
        wrong = np.zeros(len(days), dtype=bool)
        if before:
            wrong |= days < np.datetime64(max(before))
        if after:
            wrong |= days > np.datetime64(min(after))
        if wrong.any():
            mapped.fault(
                "date_out_of_order",
                info,
                name,
                "the date lies before the end of an earlier wave, or after the start of a later one",
                "Correct the date order, the fieldwork of the waves, or which wave this export is.",
                list(np.flatnonzero(wrong)),
            )


def _ended(plan: Plan, wave: str, name: str) -> dt.date | None:
    """Return when a wave had ended, as it states; else when it had begun, as it states or by its first answer."""
    start, end = _field(plan, wave)
    if end or start:
        return end or start
    held = earlier_waves.of(plan.root, wave, (name,)).days.get(name)
    return held[0] if held else None


def _field(plan: Plan, wave: str) -> tuple[dt.date | None, dt.date | None]:
    """Return start and end of a wave's fieldwork as its wave.toml says; its own check says what is wrong with that."""
    try:
        info = wave_file.load(plan.root, wave)
    except StudyError:
        return None, None
    return info.start, info.end


def _routing(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    """Blank where routed past becomes "not applicable"; an answer where routed past is a fault."""
    for name, values in mapped.values.items():
        match = ROUTE.fullmatch(plan.codebook.variable(name).route)
        if not match or match[1] not in mapped.values or (mapped.reasons[name] == NOT_ASKED).all():
            continue
        on = mapped.values[match[1]].astype(str)
        past = ((mapped.reasons[match[1]] == 0) & (on != match[2])).to_numpy()
        nothing = values.isna().to_numpy() | values.isin([0, "", "none"]).to_numpy()
        quiet = past & nothing & (mapped.reasons[name].isin([0, BLANK, ROUTED])).to_numpy()
        values[quiet] = pd.NA
        mapped.reasons[name] = mapped.reasons[name].mask(quiet, ROUTED).astype(np.int8)
        if (past & ~nothing).any():
            mapped.fault(
                "impossible_routing",
                info,
                name,
                f"answered although {match[1]} is not {match[2]!r}",
                "Correct one of the two, or waive it with a reason.",
                list(np.flatnonzero(past & ~nothing)),
            )


def _identifiers(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    """Refuse a contact detail in a column that is kept; the cell is never shown."""
    for name, values in mapped.values.items():
        var = plan.codebook.variable(name)
        if var.type != "id" or var.sens == "direct" or name == "resp_id" or not (mapped.reasons[name] == 0).any():
            continue
        texts = values.dropna().unique()
        found = {t for t in texts if identifies(t)}
        if found:
            mapped.fault(
                "identifier",
                info,
                name,
                "a contact detail stands in a column that is kept",
                "Remove it in the survey tool, or map the column to a variable of class direct.",
                list(np.flatnonzero(values.isin(found).to_numpy())),
            )


def _attendance(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    t = plan.treatment
    if t.column in mapped.values and info.wave in plan.waves_before_treatment:
        took = np.flatnonzero(mapped.values[t.column].isin(t.treated).to_numpy())
        if len(took):
            mapped.fault(
                "treated_too_early",
                info,
                t.column,
                f"the plan says that nobody took part before {t.nobody_before}, and these people did",
                "Correct nobody_before in study.toml, or the answers.",
                list(took),
            )
    if info.attendance_asked:
        return
    for column in dict.fromkeys((plan.treatment_source, plan.treatment.second_column)):
        if column and mapped.values[column].notna().any():
            mapped.fault(
                "attendance_not_asked",
                info,
                column,
                "attendance stands in a wave that did not ask it",
                "Set attendance_asked = true if it was; otherwise move the column to [ignore].",
            )


def _wording(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    """Every outcome item that an earlier wave may have asked needs a statement about its wording."""
    if info.wave == plan.waves[0]:
        return
    for item in outcome_items(plan):
        asked = item in mapped.reasons and not (mapped.reasons[item] == NOT_ASKED).all()
        if asked and item not in info.wording:
            mapped.fault(
                "wording_unstated",
                info,
                item,
                "it is not said whether the wording is the same",
                f"Write same, changed or unknown under [wording] {item}.",
            )


def _primary(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    """Refuse a wave in which nobody answered the primary outcome; unreadable answers are faults of their own."""
    primary = plan.outcomes.primary
    items = plan.scales[primary].items if primary in plan.scales else (primary,)
    held = [i for i in items if i in mapped.values]
    if not any(mapped.values[i].notna().any() or (mapped.reasons[i] == UNREADABLE).any() for i in held):
        mapped.fault(
            "no_primary_outcome",
            info,
            primary,
            f"nobody answered the primary outcome, {plan.label_of(primary)!r}",
            "Map its column, or take the wave out of study.toml: a wave without it cannot be evaluated.",
        )
    elif all(len(mapped.values[i].dropna().unique()) == 1 for i in held):
        mapped.fault(
            "one_answer",
            info,
            primary,
            f"everybody gave the same answer on the primary outcome, {plan.label_of(primary)!r}",
            "See that its column and labels are mapped right: where nobody differs there is nothing to evaluate.",
        )


def _before_events(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    """Attendance asked in a wave that was over before the first event of the register needs a person's yes."""
    column = plan.treatment_source
    first = registers.first_day(plan, plan.treatment.register_name, plan.treatment.register_date)
    if not column or not info.attendance_asked or first is None or not mapped.values[column].notna().any():
        return
    days = [
        mapped.values[n].dropna().max()
        for n in plan.codebook.names()
        if (v := plan.codebook.variable(n)).type == "date" and v.role == "collection" and mapped.values[n].notna().any()
    ]
    last = info.end or max(days, default=None)
    if last is not None and last < first:
        mapped.fault(
            "attendance_before_events",
            info,
            column,
            "attendance was asked in a wave that was over before the first event of the register",
            "Set attendance_asked = false, correct the dates, or waive it with the reason why it could be asked.",
        )
