"""The attacker: what can be worked out about a hidden count from every table, rounding and earlier release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

Sum = tuple[str, tuple[str, ...]]


@dataclass(slots=True)
class Tables:
    """Every count of a run and every sum that the tables imply.

    Attributes
    ----------
    counts : dict key → exact count; `sums` (total key, part keys).
    known : dict key → (low, high): what earlier releases already say about a cell.
    exact : keys that are published exactly.
    """

    counts: dict[str, int]
    sums: list[Sum]
    rounding: int
    threshold: int
    known: dict[str, tuple[float, float]] = field(default_factory=dict)
    exact: set[str] = field(default_factory=set)

    def published(self, key: str) -> tuple[float, float]:
        """Return the interval that a published count gives away: itself when exact, else what rounds to it."""
        n = self.counts[key]
        if key in self.exact:
            return float(n), float(n)
        r = rounded(n, self.rounding)
        half = (self.rounding - 1) // 2 if self.rounding % 2 else self.rounding / 2
        return max(0.0, r - half), r + half


def rounded(n: int, base: int) -> int:
    """Return n rounded to the nearest multiple of base (halves up)."""
    return int((n + base / 2) // base * base) if base > 1 else n


def components(keys: Iterable[str], sums: list[Sum]) -> list[tuple[list[str], list[Sum]]]:
    """Return groups of keys that sums join, with their sums."""
    parent = {k: k for k in keys}

    def find(k: str) -> str:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    used = [s for s in sums if all(k in parent for k in (s[0], *s[1]))]
    for total, parts in used:
        for part in parts:
            parent[find(part)] = find(total)
    groups: dict[str, tuple[list[str], list[Sum]]] = {}
    for k in parent:
        groups.setdefault(find(k), ([], []))[0].append(k)
    for s in used:
        groups[find(s[0])][1].append(s)
    return [g for g in groups.values() if g[1]]


def intervals(tables: Tables, keys: list[str], sums: list[Sum], hidden: set[str]) -> Mapping[str, tuple[float, float]]:
    """Return the interval of each hidden cell of a component that is consistent with all that is published.

    Linear programming over counts of 0 or more: published cells lie in their rounding interval, cells of earlier
    releases in theirs, and every implied sum holds.
    """
    from scipy.optimize import linprog

    place = {k: i for i, k in enumerate(keys)}
    bounds = []
    for k in keys:
        low, high = (0.0, np.inf) if k in hidden else tables.published(k)
        if k in tables.known:
            low, high = max(low, tables.known[k][0]), min(high, tables.known[k][1])
        bounds.append((low, None if np.isinf(high) else high))
    matrix = np.zeros((len(sums), len(keys)))
    for row, (total, parts) in enumerate(sums):
        matrix[row, place[total]] -= 1
        for part in parts:
            matrix[row, place[part]] += 1
    out = {}
    for k in keys:
        if k not in hidden:
            continue
        cost = np.zeros(len(keys))
        cost[place[k]] = 1.0
        ends = []
        for sign in (1.0, -1.0):
            found = linprog(sign * cost, A_eq=matrix, b_eq=np.zeros(len(sums)), bounds=bounds, method="highs")
            ends.append(sign * found.fun if found.status == 0 else (-np.inf if sign > 0 else np.inf))
        out[k] = (ends[0], ends[1])
    return out


def safe(tables: Tables, key: str, interval: tuple[float, float], primary: set[str]) -> bool:
    """Return whether a hidden cell is uncertain enough.

    A small cell: from 1 or less up to the threshold or more. A cell hidden to protect another: at least the threshold
    wide.
    """
    low, high = interval
    if key in primary:
        return low <= 1 + 1e-6 and high >= tables.threshold - 1e-6
    return high - low >= tables.threshold - 1e-6


def protect_counts(tables: Tables) -> tuple[set[str], set[str], dict[str, int]]:
    """Return (all hidden keys, those hidden for being small, audit) after hiding what the attacker could use.

    Cells under the threshold are hidden; while the attacker can work one out, the smallest published cell that stands
    in a sum with it is hidden too.
    """
    primary = {k for k, n in tables.counts.items() if n < tables.threshold and k not in tables.exact}
    hidden = set(primary)
    recovered = attacked = 0
    groups = components(tables.counts, tables.sums)
    for keys, sums in groups:
        while hidden & set(keys):
            found = intervals(tables, keys, sums, hidden)
            exposed = [k for k, ends in found.items() if not safe(tables, k, ends, primary)]
            if not exposed:
                break
            more = _next(tables, exposed, sums, hidden)
            if more is None:
                break
            hidden.add(more)
        final = intervals(tables, keys, sums, hidden) if hidden & set(keys) else {}
        attacked += len(final)
        recovered += sum(not safe(tables, k, ends, primary) for k, ends in final.items() if k in primary)
    return hidden, primary, {"attacked": attacked, "recovered": recovered, "components": len(groups)}


def _next(tables: Tables, exposed: list[str], sums: list[Sum], hidden: set[str]) -> str | None:
    """Return the smallest published cell in a sum with an exposed one: parts before totals."""
    for wanted in (False, True):
        choices = set()
        for total, parts in sums:
            cells = {total, *parts}
            if cells & set(exposed):
                pool = {total} if wanted else set(parts)
                choices |= {k for k in pool if k not in hidden and k not in tables.exact}
        if choices:
            return min(choices, key=lambda k: (tables.counts[k], k))
    return None
