"""Whether the same people answered from wave to wave: a fact of linked codes, never assumed."""

from __future__ import annotations

import itertools

import pandas as pd

from evaluation.plan.study import Plan

SAME = 0.9  # share of the smaller wave that must be linked before its people are the same


def linked_share(people: pd.DataFrame, before: str, wave: str) -> float | None:
    """Return the share of the smaller of two waves whose people are in the other; None where nobody has a code.

    Parameters
    ----------
    people : DataFrame, index respondent
        Designs of the waves, with `wave` and `link`.
    before, wave : str
        Wave ids.

    Returns
    -------
    float or None
        0 to 1.
    """
    if "link" not in people:
        return None
    one, other = (people.loc[people["wave"] == w, "link"] for w in (before, wave))
    if not one.notna().any() or not other.notna().any():
        return None
    return len({*one.dropna()} & {*other.dropna()}) / min(len(one), len(other))


def same_people(people: pd.DataFrame, before: str, wave: str) -> bool:
    """Return whether nearly everybody of the smaller of two waves answered the other too.

    Parameters
    ----------
    people : DataFrame, index respondent
        Designs of the waves, with `wave` and `link`.
    before, wave : str
        Wave ids.

    Returns
    -------
    bool
        False also where it is not known.
    """
    share = linked_share(people, before, wave)
    return share is not None and share >= SAME


def respondents(plan: Plan, people: pd.DataFrame) -> str:
    """Return who answered the waves of a report: "same", "some", "other" or "unknown".

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    people : DataFrame, index respondent
        Designs of all waves.

    Returns
    -------
    str
        By the links of each wave with the one before.
    """
    waves = [w for w in plan.waves if (people["wave"] == w).any()]
    shares = [linked_share(people, a, b) for a, b in itertools.pairwise(waves)]
    known = [s for s in shares if s is not None]
    if len(known) < len(shares) or not shares:
        return "some" if any(s > 0 for s in known) else "other" if plan.treatment.link_column else "unknown"
    return "same" if min(known) >= SAME else "some" if max(known) > 0 else "other"
