"""E-values: how strongly an unseen trait would have to go with both attending and answering to explain a result."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from evaluation import errors

KINDS = ("RR", "OR", "HR", "MD", "OLS")


@dataclass(frozen=True, slots=True)
class EValue:
    """E-value of an estimate and of the end of its interval nearer to `true`, on the risk-ratio scale.

    `rr`, `low`, `high` are the estimate and its ends as (approximate) risk ratios; `limit` is 1 where the interval
    holds `true`, and None where no interval was given.
    """

    point: float
    limit: float | None
    rr: float
    low: float | None
    high: float | None

    def tidy(self) -> dict[str, Any]:
        """Return one flat row."""
        return {"rr": self.rr, "low": self.low, "high": self.high, "e_value": self.point, "e_value_limit": self.limit}

    def summary(self) -> str:
        """Return one sentence."""
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
    estimate, low, high : float
        Estimate and 95 % interval: ratios for "RR", "OR", "HR"; "MD" is a standardised difference with `se`; "OLS"
        a coefficient with `se`, divided by the outcome's `sd`.
    rare : bool
        Whether the outcome is rare (under 15 %): odds and hazard ratios then stand for risk ratios; otherwise the
        square root (OR) and (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1/HR)) are used.
    true : float, optional
        Value that the trait should explain the estimate down to; default no difference, on the scale of `estimate`.

    Notes
    -----
    VanderWeele and Ding 2017: E = RR + sqrt(RR (RR - 1)), of 1/RR for RR below 1. Means: RR = exp(0.91 d), with ends
    exp(0.91 d ± 1.78 se), Chinn 2000.

    Raises
    ------
    DataError
        A ratio that is not positive, or an estimate outside its interval.
    Unsupported
        An unknown kind, or one without the standard error it needs.
    """
    if kind not in KINDS:
        raise errors.Unsupported(f"E-values of kind {kind!r} are not known", todo=f"Use one of {KINDS}.")
    given = {"estimate": estimate, "low": low, "high": high, "se": se, "sd": sd, "true": true}
    bad = [k for k, v in given.items() if not (isinstance(v, Real) or (v is None and k != "estimate"))]
    if bad or (sd is not None and not sd > 0) or (se is not None and not se >= 0):
        raise errors.DataError(
            f"{', '.join(bad) or 'sd or se'} is not a usable number", todo="Give numbers: sd above 0, se not negative."
        )
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
        held = near <= aim if point > aim else near >= aim
        limit = 1.0 if held else threshold(near, aim)
    elif ends_known and point == aim:
        limit = 1.0
    return EValue(threshold(point, aim), limit, point, lower, upper)


def threshold(rr: float, true: float = 1.0) -> float:
    """Return the E-value of a risk ratio against `true` (VanderWeele and Ding 2017, and eAppendix for true != 1)."""
    ratio = rr / true
    ratio = 1 / ratio if ratio < 1 else ratio
    return ratio + math.sqrt(ratio * (ratio - 1))


def _from_means(estimate, se, sd, kind, true):
    if se is None or (kind == "OLS" and sd is None):
        raise errors.Unsupported(f"the E-value of {kind} needs se" + (" and sd" if kind == "OLS" else ""))
    scale = sd if kind == "OLS" else 1.0
    d, error, aim = estimate / scale, se / scale, 0.0 if true is None else true / scale
    ends = (math.exp(0.91 * d - 1.78 * error), math.exp(0.91 * d + 1.78 * error))
    return math.exp(0.91 * d), ends, math.exp(0.91 * aim)


def _from_ratio(estimate, low, high, kind, rare, true):
    def convert(value):
        if value is None or kind == "RR" or rare:
            return value
        if value <= 0:
            return float("nan")
        return math.sqrt(value) if kind == "OR" else (1 - 0.5 ** math.sqrt(value)) / (1 - 0.5 ** math.sqrt(1 / value))

    return convert(estimate), (convert(low), convert(high)), convert(1.0 if true is None else true)


def e_value_difference(counts: tuple[int, int, int, int], *, true: float = 0.0, step: float = 1e-4) -> EValue:
    """Return the E-value of a risk difference from counts, its limit by the search of Ding and VanderWeele 2016.

    Parameters
    ----------
    counts : (exposed with, exposed without, unexposed with, unexposed without)
    true : float
        Risk difference that the trait should explain the estimate down to.
    step : float
        Step of the search over bias factors.
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
    """Return the largest bias that a trait with these two risk ratios can make (Ding and VanderWeele 2016)."""
    if min(with_exposure, with_outcome) < 1:
        raise errors.DataError("both risk ratios must be 1 or more", todo="Invert those below 1.")
    return with_exposure * with_outcome / (with_exposure + with_outcome - 1)
