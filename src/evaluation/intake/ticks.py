"""Read ticks from one delimited column or from a column per choice; both give the same codes joined by ";"."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from evaluation.errors import nearest
from evaluation.intake.faults import safe
from evaluation.intake.known_words import (
    BLANK,
    TICKED,
    TOOLS_MISSING,
    UNREADABLE,
    UNTICKED,
    is_missing,
    label_map,
    normal,
)
from evaluation.intake.mapped_wave import Mapped, reasons_of
from evaluation.intake.wave_file import WaveInfo
from evaluation.plan.codebook import Variable

MOST_WRONG = 12  # different wrong things of a column that are said one by one
Wrong = list[tuple[str, str]]  # a part of a cell that nothing explains, and how a message may show it


def read(
    columns: list[str], targets: Mapping[str, str], frame: pd.DataFrame, info: WaveInfo, var: Variable, out: Mapped
) -> None:
    """Fill the codes and reasons of one multiple choice, with a fault for each word that is not known."""
    order = [str(level) for level in var.levels]
    ticks = np.zeros((len(frame), len(order)), dtype=bool)
    reasons = np.full(len(frame), BLANK, dtype=np.int8)
    said = info.labels_of(var)
    labels, delimiter = (
        label_map(said, var, own_codes=info.own_codes),
        str(info.multi.get(var.name, {}).get("delimiter", ";")),
    )
    for column in columns:
        level = targets[column].partition(".")[2]
        own = _words_of_level(level, column, var, said, out.words)
        found, said_so_far, rest = frame[column].array, 0, list[np.ndarray]()
        for text, rows in zip(map(str, found.categories), _rows_by_text(found), strict=True):
            if text == "" or not len(rows):
                continue
            many = said_so_far >= MOST_WRONG
            if level:
                chosen, reason, wrong = _ticked(text, level, own, var, len(rows), many)
            else:
                chosen, reason, wrong = _listed(text, labels, out.words, delimiter, var, len(rows), many)
            if wrong and many:
                rest.append(rows)
            else:
                _say(wrong, column, level, rows, info, var, out)
                said_so_far += len(wrong)
            reasons[rows] = np.where(reasons[rows] == 0, 0, reason)
            for code in chosen:
                ticks[rows, order.index(code)] = True
        if rest:
            what = f"{len(rest)} more different things stand here that cannot be read"
            out.fault(
                "unmapped_label", info, column, what, "Mend the column as a whole.", np.sort(np.concatenate(rest))
            )
    _none_beside_others(columns, ticks, order, info, var, out)
    shapes, which = np.unique(ticks, axis=0, return_inverse=True)
    words = np.array([";".join(o for o, t in zip(order, shape, strict=True) if t) for shape in shapes], dtype=object)
    values = words[which.reshape(-1)]
    values[reasons != 0] = pd.NA
    out.values[var.name] = pd.Series(values, index=frame.index, dtype=object)
    out.reasons[var.name] = reasons_of(reasons, frame.index)


def _rows_by_text(column: pd.Categorical) -> list[np.ndarray]:
    """Return the rows of each of a column's texts."""
    order = np.argsort(column.codes, kind="stable")
    return np.split(order, np.searchsorted(column.codes[order], np.arange(1, len(column.categories))))


def _say(wrong: Wrong, column: str, level: str, rows: np.ndarray, info: WaveInfo, var: Variable, out: Mapped) -> None:
    """Add a fault for each part that nothing explains."""
    todo = f'Map it in [labels.{var.name}]: to "yes" or "no".' if level else f"Map it in [labels.{var.name}]."
    for part, shown in wrong:
        near = nearest(part, [var.levels[level]] if level in var.levels else var.levels.values())
        what = f"the label {shown} is not mapped" + (", and is not known to tick or not to tick" if level else "")
        out.fault("unmapped_label", info, column, what, todo, rows, near=near)


def _words_of_level(
    level: str, column: str, var: Variable, labels: Mapping[str, str], meanings: Mapping[str, int]
) -> dict[str, str]:
    """Return the words known in a choice's own column to "yes", "no" or a missing code; the wave's own map first."""
    if not level:
        return {}
    known: dict[str, str] = {w: str(code) for w, code in meanings.items() if w not in TOOLS_MISSING}
    known |= dict.fromkeys(UNTICKED, "no") | dict.fromkeys(TICKED, "yes")
    own = [var.levels[level], *column.split(" | ")[-1:], *re.findall(r"\[([^\]]+)\]$", column)]
    own += [] if level.isdigit() else [level]
    known |= {normal(w): "yes" for w in own}
    for label, code in labels.items():
        plain = normal(str(code))
        ticks = str(code) == level or plain in TICKED
        known[normal(str(label))] = "yes" if ticks else "no" if plain in UNTICKED else str(code)
    return known


def _ticked(
    text: str, level: str, own: Mapping[str, str], var: Variable, people: int, many: bool
) -> tuple[list[str], int, Wrong]:
    """Return the level when a cell of its own column ticks it, the reason when it says why not, what is unknown."""
    code = own.get(normal(text), "")
    if code in ("yes", "no"):
        return ([level] if code == "yes" else []), 0, []
    if is_missing(code):
        return [], int(code), []
    return [], UNREADABLE, [(text, safe(text, people=people, known=[] if many else [*var.levels.values(), *own]))]


def _listed(
    text: str,
    labels: Mapping[str, str | int],
    meanings: Mapping[str, int],
    delimiter: str,
    var: Variable,
    people: int,
    many: bool,
) -> tuple[list[str], int, Wrong]:
    """Return the codes that one cell lists, the reason when it says why none, and the parts that nothing maps."""
    chosen, wrong, reason = list[str](), list[tuple[str, str]](), 0
    whole = labels.get(normal(text))
    for part in [text] if whole is not None else [p.strip() for p in text.split(delimiter) if p.strip()]:
        code = labels.get(normal(part), meanings.get(normal(part)))
        if code is None or (not is_missing(code) and str(code) not in var.levels):
            wrong.append((part, safe(part, people=people, known=[] if many else [*var.levels.values(), *labels])))
        elif is_missing(code):
            reason = int(code)
        else:
            chosen.append(str(code))
    if chosen and reason:
        wrong.append((text, "of a missing answer beside a choice"))
    return chosen, (0 if chosen else reason or (UNREADABLE if wrong else 0)), wrong


def _none_beside_others(
    columns: list[str], ticks: np.ndarray, order: list[str], info: WaveInfo, var: Variable, out: Mapped
) -> None:
    """Refuse "none" ticked beside another choice: one of the two is wrong."""
    for place, level in enumerate(order):
        if not (level == "none" or normal(var.levels.get(level, "")).split()[:1] == ["none"]):
            continue
        rows = np.flatnonzero(ticks[:, place] & (ticks.sum(axis=1) > 1))
        if len(rows):
            out.fault(
                "none_beside_others",
                info,
                columns[0] if len(columns) == 1 else var.name,
                f"{var.levels[level]!r} is ticked beside another choice",
                "Correct one of the two in the survey tool, or waive it with a reason.",
                rows,
            )
