"""Do intervals over a bridge, a crosswalk, or a series cover the truth? `python -m benchmarks.comparable_change`.

People are drawn in sessions, answers of a session alike. Bridge: two questions of one latent view with other cuts, both
asked once. Crosswalk: a new list moves some people of an old group to a new one; its shares come from people classified
by both. Series: the place moves away from the country by steps as large as the country's own. The table is written to
docs/methods/comparable.md.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks import tables
from evaluation.results import Estimate, from_se
from evaluation.statistics import bridges, external_series

SEED, RUNS = 20261201, 4000
SESSIONS, SIZE, ALIKE = 30, 12, 0.25
OLD_CUT, NEW_CUT = 0.2, 0.5


def survey(rng: np.random.Generator, mean: float, sessions: int = SESSIONS) -> tuple[np.ndarray, np.ndarray]:
    """Return latent views and the session of each person."""
    session = np.repeat(np.arange(sessions), SIZE)
    return mean + rng.normal(0, ALIKE, sessions)[session] + rng.normal(0, 1, len(session)), session


def level(y: np.ndarray, session: np.ndarray) -> Estimate:
    """Return a mean with its delete-one-session jackknife."""
    kept = np.array([y[session != s].mean() for s in np.unique(session)])
    g = len(kept)
    return from_se(float(y.mean()), float(np.sqrt((g - 1) / g * ((kept - y.mean()) ** 2).sum())), df=g - 1, null=None)


def share(mean: float, cut: float) -> float:
    """Return the true percentage of answers above a cut."""
    from scipy.stats import norm

    return float(100 * norm.sf((cut - mean) / np.sqrt(1 + ALIKE**2)))


def bridge(rng: np.random.Generator) -> bool:
    """Draw three surveys; whether the change over the bridge covers the change of the new question."""
    (a, sa), (b, sb), (c, sc) = (survey(rng, m) for m in (0.0, 0.05, 0.15))
    shift = level(100.0 * (b > OLD_CUT) - 100.0 * (b > NEW_CUT), sb)
    found = bridges.over_bridge(level(100.0 * (c > NEW_CUT), sc), level(100.0 * (a > OLD_CUT), sa), shift)
    truth = (share(0.15, NEW_CUT) - share(0.05, NEW_CUT)) + (share(0.05, OLD_CUT) - share(0.0, OLD_CUT))
    return found.low <= truth <= found.high


def crosswalk(rng: np.random.Generator) -> bool:
    """Draw two surveys and a doubly classified sample; whether the level under the new list covers the true one."""
    shares, base, means = np.array([0.85, 0.15]), 120, (-0.4, 0.2)
    groups = [survey(rng, m, n) for m, n in zip(means, (20, 24), strict=True)]
    found = [level(100.0 * (y > OLD_CUT), s) for y, s in groups]
    counted = rng.multinomial(base, shares) / base
    covariance = np.diag([float(e.se or 0) ** 2 for e in found])
    crossed = bridges.crossed(np.array([e.value for e in found]), covariance, counted, base, df=19)
    truth = float(shares @ [share(m, OLD_CUT) for m in means])
    return crossed.low <= truth <= crossed.high


def series(rng: np.random.Generator) -> bool:
    """Draw a country's series and a place; whether own change less the country's covers what was done there."""
    step, truth, steps = 2.0, 3.0, 6
    country = 60 + np.r_[0, np.cumsum(rng.normal(0, step, steps))]
    years = np.arange(steps + 1.0)
    moved = external_series.spread(years, country)
    there = float(country[-1] - country[-2])
    own = from_se(there + truth + rng.normal(0, step) + rng.normal(0, 3.0), 3.0, df=40, n={"a": 400, "b": 400})
    found = external_series.beside(own, there, moved=moved, years=1.0)
    return found.low <= truth <= found.high


CASES: dict[str, Callable[[np.random.Generator], bool]] = {"bridge": bridge, "crosswalk": crosswalk, "series": series}
WORDS = {
    "bridge": "change over a bridge",
    "crosswalk": "level by a crosswalk of 120 people",
    "series": "own change less a series of seven figures",
}


def coverage(name: str, runs: int, *, seed: int = SEED) -> float:
    """Return the share of runs whose 95 % interval covers the truth."""
    rng = np.random.default_rng([seed, list(CASES).index(name)])
    return float(np.mean([CASES[name](rng) for _ in range(runs)]))


def main() -> None:
    """Write the table of coverage."""
    rows = [(WORDS[name], f"{RUNS:,}", f"{100 * coverage(name, RUNS):.1f}") for name in CASES]
    header = ("Interval", "Runs", "Covers (per cent)")
    tables.write("methods/comparable.md", "coverage", tables.markdown(header, rows))
    print(rows)


if __name__ == "__main__":
    main()
