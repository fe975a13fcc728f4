"""How often a true null is rejected with six to ten areas: the default, and every companion, at a nominal 5 %.

Each area has a level, a drift between the waves of its own (intraclass correlation 0.02 of the drift), and answers with
SD 0.92; survey weights vary. Areas are equal, or shaped like Leicester, Leicestershire and Rutland (the city first,
split into ward groups past nine areas); reached are the largest ones, which is the hard case.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from benchmarks import tables
from evaluation import parallel
from evaluation.results import Estimate
from evaluation.statistics import did, inference

RUNS, BESIDE, PEOPLE, SD, ICC = 2_000, 500, 600, 0.92, 0.02
SHAPE = np.array([368_600, 183_900, 113_600, 104_700, 102_900, 97_600, 57_700, 51_800, 41_000, 41_000.0])
CASES = [(6, 2), (6, 3), (7, 3), (8, 3), (9, 4), (10, 4)]
TESTS = ("default", "area t", "Welch", "CR2", "wild", "randomisation", "CR1, normal")


def study(areas: int, reached: int, shaped: bool, rng: np.random.Generator) -> pd.DataFrame:
    """Return two waves of a study without any effect."""
    share = SHAPE[:areas] / SHAPE[:areas].sum() if shaped else np.full(areas, 1 / areas)
    sizes = np.maximum(12, np.round(PEOPLE / 2 * share)).astype(int)
    area = np.repeat(np.tile(np.arange(areas), 2), np.tile(sizes, 2))
    t = np.repeat([0, 1], sizes.sum())
    level, drift = rng.normal(scale=0.3, size=areas), rng.normal(scale=SD * math.sqrt(ICC), size=(areas, 2))
    y = 3 + level[area] + drift[area, t] + rng.normal(scale=SD, size=len(area))
    return pd.DataFrame(
        {"y": y, "area": area, "g": (area < reached).astype(int), "t": t, "w": rng.uniform(0.5, 2.0, len(area))}
    )


WORDS = {"outcome": "y", "group": "g", "time": "t", "area": "area", "weight": "w"}


def default(task: tuple[int, int, bool], rng: np.random.Generator) -> list[float]:
    """Return whether the default rejects at 5 % (never where it refuses), and what it was: CR2 or area means."""
    made = did.by_area(study(*task, rng), least=1, **WORDS)
    return [float(isinstance(made, Estimate) and made.p <= 0.05), float("CR2" in getattr(made, "se_method", ""))]


def beside(task: tuple[int, int, bool], rng: np.random.Generator) -> list[float]:
    """Return for each companion whether it rejects at 5 % (randomisation that cannot reach 5 % never does)."""
    frame = study(*task, rng)
    x = np.column_stack([np.ones(len(frame)), frame["g"], frame["t"], frame["g"] * frame["t"]]).astype(float)
    fit = inference.regress(x, frame["y"].to_numpy(), ["one", "g", "t", "did"], frame["w"].to_numpy())
    plain = inference.cluster_robust(fit, frame["area"], kind="CR1")
    z = abs(plain.params["did"]) / plain.se["did"]
    p = [
        *[did.collapsed(frame, **WORDS, welch=welch).p for welch in (False, True)],
        inference.cluster_robust(fit, frame["area"]).estimate("did").p,
        inference.wild_cluster(fit, frame["area"], term="did", draws=1024).p,
        did.permutation(frame, **WORDS)[0],
        math.erfc(z / math.sqrt(2)),
    ]
    return [float(v is not None and v <= 0.05) for v in p]


def rates(areas: int, reached: int, shaped: bool, seed: int, runs: int = RUNS, few: int = BESIDE) -> np.ndarray:
    """Return the share of runs that the default and each companion reject, and how often the default was CR2."""
    task = (areas, reached, shaped)
    first = np.mean(parallel.run(default, [task] * runs, seed), axis=0)
    return np.array([first[0], *np.mean(parallel.run(beside, [task] * few, seed), axis=0), first[1]])


def main() -> None:
    """Simulate, print and write the table."""
    rows = []
    for shaped in (False, True):
        for i, (areas, reached) in enumerate(CASES):
            *found, cr2 = rates(areas, reached, shaped, 100 + i + 50 * shaped)
            least = did.smallest_p(areas, reached)
            note = "; conservative" if found[0] < 0.03 else "; above 7 %" if found[0] > 0.07 else ""
            note = ("CR2" if cr2 > 0.99 else "area t" if cr2 < 0.01 else f"CR2 in {100 * cr2:.0f} %") + note
            rows.append(
                (
                    f"{areas} ({reached})",
                    "like LLR" if shaped else "equal",
                    *[f"{100 * v:.1f}" for v in found],
                    f"{least:.3f}",
                    note,
                )
            )
            print(rows[-1], flush=True)
    header = ["Areas (reached)", "Sizes", *TESTS, "smallest p of randomisation", "default is"]
    text = tables.markdown(header, rows)
    text += (
        f"\n\nPer cent of studies without an effect rejected at 5 %: the default in {RUNS:,} studies (Monte-Carlo "
        f"error 0.5 at 5 %), companions in {BESIDE} (1.0)."
    )
    tables.write("methods/inference.md", "size_few_areas", text)


if __name__ == "__main__":
    main()
