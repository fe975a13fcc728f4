"""Read an export as it was written: every cell as text, labels instead of codes where the export carries them.

Nothing is guessed. A file whose encoding cannot be told, or whose text is garbled, is refused with a reason.
Columns are categoricals of text: an answer is read once however many people gave it.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evaluation.errors import InputError
from evaluation.intake import spss, stata, text_rows, workbook_cells, workbooks
from evaluation.intake.records import Read, header_names, no_answers, records, stripped

if TYPE_CHECKING:
    from evaluation.intake.wave_file import WaveInfo

TEXT = (".csv", ".tsv", ".txt")
SHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
SPSS = (".sav", ".zsav")
STATA = (".dta",)
OF_R = (".rdata", ".rda", ".rds")
DELIMITERS = (",", ";", "\t", "|")


def read(
    path: Path,
    *,
    sheet: str = "",
    header_row: int = 1,
    header_rows: int = 1,
    delimiter: str = "",
    encoding: str = "",
    unread: Collection[str] = (),
) -> Read:
    """Return an export of any known format.

    Parameters
    ----------
    header_row : int
        1-based row of the (first) header row; rows above it are titles.
    header_rows : int
        Number of header rows: their words are joined by " | "; a blank in an upper row repeats the cell to its left.
    unread : collection of str
        Columns that nobody reads: an odd sign in one of them is no reason to refuse the file.

    Raises
    ------
    InputError
        The file is empty, of an unknown format, garbled, lacks the sheet, or has doubled or uneven columns.
    """
    kind = path.suffix.lower()
    if not path.is_file() or path.stat().st_size == 0:
        what = "the export is empty" if path.is_file() else f"there is no export {path.name!r}"
        raise InputError(what, where=path.name, todo="Export it again, and name it in wave.toml.")
    if kind in TEXT:
        return _text(path, header_row, header_rows, delimiter, encoding, unread)
    if kind in SHEETS:
        sheet = workbooks.sheet_of(workbooks.workbook(path), sheet, path.name)
        rows = workbooks.sheet_rows(path, sheet)
        names, _ = header_names(rows, header_row, header_rows, path.name)
        workbook_cells.refuse_unsure(path, sheet, names, header_row + header_rows - 1, unread)
        return replace(_framed(rows, header_row, header_rows, path.name), sheet=sheet)
    if kind in SPSS:
        return spss.read(path)
    if kind in STATA:
        return stata.read(path)
    if kind in OF_R:
        todo = 'In R: haven::write_sav(data, "export.sav"); that keeps labels and questions.'
        raise InputError("R's own files are not read", where=path.name, todo=todo)
    raise InputError(
        f"{kind or 'no'} format is not known", where=path.name, todo="Use csv, tsv, xlsx, xls, ods, sav or dta."
    )


def read_wave(info: WaveInfo) -> Read:
    """Return the export that a `wave.toml` describes."""
    said = {k: getattr(info, k) for k in ("sheet", "header_row", "header_rows", "delimiter", "encoding")}
    return read(info.path, **said, unread=info.ignore)


def encoding_of(content: bytes, name: str, encoding: str = "") -> str:
    """Return the encoding of a text: UTF-8 with or without mark, UTF-16 with mark, else CP1252.

    Raises
    ------
    InputError
        The text holds null characters, or no encoding fits.
    """
    marks = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
    marked = next((found for mark, found in marks if content.startswith(mark)), "")
    for candidate in (encoding,) if encoding else (marked,) if marked else ("utf-8", "cp1252"):
        try:
            text = content.decode(candidate)
        except LookupError:
            raise InputError(f"encoding {candidate!r} is not known", where=name, todo="Correct wave.toml.") from None
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            raise InputError("the file holds null characters", where=name, todo="Export it again as UTF-8 text.")
        return candidate
    raise InputError("the encoding cannot be told", where=name, todo="Export it as UTF-8, or name it in wave.toml.")


def head_rows(path: Path, count: int, delimiter: str = "", encoding: str = "") -> tuple[list[list[str]], str, str]:
    """Return the first rows of a text file, its delimiter and its encoding."""
    content = path.read_bytes()
    found = encoding_of(content, path.name, encoding)
    start = content[: 65536 + 4096 * count].decode(found, errors="ignore")
    start = start.replace("\r\n", "\n").replace("\r", "\n")
    if not delimiter:
        delimiter = "\t" if path.suffix.lower() == ".tsv" else delimiter_of(start)
    reader = csv.reader(io.StringIO(start), delimiter=delimiter)
    try:
        return [row for row, _ in zip(reader, range(count), strict=False)], delimiter, found
    except csv.Error:
        raise _untold(path.name) from None


def delimiter_of(text: str) -> str:
    """Return the delimiter that splits the first lines into most columns, by the middle line."""
    lines = [line for line in text.splitlines()[:30] if line.strip()][:-1] or text.splitlines()[:1]

    def columns(delimiter: str) -> int:
        widths = sorted(len(r) for r in csv.reader(lines, delimiter=delimiter))
        return widths[len(widths) // 2] if widths else 0

    return max(DELIMITERS, key=columns)


def _text(
    path: Path, header_row: int, header_rows: int, delimiter: str, encoding: str, unread: Collection[str]
) -> Read:
    last = header_row + header_rows - 1
    heads, delimiter, encoding = head_rows(path, last, delimiter, encoding)
    names, questions = header_names(heads, header_row, header_rows, path.name)
    width = max(len(h) for h in heads[header_row - 1 :])
    frame = _parsed(path, delimiter, encoding, width, last)
    rows = np.arange(last + 1, last + 1 + len(frame))
    text = path.read_bytes().decode(encoding)
    lacking = width - _cells(text, delimiter, last, len(frame), path.name)
    if lacking.any() or not len(frame) + last - 1 <= (text.count("\n") or text.count("\r")) <= len(frame) + last:
        text_rows.check(frame, lacking, rows, delimiter, path.name)
        text_rows.refuse_cut(lacking, width, rows, path.name)
    columns = {names[i]: stripped(frame.pop(i)) for i in range(width) if names[i]}
    text_rows.refuse_odd_headings(names, header_row, path.name)
    text_rows.refuse_odd_signs(columns, rows, unread, path.name)
    _unheaded([frame[i] for i in range(width) if i in frame.columns], rows, path.name)
    return records(columns, rows, path.name, questions)


def _parsed(path: Path, delimiter: str, encoding: str, width: int, above: int) -> pd.DataFrame:
    """Return the cells under the header rows; a row with more cells than there are columns is refused, never cut."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                path,
                sep=delimiter,
                encoding=encoding,
                header=None,
                names=range(width),
                index_col=False,
                skiprows=above,
                dtype=object,
                keep_default_na=False,
                na_filter=False,
                skip_blank_lines=False,
                low_memory=False,
                on_bad_lines="error",
            )
    except pd.errors.EmptyDataError:
        raise no_answers(path.name) from None
    except pd.errors.ParserWarning:
        what = f"row {above + 1} or one below it has more cells than the {width} columns"
    except pd.errors.ParserError as error:
        found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        what = f"row {found[2]} has {found[3]} cells under {found[1]} columns" if found else ""
    raise _untold(path.name, what)


def _cells(text: str, delimiter: str, above: int, count: int, name: str) -> np.ndarray:
    """Return how many cells each of `count` records has; two readers that differ over the records refuse the file."""
    try:
        cells = text_rows.cells(text, delimiter, above)
    except csv.Error:
        raise _untold(name) from None
    if len(cells) != count:
        raise _untold(name)
    return cells


def _untold(name: str, what: str = "") -> InputError:
    return InputError(
        what or "the rows cannot be told apart",
        where=name,
        todo="A delimiter or a quotation mark stands inside an answer: export it again, with answers in quotes.",
    )


def _unheaded(columns: Sequence[pd.Series], rows: np.ndarray, name: str) -> None:
    """Refuse answers under no heading: nobody can say what they are."""
    for column in columns:
        held = np.flatnonzero(column.notna() & (column != ""))
        if len(held):
            raise InputError(
                f"row {rows[held[0]]} has answers under no column", where=name, todo="Give every column a heading."
            )


def _framed(rows: list[list[str]], header_row: int, header_rows: int, name: str) -> Read:
    names, questions = header_names(rows, header_row, header_rows, name)
    last = header_row + header_rows - 1
    body = rows[last:]
    held = [i for i, n in enumerate(names) if n]
    wide = next((n for n, r in enumerate(body, last + 1) if any(c for i, c in enumerate(r) if i not in held)), 0)
    if wide:
        raise InputError(f"row {wide} has answers under no column", where=name, todo="Give every column a heading.")
    columns = {
        names[i]: stripped(pd.Series([r[i] if i < len(r) else "" for r in body], dtype=object))
        for i in range(len(names))
        if names[i]
    }
    return records(columns, np.arange(last + 1, last + 1 + len(body)), name, questions)
