"""The checked rows of a run, found by id, and the lines that sentences about them make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evaluation.disclosure import CheckedResults

from . import phrases
from .cite import cite, ids, plain
from .context import ReportContext


@dataclass(frozen=True, slots=True)
class Line:
    """One paragraph: a verdict word (or none) and its sentences, numbers marked with their result ids."""

    sentences: tuple[str, ...]
    verdict: str = ""

    def marked(self) -> str:
        """Return the paragraph as one text, its numbers still marked."""
        lead = f"{phrases.VERDICT_WORDS.get(self.verdict, self.verdict)}. " if self.verdict else ""
        return lead + " ".join(self.sentences)

    def text(self) -> str:
        """Return the paragraph as plain words."""
        return plain(self.marked())

    def ids(self) -> list[str]:
        """Return the result ids that the paragraph cites."""
        return [i for s in self.sentences for i in ids(s)]


class Rows:
    """The checked rows of a run, found by id or by the parts of an id; a row that is not there is None."""

    def __init__(self, checked: CheckedResults) -> None:
        if not isinstance(checked, CheckedResults):
            raise TypeError(f"sentences are made from what disclosure.protect made, not {type(checked).__name__}")
        self._rows = {x.id: x for e in checked.exhibits for x in e.cells.values()}

    def get(self, *parts: str) -> Any | None:
        """Return the row `<contrast>.<outcome>.<group>.<wave>`, or None."""
        return self._rows.get(".".join(p.lower() for p in parts))

    def starting(self, start: str) -> Iterator[Any]:
        """Yield the rows whose id starts so, in order of publication."""
        return (x for key, x in self._rows.items() if key.startswith(start))

    def all(self) -> list[Any]:
        """Return every row."""
        return list(self._rows.values())


def fixed(text: str) -> str:
    """Return words of the plan, marked as fixed where they hold a number ("people aged 16 to 24")."""
    return cite.plan(text) if any(ch.isdigit() for ch in text) else text


def group_words(ctx: ReportContext, code: str) -> str:
    """Return a group in the plan's words, marked as fixed where they hold a number."""
    return fixed(ctx.group_words(code))
