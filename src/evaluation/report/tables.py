"""Tables as objects: a caption, headers, cells that name their result. A page shows one by `__html__`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import escape

from evaluation.disclosure import CheckedExhibit, CheckedRow

NO_FIGURE = "“–” marks a place without a figure: it was not asked then, or the column does not apply to the row."
_INSIDE = {
    "none": '<span aria-hidden="true">–</span><span class="hear">no figure</span>',
    "blank": '<span class="hear">to fill in</span>',
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, its result ("" where it has none), its kind, and whether its result's id is its address.

    Kinds: "" plain words, "num" a figure, "head" a header of its row, "plan" words of the plan, "none" no figure,
    "blank" to fill in.
    """

    text: str
    result: str = ""
    kind: str = ""
    anchor: bool = False

    def __html__(self) -> str:
        if self.kind == "head":
            return f'<th scope="row">{escape(self.text)}</th>'
        mark = f' data-result="{escape(self.result)}"' if self.result else " data-plan" if self.kind == "plan" else ""
        shown = f' class="{self.kind}"' if self.kind in ("num", "none", "blank") else ""
        place = f' id="{escape(self.result)}"' if self.anchor else ""
        return f"<td{place}{mark}{shown}>{_INSIDE.get(self.kind) or escape(self.text)}</td>"


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the first cell of each row is its header.

    Attributes
    ----------
    name : str
        Its anchor in a page.
    results : tuple of str
        For each row the result that all its cells trace to; empty where cells name their own.
    look : str
        A class of its region.
    """

    name: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    look: str = ""

    def __html__(self) -> str:
        name, head = escape(self.name), "".join(f'<th scope="col">{escape(h)}</th>' for h in self.header)
        marks = [f' data-result="{escape(r)}"' for r in self.results] or [""] * len(self.rows)
        rows = zip(marks, self.rows, strict=True)
        body = "\n".join(f"<tr{mark}>{''.join(c.__html__() for c in row)}</tr>" for mark, row in rows)
        notes = "".join(f'<p class="note" data-plan>{escape(n)}</p>' for n in self.notes)
        return (
            f'<div class="{f"wide {self.look}".strip()}" role="region" tabindex="0" aria-labelledby="{name}"><table>\n'
            f'<caption id="{name}">{escape(self.caption)}</caption>\n<thead><tr>{head}</tr></thead>\n'
            f"<tbody>\n{body}\n</tbody></table></div>{notes}"
        )

    def __str__(self) -> str:
        return self.__html__()


def of(exhibit: CheckedExhibit, *, prefix: str = "t", heading: str = "", anchored: set[str] | None = None) -> Table:
    """Return the exhibit's table; with `anchored`, the first cell of a result in a page is the result's address.

    Raises
    ------
    TypeError
        For anything that `disclosure` did not make.
    """
    if not isinstance(exhibit, CheckedExhibit):
        raise TypeError(f"tables lay out what disclosure.protect made, not {type(exhibit).__name__}")
    header = (exhibit.row_header or "What", *(c or "What was found" for c in exhibit.columns))
    gaps = any(exhibit.cells.get((r, c)) is None for r in exhibit.rows for c in exhibit.columns)
    rows = (
        (Cell(r or exhibit.title, kind="head"), *(_cell(exhibit.cells.get((r, c)), anchored) for c in exhibit.columns))
        for r in exhibit.rows
    )
    notes = (*exhibit.notes, NO_FIGURE) if gaps else tuple(exhibit.notes)
    return Table(anchor(exhibit.id, prefix), heading or _caption(exhibit), header, tuple(rows), notes)


def plain(header: Iterable[str], rows: Iterable[Sequence[str]], *, caption: str, name: str) -> Table:
    """Return a table of plain text rows."""
    lines = ((Cell(row[0] or "–", kind="head"), *(Cell(t) for t in row[1:])) for row in rows)
    return Table(name, caption, tuple(header), tuple(lines))


def numbers(header: Iterable[str], rows: Iterable[Sequence[str]], *, caption: str, name: str) -> Table:
    """Return a table of numbers: row and column are headers, the last cell names the result."""
    lines = (
        (
            Cell(row[0] or "–", kind="head"),
            Cell(row[1] or "What was found", kind="head"),
            *(Cell(t, row[-1]) for t in row[2:-1]),
            Cell(row[-1], kind="plan"),
        )
        for row in rows
    )
    return Table(name, caption, tuple(header), tuple(lines))


def anchor(text: str, prefix: str) -> str:
    """Return an id for the page: letters, digits and hyphens."""
    return f"{prefix}-" + "".join(ch if ch.isalnum() and ch.isascii() else "-" for ch in text)


def _cell(checked: CheckedRow | None, anchored: set[str] | None = None) -> Cell:
    if checked is None:
        return Cell("–", kind="none")
    text = checked.text
    if checked.kind == "estimate" and checked.shown and checked.n_text and "n " not in text:
        text = f"{text}, n {checked.n_text}"
    if checked.indicative and checked.shown:
        text = f"{text}, indicative only"
    new = anchored is not None and checked.id not in anchored
    if anchored is not None:
        anchored.add(checked.id)
    return Cell(text, checked.id, "" if checked.kind == "words" else "num", anchor=new)


def _caption(exhibit: CheckedExhibit) -> str:
    parts = [exhibit.title]
    if exhibit.wave:
        parts.append(f"Wave {exhibit.wave}")
    if exhibit.source:
        parts.append(f"Source: {exhibit.source}")
    return " ".join(p if p[-1:] in ".?!" else f"{p}." for p in parts if p)
