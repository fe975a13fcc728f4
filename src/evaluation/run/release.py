"""The ledger of released reports and the verdicts of the checking group: the two records that outlive a run."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.errors import CheckFailed, InputError, nearest
from evaluation.plan import study
from evaluation.run import manifest as run_manifest

if TYPE_CHECKING:
    from evaluation.report.context import SenseCheckRow

ENTRY = "released.json"
UNSTATED = "not stated"
OF_RELEASE = ("checked_by", "analyst", "alone", "status")  # of an entry of the ledger, beside what the report published
VERDICTS = ("agreed", "amended", "rejected")
COLUMNS = ("theme", "verdict", "date", "words")
MISSING = "Something missing"
MOST_WORDS = 400


def ledger(plan: study.Plan) -> tuple[dict[str, object], ...]:
    """Return what earlier reports published, for the attacker of the next run; empty when nothing was released."""
    file = plan.root / "releases" / "ledger.json"
    return tuple(json.loads(file.read_text("utf-8"))["releases"]) if file.is_file() else ()


@dataclass(frozen=True, slots=True)
class Signing:
    """Who releases a report: the analyst, who checked it, and whether one person may do both.

    Attributes
    ----------
    checked_by : str
        Who went through the report. It stands for the checking group where nothing else makes the report a draft.
    analyst : str
        Who made it; as the plan's `contact.ran_by` says where it is left out.
    alone : bool
        Whether the analyst may be the second person too.
    draft : bool
        Whether a report that is a draft may be released all the same.
    """

    checked_by: str = ""
    analyst: str = ""
    alone: bool = False
    draft: bool = False


def release(report: Path, signing: Signing, *, study_file: Path | None = None) -> str:
    """Add a report to the ledger of what was published, so that later reports cannot be subtracted from it.

    Raises
    ------
    CheckFailed
        The report is a draft or a mock, was changed after its run, or is on the ledger already; nobody is named as
        having checked it, or only who made it.
    """
    plan = study.load(study_file)
    report = Path(report)
    manifest = run_manifest.read_manifest(report)
    _require_releasable(report, manifest)
    people = _two_people(plan, signing)
    _require_final(report.name, manifest, signing)
    entry = json.loads((report / ENTRY).read_text("utf-8"))
    earlier = list(ledger(plan))
    if any({k: v for k, v in e.items() if k not in OF_RELEASE} == entry for e in earlier):
        raise CheckFailed(f"{entry['report']} is on the ledger already")
    file = plan.root / "releases" / "ledger.json"
    file.parent.mkdir(exist_ok=True)
    entry |= people | {"status": manifest.get("status", "draft")}
    _replace(file, json.dumps({"releases": [*earlier, entry]}, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return f"{entry['report']} is on the ledger; {len(earlier) + 1} releases are now guarded against subtraction."


def checklist(report: Path) -> str:
    """Return what the second person goes through before a release: the disclosure log, and questions to answer.

    Raises
    ------
    CheckFailed
        The folder has no manifest.
    """
    manifest = run_manifest.read_manifest(Path(report))
    log = [f"  {rule}: {n}" for rule, n in sorted(manifest.get("suppressions", {}).items())]
    audit = [f"  {what}: {n}" for what, n in sorted(manifest.get("audit", {}).items())]
    failed = ", ".join(manifest.get("gates_failed", ())) or "none"
    asked = [
        "Nothing hidden can be worked out from this report and earlier ones (section O of the annex).",
        "No quotation, place or date points at a person.",
        "Page one says what the verdicts say, and no more.",
        f"Conditions that were not met stand beside what they limit: {failed}.",
        "The dossier's judgements are no milder than yours.",
        "The report is as its run left it (evaluation verify).",
    ]
    parts = (
        ("Hidden, by rule", log),
        ("Tried by the attacker", audit),
        ("To be gone through", [f"  [ ] {x}" for x in asked]),
    )
    return "\n".join(line for title, lines in parts for line in (title, *(lines or ["  none"])))


def _require_releasable(report: Path, manifest: run_manifest.Manifest) -> None:
    """Refuse what no person can release: a mock, or a report that is not as its run left it."""
    if manifest.get("mock"):
        raise CheckFailed(f"{report.name} is a mock: its outcomes are shuffled", todo="Release the report itself.")
    spoilt = run_manifest.tampered(report, manifest)
    if spoilt:
        raise CheckFailed(f"{report.name} is not as its run left it: {spoilt}", todo="Release an untouched report.")


def _two_people(plan: study.Plan, signing: Signing) -> dict[str, object]:
    """Return who made and who checked a report, for the ledger; refuse one person in both places, unless told."""
    named = {
        "checked_by": signing.checked_by or plan.contact.checked_by,
        "analyst": signing.analyst or plan.contact.ran_by,
    }
    people = {k: "" if v == UNSTATED else " ".join(v.split()) for k, v in named.items()}
    if not signing.alone:
        if not people["checked_by"]:
            raise CheckFailed("nobody is said to have checked it", todo="Say who did: --checked-by NAME.")
        if not people["analyst"]:
            raise CheckFailed("nobody is said to have made it", todo="Say who did: --analyst NAME.")
        if same_person(people["checked_by"], people["analyst"]):
            todo = "Let somebody else check it, or say that nobody else can: --alone."
            raise CheckFailed(f"{people['checked_by']} made it and cannot be the second person", todo=todo)
    return {**people, "alone": signing.alone}


def same_person(one: str, other: str) -> bool:
    """Return whether two names are one person's: case, blanks, accents, punctuation and order tell nobody apart."""
    names = [_words(one), _words(other)]
    return bool(names[0]) and (sorted(names[0]) == sorted(names[1]) or "".join(names[0]) == "".join(names[1]))


def _words(name: str) -> list[str]:
    """Return the words of a name, in any script, without case or accents."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    return "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c)).split()


def _require_final(name: str, manifest: run_manifest.Manifest, signing: Signing) -> None:
    """Refuse a draft, unless told: by what makes it one, or by who checked it where nothing else does."""
    reasons = list(manifest.get("draft_reasons", ()))
    if manifest.get("status") == "checked" or signing.draft or (signing.checked_by and not reasons):
        return
    why = "; ".join(reasons) or "nobody is said to have checked it"
    todo = "Say who did: --checked-by NAME." if not reasons else "Run it again without what makes it one, or: --draft."
    raise CheckFailed(f"{name} is a draft ({why})", todo=todo)


def _replace(file: Path, text: str) -> None:
    """Write a file whole or not at all."""
    beside = file.with_name(f".{file.name}-{os.getpid()}")
    beside.write_text(text, "utf-8")
    os.replace(beside, file)


def sense_check(plan: study.Plan, wave: str) -> tuple[SenseCheckRow, ...]:
    """Return what the checking group said of each theme in a wave; the last row on a theme stands."""
    from evaluation.report.context import SenseCheckRow

    file = _sheet_file(plan, wave)
    if not file.is_file():
        return ()
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    last = {row["theme"]: row for row in rows}
    return tuple(SenseCheckRow(r["theme"], r["verdict"], r["date"], r["words"]) for r in last.values())


def _sheet_file(plan: study.Plan, wave: str) -> Path:
    return plan.root / "data_raw" / "sense_check" / f"{wave}.csv"


def record_sense_check(sheet: Path, *, study_file: Path | None = None, wave: str = "") -> str:
    """Record a return sheet (csv: theme, verdict, date, words); every fault is said at once and nothing is written.

    Raises
    ------
    InputError
        A missing column, an unknown theme or verdict, a date that is not one, words that are too long.
    """
    from evaluation.run.request import resolve_wave

    plan = study.load(study_file)
    wave = resolve_wave(plan, wave)
    rows = _read_sheet(Path(sheet))
    faults = [f"row {n}: {fault}" for n, row in enumerate(rows, 2) for fault in _faults(plan, row)]
    if faults or not rows:
        raise InputError(
            "\n".join(faults) or "the sheet has no rows", where=Path(sheet).name, todo="Nothing was written."
        )
    file = _sheet_file(plan, wave)
    file.parent.mkdir(parents=True, exist_ok=True)
    before = file.read_text("utf-8") if file.is_file() else ",".join(COLUMNS) + "\n"
    lines = [_line([row[c].strip() for c in COLUMNS]) for row in rows]
    _replace(file, before + "".join(lines))
    return f"{len(rows)} verdicts recorded for {wave}; run the study again to print them beside the themes."


def _read_sheet(sheet: Path) -> list[dict[str, str]]:
    with sheet.open(encoding="utf-8-sig", newline="") as opened:
        reader = csv.DictReader(opened)
        lacking = [c for c in COLUMNS if c not in (reader.fieldnames or [])]
        if lacking:
            raise InputError(
                f"the sheet lacks the columns {', '.join(lacking)}",
                where=sheet.name,
                todo=f"Its header is {','.join(COLUMNS)}.",
            )
        return [{c: row[c] or "" for c in COLUMNS} for row in reader]


def _faults(plan: study.Plan, row: dict[str, str]) -> list[str]:
    found = []
    known = known_themes(plan)
    if not row["theme"].strip():
        found.append("the theme is blank")
    elif known and row["theme"].strip() not in (*known, MISSING):
        found.append(f"theme {row['theme']!r} is not in the register; nearest: {nearest(row['theme'], known)!r}")
    if row["verdict"].strip() not in VERDICTS:
        found.append(f"the verdict is one of {', '.join(VERDICTS)}")
    try:
        dt.date.fromisoformat(row["date"].strip())
    except ValueError:
        found.append("the date is written 2026-07-04")
    if len(row["words"]) > MOST_WORDS:
        found.append(f"the words are longer than {MOST_WORDS} characters")
    return found


def known_themes(plan: study.Plan) -> list[str]:
    """Return the themes of the feedback register in words, sorted; empty without a register."""
    from evaluation.intake import waves

    register = waves.register(plan, "feedback")
    if register is None or "theme" not in register:
        return []
    labels = plan.codebook.variable("theme", table="feedback").levels
    return sorted({labels.get(str(t), str(t)) for t in register["theme"].dropna()})


def _line(cells: list[str]) -> str:
    import io

    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
