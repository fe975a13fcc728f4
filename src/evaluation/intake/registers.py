"""Read the registers and the population margins, checked by the codebook's tables."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from evaluation.errors import InputError, StudyError, nearest
from evaluation.intake import dates, mapping, numbers, readers, stop_search_records, wave_file
from evaluation.intake.faults import MOST_ROWS, Fault, safe
from evaluation.plan.study import Plan

if TYPE_CHECKING:
    from evaluation.plan.codebook import Variable

SUFFIXES = (".csv", ".xlsx")
RECORDS = "stop_search"  # the one register that may be given as published records, one file a month


def register_file(plan: Plan, name: str) -> Path | None:
    """Return the file of a register, or the folder of records that stands for one; None when it was not supplied."""
    folder = plan.root / "data_raw" / "registers"
    listed = _listed(plan).get(name, {}).get("file", "")
    tried = [folder / listed] if listed else [folder / f"{name}{s}" for s in SUFFIXES]
    found = next((p for p in tried if p.is_file()), None)
    return found if found or name != RECORDS else _records(folder / (listed or name))


def _records(folder: Path) -> Path | None:
    """Return a folder of published records that are counted instead of a register of counts; None without one."""
    return folder if folder.is_dir() and stop_search_records.files_of(folder) else None


def _listed(plan: Plan) -> dict[str, dict[str, str]]:
    file = plan.root / "data_raw" / "registers" / "registers.toml"
    try:
        return tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"registers.toml is not valid TOML: {error}", todo="Mend the line it names.") from None


def origin(plan: Plan, name: str) -> str:
    """Return "real" or "synthetic" for a register, "official" for published figures."""
    return str(_listed(plan).get(name, {}).get("origin", "real"))


def register(plan: Plan, name: str) -> pd.DataFrame | None:
    """Return a register with typed columns; None when it was not supplied.

    Raises
    ------
    InputError
        Its faults, all at once.
    """
    if not name or name not in plan.codebook.tables or register_file(plan, name) is None:
        return None
    frame, faults = _read(plan, name)
    if faults:
        raise InputError("\n".join(f.line() for f in faults), faults=faults)
    return frame


def check_registers(plan: Plan) -> list[Fault]:
    """Return every fault of the registers supplied, of the population margins, and of what was mixed."""
    held = [n for n in plan.codebook.tables if n != "survey" and register_file(plan, n) is not None]
    faults = [fault for name in held for fault in _read(plan, name)[1]]
    try:
        margins(plan)
    except InputError as error:
        faults.append(Fault("margins", Path(plan.population.margins_file).name, "", error.what, error.todo))
    return faults + _mixed(plan, held)


def _mixed(plan: Plan, registers: list[str]) -> list[Fault]:
    """Refuse real and synthetic data in one study; published official figures go with either."""
    folder = plan.root / "data_raw" / "waves"
    taken = [w for w in plan.waves if (folder / w / "wave.toml").is_file()]
    origins = {f"wave {w}": wave_file.load(plan.root, w).origin for w in taken}
    origins |= {f"register {n}": origin(plan, n) for n in registers}
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


def _read(plan: Plan, name: str) -> tuple[pd.DataFrame, list[Fault]]:
    path = register_file(plan, name)
    assert path is not None
    if path.is_dir():
        return stop_search_records.summarise(stop_search_records.files_of(path))
    table = plan.codebook.table(name)
    try:
        read = readers.read(path)
    except InputError as error:
        return pd.DataFrame(), [Fault("unreadable", path.name, "", error.what, error.todo)]
    faults = [
        Fault(
            "unknown_column",
            path.name,
            c,
            "the codebook does not know this column",
            "Remove or rename it.",
            near=nearest(c, table.variables),
        )
        for c in read.frame
        if c not in table.variables
    ]
    columns: dict[str, pd.Series] = {}
    rows = pd.Series(read.rows)
    for var in table.variables.values():
        if var.name not in read.frame:
            if var.required_from == "always":
                faults.append(Fault("missing_column", path.name, var.name, "the register needs this column", "Add it."))
            continue
        said = _listed(plan).get(name, {})
        decimal = str(said.get("decimal", "")) if path.suffix.lower() in readers.TEXT else "."
        style = (decimal, str(said.get("date_order", "day_first")))
        values, wrong = _typed(var, read.frame[var.name].astype(object), rows, path.name, style)
        faults += wrong
        if var.sens != "direct":
            columns[var.name] = values
    frame = pd.DataFrame(columns)
    key = [k for k in table.key if k in frame]
    if key and not faults and frame.duplicated(key).any():
        place = int(frame.duplicated(key).to_numpy().argmax())
        faults.append(
            Fault(
                "duplicate_row",
                path.name,
                " and ".join(key),
                "this row stands twice",
                "Remove one.",
                row=int(rows.iloc[place]),
            )
        )
    return frame, faults


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


def margins(plan: Plan) -> dict[str, pd.Series]:
    """Return the plan's population margins by name, each indexed by the levels of its columns.

    Raises
    ------
    InputError
        The file or a margin is missing, a cell has the wrong number of parts, a level is unknown, or a population is
        not a number of people.
    """
    if not plan.population.margins:
        return {}
    table, file = _margins_file(plan)
    return {name: _margin(plan, name, table[table["margin"] == name], file) for name in plan.population.margins}


def group_margins(plan: Plan) -> dict[str, pd.Series]:
    """Return the margins of the file that the plan does not rake everybody to: a group's own population."""
    if not plan.population.margins:
        return {}
    table, file = _margins_file(plan)
    others = [str(n) for n in table["margin"].unique() if n not in plan.population.margins]
    return {name: _margin(plan, name, table[table["margin"] == name], file) for name in others}


def _margins_file(plan: Plan) -> tuple[pd.DataFrame, str]:
    path = plan.root / plan.population.margins_file
    if not path.is_file():
        raise InputError(f"there is no {path.name}", where=plan.population.margins_file, todo="Add it, or plan none.")
    table = readers.read(path).frame.astype(object)
    lacking = {"margin", "cell", "population", "source"} - set(table.columns)
    if lacking:
        raise InputError(f"{path.name} lacks the columns {sorted(lacking)}", todo="margin,cell,population,source")
    return table, path.name


def _margin(plan: Plan, name: str, rows: pd.DataFrame, file: str) -> pd.Series:
    known = [*plan.derive, *plan.codebook.names()]
    columns = columns_of(name, known)
    if rows.empty or not columns:
        raise InputError(f"{file} has no rows of the margin {name!r}", todo="Add them, or take it out of the plan.")
    cells = [tuple(str(c).split("|")) for c in rows["cell"]]
    faults = [
        f"cell {'|'.join(c)!r} of {name}: {len(columns)} levels joined by |" for c in cells if len(c) != len(columns)
    ]
    for cell in cells:
        pairs = zip(cell, columns, strict=False)
        words = f"cell {'|'.join(cell)!r} of {name}"
        faults += [f"{words}: no level {p!r} of {c}" for p, c in pairs if p not in plan.levels_of(c)]
    population = pd.Series([numbers.number(str(p), numbers.convention(rows["population"])) for p in rows["population"]])
    for cell, people in zip(cells, population, strict=True):
        if people is None or people != people or people < 0 or not float(people).is_integer():
            faults.append(f"the population of cell {'|'.join(cell)!r} of {name} is not a number of people")
    faults += [f"cell {'|'.join(c)!r} of {name} stands twice" for c in sorted({c for c in cells if cells.count(c) > 1})]
    if faults:
        raise InputError("\n".join(faults), where=file)
    if len(columns) == 1:
        index: pd.Index = pd.Index([c[0] for c in cells], name=columns[0])
    else:
        index = pd.MultiIndex.from_tuples(cells, names=columns)
    return pd.Series(population.astype(float).to_numpy(), index=index, name=name)


def columns_of(margin: str, known: list[str]) -> list[str]:
    """Return the columns that a margin's name joins with "_" ("age5_sex" is age5 and sex); [] when it names none."""
    if margin in known:
        return [margin]
    parts = margin.split("_")
    for cut in range(len(parts) - 1, 0, -1):
        head, rest = "_".join(parts[:cut]), columns_of("_".join(parts[cut:]), known)
        if head in known and rest:
            return [head, *rest]
    return []
