"""Inputs of the stop and search tables: searches by group, residents, and the ratios under each treatment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from evaluation.analysis.programme import register_cells
from evaluation.errors import EvaluationError
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
    def source(self) -> str:
        """Where the figures come from."""
        return f"Police stop and search records; {self.area}, {self.period}; residents: {self.cited}"

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


def searches(
    plan: Plan, wave: str, registers: register_cells.Registers, population: Mapping[str, pd.Series]
) -> Searches | None:
    """Return the counts with residents of both groups; None when the register or the residents are not there."""
    rows = register_cells.register(plan, wave, registers, "stop_search")
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
    for _, sums in register_cells.residents_by(population, *wanted):
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
        wide = sums.unstack()
        return wide if wanted <= set(wide.columns) else None
    for margin in population.values():
        if margin.index.nlevels == 2 and wanted <= set(margin.index.get_level_values(0)):
            place = str(margin.index.names[1])
            if place in plan.derive and plan.derive[place].source == "area":
                return margin.unstack(level=0)
    return None


def month_words(period: str) -> str:
    """Return "December 2019" for "2019-12"; any other period as it is."""
    return pd.Period(period, freq="M").strftime("%B %Y") if len(period) == 7 and period[4] == "-" else period


def _period(rows: pd.DataFrame) -> str:
    names = [month_words(p) for p in sorted(rows["period"].astype(str).unique())]
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _area(plan: Plan, rows: pd.DataFrame) -> str:
    codes = list(dict.fromkeys(rows["area"].astype(str)))
    if codes == ["force"]:
        return f"{plan.words.place} (the force area)"
    names = register_cells.levels(plan, "stop_search", "area")
    return ", ".join(names.get(c, c) for c in codes)


def estimates(s: Searches, dispersion: float = 1.0) -> dict[str, list[Estimate]]:
    """Return the ratio under each treatment of "not stated"; what cannot be worked out is left out."""
    treatments: dict[str, tuple[pd.Series, str]] = {
        "bounds": (s.by_self, "bounds"),
        "drop": (s.by_self, "drop"),
        "proportional": (s.by_self, "proportional"),
    }
    if s.by_officer is not None:
        treatments["officer_defined"] = (s.by_officer, "drop")
    if s.combined is not None:
        treatments["self_then_officer"] = (s.combined, "drop")
    elif s.is_cross:
        treatments["self_then_officer"] = (s.cross, "officer")
    out = {}
    for name, (counts, unknown) in treatments.items():
        try:
            out[name] = disparity.rate_ratio(
                counts, s.residents, group=s.group, comparator=s.comparator, unknown=unknown, dispersion=dispersion
            )
        except EvaluationError:
            continue
    return out


def described(e: Estimate, key: str, wave: str, s: Searches) -> Estimate:
    """Return the ratio as a described figure: no verdict is read from it."""
    about = f"{s.area}, {s.period}; residents: {s.described}"
    return replace(
        e,
        id=f"stops.ratio.{key}.{wave}".lower(),
        wave=wave,
        null=None,
        p=None,
        n={},
        question=f"Ratio of search rates, {s.group} against {s.comparator} residents; {about}",
        sample=e.estimand,
        estimand="",
    )
