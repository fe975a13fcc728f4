"""What was read of an export: for each column its variable, answers by level, missing by reason, least and most.

It is for the owner's own screen: it holds counts under the threshold of disclosure, and no text that anybody typed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from evaluation.intake.faults import safe
from evaluation.intake.mapped_wave import Mapped
from evaluation.intake.records import Read
from evaluation.intake.wave_file import WaveInfo
from evaluation.plan.codebook import Codebook, Variable

MOST_LETTERS = 40  # of a heading


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """What became of one variable.

    Attributes
    ----------
    variable, columns : str, tuple of str
        The codebook's variable, and the headings of the export that it was read from.
    answers, missing : mapping
        Words of a level, or of a reason, to the number of people.
    least, most : str
        Ends of what was read: numbers and days; "" for others.
    """

    variable: str
    columns: tuple[str, ...]
    answers: Mapping[str, int]
    missing: Mapping[str, int]
    least: str = ""
    most: str = ""

    def line(self) -> str:
        """Return the variable in one line."""
        heading = ", ".join(_short(c) for c in self.columns) or "(made)"
        same = [c.strip().casefold() for c in self.columns] == [self.variable.casefold()]
        parts = [", ".join(f"{words} {n}" for words, n in self.answers.items())]
        parts += [f"{self.least} to {self.most}" if self.least else ""]
        parts += ["missing: " + ", ".join(f"{words} {n}" for words, n in self.missing.items()) if self.missing else ""]
        return f"  {self.variable}{'' if same else f' (from {heading})'}: " + "; ".join(p for p in parts if p)


@dataclass(frozen=True, slots=True)
class WaveRead:
    """What was read of a wave: its file, the sheet, the rows, and each variable."""

    wave: str
    file: str
    sheet: str
    people: int
    held: int
    columns: tuple[ReadColumn, ...]

    def text(self) -> str:
        """Return what was read as lines."""
        sheet = f", sheet {safe(self.sheet)}" if self.sheet else ""
        first = f"Read of {self.wave}: {self.file}{sheet}, {self.held} rows, {self.people} people"
        return "\n".join([first, *(c.line() for c in self.columns)])


def table(info: WaveInfo, read: Read, mapped: Mapped, book: Codebook) -> WaveRead:
    """Return what was read of a wave."""
    from_columns: dict[str, list[str]] = {}
    for column, target in info.columns.items():
        from_columns.setdefault(target.partition(".")[0], []).append(column)
    columns = tuple(_columns(mapped, book, from_columns))
    return WaveRead(info.wave, info.file, read.sheet, len(read.frame), read.held, columns)


def _columns(mapped: Mapped, book: Codebook, from_columns: Mapping[str, list[str]]) -> Iterator[ReadColumn]:
    for name in book.names():
        if name not in mapped.values or (mapped.reasons[name] == -5).all():
            continue
        var, values = book.variable(name), mapped.values[name]
        counts = mapped.reasons[name].value_counts().to_dict()
        missing = {book.missing.get(str(code), str(code)): int(counts[code]) for code in sorted(counts) if code}
        headings = tuple(from_columns.get(name, ()))
        least, most = _ends(var, values)
        yield ReadColumn(name, headings, _answers(var, values), missing, least, most)


def _answers(var: Variable, values: pd.Series) -> dict[str, int]:
    """Return how many people gave each level; of numbers, days and texts only how many people answered."""
    counts = values.value_counts()
    if var.type == "multi":
        ticks = dict.fromkeys(map(str, var.levels), 0)
        for shape, n in counts.items():
            for code in str(shape).split(";"):
                if code:
                    ticks[code] += int(n)
        return {var.levels[code]: n for code, n in ticks.items()}
    if var.levels:
        words = {str(code): label for code, label in var.levels.items()}
        held = {str(code): int(n) for code, n in counts.items()}
        order = [*words, *(c for c in held if c not in words)]
        return {words.get(c, c): held.get(c, 0) for c in order}
    if var.type in ("id", "text"):
        return {"different ones": len(counts)} if var.sens != "direct" else {"held apart": int(counts.sum())}
    return {"answers": int(counts.sum())}


def _ends(var: Variable, values: pd.Series) -> tuple[str, str]:
    if var.type not in ("integer", "number", "date", "datetime") or not values.notna().any():
        return "", ""
    held = values.dropna()
    return _said(held.min()), _said(held.max())


def _said(end: object) -> str:
    return f"{end:g}" if isinstance(end, int | float) else str(end)


def _short(heading: str) -> str:
    text = " ".join(heading.split())
    return safe(text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS].rstrip()} …")
