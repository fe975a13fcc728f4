"""The same people at several times: fixed effects, first differences, and who let their answers be linked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, TooFew, from_se
from evaluation.statistics import _logistic, _roles, inference
from evaluation.statistics.did import two_by_two_cells, whole_clusters


def linked_panel(
    frame: pd.DataFrame,
    *,
    outcome: str,
    treat: str,
    unit: str,
    time: str,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    weight: str | None = None,
) -> Estimate | TooFew:
    """Estimate a change among the same people by two-way fixed effects (linearmodels' PanelOLS).

    Parameters
    ----------
    frame : DataFrame
        One row per person and time.
    outcome : str
        Column of the outcome, numeric.
    treat : str
        Column of 0 and 1: 1 at the times at which a person has been treated.
    unit, time : str
        Columns of the person's code and of the time.
    covariates : sequence of str
        Numbers that change over time.
    cluster : str, optional
        Column of the clusters; the person by default. Errors carry G / (G - 1) × (n - 1) / (n - k), k the slopes and
        times (and people, where these are not nested in clusters), as the R package fixest; t on clusters less one, or
        on Satterthwaite's degrees of freedom where clusters are treated whole.
    weight : str, optional
        Column of weights, one value per person (of linkage, for example).

    Returns
    -------
    Estimate or TooFew
        The effect in the outcome's unit; `TooFew` with fewer than two newly or never treated people.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A missing value in any of these columns.
    DataError
        A person who stands twice at one time or whose weight differs, a treatment other than 0 and 1, or a column that
        is not numeric.
    Collinear
        A covariate that never changes for anybody.
    EmptyCell
        One cluster only, or one or two whole clusters on a side.
    """
    from linearmodels.panel import PanelOLS

    _require_panel(frame, outcome, treat, unit, time, covariates, cluster, weight, role="a linked panel")
    for name in covariates:
        _roles.numeric(frame, name, role="covariate")
    fixed = [c for c in covariates if (frame.groupby(unit, observed=True)[c].nunique() < 2).all()]
    if fixed:
        raise errors.Collinear(
            f"{', '.join(map(repr, fixed))} never changes for anybody, so the people absorb it",
            todo="Take it off the covariates.",
        )
    counts = _treatment_counts(frame, treat, unit)
    if min(counts.values()) < 2:
        return TooFew(counts=counts, needed=2)
    panel = frame.assign(_t=pd.factorize(frame[time], sort=True)[0]).set_index([unit, "_t"])
    exog = panel[[treat, *covariates]].astype(float)
    w = None if weight is None else panel[weight].astype(float)
    if cluster and frame[cluster].nunique() < 2:
        raise errors.EmptyCell("there is one cluster only", todo="An error needs at least two.")
    labels = pd.factorize(panel[cluster] if cluster else panel.index.get_level_values(0))[0]
    clusters = pd.DataFrame({"c": labels}, index=panel.index)
    fit = PanelOLS(panel[outcome].astype(float), exog, weights=w, entity_effects=True, time_effects=True).fit(
        cov_type="clustered", clusters=clusters, debiased=False, auto_df=False, count_effects=False
    )
    groups, n = int(labels.max()) + 1, len(frame)
    nested = frame.groupby(unit)[cluster or unit].nunique().max() == 1
    k = exog.shape[1] + frame[time].nunique() + (0 if nested else frame[unit].nunique() - 1)
    scale = np.sqrt(groups / (groups - 1) * (n - 1) / (n - k))
    return from_se(
        float(fit.params[treat]),
        float(fit.std_errors[treat]) * scale,
        df=_cluster_df(frame, treat, unit, cluster, weight, groups),
        n=counts,
        outcome=outcome,
        n_sessions=groups if cluster else None,
        method="two-way fixed effects among linked people" + (", weighted" if weight else ""),
        se_method=f"clustered by {cluster or unit}",
    )


def _cluster_df(
    frame: pd.DataFrame, treat: str, unit: str, cluster: str | None, weight: str | None, groups: int
) -> float:
    """Return clusters less one; Satterthwaite's degrees of freedom where clusters are treated whole."""
    people = frame.groupby(unit, observed=True)
    newly = (people[treat].max() > people[treat].min()).to_numpy().astype(float)
    if cluster is None or cluster == unit or newly.min() == newly.max():
        return float(groups - 1)
    codes = pd.factorize(people[cluster].first())[0]
    weights = np.ones(len(newly)) if weight is None else people[weight].first().to_numpy(dtype=float)
    pair = whole_clusters.sides(codes, int(codes.max()) + 1, weights, newly, 1 - newly)
    if ((pair.treated > 0) & (pair.others > 0)).any():
        return float(groups - 1)
    return min(float(groups - 1), whole_clusters.freedom([pair.treated, pair.others]))


def _require_panel(  # noqa: PLR0913
    frame: pd.DataFrame,
    outcome: str,
    treat: str,
    unit: str,
    time: str,
    covariates: Sequence[str],
    cluster: str | None,
    weight: str | None,
    *,
    role: str,
) -> None:
    """Refuse columns that are lacking or not complete, a treatment that is not 0 and 1, people who stand twice."""
    _roles.by_name(cluster, "cluster")
    _roles.by_name(weight, "weight")
    _roles.refuse_own_covariates(covariates, outcome, treat, unit, time)
    roles = [outcome, treat, unit, time, *covariates, *[c for c in (cluster, weight) if c]]
    errors.require_columns(frame, roles, role=role)
    errors.require_complete(frame, roles, role=role)
    two_by_two_cells.binary(frame, treat)
    _roles.numeric(frame, outcome, role="outcome")
    two_by_two_cells.refuse_repeats(frame, unit, time, linked=True)
    if weight is not None and (frame.groupby(unit, observed=True)[weight].nunique() > 1).any():
        several = int((frame.groupby(unit, observed=True)[weight].nunique() > 1).sum())
        raise errors.DataError(
            f"{several} people have weights in {weight!r} that differ from time to time",
            todo="Give each person one weight, such as that of the earlier time times that of linkage.",
        )
    _refuse_few_places(frame, treat, unit, cluster)


def _refuse_few_places(frame: pd.DataFrame, treat: str, unit: str, cluster: str | None) -> None:
    """Refuse whole clusters with one or two only on a side: the newly treated against everybody else."""
    if cluster is None or cluster == unit:
        return
    ends = frame.groupby(unit, observed=True)[treat].agg(["min", "max"])
    newly = (ends["max"] > ends["min"]).astype(int)
    few = whole_clusters.refusal(frame.assign(_newly=frame[unit].map(newly)), "_newly", cluster)
    if few is not None and newly.nunique() > 1:
        raise errors.EmptyCell(few.reason, todo=few.what_would_help)


def _treatment_counts(frame: pd.DataFrame, treat: str, unit: str) -> dict[str, int]:
    """Return how many people were newly treated, and how many never."""
    ends = frame.groupby(unit)[treat].agg(["min", "max"])
    return {
        "newly treated": int(((ends["min"] == 0) & (ends["max"] == 1)).sum()),
        "never treated": int((ends["max"] == 0).sum()),
    }


def first_differences(
    frame: pd.DataFrame,
    *,
    outcome: str,
    treat: str,
    unit: str,
    time: str,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    weight: str | None = None,
) -> Estimate | TooFew:
    """Estimate a change among people who stand at exactly two times, from each person's difference.

    With two times this equals `linked_panel`; its error is CR2 by cluster with Satterthwaite df (or HC2 by person),
    which few people need.

    Parameters
    ----------
    frame : DataFrame
        One row per person and time.
    outcome : str
        Column of the outcome, numeric.
    treat : str
        Column of 0 and 1: 1 at the times at which a person has been treated.
    unit, time : str
        Columns of the person's code and of the time.
    covariates : sequence of str
        Columns as they stood at the earlier time: people who began alike are compared. Words become indicators.
    cluster : str, optional
        Column of the clusters.
    weight : str, optional
        Column of weights, one value per person.

    Returns
    -------
    Estimate or TooFew
        The effect in the outcome's unit; `TooFew` with fewer than two newly or never treated people.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A missing value in any of these columns.
    DataError
        Somebody who does not stand at exactly two times, a treatment other than 0 and 1, or an outcome that is not
        numeric.
    EmptyCell
        One cluster only, or the clusters give the effect no error.
    Collinear
        Columns that depend on each other; the message names them.
    """
    _require_panel(frame, outcome, treat, unit, time, covariates, cluster, weight, role="first differences")
    times = sorted(frame[time].unique())
    if len(times) != 2 or (frame.groupby(unit)[time].nunique() != 2).any():
        raise errors.DataError("somebody does not stand at exactly two times", todo="Keep people who answered both.")
    counts = _treatment_counts(frame, treat, unit)
    if min(counts.values()) < 2:
        return TooFew(counts=counts, needed=2)
    early, late = (frame[frame[time] == t].set_index(unit) for t in times)
    late = late.reindex(early.index)
    adjustment, columns = two_by_two_cells.covariate_columns(early, covariates)
    change = (late[treat].astype(float) - early[treat].astype(float)).to_numpy()
    x = np.column_stack([np.ones(len(early)), change, adjustment])
    names = ["(Intercept)", "newly treated", *columns]
    w = two_by_two_cells.weights(early, weight, None)
    fit = inference.regress(x, (late[outcome] - early[outcome]).to_numpy(dtype=float), names, w)
    cov = (
        inference.heteroskedastic(fit, kind="HC2") if cluster is None else inference.cluster_robust(fit, early[cluster])
    )
    return cov.estimate(
        "newly treated",
        n=counts,
        outcome=outcome,
        method="first differences among linked people" + (", weighted" if weight else ""),
    )


def linkage_weights(
    frame: pd.DataFrame, *, linked: str, covariates: Sequence[str], weight: str | None = None, most: float = 10.0
) -> pd.Series:
    """Return weights that make linked people resemble all who answered: 1 / P(linked | covariates).

    Parameters
    ----------
    frame : DataFrame
        One row per person who answered.
    linked : str
        Column of 0 and 1: whether the person's answers could be linked.
    covariates : sequence of str
        Columns; words become indicators. The chance is a logit with a small ridge.
    weight : str, optional
        Column of the survey weights, multiplied in.
    most : float
        Multiple of the median weight that larger weights are cut to.

    Returns
    -------
    Series of float
        Weights of mean 1 among the linked; 0 for the others.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A missing value in any of these columns.
    DataError
        `linked` other than 0 and 1, or a weight that is not above 0.
    EmptyCell
        Everybody is linked, or nobody is.

    References
    ----------
    Seaman and White (2013).
    """
    roles = [linked, *covariates, *([weight] if weight else [])]
    errors.require_columns(frame, roles, role="linkage weights")
    errors.require_complete(frame, roles, role="linkage weights")
    a = two_by_two_cells.binary(frame, linked)
    if not 0 < a.sum() < len(a):
        raise errors.EmptyCell("everybody is linked, or nobody is", todo="Weights need people of both kinds.")
    built = _roles.columns(frame, list(covariates), drop_first=True)
    x = np.column_stack([np.ones(len(a)), _roles.standardise(built.matrix)[0]])
    w = two_by_two_cells.weights(frame, weight, None)
    p = _logistic.fit(x, a, w / w.mean(), ridge=1.0).probability
    raw = np.where(a == 1, w / p, 0.0)
    raw = np.minimum(raw, most * np.median(raw[a == 1]))
    return pd.Series(raw / raw[a == 1].mean(), index=frame.index)


def linkage(frame: pd.DataFrame, *, linked: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return linked people beside the others.

    Parameters
    ----------
    frame : DataFrame
        One row per person who answered.
    linked : str
        Column of 0 and 1: whether the person's answers could be linked.
    columns : sequence of str
        Columns to compare; words are compared level by level.

    Returns
    -------
    DataFrame
        column, linked, others (means, or shares of 0 to 1), smd (difference in pooled standard deviations).

    Raises
    ------
    UnknownColumn
        A column that is not there.
    DataError
        `linked` other than 0 and 1.
    EmptyCell
        Everybody is linked, or nobody is.
    """
    errors.require_columns(frame, [linked, *columns], role="linkage")
    a = two_by_two_cells.binary(frame, linked) == 1
    if a.all() or not a.any():
        raise errors.EmptyCell("everybody is linked, or nobody is", todo="A comparison needs people of both kinds.")
    built = _roles.columns(frame, list(columns), drop_first=False)
    rows: list[dict[str, str | float]] = []
    for j, name in enumerate(built.names):
        v = built.matrix[:, j]
        sd = np.sqrt((v[a].var(ddof=1) + v[~a].var(ddof=1)) / 2)
        gap = v[a].mean() - v[~a].mean()
        rows.append({"column": name, "linked": v[a].mean(), "others": v[~a].mean(), "smd": gap / sd if sd > 0 else 0.0})
    return pd.DataFrame(rows)
