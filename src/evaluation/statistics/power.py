"""What a study of a given size can see: detectable differences, sizes for the next wave, and how it would mislead."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evaluation import errors


@dataclass(frozen=True, slots=True)
class Retrodesign:
    """What a study would report at a true difference: power, wrong-sign chance, exaggeration of what it finds.

    `power`, `wrong_sign` are probabilities (0 to 1), the second among significant results; `exaggeration` is the mean
    absolute significant estimate over the true difference.
    """

    power: float
    wrong_sign: float
    exaggeration: float

    def tidy(self) -> dict[str, float]:
        """Return one flat row."""
        return {"power": self.power, "wrong_sign": self.wrong_sign, "exaggeration": self.exaggeration}

    def summary(self) -> str:
        """Return one sentence."""
        return f"Found {self.power:.0%} of the time, then {self.exaggeration:.1f} times too large on average."


def minimum_detectable(se: float, *, df: float = math.inf, power: float = 0.8, size: float = 0.05) -> float:
    """Return the smallest true difference found with `power` by a two-sided test of `size` (Bloom 1995).

    (t_{1 - size/2, df} + t_{power, df}) se; `se` is that of the estimate, design effect included.
    """
    if not se > 0 or not 0 < size < 1 or not size < power < 1 or not df > 0:
        raise errors.DataError("needs se > 0, df > 0 and 0 < size < power < 1")
    return (_quantile(1 - size / 2, df) + _quantile(power, df)) * se


def _quantile(q: float, df: float) -> float:
    from scipy.special import ndtri, stdtrit

    return float(ndtri(q) if math.isinf(df) else stdtrit(df, q))


def design_effect(*, per_session: float, correlation: float, weighting: float = 1.0, variation: float = 0.0) -> float:
    """Return how much the variance grows: weighting × (1 + ((1 + variation²) per_session - 1) correlation).

    `per_session` people on average (1 or more), intraclass `correlation` (0 to 1), Kish's factor for `weighting`
    (1 or more), coefficient of variation of session sizes (Kish 1965; Eldridge, Ashby and Kerry 2006).
    """
    if per_session < 1 or not 0 <= correlation <= 1 or weighting < 1 or variation < 0:
        raise errors.DataError("needs per_session >= 1, correlation in 0 to 1, weighting >= 1, variation >= 0")
    return weighting * (1 + ((1 + variation**2) * per_session - 1) * correlation)


def standard_error(sd: float, n1: float, n2: float, *, effect1: float = 1.0, effect2: float = 1.0) -> float:
    """Return the standard error of a difference of two means: sd sqrt(effect1 / n1 + effect2 / n2)."""
    if not sd > 0 or min(n1, n2) <= 0 or min(effect1, effect2) <= 0:
        raise errors.DataError("needs a positive sd, sizes and design effects")
    return sd * math.sqrt(effect1 / n1 + effect2 / n2)


def people_needed(
    difference: float, sd: float, *, ratio: float = 1.0, effect: float = 1.0, power: float = 0.8, size: float = 0.05
) -> tuple[int, int]:
    """Return people needed in two groups (the second `ratio` times the first) to find a difference.

    n1 = effect sd² (1 + 1/ratio) ((z_{1 - size/2} + z_{power}) / difference)², rounded up; the normal quantile is used,
    and with few sessions `sessions_needed` is the binding number.
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
    """Return the sessions a side needs so that t on 2 (sessions - 1) degrees of freedom finds the difference.

    Raises
    ------
    DataError
        Even `most` sessions a side do not suffice.
    """
    effect = design_effect(per_session=per_session, correlation=correlation, weighting=weighting)

    def enough(sessions: int) -> bool:
        n = sessions * per_session
        se = standard_error(sd, n, n, effect1=effect, effect2=effect)
        return minimum_detectable(se, df=2 * (sessions - 1), power=power, size=size) <= abs(difference)

    if difference == 0 or not enough(most):
        raise errors.DataError(f"not even {most} sessions a side find that difference")
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def retrodesign(difference: float, se: float, *, df: float = math.inf, size: float = 0.05) -> Retrodesign:
    """Return power, wrong-sign chance and exaggeration at a true difference (Gelman and Carlin 2014).

    The estimate is normal around the truth with standard error `se`, judged against t on `df`; exaggeration is exact
    for the normal: E|estimate| over the two significant tails, divided by the probability of being there.
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
    """Return the chance that the whole interval lies inside ± margin when there is no difference at all (0 to 1)."""
    from scipy.stats import norm

    if not margin > 0 or not se > 0:
        raise errors.DataError("needs a positive margin and standard error")
    room = margin / se - _quantile(0.5 + level / 2, df)
    return max(0.0, float(2 * norm.cdf(room) - 1))


def half_width(sd: float, n: float, *, effect: float = 1.0, df: float = math.inf, level: float = 0.95) -> float:
    """Return half the width of the interval of one mean: t sd sqrt(effect / n)."""
    if not sd >= 0 or not n > 0 or not effect > 0:
        raise errors.DataError("needs sd >= 0 and a positive size and design effect")
    return _quantile(0.5 + level / 2, df) * sd * math.sqrt(effect / n)
