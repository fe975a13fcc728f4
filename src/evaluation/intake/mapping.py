"""Apply a wave's map: export columns to codebook variables, labels to codes, blanks to reasons; every fault kept.

Each distinct text of a column is read once, however many people wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from evaluation.errors import nearest
from evaluation.intake import column_targets, label_checks, ticks
from evaluation.intake.column_targets import ROW
from evaluation.intake.dates import parse_date, read_date
from evaluation.intake.faults import SHOWN_FROM, safe
from evaluation.intake.known_words import (
    BLANK,
    MISSING_WORDS,
    NOT_ASKED,
    ROUTED,
    UNREADABLE,
    is_missing,
    label_map,
    missing_words,
    normal,
)
from evaluation.intake.mapped_wave import Mapped, reasons_of
from evaluation.intake.numbers import band, convention, number, numeric
from evaluation.intake.readers import TEXT
from evaluation.intake.records import Read
from evaluation.intake.wave_file import WaveInfo
from evaluation.plan.codebook import Codebook, Variable

__all__ = [
    "BLANK",
    "MISSING_WORDS",
    "NOT_ASKED",
    "ROUTED",
    "ROW",
    "UNREADABLE",
    "Mapped",
    "apply",
    "band",
    "is_missing",
    "label_map",
    "normal",
    "number",
    "numeric",
    "parse_date",
]

MOST_NUMBERS = 12


def apply(read: Read, info: WaveInfo, book: Codebook, *, required: set[str]) -> Mapped:
    """Return the mapped wave; `required` are the variables that this wave must hold or declare as not asked."""
    out = Mapped(held=read.held, words=missing_words(book.missing, info.missing))
    frame = read.frame
    out.rows = pd.Series(read.rows, index=frame.index)
    targets = column_targets.targets(frame, info, book, out)
    id_column = next((c for c, t in targets.items() if t == "resp_id"), "")
    numbered = pd.Series([str(i + 1) for i in range(len(frame))], frame.index, dtype=object)
    out.who = frame[id_column].astype(object) if id_column else numbered
    if info.columns.get(ROW) == "resp_id":
        out.values["resp_id"], out.reasons["resp_id"] = numbered, reasons_of(np.zeros(len(frame)), frame.index)
    by_name: dict[str, list[str]] = {}
    for column, target in targets.items():
        by_name.setdefault(target.split(".")[0], []).append(column)
    for name, columns in by_name.items():
        var = book.variable(name)
        if var.type == "multi":
            ticks.read(columns, targets, frame, info, var, out)
        else:
            _one(columns[0], frame, info, var, out)
            label_checks.check(columns[0], read, info, var, out)
    _made_from(info, book, out)
    _not_asked(frame, info, book, required, out)
    return out


def _one(column: str, frame: pd.DataFrame, info: WaveInfo, var: Variable, out: Mapped) -> None:
    """Read a column with one answer a person."""
    found = frame[column].array
    texts, codes = [str(c) for c in found.categories], found.codes
    people = np.bincount(codes, minlength=len(texts))
    labels: dict[str, str | int] = {normal(word): code for word, code in info.missing.items()}
    labels |= label_map(info.labels_of(var), var, own_codes=info.own_codes)
    in_text = info.path.suffix.lower() in TEXT  # a workbook's numbers are numbers: their mark is always a point
    counted = var.name in info.bands or var.type in ("integer", "number")
    decimal = (info.decimal or convention(texts)) if in_text and counted else ""
    values = np.empty(len(texts), dtype=object)
    reasons = np.zeros(len(texts), dtype=np.int8)
    unexplained, rest = list[int](), list[int]()
    shown_so_far, unshown = 0, Unshown(labels)
    for place, text in enumerate(texts):
        values[place], reasons[place], wrong, kind = _read_cell(
            text, var, info, labels if shown_so_far < ticks.MOST_WRONG else unshown, int(people[place]), decimal, out
        )
        if wrong and people[place] and kind == "unmapped_label" and number(text) is not None:
            unexplained.append(place)
        elif wrong and people[place] and shown_so_far >= ticks.MOST_WRONG:
            rest.append(place)
        elif wrong and people[place]:
            shown_so_far += 1
            near = nearest(normal(text), [normal(w) for w in var.levels.values()])
            shown = next((w for w in var.levels.values() if normal(w) == near), "") if near else ""
            todo = f"Map it in [labels.{var.name}], or correct it in the survey tool."
            out.fault(kind, info, column, wrong, todo, np.flatnonzero(codes == place), near=shown)
    if rest:
        what, todo = f"{len(rest)} more different things stand here that cannot be read", "Mend the column as a whole."
        out.fault("unmapped_label" if var.levels else "value", info, column, what, todo, _rows_of(codes, rest))
    if unexplained:
        _numbers_unexplained(
            column, [(texts[p], int(people[p])) for p in unexplained], info, var, out, _rows_of(codes, unexplained)
        )
    out.values[var.name] = pd.Series(values[codes], index=frame.index, dtype=object)
    out.reasons[var.name] = reasons_of(reasons[codes], frame.index)


class Unshown(dict[str, str | int]):
    """Labels of a column with so many wrong ones that no more are compared with the known ones."""


def _rows_of(codes: np.ndarray, places: Sequence[int]) -> np.ndarray:
    return np.flatnonzero(np.isin(codes, places))


def _numbers_unexplained(
    column: str, codes: Sequence[tuple[str, int]], info: WaveInfo, var: Variable, out: Mapped, places: np.ndarray
) -> None:
    """Say once for a column that its answers are numbers which nothing explains: one line, not one for each number."""
    held = sorted(((t, n) for t, n in codes), key=lambda pair: number(pair[0]) or 0.0)
    shown = [t for t, n in held if n >= SHOWN_FROM and safe(t) == repr(t)][:MOST_NUMBERS]
    words = f"the numbers {', '.join(shown)}" if shown else "numbers"
    out.fault(
        "unmapped_label",
        info,
        column,
        f"{words} stand here, and nothing says what they mean",
        f"Say what each means in [labels.{var.name}], or cut them into levels in [bands.{var.name}], where least and "
        "most say how far numbers may go.",
        places,
    )


def _read_cell(
    text: str, var: Variable, info: WaveInfo, labels: Mapping[str, str | int], people: int, decimal: str, out: Mapped
) -> tuple[object, int, str, str]:
    """Return value, reason, what is wrong, and the kind of fault, for one text of a column."""
    if text == "":
        return pd.NA, BLANK, "", ""
    plain = normal(text)
    code = labels.get(plain)
    if code is None and var.name in info.bands:
        code = band(text, info.bands[var.name], decimal)
    if not var.levels and (code is None or not is_missing(code)):
        text = text if code is None else str(code)
        value, wrong = _open(text, var, info.date_order, decimal)
        if not wrong and not (var.type == "id" and plain in out.words):
            return value, 0, "", ""
        code, kind = out.words.get(plain), "value"
    else:
        code = out.words.get(plain) if code is None else code
        known = [] if isinstance(labels, Unshown) else [*var.levels.values(), *labels]
        wrong, kind = f"the label {safe(text, people=people, known=known)} is not mapped", "unmapped_label"
    if code is None:
        return pd.NA, UNREADABLE, wrong, kind
    if is_missing(code):
        return pd.NA, int(code), "", ""
    if str(code) not in {str(c) for c in var.levels} | set(var.extra_levels) and var.levels:
        return pd.NA, UNREADABLE, f"the map gives the code {str(code)!r}, which the codebook lacks", "unknown_level"
    return (int(code) if var.type == "ordinal" else str(code)), 0, "", ""


def _open(text: str, var: Variable, order: str, decimal: str = "") -> tuple[object, str]:
    """Return what stands in a column without levels; a message never shows it."""
    if var.type in ("integer", "number"):
        return numeric(text, var, decimal=decimal)
    if var.type in ("date", "datetime"):
        return read_date(text, order)
    if var.type == "id" and text.endswith(".0") and text[:-2].isdigit():
        return text[:-2], ""
    return text, ""


def _made_from(info: WaveInfo, book: Codebook, out: Mapped) -> None:
    """Fill a variable that is a coarser form of another: its levels are the first word of the other's codes."""
    for name in book.names():
        var = book.variable(name)
        if not var.made_from or var.made_from not in out.values:
            continue
        fine, reasons = out.values[var.made_from], out.reasons[var.made_from]
        made = {c: next((k for k in var.levels if str(c).split("_")[0] == k), pd.NA) for c in fine.dropna().unique()}
        coarse = fine.map(lambda c, made=made: pd.NA if c is pd.NA else made[c]).astype(object)
        if name not in out.values:
            out.values[name], out.reasons[name] = coarse, reasons.copy()
            continue
        both = coarse.notna() & out.values[name].notna()
        apart = np.flatnonzero((both & (coarse != out.values[name]).fillna(False).astype(bool)).to_numpy())
        if len(apart):
            out.fault(
                "contradiction",
                info,
                name,
                f"it disagrees with {var.made_from!r}",
                "Correct one of the two columns.",
                apart,
            )


def _not_asked(frame: pd.DataFrame, info: WaveInfo, book: Codebook, required: set[str], out: Mapped) -> None:
    """Fill what the wave did not ask with "not asked in this wave"; a required variable must say so itself."""
    for name in book.names():
        if name in out.values:
            if name in info.not_asked:
                out.fault(
                    "contradiction", info, name, "it is mapped and also said not to be asked", "Keep one of the two."
                )
            continue
        excused = not info.attendance_asked and book.role(name) == "treatment"
        if name in required and name not in info.not_asked and name != "wave" and not excused:
            out.fault(
                "missing_column",
                info,
                name,
                f"no column holds {book.label(name)!r}",
                "Map one in [columns], or say why in [not_asked].",
            )
        nothing = np.full(len(frame), pd.NA, dtype=object)
        out.values[name] = pd.Series(nothing, index=frame.index, dtype=object)
        out.reasons[name] = reasons_of(np.full(len(frame), NOT_ASKED), frame.index)
