"""A workbook's cells are values that somebody saw, or a fault names them; the sheet that was read is said."""

import io
import struct
import zipfile

import openpyxl
import pandas as pd
import pytest
from intake_study import HEADINGS, answers, describe, folder_of, headed, make, rows_of, xls, xlsx

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


# ---- other kinds of workbook --------------------------------------------------------------------------------------


def ods(path, rows, cells=None):
    """Write an OpenDocument workbook; `cells` holds the xml of cells by (column, row), both from 1."""
    from xml.sax.saxutils import escape

    def cell(value, place):
        if cells and place in cells:
            return cells[place]
        if value == "":
            return "<table:table-cell/>"
        text = escape(str(value))
        return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'

    body = "".join(
        "<table:table-row>" + "".join(cell(v, (c, r)) for c, v in enumerate(row, 1)) + "</table:table-row>"
        for r, row in enumerate(rows, 1)
    )
    spaces = {n: f"urn:oasis:names:tc:opendocument:xmlns:{n}:1.0" for n in ("office", "table", "text")}
    names = " ".join(f'xmlns:{k}="{v}"' for k, v in spaces.items())
    content = (
        f'<?xml version="1.0"?><office:document-content {names} office:version="1.2"><office:body><office:spreadsheet>'
        f'<table:table table:name="S">{body}</table:table></office:spreadsheet></office:body></office:document-content>'
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("mimetype", kind)
        out.writestr("content.xml", content)
        manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
        entry = f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
        out.writestr(
            "META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{manifest}">{entry}</manifest:manifest>'
        )


def test_an_opendocument_workbook_gives_the_same_answers(tmp_path):
    frame = headed(answers(seed=1))
    ods(tmp_path / "a.ods", rows_of(frame))
    pd.testing.assert_frame_equal(readers.read(tmp_path / "a.ods").frame.astype(object), frame.astype(object))


ODS = {
    '<table:table-cell table:formula="of:=[.A5]+1"/>': "row 5 has formulas without results: cells K5",
    '<table:table-cell table:formula="of:=1/0" office:value-type="string" office:string-value="">'
    "<text:p>#DIV/0!</text:p></table:table-cell>": "row 5 has errors: cells K5",
    '<table:table-cell table:formula="of:=x" office:value-type="string"><text:p>Err:508</text:p>'
    "</table:table-cell>": "row 5 has errors: cells K5",
    '<table:table-cell table:number-rows-spanned="2" office:value-type="string"><text:p>3</text:p>'
    "</table:table-cell>": "row 5 has cells merged downwards: cells K5",
}


@pytest.mark.parametrize("cell", ODS)
def test_cells_of_an_opendocument_workbook_are_looked_into(tmp_path, cell):
    ods(tmp_path / "a.ods", rows_of(headed(answers(seed=1))), {(11, 5): cell})
    with pytest.raises(InputError, match="row 5") as refused:
        readers.read(tmp_path / "a.ods")
    assert ODS[cell] in str(refused.value)


def test_a_formula_of_an_opendocument_workbook_with_a_result_is_its_result(tmp_path):
    cell = '<table:table-cell table:formula="of:=1+2" office:value-type="float" office:value="3"><text:p>3</text:p>'
    ods(tmp_path / "a.ods", rows_of(headed(answers(seed=1))), {(11, 5): f"{cell}</table:table-cell>"})
    assert readers.read(tmp_path / "a.ods").frame.iloc[3, 10] == "3"


RECORDS = {
    "an error": (0x0205, struct.pack("<HHHBB", 4, 10, 0, 0x17, 1), "row 5 has errors: cells K5"),
    "a formula's error": (
        0x0006,
        struct.pack("<HHH", 4, 10, 0) + bytes([2, 0, 7, 0, 0, 0, 255, 255]) + struct.pack("<HIH", 0, 0, 0),
        "row 5 has errors: cells K5",
    ),
    "a formula not calculated": (
        0x0006,
        struct.pack("<HHHdHIH", 4, 10, 0, 0.0, 3, 0, 0),
        "row 5 has formulas without results: cells K5",
    ),
    "merged": (0x00E5, struct.pack("<HHHHH", 1, 4, 6, 10, 10), "row 5 has cells merged downwards: cells K5, K6"),
}


@pytest.mark.parametrize("kind", RECORDS)
def test_cells_of_an_old_workbook_are_looked_into(tmp_path, kind):
    number, body, message = RECORDS[kind]
    path = tmp_path / "a.xls"
    xls(path, rows_of(headed(answers(seed=1))), [(number, body)])
    with pytest.raises(InputError) as refused:
        readers.read(path)
    assert message in str(refused.value)


def test_an_old_workbook_without_such_cells_is_read(tmp_path):
    xls(tmp_path / "a.xls", rows_of(headed(answers(seed=1))))
    assert len(readers.read(tmp_path / "a.xls").frame) == 60


def test_a_binary_workbook_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "a.xlsb").write_bytes(b"PK")
    with pytest.raises(InputError, match="xlsb"):
        readers.read(tmp_path / "a.xlsb")


@pytest.mark.parametrize("corner", ["XFD1048576", "A1048576", "ZZ900000"])
def test_a_sheet_whose_cells_lie_far_apart_is_refused_before_it_fills_the_memory(tmp_path, corner):
    book = book_of(answers(seed=1))
    book.active[corner] = "x"
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(InputError, match="far apart"):
        readers.read(tmp_path / "a.xlsx")


def test_an_opendocument_cell_repeated_to_fill_the_memory_is_refused(tmp_path):
    cell = '<table:table-cell table:number-columns-repeated="16000" office:value-type="string"><text:p>x</text:p>'
    rows = [*rows_of(answers(seed=1)), ["x"]]
    ods(tmp_path / "a.ods", rows, {(1, len(rows)): f"{cell}</table:table-cell>"})
    content = zipfile.ZipFile(tmp_path / "a.ods").read("content.xml").decode()
    head, row, tail = content.rpartition("<table:table-row>")
    wide = f'{head}<table:table-row table:number-rows-repeated="1000000">{tail}'
    repacked(tmp_path / "a.ods", lambda name, old: wide.encode() if name == "content.xml" else old)
    assert row
    with pytest.raises(InputError, match="far apart"):
        readers.read(tmp_path / "a.ods")
