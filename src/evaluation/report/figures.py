"""Charts of checked exhibits: one drawing for wide pages, one for phones, a file to copy, its alt text and its data.

Everything drawn, said and listed comes from the same checked rows. Bytes are deterministic: matplotlib starts from its
own settings, whatever the user's are, without a date and with a fixed hash salt. Text in an SVG stays text, so a
chart is small, sharp at any size and can be edited after copying. The picture is made from the SVG.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from evaluation.disclosure import CheckedExhibit
from evaluation.report import phrases
from evaluation.report.chart_events import strip, timeline
from evaluation.report.chart_rows import rows
from evaluation.report.chart_series import curve, lines, panels
from evaluation.report.chart_shares import overlap, stacked
from evaluation.report.chart_titles import finding, headline, short_text, shown_cells
from evaluation.report.phrases import plain
from evaluation.report.policy_views import grouped
from evaluation.report.sheet import NARROW, WIDE, Sheet, has_marks

DRAWERS: dict[str, Callable[[Sheet], None]] = {
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

__all__ = ["DRAWERS", "has_marks"]

DOTS = 144.0  # of a picture to the inch: two to the point, so that the compiler draws each line once
STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "text.parse_math": False,
    "svg.fonttype": "none",
    "axes.edgecolor": "#595959",
    "axes.linewidth": 0.8,
    "xtick.color": "#595959",
    "xtick.labelcolor": "#3D3D3D",
    "ytick.color": "#595959",
    "ytick.labelcolor": "#3D3D3D",
    "path.simplify": False,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart and everything that must travel with it.

    Attributes
    ----------
    wide, narrow : bytes
        The drawing for wide pages and the one for phones (SVG), without title and foot: the page says them itself.
    svg : bytes
        The wide drawing with title, n, source and wave inside: to copy, and to make the picture from (`pictures`).
    alt : str
        What the chart shows, in words: the finding first.
    header, rows : tuple
        The numbers drawn, as the table under the chart and `figures/<id>.csv` print them.
    """

    id: str
    title: str
    finding: str
    marked: str
    wide: bytes
    narrow: bytes
    svg: bytes
    alt: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def draw(exhibit: CheckedExhibit, *, stamp: str = "", date: str = "") -> Figure | None:
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
    shown = grouped(exhibit)
    marked = headline(shown)
    with _style(exhibit.id):
        sheets = [Sheet(shown, across, stamp) for across in (WIDE, NARROW)]
        for sheet in sheets:
            DRAWERS[exhibit.chart](sheet)
        svg, narrow = sheets[0].svg(plain(marked), footer(exhibit, date)), sheets[1].svg()
    header, cells = data(exhibit)
    wide, alt = _part(svg, *sheets[0].part), alt_text(exhibit, plain(finding(shown)))
    return Figure(exhibit.id, exhibit.title, plain(marked), marked, wide, narrow, svg, alt, header, cells)


@contextmanager
def _style(salt: str) -> Iterator[None]:
    """Draw in the house style, with a hash salt of the exhibit's own, and leave the settings as they were."""
    import matplotlib as mpl
    import seaborn as sns

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({**sns.axes_style("ticks"), **STYLE, "svg.hashsalt": salt})
        yield


def _part(svg: bytes, top: int, tall: int) -> bytes:
    """Return a drawing without title and foot: another window on it (matplotlib would draw all of it again)."""
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(svg)
    across = root.attrib["viewBox"].split()[2]
    root.attrib |= {"height": f"{tall}pt", "viewBox": f"0 {top} {across} {tall}"}
    return ElementTree.tostring(root)


def pictures(drawings: dict[str, bytes]) -> dict[str, bytes]:
    """Return drawings (SVG) as pictures (PNG), all at once, set in the typeface that matplotlib carries."""
    import matplotlib as mpl
    import typst

    if not drawings:
        return {}
    files = {f"{k}.svg": svg for k, svg in enumerate(drawings.values())}
    pages = "#pagebreak()".join(f'#image("{file}")' for file in files)
    main = f"#set page(width: auto, height: auto, margin: 0pt)\n{pages}".encode()
    fonts = [str(Path(mpl.get_data_path()) / "fonts" / "ttf")]
    made = typst.compile({"main": main, **files}, format="png", ppi=DOTS, font_paths=fonts, ignore_system_fonts=True)
    return dict(zip(drawings, made if isinstance(made, list) else [made], strict=True))


def address(svg: bytes) -> str:
    """Return a drawing as an address that a page can hold."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


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
