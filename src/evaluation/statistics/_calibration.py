"""Solve for weights that meet totals: iterative proportional fitting, and Newton's method on the calibration dual."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evaluation import errors
from evaluation.statistics._constraints import Constraints

Bounds = tuple[float, float] | None
CLOSE = 1e-9  # relative gap that a solution may leave where it cannot reach a finer tolerance


def ipf(
    base: np.ndarray, codes: Sequence[np.ndarray], targets: Sequence[np.ndarray], tolerance: float, most: int
) -> tuple[np.ndarray, float, int]:
    """Return weights, largest relative gap and steps of iterative proportional fitting over integer cell codes."""
    w, gap = base.copy(), np.inf
    sizes = [np.where(t == 0, 1.0, t) for t in targets]
    for step in range(1, most + 1):
        gap = 0.0
        for code, target, size in zip(codes, targets, sizes, strict=True):
            got = np.bincount(code, w, minlength=len(target))
            gap = max(gap, float(np.max(np.abs(got - target) / size)))
            w = w * np.divide(target, got, out=np.zeros_like(target), where=got > 0)[code]
        if gap <= 4 * tolerance:
            gap = max(
                float(np.max(np.abs(np.bincount(c, w, minlength=len(t)) - t) / s))
                for c, t, s in zip(codes, targets, sizes, strict=True)
            )
            if gap <= tolerance:
                return w, gap, step
    return w, gap, most


def raked(
    base: np.ndarray, constraints: Constraints, targets: np.ndarray, tolerance: float, most: int
) -> tuple[np.ndarray, float, int]:
    """Rake people by the combinations of cells that they share; a person's factor depends on nothing else."""
    few, group = constraints.grouped()
    sums = np.bincount(group, base, minlength=few.n)
    parts = np.split(targets, np.cumsum(constraints.sizes)[:-1])
    w, gap, steps = ipf(sums, few.codes, parts, tolerance, most)
    return base * (w / sums)[group], gap, steps


def solved(
    base: np.ndarray,
    constraints: Constraints,
    targets: np.ndarray,
    names: Sequence[str],
    *,
    method: str,
    bounds: Bounds,
    tolerance: float,
    most: int,
) -> tuple[np.ndarray, float, int]:
    """Solve sum(base g(x'l) x) = targets for l by damped Newton steps; variables may be collinear across margins.

    Raises
    ------
    NotConverged
        No solution (within the bounds); the message shows the gap by level.
    """
    few, group = constraints.grouped()
    sums = np.bincount(group, base, minlength=few.n) if few is not constraints else base
    scale = np.where(targets == 0, 1.0, np.abs(targets))
    spread = np.sqrt(np.maximum(np.diag(few.gram(sums)), 1e-300) / sums.sum())
    point = np.zeros(few.k)

    def state(at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        g, slope = ratio(few.at(at / spread), method, bounds)
        return g, slope, np.clip((targets - few.totals(sums * g)) / scale, -1e100, 1e100)

    g, slope, left = state(point)
    step = 0
    while np.max(np.abs(left)) > tolerance and step < most:
        step += 1
        hessian = few.gram(sums * slope) / spread[None, :] / scale[:, None]
        move = np.linalg.lstsq(hessian, left, rcond=1e-12)[0]
        size = 1.0
        while True:
            tried = state(point + size * move)
            better = tried[2] @ tried[2] < left @ left
            if better or size < 1e-6:
                break
            size /= 2
        if not better:
            break
        point = point + size * move
        g, slope, left = tried
    gap = float(np.max(np.abs(left)))
    if not gap <= max(tolerance, CLOSE):
        said = gaps(few.totals(sums * g), targets, names)
        raise errors.NotConverged(
            f"calibration did not meet its totals: {said}", todo="Widen the bounds, or join small cells."
        )
    return base * g[group], gap, step


def ratio(u: np.ndarray, method: str, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
    """Return the ratio of weights g(u) and its slope (Deville and Särndal 1992, table 1)."""
    low, high = bounds if bounds is not None else (-np.inf, np.inf)
    if method == "logit":
        a = (high - low) / ((1 - low) * (high - 1))
        e = np.exp(np.clip(a * u, -500, 500))
        g = (low * (high - 1) + high * (1 - low) * e) / ((high - 1) + (1 - low) * e)
        return g, (g - low) * (high - g) / ((1 - low) * (high - 1))
    raw = 1 + u if method == "linear" else np.exp(np.clip(u, -500, 500))
    inside = (raw > low) & (raw < high)
    return np.clip(raw, low, high), np.where(inside, 1.0 if method == "linear" else raw, 0.0)


def gaps(got: np.ndarray, targets: np.ndarray, names: Sequence[str]) -> str:
    """Return the five largest gaps to a target, in words."""
    gap = (got - targets) / np.where(targets == 0, 1.0, np.abs(targets))
    worst = np.argsort(-np.abs(gap), kind="stable")[:5]
    return "; ".join(f"{names[i]} {gap[i]:+.2e}" for i in worst)
