"""A checked exhibit as an accessible table: caption, scoped headers, one result id per cell."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from evaluation.disclosure import CheckedExhibit

NO_FIGURE = "“–” marks a place without a figure: it was not asked then, or the column does not apply to the row."
_CELL = Markup('<td data-result="{}"{}>{}</td>')


def html(exhibit: CheckedExhibit, *, prefix: str = "t", heading: str = "") -> Markup:
    """Return the exhibit's table in a labelled region that can be focused and scrolled.

    Raises
    ------
    TypeError
        For anything that `disclosure` did not make.
    """
    if not isinstance(exhibit, CheckedExhibit):
        raise TypeError(f"tables lay out what disclosure.protect made, not {type(exhibit).__name__}")
    name = anchor(exhibit.id, prefix)
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(c or "What was found") for c in exhibit.columns)
    corner = exhibit.row_header or "What"
    body = Markup("\n").join(_row(exhibit, r) for r in exhibit.rows)
    gaps = any(exhibit.cells.get((r, c)) is None for r in exhibit.rows for c in exhibit.columns)
    told = (*exhibit.notes, NO_FIGURE) if gaps else exhibit.notes
    notes = Markup("").join(Markup('<p class="note" data-plan>{}</p>').format(n) for n in told)
    return Markup(
        '<div class="wide" role="region" tabindex="0" aria-labelledby="{}"><table>\n<caption id="{}">{}</caption>\n'
        '<thead><tr><th scope="col">{}</th>{}</tr></thead>\n<tbody>\n{}\n</tbody></table></div>{}'
    ).format(name, name, heading or _caption(exhibit), corner, head, body, notes)


def plain(header: Any, rows: Any, *, caption: str, name: str, ids: bool = False) -> Markup:
    """Return a table of plain text rows (the first cell of each is its header); last column holds ids when `ids`."""
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(c) for c in header)
    lines = []
    for row in rows:
        first = Markup('<th scope="row">{}</th>').format(row[0] or "–")
        cells = _traced(row) if ids else Markup("").join(Markup("<td>{}</td>").format(c) for c in row[1:])
        lines.append(Markup("<tr>{}{}</tr>").format(first, cells))
    return Markup(
        '<div class="wide" role="region" tabindex="0" aria-labelledby="{}"><table>\n<caption id="{}">{}</caption>\n'
        "<thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody></table></div>"
    ).format(name, name, caption, head, Markup("\n").join(lines))


def _traced(row: Any) -> Markup:
    """Return the cells of a row of numbers: its column is a header too, its last cell is the result id."""
    second = Markup('<th scope="row">{}</th>').format(row[1] or "What was found")
    figures = Markup("").join(Markup('<td data-result="{}">{}</td>').format(row[-1], c) for c in row[2:-1])
    return second + figures + Markup("<td data-plan>{}</td>").format(row[-1])


def anchor(text: str, prefix: str) -> str:
    """Return an id for the page: letters, digits and hyphens."""
    return f"{prefix}-" + "".join(ch if ch.isalnum() and ch.isascii() else "-" for ch in text)


def _row(exhibit: CheckedExhibit, row: str) -> Markup:
    cells = Markup("").join(_cell(exhibit.cells.get((row, c))) for c in exhibit.columns)
    return Markup('<tr><th scope="row">{}</th>{}</tr>').format(row or exhibit.title, cells)


def _cell(checked: Any) -> Markup:
    if checked is None:
        return Markup('<td class="none"><span aria-hidden="true">–</span><span class="hear">no figure</span></td>')
    text = checked.text
    if checked.kind == "estimate" and checked.shown and checked.n_text and "n " not in text:
        text = f"{text}, n {checked.n_text}"
    kind = "" if checked.kind == "words" else Markup(' class="num"')
    return _CELL.format(checked.id, kind, text)


def _caption(exhibit: CheckedExhibit) -> str:
    parts = [exhibit.title]
    if exhibit.wave:
        parts.append(f"Wave {exhibit.wave}")
    if exhibit.source:
        parts.append(f"Source: {exhibit.source}")
    return " ".join(p if p[-1:] in ".?!" else f"{p}." for p in parts if p)
