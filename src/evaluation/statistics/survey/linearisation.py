"""Means, totals, proportions, ratios and differences with linearised errors that know design and calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics.survey import _intervals
from evaluation.statistics.survey.design import Design

SE = "Taylor linearisation, with replacement"
By = str | Sequence[str] | None


def mean(design: Design, column: str, *, by: By = None, missing: str = "refuse") -> list[Estimate]:
    """Return weighted means of a column, for everybody or per level of `by` (domains keep the whole design).

    Parameters
    ----------
    by : str or list of str, optional
        Column whose levels are the domains; several are crossed.
    missing : "refuse" or "domain"
        What to do with people who did not answer: refuse them, or estimate for the domain of those who did (they stay
        in the design, R's na.rm = TRUE); `n` counts who answered.

    Notes
    -----
    The linearised variable of a domain mean is d (y - mean) / sum(w d); t intervals on clusters less strata.
    `n_effective` is the variance of the answers over the squared error: clustering and weights included.
    """
    y, held = answers(design, column, missing)
    parts = [(label, y * d * held, d * held) for label, d in domains(design, by)]
    return _ratios(design, parts, f"mean of {column}", variances=True)


def total(design: Design, column: str, *, by: By = None, missing: str = "refuse") -> list[Estimate]:
    """Return weighted totals of a column."""
    y, held = answers(design, column, missing)
    parts = [(label, y * d * held, d * held) for label, d in domains(design, by)]
    scores = np.column_stack([top for _, top, _ in parts])
    errors_ = _errors(design, scores)
    return [
        _estimate(design, float(design.weights @ top), se, f"total of {column}", label, _people(d))
        for (label, top, d), se in zip(parts, errors_, strict=True)
    ]


def ratio(
    design: Design, numerator: str, denominator: str, *, by: By = None, missing: str = "refuse"
) -> list[Estimate]:
    """Return ratios of two weighted totals."""
    (y, one), (x, two) = answers(design, numerator, missing), answers(design, denominator, missing)
    held = one * two
    parts = [(label, y * d * held, x * d * held, _people(d * held)) for label, d in domains(design, by)]
    return _ratios(design, parts, f"ratio of {numerator} to {denominator}")


def proportion(
    design: Design, column: str, *, by: By = None, interval: str = "logit", level: float = 0.95, missing: str = "refuse"
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
    `se_method` says so. The share of a cell that the weights were made to meet is known: its interval is that point.
    """
    y, held = answers(design, column, missing)
    if not np.isin(y, (0.0, 1.0)).all():
        raise errors.DataError(f"{column!r} is not 0 and 1", todo="Make it so, or ask for its mean.")
    _intervals.check(interval, level)
    parts = [(label, y * d * held, d * held) for label, d in domains(design, by)]
    found = _ratios(design, parts, f"share of {column}", variances=True)
    return [_with_interval(design, e, sum(e.n.values()), interval, level) for e in found]


def distribution(
    design: Design,
    column: str,
    *,
    levels: Sequence[Any] | None = None,
    by: By = None,
    interval: str = "logit",
    level: float = 0.95,
) -> list[Estimate]:
    """Return the weighted share of every level of a column (per domain), don't-knows among them as a level.

    Missing values are refused: give them a level of their own, so that the shares are of everybody who was asked.
    `group` is the level, or "domain × level". The shares of a domain add to 1.
    """
    errors.require_columns(design.frame, [column], role="a distribution")
    errors.require_complete(design.frame, [column], role="a distribution")
    _intervals.check(interval, level)
    held = in_order(design.frame[column]) if levels is None else list(levels)
    unknown = sorted({str(v) for v in design.frame[column].unique()} - {str(v) for v in held})
    if unknown:
        raise errors.DataError(f"{column!r} holds {unknown}, not among the levels", todo="Name every level.")
    out = []
    for label, d in domains(design, by):
        parts = []
        for value in held:
            inside = (design.frame[column] == value).to_numpy(dtype=float)
            parts.append((str(value) if by is None else f"{label} × {value}", inside * d, d))
        found = _ratios(design, parts, f"share of {column}", variances=True)
        out += [_with_interval(design, e, sum(e.n.values()), interval, level) for e in found]
    return out


def difference(
    design: Design, column: str, *, by: str, levels: tuple[Any, Any] | None = None, missing: str = "refuse"
) -> list[Estimate]:
    """Return the difference of two domain means (second level less first), their covariance allowed for."""
    y, held = answers(design, column, missing)
    given = y[held > 0]
    y = np.where(held > 0, y - given[0], 0.0) if np.ptp(given) == 0 else y  # a constant differs by exactly 0
    found = {label: d * held for label, d in domains(design, by)}
    known = in_order(design.frame[by])
    names = list(found) if levels is None else [str(next((x for x in known if x == level), level)) for level in levels]
    if len(names) != 2 or len(set(names)) != 2 or any(name not in found for name in names):
        raise errors.DataError(
            f"a difference needs two levels of {by!r}; it has {list(found)}",
            todo="Name two with levels=(first, second).",
        )
    parts = [_score(design, y * found[n], found[n], n) for n in names]
    se = float(_errors(design, (parts[1][1] - parts[0][1])[:, None])[0])
    n = {name: _people(found[name]) for name in names}
    return [
        from_se(
            parts[1][0] - parts[0][0],
            se,
            df=design.df,
            n=n,
            method=f"difference in means of {column}",
            se_method=_how(design),
            group=f"{names[1]} less {names[0]}",
            n_sessions=sessions(design),
        )
    ]


def change(later: Estimate, earlier: Estimate, *, labels: tuple[str, str] = ("later", "earlier")) -> Estimate:
    """Return later less earlier of two estimates of independent samples: variances add, Welch-Satterthwaite df."""
    if later.se is None or earlier.se is None:
        raise errors.DataError("a change needs the error of both levels", todo="Estimate both with their errors.")
    va, vb = later.se**2, earlier.se**2
    parts = [v**2 / d for v, d in ((va, later.df), (vb, earlier.df)) if d is not None and math.isfinite(d)]
    df = (va + vb) ** 2 / sum(parts) if parts and sum(parts) > 0 else math.inf
    met = [e.n_sessions for e in (later, earlier)]
    return from_se(
        later.value - earlier.value,
        math.sqrt(va + vb),
        df=df,
        unit=later.unit,
        n={labels[1]: sum(earlier.n.values()), labels[0]: sum(later.n.values())},
        n_sessions=None if None in met else min(m for m in met if m is not None),
        method="difference of weighted levels of two independent samples",
        se_method=f"{later.se_method}; Welch-Satterthwaite t" if later.se_method else "Welch-Satterthwaite t",
    )


def answers(design: Design, column: str, missing: str = "refuse") -> tuple[np.ndarray, np.ndarray]:
    """Return a numeric column (0 where it is missing) and who answered, as 0/1, by the stated policy."""
    if missing not in ("refuse", "domain"):
        raise errors.Unsupported(f"policy {missing!r} for missing values is not known", todo="Use refuse or domain.")
    errors.require_columns(design.frame, [column], role="an estimate")
    if missing == "refuse":
        return design.column(column), np.ones(design.n)
    held = design.frame[column].notna().to_numpy()
    if not held.any():
        raise errors.EmptyCell(f"nobody answered {column!r}")
    y = np.zeros(design.n)
    try:
        y[held] = design.frame[column][held].to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise errors.DataError(f"{column!r} is not a number", todo="Code it as numbers.") from None
    return y, held.astype(float)


def domains(design: Design, by: By) -> list[tuple[str, np.ndarray]]:
    """Return (label, indicator) per domain, in the order of the levels; a domain with no weight is refused."""
    if by is None:
        return [("all", np.ones(design.n))]
    names = [by] if isinstance(by, str) else list(by)
    errors.require_columns(design.frame, names, role="domains")
    errors.require_complete(design.frame, names, role="domains")
    out: list[tuple[str, np.ndarray]] = [("", np.ones(design.n))]
    for name in names:
        column = design.frame[name]
        out = [
            (f"{label} × {level}" if label else str(level), d * (column == level).to_numpy(dtype=float))
            for label, d in out
            for level in in_order(column)
        ]
    held = [(label, d) for label, d in out if d.any()]
    empty = [label for label, d in held if not design.weights @ d > 0]
    if empty:
        raise errors.EmptyCell(f"nobody in {' × '.join(names)} = {empty[0]} has weight", todo="Leave this domain out.")
    return held


def in_order(column: pd.Series) -> list[Any]:
    """Return the levels that somebody has: in the order of a categorical, numbers by size, words by letters."""
    held = column.dropna().unique()
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [level for level in column.cat.categories if level in set(held)]
    try:
        return sorted(held)
    except TypeError:
        return sorted(held, key=str)


def sessions(design: Design) -> int | None:
    """Return the number of clusters where rows are clustered."""
    return len(design.cluster_labels) if design.clustered else None


def _people(domain: np.ndarray) -> int:
    return int(np.count_nonzero(domain))


def _how(design: Design) -> str:
    calibrated = ", calibrated" if design.calibration is not None else ""
    return f"{SE}{calibrated}; {design.reference}"


def _errors(design: Design, scores: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(np.diag(design.covariance(scores)), 0.0))


def _score(design: Design, top: np.ndarray, bottom: np.ndarray, label: str) -> tuple[float, np.ndarray]:
    """Return a ratio of weighted totals and its linearised variable."""
    size = float(design.weights @ bottom)
    if size == 0:
        raise errors.EmptyCell(f"the denominator of {label} is 0", todo="Leave this domain out.")
    value = float(design.weights @ top) / size
    return value, (top - value * bottom) / size


def _ratios(design: Design, parts: list[Any], words: str, *, variances: bool = False) -> list[Estimate]:
    """Return ratios of weighted totals, (label, top, bottom[, people]) each, from one covariance."""
    made = [_score(design, part[1], part[2], part[0]) for part in parts]
    out = []
    for part, (value, _), se in zip(parts, made, _errors(design, np.column_stack([m[1] for m in made])), strict=True):
        label, top, bottom, *people = part
        n = people[0] if people else _people(bottom)
        worth = None
        if variances and se > _intervals.EDGE and n > 1:
            w = design.weights * bottom
            worth = float(w @ (top - value) ** 2 / w.sum() * n / (n - 1) / se**2)
        out.append(_estimate(design, value, float(se), words, label, n, worth))
    return out


def _estimate(
    design: Design, value: float, se: float, words: str, label: str, n: int, worth: float | None = None
) -> Estimate:
    return from_se(
        value,
        se,
        df=design.df,
        null=None,
        n={label: n},
        method=words,
        se_method=_how(design),
        group=label,
        n_sessions=sessions(design),
        n_effective=worth,
    )


def _with_interval(design: Design, found: Estimate, n: int, interval: str, level: float) -> Estimate:
    p, se, df = found.value, found.se or 0.0, design.df
    make, how = _intervals.maker(p, se, interval)
    (low, high), (low90, high90) = make(p, se, n, df, level), make(p, se, n, df, 0.90)
    return replace(
        found, low=low, high=high, low_90=low90, high_90=high90, unit="share", se_method=f"{found.se_method}; {how}"
    )


def quantile(
    design: Design,
    column: str,
    *,
    q: float | Sequence[float] = 0.5,
    by: By = None,
    level: float = 0.95,
    missing: str = "refuse",
) -> list[Estimate]:
    """Return weighted quantiles (the smallest value at which the weighted distribution reaches q), for each q asked.

    The interval is Woodruff's (1952): the t interval of the distribution function at the quantile, read back through
    it; `se` is that interval's width over twice the t quantile.
    """
    from scipy.stats import t

    if not isinstance(q, Real) and (isinstance(q, str) or not all(isinstance(one, Real) for one in q)):
        raise errors.DataError(f"q = {q!r} is no share", todo="Give a share such as 0.5 for the median, or a list.")
    if not isinstance(q, Real):
        return [e for one in q for e in quantile(design, column, q=float(one), by=by, level=level, missing=missing)]
    if not 0 < q < 1:
        raise errors.DataError(f"q = {q} is not between 0 and 1", todo="Give a share such as 0.5 for the median.")
    _intervals.check("mean", level)
    y, held = answers(design, column, missing)
    wide, narrow = (float(t.ppf(0.5 + x / 2, design.df)) for x in (level, 0.90))
    out = []
    for label, inside in domains(design, by):
        d = inside * held
        w = design.weights * d
        if not w.sum() > 0:
            raise errors.EmptyCell(f"nobody in {label} answered {column!r}")
        point = weighted_quantile(y, w, q)
        share, score = _score(design, (y <= point) * d, d, label)
        se = float(_errors(design, score[:, None])[0])
        ends = [weighted_quantile(y, w, float(np.clip(share + k * se, 0, 1))) for k in (-wide, wide, -narrow, narrow)]
        out.append(
            Estimate(
                value=point,
                se=(ends[1] - ends[0]) / (2 * wide),
                low=ends[0],
                high=ends[1],
                low_90=ends[2],
                high_90=ends[3],
                df=float(design.df),
                n={label: _people(d)},
                method=f"quantile {q:g} of {column}",
                se_method=f"Woodruff; {design.reference}",
                group=label,
                n_sessions=sessions(design),
            )
        )
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
