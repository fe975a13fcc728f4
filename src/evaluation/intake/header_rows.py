"""Find the rows of headings in an export. A row that could be somebody's answers is never taken for one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.intake import readers, records, workbooks
from evaluation.intake.mapping import normal
from evaluation.plan.codebook import Codebook

MOST_TITLE_ROWS = 10
MOST_HEADER_ROWS = 3
LEAST_KNOWN = 0.25  # share of a first row's headings that must be known before any other of them is shown
NUMBERED = re.compile(r"^\(?q?\d+[a-z]?[.):_\- ]+")
RESPONDENT_NUMBERS = (  # what survey tools call their own number of a response, the surest first
    "respondent id",
    "responseid",
    "response id",
    "unique response number",
    "record_id",
    "record id",
    "submission id",
    "_id",
    "respondent number",
    "response number",
    "case id",
    "caseid",
    "recordid",
    "respondentid",
    "submissionid",
    "entry id",
    "response_id",
    "respondent_id",
    "submission_id",
    "case_id",
    "instanceid",
    "_uuid",
    "uuid",
    "urn",
    "userid",
    "id",
    "#",
)
TIMES = ("timestamp", "completion time", "recordeddate", "end date", "enddate", "submitdate", "date submitted", "end")
TOOLS_OWN = frozenset(
    (
        *RESPONDENT_NUMBERS,
        *TIMES,
        "start time",
        "startdate",
        "start date",
        "status",
        "progress",
        "duration (in seconds)",
        "finished",
        "ipaddress",
        "ip address",
        "collector id",
        "date created",
        "date modified",
        "email",
        "email address",
        "name",
        "last modified time",
        "recipientlastname",
        "recipientfirstname",
        "recipientemail",
        "externalreference",
        "locationlatitude",
        "locationlongitude",
        "distributionchannel",
        "userlanguage",
        "custom data 1",
        "first name",
        "last name",
        "lastpage",
        "startlanguage",
        "seed",
        "token",
        "_uuid",
        "_submission_time",
        "_index",
        "__version__",
    )
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the headings stand in a file; `sure` when they are proven to be headings and may be shown."""

    sheet: str = ""
    header_row: int = 1
    header_rows: int = 1
    delimiter: str = ""
    score: float = 0.0
    sure: bool = False


def layout(path: Path, book: Codebook, *, delimiter: str = "", encoding: str = "") -> Layout:
    """Return the sheet and the header rows whose cells are most often names or labels of the codebook."""
    kind, most = path.suffix.lower(), MOST_TITLE_ROWS + MOST_HEADER_ROWS
    if kind in readers.TEXT:
        rows, delimiter, _ = readers.head_rows(path, most, delimiter, encoding)
        return replace(_header(rows, book), delimiter=delimiter)
    if kind in readers.SHEETS:
        best = Layout()
        for name, rows in workbooks.sheets(path):
            found = _header(rows[:most], book)
            if rows and (not best.sheet or found.score > best.score):
                best = replace(found, sheet=name)
        return best
    return Layout(sure=True)


def bare(text: str) -> str:
    """Return a heading for comparison: normal, without the number of the question or its final mark."""
    return NUMBERED.sub("", normal(text)).rstrip("?*: ")


def _header(rows: Sequence[Sequence[str]], book: Codebook) -> Layout:
    """Return the header rows: ended by a row of import ids, else the row that is mostly known words, else the first."""
    ids = next((i for i, r in enumerate(rows, 1) if _import_ids(r)), 0)
    if ids > 1:
        count = min(ids, MOST_HEADER_ROWS)
        return Layout(header_row=ids - count + 1, header_rows=count, score=1.0, sure=True)
    known = _known(book)
    filled = [i for i, r in enumerate(rows[:MOST_TITLE_ROWS], 1) if sum(bool(c.strip()) for c in r) > len(r) / 2]
    first = filled[0] if filled else 1
    shares = {i: _share(rows[i - 1], known) for i in range(1, min(len(rows), MOST_TITLE_ROWS) + 1)}
    row = max(shares, key=lambda i: (shares[i], -i), default=1)
    row = row if shares and shares[row] > 1 / 2 else first
    count = 1 + _second(rows, row, known)
    score = max((shares.get(i, 0.0) for i in range(row, row + count)), default=0.0)
    return Layout(header_row=row, header_rows=count, score=score, sure=count > 1 or score >= LEAST_KNOWN)


def _known(book: Codebook) -> set[str]:
    return {bare(w) for n in book.names() for w in (n, n.replace("_", " "), book.label(n))} | TOOLS_OWN


def _held(row: Sequence[str]) -> list[str]:
    return [c for c in row if c.strip()]


def _import_ids(row: Sequence[str]) -> bool:
    """Return whether a row is one tool's own row of import ids, which nobody can have answered."""
    held = _held(row)
    return bool(held) and sum(
        c.strip().lower().replace(" ", "").startswith(records.IMPORT_ID) for c in held
    ) > 0.9 * len(held)


def _share(row: Sequence[str], known: set[str]) -> float:
    """Return the share of a row's cells that are names, questions, or a question and one of its choices."""
    held = _held(row)
    return sum(_is_known(c, known) for c in held) / len(held) if len(held) > 1 else 0.0


def _is_known(cell: str, known: set[str]) -> bool:
    plain = bare(cell)
    if "/" in plain and " " not in plain and any(p in known for p in plain.split("/")[1:]):
        return True
    return plain in known or any(
        plain.startswith(f"{w}{mark}") for mark in "[./" for w in known if len(w) > 3 and w in plain
    )


def _second(rows: Sequence[Sequence[str]], row: int, known: set[str]) -> bool:
    """Return whether the next row is headings too: a tool's own words, or nearly all questions; no answer is either."""
    below = _held(rows[row]) if len(rows) > row else []
    if len(below) < 2:
        return False
    tool = sum(normal(c) in records.GENERIC for c in below)
    asked = sum(bare(c) in known for c in below)
    return tool > max(1, len(below) / 4) or asked > len(below) / 2
