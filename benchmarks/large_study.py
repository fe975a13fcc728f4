"""Where time and memory go as a study grows by tens: intake, weighting, matching and effects of one wave.

python -m benchmarks.large_study [--to 1000000]

Up to 20,000 people are drawn from the synthetic truth; larger waves repeat them under new respondent numbers and
sessions. Each size runs in a process of its own on one core, so that its peak memory is its own. Making the export is
not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import tables
from evaluation import synthetic
from evaluation.analysis import arms, comparison, population_weights
from evaluation.intake import waves
from evaluation.plan import codebook, study
from evaluation.statistics import effects
from evaluation.synthetic import exports

ROOT = Path(__file__).resolve().parents[1]
WAVE, MOST_DRAWN = "W2025", 20_000


def make(folder: Path, n: int) -> study.Plan:
    """Write a study whose last wave has `n` people; return its plan."""
    raw = folder / "data_raw"
    shutil.copytree(ROOT / "data_raw" / "population", raw / "population")
    shutil.copytree(ROOT / "data_raw" / "registers", raw / "registers")
    shutil.copy(ROOT / "data_raw" / "codebook.yaml", raw)
    shutil.copy(ROOT / "study.toml", folder)
    truth, drawn = synthetic.read_truth(None), min(n, MOST_DRAWN)
    truth["sizes"] |= {
        "W2022": 300,
        "W2024": 300,
        WAVE: drawn - drawn // 8,
        "boost_W2024": 20,
        f"boost_{WAVE}": drawn // 8,
        "linked": 20,
    }
    truth["sampling"] |= {f"sessions_{WAVE}": max(36, drawn // 60)}
    frames = synthetic.draw(truth, pd.read_csv(raw / "population" / "margins.csv"), seed=truth["seed"])
    frames[WAVE] = repeated(frames[WAVE], n)
    exports.write(frames, codebook.load(raw / "codebook.yaml"), raw / "waves")
    return study.load(folder / "study.toml")


def repeated(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    """Return `n` rows: the frame again and again, each time under new respondent numbers, sessions and link codes."""
    times = -(-n // len(frame))
    turn = np.repeat(np.arange(times), len(frame))[:n]
    out = pd.concat([frame] * times, ignore_index=True).iloc[:n].copy()
    for name in ("session_id", "link_code"):
        if name in out:
            known = out[name].notna() & (out[name].astype(str) != "")
            out.loc[known, name] = out.loc[known, name].astype(str) + "x" + turn[known.to_numpy()].astype(str)
    out["resp_id"] = [f"{k:08d}" for k in range(n)]
    return out


def measure(n: int) -> list[dict[str, Any]]:
    """Return one row per step: CPU and wall seconds, and the peak memory of the process by then."""
    rows: list[dict[str, Any]] = []

    def step(name: str, function: Callable[[], Any]) -> Any:
        cpu, wall = time.process_time(), time.monotonic()
        out = function()
        rows.append(
            {
                "n": n,
                "step": name,
                "cpu": time.process_time() - cpu,
                "wall": time.monotonic() - wall,
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
        return out

    with tempfile.TemporaryDirectory(prefix="large-") as place:
        os.environ["EVALUATION_KEY_FILE"] = str(Path(place) / "key")
        plan = make(Path(place), n)
        taken = step("intake", lambda: waves.take_in(plan, WAVE, draft=True))
        people, margins = taken.design, waves.margins(plan)
        step("weighting", lambda: population_weights.by_wave(plan, people, margins))
        months = arms.event_months(plan, waves.register(plan, plan.treatment.register_name))
        arm = arms.arms(plan, people, months)
        compare = step("scores", lambda: comparison.prepare(plan, WAVE, people, arm, margins))
        sample = step("matching", lambda: comparison.match(plan, WAVE, compare))
        step("effects", lambda: estimate(plan, compare, sample, taken.outcomes))
    return rows


def estimate(plan: study.Plan, compare: Any, sample: Any, outcomes: pd.DataFrame) -> Any:
    """Return the effect on the primary outcome among matched people who answered it."""
    frame = compare.people.assign(outcome=outcomes[plan.outcomes.primary].reindex(compare.people.index).astype(float))
    assert compare.refusal is None
    assert len(sample.pairs) > 0
    kept = frame["outcome"].notna()
    return effects.in_sample(
        frame[kept],
        sample,
        outcome="outcome",
        treat="treated",
        covariates=compare.covariates,
        cluster="session",
        survey_weight=comparison.COMPARISON_WEIGHT,
    )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--to", type=int, default=1_000_000, help="largest number of respondents")
    words.add_argument("--one", type=int, default=0, help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.one)))
        return
    rows, n = [], 1_000
    while n <= asked.to:
        command = [sys.executable, "-m", "benchmarks.large_study", "--one", str(n)]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            print(done.stderr[-3000:], file=sys.stderr)
            break
        rows += json.loads(done.stdout.splitlines()[-1])
        print(f"{n:,} done", flush=True)
        n *= 10
    body = [[f"{r['n']:,}", r["step"], f"{r['cpu']:.2f}", f"{r['wall']:.2f}", f"{r['peak'] / 2**30:.2f}"] for r in rows]
    text = tables.markdown(["Respondents", "Step", "CPU s", "wall s", "peak memory so far, GiB"], body)
    print(text)
    tables.write("methods/running.md", "large-study", text)


if __name__ == "__main__":
    main()
