"""Regression and tests with design-based covariance: glm, ordered logit, Rao-Scott, t and rank tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.estimates import Estimate, from_se
from evaluation.statistics.survey.design import Design


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients with a design-based covariance.

    Attributes
    ----------
    params : Series, term → coefficient; `covariance` DataFrame of the same terms.
    df : float
        Design degrees of freedom less the terms beyond the intercept.
    family : str
    """

    params: pd.Series
    covariance: pd.DataFrame
    df: float
    family: str
    n: int

    @property
    def se(self) -> pd.Series:
        """Standard errors."""
        return pd.Series(np.sqrt(np.diag(self.covariance)), index=self.params.index)

    def estimate(self, term: str) -> Estimate:
        """Return one coefficient as an estimate."""
        if term not in self.params.index:
            raise errors.UnknownColumn(f"no term {term!r}", todo=f"Terms: {list(self.params.index)}.")
        return from_se(float(self.params[term]), float(self.se[term]), df=self.df, n={"all": self.n},
                       method=f"{self.family} regression", se_method="design-based sandwich", group=term)  # fmt: skip

    def tidy(self) -> pd.DataFrame:
        """Return one row per term."""
        return pd.DataFrame([self.estimate(t).tidy() | {"term": t} for t in self.params.index])

    def summary(self) -> str:
        """Return one sentence."""
        return f"{self.family} regression on {self.n} people with {self.df:g} degrees of freedom."


def glm(design: Design, formula: str, *, family: str = "gaussian") -> Fit:
    """Fit a generalised linear model with survey weights (Binder 1983).

    Parameters
    ----------
    formula : str
        For example "confident ~ age + C(sex)".
    family : "gaussian", "quasibinomial" or "quasipoisson"
    """
    import statsmodels.api as sm
    from patsy import NAAction, dmatrices

    families = {"gaussian": sm.families.Gaussian, "quasibinomial": sm.families.Binomial,
                "quasipoisson": sm.families.Poisson}  # fmt: skip
    if family not in families:
        raise errors.Unsupported(f"family {family!r} is not known", todo=f"Use one of {list(families)}.")
    try:
        y, x = dmatrices(formula, design.frame, return_type="dataframe", NA_action=NAAction(on_NA="raise"))
    except Exception as error:
        if "missing" in str(error).lower():
            raise errors.MissingValues("the model's columns have missing values", todo="Name a policy first.") from None
        raise
    if np.linalg.matrix_rank(x.to_numpy()) < x.shape[1]:
        raise errors.Collinear("the model's columns are collinear", todo="Leave a level or a column out.")
    w = design.weights / design.weights.mean()
    fitted = sm.GLM(y.iloc[:, 0], x, family=families[family](), var_weights=w).fit(tol=1e-12, maxiter=200)
    if not fitted.converged:
        raise errors.NotConverged("the model did not converge")
    mu = np.asarray(fitted.fittedvalues)
    slope = mu * (1 - mu) if family == "quasibinomial" else mu if family == "quasipoisson" else np.ones(len(mu))
    matrix = x.to_numpy()
    bread = np.linalg.inv(matrix.T @ (matrix * (design.weights * slope)[:, None]))
    scores = (matrix * (y.iloc[:, 0].to_numpy() - mu)[:, None]) @ bread
    return _pack(design, fitted.params.to_numpy(), scores, list(x.columns), family)


def _pack(design: Design, params: np.ndarray, scores: np.ndarray, names: Sequence[str], family: str) -> Fit:
    cov = design.covariance(scores)
    df = design.df + 1 - len(names)
    if df <= 0:
        raise errors.DataError(
            "fewer clusters than terms: the model has no degrees of freedom", todo="Use fewer terms."
        )
    return Fit(pd.Series(params, index=list(names)), pd.DataFrame(cov, index=list(names), columns=list(names)), df,
               family, design.n)  # fmt: skip


def ordered_logit(design: Design, outcome: str, covariates: Sequence[str]) -> Fit:
    """Fit a proportional-odds model by weighted likelihood with a design-based covariance (McCullagh 1980).

    P(y <= k) = logistic(threshold_k - x'b). `covariates` are numeric columns or indicators. Terms are the covariates
    and then the thresholds "<= level".
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    y, x = design.column(outcome), np.column_stack([design.column(c) for c in covariates])
    levels = np.unique(y)
    if len(levels) < 3:
        raise errors.DataError("an ordered model needs at least three levels", todo="Use glm for two.")
    code, cuts, k = np.searchsorted(levels, y), len(levels) - 1, x.shape[1]
    w = design.weights / design.weights.sum()

    def unpack(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return theta[:k], np.cumsum(np.concatenate([theta[k : k + 1], np.exp(theta[k + 1 :])]))

    def pieces(b: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        eta = x @ b
        upper = np.where(code < cuts, expit(t[np.minimum(code, cuts - 1)] - eta), 1.0)
        lower = np.where(code > 0, expit(t[np.maximum(code - 1, 0)] - eta), 0.0)
        return upper, lower, np.maximum(upper - lower, 1e-300), upper * (1 - upper), lower * (1 - lower)

    def scores(b: np.ndarray, t: np.ndarray) -> np.ndarray:
        _, _, p, fu, fl = pieces(b, t)
        out = np.zeros((len(y), k + cuts))
        out[:, :k] = -((fu - fl) / p)[:, None] * x
        rows = np.arange(len(y))
        up, down = code < cuts, code > 0
        out[rows[up], k + code[up]] += (fu / p)[up]
        out[rows[down], k + code[down] - 1] -= (fl / p)[down]
        return out

    share = np.cumsum(np.bincount(code, w))[:-1]
    start_t = np.log(share / (1 - share))
    start = np.concatenate([np.zeros(k), start_t[:1], np.log(np.maximum(np.diff(start_t), 1e-3))])
    found = minimize(
        lambda th: -float(w @ np.log(pieces(*unpack(th))[2])), start, method="BFGS", options={"gtol": 1e-7}
    )
    theta = np.concatenate(unpack(found.x))
    for _ in range(50):  # Newton on the natural parameters, by a numerical derivative of the exact score
        gradient = w @ scores(theta[:k], theta[k:])
        hessian = _jacobian(lambda th: w @ scores(th[:k], th[k:]), theta)
        move = np.linalg.solve(hessian, gradient)
        theta = theta - move
        if np.max(np.abs(move)) < 1e-11:
            break
    else:
        raise errors.NotConverged("the ordered model did not converge")
    bread = -np.linalg.inv(_jacobian(lambda th: design.weights @ scores(th[:k], th[k:]), theta))
    names = [*covariates, *(f"<= {level:g}" for level in levels[:-1])]
    return _pack(design, theta, scores(theta[:k], theta[k:]) @ bread, names, "ordered logit")


def _jacobian(function: Any, at: np.ndarray) -> np.ndarray:
    step = 1e-5 * np.maximum(1.0, np.abs(at))
    columns = []
    for i in range(len(at)):
        up, down = at.copy(), at.copy()
        up[i] += step[i]
        down[i] -= step[i]
        columns.append((function(up) - function(down)) / (2 * step[i]))
    return np.column_stack(columns)


def chisq(design: Design, rows: str, columns: str) -> dict[str, float]:
    """Test two categorical columns for association: Rao and Scott's (1984) second-order F, as R's svychisq.

    Returns
    -------
    dict
        f, df1, df2, p, and the uncorrected Pearson statistic.
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
    return {"f": value, "df1": d0, "df2": d0 * design.df, "p": float(fisher.sf(value, d0, d0 * design.df)),
            "pearson": pearson}  # fmt: skip


def _contrasts(nr: int, nc: int) -> tuple[np.ndarray, np.ndarray]:
    row, col = np.tile(np.arange(nr), nc), np.repeat(np.arange(nc), nr)
    r = (row[:, None] == np.arange(1, nr)[None, :]).astype(float)
    c = (col[:, None] == np.arange(1, nc)[None, :]).astype(float)
    cross = np.column_stack([r[:, i] * c[:, j] for j in range(nc - 1) for i in range(nr - 1)])
    return np.column_stack([np.ones(nr * nc), r, c]), cross


def t_test(design: Design, outcome: str, group: str) -> Estimate:
    """Return the difference of two groups' means by design-based regression, as R's svyttest (df: design df - 1)."""
    levels = _two(design, group)
    indicator = (design.frame[group] == levels[1]).to_numpy(dtype=float)
    return _two_groups(design, design.column(outcome), indicator, levels, "design-based t test")


def rank_test(design: Design, outcome: str, group: str) -> Estimate:
    """Return the difference of two groups' mean weighted ranks (0 to 1), Lumley and Scott (2013); Wilcoxon scores."""
    levels = _two(design, group)
    y, w = design.column(outcome), design.weights
    order = np.argsort(y, kind="stable")
    middle = np.cumsum(w[order]) - w[order] / 2
    rank = np.empty(len(y))
    rank[order] = pd.Series(middle).groupby(y[order]).transform("mean").to_numpy()
    indicator = (design.frame[group] == levels[1]).to_numpy(dtype=float)
    return _two_groups(design, rank / w.sum(), indicator, levels, "design-based rank test")


def _two(design: Design, group: str) -> list[Any]:
    errors.require_columns(design.frame, [group], role="a test")
    errors.require_complete(design.frame, [group], role="a test")
    levels = sorted(design.frame[group].unique(), key=str)
    if len(levels) != 2:
        raise errors.DataError(f"{group!r} has {len(levels)} levels, not two")
    return levels


def _two_groups(design: Design, y: np.ndarray, indicator: np.ndarray, levels: list[Any], words: str) -> Estimate:
    x = np.column_stack([np.ones(len(y)), indicator])
    w = design.weights
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    beta = bread @ (x.T @ (w * y))
    cov = design.covariance((x * (y - x @ beta)[:, None]) @ bread)
    n = {str(levels[0]): int((indicator == 0).sum()), str(levels[1]): int((indicator == 1).sum())}
    return from_se(float(beta[1]), float(np.sqrt(cov[1, 1])), df=design.df - 1, n=n, method=words,
                   se_method="Taylor linearisation", group=f"{levels[1]} less {levels[0]}")  # fmt: skip
