"""Ratios of two groups' rates, each group's rate, find rates, and change over a year."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real

import pandas as pd

from evaluation.errors import DataError, EmptyCell, Unsupported, nearest
from evaluation.results import Estimate, ratio_from_log
from evaluation.statistics import proportions
from evaluation.statistics.disparity.not_stated import NOT_STATED, UNKNOWN, of, split, whole

ONLY_COUNTING = "log rate ratio, counting variation only"


def rate_ratio(
    counts: pd.Series,
    population: pd.Series,
    *,
    group: str,
    comparator: str,
    unknown: str = "drop",
    officer: pd.Series | pd.DataFrame | None = None,
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
    officer : DataFrame or Series, optional
        For "officer" when `counts` has one level: the cross-table of self-defined (rows) by officer-defined groups
        (columns), the same as a Series with two index levels, or the officers' groups of the records not stated.
    dispersion : float
        φ of a quasi-Poisson model; standard errors grow by its square root.

    Returns
    -------
    list of Estimate
        One ratio; two for "bounds" (lower, upper). `value = (a / A) / (b / B)`, `se` of its log is
        √(φ (1/a + 1/b)), the interval is made on the log scale; with a = 0 it is the exact conditional one.
        `n` holds a and b; `estimand` says what was done with those not stated. People are stopped more than once, so
        this is counting variation only.

    Raises
    ------
    UnknownColumn, EmptyCell, DataError, Unsupported
        A group that is not there; nobody in the comparator; counts that are not whole numbers of 0 or more, or a
        population that is not positive; an unknown treatment, "officer" without the officers' groups, or with a group
        that officers have no class for (they have no Mixed).
    """
    if unknown not in UNKNOWN:
        near = nearest(unknown, UNKNOWN)
        raise Unsupported(
            f"unknown={unknown!r} is not a treatment" + (f" (nearest: {near!r})" if near else ""),
            todo=f"Use one of {', '.join(UNKNOWN)}.",
        )
    if group == comparator:
        raise DataError(f"{group!r} cannot be compared with itself", todo="Name two groups.")
    counted = split(counts, not_stated, officer if unknown == "officer" else None)
    people = _population(population, group, comparator)
    a, b = of(counted.stated, group), of(counted.stated, comparator)
    left = counted.unstated
    if unknown == "bounds":
        low = _ratio(a, b + left, people, dispersion, "bounds", "all not stated given to the comparator")
        high = _ratio(a + left, b, people, dispersion, "bounds", "all not stated given to the group")
        return [_named(e, group, comparator) for e in (low, high)]
    note = {
        "drop": f"{left:.0f} not stated left out",
        "officer": "officer-defined where not stated",
        "proportional": "not stated shared out as the stated are",
    }[unknown]
    if unknown == "officer" and left:
        a, b = a + counted.officers(group), b + counted.officers(comparator)
        note += f"; {counted.unseen:.0f} without an officer's group left out" if counted.unseen else ""
    return [_named(_ratio(a, b, people, dispersion, unknown, note), group, comparator)]


def _population(population: pd.Series, group: str, comparator: str) -> tuple[float, float]:
    given = pd.Series(population)
    if given.index.has_duplicates:
        raise DataError("a group stands twice in the population", todo="Add its parts together first.")
    try:
        people = tuple(of(given, g, "population") for g in (group, comparator))
    except (TypeError, ValueError):
        raise DataError("a population must be a number", todo="Give the residents of both groups.") from None
    if not all(p > 0 and math.isfinite(p) for p in people):
        raise DataError("a population must be above 0", todo="Give the residents of both groups.")
    return people[0], people[1]


def _ratio(a: float, b: float, people: tuple[float, float], dispersion: float, method: str, note: str) -> Estimate:
    if b == 0:
        raise EmptyCell("nobody was counted in the comparator: the ratio has no value", todo="Join years or areas.")
    if not isinstance(dispersion, Real) or not 0 < dispersion < math.inf:
        raise DataError("dispersion must be a number above 0", todo="Give φ of a quasi-Poisson model, or 1.")
    words = {"unit": "times", "method": method, "estimand": note, "n": {"group": int(a), "comparator": int(b)}}
    if a == 0:
        worth = b / dispersion  # a quasi-Poisson count carries 1/φ of a count's information
        ends = [
            1 - tail ** (1 / worth) for tail in (0.025, 0.05)
        ]  # of the group's share of all counts: Clopper-Pearson
        high, high_90 = (share / (1 - share) * people[1] / people[0] for share in ends)
        p = min(1.0, 2 * (people[1] / sum(people)) ** worth)
        how = "exact conditional" + ("" if dispersion == 1 else f", dispersion {dispersion:.2f}")
        return Estimate(
            0.0, low=0.0, high=high, low_90=0.0, high_90=high_90, null=1.0, df=math.inf, p=p, se_method=how, **words
        )
    value = (a / people[0]) / (b / people[1])
    se = math.sqrt(dispersion * (1 / a + 1 / b))
    how = ONLY_COUNTING if dispersion == 1 else f"log rate ratio, quasi-Poisson, dispersion {dispersion:.2f}"
    return ratio_from_log(math.log(value), se, se_method=how, **words)


def _named(e: Estimate, group: str, comparator: str) -> Estimate:
    return replace(e, group=f"{group} against {comparator}", n={group: e.n["group"], comparator: e.n["comparator"]})


def exact_interval(
    a: int, population_a: float, b: int, population_b: float, *, level: float = 0.95
) -> tuple[float, float]:
    """Return the exact conditional interval of a ratio of two Poisson rates (R's `poisson.test`).

    Given a + b, a is binomial; Clopper-Pearson ends p become p / (1 - p) · B / A.
    """
    from evaluation.statistics.proportions import interval

    low, high = interval(a, a + b, method="exact", level=level)
    scale = population_b / population_a
    return low / (1 - low) * scale, math.inf if high == 1 else high / (1 - high) * scale


def rates(counts: Mapping[str, float] | pd.Series, population: pd.Series, *, per: float = 1000.0) -> list[Estimate]:
    """Return each group's rate per 1,000 residents with the exact Poisson interval (Garwood 1936).

    Groups without residents in `population` ("not stated" among them) have no rate and are left out.

    Raises
    ------
    DataError
        Counts that are not whole numbers of 0 or more; a population that is not above 0.
    """
    from scipy.special import gammaincinv

    found = []
    for name, n in whole(counts, "counts").items():
        if name not in population.index:
            continue
        base = of(population, name, "population") / per  # type: ignore[arg-type]
        if not (base > 0 and math.isfinite(base)):
            raise DataError(f"the population of {name!r} must be above 0", todo="Give its residents.")
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


def find_rates(found: pd.Series, searches: pd.Series, *, group: str, comparator: str) -> list[Estimate]:
    """Return [group's share, comparator's share, their difference in points]: searches that found what they sought."""
    shares = [
        replace(proportions.share(int(of(found, g)), int(of(searches, g))), group=g, n={g: int(searches[g])})
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

    Raises
    ------
    EmptyCell, DataError
        Nobody was counted before; an exposure that is not above 0.
    """
    if not before > 0:
        raise EmptyCell("nobody was counted before: the change has no percentage", todo="Show both counts instead.")
    if not min(exposure) > 0:
        raise DataError("an exposure must be above 0", todo="Give residents or days of both periods.")
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
