"""What was held: attendances, features of the described practice, who came, how often, where."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
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
class EventSummary:
    """Numbers of the events held.

    Attributes
    ----------
    events : int
        Events in the register.
    attendances : int
        Sum of public attendance; attendances are not people.
    people_low, people_high : int
        How many different people can have come: at least the largest event, at most every attendance.
    mean, median, smallest, largest : float
        Of public attendance per event.
    officers_mean, officers_low, officers_high : float
        Mean, least and most officers per event.
    public_per_officer : float
        All attendances over all officers present.
    heavy : tuple of str
        Events with more officers per member of the public than the plan's ratio.
    timed, overran : int
        Events with both a planned and an actual length; those of them that were longer than planned.
    overrun_mean : float
        Mean of actual less planned length among all timed events, in hours.
    estimated : int
        Events whose attendance was estimated, not counted.
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

    def tidy(self) -> dict[str, object]:
        """Return one flat row.

        Returns
        -------
        dict
            Field name to value.
        """
        return {**asdict(self), "heavy": "; ".join(self.heavy)}

    def summary(self) -> str:
        """Return attendances in one sentence, with how many different people they can be.

        Returns
        -------
        str
            The sentence.
        """
        return (
            f"{self.events} events, {self.attendances} attendances, which are between {self.people_low} and "
            f"{self.people_high} different people."
        )


def event_summary(
    events: pd.DataFrame, *, heavy_ratio: float = 0.25, columns: Mapping[str, str] = COLUMNS
) -> EventSummary:
    """Return the numbers of the events register.

    Parameters
    ----------
    events : DataFrame
        The register, one row an event.
    heavy_ratio : float
        Officers per member of the public above which an event is listed as `heavy`.
    columns : mapping
        What the measures read (keys of `COLUMNS`) to the register's own column names.

    Returns
    -------
    EventSummary
        Counts, means and ranges over the events.

    Raises
    ------
    UnknownColumn
        A column is missing.
    DataError
        The register is empty or holds no attendance.
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
    return EventSummary(
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
    """One feature of the practice as described.

    Attributes
    ----------
    id, label : str
        The feature, and its words.
    present, known : int
        Events that had it, of the events where that is known.
    """

    id: str
    label: str
    present: int
    known: int

    @property
    def share(self) -> float:
        """Share of events with the feature.

        Returns
        -------
        float
            0 to 1; 0 where it is known of no event.
        """
        return self.present / self.known if self.known else 0.0

    def tidy(self) -> dict[str, object]:
        """Return one flat row.

        Returns
        -------
        dict
            Field name to value.
        """
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
    officers : tuple of int
        Least and most officers that the description gives.
    least_departments : int
        Departments from which on "several" were present.
    tolerance_hours : float
        Hours past the planned length within which an event still ended on time.

    Returns
    -------
    list of Feature
        In the order of the description; no score is made of them.
    """
    tests: list[tuple[str, str, str, Callable[[Any], bool]]] = [
        ("chief", "A chief officer was present", "chief_officer", lambda v: v == "yes"),
        (
            "departments",
            "Several departments were present",
            "departments",
            lambda v: len(_entries(v)) >= least_departments,
        ),
        ("external", "An outside organisation was present", "external_orgs", lambda v: v > 0),
        ("community", "A member of the community led the discussion", "community_facilitated", lambda v: v == "yes"),
        ("questions", "Every key question was covered", "q_covered", lambda v: set(questions) <= _entries(v)),
        ("forms", "Feedback forms came back", "n_forms", lambda v: v > 0),
        (
            "officers",
            "The number of officers was as described",
            "n_officers",
            lambda v: officers[0] <= v <= officers[1],
        ),
        ("debrief", "A debrief was held afterwards", "debrief_held", lambda v: v == "yes"),
    ]
    made: list[Feature] = []
    for id, label, column, test in tests:
        if column in events and (questions or id != "questions"):
            values = events[column].dropna()
            made.append(Feature(id, label, sum(bool(test(v)) for v in values), len(values)))
    if {"planned_hours", "actual_hours"} <= set(events):
        over = (events["actual_hours"] - events["planned_hours"]).dropna()
        made.append(
            Feature(
                "time", "Ended within half an hour of the planned time", int((over <= tolerance_hours).sum()), len(over)
            )
        )
    return made


def _entries(value: object) -> set[str]:
    """Return the entries of a cell that holds several, split by ";"."""
    return {p.strip() for p in str(value).split(";") if p.strip()}


@dataclass(frozen=True, slots=True)
class Slips:
    """What the anonymous attendance slips say.

    Attributes
    ----------
    slips, attendances : int
        Slips of members of the public, and the attendances that they cover in part.
    focus_known, focus_match : int
        Slips with an ethnic group at events for a known community; those whose group belongs to it.
    first, repeat, first_unknown : int
        Slips that say it was the person's first event, a further one, or nothing. With a slip from every attendance
        `first` would be the number of different people.
    """

    slips: int
    attendances: int
    focus_known: int
    focus_match: int
    first: int
    repeat: int
    first_unknown: int

    def tidy(self) -> dict[str, object]:
        """Return one flat row.

        Returns
        -------
        dict
            Field name to value.
        """
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
    attendance : DataFrame
        One row a slip: event_id, ethnic_group, first_time; role where it is recorded.
    events : DataFrame
        The events register: event_id, focus_community, n_public.
    focus : mapping
        For each community in focus, the ethnic groups that belong to it; an event whose focus is not in the mapping is
        left out of the match, as are slips without an ethnic group.
    public_roles : collection of str
        Roles that count as the public; speakers, organisers and police are left out.

    Returns
    -------
    Slips
        Counts of slips.

    Raises
    ------
    UnknownColumn
        A column is missing.
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
    """Return, by area, events held and attendances.

    Parameters
    ----------
    events : DataFrame
        The events register, one row an event.
    area, public : str
        Columns with the area and the public attendance.

    Returns
    -------
    DataFrame
        By area: events, attendances; most attendances first, areas without an event are not listed.

    Raises
    ------
    UnknownColumn
        A column is missing.
    """
    require_columns(events, [area, public], role="events")
    made = events.dropna(subset=[area]).groupby(area, observed=True)[public].agg(["size", "sum"])
    return made.set_axis(["events", "attendances"], axis=1).astype(int).sort_values("attendances", ascending=False)


def intervals_between(dates: pd.Series) -> pd.Series:
    """Return the days from each dated event to the next, in order of date.

    Parameters
    ----------
    dates : Series of datetime
        Date of each event; blanks are dropped.

    Returns
    -------
    Series of int
        Days, one fewer than there are dated events.
    """
    days: pd.Series = dates.dropna().sort_values().diff().dropna().dt.days.astype(int)
    return days
