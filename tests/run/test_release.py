"""A release takes two people: what they see, who is refused, and what the ledger keeps."""

import json
import unicodedata

import pytest
import run_study

from evaluation.errors import CheckFailed
from evaluation.run import release


@pytest.fixture
def report(tmp_path):
    home, _ = run_study.tiny(tmp_path)
    return home / "reports" / "2026-07-04_W2025"


def signed(report, **signing):
    study_file = report.parents[1] / "study.toml"
    return release.release(report, release.Signing(**({"draft": True} | signing)), study_file=study_file)


def entry(report):
    return json.loads((report.parents[1] / "releases" / "ledger.json").read_text("utf-8"))["releases"][-1]


def test_both_names_stand_on_the_ledger(report):
    assert "1 releases are now guarded" in signed(report, checked_by="Ama  Mensah ", analyst="Zoë Ní Bhriain")
    kept = entry(report)
    assert (kept["checked_by"], kept["analyst"], kept["alone"]) == ("Ama Mensah", "Zoë Ní Bhriain", False)
    assert kept["status"] == "draft"


ONE = "Zoë Ní Bhriain"


@pytest.mark.parametrize(
    "other",
    [
        ONE,
        ONE.upper(),
        "zoe ni bhriain",
        "  Zoë   Ní\tBhriain ",
        "ZoëNíBhriain",
        unicodedata.normalize("NFD", ONE),
        "Ní Bhriain, Zoë",
        "Zoë Ní-Bhriain.",
        "Ｚｏë Ní Bhriain",
    ],
)
def test_one_person_is_refused_however_the_name_is_written(report, other):
    assert release.same_person(ONE, other)
    with pytest.raises(CheckFailed, match="cannot be the second person"):
        signed(report, checked_by=other, analyst=ONE)
    assert not (report.parents[1] / "releases").exists()


@pytest.mark.parametrize(("one", "other"), [("Ama Mensah", "Ama Mensa"), ("", ""), ("", "Ama"), ("李雷", "韩梅梅")])
def test_two_people_are_two(one, other):
    assert not release.same_person(one, other)


def test_names_in_any_script_are_compared():
    assert release.same_person("李雷", " 李 雷 ")
    assert release.same_person("ΝΊΚΟΣ", "νικος")


def test_told_that_nobody_else_can_one_person_is_written_down_as_one(report):
    signed(report, checked_by=ONE, analyst=ONE, alone=True)
    assert entry(report)["alone"] is True


@pytest.mark.parametrize(
    ("signing", "why"),
    [({"analyst": ONE}, "have checked it"), ({"checked_by": ONE}, "have made it"), ({}, "checked it")],
)
def test_a_name_that_is_lacking_is_asked_for(report, signing, why):
    with pytest.raises(CheckFailed, match=why):
        signed(report, **signing)


def test_a_draft_needs_to_be_told_apart_from_who_signs(report):
    with pytest.raises(CheckFailed, match="is a draft"):
        signed(report, checked_by="A B", analyst="C D", draft=False)


def test_a_report_that_was_touched_or_released_already_is_refused(report):
    signed(report, checked_by="A B", analyst="C D")
    with pytest.raises(CheckFailed, match="on the ledger already"):
        signed(report, checked_by="E F", analyst="C D")
    (report / "results.csv").write_text("id\n", "utf-8")
    with pytest.raises(CheckFailed, match="not as its run left it"):
        signed(report, checked_by="E F", analyst="C D")


def test_a_mock_is_refused_whoever_signs(report):
    file = report / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"mock": True}), "utf-8")
    with pytest.raises(CheckFailed, match="is a mock"):
        signed(report, checked_by="A B", analyst="C D", alone=True)


def test_the_command_shows_the_disclosure_log_and_a_checklist_before_it_signs(report):
    manifest = json.loads((report / "manifest.json").read_text("utf-8"))
    done = run_study.run(
        report.parents[1], "release", report, "--draft", "--checked-by", "A B", "--analyst", "C D"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert said.index("Hidden, by rule") < said.index("[ ]") < said.index("is on the ledger")
    for rule, n in manifest["suppressions"].items():
        assert f"{rule}: {n}" in said
    refused = run_study.run(
        report.parents[1], "release", report, "--draft", "--checked-by", "c d", "--analyst", "C D"
    )  # fmt: skip
    assert refused.returncode == 1
    assert "cannot be the second person" in refused.stderr
