"""Bounds and break-even values: what an unseen gap, or the people who did not answer, could do to a result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate
from evaluation.statistics._arrays import Floats, is_number


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The earlier gap between the groups at which the whole difference vanishes.

    Attributes
    ----------
    gap : float
        The gap, in the outcome's unit.
    in_sd : float
        The gap in standard deviations of the outcome.
    gap_to_limit : float
        The smaller gap at which the 95 % interval reaches no difference (0 where it does already), in the outcome's
        unit.
    """

    gap: float
    in_sd: float
    gap_to_limit: float

    def tidy(self) -> dict[str, float]:
        """Return the gaps as one flat row.

        Returns
        -------
        dict of str to float
            gap, in_sd, gap_to_limit.
        """
        return {"gap": self.gap, "in_sd": self.in_sd, "gap_to_limit": self.gap_to_limit}

    def summary(self) -> str:
        """Return one sentence on the gap that would explain the difference.

        Returns
        -------
        str
            The gap in points and in standard deviations, and its direction.
        """
        word = "more" if self.gap >= 0 else "less"
        return (
            f"The difference would vanish if the groups had already differed by {abs(self.gap):.2f} points "
            f"({abs(self.in_sd):.2f} standard deviations, attendees {word} trusting) beforehand."
        )


def break_even(estimate: Estimate, *, sd: float) -> BreakEven:
    """Return the unseen baseline gap that equals the estimated difference.

    Parameters
    ----------
    estimate : Estimate
        The difference, in the outcome's unit; the gap is counted from its `null`.
    sd : float
        Standard deviation of the outcome, above 0.

    Returns
    -------
    BreakEven
        The gap, in the outcome's unit and in standard deviations.

    Raises
    ------
    DataError
        No `Estimate`, or a standard deviation that is not a positive number.
    """
    if not isinstance(estimate, Estimate):
        raise errors.DataError(f"a break-even gap needs an Estimate, not {type(estimate).__name__}", todo="Give one.")
    if not is_number(sd) or not sd > 0 or not math.isfinite(sd):
        raise errors.DataError(f"the standard deviation is {sd!r}", todo="Give a positive number.")
    null = estimate.null or 0.0
    gap = estimate.value - null
    limit = 0.0
    if estimate.low is not None and estimate.high is not None:
        low, high = estimate.low - null, estimate.high - null
        limit = max(low, 0.0) if gap >= 0 else min(high, 0.0)
    return BreakEven(float(gap), float(gap / sd), float(limit))


def kappa_bounds(estimate: Estimate, *, sd: float, kappas: Sequence[float], monotone: bool = False) -> pd.DataFrame:
    """Return bounds on the effect when the unseen baseline gap is at most kappa standard deviations.

    Parameters
    ----------
    estimate : Estimate
        The difference, in the outcome's unit, with its standard error.
    sd : float
        Standard deviation of the outcome, above 0.
    kappas : sequence of float
        Largest gaps, in standard deviations, each 0 or more.
    monotone : bool
        Whether attendees are taken to have been at least as trusting beforehand: the effect then lies within
        estimate - kappa sd and estimate; otherwise within estimate ± kappa sd.

    Returns
    -------
    DataFrame
        kappa, low, high (of the effect), ci_low, ci_high (95 %), sign_kept (0 lies outside the interval).

    Raises
    ------
    DataError
        An estimate without a standard error, a negative kappa, or a standard deviation that is not above 0.

    References
    ----------
    Imbens and Manski (2004) for the interval's ends: the one-sided quantile c solves F(c + width/se) - F(-c) = 0.95,
    F the distribution of the published interval: Student's with the estimate's degrees of freedom, else the normal.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm, t

    if estimate.se is None or any(k < 0 for k in kappas) or not sd > 0:
        raise errors.DataError("bounds need an estimate with a standard error, kappas of 0 or more, and a positive sd")
    few = estimate.df is not None and math.isfinite(estimate.df)
    chance = t(estimate.df).cdf if few else norm.cdf
    most = 1.0 + float(t(estimate.df).ppf(0.975) if few else norm.ppf(0.975))
    rows = []
    for kappa in kappas:
        low = estimate.value - kappa * sd
        high = estimate.value + (0.0 if monotone else kappa * sd)
        width = (high - low) / estimate.se
        c = brentq(lambda c, w=width: chance(c + w) - chance(-c) - 0.95, 1.0, most)
        ends = (low - c * estimate.se, high + c * estimate.se)
        rows.append((kappa, low, high, *ends, not ends[0] <= 0 <= ends[1]))
    return pd.DataFrame(rows, columns=["kappa", "low", "high", "ci_low", "ci_high", "sign_kept"])


def worst_case(
    outcome: pd.Series[float],
    treat: pd.Series[float],
    *,
    bounds: tuple[float, float],
    weight: pd.Series[float] | None = None,
) -> tuple[float, float]:
    """Return the lowest and highest difference in means when missing answers may be anything within `bounds`.

    Parameters
    ----------
    outcome : Series
        Answers; missing ones are allowed (that is the point).
    treat : Series of 0 and 1
        Treatment, complete.
    bounds : tuple of float
        Lowest and highest answer that anybody could give.
    weight : Series, optional
        Survey weights; 1 for everybody when not given.

    Returns
    -------
    tuple of float
        Lowest and highest difference, treated less others, in the outcome's unit.

    Raises
    ------
    MissingValues
        A treatment or a weight is missing.
    DataError
        An answer outside `bounds`.
    EmptyCell
        A group with nobody.

    References
    ----------
    Manski (1990), equations 2 and 3.
    """
    low, high = bounds
    w = pd.Series(1.0, index=outcome.index) if weight is None else weight
    errors.require_complete(pd.DataFrame({"treat": treat, "weight": w}), ["treat", "weight"], role="worst-case bounds")
    known = outcome.dropna()
    if len(known) and (known.min() < low or known.max() > high):
        raise errors.DataError(f"an answer lies outside {low} to {high}")
    ends = {}
    for arm in (1, 0):
        rows = treat == arm
        if not rows.any():
            raise errors.EmptyCell("one of the two groups has nobody")
        for fill in (low, high):
            ends[arm, fill] = float(np.average(outcome[rows].fillna(fill).astype(float), weights=w[rows]))
    return ends[1, low] - ends[0, high], ends[1, high] - ends[0, low]


@dataclass(frozen=True, slots=True)
class LeeBounds:
    """Lee's bounds on the difference among people who would answer in either group.

    Attributes
    ----------
    low, high : float
        Ends of the difference, treated less others, in the outcome's unit.
    trimmed_share : float
        Share (0 to 1) of the group that answers more that was trimmed.
    trimmed : int
        The same in people, the last one counted in part.
    group : int
        The group that was trimmed: 1 treated, 0 others.
    """

    low: float
    high: float
    trimmed_share: float
    trimmed: int
    group: int

    def tidy(self) -> dict[str, float]:
        """Return the bounds as one flat row.

        Returns
        -------
        dict of str to float
            low, high, trimmed_share, trimmed.
        """
        return {"low": self.low, "high": self.high, "trimmed_share": self.trimmed_share, "trimmed": self.trimmed}

    def summary(self) -> str:
        """Return one sentence with the bounds.

        Returns
        -------
        str
            Both ends, and the share that was trimmed.
        """
        return f"Between {self.low:.2f} and {self.high:.2f} once {self.trimmed_share:.1%} of one group is trimmed."


def lee(outcome: pd.Series[float], treat: pd.Series[float]) -> LeeBounds:
    """Return Lee's bounds on a difference in means from answers that may be missing.

    Answering must be monotone: nobody would answer in the group that answers less only. The group that answers more is
    trimmed by the difference in answering rates, from above and from below; the number trimmed is rounded down to whole
    people plus a fraction of the next one, so the share is exact.

    Parameters
    ----------
    outcome : Series
        Answers; missing ones are allowed.
    treat : Series of 0 and 1
        Treatment, complete.

    Returns
    -------
    LeeBounds
        Both ends, and what was trimmed.

    Raises
    ------
    MissingValues
        A treatment is missing.
    EmptyCell
        A group without answers.

    References
    ----------
    Lee (2009), Proposition 1a.
    """
    errors.require_complete(pd.DataFrame({"treat": treat}), ["treat"], role="Lee bounds")
    arms = {a: outcome[treat == a] for a in (0, 1)}
    if any(a.notna().sum() == 0 for a in arms.values()):
        raise errors.EmptyCell("one of the two groups has no answers")
    rates = {a: float(v.notna().mean()) for a, v in arms.items()}
    group = 1 if rates[1] >= rates[0] else 0
    share = (rates[group] - rates[1 - group]) / rates[group]
    values = np.sort(arms[group].dropna().to_numpy(dtype=float))
    other = float(arms[1 - group].dropna().astype(float).mean())
    kept_low, kept_high = _trimmed_mean(values, share), -_trimmed_mean(-values[::-1], share)
    ends = (kept_low - other, kept_high - other) if group else (other - kept_high, other - kept_low)
    return LeeBounds(ends[0], ends[1], share, math.ceil(share * len(values) - 1e-9), group)


def _trimmed_mean(values: Floats, share: float) -> float:
    """Return the mean of sorted values without the highest `share`, the marginal person counted in part."""
    keep = len(values) * (1 - share)
    weight = np.clip(keep - np.arange(len(values)), 0.0, 1.0)
    return float(weight @ values / weight.sum())


def nonresponse_bias(*, answered: int, population: int, correlation: float, sd: float) -> float:
    """Return the bias of a mean when answering goes with the answer: rho sqrt((N - n) / n) sd.

    Parameters
    ----------
    answered, population : int
        People who answered (n, above 0) and people in the population (N).
    correlation : float
        Correlation (-1 to 1) between answering and the answer.
    sd : float
        Standard deviation of the answer in the population, 0 or more.

    Returns
    -------
    float
        Bias in the outcome's unit.

    Raises
    ------
    DataError
        Numbers outside these ranges.

    References
    ----------
    Meng (2018), equation 2.3.
    """
    if not 0 < answered <= population or not sd >= 0 or not -1 <= correlation <= 1:
        raise errors.DataError("needs 0 < answered <= population, a correlation in -1 to 1, and an sd of 0 or more")
    return correlation * math.sqrt((population - answered) / answered) * sd


def correlation_to_erase(*, value: float, answered: int, population: int, sd: float) -> float:
    """Return the correlation between answering and the answer at which a value would be nothing but bias.

    Parameters
    ----------
    value : float
        The value (a mean less its reference, or a difference), in the outcome's unit.
    answered, population : int
        People who answered (above 0) and people in the population.
    sd : float
        Standard deviation of the answer in the population.

    Returns
    -------
    float
        The correlation; beyond -1 or 1 no correlation could make the value.

    Raises
    ------
    DataError
        Everybody answered, or nobody differs: no correlation can move the value.
    """
    one = nonresponse_bias(answered=answered, population=population, correlation=1.0, sd=sd)
    if one == 0:
        raise errors.DataError("everybody answered, or nobody differs: no correlation can move the value")
    return value / one
