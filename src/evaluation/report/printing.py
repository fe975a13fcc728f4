"""Pages as PDFs, set by Typst from the objects that also make the HTML pages.

The compiler comes with the package `typst`; its typeface is the one that matplotlib carries, so that every machine
gives the same bytes. PDF/UA-1 is asked for: the compiler refuses a page that would not be accessible.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import matplotlib
import typst

from evaluation.errors import CheckFailed
from evaluation.report.column_widths import layout, parted
from evaluation.report.context import ReportContext, long_date
from evaluation.report.page_parts import Block, Page, PlacedChart, Section
from evaluation.report.phrases import plain
from evaluation.report.tables import Table
from evaluation.verdict import LABELS

CHART, TALLEST = 380.0, 540.0  # points across, and down where that is less
SMALL_CHART = 300.0  # of the annex
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
Told = dict[str, Any]


def pdf(name: str, page: Page, ctx: ReportContext) -> bytes:
    """Return a page as a PDF.

    What is folded in the HTML page is left out; a line says where it stands.

    Parameters
    ----------
    name : str
        The page's file name without an ending, for messages.
    page : Page
        What the HTML page is made from.
    ctx : ReportContext
        Words, wave, date, stamp.

    Raises
    ------
    CheckFailed
        Typst refuses the page, a chart has no alternative text, or a table no header.
    """
    if not (FONTS / "DejaVuSans.ttf").is_file():
        todo = "Install matplotlib anew."
        raise CheckFailed("the typeface of the PDFs is not there", where="DejaVuSans.ttf", todo=todo)
    charts: dict[str, bytes] = {}
    told = _page(page, ctx, charts)
    template = resources.files("evaluation.report").joinpath("templates/page.typ").read_bytes()
    files = {"main": template, "page.json": json.dumps(told, ensure_ascii=False).encode(), **charts}
    midnight = dt.datetime.combine(ctx.date, dt.time(), dt.UTC)
    try:
        made: bytes = typst.compile(
            files,
            format="pdf",
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
            pdf_standards=["ua-1"],
            timestamp=int(midnight.timestamp()),
        )
    except typst.TypstError as error:
        said = re.sub(r"^(assertion failed|panicked with): ", "", str(error).splitlines()[0])
        raise CheckFailed(f"{name}.pdf cannot be made: {said}", todo="Mend what the page holds.") from None
    return made


def _page(page: Page, ctx: ReportContext, charts: dict[str, bytes]) -> Told:
    return {
        "title": page.title,
        "study": ctx.title,
        "kind": page.kind,
        "over": ctx.cover(),
        "wave": ctx.wave,
        "date": long_date(ctx.date),
        "day": [ctx.date.year, ctx.date.month, ctx.date.day],
        "stamp": ctx.stamp(),
        "synthetic": ctx.synthetic,
        "author": ctx.contact.team,
        "meta": list(page.meta),
        "foot": [line for line in page.foot if line],
        "contents": len(page.sections) > 4,
        "first": page.kind == "policy" and len(page.sections) > 4,
        "headings": len(page.sections),
        "groups": _groups(_in_order(page, charts)),
    }


def _in_order(page: Page, charts: dict[str, bytes]) -> list[list[Told]]:
    """Return the sections of a page; the contents of a policy report come after page one, on a new page."""
    sections = [_section(s, charts, page.kind) for s in page.sections]
    if page.kind == "policy" and len(sections) > 1:
        sections.insert(1, [{"kind": "contents", "wide": False, "own": True}])
    return sections


def _section(section: Section, charts: dict[str, bytes], kind: str) -> list[Told]:
    """Return a section's heading and blocks; what stands between two wide tables, charts apart, is as wide."""
    title = f"{section.mark}  {section.title}" if section.mark else section.title
    blocks = [made for b in section.blocks if (maker := _BLOCKS.get(b.kind)) for made in maker(b, charts, kind)]
    wide = [k for k, b in enumerate(blocks) if b.get("wide")]
    for first, last in itertools.pairwise(wide):
        if all(b["kind"] != "figure" for b in blocks[first:last]):
            for b in blocks[first:last]:
                b["wide"] = True
    first = blocks[0] if blocks else {}
    return [{"kind": "heading", "text": title, "wide": first.get("wide", False), "own": section.sheet}, *blocks]


def _groups(sections: list[list[Told]]) -> list[Told]:
    """Return the blocks of all sections in runs of pages, upright or across."""
    groups: list[Told] = []
    for block in itertools.chain.from_iterable(sections):
        wide = block.get("wide", False)
        if not groups or groups[-1]["wide"] != wide or block.get("own"):
            groups.append({"wide": wide, "blocks": []})
        groups[-1]["blocks"].append(block)
    return groups


def _lines(block: Block, *_: object) -> list[Told]:
    lines = [
        {"verdict": LABELS.get(x.verdict, x.verdict), "text": " ".join(plain(s) for s in x.sentences)}
        for x in block.content
    ]
    return [{"kind": "lines", "panel": "panel" in block.name, "lines": lines}]


def _para(block: Block, *_: object) -> list[Told]:
    return [{"kind": "para", "note": block.name == "note", "texts": [plain(s) for s in block.content]}]


def _bullets(block: Block, *_: object) -> list[Told]:
    return [{"kind": "bullets", "title": block.name, "items": [plain(s) for s in block.content]}]


def _two(block: Block, *_: object) -> list[Told]:
    return [{"kind": "two", "parts": [{"title": t, "items": [plain(s) for s in items]} for t, items in block.content]}]


def _quote(block: Block, *_: object) -> list[Told]:
    return [{"kind": "quote", "title": block.name, "text": plain(block.content)}]


def _absent(block: Block, *_: object) -> list[Told]:
    return [{"kind": "absent", "text": getattr(block.content, "words", None) or plain(block.content)}]


def _words(block: Block, *_: object) -> list[Told]:
    return [{"kind": "words", "pairs": [[term, plain(meaning)] for term, meaning in block.content]}]


def _links(block: Block, *_: object) -> list[Told]:
    """Return the words of links that stand in print too; what is for the screen alone is left out."""
    if "screen" in block.name:
        return []
    return [{"kind": "bullets", "title": "", "items": [text for _, text in block.content]}]


def _items(block: Block, _: object, __: str) -> list[Told]:
    pairs = []
    for item in block.content:
        evidence = "; ".join(e.words for e in item.evidence)
        pairs.append([item.term, plain(item.said) + (f" Evidence: {evidence}." if evidence else "")])
    return [{"kind": "words", "pairs": pairs}]


def _figures(block: Block, charts: dict[str, bytes], kind: str) -> list[Told]:
    return [_figure(chart, charts, SMALL_CHART if kind == "annex" else CHART) for chart in block.content]


def _figure(chart: PlacedChart, charts: dict[str, bytes], across: float) -> Told:
    file, drawing = f"{chart.anchor}.svg", chart.figure.wide
    charts[file] = drawing
    size = re.search(rb'width="([\d.]+)pt" height="([\d.]+)pt"', drawing)
    ratio = float(size[2]) / float(size[1]) if size else 1.0
    return {
        "kind": "figure",
        "file": file,
        "alt": chart.figure.alt,
        "width": round(min(across, TALLEST / ratio), 1),
        "title": plain(chart.figure.marked),
        "notes": list(chart.notes),
        "source": chart.foot,
    }


def _table(block: Block, _: object, kind: str) -> list[Told]:
    table: Table = block.content
    widths, size, wide = layout(table, large=kind == "sense", dense=kind == "annex")
    rows = [[{"text": parted(c.text), "kind": c.kind} for c in row] for row in table.rows]
    return [
        {
            "kind": "table",
            "caption": table.caption,
            "header": list(table.header),
            "rows": rows,
            "notes": list(table.notes),
            "widths": widths,
            "size": size,
            "wide": wide,
        }
    ]


def _folded(block: Block, _: object, kind: str) -> list[Told]:
    """Return a line that says where a folded table of the annex stands; ids of results stand in results.csv anyway."""
    if kind != "annex" or not block.name.startswith("Table: "):
        return []
    title = block.name.removeprefix("Table: ").rstrip(".")
    count = f"{len(block.content.rows):,}"
    return [{"kind": "absent", "text": f"{title}: a table of {count} rows, in annex.html and in results.csv."}]


def _answer(block: Block, *_: object) -> list[Told]:
    return [{"kind": "answer", "texts": [plain(s) for s in block.content]}]


_BLOCKS: dict[str, Callable[[Block, dict[str, bytes], str], list[Told]]] = {
    "answer": _answer,
    "lines": _lines,
    "para": _para,
    "bullets": _bullets,
    "two": _two,
    "quote": _quote,
    "absent": _absent,
    "words": _words,
    "links": _links,
    "figures": _figures,
    "items": _items,
    "html": _table,
    "folded": _folded,
}
