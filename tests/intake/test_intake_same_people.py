"""The same people are not counted twice: by doubled rows, doubled waves, doubled codes, or rows of another wave."""

import shutil

import pandas as pd
import pytest
from intake_study import HEADINGS, answers, describe, folder_of, headed, make, put, rows_of, xlsx

from evaluation.intake import waves


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022", "W2024"))


def kinds(faults):
    return {f.kind for f in faults}


def every_row_twice(frame):
    return pd.concat([frame, frame], ignore_index=True)


def a_third_again_at_the_end(frame):
    return pd.concat([frame, frame.iloc[::3]], ignore_index=True)


def one_row_again(frame):
    return pd.concat([frame, frame.iloc[[7]]], ignore_index=True)


@pytest.mark.parametrize("doubled", [every_row_twice, a_third_again_at_the_end, one_row_again])
@pytest.mark.parametrize("numbered", [True, False], ids=["renumbered", "rows numbered"])
@pytest.mark.parametrize("coded", [True, False], ids=["with codes", "without codes"])
def test_rows_equal_in_every_answer_are_a_fault(plan, doubled, numbered, coded):
    frame = doubled(answers(seed=1).drop(columns="resp_id"))
    frame = frame if coded else frame.drop(columns="link_code")
    more = {} if coded else {"not_asked": {"link_code": "none"}}
    if numbered:
        frame.insert(0, "resp_id", [str(i) for i in range(len(frame))])
    else:
        more["columns"] = {"#row": "resp_id"}
    put(plan, "W2024", frame, **more)
    found = waves.check(plan, "W2024")
    assert kinds(found) == {"doubled_rows", *(["doubled_link"] if coded else [])}
    assert {f.n for f in found} == {len(frame) - 60}


def test_a_doubled_row_of_the_first_wave_is_found_too(plan):
    frame = every_row_twice(answers(seed=0, wave="W2022").drop(columns="resp_id"))
    frame.insert(0, "resp_id", [str(i) for i in range(len(frame))])
    put(plan, "W2022", frame)
    assert kinds(waves.check(plan, "W2022")) == {"doubled_rows"}


def test_people_who_answered_next_to_nothing_are_not_one_person(plan):
    frame = answers(seed=1)
    frame.loc[[3, 9], [c for c in frame if c not in ("resp_id", "area", "consent_analysis")]] = ""
    put(plan, "W2024", frame)
    assert waves.check(plan, "W2024") == []


@pytest.mark.parametrize("write", ["csv", "xlsx"])
@pytest.mark.parametrize("renumbered", [False, True])
@pytest.mark.parametrize("part", [60, 50])
def test_an_export_added_as_two_waves_is_a_fault(tmp_path, write, renumbered, part):
    plan = make(tmp_path / "three")
    frame = answers(seed=1).iloc[:part]
    if renumbered:
        frame = frame.assign(resp_id=[f"{900 + i}" for i in range(part)])
    path = folder_of(plan, "W2025") / f"again.{write}"
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    headed(frame).to_csv(path, index=False) if write == "csv" else xlsx(path, {"S": rows_of(headed(frame))})
    describe(plan, "W2025", path, {HEADINGS.get(c, c): c for c in frame})
    found = waves.check(plan, "W2025")
    assert kinds(found) == {"same_export"}
    assert "W2024" in found[0].what


def test_other_people_in_another_wave_are_no_fault(tmp_path):
    plan = make(tmp_path / "three")
    assert waves.check(plan, "W2025") == []


@pytest.mark.parametrize("code", ["AB3", "ab3", " A B 3 "])
def test_a_link_code_that_stands_twice_is_a_fault(plan, code):
    frame = answers(seed=1)
    frame.loc[11, "link_code"] = code
    put(plan, "W2024", frame)
    found = waves.check(plan, "W2024")
    assert [(f.kind, f.row) for f in found] == [("doubled_link", 13)]
    assert code.strip() not in found[0].line().replace("respondent", "")


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("W2024", False),
        ("w2024", False),
        ("2024", False),
        ("Wave 2024", False),
        ("", False),
        ("W2022", True),
        ("2025", True),
        ("second", True),
        ("2", True),
    ],
)
def test_a_column_that_says_the_wave_says_this_one(plan, said, fault):
    put(plan, "W2024", answers(seed=1).assign(wave=["W2024"] * 59 + [said]))
    assert kinds(waves.check(plan, "W2024")) == ({"other_wave"} if fault else set())


def test_a_column_of_the_wave_that_is_not_read_may_not_name_another(plan):
    path = put(plan, "W2024", answers(seed=1).assign(Wave=["W2024"] * 40 + ["W2022"] * 20))
    names = {HEADINGS.get(c, c): c for c in answers(seed=1)}
    describe(plan, "W2024", path, names, ignore={"Wave": "not read"})
    assert kinds(waves.check(plan, "W2024")) == {"other_wave"}
