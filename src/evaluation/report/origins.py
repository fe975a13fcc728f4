"""Where a number was made: the notebook and its section that published each result, and links to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from evaluation.disclosure import CheckedExhibit

if TYPE_CHECKING:
    from nbformat import NotebookNode

FIRST = "The question"  # the part of a notebook before its first heading
ANSWER = "answer"  # the part that the page sets under the title
HEADING = re.compile(r"^##\s+(.+)$", re.M)
SECTION = re.compile(r"<section id=.*?</section>", re.S)
RESULT = re.compile(r'data-result="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Origin:
    """A section of a notebook: the notebook's name and title, the section's heading and its anchor on the page."""

    notebook: str
    title: str
    heading: str
    anchor: str

    @property
    def address(self) -> str:
        """Where it stands, seen from a page of the report."""
        return f"notebooks/{self.notebook}.html#{self.anchor}"

    def link(self) -> Markup:
        """Return a link to it, with the notebook's number."""
        return Markup('<a href="{}">notebook {}, {}</a>').format(self.address, self.notebook[:2], self.heading)


def origins(
    notebooks: Iterable[tuple[str, str, NotebookNode]], exhibits: Iterable[CheckedExhibit]
) -> dict[str, Origin]:
    """Return the section that published each result first, by result id.

    Parameters
    ----------
    notebooks : iterable of (name, title, notebook)
        Executed notebooks in order.
    exhibits : iterable of CheckedExhibit
        Everything that was published.
    """
    places: dict[str, Origin] = {}
    for name, title, notebook in notebooks:
        for exhibit, origin in _published(name, title, notebook):
            places.setdefault(exhibit, origin)
    found: dict[str, Origin] = {}
    for exhibit in exhibits:
        if exhibit.id in places:
            found |= {r.id: places[exhibit.id] for r in exhibit.cells.values() if r.id not in found}
    return found


def _published(name: str, title: str, notebook: NotebookNode) -> Iterable[tuple[str, Origin]]:
    """Yield each exhibit that a notebook published, with the section it stands in."""
    number, heading = 1, FIRST
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = HEADING.findall(cell.source)
            number, heading = number + len(headings), headings[-1].strip() if headings else heading
            continue
        is_answer = "answer" in cell.metadata.get("tags", [])
        place = ("The answer", ANSWER) if is_answer else (heading, f"part-{number}")
        for output in cell.get("outputs", []):
            mark = output.get("metadata", {}).get("evaluation", {})
            if "exhibit" in mark:
                yield mark["exhibit"], Origin(name, title, *place)


def linked(page: str, made: Mapping[str, Origin]) -> str:
    """Return a page whose sections each end with links to the notebook sections that made their numbers."""

    def with_links(found: re.Match[str]) -> str:
        ids = dict.fromkeys(RESULT.findall(found[0]))
        places = sorted({made[id] for id in ids if id in made}, key=lambda o: (o.notebook, len(o.anchor), o.anchor))
        if not places:
            return found[0]
        links = Markup("; ").join(o.link() for o in places)
        said = Markup('<p class="made screen" data-plan>Where the numbers of this section are made: {}.</p>')
        return found[0].removesuffix("</section>") + str(said.format(links)) + "\n</section>"

    return SECTION.sub(with_links, page)
