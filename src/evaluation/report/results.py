"""The results as data: `results.csv` with the schema of its columns, and the numbers of each chart."""

from __future__ import annotations

import csv
import io
import math
from importlib import resources

import numpy as np
import pandas as pd

from evaluation.disclosure import CheckedExhibit, CheckedResults, escape_cell
from evaluation.errors import CheckFailed
from evaluation.report.context import ReportContext

NORMAL = "df"  # without end where the interval is the normal distribution's

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


def schema() -> bytes:
    """Return the Table Schema of `results.csv`: name, type, unit, range and meaning of each column."""
    return resources.files("evaluation.report").joinpath("results.schema.json").read_bytes()


def chart_csv(exhibit: CheckedExhibit, context: ReportContext) -> bytes:
    """Return a chart's numbers as CSV, each with unit, people, wave, source and stamp; hidden ones are blank."""
    header = (exhibit.row_header or "What", *CHART_COLUMNS)
    stamp = "yes" if context.synthetic else "no"
    places = [(r, c) for r in exhibit.rows for c in exhibit.columns if (r, c) in exhibit.cells]
    rows = []
    for r, c in places:
        cell = exhibit.cells[r, c]
        numbers = (cell.value, cell.low, cell.high) if cell.shown else (None, None, None)
        own = (cell.text, *numbers, cell.unit, cell.n, cell.n_text, cell.wave or exhibit.wave, exhibit.source, cell.id)
        rows.append([_cell(v) for v in (r, c, *own, stamp)])
    return as_csv((list(header), rows))


CHART_COLUMNS = (
    "Column",
    "As printed",
    "Value",
    "Lower end",
    "Upper end",
    "Unit",
    "People",
    "People in words",
    "Wave",
    "Source",
    "Result",
    "Synthetic",
)
