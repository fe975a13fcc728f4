"""People who withdrew: every row of `data_raw/withdrawn.csv` (or .xlsx) is obeyed, or refused by its row.

Its header is `wave,resp_id`; case and blanks do not matter, and further columns are not read. A respondent's number is
never shown.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.errors import InputError, nearest
from evaluation.intake import readers, text_rows, workbooks
from evaluation.intake.faults import Fault
from evaluation.intake.opt_outs import files
from evaluation.plan.study import Plan

HEADER = ("wave", "resp_id")
SUFFIXES = (*readers.TEXT, *readers.SHEETS, *readers.SPSS, "", ".numbers", ".doc", ".docx", ".pdf", ".rtf", ".json")


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One row: the wave, the respondent's index ("W2024-0007"), and where it stands."""

    wave: str
    who: str
    file: str
    row: int


def respondent(wave: str, number: object) -> str:
    """Return the index of a respondent, "W2024-0007"."""
    text = str(number).strip()
    text = text.removeprefix(f"{wave}-")
    return f"{wave}-{text.zfill(4) if text.isdigit() else text}"


def read(plan: Plan) -> tuple[list[Withdrawal], list[Fault]]:
    """Return every withdrawal, and a fault for each row or file that cannot be obeyed."""
    found, faults = list[Withdrawal](), _misplaced(plan.root)
    held = files(plan.root)
    if len(held) > 1:
        names = " and ".join(p.name for p in held)
        faults.append(_fault(names, "two lists of withdrawals stand here", "Keep one, with every row."))
    for path in held:
        try:
            rows = _rows(path)
        except InputError as error:
            faults.append(_fault(path.name, error.what, error.todo or "Save it again as UTF-8 text."))
            continue
        here, wrong = _read(plan, path.name, rows)
        found += here
        faults += wrong
    return found, faults


def gone(plan: Plan, wave: str, respondents: Sequence[str]) -> tuple[set[str], list[Withdrawal]]:
    """Return who of these respondents withdrew, and the withdrawals of the wave that find nobody."""
    listed = [w for w in read(plan)[0] if w.wave == wave]
    here, folded = set(respondents), dict[str, list[str]]()
    for name in here if listed else ():
        folded.setdefault(name.casefold(), []).append(name)
    left, unknown = set[str](), []
    for one in listed:
        alike = [one.who] if one.who in here else folded.get(one.who.casefold(), [])
        if len(alike) == 1:
            left.add(alike[0])
        else:
            unknown.append(one)
    return left, unknown


def _fault(file: str, what: str, todo: str, row: int | None = None, column: str = "", near: str = "") -> Fault:
    return Fault("withdrawal", file, column, what, todo, row=row, near=near)


def _misplaced(root: Path) -> list[Fault]:
    """Return a fault for each file that looks like a list of withdrawals and is not where it is read."""
    raw, read_ones = root / "data_raw", set(files(root))
    folders = [root, raw, raw / "registers", raw / "waves", *(p for p in (raw / "waves").glob("*") if p.is_dir())]
    return [
        _fault(
            path.relative_to(root).as_posix(),
            "it looks like a list of withdrawals, and only data_raw/withdrawn.csv (or .xlsx) is read",
            "Move or rename it, so that nobody who withdrew is read.",
        )
        for folder in folders
        for path in sorted(folder.glob("[Ww][Ii][Tt][Hh][Dd][Rr][Aa][Ww]*"))
        if path not in read_ones and path.is_file() and path.suffix.lower() in SUFFIXES
    ]


def _rows(path: Path) -> list[list[str]]:
    if path.stat().st_size == 0:
        raise InputError("the list of withdrawals is empty", todo="Write its header, wave,resp_id, or remove the file.")
    if path.suffix.lower() == ".xlsx":
        return workbooks.sheet_rows(path)
    content = path.read_bytes()
    text = content.decode(readers.encoding_of(content, path.name))
    if any(p.search(text.removeprefix("\ufeff")) for p in (text_rows.GARBLED, text_rows.CONTROL)):
        raise InputError("it holds garbled or control characters", todo="Save the list again as UTF-8 text.")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    try:
        return list(csv.reader(io.StringIO(text), delimiter=readers.delimiter_of(text), strict=True))
    except csv.Error:
        raise InputError("its rows cannot be told apart", todo="Check its quotation marks.") from None


def _read(plan: Plan, file: str, rows: list[list[str]]) -> tuple[list[Withdrawal], list[Fault]]:
    held = [(n, [c.strip() for c in row]) for n, row in enumerate(rows, 1) if any(c.strip() for c in row)]
    heads = ["_".join(c.lower().split()) for c in held[0][1]] if held else []
    lacking = [h for h in HEADER if heads.count(h) != 1]
    if lacking:
        return [], [_fault(file, f"withdrawn.csv lacks {lacking} in its first row", "Its header is wave,resp_id.")]
    at = [heads.index(h) for h in HEADER]
    found, faults = [], list[Fault]()
    for row, cells in held[1:]:
        wave, number = (cells[i] if i < len(cells) else "" for i in at)
        wrong = list(_wrong(plan, file, row, wave, number))
        faults += wrong
        if not wrong:
            name = _wave(plan, wave)
            found.append(Withdrawal(name, _who(name, number), file, row))
    return found, faults


def _wave(plan: Plan, text: str) -> str:
    """Return the plan's wave of a text in any case; "" for none."""
    return next((w for w in plan.waves if w.casefold() == "".join(text.split()).casefold()), "")


def _who(wave: str, number: str) -> str:
    text = "".join(number.split())
    text = text[len(wave) + 1 :] if text.casefold().startswith(f"{wave}-".casefold()) else text
    return respondent(wave, text[:-2] if text.endswith(".0") and text[:-2].isdigit() else text)


def _wrong(plan: Plan, file: str, row: int, wave: str, number: str) -> Iterator[Fault]:
    """Return what is wrong with one row: nobody is left in because a row was not understood."""
    known = _wave(plan, wave)
    if not wave:
        yield _fault(file, "the row names no wave", "Write the wave, such as W2026.", row, "wave")
    elif not known:
        near = nearest(wave.upper(), plan.waves)
        yield _fault(file, "the plan has no such wave", "Write the wave as study.toml does.", row, "wave", near)
    if not number:
        yield _fault(file, "the row names nobody", "Write the respondent's number.", row, "resp_id")
    other = next((w for w in plan.waves if number.casefold().startswith(f"{w}-".casefold())), known)
    if known and other != known:
        yield _fault(file, "the number is of another wave than the row", "Correct one of the two.", row, "resp_id")
