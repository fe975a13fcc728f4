"""Bad input: every fault at once, each with file, place and what to do; exit status 2; nothing written."""

import re

import intake_study
import pytest
import run_study
from run_study import ROOT, fingerprints, planted

from evaluation import cli
from evaluation.plan import study


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Return a study of sixty people without a fault, and a function that runs it in this process."""
    plan = intake_study.make(tmp_path / "study")
    import shutil

    shutil.copytree(ROOT / "data_raw" / "population", plan.root / "data_raw" / "population")
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))
    return plan


def refused(plan, capsys, *words, status=2):
    before = fingerprints(plan.root)
    folders = sorted(p for p in plan.root.rglob("*") if p.is_dir())
    assert cli.main(["run", "--study", str(plan.root / "study.toml"), *(words or ("--draft",))]) == status
    assert fingerprints(plan.root) == before, "nothing is written"
    assert sorted(p for p in plan.root.rglob("*") if p.is_dir()) == folders
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return said.err


def edit(plan, old, new):
    file = plan.root / "study.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_a_missing_wave(made, capsys):
    intake_study.folder_of(made, "W2024").joinpath("wave.toml").unlink()
    said = refused(made, capsys)
    assert "W2024" in said


def test_a_missing_export(made, capsys):
    intake_study.folder_of(made, "W2024").joinpath("export.csv").unlink()
    said = refused(made, capsys)
    assert "W2024" in said
    assert "export.csv" in said


def test_an_empty_file(made, capsys):
    intake_study.put(made, "W2024", intake_study.answers(60, 1), content=b"")
    said = refused(made, capsys)
    assert "export.csv" in said
    assert "empty" in said


def test_dates_outside_fieldwork_and_other_faults_are_told_at_once(made, capsys):
    first = intake_study.answers(60, 1)
    first.loc[3, "interview_date"] = "01/01/1999"
    intake_study.put(made, "W2024", first, start="2024-05-01", end="2024-06-30")
    second = intake_study.answers(60, 2)
    second.loc[5, "age_band"] = "about forty"
    intake_study.put(made, "W2025", second)
    said = refused(made, capsys)
    assert "W2024" in said
    assert "W2025" in said
    assert re.search("fieldwork", said)
    assert "Nothing was written" in said
    assert len([line for line in said.splitlines() if line.strip()]) >= 3, "one line for each fault"


def test_the_plan_names_an_unknown_variable(made, capsys):
    edit(made, 'primary = "conf_overall"', 'primary = "conf_overal"')
    said = refused(made, capsys)
    assert "conf_overal" in said
    assert "'conf_overall'" in said, "the nearest name is said"


def test_a_mistyped_key_of_the_plan_names_the_nearest(made, capsys):
    edit(made, "least_people = 30", "least_poeple = 30")
    edit(made, "threshold = 10", "treshold = 10")
    said = refused(made, capsys)
    assert "least_poeple" in said
    assert "least_people" in said
    assert "treshold" in said, "all faults at once"


def test_an_unknown_wave_date_or_notebook(made, capsys):
    assert "'W2025'" in refused(made, capsys, "--draft", "--wave", "W2052")
    assert "2026-07-04" in refused(made, capsys, "--draft", "--date", "4 July")
    assert "00 to 11" in refused(made, capsys, "--draft", "--only", "12")


def test_an_unfrozen_plan_needs_draft(made, capsys):
    said = refused(made, capsys, "--wave", "W2024")
    assert "evaluation plan --freeze --wave W2024" in said
    assert "--draft" in said


def test_a_baseline_with_attendance_coded_no_stops_the_run_with_the_reason(made, capsys):
    frame = intake_study.answers(60, 0, wave="W2022")
    frame["lpact_attended"] = "No"
    intake_study.put(made, "W2022", frame)
    said = refused(made, capsys)
    assert "W2022" in said
    assert "lpact_attended" in said
    assert re.search("attendance|not asked|did not ask", said)


@pytest.mark.parametrize(
    ("word", "hint"), [("treshold=5", "'threshold'"), ("threshold=five", "int"), ("wave=W1", "--wave")]
)
def test_a_parameter_that_no_notebook_has_stops_before_the_first(made, capsys, tmp_path, monkeypatch, word, hint):
    from evaluation.run import manifest, scheduling

    folder = planted(tmp_path / "notebooks")
    run_study.notebook(folder / "01_more.ipynb", "assert threshold == 5")
    text = (folder / "01_more.ipynb").read_text()
    (folder / "01_more.ipynb").write_text(text.replace('wave = \\"\\"', 'wave = \\"\\"\\nthreshold = 10'))
    monkeypatch.setattr(manifest, "notebooks_folder", lambda: folder)
    monkeypatch.setattr(scheduling, "execute_all", lambda *_: pytest.fail("a notebook was started"))
    said = refused(made, capsys, "--draft", "-p", word)
    assert word.split("=")[0] in said
    assert hint in said


def test_words_that_are_not_a_pair_are_refused_by_the_parser(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["run", "-p", "threshold"])
    assert stopped.value.code == 2
    assert "NAME=VALUE" in capsys.readouterr().err


def test_check_writes_nothing_and_says_so(made, capsys):
    before = fingerprints(made.root)
    assert cli.main(["check", "--study", str(made.root / "study.toml")]) == 0
    assert fingerprints(made.root) == before
    assert "No faults" in capsys.readouterr().out


def test_the_shipped_plan_and_waves_have_no_fault():
    plan = study.load(ROOT / "study.toml")
    from evaluation.run import pipeline

    assert pipeline.check(plan, plan.waves[-1]) == []


def test_a_reader_who_leaves_early_is_no_fault(made):
    import os
    import subprocess
    import sys

    end, start = os.pipe()
    os.close(end)
    command = [sys.executable, "-m", "evaluation.cli", "status", "--study", str(made.root / "study.toml")]
    done = subprocess.run(command, stdout=start, stderr=subprocess.PIPE, cwd=made.root, check=False)
    os.close(start)
    assert done.returncode == 0
    assert done.stderr == b""
