"""Read numbers by a declared or provable convention, or say what is wrong with them; the cell is never shown."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from evaluation.plan.codebook import Variable

POINT = re.compile(r"[+-]?(?=\.?\d)(\d+|[1-9]\d{0,2}(,\d{3})+)?(\.\d*)?([eE][+-]?\d{1,2})?")
COMMA = re.compile(r"[+-]?(?=,?\d)(\d+|[1-9]\d{0,2}(\.\d{3})+)?(,\d*)?")
BEYOND = 1.6  # times the last cut: a greater number is a code or a year unless [bands] says `most`
SIGNS = str.maketrans({"−": "-", "–": "-", "\u00a0": " "})


def convention(texts: Iterable[str]) -> str:
    """Return the decimal mark that the numbers of a text file's column prove, "." or ","; "" for neither."""
    held = [_plain(t) for t in texts]
    point = any(_is(POINT, t) and not _is(COMMA, t) for t in held)
    comma = any(_is(COMMA, t) and not _is(POINT, t) for t in held)
    return "" if point == comma else "." if point else ","


def _plain(cell: str) -> str:
    return cell.translate(SIGNS).strip().removesuffix("%").removeprefix("£").strip()


def _is(form: re.Pattern[str], text: str) -> bool:
    return bool(form.fullmatch(text)) and any(c.isdigit() for c in text)


def number(cell: str, decimal: str = "") -> float | None:
    """Return a number written plainly or in groups of three; None when it is not one in this convention."""
    plain = _plain(cell)
    if not plain.isascii() or not _is(COMMA if decimal == "," else POINT, plain):
        return None
    plain = plain.replace(".", "").replace(",", ".") if decimal == "," else plain.replace(",", "")
    found = float(plain)
    return found if math.isfinite(found) else None


def band(cell: str, banded: Mapping[str, Any], decimal: str = "") -> str | None:
    """Return the level of a number by its cut points: levels[i] holds numbers under cuts[i], the last all others.

    A number under 0 that is under every cut, or far beyond the last one, may be a code or a year, and gets no level;
    `least` and `most` of the table say otherwise.
    """
    found, cuts = number(cell, decimal), [float(c) for c in banded["cuts"]]
    most = banded.get("most", BEYOND * cuts[-1] if cuts and cuts[-1] > 0 else math.inf)
    least = banded.get("least", 0 if all(c >= 0 for c in cuts) else -math.inf)
    if found is None or not least <= found <= most:
        return None
    return str(banded["levels"][sum(found >= c for c in cuts)])


def numeric(cell: str, var: Variable, *, under_0: bool = False, decimal: str = "") -> tuple[float | None, str]:
    """Return a number of a numeric variable, or what is wrong with it (the cell itself is never shown).

    Unless `under_0`, a number under 0 of a variable without a stated least value is refused: it may be a code.
    """
    found = number(cell, decimal)
    if found is None:
        comma = "," in cell and number(cell, ",") is not None
        return None, "what stands here is not a number" + (' unless decimal = "," is declared' if comma else "")
    if var.type == "number" and not decimal and "," in cell and "." not in cell:
        return None, 'the comma may mark decimals or thousands: declare decimal = "," or "."'
    if var.type == "integer" and not found.is_integer():
        return None, "the number is not whole"
    if found < 0 and var.min is None and (var.type == "integer" or not under_0):
        return None, "a number under 0 may be a code for a missing answer"
    if not (-math.inf if var.min is None else var.min) <= found <= (math.inf if var.max is None else var.max):
        return None, f"the number lies outside {_range(var)}"
    return int(found) if var.type == "integer" else found, ""


def _range(var: Variable) -> str:
    if var.min is not None and var.max is not None:
        return f"{var.min:g} to {var.max:g}"
    return f"{var.min:g} and over" if var.min is not None else f"{var.max:g} and under"
