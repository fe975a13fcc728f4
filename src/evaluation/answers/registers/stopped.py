"""Stop and search: ratios of rates with the bounds first, on each basis of ethnicity, by area, month and outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from evaluation.answers.registers import shelf
from evaluation.answers.registers.shelf import Held, Triples, official, per_cent
from evaluation.answers.words import exhibit, measure, words
from evaluation.errors import EvaluationError
from evaluation.estimates import Estimate
from evaluation.exhibits import Exhibit, cell_key
from evaluation.statistics import disparity
from evaluation.study import Plan

SECTIONS = ("policy-11", "annex-M")
# First letter of the self-defined codes that all forces record (the "18+1" list) to the broad group of the Census.
BROAD = {"A": "asian", "B": "black", "M": "mixed", "O": "other", "W": "white"}
UNSTATED = "not_stated"
NOT_WHY = ("A ratio does not say why stops differ, residents are not the people available to be stopped, and one person "
           "may be stopped several times. Intervals show counting variation only.")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Searches:
    """Counts of searches ready for the ratio: by (self-defined, officer-defined), residents, and the words of both."""

    table: pd.DataFrame
    cross: pd.Series
    residents: pd.Series
    described: str
    period: str
    area: str
    group: str
    comparator: str


def stops(plan: Plan, wave: str, held: Held, population: Mapping[str, pd.Series]) -> list[Exhibit]:
    """Return ratios on each basis, rates, what was not stated, areas, variation, months and outcomes of searches."""
    rows = shelf.register(plan, wave, held, "stop_search")
    if rows is None:
        return [shelf.absent(plan, wave, "stops.ratio", "Stop and search", "stop_search", SECTIONS)]
    s = prepared(plan, wave, held, population)
    if s is None:
        cell = shelf.cannot(wave, f"stops.ratio.all.{wave}", "no number of residents by ethnic group was supplied",
                            "Give residents in the register or in the population margins, with their source.")  # fmt: skip
        return [exhibit("stops.ratio", "Stop and search", [("Not shown", "", cell)], sections=SECTIONS, wave=wave)]
    return [_ratio(plan, wave, s), _counts(plan, wave, s), _rates(plan, wave, s), _variation(plan, wave, s),
            _areas(plan, wave, s), _months(plan, wave, s), _found(plan, wave, s, rows), _dip(wave, rows)]  # fmt: skip


def prepared(plan: Plan, wave: str, held: Held, population: Mapping[str, pd.Series]) -> Searches | None:
    """Return the counts with residents of both groups; None when the register or the residents are not there."""
    rows = shelf.register(plan, wave, held, "stop_search")
    if rows is None:
        return None
    residents, described = _residents(plan, rows, population)
    group, comparator = plan.programme.stop_group.lower(), plan.programme.stop_comparator.lower()
    if residents is None or not {group, comparator} <= set(residents.index):
        return None
    table = _long(rows)
    return Searches(table, table.groupby(["self", "officer"])["searches"].sum(), residents, described, _period(rows),
                    _area(plan, rows), group, comparator)  # fmt: skip


# ---- reading ----------------------------------------------------------------------------------------------------


def _long(rows: pd.DataFrame) -> pd.DataFrame:
    """Return searches by period, area, broad self-defined and officer-defined group; blanks are words, never NA."""
    wide = rows[rows["basis"] == "cross"] if (rows["basis"] == "cross").any() else rows[rows["basis"] == "self_defined"]
    out = pd.DataFrame({
        "period": wide["period"].astype(str), "area": wide["area"].astype(str),
        "self": [BROAD.get(str(e)[:1], UNSTATED) if str(e) != "NS" else UNSTATED for e in wide["ethnicity"]],
        "officer": wide["officer"].fillna("blank").astype(str) if "officer" in wide else "blank",
        "searches": wide["searches"].astype(int),
    })  # fmt: skip
    for extra in ("outcomes_linked", "nfa"):
        if extra in wide:
            out[extra] = wide[extra]
    return out.reset_index(drop=True)


def _residents(
    plan: Plan, rows: pd.DataFrame, population: Mapping[str, pd.Series]
) -> tuple[pd.Series | None, str]:
    """Return residents by broad group and their description: the register's own, else the plan's margins."""
    if "population" in rows and rows["population"].notna().any():
        once = rows.dropna(subset=["population"]).drop_duplicates(["area", "ethnicity"])
        broad = once["ethnicity"].astype(str).str[:1].map(BROAD)
        sums = once["population"].astype(float).groupby(broad).sum()
        named = rows["population_source"].dropna() if "population_source" in rows else pd.Series(dtype=str)
        return sums, str(named.iloc[0]) if len(named) else "source not stated"
    for margin in population.values():
        names = list(margin.index.names)
        for level in names:
            sums = margin.groupby(level=level).sum()
            if {plan.programme.stop_group.lower(), plan.programme.stop_comparator.lower()} <= set(sums.index):
                return sums, plan.population.title
    return None, ""


def _period(rows: pd.DataFrame) -> str:
    names = sorted(rows["period"].astype(str).unique())
    spoken = [pd.Period(n, freq="M").strftime("%B %Y") if len(n) == 7 and n[4] == "-" else n for n in names]
    return spoken[0] if len(spoken) == 1 else f"{spoken[0]} to {spoken[-1]}"


def _area(plan: Plan, rows: pd.DataFrame) -> str:
    codes = list(dict.fromkeys(rows["area"].astype(str)))
    if codes == ["force"]:
        return f"{plan.words.place} (the force area)"
    names = shelf.levels(plan, "stop_search", "area")
    return ", ".join(names.get(c, c) for c in codes)


def _context(s: Searches) -> str:
    return f"{s.area}, {s.period}; residents: {s.described}"


def _source(s: Searches) -> str:
    return f"Police stop and search records; {_context(s)}"


# ---- ratio ------------------------------------------------------------------------------------------------------


def estimates(s: Searches, dispersion: float = 1.0) -> dict[str, list[Estimate]]:
    """Return the ratio under each treatment of "not stated"; what cannot be worked out is left out."""
    by_officer = s.cross.groupby(level="officer").sum().drop("blank", errors="ignore")
    by_self = s.cross.groupby(level="self").sum()
    words_ = {"group": s.group, "comparator": s.comparator, "dispersion": dispersion}
    asked: dict[str, Any] = {
        "bounds": lambda: disparity.rate_ratio(by_self, s.residents, unknown="bounds", **words_),
        "drop": lambda: disparity.rate_ratio(by_self, s.residents, unknown="drop", **words_),
        "officer_defined": lambda: disparity.rate_ratio(by_officer, s.residents, unknown="drop", **words_),
        "self_then_officer": lambda: disparity.rate_ratio(s.cross, s.residents, unknown="officer", **words_),
        "proportional": lambda: disparity.rate_ratio(by_self, s.residents, unknown="proportional", **words_),
    }
    out = {}
    for name, made in asked.items():
        try:
            out[name] = made()
        except EvaluationError:
            continue
    return out


LABELS = {
    "drop": "Self-defined; those not stated left out", "officer_defined": "Defined by the officer",
    "self_then_officer": "Self-defined; by the officer where not stated",
    "proportional": "Self-defined; those not stated shared out as the stated are",
}  # fmt: skip


def _ratio(plan: Plan, wave: str, s: Searches) -> Exhibit:
    group, other = plan.programme.stop_group, plan.programme.stop_comparator
    column = f"{group} residents' rate over {other} residents'"
    found = estimates(s)
    cells: Triples = []
    if "bounds" in found:
        low, high = found["bounds"]
        cells += [(f"Bound: all not stated counted as {other}", column, _shown(low, "bound_low", wave, s)),
                  (f"Bound: all not stated counted as {group}", column, _shown(high, "bound_high", wave, s))]  # fmt: skip
    cells += [(LABELS[k], column, _shown(found[k][0], k, wave, s)) for k in LABELS if k in found]
    title = f"Stop and search: {group} against {other} residents, {s.area}, {s.period}"
    notes = (f"Rates per resident; {s.described}.",
             f"Read as: {group} residents were searched at so many times the rate of {other} residents. The bounds come "
             "first because they are wider than any counting error.", NOT_WHY)  # fmt: skip
    return exhibit("stops.ratio", title, cells, sections=SECTIONS, wave=wave, chart="dots",
                   row_header="Basis of ethnic group", source=_source(s), notes=notes,
                   extras={"axis": column, "reference": 1.0})  # fmt: skip


def _shown(e: Estimate, id: str, wave: str, s: Searches) -> Estimate:
    """Return the ratio as a described figure: no verdict is read from it."""
    return replace(e, id=f"stops.ratio.{id}.{wave}".lower(), wave=wave, null=None, p=None, n={},
                   question=f"Ratio of search rates, {s.group} against {s.comparator} residents; {_context(s)}",
                   sample=e.estimand, estimand="")  # fmt: skip


def _variation(plan: Plan, wave: str, s: Searches) -> Exhibit:
    """Return the ratio's interval with the dispersion found, or with assumed ones where there are too few cells."""
    cells: Triples = []
    column = f"{plan.programme.stop_group} against {plan.programme.stop_comparator}, self-defined"
    rows = s.table[s.table["self"].isin([s.group, s.comparator])]
    rows = rows.groupby(["period", "area", "self"], as_index=False)["searches"].sum()
    rows["residents"] = rows["self"].map(s.residents)
    places = rows[["period", "area"]].drop_duplicates()
    own = s.table["area"].nunique() > 1  # residents are known for the whole area only
    if len(places) >= disparity.LEAST_CELLS and not own:
        e = disparity.quasi_poisson(rows, count="searches", population="residents", group="self",
                                    cells=("period", "area"), of=s.group, against=s.comparator)  # fmt: skip
        cells.append(("Dispersion learnt from the months", column, _shown(e, "dispersion_found", wave, s)))
        note = "The interval is wider than plain counting gives, by what the months show."
    else:
        for phi in (1.0, *disparity.ASSUMED):
            got = estimates(s, phi).get("drop")
            if got:
                label = "Plain counting" if phi == 1 else f"If counts vary {phi:g} times as much as plain counting"
                cells.append((label, column, _shown(got[0], f"dispersion_{str(phi).replace('.', '_')}", wave, s)))
        note = (f"Fewer than {disparity.LEAST_CELLS} months or areas: how much counts vary beyond plain counting cannot "
                "be learnt, so assumed values stand beside one another.")  # fmt: skip
    if not cells:
        cells = [("Not shown", column, shelf.cannot(wave, f"stops.variation.all.{wave}", "the comparator has no count",
                                                    "Join months."))]  # fmt: skip
    return exhibit("stops.variation", f"How sure the ratio is, {s.area}, {s.period}", cells, sections=("annex-M",),
                   wave=wave, row_header="Variation assumed", source=_source(s), notes=(note, NOT_WHY))  # fmt: skip


# ---- counts, rates, areas, months -------------------------------------------------------------------------------


def _names(plan: Plan) -> dict[str, str]:
    return {"asian": "Asian", "black": "Black", "mixed": "Mixed or Multiple", "other": "Other", "white": "White",
            UNSTATED: "Not stated", "blank": "Not recorded"}  # fmt: skip


def _counts(plan: Plan, wave: str, s: Searches) -> Exhibit:
    """Return searches by self-defined and officer-defined group; "not stated" is a row like any other."""
    names = _names(plan)
    cells: Triples = []
    sums = []
    order = [c for c in names if c in set(s.cross.index.get_level_values(0))]
    columns = [c for c in names if c in set(s.cross.index.get_level_values(1))]
    key = {"unit": "searches", "universe": "searches"}
    for row in order:
        parts = []
        for column in columns:
            n = int(s.cross.get((row, column), 0))
            count = official(f"stops.n.{row}.{wave}.{column}", n, wave, **key, by_self=row, by_officer=column)
            cells.append((f"Self-defined: {names[row]}", f"Officer: {names[column]}", count))
            parts.append(count.key)
        total = official(f"stops.n.{row}.{wave}", int(s.cross[row].sum()), wave, **key, by_self=row)
        cells.append((f"Self-defined: {names[row]}", "All", total))
        sums.append((total.key, tuple(parts)))
    whole = official(f"stops.n.all.{wave}", int(s.cross.sum()), wave, **key)
    cells.append(("All searches", "All", whole))
    sums.append((whole.key, tuple(cell_key("searches", by_self=r) for r in order)))
    unstated = int(s.cross.groupby(level="self").sum().get(UNSTATED, 0))
    share = per_cent(f"stops.not_stated.all.{wave}", unstated / max(whole.n, 1), wave, public=True, base=whole.n,
                     decimals=1)  # fmt: skip
    cells.append(("Share not stated", "All", share))
    if unstated and not set(columns) <= {"blank"}:
        seen = unstated - int(s.cross.get((UNSTATED, "blank"), 0))
        cells.append(("Of those, with an officer's entry", "All", per_cent(
            f"stops.refusals_coded.all.{wave}", seen / unstated, wave, public=True, base=unstated)))  # fmt: skip
    return exhibit("stops.counts", f"Searches by ethnic group, {s.area}, {s.period}", cells, sections=("annex-M",),
                   wave=wave, row_header="Group", source=_source(s), sums=tuple(sums),
                   notes=("Identical records are kept and counted: the public records do not say whether two of them are "
                          "one search. Officers' list has no Mixed group.",))  # fmt: skip


def _rates(plan: Plan, wave: str, s: Searches) -> Exhibit:
    names, by = _names(plan), s.cross.groupby(level="self").sum().drop(UNSTATED, errors="ignore")
    cells: Triples = [
        (names.get(e.group, e.group), "Searches per 1,000 residents",
         measure(f"stops.rate.{e.group}.{wave}", e.value, "per 1,000 residents", wave=wave, low=e.low, high=e.high,
                 public=True, base=sum(e.n.values()), decimals=2))
        for e in disparity.rates(by, s.residents)
    ]  # fmt: skip
    return exhibit("stops.rates", f"Searches per 1,000 residents, {s.area}, {s.period}, self-defined", cells,
                   sections=("annex-M",), wave=wave, chart="dots", row_header="Group", source=_source(s),
                   notes=("Those not stated are in none of these rates, so every rate is too low.", NOT_WHY),
                   extras={"axis": f"Searches per 1,000 residents, {s.period}"})  # fmt: skip


def _areas(plan: Plan, wave: str, s: Searches) -> Exhibit:
    """Return the ratio pooled and within areas, and each area's own, where residents are known by area."""
    title = f"The ratio by area, {s.period}"
    codes = [a for a in s.table["area"].unique() if a != "force"]
    if len(codes) < 2:
        cell = shelf.cannot(wave, f"stops.areas.all.{wave}", "the counts are for the whole force area only",
                            "Count searches by district, with residents by district.")  # fmt: skip
        return exhibit("stops.areas", title, [("Not shown", "", cell)], sections=("annex-M",), wave=wave)
    return _by_area(plan, wave, s, codes, title)


def _by_area(plan: Plan, wave: str, s: Searches, codes: list[str], title: str) -> Exhibit:
    from evaluation.intake import waves

    found = next((m for m in waves.margins(plan).values() if m.index.nlevels > 1
                  and s.group in set(m.index.get_level_values(0))), None)  # fmt: skip
    if found is None:
        cell = shelf.cannot(wave, f"stops.areas.all.{wave}", "residents are not known by area and group",
                            "Give a population margin of ethnic group by area.")  # fmt: skip
        return exhibit("stops.areas", title, [("Not shown", "", cell)], sections=("annex-M",), wave=wave)
    place = found.index.names[1]
    rule = plan.derive[place].map if place in plan.derive else {}
    part = s.table["area"].map(lambda a: rule.get(a, rule.get("*", a)))
    counts = s.table.groupby([part.rename(place), "self"])["searches"].sum().unstack("self", fill_value=0)
    residents = found.unstack(level=0)
    both = [a for a in counts.index if a in residents.index]
    labels = plan.levels_of(place)
    column = f"{plan.programme.stop_group} against {plan.programme.stop_comparator}, self-defined"
    cells: Triples = []
    for a in both:
        try:
            e = disparity.rate_ratio(counts.loc[a], residents.loc[a], group=s.group, comparator=s.comparator)[0]
        except EvaluationError as refused:
            cells.append((labels.get(a, a), column, shelf.cannot(wave, f"stops.area.{a}.{wave}", refused.what,
                                                                 refused.todo)))  # fmt: skip
            continue
        cells.append((labels.get(a, a), column, _shown(e, f"area_{a}", wave, s)))
    pooled, within = disparity.mantel_haenszel(counts.loc[both], residents.loc[both], group=s.group,
                                               comparator=s.comparator)  # fmt: skip
    cells += [("Pooled over areas", column, _shown(pooled, "pooled", wave, s)),
              ("Within areas (Mantel-Haenszel)", column, _shown(within, "within", wave, s))]  # fmt: skip
    note = "Where pooled and within differ, the groups live in areas whose overall rates differ."
    return exhibit("stops.areas", title, cells, sections=("annex-M",), wave=wave, chart="dots", row_header="Area",
                   source=_source(s), notes=(note, NOT_WHY), extras={"axis": column, "reference": 1.0})  # fmt: skip


def _months(plan: Plan, wave: str, s: Searches) -> Exhibit:
    """Return searches by period, and the last period against the one a year before where there is one."""
    by = s.table.groupby("period")["searches"].sum().sort_index()
    cells: Triples = [(str(p), "Searches", official(f"stops.period.{p}.{wave}", int(n), wave, unit="searches",
                                                    universe="searches", period=p)) for p, n in by.items()]  # fmt: skip
    earlier = _year_before(str(by.index[-1]))
    if earlier in by.index:
        e = disparity.year_on_year(float(by[earlier]), float(by.iloc[-1]), dispersion=disparity.ASSUMED[1])
        cells.append((f"{by.index[-1]} against {earlier}", "Change, per cent", measure(
            f"stops.change.all.{wave}", e.value, "per cent change", wave=wave, low=e.low, high=e.high, public=True,
            decimals=0)))  # fmt: skip
        state = "within expected variation" if e.low <= 0 <= e.high else "outside expected variation"
        cells.append((f"{by.index[-1]} against {earlier}", "Worth raising?", words(f"stops.flag.all.{wave}", state)))
        note = "A change is raised only when it is outside the variation expected of counts."
    else:
        note = "No period a year earlier was supplied, so no change over a year is shown."
    sums = ((cell_key("searches"), tuple(cell_key("searches", period=p) for p in by.index)),)
    return exhibit("stops.months", f"Searches by period, {s.area}", cells, sections=("annex-M",), wave=wave,
                   row_header="Period", source=_source(s), notes=(note,), sums=sums)  # fmt: skip


def _year_before(period: str) -> str:
    head = period[:4]
    return f"{int(head) - 1}{period[4:]}" if head.isdigit() else ""


def _found(plan: Plan, wave: str, s: Searches, rows: pd.DataFrame) -> Exhibit:
    """Return, by group, the share of searches that found what they sought; else the share with any outcome."""
    title = f"Outcomes of searches, {s.area}, {s.period}, self-defined"
    linked = "outcomes_linked" in s.table and s.table["outcomes_linked"].notna().any()
    if not linked and not ("nfa" in s.table and s.table["nfa"].notna().any()):
        cell = shelf.cannot(wave, f"stops.found.all.{wave}", "outcomes of searches were not supplied",
                            "Give the number of searches with an outcome linked to the object.")  # fmt: skip
        return exhibit("stops.found", title, [("Not shown", "", cell)], sections=("annex-M",), wave=wave)
    part = s.table.dropna(subset=["outcomes_linked" if linked else "nfa"])
    searches = part.groupby("self")["searches"].sum()
    hits = part.groupby("self")["outcomes_linked"].sum() if linked else searches - part.groupby("self")["nfa"].sum()
    column = "Outcome linked to the object sought" if linked else "Any outcome other than no further action"
    names = _names(plan)
    cells: Triples = []
    for code in [c for c in names if c in searches.index and searches[c] > 0]:
        share = disparity.find_rates(hits, searches, group=code, comparator=code)[0]
        cells.append((names[code], column, replace(share, id=f"stops.found.{code}.{wave}", wave=wave)))
    if {s.group, s.comparator} <= set(searches.index):
        gap = disparity.find_rates(hits, searches, group=s.group, comparator=s.comparator)[2]
        cells.append((f"{names[s.group]} minus {names[s.comparator]}", column,
                      replace(gap, id=f"stops.found_gap.all.{wave}", wave=wave, null=None, p=None)))  # fmt: skip
    note = "" if linked else "Whether the outcome was linked to the object is blank in nearly every record."
    notes = tuple(n for n in (note, "Equal shares do not show that stops are fair, nor unequal ones that they are not.") if n)
    return exhibit("stops.found", title, cells, sections=("annex-M",), wave=wave, chart="dots", row_header="Group",
                   source=_source(s), notes=notes, extras={"axis": "Share of searches (per cent)"})  # fmt: skip


def _dip(wave: str, rows: pd.DataFrame) -> Exhibit:
    """Return what a dip sample of records allows: its failures, and the most that would still fit."""
    from evaluation.programme import representation

    title = "Dip samples of records"
    if "dip_sampled" not in rows or not rows["dip_sampled"].notna().any():
        cell = shelf.cannot(wave, f"stops.dip.all.{wave}", "results of dip sampling were not supplied",
                            "Record how many records were sampled and how many failed, by year.")  # fmt: skip
        return exhibit("stops.dip", title, [("Not shown", "", cell)], sections=("annex-M",), wave=wave)
    sampled, failed = int(rows["dip_sampled"].sum()), int(rows["dip_failed"].fillna(0).sum())
    low, high = representation.exact_interval(failed, sampled)
    cells: Triples = [("Records that failed", "Share", per_cent(f"stops.dip.all.{wave}", failed / sampled, wave, low=low,
                                                                high=high, base=sampled, decimals=1))]  # fmt: skip
    return exhibit("stops.dip", title, cells, sections=("annex-M",), wave=wave, row_header="What",
                   notes=("A sample without failures still allows failures up to the upper end.",))  # fmt: skip
