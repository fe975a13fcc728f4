"""Is a lot what its record says? Each condition by itself, from the record, the frame and the plan."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from evaluation.analysis.lots import lot_draws
from evaluation.errors import EvaluationError
from evaluation.intake import lot_frames, lot_records, waves
from evaluation.intake.lot_records import LotRecord
from evaluation.plan.study import Plan
from evaluation.statistics.randomisation import ALGORITHM


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of the record: its name, what it says, whether it holds."""

    id: str
    says: str
    holds: bool


def conditions(plan: Plan, name: str) -> list[Condition]:
    """Return every condition of a lot's record with whether it holds; the first that fails is why nothing is proved.

    Raises
    ------
    InputError
        The record cannot be read.
    """
    record = lot_records.read_record(plan, name)
    if record is None:
        return [Condition("committed", "the lot was committed", False)]
    found = [
        Condition("whole", "the record's own hash is that of its content", lot_records.digest_holds(plan, name)),
        Condition("algorithm", "the record names the way of drawing that is known here", record.algorithm == ALGORITHM),
        Condition("committed", "the commitment is that of settings and frame", _committed(record)),
        Condition("planned", "the settings are those of the plan", _planned(plan, name, record)),
        Condition(
            "frame", "the units of the record are those of the frame that was committed", _framed(plan, name, record)
        ),
        Condition("drawn", "the public number is known and the lot was drawn", bool(record.draws)),
    ]
    if record.draws:
        found += [
            Condition("once", "the lot was drawn once", len(record.draws) == 1),
            Condition("allocation", "drawing again gives the same units", _again(record)),
            Condition(
                "in time", "it was committed, then drawn, before the wave that it serves began", _in_time(plan, record)
            ),
        ]
    return found


def _committed(record: LotRecord) -> bool:
    wanted = lot_records.commitment_of(record.lot, record.settings, record.frame, record.algorithm)
    return record.commitment == wanted


def _planned(plan: Plan, name: str, record: LotRecord) -> bool:
    return record.lot == name and record.settings == lot_records.settings_of(plan.lots[name])


def _framed(plan: Plan, name: str, record: LotRecord) -> bool:
    """Return whether record and file hold the same units, as the digest in the record says."""
    try:
        frame = lot_frames.read_frame(plan, name)
    except EvaluationError:
        return False
    own = [(c, b) for c, b, _ in record.units]
    there = list(zip(frame.units["code"], frame.units["block"], strict=True))
    return own == there and frame.digest(plan.lots[name].restrict) == record.frame


def _again(record: LotRecord) -> bool:
    try:
        codes, tries = lot_draws.allocate(record, 0)
    except EvaluationError:
        return False
    return codes == record.drawn[0] and tries == record.draws[0]["tries"]


def _in_time(plan: Plan, record: LotRecord) -> bool:
    wave = str(record.settings["serves"])
    start = waves.fieldwork(plan, wave).get(wave, (None, None))[0] if wave in plan.waves else None
    days = [dt.date.fromisoformat(d) for d in (record.committed_on, record.draws[0]["drawn_on"])]
    return days[0] <= days[1] and (start is None or days[1] < start)


def summary(plan: Plan, name: str) -> tuple[str, bool]:
    """Return the conditions as lines, and whether all of them hold."""
    lot_records.lot_of(plan, name)
    found = conditions(plan, name)
    lines = [f"{'holds' if c.holds else 'FAILS'}  {c.says}" for c in found]
    good = all(c.holds for c in found)
    end = "The lot is what its record says." if good else "The lot is not proved: the study may claim no effect by it."
    number = [
        f"The public number of the record is {d['number']}: compare it with {plan.lots[name].public_number}."
        for r in [lot_records.read_record(plan, name)]
        if r
        for d in r.draws[:1]
    ]
    return "\n".join([*lines, *number, end]), good
