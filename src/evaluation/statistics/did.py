"""Difference-in-differences for groups known in every wave; refused where a wave does not say who belongs to which."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.estimates import Estimate, NotIdentified, TooFew, from_se
from evaluation.statistics import _logistic, _roles, inference

LEAST = 30
VCOV = ("HC0", "HC1", *inference.KINDS)


def two_by_two(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    covariates: Sequence[str] = (),
    weight: str | None = None,
    cluster: str | None = None,
    vcov: str = "CR2",
    least: int = 1,
    rescale: bool = False,
) -> Estimate | NotIdentified | TooFew:
    """Estimate group × time in a weighted regression (the change of group 1 over and above that of group 0).

    Parameters
    ----------
    group, time : str
        Columns of 0 and 1. A group that is missing for a whole time is not identified: the refusal says so.
    weight : str, optional
        Survey weights. With `rescale` they are scaled to mean 1 within each time, so that the size of one wave's
        weights moves nothing when there are covariates (without them it moves nothing in any case).
    cluster : str, optional
        CR2 with Satterthwaite df by default; without clusters "HC1".
    least : int
        People needed in every cell; fewer is `TooFew` with the counts.

    Returns
    -------
    Estimate, NotIdentified or TooFew
    """
    if vcov not in VCOV:
        raise errors.Unsupported(f"vcov {vcov!r} is not known", todo=f"Use one of {VCOV}.")
    roles = [outcome, group, time, *covariates, *([weight] if weight else []), *([cluster] if cluster else [])]
    errors.require_columns(frame, roles, role="difference-in-differences")
    refusal = _identified(frame, group, time)
    if refusal is not None:
        return refusal
    errors.require_complete(frame, roles, role="difference-in-differences")
    g, t = _binary(frame, group), _binary(frame, time)
    counts = cell_counts(g, t)
    if min(counts.values()) < max(least, 1):
        return TooFew(counts=counts, needed=max(least, 1))
    w = _weights(frame, weight, t if rescale else None)
    built = _roles.columns(frame, list(covariates), drop_first=True) if covariates else None
    extra, names = (np.zeros((len(frame), 0)), []) if built is None else (built.matrix, list(built.names))
    x = np.column_stack([np.ones(len(frame)), g, t, g * t, extra])
    fit = inference.regress(x, frame[outcome].to_numpy(dtype=float), ["(Intercept)", "group", "time", "did", *names], w)
    words = {"n": counts, "method": "two-by-two regression" + (", adjusted" if names else ""), "outcome": outcome}
    if cluster is None or vcov in ("HC0", "HC1"):
        se = _robust(fit, 3, vcov if vcov in ("HC0", "HC1") else "HC1")
        return from_se(float(fit.params[3]), se, df=float(len(frame) - x.shape[1]), se_method="HC1", **words)
    return inference.cluster_robust(fit, frame[cluster], kind=vcov).estimate("did", **words)


def _identified(frame: pd.DataFrame, group: str, time: str) -> NotIdentified | None:
    """Refuse where the group is unknown for everybody at some time: an attendee design without earlier attendance."""
    silent = [t for t, rows in frame.groupby(time)[group] if rows.isna().all()]
    if silent:
        return NotIdentified(
            f"who belongs to which group is not known at time {', '.join(map(str, silent))}, and other people answered",
            "Ask about attendance in every wave, or link the same people across waves.",
        )
    return None


def _binary(frame: pd.DataFrame, column: str) -> np.ndarray:
    values = frame[column].to_numpy(dtype=float)
    if not np.isin(values, (0.0, 1.0)).all():
        raise errors.DataError(f"{column!r} is not 0 and 1", todo="Make it so; more periods belong to group_time.")
    return values


def cell_counts(g: np.ndarray, t: np.ndarray) -> dict[str, int]:
    """Return unweighted people in the four cells."""
    names = {(1, 0): "group, before", (1, 1): "group, after", (0, 0): "others, before", (0, 1): "others, after"}
    return {name: int(((g == a) & (t == b)).sum()) for (a, b), name in names.items()}


def _weights(frame: pd.DataFrame, weight: str | None, t: np.ndarray | None) -> np.ndarray:
    if weight is None:
        return np.ones(len(frame))
    w = frame[weight].to_numpy(dtype=float)
    if not np.isfinite(w).all() or (w <= 0).any():
        raise errors.DataError("weights must be positive numbers", todo="Leave people of weight 0 out.")
    out = w.copy()
    for value in [] if t is None else np.unique(t):
        out[t == value] /= w[t == value].mean()
    return out


def _robust(fit: inference.Regression, place: int, kind: str) -> float:
    bread = np.linalg.inv(fit.x.T @ (fit.x * fit.weights[:, None]))
    scores = fit.x * (fit.weights * fit.residuals)[:, None]
    n, k = fit.x.shape
    scale = n / (n - k) if kind == "HC1" else 1.0
    return float(np.sqrt(scale * (bread @ scores.T @ scores @ bread)[place, place]))


def by_area(
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    area: str,
    covariates: Sequence[str] = (),
    weight: str | None = None,
    least: int = LEAST,
) -> Estimate | NotIdentified | TooFew:
    """Estimate an area-level design with the inference that its number of areas can carry.

    One area on a side: not identified (its rank among placebo areas is in the reason). Two: changes of area means,
    equal weights, t on areas less two. Three or more: CR2 with Satterthwaite df when these reach 3, else as for two.
    """
    refusal = _identified(frame, group, time)
    if refusal is not None:
        return refusal
    sides = frame.groupby(group)[area].nunique()
    if len(sides) < 2 or sides.min() < 2:
        rank = placebo_rank(frame, outcome=outcome, group=group, time=time, area=area, weight=weight)
        return NotIdentified(
            "there is one place only on one side"
            + (f"; its change ranks {rank[0]} of {rank[1]} places" if rank else ""),
            "Events in at least two places, and at least two places without.",
        )
    counts = cell_counts(_binary(frame, group), _binary(frame, time))
    if min(counts.values()) < least:
        return TooFew(counts=counts, needed=least)
    if sides.min() >= 3:
        made = two_by_two(frame, outcome=outcome, group=group, time=time, covariates=covariates, weight=weight,
                          cluster=area, rescale=True)  # fmt: skip
        if isinstance(made, Estimate) and (made.df or 0) >= 3:
            return made
    return _collapsed(frame, outcome, group, time, area, weight, counts)


def area_changes(frame: pd.DataFrame, outcome: str, time: str, area: str, weight: str | None) -> pd.Series:
    """Return the change of each area's (weighted) mean; areas absent at a time are refused."""
    w = frame[weight] if weight else pd.Series(1.0, index=frame.index)
    sums = pd.DataFrame({"a": frame[area], "t": frame[time], "wy": w * frame[outcome].astype(float), "w": w})
    grouped = sums.groupby(["a", "t"])[["wy", "w"]].sum()
    means = (grouped["wy"] / grouped["w"]).unstack()
    if means.isna().any().any():
        gone = sorted(map(str, means.index[means.isna().any(axis=1)]))
        raise errors.EmptyCell(
            f"nobody answered at one time in {', '.join(gone)}", todo="Join areas, or leave them out."
        )
    return means.iloc[:, -1] - means.iloc[:, 0]


def _collapsed(frame, outcome, group, time, area, weight, counts) -> Estimate:
    change = area_changes(frame, outcome, time, area, weight)
    side = frame.groupby(area)[group].first().reindex(change.index)
    a, b = change[side == 1].to_numpy(), change[side == 0].to_numpy()
    pooled = (((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()) / (len(change) - 2)
    se = float(np.sqrt(pooled * (1 / len(a) + 1 / len(b))))
    return from_se(float(a.mean() - b.mean()), se, df=float(len(change) - 2), n=counts, outcome=outcome,
                   n_sessions=len(change), method="changes of area means, equal weights",
                   se_method=f"t on {len(change) - 2} degrees of freedom, {len(change)} areas")  # fmt: skip


def placebo_rank(
    frame: pd.DataFrame, *, outcome: str, group: str, time: str, area: str, weight: str | None = None
) -> tuple[int, int] | None:
    """Return (rank, areas): how far out the lone exposed area's change stands among all areas' (1 is furthest)."""
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
    """Return the permutation p of the difference in area changes, and the smallest p that this many areas can reach."""
    change = area_changes(frame, outcome, time, area, weight)
    side = frame.groupby(area)[group].first().reindex(change.index).to_numpy(dtype=float) == 1
    values, treated = change.to_numpy(), int(side.sum())
    observed = values[side].mean() - values[~side].mean()
    found = []
    for chosen in itertools.combinations(range(len(values)), treated):
        mask = np.isin(np.arange(len(values)), chosen)
        found.append(values[mask].mean() - values[~mask].mean())
    far = np.abs(found) >= abs(observed) - 1e-12
    smallest = (2 if 2 * treated == len(values) else 1) / len(found)
    return float(far.mean()), float(smallest)


def doubly_robust(
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    covariates: Sequence[str],
    weight: str | None = None,
    cluster: str | None = None,
    method: str = "traditional",
) -> Estimate | NotIdentified:
    """Estimate the ATT from repeated cross-sections, doubly robust (Sant'Anna and Zhao 2020, equation 3.4).

    Locally efficient form with regressions in all four cells. Errors by the influence function (with the sign of the
    propensity's term as derived, which DRDID 1.2.3 has the other way), summed by cluster where named.

    Raises
    ------
    Unsupported
        `method` other than "traditional".
    """
    if method != "traditional":
        raise errors.Unsupported(f"method {method!r} is not known", todo="Use 'traditional'.")
    roles = [outcome, group, time, *covariates, *([weight] if weight else []), *([cluster] if cluster else [])]
    errors.require_columns(frame, roles, role="difference-in-differences")
    refusal = _identified(frame, group, time)
    if refusal is not None:
        return refusal
    errors.require_complete(frame, roles, role="difference-in-differences")
    d, post = _binary(frame, group), _binary(frame, time)
    y = frame[outcome].to_numpy(dtype=float)
    built = _roles.columns(frame, list(covariates), drop_first=True)
    x = np.column_stack([np.ones(len(y)), built.matrix])
    w = np.ones(len(y)) if weight is None else frame[weight].to_numpy(dtype=float)
    value, influence = drdid_rc(y, post, d, x, w / w.mean())
    n = cell_counts(d, post)
    if cluster is None:
        se, df, how = float(influence.std(ddof=1) / np.sqrt(len(y))), float(len(y) - 1), "influence function"
    else:
        codes, count = inference.cluster_codes(frame[cluster], len(y))
        sums = np.bincount(codes, influence, minlength=count) / len(y)
        se = float(np.sqrt(count / (count - 1) * (sums**2).sum()))
        df, how = float(count - 1), "influence function, by cluster"
    return from_se(value, se, df=df, n=n, method="doubly robust, repeated cross-sections", se_method=how, outcome=outcome,
                   estimand="average effect on the group (ATT)")  # fmt: skip


def drdid_rc(y: np.ndarray, post: np.ndarray, d: np.ndarray, x: np.ndarray, w: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the locally efficient doubly robust ATT and its influence function, shape (n,); `w` has mean 1."""
    n = len(y)
    model = _logistic.fit(x, d, w)
    p = np.clip(_expit(x @ model.beta), 1e-12, 1 - 1e-6)
    fits = {(a, b): _outcome(y, x, w * (d == a) * (post == b)) for a in (0, 1) for b in (0, 1)}
    mu = {k: x @ f[0] for k, f in fits.items()}
    mu_c = post * mu[0, 1] + (1 - post) * mu[0, 0]
    weights = {
        (1, 0): w * d * (1 - post), (1, 1): w * d * post,
        (0, 0): w * p * (1 - d) * (1 - post) / (1 - p), (0, 1): w * p * (1 - d) * post / (1 - p),
    }  # fmt: skip
    eta = {k: v * (y - mu_c) / v.mean() for k, v in weights.items()}
    all_d, treated_post, treated_pre = w * d, weights[1, 1], weights[1, 0]
    gap1, gap0 = mu[1, 1] - mu[0, 1], mu[1, 0] - mu[0, 0]
    local = {"d1": all_d * gap1 / all_d.mean(), "dt1": treated_post * gap1 / treated_post.mean(),
             "d0": all_d * gap0 / all_d.mean(), "dt0": treated_pre * gap0 / treated_pre.mean()}  # fmt: skip
    att = {k: v.mean() for k, v in eta.items()}
    mean = {k: v.mean() for k, v in local.items()}
    value = (att[1, 1] - att[1, 0]) - (att[0, 1] - att[0, 0]) + (mean["d1"] - mean["dt1"]) - (mean["d0"] - mean["dt0"])

    lin = {k: f[1] * n for k, f in fits.items()}  # asymptotic linear form of each regression, (n, k)
    score = x * (w * (d - p))[:, None]
    hessian = np.linalg.inv((x * (w * p * (1 - p))[:, None]).T @ x) * n
    lin_ps = score @ hessian
    inf = {k: eta[k] - weights[k] * att[k] / weights[k].mean() for k in weights}
    m_post = -(weights[1, 1] * post)[:, None] * x / weights[1, 1].mean()
    m_pre = -(weights[1, 0] * (1 - post))[:, None] * x / weights[1, 0].mean()
    inf_treat = inf[1, 1] - inf[1, 0] + lin[0, 1] @ m_post.mean(axis=0) - lin[0, 0] @ m_pre.mean(axis=0)
    m2 = {
        k: ((weights[k] * (y - mu_c - att[k]))[:, None] * x / weights[k].mean()).mean(axis=0) for k in ((0, 0), (0, 1))
    }
    inf_ps = lin_ps @ (m2[0, 1] - m2[0, 0])
    m3_post = -((weights[0, 1] * post)[:, None] * x / weights[0, 1].mean()).mean(axis=0)
    m3_pre = -((weights[0, 0] * (1 - post))[:, None] * x / weights[0, 0].mean()).mean(axis=0)
    inf_cont = inf[0, 1] - inf[0, 0] + inf_ps + lin[0, 1] @ m3_post - lin[0, 0] @ m3_pre
    base = inf_treat - inf_cont
    eff = (
        local["d1"] - all_d * mean["d1"] / all_d.mean() - (local["dt1"] - treated_post * mean["dt1"] / treated_post.mean())
        - (local["d0"] - all_d * mean["d0"] / all_d.mean()) + (local["dt0"] - treated_pre * mean["dt0"] / treated_pre.mean())
    )  # fmt: skip
    m_eff1 = ((all_d / all_d.mean() - treated_post / treated_post.mean())[:, None] * x).mean(axis=0)
    m_eff0 = ((all_d / all_d.mean() - treated_pre / treated_pre.mean())[:, None] * x).mean(axis=0)
    inf_or = (lin[1, 1] - lin[0, 1]) @ m_eff1 - (lin[1, 0] - lin[0, 0]) @ m_eff0
    return float(value), base + eff + inf_or


def _expit(u: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-u))


def _outcome(y: np.ndarray, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients of a weighted regression in one cell, and each person's linear contribution to them."""
    gram = x.T @ (x * w[:, None])
    if np.linalg.matrix_rank(gram) < x.shape[1]:
        raise errors.Collinear("a cell is too small for its outcome regression", todo="Use fewer covariates.")
    bread = np.linalg.inv(gram)
    beta = bread @ (x.T @ (w * y))
    return beta, (x * (w * (y - x @ beta))[:, None]) @ bread


def linked_panel(
    frame: pd.DataFrame,
    *,
    outcome: str,
    treat: str,
    unit: str,
    time: str,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
) -> Estimate | TooFew:
    """Estimate a change among the same people: two-way fixed effects by linearmodels' PanelOLS.

    `treat` is 1 in the periods in which a person has been treated; `cluster` defaults to the person. A person who
    stands twice at one time is refused.
    """
    from linearmodels.panel import PanelOLS

    roles = [outcome, treat, unit, time, *covariates, *([cluster] if cluster else [])]
    errors.require_columns(frame, roles, role="a linked panel")
    errors.require_complete(frame, roles, role="a linked panel")
    if frame.duplicated([unit, time]).any():
        raise errors.DataError("a person stands twice at one time", todo="Keep one row per person and time.")
    moved = frame.groupby(unit)[treat].agg(["min", "max"])
    counts = {"newly treated": int(((moved["min"] == 0) & (moved["max"] == 1)).sum()),
              "never treated": int((moved["max"] == 0).sum())}  # fmt: skip
    if min(counts.values()) < 2:
        return TooFew(counts=counts, needed=2)
    panel = frame.assign(_t=pd.factorize(frame[time], sort=True)[0]).set_index([unit, "_t"])
    exog = panel[[treat, *covariates]].astype(float)
    words: dict[str, Any] = {"cov_type": "clustered", "cluster_entity": cluster is None}
    if cluster is not None:
        words["clusters"] = pd.DataFrame({"c": pd.factorize(panel[cluster])[0]}, index=panel.index)
    fit = PanelOLS(panel[outcome].astype(float), exog, entity_effects=True, time_effects=True).fit(**words)
    groups = frame[cluster or unit].nunique()
    return from_se(float(fit.params[treat]), float(fit.std_errors[treat]), df=float(groups - 1), n=counts, outcome=outcome,
                   method="two-way fixed effects among linked people", se_method=f"clustered by {cluster or unit}")  # fmt: skip


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
) -> list[Estimate]:
    """Estimate effects per group and time for staggered first treatment (Callaway and Sant'Anna 2021).

    Repeated cross-sections. Each ATT(g, t) compares group g with people never treated (or not yet treated by t),
    between g - 1 (or the period before, for pre-treatment pairs) and t, by the doubly robust estimator.

    Parameters
    ----------
    first_treated : str
        Period of first treatment; 0 or infinity for never.
    control : "not_yet" or "never"

    Raises
    ------
    Unsupported
        `unit` (a panel): use linked_panel, or leave it out.
    """
    if unit is not None:
        raise errors.Unsupported(
            "group_time reads repeated cross-sections", todo="Use linked_panel for the same people."
        )
    if control not in ("not_yet", "never"):
        raise errors.Unsupported(f"control {control!r} is not known", todo="Use 'not_yet' or 'never'.")
    roles = [outcome, first_treated, time, *covariates, *([weight] if weight else []), *([cluster] if cluster else [])]
    errors.require_columns(frame, roles, role="group-time effects")
    errors.require_complete(frame, roles, role="group-time effects")
    first = frame[first_treated].astype(float).replace(0.0, np.inf)
    times = sorted(frame[time].unique())
    groups = sorted(g for g in first.unique() if np.isfinite(g) and g > times[0])
    out = []
    for g in groups:
        for place, t in enumerate(times[1:], 1):
            before = max(b for b in times if b < g) if t >= g else times[place - 1]
            clean = np.isinf(first) if control == "never" else (first > max(t, before)) & (first != g)
            rows = frame[((first == g) | clean) & frame[time].isin([t, before])]
            data = rows.assign(_g=(first[rows.index] == g).astype(int), _t=(rows[time] == t).astype(int))
            made = doubly_robust(data, outcome=outcome, group="_g", time="_t", covariates=covariates, weight=weight,
                                 cluster=cluster)  # fmt: skip
            if isinstance(made, Estimate):
                out.append(_named(made, g, t, t < g))
    return out


def _named(made: Estimate, g: Any, t: Any, pre: bool) -> Estimate:
    from dataclasses import replace

    return replace(
        made, group=f"{g:g}", wave=f"{t:g}", estimand=f"ATT({g:g}, {t:g})" + (", before treatment" if pre else "")
    )
