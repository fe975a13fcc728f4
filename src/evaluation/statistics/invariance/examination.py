"""Does a scale measure alike in two groups? The factor model where groups are large, tests of each item where small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import power as detectable_difference
from evaluation.statistics._arrays import Integers
from evaluation.statistics.invariance import factor_model
from evaluation.statistics.invariance.item_functioning import item_functioning

ALIKE, UNLIKE, TOO_FEW = "alike", "not alike", "too few to test"
MODEL, ITEM_TESTS = "ordinal factor model", "ordinal logit of each statement"
LEAST_FOR_MODEL = 200  # people in each group
LEAST_IN_LEVEL = 5
LEAST_ANSWERED = 2 / 3
SEEN = 0.3


@dataclass(frozen=True, slots=True)
class Invariance:
    """Whether the statements of a scale measure alike in two groups.

    Attributes
    ----------
    state : str
        "alike", "not alike", or "too few to test": a shift of one statement by `SEEN` would not have been seen.
    method : str
        Which model; "" where none could be fitted.
    n : tuple of int
        People used, in the reference and in the other group.
    p : float or None
        Corrected for the tests made together.
    tests : mapping of str to float
        p of each test before it is corrected.
    detectable : float or None
        Shift of the middle statement, in standard deviations, that a test of it alone sees with the power asked for.
    items : DataFrame
        One row per statement, worst first: `shift` in standard deviations, `se`, `df`, `p`.
    reason : str
        Why nothing could be tested.
    """

    state: str
    method: str = ""
    n: tuple[int, int] = (0, 0)
    p: float | None = None
    tests: Mapping[str, float] = field(default_factory=dict)
    detectable: float | None = None
    items: pd.DataFrame = field(default_factory=pd.DataFrame)
    reason: str = ""

    @property
    def worst(self) -> tuple[str, ...]:
        """Return the statements, the one that measures least alike first.

        Returns
        -------
        tuple of str
            () where nothing could be fitted.
        """
        return tuple(self.items.index)


def examine(
    frame: pd.DataFrame,
    items: Sequence[str],
    group: str,
    *,
    cluster: str | None = None,
    size: float = 0.05,
    power: float = 0.8,
) -> Invariance:
    """Examine whether the statements of a scale measure alike in two groups.

    With 200 people or more in each group: an ordinal one-factor model (Wu and Estabrook 2016) by diagonally weighted
    least squares; equal thresholds and loadings, and then equal intercepts, each by a scaled difference test at half
    the size. With fewer: ordinal logistic regression of each statement with purification (`item_functioning`). The
    model takes people with complete answers, the tests those with two thirds of them; nobody is weighted, because a
    statement's working is no property of the population. Levels that fewer than five people of a group chose are joined
    to a neighbour, in both groups alike.

    Parameters
    ----------
    frame : DataFrame
        One row per person; answers may be missing.
    items : sequence of str
        Ordered answers, numeric, three or more items.
    group : str
        Column of 0 (reference) and 1.
    cluster : str, optional
        Column of the clusters of collection.
    size, power : float
        Size of all tests together, and the chance with which a shift should be seen, 0 to 1.

    Returns
    -------
    Invariance
        What was found; "too few to test" with its reason where no model could be fitted.

    Raises
    ------
    UnknownColumn, DataError
        A column that is not there; fewer than three items; a group that is not 0 and 1.

    References
    ----------
    Wu and Estabrook (2016) Psychometrika 81; Crane, Gibbons, Jolley and van Belle (2006) Medical Care 44.
    """
    errors.require_columns(frame, [*items, group, *([cluster] if cluster else [])], role="a scale")
    if len(items) < 3 or not set(frame[group].dropna().unique()) <= {0, 1}:
        raise errors.DataError("a scale of three items, and a group of 0 and 1, are needed", where=group)
    people = frame[frame[group].notna() & (cluster is None or frame[cluster].notna())].reset_index(drop=True)
    people = people[people[list(items)].notna().sum(axis=1) >= LEAST_ANSWERED * len(items)]
    members = people[group].to_numpy(dtype=int)
    n = (int((members == 0).sum()), int((members == 1).sum()))
    if min(n) < 2 * LEAST_IN_LEVEL:
        return Invariance(TOO_FEW, n=n, reason="hardly anybody answered the statements")
    codes = pd.DataFrame({i: joined_levels(people[i], members) for i in items}, index=people.index)
    if (codes.max() < 2).any():
        return Invariance(TOO_FEW, n=n, reason="a statement has fewer than three answers that enough people chose")
    complete = codes.notna().all(axis=1).to_numpy()
    held = None if cluster is None else pd.factorize(people[cluster])[0]
    whole = (int((members[complete] == 0).sum()), int((members[complete] == 1).sum()))
    try:
        if min(whole) >= LEAST_FOR_MODEL:
            known = None if held is None else held[complete]
            model = codes[complete].to_numpy(dtype=int), members[complete], known
            return _by_model(*model, items, whole, size, power)
        return _by_item(codes, members, held, items, n, size, power)
    except (errors.DataError, np.linalg.LinAlgError) as error:
        return Invariance(TOO_FEW, n=n, reason=getattr(error, "what", "the model could not be fitted"))


def joined_levels(answers: pd.Series, group: Integers, *, least: int = LEAST_IN_LEVEL) -> pd.Series:
    """Return answers as codes from 0, levels that too few people of a group chose joined to a neighbour.

    Parameters
    ----------
    answers : Series, shape (n,)
        Ordered answers; missing ones stay missing.
    group : ndarray of int, shape (n,)
        Codes of the groups.
    least : int
        People of each group in each level.

    Returns
    -------
    Series of float
        Codes; two levels are left at least where there were two.
    """
    known = answers.notna().to_numpy()
    codes, members = np.unique(answers[known].to_numpy(dtype=float), return_inverse=True)[1], group[known]
    while codes.max() > 1:
        size = int(codes.max()) + 1
        counts = np.array([np.bincount(codes[members == g], minlength=size) for g in np.unique(group)]).min(axis=0)
        few = int(counts.argmin())
        if counts[few] >= least:
            break
        beside = [k for k in (few - 1, few + 1) if 0 <= k < size]
        codes = codes - (codes >= max(few, min(beside, key=lambda k: counts[k])))
    return pd.Series(codes, index=answers.index[known], dtype=float).reindex(answers.index)


def _by_model(
    codes: Integers,
    members: Integers,
    strata: Integers | None,
    items: Sequence[str],
    n: tuple[int, int],
    size: float,
    power: float,
) -> Invariance:
    data = factor_model.groups(codes, members, strata)
    steps = {s: factor_model.fit(data, s) for s in ("configural", "loadings", "intercepts")}
    tests = {
        "thresholds and loadings": factor_model.difference(data, steps["configural"], steps["loadings"]).p,
        "intercepts": factor_model.difference(data, steps["loadings"], steps["intercepts"]).p,
    }
    alone = {j: factor_model.fit(data, "intercepts", free=(j,)) for j in range(len(items))}
    first, *others = sorted(alone, key=lambda j: alone[j].chisq)
    second = min(others, key=lambda j: factor_model.fit(data, "intercepts", free=(first, j)).chisq)
    rows = {
        items[j]: {
            "shift": float(fit.intercepts[1, j]),
            "se": fit.intercept_se(data, j),
            "df": np.inf,
            "p": factor_model.difference(data, fit, steps["intercepts"]).p,
        }
        for j, fit in ((j, alone[j]) for j in dict.fromkeys([first, second, *others]))
    }
    return _read(MODEL, n, pd.DataFrame(rows).T, tests, len(tests), size, power)


def _by_item(
    codes: pd.DataFrame,
    members: Integers,
    strata: Integers | None,
    items: Sequence[str],
    n: tuple[int, int],
    size: float,
    power: float,
) -> Invariance:
    frame = codes.assign(_group=members, _held=0 if strata is None else strata)
    table = item_functioning(frame, items, "_group", cluster=None if strata is None else "_held", size=size)
    tests = {str(i): float(p) for i, p in table["p"].items()}
    ordered = table.loc[table["p"].sort_values(kind="stable").index, ["shift", "se", "df", "p"]]
    return _read(ITEM_TESTS, n, ordered, tests, len(items), size, power)


def _read(
    method: str,
    n: tuple[int, int],
    items: pd.DataFrame,
    tests: Mapping[str, float],
    together: int,
    size: float,
    power: float,
) -> Invariance:
    """Return the result with its state: what was seen stands; what could not have been seen was not tested."""
    p = min(1.0, together * min(tests.values()))
    middle = float(items["se"].median())
    seen = detectable_difference.minimum_detectable(middle, df=float(items["df"].min()), power=power, size=size)
    state = UNLIKE if p <= size else ALIKE if seen <= SEEN else TOO_FEW
    reason = "a shift of 0.3 standard deviations would not have been seen" if state == TOO_FEW else ""
    return Invariance(state, method, n, p, tests, seen, items, reason)
