"""The tool's own number of a respondent is proposed; rows are numbered only when a person says so, and it is said."""

import pytest
from intake_study import answers, csv_bytes, folder_of, make, put, rows_of

from evaluation.intake import waves

NAMES = [
    "Respondent ID",
    "respondent_id",
    "ResponseId",
    "Response ID",
    "record_id",
    "Record ID",
    "_id",
    "Unique Response Number",
    "unique response number",
    "Submission ID",
    "Case ID",
    "ID",
    "id",
    "#",
    "_uuid",
    "UserID",
    "1. Unique Response Number",
    "Respondent number",
]


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022",))


def added(plan, tmp_path, frame):
    export = tmp_path / "a.csv"
    export.write_bytes(csv_bytes(rows_of(frame)))
    found = waves.add(plan, export, "W2024")
    return found, (folder_of(plan, "W2024") / "wave.toml").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_a_tool_s_own_number_is_proposed(plan, tmp_path, name):
    found, text = added(plan, tmp_path, answers(seed=1).rename(columns={"resp_id": name}))
    assert {p.target: p.column for p in found.proposals}["resp_id"] == name
    assert "#row" not in text


def test_of_several_numbers_the_tool_s_surest_is_proposed_once(plan, tmp_path):
    frame = answers(seed=1).rename(columns={"resp_id": "id"})
    frame["Collector ID"] = "77"
    frame["Respondent ID"] = [f"1182736{i}" for i in range(60)]
    found, _ = added(plan, tmp_path, frame)
    assert {p.target: p.column for p in found.proposals}["resp_id"] == "Respondent ID"


def test_a_number_that_two_people_share_is_not_proposed(plan, tmp_path):
    frame = answers(seed=1).rename(columns={"resp_id": "Case ID"})
    frame.loc[1, "Case ID"] = frame.loc[0, "Case ID"]
    found, _ = added(plan, tmp_path, frame)
    assert "resp_id" not in {p.target for p in found.proposals}


def test_rows_are_not_numbered_until_a_person_says_so(plan, tmp_path):
    found, text = added(plan, tmp_path, answers(seed=1).drop(columns="resp_id"))
    assert ("missing_column", "resp_id") in {(f.kind, f.column) for f in found.faults}
    assert "withdrawal by number" in found.summary()
    assert '\n# "#row" = "resp_id"' in text


def test_numbered_rows_are_said_in_the_ledger(plan):
    put(plan, "W2024", answers(seed=1).drop(columns="resp_id"), columns={"#row": "resp_id"})
    assert "rows were numbered as they stand" in waves.take_in(plan, "W2024").ledger["reason"].iloc[0]


@pytest.mark.parametrize("name", ["Timestamp", "Completion time", "RecordedDate", "End Date", "submitdate"])
def test_a_tool_s_time_stamp_is_proposed_as_the_date(plan, tmp_path, name):
    found, _ = added(plan, tmp_path, answers(seed=1).rename(columns={"interview_date": name}))
    assert {p.target: p.column for p in found.proposals}.get("interview_date") == name
