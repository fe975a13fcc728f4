"""Advisory groups: depth of each meeting, who leads, what became of advice, before and after the revised model."""

from __future__ import annotations

import pandas as pd

from evaluation.analysis.programme import register_cells
from evaluation.errors import DataError
from evaluation.exhibit import Exhibit
from evaluation.intake import waves
from evaluation.plan.study import Plan
from evaluation.programme import iag
from evaluation.table_builder import Table, Tables

BEFORE, AFTER = "current", "revised"
VENUE_AND_PAY = {"station": "police_venue", "paid": "paid"}


def advisory(plan: Plan, wave: str, registers: register_cells.Registers) -> list[Exhibit]:
    """Return the depth of each meeting, and how meetings were run before and after the revised model."""
    rows, build = register_cells.read(plan, wave, registers, "iag_meetings", title="advisory meetings")
    if rows is None:
        return [register_cells.absent(plan, wave, "iag.depth", "iag_meetings")]
    return [_depth(plan, build, rows), _practice(plan, build, rows), _shift(build, rows, plan.seed)]


def _depth(plan: Plan, build: Tables, rows: pd.DataFrame) -> Exhibit:
    """Return one mark a meeting: its rung on the ladder from informing to deciding together."""
    known = rows[rows["depth"].notna()].sort_values(["meeting_date", "meeting_id"])
    ladder = register_cells.levels(plan, "iag_meetings", "depth")
    months = known["meeting_date"].dt.strftime("%Y-%m").fillna("no date")  # so that meetings read in order
    groups = register_cells.in_words(plan, "iag_meetings", known, "iag_name")
    labels = register_cells.unique([f"{month}, {group}" for month, group in zip(months, groups, strict=True)])
    table = build.table("iag.depth", rungs="; ".join(f"{k} {v.lower()}" for k, v in ladder.items()))
    table.head(register_cells.levels(plan, "iag_meetings", "model"))
    for label, meeting in zip(labels, known.itertuples(index=False), strict=True):
        table.row(meeting.meeting_id, label).number(str(meeting.model), meeting.depth)
    return table.exhibit()


def _practice(plan: Plan, build: Tables, rows: pd.DataFrame) -> Exhibit:
    table = build.table("iag.practice").head(register_cells.levels(plan, "iag_meetings", "model"))
    mixed = f"n_{plan.programme.stop_group.lower()}"
    for model, part in rows.groupby("model", sort=True):
        _conduct(table, str(model), part)
        _members(table, str(model), part, mixed)
    margins = waves.margins(plan)
    for _, young in register_cells.residents_by(margins, "16_24"):
        share = float(young["16_24"] / young.sum())
        table.row("residents_young").share("residents", share, base=round(float(young.sum())))
        break
    if mixed not in rows or rows[mixed].isna().all():
        return table.note("unmixed").exhibit()
    for _, groups in register_cells.residents_by(margins, plan.programme.stop_group.lower()):
        table.row("residents_mix").share("residents", groups[plan.programme.stop_group.lower()] / groups.sum())
        break
    return table.exhibit()


def _conduct(table: Table, model: str, part: pd.DataFrame) -> None:
    """Add who led, how deep it went and what became of advice under one model."""
    n = iag.practice(part)
    rows = {"held": n.meetings, "chaired": n.community_chaired, "agenda": n.community_agenda}
    for key, meetings in rows.items():
        table.row(key).count(model, meetings)
    table.row("mean_depth").number(model, n.depth_mean)
    table.row("advice").count(model, n.advice)
    if n.advice:
        for key in ("adopted", "explained", "silent"):
            table.row(key).share(model, getattr(n, key) / n.advice)
    if n.police:
        table.row("members").number(model, n.members / n.police, base=n.members)
    if _recorded(part, "solution_questions"):
        table.row("solutions").count(model, n.solution_questions)
    if n.members and _recorded(part, "n_under25"):
        table.row("young").part(model, n.under_25, n.members)


def _members(table: Table, model: str, part: pd.DataFrame, mixed: str) -> None:
    """Add the mix of members, where they met and whether they were paid, where the register holds it."""
    if _recorded(part, mixed):
        known = part.dropna(subset=[mixed, "n_members"])
        if members := int(known["n_members"].sum()):
            table.row("mix").part(model, known[mixed].sum(), members)
    for key, column in VENUE_AND_PAY.items():
        if _recorded(part, column):
            table.row(key).count(model, (part[column] == "yes").fillna(False).sum())


def _recorded(part: pd.DataFrame, column: str) -> bool:
    return column in part and bool(part[column].notna().any())


def _shift(build: Tables, rows: pd.DataFrame, seed: int) -> Exhibit:
    """Return the differences after the revised model, with exact permutation intervals where meetings are few."""
    table, advice = build.table("iag.shift"), rows["n_advice"].astype("Float64")
    measures = {
        "depth": (rows["depth"].astype("Float64"), 1.0),
        "adoption": ((rows["n_advice_adopted"].astype("Float64") / advice.where(advice > 0)).astype("Float64"), 100.0),
        "members": (rows["n_members"].astype("Float64"), 1.0),
    }
    for key, (values, scale) in measures.items():
        row = table.row(key)
        sides = [values[(rows["model"] == m).fillna(False).to_numpy(dtype=bool)] for m in (BEFORE, AFTER)]
        try:
            test = iag.permutation(*sides, seed=seed, most=20_000)
        except DataError as error:
            row.refused("shift", error.what, error.todo)
            continue
        ends = {k: scale * v for k, v in (("low", test.low), ("high", test.high)) if v is not None}
        row.number("shift", scale * test.difference, method="permutation", **(ends if len(ends) == 2 else {}))
        often = "yes, chance alone often gives as much" if test.p > 0.05 else "chance alone seldom gives as much"
        row.text("chance", often)
    return table.exhibit()
