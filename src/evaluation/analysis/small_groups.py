"""Small groups within the focus group, by age, sex, place and heritage: partially pooled levels and changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.analysis import contrasts, group_lists, layout
from evaluation.analysis.level_tables import group_column
from evaluation.analysis.levels import Survey, domain, is_item, values
from evaluation.analysis.verdicts import focus
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.statistics import small_domains
from evaluation.statistics.small_domains import Pooled
from evaluation.table_builder import Row

Key = tuple[str, str]  # a column, and one of its levels


@dataclass(frozen=True, slots=True)
class Direct:
    """Direct means of the small groups of one wave.

    Attributes
    ----------
    table : DataFrame, index (column, level)
        `value`, `variance`, `share` (of the group's weight), `n`.
    total : float
        The focus group's mean.
    df : float
        Degrees of freedom of the variances.
    """

    table: pd.DataFrame
    total: float
    df: float


def families(plan: Plan, survey: Survey, wave: str) -> list[str]:
    """Return the columns that split the focus group: those of the margins, and of finer definitions of the group.

    One column per question (area or city, not both); those that define the group itself leave it whole.
    """
    column, rules = group_column(plan), plan.derive
    sources = {name: rules[name].source if name in rules else name for name in [*rules, *plan.covariates]}
    taken = {sources.get(column, column)}
    margins = [c for cells in survey.weights[wave].cells for c in cells.columns]
    finer = [
        rule.source for name, rule in rules.items() if name != column and set(rule.map.values()) == set(focus(plan))
    ]
    found = []
    for name in dict.fromkeys([*margins, *finer]):
        source = sources.get(name, name)
        if name != column and source not in taken:
            found.append(name)
            taken.add(source)
    return found


def direct(plan: Plan, survey: Survey, outcome: str, wave: str, columns: list[str], *, share: bool) -> Direct | None:
    """Return direct means of each small group of ten people or more (the plan's threshold), with smoothed variances."""
    frame, jk, code = survey.general(wave), survey.jackknife(plan, wave), focus(plan)[0]
    inside = domain(frame, outcome, group_column(plan), code)
    found: dict[Key, np.ndarray] = {}
    for column in [c for c in columns if c in frame]:
        for level in plan.levels_of(column):
            held = inside * (frame[column] == level).fillna(False).to_numpy(dtype=float)
            if held.sum() >= plan.disclosure.threshold and held.sum() < inside.sum():
                found[column, level] = held
    if len(found) < small_domains.LEAST_DOMAINS:
        return None
    y = values(plan, frame, outcome, share=share)
    try:
        means, variances, shares, df = small_domains.direct_means(jk, y, list(found.values()))
    except errors.DataError:
        return None
    index = pd.MultiIndex.from_tuples(list(found), names=["column", "level"])
    n = [int(d.sum()) for d in found.values()]
    table = pd.DataFrame({"value": means, "variance": variances, "share": shares, "n": n}, index=index)
    w = jk.design.weights * inside
    return Direct(table[table["variance"] > 0], float(w @ y / w.sum()), df)


def levels(plan: Plan, survey: Survey, outcome: str, wave: str, *, share: bool) -> tuple[Direct, Pooled] | None:
    """Return the small groups' levels, direct and pooled; None where there are too few groups."""
    found = direct(plan, survey, outcome, wave, families(plan, survey, wave), share=share)
    return None if found is None else _pooled(found)


def changes(plan: Plan, survey: Survey, outcome: str, wave: str) -> tuple[Direct, Pooled] | None:
    """Return the small groups' changes of the mean since the first wave that knows them, direct and pooled."""
    parts, totals, dfs = [], dict[str, float](), []
    columns, asked = families(plan, survey, wave), survey.waves_of(plan, outcome, wave)
    made = {w: direct(plan, survey, outcome, w, columns, share=False) for w in asked}
    for column in columns:
        known = [w for w in asked if column in survey.general(w) and survey.general(w)[column].notna().any()]
        known = [w for w in known if group_lists.changed(plan, column, w, wave) is None]
        after, before = made.get(wave), made.get(known[0]) if len(known) > 1 else None
        if after is None or before is None:
            continue
        both = [k for k in after.table.index.intersection(before.table.index) if k[0] == column]
        a, b = after.table.loc[both], before.table.loc[both]
        change = {"value": a["value"] - b["value"], "variance": a["variance"] + b["variance"], "share": a["share"]}
        parts.append(pd.DataFrame({**change, "n": np.minimum(a["n"], b["n"]), "since": known[0]}))
        totals[column] = after.total - before.total
        dfs.append(min(after.df, before.df))
    table = pd.concat(parts) if parts else pd.DataFrame()
    if len(table) < small_domains.LEAST_DOMAINS:
        return None
    return _pooled(Direct(table, float("nan"), min(dfs)), totals)


def _pooled(direct: Direct, totals: dict[str, float] | None = None) -> tuple[Direct, Pooled] | None:
    """Return the groups pooled and moved, family by family, to meet the focus group's own figure."""
    table = direct.table
    family = table.index.get_level_values("column").to_series(index=table.index)
    try:
        made = small_domains.pooled(table["value"], table["variance"], family)
    except errors.DataError:
        return None
    for column, rows in table.groupby("column", sort=False):
        whole = rows["share"].sum() > 0.95  # the groups shown make up the focus group, but for a few
        if whole:
            target = direct.total if totals is None else totals[str(column)]
            made.table.loc[rows.index, "pooled"] = small_domains.benchmarked(made, rows["share"], target)
    return direct, made


def _words(plan: Plan) -> dict[str, object]:
    short = contrasts.short(plan, plan.outcomes.primary)
    return {"short": short, "threshold": plan.disclosure.threshold, "least": plan.sizes.least_people}


def table(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return each small group's level and change of the primary outcome, with how far its own answers count."""
    outcome = plan.outcomes.primary
    exhibit = layout.table(plan, wave, "levels.pooled", **_words(plan))
    share = is_item(plan, outcome)
    split = group_column(plan) and wave in survey.weights and survey.asked(outcome, wave)
    now = levels(plan, survey, outcome, wave, share=share) if split else None
    since = changes(plan, survey, outcome, wave) if split else None
    keys = dict.fromkeys(k for made in (now, since) if made is not None for k in made[0].table.index)
    for column, code in keys:
        row = exhibit.row(f"{column}.{code}", f"{plan.label_of(column)}: {plan.levels_of(column)[code]}")
        if now is not None and (column, code) in now[0].table.index:
            unit = "per cent" if share else contrasts.points(plan, outcome)
            digits = 0 if share else 2
            _cells(row, "level", now, (column, code), unit, digits, plan.sizes.least_people)
        if since is not None and (column, code) in since[0].table.index:
            unit = contrasts.points(plan, outcome)
            _cells(row, "change", since, (column, code), unit, 2, plan.sizes.least_people)
            row.text("since", str(since[0].table.loc[(column, code), "since"]))
    return exhibit.exhibit()


def _cells(row: Row, name: str, pair: tuple[Direct, Pooled], key: Key, unit: str, digits: int, least: int) -> None:
    """Add a pooled value with its range, the weight of own answers, and the direct value of groups large enough."""
    found, result = pair
    line, base = result.table.loc[key], int(found.table.loc[key, "n"])
    low, high = small_domains.interval(float(line["pooled"]), float(line["se"]), found.df)
    if base >= least:
        row.number(f"{name}.direct", line["direct"], unit=unit, decimals=digits, base=base)
    row.number(name, line["pooled"], low=low, high=high, unit=unit, decimals=digits, base=base)
    row.share(f"{name}.own", float(line["own"]), base=base)
