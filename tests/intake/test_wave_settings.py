"""A wave without the primary outcome, a waiver of nothing, attendance asked before any event, margins nobody can meet."""

import pytest
from intake_study import answers, csv_bytes, make, put

from evaluation import errors
from evaluation.analysis import population_weights
from evaluation.intake import waves
from evaluation.run import pipeline


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022", "W2024"))


def faults(plan, frame, **more):
    put(plan, "W2024", frame, **more)
    return [(f.kind, f.column) for f in waves.check(plan, "W2024")]


@pytest.mark.parametrize("how", ["not asked", "blank", "all missing"])
def test_a_wave_without_the_primary_outcome_is_refused_by_name(plan, how):
    frame, more = answers(seed=1), {}
    if how == "not asked":
        frame, more = frame.drop(columns="conf_overall"), {"not_asked": {"conf_overall": "left out"}}
    else:
        frame["conf_overall"] = "" if how == "blank" else "Don't know"
    assert faults(plan, frame, **more) == [("no_primary_outcome", "conf_overall")]
    assert "I have confidence in the police where I live" in waves.check(plan, "W2024")[0].line()


@pytest.mark.parametrize("fault", ["doubled_rows", "doubled_row", "value", "x"])
def test_a_waiver_of_nothing_is_refused(plan, fault):
    assert faults(plan, answers(seed=1), waivers=[{"fault": fault, "reason": "none"}]) == [("bad_waiver", "")]


def events(plan, day):
    folder = plan.root / "data_raw" / "registers"
    folder.mkdir(exist_ok=True)
    (folder / "events.csv").write_bytes(csv_bytes([["event_id", "event_date"], ["E01", day]]))


@pytest.mark.parametrize(("day", "fault"), [("2024-07-01", True), ("2024-05-01", False), ("2023-01-01", False)])
def test_attendance_asked_before_the_first_event_needs_a_person_s_yes(plan, day, fault):
    events(plan, day)
    expected = [("attendance_before_events", "lpact_attended")] if fault else []
    assert faults(plan, answers(seed=1)) == expected
    waiver = [{"fault": "attendance_before_events", "reason": "a first meeting was held without a register"}]
    assert faults(plan, answers(seed=1), waivers=waiver) == ([] if fault else [("bad_waiver", "")])


def test_weights_that_nobody_can_make_are_a_fault_of_check(plan, monkeypatch):
    def none(*_):
        raise errors.NotConverged("the largest gap is 0.4", todo="Join cells.")

    monkeypatch.setattr(waves, "check_registers", lambda _: [])
    monkeypatch.setattr(waves, "margins", lambda _: {"area3": None})
    monkeypatch.setattr(population_weights, "by_wave", none)
    found = pipeline.check(plan, "W2024")
    assert [f.kind for f in found] == ["margins", "margins"]
    assert "no weights bring W2024 to the population" in found[1].line()
