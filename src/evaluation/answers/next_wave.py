"""Notebook 11 and `evaluation plan`: what could have been seen, what the next wave needs, and the fieldwork sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from evaluation.answers.verdicts import is_headline
from evaluation.answers.words import exhibit, measure, words
from evaluation.estimates import Estimate
from evaluation.exhibits import Exhibit
from evaluation.statistics import power
from evaluation.study import Plan

CORRELATION = 0.05  # planning value of the likeness of answers within a session, until outcomes have shown another
SHARE_SD = 50.0  # standard deviation of a share near one half, in percentage points
SIZES = (100, 200, 400, 800, 1600)
ATTENDEE_SESSIONS = 10


def detectable(plan: Plan, wave: str, rows: Sequence[Any]) -> Exhibit:
    """Return, for each contrast of the primary outcome, what it could have seen, and how it would mislead."""
    triples: list[tuple[str, str, Any]] = []
    for row in rows:
        if not (isinstance(row, Estimate) and is_headline(row, plan) and row.se):
            continue
        name, base, df = row.question or row.id, min(row.n.values(), default=0), row.df or float("inf")
        seen = power.minimum_detectable(row.se, df=df, power=plan.power.power, size=plan.power.size)
        cells: list[tuple[str, str, float, str]] = [("Smallest difference it could have seen", "mde", seen, row.unit)]
        if row.margin:
            at = power.retrodesign(row.margin, row.se, df=df)
            cells += [
                ("Smallest worthwhile difference", "margin", row.margin, row.unit),
                ("Chance of finding the worthwhile difference", "power", 100 * at.power, "per cent"),
                ("Chance that such a finding has the wrong sign", "wrong", 100 * at.wrong_sign, "per cent"),
                ("Times too large such a finding would be", "exaggeration", at.exaggeration, "times"),
                ("Chance of ruling out the worthwhile difference if there is none", "equivalence",
                 100 * power.chance_of_equivalence(row.margin, row.se, df=df), "per cent"),
            ]  # fmt: skip
        for column, id, value, unit in cells:
            places = 0 if unit == "per cent" else 2
            triples.append(
                (name, column, measure(f"{id}.{row.id}", value, unit, base=base, wave=wave, decimals=places))
            )
    if not triples:
        triples = [("None", "", words(f"mde.none.all.{wave}", "no contrast had an error to judge by"))]
    return exhibit("power.detectable", "What each comparison could have seen", triples,
                   sections=("policy-14", "annex-J"), wave=wave, row_header="Comparison")  # fmt: skip


def per_session(plan: Plan, people: pd.DataFrame, wave: str) -> float:
    """Return people per collection session in a wave (1 where sessions are not recorded)."""
    session = plan.population.session_column
    now = people[people["wave"] == wave]
    if not session or session not in now or not len(now):
        return 1.0
    return max(1.0, len(now) / max(int(now[session].nunique()), 1))


def _needs(plan: Plan, people: pd.DataFrame, wave: str) -> dict[str, float]:
    size, target = per_session(plan, people, wave), plan.power.target_points
    effect = power.design_effect(per_session=size, correlation=CORRELATION, weighting=1.3)
    words_ = {"power": plan.power.power, "size": plan.power.size}
    n, _ = power.people_needed(target, SHARE_SD, effect=effect, **words_)
    few, many = power.people_needed(target, SHARE_SD, effect=effect, ratio=2.0, **words_)
    sessions = power.sessions_needed(
        target, SHARE_SD, per_session=size, correlation=CORRELATION, weighting=1.3, **words_
    )
    return {"group": n, "attendees": few, "others": many, "sessions": sessions, "per_session": size, "effect": effect}


def sizes(plan: Plan, wave: str, people: pd.DataFrame) -> Exhibit:
    """Return the people and sessions that the next wave needs to see the target difference."""
    need, w = _needs(plan, people, wave), plan.words
    target = f"{plan.power.target_points:.0f} percentage points"
    rows = (
        ("group", f"To see a change of {target}: {w.focus_group}, in each wave", need["group"], "people"),
        ("attendees", f"To see a difference of {target}: {w.treated}", need["attendees"], "people"),
        ("others", f"To see a difference of {target}: {w.untreated}", need["others"], "people"),
        ("sessions", "Collection sessions in each compared group, at today's size of a session", need["sessions"],
         "sessions"),
    )  # fmt: skip
    triples = [(row, "Needed", measure(f"next.{id}.all.{wave}", _up(value, 10 if unit == "people" else 1), unit,
                                       wave=wave, decimals=0)) for id, row, value, unit in rows]  # fmt: skip
    notes = (
        f"Power {plan.power.power:.0%} in a two-sided test at {plan.power.size:.0%}; shares near one half.",
        f"Answers within a session are taken to be alike by {CORRELATION}, weighting to cost 30 per cent.",
        f"At least {ATTENDEE_SESSIONS} sessions should hold attendees, and none should be held at an event.",
    )
    return exhibit("next.sizes", "How many people the next wave needs", triples, sections=("policy-14", "annex-J"),
                   wave=wave, row_header="For", notes=notes)  # fmt: skip


def _up(value: float, step: int) -> float:
    return float(-(-value // step) * step)


def precision(plan: Plan, wave: str, people: pd.DataFrame) -> Exhibit:
    """Return half the width of the interval of a share by number of answers, few or many to a session."""
    triples: list[tuple[str, str, Any]] = []
    for n in SIZES:
        for size, column in ((5, "Five to a session"), (20, "Twenty to a session")):
            effect = power.design_effect(per_session=size, correlation=CORRELATION, weighting=1.3)
            half = power.half_width(SHARE_SD, n, effect=effect, df=max(n / size - 1, 1))
            triples.append((f"{n} answers", column, measure(
                f"precision.{size}.all.{wave}.{n}", half, "percentage points", wave=wave, decimals=1)))  # fmt: skip
    return exhibit("power.precision", "How precise a share would be", triples, sections=("annex-J",), wave=wave,
                   chart="lines", row_header="Answers", notes=("Plus or minus, in percentage points.",),
                   extras={"axis": "Plus or minus (percentage points)"})  # fmt: skip


def missing_questions(plan: Plan, wave: str, comparable: pd.DataFrame) -> Exhibit:
    """Return what each question that was not asked, or not asked before, closes."""
    costs = {
        plan.treatment.column: "the comparison of attendees, and any change among them",
        plan.treatment.link_column: "the same people before and after (D5)",
        plan.treatment.retrospective_column: "then and now, as remembered (D4)",
        plan.outcomes.primary: "the primary change",
        **dict.fromkeys(plan.outcomes.negative_controls, "a check on who attends"),
    }
    triples: list[tuple[str, str, Any]] = []
    for item, cost in costs.items():
        if not item or item not in comparable.index:
            continue
        absent = [w for w in comparable.columns if w in plan.waves and str(comparable.loc[item, w]) == "not asked"]
        if absent:
            said = f"{cost}; not asked in {', '.join(absent)}"
            triples.append((plan.label_of(item), "What it closes", words(f"missing.{item}.all.{wave}", said)))
    if not triples:
        triples = [
            ("Nothing is missing", "What it closes", words(f"missing.none.all.{wave}", "every question was asked"))
        ]
    return exhibit("next.questions", "What each missing question costs", triples, sections=("annex-J",), wave=wave,
                   row_header="Question")  # fmt: skip


def answer(plan: Plan, wave: str, rows: Sequence[Any], people: pd.DataFrame) -> Exhibit:
    """Return the answer of notebook 11."""
    need, w = _needs(plan, people, wave), plan.words
    triples: list[tuple[str, str, Any]] = [
        (f"{w.treated} who answer", "At least", measure(f"answer.11.attendees.{wave}", _up(need["attendees"], 10),
                                                         "people", wave=wave, decimals=0)),
        (f"{w.untreated} who answer", "At least", measure(f"answer.11.others.{wave}", _up(need["others"], 10), "people",
                                                           wave=wave, decimals=0)),
        ("Sessions in each group", "At least", measure(f"answer.11.sessions.{wave}", need["sessions"], "sessions",
                                                        wave=wave, decimals=0)),
    ]  # fmt: skip
    return exhibit("answer.11", "What would the next wave need?", triples, sections=(), wave=wave)


def sheet(plan: Plan, wave: str) -> str:
    """Return the fieldwork sheet of the next wave as plain text: sizes, questions with routing, a card, a checklist."""
    from evaluation.intake import waves

    people = waves.read_design(plan, wave)
    need, w = _needs(plan, people, wave), plan.words
    asked = [plan.outcomes.primary, *plan.outcomes.secondary, *plan.outcomes.negative_controls]
    items = [i for o in asked for i in (plan.scales[o].items if o in plan.scales else (o,))]
    lines = [
        f"Fieldwork sheet for the wave after {wave}", "=" * 40, "", "How many, of whom",
        f"  {_up(need['group'], 10):.0f} {w.focus_group}, and as many of {w.comparison_group}, to see a change of "
        f"{plan.power.target_points:.0f} percentage points",
        f"  {_up(need['attendees'], 10):.0f} {w.treated}; {_up(need['others'], 10):.0f} {w.untreated}",
        f"  {need['sessions']:.0f} sessions in each compared group (today {need['per_session']:.0f} people a session); "
        f"attendees from at least {ATTENDEE_SESSIONS} sessions, none held at an event",
        "", "By which route",
        "  general sample first; attendee lists as a boost, marked in the data; half without an officer in the room",
        "", "Questions to ask of everybody (words from the codebook)",
        *(f"  - {plan.label_of(i)}" for i in items), "",
        "Questions on attendance",
        *(f"  - {line}" for line in _attendance_questions(plan)), "",
        "Card for interviewers",
        "  Read every question as it is written. Do not prompt. \"Don't know\" and \"prefer not to say\" are answers.",
        "  Write the session number on every form. Do not stay beside a person who fills in the form alone.", "",
        "Before fieldwork",
        f"  [ ] the plan is frozen: evaluation plan --freeze --wave {wave}",
        "  [ ] wording agrees with the codebook; changes are flagged in wave.toml",
        "  [ ] the events register is complete to the month before fieldwork",
        "  [ ] consent, linking and withdrawal are explained on the form",
        "  [ ] the number of people approached is written down at every session",
    ]  # fmt: skip
    return "\n".join(lines)


def _attendance_questions(plan: Plan) -> list[str]:
    t = plan.treatment
    routed = [c for c in (t.first_month_column, t.dose_column) if c]
    found = [plan.label_of(t.column)]
    found += [f"{plan.label_of(c)} (only if attended)" for c in routed]
    found += [plan.label_of(c) for c in (t.second_column, t.retrospective_column, t.link_column) if c]
    return found
