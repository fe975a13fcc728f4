"""Find the file of each register, by its name or as registers.toml names it; another that is like one is a fault."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evaluation.errors import StudyError, nearest
from evaluation.intake import readers, stop_search_records
from evaluation.intake.faults import Fault, safe
from evaluation.intake.wave_file import ORDERS
from evaluation.plan.study import Plan

SUFFIXES = (".csv", ".xlsx")
DATA = frozenset({*readers.TEXT, *readers.SHEETS, *readers.SPSS, ".numbers", ".json", ".parquet", ".gz", ".zip"})
RECORDS = "stop_search"  # the one register that may be given as published records, one file a month
LIST = "registers.toml"
KEYS: Mapping[str, tuple[str, ...]] = {
    "file": (),
    "origin": ("real", "synthetic", "official"),
    "date_order": ORDERS,
    "decimal": (".", ","),
}


def folder(plan: Plan) -> Path:
    """Return where the registers stand."""
    return plan.root / "data_raw" / "registers"


def listed(plan: Plan) -> dict[str, dict[str, Any]]:
    """Return what registers.toml says of each register; what is no table of keys is left to `faults`."""
    file = folder(plan) / LIST
    try:
        found = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{LIST} is not valid TOML: {error}", todo="Mend the line it names.") from None
    return {name: said for name, said in found.items() if isinstance(said, dict)}


def origin(plan: Plan, name: str) -> str:
    """Return "real" or "synthetic" for a register, "official" for published figures."""
    return str(listed(plan).get(name, {}).get("origin", "real"))


def register_file(plan: Plan, name: str) -> Path | None:
    """Return the file of a register, or the folder of records that stands for one; None when it was not supplied."""
    named = str(listed(plan).get(name, {}).get("file", ""))
    tried = [folder(plan) / named] if named else [folder(plan) / f"{name}{s}" for s in SUFFIXES]
    found = next((p for p in tried if p.is_file()), None)
    return found if found or name != RECORDS else _records(folder(plan) / (named or name))


def _records(place: Path) -> Path | None:
    """Return a folder of published records that are counted instead of a register of counts; None without one."""
    return place if place.is_dir() and stop_search_records.files_of(place) else None


def faults(plan: Plan) -> list[Fault]:
    """Return a fault for each register that is named and absent, and each file that is read as none."""
    known = [n for n in plan.codebook.tables if n != "survey"]
    return [*_list_faults(plan, known), *_file_faults(plan, known)]


def _list_faults(plan: Plan, known: list[str]) -> Iterator[Fault]:
    """Yield what is wrong in registers.toml."""
    for name, said in listed(plan).items():
        if name not in known:
            near = nearest(name, known)
            yield Fault("unknown_register", LIST, "", f"the codebook has no table {name!r}", "Correct it.", near=near)
            continue
        for key, value in said.items():
            if key not in KEYS:
                what, near = f"[{name}] has an unknown key {key!r}", nearest(key, KEYS)
                yield Fault("unknown_key", LIST, "", what, "Correct it.", near=near)
            elif KEYS[key] and value not in KEYS[key]:
                yield Fault(
                    "unknown_key", LIST, "", f"{key} of [{name}] is one of {', '.join(KEYS[key])}", "Correct it."
                )
        if "file" in said and register_file(plan, name) is None:
            what = f"the register {name!r} is named, and its file {str(said['file'])!r} is not there"
            near = nearest(str(said["file"]), _names(plan))
            yield Fault("missing_register", LIST, "", what, "Add the file, or take the entry out.", near=near)


def _names(plan: Plan) -> list[str]:
    place = folder(plan)
    return sorted(p.name for p in place.iterdir() if p.name != LIST and p.name[0] != ".") if place.is_dir() else []


def _file_faults(plan: Plan, known: list[str]) -> Iterator[Fault]:
    """Yield a fault for each file or folder that looks like a register and is read as none."""
    used = {found.name: name for name in known if (found := register_file(plan, name)) is not None}
    yield from _records_faults(used, plan)
    for name in _names(plan):
        path = folder(plan) / name
        if name in used or name.casefold().startswith(("readme", "~$")):
            continue
        like = _like(path, known)
        data = path.suffix.lower() in DATA - {".txt"} if path.is_file() else False
        if not like and not data:
            continue
        other = next((file for file, register in used.items() if register == like), "")
        if other:
            what = f"it stands beside {other}, which is read as the register {like!r}"
            yield Fault("two_registers", safe(name)[1:-1], "", what, "Keep one of the two here.")
        else:
            what = "it is read as no register"
            todo = "Name it as the codebook names the table (csv or xlsx), name it in registers.toml, or move it away."
            yield Fault("unread_register", safe(name)[1:-1], "", what, todo, near=f"{like}.csv" if like else "")


def _records_faults(used: Mapping[str, str], plan: Plan) -> Iterator[Fault]:
    """Yield a fault for each file of data in a folder of records that is not read."""
    for name in used:
        place = folder(plan) / name
        for path in sorted(place.rglob("*")) if place.is_dir() else ():
            if path.suffix.lower() in DATA - {".csv"} and path.name[0] not in "~.":
                what = "only csv files of records are read"
                yield Fault("unread_register", f"{name}/{safe(path.name)[1:-1]}", "", what, "Unpack or move it away.")


def _like(path: Path, known: list[str]) -> str:
    """Return the register that a file's or folder's name is like; "" for none."""
    stem = "_".join(path.name.partition(".")[0].casefold().replace("-", " ").split())
    if path.suffix and path.is_file() and path.suffix.lower() not in DATA:
        return ""
    return stem if stem in known else nearest(stem, known)
