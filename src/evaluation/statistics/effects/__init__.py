"""Effects after matching or weighting: weighted g-computation, doubly robust, with errors that know the design."""

from evaluation.statistics.effects.abadie_imbens import abadie_imbens
from evaluation.statistics.effects.bootstrap import bootstrap
from evaluation.statistics.effects.doubly_robust import doubly_robust
from evaluation.statistics.effects.g_computation import in_sample, in_sd, influence, of_outcomes, ratio
from evaluation.statistics.effects.m_estimation import weighted
from evaluation.statistics.effects.standard_errors import FEW_SESSIONS, LEAST_SESSIONS
from evaluation.statistics.effects.subgroups import SubgroupEffects, by_subgroup

__all__ = [
    "FEW_SESSIONS",
    "LEAST_SESSIONS",
    "SubgroupEffects",
    "abadie_imbens",
    "bootstrap",
    "by_subgroup",
    "doubly_robust",
    "in_sample",
    "in_sd",
    "influence",
    "of_outcomes",
    "ratio",
    "weighted",
]
