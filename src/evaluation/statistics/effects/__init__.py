"""Effects after matching or weighting: weighted g-computation, doubly robust, with errors that know the design."""

from evaluation.statistics.effects.errors_by_design import FEW_SESSIONS, LEAST_SESSIONS
from evaluation.statistics.effects.estimated import weighted
from evaluation.statistics.effects.imbens import abadie_imbens
from evaluation.statistics.effects.redrawn import bootstrap
from evaluation.statistics.effects.robust import doubly_robust
from evaluation.statistics.effects.sampled import in_sample, in_sd, influence, ratio

__all__ = [
    "FEW_SESSIONS",
    "LEAST_SESSIONS",
    "abadie_imbens",
    "bootstrap",
    "doubly_robust",
    "in_sample",
    "in_sd",
    "influence",
    "ratio",
    "weighted",
]
