"""`results.xlsx` as the Analysis Function asks: contents, notes, key results, a sheet a section, every result."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.disclosure import CheckedExhibit, CheckedResults, CheckedRow, escape_cell
from evaluation.report.context import ReportContext
from evaluation.report.page_parts import ANNEX
from evaluation.report.results import Grid
from evaluation.verdict import NOT_ANSWERABLE

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

CONFIDENTIAL, NOT_APPLICABLE, NOT_AVAILABLE = "[c]", "[z]", "[x]"
HEAD = 4  # row of a sheet's column headings, below title, note and link to the contents
_MOMENT = (2020, 1, 1, 0, 0, 0)
_FIRST, _DAY = b"2020-01-01T00:00:00Z", rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"

NOTES = (
    "Each row is one result; “id” (or “Result id”) is the name that pages, tables and charts give it.",
    "Shorthand: [c] is hidden to protect people, [z] does not apply, [x] is not available.",
    "Counts of people are rounded.",
    "“low” and “high” (or “Lower end”, “Upper end”) are the ends of the range printed as “between a and b” (95 per "
    "cent).",
    "“null” is the value of no difference and “margin” the smallest change set in advance as worth noticing.",
    "“licence” says what a result may be used to say: effect, association, exploratory or descriptive.",
    "“gates” are the conditions fixed in advance, as kind:id=passed or kind:id=failed.",
    "“planned” is yes where the frozen plan named the result.",
    "Every column of the sheet “All results” is described in results.schema.json, beside results.csv.",
)
NOBODY = "All figures describe nobody: {}."


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its name (at most 31 signs), title, note, column headings, rows and widths of columns."""

    name: str
    title: str
    note: str
    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    widths: Sequence[int]


def as_xlsx(checked: CheckedResults, grid: Grid, context: ReportContext) -> bytes:
    """Return `results.xlsx`: no merged or blank cell, numbers as numbers, deterministic bytes.

    Parameters
    ----------
    checked : CheckedResults
        Everything of the run that may be shown.
    grid : tuple
        Header and rows of `results.csv`.
    context : ReportContext
        Title, wave, date, team and stamp.

    Returns
    -------
    bytes
        The workbook.
    """
    from openpyxl import Workbook

    book = Workbook()
    book.properties.title = f"{context.title}: results, {context.wave}, {context.date.isoformat()}"
    sheets = [_notes(context), _key_results(checked), *_sections(checked), _all_results(grid)]
    _cover(book, context)
    _contents(book, sheets)
    for k, sheet in enumerate(sheets):
        _write(book, sheet, k)
    out = io.BytesIO()
    book.save(out)
    return _fixed(out.getvalue())


# ---- what stands in the sheets ----------------------------------------------------------------------------------

_KEY = (
    "Question",
    "Verdict",
    "Value",
    "Lower end",
    "Upper end",
    "Unit",
    "People",
    "Wave",
    "May be used to say",
    "Planned",
    "Result id",
)
_PLACED = (
    "Table",
    "Row",
    "Column",
    "As printed",
    "Value",
    "Lower end",
    "Upper end",
    "Unit",
    "People",
    "Wave",
    "Result id",
)


def _notes(context: ReportContext) -> Sheet:
    notes = [*NOTES, *([NOBODY.format(context.of_nobody)] if context.of_nobody else [])]
    return Sheet("Notes", "Notes", "How to read the sheets.", ("Note",), [(n,) for n in notes], (110,))


def _key_results(checked: CheckedResults) -> Sheet:
    """Return the results that carry a verdict, the planned ones first."""
    found = sorted((r for _, r in checked.rows() if r.verdict), key=lambda r: not r.planned)
    rows = [
        (r.question, r.verdict, *_numbers(r), r.n_text, r.wave, r.licence, "yes" if r.planned else "no", r.id)
        for r in found
    ]
    note = "Every result that carries a verdict, the planned ones first."
    return Sheet("Key results", "Key results", note, _KEY, rows, (60, 24, 12, 12, 12, 26, 28, 12, 18, 10, 44))


def _sections(checked: CheckedResults) -> list[Sheet]:
    """Return one sheet for each section of the annex that has results; what has no section there comes last."""
    homes: dict[str, list[CheckedExhibit]] = {letter: [] for letter in (*ANNEX, "")}
    for exhibit in checked.exhibits:
        letters = [s.removeprefix("annex-") for s in exhibit.sections if s.startswith("annex-")]
        homes[next((x for x in letters if x in ANNEX), "")].append(exhibit)
    titles = {**{k: f"{k} {title}" for k, title in ANNEX.items()}, "": "Other pages"}
    made = []
    for letter, exhibits in homes.items():
        rows = [(e.title, r, c, *_placed(cell)) for e in exhibits for (r, c), cell in e.cells.items()]
        note = f"{len(exhibits)} tables, one below the other; the column “Table” names them."
        if rows:
            widths = (44, 36, 24, 30, 12, 12, 12, 24, 24, 12, 44)
            made.append(Sheet(_name(titles[letter]), titles[letter], note, _PLACED, rows, widths))
    return made


def _placed(cell: CheckedRow) -> tuple[object, ...]:
    printed = cell.text if cell.shown or cell.reason else CONFIDENTIAL
    return (printed, *_numbers(cell), cell.n_text, cell.wave, cell.id)


def _numbers(cell: CheckedRow) -> tuple[object, ...]:
    """Return value, ends and unit; shorthand says why a number is not there."""
    if not cell.shown:
        why = NOT_AVAILABLE if cell.kind == "not_identified" else CONFIDENTIAL
        return (why, why, why, cell.unit)
    return (cell.value, cell.low, cell.high, cell.unit)


def _all_results(grid: Grid) -> Sheet:
    header, rows = grid
    status, numbers = header.index("status"), {header.index(n) for n in NUMBERS}
    own = []
    for row in rows:
        why = {"shown": NOT_APPLICABLE, NOT_ANSWERABLE: NOT_AVAILABLE}.get(str(row[status]), CONFIDENTIAL)
        own.append([why if v == "" and k in numbers else v for k, v in enumerate(row)])
    note = "One row for each result, as in results.csv."
    widths = [40 if k in (0, 4, 5) else 16 for k in range(len(header))]
    return Sheet("All results", "All results", note, header, own, widths)


NUMBERS = ("value", "se", "low", "high", "low_90", "high_90", "p")


# ---- how they are written ---------------------------------------------------------------------------------------


def _cover(book: Workbook, context: ReportContext) -> None:
    cover = book.active
    cover.title = "Cover"
    lines = (
        context.title,
        context.stamp(),
        f"Wave {context.wave}, report of {context.date.isoformat()}",
        "The sheet “Contents” names every sheet; “Key results” holds the results that carry a verdict.",
        context.contact.team,
    )
    for line in filter(None, lines):
        cover.append([escape_cell(line)])
    _title(cover)
    cover.column_dimensions["A"].width = 100


def _contents(book: Workbook, sheets: Sequence[Sheet]) -> None:
    rows = [(s.name, s.note, len(s.rows)) for s in sheets]
    _write(
        book,
        Sheet(
            "Contents",
            "Contents",
            "Every sheet of the workbook.",
            ("Sheet", "What it holds", "Rows"),
            rows,
            (36, 80, 10),
        ),
        -1,
    )
    page = book["Contents"]
    for k, sheet in enumerate(sheets, start=HEAD + 1):
        cell = page.cell(row=k, column=1)
        cell.hyperlink, cell.style = f"#'{sheet.name}'!A1", "Hyperlink"


def _write(book: Workbook, sheet: Sheet, number: int) -> None:
    """Write a sheet: title in A1, what it holds, the way back, then one marked table without a blank cell."""
    from openpyxl.utils import get_column_letter

    page = book.create_sheet(sheet.name)
    page.append([sheet.title])
    page.append([f"{sheet.note} One table of {len(sheet.rows):,} rows."])
    page.append(["Contents"] if number >= 0 else ["Follow a name to its sheet."])
    if number >= 0:
        page["A3"].hyperlink, page["A3"].style = "#'Contents'!A1", "Hyperlink"
    page.append(list(sheet.header))
    for row in sheet.rows:
        page.append([_plain(v) for v in row])
    page.freeze_panes = page.cell(row=HEAD + 1, column=2 if len(sheet.header) > 1 else 1)
    _title(page)
    _mark_up(page, sheet.header, len(sheet.rows), f"table_{number + 2}")
    for k, width in enumerate(sheet.widths, start=1):
        page.column_dimensions[get_column_letter(k)].width = width


def _title(page: Worksheet) -> None:
    from openpyxl.styles import Font

    page["A1"].font = Font(bold=True, size=14)


def _mark_up(page: Worksheet, header: Sequence[str], rows: int, name: str) -> None:
    """Mark a sheet's rows as one table with a bold header, so that readers of screens and of sheets can find it."""
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.filters import AutoFilter
    from openpyxl.worksheet.table import Table, TableColumn

    for cell in page[HEAD]:
        cell.font = Font(bold=True)
    if rows:
        ref = f"A{HEAD}:{get_column_letter(len(header))}{HEAD + rows}"
        # Columns are named here, or openpyxl would make every blank cell of the table to find its first row.
        columns = [TableColumn(id=k, name=heading) for k, heading in enumerate(header, start=1)]
        page.add_table(Table(displayName=name, ref=ref, tableColumns=columns, autoFilter=AutoFilter(ref=ref)))


def _plain(value: object) -> object:
    """Return a value as a workbook holds it: a number, or text that is no formula; shorthand where there is none."""
    value = value.item() if hasattr(value, "item") else value
    if value is None or value != value or value == "":
        return NOT_APPLICABLE
    return value if isinstance(value, int | float) else escape_cell(str(value))


def _name(title: str) -> str:
    """Return a title as the name of a sheet: at most 31 signs, none that a workbook forbids."""
    return re.sub(r"[\\/*?:\[\]]", " ", title)[:31].rstrip(" ,")


def _fixed(data: bytes) -> bytes:
    """Return the workbook with every date inside it, and of its parts, fixed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = re.sub(_DAY, _FIRST, content)
            target.writestr(zipfile.ZipInfo(name, _MOMENT), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
