"""An SPSS file as records: codes become their labels, user-missing codes too."""

from __future__ import annotations

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
    columns = {}
    for column in raw.columns:
        known = labels.get(column, {})
        missing = meta.missing_ranges.get(column, [])
        found = stripped(pd.Series([_spss_cell(v) for v in raw[column]], dtype=object))
        texts = [known.get(t) or (f"user-missing {t}" if _in_ranges(t, missing) else t) for t in found.categories]
        columns[column] = stripped(pd.Series(np.array(texts, dtype=object)[found.codes]))
    questions = {k: v for k, v in meta.column_names_to_labels.items() if v}
    found = records(columns, np.arange(1, len(raw) + 1), path.name, questions)
    return Read(found.frame, found.rows, labels, questions, found.held)


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
