"""Hold registers to what the codebook states of them: references, order of dates, counts, unusual numbers, contacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.errors import nearest
from evaluation.intake import privacy
from evaluation.intake.faults import MOST_ROWS, Fault
from evaluation.plan import references
from evaluation.plan.codebook import Codebook, Table, Variable


@dataclass(frozen=True, slots=True)
class Held:
    """A register as it was read: typed columns, the file's row of each record, the file's name, and its faults."""

    frame: pd.DataFrame
    rows: np.ndarray
    file: str
    faults: tuple[Fault, ...] = ()


def faults(book: Codebook, held: Mapping[str, Held]) -> Iterator[Fault]:
    """Yield the faults of registers against what the codebook states, and against one another."""
    for name, one in held.items():
        if one.faults or one.frame.empty:
            continue
        for var in book.table(name).variables.values():
            if var.name in one.frame:
                yield from _references(book, held, one, var)
                yield from _at_most(one, var)
                yield from _not_before(book, held, one, book.table(name), var)
                yield from _contacts(one, var)
        if name == "external_surveys":
            yield from _questions(one)


def unusual(book: Codebook, held: Mapping[str, Held]) -> list[str]:
    """Return a line for each column with numbers outside the range that the codebook calls usual."""
    lines = []
    for name, one in held.items():
        for var in book.table(name).variables.values():
            if var.warn_outside is None or var.name not in one.frame:
                continue
            low, high = var.warn_outside
            values = one.frame[var.name]
            at = _places((values < low) | (values > high))
            if len(at):
                fault = _fault("unusual", one, var.name, "", "", at)
                lines.append(f"{one.file}, {fault.place()}, {var.name}: outside the usual {low:g} to {high:g}")
    return lines


def _places(wrong: pd.Series) -> np.ndarray:
    return np.flatnonzero(wrong.fillna(False).to_numpy(dtype=bool))


def _fault(kind: str, one: Held, column: str, what: str, todo: str, at: np.ndarray) -> Fault:
    rows = tuple(int(r) for r in one.rows[at[:MOST_ROWS]])
    return Fault(kind, one.file, column, what, todo, row=rows[0], n=len(at), rows=rows)


def _references(book: Codebook, held: Mapping[str, Held], one: Held, var: Variable) -> Iterator[Fault]:
    """Refuse a number that no row of the tables it refers to has; only where every one of those was supplied."""
    if not var.refers_to or not all(t in held and not held[t].faults for t in var.refers_to):
        return
    keys = {str(k) for t in var.refers_to for k in held[t].frame[book.table(t).key[0]].dropna()}
    values, asked = one.frame[var.name], _asked(one, var)
    at = _places(values.notna() & ~values.astype("string").isin(keys) & asked)
    if len(at):
        where = " and ".join(held[t].file for t in var.refers_to)
        what, todo = f"no row of {where} has this number", "Correct the number, or add the row."
        yield _fault("unknown_reference", one, var.name, what, todo, at)


def _questions(one: Held) -> Iterator[Fault]:
    """Refuse a published figure of a question that no reference names."""
    if "variable" not in one.frame:
        return
    values = one.frame["variable"].astype("string").str.strip()
    wrong = values.notna() & (values != "") & ~values.isin(list(references.shipped()))
    for key in values[wrong].unique():
        hint = nearest(str(key), references.shipped())
        what, todo = f"no reference {key!r}", f"Did you mean {hint!r}?" if hint else "Leave it blank."
        yield _fault("unknown_reference", one, "variable", what, todo, _places(values == key))


def _asked(one: Held, var: Variable) -> pd.Series:
    """Return which rows the reference holds for: those with a stated level, where the codebook states some."""
    column, levels = var.refers_where
    if not column or column not in one.frame:
        return pd.Series(True, index=one.frame.index)
    return one.frame[column].astype("string").isin(levels).fillna(False).astype(bool)


def _at_most(one: Held, var: Variable) -> Iterator[Fault]:
    for other in var.at_most:
        if other in one.frame and len(at := _places(one.frame[var.name] > one.frame[other])):
            todo = "Correct one of the two."
            yield _fault("contradiction", one, var.name, f"it is more than {other!r} of the same row", todo, at)


def _not_before(book: Codebook, held: Mapping[str, Held], one: Held, table: Table, var: Variable) -> Iterator[Fault]:
    for other in var.not_before:
        if other not in one.frame:
            continue
        days = one.frame[other]
        if table.variables[other].refers_to:
            days = _dates_referred(book, held, one, table.variables[other])
        if len(at := _places(one.frame[var.name] < days)):
            what = f"the date lies before {other!r}"
            yield _fault("date_out_of_order", one, var.name, what, "Correct one of the two dates.", at)


def _dates_referred(book: Codebook, held: Mapping[str, Held], one: Held, var: Variable) -> pd.Series:
    """Return the date of the row that each row refers to; none where there is none."""
    known: dict[str, pd.Timestamp] = {}
    for name in var.refers_to:
        dates = [v.name for v in book.table(name).variables.values() if v.type == "date"]
        frame = held[name].frame if name in held else pd.DataFrame()
        if dates and dates[0] in frame:
            known |= dict(zip(frame[book.table(name).key[0]].astype(str), frame[dates[0]], strict=True))
    return pd.to_datetime(one.frame[var.name].astype(str).map(known))


def _contacts(one: Held, var: Variable) -> Iterator[Fault]:
    """Refuse an address, a number or a postcode in text that may be printed; the text is never shown."""
    if var.type not in ("text", "id") or var.sens == "direct":
        return
    texts = one.frame[var.name].dropna().astype(str)
    found = {t for t in texts.unique() if privacy.holds_contact(t)}
    if found:
        at = _places(one.frame[var.name].isin(found))
        what = "a contact detail stands in text that may be printed"
        yield _fault("identifier", one, var.name, what, "Take it out.", at)
