"""Differences in means between the arms of a lot, within blocks, as they are and adjusted for an earlier answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics import _roles, inference
from evaluation.statistics._arrays import Floats, Integers


class Arms(NamedTuple):
    """People of a lot as arrays: outcome, 0/1 arm, codes of block and of cluster (None where people were drawn)."""

    y: Floats
    z: Integers
    block: Integers
    cluster: Integers | None


class Moments(NamedTuple):
    """A difference in means, its variance and the degrees of freedom of its interval."""

    value: float
    variance: float
    df: float


def read_arms(frame: pd.DataFrame, outcome: str, arm: str, block: str | None, cluster: str | None) -> Arms:
    """Return the people of a lot as arrays, or say what is wrong with the frame.

    Parameters
    ----------
    frame : DataFrame
        One row per person, complete in these columns.
    outcome, arm : str
        Columns of the outcome (numeric) and of the arm (0 and 1).
    block, cluster : str or None
        Columns of the block, and of the unit that was drawn where it holds several people.

    Returns
    -------
    Arms
        Outcome, arm, codes of block and cluster.

    Raises
    ------
    UnknownColumn, MissingValues, DataError
        A column that is not there, a missing value, an arm other than 0 and 1, a cluster in two arms or two blocks.
    """
    for given, role in ((block, "block"), (cluster, "cluster")):
        _roles.by_name(given, role)
    _roles.refuse_own_covariates([c for c in (block, cluster) if c], outcome, arm)
    used = [outcome, arm, *[c for c in (block, cluster) if c]]
    errors.require_columns(frame, used, role="a lot")
    errors.require_complete(frame, used, role="a lot")
    y, drawn_or_not = _roles.numeric(frame, outcome, role="outcome"), _roles.numeric(frame, arm, role="arm")
    if not np.isin(drawn_or_not, (0, 1)).all() or len(set(drawn_or_not)) < 2:
        raise errors.DataError(
            f"{arm!r} is not 0 and 1, both of them", todo="Give 1 to the units drawn and 0 to the others."
        )
    z = drawn_or_not.astype(int)
    codes = np.zeros(len(frame), dtype=int) if block is None else pd.factorize(frame[block])[0]
    drawn = None if cluster is None else pd.factorize(frame[cluster])[0]
    if drawn is not None:
        for values, role in ((z, "arm"), (codes, "block")):
            if pd.Series(values).groupby(drawn).nunique().max() > 1:
                raise errors.DataError(f"a cluster stands in two {role}s", todo="Name the unit that was drawn.")
    return Arms(y, z, codes, drawn)


def difference_in_means(
    frame: pd.DataFrame, *, outcome: str, arm: str, block: str | None = None, cluster: str | None = None
) -> Estimate:
    """Estimate the effect of the lot: difference in means within blocks, weighted by the people of each block.

    Without blocks Welch's error; with blocks the sum of each block's variance on n - 2 blocks degrees of freedom; with
    pairs (one unit an arm) the variance of the pairs' differences on pairs less one; with clusters CR2.

    Parameters
    ----------
    frame : DataFrame
        One row per person, complete in these columns.
    outcome, arm : str
        Columns of the outcome and of the arm: 1 drawn, 0 not.
    block : str, optional
        Column of the block within which was drawn.
    cluster : str, optional
        Column of the unit that was drawn, where it holds several people.

    Returns
    -------
    Estimate
        In the outcome's unit; licence and words are the caller's.

    Raises
    ------
    EmptyCell
        A block without both arms, or with one unit in an arm where others hold two.
    DataError
        A fault of the frame, as `read_arms` says.

    References
    ----------
    Gerber and Green (2012), chapters 3 and 4; Imai, King and Nall (2009) for pairs; the R package estimatr.
    """
    arms = read_arms(frame, outcome, arm, block, cluster)
    found = moments(arms)
    return from_se(
        found.value,
        math.sqrt(max(found.variance, 0.0)),
        df=found.df,
        n={"drawn": int(arms.z.sum()), "not drawn": int((1 - arms.z).sum())},
        n_sessions=None if arms.cluster is None else int(arms.cluster.max()) + 1,
        outcome=outcome,
        estimand="effect of being drawn, on everybody in the lot",
        method="difference in means within blocks" if block else "difference in means",
        se_method=_error_name(arms),
    )


def moments(arms: Arms) -> Moments:
    """Return the difference in means within blocks with its variance and degrees of freedom.

    Parameters
    ----------
    arms : Arms
        People as arrays.

    Returns
    -------
    Moments
        Difference, variance, degrees of freedom.

    Raises
    ------
    EmptyCell
        A block without both arms, or with one unit in an arm where others hold two.
    """
    blocks = int(arms.block.max(initial=0)) + 1
    share = np.bincount(arms.block, minlength=blocks) / len(arms.y)
    per_arm = np.array([_units(arms, b) for b in range(blocks)])
    if (per_arm == 0).any():
        raise errors.EmptyCell("a block holds one arm only", todo="Join blocks, or leave that block out.")
    if blocks > 1 and (per_arm == 1).all():
        return _pairs(arms, share)
    if (per_arm < 2).any():
        raise errors.EmptyCell(
            "a block has one unit in an arm, so that its variance is not known", todo="Join blocks, or draw pairs only."
        )
    parts = [_within(arms, arms.block == b) for b in range(blocks)]
    value = float(sum(s * m.value for s, m in zip(share, parts, strict=True)))
    variance = float(sum(s**2 * m.variance for s, m in zip(share, parts, strict=True)))
    units = len(arms.y) if arms.cluster is None else int(arms.cluster.max()) + 1
    return Moments(value, variance, parts[0].df if blocks == 1 else float(units - 2 * blocks))


def _units(arms: Arms, block: int) -> tuple[int, int]:
    """Return how many units of each arm a block holds."""
    rows = arms.block == block
    if arms.cluster is None:
        return int((arms.z[rows] == 0).sum()), int((arms.z[rows] == 1).sum())
    return tuple(len(np.unique(arms.cluster[rows & (arms.z == k)])) for k in (0, 1))  # type: ignore[return-value]


def _within(arms: Arms, rows: np.ndarray) -> Moments:
    """Return the difference of one block: Welch's variance and df, or CR2 with its own."""
    y, z = arms.y[rows], arms.z[rows]
    if arms.cluster is not None:
        fit = inference.regress(np.column_stack([np.ones(len(y)), z]), y, ["constant", "arm"])
        clustered = inference.cluster_robust(fit, arms.cluster[rows])
        return Moments(float(fit.params[1]), float(clustered.matrix.to_numpy()[1, 1]), float(clustered.df.iloc[1]))
    one, none = y[z == 1], y[z == 0]
    parts = one.var(ddof=1) / len(one), none.var(ddof=1) / len(none)
    below = parts[0] ** 2 / (len(one) - 1) + parts[1] ** 2 / (len(none) - 1)
    df = sum(parts) ** 2 / below if below > 0 else len(y) - 2.0
    return Moments(float(one.mean() - none.mean()), float(sum(parts)), float(df))


def _pairs(arms: Arms, share: Floats) -> Moments:
    """Return the difference of pairs, with the variance of the pairs' differences."""
    count, people = len(share), len(arms.y)
    gaps = np.array([_gap(arms, b) for b in range(count)])
    value = float(share @ gaps)
    if arms.cluster is None:
        variance = float(((gaps - value) ** 2).sum() / (count * (count - 1)))
    else:
        spread = share * people * gaps - people * value / count
        variance = float(count / ((count - 1) * people**2) * (spread**2).sum())
    return Moments(value, variance, float(count - 1))


def _gap(arms: Arms, block: int) -> float:
    rows = arms.block == block
    return float(arms.y[rows & (arms.z == 1)].mean() - arms.y[rows & (arms.z == 0)].mean())


def _error_name(arms: Arms) -> str:
    if int(arms.block.max(initial=0)) and all(
        n == (1, 1) for n in (_units(arms, b) for b in range(arms.block.max() + 1))
    ):
        return "differences of pairs; t on pairs less one"
    if arms.cluster is not None:
        return "CR2 by the units drawn"
    return "unequal variances within blocks" if arms.block.max(initial=0) else "Welch"


def adjusted_difference(
    frame: pd.DataFrame,
    *,
    outcome: str,
    arm: str,
    covariates: Sequence[str],
    block: str | None = None,
    cluster: str | None = None,
) -> Estimate:
    """Estimate the effect of the lot by regression on the arm, covariates centred and their products with the arm.

    Parameters
    ----------
    frame : DataFrame
        One row per person, complete in these columns.
    outcome, arm : str
        Columns of the outcome and of the arm: 1 drawn, 0 not.
    covariates : sequence of str
        What was known before the draw, such as the earlier answer; words become one column a level.
    block : str, optional
        Column of the block: its levels join the covariates.
    cluster : str, optional
        Column of the unit that was drawn, where it holds several people: errors are CR2, else HC2.

    Returns
    -------
    Estimate
        In the outcome's unit.

    Raises
    ------
    Collinear
        Covariates that determine one another.
    DataError
        A fault of the frame, an outcome or arm among the covariates.

    References
    ----------
    Lin (2013); `lm_lin` of the R package estimatr.
    """
    arms = read_arms(frame, outcome, arm, block, cluster)
    names = [*covariates, *([block] if block else [])]
    _roles.refuse_own_covariates(covariates, outcome, arm)
    errors.require_columns(frame, names, role="a lot")
    errors.require_complete(frame, names, role="a lot")
    words = frame.assign(**{block: frame[block].astype(str)}) if block else frame
    design = _roles.columns(words, names, drop_first=True)
    centred = design.matrix - design.matrix.mean(axis=0)
    x = np.column_stack([np.ones(len(frame)), arms.z, centred, centred * arms.z[:, None]])
    terms = ["constant", "arm", *design.names, *(f"arm x {n}" for n in design.names)]
    fit = inference.regress(x, arms.y, terms)
    kind = (
        inference.heteroskedastic(fit, kind="HC2")
        if arms.cluster is None
        else inference.cluster_robust(fit, arms.cluster)
    )
    return from_se(
        float(fit.params[1]),
        math.sqrt(float(kind.matrix.to_numpy()[1, 1])),
        df=float(kind.df.iloc[1]),
        n={"drawn": int(arms.z.sum()), "not drawn": int((1 - arms.z).sum())},
        n_sessions=None if arms.cluster is None else int(arms.cluster.max()) + 1,
        outcome=outcome,
        estimand="effect of being drawn, on everybody in the lot",
        method="regression with centred covariates and their products with the arm",
        se_method="HC2" if arms.cluster is None else "CR2 by the units drawn",
    )
