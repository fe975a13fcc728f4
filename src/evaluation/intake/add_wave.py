"""Take a new export in: copy it untouched, propose its map from the codebook, write `wave.toml`, list the faults."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.errors import InputError, StudyError
from evaluation.intake import ingest, propose_mapping, readers
from evaluation.intake.faults import Fault, fault_table, safe
from evaluation.intake.mapping import number
from evaluation.intake.propose_mapping import Proposal
from evaluation.intake.validation import outcome_items
from evaluation.intake.wave_file import UNSTATED
from evaluation.plan.study import WAVE_ID, Plan


@dataclass(frozen=True, slots=True)
class Added:
    """What `add-wave` did: the proposals, the columns left over, and every fault that is left."""

    wave: str
    proposals: tuple[Proposal, ...]
    unmapped: tuple[str, ...]
    faults: tuple[Fault, ...]
    kept: bool = False

    def summary(self) -> str:
        """Return what a person has to confirm, and the faults."""
        first = (
            "wave.toml stands already and was kept."
            if self.kept
            else ("wave.toml was written. Read each line of it, then set confirmed = true:")
        )
        lines = [f"The export of {self.wave} was copied in, unchanged. {first}"]
        if not self.kept:
            lines += [f"  {shown(p.column)} → {p.target}   ({p.how})" for p in self.proposals]
            if self.proposals:
                lines += [f"  {shown(c)} → ?   (nothing in the codebook is like it)" for c in self.unmapped]
            else:  # the headings may be the first respondent's answers: none is repeated
                lines.append(f"  none of its {len(self.unmapped)} headings is like anything in the codebook")
        lines.append(fault_table(self.faults) if self.faults else "No faults: the wave can be used.")
        return "\n".join(lines)


def shown(column: str) -> str:
    """Return a heading as a message may show it (a question's words are shown in short)."""
    text = " ".join(column.split())
    return safe(text) if len(text) <= 60 else f"{safe(text[:50])} …"


def add(plan: Plan, export: Path, wave: str, **options: Any) -> Added:
    """Copy the export into `data_raw/waves/<wave>/`, propose its map, and list every fault at once.

    Parameters
    ----------
    options
        `sheet`, `header_row`, `header_rows`, `delimiter`, `encoding`, where they are known; else they are found.

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
    kept = (folder / "wave.toml").is_file()
    proposals: list[Proposal] = []
    unmapped: list[str] = []
    if not kept:
        said = {k: v for k, v in options.items() if k in ("delimiter", "encoding")}
        found = propose_mapping.layout(export, plan.codebook, **said)
        place = {
            k: v for k in ("sheet", "header_row", "header_rows", "delimiter") if (v := getattr(found, k))
        } | options
        read = readers.read(export, **place)
        proposals, unmapped = propose_mapping.propose(read, plan.codebook)
    target = _copy(export, folder)
    if not kept:
        text = _wave_toml(plan, wave, target, place, read, proposals)
        (folder / "wave.toml").write_text(text, "utf-8")
    return Added(wave, tuple(proposals), tuple(unmapped), tuple(ingest.check(plan, wave)), kept)


def _copy(export: Path, folder: Path) -> Path:
    """Copy the export in, once and for all."""
    target = folder / export.name
    others = [p.name for p in folder.glob("*") if p.name not in ("wave.toml", export.name)]
    if others or (target.is_file() and _sha(target) != _sha(export)):
        raise InputError(
            f"another export of {folder.name} was taken in before",
            where=f"data_raw/waves/{folder.name}",
            todo="Move the old folder away first: raw exports are never overwritten.",
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not target.is_file():
        shutil.copyfile(export, target)
        target.chmod(0o600)
    return target


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _quoted(text: Any) -> str:
    return json.dumps(str(text), ensure_ascii=False)


def _wave_toml(
    plan: Plan, wave: str, export: Path, place: dict[str, Any], read: readers.Read, proposals: Sequence[Proposal]
) -> str:
    """Return wave.toml as text: the proposals with their confidence as comments, for a person to confirm."""
    mapped = {p.target.split(".")[0] for p in proposals}
    lines = [
        f'wave = "{wave}"',
        f"label = {_quoted('Survey of ' + wave[1:])}",
        f"file = {_quoted(export.name)}",
        f'sha256 = "{_sha(export)}"',
        "confirmed = false   # true once every line below has been read",
        *(f"{k} = {_quoted(v) if isinstance(v, str) else v}" for k, v in place.items()),
        "# start and end of fieldwork, when they are known:",
        '# start = "2026-05-01"',
        '# end = "2026-06-30"',
        f"date_order = {_quoted(_date_order(plan, read, proposals))}",
        'origin = "real"',
        f"attendance_asked = {'true' if plan.treatment.column in mapped else 'false'}",
        "",
        "[columns]   # the export's column = the codebook's variable",
        *(f"{_quoted(p.column)} = {_quoted(p.target)}   # {p.how}" for p in proposals),
    ]
    if "resp_id" not in mapped:
        lines.append('"#row" = "resp_id"   # no column numbers the respondents: the rows are numbered')
    for proposal in proposals:
        lines += _labels(plan, proposal, read)
    asked = [i for i in outcome_items(plan) if i in mapped] if plan.earlier_waves(wave) else []
    absent = sorted(ingest.required(plan, wave) - mapped - {"wave", "resp_id"} - _made(plan, mapped))
    rest = [c for c in read.frame.columns if c not in {p.column for p in proposals}]
    lines += _table("wording", "same, changed or unknown, against the first wave that asked", asked, "unknown")
    lines += _table("ignore", "columns that are not read, with the reason", rest, UNSTATED)
    lines += _table("not_asked", "variables that this wave should hold, and why it does not", absent, UNSTATED)
    return "\n".join(lines) + "\n"


def _made(plan: Plan, mapped: Iterable[str]) -> set[str]:
    """Return the variables that can be made from the mapped ones."""
    book, here = plan.codebook, set(mapped)
    return {n for n in book.names() if book.variable(n).made_from in here}


def _table(name: str, texts: str, keys: Sequence[str], value: str) -> list[str]:
    return ["", f"[{name}]   # {texts}", *(f"{_quoted(k)} = {_quoted(value)}" for k in keys)] if keys else []


def _date_order(plan: Plan, read: readers.Read, proposals: Sequence[Proposal]) -> str:
    texts: list[str] = []
    for p in proposals:
        if "." not in p.target and plan.codebook.variable(p.target).type in ("date", "datetime"):
            texts += [str(c) for c in read.frame[p.column].array.categories]
    return propose_mapping.date_order(texts)


def _labels(plan: Plan, proposal: Proposal, read: readers.Read) -> list[str]:
    """Return the lines that map the labels of a closed question, and what separates the ticks of a multiple one."""
    if "." in proposal.target:
        return []
    var = plan.codebook.variable(proposal.target)
    if not var.levels:
        return []
    found = read.frame[proposal.column].array
    texts = [str(c) for c in found.categories]
    people = dict(zip(texts, np.bincount(found.codes, minlength=len(texts)).tolist(), strict=True))
    lines: list[str] = []
    if var.type == "multi":
        mark = propose_mapping.delimiter(texts, var)
        parts = [part.strip() for t in texts for part in t.split(mark)]
        texts, people = list(dict.fromkeys(parts)), {p: sum(people[t] for t in people if p in t) for p in parts}
        lines = ["", f"[multi.{var.name}]", f"delimiter = {_quoted(mark)}"]
    pairs = propose_mapping.labels(texts, var, people)
    if pairs:
        lines += ["", f"[labels.{var.name}]   # the export's label = the codebook's level"]
        codes = ", ".join(str(c) for c in var.levels)
        lines += [
            f"{_quoted(label)} = {_quoted(code)}   # {sure:.0%}" if code else f"# {_quoted(label)} =   # one of {codes}"
            for label, code, sure in pairs
        ]
    if pairs and all(number(label) is not None for label, _, _ in pairs):
        levels = ", ".join(_quoted(c) for c in var.levels)
        lines += [
            "# or, where the numbers are amounts, cut them into levels: each level holds the numbers under its cut,",
            "# the last one all others",
            f"# [bands.{var.name}]",
            f"# cuts = [{', '.join(['…'] * (len(var.levels) - 1))}]",
            f"# levels = [{levels}]",
        ]
    return lines
