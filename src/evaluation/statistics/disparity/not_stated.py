"""Counts read apart: the groups that were stated, those that were not, and what officers recorded of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from evaluation.errors import DataError, UnknownColumn, Unsupported, nearest
from evaluation.statistics._arrays import Booleans

NOT_STATED = ("not_stated", "not stated", "ns", "unknown", "not_known", "not known", "blank", "refused", "")
UNKNOWN = ("drop", "officer", "bounds", "proportional")


@dataclass(frozen=True, slots=True)
class StatedCounts:
    """Counts by stated group, how many were not stated, and the officers' groups of the latter.

    Attributes
    ----------
    stated : Series of float
        Counts by self-defined group, "not stated" taken out.
    unstated : float
        Records without a self-defined group.
    officer_groups : Series of float, or None
        Officers' groups of those records; None where officers' groups are not known. A class that officers have and
        never used for these records stands with 0.
    """

    stated: pd.Series[float]
    unstated: float
    officer_groups: pd.Series[float] | None

    @property
    def unplaced(self) -> float:
        """Return how many records not stated no officer's entry places either.

        Returns
        -------
        float
            Number of records.
        """
        return self.unstated - (0.0 if self.officer_groups is None else float(self.officer_groups.sum()))

    def officers(self, group: str) -> float:
        """Return how many of those not stated an officer placed in a group.

        Parameters
        ----------
        group : str
            The officer-defined group.

        Returns
        -------
        float
            Number of records.

        Raises
        ------
        Unsupported
            Officers' groups are not known, or officers have no such class (they have no Mixed).
        """
        if self.officer_groups is None:
            raise Unsupported(
                'unknown="officer" needs the groups that officers recorded',
                todo="Give officer=, or counts indexed by (self-defined, officer-defined).",
            )
        if group not in self.officer_groups.index:
            near = nearest(group, [str(i) for i in self.officer_groups.index])
            raise Unsupported(
                f"officers have no class {group!r}"
                + (f" (nearest: {near!r})" if near else "")
                + ", so those not stated cannot be placed in it",
                todo='Use unknown="bounds", or name a class that officers record; write 0 where they recorded nobody.',
            )
        return float(self.officer_groups[group])


def split(
    counts: pd.Series[float], not_stated: Sequence[str], officer: pd.Series[float] | pd.DataFrame | None
) -> StatedCounts:
    """Return counts read apart: stated, not stated, and what officers recorded of the latter.

    Parameters
    ----------
    counts : Series of int
        Records by self-defined group, or by (self-defined, officer-defined).
    not_stated : sequence of str
        Labels that mean "not stated", in any case of letters; missing labels always do.
    officer : DataFrame or Series, optional
        The cross-table of self-defined (rows) by officer-defined groups (columns), the same as a Series with two index
        levels, or a Series of the officers' groups of the records not stated alone.

    Returns
    -------
    StatedCounts
        The counts read apart.

    Raises
    ------
    DataError
        Counts that are not whole numbers of 0 or more; a cross-table that has no row of those not stated, or more
        people than were not stated.
    """
    given = whole_numbers(counts, "counts")
    words = {w.lower() for w in not_stated}
    two = isinstance(given.index, pd.MultiIndex)
    blank = _unstated_labels(given.index.get_level_values(0) if two else given.index, words)
    first = pd.Index(given.index.get_level_values(0) if two else given.index)
    stated = given[~blank].groupby(first[~blank]).sum()
    unstated = float(given[blank].sum())
    officer_groups = _officer_groups(given if officer is None and two else officer, words)
    if officer_groups is not None and float(officer_groups.sum()) > unstated:
        raise DataError("officers recorded more people than were not stated", todo="Give only the records not stated.")
    return StatedCounts(stated, unstated, officer_groups)


def whole_numbers(values: pd.Series[float] | Mapping[str, float], what: str) -> pd.Series[float]:
    """Return counts as floats, or refuse what is not a count.

    Parameters
    ----------
    values : Series or mapping
        Counts by group.
    what : str
        Name of the counts, for the message.

    Returns
    -------
    Series of float
        The counts, in the order given.

    Raises
    ------
    DataError
        A value that is missing, not a number, negative or not whole; the message names its group.
    """
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


def _unstated_labels(labels: pd.Index, unstated: set[str]) -> Booleans:
    """Return which labels say that no group was stated: missing, or one of the words for it."""
    return np.array([bool(pd.isna(v)) or str(v).strip().lower() in unstated for v in labels], dtype=bool)


def _officer_groups(officer: pd.Series[float] | pd.DataFrame | None, labels: set[str]) -> pd.Series[float] | None:
    """Return the officers' groups of the records not stated; entries that name no group are left out of it."""
    if officer is None:
        return None
    if isinstance(officer, pd.DataFrame):
        officer = cast("pd.Series[float]", officer.stack())  # one level of columns: a Series
    table = whole_numbers(officer, "the officers' counts")
    if isinstance(table.index, pd.MultiIndex):
        classes = table.index.get_level_values(1).unique()
        rows = _unstated_labels(table.index.get_level_values(0), labels)
        if not rows.any() and _unstated_labels(classes, labels).any():
            raise DataError(
                "the officers' cross-table has no row of those not stated",
                todo="Give self-defined groups as rows and officer-defined groups as columns.",
            )
        part = table[rows]
        table = part.groupby(part.index.get_level_values(1)).sum().reindex(classes, fill_value=0.0)
    return table[~_unstated_labels(table.index, labels)].groupby(level=0).sum()


def group_number(counts: pd.Series[float], name: str, what: str = "count") -> float:
    """Return the number of one group.

    Parameters
    ----------
    counts : Series
        Numbers by group.
    name : str
        The group's label.
    what : str
        What is numbered, for the message.

    Returns
    -------
    float
        The group's number.

    Raises
    ------
    UnknownColumn
        No such group; the message names the nearest one.
    """
    if name not in counts.index:
        near = nearest(name, [str(i) for i in counts.index])
        raise UnknownColumn(
            f"no {what} for the group {name!r}" + (f" (nearest: {near!r})" if near else ""),
            todo="Name a group that is there; write 0 where nobody was counted.",
        )
    return float(counts[name])
