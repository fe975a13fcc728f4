"""Which error a design demands: by pair, by session, both, or of single people."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from evaluation import errors
from evaluation.statistics import inference
from evaluation.statistics._arrays import Booleans, Floats, Integers, group_sums
from evaluation.statistics.matching.sample import MatchedSample

FEW_SESSIONS = 12
LEAST_SESSIONS = 4
Labels = Integers | npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class OutcomeModel:
    """The outcome model of a designed sample.

    Attributes
    ----------
    used : DataFrame
        The people with weight.
    treated : ndarray of bool, shape (n,)
        Who of them is treated.
    weight : ndarray, shape (n,)
        Match weight times survey weight.
    fit : inference.Regression
        Regression on treatment, covariates and their products.
    difference : ndarray, shape (k,)
        Contrast whose product with the coefficients is the mean predicted difference over the treated.
    untreated : ndarray, shape (k,)
        Contrast whose product with the coefficients is the mean prediction of the treated without treatment.
    by_session : dict of str to Covariance
        Covariances by session of outcomes on this design, by the session's column: models of other outcomes of the same
        people share it.
    """

    used: pd.DataFrame
    treated: Booleans
    weight: Floats
    fit: inference.Regression
    difference: Floats
    untreated: Floats
    by_session: dict[str, inference.Covariance] = field(default_factory=dict, repr=False, compare=False)


def refuse_few(used: pd.DataFrame, treat: str, cluster: str | None) -> None:
    """Refuse treated people from fewer than four sessions: they are described, not estimated.

    Parameters
    ----------
    used : DataFrame
        The people of the estimate.
    treat : str
        Column of 0 and 1.
    cluster : str or None
        Column of the session; None is never refused.

    Raises
    ------
    EmptyCell
        Fewer than `LEAST_SESSIONS` sessions with treated people.
    """
    if cluster is not None and used.loc[used[treat] == 1, cluster].nunique() < LEAST_SESSIONS:
        raise errors.EmptyCell(f"attendees come from fewer than {LEAST_SESSIONS} sessions: they are described only")


def standard_error(
    model: OutcomeModel, contrast: Floats, sample: MatchedSample, cluster: str | None, kind: str
) -> tuple[float, float, str]:
    """Return the standard error of a contrast that the design demands.

    By session with CR2 and Satterthwaite df, two-way by pair and session (Cameron, Gelbach and Miller 2011), by pair or
    matched set, or HC3 of single people.

    Parameters
    ----------
    model : OutcomeModel
        Outcome model of the designed sample.
    contrast : ndarray, shape (k,)
        Linear combination of its coefficients.
    sample : MatchedSample
        The design.
    cluster : str or None
        Column of the collection session.
    kind : str
        Without sessions: a kind of `inference.cluster_robust`, or "two-way" by set and person.

    Returns
    -------
    se : float
        Standard error, in the unit of the contrast.
    df : float
        Degrees of freedom of the t distribution.
    method : str
        Name of the error.

    Raises
    ------
    Unsupported, EmptyCell
        A kind that is not known or not for this design; an arm of one person.
    """
    fit, treated = model.fit, model.treated
    pair = set_labels(model.used.index, sample)
    replace = bool(getattr(sample, "replace", False))
    if kind not in ("two-way", *inference.KINDS):
        raise errors.Unsupported(f"kind {kind!r} is not known", todo=f"Use 'two-way' or one of {inference.KINDS}.")
    if min(treated.sum(), (~treated).sum()) < 2:
        raise errors.EmptyCell(
            "one of the two groups has one person only, so the effect has no error",
            todo="Describe that person's group instead.",
        )
    if kind == "two-way" and not (replace and len(sample.pairs)):
        raise errors.Unsupported("two-way errors are for matching with replacement", todo="Leave kind out.")
    if cluster is not None:
        session = model.used[cluster].to_numpy()
        few = min(len(set(session[treated])), len(set(session[~treated])))
        covariance = inference.cluster_robust(fit, session, kind="CR2", like=model.by_session.get(cluster))
        model.by_session[cluster] = covariance
        _, by_session, df = covariance.contrast(contrast)
        if few < FEW_SESSIONS or pair is None:
            return by_session, max(df, 1.0), "by session, CR2 with Satterthwaite df"
        se = max(_two_way_error(fit, contrast, pair, session), by_session)
        return se, max(df, 1.0), "two-way by pair and session, CR1, at least by session, CR2 with Satterthwaite df"
    if kind == "two-way":
        return _set_and_person_error(model, contrast, sample)
    if pair is not None and not replace:
        _, se, df = inference.cluster_robust(fit, pair, kind=kind).contrast(contrast)
        return se, df, f"by pair, {kind}"
    return _hc3_error(fit, contrast), float(len(fit.y) - fit.x.shape[1]), "HC3"


def set_labels(index: pd.Index, sample: MatchedSample) -> Labels | None:
    """Return the matched set of each person: pairs that share a member, or the sets of full matching.

    Parameters
    ----------
    index : Index
        Labels of the people of the estimate.
    sample : MatchedSample
        The design.

    Returns
    -------
    ndarray, shape (n,), or None
        A label per person; None without pairs and sets.
    """
    if not len(sample.pairs):
        sets = sample.stratum if getattr(sample, "matched_sets", False) else None
        return None if sets is None else sets.reindex(index).astype(str).to_numpy()
    place = {label: i for i, label in enumerate(index)}
    root = list(range(len(index)))

    def _find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for a, b in zip(sample.pairs["treated"], sample.pairs["control"], strict=True):
        if a in place and b in place:
            root[_find(place[a])] = _find(place[b])
    return np.array([_find(i) for i in range(len(index))])


def _two_way_error(fit: inference.Regression, contrast: Floats, pair: Labels, session: Labels) -> float:
    """Return the two-way error of a contrast: CR1 by pair and by session, less CR1 by both (never under either)."""
    pull = fit.x @ np.linalg.solve(fit.x.T @ (fit.x * fit.weights[:, None]), contrast)
    part = pull * fit.weights * fit.residuals
    both = [f"{p}|{s}" for p, s in zip(pair, session, strict=True)]

    def variance(labels: Labels | list[str]) -> float:
        codes, count = inference.cluster_codes(labels, len(part))
        return count / (count - 1) * float((group_sums(codes, part, count) ** 2).sum())

    by_pair, by_session, shared = (variance(g) for g in (pair, session, both))
    return float(np.sqrt(max(by_pair + by_session - shared, by_pair, by_session)))


def _set_and_person_error(model: OutcomeModel, contrast: Floats, sample: MatchedSample) -> tuple[float, float, str]:
    """Return the two-way error by set and by person: one row per person and set (Greifer 2023; Austin and Cafri 2020).

    A person who serves several attendees stands in each of their sets with a part of its weight; clusters are the
    sets, the persons, and (taken off) the rows, each with its G / (G - 1), times (n - 1) / (n - k) of the rows.
    """
    focal, other = ("control", "treated") if sample.target == "ATC" else ("treated", "control")
    place = pd.Series(np.arange(len(model.used)), index=model.used.index)
    pairs = sample.pairs[sample.pairs["treated"].isin(place.index) & sample.pairs["control"].isin(place.index)]
    sets, members = place[pairs[focal]].to_numpy(), place[pairs[other]].to_numpy()
    part = 1.0 / np.bincount(sets)[sets]
    part = part / group_sums(members, part)[members]
    heads = np.unique(sets)
    row = np.concatenate([heads, members])
    which = np.concatenate([heads, sets])
    weight = model.weight[row] * np.concatenate([np.ones(len(heads)), part])
    x, y = model.fit.x[row], model.fit.y[row]
    long = inference.Regression(x, y, weight, model.fit.params, model.fit.names)
    labels = (which, row, np.arange(len(row)))
    by = [inference.cluster_robust(long, g, kind="CR1S").matrix.to_numpy() for g in labels]
    by_set, by_person, rows = (float(contrast @ m @ contrast) for m in by)
    df = float(min(len(heads), len(set(row.tolist()))) - 1)
    return float(np.sqrt(max(by_set + by_person - rows, 0.0))), df, "two-way by set and person, CR1S"


def _hc3_error(fit: inference.Regression, contrast: Floats) -> float:
    x, w = fit.x, fit.weights
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    hat = np.einsum("ij,jk,ik->i", x, bread, x) * w
    left = np.where(1 - hat > 1e-10, 1 - hat, np.inf)  # a person fitted exactly has no residual: 0, not 0 / 0
    scores = x * (w * fit.residuals / left)[:, None]
    return float(np.sqrt(contrast @ bread @ scores.T @ scores @ bread @ contrast))


def influence_error(influence: Floats, cluster: Labels | None, treated: Booleans) -> tuple[float, float, str]:
    """Return the standard error of the sum of each person's influence, by session where sessions are known.

    G / (G - 1) on the sums; t on G - 1, or on the sessions of the arm with fewer, less one, where that arm has under
    12: the sums of its sessions carry most of the variance.

    Parameters
    ----------
    influence : ndarray, shape (n,)
        Influence of each person on the estimate.
    cluster : ndarray, shape (n,), or None
        Session of each person.
    treated : ndarray of bool, shape (n,)
        Who is treated.

    Returns
    -------
    se : float
        Standard error, in the unit of the estimate.
    df : float
        Degrees of freedom of the t distribution.
    method : str
        Name of the error.
    """
    if cluster is None:
        return float(np.sqrt((influence**2).sum())), float(len(influence) - 1), "influence function"
    codes, count = inference.cluster_codes(cluster, len(influence))
    sums = group_sums(codes, influence, count)
    few = min(len(np.unique(codes[treated])), len(np.unique(codes[~treated])))
    df = float((few if few < FEW_SESSIONS else count) - 1)
    return float(np.sqrt(count / (count - 1) * (sums**2).sum())), df, "influence function, by session"
