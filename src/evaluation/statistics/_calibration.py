"""Solve for weights that meet totals: iterative proportional fitting, and Newton's method on the calibration dual."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evaluation import errors
from evaluation.statistics._arrays import Floats, Integers, group_sums
from evaluation.statistics._constraints import Constraints

Bounds = tuple[float, float] | None
ATTAINABLE_GAP = 1e-9  # relative gap that a solution may leave where it cannot reach a finer tolerance


def ipf(
    base: Floats, codes: Sequence[Integers], targets: Sequence[Floats], tolerance: float, max_iterations: int
) -> tuple[Floats, float, int]:
    """Rake weights to margins by iterative proportional fitting (Deming and Stephan 1940).

    Parameters
    ----------
    base : ndarray, shape (n,)
        Weights to start from.
    codes : sequence of ndarray of int, each of shape (n,)
        Cell of each person, one array per margin.
    targets : sequence of ndarray
        Population of each cell, one array per margin.
    tolerance : float
        Largest relative gap to any cell at which iteration stops.
    max_iterations : int
        Most rounds over all margins.

    Returns
    -------
    weights : ndarray, shape (n,)
        Raked weights.
    gap : float
        Largest relative gap that is left.
    iterations : int
        Rounds taken.
    """
    w, gap = base.copy(), np.inf
    sizes = [np.where(t == 0, 1.0, t) for t in targets]
    for step in range(1, max_iterations + 1):
        gap = 0.0
        for code, target, size in zip(codes, targets, sizes, strict=True):
            got = group_sums(code, w, len(target))
            gap = max(gap, float(np.max(np.abs(got - target) / size)))
            w = w * np.divide(target, got, out=np.zeros_like(target), where=got > 0)[code]
        if gap <= 4 * tolerance:
            gap = max(
                float(np.max(np.abs(group_sums(c, w, len(t)) - t) / s))
                for c, t, s in zip(codes, targets, sizes, strict=True)
            )
            if gap <= tolerance:
                return w, gap, step
    return w, gap, max_iterations


def raking_weights(
    base: Floats, constraints: Constraints, targets: Floats, tolerance: float, max_iterations: int
) -> tuple[Floats, float, int]:
    """Rake people by the combinations of cells that they share; a person's factor depends on nothing else.

    Parameters
    ----------
    base : ndarray, shape (n,)
        Weights to start from.
    constraints : Constraints
        Margins as cells.
    targets : ndarray, shape (k,)
        Population of each cell, margin after margin.
    tolerance : float
        Largest relative gap to any cell at which iteration stops.
    max_iterations : int
        Most rounds over all margins.

    Returns
    -------
    weights : ndarray, shape (n,)
        Raked weights.
    gap : float
        Largest relative gap that is left.
    iterations : int
        Rounds taken.
    """
    few, group = constraints.combinations()
    sums = group_sums(group, base, few.n)
    parts = np.split(targets, np.cumsum(constraints.sizes)[:-1])
    w, gap, steps = ipf(sums, few.codes, parts, tolerance, max_iterations)
    return base * (w / sums)[group], gap, steps


def calibration_weights(
    base: Floats,
    constraints: Constraints,
    targets: Floats,
    names: Sequence[str],
    *,
    method: str,
    bounds: Bounds,
    tolerance: float,
    max_iterations: int,
) -> tuple[Floats, float, int]:
    """Solve sum(base g(x'l) x) = targets for l by damped Newton steps (Deville and Särndal 1992).

    Variables may be collinear across margins.

    Parameters
    ----------
    base : ndarray, shape (n,)
        Weights before calibration.
    constraints : Constraints
        Calibration variables of n people, k in all.
    targets : ndarray, shape (k,)
        Population total of each variable.
    names : sequence of str
        Name of each variable, for the message of a refusal.
    method : "linear", "raking" or "logit"
        Distance between base and calibrated weights; it sets g.
    bounds : (low, high) or None
        Bounds on the ratio of calibrated to base weight.
    tolerance : float
        Largest relative gap to a total at which iteration stops.
    max_iterations : int
        Most Newton steps.

    Returns
    -------
    weights : ndarray, shape (n,)
        Calibrated weights.
    gap : float
        Largest relative gap that is left.
    iterations : int
        Newton steps taken.

    Raises
    ------
    NotConverged
        No solution (within the bounds); the message shows the gap by level.
    """
    few, group = constraints.combinations()
    sums = group_sums(group, base, few.n) if few is not constraints else base
    scale = np.where(targets == 0, 1.0, np.abs(targets))
    spread = np.sqrt(np.maximum(np.diag(few.gram(sums)), 1e-300) / sums.sum())
    point = np.zeros(few.k)

    def _state(at: Floats) -> tuple[Floats, Floats, Floats]:
        g, slope = weight_ratio(few.linear_predictor(at / spread), method, bounds)
        return g, slope, np.clip((targets - few.totals(sums * g)) / scale, -1e100, 1e100)

    g, slope, left = _state(point)
    step = 0
    while np.max(np.abs(left)) > tolerance and step < max_iterations:
        step += 1
        hessian = few.gram(sums * slope) / spread[None, :] / scale[:, None]
        move = np.linalg.lstsq(hessian, left, rcond=1e-12)[0]
        size = 1.0
        while True:
            tried = _state(point + size * move)
            better = tried[2] @ tried[2] < left @ left
            if better or size < 1e-6:
                break
            size /= 2
        if not better:
            break
        point = point + size * move
        g, slope, left = tried
    gap = float(np.max(np.abs(left)))
    if not gap <= max(tolerance, ATTAINABLE_GAP):
        worst = largest_gaps(few.totals(sums * g), targets, names)
        raise errors.NotConverged(
            f"calibration did not meet its totals: {worst}", todo="Widen the bounds, or join small cells."
        )
    return base * g[group], gap, step


def weight_ratio(u: Floats, method: str, bounds: Bounds) -> tuple[Floats, Floats]:
    """Return the ratio of calibrated to base weight and its slope (Deville and Särndal 1992, table 1).

    Parameters
    ----------
    u : ndarray, shape (n,)
        Linear predictor x'l.
    method : "linear", "raking" or "logit"
        Distance.
    bounds : (low, high) or None
        Bounds on the ratio; the logit distance needs them.

    Returns
    -------
    ratio : ndarray, shape (n,)
        g(u).
    slope : ndarray, shape (n,)
        Derivative of g; 0 where a bound holds.
    """
    low, high = bounds if bounds is not None else (-np.inf, np.inf)
    if method == "logit":
        a = (high - low) / ((1 - low) * (high - 1))
        e = np.exp(np.clip(a * u, -500, 500))
        g = (low * (high - 1) + high * (1 - low) * e) / ((high - 1) + (1 - low) * e)
        return g, (g - low) * (high - g) / ((1 - low) * (high - 1))
    raw = 1 + u if method == "linear" else np.exp(np.clip(u, -500, 500))
    inside = (raw > low) & (raw < high)
    return np.clip(raw, low, high), np.where(inside, 1.0 if method == "linear" else raw, 0.0)


def largest_gaps(achieved: Floats, targets: Floats, names: Sequence[str]) -> str:
    """Return the five largest relative gaps to a target, in words.

    Parameters
    ----------
    achieved : ndarray, shape (k,)
        Weighted totals.
    targets : ndarray, shape (k,)
        Population totals.
    names : sequence of str
        Name of each total.

    Returns
    -------
    str
        Names and gaps, the largest first.
    """
    gap = (achieved - targets) / np.where(targets == 0, 1.0, np.abs(targets))
    worst = np.argsort(-np.abs(gap), kind="stable")[:5]
    return "; ".join(f"{names[i]} {gap[i]:+.2e}" for i in worst)
