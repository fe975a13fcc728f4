"""Searches counted: by group and month, per 1,000 residents, their outcomes, dip samples of the records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.programme import register_cells
from evaluation.analysis.programme.register_cells import Held, Triples, official, per_cent
from evaluation.errors import EvaluationError
from evaluation.exhibit import Exhibit, cell_key, measure, words
from evaluation.plan.study import Plan
from evaluation.results import Estimate
from evaluation.statistics import disparity

# First letter of the self-defined codes that all forces record (the "18+1" list) to the broad group of the Census.
BROAD = {"A": "asian", "B": "black", "M": "mixed", "O": "other", "W": "white"}
UNSTATED, FORCE = "not_stated", "force"
NAMES = {
    "asian": "Asian",
    "black": "Black",
    "mixed": "Mixed or Multiple",
    "other": "Other",
    "white": "White",
    UNSTATED: "Not stated",
    "blank": "Not recorded",
}
# Counts of records like an earlier one that a register may give beside the searches.
ALIKE = ("repeats", "identical", "self_blank")


@dataclass(frozen=True, slots=True)
class Searches:
    """Counts of searches ready for ratios, residents, and the words of both.

    Attributes
    ----------
    table : DataFrame
        Searches by period, area, self-defined and officer-defined broad group; the whole force where it is counted.
    cross : Series
        The same by (self-defined, officer-defined) for the whole area.
    by_officer, combined : Series or None
        Searches by officer-defined group, and by self-defined group with the officer's where not stated.
    districts : DataFrame
        Searches of the rows that name a district.
    residents : Series; by_district : DataFrame or None
        Residents by broad group, and by district and broad group.
    """

    table: pd.DataFrame
    cross: pd.Series
    by_officer: pd.Series | None
    combined: pd.Series | None
    districts: pd.DataFrame
    residents: pd.Series
    by_district: pd.DataFrame | None
    described: str
    cited: str
    period: str
    area: str
    group: str
    comparator: str

    @property
    def by_self(self) -> pd.Series:
        """Searches by self-defined broad group, not stated included."""
        return self.cross.groupby(level="self").sum()

    @property
    def once(self) -> pd.Series | None:
        """Searches by self-defined group, those of one time, place and legislation counted once; None if unknown."""
        if "repeats" not in self.table or self.table["repeats"].isna().any():
            return None
        counts = self.table["searches"] - self.table["repeats"].astype(int)
        return counts.groupby(self.table["self"]).sum()

    @property
    def is_cross(self) -> bool:
        """Whether self-defined and officer-defined groups are known together."""
        return set(self.cross.index.get_level_values("officer")) != {"blank"}


def prepared(plan: Plan, wave: str, held: Held, population: Mapping[str, pd.Series]) -> Searches | None:
    """Return the counts with residents of both groups; None when the register or the residents are not there."""
    rows = register_cells.register(plan, wave, held, "stop_search")
    if rows is None:
        return None
    group, comparator = plan.programme.stop_group.lower(), plan.programme.stop_comparator.lower()
    whole = rows[rows["area"] == FORCE] if (rows["area"] == FORCE).any() else rows
    residents, cited = _residents(plan, whole, population, {group, comparator})
    if residents is None:
        return None
    places = rows[rows["area"] != FORCE]
    table = _long(whole)
    if table.empty:
        return None
    return Searches(
        table=table,
        cross=table.groupby(["self", "officer"])["searches"].sum(),
        by_officer=_by_officer(whole),
        combined=_combined(whole),
        districts=_long(places),
        residents=residents,
        by_district=_residents_by_area(plan, places, population, {group, comparator}),
        described=cited.partition(" (")[0],
        cited=cited,
        period=_period(rows),
        area=_area(plan, whole),
        group=group,
        comparator=comparator,
    )


def _broad(codes: pd.Series) -> pd.Series:
    """Return the broad group of self-defined codes; "not stated" is a value, not a blank."""
    text = codes.astype("string")
    return text.str[:1].map(BROAD).where(text != "NS", UNSTATED).fillna(UNSTATED).astype(str)


def _long(rows: pd.DataFrame) -> pd.DataFrame:
    """Return searches by period, area, self-defined and officer-defined group; a blank officer's entry is a word."""
    basis = "cross" if (rows["basis"] == "cross").any() else "self_defined"
    wide = rows[(rows["basis"] == basis).fillna(False).to_numpy(dtype=bool)]
    out = pd.DataFrame(
        {
            "period": wide["period"].astype(str),
            "area": wide["area"].astype(str),
            "self": _broad(wide["ethnicity"]),
            "officer": wide["officer"].fillna("blank").astype(str) if "officer" in wide else "blank",
            "searches": wide["searches"].astype(int),
        }
    )
    for extra in ("outcomes_linked", "nfa", *ALIKE):
        if extra in wide:
            out[extra] = wide[extra]
    return out.reset_index(drop=True)


def _by_officer(rows: pd.DataFrame) -> pd.Series | None:
    """Return searches by officer-defined group, from crossed rows or from rows of that basis."""
    if "officer" not in rows:
        return None
    known = rows[rows["basis"].isin(["cross", "officer_defined"]) & rows["officer"].notna()]
    if (known["basis"] == "cross").any():
        known = known[known["basis"] == "cross"]
    sums = known.groupby(known["officer"].astype(str))["searches"].sum().astype(int).drop("blank", errors="ignore")
    return sums if len(sums) else None


def _combined(rows: pd.DataFrame) -> pd.Series | None:
    """Return searches self-defined, officer-defined where not stated, when a register gives them so."""
    known = rows[rows["basis"] == "combined"]
    return None if known.empty else known.groupby(_broad(known["ethnicity"]))["searches"].sum().astype(int)


def _residents(
    plan: Plan, rows: pd.DataFrame, population: Mapping[str, pd.Series], wanted: set[str]
) -> tuple[pd.Series | None, str]:
    """Return residents by broad group and their description: the register's own, else the plan's margins."""
    if "population" in rows and rows["population"].notna().any():
        once = rows.dropna(subset=["population"]).drop_duplicates(["area", "ethnicity"])
        sums = once["population"].astype(float).groupby(_broad(once["ethnicity"])).sum()
        named = rows["population_source"].dropna() if "population_source" in rows else pd.Series(dtype=str)
        text = str(named.iloc[0]).partition("residents: ")[2] or str(named.iloc[0]) if len(named) else ""
        return (sums, text or "source not stated") if wanted <= set(sums.index) else (None, "")
    for margin in population.values():
        for level in margin.index.names:
            sums = margin.groupby(level=level).sum()
            if wanted <= set(sums.index):
                return sums, plan.population.title
    return None, ""


def _residents_by_area(
    plan: Plan, rows: pd.DataFrame, population: Mapping[str, pd.Series], wanted: set[str]
) -> pd.DataFrame | None:
    """Return residents by district and broad group: the register's own, else a margin of group by parts of the area."""
    if rows.empty:
        return None
    if "population" in rows and rows["population"].notna().any():
        once = rows.dropna(subset=["population"]).drop_duplicates(["area", "ethnicity"])
        sums = once["population"].astype(float).groupby([once["area"].astype(str), _broad(once["ethnicity"])]).sum()
        made = sums.unstack()
        return made if wanted <= set(made.columns) else None
    for margin in population.values():
        if margin.index.nlevels == 2 and wanted <= set(margin.index.get_level_values(0)):
            place = str(margin.index.names[1])
            if place in plan.derive and plan.derive[place].source == "area":
                return margin.unstack(level=0)
    return None


def _period(rows: pd.DataFrame) -> str:
    names = sorted(rows["period"].astype(str).unique())
    spoken = [pd.Period(n, freq="M").strftime("%B %Y") if len(n) == 7 and n[4] == "-" else n for n in names]
    return spoken[0] if len(spoken) == 1 else f"{spoken[0]} to {spoken[-1]}"


def _area(plan: Plan, rows: pd.DataFrame) -> str:
    codes = list(dict.fromkeys(rows["area"].astype(str)))
    if codes == ["force"]:
        return f"{plan.words.place} (the force area)"
    names = register_cells.levels(plan, "stop_search", "area")
    return ", ".join(names.get(c, c) for c in codes)


def context_words(s: Searches) -> str:
    """Return area, period and residents of a figure, in words."""
    return f"{s.area}, {s.period}; residents: {s.described}"


def source(s: Searches) -> str:
    """Return where the figures come from."""
    return f"Police stop and search records; {s.area}, {s.period}; residents: {s.cited}"


def estimates(s: Searches, dispersion: float = 1.0) -> dict[str, list[Estimate]]:
    """Return the ratio under each treatment of "not stated"; what cannot be worked out is left out."""
    both = {"group": s.group, "comparator": s.comparator, "dispersion": dispersion}
    asked: dict[str, Any] = {
        "bounds": lambda: disparity.rate_ratio(s.by_self, s.residents, unknown="bounds", **both),
        "drop": lambda: disparity.rate_ratio(s.by_self, s.residents, unknown="drop", **both),
        "proportional": lambda: disparity.rate_ratio(s.by_self, s.residents, unknown="proportional", **both),
    }
    if s.by_officer is not None:
        by_officer = s.by_officer
        asked["officer_defined"] = lambda: disparity.rate_ratio(by_officer, s.residents, **both)
    if s.combined is not None:
        combined = s.combined
        asked["self_then_officer"] = lambda: disparity.rate_ratio(combined, s.residents, **both)
    elif s.is_cross:
        asked["self_then_officer"] = lambda: disparity.rate_ratio(s.cross, s.residents, unknown="officer", **both)
    out = {}
    for name, made in asked.items():
        try:
            out[name] = made()
        except EvaluationError:
            continue
    return out


def shown(e: Estimate, id: str, wave: str, s: Searches) -> Estimate:
    """Return the ratio as a described figure: no verdict is read from it."""
    return replace(
        e,
        id=f"stops.ratio.{id}.{wave}".lower(),
        wave=wave,
        null=None,
        p=None,
        n={},
        question=f"Ratio of search rates, {s.group} against {s.comparator} residents; {context_words(s)}",
        sample=e.estimand,
        estimand="",
    )


def counts(plan: Plan, wave: str, s: Searches) -> Exhibit:
    """Return searches by self-defined and officer-defined group; "not stated" is a row like any other."""
    cells: Triples = []
    sums = []
    order = [c for c in NAMES if c in set(s.cross.index.get_level_values(0))]
    columns = [c for c in NAMES if c in set(s.cross[s.cross > 0].index.get_level_values(1))]
    key = {"unit": "searches", "universe": "searches"}
    for row in order:
        parts = []
        for column in columns:
            n = int(s.cross.get((row, column), 0))
            count = official(f"stops.n.{row}.{wave}.{column}", n, wave, **key, by_self=row, by_officer=column)
            cells.append((f"Self-defined: {NAMES[row]}", f"Officer: {NAMES[column]}", count))
            parts.append(count.key)
        total = official(f"stops.n.{row}.{wave}", int(s.cross[row].sum()), wave, **key, by_self=row)
        cells.append((f"Self-defined: {NAMES[row]}", "All", total))
        sums.append((total.key, tuple(parts)))
    whole = official(f"stops.n.all.{wave}", int(s.cross.sum()), wave, **key)
    cells.append(("All searches", "All", whole))
    sums.append((whole.key, tuple(cell_key("searches", by_self=r) for r in order)))
    unstated = int(s.cross.groupby(level="self").sum().get(UNSTATED, 0))
    share = per_cent(
        f"stops.not_stated.all.{wave}", unstated / max(whole.n, 1), wave, public=True, base=whole.n, decimals=1
    )
    cells.append(("Share not stated", "All", share))
    if unstated and not set(columns) <= {"blank"}:
        seen = unstated - int(s.cross.get((UNSTATED, "blank"), 0))
        cells.append(
            (
                "Of those, with an officer's entry",
                "All",
                per_cent(f"stops.refusals_coded.all.{wave}", seen / unstated, wave, public=True, base=unstated),
            )
        )
    alike, repeated = _alike(wave, s)
    cells += alike
    return (
        layout.table(plan, wave, "stops.counts", area=s.area, period=s.period, source=source(s), repeated=repeated)
        .add(cells)
        .exhibit(sums=tuple(sums))
    )


def _alike(wave: str, s: Searches) -> tuple[Triples, str]:
    """Return how many records are like an earlier one, where this was counted, and what is done with them."""
    labels = {
        "repeats": "Records with the time, place and law of an earlier one",
        "identical": "Of these, alike in every field",
        "self_blank": "Self-defined group left blank, counted as not stated",
    }
    key = {"unit": "searches", "universe": "searches"}
    cells: Triples = [
        (labels[c], "All", official(f"stops.{c}.all.{wave}", int(s.table[c].sum()), wave, **key, alike=c))
        for c in ALIKE
        if c in s.table and s.table[c].notna().all()
    ]
    if s.once is None:
        return cells, "How many records are like another is not known from counts; none was taken out."
    return cells, (
        "Records like an earlier one are kept: two people stopped together give two. The check that counts them once "
        "stands with the variation of the ratio."
    )


def rates(plan: Plan, wave: str, s: Searches) -> Exhibit:
    """Return searches per 1,000 residents of each self-defined group, with exact intervals."""
    by = s.cross.groupby(level="self").sum().drop(UNSTATED, errors="ignore")
    cells: Triples = [
        (
            NAMES.get(e.group, e.group),
            "Searches per 1,000 residents",
            measure(
                f"stops.rate.{e.group}.{wave}",
                e.value,
                "per 1,000 residents",
                wave=wave,
                low=e.low,
                high=e.high,
                public=True,
                base=sum(e.n.values()),
                decimals=2,
            ),
        )
        for e in disparity.rates(by, s.residents)
    ]
    return layout.table(plan, wave, "stops.rates", area=s.area, period=s.period, source=source(s)).add(cells).exhibit()


def months(plan: Plan, wave: str, s: Searches) -> Exhibit:
    """Return searches by period, and the last period against the one a year before where there is one."""
    by = s.table.groupby("period")["searches"].sum().sort_index()
    cells: Triples = [
        (
            month_words(str(p)),
            "Searches",
            official(f"stops.period.{p}.{wave}", int(n), wave, unit="searches", universe="searches", period=p),
        )
        for p, n in by.items()
    ]
    earlier = _year_before(str(by.index[-1]))
    if earlier in by.index:
        e = disparity.year_on_year(float(by[earlier]), float(by.iloc[-1]), dispersion=disparity.ASSUMED[1])
        cells.append(
            (
                f"{month_words(str(by.index[-1]))} against {month_words(earlier)}",
                "Change, per cent",
                measure(
                    f"stops.change.all.{wave}",
                    e.value,
                    "per cent change",
                    wave=wave,
                    low=e.low,
                    high=e.high,
                    public=True,
                    decimals=0,
                ),
            )
        )
        state = "within expected variation" if e.low <= 0 <= e.high else "outside expected variation"
        cells.append(
            (
                f"{month_words(str(by.index[-1]))} against {month_words(earlier)}",
                "Worth raising?",
                words(f"stops.flag.all.{wave}", state),
            )
        )
        note = (
            "A change is raised only when it is outside the variation expected of counts, taken as twice that of plain "
            "counting."
        )
    else:
        note = "No period a year earlier was supplied, so no change over a year is shown."
    sums = ((cell_key("searches"), tuple(cell_key("searches", period=p) for p in by.index)),)
    return (
        layout.table(plan, wave, "stops.months", area=s.area, source=source(s), note=note).add(cells).exhibit(sums=sums)
    )


def funnel(plan: Plan, wave: str, s: Searches) -> Exhibit:
    """Return the share not stated of each month (or of each area, where areas are known) against its expected range."""
    areas = s.districts["area"].nunique() > 1
    rows, unit = (s.districts, "area") if areas else (s.table, "period")
    base = rows.groupby(unit)["searches"].sum()
    base = base[base > 0]
    events = rows[rows["self"] == UNSTATED].groupby(unit)["searches"].sum().reindex(base.index).fillna(0)
    names = register_cells.levels(plan, "stop_search", "area")
    cells: Triples = []
    for name, row in disparity.funnel(events.astype(float), base.astype(float)).iterrows():
        label, n = (names.get(str(name), str(name)) if areas else month_words(str(name))), int(row["n"])
        of = {"public": True, "base": n, "decimals": 1}
        stem = f"stops.funnel.{name}.{wave}"
        key = {unit: name, "by_self": "any"}
        cells += [
            (label, "Searches", official(f"{stem}.n", n, wave, unit="searches", universe="searches", **key)),
            (label, "Share not stated", per_cent(f"{stem}.share", row["share"], wave, **of)),
            (label, "Expected, from", per_cent(f"{stem}.low", row["low_95"], wave, **of)),
            (label, "Expected, to", per_cent(f"{stem}.high", row["high_95"], wave, **of)),
            (label, "Reading", words(f"{stem}.state", FUNNEL[row["state"]])),
        ]
    return (
        layout.table(plan, wave, "stops.funnel", row_header="Area" if areas else "Month", source=source(s))
        .add(cells)
        .exhibit()
    )


FUNNEL = {
    "inside": "within the expected range",
    "outside 95 %": "outside it, as one in twenty is by chance",
    "outside 99.8 %": "far outside it",
}


def month_words(period: str) -> str:
    """Return "December 2019" for "2019-12"; any other period as it is."""
    return pd.Period(period, freq="M").strftime("%B %Y") if len(period) == 7 and period[4] == "-" else period


def _year_before(period: str) -> str:
    head = period[:4]
    return f"{int(head) - 1}{period[4:]}" if head.isdigit() else ""


def found(plan: Plan, wave: str, s: Searches) -> Exhibit:
    """Return, by group, the share of searches that found what they sought; else the share with any outcome."""
    linked = "outcomes_linked" in s.table and s.table["outcomes_linked"].notna().any()
    if not linked and not ("nfa" in s.table and s.table["nfa"].notna().any()):
        cell = register_cells.cannot(
            wave,
            f"stops.found.all.{wave}",
            "outcomes of searches were not supplied",
            "Give the number of searches with an outcome linked to the object.",
        )
        return layout.table(plan, wave, "stops.found").only(cell)
    part = s.table.dropna(subset=["outcomes_linked" if linked else "nfa"])
    searches = part.groupby("self")["searches"].sum()
    hits = part.groupby("self")["outcomes_linked"].sum() if linked else searches - part.groupby("self")["nfa"].sum()
    column = "Outcome linked to the object sought" if linked else "Any outcome other than no further action"
    cells: Triples = []
    for code in [c for c in NAMES if c in searches.index and searches[c] > 0]:
        share = disparity.find_rates(hits, searches, group=code, comparator=code)[0]
        cells.append((NAMES[code], column, replace(share, id=f"stops.found.{code}.{wave}".lower(), wave=wave)))
    if {s.group, s.comparator} <= set(searches.index):
        gap = disparity.find_rates(hits, searches, group=s.group, comparator=s.comparator)[2]
        cells.append(
            (
                f"{NAMES[s.group]} minus {NAMES[s.comparator]}",
                column,
                replace(gap, id=f"stops.found_gap.all.{wave}".lower(), wave=wave, null=None, p=None),
            )
        )
    note = "" if linked else "Whether the outcome was linked to the object is blank in nearly every record."
    notes = tuple(
        n for n in (note, "Equal shares do not show that stops are fair, nor unequal ones that they are not.") if n
    )
    return (
        layout.table(plan, wave, "stops.found", area=s.area, period=s.period, source=source(s))
        .add(cells)
        .note_texts("more", notes)
        .exhibit()
    )


def dip(plan: Plan, wave: str, rows: pd.DataFrame) -> Exhibit:
    """Return what a dip sample of records allows: its failures, and the most that would still fit."""
    from evaluation.programme import representation

    if "dip_sampled" not in rows or not rows["dip_sampled"].notna().any():
        cell = register_cells.cannot(
            wave,
            f"stops.dip.all.{wave}",
            "results of dip sampling were not supplied",
            "Record how many records were sampled and how many failed, by year.",
        )
        return layout.table(plan, wave, "stops.dip").only(cell)
    sampled, failed = int(rows["dip_sampled"].sum()), int(rows["dip_failed"].fillna(0).sum())
    low, high = representation.exact_interval(failed, sampled)
    cells: Triples = [
        (
            "Records that failed",
            "Share",
            per_cent(f"stops.dip.all.{wave}", failed / sampled, wave, low=low, high=high, base=sampled, decimals=1),
        )
    ]
    return layout.table(plan, wave, "stops.dip").add(cells).exhibit()
