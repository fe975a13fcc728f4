"""Every row of a file is read once, or the file is refused by its row; odd signs stop only the columns that are read."""

import os

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_study import HEADINGS, answers, csv_bytes, describe, folder_of, headed, make, put, rows_of

from evaluation.errors import InputError
from evaluation.intake import readers, waves


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022", "W2024"))


def unquoted(rows, delimiter="\t", end="\n"):
    return end.join(delimiter.join(r) for r in rows).encode() + end.encode()


def with_comment(first="", second="", at=(5, 40), place=-1):
    """Return answers with a column of comments that is not read; two of them hold stray quotation marks."""
    frame = answers(seed=1).assign(Comment="")
    frame.loc[at[0], "Comment"], frame.loc[at[1], "Comment"] = first, second
    columns = list(frame.columns)
    if place != -1:
        columns.insert(place, columns.pop())
    return headed(frame[columns])


def check(plan, content, name="a.tsv", delimiter="\t"):
    path = folder_of(plan, "W2024") / name
    path.write_bytes(content)
    names = {HEADINGS.get(c, c): c for c in answers(seed=1)}
    describe(plan, "W2024", path, names, ignore={"Comment": "not read"}, delimiter=delimiter)
    return waves.check(plan, "W2024")


@pytest.mark.parametrize("delimiter", ["\t", "|"])
@pytest.mark.parametrize("place", [-1, 1, 20])
@pytest.mark.parametrize(
    ("first", "second", "at"),
    [
        ('"Respect for everybody', 'be fair" they said', (5, 40)),
        ('"Respect for everybody', 'be fair"', (5, 40)),
        ('"Respect', 'fair"', (5, 6)),
        ('"', '"', (5, 6)),
        ('"open', "", (5, 40)),
    ],
)
def test_rows_that_a_stray_quotation_mark_would_swallow_are_read_or_refused(plan, delimiter, place, first, second, at):
    frame = with_comment(first, second, at, place)
    found = check(plan, unquoted(rows_of(frame), delimiter), "a.csv", delimiter)
    if found:
        assert [f.kind for f in found] == ["unreadable"]
        assert "quot" in found[0].todo
        assert "Respect" not in found[0].line()
    else:
        assert waves.take_in(plan, "W2024").ledger["n_left"].iloc[0] == 60


@pytest.mark.parametrize("said", ['"one', 'say "no" to it', 'the end"', '""', '"a" b'])
def test_a_stray_mark_in_one_row_never_shortens_it_in_silence(plan, said):
    frame = with_comment(said, place=3)
    expected = len(answers(seed=1))
    found = check(plan, unquoted(rows_of(frame), "|"), "a.csv", "|")
    if not found:
        taken = waves.take_in(plan, "W2024")
        assert taken.ledger["n_left"].iloc[0] == expected
        assert (taken.reasons["conf_overall"] == 0).all()


def test_answers_over_several_lines_are_answers(plan):
    frame = with_comment("one line, and\nanother; with, commas\n\nand an end", "two\nlines")
    content = csv_bytes(rows_of(frame))
    assert check(plan, content, "a.csv", ",") == []
    assert waves.take_in(plan, "W2024").ledger["n_left"].iloc[0] == 60


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_of_any_computer_are_read(plan, end, last):
    content = unquoted(rows_of(headed(answers(seed=1))), "\t", end)
    put(plan, "W2024", answers(seed=1), name="a.tsv", content=content if last else content.removesuffix(end.encode()))
    assert waves.check(plan, "W2024") == []
    assert waves.take_in(plan, "W2024").ledger["n_left"].iloc[0] == 60


@pytest.mark.parametrize("end", ["\r", "\n"])
def test_a_file_with_lines_of_a_mac_can_be_added(plan, tmp_path, end):
    export = tmp_path / "mac.tsv"
    export.write_bytes(unquoted(rows_of(answers(seed=1)), "\t", end))
    for old in folder_of(plan, "W2024").iterdir():
        old.unlink()
    assert waves.add(plan, export, "W2024").unmapped == ()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("at", [1, 30, 60])
@pytest.mark.parametrize("cells", [1, 4, -1])
def test_a_row_cut_short_is_refused_by_its_number(plan, delimiter, at, cells):
    rows = rows_of(headed(answers(seed=1)))
    rows[at] = rows[at][:cells]
    found = check(plan, csv_bytes(rows, delimiter), "a.csv", delimiter)
    assert [f.kind for f in found] == ["unreadable"]
    assert f"row {at + 1} ends after {len(rows[at])} of {len(rows[0])} columns" in found[0].line()


@pytest.mark.parametrize("many", [2, 5, 30])
def test_more_rows_cut_short_are_counted(plan, many):
    rows = rows_of(headed(answers(seed=1)))
    for at in range(1, 1 + many):
        rows[at] = rows[at][:7]
    found = check(plan, csv_bytes(rows), "a.csv", ",")
    assert f"so end {many - 1} more" in found[0].line()


def test_a_tool_that_leaves_blanks_at_the_end_out_is_read(tmp_path):
    rows = rows_of(with_comment())
    for name, each in (("whole", rows), ("short", [rows[0], *(r[:-1] for r in rows[1:])])):
        (tmp_path / f"{name}.csv").write_bytes(unquoted(each, "|"))
    whole, short = (readers.read(tmp_path / f"{n}.csv") for n in ("whole", "short"))
    assert whole.frame.astype(str).equals(short.frame.astype(str))


ODD = ["\x7f", "\x01", "\x1b", "\u200f", "\ufeff", "\ufffd", "CafÃ©"]


@pytest.mark.parametrize("sign", ODD)
@pytest.mark.parametrize("column", ["resp_id", "area", "session_id", "link_code", "contact_12m"])
def test_an_odd_sign_in_a_column_that_is_read_is_refused_with_its_row(plan, sign, column):
    frame = answers(seed=1)
    frame.loc[7, column] += sign
    put(plan, "W2024", frame)
    found = waves.check(plan, "W2024")
    assert [f.kind for f in found] == ["unreadable"]
    assert "row 9" in found[0].what


@pytest.mark.parametrize("sign", ODD)
def test_an_odd_sign_in_a_column_that_nobody_reads_stops_nobody(plan, sign):
    frame = with_comment(f"so{sign}so")
    assert check(plan, csv_bytes(rows_of(frame)), "a.csv", ",") == []


def test_the_ledger_begins_with_the_file_s_own_rows(plan):
    rows = rows_of(headed(answers(seed=1)))
    blank = [""] * len(rows[0])
    put(plan, "W2024", answers(seed=1), content=csv_bytes([*rows[:11], blank, blank, *rows[11:], blank]))
    ledger = waves.take_in(plan, "W2024").ledger
    assert list(ledger["n_left"][:2]) == [62, 60]
    assert list(ledger["step"][:2]) == ["read from the export", "empty rows of the file"]


def test_a_file_whose_name_is_not_text_is_refused_in_words(plan, tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.csv"
    with open(path, "wb") as out:
        out.write(csv_bytes(rows_of(answers(seed=1))))
    from pathlib import Path

    with pytest.raises(InputError, match="name cannot be written"):
        waves.add(plan, Path(os.fsdecode(path)), "W2025")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(st.text(alphabet='ab",;\n ', max_size=8), min_size=12, max_size=12),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_what_is_written_with_quotes_comes_back_whatever_it_holds(tmp_path, cells, delimiter):
    frame = pd.DataFrame({f"c{i}": cells[i * 3 : i * 3 + 3] for i in range(4)}).assign(no=["1", "2", "3"])
    path = tmp_path / "a.csv"
    path.write_bytes(csv_bytes(rows_of(frame), delimiter))
    try:
        read = readers.read(path, delimiter=delimiter)
    except InputError:
        return
    assert read.frame.astype(object).to_numpy().tolist() == [[c.strip() for c in r] for r in rows_of(frame)[1:]]
