"""Charts over time or along a scale: lines, panels, curves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from evaluation.disclosure import CheckedExhibit, CheckedRow
from evaluation.report.phrases import known
from evaluation.report.sheet import (
    COLOURS,
    GREY,
    INK,
    LINE,
    MARGIN,
    MARKERS,
    Sheet,
    axis_label,
    drawn,
    ends_of,
    extra,
    fitted,
    limits_of,
    references,
    scale,
    unit_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = list[tuple[int, CheckedRow]]  # place along the axis, cell
Series = dict[str, Points]


def lines(sheet: Sheet) -> None:
    """Draw series over waves (columns, unless extras say `x = "rows"`): marks with intervals, and a key."""
    exhibit = sheet.exhibit
    over_rows = extra(exhibit, "x", default="") == "rows" or len(exhibit.columns) == 1 or _stand_along_rows(exhibit)
    places, names = (exhibit.rows, exhibit.columns) if over_rows else (exhibit.columns, exhibit.rows)
    series: Series = {}
    for name in names:
        cells = [(k, exhibit.cells.get((p, name) if over_rows else (name, p))) for k, p in enumerate(places)]
        if shown := [(k, x) for k, x in cells if x is not None and drawn(x)]:
            series[name] = shown
    sheet.key(list(series))
    _say_unit(sheet)
    tall = 120.0 if sheet.narrow else 130.0
    ax = sheet.axes(34, sheet.room - 32, tall)
    _lines(ax, series, list(series), spread=0.12)
    lines = references(exhibit)
    ax.set_ylim(*limits_of(exhibit, ends_of(x for along in series.values() for _, x in along) + lines, zero=False))
    for value in lines:
        ax.axhline(value, color=GREY, lw=1, ls=(0, (4, 2)))
    every = max(1, -(-len(places) // (3 if sheet.narrow else 8)))
    room = min((sheet.room - 32) / len(places) * every - 5, 90.0)
    named = [fitted(p, room, sheet.size - 1) for p in places[::every]]
    ax.set_xticks(range(0, len(places), every), named)
    ax.set_xlim(-0.5, len(places) - 0.5)
    scale(ax, "y", 5)
    sheet.y += tall + 8 + (max(n.count("\n") for n in named) + 1) * sheet.size * LINE


def _say_unit(sheet: Sheet) -> None:
    """Say what the scale of a chart measures, above it."""
    if caption := axis_label(sheet.exhibit, unit_of(sheet.exhibit)):
        sheet.say(caption, size=sheet.size - 0.5, color=GREY)
    sheet.y += 6


def _stand_along_rows(exhibit: CheckedExhibit) -> bool:
    """Return whether the rows are points along a scale (waves, years, sizes) and the columns are not."""

    def along(labels: Iterable[str]) -> bool:
        return all(re.match(r"[Ww]?\d", str(x)) for x in labels)

    return along(exhibit.rows) and not along(exhibit.columns)


def _lines(ax: Axes, series: Series, names: Sequence[str], *, spread: float) -> None:
    """Draw a line with marks for each series, side by side at each place, with intervals."""
    import seaborn as sns

    order = {name: names.index(name) for name in series if series[name]}
    at = {name: [k + (order[name] - (len(names) - 1) / 2) * spread for k, _ in series[name]] for name in order}
    x = [v for name in order for v in at[name]]
    y = [known(cell.value) for name in order for _, cell in series[name]]
    of = [name for name in order for _ in at[name]]
    sns.lineplot(x=x, y=y, hue=of, style=of, palette={n: COLOURS[k % 6] for n, k in order.items()}, dashes=False,
                 markers={n: MARKERS[k % 6] for n, k in order.items()}, lw=1.3, ms=6, mew=0.7, estimator=None,
                 errorbar=None, legend=False, clip_on=False, zorder=3, ax=ax)  # fmt: skip
    for name, k in order.items():
        cells = [(v, x) for v, (_, x) in zip(at[name], series[name], strict=True) if None not in (x.low, x.high)]
        if cells:
            ends = [[known(x.low) for _, x in cells], [known(x.high) for _, x in cells]]
            ax.vlines([v for v, _ in cells], *ends, color=COLOURS[k % 6], lw=1.5, zorder=2)


_TALL, _GAP, _LEFT, _RIGHT = 96.0, 16.0, 20.0, 30.0


def panels(sheet: Sheet) -> None:
    """Draw an outcome to a panel: a line per group over the columns, intervals, the last figures, people below.

    Rows are read as "outcome: group"; panels of one unit share one scale, so that heights may be compared.
    """
    made = _read(sheet.exhibit)
    groups = list(dict.fromkeys(g for series in made.values() for g in series))
    sheet.key(groups)
    abreast = 1 if sheet.narrow else min(len(made), 3)
    room = (sheet.room - _GAP * (abreast - 1)) / abreast
    every = list(made.items())
    for start in range(0, len(every), abreast):
        line = [(MARGIN + k * (room + _GAP), *one) for k, one in enumerate(every[start : start + abreast])]
        sheet.y += max(sheet.put(name, x=x, room=room, fontweight="bold") for x, name, _ in line)
        grey = {"size": sheet.size - 1, "color": GREY}
        sheet.y += max(sheet.put(_unit(series), x=x, room=room, **grey) for x, _, series in line) + 6
        for x, _, series in line:
            _panel(sheet, series, groups, _limits(list(made.values()), series), (x + _LEFT, room - _LEFT - _RIGHT))
        sheet.y += _TALL + 24 + (sheet.size - 1) * LINE * (len(groups) + 1)


def _read(exhibit: CheckedExhibit) -> dict[str, Series]:
    """Return {outcome: {group: [(column number, cell)]}} in reading order, with cells that may be shown."""
    made: dict[str, Series] = {}
    for row in exhibit.rows:
        outcome, _, group = row.rpartition(": ")
        cells = [(k, exhibit.cells.get((row, c))) for k, c in enumerate(exhibit.columns)]
        made.setdefault(outcome or row, {})[group or row] = [(k, x) for k, x in cells if x is not None and drawn(x)]
    return made


def _unit(series: Series) -> str:
    units = {x.unit for points in series.values() for _, x in points if x.unit}
    return units.pop() if len(units) == 1 else ""


def _limits(panels: list[Series], series: Series) -> tuple[float, float]:
    """Return one scale for all panels of a unit: from zero for shares, else around what is drawn."""
    unit = _unit(series)
    ends = ends_of(x for s in panels if _unit(s) == unit for points in s.values() for _, x in points)
    if not ends:
        return 0.0, 1.0
    pad = (max(ends) - min(ends)) * 0.1 or 1.0
    return (0.0, min(max(ends) + pad, 100.0)) if unit == "per cent" else (min(ends) - pad, max(ends) + pad)


def _panel(
    sheet: Sheet, series: Series, groups: list[str], limits: tuple[float, float], across: tuple[float, float]
) -> None:
    """Draw one panel, and under each point how many people it stands for."""
    columns, size = list(sheet.exhibit.columns), sheet.size - 1
    ax = sheet.axes(*across, _TALL)
    _lines(ax, series, groups, spread=0.09)
    ax.set(xlim=(-0.35, len(columns) - 0.65), ylim=limits)
    ax.set_xticks(range(len(columns)), columns)
    scale(ax, "y", 4)
    ax.tick_params(axis="y", length=0)
    _last_figures(ax, series, limits, sheet.size - 0.5)
    sheet.put("People (about)", x=across[0] - _LEFT, room=across[1] + _LEFT, down=_TALL + 16, size=size, color=GREY)
    middle = {"ha": "center", "size": size}
    signs = sheet.axes(across[0] - _LEFT, 10, size * LINE * (len(groups) + 1), sheet.y + _TALL + 16)
    signs.set(xlim=(0, 10), ylim=(size * LINE * (len(groups) + 1), 0))
    signs.set_axis_off()
    for row, group in enumerate((g for g in groups if g in series), start=1):
        k, down = groups.index(group), _TALL + 16 + row * size * LINE
        signs.plot(5, down - _TALL - 16 + size * 0.69, MARKERS[k % 6], ms=5, mew=0, color=COLOURS[k % 6])
        for x, cell in series[group]:
            said = (cell.n_text or "").replace("about ", "").replace(" people", "")
            sheet.put(said, x=across[0] + across[1] * (x + 0.35) / (len(columns) - 0.3), room=99, down=down, **middle)


def _last_figures(ax: Axes, series: Series, limits: tuple[float, float], size: float) -> None:
    """Write each line's last figure at its end, pushed apart where they would touch."""
    last = sorted(((known(p[-1][1].value), p[-1]) for p in series.values() if p), key=lambda x: x[0])
    step = (limits[1] - limits[0]) * (size * 1.15 / _TALL)
    places: list[float] = []
    for value, _ in last:
        places.append(max(value, places[-1] + step) if places else value)
    over = max(places[-1] - limits[1], 0.0) if places else 0.0
    for y, (_, (x, cell)) in zip(places, last, strict=True):
        words = cell.text.split(" (")[0]
        ax.annotate(words, (x, y - over), (11, 0), textcoords="offset points", va="center", color=INK, fontsize=size,
                    fontweight="bold", annotation_clip=False)  # fmt: skip


def curve(sheet: Sheet) -> None:
    """Draw cells in order of value: every way of analysing, its interval, and the line of no difference."""
    import seaborn as sns

    if _numeric(sheet.exhibit.rows):
        lines(sheet)
        return
    cells = sorted((x for x in sheet.exhibit.cells.values() if drawn(x)), key=lambda x: (x.value, x.id))
    planned = [(k, known(x.value)) for k, x in enumerate(cells) if x.planned]
    sheet.key(["As planned", "Another way"] if planned else ["One way"], [COLOURS[2], COLOURS[0]][not planned :], "o")
    _say_unit(sheet)
    ax = sheet.axes(34, sheet.room - 32, 150.0)
    spans = [(k, x.low, x.high) for k, x in enumerate(cells) if x.low is not None and x.high is not None]
    if spans:
        ax.vlines(*zip(*spans, strict=True), color="#8FA8C0", lw=max(0.5, min(3, 200 / len(cells))), zorder=1)
    style = {"linewidth": 0, "legend": False, "clip_on": False, "ax": ax}
    sns.scatterplot(x=range(len(cells)), y=[known(x.value) for x in cells], s=7, color=COLOURS[0], zorder=3, **style)
    if planned:
        x, y = zip(*planned, strict=True)
        sns.scatterplot(x=x, y=y, s=40, color=COLOURS[2], zorder=4, **style)
    for value in references(sheet.exhibit) or [0.0]:
        ax.axhline(value, color=INK, lw=0.9)
    ax.set_xticks([])
    scale(ax, "y", 6)
    ax.spines["bottom"].set_visible(False)
    sheet.y += 156
    sheet.say("Each mark is one way of analysing, from the lowest answer to the highest.", color=GREY)


def _numeric(labels: Iterable[str]) -> bool:
    return all(re.match(r"[-+]?\d*\.?\d+(\s|$)", str(x)) for x in labels)
