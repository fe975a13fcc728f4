"""Bars cut into parts: every row is a whole, and the order of the parts carries the meaning."""

from __future__ import annotations

import itertools
from typing import Any

from .sheet import COLOURS, INK, MARGIN, Sheet, grid_of

LIGHT = ("#28A197", "#F46A25", "#A285D1")
Piece = tuple[float, float, float, str, str]


def stacked(sheet: Sheet) -> Any:
    """Draw each row as one bar cut into its columns, in the order of the key; a part says its figure where it fits.

    Neighbouring colours differ by 3 to 1 in lightness, so that the order carries the meaning in grey too.
    """
    exhibit = sheet.exhibit
    grid = grid_of(exhibit)
    parts = [c for c in exhibit.columns if any(c == k for _, cells in grid for k, _ in cells)]
    sheet.head()
    sheet.key(parts, "■")
    sheet.y += 4
    top = sheet.y
    named = [(_stack_label(label, cells), cells) for label, cells in grid]
    beside = sheet.wide([label for label, _ in named]) + 8
    beside = 0.0 if sheet.narrow or beside > 0.4 * sheet.width else beside  # else each label stands over its bar
    over = sheet.wide([x.text.split(" (")[0] for _, cells in grid for c, x in cells if c == parts[-1]]) + 6
    left, wide = MARGIN + beside, sheet.width - 2 * MARGIN - beside - over
    bands: list[tuple[float, list[tuple[str, Any]]]] = []
    for label, cells in named:
        taken = sheet.say(label, advance=not beside)
        drawn = any(x.shown and x.value for _, x in cells)
        if drawn:
            bands.append((sheet.y + (6 if beside else 9), cells))
        sheet.y += (19 if drawn else taken + 4) if beside else (22 if drawn else 6)
    tall = sheet.y - top

    def paint(ax: Any) -> None:
        ax.set_xlim(0, 1)
        ax.set_ylim(tall, 0)
        ax.axis("off")
        pieces = [piece for y, cells in bands for piece in _pieces(y - top, cells)]
        for k, part in enumerate(parts):
            own = [(y, start, share) for y, start, share, column, _ in pieces if column == part]
            if own:
                y, start, share = map(list, zip(*own, strict=True))
                ax.barh(y, share, left=start, height=16, color=COLOURS[k % 6], edgecolor="white", linewidth=1.4)
        for piece in pieces:
            _say_share(ax, piece, parts, sheet, wide)

    return sheet.finish([(paint, (left, top, wide, tall))])


def _stack_label(label: str, cells: list[tuple[str, Any]]) -> str:
    """Return a row's label with its base, and the parts that may not be shown."""
    hidden = [c for c, x in cells if not x.shown or x.value is None]
    if len(hidden) == len(cells):
        return f"{label}: too few to report"
    bases = {x.n_text for _, x in cells if x.n_text and x.kind == "estimate"}
    said = f"{label} (n {bases.pop()})" if len(bases) == 1 else label
    return said + (f" – too few to report: {', '.join(hidden)}" if hidden else "")


def _pieces(y: float, cells: list[tuple[str, Any]]) -> list[Piece]:
    """Return a bar cut into its parts: height, start, share of the whole, column, figure."""
    shown = [(c, x) for c, x in cells if x.shown and x.value is not None and x.value > 0]
    total = sum(x.value for _, x in shown) or 1.0
    ends = list(itertools.accumulate((x.value / total for _, x in shown), initial=0.0))
    return [(y, at, x.value / total, c, x.text.split(" (")[0]) for at, (c, x) in zip(ends, shown, strict=False)]


def _say_share(ax: Any, piece: Piece, parts: list[str], sheet: Sheet, wide: float) -> None:
    """Write a part's figure into it where it fits; that of the last part, people without an answer, always."""
    y, start, share, column, text = piece
    style = {"va": "center", "fontsize": sheet.size - 0.5}
    if share * wide > sheet.wide([text]) + 6:
        ink = INK if COLOURS[parts.index(column) % 6] in LIGHT else "white"
        ax.text(start + share / 2, y, text, ha="center", color=ink, **style)
    elif column == parts[-1]:
        ax.text(1 + 4 / wide, y, text, ha="left", color=INK, **style)
