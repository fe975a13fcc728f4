"""Notebook 01: composition, collection, what is missing, and which planned comparisons the sizes can carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from evaluation.answers import samples
from evaluation.answers.words import exhibit, measure, words
from evaluation.estimates import Gate
from evaluation.exhibits import Count, Exhibit, Item, cell_key
from evaluation.statistics import tabulate
from evaluation.study import Plan


def margin_columns(plan: Plan) -> list[str]:
    """Return the columns of the population margins, each once, in the plan's order."""
    known = [*plan.derive, *plan.codebook.names()]
    found: list[str] = []
    for name in plan.population.margins:
        found += [c for c in columns_of(name, known) if c not in found]
    return found


def columns_of(margin: str, known: list[str]) -> list[str]:
    """Return the columns that the name of a margin joins with "_" ("age5_sex" is age5 and sex)."""
    if margin in known:
        return [margin]
    parts = margin.split("_")
    for cut in range(len(parts) - 1, 0, -1):
        head, tail = "_".join(parts[:cut]), "_".join(parts[cut:])
        if head in known:
            return [head, *columns_of(tail, known)]
    raise KeyError(f"margin {margin!r} names no known columns")


def composition(plan: Plan, wave: str, people: pd.DataFrame) -> Exhibit:
    """Return counts of people by wave and by each characteristic that has a population figure."""
    items: list[Item] = []
    sums: list[Any] = []
    shown = [c for c in dict.fromkeys([*margin_columns(plan), *plan.covariates]) if c in people][:6]
    for column in shown:
        frame = pd.DataFrame({column: people[column].astype(object), "wave": people["wave"]})
        frame[column] = frame[column].fillna("not_stated")
        labels = {**plan.levels_of(column), "not_stated": "Not stated"}
        made, implied = tabulate.crosstab(
            frame, column, "wave", universe="people", id=f"n.{column}", wave=wave, row_labels=labels,
            totals=column == shown[0],
        )  # fmt: skip
        names = {labels.get(k, k): f"{plan.label_of(column)}: {labels.get(k, k)}" for k in [*labels]}
        items += [Item(names.get(i.row, i.row), i.column, i.result) for i in made]
        sums += implied
    return Exhibit(
        "who.composition", "Who answered, by wave", tuple(items), ("policy-4", "annex-D"), wave=wave,
        row_header="Group", sums=tuple(sums), source="Survey, unweighted",
        notes=("Small groups are hidden and other counts rounded, so that nobody can be found.",),
    )  # fmt: skip


def collection(plan: Plan, wave: str, people: pd.DataFrame) -> Exhibit:
    """Return sessions and routes of each wave, and how many people a session has on average."""
    session = plan.population.session_column
    triples: list[tuple[str, str, Any]] = []
    for name, rows in people.groupby("wave", sort=True):
        if session in rows:
            count = int(rows[session].nunique())
            triples.append(("Collection sessions", str(name), Count(
                id=f"n.sessions.all.{name}".lower(), n=count, key=cell_key("sessions", wave=name), sensitive=False,
                unit="sessions", wave=str(name))))  # fmt: skip
            triples.append(("People per session, on average", str(name), measure(
                f"mean.session_size.all.{name}", len(rows) / max(count, 1), "people", base=len(rows), wave=str(name),
                decimals=0)))  # fmt: skip
        boost = samples.is_boost(plan, rows)
        triples.append(("Reached through lists of attendees", str(name), Count(
            id=f"n.boost.all.{name}".lower(), n=int(boost.sum()), key=cell_key("people", boost="yes", wave=name),
            kind="identity", wave=str(name))))  # fmt: skip
    return exhibit("who.collection", "How answers were collected", triples, sections=("annex-D",), wave=wave,
                   row_header="Feature", source="Survey, unweighted")  # fmt: skip


def missing(plan: Plan, wave: str, table: pd.DataFrame) -> Exhibit:
    """Return, for each outcome of the report wave, how many people have no answer, by reason."""
    codes = plan.codebook.missing
    triples: list[tuple[str, str, Any]] = []
    rows = table[(table["wave"] == wave) & table["variable"].isin(_items(plan))]
    for row in rows.itertuples(index=False):
        code = str(row.reason)
        if code in ("0", "-5"):
            continue
        reason = codes.get(code) or codes.get(int(code), code)
        key = cell_key("people", variable=row.variable, missing=code, wave=wave)
        count = Count(id=f"n.missing.{row.variable}.{wave}.{code}".lower(), n=int(row.n), key=key, wave=wave)
        triples.append((plan.label_of(row.variable), str(reason), count))
    if not triples:
        triples = [("Nothing is missing", "", words(f"n.missing.none.{wave}", "every question was answered"))]
    return exhibit("who.missing", "What was left blank, and why", triples, sections=("annex-D",), wave=wave,
                   row_header="Question", source="Survey, unweighted")  # fmt: skip


def _items(plan: Plan) -> list[str]:
    found = [i for o in plan.all_outcomes for i in (plan.scales[o].items if o in plan.scales else (o,))]
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Carried:
    """One planned comparison: whether the people and sessions on each side suffice."""

    id: str
    title: str
    gate: Gate
    reason: str = ""


def carried(plan: Plan, wave: str, people: pd.DataFrame) -> list[Carried]:
    """Return, for each planned comparison, whether there are enough people and sessions on each side."""
    now = people[people["wave"] == wave]
    t, sizes = plan.treatment, plan.sizes
    asked = t.column in now and now[t.column].notna().any()
    found = []
    if not asked:
        gate = Gate("carried.attend", "design", False, note="attendance was asked")
        found.append(Carried("attend", "Attended and had not attended", gate, "attendance was not asked in this wave"))
    else:
        sides = [now[now[t.column].isin(s)] for s in (t.treated, t.untreated)]
        found.append(_enough(plan, "attend", "Attended and had not attended", sides, sizes.least_people))
    for name, design in plan.designs.items():
        if design.group in people and design.group_levels:
            cells = [people[(people["wave"] == w) & (people[design.group] == g)]
                     for w in design.waves for g in design.group_levels]  # fmt: skip
            found.append(_enough(plan, name.lower(), design.title, cells, sizes.least_people))
    return found


def _enough(plan: Plan, id: str, title: str, cells: list[pd.DataFrame], least: int) -> Carried:
    session = plan.population.session_column
    enough = all(len(c) >= least for c in cells)
    if session:
        enough = enough and all(session in c and c[session].nunique() >= plan.sizes.least_sessions for c in cells)
    note = f"at least {least} people and {plan.sizes.least_sessions} sessions in each compared group"
    return Carried(id, title, Gate(f"carried.{id}", "size", enough, note=note), "" if enough else "too few to say")


def carried_table(plan: Plan, wave: str, found: list[Carried]) -> Exhibit:
    """Return which planned comparisons the sizes can carry."""
    triples = [
        (c.title, "Can the sizes carry it?", words(f"carried.{c.id}.all.{wave}", c.reason or "yes")) for c in found
    ]
    return exhibit("who.carried", "Which planned comparisons can be carried", triples, sections=("annex-D",),
                   wave=wave, row_header="Comparison")  # fmt: skip


def gates(plan: Plan, wave: str, people: pd.DataFrame) -> list[Gate]:
    """Return the size gates of the planned comparisons."""
    return [c.gate for c in carried(plan, wave, people)]


def answer(plan: Plan, wave: str, people: pd.DataFrame, found: list[Carried]) -> Exhibit:
    """Return the answer of notebook 01: how many answered, and what that can carry."""
    now = people[people["wave"] == wave]
    count = Count(id=f"n.answered.all.{wave}".lower(), n=len(now), key=cell_key("people", wave=wave), kind="identity",
                  wave=wave)  # fmt: skip
    short = [c.title for c in found if not c.gate.passed]
    said = "Every planned comparison has enough people and sessions." if not short else (
        "Too small, or not asked, for: " + "; ".join(short) + ".")  # fmt: skip
    triples = [("People analysed in this wave", "", count), ("Sizes", "", words(f"answer.01.all.{wave}", said))]
    return exhibit("answer.01", "Who answered, and who did not?", triples, sections=(), wave=wave)
