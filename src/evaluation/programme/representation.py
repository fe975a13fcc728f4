"""Recording, recruitment and parity: shares with exact intervals, unknowns at their best and worst, p-charts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from evaluation.errors import DataError, require_columns

LEAST_PERIODS = 12  # periods from which a p-chart learns how much shares vary beyond counting


def exact_interval(x: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a share (Clopper and Pearson 1934).

    Parameters
    ----------
    x, n : int
        Cases and the base they are of.
    level : float
        Coverage, 0 to 1.

    Returns
    -------
    tuple of float
        Low and high, 0 to 1.

    Raises
    ------
    DataError
        `n` is 0, or `x` is not between 0 and `n`.
    """
    from scipy.special import betaincinv

    if n <= 0 or not 0 <= x <= n:
        raise DataError(f"a share needs 0 ≤ x ≤ n and n > 0, got {x} of {n}", todo="Check the counts.")
    tail = (1 - level) / 2
    low = 0.0 if x == 0 else float(betaincinv(x, n - x + 1, tail))
    high = 1.0 if x == n else float(betaincinv(x + 1, n - x, 1 - tail))
    return low, high


@dataclass(frozen=True, slots=True)
class Goal:
    """A share against "not less than" a goal.

    Attributes
    ----------
    people, known, unknown : int
        People of the group, people whose group is known, people whose group is not.
    goal : float
        The share that is aimed at, 0 to 1.
    known_share, low, high : float
        Share among people whose group is known, 0 to 1, with its exact interval.
    worst, best : float
        Share of everybody with all unknowns outside the group, and with all inside it.
    p : float
        Exact one-sided p-value of "the underlying rate is the goal or more" (small values speak against it).
    met : str
        "met", "not met" (whatever the unknowns are), or "depends on those not known": the year's own share is a count
        of all who joined, so this needs no interval; the interval is about the rate behind it.
    least_for_rate : int
        How many of the known would be needed for the interval's lower end to reach the goal.
    """

    people: int
    known: int
    unknown: int
    goal: float
    known_share: float
    low: float
    high: float
    worst: float
    best: float
    p: float
    met: str
    least_for_rate: int

    def tidy(self) -> dict[str, object]:
        """Return one flat row.

        Returns
        -------
        dict
            Field name to value.
        """
        return asdict(self)


def against_goal(people: int, total: int, unknown: int, *, goal: float) -> Goal:
    """Return a group's share against a goal, unknowns at their best and worst.

    Parameters
    ----------
    people, total, unknown : int
        People of the group, everybody, and those whose group is not known.
    goal : float
        The share that is aimed at, 0 to 1.

    Returns
    -------
    Goal
        The share with its interval, and whether the goal is met.

    Raises
    ------
    DataError
        More people than are known, or nobody is known.
    """
    known = total - unknown
    if known <= 0 or people > known or min(people, unknown) < 0:
        raise DataError(f"{people} people of {total}, {unknown} not known: the counts do not fit", todo="Check them.")
    from scipy.stats import binomtest

    low, high = exact_interval(people, known)
    worst, best = people / total, (people + unknown) / total
    met = "met" if worst >= goal else "not met" if best < goal else "depends on those not known"
    need = next((x for x in range(known + 1) if exact_interval(x, known)[0] >= goal), known + 1)
    return Goal(
        people,
        known,
        unknown,
        goal,
        people / known,
        low,
        high,
        worst,
        best,
        float(binomtest(people, known, goal, "less").pvalue),
        met,
        need,
    )


@dataclass(frozen=True, slots=True)
class Change:
    """One change told three ways.

    Attributes
    ----------
    count_per_cent, share_per_cent : float
        Change of the count and of the share, as a percentage of the earlier one.
    share_points : float
        Change of the share in percentage points.
    """

    count_per_cent: float
    share_per_cent: float
    share_points: float

    def tidy(self) -> dict[str, object]:
        """Return one flat row.

        Returns
        -------
        dict
            Field name to value.
        """
        return asdict(self)


def change(before: int, base_before: int, after: int, base_after: int) -> Change:
    """Return a change as a percentage of the count, a percentage of the share, and percentage points of the share.

    Parameters
    ----------
    before, base_before : int
        Earlier count and the base it is of.
    after, base_after : int
        Later count and the base it is of.

    Returns
    -------
    Change
        The change told three ways.

    Raises
    ------
    DataError
        The earlier count or a base is 0.
    """
    if min(before, base_before, base_after) <= 0:
        raise DataError("a percentage change needs a count and bases above 0", todo="Say that the base is not there.")
    was, now = before / base_before, after / base_after
    return Change(100 * (after / before - 1), 100 * (now / was - 1), 100 * (now - was))


def p_chart(events: pd.Series, base: pd.Series) -> pd.DataFrame:
    """Return each period's share against control limits around the mean share (Shewhart p-chart, 3 standard errors).

    With bases in the tens of thousands the plain limits are far too tight (Laney 2002): with 12 periods or more limits
    are widened by σ_z, the average moving range of the standardised shares over 1.128, where that exceeds 1. Fewer
    periods cannot tell a trend from wide variation, so their limits show counting variation only.

    Parameters
    ----------
    events, base : Series of int
        Cases and the base they are of, by period, in order of time.

    Returns
    -------
    DataFrame
        By period: share, low, high (0 to 1), sigma_z and `state` ("as expected" or "outside expected variation").

    Raises
    ------
    DataError
        A period has no count, or no base above 0.
    """
    size = base.astype(float)
    if (size <= 0).any() or events.isna().any():
        raise DataError("every period needs a count and a base above 0", todo="Leave out periods without them.")
    share = events.astype(float) / size
    middle = float(events.sum() / size.sum())
    se = pd.Series(np.sqrt((middle * (1 - middle) / size).to_numpy()), index=size.index)
    z = (share - middle) / se.where(se > 0, 1.0)
    wide = float(np.abs(np.diff(z.to_numpy())).mean() / 1.128) if len(z) >= LEAST_PERIODS else 1.0
    spread = max(1.0, wide)
    out = pd.DataFrame(
        {
            "share": share,
            "low": (middle - 3 * spread * se).clip(0),
            "high": (middle + 3 * spread * se).clip(upper=1),
            "sigma_z": spread,
        }
    )
    outside = (share < out["low"]) | (share > out["high"])
    out["state"] = np.where(outside, "outside expected variation", "as expected")
    return out


def funnel(stages: pd.DataFrame, *, order: tuple[str, ...], stage: str = "stage") -> pd.DataFrame:
    """Return, stage by stage, the group's share among those whose group is known.

    Where the share falls from one stage to the next is where a gap opens.

    Parameters
    ----------
    stages : DataFrame
        One row per stage or part of one: n_people (of the group), n_total, n_unknown.
    order : tuple of str
        Stages in order; one that the frame lacks is left out.
    stage : str
        Column that names the stage.

    Returns
    -------
    DataFrame
        Columns stage, people, known, share, low, high (shares 0 to 1, exact interval).

    Raises
    ------
    UnknownColumn
        A column is missing.
    DataError
        Nobody's group is known at a stage, or the counts do not fit.
    """
    require_columns(stages, [stage, "n_people", "n_total", "n_unknown"], role="stages")
    made = []
    for name in order:
        rows = stages[stages[stage] == name]
        if rows.empty:
            continue
        people = int(rows["n_people"].astype(int).sum())
        known = int((rows["n_total"].astype(int) - rows["n_unknown"].astype(int)).sum())
        low, high = exact_interval(people, known)
        made.append(
            {"stage": name, "people": people, "known": known, "share": people / known, "low": low, "high": high}
        )
    return pd.DataFrame(made)


def parity(people: int, known: int, residents: float, population: float) -> tuple[float, float, float]:
    """Return a group's share against its share of residents; 1 is parity.

    Parameters
    ----------
    people, known : int
        People of the group, and those whose group is known.
    residents, population : float
        Residents of the group, and all residents; both are taken as known without error.

    Returns
    -------
    tuple of float
        Ratio, low and high; the exact interval is that of the first share.

    Raises
    ------
    DataError
        The group's share of residents is not between 0 and 1, or the counts do not fit.
    """
    share = residents / population
    if not 0 < share < 1:
        raise DataError("the group's share of residents must lie between 0 and 1")
    low, high = exact_interval(people, known)
    return people / known / share, low / share, high / share


def largest_failure_rate(failures: int, sample: int) -> float:
    """Return the largest failure rate that a dip sample still allows: the exact upper 95 % limit.

    Parameters
    ----------
    failures, sample : int
        Failures found, and cases looked at.

    Returns
    -------
    float
        Rate, 0 to 1.

    Raises
    ------
    DataError
        Nothing was sampled, or there are more failures than cases.
    """
    return exact_interval(failures, sample)[1]


def unknown_shares(row: Mapping[str, float], reasons: Mapping[str, str], *, base: str) -> dict[str, float]:
    """Return the share of each reason for an unrecorded group, kept apart.

    Parameters
    ----------
    row : mapping
        Counts of one period by column.
    reasons : mapping
        Column to the name of its reason; one without a count is left out.
    base : str
        Column with the number of victims.

    Returns
    -------
    dict
        Reason to share, 0 to 1.

    Raises
    ------
    DataError
        The base is missing or 0.
    """
    total = float(row[base])
    if total <= 0 or math.isnan(total):
        raise DataError("no base for the shares", where=base, todo="Give the number of victims.")
    return {name: float(row[c]) / total for c, name in reasons.items() if c in row and not pd.isna(row[c])}
