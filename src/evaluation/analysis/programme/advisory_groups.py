"""Advisory groups: depth of each meeting, who leads, what became of advice, before and after the revised model."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.programme import register_cells
from evaluation.analysis.programme.register_cells import Held, Triples, per_cent, plain
from evaluation.errors import DataError
from evaluation.exhibit import Exhibit, measure, words
from evaluation.plan.study import Plan
from evaluation.programme import iag

BEFORE, AFTER = "current", "revised"


def advisory(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return the depth of each meeting, and how meetings were run before and after the revised model."""
    rows = register_cells.register(plan, wave, held, "iag_meetings")
    if rows is None:
        return [register_cells.absent(plan, wave, "iag.depth", "iag_meetings")]
    source = register_cells.source(plan, "advisory meetings", register_cells.through(plan, wave, held))
    return [_depth(plan, wave, rows, source), _practice(plan, wave, rows, source), _shift(plan, wave, rows, source)]


def _depth(plan: Plan, wave: str, rows: pd.DataFrame, source: str) -> Exhibit:
    """Return one mark a meeting: its rung on the ladder from informing to deciding together."""
    known = rows[rows["depth"].notna()].sort_values(["meeting_date", "meeting_id"])
    groups, models = (
        register_cells.levels(plan, "iag_meetings", "iag_name"),
        register_cells.levels(plan, "iag_meetings", "model"),
    )
    ladder = register_cells.levels(plan, "iag_meetings", "depth")
    labels = register_cells.unique(
        [f"{_when(r)}, {groups.get(r.iag_name, r.iag_name)}" for r in known.itertuples(index=False)]
    )
    cells: Triples = [
        (
            label,
            models.get(r.model, r.model),
            measure(f"iag.depth.{r.meeting_id}.{wave}", float(r.depth), "rung", wave=wave, decimals=0),
        )
        for label, r in zip(labels, known.itertuples(index=False), strict=True)
    ]
    rungs = "; ".join(f"{k} {v.lower()}" for k, v in ladder.items())
    return layout.table(plan, wave, "iag.depth", source=source, rungs=rungs).add(cells).exhibit()


def _when(row: Any) -> str:
    """Return "2022-11", so that meetings read in order along the chart."""
    return "no date" if pd.isna(row.meeting_date) else f"{row.meeting_date:%Y-%m}"


def _practice(plan: Plan, wave: str, rows: pd.DataFrame, source: str) -> Exhibit:
    models = register_cells.levels(plan, "iag_meetings", "model")
    cells: Triples = []
    for model, part in rows.groupby("model", sort=True):
        asked = {c for c in ("n_under25", "solution_questions") if c in part and part[c].notna().any()}
        label = models.get(str(model), str(model))
        cells += _column(wave, str(model), label, iag.practice(part), asked)
        cells += _optional(plan, wave, str(model), label, part)
    young = _young(plan, wave)
    cells += [("Residents aged 16 to 24, share of all", plan.population.title, young)] if young is not None else []
    notes = [
        "Advice declined without a written reason is counted as such. No single score is made of these rows.",
        "Places are not people: members come to several meetings.",
    ]
    mixed = f"n_{plan.programme.stop_group.lower()}"
    if mixed not in rows or rows[mixed].isna().all():
        notes.append("The register does not hold the ethnic group of members, so their mix stands beside nothing.")
    elif (living := _residents(plan)) is not None:
        share = per_cent(f"iag.residents_mix.all.{wave}", living, wave, public=True)
        cells.append((f"{plan.programme.stop_group} residents, share of all", plan.population.title, share))
    return layout.table(plan, wave, "iag.practice", source=source).add(cells).note_texts("more", tuple(notes)).exhibit()


def _column(wave: str, model: str, label: str, n: iag.Practice, asked: set[str]) -> Triples:
    def meetings(id: str, value: int) -> Any:
        return plain(
            f"iag.{id}.{model}.{wave}", value, wave, unit="meetings", universe="meetings", model=model, what=id
        )

    def advice(id: str, value: int) -> Any:
        return plain(
            f"iag.{id}.{model}.{wave}", value, wave, unit="pieces of advice", universe="advice", model=model, what=id
        )

    def share(id: str, top: int, bottom: int, base: int | None = None) -> Any:
        return per_cent(f"iag.{id}.{model}.{wave}", top / bottom if bottom else 0.0, wave, base=base)

    cells: Triples = [
        ("Meetings", label, meetings("held", n.meetings)),
        ("Chaired by the community", label, meetings("chaired", n.community_chaired)),
        ("Agenda set by or with the community", label, meetings("agenda", n.community_agenda)),
        (
            "Depth, mean rung",
            label,
            measure(f"iag.mean_depth.{model}.{wave}", n.depth_mean, "rung", wave=wave, decimals=1),
        ),
        ("Pieces of advice", label, advice("advice", n.advice)),
    ]
    if n.advice:
        cells += [
            ("Advice adopted in full or part", label, share("adopted", n.adopted, n.advice)),
            ("Advice declined with a written reason", label, share("explained", n.explained, n.advice)),
            ("Advice neither adopted nor explained", label, share("silent", n.silent, n.advice)),
        ]
    if n.police:
        cells.append(
            (
                "Community members for each member of the police",
                label,
                measure(
                    f"iag.members.{model}.{wave}",
                    n.members / n.police,
                    "members",
                    base=n.members,
                    wave=wave,
                    decimals=1,
                ),
            )
        )
    if "solution_questions" in asked:
        cells.append(("Asked what good looks like", label, meetings("solutions", n.solution_questions)))
    if n.members and "n_under25" in asked:
        cells.append(
            (
                "Places taken by people under 25",
                label,
                register_cells.part(
                    f"iag.young.{model}.{wave}", n.under_25, n.members, wave, universe="iag young", model=model
                ),
            )
        )
    return cells


def _optional(plan: Plan, wave: str, model: str, label: str, part: pd.DataFrame) -> Triples:
    """Return the mix of members, where they met and whether they were paid, where the register holds it."""
    cells: Triples = []
    mixed = f"n_{plan.programme.stop_group.lower()}"
    if mixed in part and part[mixed].notna().any():
        known = part.dropna(subset=[mixed, "n_members"])
        own, members = int(known[mixed].sum()), int(known["n_members"].sum())
        if members:
            share = register_cells.part(f"iag.mix.{model}.{wave}", own, members, wave, universe="iag mix", model=model)
            cells.append((f"Places taken by {plan.programme.stop_group} members", label, share))
    for column, id, words_ in (
        ("police_venue", "station", "Held at a police station"),
        ("paid", "paid", "Members paid"),
    ):
        if column in part and part[column].notna().any():
            n = int((part[column] == "yes").fillna(False).sum())
            count = plain(
                f"iag.{id}.{model}.{wave}", n, wave, unit="meetings", universe="meetings", model=model, what=id
            )
            cells.append((words_, label, count))
    return cells


def _residents(plan: Plan) -> float | None:
    """Return the share of residents who belong to the programme's group."""
    from evaluation.intake import waves

    group = plan.programme.stop_group.lower()
    for margin in waves.margins(plan).values():
        for level in margin.index.names:
            by = margin.groupby(level=level).sum()
            if group in by.index:
                return float(by[group] / by.sum())
    return None


def _young(plan: Plan, wave: str) -> Any | None:
    """Return the share of residents aged 16 to 24, beside which places of people under 25 stand."""
    from evaluation.intake import waves

    for margin in waves.margins(plan).values():
        level = next((n for n in margin.index.names if "16_24" in set(margin.index.get_level_values(n))), None)
        if level is not None:
            by = margin.groupby(level=level).sum()
            share = float(by["16_24"] / by.sum())
            return per_cent(f"iag.residents_young.all.{wave}", share, wave, public=True, base=round(float(by.sum())))
    return None


def _shift(plan: Plan, wave: str, rows: pd.DataFrame, source: str) -> Exhibit:
    """Return the differences after the revised model, with exact permutation intervals where meetings are few."""
    cells: Triples = []
    asked = (
        ("depth", "Depth (rungs)", rows["depth"].astype("Float64"), "rungs", 1.0),
        ("adoption", "Share of a meeting's advice adopted (points)", _adoption(rows), "percentage points", 100.0),
        ("members", "Community members at a meeting", rows["n_members"].astype("Float64"), "members", 1.0),
    )
    for id, label, values, unit, scale in asked:
        sides = [values[(rows["model"] == m).fillna(False).to_numpy(dtype=bool)] for m in (BEFORE, AFTER)]
        try:
            found = iag.permutation(*sides, seed=plan.seed, most=20_000)
        except DataError as refused:
            cells.append(
                (
                    label,
                    "Revised minus current",
                    register_cells.cannot(wave, f"iag.shift.{id}.{wave}", refused.what, refused.todo),
                )
            )
            continue
        ends = {k: scale * v for k, v in (("low", found.low), ("high", found.high)) if v is not None}
        cells.append(
            (
                label,
                "Revised minus current",
                measure(
                    f"iag.shift.{id}.{wave}",
                    scale * found.difference,
                    unit,
                    wave=wave,
                    decimals=1,
                    method="permutation",
                    **(ends if len(ends) == 2 else {}),
                ),
            )
        )
        cells.append((label, "Could it be chance?", words(f"iag.chance.{id}.{wave}", _chance(found.p))))
    return layout.table(plan, wave, "iag.shift", source=source).add(cells).exhibit()


def _adoption(rows: pd.DataFrame) -> pd.Series:
    given = rows["n_advice"].astype("Float64")
    return (rows["n_advice_adopted"].astype("Float64") / given.where(given > 0)).astype("Float64")


def _chance(p: float) -> str:
    return "yes, chance alone often gives as much" if p > 0.05 else "chance alone seldom gives as much"
