"""Inputs of the difference-in-differences designs: waves with outcomes, events, wording, fieldwork dates, exposure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.analysis import arms as analysis_arms
from evaluation.analysis.levels import Survey
from evaluation.plan.study import Design, Plan
from evaluation.results import Gate

Dates = Mapping[str, tuple[dt.date | None, dt.date | None]]


@dataclass(frozen=True, slots=True)
class DesignInputs:
    """Everything the designs may look at.

    Attributes
    ----------
    wave : str
        The report's wave.
    survey : Survey
        People, outcomes and weights of every wave.
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

    def general(self, waves: Sequence[str], outcome: str) -> pd.DataFrame:
        """Return the general samples of two waves with an outcome, `after` 0/1, weights of mean 1 in each wave."""
        parts = []
        for position, name in enumerate(waves):
            frame = self.survey.general(name).dropna(subset=[outcome])
            weight = frame["population_weight"]
            parts.append(frame.assign(after=float(position), population_weight=weight / weight.mean()))
        return pd.concat(parts)

    def waves_asking(self, plan: Plan, outcome: str) -> list[str]:
        """Return the waves up to the report's that asked an outcome, in order."""
        return [x for x in (*plan.earlier_waves(self.wave), self.wave) if self.survey.asked(outcome, x)]


def design_inputs(
    plan: Plan, wave: str, survey: Survey, events: pd.DataFrame | None, comparable: pd.DataFrame, fieldwork: Dates
) -> DesignInputs:
    """Return the inputs of a report's wave, with the arms of every wave that asked about attendance."""
    months, treatment = None, plan.treatment
    if events is not None and treatment.register_date in events:
        months = events[treatment.register_date].dropna()
    arms = {
        str(name): analysis_arms.arms(plan, rows, months)
        for name, rows in survey.people.groupby("wave", sort=True)
        if treatment.column in rows and rows[treatment.column].notna().any()
    }
    for name in plan.waves_before_treatment:
        rows = survey.people[survey.people["wave"] == name]
        if name not in arms and len(rows):
            arms[name] = pd.Series("neither", index=rows.index, dtype=object)
    return DesignInputs(wave, survey, events, comparable, fieldwork, arms)


def ends(design: Design) -> tuple[str, str]:
    """Return a design's first and last wave."""
    return design.waves[0], design.waves[-1]


def runnable(plan: Plan, inputs: DesignInputs, name: str) -> Design | None:
    """Return a design of the plan that the waves in hand can carry, else None."""
    design = plan.designs.get(name)
    known = design and set(design.waves) <= {*plan.earlier_waves(inputs.wave), inputs.wave}
    if not known or any(not inputs.survey.asked(design.outcome, x) for x in design.waves):
        return None
    return design


def session_in(plan: Plan, frame: pd.DataFrame) -> str | None:
    """Return the column of collection sessions; None where the plan names none or the frame has none."""
    session = plan.population.session_column
    return session if session and session in frame else None


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


def in_city(plan: Plan, frame: pd.DataFrame) -> pd.Series | None:
    """Return whether people live in the city, whose places are ward groups side by side; None without ward groups."""
    e = plan.exposure
    if e is None or not e.ward_column or not e.city_level or e.area_column not in frame:
        return None
    return (frame[e.area_column] == e.city_level).fillna(False).astype(bool)


def _event_dates(plan: Plan, inputs: DesignInputs) -> pd.DataFrame | None:
    """Return the place (`unit`) and the `date` of each event; None without a register that says where and when."""
    events, column = inputs.events, plan.treatment.register_date
    if events is None or plan.exposure is None or column not in events:
        return None
    return pd.DataFrame({"unit": place(plan, events), "date": pd.to_datetime(events[column])})


def exposed_places(plan: Plan, inputs: DesignInputs, waves: tuple[str, str]) -> tuple[set[str], Gate]:
    """Return the places with an event between two fieldworks, and whether the earlier one was over before the first.

    An event counts when it was held after the earlier fieldwork began and before the later one began: what people
    answer later cannot have been moved by an event that had not been held.
    """
    said = plan.exposure
    if said is not None and said.reached is not None:
        first, last = (plan.waves.index(w) for w in waves)
        since = plan.waves.index(said.since or waves[1])
        gate = Gate(
            "d1.dates", "quality", first < since, None, None, "the earlier survey was over before places were reached"
        )
        return (set(said.reached) if since <= last else set()), gate
    events = _event_dates(plan, inputs)
    if events is None:
        return set(), Gate("d1.dates", "quality", False, None, "a register of events", "a register of events is held")
    dates = events["date"]
    (first, end), (last, _) = (inputs.fieldwork.get(w, (None, None)) for w in waves)
    inside = dates.notna()
    if last is not None:
        inside &= dates < pd.Timestamp(last)
    if first is not None:
        inside &= dates >= pd.Timestamp(first)
    early = dates < pd.Timestamp(end) if end is not None else dates.isna()
    note = "the earlier survey was over before the first event"
    gate = Gate("d1.dates", "quality", end is not None and not early.any(), int(early.sum()), 0, note)
    return set(events.loc[inside, "unit"].dropna()), gate


def first_reached(plan: Plan, inputs: DesignInputs, waves: Sequence[str]) -> dict[str, int]:
    """Return, for each place with an event, the position of the first wave that began after its first event.

    A place whose first event came before the first of the waves was over has position 0: it was never seen without.
    """
    said = plan.exposure
    if said is not None and said.reached is not None:
        later = [i for i, w in enumerate(waves) if plan.waves.index(w) >= plan.waves.index(said.since or w)]
        return dict.fromkeys(said.reached, later[0]) if later else {}
    events = _event_dates(plan, inputs)
    if events is None:
        return {}
    starts = [inputs.fieldwork.get(w, (None, None))[0] for w in waves]
    first_end = inputs.fieldwork.get(waves[0], (None, None))[1]
    out = {}
    for unit, date in events.dropna().groupby("unit")["date"].min().items():
        if first_end is not None and date < pd.Timestamp(first_end):
            out[str(unit)] = 0
            continue
        later = [i for i, start in enumerate(starts) if start is not None and pd.Timestamp(start) > date]
        if later:
            out[str(unit)] = later[0]
    return out


def attended(inputs: DesignInputs, frame: pd.DataFrame) -> pd.Series:
    """Return 1 attended, 0 did not, missing where not known or not asked."""
    out = pd.Series(np.nan, index=frame.index)
    for arm in inputs.arms.values():
        rows = arm.reindex(frame.index)
        out[rows.isin(["first", "both"])] = 1.0
        out[rows == "neither"] = 0.0
    return out
