"""How easily a result could be wrong: unseen selection, people who did not answer, other ways of analysing."""

from evaluation.statistics.sensitivity.break_even import (
    BreakEven,
    LeeBounds,
    break_even,
    correlation_to_erase,
    kappa_bounds,
    lee,
    nonresponse_bias,
    worst_case,
)
from evaluation.statistics.sensitivity.e_values import EValue, bias_factor, e_value, e_value_difference
from evaluation.statistics.sensitivity.omitted_variable import (
    CoefficientStability,
    OmittedVariable,
    bound_strength,
    coefficient_stability,
    omitted_variable,
)
from evaluation.statistics.sensitivity.proximal import Proximal, proximal
from evaluation.statistics.sensitivity.rosenbaum import RosenbaumBounds, rosenbaum
from evaluation.statistics.sensitivity.specification_curve import (
    SpecificationCurve,
    judged,
    resampled_sessions,
    specification_curve,
)

__all__ = [
    "BreakEven",
    "CoefficientStability",
    "EValue",
    "LeeBounds",
    "OmittedVariable",
    "Proximal",
    "RosenbaumBounds",
    "SpecificationCurve",
    "bias_factor",
    "bound_strength",
    "break_even",
    "coefficient_stability",
    "correlation_to_erase",
    "e_value",
    "e_value_difference",
    "judged",
    "kappa_bounds",
    "lee",
    "nonresponse_bias",
    "omitted_variable",
    "proximal",
    "resampled_sessions",
    "rosenbaum",
    "specification_curve",
    "worst_case",
]
