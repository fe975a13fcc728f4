"""Clusters that lie whole on one side of a comparison (places reached or not): how few are too few, their errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.results import NotIdentified
from evaluation.statistics._arrays import Floats, Integers, group_sums

FEWEST = 3  # whole clusters on a side under which an error by cluster cannot be right
LEAST_DF = 3.0  # degrees of freedom under which places are too few, or too unequal, for an error
MANY = 12  # people on a side from which the large-sample error serves
_NUMBERS = {0: "no", 1: "one", 2: "two"}
REMEDY = "Events in at least three places, and at least three without; with two a side by_area tests changes of means."


def refusal(frame: pd.DataFrame, side: str, cluster: str | None) -> NotIdentified | None:
    """Return why errors by cluster cannot be had, where clusters lie whole on one side and a side has one or two.

    A lone cluster's residuals sum to 0 whatever happened there: its chance deviation is not seen, degrees of freedom
    look healthy, and a true null is rejected four times in ten. With two, only changes of cluster means with pooled
    variance (`by_area`) keep their size.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    side : str
        Column of 0 and 1.
    cluster : str or None
        Column of the clusters; None asks for no errors by cluster.

    Returns
    -------
    NotIdentified or None
        The refusal; None where the errors can be had.
    """
    if cluster is None:
        return None
    ends = frame.groupby(cluster, observed=True)[side].agg(["min", "max"]).astype(float)
    if (ends["min"] != ends["max"]).any():
        return None
    fewest = int(ends["min"].value_counts().reindex([0.0, 1.0], fill_value=0).min())
    if fewest >= FEWEST:
        return None
    return NotIdentified(
        f"there {'is' if fewest == 1 else 'are'} {_NUMBERS[fewest]} {cluster} only on one side", REMEDY
    )


@dataclass(frozen=True, slots=True)
class Sides:
    """The clusters of a comparison of two sides, each cluster whole on its side.

    Attributes
    ----------
    treated, others : ndarray, shape (clusters,)
        Each cluster's share (0 to 1) of the weight of its side; 0 for clusters of the other side or of neither.
    """

    treated: Floats
    others: Floats

    @property
    def fewest(self) -> int:
        """Return how many clusters the side with fewer has.

        Returns
        -------
        int
            0 or more.
        """
        return int(min((self.treated > 0).sum(), (self.others > 0).sum()))

    def corrected(self, sums: Floats) -> Floats:
        """Return cluster sums of an influence function over the root of one minus the cluster's share of its side.

        For equal weights and cluster means this is HC2: the sum of squares is unbiased (Bell and McCaffrey 2002).

        Parameters
        ----------
        sums : ndarray, shape (clusters,)
            Sums of the influence function by cluster.

        Returns
        -------
        ndarray, shape (clusters,)
            Corrected sums.
        """
        share = np.maximum(self.treated, self.others)
        return sums / np.sqrt(np.where(share < 1, 1 - share, 1.0))


def sides(codes: Integers, clusters: int, weight: Floats, treated: Floats, others: Floats) -> Sides:
    """Return the clusters of two sides.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Cluster of each row.
    clusters : int
        Number of clusters.
    weight : ndarray, shape (n,)
        Weights.
    treated, others : ndarray, shape (n,)
        1 for rows of the side, 0 otherwise.

    Returns
    -------
    Sides
        Shares of weight.
    """
    own, rest = (group_sums(codes, weight * side, clusters) for side in (treated, others))
    return Sides(own / max(own.sum(), 1e-300), rest / max(rest.sum(), 1e-300))


def freedom(loads: list[Floats]) -> float:
    """Return Satterthwaite degrees of freedom of a sum of weighted means of independent, equally variable clusters.

    With load L and share s = L / sum L of a side's clusters the corrected variance is e'Ae, A = (I - 1s')' D (I - 1s'),
    D = diag(L² / (1 - s)); over the sides, (sum tr A)² / sum tr A² (Bell and McCaffrey 2002).

    Parameters
    ----------
    loads : list of ndarray, each of shape (clusters,)
        One per side: the weight of each cluster's change in the estimate, 0 for clusters that are not of the side.

    Returns
    -------
    float
        Degrees of freedom: for two sides of n and m equal clusters those of Welch's test under equal variances.
    """
    first, second = 0.0, 0.0
    for load in loads:
        own = load[load != 0]
        share = own / own.sum() if own.sum() else np.full(len(own), 1 / max(len(own), 1))
        scale = own**2 / np.maximum(1 - share, 1e-12)
        # tr A and tr A² of M' diag(scale) M with M = I - 1s', written out so that no square matrix is needed
        total, square = scale.sum(), share @ share
        first += float(scale @ (1 - 2 * share) + total * square)
        row = scale**2 @ ((1 - 2 * share + square) ** 2)
        cross = _off_diagonal(scale, share, square)
        second += float(row + cross)
    return first**2 / second if second > 0 else 0.0


def _off_diagonal(scale: Floats, share: Floats, square: float) -> float:
    """Return the sum over i ≠ j of scale_i scale_j (M M')_ij², M M' = I - 1s' - s1' + (s's) 11'."""
    # (M M')_ij = square - s_i - s_j for i ≠ j; the sum of its square by powers of s, less the diagonal
    c, s = scale, share
    s0, s1, s2 = c.sum(), c @ s, c @ s**2
    everything = square**2 * s0**2 + 2 * s2 * s0 + 2 * s1**2 - 4 * square * s1 * s0
    diagonal = c**2 @ (square - 2 * s) ** 2
    return float(everything - diagonal)
