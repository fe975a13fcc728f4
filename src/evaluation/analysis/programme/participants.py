"""Who came: anonymous slips by group, what they cover, and whether the community in focus came."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pandas as pd

from evaluation.analysis import arms, layout
from evaluation.analysis.level_tables import group_column
from evaluation.analysis.programme import register_cells
from evaluation.errors import EvaluationError
from evaluation.exhibit import Exhibit, cell_key
from evaluation.plan.codebook import Variable
from evaluation.plan.study import Plan
from evaluation.programme import events as event_counts
from evaluation.table_builder import Table, Tables

# Part of the name of a survey question on the programme, by row of the table.
QUESTIONS = {"heard": "heard", "updated": "update"}


def who_came(plan: Plan, build: Tables, slips: pd.DataFrame) -> Exhibit:
    """Return slips by broad ethnic group and by age."""
    table, broad = build.table("events.who"), broad_groups(plan)
    table.row("all").count("slips", len(slips))
    variable = _broad_variable(plan)
    groups = {} if variable is None else {str(k): str(v) for k, v in variable.levels.items()}
    _slips(table, "ethnic", slips["ethnic_group"].map(lambda g: broad.get(str(g), "")).fillna(""), groups)
    ages = {k: f"Age {v}" for k, v in register_cells.levels(plan, "attendance", "age_band").items()}
    _slips(table, "age", slips["age_band"].fillna(""), ages)
    return table.exhibit()


def _slips(table: Table, column: str, codes: pd.Series, labels: dict[str, str]) -> None:
    """Add the slips of each code that occurs, and of those that state none."""
    keys = {c: c for c in labels if (codes == c).any()} | ({"": "blank"} if (codes == "").any() else {})
    for code, key in keys.items():
        row = table.row(f"{column}-{key}", labels.get(code, "") if code else "")
        row.count("slips", (codes == code).sum(), **{column: key})
    table.sum(cell_key("slips"), [cell_key("slips", **{column: key}) for key in keys.values()])


def _broad_variable(plan: Plan) -> Variable | None:
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
    named = [g for g in groups for p in parts if g.split("_")[0] == p or g.split("_")[1:] == [p]]
    return tuple(dict.fromkeys(named))


def slips_table(plan: Plan, build: Tables, rows: pd.DataFrame, slips: pd.DataFrame) -> Exhibit:
    """Return what the slips and forms cover, repeat attendance and the match with the community in focus."""
    groups = list(register_cells.levels(plan, "attendance", "ethnic_group"))
    focus = {c: belongs(c, groups) for c in register_cells.levels(plan, "events", "focus_community")}
    n = event_counts.slips(slips, rows, focus=focus)
    forms = int(rows["n_forms"].astype("Int64").sum()) if "n_forms" in rows else 0
    shares = {
        "coverage": (n.slips / max(n.attendances, 1), n.attendances),
        "forms": (forms / max(n.attendances, 1), n.attendances),
    }
    if told := n.first + n.repeat:
        shares["repeat"] = (n.repeat / told, told)
    if n.focus_known:
        shares["focus"] = (n.focus_match / n.focus_known, n.focus_known)
    shares["blank"] = (slips["ethnic_group"].isna().mean(), len(slips))
    table = build.table("events.slips")
    for key, (share, base) in shares.items():
        table.row(key).share("share", share, base=base)
    _observation(table, rows)
    return table.exhibit()


def _observation(table: Table, rows: pd.DataFrame) -> None:
    """Add to how many lay observation was offered and how many took it up, or that nobody wrote it down."""
    columns = ["observation_offered", "observation_taken"]
    if not all(c in rows and rows[c].notna().any() for c in columns):
        reason = "the registers do not record who was offered it or took it up"
        table.row("observation").refused("share", reason, "Record offers and visits made, by event.")
        return
    known = rows.dropna(subset=columns)
    offered, taken = (int(known[c].sum()) for c in columns)
    table.row("offered").count("people", offered)
    row = table.row("taken").count("people", taken)
    if offered:
        row.part("share", taken, offered, id=f"events.observation.share.{table.wave}", universe="observation share")


def awareness(plan: Plan, wave: str, people: pd.DataFrame) -> Exhibit:
    """Return the share who had heard of the programme and who had an update, by group and by attendance.

    Parameters
    ----------
    people : DataFrame
        The wave's design rows (`waves.load_design`): how people were asked and whether they attended; no answer on the
        police is in it.
    """
    groups = {code: (name, those) for code, name, those in _groups(plan, people)}
    table = layout.table(plan, wave, "events.heard").head({code: name for code, (name, _) in groups.items()})
    for key, part in QUESTIONS.items():
        row, column = table.row(key), _question(plan, part, people)
        if column is None:
            row.refused("all", f"the survey of {wave} did not ask this", "Ask it next time.")
            continue
        for code, (_, those) in groups.items():
            answers = people.loc[those, column].dropna()
            known = answers[answers.isin(["yes", "no"])]
            if len(known) < plan.sizes.least_people:
                row.refused(code, "too few people answered to show a share", "More answers.")
            else:
                row.part(code, (known == "yes").sum(), len(known), universe=f"survey {wave} {key}", who=code)
    return table.exhibit()


def _question(plan: Plan, part: str, people: pd.DataFrame) -> str | None:
    survey = plan.codebook.table("survey").variables.values()
    names = [v.name for v in survey if v.role == "treatment" and part in v.name]
    return next((n for n in names if n in people and people[n].notna().any()), None)


def _groups(plan: Plan, people: pd.DataFrame) -> Iterator[tuple[str, str, pd.Series]]:
    """Yield the groups that awareness is shown for: code, words and who belongs."""
    general = ~arms.is_boost(plan, people)
    yield "all", "Everybody in the general sample", general
    column = group_column(plan)
    if column and column in people:
        for code, name in plan.levels_of(column).items():
            yield str(code), str(name), general & (people[column] == code).fillna(False)
    try:
        attended = arms.arms(plan, people).isin(["first", "both"])
    except (EvaluationError, KeyError):
        return
    if attended.any():
        yield "attended", "People who had attended", attended
