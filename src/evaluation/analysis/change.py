"""Gaps between groups, and changes since the first wave that asked the same question."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from evaluation import exhibit as w
from evaluation.analysis import contrasts, layout, wave_checks
from evaluation.analysis.level_tables import group_column, groups
from evaluation.analysis.levels import Survey, _too_few_sessions, domain, is_item, level, margin_of, values
from evaluation.analysis.verdicts import focus
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, Gate, NotIdentified, TooFew
from evaluation.statistics import survey as estimation


def prior_wave(plan: Plan, survey: Survey, outcome: str, wave: str) -> str | None:
    """Return the wave that a change is measured from."""
    return survey.first_asked(plan, outcome, wave)


def gap(plan: Plan, survey: Survey, outcome: str, wave: str) -> Any:
    """Return the difference of means between the focus group and the other, jackknifed by session."""
    frame, (first, second), column = survey.general(wave), focus(plan), group_column(plan)
    a, b = domain(frame, outcome, column, first), domain(frame, outcome, column, second)
    counts = {first: int(a.sum()), second: int(b.sum())}
    jk = survey.jackknife(plan, wave)
    if min(counts.values()) < plan.sizes.least_people or _too_few_sessions(plan, jk.design, a, b):
        return TooFew(counts=counts, needed=plan.sizes.least_people)
    return jk.contrast(values(plan, frame, outcome, share=False), b, a, labels=(second, first))


def gaps(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return the gap between the groups for every outcome of the report's wave, and for the primary in each wave."""
    triples: list[tuple[str, str, Any]] = []
    if group_column(plan):
        for outcome in plan.all_outcomes:
            known = [x for x in (*plan.earlier_waves(wave), wave) if x in survey.weights and survey.asked(outcome, x)]
            for when in known if outcome == plan.outcomes.primary else [x for x in known if x == wave]:
                made = gap(plan, survey, outcome, when)
                triples.append((plan.label_of(outcome), when, _contrast(plan, survey, made, "gap", outcome, when)))
    if not triples:
        triples = [("No groups", "", w.words(f"gap.none.all.{wave}", "the plan compares no groups"))]
    return layout.table(plan, wave, "gap.all").add(triples).exhibit(chart=None if len(triples) > 1 else "")


def _contrast(plan: Plan, survey: Survey, made: Any, contrast: str, outcome: str, wave: str, code: str = "") -> Any:
    (first, _), short = focus(plan), contrasts.short(plan, outcome)
    who = {first: plan.words.focus_group, "all": "people who answered"}.get(code or first, plan.words.comparison_group)
    question = (
        f"Do {plan.words.focus_group} and {plan.words.comparison_group} differ in {short}?"
        if contrast == "gap"
        else f"Has {short} changed among {who}?"
    )
    family = plan.outcomes.family(outcome)
    named = contrasts.name(
        made,
        contrast,
        outcome=outcome,
        group=code or first,
        wave=wave,
        question=question,
        licence="descriptive",
        planned=family in ("primary", "secondary"),
        family=family,
        null=0.0,
        margin=margin_of(plan, survey, outcome),
        unit=contrasts.points(plan, outcome),
        estimand="difference of population means, if people who answered are like those who did not",
    )
    return contrasts.sized(named, plan, None)


def change(plan: Plan, survey: Survey, outcome: str, wave: str, code: str, *, share: bool = False) -> Any:
    """Return the change of a group's mean (or share) since the first wave that asked; other people answered.

    Waves are independent samples: variances add, degrees of freedom by Satterthwaite.
    """
    before = prior_wave(plan, survey, outcome, wave)
    if before is None:
        return NotIdentified("no earlier wave asked this question", "Ask it again next time.")
    column = group_column(plan) if code != "all" else ""
    parts = [
        level(plan, survey, outcome, x, column=column, code="" if code == "all" else code, share=share)
        for x in (before, wave)
    ]
    if any(isinstance(p, TooFew) for p in parts):
        counts = {
            x: next(iter(p.counts.values() if isinstance(p, TooFew) else p.n.values()))
            for x, p in zip((before, wave), parts, strict=True)
        }
        return TooFew(counts=counts, needed=plan.sizes.least_people)
    return difference(parts[1], parts[0], labels=(wave, before))


def difference(later: Estimate, earlier: Estimate, *, labels: tuple[str, str]) -> Estimate:
    """Return later less earlier of two independent estimates, Welch-Satterthwaite degrees of freedom."""
    return replace(
        estimation.change(later, earlier, labels=labels), method="difference of weighted levels of two waves", unit=""
    )


def changes(plan: Plan, wave: str, survey: Survey, comparable: pd.DataFrame) -> Exhibit:
    """Return changes since before for each outcome and group; changed wording blocks, unknown wording caps."""
    triples: list[tuple[str, str, Any]] = []
    for outcome in plan.all_outcomes:
        before = prior_wave(plan, survey, outcome, wave)
        if before is None or not survey.asked(outcome, wave):
            continue
        state = wave_checks.wording(plan, comparable, outcome, before, wave)
        for _, code, who in groups(plan):
            name = code or "all"
            made = change(plan, survey, outcome, wave, name)
            named = _worded(_contrast(plan, survey, made, "change", outcome, wave, name), state)
            triples.append((f"{plan.label_of(outcome)}: {who}", "Change in the mean", named))
            if is_item(plan, outcome):
                raw = change(plan, survey, outcome, wave, name, share=True)
                share = contrasts.name(
                    raw,
                    "changeshare",
                    outcome=outcome,
                    group=name,
                    wave=wave,
                    unit=w.SHARE,
                    null=0.0,
                    margin=plan.outcomes.margin_share,
                    licence="descriptive",
                    question=f"Has the share of positive answers on {contrasts.short(plan, outcome)} changed?",
                )
                triples.append((f"{plan.label_of(outcome)}: {who}", "Change in the share", _worded(share, state)))
    if not triples:
        triples = [("No earlier wave", "", w.words(f"change.none.all.{wave}", "this is the first wave to ask"))]
    return layout.table(plan, wave, "change.all").add(triples).exhibit()


def _worded(result: Any, state: str) -> Any:
    """Return a change with the gate of its wording: changed fails, unknown makes it exploratory."""
    gate = Gate("wording", "design", state != "changed", state, "same or unknown", "the question was not reworded")
    licence = "exploratory" if state == "unknown" else result.licence
    return replace(result, gates=(*result.gates, gate), licence=licence)
