"""Earlier trends: how steep they were, how steep one would have been seen, and how far a result survives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, NotIdentified, from_se

GRID, DRAWS = 1500, 20_000
NOT_AVAILABLE = "sensitivity to earlier trends is not available"


def slope(beta: Sequence[float], covariance: np.ndarray, times: Sequence[float], *, df: float = np.inf) -> Estimate:
    """Return the straight slope through departures before treatment (0 at the reference), per unit of time.

    Generalised least squares through the origin. `times` are counted from the reference, so they are negative.
    """
    b, t, v = np.asarray(beta, float), np.asarray(times, float), np.atleast_2d(np.asarray(covariance, float))
    if not len(b):
        raise errors.EmptyCell("there is no time before the reference", todo="Two waves before treatment are needed.")
    inverse = np.linalg.inv(v)
    precision = float(t @ inverse @ t)
    return from_se(float(t @ inverse @ b) / precision, precision**-0.5, df=df, method="slope before treatment")


def detectable_slope(
    covariance: np.ndarray,
    times: Sequence[float],
    *,
    power: float = 0.8,
    size: float = 0.05,
    df: float = np.inf,
    seed: int = 0,
) -> float:
    """Return the slope at which at least one departure before treatment would differ from 0 with the given power.

    Roth (2022), section 2: what a pre-test that "passed" could have missed. By 20,000 draws with a fixed seed.
    """
    from scipy.optimize import brentq
    from scipy.stats import t as student

    t, v = np.asarray(times, float), np.atleast_2d(np.asarray(covariance, float))
    if not len(t):
        raise errors.EmptyCell("there is no time before the reference", todo="Two waves before treatment are needed.")
    se, c = np.sqrt(np.diag(v)), float(student.ppf(1 - size / 2, df))
    noise = np.random.default_rng(seed).multivariate_normal(np.zeros(len(t)), v, DRAWS)

    def missed(steep: float) -> float:
        return power - float((np.abs(noise + steep * t) / se > c).any(axis=1).mean())

    return float(brentq(missed, 0.0, 20 * float((se / np.abs(t)).max()), xtol=1e-10))


@dataclass(frozen=True, slots=True)
class Departures:
    """An event study as arrays: departures before (oldest first) and after the reference, with their covariance."""

    before: np.ndarray
    after: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, before: Sequence[float], after: Sequence[float], covariance: np.ndarray) -> Departures:
        """Return checked departures; the covariance is of both together, before first. Times are equally spaced."""
        made = cls(np.asarray(before, float), np.asarray(after, float), np.asarray(covariance, float))
        k = len(made.before) + len(made.after)
        if made.covariance.shape != (k, k) or not len(made.after):
            raise errors.DataError(
                f"a covariance of {k} by {k} is needed, and one time after", todo="Give all of them."
            )
        return made


def smoothness(
    departures: Departures, *, bounds: Sequence[float], combine: Sequence[float] | None = None, level: float = 0.95
) -> pd.DataFrame | NotIdentified:
    """Return intervals that hold when the trend's slope may change by at most M from one time to the next.

    Fixed-length intervals of least length (Rambachan and Roth 2023, section 4.1; Armstrong and Kolesar 2018): a linear
    combination of all departures that a straight trend does not move, its half length the quantile of |N(bias / se,
    1)| times se. M = 0 allows a straight trend of any slope.

    Parameters
    ----------
    bounds : sequence of float
        Values of M, in the outcome's unit per squared unit of time.
    combine : sequence of float
        The effect asked for, as weights of the times after; the first by default.

    Returns
    -------
    DataFrame
        m, low, high; or NotIdentified with fewer than two times before the reference.
    """
    if len(departures.before) < 2:
        return NotIdentified(NOT_AVAILABLE, "Two waves before the reference, asked in the same words.")
    weights = _combination(departures, combine)
    rows = [(m, *_fixed_length(departures, weights, float(m), level)) for m in bounds]
    return pd.DataFrame(rows, columns=["m", "low", "high"])


def _combination(d: Departures, combine: Sequence[float] | None) -> np.ndarray:
    weights = np.eye(len(d.after))[0] if combine is None else np.asarray(combine, float)
    if weights.shape != d.after.shape:
        raise errors.DataError(f"{len(d.after)} weights are needed", todo="One per time after the reference.")
    return weights


def _curvature(weights: np.ndarray) -> np.ndarray:
    """Return the rows sum over k > i of (k - i) at k: how each change of slope moves a combination of departures."""
    k = np.arange(1, len(weights) + 1)
    return np.maximum(k[None, :] - np.arange(len(weights))[:, None], 0.0)


def _fixed_length(d: Departures, weights: np.ndarray, m: float, level: float) -> tuple[float, float]:
    from scipy.optimize import minimize, minimize_scalar
    from scipy.stats import ncx2

    before, after = len(d.before), len(d.after)
    base = m * float(np.abs(_curvature(weights) @ weights).sum())
    distance = np.arange(before, 0, -1.0)  # of each time before from the reference, oldest first
    bend = m * np.maximum(distance[None, :] - np.arange(1, before)[:, None], 0.0)
    lean = float(weights @ np.arange(1, after + 1))

    def spread(v: np.ndarray) -> float:
        whole = np.concatenate([v, weights])
        return float(whole @ d.covariance @ whole)

    scale = spread(np.zeros(before))
    block = d.covariance[:before, :before]
    side = d.covariance[:before, before:] @ weights

    def free() -> np.ndarray:
        """Return the combination of least variance that a straight trend does not move."""
        kkt = np.block([[block, distance[:, None]], [distance[None, :], np.zeros((1, 1))]])
        return np.linalg.solve(kkt, np.concatenate([-side, [lean]]))[:before]

    start = free()

    def given(allowed: float) -> np.ndarray:
        """Return the combination of least variance whose bias from before is at most `allowed`."""
        room = [
            {"type": "eq", "fun": lambda z: z[:before] @ distance - lean},
            {"type": "ineq", "fun": lambda z: z[before:] - bend @ z[:before]},
            {"type": "ineq", "fun": lambda z: z[before:] + bend @ z[:before]},
            {"type": "ineq", "fun": lambda z: allowed - z[before:].sum()},
        ]
        begin = np.concatenate([nearest, np.abs(bend @ nearest)])
        made = minimize(
            lambda z: spread(z[:before]) / scale,
            begin,
            constraints=room,
            method="SLSQP",
            options={"ftol": 1e-13, "maxiter": 500},
        )
        return made.x[:before]

    def half(v: np.ndarray) -> float:
        se = np.sqrt(spread(v))
        bias = base + float(np.abs(bend @ v).sum())
        return float(np.sqrt(ncx2.ppf(level, 1, (bias / se) ** 2)) * se)

    nearest = np.zeros(before)
    nearest[-1] = lean  # the last step before, carried on: no bias from before
    best = start
    if m > 0 and before > 1:
        most = float(np.abs(bend @ start).sum())
        if most > 0:
            found = minimize_scalar(
                lambda a: half(given(a)), bounds=(0.0, most), method="bounded", options={"xatol": 1e-6 * most}
            )
            best = min((start, nearest, given(float(found.x))), key=half)
    centre, width = float(weights @ d.after + best @ d.before), half(best)
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

    Rambachan and Roth (2023), section 2.4.1 and 3: the null is a union over which step before was the largest and its
    sign; each part is a set of linear inequalities, tested by the conditional least-favourable hybrid of Andrews, Roth
    and Pakes (2023) with a tenth of the level in its first stage. Steps after the reference other than through their
    sum are profiled out first, which is exact: |sum| <= M K max step, K from the combination.

    Returns
    -------
    DataFrame
        m, low, high (ends of the set, by a grid of 1,500 points refined at its ends); NotIdentified with fewer than one
        step before the reference.
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
    rows = [(m, *_ends(mean, cov, noise, float(m) * reach, 1 - level)) for m in bounds]
    return pd.DataFrame(rows, columns=["m", "low", "high"])


def _ends(mean: np.ndarray, cov: np.ndarray, noise: np.ndarray, reach: float, size: float) -> tuple[float, float]:
    """Return the lowest and highest value that no part of the null rejects."""
    parts = [_inequalities(len(mean) - 1, s, sign, reach) for s in range(1, len(mean)) for sign in (1.0, -1.0)]
    tests = [(a, _critical(a @ cov @ a.T, noise @ a.T, size / 10)) for a in parts]

    def kept(values: np.ndarray) -> np.ndarray:
        inside = np.zeros(len(values), dtype=bool)
        for a, cut in tests:
            inside |= ~_rejected(a, mean, cov, values, cut, size)
        return inside

    sd = float(np.sqrt(cov[0, 0]))
    width = 8 * sd + reach * (np.abs(mean[1:]).max() + 8 * np.sqrt(np.diag(cov)[1:].max()))
    grid = np.linspace(mean[0] - width, mean[0] + width, GRID)
    inside = kept(grid)
    if not inside.any():
        return float("nan"), float("nan")
    first, last = np.flatnonzero(inside)[[0, -1]]
    step = grid[1] - grid[0]
    low = np.linspace(grid[first] - step, grid[first], 200)
    high = np.linspace(grid[last], grid[last] + step, 200)
    return float(low[np.argmax(kept(low))]), float(high[len(high) - 1 - np.argmax(kept(high)[::-1])])


def _inequalities(steps: int, largest: int, sign: float, reach: float) -> np.ndarray:
    """Return rows a, with a (effect - value, steps) <= 0 where a step after is at most reach × sign × step `largest`.

    As HonestDiD by default, only inequalities that name the effect are used: that step `largest` is the largest is not.
    """
    rows = np.zeros((2, steps + 1))
    rows[:, 0] = 1.0, -1.0
    rows[:, largest] = -sign * reach
    return rows


def _critical(cov: np.ndarray, noise: np.ndarray, size: float) -> float:
    """Return the least-favourable critical value: the quantile of the largest standardised moment at mean 0."""
    sd = np.sqrt(np.diag(cov))
    return float(np.quantile((noise / sd).max(axis=1), 1 - size))


def _rejected(a, mean, cov, values, cut, size) -> np.ndarray:
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
    return (at > cut) | (at > np.maximum(crossing, 0.0))
