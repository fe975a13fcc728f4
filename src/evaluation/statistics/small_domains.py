"""Small groups: direct means drawn towards their family's mean as far as chance alone explains their spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics._arrays import Floats
from evaluation.statistics.survey.replicates import Jackknife, effective_clusters

LEAST_DOMAINS = 4
Values = TypeVar("Values", float, pd.Series)


@dataclass(frozen=True, slots=True)
class Pooled:
    """Partially pooled values of small groups.

    Attributes
    ----------
    variance : float
        Variance between groups beyond chance, by restricted maximum likelihood; 0 is common with few groups.
    table : DataFrame
        One row per group: `direct`, `direct_se`, `pooled`, `se` (root of the mean squared error, what is not known of
        the variance included), `own` (weight on the group's own answers, 0 to 1), `mse_known` (with the variance taken
        as known).
    means : Series
        Mean of each family of groups.
    """

    variance: float
    table: pd.DataFrame
    means: pd.Series


def pooled(direct: pd.Series, variance: pd.Series, family: pd.Series) -> Pooled:
    """Return means of small groups, partially pooled within their families (Fay and Herriot 1979).

    direct = mean of the family + v + e, v with one variance A for all families (restricted maximum likelihood), e with
    the variances given. The pooled value is γ direct + (1 - γ) mean, γ = A / (A + variance). Its mean squared error is
    g1 + g2 + 2 g3 (Prasad and Rao 1990; Datta and Lahiri 2000).

    Parameters
    ----------
    direct : Series, group → value
        Direct estimates.
    variance : Series, group → variance
        Their sampling variances, above 0, smoothed.
    family : Series, group → name
        Which groups are drawn to one mean (ages, areas ...).

    Returns
    -------
    Pooled
        In the order of `direct`.

    Raises
    ------
    DataError
        Fewer than four groups, or no more groups than families; values that are not numbers; a variance that is not
        above 0.

    References
    ----------
    Rao and Molina (2015) Small Area Estimation, chapter 6.
    """
    y, d = direct.to_numpy(dtype=float), variance.reindex(direct.index).to_numpy(dtype=float)
    names, x = np.unique(family.reindex(direct.index).astype(str), return_inverse=True)
    design = np.eye(len(names))[x]
    if len(y) < LEAST_DOMAINS or len(y) <= len(names):
        raise errors.DataError("too few groups to tell chance from difference", todo="Give four groups or more.")
    if not (np.isfinite(y).all() and np.isfinite(d).all() and (d > 0).all()):
        raise errors.DataError("a group's value or variance is missing, or not above 0", todo="Smooth the variances.")
    a = _between(y, d, design)
    total = a + d
    bread = np.linalg.inv((design.T / total) @ design)
    beta = bread @ (design.T / total) @ y
    own, fitted = a / total, design @ beta
    known = own * d + (1 - own) ** 2 * np.einsum("ij,jk,ik->i", design, bread, design)
    unknown = (1 - own) ** 2 / total * 2 / (total**-2.0).sum()
    table = pd.DataFrame(
        {
            "direct": y,
            "direct_se": np.sqrt(d),
            "pooled": own * y + (1 - own) * fitted,
            "se": np.sqrt(known + 2 * unknown),
            "own": own,
            "mse_known": known,
        },
        index=direct.index,
    )
    return Pooled(a, table, pd.Series(beta, index=names))


def _between(y: Floats, d: Floats, x: Floats) -> float:
    """Return the variance between groups at the highest restricted likelihood, 0 or more."""
    from scipy.optimize import minimize_scalar

    def parts(a: float) -> tuple[Floats, Floats, Floats]:
        inverse = 1 / (a + d)
        gram = (x.T * inverse) @ x
        p = np.diag(inverse) - (inverse[:, None] * x) @ np.linalg.solve(gram, x.T * inverse)
        return p, p @ y, gram

    def minus(root: float) -> float:
        _, py, gram = parts(root**2)
        return float(np.log(root**2 + d).sum() + np.linalg.slogdet(gram)[1] + y @ py)

    highest = np.sqrt(10 * (np.var(y) + d.max()))
    a = float(minimize_scalar(minus, bounds=(0.0, highest), method="bounded", options={"xatol": 1e-9}).x ** 2)
    for _ in range(50):  # Fisher's scoring to the last digits
        p, py, _gram = parts(a)
        move = float((py @ py - np.trace(p)) / (p * p).sum())
        a = max(a + move, 0.0)
        if abs(move) < 1e-14 or a == 0.0:
            break
    return a if minus(np.sqrt(a)) < minus(0.0) else 0.0


def benchmarked(result: Pooled, shares: pd.Series, total: float) -> pd.Series:
    """Return pooled values moved by one number so that, by shares of the population, they meet the group's total.

    Parameters
    ----------
    result : Pooled
        Values of the groups of one family.
    shares : Series, group → share
        Shares of the population, for groups that make it up together; others are left as they are.
    total : float
        The mean that the groups must meet.

    Returns
    -------
    Series, group → value
        Differences between groups are kept.
    """
    values: pd.Series[float] = result.table["pooled"].loc[shares.index]
    weight = (shares / shares.sum()).to_numpy(dtype=float)
    moved: pd.Series[float] = values + (total - float(weight @ values.to_numpy(dtype=float)))
    return moved


def direct_means(jackknife: Jackknife, y: Floats, domains: Sequence[Floats]) -> tuple[Floats, Floats, Floats, float]:
    """Return weighted means of overlapping groups, their smoothed variances, shares of weight, degrees of freedom.

    A group of twenty has too few sessions for an error of its own: each variance is s² Σw² / (Σw)² with one s² for all,
    times one factor for clustering and weighting again, the sum of the jackknife variances over the sum of these, at
    least 1.

    Parameters
    ----------
    jackknife : Jackknife
        Replicates of the design.
    y : ndarray, shape (n,)
        Answers; any number where missing.
    domains : sequence of ndarray, shape (n,)
        1 for people of each group who answered, else 0.

    Returns
    -------
    means, variances, shares : ndarray, shape (groups,)
        Shares are of the weight of everybody in any group.
    df : float
        Effective clusters of everybody in the groups, less one.
    """
    z, w = np.column_stack(list(domains)), jackknife.design.weights
    inside = z.any(axis=1)
    weighted = z * w[:, None]
    size = weighted.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means, spread = jackknife.covariance(lambda v: ((z * v[:, None]).T @ y) / (v @ z))
    centre = np.average(y[inside], weights=w[inside])
    s2 = np.average((y[inside] - centre) ** 2, weights=w[inside])
    plain = s2 * (weighted**2).sum(axis=0) / size**2
    own = np.diag(spread)
    seen = np.isfinite(own)
    factor = max(1.0, float(own[seen].sum() / plain[seen].sum())) if seen.any() else 1.0
    return means, factor * plain, size / w[inside].sum(), effective_clusters(jackknife.design, inside.astype(float)) - 1


def interval(value: Values, se: Values, df: float, *, level: float = 0.95) -> tuple[Values, Values]:
    """Return t intervals of pooled values.

    Parameters
    ----------
    value, se : Series or float
        Values and roots of their mean squared errors.
    df : float
        Degrees of freedom of the sampling variances.
    level : float
        Confidence level, 0 to 1.

    Returns
    -------
    low, high : Series or float
        Ends.
    """
    from scipy.stats import t

    half = float(t.ppf(0.5 + level / 2, df)) * se
    return value - half, value + half
