"""The parts that pages are made of: blocks in sections in a page, and the desk that holds what they are made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from evaluation.disclosure import CheckedResults

from . import sentences as say
from .context import ReportContext
from .figures import Figure


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a section: its kind (the template's), its content, a name or heading.

    `fixed` marks words whose numbers come from the plan, the manifest or a date, never from a result.
    """

    kind: str
    content: Any
    name: str = ""
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a page."""

    mark: str
    title: str
    anchor: str
    blocks: tuple[Block, ...]
    sheet: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page: kind (a class of its body), title, lines under the title, sections, foot."""

    kind: str
    title: str
    meta: tuple[str, ...]
    sections: tuple[Section, ...]
    foot: tuple[str, ...] = ()
    letters: bool = False


@dataclass(slots=True)
class Desk:
    """What the pages are made from: checked results, their rows, the context and the drawn charts."""

    checked: CheckedResults
    ctx: ReportContext
    figures: dict[str, Figure]
    rows: say.Rows = field(init=False)

    def __post_init__(self) -> None:
        self.rows = say.Rows(self.checked)

    def at(self, section: str) -> list[Any]:
        """Return the exhibits of a section, in order of publication."""
        return [e for e in self.checked.exhibits if section in e.sections]
