"""Runs of the command in processes of their own: on a small study, with the real notebooks or planted ones."""

import atexit
import contextlib
import fcntl
import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import intake_study

ROOT = Path(__file__).parents[2]
PARAMETERS = 'study_file = "study.toml"\nwave = ""'
PUBLISHES = """from evaluation import report
from evaluation.exhibit import Exhibit, Item, Text
from evaluation.plan import study
plan = study.load(study_file)
report.publish(plan, wave, Exhibit("tiny.words", "What was said", (Item("Row", "Said", Text("tiny.said", "something")),)))"""
RUNNER = Path(__file__).with_name("run_command.py")


def notebook(path, *cells):
    """Write a notebook: a title, the parameters cell, the cells given, and an answer."""

    def code(source, tags=()):
        about = {"tags": list(tags)} if tags else {}
        id = hashlib.sha256(source.encode()).hexdigest()[:8]
        return {
            "cell_type": "code",
            "id": id,
            "metadata": about,
            "execution_count": None,
            "outputs": [],
            "source": source,
        }

    title = {
        "cell_type": "markdown",
        "id": "title",
        "metadata": {},
        "source": "# What was said?\n\n**Why it matters.**",
    }
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    body = [title, code(PARAMETERS, ["parameters"]), *(code(c) for c in cells)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": body, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    return path


def planted(folder, *cells):
    """Return a folder of one notebook that publishes a word, after the cells given."""
    notebook(folder / "00_what_was_said.ipynb", *cells, PUBLISHES)
    return folder


def short_name_of(folder):
    """Return a short name for a folder, which is made: sockets lie in it, and their names may have 107 signs at most."""
    folder.mkdir(exist_ok=True)
    name = Path(tempfile.gettempdir()) / f"e{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    if not name.is_symlink():
        name.symlink_to(folder)
        atexit.register(name.unlink, missing_ok=True)
    return name


def environment(study, **more):
    """Return the environment of a run: a key and a temporary folder of the study's own."""
    scratch = short_name_of(study.parent / "t")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("EVALUATION", "SOURCE_DATE"))}
    env |= {"TMPDIR": str(scratch), "EVALUATION_KEY_FILE": str(study.parent / "key")}
    return {k: v for k, v in (env | more).items() if v is not None}


def start(study, *words, notebooks="", pause="", env=None, cwd=None, **options):
    """Start the command on a study; with `pause`, it stops for an hour at a function of the package."""
    marker = study.parent / "paused"
    marker.unlink(missing_ok=True)
    command = [sys.executable, str(RUNNER), str(notebooks), pause, str(marker), *map(str, words)]
    return subprocess.Popen(
        command,
        cwd=cwd or study,
        env=environment(study, **(env or {})),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def run(study, *words, **options):
    """Run the command to its end; the result has `returncode`, `stdout` and `stderr`."""
    process = start(study, *words, **options)
    out, err = finished(process)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def shared(tmp_path_factory, name, build):
    """Return what `build(folder)` made, and its folder: once for all workers of a test run, behind a lock.

    What is made has to survive pickling.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"shared-{name}"
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = folder / ".made"
        if not kept.exists():
            kept.write_bytes(pickle.dumps(build(folder)))
        return pickle.loads(kept.read_bytes()), folder


def tree(pid):
    """Return the CPU time of a process and of all below it, in clock ticks: what it has got done so far."""
    parents, ticks = {}, {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            fields = (place / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(place.name)] = int(fields[1])
        ticks[int(place.name)] = sum(int(x) for x in fields[11:15])
    below = {pid}
    while more := {p for p, above in parents.items() if above in below} - below:
        below |= more
    return sum(ticks.get(p, 0) for p in below)


IDLE = 300  # seconds in which a process that is not stuck gets at least one tick of CPU, however busy the machine is


def progress(process, done, idle=IDLE):
    """Wait until `done()`; give up on a process that ended, or that got no CPU time at all for `idle` seconds."""
    last, since = -1, time.monotonic()
    while not done():
        now = tree(process.pid)
        if now != last:
            last, since = now, time.monotonic()
        if process.poll() is not None and not done():
            raise AssertionError(f"it ended too early: {process.communicate()}")
        if time.monotonic() - since > idle:
            process.kill()
            raise AssertionError(f"it stands still: {process.communicate()}")
        time.sleep(0.05)


def finished(process):
    """Return what a process said once it has ended, however long it takes while it gets on."""
    got = {}
    reader = threading.Thread(target=lambda: got.update(said=process.communicate()), daemon=True)
    reader.start()
    last, since = -1, time.monotonic()
    while reader.is_alive():
        reader.join(0.2)
        now = tree(process.pid)
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > IDLE:
            process.kill()
            reader.join()
            raise AssertionError(f"it stands still: {got['said']}")
    return got["said"]


def wait_for(path, process):
    """Wait until a file is there; end the process that should have made it when it stands still."""
    progress(process, path.exists)


def pids_in(study):
    """Return the processes that work in or below the study's folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if place.name != str(os.getpid()) and (place / "cwd").resolve().is_relative_to(study.resolve()):
                found.append(int(place.name))
        except OSError:
            continue
    return found


def left_running(study):
    """Return the command lines of the processes that still work in or below the study's folder."""
    found = []
    for pid in pids_in(study):
        with contextlib.suppress(OSError):
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def settled(study):
    """Wait until nothing of a run is left running, as long as fewer and fewer are or they get on; return what is."""
    last, since = None, time.monotonic()
    while left := left_running(study):
        now = (left, sum(tree(pid) for pid in pids_in(study)))
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > 60:
            break
        time.sleep(0.1)
    return left


def fingerprints(folder, skip=()):
    """Return the hash of each file below a folder by path, and where each link points."""
    out = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.split("/")[0] in skip or name.startswith(".making-"):
            continue
        if path.is_symlink():
            out[name] = os.readlink(path)
        elif path.is_file():
            out[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return out


MADE = {}


def tiny(folder):
    """Return a study of sixty people with one report from a planted notebook, and the notebook's folder."""
    if "tiny" not in MADE:
        home = Path(tempfile.mkdtemp(prefix="tiny-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        intake_study.make(home / "study")
        shutil.copytree(ROOT / "data_raw" / "population", home / "study" / "data_raw" / "population")
        planted(home / "notebooks")
        done = run(home / "study", "run", "--draft", "--date", "2026-07-04", notebooks=home / "notebooks")
        assert done.returncode == 0, done.stderr
        MADE["tiny"] = home
    home = MADE["tiny"]
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(home / "study", folder / "study", symlinks=True)
    shutil.copytree(home / "notebooks", folder / "notebooks")
    shutil.copy(home / "key", folder / "key")
    return folder / "study", folder / "notebooks"


def small_report(tmp_path_factory):
    """Return what a run of the small study said, and the study's folder: made once for all tests."""

    def build(folder):
        return run(small(folder / "run" / "study"), "run", "--draft", "--date", "2026-07-04")

    done, folder = shared(tmp_path_factory, "run", build)
    assert done.returncode == 0, done.stderr
    return folder / "run" / "study", done


SIZES = """[sizes]
W2022 = 220
W2024 = 320
W2025 = 340
boost_W2024 = 30
boost_W2025 = 45
linked = 100
"""


def small(folder):
    """Return the folder of a small synthetic study with a known truth, as `evaluation synthesise` makes it."""
    from evaluation import synthetic

    folder.mkdir(parents=True)
    (folder.parent / "truth.toml").write_text(SIZES)
    synthetic.make(folder.parent / "truth.toml", folder)
    plan = (ROOT / "study.toml").read_text()
    for long, short in (
        ("bootstrap_draws = 199", "bootstrap_draws = 19"),
        ("placebo_draws = 200", "placebo_draws = 20"),
    ):
        assert long in plan
        plan = plan.replace(long, short)
    (folder / "study.toml").write_text(plan)
    return folder
