"""Official words by wave, lists of groups by wave, and figures of questions that no reference names."""

import shutil

import numpy as np
import pytest
from intake_study import answers, csv_bytes, make, put

from evaluation.errors import StudyError
from evaluation.intake import comparable_questions, wave_file, waves

JOBS = np.array(["Very poor", "Poor", "Fair", "Good", "Excellent"])


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    made = make(tmp_path / "study")
    for number, wave in enumerate(("W2024", "W2025")):
        put_wave(made, wave, number, official_wording={"police_good_job": "How good a job do they do?"})
    return made


def put_wave(plan, wave, seed=1, **more):
    rng = np.random.default_rng(seed)
    frame = answers(seed=seed + 1).assign(police_good_job=rng.choice(JOBS, 60))
    if wave == "W2025":
        frame["interview_date"] = rng.choice(["03/05/2025", "14/06/2025"], 60)
    put(plan, wave, frame, **more)


def faults(plan, wave="W2025"):
    return [(f.kind, f.column) for f in waves.check(plan, wave)]


def test_the_same_words_in_both_waves_are_no_fault(plan):
    assert faults(plan) == []


@pytest.mark.parametrize("words", ["How bad a job do they do?", "how good a job do they do?"])
def test_words_that_differ_between_waves_are_refused_by_name(plan, words):
    put_wave(plan, "W2025", official_wording={"police_good_job": words})
    assert faults(plan) == [("official_wording_differs", "police_good_job")]
    (fault,) = waves.check(plan, "W2025")
    own, other = (
        comparable_questions.official_hash(plan, waves.info(plan, w), "police_good_job") for w in ("W2025", "W2024")
    )
    assert own in fault.what
    assert other in fault.what
    assert "W2024" in fault.what


def test_words_that_nobody_pasted_are_no_fault_and_have_no_hash(plan):
    put_wave(plan, "W2025")
    assert faults(plan) == []
    assert comparable_questions.official_hash(plan, waves.info(plan, "W2025"), "police_good_job") == ""


def test_words_in_the_codebook_hold_for_every_wave_that_pastes_none(plan):
    path = plan.root / "data_raw" / "codebook.yaml"
    path.write_text(
        path.read_text("utf-8").replace("scale: job5}", "scale: job5, wording: How bad a job?}", 1), "utf-8"
    )
    from evaluation.plan import study

    again = study.load(plan.root / "study.toml")
    put_wave(again, "W2025")
    assert faults(again) == [("official_wording_differs", "police_good_job")]


def test_a_real_wave_may_not_carry_the_stand_in_of_the_synthetic_study():
    info = wave_file.WaveInfo(
        "W2025", "L", "f", origin="real", official_wording={"police_good_job": "SYNTHETIC: stands"}
    )
    assert [f[1] for f in comparable_questions._stand_ins(info)] == ["official_wording_stand_in"]


@pytest.mark.parametrize(
    ("more", "column"),
    [
        ({"official_wording": {"police_god_job": "x"}}, "police_god_job"),
        ({"official_wording": {"conf_overall": "x"}}, "conf_overall"),
        ({"standards": {"ethnic6": "2011"}}, "ethnic6"),
        ({"standards": {"sex": "2011"}}, "sex"),
    ],
)
def test_words_and_lists_of_a_variable_that_states_none_are_refused(plan, more, column):
    put_wave(plan, "W2025", **more)
    assert faults(plan) == [("unknown_variable", column)]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"standards": {"ethnic5": "2001"}}, "standards.ethnic5 is one of 2011, 2021, next"),
        ({"official_wording": {"police_good_job": " "}}, "official_wording.police_good_job is the official words"),
        ({"official_wording": {"police_good_job": 3}}, "official_wording.police_good_job is the official words"),
        ({"mode": "by pigeon"}, "mode is how most of the general sample answered"),
        ({"official_wording": "x"}, "[official_wording] is a table"),
    ],
)
def test_values_that_mean_nothing_are_refused(plan, more, message):
    put_wave(plan, "W2025", **more)
    with pytest.raises(StudyError) as refused:
        waves.info(plan, "W2025")
    assert message in str(refused.value)


HEAD = ["survey", "period", "item", "wording", "group", "n_base", "estimate", "variable", "until"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("csew.good_job", []),
        ("", []),
        ("csew.god_job", ["unknown_reference"]),
        ("csew", ["unknown_reference"]),
        ("gss.ethnic_group", ["unknown_reference"]),
    ],
)
def test_a_figure_of_a_question_that_no_reference_names_is_refused(plan, key, expected):
    folder = plan.root / "data_raw" / "registers"
    folder.mkdir(exist_ok=True)
    row = ["csew", "year to March 2025", "good job", "w", "All adults", 0, 49, key, "2025-03-31"]
    (folder / "external_surveys.csv").write_bytes(csv_bytes([HEAD, row]))
    found = [f for f in waves.check_registers(plan) if f.file == "external_surveys.csv"]
    assert [f.kind for f in found] == expected
    assert all(repr(key) in f.what for f in found)


def test_the_map_that_add_wave_proposes_says_where_official_words_go(plan, tmp_path):
    frame = answers(seed=5).assign(police_good_job=np.resize(JOBS, 60))
    heads = {"police_good_job": plan.codebook.label("police_good_job"), "resp_id": "Respondent number"}
    frame.rename(columns=heads).to_csv(tmp_path / "new.csv", index=False)
    place = plan.root / "data_raw" / "waves" / "W2025"
    shutil.rmtree(place)
    waves.add(plan, tmp_path / "new.csv", "W2025")
    text = (place / "wave.toml").read_text("utf-8")
    assert "[official_wording]" in text
    assert "# police_good_job = " in text
    assert "# mode = " in text
