"""What each column of an unknown export is: its kind, levels, ends and missing answers, for a first codebook.

What is described is what the export itself shows; what a word or number means is proposed, and a person confirms it.
No text that one person may have typed is part of a description.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from evaluation.errors import InputError
from evaluation.intake.faults import safe
from evaluation.intake.known_words import MISSING_WORDS, TOOLS_MISSING, normal
from evaluation.intake.numbers import convention, number
from evaluation.intake.privacy import identifies
from evaluation.intake.propose_mapping import date_order
from evaluation.intake.records import Read
from evaluation.plan.checks import RESERVED

MOST_LEVELS = 40  # of a closed question without labels in the file
LEAST_CLOSED = 0.9  # share of the answers that are words which several people gave
WIDELY_USED = {  # words for a missing answer that tools and archives write, and what they are proposed to mean
    "refusal": -7,
    "refuse": -7,
    "refused to answer": -7,
    "dk": -8,
    "don't know/refusal": -8,
    "not available": -9,
    "not ascertained": -9,
    "no answer given": -9,
    "unknown": -9,
    "nan": -9,
    "null": -9,
    "#n/a": -9,
    "<na>": -9,
    "iap": -6,
    "inap": -6,
    "nap": -6,
    "inapplicable": -6,
    "not applicable (routed)": -6,
}
SENTINELS = frozenset(
    {"-1", "-2", "-7", "-8", "-9", "-99", "-999", "97", "98", "99", "997", "998", "999", "9998", "9999"}
)
NEAR = 1.5  # times the next highest answer: a number as far off as this, written 97 to 9999, may be a code


@dataclass(frozen=True, slots=True)
class Description:
    """One column of an export.

    Attributes
    ----------
    column, name, label : str
        Heading, the variable's name that is made from it, and the words for it.
    kind : str
        "category", "integer", "number", "date", "text", "contact" or "empty".
    levels : mapping
        Code to words, in the order of the file's own codes where it has any; of numbers only where they are few.
    ordered : bool
        Whether the codes of the levels are the file's own whole numbers.
    labels : mapping
        Word of the export to the number that the file says it stands for, in a column of numbers.
    missing : mapping
        Words for a missing answer to their code, as proposed; `codes` numbers that may stand for one.
    least, most : float or None
        Ends of the numbers, those that may be codes left out.
    unique : bool
        Whether everybody has an answer, and each another.
    answers : int
        People with an answer.
    """

    column: str
    name: str
    label: str
    kind: str
    levels: Mapping[str, str] = field(default_factory=dict)
    ordered: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    codes: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    unique: bool = False
    answers: int = 0


def describe(read: Read, *, in_text: bool) -> tuple[Description, ...]:
    """Return a description of every column, in order.

    Parameters
    ----------
    in_text : bool
        Whether the export is a text file, whose numbers may be written with a comma.

    Raises
    ------
    InputError
        The row of headings may be somebody's answers; none of it is repeated.
    """
    columns = list(read.frame.columns)
    _require_headings(read)
    names = variable_names(columns)
    return tuple(_described(read, c, n, in_text) for c, n in zip(columns, names, strict=True))


def _require_headings(read: Read) -> None:
    """Refuse headings that look like answers: numbers, contact details, or a text that stands below too."""
    if read.value_labels or read.questions:
        return
    answered = sum(
        number(c) is not None or identifies(c) or c in set(map(str, read.frame[c].array.categories))
        for c in map(str, read.frame.columns)
    )
    if answered:
        raise InputError(
            f"{answered} of the {len(read.frame.columns)} headings may be somebody's answers; they are not shown",
            todo="Say which row holds the headings: --header-row N; or give the file a row of headings.",
        )


def variable_names(columns: Iterable[str]) -> list[str]:
    """Return a name for each heading: lower case, letters, digits and _, none twice, none that the study uses."""
    out: list[str] = []
    for place, column in enumerate(columns, 1):
        words = re.sub(r"[^a-z0-9]+", "_", normal(column).replace("'", "")).strip("_")
        name = words if len(words) <= 32 else "_".join(words[:32].split("_")[:-1]) or words[:32]
        name = name if name[:1].isalpha() else f"q_{name}" if name else f"column_{place}"
        if name in RESERVED or keyword.iskeyword(name):
            name += "_asked"
        again = 2
        first = name
        while name in out:
            name, again = f"{first}_{again}", again + 1
        out.append(name)
    return out


def _described(read: Read, column: str, name: str, in_text: bool) -> Description:
    found = read.frame[column].array
    texts = [str(c) for c in found.categories]
    people = dict(zip(texts, np.bincount(found.codes, minlength=len(texts)).tolist(), strict=True))
    people = {t: n for t, n in people.items() if t and n}
    words = {t for t in people if _known_missing(t)}
    missing = {
        t: WIDELY_USED.get(normal(t), -9) for t in sorted(words) if normal(t) not in MISSING_WORDS | TOOLS_MISSING
    }
    held = {t: n for t, n in people.items() if t not in words}
    answers = sum(held.values())
    label = " ".join(read.questions.get(column, "").split()) or column
    unique = len(held) == answers == len(found)
    made = {"missing": missing, "answers": answers, "unique": unique}
    if not held:
        return Description(column, name, label, "empty", **made)
    if any(identifies(t) for t in held):
        return Description(column, name, label, "contact", **made)
    of_file = {c: w for c, w in read.value_labels.get(column, {}).items() if not _known_missing(w)}
    return Description(column, name, label, **made, **_kind(held, of_file, convention(texts) if in_text else ""))


def _known_missing(text: str) -> bool:
    plain = normal(text)
    return plain in MISSING_WORDS | TOOLS_MISSING | WIDELY_USED or plain.startswith(("user-missing", "missing ."))


def _kind(answers: Mapping[str, int], of_file: Mapping[str, str], decimal: str) -> dict[str, object]:
    """Return kind, levels, ends and codes of the answers of a column."""
    if of_file and set(answers) <= set(of_file.values()):
        codes = sorted(of_file, key=lambda c: (number(c) is None, number(c) or 0.0))
        whole = all(re.fullmatch(r"\d+", c) for c in codes)
        doubled = len({normal(w) for w in of_file.values()}) < len(of_file)
        return (
            {"kind": "text"}
            if doubled
            else {"kind": "category", "levels": {c: of_file[c] for c in codes}, "ordered": whole}
        )
    back = {w: c for c, w in of_file.items() if w in answers and number(c) is not None}
    numbers = {t: number(back.get(t, t), decimal) for t in answers}
    if all(v is not None for v in numbers.values()):
        return _numbers({t: float(v) for t, v in numbers.items() if v is not None}, back)
    if date_order(answers) != "day_first" or _dates(answers):
        return {"kind": "date"}
    return _words(answers)


def _dates(texts: Iterable[str]) -> bool:
    from evaluation.intake.dates import parse_date

    return all(parse_date(t, "day_first") for t in texts)


def _numbers(numbers: Mapping[str, float], back: Mapping[str, str]) -> dict[str, object]:
    """Return the kind of a column of numbers; those that are written as archives write missing ones stand apart."""
    plain = {t: v for t, v in numbers.items() if t not in back}
    written = {t: v for t, v in plain.items() if f"{v:g}" in SENTINELS}
    rest = [v for t, v in numbers.items() if t not in written]
    high, low = max(rest, default=0.0), min(rest, default=0.0)
    codes = tuple(t for t, v in written.items() if rest and (v > NEAR * max(high, 1.0) or (v < 0 <= low)))
    kept = [v for t, v in numbers.items() if t not in codes]
    whole = all(v.is_integer() for v in kept)
    few = sorted({int(v) for v in kept}) if whole and len(set(kept)) <= MOST_LEVELS else []
    words = {c: w for w, c in back.items()}
    return {
        "kind": "integer" if whole else "number",
        "levels": {str(c): words.get(str(c), str(c)) for c in few},
        "ordered": bool(few) and few[0] >= 0,
        "labels": dict(back),
        "codes": codes,
        "least": min(kept),
        "most": max(kept),
    }


def _words(answers: Mapping[str, int]) -> dict[str, object]:
    """Return the levels of a closed question in words, or "text" for one that people answered in their own."""
    shown = [t for t, n in answers.items() if safe(t, people=n) == repr(t)]
    closed = sum(answers[t] for t in shown) >= LEAST_CLOSED * sum(answers.values())
    if not shown or len(shown) > MOST_LEVELS or not closed:
        return {"kind": "text"}
    codes = variable_names(shown)
    return {"kind": "category", "levels": dict(zip(codes, shown, strict=True))}
