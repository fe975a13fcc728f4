"""Effects after matching or weighting: weighted g-computation, doubly robust, with errors that know the design."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.estimates import Estimate, from_se
from evaluation.statistics import _roles, inference, propensity

FEW_SESSIONS = 12
LEAST_SESSIONS = 4


def in_sample(
    frame: pd.DataFrame,
    sample: Any,
    *,
    outcome: str,
    treat: str,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    survey_weight: str | None = None,
    kind: str = "CR1",
) -> Estimate:
    """Estimate the difference in a designed sample by weighted g-computation.

    The outcome is regressed on treatment, covariates and all their products with weights match × survey; the
    estimate is the mean predicted difference over the treated (weighted). Errors by the delta method, the treated
    people's covariates held fixed (Greifer 2023; Ho et al. 2007).

    Parameters
    ----------
    sample : MatchedSample
        `.match_weight`, `.pairs`, `.estimand`, `.replace`.
    cluster : str, optional
        Collection session. With 12 treated sessions or more, two-way clustering by pair and session (Cameron, Gelbach
        and Miller 2011); with fewer, by session with CR2 and Satterthwaite df. Without it: by pair; without pairs
        HC3.

    Raises
    ------
    EmptyCell
        Nobody of one arm is left, or treated people come from fewer than four sessions: described, not estimated.
    """
    used = _used(frame, sample, outcome, treat, covariates, survey_weight, cluster)
    treated = used[treat].to_numpy() == 1
    match = sample.match_weight.reindex(used.index).to_numpy(dtype=float)
    weight = match * _roles.weights(used, survey_weight)
    x, names, lead = _interacted(used, treated, weight, covariates)
    fit = inference.regress(x, used[outcome].to_numpy(dtype=float), names, weight)
    pair = _pair_labels(used.index, sample)
    value = float(lead @ fit.params)
    se, df, how = _error(fit, lead, pair, used, cluster, treated, kind, bool(getattr(sample, "replace", False)))
    n = {"treated": int(treated.sum()), "untreated": int((~treated).sum())}
    sessions = (
        None if cluster is None else int(min(used[cluster][treated].nunique(), used[cluster][~treated].nunique()))
    )
    return from_se(
        value, se, df=df, n=n, n_sessions=sessions, n_effective=_roles.kish(weight[~treated]),
        method=f"weighted g-computation after {sample.method}", se_method=how, outcome=outcome,
        estimand=_words(sample.estimand), sample=sample.estimand,
    )  # fmt: skip


def influence(
    frame: pd.DataFrame,
    sample: Any,
    *,
    outcome: str,
    treat: str,
    covariates: Sequence[str] = (),
    survey_weight: str | None = None,
) -> pd.Series:
    """Return each person's part in the estimate of `in_sample`, shape (people,); 0 where the sample does not use them.

    lead' (X'WX)^-1 x w e: the design and the treated people's covariates held fixed. The parts sum to 0, and the sum of
    squares of their sums by cluster is the CR0 variance.
    """
    used = _used(frame, sample, outcome, treat, covariates, survey_weight, None)
    match = sample.match_weight.reindex(used.index).to_numpy(dtype=float)
    weight = match * _roles.weights(used, survey_weight)
    x, names, lead = _interacted(used, used[treat].to_numpy() == 1, weight, covariates)
    fit = inference.regress(x, used[outcome].to_numpy(dtype=float), names, weight)
    pull = x @ np.linalg.solve(x.T @ (x * weight[:, None]), lead)
    return pd.Series(pull * weight * fit.residuals, index=used.index).reindex(frame.index, fill_value=0.0)


def _words(estimand: str) -> str:
    about = {
        "ATT": "people who attended and answered",
        "ATM": "people who attended, answered and have a counterpart",
        "ATC": "people who did not attend",
        "ATE": "everybody",
        "ATO": "people who could as well have attended",
    }
    return f"mean difference among {about.get(estimand, estimand)} ({estimand})"


def _used(frame, sample, outcome, treat, covariates, survey_weight, cluster) -> pd.DataFrame:
    roles = [outcome, treat, *covariates, *([survey_weight] if survey_weight else []), *([cluster] if cluster else [])]
    errors.require_columns(frame, roles, role="an effect")
    weight = sample.match_weight.reindex(frame.index)
    if weight.isna().any():
        raise errors.DataError("the sample belongs to another frame", todo="Design and estimate on the same people.")
    used = frame[(weight > 0).to_numpy()]
    errors.require_complete(used, roles, role="an effect")
    counts = used[treat].value_counts()
    if len(counts) < 2:
        raise errors.EmptyCell("one of the two groups has nobody in the sample", todo="Look at the matching.")
    if cluster is not None and used.loc[used[treat] == 1, cluster].nunique() < LEAST_SESSIONS:
        raise errors.EmptyCell(f"attendees come from fewer than {LEAST_SESSIONS} sessions: they are described only")
    return used


def _interacted(
    used: pd.DataFrame, treated: np.ndarray, weight: np.ndarray, covariates: Sequence[str]
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return the design matrix with all products, its names, and the contrast that averages over the treated."""
    t = treated.astype(float)
    kept = [c for c in covariates if used[c].nunique() > 1]
    if not kept:
        return np.column_stack([np.ones(len(used)), t]), ["(Intercept)", "treated"], np.array([0.0, 1.0])
    built = _roles.columns(used, kept, drop_first=True)
    z, names = built.matrix, list(built.names)
    products = z * t[:, None]
    full = np.column_stack([np.ones(len(used)), t, z, products])
    labels = ["(Intercept)", "treated", *names, *[f"treated:{n}" for n in names]]
    scaled = full * np.sqrt(weight)[:, None]
    keep = _independent(scaled)
    mean = weight[treated] @ z[treated] / weight[treated].sum()
    lead = np.concatenate([[0.0, 1.0], np.zeros(len(names)), mean])
    return full[:, keep], [labels[i] for i in keep], lead[keep]


def _independent(x: np.ndarray) -> list[int]:
    """Return the columns that are not a combination of those before them (R's rule for aliased terms)."""
    kept: list[int] = []
    basis = np.zeros((len(x), 0))
    for j in range(x.shape[1]):
        column = x[:, j]
        left = column - basis @ (basis.T @ column)
        left = left - basis @ (basis.T @ left)
        size = np.linalg.norm(left)
        if size > 1e-9 * max(np.linalg.norm(column), 1e-300):
            kept.append(j)
            basis = np.column_stack([basis, left / size])
    return kept


def _pair_labels(index: pd.Index, sample: Any) -> np.ndarray | None:
    """Return a set label per person: pairs that share a member form one set; None without pairs."""
    stratum = getattr(sample, "stratum", None)
    if not len(sample.pairs):
        return None if stratum is None else stratum.reindex(index).astype(str).to_numpy()
    place = {label: i for i, label in enumerate(index)}
    root = list(range(len(index)))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for a, b in zip(sample.pairs["treated"], sample.pairs["control"], strict=True):
        if a in place and b in place:
            root[find(place[a])] = find(place[b])
    return np.array([find(i) for i in range(len(index))])


def _error(fit, lead, pair, used, cluster, treated, kind, replace):
    """Return standard error, degrees of freedom and their name, by the design."""
    if cluster is not None:
        session = used[cluster].to_numpy()
        few = min(len(set(session[treated])), len(set(session[~treated])))
        if few < FEW_SESSIONS or pair is None:
            _, se, df = inference.cluster_robust(fit, session, kind="CR2").contrast(lead)
            return se, max(df, 1.0), "by session, CR2 with Satterthwaite df"
        se = _two_way(fit, lead, pair, session)
        return se, float(min(len(set(session)), len(set(pair))) - 1), "two-way by pair and session, CR1"
    if pair is not None and not replace:
        cov = inference.cluster_robust(fit, pair, kind=kind)
        _, se, df = cov.contrast(lead)
        return se, df, f"by pair, {kind}"
    return _hc3(fit, lead), float(len(fit.y) - fit.x.shape[1]), "HC3"


def _two_way(fit: inference.Regression, lead: np.ndarray, pair: np.ndarray, session: np.ndarray) -> float:
    both = [f"{p}|{s}" for p, s in zip(pair, session, strict=True)]
    parts = [inference.cluster_robust(fit, g, kind="CR1").matrix.to_numpy() for g in (pair, session, both)]
    by_pair, by_session, shared = (float(lead @ m @ lead) for m in parts)
    return float(np.sqrt(max(by_pair + by_session - shared, by_pair, by_session)))


def _hc3(fit: inference.Regression, lead: np.ndarray) -> float:
    x, w = fit.x, fit.weights
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    hat = np.einsum("ij,jk,ik->i", x, bread, x) * w
    scores = x * (w * fit.residuals / (1 - hat))[:, None]
    return float(np.sqrt(lead @ bread @ scores.T @ scores @ bread @ lead))


def doubly_robust(
    frame: pd.DataFrame,
    *,
    outcome: str,
    treat: str,
    covariates: Sequence[str],
    survey_weight: str | None = None,
    cluster: str | None = None,
) -> Estimate:
    """Estimate the ATT by augmented inverse-probability weighting (Robins, Rotnitzky and Zhao 1994).

    sum over treated of s (Y - m0(X)) / sum s, less the same over others with weights s p / (1 - p); m0 is fitted to the
    untreated with survey weights. Errors by the influence function, with the score's and the outcome model's
    estimation in it, summed by session where sessions are known (G / (G - 1), t on G - 1).
    """
    roles = [outcome, treat, *covariates, *([survey_weight] if survey_weight else []), *([cluster] if cluster else [])]
    errors.require_columns(frame, roles, role="an effect")
    errors.require_complete(frame, roles, role="an effect")
    scores = propensity.fit(frame.drop(columns=[outcome]), treat=treat, covariates=list(covariates),
                            survey_weight=survey_weight)  # fmt: skip
    d = frame[treat].to_numpy(dtype=float)
    s = _roles.weights(frame, survey_weight)
    s = s / s.mean()
    y, p = frame[outcome].to_numpy(dtype=float), scores.values.reindex(frame.index).to_numpy()
    built = _roles.columns(frame, list(covariates), drop_first=True)
    x = np.column_stack([np.ones(len(y)), built.matrix])
    w0 = s * (1 - d)
    bread = np.linalg.pinv(x.T @ (x * w0[:, None]))
    beta = bread @ (x.T @ (w0 * y))
    left = y - x @ beta
    odds = s * (1 - d) * p / (1 - p)
    treated_size, control_size = (s * d).sum(), odds.sum()
    value_t, value_c = (s * d * left).sum() / treated_size, (odds * left).sum() / control_size
    influence = s * d * (left - value_t) / treated_size - odds * (left - value_c) / control_size
    gap = odds @ x / control_size - (s * d) @ x / treated_size
    influence += (x * (w0 * left)[:, None]) @ bread @ gap
    slope = (odds / (p * (1 - p)) * (left - value_c)) @ scores.gradient / control_size
    influence -= scores.scores @ scores.bread.T @ slope
    value = value_t - value_c
    se, df, how = _summed(influence, None if cluster is None else frame[cluster].to_numpy())
    n = {"treated": int(d.sum()), "untreated": int((1 - d).sum())}
    sessions = None if cluster is None else int(frame[cluster].nunique())
    return from_se(
        float(value), se, df=df, n=n, n_sessions=sessions, n_effective=_roles.kish(odds[d == 0]),
        method="doubly robust (augmented weighting)", se_method=how, outcome=outcome, estimand=_words("ATT"),
        sample="ATT",
    )  # fmt: skip


def _summed(influence: np.ndarray, cluster: np.ndarray | None) -> tuple[float, float, str]:
    if cluster is None:
        return float(np.sqrt((influence**2).sum())), float(len(influence) - 1), "influence function"
    codes, count = inference.cluster_codes(cluster, len(influence))
    sums = np.bincount(codes, influence, minlength=count)
    return float(np.sqrt(count / (count - 1) * (sums**2).sum())), float(count - 1), "influence function, by session"


def weighted(
    frame: pd.DataFrame,
    sample: Any,
    *,
    outcome: str,
    treat: str,
    survey_weight: str | None = None,
    cluster: str | None = None,
) -> Estimate:
    """Estimate the difference of weighted means, with an error that knows that the score was estimated.

    M-estimation (Lunceford and Davidian 2004, section 4; Stefanski and Boos 2002): the influence of each person on the
    two weighted means, plus its influence on the score's coefficients times the derivative of the difference by
    these. Summed by session where sessions are known (G / (G - 1), t on G - 1), else normal.

    Parameters
    ----------
    sample : MatchedSample
        Made by `matching.weights` from fitted scores (not trimmed, no shift of prevalence), ATT, ATC, ATE, ATO or ATM.

    Raises
    ------
    Unsupported
        Weights that do not come from a fitted score: `in_sample` serves them.
    """
    if sample.estimated != "propensity" or getattr(sample, "capped", False):
        raise errors.Unsupported("the weights do not come from a fitted score alone", todo="Use effects.in_sample.")
    used = _used(frame, sample, outcome, treat, (), survey_weight, cluster)
    scores = sample.scores
    if len(used) < len(scores.values) or not used.index.equals(scores.values.index):
        raise errors.DataError("the score was fitted to other people", todo="Design and estimate on the same people.")
    d, y = used[treat].to_numpy(dtype=float), used[outcome].to_numpy(dtype=float)
    s, p = _roles.weights(used, survey_weight), scores.values.to_numpy()
    w = s * sample.match_weight.reindex(used.index).to_numpy(dtype=float)
    size = np.array([(w * (1 - d)).sum(), (w * d).sum()])
    means = np.array([(w * (1 - d) * y).sum(), (w * d * y).sum()]) / size
    lever = d * (y - means[1]) / size[1] - (1 - d) * (y - means[0]) / size[0]
    slope = (s * _by_chance(sample.target, d == 1, p) * lever) @ scores.gradient
    influence = w * lever + scores.scores @ scores.bread.T @ slope
    se, df, how = _summed(influence, None if cluster is None else used[cluster].to_numpy())
    sessions = None if cluster is None else int(used[cluster].nunique())
    return from_se(
        float(means[1] - means[0]), se, df=df if cluster else float("inf"), n_sessions=sessions,
        n={"treated": int(d.sum()), "untreated": int((1 - d).sum())}, n_effective=_roles.kish(w[d == 0]),
        method=f"weighted means after {sample.method}", se_method=f"M-estimation, {how}", outcome=outcome,
        estimand=_words(sample.estimand), sample=sample.estimand,
    )  # fmt: skip


def _by_chance(target: str, treated: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the derivative of each person's weight by the chance of treatment."""
    lower = p < 0.5
    return {
        "ATT": np.where(treated, 0.0, 1 / (1 - p) ** 2),
        "ATC": np.where(treated, -1 / p**2, 0.0),
        "ATE": np.where(treated, -1 / p**2, 1 / (1 - p) ** 2),
        "ATO": np.where(treated, -1.0, 1.0),
        "ATM": np.where(treated, np.where(lower, 0.0, -1 / p**2), np.where(lower, 1 / (1 - p) ** 2, 0.0)),
    }[target]
