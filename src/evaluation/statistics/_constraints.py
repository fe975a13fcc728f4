"""Calibration variables without their dense matrix: cells of margins as integer codes, or numeric columns.

Weights calibrated on margins depend on a person's cells only, so people who share every cell are one row here
(`grouped`): a million rows rake as a few hundred.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

MOST_CELLS = 4_000_000  # combined cells up to which they are counted directly
RANK = 1e-11  # eigenvalues of the scaled cross-product below this share of the largest are zero


@dataclass(frozen=True, slots=True)
class Constraints:
    """Calibration variables of n people, k in all.

    Attributes
    ----------
    codes : tuple of int arrays, length n
        Cell of each person, one array per margin; empty for numeric columns.
    sizes : tuple of int
        Cells of each margin.
    matrix : ndarray (n, k) or None
        Numeric columns, instead of codes.
    """

    codes: tuple[np.ndarray, ...] = ()
    sizes: tuple[int, ...] = ()
    matrix: np.ndarray | None = field(default=None, repr=False)

    @property
    def n(self) -> int:
        """People."""
        return len(self.codes[0]) if self.matrix is None else len(self.matrix)

    @property
    def k(self) -> int:
        """Calibration variables."""
        return sum(self.sizes) if self.matrix is None else self.matrix.shape[1]

    def totals(self, weight: np.ndarray) -> np.ndarray:
        """Return the weighted total of each variable, (k,)."""
        if self.matrix is not None:
            return weight @ self.matrix
        parts = [np.bincount(c, weight, minlength=s) for c, s in zip(self.codes, self.sizes, strict=True)]
        return np.concatenate(parts)

    def cross(self, values: np.ndarray) -> np.ndarray:
        """Return the totals of weighted columns (n, m) over each variable, (k, m)."""
        if self.matrix is not None:
            return self.matrix.T @ values
        return np.column_stack([self.totals(np.ascontiguousarray(values[:, j])) for j in range(values.shape[1])])

    def at(self, slopes: np.ndarray) -> np.ndarray:
        """Return the linear predictor of slopes (k,) or (k, m): (n,) or (n, m)."""
        if self.matrix is not None:
            return self.matrix @ slopes
        parts = np.split(slopes, np.cumsum(self.sizes)[:-1])
        found = parts[0][self.codes[0]]
        for part, code in zip(parts[1:], self.codes[1:], strict=True):
            found = found + part[code]
        return found

    def gram(self, weight: np.ndarray) -> np.ndarray:
        """Return the weighted cross-product of the variables, (k, k)."""
        if self.matrix is not None:
            return self.matrix.T @ (self.matrix * weight[:, None])
        blocks = []
        for a, size in zip(self.codes, self.sizes, strict=True):
            row = [
                np.bincount(a * s + b, weight, minlength=size * s).reshape(size, s)
                for b, s in zip(self.codes, self.sizes, strict=True)
            ]
            blocks.append(row)
        return np.block(blocks)

    def take(self, keep: np.ndarray) -> Constraints:
        """Return the constraints of some people, in the order asked (a mask or places)."""
        if self.matrix is not None:
            return Constraints(matrix=self.matrix[keep])
        return Constraints(tuple(c[keep] for c in self.codes), self.sizes)

    def grouped(self) -> tuple[Constraints, np.ndarray]:
        """Return the constraints with one row per combination of cells, and each person's row."""
        if self.matrix is not None:
            return self, np.arange(self.n)
        one = self.codes[0].astype(np.int64)
        top = self.sizes[0]
        for code, size in zip(self.codes[1:], self.sizes[1:], strict=True):
            one, top = one * size + code, top * size
            if top > MOST_CELLS:
                kept, one = np.unique(one, return_inverse=True)
                top = len(kept)
        held = np.flatnonzero(np.bincount(one, minlength=top)) if top <= MOST_CELLS else np.unique(one)
        place = np.empty(top, dtype=np.intp)
        place[held] = np.arange(len(held))
        group = place[one]
        first = np.empty(len(held), dtype=np.intp)
        first[group[::-1]] = np.arange(self.n - 1, -1, -1)
        return self.take(first), group


def pseudo_inverse(gram: np.ndarray) -> np.ndarray:
    """Return the inverse of a cross-product over the directions that the variables span (columns may be collinear)."""
    scale = np.sqrt(np.diag(gram))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
    keep = values > RANK * values[-1]
    half = vectors[:, keep] / scale[:, None]
    return (half / values[keep]) @ half.T


def residuals(constraints: Constraints, base: np.ndarray, inverse: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return what a regression of scores (n, m) on the variables with weights `base` leaves; twice, for rounding."""
    left = scores
    for _ in range(2):
        left = left - constraints.at(inverse @ constraints.cross(left * base[:, None]))
    return left
