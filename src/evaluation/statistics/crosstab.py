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
    """Return a table of counts as items, and the sums that it implies.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    rows : str
        Column whose values are the table's rows.
    columns : str, optional
        Column whose values are the table's columns; one column of people when not given.
    universe : str
        Name of the people counted, part of each cell's key.
    id : str
        Beginning of each count's id.
    wave : str
        Wave of the counts, where `columns` does not say it.
    row_labels, column_labels : mapping of str to str, optional
        Value → words shown; rows stand in the order of `row_labels`, others after them in sorted order.
    totals : bool
        Whether a total is shown under each column. Sums are stated either way, because the attacker of the disclosure
        gate needs them.
    kind : str
        Kind of the counts, for the disclosure gate: "identity" (people in a cell of characteristics), "register" or
        "official".

    Returns
    -------
    items : tuple of Item
        One per cell, column by column, the total last.
    sums : tuple of (str, tuple of str)
        The key of each column's total, and the keys of the cells that add up to it.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A missing value: give it a level of its own.
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

    def _count(level: str | None, column: str) -> str:
        """Add the count of one cell, or of a column's total, and return its key."""
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
        parts = tuple(_count(str(level), column) for level in row_levels)
        if totals:
            sums.append((_count(None, column), parts))
        else:
            sums.append((cell_key(universe, **({columns: column} if columns else {})), parts))
    return tuple(items), tuple(sums)
