"""How much counts vary beyond plain counting: dispersion, quasi-Poisson ratios, funnels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evaluation.errors import DataError, EmptyCell, require_columns
from evaluation.results import Estimate, ratio_from_log
from evaluation.statistics.disparity.not_stated import whole_numbers

if TYPE_CHECKING:
    from statsmodels.genmod.generalized_linear_model import GLMResultsWrapper

LEAST_CELLS = 12  # month × district cells under which the dispersion is not estimated
ASSUMED = (1.5, 2.0, 3.0)  # dispersions tabled instead
_GROUPS = "__group__"


def dispersion(table: pd.DataFrame, *, count: str, population: str, group: str, cells: Sequence[str]) -> float | None:
    """Return the dispersion of a quasi-Poisson model of counts by cell and group.

    The model is log μ = cell + group + log population; φ is Pearson's X² over its degrees of freedom.

    Parameters
    ----------
    table : DataFrame
        One row per cell and group.
    count, population, group : str
        Columns of the counts, of the residents (above 0) and of the group.
    cells : sequence of str
        Columns that together name a cell (month, area).

    Returns
    -------
    float or None
        φ, never under 1; None with fewer than 12 cells (`LEAST_CELLS`).

    References
    ----------
    McCullagh and Nelder (1989), chapter 6.
    """
    places = table[list(cells)].astype(str).agg("|".join, axis=1)
    if places.nunique() < LEAST_CELLS:
        return None
    return _quasi(table, count, population, group, places)[0]


def _quasi(
    table: pd.DataFrame, count: str, population: str, group: str, places: pd.Series[str]
) -> tuple[float, GLMResultsWrapper]:
    """Return the dispersion, at least 1, and the Poisson fit that statsmodels gives (which has no types)."""
    import statsmodels.api as sm

    kept = table.groupby(places)[count].transform("sum") > 0  # a cell without any count says nothing of the groups
    rows = table[kept]
    columns = pd.get_dummies(places[kept], dtype=float)
    columns[_GROUPS] = rows[group].to_numpy()
    design = pd.concat(
        [columns.drop(columns=_GROUPS), pd.get_dummies(rows[group], prefix=_GROUPS, dtype=float).iloc[:, 1:]], axis=1
    )
    fit = sm.GLM(
        rows[count].astype(float), design, family=sm.families.Poisson(), offset=np.log(rows[population].astype(float))
    ).fit(tol=1e-12, maxiter=200)
    spread = float(fit.pearson_chi2 / fit.df_resid) if fit.df_resid > 0 else 1.0
    return max(1.0, spread), fit


def quasi_poisson(
    table: pd.DataFrame, *, count: str, population: str, group: str, cells: Sequence[str], of: str, against: str
) -> Estimate:
    """Return the ratio of two groups' rates from counts by cell, its error grown by the dispersion found.

    Parameters
    ----------
    table : DataFrame
        One row per cell and group.
    count, population, group : str
        Columns of the counts, of the residents (above 0) and of the group.
    cells : sequence of str
        Columns that together name a cell (month, area).
    of, against : str
        The group whose rate is divided, and the one it is divided by.

    Returns
    -------
    Estimate
        The ratio; `se` on the log scale, grown by √φ; normal interval made on the log scale.

    Raises
    ------
    DataError
        Fewer than 12 cells: the dispersion cannot be learnt; table φ = 1.5, 2 and 3 instead (`ASSUMED`). Counts or
        populations missing, negative or (population) 0.
    EmptyCell
        A group that was never counted.
    UnknownColumn
        A column that is not there.

    References
    ----------
    McCullagh and Nelder (1989), chapter 6.
    """
    require_columns(table, [count, population, group, *cells], role="counts by cell")
    rows = table[table[group].isin([of, against])].copy()
    places = rows[list(cells)].astype(str).agg("|".join, axis=1)
    if places.nunique() < LEAST_CELLS:
        raise DataError(
            f"{places.nunique()} cells are too few to learn the dispersion (12 are needed)",
            todo="Give assumed values: rate_ratio(..., dispersion=1.5), then 2 and 3.",
        )
    whole_numbers(rows[count], "counts")
    if not (rows[population].astype(float) > 0).all():
        raise DataError("a population must be above 0 in every cell", todo="Leave out cells without residents.")
    for g in (of, against):
        if not rows.loc[rows[group] == g, count].sum() > 0:
            raise EmptyCell(f"nobody of {g!r} was counted in any cell: the ratio has no value", todo="Join periods.")
    rows[group] = pd.Categorical(rows[group], categories=[against, of])
    spread, fit = _quasi(rows, count, population, group, places)
    name = f"{_GROUPS}_{of}"
    sizes = {g: int(rows.loc[rows[group] == g, count].sum()) for g in (of, against)}
    return ratio_from_log(
        float(fit.params[name]),
        float(fit.bse[name]) * math.sqrt(spread),
        unit="times",
        n=sizes,
        method="quasi-Poisson within cells",
        se_method=f"quasi-Poisson, dispersion {spread:.2f}",
        group=f"{of} against {against}",
        df=math.inf,
    )


def funnel(
    events: pd.Series[float], base: pd.Series[float], *, target: float | None = None, dispersion: float = 1.0
) -> pd.DataFrame:
    """Return each unit's share against limits around a target: who stands outside them.

    Parameters
    ----------
    events, base : Series by unit
        How many (searches with a find, victims without a record …) of how many.
    target : float, optional
        Share (0 to 1) that limits are drawn around; the pooled share when not given.
    dispersion : float
        Dispersion φ; limits are widened by its square root.

    Returns
    -------
    DataFrame by unit
        n, share, low_95, high_95, low_998, high_998 (normal limits on the share, cut to 0 and 1) and `state`: "inside",
        "outside 95 %" or "outside 99.8 %".

    Raises
    ------
    DataError
        A unit without a base above 0, or without a count.

    References
    ----------
    Spiegelhalter (2005).
    """
    from scipy.special import ndtri

    size = base.astype(float)
    if (size <= 0).any() or events.isna().any():
        raise DataError("every unit of a funnel needs a base above 0 and a count", todo="Leave empty units out.")
    share = events.astype(float) / size
    middle = float(events.sum() / size.sum()) if target is None else float(target)
    out = pd.DataFrame({"n": size.astype(int), "share": share})
    for name, tail in (("95", 0.025), ("998", 0.001)):
        half = pd.Series(-float(ndtri(tail)) * np.sqrt(dispersion * middle * (1 - middle) / size), index=size.index)
        out[f"low_{name}"], out[f"high_{name}"] = (middle - half).clip(0), (middle + half).clip(upper=1)
    far = (share < out["low_998"]) | (share > out["high_998"])
    out_95 = (share < out["low_95"]) | (share > out["high_95"])
    out["state"] = np.select([far, out_95], ["outside 99.8 %", "outside 95 %"], "inside")
    return out
