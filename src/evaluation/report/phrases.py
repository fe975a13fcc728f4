"""The words a result may be given: number forms and verdict sentences.

The sentences are those of the study's reporting rules: the finding first, then how sure, then how many people; the
licence caps the verb; negative, null and uncertain results get the same pattern as positive ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from markupsafe import Markup, escape

from evaluation.disclosure import CheckedRow
from evaluation.verdict import LITTLE_OR_NO, NOT_ANSWERABLE, TOO_FEW, UNCERTAIN_TOGETHER

INTERVAL_NOTE = "A range: if we repeated the survey many times, most results would fall in a range like this."
POINT_NOTE = "A point is a percentage point of positive answers."

SIZES = {3: "three-point ", 4: "four-point ", 5: "five-point ", 6: "six-point ", 7: "seven-point ", 11: "eleven-point "}


def known(value: float | None) -> float:
    """Return a number that the caller has found to be there.

    Raises
    ------
    TypeError
        There is no number.
    """
    if value is None:
        raise TypeError("a number was asked for where there is none")
    return value


def places(value: float, unit: str = "") -> int:
    """Return with how many decimals a number is printed: none for shares, two under one scale point, one above."""
    size = abs(value)
    if is_share(unit):
        return 0 if size >= 0.95 or size == 0 else 1
    return 2 if size < 0.995 else 1 if size < 99.95 else 0


def number(value: float, unit: str = "") -> str:
    """Return a number alone as a sentence prints it, without decimals that say nothing."""
    text = f"{abs(value):,.{places(value, unit)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def alike(values: Sequence[float], unit: str = "") -> list[str]:
    """Return the numbers of one sentence, such as both ends of an interval, all with the same decimals."""
    most = max((places(v, unit) for v in values if v), default=0)
    texts = [f"{abs(v):,.{most}f}" for v in values]
    while texts and all("." in x and x[-1] in "0." for x in texts):
        texts = [x[:-1] for x in texts]
    return texts


def bare(value: float) -> str:
    """Return a number to six significant digits, never as a power of ten."""
    text = f"{value:.6g}"
    return (f"{value:.8f}".rstrip("0").rstrip(".") or "0") if "e-" in text else f"{value:.0f}" if "e" in text else text


def is_share(unit: str) -> bool:
    """Return whether a unit is per cent or percentage points."""
    return "per cent" in unit or "percentage" in unit or unit.strip() == "%"


def unit_words(unit: str, value: float | None = None) -> str:
    """Return a unit for the middle of a sentence: "percentage points", "points out of 5"."""
    if "percentage point" in unit or ("per cent" in unit and "point" in unit):
        return "percentage point" if value is not None and number(value, unit) == "1" else "percentage points"
    if "scale" in unit:
        if value is None or abs(value) >= 1:
            return "scale points"
        ends = re.search(r"the (\d+) to (\d+) scale", unit)
        size = SIZES.get(int(ends[2]) - int(ends[1]) + 1, "") if ends else "five-point "
        return f"of a point on the {size}scale"
    return unit


def in_unit(unit: str, value: float) -> tuple[str, str]:
    """Return what follows a size, and what follows its range: " of a point" and " on the five-point scale"."""
    words = " " + unit_words(unit, value)
    size, of, scale = words.partition(" on the ")
    return size, of + scale


def span(low: float, high: float, unit: str = "") -> str:
    """Return an interval's ends as "a and b", smaller size first when both lie on one side of zero."""
    first, last = (abs(high), abs(low)) if high <= 0 else (low, high)
    return " and ".join(alike((first, last), unit))


def listed(items: Sequence[str]) -> str:
    """Return words as "a, b and c"."""
    items = [w for w in items if w]
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def upper_first(text: str) -> str:
    """Return the text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a contrast is about, in words.

    Attributes
    ----------
    what : str
        The outcome, "confidence in the police".
    who : str
        "among Black respondents", or "" when the comparison names them.
    than : str
        "than in 2022", "than among people who had not attended".
    noun : str
        "change" or "difference".
    pair : str
        "between Black respondents and all other respondents", where two groups are compared.
    since : str
        "since 2022", where the finding is a change.
    more : str
        A clause that ends the sentence of a direction: what would remove the difference.
    """

    what: str
    who: str = ""
    than: str = ""
    noun: str = "difference"
    pair: str = ""
    since: str = ""
    more: str = ""


class Marker(Protocol):
    """What marks a number with its source: `cite`, or a stand-in that leaves the text as it is."""

    def __call__(self, row: CheckedRow, text: str) -> str:
        """Return the text of a number, marked with the result it comes from."""

    def plan(self, text: str) -> str:
        """Return the text of a choice of the plan, marked as such."""


def finding(row: CheckedRow, subject: Subject, cite: Marker, *, pre_waves: int = 1) -> list[str]:
    """Return the sentences of a contrast's verdict, its numbers passed through `cite(row, text)`.

    `row` is a checked row; a row that may not be shown, or was refused, says why in the same position.
    """
    word = row.verdict or ""
    if row.kind == "not_identified" or word == NOT_ANSWERABLE:
        question = (getattr(row, "question", "") or "").strip()
        lead = [cite.plan(question)] if question.endswith("?") else []
        return [*lead, f"This survey cannot answer that, because {cite(row, _reason(row))}."]
    if row.kind == "too_few" or not row.shown or word == TOO_FEW:
        return [f"Too few people answered to report safely on {subject.what} {subject.who}".strip() + "."]
    lines = _by_word(row, subject, cite, word, pre_waves)
    if getattr(row, "indicative", False):
        lines[0] = f"Indicative only: {lines[0][:1].lower()}{lines[0][1:]}"
    return lines


def _reason(row: CheckedRow) -> str:
    reason = (row.reason or "").strip().rstrip(".")
    if reason:
        return reason[:1].lower() + reason[1:] if not reason[:2].isupper() else reason
    failed = [name for kind, name, passed in gates(row) if kind == "design" and not passed]
    names = listed(list(dict.fromkeys(failed_condition(n, row) for n in failed)))
    return names or "a condition set in advance was not met"


FAILED_CONDITIONS = {
    "balance": "the two groups were too unlike each other to be compared fairly",
    "overlap": "too few people of one group had anybody like them in the other",
    "routes": "most people of one group were reached in a way that nobody else was",
    "wording": "the question was not worded in the same way each time",
    "attendance_asked": "the survey did not ask who took part",
    "both_arms": "one of the two groups gave no answers",
    "balance_flag": "the two groups were less alike than chance would make them",
    "unmatched": "too many people of one group had nobody like them to be compared with",
    "companion": "a second way of comparing, set in advance, rests on too few people",
    "dates": "some answers of the first survey came after the first event, or have no date",
    "selection": "people who came because they trusted the police already cannot be told apart",
    "controls": "people who attended also differ on things that the events cannot have moved",
    "same_sign": "the ways of analysing do not agree",
    "invariance": "the statements of the scale may not measure alike in those compared, or too few answered to tell",
    "double_control": "nothing may be left once an unseen trait is allowed for by views of other services",
    "effective": "the answers are worth too few independent ones",
    "cells": "nobody answered in a part of the population",
    "margins": "the answers could not be weighted to every population figure at once",
}


def failed_condition(id: str, row: CheckedRow | None = None) -> str:
    """Return in plain words what it means that a gate failed; else its own note, else its id in words."""
    name = "invariance" if id.startswith("scale.invariance.") else id.rsplit(".", 1)[-1]
    if name in FAILED_CONDITIONS:
        return FAILED_CONDITIONS[name]
    stated = getattr(row, "gates", ())
    note = "" if isinstance(stated, str) else next((g.note.rstrip(".") for g in stated if g.id == id), "")
    return f"this condition was not met: {note or id.replace('_', ' ').replace('.', ' ')}"


def _by_word(row: CheckedRow, s: Subject, cite: Marker, word: str, pre_waves: int) -> list[str]:
    unit = row.unit or ""
    if word.startswith(("higher", "lower")):
        return _directed(row, s, cite, word, pre_waves)
    if word == LITTLE_OR_NO:
        margin = cite.plan(number(known(row.margin), unit)) if _bar(row, "margin") is not None else "the margin"
        if row.licence == "association":
            return [f"The groups who answered differed by less than {margin} {unit_words(unit)} in {s.what}."]
        return [f"We can rule out a {s.noun} of more than {margin} {unit_words(unit)} either way in {_about(s)}."]
    low, high = row.low, row.high
    if low is None or high is None:
        return [f"We cannot tell: no range could be given for {_about(s)}."]
    verb = "changed" if s.noun == "change" else "differed"
    ends = " to ".join(
        f"{cite(row, text)} {'lower' if end < 0 else 'higher'}"
        for end, text in zip((low, high), alike((low, high), unit), strict=True)
    )
    whether = f"{s.what} {verb} {s.pair}" if s.pair else f"{_about(s)} {verb}"
    whether = f"{whether} {s.since}".strip()
    if word == UNCERTAIN_TOGETHER:
        alone = f"Taken alone the {s.noun} would lie anywhere from {ends}, {_scale(unit)}."
        return [f"We cannot tell whether {whether}, once the questions asked together are allowed for.", alone]
    return [f"We cannot tell whether {whether}.", f"The true {s.noun} could be anywhere from {ends}, {_scale(unit)}."]


def _about(s: Subject) -> str:
    return f"{s.what} {s.who}".strip()


def _scale(unit: str) -> str:
    return (
        "in percentage points" if is_share(unit) else "on the five-point scale" if "scale" in unit else unit or "in all"
    )


def _directed(row: CheckedRow, s: Subject, cite: Marker, word: str, pre_waves: int) -> list[str]:
    side = word.split(",")[0]
    unit = row.unit or ""
    clause = " ".join(x for x in (s.what, s.who, "was", side, s.than) if x)
    if row.licence == "exploratory":
        clause = f"the answers hint that {clause}"
    elif row.licence == "effect":
        clause = _effect_clause(s, side, pre_waves)
    low, high = known(row.low), known(row.high)
    first, last = (abs(high), abs(low)) if high <= 0 else (low, high)
    small_study = row.mde is not None and row.margin is not None and row.mde > 2 * row.margin
    shown = alike((first, last) if small_study else (first, last, known(row.value)), unit)
    between = f"between {cite(row, shown[0])} and {cite(row, shown[1])}"
    if small_study:
        size = f"by somewhere {between} {unit_words(unit, last)}"
        lines = [f"{upper_first(clause)}, {size}{s.more}.", "Studies this small overstate differences."]
    else:
        about = cite(row, shown[2])
        lines = [f"{upper_first(clause)}, by about {about} {unit_words(unit, row.value)} ({between}){s.more}."]
    if word.endswith("fragile"):
        place = "see “How sure are we?” in the report"
        lines.append(f"This depends on how we analyse it, or on doubts we could not remove: {place}.")
    if word.endswith("small") and _bar(row, "margin") is not None:
        margin = cite.plan(number(known(row.margin), unit))
        lines.append(f"That is less than the {margin} {unit_words(unit)} set in advance as worth noticing.")
    return lines


def _bar(row: CheckedRow, name: str) -> float | None:
    """Return a number that a row may lack."""
    return getattr(row, name, None)


def _effect_clause(s: Subject, side: str, pre_waves: int) -> str:
    if pre_waves < 2:
        return f"the answers are consistent with {side} {_about(s)} where events were held"
    verb = "raised" if side == "higher" else "lowered"
    return f"the events are likely to have {verb} {_about(s)}"


def gates(row: CheckedRow) -> list[tuple[str, str, bool]]:
    """Return a row's gates as (kind, id, passed), from objects or from the text of `results.csv`."""
    value = getattr(row, "gates", ()) or ()
    if isinstance(value, str):
        parts = [p.strip() for p in value.split(";") if p.strip()]
        return [(p.split(":", 1)[0], p.split(":", 1)[-1].rsplit("=", 1)[0], p.endswith("=passed")) for p in parts]
    return [(g.kind, g.id, g.passed) for g in value]


_OPEN, _SPLIT, _CLOSE = "\ue000", "\ue001", "\ue002"
_MARK = re.compile(f"{_OPEN}([^{_SPLIT}]*){_SPLIT}([^{_CLOSE}]*){_CLOSE}")


class Cite:
    """Mark a number with the id of the checked row it comes from, or with the plan that fixed it."""

    def __call__(self, row: CheckedRow, text: str) -> str:
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


NEVER = (
    "hard to reach",
    "hard-to-reach",
    "BAME",
    "non-white",
    "disappointing",
    "despite",
    "challenging context",
    "no effect",
    "no difference",
    "unchanged",
    "trend towards",
    "failed to reach",
    "police-public",
    "police/public",
)
NEEDS_EFFECT = (
    "caused",
    "causes",
    "led to",
    "thanks to",
    "impact",
    "improved by",
    "increased trust",
    "increased confidence",
    "raised trust",
    "raised confidence",
    "works",
    "proves",
    "proved",
    "evidence shows that",
    "resulted in",
    "due to",
    "because of the events",
    "made people",
    "effective",
)
ANNEX_ONLY = (
    "p-value",
    "p value",
    "significant",
    "significantly",
    "propensity",
    "difference-in-differences",
    "DiD",
    "confidence interval",
    "null hypothesis",
    "standard error",
    "caliper",
    "entropy balancing",
    "doubly robust",
    "nearest neighbour",
    "nearest neighbours",
    "Kaplan-Meier",
    "Aalen-Johansen",
    "Holm",
)
GREEK = re.compile(r"[\u0391-\u03a9\u03b1-\u03c9]")
RELATIVE = re.compile(
    r"\b(?:rose|fell|increase[ds]?|decrease[ds]?|up|down)\b[^.]{0,25}\bby \d+ ?(?:%|per cent\b)", re.I
)


@dataclass(frozen=True, slots=True)
class Breach:
    """One place where a page breaks a phrasing rule: the rule, the words found, the sentence."""

    rule: str
    found: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.found!r} in {self.sentence!r}"


def check(text: str, *, effect: bool = False, annex: bool = False, allowed: Iterable[str] = ()) -> list[Breach]:
    """Return each breach of the phrasing rules in a page's plain text.

    Parameters
    ----------
    text : str
        Visible text, sentences ended by full stops.
    effect : bool
        True where a planned effect with its gates passed licenses causal verbs.
    annex : bool
        True for technical pages, where technical terms may stand.
    allowed : iterable of str
        Exact strings that are quoted (the study's title, a section's fixed heading) and do not count.
    """
    for phrase in sorted(allowed, key=len, reverse=True):
        text = text.replace(phrase, " ")
    breaches = []
    for sentence in sentences(text):
        breaches += [Breach("never", p, sentence) for p in NEVER if _has(sentence, p)]
        if not effect and not _denies(sentence):
            breaches += [
                Breach("needs the licence of an effect", p, sentence) for p in NEEDS_EFFECT if _has(sentence, p)
            ]
        if not annex:
            breaches += [Breach("annex only", p, sentence) for p in ANNEX_ONLY if _has(sentence, p)]
            breaches += [Breach("annex only", g, sentence) for g in GREEK.findall(sentence)]
        if RELATIVE.search(sentence):
            breaches.append(Breach("relative change of a percentage", RELATIVE.search(sentence).group(), sentence))
    return breaches


_SHARE = re.compile(r"\d+ ?%")
_BASE = re.compile(r"(?:\bof|\bn) (?:about )?\d[\d,]*|\d[\d,]* (?:people|respondents|actions|comments)", re.I)


def baseless(text: str) -> list[Breach]:
    """Return the sentences that give a percentage without the number of people or things that it is of."""
    found = (s for s in sentences(text) if _SHARE.search(s))
    return [Breach("a percentage without its base", _SHARE.search(s).group(), s) for s in found if not _BASE.search(s)]


VERDICT_SIGNS = (
    "higher",
    "lower",
    "anywhere from",
    "cannot answer",
    "cannot tell",
    "rule out",
    "differed by",
    "too few",
)


def too_long(text: str, *, most: int = 20, verdict_words: int = 30) -> list[Breach]:
    """Return the sentences of the first two pages that are too long; a verdict sentence may run longer."""
    out = []
    for sentence in sentences(text):
        count = len(sentence.split())
        bar = verdict_words if any(v in sentence.lower() for v in VERDICT_SIGNS) else most
        if count > bar:
            out.append(Breach(f"longer than {bar} words", str(count), sentence))
    return out


def sentences(text: str) -> list[str]:
    """Return the sentences of a plain text."""
    flat = re.sub(r"[ \t]+", " ", text)
    parts = re.split(r"(?<=[.!?])\s+(?=[A-Z“\"‘(0-9])|\n+", flat)
    return [p.strip() for p in parts if p.strip()]


def _has(sentence: str, phrase: str) -> bool:
    flags = 0 if phrase.isupper() or phrase == "DiD" else re.I
    return re.search(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", sentence, flags) is not None


def _denies(sentence: str) -> bool:
    """Return whether the sentence says that such a claim may not be made."""
    return re.search(r"\b(?:cannot|not|never|whether|neither|nor)\b", sentence, re.I) is not None
