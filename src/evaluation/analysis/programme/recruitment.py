"""Recruitment against the goal that was set: exact intervals, unknowns at best and worst, where the gap opens."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.programme import register_cells
from evaluation.analysis.programme.register_cells import Held, Triples, people, per_cent
from evaluation.errors import DataError
from evaluation.exhibit import Exhibit, measure, words
from evaluation.plan.study import Plan
from evaluation.programme import representation

NO_GOAL = "no goal was set for this group"
TOO_FEW = "too few people to show a share"
STAGES = ("applied", "offered", "joined", "in_post", "left")


def recruitment(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return the share of recruits against the goal, the funnel by stage, counts, and change told three ways."""
    rows = register_cells.register(plan, wave, held, "recruitment")
    if rows is None:
        return [register_cells.absent(plan, wave, "recruitment.goal", "recruitment")]
    ethnic = rows[rows["group_type"] == "ethnicity"]
    return [
        _goal(plan, wave, ethnic),
        _funnel(plan, wave, ethnic),
        _counts(plan, wave, rows),
        _change(plan, wave, ethnic),
        _parity(plan, wave, ethnic),
    ]


def _few(plan: Plan, *counts: Any) -> bool:
    """Return whether any of these counts of people is too small for its share to be shown."""
    return any(0 < int(n) < plan.disclosure.threshold for n in counts)


def _year(day: Any) -> str:
    return f"Year to {register_cells.day_words(day)}"


def _label(plan: Plan, row: Any) -> str:
    role = register_cells.levels(plan, "recruitment", "role").get(str(row.role), str(row.role))
    return f"{_year(row.year_ending)}, {role}"


def _stem(row: Any, wave: str) -> str:
    return f"{row.role}.{pd.Timestamp(row.year_ending):%Y}.{wave}"


def _goal(plan: Plan, wave: str, ethnic: pd.DataFrame) -> Exhibit:
    joined = ethnic[ethnic["stage"] == "joined"].sort_values("year_ending")
    goal, cells = plan.programme.recruit_goal, []
    for row in joined.itertuples(index=False):
        label = f"{_label(plan, row)}: {row.group}" if joined["group"].nunique() > 1 else _label(plan, row)
        stem = f"{_stem(row, wave)}.{_short(row.group)}" if joined["group"].nunique() > 1 else _stem(row, wave)
        if _few(plan, row.n_people):
            why = register_cells.cannot(wave, f"recruitment.goal.{stem}", TOO_FEW, "Join years or roles.")
            cells.append((label, "Share of those known", why))
            continue
        try:
            g = representation.against_goal(int(row.n_people), int(row.n_total), int(row.n_unknown), goal=goal)
        except DataError as refused:
            cells.append(
                (
                    label,
                    "Share of those known",
                    register_cells.cannot(wave, f"recruitment.goal.{stem}", refused.what, refused.todo),
                )
            )
            continue
        cells += [
            (
                label,
                "Share of those known",
                per_cent(f"recruitment.goal.{stem}", g.known_share, wave, base=g.known, low=g.low, high=g.high),
            ),
            (label, "If nobody unknown belongs", per_cent(f"recruitment.worst.{stem}", g.worst, wave, base=g.known)),
            (label, "If everybody unknown belongs", per_cent(f"recruitment.best.{stem}", g.best, wave, base=g.known)),
            (
                label,
                "Goal met that year?",
                words(f"recruitment.met.{stem}", g.met if _has_goal(plan, row.group) else NO_GOAL),
            ),
        ]
    if not cells:
        cells = [
            (
                "Not shown",
                "",
                register_cells.cannot(
                    wave,
                    f"recruitment.goal.all.{wave}",
                    "no row is of people who joined",
                    "Give the number who joined, by year and role.",
                ),
            )
        ]
    group = "; ".join(dict.fromkeys(joined["group"].astype(str)))
    f"Recruits against the goal of not less than {100 * goal:.0f} per cent"
    return (
        layout.table(plan, wave, "recruitment.goal", goal=f"{100 * goal:.0f}", group=group)
        .add(cells)
        .exhibit(reference=100 * goal, finding=_last_share(cells, goal))
    )


def _last_share(cells: Triples, goal: float) -> str:
    """Return the sentence of the last year's share against the goal, its number as the id that will fill it."""
    last = next(((label, x.id) for label, column, x in reversed(cells) if column == "Share of those known"), None)
    return f"{last[0]}: {{{last[1]}}} of those who joined; the goal was {100 * goal:.0f} per cent" if last else ""


def _has_goal(plan: Plan, group: Any) -> bool:
    """Return whether the goal is about a recorded group: it is about all ethnic minorities, not about one of them."""
    names = {
        str(w).lower()
        for v in plan.codebook.table("survey").variables.values()
        if v.name in plan.derive or v.made_from
        for w in v.levels.values()
    }
    return str(group).strip().lower() not in names


def _short(group: Any) -> str:
    return "".join(ch if ch.isalnum() else "-" for ch in str(group).lower())[:24].strip("-")


def _funnel(plan: Plan, wave: str, ethnic: pd.DataFrame) -> Exhibit:
    names = register_cells.levels(plan, "recruitment", "stage")
    last = ethnic[ethnic["year_ending"] == ethnic["year_ending"].max()]
    groups = list(dict.fromkeys(last["group"].astype(str)))
    cells: Triples = []
    for group in groups:
        for row in representation.funnel(last[last["group"] == group], order=STAGES).itertuples(index=False):
            if _few(plan, row.people):
                id = f"recruitment.stage.{row.stage}.{wave}.{_short(group)}"
                why = register_cells.cannot(wave, id, TOO_FEW, "Join years or roles.")
                cells.append((names.get(row.stage, row.stage), group, why))
                continue
            cells.append(
                (
                    names.get(row.stage, row.stage),
                    group,
                    per_cent(
                        f"recruitment.stage.{row.stage}.{wave}.{_short(group)}",
                        row.share,
                        wave,
                        low=row.low,
                        high=row.high,
                        base=int(row.known),
                    ),
                )
            )
    if not cells:
        cells = [
            (
                "Not shown",
                "",
                register_cells.cannot(wave, f"recruitment.stage.all.{wave}", "no stage has counts", "Fill in."),
            )
        ]
    when = _year(last["year_ending"].iloc[0]) if len(last) else ""
    return layout.table(plan, wave, "recruitment.funnel", lower=when[:1].lower(), when=when[1:]).add(cells).exhibit()


def _counts(plan: Plan, wave: str, rows: pd.DataFrame) -> Exhibit:
    names = register_cells.levels(plan, "recruitment", "stage")
    cells: Triples = []
    for row in rows.sort_values(["year_ending", "role", "stage"]).itertuples(index=False):
        label = f"{_label(plan, row)}, {names.get(row.stage, row.stage)}: {row.group}"
        key = {"role": row.role, "stage": row.stage, "year": f"{row.year_ending:%Y-%m-%d}", "type": row.group_type}
        stem = f"{row.stage}.{_stem(row, wave)}.{row.group_type}-{_short(row.group)}"
        for id, column, value, extra in (
            ("people", "People", row.n_people, {"group": _short(row.group)}),
            ("total", "Everybody at that stage", row.n_total, {}),
            ("unknown", "Not known", row.n_unknown, {"group": "unknown"}),
        ):
            if not pd.isna(value):
                cells.append(
                    (
                        label,
                        column,
                        (register_cells.plain if id == "unknown" else people)(
                            f"recruitment.n_{id}.{stem}",
                            int(value),
                            wave,
                            unit="people",
                            universe="recruitment",
                            **key,
                            **extra,
                        ),
                    )
                )
    return layout.table(plan, wave, "recruitment.counts").add(cells).exhibit()


def _change(plan: Plan, wave: str, ethnic: pd.DataFrame) -> Exhibit:
    title, cells = "Recruits: the change told three ways", []
    joined = ethnic[ethnic["stage"] == "joined"].sort_values("year_ending")
    for (role, group), part in joined.groupby(["role", "group"], sort=True):
        if len(part) < 2:
            continue
        a, b = part.iloc[-2], part.iloc[-1]
        label = f"{_label(plan, b)} against the year before"
        stem = f"{role}.{_short(group)}.{wave}"
        try:
            c = representation.change(
                int(a.n_people), int(a.n_total - a.n_unknown), int(b.n_people), int(b.n_total - b.n_unknown)
            )
        except DataError as refused:
            cells.append(
                (label, "", register_cells.cannot(wave, f"recruitment.change.{stem}", refused.what, refused.todo))
            )
            continue
        base = int(min(a.n_people, b.n_people))
        for id, column, value, unit in (
            ("count", "The count", c.count_per_cent, "per cent of the earlier count"),
            ("share", "The share, in per cent of itself", c.share_per_cent, "per cent of the earlier share"),
            ("points", "The share, in points", c.share_points, "percentage points"),
        ):
            cells.append(
                (
                    label,
                    column,
                    measure(f"recruitment.change_{id}.{stem}", value, unit, base=base, wave=wave, decimals=1),
                )
            )
    if not cells:
        cells = [
            (
                "Not shown",
                "",
                register_cells.cannot(
                    wave, f"recruitment.change.all.{wave}", "only one year was supplied", "Supply an earlier year."
                ),
            )
        ]
    return layout.table(plan, wave, "recruitment.change", heading=title).add(cells).exhibit()


def _parity(plan: Plan, wave: str, ethnic: pd.DataFrame) -> Exhibit:
    """Return recruits' share over residents' share, for groups that the population figures hold."""
    joined = ethnic[ethnic["stage"] == "joined"].sort_values("year_ending")
    last = joined[joined["year_ending"] == joined["year_ending"].max()]
    cells: Triples = []
    for row in last.itertuples(index=False):
        known, residents = int(row.n_total - row.n_unknown), _share_of_residents(plan, str(row.group))
        label, id = f"{_label(plan, row)}: {row.group}", f"recruitment.parity.{_stem(row, wave)}.{_short(row.group)}"
        if residents is None or known <= 0 or _few(plan, row.n_people):
            why = "the population figures do not hold this group" if residents is None else TOO_FEW
            cells.append(
                (
                    label,
                    "Times the share of residents",
                    register_cells.cannot(wave, id, why, "Give the group's residents."),
                )
            )
            continue
        ratio, low, high = representation.parity(int(row.n_people), known, residents, 1.0)
        cells += [
            (
                label,
                "Residents' share",
                per_cent(
                    f"recruitment.residents.{_stem(row, wave)}.{_short(row.group)}",
                    residents,
                    wave,
                    public=True,
                    decimals=1,
                ),
            ),
            (
                label,
                "Times the share of residents",
                measure(id, ratio, "times", wave=wave, base=known, low=low, high=high, decimals=2),
            ),
        ]
    if not cells:
        refusal = register_cells.cannot(
            wave, f"recruitment.parity.all.{wave}", "no row is of people who joined", "Fill in."
        )
        cells = [("Not shown", "", refusal)]
    return layout.table(plan, wave, "recruitment.parity").add(cells).exhibit()


def _share_of_residents(plan: Plan, group: str) -> float | None:
    """Return a recorded group's share of residents: a level named like it, or everybody but White where it says so."""
    from evaluation.intake import waves

    wanted = group.strip().lower()
    for margin in waves.margins(plan).values():
        for level in margin.index.names:
            by = margin.groupby(level=level).sum()
            if plan.programme.stop_comparator.lower() not in by.index:
                continue
            shares = by / by.sum()
            words_of = {str(v).lower(): k for k, v in plan.levels_of(str(level)).items()}
            if wanted in words_of:
                return float(shares[words_of[wanted]])
            if wanted == "ethnic minorities, white minorities excluded":
                return float(1 - shares[plan.programme.stop_comparator.lower()])
    return None
