"""Regression and tests with design-based covariance: glm, ordered logit, Rao-Scott, t and rank tests."""

from __future__ import annotations

import re
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics import inference
from evaluation.statistics._arrays import Floats, Integers
from evaluation.statistics._constraints import pseudo_inverse
from evaluation.statistics.survey.design import Design
from evaluation.statistics.survey.linearisation import ordered_levels

FAMILIES = ("gaussian", "quasibinomial", "quasipoisson")
SEPARATION = 30.0  # a linear predictor this large means that a column tells the answers apart


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients with a design-based covariance.

    Attributes
    ----------
    params : Series, term → coefficient
        Coefficients on the scale of the linear predictor.
    covariance : DataFrame, terms × terms
        Their design-based covariance.
    df : float
        Design degrees of freedom less the terms beyond the intercept.
    family : str
        Name of the model.
    n : int
        People, unweighted.
    """

    params: pd.Series
    covariance: pd.DataFrame
    df: float
    family: str
    n: int

    @property
    def se(self) -> pd.Series:
        """Return the standard errors.

        Returns
        -------
        Series, term → standard error
            Square roots of the covariance's diagonal.
        """
        return pd.Series(np.sqrt(np.diag(self.covariance)), index=self.params.index)

    def estimate(self, term: str) -> Estimate:
        """Return one coefficient as an estimate.

        Parameters
        ----------
        term : str
            Name of the coefficient.

        Returns
        -------
        Estimate
            A contrast against 0, t on `df`.

        Raises
        ------
        UnknownColumn
            A term that the model does not have.
        """
        if term not in self.params.index:
            raise errors.UnknownColumn(f"no term {term!r}", todo=f"Terms: {list(self.params.index)}.")
        return from_se(
            float(self.params[term]),
            float(self.se[term]),
            df=self.df,
            n={"all": self.n},
            method=f"{self.family} regression",
            group=term,
            se_method=f"design-based sandwich; t with {self.df:g} degrees of freedom",
        )

    def tidy(self) -> pd.DataFrame:
        """Return one row per term.

        Returns
        -------
        DataFrame
            The columns of `Estimate.tidy`, and `term`.
        """
        return pd.DataFrame([self.estimate(t).tidy() | {"term": t} for t in self.params.index])

    def summary(self) -> str:
        """Return one sentence: the model, its people and degrees of freedom.

        Returns
        -------
        str
            The sentence.
        """
        return f"{self.family} regression on {self.n} people with {self.df:g} degrees of freedom."


def glm(design: Design, formula: str, *, family: str = "gaussian") -> Fit:
    """Fit a generalised linear model with survey weights (Binder 1983); t on design df less terms, plus one.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    formula : str
        Outcome and terms, for example "confident ~ age + C(sex)".
    family : "gaussian", "quasibinomial" or "quasipoisson"
        Identity, logit or log link.

    Returns
    -------
    Fit
        Coefficients on the scale of the link.

    Raises
    ------
    Unsupported, MissingValues, DataError
        A family that is not known; missing values; a formula that cannot be used, an outcome outside the family's
        range, or fewer clusters than terms.
    Collinear, NotConverged
        Collinear terms; no maximum, as under separation.
    """
    if family not in FAMILIES:
        raise errors.Unsupported(f"family {family!r} is not known", todo=f"Use one of {', '.join(FAMILIES)}.")
    y, x = _matrices(design, formula)
    matrix, names = x.to_numpy(dtype=float), list(x.columns)
    w = design.weights / design.weights.mean()
    gram = matrix.T @ (matrix * w[:, None])
    if round(float(np.trace(pseudo_inverse(gram) @ gram))) < matrix.shape[1]:
        raise errors.Collinear("the model's columns are collinear", todo="Leave a level or a column out.")
    params, mu, slope = _coefficients(y, matrix, w, family)
    bread = np.linalg.inv(matrix.T @ (matrix * (design.weights * slope)[:, None]))
    scores = (matrix * (y - mu)[:, None]) @ bread
    return fit_from_scores(design, params, scores, names, family)


def _matrices(design: Design, formula: str) -> tuple[Floats, pd.DataFrame]:
    """Return the outcome and the model matrix; missing values and unknown columns are refused."""
    from patsy import NAAction, PatsyError, dmatrices  # type: ignore[import-untyped]  # it ships no types

    outcome, frame = formula.split("~")[0].strip(), design.frame
    if re.search(rf"(?<![\w.]){re.escape(outcome)}(?![\w.])", formula.partition("~")[2]):
        raise errors.DataError(f"{outcome!r} is also a covariate", todo="Take it off the right-hand side.")
    if outcome in frame and pd.api.types.is_bool_dtype(frame[outcome]):
        frame = frame.assign(**{outcome: frame[outcome].astype(float)})
    words = [c for c in frame if str(c) in formula and pd.api.types.is_string_dtype(frame[c].dtype)]
    frame = frame.assign(**{str(c): frame[c].astype("category") for c in words})  # patsy reads words one by one
    try:
        y, x = dmatrices(formula, frame, return_type="dataframe", NA_action=NAAction(on_NA="raise"))
    except PatsyError as error:
        if "missing" in str(error).lower():
            raise errors.MissingValues("the model's columns have missing values", todo="Name a policy first.") from None
        raise errors.DataError(
            f"the formula {formula!r} cannot be used: {str(error).splitlines()[0]}",
            todo="Name columns that the frame has.",
        ) from None
    if y.shape[1] != 1:
        raise errors.DataError("the outcome is not one number or 0/1 column", todo="Code it as numbers.")
    return y.iloc[:, 0].to_numpy(dtype=float), x


def _coefficients(y: Floats, x: Floats, w: Floats, family: str) -> tuple[Floats, Floats, Floats]:
    """Return coefficients, fitted means and the derivative of the mean, by weighted least squares or IRLS."""
    if family == "gaussian":
        params = inference.regress(x, y, [""] * x.shape[1], w).params
        return params, x @ params, np.ones(len(y))
    import statsmodels.api as sm

    kinds = {"quasibinomial": sm.families.Binomial, "quasipoisson": sm.families.Poisson}
    if family == "quasibinomial" and ((y < 0) | (y > 1)).any():
        raise errors.DataError("the outcome of a binomial model lies outside 0 to 1", todo="Code it as 0 and 1.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # separation is refused below, in words
        model = sm.GLM(y, x, family=kinds[family](), var_weights=w)
        fitted = model.fit(tol=1e-13, tol_criterion="deviance", maxiter=200)
        mu = np.asarray(fitted.fittedvalues)
    if not fitted.converged or not np.isfinite(fitted.params).all() or np.max(np.abs(x @ fitted.params)) > SEPARATION:
        raise errors.NotConverged(
            "the model did not converge: a column may separate the answers", todo="Join levels, or drop the column."
        )
    return np.asarray(fitted.params), mu, mu * (1 - mu) if family == "quasibinomial" else mu


def fit_from_scores(design: Design, params: Floats, scores: Floats, names: Sequence[str], family: str) -> Fit:
    """Return coefficients with the covariance of their linearised variables.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    params : ndarray, shape (k,)
        Coefficients.
    scores : ndarray, shape (n, k)
        Linearised variable of each coefficient.
    names : sequence of str, length k
        Terms.
    family : str
        Name of the model.

    Returns
    -------
    Fit
        The fit, t on design df less terms, plus one.

    Raises
    ------
    DataError
        Fewer clusters than terms.
    """
    cov = design.covariance(scores)
    df = design.df + 1 - len(names)
    if df <= 0:
        raise errors.DataError(
            "fewer clusters than terms: the model has no degrees of freedom", todo="Use fewer terms."
        )
    return Fit(
        pd.Series(params, index=list(names)),
        pd.DataFrame(cov, index=list(names), columns=list(names)),
        df,
        family,
        design.people(np.ones(design.n)),
    )


def chisq(design: Design, rows: str, columns: str) -> dict[str, float]:
    """Test two categorical columns for association by Rao and Scott's (1984) second-order F, as R's svychisq.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    rows, columns : str
        Columns of two levels or more.

    Returns
    -------
    dict of str to float
        `f`, `df1`, `df2`, `p`, and `pearson`, the uncorrected Pearson statistic.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; missing values; a column of one level.
    """
    from scipy.stats import f as fisher

    frame = design.frame
    errors.require_columns(frame, [rows, columns], role="a test")
    errors.require_complete(frame, [rows, columns], role="a test")
    a, r = pd.factorize(frame[rows], sort=True)
    b, c = pd.factorize(frame[columns], sort=True)
    nr, nc = len(r), len(c)
    if nr < 2 or nc < 2:
        raise errors.DataError("a test of association needs two levels of each column")
    cell = a + nr * b
    indicators = (cell[:, None] == np.arange(nr * nc)[None, :]).astype(float)
    p = design.weights @ indicators / design.weights.sum()
    cov = design.covariance((indicators - p) / design.weights.sum())
    table = p.reshape(nc, nr).T
    expected = np.outer(table.sum(axis=1), table.sum(axis=0))
    pearson = design.n * float(((table - expected) ** 2 / expected).sum())
    main, cross = _contrasts(nr, nc)
    resid = cross - main @ np.linalg.lstsq(main, cross, rcond=None)[0]
    inverse = np.diag(np.divide(1.0, p, out=np.zeros_like(p), where=p > 0))
    delta = np.linalg.solve(resid.T @ (inverse / design.n) @ resid, resid.T @ inverse @ cov @ inverse @ resid)
    trace = float(np.trace(delta))
    d0 = trace**2 / float(np.trace(delta @ delta))
    value = pearson / trace
    return {
        "f": value,
        "df1": d0,
        "df2": d0 * design.df,
        "p": float(fisher.sf(value, d0, d0 * design.df)),
        "pearson": pearson,
    }


def _contrasts(nr: int, nc: int) -> tuple[Floats, Floats]:
    row, col = np.tile(np.arange(nr), nc), np.repeat(np.arange(nc), nr)
    r = (row[:, None] == np.arange(1, nr)[None, :]).astype(float)
    c = (col[:, None] == np.arange(1, nc)[None, :]).astype(float)
    cross = np.column_stack([r[:, i] * c[:, j] for j in range(nc - 1) for i in range(nr - 1)])
    return np.column_stack([np.ones(nr * nc), r, c]), cross


def t_test(design: Design, outcome: str, group: str) -> Estimate:
    """Return the difference of two groups' means by design-based regression, as R's svyttest.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    outcome : str
        Numeric column.
    group : str
        Column of two levels.

    Returns
    -------
    Estimate
        Second level less first, in the unit of the outcome; t on design df less one.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; missing values; an outcome that is not numbers, a group that has not two levels.
    """
    levels = _two_levels(design, group)
    indicator = (design.frame[group] == levels[1]).to_numpy().astype(float)
    return _group_difference(design, design.column(outcome), indicator, levels, "design-based t test")


def rank_test(design: Design, outcome: str, group: str) -> Estimate:
    """Return the difference of two groups' mean weighted ranks (Lumley and Scott 2013), with Wilcoxon scores.

    Equal answers share the mean of their places, taken in the order of the index: R's rule, and shuffled rows change
    nothing.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    outcome : str
        Numeric column.
    group : str
        Column of two levels.

    Returns
    -------
    Estimate
        Second level less first; ranks run from 0 to 1; t on design df less one.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; missing values; an outcome that is not numbers, a group that has not two levels.
    """
    levels = _two_levels(design, group)
    y, w = design.column(outcome), design.weights
    order = np.lexsort((_label_ranks(design.frame.index), y))
    middle = np.cumsum(w[order]) - w[order] / 2
    rank = np.empty(len(y))
    rank[order] = pd.Series(middle).groupby(y[order]).transform("mean").to_numpy()
    indicator = (design.frame[group] == levels[1]).to_numpy().astype(float)
    return _group_difference(design, rank / w.sum(), indicator, levels, "design-based rank test")


def _label_ranks(index: pd.Index) -> Integers:
    """Return the rank of each label, whatever the order of the rows; labels that cannot be compared keep theirs."""
    try:
        return np.argsort(index.argsort(), kind="stable")
    except TypeError:
        return np.arange(len(index))


def _two_levels(design: Design, group: str) -> list[Hashable]:
    errors.require_columns(design.frame, [group], role="a test")
    errors.require_complete(design.frame, [group], role="a test")
    levels = ordered_levels(design.frame[group])
    if len(levels) != 2:
        raise errors.DataError(f"{group!r} has {len(levels)} levels, not two", todo="Name a column of two levels.")
    return levels


def _group_difference(design: Design, y: Floats, indicator: Floats, levels: list[Hashable], method: str) -> Estimate:
    x = np.column_stack([np.ones(len(y)), indicator])
    w = design.weights
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    beta = bread @ (x.T @ (w * y))
    cov = design.covariance((x * (y - x @ beta)[:, None]) @ bread)
    n = {str(levels[0]): int((indicator == 0).sum()), str(levels[1]): int((indicator == 1).sum())}
    return from_se(
        float(beta[1]),
        float(np.sqrt(cov[1, 1])),
        df=design.df - 1,
        n=n,
        method=method,
        se_method=f"Taylor linearisation; t with {design.df - 1} degrees of freedom",
        group=f"{levels[1]} less {levels[0]}",
    )
