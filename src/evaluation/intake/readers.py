"""Read an export as it was written: every cell as text, labels instead of codes where the export carries them.

Nothing is guessed. A file whose encoding cannot be told, or whose text is garbled, is refused with a reason.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from evaluation.errors import InputError

TEXT = (".csv", ".tsv", ".txt")
SHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
GARBLED = ("�", "Ã©", "â€™", "Ã¨", "Â£", "â€“")


@dataclass(frozen=True, slots=True)
class Read:
    """An export: every cell as text ("" for an empty one), the file row of the first record, and labels of codes.

    Attributes
    ----------
    frame : DataFrame of str
    first_row : int
        Row of the file (1-based) in which the first record stands.
    value_labels : mapping
        Column to {code as text: label}, for formats that carry labels.
    """

    frame: pd.DataFrame
    first_row: int
    value_labels: dict[str, dict[str, str]]


def read(
    path: Path, *, sheet: str = "", header_row: int = 1, header_rows: int = 1, delimiter: str = "", encoding: str = ""
) -> Read:
    """Return an export of any known format.

    Parameters
    ----------
    header_row : int
        1-based row of the (first) header row; rows above it are titles.
    header_rows : int
        Number of header rows: with 2, question texts stand over (or under) names, and both are joined by " | ".

    Raises
    ------
    InputError
        The file is empty, of an unknown format, garbled, or lacks the sheet.
    """
    kind = path.suffix.lower()
    if not path.is_file() or path.stat().st_size == 0:
        what = "the export is empty" if path.is_file() else f"there is no export {path.name!r}"
        raise InputError(what, where=path.name, todo="Export it again, and name it in wave.toml.")
    if kind in TEXT:
        rows = _text_rows(path, delimiter, encoding)
    elif kind in SHEETS:
        rows = _sheet_rows(path, sheet)
    elif kind in (".sav", ".zsav"):
        return _spss(path)
    else:
        raise InputError(f"{kind or 'no'} format is not known", where=path.name, todo="Use csv, tsv, xlsx, xls or sav.")
    return _framed(rows, header_row, header_rows, path)


def _text_rows(path: Path, delimiter: str, encoding: str) -> list[list[str]]:
    text = decode(path.read_bytes(), path.name, encoding)
    if not delimiter:
        delimiter = "\t" if path.suffix.lower() == ".tsv" else _sniff(text)
    return list(csv.reader(io.StringIO(text), delimiter=delimiter))


def decode(content: bytes, name: str, encoding: str = "") -> str:
    """Return the text of a file: UTF-8 with or without mark, UTF-16 with mark, else CP1252; garbled text is refused."""
    if encoding:
        text = content.decode(encoding)
    elif content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            try:
                text = content.decode("cp1252")
            except UnicodeDecodeError:
                raise InputError("the encoding cannot be told", where=name, todo="Save the file as UTF-8.") from None
    if "\x00" in text:
        raise InputError("the file holds null characters", where=name, todo="Save it as UTF-8 text.")
    if any(mark in text for mark in GARBLED):
        raise InputError(
            "the text is garbled (it was saved in one encoding and read in another)", where=name,
            todo="Export it again from the survey tool as UTF-8.",
        )  # fmt: skip
    return text


def _sniff(text: str) -> str:
    """Return the delimiter that splits the first lines most often and most evenly."""
    lines = [line for line in text.splitlines()[:20] if line.strip()]
    counts = {d: [len(r) for r in csv.reader(lines, delimiter=d)] for d in (",", ";", "\t", "|")}
    return max(counts, key=lambda d: (min(counts[d], default=0) > 1, min(counts[d], default=0), sum(counts[d])))


def _sheet_rows(path: Path, sheet: str) -> list[list[str]]:
    from python_calamine import CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(str(path))
    except Exception as error:  # noqa: BLE001 - the library has one error class per format
        raise InputError(f"the workbook cannot be read ({type(error).__name__})", where=path.name,
                         todo="Save it again as xlsx.") from None  # fmt: skip
    names = book.sheet_names
    if sheet and sheet not in names:
        raise InputError(f"there is no sheet {sheet!r}; the sheets are {names}", where=path.name)
    rows = book.get_sheet_by_name(sheet or names[0]).to_python(skip_empty_area=False)
    return [[_cell(c) for c in row] for row in rows]


def _cell(value: Any) -> str:
    """Return a spreadsheet cell as text: 3.0 as "3", dates as ISO, true and false as words."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value)


def _framed(rows: list[list[str]], header_row: int, header_rows: int, path: Path) -> Read:
    if len(rows) < header_row + header_rows - 1 or not any(c.strip() for c in rows[header_row - 1]):
        raise InputError(
            f"there is no header in row {header_row}", where=path.name, todo="Set header_row in wave.toml."
        )
    heads = rows[header_row - 1 : header_row - 1 + header_rows]
    width = max(len(h) for h in heads)
    padded = [[*h, *[""] * (width - len(h))] for h in heads]
    names = [" | ".join(dict.fromkeys(p.strip() for p in parts if p.strip())) for parts in zip(*padded, strict=True)]
    first = header_row + header_rows
    body = [[*r, *[""] * (width - len(r))][:width] for r in rows[first - 1 :]]
    body = [r for r in body if any(c.strip() for c in r)]
    doubled = sorted({n for n in names if n and names.count(n) > 1})
    if doubled:
        raise InputError(f"columns stand twice: {doubled}", where=path.name, todo="Rename or remove one of each.")
    if not body:
        raise InputError("the export holds a header and no answers", where=path.name, todo="Export it again.")
    keep = [i for i, n in enumerate(names) if n]
    frame = pd.DataFrame([[r[i].strip() for i in keep] for r in body], columns=[names[i] for i in keep], dtype=object)
    return Read(frame, first, {})


def _spss(path: Path) -> Read:
    """Read SPSS data: user-missing codes are kept, and become their labels with every other code."""
    import pyreadstat

    raw, meta = pyreadstat.read_sav(str(path), apply_value_formats=False, user_missing=True)
    labels = {c: {_cell(k): str(v) for k, v in found.items()} for c, found in meta.variable_value_labels.items()}
    frame = pd.DataFrame({c: [_spss_cell(v) for v in raw[c]] for c in raw.columns}, dtype=object)
    for column, known in labels.items():
        frame[column] = [known.get(v, v) for v in frame[column]]
    if not len(frame):
        raise InputError("the export holds no answers", where=path.name, todo="Export it again.")
    return Read(frame, 1, labels)


def _spss_cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _cell(value).strip()
