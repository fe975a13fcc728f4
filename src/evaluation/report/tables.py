"""A checked exhibit as an accessible table: caption, scoped headers, one result id per cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from evaluation.disclosure import CheckedExhibit, CheckedRow

NO_FIGURE = "“–” marks a place without a figure: it was not asked then, or the column does not apply to the row."


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
    head = columns(c or "What was found" for c in exhibit.columns)
    corner = exhibit.row_header or "What"
    body = Markup("\n").join(_row(exhibit, r) for r in exhibit.rows)
    gaps = any(exhibit.cells.get((r, c)) is None for r in exhibit.rows for c in exhibit.columns)
    told = (*exhibit.notes, NO_FIGURE) if gaps else exhibit.notes
    notes = Markup("").join(Markup('<p class="note" data-plan>{}</p>').format(n) for n in told)
    return Markup(
        '<div class="wide" role="region" tabindex="0" aria-labelledby="{}"><table>\n<caption id="{}">{}</caption>\n'
        '<thead><tr><th scope="col">{}</th>{}</tr></thead>\n<tbody>\n{}\n</tbody></table></div>{}'
    ).format(name, name, heading or _caption(exhibit), corner, head, body, notes)


def plain(
    header: Iterable[str], rows: Iterable[Sequence[str]], *, caption: str, name: str, ids: bool = False
) -> Markup:
    """Return a table of plain text rows (the first cell of each is its header); last column holds ids when `ids`."""
    head = columns(header)
    lines = [_line(row[0] or "–", _number_cells(row) if ids else figures(row[1:])) for row in rows]
    return Markup(
        '<div class="wide" role="region" tabindex="0" aria-labelledby="{}"><table>\n<caption id="{}">{}</caption>\n'
        "<thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody></table></div>"
    ).format(name, name, caption, head, Markup("\n").join(lines))


def columns(names: Iterable[str]) -> Markup:
    """Return the header cells of columns."""
    return _joined(f'<th scope="col">{escape(n)}</th>' for n in names)


def figures(texts: Iterable[str]) -> Markup:
    """Return plain cells."""
    return _joined(f"<td>{escape(t)}</td>" for t in texts)


def _joined(parts: Iterable[str]) -> Markup:
    """Return parts, each escaped where it was made, as one."""
    return Markup("".join(parts))


def _line(name: str, cells: Markup) -> Markup:
    return _joined(("<tr>", f'<th scope="row">{escape(name)}</th>', cells, "</tr>"))


def _number_cells(row: Sequence[str]) -> Markup:
    """Return the cells of a row of numbers: its column is a header too, its last cell is the result id."""
    where = escape(row[-1])
    second = f'<th scope="row">{escape(row[1] or "What was found")}</th>'
    numbers = (f'<td data-result="{where}">{escape(c)}</td>' for c in row[2:-1])
    return _joined((second, *numbers, f"<td data-plan>{where}</td>"))


def anchor(text: str, prefix: str) -> str:
    """Return an id for the page: letters, digits and hyphens."""
    return f"{prefix}-" + "".join(ch if ch.isalnum() and ch.isascii() else "-" for ch in text)


def _row(exhibit: CheckedExhibit, row: str) -> Markup:
    return _line(row or exhibit.title, _joined(_cell(exhibit.cells.get((row, c))) for c in exhibit.columns))


def _cell(checked: CheckedRow | None) -> str:
    """Return one cell, escaped."""
    if checked is None:
        return '<td class="none"><span aria-hidden="true">–</span><span class="hear">no figure</span></td>'
    text = checked.text
    if checked.kind == "estimate" and checked.shown and checked.n_text and "n " not in text:
        text = f"{text}, n {checked.n_text}"
    kind = "" if checked.kind == "words" else ' class="num"'
    return f'<td data-result="{escape(checked.id)}"{kind}>{escape(text)}</td>'


def _caption(exhibit: CheckedExhibit) -> str:
    parts = [exhibit.title]
    if exhibit.wave:
        parts.append(f"Wave {exhibit.wave}")
    if exhibit.source:
        parts.append(f"Source: {exhibit.source}")
    return " ".join(p if p[-1:] in ".?!" else f"{p}." for p in parts if p)
