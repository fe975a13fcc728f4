"""The door to the waves: take them in, keep their stages, and open outcomes for one fixed sample only."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from evaluation.errors import CheckFailed
from evaluation.intake import add_wave, answer_patterns, replacement, stages, wave_file
from evaluation.intake import store as intake_store
from evaluation.intake.faults import Fault, fault_table
from evaluation.intake.ingest import WaveIn, check, inspect, take_in
from evaluation.intake.mapping import NOT_ASKED, ROUTED
from evaluation.intake.margins import group_margins, margins
from evaluation.intake.read_table import WaveRead
from evaluation.intake.registers import check_registers, register, registers_read
from evaluation.intake.stages import require_notebooks, stage
from evaluation.intake.store import (
    load_gates,
    load_published,
    load_results,
    load_sample,
    load_stage,
    save_gates,
    save_published,
    save_results,
    save_sample,
    save_stage,
)
from evaluation.intake.wave_file import WaveInfo
from evaluation.plan.study import Plan
from evaluation.results import Gate

if TYPE_CHECKING:
    from evaluation.intake.store import SavedSample

__all__ = [
    "Fault",
    "WaveIn",
    "WaveInfo",
    "WaveRead",
    "add",
    "approached",
    "check",
    "check_registers",
    "comparability",
    "fault_table",
    "fieldwork",
    "group_margins",
    "info",
    "inspect",
    "load_completion",
    "load_design",
    "load_gates",
    "load_missing",
    "load_outcomes",
    "load_published",
    "load_reasons",
    "load_results",
    "load_sample",
    "load_stage",
    "margins",
    "not_asked_but_answered",
    "read_design",
    "register",
    "registers_held",
    "registers_read",
    "replace",
    "require_notebooks",
    "save_gate",
    "save_gates",
    "save_published",
    "save_results",
    "save_sample",
    "save_stage",
    "stage",
    "store",
    "take_in",
    "take_in_all",
]


def info(plan: Plan, wave: str) -> WaveInfo:
    """Return a wave's `wave.toml`."""
    return wave_file.load(plan.root, wave)


def fieldwork(plan: Plan, wave: str) -> dict[str, tuple[dt.date | None, dt.date | None]]:
    """Return (start, end) of the fieldwork of the wave and those before it; None where it is not known."""
    return {w: (info(plan, w).start, info(plan, w).end) for w in plan.waves_up_to(wave)}


def take_in_all(plan: Plan, wave: str, *, draft: bool | None = None) -> list[WaveIn]:
    """Return the wave and every wave before it, taken in; real and synthetic data never meet in one report.

    `draft` (default: whether the run is one) lets faults that may be waived pass.
    """
    draft = bool(os.environ.get("EVALUATION_DRAFT")) if draft is None else draft
    taken = [take_in(plan, w, draft=draft) for w in plan.waves_up_to(wave)]
    origins = {t.meta.origin for t in taken}
    if len(origins) > 1:
        raise CheckFailed("the waves mix real and synthetic data", todo="Keep them in different studies.")
    return taken


def store(plan: Plan, wave: str, waves_in: Sequence[WaveIn]) -> None:
    """Keep the waves of a report as stages: designs and outcomes in files of their own, mode 0600."""
    reasons = [t.reasons[[i for i in answer_patterns.outcome_items(plan) if i in t.reasons]] for t in waves_in]
    frames = {
        "design": pd.concat([t.design for t in waves_in]),
        "outcomes": pd.concat([t.outcomes for t in waves_in]),
        "missing": _missing(waves_in),
        "reasons": pd.concat(reasons).astype("Int64"),
        "completion": _completion(plan, waves_in),
        "ledger": pd.concat([t.ledger.assign(wave=t.meta.wave) for t in waves_in], ignore_index=True),
    }
    for name, frame in frames.items():
        save_stage(plan, wave, name, frame)
    for one in waves_in:
        _keep_identifiers(plan, one)


def _keep_identifiers(plan: Plan, one: WaveIn) -> None:
    """Keep names and contacts in the owner's private store, which git ignores; remove it when there are none left."""
    path = plan.root / "data_raw" / ".identifiers" / f"{one.meta.wave}.parquet"
    if len(one.identifiers.columns):
        stages.write_frame(path, one.identifiers)
    else:
        path.unlink(missing_ok=True)


def _missing(waves_in: Sequence[WaveIn]) -> pd.DataFrame:
    rows = []
    for one in waves_in:
        for name, reasons in one.reasons.items():
            rows += [(one.meta.wave, name, int(code), int(n)) for code, n in reasons.value_counts().items()]
    return pd.DataFrame(rows, columns=["wave", "variable", "reason", "n"])


def _completion(plan: Plan, waves_in: Sequence[WaveIn]) -> pd.DataFrame:
    """Return wave, column, level, people, asked, answered: outcome questions by how the answers were collected."""
    book, rows = plan.codebook, []
    items, constant = answer_patterns.outcome_items(plan), {e.column for e in plan.exclusions}
    for one in waves_in:
        reasons = one.reasons[[i for i in items if i in one.reasons]]
        asked = (~reasons.isin([NOT_ASKED, ROUTED])).sum(axis=1)
        answered = (reasons == 0).sum(axis=1)
        for column in [c for c in one.design if c in book.names() and book.role(c) == "collection"]:
            if not book.variable(column).levels or column in constant or one.design[column].isna().all():
                continue
            for level, who in one.design.groupby(one.design[column].astype(object).fillna("")).groups.items():
                rows.append(
                    (one.meta.wave, column, str(level), len(who), int(asked[who].sum()), int(answered[who].sum()))
                )
    return pd.DataFrame(rows, columns=["wave", "column", "level", "people", "asked", "answered"])


def load_completion(plan: Plan, wave: str) -> pd.DataFrame:
    """Return how many outcome questions were put to people and answered, by how answers were collected."""
    return load_stage(plan, wave, "completion")


def approached(plan: Plan, wave: str) -> dict[str, int | None]:
    """Return the number of people approached in each wave, as written down in wave.toml; None where it was not."""
    return {w: info(plan, w).approached for w in plan.waves_up_to(wave)}


def load_design(plan: Plan, wave: str, *, only: str | None = None) -> pd.DataFrame:
    """Return what was true of people and how they were asked; never an outcome.

    Parameters
    ----------
    only : str, optional
        A wave id, or "all" for every wave up to the report's; default the report's wave.
    """
    return _rows(load_stage(plan, wave, "design"), wave, only)


def _rows(frame: pd.DataFrame, wave: str, only: str | None) -> pd.DataFrame:
    return frame if only == "all" else frame[frame["wave"] == (only or wave)]


def load_outcomes(plan: Plan, wave: str, sample: SavedSample | Any, *, only: str | None = None) -> pd.DataFrame:
    """Return outcomes, recalled items and controls, for the sample that notebook 04 fixed and for no other.

    Raises
    ------
    OutcomesClosed
        No sample was fixed, or this is another one.
    """
    intake_store.require_sample(plan, wave, sample)
    frame = load_stage(plan, wave, "outcomes")
    design = load_stage(plan, wave, "design")
    return frame.loc[_rows(design, wave, only).index]


def load_missing(plan: Plan, wave: str) -> pd.DataFrame:
    """Return wave, variable, reason and number of people (reason 0 is present): counts only, outcomes included."""
    return load_stage(plan, wave, "missing")


def load_reasons(plan: Plan, wave: str, sample: SavedSample | Any) -> pd.DataFrame:
    """Return why each outcome question has no answer, by respondent (0 has one), for the sample that 04 fixed."""
    intake_store.require_sample(plan, wave, sample)
    return load_stage(plan, wave, "reasons")


def save_gate(
    plan: Plan,
    wave: str,
    id: str,
    passed: bool,
    value: float | str | None = None,
    bar: float | str | None = None,
    *,
    kind: str = "quality",
    note: str = "",
) -> Gate:
    """Keep one gate and return it."""
    gate = Gate(id, kind, bool(passed), value, bar, note)
    save_gates(plan, wave, [gate])
    return gate


def registers_held(plan: Plan) -> dict[str, pd.DataFrame]:
    """Return every register of the plan that was supplied, by name."""
    found = {name: register(plan, name) for name in plan.programme.registers}
    return {name: frame for name, frame in found.items() if frame is not None}


def comparability(plan: Plan, wave: str) -> pd.DataFrame:
    """Return outcome item × wave: "same", "changed", "unknown", "new" (first asked) or "not asked"."""
    missing = load_missing(plan, wave)
    out: dict[str, dict[str, str]] = {}
    extra = [c for c in (plan.treatment.column, plan.treatment.retrospective_column) if c]
    items = [*answer_patterns.outcome_items(plan), *extra]
    for name in plan.waves_up_to(wave):
        stated = info(plan, name).wording
        rows = missing[missing["wave"] == name]
        for item in items:
            asked = bool((rows.loc[rows["variable"] == item, "reason"] != NOT_ASKED).any())
            before = any(out[w].get(item, "not asked") != "not asked" for w in out)
            out.setdefault(name, {})[item] = (
                "not asked" if not asked else stated.get(item, "unknown") if before else "new"
            )
    return pd.DataFrame(out).reindex(items)


def not_asked_but_answered(plan: Plan, wave: str) -> set[str]:
    """Return the treatment columns that hold answers in a wave that did not ask about attendance."""
    design = load_design(plan, wave, only="all")
    silent = [w for w in plan.waves_up_to(wave) if not info(plan, w).attendance_asked]
    rows = design[design["wave"].isin(silent)]
    names = [c for c in (plan.treatment.column, plan.treatment.second_column) if c in rows]
    return {c for c in names if rows[c].notna().any()}


def read_design(plan: Plan, wave: str) -> pd.DataFrame:
    """Return the designs of the waves up to `wave`, taken in afresh (nothing is stored, outcomes are dropped)."""
    return pd.concat([t.design for t in take_in_all(plan, wave)])


def add(plan: Plan, export: Path, wave: str, **options: Any) -> add_wave.Added:
    """Copy an export in untouched, propose its map, write wave.toml to be confirmed, and list every fault."""
    return add_wave.add(plan, Path(export), wave, **options)


def replace(plan: Plan, export: Path, wave: str) -> replacement.Replaced:
    """Put a corrected or completed export in the place of a wave's, keep its map, and count what changed."""
    return replacement.replaced(plan, Path(export), wave)
