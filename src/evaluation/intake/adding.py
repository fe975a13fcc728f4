"""Take a new export in: copy it untouched, propose its map from the codebook, write `wave.toml`, list the faults."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from evaluation.codebook import Codebook, Variable
from evaluation.errors import InputError, StudyError
from evaluation.intake import readers, taking
from evaluation.intake.faults import Fault, fault_table, safe
from evaluation.intake.mapping import MISSING_WORDS, normal
from evaluation.study import WAVE_ID, Plan

LEAST = 0.75
MOST_LEVELS = 30


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposed pair, with how sure: 1.0 exact, 0.95 equal once normalised, less for the nearest."""

    column: str
    target: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Added:
    """What `add-wave` did: the proposals, where wave.toml stands, and every fault that is left."""

    wave: str
    proposals: tuple[Proposal, ...]
    unmapped: tuple[str, ...]
    faults: tuple[Fault, ...]
    kept: bool = False
    notes: tuple[str, ...] = field(default=())

    def summary(self) -> str:
        """Return what a person has to confirm, and the faults."""
        first = (
            "wave.toml stands already and was kept." if self.kept else "wave.toml was written; confirm each line of it:"
        )
        lines = [f"The export of {self.wave} was copied in. {first}"]
        lines += [f"  {p.confidence:4.0%}  {safe(p.column)} → {p.target}" for p in self.proposals]
        lines += [f"   ?    {safe(c)} is not mapped" for c in self.unmapped]
        lines.append(fault_table(self.faults) if self.faults else "No faults: the wave can be used.")
        return "\n".join([*lines, *self.notes])


def add(plan: Plan, export: Path, wave: str) -> Added:
    """Copy the export into `data_raw/waves/<wave>/`, propose its map, and list every fault at once.

    Raises
    ------
    StudyError
        The wave's id is malformed or not in the plan.
    InputError
        The export cannot be read, or another export of this wave was taken in already.
    """
    if not WAVE_ID.fullmatch(wave):
        raise StudyError(f"{wave!r} is no wave id", todo="Ids look like W2026.")
    if wave not in plan.waves:
        raise StudyError(f"the plan has no wave {wave}", todo=f'Add it first: study.toml, waves = [..., "{wave}"].')
    if not export.is_file():
        raise InputError(f"there is no file {export.name!r}")
    folder = plan.root / "data_raw" / "waves" / wave
    target = folder / export.name
    if target.is_file() and _sha(target) != _sha(export):
        raise InputError(f"another {export.name!r} of {wave} was taken in before", where=f"data_raw/waves/{wave}",
                         todo="Move the old folder away first: raw exports are never overwritten.")  # fmt: skip
    header_row, sheet = _find_header(export, plan.codebook)
    read = readers.read(export, header_row=header_row, sheet=sheet)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not target.is_file():
        shutil.copyfile(export, target)
        target.chmod(0o600)
    proposals, unmapped = propose(list(read.frame.columns), plan.codebook)
    kept = (folder / "wave.toml").is_file()
    if not kept:
        text = _wave_toml(plan, wave, target, (header_row, sheet), read, proposals)
        (folder / "wave.toml").write_text(text, "utf-8")
    return Added(wave, tuple(proposals), tuple(unmapped), tuple(taking.check(plan, wave)), kept)


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _find_header(export: Path, book: Codebook) -> tuple[int, str]:
    """Return the row, among the first ten, whose cells look most like the codebook (title rows stand above it)."""
    if export.suffix.lower() not in (*readers.TEXT, *readers.SHEETS):
        return 1, ""
    best, at = -1.0, 1
    for row in range(1, 11):
        try:
            columns = [c for c in readers.read(export, header_row=row).frame.columns if c]
        except InputError:
            continue
        score = sum(p.confidence for p in propose(columns, book)[0])
        if score > best:
            best, at = score, row
    return at, ""


def propose(columns: Sequence[str], book: Codebook) -> tuple[list[Proposal], list[str]]:
    """Return the proposed map, each variable used once, and the columns left over."""
    names = [book.variable(n) for n in book.names()]
    scored = [(_likeness(column, var), column, var.name) for column in columns for var in names]
    taken: set[str] = set()
    found: dict[str, Proposal] = {}
    for score, column, name in sorted(scored, key=lambda s: (-s[0], columns.index(s[1]), s[2])):
        if score >= LEAST and column not in found and name not in taken:
            found[column] = Proposal(column, name, round(score, 2))
            taken.add(name)
    return [found[c] for c in columns if c in found], [c for c in columns if c not in found]


def _likeness(column: str, var: Variable) -> float:
    if column == var.name:
        return 1.0
    bare = re.sub(r"^(q?\d+[a-z]?[.):_ ]+)", "", normal(column))
    if bare in (normal(var.name), normal(var.label)) or bare.replace(" ", "_") == var.name:
        return 0.95
    near = max(SequenceMatcher(None, bare, normal(w)).ratio() for w in (var.label, var.name.replace("_", " ")))
    return 0.9 * near


def _wave_toml(
    plan: Plan, wave: str, export: Path, place: tuple[int, str], read: readers.Read, proposals: Sequence[Proposal]
) -> str:
    """Return wave.toml as text: the proposals with their confidence as comments, for a person to confirm."""
    import tomli_w

    book = plan.codebook
    mapped = {p.target for p in proposals}
    lines = [f'wave = "{wave}"', f"label = {_quoted('Wave ' + wave[1:])}", f"file = {_quoted(export.name)}",
             f'sha256 = "{_sha(export)}"', f"header_row = {place[0]}", '# start = "2026-05-01"   # when known',
             '# end = "2026-06-30"', 'date_order = "day_first"', 'origin = "real"',
             f"attendance_asked = {'true' if plan.treatment.column in mapped else 'false'}", "",
             "[columns]   # confirm each; the number is how sure the proposal is"]  # fmt: skip
    lines += [f"{_quoted(p.column)} = {_quoted(p.target)}   # {p.confidence:.0%}" for p in proposals]
    if "resp_id" not in mapped:
        lines.append('"#row" = "resp_id"   # the rows are numbered')
    for p in proposals:
        lines += _labels(p, book.variable(p.target), read)
    absent = dict.fromkeys(sorted(taking.required(plan, wave) - mapped - {"wave", "resp_id"}), "SAY WHY")
    rest = {c: "SAY WHY" for c in read.frame.columns if c not in {p.column for p in proposals}}
    if rest:
        lines += [
            "",
            "# Columns that match nothing: map them above, or keep them here with the reason",
            tomli_w.dumps({"ignore": rest}),
        ]
    if absent:
        lines += ["# Variables that this wave should hold and no column matches", tomli_w.dumps({"not_asked": absent})]
    return "\n".join(lines) + "\n"


def _labels(proposal: Proposal, var: Variable, read: readers.Read) -> list[str]:
    """Return lines that map the labels of a closed question that the codebook's own words do not already cover."""
    if not var.levels or var.type == "multi":
        return []
    known = {normal(w) for w in var.levels.values()} | {normal(str(c)) for c in var.levels if not str(c).isdigit()}
    seen = [c for c in dict.fromkeys(read.frame[proposal.column]) if c and normal(c) not in known | set(MISSING_WORDS)]
    if not seen or len(seen) > MOST_LEVELS:
        return []
    lines = ["", f"[labels.{var.name}]"]
    for label in seen:
        scored = max(var.levels, key=lambda c: SequenceMatcher(None, normal(label), normal(str(var.levels[c]))).ratio())
        sure = SequenceMatcher(None, normal(label), normal(str(var.levels[scored]))).ratio()
        exact = label in {str(c) for c in var.levels}
        code, note = (label, "a number alone: check its meaning") if exact else (str(scored), f"{sure:.0%}")
        mark = "" if exact or sure >= LEAST else "# "
        lines.append(f"{mark}{_quoted(label)} = {_quoted(code)}   # {note}")
    return lines


def _quoted(text: Any) -> str:
    import json

    return json.dumps(str(text), ensure_ascii=False)
