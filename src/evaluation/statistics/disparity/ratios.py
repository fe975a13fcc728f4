"""Ratios of two groups' rates, each group's rate, find rates, and change over a year."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from evaluation.errors import DataError, EmptyCell, Unsupported, nearest
from evaluation.results import Estimate, ratio_from_log
from evaluation.statistics import proportions
from evaluation.statistics._arrays import is_number
from evaluation.statistics.disparity.not_stated import NOT_STATED, UNKNOWN, group_number, split, whole_numbers

COUNTING_VARIATION = "log rate ratio, counting variation only"


def rate_ratio(
    counts: pd.Series[float],
    population: pd.Series[float],
    *,
    group: str,
    comparator: str,
    unknown: str = "drop",
    officer: pd.Series[float] | pd.DataFrame | None = None,
    dispersion: float = 1.0,
    not_stated: Sequence[str] = NOT_STATED,
) -> list[Estimate]:
    """Return the ratio of two groups' rates per resident, under one treatment of "not stated".

    Parameters
    ----------
    counts : Series of int
        Counts by group (self-defined), "not stated" included; or by (self-defined, officer-defined), and
        `unknown="officer"` then reads the second level.
    population : Series
        Residents by group.
    group, comparator : str
        The group whose rate is divided, and the one it is divided by.
    unknown : {"drop", "officer", "proportional", "bounds"}
        "drop" leaves "not stated" out; "officer" gives each such record the group that an officer recorded;
        "proportional" shares them out as the stated ones are (the ratio stays, as it must); "bounds" gives all of
        them to the comparator, then all to the group.
    officer : DataFrame or Series, optional
        For "officer" when `counts` has one level: the cross-table of self-defined (rows) by officer-defined groups
        (columns), the same as a Series with two index levels, or the officers' groups of the records not stated.
    dispersion : float
        φ of a quasi-Poisson model (1 is plain counting); standard errors grow by its square root.
    not_stated : sequence of str
        Labels that mean "not stated", in any case of letters.

    Returns
    -------
    list of Estimate
        One ratio; two for "bounds" (lower, upper). `value = (a / A) / (b / B)`, `se` of its log is
        √(φ (1/a + 1/b)), the interval is made on the log scale; with a = 0 it is the exact conditional one.
        `n` holds a and b; `estimand` says what was done with those not stated. People are stopped more than once, so
        this is counting variation only.

    Raises
    ------
    UnknownColumn
        A group that is not there.
    EmptyCell
        Nobody in the comparator.
    DataError
        A group compared with itself; counts that are not whole numbers of 0 or more; a population or a dispersion that
        is not positive.
    Unsupported
        An unknown treatment; "officer" without the officers' groups, or with a group that officers have no class for
        (they have no Mixed).

    References
    ----------
    Rothman, Greenland and Lash (2008), chapter 14; Manski (1990) for the bounds.
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
    a, b = group_number(counted.stated, group), group_number(counted.stated, comparator)
    left = counted.unstated
    if unknown == "bounds":
        low = _ratio(a, b + left, people, dispersion, "bounds", "all not stated given to the comparator")
        high = _ratio(a + left, b, people, dispersion, "bounds", "all not stated given to the group")
        return [_with_groups(e, group, comparator) for e in (low, high)]
    note = {
        "drop": f"{left:.0f} not stated left out",
        "officer": "officer-defined where not stated",
        "proportional": "not stated shared out as the stated are",
    }[unknown]
    if unknown == "officer" and left:
        a, b = a + counted.officers(group), b + counted.officers(comparator)
        note += f"; {counted.unplaced:.0f} without an officer's group left out" if counted.unplaced else ""
    return [_with_groups(_ratio(a, b, people, dispersion, unknown, note), group, comparator)]


def _population(population: pd.Series[float], group: str, comparator: str) -> tuple[float, float]:
    """Return the residents of both groups, or refuse them."""
    given = pd.Series(population)
    if given.index.has_duplicates:
        raise DataError("a group stands twice in the population", todo="Add its parts together first.")
    try:
        people = tuple(group_number(given, g, "population") for g in (group, comparator))
    except (TypeError, ValueError):
        raise DataError("a population must be a number", todo="Give the residents of both groups.") from None
    if not all(p > 0 and math.isfinite(p) for p in people):
        raise DataError("a population must be above 0", todo="Give the residents of both groups.")
    return people[0], people[1]


def _ratio(a: float, b: float, people: tuple[float, float], dispersion: float, method: str, note: str) -> Estimate:
    """Return the ratio of a and b per person, with the exact upper end where a is 0."""
    if b == 0:
        raise EmptyCell("nobody was counted in the comparator: the ratio has no value", todo="Join years or areas.")
    if not is_number(dispersion) or not 0 < dispersion < math.inf:
        raise DataError("dispersion must be a number above 0", todo="Give φ of a quasi-Poisson model, or 1.")
    words: dict[str, Any] = {"unit": "times", "method": method, "estimand": note}
    words["n"] = {"group": int(a), "comparator": int(b)}
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
    how = COUNTING_VARIATION if dispersion == 1 else f"log rate ratio, quasi-Poisson, dispersion {dispersion:.2f}"
    return ratio_from_log(math.log(value), se, se_method=how, **words)


def _with_groups(e: Estimate, group: str, comparator: str) -> Estimate:
    """Return a ratio with the groups' names in place of "group" and "comparator"."""
    return replace(e, group=f"{group} against {comparator}", n={group: e.n["group"], comparator: e.n["comparator"]})


def exact_interval(
    a: int, population_a: float, b: int, population_b: float, *, level: float = 0.95
) -> tuple[float, float]:
    """Return the exact conditional interval of a ratio of two Poisson rates, as R's `poisson.test`.

    Given a + b, a is binomial; Clopper-Pearson ends p become p / (1 - p) · B / A.

    Parameters
    ----------
    a : int
        Count of the group.
    population_a : float
        Its residents.
    b : int
        Count of the comparator.
    population_b : float
        Its residents.
    level : float
        Confidence level, 0 to 1.

    Returns
    -------
    tuple of float
        Lower and upper end of the ratio; the upper one is `inf` where b is 0.
    """
    from evaluation.statistics.proportions import interval

    low, high = interval(a, a + b, method="exact", level=level)
    scale = population_b / population_a
    return low / (1 - low) * scale, math.inf if high == 1 else high / (1 - high) * scale


def rates(
    counts: Mapping[str, float] | pd.Series[float], population: pd.Series[float], *, per: float = 1000.0
) -> list[Estimate]:
    """Return each group's rate per 1,000 residents with the exact Poisson interval.

    Parameters
    ----------
    counts : Series or mapping
        Counts by group.
    population : Series
        Residents by group; groups without residents here ("not stated" among them) have no rate and are left out.
    per : float
        Residents that a rate is given for.

    Returns
    -------
    list of Estimate
        One rate per group, in the order of `counts`, with 95 % and 90 % intervals.

    Raises
    ------
    DataError
        Counts that are not whole numbers of 0 or more; a population that is not above 0.

    References
    ----------
    Garwood (1936).
    """
    from scipy.special import gammaincinv

    estimates = []
    numbers = whole_numbers(counts, "counts")
    for name, n in zip(numbers.index, numbers, strict=True):
        if name not in population.index:
            continue
        base = group_number(population, name, "population") / per
        if not (base > 0 and math.isfinite(base)):
            raise DataError(f"the population of {name!r} must be above 0", todo="Give its residents.")
        low, low_90 = (0.0 if n == 0 else float(gammaincinv(n, tail)) / base for tail in (0.025, 0.05))
        high, high_90 = (float(gammaincinv(n + 1, 1 - tail)) / base for tail in (0.025, 0.05))
        estimates.append(
            Estimate(
                float(n) / base,
                se=math.sqrt(n) / base,
                low=low,
                high=high,
                low_90=low_90,
                high_90=high_90,
                unit=f"per {per:,.0f} residents",
                df=math.inf,
                n={str(name): int(n)},
                group=str(name),
                method="rate",
                se_method="exact Poisson",
            )
        )
    return estimates


def find_rates(
    rates_of: pd.Series[float], searches: pd.Series[float], *, group: str, comparator: str
) -> list[Estimate]:
    """Return two groups' shares of searches that found what they sought, and their difference.

    Parameters
    ----------
    rates_of, searches : Series of int by group
        Searches with a find, and all searches.
    group, comparator : str
        The two groups; the difference is the first less the second.

    Returns
    -------
    list of Estimate
        The group's share and the comparator's (per cent, Wilson), and their difference (percentage points, Newcombe
        1998, method 10).

    Raises
    ------
    UnknownColumn
        A group that is not there.
    DataError
        A group with more finds than searches, or without searches.
    """
    shares = [
        replace(
            proportions.share(int(group_number(rates_of, g)), int(group_number(searches, g))),
            group=g,
            n={g: int(searches[g])},
        )
        for g in (group, comparator)
    ]
    gap = proportions.difference(*(int(s[g]) for g in (group, comparator) for s in (rates_of, searches)))
    return [
        *shares,
        replace(gap, group=f"{group} minus {comparator}", n={g: int(searches[g]) for g in (group, comparator)}),
    ]


def year_on_year(
    before: float, after: float, *, exposure: tuple[float, float] = (1.0, 1.0), dispersion: float = 1.0
) -> Estimate:
    """Return the change of a count or rate in per cent, with the variation expected of counts.

    A change is worth raising only when its interval excludes 0.

    Parameters
    ----------
    before, after : float
        Counts of the two periods.
    exposure : tuple of float
        Residents or days of the two periods (before, after); equal by default.
    dispersion : float
        φ of a quasi-Poisson model (1 is plain counting).

    Returns
    -------
    Estimate
        (after / before - 1) · 100 for rates per exposure, with ends from the log ratio.

    Raises
    ------
    EmptyCell
        Nobody was counted before.
    DataError
        An exposure that is not above 0.
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
