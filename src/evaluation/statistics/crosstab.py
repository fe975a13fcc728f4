"""Counts of people in cells, with the key of each cell and the sums that the table implies."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from evaluation import errors
from evaluation.exhibit import Count, Item, cell_key

Sums = tuple[tuple[str, tuple[str, ...]], ...]


def crosstab(  # noqa: PLR0913
    frame: pd.DataFrame,
    rows: str,
    columns: str | None = None,
    *,
    universe: str,
    id: str,
    wave: str = "",
    row_labels: Mapping[str, str] | None = None,
    column_labels: Mapping[str, str] | None = None,
    totals: bool = True,
    kind: str = "identity",
) -> tuple[tuple[Item, ...], Sums]:
    """Return a table of counts as items, and its sums (rows, and columns, to their totals).

    Missing values are refused: give them a level of their own. With totals, sums are stated whether or not the total
    is shown elsewhere, because the attacker of the disclosure gate needs them.
    """
    used = [rows, *([columns] if columns else [])]
    errors.require_columns(frame, used, role="a table")
    errors.require_complete(frame, used, role="a table")
    names = dict(row_labels or {})
    heads = dict(column_labels or {})
    row_levels = [
        *[k for k in names if (frame[rows].astype(str) == str(k)).any()],
        *sorted({str(v) for v in frame[rows]} - {str(k) for k in names}),
    ]
    column_levels = sorted({str(v) for v in frame[columns]}) if columns else [""]
    items: list[Item] = []
    sums: list[tuple[str, tuple[str, ...]]] = []

    def count(level: str | None, column: str) -> str:
        mask = pd.Series(True, index=frame.index)
        dims: dict[str, str] = {}
        if level is not None:
            mask &= frame[rows].astype(str) == level
            dims[rows] = level
        if columns:
            mask &= frame[columns].astype(str) == column
            dims[columns] = column
        key = cell_key(universe, **dims)
        name = ".".join(p for p in (id, level if level is not None else "total", column or wave) if p)
        result = Count(id=name.lower().replace(" ", "-"), n=int(mask.sum()), key=key, kind=kind, wave=column or wave)
        row = "All" if level is None else names.get(level, level)
        items.append(Item(row, heads.get(column, column) or "People", result))
        return key

    for column in column_levels:
        parts = tuple(count(str(level), column) for level in row_levels)
        if totals:
            sums.append((count(None, column), parts))
        else:
            sums.append((cell_key(universe, **({columns: column} if columns else {})), parts))
    return tuple(items), tuple(sums)
