"""What a study of a given size can see: detectable differences, sizes for the next wave, and how it would mislead."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from evaluation import errors


@dataclass(frozen=True, slots=True)
class Retrodesign:
    """What a study would report at a true difference: power, wrong-sign probability, exaggeration of what it finds.

    Attributes
    ----------
    power : float
        Probability (0 to 1) of a significant result.
    wrong_sign : float
        Probability (0 to 1), among significant results, of the wrong sign.
    exaggeration : float
        Mean absolute significant estimate over the true difference, 1 or more.
    """

    power: float
    wrong_sign: float
    exaggeration: float

    def tidy(self) -> dict[str, float]:
        """Return the three as one flat row.

        Returns
        -------
        dict of str to float
            power, wrong_sign, exaggeration.
        """
        return {"power": self.power, "wrong_sign": self.wrong_sign, "exaggeration": self.exaggeration}

    def summary(self) -> str:
        """Return one sentence on how often and how misleadingly the difference would be found.

        Returns
        -------
        str
            Power and exaggeration.
        """
        return f"Found {self.power:.0%} of the time, then {self.exaggeration:.1f} times too large on average."


def minimum_detectable(se: float, *, df: float = math.inf, power: float = 0.8, size: float = 0.05) -> float:
    """Return the smallest true difference that a two-sided test finds with the given power.

    Parameters
    ----------
    se : float
        Standard error of the estimate, design effect included, above 0.
    df : float
        Degrees of freedom of the test; `inf` for the normal.
    power, size : float
        Probability of finding the difference, and level of the test, with 0 < size < power < 1.

    Returns
    -------
    float
        (t_{1 - size/2, df} + t_{power, df}) se, in the unit of `se`.

    Raises
    ------
    DataError
        Numbers outside these ranges.

    References
    ----------
    Bloom (1995).
    """
    if not se > 0 or not 0 < size < 1 or not size < power < 1 or not df > 0:
        raise errors.DataError("needs se > 0, df > 0 and 0 < size < power < 1")
    return (_quantile(1 - size / 2, df) + _quantile(power, df)) * se


def _quantile(q: float, df: float) -> float:
    """Return the quantile of t, or of the normal for infinite degrees of freedom."""
    from scipy.special import ndtri, stdtrit

    return float(ndtri(q) if math.isinf(df) else stdtrit(df, q))


def design_effect(*, per_session: float, correlation: float, weighting: float = 1.0, variation: float = 0.0) -> float:
    """Return how much clustering and weighting inflate a variance.

    Parameters
    ----------
    per_session : float
        People in a session on average, 1 or more.
    correlation : float
        Intraclass correlation, 0 to 1.
    weighting : float
        Kish's factor of the weights, 1 or more.
    variation : float
        Coefficient of variation of session sizes, 0 or more.

    Returns
    -------
    float
        weighting × (1 + ((1 + variation²) per_session - 1) correlation).

    Raises
    ------
    DataError
        Numbers outside these ranges.

    References
    ----------
    Kish (1965); Eldridge, Ashby and Kerry (2006).
    """
    if per_session < 1 or not 0 <= correlation <= 1 or weighting < 1 or variation < 0:
        raise errors.DataError("needs per_session >= 1, correlation in 0 to 1, weighting >= 1, variation >= 0")
    return weighting * (1 + ((1 + variation**2) * per_session - 1) * correlation)


def standard_error(sd: float, n1: float, n2: float, *, effect1: float = 1.0, effect2: float = 1.0) -> float:
    """Return the standard error of a difference of two means: sd sqrt(effect1 / n1 + effect2 / n2).

    Parameters
    ----------
    sd : float
        Standard deviation of the outcome, above 0.
    n1, n2 : float
        People in the two groups.
    effect1, effect2 : float
        Design effects of the two groups.

    Returns
    -------
    float
        Standard error in the outcome's unit.

    Raises
    ------
    DataError
        A number that is not positive.
    """
    if not sd > 0 or min(n1, n2) <= 0 or min(effect1, effect2) <= 0:
        raise errors.DataError("needs a positive sd, sizes and design effects")
    return sd * math.sqrt(effect1 / n1 + effect2 / n2)


def people_needed(
    difference: float, sd: float, *, ratio: float = 1.0, effect: float = 1.0, power: float = 0.8, size: float = 0.05
) -> tuple[int, int]:
    """Return the people that two groups need to find a difference.

    The normal quantile is used; with few sessions `sessions_needed` is the binding number.

    Parameters
    ----------
    difference : float
        True difference in the outcome's unit, not 0.
    sd : float
        Standard deviation of the outcome, above 0.
    ratio : float
        Size of the second group over that of the first.
    effect : float
        Design effect.
    power, size : float
        Probability of finding the difference, and level of the two-sided test.

    Returns
    -------
    tuple of int
        People in the first and in the second group, rounded up:
        n1 = effect sd² (1 + 1/ratio) ((z_{1 - size/2} + z_{power}) / difference)².

    Raises
    ------
    DataError
        A difference of 0, or a number that is not positive.
    """
    if difference == 0 or not sd > 0 or not ratio > 0 or not effect > 0:
        raise errors.DataError("needs a difference other than 0, and a positive sd, ratio and design effect")
    z = _quantile(1 - size / 2, math.inf) + _quantile(power, math.inf)
    first = effect * sd**2 * (1 + 1 / ratio) * (z / difference) ** 2
    return math.ceil(first - 1e-9), math.ceil(first * ratio - 1e-9)


def sessions_needed(
    difference: float,
    sd: float,
    *,
    per_session: float,
    correlation: float,
    weighting: float = 1.0,
    power: float = 0.8,
    size: float = 0.05,
    most: int = 10_000,
) -> int:
    """Return the sessions a side needs so that t on 2 (sessions - 1) degrees of freedom finds a difference.

    Parameters
    ----------
    difference : float
        True difference in the outcome's unit, not 0.
    sd : float
        Standard deviation of the outcome, above 0.
    per_session : float
        People in a session on average, 1 or more.
    correlation : float
        Intraclass correlation, 0 to 1.
    weighting : float
        Kish's factor of the weights, 1 or more.
    power, size : float
        Probability of finding the difference, and level of the two-sided test.
    most : int
        Largest number of sessions a side that is tried.

    Returns
    -------
    int
        Sessions a side.

    Raises
    ------
    DataError
        Even `most` sessions a side do not suffice.
    """
    effect = design_effect(per_session=per_session, correlation=correlation, weighting=weighting)
    detectable = partial(_detectable_by_sessions, sd=sd, per_session=per_session, effect=effect, power=power, size=size)
    if difference == 0 or not detectable(most) <= abs(difference):
        raise errors.DataError(f"not even {most} sessions a side find that difference")
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if detectable(middle) <= abs(difference) else (middle, high)
    return high


def _detectable_by_sessions(
    sessions: int, *, sd: float, per_session: float, effect: float, power: float, size: float
) -> float:
    """Return the smallest difference that so many sessions a side detect."""
    n = sessions * per_session
    se = standard_error(sd, n, n, effect1=effect, effect2=effect)
    return minimum_detectable(se, df=2 * (sessions - 1), power=power, size=size)


def retrodesign(difference: float, se: float, *, df: float = math.inf, size: float = 0.05) -> Retrodesign:
    """Return power, wrong-sign probability and exaggeration at a true difference.

    The estimate is normal around the truth, judged against t on `df`; exaggeration is exact for the normal: E|estimate|
    over the two significant tails, divided by the probability of being there.

    Parameters
    ----------
    difference : float
        True difference in the outcome's unit, not 0.
    se : float
        Standard error of the estimate, above 0.
    df : float
        Degrees of freedom of the test; `inf` for the normal.
    size : float
        Level of the two-sided test.

    Returns
    -------
    Retrodesign
        The three numbers.

    Raises
    ------
    DataError
        A true difference of 0, or a standard error that is not positive.

    References
    ----------
    Gelman and Carlin (2014).
    """
    from scipy.stats import norm

    if difference == 0 or not se > 0:
        raise errors.DataError("needs a true difference other than 0 and a positive standard error")
    bar, shift = _quantile(1 - size / 2, df), abs(difference) / se
    right, wrong = float(norm.sf(bar - shift)), float(norm.cdf(-bar - shift))
    upper = shift * right + float(norm.pdf(bar - shift))
    lower = -shift * wrong + float(norm.pdf(-bar - shift))
    power = right + wrong
    return Retrodesign(power, wrong / power, (upper + lower) / power / shift)


def chance_of_equivalence(margin: float, se: float, *, df: float = math.inf, level: float = 0.95) -> float:
    """Return the probability that the whole interval lies inside ± margin when there is no difference at all.

    Parameters
    ----------
    margin : float
        Smallest worthwhile difference, in the outcome's unit, above 0.
    se : float
        Standard error of the estimate, above 0.
    df : float
        Degrees of freedom of the interval; `inf` for the normal.
    level : float
        Confidence level of the interval, 0 to 1.

    Returns
    -------
    float
        Probability, 0 to 1.

    Raises
    ------
    DataError
        A margin or a standard error that is not positive.
    """
    from scipy.stats import norm

    if not margin > 0 or not se > 0:
        raise errors.DataError("needs a positive margin and standard error")
    room = margin / se - _quantile(0.5 + level / 2, df)
    return max(0.0, float(2 * norm.cdf(room) - 1))


def half_width(sd: float, n: float, *, effect: float = 1.0, df: float = math.inf, level: float = 0.95) -> float:
    """Return half the width of the interval of one mean: t sd sqrt(effect / n).

    Parameters
    ----------
    sd : float
        Standard deviation of the outcome, 0 or more.
    n : float
        People.
    effect : float
        Design effect.
    df : float
        Degrees of freedom; `inf` for the normal.
    level : float
        Confidence level of the interval, 0 to 1.

    Returns
    -------
    float
        Half width in the outcome's unit.

    Raises
    ------
    DataError
        A negative standard deviation, or a size or a design effect that is not positive.
    """
    if not sd >= 0 or not n > 0 or not effect > 0:
        raise errors.DataError("needs sd >= 0 and a positive size and design effect")
    return _quantile(0.5 + level / 2, df) * sd * math.sqrt(effect / n)
