"""Notebook 11: detectable differences before and after fieldwork, and the sample sizes of the next wave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.verdicts import focus, is_headline
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, Result
from evaluation.statistics import power
from evaluation.table_builder import Row
from evaluation.verdict import FRAGILE, HIGHER, LITTLE_OR_NO, LOWER, SMALL, TOO_UNCERTAIN

CORRELATION = 0.05  # planning value of the likeness of answers within a session, until outcomes have shown another
SHARE_SD = 50.0  # standard deviation of a share near one half, in percentage points
WEIGHTING = 1.3  # planning value of what weighting costs (Kish's factor)
RATIO, LINKED_RATIO = 2.0, 3.0  # people who did not attend per person who did
BETWEEN = 0.5  # planning value of how alike one person's answers in two waves are
SIZES = (100, 200, 400, 800, 1600)
SESSIONS = (1, 10, 20)  # people who answer in one session, for a plan that knows of no wave yet
ATTENDEE_SESSIONS = 10


def detectable(plan: Plan, wave: str, rows: Sequence[Result], people: pd.DataFrame) -> Exhibit:
    """Return, for each contrast of the primary outcome, what it could have seen, and how it would mislead.

    "Before fieldwork" is worked out from people and sessions by planning values; the others from the error that the
    answers showed, weights and sessions included.
    """
    table, effect = layout.table(plan, wave, "power.detectable"), planning(plan, people, wave).effect
    for result in rows:
        if isinstance(result, Estimate) and is_headline(result, plan) and result.se:
            _power(plan, table.row(result.id, result.question or result.id), result, effect)
    return table.exhibit()


def _power(plan: Plan, row: Row, result: Estimate, effect: float) -> None:
    """Add what one contrast could have seen; `effect` is the design effect that was planned for."""
    margin, se, df = result.margin, result.se, result.df or float("inf")
    base, test = min(result.n.values(), default=0), {"df": df, "power": plan.power.power, "size": plan.power.size}
    sizes: dict[str, float | None] = {}
    if margin and plan.outcomes.margin_sd and len(result.n) > 1:
        sd = margin / plan.outcomes.margin_sd
        expected = sd * math.sqrt(sum(effect / max(k, 1) for k in result.n.values()))
        sizes["mdebefore"] = power.minimum_detectable(expected, **test)
    sizes |= {"mde": power.minimum_detectable(se, **test), "margin": margin or None}
    if margin:
        row.text("reach", within_reach(margin, se, df))
    row.numbers(sizes, unit=result.unit, base=base)
    if margin:
        at = power.retrodesign(margin, se, df=df)
        row.numbers({"power": 100 * at.power, "wrong": 100 * at.wrong_sign, "exaggeration": at.exaggeration}, base=base)
        row.number("equivalence", 100 * power.chance_of_equivalence(margin, se, df=df), base=base)


def within_reach(margin: float, se: float, df: float) -> str:
    """Return which verdicts a contrast of this error can reach: the interval must fit where the rule wants it."""
    from scipy.special import ndtri, stdtrit

    half = (ndtri(0.975) if math.isinf(df) else stdtrit(df, 0.975)) * se
    small = [SMALL] if 2 * half < margin else []
    return ", ".join(
        [f"{HIGHER} or {LOWER}", FRAGILE, TOO_UNCERTAIN, *small, *([LITTLE_OR_NO] if half < margin else [])]
    )


def per_session(plan: Plan, people: pd.DataFrame, wave: str) -> float:
    """Return people per collection session in a wave (1 where sessions are not recorded)."""
    session = plan.population.session_column
    now = people[people["wave"] == wave]
    if not session or session not in now or not len(now):
        return 1.0
    return max(1.0, len(now) / max(int(now[session].nunique()), 1))


def foreseen(plan: Plan) -> list[tuple[int, dict[int, float]]]:
    """Return, for people in each of two groups, the difference of shares in points that is found, by people a session.

    By planning values alone: no wave has to be in.
    """
    test = {"power": plan.power.power, "size": plan.power.size}
    sessions = SESSIONS if plan.population.session_column else SESSIONS[:1]

    def points(people: int, size: int) -> float:
        effect = power.design_effect(per_session=size, correlation=CORRELATION, weighting=WEIGHTING)
        return power.minimum_detectable(SHARE_SD * math.sqrt(2 * effect / people), **test)

    return [(n, {size: points(n, size) for size in sessions}) for n in SIZES]


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
    levels = [i.result for e in published for i in e.items if i.result.id == id and isinstance(i.result, Estimate)]
    level = levels[-1] if levels else None
    if level is None or not level.se or not 0 < level.value < 100:
        return None
    return level.se**2 / (level.value * (100 - level.value) / sum(level.n.values()))


def needs(plan: Plan, people: pd.DataFrame, wave: str, published: Sequence[Exhibit] = ()) -> dict[str, float]:
    """Return how many people and sessions find the plan's target difference with its power."""
    by, target = planning(plan, people, wave, published), plan.power.target_points
    test = {"power": plan.power.power, "size": plan.power.size}
    within = {"per_session": by.per_session, "correlation": by.correlation, "weighting": by.weighting}
    n, _ = power.people_needed(target, SHARE_SD, effect=by.effect, **test)
    few, many = power.people_needed(target, SHARE_SD, effect=by.effect, ratio=RATIO, **test)
    moved = SHARE_SD * math.sqrt(2 * (1 - BETWEEN))
    linked, never = power.people_needed(target, moved, ratio=LINKED_RATIO, **test)
    people = {"group": n, "attendees": few, "others": many, "linked": linked, "never": never}
    sessions = power.sessions_needed(target, SHARE_SD, **within, **test)
    return {**people, "sessions": sessions, **within, "effect": by.effect, "observed": float(by.observed)}


def sizes(plan: Plan, wave: str, people: pd.DataFrame, published: Sequence[Exhibit] = ()) -> Exhibit:
    """Return the people and sessions that the next wave needs to see the target difference."""
    need = needs(plan, people, wave, published)
    table = layout.table(
        plan,
        wave,
        "next.sizes",
        target=f"{plan.power.target_points:.0f} percentage points",
        power=f"{plan.power.power:.0%}",
        size=f"{plan.power.size:.0%}",
        basis="seen in this wave" if need["observed"] else "assumed",
        attendee_sessions=ATTENDEE_SESSIONS,
    )
    seen = within_sight(plan, wave, need["effect"], published)
    for key in table.declaration.rows:
        if key in need:
            table.row(key).number("needed", up(need[key], 1 if key == "sessions" else 10))
        elif key in seen:
            table.row(key).number("needed", up(seen[key], 1))
    return table.exhibit()


def within_sight(plan: Plan, wave: str, effect: float, published: Sequence[Exhibit]) -> dict[str, float]:
    """Return the change, in percentage points, that two surveys of this size and of twice it show.

    The size is that of the focus group with an answer on the primary outcome; nothing where it has no published level.
    """
    id = f"level.{plan.outcomes.primary}.{focus(plan)[0]}.{wave}".lower()
    levels = [i.result for e in published for i in e.items if i.result.id == id and isinstance(i.result, Estimate)]
    n = sum(levels[-1].n.values()) if levels else 0
    if not n:
        return {}
    test = {"power": plan.power.power, "size": plan.power.size}
    errors = {
        k: power.standard_error(SHARE_SD, m, m, effect1=effect, effect2=effect)
        for k, m in (("seen", n), ("twice", 2 * n))
    }
    return {key: power.minimum_detectable(se, **test) for key, se in errors.items()}


def up(value: float, step: int) -> float:
    """Return a number rounded up to a multiple of `step`."""
    return float(-(-value // step) * step)


def precision(plan: Plan, wave: str, people: pd.DataFrame) -> Exhibit:
    """Return half the width of the interval of a share by number of answers, few or many to a session."""
    table = layout.table(plan, wave, "power.precision")
    for n in SIZES:
        row = table.row(str(n), f"{n} answers")
        for size in (5, 20):
            effect = power.design_effect(per_session=size, correlation=CORRELATION, weighting=WEIGHTING)
            row.number(str(size), power.half_width(SHARE_SD, n, effect=effect, df=max(n / size - 1, 1)))
    return table.exhibit()


def missing_questions(plan: Plan, wave: str, wordings: pd.DataFrame) -> Exhibit:
    """Return what each question that was not asked, or not asked before, closes."""
    t, table = plan.treatment, layout.table(plan, wave, "next.questions")
    costs = {t.column: "treatment", t.link_column: "link", t.retrospective_column: "recall"}
    costs |= {plan.outcomes.primary: "primary", **dict.fromkeys(plan.outcomes.negative_controls, "control")}
    for item, cost in costs.items():
        if not item or item not in wordings.index:
            continue
        absent = [w for w in wordings.columns if w in plan.waves and str(wordings.loc[item, w]) == "not asked"]
        if absent:
            text = f"{table.sentence(cost)}; not asked in {', '.join(absent)}"
            table.row(item, plan.label_of(item)).text("all", text)
    return table.exhibit()


def answer(plan: Plan, wave: str, people: pd.DataFrame, published: Sequence[Exhibit] = ()) -> Exhibit:
    """Return the answer of notebook 11."""
    need, table = needs(plan, people, wave, published), layout.table(plan, wave, "answer.11")
    for key in table.declaration.rows:
        table.row(key).number("least", need[key] if key == "sessions" else up(need[key], 10))
    return table.exhibit()
