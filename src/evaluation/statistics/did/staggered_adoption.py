"""Staggered first treatment: effects by group and time, and their aggregates (Callaway and Sant'Anna 2021)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics import _roles, inference
from evaluation.statistics._arrays import Booleans, Floats, Integers
from evaluation.statistics.did import influence_functions, two_by_two_cells, whole_clusters
from evaluation.statistics.did.doubly_robust import METHOD_NAMES, bootstrap_error
from evaluation.statistics.did.whole_clusters import Sides
from evaluation.statistics.inference import Wald


@dataclass(slots=True)
class Units:
    """Units of a staggered design: people of a panel, or rows of repeated cross-sections.

    Attributes
    ----------
    y : ndarray, shape (units, times) for a panel, else (units,)
        Outcome.
    x : ndarray, shape (units, times, k) for a panel, else (units, k)
        Covariates, an intercept first.
    when : ndarray of int, shape (units,), or None
        Place of each row's time among `times`; None for a panel.
    times : ndarray
        The times, in order.
    first : ndarray, shape (units,)
        Time of first treatment; infinity for never.
    w : ndarray, shape (units, times) for a panel, else (units,)
        Weights.
    codes : ndarray of int, shape (units,), or None
        Codes of clusters.
    clusters : int
        Number of clusters; of units without them.
    always : dict of float to int
        Units (of a panel; rows otherwise) treated from the first time on, by time of first treatment; they are left
        out.
    """

    y: Floats
    x: Floats
    when: Integers | None
    times: Floats
    first: Floats
    w: Floats
    codes: Integers | None
    clusters: int
    always: dict[float, int]

    @property
    def whole(self) -> bool:
        """Return whether each cluster holds people of one group only (places are treated, not people).

        Returns
        -------
        bool
            True without clusters: each unit is its own.
        """
        if self.codes is None:
            return True
        pairs = np.unique(np.column_stack([self.codes, self.first]), axis=0)
        return len(np.unique(pairs[:, 0])) == len(pairs)

    @property
    def units(self) -> int:
        """Return how many people (of a panel) or rows there are.

        Returns
        -------
        int
            Number of units.
        """
        return len(self.first)


def _read(
    frame: pd.DataFrame,
    outcome: str,
    first_treated: str,
    time: str,
    covariates: Sequence[str],
    weight: str | None,
    cluster: str | None,
    unit: str | None,
) -> Units:
    """Return the units of a checked frame; people must stand at every time where `unit` names them."""
    frame = frame.sort_index(kind="stable")  # draws do not depend on the order of rows
    built, _ = two_by_two_cells.covariate_columns(frame, covariates)
    never = frame[first_treated].isna().to_numpy()
    first = _numbers(frame[first_treated].mask(never, 0), "time of first treatment")
    first = np.where(first == 0, np.inf, first)
    y, x = _roles.numeric(frame, outcome, role="outcome"), np.column_stack([np.ones(len(frame)), built])
    y = y - y[0] if np.ptp(y) == 0 else y  # a constant outcome has a change of exactly 0
    w = two_by_two_cells.weights(frame, weight, None)
    times, places = np.unique(_numbers(frame[time], "time"), return_inverse=True)
    when: Integers | None = places
    labels = None if cluster is None else frame[cluster]
    if unit is not None:
        two_by_two_cells.refuse_repeats(frame, unit, time, linked=True)
        who = pd.factorize(frame[unit], sort=True)[0]
        order = np.lexsort((places, who))
        if len(order) != (who.max() + 1) * len(times):
            raise errors.DataError("somebody is missing at a time", todo="Keep people who answered every time.")
        shape = (who.max() + 1, len(times))
        first = first[order].reshape(shape)
        if (first != first[:, :1]).any():
            raise errors.DataError("somebody changes group", todo="One time of first treatment per person.")
        y, x, w = y[order].reshape(shape), x[order].reshape(*shape, -1), w[order].reshape(shape)
        labels = None if labels is None else labels.iloc[order[:: len(times)]]
        first, when = first[:, 0], None
    keep = first > times[0]
    if not keep.any():
        raise errors.EmptyCell("everybody was treated from the first time on", todo="There is no time before.")
    always = {float(g): int((first == g).sum()) for g in np.unique(first[~keep])}
    codes: Integers | None = None
    clusters = int(keep.sum())
    if labels is not None:
        codes, clusters = inference.cluster_codes(labels[keep], clusters)
    return Units(
        y[keep], x[keep], None if when is None else when[keep], times, first[keep], w[keep], codes, clusters, always
    )


def _numbers(column: pd.Series, what: str) -> Floats:
    """Return a column of times as floats (infinity is allowed: never), or raise."""
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if np.isnan(values).any():
        raise errors.DataError(
            f"the {what} {column.name!r} is not a number",
            todo="Number the times; people never treated have 0, infinity or a missing value.",
        )
    return values


KINDS = ("simple", "group", "dynamic", "calendar")


def group_time(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    outcome: str,
    first_treated: str,
    time: str,
    covariates: Sequence[str] = (),
    weight: str | None = None,
    cluster: str | None = None,
    control: str = "not_yet",
    unit: str | None = None,
    method: str = "traditional",
    anticipation: int = 0,
    base: str = "varying",
    least: int = two_by_two_cells.LEAST,
    draws: int = 0,
    seed: int = 0,
) -> GroupTime:
    """Estimate effects per group and time for staggered first treatment.

    Each ATT(g, t) compares group g with people never treated (or not yet treated by t), between t and the last time
    before g (equations 2.8 to 2.10); before treatment, between t and the time before it (`base="varying"`) or the same
    reference as after (`base="universal"`, whose own effect is 0 and left out).

    Parameters
    ----------
    frame : DataFrame
        One row per person (and time).
    outcome : str
        Column of the outcome, numeric.
    first_treated : str
        Column of the time of first treatment; 0, infinity or a missing value for never. Groups treated at the first
        time are left out, and listed: they have no time before.
    time : str
        Column of numbered times.
    covariates : sequence of str
        Columns; words become indicators.
    weight, cluster : str, optional
        Columns of the survey weights (above 0) and of the labels to sum errors over.
    control : {"not_yet", "never"}
        Whom groups are compared with.
    unit : str, optional
        A person's code: a balanced panel, changes of the same people, covariates of the earlier time. Without it,
        repeated cross-sections.
    method : {"traditional", "improved", "regression", "weighting"}
        As in `doubly_robust`.
    anticipation : int
        Times before treatment in which it may already move answers.
    base : {"varying", "universal"}
        Reference of the effects before treatment.
    least : int
        People needed in every cell of a pair (of a panel: in the group and among those compared with).
    draws : int
        Multiplier-bootstrap draws for errors; 0 uses the influence functions.
    seed : int
        Seed of these draws.

    Returns
    -------
    GroupTime
        A list of Estimate (`group` g, `wave` t) in the outcome's unit, with `.aggregate(kind)`, `.pretest()` and
        `.band()`. A pair is left out, and listed in `.left_out`, where nobody can be compared with, a cell is under
        `least`, or a side holds fewer than three clusters (each whole in its group) or units.

    Raises
    ------
    EmptyCell
        No pair can be estimated; the message says where one or two clusters only stand on a side.
    DataError
        Somebody stands twice, is missing at a time, or changes group; a time that is not a number; a weight that is not
        above 0.
    UnknownColumn
        A column that is not there.
    MissingValues
        A missing value in any of these columns.
    NotConverged
        The covariates tell a pair's groups apart, or no weights balance them.
    Collinear
        A cell is too small for its outcome regression.
    Unsupported
        An unknown control, base or method.

    References
    ----------
    Callaway and Sant'Anna (2021).

    Notes
    -----
    Errors are those of the R package did, but where few are treated: with clusters that lie whole in their groups, and
    with fewer than 12 units on a side, sums are corrected for each cluster's share of its side, and t has Satterthwaite
    degrees of freedom (`whole_clusters`). The large-sample formula rejects a true null of a group of three places 14 %
    of the time.
    """
    if control not in ("not_yet", "never") or base not in ("varying", "universal"):
        raise errors.Unsupported(
            f"control {control!r} or base {base!r} is not known",
            todo="Use 'not_yet' or 'never', 'varying' or 'universal'.",
        )
    for role, column in (("weight", weight), ("cluster", cluster), ("unit", unit)):
        _roles.by_name(column, role)
    _roles.refuse_own_covariates(covariates, outcome, first_treated, time)
    complete = [outcome, time, *covariates, *[c for c in (weight, cluster, unit) if c]]
    errors.require_columns(frame, [first_treated, *complete], role="group-time effects")
    errors.require_complete(frame, complete, role="group-time effects")
    data = _read(frame, outcome, first_treated, time, covariates, weight, cluster, unit)
    effects = _pair_effects(data, control, method, anticipation, base, least)
    if not effects.places:
        raise errors.EmptyCell(
            effects.too_few or "no group and time can be compared with anybody",
            todo=whole_clusters.REMEDY if effects.too_few else "A group treated after the first time, and others.",
        )
    return GroupTime(data, effects, outcome=outcome, method=method, draws=draws, seed=seed)


@dataclass(slots=True)
class PairEffects:
    """Effects of pairs of a group and a time.

    Attributes
    ----------
    places : list of (float, float)
        Group and time of each effect.
    values : list of float
        The effects, in the outcome's unit.
    influence : ndarray, shape (units or clusters, effects)
        Influence functions over all units, summed by cluster where there are clusters; corrected where few are treated.
    sides : list of Sides
        Each pair's clusters (units without them) and their shares of weight; empty where the errors are not corrected.
    counts : list of dict of str to int
        People in each pair's cells.
    left_out : list of (float, float)
        Groups and times that could not be compared, always treated ones among them.
    too_few : str
        Where a pair was left out because a side holds one or two clusters or units: which, in words.
    """

    places: list[tuple[float, float]]
    values: list[float]
    influence: Floats
    sides: list[Sides]
    counts: list[dict[str, int]]
    left_out: list[tuple[float, float]]
    too_few: str = ""


def _pair_effects(data: Units, control: str, method: str, anticipation: int, base: str, least: int) -> PairEffects:
    """Return the effect of every pair that has enough to be compared with."""
    run = influence_functions.estimator(method, panel=data.when is None)
    effects = PairEffects([], [], np.zeros((data.units, 0)), [], [], [(g, t) for g in data.always for t in data.times])
    columns = []
    for g in np.unique(data.first[np.isfinite(data.first)]):
        before = np.flatnonzero(data.times < g - anticipation)
        for t in range(len(data.times)):
            if not len(before) or (base == "varying" and t == 0):
                continue
            late = data.times[t] >= g - anticipation
            reference = int(before[-1]) if late or base == "universal" else t - 1
            if t == reference:
                continue
            own = data.first == g
            latest = data.times[max(t, reference)] + anticipation
            clean = np.isinf(data.first) if control == "never" else (data.first > latest) & ~own
            pair = _pair_sides(data, own, clean, t, reference)
            if data.whole and 0 < pair.fewest < whole_clusters.FEWEST:
                what = "unit" if data.codes is None else "cluster"
                how_many = f"one {what} only stands" if pair.fewest == 1 else f"two {what}s only stand"
                effects.too_few = f"{how_many} on a side, so the error of an effect cannot be right"
            few = pair.fewest < (whole_clusters.FEWEST if data.whole else 1)
            effect = None if few else _pair_effect(data, run, own, clean, t, reference, least)
            if effect is None:
                effects.left_out.append((float(g), float(data.times[t])))
                continue
            value, column, counts = effect
            effects.places.append((float(g), float(data.times[t])))
            effects.values.append(value)
            effects.counts.append(counts)
            effects.sides.append(pair)
            columns.append(influence_functions.sums_by_cluster(column, data.codes, data.clusters))
    if columns:
        _correct(effects, columns, data)
    return effects


def _pair_sides(data: Units, own: Booleans, clean: Booleans, t: int, reference: int) -> Sides:
    """Return the clusters (units without them) of a pair."""
    codes = np.arange(data.units) if data.codes is None else data.codes
    used = np.ones(data.units, dtype=bool)
    weight = data.w
    if data.when is None:
        weight = data.w[:, min(t, reference)]
    else:
        used = (data.when == t) | (data.when == reference)
    return whole_clusters.sides(codes, data.clusters, weight, 1.0 * (own & used), 1.0 * (clean & used))


def _correct(effects: PairEffects, columns: list[Floats], data: Units) -> None:
    """Keep the influence functions, corrected where whole clusters or few units are treated."""
    fewest = min(pair.fewest for pair in effects.sides)
    if data.whole and (data.codes is not None or fewest < whole_clusters.MANY):
        columns = [pair.corrected(column) for pair, column in zip(effects.sides, columns, strict=True)]
    else:
        effects.sides.clear()
    effects.influence = np.column_stack(columns)


def _pair_effect(
    data: Units, run: influence_functions.Estimator, own: Booleans, clean: Booleans, t: int, reference: int, least: int
) -> tuple[float, Floats, dict[str, int]] | None:
    """Return (value, influence over all units, counts) of one pair; None where too few can be compared with."""
    rows = own | clean
    if data.when is not None:
        rows &= (data.when == t) | (data.when == reference)
    d = own[rows].astype(float)
    column = np.zeros(data.units)
    if data.when is None:
        if min(d.sum(), (1 - d).sum()) < max(least, 1):
            return None
        earlier = min(t, reference)
        w = data.w[rows, earlier]
        dy = data.y[rows, t] - data.y[rows, reference]
        value, inf = run(dy, d, data.x[rows, earlier], w / w.mean())
        counts = {"group": int(d.sum()), "others": int((1 - d).sum())}
    else:
        post = (data.when[rows] == t).astype(float)
        counts = two_by_two_cells.cell_counts(d, post)
        if min(counts.values()) < max(least, 1):
            return None
        w = data.w[rows]
        value, inf = run(data.y[rows], post, d, data.x[rows], w / w.mean())
    column[rows] = inf * (data.units / rows.sum())
    return value, column, counts


class _Aggregate(NamedTuple):
    """A weighted sum of effects: value, influence function, and the weight of each effect."""

    value: float
    influence: Floats
    weight: Floats


class GroupTime(list[Estimate]):
    """Estimates by group and time, in order; all their influence functions stand behind it.

    Parameters
    ----------
    data : Units
        The units.
    effects : PairEffects
        The effects by group and time.
    outcome : str
        Name of the outcome.
    method : str
        Method of the effects.
    draws : int
        Multiplier-bootstrap draws for errors; 0 uses the influence functions.
    seed : int
        Seed of these draws.

    Attributes
    ----------
    groups, times : ndarray, shape (estimates,)
        Group and time of each estimate.
    influence : ndarray, shape (units or clusters, estimates)
        Influence functions, of mean 0.
    share : dict of float to float
        Group → weighted share (0 to 1) of units.
    left_out : list of (float, float)
        Groups and times that could not be compared: nobody or too few to compare with, always treated.
    always_treated : int
        Units (of a panel; rows otherwise) treated from the first time on, who are left out.
    """

    def __init__(self, data: Units, effects: PairEffects, *, outcome: str, method: str, draws: int, seed: int) -> None:
        super().__init__()
        self.groups: Floats = np.array([g for g, _ in effects.places])
        self.times: Floats = np.array([t for _, t in effects.places])
        self.influence, self.left_out, self._sides = effects.influence, effects.left_out, effects.sides
        self.always_treated = sum(data.always.values())
        self._values, self._outcome, self._method = np.array(effects.values), outcome, method
        self._people = {float(g): int((data.first == g).sum()) for g in np.unique(data.first)}
        self._draws, self._seed, self._clustered = draws, seed, data.codes is not None
        w = data.w if data.w.ndim == 1 else data.w[:, 0]
        w = w / w.mean()
        members = {g: w * (data.first == g) for g in np.unique(self.groups)}
        self.share = {float(g): float(m.mean()) for g, m in members.items()}
        inside = np.column_stack([m - m.mean() for m in members.values()])
        self._share_influence = influence_functions.sums_by_cluster(inside, data.codes, data.clusters)
        each = self._errors(self.influence)
        for i, (g, t) in enumerate(effects.places):
            words = {
                "df": self._freedom(np.eye(len(effects.places))[i]),
                "n": effects.counts[i],
                "group": f"{g:g}",
                "wave": f"{t:g}",
                "estimand": f"ATT({g:g}, {t:g})" + (", before treatment" if t < g else ""),
            }
            self.append(self._estimate(effects.values[i], each[i], **words))

    def _errors(self, inf: Floats) -> Floats:
        """Return the standard errors of influence functions, one per column."""
        if self._draws:
            drawn = influence_functions.multiplier(inf, draws=self._draws, seed=self._seed)
            return np.array([bootstrap_error(drawn[:, j]) for j in range(drawn.shape[1])])
        units = len(inf)
        less = 1 if self._clustered and not self._sides else 0
        each: Floats = np.sqrt((inf**2).sum(axis=0) / units / (units - less))
        return each

    def _freedom(self, weight: Floats) -> float:
        """Return the degrees of freedom of a weighted sum of the effects.

        Units less one; where errors are corrected Satterthwaite's, a cluster's changes at all times taken to move
        together.
        """
        if not self._sides:
            return float(len(self.influence) - 1)
        groups = np.unique(self.groups[weight != 0])
        own = [sum(weight[i] * self._sides[i].treated for i in np.flatnonzero(self.groups == g)) for g in groups]
        others = sum(w * pair.others for w, pair in zip(weight, self._sides, strict=True))
        return whole_clusters.freedom([*own, others])

    def _estimate(self, value: float, se: float, **details: Any) -> Estimate:
        """Return one effect with its t interval."""
        by = " by cluster" if self._clustered else ""
        by += ", Satterthwaite" if self._sides else ""
        how = f"multiplier bootstrap{by}, {self._draws} draws" if self._draws else f"influence function{by}"
        named = {
            "method": f"group-time effects, {METHOD_NAMES[self._method]}",
            "se_method": how,
            "outcome": self._outcome,
        }
        return from_se(float(value), float(se), **(named | details))

    def aggregate(self, kind: str) -> list[Estimate]:
        """Return an overall aggregate of the effects after treatment, and its parts.

        Kinds answer different questions, and differ: never print one without its name, which is in `estimand` and
        `method`.

        Parameters
        ----------
        kind : {"simple", "group", "dynamic", "calendar"}
            "simple": all effects after treatment, weighted by group size. "group": mean effect of each group, then by
            group size. "dynamic": by time since treatment, overall the mean from 0 on. "calendar": by time, overall the
            mean over times.

        Returns
        -------
        list of Estimate
            The overall aggregate first, then its parts, in the outcome's unit. Weights are estimated, and their error
            is in the aggregate's.

        Raises
        ------
        Unsupported
            An unknown kind.
        EmptyCell
            No effect after treatment was estimated.

        References
        ----------
        Callaway and Sant'Anna (2021), section 3 and table 1.
        """
        if kind not in KINDS:
            raise errors.Unsupported(f"aggregate {kind!r} is not known", todo=f"Use one of {KINDS}.")
        after = self.times >= self.groups
        if not after.any():
            raise errors.EmptyCell("no effect after treatment was estimated", todo="A later time is needed.")
        if kind == "simple":
            overall = self._weighted_mean(np.flatnonzero(after), random=True)
            return [self._aggregate_estimate(kind, "all", overall)]
        key = {"group": self.groups, "dynamic": self.times - self.groups, "calendar": self.times}[kind]
        used = np.ones(len(self), bool) if kind == "dynamic" else after
        parts = {
            float(k): self._weighted_mean(np.flatnonzero(used & (key == k)), random=kind != "group")
            for k in np.unique(key[used])
        }
        shown = [self._aggregate_estimate(kind, f"{k:g}", part) for k, part in parts.items()]
        return [self._aggregate_estimate(kind, "all", self._overall(kind, parts)), *shown]

    def _weighted_mean(self, places: Integers, *, random: bool) -> _Aggregate:
        """Return a mean of effects by group size; `random`: the sizes are estimated too."""
        sizes = np.array([self.share[float(g)] for g in self.groups[places]])
        weight = np.zeros(len(self._values))
        weight[places] = sizes / sizes.sum()
        inf = self.influence @ weight
        if random:
            inf = inf + self._drift(self.groups[places], sizes, self._values[places])
        return _Aggregate(float(weight @ self._values), inf, weight)

    def _drift(self, groups: Iterable[float], sizes: Floats, values: Floats) -> Floats:
        """Return how the estimated weights move the aggregate."""
        order = list(self.share)
        inside = self._share_influence[:, [order.index(float(g)) for g in groups]]
        total = sizes.sum()
        drift: Floats = inside @ values / total - inside.sum(axis=1) * (sizes @ values) / total**2
        return drift

    def _overall(self, kind: str, parts: dict[float, _Aggregate]) -> _Aggregate:
        """Return the overall aggregate of a kind."""
        used = {k: part for k, part in parts.items() if kind != "dynamic" or k >= 0}
        share = np.array([self.share[k] for k in used]) if kind == "group" else np.ones(len(used))
        weight, values = share / share.sum(), np.array([part.value for part in used.values()])
        inf = np.column_stack([part.influence for part in used.values()]) @ weight
        if kind == "group":
            inf = inf + self._drift(used, share, values)
        each = sum(w * part.weight for w, part in zip(weight, used.values(), strict=True))
        return _Aggregate(float(weight @ values), inf, each)

    def _aggregate_estimate(self, kind: str, place: str, aggregate: _Aggregate) -> Estimate:
        """Return an aggregate as an estimate that carries its kind's name."""
        what = {
            "simple": "all group-time effects, by group size",
            "group": "mean over groups",
            "dynamic": "mean over time since treatment",
            "calendar": "mean over times",
        }[kind]
        label = f"{kind}: {what}" if place == "all" else f"{kind}: {'e = ' if kind == 'dynamic' else ''}{place}"
        own = [float(place)] if kind == "group" and place != "all" else list(self.share)
        group = sum(self._people[g] for g in own)
        n = {k: v for k, v in (("group", group), ("others", sum(self._people.values()) - group)) if v}
        return self._estimate(
            aggregate.value,
            self._errors(aggregate.influence[:, None])[0],
            df=self._freedom(aggregate.weight),
            group=place,
            estimand=label,
            n=n,
            method=f"aggregate of group-time effects ({kind}), {METHOD_NAMES[self._method]}",
        )

    def pretest(self) -> Wald | None:
        """Test that all effects before treatment are 0.

        A test of low power: print `pre_trends.detectable_slope` with it.

        Returns
        -------
        Wald or None
            Chi-squared test as F with infinite denominator, by cluster (or with few treated) Hotelling's F; None where
            there are no such effects, or fewer units than they.
        """
        early = np.flatnonzero(self.times < self.groups)
        if not len(early):
            return None
        inf, units = self.influence[:, early], len(self.influence)
        var = inf.T @ inf / units
        if np.linalg.matrix_rank(var) < len(early):
            return None
        w, k = float(units * self._values[early] @ np.linalg.solve(var, self._values[early])), len(early)
        if not self._clustered and not self._sides:
            from scipy.special import chdtrc

            return Wald(w / k, k, float("inf"), float(chdtrc(k, w)))
        from scipy.special import fdtrc

        left = units - k  # Hotelling's test: with few clusters the chi-squared one finds trends that are not there
        f = left / (k * (units - 1)) * w
        return Wald(f, k, float(left), float(fdtrc(k, left, f))) if left > 0 else None

    def band(self, *, draws: int = 999, seed: int = 0, level: float = 0.95) -> list[Estimate]:
        """Return the estimates with intervals that hold all at once (sup-t by multiplier bootstrap).

        Parameters
        ----------
        draws : int
            Multiplier-bootstrap draws.
        seed : int
            Seed of the draws.
        level : float
            Confidence level of the band, 0 to 1; `low_90` and `high_90` are of a 90 % band.

        Returns
        -------
        list of Estimate
            The same estimates with the band's ends, without p-values.

        References
        ----------
        Callaway and Sant'Anna (2021), algorithm 1.
        """
        drawn = influence_functions.multiplier(self.influence, draws=draws, seed=seed)
        se = np.array([bootstrap_error(drawn[:, j]) for j in range(drawn.shape[1])])
        c, c90 = (float(q) for q in np.quantile(np.abs(drawn / se).max(axis=1), [level, 0.90]))
        how = f"simultaneous, multiplier bootstrap, {draws} draws, critical value {c:.2f}"
        return [
            replace(
                e,
                se=float(s),
                low=e.value - c * float(s),
                high=e.value + c * float(s),
                p=None,
                se_method=how,
                low_90=e.value - c90 * float(s),
                high_90=e.value + c90 * float(s),
            )
            for e, s in zip(self, se, strict=True)
        ]
