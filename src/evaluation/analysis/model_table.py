"""A fit of statsmodels or linearmodels as a table that may be published: coefficients, errors, intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from evaluation.analysis import layout
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import NotIdentified, TooFew

LEAST_DF = 10


def model_table(plan: Plan, wave: str, fit: Any, id: str) -> Exhibit:
    """Return the coefficients of a fit, one row per term, under a declared id.

    A term that tells fewer people apart than the disclosure threshold is left out, and the note says so: its
    coefficient would say what these few answered. A fit with fewer residual degrees of freedom than ten is refused.

    Parameters
    ----------
    plan : Plan
        The study, with its disclosure threshold.
    wave : str
        The report's wave.
    fit : statsmodels or linearmodels result, NotIdentified, TooFew or None
        A fit; or why there is none, which the table then says (None: as declared).
    id : str
        Id of the exhibit, declared in `exhibits.toml`.

    Returns
    -------
    Exhibit
        With term, coefficient and interval, and the standard error.
    """
    table = layout.table(plan, wave, id)
    if fit is None or isinstance(fit, NotIdentified | TooFew):
        return table.refused(fit)
    if fit.df_resid < LEAST_DF:
        return table.refused(TooFew({"left over": int(fit.df_resid)}, LEAST_DF, unit="people beyond the terms"))
    design, errors, ends = _design(fit), _errors(fit), fit.conf_int()
    hidden = 0
    for number, term in enumerate(fit.params.index):
        if _smallest(design[term]) < plan.disclosure.threshold:
            hidden += 1
            continue
        low, high = (float(x) for x in ends.loc[term])
        row = table.row(f"term{number:02d}", str(term))
        row.number("", float(fit.params[term]), low=low, high=high, base=int(fit.nobs), decimals=3)
        row.number("se", float(errors[term]), base=int(fit.nobs), decimals=3)
    if hidden:
        table.note("hidden", threshold=plan.disclosure.threshold)
    return table.exhibit()


def _design(fit: Any) -> pd.DataFrame:
    """Return the columns that the model was fitted on, by term."""
    exog = fit.model.exog
    if hasattr(exog, "dataframe"):
        return exog.dataframe
    return pd.DataFrame(np.asarray(exog), columns=list(fit.params.index))


def _errors(fit: Any) -> pd.Series:
    return fit.std_errors if hasattr(fit, "std_errors") else fit.bse


def _smallest(column: pd.Series) -> int:
    """Return how many people stand on the smaller side of a term of two values; everybody where it has more."""
    counts = column.round(12).value_counts()
    return int(counts.min()) if len(counts) == 2 else len(column)
