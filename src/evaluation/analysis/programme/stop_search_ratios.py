"""Stop and search: ratios of rates with the bounds first, on each basis of ethnicity, by area, with their variation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.programme import national_trend, register_cells, stop_search_counts
from evaluation.analysis.programme.stop_search_inputs import Searches, described, estimates, searches
from evaluation.errors import EvaluationError
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate
from evaluation.statistics import disparity
from evaluation.table_builder import Tables

TREATMENTS = ("drop", "officer_defined", "self_then_officer", "proportional")


def stops(
    plan: Plan, wave: str, registers: register_cells.Registers, population: Mapping[str, pd.Series]
) -> list[Exhibit]:
    """Return ratios on each basis, rates, what was not stated, areas, variation, months and outcomes of searches."""
    rows = register_cells.register(plan, wave, registers, "stop_search")
    if rows is None:
        return [register_cells.absent(plan, wave, "stops.ratio", "stop_search")]
    s = searches(plan, wave, registers, population)
    if s is None:
        why = "no number of residents by ethnic group was supplied"
        helps = "Give residents in the register or in the population margins, with their source."
        cell = replace(register_cells.refusal(why, helps), id=f"stops.ratio.all.{wave}".lower(), wave=wave)
        return [layout.table(plan, wave, "stops.ratio").only(cell)]
    about = {"area": s.area, "period": s.period, "source": s.source, "described": s.described}
    about["aged"] = aged(plan, wave, s)
    build = layout.tables(plan, wave, **register_cells.pair(plan), **about)
    return [
        _ratio(build, s),
        stop_search_counts.by_group(build, s),
        stop_search_counts.rates(build, s),
        _variation(plan, build, s),
        _areas(plan, build, s),
        stop_search_counts.months(build, s),
        stop_search_counts.unstated_funnel(plan, build, s),
        stop_search_counts.outcomes(build, s),
        stop_search_counts.dip_samples(build, rows),
    ]


def aged(plan: Plan, wave: str, s: Searches) -> str:
    """Return "[5 years before this survey] " where the latest searches are older than 24 months; "" otherwise."""
    until = register_cells.latest(s.table["period"]) if "period" in s.table else ""
    words = register_cells.age_words(pd.Timestamp(until), national_trend.fieldwork_end(plan, wave)) if until else ""
    return f"{words} " if words else ""


def _ratio(build: Tables, s: Searches) -> Exhibit:
    table, ratios = build.table("stops.ratio"), estimates(s)
    rows = dict(zip(("bound_low", "bound_high"), ratios.get("bounds", ()), strict=False))
    rows |= {k: ratios[k][0] for k in TREATMENTS if k in ratios}
    for key, ratio in rows.items():
        table.row(key).estimate("ratio", described(ratio, key, build.wave, s))
    return table.exhibit(as_of=register_cells.latest(s.table["period"]) if "period" in s.table else "")


def _variation(plan: Plan, build: Tables, s: Searches) -> Exhibit:
    """Return the ratio's interval with the dispersion found, or with assumed ones where there are too few cells."""
    table, rows = build.table("stops.variation"), cells(plan, s)
    ratios = {}
    if rows is not None and len(rows[["period", "place"]].drop_duplicates()) >= disparity.LEAST_CELLS:
        ratios["dispersion_found"] = disparity.quasi_poisson(
            rows,
            count="searches",
            population="residents",
            group="self",
            cells=("period", "place"),
            of=s.group,
            against=s.comparator,
        )
        table.note("found")
    else:
        for phi in (1.0, *disparity.ASSUMED):
            if "drop" in (assumed := estimates(s, phi)):
                ratios[f"dispersion_{str(phi).replace('.', '_')}"] = assumed["drop"][0]
        table.note("assumed", least=disparity.LEAST_CELLS)
    if (once := _counted_once(s)) is not None:
        ratios["counted_once"] = once
    for key, ratio in ratios.items():
        table.row(key).estimate("ratio", described(ratio, key, build.wave, s))
    return table.exhibit(as_of=register_cells.latest(s.table["period"]) if "period" in s.table else "")


def _counted_once(s: Searches) -> Estimate | None:
    """Return the ratio with records of one time, place and legislation counted once, where a register says how many."""
    if s.once is None:
        return None
    try:
        return disparity.rate_ratio(s.once, s.residents, group=s.group, comparator=s.comparator)[0]
    except EvaluationError:
        return None


def _placed(plan: Plan, s: Searches) -> tuple[pd.Series, dict[str, str]]:
    """Return the part of the area that each district row belongs to in the residents' table, and its words."""
    names = register_cells.levels(plan, "stop_search", "area")
    assert s.by_district is not None
    if set(s.districts["area"]) & set(s.by_district.index):
        return s.districts["area"], names
    place = str(s.by_district.index.name)
    rule = plan.derive[place].map
    return s.districts["area"].map(lambda a: rule.get(a, rule.get("*", a))), plan.levels_of(place)


def cells(plan: Plan, s: Searches) -> pd.DataFrame | None:
    """Return searches by period, place and group with residents; the whole area where districts are not known."""
    if s.by_district is not None:
        rows, place, residents = s.districts, _placed(plan, s)[0], s.by_district
    else:
        rows, place, residents = s.table, pd.Series("all", index=s.table.index), s.residents.to_frame("all").T
    rows = rows.assign(place=place)
    rows = rows[rows["self"].isin([s.group, s.comparator]) & rows["place"].isin(residents.index)]
    wide = rows.groupby(["period", "place", "self"])["searches"].sum().unstack("self", fill_value=0)
    if wide.empty or not {s.group, s.comparator} <= set(wide.columns):
        return None
    long = wide.stack().rename("searches").reset_index()
    long["residents"] = [float(residents.loc[p, g]) for p, g in zip(long["place"], long["self"], strict=True)]
    return long


def counted(
    plan: Plan, wave: str, registers: register_cells.Registers, population: Mapping[str, pd.Series]
) -> pd.DataFrame:
    """Return searches and residents by `cell` (period, place) and group, the comparator first; none without counts."""
    s = searches(plan, wave, registers, population) if "stop_search" in registers else None
    rows = None if s is None else cells(plan, s)
    if s is None or rows is None:
        return pd.DataFrame(columns=["cell", "group", "searches", "residents"])
    groups = pd.Categorical(rows["self"], categories=[s.comparator, s.group])
    return rows.assign(group=groups, cell=rows["period"].astype(str) + ", " + rows["place"].astype(str))


def _areas(plan: Plan, build: Tables, s: Searches) -> Exhibit:
    """Return the ratio pooled and within areas, and each area's own, where residents are known by area."""
    if s.by_district is None or s.districts["area"].nunique() < 2:
        few = s.districts["area"].nunique() < 2
        why = "the counts are for the whole force area only" if few else "residents are not known by area and group"
        helps = "Count searches by district, with residents of each group by district."
        return build.refused("stops.areas", register_cells.refusal(why, helps))
    table, (place, labels) = build.table("stops.areas"), _placed(plan, s)
    counts = s.districts.groupby([place, s.districts["self"]])["searches"].sum().unstack(fill_value=0)
    both = [a for a in counts.index if a in s.by_district.index]
    pair = {"group": s.group, "comparator": s.comparator}
    for area in both:
        row = table.row(area, labels.get(area, area))
        try:
            ratio = disparity.rate_ratio(counts.loc[area], s.by_district.loc[area], **pair)[0]
            row.estimate("ratio", described(ratio, f"area_{area}", build.wave, s))
        except EvaluationError as error:
            row.refused("ratio", error.what, error.todo)
    for key, ratio in zip(
        ("pooled", "within"), disparity.mantel_haenszel(counts.loc[both], s.by_district.loc[both], **pair), strict=True
    ):
        table.row(key).estimate("ratio", described(ratio, key, build.wave, s))
    return table.exhibit(as_of=register_cells.latest(s.table["period"]) if "period" in s.table else "")
