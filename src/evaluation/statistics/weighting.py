"""Weights that make a sample meet population margins: rake, post-stratify, calibrate, trim; and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors

AGREE = 1e-6  # relative gap by which totals of two margins may differ before they are refused
INTERCEPT = "(Intercept)"


@dataclass(frozen=True, slots=True)
class Weights:
    """Survey weights and the record that calibrated errors need.

    Attributes
    ----------
    values : Series on the frame's index
        Final weights, in people of the population.
    base : Series
        Weights before calibration.
    columns : ndarray, shape (n, k)
        Calibration variables (an indicator per cell of each margin, or the columns of `calibrate`).
    targets : ndarray, shape (k,)
        Population total of each; `names` say which is which.
    converged : bool; `largest_gap` the largest relative gap to a target, `iterations` the steps taken.
    method : str
    recipe : mapping
        What made them, so that a replicate can be made the same way.
    """

    values: pd.Series
    base: pd.Series
    columns: np.ndarray = field(repr=False)
    targets: np.ndarray = field(repr=False)
    names: tuple[str, ...] = ()
    converged: bool = True
    largest_gap: float = 0.0
    iterations: int = 0
    method: str = "raking"
    trimmed_share: float = 0.0
    recipe: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def design_effect(self) -> float:
        """Kish's design effect of unequal weights: n sum(w²) / (sum w)²."""
        w = self.values.to_numpy()
        return float(len(w) * (w**2).sum() / w.sum() ** 2)

    @property
    def effective_n(self) -> float:
        """Kish's effective number of answers: (sum w)² / sum(w²)."""
        w = self.values.to_numpy()
        return float(w.sum() ** 2 / (w**2).sum())

    def tidy(self) -> pd.DataFrame:
        """Return one row per target: name, target, achieved, relative gap."""
        got = self.values.to_numpy() @ self.columns
        gap = np.abs(got - self.targets) / np.where(self.targets == 0, 1.0, np.abs(self.targets))
        return pd.DataFrame({"margin": self.names, "target": self.targets, "achieved": got, "gap": gap})

    def quantiles(self, at: tuple[float, ...] = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)) -> pd.Series:
        """Return quantiles of the weights over their mean."""
        return (self.values / self.values.mean()).quantile(list(at))

    def summary(self) -> str:
        """Return one sentence: the effective number, the design effect, the largest weight's share."""
        share = self.values.max() / self.values.sum()
        return (
            f"{len(self.values)} answers are worth {self.effective_n:.0f} after {self.method} (design effect "
            f"{self.design_effect:.2f}); the largest weight is {share:.1%} of all."
        )


def rake(
    frame: pd.DataFrame,
    margins: Mapping[Any, pd.Series],
    *,
    base_weight: str | pd.Series | None = None,
    bounds: tuple[float, float] | None = None,
    tolerance: float = 1e-8,
    max_iterations: int = 1000,
    not_stated: str | None = None,
) -> Weights:
    """Rake base weights to margins by iterative proportional fitting (Deming and Stephan 1940).

    Parameters
    ----------
    margins : mapping
        Column, or tuple of columns for a crossed margin, to a Series level → population.
    base_weight : str or Series, optional
        Positive base weights; flat by default. Only their ratios matter.
    bounds : (low, high), optional
        Bounds on the ratio of final to (population-scaled) base weight; the raking distance is then minimised within
        them (Deville, Särndal and Sautory 1993).
    tolerance : float
        Largest relative gap to any margin cell at which iteration stops.
    not_stated : "proportional", optional
        Policy for missing values of margin variables: they keep the sample's share of the total, as a cell of their
        own. Without it they are refused.

    Raises
    ------
    MissingValues, MarginMismatch, EmptyCell, NotConverged
        Missing values without a policy; margins that differ in total, or levels on one side only (both lists shown);
        cells with people in the population and nobody in the sample; no convergence, with the gap by level.
    """
    cells = [_cells(frame, columns, target, not_stated) for columns, target in margins.items()]
    if not cells:
        raise errors.DataError("no margins to rake to", todo="Give at least one.")
    total = _one_total(cells)
    base = _base(frame, base_weight)
    base = base * (total / base.sum())
    columns, targets, names = _stacked(cells)
    recipe = {"kind": "rake", "bounds": bounds, "tolerance": tolerance, "max_iterations": max_iterations}
    if bounds is not None:
        made = _calibrated(base, columns, targets, names, "raking", bounds, tolerance, max_iterations)
        return _pack(frame, base, made, columns, targets, names, "bounded raking", recipe)
    made = ipf(base, [c for c, _, _ in cells], [t for _, t, _ in cells], tolerance, max_iterations)
    if made[1] > tolerance:
        raise errors.NotConverged("raking did not meet its margins: " + _gaps(made[0], columns, targets, names),
                                  todo="Collapse cells, or loosen the bounds.")  # fmt: skip
    return _pack(frame, base, made, columns, targets, names, "raking", recipe)


def ipf(
    base: np.ndarray, codes: list[np.ndarray], targets: list[np.ndarray], tolerance: float, max_iterations: int
) -> tuple[np.ndarray, float, int]:
    """Return weights, largest relative gap and steps of iterative proportional fitting over integer cell codes."""
    w = base.copy()
    gap = np.inf
    for step in range(1, max_iterations + 1):
        for code, target in zip(codes, targets, strict=True):
            got = np.bincount(code, w, minlength=len(target))
            w = w * np.divide(target, got, out=np.zeros_like(target), where=got > 0)[code]
        gap = max(
            float(np.max(np.abs(np.bincount(c, w, minlength=len(t)) - t) / np.where(t == 0, 1.0, t)))
            for c, t in zip(codes, targets, strict=True)
        )
        if gap <= tolerance:
            return w, gap, step
    return w, gap, max_iterations


def poststratify(frame: pd.DataFrame, margin: Any, *, base_weight: str | pd.Series | None = None) -> Weights:
    """Post-stratify to one (possibly crossed) margin: base weight times population over weighted sample per cell.

    `margin` is a Series level → population whose index is named by its column(s), or a mapping of one of them.
    """
    if isinstance(margin, pd.Series):
        names = tuple(margin.index.names)
        if None in names:
            raise errors.DataError("the margin does not name its columns", todo="Name its index.")
        margin = {names[0] if len(names) == 1 else names: margin}
    if len(margin) != 1:
        raise errors.Unsupported("post-stratification takes one margin", todo="Use rake for several.")
    made = rake(frame, margin, base_weight=base_weight, tolerance=1e-12, max_iterations=2)
    return _with(made, method="post-stratification")


def calibrate(
    frame: pd.DataFrame,
    totals: pd.Series,
    *,
    base_weight: str | pd.Series | None = None,
    method: str = "linear",
    bounds: tuple[float, float] | None = None,
    tolerance: float = 1e-10,
    max_iterations: int = 200,
) -> Weights:
    """Calibrate base weights to population totals (Deville and Särndal 1992).

    Parameters
    ----------
    totals : Series
        Name → population total. A name is a numeric column, "(Intercept)" for the number of people, or "column=level"
        (or a tuple) for an indicator.
    method : "linear", "raking" or "logit"
        Distance; "logit" needs bounds.
    bounds : (low, high), optional
        Bounds on the ratio of final to base weight, low below 1 below high.

    Raises
    ------
    NotConverged, Collinear, DataError
        No solution within the bounds (with the gaps); calibration columns that are collinear; unusable totals.
    """
    if method not in ("linear", "raking", "logit"):
        raise errors.Unsupported(f"method {method!r} is not known", todo="Use linear, raking or logit.")
    if method == "logit" and bounds is None:
        raise errors.Unsupported("the logit distance needs bounds", todo="Give bounds such as (0.3, 3).")
    if bounds is not None and not bounds[0] < 1 < bounds[1]:
        raise errors.DataError("bounds must lie on both sides of 1", todo="Give bounds such as (0.3, 3).")
    if not np.isfinite(totals.to_numpy(dtype=float)).all():
        raise errors.MissingValues("a population total is missing")
    columns = np.column_stack([_calibration_column(frame, name) for name in totals.index])
    if np.linalg.matrix_rank(columns) < columns.shape[1]:
        raise errors.Collinear("calibration columns are collinear", todo="Leave one level of each factor out.")
    base = _base(frame, base_weight)
    names, targets = tuple(str(n) for n in totals.index), totals.to_numpy(dtype=float)
    made = _calibrated(base, columns, targets, names, method, bounds, tolerance, max_iterations)
    recipe = {"kind": "calibrate", "method": method, "bounds": bounds, "tolerance": tolerance,
              "max_iterations": max_iterations}  # fmt: skip
    return _pack(frame, base, made, columns, targets, names, f"{method} calibration", recipe)


def trim(weights: Weights, *, lower: float | None = None, upper: float | None = None, strict: bool = True) -> Weights:
    """Trim weights to `lower` and `upper` and share the excess equally among the untrimmed (survey::trimWeights).

    `strict` repeats until nothing lies outside. Margins are no longer met exactly: `largest_gap` says by how much;
    rake again from the trimmed weights where they must be.

    Raises
    ------
    DataError
        Bounds that no weights of this total can meet.
    """
    low, high = -np.inf if lower is None else lower, np.inf if upper is None else upper
    w = weights.values.to_numpy(dtype=float).copy()
    mean = w.mean()
    if not low <= mean <= high:
        raise errors.DataError(f"weights of mean {mean:.3f} cannot lie within {low} to {high}")
    touched = np.zeros(len(w), dtype=bool)
    for _ in range(10_000):
        outside = (w < low * (1 - 1e-12)) | (w > high * (1 + 1e-12))
        if not outside.any():
            break
        touched |= outside
        cut = np.clip(w, low, high)
        cut[~outside] += (w - cut).sum() / (~outside).sum()
        w = cut
        if not strict:
            break
    values = pd.Series(w, index=weights.values.index, name=weights.values.name)
    got = w @ weights.columns
    gap = float(np.max(np.abs(got - weights.targets) / np.where(weights.targets == 0, 1.0, np.abs(weights.targets))))
    return _with(weights, values=values, largest_gap=gap, trimmed_share=float(touched.mean()),
                 method=weights.method + ", trimmed")  # fmt: skip


def again(weights: Weights, base: np.ndarray) -> np.ndarray:
    """Return the weights that the same recipe makes from other base weights (a replicate; zeros drop people).

    Raises
    ------
    NotConverged
        The replicate has nobody left in a cell, or does not meet its targets.
    """
    recipe = weights.recipe
    keep = base > 0
    columns = weights.columns[keep]
    empty = (weights.targets > 0) & (columns.sum(axis=0) == 0)
    if empty.any():
        raise errors.NotConverged("a replicate leaves nobody in " + ", ".join(np.array(weights.names)[empty]))
    method, bounds = recipe.get("method", "raking"), recipe.get("bounds")
    start = base[keep] * (weights.values.sum() / base.sum() if recipe.get("kind") == "rake" else 1.0)
    out = np.zeros(len(base))
    if recipe.get("kind") == "rake" and bounds is None:
        out[keep] = _ipf_dense(start, columns, weights.targets, recipe["tolerance"], recipe["max_iterations"])
    else:
        out[keep] = _calibrated(start, columns, weights.targets, weights.names, method, bounds, recipe["tolerance"],
                                recipe["max_iterations"])[0]  # fmt: skip
    return out


def _ipf_dense(base: np.ndarray, columns: np.ndarray, targets: np.ndarray, tolerance: float, most: int) -> np.ndarray:
    """Rake over indicator columns by Newton's method on the dual, which converges in a few steps from a good start."""
    names = tuple(str(i) for i in range(columns.shape[1]))
    return _calibrated(base, columns, targets, names, "raking", None, max(tolerance, 1e-10), most)[0]


def _cells(
    frame: pd.DataFrame, columns: Any, target: pd.Series, not_stated: str | None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return integer codes of each row's cell, the targets, and names; refuse what does not meet on both sides."""
    names = [columns] if isinstance(columns, str) else list(columns)
    errors.require_columns(frame, names, role="margins")
    if target.isna().any() or (target < 0).any() or not target.sum() > 0 or target.index.has_duplicates:
        raise errors.DataError(f"the margin {' × '.join(names)} has missing, negative or doubled cells")
    rows = frame[names].astype(object)
    blank = rows.isna().any(axis=1)
    if blank.any() and not_stated != "proportional":
        raise errors.MissingValues(
            f"{int(blank.sum())} rows lack a value of {' × '.join(names)}",
            todo="Name a policy (not_stated='proportional'), or leave them out as a named step.",
        )
    keys = list(rows.itertuples(index=False, name=None)) if len(names) > 1 else rows[names[0]].tolist()
    levels = list(target.index)
    values = target.to_numpy(dtype=float)
    place = {level: i for i, level in enumerate(levels)}
    held = {k for k, b in zip(keys, blank, strict=True) if not b}
    extra = sorted((k for k in held if k not in place), key=str)
    missing = [k for k in levels if k not in held and values[place[k]] > 0]
    if extra:
        raise errors.MarginMismatch(
            f"levels of {' × '.join(names)} in the sample and not in the margin: {extra}; the margin has {levels}"
        )
    if missing:
        raise errors.EmptyCell(
            f"nobody in the sample is in {missing} of {' × '.join(names)}",
            todo="Join these cells to others, in a stated order.",
        )
    label = [f"{' × '.join(names)}={' × '.join(map(str, k)) if isinstance(k, tuple) else k}" for k in levels]
    codes = np.array([place.get(k, -1) for k in keys])
    if blank.any():
        share = float(blank.mean())
        values = np.append(values * (1 - share), values.sum() * share)
        codes[blank.to_numpy()] = len(levels)
        label.append(f"{' × '.join(names)}=not stated")
    return codes, values, tuple(label)


def _one_total(cells: list[Any]) -> float:
    totals = [float(t.sum()) for _, t, _ in cells]
    if max(totals) > min(totals) * (1 + AGREE):
        raise errors.MarginMismatch(
            "margins disagree in total: "
            + ", ".join(f"{n[0].split('=')[0]} {t:,.6g}" for (_, _, n), t in zip(cells, totals, strict=True)),
            todo="Give margins of one population.",
        )
    return totals[0]


def _stacked(cells: list[Any]) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    blocks = [(codes[:, None] == np.arange(len(t))[None, :]).astype(float) for codes, t, _ in cells]
    return np.hstack(blocks), np.concatenate([t for _, t, _ in cells]), tuple(n for _, _, names in cells for n in names)


def _base(frame: pd.DataFrame, base_weight: str | pd.Series | None) -> np.ndarray:
    if base_weight is None:
        return np.ones(len(frame))
    if isinstance(base_weight, str):
        errors.require_columns(frame, [base_weight], role="base weight")
        base_weight = frame[base_weight]
    series = base_weight.reindex(frame.index)
    if series.isna().any():
        raise errors.MissingValues(f"{int(series.isna().sum())} base weights are missing", todo="Complete them.")
    values = series.to_numpy(dtype=float)
    if not np.isfinite(values).all() or (values <= 0).any():
        raise errors.DataError("base weights must be positive numbers", todo="Leave people of weight 0 out.")
    return values


def _calibration_column(frame: pd.DataFrame, name: Any) -> np.ndarray:
    if name in (INTERCEPT, "(intercept)"):
        return np.ones(len(frame))
    column, level = name if isinstance(name, tuple) else (name, None)
    if level is None and column not in frame and "=" in str(column):
        column, _, level = str(column).partition("=")
    errors.require_columns(frame, [column], role="calibration")
    errors.require_complete(frame, [column], role="calibration")
    if level is None:
        return frame[column].to_numpy(dtype=float)
    return (frame[column].astype(str) == str(level)).to_numpy(dtype=float)


def _calibrated(
    base: np.ndarray, columns: np.ndarray, targets: np.ndarray, names: tuple[str, ...], method: str,
    bounds: tuple[float, float] | None, tolerance: float, most: int,
) -> tuple[np.ndarray, float, int]:  # fmt: skip
    """Solve sum(base g(x'l) x) = targets for l by damped Newton steps; columns may be collinear across margins."""
    scale = np.where(targets == 0, 1.0, np.abs(targets))
    multiplier = np.zeros(columns.shape[1])

    def state(l_: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        g, slope = _ratio(columns @ l_, method, bounds)
        left = targets - (base * g) @ columns
        return g, slope, left, float(np.max(np.abs(left) / scale))

    g, slope, left, gap = state(multiplier)
    step = 0
    while gap > tolerance and step < most:
        step += 1
        hessian = columns.T @ (columns * (base * slope)[:, None])
        move = np.linalg.lstsq(hessian, left, rcond=1e-12)[0]
        size = 1.0
        while True:
            tried = state(multiplier + size * move)
            if tried[3] < gap or size < 1e-4:
                break
            size /= 2
        if tried[3] >= gap:
            break
        multiplier = multiplier + size * move
        g, slope, left, gap = tried
    if gap > max(tolerance, 1e-9):
        raise errors.NotConverged("calibration did not meet its totals: " + _gaps(base * g, columns, targets, names),
                                  todo="Widen the bounds, or join small cells.")  # fmt: skip
    return base * g, gap, step


def _ratio(u: np.ndarray, method: str, bounds: tuple[float, float] | None) -> tuple[np.ndarray, np.ndarray]:
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


def _gaps(w: np.ndarray, columns: np.ndarray, targets: np.ndarray, names: tuple[str, ...]) -> str:
    gap = (w @ columns - targets) / np.where(targets == 0, 1.0, np.abs(targets))
    worst = np.argsort(-np.abs(gap))[:5]
    return "; ".join(f"{names[i]} {gap[i]:+.2e}" for i in worst)


def _pack(frame, base, made, columns, targets, names, method, recipe) -> Weights:
    w, gap, steps = made
    return Weights(
        pd.Series(w, index=frame.index, name="population_weight"), pd.Series(base, index=frame.index), columns, targets,
        names, True, float(gap), steps, method, 0.0, recipe,
    )  # fmt: skip


def _with(weights: Weights, **changes: Any) -> Weights:
    from dataclasses import replace

    return replace(weights, **changes)
