"""Propose how an export maps onto the codebook: header, columns, labels, ticks, dates; each with how sure it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path

from evaluation.errors import InputError
from evaluation.intake import readers
from evaluation.intake.mapping import MISSING_WORDS, label_map, normal, number, parse_date
from evaluation.plan.codebook import Codebook, Variable

EXACT, NORMALISED, LEAST = 1.0, 0.95, 0.75
MOST_TITLE_ROWS = 10
MOST_HEADER_ROWS = 3
MOST_LABELS = 60
DELIMITERS = (";", ",", "|", "\n")
NUMBERED = re.compile(r"^\(?q?\d+[a-z]?[.):_\- ]+")


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposed pair, with how sure: 1.0 exact, 0.95 equal once normalised, less for the nearest."""

    column: str
    target: str
    confidence: float

    @property
    def how(self) -> str:
        """Return "exact", "normalised" or "nearest", with the confidence of the last."""
        if self.confidence >= EXACT:
            return "exact"
        return "normalised" if self.confidence >= NORMALISED else f"nearest, {self.confidence:.0%}: check it"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the header stands in a file."""

    sheet: str = ""
    header_row: int = 1
    header_rows: int = 1
    delimiter: str = ""
    score: float = 0.0


def layout(path: Path, book: Codebook, *, delimiter: str = "", encoding: str = "") -> Layout:
    """Return the sheet and the header rows whose cells are most often names or labels of the codebook."""
    kind = path.suffix.lower()
    if kind in readers.TEXT:
        rows, delimiter, _ = readers.head_rows(path, MOST_TITLE_ROWS + MOST_HEADER_ROWS, delimiter, encoding)
        return replace(_header(rows, book), delimiter=delimiter)
    if kind in readers.SHEETS:
        best = Layout()
        for name in readers.workbook(path).sheet_names:
            rows = readers.sheet_rows(path, name)[: MOST_TITLE_ROWS + MOST_HEADER_ROWS]
            found = _header(rows, book)
            if rows and (not best.sheet or found.score > best.score):
                best = replace(found, sheet=name)
        return best
    return Layout()


def _header(rows: Sequence[Sequence[str]], book: Codebook) -> Layout:
    known = {normal(w) for n in book.names() for w in (n, book.label(n))}
    full = next((i for i, r in enumerate(rows, 1) if sum(bool(c.strip()) for c in r) > len(r) / 2), 1)
    best = Layout(header_row=full)
    for row in range(1, min(len(rows), MOST_TITLE_ROWS) + 1):
        for count in range(1, MOST_HEADER_ROWS + 1):
            score = _header_score(rows, row, count, known)
            if score > best.score + 1e-9:
                best = Layout(header_row=row, header_rows=count, score=score)
    return best


def _header_score(rows: Sequence[Sequence[str]], row: int, count: int, known: set[str]) -> float:
    """Return the share of columns that are known words; 0 where a further header row or none follows."""
    try:
        names, _ = readers.header_names(rows, row, count)
    except InputError:
        return 0.0
    following = rows[row + count - 1] if len(rows) >= row + count else []
    said = [c.strip().lower() for c in following if c.strip()]
    second = sum(c in readers.GENERIC or c.startswith(readers.IMPORT_ID) for c in said)
    if not said or second > len(said) / 4:
        return 0.0
    hits = sum(any(bare(p) in known for p in name.split(" | ")) for name in names if name)
    return hits / max(len(names), 1) - 0.01 * (count - 1)


def bare(text: str) -> str:
    """Return a heading for comparison: normal, without the number of the question or its final mark."""
    return NUMBERED.sub("", normal(text)).rstrip("?*: ")


def propose(read: readers.Read, book: Codebook) -> tuple[list[Proposal], list[str]]:
    """Return the proposed map, each variable (or level of a multiple choice) used once, and the columns left over."""
    columns = list(read.frame.columns)
    targets = _targets(book)
    scored = []
    for place, column in enumerate(columns):
        words = [column, *column.split(" | "), read.questions.get(column, "")]
        for target, likes in targets.items():
            score = max((_likeness(w, likes, target) for w in dict.fromkeys(words) if w), default=0.0)
            if score >= LEAST:
                scored.append((-score, place, "." not in target, target))
    taken: set[str] = set()
    found: dict[str, Proposal] = {}
    for score, place, _, target in sorted(scored):
        if columns[place] not in found and target not in taken and not _clashes(target, taken):
            found[columns[place]] = Proposal(columns[place], target, round(-score, 2))
            taken.add(target)
    return [found[c] for c in columns if c in found], [c for c in columns if c not in found]


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
    known = set(label_map({}, var)) | set(MISSING_WORDS)
    out = []
    for text in texts:
        if not text or normal(text) in known or len(out) >= MOST_LABELS:
            continue
        best = max(var.levels, key=lambda c: SequenceMatcher(None, normal(text), normal(var.levels[c])).ratio())
        sure = SequenceMatcher(None, normal(text), normal(var.levels[best])).ratio()
        if re.fullmatch(r"-?\d+(\.\d+)?", text):
            out.append((text, "", 0.0))
        elif sure >= LEAST or people.get(text, 0) >= 3:
            out.append((text, str(best) if sure >= LEAST else "", sure))
    return sorted(out, key=lambda one: (number(one[0]) is not None, number(one[0]) or 0.0))


def delimiter(texts: Iterable[str], var: Variable) -> str:
    """Return what separates the ticks of a multiple choice in one column: the mark that leaves most known labels."""
    known = set(label_map({}, var)) | set(MISSING_WORDS)
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
