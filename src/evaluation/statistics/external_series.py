"""Another survey's published figures beside a change of one's own: the difference, and how far such a series moves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.errors import DataError
from evaluation.results import Estimate, from_se

Floats = npt.NDArray[np.float64]
LEAST_STEPS = 2  # steps from figure to figure, under which a series has no spread of its own
Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Spread:
    """How far a series moves by itself: standard deviation of a year's step, and the steps it was seen in."""

    per_year: float
    steps: int

    def over(self, years: float) -> float:
        """Return the standard deviation of the series' movement over a number of years.

        Parameters
        ----------
        years : float
            Time between two figures, in years.

        Returns
        -------
        float
            In the unit of the series.
        """
        return self.per_year * math.sqrt(years)


def spread(years: Floats, values: Floats) -> Spread | None:
    """Return a series' own spread: root mean square of the steps between figures, each over the root of its years.

    The steps of a random walk without drift: a trend counts as movement, and so does the sampling error of the figures,
    so that the spread is rather too wide than too narrow.

    Parameters
    ----------
    years : ndarray, shape (k,)
        When each figure ends, in years.
    values : ndarray, shape (k,)
        The figures.

    Returns
    -------
    Spread or None
        None for fewer than three figures at different times.

    Raises
    ------
    DataError
        Two figures at one time.
    """
    order = np.argsort(years)
    gaps, steps = np.diff(np.asarray(years)[order]), np.diff(np.asarray(values)[order])
    if (gaps <= 0).any():
        raise DataError("two figures of the series end at one time", todo="Keep one figure of each period.")
    if len(steps) < LEAST_STEPS:
        return None
    return Spread(float(np.sqrt(np.mean(steps**2 / gaps))), len(steps))


def sampling_error(value: float, base: float, low: float = math.nan, high: float = math.nan) -> float | None:
    """Return the standard error of a published percentage: from its limits, else from its base.

    Parameters
    ----------
    value : float
        The figure, in per cent.
    base : float
        People it rests on; 0 or missing where that is not stated. A simple random sample is assumed: the least error.
    low, high : float
        Limits of its 95 % interval, where published.

    Returns
    -------
    float or None
        In percentage points; None where neither is stated.
    """
    if math.isfinite(low) and math.isfinite(high):
        return (high - low) / (2 * Z)
    share = value / 100
    return 100 * math.sqrt(share * (1 - share) / base) if math.isfinite(base) and base > 0 else None


def beside(
    own: Estimate, there: float, *, errors: tuple[float, ...] = (), moved: Spread | None = None, years: float = 0.0
) -> Estimate:
    """Return one's own change less another survey's, widened by how far the series moves by itself.

    Variances add: of one's own change, of the two published figures where their errors are known, and of the series'
    movement over the years between, which stands for what may have moved one place and not the country. Degrees of
    freedom by Satterthwaite, those of the movement being its steps.

    Parameters
    ----------
    own : Estimate
        One's own change with its error.
    there : float
        The other survey's change, in the same unit; 0 for one's own change alone, widened.
    errors : tuple of float
        Standard errors of the two figures; empty where they are not known.
    moved : Spread, optional
        The series' own spread.
    years : float
        Years between one's own two surveys.

    Returns
    -------
    Estimate
        Against 0.

    Raises
    ------
    DataError
        A change without an error; a series with neither base nor spread.
    """
    if own.se is None:
        raise DataError("a change needs its error", todo="Estimate it with its error.")
    if moved is None and len(errors) < 2:
        raise DataError(
            "the series has neither base nor spread", todo="Add the bases of its figures, or a third figure."
        )
    parts = [(own.se**2, own.df or math.inf), (sum(e**2 for e in errors), math.inf)]
    parts += [] if moved is None else [(moved.over(years) ** 2, float(moved.steps))]
    whole = sum(v for v, _ in parts)
    loss = sum(v**2 / df for v, df in parts if math.isfinite(df))
    words = "sampling of both surveys" if moved is None else "sampling, and the series' own spread"
    return from_se(
        own.value - there,
        math.sqrt(whole),
        df=whole**2 / loss if loss > 0 else math.inf,
        unit=own.unit,
        n=dict(own.n),
        n_sessions=own.n_sessions,
        method="own change less the published change of the same question",
        se_method=f"{words}; Satterthwaite t",
    )
