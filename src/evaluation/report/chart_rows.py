"""Charts whose rows are read down the page: bars, dots, forests, balance plots, flows."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.disclosure import CheckedRow
from evaluation.report.phrases import known
from evaluation.report.sheet import (
    COLOURS,
    GREY,
    INK,
    MARGIN,
    MARKERS,
    Grid,
    Panel,
    Sheet,
    axis_label,
    extra,
    grid_of,
    limits_of,
    points,
    references,
    segments,
)
from evaluation.verdict import TOO_FEW

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

Cells = list[tuple[str, CheckedRow]]
Mark = tuple[float, CheckedRow, int]  # height on the sheet, cell, number of its series
LINE, GAP = 1.3, 8.0

# ---- rows: bars, dots, forest, love, steps ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ColumnPlaces:
    """Where things stand on a wide sheet, in points: label, series, plot, figure and people from left to right."""

    series_at: float
    label: float
    series: float
    plot_at: float
    plot: float
    figure_at: float
    figure: float
    people_at: float
    people: float


def rows(sheet: Sheet) -> Drawing:
    """Draw a mark per cell with its interval, a scale of its own for each unit: bars from zero, or dots."""
    exhibit = sheet.exhibit
    grid = grid_of(exhibit)
    series = [c for c in exhibit.columns if any(c == k for _, cells in grid for k, _ in cells)]
    together = exhibit.chart == "love" and len(series) > 1
    sheet.head()
    if together:
        sheet.key(series)
    spots = _column_places(sheet, grid, [] if together else series, side_by_side=series if together else [])
    if together and not sheet.narrow:
        room = spots.figure / len(series)
        for k, name in enumerate(series):
            _say(sheet, name, spots.figure_at + room * k, room, grey=True)
        sheet.y += LINE * sheet.size
    if not sheet.narrow and spots.people:
        _say(sheet, "People", spots.people_at, spots.people, grey=True)
        _say(sheet, "(about)", spots.people_at, spots.people, grey=True, down=1)
        sheet.y += 2 * LINE * sheet.size - 2
    parts = _by_unit(grid)
    return sheet.finish([_panel(sheet, part, unit, spots, series, alone=len(parts) == 1) for unit, part in parts])


def _by_unit(grid: Grid) -> list[tuple[str, Grid]]:
    """Return the rows by unit, a row in each unit it has cells of, so that no scale carries two.

    A cell without a number stands with the first unit of its row, or of the chart.
    """
    every = dict.fromkeys(u for _, cells in grid for _, x in cells if (u := _unit(x)) is not None)
    first = next(iter(every), "")
    parts: dict[str, Grid] = {unit: [] for unit in every or ("",)}
    for label, cells in grid:
        own = next((u for _, x in cells if (u := _unit(x)) is not None), first)
        for unit, rows in parts.items():
            kept = [(c, x) for c, x in cells if (own if (u := _unit(x)) is None else u) == unit]
            rows += [(label, kept)] if kept else []
    return list(parts.items())


def _unit(cell: CheckedRow) -> str | None:
    """Return the unit of a cell that has a number to draw, else None."""
    return (cell.unit or "") if cell.shown and cell.value is not None else None


def _column_places(
    sheet: Sheet, grid: Grid, series: list[str], *, side_by_side: list[str] | tuple[()] = ()
) -> ColumnPlaces:
    """Return the spots of a wide sheet, as narrow as their words permit and never wider than their caps."""
    cells = [x for _, row in grid for _, x in row]
    many = len(series) > 1
    people = min(sheet.wide(_people(x) for x in cells), 62.0)
    figure = min(sheet.wide(x.text for x in cells if x.shown and x.value is not None), 128.0)
    if side_by_side:
        figure = len(side_by_side) * (max(figure, sheet.wide(side_by_side, sheet.size - 1)) + GAP)
    names = min(sheet.wide(series) + 4, 104.0) if many else 0.0
    label = min(sheet.wide([label for label, _ in grid]), 126.0 if many else 196.0)
    label = max(label, 40.0)
    plot_at = MARGIN + label + GAP + (names + GAP if many else 0)
    people_at = sheet.width - MARGIN - max(people, 36.0 if people else 0.0)
    figure_at = people_at - (GAP if people else 0) - figure
    return ColumnPlaces(
        MARGIN + label + GAP,
        label,
        names,
        plot_at,
        figure_at - GAP - plot_at,
        figure_at,
        figure,
        people_at,
        max(people, 36.0 if people else 0.0),
    )


def _people(cell: CheckedRow) -> str:
    """Return the people behind a figure for a column headed "People (about)"."""
    if not (cell.n_text and cell.shown and cell.value is not None and cell.kind in ("estimate", "measure")):
        return ""
    return cell.n_text.replace("about ", "").replace(" and ", ", ")


def _panel(sheet: Sheet, grid: Grid, unit: str, spots: ColumnPlaces, series: list[str], *, alone: bool) -> Panel:
    """Place the rows of one unit and return what paints their marks, with its box."""
    exhibit = sheet.exhibit
    bars = exhibit.chart in ("bars", "steps")
    ends = [
        v
        for _, cells in grid
        for _, x in cells
        if x.shown and x.value is not None
        for v in (x.value, x.low, x.high)
        if v is not None
    ]
    lines = references(exhibit)
    if exhibit.chart == "love" and min(ends, default=0.0) < 0:
        lines = sorted({*lines, *(-v for v in lines)})  # a difference may go either way
    limits = limits_of(exhibit, ends + lines or [0.0, 1.0], zero=bars or exhibit.chart in ("forest", "love"))
    top = sheet.y
    marks: list[Mark] = []
    together = exhibit.chart == "love" and len(series) > 1
    for label, cells in grid:
        (_place_together if together else _place_row)(sheet, label, cells, series, marks, spots)
    tall = sheet.y - top + 2

    def paint(ax: Axes) -> None:
        _scale(ax, limits, tall, sheet)
        bands = [(y - top - 7, y - top + 7) for y, _, _ in marks] if sheet.narrow else [(0, tall)]
        zero = [0.0] if limits[0] < 0 < limits[1] and 0.0 not in lines else []
        for value in [*lines, *zero]:  # on a narrow sheet only beside the marks, so that no line crosses a label
            style = {"color": INK, "lw": 0.9} if value == 0 else {"color": GREY, "lw": 1, "ls": (0, (4, 2))}
            segments(ax, [((value, start), (value, end)) for start, end in bands], zorder=1, **style)
        for k in dict.fromkeys(k for _, _, k in marks):
            own = [(y - top, x) for y, x, of in marks if of == k]
            _marks(ax, own, COLOURS[k % 6], MARKERS[k % 6], bars=bars, limits=limits)

    left, wide = (
        (MARGIN + 4, sheet.width - 2 * MARGIN - 8) if sheet.narrow else (spots.plot_at + 4, max(spots.plot - 8, 40))
    )
    sheet.y += 18
    caption = axis_label(exhibit, unit) if alone else unit
    if caption:
        start, room = (left, wide) if sheet.narrow else (MARGIN, spots.plot_at + spots.plot - MARGIN)
        lines_said = sheet.wrap(caption, room, sheet.size - 0.5)
        shift = 0 if sheet.narrow else max(0, min(left - start, room - sheet.wide(lines_said, sheet.size - 0.5)))
        sheet.say(caption, size=sheet.size - 0.5, colour=GREY, x=start + shift, width=room)
    sheet.y += 0 if alone else 6
    return paint, (left, top, wide, tall)


def _say(sheet: Sheet, text: str, x: float, width: float, *, grey: bool = False, down: int = 0) -> float:
    size = sheet.size - 1 if grey else sheet.size
    return sheet.say(text, x=x, width=width + 1, size=size, advance=False, down=down, colour=GREY if grey else INK)


def _place_row(
    sheet: Sheet, label: str, cells: Cells, series: list[str], marks: list[Mark], spots: ColumnPlaces
) -> None:
    """Place one row: its label, and for each series its name, mark, figure and people."""
    if sheet.narrow:
        _place_narrow(sheet, label, cells, series, marks)
        return
    start = sheet.y
    least = start + _say(sheet, label, MARGIN, spots.label)
    for column, cell in cells:
        drawn = cell.shown and cell.value is not None
        at, room = (spots.figure_at, spots.figure) if drawn else (spots.plot_at + 4, sheet.width - spots.plot_at - 12)
        height = _say(sheet, cell.text or TOO_FEW, at, room)
        if len(series) > 1:
            height = max(height, _say(sheet, column, spots.series_at, spots.series))
        if _people(cell):
            height = max(height, _say(sheet, _people(cell), spots.people_at, spots.people))
        if drawn:
            marks.append((sheet.y + sheet.size * 0.72, cell, series.index(column)))
        sheet.y += height + 1.5
    sheet.y = max(sheet.y, least) + (4 if len(series) > 1 else 2)


def _place_narrow(sheet: Sheet, label: str, cells: Cells, series: list[str], marks: list[Mark]) -> None:
    single = len(series) == 1
    sheet.say(label, bold=not single)
    for column, cell in cells:
        k = series.index(column)
        said = _value_text(cell) if single else f"{column}: {_value_text(cell)}"
        sheet.say(said)
        if cell.shown and cell.value is not None:
            marks.append((sheet.y + 6, cell, k))
            sheet.y += 13
    sheet.y += 4


def _place_together(
    sheet: Sheet, label: str, cells: Cells, series: list[str], marks: list[Mark], spots: ColumnPlaces
) -> None:
    """Place one row whose series share a line: their values stand after one another."""
    if sheet.narrow:
        sheet.say(f"{label}: {', '.join(cell.text for _, cell in cells)}")
        middle, sheet.y = sheet.y + 6, sheet.y + 15
    else:
        room = spots.figure / max(len(series), 1)
        told = [_say(sheet, x.text, spots.figure_at + room * series.index(c), room) for c, x in cells]
        height = max(_say(sheet, label, MARGIN, spots.label), *told)
        middle, sheet.y = sheet.y + sheet.size * 0.72, sheet.y + height + 3
    marks += [(middle, x, series.index(c)) for c, x in cells if x.shown and x.value is not None]


def _value_text(cell: CheckedRow) -> str:
    base = cell.n_text and cell.kind == "estimate" and cell.shown
    return f"{cell.text}, n {cell.n_text}" if base else cell.text


def _scale(ax: Axes, limits: tuple[float, float], tall: float, sheet: Sheet) -> None:
    import seaborn as sns
    from matplotlib.ticker import MaxNLocator

    ax.set_xlim(*limits)
    ax.set_ylim(tall, 0)
    ax.set_yticks([])
    ax.xaxis.set_major_locator(MaxNLocator(4 if sheet.narrow else 5, steps=[1, 2, 2.5, 5, 10]))
    ax.tick_params(axis="x", labelsize=sheet.size - 1, length=3, pad=2)
    ax.grid(visible=True, axis="x", color="#E6E6E6", lw=0.7)
    ax.set_axisbelow(True)
    ax.patch.set_visible(False)
    sns.despine(ax=ax, left=True)


def _marks(
    ax: Axes, own: list[tuple[float, CheckedRow]], colour: str, marker: str, *, bars: bool, limits: tuple[float, float]
) -> None:
    """Draw the bars or dots of a series with their intervals; what runs off the scale ends in an arrow."""
    if bars:
        ax.barh([y for y, _ in own], [known(x.value) for _, x in own], height=8, color=colour, zorder=2, clip_on=False)
    style = {"color": INK if bars else colour, "zorder": 3}
    spans, tips = [], dict[str, list[tuple[float, float]]]()
    for y, x in own:
        if x.low is not None and x.high is not None and x.kind in ("estimate", "measure"):
            low, high = max(x.low, limits[0]), min(x.high, limits[1])
            spans.append(((low, y), (high, y)))
            for end, true, tip in ((low, x.low, "<"), (high, x.high, ">")):
                tips.setdefault(tip if abs(end - true) > 1e-12 else "|", []).append((end, y))
    segments(ax, spans, lw=1.6, solid_capstyle="butt", **style)
    for tip, at in tips.items():
        points(ax, at, marker=tip, ms=5, **style)
    if not bars:
        dots = [(v, y) for y, x in own if limits[0] <= (v := known(x.value)) <= limits[1]]
        points(ax, dots, marker=marker, ms=6, color=colour, mec="white", mew=0.7, zorder=4)


HUE = ("#C6D9EA", "#8FB4D5", "#5B8DBB", "#2F6596", "#12436D")
PALE, APART = "#D0D0D0", 0.03
LIGHT = ("#28A197", "#F46A25", "#A285D1", PALE, *HUE[:2])
Piece = tuple[float, float, float, str, str]


def stacked(sheet: Sheet) -> Drawing:
    """Draw each row as one bar cut into its columns, in the order of the key; a part says its figure where it fits.

    Ordered answers (`extras["ordered"]` says how many of the columns are) take one hue from light to dark and are
    centred on their middle. Other neighbouring colours differ by 3 to 1 in lightness, so that the order carries the
    meaning in grey too.
    """
    exhibit = sheet.exhibit
    grid = grid_of(exhibit)
    parts = [c for c in exhibit.columns if any(c == k for _, cells in grid for k, _ in cells)]
    ordered = parts[: int(extra(exhibit, "ordered", default=0))]
    colours = _stack_colours(parts, ordered)
    sheet.head()
    sheet.key(parts, "■", colours=[colours[p] for p in parts])
    sheet.y += 4
    top = sheet.y
    room = sheet.width - 2 * MARGIN
    named = [(_stack_label(label, cells, sheet, room), cells) for label, cells in grid]
    beside = sheet.wide([label for label, _ in named]) + 8
    beside = 0.0 if sheet.narrow or beside > 0.4 * sheet.width else beside  # else each label stands over its bar
    left, wide = MARGIN + beside, room - beside
    bands: list[tuple[float, Cells]] = []
    for label, cells in named:
        taken = sheet.say(label, advance=not beside)
        drawn = any(x.shown and x.value for _, x in cells)
        if drawn:
            bands.append((sheet.y + (6 if beside else 9), cells))
        sheet.y += (19 if drawn else taken + 4) if beside else (22 if drawn else 6)
    tall = sheet.y - top

    def paint(ax: Axes) -> None:
        ax.set_xlim(0, 1)
        ax.set_ylim(tall, 0)
        ax.axis("off")
        bars = [_centred(_pieces(y - top, cells), ordered) for y, cells in bands]
        low = min((p[1] for bar in bars for p in bar), default=0.0)
        high = max((p[1] + p[2] for bar in bars for p in bar), default=1.0)
        ax.set_xlim(low, high)
        pieces = [piece for bar in bars for piece in bar]
        for part in parts:
            own = [(y, start, share) for y, start, share, column, _ in pieces if column == part]
            if own:
                y, start, share = map(list, zip(*own, strict=True))
                ax.barh(y, share, left=start, height=16, color=colours[part], edgecolor="white", linewidth=1.4)
        for piece in pieces:
            _say_share(ax, piece, colours[piece[3]], sheet, wide / (high - low))

    return sheet.finish([(paint, (left, top, wide, tall))])


def _stack_colours(parts: list[str], ordered: list[str]) -> dict[str, str]:
    """Return a colour for each part: one hue from light to dark where they are in order, grey for the rest."""
    if not ordered:
        return {p: COLOURS[k % 6] for k, p in enumerate(parts)}
    steps = [HUE[round(k * (len(HUE) - 1) / max(len(ordered) - 1, 1))] for k in range(len(ordered))]
    return dict.fromkeys(parts, PALE) | dict(zip(ordered, steps, strict=True))


def _centred(pieces: list[Piece], ordered: list[str]) -> list[Piece]:
    """Return a bar moved so that the middle of its ordered answers lies at nil; what is in no order stands apart."""
    if not ordered:
        return pieces
    size = {p[3]: p[2] for p in pieces}
    half = len(ordered) // 2
    middle = size.get(ordered[half], 0.0) / 2 if len(ordered) % 2 else 0.0
    shift = sum(size.get(c, 0.0) for c in ordered[:half]) + middle
    return [(y, at - shift + (0.0 if c in ordered else APART), share, c, text) for y, at, share, c, text in pieces]


def _stack_label(label: str, cells: Cells, sheet: Sheet, room: float) -> str:
    """Return a row's label with its base, the parts too narrow for their figure, and those that may not be shown."""
    hidden = [c for c, x in cells if not x.shown or x.value is None]
    if len(hidden) == len(cells):
        return f"{label}: {TOO_FEW}"
    bases = {x.n_text for _, x in cells if x.n_text and x.kind == "estimate"}
    said = f"{label} (n {bases.pop()})" if len(bases) == 1 else label
    narrow = [f"{c} {p}" for _, _, share, c, p in _pieces(0.0, cells) if not _fits(p, share, sheet, 0.45 * room)]
    said += f"; {', '.join(narrow)}" if narrow else ""
    return said + (f"; {TOO_FEW}: {', '.join(hidden)}" if hidden else "")


def _fits(text: str, share: float, sheet: Sheet, wide: float) -> bool:
    return share * wide > sheet.wide([text]) + 6


def _pieces(y: float, cells: Cells) -> list[Piece]:
    """Return a bar cut into its parts: height, start, share of the whole, column, figure."""
    shown = [(c, x) for c, x in cells if x.shown and x.value is not None and x.value > 0]
    total = sum(known(x.value) for _, x in shown) or 1.0
    ends = list(itertools.accumulate((known(x.value) / total for _, x in shown), initial=0.0))
    return [(y, at, known(x.value) / total, c, x.text.split(" (")[0]) for at, (c, x) in zip(ends, shown, strict=False)]


def _say_share(ax: Axes, piece: Piece, colour: str, sheet: Sheet, wide: float) -> None:
    """Write a part's figure into it where it fits; the row's label lists the others."""
    y, start, share, _, text = piece
    if _fits(text, share, sheet, wide):
        ink = INK if colour in LIGHT else "white"
        ax.text(start + share / 2, y, text, ha="center", color=ink, va="center", fontsize=sheet.size - 0.5)
