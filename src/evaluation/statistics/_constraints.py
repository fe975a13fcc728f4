"""Calibration variables without their dense matrix: cells of margins as integer codes, or numeric columns.

Weights calibrated on margins depend on a person's cells only, so people who share every cell are one row here
(`combinations`): a million rows rake as a few hundred.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from evaluation.statistics._arrays import Booleans, Floats, Integers, group_sums

MAX_CELLS = 4_000_000  # combined cells up to which they are counted directly
RANK_TOLERANCE = 1e-11  # eigenvalues of the scaled cross-product below this share of the largest are zero


@dataclass(frozen=True, slots=True)
class Constraints:
    """Calibration variables of n people, k in all.

    Attributes
    ----------
    codes : tuple of ndarray of int, each of shape (n,)
        Cell of each person, one array per margin; empty for numeric columns.
    sizes : tuple of int
        Number of cells of each margin.
    matrix : ndarray, shape (n, k), or None
        Numeric columns, instead of codes.
    """

    codes: tuple[Integers, ...] = ()
    sizes: tuple[int, ...] = ()
    matrix: Floats | None = field(default=None, repr=False)

    @property
    def n(self) -> int:
        """Return the number of people.

        Returns
        -------
        int
            Rows of the calibration variables.
        """
        return len(self.codes[0]) if self.matrix is None else len(self.matrix)

    @property
    def k(self) -> int:
        """Return the number of calibration variables.

        Returns
        -------
        int
            Cells over all margins, or numeric columns.
        """
        return sum(self.sizes) if self.matrix is None else self.matrix.shape[1]

    def totals(self, weight: Floats) -> Floats:
        """Return the weighted total of each variable.

        Parameters
        ----------
        weight : ndarray, shape (n,)
            Weight of each person.

        Returns
        -------
        ndarray, shape (k,)
            Sum of weight times variable.
        """
        if self.matrix is not None:
            return weight @ self.matrix
        parts = [group_sums(c, weight, s) for c, s in zip(self.codes, self.sizes, strict=True)]
        return np.concatenate(parts)

    def cross_products(self, values: Floats) -> Floats:
        """Return the cross-products of the variables with further columns.

        Parameters
        ----------
        values : ndarray, shape (n, m)
            Columns, already weighted.

        Returns
        -------
        ndarray, shape (k, m)
            Total of each column over each variable.
        """
        if self.matrix is not None:
            return self.matrix.T @ values
        return np.column_stack([self.totals(np.ascontiguousarray(values[:, j])) for j in range(values.shape[1])])

    def linear_predictor(self, slopes: Floats) -> Floats:
        """Return the linear predictor of each person.

        Parameters
        ----------
        slopes : ndarray, shape (k,) or (k, m)
            Coefficient of each variable, one set or m sets.

        Returns
        -------
        ndarray, shape (n,) or (n, m)
            Sum of variable times coefficient.
        """
        if self.matrix is not None:
            return self.matrix @ slopes
        parts = np.split(slopes, np.cumsum(self.sizes)[:-1])
        predictor = parts[0][self.codes[0]]
        for part, code in zip(parts[1:], self.codes[1:], strict=True):
            predictor = predictor + part[code]
        return predictor

    def gram(self, weight: Floats) -> Floats:
        """Return the weighted cross-product of the variables with themselves.

        Parameters
        ----------
        weight : ndarray, shape (n,)
            Weight of each person.

        Returns
        -------
        ndarray, shape (k, k)
            X'WX.
        """
        if self.matrix is not None:
            return self.matrix.T @ (self.matrix * weight[:, None])
        blocks = []
        for a, size in zip(self.codes, self.sizes, strict=True):
            row = [
                group_sums(a * s + b, weight, size * s).reshape(size, s)
                for b, s in zip(self.codes, self.sizes, strict=True)
            ]
            blocks.append(row)
        return np.block(blocks)

    def subset(self, keep: Booleans | Integers) -> Constraints:
        """Return the constraints of some people.

        Parameters
        ----------
        keep : ndarray of bool, shape (n,), or of int
            A mask, or row positions in the order asked.

        Returns
        -------
        Constraints
            The same variables, those rows only.
        """
        if self.matrix is not None:
            return Constraints(matrix=self.matrix[keep])
        return Constraints(tuple(c[keep] for c in self.codes), self.sizes)

    def combinations(self) -> tuple[Constraints, Integers]:
        """Return the constraints with one row per combination of cells.

        Returns
        -------
        constraints : Constraints
            One row per combination that somebody has; these constraints themselves for numeric columns.
        group : ndarray of int, shape (n,)
            Row of each person's combination.
        """
        if self.matrix is not None:
            return self, np.arange(self.n)
        one: Integers = self.codes[0].astype(np.int64)
        top = self.sizes[0]
        for code, size in zip(self.codes[1:], self.sizes[1:], strict=True):
            one, top = one * size + code, top * size
            if top > MAX_CELLS:
                kept, one = np.unique(one, return_inverse=True)
                top = len(kept)
        occupied = np.flatnonzero(np.bincount(one, minlength=top)) if top <= MAX_CELLS else np.unique(one)
        place = np.empty(top, dtype=np.intp)
        place[occupied] = np.arange(len(occupied))
        group = place[one]
        first = np.empty(len(occupied), dtype=np.intp)
        first[group[::-1]] = np.arange(self.n - 1, -1, -1)
        return self.subset(first), group


def pseudo_inverse(gram: Floats) -> Floats:
    """Return the inverse of a cross-product over the directions that the variables span.

    Parameters
    ----------
    gram : ndarray, shape (k, k)
        Cross-product of columns, which may be collinear.

    Returns
    -------
    ndarray, shape (k, k)
        Generalised inverse, found on columns scaled to unit length.
    """
    scale = np.sqrt(np.diag(gram))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
    keep = values > RANK_TOLERANCE * values[-1]
    half: Floats = vectors[:, keep] / scale[:, None]
    inverse: Floats = (half / values[keep]) @ half.T
    return inverse


def residuals(constraints: Constraints, base: Floats, inverse: Floats, scores: Floats) -> Floats:
    """Return the residuals of a weighted regression of scores on the calibration variables.

    Parameters
    ----------
    constraints : Constraints
        Calibration variables of n people.
    base : ndarray, shape (n,)
        Weights of the regression: those before calibration.
    inverse : ndarray, shape (k, k)
        `pseudo_inverse` of the variables' cross-product with these weights.
    scores : ndarray, shape (n, m)
        Columns that are regressed.

    Returns
    -------
    ndarray, shape (n, m)
        What the regression leaves; it is taken twice, for rounding.
    """
    left = scores
    for _ in range(2):
        left = left - constraints.linear_predictor(inverse @ constraints.cross_products(left * base[:, None]))
    return left
