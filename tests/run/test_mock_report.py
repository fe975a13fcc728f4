"""The mock report: outcomes swapped within sessions, the study's own notebooks, a stamp on every page."""

import shutil

import pandas as pd
import pytest
import run_study
from run_study import ROOT

from evaluation.intake import waves
from evaluation.plan import study
from evaluation.report.context import MOCK
from evaluation.run import mock_report

FREEZE = ("plan", "--freeze", "--date", "2026-07-04")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Return a wave of the shipped study as it is, and the same marked as shuffled."""
    folder = tmp_path_factory.mktemp("shuffled")
    shutil.copytree(ROOT / "data_raw", folder / "data_raw")
    shutil.copy(ROOT / "study.toml", folder)
    plan = study.load(folder / "study.toml")
    plain = waves.take_in(plan, "W2025")
    file = folder / "data_raw" / "waves" / "W2025" / "wave.toml"
    file.write_text("shuffled = true\n" + file.read_text("utf-8"), "utf-8")
    return plan, plain, waves.take_in(plan, "W2025")


def test_only_outcomes_move_and_each_session_keeps_its_own(both):
    plan, plain, mock = both
    pd.testing.assert_frame_equal(mock.design, plain.design)
    assert not mock.outcomes.equals(plain.outcomes)
    session = plain.design[plan.population.session_column].fillna("")
    for _, people in session.groupby(session):
        rows = [tuple(sorted(map(str, frame.loc[people.index].to_numpy().tolist()))) for frame in
                (plain.outcomes, mock.outcomes)]  # fmt: skip
        assert rows[0] == rows[1]


def test_reasons_for_missing_answers_go_with_the_answers(both):
    _, plain, mock = both
    for column in plain.outcomes:
        if column in mock.reasons:
            assert (mock.outcomes[column].isna() == (mock.reasons[column] != 0)).all()
    kept = [c for c in plain.reasons if c not in plain.outcomes]
    pd.testing.assert_frame_equal(mock.reasons[kept], plain.reasons[kept])


def test_who_attended_tells_nothing_of_a_shuffled_answer(both):
    _, plain, mock = both
    attended = (plain.design["lpact_attended"] == "yes").fillna(False)
    same = (mock.outcomes["conf_overall"] == plain.outcomes["conf_overall"])[attended].fillna(False)
    assert same.mean() < 0.5


def test_a_mock_is_stamped_on_every_page_leaves_the_study_alone_and_cannot_be_released(tmp_path):
    home, notebooks = run_study.tiny(tmp_path)
    assert run_study.run(home, *FREEZE).returncode == 0
    before = run_study.fingerprints(home)
    out = tmp_path / "protocol"
    done = run_study.run(home, "plan", "--protocol", out, "--date", "2026-07-04", notebooks=notebooks)
    assert done.returncode == 0, done.stderr
    assert run_study.fingerprints(home) == before
    pages = sorted((out / "mock").rglob("*.html"))
    assert len(pages) >= 5
    assert all(MOCK in p.read_text("utf-8") for p in pages)
    assert not list((out / "mock").rglob("*.ipynb"))
    said = run_study.run(home, "release", out / "mock", "--draft", "--checked-by", "A B")
    assert said.returncode == 1
    assert "mock" in said.stderr
    assert 'href="mock/index.html"' in (out / "protocol.html").read_text("utf-8")


@pytest.mark.parametrize(("state", "why"), [("unfrozen", "not frozen"), ("empty", "no answers of W2022")])
def test_a_mock_is_refused_before_the_plan_is_frozen_or_answers_are_in(tmp_path, state, why):
    home, _ = run_study.tiny(tmp_path)
    if state == "empty":
        shutil.rmtree(home / "data_raw" / "waves")
    plan = study.load(home / "study.toml")
    assert why in mock_report.reason_for_none(plan, plan.waves[-1])
