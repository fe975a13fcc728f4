"""`results.csv` and `results.xlsx`: every checked result, one row per id, in the Analysis Function's layout."""

from __future__ import annotations

import csv
import io
import math
import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evaluation.disclosure import CheckedResults, escape_cell
from evaluation.errors import CheckFailed
from evaluation.report.context import ReportContext
from evaluation.verdict import TOO_FEW

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

NORMAL = "df"  # without end where the interval is the normal distribution's
_MOMENT = (2020, 1, 1, 0, 0, 0)


Grid = tuple[list[str], list[list[object]]]


def as_csv(grid: Grid) -> bytes:
    """Return `results.csv`: one header row, one row per result id, text cells escaped against formulas."""
    header, rows = grid
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode()


def grid(checked: CheckedResults, context: ReportContext) -> Grid:
    """Return header and rows of the results as they are printed: text escaped, what is not there an empty text.

    Raises
    ------
    CheckFailed
        A number is not finite; the message names the result and the column. Degrees of freedom without end, of a
        normal interval, are left blank.
    """
    frame = checked.frame()
    header = [str(c) for c in frame.columns]
    for name in header:
        odd = frame.index[np.isinf(pd.to_numeric(frame[name], errors="coerce").astype(float))]
        if len(odd) and name != NORMAL:
            id = frame.loc[odd[0], "id"] if "id" in header else odd[0]
            raise CheckFailed(f"{name!r} of the result {id!r} is not a finite number", todo="Refuse it with a reason.")
    rows = [[_cell(v) for v in record] for record in frame.astype(object).itertuples(index=False, name=None)]
    if "synthetic" not in header:
        header, rows = [*header, "synthetic"], [[*r, "yes" if context.synthetic else "no"] for r in rows]
    return header, rows


def _cell(value: object) -> object:
    if value is None or value != value or str(value) in ("<NA>", "NaT"):
        return ""
    if isinstance(value, float) and math.isinf(value):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape_cell(value) if isinstance(value, str) else value


def as_xlsx(grid: Grid, context: ReportContext, notes: list[str]) -> bytes:
    """Return `results.xlsx`: a cover sheet, notes in words, and the results; no merged cell, deterministic bytes."""
    from openpyxl import Workbook

    book = Workbook()
    cover = book.active
    cover.title = "Cover"
    stamp = context.stamp()
    lines = [
        context.title,
        stamp,
        f"Wave {context.wave}, report of {context.date.isoformat()}",
        "Sheet “Results” holds one row for each result that the reports print.",
        "Sheet “Notes” says what the columns mean and what is left out.",
        context.contact.team,
    ]
    for line in lines:
        if line:
            cover.append([escape_cell(line)])
    note_sheet = book.create_sheet("Notes")
    for note in notes:
        note_sheet.append([escape_cell(note)])
    sheet = book.create_sheet("Results")
    header, rows = grid
    sheet.append(header)
    for row in rows:
        sheet.append({k: v for k, v in enumerate(map(_plain, row), start=1) if v is not None})
    sheet.freeze_panes = "B2"
    _mark_up(sheet, header, len(rows) + 1)
    for each in (cover, note_sheet):
        each.column_dimensions["A"].width = 100
    out = io.BytesIO()
    book.save(out)
    return _fixed(out.getvalue())


def _mark_up(sheet: Worksheet, header: Sequence[str], rows: int) -> None:
    """Mark the results as one table with a bold header, so that readers of screens and of sheets can find it."""
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.filters import AutoFilter
    from openpyxl.worksheet.table import Table, TableColumn

    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for k in range(1, len(header) + 1):
        sheet.column_dimensions[get_column_letter(k)].width = 40 if k in (1, 5, 6) else 16
    if rows > 1:
        ref = f"A1:{get_column_letter(len(header))}{rows}"
        # Columns are named here, or openpyxl would make every blank cell of the table to find its first row.
        columns = [TableColumn(id=k, name=name) for k, name in enumerate(header, start=1)]
        sheet.add_table(Table(displayName="results", ref=ref, tableColumns=columns, autoFilter=AutoFilter(ref=ref)))


def _plain(value: object) -> object:
    """Return a value as a workbook holds it; None for an empty text, so that the cell is blank."""
    value = value.item() if hasattr(value, "item") else value
    value = value if isinstance(value, str | int | float) else str(value)
    return None if value == "" else value


def _fixed(data: bytes) -> bytes:
    """Return the workbook with every date inside it, and of its parts, fixed."""
    import re

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", b"2020-01-01T00:00:00Z", content)
            target.writestr(zipfile.ZipInfo(name, _MOMENT), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


NOTES = [
    "Notes",
    "Each row is one result; “id” is the name that pages, tables and charts give it.",
    "Counts of people are rounded and said with “about”; a figure that could identify people reads "
    f"“{TOO_FEW}” in “status” and its numbers are blank.",
    "“low” and “high” are the ends of the range printed as “between a and b” (95 per cent).",
    "“null” is the value of no difference and “margin” the smallest change set in advance as worth noticing.",
    "“licence” says what a result may be used to say: effect, association, exploratory or descriptive.",
    "“gates” are the conditions fixed in advance, as kind:id=passed or kind:id=failed.",
    "“planned” is yes where the frozen plan named the result.",
    "Blank cells are values that were suppressed, or that do not apply (“df” of a normal interval).",
]


def table_csv(header: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> bytes:
    """Return a chart's numbers as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([escape_cell(str(v)) if not _is_number(v) else v for v in row] for row in rows)
    return out.getvalue().encode()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
