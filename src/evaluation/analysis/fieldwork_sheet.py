"""The fieldwork sheet of the next wave as plain text: how many, of whom, by which route; questions; card; checklist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from evaluation.analysis import arms, layout
from evaluation.analysis.lots import lot_prospects
from evaluation.analysis.next_wave_simulation import DRAWS, Power, Size, rehearse
from evaluation.analysis.questionnaire import questions, route_words
from evaluation.analysis.sample_size import ATTENDEE_SESSIONS, needs, up
from evaluation.intake import waves
from evaluation.plan.study import Plan
from evaluation.table_builder import Table

PEOPLE = ("group", "attendees", "others", "linked", "never")


def sheet(plan: Plan, wave: str, *, draws: int = DRAWS) -> str:
    """Return the sheet; sizes by formula, and routes by `draws` rehearsals of the study's own pipeline (0: none)."""
    people = waves.read_design(plan, wave)
    powers = rehearsals(plan, wave, people, waves.margins(plan), draws=draws)
    lots = lot_prospects.prospects(plan, wave, draws=min(draws, lot_prospects.DRAWS))
    return "\n\n".join(filter(None, [text(plan, wave, people, powers), lots]))


def sizes_of(plan: Plan, people: pd.DataFrame, wave: str) -> list[tuple[str, Size]]:
    """Return the sizes rehearsed, each with what it is rehearsed for."""
    now, need, t = people[people["wave"] == wave], needs(plan, people, wave), plan.treatment
    sizes = []
    if t.column in now and now[t.column].isin(t.treated).any():
        sizes += [
            ("attend", Size("as this wave")),
            ("attend", Size("twice the sessions, as many people", sessions=2.0)),
            ("attend", Size("twice the sessions and twice the people", people=2.0, sessions=2.0)),
        ]
        if arms.is_boost(plan, now).any():
            sizes.append(("attend", Size(f"three times as many {plan.words.treated} from lists", boost=3.0)))
    linked = {k: round(need[k]) for k in ("linked", "never")}
    return [
        *sizes,
        ("group", Size("as this wave")),
        ("group", Size("twice the sessions and people", people=2.0, sessions=2.0)),
        ("linked", Size("the linked people named above", **linked)),
    ]


def rehearsals(
    plan: Plan, wave: str, people: pd.DataFrame, margins: Mapping[str, pd.Series], *, draws: int = DRAWS
) -> list[tuple[str, Size, Power]]:
    """Return every size with how often it finds the target difference."""
    now = people[people["wave"] == wave]
    return [
        (design, size, rehearse(plan, now, margins, size, what=design, draws=draws, seed=plan.seed + place))
        for place, (design, size) in enumerate(sizes_of(plan, people, wave) if draws else ())
    ]


def text(plan: Plan, wave: str, people: pd.DataFrame, powers: Sequence[tuple[str, Size, Power]]) -> str:
    """Return the sheet as lines of text."""
    table = layout.table(plan, wave, "next.sheet", points=f"{plan.power.target_points:.0f} percentage points")
    title = table.text(table.declaration.title)
    chances = [table.sentence("rehearsed" if powers else "not_rehearsed"), *(_chance(table, *p) for p in powers)]
    listed = (f"  - {plan.codebook.label(name)}{route_words(plan, name)}" for name in questions(plan))
    checklist = table.sentence("checklist", register=plan.treatment.register_name or "events")
    if len(plan.outcomes.negative_controls) < 3:
        checklist += "\n" + table.sentence("few_controls")
    parts = [
        f"{title}\n{'=' * len(title)}",
        _people(plan, table, needs(plan, people, wave)),
        table.sentence("routes", rehearsed="\n".join(chances)),
        table.sentence("questions", questions="\n".join(listed)),
        table.sentence("card"),
        checklist,
    ]
    return "\n\n".join(parts)


def _people(plan: Plan, table: Table, need: Mapping[str, float]) -> str:
    return table.sentence(
        "people",
        power=f"{plan.power.power:.0%}",
        **{k: f"{up(need[k], 10):.0f}" for k in PEOPLE},
        **{k: f"{need[k]:.0f}" for k in ("sessions", "per_session")},
        correlation=f"{need['correlation']:.2f}",
        effect=f"{need['effect']:.1f}",
        attendee_sessions=ATTENDEE_SESSIONS,
    )


def _chance(table: Table, design: str, size: Size, power: Power) -> str:
    chance = {"found": f"{100 * power.share:.0f}", "error": f"{100 * power.error():.0f}"}
    people = {"treated_n": power.treated, "untreated_n": power.untreated}
    return table.sentence("change" if design == "group" else design, size=size.name, **chance, **people)
