"""Which design unseen selection fools: studies with a known truth, read by every design.

People choose to come by what is seen (group, age, place) and, in the second scenario, by a trait nobody measures that
goes with trust. Attendance is known after only, as in this study. The truth is the same in both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.results import Estimate
from evaluation.statistics import predicted_attendance
from evaluation.statistics._arrays import Floats
from evaluation.statistics.did.few_areas import Ratio, wald_ratio
from evaluation.statistics.did.panel import first_differences
from evaluation.statistics.did.regression import two_by_two

NAMES = ("naive", "adjusted", "four_group", "slope", "places", "ratio", "linked")
COVARIATES = ("black", "older", "place")


@dataclass(frozen=True, slots=True)
class World:
    """What the simulated studies share.

    Attributes
    ----------
    effect : float
        Effect of attending on those who attend, in points.
    before, after : int
        People surveyed before and after.
    linked : int
        People who answered twice.
    unseen : float
        How strongly the unmeasured trait moves both attending (log odds) and trust (points, half as much).
    """

    effect: float = 0.30
    before: int = 300
    after: int = 600
    linked: int = 100
    unseen: float = 0.0


def draw(world: World, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Draw one simulated study.

    Parameters
    ----------
    world : World
        Sizes, effect and selection.
    rng : numpy.random.Generator
        Generator of the draw.

    Returns
    -------
    tuple of DataFrame, length 3
        Surveys before and after, and the people who answered twice: `y` (trust, points), what is seen, `place` 0 to 9
        (four reached), and `attended` after.
    """
    low, unseen = -2.85 - 0.25 * world.unseen**2, world.unseen
    before, after, panel = (_people(n, rng) for n in (world.before, world.after, world.linked))
    noise = 0.85
    before["y"] = _trust(before, 0, unseen) + rng.normal(scale=noise, size=len(before))
    after["attended"] = _attendance(after, low, unseen, rng)
    after["y"] = _trust(after, 1, unseen) + world.effect * after["attended"] + rng.normal(scale=noise, size=len(after))
    panel["attended"] = _attendance(panel, low + 1.3, unseen, rng)  # attendees are asked more often for a code
    own = rng.normal(scale=0.5, size=len(panel))
    rows = []
    for wave in (0, 1):
        gain = world.effect * panel["attended"] * wave
        y = _trust(panel, wave, unseen) + own + gain + rng.normal(scale=0.65, size=len(panel))
        rows.append(panel.assign(id=np.arange(len(panel)), wave=wave, y=y, treat=panel["attended"] * wave))
    return before, after, pd.concat(rows, ignore_index=True)


def _people(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return n people: what is seen of them, their place, whether events reached it, and their unseen trait."""
    frame = pd.DataFrame({"black": (rng.random(n) < 0.15).astype(float), "older": (rng.random(n) < 0.5).astype(float)})
    frame["place"] = rng.integers(0, 10, n)
    frame["reached"] = (frame["place"] < 4).astype(float)
    frame["trait"] = rng.normal(size=n)
    return frame


def _trust(people: pd.DataFrame, wave: int, unseen: float) -> pd.Series[float]:
    """Return the trust that people would have at a wave without attending, less noise."""
    mood = 3.2 - 0.5 * people["black"] + 0.2 * people["older"] + 0.04 * (people["place"] - 4.5)
    return mood + 0.5 * unseen * people["trait"] + 0.1 * wave


def _attendance(people: pd.DataFrame, low: float, unseen: float, rng: np.random.Generator) -> Floats:
    """Return who attends (0 or 1), drawn from a logit with intercept `low`."""
    logit = low + 1.2 * people["black"] - 0.3 * people["older"] + 0.9 * people["reached"] + unseen * people["trait"]
    attended: Floats = np.asarray((rng.random(len(people)) < 1 / (1 + np.exp(-logit))).astype(float))
    return attended


def estimates(before: pd.DataFrame, after: pd.DataFrame, linked: pd.DataFrame) -> dict[str, float]:
    """Return every design's estimate of the effect of attending.

    Parameters
    ----------
    before, after, linked : DataFrame
        A study as `draw` makes it.

    Returns
    -------
    dict of str to float
        Points by design (`NAMES`); "places" is the effect of living in a place reached. NaN where a design gives none.
    """
    seen = after[["attended", "black", "older"]].to_numpy(dtype=float)
    places = after["place"].to_numpy()[:, None] == np.arange(1, 10)
    x, y = np.column_stack([np.ones(len(after)), seen, places]), after["y"].to_numpy()
    a = after["attended"].to_numpy() == 1
    words = {name: f.assign(place=f["place"].astype(str)) for name, f in (("b", before), ("a", after))}
    slope, four = predicted_attendance.contrasts(
        words["b"], words["a"], outcome="y", treat="attended", covariates=COVARIATES
    )
    both = pd.concat([before.assign(t=0, attended=0.0), after.assign(t=1)], ignore_index=True)
    itt = two_by_two(both, outcome="y", group="reached", time="t", vcov="HC1")
    ratio = wald_ratio(both, outcome="y", taken="attended", group="reached", time="t", area="place")
    fd = first_differences(linked, outcome="y", treat="treat", unit="id", time="wave")
    return {
        "naive": float(y[a].mean() - y[~a].mean()),
        "adjusted": float(np.linalg.lstsq(x, y, rcond=None)[0][1]),
        "four_group": four,
        "slope": slope,
        "places": itt.value if isinstance(itt, Estimate) else float("nan"),
        "ratio": ratio.value if isinstance(ratio, Ratio) else float("nan"),
        "linked": fd.value if isinstance(fd, Estimate) else float("nan"),
    }


def large(*, people: int = 120_000, seed: int = 0, unseen: float = 1.0) -> pd.DataFrame:
    """Return each design's estimate in two huge surveys: what it would say if only sampling error were gone.

    Parameters
    ----------
    people : int
        People surveyed after.
    seed : int
        Seed of both surveys.
    unseen : float
        How strongly the unmeasured trait moves attending and trust in the second survey.

    Returns
    -------
    DataFrame by design
        Points under selection on what is seen only ("seen") and under unseen selection as well ("unseen"); the truth is
        `World.effect`.
    """
    out = {}
    for column, strength in (("seen", 0.0), ("unseen", unseen)):
        world = World(before=people // 3, after=people, linked=people // 6, unseen=strength)
        out[column] = estimates(*draw(world, np.random.default_rng([seed, int(strength > 0)])))
    return pd.DataFrame(out).reindex(list(NAMES))


def many(world: World, *, runs: int, seed: int = 0) -> pd.DataFrame:
    """Return how each design's estimate behaves over simulated studies.

    Parameters
    ----------
    world : World
        Sizes, effect and selection.
    runs : int
        Number of studies.
    seed : int
        Seed of the studies.

    Returns
    -------
    DataFrame by design
        mean, sd and median of the estimates, in points.
    """
    studies = [estimates(*draw(world, np.random.default_rng([seed, i]))) for i in range(runs)]
    table = pd.DataFrame(studies)[list(NAMES)]
    return pd.DataFrame({"mean": table.mean(), "sd": table.std(ddof=1), "median": table.median()})
