"""Regression and tests with design-based covariance: glm, ordered logit, Rao-Scott, t and rank tests."""

from __future__ import annotations

import re
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics import inference
from evaluation.statistics._arrays import Booleans, Floats, Integers
from evaluation.statistics._constraints import pseudo_inverse
from evaluation.statistics.inference import Wald
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
        self._require_terms([term])
        value, se = float(self.params[term]), float(self.se[term])
        return self._estimate(value, se, f"{self.family} regression", term)

    def contrast(self, weights: Mapping[str, float]) -> Estimate:
        """Return a linear combination of the coefficients, as R's svycontrast.

        Parameters
        ----------
        weights : mapping of str to float
            Weight of each term; others have 0.

        Returns
        -------
        Estimate
            A contrast against 0, t on `df`.

        Raises
        ------
        UnknownColumn
            No term, or one that the model does not have.
        """
        c = pd.Series(weights, dtype=float)
        self._require_terms(list(c.index))
        cov = self.covariance.loc[c.index, c.index].to_numpy()
        value = float(self.params[c.index].to_numpy(dtype=float) @ c.to_numpy())
        se = float(np.sqrt(max(c.to_numpy() @ cov @ c.to_numpy(), 0.0)))
        words = " + ".join(f"{w:g} × {term}" for term, w in c.items())
        return self._estimate(value, se, f"contrast of a {self.family} regression", words)

    def _estimate(self, value: float, se: float, method: str, group: str) -> Estimate:
        how = f"design-based sandwich; t with {self.df:g} degrees of freedom"
        return from_se(value, se, df=self.df, n={"all": self.n}, method=method, group=group, se_method=how)

    def wald(self, terms: Sequence[str]) -> Wald:
        """Test that several coefficients (the levels of a factor, say) are all 0, as R's regTermTest.

        Parameters
        ----------
        terms : sequence of str
            Names of coefficients, or of one factor: then all of its levels.

        Returns
        -------
        Wald
            F on the number of coefficients and `df`.

        Raises
        ------
        UnknownColumn
            No term, or one that the model does not have.
        """
        from scipy.special import fdtrc

        names = [terms] if isinstance(terms, str) else list(terms)
        known = [p for t in names for p in self.params.index if p == t or str(p).split("[")[0] in (t, f"C({t})")]
        self._require_terms(known or names)
        beta, cov = self.params[known].to_numpy(), self.covariance.loc[known, known].to_numpy()
        f = float(beta @ np.linalg.solve(cov, beta)) / len(known)
        return Wald(f, len(known), float(self.df), float(fdtrc(len(known), self.df, f)))

    def _require_terms(self, terms: Sequence[object]) -> None:
        lacking = [t for t in terms if t not in self.params.index]
        if lacking or not len(terms):
            raise errors.UnknownColumn(f"no terms {lacking}", todo=f"Terms: {list(self.params.index)}.")

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


def glm(design: Design, formula: str, *, family: str = "gaussian", missing: str = "refuse") -> Fit:
    """Fit a generalised linear model with survey weights (Binder 1983); t on design df less terms, plus one.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    formula : str
        Outcome and terms, for example "confident ~ age + C(sex)".
    family : "gaussian", "quasibinomial" or "quasipoisson"
        Identity, logit or log link.
    missing : "refuse" or "domain"
        What to do with people who lack an answer: refuse them, or estimate for the domain of those who have them all,
        the whole design and its calibration kept.

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
    y, x, inside = _matrices(design, formula, missing)
    matrix, names = x.to_numpy(dtype=float), list(x.columns)
    weights = design.weights[inside]
    w = weights / weights.mean()
    gram = matrix.T @ (matrix * w[:, None])
    if round(float(np.trace(pseudo_inverse(gram) @ gram))) < matrix.shape[1]:
        raise errors.Collinear("the model's columns are collinear", todo="Leave a level or a column out.")
    params, mu, slope = _coefficients(y, matrix, w, family)
    bread = np.linalg.inv(matrix.T @ (matrix * (weights * slope)[:, None]))
    scores = (matrix * (y - mu)[:, None]) @ bread
    return fit_from_scores(design, params, scores, names, family, inside=inside)


def answered(design: Design, columns: Sequence[str], missing: str) -> Booleans:
    """Return who answered every column, by the stated policy.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    columns : sequence of str
        Columns of the frame.
    missing : "refuse" or "domain"
        Whether missing answers are refused, or their people stand outside the domain.

    Returns
    -------
    ndarray of bool, shape (n,)
        Who is in the domain.

    Raises
    ------
    UnknownColumn, MissingValues, EmptyCell, Unsupported
        No such column; missing answers that are refused; nobody of weight who answered; a policy that is not known.
    """
    if missing not in ("refuse", "domain"):
        raise errors.Unsupported(f"policy {missing!r} for missing values is not known", todo="Use refuse or domain.")
    errors.require_columns(design.frame, columns, role="a model")
    if missing == "refuse":
        errors.require_complete(design.frame, columns, role="a model")
    inside: Booleans = design.frame[list(columns)].notna().all(axis=1).to_numpy()
    if not (design.weights[inside] > 0).any():
        raise errors.EmptyCell(f"nobody of weight answered all of {', '.join(map(repr, columns))}")
    return inside


def _matrices(design: Design, formula: str, missing: str) -> tuple[Floats, pd.DataFrame, Booleans]:
    """Return the outcome, the model matrix and who is in them; unknown columns are refused."""
    from patsy import NAAction, PatsyError, dmatrices  # type: ignore[import-untyped]  # it ships no types

    outcome, frame = formula.split("~")[0].strip(), design.frame
    if re.search(rf"(?<![\w.]){re.escape(outcome)}(?![\w.])", formula.partition("~")[2]):
        raise errors.DataError(f"{outcome!r} is also a covariate", todo="Take it off the right-hand side.")
    if outcome in frame and pd.api.types.is_bool_dtype(frame[outcome]):
        frame = frame.assign(**{outcome: frame[outcome].astype(float)})
    named = [str(c) for c in frame if re.search(rf"(?<![\w.]){re.escape(str(c))}(?![\w.])", formula)]
    inside = answered(design, named, missing)
    frame = frame[inside]
    words = [c for c in named if pd.api.types.is_string_dtype(frame[c].dtype)]
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
    return y.iloc[:, 0].to_numpy(dtype=float), x, inside


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


def fit_from_scores(
    design: Design, params: Floats, scores: Floats, names: Sequence[str], family: str, *, inside: Booleans
) -> Fit:
    """Return coefficients with the covariance of their linearised variables.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    params : ndarray, shape (k,)
        Coefficients.
    scores : ndarray, shape (people inside, k)
        Linearised variable of each coefficient.
    names : sequence of str, length k
        Terms.
    family : str
        Name of the model.
    inside : ndarray of bool, shape (n,)
        Whom the model is fitted to; the others stay in the design.

    Returns
    -------
    Fit
        The fit, t on the df of those inside less terms, plus one.

    Raises
    ------
    DataError
        Fewer clusters than terms.
    """
    cov, domain = design.covariance(everybody(scores, inside)), inside.astype(float)
    df = design.domain_df(domain) + 1 - len(names)
    if df <= 0:
        raise errors.DataError(
            "fewer clusters than terms: the model has no degrees of freedom", todo="Use fewer terms."
        )
    return Fit(
        pd.Series(params, index=list(names)),
        pd.DataFrame(cov, index=list(names), columns=list(names)),
        df,
        family,
        design.people(domain),
    )


def everybody(scores: Floats, inside: Booleans) -> Floats:
    """Return linearised variables of all rows: 0 for those outside.

    Parameters
    ----------
    scores : ndarray, shape (people inside, k)
        Linearised variables.
    inside : ndarray of bool, shape (n,)
        Who is inside.

    Returns
    -------
    ndarray, shape (n, k)
        Linearised variables of the whole design.
    """
    out = np.zeros((len(inside), scores.shape[1]))
    out[inside] = scores
    return out


def chisq(design: Design, rows: str, columns: str, *, missing: str = "refuse") -> dict[str, float]:
    """Test two categorical columns for association by Rao and Scott's (1984) second-order F, as R's svychisq.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    rows, columns : str
        Columns of two levels or more.
    missing : "refuse" or "domain"
        What to do with people who lack an answer: refuse them, or estimate for the domain of those who have them all,
        the whole design and its calibration kept.

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

    inside = answered(design, [rows, columns], missing)
    frame, weights, n = design.frame[inside], design.weights[inside], int(inside.sum())
    df = design.domain_df(inside.astype(float))
    a, r = pd.factorize(frame[rows], sort=True)
    b, c = pd.factorize(frame[columns], sort=True)
    nr, nc = len(r), len(c)
    if nr < 2 or nc < 2:
        raise errors.DataError("a test of association needs two levels of each column")
    cell = a + nr * b
    indicators = (cell[:, None] == np.arange(nr * nc)[None, :]).astype(float)
    p = weights @ indicators / weights.sum()
    cov = design.covariance(everybody((indicators - p) / weights.sum(), inside))
    table = p.reshape(nc, nr).T
    expected = np.outer(table.sum(axis=1), table.sum(axis=0))
    pearson = n * float(((table - expected) ** 2 / expected).sum())
    main, cross = _contrasts(nr, nc)
    resid = cross - main @ np.linalg.lstsq(main, cross, rcond=None)[0]
    inverse = np.diag(np.divide(1.0, p, out=np.zeros_like(p), where=p > 0))
    delta = np.linalg.solve(resid.T @ (inverse / n) @ resid, resid.T @ inverse @ cov @ inverse @ resid)
    trace = float(np.trace(delta))
    d0 = trace**2 / float(np.trace(delta @ delta))
    value = pearson / trace
    return {"f": value, "df1": d0, "df2": d0 * df, "p": float(fisher.sf(value, d0, d0 * df)), "pearson": pearson}


def _contrasts(nr: int, nc: int) -> tuple[Floats, Floats]:
    row, col = np.tile(np.arange(nr), nc), np.repeat(np.arange(nc), nr)
    r = (row[:, None] == np.arange(1, nr)[None, :]).astype(float)
    c = (col[:, None] == np.arange(1, nc)[None, :]).astype(float)
    cross = np.column_stack([r[:, i] * c[:, j] for j in range(nc - 1) for i in range(nr - 1)])
    return np.column_stack([np.ones(nr * nc), r, c]), cross


def t_test(design: Design, outcome: str, group: str, *, missing: str = "refuse") -> Estimate:
    """Return the difference of two groups' means by design-based regression, as R's svyttest.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    outcome : str
        Numeric column.
    group : str
        Column of two levels.
    missing : "refuse" or "domain"
        What to do with people who lack an answer: refuse them, or estimate for the domain of those who have them all,
        the whole design and its calibration kept.

    Returns
    -------
    Estimate
        Second level less first, in the unit of the outcome; t on design df less one.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; missing values; an outcome that is not numbers, a group that has not two levels.
    """
    inside, levels = _two_groups(design, outcome, group, missing)
    y = numbers(design, outcome, inside)
    return _group_difference(design, y, inside, group, levels, "design-based t test")


def numbers(design: Design, column: str, inside: Booleans) -> Floats:
    """Return a numeric column of those inside.

    Parameters
    ----------
    design : Design
        Survey design with its frame.
    column : str
        Column of the frame, complete inside.
    inside : ndarray of bool, shape (n,)
        Who is inside.

    Returns
    -------
    ndarray, shape (people inside,)
        Their values.

    Raises
    ------
    DataError
        Words, or infinite values.
    """
    try:
        values = design.frame[column][inside].to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise errors.DataError(f"{column!r} is not a number", todo="Code it as numbers.") from None
    if not np.isfinite(values).all():
        raise errors.DataError(f"{column!r} holds infinite values", todo="Correct them.")
    return values


def rank_test(design: Design, outcome: str, group: str, *, missing: str = "refuse") -> Estimate:
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
    missing : "refuse" or "domain"
        What to do with people who lack an answer: refuse them, or estimate for the domain of those who have them all,
        the whole design and its calibration kept.

    Returns
    -------
    Estimate
        Second level less first; ranks run from 0 to 1; t on design df less one.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        No such column; missing values; an outcome that is not numbers, a group that has not two levels.
    """
    inside, levels = _two_groups(design, outcome, group, missing)
    y, w = numbers(design, outcome, inside), design.weights[inside]
    order = np.lexsort((_label_ranks(design.frame.index[inside]), y))
    middle = np.cumsum(w[order]) - w[order] / 2
    rank = np.empty(len(y))
    rank[order] = pd.Series(middle).groupby(y[order]).transform("mean").to_numpy()
    return _group_difference(design, rank / w.sum(), inside, group, levels, "design-based rank test")


def _label_ranks(index: pd.Index) -> Integers:
    """Return the rank of each label, whatever the order of the rows; labels that cannot be compared keep theirs."""
    try:
        return np.argsort(index.argsort(), kind="stable")
    except TypeError:
        return np.arange(len(index))


def _two_groups(design: Design, outcome: str, group: str, missing: str) -> tuple[Booleans, list[Hashable]]:
    """Return who is compared, and the two levels of the group that they have."""
    inside = answered(design, [outcome, group], missing)
    levels = ordered_levels(design.frame[group][inside])
    if len(levels) != 2:
        raise errors.DataError(f"{group!r} has {len(levels)} levels, not two", todo="Name a column of two levels.")
    return inside, levels


def _group_difference(
    design: Design, y: Floats, inside: Booleans, group: str, levels: list[Hashable], method: str
) -> Estimate:
    indicator = (design.frame[group][inside] == levels[1]).to_numpy().astype(float)
    x, w = np.column_stack([np.ones(len(y)), indicator]), design.weights[inside]
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    beta = bread @ (x.T @ (w * y))
    cov = design.covariance(everybody((x * (y - x @ beta)[:, None]) @ bread, inside))
    df = design.domain_df(inside.astype(float)) - 1
    n = {str(level): int(((indicator == at) & (w > 0)).sum()) for at, level in enumerate(levels)}
    return from_se(
        float(beta[1]),
        float(np.sqrt(cov[1, 1])),
        df=df,
        n=n,
        method=method,
        se_method=f"Taylor linearisation; t with {df} degrees of freedom",
        group=f"{levels[1]} less {levels[0]}",
    )
