"""What the published labels of stop and search say: today's, and those of earlier years, which end with their code."""

from __future__ import annotations

import re

# The codes that forces record (the "18+1" list) by head and last part of the published labels, today's and those of
# the "16+1" list before it.
HEADS = {
    "w": ("white",),
    "m": ("mixed", "mixed/multiple ethnic groups", "mixed/multiple ethnic group"),
    "a": ("asian", "asian/asian british", "asian or asian british"),
    "b": ("black", "black/african/caribbean/black british", "black or black british"),
    "o": ("other ethnic group", "other", "chinese or other ethnic group"),
}
TAILS = {
    "w": {
        "english/welsh/scottish/northern irish/british": "W1",
        "white british": "W1",
        "british": "W1",
        "irish": "W2",
        "white irish": "W2",
        "gypsy or irish traveller": "W3",
        "any other white background": "W9",
        "any other white ethnic background": "W9",
    },
    "m": {
        "white and black caribbean": "M1",
        "white and black african": "M2",
        "white and asian": "M3",
        "any other mixed/multiple ethnic background": "M9",
        "any other mixed ethnic background": "M9",
        "any other mixed background": "M9",
    },
    "a": {
        "indian": "A1",
        "pakistani": "A2",
        "bangladeshi": "A3",
        "chinese": "A4",
        "any other asian background": "A9",
        "any other asian ethnic background": "A9",
    },
    "b": {
        "caribbean": "B1",
        "african": "B2",
        "any other black/african/caribbean background": "B9",
        "any other black ethnic background": "B9",
        "any other black background": "B9",
    },
    "o": {"chinese": "A4", "arab": "O2", "any other ethnic group": "O9", "any other": "O9", "not stated": "NS"},
}
EARLIER = {"O1": "A4", **dict.fromkeys(("N1", "N2", "N3", "N4"), "NS")}  # codes of the list before: Chinese, not stated
CODED = re.compile(r"^(.*?)\s*\(([a-z]\d|ns)\)$")
CODES = {c for tails in TAILS.values() for c in tails.values()}
OFFICERS = ("white", "black", "asian", "mixed", "other")


def self_defined(label: str | None) -> str | None:
    """Return the code of a self-defined label or code; "NS" for blank and "not stated"; None when it is neither.

    A label of earlier years ends with its code, "White - White British (W1)"; one whose words say another code than it
    bears is neither.
    """
    text = " ".join(str(label or "").split()).lower()
    if not text or text == "not stated":
        return "NS"
    if coded := CODED.match(text):
        code, words = _known_code(coded[2]), self_defined(coded[1]) if coded[1] else None
        return code if words in (None, code) or code == "NS" else None
    if _known_code(text):
        return _known_code(text)
    head, _, tail = text.partition(" - ")
    return next((TAILS[letter].get(tail) for letter, heads in HEADS.items() if head in heads), None)


def _known_code(text: str) -> str | None:
    code = EARLIER.get(text.upper(), text.upper())
    return code if code in CODES else None


def officer_defined(label: str | None) -> str | None:
    """Return the broad group that an officer recorded; "blank" for none; None when it is not one of theirs."""
    text = " ".join(str(label or "").split()).lower()
    return "blank" if text in ("", "not stated", "unknown") else text if text in OFFICERS else None
