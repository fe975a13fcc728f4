"""Take a wave in: read, map, validate, split what identifies, leave out by named steps, derive columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evaluation.errors import InputError, StudyError, nearest
from evaluation.intake import (
    keys,
    mapping,
    privacy,
    read_table,
    readers,
    same_people,
    validation,
    wave_file,
    withdrawals,
)
from evaluation.intake.faults import NEVER_WAIVED, Fault, fault_table
from evaluation.intake.read_table import WaveRead
from evaluation.intake.records import Read
from evaluation.intake.wave_file import WaveInfo
from evaluation.intake.withdrawals import respondent
from evaluation.plan.study import Derived, Plan

if TYPE_CHECKING:
    from pandas.api.extensions import ExtensionArray

    from evaluation.plan.codebook import Variable

IN_DESIGN = ("design", "collection", "treatment")
IN_OUTCOMES = ("outcome", "mediator", "control")
ROWS_NUMBERED = "no column numbers the respondents: rows were numbered as they stand, and another export renumbers them"


@dataclass(frozen=True, slots=True)
class WaveIn:
    """A wave that was taken in.

    Attributes
    ----------
    design, outcomes, reasons : DataFrame, index respondent ("W2024-0001")
        Roles apart; `reasons` has 0 for present and -9 to -3 for each kind of missing, for every variable.
    ledger : DataFrame
        step, reason, n_out, n_left.
    faults : tuple of Fault
        Faults that were waived, or passed by a draft; `meta` is the wave's `WaveInfo`.
    identifiers : DataFrame
        Direct identifiers of the respondents kept, for the owner's private store only; never part of a stage.
    """

    design: pd.DataFrame = field(repr=False)
    outcomes: pd.DataFrame = field(repr=False)
    reasons: pd.DataFrame = field(repr=False)
    ledger: pd.DataFrame
    faults: tuple[Fault, ...]
    meta: WaveInfo
    identifiers: pd.DataFrame = field(repr=False, default_factory=pd.DataFrame)


def check(plan: Plan, wave: str) -> list[Fault]:
    """Return every fault of a wave that no waiver covers; nothing is written."""
    checked = _checked(plan, wave)
    return list(checked.faults if isinstance(checked, Inspected) else checked.open)


@dataclass(frozen=True, slots=True)
class Inspected:
    """A wave that was read and checked; nothing of it was written.

    Attributes
    ----------
    faults : tuple of Fault
        Every fault that no waiver covers.
    read : WaveRead or None
        What was read; None where it cannot be read at all.
    take_in : callable or None
        Returns the wave, taken in, where it has no fault.
    """

    faults: tuple[Fault, ...]
    read: WaveRead | None = None
    take_in: Callable[[], WaveIn] | None = field(default=None, repr=False)


def inspect(plan: Plan, wave: str) -> Inspected:
    """Return what is wrong with a wave and what was read of it; nothing is written."""
    checked = _checked(plan, wave)
    if isinstance(checked, Inspected):
        return checked
    read = read_table.table(checked.info, checked.read, checked.mapped, plan.codebook)
    return Inspected(checked.open, read, None if checked.open else lambda: _taken(plan, checked, checked.waived))


def _checked(plan: Plan, wave: str) -> _Checked | Inspected:
    """Return a wave mapped and checked, or the one fault of a wave that cannot be read."""
    try:
        return _mapped(plan, wave)
    except (InputError, StudyError) as error:
        return Inspected((Fault("unreadable", f"waves/{wave}", error.where, error.what, error.todo),))


def take_in(plan: Plan, wave: str, *, draft: bool = False) -> WaveIn:
    """Return a wave, or raise with every fault at once.

    Raises
    ------
    InputError
        Open faults, all of them in one table (`draft` lets faults that may be waived pass).
    """
    checked = _mapped(plan, wave)
    stopping = [f for f in checked.open if not (draft and f.waivable)]
    if stopping:
        raise InputError(fault_table(stopping), faults=stopping, todo="Nothing was written.")
    return _taken(plan, checked, (*checked.waived, *(checked.open if draft else ())))


def _taken(plan: Plan, checked: _Checked, allowed: tuple[Fault, ...]) -> WaveIn:
    info, mapped = checked.info, checked.mapped
    frame, reasons = _frames(plan, info, mapped)
    identifiers = privacy.identifiers(plan, mapped, frame.index)
    frame, reasons, ledger = _left(plan, info, frame, reasons, mapped.held)
    frame = frame.assign(**_derived(plan, frame))
    roles = {n: plan.codebook.role(n) for n in plan.codebook.names()}
    design = [c for c in frame if _role(plan, roles, c) in IN_DESIGN or c in ("wave", "link")]
    outcomes = [c for c in frame if _role(plan, roles, c) in IN_OUTCOMES]
    kept = identifiers.loc[frame.index]
    made = WaveIn(frame[design], frame[outcomes], reasons, ledger, allowed, info, kept)
    return shuffled(plan, made) if info.shuffled else made


def shuffled(plan: Plan, wave: WaveIn) -> WaveIn:
    """Return a wave whose people swapped all their outcomes at once with others of their session: a mock.

    Who did what and how they were asked stays; whose answers are whose does not. Reasons for a missing answer go with
    the answers, so that the answers of one person stay together.
    """
    session = plan.population.session_column
    inside = wave.design[session].fillna("") if session in wave.design else pd.Series("", index=wave.design.index)
    draw = np.random.default_rng([plan.seed, *wave.meta.wave.encode()])
    order = np.arange(len(inside))
    for places in inside.reset_index(drop=True).groupby(inside.to_numpy(), sort=True).groups.values():
        order[places] = draw.permutation(places)
    told = [c for c in wave.outcomes if c in wave.reasons]
    moved = wave.reasons.assign(**{c: wave.reasons[c].to_numpy()[order] for c in told})
    answers = wave.outcomes.iloc[order].set_axis(wave.outcomes.index)
    return replace(wave, outcomes=answers, reasons=moved)


def _role(plan: Plan, roles: dict[str, str], column: str) -> str:
    base = column.partition(".")[0]
    return roles.get(plan.derive[base].source if base in plan.derive else base, "")


@dataclass(frozen=True, slots=True)
class _Checked:
    """A wave that was mapped and checked: its map, its export, its values, its open and its waived faults."""

    info: WaveInfo
    read: Read
    mapped: mapping.Mapped
    open: tuple[Fault, ...]
    waived: tuple[Fault, ...]


def _mapped(plan: Plan, wave: str) -> _Checked:
    import hashlib

    info = wave_file.load(plan.root, wave)
    read = readers.read_wave(info)
    mapped = mapping.apply(read, info, plan.codebook, required=required(plan, wave))
    privacy.coarsen(plan, mapped)
    validation.check(plan, info, mapped)
    same_people.check(plan, info, read, mapped)
    if info.sha256 and hashlib.sha256(info.path.read_bytes()).hexdigest() != info.sha256:
        mapped.faults.append(
            Fault(
                "export_changed",
                info.file,
                "",
                "the export is not the file that was taken in",
                "Restore it, or take the new one in with add-wave.",
            )
        )
    _withdrawals_found(plan, info, mapped)
    _unused_waivers(info, mapped)
    waived = [f for f in mapped.faults if _is_waived(f, info)]
    return _Checked(info, read, mapped, tuple(f for f in mapped.faults if f not in waived), tuple(waived))


def _withdrawals_found(plan: Plan, info: WaveInfo, mapped: mapping.Mapped) -> None:
    """Say which rows of the list of withdrawals cannot be obeyed, or find nobody: the number may be mistyped."""
    mapped.faults += withdrawals.read(plan)[1]
    here = [respondent(info.wave, i) for i in mapped.values["resp_id"].dropna()]
    left, unknown = withdrawals.gone(plan, info.wave, here)
    if left and info.columns.get(mapping.ROW) == "resp_id":
        mapped.fault(
            "withdrawn_by_row",
            info,
            "resp_id",
            "people withdrew by number, and this export's rows are numbered as they stand",
            "See that each number is the row's place in this very export, then waive this with that reason.",
        )
    if unknown:
        rows = tuple(w.row for w in unknown)
        fault = Fault(
            "withdrawn_unknown",
            unknown[0].file,
            "resp_id",
            f"{unknown[0].file} names {len(unknown)} that this wave lacks",
            "Correct the number, or waive it when the export was made after they withdrew.",
            row=rows[0],
            n=len(rows),
            rows=rows,
        )
        mapped.faults.append(fault)


def _unused_waivers(info: WaveInfo, mapped: mapping.Mapped) -> None:
    """Refuse a waiver of a fault that nobody may waive, or of none: it would be read as if it had been allowed."""
    kinds = {f.kind for f in mapped.faults if f.waivable}
    for waiver in info.waivers:
        if waiver.fault in NEVER_WAIVED:
            what, todo = f"the fault {waiver.fault!r} cannot be waived", "Remove the waiver and mend the fault."
        elif not any(_is_waived(f, replace(info, waivers=(waiver,))) for f in mapped.faults):
            where = f" in {waiver.where!r}" if waiver.where else ""
            what, todo = f"the waiver of {waiver.fault!r}{where} waives nothing", "Remove or correct it."
        else:
            continue
        mapped.fault("bad_waiver", info, waiver.where, what, todo, near=nearest(waiver.fault, kinds - {waiver.fault}))


def required(plan: Plan, wave: str) -> set[str]:
    """Return the variables that a wave must hold: those required from it or from an earlier wave."""
    before = plan.waves[: plan.waves.index(wave) + 1] if wave in plan.waves else (wave,)
    out = set()
    for name in plan.codebook.names():
        since = plan.codebook.variable(name).required_from
        if (
            since == "always"
            or since in before
            or (since.startswith("W") and since not in plan.waves and since <= wave)
        ):
            out.add(name)
    return out


def _is_waived(fault: Fault, info: WaveInfo) -> bool:
    return fault.waivable and any(w.fault == fault.kind and w.where in ("", fault.column) for w in info.waivers)


def _frames(plan: Plan, info: WaveInfo, mapped: mapping.Mapped) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return typed values and reasons without identifiers and free text; link codes become keyed hashes."""
    index = pd.Index([respondent(info.wave, i) for i in mapped.values["resp_id"]], name="respondent", dtype="object")
    columns: dict[str, ExtensionArray | np.ndarray] = {"wave": pd.array([info.wave] * len(index), dtype="str")}
    reasons: dict[str, np.ndarray] = {}
    if plan.treatment.link_column == "resp_id":
        columns["link"] = _link(mapped.values["resp_id"])
        reasons["link"] = mapped.reasons["resp_id"].to_numpy()
    for name in plan.codebook.names():
        var = plan.codebook.variable(name)
        if name in ("wave", "resp_id"):
            continue
        if name == plan.treatment.link_column != "resp_id":
            columns["link"] = _link(mapped.values[name])
            reasons["link"] = mapped.reasons[name].to_numpy()
            continue
        if var.sens == "direct" or var.type == "text":
            continue
        reasons[name] = mapped.reasons[name].to_numpy()
        columns |= _typed(name, var, mapped.values[name])
    return pd.DataFrame(columns, index=index), pd.DataFrame(reasons, index=index).astype("int8")


def _link(values: pd.Series) -> ExtensionArray:
    key = keys.study_key() if values.notna().any() else b""
    return _text(privacy.keyed(values, key).to_numpy())


def _text(values: np.ndarray) -> ExtensionArray:
    return pd.array(values, dtype="str")


def _typed(name: str, var: Variable, values: pd.Series) -> dict[str, ExtensionArray | np.ndarray]:
    """Return a variable's columns in the types of the stages."""
    missing = values.isna().to_numpy()
    held = values.to_numpy()
    if var.type in ("ordinal", "integer", "number"):
        whole = var.type != "number"
        numbers = np.where(missing, 0, held).astype("int64" if whole else "float64")
        made = pd.arrays.IntegerArray if whole else pd.arrays.FloatingArray
        return {name: made(numbers, missing)}
    if var.type in ("date", "datetime"):
        days = np.where(missing, "NaT", held).astype("datetime64[D]")
        return {name: days.astype("datetime64[M]").astype("datetime64[ns]")}
    text: dict[str, ExtensionArray | np.ndarray] = {name: _text(held)}
    if var.type == "multi":
        codes, shapes = pd.factorize(values)
        for level in var.levels:
            ticks = np.array([level in str(s).split(";") for s in shapes] + [False])
            text[f"{name}.{level}"] = pd.arrays.BooleanArray(ticks[codes], missing.copy())
    return text


def _left(
    plan: Plan, info: WaveInfo, frame: pd.DataFrame, reasons: pd.DataFrame, held: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Leave people out by the named steps of the plan, withdrawals first; return what is left and the ledger."""
    numbered = info.columns.get(mapping.ROW) == "resp_id"
    steps = [("read from the export", ROWS_NUMBERED if numbered else "", 0, held)]
    if held > len(frame):
        steps.append(("empty rows of the file", "a row that holds nothing is nobody", held - len(frame), len(frame)))
    gone = frame.index.isin(withdrawals.gone(plan, info.wave, list(frame.index))[0])
    if gone.any():
        frame = frame[~gone]
        steps.append(("withdrew from the study", "people may withdraw at any time", int(gone.sum()), len(frame)))
    for rule in plan.exclusions:
        if rule.column not in frame:
            continue
        asked = reasons.loc[frame.index, rule.column] != mapping.NOT_ASKED
        if rule.only_where_asked and not asked.any():
            continue
        values = frame[rule.column].astype(object)
        out = ~values.isin(rule.keep) if rule.keep else values.isin(rule.drop)
        out = out.fillna(False).astype(bool) & (asked if rule.only_where_asked else True)
        frame = frame[~out]
        steps.append((rule.step, rule.reason, int(out.sum()), len(frame)))
    ledger = pd.DataFrame(steps, columns=["step", "reason", "n_out", "n_left"])
    return frame, reasons.loc[frame.index], ledger


def _derived(plan: Plan, frame: pd.DataFrame) -> dict[str, ExtensionArray]:
    return {name: _derive(made, frame[made.source]) for name, made in plan.derive.items() if made.source in frame}


def _derive(frame: Derived, source: pd.Series) -> ExtensionArray:
    """Return a derived column: levels mapped ("*" for all others), or a number cut; missing stays missing."""
    codes, found = pd.factorize(source.astype(object))
    if frame.cuts:
        levels = [frame.levels[sum(float(v) >= c for c in frame.cuts)] for v in found]
    else:
        other = frame.map.get("*")
        levels = [frame.map.get(str(v), other) for v in found]
    return _text(np.array([*(pd.NA if v is None else v for v in levels), pd.NA], dtype=object)[codes])
