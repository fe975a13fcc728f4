"""Look into a sheet of an OpenDocument workbook."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from evaluation.errors import InputError
from evaluation.intake.looked_cells import Looked

TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
VALUES = tuple(f"{OFFICE}{n}" for n in ("value", "date-value", "time-value", "boolean-value", "string-value"))
ERROR = re.compile(r"Err:\d{3}|#(REF!|N/A|NAME\?|VALUE!|DIV/0!|NULL!|NUM!)")


def look(path: Path, sheet: str = "") -> Looked:
    """Return what stands in a sheet of an ods workbook; without a name, in all of them."""
    found, wide, low = Looked(), 0, 0
    try:
        for row, column, times, cell in _cells(path, sheet):
            text = "".join(cell.itertext())
            formula = cell.get(f"{TABLE}formula") is not None
            held = bool(text) or any(cell.get(v) is not None for v in VALUES)
            if formula and ERROR.fullmatch(text.strip()):
                found.errors.append((column, row))
            elif formula and not held:
                found.formulas.append((column, row))
            if (down := int(cell.get(f"{TABLE}number-rows-spanned", "1"))) > 1:
                found.merged.append((column, row, row + down - 1))
            if held:
                wide, low = max(wide, column + times[1] - 1), max(low, row + times[0] - 1)
                found.size += len(text) + 20
    except (ElementTree.ParseError, zipfile.BadZipFile, KeyError, ValueError) as error:
        what = f"the workbook cannot be read ({type(error).__name__})"
        raise InputError(what, where=path.name, todo="Save it again as xlsx, without a password.") from None
    found.cells = wide * low
    return found


def _cells(path: Path, sheet: str) -> Iterator[tuple[int, int, tuple[int, int], ElementTree.Element]]:
    """Yield row, column, how often both repeat, and the cell, of each cell of a sheet (all, without a name)."""
    with zipfile.ZipFile(path) as held, held.open("content.xml") as stream:
        here, row = False, 1
        for event, node in ElementTree.iterparse(stream, ("start", "end")):
            if node.tag == f"{TABLE}table":
                here = event == "start" and sheet in ("", node.get(f"{TABLE}name"))
                row = 1
            elif event == "end" and node.tag == f"{TABLE}table-row":
                down = int(node.get(f"{TABLE}number-rows-repeated", "1"))
                column = 1
                for cell in node if here else ():
                    across = int(cell.get(f"{TABLE}number-columns-repeated", "1"))
                    yield row, column, (down, across), cell
                    column += across
                row += down
                node.clear()
