"""Which design unseen selection fools: studies with a known truth, read by every design.

People choose to come by what is seen (group, age, place) and, in the second scenario, by a trait nobody measures that
goes with trust. Attendance is known after only, as in this study. The truth is the same in both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.statistics import predicted_attendance
from evaluation.statistics.did.few_areas import wald_ratio
from evaluation.statistics.did.linked import first_differences
from evaluation.statistics.did.regression import two_by_two

NAMES = ("naive", "adjusted", "four_group", "slope", "places", "ratio", "linked")
SEEN = ("black", "older", "place")


@dataclass(frozen=True, slots=True)
class World:
    """What the simulated studies share.

    `effect` of attending on those who attend, in points; `before`, `after` people surveyed; `linked` people who
    answered twice; `unseen` how strongly the unmeasured trait moves both attending (log odds) and trust (points, half
    as much).
    """

    effect: float = 0.30
    before: int = 300
    after: int = 600
    linked: int = 100
    unseen: float = 0.0


def draw(world: World, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return (before, after, linked): `y`, what is seen, `place` 0 to 9 (four reached), and `attended` after."""

    def people(n: int) -> pd.DataFrame:
        frame = pd.DataFrame(
            {"black": (rng.random(n) < 0.15).astype(float), "older": (rng.random(n) < 0.5).astype(float)}
        )
        frame["place"] = rng.integers(0, 10, n)
        frame["reached"] = (frame["place"] < 4).astype(float)
        frame["trait"] = rng.normal(size=n)
        return frame

    def level(f: pd.DataFrame, wave: int) -> pd.Series:
        mood = 3.2 - 0.5 * f["black"] + 0.2 * f["older"] + 0.04 * (f["place"] - 4.5)
        return mood + 0.5 * world.unseen * f["trait"] + 0.1 * wave

    def attends(f: pd.DataFrame, low: float) -> np.ndarray:
        logit = low + 1.2 * f["black"] - 0.3 * f["older"] + 0.9 * f["reached"] + world.unseen * f["trait"]
        return (rng.random(len(f)) < 1 / (1 + np.exp(-logit))).astype(float)

    low = -2.85 - 0.25 * world.unseen**2
    before, after, panel = people(world.before), people(world.after), people(world.linked)
    noise = 0.85
    before["y"] = level(before, 0) + rng.normal(scale=noise, size=len(before))
    after["attended"] = attends(after, low)
    after["y"] = level(after, 1) + world.effect * after["attended"] + rng.normal(scale=noise, size=len(after))
    panel["attended"] = attends(panel, low + 1.3)  # people who attend are asked more often for a code
    own = rng.normal(scale=0.5, size=len(panel))
    rows = []
    for wave in (0, 1):
        y = level(panel, wave) + own + world.effect * panel["attended"] * wave + rng.normal(scale=0.65, size=len(panel))
        rows.append(panel.assign(id=np.arange(len(panel)), wave=wave, y=y, treat=panel["attended"] * wave))
    return before, after, pd.concat(rows, ignore_index=True)


def estimates(before: pd.DataFrame, after: pd.DataFrame, linked: pd.DataFrame) -> dict[str, float]:
    """Return every design's estimate of the effect of attending ("places": of living in a place reached)."""
    seen = [np.ones(len(after)), after["attended"], after["black"], after["older"]]
    seen += [(after["place"] == p).astype(float) for p in range(1, 10)]
    x, y, a = np.column_stack(seen).astype(float), after["y"].to_numpy(), after["attended"] == 1
    words = {name: f.assign(place=f["place"].astype(str)) for name, f in (("b", before), ("a", after))}
    slope, four = predicted_attendance.contrasts(words["b"], words["a"], outcome="y", treat="attended", covariates=SEEN)
    both = pd.concat([before.assign(t=0, attended=0.0), after.assign(t=1)], ignore_index=True)
    itt = two_by_two(both, outcome="y", group="reached", time="t", vcov="HC1")
    ratio = wald_ratio(both, outcome="y", taken="attended", group="reached", time="t", area="place")
    fd = first_differences(linked, outcome="y", treat="treat", unit="id", time="wave")
    return {
        "naive": float(y[a].mean() - y[~a].mean()),
        "adjusted": float(np.linalg.lstsq(x, y, rcond=None)[0][1]),
        "four_group": four,
        "slope": slope,
        "places": itt.value if hasattr(itt, "value") else float("nan"),
        "ratio": ratio.value if hasattr(ratio, "value") else float("nan"),
        "linked": fd.value if hasattr(fd, "value") else float("nan"),
    }


def large(*, people: int = 120_000, seed: int = 0, unseen: float = 1.0) -> pd.DataFrame:
    """Return each design's estimate in two huge surveys: what it would say if only sampling error were gone.

    Index the designs; columns "seen" (selection on what is seen only) and "unseen"; the truth is `World.effect`.
    """
    out = {}
    for column, strength in (("seen", 0.0), ("unseen", unseen)):
        world = World(before=people // 3, after=people, linked=people // 6, unseen=strength)
        out[column] = estimates(*draw(world, np.random.default_rng([seed, int(strength > 0)])))
    return pd.DataFrame(out).reindex(list(NAMES))


def many(world: World, *, runs: int, seed: int = 0) -> pd.DataFrame:
    """Return mean and standard deviation of each design's estimate over simulated studies of the given sizes."""
    found = [estimates(*draw(world, np.random.default_rng([seed, i]))) for i in range(runs)]
    table = pd.DataFrame(found)[list(NAMES)]
    return pd.DataFrame({"mean": table.mean(), "sd": table.std(ddof=1), "median": table.median()})
