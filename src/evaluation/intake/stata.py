"""A Stata file as records: codes become their labels, and each extended missing value (.a to .z) its own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from evaluation.errors import InputError
from evaluation.intake.records import Read, no_answers
from evaluation.intake.spss import labelled
from evaluation.intake.workbooks import cell_text

EXTENDED = "abcdefghijklmnopqrstuvwxyz"


def read(path: Path) -> Read:
    """Read Stata data: a code becomes its label, the system's missing value blank, an extended one what it is called.

    An extended missing value without a label becomes "missing .a": what it means is for a person to say.
    """
    import pyreadstat

    try:
        raw, meta = pyreadstat.read_dta(str(path), apply_value_formats=False, user_missing=True)
    except (pyreadstat.ReadstatError, UnicodeDecodeError) as error:
        raise InputError(
            f"the Stata file cannot be read ({type(error).__name__})", where=path.name, todo="Save it again as dta."
        ) from None
    if not len(raw):
        raise no_answers(path.name)
    labels = {c: {cell_text(k): str(v) for k, v in found.items()} for c, found in meta.variable_value_labels.items()}
    extended = {c: {k for k in found if k in EXTENDED} for c, found in meta.missing_user_values.items()}
    cells = {c: [_cell(v, extended.get(c, set())) for v in raw[c]] for c in raw.columns}
    named = {c: {f"missing .{k}": found[k] for k in extended.get(c, ()) if k in found} for c, found in labels.items()}
    plain = {c: {k: v for k, v in found.items() if k not in extended.get(c, ())} for c, found in labels.items()}
    texts = {c: pd.Series(found, dtype=object) for c, found in cells.items()}
    return labelled(path.name, texts, {c: plain[c] | named[c] for c in plain}, plain, meta.column_names_to_labels)


def _cell(value: object, extended: set[str]) -> str:
    if isinstance(value, str) and value in extended:
        return f"missing .{value}"
    return "" if value is None or value != value else cell_text(value)
