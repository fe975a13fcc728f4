"""Who is compared with whom: matching and weighting, chosen before any outcome is seen.

Every function returns a `MatchedSample`: one weight per person, the pairs where there are pairs, and the name of
the people whom the comparison is then about.
"""

from evaluation.statistics.matching.entropy_balance import entropy_balance
from evaluation.statistics.matching.inverse_probability import trim, weights
from evaluation.statistics.matching.mahalanobis import mahalanobis
from evaluation.statistics.matching.nearest import nearest
from evaluation.statistics.matching.optimal import full, optimal
from evaluation.statistics.matching.sample import Caliper, MatchedSample, restrict
from evaluation.statistics.matching.subclasses import coarsened_exact, subclass
from evaluation.statistics.matching.tie_breaking import tie_breaks

__all__ = [
    "Caliper",
    "MatchedSample",
    "coarsened_exact",
    "entropy_balance",
    "full",
    "mahalanobis",
    "nearest",
    "optimal",
    "restrict",
    "subclass",
    "tie_breaks",
    "trim",
    "weights",
]
