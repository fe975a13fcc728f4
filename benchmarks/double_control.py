"""What does a double negative control buy, and cost? `python -m benchmarks.double_control [STUDIES]`.

Studies of the shipped size are drawn with unseen selection and no effect, and with an effect and no unseen selection;
negative controls share the unseen trait not at all, a little (as shipped), half or fully. Each goes through the planned
comparison, today's controls and the verdict rule, and then through the double control. The table is written to
docs/methods/sensitivity.md.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks import drawn_study as drawing
from benchmarks import known_truth, tables
from evaluation import parallel
from evaluation.analysis.robustness import double_control
from evaluation.results import Estimate, NotIdentified, verdict

STUDIES, SEED = 300, 20260711
SHARED = (0.0, 0.2, 0.5, 1.0)
CASES: dict[str, dict[str, Any]] = {
    "unseen selection twice as strong, no effect": known_truth.NOTHING | {"attending": {"unseen": 1.0}},
    "an effect of 0.35, no unseen selection": known_truth.EFFECTS,
}


def study(_: int, rng: np.random.Generator, sections: dict[str, Any], shared: float) -> list[float]:
    """Return planned value, informative or not, value and set, and whether a direction stays unqualified, both ways."""
    plan, margins, table = known_truth.inputs()
    truth = drawing.truth(**sections, items={"control_unseen": shared})
    one = known_truth.Study(plan, margins, table, truth, rng, (known_truth.WAVE,))
    row = one.doubted(one.attended([known_truth.PRIMARY]))[0]
    found = double_control.double_control(plan, known_truth.WAVE, one.compare, one.survey)
    if not isinstance(row, Estimate) or isinstance(found, NotIdentified):
        return [np.nan] * 8
    both = replace(row, gates=(*row.gates, *double_control.gates(found)))
    words = [verdict(r) for r in (row, both)]
    plain = [float(known_truth.is_directed(w) and "fragile" not in w) for w in words]
    inside = float(found.holds(0.0))
    value = found.estimate.value if found.informative else np.nan
    return [
        row.value,
        float(found.informative),
        value,
        inside,
        (found.high or 0.0) - (found.low or 0.0),
        row.high - row.low,
        *plain,
    ]


def write(rows: list[tuple[str, ...]]) -> None:
    """Write the table into the page."""
    header = ["Truth", "Trait in the controls", "Studies", "Planned estimate", "Informative", "its estimate (median)"]
    header += [
        "its set holds 0",
        "its range, times the planned one",
        "unqualified direction today",
        "with the double control",
    ]
    note = "\n\nPer cent of studies; estimates in points of the scale; median and set over informative studies."
    tables.write("methods/sensitivity.md", "double_control", tables.markdown(header, rows) + note)


def main() -> None:
    """Simulate, print and write the table."""
    studies, rows = int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES, []
    for name, sections in CASES.items():
        for shared in SHARED:
            task = partial(study, sections=sections, shared=shared)
            done = np.array(parallel.run(task, list(range(studies)), SEED))
            done = done[~np.isnan(done[:, 0])]
            strong = done[:, 1] == 1
            planned, informative, value = done[:, 0].mean(), strong.mean(), np.nan
            wider = holds = "–"
            if strong.any():
                value = np.median(done[strong, 2])
                wider, holds = (
                    f"{np.median(done[strong, 4] / done[strong, 5]):.1f}",
                    f"{100 * done[strong, 3].mean():.0f}",
                )
            shown = [
                f"{planned:.2f}",
                f"{100 * informative:.0f}",
                "–" if np.isnan(value) else f"{value:.2f}",
                holds,
                wider,
            ]
            rows.append(
                (name, f"{shared:g}", str(len(done)), *shown, *(f"{100 * x:.1f}" for x in done[:, 6:].mean(axis=0)))
            )
            print(rows[-1], flush=True)
    write(rows)


if __name__ == "__main__":
    main()
