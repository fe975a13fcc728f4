"""Is a gap in the trust scale real, or do two statements work otherwise? `python -m benchmarks.size_invariance`.

Studies of the shipped size are drawn with a known truth: no gap and statements that work alike (size of the gate); no
gap, and two of six statements answered half a standard deviation lower by Black respondents at equal trust (a false
"lower"); a true gap of 0.3 standard deviations. Each goes through weights, jackknifed gap, gate and verdict rule. The
table is written to docs/methods/invariance.md.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks import drawn_study as drawing
from benchmarks import tables
from evaluation import parallel
from evaluation.analysis import change, invariance, levels, population_weights
from evaluation.results import Estimate, verdict

WAVE, SCALE, SEED, STUDIES = "W2025", "trust_scale", 20260709, 500
SHIFTED = {"trust_respect": -0.5, "trust_fair": -0.5}
CASES: dict[str, tuple[float, dict[str, float]]] = {
    "no gap, statements alike": (0.0, {}),
    "no gap, two statements shifted by 0.5 SD": (0.0, SHIFTED),
    "gap of 0.3 SD, statements alike": (-0.3, {}),
}
LOADED: list[Any] = []


def inputs() -> Any:
    """Return plan, margins and their table, read once in each process."""
    if not LOADED:
        LOADED.append(drawing.load())
    return LOADED[0]


def study(_: int, rng: np.random.Generator, gap: float, shift: dict[str, float], times: int) -> list[float]:
    """Return whether one study says "lower" without the gate, with it, and what the gate says."""
    plan, margins, table = inputs()
    alike = {"black": gap, "young": 0.0, "city": 0.0, "degree": 0.0}  # no gap by way of age, place or schooling
    nothing = {"effect": drawing.NO_EFFECT, "trust": drawing.NO_CHANGE | alike}
    truth = drawing.truth(**nothing, items={"shift_black": shift})
    people, answers = drawing.draw(truth, table, rng, (WAVE,), times)
    survey = levels.prepare(plan, people, answers, population_weights.by_wave(plan, people, margins))
    found = change.gap(plan, survey, SCALE, WAVE)
    examined = invariance.between_groups(plan, survey, SCALE, WAVE)
    gate = invariance.gate(SCALE, "groups", examined)
    if not isinstance(found, Estimate):
        return [np.nan] * 5
    plain = replace(found, null=0.0, margin=levels.margin_of(plan, survey, SCALE))
    words = [verdict(plain), verdict(replace(plain, gates=(gate,)))]
    lower = [float(w.startswith("lower") and "fragile" not in w) for w in words]
    return [*lower, float(examined.state == "not alike"), float(examined.state == "too few to test"), found.value]


def write(rows: list[tuple[str, ...]]) -> None:
    """Write the table into the page."""
    header = ["Truth", "Study", "Studies", "“lower” without the gate", "“lower” unqualified with it"]
    header += ["statements “not alike”", "“too few to test”", "gap found (points)"]
    tables.write("methods/invariance.md", "size_invariance", tables.markdown(header, rows) + "\n\nPer cent of studies.")


def main() -> None:
    """Simulate, print and write the table: `N` studies of each case, at the shipped size and those given after it."""
    studies, *sizes = [int(x) for x in sys.argv[1:]] or [STUDIES]
    rows = []
    for times in (1, *sizes):
        for place, (name, (gap, shift)) in enumerate(CASES.items()):
            task = partial(study, gap=gap, shift=shift, times=times)
            done = np.array(parallel.run(task, list(range(studies)), SEED + place))
            done = done[~np.isnan(done[:, 0])]
            before, after, unlike, few, value = done.mean(axis=0)
            size = "as shipped" if times == 1 else f"{times} times as large"
            shares = [f"{100 * x:.1f}" for x in (before, after, unlike, few)]
            rows.append((name, size, str(len(done)), *shares, f"{value:.2f}"))
            print(rows[-1], flush=True)
    write(rows)


if __name__ == "__main__":
    main()
