"""Means, totals, proportions, ratios and differences with linearised errors that know design and calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.estimates import Estimate, from_se
from evaluation.statistics.survey.design import Design

SE = "Taylor linearisation, with replacement"


def mean(design: Design, column: str, *, by: str | None = None) -> list[Estimate]:
    """Return weighted means of a column, for everybody or per level of `by` (domains keep the whole design).

    The linearised variable of a domain mean is d (y - mean) / sum(w d); t intervals on clusters less strata.
    """
    y = design.column(column)
    return [_ratio(design, y * d, d, f"mean of {column}", label, n) for label, d, n in domains(design, by)]


def total(design: Design, column: str, *, by: str | None = None) -> list[Estimate]:
    """Return weighted totals of a column."""
    y = design.column(column)
    out = []
    for label, d, n in domains(design, by):
        se = float(np.sqrt(design.covariance(y * d)[0, 0]))
        out.append(_estimate(design, float(design.weights @ (y * d)), se, f"total of {column}", label, n))
    return out


def ratio(design: Design, numerator: str, denominator: str, *, by: str | None = None) -> list[Estimate]:
    """Return ratios of two weighted totals."""
    y, x = design.column(numerator), design.column(denominator)
    words = f"ratio of {numerator} to {denominator}"
    return [_ratio(design, y * d, x * d, words, label, n) for label, d, n in domains(design, by)]


def proportion(
    design: Design, column: str, *, by: str | None = None, interval: str = "logit", level: float = 0.95
) -> list[Estimate]:
    """Return weighted shares (0 to 1) of a 0/1 column with an interval that stays inside 0 and 1.

    Parameters
    ----------
    interval : "logit", "beta", "wilson" or "mean"
        t interval on the log odds; Korn and Graubard's (1998) beta interval with the effective number of answers,
        degrees of freedom corrected; Wilson's score interval with the effective number; the plain t interval.

    Notes
    -----
    A share of exactly 0 or 1 has no log odds: the Korn-Graubard interval with the unweighted number is used, and
    `se_method` says so.
    """
    y = design.column(column)
    if not np.isin(y, (0.0, 1.0)).all():
        raise errors.DataError(f"{column!r} is not 0 and 1", todo="Make it so, or ask for its mean.")
    if interval not in ("logit", "beta", "wilson", "mean"):
        raise errors.Unsupported(f"interval {interval!r} is not known", todo="Use logit, beta, wilson or mean.")
    out = []
    for label, d, n in domains(design, by):
        found = _ratio(design, y * d, d, f"share of {column}", label, n)
        out.append(_with_interval(design, found, n, interval, level))
    return out


def difference(design: Design, column: str, *, by: str, levels: tuple[Any, Any] | None = None) -> list[Estimate]:
    """Return the difference of two domain means (second level less first), their covariance allowed for."""
    y = design.column(column)
    found = {label: (d, n) for label, d, n in domains(design, by)}
    names = list(found) if levels is None else [str(level) for level in levels]
    if len(names) != 2 or any(name not in found for name in names):
        raise errors.DataError(f"a difference needs two levels of {by!r}; it has {list(found)}")
    parts = [_score(design, y * found[n][0], found[n][0]) for n in names]
    score = parts[1][1] - parts[0][1]
    se = float(np.sqrt(design.covariance(score)[0, 0]))
    n = {name: found[name][1] for name in names}
    return [from_se(
        parts[1][0] - parts[0][0], se, df=design.df, n=n, method=f"difference in means of {column}", se_method=SE,
        group=f"{names[1]} less {names[0]}", n_sessions=sessions(design))]  # fmt: skip


def domains(design: Design, by: str | None) -> list[tuple[str, np.ndarray, int]]:
    """Return (label, indicator, unweighted people) per domain; a domain with nobody is refused."""
    if by is None:
        return [("all", np.ones(design.n), design.n)]
    errors.require_columns(design.frame, [by], role="domains")
    errors.require_complete(design.frame, [by], role="domains")
    levels = sorted(design.frame[by].unique(), key=str)
    out = []
    for level in levels:
        d = (design.frame[by] == level).to_numpy(dtype=float)
        if not design.weights @ d > 0:
            raise errors.EmptyCell(f"nobody in {by} = {level} has weight")
        out.append((str(level), d, int(d.sum())))
    return out


def sessions(design: Design) -> int | None:
    """Return the number of clusters where rows are clustered."""
    return len(design.cluster_labels) if design.clustered else None


def _score(design: Design, top: np.ndarray, bottom: np.ndarray) -> tuple[float, np.ndarray]:
    """Return a ratio of weighted totals and its linearised variable."""
    size = float(design.weights @ bottom)
    if size == 0:
        raise errors.EmptyCell("the denominator of a ratio is 0")
    value = float(design.weights @ top) / size
    return value, (top - value * bottom) / size


def _ratio(design: Design, top: np.ndarray, bottom: np.ndarray, words: str, label: str, n: int) -> Estimate:
    value, score = _score(design, top, bottom)
    return _estimate(design, value, float(np.sqrt(max(design.covariance(score)[0, 0], 0.0))), words, label, n)


def _estimate(design: Design, value: float, se: float, words: str, label: str, n: int) -> Estimate:
    method = SE + (", calibrated" if design.calibration is not None else "")
    return from_se(value, se, df=design.df, null=None, n={label: n}, method=words, se_method=method, group=label,
                   n_sessions=sessions(design))  # fmt: skip


def _with_interval(design: Design, found: Estimate, n: int, interval: str, level: float) -> Estimate:
    from dataclasses import replace

    if interval == "mean":
        return replace(found, unit="share")
    p, se, df = found.value, found.se or 0.0, design.df
    if p in (0.0, 1.0) or se == 0:
        low, high = korn_graubard(p, se, n, df, level)
        low90, high90 = korn_graubard(p, se, n, df, 0.90)
        how = f"{found.se_method}; Korn-Graubard interval at the edge"
    else:
        make = {"logit": _logit, "beta": korn_graubard, "wilson": _wilson}[interval]
        (low, high), (low90, high90) = make(p, se, n, df, level), make(p, se, n, df, 0.90)
        how = f"{found.se_method}; {interval} interval"
    return replace(found, low=low, high=high, low_90=low90, high_90=high90, unit="share", se_method=how)


def _logit(p: float, se: float, _: int, df: float, level: float) -> tuple[float, float]:
    from scipy.special import expit, logit
    from scipy.stats import t

    half = float(t.ppf(0.5 + level / 2, df)) * se / (p * (1 - p))
    return float(expit(logit(p) - half)), float(expit(logit(p) + half))


def korn_graubard(p: float, se: float, n: int, df: float, level: float = 0.95) -> tuple[float, float]:
    """Return the Korn-Graubard (1998) interval: Clopper-Pearson with the design's effective number.

    n* = p (1 - p) / se² × (t_{n-1} / t_df)², the unweighted number where the share is 0 or 1; as R's
    svyciprop(method = "beta").
    """
    from scipy.stats import beta, t

    effective = float(n)
    if 0 < p < 1 and se > 0:
        effective = p * (1 - p) / se**2
        if n > 1 and df > 0:
            effective *= float(t.ppf(0.5 + level / 2, n - 1) / t.ppf(0.5 + level / 2, df)) ** 2
    tail, x = (1 - level) / 2, p * effective
    low = 0.0 if p == 0 else float(beta.ppf(tail, x, effective - x + 1))
    high = 1.0 if p == 1 else float(beta.ppf(1 - tail, x + 1, effective - x))
    return low, high


def _wilson(p: float, se: float, _: int, df: float, level: float) -> tuple[float, float]:
    from scipy.stats import t

    effective, z = p * (1 - p) / se**2, float(t.ppf(0.5 + level / 2, df))
    middle = (p + z**2 / (2 * effective)) / (1 + z**2 / effective)
    half = z / (1 + z**2 / effective) * np.sqrt(p * (1 - p) / effective + z**2 / (4 * effective**2))
    return float(middle - half), float(middle + half)


def quantile(
    design: Design, column: str, *, q: float = 0.5, by: str | None = None, level: float = 0.95
) -> list[Estimate]:
    """Return weighted quantiles (the smallest value at which the weighted distribution reaches q).

    The interval is Woodruff's (1952): the t interval of the distribution function at the quantile, read back through
    it; `se` is that interval's width over twice the t quantile.
    """
    from scipy.stats import t

    y = design.column(column)
    out = []
    for label, d, n in domains(design, by):
        point = weighted_quantile(y, design.weights * d, q)
        below = (y <= point).astype(float) * d
        _, score = _score(design, below, d)
        se_f = float(np.sqrt(max(design.covariance(score)[0, 0], 0.0)))
        half = float(t.ppf(0.5 + level / 2, design.df)) * se_f
        half90 = float(t.ppf(0.95, design.df)) * se_f
        ends = [weighted_quantile(y, design.weights * d, float(np.clip(p, 0, 1)))
                for p in (q - half, q + half, q - half90, q + half90)]  # fmt: skip
        se = (ends[1] - ends[0]) / (2 * float(t.ppf(0.5 + level / 2, design.df)))
        out.append(Estimate(
            value=point, se=se, low=ends[0], high=ends[1], low_90=ends[2], high_90=ends[3], df=float(design.df),
            n={label: n}, method=f"quantile {q:g} of {column}", se_method="Woodruff", group=label,
            n_sessions=sessions(design)))  # fmt: skip
    return out


def weighted_quantile(y: np.ndarray, weight: np.ndarray, q: float) -> float:
    """Return the smallest value whose cumulated share of the weight is at least q."""
    keep = weight > 0
    order = np.argsort(y[keep], kind="stable")
    values, share = y[keep][order], np.cumsum(weight[keep][order]) / weight[keep].sum()
    return float(values[min(int(np.searchsorted(share, q - 1e-12)), len(values) - 1)])


def frame_of(results: list[Estimate]) -> pd.DataFrame:
    """Return a list of estimates as one frame, a row each."""
    return pd.DataFrame([r.tidy() for r in results])
