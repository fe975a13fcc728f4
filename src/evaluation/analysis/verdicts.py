"""Notebook 10: gates, verdicts by rule, estimands, and what may and may not be said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeGuard

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.contrasts import short
from evaluation.exhibit import Cell, Exhibit, result_id
from evaluation.plan.study import Plan
from evaluation.results import (
    Estimate,
    Gate,
    NotIdentified,
    Result,
    Results,
    TooFew,
    verdict,
    why_fragile,
    with_verdict,
)
from evaluation.statistics import multiplicity, power
from evaluation.table_builder import Table
from evaluation.verdict import NOT_ANSWERABLE, UNCERTAIN_TOGETHER, WITHOUT_NUMBER

FAMILIES = ("secondary", "exploratory", "control")
UNPLANNED = "exploratory"
DESIGNS = ("d1", "d2", "d3", "d4", "d5", "d6")
CONTRASTS = ("change", "gap", "attend")
COMPANIONS = {"change": ("changeshare",), "gap": ("gapshare",), "attend": ("attendshare",)}
METHOD = ".entropy-balancing"  # the planned companion of the planned comparison


def focus(plan: Plan) -> tuple[str, str]:
    """Return the codes of the group that the study is about and of the one it is compared with ("all", "")."""
    levels = next((d.group_levels for d in plan.designs.values() if len(d.group_levels) == 2), ("all", ""))
    return levels[0], levels[1]


def primary_id(plan: Plan, wave: str) -> str:
    """Return the id of the primary contrast: change of the focus group, or attendance where there is one wave."""
    contrast, group = ("change", focus(plan)[0]) if plan.earlier_waves(wave) else ("attend", "all")
    return result_id(contrast, plan.outcomes.primary, group, wave)


def gates_table(plan: Plan, wave: str, gates: Sequence[Gate]) -> Exhibit:
    """Return every gate of the run: what it asks, its kind, and whether it was passed."""
    table = layout.table(plan, wave, "gates.all")
    for gate in gates:
        row = table.row(gate.id).text("", "passed" if gate.passed else "failed").text("kind", gate.kind)
        if gate.note:
            row.text("note", gate.note)
        if gate.value is not None and gate.kind != "size":  # a size is a count of people: its rule is told by the bar
            row.text("value", _told(gate.value))
        if gate.bar is not None:
            row.text("bar", _told(gate.bar))
    return table.exhibit()


def _told(value: float | str) -> str:
    return f"{value:.3g}" if isinstance(value, int | float) else value


def final_results(plan: Plan, wave: str, published: Sequence[Exhibit], doubted: Sequence[Result]) -> Results:
    """Return every contrast of the run in its last form, with its verdict by the rule.

    A later publication of an id stands over an earlier one, and what notebook 07 found stands over both.
    """
    latest: dict[str, Cell] = {item.result.id: item.result for exhibit in published for item in exhibit.items}
    latest |= {r.id: r for r in doubted}
    ruled = [with_verdict(r) for r in corrected([signed(r, latest) for r in latest.values() if _is_contrast(r)])]
    return Results(replace(r, mde=_detectable(plan, r)) if isinstance(r, Estimate) else r for r in ruled)


def signed(row: Result, latest: Mapping[str, Cell]) -> Result:
    """Return a contrast of means with the gate of its companions: the share of positive answers, the other design.

    Where one of them points the other way the gate fails, and a direction becomes fragile.
    """
    if not isinstance(row, Estimate) or row.id.count(".") != 3:
        return row
    contrast, rest = row.id.split(".", 1)
    others = [latest.get(f"{c}.{rest}") for c in COMPANIONS.get(contrast, ())] + [latest.get(row.id + METHOD)]
    known = [o for o in others if isinstance(o, Estimate)]
    if not known:
        return row
    agree = all(o.value * row.value >= 0 for o in known)
    note = "the share of positive answers and the planned companion point the same way as the mean"
    return replace(row, gates=(*row.gates, Gate(f"{contrast}.same_sign", "quality", agree, note=note)))


def _family(row: Estimate) -> tuple[str, ...]:
    """Return the family of a contrast: outcomes of one kind, in one contrast and group; unplanned ones all together."""
    contrast, _, *rest = row.id.split(".")
    return (UNPLANNED,) if row.family == UNPLANNED else (contrast, *rest, row.family)


def corrected(rows: Sequence[Result]) -> list[Result]:
    """Return the contrasts with p-values adjusted within their family, where notebook 07 has not done it.

    A family is the outcomes of one kind in one contrast and group (Holm's method); the exploratory outcomes of every
    contrast and group are one family (Benjamini and Hochberg's), whatever notebook 07 has made of some of them.
    """
    families: dict[tuple[str, ...], dict[str, float]] = {}
    for row in rows:
        if not isinstance(row, Estimate) or row.family not in FAMILIES or row.p is None:
            continue
        if row.p_family is None or row.family == UNPLANNED:
            families.setdefault(_family(row), {})[row.id] = row.p
    adjusted: dict[str, float] = {}
    for key, p in families.items():
        correct = multiplicity.benjamini_hochberg if key[-1] == UNPLANNED else multiplicity.holm
        adjusted |= {k: float(v) for k, v in correct(pd.Series(p)).items()}
    return [replace(r, p_family=adjusted[r.id]) if isinstance(r, Estimate) and r.id in adjusted else r for r in rows]


def _is_contrast(result: Cell) -> TypeGuard[Result]:
    known = isinstance(result, NotIdentified | TooFew) or (isinstance(result, Estimate) and result.null is not None)
    contrast = result.id.split(".")[0]
    return known and (contrast in CONTRASTS or contrast[:2] in DESIGNS)


def _detectable(plan: Plan, result: Estimate) -> float | None:
    if result.mde is not None or not result.se or result.null == 1:
        return result.mde
    rules = {"power": plan.power.power, "size": plan.power.size}
    return power.minimum_detectable(result.se, df=result.df or float("inf"), **rules)


def is_headline(result: Result, plan: Plan) -> bool:
    """Return whether a contrast is one of the planned main ones: the primary outcome by its planned method."""
    return result.id.count(".") == 3 and result.outcome == plan.outcomes.primary


def table(plan: Plan, wave: str, rows: Sequence[Result]) -> Exhibit:
    """Return each contrast with its verdict; refusals stand in their place with their reason."""
    table = layout.table(plan, wave, "verdicts.all")
    for result in rows:
        row, ruling = table.row(result.id, result.question or result.id), verdict(result)
        row.estimate("result", result).text("verdict", ruling or "no verdict")
        row.text("planned", "planned" if result.planned else "not planned")
        if isinstance(result, Estimate) and ("fragile" in ruling or ruling == UNCERTAIN_TOGETHER):
            row.text("why", _why(table, result, rows))
    return table.exhibit(headline=[r.id for r in rows if is_headline(r, plan)])


def _why(table: Table, row: Estimate, rows: Sequence[Result]) -> str:
    """Return why a direction is fragile or not stated, in words: gates, the analyses, the doubt, the family's size."""
    notes = {f"gate:{g.id}": g.note or g.id for g in row.gates}
    alike = [r for r in rows if isinstance(r, Estimate) and _family(r) == _family(row)]
    return "; ".join(
        f"not met: {notes[reason]}" if reason in notes else table.sentence(reason, family=len(alike))
        for reason in why_fragile(row)
    )


def estimands(plan: Plan, wave: str, rows: Sequence[Result]) -> Exhibit:
    """Return one row per contrast of the primary outcome: what is estimated, how, with which licence."""
    table = layout.table(plan, wave, "estimands.all")
    for result in [r for r in rows if is_headline(r, plan)]:
        row = table.row(result.id, result.question or result.id).text("licence", result.licence or "not stated")
        row.text("planned", "yes" if result.planned else "no")
        if isinstance(result, Estimate):
            row.text("what-is-estimated", result.estimand or "a difference of means")
            row.text("estimator", result.method or "not stated").text("error", result.se_method or "not stated")
    return table.exhibit()


def all_ruled(rows: Sequence[Result]) -> bool:
    """Return whether every contrast has a verdict, and the one that the rule gives."""
    return all(r.verdict and (not isinstance(r, Estimate) or r.verdict == verdict(r)) for r in rows)


def can_and_cannot(plan: Plan, wave: str, rows: Sequence[Result], gates: Sequence[Gate]) -> Exhibit:
    """Return what the results permit saying, and what may not be concluded, from licences and verdicts."""
    table = layout.table(plan, wave, "say.all", short=short(plan, plan.outcomes.primary))
    main = {r.id.split(".")[0]: r for r in rows if is_headline(r, plan)}
    for contrast in (c for c in table.declaration.rows if c != "d6" or c in main):
        answered = contrast in main and main[contrast].verdict not in ("", *WITHOUT_NUMBER)
        row = table.row(contrast).text("may", "yes" if answered else f"no: {NOT_ANSWERABLE} yet")
        row.text("not", table.sentence(contrast))
    for refusal in [r for r in rows if isinstance(r, NotIdentified) and is_headline(r, plan)]:
        row = table.row(refusal.id, refusal.question or refusal.id)
        row.text("may", "nothing", id=f"say.{refusal.id}.may").text("not", refusal.reason, id=f"say.{refusal.id}.not")
    return table.exhibit()


def answer(plan: Plan, wave: str, rows: Sequence[Result]) -> Exhibit:
    """Return the answer of notebook 10: the verdicts on the primary outcome."""
    table = layout.table(plan, wave, "answer.10")
    for row in [r for r in rows if is_headline(r, plan)]:
        table.row(row.id, row.question or row.id).text("verdict", verdict(row) or "none")
    return table.exhibit()
