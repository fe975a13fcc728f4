"""The frame of a lot: who or what can be drawn, in which block; people only as keyed codes."""

from __future__ import annotations

import csv
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from evaluation.errors import InputError, StudyError
from evaluation.intake import keys, privacy, readers
from evaluation.plan.study import Lot, Plan

YES, NO = {"yes", "y", "1", "true"}, {"no", "n", "0", "false"}


@dataclass(frozen=True, slots=True)
class LotFrame:
    """The units of a lot.

    Attributes
    ----------
    units : DataFrame
        One row per unit in the order of its code: `code` (keyed for people), `block`, the columns of the restriction,
        `link` (as the survey stores the unit), `row` of the file and `done` (1, 0 or missing).
    rows : DataFrame
        The file as it was written, in the same order: for the list of those who send invitations.
    """

    units: pd.DataFrame
    rows: pd.DataFrame

    def digest(self, restrict: tuple[str, ...]) -> str:
        """Return the SHA-256 of codes, blocks and restriction columns: what the commitment is about."""
        columns = ["code", "block", *restrict]
        lines = ["\t".join(str(v) for v in row) for row in self.units[columns].itertuples(index=False)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def frame_file(plan: Plan, name: str) -> Path:
    """Return where the frame of a lot stands."""
    return plan.root / "data_raw" / "lots" / f"{name}.csv"


def key_file(plan: Plan, name: str) -> Path:
    """Return where the key of a lot's codes stands."""
    return plan.root / "data_raw" / "lots" / f"{name}.key"


def lot_key(plan: Plan, name: str, *, create: bool = False) -> bytes:
    """Return the key under which the people of a lot have codes; made on request, for its owner alone.

    Raises
    ------
    InputError
        There is none.
    """
    path = key_file(plan, name)
    if path.is_file():
        return path.read_bytes().strip()
    if not create:
        todo = "Copy it from where the lot was drawn; without it the people of the record cannot be told."
        raise InputError(f"the lot {name!r} has no key here", where=f"data_raw/lots/{path.name}", todo=todo)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, keys.PRIVATE_FILE)
    with os.fdopen(handle, "wb") as out:
        out.write(secrets.token_hex(32).encode() + b"\n")
    return path.read_bytes().strip()


def read_frame(plan: Plan, name: str, *, create_key: bool = False) -> LotFrame:
    """Return the frame of a lot.

    Raises
    ------
    InputError
        There is no file; it lacks a column; a unit is blank or stands twice; a block is blank; a restriction column is
        no number; `done` is neither yes, no nor blank. Rows are named, people are not.
    """
    lot, path = plan.lots[name], frame_file(plan, name)
    where = f"data_raw/lots/{path.name}"
    rows = readers.read(path).frame.astype("str")
    wanted = [lot.unit, *lot.blocks, *lot.restrict]
    lacking = [c for c in wanted if c not in rows]
    if lacking:
        todo = f"Its heading row holds {', '.join(wanted)}."
        raise InputError(f"the frame of the lot lacks {', '.join(map(repr, lacking))}", where=where, todo=todo)
    named = rows[lot.unit].fillna("").str.strip()
    _refuse(named == "", "has no unit", "Name it, or take the row out.", where)
    plain = named.map(lambda v: "".join(v.split()).lower())
    _refuse(plain.duplicated(keep=False), "names a unit that stands twice", "Keep one row for each.", where)
    blank = rows[list(lot.blocks)].fillna("").apply(lambda c: c.str.strip() == "").any(axis=1)
    _refuse(blank, "has no block", "Say which, or give those rows a block of their own.", where)
    key = lot_key(plan, name, create=create_key) if lot.kind == "people" else b""
    units = pd.DataFrame({"code": [_code(v, key) for v in plain] if key else named, "link": _links(lot, named)})
    units["block"] = [
        " | ".join(str(v).strip() for v in r) or "all" for r in rows[list(lot.blocks)].itertuples(index=False)
    ]
    for column in lot.restrict:
        units[column] = pd.to_numeric(rows[column], errors="coerce")
        _refuse(units[column].isna(), f"has no number under {column!r}", "A draw is balanced on numbers.", where)
    units["row"] = range(2, len(units) + 2)
    units["done"] = _done(rows, lot.done, where)
    order = units.sort_values("code", kind="stable").index
    return LotFrame(units.loc[order].reset_index(drop=True), rows.loc[order].reset_index(drop=True))


def _refuse(wrong: pd.Series, what: str, todo: str, where: str) -> None:
    at = [int(k) + 2 for k in wrong.to_numpy().nonzero()[0]]
    if at:
        raise InputError(f"row {first_rows(at)} of the frame {what}", where=where, todo=todo)


def first_rows(rows: list[int]) -> str:
    """Return the first twenty of some rows of a file, in words."""
    return ", ".join(map(str, sorted(rows)[:20])) + (" ..." if len(rows) > 20 else "")


def _code(plain: str, key: bytes) -> str:
    return hmac.new(key, b"lot:" + plain.encode(), hashlib.sha256).hexdigest()[:24]


def _links(lot: Lot, named: pd.Series) -> pd.Series:
    """Return each unit as the survey stores it: link codes keyed, places and slots as they are."""
    return privacy.keyed(named, keys.study_key()) if lot.kind == "people" else named


def _done(rows: pd.DataFrame, column: str, where: str) -> pd.Series:
    if column not in rows:
        return pd.Series(float("nan"), index=rows.index)
    said = rows[column].fillna("").str.strip().str.lower()
    _refuse(
        ~said.isin(YES | NO | {""}),
        f"says neither yes nor no under {column!r}",
        "Write yes or no, or leave it blank.",
        where,
    )
    return said.map(lambda v: 1.0 if v in YES else 0.0 if v in NO else float("nan"))


def write_list(path: Path, frame: LotFrame, drawn: set[str]) -> None:
    """Write the rows of the units drawn, for those who send invitations: mode 0600, never over another file."""
    rows = frame.rows[frame.units["code"].isin(drawn).to_numpy()]
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, keys.PRIVATE_FILE)
    except FileExistsError:
        raise StudyError("there is a file of this name already", where=path.name, todo="Name another.") from None
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(list(rows.columns))
        writer.writerows(rows.fillna("").itertuples(index=False))
