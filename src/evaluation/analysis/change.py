"""Gaps between groups, and changes since the first wave that asked the same question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from evaluation.analysis import contrasts, group_lists, layout, linked_waves, wave_checks
from evaluation.analysis.level_tables import group_column, groups
from evaluation.analysis.levels import Survey, _too_few_sessions, domain, is_item, level, margin_of, values
from evaluation.analysis.verdicts import focus
from evaluation.exhibit import SHARE, Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, Gate, NotIdentified, Result, TooFew
from evaluation.statistics import bridges
from evaluation.statistics import survey as estimation

LINK = "link"  # the pseudonymous code by which intake links a person's answers


def gap(plan: Plan, survey: Survey, outcome: str, wave: str, *, share: bool = False) -> Estimate | TooFew:
    """Return the difference of means (or shares) between the focus group and the other, jackknifed by session."""
    frame, (first, second), column = survey.general(wave), focus(plan), group_column(plan)
    a, b = domain(frame, outcome, column, first), domain(frame, outcome, column, second)
    counts, jk = {first: int(a.sum()), second: int(b.sum())}, survey.jackknife(plan, wave)
    if min(counts.values()) < plan.sizes.least_people or _too_few_sessions(plan, jk.design, a, b):
        return TooFew(counts=counts, needed=plan.sizes.least_people)
    return jk.contrast(values(plan, frame, outcome, share=share), b, a, labels=(second, first))


def gaps(plan: Plan, wave: str, survey: Survey, gates: Sequence[Gate] = ()) -> Exhibit:
    """Return the gap between the groups for every outcome of the report's wave, and for the primary in each wave.

    Of `gates` those of scales that measure otherwise in the groups travel with their gaps.
    """
    table = layout.table(plan, wave, "gap.all")
    for outcome in plan.all_outcomes if group_column(plan) else ():
        row = table.row(outcome, plan.label_of(outcome))
        for when in survey.waves_of(plan, outcome, wave):
            if when == wave or outcome == plan.outcomes.primary:
                named = _contrast(plan, survey, gap(plan, survey, outcome, when), "gap", outcome, when)
                row.estimate(when, _gated(named, contrasts.scale_gates(gates, outcome, "groups")))
    return table.exhibit(chart=None if len(table) > 1 else "")


def gap_shares(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return the same gaps in the share of positive answers, for the questions that have one."""
    table = layout.table(plan, wave, "gap.shares")
    for outcome in [o for o in plan.all_outcomes if is_item(plan, o)] if group_column(plan) else ():
        row = table.row(outcome, plan.label_of(outcome))
        for when in survey.waves_of(plan, outcome, wave):
            if when == wave or outcome == plan.outcomes.primary:
                apart = gap(plan, survey, outcome, when, share=True)
                row.estimate(when, _share(plan, apart, outcome, focus(plan)[0], when, contrast="gapshare"))
    return table.exhibit()


def _contrast(
    plan: Plan, survey: Survey, result: Result, contrast: str, outcome: str, wave: str, code: str = ""
) -> Result:
    (first, _), short, words = focus(plan), contrasts.short(plan, outcome), plan.words
    who = {first: words.focus_group, "all": "people who answered"}.get(code or first, words.comparison_group)
    question = (
        f"Do {words.focus_group} and {words.comparison_group} differ in {short}?"
        if contrast == "gap"
        else f"Has {short} changed among {who}?"
    )
    family = plan.outcomes.family(outcome)
    named = contrasts.name(
        result,
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


def change(
    plan: Plan, survey: Survey, outcome: str, wave: str, code: str, *, share: bool = False, since: str = ""
) -> Result:
    """Return the change of a group's mean (or share) since a wave, or the first wave that asked.

    Variances add, less twice the covariance through people who let their answers be linked; degrees of freedom by
    Satterthwaite.
    """
    bridge = None if since else _bridge(plan, survey, outcome, wave)
    if bridge is not None:
        return _over_bridge(plan, survey, (bridge[0], outcome), (bridge[1], bridge[2], wave), code, share=share)
    before = since or survey.first_asked(plan, outcome, wave)
    if before is None:
        return NotIdentified("no earlier wave asked this question", "Ask it again next time.")
    who = {"column": group_column(plan), "code": code} if code != "all" else {}
    earlier = _earlier(plan, survey, outcome, (before, wave), share=share, **who)
    if isinstance(earlier, NotIdentified):
        return earlier
    levels = {before: earlier, wave: level(plan, survey, outcome, wave, share=share, **who)}
    if any(isinstance(e, TooFew) for e in levels.values()):
        people = {x: e.counts if isinstance(e, TooFew) else e.n for x, e in levels.items()}
        return TooFew(counts={x: next(iter(n.values())) for x, n in people.items()}, needed=plan.sizes.least_people)
    return difference(
        levels[wave],
        levels[before],
        labels=(wave, before),
        covariance=_linked(plan, survey, outcome, (wave, before), share=share, **who),
    )


def _earlier(
    plan: Plan, survey: Survey, outcome: str, waves: tuple[str, str], *, share: bool, column: str = "", code: str = ""
) -> Estimate | TooFew | NotIdentified:
    """Return a group's earlier level: by a crosswalk where the list of groups changed, refused where none is named."""
    lists = group_lists.changed(plan, column, *waves)
    if lists is None:
        return level(plan, survey, outcome, waves[0], share=share, column=column, code=code)
    crosswalk = group_lists.named(plan, column, lists)
    if crosswalk is None:
        return group_lists.refusal(plan, column, lists)
    return group_lists.crossed(plan, survey, outcome, waves[0], [code], crosswalk, share=share)


def _bridge(plan: Plan, survey: Survey, outcome: str, wave: str) -> tuple[str, str, str] | None:
    """Return the question that an outcome took the place of, its first wave, and the bridge; None for neither."""
    for old, (_, bridge) in plan.codebook.forerunners([outcome]).items():
        first = survey.first_asked(plan, old, wave)
        own = survey.first_asked(plan, outcome, wave)
        if first is not None and bridge in plan.earlier_waves(wave) and (own is None or first != own):
            return old, first, bridge
    return None


def _over_bridge(
    plan: Plan, survey: Survey, questions: tuple[str, str], waves: tuple[str, str, str], code: str, *, share: bool
) -> Result:
    """Return the change from an old question to the one that took its place, with the error of the bridge."""
    (old, new), (first, bridge, wave) = questions, waves
    if not all(survey.asked(q, bridge) for q in questions):
        reason = f"{bridge} is named as the bridge and did not ask both questions"
        return NotIdentified(reason, "Name the wave that asked both, or ask both in the next.")
    if not share and contrasts.ends(plan, old) != contrasts.ends(plan, new):
        return NotIdentified("the two questions have other scales, so that means have no common unit", "See the share.")
    who = {"column": group_column(plan), "code": code} if code != "all" else {}
    if who and (lists := group_lists.changed(plan, who["column"], bridge, wave)):
        return group_lists.refusal(plan, who["column"], lists)
    earlier = _earlier(plan, survey, old, (first, wave), share=share, **who)
    later = level(plan, survey, new, wave, share=share, **who)
    shift = _shift(plan, survey, questions, bridge, share=share, **who)
    parts = {wave: later, first: earlier, bridge: shift}
    refused = next((p for p in parts.values() if isinstance(p, NotIdentified)), None)
    if refused is not None:
        return refused
    if any(isinstance(p, TooFew) for p in parts.values()):
        counts = {w: sum((p.counts if isinstance(p, TooFew) else p.n).values()) for w, p in parts.items()}
        return TooFew(counts=counts, needed=plan.sizes.least_people)
    found = bridges.over_bridge(later, earlier, shift, labels=(wave, first, bridge))
    return replace(found, method=f"change over the bridge {bridge}, which asked both questions", unit="")


def _shift(
    plan: Plan, survey: Survey, questions: tuple[str, str], wave: str, *, share: bool, column: str = "", code: str = ""
) -> Estimate | TooFew:
    """Return the old question less the new among people of the bridge who answered both."""
    frame, jk = survey.general(wave), survey.jackknife(plan, wave)
    both = domain(frame, questions[0], column, code) * domain(frame, questions[1], column, code)
    if both.sum() < plan.sizes.least_people or _too_few_sessions(plan, jk.design, both):
        return TooFew(counts={code or "all": int(both.sum())}, needed=plan.sizes.least_people)
    old, new = (values(plan, frame, q, share=share) for q in questions)
    return jk.mean(old - new, both, label=code or "all")


def _linked(
    plan: Plan, survey: Survey, outcome: str, waves: tuple[str, str], *, share: bool, column: str = "", code: str = ""
) -> float:
    """Return the covariance of a group's two levels through people who answered both waves."""
    if LINK not in survey.people:
        return 0.0
    frames, designs = [survey.general(w) for w in waves], [survey.jackknife(plan, w).design for w in waves]
    inside = [domain(f, outcome, column, code) for f in frames]
    y = [values(plan, f, outcome, share=share) for f in frames]
    people = [survey.people.loc[f.index, LINK] for f in frames]
    pairs = [(first, second) for first, second in (designs, y, inside, people)]
    return estimation.linked_covariance(*pairs)


def answered_before(survey: Survey, wave: str, before: str) -> int:
    """Return how many people of a wave are known, by their link code, to have answered an earlier one."""
    if LINK not in survey.people:
        return 0
    codes = [survey.people.loc[survey.people["wave"] == w, LINK].dropna() for w in (wave, before)]
    return len(set(codes[0]) & set(codes[1]))


def difference(later: Estimate, earlier: Estimate, *, labels: tuple[str, str], covariance: float = 0.0) -> Estimate:
    """Return later less earlier of two estimates, Welch-Satterthwaite degrees of freedom."""
    found = estimation.change(later, earlier, labels=labels, covariance=covariance)
    return replace(found, method="difference of weighted levels of two waves", unit="")


def changes(plan: Plan, wave: str, survey: Survey, wordings: pd.DataFrame, gates: Sequence[Gate] = ()) -> Exhibit:
    """Return changes since before for each outcome and group; changed wording blocks, unknown wording caps.

    Of `gates` those of scales that measure otherwise in the waves travel with their changes.
    """
    table, linked, crossings = layout.table(plan, wave, "change.all"), False, list[tuple[str, str, str]]()
    for outcome in plan.all_outcomes:
        bridge = _bridge(plan, survey, outcome, wave)
        before = bridge[1] if bridge else survey.first_asked(plan, outcome, wave)
        if before is None or not survey.asked(outcome, wave):
            continue
        lists = group_lists.changed(plan, group_column(plan), before, wave)
        if lists and (crosswalk := group_lists.named(plan, group_column(plan), lists)):
            crossings.append((*lists, crosswalk.source))
        if bridge:
            table.note("bridge", old=plan.label_of(bridge[0]), new=plan.label_of(outcome), bridge=bridge[2])
        state = wave_checks.wording(plan, wordings, outcome, before, wave)
        linked = linked or answered_before(survey, wave, before) > 0
        for _, code, who in groups(plan):
            group, row = code or "all", table.row(outcome, f"{plan.label_of(outcome)}: {who}")
            if code == "":
                row.text("since", before, id=f"since.{outcome}.all.{wave}")
            means = change(plan, survey, outcome, wave, group)
            named = _worded(_contrast(plan, survey, means, "change", outcome, wave, group), state)
            row.estimate("mean", _gated(named, contrasts.scale_gates(gates, outcome, "waves")))
            if is_item(plan, outcome):
                shares = change(plan, survey, outcome, wave, group, share=True)
                row.estimate("share", _worded(_share(plan, shares, outcome, group, wave), state))
    for old, new, source in dict.fromkeys(crossings):
        table.note("crosswalk", old=old, new=new, source=source)
    if len(table):
        known = linked_waves.respondents(plan, survey.people) == "other"
        table.note("some" if linked else "others" if known else "unknown")
    return table.exhibit()


def _share(
    plan: Plan, result: Result, outcome: str, group: str, wave: str, *, contrast: str = "changeshare", method: str = ""
) -> Result:
    asked = "differ between the groups" if contrast == "gapshare" else "changed"
    verb = "Does" if contrast == "gapshare" else "Has"
    return contrasts.name(
        result,
        contrast,
        outcome=outcome,
        group=group,
        wave=wave,
        method=method,
        unit=SHARE,
        null=0.0,
        margin=plan.outcomes.margin_share,
        licence="descriptive",
        question=f"{verb} the share of positive answers on {contrasts.short(plan, outcome)} {asked}?",
    )


def repeated(plan: Plan, wave: str, survey: Survey, outcomes: pd.DataFrame) -> list[Result]:
    """Return the change in the share of each question that another survey asks too, since each wave that asked it.

    They stand apart from the plan's outcomes: no other result depends on whether they were asked.
    """
    asked = outcomes[[n for n in plan.codebook.harmonised if n in outcomes]].astype("Float64").astype(float)
    survey, out = replace(survey, outcomes=asked), []
    for name in asked:
        *before, last = survey.waves_of(plan, name, wave) or [""]
        for first in before if last == wave else ():
            found = change(plan, survey, name, wave, "all", share=True, since=first)
            out.append(_share(plan, found, name, "all", wave, method=f"since-{first.lower()}"))
    return out


def _gated(result: Result, gates: tuple[Gate, ...]) -> Result:
    return replace(result, gates=(*result.gates, *gates))


def _worded(result: Result, state: str) -> Result:
    """Return a change with the gate of its wording: changed fails, unknown makes it exploratory."""
    gate = Gate("wording", "design", state != "changed", state, "same or unknown", "the question was not reworded")
    licence = "exploratory" if state == "unknown" else result.licence
    return replace(result, gates=(*result.gates, gate), licence=licence)
