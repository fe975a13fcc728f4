"""Who had heard of the programme before, and who had an update on what it heard: people who answered, unweighted."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evaluation.answers import samples
from evaluation.answers.levels.saying import group_column
from evaluation.answers.registers import shelf
from evaluation.answers.registers.shelf import Triples
from evaluation.answers.words import exhibit
from evaluation.errors import EvaluationError
from evaluation.exhibits import Exhibit
from evaluation.study import Plan

# Part of a question's name among those on the programme, with its id and its words.
ASKED = (("heard", "heard", "Had heard of the programme"), ("update", "updated", "Had an update on what was heard"))
SECTIONS = ("policy-3", "annex-K")


def awareness(plan: Plan, wave: str, people: pd.DataFrame) -> Exhibit:
    """Return the share who had heard of the programme and who had an update, by group and by attendance.

    Parameters
    ----------
    people : DataFrame
        The wave's design rows (`waves.load_design`): how people were asked and whether they attended; no answer on the
        police is in it.
    """
    title = "Heard of the programme, and told what came of it"
    groups = _groups(plan, people)
    cells: Triples = []
    for part, id, label in ASKED:
        column = _column(plan, part, people)
        if column is None:
            refusal = shelf.cannot(
                wave, f"{id}.all.{wave}", f"the survey of {wave} did not ask this", "Ask it next time."
            )
            cells.append((label, groups[0][1], refusal))
            continue
        for code, name, those in groups:
            answers = people.loc[those, column].dropna()
            known = answers[answers.isin(["yes", "no"])]
            if len(known) < plan.sizes.least_people:
                few = shelf.cannot(
                    wave, f"{id}.{code}.{wave}", "too few people answered to show a share", "More answers."
                )
                cells.append((label, name, few))
                continue
            yes = int((known == "yes").sum())
            share = shelf.part(f"{id}.{code}.{wave}", yes, len(known), wave, universe=f"survey {wave} {id}", who=code)
            cells.append((label, name, share))
    return exhibit(
        "events.heard",
        title,
        cells,
        sections=SECTIONS,
        wave=wave,
        row_header="Question",
        source=f"Survey, wave {wave}, unweighted",
        notes=("People who answered, not residents. Those invited through lists of attendees count as attendees.",),
    )


def _column(plan: Plan, part: str, people: pd.DataFrame) -> str | None:
    survey = plan.codebook.table("survey").variables.values()
    names = [v.name for v in survey if v.role == "treatment" and part in v.name]
    return next((n for n in names if n in people and people[n].notna().any()), None)


def _groups(plan: Plan, people: pd.DataFrame) -> list[tuple[str, str, Any]]:
    general = ~samples.is_boost(plan, people)
    made = [("all", "Everybody in the general sample", general)]
    column = group_column(plan)
    if column and column in people:
        for code, name in plan.levels_of(column).items():
            made.append((str(code), str(name), general & (people[column] == code).fillna(False)))
    try:
        arm = samples.arms(plan, people)
    except (EvaluationError, KeyError):
        return made
    attended = arm.isin(["first", "both"])
    return [*made, ("attended", "People who had attended", attended)] if attended.any() else made
