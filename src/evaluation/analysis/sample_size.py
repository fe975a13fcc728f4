"""What could have been seen before and after fieldwork, and how many people and sessions the next wave needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.verdicts import is_headline
from evaluation.exhibit import Exhibit, measure, words
from evaluation.plan.study import Plan
from evaluation.results import Estimate
from evaluation.statistics import power
from evaluation.verdict import FRAGILE, HIGHER, LITTLE_OR_NO, LOWER, SMALL, TOO_UNCERTAIN

CORRELATION = 0.05  # planning value of the likeness of answers within a session, until outcomes have shown another
SHARE_SD = 50.0  # standard deviation of a share near one half, in percentage points
WEIGHTING = 1.3  # planning value of what weighting costs (Kish's factor)
RATIO, LINKED_RATIO = 2.0, 3.0  # people who did not attend per person who did
BETWEEN = 0.5  # planning value of how alike one person's answers in two waves are
SIZES = (100, 200, 400, 800, 1600)
ATTENDEE_SESSIONS = 10


def detectable(plan: Plan, wave: str, rows: Sequence[Any], people: pd.DataFrame) -> Exhibit:
    """Return, for each contrast of the primary outcome, what it could have seen, and how it would mislead.

    "Before fieldwork" is worked out from people and sessions by planning values; the others from the error that the
    answers showed, weights and sessions included.
    """
    effect = planning(plan, people, wave).effect
    triples: list[tuple[str, str, Any]] = []
    for row in rows:
        if not (isinstance(row, Estimate) and is_headline(row, plan) and row.se):
            continue
        name, base, df = row.question or row.id, min(row.n.values(), default=0), row.df or float("inf")
        seen = power.minimum_detectable(row.se, df=df, power=plan.power.power, size=plan.power.size)
        cells: list[tuple[str, str, float, str]] = []
        if row.margin and plan.outcomes.margin_sd and len(row.n) > 1:
            sd = row.margin / plan.outcomes.margin_sd
            expected = sd * math.sqrt(sum(effect / max(k, 1) for k in row.n.values()))
            before = power.minimum_detectable(expected, df=df, power=plan.power.power, size=plan.power.size)
            cells.append(("Smallest difference, as expected before fieldwork", "mdebefore", before, row.unit))
        cells.append(("Smallest difference it could have seen", "mde", seen, row.unit))
        if row.margin:
            at = power.retrodesign(row.margin, row.se, df=df)
            cells += [
                ("Smallest worthwhile difference", "margin", row.margin, row.unit),
                ("Chance of finding the worthwhile difference", "power", 100 * at.power, "per cent"),
                ("Chance that such a finding has the wrong sign", "wrong", 100 * at.wrong_sign, "per cent"),
                ("Times too large such a finding would be", "exaggeration", at.exaggeration, "times"),
                (
                    "Chance of ruling out the worthwhile difference if there is none",
                    "equivalence",
                    100 * power.chance_of_equivalence(row.margin, row.se, df=df),
                    "per cent",
                ),
            ]
            reach = words(f"reach.{row.id}", within_reach(row.margin, row.se, df))
            triples.append((name, "Verdicts within its reach", reach))
        for column, id, value, unit in cells:
            places = 0 if unit == "per cent" else 2
            triples.append(
                (name, column, measure(f"{id}.{row.id}", value, unit, base=base, wave=wave, decimals=places))
            )
    if not triples:
        triples = [("None", "", words(f"mde.none.all.{wave}", "no contrast had an error to judge by"))]
    return layout.table(plan, wave, "power.detectable").add(triples).exhibit()


def within_reach(margin: float, se: float, df: float) -> str:
    """Return which verdicts a contrast of this error can reach: the interval must fit where the rule wants it."""
    from scipy.special import ndtri, stdtrit

    half = (ndtri(0.975) if math.isinf(df) else stdtrit(df, 0.975)) * se
    found = [f"{HIGHER} or {LOWER}", FRAGILE, TOO_UNCERTAIN]
    found += [SMALL] if 2 * half < margin else []
    found += [LITTLE_OR_NO] if half < margin else []
    return ", ".join(found)


def per_session(plan: Plan, people: pd.DataFrame, wave: str) -> float:
    """Return people per collection session in a wave (1 where sessions are not recorded)."""
    session = plan.population.session_column
    now = people[people["wave"] == wave]
    if not session or session not in now or not len(now):
        return 1.0
    return max(1.0, len(now) / max(int(now[session].nunique()), 1))


@dataclass(frozen=True, slots=True)
class Planning:
    """What sizes are worked out from.

    `per_session` people, `correlation` of answers within a session, `weighting` (Kish's factor), `effect` (design
    effect of a level), `observed`: whether correlation and effect come from answers of this wave.
    """

    per_session: float
    correlation: float
    weighting: float
    effect: float
    observed: bool = False


def planning(plan: Plan, people: pd.DataFrame, wave: str, published: Sequence[Exhibit] = ()) -> Planning:
    """Return the planning values: from the errors of this wave's published levels where there are some."""
    size = per_session(plan, people, wave)
    effect = power.design_effect(per_session=size, correlation=CORRELATION, weighting=WEIGHTING)
    seen = observed_effect(plan, wave, published)
    if seen is None or size <= 1:
        return Planning(size, CORRELATION, WEIGHTING, effect)
    alike = min(max((seen / WEIGHTING - 1) / (size - 1), 0.0), 1.0)
    effect = power.design_effect(per_session=size, correlation=alike, weighting=WEIGHTING)
    return Planning(size, alike, WEIGHTING, effect, observed=True)


def observed_effect(plan: Plan, wave: str, published: Sequence[Exhibit]) -> float | None:
    """Return the design effect that the published level of everybody showed: its variance over that of a lot of n."""
    id = f"level.{plan.outcomes.primary}.all.{wave}".lower()
    found = [i.result for e in published for i in e.items if i.result.id == id and isinstance(i.result, Estimate)]
    if not found or not found[-1].se or not 0 < found[-1].value < 100:
        return None
    level = found[-1]
    return level.se**2 / (level.value * (100 - level.value) / sum(level.n.values()))


def needs(plan: Plan, people: pd.DataFrame, wave: str, published: Sequence[Exhibit] = ()) -> dict[str, float]:
    """Return how many people and sessions find the plan's target difference with its power."""
    by, target = planning(plan, people, wave, published), plan.power.target_points
    words_ = {"power": plan.power.power, "size": plan.power.size}
    n, _ = power.people_needed(target, SHARE_SD, effect=by.effect, **words_)
    few, many = power.people_needed(target, SHARE_SD, effect=by.effect, ratio=RATIO, **words_)
    sessions = power.sessions_needed(
        target, SHARE_SD, per_session=by.per_session, correlation=by.correlation, weighting=by.weighting, **words_
    )
    moved = SHARE_SD * math.sqrt(2 * (1 - BETWEEN))
    linked, never = power.people_needed(target, moved, ratio=LINKED_RATIO, **words_)
    return {
        "group": n,
        "attendees": few,
        "others": many,
        "sessions": sessions,
        "per_session": by.per_session,
        "effect": by.effect,
        "linked": linked,
        "never": never,
        "correlation": by.correlation,
        "observed": float(by.observed),
    }


def sizes(plan: Plan, wave: str, people: pd.DataFrame, published: Sequence[Exhibit] = ()) -> Exhibit:
    """Return the people and sessions that the next wave needs to see the target difference."""
    need, w = needs(plan, people, wave, published), plan.words
    target = f"{plan.power.target_points:.0f} percentage points"
    rows = (
        ("group", f"To see a change of {target}: {w.focus_group}, in each wave", need["group"], "people"),
        ("attendees", f"To see a difference of {target}: {w.treated}", need["attendees"], "people"),
        ("others", f"To see a difference of {target}: {w.untreated}", need["others"], "people"),
        (
            "linked",
            f"The same people before and after: {w.treated} for the first time in between, linked",
            need["linked"],
            "people",
        ),
        ("never", f"The same people before and after: {w.untreated}, linked", need["never"], "people"),
        (
            "sessions",
            "Collection sessions in each compared group, at today's size of a session",
            need["sessions"],
            "sessions",
        ),
    )
    triples = [
        (
            row,
            "Needed",
            measure(f"next.{id}.all.{wave}", up(value, 10 if unit == "people" else 1), unit, wave=wave, decimals=0),
        )
        for id, row, value, unit in rows
    ]
    (
        f"Power {plan.power.power:.0%} in a two-sided test at {plan.power.size:.0%}; shares near one half.",
        "How alike answers within a session are was " + ("seen in this wave." if need["observed"] else "assumed."),
        f"At least {ATTENDEE_SESSIONS} sessions should hold attendees, and none should be held at an event.",
    )
    return (
        layout.table(
            plan,
            wave,
            "next.sizes",
            power=f"{plan.power.power:.0%}",
            size=f"{plan.power.size:.0%}",
            note="How alike answers within a session are was "
            + ("seen in this wave." if need["observed"] else "assumed."),
            attendee_sessions=ATTENDEE_SESSIONS,
        )
        .add(triples)
        .exhibit()
    )


def up(value: float, step: int) -> float:
    """Return a number rounded up to a multiple of `step`."""
    return float(-(-value // step) * step)


def precision(plan: Plan, wave: str, people: pd.DataFrame) -> Exhibit:
    """Return half the width of the interval of a share by number of answers, few or many to a session."""
    triples: list[tuple[str, str, Any]] = []
    for n in SIZES:
        for size, column in ((5, "Five to a session"), (20, "Twenty to a session")):
            effect = power.design_effect(per_session=size, correlation=CORRELATION, weighting=WEIGHTING)
            half = power.half_width(SHARE_SD, n, effect=effect, df=max(n / size - 1, 1))
            triples.append(
                (
                    f"{n} answers",
                    column,
                    measure(f"precision.{size}.all.{wave}.{n}", half, "percentage points", wave=wave, decimals=1),
                )
            )
    return layout.table(plan, wave, "power.precision").add(triples).exhibit()


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
    return layout.table(plan, wave, "next.questions").add(triples).exhibit()


def answer(plan: Plan, wave: str, people: pd.DataFrame, published: Sequence[Exhibit] = ()) -> Exhibit:
    """Return the answer of notebook 11."""
    need, w = needs(plan, people, wave, published), plan.words
    triples: list[tuple[str, str, Any]] = [
        (
            f"{w.treated} who answer",
            "At least",
            measure(f"answer.11.attendees.{wave}", up(need["attendees"], 10), "people", wave=wave, decimals=0),
        ),
        (
            f"{w.untreated} who answer",
            "At least",
            measure(f"answer.11.others.{wave}", up(need["others"], 10), "people", wave=wave, decimals=0),
        ),
        (
            "Sessions in each group",
            "At least",
            measure(f"answer.11.sessions.{wave}", need["sessions"], "sessions", wave=wave, decimals=0),
        ),
    ]
    return layout.table(plan, wave, "answer.11").add(triples).exhibit()
