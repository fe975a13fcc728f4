"""Balance of treated and untreated people on covariates, before and after weighting, and against chance.

Conventions of cobalt: the denominator of a standardised difference comes from the unadjusted sample, every level of
a factor has its row, variance ratios and Kolmogorov-Smirnov statistics are weighted. There are no p-values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors, parallel
from evaluation.statistics import _roles

DENOMINATORS = {"ATT": "treated", "ATM": "treated", "ATC": "control", "ATE": "pooled", "ATO": "weighted"}


@dataclass(frozen=True, slots=True)
class Balance:
    """Balance before and after.

    Attributes
    ----------
    table : DataFrame
        One row per covariate or level: variable, covariate, level, kind ("binary" or "numeric"), mean_treated,
        mean_control, smd, variance_ratio, ks, ecdf_mean each `_before` and `_after` (`variance_ratio` NaN for binary
        columns; `ks` and `ecdf_mean` are the largest and the mean gap between the distribution functions).
    effective_n : mapping
        Kish's effective number in each arm, before and after.
    """

    table: pd.DataFrame
    effective_n: dict[str, float]
    estimand: str
    denominator: str

    @property
    def worst(self) -> float:
        """Largest absolute standardised difference after adjustment."""
        return float(self.table["smd_after"].abs().max())

    def mean_over(self, covariates: Sequence[str]) -> float:
        """Return the mean absolute standardised difference after adjustment over the rows of some covariates."""
        rows = self.table[self.table["covariate"].isin(list(covariates))]
        return float(rows["smd_after"].abs().mean())

    def tidy(self) -> pd.DataFrame:
        """Return the table."""
        return self.table.copy()

    def summary(self) -> str:
        """Return one sentence."""
        return (
            f"The largest standardised difference is {self.table['smd_before'].abs().max():.2f} before and "
            f"{self.worst:.2f} after; {self.effective_n['control_after']:.0f} others count in effect."
        )


def compare(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    treat: str,
    covariates: Sequence[str],
    weights: Any = None,
    survey_weight: str | None = None,
    estimand: str = "ATT",
    denominator: str | None = None,
    squares: bool = False,
    interactions: bool = False,
) -> Balance:
    """Compare covariates of treated and untreated people, before and after `weights`.

    Parameters
    ----------
    weights : Series, array, column or MatchedSample, optional
        Match weights (0 for people left out); they are multiplied by the survey weight.
    estimand : "ATT", "ATM", "ATC", "ATE" or "ATO"
        Decides the denominator: SD of the treated, of the untreated, the root mean of both variances, of everybody
        as weighted.
    denominator : "treated", "control", "pooled", "all" or "weighted", optional
        Overrides it. All but "weighted" come from the sample before `weights`.
    squares, interactions : bool
        Further rows: squares of numeric covariates, and products of each two columns of different covariates.

    Returns
    -------
    Balance
    """
    treated = _roles.check(frame, treat=treat, covariates=covariates, survey_weight=survey_weight)
    if not len(covariates):
        raise errors.DataError("no covariates to compare", todo="Name at least one.")
    built = _further(_roles.columns(frame, list(covariates), drop_first=False), squares, interactions)
    base = _roles.weights(frame, survey_weight)
    match = _weights(frame, weights)
    if not (match[treated].sum() > 0 and match[~treated].sum() > 0):
        raise errors.EmptyCell("one of the two groups has no match weight", todo="Look at the matching.")
    chosen = denominator or DENOMINATORS.get(estimand)
    if chosen not in ("treated", "control", "pooled", "all", "weighted"):
        raise errors.Unsupported(f"estimand {estimand!r} or denominator {denominator!r} is not known")
    over = base * match if chosen == "weighted" else base
    spread = _spread(built.matrix, built.binary, treated, over, chosen)
    before = _side(built.matrix, built.binary, treated, base, spread)
    after = _side(built.matrix, built.binary, treated, base * match, spread)
    kinds = np.where(built.binary, "binary", "numeric")
    table = pd.DataFrame({"variable": built.names, "covariate": built.covariates, "level": built.levels, "kind": kinds})
    for name, side in (("before", before), ("after", after)):
        for column, values in side.items():
            table[f"{column}_{name}"] = values
    n = {
        f"{arm}_{name}": _roles.kish(w[mask])
        for name, w in (("before", base), ("after", base * match))
        for arm, mask in (("treated", treated), ("control", ~treated))
    }
    return Balance(table, n, estimand, chosen)


def _further(built: _roles.Columns, squares: bool, interactions: bool) -> _roles.Columns:
    """Return the columns with squares of numeric ones and products across covariates, where asked for."""
    extra = [(i, i) for i in range(len(built.names)) if squares and not built.binary[i]]
    if interactions:
        pairs = ((i, j) for i in range(len(built.names)) for j in range(i + 1, len(built.names)))
        extra += [(i, j) for i, j in pairs if built.covariates[i] != built.covariates[j]]
    if not extra:
        return built
    made = np.column_stack([built.matrix[:, i] * built.matrix[:, j] for i, j in extra])
    names = [f"{built.names[i]}²" if i == j else f"{built.names[i]} × {built.names[j]}" for i, j in extra]
    about = [built.covariates[i] if i == j else f"{built.covariates[i]} × {built.covariates[j]}" for i, j in extra]
    binary = np.array([bool(built.binary[i] and built.binary[j]) for i, j in extra])
    return _roles.Columns(
        np.hstack([built.matrix, made]),
        (*built.names, *names),
        (*built.covariates, *about),
        (*built.levels, *[""] * len(extra)),
        np.concatenate([built.binary, binary]),
    )


def _weights(frame: pd.DataFrame, weights: Any) -> np.ndarray:
    if weights is None:
        return np.ones(len(frame))
    weights = getattr(weights, "match_weight", weights)
    if isinstance(weights, np.ndarray | list | tuple):
        weights = np.asarray(weights)
        if weights.shape != (len(frame),):
            raise errors.DataError(f"{weights.shape} match weights for {len(frame)} people", todo="Give one each.")
        weights = pd.Series(weights, index=frame.index)
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


def _variance(x: np.ndarray, binary: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return weighted variances per column: p (1 - p) for binary columns, else unbiased for reliability weights."""
    share = w / w.sum()
    mean = share @ x
    raw = share @ (x - mean) ** 2
    left = 1 - (share**2).sum()
    alone = np.ptp(x[w > 0], axis=0) == 0  # exactly 0, not rounding
    return np.where(alone, 0.0, np.where(binary, mean * (1 - mean), raw / left if left > 0 else 0.0))


def _spread(x: np.ndarray, binary: np.ndarray, treated: np.ndarray, base: np.ndarray, chosen: str) -> np.ndarray:
    """Return the denominators; everybody's SD where the chosen people do not vary (as cobalt)."""
    if chosen in ("all", "weighted"):
        var = _variance(x, binary, base)
    elif chosen == "pooled":
        var = (_variance(x[treated], binary, base[treated]) + _variance(x[~treated], binary, base[~treated])) / 2
    else:
        mask = treated if chosen == "treated" else ~treated
        var = _variance(x[mask], binary, base[mask])
    return np.sqrt(np.where(var > 0, var, _variance(x, binary, base)))


def _side(x, binary, treated, w, spread) -> dict[str, np.ndarray]:
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


def _ecdf(a: np.ndarray, wa: np.ndarray, b: np.ndarray, wb: np.ndarray) -> tuple[float, float]:
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

    `worst` and `mean` are (value, 90th percentile, 99th percentile); `grade` is "pass" (to the 90th), "flag" (to the
    99th) or "fail", for the worse of the two; `draws` how many lots could be designed.
    """

    worst: tuple[float, float, float]
    mean: tuple[float, float, float]
    draws: int

    @property
    def grade(self) -> str:
        """Return the worse of both ranks: pass, flag or fail."""
        ranks = [sum(v > bar for bar in bars) for v, *bars in (self.worst, self.mean)]
        return ("pass", "flag", "fail")[max(ranks)]

    def tidy(self) -> pd.DataFrame:
        """Return one row per measure."""
        rows = [("worst", *self.worst), ("mean over prognostic", *self.mean)]
        return pd.DataFrame(rows, columns=["measure", "value", "p90", "p99"])

    def summary(self) -> str:
        """Return one sentence."""
        words = {
            "pass": "no worse than chance",
            "flag": "worse than nine lots in ten",
            "fail": "worse than chance allows",
        }
        return f"Balance is {words[self.grade]}, judged against {self.draws} treatments drawn by lot."


def placebo(  # noqa: PLR0913
    frame: pd.DataFrame,
    design: Callable[[pd.DataFrame], Any],
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
    design : callable
        Takes the frame (with a drawn treatment in `treat`) and returns a `MatchedSample`; refusals skip the draw.
    cluster : str, optional
        Session within which the lot is drawn; a session in which all or none are treated would never change, so such
        sessions' people are drawn together as one stratum.

    Notes
    -----
    With 45 treated matched one to one, the worst of 24 standardised differences exceeds 0.25 in most studies without
    any selection; the bar is therefore the distribution under the lot, not a constant.
    """
    sample = design(frame)
    now = observed or compare(
        frame, treat=treat, covariates=covariates, weights=sample.match_weight, survey_weight=survey_weight
    )
    stratum = _strata(frame, treat, cluster)
    task = partial(_one_lot, frame, design, treat, tuple(covariates), tuple(prognostic), stratum, survey_weight)
    found = [r for r in parallel.run(task, list(range(draws)), seed) if r is not None]
    if len(found) < max(20, draws // 4):
        raise errors.NobodyMatched("most treatments drawn by lot could not be designed", todo="Widen the caliper.")
    worst, mean = (np.array(v) for v in zip(*found, strict=True))
    bars = [tuple(float(q) for q in np.quantile(v, [0.9, 0.99])) for v in (worst, mean)]
    return Placebo((now.worst, *bars[0]), (now.mean_over(prognostic), *bars[1]), len(found))  # type: ignore[arg-type]


def _strata(frame: pd.DataFrame, treat: str, cluster: str | None) -> np.ndarray:
    if cluster is None:
        return np.zeros(len(frame), dtype=int)
    share = frame.groupby(cluster)[treat].transform("mean")
    label = frame[cluster].astype(str).where((share > 0) & (share < 1), "\0together")
    return pd.factorize(label)[0]


def _one_lot(
    frame: pd.DataFrame,
    design: Callable[[pd.DataFrame], Any],
    treat: str,
    covariates: tuple[str, ...],
    prognostic: tuple[str, ...],
    stratum: np.ndarray,
    survey_weight: str | None,
    _: int,
    rng: np.random.Generator,
) -> tuple[float, float] | None:
    values = frame[treat].to_numpy()
    lot = values.copy()
    for s in np.unique(stratum):
        rows = np.flatnonzero(stratum == s)
        lot[rows] = rng.permutation(values[rows])
    drawn = frame.assign(**{treat: lot})
    try:
        sample = design(drawn)
        made = compare(
            drawn, treat=treat, covariates=covariates, weights=sample.match_weight, survey_weight=survey_weight
        )
    except errors.DataError:
        return None
    worst, mean = made.worst, made.mean_over(prognostic)
    return (worst, mean) if np.isfinite(worst) and np.isfinite(mean) else None
