"""Balance of treated and untreated people on covariates, before and after weighting, and against chance.

Conventions of cobalt: the denominator of a standardised difference comes from the unadjusted sample, every level of
a factor has its row, variance ratios and Kolmogorov-Smirnov statistics are weighted. There are no p-values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from evaluation import errors, parallel
from evaluation.results import Displayed
from evaluation.statistics import _roles
from evaluation.statistics._arrays import Booleans, Floats, Integers
from evaluation.statistics.matching.sample import MatchedSample

DENOMINATORS = {"ATT": "treated", "ATM": "treated", "ATC": "control", "ATE": "pooled", "ATO": "weighted"}


@dataclass(frozen=True, slots=True)
class Balance(Displayed):
    """Balance of covariates before and after adjustment.

    Attributes
    ----------
    table : DataFrame
        One row per covariate or level: variable, covariate, level, kind ("binary" or "numeric"), mean_treated,
        mean_control, smd, variance_ratio, ks, ecdf_mean each `_before` and `_after` (`variance_ratio` NaN for binary
        columns; `ks` and `ecdf_mean` are the largest and the mean gap between the distribution functions, 0 to 1).
    effective_n : dict of str to float
        Kish's effective number in each arm, before and after.
    estimand : str
        Whom the comparison is about: ATT, ATM, ATC, ATE or ATO.
    denominator : str
        Whose SD divides the differences: "treated", "control", "pooled", "all" or "weighted".
    """

    table: pd.DataFrame
    effective_n: dict[str, float]
    estimand: str
    denominator: str

    @property
    def worst(self) -> float:
        """Return the largest absolute standardised difference after adjustment.

        Returns
        -------
        float
            In SDs, 0 or more.
        """
        return float(self.table["smd_after"].abs().max())

    def mean_over(self, covariates: Sequence[str]) -> float:
        """Return the mean absolute standardised difference after adjustment over some covariates.

        Parameters
        ----------
        covariates : sequence of str
            Covariates whose rows are averaged, every level of a factor among them.

        Returns
        -------
        float
            In SDs, 0 or more.
        """
        rows = self.table[self.table["covariate"].isin(list(covariates))]
        return float(rows["smd_after"].abs().mean())

    def tidy(self) -> pd.DataFrame:
        """Return the table.

        Returns
        -------
        DataFrame
            A copy of `table`.
        """
        return self.table.copy()

    def summary(self) -> str:
        """Return one sentence: the largest difference before and after, and the controls' effective number.

        Returns
        -------
        str
            The sentence.
        """
        return (
            f"The largest standardised difference is {self.table['smd_before'].abs().max():.2f} before and "
            f"{self.worst:.2f} after; {self.effective_n['control_after']:.0f} others count in effect."
        )


def compare(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    treat: str,
    covariates: Sequence[str],
    weights: MatchedSample | pd.Series | Floats | Sequence[float] | str | None = None,
    survey_weight: str | None = None,
    estimand: str = "ATT",
    denominator: str | None = None,
    squares: bool = False,
    interactions: bool = False,
) -> Balance:
    """Compare covariates of treated and untreated people, before and after weighting (Austin 2009).

    Conventions of R's cobalt: denominators from the unadjusted sample, a row for every level of a factor, no p-values.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique.
    treat : str
        Column of 0 and 1.
    covariates : sequence of str
        Columns to compare; words and categoricals as indicators of every level.
    weights : MatchedSample, Series, array or str, optional
        Match weights (0 for people left out), or the column that holds them; they are multiplied by the survey weight.
    survey_weight : str, optional
        Column of positive weights, used before and after.
    estimand : "ATT", "ATM", "ATC", "ATE" or "ATO"
        Decides the denominator: SD of the treated (ATT, ATM), of the untreated, the root mean of both variances, of
        everybody as weighted.
    denominator : "treated", "control", "pooled", "all" or "weighted", optional
        Overrides it. All but "weighted" come from the sample before `weights`.
    squares, interactions : bool
        Further rows: squares of numeric covariates, and products of each two columns of different covariates.

    Returns
    -------
    Balance
        The table of differences, and effective numbers.

    Raises
    ------
    DataError, UnknownColumn, MissingValues
        No covariates, or values that cannot be used in their role; an absent column; NA in any role.
    EmptyCell, Unsupported
        An arm without match weight; an estimand or denominator that is not known.
    """
    treated = _roles.check(frame, treat=treat, covariates=covariates, survey_weight=survey_weight)
    if not len(covariates):
        raise errors.DataError("no covariates to compare", todo="Name at least one.")
    built = _with_higher_terms(_roles.columns(frame, list(covariates), drop_first=False), squares, interactions)
    base = _roles.weights(frame, survey_weight)
    match = _match_weights(frame, weights)
    if not (match[treated].sum() > 0 and match[~treated].sum() > 0):
        raise errors.EmptyCell("one of the two groups has no match weight", todo="Look at the matching.")
    chosen = denominator or DENOMINATORS.get(estimand)
    if chosen not in ("treated", "control", "pooled", "all", "weighted"):
        raise errors.Unsupported(f"estimand {estimand!r} or denominator {denominator!r} is not known")
    over = base * match if chosen == "weighted" else base
    spread = _spread(built.matrix, built.binary, treated, over, chosen)
    before = _arm_statistics(built.matrix, built.binary, treated, base, spread)
    after = _arm_statistics(built.matrix, built.binary, treated, base * match, spread)
    kinds = np.where(built.binary, "binary", "numeric")
    words = {"variable": built.names, "covariate": built.covariates, "level": built.levels, "kind": kinds}
    sides = {f"{k}_{name}": v for name, side in (("before", before), ("after", after)) for k, v in side.items()}
    table = pd.DataFrame(words | sides)
    n = {
        f"{arm}_{name}": _roles.kish(w[mask])
        for name, w in (("before", base), ("after", base * match))
        for arm, mask in (("treated", treated), ("control", ~treated))
    }
    return Balance(table, n, estimand, chosen)


def _with_higher_terms(columns: _roles.Columns, squares: bool, interactions: bool) -> _roles.Columns:
    """Return the columns with squares of numeric ones and products across covariates, where asked for."""
    extra = [(i, i) for i in range(len(columns.names)) if squares and not columns.binary[i]]
    if interactions:
        pairs = ((i, j) for i in range(len(columns.names)) for j in range(i + 1, len(columns.names)))
        extra += [(i, j) for i, j in pairs if columns.covariates[i] != columns.covariates[j]]
    if not extra:
        return columns
    products = np.column_stack([columns.matrix[:, i] * columns.matrix[:, j] for i, j in extra])
    names = [f"{columns.names[i]}²" if i == j else f"{columns.names[i]} × {columns.names[j]}" for i, j in extra]
    about = [
        columns.covariates[i] if i == j else f"{columns.covariates[i]} × {columns.covariates[j]}" for i, j in extra
    ]
    binary = np.array([bool(columns.binary[i] and columns.binary[j]) for i, j in extra])
    return _roles.Columns(
        np.hstack([columns.matrix, products]),
        (*columns.names, *names),
        (*columns.covariates, *about),
        (*columns.levels, *[""] * len(extra)),
        np.concatenate([columns.binary, binary]),
    )


def _match_weights(frame: pd.DataFrame, weights: object) -> Floats:
    """Return match weights in the order of the frame's rows, ones where none are given."""
    if weights is None:
        return np.ones(len(frame))
    weights = getattr(weights, "match_weight", weights)
    if isinstance(weights, np.ndarray | list | tuple):
        array = np.asarray(weights)
        if array.shape != (len(frame),):
            raise errors.DataError(f"{array.shape} match weights for {len(frame)} people", todo="Give one each.")
        weights = pd.Series(array, index=frame.index)
    if isinstance(weights, str):
        errors.require_columns(frame, [weights], role="match weights")
    elif not isinstance(weights, pd.Series):
        raise errors.DataError(f"match weights are a {type(weights).__name__}", todo="Give a Series or MatchedSample.")
    series = frame[weights] if isinstance(weights, str) else weights.reindex(frame.index)
    if series.isna().any():
        raise errors.MissingValues(f"{int(series.isna().sum())} match weights are missing", todo="Use 0 for left out.")
    values = pd.to_numeric(series, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if not np.isfinite(values).all() or (values < 0).any():
        raise errors.DataError("match weights must be numbers of 0 or more", todo="Use 0 for people left out.")
    return values


def _variance(x: Floats, binary: Booleans, w: Floats) -> Floats:
    """Return weighted variances per column: p (1 - p) for binary columns, else unbiased for reliability weights."""
    share = w / w.sum()
    mean = share @ x
    raw = share @ (x - mean) ** 2
    left = 1 - (share**2).sum()
    alone = np.ptp(x[w > 0], axis=0) == 0  # exactly 0, not rounding
    return np.where(alone, 0.0, np.where(binary, mean * (1 - mean), raw / left if left > 0 else 0.0))


def _spread(x: Floats, binary: Booleans, treated: Booleans, base: Floats, chosen: str) -> Floats:
    """Return the denominators; everybody's SD where the chosen people do not vary (as cobalt)."""
    if chosen in ("all", "weighted"):
        var = _variance(x, binary, base)
    elif chosen == "pooled":
        var = (_variance(x[treated], binary, base[treated]) + _variance(x[~treated], binary, base[~treated])) / 2
    else:
        mask = treated if chosen == "treated" else ~treated
        var = _variance(x[mask], binary, base[mask])
    return np.sqrt(np.where(var > 0, var, _variance(x, binary, base)))


def _arm_statistics(x: Floats, binary: Booleans, treated: Booleans, w: Floats, spread: Floats) -> dict[str, Floats]:
    """Return the columns of the balance table under weights w."""
    t, c = w[treated] / w[treated].sum(), w[~treated] / w[~treated].sum()
    mean_t, mean_c = t @ x[treated], c @ x[~treated]
    gap = mean_t - mean_c
    smd = np.divide(gap, spread, out=np.where(np.abs(gap) < 1e-12, 0.0, np.copysign(np.inf, gap)), where=spread > 1e-12)
    var_t, var_c = _variance(x[treated], binary, w[treated]), _variance(x[~treated], binary, w[~treated])
    ratio = np.where(binary, np.nan, np.divide(var_t, var_c, out=np.full(len(gap), np.nan), where=var_c > 0))
    ecdf = [
        (abs(gap[j]), abs(gap[j])) if binary[j] else _ecdf(x[treated, j], t, x[~treated, j], c)
        for j in range(x.shape[1])
    ]
    largest, mean = np.array(ecdf).reshape(-1, 2).T
    return {
        "mean_treated": mean_t,
        "mean_control": mean_c,
        "smd": smd,
        "variance_ratio": ratio,
        "ks": largest,
        "ecdf_mean": mean,
    }


def _ecdf(a: Floats, wa: Floats, b: Floats, wb: Floats) -> tuple[float, float]:
    """Return the largest gap between two weighted distribution functions, and the mean gap over values held."""
    values = np.concatenate([a, b])
    steps = np.concatenate([wa, -wb])
    order = np.argsort(values, kind="stable")
    total = np.cumsum(steps[order])
    last = np.append(np.diff(values[order]) > 0, True)
    return float(np.abs(total[last]).max()), float(np.abs(total[last]).mean())


@dataclass(frozen=True, slots=True)
class Placebo:
    """Where the balance of a design stands among designs of treatments drawn by lot.

    Attributes
    ----------
    worst, mean : tuple of three float
        Largest, and mean absolute, standardised difference (in SDs): the design's value, and the 90th and the 99th
        percentile over the lots.
    draws : int
        How many lots could be designed.
    """

    worst: tuple[float, float, float]
    mean: tuple[float, float, float]
    draws: int

    @property
    def grade(self) -> str:
        """Return the worse rank of the two measures.

        Returns
        -------
        "pass", "flag" or "fail"
            Up to the 90th percentile, up to the 99th, or beyond.
        """
        ranks = [sum(v > bar for bar in bars) for v, *bars in (self.worst, self.mean)]
        return ("pass", "flag", "fail")[max(ranks)]

    def tidy(self) -> pd.DataFrame:
        """Return one row per measure.

        Returns
        -------
        DataFrame
            Columns measure, value, p90 and p99, in SDs.
        """
        rows = [("worst", *self.worst), ("mean over prognostic", *self.mean)]
        return pd.DataFrame(rows, columns=["measure", "value", "p90", "p99"])

    def summary(self) -> str:
        """Return one sentence: how the balance ranks among the lots.

        Returns
        -------
        str
            The sentence.
        """
        words = {
            "pass": "no worse than chance",
            "flag": "worse than nine lots in ten",
            "fail": "worse than chance allows",
        }
        return f"Balance is {words[self.grade]}, judged against {self.draws} treatments drawn by lot."


def placebo(  # noqa: PLR0913
    frame: pd.DataFrame,
    design: Callable[[pd.DataFrame], MatchedSample],
    *,
    treat: str,
    covariates: Sequence[str],
    prognostic: Sequence[str],
    cluster: str | None = None,
    survey_weight: str | None = None,
    draws: int = 200,
    seed: int = 0,
    observed: Balance | None = None,
) -> Placebo:
    """Judge a design's balance against the same design of treatments drawn by lot within sessions.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique.
    design : callable
        Takes the frame (with a drawn treatment in `treat`) and returns a `MatchedSample`; refusals skip the draw. It
        must be importable when the draws run on many cores.
    treat : str
        Column of 0 and 1.
    covariates : sequence of str
        Columns whose largest difference is judged.
    prognostic : sequence of str
        Those of the covariates whose mean difference is judged.
    cluster : str, optional
        Session within which the lot is drawn; a session in which all or none are treated would never change, so such
        sessions' people are drawn together as one stratum.
    survey_weight : str, optional
        Column of positive weights; it stays with each person.
    draws : int
        Number of lots.
    seed : int
        Seed of the lots, 0 or more.
    observed : Balance, optional
        Balance of the design itself, where it is known already.

    Returns
    -------
    Placebo
        The design's balance and the percentiles over the lots.

    Raises
    ------
    NobodyMatched
        Most lots could not be designed.

    Notes
    -----
    With 45 treated matched one to one, the worst of 24 standardised differences exceeds 0.25 in most studies without
    any selection; the bar is therefore the distribution under the lot, not a constant.
    """
    frame = _roles.coded(frame, covariates)
    sample = design(frame)
    balance = observed or compare(
        frame, treat=treat, covariates=covariates, weights=sample.match_weight, survey_weight=survey_weight
    )
    stratum = _strata(frame, treat, cluster)
    task = partial(
        _permuted_balance, frame, design, treat, tuple(covariates), tuple(prognostic), stratum, survey_weight
    )
    lots = [r for r in parallel.run(task, list(range(draws)), seed) if r is not None]
    if len(lots) < max(20, draws // 4):
        raise errors.NobodyMatched("most treatments drawn by lot could not be designed", todo="Widen the caliper.")
    worst, mean = (np.array(v) for v in zip(*lots, strict=True))
    worst_p90, worst_p99 = (float(q) for q in np.quantile(worst, [0.9, 0.99]))
    mean_p90, mean_p99 = (float(q) for q in np.quantile(mean, [0.9, 0.99]))
    prognostic_mean = balance.mean_over(prognostic)
    return Placebo((balance.worst, worst_p90, worst_p99), (prognostic_mean, mean_p90, mean_p99), len(lots))


def _strata(frame: pd.DataFrame, treat: str, cluster: str | None) -> Integers:
    """Return the stratum within which the lot is drawn, by person."""
    if cluster is None:
        return np.zeros(len(frame), dtype=int)
    share = frame.groupby(cluster)[treat].transform("mean")
    label = frame[cluster].astype(str).where((share > 0) & (share < 1), "\0together")
    return pd.factorize(label)[0]


def _permuted_balance(
    frame: pd.DataFrame,
    design: Callable[[pd.DataFrame], MatchedSample],
    treat: str,
    covariates: tuple[str, ...],
    prognostic: tuple[str, ...],
    stratum: Integers,
    survey_weight: str | None,
    _: int,
    rng: np.random.Generator,
) -> tuple[float, float] | None:
    """Return the worst and the mean difference of one lot's design, or None where it could not be designed."""
    values = frame[treat].to_numpy()
    lot = values.copy()
    for s in np.unique(stratum):
        rows = np.flatnonzero(stratum == s)
        lot[rows] = rng.permutation(values[rows])
    drawn = frame.assign(**{treat: lot})
    try:
        sample = design(drawn)
        balance = compare(
            drawn, treat=treat, covariates=covariates, weights=sample.match_weight, survey_weight=survey_weight
        )
    except errors.DataError:
        return None
    worst, mean = balance.worst, balance.mean_over(prognostic)
    return (worst, mean) if np.isfinite(worst) and np.isfinite(mean) else None
