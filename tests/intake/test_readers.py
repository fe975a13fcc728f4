"""Every export layout reads to the same answers; a file that cannot be read says why, and nothing is guessed."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_study import csv_bytes, rows_of, xls, xlsx

from evaluation.errors import InputError
from evaluation.intake import readers

ROWS = [
    ["No", "How satisfied?", "Comment"],
    ["1", "Très bien", "a, b; c"],
    ["2", "", "“quoted”\nover two lines"],
    ["3", "Neither – nor", " spaced "],
]
CLEAN = [[c.strip() for c in row] for row in ROWS]


def as_rows(read):
    frame = read.frame.astype(object)
    return [list(frame.columns), *frame.to_numpy().tolist()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_text_of_any_encoding_and_delimiter_reads_alike(tmp_path, encoding, delimiter):
    path = tmp_path / "export.csv"
    path.write_bytes(csv_bytes(ROWS, delimiter, encoding))
    read = readers.read(path)
    assert as_rows(read) == CLEAN
    assert list(read.rows) == [2, 3, 4]


def test_tsv_is_split_at_tabs_whatever_else_it_holds(tmp_path):
    path = tmp_path / "export.tsv"
    path.write_bytes(csv_bytes([["a,b", "c"], ["1,5", "x"]], "\t"))
    assert as_rows(readers.read(path)) == [["a,b", "c"], ["1,5", "x"]]


@pytest.mark.parametrize("text", ["CafÃ© owner", "donâ€™t know", "cost Â£5", "lost \ufffd letter"])
def test_garbled_text_is_refused_with_its_row(tmp_path, text):
    path = tmp_path / "export.csv"
    path.write_text(f"No,Answer\n1,fine\n2,{text}\n", "utf-8")
    with pytest.raises(InputError, match="garbled near row 3"):
        readers.read(path)


def test_accents_that_are_right_are_not_called_garbled(tmp_path):
    path = tmp_path / "export.csv"
    path.write_text("No,Answer\n1,SÃO PAULO\n2,Âge – naïve “Ça” £5\n", "utf-8")
    assert len(readers.read(path).frame) == 2


def test_utf16_without_a_mark_is_refused_unless_it_is_named(tmp_path):
    path = tmp_path / "export.csv"
    path.write_bytes("No,Answer\n1,x\n".encode("utf-16-le"))
    with pytest.raises(InputError, match="null characters"):
        readers.read(path)
    assert as_rows(readers.read(path, encoding="utf-16-le")) == [["No", "Answer"], ["1", "x"]]
    with pytest.raises(InputError, match="not known"):
        readers.read(path, encoding="utf-99")
    with pytest.raises(InputError, match="cannot be told"):
        readers.read(path, encoding="ascii") if path.write_bytes("é,b\n1,2\n".encode()) else None


def test_a_row_with_too_many_cells_is_named_and_not_shown(tmp_path):
    path = tmp_path / "export.csv"
    path.write_text("No,Answer\n1,fine\n2,Jo Bloggs, said so\n", "utf-8")
    with pytest.raises(InputError, match="row 3 has 3 cells under 2 columns") as error:
        readers.read(path)
    assert "Bloggs" not in str(error.value)


def test_a_short_row_is_blank_at_its_end_and_empty_rows_are_nobody(tmp_path):
    path = tmp_path / "export.csv"
    path.write_text("No,A,B\n1\n\n2,x,y\n3,x\n", "utf-8")
    read = readers.read(path)
    assert as_rows(read)[1:] == [["1", "", ""], ["2", "x", "y"], ["3", "x", ""]]
    assert list(read.rows) == [2, 4, 5]


@pytest.mark.parametrize("kind", ["csv", "xlsx", "xls"])
def test_title_rows_above_the_header(tmp_path, kind):
    rows = [["Export of 3 May", "", ""], ["", "", ""], *ROWS]
    path = tmp_path / f"export.{kind}"
    if kind == "csv":
        path.write_bytes(csv_bytes(rows))
    else:
        xlsx(path, {"Answers": rows}) if kind == "xlsx" else xls(path, rows)
    read = readers.read(path, header_row=3)
    assert as_rows(read) == CLEAN
    assert list(read.rows) == [4, 5, 6]
    with pytest.raises(InputError, match="no header in row 2"):
        readers.read(path, header_row=2)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_two_header_rows_are_joined_and_a_blank_repeats_its_neighbour(tmp_path, kind):
    rows = [
        ["Respondent", "Which contact?", "", "Your age"],
        ["", "Victim", "Witness", "Response"],
        ["1", "1", "", "20"],
    ]
    path = tmp_path / f"export.{kind}"
    path.write_bytes(csv_bytes(rows)) if kind == "csv" else xlsx(path, {"S": rows})
    read = readers.read(path, header_rows=2)
    assert list(read.frame.columns) == ["Respondent", "Which contact? | Victim", "Which contact? | Witness", "Your age"]
    assert read.questions["Which contact? | Victim"] == "Which contact?"
    assert list(read.rows) == [3]


def test_a_workbook_with_several_sheets_needs_one_named(tmp_path):
    path = tmp_path / "export.xlsx"
    xlsx(path, {"Notes": [["made by"]], "Answers": ROWS, "Empty": []})
    with pytest.raises(InputError, match="several sheets"):
        readers.read(path)
    with pytest.raises(InputError, match="no sheet 'Answer'"):
        readers.read(path, sheet="Answer")
    assert as_rows(readers.read(path, sheet="Answers"))[1][1] == "Très bien"


def test_cells_of_a_workbook_are_text_without_a_float_s_tail(tmp_path):
    path = tmp_path / "export.xlsx"
    stamp = dt.datetime(2024, 5, 3, 14, 30)
    xlsx(path, {"S": [["a", "b", "c", "d", "e"], [7.0, dt.datetime(2024, 5, 3), True, 2.5, stamp]]})
    assert as_rows(readers.read(path))[1] == ["7", "2024-05-03", "yes", "2.5", "2024-05-03 14:30:00"]


def test_old_workbooks_hold_numbers_as_floats(tmp_path):
    path = tmp_path / "export.xls"
    xls(path, [["id", "day", "said"], [1, 45415, "Très bien"], [2, 45416.0, "x"]])
    assert as_rows(readers.read(path)) == [["id", "day", "said"], ["1", "45415", "Très bien"], ["2", "45416", "x"]]


@pytest.mark.parametrize("kind", ["xlsx", "xls", "sav"])
def test_a_file_that_only_bears_the_name_is_refused(tmp_path, kind):
    path = tmp_path / f"export.{kind}"
    path.write_bytes(b"No,Answer\n1,Jo Bloggs\n" * 50)
    with pytest.raises(InputError, match="cannot be read") as error:
        readers.read(path)
    assert "Bloggs" not in str(error.value)


def test_spss_labels_stand_for_codes_and_user_missing_codes_are_kept(tmp_path):
    import pyreadstat

    path = tmp_path / "export.sav"
    frame = pd.DataFrame(
        {"ID": [1.0, 2.0, 3.0, 4.0, 5.0], "Q1": [1.0, 5.0, -7.0, np.nan, -9.0], "N": [3.0, -1.0, 0, 8, 9]}
    )
    pyreadstat.write_sav(
        frame,
        path,
        column_labels={"Q1": "I have confidence"},
        variable_value_labels={"Q1": {1: "Strongly disagree", 5: "Strongly agree", -7: "Prefer not to say"}},
        missing_ranges={"Q1": [{"lo": -9, "hi": -7}], "N": [-1]},
    )
    read = readers.read(path)
    assert list(read.frame["ID"]) == ["1", "2", "3", "4", "5"]
    assert list(read.frame["Q1"]) == ["Strongly disagree", "Strongly agree", "Prefer not to say", "", "user-missing -9"]
    assert list(read.frame["N"]) == ["3", "user-missing -1", "0", "8", "9"]
    assert read.questions == {"Q1": "I have confidence"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"No,Answer\n", "no answers"),
        ("a.csv", b"No,Answer\n,\n", "no answers"),
        ("a.csv", b"No,No\n1,2\n", "stand twice"),
        ("a.doc", b"x", "format is not known"),
        ("a.csv", b"\n1,2\n", "no header"),
    ],
)
def test_files_that_hold_nothing_to_read(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        readers.read(tmp_path / name)


def test_a_missing_file_is_named_without_its_folder(tmp_path):
    with pytest.raises(InputError, match=r"no export 'x.csv'") as error:
        readers.read(tmp_path / "x.csv")
    assert str(tmp_path) not in str(error.value)


def test_answers_beside_the_header_are_refused(tmp_path):
    xlsx(tmp_path / "a.xlsx", {"S": [["a", "b"], ["1", "2", "beyond"]]})
    with pytest.raises(InputError, match="row 2 has answers under no column"):
        readers.read(tmp_path / "a.xlsx")


ANSWER = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffdÃÂâï"), max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(ANSWER, ANSWER), min_size=1, max_size=8), delimiter=st.sampled_from(",;\t|"))
def test_whatever_was_written_is_what_is_read(tmp_path, rows, delimiter):
    path = tmp_path / "export.csv"
    content = [["Number", "Answer one", "Answer two"], *([str(i), *r] for i, r in enumerate(rows))]
    path.write_bytes(csv_bytes(content, delimiter))
    read = readers.read(path, delimiter=delimiter, encoding="utf-8")
    assert as_rows(read) == [[c.strip() for c in row] for row in content]
    assert rows_of(read.frame)[0] == content[0]
