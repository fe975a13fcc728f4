"""How many of those who say they attended did, and what a mixed group does to a contrast."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from evaluation import errors


def share_true(claimed: float, *, specificity: float, sensitivity: float = 1.0) -> float:
    """Return the share of claims to have attended that are true (positive predictive value).

    Parameters
    ----------
    claimed : float
        Share of people who claim to have attended, above 0, to 1.
    specificity : float
        Share (0 to 1) of people who did not attend who say so.
    sensitivity : float
        Share (0 to 1) of attendees who say they attended.

    Returns
    -------
    float
        Share, 0 to 1: with prevalence p = (claimed - (1 - specificity)) / (sensitivity + specificity - 1), not below 0,
        p * sensitivity / claimed, at most 1.

    Raises
    ------
    DataError
        A share outside 0 to 1, or a question no better than a guess (sensitivity + specificity at most 1).

    References
    ----------
    Rogan and Gladen (1978), equation 2.
    """
    shares = {"claimed": claimed, "specificity": specificity, "sensitivity": sensitivity}
    bad = [k for k, v in shares.items() if not 0 <= v <= 1]
    if bad or claimed == 0:
        raise errors.DataError(f"{', '.join(bad) or 'claimed'} must be a share between 0 and 1, and claimed above 0")
    if sensitivity + specificity <= 1:
        raise errors.DataError("sensitivity and specificity together must exceed 1: the claim says nothing otherwise")
    prevalence = (claimed - (1 - specificity)) / (sensitivity + specificity - 1)
    return min(1.0, max(0.0, prevalence) * sensitivity / claimed)


def route_counterparts(frame: pd.DataFrame, *, treat: str, routes: Sequence[str], missing: str = "level") -> float:
    """Return the share of treated people whose route of collection no untreated person shares.

    Parameters
    ----------
    frame : DataFrame
        One row per person.
    treat : str
        Column of 0 and 1, complete.
    routes : sequence of str
        Columns of the route of collection; a route is a combination of their values.
    missing : {"level", "refuse"}
        Whether a value that was not recorded counts as a value of its own, or is refused.

    Returns
    -------
    float
        Share, 0 to 1; 0 without columns.

    Raises
    ------
    UnknownColumn
        A column that is not there.
    MissingValues
        A missing treatment; a missing route where that is refused.
    Unsupported
        An unknown policy for missing routes.
    EmptyCell
        Nobody is treated.
    """
    errors.require_columns(frame, [treat, *routes], role="routes of collection")
    errors.require_complete(frame, [treat], role="treatment")
    if missing not in ("level", "refuse"):
        raise errors.Unsupported(f"missing {missing!r} is not known", todo="Use 'level' or 'refuse'.")
    if missing == "refuse":
        errors.require_complete(frame, routes, role="routes of collection")
    if not len(routes):
        return 0.0
    route = pd.Series(list(map(tuple, frame[list(routes)].astype(str).to_numpy())), index=frame.index)
    treated = frame[treat] == 1
    if not treated.any():
        raise errors.EmptyCell("nobody is treated, so routes cannot be compared")
    return float((~route[treated].isin(set(route[~treated]))).mean())
