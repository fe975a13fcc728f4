"""Ids, labels and exhibits made from the plan: the one place where a result gets its name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from evaluation.estimates import Estimate, Gate, Label, NotIdentified, Result, TooFew, label
from evaluation.exhibits import Exhibit, Item, Measure, Words
from evaluation.study import Plan

SHARE = "percentage points"


def result_id(contrast: str, outcome: str, group: str, wave: str, method: str = "") -> str:
    """Return `<contrast>.<outcome>.<group>.<wave>[.<method>]` in lower case."""
    parts = (contrast, outcome, group, wave, method) if method else (contrast, outcome, group, wave)
    return as_id(".".join(parts))


def as_id(text: str) -> str:
    """Return words as an id: lower case, without spaces."""
    return text.replace(" ", "-").lower()


def name(
    result: Result, contrast: str, *, outcome: str, group: str, wave: str, method: str = "", **words: Any
) -> Result:
    """Return the result with its id and the words of its label."""
    gates: Iterable[Gate] = words.pop("gates", ())
    made = Label(id=result_id(contrast, outcome, group, wave, method), outcome=outcome, group=group, wave=wave, **words)
    return label(result, made, gates=gates)


def size_gate(plan: Plan, n: dict[str, int], sessions: dict[str, int], id: str = "size") -> Gate:
    """Return the size gate of a contrast: people and sessions in the smallest compared group."""
    least, least_sessions = plan.sizes.least_people, plan.sizes.least_sessions
    passed = min(n.values(), default=0) >= least
    if plan.population.session_column and sessions:
        passed = passed and min(sessions.values()) >= least_sessions
    return Gate(id, "size", passed, bar=f"{least} people and {least_sessions} sessions in each group")


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
    return replace(result, gates=(*result.gates, gate), indicative=is_indicative(plan, n, known))


def points(plan: Plan, outcome: str) -> str:
    """Return the unit of an outcome's mean, "points on the 1 to 5 scale", from the levels of its question."""
    items = plan.scales[outcome].items if outcome in plan.scales else (outcome,)
    codes = [float(code) for item in items for code in plan.levels_of(item)]
    return f"points on the {min(codes):g} to {max(codes):g} scale" if codes else "points"


def short(plan: Plan, outcome: str) -> str:
    """Return an outcome in a few words for a sentence."""
    return plan.outcomes.short.get(outcome) or plan.label_of(outcome)


def exhibit(
    id: str, title: str, results: Sequence[tuple[str, str, Any]], *, sections: Sequence[str], wave: str, **more: Any
) -> Exhibit:
    """Return an exhibit from (row, column, result) triples."""
    items = tuple(Item(row, column, result) for row, column, result in results)
    return Exhibit(id=id, title=title, items=items, sections=tuple(sections), wave=wave, **more)


def measure(id: str, value: float, unit: str, *, base: int | None = None, wave: str = "", **more: Any) -> Measure:
    """Return a measure with an id in lower case."""
    return Measure(id=as_id(id), value=float(value), unit=unit, base=base, wave=wave, **more)


def words(id: str, text: str) -> Words:
    """Return a cell of words with an id in lower case."""
    return Words(id=as_id(id), text=text)


def gate_rows(gates: Sequence[Gate], wave: str) -> list[tuple[str, str, Words]]:
    """Return (gate, column, words) rows: what each gate asked and whether it passed."""
    rows = []
    for gate in gates:
        state = "passed" if gate.passed else "failed"
        rows.append((gate.id, "Result", words(f"gate.{gate.id}.{wave}", state)))
        rows.append((gate.id, "Kind", words(f"gate.{gate.id}.{wave}.kind", gate.kind)))
        if gate.note:
            rows.append((gate.id, "What it asks", words(f"gate.{gate.id}.{wave}.note", gate.note)))
    return rows


def refused(plan: Plan, reason: str, what_would_help: str, **more: Any) -> NotIdentified:
    """Return a refusal with a reason and what would help."""
    return NotIdentified(reason=reason, what_would_help=what_would_help, **more)


def too_few(plan: Plan, counts: dict[str, int], **more: Any) -> TooFew:
    """Return "too few" with the counts and the bar of the plan."""
    return TooFew(counts=counts, needed=plan.sizes.least_people, **more)


def refusal_exhibit(
    id: str, title: str, refusal: NotIdentified | TooFew | None, wave: str, sections: Sequence[str], stem: str
) -> Exhibit:
    """Return an exhibit of one cell that says why there is nothing to show."""
    reason = refusal or NotIdentified("the comparison could not be prepared", "See the gates.", wave=wave)
    cell = replace(reason, id=f"{stem}.{wave}".lower(), wave=wave)
    return exhibit(id, title, [("Not shown", "", cell)], sections=sections, wave=wave)
