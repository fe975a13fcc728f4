"""The indicator sheet and the table of intended outcomes: value, target, direction; evidence, or a gap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from evaluation.answers.registers import shelf
from evaluation.answers.registers.shelf import Held, Triples
from evaluation.answers.registers.status import published, results_of
from evaluation.answers.words import exhibit, measure, words
from evaluation.errors import EvaluationError
from evaluation.estimates import Estimate, NotIdentified, TooFew, verdict
from evaluation.exhibits import Exhibit
from evaluation.programme import indicators
from evaluation.study import Plan

ACTIVITY = ("events", "actions", "iag_meetings")  # registers whose rows describe nobody
GAP = "gap: no indicator"
KINDS = {"output": "Output (activity)", "process": "Process", "outcome": "Outcome (answers of people)", "": "–"}


def indicators_sheet(plan: Plan, wave: str, held: Held) -> Exhibit:
    """Return each indicator's kind, value, value before, target, direction and owner."""
    rows = shelf.register(plan, wave, held, "indicators")
    sections = ("policy-10", "annex-N")
    if rows is None:
        return shelf.absent(plan, wave, "indicators.sheet", "Accountability indicators", "indicators", sections)
    tables = _tables(plan, wave, held)
    cells: Triples = []
    for row in rows.itertuples(index=False):
        if not _is_formula(str(row.formula)):
            continue
        cells += _row(row, wave, tables)
    if not cells:
        cells = [
            (
                "Not shown",
                "",
                shelf.cannot(
                    wave,
                    f"indicators.all.all.{wave}",
                    "no indicator has a formula",
                    "Write a formula over the registers.",
                ),
            )
        ]
    return exhibit(
        "indicators.sheet",
        "Accountability indicators",
        cells,
        sections=sections,
        wave=wave,
        row_header="Indicator",
        source="Register of indicators, worked out from the other registers",
        notes=(
            "Targets are those that the owners set; none was invented. A direction is shown only when the "
            "interval of the change excludes no change. Outputs count activity and are not results.",
        ),
    )


def _base(formula: str, value: indicators.Value) -> int | None:
    """Return the base of an indicator about people; None for one about events, actions or meetings."""
    return None if indicators.tables_of(formula)[0] in ACTIVITY or not value.unit else value.base


def _is_formula(text: str) -> bool:
    return bool(indicators.tables_of(text))


def _tables(plan: Plan, wave: str, held: Held) -> dict[str, pd.DataFrame]:
    found = {name: shelf.register(plan, wave, held, name) for name in held}
    return {k: v for k, v in found.items() if v is not None}


def _row(row: Any, wave: str, tables: Mapping[str, pd.DataFrame]) -> Triples:
    label, stem, formula = str(row.aim), f"indicators.{row.indicator_id}", str(row.formula)
    about: Triples = [
        (label, "Kind", words(f"{stem}.kind.{wave}", KINDS[indicators.kind(formula)])),
        (label, "Owner, reporting to", words(f"{stem}.owner.{wave}", f"{row.owner}; {row.reported_to}")),
    ]
    try:
        value = indicators.evaluate(formula, tables)
    except EvaluationError as refused:
        return [(label, "Value", shelf.cannot(wave, f"{stem}.value.{wave}", refused.what, refused.todo)), *about]
    base = _base(formula, value)
    places = 1 if value.unit or not float(value.value).is_integer() else 0
    cells: Triples = [
        (
            label,
            "Value",
            measure(f"{stem}.value.{wave}", value.value, value.unit, base=base, wave=wave, decimals=places),
        )
    ]
    if value.before is not None:
        cells.append(
            (
                label,
                "First period",
                measure(f"{stem}.before.{wave}", value.before, value.unit, base=base, wave=wave, decimals=places),
            )
        )
    if value.low is not None and value.before is not None:
        cells.append(
            (
                label,
                "Change",
                measure(
                    f"{stem}.change.{wave}",
                    value.value - value.before,
                    "percentage points",
                    base=base,
                    low=value.low,
                    high=value.high,
                    wave=wave,
                    decimals=0,
                ),
            )
        )
    given = shelf.optional(row, "target")
    target = None if pd.isna(given) else float(given)
    told = "none set" if target is None else f"{target:g}{' per cent' if value.unit else ''}"
    cells += [
        (label, "Target", words(f"{stem}.target.{wave}", told)),
        (label, "Target met?", words(f"{stem}.met.{wave}", indicators.against_target(value, target, row.better))),
        (label, "Direction", words(f"{stem}.direction.{wave}", indicators.direction(value, row.better))),
    ]
    return [*cells, *about]


# ---- intended outcomes ------------------------------------------------------------------------------------------


def theory(plan: Plan, wave: str, held: Held) -> Exhibit:
    """Return, for each intended outcome, how it is measured, the evidence, and its state: a gap is shown as a gap."""
    rows = shelf.register(plan, wave, held, "indicators")
    sections = ("policy-2", "annex-N")
    title = "What the programme is meant to bring about, and the evidence"
    if rows is None:
        return shelf.absent(plan, wave, "theory.change", title, "indicators", sections)
    tables, results = _tables(plan, wave, held), results_of(published(plan, wave))
    cells: Triples = []
    for row in rows.itertuples(index=False):
        label, stem = str(row.aim), f"theory.{row.indicator_id}"
        how, evidence, state = _evidence(plan, wave, stem, str(row.formula), tables, results)
        cells += [
            (label, "How it is measured", words(f"{stem}.how.{wave}", how)),
            (label, "Evidence", evidence),
            (label, "State", words(f"{stem}.state.{wave}", state)),
        ]
    note = (
        "Counts of what was done are not evidence of a change in people's views. A gap is an outcome that somebody "
        "promised and nobody measures."
    )
    return exhibit(
        "theory.change",
        title,
        cells,
        sections=sections,
        wave=wave,
        row_header="Intended outcome",
        source="Register of indicators; this report's results",
        notes=(note,),
    )


def _evidence(
    plan: Plan, wave: str, stem: str, formula: str, tables: Mapping[str, pd.DataFrame], results: Mapping[str, Any]
) -> tuple[str, Any, str]:
    """Return (how it is measured, the cell of evidence, the state) of one intended outcome."""
    id = f"{stem}.evidence.{wave}".lower()
    wanted = indicators.refers_to(formula)
    if wanted:
        return _from_survey(plan, wave, id, wanted, results)
    if not _is_formula(formula):
        return "not measured", words(id, "none"), GAP
    how = f"register of {indicators.tables_of(formula)[0].replace('_', ' ')}"
    try:
        value = indicators.evaluate(formula, tables)
    except EvaluationError as refused:
        return how, shelf.cannot(wave, id, refused.what, refused.todo), f"not answerable: {refused.what}"
    places = 0 if value.unit or float(value.value).is_integer() else 1
    cell = measure(id, value.value, value.unit, base=_base(formula, value), wave=wave, decimals=places)
    kind = indicators.kind(formula)
    return how, cell, "activity counted" if kind == "output" else "practice measured"


def _from_survey(plan: Plan, wave: str, id: str, wanted: str, results: Mapping[str, Any]) -> tuple[str, Any, str]:
    parts = wanted.split(".")
    outcome = parts[1] if len(parts) > 1 else wanted
    known = {*plan.all_outcomes, *plan.codebook.names()}
    how = (
        f"survey: {plan.outcomes.short.get(outcome) or plan.label_of(outcome)}"
        if outcome in known
        else f"result {wanted}"
    )
    found = results.get(f"{wanted}.{wave}".lower())
    if found is None:
        refusal = shelf.cannot(
            wave, id, "this result was not made in this run", "Run the study's other notebooks first."
        )
        return how, refusal, "not measured in this run"
    if isinstance(found, NotIdentified):
        return how, words(id, "see the result named"), f"not answerable: {found.reason}"
    if isinstance(found, TooFew):
        return how, words(id, "see the result named"), "too few to report"
    if isinstance(found, Estimate):
        state = found.verdict or verdict(found) or "described"
        return how, words(id, f"result {found.id}"), state
    return how, words(id, f"result {found.id}"), "described"
