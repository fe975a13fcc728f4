"""Who came because of the lot: the Wald ratio, its Anderson-Rubin set, and bounds where answers are missing by arm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, NotIdentified, from_se
from evaluation.statistics.randomisation.difference_in_means import Arms, moments, read_arms


@dataclass(frozen=True, slots=True)
class AndersonRubin:
    """Effects on those who came because of the lot that are not rejected: one interval, two half-lines, or all.

    Attributes
    ----------
    low, high : float
        Ends, in the outcome's unit; infinite where the set has no end.
    shape : str
        "interval", "two half-lines" (everything below `low` and above `high`), "everything" or "empty".
    """

    low: float
    high: float
    shape: str

    def holds(self, value: float) -> bool:
        """Return whether an effect is in the set.

        Parameters
        ----------
        value : float
            Effect, in the outcome's unit.

        Returns
        -------
        bool
            True where it is not rejected.
        """
        if self.shape == "two half-lines":
            return value <= self.low or value >= self.high
        return self.shape != "empty" and self.low <= value <= self.high


class Compliance(NamedTuple):
    """Take-up by arm, and the effect on those whom the lot moved.

    Attributes
    ----------
    take_up : Estimate
        Difference in the share (0 to 1) who took part.
    f : float
        F statistic of that difference.
    effect : Estimate or NotIdentified
        Wald ratio with its delta error; refused where nobody more took part.
    plausible : AndersonRubin
        The set that holds at any strength of the lot.
    """

    take_up: Estimate
    f: float
    effect: Estimate | NotIdentified
    plausible: AndersonRubin


def compliance(
    frame: pd.DataFrame, *, outcome: str, arm: str, took_part: str, block: str | None = None, cluster: str | None = None
) -> Compliance:
    """Estimate the effect of taking part on those who took part because of the lot.

    Parameters
    ----------
    frame : DataFrame
        One row per person, complete in these columns.
    outcome, arm, took_part : str
        Columns of the outcome, of the arm (1 drawn, 0 not) and of taking part (0 and 1).
    block, cluster : str, optional
        Columns of the block, and of the unit that was drawn where it holds several people.

    Returns
    -------
    Compliance
        Take-up, its F, the ratio, and the Anderson-Rubin set with the cut-off of t.

    Raises
    ------
    EmptyCell
        A block without both arms.
    DataError
        A fault of the frame, as `read_arms` says.

    Notes
    -----
    The lot may move answers through taking part only, and nobody may stay away because they were drawn.

    References
    ----------
    Angrist, Imbens and Rubin (1996); Anderson and Rubin (1949); Imbens and Rosenbaum (2005).
    """
    arms = read_arms(frame, outcome, arm, block, cluster)
    part = read_arms(frame, took_part, arm, block, cluster)
    if not np.isin(part.y, (0, 1)).all():
        raise errors.DataError(f"{took_part!r} is not 0 and 1", todo="Say for each person whether they took part.")
    on_y, on_d = moments(arms), moments(part)
    both = moments(arms._replace(y=arms.y - part.y))
    covariance = (on_y.variance + on_d.variance - both.variance) / 2
    n = {"drawn": int(arms.z.sum()), "not drawn": int((1 - arms.z).sum())}
    take_up = from_se(
        on_d.value, math.sqrt(on_d.variance), df=on_d.df, n=n, outcome=took_part, method="difference in shares"
    )
    f = math.inf if on_d.variance == 0 and on_d.value else (on_d.value**2 / on_d.variance if on_d.variance else 0.0)
    cut = _cut(on_y.df)
    plausible = anderson_rubin(on_y.value, on_d.value, on_y.variance, on_d.variance, covariance, cut)
    if on_d.value <= 0:
        why = "the people drawn took part no more often than the others, so nobody took part because of the lot"
        return Compliance(
            take_up, f, NotIdentified(why, "A lot whose invitations bring people.", outcome=outcome), plausible
        )
    ratio = on_y.value / on_d.value
    variance = on_y.variance + ratio**2 * on_d.variance - 2 * ratio * covariance
    effect = from_se(
        ratio,
        math.sqrt(max(variance, 0.0)) / on_d.value,
        df=_df(arms, on_y.df),
        n=n,
        outcome=outcome,
        estimand="effect on those who took part because of the lot",
        method="Wald ratio",
        se_method="delta method",
    )
    return Compliance(take_up, f, effect, plausible)


def _df(arms: Arms, df: float) -> float:
    """Return the ratio's degrees of freedom: people less two without blocks and clusters, as two-stage fits have it."""
    return len(arms.y) - 2.0 if arms.cluster is None and not arms.block.max(initial=0) else df


def _cut(df: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.975))


def anderson_rubin(on_y: float, on_d: float, v_y: float, v_d: float, covariance: float, cut: float) -> AndersonRubin:
    """Return the ratios e for which (y - e d)² <= cut² (v_y - 2 e covariance + e² v_d).

    Parameters
    ----------
    on_y, on_d : float
        Difference in the outcome and in taking part.
    v_y, v_d, covariance : float
        Their variances and covariance.
    cut : float
        Cut-off of t, above 0.

    Returns
    -------
    AndersonRubin
        The set; never cut short where it has no end.
    """
    a = on_d**2 - cut**2 * v_d
    b = -2 * (on_y * on_d - cut**2 * covariance)
    c = on_y**2 - cut**2 * v_y
    inside = b * b - 4 * a * c
    if abs(a) <= 1e-14 * max(on_d**2, cut**2 * v_d, 1e-300):
        return _half_line(b, c)
    if inside < 0:
        return AndersonRubin(math.nan, math.nan, "empty") if a > 0 else AndersonRubin(-math.inf, math.inf, "everything")
    ends = sorted(((-b - math.sqrt(inside)) / (2 * a), (-b + math.sqrt(inside)) / (2 * a)))
    return AndersonRubin(ends[0], ends[1], "interval" if a > 0 else "two half-lines")


def _half_line(b: float, c: float) -> AndersonRubin:
    """Return the set where the quadratic has no square: one half-line, or everything."""
    if b == 0:
        return AndersonRubin(-math.inf, math.inf, "everything" if c <= 0 else "empty")
    return AndersonRubin(-math.inf, -c / b, "interval") if b > 0 else AndersonRubin(-c / b, math.inf, "interval")


@dataclass(frozen=True, slots=True)
class LeeBounds:
    """Bounds of the effect on people who answer whichever arm they are in.

    Attributes
    ----------
    low, high : float
        Bounds, in the outcome's unit.
    answered : tuple of float
        Share (0 to 1) who answered, drawn and not drawn.
    trimmed : float
        Share (0 to 1) of the arm that answered more which is trimmed from either end.
    """

    low: float
    high: float
    answered: tuple[float, float]
    trimmed: float


def lee_bounds(frame: pd.DataFrame, *, outcome: str, arm: str, block: str | None = None) -> LeeBounds:
    """Bound the effect of the lot where one arm answered more often than the other.

    Parameters
    ----------
    frame : DataFrame
        One row per person who was in the lot; `outcome` missing for those who did not answer.
    outcome, arm : str
        Columns of the outcome and of the arm: 1 drawn, 0 not.
    block : str, optional
        Column of the block: people count by the inverse of their arm's share of the block.

    Returns
    -------
    LeeBounds
        Bounds under "nobody answers because of one arm who would not because of the other" in one direction.

    Raises
    ------
    EmptyCell
        An arm in which nobody answered, or a block with one arm.
    DataError
        A fault of the frame.

    References
    ----------
    Lee (2009).
    """
    known = frame.assign(**{outcome: frame[outcome].fillna(0.0)}) if outcome in frame else frame
    arms = read_arms(known, outcome, arm, block, None)
    weight = _inverse_share(arms)
    answered = frame[outcome].notna().to_numpy()
    rates = [float(weight[answered & (arms.z == k)].sum() / weight[arms.z == k].sum()) for k in (1, 0)]
    if min(rates) == 0:
        raise errors.EmptyCell("nobody of one arm answered", todo="No bounds can be given.")
    more = 1 if rates[0] >= rates[1] else 0
    trimmed = 1 - min(rates) / max(rates)
    full = _mean(arms.y, weight, answered & (arms.z != more))
    ends = [_trimmed(arms.y, weight, answered & (arms.z == more), trimmed, top=top) for top in (True, False)]
    low, high = (ends[0] - full, ends[1] - full) if more == 1 else (full - ends[1], full - ends[0])
    return LeeBounds(low, high, (rates[0], rates[1]), trimmed)


def _inverse_share(arms: Arms) -> np.ndarray:
    """Return one over the share of each person's arm in its block."""
    size = np.bincount(arms.block)
    drawn = np.bincount(arms.block, arms.z)
    if (drawn == 0).any() or (drawn == size).any():
        raise errors.EmptyCell("a block holds one arm only", todo="Join blocks, or leave that block out.")
    own = np.where(arms.z == 1, drawn[arms.block], (size - drawn)[arms.block])
    return np.asarray(size[arms.block] / own)


def _mean(y: np.ndarray, weight: np.ndarray, rows: np.ndarray) -> float:
    return float(np.average(y[rows], weights=weight[rows]))


def _trimmed(y: np.ndarray, weight: np.ndarray, rows: np.ndarray, share: float, *, top: bool) -> float:
    """Return the mean after the share at the top (or the bottom) is trimmed; a person at the cut counts in part."""
    order = np.argsort(y[rows], kind="stable")
    values, w = y[rows][order], weight[rows][order]
    if not top:
        values, w = values[::-1], w[::-1]
    left = (1 - share) * w.sum()
    kept = np.clip(left - (np.cumsum(w) - w), 0, w)
    return float((values * kept).sum() / kept.sum())


def answered_by_arm(frame: pd.DataFrame, *, answered: str, arm: str, block: str | None = None) -> Estimate:
    """Return the difference between the arms in the share who answered, for the gate of attrition.

    Parameters
    ----------
    frame : DataFrame
        One row per person who was in the lot.
    answered, arm : str
        Columns of 0 and 1: answered the wave; drawn.
    block : str, optional
        Column of the block.

    Returns
    -------
    Estimate
        Difference in shares (0 to 1).

    Raises
    ------
    DataError, EmptyCell
        A fault of the frame, as `difference_in_means` says.
    """
    arms = read_arms(frame, answered, arm, block, None)
    found = moments(arms)
    n = {"drawn": int(arms.z.sum()), "not drawn": int((1 - arms.z).sum())}
    return from_se(
        found.value, math.sqrt(found.variance), df=found.df, n=n, outcome=answered, method="difference in shares"
    )


def spill_over(
    units: pd.DataFrame, allocations: np.ndarray, neighbours: Sequence[tuple[int, int]], *, treat: str, mean: str
) -> Estimate | NotIdentified:
    """Compare places not drawn beside a drawn one with places not drawn that have none beside them.

    Parameters
    ----------
    units : DataFrame
        One row per place in the order of the allocations.
    allocations : ndarray of bool, shape (allocations, units)
        What the lot could have given.
    neighbours : sequence of (int, int)
        Pairs of rows that lie side by side.
    treat, mean : str
        Columns: the allocation that was made (0 and 1), and the mean outcome of the place.

    Returns
    -------
    Estimate or NotIdentified
        Difference weighted by the inverse of the chance of being where a place was; without an error, which so few
        places do not allow.

    References
    ----------
    Aronow and Samii (2017).
    """
    beside = np.zeros((len(units), len(units)))
    for i, j in neighbours:
        beside[i, j] = beside[j, i] = 1
    near = allocations.astype(float) @ beside > 0
    chance = {True: (~allocations & near).mean(axis=0), False: (~allocations & ~near).mean(axis=0)}
    z = units[treat].to_numpy() == 1
    own = z.astype(float) @ beside > 0
    able = (chance[True] > 0) & (chance[False] > 0)
    y = units[mean].to_numpy(float)
    means = []
    for side in (True, False):
        rows = ~z & (own == side) & able & np.isfinite(y)
        if not rows.any():
            return NotIdentified(
                "no place that was not drawn, and could have been near or far, stands on one side",
                "More places, so that some not drawn have a drawn neighbour and some have none.",
            )
        means.append(float(np.average(y[rows], weights=1 / chance[side][rows])))
    n = {"beside": int((~z & own).sum()), "not beside": int((~z & ~own).sum())}
    return Estimate(
        means[0] - means[1], n=n, null=None, licence="exploratory", method="weighted by the chance of a neighbour"
    )
