"""Charts of shares: all answers in one bar, and two groups back to back."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from evaluation.disclosure import CheckedRow
from evaluation.report.phrases import known
from evaluation.report.sheet import COLOURS, INK, MARGIN, Sheet, drawn, extra, grid_of, width
from evaluation.verdict import TOO_FEW

if TYPE_CHECKING:
    pass

Cells = list[tuple[str, CheckedRow]]
HUE = ("#C6D9EA", "#8FB4D5", "#5B8DBB", "#2F6596", "#12436D")
PALE, APART = "#D0D0D0", 0.03
Piece = tuple[float, float, str, str]  # start, share of the whole, column, figure


def stacked(sheet: Sheet) -> None:
    """Draw each row as one bar cut into its columns, in the order of the key; a part says its figure where it fits.

    Ordered answers (`extras["ordered"]` says how many of the columns are) take one hue from light to dark and are
    centred on their middle. Other neighbouring colours differ by 3 to 1 in lightness, so that the order carries the
    meaning in grey too.
    """
    grid = grid_of(sheet.exhibit)
    parts = [c for c in sheet.exhibit.columns if any(c == k for _, cells in grid for k, _ in cells)]
    ordered = parts[: int(extra(sheet.exhibit, "ordered", default=0))]
    colours = _stack_colours(parts, ordered)
    sheet.key(parts, [colours[p] for p in parts], "s")
    bars = [_centred(_pieces(cells), ordered) for _, cells in grid]
    low = min((p[0] for bar in bars for p in bar), default=0.0)
    high = max((p[0] + p[1] for bar in bars for p in bar), default=1.0)
    fits = sheet.room / (high - low)
    top, heights = sheet.y, []
    for (label, cells), bar in zip(grid, bars, strict=True):
        sheet.say(_stack_label(label, cells, [p for p in bar if not _fits(p, sheet, fits)]))
        heights.append(sheet.y - top + 10)
        sheet.y += 24 if bar else 4
    ax = sheet.axes(MARGIN, sheet.room, sheet.y - top, top)
    for y, bar in zip(heights, bars, strict=True):
        if bar:
            starts, shares, columns, figures = zip(*bar, strict=True)
            drawn_bar = ax.barh([y] * len(bar), shares, left=starts, height=16, ec="white", lw=1.4,
                                color=[colours[c] for c in columns])  # fmt: skip
            said = [figure if _fits(p, sheet, fits) else "" for figure, p in zip(figures, bar, strict=True)]
            for words, column in zip(ax.bar_label(drawn_bar, said, label_type="center"), columns, strict=True):
                words.set(fontsize=sheet.size - 0.5, color=_ink_on(colours[column]))
    ax.set(xlim=(low, high), ylim=(sheet.y - top, 0))
    ax.set_axis_off()


def _stack_colours(parts: list[str], ordered: list[str]) -> dict[str, str]:
    """Return a colour for each part: one hue from light to dark where they are in order, grey for the rest."""
    if not ordered:
        return {p: COLOURS[k % 6] for k, p in enumerate(parts)}
    steps = [HUE[round(k * (len(HUE) - 1) / max(len(ordered) - 1, 1))] for k in range(len(ordered))]
    return dict.fromkeys(parts, PALE) | dict(zip(ordered, steps, strict=True))


def _ink_on(colour: str) -> str:
    """Return the colour of words on a colour: white only where that differs from it by 4.5 to 1."""
    from seaborn.utils import relative_luminance

    return "white" if 1.05 / (relative_luminance(colour) + 0.05) >= 4.5 else INK


def _pieces(cells: Cells) -> list[Piece]:
    """Return a bar cut into its parts."""
    shown = [(c, x) for c, x in cells if drawn(x) and known(x.value) > 0]
    total = sum(known(x.value) for _, x in shown) or 1.0
    ends = list(itertools.accumulate((known(x.value) / total for _, x in shown), initial=0.0))
    return [(at, known(x.value) / total, c, x.text.split(" (")[0]) for at, (c, x) in zip(ends, shown, strict=False)]


def _centred(pieces: list[Piece], ordered: list[str]) -> list[Piece]:
    """Return a bar moved so that the middle of its ordered answers lies at nil; what is in no order stands apart."""
    if not ordered:
        return pieces
    size = {p[2]: p[1] for p in pieces}
    half = len(ordered) // 2
    middle = size.get(ordered[half], 0.0) / 2 if len(ordered) % 2 else 0.0
    shift = sum(size.get(c, 0.0) for c in ordered[:half]) + middle
    return [(at - shift + (0.0 if c in ordered else APART), share, c, text) for at, share, c, text in pieces]


def _fits(piece: Piece, sheet: Sheet, points: float) -> bool:
    return piece[1] * points > width(piece[3], sheet.size - 0.5) + 4


def _stack_label(label: str, cells: Cells, narrow: list[Piece]) -> str:
    """Return a row's label with its base, the parts too narrow for their figure, and those that may not be shown."""
    hidden = [c for c, x in cells if not drawn(x)]
    if len(hidden) == len(cells):
        return f"{label}: {TOO_FEW}"
    bases = {x.n_text for _, x in cells if x.n_text and x.kind == "estimate"}
    said = f"{label} (n {bases.pop()})" if len(bases) == 1 else label
    said += f"; {', '.join(f'{column} {figure}' for _, _, column, figure in narrow)}" if narrow else ""
    return said + (f"; {TOO_FEW}: {', '.join(hidden)}" if hidden else "")


def overlap(sheet: Sheet) -> None:
    """Draw two groups back to back over the same bands, each as a share of its own largest band."""
    import seaborn as sns

    exhibit, step, size = sheet.exhibit, 15.0, sheet.size - 1
    names = list(exhibit.columns)[:2]
    bands = [r for r in exhibit.rows if any((r, c) in exhibit.cells for c in names)]
    named = min(sheet.wide(bands, size), sheet.room / 3) + 1
    left = MARGIN + named + 6
    plot = sheet.width - MARGIN - left
    half = plot / 2 - 10
    heads = [(left + plot / 2 - 5, "right", names[0]), (left + plot / 2 + 5, "left", names[-1])]
    bold = {"fontweight": "bold", "room": half}
    sheet.y += max(sheet.put(n, x=x, ha=side, color=COLOURS[k], **bold) for k, (x, side, n) in enumerate(heads)) + 3
    for k, band in enumerate(bands):
        sheet.put(band, room=named, size=size, down=step * k + step / 2 - size * 0.69)
    ax = sheet.axes(left, plot, step * len(bands))
    cells = [(k, i, exhibit.cells.get((b, c))) for i, c in enumerate(names) for k, b in enumerate(bands)]
    most = [max((known(x.value) for _, j, x in cells if j == i and x and drawn(x)), default=0.0) or 1.0 for i in (0, 1)]
    ends = [(k, i, x, known(x.value) / most[i] if drawn(x) else 0.0) for k, i, x in cells if x is not None]
    room = max((width(_share(x), size) for _, _, x, _ in ends), default=0.0) + 5
    place, side, _, shares = zip(*ends, strict=True)
    sns.barplot(x=[(-1, 1)[i] * share for i, share in zip(side, shares, strict=True)], y=list(place), hue=list(side),
                palette={0: COLOURS[0], 1: COLOURS[1]}, saturation=1, width=0.75, dodge=False, orient="y",
                native_scale=True, errorbar=None, legend=False, ax=ax)  # fmt: skip
    for k, i, x, share in ends:
        sign = (-1, 1)[i]
        ax.annotate(_share(x), (sign * share, k), (sign * 3, 0), textcoords="offset points", va="center", fontsize=size,
                    ha=("right", "left")[i], color=INK, annotation_clip=False)  # fmt: skip
    most_across = plot / 2 / (plot / 2 - room)
    ax.axvline(0, color=INK, lw=0.8)
    ax.set(xlim=(-most_across, most_across), ylim=(len(bands) - 0.5, -0.5))
    ax.set_axis_off()
    sheet.y += step * len(bands) + 4


def _share(cell: CheckedRow) -> str:
    return cell.text if cell.shown else "too few"
