"""The sheets of a workbook as text: the one that is named, else the only one in sight that holds anything."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.errors import InputError
from evaluation.intake import workbook_cells

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook


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
    return [[cell_text(c) for c in row] for row in rows]


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


def cell_text(value: object) -> str:
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
