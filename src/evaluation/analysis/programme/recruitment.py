"""Recruitment against the goal that was set: exact intervals, unknowns at best and worst, where the gap opens."""

from __future__ import annotations

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.programme import register_cells
from evaluation.errors import DataError
from evaluation.exhibit import Exhibit
from evaluation.intake import waves
from evaluation.plan.study import Plan
from evaluation.programme import representation
from evaluation.table_builder import Row, Table, Tables

NO_GOAL = "no goal was set for this group"
TOO_FEW = "too few people to show a share"
STAGES = ("applied", "offered", "joined", "in_post", "left")


def recruitment(plan: Plan, wave: str, registers: register_cells.Registers) -> list[Exhibit]:
    """Return the share of recruits against the goal, the funnel by stage, counts, and change told three ways."""
    rows = register_cells.register(plan, wave, registers, "recruitment")
    if rows is None:
        return [register_cells.absent(plan, wave, "recruitment.goal", "recruitment")]
    ethnic = rows[rows["group_type"] == "ethnicity"]
    joined = ethnic[ethnic["stage"] == "joined"].sort_values("year_ending")
    build = layout.tables(plan, wave)
    return [
        _goal(plan, build, joined),
        _funnel(plan, build, ethnic),
        _counts(plan, build, rows),
        _change(plan, build, joined),
        _parity(plan, build, joined),
    ]


def _few(plan: Plan, n: float) -> bool:
    """Return whether a count of people is too small for its share to be shown."""
    return 0 < int(n) < plan.disclosure.threshold


def _year(day: pd.Timestamp) -> str:
    return f"Year to {register_cells.day_words(day)}"


def _label(plan: Plan, role: object, year_ending: pd.Timestamp) -> str:
    name = register_cells.levels(plan, "recruitment", "role").get(str(role), str(role))
    return f"{_year(year_ending)}, {name}"


def _key(role: object, year_ending: pd.Timestamp, wave: str) -> str:
    return f"{role}.{pd.Timestamp(year_ending):%Y}.{wave}"


def _short(group: object) -> str:
    return "".join(ch if ch.isalnum() else "-" for ch in str(group).lower())[:24].strip("-")


def _goal(plan: Plan, build: Tables, joined: pd.DataFrame) -> Exhibit:
    goal, several = plan.programme.recruit_goal, joined["group"].nunique() > 1
    group = "; ".join(dict.fromkeys(joined["group"].astype(str)))
    table = build.table("recruitment.goal", goal=f"{100 * goal:.0f}", group=group)
    for recruits in joined.itertuples(index=False):
        when = recruits.role, recruits.year_ending
        key, label = _key(*when, build.wave), _label(plan, *when)
        if several:
            key, label = f"{key}.{_short(recruits.group)}", f"{label}: {recruits.group}"
        row = table.row(key, label)
        if _few(plan, recruits.n_people):
            row.refused("goal", TOO_FEW, "Join years or roles.")
            continue
        try:
            g = representation.against_goal(
                int(recruits.n_people), int(recruits.n_total), int(recruits.n_unknown), goal=goal
            )
        except DataError as error:
            row.refused("goal", error.what, error.todo)
            continue
        row.share("goal", g.known_share, base=g.known, low=g.low, high=g.high)
        met = g.met if _has_goal(plan, recruits.group) else NO_GOAL
        row.cells({"worst": g.worst, "best": g.best, "met": met}, base=g.known)
    as_of = register_cells.latest(joined["year_ending"])
    return table.exhibit(reference=100 * goal, finding=_last_share(table, goal), as_of=as_of)


def _last_share(table: Table, goal: float) -> str:
    """Return the sentence of the last year's share against the goal, its number as the id that will fill it."""
    shares = [i for i in table.items if i.column == table.column("goal").label]
    if not shares:
        return ""
    last = shares[-1]
    return f"{last.row}: {{{last.result.id}}} of those who joined; the goal was {100 * goal:.0f} per cent"


def _has_goal(plan: Plan, group: object) -> bool:
    """Return whether the goal is about a recorded group: it is about all ethnic minorities, not about one of them."""
    names = {
        str(w).lower()
        for v in plan.codebook.table("survey").variables.values()
        if v.name in plan.derive or v.made_from
        for w in v.levels.values()
    }
    return str(group).strip().lower() not in names


def _funnel(plan: Plan, build: Tables, ethnic: pd.DataFrame) -> Exhibit:
    names = register_cells.levels(plan, "recruitment", "stage")
    last = ethnic[ethnic["year_ending"] == ethnic["year_ending"].max()]
    when = _year(last["year_ending"].iloc[0]) if len(last) else ""
    table = build.table("recruitment.funnel", when=f"{when[:1].lower()}{when[1:]}")
    for group in dict.fromkeys(last["group"].astype(str)):
        table.head({_short(group): group})
        for n in representation.funnel(last[last["group"] == group], order=STAGES).itertuples(index=False):
            row = table.row(n.stage, names.get(n.stage, n.stage))
            if _few(plan, n.people):
                row.refused(_short(group), TOO_FEW, "Join years or roles.")
            else:
                row.share(_short(group), n.share, low=n.low, high=n.high, base=int(n.known))
    return table.exhibit()


def _counts(plan: Plan, build: Tables, rows: pd.DataFrame) -> Exhibit:
    table, names = build.table("recruitment.counts"), register_cells.levels(plan, "recruitment", "stage")
    for n in rows.sort_values(["year_ending", "role", "stage"]).itertuples(index=False):
        group, when = _short(n.group), (n.role, n.year_ending)
        row = table.row(
            f"{n.stage}.{_key(*when, build.wave)}.{n.group_type}-{group}",
            f"{_label(plan, *when)}, {names.get(n.stage, n.stage)}: {n.group}",
        )
        levels = {"role": n.role, "stage": n.stage, "year": f"{n.year_ending:%Y-%m-%d}", "type": n.group_type}
        for column, value, of in (
            ("people", n.n_people, {"group": group}),
            ("total", n.n_total, {}),
            ("unknown", n.n_unknown, {"group": "unknown"}),
        ):
            if not pd.isna(value):
                row.count(column, value, **levels, **of)
    return table.exhibit()


def _change(plan: Plan, build: Tables, joined: pd.DataFrame) -> Exhibit:
    table = build.table("recruitment.change")
    for (role, group), part in joined.groupby(["role", "group"], sort=True):
        if len(part) >= 2:
            before, after = part.iloc[-2], part.iloc[-1]
            row = table.row(
                f"{role}.{_short(group)}.{build.wave}",
                f"{_label(plan, after.role, after.year_ending)} against the year before",
            )
            _three_ways(row, before, after)
    return table.exhibit()


def _three_ways(row: Row, before: pd.Series, after: pd.Series) -> None:
    """Add the change of the count, of the share in per cent of itself, and of the share in points."""
    try:
        c = representation.change(
            int(before.n_people),
            int(before.n_total - before.n_unknown),
            int(after.n_people),
            int(after.n_total - after.n_unknown),
        )
    except DataError as error:
        row.refused("none", error.what, error.todo)
        return
    ways = {"count": c.count_per_cent, "share": c.share_per_cent, "points": c.share_points}
    row.cells(ways, base=int(min(before.n_people, after.n_people)))


def _parity(plan: Plan, build: Tables, joined: pd.DataFrame) -> Exhibit:
    """Return recruits' share over residents' share, for groups that the population figures hold."""
    table = build.table("recruitment.parity")
    for n in joined[joined["year_ending"] == joined["year_ending"].max()].itertuples(index=False):
        when = n.role, n.year_ending
        known, residents = int(n.n_total - n.n_unknown), _share_of_residents(plan, str(n.group))
        row = table.row(f"{_key(*when, build.wave)}.{_short(n.group)}", f"{_label(plan, *when)}: {n.group}")
        if residents is None or known <= 0 or _few(plan, n.n_people):
            why = "the population figures do not hold this group" if residents is None else TOO_FEW
            row.refused("parity", why, "Give the group's residents.")
            continue
        ratio, low, high = representation.parity(int(n.n_people), known, residents, 1.0)
        row.share("residents", residents).number("parity", ratio, base=known, low=low, high=high)
    return table.exhibit()


def _share_of_residents(plan: Plan, group: str) -> float | None:
    """Return a recorded group's share of residents: a level named like it, or everybody but White where it says so."""
    wanted, comparator = group.strip().lower(), plan.programme.stop_comparator.lower()
    for level, residents in register_cells.residents_by(waves.margins(plan), comparator):
        shares = residents / residents.sum()
        codes = {str(v).lower(): k for k, v in plan.levels_of(level).items()}
        if wanted in codes:
            return float(shares[codes[wanted]])
        if wanted == "ethnic minorities, white minorities excluded":
            return float(1 - shares[comparator])
    return None
