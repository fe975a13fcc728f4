"""Weights that make a sample meet population margins: rake, post-stratify, calibrate, trim; and what they cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from numbers import Real
from typing import TypedDict, cast

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Displayed
from evaluation.statistics import _calibration, _margins, _weight_inputs
from evaluation.statistics._arrays import Booleans, Floats, group_sums
from evaluation.statistics._constraints import Constraints
from evaluation.statistics._margins import Margins
from evaluation.statistics._weight_inputs import INTERCEPT

METHODS = ("linear", "raking", "logit")
CALIBRATED_GAP = 1e-7  # relative gap up to which weights count as calibrated
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


class Recipe(TypedDict, total=False):
    """What made calibrated weights, so that a replicate is made the same way.

    Attributes
    ----------
    kind : "rake" or "calibrate"
        Function that made them.
    method : "linear", "raking" or "logit"
        Distance.
    bounds : (low, high) or None
        Bounds on the ratio of final to base weight.
    tolerance : float
        Largest relative gap at which iteration stopped.
    max_iterations : int
        Most steps.
    """

    kind: str
    method: str
    bounds: tuple[float, float] | None
    tolerance: float
    max_iterations: int


@dataclass(frozen=True, slots=True)
class Weights(Displayed):
    """Survey weights and the record that calibrated errors need.

    Attributes
    ----------
    values : Series on the frame's index
        Final weights, in people of the population.
    base : Series on the frame's index
        Weights before calibration.
    constraints : Constraints
        Calibration variables (a cell of each margin, or the columns of `calibrate`); `columns` are they as a matrix.
    targets : ndarray, shape (k,)
        Population total of each calibration variable.
    names : tuple of str, length k
        Name of each target.
    converged : bool
        Whether the targets were met.
    largest_gap : float
        Largest relative gap to a target.
    iterations : int
        Steps taken.
    method : str
        How the weights were made, in words.
    trimmed_share : float
        Share of people, 0 to 1, whose weight was cut at a bound.
    recipe : Recipe
        What made them, so that a replicate can be made the same way.
    """

    values: pd.Series
    base: pd.Series
    constraints: Constraints = field(repr=False)
    targets: Floats = field(repr=False)
    names: tuple[str, ...] = ()
    converged: bool = True
    largest_gap: float = 0.0
    iterations: int = 0
    method: str = "raking"
    trimmed_share: float = 0.0
    recipe: Recipe = field(default_factory=Recipe, repr=False)

    @property
    def columns(self) -> Floats:
        """Return the calibration variables as a matrix.

        Returns
        -------
        ndarray, shape (n, k)
            One column per target.
        """
        return self.constraints.linear_predictor(np.eye(self.constraints.k))

    @property
    def design_effect(self) -> float:
        """Return Kish's design effect of unequal weights, n sum(w²) / (sum w)² (Kish 1965).

        Returns
        -------
        float
            1 for equal weights, more for unequal ones.
        """
        w = self.values.to_numpy()
        return float(len(w) * (w @ w) / w.sum() ** 2)

    @property
    def effective_n(self) -> float:
        """Return Kish's effective number of answers, (sum w)² / sum(w²) (Kish 1965).

        Returns
        -------
        float
            Number of equally weighted people that give the same precision.
        """
        w = self.values.to_numpy()
        return float(w.sum() ** 2 / (w @ w))

    @property
    def largest(self) -> float:
        """Return the largest weight.

        Returns
        -------
        float
            In people of the population.
        """
        return float(self.values.max())

    @property
    def largest_share(self) -> float:
        """Return the largest weight's share of all weight.

        Returns
        -------
        float
            Share, 0 to 1.
        """
        return self.largest / float(self.values.sum())

    def tidy(self) -> pd.DataFrame:
        """Return one row per target.

        Returns
        -------
        DataFrame
            Columns margin (name), sample (unweighted total), target, achieved (weighted total) and gap (relative, 0 or
            more).
        """
        got = self.constraints.totals(self.values.to_numpy(dtype=float))
        gap = np.abs(got - self.targets) / np.where(self.targets == 0, 1.0, np.abs(self.targets))
        return pd.DataFrame(
            {
                "margin": self.names,
                "sample": self.constraints.totals(np.ones(len(self.values))),
                "target": self.targets,
                "achieved": got,
                "gap": gap,
            }
        )

    def reindex(self, index: pd.Index) -> Weights:
        """Return the same record with people in another order.

        Parameters
        ----------
        index : Index
            The same labels, in the order wanted.

        Returns
        -------
        Weights
            Values, base weights and calibration variables in that order.
        """
        place = self.values.index.get_indexer(index)
        return replace(
            self, values=self.values.iloc[place], base=self.base.iloc[place], constraints=self.constraints.subset(place)
        )

    def quantiles(self, at: tuple[float, ...] = QUANTILES) -> pd.Series:
        """Return quantiles of the weights over their mean.

        Parameters
        ----------
        at : tuple of float
            Shares, 0 to 1.

        Returns
        -------
        Series, share → quantile
            Relative weights: 1 is the mean.
        """
        return (self.values / self.values.mean()).quantile(list(at))

    def summary(self) -> str:
        """Return one sentence: the effective number, the design effect, the largest weight's share.

        Returns
        -------
        str
            The sentence.
        """
        return (
            f"{len(self.values)} answers are worth {self.effective_n:.0f} after {self.method} (design effect "
            f"{self.design_effect:.2f}); the largest weight is {self.largest_share:.1%} of all."
        )


def rake(
    frame: pd.DataFrame,
    margins: Margins,
    *,
    base_weight: str | pd.Series | Weights | None = None,
    bounds: tuple[float, float] | None = None,
    tolerance: float = 1e-8,
    max_iterations: int = 1000,
    not_stated: str | None = None,
) -> Weights:
    """Rake base weights to margins by iterative proportional fitting (Deming and Stephan 1940).

    Parameters
    ----------
    frame : DataFrame
        The sample, one row per person.
    margins : mapping
        Column, or tuple of columns for a crossed margin, to a Series level → population (a MultiIndex for crossed
        margins; named levels may stand in any order). 1, 1.0 and "1" are one level.
    base_weight : str, Series or Weights, optional
        Positive base weights: a column, a Series by row label, or weights made before; flat by default. Only
        their ratios matter.
    bounds : (low, high), optional
        Bounds on the ratio of final to (population-scaled) base weight; the raking distance is then minimised within
        them (Deville, Särndal and Sautory 1993).
    tolerance : float
        Largest relative gap to any margin cell at which iteration stops.
    max_iterations : int
        Most rounds over all margins (Newton steps with bounds) before raking is refused.
    not_stated : "proportional", optional
        Policy for missing values of margin variables: they keep the sample's (base-weighted) share of the total, as a
        cell of their own. Without it they are refused.

    Returns
    -------
    Weights
        Weights that add to the population of the margins.

    Raises
    ------
    MissingValues, MarginMismatch, EmptyCell, NotConverged
        Missing values without a policy; margins that differ in total, or levels on one side only (both lists shown);
        cells with people in the population and nobody in the sample; no convergence, with the gap by level.
    DataError, UnknownColumn, Unsupported
        Margins or base weights that are not usable numbers; bounds not on both sides of 1; an unknown column or policy.
    """
    base = _base_weights(frame, base_weight)
    _weight_inputs.check_bounds(bounds)
    cells = _margins.read_margins(frame, margins, base, not_stated)
    constraints = Constraints(tuple(c.codes for c in cells), tuple(len(c.targets) for c in cells))
    targets, names = np.concatenate([c.targets for c in cells]), tuple(n for c in cells for n in c.names)
    base = base * (cells[0].targets.sum() / base.sum())
    recipe: Recipe = {
        "kind": "rake",
        "method": "raking",
        "bounds": bounds,
        "tolerance": tolerance,
        "max_iterations": max_iterations,
    }
    if bounds is not None:
        made = _calibration.calibration_weights(
            base,
            constraints,
            targets,
            names,
            method="raking",
            bounds=bounds,
            tolerance=tolerance,
            max_iterations=max_iterations,
        )
        return _pack(frame, base, made, constraints, targets, names, "bounded raking", recipe)
    made = _calibration.raking_weights(base, constraints, targets, tolerance, max_iterations)
    if not made[1] <= tolerance:
        worst = _calibration.largest_gaps(constraints.totals(made[0]), targets, names)
        raise errors.NotConverged(
            f"raking did not meet its margins in {max_iterations} steps: {worst}",
            todo="Collapse cells, or check that the margins can hold together.",
        )
    return _pack(frame, base, made, constraints, targets, names, "raking", recipe)


def poststratify(
    frame: pd.DataFrame, margin: pd.Series | Margins, *, base_weight: str | pd.Series | Weights | None = None
) -> Weights:
    """Post-stratify to one (possibly crossed) margin: base weight times population over weighted sample per cell.

    Parameters
    ----------
    frame : DataFrame
        The sample, one row per person.
    margin : Series or mapping
        Series level → population whose index is named by its column(s) (or whose own name is the column), or a mapping
        of one column, or tuple of columns, to such a Series.
    base_weight : str, Series or Weights, optional
        Positive base weights: a column, a Series by row label, or weights made before; flat by default.

    Returns
    -------
    Weights
        Weights that add to the population of each cell.

    Raises
    ------
    DataError, Unsupported
        A margin that does not name its columns; more than one margin.
    MissingValues, MarginMismatch, EmptyCell
        As `rake`.
    """
    if isinstance(margin, pd.Series):
        names = tuple(margin.index.names)
        if len(names) == 1 and margin.name is not None and names[0] not in frame:
            names = (margin.name,)
        if None in names:
            raise errors.DataError("the margin does not name its columns", todo="Name its index.")
        margins = cast(Margins, {names[0] if len(names) == 1 else names: margin})
    else:
        margins = margin
    if len(margins) != 1:
        raise errors.Unsupported("post-stratification takes one margin", todo="Use rake for several.")
    return replace(rake(frame, margins, base_weight=base_weight, tolerance=1e-11), method="post-stratification")


def calibrate(
    frame: pd.DataFrame,
    totals: pd.Series,
    *,
    base_weight: str | pd.Series | Weights | None = None,
    method: str = "linear",
    bounds: tuple[float, float] | None = None,
    tolerance: float = 1e-10,
    max_iterations: int = 200,
) -> Weights:
    """Calibrate base weights to population totals (Deville and Särndal 1992).

    Parameters
    ----------
    frame : DataFrame
        The sample, one row per person.
    totals : Series
        Name → population total. A name is a numeric column, "(Intercept)" for the number of people, or "column=level"
        (or a tuple) for an indicator.
    base_weight : str, Series or Weights, optional
        Positive base weights: a column, a Series by row label, or weights made before; without
        them 1 each, or the population over the sample where "(Intercept)" gives it.
    method : "linear", "raking" or "logit"
        Distance; "logit" needs bounds. Linear weights without bounds can be negative.
    bounds : (low, high), optional
        Bounds on the ratio of final to base weight, low below 1 below high.
    tolerance : float
        Largest relative gap to any total at which iteration stops.
    max_iterations : int
        Most Newton steps.

    Returns
    -------
    Weights
        Weights whose totals are the population's.

    Raises
    ------
    NotConverged, Collinear, DataError
        No solution within the bounds (with the gaps); calibration columns that are collinear; unusable totals.
    MissingValues, EmptyCell, UnknownColumn, Unsupported
        A missing total or value; a level that nobody has; an unknown column or method, or a logit without bounds.
    """
    if method not in METHODS:
        raise errors.Unsupported(f"method {method!r} is not known", todo="Use linear, raking or logit.")
    if method == "logit" and bounds is None:
        raise errors.Unsupported("the logit distance needs bounds", todo="Give bounds such as (0.3, 3).")
    _weight_inputs.check_bounds(bounds)
    totals = totals if isinstance(totals, pd.Series) else pd.Series(totals)
    targets = pd.to_numeric(totals, errors="coerce").to_numpy(dtype=float)
    if not len(targets) or not np.isfinite(targets).all():
        raise errors.MissingValues("a population total is missing", todo="Give a number for every column.")
    base, known = _base_weights(frame, base_weight), dict(zip(totals.index, targets, strict=True))
    if base_weight is None and INTERCEPT in known:
        base = base * known[INTERCEPT] / len(frame)
    columns = np.column_stack([_weight_inputs.calibration_column(frame, name) for name in totals.index])
    _weight_inputs.refuse_collinear(columns, list(totals.index))
    constraints, names = Constraints(matrix=columns), tuple(str(n) for n in totals.index)
    made = _calibration.calibration_weights(
        base,
        constraints,
        targets,
        names,
        method=method,
        bounds=bounds,
        tolerance=tolerance,
        max_iterations=max_iterations,
    )
    recipe: Recipe = {
        "kind": "calibrate",
        "method": method,
        "bounds": bounds,
        "tolerance": tolerance,
        "max_iterations": max_iterations,
    }
    return _pack(frame, base, made, constraints, targets, names, f"{method} calibration", recipe)


def trim(
    weights: Weights,
    *,
    lower: float | None = None,
    upper: float | None = None,
    strict: bool = True,
    rerake: bool = False,
) -> Weights:
    """Trim weights to bounds and share the excess equally among the untrimmed, as R's survey::trimWeights.

    Margins are then no longer met exactly: `largest_gap` and `tidy` say by how much.

    Parameters
    ----------
    weights : Weights
        What `rake`, `calibrate` or `poststratify` returned.
    lower, upper : float, optional
        Bounds, in people of the population; None for none on that side.
    strict : bool
        Whether to repeat until nothing lies outside (R's strict = TRUE).
    rerake : bool
        Whether to meet the margins again from the trimmed weights, by the recipe that made them; some weights may then
        lie outside the bounds again, by a little.

    Returns
    -------
    Weights
        Trimmed weights of the same total, with the share of people trimmed.

    Raises
    ------
    DataError
        Bounds that no weights of this total can meet, or something that is not Weights.
    """
    if not isinstance(weights, Weights) or not all(b is None or isinstance(b, Real) for b in (lower, upper)):
        raise errors.DataError(
            "trim takes Weights, and numbers as bounds", todo="Give what rake or calibrate returned."
        )
    low, high = -np.inf if lower is None else lower, np.inf if upper is None else upper
    w = weights.values.to_numpy(dtype=float).copy()
    mean = w.mean()
    if not low <= mean <= high:
        raise errors.DataError(
            f"weights of mean {mean:.3f} cannot lie within {low} to {high}",
            todo="Give bounds on both sides of the mean weight.",
        )
    touched = np.zeros(len(w), dtype=bool)
    for _ in range(10_000):
        outside = (w < low * (1 - 1e-12)) | (w > high * (1 + 1e-12))
        if not outside.any():
            break
        if outside.all():
            raise errors.DataError("every weight lies outside the bounds", todo="Widen them.")
        touched |= outside
        cut = np.clip(w, low, high)
        cut[~outside] += (w - cut).sum() / (~outside).sum()
        w = cut
        if not strict:
            break
    share = float(touched.mean())
    got = weights.constraints.totals(w)
    gap = float(np.max(np.abs(got - weights.targets) / np.where(weights.targets == 0, 1.0, np.abs(weights.targets))))
    cut = replace(
        weights,
        values=pd.Series(w, index=weights.values.index, name=weights.values.name),
        largest_gap=gap,
        trimmed_share=share,
        method=weights.method + ", trimmed",
    )
    return _recalibrated_trim(cut) if rerake and share else cut


def _recalibrated_trim(trimmed: Weights) -> Weights:
    """Return trimmed weights calibrated again, with themselves as base."""
    base = trimmed.values.to_numpy(dtype=float)
    values, gap = _recalibrate(trimmed, base, np.ones(len(base), dtype=bool))
    return replace(
        trimmed,
        values=pd.Series(values, index=trimmed.values.index, name=trimmed.values.name),
        base=trimmed.values.rename(None),
        largest_gap=gap,
        method=trimmed.method + ", met again",
    )


def recalibrate(weights: Weights, base: Floats) -> Floats:
    """Return the weights that the same recipe makes from other base weights, as a replicate needs.

    Parameters
    ----------
    weights : Weights
        Calibrated weights.
    base : ndarray, shape (n,)
        Base weights of the replicate; zeros drop people.

    Returns
    -------
    ndarray, shape (n,)
        Calibrated weights, 0 for those dropped.

    Raises
    ------
    NotConverged, Unsupported
        The replicate has nobody left in a cell, or does not meet its targets; weights that were trimmed and not
        calibrated again, which no recipe makes.
    """
    if weights.trimmed_share and weights.largest_gap > CALIBRATED_GAP:
        raise errors.Unsupported(
            "trimmed weights that miss their margins have no replicates", todo="Trim with rerake=True."
        )
    keep = base > 0
    if weights.constraints.matrix is None:
        people = weights.constraints.subset(keep).totals(np.ones(int(keep.sum())))
        empty = (weights.targets > 0) & (people == 0)
        if empty.any():
            raise errors.NotConverged("a replicate leaves nobody in " + ", ".join(np.array(weights.names)[empty]))
    out = np.zeros(len(base))
    scale = weights.targets[: weights.constraints.sizes[0]].sum() / base.sum() if weights.constraints.sizes else 1.0
    out[keep] = _recalibrate(weights, base * scale, keep)[0]
    return out


def _recalibrate(weights: Weights, base: Floats, keep: Booleans) -> tuple[Floats, float]:
    """Return calibrated weights of the kept people and the largest gap, by the recipe of `weights`."""
    recipe, start = weights.recipe, base[keep]
    met = weights.largest_gap <= CALIBRATED_GAP
    if met and recipe["method"] == "raking" and recipe["bounds"] is None:  # the same solution, from a nearer start
        near = start * (weights.values.to_numpy(dtype=float) / weights.base.to_numpy(dtype=float))[keep]
        start = near * (start.sum() / near.sum())
    made = _calibration.calibration_weights(
        start,
        weights.constraints.subset(keep),
        weights.targets,
        weights.names,
        method=recipe["method"],
        bounds=recipe["bounds"],
        tolerance=max(recipe["tolerance"], 1e-10),
        max_iterations=recipe["max_iterations"],
    )
    return made[0], made[1]


def effective_n(weights: Weights | pd.Series, *, cluster: pd.Series | None = None, icc: float = 0.0) -> float:
    """Return the effective number of answers, clustering included: Kish's over 1 + (b - 1) × icc.

    Parameters
    ----------
    weights : Weights or Series
        Survey weights, on any scale.
    cluster : Series, optional
        Collection session of each person; b = sum over sessions of (sum w)² over sum w², the weighted mean number of
        people met together (Gabler, Häder and Lahiri 1999).
    icc : float
        Correlation of answers within a session, 0 to 1: a planning value while outcomes are closed.

    Returns
    -------
    float
        Number of independent, equally weighted answers that give the same precision.

    Raises
    ------
    MissingValues
        A session is missing for some people.
    """
    w = weights.values if isinstance(weights, Weights) else weights
    values = w.to_numpy(dtype=float)
    kish = float(values.sum() ** 2 / (values @ values))
    if cluster is None:
        return kish
    if len(cluster) != len(w) or cluster.isna().any():
        raise errors.MissingValues("a session is missing for some people", todo="Give every person a session.")
    met = group_sums(pd.factorize(cluster)[0], values)
    return kish / (1 + max(float(met @ met / (values @ values)) - 1, 0.0) * icc)


def require_effective(weights: Weights, least: float, *, cluster: pd.Series | None = None, icc: float = 0.0) -> float:
    """Return the effective number of answers, or refuse it where it is under a floor.

    Parameters
    ----------
    weights : Weights
        Survey weights.
    least : float
        Least effective number.
    cluster : Series, optional
        Collection session of each person, as in `effective_n`.
    icc : float
        Correlation of answers within a session, 0 to 1.

    Returns
    -------
    float
        The effective number, `least` or more.

    Raises
    ------
    DataError
        The weighted, clustered answers are worth fewer than `least` independent ones.
    """
    number = effective_n(weights, cluster=cluster, icc=icc)
    if number < least:
        raise errors.DataError(
            f"{len(weights.values)} answers are worth {number:.1f} independent ones, fewer than {least:g}",
            todo="Collect more, collapse margins, or report unweighted counts only.",
        )
    return number


def _base_weights(frame: pd.DataFrame, base_weight: str | pd.Series | Weights | None) -> Floats:
    return _weight_inputs.base_weights(frame, base_weight.values if isinstance(base_weight, Weights) else base_weight)


def _pack(
    frame: pd.DataFrame,
    base: Floats,
    solution: tuple[Floats, float, int],
    constraints: Constraints,
    targets: Floats,
    names: tuple[str, ...],
    method: str,
    recipe: Recipe,
) -> Weights:
    w, gap, steps = solution
    return Weights(
        pd.Series(w, index=frame.index, name="population_weight"),
        pd.Series(base, index=frame.index),
        constraints,
        targets,
        names,
        True,
        float(gap),
        steps,
        method,
        0.0,
        recipe,
    )
