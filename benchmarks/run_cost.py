"""What a run costs: CPU of the whole process tree, against an earlier commit, a floor and the plain command line.

python -m benchmarks.run_cost [--before CHECKOUT PYTHON] [--times N] [--fewer]

CHECKOUT is a worktree of the earlier commit and PYTHON the Python of its own environment:

    git worktree add ../before 7efa78d && make -C ../before .venv/.ready
    python -m benchmarks.run_cost --before ../before ../before/.venv/bin/python

Each thing is measured for both commits in turn, N times, and the least CPU is kept: what else a machine does only adds.
Everything runs on copies of the shipped study. Processes that their parent does not wait for (the fork server, a
browser's) fall to this one, which waits for them, so that none is left out.

- floor: the stack imported once and the code of all notebooks as one plain script, no page made;
- full run: `evaluation run --fresh --draft` (notebooks, report, four PDFs);
- nothing changed: the same command again, without --fresh;
- papermill loop, nbconvert loop: `papermill`, then `jupyter nbconvert --to html`, one command for each notebook (left
  out with --fewer).
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import tables

ROOT = Path(__file__).resolve().parents[1]
STACK = "import numpy, pandas, scipy.stats, scipy.optimize, matplotlib.pyplot, seaborn, statsmodels.api"
RUN = ("-m", "evaluation.cli", "run", "--draft", "--date", "2026-07-04")
Cost = dict[str, float]


@dataclass(slots=True)
class Commit:
    """One commit to measure: its checkout, its Python, a folder for its study and what it writes."""

    root: Path
    python: str
    home: Path
    costs: dict[str, Cost] = field(default_factory=dict)

    @property
    def notebooks(self) -> list[Path]:
        return sorted((self.root / "notebooks").glob("[0-9][0-9]_*.ipynb"))

    @property
    def study(self) -> Path:
        return self.home / "study"


def cpu() -> float:
    """Return the CPU seconds of all descendants that ended and were waited for."""
    times = os.times()
    return times.children_user + times.children_system


def adopt() -> None:
    """Let descendants whose parent ended fall to this process (Linux)."""
    if sys.platform.startswith("linux"):
        set_child_subreaper = 36
        ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def wait_for_all() -> None:
    """Wait for every descendant that fell to this process."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def memory_of(group: int) -> int:
    """Return the proportional memory, in bytes, of a process and its descendants."""
    parents, total = {}, 0
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(place.name)] = int((place / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError, ValueError):
            continue
    wanted = {group}
    while True:
        more = {pid for pid, parent in parents.items() if parent in wanted} - wanted
        if not more:
            break
        wanted |= more
    for pid in wanted:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def measured(command: list[str], folder: Path, env: dict[str, str], *, memory: bool = True) -> dict[str, float]:
    """Run a command and return its CPU and wall seconds; then again for the peak of its memory (bytes).

    Looking at the memory of processes holds them up, so it is not done while time is taken.
    """
    before, began = cpu(), time.monotonic()
    _ended(_started(command, folder, env), command)
    took = {"cpu": cpu() - before, "wall": time.monotonic() - began}
    if not memory:
        return took
    process, ended, peak = _started(command, folder, env), threading.Event(), [0]

    def sample() -> None:
        while not ended.wait(0.5):
            peak[0] = max(peak[0], memory_of(process.pid))

    watcher = threading.Thread(target=sample)
    watcher.start()
    _ended(process, command)
    ended.set()
    watcher.join()
    return took | {"peak": float(peak[0])}


def _started(command: list[str], folder: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _ended(process: subprocess.Popen[str], command: list[str]) -> None:
    """Wait for a command and for all that it started."""
    _, error = process.communicate()
    wait_for_all()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)[:200]} failed:\n{error[-2000:]}")


def prepared(root: Path, python: str, home: Path) -> Commit:
    """Copy the commit's shipped study, and write the code of its notebooks as one script."""
    commit = Commit(root.resolve(), python, home)
    commit.study.mkdir(parents=True)
    for name in ("data_raw", "plans"):
        shutil.copytree(root / name, commit.study / name)
    shutil.copy(root / "study.toml", commit.study)
    lines = [STACK, "import os"]
    for path in commit.notebooks:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        lines += ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    (home / "floor.py").write_text("\n\n".join(lines), "utf-8")
    return commit


def environment(commit: Commit, **more: str) -> dict[str, str]:
    pinned = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "EVALUATION"))}
    key = str(commit.home / "key")
    return {**inherited, **pinned, "EVALUATION_KEY_FILE": key, "TMPDIR": str(commit.home), **more}


def staged(commit: Commit, name: str) -> dict[str, str]:
    stage = Path(tempfile.mkdtemp(prefix=name, dir=commit.home))
    return environment(commit, EVALUATION_STAGE=str(stage), EVALUATION_DRAFT="1", MPLBACKEND="agg")


def help_text(commit: Commit) -> Cost:
    return measured([commit.python, "-m", "evaluation.cli", "--help"], commit.home, environment(commit), memory=False)


def floor(commit: Commit) -> Cost:
    return measured([commit.python, str(commit.home / "floor.py")], commit.study, staged(commit, "floor"), memory=False)


def full_run(commit: Commit) -> Cost:
    first = "full run, four PDFs" not in commit.costs
    return measured([commit.python, *RUN, "--fresh"], commit.study, environment(commit), memory=first)


def unchanged(commit: Commit) -> Cost:
    return measured([commit.python, *RUN], commit.study, environment(commit), memory=False)


def papermill_loop(commit: Commit) -> Cost:
    words = ["--cwd", str(commit.study), "--no-progress-bar"]
    pairs = [["papermill", str(p), str(commit.home / p.name), *words] for p in commit.notebooks]
    return _loop(commit, pairs)


def nbconvert_loop(commit: Commit) -> Cost:
    return _loop(commit, [["nbconvert", "--to", "html", str(commit.home / p.name)] for p in commit.notebooks])


def _loop(commit: Commit, commands: list[list[str]]) -> Cost:
    """Measure commands, one process after the other."""
    env, total = staged(commit, "loop"), {"cpu": 0.0, "wall": 0.0}
    for words in commands:
        one = measured([commit.python, "-m", *words], commit.study, env, memory=False)
        total = {k: total[k] + one[k] for k in total}
    return total


KINDS: dict[str, Callable[[Commit], Cost]] = {
    "`evaluation --help`": help_text,
    "floor: all notebooks as one script": floor,
    "full run, four PDFs": full_run,
    "nothing changed": unchanged,
    "plain papermill loop": papermill_loop,
    "plain nbconvert loop": nbconvert_loop,
}
FLOOR = "floor: all notebooks as one script"


def measure(commits: Sequence[Commit], times: int, *, fewer: bool) -> None:
    """Measure everything for each commit in turn; keep the smallest CPU and wall, and the peak."""
    for name, kind in KINDS.items():
        loop = "loop" in name
        for _ in range(1 if loop else times):
            for commit in () if loop and fewer else commits[:1] if loop else commits:
                took, kept = kind(commit), commit.costs.get(name, {})
                commit.costs[name] = {k: min(took.get(k, v), v) for k, v in kept.items()} if kept else took
                print(f"{name}: {commit.root.name}, {took['cpu']:.2f} CPU s", file=sys.stderr, flush=True)


def table(now: Commit, before: Commit | None) -> str:
    """Return all costs and ratios as one table."""
    header = ["What", "CPU s", "times the floor", "wall s", "peak memory, GiB"]
    header += ["CPU s, before", "now / before"] if before else []
    body = []
    for name, cost in now.costs.items():
        peak = f"{cost['peak'] / 2**30:.2f}" if "peak" in cost else ""
        row = [name, f"{cost['cpu']:.2f}", f"{cost['cpu'] / now.costs[FLOOR]['cpu']:.2f}", f"{cost['wall']:.1f}", peak]
        old = before.costs.get(name) if before else None
        ratio = [f"{old['cpu']:.2f}", f"{cost['cpu'] / old['cpu']:.2f}"] if old else ["", ""]
        body.append(row + (ratio if before else []))
    return tables.markdown(header, body)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--before", nargs=2, metavar=("CHECKOUT", "PYTHON"), help="an earlier commit to hold against")
    words.add_argument("--times", type=int, default=3, metavar="N", help="how often each thing is measured (3)")
    words.add_argument("--fewer", action="store_true", help="leave out the plain loops")
    asked = words.parse_args()
    adopt()
    with tempfile.TemporaryDirectory(prefix="cost-") as place:
        now = prepared(ROOT, sys.executable, Path(place) / "now")
        before = prepared(Path(asked.before[0]), asked.before[1], Path(place) / "before") if asked.before else None
        measure([now, before] if before else [now], asked.times, fewer=asked.fewer)
    text = table(now, before)
    print(text)
    if not asked.fewer:
        tables.write("methods/running.md", "run-cost", text)


if __name__ == "__main__":
    main()
