"""How often 95 % intervals of raked means hold the truth: linearised beside jackknife, whole sample and a domain.

Run `python -m benchmarks.coverage_survey` (2,000 studies a row, a few minutes of CPU): prints the table and writes it
into docs/methods/survey.md. Sessions differ by a random effect (intraclass correlation 0.08), people of the domain are
one in six or fewer, and every study is raked to age and to group by sex; each jackknife replicate is raked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from benchmarks import tables
from evaluation import parallel
from evaluation.statistics import survey, weighting

RUNS, SEED, NOMINAL = 2000, 20260704, 0.95
LEAST_EFFECTIVE = 5.0  # effective sessions under which a domain gets no interval
GROUP = {"focus": 0.06, "other": 0.94}
AGE = {"young": 0.3, "middle": 0.4, "old": 0.3}
EFFECT: Mapping[str, float] = {"focus": -0.5, "other": 0.1, "young": -0.2, "middle": 0.0, "old": 0.3}
SESSION_SD = 0.3


@dataclass(frozen=True, slots=True)
class Shape:
    """How people fall into sessions: number of sessions, and their sizes' and the domain's unevenness."""

    name: str
    sessions: int
    people: int = 300
    spread: float = 0.0
    largest: float = 0.0
    concentrated: bool = False


SHAPES = (
    Shape("even", 24),
    Shape("uneven", 24, spread=0.7),
    Shape("concentrated", 24, largest=0.25, concentrated=True),
    Shape("even", 40, people=400),
    Shape("even", 10, people=150),
)


def study(shape: Shape, rng: np.random.Generator) -> pd.DataFrame:
    """Return one study's answers, with session, group, sex, age and y."""
    share = rng.lognormal(0, shape.spread, shape.sessions)
    share /= share.sum()
    if shape.largest:
        share = np.concatenate([[shape.largest], (1 - shape.largest) * share[1:] / share[1:].sum()])
    session = np.repeat(np.arange(shape.sessions), np.maximum(rng.multinomial(shape.people, share), 2))
    lean = rng.beta(0.6, 2.4, shape.sessions) if shape.concentrated else rng.beta(4, 16, shape.sessions)
    group = np.where(rng.uniform(size=len(session)) < lean[session], "focus", "other")
    age = rng.choice(list(AGE), len(session), p=(0.4, 0.4, 0.2))
    sex = rng.choice(["F", "M"], len(session), p=(0.6, 0.4))
    y = pd.Series(group).map(EFFECT) + pd.Series(age).map(EFFECT)
    y = y + rng.normal(0, SESSION_SD, shape.sessions)[session] + rng.normal(size=len(session))
    return pd.DataFrame({"session": session, "group": group, "age": age, "sex": sex, "y": y})


def margins() -> dict[object, pd.Series]:
    """Return the population margins of every study."""
    crossed = {(g, s): p * 0.5 for g, p in GROUP.items() for s in ("F", "M")}
    return {"age": pd.Series(AGE), ("group", "sex"): pd.Series(crossed)}


def truths() -> dict[str, float]:
    """Return the population mean of everybody and of the domain."""
    age = sum(p * EFFECT[a] for a, p in AGE.items())
    return {"all": age + sum(p * EFFECT[g] for g, p in GROUP.items()), "focus": age + EFFECT["focus"]}


def one(shape: Shape, _: int, rng: np.random.Generator) -> list[tuple[str, str, bool, float, float]]:
    """Return (who, how, covered, width, effective sessions) of one study; nothing for what it may not publish."""
    frame = study(shape, rng)
    domain = (frame["group"] == "focus").to_numpy(dtype=float)
    cells = frame.groupby(["group", "sex"]).size()
    if len(cells) < 4:
        return []
    raked = weighting.rake(frame, margins(), tolerance=1e-10)
    design = survey.Design(frame, weight=raked, cluster="session")
    jk, y, out = survey.Jackknife(design), frame["y"].to_numpy(), []
    linear = {"all": survey.mean(design, "y")[0], "focus": survey.mean(design, "y", by="group")[0]}
    for who, d in (("all", np.ones(len(frame))), ("focus", domain)):
        effective = survey.effective_clusters(design, d)
        if effective < LEAST_EFFECTIVE or d.sum() < 30:
            continue
        for how, e in (("linearised", linear[who]), ("jackknife", jk.mean(y, d))):
            assert e.low is not None
            assert e.high is not None
            out.append((who, how, e.low <= _truth(who) <= e.high, e.high - e.low, effective))
    return out


def _truth(who: str) -> float:
    return truths()[who]


def coverage(shape: Shape, runs: int, seed: int = SEED) -> pd.DataFrame:
    """Return coverage, mean width, mean effective sessions and number of intervals, by who and how."""
    found = [row for rows in parallel.run(partial(one, shape), list(range(runs)), seed) for row in rows]
    table = pd.DataFrame(found, columns=["who", "how", "covered", "width", "sessions"])
    made = table.groupby(["who", "how"]).agg(
        coverage=("covered", "mean"), width=("width", "mean"), sessions=("sessions", "mean"), n=("covered", "size")
    )
    return made.reset_index()


def main() -> None:
    """Print and write the table."""
    rows = []
    for shape in SHAPES:
        made = coverage(shape, RUNS).set_index(["who", "how"])
        for who, words in (("all", "everybody"), ("focus", "domain")):
            if (who, "jackknife") not in made.index:
                continue
            a, b = made.loc[(who, "linearised")], made.loc[(who, "jackknife")]
            rows.append(
                (
                    f"{shape.sessions} sessions, {shape.name}",
                    words,
                    f"{b['sessions']:.1f}",
                    f"{int(b['n']):,}",
                    f"{100 * a['coverage']:.1f} %",
                    f"{100 * b['coverage']:.1f} %",
                    f"{b['width'] / a['width']:.2f}",
                )
            )
            print(*rows[-1], sep=" | ", flush=True)
    header = (
        "Collection",
        "Who",
        "Effective sessions",
        "Intervals",
        "Linearised, t on sessions less 1",
        "Jackknife, t on effective sessions less 1",
        "Width, times",
    )
    error = 100 * (NOMINAL * (1 - NOMINAL) / RUNS) ** 0.5
    said = (
        f"Coverage of 95 % intervals in {RUNS:,} studies a row (Monte-Carlo error {error:.1f} points); a domain with "
        "under 30 people or five effective sessions gets no interval and is not counted. Made by `python -m "
        "benchmarks.coverage_survey`."
    )
    tables.write("methods/survey.md", "coverage", f"{said}\n\n{tables.markdown(header, rows)}")


if __name__ == "__main__":
    main()
