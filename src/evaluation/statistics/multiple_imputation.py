"""Answers that are missing: their patterns, multiple imputation by chained equations, and pooling by Rubin's rules."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Booleans, Floats, Integers

Answers = npt.NDArray[Any]  # a column's answers as it holds them: numbers, words or booleans

METHODS = ("pmm", "logit")
PRIOR_SD = 5.0  # of standardised coefficients in the logit: keeps draws finite when answers separate
RIDGE = 1e-5  # share of the diagonal added in the linear draw, as in mice
LEAST_SHARE = 1e-4  # smallest share of variance due to missingness that the degrees of freedom allow, as in mice


@dataclass(frozen=True, slots=True)
class Pooled:
    """One quantity pooled over m completed data sets.

    Attributes
    ----------
    value, se : float
        Mean of the m estimates; root of the total variance. In the estimates' unit (log scale for ratios).
    within, between, total : float
        Mean variance; variance of the estimates; within + (1 + 1/m) between.
    df : float
        Barnard and Rubin's degrees of freedom; `inf` when nothing was missing and the complete data's are infinite.
    increase, fmi : float
        Relative increase of variance because of what is missing; fraction (0 to 1) of missing information.
    m : int
        Number of completed data sets.
    """

    value: float
    se: float
    within: float
    between: float
    total: float
    df: float
    increase: float
    fmi: float
    m: int

    def estimate(self, *, null: float | None = 0.0, **details: Any) -> Estimate:
        """Return the pooled quantity as an `Estimate` with its t interval.

        Parameters
        ----------
        null : float or None
            Value of no difference; None for a level, which has no p-value.
        **details : object
            Further fields of the `Estimate` (`n`, `method`, `outcome` and so on).

        Returns
        -------
        Estimate
            Value, standard error, 95 % and 90 % intervals.
        """
        named = {"se_method": f"Rubin's rules over {self.m} imputations, Barnard-Rubin df"} | details
        return from_se(self.value, self.se, df=self.df, null=null, **named)

    def tidy(self) -> pd.DataFrame:
        """Return the pooled quantity as a table.

        Returns
        -------
        DataFrame
            One row, the attributes as columns.
        """
        return pd.DataFrame([{f.name: getattr(self, f.name) for f in fields(self)}])

    def summary(self) -> str:
        """Return one sentence with the value and how much information is missing.

        Returns
        -------
        str
            Value, standard error, number of imputations and per cent of information missing.
        """
        return (
            f"{self.value:.3g} (standard error {self.se:.2g}) over {self.m} imputations; "
            f"{100 * self.fmi:.0f}% of the information is missing."
        )


def pool(estimates: Sequence[float], variances: Sequence[float], df: float | None = None) -> Pooled:
    """Pool m estimates and their variances into one, by Rubin's rules.

    Parameters
    ----------
    estimates, variances : sequence of float, length m of 2 or more
        Estimates, and squared standard errors (not standard errors). Ratios are pooled on the log scale.
    df : float, optional
        Degrees of freedom the complete data would have had (people less coefficients, or clusters less strata);
        infinite when not given.

    Returns
    -------
    Pooled
        Value, standard error and degrees of freedom; these are never more than the complete data's.

    Raises
    ------
    DataError
        Fewer than two imputations, lengths that differ, a variance that is negative, or all variance zero.

    References
    ----------
    Rubin (1987), equations 3.1.2 to 3.1.8; Barnard and Rubin (1999), equation 3.
    """
    q, u = np.asarray(estimates, dtype=float), np.asarray(variances, dtype=float)
    if q.ndim != 1 or q.shape != u.shape or len(q) < 2:
        raise errors.DataError(
            "estimates and variances are two lists of one length, at least two", todo="Pool one quantity at a time."
        )
    if not (np.isfinite(q).all() and np.isfinite(u).all()) or (u < 0).any():
        raise errors.DataError("estimates and variances must be finite, and variances 0 or more")
    complete = math.inf if df is None else float(df)
    if not complete > 0:
        raise errors.DataError(f"degrees of freedom {df} are not above 0")
    m, within, between = len(q), float(u.mean()), float(q.var(ddof=1))
    total = within + (1 + 1 / m) * between
    if within == 0:
        raise errors.DataError("every variance is zero", todo="Give squared standard errors.")
    increase = (1 + 1 / m) * between / within
    pooled_df = barnard_rubin(m, between, total, complete)
    fmi = (increase + (0.0 if math.isinf(pooled_df) else 2 / (pooled_df + 3))) / (increase + 1)
    return Pooled(float(q.mean()), math.sqrt(total), within, between, total, pooled_df, increase, fmi, m)


def barnard_rubin(m: int, between: float, total: float, complete: float = math.inf) -> float:
    """Return the degrees of freedom of a pooled estimate.

    Parameters
    ----------
    m : int
        Number of completed data sets.
    between, total : float
        Variance of the estimates, and total variance.
    complete : float
        Degrees of freedom of the complete data.

    Returns
    -------
    float
        Degrees of freedom, never more than the complete data's.

    References
    ----------
    Barnard and Rubin (1999), equation 3.
    """
    share = max((1 + 1 / m) * between / total, LEAST_SHARE)
    old = (m - 1) / share**2
    if math.isinf(complete):
        return old
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    return old * observed / (old + observed)


def patterns(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return which answers are missing together.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    columns : sequence of str
        Columns whose missing answers are looked at.

    Returns
    -------
    DataFrame
        One row per pattern, the commonest first: one boolean column per name (True where answered), `missing` (how many
        are not), `n` and `share` (0 to 1) of people. Counts are exact: they leave through the disclosure gate only.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    DataError
        A column named "n", "share" or "missing".
    EmptyCell
        A frame without rows.
    """
    errors.require_columns(frame, columns, role="patterns of missing answers")
    if {"n", "share", "missing"} & set(columns):
        raise errors.DataError("columns named 'n', 'share' or 'missing' cannot be told from the counts")
    if not len(frame):
        raise errors.EmptyCell("the frame has no rows")
    answered = frame[list(columns)].notna()
    table = answered.groupby(list(columns), observed=True).size().rename("n").reset_index()
    table["missing"] = (~table[list(columns)]).sum(axis=1)
    table["share"] = table["n"] / len(frame)
    order = [*columns, "missing", "n", "share"]
    return table.sort_values(["n", "missing"], ascending=[False, True], kind="stable").reset_index(drop=True)[order]


def impute(
    frame: pd.DataFrame,
    columns: Sequence[str],
    *,
    m: int = 20,
    iterations: int = 10,
    donors: int = 5,
    seed: int,
    methods: Mapping[str, str] | None = None,
) -> list[pd.DataFrame]:
    """Return m completed copies of a frame, by chained equations.

    Parameters
    ----------
    frame : DataFrame
        One row per person, with an index label of their own.
    columns : sequence of str
        Columns of the imputation model. Each with missing answers is imputed from all others; name the treatment,
        the weight, the design and the outcomes of the analysis among them. Other columns are copied untouched.
    m : int
        Completed frames, 2 or more.
    iterations : int
        Passes over the columns, 1 or more.
    donors : int
        People among whom a matched value is drawn, 1 or more.
    seed : int
        Seed; each completed frame has a stream of its own.
    methods : mapping of str to str, optional
        Column → "pmm" (predictive mean matching: an answer somebody gave) or "logit" (two values only). By default
        two values are drawn by logit, all others matched. Words with more than two levels are matched on their
        first canonical score.

    Returns
    -------
    list of DataFrame
        The m completed frames, each of the shape and the dtypes of `frame`.

    Raises
    ------
    DataError
        Fewer than two columns, numbers outside these ranges, or people who share an index label.
    EmptyCell
        A column that nobody or hardly anybody answered, or that never varies.
    Unsupported
        A method that does not suit its column.
    UnknownColumn
        A column that is not there.
    NotConverged
        The logit of an imputed column did not settle.

    References
    ----------
    van Buuren and Groothuis-Oudshoorn (2011) for chained equations; Rubin (1986) and Little (1988) for predictive mean
    matching; Rubin (1987) for the logit draw.
    """
    names = list(dict.fromkeys(columns))
    targets = _targets(frame, names, dict(methods or {}), donors)
    if m < 2 or iterations < 1 or donors < 1:
        raise errors.DataError("impute needs m of 2 or more, and one iteration and one donor at least")
    _roles.unique_ids(frame)
    if not targets:
        return [frame.copy() for _ in range(m)]
    streams = np.random.SeedSequence(seed).spawn(m)
    return [_completed_frame(frame, names, targets, iterations, donors, np.random.default_rng(s)) for s in streams]


def _targets(frame: pd.DataFrame, names: list[str], methods: dict[str, str], donors: int) -> dict[str, str]:
    """Return column → method for each column with missing answers, fewest missing first."""
    errors.require_columns(frame, [*names, *methods], role="imputation")
    if len(names) < 2:
        raise errors.DataError("imputation needs two columns at least", todo="Name what predicts the missing answers.")
    chosen: dict[str, str] = {}
    holes = {c: int(frame[c].isna().to_numpy().sum()) for c in names}
    for name in sorted(names, key=lambda c: holes[c]):
        given = frame[name].dropna()
        values = given.nunique()
        if len(given) < max(donors, 2) or values < 2:
            raise errors.EmptyCell(f"too few or equal answers in {name!r} to impute from", todo="Leave it out.")
        if name not in methods and len(given) == len(frame):
            continue
        method = methods.get(name, "logit" if values == 2 else "pmm")
        if method not in METHODS or (method == "logit" and values != 2):
            raise errors.Unsupported(f"method {method!r} does not suit {name!r}", todo="Use 'pmm', or 'logit' for two.")
        if len(given) < len(frame):
            chosen[name] = method
    return chosen


def _completed_frame(
    frame: pd.DataFrame,
    names: Sequence[str],
    targets: Mapping[str, str],
    iterations: int,
    donors: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return one completed frame: starting values from the answers given, then passes over the columns."""
    columns = {c: _Column(frame[c]) for c in names}
    for name in targets:
        one = columns[name]
        one.fill(one.answers[rng.integers(0, len(one.answers), one.missing.sum())])
    for _ in range(iterations):
        for name, method in targets.items():
            one = columns[name]
            x = _predictors([columns[c].block for c in names if c != name])
            if method == "logit":
                one.fill(_logit(one.answers, x[~one.missing], x[one.missing], rng))
            else:
                one.fill(_pmm(one.answers, x[~one.missing], x[one.missing], donors, rng))
    out = frame.copy()
    for name in targets:
        out[name] = _completed_column(frame[name], columns[name].missing, columns[name].imputed)
    return out


class _Column:
    """A column of the imputation model: who did not answer, the answers given, and all of it as numeric columns."""

    def __init__(self, column: pd.Series) -> None:
        self.missing: Booleans = column.isna().to_numpy()
        self.answers: Answers = column.to_numpy()[~self.missing]
        self.imputed = self.answers[:0]
        self.levels: pd.Index | None = None
        if _roles.is_categorical(column):
            known = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.dropna().unique()
            self.levels = pd.Index([k for k in known if (column == k).any()])
            if not isinstance(column.dtype, pd.CategoricalDtype):
                self.levels = self.levels.sort_values()
        self.block = np.zeros((len(column), 1 if self.levels is None else max(len(self.levels) - 1, 1)))
        self.block[~self.missing] = self.codes(self.answers)

    def codes(self, values: Answers) -> Floats:
        """Return values as numbers, or as indicators of every level but the first."""
        if self.levels is None:
            numbers: Floats = values.astype(float)[:, None]
            return numbers
        place: Integers = self.levels.get_indexer(pd.Index(values))
        indicators: Booleans = place[:, None] == np.arange(1, max(len(self.levels), 2))
        return indicators.astype(float)

    def fill(self, values: Answers) -> None:
        """Put imputed answers where none was given."""
        self.imputed = values
        self.block[self.missing] = self.codes(values)


def _completed_column(column: pd.Series, missing: Booleans, values: Answers) -> pd.Series:
    """Return the column with imputed answers where none was given, of the same dtype."""
    out = column.copy()
    out.iloc[np.flatnonzero(missing)] = values
    return out


def _predictors(blocks: Sequence[Floats]) -> Floats:
    """Return a constant and the standardised other columns that are not determined by those before them."""
    z = _roles.standardise(np.hstack(blocks))[0]
    left = z.T @ z / len(z)
    keep = list(range(len(left))) if _roles.independent(left) else _not_determined(left)
    return np.column_stack([np.ones(len(z)), z[:, keep]])


def _not_determined(left: Floats) -> list[int]:
    """Return the columns that are not determined by those before them, from the matrix of their products."""
    keep: list[int] = []
    for j in range(len(left)):
        if left[j, j] > _roles.COLLINEAR:
            keep.append(j)
            left = left - np.outer(left[:, j], left[j] / left[j, j])
    return keep


def _pmm(answers: Answers, x: Floats, x_missing: Floats, donors: int, rng: np.random.Generator) -> Answers:
    """Return answers drawn from the people whose predicted means are nearest (Rubin 1986; Little 1988)."""
    try:
        y: Floats = answers.astype(float)
    except (TypeError, ValueError):
        y = _canonical_scores(answers, x)
    gram = x.T @ x
    inverse = np.linalg.inv(gram + RIDGE * np.diag(np.diag(gram)))
    beta = inverse @ (x.T @ y)
    left = y - x @ beta
    sigma = math.sqrt(float(left @ left) / rng.chisquare(max(len(y) - x.shape[1], 1)))
    drawn = beta + sigma * (np.linalg.cholesky((inverse + inverse.T) / 2) @ rng.normal(size=len(beta)))
    have, want = x @ beta, x_missing @ drawn
    order = np.lexsort((rng.random(len(have)), have))
    return answers[order[_nearest_donors(have[order], want, min(donors, len(have)), rng)]]


def _nearest_donors(sorted_have: Floats, want: Floats, donors: int, rng: np.random.Generator) -> Integers:
    """Return, for each wanted value, the place of one of its nearest `donors` in a sorted array, at random."""
    last = len(sorted_have) - donors
    start = np.clip(np.searchsorted(sorted_have, want) - donors, 0, last)
    stop = np.clip(start + donors, 0, last)
    for _ in range(donors):
        further = np.minimum(start + donors, len(sorted_have) - 1)
        move = (start < stop) & (want - sorted_have[start] > sorted_have[further] - want)
        start = np.where(move, start + 1, start)
    return start + rng.integers(0, donors, len(want))


def _canonical_scores(answers: Answers, x: Floats) -> Floats:
    """Return a number for each level: the scores most correlated with the predictors (first canonical variate)."""
    levels, codes = np.unique(answers.astype(str), return_inverse=True)
    dummies = (codes[:, None] == np.arange(len(levels))).astype(float)
    share = dummies.mean(axis=0)
    fitted = x @ np.linalg.lstsq(x, dummies - share, rcond=None)[0]
    between = (fitted.T @ fitted) / len(answers)
    root = 1 / np.sqrt(share)
    vectors = np.linalg.eigh(root[:, None] * between * root[None, :])[1]
    scores: Floats = (root * vectors[:, -1])[codes]
    return scores


def _logit(answers: Answers, x: Floats, x_missing: Floats, rng: np.random.Generator) -> Answers:
    """Return one of two values by a draw of the coefficients' normal posterior, then of the answer (Rubin 1987)."""
    from scipy.special import expit

    low, high = sorted(set(answers.tolist()))
    y = (answers == high).astype(float)
    penalty = np.diag([1e-6, *[1 / PRIOR_SD**2] * (x.shape[1] - 1)])
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        p = expit(x @ beta)
        information = (x.T * (p * (1 - p))) @ x + penalty
        step = np.linalg.solve(information, x.T @ (y - p) - penalty @ beta)
        beta = beta + step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    else:
        raise errors.NotConverged("the logit of an imputed column did not settle", todo="Drop a predictor of it.")
    covariance = np.linalg.inv(information)
    drawn = beta + np.linalg.cholesky((covariance + covariance.T) / 2) @ rng.normal(size=len(beta))
    imputed: Answers = np.where(rng.random(len(x_missing)) < expit(x_missing @ drawn), high, low).astype(answers.dtype)
    return imputed
