"""What a word of an export means: labels to codes, words for missing answers, words for a tick and for none.

The world is closed: a word is read because it is known to mean that, never because it is not known to mean another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from evaluation.plan.codebook import Variable

BLANK, ROUTED, NOT_ASKED, UNREADABLE = -9, -6, -5, -4
MISSING_WORDS = {
    "dont know": -8,
    "do not know": -8,
    "unsure": -8,
    "can't say": -8,
    "cannot say": -8,
    "don't know": -8,
    "not sure": -8,
    "dont know / not sure": -8,
    "don't know / not sure": -8,
    "does not know": -8,
    "prefer not to say": -7,
    "prefers not to say": -7,
    "rather not say": -7,
    "prefer not to answer": -7,
    "prefer not to disclose": -7,
    "would rather not say": -7,
    "declined to answer": -7,
    "refused": -7,
    "not applicable": -6,
    "does not apply": -6,
    "doesn't apply": -6,
    "n/a": -6,
    "left blank": -9,
    "no answer": -9,
    "not answered": -9,
    "blank": -9,
    "(blank)": -9,
    "no response": -9,
    "not stated": -9,
    "skipped": -9,
    "missing": -9,
    "not asked in this wave": -5,
    "not asked": -5,
}
# What statistical tools write for a missing value. In a column of one choice "-" may as well mean that it was not
# ticked, so there they are not known.
TOOLS_MISSING = {"na": -9, "-": -9, ".": -9}
TICKED = frozenset(
    {
        "1",
        "yes",
        "y",
        "true",
        "x",
        "✓",
        "✔",
        "ticked",
        "selected",
        "checked",
        "chosen",
        "mentioned",
        "tick",
        "☑",
        "quoted",
        "marked",
        "on",
    }
)
UNTICKED = frozenset(
    {"0", "no", "n", "false", "unticked", "not ticked", "unselected", "not selected", "unchecked", "not checked"}
    | {"not chosen", "not mentioned", "unmentioned", "☐", "not quoted", "unmarked", "not marked", "off"}
)
WHOLE_FLOAT = re.compile(r"-?\d+\.0+")


def normal(text: str) -> str:
    """Return a label for comparison: lower case, single spaces, straight apostrophes and dashes, no final stop.

    A whole number is the same label whether the export writes 7 or 7.0.
    """
    plain = " ".join(str(text).translate(_STRAIGHT).lower().split())
    plain = plain.rstrip(".:") or plain
    return plain[: plain.index(".")] if WHOLE_FLOAT.fullmatch(plain) else plain


_STRAIGHT = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00a0": " ", "\u200b": "", "\ufe0f": ""}
)


def label_map(labels: Mapping[str, str], var: Variable, *, own_codes: bool = False) -> dict[str, str | int]:
    """Return normalised label to code: the codebook's words and coded words, then the wave's own map over them.

    A number alone is never a code: what 1 means differs between tools, so only the wave's own map may say it;
    `codes = "codebook"` of wave.toml says once for a file that its numbers are the codebook's codes.
    """
    known: dict[str, str | int] = {normal(words): code for code, words in var.levels.items()}
    known |= {normal(str(code)): code for code in var.levels if not str(code).lstrip("-").isdigit()}
    known |= {normal(code): code for code in var.extra_levels}
    if own_codes:
        known |= {str(code): code for code in (*var.levels, *range(-9, -2)) if str(code).lstrip("-").isdigit()}
    if var.type == "yndk":
        words_of_tools: dict[str, str | int] = {"true": "yes", "false": "no", "y": "yes", "n": "no"}
        known = words_of_tools | known
    return known | {normal(str(label)): str(code) for label, code in labels.items()}


def missing_words(codebook: Mapping[str, str], wave: Mapping[str, str]) -> dict[str, int]:
    """Return normalised word to missing code: known everywhere, by the codebook's own words, and by the wave's."""
    own = {normal(words): int(code) for code, words in codebook.items()}
    return MISSING_WORDS | TOOLS_MISSING | own | {normal(word): int(code) for word, code in wave.items()}


def is_missing(code: object) -> bool:
    """Return whether a code is one of the missing codes -9 to -3."""
    return bool(re.fullmatch(r"-[3-9]", str(code)))
