"""Are partially pooled values of small groups nearer the truth than direct ones, and do their ranges hold it?

About 100 people of one community answer in 30 sessions with unequal weights; five ages, two places and three heritages
differ by effects of a known spread (in standard deviations of the answers). The table is written to
docs/methods/small-domains.md: `python -m benchmarks.recovery_small_domains [STUDIES]`.
"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import pandas as pd

from benchmarks import tables
from evaluation import parallel
from evaluation.statistics import small_domains, survey
from evaluation.statistics.survey.replicates import Jackknife

PEOPLE, SESSIONS, MOOD, LEAST, STUDIES, SEED = 100, 30, 0.2, 10, 1000, 20260710
SHARES = {"age": (0.25, 0.25, 0.25, 0.15, 0.10), "area": (0.7, 0.3), "heritage": (0.5, 0.3, 0.2)}
NAMES = [f"{family}.{k}" for family, shares in SHARES.items() for k in range(len(shares))]
SPREADS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)


def drawn(spread: float, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.Series]:
    """Return people with an answer of standard deviation about 1, and the true mean of each group."""
    codes = {f: rng.choice(len(s), PEOPLE, p=s) for f, s in SHARES.items()}
    effects = {f: rng.normal(0, spread, len(s)) for f, s in SHARES.items()}
    session, mood = rng.integers(0, SESSIONS, PEOPLE), rng.normal(0, MOOD, SESSIONS)
    noise = rng.normal(0, np.sqrt(1 - MOOD**2), PEOPLE)
    y = sum(effects[f][c] for f, c in codes.items()) + mood[session] + noise
    rest = {f: sum(np.dot(SHARES[o], effects[o]) for o in SHARES if o != f) for f in SHARES}
    truth = pd.Series(np.concatenate([effects[f] + rest[f] for f in SHARES]), index=NAMES)
    frame = pd.DataFrame({**codes, "y": y, "session": session, "weight": rng.gamma(4.0, 0.25, PEOPLE)})
    return frame, truth


def study(_: int, rng: np.random.Generator, spread: float) -> np.ndarray:
    """Return, for each group, squared errors (direct, pooled), whether the range holds the truth, and shrinkage."""
    frame, truth = drawn(spread, rng)
    jackknife = Jackknife(survey.Design(frame, weight="weight", cluster="session"))
    domains = {n: (frame[n.split(".")[0]] == int(n.split(".")[1])).to_numpy(dtype=float) for n in NAMES}
    kept = [n for n in NAMES if domains[n].sum() >= LEAST]
    values = frame["y"].to_numpy()
    means, variances, _, df = small_domains.direct_means(jackknife, values, [domains[n] for n in kept])
    family = pd.Series([n.split(".")[0] for n in kept], index=kept)
    made = small_domains.pooled(pd.Series(means, kept), pd.Series(variances, kept), family)
    low, high = small_domains.interval(made.table["pooled"], made.table["se"], df)
    target = truth[kept]
    held = ((low <= target) & (target <= high)).astype(float)
    errors = [(made.table[c] - target) ** 2 for c in ("direct", "pooled")]
    return pd.concat([*errors, held, made.table["own"]], axis=1).reindex(NAMES).to_numpy(dtype=float)


def main() -> None:
    """Simulate, print and write the table."""
    studies, rows = int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES, []
    for place, spread in enumerate(SPREADS):
        done = np.array(parallel.run(partial(study, spread=spread), list(range(studies)), SEED + place))
        direct, pooled_, held, own = np.moveaxis(done, 2, 0)
        by_group = np.sqrt(np.nanmean(pooled_, axis=0) / np.nanmean(direct, axis=0))
        ratio = np.sqrt(np.nanmean(pooled_) / np.nanmean(direct))
        found = (f"{ratio:.2f}", f"{by_group.max():.2f}", f"{100 * np.nanmean(held):.1f}")
        worst = f"{100 * np.nanmean(held, axis=0).min():.1f}"
        rows.append((f"{spread:.2f}", str(studies), *found, worst, f"{np.nanmean(own):.2f}"))
        print(rows[-1], flush=True)
    header = [
        "Spread (SD)",
        "Studies",
        "Error, pooled over direct",
        "worst group",
        "Coverage",
        "worst group’s",
        "own weight",
    ]
    tables.write("methods/small-domains.md", "recovery_small_domains", tables.markdown(header, rows))


if __name__ == "__main__":
    main()
