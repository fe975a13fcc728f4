"""Errors and tests with few clusters: cluster-robust covariances with Satterthwaite df, wild cluster bootstrap."""

from evaluation.statistics.inference.covariance import HC, KINDS, Covariance, Wald, cluster_robust, heteroskedastic
from evaluation.statistics.inference.wild_bootstrap import MOST_ENUMERATED, _signs, wild_cluster
from evaluation.statistics.inference.wls import Regression, cluster_codes, read_fit, regress

__all__ = [
    "HC",
    "KINDS",
    "MOST_ENUMERATED",
    "Covariance",
    "Regression",
    "Wald",
    "_signs",
    "cluster_codes",
    "cluster_robust",
    "heteroskedastic",
    "read_fit",
    "regress",
    "wild_cluster",
]
