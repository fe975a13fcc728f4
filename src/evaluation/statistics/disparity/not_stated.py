"""Counts read apart: the groups that were stated, those that were not, and what officers recorded of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evaluation.errors import DataError, UnknownColumn, Unsupported, nearest

NOT_STATED = ("not_stated", "not stated", "ns", "unknown", "not_known", "not known", "blank", "refused", "")
UNKNOWN = ("drop", "officer", "bounds", "proportional")


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts by stated group, how many were not stated, and the officers' groups of the latter.

    Attributes
    ----------
    stated : Series
        Counts by self-defined group, "not stated" taken out.
    unstated : float
        Records without a self-defined group.
    seen : Series or None
        Officers' groups of those records; None where officers' groups are not known. A class that officers have and
        never used for these records stands with 0.
    """

    stated: pd.Series
    unstated: float
    seen: pd.Series | None

    @property
    def unseen(self) -> float:
        """Records not stated that no officer's entry places either."""
        return self.unstated - (0.0 if self.seen is None else float(self.seen.sum()))

    def officers(self, group: str) -> float:
        """Return how many of those not stated an officer placed in a group."""
        if self.seen is None:
            raise Unsupported(
                'unknown="officer" needs the groups that officers recorded',
                todo="Give officer=, or counts indexed by (self-defined, officer-defined).",
            )
        if group not in self.seen.index:
            near = nearest(group, [str(i) for i in self.seen.index])
            raise Unsupported(
                f"officers have no class {group!r}"
                + (f" (nearest: {near!r})" if near else "")
                + ", so those not stated cannot be placed in it",
                todo='Use unknown="bounds", or name a class that officers record; write 0 where they recorded nobody.',
            )
        return float(self.seen[group])


def split(counts: pd.Series, not_stated: Sequence[str], officer: pd.Series | pd.DataFrame | None) -> Counted:
    """Return the counts read apart.

    Parameters
    ----------
    counts : Series indexed by group, or by (self-defined, officer-defined)
    officer : DataFrame or Series, optional
        The cross-table of self-defined (rows) by officer-defined groups (columns), the same as a Series with two index
        levels, or a Series of the officers' groups of the records not stated alone.

    Raises
    ------
    DataError
        Counts that are not whole numbers of 0 or more; a cross-table that disagrees with the counts.
    """
    given = whole(counts, "counts")
    words = {w.lower() for w in not_stated}
    two = isinstance(given.index, pd.MultiIndex)
    blank = _unstated(given.index.get_level_values(0) if two else given.index, words)
    first = pd.Index(given.index.get_level_values(0) if two else given.index)
    stated = given[~blank].groupby(first[~blank]).sum()
    unstated = float(given[blank].sum())
    seen = _seen(given if officer is None and two else officer, words)
    if seen is not None and float(seen.sum()) > unstated:
        raise DataError("officers recorded more people than were not stated", todo="Give only the records not stated.")
    return Counted(stated, unstated, seen)


def whole(values: Any, what: str) -> pd.Series:
    """Return the values as a Series of whole numbers of 0 or more."""
    given = pd.Series(values)
    try:
        numbers = given.astype(float)
    except (TypeError, ValueError):
        raise DataError(f"{what} must be numbers", todo="Write whole numbers of 0 or more.") from None
    bad = numbers[~(np.isfinite(numbers) & (numbers >= 0) & (numbers == np.floor(numbers)))]
    if len(bad):
        raise DataError(
            f"{what} must be whole numbers of 0 or more, none missing",
            where=f"group {bad.index[0]!r}",
            todo="Write 0 where nobody was counted.",
        )
    return numbers


def _unstated(labels: Any, words: set[str]) -> np.ndarray:
    return np.array([bool(pd.isna(v)) or str(v).strip().lower() in words for v in labels], dtype=bool)


def _seen(officer: pd.Series | pd.DataFrame | None, words: set[str]) -> pd.Series | None:
    """Return the officers' groups of the records not stated; entries that name no group are left out of it."""
    if officer is None:
        return None
    if isinstance(officer, pd.DataFrame):
        officer = officer.stack()
    table = whole(officer, "the officers' counts")
    if isinstance(table.index, pd.MultiIndex):
        classes = table.index.get_level_values(1).unique()
        rows = _unstated(table.index.get_level_values(0), words)
        if not rows.any() and _unstated(classes, words).any():
            raise DataError(
                "the officers' cross-table has no row of those not stated",
                todo="Give self-defined groups as rows and officer-defined groups as columns.",
            )
        part = table[rows]
        table = part.groupby(part.index.get_level_values(1)).sum().reindex(classes, fill_value=0.0)
    return table[~_unstated(table.index, words)].groupby(level=0).sum()


def of(counts: pd.Series, name: str, what: str = "count") -> float:
    """Return the number of a group, refusing a name that is not there with the nearest one."""
    if name not in counts.index:
        near = nearest(name, [str(i) for i in counts.index])
        raise UnknownColumn(
            f"no {what} for the group {name!r}" + (f" (nearest: {near!r})" if near else ""),
            todo="Name a group that is there; write 0 where nobody was counted.",
        )
    return float(counts[name])
