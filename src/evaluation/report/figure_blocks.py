"""Exhibits as blocks of a page: a picture with its numbers under it, or a table, folded where it is long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from . import tables
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
    desk: Desk, found: list[Any], *, fold: int, full: bool = False, pictures: bool = True, most: int = 99, up: str = ""
) -> list[Block]:
    """Return blocks for exhibits: charts first come together, tables stand alone; long tables are folded.

    `fold` is the number of rows above which a table is folded; `full` adds the result ids under each table; from
    the `most`-th exhibit on, tables stand folded instead of charts, so that a page keeps its length.
    """
    blocks: list[Block] = []
    more: list[Block] = []
    for rank, exhibit in enumerate(found):
        if rank >= most and exhibit.cells:
            more.append(Block("folded", tables.html(exhibit), f"More on this: {exhibit.title}"))
            continue
        figure = desk.figures.get(exhibit.id) if pictures else None
        if figure is not None:
            placed = place(figure, exhibit, up=up)
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
    return blocks + more


def place(figure: Figure, exhibit: Any, *, up: str = "") -> Placed:
    """Return a drawn chart with both drawings inside the page, and links to the files to copy."""
    folder = f"{up}figures/{exhibit.id}"
    links = tuple((f"{folder}.{kind}", kind.upper()) for kind in ("png", "svg", "csv"))
    return Placed(
        figure, tables.anchor(exhibit.id, "f"), Markup(address(figure.svg)), Markup(address(figure.narrow)),
        " ".join(footer(exhibit)), tuple(exhibit.notes), links, numbers(exhibit),
    )  # fmt: skip


def numbers(exhibit: Any) -> Markup:
    """Return the table of an exhibit's numbers with their result ids."""
    header, rows = data(exhibit)
    caption = f"Numbers and result ids: {exhibit.title}"
    return tables.plain(header, rows, caption=caption, name=tables.anchor(exhibit.id, "n"), ids=True)
