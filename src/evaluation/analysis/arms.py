"""Samples: the general sample, the arms of attendance, and the people of the planned comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from evaluation.errors import EmptyCell
from evaluation.plan.study import Plan

NOT_STATED = "not_stated"
TREATED = "treated"
# the people each step leaves out, as the key of their cell: they are counted in the table of the arms too
LEFT_OUT = {
    "helps to run the events": {"arm": "aside"},
    "attendance claimed, no event that month": {"arm": "unmatched_claim"},
    "did not say, or does not know, whether they attended": {"arm": "not_known"},
    "attended the second programme only": {"arm": "second"},
    "not attended, but reached through the attendee lists": {"arm": "neither", "route": "Lists of attendees"},
}
ARM_ORDER = ("first", "second", "both", "neither", "unmatched_claim", "aside", "not_known")


def words(plan: Plan, arm: str) -> str:
    """Return an arm in the plan's words: its own for the arms, else those of both sides."""
    t, said = plan.treatment, plan.words
    sides = {"first": said.treated_short, "neither": said.untreated_short} if not t.second_column else {}
    return t.arms.get(arm) or sides.get(arm) or arm.replace("_", " ")


def is_boost(plan: Plan, design: pd.DataFrame) -> pd.Series:
    """Return who was reached through a source that was invited because it attended."""
    pop = plan.population
    if not pop.boost_column or pop.boost_column not in design:
        return pd.Series(False, index=design.index)
    return design[pop.boost_column].isin(pop.boost_sources).fillna(False).astype(bool)


def date_column(plan: Plan) -> str:
    """Return the column with the date of answering (the codebook's date of role collection); "" where there is none."""
    book = plan.codebook
    dated = (n for n in book.names() if book.role(n) == "collection" and book.variable(n).type in ("date", "datetime"))
    return next(dated, "")


def general(plan: Plan, design: pd.DataFrame) -> pd.DataFrame:
    """Return the general sample: everybody but the boost, whose population weight would be 0."""
    return design[~is_boost(plan, design)]


def arms(plan: Plan, design: pd.DataFrame, event_months: pd.Series | None = None) -> pd.Series:
    """Return each respondent's arm: first, second, both, neither, or why none of these.

    "aside" are people who help run the events; "unmatched_claim" say they attended but name no month in which an
    event was held; "not_known" did not say. A wave that did not ask has no arms: the column is all missing and
    stays "not_known", never "neither".
    """
    t = plan.treatment
    came, stayed = _answered(design, t.column, t.treated), _answered(design, t.column, t.untreated)
    came_to_second = _answered(design, t.second_column, t.treated)
    asked_second = bool(t.second_column) and t.second_column in design
    not_to_second = _answered(design, t.second_column, t.untreated) if asked_second else ~came_to_second
    arm = pd.Series("not_known", index=design.index, dtype=object)
    arm[stayed & not_to_second] = "neither"
    arm[came & ~came_to_second] = "first"
    arm[stayed & came_to_second] = "second"
    arm[came & came_to_second] = "both"
    arm[came & ~claim_matches(plan, design, event_months)] = "unmatched_claim"
    arm[_aside(plan, design)] = "aside"
    return arm


def event_months(plan: Plan, register: pd.DataFrame | None) -> pd.Series | None:
    """Return the dates of the events that claims are checked against; None where there is no register."""
    column = plan.treatment.register_date
    if register is None or not column or column not in register:
        return None
    return register[column].dropna()


def claim_matches(plan: Plan, design: pd.DataFrame, event_months: pd.Series | None) -> pd.Series:
    """Return whether a claimed first month is one in which an event was held (true where it cannot be checked)."""
    column = plan.treatment.first_month_column
    if event_months is None or not column or column not in design:
        return pd.Series(True, index=design.index)
    months = set(pd.to_datetime(event_months).dt.to_period("M"))
    stated = pd.to_datetime(design[column]).dt.to_period("M")
    return stated.isna() | stated.isin(months)


def _answered(design: pd.DataFrame, column: str, answers: tuple[str, ...]) -> pd.Series:
    """Return who gave one of these answers; nobody where the wave did not ask."""
    values = design[column] if column in design else pd.Series(None, index=design.index)
    return values.astype(object).isin(answers)


def _aside(plan: Plan, design: pd.DataFrame) -> pd.Series:
    flags = [f"{plan.treatment.aside_column}.{level}" for level in plan.treatment.aside_levels]
    return design[[c for c in flags if c in design]].fillna(False).astype(bool).any(axis=1)


@dataclass(frozen=True, slots=True)
class Compared:
    """The people of the planned comparison, before matching.

    Attributes
    ----------
    people : DataFrame
        Indexed by respondent: `treated` 0/1, covariates with missing as a level, session, `comparison_weight` to
        be filled, `boost`. No outcome.
    ledger : mapping
        Named step to number of people left out.
    covariates : tuple of str
        Columns of `people` that the propensity model receives.
    """

    people: pd.DataFrame
    ledger: Mapping[str, int]
    covariates: tuple[str, ...]


def compared(plan: Plan, design: pd.DataFrame, arm: pd.Series) -> Compared:
    """Return attendees and non-attendees with covariates complete by a stated policy.

    Left out, each as a named step: people who help run events, claims that match no event, people who did not say,
    people of the second programme only, and non-attendees of the boost (their weight would be 0).

    Raises
    ------
    EmptyCell
        Nobody is left on one side; the message says which, and whom to invite.
    """
    boost = is_boost(plan, design)
    treated = arm.isin(["first", "both"])
    control = arm == "neither"
    steps = {step: int(((arm == key["arm"]) & (boost | ("route" not in key))).sum()) for step, key in LEFT_OUT.items()}
    keep = treated | (control & ~boost)
    _refuse_one_sided(treated, control, boost)
    people, columns = fill_covariates(plan, design[keep], treated[keep])
    people.insert(0, TREATED, treated[keep].astype(int))
    people["boost"] = boost[keep]
    session = plan.population.session_column
    people["session"] = design.loc[keep, session].astype(str) if session in design else people.index.astype(str)
    for column in plan.treatment.route_columns:
        if column in design:
            people[column] = design.loc[keep, column].astype(object).fillna(NOT_STATED)
    return Compared(people, {k: v for k, v in steps.items() if v}, columns)


def _refuse_one_sided(treated: pd.Series, control: pd.Series, boost: pd.Series) -> None:
    """Raise `EmptyCell` where nobody attended or nobody did not, saying which of them it is."""
    others = control & ~boost
    if treated.any() and others.any():
        return
    if treated.any() and control.any():
        what = "everybody who answered and had not attended was reached through the lists of attendees"
        whom = "people who had not attended, and stand on no such list,"
    elif treated.any():
        what, whom = "nobody who answered is known not to have attended", "people who had not attended"
    elif others.any():
        what, whom = "nobody who answered is known to have attended", "people who had attended"
    else:
        what = "nobody who answered is known to have attended, nor known not to have"
        whom = "people who had attended, and people who had not,"
    raise EmptyCell(what, todo=f"Invite {whom} to answer.")


def fill_covariates(plan: Plan, design: pd.DataFrame, treated: pd.Series) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the plan's covariates with missing as a level, numbers centred on their mean where missing.

    Levels that fewer than five people of either arm share are joined to the commonest level: a level that only
    attendees have would predict attendance perfectly and compare with nobody.
    """
    frame = pd.DataFrame(index=design.index)
    for column in [c for c in plan.covariates if c in design and not design[c].isna().all()]:
        values = design[column]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            filled = values.astype(float).fillna(values.astype(float).mean())
        else:
            filled = _merge_rare(values.astype(object).fillna(NOT_STATED), treated)
        if filled.nunique() > 1:
            frame[column] = filled
    return frame, tuple(frame.columns)


def _merge_rare(values: pd.Series, treated: pd.Series, least: int = 5) -> pd.Series:
    counts = pd.crosstab(values, treated.to_numpy()).reindex(columns=[False, True], fill_value=0)
    rare = counts.index[(counts < least).any(axis=1)]
    commonest = values.value_counts().index[0]
    return values.where(~values.isin(rare), commonest)


def merged_levels(plan: Plan, design: pd.DataFrame, people: pd.DataFrame) -> dict[str, list[str]]:
    """Return, for each covariate, the levels that were joined to the commonest one."""
    out: dict[str, list[str]] = {}
    for column in plan.covariates:
        if column in people and people[column].dtype == object:
            before = set(design.loc[people.index, column].astype(object).fillna(NOT_STATED))
            gone = sorted(before - set(people[column]))
            if gone:
                out[column] = gone
    return out


def size_counts(people: pd.DataFrame) -> tuple[dict[str, int], dict[str, int]]:
    """Return people and collection sessions in each arm of a compared frame."""
    sessions, names = people.groupby(TREATED)["session"], {"treated": 1, "untreated": 0}
    counts = (sessions.size(), sessions.nunique())
    n, many = ({name: int(count.get(k, 0)) for name, k in names.items()} for count in counts)
    return n, many
