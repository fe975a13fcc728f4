"""What must never leave: patterns of identifiers, planted values, cells that a spreadsheet would run."""

from __future__ import annotations

import re
from collections.abc import Iterable

PATTERNS = {
    "e-mail address": re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}"),
    "UK telephone number": re.compile(
        r"(?<![\d.])(?:\+44\s?|0)(?:7\d{3}|1\d{2,4}|2\d|3\d{2})[\s-]?\d{3}[\s-]?\d{3,4}(?![\d.])"
    ),
    "UK postcode": re.compile(r"\b(?:LE|NG|CV|PE|DE|NN)\d{1,2}[A-Z]?\s?\d[ABD-HJLNP-UW-Z]{2}\b"),
}


def scan(text: str, planted: Iterable[str] = ()) -> list[str]:
    """Return what a text gives away; nothing that was found is repeated.

    Parameters
    ----------
    text : str
        Text that is about to be published.
    planted : iterable of str
        Values that must not be in it.

    Returns
    -------
    list of str
        The kind of each pattern found (`PATTERNS`), and "planted value" for each planted one.
    """
    found = [name for name, pattern in PATTERNS.items() if pattern.search(text)]
    return found + ["planted value" for value in planted if value and value in text]


def escape_cell(text: str) -> str:
    """Return a cell that a spreadsheet shows instead of running.

    Parameters
    ----------
    text : str
        Text of a cell.

    Returns
    -------
    str
        The text, with an apostrophe before =, +, -, @, tab or return.
    """
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
