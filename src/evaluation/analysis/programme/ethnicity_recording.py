"""How often victims' ethnic group goes unrecorded: three reasons apart, expected variation, change told three ways."""

from __future__ import annotations

import re

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.programme import register_cells
from evaluation.analysis.programme.register_cells import Held, Triples, people, per_cent
from evaluation.errors import DataError
from evaluation.exhibit import Exhibit, measure, words
from evaluation.plan.study import Plan
from evaluation.programme import representation

REASONS = {
    "blank": "Left blank",
    "not_stated_officer": "“Not stated” entered by an officer",
    "declined_victim": "Victim declined to say",
}


def recording(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return shares without a recorded ethnic group by reason and period, their control limits, and the change."""
    rows = register_cells.register(plan, wave, held, "victim_recording")
    title = "Victims whose ethnic group is not recorded"
    if rows is None:
        return [register_cells.absent(plan, wave, "recording.share", "victim_recording")]
    rows = rows[rows["victims"].fillna(0) > 0].sort_values("period")
    if rows.empty:
        return [register_cells.absent(plan, wave, "recording.share", "victim_recording")]
    return [_share(plan, wave, rows, title), _chart(plan, wave, rows), _change(plan, wave, rows)]


def _code(period: str) -> str:
    """Return a period as the last part of an id: "2022 Q4" as "2022q4"."""
    return re.sub(r"[^a-z0-9]+", "-", period.lower().replace(" ", ""))


def _source(plan: Plan) -> str:
    return "Register of victim recording"


def _share(plan: Plan, wave: str, rows: pd.DataFrame, title: str) -> Exhibit:
    cells: Triples = []
    for row in rows.to_dict("records"):
        period = str(row["period"])
        got = representation.unknown_shares(row, REASONS, base="victims")
        for reason, label in REASONS.items():
            if label in got:
                cells.append(
                    (
                        period,
                        label,
                        per_cent(
                            f"recording.{reason}.all.{wave}.{_code(period)}",
                            got[label],
                            wave,
                            base=int(row["victims"]),
                            decimals=1,
                        ),
                    )
                )
    return layout.table(plan, wave, "recording.share", heading=title, source=_source(plan)).add(cells).exhibit()


def _chart(plan: Plan, wave: str, rows: pd.DataFrame) -> Exhibit:
    unknown = rows[[c for c in ("blank", "not_stated_officer") if c in rows]].fillna(0).sum(axis=1)
    chart = representation.p_chart(
        unknown.set_axis(rows["period"]).astype(float), rows.set_index("period")["victims"].astype(float)
    )
    cells: Triples = []
    for (period, row), victims, n in zip(chart.iterrows(), rows["victims"], unknown, strict=True):
        p = str(period)
        base, stem = int(victims), f"all.{wave}.{_code(p)}"
        cells += [
            (
                p,
                "Victims",
                people(f"recording.victims.{stem}", base, wave, unit="victims", universe="victims", period=p),
            ),
            (
                p,
                "Not recorded by the police",
                people(
                    f"recording.unknown.{stem}",
                    int(n),
                    wave,
                    unit="victims",
                    universe="victims",
                    period=p,
                    recorded="no",
                ),
            ),
            (p, "Share", per_cent(f"recording.unknown_share.{stem}", row["share"], wave, base=base, decimals=1)),
            (p, "Expected, from", per_cent(f"recording.limit_low.{stem}", row["low"], wave, base=base, decimals=1)),
            (p, "Expected, to", per_cent(f"recording.limit_high.{stem}", row["high"], wave, base=base, decimals=1)),
            (p, "Reading", words(f"recording.state.{stem}", str(row["state"]))),
        ]
    enough = len(chart) >= representation.LEAST_PERIODS
    learnt = (
        "widened by what successive periods show"
        if enough
        else ("with fewer than twelve periods they show counting variation only, which large numbers make very small")
    )
    return layout.table(plan, wave, "recording.limits", source=_source(plan), learnt=learnt).add(cells).exhibit()


def _change(plan: Plan, wave: str, rows: pd.DataFrame) -> Exhibit:
    first, last = rows.iloc[0], rows.iloc[-1]
    label = f"Left blank, {first['period']} to {last['period']}"
    try:
        n = representation.change(int(first["blank"]), int(first["victims"]), int(last["blank"]), int(last["victims"]))
        if len(rows) < 2:
            raise DataError("only one period was supplied", todo="Supply an earlier period.")
    except DataError as refused:
        cells: Triples = [
            (label, "", register_cells.cannot(wave, f"recording.change.all.{wave}", refused.what, refused.todo))
        ]
        return layout.table(plan, wave, "recording.change", source=_source(plan)).add(cells).exhibit()
    base = int(min(first["victims"], last["victims"]))
    ways = (
        ("count", "The count", n.count_per_cent, "per cent of the earlier count"),
        ("share", "The share, in per cent of itself", n.share_per_cent, "per cent of the earlier share"),
        ("points", "The share, in points", n.share_points, "percentage points"),
    )
    cells = [
        (label, column, measure(f"recording.change_{id}.all.{wave}", value, unit, base=base, wave=wave, decimals=1))
        for id, column, value, unit in ways
    ]
    return layout.table(plan, wave, "recording.change", source=_source(plan)).add(cells).exhibit()
