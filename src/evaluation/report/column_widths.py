"""Widths of a printed table's columns: each fits its longest word, so that no word is broken."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib

from evaluation.report.tables import Table

BREAK = "\u200b"  # a place without width at which a line may end
_ID = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+){2,}")
PORTRAIT, LANDSCAPE = 481.0, 727.0  # points between the margins of A4
INSET = 3.0  # points left and right in a cell
SIZES = (8.0, 7.5, 7.0)  # tried in turn upright, then across
SMALLER = (6.5, 6.0, 5.5)  # then across
DENSE = (7.0, 6.5, 6.0)  # of the annex, whose tables stay upright where they can
LARGE = (12.0, 11.0, 10.0, 9.0)  # in large print
READABLE = 90.0  # points that a column of many words should have upright


def parted(text: str) -> str:
    """Return a text in which ids of results may be broken after a point or a line, and nowhere else."""
    return _ID.sub(lambda m: re.sub(r"([._-])(?=.)", f"\\1{BREAK}", m[0]), text)


def layout(table: Table, *, large: bool = False, dense: bool = False) -> tuple[list[float], float, bool]:
    """Return the columns' widths in points, the size of the text, and whether the table goes across the page.

    A dense page has smaller text. A table goes across where its words do not fit upright, or would stand in columns too
    narrow to read. One that is to
    be filled in takes the whole width.
    """
    parts = [_column(table, k) for k in range(len(table.header))]
    if any(c.kind == "blank" for row in table.rows for c in row):
        least = [
            max(_width(h, LARGE[1], True), _width(p[1], LARGE[1], False))
            for h, p in zip(table.header, parts, strict=True)
        ]
        least = [w + 2 * INSET for w in least]
        return [*least[:-1], round(PORTRAIT - sum(least[:-1]), 1)], LARGE[1], False
    upright = (*LARGE, *SIZES) if large else DENSE if dense else SIZES
    for across, room, sizes in ((False, PORTRAIT, upright), (True, LANDSCAPE, (*SIZES, *SMALLER))):
        for size in sizes:
            least = [_width(word, size, bold) + 2 * INSET for word, bold in (p[0] for p in parts)]
            whole = [max(a, _width(p[1], size, False) + 2 * INSET) for a, p in zip(least, parts, strict=True)]
            enough = 0.0 if across or large else READABLE * (0.6 if dense else 1.0)
            wanted = [max(a, min(b, enough)) for a, b in zip(least, whole, strict=True)]
            if sum(wanted) <= room:
                return _shared(wanted, whole, room), size, across
    scale = LANDSCAPE / sum(least)
    return [round(w * scale, 1) for w in least], SMALLER[-1], True


def _column(table: Table, k: int) -> tuple[tuple[str, bool], str]:
    """Return the widest word of a column and whether it is bold, and its widest text: a header may take two lines."""
    texts = [(table.header[k], True), *((row[k].text, False) for row in table.rows)]
    words = [(w, bold) for t, bold in texts for w in parted(t).replace(BREAK, " ").split()] or [("", False)]
    half = table.header[k][: len(table.header[k]) // 2 + 3]
    longest = max((half, *(t for t, bold in texts if not bold)), key=lambda t: _length(t, False))
    return max(words, key=lambda x: _length(*x)), longest


def _shared(least: list[float], whole: list[float], room: float) -> list[float]:
    """Return widths between the least and the whole: columns that need little are served first."""
    widths, left = list(least), room - sum(least)
    waiting = sorted(range(len(least)), key=lambda k: whole[k] - least[k])
    for place, k in enumerate(waiting):
        more = max(0.0, min(whole[k] - least[k], left / (len(waiting) - place)))
        widths[k] += more
        left -= more
    return [round(w, 1) for w in widths]


def _width(text: str, size: float, bold: bool) -> float:
    return 1.01 * size / 100 * _length(text, bold)


@cache
def _length(text: str, bold: bool) -> float:
    return float(_font(bold).getlength(text))


@cache
def _font(bold: bool) -> Any:
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), 100)
