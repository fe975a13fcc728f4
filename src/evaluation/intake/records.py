"""The records of a file: headings from its header rows, a category of text a column, no empty row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from evaluation.errors import InputError

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

    def only(self, columns: Sequence[str]) -> Read:
        """Return the export with some of its columns."""
        return replace(self, frame=self.frame[list(columns)])


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


def records(columns: dict[str, pd.Categorical], rows: np.ndarray, name: str, questions: dict[str, str]) -> Read:
    """Return the records that hold anything; wholly empty rows are not people."""
    held = np.zeros(len(rows), dtype=bool)
    for column in columns.values():
        held |= np.asarray(column.categories != "")[column.codes] if len(column) else held
    if not held.any():
        raise no_answers(name)
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


def no_answers(name: str) -> InputError:
    """Return what to say of an export without a record."""
    return InputError("the export holds a header and no answers", where=name, todo="Export it again.")


def stripped(column: pd.Series) -> pd.Categorical:
    """Return a column with blanks around its answers removed, and cells that the row lacks as "".

    pandas' own categories are not used: it turns a column of digits into numbers, and "0001" into 1.
    """
    codes, found = pd.factorize(column)
    texts = [str(c).strip() for c in found]
    known = {t: i for i, t in enumerate(dict.fromkeys([*texts, ""]))}
    at = np.array([known[t] for t in [*texts, ""]], dtype=np.int64)
    return pd.Categorical.from_codes(at[codes], categories=pd.Index(list(known), dtype=object))
