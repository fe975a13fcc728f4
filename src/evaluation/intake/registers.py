"""Read the registers, checked by the codebook's tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evaluation.errors import InputError, nearest
from evaluation.intake import (
    dates,
    mapping,
    margins,
    numbers,
    readers,
    register_checks,
    register_files,
    stop_search_records,
    wave_file,
)
from evaluation.intake.faults import MOST_ROWS, Fault, safe
from evaluation.intake.known_words import missing_words
from evaluation.intake.register_checks import Held
from evaluation.intake.register_files import register_file
from evaluation.plan.study import Plan

if TYPE_CHECKING:
    from evaluation.plan.codebook import Table, Variable


NOTHING = missing_words({}, {})  # words that say that nothing is known


def register(plan: Plan, name: str) -> pd.DataFrame | None:
    """Return a register with typed columns; None when it was not supplied.

    Raises
    ------
    InputError
        Its faults, all at once.
    """
    if not name or name not in plan.codebook.tables or register_file(plan, name) is None:
        return None
    held = _read(plan, name)
    if held.faults:
        raise InputError("\n".join(f.line() for f in held.faults), faults=held.faults)
    return held.frame


def first_day(plan: Plan, name: str, column: str) -> dt.date | None:
    """Return the first day in a register; None where it was not supplied, has faults (its own check says) or no day."""
    if name not in plan.codebook.tables or register_file(plan, name) is None:
        return None
    frame = _read(plan, name).frame
    days = frame[column].dropna() if column in frame else pd.Series(dtype="datetime64[ns]")
    return days.min().date() if len(days) else None


def read_all(plan: Plan) -> dict[str, Held]:
    """Return every register that was supplied, by name, each with its faults."""
    names = [n for n in plan.codebook.tables if n != "survey" and register_file(plan, n) is not None]
    return {name: _read(plan, name) for name in names}


def registers_read(plan: Plan) -> list[str]:
    """Return a line for each register that was read, and for each column of it with unusual numbers."""
    held = read_all(plan)
    lines = []
    for name, one in held.items():
        vehicles = one.frame.attrs.get("vehicles", 0)
        left = f", {vehicles} searches of vehicles alone left out" if vehicles else ""
        lines.append(f"Read of register {name}: {one.file}, {len(one.frame)} rows{left}")
    return lines + [f"Unusual: {line}; see that it is right" for line in register_checks.unusual(plan.codebook, held)]


def check_registers(plan: Plan) -> list[Fault]:
    """Return every fault of the registers supplied, of the population margins, and of what was mixed."""
    held = read_all(plan)
    faults = register_files.faults(plan) + [fault for one in held.values() for fault in one.faults]
    faults += register_checks.faults(plan.codebook, held)
    try:
        margins.require_whole(plan)
    except InputError as error:
        faults.append(Fault("margins", Path(plan.population.margins_file).name, "", error.what, error.todo))
    return faults + _mixed(plan, [*held])


def _mixed(plan: Plan, registers: list[str]) -> list[Fault]:
    """Refuse real and synthetic data in one study; published official figures go with either."""
    folder = plan.root / "data_raw" / "waves"
    taken = [w for w in plan.waves if (folder / w / "wave.toml").is_file()]
    origins = {f"wave {w}": wave_file.load(plan.root, w).origin for w in taken}
    origins |= {f"register {n}": register_files.origin(plan, n) for n in registers}
    by_kind = {kind: [n for n, o in origins.items() if o == kind] for kind in ("real", "synthetic")}
    if not all(by_kind.values()):
        return []
    what = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in by_kind.items())
    return [
        Fault(
            "mixed_origin",
            "data_raw",
            "",
            f"the study mixes real and synthetic data ({what})",
            "Keep them in different studies: evaluation init FOLDER.",
        )
    ]


def _read(plan: Plan, name: str) -> Held:
    path = register_file(plan, name)
    assert path is not None
    if path.is_dir():
        frame, found = stop_search_records.summarise(stop_search_records.files_of(path))
        return Held(frame, np.arange(len(frame)), path.name, tuple(found))
    table = plan.codebook.table(name)
    try:
        read = readers.read(path)
    except InputError as error:
        return Held(
            pd.DataFrame(), np.array([]), path.name, (Fault("unreadable", path.name, "", error.what, error.todo),)
        )
    faults = _unknown_columns(read.frame.columns, table, path.name)
    columns: dict[str, pd.Series] = {}
    said = register_files.listed(plan).get(name, {})
    decimal = str(said.get("decimal", "")) if path.suffix.lower() in readers.TEXT else "."
    style = (decimal, str(said.get("date_order", "day_first")))
    for var in table.variables.values():
        if var.name not in read.frame:
            if var.required_from == "always":
                faults.append(Fault("missing_column", path.name, var.name, "the register needs this column", "Add it."))
            continue
        values, wrong = _typed(var, read.frame[var.name].astype(object), pd.Series(read.rows), path.name, style)
        faults += wrong
        if var.sens != "direct":
            columns[var.name] = values
    frame = pd.DataFrame(columns)
    key = [k for k in table.key if k in frame]
    if key and not faults:
        faults += _keys(frame, key, read.rows, path.name)
    return Held(frame, read.rows, path.name, tuple(faults))


def _unknown_columns(columns: pd.Index, table: Table, file: str) -> list[Fault]:
    """Return a fault for each heading that the codebook lacks; none is shown where few are known."""
    unknown = [c for c in columns if c not in table.variables]
    if len(unknown) * 2 > len(columns):
        what = f"{len(unknown)} of its {len(columns)} headings are not known (they may be answers, and are not shown)"
        return [Fault("unknown_column", file, "", what, "Write the codebook's names in the first row.")]
    what, todo = "the codebook does not know this column", "Remove or rename it."
    return [
        Fault("unknown_column", file, safe(c).strip("'"), what, todo, near=nearest(c, table.variables)) for c in unknown
    ]


def _keys(frame: pd.DataFrame, key: list[str], rows: np.ndarray, file: str) -> list[Fault]:
    """Return a fault where a row has no number of its own, or one that another row has."""
    kinds = {
        "duplicate_row": (frame.duplicated(key), "this row stands twice", "Remove one."),
        "missing_id": (frame[key].isna().all(axis=1), "the row has no number", "Number it."),
    }
    out = []
    for kind, (wrong, what, todo) in kinds.items():
        at = np.flatnonzero(wrong.to_numpy())
        if len(at):
            found = tuple(int(r) for r in rows[at[:MOST_ROWS]])
            out.append(Fault(kind, file, " and ".join(key), what, todo, row=found[0], n=len(at), rows=found))
    return out


def _typed(
    var: Variable, texts: pd.Series, rows: pd.Series, file: str, style: tuple[str, str]
) -> tuple[pd.Series, list[Fault]]:
    labels = mapping.label_map({}, var) | {str(c).lower(): c for c in (*var.levels, *var.extra_levels)}
    values: list[object] = []
    wrongs: dict[str, list[int]] = {}
    style = (style[0] or numbers.convention(texts), style[1])
    for place, cell in enumerate(texts):
        value, wrong = _value(var, cell, labels, style)
        values.append(value)
        if wrong:
            wrongs.setdefault(wrong, []).append(int(rows.iloc[place]))
    faults = [
        Fault("value", file, var.name, wrong, "Correct it.", row=at[0], n=len(at), rows=tuple(at[:MOST_ROWS]))
        for wrong, at in wrongs.items()
    ]
    kinds = {"integer": "Int64", "ordinal": "Int64", "number": "Float64", "date": "datetime64[ns]"}
    return pd.Series(values, dtype=kinds.get(var.type, "string")), faults


def _value(var: Variable, cell: str, labels: Mapping[str, str | int], style: tuple[str, str]) -> tuple[object, str]:
    none = pd.NaT if var.type == "date" else pd.NA
    if cell == "" or (mapping.is_missing(cell) and var.type not in ("number", "integer")):
        return none, ""
    if var.type != "text" and mapping.normal(cell) not in labels and mapping.normal(cell) in NOTHING:
        return none, ""
    if var.type in ("integer", "number"):
        found, wrong = numbers.numeric(cell, var, under_0=True, decimal=style[0])
        return (none, wrong) if wrong else (found, "")
    if var.type == "date":
        day, wrong = dates.read_date(cell, style[1])
        return (pd.Timestamp(day), "") if day else (none, wrong)
    if var.type == "multi":
        parts = [labels.get(mapping.normal(p)) for p in cell.split(";") if p.strip()]
        return (none, "one of the ticks is not a level") if None in parts else (";".join(map(str, parts)), "")
    if var.type in ("category", "yndk", "ordinal"):
        code = labels.get(mapping.normal(cell))
        known = [str(w) for w in var.levels.values()]
        return (none, f"{safe(cell, people=1, known=known)} is not a level") if code is None else (code, "")
    return cell, ""
