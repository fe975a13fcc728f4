"""CPU of the specification curve on the shipped study: `python -m benchmarks.speed_curve` after a run.

The plan's axes, and as many samples more as it takes to pass 2,000 ways: each leaves out one collection session. Needs
the stages of a run of the study (`evaluation run`); outcomes are read as notebook 07 reads them.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks import tables
from evaluation.analysis import comparison, levels, population_weights
from evaluation.analysis.robustness import specification_curve
from evaluation.intake import waves
from evaluation.plan import study
from evaluation.plan.study import Subset

WAYS = 2000
BAR = 60


def main(folder: Path | None = None) -> None:
    """Print and write CPU seconds of the plan's own curve, and of one of at least 2,000 ways."""
    os.environ.setdefault("EVALUATION_DRAFT", "1")
    plan = study.load(Path(folder or Path.cwd()) / "study.toml")
    wave = plan.waves[-1]
    people, sample = waves.load_design(plan, wave, only="all"), waves.load_sample(plan, wave)
    outcomes = waves.load_outcomes(plan, wave, sample, only="all")
    survey = levels.prepare(plan, people, outcomes, population_weights.load(plan, wave, people)[0])
    compare = comparison.load(plan, wave)
    rows = [_timed("the plan's axes", plan, wave, compare, sample, survey)]
    axes = [len(v) for k, v in specification_curve.AXES.items() if k != "sample"]
    each = axes[0] * axes[1] * axes[2] * axes[3]
    session = plan.population.session_column
    names = sorted(compare.people["session"].unique())[: -(-WAYS // each)]
    more = tuple(Subset(name=f"without session {n}", column=session, drop=(n,)) for n in names)
    wide = plan.sensitivity.model_copy(update={"subsets": (*plan.sensitivity.subsets, *more)})
    rows.append(
        _timed(
            "and samples without one session",
            plan.model_copy(update={"sensitivity": wide}),
            wave,
            compare,
            sample,
            survey,
        )
    )
    header = ("Axes", "Ways", "Of them refused", "CPU seconds", "Bar")
    tables.write("methods/sensitivity.md", "speed-curve", tables.markdown(header, rows))
    print(tables.markdown(header, rows))


def _timed(name, plan, wave, compare, sample, survey) -> tuple[object, ...]:
    start = time.process_time()
    curve = specification_curve.specifications(plan, wave, compare, sample, survey)
    spent = time.process_time() - start
    ways = len(curve.table) + len(curve.refused)
    return name, f"{ways:,}", len(curve.refused), f"{spent:.1f}", f"{BAR} for {WAYS:,}" if ways >= WAYS else ""


if __name__ == "__main__":
    main()
