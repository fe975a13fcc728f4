"""Rates of two groups side by side: ratios, what "not stated" can do to them, areas, years, expected variation."""

from evaluation.statistics.disparity.areas import mantel_haenszel
from evaluation.statistics.disparity.not_stated import NOT_STATED, UNKNOWN
from evaluation.statistics.disparity.overdispersion import ASSUMED, LEAST_CELLS, dispersion, funnel, quasi_poisson
from evaluation.statistics.disparity.ratios import exact_interval, find_rates, rate_ratio, rates, year_on_year

__all__ = [
    "ASSUMED",
    "LEAST_CELLS",
    "NOT_STATED",
    "UNKNOWN",
    "dispersion",
    "exact_interval",
    "find_rates",
    "funnel",
    "mantel_haenszel",
    "quasi_poisson",
    "rate_ratio",
    "rates",
    "year_on_year",
]
