"""Charts whose rows are read down the page: bars, dots, forests, balance plots, flows, stacked bars."""

from __future__ import annotations

from typing import Any

from .sheet import (
    COLOURS,
    GREY,
    INK,
    MARGIN,
    MARKERS,
    Sheet,
    axis_label,
    grid_of,
    limits_of,
    references,
    unit_of,
)

# ---- rows: bars, dots, forest, love, steps ----------------------------------------------------------------------


def rows(sheet: Sheet) -> Any:
    """Draw a mark per cell with its interval: bars from zero, or dots, with reference lines."""
    exhibit, kind = sheet.exhibit, sheet.exhibit.chart
    bars = kind in ("bars", "steps")
    grid = grid_of(exhibit)
    ends = [v for _, cells in grid for _, x in cells if x.shown and x.value is not None
            for v in (x.value, x.low, x.high) if v is not None]  # fmt: skip
    lines = references(exhibit)
    limits = limits_of(exhibit, ends + lines, zero=bars or kind in ("forest", "love"))
    sheet.head()
    left, wide = _plot_span(sheet)
    series = [c for c in exhibit.columns if any(c == k for _, cells in grid for k, _ in cells)]
    together = kind == "love" and len(series) > 1
    if together:
        sheet.key(series)
    top, marks = sheet.y, []
    place = _place_together if together else _place_row
    for label, cells in grid:
        place(sheet, label, cells, series, marks)
    tall = sheet.y - top + 4
    sheet.y += 4
    caption = axis_label(exhibit, unit_of(exhibit))
    axes_height = tall

    def paint(ax: Any) -> None:
        _scale(ax, limits, tall, sheet)
        bands = [(y - top - 7, y - top + 7) for y, _, _ in marks] if sheet.narrow else [(0, tall)]
        zero = [0.0] if limits[0] < 0 < limits[1] and 0.0 not in lines else []
        for value in [*lines, *zero]:
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
    if sheet.narrow:
        sheet.say(label, bold=not single)
    elif not single:
        sheet.say(label, bold=True, width=152)
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
            height = max(
                height, *(sheet.say(s, width=110, x=sheet_x, advance=False, down=k) for k, s in enumerate(said))
            )
            middle, sheet.y = sheet.y + max(height, 13) / 2 + 1, sheet.y + max(height, 13) + 3
        if cell.shown and cell.value is not None:
            marks.append((middle, cell, k))
    sheet.y += 4


LIGHT = ("#28A197", "#F46A25", "#A285D1")


def _place_together(
    sheet: Sheet, label: str, cells: list[tuple[str, Any]], series: list[str], marks: list[Any]
) -> None:
    """Place one row whose series share a line: their values stand after one another."""
    said = ", ".join(cell.text for _, cell in cells)
    if sheet.narrow:
        sheet.say(f"{label}: {said}")
        middle, sheet.y = sheet.y + 6, sheet.y + 15
    else:
        height = sheet.say(label, width=152, advance=False)
        height = max(height, sheet.say(said, x=sheet.width - 104, width=104, advance=False))
        middle, sheet.y = sheet.y + max(height, 13) / 2 + 1, sheet.y + max(height, 13) + 4
    marks += [(middle, x, series.index(c)) for c, x in cells if x.shown and x.value is not None]


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
    grid = grid_of(exhibit)
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


SHADES = ("#12436D", "#28A197", "#949494", "#F46A25", "#801650", "#A285D1")


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
