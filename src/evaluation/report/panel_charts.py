"""Small panels side by side: an outcome each, groups as lines over the surveys, people under each point."""

from __future__ import annotations

from typing import Any

from .sheet import COLOURS, GREY, INK, MARGIN, MARKERS, SIGNS, Sheet

_TALL, _GAP = 96.0, 22.0


def panels(sheet: Sheet) -> Any:
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


def _read(exhibit: Any) -> list[tuple[str, dict[str, list[tuple[int, Any]]]]]:
    """Return (outcome, {group: [(column number, cell)]}) in reading order, with cells that may be shown."""
    made: dict[str, dict[str, list[tuple[int, Any]]]] = {}
    for row in exhibit.rows:
        outcome, _, group = row.rpartition(": ")
        cells = [(k, exhibit.cells.get((row, c))) for k, c in enumerate(exhibit.columns)]
        shown = [(k, x) for k, x in cells if x is not None and x.shown and x.value is not None]
        made.setdefault(outcome or row, {})[group or row] = shown
    return list(made.items())


def _unit(series: dict[str, list[tuple[int, Any]]]) -> str:
    units = {x.unit for points in series.values() for _, x in points if x.unit}
    return units.pop() if len(units) == 1 else ""


def _limits(made: list[Any], series: dict[str, list[tuple[int, Any]]]) -> tuple[float, float]:
    """Return one scale for all panels of a unit: from zero for shares, else around what is drawn."""
    unit = _unit(series)
    alike = [s for _, s in made if _unit(s) == unit]
    ends = [
        v for s in alike for points in s.values() for _, x in points for v in (x.value, x.low, x.high) if v is not None
    ]
    if not ends:
        return 0.0, 1.0
    pad = (max(ends) - min(ends)) * 0.1 or 1.0
    return (0.0, min(max(ends) + pad, 100.0)) if unit == "per cent" else (min(ends) - pad, max(ends) + pad)


def _painter(sheet: Sheet, series: dict[str, Any], groups: list[str], limits: tuple[float, float]) -> Any:
    columns = list(sheet.exhibit.columns)

    def paint(ax: Any) -> None:
        import seaborn as sns
        from matplotlib.ticker import MaxNLocator

        ax.set_xlim(-0.35, len(columns) - 0.65)
        ax.set_ylim(*limits)
        for group, points in series.items():
            k = groups.index(group) % 6
            shift = (k - (len(groups) - 1) / 2) * 0.09
            at = [x + shift for x, _ in points]
            style = {"color": COLOURS[k], "clip_on": False}
            ax.plot(
                at,
                [c.value for _, c in points],
                lw=1.2,
                marker=MARKERS[k],
                ms=5,
                mec="white",
                mew=0.6,
                zorder=3,
                **style,
            )
            for x, cell in zip(at, (c for _, c in points), strict=True):
                if cell.low is not None and cell.high is not None:
                    ax.plot([x, x], [cell.low, cell.high], lw=1.5, zorder=2, **style)
        _last_figures(ax, series, limits, sheet.size - 0.5)
        ax.set_xticks(range(len(columns)), columns, fontsize=sheet.size - 1)
        ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        ax.tick_params(axis="y", labelsize=sheet.size - 1, length=0, pad=2)
        ax.grid(visible=True, axis="y", color="#E6E6E6", lw=0.7)
        ax.set_axisbelow(True)
        ax.patch.set_visible(False)
        sns.despine(ax=ax, left=True)

    return paint


def _last_figures(ax: Any, series: dict[str, Any], limits: tuple[float, float], size: float) -> None:
    """Write each line's last figure at its end, pushed apart where they would touch."""
    last = sorted(((p[-1][1].value, p[-1]) for p in series.values() if p), key=lambda x: x[0])
    step = (limits[1] - limits[0]) * (size * 1.15 / _TALL)
    floor = -float("inf")
    for value, (x, cell) in last:
        y = max(value, floor + step)
        floor = y
        ax.text(x + 0.3, y, cell.text.split(" (")[0], fontsize=size, va="center", color=INK, fontweight="bold")


def _people(sheet: Sheet, series: dict[str, Any], groups: list[str], box: tuple[float, float, float, float]) -> None:
    """Write under each point how many people it stands for."""
    left, top, wide, _ = box
    size, columns = sheet.size - 1, len(sheet.exhibit.columns)
    y = top + _TALL + 24
    sheet.texts.append((left - 18, y, "People (about)", {"fontsize": size, "color": GREY}))
    for group, points in series.items():
        k = groups.index(group)
        y += size * 1.3
        sheet.texts.append((left - 14, y, SIGNS[k % 6], {"fontsize": size, "color": COLOURS[k % 6], "ha": "center"}))
        for x, cell in points:
            at = left + wide * (x + 0.35) / (columns - 0.3)
            said = (cell.n_text or "").replace("about ", "").replace(" people", "")
            sheet.texts.append((at, y, said, {"fontsize": size, "color": INK, "ha": "center"}))
