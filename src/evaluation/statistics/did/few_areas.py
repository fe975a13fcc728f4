"""Designs in which whole areas are reached: inference by the number of areas, and what may be shown beside it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, NotIdentified, TooFew, from_se
from evaluation.statistics import _roles, inference
from evaluation.statistics._arrays import Booleans, Floats
from evaluation.statistics.did import two_by_two_cells, whole_clusters
from evaluation.statistics.did.regression import two_by_two

MOST_ASSIGNMENTS = 200_000  # ways to choose the exposed areas that are gone through


class Companion(TypedDict):
    """One way of testing an area design, as a row.

    Attributes
    ----------
    test : str
        Name of the test.
    value : float
        Difference in differences, in the outcome's unit.
    low, high : float or None
        Ends of the 95 % interval; None where the test has none.
    df : float or None
        Degrees of freedom; None where the test has none.
    p : float or None
        p-value.
    smallest_p : float
        Smallest p-value that this many areas can reach.
    """

    test: str
    value: float
    low: float | None
    high: float | None
    df: float | None
    p: float | None
    smallest_p: float


def by_area(
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    area: str,
    covariates: Sequence[str] = (),
    weight: str | None = None,
    least: int = two_by_two_cells.LEAST,
) -> Estimate | NotIdentified | TooFew:
    """Estimate an area-level design with the inference that its number of areas can carry.

    One area on a side: not identified (its rank among placebo areas is in the reason; CR2 would reject a true null one
    time in four there). Two: changes of area means, equal weights, t on areas less two. Three or more: CR2 with
    Satterthwaite df when these reach 3, else as for two. `se_method` says which.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    outcome : str
        Column of the outcome, numeric.
    group, time : str
        Columns of 0 and 1: whether the area was reached, and after.
    area : str
        Column of the areas.
    covariates : sequence of str
        Columns, used with CR2 only; words become indicators.
    weight : str, optional
        Column of the survey weights, above 0.
    least : int
        People needed in every cell.

    Returns
    -------
    Estimate, NotIdentified or TooFew
        Difference in differences in the outcome's unit; or why there is none.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A column that is partly missing.
    DataError
        An area that stands on both sides.
    EmptyCell
        An area where nobody answered at one time.

    References
    ----------
    Donald and Lang (2007) for changes of area means; Bell and McCaffrey (2002) and Pustejovsky and Tipton (2018) for
    CR2.
    """
    _roles.refuse_own_covariates(covariates, outcome, group, time)
    roles = [outcome, group, time, area, *covariates, *([weight] if weight else [])]
    errors.require_columns(frame, roles, role="an area design")
    refusal = two_by_two_cells.identification_refusal(frame, group, time)
    if refusal is not None:
        return refusal
    errors.require_complete(frame, roles, role="an area design")
    side_of(frame, group, area)
    sides = frame.groupby(group)[area].nunique()
    if len(sides) < 2 or sides.min() < 2:
        rank = placebo_rank(frame, outcome=outcome, group=group, time=time, area=area, weight=weight)
        return NotIdentified(
            "there is one place only on one side"
            + (f"; its change ranks {rank[0]} of {rank[1]} places" if rank else ""),
            "Events in at least two places, and at least two places without.",
        )
    counts = two_by_two_cells.cell_counts(two_by_two_cells.binary(frame, group), two_by_two_cells.binary(frame, time))
    if min(counts.values()) < least:
        return TooFew(counts=counts, needed=least)
    if sides.min() >= 3:
        clustered = two_by_two(
            frame,
            outcome=outcome,
            group=group,
            time=time,
            covariates=covariates,
            weight=weight,
            cluster=area,
            rescale=True,
        )
        if isinstance(clustered, Estimate) and (clustered.df or 0) >= whole_clusters.LEAST_DF:
            return clustered
    return collapsed(frame, outcome=outcome, group=group, time=time, area=area, weight=weight)


def side_of(frame: pd.DataFrame, group: str, area: str) -> pd.Series[float]:
    """Return which side each area stands on.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    group, area : str
        Columns of the group (0 and 1) and of the area.

    Returns
    -------
    Series of float by area
        1 reached, 0 not.

    Raises
    ------
    DataError
        An area on both sides; the message names it.
    """
    codes, names = pd.factorize(frame[area], sort=True)
    g = frame[group].to_numpy(dtype=float)
    share = np.bincount(codes, g) / np.bincount(codes)
    mixed = (share > 0) & (share < 1)
    if mixed.any():
        raise errors.DataError(
            f"{', '.join(map(str, names[mixed]))}: some people reached, some not",
            todo="Exposure is of whole areas: give each area one value.",
        )
    return pd.Series(share, index=names)


def area_changes(frame: pd.DataFrame, outcome: str, time: str, area: str, weight: str | None) -> pd.Series[float]:
    """Return the change of each area's (weighted) mean between the first and the last time.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    outcome, time, area : str
        Columns of the outcome, of the time and of the area.
    weight : str or None
        Column of the survey weights, above 0.

    Returns
    -------
    Series of float by area
        Change in the outcome's unit.

    Raises
    ------
    EmptyCell
        An area where nobody answered at one time; the message names it.
    DataError
        A weight that is not above 0.
    """
    w = two_by_two_cells.weights(frame, weight, None)
    codes, names = pd.factorize(frame[area], sort=True)
    late, times = pd.factorize(frame[time], sort=True)
    place, k = codes * len(times) + late, len(names) * len(times)
    total = np.bincount(place, w, minlength=k).reshape(len(names), -1)
    if (total == 0).any():
        empty = sorted(map(str, names[(total == 0).any(axis=1)]))
        raise errors.EmptyCell(
            f"nobody answered at one time in {', '.join(empty)}", todo="Join areas, or leave them out."
        )
    means = np.bincount(place, w * frame[outcome].to_numpy(dtype=float), minlength=k).reshape(len(names), -1) / total
    return pd.Series(means[:, -1] - means[:, 0], index=names)


def collapsed(
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    area: str,
    weight: str | None = None,
    welch: bool = False,
) -> Estimate:
    """Estimate the difference of mean changes of areas, each area counted once.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    outcome : str
        Column of the outcome, numeric.
    group, time : str
        Columns of 0 and 1: whether the area was reached, and after.
    area : str
        Column of the areas.
    weight : str, optional
        Column of the survey weights, above 0.
    welch : bool
        Unequal variances with Welch-Satterthwaite df; otherwise pooled variance on areas less two.

    Returns
    -------
    Estimate
        Difference in differences in the outcome's unit.

    Raises
    ------
    EmptyCell
        Fewer than two areas on a side, or an area where nobody answered at one time.
    DataError
        An area that stands on both sides.

    References
    ----------
    Donald and Lang (2007).
    """
    change, side = _changes_and_sides(frame, outcome, group, time, area, weight)
    a, b = change[side], change[~side]
    if min(len(a), len(b)) < 2:
        raise errors.EmptyCell("there is one place only on one side", todo="Two places a side at least.")
    if welch:
        va, vb = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
        se, df = math.sqrt(va + vb), (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
        how = f"Welch on {df:.1f} degrees of freedom, {len(change)} areas"
    else:
        df = float(len(change) - 2)
        pooled = (((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()) / df
        se, how = math.sqrt(pooled * (1 / len(a) + 1 / len(b))), f"t on {df:g} degrees of freedom, {len(change)} areas"
    counts = two_by_two_cells.cell_counts(two_by_two_cells.binary(frame, group), two_by_two_cells.binary(frame, time))
    return from_se(
        float(a.mean() - b.mean()),
        se,
        df=df,
        n=counts,
        outcome=outcome,
        n_sessions=len(change),
        method="changes of area means, equal weights",
        se_method=how,
    )


def _changes_and_sides(
    frame: pd.DataFrame, outcome: str, group: str, time: str, area: str, weight: str | None
) -> tuple[Floats, Booleans]:
    """Return each area's change, and whether it was reached."""
    change = area_changes(frame, outcome, time, area, weight)
    return change.to_numpy(), side_of(frame, group, area).reindex(change.index).to_numpy() == 1


def placebo_rank(
    frame: pd.DataFrame, *, outcome: str, group: str, time: str, area: str, weight: str | None = None
) -> tuple[int, int] | None:
    """Return how far out the lone exposed area's change stands among all areas' changes.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    outcome : str
        Column of the outcome, numeric.
    group, time : str
        Columns of 0 and 1: whether the area was reached, and after.
    area : str
        Column of the areas.
    weight : str, optional
        Column of the survey weights, above 0.

    Returns
    -------
    tuple of int, or None
        Rank (1 is furthest from the mean of the others) and number of areas; None without a lone area on a side, or
        where nobody answered at one time in an area.
    """
    try:
        change = area_changes(frame, outcome, time, area, weight)
    except errors.EmptyCell:
        return None
    side = frame.groupby(area)[group].first().reindex(change.index)
    lone = side[side == (1 if (side == 1).sum() <= (side == 0).sum() else 0)].index
    if len(lone) != 1:
        return None
    gaps = {a: abs(change[a] - change.drop(a).mean()) for a in change.index}
    rank = 1 + sum(v > gaps[lone[0]] for k, v in gaps.items() if k != lone[0])
    return rank, len(change)


def permutation(
    frame: pd.DataFrame, *, outcome: str, group: str, time: str, area: str, weight: str | None = None
) -> tuple[float, float]:
    """Test the difference in area changes by randomisation over which areas were reached.

    Every way of choosing as many exposed areas is tried; ties count against the finding. With equal numbers on both
    sides the mirror image is as far out, so that the smallest p is 2 over the number of ways.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    outcome : str
        Column of the outcome, numeric.
    group, time : str
        Columns of 0 and 1: whether the area was reached, and after.
    area : str
        Column of the areas.
    weight : str, optional
        Column of the survey weights, above 0.

    Returns
    -------
    p : float
        Randomisation p-value, two-sided.
    smallest : float
        Smallest p-value that this many areas can reach.

    Raises
    ------
    Unsupported
        More than 200,000 ways to choose the exposed areas.
    EmptyCell
        An area where nobody answered at one time.
    DataError
        An area that stands on both sides.
    """
    change, side = _changes_and_sides(frame, outcome, group, time, area, weight)
    treated, areas = int(side.sum()), len(change)
    ways = math.comb(areas, treated)
    if ways > MOST_ASSIGNMENTS:
        raise errors.Unsupported(
            f"{ways} ways to choose the exposed areas", todo="Use wild_cluster with so many areas."
        )
    chosen = np.array(list(itertools.combinations(range(areas), treated)))
    sums = change[chosen].sum(axis=1)
    gaps = sums / treated - (change.sum() - sums) / (areas - treated)
    observed = change[side].mean() - change[~side].mean()
    p = float((np.abs(gaps) >= abs(observed) - 1e-12).mean())
    return p, smallest_p(areas, treated)


def smallest_p(areas: int, treated: int) -> float:
    """Return the smallest p-value that choosing the exposed areas by lot can reach.

    Parameters
    ----------
    areas, treated : int
        Number of areas, and of those exposed.

    Returns
    -------
    float
        1 over the number of ways, 2 over it with equal numbers on both sides.
    """
    return (2 if 2 * treated == areas else 1) / math.comb(areas, treated)


def companions(
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    area: str,
    weight: str | None = None,
    draws: int = 9999,
    seed: int = 0,
) -> list[Companion]:
    """Test an area design in every way, each with the smallest p-value that it can reach.

    Area-collapsed t, Welch, CR2, wild cluster bootstrap (null imposed; enumerated when 2^G is small), randomisation.
    The smallest p of the wild bootstrap is 2 over the sign vectors that move anything: 2^G, enumerated.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    outcome : str
        Column of the outcome, numeric.
    group, time : str
        Columns of 0 and 1: whether the area was reached, and after.
    area : str
        Column of the areas.
    weight : str, optional
        Column of the survey weights, above 0.
    draws : int
        Draws of the wild cluster bootstrap.
    seed : int
        Seed of these draws.

    Returns
    -------
    list of Companion
        One row per test: test, value, low, high, df, p, smallest_p.

    Raises
    ------
    EmptyCell
        Fewer than two areas on a side, or an area where nobody answered at one time.
    DataError
        An area that stands on both sides.
    Unsupported
        More than 200,000 ways to choose the exposed areas.
    """
    x = np.column_stack([np.ones(len(frame)), frame[group], frame[time], frame[group] * frame[time]]).astype(float)
    w = two_by_two_cells.weights(frame, weight, frame[time].to_numpy(dtype=float))
    fit = inference.regress(x, frame[outcome].to_numpy(dtype=float), ["(Intercept)", "group", "time", "did"], w)
    wild = inference.wild_cluster(fit, frame[area], term="did", draws=draws, seed=seed)
    p, least = permutation(frame, outcome=outcome, group=group, time=time, area=area, weight=weight)
    areas = frame[area].nunique()
    student, welch = (
        collapsed(frame, outcome=outcome, group=group, time=time, area=area, weight=weight, welch=unequal)
        for unequal in (False, True)
    )
    rows = [
        ("area means, t", student, 0.0),
        ("area means, Welch", welch, 0.0),
        ("CR2, Satterthwaite", inference.cluster_robust(fit, frame[area]).estimate("did"), 0.0),
        ("wild cluster bootstrap", wild, max(2.0 ** (1 - areas), 1.0 / (draws + 1))),
    ]
    tests = [
        Companion(test=name, value=e.value, low=e.low, high=e.high, df=e.df, p=e.p, smallest_p=least_p)
        for name, e, least_p in rows
    ]
    randomisation = "randomisation over places"
    return [
        *tests,
        Companion(test=randomisation, value=student.value, low=None, high=None, df=None, p=p, smallest_p=least),
    ]


def leave_one_out(
    frame: pd.DataFrame, *, outcome: str, group: str, time: str, area: str, weight: str | None = None
) -> pd.DataFrame:
    """Return the difference in differences of weighted means without each area in turn.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    outcome : str
        Column of the outcome, numeric.
    group, time : str
        Columns of 0 and 1: whether the area was reached, and after.
    area : str
        Column of the areas.
    weight : str, optional
        Column of the survey weights, above 0.

    Returns
    -------
    DataFrame
        area, side (1 reached, 0 not), value in the outcome's unit.

    Raises
    ------
    EmptyCell
        Fewer than two areas on a side.
    DataError
        An area that stands on both sides.
    """
    side, rows = side_of(frame, group, area), []
    if min((side == 1).sum(), (side == 0).sum()) < 2:
        raise errors.EmptyCell("there is one place only on one side", todo="Two places a side at least.")
    for name in side.index:
        others = frame[frame[area] != name]
        without = two_by_two(others, outcome=outcome, group=group, time=time, weight=weight, vcov="HC1")
        if isinstance(without, Estimate):
            rows.append({"area": name, "side": int(side[name]), "value": without.value})
    return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two differences, with its Anderson-Rubin set.

    Attributes
    ----------
    value : float
        The ratio, in the outcome's unit per person reached.
    low, high : float
        Ends of the 95 % set.
    kind : str
        "interval"; "everything" (no value is excluded); or "outside" (everything but the values between high and low).
    first_stage : float
        Difference in the change of attendance between the sides.
    first_stage_f : float
        Its F statistic.
    df : float
        Degrees of freedom of the denominator.
    """

    value: float
    low: float
    high: float
    kind: str
    first_stage: float
    first_stage_f: float
    df: float

    @property
    def bounded(self) -> bool:
        """Return whether the set is an interval: only then may the ratio be shown.

        Returns
        -------
        bool
            True for an interval.
        """
        return self.kind == "interval"


def wald_ratio(
    frame: pd.DataFrame, *, outcome: str, taken: str, group: str, time: str, area: str, weight: str | None = None
) -> Ratio | NotIdentified:
    """Estimate the effect per person reached: the change of outcomes over the change of attendance, by area.

    Only with an Anderson-Rubin set: those values r at which the change of `outcome - r taken` does not differ between
    the sides at 5 %, t on areas less two, equal weights.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    outcome : str
        Column of the outcome, numeric.
    taken : str
        Column of attendance: 0 for everybody at the first time (nobody could have attended).
    group, time : str
        Columns of 0 and 1: whether the area was reached, and after.
    area : str
        Column of the areas.
    weight : str, optional
        Column of the survey weights, above 0.

    Returns
    -------
    Ratio or NotIdentified
        The ratio with its set; `NotIdentified` with one area only on a side, or where attendance does not differ.

    Raises
    ------
    EmptyCell
        An area where nobody answered at one time.
    DataError
        An area that stands on both sides.

    References
    ----------
    de Chaisemartin and D'Haultfoeuille (2018), equation 1.
    """
    change, side = _changes_and_sides(frame, outcome, group, time, area, weight)
    dose, _ = _changes_and_sides(frame, taken, group, time, area, weight)
    if min(side.sum(), (~side).sum()) < 2:
        return NotIdentified("there is one place only on one side", "Events in at least two places, and two without.")
    from scipy.special import stdtrit

    df = float(len(change) - 2)
    y, d = (float(v[side].mean() - v[~side].mean()) for v in (change, dose))
    vy, vd, cov = (_pooled_covariance(u, v, side) for u, v in ((change, change), (dose, dose), (change, dose)))
    if d == 0:
        return NotIdentified("attendance does not differ between the places", "Places that events reach more.")
    q = float(stdtrit(df, 0.975)) ** 2
    a, b, c = d**2 - q * vd, -2 * (y * d - q * cov), y**2 - q * vy
    inside = b * b - 4 * a * c
    f = d**2 / vd if vd > 0 else math.inf
    if a > 0:
        root = math.sqrt(max(inside, 0.0))
        return Ratio(y / d, (-b - root) / (2 * a), (-b + root) / (2 * a), "interval", d, f, df)
    if inside <= 0:
        return Ratio(y / d, -math.inf, math.inf, "everything", d, f, df)
    root = math.sqrt(inside)
    return Ratio(y / d, (-b - root) / (2 * a), (-b + root) / (2 * a), "outside", d, f, df)


def _pooled_covariance(u: Floats, v: Floats, side: Booleans) -> float:
    """Return the covariance of two differences of means between the sides, pooled over them."""
    parts = [(u[s] - u[s].mean()) @ (v[s] - v[s].mean()) for s in (side, ~side)]
    pooled: float = sum(parts) / (len(u) - 2) * (1 / side.sum() + 1 / (~side).sum())
    return pooled
