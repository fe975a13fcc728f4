"""Which error a design demands: by pair, by session, both, or of single people."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import inference

FEW_SESSIONS = 12
LEAST_SESSIONS = 4


def refuse_few(used: pd.DataFrame, treat: str, cluster: str | None) -> None:
    """Raise when treated people come from fewer than four sessions: they are described, not estimated."""
    if cluster is not None and used.loc[used[treat] == 1, cluster].nunique() < LEAST_SESSIONS:
        raise errors.EmptyCell(f"attendees come from fewer than {LEAST_SESSIONS} sessions: they are described only")


def error(made: Any, lead: np.ndarray, sample: Any, cluster: str | None, kind: str) -> tuple[float, float, str]:
    """Return standard error, degrees of freedom and their name, by the design.

    `made` is a `sampled.Prepared`; `lead` (k,) the linear combination of its coefficients.
    """
    fit, treated = made.fit, made.treated
    pair = set_labels(made.used.index, sample)
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
        session = made.used[cluster].to_numpy()
        few = min(len(set(session[treated])), len(set(session[~treated])))
        if few < FEW_SESSIONS or pair is None:
            _, se, df = inference.cluster_robust(fit, session, kind="CR2").contrast(lead)
            return se, max(df, 1.0), "by session, CR2 with Satterthwaite df"
        _, by_session, df = inference.cluster_robust(fit, session, kind="CR2").contrast(lead)
        se = max(_two_way(fit, lead, pair, session), by_session)
        return se, max(df, 1.0), "two-way by pair and session, CR1, at least by session, CR2 with Satterthwaite df"
    if kind == "two-way":
        return _set_and_person(made, lead, sample)
    if pair is not None and not replace:
        _, se, df = inference.cluster_robust(fit, pair, kind=kind).contrast(lead)
        return se, df, f"by pair, {kind}"
    return _hc3(fit, lead), float(len(fit.y) - fit.x.shape[1]), "HC3"


def set_labels(index: pd.Index, sample: Any) -> np.ndarray | None:
    """Return a set label per person: pairs that share a member, or the sets of full matching; None without either."""
    if not len(sample.pairs):
        sets = sample.stratum if getattr(sample, "matched_sets", False) else None
        return None if sets is None else sets.reindex(index).astype(str).to_numpy()
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


def _two_way(fit: inference.Regression, lead: np.ndarray, pair: np.ndarray, session: np.ndarray) -> float:
    """Return the two-way error of a contrast: CR1 by pair and by session, less CR1 by both (never under either)."""
    pull = fit.x @ np.linalg.solve(fit.x.T @ (fit.x * fit.weights[:, None]), lead)
    part = pull * fit.weights * fit.residuals
    both = [f"{p}|{s}" for p, s in zip(pair, session, strict=True)]

    def variance(labels: Any) -> float:
        codes, count = inference.cluster_codes(labels, len(part))
        return count / (count - 1) * float((np.bincount(codes, part, minlength=count) ** 2).sum())

    by_pair, by_session, shared = (variance(g) for g in (pair, session, both))
    return float(np.sqrt(max(by_pair + by_session - shared, by_pair, by_session)))


def _set_and_person(made: Any, lead: np.ndarray, sample: Any) -> tuple[float, float, str]:
    """Return the two-way error by set and by person: one row per person and set (Greifer 2023; Austin and Cafri 2020).

    A person who serves several attendees stands in each of their sets with a part of its weight; clusters are the
    sets, the persons, and (taken off) the rows, each with its G / (G - 1), times (n - 1) / (n - k) of the rows.
    """
    focal, other = ("control", "treated") if sample.target == "ATC" else ("treated", "control")
    place = pd.Series(np.arange(len(made.used)), index=made.used.index)
    pairs = sample.pairs[sample.pairs["treated"].isin(place.index) & sample.pairs["control"].isin(place.index)]
    sets, members = place[pairs[focal]].to_numpy(), place[pairs[other]].to_numpy()
    part = 1.0 / np.bincount(sets)[sets]
    part = part / np.bincount(members, weights=part)[members]
    heads = np.unique(sets)
    row = np.concatenate([heads, members])
    which = np.concatenate([heads, sets])
    weight = made.weight[row] * np.concatenate([np.ones(len(heads)), part])
    x, y = made.fit.x[row], made.fit.y[row]
    long = inference.Regression(x, y, weight, made.fit.params, made.fit.names)
    labels = (which, row, np.arange(len(row)))
    by = [inference.cluster_robust(long, g, kind="CR1S").matrix.to_numpy() for g in labels]
    by_set, by_person, rows = (float(lead @ m @ lead) for m in by)
    df = float(min(len(heads), len(set(row.tolist()))) - 1)
    return float(np.sqrt(max(by_set + by_person - rows, 0.0))), df, "two-way by set and person, CR1S"


def _hc3(fit: inference.Regression, lead: np.ndarray) -> float:
    x, w = fit.x, fit.weights
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    hat = np.einsum("ij,jk,ik->i", x, bread, x) * w
    left = np.where(1 - hat > 1e-10, 1 - hat, np.inf)  # a person fitted exactly has no residual: 0, not 0 / 0
    scores = x * (w * fit.residuals / left)[:, None]
    return float(np.sqrt(lead @ bread @ scores.T @ scores @ bread @ lead))


def summed(influence: np.ndarray, cluster: np.ndarray | None, treated: np.ndarray) -> tuple[float, float, str]:
    """Return error, degrees of freedom and their name from each person's influence, summed by session where known.

    G / (G - 1) on the sums; t on G - 1, or on the sessions of the arm with fewer, less one, where that arm has under
    12: the sums of its sessions carry most of the variance.
    """
    if cluster is None:
        return float(np.sqrt((influence**2).sum())), float(len(influence) - 1), "influence function"
    codes, count = inference.cluster_codes(cluster, len(influence))
    sums = np.bincount(codes, influence, minlength=count)
    few = min(len(np.unique(codes[treated])), len(np.unique(codes[~treated])))
    df = float((few if few < FEW_SESSIONS else count) - 1)
    return float(np.sqrt(count / (count - 1) * (sums**2).sum())), df, "influence function, by session"
