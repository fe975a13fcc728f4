"""Thresholds and polychoric correlations of ordered answers, with each person's influence on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from scipy.special import ndtr, ndtri

from evaluation import errors
from evaluation.statistics._arrays import Floats, Integers

FAR = 38.0  # beyond every answer: the normal distribution is 0 or 1 there
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(32)
HIGHEST = 0.9999


@dataclass(frozen=True)
class Polychoric:
    """Thresholds and polychoric correlations of one group (two-step maximum likelihood, Olsson 1979).

    Attributes
    ----------
    thresholds : tuple of ndarray
        Of each item, one fewer than its levels, on the scale of a standard normal variable.
    correlations : ndarray, shape (pairs,)
        Of each pair of items, in the order of `itertools.combinations`.
    influence : ndarray, shape (n, thresholds + pairs)
        Each person's influence on the thresholds (item by item) and correlations: their cross product is the
        covariance (Muthén 1984).
    """

    thresholds: tuple[Floats, ...]
    correlations: Floats
    influence: Floats

    @cached_property
    def statistics(self) -> Floats:
        """Return thresholds, item by item, and then correlations.

        Returns
        -------
        ndarray, shape (thresholds + pairs,)
            In the order of `influence`.
        """
        return np.concatenate([*self.thresholds, self.correlations])

    def covariance(self, cluster: Integers | None = None) -> Floats:
        """Return the covariance of the statistics.

        Parameters
        ----------
        cluster : ndarray of int, shape (n,), optional
            Codes of clusters; people of one may answer alike.

        Returns
        -------
        ndarray, shape (k, k)
            In the order of `statistics`.
        """
        if cluster is None:
            return np.asarray(self.influence.T @ self.influence)
        held = np.unique(cluster, return_inverse=True)[1]
        sums = np.zeros((held.max() + 1, self.influence.shape[1]))
        np.add.at(sums, held, self.influence)
        return np.asarray(sums.T @ sums) * len(sums) / max(len(sums) - 1, 1)


def polychoric(codes: Integers) -> Polychoric:
    """Return thresholds, polychoric correlations and their influence for one group.

    Parameters
    ----------
    codes : ndarray of int, shape (n, items)
        Levels from 0, every level met by somebody.

    Returns
    -------
    Polychoric
        Thresholds from the margins; each correlation by maximum likelihood given the thresholds.

    Raises
    ------
    EmptyCell
        A level that nobody chose, or an item without two levels.
    """
    n, items = codes.shape
    counts = [np.bincount(codes[:, j]) for j in range(items)]
    if any(len(c) < 2 or (c == 0).any() for c in counts):
        raise errors.EmptyCell("an item has a level that nobody chose", todo="Join levels, in all groups alike.")
    thresholds = tuple(ndtri(np.cumsum(c)[:-1] / n) for c in counts)
    marginal = [_marginal_scores(codes[:, j], thresholds[j]) for j in range(items)]
    own = [s @ np.linalg.inv(s.T @ s) for s in marginal]
    found, influence = [], []
    for j, k in combinations(range(items), 2):
        pair = _Pair(thresholds[j], thresholds[k], codes[:, [j, k]])
        rho = pair.fit()
        score, (a_j, a_k) = pair.scores(rho)
        found.append(rho)
        influence.append((score - own[j] @ a_j - own[k] @ a_k) / (score @ score))
    return Polychoric(thresholds, np.array(found), np.column_stack([*own, *influence]))


def _marginal_scores(code: Integers, t: Floats) -> Floats:
    """Return each person's score of the thresholds of one item."""
    share, density = np.diff(np.concatenate([[0.0], ndtr(t), [1.0]])), _density(t)
    scores, cut = np.zeros((len(code), len(t))), np.arange(len(t))
    scores += np.where(code[:, None] == cut, density / share[:-1], 0.0)
    return scores - np.where(code[:, None] == cut + 1, density / share[1:], 0.0)


def _density(x: Floats) -> Floats:
    return np.asarray(np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))


class _Pair:
    """The table of two items: thresholds of both, and codes (n, 2)."""

    def __init__(self, rows: Floats, columns: Floats, codes: Integers) -> None:
        self.codes, self.cuts = codes, (rows, columns)
        self.h, self.k = (np.concatenate([[-FAR], t, [FAR]]) for t in (rows, columns))
        self.table = np.zeros((len(rows) + 1, len(columns) + 1))
        np.add.at(self.table, (codes[:, 0], codes[:, 1]), 1.0)

    def _cells(self, rho: float) -> tuple[Floats, Floats]:
        """Return the probability of each cell and its derivative by the correlation."""
        h, k = self.h[:, None], self.k[None, :]
        angle = np.arcsin(rho) * (NODES + 1) / 2
        sine = np.asarray(np.sin(angle))[:, None, None]
        area = np.exp(-(h**2 - 2 * h * k * sine + k**2) / (2 * (1 - sine**2)))
        below = ndtr(h) * ndtr(k) + np.tensordot(NODE_WEIGHTS, area, 1) * np.arcsin(rho) / (4 * np.pi)
        rest = 1 - rho**2
        slope = np.exp(-(h**2 - 2 * h * k * rho + k**2) / (2 * rest)) / (2 * np.pi * np.sqrt(rest))
        return np.maximum(_boxes(below), 1e-300), _boxes(slope)

    def fit(self) -> float:
        """Return the correlation, by Fisher's scoring."""
        n = self.table.sum()
        rho = float(np.clip(np.asarray(np.corrcoef(self.codes.T))[0, 1], -0.9, 0.9))
        for _ in range(100):
            p, slope = self._cells(rho)
            move = (self.table * slope / p).sum() / (n * (slope**2 / p).sum())
            rho = float(np.clip(rho + np.clip(move, -0.2, 0.2), -HIGHEST, HIGHEST))
            if abs(move) < 1e-12 or abs(rho) == HIGHEST:
                break
        return rho

    def scores(self, rho: float) -> tuple[Floats, tuple[Floats, Floats]]:
        """Return each person's score of the correlation, and its cross products with the scores of both thresholds."""
        p, slope = self._cells(rho)
        ratio = np.asarray(slope / p)
        crossed = []
        for side in (0, 1):
            by, own, other = (
                (self.table * ratio / p, self.cuts[0], self.k)
                if side == 0
                else ((self.table * ratio / p).T, self.cuts[1], self.h)
            )
            inner: Floats = ndtr((other[None, :] - rho * own[:, None]) / np.sqrt(1 - rho**2))
            shift = _density(own)[:, None] * np.diff(inner, axis=1)
            crossed.append(((by[:-1] - by[1:]) * shift).sum(axis=1))
        return ratio[self.codes[:, 0], self.codes[:, 1]], (crossed[0], crossed[1])


def _boxes(corners: Floats) -> Floats:
    """Return the mass of each cell from the values at its corners."""
    return np.diff(np.diff(corners, axis=0), axis=1)
