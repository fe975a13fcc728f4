"""Sentences that carry the ids of their numbers: marked while composed, made into markup or plain words at the end."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

_OPEN, _SPLIT, _CLOSE = "\ue000", "\ue001", "\ue002"
_MARK = re.compile(f"{_OPEN}([^{_SPLIT}]*){_SPLIT}([^{_CLOSE}]*){_CLOSE}")


class Cite:
    """Mark a number with the id of the checked row it comes from, or with the plan that fixed it."""

    def __call__(self, row: Any, text: str) -> str:
        """Return `text` marked as coming from a checked row that may be shown."""
        return f"{_OPEN}{row.id}{_SPLIT}{text}{_CLOSE}"

    def plan(self, text: str) -> str:
        """Return `text` marked as a choice of the plan (a margin, a threshold, a date), not a result."""
        return f"{_OPEN}{_SPLIT}{text}{_CLOSE}"


cite = Cite()


def markup(text: str) -> Markup:
    """Return a sentence as safe markup: everything escaped, numbers in spans that name their result."""
    out, at = [], 0
    for found in _MARK.finditer(text):
        out.append(escape(text[at : found.start()]))
        mark = Markup('<span data-result="{}">{}</span>') if found[1] else Markup("<span data-plan>{1}</span>")
        out.append(mark.format(found[1], found[2]))
        at = found.end()
    return Markup("").join([*out, escape(text[at:])])


def plain(text: str) -> str:
    """Return a sentence as plain words."""
    return _MARK.sub(r"\2", text)


def ids(text: str) -> list[str]:
    """Return the result ids that a sentence cites, in order, each once."""
    return list(dict.fromkeys(f[1] for f in _MARK.finditer(text) if f[1]))
