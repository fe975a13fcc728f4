"""Hold the rows of a text file to its lines: no row vanishes in an answer, and no odd sign is read as a letter."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection

import numpy as np
import pandas as pd

from evaluation.errors import InputError

# UTF-8 that was read as CP1252: a lead byte shown as a capital with an accent, then a continuation byte
GARBLED = re.compile("\ufffd|Ã[\u0080-\u00bfƒ†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ„…‚]|Â[\u0080-\u00bf]|â€|ï»¿")
CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\u0080-\u009f\u200e\u200f\u202a-\u202e\ufeff]")
LEAST_WIDTH = 4  # columns, before a line inside an answer that has as many cells is taken for a row
QUOTE_IT = "A quotation mark stands in an answer that is not in quotes: export it again, with every answer in quotes."


def cells(text: str, delimiter: str, above: int) -> np.ndarray:
    """Return how many cells each record under the first `above` rows has (0 of a blank line); pandas does not say."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    rows = csv.reader(io.StringIO(lines), delimiter=delimiter)
    return np.fromiter((len(r) if len(r) > 1 or "".join(r).strip() else 0 for r in rows), dtype=int)[above:]


def check(raw: pd.DataFrame, lacking: np.ndarray, rows: np.ndarray, delimiter: str, name: str) -> None:
    """Refuse rows that an answer swallowed, whole or in part; `lacking` is how many cells each row lacks.

    A cell that holds a line break holds a row of the file when one of its lines has as many cells as the file is wide;
    a row that ends early holds its own next cells when one of them has as many delimiters as it lacks cells.
    """
    width = raw.shape[1]
    for place in range(width):
        codes, texts = pd.factorize(raw[place])
        for code, text in enumerate(map(str, texts)):
            if "\n" not in text and "\r" not in text and (delimiter not in text or not lacking.any()):
                continue
            lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
            held = [line.count(delimiter) for line in lines]
            swallowed = (
                len(lines) > 1 and width >= LEAST_WIDTH and (held[0] + held[-1] >= width - 1 or max(held) >= width - 1)
            )
            at = np.flatnonzero(codes == code)
            short = len(at) == 1 and 0 < sum(held) == lacking[at[0]]
            if swallowed or short:
                what = f"an answer in row {rows[at[0]]} holds {'rows' if swallowed else 'other cells'} of the file"
                raise InputError(what, where=name, todo=QUOTE_IT)


def refuse_cut(lacking: np.ndarray, width: int, rows: np.ndarray, name: str) -> None:
    """Refuse rows that end before their last columns, unless most rows of the file do.

    A tool that leaves blanks at the end out shortens most rows; where most are whole, a short one was cut.
    """
    cut = (lacking > 0) & (lacking < width)
    if cut.any() and 2 * cut.sum() <= (lacking < width).sum():
        first = int(np.flatnonzero(cut)[0])
        others = f", and so end {n} more early" if (n := int(cut.sum()) - 1) else ""
        raise InputError(
            f"row {rows[first]} ends after {width - lacking[first]} of {width} columns{others}: it may have been cut",
            where=name,
            todo="Export it again with every cell of a row (as xlsx, if the tool leaves blanks at the end out), "
            "or write the delimiters that the row lacks.",
        )


def refuse_odd_signs(columns: dict[str, pd.Categorical], rows: np.ndarray, unread: Collection[str], name: str) -> None:
    """Refuse garbled text and control characters, but for columns that nobody reads."""
    for heading, column in columns.items():
        if heading in unread:
            continue
        whole = "\n".join(column.categories)
        for pattern in (GARBLED, CONTROL):
            if (whole.isascii() and pattern is GARBLED) or not pattern.search(whole):
                continue
            odd = [i for i, text in enumerate(column.categories) if pattern.search(text)]
            row = rows[np.flatnonzero(np.isin(column.codes, odd))[0]]
            raise _odd(pattern, int(row), name)


def refuse_odd_headings(names: Collection[str], row: int, name: str) -> None:
    """Refuse headings that are garbled or hold control characters."""
    for pattern in (GARBLED, CONTROL):
        if any(pattern.search(n) for n in names):
            raise _odd(pattern, row, name)


def _odd(pattern: re.Pattern[str], row: int, name: str) -> InputError:
    if pattern is GARBLED:
        return InputError(
            f"the text is garbled near row {row}: it was saved in one encoding and read in another",
            where=name,
            todo="Export it again from the survey tool as UTF-8.",
        )
    return InputError(
        f"row {row} holds a control character, which no answer has",
        where=name,
        todo="Remove it in the survey tool and export again, or leave its column out in [ignore].",
    )
