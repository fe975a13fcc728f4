"""The results as data: the workbook's sheets and shorthand, the schema of the columns, the numbers of each chart."""

import csv
import io
import json
import zipfile

import pytest
import report_study as study
import table_schema
from openpyxl import load_workbook

from evaluation import disclosure
from evaluation.disclosure.checked_results import COLUMNS
from evaluation.report import results, workbook


@pytest.fixture(scope="module")
def checked():
    return disclosure.protect(study.exhibits("positive"), study.plan().disclosure)


@pytest.fixture(scope="module")
def data(checked):
    context = study.context()
    return workbook.as_xlsx(checked, results.grid(checked, context), context)


@pytest.fixture(scope="module")
def book(data):
    return load_workbook(io.BytesIO(data))


def table(sheet):
    head, *rows = sheet.iter_rows(min_row=workbook.HEAD, values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_the_workbook_opens_with_cover_contents_notes_and_key_results(book, checked):
    assert book.sheetnames[:4] == ["Cover", "Contents", "Notes", "Key results"]
    assert book.sheetnames[-1] == "All results"
    assert {r["Result id"] for r in table(book["Key results"])} == {r.id for _, r in checked.rows() if r.verdict}
    assert book.properties.title.startswith(study.plan().study.title)


def test_every_sheet_is_in_the_contents_and_leads_back(book):
    listed = {r["Sheet"]: r["Rows"] for r in table(book["Contents"])}
    assert list(listed) == book.sheetnames[2:]
    for name, rows in listed.items():
        assert len(table(book[name])) == rows
        assert book[name]["A3"].hyperlink.location or book[name]["A3"].hyperlink.target


def test_every_sheet_has_its_title_in_the_first_cell_and_one_marked_table_without_blank_cells(book):
    for sheet in book.worksheets[1:]:
        assert sheet["A1"].value == sheet.title or sheet["A1"].value.startswith(sheet.title)
        assert not sheet.merged_cells.ranges
        (marked,) = sheet.tables.values()
        assert marked.ref.split(":")[0] == f"A{workbook.HEAD}"
        assert not [c for row in sheet[marked.ref] for c in row if c.value is None], sheet.title


def test_every_result_stands_in_all_results_with_numbers_as_numbers(book, checked):
    rows = {r["id"]: r for r in table(book["All results"])}
    assert set(rows) == {r.id for _, r in checked.rows()}
    for _, row in checked.rows():
        if row.shown and row.value is not None:
            assert rows[row.id]["value"] == pytest.approx(row.value)


def test_a_result_of_a_section_stands_in_the_sheet_of_that_section(book, checked):
    for exhibit in checked.exhibits:
        letter = next((s[-1] for s in exhibit.sections if s.startswith("annex-")), None)
        if letter is None:
            continue
        (name,) = [n for n in book.sheetnames if n.startswith(f"{letter} ")]
        assert {c.id for c in exhibit.cells.values()} <= {r["Result id"] for r in table(book[name])}


def test_what_is_hidden_reads_c_and_what_has_no_answer_reads_x(book, checked):
    hidden = {r.id for _, r in checked.rows() if not r.shown and r.kind != "not_identified"}
    without = {r.id for _, r in checked.rows() if not r.shown and r.kind == "not_identified"}
    assert hidden
    assert without
    for sheet in book.worksheets[4:-1]:
        for row in table(sheet):
            if row["Result id"] in hidden:
                assert row["Value"] == row["Lower end"] == workbook.CONFIDENTIAL
            if row["Result id"] in without:
                assert row["Value"] == workbook.NOT_AVAILABLE


def test_the_bytes_of_the_workbook_hold_no_time_of_their_own(checked, data):
    context = study.context()
    assert workbook.as_xlsx(checked, results.grid(checked, context), context) == data
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        assert {p.date_time for p in parts.infolist()} == {(2020, 1, 1, 0, 0, 0)}


def test_no_cell_of_the_workbook_is_a_formula(book):
    assert not [c for sheet in book for row in sheet.iter_rows() for c in row if c.data_type == "f"]


# ---- the schema -------------------------------------------------------------------------------------------------


def fields():
    return {f["name"]: f for f in json.loads(results.schema())["fields"]}


def test_the_schema_names_every_column_in_its_order_and_says_what_it_means():
    assert list(fields()) == [*COLUMNS, "synthetic"]
    assert all(len(f["description"]) > 8 for f in fields().values())
    assert all(f.get("unit") or f["name"] in ("df",) for f in fields().values() if f["type"] == "number")


def test_every_cell_of_the_results_keeps_to_the_schema(checked):
    rows = list(csv.DictReader(io.StringIO(results.as_csv(results.grid(checked, study.context())).decode())))
    assert table_schema.faults(rows, fields()) == []
    wrong = [rows[0] | {"status": "hidden"}, rows[1] | {"p": "1.2"}, rows[2] | {"id": ""}]
    assert [name for _, name, _ in table_schema.faults(wrong, fields())] == ["status", "p", "id"]


# ---- the numbers of a chart -------------------------------------------------------------------------------------


def test_a_charts_numbers_carry_unit_wave_source_and_stamp(checked):
    for exhibit in (e for e in checked.exhibits if e.chart):
        rows = list(csv.DictReader(io.StringIO(results.chart_csv(exhibit, study.context()).decode())))
        assert len(rows) == len(exhibit.cells)
        for row in rows:
            cell = checked.result(row["Result"])
            assert row["Synthetic"] == "yes"
            assert row["Unit"] == (cell.unit or "")
            assert row["Value"] == ("" if not cell.shown or cell.value is None else str(cell.value))
            assert row["Source"].lstrip("'") == exhibit.source
