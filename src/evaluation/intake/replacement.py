"""Replace a wave's export by a corrected or completed one: its map is kept, and what changed is counted.

The new export is written under a name of its own, then wave.toml is swapped in one step: whenever the command is
stopped, the wave is the old one or the new one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from evaluation.errors import InputError, StudyError
from evaluation.intake import ingest, readers, wave_file
from evaluation.intake.add_wave import require_export
from evaluation.intake.copies import copied, sha, written
from evaluation.intake.faults import Fault, fault_table
from evaluation.intake.mapping import ROW
from evaluation.intake.records import Read
from evaluation.intake.wave_file import WaveInfo
from evaluation.plan.study import Plan

BEFORE = "replaced"  # folder of data_raw for exports that were replaced
FIELDS = {"file": re.compile(r"(?m)^file\s*=.*$"), "sha256": re.compile(r"(?m)^sha256\s*=.*$")}


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a replacement changed.

    Attributes
    ----------
    rows : tuple of int
        Rows before and now.
    people : tuple of int or None
        Respondents in both, gone and new; None where rows are numbered as they stand.
    cells : mapping
        Variable to the number of respondents in both whose cell differs.
    columns : tuple of int
        Columns gone and new.
    """

    wave: str
    rows: tuple[int, int]
    people: tuple[int, int, int] | None
    cells: Mapping[str, int]
    columns: tuple[int, int]
    faults: tuple[Fault, ...]

    def summary(self) -> str:
        """Return what changed, and the faults."""
        before, now = self.rows
        lines = [f"The export of {self.wave} was replaced; its map was kept. Rows: {before} before, {now} now."]
        if self.people:
            both, gone, new = self.people
            lines.append(f"Respondents: {both} in both, {gone} gone, {new} new.")
        else:
            lines.append("Who is who cannot be told, because rows are numbered: cells were compared row by row.")
        lines.append(f"Columns: {self.columns[0]} gone, {self.columns[1]} new.")
        lines += [f"  {name}: {n} cells differ" for name, n in self.cells.items()] or ["  No cell differs."]
        lines.append(
            f"The old export stands in data_raw/{BEFORE}/{self.wave}/; delete it once the new one is right. "
            "Its hash is kept in wave.toml."
        )
        lines.append(fault_table(self.faults) if self.faults else "No faults: the wave can be used.")
        return "\n".join(lines)


def replaced(plan: Plan, export: Path, wave: str) -> Replaced:
    """Put another export in the place of a wave's, and return what changed.

    Raises
    ------
    StudyError
        Nothing was taken in for the wave yet, or wave.toml cannot be edited.
    InputError
        The new export cannot be read as the map says, or is the old one; nothing is changed then.
    """
    require_export(plan, export, wave)
    info = wave_file.load(plan.root, wave)
    new_sha = sha(export)
    if info.path.is_file() and sha(info.path) == new_sha:
        raise InputError("it is the export that was taken in", where=export.name, todo="Name the corrected one.")
    name = export.name if not (info.folder / export.name).exists() else f"{export.stem}-{new_sha[:8]}{export.suffix}"
    now = readers.read_wave(replace(info, folder=export.parent, file=export.name))
    before = _before(info)
    text = _edited(info, name, new_sha, len(before.frame) if before else 0)
    copied(export, info.folder / name)
    written(info.folder / "wave.toml", text)
    _set_aside(info)
    return _compared(info, before, now, tuple(ingest.check(plan, wave)))


def _before(info: WaveInfo) -> Read | None:
    """Return the old export; None where it is lost or spoilt, which may be why it is replaced."""
    try:
        return readers.read_wave(info)
    except InputError:
        return None


def _edited(info: WaveInfo, name: str, new_sha: str, rows: int) -> str:
    """Return wave.toml with the new file and hash, and the old ones kept at its end; every other line as it stood."""
    text = (info.folder / "wave.toml").read_text("utf-8")
    head, mark, tail = _head(text)
    for key, value in {"sha256": new_sha, "file": name}.items():
        line = f"{key} = {_quoted(value)}"
        head, n = FIELDS[key].subn(lambda _, line=line: line, head, count=1)  # type: ignore[misc]
        head = head if n else f"{line}\n{head}"
    old = info.sha256 or (sha(info.path) if info.path.is_file() else "")
    entry = f'\n[[replaced]]\nfile = {_quoted(info.file)}\nsha256 = "{old}"\nrows = {rows}\n'
    edited = f"{head}{mark}{tail}".rstrip("\n") + "\n" + entry
    try:
        content = tomllib.loads(edited)
    except tomllib.TOMLDecodeError:
        content = {}
    if content.get("file") != name or content.get("sha256") != new_sha:
        todo = "Write file and sha256 on lines of their own."
        raise StudyError(f"wave.toml of {info.wave} cannot be edited", todo=todo)
    return edited


def _head(text: str) -> tuple[str, str, str]:
    """Return the keys before the first table, and the rest."""
    found = re.search(r"(?m)^\[", text)
    return (text, "", "") if not found else (text[: found.start()], "", text[found.start() :])


def _quoted(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)


def _set_aside(info: WaveInfo) -> None:
    if info.path.is_file():
        place = info.folder.parents[1] / BEFORE / info.wave
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        info.path.replace(place / f"{sha(info.path)[:12]} {info.file}")


def _compared(info: WaveInfo, before: Read | None, now: Read, faults: tuple[Fault, ...]) -> Replaced:
    if before is None:
        return Replaced(info.wave, (0, len(now.frame)), None, {}, (0, len(now.frame.columns)), faults)
    number = next((c for c, v in info.columns.items() if v == "resp_id" and c != ROW), "")
    old, new = (_by_number(r, number) for r in (before, now))
    both = old.index.intersection(new.index)
    people = (len(both), len(old.index.difference(new.index)), len(new.index.difference(old.index))) if number else None
    shared = [c for c in info.columns if c in old and c in new and c != number]
    counts = {info.columns[c]: int((old.loc[both, c].to_numpy() != new.loc[both, c].to_numpy()).sum()) for c in shared}
    gone, came = set(before.frame) - set(now.frame), set(now.frame) - set(before.frame)
    cells = {name: n for name, n in counts.items() if n}
    return Replaced(info.wave, (len(before.frame), len(now.frame)), people, cells, (len(gone), len(came)), faults)


def _by_number(read: Read, number: str) -> pd.DataFrame:
    """Return an export's cells by respondent (the first row of each), or by row."""
    frame = read.frame.astype(object)
    if number not in frame:
        return frame.set_axis(np.arange(len(frame)))
    return frame.set_axis(pd.Index(frame[number].astype(str)))[lambda f: ~f.index.duplicated()]
