"""Rates of two groups side by side: ratios, what "not stated" can do to them, areas, years, expected variation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from evaluation.errors import DataError, EmptyCell, UnknownColumn, Unsupported, nearest
from evaluation.estimates import Estimate, ratio_from_log

NOT_STATED = ("not_stated", "not stated", "ns", "unknown", "not_known", "not known", "blank", "refused", "")
UNKNOWN = ("drop", "officer", "bounds", "proportional")
LEAST_CELLS = 12  # month × district cells under which the dispersion is not estimated
ASSUMED = (1.5, 2.0, 3.0)  # dispersions tabled instead
ONLY_COUNTING = "log rate ratio, counting variation only"


def rate_ratio(
    counts: pd.Series,
    population: pd.Series,
    *,
    group: str,
    comparator: str,
    unknown: str = "drop",
    officer: pd.Series | None = None,
    dispersion: float = 1.0,
    not_stated: Sequence[str] = NOT_STATED,
) -> list[Estimate]:
    """Return the ratio of two groups' rates per resident, under one treatment of "not stated".

    Parameters
    ----------
    counts : Series of int, indexed by group (self-defined), "not stated" included
        Or indexed by (self-defined, officer-defined): `unknown="officer"` then reads the second level.
    population : Series of residents, indexed by group
    unknown : str
        "drop" leaves "not stated" out; "officer" gives each such record the group that an officer recorded;
        "proportional" shares them out as the stated ones are (the ratio stays, as it must); "bounds" gives all of
        them to the comparator, then all to the group.
    officer : Series, optional
        For "officer" when `counts` has one level: the officer-defined groups of the records not stated.
    dispersion : float
        φ of a quasi-Poisson model; standard errors grow by its square root.

    Returns
    -------
    list of Estimate
        One ratio; two for "bounds" (lower, upper). `value = (a / A) / (b / B)`, `se` of its log is
        √(φ (1/a + 1/b)), the interval is made on the log scale; with a = 0 it is the exact conditional one.
        `n` holds a and b. People are stopped more than once, so this is counting variation only.

    Raises
    ------
    UnknownColumn, EmptyCell, DataError, Unsupported
        A group that is not there; nobody in the comparator; counts that are not whole numbers of 0 or more, or a
        population that is not positive; an unknown treatment, or "officer" without the officers' groups.
    """
    if unknown not in UNKNOWN:
        raise Unsupported(f"unknown={unknown!r} is not a treatment", todo=f"Use one of {', '.join(UNKNOWN)}.")
    stated, unstated, seen = _split(counts, not_stated, officer, unknown)
    people = _population(population, group, comparator)
    a, b = _of(stated, group), _of(stated, comparator)
    if unknown == "bounds":
        low = _ratio(a, b + unstated, people, dispersion, "bounds", "all not stated given to the comparator")
        high = _ratio(a + unstated, b, people, dispersion, "bounds", "all not stated given to the group")
        return [_named(e, group, comparator) for e in (low, high)]
    if unknown == "officer":
        a, b = a + float(seen.get(group, 0)), b + float(seen.get(comparator, 0))
    note = {
        "drop": "not stated left out",
        "officer": "officer-defined where not stated",
        "proportional": "not stated shared out as the stated are",
    }[unknown]
    return [_named(_ratio(a, b, people, dispersion, unknown, note), group, comparator)]


def _split(
    counts: pd.Series, not_stated: Sequence[str], officer: pd.Series | None, unknown: str
) -> tuple[pd.Series, float, pd.Series]:
    """Return (stated counts by group, number not stated, officers' groups of those)."""
    given = pd.Series(counts, dtype=float)
    if given.isna().any() or (given < 0).any() or not np.isfinite(given).all():
        raise DataError("counts must be numbers of 0 or more, none missing", todo="Write 0 where nobody was counted.")
    words = {w.lower() for w in not_stated}
    two = isinstance(given.index, pd.MultiIndex)
    first = given.index.get_level_values(0) if two else given.index
    blank = pd.Index(first).map(lambda v: _is_unstated(v, words)).to_numpy(dtype=bool)
    stated = given[~blank].groupby(pd.Index(first)[~blank]).sum()
    unstated = float(given[blank].sum())
    if officer is not None:
        seen = pd.Series(officer, dtype=float)
    elif two:
        second = given.index.get_level_values(1)[blank]
        seen = given[blank].groupby(second).sum()
    elif unknown == "officer" and unstated:
        raise Unsupported(
            'unknown="officer" needs the groups that officers recorded',
            todo="Give officer=, or counts indexed by (self-defined, officer-defined).",
        )
    else:
        seen = pd.Series(dtype=float)
    if unknown == "officer" and float(seen.sum()) > unstated + 1e-9:
        raise DataError("officers recorded more people than were not stated", todo="Give only the records not stated.")
    return stated, unstated, seen


def _is_unstated(value: Any, words: set[str]) -> bool:
    return bool(pd.isna(value)) or str(value).strip().lower() in words


def _of(counts: pd.Series, name: str) -> float:
    if name not in counts.index:
        near = nearest(name, [str(i) for i in counts.index])
        raise UnknownColumn(
            f"no count for the group {name!r}" + (f" (nearest: {near!r})" if near else ""),
            todo="Name a group that was counted; write 0 where nobody was.",
        )
    return float(counts[name])


def _population(population: pd.Series, group: str, comparator: str) -> tuple[float, float]:
    given = pd.Series(population, dtype=float)
    people = tuple(_of(given, g) for g in (group, comparator))
    if not all(p > 0 and math.isfinite(p) for p in people):
        raise DataError("a population must be above 0", todo="Give the residents of both groups.")
    return people[0], people[1]


def _ratio(a: float, b: float, people: tuple[float, float], dispersion: float, method: str, note: str) -> Estimate:
    if b == 0:
        raise EmptyCell("nobody was counted in the comparator: the ratio has no value", todo="Join years or areas.")
    if dispersion <= 0:
        raise DataError("dispersion must be above 0")
    words = {"unit": "times", "method": method, "estimand": note, "n": {"group": int(a), "comparator": int(b)}}
    if a == 0:
        low, high = exact_interval(0, people[0], int(b), people[1])
        _, high_90 = exact_interval(0, people[0], int(b), people[1], level=0.90)
        return Estimate(
            0.0,
            low=low,
            high=high,
            low_90=0.0,
            high_90=high_90,
            null=1.0,
            df=math.inf,
            se_method="exact conditional",
            **words,
        )
    value = (a / people[0]) / (b / people[1])
    se = math.sqrt(dispersion * (1 / a + 1 / b))
    how = ONLY_COUNTING if dispersion == 1 else f"log rate ratio, quasi-Poisson, dispersion {dispersion:.2f}"
    return ratio_from_log(math.log(value), se, se_method=how, **words)


def _named(e: Estimate, group: str, comparator: str) -> Estimate:
    from dataclasses import replace

    return replace(e, group=f"{group} against {comparator}", n={group: e.n["group"], comparator: e.n["comparator"]})


def exact_interval(
    a: int, population_a: float, b: int, population_b: float, *, level: float = 0.95
) -> tuple[float, float]:
    """Return the exact conditional interval of a ratio of two Poisson rates (R's `poisson.test`).

    Given a + b, a is binomial; Clopper-Pearson ends p become p / (1 - p) · B / A.
    """
    from .proportions import interval

    low, high = interval(a, a + b, method="exact", level=level)
    scale = population_b / population_a
    return low / (1 - low) * scale, math.inf if high == 1 else high / (1 - high) * scale


def rates(counts: Mapping[str, float] | pd.Series, population: pd.Series, *, per: float = 1000.0) -> list[Estimate]:
    """Return each group's rate per 1,000 residents with the exact Poisson interval (Garwood 1936)."""
    from scipy.special import gammaincinv

    found = []
    for name, n in pd.Series(counts, dtype=float).items():
        if name not in population.index:
            continue
        base = float(population[name]) / per
        ends = {}
        for tail, (a, b) in {0.025: ("low", "high"), 0.05: ("low_90", "high_90")}.items():
            ends[a] = 0.0 if n == 0 else float(gammaincinv(n, tail)) / base
            ends[b] = float(gammaincinv(n + 1, 1 - tail)) / base
        found.append(
            Estimate(
                float(n) / base,
                se=math.sqrt(n) / base,
                **ends,
                unit=f"per {per:,.0f} residents",
                df=math.inf,
                n={str(name): int(n)},
                group=str(name),
                method="rate",
                se_method="exact Poisson",
            )
        )
    return found


def mantel_haenszel(
    counts: pd.DataFrame, population: pd.DataFrame, *, group: str, comparator: str, dispersion: float = 1.0
) -> list[Estimate]:
    """Return [pooled over areas, within areas]: the ratio of summed rates beside the Mantel-Haenszel ratio.

    Parameters
    ----------
    counts, population : DataFrame, one row an area, one column a group
        The same areas and groups in both.

    Notes
    -----
    RR = Σ aB/T / Σ bA/T with T = A + B in each area; variance of its log Σ (a+b)AB/T² / (Σ aB/T · Σ bA/T)
    (Greenland and Robins 1985, person-time data). A pooled ratio far from the within-area one says that the groups
    live in areas with different overall rates.
    """
    areas = counts.index
    if set(areas) != set(population.index):
        raise DataError("counts and population must have the same areas", todo="Align their rows.")
    people = population.loc[areas]
    a, b = (counts[g].astype(float).to_numpy() for g in (group, comparator))
    size_a, size_b = (people[g].astype(float).to_numpy() for g in (group, comparator))
    total = size_a + size_b
    top, bottom = float((a * size_b / total).sum()), float((b * size_a / total).sum())
    if top == 0 or bottom == 0:
        raise EmptyCell("one of the groups has no counts in any area", todo="Join areas or years.")
    variance = float(((a + b) * size_a * size_b / total**2).sum()) / (top * bottom)
    n = {group: int(a.sum()), comparator: int(b.sum())}
    within = ratio_from_log(
        math.log(top / bottom),
        math.sqrt(dispersion * variance),
        unit="times",
        n=n,
        method="within areas (Mantel-Haenszel)",
        se_method="Greenland-Robins",
        group=f"{group} against {comparator}",
    )
    pooled = rate_ratio(
        counts[[group, comparator]].sum(),
        people[[group, comparator]].sum(),
        group=group,
        comparator=comparator,
        dispersion=dispersion,
    )[0]
    from dataclasses import replace

    return [replace(pooled, method="pooled over areas"), within]


def dispersion(table: pd.DataFrame, *, count: str, population: str, group: str, cells: Sequence[str]) -> float | None:
    """Return φ of a quasi-Poisson model of counts by cell and group; None with fewer than 12 cells.

    The model is log μ = cell + group + log population; φ is Pearson's X² over its degrees of freedom, never under 1.
    """
    places = table[list(cells)].astype(str).agg("|".join, axis=1)
    if places.nunique() < LEAST_CELLS:
        return None
    return _quasi(table, count, population, group, places)[0]


def _quasi(table: pd.DataFrame, count: str, population: str, group: str, places: pd.Series) -> tuple[float, Any]:
    import statsmodels.api as sm

    kept = table.groupby(places)[count].transform("sum") > 0  # a cell without any count says nothing of the groups
    rows = table[kept]
    columns = pd.get_dummies(places[kept], dtype=float)
    columns[_GROUPS] = rows[group].to_numpy()
    design = pd.concat(
        [columns.drop(columns=_GROUPS), pd.get_dummies(rows[group], prefix=_GROUPS, dtype=float).iloc[:, 1:]], axis=1
    )
    fit = sm.GLM(
        rows[count].astype(float), design, family=sm.families.Poisson(), offset=np.log(rows[population].astype(float))
    ).fit(tol=1e-12, maxiter=200)
    spread = float(fit.pearson_chi2 / fit.df_resid) if fit.df_resid > 0 else 1.0
    return max(1.0, spread), fit


_GROUPS = "__group__"


def quasi_poisson(
    table: pd.DataFrame, *, count: str, population: str, group: str, cells: Sequence[str], of: str, against: str
) -> Estimate:
    """Return the ratio of two groups from counts by cell (month × area), its error grown by the dispersion found.

    Raises
    ------
    DataError
        Fewer than 12 cells: the dispersion cannot be learnt; table φ = 1.5, 2 and 3 instead.
    """
    rows = table[table[group].isin([of, against])].copy()
    places = rows[list(cells)].astype(str).agg("|".join, axis=1)
    if places.nunique() < LEAST_CELLS:
        raise DataError(
            f"{places.nunique()} cells are too few to learn the dispersion (12 are needed)",
            todo="Give assumed values: rate_ratio(..., dispersion=1.5), then 2 and 3.",
        )
    rows[group] = pd.Categorical(rows[group], categories=[against, of])
    spread, fit = _quasi(rows, count, population, group, places)
    name = f"{_GROUPS}_{of}"
    sizes = {g: int(rows.loc[rows[group] == g, count].sum()) for g in (of, against)}
    return ratio_from_log(
        float(fit.params[name]),
        float(fit.bse[name]) * math.sqrt(spread),
        unit="times",
        n=sizes,
        method="quasi-Poisson within cells",
        se_method=f"quasi-Poisson, dispersion {spread:.2f}",
        group=f"{of} against {against}",
        df=math.inf,
    )


def find_rates(found: pd.Series, searches: pd.Series, *, group: str, comparator: str) -> list[Estimate]:
    """Return [group's share, comparator's share, their difference in points]: searches that found what they sought."""
    from dataclasses import replace

    from . import proportions

    shares = [
        replace(proportions.share(int(_of(found, g)), int(_of(searches, g))), group=g, n={g: int(searches[g])})
        for g in (group, comparator)
    ]
    gap = proportions.difference(*(int(s[g]) for g in (group, comparator) for s in (found, searches)))
    return [
        *shares,
        replace(gap, group=f"{group} minus {comparator}", n={g: int(searches[g]) for g in (group, comparator)}),
    ]


def year_on_year(
    before: float, after: float, *, exposure: tuple[float, float] = (1.0, 1.0), dispersion: float = 1.0
) -> Estimate:
    """Return the change of a count or rate in per cent, with the variation expected of counts.

    A change is worth raising only when its interval excludes 0: (after / before - 1) · 100, ends from the log ratio.
    """
    ratio = _ratio(after, before, (exposure[1], exposure[0]), dispersion, "year on year", "change of the rate")
    ends = {k: 100 * (getattr(ratio, k) - 1) for k in ("value", "low", "high", "low_90", "high_90")}
    se = None if ratio.se is None else 100 * ratio.se * ratio.value
    return Estimate(
        **ends,
        se=se,
        df=math.inf,
        p=ratio.p,
        null=0.0,
        unit="per cent change",
        method="year on year",
        se_method=ratio.se_method,
        n={"before": int(before), "after": int(after)},
    )


def funnel(events: pd.Series, base: pd.Series, *, target: float | None = None, dispersion: float = 1.0) -> pd.DataFrame:
    """Return each unit's share against limits around a target (Spiegelhalter 2005): who stands outside them.

    Parameters
    ----------
    events, base : Series by unit
        How many of how many (searches with a find, victims without a record …).
    target : float, optional
        Share that limits are drawn around; the pooled share when not given.

    Returns
    -------
    DataFrame by unit
        n, share, low_95, high_95, low_998, high_998 (normal limits on the share, cut to 0 and 1, widened by √φ) and
        `state`: "inside", "outside 95 %" or "outside 99.8 %".
    """
    from scipy.special import ndtri

    size = base.astype(float)
    if (size <= 0).any() or events.isna().any():
        raise DataError("every unit of a funnel needs a base above 0 and a count", todo="Leave empty units out.")
    share = events.astype(float) / size
    middle = float(events.sum() / size.sum()) if target is None else float(target)
    out = pd.DataFrame({"n": size.astype(int), "share": share})
    for name, tail in (("95", 0.025), ("998", 0.001)):
        half = -float(ndtri(tail)) * np.sqrt(dispersion * middle * (1 - middle) / size)
        out[f"low_{name}"], out[f"high_{name}"] = (middle - half).clip(0), (middle + half).clip(upper=1)
    far = (share < out["low_998"]) | (share > out["high_998"])
    out_95 = (share < out["low_95"]) | (share > out["high_95"])
    out["state"] = np.select([far, out_95], ["outside 99.8 %", "outside 95 %"], "inside")
    return out
