"""Exhibits as blocks of a page: a picture with its numbers under it, or a table, folded where it is long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from . import tables
from .context import long_date
from .drawing import address
from .figures import Figure, data, footer
from .layout import Block, Desk


@dataclass(frozen=True, slots=True)
class Placed:
    """A drawn chart as the template wants it."""

    figure: Figure
    anchor: str
    wide: Markup
    narrow: Markup
    foot: str
    notes: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    table: Markup


def exhibits(
    desk: Desk,
    found: list[Any],
    *,
    fold: int,
    full: bool = False,
    pictures: bool = True,
    most: int = 99,
    up: str = "",
    told: set[str] | None = None,
) -> list[Block]:
    """Return blocks for exhibits: charts first come together, tables stand alone; long tables are folded.

    `fold` is the number of rows above which a table is folded; `full` adds the result ids under each table; from
    the `most`-th exhibit on, tables stand folded instead of charts, so that a page keeps its length. A note in `told`
    is not said again under a chart, and what is said is added to it.
    """
    blocks: list[Block] = []
    more: list[Block] = []
    refused = [e for e in found if is_refusal(e)]
    for rank, exhibit in enumerate(e for e in found if e not in refused):
        if rank >= most and exhibit.cells:
            more.append(Block("folded", tables.html(exhibit), f"More on this: {exhibit.title}"))
            continue
        figure = desk.figures.get(exhibit.id) if pictures else None
        if figure is not None:
            placed = _once(place(figure, exhibit, long_date(desk.ctx.date), up=up), told)
            if blocks and blocks[-1].kind == "figures":
                blocks[-1].content.append(placed)
            else:
                blocks.append(Block("figures", [placed]))
        elif exhibit.cells:
            table = tables.html(exhibit)
            folded = len(exhibit.rows) > fold
            blocks.append(Block("folded", table, f"Table: {exhibit.title}") if folded else Block("html", table))
        if full and exhibit.cells and figure is None:
            blocks.append(Block("folded", numbers(exhibit), f"Result ids of: {exhibit.title}"))
    return blocks + more + ([Block("absent", absent(refused))] if refused else [])


def _once(placed: Placed, told: set[str] | None) -> Placed:
    """Return a placed chart without the notes that stood before it on the page."""
    if told is None:
        return placed
    new = tuple(n for n in placed.notes if n not in told)
    told.update(new)
    return replace(placed, notes=new)


def is_refusal(exhibit: Any) -> bool:
    """Return whether an exhibit holds nothing but one reason why there is nothing to show."""
    rows = list(exhibit.cells.values())
    return len(rows) == 1 and rows[0].kind == "not_identified"


def absent(refused: list[Any]) -> Markup:
    """Return one sentence that says what a section does not show, and why."""
    said: dict[str, list[Markup]] = {}
    ids: dict[str, str] = {}
    for exhibit in refused:
        row = next(iter(exhibit.cells.values()))
        name = Markup('<span id="{}" data-plan>{}</span>').format(
            tables.anchor(exhibit.id, "t"), exhibit.title.rstrip("?.")
        )
        said.setdefault(row.reason.rstrip("."), []).append(name)
        ids.setdefault(row.reason.rstrip("."), row.id)
    reason = Markup('{} (<span data-result="{}">{}</span>)')
    parts = [reason.format(Markup(", ").join(names), ids[why], why) for why, names in said.items()]
    return Markup("Not answerable with this data: {}.").format(Markup("; ").join(parts))


def place(figure: Figure, exhibit: Any, date: str, *, up: str = "") -> Placed:
    """Return a drawn chart with both drawings inside the page, and links to the files to copy."""
    folder = f"{up}figures/{exhibit.id}"
    links = tuple((f"{folder}.{kind}", kind.upper()) for kind in ("png", "svg", "csv"))
    return Placed(
        figure,
        tables.anchor(exhibit.id, "f"),
        Markup(address(figure.wide_part)),
        Markup(address(figure.narrow_part)),
        " ".join(footer(exhibit, date)),
        tuple(exhibit.notes),
        links,
        numbers(exhibit),
    )


def numbers(exhibit: Any) -> Markup:
    """Return the table of an exhibit's numbers with their result ids."""
    header, rows = data(exhibit)
    caption = f"Numbers and result ids: {exhibit.title}"
    return tables.plain(header, rows, caption=caption, name=tables.anchor(exhibit.id, "n"), ids=True)
