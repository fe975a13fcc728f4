"""Two-by-two, triple difference and event study by weighted regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics import _roles, inference
from evaluation.statistics._arrays import Floats
from evaluation.statistics.did import two_by_two_cells, whole_clusters

VCOV = (*inference.HC, *inference.KINDS)


def two_by_two(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    covariates: Sequence[str] = (),
    weight: str | None = None,
    cluster: str | None = None,
    vcov: str = "CR2",
    least: int = two_by_two_cells.LEAST,
    rescale: bool = False,
) -> Estimate | NotIdentified | TooFew:
    """Estimate a two-by-two difference-in-differences: the change of group 1 over and above that of group 0.

    Parameters
    ----------
    frame : DataFrame
        One row per person (and time).
    outcome : str
        Column of the outcome, numeric.
    group, time : str
        Columns of 0 and 1. A group that is missing for a whole time is not identified: the refusal says so.
    covariates : sequence of str
        Columns; words become indicators.
    weight : str, optional
        Survey weights. With `rescale` they are scaled to mean 1 within each time, so that the size of one wave's
        weights moves nothing when there are covariates (without them it moves nothing in any case).
    cluster : str, optional
        Errors by cluster, of kind `vcov`: "CR0", "CR1", "CR1S", "CR2" (Satterthwaite df, the default) or "CR3".
        Clusters that lie whole on one side, with one or two only on a side, are not identified.
    vcov : str
        Kind of the covariance. Without clusters "HC0" to "HC3" on n - k degrees of freedom, HC1 where it names a
        clustered kind.
    least : int
        People needed in every cell; fewer is `TooFew` with the counts.
    rescale : bool
        Whether weights are scaled to mean 1 within each time.

    Returns
    -------
    Estimate, NotIdentified or TooFew
        The coefficient of group × time in a weighted regression, in the outcome's unit; or why there is none.

    Raises
    ------
    Unsupported
        An unknown `vcov`, or one of the HC kind with a cluster.
    UnknownColumn
        A column that is not there.
    MissingValues
        A column that is partly missing.
    DataError
        Group or time other than 0 and 1, or a weight that is not above 0.
    Collinear
        Covariates that depend on each other; the message names them.

    References
    ----------
    Bell and McCaffrey (2002) and Pustejovsky and Tipton (2018) for CR2.
    """
    _require_vcov(vcov, cluster)
    read = two_by_two_cells.read(
        frame,
        outcome=outcome,
        group=group,
        time=time,
        covariates=covariates,
        weight=weight,
        cluster=cluster,
        least=least,
        rescale=rescale,
    )
    if not isinstance(read, two_by_two_cells.Cells):
        return read
    x = np.column_stack([np.ones(len(read.y)), read.g, read.t, read.g * read.t, read.x])
    fit = inference.regress(x, read.y, ["(Intercept)", "group", "time", "did", *read.names], read.w)
    method = "two-by-two regression" + (", adjusted" if read.names else "")
    return _covariance(fit, frame, cluster, vcov).estimate("did", n=read.counts, method=method, outcome=outcome)


def _require_vcov(vcov: str, cluster: str | None) -> None:
    """Refuse a kind of covariance that is not known, or that cannot use the clusters named."""
    if vcov not in VCOV:
        raise errors.Unsupported(f"vcov {vcov!r} is not known", todo=f"Use one of {VCOV}.")
    if cluster is not None and vcov in inference.HC:
        raise errors.Unsupported(
            f"vcov {vcov!r} takes people as independent and cannot use the cluster {cluster!r}",
            todo=f"Leave the cluster out, or use one of {inference.KINDS}.",
        )


def _covariance(fit: inference.Regression, frame: pd.DataFrame, cluster: str | None, vcov: str) -> inference.Covariance:
    """Return the covariance asked for: by cluster where one is named."""
    if cluster is None:
        return inference.heteroskedastic(fit, kind=vcov if vcov in inference.HC else "HC1")
    return inference.cluster_robust(fit, frame[cluster], kind=vcov)


def triple(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    place: str,
    time: str,
    covariates: Sequence[str] = (),
    weight: str | None = None,
    cluster: str | None = None,
    vcov: str = "CR2",
    least: int = two_by_two_cells.LEAST,
    rescale: bool = False,
) -> Estimate | NotIdentified | TooFew:
    """Estimate a triple difference: how much more the gap between groups moved in reached places than in others.

    All three factors are saturated. If people of group 0 in reached places gain as well, the triple difference
    understates the gain of group 1.

    Parameters
    ----------
    frame : DataFrame
        One row per person (and time).
    outcome : str
        Column of the outcome, numeric.
    group, place, time : str
        Columns of 0 and 1: the group, whether the place was reached, and after.
    covariates : sequence of str
        Columns; words become indicators.
    weight, cluster : str, optional
        Columns of the survey weights and of the clusters.
    vcov : str
        Kind of the covariance, as in `two_by_two`.
    least : int
        People needed in each of the eight cells.
    rescale : bool
        Whether weights are scaled to mean 1 within each time.

    Returns
    -------
    Estimate, NotIdentified or TooFew
        The coefficient of group × time × place, in the outcome's unit; `TooFew` with the counts of the eight cells.

    Raises
    ------
    Unsupported
        An unknown `vcov`, or one of the HC kind with a cluster.
    UnknownColumn
        A column that is not there.
    MissingValues
        A column that is partly missing.
    DataError
        A factor other than 0 and 1, or a weight that is not above 0.
    Collinear
        Columns that depend on each other; the message names them.
    """
    _require_vcov(vcov, cluster)
    _roles.refuse_own_covariates(covariates, place)
    errors.require_columns(frame, [place], role="a triple difference")
    errors.require_complete(frame, [place], role="a triple difference")
    read = two_by_two_cells.read(
        frame,
        outcome=outcome,
        group=group,
        time=time,
        covariates=covariates,
        weight=weight,
        cluster=cluster,
        rescale=rescale,
    )
    if not isinstance(read, two_by_two_cells.Cells):
        return read
    e = two_by_two_cells.binary(frame, place)
    counts = {
        f"{where}, {name}": n
        for flag, where in ((1.0, "reached"), (0.0, "not reached"))
        for name, n in two_by_two_cells.cell_counts(read.g[e == flag], read.t[e == flag]).items()
    }
    if min(counts.values()) < max(least, 1):
        return TooFew(counts=counts, needed=max(least, 1))
    few = whole_clusters.refusal(frame, place, cluster)
    if few is not None:
        return few
    g, t = read.g, read.t
    x = np.column_stack([np.ones(len(g)), g, t, e, g * t, g * e, t * e, g * t * e, read.x])
    names = ["(Intercept)", "group", "time", "place", "group:time", "group:place", "time:place", "triple", *read.names]
    fit = inference.regress(x, read.y, names, read.w)
    method = "triple difference by regression" + (", adjusted" if read.names else "")
    return _covariance(fit, frame, cluster, vcov).estimate("triple", n=counts, method=method, outcome=outcome)


def event_study(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    time: str,
    start: float,
    covariates: Sequence[str] = (),
    weight: str | None = None,
    cluster: str | None = None,
    vcov: str = "CR2",
    least: int = two_by_two_cells.LEAST,
) -> EventStudy:
    """Estimate the group's departure from the others at each time, from the last time before treatment.

    One date of first treatment for the whole group (several dates belong to `group_time`: one regression would weigh
    some effects negatively). Repeated cross-sections, or a panel clustered by person.

    Parameters
    ----------
    frame : DataFrame
        One row per person (and time).
    outcome : str
        Column of the outcome, numeric.
    group : str
        Column of 0 and 1.
    time : str
        Column of numbered times.
    start : float
        First time at which the group is treated; the last time before it is the reference.
    covariates : sequence of str
        Columns; words become indicators.
    weight, cluster : str, optional
        Survey weights, scaled to mean 1 within each time; clusters.
    vcov : str
        Kind of the covariance, as in `two_by_two`.
    least : int
        People needed of each group at each time.

    Returns
    -------
    EventStudy
        A list of Estimate, one per time but the reference, with `.before`, `.after`, `.covariance`.

    Raises
    ------
    EmptyCell
        No time before `start` or none after; a group that nobody (or fewer than `least`) stands for at some time; one
        or two whole clusters only on a side.
    UnknownColumn
        A column that is not there.
    MissingValues
        A missing value in any of these columns.
    DataError
        A group other than 0 and 1, or a weight that is not above 0.
    Collinear
        Columns that depend on each other; the message names them.

    References
    ----------
    Goodman-Bacon (2021) on several dates in one regression.
    """
    _require_vcov(vcov, cluster)
    _roles.refuse_own_covariates(covariates, outcome, group, time)
    roles = [outcome, group, time, *covariates, *([weight] if weight else []), *([cluster] if cluster else [])]
    errors.require_columns(frame, roles, role="an event study")
    errors.require_complete(frame, roles, role="an event study")
    g, t = two_by_two_cells.binary(frame, group), frame[time].to_numpy(dtype=float)
    times = np.unique(t)
    if not (times < start).any() or not (times >= start).any():
        raise errors.EmptyCell("there is no time before, or none after", todo="Name a start inside the waves.")
    counts = {
        f"{who} at {when:g}": int(((g == a) & (t == when)).sum())
        for a, who in ((1, "group"), (0, "others"))
        for when in times
    }
    if min(counts.values()) < max(least, 1):
        empty = [k for k, v in counts.items() if v < max(least, 1)]
        who = "nobody" if least <= 1 else f"fewer than {least}"
        raise errors.EmptyCell(f"{who} answered: {', '.join(empty)}", todo="Leave that time out.")
    few = whole_clusters.refusal(frame, group, cluster)
    if few is not None:
        raise errors.EmptyCell(few.reason, todo=few.what_would_help)
    reference = times[times < start].max()
    shown = [when for when in times if when != reference]
    adjustment, columns = two_by_two_cells.covariate_columns(frame, covariates)
    x = np.column_stack([np.ones(len(g)), g, *[t == s for s in shown], *[g * (t == s) for s in shown], adjustment])
    names = ["(Intercept)", "group", *[f"time {s:g}" for s in shown], *[f"group at {s:g}" for s in shown], *columns]
    w = two_by_two_cells.weights(frame, weight, t)
    cov = _covariance(inference.regress(x, frame[outcome].to_numpy(dtype=float), names, w), frame, cluster, vcov)
    departures = [
        replace(
            cov.estimate(f"group at {s:g}", n={k: v for k, v in counts.items() if k.endswith(f"at {s:g}")}),
            method="event study",
            outcome=outcome,
            wave=f"{s:g}",
            estimand=f"departure at {s:g} from {reference:g}" + (", before treatment" if s < start else ""),
        )
        for s in shown
    ]
    return EventStudy(departures, times=shown, reference=reference, start=start, covariance=cov)


class EventStudy(list[Estimate]):
    """Estimates of an event study in order of time.

    Parameters
    ----------
    estimates : sequence of Estimate
        Departures of the group from the others, the reference left out.
    times : list of float
        Time of each estimate.
    reference : float
        The time that departures are counted from.
    start : float
        First time of treatment.
    covariance : inference.Covariance
        Covariance of the whole regression.

    Attributes
    ----------
    times, reference, start, covariance
        As given.
    """

    def __init__(
        self,
        estimates: Sequence[Estimate],
        *,
        times: list[float],
        reference: float,
        start: float,
        covariance: inference.Covariance,
    ) -> None:
        super().__init__(estimates)
        self.times, self.reference, self.start, self.covariance = times, reference, start, covariance

    @property
    def before(self) -> list[Estimate]:
        """Return the departures before treatment.

        Returns
        -------
        list of Estimate
            In order of time.
        """
        return [e for e, t in zip(self, self.times, strict=True) if t < self.start]

    @property
    def after(self) -> list[Estimate]:
        """Return the departures after treatment.

        Returns
        -------
        list of Estimate
            In order of time.
        """
        return [e for e, t in zip(self, self.times, strict=True) if t >= self.start]

    def matrix(self) -> Floats:
        """Return the covariance of the departures.

        Returns
        -------
        ndarray, shape (times, times)
            In order of time, in squared units of the outcome.
        """
        names = [f"group at {s:g}" for s in self.times]
        return self.covariance.matrix.loc[names, names].to_numpy()
