"""CPU seconds of matching, weighting and the bootstrap through every step, against the bars of the plan of work.

Run as `python -m benchmarks.speed_matching` on one core (OMP_NUM_THREADS=1). The best of three runs counts: other work
on the machine only ever adds. MatchIt and WeightIt cannot be installed beside this project; their seconds are those
measured on the same kind of machine when the bars were set.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import tables
from evaluation.statistics import effects, matching, propensity, weighting
from evaluation.statistics.effects import bootstrap

COVARIATES = ["age", "years", "group", "woman", "poor"]


def people(n: int, seed: int = 5, share: float = -2.5) -> pd.DataFrame:
    """Return `n` people, about one in ten attending, with a survey weight and a session."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(45, 15, n),
            "years": rng.gamma(2, 10, n),
            "group": rng.choice(["a", "b", "c"], n, p=[0.7, 0.2, 0.1]),
            "woman": rng.integers(0, 2, n).astype(float),
            "poor": rng.normal(0, 1, n),
            "w": rng.gamma(4, 0.25, n) + 0.05,
            "session": rng.integers(0, 40, n),
        }
    )
    odds = share + 0.02 * (frame["age"] - 45) + 0.6 * (frame["group"] == "b") + 0.3 * frame["poor"]
    frame["t"] = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int)
    frame["y"] = 3 + 0.2 * frame["t"] + 0.3 * frame["poor"] + rng.normal(0, 1, n)
    return frame


def cpu(function: Callable[[], Any], times: int = 3) -> float:
    """Return the least CPU seconds of some runs."""
    found = []
    for _ in range(times):
        start = time.process_time()
        function()
        found.append(time.process_time() - start)
    return min(found)


def raked(margins: dict[str, pd.Series], frame: pd.DataFrame, times: str) -> pd.Series:
    """Return survey weights of drawn people: attendees 1, the others raked among themselves, counts as base weights."""
    out = pd.Series(1.0, index=frame.index)
    others = frame[frame["t"] == 0]
    made = weighting.rake(others, margins, base_weight=others[times].astype(float)).values
    made = made / others[times]
    out[others.index] = made * (others[times].sum() / (made * others[times]).sum())
    return out


def bootstrap_of(n: int, draws: int, method: str) -> Callable[[], Any]:
    """Return a run of the whole pipeline's bootstrap: rake, score, weight, estimate, in each draw."""
    frame = people(n, share=-1.6).assign(
        band=lambda d: pd.cut(d["age"], [-99, 30, 45, 60, 199], labels=list("abcd")).astype(str)
    )
    margins = {c: frame[c].value_counts(normalize=True).sort_index() * 1000 for c in ("group", "band")}
    return partial(
        effects.bootstrap,
        frame,
        outcome="y",
        treat="t",
        covariates=COVARIATES,
        cluster="session",
        draws=draws,
        seed=1,
        method=method,
        reweigh=partial(raked, margins),
    )


def main() -> None:
    """Time everything and write the table."""
    rows: list[tuple[object, ...]] = []
    for n, bar, peer in ((10_000, "", "0.025"), (100_000, "0.25", "0.50"), (1_000_000, "5", "")):
        frame = people(n)
        scores = propensity.fit(frame.drop(columns="y"), treat="t", covariates=COVARIATES)
        design = frame[["t", "w", *COVARIATES]]
        near = partial(matching.nearest, design, scores, treat="t", caliper=0.2)
        rows.append((f"nearest 1:1, caliper 0.2, n = {n:,}", cpu(near), bar, peer))
        if n == 100_000:
            rows.append((f"the same with survey weights, n = {n:,}", cpu(partial(near, survey_weight="w")), "", ""))
            rows.append((f"nearest 3:1 with replacement, n = {n:,}", cpu(partial(near, ratio=3, replace=True)), "", ""))
            fit = partial(propensity.fit, design, treat="t", covariates=COVARIATES)
            rows.append((f"propensity score, n = {n:,}", cpu(fit), "", ""))
            balance = partial(matching.entropy_balance, design, treat="t", covariates=COVARIATES)
            rows.append((f"entropy balancing, n = {n:,}", cpu(balance), "0.11", "0.21"))
            weigh = partial(balance, survey_weight="w")
            rows.append((f"the same with survey weights, n = {n:,}", cpu(weigh), "", ""))
    for method in bootstrap.METHODS:
        seconds = cpu(bootstrap_of(700, 999, method), times=1)
        rows.append((f"bootstrap through rake, score, {method}, estimate: 999 draws, n = 700", seconds, "30", ""))
    header = ("What", "CPU seconds", "Bar", "MatchIt or WeightIt")
    tables.write("methods/matching.md", "speed_matching", tables.markdown(header, rows))


if __name__ == "__main__":
    main()
