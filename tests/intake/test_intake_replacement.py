"""A wave is replaced as a whole or not at all; adding one leaves nothing behind that blocks the next try."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import tomllib

import pytest
from intake_study import HEADINGS, answers, csv_bytes, folder_of, headed, make, put, rows_of

from evaluation import cli
from evaluation.errors import EvaluationError, InputError
from evaluation.intake import copies, keys, waves
from evaluation.run import manifest, status


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022", "W2024"))


def export(path, frame):
    path.write_bytes(csv_bytes(rows_of(headed(frame))))
    return path


def toml(plan):
    return tomllib.loads((folder_of(plan, "W2024") / "wave.toml").read_text("utf-8"))


def corrected():
    frame = answers(64, seed=1)
    first = answers(seed=1)
    frame.iloc[:60] = first
    frame.loc[3, "sex"] = "Male" if first.loc[3, "sex"] == "Female" else "Female"
    return frame.drop(index=[7])


@pytest.mark.parametrize("name", ["export.csv", "corrected.csv", "late answers é.csv"])
def test_a_correction_keeps_the_map_and_the_old_hash_and_counts_what_changed(plan, tmp_path, name):
    put(plan, "W2024", answers(seed=1))
    before = toml(plan)
    (tmp_path / "new").mkdir()
    done = waves.replace(plan, export(tmp_path / "new" / name, corrected()), "W2024")
    assert (done.rows, done.people, done.columns, dict(done.cells)) == ((60, 63), (59, 1, 4), (0, 0), {"sex": 1})
    assert done.faults == ()
    after = toml(plan)
    kept = {"file", "sha256", "replaced"}
    assert {k: v for k, v in after.items() if k not in kept} == {k: v for k, v in before.items() if k not in kept}
    assert after["replaced"] == [{"file": before["file"], "sha256": before["sha256"], "rows": 60}]
    assert len(waves.take_in(plan, "W2024").design) == 63
    assert len(list((plan.root / "data_raw" / "replaced" / "W2024").iterdir())) == 1
    again = waves.replace(plan, export(tmp_path / "new" / "third.csv", answers(seed=1)), "W2024")
    assert again.people == (59, 4, 1)
    assert len(toml(plan)["replaced"]) == 2


def test_what_is_printed_holds_no_answer(plan, tmp_path, capsys):
    frame = corrected().assign(contact_name="Zebedee Quillfeather")
    words = ["add-wave", str(export(tmp_path / "new.csv", frame)), "--wave", "W2024", "--replace"]
    assert cli.main([*words, "--study", str(plan.root / "study.toml")]) == 2
    said = capsys.readouterr().out
    assert "Columns: 0 gone, 1 new" in said
    assert "unknown_column" in said
    assert "Quillfeather" not in said


@pytest.mark.parametrize("spoil", ["same", "empty", "absent", "unreadable", "unknown wave"])
def test_a_replacement_that_is_none_changes_nothing(plan, tmp_path, spoil):
    path = tmp_path / "new.csv"
    contents = {"same": (folder_of(plan, "W2024") / "export.csv").read_bytes(), "empty": b"", "unreadable": b"a\x00b\n"}
    if spoil in contents:
        path.write_bytes(contents[spoil])
    elif spoil == "unknown wave":
        export(path, corrected())
    before = {p: p.read_bytes() for p in folder_of(plan, "W2024").rglob("*") if p.is_file()}
    with pytest.raises(EvaluationError):
        waves.replace(plan, path, "W2031" if spoil == "unknown wave" else "W2024")
    assert {p: p.read_bytes() for p in folder_of(plan, "W2024").rglob("*") if p.is_file()} == before


def test_reports_are_told_that_their_input_moved(plan, tmp_path):
    put(plan, "W2024", answers(seed=1))
    key = keys.study_key()
    files = [folder_of(plan, "W2024") / "export.csv", plan.root / "data_raw" / "codebook.yaml"]
    inputs = {p.relative_to(plan.root).as_posix(): manifest.keyed(key, p.read_bytes()) for p in files}
    for name in ("2026-07-04_W2024", "2026-08-04_W2024"):
        report = plan.root / "reports" / name
        report.mkdir(parents=True)
        (report / "manifest.json").write_text(
            f'{{"report": "{name}", "wave": "W2024", "inputs": {str(inputs).replace(chr(39), chr(34))}}}'
        )
    (plan.root / "releases").mkdir()
    (plan.root / "releases" / "ledger.json").write_text('{"releases": [{"report": "2026-07-04_W2024"}]}')
    assert status.moved(plan) == []
    waves.replace(plan, export(tmp_path / "new.csv", corrected()), "W2024")
    first, second = status.moved(plan)
    assert first.startswith("Released report 2026-07-04_W2024 was made from another export of W2024: say so")
    assert second.startswith("Report 2026-08-04_W2024 was made from another export of W2024: run")
    assert first in status.text(status.status(plan.root / "study.toml", "W2024"))


def test_another_export_without_being_told_to_replace_is_refused_and_says_how(plan, tmp_path):
    with pytest.raises(InputError, match="--replace"):
        waves.add(plan, export(tmp_path / "new.csv", corrected()), "W2024")


# ---- adding is whole or not at all --------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["copyfile", "write_text"])
def test_a_full_disk_leaves_nothing_that_blocks_the_next_try(tmp_path, monkeypatch, at):
    plan = make(tmp_path / "study", waves=("W2022",))
    path = export(tmp_path / "a.csv", answers(seed=1))

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil if at == "copyfile" else copies.Path, at, full)
        with pytest.raises(OSError, match="No space"):
            waves.add(plan, path, "W2024")
    assert not list(folder_of(plan, "W2024").glob(".part-*"))
    other = export(tmp_path / "b.csv", corrected())
    added = waves.add(plan, other, "W2024")
    assert not added.kept
    assert toml(plan)["file"] == "b.csv"


KILLED = """
import os, signal, sys
from pathlib import Path
from evaluation.intake import copies, waves
from evaluation.plan import study
plan, n, seen = study.load(sys.argv[1]), int(sys.argv[3]), []
real = copies.Path.replace
def replace(self, target):
    seen.append(1)
    if len(seen) == n:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
copies.Path.replace = replace
getattr(waves, sys.argv[4])(plan, Path(sys.argv[2]), "W2024")
"""


@pytest.mark.parametrize(("n", "what"), [(1, "add"), (2, "add"), (1, "replace"), (2, "replace"), (3, "replace")])
def test_a_kill_at_any_step_leaves_the_old_wave_or_the_new_one(tmp_path, n, what):
    plan = make(tmp_path / "study", waves=("W2022", "W2024") if what == "replace" else ("W2022",))
    path = export(tmp_path / "a.csv", corrected())
    command = [sys.executable, "-c", KILLED, str(plan.root / "study.toml"), str(path), str(n), what]
    ended = subprocess.run(command, env=os.environ, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    if what == "replace":
        assert waves.check(plan, "W2024") == []
        if toml(plan)["file"] != "a.csv":
            waves.replace(plan, path, "W2024")
        assert len(waves.take_in(plan, "W2024").design) == 63
    else:
        assert not waves.add(plan, path, "W2024").kept
    assert not list(folder_of(plan, "W2024").glob(".part-*"))
    assert HEADINGS
