"""The attacker: what can be worked out about a hidden count from every table, rounding and earlier release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MOST_CANDIDATES = 6  # cells that are tried, cheapest first, before the cheapest is hidden all the same
Sum = tuple[str, tuple[str, ...]]


@dataclass(slots=True)
class Tables:
    """Every count of a run and every sum that the tables imply.

    Attributes
    ----------
    counts : dict
        Key to exact count.
    sums : list of (total key, part keys)
        What adds up to what. A key of a sum that has no count is never shown: the attacker takes it as any number of 0
        or more.
    rounding : int
        Base that printed counts are rounded to.
    threshold : int
        Counts under it are hidden.
    earlier : dict
        Key to (low, high): what earlier releases already say about a cell.
    exact : set
        Keys that are published exactly.
    """

    counts: dict[str, int]
    sums: list[Sum]
    rounding: int
    threshold: int
    earlier: dict[str, tuple[float, float]] = field(default_factory=dict)
    exact: set[str] = field(default_factory=set)

    @property
    def keys(self) -> list[str]:
        """Every key of a count or of a sum.

        Returns
        -------
        list of str
            Each key once, those of counts first.
        """
        return list(dict.fromkeys([*self.counts, *(k for total, parts in self.sums for k in (total, *parts))]))

    def published_interval(self, key: str) -> tuple[float, float]:
        """Return the interval that a published count gives away.

        Parameters
        ----------
        key : str
            Key of a count.

        Returns
        -------
        tuple of float
            The count itself, twice, when it is published exactly; else the least and the most that round to it.
        """
        n = self.counts[key]
        if key in self.exact:
            return float(n), float(n)
        r = round_count(n, self.rounding)
        half = (self.rounding - 1) // 2 if self.rounding % 2 else self.rounding / 2
        return max(0.0, r - half), r + half


def round_count(n: int, base: int) -> int:
    """Return a count rounded to the nearest multiple of a base, halves up.

    Parameters
    ----------
    n : int
        A count.
    base : int
        The base; 1 leaves the count as it is.

    Returns
    -------
    int
        The rounded count.
    """
    return int((n + base / 2) // base * base) if base > 1 else n


def components(keys: Iterable[str], sums: list[Sum]) -> list[tuple[list[str], list[Sum]]]:
    """Return the groups of keys that sums join, with their sums.

    Parameters
    ----------
    keys : iterable of str
        Keys of counts and sums.
    sums : list of (total key, part keys)
        What adds up to what; a sum with a key that is not among `keys` is left out.

    Returns
    -------
    list of (keys, sums)
        Each group that stands in at least one sum.
    """
    parent = {k: k for k in keys}
    used = [s for s in sums if all(k in parent for k in (s[0], *s[1]))]
    for total, parts in used:
        for part in parts:
            parent[_root(parent, part)] = _root(parent, total)
    groups: dict[str, tuple[list[str], list[Sum]]] = {}
    for k in parent:
        groups.setdefault(_root(parent, k), ([], []))[0].append(k)
    for s in used:
        groups[_root(parent, s[0])][1].append(s)
    return [g for g in groups.values() if g[1]]


def _root(parent: dict[str, str], key: str) -> str:
    """Return the key that stands for a key's group, and shorten the way to it."""
    while parent[key] != key:
        parent[key] = parent[parent[key]]
        key = parent[key]
    return key


def intervals(
    tables: Tables, keys: list[str], sums: list[Sum], hidden: set[str], only: set[str] | None = None
) -> Mapping[str, tuple[float, float]]:
    """Return what can be worked out about each hidden cell of a component from all that is published.

    Linear programming over counts of 0 or more: published cells lie in their rounding interval, cells of earlier
    releases in theirs, and every implied sum holds. Where an earlier release contradicts this one the data has
    changed since (somebody withdrew), and it says nothing of the cells it contradicts.

    Parameters
    ----------
    tables : Tables
        Counts and rules of the run.
    keys, sums : list
        One group of `components`.
    hidden : set of str
        Keys that are not shown.
    only : set of str, optional
        Hidden keys to look at; all of them when left out.

    Returns
    -------
    mapping
        Hidden key to the least and the most that it can be.
    """
    from scipy.sparse import csr_matrix

    place = {k: i for i, k in enumerate(keys)}
    entries = [
        (row, place[k], s)
        for row, (total, parts) in enumerate(sums)
        for k, s in ((total, -1.0), *((p, 1.0) for p in parts))
    ]
    rows, columns, signs = zip(*entries, strict=True) if entries else ((), (), ())
    matrix = csr_matrix((signs, (rows, columns)), shape=(len(sums), len(keys)))
    bounds = _bounds(tables, keys, hidden, tables.earlier)
    wanted = [k for k in keys if k in (hidden if only is None else hidden & only)]
    places = [place[k] for k in wanted]
    found = _ends(matrix, bounds, places)
    if found is None and tables.earlier:
        found = _ends(matrix, _bounds(tables, keys, hidden, {}), places)
    return dict(zip(wanted, found or [(0.0, 0.0)] * len(wanted), strict=True))


def _bounds(
    tables: Tables, keys: list[str], hidden: set[str], known: Mapping[str, tuple[float, float]]
) -> list[tuple[float, float | None]]:
    """Return the least and most of each cell by itself."""
    out: list[tuple[float, float | None]] = []
    for k in keys:
        low, high = (0.0, np.inf) if k in hidden or k not in tables.counts else tables.published_interval(k)
        then = known.get(k, (0.0, np.inf))
        if max(low, then[0]) <= min(high, then[1]):
            low, high = max(low, then[0]), min(high, then[1])
        out.append((low, None if np.isinf(high) else high))
    return out


def _ends(
    matrix: csr_matrix, bounds: list[tuple[float, float | None]], places: Sequence[int]
) -> list[tuple[float, float]] | None:
    """Return the least and most of each of some cells; None when nothing fits.

    One program holds a copy of all cells for each end that is asked for: the copies share nothing, so each finds its
    own end, and starting the solver, which costs more than solving, is paid once. Where an end has no limit the
    program has none, and the ends are found one at a time.
    """
    wanted = [(place, sign) for place in places for sign in (1.0, -1.0)]
    together = _solved(matrix, bounds, wanted) if wanted else []
    if together is None:
        return None
    found = together or [x for one in wanted for x in _solved(matrix, bounds, [one]) or [one[1] * -np.inf]]
    ends = [max(0.0, x) for x in found]
    return list(zip(ends[::2], ends[1::2], strict=True))


def _solved(
    matrix: csr_matrix, bounds: list[tuple[float, float | None]], wanted: list[tuple[int, float]]
) -> list[float] | None:
    """Return the end of each (cell, 1 for its least or -1 for its most); [] without a limit, None when nothing fits."""
    from scipy.optimize import Bounds, LinearConstraint, milp  # with no integers a linear program, at half the cost
    from scipy.sparse import identity, kron

    copies, n = len(wanted), len(bounds)
    cost = np.zeros((copies, n))
    for copy, (place, sign) in enumerate(wanted):
        cost[copy, place] = sign
    low, high = np.array([(a, np.inf if b is None else b) for a, b in bounds]).T
    sums = LinearConstraint(kron(identity(copies), matrix, format="csr"), 0.0, 0.0)
    found = milp(cost.ravel(), constraints=sums, bounds=Bounds(np.tile(low, copies), np.tile(high, copies)))
    if found.status == 2:
        return None
    return [] if found.status else [float(found.x[copy * n + place]) for copy, (place, _) in enumerate(wanted)]


def is_safe(tables: Tables, key: str, interval: tuple[float, float], primary: set[str]) -> bool:
    """Return whether a hidden cell is uncertain enough.

    A small cell: from 1 or less up to the threshold or more. A cell hidden to protect another: at least the threshold
    wide. A cell that an earlier release printed cannot be unsaid: this run must not narrow it further.

    Parameters
    ----------
    tables : Tables
        Counts and rules of the run.
    key : str
        The hidden cell.
    interval : tuple of float
        The least and the most that it can be, from `intervals`.
    primary : set of str
        Keys that are hidden for being small.

    Returns
    -------
    bool
        Whether the cell may stay as it is.
    """
    low, high = interval
    if key in tables.earlier:
        return (
            high - low >= tables.earlier[key][1] - tables.earlier[key][0] - 1e-6
            or high - low >= tables.threshold - 1e-6
        )
    if key in primary:
        return low <= 1 + 1e-6 and high >= tables.threshold - 1e-6
    return high - low >= tables.threshold - 1e-6


def protect_counts(tables: Tables) -> tuple[set[str], set[str], dict[str, int]]:
    """Return which counts are hidden so that the attacker can work none of the small ones out.

    Cells under the threshold are hidden; while the attacker can work one out, the smallest published cell that stands
    in a sum with it is hidden too, and last of all one that is itself the total of another table.

    Parameters
    ----------
    tables : Tables
        Counts and rules of the run.

    Returns
    -------
    hidden : set of str
        All hidden keys.
    primary : set of str
        Those of them that are hidden for being small.
    audit : dict
        "attacked", "recovered" (small cells that nothing could hide) and "components".
    """
    primary = {k for k, n in tables.counts.items() if n < tables.threshold and k not in tables.exact}
    hidden = set(primary)
    recovered = attacked = 0
    groups = components(tables.keys, tables.sums)
    for keys, sums in groups:
        doubtful = hidden & set(keys)  # a cell once safe stays so: hiding more only widens what the attacker finds
        while doubtful:
            found = intervals(tables, keys, sums, hidden, doubtful)
            doubtful = {k for k, ends in found.items() if not is_safe(tables, k, ends, primary)}
            tried = (_next(tables, keys, sums, hidden, primary, k) for k in sorted(doubtful))
            more = next((k for k in tried if k), None) or _any(tables, keys, hidden) if doubtful else None
            if more is None:
                break
            hidden.add(more)
            doubtful.add(more)
        final = intervals(tables, keys, sums, hidden) if hidden & set(keys) else {}
        attacked += len(final)
        recovered += sum(not is_safe(tables, k, ends, primary) for k, ends in final.items() if k in primary)
    return hidden, primary, {"attacked": attacked, "recovered": recovered, "components": len(groups)}


def _next(
    tables: Tables, keys: list[str], sums: list[Sum], hidden: set[str], primary: set[str], exposed: str
) -> str | None:
    """Return the published cell to hide for an exposed one: the cheapest in a sum with it that makes it safe.

    Parts come before totals, and either before a cell that another table is a breakdown of: hiding the number of
    people of a wave would hide what every table of it rests on. Where no single cell suffices the cheapest is taken.
    """
    near = [(total, parts) for total, parts in sums if exposed in (total, *parts)]
    may = {k for total, parts in near for k in (total, *parts)} & tables.counts.keys() - hidden - tables.exact
    near_totals = {total for total, _ in near}
    parts_of = {k for _, parts in near for k in parts}

    def cost(key: str) -> tuple[bool, bool, int, str]:
        breakdowns = sum(total == key for total, _ in sums) - (key in near_totals)
        return (breakdowns > 0, key not in parts_of, tables.counts[key], key)

    def enough(key: str) -> bool:
        return all(
            is_safe(tables, k, intervals(tables, keys, sums, hidden | {key}, {k})[k], primary) for k in (exposed, key)
        )

    order = sorted(may, key=cost)
    tried = order[:MOST_CANDIDATES] if len(order) > 1 else []
    return next((k for k in tried if enough(k)), None) or (order[0] if order else None)


def _any(tables: Tables, keys: list[str], hidden: set[str]) -> str | None:
    """Return the smallest published cell of a component, for when none beside an exposed cell is left to hide."""
    left = [k for k in keys if k in tables.counts and k not in hidden | tables.exact]
    return min(left, key=lambda k: (tables.counts[k], k)) if left else None
