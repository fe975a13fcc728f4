"""CPU seconds of raking and of estimates after raking, beside R's survey in the same sitting; R is optional.

Run `python -m benchmarks.speed_survey`: prints the table and, where R and its survey package are found, writes it into
docs/methods/survey.md. Each number is the least of a few repeats in one process and one thread.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import tables
from benchmarks.parity_survey import SHARES
from evaluation.statistics import survey, weighting

POPULATION = 1_000_000
BARS = {"rake": 0.1, "means": 0.05, "glm": 0.02}
WORDS = {
    "rake": "raking four margins",
    "means": "means of ten domains after raking",
    "glm": "gaussian glm after raking",
}
CASES = ((10_000, ("rake", "means", "glm")), (100_000, ("rake", "means", "glm")), (1_000_000, ("rake",)))
MOST_MIB = 1024


def frame(n: int) -> pd.DataFrame:
    """Return people whose shares differ from the margins."""
    rng = np.random.default_rng(n)
    columns = {}
    for name, shares in SHARES.items():
        levels = [level.replace("Not stated", "Other") for level in shares]
        p = np.array(list(shares.values())) * rng.uniform(0.6, 1.6, len(levels))
        columns[name] = rng.choice(levels, n, p=p / p.sum())
    made = pd.DataFrame(columns)
    made["domain"] = rng.choice([f"d{i}" for i in range(10)], n)
    made["y"] = rng.normal(size=n) + (made["sex"] == "F") * 0.3
    return made


def margins() -> dict[str, pd.Series]:
    """Return the four margins."""
    return {k: pd.Series(v).rename({"Not stated": "Other"}) * POPULATION for k, v in SHARES.items()}


def least(work: Callable[[], object], times: int = 5) -> float:
    """Return the least CPU seconds of a few repeats."""
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def ours(people: pd.DataFrame, tasks: tuple[str, ...]) -> dict[str, float]:
    """Return CPU seconds of each task."""
    target = margins()
    found = {"rake": least(lambda: weighting.rake(people, target, tolerance=1e-9))}
    if set(tasks) > {"rake"}:
        raked = weighting.rake(people, target, tolerance=1e-9)
        found["means"] = least(lambda: survey.mean(survey.Design(people, weight=raked), "y", by="domain"))
        found["glm"] = least(lambda: survey.glm(survey.Design(people, weight=raked), "y ~ sex + age + ethnicity"))
    return found


def peer(people: pd.DataFrame, tasks: tuple[str, ...]) -> dict[str, float]:
    """Return CPU seconds of R's survey, or nothing where R or the package is absent."""
    if shutil.which("Rscript") is None:
        return {}
    script = Path(__file__).with_suffix(".R")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "people.csv"
        people.to_csv(file, index=False)
        times = "3" if len(people) < 100_000 else "1"
        done = subprocess.run(
            ["Rscript", str(script), str(file), ",".join(tasks), times], capture_output=True, text=True, check=False
        )
    lines = [line.split() for line in done.stdout.splitlines()]
    return {name: float(value) for name, value in lines} if done.returncode == 0 else {}


def memory() -> float:
    """Return the most memory, in MiB, of a process that makes a million people and rakes them."""
    code = "from benchmarks import speed_survey as s; s.peak()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def peak() -> None:
    """Print this process's most memory, in MiB, after raking a million people."""
    people = frame(1_000_000)
    weighting.rake(people, margins(), tolerance=1e-9)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2))


def main() -> None:
    """Print the table, and write it where R was there to be timed."""
    rows = []
    for n, tasks in CASES:
        people = frame(n)
        mine, other = ours(people, tasks), peer(people, tasks)
        for task in tasks:
            theirs = other.get(task)
            ratio = f"{mine[task] / theirs:.3f}" if theirs else "R not found"
            rows.append(
                (
                    WORDS[task],
                    f"{n:,}",
                    f"{mine[task]:.4f}",
                    f"{theirs:.3f}" if theirs else "",
                    ratio,
                    f"{BARS[task]:g}",
                )
            )
            print(*rows[-1], sep=" | ", flush=True)
    most = memory()
    print(f"raking 1,000,000 people takes {most:.0f} MiB at most (bar {MOST_MIB})")
    if any(r[3] for r in rows):
        text = tables.markdown(("Task", "People", "Here, CPU s", "R, CPU s", "Ratio", "Bar"), rows)
        said = (
            "CPU seconds in one sitting, one thread, least of a few repeats; making the design is counted here and not "
            f"in R. Raking a million people, the making of them included, takes {most:.0f} MiB at most (bar "
            f"{MOST_MIB}). Made by `python -m benchmarks.speed_survey`."
        )
        tables.write("methods/survey.md", "speed", f"{said}\n\n{text}")


if __name__ == "__main__":
    if os.environ.get("OMP_NUM_THREADS") == "1":
        main()
    else:
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        subprocess.run([sys.executable, "-m", "benchmarks.speed_survey"], env=os.environ | one, check=True)
