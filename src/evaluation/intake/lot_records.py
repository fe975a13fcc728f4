"""The record of a lot, `plans/lots/NAME.toml`: commitment, number, seed, allocation; written once, never over."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict

import pandas as pd

from evaluation.errors import InputError, StudyError
from evaluation.plan.study import Lot, Plan


class Drawing(TypedDict):
    """One draw of a lot: the public number, the day, the tries it took, and why it was made after another."""

    number: str
    drawn_on: str
    tries: int
    reason: str


@dataclass(frozen=True, slots=True)
class LotRecord:
    """What stands in the record.

    Attributes
    ----------
    lot : str
        Name of the lot.
    settings : dict
        The block of the plan when the lot was committed.
    frame : str
        Digest of the frame.
    committed_on, commitment : str
        Day, and SHA-256 of settings and frame: what is announced before the number is known.
    units : tuple of (code, block, values)
        The frame: code, block and values of the restriction.
    draws : tuple of Drawing
        Every draw in order; a second one leaves the first and its reason.
    drawn : tuple of tuple of str
        Codes drawn, for each draw.
    """

    lot: str
    settings: dict[str, object]
    frame: str
    committed_on: str
    commitment: str
    units: tuple[tuple[str, str, tuple[float, ...]], ...]
    algorithm: str
    draws: tuple[Drawing, ...] = ()
    drawn: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    def seed(self, draw: int = -1) -> str:
        """Return the seed of a draw: SHA-256 of the commitment and the public number."""
        return hashlib.sha256(f"{self.commitment}:{self.draws[draw]['number']}".encode()).hexdigest()

    def table(self) -> pd.DataFrame:
        """Return the units as rows: `code`, `block`, `drawn` (0 or 1, by the first draw)."""
        first = set(self.drawn[0]) if self.drawn else set()
        rows = [(code, block, int(code in first)) for code, block, _ in self.units]
        return pd.DataFrame(rows, columns=["code", "block", "drawn"])


SETTLED = ("kind", "unit", "blocks", "share", "serves", "restrict", "most_difference", "public_number")


def settings_of(lot: Lot) -> dict[str, object]:
    """Return the choices of a lot that its draw rests on."""
    every: dict[str, object] = lot.model_dump(mode="json")
    return {k: every[k] for k in SETTLED}


def commitment_of(name: str, settings: dict[str, object], frame: str, algorithm: str) -> str:
    """Return the SHA-256 of everything that decides a draw but the public number."""
    content = {"lot": name, "settings": settings, "frame": frame, "algorithm": algorithm}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def record_file(plan: Plan, name: str) -> Path:
    """Return where the record of a lot stands."""
    return plan.root / "plans" / "lots" / f"{name}.toml"


def read_record(plan: Plan, name: str) -> LotRecord | None:
    """Return the record of a lot; None where nothing was committed.

    Raises
    ------
    InputError
        The file is no record.
    """
    path = record_file(plan, name)
    if not path.is_file():
        return None
    try:
        said = tomllib.loads(path.read_text("utf-8"))
        units = tuple((u["code"], u["block"], tuple(float(v) for v in u.get("values", ()))) for u in said.pop("units"))
        drawn = tuple(tuple(d.pop("drawn")) for d in said.get("draws", ()))
        draws = tuple(Drawing(**d) for d in said.pop("draws", ()))
        said.pop("sha256")
        return LotRecord(units=units, draws=draws, drawn=drawn, **said)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError):
        todo = "Restore it from git; a record is never edited."
        raise InputError("the record of the lot cannot be read", where=f"plans/lots/{path.name}", todo=todo) from None


def digest_holds(plan: Plan, name: str) -> bool:
    """Return whether a record's own hash is that of its content."""
    said = tomllib.loads(record_file(plan, name).read_text("utf-8"))
    stated = said.pop("sha256", "")
    return bool(stated == _digest(said))


def write_record(plan: Plan, record: LotRecord) -> Path:
    """Write a record in one step, with the hash of its content."""
    import tomli_w

    content = {
        "lot": record.lot,
        "settings": record.settings,
        "frame": record.frame,
        "committed_on": record.committed_on,
        "commitment": record.commitment,
        "algorithm": record.algorithm,
        "draws": [dict(d, drawn=list(codes)) for d, codes in zip(record.draws, record.drawn, strict=True)],
        "units": [{"code": c, "block": b, **({"values": list(v)} if v else {})} for c, b, v in record.units],
    }
    path = record_file(plan, record.lot)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}")
    beside.write_text(tomli_w.dumps({"sha256": _digest(content), **content}), "utf-8")
    beside.replace(path)
    return path


def _digest(content: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def with_draw(record: LotRecord, draw: Drawing, drawn: tuple[str, ...]) -> LotRecord:
    """Return the record with one more draw; those before it stay."""
    return replace(record, draws=(*record.draws, draw), drawn=(*record.drawn, drawn))


def lot_of(plan: Plan, name: str) -> Lot:
    """Return a lot of the plan.

    Raises
    ------
    StudyError
        The plan has none of this name.
    """
    if name not in plan.lots:
        known = ", ".join(plan.lots) or "none yet: add [lots.NAME] to study.toml (docs/lots.md)"
        raise StudyError(f"the plan has no lot {name!r}", todo=f"Its lots: {known}.")
    return plan.lots[name]
