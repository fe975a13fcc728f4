"""Do statements function alike in two groups? Ordinal-logistic tests of each, on a score purified of the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import survey

LEAST_ANCHORS = 2


def item_functioning(
    frame: pd.DataFrame, items: Sequence[str], group: str, *, cluster: str | None = None, size: float = 0.05
) -> pd.DataFrame:
    """Test each item for functioning differently in two groups, by ordinal logistic regression with purification.

    Each item is regressed on the score, the group and their product (Zumbo 1999; Crane 2006); the score is the mean of
    the items not yet flagged and of the item itself, without which people of a group with a lower level would seem to
    answer otherwise. An item is flagged where the two terms of the group together reach `size` over the number of
    items; the score is made again without flagged items until the same ones come twice. People are not weighted: a
    statement's working is no property of the population. Errors allow for clusters.

    Parameters
    ----------
    frame : DataFrame
        One row per person; answers to items may be missing: the score is the mean of those given.
    items : sequence of str
        Ordered answers of three levels or more.
    group : str
        Column of 0 (reference) and 1.
    cluster : str, optional
        Column of the clusters of collection.
    size : float
        Size of the test of all items together, 0 to 1.

    Returns
    -------
    DataFrame
        One row per item: `shift`, how much higher the second group answers at an equal score, in standard deviations of
        the variable behind the answers; its error `se` and degrees of freedom `df`; `p_level` of the shift, `p_slope`
        of the product, `p` of both together; and `flagged`.

    Raises
    ------
    UnknownColumn, MissingValues, DataError, NotConverged
        As `survey.ordered_logit`: no such column, gaps, under three levels, too few clusters, separation.
    """
    errors.require_columns(frame, [*items, group, *([cluster] if cluster else [])], role="a scale")
    frame, flagged, seen = frame.reset_index(drop=True).assign(_weight=1.0), frozenset[str](), set[frozenset[str]]()
    while True:
        table = pd.DataFrame(
            [_tested(frame, item, items, flagged, group, cluster) for item in items], index=list(items)
        )
        worst = table["p"].sort_values()
        found = frozenset(worst.index[worst <= size / len(items)][: len(items) - LEAST_ANCHORS])
        if found == flagged or found in seen:
            return table.assign(flagged=[i in found for i in items])
        seen.add(flagged)
        flagged = found


def _tested(
    frame: pd.DataFrame, item: str, items: Sequence[str], flagged: frozenset[str], group: str, cluster: str | None
) -> dict[str, float]:
    """Return one item's shift and tests, on the score of the items not flagged and itself."""
    score = frame[[i for i in items if i == item or i not in flagged]].astype(float).mean(axis=1)
    score = (score - score.mean()) / score.std(ddof=0)
    member = frame[group].astype(float)
    design = survey.Design(
        frame.assign(_score=score, _member=member, _product=score * member), weight="_weight", cluster=cluster
    )
    fit = survey.ordered_logit(design, item, ["_score", "_member", "_product"], missing="domain")
    shift, product = fit.estimate("_member"), fit.estimate("_product")
    spread = float(np.sqrt(np.pi**2 / 3 + fit.params["_score"] ** 2))
    return {
        "shift": shift.value / spread,
        "se": (shift.se or 0.0) / spread,
        "df": fit.df,
        "p_level": shift.p or 0.0,
        "p_slope": product.p or 0.0,
        "p": fit.wald(["_member", "_product"]).p,
    }
