"""Take a wave in: read, map, validate, split what identifies, leave out by named steps, derive columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from evaluation.errors import InputError, StudyError
from evaluation.intake import mapping, privacy, readers, validate, wavefile
from evaluation.intake.faults import Fault, fault_table
from evaluation.intake.wavefile import WaveInfo
from evaluation.study import Derived, Plan

IN_DESIGN = ("design", "collection", "treatment")
IN_OUTCOMES = ("outcome", "mediator", "control")


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
        Faults that were waived; `meta` is the wave's `WaveInfo`.
    """

    design: pd.DataFrame
    outcomes: pd.DataFrame
    reasons: pd.DataFrame
    ledger: pd.DataFrame
    faults: tuple[Fault, ...]
    meta: WaveInfo


def check(plan: Plan, wave: str) -> list[Fault]:
    """Return every fault of a wave that no waiver covers; nothing is written."""
    try:
        _, _, open_faults, _ = _mapped(plan, wave)
    except (InputError, StudyError) as error:
        return [Fault("unreadable", f"waves/{wave}", error.where, error.what, error.todo)]
    return open_faults


def take_in(plan: Plan, wave: str, *, draft: bool = False) -> WaveIn:
    """Return a wave, or raise with every fault at once.

    Raises
    ------
    InputError
        Open faults, all of them in one table (`draft` lets faults that may be waived pass).
    """
    info, mapped, open_faults, waived = _mapped(plan, wave)
    if open_faults and not draft:
        raise InputError(fault_table(open_faults), faults=open_faults, todo="Nothing was written.")
    frame, reasons = _frames(plan, info, mapped)
    frame, reasons, ledger = _left(plan, info, frame, reasons)
    frame = frame.assign(**_derived(plan, frame))
    roles = {n: plan.codebook.role(n) for n in plan.codebook.names()}
    design = [c for c in frame if _role(plan, roles, c) in IN_DESIGN or c in ("wave", "link")]
    outcomes = [c for c in frame if _role(plan, roles, c) in IN_OUTCOMES]
    return WaveIn(frame[design], frame[outcomes], reasons, ledger, tuple(waived), info)


def _role(plan: Plan, roles: dict[str, str], column: str) -> str:
    base = column.partition(".")[0]
    return roles.get(plan.derive[base].source if base in plan.derive else base, "")


def _mapped(plan: Plan, wave: str) -> tuple[WaveInfo, mapping.Mapped, list[Fault], list[Fault]]:
    import hashlib

    info = wavefile.load(plan.root, wave)
    read = readers.read(info.path, sheet=info.sheet, header_row=info.header_row, header_rows=info.header_rows,
                        delimiter=info.delimiter, encoding=info.encoding)  # fmt: skip
    mapped = mapping.apply(read, info, plan.codebook, required=required(plan, wave))
    faults = mapped.faults + validate.check(plan, info, mapped)
    if info.sha256 and hashlib.sha256(info.path.read_bytes()).hexdigest() != info.sha256:
        faults.append(Fault("export_changed", info.file, "", "the export is not the file that was taken in",
                            "Restore it, or take the new one in with add-wave."))  # fmt: skip
    waived = [f for f in faults if _is_waived(f, info)]
    return info, mapped, [f for f in faults if f not in waived], waived


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
    return any(w.fault == fault.kind and w.where in ("", fault.column, fault.who) for w in info.waivers)


def _frames(plan: Plan, info: WaveInfo, mapped: mapping.Mapped) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return typed values and reasons without identifiers and free text; link codes become keyed hashes."""
    index = pd.Index([f"{info.wave}-{i}" for i in mapped.values["resp_id"]], name="respondent", dtype="object")
    columns: dict[str, Any] = {"wave": [info.wave] * len(index)}
    reasons: dict[str, Any] = {}
    for name in plan.codebook.names():
        var = plan.codebook.variable(name)
        if name in ("wave", "resp_id"):
            continue
        if name == plan.treatment.link_column:
            columns["link"] = _link(mapped.values[name])
            reasons["link"] = mapped.reasons[name].to_numpy()
            continue
        if var.sens == "direct" or var.type == "text":
            continue
        reasons[name] = mapped.reasons[name].to_numpy()
        columns |= _typed(name, var, mapped.values[name])
    return pd.DataFrame(columns, index=index), pd.DataFrame(reasons, index=index).astype("int8")


def _link(values: pd.Series) -> Any:
    if values.isna().all():
        return pd.array([pd.NA] * len(values), dtype="string")
    return privacy.keyed(values, privacy.study_key()).astype("string").to_numpy()


def _typed(name: str, var: Any, values: pd.Series) -> dict[str, Any]:
    if var.type in ("ordinal", "integer"):
        return {name: pd.array([pd.NA if v is pd.NA else int(v) for v in values], dtype="Int64")}
    if var.type == "number":
        return {name: pd.array([pd.NA if v is pd.NA else float(v) for v in values], dtype="Float64")}
    if var.type in ("date", "datetime"):
        months = [pd.NaT if v is pd.NA else pd.Timestamp(v).replace(day=1) for v in values]
        return {name: pd.Series(months, dtype="datetime64[ns]").to_numpy()}
    text = {name: pd.array([pd.NA if v is pd.NA else str(v) for v in values], dtype="string")}
    if var.type == "multi":
        for level in var.levels:
            ticks = [pd.NA if v is pd.NA else level in str(v).split(";") for v in values]
            text[f"{name}.{level}"] = pd.array(ticks, dtype="boolean")
    return text


def _left(
    plan: Plan, info: WaveInfo, frame: pd.DataFrame, reasons: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Leave people out by the named steps of the plan, withdrawals first; return what is left and the ledger."""
    steps = [("read from the export", "", 0, len(frame))]
    gone = frame.index.isin(withdrawn(plan, info.wave))
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


def withdrawn(plan: Plan, wave: str) -> set[str]:
    """Return the respondents of a wave who withdrew, from data_raw/withdrawn.csv (wave,resp_id)."""
    file = plan.root / "data_raw" / "withdrawn.csv"
    if not file.is_file():
        return set()
    rows = pd.read_csv(file, dtype=str)
    lacking = {"wave", "resp_id"} - set(rows.columns)
    if lacking:
        raise InputError(f"withdrawn.csv lacks {sorted(lacking)}", todo="Its header is wave,resp_id.")
    return {f"{wave}-{r}" for r in rows.loc[rows["wave"] == wave, "resp_id"].str.strip()}


def _derived(plan: Plan, frame: pd.DataFrame) -> dict[str, Any]:
    return {name: _derive(made, frame[made.source]) for name, made in plan.derive.items() if made.source in frame}


def _derive(made: Derived, source: pd.Series) -> Any:
    """Return a derived column: levels mapped ("*" for all others), or a number cut; missing stays missing."""
    if made.cuts:
        numbers = source.astype("Float64")
        places = [pd.NA if v is pd.NA else made.levels[sum(v >= c for c in made.cuts)] for v in numbers]
        return pd.array(places, dtype="string")
    other = made.map.get("*")
    found = [pd.NA if v is pd.NA or v != v else made.map.get(str(v), other) for v in source.astype(object)]
    return pd.array([pd.NA if v is None else v for v in found], dtype="string")
