"""Several outcomes at once: chances corrected within a family, and one joint test of negative controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Floats, Integers
from evaluation.statistics.inference import Regression, _signs, cluster_codes, cluster_robust, regress

LEAST_CLUSTERS = 6  # clusters a side under which the bootstrap has too few sign vectors to be trusted
WILD = "wild cluster bootstrap max-t"
HOLM = "Holm on t(df)"
POWER = 0.80


@dataclass(frozen=True, slots=True)
class Joint:
    """One test that none of several outcomes differs by treatment (negative controls).

    Attributes
    ----------
    p, statistic, critical : float
        Probability of a largest |t| at least this far out when no outcome differs; the largest |t|; its critical value.
    table : DataFrame
        One row per outcome: outcome, value, se, df, t, p, p_family, detectable, n, method. `detectable` is the true
        difference, in the outcome's unit, that this test finds with 80 % power.
    method : str
        How the p-value was found.
    clusters_a_side : int
        Clusters that hold somebody of the smaller arm.
    alpha : float
        Level of the test, 0 to 1.
    """

    p: float
    statistic: float
    critical: float
    table: pd.DataFrame = field(repr=False)
    method: str
    clusters_a_side: int
    alpha: float = 0.05

    def reading(self, worthwhile: float | Mapping[str, float]) -> str:
        """Return what the test may be said to show.

        Parameters
        ----------
        worthwhile : float or mapping of str to float
            Smallest size that would matter, in the outcomes' unit: one for all or one per outcome.

        Returns
        -------
        str
            "differs"; "no difference seen"; or "not informative" where a worthwhile size could not be seen.

        Raises
        ------
        UnknownColumn
            An outcome without a worthwhile size.
        """
        if self.p <= self.alpha:
            return "differs"
        bars = worthwhile if isinstance(worthwhile, Mapping) else dict.fromkeys(self.table["outcome"], worthwhile)
        lacking = [o for o in self.table["outcome"] if o not in bars]
        if lacking:
            raise errors.UnknownColumn(f"no worthwhile size for {', '.join(map(repr, lacking))}")
        sizes = zip(self.table["outcome"], self.table["detectable"], strict=True)
        return "no difference seen" if all(size <= bars[o] for o, size in sizes) else "not informative"

    def tidy(self) -> pd.DataFrame:
        """Return the outcomes as a table.

        Returns
        -------
        DataFrame
            One row per outcome, with the joint p-value in each (`p_joint`).
        """
        return self.table.assign(p_joint=self.p)

    def summary(self) -> str:
        """Return one sentence on the test and the differences it could not have seen.

        Returns
        -------
        str
            Number of outcomes, p-value, method, and the largest detectable difference.
        """
        largest = float(self.table["detectable"].max())
        return (
            f"{len(self.table)} outcomes tested together: p = {self.p:.3f} ({self.method}); "
            f"differences under {largest:.2g} could have gone unseen."
        )


def _p_values(p: pd.Series[float] | Mapping[str, float]) -> pd.Series[float]:
    """Return p-values as a Series, or refuse what is none."""
    values = pd.Series(p, dtype=float)
    if values.isna().any() or not values.between(0, 1).all():
        raise errors.DataError("p-values lie between 0 and 1 and are not missing", todo="Drop what was not tested.")
    return values


def _adjusted(p: pd.Series[float] | Mapping[str, float], method: str) -> pd.Series[float]:
    """Return p-values adjusted by pingouin (statsmodels collects garbage for each family, a fifth of a second)."""
    from pingouin import multicomp

    values = _p_values(p)
    adjusted = multicomp(values.to_numpy(), method=method)[1] if len(values) else values.to_numpy()
    return pd.Series(adjusted, index=values.index)


def holm(p: pd.Series[float] | Mapping[str, float]) -> pd.Series[float]:
    """Return p-values that keep the probability of any false finding in the family (step-down).

    Parameters
    ----------
    p : Series or mapping of str to float
        p-values by name.

    Returns
    -------
    Series of float
        Adjusted p-values, with the names and the order given.

    Raises
    ------
    DataError
        A p-value that is missing or outside 0 to 1.

    References
    ----------
    Holm (1979).
    """
    return _adjusted(p, "holm")


def benjamini_hochberg(p: pd.Series[float] | Mapping[str, float]) -> pd.Series[float]:
    """Return p-values that keep the expected share of false findings (step-up).

    Parameters
    ----------
    p : Series or mapping of str to float
        p-values by name, independent or positively dependent.

    Returns
    -------
    Series of float
        Adjusted p-values, with the names and the order given.

    Raises
    ------
    DataError
        A p-value that is missing or outside 0 to 1.

    References
    ----------
    Benjamini and Hochberg (1995).
    """
    return _adjusted(p, "fdr_bh")


def expected_by_chance(k: int, alpha: float = 0.05) -> float:
    """Return how many of k comparisons would differ by chance alone.

    Parameters
    ----------
    k : int
        Number of comparisons, 0 or more.
    alpha : float
        Level of each, 0 to 1.

    Returns
    -------
    float
        k × alpha.

    Raises
    ------
    DataError
        A negative number of comparisons, or a level outside 0 to 1.
    """
    if k < 0 or not 0 <= alpha <= 1:
        raise errors.DataError("a count of comparisons is 0 or more, and a level lies between 0 and 1")
    return k * alpha


def romano_wolf(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    outcomes: Sequence[str],
    treat: str,
    covariates: Sequence[str] = (),
    weight: str | None = None,
    cluster: str | None = None,
    draws: int = 999,
    seed: int,
    missing: str = "refuse",
) -> pd.DataFrame:
    """Test a family of outcomes, keeping the probability of any false finding (step-down max-t).

    Each outcome is regressed on the treatment and the covariates. Signs are drawn once per cluster and draw, and used
    for all outcomes, so the dependence between outcomes is kept; residuals come from the fit under the null; each t
    has its own CR1S error. Step j compares the j-th largest |t| with the largest of those not yet rejected.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    outcomes : sequence of str
        Columns of the outcomes.
    treat : str
        Column of 0 and 1.
    covariates : sequence of str
        Columns; words become indicators.
    weight, cluster : str, optional
        Columns of the survey weights and of the clusters; without `cluster` each person is one.
    draws : int
        Sign vectors, 99 or more; all 2**G are used where that is no more.
    seed : int
        Seed of the signs.
    missing : {"refuse", "each"}
        "each" tests each outcome on the people who answered it (the same signs by cluster).

    Returns
    -------
    DataFrame
        outcome, value, se, df, t, p, p_family, n, method, in the order given. With fewer than six clusters a side
        `p` is from t with Satterthwaite df (CR2) and `p_family` Holm's, and `method` says so.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A missing treatment, covariate, weight or cluster; a missing outcome where that is refused.
    DataError
        Outcomes named twice or among the covariates, an outcome that never varies around its fit, or too few draws.
    EmptyCell
        Too few people answered an outcome, or one arm has nobody.
    Unsupported
        An unknown policy for missing outcomes.

    References
    ----------
    Romano and Wolf (2005); Cameron, Gelbach and Miller (2008) for the wild cluster bootstrap.
    """
    fits = _fits(frame, outcomes, treat, covariates, weight, cluster, missing)
    if fits.a_side < LEAST_CLUSTERS:
        table = _classical(fits)
        table["p_family"] = holm(table["p"]).to_numpy()
        return table[_COLUMNS]
    table, drawn, enumerated = _bootstrap(fits, draws, seed)
    size = np.abs(table["t"].to_numpy())
    order = np.argsort(-size, kind="stable")
    largest = np.maximum.accumulate(drawn[:, order[::-1]], axis=1)[:, ::-1]
    stepped = np.maximum.accumulate([_share(largest[:, j], size[o], enumerated) for j, o in enumerate(order)])
    table["p_family"] = pd.Series(stepped, index=order)
    return table[_COLUMNS]


def joint(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    outcomes: Sequence[str],
    treat: str,
    covariates: Sequence[str] = (),
    weight: str | None = None,
    cluster: str | None = None,
    draws: int = 999,
    seed: int,
    missing: str = "refuse",
    alpha: float = 0.05,
) -> Joint:
    """Test once that no outcome differs by treatment, and say what size of difference the test could have seen.

    The statistic is the largest |t|, its distribution that of `romano_wolf`; with fewer than six clusters a side the
    smallest Holm p and the Bonferroni critical value. An outcome's detectable size is (critical value + t quantile at
    0.80) × its error (CR1S; CR2 with fewer than six clusters a side); the joint test's power is at least that of its
    best outcome.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    outcomes : sequence of str
        Columns of the outcomes.
    treat : str
        Column of 0 and 1.
    covariates : sequence of str
        Columns; words become indicators.
    weight, cluster : str, optional
        Columns of the survey weights and of the clusters; without `cluster` each person is one.
    draws : int
        Sign vectors, as in `romano_wolf`.
    seed : int
        Seed of the signs.
    missing : {"refuse", "each"}
        As in `romano_wolf`.
    alpha : float
        Level of the test, 0 to 1.

    Returns
    -------
    Joint
        The p-value, the largest |t| with its critical value, and one row per outcome.

    Raises
    ------
    DataError
        A level outside 0 to 1; and whatever `romano_wolf` refuses.
    """
    from scipy.special import stdtrit

    if not 0 < alpha < 1:
        raise errors.DataError(f"alpha {alpha} is not between 0 and 1")
    table = romano_wolf(
        frame,
        outcomes=outcomes,
        treat=treat,
        covariates=covariates,
        weight=weight,
        cluster=cluster,
        draws=draws,
        seed=seed,
        missing=missing,
    )
    fits = _fits(frame, outcomes, treat, covariates, weight, cluster, missing)
    statistic = float(table["t"].abs().max())
    df = table["df"].to_numpy()
    if fits.a_side < LEAST_CLUSTERS:
        critical = stdtrit(df, 1 - alpha / (2 * len(table)))
    else:
        _, drawn, _ = _bootstrap(fits, draws, seed)
        critical = np.full(len(table), np.quantile(drawn.max(axis=1), 1 - alpha, method="higher"))
    table = table.assign(detectable=(critical + stdtrit(df, POWER)) * table["se"])
    return Joint(
        float(table["p_family"].min()),
        statistic,
        float(critical.max()),
        table,
        str(table["method"].iloc[0]),
        fits.a_side,
        alpha,
    )


_COLUMNS = ["outcome", "value", "se", "df", "t", "p", "p_family", "n", "method"]


@dataclass(frozen=True, slots=True)
class _Fits:
    """Fits of a family: (outcome, regression, cluster codes in the whole frame) and the numbers of clusters."""

    fits: list[tuple[str, Regression, Integers]]
    clusters: int
    a_side: int


def _fits(
    frame: pd.DataFrame,
    outcomes: Sequence[str],
    treat: str,
    covariates: Sequence[str],
    weight: str | None,
    cluster: str | None,
    missing: str,
) -> _Fits:
    """Check the roles and fit every outcome on the treatment and covariates."""
    names = [outcomes] if isinstance(outcomes, str) else list(outcomes)
    if not names or len(set(names)) < len(names) or {treat, *covariates} & set(names):
        raise errors.DataError("outcomes must be one or more different columns, apart from treatment and covariates")
    if missing not in ("refuse", "each"):
        raise errors.Unsupported(f"missing {missing!r} is not known", todo="Use 'refuse' or 'each'.")
    errors.require_columns(frame, names, role="the family of outcomes")
    treated = _roles.check(
        frame, treat=treat, covariates=covariates, survey_weight=weight, others=[cluster] if cluster else []
    )
    if missing == "refuse":
        errors.require_complete(frame, names, role="outcomes")
    codes, clusters = cluster_codes(frame[cluster] if cluster else np.arange(len(frame)), len(frame))
    built = _roles.columns(frame, covariates, drop_first=True)
    x = np.column_stack([np.ones(len(frame)), treated, built.matrix])
    w = _roles.weights(frame, weight)
    fits: list[tuple[str, Regression, Integers]] = []
    sides: list[int] = []
    for name in names:
        rows = frame[name].notna().to_numpy()
        y = _roles.numeric(frame.loc[rows], name, role="outcome")
        if not treated[rows].any() or treated[rows].all() or rows.sum() <= x.shape[1]:
            raise errors.EmptyCell(f"too few people answered {name!r} to compare", todo="Leave it out of the family.")
        fit = regress(x[rows], y, ["(Intercept)", treat, *built.names], w[rows])
        if np.abs(fit.residuals).max() <= 1e-12 * max(np.abs(y).max(), 1.0):
            raise errors.DataError(f"the outcome {name!r} never varies around its fit", todo="Leave it out.")
        fits.append((name, fit, codes[rows]))
        sides += [len(np.unique(codes[rows & side])) for side in (treated, ~treated)]
    return _Fits(fits, clusters, min(sides))


def _classical(fits: _Fits) -> pd.DataFrame:
    """Return CR2 errors and t tests with Satterthwaite degrees of freedom."""
    rows = []
    for name, fit, codes in fits.fits:
        covariance = cluster_robust(fit, codes)
        e, se = covariance.estimate(fit.names[1]), float(covariance.se[fit.names[1]])
        rows.append((name, e.value, se, e.df, e.value / se, e.p, len(fit.y), HOLM))
    return pd.DataFrame(rows, columns=["outcome", "value", "se", "df", "t", "p", "n", "method"])


def _bootstrap(fits: _Fits, draws: int, seed: int) -> tuple[pd.DataFrame, Floats, bool]:
    """Return the table without family p, |t| of the draws (draws, outcomes), and whether all signs were used."""
    if draws < 99:
        raise errors.DataError(f"{draws} draws are too few for a p-value", todo="Use 99 at least, better 999.")
    signs = _signs(fits.clusters, "rademacher", draws, seed)
    enumerated = fits.clusters < 60 and len(signs) == 2**fits.clusters
    rows, drawn = [], []
    for name, fit, codes in fits.fits:
        present, inner = np.unique(codes, return_inverse=True)
        se, t, moved = _max_t_parts(fit, inner, signs[:, present])
        p = _share(np.abs(moved), abs(t), enumerated)
        rows.append((name, float(fit.params[1]), se, float(len(present) - 1), t, p, len(fit.y), WILD))
        drawn.append(np.abs(moved))
    table = pd.DataFrame(rows, columns=["outcome", "value", "se", "df", "t", "p", "n", "method"])
    return table, np.column_stack(drawn), enumerated


def _max_t_parts(fit: Regression, codes: Integers, signs: Floats) -> tuple[float, float, Floats]:
    """Return the CR1S error, t of the treatment, and t of each draw under the null, by sums over clusters."""
    w, x, n, k = fit.weights, fit.x, len(fit.y), fit.x.shape[1]
    clusters = signs.shape[1]
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    lead = bread[1]
    scale = clusters / (clusters - 1) * (n - 1) / (n - k)
    pull = x @ lead
    hat = np.zeros((clusters, k))
    np.add.at(hat, codes, x * (w * pull)[:, None])

    own = np.bincount(codes, w * pull * fit.residuals, minlength=clusters)
    se = float(np.sqrt(scale * (own**2).sum()))

    rest = np.delete(x, 1, axis=1)
    root = np.sqrt(w)
    under_null = fit.y - rest @ np.linalg.lstsq(rest * root[:, None], fit.y * root, rcond=None)[0]
    sums = np.zeros((clusters, k))
    np.add.at(sums, codes, x * (w * under_null)[:, None])
    moved = signs @ (sums @ bread)
    left = signs * (sums @ lead) - moved @ hat.T
    return se, float(fit.params[1]) / se, moved[:, 1] / np.sqrt(scale * (left**2).sum(axis=1))


def _share(draws: Floats, at: float, enumerated: bool) -> float:
    """Return the share of draws at least as far out; drawn ones count the data as one of them."""
    far = int((draws >= at - 1e-10).sum())
    return far / len(draws) if enumerated else (1 + far) / (1 + len(draws))
