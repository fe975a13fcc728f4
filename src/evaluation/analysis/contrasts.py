"""Names, sizes and units of contrasts, read from the plan: where an estimate gets its id and its size gate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from evaluation.analysis import vocabulary
from evaluation.exhibit import result_id
from evaluation.plan.study import Plan
from evaluation.results import Estimate, Gate, Label, Result, label


def name(
    result: Result, contrast: str, *, outcome: str, group: str, wave: str, method: str = "", **fields: Any
) -> Result:
    """Return the result with its id and the words of its label."""
    gates: Iterable[Gate] = fields.pop("gates", ())
    id = result_id(contrast, outcome, group, wave, method)
    return label(result, Label(id=id, outcome=outcome, group=group, wave=wave, **fields), gates=gates)


def level(
    result: Result, contrast: str, outcome: str, group: str, wave: str, question: str = "", **fields: Any
) -> Result:
    """Return a level with its id and words: planned unless said otherwise, and described only."""
    filled = {"planned": True, "licence": "descriptive", "question": question, **fields}
    return name(result, contrast, outcome=outcome, group=group, wave=wave, **filled)


def size_gate(plan: Plan, n: dict[str, int], sessions: dict[str, int], id: str = "size") -> Gate:
    """Return the size gate of a contrast: people and sessions in the smallest compared group."""
    least, least_sessions = plan.sizes.least_people, plan.sizes.least_sessions
    passed = min(n.values(), default=0) >= least
    needed = f"{least} people"
    if plan.population.session_column and sessions:
        passed = passed and min(sessions.values()) >= least_sessions
        needed += vocabulary.own(plan, f" and {least_sessions} sessions")
    return Gate(id, "size", passed, bar=f"{needed} in each group")


def is_indicative(plan: Plan, n: dict[str, int], sessions: dict[str, int]) -> bool:
    """Return whether a result is to be prefixed "Indicative only"."""
    few = min(n.values(), default=0) < plan.sizes.indicative_people
    if plan.population.session_column and sessions:
        few = few or min(sessions.values()) < plan.sizes.indicative_sessions
    return few


def sized(result: Result, plan: Plan, sessions: dict[str, int] | None = None) -> Result:
    """Return an estimate with its size gate and its indicative mark; refusals pass through."""
    if not isinstance(result, Estimate):
        return result
    n, known = dict(result.n), sessions or {}
    gate = size_gate(plan, n, known)
    few = result.n_sessions is not None and bool(known) and result.n_sessions < plan.sizes.indicative_sessions
    return replace(result, gates=(*result.gates, gate), indicative=few or is_indicative(plan, n, known))


def points(plan: Plan, outcome: str) -> str:
    """Return the unit of an outcome's mean, "points on the 1 to 5 scale", from the levels of its question."""
    scale = " to ".join(f"{end:g}" for end in ends(plan, outcome))
    return f"points on the {scale} scale" if scale else "points"


def ends(plan: Plan, outcome: str) -> tuple[float, ...]:
    """Return the lowest and the highest answer of an outcome; nothing where its answers have no levels."""
    items = plan.scales[outcome].items if outcome in plan.scales else (outcome,)
    codes = [float(code) for item in items for code in plan.levels_of(item)]
    return (min(codes), max(codes)) if codes else ()


def short(plan: Plan, outcome: str) -> str:
    """Return an outcome in a few words for a sentence: the plan's, else the answer to its question as it was worded."""
    return plan.outcomes.short.get(outcome) or f"the answer to “{plan.label_of(outcome)}”"


def slug(text: str) -> str:
    """Return words as a part of an id: lower case, joined by hyphens."""
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def scale_gates(gates: Iterable[Gate], outcome: str, comparison: str) -> tuple[Gate, ...]:
    """Return the gate that says whether a scale measures alike in a comparison ("groups", "waves", "attend")."""
    return tuple(g for g in gates if g.id == f"scale.invariance.{outcome}.{comparison}")
