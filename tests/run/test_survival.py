"""Whatever happens to a run, the last report stands, nothing half-made is left, and the next run works."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys

import pytest
from run_study import fingerprints, finished, planted, run, settled, start, tiny, wait_for

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="watches processes through /proc")
AGAIN = ("run", "--draft", "--fresh", "--date", "2026-07-05")


@pytest.fixture
def made(tmp_path):
    study, notebooks = tiny(tmp_path / "a study, with spaces")
    return study, notebooks, fingerprints(study / "reports")


def untouched(study, before):
    now = fingerprints(study / "reports", skip=(".failed",))
    assert now == before, sorted(now.items() ^ before.items())


def no_traces(study):
    assert settled(study) == []
    for folder in (study / "reports", study / "data_processed"):
        left = [p.name for p in folder.iterdir() if p.name.startswith((".making", ".old", ".latest"))]
        assert left == [], left
    scratch = [p.name for p in (study.parent / "t").iterdir()]
    assert scratch == [], f"left in the temporary folder: {scratch}"


def failures(study):
    return sorted((study / "reports" / ".failed").glob("*")) if (study / "reports" / ".failed").is_dir() else []


def works_again(study):
    good = planted(study.parent / "good")
    done = run(study, *AGAIN, notebooks=good)
    assert done.returncode == 0, done.stderr
    assert os.readlink(study / "reports" / "latest").startswith("2026-07-05")
    assert (study / "reports" / "latest" / "index.html").is_file()
    no_traces(study)


# ---- killed -----------------------------------------------------------------------------------------------------

SLEEPS = 'import pathlib, time\npathlib.Path("../asleep").touch()\ntime.sleep(3600)'
PAUSES = [
    "",
    "run.stage_folders.keep_own",
    "run.publish.publish_report",
    "report.printing.pdf",
    "run.pipeline._manifest",
    "run.folders.place_report",
]


def hears_ctrl_c():
    """Undo what a shell does to a job in the background: it lets Ctrl-C be ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stopped(study, notebooks, pause, number):
    if not pause:
        planted(notebooks, SLEEPS)
    process = start(study, *AGAIN, notebooks=notebooks, pause=pause, preexec_fn=hears_ctrl_c)
    wait_for(study.parent / ("paused" if pause else "asleep"), process)
    process.send_signal(number)
    out, err = finished(process)
    return process.returncode, out, err


def test_killed_in_the_middle_of_a_notebook(made):
    study, notebooks, before = made
    code, _, _ = stopped(study, notebooks, "", signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert settled(study) == [], "the workers of a killed run must not outlive it"
    untouched(study, before)
    works_again(study)


@pytest.mark.slow
@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_stopped_at_any_moment(made, pause, number):
    study, notebooks, before = made
    code, _, err = stopped(study, notebooks, pause, number)
    untouched(study, before)
    if number == signal.SIGKILL:
        assert code == -signal.SIGKILL
        assert settled(study) == []
    else:
        assert code == (130 if number == signal.SIGINT else 128 + number)
        assert "the last report is untouched" in err
        assert "Traceback" not in err
        no_traces(study)
        assert len(failures(study)) == 1
    works_again(study)


@pytest.mark.slow
def test_killed_after_the_report_is_placed_and_before_latest_names_it(made):
    study, notebooks, before = made
    stopped(study, notebooks, "run.folders.point_latest", signal.SIGKILL)
    now = fingerprints(study / "reports")
    assert {k: v for k, v in now.items() if k in before and k != "index.html"} == {
        k: v for k, v in before.items() if k != "index.html"
    }
    placed = study / "reports" / "2026-07-05_W2025"
    assert json.loads((placed / "manifest.json").read_text())["outputs"], "what was placed is whole"
    done = run(study, "run", "--draft", "--date", "2026-07-05", notebooks=notebooks)
    assert done.returncode == 0, done.stderr
    assert "Nothing changed" in done.stdout
    assert os.readlink(study / "reports" / "latest") == "2026-07-05_W2025"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_process_that_writes_the_report_is_killed(made, number):
    study, notebooks, before = made
    process = start(study, *AGAIN, notebooks=notebooks, pause="run.publish.publish_report")
    wait_for(study.parent / "paused", process)
    worker = int((study.parent / "paused").read_text())
    assert worker != process.pid
    os.kill(worker, number)
    _, err = finished(process)
    assert process.returncode == 1
    assert "a process of the run ended (killed, or out of memory)" in err
    assert "Traceback" not in err
    untouched(study, before)
    no_traces(study)
    assert len(failures(study)) == 1
    works_again(study)


# ---- notebooks that fail ----------------------------------------------------------------------------------------

SECRET = "Marjorie Ficklewhistle"
FAILS = {
    "raises": (f'values = ["{SECRET[:8]}" + "{SECRET[8:]}"]\nfloat(values[0])', (), "ValueError"),
    "dies": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", (), "its process died"),
    "hangs": ("import time\ntime.sleep(3600)", ("--cell-seconds", "2"), "ran longer than 2 seconds"),
}


@pytest.mark.parametrize("how", ["raises", *(pytest.param(h, marks=pytest.mark.slow) for h in ("dies", "hangs"))])
def test_a_notebook_that_fails_is_named_with_its_cell_and_nothing_it_printed_is_kept(made, how):
    study, notebooks, before = made
    cell, words, said = FAILS[how]
    planted(notebooks, f'print("{SECRET[:8]}" + "{SECRET[8:]}")', cell)
    done = run(study, *AGAIN, *words, notebooks=notebooks)
    assert done.returncode == 1
    assert re.search(r"notebook 00_what_was_said stopped at code cell \d+", done.stderr), done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    untouched(study, before)
    no_traces(study)
    (kept,) = failures(study)
    failed = json.loads((kept / "00_what_was_said.ipynb").read_text())
    marked = [c for c in failed["cells"] if "failed-here" in c["metadata"].get("tags", [])]
    assert len(marked) == 1
    assert "".join(marked[0]["source"]) == cell
    assert "stopped at code cell" in (kept / "run.log").read_text()
    seen = done.stdout + done.stderr + "".join(p.read_text() for p in kept.iterdir())
    assert SECRET not in seen
    if how != "raises":
        works_again(study)


def test_an_error_nobody_foresaw_does_not_print_its_text(capsys, monkeypatch):
    from evaluation import cli
    from evaluation.plan import study as plan_study

    def broken(_):
        raise ValueError(f"could not convert {SECRET}")

    monkeypatch.setattr(plan_study, "load", broken)
    assert cli.main(["check"]) == 1
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err
    assert "unexpected ValueError" in said.err


# ---- the machine's fault ----------------------------------------------------------------------------------------


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, resource.RLIM_INFINITY))


def no_rights():
    """Give up root's right to write anywhere, so that a folder's mode counts."""
    import ctypes

    ctypes.CDLL(None).prctl(24, 1)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["disk full", "read-only"])
def test_a_disk_that_cannot_be_written(made, what):
    study, notebooks, before = made
    locked = [study / "reports", study / "data_processed"] if what == "read-only" else []
    for folder in locked:
        folder.chmod(0o555)
    try:
        preexec = no_rights if what == "read-only" else small_files
        done = run(study, *AGAIN, notebooks=notebooks, preexec_fn=preexec)
    finally:
        for folder in locked:
            folder.chmod(0o755)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert ("File too large" if what == "disk full" else "Permission denied") in done.stderr
    untouched(study, before)
    no_traces(study)
    works_again(study)


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("free", [0, 20, 60])
def test_a_disk_with_no_space_left(small_disk, free):
    """Study, reports and temporary folder stand on a file system with `free` KiB left: it fills early, or midway."""
    study, notebooks = tiny(small_disk / "a study, with spaces")
    before = fingerprints(study / "reports")
    stuffing = small_disk / "stuffing"
    with stuffing.open("wb") as file:
        file.write(b"x" * max(0, shutil.disk_usage(small_disk).free - free * 1024))
    done = run(study, *AGAIN, notebooks=notebooks)
    stuffing.unlink()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "No space left" in done.stderr or "00_" in done.stderr, done.stderr
    untouched(study, before)
    no_traces(study)
    works_again(study)


def test_a_second_run_is_refused_while_one_is_under_way(made):
    study, notebooks, before = made
    planted(notebooks, SLEEPS)
    first = start(study, *AGAIN, notebooks=notebooks)
    wait_for(study.parent / "asleep", first)
    second = run(study, *AGAIN, notebooks=planted(study.parent / "good"))
    assert second.returncode == 1
    assert "another run of this study is under way. Wait for its end" in second.stderr
    assert first.poll() is None
    first.terminate()
    finished(first)
    untouched(study, before)
    works_again(study)


@pytest.mark.slow
def test_same_day_twice_and_a_clock_set_back(made):
    study, notebooks, before = made
    again = run(study, "run", "--draft", "--fresh", "--date", "2026-07-04", notebooks=notebooks)
    assert again.returncode == 0, again.stderr
    assert os.readlink(study / "reports" / "latest") == "2026-07-04_W2025_2"
    epoch = {"SOURCE_DATE_EPOCH": "1751328000"}  # 1 July 2025, a year before the last report
    back = run(study, "run", "--draft", "--fresh", notebooks=notebooks, env=epoch)
    assert back.returncode == 0, back.stderr
    assert os.readlink(study / "reports" / "latest") == "2025-07-01_W2025"
    said = json.loads(run(study, "status", "--json", notebooks=notebooks).stdout)
    assert said["last_report"] == "2025-07-01_W2025", "the last report is the one made last, whatever its date"
    unchanged = run(study, "run", "--draft", notebooks=notebooks, env=epoch)
    assert "Nothing changed" in unchanged.stdout
    old = {k: v for k, v in before.items() if k.startswith("2026-07-04_W2025/")}
    assert {k: fingerprints(study / "reports")[k] for k in old} == old


@pytest.mark.slow
@pytest.mark.parametrize(
    "env",
    [
        {"HOME": None, "XDG_DATA_HOME": None},
        {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=["no home", "LANG=C"],
)
def test_a_bare_environment(made, env):
    study, notebooks, _ = made
    plain = run(study, *AGAIN, notebooks=notebooks, env=env)
    assert plain.returncode == 0, plain.stderr
    pages = [p for p in fingerprints(study / "reports" / "2026-07-05_W2025") if p.endswith((".html", ".csv", ".svg"))]
    shutil.rmtree(study / "reports" / "2026-07-05_W2025")
    usual = run(study, *AGAIN, notebooks=notebooks)
    assert usual.returncode == 0, usual.stderr
    assert [p for p in fingerprints(study / "reports" / "2026-07-05_W2025") if p in pages] == pages


def test_no_home_and_no_key_file_is_said_before_anything_is_written(made):
    study, notebooks, before = made
    done = run(
        study, *AGAIN, notebooks=notebooks, env={"HOME": None, "XDG_DATA_HOME": None, "EVALUATION_KEY_FILE": None}
    )
    assert done.returncode == 2
    assert "EVALUATION_KEY_FILE" in done.stderr
    assert fingerprints(study / "reports") == before
    no_traces(study)


def test_the_folders_of_a_killed_run_are_cleared_and_those_of_a_running_one_are_not(tmp_path):
    from evaluation.run import folders

    dead, alive = tmp_path / "ev-dead", tmp_path / "ev-alive"
    dead.mkdir()
    alive.mkdir()
    handle = folders.hold(alive)
    folders.clear_abandoned(tmp_path, "ev-")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ev-alive"]
    os.close(handle)
    folders.clear_abandoned(tmp_path, "ev-")
    assert list(tmp_path.iterdir()) == []
