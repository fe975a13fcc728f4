"""Draw a lot that anybody can draw again, and list the allocations that it could have given."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evaluation import errors
from evaluation.statistics._arrays import Booleans, Floats, Integers

ALGORITHM = "sha256-order-1"  # what `draw` does; a change of it needs a new name
MOST_LISTED = 100_000
DRAWS = 20_000
MOST_TRIES = 100_000
LEAST_KEPT = 100


@dataclass(frozen=True, slots=True)
class Restriction:
    """A rule, stated before the draw, by which a draw that is out of balance is drawn again.

    Attributes
    ----------
    values : ndarray, shape (units, columns)
        What is to be balanced, one row per unit.
    most : float
        Largest difference in means between the arms, in standard deviations of each column.
    """

    values: Floats
    most: float

    def permits(self, treat: Booleans) -> Booleans:
        """Return which allocations are in balance.

        Parameters
        ----------
        treat : ndarray of bool, shape (allocations, units)
            One allocation in a row.

        Returns
        -------
        ndarray of bool, shape (allocations,)
            True where every column's difference is within `most`.
        """
        spread = self.values.std(axis=0, ddof=1)
        scaled = (self.values - self.values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        drawn = treat.astype(float)
        first = drawn @ scaled / drawn.sum(axis=1)[:, None]
        others = (1 - drawn) @ scaled / (1 - drawn).sum(axis=1)[:, None]
        within: Booleans = (np.abs(first - others) <= self.most + 1e-12).all(axis=1)
        return within


class Draw(NamedTuple):
    """A draw: 0/1 for each unit, and how many tries the restriction took (1 without one)."""

    treat: Integers
    tries: int


class Allocations(NamedTuple):
    """Allocations that the lot could have given: one in a row, and whether they are all of them."""

    treat: Booleans
    complete: bool


def sizes(blocks: Sequence[object], share: float) -> dict[object, int]:
    """Return how many units of each block are drawn: the share of the block, rounded, at least one and not all.

    Parameters
    ----------
    blocks : sequence
        Block of each unit.
    share : float
        Share drawn, between 0 and 1.

    Returns
    -------
    dict
        Block to number of units drawn.

    Raises
    ------
    DataError
        A share outside 0 to 1.
    EmptyCell
        A block of one unit: nothing can be drawn there.
    """
    if not 0 < share < 1:
        raise errors.DataError("the share drawn is between 0 and 1", todo="State it as 0.5, for example.")
    counts = _counted(blocks)
    alone = [b for b, n in counts.items() if n < 2]
    if alone:
        shown = ", ".join(map(str, alone[:5]))
        raise errors.EmptyCell(
            f"{len(alone)} blocks hold one unit only ({shown})", todo="Join blocks, so that each holds two units."
        )
    return {b: min(n - 1, max(1, math.floor(n * share + 0.5))) for b, n in counts.items()}


def draw(
    units: Sequence[str], blocks: Sequence[object], *, share: float, seed: str, restriction: Restriction | None = None
) -> Draw:
    """Draw by lot within blocks, so that anybody who has the seed and SHA-256 draws the same.

    Within each block units are put in the order of SHA-256("seed:try:unit"), as hexadecimal text; the first of them are
    drawn. A draw that the restriction does not permit is followed by the next try.

    Parameters
    ----------
    units : sequence of str
        Name of each unit, all different.
    blocks : sequence
        Block of each unit.
    share : float
        Share of each block that is drawn, between 0 and 1.
    seed : str
        Seed, as text.
    restriction : Restriction, optional
        Rule for drawing again, stated before.

    Returns
    -------
    Draw
        1 for the units drawn, and the number of tries.

    Raises
    ------
    DataError
        Units that stand twice, or a restriction that no try met.
    EmptyCell
        A block of one unit.

    References
    ----------
    Raab and Butcher (2001) for restricted draws.
    """
    names = [str(u) for u in units]
    if len(set(names)) != len(names):
        raise errors.DataError("a unit stands twice in the frame", todo="Keep one row for each unit.")
    wanted = sizes(blocks, share)
    places = [(np.flatnonzero(_is(blocks, b)), m) for b, m in wanted.items()]
    for k in range(1, MOST_TRIES + 1):
        marks = np.array([hashlib.sha256(f"{seed}:{k}:{name}".encode()).hexdigest() for name in names])
        treat = np.zeros(len(names), dtype=int)
        for rows, m in places:
            treat[rows[np.argsort(marks[rows], kind="stable")[:m]]] = 1
        if restriction is None or restriction.permits(treat[None, :] == 1)[0]:
            return Draw(treat, k)
    raise errors.DataError(
        f"none of {MOST_TRIES:,} tries met the restriction", todo="State a wider one, before anything is drawn."
    )


def number_of_allocations(blocks: Sequence[object], treat: npt.ArrayLike) -> int:
    """Return how many allocations a draw within blocks can give, without a restriction.

    Parameters
    ----------
    blocks : sequence
        Block of each unit.
    treat : array-like of 0 and 1, length units
        The allocation that was drawn: it says how many of each block.

    Returns
    -------
    int
        Product over blocks of n choose m.
    """
    return math.prod(math.comb(n, m) for n, m in _cells(blocks, np.asarray(treat)))


def allocations(
    blocks: Sequence[object],
    treat: npt.ArrayLike,
    *,
    restriction: Restriction | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> Allocations:
    """Return the allocations that the lot could have given: all of them up to 100,000, else drawn ones.

    Drawn ones hold the allocation that was made as their first row, so that a share of them is a valid p-value (Phipson
    and Smyth 2010).

    Parameters
    ----------
    blocks : sequence
        Block of each unit.
    treat : array-like of 0 and 1, length units
        The allocation that was made.
    restriction : Restriction, optional
        Rule of the draw: only allocations that it permits are kept.
    seed : int
        Seed of drawn allocations.
    draws : int
        Allocations drawn where they are too many to list.

    Returns
    -------
    Allocations
        Rows of booleans, and whether all of them are there.

    Raises
    ------
    DataError
        An allocation that the restriction does not permit, or a restriction that leaves too few.
    """
    made = np.asarray(treat) == 1
    if restriction is not None and not restriction.permits(made[None, :])[0]:
        raise errors.DataError("the allocation breaks the restriction of the draw", todo="Look at the lot's record.")
    if number_of_allocations(blocks, made) <= MOST_LISTED:
        every = _listed(blocks, made)
        return Allocations(every if restriction is None else every[restriction.permits(every)], complete=True)
    return Allocations(np.vstack([made[None, :], _drawn(blocks, made, restriction, seed, draws - 1)]), complete=False)


def _drawn(
    blocks: Sequence[object], treat: Booleans, restriction: Restriction | None, seed: int, wanted: int
) -> Booleans:
    """Return random allocations within blocks that the restriction permits."""
    rng, rows = np.random.default_rng(seed), [np.flatnonzero(_is(blocks, b)) for b in _counted(blocks)]
    kept: list[Booleans] = []
    tried, found = 0, 0
    while found < wanted:
        if tried > 1000 * wanted:
            raise errors.DataError("the restriction permits too few allocations", todo="State a wider one.")
        batch = np.zeros((2000, len(treat)), dtype=bool)
        for place in rows:
            order = np.argsort(rng.random((len(batch), len(place))), axis=1)
            batch[:, place] = order < int(treat[place].sum())
        tried += len(batch)
        kept.append(batch if restriction is None else batch[restriction.permits(batch)])
        found += len(kept[-1])
    return np.vstack(kept)[:wanted]


def _listed(blocks: Sequence[object], treat: Booleans) -> Booleans:
    """Return every allocation within blocks, as rows."""
    parts = []
    for b in _counted(blocks):
        rows = np.flatnonzero(_is(blocks, b))
        chosen = list(itertools.combinations(rows, int(treat[rows].sum())))
        part = np.zeros((len(chosen), len(treat)), dtype=bool)
        for k, places in enumerate(chosen):
            part[k, list(places)] = True
        parts.append(part)
    whole = parts[0]
    for part in parts[1:]:
        whole = (whole[:, None, :] | part[None, :, :]).reshape(-1, len(treat))
    return whole


def smallest_p(allocations: Allocations) -> float:
    """Return the smallest two-sided p-value that the lot's allocations allow.

    Parameters
    ----------
    allocations : Allocations
        All allocations, or drawn ones.

    Returns
    -------
    float
        2 / allocations where the mirror image of an allocation is one too, else 1 / allocations.
    """
    own = {row.tobytes() for row in np.packbits(allocations.treat, axis=1)}
    mirrored = np.packbits(~allocations.treat[0]).tobytes() in own
    return min(1.0, (2 if mirrored else 1) / len(allocations.treat))


def together(allocations: Allocations) -> Floats:
    """Return how often two units are in the same arm: 0 or 1 for units that the restriction always parts or joins.

    Parameters
    ----------
    allocations : Allocations
        All allocations, or drawn ones.

    Returns
    -------
    ndarray, shape (units, units)
        Share of allocations, 0 to 1.
    """
    drawn = allocations.treat.astype(float)
    both: Floats = drawn.T @ drawn + (1 - drawn).T @ (1 - drawn)
    return both / len(drawn)


def _cells(blocks: Sequence[object], treat: Booleans | Integers) -> Iterator[tuple[int, int]]:
    for b in _counted(blocks):
        rows = _is(blocks, b)
        yield int(rows.sum()), int(treat[rows].sum())


def _counted(blocks: Sequence[object]) -> Mapping[object, int]:
    counts: dict[object, int] = {}
    for b in blocks:
        counts[b] = counts.get(b, 0) + 1
    return counts


def _is(blocks: Sequence[object], block: object) -> Booleans:
    return np.array([b == block for b in blocks], dtype=bool)
