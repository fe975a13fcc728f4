"""Bias and coverage of each method in studies whose truth is known: selection on what is seen, and on what is not.

Run as `python -m benchmarks.recovery_matching` (some minutes of one core; a number after it is the share of the
studies to run, 0.1 for a try that writes nothing). Answers have an SD
near 1 on a scale of 1 to 5; the true difference is 0.2 points. "Few sessions": attendees from 6 collection sessions.
"Boost": attendees from lists, weight 1, and others with weights that carry more than the covariates.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import tables
from evaluation import errors, parallel
from evaluation.results import Estimate
from evaluation.statistics import effects, matching, propensity

TRUTH = 0.2
SEEN = ["age", "black", "degree", "city"]
SCENARIOS = {"seen": 2000, "unseen": 400, "seen, boost": 2000, "seen, few sessions": 2000}  # studies in each


def study(scenario: str, rng: np.random.Generator, n: int = 600) -> pd.DataFrame:
    """Return a study: covariates, session, treatment `t`, outcome `y`, survey weight `w`."""
    frame = pd.DataFrame(
        {
            "age": rng.normal(0, 1, n),
            "black": (rng.random(n) < 0.25).astype(float),
            "degree": (rng.random(n) < 0.33).astype(float),
            "city": (rng.random(n) < 0.4).astype(float),
        }
    )
    unseen, hidden = rng.normal(0, 1, n), rng.normal(0, 1, n)
    odds = -1.7 + 0.4 * frame["age"] + 0.9 * frame["black"] + 0.4 * frame["degree"] + 0.4 * frame["city"]
    odds = odds + 0.5 * unseen * (scenario == "unseen")
    frame["t"] = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int)
    session = rng.integers(0, 40, n)
    if scenario == "seen, few sessions":
        session = np.where(frame["t"] == 1, rng.integers(0, 6, n), session)
    frame["session"] = session
    mood = 3 - 0.5 * frame["black"] + 0.15 * frame["age"] + 0.1 * frame["degree"] + 0.45 * unseen
    frame["w"] = 1.0
    if scenario == "seen, boost":
        mood = mood + 0.4 * hidden
        pull = np.exp(0.5 * hidden + 0.8 * frame["black"])
        kept = (frame["t"] == 1) | (rng.random(n) < pull / pull.max() * 4)
        frame["w"] = np.where(frame["t"] == 1, 1.0, 1 / np.minimum(1, pull / pull.max() * 4))
        frame = frame[kept].reset_index(drop=True)
        mood, session = mood[kept].reset_index(drop=True), session[kept]
    noise = rng.normal(0, 0.15, 40)[session] + rng.normal(0, 0.75, len(frame))
    return frame.assign(y=mood + TRUTH * frame["t"] + noise)


def methods(frame: pd.DataFrame) -> dict[str, Callable[[], Estimate]]:
    """Return every method's run on one study."""
    design = frame.drop(columns="y")
    scores = propensity.fit(design, treat="t", covariates=SEEN, survey_weight="w", only_attendees="penalise")
    near = partial(matching.nearest, design, scores, treat="t", survey_weight="w", caliper_over="control")
    said = {"outcome": "y", "treat": "t", "survey_weight": "w"}
    by = {**said, "cluster": "session"}

    def after(sample: Any, covariates: list[str] | tuple[()] = ()) -> Estimate:
        return effects.in_sample(frame, sample, covariates=covariates, **by)

    words = {"treat": "t", "survey_weight": "w"}
    return {
        "nearest 2:1, caliper, adjusted (planned)": lambda: after(near(ratio=2, caliper=0.2), SEEN),
        "nearest 2:1, caliper, not adjusted": lambda: after(near(ratio=2, caliper=0.2)),
        "nearest with replacement, bias-corrected": lambda: effects.abadie_imbens(
            frame, near(ratio=2, replace=True), covariates=SEEN, **said
        ),
        "full matching": lambda: after(matching.full(design, scores, **words), SEEN),
        "six subclasses, adjusted": lambda: after(matching.subclass(design, scores, **words), SEEN),
        "weighting": lambda: effects.weighted(frame, matching.weights(design, scores, **words), **by),
        "entropy balancing": lambda: effects.weighted(
            frame, matching.entropy_balance(design, covariates=SEEN, **words), **by
        ),
        "doubly robust": lambda: effects.doubly_robust(frame, covariates=SEEN, **by),
        "not adjusted": lambda: after(_everybody(design)),
    }


def _everybody(design: pd.DataFrame) -> matching.MatchedSample:
    one = pd.Series(1.0, index=design.index)
    none = pd.DataFrame({"treated": [], "control": [], "round": []})
    return matching.MatchedSample(one, none, design.index[:0], "ATT", "no matching", "t", design["t"] == 1)


def one(scenario: str, _: int, rng: np.random.Generator) -> dict[str, tuple[float, float, bool]]:
    """Return, by method, error, standard error and whether the interval holds the truth, in one study."""
    frame = study(scenario, rng)
    found = {}
    for name, run in methods(frame).items():
        try:
            made = run()
        except errors.DataError:
            continue
        found[name] = (made.value - TRUTH, made.se, made.low <= TRUTH <= made.high)
    return found


def table(scenario: str, runs: int, seed: int = 1) -> list[tuple[object, ...]]:
    """Return rows of the table: method, bias, its Monte-Carlo error, SD, mean error, coverage, studies without."""
    found = parallel.run(partial(one, scenario), list(range(runs)), seed)
    rows: list[tuple[object, ...]] = []
    for name in methods(study(scenario, np.random.default_rng(0))):
        made = np.array([f[name] for f in found if name in f], dtype=float)
        sd = made[:, 0].std(ddof=1)
        rows.append(
            (
                scenario,
                name,
                f"{made[:, 0].mean():+.3f}",
                f"{sd / np.sqrt(len(made)):.3f}",
                f"{sd:.3f}",
                f"{made[:, 1].mean():.3f}",
                f"{100 * made[:, 2].mean():.1f}",
                runs - len(made),
            )
        )
    return rows


def main() -> None:
    """Run every scenario and write the table."""
    part = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    header = ("Selection", "Method", "Bias (points)", "± (one MC error)", "SD", "Mean error", "Coverage (%)", "Refused")
    rows: list[tuple[object, ...]] = []
    for scenario, runs in SCENARIOS.items():
        rows += table(scenario, round(part * runs))
        print(tables.markdown(header, rows), flush=True)
    said = ", ".join(f"{name}: {runs:,} studies" for name, runs in SCENARIOS.items())
    words = f"Studies of about 600 people; true difference {TRUTH} points; {said}."
    if part == 1:
        tables.write("methods/matching.md", "recovery_matching", words + "\n\n" + tables.markdown(header, rows))


if __name__ == "__main__":
    main()
