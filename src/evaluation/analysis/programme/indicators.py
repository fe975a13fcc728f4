"""The indicator sheet and the table of intended outcomes: value, target, direction; evidence, or a gap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from evaluation.analysis import foretold, layout
from evaluation.analysis.programme import register_cells
from evaluation.errors import EvaluationError
from evaluation.exhibit import Cell, Exhibit, Measure, as_id
from evaluation.intake import waves
from evaluation.plan.study import Plan
from evaluation.programme import indicators
from evaluation.results import Estimate, NotIdentified, TooFew, verdict
from evaluation.table_builder import Row
from evaluation.verdict import NOT_ANSWERABLE, TOO_FEW, WITHOUT_NUMBER

ACTIVITY = ("events", "actions", "iag_meetings")  # registers whose rows describe nobody
GAP = "gap: no indicator"
KINDS = {"output": "Output (activity)", "process": "Process", "outcome": "Outcome (answers of people)", "": "–"}


def indicators_sheet(plan: Plan, wave: str, registers: register_cells.Registers) -> Exhibit:
    """Return each indicator's value and base, its first value, the change, its direction, target, kind and owner."""
    rows = register_cells.register(plan, wave, registers, "indicators")
    if rows is None:
        return register_cells.absent(plan, wave, "indicators.sheet", "indicators")
    table, inputs = layout.table(plan, wave, "indicators.sheet"), _inputs(plan, wave, registers)
    owners = {f"{r.owner}; reported to {r.reported_to}" for r in rows.itertuples(index=False)}
    if len(owners) == 1:
        table.note_texts("owner", owners)
    for given in rows.itertuples(index=False):
        if not indicators.tables_of(str(given.formula)):
            continue
        row = table.row(str(given.indicator_id), str(given.aim))
        try:
            value = indicators.evaluate(str(given.formula), inputs)
        except EvaluationError as error:
            row.refused("value", error.what, error.todo)
        else:
            _value(row, str(given.formula), value)
            _against_target(row, given, value, inputs)
        row.text("kind", KINDS[indicators.indicator_kind(str(given.formula))])
        if len(owners) > 1:
            row.text("owner", f"{given.owner}; reported to {given.reported_to}")
    return table.exhibit()


def _inputs(plan: Plan, wave: str, registers: register_cells.Registers) -> dict[str, pd.DataFrame]:
    """Return the registers up to the wave's last day that hold rows."""
    cut = {name: register_cells.register(plan, wave, registers, name) for name in registers}
    return {k: v for k, v in cut.items() if v is not None}


def _base(formula: str, value: indicators.Value) -> int | None:
    """Return the base of an indicator about people; None for one about events, actions or meetings."""
    return None if indicators.tables_of(formula)[0] in ACTIVITY or not value.unit else value.base


def _value(row: Row, formula: str, value: indicators.Value) -> None:
    """Add the value with its base, the first value and the change; a dash where there is none."""
    base, places = _base(formula, value), 1 if value.unit or not float(value.value).is_integer() else 0
    row.number("value", value.value, unit=value.unit, base=base, decimals=places)
    if value.unit:
        column = "base_of_activity" if base is None else "base"
        row.count(column, value.base, universe=f"indicator indicators.{row.key}")
    else:
        row.text("no_base", "–")
    if value.before is None:
        row.text("no_before", "–")
    else:
        row.number("before", value.before, unit=value.unit, base=base, decimals=places)
    if value.low is None or value.before is None:
        row.text("no_change", "–")
    else:
        row.number("change", value.value - value.before, base=base, low=value.low, high=value.high)


def _against_target(row: Row, given: Any, value: indicators.Value, inputs: Mapping[str, pd.DataFrame]) -> None:
    """Add the direction of the change, and the target with whether it is met."""
    known = register_cells.optional(given, "target")
    target = None if pd.isna(known) else float(known)
    most = indicators.value_with_unknown(str(given.formula), inputs)
    if value.unit and value.base < indicators.LEAST_BASE:
        direction = met = "too few to say"
    else:
        direction = indicators.direction(value, given.better)
        met = indicators.against_target(value, target, given.better, most=most)
    unit = " per cent" if value.unit else ""
    row.text("direction", direction).text("target", "none set" if target is None else f"{target:g}{unit}: {met}")


# ---- intended outcomes ------------------------------------------------------------------------------------------


def theory(plan: Plan, wave: str, registers: register_cells.Registers) -> Exhibit:
    """Return, for each intended outcome, how it is measured, the evidence, and its state: a gap is shown as a gap."""
    rows = register_cells.register(plan, wave, registers, "indicators")
    if rows is None:
        return register_cells.absent(plan, wave, "theory.change", "indicators")
    table, inputs = layout.table(plan, wave, "theory.change"), _inputs(plan, wave, registers)
    results = results_so_far(plan, wave)
    for given in rows.itertuples(index=False):
        row, formula = table.row(str(given.indicator_id), str(given.aim)), str(given.formula)
        id = table.id(row.key, "evidence")
        if wanted := indicators.result_reference(formula):
            how, evidence, state = _from_survey(plan, wave, id, wanted, results)
        else:
            how, evidence, state = _from_registers(wave, id, formula, inputs)
        row.cells({"how": how, "evidence": evidence, "state": state})
    return table.exhibit()


def _published(plan: Plan, wave: str) -> list[Exhibit]:
    """Return the exhibits that this run has published so far; none when it has published nothing."""
    try:
        return waves.load_published(plan, wave)
    except (EvaluationError, OSError):
        return []


def results_so_far(plan: Plan, wave: str) -> dict[str, Cell]:
    """Return what this run has published, contrasts in the form and with the verdict that notebook 10 gives them."""
    exhibits = _published(plan, wave)
    try:
        doubted = waves.load_results(plan, wave, "doubted")
    except (EvaluationError, OSError):
        doubted = []
    last = foretold.final_results(plan, wave, exhibits, doubted)
    return {i.result.id: i.result for e in exhibits for i in e.items} | {r.id: r for r in last}


def _from_registers(
    wave: str, id: str, formula: str, inputs: Mapping[str, pd.DataFrame]
) -> tuple[str, Cell | str, str]:
    """Return (how it is measured, the evidence, the state) of an outcome that the registers count."""
    if not indicators.tables_of(formula):
        return "not measured", "none", GAP
    how = f"register of {indicators.tables_of(formula)[0].replace('_', ' ')}"
    try:
        value = indicators.evaluate(formula, inputs)
    except EvaluationError as error:
        refusal = replace(register_cells.refusal(error.what, error.todo), id=id, wave=wave)
        return how, refusal, f"{NOT_ANSWERABLE}: {error.what}"
    places = 0 if value.unit or float(value.value).is_integer() else 1
    evidence = Measure(
        as_id(id), float(value.value), value.unit, base=_base(formula, value), wave=wave, decimals=places
    )
    if value.unit and value.base < indicators.LEAST_BASE:
        return how, evidence, "too few to say"
    return how, evidence, "activity counted" if indicators.indicator_kind(formula) == "output" else "practice measured"


def _from_survey(
    plan: Plan, wave: str, id: str, wanted: str, results: Mapping[str, Cell]
) -> tuple[str, Cell | str, str]:
    """Return (how it is measured, the evidence, the state) of an outcome that a result of the survey measures."""
    result = results.get(f"{wanted}.{wave}".lower())
    how = _measured(plan, wanted, result)
    if result is None:
        why, helps = "this result was not made in this run", "Run the study's other notebooks first."
        return how, replace(register_cells.refusal(why, helps), id=id, wave=wave), "not measured in this run"
    if isinstance(result, NotIdentified):
        return how, "none", f"{NOT_ANSWERABLE}: {result.reason}"
    if isinstance(result, TooFew):
        return how, "none", TOO_FEW
    if not isinstance(result, Estimate):
        return how, f"result {result.id}", "described"
    state = result.verdict or verdict(result) or "described"
    if state in WITHOUT_NUMBER:
        return how, "no number is shown", state
    return how, replace(result, id=id, null=None, p=None, gates=(), family="", p_family=None, verdict=""), state


def _measured(plan: Plan, wanted: str, result: Cell | None) -> str:
    """Return how an outcome is measured: the question of the survey, else what the result says it is."""
    parts = wanted.split(".")
    outcome = parts[1] if len(parts) > 1 else wanted
    if outcome in {*plan.all_outcomes, *plan.codebook.names()}:
        return f"survey: {plan.outcomes.short.get(outcome) or plan.label_of(outcome)}"
    return getattr(result, "question", "") or f"result {wanted}"
