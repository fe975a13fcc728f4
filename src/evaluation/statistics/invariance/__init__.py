"""Does a scale measure alike in two groups? Ordinal factor model in steps, and tests of each statement where few."""

from evaluation.statistics.invariance.examination import ALIKE, TOO_FEW, UNLIKE, Invariance, examine, joined_levels
from evaluation.statistics.invariance.factor_model import Fit, Groups, ScaledTest, difference, fit, groups
from evaluation.statistics.invariance.item_functioning import item_functioning
from evaluation.statistics.invariance.polychoric import Polychoric, polychoric

__all__ = [
    "ALIKE",
    "TOO_FEW",
    "UNLIKE",
    "Fit",
    "Groups",
    "Invariance",
    "Polychoric",
    "ScaledTest",
    "difference",
    "examine",
    "fit",
    "groups",
    "item_functioning",
    "joined_levels",
    "polychoric",
]
