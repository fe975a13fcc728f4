"""How many of those who say they attended did, and what a mixed group does to a contrast."""

from __future__ import annotations

import pandas as pd

from evaluation import errors


def share_true(claimed: float, *, specificity: float, sensitivity: float = 1.0) -> float:
    """Return the share of claims that are true (positive predictive value), 0 to 1.

    Parameters
    ----------
    claimed : float
        Share of people who claim to have attended, between 0 and 1 (exclusive).
    specificity, sensitivity : float
        Share of people who did not attend who say so; share of attendees who say they did.

    Returns
    -------
    float
        With prevalence p = (claimed - (1 - specificity)) / (sensitivity + specificity - 1) (Rogan and Gladen 1978,
        equation 2), cut to 0 and 1, the share is p * sensitivity / claimed.

    Raises
    ------
    DataError
        A share outside 0 to 1, or a question no better than a guess (sensitivity + specificity at most 1).
    """
    shares = {"claimed": claimed, "specificity": specificity, "sensitivity": sensitivity}
    bad = [k for k, v in shares.items() if not 0 <= v <= 1]
    if bad or claimed == 0:
        raise errors.DataError(f"{', '.join(bad) or 'claimed'} must be a share between 0 and 1, and claimed above 0")
    if sensitivity + specificity <= 1:
        raise errors.DataError("sensitivity and specificity together must exceed 1: the claim says nothing otherwise")
    prevalence = (claimed - (1 - specificity)) / (sensitivity + specificity - 1)
    return min(1.0, max(0.0, prevalence) * sensitivity / claimed)


def route_counterparts(frame: pd.DataFrame, *, treat: str, routes: list[str], missing: str = "level") -> float:
    """Return the share (0 to 1) of treated people whose route of collection no untreated person shares.

    `routes` are columns; a route is a combination of their values. Without columns the share is 0. A value that was
    not recorded counts as a value of its own (`missing="level"`), or is refused (`missing="refuse"`).
    """
    errors.require_columns(frame, [treat, *routes], role="routes of collection")
    errors.require_complete(frame, [treat], role="treatment")
    if missing not in ("level", "refuse"):
        raise errors.Unsupported(f"missing {missing!r} is not known", todo="Use 'level' or 'refuse'.")
    if missing == "refuse":
        errors.require_complete(frame, routes, role="routes of collection")
    if not routes:
        return 0.0
    route = pd.Series(list(map(tuple, frame[routes].astype(str).to_numpy())), index=frame.index)
    treated = frame[treat] == 1
    if not treated.any():
        raise errors.EmptyCell("nobody is treated, so routes cannot be compared")
    return float((~route[treated].isin(set(route[~treated]))).mean())
