"""A workbook's cells are values that somebody saw, or a fault names them; the sheet that was read is said."""

import io
import zipfile

import openpyxl
import pytest
from intake_study import HEADINGS, answers, describe, folder_of, headed, make, rows_of, xlsx

from evaluation.errors import InputError
from evaluation.intake import readers, waves


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022",))


def book_of(frame):
    book = openpyxl.Workbook()
    for row in rows_of(frame):
        book.active.append([None if c == "" else c for c in row])
    return book


def checked(plan, book, **more):
    path = folder_of(plan, "W2024") / "a.xlsx"
    book.save(path)
    frame = answers(seed=1)
    describe(plan, "W2024", path, {HEADINGS.get(c, c): c for c in frame}, **more)
    return waves.check(plan, "W2024")


SPOILS = {
    "a formula": (lambda sheet: sheet.__setitem__("K5", "=A5+1"), "row 5 has formulas without results: cells K5"),
    "many": (
        lambda sheet: [sheet.__setitem__(f"K{r}", f"=2*{r}") for r in range(2, 12)],
        "cells K2, K3, K4, K5, K6 and 5 more",
    ),
    "an error": (lambda sheet: setattr(sheet["K7"], "value", "#REF!"), "row 7 has errors: cells K7"),
    "merged": (lambda sheet: sheet.merge_cells("K8:K9"), "row 8 has cells merged downwards: cells K8"),
    "merged wide": (lambda sheet: sheet.merge_cells("J8:K9"), "row 8 has cells merged downwards: cells J8"),
}


@pytest.mark.parametrize("kind", SPOILS)
def test_a_cell_whose_value_nobody_can_know_is_named(plan, kind):
    spoil, message = SPOILS[kind]
    book = book_of(headed(answers(seed=1)))
    spoil(book.active)
    found = checked(plan, book)
    assert [f.kind for f in found] == ["unreadable"]
    assert message in found[0].what


@pytest.mark.parametrize("kind", SPOILS)
def test_such_a_cell_in_a_column_that_nobody_reads_stops_nobody(plan, kind):
    frame = headed(answers(seed=1))
    frame.insert(10, "Extra", "x")
    frame.insert(9, "More", "x")
    book = book_of(frame)
    spoil, _ = SPOILS[kind]
    shifted = {"K": "L"}
    sheet = book.active
    if kind.startswith("merged"):
        sheet.merge_cells("L8:L9")
    else:
        spoil(sheet)
        for row in range(2, 62):
            sheet[f"L{row}"], sheet[f"K{row}"] = sheet[f"K{row}"].value, frame.iloc[row - 2, 10]
    assert shifted
    assert checked(plan, book, ignore={"Extra": "not read", "More": "not read"}) == []


def test_cells_merged_across_the_header_are_no_fault(plan):
    book = openpyxl.Workbook()
    book.active.append(["Survey"])
    for row in rows_of(headed(answers(seed=1))):
        book.active.append([None if c == "" else c for c in row])
    book.active.merge_cells("A1:F1")
    assert checked(plan, book, header_row=2) == []


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_a_hidden_sheet_never_wins_and_the_one_read_is_said(plan, tmp_path, state):
    book = book_of(answers(seed=1))
    book.active.title = "Seen"
    old = book.create_sheet("Old", 0)
    for row in rows_of(answers(seed=2)):
        old.append(row)
    old.sheet_state = state
    book.active = 1
    export = tmp_path / "a.xlsx"
    book.save(export)
    added = waves.add(plan, export, "W2024")
    assert "The sheet 'Seen' was read" in added.summary()
    assert readers.read(export).frame["sex"].tolist() == answers(seed=1)["sex"].tolist()


def repacked(path, change):
    """Write the workbook again with one part changed."""
    held = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name in held.namelist():
            out.writestr(name, change(name, held.read(name)))


def cut(name, content):
    return content[: len(content) // 2] if "sheet1" in name else content


def laughs(name, content):
    if "sheet1" not in name:
        return content
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10 if i else "ha"}">' for i in range(9))
    return f"<!DOCTYPE x [{entities}]>".encode() + content.replace(b"<sheetData>", b"<sheetData><row><c>&a8;</c></row>")


def blank(name, content):
    return b"" if "sheet1" in name or name[-12:] == "workbook.xml" else content


def bomb(name, content):
    return content + b" " * 300_000_000 if "sheet1" in name else content


@pytest.mark.parametrize("change", [cut, laughs, blank, bomb])
def test_a_broken_or_explosive_workbook_gets_a_sentence(tmp_path, change):
    path = tmp_path / "a.xlsx"
    xlsx(path, {"S": rows_of(answers(seed=1))})
    repacked(path, change)
    if change is laughs:
        assert len(readers.read(path).frame) <= 61
    else:
        with pytest.raises(InputError, match="workbook"):
            readers.read(path)
