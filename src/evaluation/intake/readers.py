"""Read an export as it was written: every cell as text, labels instead of codes where the export carries them.

Nothing is guessed. A file whose encoding cannot be told, or whose text is garbled, is refused with a reason.
Columns are categoricals of text: an answer is read once however many people gave it.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evaluation.errors import InputError
from evaluation.intake import text_rows, workbook_cells

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

    from evaluation.intake.wave_file import WaveInfo

TEXT = (".csv", ".tsv", ".txt")
SHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
SPSS = (".sav", ".zsav")
DELIMITERS = (",", ";", "\t", "|")
IMPORT_ID = '{"importid"'  # the third header row of one tool
GENERIC = ("response", "open-ended response", "selected choice")


@dataclass(frozen=True, slots=True)
class Read:
    """An export.

    Attributes
    ----------
    frame : DataFrame of categoricals
        Every cell as text, "" for an empty one; a record per row.
    rows : ndarray of int
        Row of the file (1-based) in which each record stands.
    value_labels : mapping
        Column to {code as text: label}, for formats that carry labels.
    questions : mapping
        Column to the words of its question, where the export holds them apart from the name.
    held : int
        Rows of the file under its header, down to the last that holds anything; empty ones between count.
    sheet : str
        The sheet of a workbook that was read.
    """

    frame: pd.DataFrame
    rows: np.ndarray
    value_labels: dict[str, dict[str, str]] = field(default_factory=dict)
    questions: dict[str, str] = field(default_factory=dict)
    held: int = 0
    sheet: str = ""


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
        sheet = sheet_of(workbook(path), sheet, path.name)
        rows = sheet_rows(path, sheet)
        names, _ = header_names(rows, header_row, header_rows, path.name)
        workbook_cells.refuse_unsure(path, sheet, names, header_row + header_rows - 1, unread)
        return replace(_framed(rows, header_row, header_rows, path.name), sheet=sheet)
    if kind in SPSS:
        return _spss(path)
    raise InputError(f"{kind or 'no'} format is not known", where=path.name, todo="Use csv, tsv, xlsx, xls or sav.")


def read_wave(info: WaveInfo) -> Read:
    """Return the export that a `wave.toml` describes."""
    said = {k: getattr(info, k) for k in ("sheet", "header_row", "header_rows", "delimiter", "encoding")}
    return read(info.path, **said, unread=info.ignore)


# ---- text ---------------------------------------------------------------------------------------------------------


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
    if _broken(path, len(frame) + last, frame[width - 1]):
        text_rows.check(frame, rows, delimiter, path.name)
    columns = {names[i]: _stripped(frame.pop(i)) for i in range(width) if names[i]}
    text_rows.refuse_odd_headings(names, header_row, path.name)
    text_rows.refuse_odd_signs(columns, rows, unread, path.name)
    _unheaded([frame[i] for i in range(width) if i in frame.columns], rows, path.name)
    return _records(columns, rows, path.name, questions)


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
        raise _no_answers(path.name) from None
    except pd.errors.ParserWarning:
        what = f"row {above + 1} or one below it has more cells than the {width} columns"
    except pd.errors.ParserError as error:
        found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        what = f"row {found[2]} has {found[3]} cells under {found[1]} columns" if found else ""
    raise _untold(path.name, what)


def _broken(path: Path, records: int, last: pd.Series) -> bool:
    """Return whether lines and records differ, or a row ends early: only then may an answer hold other cells."""
    content = path.read_bytes()
    lines = content.count(b"\n") or content.count(b"\r")
    return not records - 1 <= lines <= records or bool(last.isna().any())


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


def _stripped(column: pd.Series) -> pd.Categorical:
    """Return a column with blanks around its answers removed, and cells that the row lacks as "".

    pandas' own categories are not used: it turns a column of digits into numbers, and "0001" into 1.
    """
    codes, found = pd.factorize(column)
    texts = [str(c).strip() for c in found]
    known = {t: i for i, t in enumerate(dict.fromkeys([*texts, ""]))}
    at = np.array([known[t] for t in [*texts, ""]], dtype=np.int64)
    return pd.Categorical.from_codes(at[codes], categories=pd.Index(list(known), dtype=object))


# ---- workbooks ----------------------------------------------------------------------------------------------------


def sheet_rows(path: Path, sheet: str = "") -> list[list[str]]:
    """Return a sheet's rows as text; with several sheets that hold anything, one must be named."""
    book = workbook(path)
    return _rows(book, sheet_of(book, sheet, path.name), path.name)


def sheet_of(book: CalamineWorkbook, sheet: str, name: str) -> str:
    """Return the sheet that is read: the one named, else the only one in sight that holds anything."""
    if sheet and sheet not in book.sheet_names:
        what = f"there is no sheet {sheet!r}; the sheets are {book.sheet_names}"
        raise InputError(what, where=name, todo="Correct sheet in wave.toml.")
    if sheet:
        return sheet
    held = [n for n in visible(book) if _rows(book, n, name)]
    if len(held) > 1:
        raise InputError(
            f"the workbook has several sheets: {held}",
            where=name,
            todo='Name the one with the answers in wave.toml: sheet = "…".',
        )
    if not visible(book):
        raise InputError("every sheet of the workbook is hidden", where=name, todo="Show the one with the answers.")
    return str((held or visible(book))[0])


def sheets(path: Path) -> list[tuple[str, list[list[str]]]]:
    """Return name and rows of each sheet that is not hidden."""
    book = workbook(path)
    return [(name, _rows(book, name, path.name)) for name in visible(book)]


def visible(book: CalamineWorkbook) -> list[str]:
    """Return the names of the sheets that a person sees."""
    return [m.name for m in book.sheets_metadata if str(m.visible).endswith(".Visible")]


def _rows(book: CalamineWorkbook, sheet: str, name: str) -> list[list[str]]:
    path = Path(str(book.path))
    workbook_cells.look(path, path.stat().st_mtime_ns, sheet)
    try:
        rows = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except BaseException as error:  # noqa: BLE001 - one class per format, and panics
        raise _unreadable(error, name) from None
    return [[_cell(c) for c in row] for row in rows]


def _unreadable(error: BaseException, name: str) -> BaseException:
    """Return what to say of a workbook that the library cannot read (it has an error class for each format)."""
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return error
    what = f"the workbook cannot be read ({type(error).__name__})"
    return InputError(what, where=name, todo="Save it again as xlsx, without a password.")


def workbook(path: Path) -> CalamineWorkbook:
    """Return an opened workbook of any spreadsheet format."""
    from python_calamine import CalamineWorkbook

    if path.suffix.lower() == ".xlsb":
        what = "formulas and errors of an xlsb workbook cannot be told from its values"
        raise InputError(what, where=path.name, todo="Save it as xlsx.")
    workbook_cells.refuse_explosive(path)
    if path.suffix.lower() in workbook_cells.READ_AT_ONCE:
        workbook_cells.look(path, path.stat().st_mtime_ns, "")
    try:
        return CalamineWorkbook.from_path(str(path))
    except BaseException as error:  # noqa: BLE001 - one class per format, and panics
        raise _unreadable(error, path.name) from None


def _cell(value: object) -> str:
    """Return a spreadsheet cell as text: 3.0 as "3", dates as ISO, true and false as words."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, dt.date) else str(value).strip()


def _framed(rows: list[list[str]], header_row: int, header_rows: int, name: str) -> Read:
    names, questions = header_names(rows, header_row, header_rows, name)
    last = header_row + header_rows - 1
    body = rows[last:]
    held = [i for i, n in enumerate(names) if n]
    wide = next((n for n, r in enumerate(body, last + 1) if any(c for i, c in enumerate(r) if i not in held)), 0)
    if wide:
        raise InputError(f"row {wide} has answers under no column", where=name, todo="Give every column a heading.")
    columns = {
        names[i]: _stripped(pd.Series([r[i] if i < len(r) else "" for r in body], dtype=object))
        for i in range(len(names))
        if names[i]
    }
    return _records(columns, np.arange(last + 1, last + 1 + len(body)), name, questions)


# ---- both ---------------------------------------------------------------------------------------------------------


def header_names(
    heads: Sequence[Sequence[str]], header_row: int, header_rows: int, name: str = ""
) -> tuple[list[str], dict[str, str]]:
    """Return the column names of the header rows, and the question of each where a row above or below holds it."""
    chosen = [list(h) for h in heads[header_row - 1 : header_row - 1 + header_rows]]
    if len(chosen) < header_rows or not any(c.strip() for row in chosen for c in row):
        raise InputError(f"there is no header in row {header_row}", where=name, todo="Set header_row in wave.toml.")
    width = max(len(h) for h in chosen)
    padded = [[" ".join(c.split()) for c in [*h, *[""] * (width - len(h))]] for h in chosen]
    for upper in padded[:-1]:
        for place in range(1, width):
            if not upper[place] and padded[-1][place]:
                upper[place] = upper[place - 1]
    names, questions = [], {}
    for parts in zip(*padded, strict=True):
        kept = [p for p in dict.fromkeys(parts) if p]
        kept = [p for p in kept if p.lower() not in GENERIC and not p.lower().startswith(IMPORT_ID)] or kept[:1]
        names.append(" | ".join(kept))
        if len(kept) > 1:
            questions[names[-1]] = max(kept, key=len)
    for heading in dict.fromkeys(n for n in names if n and names.count(n) > 1):
        raise InputError(
            f"columns {' and '.join(letter(i) for i, n in enumerate(names) if n == heading)} stand twice: they have "
            f"the same heading in row {header_row}",
            where=name,
            todo="Rename or remove one of each. If this row holds answers, set header_row in wave.toml.",
        )
    return names, questions


def letter(place: int) -> str:
    """Return a column (from 0) as a spreadsheet names it: A, B, ..., Z, AA."""
    return (letter(place // 26 - 1) if place >= 26 else "") + chr(ord("A") + place % 26)


def _records(columns: dict[str, pd.Categorical], rows: np.ndarray, name: str, questions: dict[str, str]) -> Read:
    """Return the records that hold anything; wholly empty rows are not people."""
    held = np.zeros(len(rows), dtype=bool)
    for column in columns.values():
        held |= np.asarray(column.categories != "")[column.codes] if len(column) else held
    if not held.any():
        raise _no_answers(name)
    frame = pd.DataFrame(columns)
    for place in range(min(2, len(frame))):
        if any(str(c).lower().replace(" ", "").startswith(IMPORT_ID) for c in frame.iloc[place]):
            raise InputError(
                f"row {rows[place]} holds the tool's import ids: it is the last row of headings, and nobody's answers",
                where=name,
                todo="Set header_rows in wave.toml so that the headings end with it (header_rows = 3).",
            )
    if not held.all():
        frame = frame[held].reset_index(drop=True)
    return Read(frame, rows[held], {}, questions, int(np.flatnonzero(held)[-1]) + 1)


def _no_answers(name: str) -> InputError:
    return InputError("the export holds a header and no answers", where=name, todo="Export it again.")


# ---- SPSS ---------------------------------------------------------------------------------------------------------


def _spss(path: Path) -> Read:
    """Read SPSS data: user-missing codes are kept, and become their labels with every other code.

    A user-missing code without a label becomes "user-missing -9": what it means is for a person to say.
    """
    import pyreadstat

    try:
        raw, meta = pyreadstat.read_sav(str(path), apply_value_formats=False, user_missing=True)
    except (pyreadstat.ReadstatError, UnicodeDecodeError) as error:
        raise InputError(
            f"the SPSS file cannot be read ({type(error).__name__})", where=path.name, todo="Save it again as sav."
        ) from None
    if not len(raw):
        raise _no_answers(path.name)
    labels = {c: {_cell(k): str(v) for k, v in found.items()} for c, found in meta.variable_value_labels.items()}
    columns = {}
    for column in raw.columns:
        known = labels.get(column, {})
        missing = meta.missing_ranges.get(column, [])
        found = _stripped(pd.Series([_spss_cell(v) for v in raw[column]], dtype=object))
        texts = [known.get(t) or (f"user-missing {t}" if _in_ranges(t, missing) else t) for t in found.categories]
        columns[column] = _stripped(pd.Series(np.array(texts, dtype=object)[found.codes]))
    questions = {k: v for k, v in meta.column_names_to_labels.items() if v}
    read = _records(columns, np.arange(1, len(raw) + 1), path.name, questions)
    return Read(read.frame, read.rows, labels, questions, read.held)


def _in_ranges(text: str, ranges: list[dict[str, Any]]) -> bool:
    try:
        value: Any = float(text)
    except ValueError:
        value = text
    for found in ranges:
        low, high = found.get("lo"), found.get("hi")
        if isinstance(value, str) != isinstance(low, str):
            continue
        if low <= value <= high:
            return True
    return False


def _spss_cell(value: object) -> str:
    return "" if value is None or value != value else _cell(value)  # a blank date-and-time is not equal to itself
