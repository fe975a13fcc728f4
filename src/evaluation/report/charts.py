"""The drawings themselves: each takes a `Sheet` and returns a matplotlib figure; nothing is computed but positions.

Layout is in points, from the top down, so that long labels wrap and push what follows instead of colliding with it.
On a narrow sheet a row's label and value stand above its mark; on a wide one they stand left and right of it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

COLOURS = ("#12436D", "#28A197", "#801650", "#F46A25", "#3D3D3D", "#A285D1")
MARKERS = ("o", "s", "D", "^", "v", "P")
INK, GREY, RULE = "#1A1A1A", "#595959", "#D0D0D0"
MARGIN = 8.0


@dataclass(slots=True)
class Sheet:
    """One image being laid out: the exhibit, what stands above and below, its width in points."""

    exhibit: Any
    headline: str
    foot: list[str]
    stamp: str
    width: float
    narrow: bool
    texts: list[tuple[float, float, str, dict[str, Any]]] = field(default_factory=list)
    y: float = 0.0

    @property
    def size(self) -> float:
        """Size of the text in points."""
        return 8.3 if self.narrow else 9.0

    def wrap(self, text: str, width: float, size: float | None = None, *, bold: bool = False) -> list[str]:
        """Return the text in lines no wider than `width` points."""
        per = (0.66 if bold else 0.575) * (size or self.size)
        return textwrap.wrap(str(text), max(int(width / per), 8), break_long_words=True) or [""]

    def say(self, text: str, *, x: float = MARGIN, width: float | None = None, size: float | None = None,
            bold: bool = False, colour: str = INK, right: bool = False, advance: bool = True, down: int = 0) -> float:  # fmt: skip
        """Place wrapped text `down` lines below the current height; return the height it takes and move down by it."""
        size = size or self.size
        lines = self.wrap(text, width or self.width - 2 * MARGIN, size, bold=bold)
        for k, line in enumerate(lines):
            style = {"fontsize": size, "color": colour, "ha": "right" if right else "left",
                     "va": "baseline", "fontweight": "bold" if bold else "normal"}  # fmt: skip
            self.texts.append((x, self.y + size * (1.05 + 1.3 * (k + down)), line, style))
        taken = size * 1.3 * (len(lines) + down)
        if advance:
            self.y += taken
        return taken

    def head(self) -> None:
        """Place the stamp and the title."""
        self.y = 5.0
        if self.stamp:
            self.say(self.stamp, size=7.5, bold=True, colour="#801650")
        self.say(self.headline, size=9.5 if self.narrow else 11, bold=True)
        self.y += 4

    def finish(self, axes: list[tuple[Any, tuple[float, float, float, float]]] | None = None) -> Any:
        """Return the figure: foot placed, height known, axes drawn by their functions at (left, top, width, height)."""
        from matplotlib.figure import Figure

        self.y += 6
        for line in self.foot:
            self.say(line, size=7.0 if self.narrow else 7.5, colour=GREY)
        height = self.y + 6
        figure = Figure(figsize=(self.width / 72, height / 72))
        for paint, (left, top, width, tall) in axes or []:
            box = (left / self.width, 1 - (top + tall) / height, width / self.width, tall / height)
            paint(figure.add_axes(box))
        for x, y, text, style in self.texts:
            figure.text(x / self.width, 1 - y / height, text.replace("$", r"\$"), **style)
        return figure


def has_marks(exhibit: Any) -> bool:
    """Return whether anything in the exhibit can be drawn."""
    if exhibit.chart == "timeline":
        return bool(_dated(exhibit))
    return any(x.shown and x.value is not None for x in exhibit.cells.values())


def _grid(exhibit: Any) -> list[tuple[str, list[tuple[str, Any]]]]:
    """Return (row label, [(column label, checked row)]) for rows that have a cell."""
    rows = []
    for r in exhibit.rows:
        cells = [(c, exhibit.cells[r, c]) for c in exhibit.columns if (r, c) in exhibit.cells]
        cells = [(c, x) for c, x in cells if x.kind != "words"]
        if cells:
            rows.append((r, cells))
    return rows


def _extra(exhibit: Any, *names: str, default: Any = None) -> Any:
    return next((exhibit.extras[n] for n in names if n in exhibit.extras), default)


def _references(exhibit: Any) -> list[float]:
    found = _extra(exhibit, "reference", "references", "lines", "null")
    if found is None:
        return []
    return [float(v) for v in (found if isinstance(found, list | tuple) else [found])]


def _axis_label(exhibit: Any, fallback: str = "") -> str:
    return str(_extra(exhibit, "axis", "x_label", "axis_label", "xlabel", default=fallback) or fallback)


def _limits(exhibit: Any, values: list[float], *, zero: bool) -> tuple[float, float]:
    given = _extra(exhibit, "limits", "range")
    if given:
        return float(given[0]), float(given[1])
    low, high = min(values), max(values)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    pad = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return (low if zero and low == 0 else low - pad), high + pad


def _unit(exhibit: Any) -> str:
    units = {x.unit for x in exhibit.cells.values() if x.shown and x.value is not None and x.unit}
    return units.pop() if len(units) == 1 else ""


# ---- rows: bars, dots, forest, love, steps ----------------------------------------------------------------------


def rows(sheet: Sheet) -> Any:
    """Draw a mark per cell with its interval: bars from zero, or dots, with reference lines."""
    exhibit, kind = sheet.exhibit, sheet.exhibit.chart
    bars = kind in ("bars", "steps")
    grid = _grid(exhibit)
    ends = [v for _, cells in grid for _, x in cells if x.shown and x.value is not None
            for v in (x.value, x.low, x.high) if v is not None]  # fmt: skip
    references = _references(exhibit)
    limits = _limits(exhibit, ends + references, zero=bars or kind in ("forest", "love"))
    sheet.head()
    left, wide = _plot_span(sheet)
    series = [c for c in exhibit.columns if any(c == k for _, cells in grid for k, _ in cells)]
    top, marks = sheet.y, []
    for label, cells in grid:
        _place_row(sheet, label, cells, series, marks)
    tall = sheet.y - top + 4
    sheet.y += 4
    caption = _axis_label(exhibit, _unit(exhibit))
    axes_height = tall

    def paint(ax: Any) -> None:
        _scale(ax, limits, tall, sheet)
        bands = [(y - top - 7, y - top + 7) for y, _, _ in marks] if sheet.narrow else [(0, tall)]
        zero = [0.0] if limits[0] < 0 < limits[1] and 0.0 not in references else []
        for value in [*references, *zero]:
            style = {"color": INK, "lw": 0.9} if value == 0 else {"color": GREY, "lw": 1, "ls": (0, (4, 2))}
            for start, end in bands:  # on a narrow sheet only beside the marks, so that no line crosses a label
                ax.plot([value, value], [start, end], zorder=1, **style)
        for y, x, k in marks:
            _mark(ax, y - top, x, COLOURS[k % 6], MARKERS[k % 6], bars=bars, limits=limits)

    box = (left, top, wide, axes_height)
    sheet.y += 16
    if caption:
        sheet.say(caption, size=sheet.size - 0.5, colour=GREY, x=left, width=wide)
    return sheet.finish([(paint, box)])


def _plot_span(sheet: Sheet) -> tuple[float, float]:
    if sheet.narrow:
        return MARGIN + 4, sheet.width - 2 * MARGIN - 8
    return 168.0, sheet.width - 168 - 112


def _place_row(sheet: Sheet, label: str, cells: list[tuple[str, Any]], series: list[str], marks: list[Any]) -> None:
    """Place one row's label and, for each series, its name, value text and mark."""
    single = len(series) == 1
    if sheet.narrow or not single:
        sheet.say(label, bold=not single)
    for column, cell in cells:
        k = series.index(column)
        name = label if single else column
        if sheet.narrow:
            said = _value_text(cell) if single else f"{name}: {_value_text(cell)}"
            sheet.say(said, colour=INK if single else COLOURS[k % 6] if COLOURS[k % 6] not in LIGHT else INK)
            middle, sheet.y = sheet.y + 6, sheet.y + 13
        else:
            height = sheet.say(name, width=152, x=MARGIN + (0 if single else 8), advance=False)
            sheet_x = sheet.width - 104
            said = sheet.wrap(cell.text, 104)
            said += [f"n {cell.n_text}"] if cell.n_text and cell.kind == "estimate" and cell.shown else []
            height = max(height, *(sheet.say(s, width=110, x=sheet_x, advance=False, down=k) for k, s in enumerate(said)))
            middle, sheet.y = sheet.y + max(height, 13) / 2 + 1, sheet.y + max(height, 13) + 3
        if cell.shown and cell.value is not None:
            marks.append((middle, cell, k))
    sheet.y += 4


LIGHT = ("#28A197", "#F46A25", "#A285D1")


def _value_text(cell: Any) -> str:
    base = cell.n_text and cell.kind == "estimate" and cell.shown
    return f"{cell.text}, n {cell.n_text}" if base else cell.text


def _scale(ax: Any, limits: tuple[float, float], tall: float, sheet: Sheet) -> None:
    import seaborn as sns
    from matplotlib.ticker import MaxNLocator

    ax.set_xlim(*limits)
    ax.set_ylim(tall, 0)
    ax.set_yticks([])
    ax.xaxis.set_major_locator(MaxNLocator(4 if sheet.narrow else 6, steps=[1, 2, 2.5, 5, 10]))
    ax.tick_params(axis="x", labelsize=sheet.size - 1, length=3, pad=2)
    ax.grid(visible=True, axis="x", color="#E6E6E6", lw=0.7)
    ax.set_axisbelow(True)
    ax.patch.set_alpha(0)
    sns.despine(ax=ax, left=True)


def _mark(ax: Any, y: float, x: Any, colour: str, marker: str, *, bars: bool, limits: tuple[float, float]) -> None:
    """Draw one bar or dot with its interval; what runs off the scale ends in an arrow."""
    if bars:
        ax.barh(y, x.value, height=9, color=colour, zorder=2)
    if x.low is not None and x.high is not None and x.kind in ("estimate", "measure"):
        low, high = max(x.low, limits[0]), min(x.high, limits[1])
        ax.plot([low, high], [y, y], color=INK if bars else colour, lw=1.6, solid_capstyle="butt", zorder=3)
        for end, true, tip in ((low, x.low, "<"), (high, x.high, ">")):
            cut = abs(end - true) > 1e-12
            ax.plot([end], [y], marker=tip if cut else "|", color=INK if bars else colour, ms=5, zorder=3, ls="none")
    if not bars:
        ax.plot([x.value], [y], marker=marker, ms=6.2, color=colour, mec="white", mew=0.7, zorder=4, ls="none")


# ---- stacked bars -----------------------------------------------------------------------------------------------


def stacked(sheet: Sheet) -> Any:
    """Draw each row as one bar cut into its columns; each part says its own figure where it fits."""
    exhibit = sheet.exhibit
    grid = _grid(exhibit)
    parts = [c for c in exhibit.columns if any(c == k for _, cells in grid for k, _ in cells)]
    sheet.head()
    for k, part in enumerate(parts):  # the key, one line each, so that it never collides
        sheet.texts.append((MARGIN, sheet.y + sheet.size * 1.05, "■", {"fontsize": sheet.size, "color": SHADES[k % 6]}))
        sheet.say(part, x=MARGIN + 12, width=sheet.width - 30)
    sheet.y += 4
    left, wide, top = MARGIN, sheet.width - 2 * MARGIN, sheet.y
    bands: list[tuple[float, list[tuple[str, Any]]]] = []
    for label, cells in grid:
        hidden = [c for c, x in cells if not x.shown or x.value is None]
        bases = {x.n_text for _, x in cells if x.n_text and x.kind == "estimate"}
        said = f"{label} (n {bases.pop()})" if len(bases) == 1 else label
        sheet.say(said + (f" – too few to report: {', '.join(hidden)}" if hidden else ""))
        bands.append((sheet.y + 9, cells))
        sheet.y += 22
    tall = sheet.y - top

    def paint(ax: Any) -> None:
        ax.set_xlim(0, 1)
        ax.set_ylim(tall, 0)
        ax.axis("off")
        for y, cells in bands:
            _stack(ax, y - top, cells, parts, sheet, wide)

    return sheet.finish([(paint, (left, top, wide, tall))])


SHADES = ("#12436D", "#28A197", "#BFBFBF", "#F46A25", "#801650", "#A285D1")


def _stack(ax: Any, y: float, cells: list[tuple[str, Any]], parts: list[str], sheet: Sheet, wide: float) -> None:
    shown = [(c, x) for c, x in cells if x.shown and x.value is not None and x.value > 0]
    total = sum(x.value for _, x in shown) or 1.0
    start = 0.0
    for column, x in shown:
        k = parts.index(column) % 6
        share = x.value / total
        ax.barh(y, share, left=start, height=16, color=SHADES[k], edgecolor="white", linewidth=1.4)
        text = x.text.split(" (")[0]
        if share * wide > len(text) * sheet.size * 0.62:
            ink = "white" if k in (0, 4) else INK
            ax.text(start + share / 2, y, text, ha="center", va="center", fontsize=sheet.size - 0.5, color=ink)
        start += share


# ---- lines and curves -------------------------------------------------------------------------------------------


def lines(sheet: Sheet) -> Any:
    """Draw series over waves (columns, unless extras say `x = "rows"`): marks with intervals, labelled directly."""
    exhibit = sheet.exhibit
    over_rows = _extra(exhibit, "x", default="") == "rows" or len(exhibit.columns) == 1
    places = list(exhibit.rows if over_rows else exhibit.columns)
    names = list(exhibit.columns if over_rows else exhibit.rows)
    series = [(n, [(k, exhibit.cells.get((p, n) if over_rows else (n, p))) for k, p in enumerate(places)])
              for n in names]  # fmt: skip
    series = [(n, [(k, x) for k, x in pts if x is not None and x.shown and x.value is not None]) for n, pts in series]
    series = [(n, pts) for n, pts in series if pts]
    sheet.head()
    for k, (name, _) in enumerate(series):
        sheet.texts.append((MARGIN + 4, sheet.y + sheet.size, SIGNS[k % 6],
                            {"fontsize": sheet.size, "color": COLOURS[k % 6], "ha": "center"}))  # fmt: skip
        sheet.say(name, x=MARGIN + 13, width=sheet.width - 30)
    caption = _axis_label(exhibit, _unit(exhibit))
    if caption:
        sheet.say(caption, size=sheet.size - 0.5, colour=GREY)
    top, tall = sheet.y + 6, 150.0 if sheet.narrow else 170.0
    sheet.y = top + tall + (40 if sheet.narrow else 26)
    return sheet.finish([(lambda ax: _lines(ax, series, places, sheet), (34, top, sheet.width - 46, tall))])


SIGNS = ("●", "■", "◆", "▲", "▼", "✚")


def _lines(ax: Any, series: list[Any], places: list[str], sheet: Sheet) -> None:
    import seaborn as sns

    spread = 0.12
    for k, (_, points) in enumerate(series):
        shift = (k - (len(series) - 1) / 2) * spread
        at = [p + shift for p, _ in points]
        ax.plot(at, [x.value for _, x in points], color=COLOURS[k % 6], lw=1.2, marker=MARKERS[k % 6], ms=6, zorder=3)
        for x, cell in zip(at, (c for _, c in points), strict=True):
            if cell.low is not None and cell.high is not None:
                ax.plot([x, x], [cell.low, cell.high], color=COLOURS[k % 6], lw=1.5, zorder=2)
    every = max(1, -(-len(places) // (4 if sheet.narrow else 9)))
    ax.set_xticks(range(0, len(places), every))
    per = (sheet.width - 46) / max(len(places) / every, 1)
    ax.set_xticklabels(
        ["\n".join(sheet.wrap(p, per, sheet.size)[:3]) for p in places[::every]], fontsize=sheet.size - 1
    )
    ax.set_xlim(-0.5, len(places) - 0.5)
    values = [v for _, pts in series for _, c in pts for v in (c.value, c.low, c.high) if v is not None]
    ax.set_ylim(*_limits(sheet.exhibit, values + _references(sheet.exhibit), zero=False))
    for value in _references(sheet.exhibit):
        ax.axhline(value, color=GREY, lw=1, ls=(0, (4, 2)))
    ax.tick_params(axis="y", labelsize=sheet.size - 1, length=3)
    ax.grid(visible=True, axis="y", color="#E6E6E6", lw=0.7)
    ax.set_axisbelow(True)
    sns.despine(ax=ax)


def curve(sheet: Sheet) -> Any:
    """Draw cells in order of value: every way of analysing, its interval, and the line of no difference."""
    exhibit = sheet.exhibit
    cells = [x for x in exhibit.cells.values() if x.shown and x.value is not None]
    numeric = _numeric(exhibit.rows)
    if numeric is not None:
        return lines(sheet)
    cells.sort(key=lambda x: (x.value, x.id))
    sheet.head()
    caption = _axis_label(exhibit, _unit(exhibit))
    if caption:
        sheet.say(caption, size=sheet.size - 0.5, colour=GREY)
    top, tall = sheet.y + 6, 150.0
    sheet.y = top + tall + 6
    sheet.say("Each mark is one way of analysing, from the lowest answer to the highest.", colour=GREY)

    def paint(ax: Any) -> None:
        import seaborn as sns

        for k, x in enumerate(cells):
            if x.low is not None and x.high is not None:
                ax.plot([k, k], [x.low, x.high], color="#8FA8C0", lw=max(0.5, min(3, 200 / len(cells))), zorder=1)
            ax.plot([k], [x.value], marker="o" if x.planned else ".", ms=6 if x.planned else 4,
                    color=COLOURS[2] if x.planned else COLOURS[0], ls="none", zorder=3)  # fmt: skip
        for value in _references(exhibit) or [0.0]:
            ax.axhline(value, color=INK, lw=0.9)
        ax.set_xticks([])
        ax.tick_params(axis="y", labelsize=sheet.size - 1)
        ax.grid(visible=True, axis="y", color="#E6E6E6", lw=0.7)
        sns.despine(ax=ax, bottom=True)

    return sheet.finish([(paint, (34, top, sheet.width - 46, tall))])


def _numeric(labels: Any) -> list[float] | None:
    try:
        return [float(str(x).split()[0]) for x in labels]
    except (ValueError, IndexError):
        return None


# ---- overlap, strip, timeline -----------------------------------------------------------------------------------


def overlap(sheet: Sheet) -> Any:
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
    most = {c: max((x.value for r in bands if (x := exhibit.cells.get((r, c))) and x.shown and x.value), default=1)
            for c in names}  # fmt: skip

    def paint(ax: Any) -> None:
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
                ax.text(sign * (share + 0.03), step * i + 7, cell.text if cell.shown else "too few",
                        ha=("right", "left")[k], va="center", fontsize=sheet.size - 1.5)  # fmt: skip

    return sheet.finish([(paint, (middle, top, sheet.width - middle - MARGIN, tall))])


def strip(sheet: Sheet) -> Any:
    """Draw a dot per cell of a rows-by-columns grid, its area in proportion, its number beside it."""
    exhibit = sheet.exhibit
    if len(exhibit.columns) == 1 or len(exhibit.columns) > (6 if sheet.narrow else 12):
        return rows(sheet)
    grid = _grid(exhibit)
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

    def paint(ax: Any) -> None:
        ax.set_xlim(0, wide)
        ax.set_ylim(tall, 0)
        ax.axis("off")
        for y, k, x in dots:
            size = 3 + 11 * (max(x.value, 0) / most) ** 0.5 if x.shown and x.value is not None else 0
            if size and x.value:
                ax.plot([step_x * k + 8], [y - top], "o", ms=size, color=COLOURS[0], mec="white")
            ax.text(step_x * k + 17, y - top, x.text, va="center", fontsize=sheet.size - 1)

    return sheet.finish([(paint, (left, top, wide, tall))])


def timeline(sheet: Sheet) -> Any:
    """Draw dated entries down a line, oldest first, each label beside its dot."""
    sheet.head()
    dots, top = [], sheet.y
    for when, label in _dated(sheet.exhibit):
        dots.append(sheet.y + sheet.size * 0.7)
        sheet.say(when, bold=True, x=28, width=sheet.width - 36)
        sheet.say(label, x=28, width=sheet.width - 36)
        sheet.y += 5
    tall = sheet.y - top

    def paint(ax: Any) -> None:
        ax.set_xlim(0, 12)
        ax.set_ylim(tall, 0)
        ax.axis("off")
        ax.plot([6, 6], [0, tall], color=COLOURS[0], lw=1.5)
        ax.plot([6] * len(dots), [y - top for y in dots], "o", ms=6, color=COLOURS[0], mec="white")

    return sheet.finish([(paint, (MARGIN, top, 12, tall))])


def _dated(exhibit: Any) -> list[tuple[str, str]]:
    """Return (date words, what) of a timeline: the row is the date, or its first cell is."""
    out = []
    for r in exhibit.rows:
        cells = [exhibit.cells[r, c].text for c in exhibit.columns if (r, c) in exhibit.cells]
        if cells and any(ch.isdigit() for ch in cells[0]) and not any(ch.isdigit() for ch in str(r)):
            out.append((cells[0], "; ".join([str(r), *cells[1:]])))
        elif cells:
            out.append((str(r), "; ".join(cells)))
    return out


DRAWERS: dict[str, Callable[[Sheet], Any]] = {
    "bars": rows, "steps": rows, "dots": rows, "forest": rows, "love": rows, "stacked": stacked, "lines": lines,
    "curve": curve, "overlap": overlap, "strip": strip, "timeline": timeline,
}  # fmt: skip
