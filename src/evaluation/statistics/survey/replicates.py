"""Replicate errors that go through the weighting again: delete-one-session jackknife, bootstrap of sessions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from evaluation import errors, parallel
from evaluation.results import Estimate, from_se
from evaluation.statistics import weighting
from evaluation.statistics._arrays import Floats
from evaluation.statistics.survey.design import Design

Statistic = Callable[[Floats], Floats]


def replicate_weights(design: Design) -> tuple[Floats, Floats, tuple[int, ...]]:
    """Return delete-one-cluster jackknife weights, calibrated again where the design was calibrated.

    Each replicate drops one cluster, raises the base weights of its stratum by n_h / (n_h - 1), and calibrates again
    (JKn; Rust and Rao 1996). A replicate that can no longer be calibrated, because a cell lost its last person, keeps
    the scaled final weights and is counted.

    Parameters
    ----------
    design : Design
        Survey design with its frame.

    Returns
    -------
    weights : ndarray, shape (replicates, n)
        Weights of each replicate, 0 in the cluster that it drops.
    factors : ndarray, shape (replicates,)
        Factor of each replicate's squared deviation in the variance.
    failed : tuple of int
        Replicates that could not be calibrated again.
    """
    record = design.calibration
    base = design.weights if record is None else record.base.to_numpy(dtype=float)
    rows, factors, failed = [], [], []
    for cluster in range(len(design.cluster_labels)):
        stratum = design.stratum_of_cluster[cluster]
        m = design.clusters_per_stratum[stratum]
        scale = np.where(design.strata_codes == stratum, m / (m - 1), 1.0)
        scale[design.cluster_codes == cluster] = 0.0
        w = base * scale
        if record is not None:
            try:
                w = weighting.recalibrate(record, w)
            except errors.DataError:
                failed.append(cluster)
                w = design.weights * scale
        rows.append(w)
        factors.append((m - 1) / m * design.unsampled_share[stratum])
    return np.array(rows), np.array(factors), tuple(failed)


class Jackknife:
    """Delete-one-cluster replicates of a design, made once and used for many statistics.

    Parameters
    ----------
    design : Design
        Survey design with its frame.

    Attributes
    ----------
    weights : ndarray, shape (replicates, n)
        Weights of each replicate.
    factors : ndarray, shape (replicates,)
        Factor of each replicate's squared deviation in the variance.
    failed : tuple of int
        Replicates that could not be calibrated again.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        self.weights, self.factors, self.failed = replicate_weights(design)

    def covariance(self, statistic: Statistic) -> tuple[Floats, Floats]:
        """Return a statistic at the full weights and its jackknife covariance about that value.

        Parameters
        ----------
        statistic : callable
            Takes weights (n,) and returns k quantities.

        Returns
        -------
        value : ndarray, shape (k,)
            The statistic at the design's weights.
        covariance : ndarray, shape (k, k)
            Its jackknife covariance.
        """
        full = np.atleast_1d(statistic(self.design.weights))
        gaps = np.array([np.atleast_1d(statistic(w)) for w in self.weights]) - full
        covariance: Floats = (gaps * self.factors[:, None]).T @ gaps
        return full, covariance

    def mean(self, y: Floats, domain: Floats, *, label: str = "all") -> Estimate:
        """Return a domain mean with its jackknife error and t on the effective number of clusters less strata.

        The degrees of freedom are G_eff - H, H strata that hold the domain (1 without strata), G_eff = (sum n_g)² /
        sum n_g² over the clusters that hold it.
        `n_effective` is the variance of the answers over the squared error: clustering and weights included.

        Parameters
        ----------
        y : ndarray, shape (n,)
            Answers.
        domain : ndarray, shape (n,)
            1 for people in the domain, else 0; people without an answer have 0.
        label : str
            Name of the domain.

        Returns
        -------
        Estimate
            The mean, in the unit of the answers.

        Raises
        ------
        EmptyCell
            A domain without weight, or met in too few sessions to have an error.
        """
        y = np.where(domain > 0, y, 0.0)
        estimate = self._estimate(lambda w: np.array([_domain_mean(w, y, domain)]), (domain,), label)
        w, n = self.design.weights * domain, np.count_nonzero(domain)
        if not estimate.se or n < 2:
            return estimate
        spread = float(w @ (y - estimate.value) ** 2 / w.sum() * n / (n - 1))
        worth = spread / estimate.se**2 if spread > 0 else None
        return replace(estimate, n_effective=worth, design_effect=None if worth is None else n / worth)

    def contrast(self, y: Floats, first: Floats, second: Floats, *, labels: tuple[str, str]) -> Estimate:
        """Return the mean of one domain less that of another, with the covariance of the two allowed for.

        Parameters
        ----------
        y : ndarray, shape (n,)
            Answers.
        first, second : ndarray, shape (n,)
            1 for people in the domain, else 0; people without an answer have 0.
        labels : tuple of two str
            Names of the first and the second domain.

        Returns
        -------
        Estimate
            Second less first, against 0; t on the smaller effective number of clusters less one.

        Raises
        ------
        EmptyCell
            A domain without weight, or met in too few sessions to have an error.
        """
        y = np.where((first > 0) | (second > 0), y, 0.0)
        estimate = self._estimate(
            lambda w: np.array([(w @ (y * second)) / (w @ second) - (w @ (y * first)) / (w @ first)]),
            (first, second),
            labels[1],
        )
        sizes = {labels[0]: int((first > 0).sum()), labels[1]: int((second > 0).sum())}
        return replace(with_null(estimate), n=sizes)

    def _estimate(self, statistic: Statistic, groups: tuple[Floats, ...], label: str) -> Estimate:
        if any(not (self.design.weights @ d > 0) for d in groups):
            raise errors.EmptyCell(f"nobody in {label} has weight")
        effective = min(effective_clusters(self.design, d) for d in groups)
        if effective < 2:
            raise errors.EmptyCell(f"{label} was reached in fewer than two sessions, so it has no error")
        with np.errstate(invalid="ignore", divide="ignore"):
            value, cov = self.covariance(statistic)
        if not np.isfinite(cov).all():
            raise errors.EmptyCell(f"{label} stands in one session only, so it has no error")
        strata = max(strata_in_domain(self.design, d) for d in groups)
        if effective <= strata:
            raise errors.EmptyCell(f"{label} was reached in no more clusters than strata, so it has no error")
        return from_se(
            float(value[0]),
            float(np.sqrt(cov[0, 0])),
            df=effective - strata,
            null=None,
            group=label,
            n={label: int((groups[-1] > 0).sum())},
            n_sessions=int(min(clusters_in_domain(self.design, d) for d in groups)),
            se_method=f"delete-one-session jackknife, weights made again; {_reference(strata)}",
            method="weighted mean",
        )


def _reference(strata: int) -> str:
    return f"t with effective sessions less {'one' if strata == 1 else 'strata'} degrees of freedom"


def _domain_mean(w: Floats, y: Floats, domain: Floats) -> float:
    """Return the weighted mean of a domain; NaN where the weights leave nobody in it."""
    size = w @ domain
    return float((w @ (y * domain)) / size) if size > 0 else float("nan")


def with_null(estimate: Estimate, null: float = 0.0) -> Estimate:
    """Return a level as a contrast against a null value: the p-value is filled.

    Parameters
    ----------
    estimate : Estimate
        A level with its error.
    null : float
        Value of no difference, in the unit of the estimate.

    Returns
    -------
    Estimate
        The same numbers, with `null` and `p`.
    """
    contrast = from_se(estimate.value, estimate.se or 0.0, df=estimate.df or float("inf"), null=null)
    return replace(estimate, null=null, p=contrast.p)


def clusters_in_domain(design: Design, domain: Floats) -> int:
    """Return the number of clusters that hold somebody of a domain.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    domain : ndarray, shape (n,)
        Above 0 for people in the domain.

    Returns
    -------
    int
        Number of clusters.
    """
    return len(np.unique(design.cluster_codes[domain > 0]))


def strata_in_domain(design: Design, domain: Floats) -> int:
    """Return the number of strata that hold somebody of a domain.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    domain : ndarray, shape (n,)
        Above 0 for people in the domain.

    Returns
    -------
    int
        Number of strata; 1 without strata.
    """
    return len(np.unique(design.strata_codes[domain > 0]))


def effective_clusters(design: Design, domain: Floats) -> float:
    """Return the effective number of clusters of a domain, (sum n_g)² / sum(n_g²).

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    domain : ndarray, shape (n,)
        Above 0 for people in the domain.

    Returns
    -------
    float
        Over the clusters that hold the domain, n_g people each; 0 for an empty domain.
    """
    counts = np.bincount(design.cluster_codes[domain > 0], minlength=len(design.cluster_labels)).astype(float)
    return float(counts.sum() ** 2 / (counts**2).sum()) if counts.sum() else 0.0


def bootstrap(design: Design, statistic: Statistic, *, draws: int = 499, seed: int) -> Floats:
    """Return bootstrap replicates of a statistic of the weights, clusters resampled and weights calibrated again.

    n_h - 1 clusters are drawn with replacement per stratum and weights scaled by n_h / (n_h - 1) (Rao and Wu 1988;
    Rao, Wu and Yue 1992). A draw that cannot be calibrated is drawn again, up to 20 times.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    statistic : callable
        Takes weights (n,) and returns k quantities.
    draws : int
        Number of replicates.
    seed : int
        Seed of the draws, 0 or more; equal seeds give equal draws for any number of workers.

    Returns
    -------
    ndarray, shape (draws, k)
        The statistic in each replicate.

    Raises
    ------
    NotConverged
        Twenty draws in turn that could not be calibrated.
    """
    from functools import partial

    return np.array(parallel.run(partial(_bootstrap_draw, design, statistic), list(range(draws)), seed))


def bootstrap_estimate(
    design: Design, statistic: Statistic, *, draws: int = 499, seed: int, group: str = "all"
) -> list[Estimate]:
    """Return each quantity of a statistic of the weights with its bootstrap error and a t interval on design df.

    Errors are about the mean of the draws, each of which was calibrated again; see `bootstrap`.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    statistic : callable
        Takes weights (n,) and returns k quantities.
    draws : int
        Number of replicates.
    seed : int
        Seed of the draws, 0 or more.
    group : str
        Whom the statistic is about.

    Returns
    -------
    list of Estimate
        One level per quantity, in its own unit.

    Raises
    ------
    EmptyCell, NotConverged
        Draws that leave nobody in the group; draws that could not be calibrated.
    """
    full = np.atleast_1d(statistic(design.weights))
    replicates = bootstrap(design, statistic, draws=draws, seed=seed)
    if not np.isfinite(replicates).all():
        raise errors.EmptyCell(f"some draws leave nobody in {group}, so it has no bootstrap error")
    how = f"bootstrap of clusters, weights made again, {draws} draws; {design.reference(design.df)}"
    return [
        from_se(
            float(v),
            float(se),
            df=design.df,
            null=None,
            group=group,
            n={group: design.people(np.ones(design.n))},
            se_method=how,
            n_sessions=len(design.cluster_labels) if design.clustered else None,
            method="weighted statistic",
        )
        for v, se in zip(full, replicates.std(axis=0, ddof=1), strict=True)
    ]


def _bootstrap_draw(design: Design, statistic: Statistic, _: int, rng: np.random.Generator) -> Floats:
    record = design.calibration
    base = design.weights if record is None else record.base.to_numpy(dtype=float)
    for _attempt in range(20):
        times = np.zeros(len(design.cluster_labels))
        for stratum, m in enumerate(design.clusters_per_stratum):
            members = np.flatnonzero(design.stratum_of_cluster == stratum)
            times[members] = np.bincount(rng.integers(0, m, m - 1), minlength=m) * m / (m - 1)
        w = base * times[design.cluster_codes]
        if record is None:
            return np.atleast_1d(statistic(w))
        try:
            return np.atleast_1d(statistic(weighting.recalibrate(record, w)))
        except errors.DataError:
            continue
    raise errors.NotConverged("twenty bootstrap draws in turn left a margin cell with nobody", todo="Join small cells.")
