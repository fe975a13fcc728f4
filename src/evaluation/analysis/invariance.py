"""Do the statements of a scale measure alike? Between groups, waves, attendees and others, and ways of answering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from evaluation.analysis import change, contrasts, layout
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import joined as joined_people
from evaluation.analysis.attendee_effect import planned
from evaluation.analysis.comparison import Comparison
from evaluation.analysis.level_tables import group_column, groups
from evaluation.analysis.levels import Survey
from evaluation.analysis.robustness.specification_curve import members
from evaluation.analysis.verdicts import focus
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Gate, Result
from evaluation.statistics import scales
from evaluation.statistics.invariance import ALIKE, Invariance, examine
from evaluation.statistics.matching import MatchedSample

GROUPS, WAVES, ARMS = "groups", "waves", "attend"
CONTRASTS = {"gap": GROUPS, "change": WAVES, "attend": ARMS}
FREED = 2
Examined = Mapping[tuple[str, str], Invariance]


def examined(plan: Plan, wave: str, survey: Survey, compare: Comparison) -> dict[tuple[str, str], Invariance]:
    """Return, for each scale of the wave and each comparison by key, whether its statements measure alike."""
    found: dict[tuple[str, str], Invariance] = {}
    for scale in [s for s in plan.scales if survey.asked(s, wave)]:
        if group_column(plan):
            found[scale, GROUPS] = between_groups(plan, survey, scale, wave)
        earlier = survey.first_asked(plan, scale, wave)
        if earlier is not None:
            found[scale, WAVES] = between_waves(plan, survey, scale, earlier, wave)
        if compare.refusal is None:
            found[scale, ARMS] = _tested(plan, survey, scale, compare.people[TREATED])
        rows = survey.general(wave)
        for subset in plan.sensitivity.subsets or ():
            if subset.column in rows:
                known = rows[rows[subset.column].notna()]
                found[scale, subset.name] = _tested(plan, survey, scale, members(subset, known).astype(int))
    return found


def between_groups(plan: Plan, survey: Survey, scale: str, wave: str) -> Invariance:
    """Return whether a scale measures alike in the focus group and the group it is compared with."""
    rows, (first, second) = survey.general(wave), focus(plan)
    return _tested(plan, survey, scale, rows[group_column(plan)].map({second: 0, first: 1}))


def between_waves(plan: Plan, survey: Survey, scale: str, earlier: str, later: str) -> Invariance:
    """Return whether a scale measures alike in two waves, everybody's answers taken together."""
    wave = pd.concat([survey.general(w)["wave"] for w in (earlier, later)])
    return _tested(plan, survey, scale, wave.map({earlier: 0, later: 1}))


def _items(plan: Plan, survey: Survey, scale: str) -> list[str]:
    return [i for i in plan.scales[scale].items if i in survey.outcomes]


def _tested(plan: Plan, survey: Survey, scale: str, member: pd.Series) -> Invariance:
    """Return the examination of people who are 0 or 1 by `member`; clusters are collection sessions."""
    items, session = _items(plan, survey, scale), plan.population.session_column
    if len(items) < 3:
        return Invariance("too few to test", reason="fewer than three statements were asked")
    known = member.dropna().astype(int)
    frame = survey.outcomes.loc[known.index, items].assign(_member=known)
    clustered = bool(session) and session in survey.people
    if clustered:
        held = survey.people.loc[known.index, session]
        frame = frame.assign(_session=held.where(held.notna(), known.index.astype(str)).astype(str))
    given = {"size": plan.power.size, "power": plan.power.power}
    return examine(frame, items, "_member", cluster="_session" if clustered else None, **given)


def gate(scale: str, key: str, examined: Invariance) -> Gate:
    """Return the gate of a comparison of a scale; what could not be tested has not passed."""
    note = "the statements of the scale measure alike in what is compared"
    note = note if not examined.reason else f"it could be tested whether {note}"
    return Gate(gate_id(scale, key), "quality", examined.state == ALIKE, examined.p, None, note)


def gate_id(scale: str, key: str) -> str:
    """Return the id of a scale's gate, "scale.invariance.<scale>.<comparison>"."""
    return f"scale.invariance.{scale}.{key}"


def gates(examined: Examined) -> list[Gate]:
    """Return a gate for each comparison that is published as a contrast."""
    return [gate(scale, key, one) for (scale, key), one in examined.items() if key in CONTRASTS.values()]


def table(plan: Plan, wave: str, examined: Examined) -> Exhibit:
    """Return, for each comparison, whether the statements measure alike, and the one that does so least."""
    exhibit = layout.table(plan, wave, "scales.invariance")
    words = exhibit.declaration.texts["comparison"]
    for (scale, key), one in examined.items():
        label = exhibit.text(words[key]) if key in words else key
        row = exhibit.row(f"{scale}.{contrasts.slug(key)}", f"{plan.scales[scale].label}: {label}")
        row.text("state", one.state if not one.reason else f"{one.state}: {one.reason}")
        if one.p is None:
            continue
        first, base = one.items.iloc[0], min(one.n)
        row.text("method", one.method).number("p", one.p, base=base)
        row.text("worst", plan.label_of(one.worst[0]))
        half = 1.96 * first["se"]
        row.number("shift", first["shift"], low=first["shift"] - half, high=first["shift"] + half, base=base)
        row.number("seen", one.detectable or 0.0, base=base)
    return exhibit.exhibit()


def freed(
    plan: Plan, wave: str, survey: Survey, compare: Comparison, sample: MatchedSample, examined: Examined
) -> Exhibit:
    """Return each gap and change of a scale beside the same without the worst statement and without the worst two."""
    exhibit = layout.table(plan, wave, "scales.freed")
    for (scale, key), one in examined.items():
        if key not in CONTRASTS.values() or not one.worst:
            continue
        for count in range(FREED + 1):
            left = without(plan, survey, scale, one.worst[:count])
            for contrast, group, label, result in _compared(plan, wave, left, compare, sample, scale, key):
                named = contrasts.name(
                    result,
                    "freed",
                    outcome=scale,
                    group=f"{contrast}-{group}",
                    wave=wave,
                    method=str(count),
                    unit=contrasts.points(plan, scale),
                    question=f"{plan.label_of(scale)}: {label}, {count} statements left out",
                    licence="exploratory" if count else "descriptive",
                )
                exhibit.row(f"{scale}.{contrast}.{group}", f"{plan.scales[scale].label}: {label}").estimate(
                    str(count), named
                )
    return exhibit.exhibit()


def without(plan: Plan, survey: Survey, scale: str, items: Sequence[str]) -> Survey:
    """Return the waves with a scale scored anew without some of its statements."""
    left = [i for i in _items(plan, survey, scale) if i not in items]
    least = min(plan.scales[scale].least_items, len(left))
    made = replace(survey, outcomes=survey.outcomes.assign(**{scale: scales.score(survey.outcomes, left, least=least)}))
    made._jackknives.update(survey._jackknives)
    return made


def _compared(
    plan: Plan, wave: str, survey: Survey, compare: Comparison, sample: MatchedSample, scale: str, key: str
) -> list[tuple[str, str, str, Result]]:
    """Return contrast, group, words and result of a scale in one kind of comparison."""
    if key == GROUPS:
        words = f"{plan.words.focus_group} against {plan.words.comparison_group}"
        return [("gap", focus(plan)[0], words, change.gap(plan, survey, scale, wave))]
    if key == WAVES:
        return [
            ("change", code or "all", f"change, {who}", change.change(plan, survey, scale, wave, code or "all"))
            for _, code, who in groups(plan)
        ]
    people = joined_people(compare, survey, scale)
    words = f"{plan.words.treated} against similar {plan.words.untreated}"
    return [("attend", "all", words, planned(plan, people, sample, scale))]
