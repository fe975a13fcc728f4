"""A sheet: one image, drawn from the top down in points, so that long words push what follows and never meet it.

Its words, axes and keys are matplotlib's, which also measures them; here they are only put below one another.
On a narrow sheet a row's label and value stand above its mark; on a wide one they stand left and right of it.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from evaluation.disclosure import CheckedExhibit, CheckedRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Box = tuple[float, float, float, float]  # left, top, width and height in points
Grid = list[tuple[str, list[tuple[str, CheckedRow]]]]

COLOURS = ("#12436D", "#28A197", "#801650", "#F46A25", "#3D3D3D", "#A285D1")
MARKERS = ("o", "s", "D", "^", "v", "P")
INK, GREY, RULE, STAMP = "#1A1A1A", "#595959", "#E6E6E6", "#801650"
WIDE, NARROW = 520.0, 216.0
MARGIN, LINE = 8.0, 1.3
EM = 1.2  # no sign of a European script is wider, in sizes of its text


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of the widest line of a text in points, as matplotlib measures it."""
    return max(_width_at_10(line, bold) for line in text.split("\n")) * size / 10


@lru_cache(maxsize=8192)
def _width_at_10(line: str, bold: bool) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    face = FontProperties(family="DejaVu Sans", size=10, weight="bold" if bold else "normal")
    return float(text_to_path.get_text_width_height_descent(line, face, False)[0])


@lru_cache(maxsize=8192)
def fitted(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """Return a text in as few lines as `room` points permit; a longer word is cut."""
    if "\n" not in text and len(text) * size * EM <= room:
        return text
    said, long = text, width(text, size, bold=bold)
    letters = int(len(text) * room / long * 1.2) + 1 if long > room else 0
    while width(said, size, bold=bold) > room and letters > 1:
        letters -= 1
        said = textwrap.fill(text, letters, break_on_hyphens=False)
    return said


class Sheet:
    """One image: its exhibit, its figure, and how far down it is drawn (`y`, in points)."""

    def __init__(self, exhibit: CheckedExhibit, wide: float, stamp: str = "") -> None:
        from matplotlib.figure import Figure
        from matplotlib.transforms import Affine2D

        self.exhibit, self.width, self.narrow = exhibit, wide, wide < 300
        self.size = 8.3 if self.narrow else 9.0
        self.figure = Figure(figsize=(wide / 72, 1))
        self._paper = Affine2D().scale(1 / wide, -1 / 72).translate(0, 1)
        self.paper = self._paper + self.figure.transFigure  # points from the upper left corner
        self._boxes: list[tuple[Axes, Box]] = []
        self.part = (0, 0)  # where the sheet begins and how tall it is in its SVG
        self.y = 3.0
        if stamp:
            self.say(stamp, size=7.5, fontweight="bold", color=STAMP)
        self.y += 4

    @property
    def room(self) -> float:
        """Points between the margins."""
        return self.width - 2 * MARGIN

    @property
    def middle(self) -> float:
        """The height of the middle of capitals on a line at the current height."""
        return self.y + self.size * 0.69

    def wide(self, texts: Iterable[str], size: float | None = None) -> float:
        """Return the width of the widest of some texts in points; 0 for none."""
        widest, size = 0.0, size or self.size
        for text in sorted(set(texts), key=len, reverse=True):  # shorter ones are measured where they could be wider
            widest = max(widest, width(text, size)) if len(text) * size * EM > widest else widest
        return widest

    def put(self, text: str, *, x: float = MARGIN, room: float | None = None, down: float = 0.0, **style: Any) -> float:
        """Put wrapped text `down` points below the current height and return the height that it takes."""
        size = style.pop("size", self.size)
        said = fitted(str(text), room or self.width - MARGIN - x, size, bold=style.get("fontweight") == "bold")
        style = {"color": INK, "fontsize": size, "transform": self.paper, **style}
        for k, line in enumerate(lines := said.split("\n")):  # one by one: all on the lines of their neighbours
            self.figure.text(x, self.y + down + size * (1.05 + LINE * k), line, **style)
        return float(size * LINE * len(lines))

    def say(self, text: str, **style: Any) -> None:
        """Put wrapped text at the current height and move below it."""
        self.y += self.put(text, **style)

    def key(
        self, names: Sequence[str], colours: Sequence[str] = COLOURS, markers: str | Sequence[str] = MARKERS
    ) -> None:
        """Put a key of several series, side by side where they fit."""
        from matplotlib.lines import Line2D

        said = [fitted(n, self.room - 14, self.size) for n in names]
        columns = min(len(said), max(1, int((self.room + 14) // (self.wide(said) + 28))))
        marks = [
            Line2D([], [], ls="none", marker=markers[k % len(markers)], ms=6, mew=0, color=colours[k % len(colours)])
            for k in range(len(said))
        ]
        words = {"fontsize": self.size, "labelcolor": INK, "frameon": False, "borderpad": 0, "borderaxespad": 0}
        gaps = {"handlelength": 0.9, "handletextpad": 0.5, "columnspacing": 1.5, "labelspacing": 0.35}
        place = {"loc": "upper left", "bbox_to_anchor": (MARGIN, self.y), "bbox_transform": self.paper}
        legend = self.figure.legend(marks, said, ncols=columns, **place, **words, **gaps)
        self.y += legend.get_window_extent().height * 72 / self.figure.dpi + 5

    def axes(self, left: float, wide: float, tall: float, top: float | None = None) -> Axes:
        """Return axes at the current height, or at `top`; they stay there when the sheet grows."""
        ax = self.figure.add_axes((0, 0, 1, 1))
        ax.set(frame_on=True, xticks=[], yticks=[])  # seaborn asks each mark of an axis for its words
        ax.patch.set_visible(False)
        ax.set_axisbelow(True)
        ax.tick_params(labelsize=self.size - 1, length=3, pad=2)
        self._boxes.append((ax, (left, self.y if top is None else top, wide, tall)))
        return ax

    def svg(self, title: str = "", foot: Sequence[str] = ()) -> bytes:
        """Return the sheet as an SVG, with a title above it and a foot below to stand alone."""
        from matplotlib.transforms import Bbox

        tall, over, size = math.ceil(self.y + 4), 0, 9.5 if self.narrow else 11.0  # whole points: sharp as a picture
        if title:
            over = math.ceil(size * LINE * (fitted(title, self.room, size, bold=True).count("\n") + 1) + 5)
            self.put(title, down=4 - over - self.y, size=size, fontweight="bold")
        self.y = tall + 2
        for line in foot:
            self.say(line, size=7.5, color=GREY)
        below = math.ceil(self.y - tall + 5) if foot else 0
        self._paper.clear().scale(1 / self.width, -1 / tall).translate(0, 1)
        self.figure.set_size_inches(self.width / 72, tall / 72)
        for ax, (left, top, across, down) in self._boxes:
            ax.set_position((left / self.width, 1 - (top + down) / tall, across / self.width, down / tall))
        self.part = (over, tall)
        out, box = io.BytesIO(), Bbox.from_extents(0, -below / 72, self.width / 72, (tall + over) / 72)
        undated = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        self.figure.savefig(out, format="svg", bbox_inches=box, metadata=undated)
        return out.getvalue()


def scale(ax: Axes, axis: Literal["x", "y"], ticks: int) -> None:
    """Give the axis of the numbers round marks, a faint grid, and no lines but its own."""
    import seaborn as sns
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    along = ax.xaxis if axis == "x" else ax.yaxis
    along.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
    along.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}".replace("-", "\u2212")))
    ax.grid(visible=True, axis=axis, color=RULE, lw=0.7)
    sns.despine(ax=ax, left=True)


def drawn(cell: CheckedRow) -> bool:
    """Return whether a cell has a number that may be drawn."""
    return bool(cell.shown and cell.value is not None)


def ends_of(cells: Iterable[CheckedRow]) -> list[float]:
    """Return the values of cells and the ends of their intervals."""
    return [v for x in cells for v in (x.value, x.low, x.high) if v is not None]


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
    low, high = min(values), max(values)
    if given:
        return min(float(given[0]), low), max(float(given[1]), high)
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
