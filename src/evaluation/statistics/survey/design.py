"""The survey design: weights, clusters, strata, finite populations and what the weights were calibrated on."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics._arrays import Booleans, Floats, Integers, group_sums
from evaluation.statistics._constraints import pseudo_inverse, residuals
from evaluation.statistics.weighting import Weights


class Design:
    """A stratified, clustered, weighted sample for with-replacement linearised errors (Binder 1983).

    Parameters
    ----------
    frame : DataFrame
        The sample, one row per person, index unique.
    weight : str, Series, ndarray or Weights
        Column of weights (0 or more), weights by row label or by row, or a `Weights` object.
    cluster, strata, fpc : str, optional
        Columns of the primary sampling unit (default: each row), the stratum, and the number of units in the
        stratum's population (or the sampled share, at most 1).
    nest : bool
        Whether cluster labels repeat across strata; without it a label in two strata is an error.
    calibrated_on : Weights, optional
        Record of the calibration: errors are those of residuals from a regression on its columns with base weights
        (Deville and Särndal 1992, section 3.4). `weight` itself where that is a `Weights` object made by calibration.
    second, second_fpc : str, optional
        Columns of the unit drawn within each cluster (default: each row), and of the number of units in the cluster's
        population (or the sampled share, at most 1). They add the variance within clusters that a finite population of
        clusters leaves (Särndal, Swensson and Wretman 1992, section 4.3); they need `cluster` and `fpc`.

    Attributes
    ----------
    weights : ndarray, shape (n,)
        Weight of each person.
    calibration : Weights or None
        Record of the calibration, in the order of the rows.
    cluster_codes, strata_codes : ndarray of int, shape (n,)
        Cluster and stratum of each person.
    cluster_labels : list, length G
        Label of each cluster.
    clustered : bool
        Whether a cluster column was given.
    stratum_of_cluster : ndarray of int, shape (G,)
        Stratum of each cluster.
    clusters_per_stratum : ndarray of int, shape (H,)
        Number of clusters in each stratum.
    unsampled_share : ndarray, shape (H,)
        One minus the sampled share of each stratum's clusters, 0 to 1; 1 without a finite population.
    second : SecondStage or None
        Units drawn within clusters.

    Raises
    ------
    MissingValues, DataError, EmptyCell
        Missing values in a role; weights that are negative or all 0; a stratum with one cluster; a repeated label.
    """

    def __init__(  # noqa: PLR0913
        self,
        frame: pd.DataFrame,
        *,
        weight: str | pd.Series | Floats | Weights,
        cluster: str | None = None,
        strata: str | None = None,
        fpc: str | None = None,
        nest: bool = False,
        calibrated_on: Weights | None = None,
        second: str | None = None,
        second_fpc: str | None = None,
    ) -> None:
        _check_second(cluster, fpc, second, second_fpc)
        named = (cluster, strata, fpc, second, second_fpc, weight if isinstance(weight, str) else None)
        roles = [c for c in named if c]
        errors.require_columns(frame, roles, role="the survey design")
        errors.require_complete(frame, roles, role="the survey design")
        if frame.index.has_duplicates:
            raise errors.DataError("the frame's index has duplicates", todo="Give one row per respondent.")
        self.frame, self.source = frame, weight
        self.weights = _weights(frame, weight)
        self.calibration = _calibration_record(frame, weight, calibrated_on)
        self._inverse: Floats | None = None
        self.strata_codes, strata_labels = _strata(frame, strata)
        self.cluster_codes, self.cluster_labels = _clusters(frame, cluster, self.strata_codes, nest)
        self.clustered = cluster is not None
        self.cluster, self.strata, self.fpc, self.nest = cluster, strata, fpc, nest
        self.stratum_of_cluster = np.zeros(len(self.cluster_labels), dtype=int)
        self.stratum_of_cluster[self.cluster_codes] = self.strata_codes
        self.clusters_per_stratum = np.bincount(self.stratum_of_cluster, minlength=len(strata_labels))
        lonely = [str(strata_labels[i]) for i in np.flatnonzero(self.clusters_per_stratum == 1)]
        if lonely:
            raise errors.EmptyCell(f"a stratum has one cluster only: {', '.join(lonely)}", todo="Join strata.")
        self.unsampled_share = _unsampled_shares(frame, fpc, self.strata_codes, self.clusters_per_stratum)
        self.second = None if second_fpc is None else _second_stage(frame, self.cluster_codes, second, second_fpc)

    @property
    def df(self) -> int:
        """Return the design degrees of freedom, clusters less strata; those without anybody of weight are not counted.

        Returns
        -------
        int
            Degrees of freedom of t intervals.
        """
        return self.domain_df(np.ones(self.n))

    def domain_df(self, domain: Floats) -> int:
        """Return the degrees of freedom of a domain: clusters that hold somebody of it, less their strata.

        Parameters
        ----------
        domain : ndarray, shape (n,)
            Above 0 for people of the domain.

        Returns
        -------
        int
            Degrees of freedom, as R's degf of a subset; 0 or more.
        """
        held = np.unique(self.cluster_codes[(domain > 0) & (self.weights > 0)])
        return int(len(held) - len(np.unique(self.stratum_of_cluster[held])))

    @property
    def n(self) -> int:
        """Return the number of rows, those of weight 0 among them.

        Returns
        -------
        int
            Rows of the frame.
        """
        return len(self.frame)

    def people(self, domain: Floats) -> int:
        """Return the number of people of a domain, unweighted; a row of weight 0 is nobody.

        Parameters
        ----------
        domain : ndarray, shape (n,)
            Other than 0 for people of the domain.

        Returns
        -------
        int
            Number of people.
        """
        return int(np.count_nonzero((domain != 0) & (self.weights > 0)))

    def residuals(self, scores: Floats) -> Floats:
        """Return linearised variables as residuals on the calibration variables.

        Parameters
        ----------
        scores : ndarray, shape (n, k)
            Linearised variables.

        Returns
        -------
        ndarray, shape (n, k)
            Residuals of a regression with base weights (Deville and Särndal 1992, section 3.4); unchanged where the
            weights were not calibrated.
        """
        if self.calibration is None:
            return scores
        base = self.calibration.base.to_numpy(dtype=float)
        if self._inverse is None:
            self._inverse = pseudo_inverse(self.calibration.constraints.gram(base))
        return residuals(self.calibration.constraints, base, self._inverse, scores)

    def covariance(self, scores: Floats) -> Floats:
        """Return the covariance of the weighted totals of linearised variables.

        With-replacement Taylor linearisation: clusters centred within strata, times n_h / (n_h - 1) and, with a finite
        population, 1 minus the sampled share.

        Parameters
        ----------
        scores : ndarray, shape (n, k) or (n,)
            Linearised variables, not yet weighted.

        Returns
        -------
        ndarray, shape (k, k)
            Design-based covariance.
        """
        scores = np.asarray(scores, dtype=float)
        scores = scores[:, None] if scores.ndim == 1 else scores
        z = self.residuals(scores) * self.weights[:, None]
        totals = self._sums(z, self.cluster_codes, len(self.cluster_labels)) if self.clustered else z
        means = (
            self._sums(totals, self.stratum_of_cluster, len(self.clusters_per_stratum))
            / self.clusters_per_stratum[:, None]
        )
        gap = totals - means[self.stratum_of_cluster]
        factor = (self.clusters_per_stratum / (self.clusters_per_stratum - 1) * self.unsampled_share)[
            self.stratum_of_cluster
        ]
        covariance: Floats = (gap * factor[:, None]).T @ gap
        return covariance if self.second is None else covariance + self._within(z, self.second)

    def _within(self, z: Floats, second: SecondStage) -> Floats:
        """Return the second stage's part: of each cluster, by the share of its stratum's clusters that were drawn."""
        totals = self._sums(z, second.codes, len(second.cluster))
        means = self._sums(totals, second.cluster, len(second.units)) / second.units[:, None]
        gap = totals - means[second.cluster]
        drawn = 1 - self.unsampled_share[self.stratum_of_cluster]
        factor = drawn * second.unsampled * second.units / np.maximum(second.units - 1, 1)
        return np.asarray((gap * factor[second.cluster][:, None]).T @ gap)

    @staticmethod
    def _sums(values: Floats, codes: Integers, size: int) -> Floats:
        if size == 1:
            everybody: Floats = values.sum(axis=0, keepdims=True)
            return everybody
        parts = [group_sums(codes, values[:, j], size) for j in range(values.shape[1])]
        return np.column_stack(parts)

    def reference(self, df: float) -> str:
        """Return the reference distribution of an interval, in words.

        Parameters
        ----------
        df : float
            Degrees of freedom.

        Returns
        -------
        str
            The t distribution with its degrees of freedom.
        """
        return f"t with {df:g} degrees of freedom ({'clusters' if self.clustered else 'people'} less strata)"

    def column(self, name: str) -> Floats:
        """Return a complete numeric column of the frame.

        Parameters
        ----------
        name : str
            Column of the frame.

        Returns
        -------
        ndarray, shape (n,)
            Its values.

        Raises
        ------
        UnknownColumn, MissingValues, DataError
            No such column; missing values; words or infinite values.
        """
        errors.require_columns(self.frame, [name], role="an estimate")
        errors.require_complete(self.frame, [name], role="an estimate")
        try:
            values = self.frame[name].to_numpy(dtype=float)
        except (TypeError, ValueError):
            raise errors.DataError(f"{name!r} is not a number", todo="Code it as numbers, or ask for shares.") from None
        if not np.isfinite(values).all():
            raise errors.DataError(f"{name!r} holds infinite values", todo="Correct them.")
        return values

    def domain(self, mask: pd.Series | Booleans | Floats) -> Floats:
        """Return a domain as 0/1; the whole design is kept, so errors know about people outside it.

        Parameters
        ----------
        mask : Series or ndarray, shape (n,)
            Whether each person is in the domain, by row label or by row.

        Returns
        -------
        ndarray, shape (n,)
            1 for people in the domain, 0 for others.

        Raises
        ------
        MissingValues
            A domain that is missing for some people.
        """
        series = mask.reindex(self.frame.index) if isinstance(mask, pd.Series) else pd.Series(mask, self.frame.index)
        if series.isna().any():
            raise errors.MissingValues("a domain is missing for some people")
        return series.to_numpy(dtype=float)


@dataclass(frozen=True, slots=True)
class SecondStage:
    """Units drawn within clusters.

    Attributes
    ----------
    codes : ndarray of int, shape (n,)
        Unit of each person.
    cluster : ndarray of int, shape (units,)
        Cluster of each unit.
    units, unsampled : ndarray, shape (clusters,)
        Units drawn in each cluster, and one minus the share of its units that were.
    """

    codes: Integers
    cluster: Integers
    units: Integers
    unsampled: Floats


def _check_second(cluster: str | None, fpc: str | None, second: str | None, second_fpc: str | None) -> None:
    """Refuse a second stage without a finite population at both stages, or without clusters."""
    if second is None and second_fpc is None:
        return
    if cluster is None or fpc is None or second_fpc is None:
        raise errors.DataError(
            "a second stage needs clusters, and a finite population at both stages",
            todo="Name cluster, fpc and second_fpc, or leave the second stage out: errors are then by cluster alone.",
        )


def _second_stage(frame: pd.DataFrame, clusters: Integers, second: str | None, fpc: str) -> SecondStage:
    """Return the units drawn within clusters and the share of each cluster that was left out."""
    unit = np.arange(len(frame)) if second is None else pd.factorize(frame[second])[0]
    pairs = pd.MultiIndex.from_arrays([clusters, unit])
    codes, labels = pd.factorize(pairs)
    cluster = np.array([label[0] for label in labels])
    units = np.bincount(cluster, minlength=int(clusters.max()) + 1)
    unsampled = _unsampled_shares(frame, fpc, clusters, units)
    if ((units == 1) & (unsampled > 0)).any():
        raise errors.EmptyCell(
            "a cluster has one unit only of several", todo="Join clusters, or leave out the second stage."
        )
    return SecondStage(codes, cluster, units, unsampled)


def _weights(frame: pd.DataFrame, weight: object) -> Floats:
    series = frame[weight] if isinstance(weight, str) else weight.values if isinstance(weight, Weights) else weight
    if isinstance(series, np.ndarray) and series.shape == (len(frame),):
        series = pd.Series(series, index=frame.index)
    if not isinstance(series, pd.Series):
        raise errors.DataError("the weight is neither a column, a Series nor Weights", todo="Name a column.")
    if series.index.has_duplicates:
        raise errors.DataError("the index of the weights has duplicates", todo="Give one weight per respondent.")
    series = series.reindex(frame.index)
    if series.isna().any():
        raise errors.MissingValues(f"{int(series.isna().sum())} weights are missing", todo="Weight everybody.")
    try:
        values = series.to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise errors.DataError("the weights are not numbers", todo="Give numbers of 0 or more.") from None
    if not np.isfinite(values).all() or (values < 0).any() or not values.sum() > 0:
        raise errors.DataError("weights must be numbers of 0 or more, not all 0")
    return values


def _calibration_record(frame: pd.DataFrame, weight: object, given: Weights | None) -> Weights | None:
    if given is not None and not isinstance(given, Weights):
        raise errors.DataError("calibrated_on is not a Weights object", todo="Give what rake or calibrate returned.")
    record = given if given is not None else weight if isinstance(weight, Weights) else None
    if record is None or record.constraints.k == 0:
        return None
    labels = record.values.index
    if labels.equals(frame.index):
        return record
    if labels.has_duplicates or len(labels) != len(frame) or not frame.index.isin(labels).all():
        raise errors.DataError(
            "the calibration record belongs to other people than the frame",
            todo="Keep every calibrated row, and ask for a domain with by=.",
        )
    return record.reindex(frame.index)


def _strata(frame: pd.DataFrame, column: str | None) -> tuple[Integers, list[Hashable]]:
    if column is None:
        return np.zeros(len(frame), dtype=int), ["all"]
    codes, labels = pd.factorize(frame[column], sort=True)
    return codes, list(labels)


def _clusters(
    frame: pd.DataFrame, cluster: str | None, strata_codes: Integers, nest: bool
) -> tuple[Integers, list[Hashable]]:
    if cluster is None:
        return np.arange(len(frame)), list(frame.index)
    if nest:
        pairs = pd.Series(list(zip(strata_codes, frame[cluster], strict=True)))
        codes, labels = pd.factorize(pairs)
        return codes, list(labels)
    codes, labels = pd.factorize(frame[cluster], sort=True)
    crossing = pd.Series(strata_codes).groupby(codes).nunique()
    if (crossing > 1).any():
        bad = [str(labels[i]) for i in crossing.index[crossing > 1][:3]]
        raise errors.DataError(f"clusters {', '.join(bad)} stand in two strata", todo="Set nest=True if labels repeat.")
    return codes, list(labels)


def _unsampled_shares(frame: pd.DataFrame, fpc: str | None, strata_codes: Integers, clusters: Integers) -> Floats:
    """Return 1 minus the sampled share per stratum."""
    if fpc is None:
        return np.ones(len(clusters))
    left = np.ones(len(clusters))
    sizes = pd.to_numeric(frame[fpc], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    for stratum in range(len(clusters)):
        values = np.unique(sizes[strata_codes == stratum])
        if len(values) != 1 or not values[0] > 0:
            raise errors.DataError("the finite population is not one positive number per stratum")
        share = values[0] if values[0] <= 1 else clusters[stratum] / values[0]
        if share > 1:
            raise errors.DataError("a stratum holds more clusters than its population")
        left[stratum] = 1 - share
    return left
