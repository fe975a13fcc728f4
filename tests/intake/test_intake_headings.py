"""Rows of headings are proven, never guessed: nothing that somebody answered is printed or written into wave.toml."""

import pytest
from intake_study import answers, csv_bytes, folder_of, make, put, rows_of, xlsx

from evaluation.errors import InputError
from evaluation.intake import waves

PERSON = ["Zebedee Quillfeather", "ZE9 4QF", "the sergeant on Harrow Road laughed at me", "Quillfeather", "Wombleton"]


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022",))


def with_person(rows, headings=("Name", "Where", "Anything else", "Again", "Once more")):
    """Return rows with columns for what the first respondent typed."""
    return [[*rows[0], *headings], [*rows[1], *PERSON], *([*r, *[""] * len(PERSON)] for r in rows[2:])]


def doubled(rows):
    return [[*rows[0][:-1], rows[0][1]], *rows[1:]]


def two_own_doubled(rows):
    return with_person(rows, ("Name", "Name", "Name", "Again", "Again"))


def foreign(rows):
    return [[f"Q{i}" for i in range(len(rows[0]))], *rows[1:]]


def headless(rows):
    return rows[1:]


def all_but_few_foreign(rows):
    return [[*rows[0][:2], *(f"Q{i}" for i in range(len(rows[0]) - 2))], *rows[1:]]


def blank_second(rows):
    return [rows[0], [""] * len(rows[0]), *rows[1:]]


def titled(rows):
    return [["Survey of the town", *[""] * (len(rows[0]) - 1)], *doubled(rows)]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(
    "spoil", [doubled, two_own_doubled, foreign, headless, all_but_few_foreign, blank_second, titled]
)
def test_nothing_of_a_row_of_answers_is_printed_or_written(plan, tmp_path, kind, spoil):
    rows = rows_of(answers(seed=1))
    rows = spoil(rows) if spoil is two_own_doubled else spoil(with_person(rows))
    export = tmp_path / f"a.{kind}"
    export.write_bytes(csv_bytes(rows)) if kind == "csv" else xlsx(export, {"S": rows})
    try:
        said = waves.add(plan, export, "W2024").summary()
        said += (folder_of(plan, "W2024") / "wave.toml").read_text("utf-8")
    except InputError as error:
        said = str(error)
        assert "stand twice" in said
        assert "columns" in said
    assert [p for p in PERSON if p in said] == []


def test_a_heading_that_stands_twice_is_named_by_its_columns(plan, tmp_path):
    export = tmp_path / "a.csv"
    export.write_bytes(csv_bytes(doubled(rows_of(answers(seed=1)))))
    with pytest.raises(InputError, match="columns B and AP stand twice"):
        waves.add(plan, export, "W2024")


@pytest.mark.parametrize("first", [None, ["x"] * 42, [str(i) for i in range(42)]], ids=["names", "alike", "numbers"])
def test_import_ids_prove_three_rows_of_headings_whatever_stands_above(plan, tmp_path, first):
    frame = answers(seed=1)
    rows = rows_of(frame)
    words = [f"About {c}:\nplease answer" for c in frame]
    if first is None:
        first = rows[0]
    else:
        words = [plan.codebook.label(c) for c in frame]
    ids = [f'{{"ImportId": "QID{i}"}}' for i in range(len(rows[0]))]
    export = tmp_path / "a.csv"
    export.write_bytes(csv_bytes([first, words, ids, *rows[1:]]))
    added = waves.add(plan, export, "W2024")
    text = (folder_of(plan, "W2024") / "wave.toml").read_text("utf-8")
    assert "header_rows = 3" in text
    assert len(added.proposals) >= 41


def test_a_map_that_names_few_of_the_columns_shows_none_of_the_others(plan):
    put(plan, "W2024", answers(seed=1))
    path = folder_of(plan, "W2024") / "export.csv"
    rows = [["sex", *PERSON, *[f"person {i}" for i in range(36)]], *rows_of(answers(seed=1))[1:]]
    path.write_bytes(csv_bytes(rows))
    table = waves.fault_table(waves.check(plan, "W2024"))
    assert "only 1 of its 42 columns is mapped" in table
    assert [p for p in [*PERSON, "person 3"] if p in table] == []
