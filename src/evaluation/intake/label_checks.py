"""Refuse labels that cannot be told apart: two labels on one code, two codes with one label, one label said twice."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from evaluation.intake.faults import safe
from evaluation.intake.known_words import MISSING_WORDS, is_missing, label_map, normal
from evaluation.intake.mapped_wave import Mapped
from evaluation.intake.records import Read
from evaluation.intake.wave_file import WaveInfo
from evaluation.plan.codebook import Variable


def check(column: str, read: Read, info: WaveInfo, var: Variable, out: Mapped) -> None:
    """Add the faults of one column with levels."""
    if var.levels:
        _two_labels_on_one_code(column, read, info, var, out)
        _two_codes_with_one_label(column, read, info, out)
        _one_label_twice(column, info, var, out)


def _two_labels_on_one_code(column: str, read: Read, info: WaveInfo, var: Variable, out: Mapped) -> None:
    """Compare the labels that people gave: the codebook's word and code for one level are one label."""
    said = {normal(str(k)): str(v) for k, v in info.labels_of(var).items()}
    own = label_map({}, var, own_codes=info.own_codes)
    labels = label_map(info.labels_of(var), var, own_codes=info.own_codes)
    found = read.frame[column].array
    people = np.bincount(found.codes, minlength=len(found.categories))
    by_code: dict[str, dict[str, int]] = {}
    for text, n in zip(found.categories, people, strict=True):
        code = labels.get(normal(str(text)))
        if n and code is not None and not is_missing(code):
            plain = normal(str(text))
            label = "" if str(own.get(plain)) == str(code) else plain
            by_code.setdefault(str(code), {}).setdefault(label, 0)
            by_code[str(code)][label] += int(n)
    for code, held in by_code.items():
        if len(held) > 1 and any(said.get(label) for label in held):
            out.fault(
                "two_labels_on_one_code",
                info,
                column,
                f"{len(held)} different labels become {code!r}: {_shown(held, code, var)}",
                f"Correct [labels.{var.name}], or waive it with a reason where they mean the same.",
            )


def _shown(counts: dict[str, int], code: str, var: Variable) -> str:
    words = {str(k): v for k, v in var.levels.items()}
    return ", ".join(
        repr(words.get(code, code)) if not label else safe(label, people=max(n, 1), known=var.levels.values())
        for label, n in counts.items()
    )


def _two_codes_with_one_label(column: str, read: Read, info: WaveInfo, out: Mapped) -> None:
    by_label: dict[str, list[str]] = {}
    for code, label in read.value_labels.get(column, {}).items():
        if normal(label) not in MISSING_WORDS and label.strip():
            by_label.setdefault(normal(label), []).append(code)
    for label, codes in by_label.items():
        if len(codes) > 1:
            out.fault(
                "two_codes_with_one_label",
                info,
                column,
                f"the file gives {_joined(codes)} one label, {safe(label)}: they cannot be told apart",
                "Correct the value labels in the survey tool and export again.",
            )


def _one_label_twice(column: str, info: WaveInfo, var: Variable, out: Mapped) -> None:
    """Refuse a map that says two things of one label, or of a word of the codebook another thing than it means."""
    codes: dict[str, set[str]] = {}
    words = {normal(w): str(c) for c, w in var.levels.items()}
    for label, code in info.labels_of(var).items():
        codes.setdefault(normal(str(label)), set()).add(str(code))
    for label, held in codes.items():
        other = words.get(label)
        against = other is not None and held != {other} and held <= set(words.values())
        if len(held) > 1 or against:
            out.fault(
                "label_said_twice",
                info,
                column,
                f"[labels.{var.name}] makes the label {safe(label)} {_joined(sorted(held | ({other} - {None})))}",
                "Keep the one it means.",
            )


def _joined(parts: Iterable[object]) -> str:
    return " and ".join(str(p) for p in parts)
