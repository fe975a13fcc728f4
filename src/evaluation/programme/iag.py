"""Advisory groups: depth of participation, who chairs and sets the agenda, advice taken, before and after a model."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from evaluation.errors import DataError, require_columns

MOST_EXACT = 200_000  # splits enumerated; above it, this many are drawn


@dataclass(frozen=True, slots=True)
class Practice:
    """How the meetings of one period were run.

    Attributes
    ----------
    meetings : int
        Meetings in the register.
    depth_mean, depth_median : float
        Depth of participation, on the scale of the register's `depth`; 0 where no meeting has one.
    community_chaired, community_agenda : int
        Meetings chaired by the community; meetings with an agenda set by it, alone or jointly.
    advice, adopted, explained, silent : int
        Pieces of advice given; adopted; declined with a written reason; neither of the two.
    members, police : int
        Places taken by members and by police, summed over meetings.
    under_25 : int
        Members under 25, summed over meetings.
    solution_questions : int
        Meetings that used questions about what good looks like.
    """

    meetings: int
    depth_mean: float
    depth_median: float
    community_chaired: int
    community_agenda: int
    advice: int
    adopted: int
    explained: int
    silent: int
    members: int
    police: int
    under_25: int
    solution_questions: int

    def tidy(self) -> dict[str, object]:
        """Return one flat row.

        Returns
        -------
        dict
            Field name to value.
        """
        return asdict(self)


def practice(meetings: pd.DataFrame) -> Practice:
    """Return how the meetings of a register were run.

    Parameters
    ----------
    meetings : DataFrame
        One row a meeting: depth, chaired_by, agenda_by, n_advice, n_advice_adopted, n_advice_explained, n_members,
        n_police; n_under25 and solution_questions where they are recorded.

    Returns
    -------
    Practice
        Counts of meetings, pieces of advice and places.

    Raises
    ------
    UnknownColumn
        A column is missing.
    DataError
        More advice was answered than given in a meeting.
    """
    need = [
        "depth",
        "chaired_by",
        "agenda_by",
        "n_advice",
        "n_advice_adopted",
        "n_advice_explained",
        "n_members",
        "n_police",
    ]
    require_columns(meetings, need, role="meetings")
    given, taken, told = (meetings[c].astype("Float64").fillna(0) for c in need[3:6])
    if (taken + told > given).any():
        raise DataError("a meeting answers more advice than was given", todo="Correct the meetings register.")
    depth = meetings["depth"].dropna().astype(float)
    young = meetings["n_under25"].astype("Float64").sum() if "n_under25" in meetings else 0
    used = (meetings["solution_questions"] == "yes").fillna(False).sum() if "solution_questions" in meetings else 0
    return Practice(
        len(meetings),
        float(depth.mean()) if len(depth) else 0.0,
        float(depth.median()) if len(depth) else 0.0,
        int((meetings["chaired_by"] == "community").fillna(False).sum()),
        int(meetings["agenda_by"].isin(["community", "joint"]).sum()),
        int(given.sum()),
        int(taken.sum()),
        int(told.sum()),
        int((given - taken - told).sum()),
        int(meetings["n_members"].astype("Float64").sum()),
        int(meetings["n_police"].astype("Float64").sum()),
        int(young),
        int(used),
    )


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """Difference between two groups of meetings, with its permutation p-value and interval.

    Attributes
    ----------
    difference : float
        Mean after minus mean before.
    p : float
        Two-sided: share of splits whose absolute difference is at least as large.
    low, high : float or None
        95 % interval by inverting the test for a shift; None where too few meetings leave an end open.
    n_before, n_after : int
        Meetings on each side.
    splits : int
        Splits of the meetings that were looked at.
    exact : bool
        Every split was enumerated; else `splits` of them were drawn.
    """

    difference: float
    p: float
    low: float | None
    high: float | None
    n_before: int
    n_after: int
    splits: int
    exact: bool

    def tidy(self) -> dict[str, object]:
        """Return one flat row.

        Returns
        -------
        dict
            Field name to value.
        """
        return asdict(self)


def permutation(before: pd.Series, after: pd.Series, *, seed: int = 0, most: int = MOST_EXACT) -> PermutationTest:
    """Return a permutation comparison of few meetings before and after a change of model.

    Splits are enumerated when there are at most `most` of them, else that many are drawn and the p-value is
    (1 + as large) / (1 + draws) (Phipson and Smyth 2010). The interval inverts the same test for a constant shift.

    Parameters
    ----------
    before, after : Series of float
        One number per meeting; blanks are dropped.
    seed : int
        Seed of the drawn splits.
    most : int
        Largest number of splits that is enumerated.

    Returns
    -------
    PermutationTest
        Difference of means, p-value and 95 % interval.

    Raises
    ------
    DataError
        Fewer than two meetings on either side.
    """
    x, y = before.dropna().to_numpy(dtype=float), after.dropna().to_numpy(dtype=float)
    if len(x) < 2 or len(y) < 2:
        raise DataError("a comparison of meetings needs two on each side", todo="Wait for more meetings.")
    chosen, exact = _splits(len(x), len(y), seed, most)
    p = _p_value(x, y, 0.0, chosen, exact)
    low, high = _invert(x, y, chosen, exact)
    return PermutationTest(float(y.mean() - x.mean()), p, low, high, len(x), len(y), len(chosen), exact)


def _splits(m: int, n: int, seed: int, most: int) -> tuple[np.ndarray, bool]:
    """Return rows of places that stand for "after": all of them, or drawn ones."""
    if math.comb(m + n, n) <= most:
        return np.array(list(itertools.combinations(range(m + n), n))), True
    rng = np.random.default_rng(seed)
    draws = min(most, 20_000)
    return np.argpartition(rng.random((draws, m + n)), n - 1, axis=1)[:, :n], False


def _p_value(x: np.ndarray, y: np.ndarray, shift: float, chosen: np.ndarray, exact: bool) -> float:
    pooled = np.concatenate([x, y - shift])
    total, n, m = pooled.sum(), len(y), len(x)
    inside = pooled[chosen].sum(axis=1)
    gaps = np.abs(inside / n - (total - inside) / m)
    seen = abs((y - shift).mean() - x.mean())
    as_large = int((gaps >= seen - 1e-9).sum())
    return as_large / len(chosen) if exact else (1 + as_large) / (1 + len(chosen))


def _invert(x: np.ndarray, y: np.ndarray, chosen: np.ndarray, exact: bool) -> tuple[float | None, float | None]:
    """Return the shifts at which the test stops rejecting at 5 %, by bisection from the estimate outwards."""
    middle = float(y.mean() - x.mean())
    width = float(max(x.max(), y.max()) - min(x.min(), y.min())) + 1.0
    ends: list[float | None] = []
    for sign in (-1.0, 1.0):
        outer = middle + sign * 2 * width
        if _p_value(x, y, outer, chosen, exact) > 0.05:
            ends.append(None)
            continue
        inner = middle
        for _ in range(20):
            half = (inner + outer) / 2
            inner, outer = (half, outer) if _p_value(x, y, half, chosen, exact) > 0.05 else (inner, half)
        ends.append((inner + outer) / 2)
    return ends[0], ends[1]
