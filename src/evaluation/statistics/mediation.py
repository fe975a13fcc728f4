"""How much of a difference goes through other answers: parallel mediation by pingouin, unweighted, exploratory."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from evaluation.errors import DataError, require_columns
from evaluation.results import Estimate, NotIdentified
from evaluation.statistics import _roles

LEAST = 30  # people with every answer, under which nothing is worked out
BOOTSTRAP = "bias-corrected bootstrap of people"


def paths(
    frame: pd.DataFrame,
    *,
    x: str,
    mediators: Sequence[str],
    y: str,
    covariates: Sequence[str] = (),
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate] | NotIdentified:
    """Return the total and direct difference, and the part that goes through each mediator.

    Parameters
    ----------
    frame : DataFrame
        One row per person, numbers. Rows with any of these columns missing are left out, and the result says how many
        people remain.
    x : str
        Column of 0 and 1: the group.
    mediators : sequence of str
        Columns of the parallel mediators, one or more.
    y : str
        Column of the outcome.
    covariates : sequence of str
        Columns that stand in every regression.
    draws : int
        Bootstrap draws.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict of str to Estimate, or NotIdentified
        "total", "direct", and one entry for each mediator (its indirect path), in units of y, with 95 % intervals.
        `NotIdentified` with fewer than 30 people in either group of x, or where an answer does not vary.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    DataError
        No mediator; x with values other than 0 and 1.

    Notes
    -----
    Linear regressions as `pingouin.mediation_analysis` fits them; indirect paths by a bias-corrected bootstrap. People
    are taken as a simple random sample: weights and sessions are left out, so intervals are too narrow, and who answers
    what way for unseen reasons is in every path. It orders answers given at one time, so it cannot show that one of
    them came first.

    References
    ----------
    Baron and Kenny (1986).
    """
    from pingouin import mediation_analysis

    if not mediators:
        raise DataError("mediation needs a mediator", todo="Name at least one.")
    _roles.refuse_own_covariates([*mediators, *covariates], x, y)
    used = [x, *mediators, y, *covariates]
    require_columns(frame, used, role="mediation")
    known = frame[used].astype("Float64").dropna().astype(float)
    if not set(known[x].unique()) <= {0.0, 1.0}:
        raise DataError(f"{x!r} must be 0 or 1 in a mediation", todo="Make it 0 and 1.")
    sizes = {"group": int((known[x] == 1).sum()), "others": int((known[x] == 0).sum())}
    if min(sizes.values()) < LEAST:
        few = f"fewer than {LEAST} people of a group gave all of these answers"
        return NotIdentified(few, "More answers in both groups.")
    still = [c for c in (*mediators, y) if known[c].nunique() < 2]
    if still:
        return NotIdentified("everybody gave the same answer to one of these questions", "Ask more people.")
    kept = [c for c in covariates if known[c].nunique() > 1]
    table = mediation_analysis(
        data=known, x=x, m=list(mediators), y=y, covar=kept or None, n_boot=draws, seed=seed
    ).set_index("path")
    names = {"total": "Total", "direct": "Direct"}
    indirect = "Indirect {}" if len(mediators) > 1 else "Indirect"
    names |= {m: indirect.format(m) for m in mediators}
    return {key: _path(table.loc[path], key in ("total", "direct"), sizes) for key, path in names.items()}


def _path(row: pd.Series[float], least_squares: bool, sizes: dict[str, int]) -> Estimate:
    """Return one row of pingouin's table as an estimate."""
    low, high = (float(row[c]) for c in row.index if str(c).startswith("CI"))
    return Estimate(
        float(row["coef"]),
        se=float(row["se"]),
        low=low,
        high=high,
        df=math.inf,
        n=sizes,
        licence="exploratory",
        method="mediation, linear regressions, unweighted",
        se_method="least squares" if least_squares else BOOTSTRAP,
    )
