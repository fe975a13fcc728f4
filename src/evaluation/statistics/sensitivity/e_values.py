"""E-values: how strongly an unseen trait would have to go with both attending and answering to explain a result."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evaluation import errors
from evaluation.statistics._arrays import is_number

KINDS = ("RR", "OR", "HR", "MD", "OLS")
_Ends = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class EValue:
    """E-value of an estimate and of the end of its interval nearer to `true`, on the risk-ratio scale.

    Attributes
    ----------
    point : float
        E-value of the estimate, 1 or more.
    limit : float or None
        E-value of the interval's nearer end: 1 where the interval holds `true`, None where no interval was given.
    rr : float
        The estimate as an (approximate) risk ratio.
    low, high : float or None
        Ends of its interval as risk ratios.
    """

    point: float
    limit: float | None
    rr: float
    low: float | None
    high: float | None

    def tidy(self) -> dict[str, float | None]:
        """Return the E-values as one flat row.

        Returns
        -------
        dict of str to float or None
            rr, low, high, e_value, e_value_limit.
        """
        return {"rr": self.rr, "low": self.low, "high": self.high, "e_value": self.point, "e_value_limit": self.limit}

    def summary(self) -> str:
        """Return one sentence on how strong an unseen trait would have to be.

        Returns
        -------
        str
            The risk ratio that would explain the estimate, and the one that would let the interval reach no difference.
        """
        text = f"An unseen trait would have to go with both by a risk ratio of {self.point:.2f} to explain the estimate"
        if self.limit is None:
            return f"{text}."
        return f"{text}, and of {self.limit:.2f} to let the interval reach no difference."


def e_value(
    estimate: float,
    low: float | None = None,
    high: float | None = None,
    *,
    kind: str = "RR",
    se: float | None = None,
    sd: float | None = None,
    rare: bool = False,
    true: float | None = None,
) -> EValue:
    """Return the E-value of a ratio, a standardised mean difference or a regression coefficient.

    Parameters
    ----------
    estimate : float
        A ratio for "RR", "OR", "HR" (not its logarithm); a standardised difference for "MD"; a coefficient in the
        outcome's unit for "OLS".
    low, high : float, optional
        95 % interval of a ratio.
    kind : {"RR", "OR", "HR", "MD", "OLS"}
        Risk ratio, odds ratio, hazard ratio, standardised mean difference, regression coefficient.
    se : float, optional
        Standard error of "MD" (standardised) or "OLS" (in the outcome's unit), which need it.
    sd : float, optional
        Standard deviation of the outcome, which "OLS" needs.
    rare : bool
        Whether the outcome is rare (under 15 %): odds and hazard ratios then stand for risk ratios; otherwise the
        square root (OR) and (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1/HR)) are used.
    true : float, optional
        Value that the trait should explain the estimate down to, on the scale of `estimate`; no difference by default.

    Returns
    -------
    EValue
        E-values of the estimate and of its interval's nearer end.

    Raises
    ------
    DataError
        A ratio that is not positive, an estimate outside its interval, or an argument that is not a usable number.
    Unsupported
        An unknown kind, or one without the standard error it needs.

    Notes
    -----
    E = RR + sqrt(RR (RR - 1)), of 1/RR for RR below 1. Means: RR = exp(0.91 d), with ends exp(0.91 d ± 1.78 se).

    References
    ----------
    VanderWeele and Ding (2017); Chinn (2000) for means.
    """
    if kind not in KINDS:
        raise errors.Unsupported(f"E-values of kind {kind!r} are not known", todo=f"Use one of {KINDS}.")
    given = {"estimate": estimate, "low": low, "high": high, "se": se, "sd": sd, "true": true}
    bad = [k for k, v in given.items() if not (is_number(v) or (v is None and k != "estimate"))]
    if bad or (sd is not None and not sd > 0) or (se is not None and not se >= 0):
        raise errors.DataError(
            f"{', '.join(bad) or 'sd or se'} is not a usable number", todo="Give numbers: sd above 0, se not negative."
        )
    ends: _Ends
    if kind in ("MD", "OLS"):
        point, ends, aim = _from_means(estimate, se, sd, kind, true)
    else:
        point, ends, aim = _from_ratio(estimate, low, high, kind, rare, true)
    ends_known = [e for e in ends if e is not None]
    if any(not math.isfinite(v) or v <= 0 for v in (point, aim, *ends_known)):
        raise errors.DataError("a ratio must be a positive number", todo="Give ratios, not their logarithms.")
    lower, upper = ends
    if (lower is not None and lower > point) or (upper is not None and upper < point):
        raise errors.DataError("the estimate lies outside its interval")
    near = (lower if point > aim else upper) if point != aim else None
    limit = None
    if near is not None:
        reached = near <= aim if point > aim else near >= aim
        limit = 1.0 if reached else threshold(near, aim)
    elif ends_known and point == aim:
        limit = 1.0
    return EValue(threshold(point, aim), limit, point, lower, upper)


def threshold(rr: float, true: float = 1.0) -> float:
    """Return the E-value of a risk ratio.

    Parameters
    ----------
    rr : float
        Risk ratio, above 0.
    true : float
        Risk ratio that the trait should explain it down to.

    Returns
    -------
    float
        E-value on the risk-ratio scale, 1 or more.

    References
    ----------
    VanderWeele and Ding (2017), and their eAppendix for a `true` other than 1.
    """
    ratio = rr / true
    ratio = 1 / ratio if ratio < 1 else ratio
    return ratio + math.sqrt(ratio * (ratio - 1))


def _from_means(
    estimate: float, se: float | None, sd: float | None, kind: str, true: float | None
) -> tuple[float, _Ends, float]:
    """Return a difference of means, its ends and the value aimed at as approximate risk ratios (Chinn 2000)."""
    if se is None or (kind == "OLS" and sd is None):
        raise errors.Unsupported(f"the E-value of {kind} needs se" + (" and sd" if kind == "OLS" else ""))
    scale = 1.0 if sd is None or kind != "OLS" else sd
    d, error, aim = estimate / scale, se / scale, 0.0 if true is None else true / scale
    ends = (math.exp(0.91 * d - 1.78 * error), math.exp(0.91 * d + 1.78 * error))
    return math.exp(0.91 * d), ends, math.exp(0.91 * aim)


def _from_ratio(
    estimate: float, low: float | None, high: float | None, kind: str, rare: bool, true: float | None
) -> tuple[float, _Ends, float]:
    """Return a ratio, its ends and the value aimed at as risk ratios."""

    def convert(value: float) -> float:
        if kind == "RR" or rare:
            return value
        if value <= 0:
            return float("nan")
        return math.sqrt(value) if kind == "OR" else (1 - 0.5 ** math.sqrt(value)) / (1 - 0.5 ** math.sqrt(1 / value))

    ends = (None if low is None else convert(low), None if high is None else convert(high))
    return convert(estimate), ends, convert(1.0 if true is None else true)


def e_value_difference(counts: tuple[int, int, int, int], *, true: float = 0.0, step: float = 1e-4) -> EValue:
    """Return the E-value of a risk difference from counts, its limit by a search over bias factors.

    Parameters
    ----------
    counts : tuple of int, length 4
        People exposed with the outcome, exposed without, unexposed with, unexposed without.
    true : float
        Risk difference (-1 to 1) that the trait should explain the estimate down to.
    step : float
        Step of the search over bias factors.

    Returns
    -------
    EValue
        E-values of the difference and of its 95 % interval's lower end.

    Raises
    ------
    DataError
        A negative count, an empty group, no case among the unexposed, or a difference that is not above `true`.

    References
    ----------
    Ding and VanderWeele (2016).
    """
    with1, without1, with0, without0 = (float(c) for c in counts)
    n1, n0 = with1 + without1, with0 + without0
    if min(counts) < 0 or n1 == 0 or n0 == 0 or with0 == 0:
        raise errors.DataError("counts must not be negative, and the unexposed need at least one case")
    f, p1, p0 = n1 / (n1 + n0), with1 / n1, with0 / n0
    if p1 - p0 <= true:
        raise errors.DataError("the risk difference is not above the value to explain", todo="Swap the groups.")
    gap = p0 * (1 - f) - p1 * f
    factor = (math.sqrt((true + gap) ** 2 + 4 * p1 * p0 * f * (1 - f)) - (true + gap)) / (2 * p0 * f)
    bias = np.arange(1.0, factor + step, step)
    var = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0 * bias**2, f * (1 - f) / (n1 + n0))
    shift, size = p1 - p0 * bias, f + (1 - f) / bias
    lower = shift * size - 1.959963984540054 * np.sqrt(var[0] * size**2 + shift**2 * (1 - 1 / bias) ** 2 * var[1])
    first = int(np.argmax(lower <= true)) if (lower <= true).any() else len(bias) - 1
    limit = threshold(float(bias[first]))
    return EValue(threshold(factor), limit, factor, float(bias[first]), None)


def bias_factor(with_exposure: float, with_outcome: float) -> float:
    """Return the largest bias that a trait with these two risk ratios can make.

    Parameters
    ----------
    with_exposure, with_outcome : float
        Risk ratios of the trait with the exposure and with the outcome, each 1 or more.

    Returns
    -------
    float
        Factor by which the observed risk ratio can exceed the true one.

    Raises
    ------
    DataError
        A risk ratio below 1.

    References
    ----------
    Ding and VanderWeele (2016).
    """
    if min(with_exposure, with_outcome) < 1:
        raise errors.DataError("both risk ratios must be 1 or more", todo="Invert those below 1.")
    return with_exposure * with_outcome / (with_exposure + with_outcome - 1)
