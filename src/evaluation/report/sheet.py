"""A sheet: one image being laid out, its texts, its marks, its axes; nothing is computed but positions.

Layout is in points, from the top down, so that long labels wrap and push what follows instead of colliding with it.
On a narrow sheet a row's label and value stand above its mark; on a wide one they stand left and right of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evaluation.disclosure import CheckedExhibit, CheckedRow
from evaluation.report import lettering

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, top, width and height in points
Panel = tuple[Callable[["Axes"], None], Box]
Grid = list[tuple[str, list[tuple[str, CheckedRow]]]]

COLOURS = ("#12436D", "#28A197", "#801650", "#F46A25", "#3D3D3D", "#A285D1")
MARKERS = ("o", "s", "D", "^", "v", "P")
INK, GREY, RULE = "#1A1A1A", "#595959", "#D0D0D0"
SIGNS = ("●", "■", "◆", "▲", "▼", "✚")
MARGIN = 8.0


@dataclass(slots=True)
class Sheet:
    """One image being laid out: the exhibit, what stands above and below, its width in points."""

    exhibit: CheckedExhibit
    headline: str
    foot: list[str]
    stamp: str
    width: float
    narrow: bool
    texts: list[lettering.Text] = field(default_factory=list)
    y: float = 0.0
    top: float = 0.0
    bottom: float = 0.0

    @property
    def size(self) -> float:
        """Size of the text in points."""
        return 8.3 if self.narrow else 9.0

    def wrap(self, text: str, width: float, size: float | None = None, *, bold: bool = False) -> list[str]:
        """Return the text in lines no wider than `width` points."""
        return lettering.wrap(text, max(width, 20), size or self.size, bold=bold)

    def wide(self, texts: Iterable[str], size: float | None = None, *, bold: bool = False) -> float:
        """Return the width of the widest of some texts in points; 0 for none."""
        return max((lettering.width(str(t), size or self.size, bold=bold) for t in texts), default=0.0)

    def say(
        self,
        text: str,
        *,
        x: float = MARGIN,
        width: float | None = None,
        size: float | None = None,
        bold: bool = False,
        colour: str = INK,
        advance: bool = True,
        down: int = 0,
    ) -> float:
        """Place wrapped text `down` lines below the current height; return the height it takes and move down by it."""
        size = size or self.size
        lines = self.wrap(text, width or self.width - 2 * MARGIN, size, bold=bold)
        for k, line in enumerate(lines):
            style = {"fontsize": size, "color": colour, "fontweight": "bold" if bold else "normal"}
            self.texts.append((x, self.y + size * (1.05 + 1.3 * (k + down)), line, style))
        taken = size * 1.3 * (len(lines) + down)
        if advance:
            self.y += taken
        return taken

    def head(self) -> None:
        """Place the title, then the stamp; what a page shows under its own title begins between them."""
        self.y = 5.0
        self.say(self.headline, size=9.5 if self.narrow else 11, bold=True)
        self.top = self.y
        self.y += 3
        if self.stamp:
            self.say(self.stamp, size=7.5, bold=True, colour="#801650")
        self.y += 3

    def key(self, names: list[str], signs: str = "", colours: Sequence[str] = COLOURS) -> None:
        """Place the key of several series: side by side, in as many lines as they need; it never collides."""
        signs, gap = signs or "".join(SIGNS), 16.0
        x, tall = MARGIN, 0.0
        for k, name in enumerate(names):
            wide = self.wide([name]) + 13
            if x > MARGIN and x + wide > self.width - MARGIN:
                self.y += tall
                x, tall = MARGIN, 0.0
            style = {"fontsize": self.size, "color": colours[k % len(colours)], "ha": "center"}
            self.texts.append((x + 4, self.y + self.size * 1.05, signs[k % len(signs)], style))
            tall = max(tall, self.say(name, x=x + 12, width=self.width - 30, advance=False))
            x += wide + gap
        self.y += tall + 4

    def finish(self, axes: Sequence[Panel] | None = None) -> Drawing:
        """Return the figure: foot placed, height known, axes drawn by their functions at (left, top, width, height).

        Its texts stay in `texts`; `lettering` puts them into each drawing.
        """
        from matplotlib.figure import Figure

        self.y += 4
        self.bottom = self.y
        self.y += 2
        for line in self.foot:
            self.say(line, size=7.0 if self.narrow else 7.5, colour=GREY)
        height = self.y + 6
        figure = Figure(figsize=(self.width / 72, height / 72))
        for paint, (left, top, width, tall) in axes or []:
            box = (left / self.width, 1 - (top + tall) / height, width / self.width, tall / height)
            paint(figure.add_axes(box))
        return figure


def segments(ax: Axes, spans: Sequence[tuple[Point, Point]], **style: Any) -> None:
    """Draw straight lines of one style as one line with gaps."""
    gap = float("nan")
    if spans:
        ax.plot(
            [v for a, b in spans for v in (a[0], b[0], gap)],
            [v for a, b in spans for v in (a[1], b[1], gap)],
            clip_on=False,
            **style,
        )


def points(ax: Axes, at: Sequence[Point], **style: Any) -> None:
    """Draw marks of one style."""
    if at:
        ax.plot([x for x, _ in at], [y for _, y in at], ls="none", clip_on=False, **style)


def has_marks(exhibit: CheckedExhibit) -> bool:
    """Return whether anything in the exhibit can be drawn."""
    if exhibit.chart == "timeline":
        return bool(dated(exhibit))
    return any(x.shown and x.value is not None for x in exhibit.cells.values())


def grid_of(exhibit: CheckedExhibit) -> Grid:
    """Return (row label, [(column label, checked row)]) for rows that have a cell."""
    rows = []
    for r in exhibit.rows:
        cells = [(c, exhibit.cells[r, c]) for c in exhibit.columns if (r, c) in exhibit.cells]
        cells = [(c, x) for c, x in cells if x.kind != "words"]
        if cells:
            rows.append((r, cells))
    return rows


def extra(exhibit: CheckedExhibit, *names: str, default: Any = None) -> Any:
    """Return the first of these extras that the exhibit has."""
    return next((exhibit.extras[n] for n in names if n in exhibit.extras), default)


def references(exhibit: CheckedExhibit) -> list[float]:
    """Return the reference lines that the exhibit asks for."""
    found = extra(exhibit, "reference", "references", "lines", "null")
    if found is None:
        return []
    return [float(v) for v in (found if isinstance(found, list | tuple) else [found])]


def axis_label(exhibit: CheckedExhibit, fallback: str = "") -> str:
    """Return the words under a chart's scale."""
    return str(extra(exhibit, "axis", "x_label", "axis_label", "xlabel", default=fallback) or fallback)


def limits_of(exhibit: CheckedExhibit, values: list[float], *, zero: bool) -> tuple[float, float]:
    """Return the ends of the scale: as asked, else around the values, from zero for bars."""
    given = extra(exhibit, "limits", "range")
    if given:
        return float(given[0]), float(given[1])
    low, high = min(values), max(values)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    pad = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return (low if zero and low == 0 else low - pad), high + pad


def unit_of(exhibit: CheckedExhibit) -> str:
    """Return the unit of every shown cell, or "" where they differ."""
    units = {x.unit for x in exhibit.cells.values() if x.shown and x.value is not None and x.unit}
    return units.pop() if len(units) == 1 else ""


def dated(exhibit: CheckedExhibit) -> list[tuple[str, str]]:
    """Return (date words, what) of a timeline: the row is the date, or its first cell is."""
    out = []
    for r in exhibit.rows:
        cells = [exhibit.cells[r, c].text for c in exhibit.columns if (r, c) in exhibit.cells]
        if cells and any(ch.isdigit() for ch in cells[0]) and not any(ch.isdigit() for ch in str(r)):
            out.append((cells[0], "; ".join([str(r), *cells[1:]])))
        elif cells:
            out.append((str(r), "; ".join(cells)))
    return out
