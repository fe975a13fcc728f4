"""Charts over time or along a scale: lines, curves, back-to-back bands, strips of events, timelines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from evaluation.disclosure import CheckedExhibit, CheckedRow
from evaluation.report.chart_rows import rows
from evaluation.report.context import MONTHS
from evaluation.report.phrases import known
from evaluation.report.sheet import (
    COLOURS,
    GREY,
    INK,
    MARGIN,
    MARKERS,
    SIGNS,
    Sheet,
    axis_label,
    dated,
    extra,
    grid_of,
    limits_of,
    points,
    references,
    segments,
    unit_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

Points = list[tuple[int, CheckedRow]]  # place along the axis, cell
Series = dict[str, Points]

# ---- lines and curves -------------------------------------------------------------------------------------------


def lines(sheet: Sheet) -> Drawing:
    """Draw series over waves (columns, unless extras say `x = "rows"`): marks with intervals, labelled directly."""
    exhibit = sheet.exhibit
    over_rows = extra(exhibit, "x", default="") == "rows" or len(exhibit.columns) == 1 or _stand_along_rows(exhibit)
    places = list(exhibit.rows if over_rows else exhibit.columns)
    names = list(exhibit.columns if over_rows else exhibit.rows)
    series: list[tuple[str, Points]] = []
    for name in names:
        cells = [(k, exhibit.cells.get((p, name) if over_rows else (name, p))) for k, p in enumerate(places)]
        drawn = [(k, x) for k, x in cells if x is not None and x.shown and x.value is not None]
        series += [(name, drawn)] if drawn else []
    sheet.head()
    sheet.key([name for name, _ in series])
    caption = axis_label(exhibit, unit_of(exhibit))
    if caption:
        sheet.say(caption, size=sheet.size - 0.5, colour=GREY)
    top, tall = sheet.y + 6, 120.0 if sheet.narrow else 130.0
    deepest = max(len(words.split("\n")) for words in _marks_along(sheet, places)[1])
    sheet.y = top + tall + 8 + deepest * (sheet.size - 1) * 1.35
    return sheet.finish([(lambda ax: _lines(ax, series, places, sheet), (34, top, sheet.width - 46, tall))])


def _marks_along(sheet: Sheet, places: list[str]) -> tuple[list[int], list[str]]:
    """Return which places are named under the axis, and their names in lines that do not touch."""
    every = max(1, -(-len(places) // (4 if sheet.narrow else 9)))
    room = (sheet.width - 46) / max(len(places) / every, 1) - 4
    return list(range(0, len(places), every)), ["\n".join(sheet.wrap(p, room, sheet.size - 1)) for p in places[::every]]


def _stand_along_rows(exhibit: CheckedExhibit) -> bool:
    """Return whether the rows are points along a scale (waves, years, sizes) and the columns are not."""
    import re

    def along(labels: Iterable[str]) -> bool:
        return all(re.match(r"[Ww]?\d", str(x)) for x in labels)

    return along(exhibit.rows) and not along(exhibit.columns)


def _lines(ax: Axes, series: list[tuple[str, Points]], places: list[str], sheet: Sheet) -> None:
    import seaborn as sns

    spread = 0.12
    for k, (_, along) in enumerate(series):
        shift = (k - (len(series) - 1) / 2) * spread
        at = [p + shift for p, _ in along]
        ax.plot(
            at, [known(x.value) for _, x in along], color=COLOURS[k % 6], lw=1.2, marker=MARKERS[k % 6], ms=6, zorder=3
        )
        for x, cell in zip(at, (c for _, c in along), strict=True):
            if cell.low is not None and cell.high is not None:
                ax.plot([x, x], [cell.low, cell.high], color=COLOURS[k % 6], lw=1.5, zorder=2)
    ax.set_xticks(*_marks_along(sheet, places), fontsize=sheet.size - 1)
    ax.set_xlim(-0.5, len(places) - 0.5)
    values = [v for _, pts in series for _, c in pts for v in (c.value, c.low, c.high) if v is not None]
    ax.set_ylim(*limits_of(sheet.exhibit, values + references(sheet.exhibit), zero=False))
    for value in references(sheet.exhibit):
        ax.axhline(value, color=GREY, lw=1, ls=(0, (4, 2)))
    ax.tick_params(axis="y", labelsize=sheet.size - 1, length=3)
    ax.grid(visible=True, axis="y", color="#E6E6E6", lw=0.7)
    ax.set_axisbelow(True)
    sns.despine(ax=ax)


def curve(sheet: Sheet) -> Drawing:
    """Draw cells in order of value: every way of analysing, its interval, and the line of no difference."""
    exhibit = sheet.exhibit
    cells = [x for x in exhibit.cells.values() if x.shown and x.value is not None]
    numeric = _numeric(exhibit.rows)
    if numeric is not None:
        return lines(sheet)
    cells.sort(key=lambda x: (x.value, x.id))
    sheet.head()
    caption = axis_label(exhibit, unit_of(exhibit))
    if caption:
        sheet.say(caption, size=sheet.size - 0.5, colour=GREY)
    top, tall = sheet.y + 6, 150.0
    sheet.y = top + tall + 6
    sheet.say("Each mark is one way of analysing, from the lowest answer to the highest.", colour=GREY)

    def paint(ax: Axes) -> None:
        import seaborn as sns

        spans = [((k, x.low), (k, x.high)) for k, x in enumerate(cells) if x.low is not None and x.high is not None]
        segments(ax, spans, color="#8FA8C0", lw=max(0.5, min(3, 200 / len(cells))), zorder=1)
        for planned, style in (
            (False, {"marker": ".", "ms": 4, "color": COLOURS[0]}),
            (True, {"marker": "o", "ms": 6, "color": COLOURS[2]}),
        ):
            points(ax, [(k, known(x.value)) for k, x in enumerate(cells) if x.planned == planned], zorder=3, **style)
        for value in references(exhibit) or [0.0]:
            ax.axhline(value, color=INK, lw=0.9)
        ax.set_xticks([])
        ax.tick_params(axis="y", labelsize=sheet.size - 1)
        ax.grid(visible=True, axis="y", color="#E6E6E6", lw=0.7)
        sns.despine(ax=ax, bottom=True)

    return sheet.finish([(paint, (34, top, sheet.width - 46, tall))])


def _numeric(labels: Iterable[str]) -> list[float] | None:
    try:
        return [float(str(x).split()[0]) for x in labels]
    except (ValueError, IndexError):
        return None


# ---- overlap, strip, timeline -----------------------------------------------------------------------------------


def overlap(sheet: Sheet) -> Drawing:
    """Draw two groups back to back over the same bands, each as a share of its own largest band."""
    exhibit = sheet.exhibit
    names = list(exhibit.columns)[:2]
    sheet.head()
    for k, name in enumerate(names):
        side = "left" if k == 0 else "right"
        sheet.texts.append((MARGIN, sheet.y + sheet.size * 1.05, "■", {"fontsize": sheet.size, "color": COLOURS[k]}))
        sheet.say(f"{name} ({side})", x=MARGIN + 12, width=sheet.width - 30)
    middle, top = 70.0, sheet.y + 4
    step = 15.0
    bands = [r for r in exhibit.rows if any((r, c) in exhibit.cells for c in names)]
    for band in bands:
        sheet.y += step
        sheet.texts.append((MARGIN, sheet.y, str(band)[:14], {"fontsize": sheet.size - 1, "color": INK}))
    tall = step * len(bands) + 4
    sheet.y = top + tall + 4
    most = {
        c: max((x.value for r in bands if (x := exhibit.cells.get((r, c))) and x.shown and x.value), default=1)
        for c in names
    }

    def paint(ax: Axes) -> None:
        ax.set_xlim(-1.28, 1.28)
        ax.set_ylim(tall, 0)
        ax.axis("off")
        ax.axvline(0, color=INK, lw=0.8)
        for i, band in enumerate(bands):
            for k, name in enumerate(names):
                cell, sign = exhibit.cells.get((band, name)), (-1, 1)[k]
                if cell is None:
                    continue
                share = cell.value / most[name] if cell.shown and cell.value else 0
                ax.barh(step * i + 7, sign * share, height=11, color=COLOURS[k])
                ax.text(
                    sign * (share + 0.03),
                    step * i + 7,
                    cell.text if cell.shown else "too few",
                    ha=("right", "left")[k],
                    va="center",
                    fontsize=sheet.size - 1.5,
                )

    return sheet.finish([(paint, (middle, top, sheet.width - middle - MARGIN, tall))])


def strip(sheet: Sheet) -> Drawing:
    """Draw a dot per cell, its area in proportion, its figure beside it: along time where the rows are months."""
    exhibit = sheet.exhibit
    months = [_month(r) for r in exhibit.rows]
    if len(months) > 1 and all(m is not None for m in months):
        return _along_time(sheet, [m for m in months if m is not None])
    if len(exhibit.columns) == 1 or len(exhibit.columns) > (6 if sheet.narrow else 12):
        return rows(sheet)
    return _dots_in_grid(sheet)


def _month(label: str) -> int | None:
    """Return months since year 0 of "October 2022" (or "5 October 2022", "2022-10"), else None."""
    words = str(label).split()
    if len(words) >= 2 and words[-2] in MONTHS and words[-1].isdigit():
        return int(words[-1]) * 12 + MONTHS.index(words[-2])
    parts = str(label).split("-")
    if len(parts) >= 2 and all(p.isdigit() for p in parts) and len(parts[0]) == 4 and 1 <= int(parts[1]) <= 12:
        return int(parts[0]) * 12 + int(parts[1]) - 1
    return None


def _along_time(sheet: Sheet, months: list[int]) -> Drawing:
    """Draw a lane per column with time from left to right; figures stand above and below the dots by turns."""
    exhibit = sheet.exhibit
    sheet.head()
    left = MARGIN if sheet.narrow else MARGIN + min(sheet.wide(exhibit.columns), 130.0) + 8
    wide, lane, top = sheet.width - left - MARGIN - 6, 38.0, sheet.y
    first, last = min(months), max(months)
    middles = []
    for column in exhibit.columns:
        if sheet.narrow:
            sheet.say(column, bold=True)
        else:
            sheet.say(column, width=left - MARGIN - 6, advance=False, down=1)
        middles.append(sheet.y - top + lane / 2)
        sheet.y += lane
    tall = sheet.y - top
    most = max((x.value for x in exhibit.cells.values() if x.shown and x.value), default=1) or 1

    def paint(ax: Axes) -> None:
        import seaborn as sns

        ax.set_xlim(first - 1, last + 1)
        ax.set_ylim(tall, 0)
        for middle, column in zip(middles, exhibit.columns, strict=True):
            ax.plot([first - 1, last + 1], [middle, middle], color="#D0D0D0", lw=0.7, zorder=1)
            met = [
                (m, exhibit.cells[r, column])
                for m, r in zip(months, exhibit.rows, strict=True)
                if (r, column) in exhibit.cells
            ]
            for turn, (month, x) in enumerate(met):
                drawn = x.shown and x.value is not None
                size = 3 + 9 * (max(known(x.value), 0) / most) ** 0.5 if drawn else 3
                ax.plot(
                    [month], [middle], "o", ms=size, color=COLOURS[0] if drawn else "white", mec=COLOURS[0], zorder=2
                )
                up = turn % 2 == 0
                ax.text(
                    month,
                    middle + (-8 if up else 8),
                    x.text if drawn else "few",
                    ha="center",
                    va="bottom" if up else "top",
                    fontsize=sheet.size - 1.5,
                    color=INK,
                )
        years = [m for m in range(first - 1, last + 2) if m % 12 == 0]
        ax.set_xticks(years or [first], [str(m // 12) for m in years] or [str(first // 12)], fontsize=sheet.size - 1)
        ax.set_yticks([])
        ax.grid(visible=True, axis="x", color="#E6E6E6", lw=0.7)
        ax.set_axisbelow(True)
        ax.patch.set_visible(False)
        sns.despine(ax=ax, left=True)

    sheet.y += 16
    caption = axis_label(exhibit, unit_of(exhibit))
    if caption:
        sheet.say(
            f"Number beside each dot: {caption[:1].lower()}{caption[1:]}; a year's mark is its January.",
            size=sheet.size - 0.5,
            colour=GREY,
        )
    return sheet.finish([(paint, (left, top, wide, tall))])


def _dots_in_grid(sheet: Sheet) -> Drawing:
    exhibit = sheet.exhibit
    grid = grid_of(exhibit)
    sheet.head()
    left, wide = (MARGIN, sheet.width - 2 * MARGIN) if sheet.narrow else (150.0, sheet.width - 158)
    step_x = wide / len(exhibit.columns)
    deepest = 0.0
    for k, column in enumerate(exhibit.columns):
        taken = sheet.say(column, x=left + step_x * k, width=step_x, size=sheet.size - 1, colour=GREY, advance=False)
        deepest = max(deepest, taken)
    sheet.y += deepest + 2
    top, dots = sheet.y, []
    for label, cells in grid:
        if sheet.narrow:
            sheet.say(label)
            height = 20.0
        else:
            height = max(sheet.say(label, width=left - MARGIN - 6, advance=False), 22.0)
        dots += [(sheet.y + height / 2, exhibit.columns.index(c), x) for c, x in cells]
        sheet.y += height + 3
    tall = sheet.y - top
    most = max((x.value for _, _, x in dots if x.shown and x.value), default=1) or 1

    def paint(ax: Axes) -> None:
        ax.set_xlim(0, wide)
        ax.set_ylim(tall, 0)
        ax.axis("off")
        for y, k, x in dots:
            size = 3 + 11 * (max(x.value, 0) / most) ** 0.5 if x.shown and x.value is not None else 0
            if size and x.value:
                ax.plot([step_x * k + 8], [y - top], "o", ms=size, color=COLOURS[0], mec="white")
            ax.text(step_x * k + 17, y - top, x.text, va="center", fontsize=sheet.size - 1)

    return sheet.finish([(paint, (left, top, wide, tall))])


def timeline(sheet: Sheet) -> Drawing:
    """Draw dated entries down a line, oldest first, each label beside its dot."""
    sheet.head()
    dots, top = [], sheet.y
    for when, label in dated(sheet.exhibit):
        dots.append(sheet.y + sheet.size * 0.7)
        sheet.say(when, bold=True, x=28, width=sheet.width - 36)
        sheet.say(label, x=28, width=sheet.width - 36)
        sheet.y += 5
    tall = sheet.y - top

    def paint(ax: Axes) -> None:
        ax.set_xlim(0, 12)
        ax.set_ylim(tall, 0)
        ax.axis("off")
        ax.plot([6, 6], [0, tall], color=COLOURS[0], lw=1.5)
        ax.plot([6] * len(dots), [y - top for y in dots], "o", ms=6, color=COLOURS[0], mec="white")

    return sheet.finish([(paint, (MARGIN, top, 12, tall))])


_TALL, _GAP = 96.0, 22.0


def panels(sheet: Sheet) -> Drawing:
    """Draw an outcome to a panel: a line per group over the columns, intervals, the last figures, people below.

    Rows are read as "outcome: group"; panels of one unit share one scale, so that heights may be compared.
    """
    made = _read(sheet.exhibit)
    groups = list(dict.fromkeys(g for _, series in made for g in series))
    sheet.head()
    sheet.key(groups)
    abreast = 1 if sheet.narrow else min(len(made), 3)
    room = (sheet.width - 2 * MARGIN - _GAP * (abreast - 1)) / abreast
    axes = []
    for start in range(0, len(made), abreast):
        line = made[start : start + abreast]
        names = [sheet.wrap(name, room, bold=True) for name, _ in line]
        top = sheet.y
        for k, (name, _) in enumerate(line):
            sheet.say(name, x=MARGIN + k * (room + _GAP), width=room + 1, bold=True, advance=False)
        sheet.y = top + max(len(n) for n in names) * sheet.size * 1.3 + 1
        units = [_unit(series) for _, series in line]
        for k, unit in enumerate(units):
            sheet.say(unit, x=MARGIN + k * (room + _GAP), width=room, size=sheet.size - 1, colour=GREY, advance=False)
        sheet.y += max(len(sheet.wrap(u, room, sheet.size - 1)) for u in units) * (sheet.size - 1) * 1.3 + 6
        for k, (_, series) in enumerate(line):
            box = (MARGIN + k * (room + _GAP) + 18, sheet.y, room - 18 - 24, _TALL)
            axes.append((_painter(sheet, series, groups, _limits(made, series)), box))
            _people(sheet, series, groups, box)
        sheet.y += _TALL + 26 + (sheet.size - 1) * 1.3 * (len(groups) + 1)
    return sheet.finish(axes)


def _read(exhibit: CheckedExhibit) -> list[tuple[str, Series]]:
    """Return (outcome, {group: [(column number, cell)]}) in reading order, with cells that may be shown."""
    made: dict[str, Series] = {}
    for row in exhibit.rows:
        outcome, _, group = row.rpartition(": ")
        cells = [(k, exhibit.cells.get((row, c))) for k, c in enumerate(exhibit.columns)]
        shown = [(k, x) for k, x in cells if x is not None and x.shown and x.value is not None]
        made.setdefault(outcome or row, {})[group or row] = shown
    return list(made.items())


def _unit(series: Series) -> str:
    units = {x.unit for points in series.values() for _, x in points if x.unit}
    return units.pop() if len(units) == 1 else ""


def _limits(panels: list[tuple[str, Series]], series: Series) -> tuple[float, float]:
    """Return one scale for all panels of a unit: from zero for shares, else around what is drawn."""
    unit = _unit(series)
    alike = [s for _, s in panels if _unit(s) == unit]
    ends = [
        v for s in alike for points in s.values() for _, x in points for v in (x.value, x.low, x.high) if v is not None
    ]
    if not ends:
        return 0.0, 1.0
    pad = (max(ends) - min(ends)) * 0.1 or 1.0
    return (0.0, min(max(ends) + pad, 100.0)) if unit == "per cent" else (min(ends) - pad, max(ends) + pad)


def _painter(sheet: Sheet, series: Series, groups: list[str], limits: tuple[float, float]) -> Callable[[Axes], None]:
    columns = list(sheet.exhibit.columns)

    def paint(ax: Axes) -> None:
        import seaborn as sns
        from matplotlib.ticker import MaxNLocator

        ax.set_xlim(-0.35, len(columns) - 0.65)
        ax.set_ylim(*limits)
        for group, marks in series.items():
            k = groups.index(group) % 6
            shift = (k - (len(groups) - 1) / 2) * 0.09
            at = [x + shift for x, _ in marks]
            colour = COLOURS[k]
            ax.plot(
                at,
                [known(c.value) for _, c in marks],
                lw=1.2,
                marker=MARKERS[k],
                ms=5,
                mec="white",
                mew=0.6,
                zorder=3,
                color=colour,
                clip_on=False,
            )
            for x, cell in zip(at, (c for _, c in marks), strict=True):
                if cell.low is not None and cell.high is not None:
                    ax.plot([x, x], [cell.low, cell.high], lw=1.5, zorder=2, color=colour, clip_on=False)
        _last_figures(ax, series, limits, sheet.size - 0.5)
        ax.set_xticks(range(len(columns)), columns, fontsize=sheet.size - 1)
        ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        ax.tick_params(axis="y", labelsize=sheet.size - 1, length=0, pad=2)
        ax.grid(visible=True, axis="y", color="#E6E6E6", lw=0.7)
        ax.set_axisbelow(True)
        ax.patch.set_visible(False)
        sns.despine(ax=ax, left=True)

    return paint


def _last_figures(ax: Axes, series: Series, limits: tuple[float, float], size: float) -> None:
    """Write each line's last figure at its end, pushed apart where they would touch."""
    last = sorted(((known(p[-1][1].value), p[-1]) for p in series.values() if p), key=lambda x: x[0])
    step = (limits[1] - limits[0]) * (size * 1.15 / _TALL)
    floor = -float("inf")
    for value, (x, cell) in last:
        y = max(value, floor + step)
        floor = y
        ax.text(x + 0.3, y, cell.text.split(" (")[0], fontsize=size, va="center", color=INK, fontweight="bold")


def _people(sheet: Sheet, series: Series, groups: list[str], box: tuple[float, float, float, float]) -> None:
    """Write under each point how many people it stands for."""
    left, top, wide, _ = box
    size, columns = sheet.size - 1, len(sheet.exhibit.columns)
    y = top + _TALL + 24
    sheet.texts.append((left - 18, y, "People (about)", {"fontsize": size, "color": GREY}))
    for group, marks in series.items():
        k = groups.index(group)
        y += size * 1.3
        sheet.texts.append((left - 14, y, SIGNS[k % 6], {"fontsize": size, "color": COLOURS[k % 6], "ha": "center"}))
        for x, cell in marks:
            at = left + wide * (x + 0.35) / (columns - 0.3)
            said = (cell.n_text or "").replace("about ", "").replace(" people", "")
            sheet.texts.append((at, y, said, {"fontsize": size, "color": INK, "ha": "center"}))
