"""Variants of the planned attendee estimate: units, doses, sources, ties of the matching, and false claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from evaluation.analysis import comparison, contrasts, layout
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import (
    CLUSTERED,
    ROLES,
    adjusted_for,
    guarded,
    joined,
    labelled,
    planned,
    sample_for,
    subset,
)
from evaluation.analysis.comparison import Comparison
from evaluation.analysis.level_tables import group_column
from evaluation.analysis.level_tables import groups as named_groups
from evaluation.analysis.levels import Survey, has_shares
from evaluation.analysis.verdicts import focus
from evaluation.exhibit import SHARE, Exhibit, result_id
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified, Result, TooFew, from_se
from evaluation.statistics import effects, matching, misclassification, power
from evaluation.statistics.matching import MatchedSample

TIE_DRAWS = 20
GROUP, APART = "compared_group", "apart"


def units(plan: Plan, wave: str, compare: Comparison, sample: MatchedSample, survey: Survey) -> Exhibit:
    """Return the planned contrast as a difference of shares, a ratio of shares, points, and SD units, in that order."""
    table, outcome = layout.table(plan, wave, "attend.units"), plan.outcomes.primary
    if compare.refusal is not None:
        return table.refused(compare.refusal)
    people = joined(compare, survey, outcome)
    people["positive"] = people[outcome].isin(plan.positive(outcome)).astype(float)
    points, shares = planned(plan, people, sample, outcome), people.assign(positive=100 * people["positive"])
    rules = {"outcome": "positive", "covariates": adjusted_for(plan, people), **CLUSTERED}
    spread = float(people.loc[people[TREATED] == 0, outcome].std())
    results = {
        "share": (planned(plan, shares, sample, "positive"), SHARE),
        "ratio": (guarded(effects.ratio, people, sample_for(people, sample), **rules), "times"),
        "points": (points, contrasts.points(plan, outcome)),
        "sd": (
            guarded(effects.in_sd, points, spread) if isinstance(points, Estimate) else points,
            "standard deviations",
        ),
    }
    if not has_shares(plan, outcome):
        del results["share"], results["ratio"]
    for key, (result, unit) in results.items():
        named = _named(plan, wave, result, compare, survey, "attendunits", key)
        if isinstance(named, Estimate) and isinstance(result, Estimate):  # no margin where the unit is another
            named = replace(named, unit=unit, margin=None, null=result.null)
        table.row(key).estimate("estimate", named)
    return table.exhibit()


def doses(plan: Plan, wave: str, compare: Comparison, sample: MatchedSample, survey: Survey) -> Exhibit:
    """Return the planned contrast for attendees of one, two, and three or more events, against the same others."""
    table, outcome = layout.table(plan, wave, "attend.doses"), plan.outcomes.primary
    if compare.refusal is not None:
        return table.refused(compare.refusal)
    people = joined(compare, survey, outcome)
    for dose in table.declaration.rows:
        rows = (people[TREATED] == 0) | (people["dose"] == float(dose))
        result = subset(plan, people, sample, outcome, rows)
        table.row(dose).estimate("difference", _named(plan, wave, result, compare, survey, "attenddose", dose))
    return table.exhibit()


def sources(plan: Plan, wave: str, compare: Comparison, sample: MatchedSample, survey: Survey) -> Exhibit:
    """Return general-sample attendees alone, attendees from lists alone, their difference, and what it could see."""
    table, outcome = layout.table(plan, wave, "attend.sources"), plan.outcomes.primary
    if compare.refusal is not None:
        return table.refused(compare.refusal)
    people = joined(compare, survey, outcome)
    others = people[TREATED] == 0
    rows = {"general": others | ~people["boost"], "lists": others | people["boost"]}
    results = {k: subset(plan, people, sample, outcome, r) for k, r in rows.items()}
    results["apart"] = apart = _apart(plan, people, sample, outcome, rows, results)
    for key, result in results.items():
        table.row(key).estimate("difference", _named(plan, wave, result, compare, survey, "attendsource", key))
    if isinstance(apart, Estimate):
        rules = {"power": plan.power.power, "size": plan.power.size}
        seen = power.minimum_detectable(apart.se, df=apart.df or np.inf, **rules)
        table.row("seen").number("difference", seen, unit=contrasts.points(plan, outcome), base=len(people))
    return table.exhibit()


def _apart(
    plan: Plan,
    people: pd.DataFrame,
    sample: MatchedSample,
    outcome: str,
    rows: Mapping[str, pd.Series],
    results: Mapping[str, Result],
) -> Result:
    """Return the difference of both subsets' estimates; they share their others: influences are summed by session."""
    refused = [r for r in results.values() if not isinstance(r, Estimate)]
    if refused:
        return refused[0]
    parts = {}
    for name, which in rows.items():
        some = people[which]
        rules = {"outcome": outcome, "covariates": adjusted_for(plan, some), **ROLES}
        influence = effects.influence(some, sample_for(some, sample), **rules)
        parts[name] = influence.reindex(people.index, fill_value=0.0)
    sums = (parts["lists"] - parts["general"]).groupby(people["session"]).sum()
    attended = people[people[TREATED] == 1]
    sessions = int(attended.groupby("boost")["session"].nunique().min())
    if sessions < effects.LEAST_SESSIONS:
        return NotIdentified("one of the two kinds of attendees comes from too few sessions", "More sessions.")
    return from_se(
        results["lists"].value - results["general"].value,
        float(np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum())),
        df=float(sessions - 1),
        n={"lists": int(attended["boost"].sum()), "general sample": int((~attended["boost"]).sum())},
        n_sessions=sessions,
        method="difference of two planned estimates",
        se_method="influences summed by session",
        outcome=outcome,
        estimand="difference between attendees from lists and attendees of the general sample",
    )


def groups(plan: Plan, wave: str, compare: Comparison, sample: MatchedSample, survey: Survey) -> Exhibit:
    """Return the planned contrast within each compared group, and the difference of the two, exploratory."""
    table, outcome, column = layout.table(plan, wave, "attend.subgroups"), plan.outcomes.primary, group_column(plan)
    if compare.refusal is not None:
        return table.refused(compare.refusal)
    if not column:
        return table.exhibit()
    people = joined(compare, survey, outcome)
    held = survey.people[column].reindex(people.index)
    people = people.assign(**{GROUP: held}).dropna(subset=[GROUP])
    found = _by_group(plan, people, sample, outcome)
    words = {code: who for _, code, who in named_groups(plan) if code}
    for code, result in found.items():
        label = words.get(code, f"{plan.words.focus_group} against {plan.words.comparison_group}")
        named = contrasts.name(
            result,
            "attendgroup",
            outcome=outcome,
            group=code,
            wave=wave,
            unit=contrasts.points(plan, outcome),
            licence="exploratory",
            question=f"Do {plan.words.treated} differ from similar {plan.words.untreated}: {label}?",
        )
        table.row(code, label).estimate("difference", named)
    return table.exhibit()


def _by_group(plan: Plan, people: pd.DataFrame, sample: MatchedSample, outcome: str) -> dict[str, Result]:
    """Return the effect in each group by code and their difference as "apart", or too few where any cell is small."""
    kept = sample_for(people, sample)
    used = people[(kept.match_weight > 0).to_numpy()]
    first, second = focus(plan)
    counts = {
        f"{code}, {arm}": int(((used[GROUP] == code) & (used[TREATED] == t)).sum())
        for code in (second, first)
        for arm, t in (("treated", 1), ("untreated", 0))
    }
    if min(counts.values()) < plan.sizes.least_people:
        few = TooFew(counts=counts, needed=plan.sizes.least_people)
        return dict.fromkeys((second, first, APART), few)
    some = people[people[GROUP].isin([first, second])].assign(**{GROUP: lambda d: (d[GROUP] == first).astype(int)})
    covariates = [c for c in adjusted_for(plan, some) if some.groupby(GROUP)[c].nunique().min() > 1]
    rules = {"outcome": outcome, "by": GROUP, "covariates": covariates, **CLUSTERED}
    made = guarded(effects.by_subgroup, some, sample_for(some, sample), **rules)
    if isinstance(made, NotIdentified):
        return dict.fromkeys((second, first, APART), made)
    n = {code: sum(made.effects[level].n.values()) for code, level in ((second, "0"), (first, "1"))}
    return {second: made.effects["0"], first: made.effects["1"], APART: replace(made.differences["1"], n=n)}


def ties(plan: Plan, wave: str, compare: Comparison, sample: MatchedSample, survey: Survey) -> Exhibit:
    """Return the planned estimate's range when people with equal chances of attending stand in another order."""
    table, outcome = layout.table(plan, wave, "attend.ties"), plan.outcomes.primary
    if compare.refusal is not None:
        return table.refused(compare.refusal)
    rules = comparison.planned_matching(plan, comparison.caliper_over(compare))
    if rules["order"] == "data":
        reason = NotIdentified("the plan matches in the order of respondents", "Another order in the plan.")
        return table.refused(reason)
    people = joined(compare, survey, outcome)
    others = matching.tie_breaks(compare.people, compare.scores, draws=TIE_DRAWS, seed=plan.seed, **rules)
    results = [planned(plan, people, s, outcome) for s in (sample, *others)]
    refused = [r for r in results if not isinstance(r, Estimate)]
    if refused:
        return table.refused(refused[0])
    values = [e.value for e in results]
    for row, value in enumerate((values[0], min(values), max(values))):
        unit = contrasts.points(plan, outcome)
        table.row(str(row)).number("difference", value, unit=unit, base=len(people))
    return table.exhibit()


def claimed(
    plan: Plan, wave: str, compare: Comparison, sample: MatchedSample, survey: Survey, claim: tuple[float, int]
) -> Exhibit:
    """Return the planned difference over the share of claims that are true; `claim` as `attendance.claimed_share`."""
    table, outcome = layout.table(plan, wave, "attend.claimed"), plan.outcomes.primary
    if compare.refusal is not None:
        return table.refused(compare.refusal)
    result, (share, n) = planned(plan, joined(compare, survey, outcome), sample, outcome), claim
    if not isinstance(result, Estimate) or share == 0:
        nobody = NotIdentified("nobody says that they attended", "")
        return table.refused(nobody if isinstance(result, Estimate) else result)
    for specificity in plan.treatment.specificity:
        true = misclassification.share_true(share, specificity=specificity)
        row = table.row(str(specificity).replace(".", ""), f"{specificity:.1%} of people who did not attend say so")
        if true > 0:
            row.number("difference", result.value / true, unit=contrasts.points(plan, outcome), base=n)
        else:
            row.text("difference", table.sentence("false"))
    return table.exhibit()


def _named(
    plan: Plan, wave: str, result: Result, compare: Comparison, survey: Survey, contrast: str, part: str
) -> Result:
    """Return a result named as a part of a contrast that is not planned."""
    outcome = plan.outcomes.primary
    if isinstance(result, NotIdentified | TooFew):
        return replace(result, id=result_id(contrast, outcome, "all", wave, part), outcome=outcome, wave=wave)
    return labelled(plan, wave, result, outcome, compare, survey, method=part, contrast=contrast)
