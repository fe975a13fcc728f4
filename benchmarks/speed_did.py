"""CPU seconds of the heavier difference-in-differences and few-cluster procedures (no peer can be installed here)."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks import tables
from evaluation.statistics import did, inference


def cpu(run: Callable[[], object], repeats: int = 3) -> float:
    """Return the least CPU seconds of some repeats."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return min(found)


def cross_sections(n: int = 20_000) -> pd.DataFrame:
    """Return two waves with four covariates and weights."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, 4))
    d, t = (rng.random(n) < 1 / (1 + np.exp(-x[:, 0]))).astype(int), rng.integers(0, 2, n)
    y = 3 + x @ [0.2, 0.1, 0.0, -0.1] + 0.3 * d * t + rng.normal(size=n)
    return pd.DataFrame({"y": y, "d": d, "t": t, "w": rng.uniform(0.5, 2, n), **{f"x{i}": x[:, i] for i in range(4)}})


def clusters(n: int = 1_000, groups: int = 30) -> tuple[inference.Regression, np.ndarray]:
    """Return a weighted two-by-two fit of 1,000 people in 30 clusters."""
    rng = np.random.default_rng(2)
    c, t = rng.integers(0, groups, n), rng.integers(0, 2, n)
    g = (c < groups // 2).astype(float)
    x = np.column_stack([np.ones(n), g, t, g * t, rng.normal(size=n)])
    y = 3 + rng.normal(size=groups)[c] * 0.3 + rng.normal(size=n)
    return inference.regress(x, y, ["one", "g", "t", "did", "x"], rng.uniform(0.5, 2, n)), c


def staggered(rows: int = 100_000, times: int = 8, *, panel: bool = False) -> pd.DataFrame:
    """Return 100,000 rows over eight times, first treated at 3, 4, 5, 6, 7 or never."""
    rng = np.random.default_rng(3)
    n = rows // times
    person = np.tile(np.arange(n), times) if panel else np.arange(n * times)
    t = np.repeat(np.arange(1, times + 1), n)
    kind, trait = rng.choice([0, 3, 4, 5, 6, 7], person.max() + 1), rng.normal(size=person.max() + 1)
    first = kind[person]
    y = trait[person] + 0.1 * t + 0.5 * ((first > 0) & (t >= first)) + rng.normal(size=len(t))
    return pd.DataFrame({"id": person, "t": t, "first": first, "x": trait[person], "y": y})


def main() -> None:
    """Measure, print and write the table."""
    rc, (fit, labels) = cross_sections(), clusters()
    words = {"outcome": "y", "first_treated": "first", "time": "t", "covariates": ["x"], "draws": 999}
    both, same = staggered(), staggered(panel=True)
    rows = [
        (
            "doubly robust, cross-sections, n = 20,000, 999 multiplier draws",
            0.5,
            cpu(
                lambda: did.doubly_robust(
                    rc, outcome="y", group="d", time="t", covariates=["x0", "x1", "x2", "x3"], weight="w", draws=999
                )
            ),
        ),
        (
            "wild cluster bootstrap, 30 clusters, n = 1,000, 9,999 draws",
            0.3,
            cpu(lambda: inference.wild_cluster(fit, labels, term="did", draws=9999, seed=1)),
        ),
        (
            "group-time effects, cross-sections, 100,000 rows, 8 times, 999 draws",
            5.0,
            cpu(lambda: did.group_time(both, **words).aggregate("dynamic"), 1),
        ),
        (
            "group-time effects, panel, 100,000 rows, 8 times, 999 draws",
            5.0,
            cpu(lambda: did.group_time(same, **words, unit="id").aggregate("dynamic"), 1),
        ),
        (
            "CR2 with Satterthwaite df, n = 20,000 in 8 areas",
            None,
            cpu(
                lambda: did.two_by_two(
                    rc.assign(area=rc["d"] * 4 + np.arange(len(rc)) % 4),
                    outcome="y",
                    group="d",
                    time="t",
                    cluster="area",
                    covariates=["x0"],
                )
            ),
        ),
    ]
    text = tables.markdown(
        ["Procedure", "CPU seconds", "Bar"], [(a, f"{s:.2f}", "" if b is None else f"{b:g}") for a, b, s in rows]
    )
    print(text)
    tables.write("methods/did.md", "speed_did", text)


if __name__ == "__main__":
    main()
