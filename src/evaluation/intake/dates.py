"""Read dates in the order that a wave or a register states, in the styles that survey tools and people write."""

from __future__ import annotations

import datetime as dt
import re

FIRST_SERIAL, LAST_SERIAL = 36526, 73050  # 2000-01-01 to 2099-12-31 as a spreadsheet counts days
MONTH_FORMS = ("%d %B %Y", "%d %b %Y", "%B %Y", "%b %Y", "%d-%b-%Y", "%d-%b-%y", "%B %d %Y", "%b %d %Y", "%m/%Y")
ZONE = r"(?:z|utc|gmt|bst|cet|cest)?\s*(?:[+-]\d{1,2}(?::?\d{2})?)?"
TIME = re.compile(
    r"^(.*?\d)(?:t|,?\s+)\d{1,2}(?::\d{2}){1,2}(?:[.,]\d+)?\s*(?:[ap]\.?m\.?)?\s*" + ZONE + r"$", re.IGNORECASE
)
WEEKDAY = re.compile(r"^(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+", re.IGNORECASE)
MONTH = re.compile(r"jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|^\d{1,2}/\d{4}$", re.IGNORECASE)
ORDINAL = re.compile(r"^(\d{1,2})(?:st|nd|rd|th)\b|(?<=[a-z] )(\d{1,2})(?:st|nd|rd|th)\b", re.IGNORECASE)
PLACEHOLDERS = frozenset(
    dt.date.fromisoformat(day)
    for day in (
        *("0001-01-01", "1582-10-14", "1899-12-30", "1899-12-31", "1900-01-01", "1904-01-01"),
        *("1960-01-01", "1970-01-01", "1980-01-01", "2000-01-01", "9999-12-31"),
    )
)


def read_date(cell: str, order: str) -> tuple[dt.date | None, str]:
    """Return a date, or what is wrong with it: a day that tools write where none was given is no date."""
    found = parse_date(cell, order)
    if found is None:
        return None, f"what stands here is not a date in the order stated ({order})"
    if found in PLACEHOLDERS:
        return None, "the date is one that tools write where none was given"
    return found, ""


def parse_date(cell: str, order: str) -> dt.date | None:
    """Return a date: ISO always; day or month first as stated; "mixed" takes what is unambiguous, else day first."""
    text = " ".join(cell.split())
    text = match[1] if (match := TIME.fullmatch(text)) else text
    if match := re.fullmatch(r"(\d{4})([-/.])(\d{1,2})(?:\2(\d{1,2}))?", text):
        return _made(int(match[1]), int(match[3]), int(match[4] or 1))
    if match := re.fullmatch(r"((?:19|20)\d\d)(\d\d)(\d\d)", text):
        return _made(int(match[1]), int(match[2]), int(match[3]))
    if re.fullmatch(r"\d{5}(\.\d+)?", text):
        serial = int(float(text))
        inside = FIRST_SERIAL <= serial <= LAST_SERIAL
        return dt.date(1899, 12, 30) + dt.timedelta(days=serial) if inside else None
    if match := re.fullmatch(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})", text):
        return _ordered(int(match[1]), int(match[3]), int(match[4]), order)
    return _named(text)


def _ordered(a: int, b: int, year: int, order: str) -> dt.date | None:
    year += 2000 if year < 100 else 0
    if order == "iso":
        return None
    first_is_month = order == "month_first" or (order == "mixed" and b > 12)
    return _made(year, a, b) if first_is_month else _made(year, b, a)


def _named(text: str) -> dt.date | None:
    """Return a date whose month is a word: "14 September 2026", "Monday, Sept. 14th, 2026"."""
    if not MONTH.search(text):
        return None
    text = ORDINAL.sub(lambda m: m[1] or m[2], WEEKDAY.sub("", text))
    text = re.sub(r"\bsept\b", "Sep", text.replace(",", " ").replace(".", " "), flags=re.IGNORECASE)
    text = " ".join(text.split())
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
