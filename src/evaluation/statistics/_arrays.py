"""The types of arrays and numbers in signatures, the check that a value is one, and sums by group."""

from __future__ import annotations

from numbers import Real
from typing import TypeGuard

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]
Booleans = npt.NDArray[np.bool_]
Number = int | float | np.integer | np.floating


def group_sums(codes: Integers, values: Floats, size: int = 0) -> Floats:
    """Return the sum of the values in each group.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Group of each row, from 0.
    values : ndarray, shape (n,)
        What is summed.
    size : int
        Least number of groups in the result.

    Returns
    -------
    ndarray, shape (largest code + 1,) or (size,)
        Sum by group; 0 for a group with no rows.
    """
    sums: Floats = np.bincount(codes, values, minlength=size)  # type: ignore[assignment]  # the stub forgets weights
    return sums


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a real number (Python's or numpy's; not None, not text).

    Parameters
    ----------
    value : object
        What a caller gave.

    Returns
    -------
    bool
        True for integers, floats, booleans and numpy's scalars of these kinds.
    """
    return isinstance(value, Real)
