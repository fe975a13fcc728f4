"""Draw a lot: commit to it, wait for the public number, draw once, hand the list to those who send invitations."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.errors import InputError, StudyError
from evaluation.intake import lot_frames, lot_records, waves
from evaluation.intake.lot_frames import LotFrame
from evaluation.intake.lot_records import Drawing, LotRecord
from evaluation.plan.study import Plan
from evaluation.statistics import randomisation


@dataclass(frozen=True, slots=True)
class DrawRequest:
    """What `evaluation lot draw` was asked for: the day, the public number, the file for senders, why again."""

    day: dt.date
    number: str = ""
    senders: Path | None = None
    again: str = ""


def draw(plan: Plan, name: str, request: DrawRequest) -> str:
    """Commit a lot, or draw it once its public number is known, and say what was done.

    Raises
    ------
    StudyError
        The plan has no such lot, the wave that it serves has begun, the lot was drawn already, or no number is known.
    InputError
        A fault of the frame, a person who answered no earlier wave, or a list that would stand in the repository.
    """
    lot_records.lot_of(plan, name)
    record = lot_records.read_record(plan, name)
    if record is None:
        if request.number:
            todo = f"Commit first (evaluation lot draw {name}), announce the commitment, and wait for the number."
            raise StudyError(f"the lot {name!r} was not committed before its number was known", todo=todo)
        return commit(plan, name, request.day)
    _refuse_late(plan, name, request.day)
    return _drawn(plan, name, record, request)


def commit(plan: Plan, name: str, day: dt.date) -> str:
    """Write the commitment of a lot and say what to announce."""
    _refuse_late(plan, name, day)
    lot, frame = plan.lots[name], lot_frames.read_frame(plan, name, create_key=True)
    _refuse_strangers(plan, name, frame)
    record = committed(plan, name, frame, day)
    lot_records.write_record(plan, record)
    return (
        f"The lot “{lot.title}” is committed in plans/lots/{name}.toml: {len(units_of(record))} units in "
        f"{frame.units['block'].nunique()} blocks.\n"
        f"Announce this before the number is known, where others can see the day:\n\n"
        f"  {record.commitment}\n\n"
        f"The number: {lot.public_number}. When it is known: evaluation lot draw {name} --number N"
    )


def committed(plan: Plan, name: str, frame: LotFrame, day: dt.date) -> LotRecord:
    """Return the record of a lot that is committed and not drawn."""
    lot = plan.lots[name]
    randomisation.sizes(list(frame.units["block"]), lot.share)
    settings, digest = lot_records.settings_of(lot), frame.digest(lot.restrict)
    values = frame.units[list(lot.restrict)].to_numpy(float)
    units = zip(frame.units["code"], frame.units["block"], map(tuple, values.tolist()), strict=True)
    return LotRecord(
        lot=name,
        settings=settings,
        frame=digest,
        committed_on=day.isoformat(),
        commitment=lot_records.commitment_of(name, settings, digest, randomisation.ALGORITHM),
        units=tuple(units),
        algorithm=randomisation.ALGORITHM,
    )


def drawn(record: LotRecord, number: str, day: dt.date, reason: str = "") -> LotRecord:
    """Return a committed record with a draw made by its public number."""
    note = Drawing(number=number, drawn_on=day.isoformat(), tries=1, reason=reason)
    codes, tries = allocate(lot_records.with_draw(record, note, ()))
    return lot_records.with_draw(record, Drawing(**note | {"tries": tries}), codes)


def units_of(record: LotRecord) -> list[str]:
    """Return the codes of the units in a record."""
    return [code for code, _, _ in record.units]


def allocate(record: LotRecord, place: int = -1) -> tuple[tuple[str, ...], int]:
    """Return the codes that a draw gives, and its tries: from the record alone, as anybody can do it."""
    settings, codes = record.settings, units_of(record)
    found = randomisation.draw(
        codes,
        [block for _, block, _ in record.units],
        share=float(str(settings["share"])),
        seed=record.seed(place),
        restriction=restriction_of(record),
    )
    return tuple(c for c, z in zip(codes, found.treat, strict=True) if z), found.tries


def restriction_of(record: LotRecord) -> randomisation.Restriction | None:
    """Return the rule for drawing again; None where the lot has none."""
    if not record.settings["restrict"]:
        return None
    values = np.array([v for _, _, v in record.units], dtype=float)
    return randomisation.Restriction(values, float(str(record.settings["most_difference"])))


def _drawn(plan: Plan, name: str, record: LotRecord, request: DrawRequest) -> str:
    if record.draws and not request.again:
        first = record.draws[0]
        todo = (
            "A draw is final. --again REASON records another beside it, and the study may then claim no effect by lot."
        )
        raise StudyError(f"the lot {name!r} was drawn on {first['drawn_on']}", todo=todo)
    if not request.number:
        raise StudyError(
            f"the lot {name!r} waits for its number ({plan.lots[name].public_number})",
            where=f"plans/lots/{name}.toml",
            todo=f"evaluation lot draw {name} --number N",
        )
    if not (request.number.isdigit() and len(request.number) <= 60):
        raise StudyError(f"{request.number!r} is no number", todo="Write its digits only, one after another.")
    frame = lot_frames.read_frame(plan, name)
    if frame.digest(plan.lots[name].restrict) != record.frame:
        todo = f"Restore data_raw/lots/{name}.csv as it was committed."
        raise InputError("the frame of the lot is not the one that was committed", where=f"{name}.csv", todo=todo)
    if request.senders is not None:
        _refuse_inside(plan, request.senders)
    made = drawn(record, request.number, request.day, request.again)
    codes, tries = made.drawn[-1], made.draws[-1]["tries"]
    lot_records.write_record(plan, made)
    said = [f"Drawn: {len(codes)} of {len(record.units)} units, in plans/lots/{name}.toml (try {tries})."]
    if request.senders is not None:
        lot_frames.write_list(request.senders, frame, set(codes))
        said.append(f"The list for those who send invitations is in {request.senders.name}, for its owner's eyes only.")
    return "\n".join([*said, f"Anybody can draw it again: evaluation lot verify {name}"])


def _refuse_inside(plan: Plan, path: Path) -> None:
    here = path.resolve()
    inside = here.is_relative_to(plan.root.resolve()) or any((p / ".git").exists() for p in here.parents)
    if inside:
        todo = "Name a place outside the study and any repository, which only the senders can read."
        raise StudyError("the list of people would stand in the repository", where=path.name, todo=todo)
    if path.exists():
        raise StudyError("there is a file of this name already", where=path.name, todo="Name another.")


def _refuse_late(plan: Plan, name: str, day: dt.date) -> None:
    """Refuse a lot once the wave that it serves has begun."""
    wave = plan.lots[name].serves
    start = waves.fieldwork(plan, wave).get(wave, (None, None))[0] if wave in plan.waves else None
    if start is not None and day >= start:
        todo = "A lot is drawn before; name a later wave under `serves`."
        raise StudyError(f"the lot {name!r} serves {wave}, which began on {start.isoformat()}", todo=todo)


def _refuse_strangers(plan: Plan, name: str, frame: LotFrame) -> None:
    """Refuse people of the frame who answered no earlier wave, or withdrew."""
    lot = plan.lots[name]
    if lot.kind != "people" or not lot.before:
        return
    design = waves.read_design(plan, lot.before)
    known = set(design.loc[design["wave"] == lot.before, "link"].dropna()) if "link" in design else set()
    strange = frame.units.loc[~frame.units["link"].isin(known), "row"].tolist()
    if strange:
        rows = lot_frames.first_rows(strange)
        raise InputError(
            f"{len(strange)} of {len(frame.units)} people of the frame gave {lot.before} nothing to use (row {rows})",
            where=f"data_raw/lots/{name}.csv",
            todo="Take these rows out: they answered nothing, withdrew, or did not agree to be analysed.",
        )
