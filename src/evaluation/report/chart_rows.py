"""Charts whose rows are read down the page: bars, dots, forests, balance plots, flows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
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
    Sheet,
    axis_label,
    drawn,
    ends_of,
    fitted,
    grid_of,
    limits_of,
    references,
    scale,
    width,
)
from evaluation.verdict import TOO_FEW

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Cells = list[tuple[str, CheckedRow]]
GAP = 8.0
WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 1}


@dataclass(slots=True)
class Rows:
    """Rows being drawn: names of the series, left edges and widths of the columns, marks as (height, series, cell)."""

    series: list[str]
    together: bool
    label: float = 0.0
    named_at: float = 0.0
    plot_at: float = MARGIN + 4
    plot: float = 0.0
    figure_at: float = 0.0
    figure: float = 0.0
    people_at: float = 0.0
    people: float = 0.0
    marks: list[tuple[float, int, CheckedRow]] = field(default_factory=list)


def rows(sheet: Sheet) -> None:
    """Draw a mark per cell with its interval, a scale of its own for each unit: bars from zero, or dots."""
    grid = grid_of(sheet.exhibit)
    series = [c for c in sheet.exhibit.columns if any(c == k for _, cells in grid for k, _ in cells)]
    made = Rows(series, sheet.exhibit.chart == "love" and 1 < len(series) < 4, plot=sheet.room - 8)
    if made.together:
        sheet.key(series)
    if not sheet.narrow:
        _place_columns(sheet, grid, made)
    parts = _by_unit(grid)
    for k, (unit, part) in enumerate(parts):
        sheet.y += 6 if k else 0
        _panel(sheet, part, axis_label(sheet.exhibit, unit) if len(parts) == 1 else unit, made)


def _by_unit(grid: Grid) -> list[tuple[str, Grid]]:
    """Return the rows by unit, a row in each unit it has cells of, so that no scale carries two.

    A cell without a number stands with the first unit of its row, or of the chart.
    """
    every = dict.fromkeys(x.unit or "" for _, cells in grid for _, x in cells if drawn(x))
    parts: dict[str, Grid] = {unit: [] for unit in every or ("",)}
    for label, cells in grid:
        own = next((x.unit or "" for _, x in cells if drawn(x)), next(iter(parts)))
        for unit, part in parts.items():
            kept = [(c, x) for c, x in cells if ((x.unit or "") if drawn(x) else own) == unit]
            part += [(label, kept)] if kept else []
    return list(parts.items())


def _place_columns(sheet: Sheet, grid: Grid, made: Rows) -> None:
    """Give each column of a wide sheet the room of its words, up to a cap, and the rest to the plot; head them."""
    cells = [x for _, row in grid for _, x in row]
    many = len(made.series) > 1 and not made.together
    made.label = max(min(sheet.wide(label for label, _ in grid), 126.0 if many else 200.0), 40.0) + 1
    made.named_at = MARGIN + made.label + GAP
    named = min(sheet.wide(made.series), 100.0) + 1 + GAP if many else 0.0
    made.plot_at = made.named_at + named + 4
    people = "" if made.together else max((_people(x) for x in cells), key=lambda t: width(t, sheet.size))
    made.people = max(min(width(people, sheet.size), 60.0), 38.0) + 1 if people else 0.0
    made.people_at = sheet.width - MARGIN - made.people
    made.figure = min(sheet.wide(x.text for x in cells if drawn(x)), 118.0) + 1
    across = made.figure
    if made.together:
        made.figure = max(made.figure, sheet.wide(made.series, sheet.size - 1)) + GAP
        across = made.figure * len(made.series)
    made.figure_at = made.people_at - (GAP if people else 0) - across
    made.plot = max(made.figure_at - GAP - made.plot_at, 60.0)
    heads = [(made.figure_at + k * made.figure, made.figure, n) for k, n in enumerate(made.series) if made.together]
    heads += [(made.people_at, 40.0, "People (about)")] if people else []
    grey = {"size": sheet.size - 1, "color": GREY}
    sheet.y += max((sheet.put(n, x=x, room=room, **grey) for x, room, n in heads), default=0.0) + 2


def _people(cell: CheckedRow) -> str:
    """Return the people behind a figure for a column headed "People (about)"."""
    if not (cell.n_text and drawn(cell) and cell.kind in ("estimate", "measure")):
        return ""
    return cell.n_text.replace("about ", "").replace(" and ", ", ")


def _panel(sheet: Sheet, grid: Grid, caption: str, made: Rows) -> None:
    """Draw the rows of one unit over a scale of their own."""
    top, made.marks = sheet.y, []
    place = _place_together if made.together else _place_narrow if sheet.narrow else _place_row
    for label, cells in grid:
        place(sheet, label, cells, made)
    tall = sheet.y - top
    ax = sheet.axes(made.plot_at, made.plot, tall, top)
    marks = [(y - top, k, x) for y, k, x in made.marks]
    bars = sheet.exhibit.chart in ("bars", "steps")
    lines = references(sheet.exhibit)
    ends = ends_of(x for _, _, x in marks)
    if sheet.exhibit.chart == "love" and min(ends, default=0.0) < 0:
        lines = sorted({*lines, *(-v for v in lines)})  # a difference may go either way
    zero = bars or sheet.exhibit.chart in ("forest", "love")
    limits = limits_of(sheet.exhibit, ends + lines or [0.0, 1.0], zero=zero)
    _marks(ax, marks, bars=bars)
    lines += [0.0] if limits[0] < 0 < limits[1] and 0.0 not in lines else []
    spans = [(y - 7, y + 7) for y, _, _ in marks] if sheet.narrow else [(0.0, tall)]  # no line crosses a label
    for value in lines:
        style = {"color": INK, "lw": 0.9} if value == 0 else {"color": GREY, "lw": 1, "ls": (0, (4, 2))}
        ax.vlines([value] * len(spans), *zip(*spans, strict=True), zorder=1, **style)
    ax.set_xlim(*limits)
    ax.set_ylim(tall, 0)
    ax.set_yticks([])
    scale(ax, "x", 4 if sheet.narrow else 5)
    sheet.y += 17
    if caption:
        middle = made.plot_at + made.plot / 2
        said = fitted(caption, 2 * min(middle - MARGIN, sheet.width - MARGIN - middle), sheet.size - 0.5)
        sheet.y += sheet.put(said, x=middle, room=sheet.room, size=sheet.size - 0.5, color=GREY, ha="center") + 3


def _place_row(sheet: Sheet, label: str, cells: Cells, made: Rows) -> None:
    """Put a row of a wide sheet: its label, and for each series its name, figure and people, beside its mark."""
    least = sheet.y + sheet.put(label, room=made.label)
    for column, cell in cells:
        if drawn(cell):
            made.marks.append((sheet.middle, made.series.index(column), cell))
            height = sheet.put(cell.text, x=made.figure_at, room=made.figure)
        else:
            height = sheet.put(cell.text or TOO_FEW, x=made.plot_at, bbox=WHITE, zorder=5)
        if made.plot_at > made.named_at + 4:
            height = max(height, sheet.put(column, x=made.named_at, room=made.plot_at - 4 - GAP - made.named_at))
        if _people(cell):
            height = max(height, sheet.put(_people(cell), x=made.people_at, room=made.people))
        sheet.y += height + 1.5
    sheet.y = max(sheet.y, least) + (4 if len(made.series) > 1 else 2)


def _place_narrow(sheet: Sheet, label: str, cells: Cells, made: Rows) -> None:
    """Put a row of a narrow sheet: its label, and for each series its name, figure and people, above its mark."""
    single = len(made.series) == 1
    sheet.say(label, fontweight="normal" if single else "bold")
    for column, cell in cells:
        base = f", n {cell.n_text}" if cell.n_text and cell.kind == "estimate" and cell.shown else ""
        sheet.say(f"{cell.text}{base}" if single else f"{column}: {cell.text}{base}")
        if drawn(cell):
            made.marks.append((sheet.y + 6, made.series.index(column), cell))
            sheet.y += 13
    sheet.y += 4


def _place_together(sheet: Sheet, label: str, cells: Cells, made: Rows) -> None:
    """Put a row whose series share a line; their figures stand in columns, or after one another."""
    if sheet.narrow:
        sheet.say(f"{label}: {', '.join(x.text for _, x in cells)}")
        middle, height = sheet.y + 6, 15.0
    else:
        at = {c: made.figure_at + made.figure * k for k, c in enumerate(made.series)}
        told = [sheet.put(x.text, x=at[c], room=made.figure) for c, x in cells]
        middle, height = sheet.middle, max(sheet.put(label, room=made.label), *told) + 2
    made.marks += [(middle, made.series.index(c), x) for c, x in cells if drawn(x)]
    sheet.y += height


def _marks(ax: Axes, marks: Sequence[tuple[float, int, CheckedRow]], *, bars: bool) -> None:
    """Draw bars or dots in the colour of their series, with their intervals."""
    import seaborn as sns

    if not marks:
        return
    y, series, cells = zip(*marks, strict=True)
    values, names = [known(x.value) for x in cells], sorted(set(series))
    palette = {k: COLOURS[k % 6] for k in names}
    if bars:
        step = min((b - a for a, b in itertools.pairwise(sorted(set(y)))), default=1.0)
        sns.barplot(x=values, y=list(y), hue=list(series), palette=palette, saturation=1, width=8.5 / step, dodge=False,
                    orient="y", native_scale=True, errorbar=None, legend=False, ax=ax)  # fmt: skip
    else:
        signs = {k: MARKERS[k % 6] for k in names}
        sns.scatterplot(x=values, y=y, hue=series, style=series, palette=palette, markers=signs, s=38, linewidth=0.7,
                        zorder=4, legend=False, clip_on=False, ax=ax)  # fmt: skip
    for k in names:
        own = [(h, x) for h, j, x in marks if j == k and x.low is not None and x.high is not None]
        own = [(h, x) for h, x in own if x.kind in ("estimate", "measure")]
        if own:
            spans = [[known(x.value) - known(x.low) for _, x in own], [known(x.high) - known(x.value) for _, x in own]]
            ax.errorbar([known(x.value) for _, x in own], [h for h, _ in own], xerr=spans, fmt="none", elinewidth=1.6,
                        capsize=2.5, capthick=1, ecolor=INK if bars else palette[k], zorder=3)  # fmt: skip
