"""The indicator sheet and the table of intended outcomes: value, target, direction; evidence, or a gap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from evaluation.analysis import layout, verdicts
from evaluation.analysis.programme import register_cells
from evaluation.analysis.programme.register_cells import Held, Triples
from evaluation.errors import EvaluationError
from evaluation.exhibit import Exhibit, measure, words
from evaluation.plan.study import Plan
from evaluation.programme import indicators
from evaluation.results import Estimate, NotIdentified, TooFew, verdict
from evaluation.verdict import NOT_ANSWERABLE, TOO_FEW, WITHOUT_NUMBER

ACTIVITY = ("events", "actions", "iag_meetings")  # registers whose rows describe nobody
GAP = "gap: no indicator"
KINDS = {"output": "Output (activity)", "process": "Process", "outcome": "Outcome (answers of people)", "": "–"}


def indicators_sheet(plan: Plan, wave: str, held: Held) -> Exhibit:
    """Return each indicator's value and base, its first value, the change, its direction, target, kind and owner."""
    rows = register_cells.register(plan, wave, held, "indicators")
    if rows is None:
        return register_cells.absent(plan, wave, "indicators.sheet", "indicators")
    tables, owner = _tables(plan, wave, held), _one_owner(rows)
    cells: Triples = []
    for row in rows.itertuples(index=False):
        if _is_formula(str(row.formula)):
            cells += _row(row, wave, tables, bool(owner))
    if not cells:
        refusal = register_cells.cannot(
            wave, f"indicators.all.all.{wave}", "no indicator has a formula", "Write a formula over the registers."
        )
        cells = [("Not shown", "", refusal)]
    notes = [
        "Values are of the latest period recorded, where an indicator has periods. Targets are those that the owners "
        "set; none was invented.",
        "A direction is shown only when the interval of the change excludes no change. Outputs count activity and are "
        "not results.",
    ]
    if owner:
        notes.insert(0, f"Every indicator: {owner}.")
    return layout.table(plan, wave, "indicators.sheet").add(cells).note_texts("more", tuple(notes)).exhibit()


def _one_owner(rows: pd.DataFrame) -> str:
    """Return who owns every indicator and to whom it is reported, where all have the same; else an empty string."""
    pairs = {(str(r.owner), str(r.reported_to)) for r in rows.itertuples(index=False)}
    return "; reported to ".join(next(iter(pairs))) if len(pairs) == 1 else ""


def _base(formula: str, value: indicators.Value) -> int | None:
    """Return the base of an indicator about people; None for one about events, actions or meetings."""
    return None if indicators.tables_of(formula)[0] in ACTIVITY or not value.unit else value.base


def _is_formula(text: str) -> bool:
    return bool(indicators.tables_of(text))


def _tables(plan: Plan, wave: str, held: Held) -> dict[str, pd.DataFrame]:
    found = {name: register_cells.register(plan, wave, held, name) for name in held}
    return {k: v for k, v in found.items() if v is not None}


def _row(row: Any, wave: str, tables: Mapping[str, pd.DataFrame], same_owner: bool) -> Triples:
    label, stem, formula = str(row.aim), f"indicators.{row.indicator_id}", str(row.formula)
    about: Triples = [(label, "Kind", words(f"{stem}.kind.{wave}", KINDS[indicators.indicator_kind(formula)]))]
    if not same_owner:
        told = f"{row.owner}; reported to {row.reported_to}"
        about.append((label, "Owner", words(f"{stem}.owner.{wave}", told)))
    try:
        value = indicators.evaluate(formula, tables)
    except EvaluationError as refused:
        return [
            (label, "Value", register_cells.cannot(wave, f"{stem}.value.{wave}", refused.what, refused.todo)),
            *about,
        ]
    cells = _values(label, stem, formula, value, wave)
    given = register_cells.optional(row, "target")
    target = None if pd.isna(given) else float(given)
    few = bool(value.unit) and value.base < indicators.LEAST_BASE
    most = indicators.value_with_unknown(formula, tables)
    met = "too few to say" if few else indicators.against_target(value, target, row.better, most=most)
    told = "none set" if target is None else f"{target:g}{' per cent' if value.unit else ''}: {met}"
    direction = "too few to say" if few else indicators.direction(value, row.better)
    cells += [
        (label, "Direction", words(f"{stem}.direction.{wave}", direction)),
        (label, "Target", words(f"{stem}.target.{wave}", told)),
    ]
    return [*cells, *about]


def _values(label: str, stem: str, formula: str, value: indicators.Value, wave: str) -> Triples:
    """Return the value with its base, the first value and the change."""
    base = _base(formula, value)
    places = 1 if value.unit or not float(value.value).is_integer() else 0

    def number(id: str, amount: float, unit: str, **more: Any) -> Any:
        return measure(f"{stem}.{id}.{wave}", amount, unit, base=base, wave=wave, **{"decimals": places, **more})

    about = {"unit": "cases", "universe": f"indicator {stem}", "base": "latest"}
    count = register_cells.plain if base is None else register_cells.people
    shown: dict[str, Any] = {"Value": number("value", value.value, value.unit)}
    if value.unit:
        shown["Of how many"] = count(f"{stem}.base.{wave}", value.base, wave, **about)
    if value.before is not None:
        shown["First period"] = number("before", value.before, value.unit)
    if value.low is not None and value.before is not None:
        ends = {"low": value.low, "high": value.high, "decimals": 0}
        shown["Change"] = number("change", value.value - value.before, "percentage points", **ends)
    return [
        (label, c, shown.get(c) or words(f"{stem}.none.{c.split()[0]}.{wave}", "–"))
        for c in ("Value", "Of how many", "First period", "Change")
    ]


# ---- intended outcomes ------------------------------------------------------------------------------------------


def theory(plan: Plan, wave: str, held: Held) -> Exhibit:
    """Return, for each intended outcome, how it is measured, the evidence, and its state: a gap is shown as a gap."""
    rows = register_cells.register(plan, wave, held, "indicators")
    if rows is None:
        return register_cells.absent(plan, wave, "theory.change", "indicators")
    tables, results = _tables(plan, wave, held), _results(plan, wave)
    cells: Triples = []
    for row in rows.itertuples(index=False):
        label, stem = str(row.aim), f"theory.{row.indicator_id}"
        how, evidence, state = _evidence(plan, wave, stem, str(row.formula), tables, results)
        cells += [
            (label, "How it is measured", words(f"{stem}.how.{wave}", how)),
            (label, "Evidence", evidence),
            (label, "Verdict", words(f"{stem}.state.{wave}", state)),
        ]
    return layout.table(plan, wave, "theory.change").add(cells).exhibit()


def _published(plan: Plan, wave: str) -> list[Exhibit]:
    """Return the exhibits that this run has published so far; none when it has published nothing."""
    from evaluation.intake import waves

    try:
        return waves.load_published(plan, wave)
    except (EvaluationError, OSError):
        return []


def _results(plan: Plan, wave: str) -> dict[str, Any]:
    """Return what this run has published, contrasts in the form and with the verdict that notebook 10 gives them."""
    from evaluation.intake import waves

    exhibits = _published(plan, wave)
    try:
        doubted = waves.load_results(plan, wave, "doubted")
    except (EvaluationError, OSError):
        doubted = []
    last = verdicts.final_results(plan, wave, exhibits, doubted)
    return {i.result.id: i.result for e in exhibits for i in e.items} | {r.id: r for r in last}


def _evidence(
    plan: Plan, wave: str, stem: str, formula: str, tables: Mapping[str, pd.DataFrame], results: Mapping[str, Any]
) -> tuple[str, Any, str]:
    """Return (how it is measured, the cell of evidence, the state) of one intended outcome."""
    id = f"{stem}.evidence.{wave}".lower()
    wanted = indicators.result_reference(formula)
    if wanted:
        return _from_survey(plan, wave, id, wanted, results)
    if not _is_formula(formula):
        return "not measured", words(id, "none"), GAP
    how = f"register of {indicators.tables_of(formula)[0].replace('_', ' ')}"
    try:
        value = indicators.evaluate(formula, tables)
    except EvaluationError as refused:
        return how, register_cells.cannot(wave, id, refused.what, refused.todo), f"{NOT_ANSWERABLE}: {refused.what}"
    places = 0 if value.unit or float(value.value).is_integer() else 1
    cell = measure(id, value.value, value.unit, base=_base(formula, value), wave=wave, decimals=places)
    if value.unit and value.base < indicators.LEAST_BASE:
        return how, cell, "too few to say"
    return how, cell, "activity counted" if indicators.indicator_kind(formula) == "output" else "practice measured"


def _from_survey(plan: Plan, wave: str, id: str, wanted: str, results: Mapping[str, Any]) -> tuple[str, Any, str]:
    found = results.get(f"{wanted}.{wave}".lower())
    how = _measured(plan, wanted, found)
    if found is None:
        refusal = register_cells.cannot(
            wave, id, "this result was not made in this run", "Run the study's other notebooks first."
        )
        return how, refusal, "not measured in this run"
    if isinstance(found, NotIdentified):
        return how, words(id, "none"), f"{NOT_ANSWERABLE}: {found.reason}"
    if isinstance(found, TooFew):
        return how, words(id, "none"), TOO_FEW
    if isinstance(found, Estimate):
        ruled = found.verdict or verdict(found) or "described"
        if ruled in WITHOUT_NUMBER:
            return how, words(id, "no number is shown"), ruled
        return how, replace(found, id=id, null=None, p=None, gates=(), family="", p_family=None, verdict=""), ruled
    return how, words(id, f"result {found.id}"), "described"


def _measured(plan: Plan, wanted: str, found: Any) -> str:
    """Return how an outcome is measured: the question of the survey, else what the result says it is."""
    parts = wanted.split(".")
    outcome = parts[1] if len(parts) > 1 else wanted
    if outcome in {*plan.all_outcomes, *plan.codebook.names()}:
        return f"survey: {plan.outcomes.short.get(outcome) or plan.label_of(outcome)}"
    return getattr(found, "question", "") or f"result {wanted}"
