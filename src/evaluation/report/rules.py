"""The rules that rendered pages are held to: banned words, bases beside percentages, length of sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

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


def too_long(text: str, *, words: int = 20, verdict_words: int = 30) -> list[Breach]:
    """Return the sentences of the first two pages that are too long; a verdict sentence may run longer."""
    out = []
    for sentence in sentences(text):
        count = len(sentence.split())
        bar = verdict_words if any(v in sentence.lower() for v in VERDICT_SIGNS) else words
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
