"""The fieldwork sheet of the next wave as plain text: how many, of whom, by which route; questions; card; checklist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evaluation.analysis import arms
from evaluation.analysis.next_wave_simulation import DRAWS, Power, Size, rehearse
from evaluation.analysis.questionnaire import asked, routed
from evaluation.analysis.sample_size import ATTENDEE_SESSIONS, needs, up
from evaluation.plan.study import Plan


def sheet(plan: Plan, wave: str, *, draws: int = DRAWS) -> str:
    """Return the sheet; sizes by formula, and routes by `draws` rehearsals of the study's own pipeline (0: none)."""
    from evaluation.intake import waves

    people = waves.read_design(plan, wave)
    return text(plan, wave, people, rehearsals(plan, wave, people, waves.margins(plan), draws=draws))


def sizes_of(plan: Plan, people: pd.DataFrame, wave: str) -> list[tuple[str, Size]]:
    """Return the sizes rehearsed, each with what it is rehearsed for."""
    now, need, w = people[people["wave"] == wave], needs(plan, people, wave), plan.words
    boost = int(arms.is_boost(plan, now).sum())
    came = (
        now[plan.treatment.column].isin(plan.treatment.treated)
        if plan.treatment.column in now
        else pd.Series(dtype=bool)
    )
    found = []
    if came.any():
        found += [
            ("attend", Size("as this wave")),
            ("attend", Size("twice the sessions, as many people", sessions=2.0)),
            ("attend", Size("twice the sessions and twice the people", people=2.0, sessions=2.0)),
        ]
        if boost:
            found.append(("attend", Size(f"three times as many {w.treated} from lists", boost=3.0)))
    found += [
        ("group", Size("as this wave")),
        ("group", Size("twice the sessions and people", people=2.0, sessions=2.0)),
    ]
    linked, never = round(need["linked"]), round(need["never"])
    return [*found, ("linked", Size("the linked people named above", linked=linked, never=never))]


def rehearsals(
    plan: Plan, wave: str, people: pd.DataFrame, margins: Mapping[str, pd.Series], *, draws: int = DRAWS
) -> list[tuple[str, Size, Power]]:
    """Return every size with how often it finds the target difference."""
    now = people[people["wave"] == wave]
    if not draws:
        return []
    return [
        (what, size, rehearse(plan, now, margins, size, what=what, draws=draws, seed=plan.seed + place))
        for place, (what, size) in enumerate(sizes_of(plan, people, wave))
    ]


def text(plan: Plan, wave: str, people: pd.DataFrame, found: Sequence[tuple[str, Size, Power]]) -> str:
    """Return the sheet as lines of text."""
    title = f"Fieldwork sheet for the wave after {wave}"
    parts = [
        [title, "=" * len(title)],
        _how_many(plan, people, wave),
        _routes(plan, found),
        _questions(plan),
        _card(),
        _checklist(plan, wave),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts)


def _how_many(plan: Plan, people: pd.DataFrame, wave: str) -> list[str]:
    need, w, points = needs(plan, people, wave), plan.words, f"{plan.power.target_points:.0f} percentage points"
    return [
        "How many, of whom (by formula)",
        f"  To see a change of {points} (power {plan.power.power:.0%}), in each wave:",
        f"    {up(need['group'], 10):.0f} {w.focus_group}, and as many of {w.comparison_group} for the gap",
        f"  To see a difference of {points}:",
        f"    {up(need['attendees'], 10):.0f} {w.treated}",
        f"    {up(need['others'], 10):.0f} {w.untreated}",
        "  To see it among the same people before and after (link code on both forms):",
        f"    {up(need['linked'], 10):.0f} {w.treated} for the first time in between, and "
        f"{up(need['never'], 10):.0f} {w.untreated}",
        f"  From how many sessions: {need['sessions']:.0f} in each compared group, at {need['per_session']:.0f} "
        "people a session;",
        f"    {w.treated} from at least {ATTENDEE_SESSIONS} sessions, none held at an event",
        f"  Planned with answers alike by {need['correlation']:.2f} within a session (design effect "
        f"{need['effect']:.1f}).",
    ]


FOR = {"attend": "comparison", "group": "change", "linked": "same people"}


def _routes(plan: Plan, found: Sequence[tuple[str, Size, Power]]) -> list[str]:
    w = plan.words
    lines = [
        "By which route (the study's own weights and estimators, rehearsed on people like those of this wave)",
        f"  Chance of finding {plan.power.target_points:.0f} percentage points:" if found else "  Not rehearsed.",
    ]
    for what, size, power in found:
        n = f"{power.treated} and {power.untreated} people" if what != "group" else f"{power.treated} people a wave"
        lines.append(f"    {FOR[what]}, {size.name}: {100 * power.found:.0f} % (± {100 * power.error():.0f}; {n})")
    return [
        *lines,
        "  General sample first, in many small sessions; community groups, street and online, noted on every form.",
        f"  Lists of {w.treated} as a boost, marked in the data: they add to the comparison, never to the levels.",
        "  Half of the sessions without an officer in the room.",
    ]


def _questions(plan: Plan) -> list[str]:
    lines = ["Questions to ask of everybody, with routing (print them: evaluation plan --questionnaire FILE)"]
    for name in asked(plan):
        lines.append(f"  - {plan.codebook.label(name)}" + routed(plan, name))
    return lines


def _card() -> list[str]:
    return [
        "Card for interviewers",
        "  1. Say who asks, what for, and that people may stop at any time. Ask for consent before anything else.",
        "  2. Read every question as it is written, in order. Do not explain it in other words.",
        "  3. Do not prompt. “Don’t know” and “prefer not to say” are answers: write them down.",
        "  4. Follow the arrows: who has not attended is not asked how often.",
        "  5. Hand over the form where people can fill it in alone; step back; do not read over shoulders.",
        "  6. On every form: session number, date, who gave it out, whether an officer could hear, if at an event.",
        "  7. Write down how many people were approached, also when nobody agreed.",
    ]


def _checklist(plan: Plan, wave: str) -> list[str]:
    t = plan.treatment
    lines = [
        "Before fieldwork",
        "  [ ] the new wave stands in study.toml, and its plan is frozen: evaluation plan --freeze --wave W",
        "  [ ] wording, order and answers are those of the codebook; a change is flagged in wave.toml",
        "  [ ] things the events cannot have moved are asked too (at least three)",
        f"  [ ] the {t.register_name or 'events'} register is complete to the month before fieldwork",
        "  [ ] no session is held at an event; sessions are numbered and listed in advance",
        "  [ ] consent, link code and withdrawal are explained on the form",
        "  [ ] lists are marked as such; nobody is asked twice",
        "  [ ] a pilot with ten people, two of them reading the form aloud",
    ]
    if len(plan.outcomes.negative_controls) < 3:
        lines.append("  [ ] the plan names fewer than three negative controls: add some")
    return lines


__all__: list[Any] = ["rehearsals", "sheet", "sizes_of", "text"]
