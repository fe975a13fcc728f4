"""An ordinal one-factor model of several groups: Wu and Estabrook's steps, least squares, scaled difference tests."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from evaluation import errors
from evaluation.statistics._arrays import Floats, Integers
from evaluation.statistics.invariance.polychoric import Polychoric, polychoric

STEPS = ("configural", "thresholds", "loadings", "intercepts")


@dataclass(frozen=True)
class Groups:
    """The ordered answers of several groups to the same items.

    Attributes
    ----------
    parts : tuple of Polychoric
        Thresholds and correlations of each group.
    n : tuple of int
        People of each group.
    covariances : tuple of ndarray
        Of each group's statistics, clusters allowed for.
    """

    parts: tuple[Polychoric, ...]
    n: tuple[int, ...]
    covariances: tuple[Floats, ...]

    @property
    def statistics(self) -> Floats:
        """Return statistics of all groups, one after the other.

        Returns
        -------
        ndarray, shape (statistics,)
            Thresholds and correlations, group by group.
        """
        return np.concatenate([p.statistics for p in self.parts])

    @property
    def fractions(self) -> Floats:
        """Return (n - 1) / n of each statistic's group: lavaan's factor of the least squares.

        Returns
        -------
        ndarray, shape (statistics,)
            Near 1.
        """
        return np.concatenate(
            [np.full(len(p.statistics), (n - 1) / n) for p, n in zip(self.parts, self.n, strict=True)]
        )

    @property
    def weights(self) -> Floats:
        """Return one over the variance of each statistic, people taken one by one.

        Returns
        -------
        ndarray, shape (statistics,)
            Weights of the least squares.
        """
        return np.concatenate([1 / (p.influence**2).sum(axis=0) for p in self.parts])


def groups(codes: Integers, group: Integers, cluster: Integers | None = None) -> Groups:
    """Return the thresholds and correlations of each group.

    Parameters
    ----------
    codes : ndarray of int, shape (n, items)
        Levels from 0; every group has met every level of every item.
    group : ndarray of int, shape (n,)
        Codes of the groups from 0; the first is the reference.
    cluster : ndarray of int, shape (n,), optional
        Codes of clusters.

    Returns
    -------
    Groups
        In the order of the codes.

    Raises
    ------
    EmptyCell
        A level that nobody in a group chose.
    """
    inside = [group == g for g in range(int(group.max()) + 1)]
    if any((codes[i].max(axis=0) != codes.max(axis=0)).any() for i in inside):
        raise errors.EmptyCell("a group has not met every level", todo="Join levels, in all groups alike.")
    parts = tuple(polychoric(codes[i]) for i in inside)
    held = [None if cluster is None else cluster[i] for i in inside]
    covariances = tuple(p.covariance(c) for p, c in zip(parts, held, strict=True))
    return Groups(parts, tuple(int(i.sum()) for i in inside), covariances)


@dataclass(frozen=True)
class Fit:
    """One step of the model, fitted.

    Attributes
    ----------
    step : str
        One of `STEPS`.
    free : tuple of int
        Items whose intercept is free in every group but the first, at the step "intercepts".
    loadings, intercepts, scales : ndarray, shape (groups, items)
        Of the variables behind the answers (delta parameterisation); 0 and 1 in the first group.
    thresholds : tuple of ndarray, shape (thresholds,)
        Of each group, item by item.
    mean, variance : ndarray, shape (groups,)
        Of the factor; 0 and 1 in the first group.
    chisq : float
        Diagonally weighted least squares at the minimum (not chi-squared distributed).
    jacobian : ndarray, shape (statistics, parameters)
        Derivatives of the implied statistics.
    """

    step: str
    free: tuple[int, ...]
    loadings: Floats
    intercepts: Floats
    scales: Floats
    thresholds: tuple[Floats, ...]
    mean: Floats
    variance: Floats
    chisq: float
    jacobian: Floats

    def intercept_se(self, data: Groups, item: int) -> float:
        """Return the standard error of an item's free intercept in the second group, clusters allowed for.

        Parameters
        ----------
        data : Groups
            What the step was fitted to.
        item : int
            An item of `free`.

        Returns
        -------
        float
            On the scale of the variable behind the answers.
        """
        from scipy.linalg import block_diag

        w = data.weights
        bread = np.linalg.inv(self.jacobian.T @ (w[:, None] * self.jacobian))
        half = bread @ self.jacobian.T * w
        place = self.loadings.shape[1] + len(self.thresholds[0]) + sorted(self.free).index(item)
        return float(np.sqrt((half @ block_diag(*data.covariances) @ half.T)[place, place]))


@dataclass(frozen=True)
class ScaledTest:
    """A scaled and shifted difference test: statistic, degrees of freedom, p."""

    chisq: float
    df: int
    p: float


class _Model:
    """A step: which parameters are free, and what they imply."""

    def __init__(self, data: Groups, step: str, free: Collection[int]) -> None:
        first = data.parts[0].thresholds
        self.items, self.groups, self.step = len(first), len(data.parts), step
        self.of_item = np.repeat(np.arange(self.items), [len(t) for t in first])
        self.pairs = np.array(list(combinations(range(self.items), 2)))
        self.cuts = len(self.of_item)
        level, g, p = STEPS.index(step), self.groups, self.items
        later = np.zeros((g, 1), dtype=bool)
        later[1:] = True
        scaled = np.array([len(t) > 1 for t in first])
        shifted = np.ones(p, dtype=bool) if level < 3 else np.isin(np.arange(p), list(free))
        self.masks = {
            "intercepts": later & shifted & (level >= 1),
            "scales": later & scaled & (level >= 1),
            "mean": later[:, 0] & (level >= 3),
            "variance": later[:, 0] & (level >= 2),
        }
        self.shared = {"thresholds": level >= 1, "loadings": level >= 2}

    def unpack(self, theta: Floats) -> dict[str, Floats]:
        """Return the parameters by name, (groups, …), from the free ones."""
        out, place = {}, 0
        for name, width in (("thresholds", self.cuts), ("loadings", self.items)):
            rows = 1 if self.shared[name] else self.groups
            out[name] = np.broadcast_to(theta[place : place + rows * width].reshape(rows, width), (self.groups, width))
            place += rows * width
        for name, mask in self.masks.items():
            value = np.full(mask.shape, 1.0 if name in ("scales", "variance") else 0.0)
            value[mask] = theta[place : place + mask.sum()]
            place += int(mask.sum())
            out[name] = value
        return out

    def implied(self, theta: Floats) -> Floats:
        """Return the thresholds and correlations that the parameters imply, group by group."""
        p = self.unpack(theta)
        j, k = self.pairs.T
        level = p["intercepts"] + p["loadings"] * p["mean"][:, None]
        cuts = p["scales"][:, self.of_item] * (p["thresholds"] - level[:, self.of_item])
        scaled = p["scales"] * p["loadings"]
        return np.column_stack([cuts, p["variance"][:, None] * scaled[:, j] * scaled[:, k]]).ravel()

    def start(self, data: Groups) -> Floats:
        """Return where the search begins: the groups' own thresholds, equal loadings of the mean correlation."""
        cuts = np.array([np.concatenate(part.thresholds) for part in data.parts])
        share = np.array([part.correlations.mean() for part in data.parts])
        loading = np.sqrt(np.clip(share, 0.05, 0.9))[:, None] * np.ones(self.items)
        first = [cuts[:1] if self.shared["thresholds"] else cuts, loading[:1] if self.shared["loadings"] else loading]
        rest = [np.full(int(m.sum()), float(name in ("scales", "variance"))) for name, m in self.masks.items()]
        return np.concatenate([*(x.ravel() for x in first), *rest])


def fit(data: Groups, step: str, *, free: Sequence[int] = ()) -> Fit:
    """Fit one step of the one-factor model by diagonally weighted least squares.

    Wu and Estabrook's (2016) identification, delta parameterisation: "configural" has thresholds and loadings of each
    group's own; "thresholds" makes thresholds equal and frees intercepts and scales; "loadings" makes loadings equal
    and frees the factor's variance; "intercepts" fixes intercepts at 0 and frees the factor's mean, so that groups can
    be compared.

    Parameters
    ----------
    data : Groups
        Thresholds and correlations of each group.
    step : str
        One of `STEPS`.
    free : sequence of int
        Items whose intercepts stay free at the step "intercepts".

    Returns
    -------
    Fit
        Parameters, minimum and derivatives.

    Raises
    ------
    NotConverged
        The search found no minimum.
    """
    from scipy.optimize import least_squares

    model, root = _Model(data, step, free), np.sqrt(data.weights)
    seen = data.statistics
    found = least_squares(lambda th: root * (model.implied(th) - seen), model.start(data), method="trf", xtol=1e-12,
                          ftol=1e-14, gtol=1e-10, x_scale="jac", max_nfev=500)  # fmt: skip
    if not found.success or not np.isfinite(found.x).all():
        raise errors.NotConverged(f"the factor model did not converge at {step!r}", todo="Join levels or groups.")
    p = model.unpack(found.x)
    sign = np.sign(p["loadings"].sum(axis=1, keepdims=True))
    return Fit(
        step,
        tuple(free),
        p["loadings"] * sign,
        p["intercepts"],
        p["scales"],
        tuple(p["thresholds"]),
        p["mean"] * sign[:, 0],
        p["variance"],
        float((found.fun**2) @ data.fractions),
        _jacobian(model, found.x),
    )


def _jacobian(model: _Model, at: Floats) -> Floats:
    columns = []
    for i in range(len(at)):
        step = np.zeros(len(at))
        step[i] = 1e-6 * max(1.0, abs(at[i]))
        columns.append((model.implied(at + step) - model.implied(at - step)) / (2 * step[i]))
    return np.column_stack(columns)


def difference(data: Groups, wider: Fit, narrower: Fit) -> ScaledTest:
    """Return Satorra's (2000) scaled and shifted test of a narrower step against a wider one.

    The difference of the least squares is scaled and shifted so that its mean and variance are those of chi-squared;
    the restriction is found from the derivatives of both (lavaan's `A.method = "delta"`).

    Parameters
    ----------
    data : Groups
        What both were fitted to.
    wider, narrower : Fit
        The narrower is a restriction of the wider.

    Returns
    -------
    ScaledTest
        Statistic, degrees of freedom and p.

    Raises
    ------
    DataError
        The narrower one has as many free parameters.
    """
    from scipy.linalg import block_diag, null_space
    from scipy.stats import chi2

    d1, d0, w = wider.jacobian, narrower.jacobian, data.weights
    df = d1.shape[1] - d0.shape[1]
    if df < 1:
        raise errors.DataError("the second model restricts nothing", todo="Give the wider one first.")
    restriction = null_space(np.linalg.lstsq(d1, d0, rcond=None)[0].T, rcond=1e-7).T
    bread = np.linalg.inv(d1.T @ (w[:, None] * d1))
    middle = bread @ restriction.T
    u = w[:, None] * d1 @ middle @ np.linalg.inv(restriction @ middle) @ middle.T @ d1.T * w
    spread = u @ block_diag(*data.covariances)
    trace, square = float(np.trace(spread)), float((spread * spread.T).sum())
    scale = np.sqrt(df / square)
    value = scale * (narrower.chisq - wider.chisq) + df - scale * trace
    return ScaledTest(float(value), df, float(chi2.sf(value, df)))
