"""Means, totals, proportions, ratios and differences with linearised errors that know design and calibration."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from numbers import Real

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics._arrays import Floats, Number
from evaluation.statistics.survey import _intervals
from evaluation.statistics.survey.design import Design

LINEARISATION = "Taylor linearisation, with replacement"
By = str | Sequence[str] | None
Ratio = tuple[str, Floats, Floats, Floats]  # label, numerator, denominator, domain


def mean(design: Design, column: str, *, by: By = None, missing: str = "refuse") -> list[Estimate]:
    """Return weighted means of a column with linearised errors, for everybody or per domain.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    column : str
        Column of the frame, numeric.
    by : str or list of str, optional
        Column whose levels are the domains; several are crossed.
    missing : "refuse" or "domain"
        What to do with people who did not answer: refuse them, or estimate for the domain of those who did (they stay
        in the design, R's na.rm = TRUE); `n` counts who answered.

    Returns
    -------
    list of Estimate
        One level per domain, in the order of the levels, in the unit of the column.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; missing values where they are refused, or in `by`; a column that is not numbers.
    EmptyCell, Unsupported
        A domain without weight, or nobody who answered; a policy that is not known.

    Notes
    -----
    Domains keep the whole design. The linearised variable of a domain mean is d (y - mean) / sum(w d); t intervals on
    clusters less strata. `n_effective` is the variance of the answers over the squared error: clustering and weights
    included.
    """
    y, answered = answers(design, column, missing)
    parts = [_domain_ratio(label, y, d * answered) for label, d in domains(design, by)]
    return _ratios(design, parts, f"mean of {column}", variances=True)


def total(design: Design, column: str, *, by: By = None, missing: str = "refuse") -> list[Estimate]:
    """Return weighted totals of a column with linearised errors, for everybody or per domain.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    column : str
        Column of the frame, numeric.
    by : str or list of str, optional
        Column whose levels are the domains; several are crossed.
    missing : "refuse" or "domain"
        What to do with people who did not answer: refuse them, or estimate for the domain of those who did.

    Returns
    -------
    list of Estimate
        One total per domain, in the unit of the column times that of the weights.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; missing values where they are refused, or in `by`; a column that is not numbers.
    EmptyCell, Unsupported
        A domain without weight, or nobody who answered; a policy that is not known.
    """
    y, answered = answers(design, column, missing)
    parts = [(label, y * d * answered, d * answered) for label, d in domains(design, by)]
    scores = np.column_stack([top for _, top, _ in parts])
    ses = _standard_errors(design, scores)
    return [
        _estimate(design, float(design.weights @ top), float(se), f"total of {column}", label, d)
        for (label, top, d), se in zip(parts, ses, strict=True)
    ]


def ratio(
    design: Design, numerator: str, denominator: str, *, by: By = None, missing: str = "refuse"
) -> list[Estimate]:
    """Return ratios of two weighted totals with linearised errors, for everybody or per domain.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    numerator, denominator : str
        Numeric columns of the frame.
    by : str or list of str, optional
        Column whose levels are the domains; several are crossed.
    missing : "refuse" or "domain"
        What to do with people who did not answer: refuse them, or estimate for the domain of those who did. `n` counts
        who answered both.

    Returns
    -------
    list of Estimate
        One ratio per domain.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; missing values where they are refused, or in `by`; a column that is not numbers.
    EmptyCell, Unsupported
        A domain without weight, a denominator of 0, or nobody who answered; a policy that is not known.
    """
    (y, one), (x, two) = answers(design, numerator, missing), answers(design, denominator, missing)
    answered = one * two
    parts = [(label, y * d * answered, x * d * answered, d * answered) for label, d in domains(design, by)]
    return _ratios(design, parts, f"ratio of {numerator} to {denominator}")


def proportion(
    design: Design, column: str, *, by: By = None, interval: str = "logit", level: float = 0.95, missing: str = "refuse"
) -> list[Estimate]:
    """Return weighted shares of a 0/1 column with an interval that stays inside 0 and 1.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    column : str
        Column of the frame, 0 or 1.
    by : str or list of str, optional
        Column whose levels are the domains; several are crossed.
    interval : "logit", "beta", "wilson" or "mean"
        t interval on the log odds; Korn and Graubard's (1998) beta interval with the effective number of answers,
        degrees of freedom corrected; Wilson's score interval with the effective number; the plain t interval.
    level : float
        Confidence level of `low` and `high`, 0 to 1; `low_90` and `high_90` stay at 0.90.
    missing : "refuse" or "domain"
        What to do with people who did not answer: refuse them, or estimate for the domain of those who did.

    Returns
    -------
    list of Estimate
        One share per domain, 0 to 1.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; missing values where they are refused, or in `by`; a column that is not numbers.
    EmptyCell, Unsupported
        A domain without weight, or nobody who answered; a policy or an interval that is not known.

    Notes
    -----
    A share of exactly 0 or 1 has no log odds: the Korn-Graubard interval with the unweighted number is used, and
    `se_method` says so. The share of a cell that the weights were made to meet is known: its interval is that point.
    """
    y, answered = answers(design, column, missing)
    if not np.isin(y, (0.0, 1.0)).all():
        raise errors.DataError(f"{column!r} is not 0 and 1", todo="Make it so, or ask for its mean.")
    _intervals.check_interval(interval, level)
    parts = [_domain_ratio(label, y, d * answered) for label, d in domains(design, by)]
    shares = _ratios(design, parts, f"share of {column}", variances=True)
    return [_with_interval(e, interval, level) for e in shares]


def distribution(
    design: Design,
    column: str,
    *,
    levels: Sequence[Hashable] | None = None,
    by: By = None,
    interval: str = "logit",
    level: float = 0.95,
) -> list[Estimate]:
    """Return the weighted share of every level of a column, don't-knows among them as a level.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    column : str
        Column of the frame, of any type. Missing values are refused: give them a level of their own, so that the shares
        are of everybody who was asked.
    levels : sequence, optional
        Every level, in the order wanted; by default those that somebody has.
    by : str or list of str, optional
        Column whose levels are the domains; several are crossed.
    interval : "logit", "beta", "wilson" or "mean"
        Interval of a share, as in `proportion`.
    level : float
        Confidence level of `low` and `high`, 0 to 1.

    Returns
    -------
    list of Estimate
        One share per level, 0 to 1, domain after domain; `group` is the level, or "domain × level". The shares of a
        domain add to 1.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; missing values; answers that are not among the levels.
    EmptyCell, Unsupported
        A domain without weight; an interval that is not known.
    """
    errors.require_columns(design.frame, [column], role="a distribution")
    errors.require_complete(design.frame, [column], role="a distribution")
    _intervals.check_interval(interval, level)
    known = ordered_levels(design.frame[column]) if levels is None else list(levels)
    unknown = sorted({str(v) for v in design.frame[column].unique()} - {str(v) for v in known})
    if unknown:
        raise errors.DataError(f"{column!r} holds {unknown}, not among the levels", todo="Name every level.")
    out: list[Estimate] = []
    for label, d in domains(design, by):
        parts = []
        for value in known:
            inside = (design.frame[column] == value).to_numpy().astype(float)
            parts.append(_domain_ratio(str(value) if by is None else f"{label} × {value}", inside, d))
        shares = _ratios(design, parts, f"share of {column}", variances=True)
        out += [_with_interval(e, interval, level) for e in shares]
    return out


def difference(
    design: Design, column: str, *, by: str, levels: tuple[Hashable, Hashable] | None = None, missing: str = "refuse"
) -> list[Estimate]:
    """Return the difference of two domain means (second level less first), their covariance allowed for.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    column : str
        Column of the frame, numeric.
    by : str
        Column whose levels are compared.
    levels : tuple of two levels, optional
        First and second level; needed where the column has more than two.
    missing : "refuse" or "domain"
        What to do with people who did not answer: refuse them, or estimate for the domain of those who did.

    Returns
    -------
    list of Estimate
        One contrast against 0, in the unit of the column.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; missing values where they are refused, or in `by`; a column that is not numbers; other than two
        levels to compare.
    EmptyCell, Unsupported
        A domain without weight, or nobody who answered; a policy that is not known.
    """
    y, answered = answers(design, column, missing)
    given = y[answered > 0]
    y = np.where(answered > 0, y - given[0], 0.0) if np.ptp(given) == 0 else y  # a constant differs by exactly 0
    indicators = {label: d * answered for label, d in domains(design, by)}
    known = ordered_levels(design.frame[by])
    names = (
        list(indicators) if levels is None else [str(next((x for x in known if x == level), level)) for level in levels]
    )
    if len(names) != 2 or len(set(names)) != 2 or any(name not in indicators for name in names):
        raise errors.DataError(
            f"a difference needs two levels of {by!r}; it has {list(indicators)}",
            todo="Name two with levels=(first, second).",
        )
    parts = [_score(design, y * indicators[n], indicators[n], n) for n in names]
    se = float(_standard_errors(design, (parts[1][1] - parts[0][1])[:, None])[0])
    n = {name: design.people(indicators[name]) for name in names}
    df = design.domain_df(indicators[names[0]] + indicators[names[1]])
    return [
        from_se(
            parts[1][0] - parts[0][0],
            se,
            df=df,
            n=n,
            method=f"difference in means of {column}",
            se_method=_se_method(design, df),
            group=f"{names[1]} less {names[0]}",
            n_sessions=sessions(design),
        )
    ]


def change(
    later: Estimate, earlier: Estimate, *, labels: tuple[str, str] = ("later", "earlier"), covariance: float = 0.0
) -> Estimate:
    """Return later less earlier of two estimates: of different people, or of some of the same with their covariance.

    Parameters
    ----------
    later, earlier : Estimate
        Levels with their errors.
    labels : tuple of two str
        Names of the later and the earlier sample in `n`.
    covariance : float
        Covariance of the two levels, as `linked_covariance` gives it where people answered twice; 0 for different
        people. Beyond what the two errors allow it is cut.

    Returns
    -------
    Estimate
        A contrast against 0: variances add, less twice the covariance; Welch-Satterthwaite degrees of freedom of the
        two variances.

    Raises
    ------
    DataError
        A level without an error.
    """
    if later.se is None or earlier.se is None:
        raise errors.DataError("a change needs the error of both levels", todo="Estimate both with their errors.")
    va, vb = later.se**2, earlier.se**2
    most = math.sqrt(va * vb)
    shared = min(max(covariance, -most), most)
    parts = [v**2 / d for v, d in ((va, later.df), (vb, earlier.df)) if d is not None and math.isfinite(d)]
    df = (va + vb) ** 2 / sum(parts) if parts and sum(parts) > 0 else math.inf
    met = [e.n_sessions for e in (later, earlier)]
    return from_se(
        later.value - earlier.value,
        math.sqrt(max(va + vb - 2 * shared, 0.0)),
        df=df,
        unit=later.unit,
        n={labels[1]: sum(earlier.n.values()), labels[0]: sum(later.n.values())},
        n_sessions=None if None in met else min(m for m in met if m is not None),
        method=f"difference of weighted levels of two {'overlapping' if shared else 'independent'} samples",
        se_method="; ".join(
            filter(None, [later.se_method, "paired for linked people" if shared else "", "Welch-Satterthwaite t"])
        ),
    )


def linked_covariance(
    designs: tuple[Design, Design],
    answers: tuple[Floats, Floats],
    domains: tuple[Floats, Floats],
    people: tuple[pd.Series, pd.Series],
) -> float:
    """Return the covariance of two weighted means that rest partly on the same people.

    The sum, over people in both, of the product of their two linearised and weighted residuals, calibration allowed
    for: the part of a two-way clustered variance (by session and by person) that crosses the samples, for sessions are
    not shared. Nobody in both: 0.

    Parameters
    ----------
    designs : tuple of two Design
        The two samples.
    answers, domains : tuple of two ndarray, shape (n,)
        Answers (any number outside the domain), and 1 for people of the domain who answered.
    people : tuple of two Series
        Each row's code of the person; missing where the answer is not linked. A code met twice in one sample links
        nobody.

    Returns
    -------
    float
        In the squared unit of the answers.

    References
    ----------
    Cameron, Gelbach and Miller (2011) on two-way clusters; Kish (1965), section 12.4, on overlapping samples.
    """
    linked = []
    for design, y, d, code in zip(designs, answers, domains, people, strict=True):
        size = design.weights @ d
        gap = np.where(d > 0, y - design.weights @ np.where(d > 0, y, 0.0) / size, 0.0) / size
        own = pd.Series(design.residuals(gap[:, None])[:, 0] * design.weights, index=code.to_numpy())
        own = own[own.index.notna()]
        linked.append(own[~own.index.duplicated(keep=False)])
    first, second = linked[0].align(linked[1], join="inner")
    return float((first * second).sum())


def answers(design: Design, column: str, missing: str = "refuse") -> tuple[np.ndarray, Floats]:
    """Return a numeric column and who answered, by the stated policy.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    column : str
        Column of the frame, numeric.
    missing : "refuse" or "domain"
        Refuse missing values, or mark who answered.

    Returns
    -------
    values : ndarray, shape (n,)
        Answers; 0 where one is missing.
    answered : ndarray, shape (n,)
        1 for people who answered, 0 for others.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; missing values where they are refused, or in `by`; a column that is not numbers.
    EmptyCell, Unsupported
        A domain without weight, or nobody who answered; a policy that is not known.
    """
    if missing not in ("refuse", "domain"):
        raise errors.Unsupported(f"policy {missing!r} for missing values is not known", todo="Use refuse or domain.")
    errors.require_columns(design.frame, [column], role="an estimate")
    if missing == "refuse":
        return design.column(column), np.ones(design.n)
    answered = design.frame[column].notna().to_numpy()
    if not answered.any():
        raise errors.EmptyCell(f"nobody answered {column!r}")
    y = np.zeros(design.n)
    try:
        y[answered] = design.frame[column][answered].to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise errors.DataError(f"{column!r} is not a number", todo="Code it as numbers.") from None
    return y, answered.astype(float)


def domains(design: Design, by: By) -> list[tuple[str, Floats]]:
    """Return the domains of one or several crossed columns.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    by : str or list of str, optional
        Column whose levels are the domains; several are crossed. None is everybody.

    Returns
    -------
    list of (str, ndarray of shape (n,))
        Label and 0/1 indicator of each domain that somebody is in, in the order of the levels.

    Raises
    ------
    UnknownColumn, MissingValues, EmptyCell
        No such column; missing values in it; a domain whose people have no weight.
    """
    if by is None:
        return [("all", np.ones(design.n))]
    names = [by] if isinstance(by, str) else list(by)
    errors.require_columns(design.frame, names, role="domains")
    errors.require_complete(design.frame, names, role="domains")
    out: list[tuple[str, Floats]] = [("", np.ones(design.n))]
    for name in names:
        column = design.frame[name]
        out = [
            (f"{label} × {level}" if label else str(level), d * (column == level).to_numpy(dtype=float))
            for label, d in out
            for level in ordered_levels(column)
        ]
    occupied = [(label, d) for label, d in out if d.any()]
    empty = [label for label, d in occupied if not design.weights @ d > 0]
    if empty:
        raise errors.EmptyCell(f"nobody in {' × '.join(names)} = {empty[0]} has weight", todo="Leave this domain out.")
    return occupied


def ordered_levels(column: pd.Series) -> list[Hashable]:
    """Return the levels that somebody has, in order.

    Parameters
    ----------
    column : Series
        A column of any type.

    Returns
    -------
    list
        Levels in the order of a categorical; numbers by size, words by letters.
    """
    present = column.dropna().unique()
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [level for level in column.cat.categories if level in set(present)]
    try:
        return sorted(present)
    except TypeError:
        return sorted(present, key=str)


def sessions(design: Design) -> int | None:
    """Return the number of clusters.

    Parameters
    ----------
    design : Design
        Survey design with its frame.

    Returns
    -------
    int or None
        None where rows are not clustered.
    """
    return len(design.cluster_labels) if design.clustered else None


def _se_method(design: Design, df: float) -> str:
    calibrated = ", calibrated" if design.calibration is not None else ""
    return f"{LINEARISATION}{calibrated}; {design.reference(df)}"


def _standard_errors(design: Design, scores: Floats) -> Floats:
    return np.sqrt(np.maximum(np.diag(design.covariance(scores)), 0.0))


def _score(design: Design, top: Floats, bottom: Floats, label: str) -> tuple[float, Floats]:
    """Return a ratio of weighted totals and its linearised variable."""
    size = float(design.weights @ bottom)
    if size == 0:
        raise errors.EmptyCell(f"the denominator of {label} is 0", todo="Leave this domain out.")
    value = float(design.weights @ top) / size
    return value, (top - value * bottom) / size


def _domain_ratio(label: str, y: Floats, domain: Floats) -> Ratio:
    """Return the ratio that is the mean of y in a domain."""
    return label, y * domain, domain, domain


def _ratios(design: Design, parts: Sequence[Ratio], details: str, *, variances: bool = False) -> list[Estimate]:
    """Return ratios of weighted totals from one covariance."""
    scored = [_score(design, top, bottom, label) for label, top, bottom, _ in parts]
    ses = _standard_errors(design, np.column_stack([score for _, score in scored]))
    out = []
    for (label, top, bottom, domain), (value, _), se in zip(parts, scored, ses, strict=True):
        effective, n = None, design.people(domain)
        if variances and se > _intervals.ZERO_ERROR and n > 1:
            w = design.weights * bottom
            effective = float(w @ (top - value) ** 2 / w.sum() * n / (n - 1) / se**2)
        out.append(_estimate(design, value, float(se), details, label, domain, effective))
    return out


def _estimate(
    design: Design, value: float, se: float, details: str, label: str, domain: Floats, n_effective: float | None = None
) -> Estimate:
    """Return a level of a domain; without an error where the domain stands in one cluster of each stratum only."""
    df, n = design.domain_df(domain), {label: design.people(domain)}
    if df < 1:
        no_error = "one cluster only: its error cannot be seen"
        return Estimate(value=value, n=n, method=details, se_method=no_error, group=label, n_sessions=sessions(design))
    return from_se(
        value,
        se,
        df=df,
        null=None,
        n=n,
        method=details,
        se_method=_se_method(design, df),
        group=label,
        n_sessions=sessions(design),
        n_effective=n_effective,
        design_effect=None if not n_effective else design.people(domain) / n_effective,
    )


def _with_interval(share: Estimate, interval: str, level: float) -> Estimate:
    if share.se is None or share.df is None:
        return replace(share, unit="share")
    p, se, df, n = share.value, share.se, share.df, sum(share.n.values())
    make, how = _intervals.interval_function(p, se, interval)
    (low, high), (low90, high90) = make(p, se, n, df, level), make(p, se, n, df, 0.90)
    return replace(
        share, low=low, high=high, low_90=low90, high_90=high90, unit="share", se_method=f"{share.se_method}; {how}"
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
    """Return weighted quantiles with Woodruff's (1952) interval.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    column : str
        Column of the frame, numeric.
    q : float or sequence of float
        Shares between 0 and 1; 0.5 is the median.
    by : str or list of str, optional
        Column whose levels are the domains; several are crossed.
    level : float
        Confidence level of `low` and `high`, 0 to 1.
    missing : "refuse" or "domain"
        What to do with people who did not answer: refuse them, or estimate for the domain of those who did.

    Returns
    -------
    list of Estimate
        For each q and each domain, the smallest value at which the weighted distribution reaches q, in the unit of the
        column.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; missing values where they are refused, or in `by`; a column that is not numbers; a q that is
        not between 0 and 1.
    EmptyCell, Unsupported
        A domain without weight, or nobody who answered; a policy that is not known.

    Notes
    -----
    The interval is the t interval of the distribution function at the quantile, read back through it; `se` is that
    interval's width over twice the t quantile.
    """
    from scipy.stats import t

    asked: object = q
    if isinstance(asked, Iterable) and not isinstance(asked, str) and all(isinstance(one, Real) for one in asked):
        return [e for one in asked for e in quantile(design, column, q=float(one), by=by, level=level, missing=missing)]
    if not isinstance(q, Number):
        raise errors.DataError(f"q = {q!r} is no share", todo="Give a share such as 0.5 for the median, or a list.")
    if not 0 < q < 1:
        raise errors.DataError(f"q = {q} is not between 0 and 1", todo="Give a share such as 0.5 for the median.")
    _intervals.check_interval("mean", level)
    y, answered = answers(design, column, missing)
    out = []
    for label, inside in domains(design, by):
        d = inside * answered
        w = design.weights * d
        if not w.sum() > 0:
            raise errors.EmptyCell(f"nobody in {label} answered {column!r}")
        df = design.domain_df(d)
        if df < 1:
            raise errors.EmptyCell(f"{label} stands in one cluster only, so its quantile has no interval")
        wide, narrow = (float(t.ppf(0.5 + x / 2, df)) for x in (level, 0.90))
        point = weighted_quantile(y, w, q)
        share, score = _score(design, (y <= point) * d, d, label)
        se = float(_standard_errors(design, score[:, None])[0])
        ends = [weighted_quantile(y, w, float(np.clip(share + k * se, 0, 1))) for k in (-wide, wide, -narrow, narrow)]
        out.append(
            Estimate(
                value=point,
                se=(ends[1] - ends[0]) / (2 * wide),
                low=ends[0],
                high=ends[1],
                low_90=ends[2],
                high_90=ends[3],
                df=float(df),
                n={label: design.people(d)},
                method=f"quantile {q:g} of {column}",
                se_method=f"Woodruff; {design.reference(df)}",
                group=label,
                n_sessions=sessions(design),
            )
        )
    return out


def weighted_quantile(y: Floats, weight: Floats, q: float) -> float:
    """Return the smallest value whose cumulated share of the weight is at least q.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Values.
    weight : ndarray, shape (n,)
        Weights; people of weight 0 are left out.
    q : float
        Share, 0 to 1.

    Returns
    -------
    float
        The weighted quantile.
    """
    keep = weight > 0
    order = np.argsort(y[keep], kind="stable")
    values, share = y[keep][order], np.cumsum(weight[keep][order]) / weight[keep].sum()
    return float(values[min(int(np.searchsorted(share, q - 1e-12)), len(values) - 1)])


def frame_of(results: list[Estimate]) -> pd.DataFrame:
    """Return a list of estimates as one frame.

    Parameters
    ----------
    results : list of Estimate
        What an estimator returned.

    Returns
    -------
    DataFrame
        One row per estimate, the columns of `Estimate.tidy`.
    """
    return pd.DataFrame([r.tidy() for r in results])
