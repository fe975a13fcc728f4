"""Look into a workbook before its cells are trusted: formulas without results, errors, merged cells, bombs."""

from __future__ import annotations

import functools
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from evaluation.errors import InputError
from evaluation.intake import biff_cells, ods_cells
from evaluation.intake.looked_cells import Looked, Place

ZIPPED = (".xlsx", ".xlsm", ".ods")
MOST_TIMES, LEAST_BYTES = 100, 20_000_000  # a part that grows more than this is no survey
MOST_BYTES = 4_000_000_000
READ_AT_ONCE = (".xls", ".ods")  # the library reads every sheet of these when it opens them
CHUNK = 1 << 20
Found = dict[str, list[Place]]
MOST_SHOWN = 5
CELL = re.compile(rb"<(?:\w+:)?c\s([^>]*?)(?:/>|>(.*?)</(?:\w+:)?c>)", re.DOTALL)
MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
PLACE = re.compile(rb'\br="([A-Z]+)(\d+)"')
RESULT = re.compile(rb"<(?:\w+:)?v(?:\s[^>]*)?>[^<]+<")
ROW = re.compile(rb'<(?:\w+:)?row\s[^>]*?\br="(\d+)"')
FAR = re.compile(rb'\br="([A-Z]{2,3})\d')
NEAR = 26  # columns with names of one letter
MOST_EMPTY = 5_000_000  # cells that a sheet may span without being mostly filled


def refuse_explosive(path: Path) -> None:
    """Refuse an archive that would unpack to far more than it holds, before anything is unpacked."""
    if path.suffix.lower() not in ZIPPED or not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as held:
        sizes = [(i.file_size, max(i.compress_size, 1)) for i in held.infolist()]
    if sum(s for s, _ in sizes) > MOST_BYTES or any(s > LEAST_BYTES and s > MOST_TIMES * c for s, c in sizes):
        raise InputError(
            "the workbook would unpack to far more than a survey", where=path.name, todo="Export it again."
        )


def refuse_unsure(path: Path, sheet: str, names: Sequence[str], last_header: int, unread: Iterable[str]) -> None:
    """Refuse a sheet with cells, in columns that are read, whose value nobody can know."""
    skipped = set(unread)
    for kind, places in look(path, path.stat().st_mtime_ns, sheet).items():
        read = [p for p in places if p[0] <= len(names) and names[p[0] - 1] and names[p[0] - 1] not in skipped]
        read = [p for p in read if p[1] > last_header]
        if read:
            raise InputError(_what(kind, read), where=path.name, todo=_todo(kind))


@functools.lru_cache(maxsize=8)
def look(path: Path, _changed: int, sheet: str) -> Found:
    """Return the cells of a sheet (without a name: of all) whose value nobody can know, by kind.

    Raises
    ------
    InputError
        The sheet would fill far more memory than its answers need.
    """
    looks = {".ods": ods_cells.look, ".xls": biff_cells.look}
    try:
        found = looks.get(path.suffix.lower(), _look)(path, sheet)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        what = f"the workbook cannot be read ({type(error).__name__})"
        raise InputError(what, where=path.name, todo="Save it again as xlsx, without a password.") from None
    if found.cells > MOST_EMPTY and found.size < found.cells:
        raise InputError(
            "the sheet's cells lie far apart: it would fill far more memory than a survey",
            where=path.name,
            todo="Delete what stands far under or beside the answers, and save it again.",
        )
    return {
        "formulas without results": found.formulas,
        "errors": found.errors,
        "cells merged downwards": [(c, low) for c, low, high in found.merged for low in range(low, high)],
    }


def _look(path: Path, sheet: str) -> Looked:
    """Look into an xlsx."""
    found = Looked()
    rows = columns = 0
    with zipfile.ZipFile(path) as held:
        part = _part(held, sheet)
        for chunk in _chunks(held, part) if part else ():
            found.size += len(chunk)
            for kind, place in _unsure(chunk):
                (found.errors if kind == "errors" else found.formulas).append(place)
            found.merged += [(_column(a), int(b), int(d)) for a, b, _, d in MERGED.findall(chunk) if b != d]
            rows = max(rows, *map(int, ROW.findall(chunk)), 0)
            columns = max(columns, *(_column(c) for c in set(FAR.findall(chunk))), 0)
    found.cells = rows * (columns or NEAR)
    return found


def _what(kind: str, places: list[Place]) -> str:
    shown = ", ".join(f"{_letters(c)}{r}" for c, r in places[:MOST_SHOWN])
    more = f" and {len(places) - MOST_SHOWN} more" if len(places) > MOST_SHOWN else ""
    return f"row {places[0][1]} has {kind}: cells {shown}{more}"


def _todo(kind: str) -> str:
    if kind.startswith("formulas"):
        return "Open it in a spreadsheet, let it calculate, and save it; or paste the values."
    return (
        "Take the cells apart and fill each." if kind.startswith("cells") else "Mend the formulas, or clear the cells."
    )


def _part(archive: zipfile.ZipFile, sheet: str) -> str:
    """Return the part of the archive that holds a sheet."""
    import html

    book = archive.read("xl/workbook.xml").decode("utf-8", "replace")
    rels = archive.read("xl/_rels/workbook.xml.rels").decode("utf-8", "replace")
    for tag in re.findall(r"<(?:\w+:)?sheet\s[^>]*>", book):
        name, ref = re.search(r'\bname="([^"]*)"', tag), re.search(r'\br:id="([^"]*)"|\w+:id="([^"]*)"', tag)
        if name and ref and html.unescape(name[1]) == sheet:
            for link in re.findall(r"<(?:\w+:)?Relationship\s[^>]*>", rels):
                if f'Id="{ref[1] or ref[2]}"' in link and (to := re.search(r'Target="([^"]*)"', link)):
                    part = to[1].removeprefix("/")
                    return part if part.startswith("xl/") else f"xl/{part}"
    return ""


def _chunks(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """Return the sheet in pieces that end between cells."""
    left = b""
    with archive.open(part) as stream:
        while more := stream.read(CHUNK):
            left += more
            cut = max(left.rfind(b"</c>"), left.rfind(b":c>")) + 4
            if cut > 4:
                yield left[:cut]
                left = left[cut:]
    yield left


def _unsure(chunk: bytes) -> Iterator[tuple[str, Place]]:
    if b"<f" not in chunk and b":f" not in chunk and b't="e"' not in chunk:
        return
    for head, body in CELL.findall(chunk):
        place = PLACE.search(b" " + head)
        if not place:
            continue
        at = (_column(place[1]), int(place[2]))
        if b't="e"' in head:
            yield "errors", at
        elif re.search(rb"<(?:\w+:)?f[\s>/]", body) and b't="str"' not in head and not RESULT.search(body):
            yield "formulas without results", at


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _letters(column: int) -> str:
    return (_letters((column - 1) // 26) if column > 26 else "") + chr(64 + (column - 1) % 26 + 1)
