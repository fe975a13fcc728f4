"""`evaluation check` ends with what was read: a misreading is seen at a glance, and nothing that anybody typed."""

import io
import sys

import pytest
from intake_study import AGREE, HEADINGS, answers, describe, folder_of, headed, make, put, rows_of, xlsx

from evaluation import cli
from evaluation.analysis import wave_checks
from evaluation.intake import waves

PERSON = "Zebedee Quillfeather"


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022", "W2024"))


def columns(plan):
    found = waves.inspect(plan, "W2024")
    assert found.faults == ()
    return {c.variable: c for c in found.read.columns}


def test_answers_by_level_missing_by_reason_least_and_most(plan):
    frame = answers(seed=1)
    frame["conf_overall"] = [*[AGREE[0]] * 40, *[AGREE[4]] * 15, *["Don't know"] * 3, "", ""]
    frame["years_in_llr"] = [*["3"] * 58, "88", ""]
    frame["contact_12m"] = [*["None"] * 50, *["Victim;Witness"] * 10]
    put(plan, "W2024", frame)
    read = columns(plan)
    asked = read["conf_overall"]
    assert dict(asked.answers) == {**dict.fromkeys(AGREE, 0), AGREE[0]: 40, AGREE[4]: 15}
    assert dict(asked.missing) == {"Left blank": 2, "Does not know": 3}
    years = read["years_in_llr"]
    assert (years.answers["answers"], years.least, years.most) == (59, "3", "88")
    assert [read["contact_12m"].answers[w] for w in ("None", "Victim", "Witness")] == [50, 10, 10]
    assert (
        read["interview_date"].line().startswith("  interview_date (from 'Date answered'): answers 60; 2024-05-03 to")
    )


def test_the_sheet_that_was_read_is_said(plan, capsys):
    frame = answers(seed=1)
    path = folder_of(plan, "W2024") / "a.xlsx"
    xlsx(path, {"Answers 2024": rows_of(headed(frame))})
    describe(plan, "W2024", path, {HEADINGS.get(c, c): c for c in frame})
    cli.main(["check", "--study", str(plan.root / "study.toml"), "--wave", "W2024"])
    assert "Read of W2024: a.xlsx, sheet 'Answers 2024', 60 rows, 60 people" in capsys.readouterr().out


def test_nothing_that_somebody_typed_is_in_it(plan):
    frame = answers(seed=1).assign(contact_name=PERSON, open_good=f"{PERSON} said so", community_self=PERSON)
    frame["link_code"] = [f"{PERSON}{i}" for i in range(60)]
    put(plan, "W2024", frame)
    read = waves.inspect(plan, "W2024").read
    assert "Quillfeather" not in read.text()
    assert "contact_name: held apart 60" in read.text()


def test_a_terminal_that_is_not_utf_8_shows_it_all_the_same(plan, monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    cli.main(["check", "--study", str(plan.root / "study.toml"), "--wave", "W2024"])
    out.flush()
    assert b"Read of W2024" in out.buffer.getvalue()


def test_the_notebook_s_table_names_no_answer_that_few_gave(plan):
    frame = answers(seed=1)
    frame["conf_overall"] = [*[AGREE[0]] * 51, *[AGREE[4]] * 9]
    put(plan, "W2024", frame)
    exhibit = wave_checks.read(plan, "W2024", waves.take_in_all(plan, "W2024"))
    said = {i.result.id: i.result.text for i in exhibit.items}
    assert said["read.conf_overall.all.w2024"] == AGREE[0]
    assert "read.link_code.all.w2024" not in said
