"""Lots: drawn so that anybody can draw them again, and analysed by what the lot alone allows."""

from evaluation.statistics.randomisation.allocation import (
    ALGORITHM,
    Allocations,
    Draw,
    Restriction,
    allocations,
    draw,
    number_of_allocations,
    sizes,
    smallest_p,
    together,
)
from evaluation.statistics.randomisation.compliance import (
    AndersonRubin,
    Compliance,
    LeeBounds,
    anderson_rubin,
    answered_by_arm,
    compliance,
    lee_bounds,
    spill_over,
)
from evaluation.statistics.randomisation.difference_in_means import adjusted_difference, difference_in_means
from evaluation.statistics.randomisation.exact_test import ExactTest, exact_test
from evaluation.statistics.randomisation.lot_power import LotPower, Rehearsal, lot_power, rehearse

__all__ = [
    "ALGORITHM",
    "Allocations",
    "AndersonRubin",
    "Compliance",
    "Draw",
    "ExactTest",
    "LeeBounds",
    "LotPower",
    "Rehearsal",
    "Restriction",
    "adjusted_difference",
    "allocations",
    "anderson_rubin",
    "answered_by_arm",
    "compliance",
    "difference_in_means",
    "draw",
    "exact_test",
    "lee_bounds",
    "lot_power",
    "number_of_allocations",
    "rehearse",
    "sizes",
    "smallest_p",
    "spill_over",
    "together",
]
