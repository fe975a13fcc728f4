"""Propose how an export maps onto the codebook: columns, labels, ticks, dates; each with how sure it is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from evaluation.intake.faults import safe
from evaluation.intake.header_rows import RESPONDENT_NUMBERS, TIMES, bare
from evaluation.intake.known_words import missing_words
from evaluation.intake.mapping import label_map, normal, number, parse_date
from evaluation.intake.records import Read
from evaluation.plan.codebook import Codebook, Variable

EXACT, NORMALISED, LEAST = 1.0, 0.95, 0.75
MOST_LABELS = 60
DELIMITERS = (";", ",", "|", "\n")


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposed pair, with how sure: 1.0 exact, 0.95 equal once normalised, less for the nearest."""

    column: str
    target: str
    confidence: float
    known: str = ""  # where it is known from, if not by likeness

    @property
    def how(self) -> str:
        """Return "exact", "normalised" or "nearest", with the confidence of the last."""
        if self.known:
            return self.known
        if self.confidence >= EXACT:
            return "exact"
        return "normalised" if self.confidence >= NORMALISED else f"nearest, {self.confidence:.0%}: check it"


def propose(read: Read, book: Codebook, named: Collection[str] = ()) -> tuple[list[Proposal], list[str]]:
    """Return the proposed map, each variable (or level of a multiple choice) used once, and the columns left over.

    `named` are variables that have a column already.
    """
    columns = list(read.frame.columns)
    targets = _targets(book)
    scored = []
    for place, column in enumerate(columns):
        words = [column, *column.split(" | "), read.questions.get(column, ""), *without_group(column)]
        for target, likes in targets.items():
            score = max((_likeness(w, likes, target) for w in dict.fromkeys(words) if w), default=0.0)
            if score >= LEAST:
                scored.append((-score, place, "." not in target, target))
    scored += _tools_own(read, book, columns)
    taken = set(named)
    found: dict[str, Proposal] = {}
    for score, place, _, target in sorted(scored):
        if columns[place] not in found and target not in taken and not _clashes(target, taken):
            found[columns[place]] = Proposal(columns[place], target, round(-score, 2))
            taken.add(target)
    return [found[c] for c in columns if c in found], [c for c in columns if c not in found]


def without_group(column: str) -> list[str]:
    """Return a heading without the groups that some tools put before it: "about/who/sex" is "who/sex", and "sex"."""
    parts = column.split("/") if " " not in column else []
    return ["/".join(parts[i:]) for i in range(1, len(parts))]


def _tools_own(read: Read, book: Codebook, columns: Sequence[str]) -> list[tuple[float, int, bool, str]]:
    """Return scores for columns that survey tools add themselves: their number of a response, when it was given.

    The order of the names decides between several; a column whose cells are not all filled and different is none.
    """
    dates = [n for n in book.names() if book.variable(n).type == "date" and book.role(n) == "collection"]
    out = []
    for place, column in enumerate(columns):
        words = [
            w for t in (column, *column.split(" | "), read.questions.get(column, "")) for w in (normal(t), bare(t))
        ]
        for names, targets in ((RESPONDENT_NUMBERS, ["resp_id"]), (TIMES, dates[:1])):
            at = min((names.index(w) for w in words if w in names), default=-1)
            if at >= 0 and targets and (names is TIMES or _numbers_everybody(read, column)):
                out.append((-NORMALISED + at / 10_000, place, True, targets[0]))
    return out


def _numbers_everybody(read: Read, column: str) -> bool:
    found = read.frame[column].array
    return bool(len(set(found.codes)) == len(found) and "" not in found.categories[found.codes])


def _targets(book: Codebook) -> dict[str, list[str]]:
    """Return target to the words it may stand under; a level of a multiple choice is a target of its own."""
    out: dict[str, list[str]] = {}
    for name in book.names():
        var = book.variable(name)
        if name == "wave":
            continue
        plain = re.sub(r" *\([^)]*\)", "", var.label)
        out[name] = list(dict.fromkeys(bare(w) for w in (name, name.replace("_", " "), var.label, plain)))
        if var.type == "multi":
            for level, words in var.levels.items():
                asked = (name, name.replace("_", " "), var.label)
                out[f"{name}.{level}"] = [_joined(a, w) for a in asked for w in (words, str(level))]
    return out


def _joined(question: str, level: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", f"{bare(question)} {bare(level)}").strip()


def _clashes(target: str, claimed: set[str]) -> bool:
    """Return whether a multiple choice would be read both whole and level by level."""
    name, dot, _ = target.partition(".")
    return name in claimed if dot else any(t.startswith(f"{name}.") for t in claimed)


def _likeness(texts: str, likes: Sequence[str], target: str) -> float:
    if texts == target:
        return EXACT
    plain = re.sub(r"[^a-z0-9]+", " ", bare(texts)).strip() if "." in target else bare(texts)
    if plain in likes:
        return NORMALISED
    return 0.9 * max((ratio(plain, like) for like in likes), default=0.0)


def ratio(one: str, other: str) -> float:
    """Return how alike two texts are, 0 to 1; 0 at once where they cannot reach the least that is proposed."""
    if not one or not other or 2 * min(len(one), len(other)) / (len(one) + len(other)) < LEAST:
        return 0.0
    matcher = SequenceMatcher(None, one, other)
    return matcher.ratio() if matcher.quick_ratio() >= LEAST else 0.0


def labels(texts: Iterable[str], var: Variable, people: dict[str, int]) -> list[tuple[str, str, float]]:
    """Return (label, code, confidence) for each label that the codebook's own words do not cover; code "" for none.

    A number alone gets no code: what 1 means differs between tools. A label that fewer than three people gave, and
    that resembles nothing, is left out: it may be somebody's own words.
    """
    known = set(label_map({}, var)) | set(missing_words({}, {}))
    out = []
    for text in texts:
        if not text or normal(text) in known or len(out) >= MOST_LABELS:
            continue
        best = max(var.levels, key=lambda c: SequenceMatcher(None, normal(text), normal(var.levels[c])).ratio())
        sure = SequenceMatcher(None, normal(text), normal(var.levels[best])).ratio()
        if safe(text, people=people.get(text, 0), known=var.levels.values()) != repr(text):
            continue
        if re.fullmatch(r"-?\d+(\.\d+)?", text):
            out.append((text, "", 0.0))
        elif sure >= LEAST or people.get(text, 0) >= 3:
            out.append((text, str(best) if sure >= LEAST else "", sure))
    return sorted(out, key=lambda one: (number(one[0]) is not None, number(one[0]) or 0.0))


def delimiter(texts: Iterable[str], var: Variable) -> str:
    """Return what separates the ticks of a multiple choice in one column: the mark that leaves most known labels."""
    known = set(label_map({}, var)) | set(missing_words({}, {}))
    held = [t for t in texts if t]

    def mapped(mark: str) -> int:
        return sum(normal(p) in known for t in held for p in (t.split(mark) if normal(t) not in known else [t]))

    return max(DELIMITERS, key=mapped)


def date_order(texts: Iterable[str]) -> str:
    """Return the order of day and month that every date allows: "mixed" when no single one does."""
    held = [t for t in texts if t]
    for order in ("iso", "day_first", "month_first"):
        if held and all(parse_date(t, order) for t in held):
            return order
    return "mixed" if held and all(parse_date(t, "mixed") for t in held) else "day_first"
