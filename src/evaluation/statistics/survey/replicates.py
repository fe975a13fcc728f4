"""Replicate errors that go through the weighting again: delete-one-session jackknife, bootstrap of sessions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from evaluation import errors, parallel
from evaluation.results import Estimate, from_se
from evaluation.statistics import weighting
from evaluation.statistics.survey.design import Design

Statistic = Callable[[np.ndarray], np.ndarray]
_T = "t with effective sessions less one degrees of freedom"


def replicate_weights(design: Design) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Return delete-one-cluster weights (replicates, n), the variance factor of each, and replicates that failed.

    Each replicate drops one cluster, raises the base weights of its stratum by n_h / (n_h - 1), and calibrates again
    where the design was calibrated (JKn; Rust and Rao 1996). A replicate that can no longer be calibrated, because a
    cell lost its last person, keeps the scaled final weights and is counted.
    """
    record = design.calibration
    base = design.weights if record is None else record.base.to_numpy(dtype=float)
    rows, factors, failed = [], [], []
    for cluster in range(len(design.cluster_labels)):
        stratum = design.stratum_of_cluster[cluster]
        m = design.clusters_in[stratum]
        scale = np.where(design.strata_codes == stratum, m / (m - 1), 1.0)
        scale[design.cluster_codes == cluster] = 0.0
        w = base * scale
        if record is not None:
            try:
                w = weighting.again(record, w)
            except errors.DataError:
                failed.append(cluster)
                w = design.weights * scale
        rows.append(w)
        factors.append((m - 1) / m * design.left_over[stratum])
    return np.array(rows), np.array(factors), tuple(failed)


class Jackknife:
    """Delete-one-cluster replicates of a design, made once and used for many statistics."""

    def __init__(self, design: Design) -> None:
        self.design = design
        self.weights, self.factors, self.failed = replicate_weights(design)

    def covariance(self, statistic: Statistic) -> tuple[np.ndarray, np.ndarray]:
        """Return the statistic (k,) at the full weights and its jackknife covariance (k, k), about the full value."""
        full = np.atleast_1d(statistic(self.design.weights))
        gaps = np.array([np.atleast_1d(statistic(w)) for w in self.weights]) - full
        return full, (gaps * self.factors[:, None]).T @ gaps

    def mean(self, y: np.ndarray, domain: np.ndarray, *, label: str = "all") -> Estimate:
        """Return a domain mean with its jackknife error and t on the effective number of clusters less one.

        `y` and `domain` have shape (n,); people without an answer have domain 0. The degrees of freedom are
        G_eff - 1, G_eff = (sum n_g)² / sum n_g² over the clusters that hold the domain. `n_effective` is the variance
        of the answers over the squared error: clustering and weights included.
        """
        y = np.where(domain > 0, y, 0.0)

        def ratio(w: np.ndarray) -> np.ndarray:
            size = w @ domain
            return np.array([(w @ (y * domain)) / size]) if size > 0 else np.array([np.nan])

        made = self._packed(ratio, (domain,), label)
        w, n = self.design.weights * domain, np.count_nonzero(domain)
        if not made.se or n < 2:
            return made
        spread = float(w @ (y - made.value) ** 2 / w.sum() * n / (n - 1))
        return replace(made, n_effective=spread / made.se**2 if spread > 0 else None)

    def contrast(self, y: np.ndarray, first: np.ndarray, second: np.ndarray, *, labels: tuple[str, str]) -> Estimate:
        """Return the mean of `second` less that of `first`, with the covariance of the two allowed for."""
        y = np.where((first > 0) | (second > 0), y, 0.0)

        def gap(w: np.ndarray) -> np.ndarray:
            return np.array([(w @ (y * second)) / (w @ second) - (w @ (y * first)) / (w @ first)])

        made = self._packed(gap, (first, second), labels[1])
        sizes = {labels[0]: int((first > 0).sum()), labels[1]: int((second > 0).sum())}
        return replace(with_null(made), n=sizes)

    def _packed(self, statistic: Statistic, held: tuple[np.ndarray, ...], label: str) -> Estimate:
        if any(not (self.design.weights @ d > 0) for d in held):
            raise errors.EmptyCell(f"nobody in {label} has weight")
        effective = min(effective_clusters(self.design, d) for d in held)
        if effective < 2:
            raise errors.EmptyCell(f"{label} was reached in fewer than two sessions, so it has no error")
        with np.errstate(invalid="ignore", divide="ignore"):
            value, cov = self.covariance(statistic)
        if not np.isfinite(cov).all():
            raise errors.EmptyCell(f"{label} stands in one session only, so it has no error")
        return from_se(
            float(value[0]),
            float(np.sqrt(cov[0, 0])),
            df=effective - 1,
            null=None,
            group=label,
            n={label: int((held[-1] > 0).sum())},
            n_sessions=int(min(clusters_with(self.design, d) for d in held)),
            se_method=f"delete-one-session jackknife, weights made again; {_T}",
            method="weighted mean",
        )


def with_null(estimate: Estimate, null: float = 0.0) -> Estimate:
    """Return a level as a contrast against `null`: the p-value is filled."""
    made = from_se(estimate.value, estimate.se or 0.0, df=estimate.df or float("inf"), null=null)
    return replace(estimate, null=null, p=made.p)


def clusters_with(design: Design, domain: np.ndarray) -> int:
    """Return the number of clusters that hold somebody of a domain."""
    return len(np.unique(design.cluster_codes[domain > 0]))


def effective_clusters(design: Design, domain: np.ndarray) -> float:
    """Return (sum n_g)² / sum(n_g²) over the clusters that hold the domain (n_g people)."""
    counts = np.bincount(design.cluster_codes[domain > 0], minlength=len(design.cluster_labels)).astype(float)
    return float(counts.sum() ** 2 / (counts**2).sum()) if counts.sum() else 0.0


def bootstrap(design: Design, statistic: Statistic, *, draws: int = 499, seed: int) -> np.ndarray:
    """Return replicates (draws, k) of a statistic of the weights, clusters resampled and weights calibrated again.

    n_h - 1 clusters are drawn with replacement per stratum and weights scaled by n_h / (n_h - 1) (Rao and Wu 1988;
    Rao, Wu and Yue 1992). A draw that cannot be calibrated is drawn again, up to 20 times.
    """
    from functools import partial

    found = parallel.run(partial(_draw, design, statistic), list(range(draws)), seed)
    return np.array(found)


def bootstrap_estimate(
    design: Design, statistic: Statistic, *, draws: int = 499, seed: int, group: str = "all"
) -> list[Estimate]:
    """Return each quantity of a statistic of the weights with its bootstrap error and a t interval on design df.

    Errors are about the mean of the draws, each of which was calibrated again; see `bootstrap`.
    """
    full = np.atleast_1d(statistic(design.weights))
    found = bootstrap(design, statistic, draws=draws, seed=seed)
    if not np.isfinite(found).all():
        raise errors.EmptyCell(f"some draws leave nobody in {group}, so it has no bootstrap error")
    how = f"bootstrap of clusters, weights made again, {draws} draws; {design.reference}"
    return [
        from_se(
            float(v),
            float(se),
            df=design.df,
            null=None,
            group=group,
            n={group: design.n},
            se_method=how,
            n_sessions=len(design.cluster_labels) if design.clustered else None,
            method="weighted statistic",
        )
        for v, se in zip(full, found.std(axis=0, ddof=1), strict=True)
    ]


def _draw(design: Design, statistic: Statistic, _: int, rng: np.random.Generator) -> np.ndarray:
    record = design.calibration
    base = design.weights if record is None else record.base.to_numpy(dtype=float)
    for _attempt in range(20):
        times = np.zeros(len(design.cluster_labels))
        for stratum, m in enumerate(design.clusters_in):
            members = np.flatnonzero(design.stratum_of_cluster == stratum)
            times[members] = np.bincount(rng.integers(0, m, m - 1), minlength=m) * m / (m - 1)
        w = base * times[design.cluster_codes]
        if record is None:
            return np.atleast_1d(statistic(w))
        try:
            return np.atleast_1d(statistic(weighting.again(record, w)))
        except errors.DataError:
            continue
    raise errors.NotConverged("twenty bootstrap draws in turn left a margin cell with nobody", todo="Join small cells.")
