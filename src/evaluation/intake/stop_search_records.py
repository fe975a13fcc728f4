"""Read published stop and search records, one row a search, into counts: through pyarrow, ten million in seconds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from evaluation.errors import nearest
from evaluation.intake.faults import Fault, safe
from evaluation.intake.stop_search_labels import OFFICERS, TAILS, officer_defined, self_defined

if TYPE_CHECKING:
    from numpy import ndarray
    from pyarrow import Array, ChunkedArray, DictionaryArray, Table

# What a count needs, and the names that the monthly files and the public interface give it.
COLUMNS = {
    "date": ("Date", "datetime"),
    "latitude": ("Latitude", "latitude"),
    "longitude": ("Longitude", "longitude"),
    "self": ("Self-defined ethnicity", "self_defined_ethnicity"),
    "officer": ("Officer-defined ethnicity", "officer_defined_ethnicity"),
    "legislation": ("Legislation", "legislation"),
    "outcome": ("Outcome", "outcome"),
    "linked": ("Outcome linked to object of search", "outcome_linked_to_object_of_search"),
    "type": ("Type", "type"),
    "age": ("Age range", "age_range"),
    "gender": ("Gender", "gender"),
    "object": ("Object of search", "object_of_search"),
    "person": ("Involved person", "involved_person"),
}
NEEDED = ("date", "self", "officer")
PUBLISHED = re.compile(r"\d{4}-\d\d-(.+)-stop-and-search")
SAME = ("date", "latitude", "longitude", "legislation")  # what makes a record a repeat of an earlier one
PEOPLE = ("person search", "person and vehicle search")
VEHICLES = ("vehicle search",)  # nobody was searched
NO_ACTION = ("a no further action disposal", "nothing found - no further action", "no further action", "")
TRUE = ("true", "yes", "1")
FALSE = ("false", "no", "0")
TWICE = 0.5  # share of a file's records in other files from which it was surely given twice


def files_of(folder: Path) -> list[Path]:
    """Return the record files of a folder and of its folders of months, in order of name.

    What the same publisher puts beside them (crimes and their outcomes) is none of them.
    """
    found = (p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() == ".csv" and p.name[0] != ".")
    return sorted((p for p in found if not p.stem.lower().endswith(("-street", "-outcomes"))), key=lambda p: p.name)


def _of_files(files: Sequence[Path]) -> list[Fault]:
    """Return a fault for files of one name, and for records of several forces."""
    out = [
        Fault("duplicate_row", name, "", "two files have this name", "Give each month once.")
        for name in sorted({p.name for p in files if [q.name for q in files].count(p.name) > 1})
    ]
    forces = sorted({found[1] for p in files if (found := PUBLISHED.fullmatch(p.stem.lower()))})
    if len(forces) > 1:
        what = f"its files are of several forces: {', '.join(forces)}"
        out.append(Fault("two_forces", "stop_search", "", what, "Keep the files of one force here."))
    return out


def summarise(files: Sequence[Path]) -> tuple[pd.DataFrame, list[Fault]]:
    """Return searches by month, self-defined code and officer-defined group, and every fault of the files.

    Parameters
    ----------
    files : sequence of Path
        csv files in the layout of data.police.uk (or with the field names of its interface), one row a search.

    Returns
    -------
    DataFrame
        The columns of the stop_search register: period (year and month as written), area ("force": the points are
        rounded and say no district), basis ("cross"), ethnicity, officer, searches; `nfa` (no further action, blank
        among them); `outcomes_linked` where any record says so; `repeats` (records with the time, place and
        legislation of an earlier one: kept, and counted here), `identical` (those equal to it in every field read) and
        `self_blank` (self-defined left blank, which is not the value "not stated" but is counted with it).

    Notes
    -----
    Searches of vehicles alone are no searches of people: they are left out, and counted in `attrs["vehicles"]`.
    Repeats stay in `searches`, because two people stopped together give two like records.
    """
    faults = _of_files(files)
    read = {path.name: table for path in files if (table := _read(path, faults)) is not None}
    tables = {name: people for name, table in read.items() if len(people := _of_people(table, name, faults))}
    vehicles = sum(map(len, read.values())) - sum(map(len, tables.values()))
    if faults or not tables:
        return pd.DataFrame(), faults or [
            Fault("unreadable", "stop_search", "", "no file has a record of a person", "Add one.")
        ]
    import pyarrow as pa

    read.clear()
    sizes = {name: len(table) for name, table in tables.items()}
    whole = pa.concat_tables(tables.values(), promote_options="default").unify_dictionaries()
    tables.clear()
    whole = whole.combine_chunks()
    repeats, identical = _repeats(whole)
    faults += _given_twice(whole, repeats, sizes)
    if faults:
        return pd.DataFrame(), faults
    frame = _counted(whole, repeats, identical, faults)
    frame.attrs["vehicles"] = vehicles
    return frame, faults


def _of_people(table: Table, file: str, faults: list[Fault]) -> Table:
    """Return the records of searches of people, with a fault for each type of search that is not known."""
    import numpy as np
    import pyarrow as pa

    keep = np.ones(len(table), dtype=bool)
    for column, known in {"type": (PEOPLE, VEHICLES), "person": (TRUE, FALSE)}.items():
        if column not in table.column_names:
            continue
        array = _whole(table[column])
        texts = [" ".join(str(t or "").split()).lower() for t in array.dictionary.to_pylist()]
        for text in texts:
            if text and text not in (*known[0], *known[1]):
                what, near = f"{safe(text)} is no published type", nearest(text, (*known[0], *known[1]))
                faults.append(Fault("value", file, COLUMNS[column][0], what, "Write it as published.", near=near))
        out = np.array([t in known[1] for t in texts], dtype=bool)
        keep &= ~out[array.indices.to_numpy(zero_copy_only=False)]
    return table if keep.all() else table.filter(pa.array(keep))


def _read(path: Path, faults: list[Fault]) -> Table | None:
    """Return a file's needed columns, texts as dictionaries; None, with its faults, where it cannot be read."""
    import pyarrow as pa
    from pyarrow import csv

    try:
        with path.open("rb") as file:
            head = [h.strip().strip('"') for h in file.readline().decode("utf-8-sig").rstrip("\r\n").split(",")]
    except (OSError, UnicodeDecodeError) as error:
        faults.append(
            Fault("unreadable", path.name, "", f"it cannot be read ({type(error).__name__})", "Save as UTF-8.")
        )
        return None
    names = {key: next((n for n in known if n in head), "") for key, known in COLUMNS.items()}
    for key in NEEDED:
        if not names[key]:
            near = nearest(COLUMNS[key][0], head)
            faults.append(
                Fault(
                    "missing_column", path.name, COLUMNS[key][0], "the records need this column", "Add it.", near=near
                )
            )
    if any(f.file == path.name for f in faults):
        return None
    held = {key: name for key, name in names.items() if name}
    text = pa.dictionary(pa.int32(), pa.string())
    options = csv.ConvertOptions(
        include_columns=list(held.values()), column_types=dict.fromkeys(held.values(), text), strings_can_be_null=False
    )
    try:
        found = csv.read_csv(path, convert_options=options)
    except pa.ArrowInvalid:
        faults.append(
            Fault(
                "unreadable",
                path.name,
                "",
                "its rows do not have the columns of its first line",
                "Save it again as it was published.",
            )
        )
        return None
    return found.rename_columns(list(held)) if len(found) else None


def _repeats(table: Table) -> tuple[ndarray, ndarray]:
    """Return which records repeat the time, place and legislation of an earlier one, and which of them every field."""
    import numpy as np

    repeats = _later(table, SAME, np.arange(len(table), dtype=np.int64))
    identical = np.zeros(len(table), dtype=bool)
    alike = _share_a_key(table, repeats)
    if len(alike):
        identical[alike] = _later(table, table.column_names, alike)
    return repeats, identical


def _later(table: Table, columns: Sequence[str], rows: ndarray) -> ndarray:
    """Return which of these rows have the same values of the columns as an earlier one of them."""
    import numpy as np
    import pyarrow as pa

    keys = {c: _codes(table[c]).take(pa.array(rows)) for c in columns if c in table.column_names}
    place = pa.array(np.arange(len(rows), dtype=np.int64))
    first = pa.table({**keys, "row": place}).group_by(list(keys)).aggregate([("row", "min")])["row_min"]
    out = np.ones(len(rows), dtype=bool)
    out[first.to_numpy()] = False
    return out


def _given_twice(table: Table, repeats: ndarray, sizes: Mapping[str, int]) -> list[Fault]:
    """Return a fault for each file of which half or more repeats records of the files before it."""
    import numpy as np

    found, start = [], 0
    for name, n in sizes.items():
        rows, start = np.arange(start, start + n, dtype=np.int64), start + n
        if repeats[rows].mean() >= TWICE:
            within = _later(table, SAME, rows)
            share = (repeats[rows].sum() - within.sum()) / n
            if share >= TWICE:
                what = f"{100 * share:.0f} per cent of its records stand in another file too"
                found.append(Fault("duplicate_row", name, "", what, "Give each month once."))
    return found


def _share_a_key(table: Table, repeats: ndarray) -> ndarray:
    """Return the rows whose date is that of a repeat: the only ones that can be identical to another."""
    import numpy as np
    import pyarrow.compute as pc

    codes = _codes(table["date"])
    wanted = pc.unique(codes.filter(repeats))
    return np.flatnonzero(pc.is_in(codes, value_set=wanted).to_numpy(zero_copy_only=False))


def _codes(column: ChunkedArray) -> Array:
    """Return a text column as whole numbers, one a text."""
    return _whole(column).indices


def _whole(column: ChunkedArray) -> DictionaryArray:
    """Return a column of one piece."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _counted(table: Table, repeats: ndarray, identical: ndarray, faults: list[Fault]) -> pd.DataFrame:
    import numpy as np
    import pyarrow as pa

    by = {
        "period": _months(table["date"]),
        "ethnicity": _relabelled(table["self"], self_defined, "Self-defined ethnicity", faults),
        "officer": _relabelled(table["officer"], officer_defined, "Officer-defined ethnicity", faults),
    }
    months = by["period"].dictionary
    wrong = [m for m in months.to_pylist() if not _is_month(m)]
    if wrong:
        faults.append(
            Fault(
                "value",
                "stop_search",
                "Date",
                f"{len(wrong)} dates do not begin with a year and a month",
                "Write dates as 2020-01-31T14:05:00+00:00.",
            )
        )
    if faults:
        return pd.DataFrame()
    flags = {
        "searches": np.ones(len(table), dtype=np.int8),
        "nfa": _in(table, "outcome", NO_ACTION),
        "outcomes_linked": _in(table, "linked", TRUE),
        "repeats": repeats,
        "identical": identical,
        "self_blank": _in(table, "self", ("",)),
    }
    columns = {k: pa.array(v.astype(np.int8)) for k, v in flags.items() if v is not None}
    rows = pa.table(by | columns).group_by(list(by)).aggregate([(k, "sum") for k in columns])
    frame = rows.select([*by, *(f"{k}_sum" for k in columns)]).rename_columns([*by, *columns]).to_pandas()
    return _as_register(frame, [*columns])


def _months(dates: ChunkedArray) -> DictionaryArray:
    """Return the year and month of each date as a text column; only the different dates are cut, not every record's."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = _whole(dates)
    cut = pc.utf8_slice_codeunits(array.dictionary, 0, 7).dictionary_encode()
    return pa.DictionaryArray.from_arrays(cut.indices.take(array.indices), cut.dictionary)


def _is_month(text: str) -> bool:
    return len(text) == 7 and text[4] == "-" and text[:4].isdigit() and text[5:].isdigit() and 1 <= int(text[5:]) <= 12


def _in(table: Table, column: str, names: Sequence[str]) -> ndarray | None:
    """Return which records have one of these words, None where the column is absent or (outcome links) all blank."""
    import numpy as np

    if column not in table.column_names:
        return None
    array = _whole(table[column])
    texts = [" ".join(str(t or "").split()).lower() for t in array.dictionary.to_pylist()]
    if column == "linked" and not any(texts):
        return None
    yes = np.array([t in names for t in texts], dtype=bool)
    return yes[array.indices.to_numpy(zero_copy_only=False)]


def _relabelled(
    column: ChunkedArray, coded: Callable[[str | None], str | None], name: str, faults: list[Fault]
) -> DictionaryArray:
    """Return a text column with its labels turned to codes, each unknown label a fault that names the nearest."""
    import numpy as np
    import pyarrow as pa

    array = _whole(column)
    labels = array.dictionary.to_pylist()
    codes = [coded(label) for label in labels]
    known = [*OFFICERS] if coded is officer_defined else [t for tails in TAILS.values() for t in tails]
    for label, code in zip(labels, codes, strict=True):
        if code is None:
            what, near = f"{safe(str(label))} is not a published group", nearest(str(label).lower(), known)
            faults.append(Fault("value", "stop_search", name, what, "Write it as published.", near=near))
    if None in codes:
        return array
    levels = sorted(set(codes))
    to = np.array([levels.index(c) for c in codes], dtype=np.int32)
    indices = to[array.indices.to_numpy(zero_copy_only=False)]
    return pa.DictionaryArray.from_arrays(pa.array(indices), pa.array(levels))


def _as_register(frame: pd.DataFrame, numbers: Sequence[str]) -> pd.DataFrame:
    """Return counts in the register's columns and types, in order of month and group."""
    out = frame.assign(area="force", basis="cross")
    texts = ("period", "area", "basis", "ethnicity", "officer")
    kinds: Mapping[str, str] = {**dict.fromkeys(texts, "string"), **dict.fromkeys(numbers, "Int64")}
    return out[[*texts, *numbers]].astype(kinds).sort_values(["period", "ethnicity", "officer"], ignore_index=True)
