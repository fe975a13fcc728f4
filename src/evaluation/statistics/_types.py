"""Types that the statistics share: arrays by what they hold, and the check that a value is a number."""

from __future__ import annotations

from numbers import Real
from typing import TypeGuard

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]
Booleans = npt.NDArray[np.bool_]


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
