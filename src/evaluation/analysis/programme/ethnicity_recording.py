"""How often victims' ethnic group goes unrecorded: three reasons apart, expected variation, change told three ways."""

from __future__ import annotations

import re

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.programme import register_cells
from evaluation.errors import DataError
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.programme import representation
from evaluation.table_builder import Tables

REASONS = ("blank", "not_stated_officer", "declined_victim")


def recording(plan: Plan, wave: str, registers: register_cells.Registers) -> list[Exhibit]:
    """Return shares without a recorded ethnic group by reason and period, their control limits, and the change."""
    rows = register_cells.register(plan, wave, registers, "victim_recording")
    if rows is not None:
        rows = rows[rows["victims"].fillna(0) > 0].sort_values("period")
    if rows is None or rows.empty:
        return [register_cells.absent(plan, wave, "recording.share", "victim_recording")]
    build = layout.tables(plan, wave)
    return [_share(build, rows), _limits(build, rows), _change(build, rows)]


def _code(period: str) -> str:
    """Return a period as the last part of an id: "2022 Q4" as "2022q4"."""
    return re.sub(r"[^a-z0-9]+", "-", period.lower().replace(" ", ""))


def _share(build: Tables, rows: pd.DataFrame) -> Exhibit:
    table = build.table("recording.share")
    for values in rows.to_dict("records"):
        period = str(values["period"])
        shares = representation.unknown_shares(values, {r: r for r in REASONS}, base="victims")
        table.row(_code(period), period).cells(shares, base=int(values["victims"]))
    return table.exhibit(as_of=register_cells.latest(rows["period"]))


def _limits(build: Tables, rows: pd.DataFrame) -> Exhibit:
    unknown = rows[[c for c in ("blank", "not_stated_officer") if c in rows]].fillna(0).sum(axis=1)
    limits = representation.p_chart(
        unknown.set_axis(rows["period"]).astype(float), rows.set_index("period")["victims"].astype(float)
    )
    learnt = (
        "widened by what successive periods show"
        if len(limits) >= representation.LEAST_PERIODS
        else "with fewer than twelve periods they show counting variation only, which large numbers make very small"
    )
    table = build.table("recording.limits", learnt=learnt)
    for (period, values), victims, n in zip(limits.iterrows(), rows["victims"], unknown, strict=True):
        row = table.row(_code(str(period)), str(period))
        row.count("victims", victims, period=period).count("unknown", n, period=period)
        shares = {"unknown_share": values["share"], "limit_low": values["low"], "limit_high": values["high"]}
        row.cells({**shares, "state": str(values["state"])}, base=int(victims))
    return table.exhibit()


def _change(build: Tables, rows: pd.DataFrame) -> Exhibit:
    first, last, table = rows.iloc[0], rows.iloc[-1], build.table("recording.change")
    row = table.row("change", f"Left blank, {first['period']} to {last['period']}")
    try:
        n = representation.change(int(first["blank"]), int(first["victims"]), int(last["blank"]), int(last["victims"]))
        if len(rows) < 2:
            raise DataError("only one period was supplied", todo="Supply an earlier period.")
    except DataError as error:
        row.refused("none", error.what, error.todo)
        return table.exhibit()
    ways = {"count": n.count_per_cent, "share": n.share_per_cent, "points": n.share_points}
    return row.cells(ways, base=int(min(first["victims"], last["victims"]))).table.exhibit()
