"""Read one answer at a time: labels to codes, words to reasons, texts to numbers and dates."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from evaluation.codebook import Variable

BLANK, ROUTED, NOT_ASKED, UNREADABLE = -9, -6, -5, -4
MISSING_WORDS = {
    "dont know": -8,
    "don't know": -8,
    "not sure": -8,
    "dont know / not sure": -8,
    "don't know / not sure": -8,
    "does not know": -8,
    "prefer not to say": -7,
    "prefers not to say": -7,
    "rather not say": -7,
    "prefer not to answer": -7,
    "refused": -7,
    "not applicable": -6,
    "n/a": -6,
    "left blank": -9,
    "no answer": -9,
    "not answered": -9,
    "blank": -9,
    "not asked in this wave": -5,
    "not asked": -5,
}
UNTICKED = frozenset({"0", "no", "not selected", "unselected", "unticked", "not ticked", "unchecked", "false", "n"})
MOST_DIGITS = 12
WHOLE_FLOAT = re.compile(r"-?\d+\.0+")
FIRST_SERIAL, LAST_SERIAL = 36526, 73050  # 2000-01-01 to 2099-12-31 as a spreadsheet counts days
MONTH_FORMS = ("%d %B %Y", "%d %b %Y", "%B %Y", "%b %Y", "%d-%b-%Y", "%d-%b-%y", "%B %d, %Y", "%b %d, %Y", "%m/%Y")


def normal(text: str) -> str:
    """Return a label for comparison: lower case, single spaces, straight apostrophes and dashes, no final stop.

    A whole number is the same label whether the export writes 7 or 7.0.
    """
    plain = " ".join(str(text).translate(_STRAIGHT).lower().split()).rstrip(".:")
    return plain[: plain.index(".")] if WHOLE_FLOAT.fullmatch(plain) else plain


_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00a0": " ", "\u200b": ""})


def label_map(given: Mapping[str, str], var: Variable) -> dict[str, Any]:
    """Return normalised label to code: the codebook's words and coded words, then the wave's own map over them.

    A number alone is never a code: what 1 means differs between tools, so only the wave's own map may say it.
    """
    known: dict[str, Any] = {normal(words): code for code, words in var.levels.items()}
    known |= {normal(str(code)): code for code in var.levels if not str(code).lstrip("-").isdigit()}
    known |= {normal(code): code for code in var.extra_levels}
    return known | {normal(str(label)): str(code) for label, code in given.items()}


def is_missing(code: Any) -> bool:
    """Return whether a code is one of the missing codes -9 to -3."""
    return bool(re.fullmatch(r"-[3-9]", str(code)))


def band(cell: str, banded: Mapping[str, Any]) -> str | None:
    """Return the level of a number by its cut points: levels[i] holds numbers under cuts[i], the last all others.

    A number under 0 that is under every cut may be a code for a missing answer, and gets no level.
    """
    found = number(cell)
    if found is None or (found < 0 and all(float(c) >= 0 for c in banded["cuts"])):
        return None
    return str(banded["levels"][sum(found >= float(c) for c in banded["cuts"])])


def number(cell: str) -> float | None:
    """Return a number written plainly, with thousands commas or a final unit sign; None when it is not one."""
    plain = cell.replace(",", "").removesuffix("%").removeprefix("£").strip()
    if len(plain) > MOST_DIGITS or not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?", plain):
        return None
    return float(plain)


def numeric(cell: str, var: Variable, *, under_0: bool = False) -> tuple[Any, str]:
    """Return a number of a numeric variable, or what is wrong with it (the cell itself is never shown).

    Unless `under_0`, a number under 0 of a variable without a stated least value is refused: it may be a code.
    """
    found = number(cell)
    if found is None:
        return None, "what stands here is not a number"
    if var.type == "integer" and not found.is_integer():
        return None, "the number is not whole"
    if found < 0 and var.min is None and not under_0:
        return None, "a number under 0 may be a code for a missing answer"
    low, high = var.min, var.max
    if (low is not None and found < low) or (high is not None and found > high):
        ends = (
            f"{low:g} to {high:g}"
            if low is not None and high is not None
            else (f"{low:g} and over" if low is not None else f"{high:g} and under")
        )
        return None, f"the number lies outside {ends}"
    return int(found) if var.type == "integer" else found, ""


def parse_date(cell: str, order: str) -> dt.date | None:
    """Return a date: ISO always; day or month first as stated; "mixed" takes what is unambiguous, else day first."""
    text = re.split(r"[T ]", cell.strip())[0] if re.match(r"\d{4}-\d", cell.strip()) else cell.strip()
    if match := re.fullmatch(r"(\d{4})[-/](\d{1,2})(?:[-/](\d{1,2}))?", text):
        return _made(int(match[1]), int(match[2]), int(match[3] or 1))
    if re.fullmatch(r"\d{5}(\.\d+)?", text):
        serial = int(float(text))
        inside = FIRST_SERIAL <= serial <= LAST_SERIAL
        return dt.date(1899, 12, 30) + dt.timedelta(days=serial) if inside else None
    if match := re.match(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})(?:[ T,]|$)", text):
        a, b, year = int(match[1]), int(match[2]), int(match[3])
        year += 2000 if year < 100 else 0
        if order == "iso":
            return None
        first_is_month = order == "month_first" or (order == "mixed" and b > 12)
        return _made(year, a, b) if first_is_month else _made(year, b, a)
    for form in MONTH_FORMS:
        try:
            return dt.datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None


def _made(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None
