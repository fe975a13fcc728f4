"""Who came: anonymous slips by group, what they cover, and whether the community in focus came."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from evaluation.analysis import arms, layout
from evaluation.analysis.level_tables import group_column
from evaluation.analysis.programme import register_cells
from evaluation.analysis.programme.register_cells import Triples, people, per_cent
from evaluation.errors import EvaluationError
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.programme import events as held_events


def who_came(plan: Plan, wave: str, slips: pd.DataFrame, day: pd.Timestamp) -> Exhibit:
    """Return slips by broad ethnic group and by age."""
    cells: Triples = []
    sums = []
    broad = broad_groups(plan)
    total = people(f"events.slips.all.{wave}", len(slips), wave, unit="slips", universe="slips")
    cells.append(("All slips", "Slips", total))
    for column, label, codes in (
        ("ethnic", "", slips["ethnic_group"].map(lambda g: broad.get(str(g), "")).fillna("")),
        ("age", "Age ", slips["age_band"].fillna("")),
    ):
        names = _level_words(plan, column)
        parts = []
        for code in [*[c for c in names if (codes == c).any()], *([""] if (codes == "").any() else [])]:
            word = names.get(code, code) if code else f"{'Ethnic group' if column == 'ethnic' else 'Age'} not stated"
            count = people(
                f"events.slips.{column}-{code or 'blank'}.{wave}",
                int((codes == code).sum()),
                wave,
                unit="slips",
                universe="slips",
                **{column: code or "blank"},
            )
            cells.append((f"{label}{word}" if code else word, "Slips", count))
            parts.append(count.key)
        sums.append((total.key, tuple(parts)))
    return (
        layout.table(plan, wave, "events.who", source=register_cells.source(plan, "attendance", day))
        .add(cells)
        .exhibit(sums=tuple(sums))
    )


def _level_words(plan: Plan, column: str) -> dict[str, str]:
    if column == "age":
        return register_cells.levels(plan, "attendance", "age_band")
    variable = _broad_variable(plan)
    return {} if variable is None else {str(k): str(v) for k, v in variable.levels.items()}


def _broad_variable(plan: Plan) -> Any | None:
    """Return the survey variable that the codebook makes from the detailed ethnic group."""
    survey = plan.codebook.table("survey").variables.values()
    return next((v for v in survey if v.made_from == "ethnic_group"), None)


def broad_groups(plan: Plan) -> dict[str, str]:
    """Return the broad group of each detailed ethnic group: its code's first part, where the codebook has it."""
    broad = _broad_variable(plan)
    known = set() if broad is None else set(broad.levels)
    detailed = register_cells.levels(plan, "attendance", "ethnic_group")
    return {code: code.split("_")[0] for code in detailed if code.split("_")[0] in known}


def belongs(focus: str, groups: Collection[str]) -> tuple[str, ...]:
    """Return the ethnic groups that a community in focus names; none where it names no group.

    "all_black" and "young_black" are every group whose code starts with "black"; "african" is the one two-part code
    that ends with it.
    """
    parts = [p for p in focus.split("_") if p not in ("all", "young", "other")]
    found = [g for g in groups for p in parts if g.split("_")[0] == p or g.split("_")[1:] == [p]]
    return tuple(dict.fromkeys(found))


def slips_table(plan: Plan, wave: str, rows: pd.DataFrame, slips: pd.DataFrame, day: pd.Timestamp) -> Exhibit:
    """Return what the slips and forms cover, repeat attendance and the match with the community in focus."""
    groups = list(register_cells.levels(plan, "attendance", "ethnic_group"))
    focus = {c: belongs(c, groups) for c in register_cells.levels(plan, "events", "focus_community")}
    n = held_events.slips(slips, rows, focus=focus)
    told = n.first + n.repeat
    forms = int(rows["n_forms"].astype("Int64").sum()) if "n_forms" in rows else 0
    cells: Triples = [
        (
            "Attendances with a slip",
            "Share",
            per_cent(f"events.coverage.all.{wave}", n.slips / max(n.attendances, 1), wave, base=n.attendances),
        ),
        (
            "Attendances with a feedback form",
            "Share",
            per_cent(f"events.forms.all.{wave}", forms / max(n.attendances, 1), wave, base=n.attendances),
        ),
    ]
    if told:
        cells.append(
            (
                "Had been to an event before",
                "Share",
                per_cent(f"events.repeat.all.{wave}", n.repeat / told, wave, base=told),
            )
        )
    if n.focus_known:
        cells.append(
            (
                "Belonged to the community in focus",
                "Share",
                per_cent(f"events.focus.all.{wave}", n.focus_match / n.focus_known, wave, base=n.focus_known),
            )
        )
    blank = slips["ethnic_group"].isna().mean()
    cells.append(
        (
            "Slip without an ethnic group",
            "Share",
            per_cent(f"events.blank.all.{wave}", float(blank), wave, base=len(slips)),
        )
    )
    cells += _observation(wave, rows)
    return (
        layout.table(plan, wave, "events.slips", source=register_cells.source(plan, "attendance", day))
        .add(cells)
        .exhibit()
    )


def _observation(wave: str, rows: pd.DataFrame) -> Triples:
    """Return to how many lay observation was offered and how many took it up, or that nobody wrote it down."""
    label, columns = "Lay observation (custody visits and the like)", ("observation_offered", "observation_taken")
    if not all(c in rows and rows[c].notna().any() for c in columns):
        reason = "the registers do not record who was offered it or took it up"
        refusal = register_cells.cannot(
            wave, f"events.observation.all.{wave}", reason, "Record offers and visits made, by event."
        )
        return [(label, "Share", refusal)]
    known = rows.dropna(subset=list(columns))
    offered, taken = (int(known[c].sum()) for c in columns)
    of = {"unit": "people", "universe": "observation"}
    cells: Triples = [
        (
            f"{label}: offered to",
            "People",
            people(f"events.observation.offered.{wave}", offered, wave, **of, step="offered"),
        ),
        (
            f"{label}: taken up by",
            "People",
            people(f"events.observation.taken.{wave}", taken, wave, **of, step="taken"),
        ),
    ]
    if offered:
        share = register_cells.part(
            f"events.observation.share.{wave}", taken, offered, wave, universe="observation share"
        )
        cells.append((f"{label}: taken up by", "Share", share))
    return cells


# Part of a question's name among those on the programme, with its id and its words.
ASKED = (("heard", "heard", "Had heard of the programme"), ("update", "updated", "Had an update on what was heard"))


def awareness(plan: Plan, wave: str, people: pd.DataFrame) -> Exhibit:
    """Return the share who had heard of the programme and who had an update, by group and by attendance.

    Parameters
    ----------
    people : DataFrame
        The wave's design rows (`waves.load_design`): how people were asked and whether they attended; no answer on the
        police is in it.
    """
    groups = _groups(plan, people)
    cells: Triples = []
    for part, id, label in ASKED:
        column = _column(plan, part, people)
        if column is None:
            refusal = register_cells.cannot(
                wave, f"{id}.all.{wave}", f"the survey of {wave} did not ask this", "Ask it next time."
            )
            cells.append((label, groups[0][1], refusal))
            continue
        for code, name, those in groups:
            answers = people.loc[those, column].dropna()
            known = answers[answers.isin(["yes", "no"])]
            if len(known) < plan.sizes.least_people:
                few = register_cells.cannot(
                    wave, f"{id}.{code}.{wave}", "too few people answered to show a share", "More answers."
                )
                cells.append((label, name, few))
                continue
            yes = int((known == "yes").sum())
            share = register_cells.part(
                f"{id}.{code}.{wave}", yes, len(known), wave, universe=f"survey {wave} {id}", who=code
            )
            cells.append((label, name, share))
    return layout.table(plan, wave, "events.heard").add(cells).exhibit()


def _column(plan: Plan, part: str, people: pd.DataFrame) -> str | None:
    survey = plan.codebook.table("survey").variables.values()
    names = [v.name for v in survey if v.role == "treatment" and part in v.name]
    return next((n for n in names if n in people and people[n].notna().any()), None)


def _groups(plan: Plan, people: pd.DataFrame) -> list[tuple[str, str, Any]]:
    general = ~arms.is_boost(plan, people)
    made = [("all", "Everybody in the general sample", general)]
    column = group_column(plan)
    if column and column in people:
        for code, name in plan.levels_of(column).items():
            made.append((str(code), str(name), general & (people[column] == code).fillna(False)))
    try:
        arm = arms.arms(plan, people)
    except (EvaluationError, KeyError):
        return made
    attended = arm.isin(["first", "both"])
    return [*made, ("attended", "People who had attended", attended)] if attended.any() else made
