"""An SPSS file as records: codes become their labels, user-missing codes too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evaluation.errors import InputError
from evaluation.intake.records import Read, no_answers, records, stripped
from evaluation.intake.workbooks import cell_text


def read(path: Path) -> Read:
    """Read SPSS data: user-missing codes are kept, and become their labels with every other code.

    A user-missing code without a label becomes "user-missing -9": what it means is for a person to say.
    """
    import pyreadstat

    try:
        raw, meta = pyreadstat.read_sav(str(path), apply_value_formats=False, user_missing=True)
    except (pyreadstat.ReadstatError, UnicodeDecodeError) as error:
        raise InputError(
            f"the SPSS file cannot be read ({type(error).__name__})", where=path.name, todo="Save it again as sav."
        ) from None
    if not len(raw):
        raise no_answers(path.name)
    labels = {c: {cell_text(k): str(v) for k, v in found.items()} for c, found in meta.variable_value_labels.items()}
    texts = {c: pd.Series([_spss_cell(v) for v in raw[c]], dtype=object) for c in raw.columns}
    known = dict(labels)
    for column, ranges in meta.missing_ranges.items():
        missing = {t for t in texts[column].unique() if _in_ranges(t, ranges)}
        known[column] = {t: f"user-missing {t}" for t in missing} | labels.get(column, {})
    return labelled(path.name, texts, known, labels, meta.column_names_to_labels)


def labelled(
    name: str,
    texts: Mapping[str, pd.Series],
    words: Mapping[str, Mapping[str, str]],
    labels: dict[str, dict[str, str]],
    questions: Mapping[str, str],
) -> Read:
    """Return records whose texts became their words; `labels` are those of answers, `questions` each column's."""
    columns = {}
    for column, cells in texts.items():
        known, found = words.get(column, {}), stripped(cells)
        columns[column] = stripped(
            pd.Series(np.array([known.get(t, t) for t in found.categories], dtype=object)[found.codes])
        )
    found = records(
        columns, np.arange(1, len(next(iter(texts.values()))) + 1), name, {k: v for k, v in questions.items() if v}
    )
    return Read(found.frame, found.rows, labels, found.questions, found.held)


def _in_ranges(text: str, ranges: list[dict[str, Any]]) -> bool:
    try:
        value: Any = float(text)
    except ValueError:
        value = text
    for found in ranges:
        low, high = found.get("lo"), found.get("hi")
        if isinstance(value, str) != isinstance(low, str):
            continue
        if low <= value <= high:
            return True
    return False


def _spss_cell(value: object) -> str:
    return "" if value is None or value != value else cell_text(value)  # a blank date-and-time is not equal to itself
