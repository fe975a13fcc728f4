"""Stop and search: ratios of rates with the bounds first, on each basis of ethnicity, by area, with their variation."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.programme import register_cells, stop_search_counts
from evaluation.analysis.programme.register_cells import Held, Triples
from evaluation.analysis.programme.stop_search_counts import Searches, estimates, prepared, shown, source
from evaluation.errors import EvaluationError
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.statistics import disparity

LABELS = {
    "drop": "Self-defined; those not stated left out",
    "officer_defined": "Defined by the officer",
    "self_then_officer": "Self-defined; by the officer where not stated",
    "proportional": "Self-defined; those not stated shared out as the stated are",
}


def stops(plan: Plan, wave: str, held: Held, population: Mapping[str, pd.Series]) -> list[Exhibit]:
    """Return ratios on each basis, rates, what was not stated, areas, variation, months and outcomes of searches."""
    rows = register_cells.register(plan, wave, held, "stop_search")
    if rows is None:
        return [register_cells.absent(plan, wave, "stops.ratio", "stop_search")]
    s = prepared(plan, wave, held, population)
    if s is None:
        cell = register_cells.cannot(
            wave,
            f"stops.ratio.all.{wave}",
            "no number of residents by ethnic group was supplied",
            "Give residents in the register or in the population margins, with their source.",
        )
        return [layout.table(plan, wave, "stops.ratio").only(cell)]
    return [
        _ratio(plan, wave, s),
        stop_search_counts.counts(plan, wave, s),
        stop_search_counts.rates(plan, wave, s),
        _variation(plan, wave, s),
        _areas(plan, wave, s),
        stop_search_counts.months(plan, wave, s),
        stop_search_counts.funnel(plan, wave, s),
        stop_search_counts.found(plan, wave, s),
        stop_search_counts.dip(plan, wave, rows),
    ]


def _ratio(plan: Plan, wave: str, s: Searches) -> Exhibit:
    group, other = plan.programme.stop_group, plan.programme.stop_comparator
    column = f"{group} residents' rate over {other} residents'"
    found = estimates(s)
    cells: Triples = []
    if "bounds" in found:
        low, high = found["bounds"]
        cells += [
            (f"Bound: all not stated counted as {other}", column, shown(low, "bound_low", wave, s)),
            (f"Bound: all not stated counted as {group}", column, shown(high, "bound_high", wave, s)),
        ]
    cells += [(LABELS[k], column, shown(found[k][0], k, wave, s)) for k in LABELS if k in found]
    return (
        layout.table(
            plan,
            wave,
            "stops.ratio",
            group=group,
            other=other,
            area=s.area,
            period=s.period,
            source=source(s),
            described=s.described,
        )
        .add(cells)
        .exhibit()
    )


def _variation(plan: Plan, wave: str, s: Searches) -> Exhibit:
    """Return the ratio's interval with the dispersion found, or with assumed ones where there are too few cells."""
    cells: Triples = []
    column = f"{plan.programme.stop_group} against {plan.programme.stop_comparator}, self-defined"
    rows = _cells(plan, s)
    enough = rows is not None and len(rows[["period", "place"]].drop_duplicates()) >= disparity.LEAST_CELLS
    if rows is not None and enough:
        e = disparity.quasi_poisson(
            rows,
            count="searches",
            population="residents",
            group="self",
            cells=("period", "place"),
            of=s.group,
            against=s.comparator,
        )
        cells.append(("Dispersion learnt from months and areas", column, shown(e, "dispersion_found", wave, s)))
        note = "The interval is wider than plain counting gives, by what months and areas show."
    else:
        for phi in (1.0, *disparity.ASSUMED):
            got = estimates(s, phi).get("drop")
            if got:
                label = "Plain counting" if phi == 1 else f"If counts vary {phi:g} times as much as plain counting"
                cells.append((label, column, shown(got[0], f"dispersion_{str(phi).replace('.', '_')}", wave, s)))
        note = (
            f"Fewer than {disparity.LEAST_CELLS} months or areas: how much counts vary beyond plain counting cannot "
            "be learnt, so assumed values stand beside one another."
        )
    cells += _counted_once(wave, s, column)
    if not cells:
        cells = [
            (
                "Not shown",
                column,
                register_cells.cannot(
                    wave, f"stops.variation.all.{wave}", "the comparator has no count", "Join months."
                ),
            )
        ]
    return (
        layout.table(plan, wave, "stops.variation", area=s.area, period=s.period, source=source(s), note=note)
        .add(cells)
        .exhibit()
    )


def _counted_once(wave: str, s: Searches, column: str) -> Triples:
    """Return the ratio with records of one time, place and legislation counted once, where a register says how many."""
    if s.once is None:
        return []
    try:
        e = disparity.rate_ratio(s.once, s.residents, group=s.group, comparator=s.comparator)[0]
    except EvaluationError:
        return []
    return [("Records of one time, place and law counted once", column, shown(e, "counted_once", wave, s))]


def _placed(plan: Plan, s: Searches) -> tuple[pd.Series, dict[str, str]]:
    """Return the part of the area that each district row belongs to in the residents' table, and its words."""
    names = register_cells.levels(plan, "stop_search", "area")
    assert s.by_district is not None
    if set(s.districts["area"]) & set(s.by_district.index):
        return s.districts["area"], names
    place = str(s.by_district.index.name)
    rule = plan.derive[place].map
    return s.districts["area"].map(lambda a: rule.get(a, rule.get("*", a))), plan.levels_of(place)


def _cells(plan: Plan, s: Searches) -> pd.DataFrame | None:
    """Return searches by period, place and group with residents; the whole area where districts are not known."""
    if s.by_district is not None:
        rows, place, residents = s.districts, _placed(plan, s)[0], s.by_district
    else:
        rows, place, residents = s.table, pd.Series("all", index=s.table.index), s.residents.to_frame("all").T
    rows = rows.assign(place=place)
    rows = rows[rows["self"].isin([s.group, s.comparator]) & rows["place"].isin(residents.index)]
    made = rows.groupby(["period", "place", "self"])["searches"].sum().unstack("self", fill_value=0)
    if made.empty or not {s.group, s.comparator} <= set(made.columns):
        return None
    long = made.stack().rename("searches").reset_index()
    long["residents"] = [float(residents.loc[p, g]) for p, g in zip(long["place"], long["self"], strict=True)]
    return long


def _areas(plan: Plan, wave: str, s: Searches) -> Exhibit:
    """Return the ratio pooled and within areas, and each area's own, where residents are known by area."""
    if s.by_district is None or s.districts["area"].nunique() < 2:
        few = s.districts["area"].nunique() < 2
        reason = "the counts are for the whole force area only" if few else "residents are not known by area and group"
        helps = "Count searches by district, with residents of each group by district."
        cell = register_cells.cannot(wave, f"stops.areas.all.{wave}", reason, helps)
        return layout.table(plan, wave, "stops.areas").only(cell)
    place, labels = _placed(plan, s)
    counts = s.districts.groupby([place, s.districts["self"]])["searches"].sum().unstack(fill_value=0)
    both = [a for a in counts.index if a in s.by_district.index]
    column = f"{plan.programme.stop_group} against {plan.programme.stop_comparator}, self-defined"
    pair = {"group": s.group, "comparator": s.comparator}
    cells: Triples = []
    for a in both:
        try:
            e = disparity.rate_ratio(counts.loc[a], s.by_district.loc[a], **pair)[0]
            cells.append((labels.get(a, a), column, shown(e, f"area_{a}", wave, s)))
        except EvaluationError as refused:
            cell = register_cells.cannot(wave, f"stops.area.{a}.{wave}", refused.what, refused.todo)
            cells.append((labels.get(a, a), column, cell))
    pooled, within = disparity.mantel_haenszel(counts.loc[both], s.by_district.loc[both], **pair)
    cells += [
        ("Pooled over areas", column, shown(pooled, "pooled", wave, s)),
        ("Within areas (Mantel-Haenszel)", column, shown(within, "within", wave, s)),
    ]
    return (
        layout.table(
            plan,
            wave,
            "stops.areas",
            period=s.period,
            source=source(s),
            stop_group=plan.programme.stop_group,
            stop_comparator=plan.programme.stop_comparator,
        )
        .add(cells)
        .exhibit()
    )
