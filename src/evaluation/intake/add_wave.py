"""Take a new export in: copy it untouched, propose its map from the codebook, write `wave.toml`, list the faults."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from evaluation.errors import InputError, StudyError
from evaluation.intake import header_rows, ingest, propose_mapping, readers, records, wave_file
from evaluation.intake.answer_patterns import outcome_items
from evaluation.intake.column_targets import REST, ROW
from evaluation.intake.copies import copied, sha, written
from evaluation.intake.faults import Fault, fault_table, safe
from evaluation.intake.mapping import normal, number
from evaluation.intake.propose_mapping import Proposal
from evaluation.intake.wave_file import UNSTATED
from evaluation.plan import registration
from evaluation.plan.study import WAVE_ID, Plan

NO_PLAN = "no"


@dataclass(frozen=True, slots=True)
class Added:
    """What `add-wave` did: the proposals, the columns left over, and every fault that is left."""

    wave: str
    proposals: tuple[Proposal, ...]
    unmapped: tuple[str, ...]
    faults: tuple[Fault, ...]
    kept: bool = False
    sure: bool = True
    labels: tuple[str, ...] = ()
    sheet: str = ""

    def summary(self) -> str:
        """Return what a person has to confirm, and the faults."""
        first = (
            "wave.toml stands already and was kept."
            if self.kept
            else ("wave.toml was written. Read each line of it, then set confirmed = true:")
        )
        lines = [f"The export of {self.wave} was copied in, unchanged. {first}"]
        if self.sheet:
            lines.append(f"The sheet {self.sheet!r} was read, and no other.")
        if not self.kept:
            lines += [f"  {shown(p.column)} → {p.target}   ({p.how})" for p in self.proposals]
            if self.sure:
                lines += [f"  {shown(c)} → ?   (nothing in the codebook is like it)" for c in self.unmapped]
            elif self.unmapped:  # they may be the first respondent's answers: none is repeated
                which = "the other" if self.proposals else "its"
                lines.append(
                    f"  none of {which} {len(self.unmapped)} headings is "
                    "like anything in the codebook; they are not shown, because they may be somebody's answers. Say "
                    "which row holds the headings: header_row in wave.toml."
                )
        if self.labels:
            lines.append("Labels that are only like one of the codebook's are comments in wave.toml; decide on each:")
            lines += [f"  {line}" for line in self.labels]
        lines.append(fault_table(self.faults) if self.faults else "No faults: the wave can be used.")
        return "\n".join(lines)


def shown(column: str) -> str:
    """Return a heading as a message may show it (a question's words are shown in short)."""
    text = " ".join(column.split())
    return safe(text) if len(text) <= 60 else f"{safe(text[:50])} …"


@dataclass(frozen=True, slots=True)
class Drafted:
    """What is known of an export before the codebook is asked: from an earlier wave, or from the export itself.

    `columns` is heading to variable with where it is known from; `labels` variable to {label: code}, `unsure` the same
    for numbers that may be codes; `missing` word to code; `ignore` heading to reason; `wording` outcome to its state.
    """

    columns: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unsure: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    ignore: Mapping[str, str] = field(default_factory=dict)
    wording: Mapping[str, str] = field(default_factory=dict)


def add(plan: Plan, export: Path, wave: str, drafted: Drafted | None = None, **options: Any) -> Added:
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
    require_export(plan, export, wave)
    folder = plan.root / "data_raw" / "waves" / wave
    kept = (folder / "wave.toml").is_file()
    proposals: list[Proposal] = []
    unmapped: list[str] = []
    sure, alike, sheet = True, list[str](), ""
    if not kept:
        said = {k: v for k, v in options.items() if k in ("delimiter", "encoding")}
        found = header_rows.layout(export, plan.codebook, **said)
        place = {
            k: v for k in ("sheet", "header_row", "header_rows", "delimiter") if (v := getattr(found, k))
        } | options
        read = readers.read(export, **place)
        drafted = drafted or _as_before(plan, wave)
        proposals, unmapped = _proposed(plan, read, drafted)
        known = set(drafted.columns) & set(read.frame.columns)
        sure = found.sure or "header_row" in options or bool(known)
        sheet = str(place.get("sheet", ""))
        alike = _alike(plan, proposals, read)
    target = _copy(export, folder)
    if not kept:
        written(folder / "wave.toml", _wave_toml(plan, wave, target, place, read, proposals, sure, drafted))
    return Added(
        wave, tuple(proposals), tuple(unmapped), tuple(ingest.check(plan, wave)), kept, sure, tuple(alike), sheet
    )


def _proposed(plan: Plan, read: records.Read, drafted: Drafted) -> tuple[list[Proposal], list[str]]:
    """Return the proposed map: what is known of the headings first, the others by their likeness to the codebook."""
    held = list(read.frame.columns)
    known = {
        c: Proposal(c, name, propose_mapping.EXACT, how) for c, (name, how) in drafted.columns.items() if c in held
    }
    if ROW in drafted.columns:
        known[ROW] = Proposal(ROW, *drafted.columns[ROW][:1], propose_mapping.EXACT, drafted.columns[ROW][1])
    named = {p.target for p in known.values()}
    left = [c for c in held if c not in known and c not in drafted.ignore]
    rest, unmapped = propose_mapping.propose(read.only(left), plan.codebook, named)
    return [*known.values(), *rest], [*unmapped, *(c for c in held if c in drafted.ignore)]


def _as_before(plan: Plan, wave: str) -> Drafted:
    """Return the confirmed map of the last wave before this one, as far as it holds for any export."""
    for before in reversed(plan.earlier_waves(wave)):
        try:
            info = wave_file.load(plan.root, before)
        except StudyError:
            continue
        if info.confirmed:
            columns = {c: (name, f"as in {before}") for c, name in info.columns.items()}
            return Drafted(columns, info.labels, {}, info.missing, info.ignore)
    return Drafted()


def require_export(plan: Plan, export: Path, wave: str) -> None:
    """Refuse a wave that the plan lacks, and an export that is not there or whose name cannot be written."""
    if not WAVE_ID.fullmatch(wave):
        raise StudyError(f"{wave!r} is no wave id", todo="Ids look like W2026.")
    if wave not in plan.waves:
        raise StudyError(f"the plan has no wave {wave}", todo=f'Add it first: study.toml, waves = [..., "{wave}"].')
    if not export.is_file():
        raise InputError(f"there is no file {export.name!r}", todo="Give the path of the export.")
    try:
        export.name.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError("the file's name cannot be written as text", todo="Rename it in plain letters.") from None


def _copy(export: Path, folder: Path) -> Path:
    """Copy the export in, once and for all; without a wave.toml nothing was taken in yet, whatever stands there."""
    target = folder / export.name
    taken = (folder / "wave.toml").is_file()
    others = [p.name for p in folder.glob("*") if p.is_file() and p.name not in ("wave.toml", export.name)]
    others = [n for n in others if not n.startswith(".")]
    if (taken and others) or (target.is_file() and sha(target) != sha(export)):
        raise InputError(
            f"another export of {folder.name} was taken in before",
            where=f"data_raw/waves/{folder.name}",
            todo=f"For a correction or late answers: evaluation add-wave EXPORT --wave {folder.name} --replace.",
        )
    if not target.is_file():
        copied(export, target)
    return target


def today(plan: Plan) -> str:
    """Return the day by the machine's clock, where the study is."""
    return dt.datetime.now(ZoneInfo(plan.study.timezone)).date().isoformat()


def _quoted(text: object) -> str:
    return json.dumps(str(text), ensure_ascii=False)


def _wave_toml(
    plan: Plan,
    wave: str,
    export: Path,
    place: Mapping[str, object],
    read: records.Read,
    proposals: Sequence[Proposal],
    sure: bool,
    drafted: Drafted,
) -> str:
    """Return wave.toml as text: the proposals with their confidence as comments, for a person to confirm.

    Headings that nothing explains are written only when they are `sure` to be headings.
    """
    mapped = {p.target.split(".")[0] for p in proposals}
    lines = [
        f'wave = "{wave}"',
        f"label = {_quoted('Survey of ' + wave[1:])}",
        f"file = {_quoted(export.name)}",
        f'sha256 = "{sha(export)}"',
        f'taken_in = "{today(plan)}"',
        f'plan_frozen = "{registration.frozen_digest(plan, wave) or NO_PLAN}"   # whether its plan was frozen by then',
        "confirmed = false   # true once every line below has been read",
        *(f"{k} = {_quoted(v) if isinstance(v, str) else v}" for k, v in place.items()),
        "# start and end of fieldwork, when they are known:",
        '# start = "2026-05-01"',
        '# end = "2026-06-30"',
        '# mode = "face to face"   # how most answered (or telephone, online, paper, mixed)',
        f"date_order = {_quoted(_date_order(plan, read, proposals))}",
        '# codes = "codebook"   # only if every number in this file is the code that the codebook gives it',
        'origin = "real"',
        f"attendance_asked = {'true' if plan.treatment_source in mapped else 'false'}",
        "",
        "[columns]   # the export's column = the codebook's variable",
        *(f"{_quoted(p.column)} = {_quoted(p.target)}   # {p.how}" for p in proposals),
    ]
    if "resp_id" not in mapped:
        lines += [
            "# No column numbers the respondents. Map the tool's own number. Only where there is none, number the rows",
            "# as they stand: a withdrawal by the tool's number then takes out somebody else, and another export",
            "# renumbers everybody.",
            '# "#row" = "resp_id"',
        ]
    for proposal in proposals:
        lines += _labels(plan, proposal, read, drafted)
    asked = [i for i in outcome_items(plan) if i in mapped] if plan.earlier_waves(wave) else []
    absent = sorted(ingest.required(plan, wave) - mapped - {"wave", "resp_id"} - _made(plan, mapped))
    rest = [c for c in read.frame.columns if sure and safe(c) == repr(c) and c not in {p.column for p in proposals}]
    wording = {i: drafted.wording.get(i, "unknown") for i in asked}
    unread = {c: drafted.ignore.get(c, UNSTATED) for c in rest}
    if drafted.ignore.get(REST):
        unread = {c: w for c, w in unread.items() if w != UNSTATED} | {REST: drafted.ignore[REST]}
    lines += _table("missing", "words for a missing answer = its code in the codebook", drafted.missing)
    lines += _table("wording", "same, changed or unknown, against the first wave that asked", wording)
    lines += _official([n for n in plan.codebook.harmonised if n in mapped])
    lines += _table("ignore", 'columns that are not read, with the reason ("*" stands for all others)', unread)
    lines += _table(
        "not_asked", "variables that this wave should hold, and why it does not", dict.fromkeys(absent, UNSTATED)
    )
    return "\n".join(lines) + "\n"


def _official(names: Sequence[str]) -> list[str]:
    """Return where the official words of questions that another survey asks too are to be pasted."""
    if not names:
        return []
    blank = [f'# {name} = "paste the official words, as they were asked"' for name in names]
    return [
        "",
        "[official_wording]   # of questions that another survey asks too; without them nothing is compared",
        *blank,
    ]


def _made(plan: Plan, mapped: Iterable[str]) -> set[str]:
    """Return the variables that can be made from the mapped ones."""
    book, here = plan.codebook, set(mapped)
    return {n for n in book.names() if book.variable(n).made_from in here}


def _table(name: str, texts: str, rows: Mapping[str, str]) -> list[str]:
    return ["", f"[{name}]   # {texts}", *(f"{_quoted(k)} = {_quoted(v)}" for k, v in rows.items())] if rows else []


def _date_order(plan: Plan, read: records.Read, proposals: Sequence[Proposal]) -> str:
    texts: list[str] = []
    for p in proposals:
        if p.column != ROW and "." not in p.target and plan.codebook.variable(p.target).type in ("date", "datetime"):
            texts += [str(c) for c in read.frame[p.column].array.categories]
    return propose_mapping.date_order(texts)


def _alike(plan: Plan, proposals: Sequence[Proposal], read: records.Read) -> list[str]:
    """Return the proposed labels in words, for the terminal."""
    return [
        f"{p.target}: {safe(label)} → {code!r}   ({sure:.0%} alike)"
        for p in proposals
        for label, code, sure in label_proposals(plan, p, read)[0]
        if code
    ]


def label_proposals(plan: Plan, proposal: Proposal, read: records.Read) -> tuple[list[tuple[str, str, float]], str]:
    """Return (label, code, how sure) for each label that the codebook does not know, and what separates ticks."""
    if "." in proposal.target or proposal.column == ROW or not (var := plan.codebook.variable(proposal.target)).levels:
        return [], ""
    found, mark = read.frame[proposal.column].array, ""
    texts = [str(c) for c in found.categories]
    people = dict(zip(texts, np.bincount(found.codes, minlength=len(texts)).tolist(), strict=True))
    if var.type == "multi":
        mark = propose_mapping.delimiter(texts, var)
        parts = [part.strip() for t in texts for part in t.split(mark)]
        texts, people = list(dict.fromkeys(parts)), {p: sum(people[t] for t in people if p in t) for p in parts}
    return propose_mapping.labels(texts, var, people), mark


def _labels(plan: Plan, proposal: Proposal, read: records.Read, drafted: Drafted) -> list[str]:
    """Return the lines that map the labels of a closed question, and what separates the ticks of a multiple one.

    A label that is only like one of the codebook's is a comment until a person makes a line of it.
    """
    var = plan.codebook.variable(proposal.target.partition(".")[0])
    known, unsure = drafted.labels.get(var.name, {}), drafted.unsure.get(var.name, {})
    if known or unsure:
        return [
            "",
            f"[labels.{var.name}]   # the export's label = the codebook's level",
            *(f"{_quoted(k)} = {_quoted(v)}" for k, v in known.items()),
            *(
                f"# {_quoted(k)} = {_quoted(v)}   # take the first # away if this number stands for no answer"
                for k, v in unsure.items()
            ),
        ]
    if proposal.column == ROW:
        return []
    pairs, mark = label_proposals(plan, proposal, read)
    pairs = [p for p in pairs if normal(p[0]) not in {normal(w) for w in drafted.missing}]
    lines = ["", f"[multi.{var.name}]", f"delimiter = {_quoted(mark)}"] if mark else []
    if pairs:
        lines += ["", f"[labels.{var.name}]   # the export's label = the codebook's level"]
        codes = ", ".join(str(c) for c in var.levels)
        lines += [
            f"# {_quoted(label)} = {_quoted(code)}   # {sure:.0%} alike: take the first # away if they mean the same"
            if code
            else f"# {_quoted(label)} =   # one of {codes}"
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
