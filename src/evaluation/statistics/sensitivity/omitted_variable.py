"""Omitted-variable bias in a linear model: robustness values, benchmark bounds, coefficient stability."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from evaluation import errors
from evaluation.statistics._arrays import is_number


@dataclass(frozen=True, slots=True)
class OmittedVariable:
    """How strong an unseen variable would have to be, and what one as strong as a seen one would do.

    Attributes
    ----------
    robustness : float
        Share (0 to 1) of the residual variance of both attending and answering that it must explain to move the
        estimate by `q` of itself.
    robustness_significance : float
        The same for the interval to reach that.
    partial_r2 : float
        Share (0 to 1) of the residual variance of the outcome that the treatment explains.
    adjusted, adjusted_se : float or None
        Estimate and standard error, in the outcome's unit, if it were `multiple` times as strong as the benchmark; None
        without a benchmark.
    multiple : float
        How many times as strong as the benchmark.
    benchmark : str
        Name of the benchmark covariate.
    """

    robustness: float
    robustness_significance: float
    partial_r2: float
    adjusted: float | None = None
    adjusted_se: float | None = None
    multiple: float = 1.0
    benchmark: str = ""

    def tidy(self) -> dict[str, float | str | None]:
        """Return the values as one flat row.

        Returns
        -------
        dict of str to float, str or None
            The attributes by name.
        """
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def summary(self) -> str:
        """Return one sentence on the robustness value.

        Returns
        -------
        str
            The share that an unseen variable would have to explain.
        """
        return (
            "An unseen variable would have to explain "
            f"{self.robustness:.1%} of what is left of both attending and answering to remove the estimate."
        )


def omitted_variable(  # noqa: PLR0913
    estimate: float,
    se: float,
    df: float,
    *,
    q: float = 1.0,
    alpha: float = 0.05,
    benchmark_treat: float | None = None,
    benchmark_outcome: float | None = None,
    multiple: float = 1.0,
    benchmark: str = "",
) -> OmittedVariable:
    """Return robustness values and, with a benchmark, the bias-adjusted estimate of a linear model.

    Parameters
    ----------
    estimate : float
        Coefficient of the treatment, in the outcome's unit.
    se : float
        Its classical standard error.
    df : float
        Residual degrees of freedom of the model, above 1.
    q : float
        Share of the estimate to be explained away, above 0.
    alpha : float
        Level of the test, 0 to 1.
    benchmark_treat, benchmark_outcome : float, optional
        Partial R2 (0 to 1) of the benchmark covariate with the treatment (given the others) and with the outcome (given
        treatment and the others).
    multiple : float
        How many times as strong as the benchmark (k of equations 13 and 14).
    benchmark : str
        Name of the benchmark covariate, carried to the result.

    Returns
    -------
    OmittedVariable
        Robustness values, partial R2 and, with a benchmark, the adjusted estimate.

    Raises
    ------
    DataError
        Numbers outside these ranges, one half of a benchmark, or a benchmark so strong that `multiple` times it is
        impossible.

    References
    ----------
    Cinelli and Hazlett (2020).
    """
    from scipy.stats import t as student

    numbers = all(is_number(v) and math.isfinite(v) for v in (estimate, se, df, q, alpha, multiple))
    if not numbers or not se > 0 or not df > 1 or not q > 0 or not multiple > 0 or not 0 < alpha < 1:
        raise errors.DataError(
            "needs finite numbers: a positive standard error and multiple, df and alpha that allow a test, q above 0",
            todo="df is the residual degrees of freedom of the linear model; alpha lies between 0 and 1.",
        )
    if (benchmark_treat is None) != (benchmark_outcome is None):
        raise errors.DataError("a benchmark needs both of its partial R2", todo="Give treat and outcome, or neither.")
    f = q * abs(estimate / se) / math.sqrt(df)
    critical = float(student.ppf(1 - alpha / 2, df - 1)) / math.sqrt(df - 1)
    r2 = (estimate / se) ** 2 / ((estimate / se) ** 2 + df)
    found = (_robustness(f), _robustness_limit(f, critical), r2)
    if benchmark_treat is None or benchmark_outcome is None:
        return OmittedVariable(*found)
    d, y = bound_strength(benchmark_treat, benchmark_outcome, multiple)
    bias = se * math.sqrt(y * d / (1 - d)) * math.sqrt(df)
    error = se * math.sqrt((1 - y) / (1 - d)) * math.sqrt(df / (df - 1))
    return OmittedVariable(*found, math.copysign(abs(estimate) - bias, estimate), error, multiple, benchmark)


def bound_strength(with_treat: float, with_outcome: float, multiple: float = 1.0) -> tuple[float, float]:
    """Return the partial R2 of a variable `multiple` times as strong as a benchmark covariate.

    Parameters
    ----------
    with_treat, with_outcome : float
        Partial R2 (0 to 1) of the benchmark with the treatment and with the outcome.
    multiple : float
        How many times as strong.

    Returns
    -------
    tuple of float
        Partial R2 with the treatment and with the outcome, the latter at most 1.

    Raises
    ------
    DataError
        A partial R2 outside 0 to 1, or a strength that is impossible.

    References
    ----------
    Cinelli and Hazlett (2020), equations 13 and 14.
    """
    if not (0 <= with_treat < 1 and 0 <= with_outcome < 1):
        raise errors.DataError("a partial R2 lies between 0 and 1")
    d = multiple * with_treat / (1 - with_treat)
    if d >= 1 or multiple * with_treat >= 1:
        raise errors.DataError(
            f"nothing can be {multiple:g} times as strong as this benchmark", todo="Use a smaller one."
        )
    shared = multiple * with_treat**2 / ((1 - multiple * with_treat) * (1 - with_treat))
    y = ((math.sqrt(multiple) + math.sqrt(shared)) / math.sqrt(1 - shared)) ** 2 * with_outcome / (1 - with_outcome)
    return d, min(y, 1.0)


def _robustness(f: float) -> float:
    """Return the robustness value of a partial Cohen's f."""
    return 0.5 * (math.sqrt(f**4 + 4 * f**2) - f**2)


def _robustness_limit(f: float, critical: float) -> float:
    """Return the robustness value of the interval's end; 0 where it holds no difference already."""
    left = f - critical
    if left <= 0:
        return 0.0
    if f > 1 / critical:
        return (f**2 - critical**2) / (1 + f**2)
    return _robustness(left)


@dataclass(frozen=True, slots=True)
class CoefficientStability:
    """Oster's delta: how strong selection on unseen traits, relative to seen ones, would take the effect to zero.

    Attributes
    ----------
    delta : float
        Ratio of unseen to seen selection; `inf` where the covariates move nothing.
    adjusted : float
        The effect if unseen selection were as strong as seen selection, in the outcome's unit.
    sign : str
        What delta means: "towards" where adjustment moved the estimate towards zero; "away" where it moved it away from
        zero, so that selection of the same kind cannot remove it (delta is then negative); "unmoved".
    """

    delta: float
    adjusted: float
    sign: str

    def tidy(self) -> dict[str, float | str]:
        """Return the values as one flat row.

        Returns
        -------
        dict of str to float or str
            delta, adjusted, sign.
        """
        return {"delta": self.delta, "adjusted": self.adjusted, "sign": self.sign}

    def summary(self) -> str:
        """Return one sentence that explains the sign.

        Returns
        -------
        str
            How strong unseen selection would have to be, or why more of the same would not remove the estimate.
        """
        if self.sign == "away":
            return "Adjusting for what is seen moved the estimate away from zero; more of the same would not remove it."
        return f"Unseen selection would have to be {self.delta:.1f} times as strong as seen selection to remove it."


def coefficient_stability(
    *, plain: float, adjusted: float, r2_plain: float, r2_adjusted: float, r2_max: float | None = None
) -> CoefficientStability:
    """Return Oster's delta in its restricted form.

    Parameters
    ----------
    plain, adjusted : float
        Coefficient without and with the covariates, in the outcome's unit.
    r2_plain, r2_adjusted : float
        R2 (0 to 1) of the two models.
    r2_max : float, optional
        R2 of a model with all unseen traits as well; min(1.3 `r2_adjusted`, 1) by default.

    Returns
    -------
    CoefficientStability
        Delta, the effect at delta = 1, and what the sign means.

    Raises
    ------
    DataError
        Covariates that explain nothing more (then nothing can be said from stability), or R2 out of order.

    References
    ----------
    Oster (2019), equation 3.
    """
    top = min(1.3 * r2_adjusted, 1.0) if r2_max is None else r2_max
    if not 0 <= r2_plain < r2_adjusted <= 1 or not r2_adjusted < top <= 1:
        raise errors.DataError("needs 0 <= R2 plain < R2 adjusted < R2 maximum <= 1")
    moved = (plain - adjusted) * (top - r2_adjusted) / (r2_adjusted - r2_plain)
    if moved == 0:
        return CoefficientStability(math.inf, adjusted, "unmoved")
    delta = adjusted / moved
    return CoefficientStability(delta, adjusted - moved, "towards" if delta > 0 else "away")
