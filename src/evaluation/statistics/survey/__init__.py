"""Design-based estimation: errors that know the clustering, the weights, and that the weights were calibrated."""

from evaluation.statistics.survey._intervals import korn_graubard
from evaluation.statistics.survey.design import Design
from evaluation.statistics.survey.linearisation import (
    change,
    difference,
    distribution,
    frame_of,
    linked_covariance,
    mean,
    proportion,
    quantile,
    ratio,
    total,
    weighted_quantile,
)
from evaluation.statistics.survey.models import Fit, chisq, glm, rank_test, t_test
from evaluation.statistics.survey.ordered_logit import ordered_logit
from evaluation.statistics.survey.replicates import (
    Jackknife,
    bootstrap,
    bootstrap_estimate,
    effective_clusters,
    replicate_weights,
    strata_in_domain,
    with_null,
)

__all__ = [
    "Design",
    "Fit",
    "Jackknife",
    "bootstrap",
    "bootstrap_estimate",
    "change",
    "chisq",
    "difference",
    "distribution",
    "effective_clusters",
    "frame_of",
    "glm",
    "korn_graubard",
    "linked_covariance",
    "mean",
    "ordered_logit",
    "proportion",
    "quantile",
    "rank_test",
    "ratio",
    "replicate_weights",
    "strata_in_domain",
    "t_test",
    "total",
    "weighted_quantile",
    "with_null",
]
