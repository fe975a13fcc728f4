"""What notebooks write: each into a folder of its own, laid together in the order of the notebooks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evaluation.intake import keys

GATES, ORDER = "gates.json", "published/order.json"


def merge(target: Path, outcomes: Iterable[Path]) -> dict[str, Any]:
    """Lay what notebooks wrote into one folder, in order, by links; return each file's identity, and the gates.

    Gates and the order of exhibits are joined; of any other file the last one stands.
    """
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    gates, order = dict[str, Any](), list[str]()
    for folder in outcomes:
        for file in _files(folder):
            name = file.relative_to(folder).as_posix()
            if name == GATES:
                gates |= {g["id"]: g for g in json.loads(file.read_text("utf-8"))}
            elif name == ORDER:
                order += [i for i in json.loads(file.read_text("utf-8")) if i not in order]
            else:
                place = target / name
                place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                place.unlink(missing_ok=True)
                os.link(file, place)
    if gates:
        _write_private(target / GATES, list(gates.values()))
    if order:
        _write_private(target / ORDER, order)
    return {p.relative_to(target).as_posix(): _identity(p) for p in _files(target)} | {"gates": gates, "order": order}


def keep_own(work: Path, target: Path, before: Mapping[str, Any]) -> None:
    """Keep what a notebook added to its folder: its own files, its own gates, its own exhibits.

    `before` is what `merge` returned when it laid out the folder.
    """
    target.mkdir(mode=0o700)
    for file in _files(work):
        name = file.relative_to(work).as_posix()
        if before.get(name) == _identity(file):
            continue
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if name == GATES:
            now = json.loads(file.read_text("utf-8"))
            _write_private(place, [g for g in now if before["gates"].get(g["id"]) != g])
        elif name == ORDER:
            _write_private(place, [i for i in json.loads(file.read_text("utf-8")) if i not in before["order"]])
        else:
            os.link(file, place)


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def _write_private(path: Path, content: Any) -> None:
    keys.write_private(path, json.dumps(content, sort_keys=True, ensure_ascii=False).encode())
