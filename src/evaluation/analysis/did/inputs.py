"""What the designs are given: the waves with outcomes, the events, the wording, the dates of fieldwork."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.analysis import arms as analysis_arms
from evaluation.analysis.levels import Survey
from evaluation.plan.study import Plan
from evaluation.results import Gate

Dates = Mapping[str, tuple[dt.date | None, dt.date | None]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the designs may look at.

    Attributes
    ----------
    survey : Survey
    events : DataFrame or None
        The register that exposure is made from.
    comparable : DataFrame
        Outcome item × wave: same, changed, unknown, new, not asked.
    fieldwork : mapping
        Wave to (start, end); None where unknown.
    arms : mapping
        Wave to the arm of each respondent, for waves that asked.
    """

    wave: str
    survey: Survey
    events: pd.DataFrame | None
    comparable: pd.DataFrame
    fieldwork: Dates
    arms: Mapping[str, pd.Series]

    def general(self, waves: tuple[str, ...], outcome: str) -> pd.DataFrame:
        """Return the general samples of two waves with an outcome, `after` 0/1, weights of mean 1 in each wave."""
        parts = []
        for position, name in enumerate(waves):
            frame = self.survey.general(name).dropna(subset=[outcome])
            weight = frame["population_weight"]
            parts.append(frame.assign(after=float(position), population_weight=weight / weight.mean()))
        return pd.concat(parts)


def evidence(
    plan: Plan, wave: str, survey: Survey, events: pd.DataFrame | None, comparable: pd.DataFrame, fieldwork: Dates
) -> Evidence:
    """Return the evidence of a report's wave."""
    months = None
    if events is not None and plan.treatment.register_date in events:
        months = events[plan.treatment.register_date].dropna()
    arms = {}
    for name, rows in survey.people.groupby("wave", sort=True):
        if plan.treatment.column in rows and rows[plan.treatment.column].notna().any():
            arms[str(name)] = analysis_arms.arms(plan, rows, months)
    return Evidence(wave, survey, events, comparable, fieldwork, arms)


def place(plan: Plan, frame: pd.DataFrame) -> pd.Series:
    """Return the place that exposure is about: the ward group inside the city, the district elsewhere; NA unknown."""
    e = plan.exposure
    if e is None or e.area_column not in frame:
        return pd.Series(pd.NA, index=frame.index, dtype=object)
    units = frame[e.area_column].astype(object)
    if e.ward_column and e.city_level and e.ward_column in frame:
        city = (frame[e.area_column] == e.city_level).fillna(False)
        units = units.mask(city, frame[e.ward_column].astype(object))
    return units.where(units.notna(), pd.NA)


def exposed_places(plan: Plan, found: Evidence, waves: tuple[str, str]) -> tuple[set[str], Gate]:
    """Return the places with an event between two fieldworks, and whether the earlier one was over before the first.

    An event counts when it was held after the earlier fieldwork began and before the later one began: what people
    answer later cannot have been moved by an event that had not been held.
    """
    events, column = found.events, plan.treatment.register_date
    if events is None or plan.exposure is None or column not in events:
        return set(), Gate("d1.dates", "quality", False, None, "a register of events", "a register of events is held")
    dates = pd.to_datetime(events[column])
    (first, end), (last, _) = (found.fieldwork.get(w, (None, None)) for w in waves)
    inside = dates.notna()
    if last is not None:
        inside &= dates < pd.Timestamp(last)
    early = dates < pd.Timestamp(end) if end is not None else dates.isna()
    if first is not None:
        inside &= dates >= pd.Timestamp(first)
    names = set(place(plan, events[inside]).dropna())
    note = "the earlier survey was over before the first event"
    return names, Gate("d1.dates", "quality", end is not None and not early.any(), int(early.sum()), 0, note)


def attended(found: Evidence, frame: pd.DataFrame) -> pd.Series:
    """Return 1 attended, 0 did not, missing where not known or not asked."""
    out = pd.Series(np.nan, index=frame.index)
    for arm in found.arms.values():
        rows = arm.reindex(frame.index)
        out[rows.isin(["first", "both"])] = 1.0
        out[rows == "neither"] = 0.0
    return out


def in_city(plan: Plan, frame: pd.DataFrame) -> pd.Series | None:
    """Return whether people live in the city, whose places are ward groups side by side; None without ward groups."""
    e = plan.exposure
    if e is None or not e.ward_column or not e.city_level or e.area_column not in frame:
        return None
    return (frame[e.area_column] == e.city_level).fillna(False).astype(bool)


def first_reached(plan: Plan, found: Evidence, waves: Sequence[str]) -> dict[str, int]:
    """Return, for each place with an event, the position of the first wave that began after its first event.

    A place whose first event came before the first of the waves was over has position 0: it was never seen without.
    """
    events, column = found.events, plan.treatment.register_date
    if events is None or plan.exposure is None or column not in events:
        return {}
    dated = pd.DataFrame({"unit": place(plan, events), "date": pd.to_datetime(events[column])}).dropna()
    starts = [found.fieldwork.get(w, (None, None))[0] for w in waves]
    first_end = found.fieldwork.get(waves[0], (None, None))[1]
    out = {}
    for unit, date in dated.groupby("unit")["date"].min().items():
        if first_end is not None and date < pd.Timestamp(first_end):
            out[str(unit)] = 0
            continue
        later = [i for i, start in enumerate(starts) if start is not None and pd.Timestamp(start) > date]
        if later:
            out[str(unit)] = later[0]
    return out
