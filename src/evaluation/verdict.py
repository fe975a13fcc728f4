"""The verdict rule: what a contrast may be said to show, from its row alone, with every word and what it means."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from evaluation.errors import DataError

HIGHER, LOWER = "higher", "lower"
FRAGILE, SMALL = "but fragile", "but small"
LITTLE_OR_NO = "little or no difference"
TOO_UNCERTAIN = "too uncertain to say"
UNCERTAIN_TOGETHER = "too uncertain together"
TOO_FEW = "too few to report"
NOT_ANSWERABLE = "not answerable"
NOT_SHOWN = "not shown, to protect people"  # no verdict: a count hidden so that another cannot be worked out
LEAST_SAME_SIGN = 0.9
SIGN, HALVED, ONE_SIDED, FAMILY = "signs of analyses", "size of analyses", "one-sided doubt", "family"


@dataclass(frozen=True, slots=True)
class VerdictWord:
    """One word of the rule: its heading in the list of words, what it means to a reader, and the verdicts that bear it.

    Attributes
    ----------
    heading, meaning : str
        As the list of words on a page prints them.
    says : str
        "direction", "size" (small, or little or none), "uncertain", or "nothing" where no number may be read.
    labels : mapping of str to str
        Each verdict of `results.csv` that bears the word, and its label on a page.
    """

    heading: str
    meaning: str
    says: str
    labels: Mapping[str, str]


def _both(word: str) -> dict[str, str]:
    return {f"{side}, {word}": f"{side.capitalize()}, {word}" for side in (HIGHER, LOWER)}


VERDICT_WORDS = (
    VerdictWord(
        "Higher or lower",
        "The range lies on one side, most other analyses agree, and every check was passed.",
        "direction",
        {HIGHER: "Higher", LOWER: "Lower"},
    ),
    VerdictWord(
        "But fragile",
        "The range lies on one side, but a check failed or the answer depends on how we analyse it.",
        "direction",
        _both(FRAGILE),
    ),
    VerdictWord(
        "But small",
        "There is a difference, smaller than the size set in advance as worth noticing.",
        "size",
        _both(SMALL),
    ),
    VerdictWord(
        "Little or no difference",
        "The whole range is smaller than the size set in advance as worth noticing.",
        "size",
        {LITTLE_OR_NO: "Little or no difference"},
    ),
    VerdictWord(
        "Too uncertain to say",
        "The range includes both a rise and a fall, and is wide; “together”: it would if all questions were allowed "
        "for.",
        "uncertain",
        {
            TOO_UNCERTAIN: "Too uncertain to say",
            UNCERTAIN_TOGETHER: "Too uncertain once the questions asked together are allowed for",
        },
    ),
    VerdictWord(
        "Too few to report",
        "Too few people or groups of people answered to report this safely.",
        "nothing",
        {TOO_FEW: "Too few to report"},
    ),
    VerdictWord(
        "Not answerable with this data",
        "A condition that the answer needs is not met, whatever the numbers say.",
        "nothing",
        {NOT_ANSWERABLE: "Not answerable with this data"},
    ),
)
LABELS: dict[str, str] = {verdict: label for word in VERDICT_WORDS for verdict, label in word.labels.items()}
MEANINGS: dict[str, str] = {word.heading: word.meaning for word in VERDICT_WORDS}
VERDICTS = tuple(LABELS)
WITHOUT_NUMBER = tuple(v for word in VERDICT_WORDS for v in word.labels if word.says == "nothing")
UNCERTAIN = tuple(v for word in VERDICT_WORDS for v in word.labels if word.says == "uncertain")


class HasRow(Protocol):
    """Anything that gives one row of `results.csv`: an estimate, or the reason why there is none."""

    def tidy(self) -> Mapping[str, object]:
        """Return the row."""


def verdict(result: HasRow | Mapping[str, object]) -> str:
    """Return the verdict of a contrast from its row alone (a mapping, or a Series of `results.csv`); "" for a level.

    The order is fixed: a failed design gate, size, direction of the 95 % interval as used, fragility (`why_fragile`),
    small or little difference (whole interval inside the margin and every quality gate passed), higher or lower, too
    uncertain. A contrast of a family other than the primary one earns a direction, in whatever form, only with a
    family-adjusted p of 0.05 or less; else it is too uncertain together with its family, or little or no difference. An
    end equal to the null or to the margin excludes nothing.

    Parameters
    ----------
    result : Estimate, NotIdentified, TooFew, mapping or Series
        A result, or its row of `results.csv`: `null`, `low`, `high`, `margin` in its own unit (ratios: null 1, margin
        on the log scale), `gates` as objects or as `kind:id=passed;...`, `family`, `p_family`,
        `same_sign_share` (0 to 1), `specification_median`, `doubt`.

    Returns
    -------
    str
        One of `VERDICTS`, or "".

    Raises
    ------
    DataError
        What is neither a result nor a row.
    """
    row = _row(result)
    gates = _gates(row.get("gates"))
    if _failed(gates, "design"):
        return NOT_ANSWERABLE
    if _failed(gates, "size"):
        return TOO_FEW
    null, low, high = (_number(row.get(k)) for k in ("null", "low", "high"))
    if null is None or low is None or high is None:
        stated = _text(row.get("verdict"))
        return stated if stated in WITHOUT_NUMBER else ""
    found = _direction(row)
    direction = found if _earned(row) else 0
    word = {1: HIGHER, -1: LOWER, 0: ""}[direction]
    if direction and why_fragile(row):
        return f"{word}, {FRAGILE}"
    if _inside_margin(row, null, low, high) and not _failed(gates, "quality"):
        return f"{word}, {SMALL}" if direction else LITTLE_OR_NO
    if direction:
        return word
    return UNCERTAIN_TOGETHER if found else TOO_UNCERTAIN


def why_fragile(result: HasRow | Mapping[str, object]) -> tuple[str, ...]:
    """Return what stands against the direction of an interval, in the order of the rule; () where nothing does.

    Ids of failed quality gates as "gate:<id>"; "signs of analyses" (under 90 % of specifications of the planned
    sign), "size of analyses" (their median under half the planned estimate), "one-sided doubt" (in the direction
    found), "family" (not below 0.05 once its family of outcomes is allowed for: then no direction is stated at all).

    Parameters
    ----------
    result : Estimate, NotIdentified, TooFew, mapping or Series
        As for `verdict`.

    Returns
    -------
    tuple of str
        The reasons.
    """
    row = _row(result)
    direction = _direction(row)
    if not direction:
        return ()
    found = [f"gate:{name}" for name in _failed_ids(row.get("gates"), "quality")]
    share = _number(row.get("same_sign_share"))
    found += [SIGN] if share is not None and share < LEAST_SAME_SIGN else []
    found += [HALVED] if _halved(row) else []
    found += [ONE_SIDED] if {"up": 1, "down": -1}.get(_text(row.get("doubt")), 0) == direction else []
    found += [] if _earned(row) else [FAMILY]
    return tuple(found)


def _row(result: HasRow | Mapping[str, object]) -> dict[str, object]:
    """Return a result as one row; a mapping or a Series is one already."""
    if isinstance(result, Mapping):
        return dict(result)
    read = getattr(result, "tidy", None) or getattr(result, "to_dict", None)
    if read is None:
        raise DataError(f"a verdict needs a result or its row, not {type(result).__name__}", todo="Give either.")
    return dict(read())


def _text(value: object) -> str:
    """Return a cell as words; every way of writing "missing" is blank."""
    text = "" if value is None else str(value)
    return "" if text in ("nan", "<NA>", "NaT") else text


def _number(value: Any) -> float | None:
    return float(value) if _text(value) else None


def _direction(row: Mapping[str, object]) -> int:
    """Return 1, -1 or 0: the side of the null on which the whole 95 % interval lies."""
    null, low, high = (_number(row.get(k)) for k in ("null", "low", "high"))
    if null is None or low is None or high is None:
        return 0
    return 1 if low > null else -1 if high < null else 0


def _gates(value: Any) -> list[tuple[str, str, bool]]:
    """Read gates as objects or as `kind:id=passed;…`; return (kind, id, passed) triples."""
    if not _text(value):
        return []
    if isinstance(value, str):
        parts = [p.strip() for p in value.split(";") if p.strip()]
        return [(p.split(":", 1)[0], p.split(":", 1)[-1].rsplit("=", 1)[0], p.endswith("=passed")) for p in parts]
    return [(g.kind, g.id, g.passed) for g in value]


def _failed(gates: list[tuple[str, str, bool]], kind: str) -> bool:
    return any(k == kind and not passed for k, _, passed in gates)


def _failed_ids(gates: object, kind: str) -> list[str]:
    return [name for k, name, passed in _gates(gates) if k == kind and not passed]


def _halved(row: Mapping[str, object]) -> bool:
    """Return whether the median of the specifications is under half the planned estimate, or on the other side."""
    median, value, null = (_number(row.get(k)) for k in ("specification_median", "value", "null"))
    if median is None or value is None or null is None:
        return False
    planned, middle = (_log(value), _log(median)) if null == 1 else (value - null, median - null)
    return middle * math.copysign(1, planned) < abs(planned) / 2


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else -math.inf


def _inside_margin(row: Mapping[str, object], null: float, low: float, high: float) -> bool:
    margin = _number(row.get("margin"))
    if margin is None:
        return False
    below, above = (_log(low), _log(high)) if null == 1 else (low - null, high - null)
    return -margin < below and above < margin


def _earned(row: Mapping[str, object]) -> bool:
    if _text(row.get("family")) in ("", "primary"):
        return True
    adjusted = _number(row.get("p_family"))
    return adjusted is not None and adjusted <= 0.05
