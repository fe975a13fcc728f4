"""Searches counted: by group and month, per 1,000 residents, their outcomes, dip samples of the records."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from evaluation.analysis.programme import register_cells
from evaluation.analysis.programme.stop_search_inputs import ALIKE, NAMES, UNSTATED, Searches, month_words
from evaluation.exhibit import Exhibit, cell_key
from evaluation.plan.study import Plan
from evaluation.programme import representation
from evaluation.statistics import disparity
from evaluation.table_builder import Tables

FUNNEL_STATES = {
    "inside": "within the expected range",
    "outside 95 %": "outside it, as one in twenty is by chance",
    "outside 99.8 %": "far outside it",
}


def by_group(build: Tables, s: Searches) -> Exhibit:
    """Return searches by self-defined and officer-defined group; "not stated" is a row like any other."""
    order = [c for c in NAMES if c in set(s.cross.index.get_level_values(0))]
    columns = [c for c in NAMES if c in set(s.cross[s.cross > 0].index.get_level_values(1))]
    wide = s.cross.unstack("officer", fill_value=0).reindex(index=order, columns=columns, fill_value=0)
    own = {code: f"Self-defined: {name}" for code, name in NAMES.items()}
    officers = {code: f"Officer: {name}" for code, name in NAMES.items()}
    table = build.table("stops.counts").crosstab(
        wide.rename_axis(index="by_self", columns="by_officer"),
        "n",
        labels=own,
        headings=officers,
        totals="all",
        sums=True,
    )
    total, unstated = int(s.cross.sum()), int(s.by_self.get(UNSTATED, 0))
    table.row("all").count("all", total)
    table.sum(cell_key("searches"), [cell_key("searches", by_self=code) for code in order])
    table.row("share_not_stated").share("all", unstated / max(total, 1), base=total)
    if unstated and not set(columns) <= {"blank"}:
        coded = unstated - int(s.cross.get((UNSTATED, "blank"), 0))
        table.row("coded").share("all", coded / unstated, base=unstated)
    for column in ALIKE:
        if column in s.table and s.table[column].notna().all():
            table.row(column).count("all", s.table[column].sum())
    return table.note("unknown" if s.once is None else "kept").exhibit()


def rates(build: Tables, s: Searches) -> Exhibit:
    """Return searches per 1,000 residents of each self-defined group, with exact intervals."""
    table = build.table("stops.rates")
    for e in disparity.rates(s.by_self.drop(UNSTATED, errors="ignore"), s.residents):
        row = table.row(e.group, NAMES.get(e.group, e.group))
        row.number("rate", e.value, low=e.low, high=e.high, base=sum(e.n.values()))
    return table.exhibit()


def months(build: Tables, s: Searches) -> Exhibit:
    """Return searches by period, and the last period against the one a year before where there is one."""
    table, by = build.table("stops.months"), s.table.groupby("period")["searches"].sum().sort_index()
    for period, n in by.items():
        table.row(str(period), month_words(str(period))).count("n", n)
    table.sum(cell_key("searches"), [cell_key("searches", period=p) for p in by.index])
    last = str(by.index[-1])
    earlier = f"{int(last[:4]) - 1}{last[4:]}" if last[:4].isdigit() else ""
    if earlier not in by.index:
        return table.note("alone").exhibit()
    e = disparity.year_on_year(float(by[earlier]), float(by.iloc[-1]), dispersion=disparity.ASSUMED[1])
    row = table.row("change", f"{month_words(last)} against {month_words(earlier)}")
    row.number("change", e.value, low=e.low, high=e.high)
    row.text("flag", "within expected variation" if e.low <= 0 <= e.high else "outside expected variation")
    return table.note("raised").exhibit()


def unstated_funnel(plan: Plan, build: Tables, s: Searches) -> Exhibit:
    """Return the share not stated of each month (or of each area, where areas are known) against its expected range."""
    areas = s.districts["area"].nunique() > 1
    rows, unit = (s.districts, "area") if areas else (s.table, "period")
    base = rows.groupby(unit)["searches"].sum()
    base = base[base > 0]
    unstated = rows[rows["self"] == UNSTATED].groupby(unit)["searches"].sum().reindex(base.index).fillna(0)
    names = register_cells.levels(plan, "stop_search", "area")
    table = build.table("stops.funnel", row_header="Area" if areas else "Month")
    for name, values in disparity.funnel(unstated.astype(float), base.astype(float)).iterrows():
        row = table.row(str(name), names.get(str(name), str(name)) if areas else month_words(str(name)))
        row.count("n", values["n"], **{unit: name})
        shares = {"share": values["share"], "low": values["low_95"], "high": values["high_95"]}
        row.cells({**shares, "state": FUNNEL_STATES[values["state"]]}, base=int(values["n"]))
    return table.exhibit()


def outcomes(build: Tables, s: Searches) -> Exhibit:
    """Return, by group, the share of searches that found what they sought; else the share with any outcome."""
    linked = "outcomes_linked" in s.table and s.table["outcomes_linked"].notna().any()
    if not linked and not ("nfa" in s.table and s.table["nfa"].notna().any()):
        helps = "Give the number of searches with an outcome linked to the object."
        return build.refused("stops.found", register_cells.refusal("outcomes of searches were not supplied", helps))
    part = s.table.dropna(subset=["outcomes_linked" if linked else "nfa"])
    counts = part.groupby("self")["searches"].sum()
    hits = part.groupby("self")["outcomes_linked"].sum() if linked else counts - part.groupby("self")["nfa"].sum()
    table, column = build.table("stops.found"), "linked" if linked else "outcome"
    for code in [c for c in NAMES if c in counts.index and counts[c] > 0]:
        share = disparity.find_rates(hits, counts, group=code, comparator=code)[0]
        row = table.row(code, NAMES[code])
        row.estimate(column, replace(share, id=table.id(code, ""), wave=build.wave))
    if {s.group, s.comparator} <= set(counts.index):
        gap = disparity.find_rates(hits, counts, group=s.group, comparator=s.comparator)[2]
        row = table.row("gap", f"{NAMES[s.group]} minus {NAMES[s.comparator]}")
        row.estimate(
            column, replace(gap, id=f"stops.found_gap.all.{build.wave}".lower(), wave=build.wave, null=None, p=None)
        )
    return (table if linked else table.note("unlinked")).exhibit()


def dip_samples(build: Tables, rows: pd.DataFrame) -> Exhibit:
    """Return what a dip sample of records allows: its failures, and the most that would still fit."""
    if "dip_sampled" not in rows or not rows["dip_sampled"].notna().any():
        helps = "Record how many records were sampled and how many failed, by year."
        return build.refused("stops.dip", register_cells.refusal("results of dip sampling were not supplied", helps))
    sampled, failed = int(rows["dip_sampled"].sum()), int(rows["dip_failed"].fillna(0).sum())
    low, high = representation.exact_interval(failed, sampled)
    table = build.table("stops.dip")
    table.row("failed").share("share", failed / sampled, low=low, high=high, base=sampled)
    return table.exhibit()
