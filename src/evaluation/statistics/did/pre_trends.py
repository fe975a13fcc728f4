"""Earlier trends: how steep they were, how steep one would have been seen, and how far a result survives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, NotIdentified, from_se
from evaluation.statistics._arrays import Booleans, Floats

GRID, DRAWS = 1500, 20_000  # points of the grid of values tested; draws of a pre-test
NOT_AVAILABLE = "sensitivity to earlier trends is not available"


def slope(beta: Sequence[float], covariance: Floats, times: Sequence[float], *, df: float = np.inf) -> Estimate:
    """Estimate the straight slope through the departures before treatment.

    Generalised least squares through the origin: the departure is 0 at the reference.

    Parameters
    ----------
    beta : sequence of float
        Departures before treatment, in the outcome's unit.
    covariance : ndarray, shape (times, times)
        Their covariance.
    times : sequence of float
        Their times, counted from the reference, so that they are negative.
    df : float
        Degrees of freedom of the interval; `inf` for the normal.

    Returns
    -------
    Estimate
        Slope in the outcome's unit per unit of time.

    Raises
    ------
    EmptyCell
        No time before the reference.
    """
    b, t, v = np.asarray(beta, float), np.asarray(times, float), np.atleast_2d(np.asarray(covariance, float))
    if not len(b):
        raise errors.EmptyCell("there is no time before the reference", todo="Two waves before treatment are needed.")
    inverse = np.linalg.inv(v)
    precision = float(t @ inverse @ t)
    return from_se(float(t @ inverse @ b) / precision, precision**-0.5, df=df, method="slope before treatment")


def detectable_slope(
    covariance: Floats,
    times: Sequence[float],
    *,
    power: float = 0.8,
    size: float = 0.05,
    df: float = np.inf,
    seed: int = 0,
) -> float:
    """Return the slope at which at least one departure before treatment would differ from 0 with the given power.

    It says what a pre-test that "passed" could have missed. By 20,000 draws.

    Parameters
    ----------
    covariance : ndarray, shape (times, times)
        Covariance of the departures before treatment.
    times : sequence of float
        Their times, counted from the reference, so that they are negative.
    power, size : float
        Probability (0 to 1) of a significant departure, and level of each test.
    df : float
        Degrees of freedom of the tests; `inf` for the normal.
    seed : int
        Seed of the draws.

    Returns
    -------
    float
        Slope in the outcome's unit per unit of time, above 0.

    Raises
    ------
    EmptyCell
        No time before the reference.

    References
    ----------
    Roth (2022), section 2.
    """
    from scipy.optimize import brentq
    from scipy.stats import t as student

    t, v = np.asarray(times, float), np.atleast_2d(np.asarray(covariance, float))
    if not len(t):
        raise errors.EmptyCell("there is no time before the reference", todo="Two waves before treatment are needed.")
    se, c = np.sqrt(np.diag(v)), float(student.ppf(1 - size / 2, df))
    noise = np.random.default_rng(seed).multivariate_normal(np.zeros(len(t)), v, DRAWS)
    most = 20 * float((se / np.abs(t)).max())
    return float(brentq(lambda steep: power - _pretest_power(steep, noise, t, se, c), 0.0, most, xtol=1e-10))


def _pretest_power(steep: float, noise: Floats, times: Floats, se: Floats, critical: float) -> float:
    """Return how often at least one departure is significant when they lie on a line of that slope."""
    return float((np.abs(noise + steep * times) / se > critical).any(axis=1).mean())


@dataclass(frozen=True, slots=True)
class Departures:
    """An event study as arrays: departures before and after the reference, at equally spaced times.

    Attributes
    ----------
    before : ndarray
        Departures before the reference, oldest first, in the outcome's unit.
    after : ndarray
        Departures after it, one or more.
    covariance : ndarray
        Covariance of both together, before first.
    """

    before: Floats
    after: Floats
    covariance: Floats

    @classmethod
    def of(cls, before: Sequence[float], after: Sequence[float], covariance: Floats) -> Departures:
        """Return checked departures.

        Parameters
        ----------
        before, after : sequence of float
            Departures before (oldest first) and after the reference, at equally spaced times, in the outcome's unit.
        covariance : ndarray, shape (times, times)
            Covariance of both together, before first.

        Returns
        -------
        Departures
            The same as arrays.

        Raises
        ------
        DataError
            A covariance of another shape, or no time after.
        """
        study = cls(np.asarray(before, float), np.asarray(after, float), np.asarray(covariance, float))
        k = len(study.before) + len(study.after)
        if study.covariance.shape != (k, k) or not len(study.after):
            raise errors.DataError(
                f"a covariance of {k} by {k} is needed, and one time after", todo="Give all of them."
            )
        return study


def smoothness(
    departures: Departures, *, bounds: Sequence[float], combine: Sequence[float] | None = None, level: float = 0.95
) -> pd.DataFrame | NotIdentified:
    """Return intervals that hold when the trend's slope may change by at most M from one time to the next.

    Fixed-length intervals of least length: a linear combination of all departures that a straight trend does not move,
    its half length the quantile of |N(bias / se, 1)| times se. M = 0 allows a straight trend of any slope.

    Parameters
    ----------
    departures : Departures
        The event study.
    bounds : sequence of float
        Values of M, in the outcome's unit per squared unit of time.
    combine : sequence of float, optional
        The effect asked for, as weights of the times after; the first time by default.
    level : float
        Confidence level, 0 to 1.

    Returns
    -------
    DataFrame or NotIdentified
        m, low, high, in the outcome's unit; `NotIdentified` with fewer than two times before the reference.

    Raises
    ------
    DataError
        Weights that are not one per time after.

    References
    ----------
    Rambachan and Roth (2023), section 4.1; Armstrong and Kolesár (2018).
    """
    if len(departures.before) < 2:
        return NotIdentified(NOT_AVAILABLE, "Two waves before the reference, asked in the same words.")
    weights = _combination(departures, combine)
    rows = [(m, *_fixed_length(departures, weights, float(m), level)) for m in bounds]
    return pd.DataFrame(rows, columns=["m", "low", "high"])


def _combination(d: Departures, combine: Sequence[float] | None) -> Floats:
    """Return the weights of the times after; the first time by default."""
    weights = np.eye(len(d.after))[0] if combine is None else np.asarray(combine, float)
    if weights.shape != d.after.shape:
        raise errors.DataError(f"{len(d.after)} weights are needed", todo="One per time after the reference.")
    return weights


def _curvature(weights: Floats) -> Floats:
    """Return the rows sum over k > i of (k - i) at k: how each change of slope moves a combination of departures."""
    k = np.arange(1, len(weights) + 1)
    rows: Floats = np.maximum(k[None, :] - np.arange(len(weights))[:, None], 0.0)
    return rows


def _fixed_length(d: Departures, weights: Floats, m: float, level: float) -> tuple[float, float]:
    """Return the fixed-length interval of least length under changes of slope of at most m."""
    from scipy.optimize import minimize, minimize_scalar
    from scipy.stats import ncx2

    before, after = len(d.before), len(d.after)
    base = m * float(np.abs(_curvature(weights) @ weights).sum())
    distance = np.arange(before, 0, -1.0)  # of each time before from the reference, oldest first
    bend = m * np.maximum(distance[None, :] - np.arange(1, before)[:, None], 0.0)
    lean = float(weights @ np.arange(1, after + 1))

    def spread(v: Floats) -> float:
        whole = np.concatenate([v, weights])
        return float(whole @ d.covariance @ whole)

    scale = spread(np.zeros(before))
    block = d.covariance[:before, :before]
    side = d.covariance[:before, before:] @ weights

    def least_variance() -> Floats:
        """Return the combination of least variance that a straight trend does not move."""
        kkt = np.block([[block, distance[:, None]], [distance[None, :], np.zeros((1, 1))]])
        return np.linalg.solve(kkt, np.concatenate([-side, [lean]]))[:before]

    start = least_variance()

    def least_variance_within(allowed: float) -> Floats:
        """Return the combination of least variance whose bias from before is at most `allowed`."""
        room = [
            {"type": "eq", "fun": lambda z: z[:before] @ distance - lean},
            {"type": "ineq", "fun": lambda z: z[before:] - bend @ z[:before]},
            {"type": "ineq", "fun": lambda z: z[before:] + bend @ z[:before]},
            {"type": "ineq", "fun": lambda z: allowed - z[before:].sum()},
        ]
        begin = np.concatenate([nearest, np.abs(bend @ nearest)])
        solution: Floats = minimize(
            lambda z: spread(z[:before]) / scale,
            begin,
            constraints=room,
            method="SLSQP",
            options={"ftol": 1e-13, "maxiter": 500},
        ).x
        return solution[:before]

    def half_length(v: Floats) -> float:
        se = np.sqrt(spread(v))
        bias = base + float(np.abs(bend @ v).sum())
        return float(np.sqrt(ncx2.ppf(level, 1, (bias / se) ** 2)) * se)

    nearest = np.zeros(before)
    nearest[-1] = lean  # the last step before, carried on: no bias from before
    best = start
    if m > 0 and before > 1:
        most = float(np.abs(bend @ start).sum())
        if most > 0:
            bias = minimize_scalar(
                lambda a: half_length(least_variance_within(a)),
                bounds=(0.0, most),
                method="bounded",
                options={"xatol": 1e-6 * most},
            ).x
            best = min((start, nearest, least_variance_within(float(bias))), key=half_length)
    centre, width = float(weights @ d.after + best @ d.before), half_length(best)
    return centre - width, centre + width


def relative_magnitudes(
    departures: Departures,
    *,
    bounds: Sequence[float],
    combine: Sequence[float] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame | NotIdentified:
    """Return intervals that hold when a step of the trend after is at most M times the largest step before.

    The null is a union over which step before was the largest and its sign; each part is a set of linear inequalities,
    tested by the conditional least-favourable hybrid test with a tenth of the level in its first stage. Steps after the
    reference other than through their sum are profiled out first, which is exact: |sum| <= M K max step, K from the
    combination.

    Parameters
    ----------
    departures : Departures
        The event study.
    bounds : sequence of float
        Values of M.
    combine : sequence of float, optional
        The effect asked for, as weights of the times after; the first time by default.
    level : float
        Confidence level, 0 to 1.
    seed : int
        Seed of the draws of the first stage.

    Returns
    -------
    DataFrame or NotIdentified
        m, low, high (ends of the set, by a grid of 1,500 points refined at its ends), in the outcome's unit;
        `NotIdentified` with fewer than one step before the reference.

    Raises
    ------
    DataError
        Weights that are not one per time after.

    References
    ----------
    Rambachan and Roth (2023), sections 2.4.1 and 3; Andrews, Roth and Pakes (2023).
    """
    if not len(departures.before):
        return NotIdentified(NOT_AVAILABLE, "One wave more before the reference, asked in the same words.")
    weights = _combination(departures, combine)
    reach = float(np.abs(np.cumsum(weights[::-1])).sum())
    before = len(departures.before)
    steps = np.diff(np.eye(before + 1), axis=0)[:, :before]  # differences of (before…, 0), oldest first
    change = np.zeros((1 + before, before + len(weights)))
    change[0, before:] = weights
    change[1:, :before] = steps
    mean = change @ np.concatenate([departures.before, departures.after])
    cov = change @ departures.covariance @ change.T
    noise = np.random.default_rng(seed).multivariate_normal(np.zeros(len(mean)), cov, 10_000)
    rows = [(m, *_acceptance_interval(mean, cov, noise, float(m) * reach, 1 - level)) for m in bounds]
    return pd.DataFrame(rows, columns=["m", "low", "high"])


def _acceptance_interval(mean: Floats, cov: Floats, noise: Floats, reach: float, size: float) -> tuple[float, float]:
    """Return the lowest and highest value that no part of the null rejects."""
    parts = [_inequalities(len(mean) - 1, s, sign, reach) for s in range(1, len(mean)) for sign in (1.0, -1.0)]
    tests = [(a, _least_favourable(a @ cov @ a.T, noise @ a.T, size / 10)) for a in parts]

    def acceptances(values: Floats) -> Booleans:
        inside = np.zeros(len(values), dtype=bool)
        for a, cut in tests:
            inside |= ~_rejections(a, mean, cov, values, cut, size)
        return inside

    sd = float(np.sqrt(cov[0, 0]))
    width = 8 * sd + reach * (np.abs(mean[1:]).max() + 8 * np.sqrt(np.diag(cov)[1:].max()))
    grid = np.linspace(mean[0] - width, mean[0] + width, GRID)
    inside = acceptances(grid)
    if not inside.any():
        return float("nan"), float("nan")
    first, last = np.flatnonzero(inside)[[0, -1]]
    step = grid[1] - grid[0]
    low = np.linspace(grid[first] - step, grid[first], 200)
    high = np.linspace(grid[last], grid[last] + step, 200)
    return float(low[np.argmax(acceptances(low))]), float(high[len(high) - 1 - np.argmax(acceptances(high)[::-1])])


def _inequalities(steps: int, largest: int, sign: float, reach: float) -> Floats:
    """Return rows a, with a (effect - value, steps) <= 0 where a step after is at most reach × sign × step `largest`.

    As HonestDiD by default, only inequalities that name the effect are used: that step `largest` is the largest is not.
    """
    rows = np.zeros((2, steps + 1))
    rows[:, 0] = 1.0, -1.0
    rows[:, largest] = -sign * reach
    return rows


def _least_favourable(cov: Floats, noise: Floats, size: float) -> float:
    """Return the least-favourable critical value: the quantile of the largest standardised moment at mean 0."""
    sd = np.sqrt(np.diag(cov))
    return float(np.quantile((noise / sd).max(axis=1), 1 - size))


def _rejections(a: Floats, mean: Floats, cov: Floats, values: Floats, cut: float, size: float) -> Booleans:
    """Return which values the hybrid test rejects."""
    from scipy.special import ndtr, ndtri

    centred = np.repeat(mean[None, :], len(values), axis=0)
    centred[:, 0] -= values
    var = a @ cov @ a.T
    sd = np.sqrt(np.diag(var))
    stat = centred @ a.T / sd
    top = stat.argmax(axis=1)
    at = stat[np.arange(len(values)), top]
    corr = (var / np.outer(sd, sd))[top]
    left = stat - corr * at[:, None]
    gap = 1 - corr
    with np.errstate(divide="ignore", invalid="ignore"):
        floor = np.where(gap > 1e-10, left / np.where(gap > 1e-10, gap, 1.0), -np.inf).max(axis=1)
    second = (size - size / 10) / (1 - size / 10)
    low, high = ndtr(floor), ndtr(cut)
    crossing = ndtri(np.clip(low + (1 - second) * (high - low), 1e-300, 1 - 1e-16))
    rejections: Booleans = (at > cut) | (at > np.maximum(crossing, 0.0))
    return rejections
