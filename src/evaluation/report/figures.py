"""Charts of checked exhibits: one drawing for wide pages, one for phones, a PNG, its alt text and its data.

Everything drawn, said and listed comes from the same checked rows. Bytes are deterministic: no date, a fixed hash
salt. Text in the SVG stays text, so a chart is small, sharp at any size and can be edited after copying.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.disclosure import CheckedExhibit
from evaluation.report import lettering, phrases
from evaluation.report.chart_rows import rows, stacked
from evaluation.report.chart_series import curve, lines, overlap, panels, strip, timeline
from evaluation.report.chart_titles import finding, headline, short_text, shown_cells
from evaluation.report.drawing import cropped, smaller
from evaluation.report.phrases import plain
from evaluation.report.policy_views import grouped
from evaluation.report.sheet import Sheet, has_marks

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

DRAWERS: dict[str, Callable[[Sheet], Drawing]] = {
    "bars": rows,
    "steps": rows,
    "dots": rows,
    "forest": rows,
    "love": rows,
    "stacked": stacked,
    "lines": lines,
    "panels": panels,
    "curve": curve,
    "overlap": overlap,
    "strip": strip,
    "timeline": timeline,
}

__all__ = ["DRAWERS", "Sheet", "has_marks"]

WIDE, NARROW, PRINT_DPI = 520.0, 216.0, 150
FAMILY = "Arial, Helvetica, 'Liberation Sans', 'DejaVu Sans', sans-serif"
STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "svg.fonttype": "none",
    "axes.edgecolor": "#595959",
    "axes.labelcolor": "#3D3D3D",
    "xtick.color": "#3D3D3D",
    "ytick.color": "#3D3D3D",
    "axes.linewidth": 0.8,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "path.simplify": False,
    "axes.unicode_minus": True,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart and everything that must travel with it.

    Attributes
    ----------
    svg, narrow, png : bytes
        The wide drawing, the drawing for phones, and the picture to copy; title, n, source, wave inside each.
    alt : str
        What the chart shows, in words: the finding first.
    wide_part, narrow_part : bytes
        The drawings as a page shows them: without the title and the foot, which the page says in its own words.
    header, rows : tuple
        The numbers drawn, as the table under the chart and `figures/<id>.csv` print them.
    """

    id: str
    title: str
    finding: str
    marked: str
    svg: bytes
    narrow: bytes
    png: bytes
    alt: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    wide_part: bytes = b""
    narrow_part: bytes = b""


def draw(exhibit: CheckedExhibit, *, stamp: str = "", date: str = "", png: bool = True) -> Figure | None:
    """Return the chart of a checked exhibit, or None when it asks for none or nothing in it may be drawn.

    Raises
    ------
    TypeError
        For anything that `disclosure` did not make.
    ValueError
        For a kind of chart that is not known.
    """
    if not isinstance(exhibit, CheckedExhibit):
        raise TypeError(f"figures draw what disclosure.protect made, not {type(exhibit).__name__}")
    if not exhibit.chart:
        return None
    if exhibit.chart not in DRAWERS:
        raise ValueError(f"exhibit {exhibit.id!r} asks for a chart {exhibit.chart!r}; known: {sorted(DRAWERS)}")
    if not has_marks(exhibit):
        return None
    drawn = grouped(exhibit)
    marked = headline(drawn)
    title = plain(marked)
    foot = footer(exhibit, date)
    with _style(exhibit.id):
        wide, sheet = _render(drawn, title, foot, stamp, WIDE)
        svg = _svg(wide, sheet)
        picture = _png(wide, sheet) if png else b""
        small, phone = _render(drawn, title, foot, stamp, NARROW)
        narrow = _svg(small, phone)
    header, rows = data(exhibit)
    alt = alt_text(exhibit, plain(finding(drawn)))
    return Figure(
        exhibit.id,
        exhibit.title,
        title,
        marked,
        svg,
        narrow,
        picture,
        alt,
        header,
        rows,
        cropped(svg, sheet.top, sheet.bottom),
        cropped(narrow, phone.top, phone.bottom),
    )


@contextmanager
def _style(salt: str) -> Iterator[None]:
    """Draw in the house style, with a hash salt of the exhibit's own, and leave the settings as they were."""
    import matplotlib as mpl
    import seaborn as sns

    with mpl.rc_context(), sns.axes_style("white"):
        mpl.rcParams.update(STYLE)
        mpl.rcParams["svg.hashsalt"] = salt
        yield


def _render(exhibit: CheckedExhibit, title: str, foot: list[str], stamp: str, width: float) -> tuple[Drawing, Sheet]:
    sheet = Sheet(exhibit, title, foot, stamp, width, narrow=width < 300)
    return DRAWERS[exhibit.chart](sheet), sheet


def _svg(figure: Drawing, sheet: Sheet) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    drawing = smaller(out.getvalue().decode(), FAMILY)
    return drawing.replace("</svg>", f"{lettering.as_svg(sheet.texts)}</svg>").encode()


def _png(figure: Drawing, sheet: Sheet) -> bytes:
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(PRINT_DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    lettering.onto(picture, sheet.texts, PRINT_DPI / 72)
    out = io.BytesIO()
    picture.save(out, "png", dpi=(PRINT_DPI, PRINT_DPI), compress_level=1)
    return out.getvalue()


# ---- what the chart says ----------------------------------------------------------------------------------------


def alt_text(exhibit: CheckedExhibit, shows: str) -> str:
    """Return the alt text: the finding, the kind of chart, then the cells (at most eight; the table has all)."""
    kinds = {
        "bars": "Bar chart",
        "stacked": "Stacked bar chart",
        "dots": "Dot plot with ranges",
        "forest": "Forest plot",
        "strip": "Strip of events",
        "love": "Balance plot",
        "overlap": "Back-to-back histogram",
        "curve": "Curve",
        "timeline": "Timeline",
        "steps": "Flow as bars",
        "lines": "Line chart with ranges",
        "panels": "Line charts side by side, with ranges",
    }
    cells = [(r, c, x) for r in exhibit.rows for c in exhibit.columns if (x := exhibit.cells.get((r, c))) is not None]
    said = "; ".join(f"{r}, {c}: {x.text}" if len(exhibit.columns) > 1 else f"{r}: {x.text}" for r, c, x in cells[:8])
    more = f"; and {len(cells) - 8} more in the table that follows" if len(cells) > 8 else ""
    return f"{shows}. {kinds[exhibit.chart]}. {said}{more}."


def footer(exhibit: CheckedExhibit, date: str = "") -> list[str]:
    """Return the lines at the foot of an image: base, source, wave and date."""
    bases = [x.n for _, _, x in shown_cells(exhibit) if x.n and x.kind in ("estimate", "measure")]
    lines = []
    if bases:
        low, high = min(bases), max(bases)
        lines.append(f"People behind each figure: about {low:,}" + (f" to {high:,}." if high > low else "."))
    parts = [f"Source: {exhibit.source}" if exhibit.source else "", f"Wave: {exhibit.wave}" if exhibit.wave else ""]
    parts.append(f"Report of {date}" if date else "")
    said = ". ".join(p.rstrip(".") for p in parts if p)
    return [*lines, f"{said}."] if said else lines


def data(exhibit: CheckedExhibit) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the chart's numbers as a header and rows of text: row, column, figure, range, base, result id."""
    header = (exhibit.row_header or "What", "Column", "Figure", "Lower end", "Upper end", "People", "Result")
    rows = []
    for r in exhibit.rows:
        for c in exhibit.columns:
            cell = exhibit.cells.get((r, c))
            if cell is not None:
                ends = (_bare(cell.low), _bare(cell.high))
                rows.append((r, c, short_text(cell), *ends, cell.n_text or "", cell.id))
    return header, tuple(rows)


def _bare(value: float | None) -> str:
    return "" if value is None else phrases.bare(value)
