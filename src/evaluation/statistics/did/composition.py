"""Whether other kinds of people answered after than before: seen, tested and adjusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics import _roles
from evaluation.statistics.did import influence_functions, two_by_two_cells
from evaluation.statistics.did.doubly_robust import finish
from evaluation.statistics.did.regression import two_by_two

CELLS = ((1, 1), (1, 0), (0, 1), (0, 0))
RIDGE = 1e-6  # keeps Newton's steps finite; does not move four digits
MOST = 20.0


@dataclass(frozen=True, slots=True)
class Composition:
    """How the people of two waves differ, read against chance.

    `table` (column, before, after, smd), `worst` |smd|, `p` the share of draws, with sessions dealt to waves by lot,
    whose worst is as large; `reference` the 90th and 99th percentile of these.
    """

    table: pd.DataFrame
    worst: float
    p: float
    reference: tuple[float, float]
    draws: int

    @property
    def grade(self) -> str:
        """Return "pass" to the 90th percentile, "flag" to the 99th, "fail" above."""
        return "pass" if self.worst <= self.reference[0] else "flag" if self.worst <= self.reference[1] else "fail"


def between_waves(
    frame: pd.DataFrame,
    *,
    time: str,
    columns: Sequence[str],
    session: str | None = None,
    weight: str | None = None,
    draws: int = 200,
    seed: int = 0,
) -> Composition:
    """Compare who answered at two times, against waves drawn by lot (whole sessions dealt anew).

    Weights are scaled to mean 1 within each wave as drawn; standardised by the pooled SD of the data.
    """
    roles = [time, *columns, *[c for c in (session, weight) if c]]
    errors.require_columns(frame, roles, role="composition")
    errors.require_complete(frame, roles, role="composition")
    t, w = two_by_two_cells.binary(frame, time), two_by_two_cells.weights(frame, weight, None)
    built = _roles.columns(frame, list(columns), drop_first=False)
    v = built.matrix
    codes = (
        np.arange(len(t))
        if session is None
        else pd.factorize(frame[session].astype(str) + "|" + frame[time].astype(str))[0]
    )
    late = np.zeros(codes.max() + 1)
    late[codes] = t
    sd = np.sqrt((v[t == 1].var(axis=0, ddof=1) + v[t == 0].var(axis=0, ddof=1)) / 2)
    sd = np.where(sd > 0, sd, np.inf)

    def gaps(when: np.ndarray) -> np.ndarray:
        a, b = w * when, w * (1 - when)
        return (a @ v / a.sum() - b @ v / b.sum()) / sd

    own, rng = gaps(t), np.random.default_rng(seed)
    drawn = np.array([np.abs(gaps(rng.permutation(late)[codes])).max() for _ in range(draws)])
    worst = float(np.abs(own).max())
    a, b = w * t, w * (1 - t)
    table = pd.DataFrame({"column": built.names, "before": b @ v / b.sum(), "after": a @ v / a.sum(), "smd": own})
    return Composition(
        table,
        worst,
        float((1 + (drawn >= worst - 1e-12).sum()) / (1 + draws)),
        (float(np.quantile(drawn, 0.9)), float(np.quantile(drawn, 0.99))),
        draws,
    )


def chances(x: np.ndarray, cell: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the chance of each of the four cells, (n, 4), by a weighted multinomial logit; `cell` codes 0 to 3.

    Newton's method; the last cell is the reference.
    """
    n, k = x.shape
    z = np.column_stack([np.ones(n), _roles.standardise(x[:, 1:])[0]]) if k > 1 else x
    y = (cell[:, None] == np.arange(3)[None, :]).astype(float)
    beta = np.zeros((3, k))
    p = np.full((n, 4), 0.25)
    for _ in range(100):
        eta = np.column_stack([z @ beta.T, np.zeros(n)])
        p = np.exp(eta - eta.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        score = ((w[:, None] * (y - p[:, :3])).T @ z) - RIDGE * beta
        blocks = [[(z * (w * p[:, a] * ((a == b) - p[:, b]))[:, None]).T @ z for b in range(3)] for a in range(3)]
        step = np.linalg.solve(np.block(blocks) + RIDGE * np.eye(3 * k), score.ravel()).reshape(3, k)
        beta = beta + step * min(1.0, 5.0 / max(np.abs(z @ step.T).max(), 1e-300))
        if np.abs(z @ step.T).max() < 1e-9:
            return p
    raise errors.NotConverged("a covariate tells the four cells apart", todo="Join small levels, or use fewer columns.")


def _prepared(frame, outcome, group, time, covariates, weight, cluster):
    read = two_by_two_cells.read(
        frame,
        outcome=outcome,
        group=group,
        time=time,
        covariates=covariates,
        weight=weight,
        cluster=cluster,
        rescale=True,
    )
    if not isinstance(read, two_by_two_cells.Cells):
        return read, None, None
    x = np.column_stack([np.ones(len(read.y)), read.x])
    cell = np.select([(read.g == a) & (read.t == b) for a, b in CELLS], range(4))
    return read, x, cell


def four_group_weights(
    frame: pd.DataFrame, *, group: str, time: str, covariates: Sequence[str], weight: str | None = None
) -> pd.Series:
    """Return weights that make all four cells resemble the group before (Stuart and others 2014, section 3).

    e1(x) / e_own(x), times the survey weight, of mean 1 within each cell; held at 20 times their cell's median. The
    group must be known in both waves: a place or an ethnic group, never attendance where it was not asked.
    """
    dummy = frame.assign(_y=0.0)
    read, x, cell = _prepared(dummy, "_y", group, time, covariates, weight, None)
    if isinstance(read, NotIdentified):
        raise errors.DataError(read.reason, todo=read.what_would_help)
    if isinstance(read, TooFew):
        raise errors.EmptyCell("a cell has nobody in it", todo="All four cells need people.")
    p = chances(x, cell, read.w)
    raw = p[:, CELLS.index((1, 0))] / p[np.arange(len(p)), cell] * read.w
    for c in range(4):
        rows = cell == c
        raw[rows] = np.minimum(raw[rows], MOST * np.median(raw[rows]))
        raw[rows] /= raw[rows].mean()
    return pd.Series(raw, index=frame.index)


def four_group(
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    covariates: Sequence[str],
    weight: str | None = None,
    cluster: str | None = None,
) -> Estimate | NotIdentified | TooFew:
    """Estimate the two-by-two with four-group weights: every cell looks like the group before."""
    checked = two_by_two_cells.read(
        frame, outcome=outcome, group=group, time=time, covariates=covariates, weight=weight, cluster=cluster
    )
    if not isinstance(checked, two_by_two_cells.Cells):
        return checked
    made = four_group_weights(frame, group=group, time=time, covariates=covariates, weight=weight)
    data = frame.assign(_four=made)
    found = two_by_two(data, outcome=outcome, group=group, time=time, weight="_four", cluster=cluster)
    if not isinstance(found, Estimate):
        return found
    return replace(
        found,
        method="two by two, all cells weighted to the group before",
        se_method=f"{found.se_method}, weights as given",
        n_effective=float(_roles.kish(made.to_numpy())),
    )


def robust_to_composition(
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    covariates: Sequence[str],
    weight: str | None = None,
    cluster: str | None = None,
) -> Estimate | NotIdentified | TooFew:
    """Estimate the effect on the group after without taking who answers to be the same at both times.

    Sant'Anna and Xu (2023), equation 3.5: regressions in four cells carried to the people of the group after, residuals
    weighted by ratios of cell chances; doubly robust. Error by the efficient influence function (its nuisances do not
    move it to first order).
    """
    made = _carried(frame, outcome, group, time, covariates, weight, cluster)
    if not isinstance(made, tuple):
        return made
    value, inf, read = made
    return finish(
        value,
        inf,
        None if cluster is None else frame[cluster],
        n=read.counts,
        outcome=outcome,
        method="doubly robust, composition free to change",
        estimand="average effect on the group after (ATT)",
    )


def _carried(frame, outcome, group, time, covariates, weight, cluster) -> Any:
    read, x, cell = _prepared(frame, outcome, group, time, covariates, weight, cluster)
    if not isinstance(read, two_by_two_cells.Cells):
        return read
    p = chances(x, cell, read.w)
    target = read.w * (cell == 0)
    mu = {c: x @ influence_functions.outcome(read.y, x, read.w * (cell == i))[0] for i, c in enumerate(CELLS)}
    gap = (mu[1, 1] - mu[1, 0]) - (mu[0, 1] - mu[0, 0])
    value, inf = influence_functions._mean(gap, target)
    for i, (a, b) in enumerate(CELLS):
        ratio = read.w * (cell == i) * p[:, 0] / p[:, i]
        cap = MOST * np.median(ratio[cell == i])
        part, own = influence_functions._mean(read.y - mu[a, b], np.minimum(ratio, cap))
        sign = 1 if a == b else -1
        value, inf = value + sign * part, inf + sign * own
    return value, inf, read


@dataclass(frozen=True, slots=True)
class CompositionTest:
    """The contrast of the estimate that takes composition as constant with the one that does not.

    `constant`, `free` estimates; `difference` their gap with its error and p: small p, composition matters.
    """

    constant: Estimate
    free: Estimate
    difference: Estimate


def composition_test(
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    covariates: Sequence[str],
    weight: str | None = None,
    cluster: str | None = None,
) -> CompositionTest | NotIdentified | TooFew:
    """Test whether a change of composition moves the estimate (Hausman's test, Sant'Anna and Xu 2023, section 4.2)."""
    made = _carried(frame, outcome, group, time, covariates, weight, cluster)
    if not isinstance(made, tuple):
        return made
    free, inf_free, read = made
    x = np.column_stack([np.ones(len(read.y)), read.x])
    constant, inf_constant = influence_functions.rc_doubly_robust(read.y, read.t, read.g, x, read.w / read.w.mean())
    labels = None if cluster is None else frame[cluster]
    words = {"n": read.counts, "outcome": outcome}
    return CompositionTest(
        finish(constant, inf_constant, labels, method="doubly robust, composition constant", **words),
        finish(free, inf_free, labels, method="doubly robust, composition free to change", **words),
        finish(constant - free, inf_constant - inf_free, labels, method="constant less free composition", **words),
    )


__all__ = [
    "Composition",
    "CompositionTest",
    "between_waves",
    "chances",
    "composition_test",
    "four_group",
    "four_group_weights",
    "robust_to_composition",
]
