"""What was held: attendances, features of the described practice, who came, how often, where."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from evaluation.errors import DataError, require_columns

# Columns of the events register that the measures read; a study whose register is worded otherwise gives its own.
COLUMNS = {
    "id": "event_id",
    "date": "event_date",
    "area": "area",
    "public": "n_public",
    "officers": "n_officers",
    "planned": "planned_hours",
    "actual": "actual_hours",
    "forms": "n_forms",
    "optin": "n_contact_optin",
    "outreach": "outreach_contacts",
    "method": "n_public_method",
    "requests": "n_focusgroup_requests",
}


@dataclass(frozen=True, slots=True)
class Held:
    """Numbers of the events held.

    Attributes
    ----------
    attendances : int
        Sum of public attendance; attendances are not people.
    people_low, people_high : int
        How many different people can have come: at least the largest event, at most every attendance.
    mean, median, smallest, largest : float
        Of public attendance per event.
    public_per_officer : float
        All attendances over all officers present.
    heavy : tuple of str
        Events with more officers per member of the public than the plan's ratio.
    overran : int
        Events longer than planned, of `timed` with both lengths; `overrun_mean` in hours among all timed.
    """

    events: int
    attendances: int
    people_low: int
    people_high: int
    mean: float
    median: float
    smallest: int
    largest: int
    officers_mean: float
    officers_low: int
    officers_high: int
    public_per_officer: float
    heavy: tuple[str, ...]
    timed: int
    overran: int
    overrun_mean: float
    estimated: int

    def tidy(self) -> dict[str, Any]:
        """Return one flat row."""
        return {**asdict(self), "heavy": "; ".join(self.heavy)}

    def summary(self) -> str:
        """Return one sentence: attendances first, and why they are not people."""
        return (
            f"{self.events} events, {self.attendances} attendances, which are between {self.people_low} and "
            f"{self.people_high} different people."
        )


def held(events: pd.DataFrame, *, heavy_ratio: float = 0.25, columns: Mapping[str, str] = COLUMNS) -> Held:
    """Return the numbers of the events register, one row an event.

    Raises
    ------
    UnknownColumn, DataError
        A column is missing; the register is empty or holds no attendance.
    """
    c = {**COLUMNS, **columns}
    require_columns(events, [c[k] for k in ("id", "public", "officers")], role="events")
    counted = events[events[c["public"]].notna()]
    if counted.empty:
        raise DataError("no event has an attendance", todo="Fill in the attendance of at least one event.")
    public = counted[c["public"]].astype(float)
    officers = events[c["officers"]].dropna().astype(float)
    ratio = (counted[c["officers"]].astype("Float64") / counted[c["public"]].astype("Float64")).fillna(0)
    timed, over = _overrun(events, c)
    method = events[c["method"]] if c["method"] in events else pd.Series(dtype=object)
    both = counted[counted[c["officers"]].notna()]
    return Held(
        events=len(events),
        attendances=int(public.sum()),
        people_low=int(public.max()),
        people_high=int(public.sum()),
        mean=float(public.mean()),
        median=float(public.median()),
        smallest=int(public.min()),
        largest=int(public.max()),
        officers_mean=float(officers.mean()) if len(officers) else 0.0,
        officers_low=int(officers.min()) if len(officers) else 0,
        officers_high=int(officers.max()) if len(officers) else 0,
        public_per_officer=_ratio(both[c["public"]].astype(float).sum(), both[c["officers"]].astype(float).sum()),
        heavy=tuple(counted.loc[(ratio > heavy_ratio).to_numpy(dtype=bool), c["id"]].astype(str)),
        timed=timed,
        overran=int((over > 0).sum()),
        overrun_mean=float(over.mean()) if timed else 0.0,
        estimated=int((method == "estimate").fillna(False).sum()),
    )


def _overrun(events: pd.DataFrame, c: Mapping[str, str]) -> tuple[int, pd.Series]:
    if c["planned"] not in events or c["actual"] not in events:
        return 0, pd.Series(dtype=float)
    over = (events[c["actual"]] - events[c["planned"]]).dropna().astype(float)
    return len(over), over


def _ratio(top: float, bottom: float) -> float:
    return float(top / bottom) if bottom else 0.0


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of the practice as described: at how many events it was there, of how many where it is known."""

    id: str
    label: str
    present: int
    known: int

    @property
    def share(self) -> float:
        """Share of events with the feature, 0 to 1."""
        return self.present / self.known if self.known else 0.0

    def tidy(self) -> dict[str, Any]:
        """Return one flat row."""
        return {**asdict(self), "share": self.share}


def fidelity(
    events: pd.DataFrame,
    *,
    questions: Collection[str] = (),
    officers: tuple[int, int] = (5, 15),
    least_departments: int = 2,
    tolerance_hours: float = 0.5,
) -> list[Feature]:
    """Return, feature by feature, how many events were held as the practice is described.

    Parameters
    ----------
    events : DataFrame
        The events register (column names of the codebook); features whose column is absent are left out.
    questions : collection of str
        Key questions that an event is to cover; with none, that feature is left out.
    officers : (least, most)
        Number of officers that the description gives.
    """
    made: list[Feature] = []

    def add(id: str, label: str, column: str, test: Any) -> None:
        if column in events:
            values = events[column].dropna()
            made.append(Feature(id, label, sum(bool(test(v)) for v in values), len(values)))

    def parts(value: str) -> set[str]:
        return {p.strip() for p in str(value).split(";") if p.strip()}

    add("chief", "A chief officer was present", "chief_officer", lambda v: v == "yes")
    add("departments", "Several departments were present", "departments", lambda v: len(parts(v)) >= least_departments)
    add("external", "An outside organisation was present", "external_orgs", lambda v: v > 0)
    add("community", "A member of the community led the discussion", "community_facilitated", lambda v: v == "yes")
    if questions:
        add("questions", "Every key question was covered", "q_covered", lambda v: set(questions) <= parts(v))
    add("forms", "Feedback forms came back", "n_forms", lambda v: v > 0)
    add("officers", "The number of officers was as described", "n_officers", lambda v: officers[0] <= v <= officers[1])
    add("debrief", "A debrief was held afterwards", "debrief_held", lambda v: v == "yes")
    if {"planned_hours", "actual_hours"} <= set(events):
        over = (events["actual_hours"] - events["planned_hours"]).dropna()
        made.append(
            Feature(
                "time", "Ended within half an hour of the planned time", int((over <= tolerance_hours).sum()), len(over)
            )
        )
    return made


@dataclass(frozen=True, slots=True)
class Slips:
    """What the anonymous slips say: coverage of attendances, focus match, first and repeat attendance.

    `people_by_slips` is the number of slips that say "first event": with slips from every attendance it would be the
    number of different people.
    """

    slips: int
    attendances: int
    focus_known: int
    focus_match: int
    first: int
    repeat: int
    first_unknown: int

    def tidy(self) -> dict[str, Any]:
        """Return one flat row."""
        return asdict(self)


def slips(
    attendance: pd.DataFrame,
    events: pd.DataFrame,
    *,
    focus: Mapping[str, Collection[str]],
    public_roles: Collection[str] = ("attendee",),
) -> Slips:
    """Return what the slips say of who came, against whom each event was for.

    Parameters
    ----------
    focus : mapping
        For each community in focus, the ethnic groups that belong to it; an event whose focus is not in the mapping is
        left out of the match, as are slips without an ethnic group.
    """
    require_columns(attendance, ["event_id", "ethnic_group", "first_time"], role="attendance")
    rows = attendance[attendance["role"].isin(list(public_roles))] if "role" in attendance else attendance
    aim = events.set_index("event_id")["focus_community"].to_dict()
    wanted = rows["event_id"].map(lambda e: focus.get(aim.get(e, ""), ()))
    known = rows["ethnic_group"].notna() & wanted.map(len).gt(0)
    pairs = zip(rows.loc[known, "ethnic_group"], wanted[known], strict=True)
    first = rows["first_time"]
    return Slips(
        slips=len(rows),
        attendances=int(events["n_public"].astype("Float64").sum()),
        focus_known=int(known.sum()),
        focus_match=sum(g in w for g, w in pairs),
        first=int((first == "yes").fillna(False).sum()),
        repeat=int((first == "no").fillna(False).sum()),
        first_unknown=int((~first.isin(["yes", "no"])).sum()),
    )


def reach(events: pd.DataFrame, *, area: str = "area", public: str = "n_public") -> pd.DataFrame:
    """Return, by area, events held and attendances, largest first; areas without an event are not listed."""
    require_columns(events, [area, public], role="events")
    made = events.dropna(subset=[area]).groupby(area, observed=True)[public].agg(["size", "sum"])
    return made.set_axis(["events", "attendances"], axis=1).astype(int).sort_values("attendances", ascending=False)


def intervals_between(dates: pd.Series) -> pd.Series:
    """Return the days from each dated event to the next, in order of date."""
    return dates.dropna().sort_values().diff().dropna().dt.days.astype(int)
