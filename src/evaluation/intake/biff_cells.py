"""Look into a sheet of an old workbook (xls): the records of a compound file.

Layouts by the published specifications [MS-CFB] (compound files) and [MS-XLS] (records of a workbook).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from evaluation.errors import InputError
from evaluation.intake.looked_cells import Looked

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
CELLS = frozenset({0x0006, 0x00BD, 0x00D6, 0x00FD, 0x0203, 0x0204, 0x0205, 0x027E})  # with a value
END = 0xFFFFFFFA  # and greater: no sector
FORMULA, BOOLERR, MERGED, BOUNDSHEET, EOF = 0x0006, 0x0205, 0x00E5, 0x0085, 0x000A
SMALL = 4096  # streams under this size are kept elsewhere; no workbook with answers is


def look(path: Path, sheet: str = "") -> Looked:
    """Return what stands in a sheet of an xls workbook; without a name, in the one that spans most cells."""
    try:
        book = _stream(path.read_bytes())
        found = [_looked(book, at) for name, at in _sheets(book) if sheet in ("", name)]
        return max(found, key=lambda one: one.cells, default=Looked())
    except (struct.error, IndexError, UnicodeDecodeError, ValueError) as error:
        what = f"the workbook cannot be read ({type(error).__name__})"
        raise InputError(what, where=path.name, todo="Save it again as xlsx, without a password.") from None


def _stream(content: bytes) -> bytes:
    """Return the stream of the workbook inside a compound file."""
    if content[:8] != SIGNATURE:
        return content  # a bare stream of records
    size = 1 << struct.unpack_from("<H", content, 30)[0]

    def sector(number: int) -> bytes:
        return content[(number + 1) * size : (number + 2) * size]

    first_directory, first_more = struct.unpack_from("<I", content, 48)[0], struct.unpack_from("<I", content, 68)[0]
    listed = list(struct.unpack_from("<109I", content, 76))
    while first_more < END:
        part = struct.unpack(f"<{size // 4}I", sector(first_more))
        listed, first_more = [*listed, *part[:-1]], part[-1]
    table = [n for s in listed if s < END for n in struct.unpack(f"<{size // 4}I", sector(s))]

    def chain(number: int) -> bytes:
        parts, seen = [], set[int]()
        while number < END and number not in seen:
            seen.add(number)
            parts.append(sector(number))
            number = table[number]
        return b"".join(parts)

    directory = chain(first_directory)
    for at in range(0, len(directory), 128):
        length = struct.unpack_from("<H", directory, at + 64)[0]
        name = directory[at : at + max(length - 2, 0)].decode("utf-16-le")
        if name.lower() in ("workbook", "book"):
            first, held = struct.unpack_from("<IQ", directory, at + 116)
            if held & 0xFFFFFFFF < SMALL:
                raise ValueError(name)
            return chain(first)[: held & 0xFFFFFFFF]
    raise ValueError("no workbook")


def _records(book: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(book):
        kind, size = struct.unpack_from("<HH", book, at)
        yield kind, book[at + 4 : at + 4 + size]
        at += 4 + size
        if kind == EOF:
            return


def _sheets(book: bytes) -> Iterator[tuple[str, int]]:
    """Yield the name of each sheet and where its records begin."""
    for kind, body in _records(book, 0):
        if kind == BOUNDSHEET:
            at, length, wide = struct.unpack_from("<I", body)[0], body[6], body[7] & 1
            text = body[8 : 8 + length * (1 + wide)]
            yield text.decode("utf-16-le" if wide else "latin-1"), at


def _looked(book: bytes, start: int) -> Looked:
    found, low, wide = Looked(), 0, 0
    for kind, body in _records(book, start):
        found.size += len(body) + 4
        if kind in CELLS:
            row, column = struct.unpack_from("<HH", body)
            low, wide = max(low, row + 1), max(wide, column + 1)
        if kind == BOOLERR and body[7]:
            row, column = struct.unpack_from("<HH", body)
            found.errors.append((column + 1, row + 1))
        elif kind == FORMULA:
            row, column = struct.unpack_from("<HH", body)
            if body[12:14] == b"\xff\xff" and body[6] == 2:
                found.errors.append((column + 1, row + 1))
            elif struct.unpack_from("<H", body, 14)[0] & 3 == 3:  # to be calculated whenever it is opened
                found.formulas.append((column + 1, row + 1))
        elif kind == MERGED:
            for place in range(struct.unpack_from("<H", body)[0]):
                first, last, column, _ = struct.unpack_from("<HHHH", body, 2 + 8 * place)
                if last > first:
                    found.merged.append((column + 1, first + 1, last + 1))
    found.cells = low * wide
    return found
