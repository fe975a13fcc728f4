"""What a run costs: CPU of the whole process tree, wall time and memory, against a floor and the plain command line.

python -m benchmarks.run_cost [--fewer]

Everything is measured in one sitting on a copy of the shipped study. Processes that their parent does not wait for (a
browser's) fall to this one, which waits for them, so that none is left out:

- floor: the stack imported once and the code of all notebooks as one plain script, no page made;
- full run: `evaluation run --fresh --draft` (notebooks, report, PDFs where Chromium is found);
- full run without PDFs: the same with no Chromium;
- unchanged: the same command again, without --fresh;
- plain loop: `papermill` and `jupyter nbconvert --to html` for each notebook (left out with --fewer).
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
from pathlib import Path

from benchmarks import tables

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
STACK = "import numpy, pandas, scipy.stats, scipy.optimize, matplotlib.pyplot, seaborn, statsmodels.api"


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


def script_of(folder: Path) -> Path:
    """Write the code of all notebooks as one script, in order."""
    lines = [STACK, "import os"]
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        lines += ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    script = folder / "floor.py"
    script.write_text("\n\n".join(lines), "utf-8")
    return script


def study_copy(home: Path) -> Path:
    """Copy the shipped study."""
    study = home / "study"
    study.mkdir()
    for name in ("data_raw", "plans"):
        shutil.copytree(ROOT / name, study / name)
    shutil.copy(ROOT / "study.toml", study)
    return study


def environment(home: Path, **more: str) -> dict[str, str]:
    pinned = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **pinned, "EVALUATION_KEY_FILE": str(home / "key"), "TMPDIR": str(home), **more}


def staged(home: Path, name: str) -> dict[str, str]:
    stage = home / name
    stage.mkdir(mode=0o700)
    return environment(home, EVALUATION_STAGE=str(stage), EVALUATION_DRAFT="1", MPLBACKEND="agg")


def plain_loop(study: Path, home: Path) -> dict[str, float]:
    """Measure papermill and nbconvert, one process after the other for each notebook."""
    env, total = staged(home, "loop"), {"cpu": 0.0, "wall": 0.0}
    for path in NOTEBOOKS:
        out = home / path.name
        for command in (
            [sys.executable, "-m", "papermill", str(path), str(out), "--cwd", str(study), "--no-progress-bar"],
            [sys.executable, "-m", "nbconvert", "--to", "html", str(out)],
        ):
            one = measured(command, study, env, memory=False)
            total = {k: total[k] + one[k] for k in total}
    return total


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--fewer", action="store_true", help="leave out the plain loop")
    asked = words.parse_args()
    adopt()
    run = [sys.executable, "-m", "evaluation.cli", "run", "--draft", "--date", "2026-07-04"]
    with tempfile.TemporaryDirectory(prefix="cost-") as place:
        home = Path(place)
        study = study_copy(home)
        rows = {
            "`evaluation --help`": measured(
                [sys.executable, "-m", "evaluation.cli", "--help"], home, dict(os.environ), memory=False
            )
        }
        floor = measured([sys.executable, str(script_of(home))], study, staged(home, "floor"))
        rows["floor: all notebooks as one script"] = floor
        bare = environment(home, EVALUATION_CHROMIUM="")
        rows["full run, no PDFs"] = measured([*run, "--fresh"], study, bare)
        rows["full run, with PDFs where Chromium is found"] = measured([*run, "--fresh"], study, environment(home))
        rows["nothing changed"] = measured(run, study, environment(home), memory=False)
        if not asked.fewer:
            rows["plain loop: papermill, then nbconvert, for each notebook"] = plain_loop(study, home)
    header = ["What", "CPU s", "times the floor", "wall s", "peak memory, GiB"]
    body = [
        [
            n,
            f"{r['cpu']:.2f}",
            f"{r['cpu'] / floor['cpu']:.2f}",
            f"{r['wall']:.1f}",
            f"{r['peak'] / 2**30:.2f}" if "peak" in r else "",
        ]
        for n, r in rows.items()
    ]
    text = tables.markdown(header, body)
    print(text)
    if not asked.fewer:
        tables.write("methods/running.md", "run-cost", text)


if __name__ == "__main__":
    main()
