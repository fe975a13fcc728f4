"""Notebook 01: composition, representation, collection, item missingness, and the sizes of planned comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from evaluation.analysis import arms, layout, margin_cells, vocabulary
from evaluation.analysis.arms import NOT_STATED
from evaluation.exhibit import Exhibit, Item, cell_key
from evaluation.intake.answer_patterns import outcome_items
from evaluation.plan.study import Plan
from evaluation.results import Gate
from evaluation.statistics import crosstab
from evaluation.table_builder import Row, Table

LIKENESS = (0.02, 0.05, 0.1)  # planning values: answers about trust are not opened here
MOST_SHOWN = 6  # characteristics in the table of who answered
ROUTES = ("officer", "event")  # who or what near a person may colour an answer
NEAR = "Answers that an officer could see or hear"
ANSWERED, NOT_ASKED = 0, -5
UNCOUNTED = "cannot be computed: the number of people approached was not written down"
MISCOUNTED = "cannot be computed: more people answered than were written down as approached"


def composition(plan: Plan, wave: str, people: pd.DataFrame) -> Exhibit:
    """Return counts of people by wave and by each characteristic that has a population figure or is adjusted for.

    A wave that did not ask for a characteristic is left out of its rows: "not asked" is not "not stated".
    """
    table = layout.table(plan, wave, "who.composition")
    for place, column in enumerate(closed_columns(plan, people)):
        frame = pd.DataFrame({column: _stated(people[column]), "wave": people["wave"]})
        frame = frame[_put(people, column)] if place else frame
        items, sums = crosstab.crosstab(
            frame,
            column,
            "wave",
            universe="people",
            id=f"n.{column}",
            wave=wave,
            row_labels=_labels(plan, column),
            totals=not place,
        )
        head = plan.label_of(column)
        table.items += [Item(i.row if i.row == "All" else f"{head}: {i.row}", i.column, i.result) for i in items]
        table.sums += sums
    return table.exhibit()


def _stated(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), NOT_STATED)


def _put(people: pd.DataFrame, column: str) -> pd.Series:
    """Return whose wave asked a question: somebody answered it there."""
    return people.groupby("wave")[column].transform("count") > 0


def _labels(plan: Plan, column: str) -> dict[str, str]:
    return {**plan.levels_of(column), NOT_STATED: "Not stated"}


def closed_columns(plan: Plan, people: pd.DataFrame) -> list[str]:
    """Return the characteristics that a table can count: margins first, then covariates with few levels."""
    named = [c for c in dict.fromkeys([*margin_cells.margin_columns(plan), *plan.covariates]) if c in people]
    named = [c for c in named if plan.levels_of(c) and people[c].notna().any()]
    return [c for c in named if not any(_coarser(plan, people, c, other) for other in named)][:MOST_SHOWN]


def _coarser(plan: Plan, people: pd.DataFrame, column: str, other: str) -> bool:
    """Return whether `column` only joins levels of `other`, both made from one question: it would count them twice."""
    source = {c: plan.derive[c].source if c in plan.derive else c for c in (column, other)}
    if column == other or source[column] != source[other] or people[other].nunique() <= people[column].nunique():
        return False
    pairs = people[[other, column]].astype(object).fillna(NOT_STATED)
    return bool(pairs.groupby(other)[column].nunique().max() == 1)


def over_population(plan: Plan, wave: str, people: pd.DataFrame, margins: Mapping[str, pd.Series]) -> Exhibit:
    """Return, for each cell of the population margins, people of the general sample, their share, and the ratio.

    A ratio of 1 is the population's share; 2 is twice as many as there should be. People whose cell is not known are
    in no share. Shares and ratios come from the rounded counts.
    """
    now = people[people["wave"] == wave]
    boost, pop = arms.is_boost(plan, now), plan.population
    table = layout.table(plan, wave, "who.over_population")
    for name, margin in margins.items():
        if not set(margin.index.names) <= set(now.columns):
            continue
        cells = margin_cells.collapsed(now[~boost], name, margin, steps=pop.collapse, least=pop.least_in_cell)
        table.note_texts("more", (f"{name}: {s}." for s in cells.steps))
        n, residents = cells.of.value_counts(), cells.stated
        whole = (cell_key("general", margin=name, wave=wave), int((cells.of != margin_cells.NOT_STATED).sum()))
        for place, (cell, population) in enumerate(residents.items()):
            row = table.row(f"{name}.cell{place:02d}", cells.label(plan, str(cell)))
            _representation(row, wave, cells, str(cell), int(n.get(cell, 0)), whole, population / residents.sum())
        table.sum(whole[0], (cells.key(str(x), wave) for x in residents.index))
        for total, parts in _among_all(cells, boost, wave):
            table.sum(total, parts)
    return table.exhibit()


def _representation(
    row: Row, wave: str, cells: margin_cells.Cells, cell: str, n: int, whole: tuple[str, int], share: float
) -> None:
    """Add one cell's people, share, population share and ratio."""
    part = (cells.key(cell, wave), n)
    row.count("n", n, margin=cells.name, cell=cell, wave=wave).share_of("share", part, whole)
    row.share("residents", share, public=True)
    sample_share = n / whole[1] if whole[1] else 0.0
    counted = {"base": whole[1], "share_of": (part[0], whole[0]), "counts": (part, whole)}
    row.number("ratio", sample_share / share if share else 0.0, **counted)


def _among_all(cells: margin_cells.Cells, boost: pd.Series, wave: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the sums that tie the cells of a margin of one column to the table of everybody."""
    for cell in cells.stated.index if len(cells.columns) == 1 else ():
        key = cells.key(str(cell), wave)
        levels = str(cell).split(margin_cells.MERGED)
        everybody = tuple(cell_key("people", **{cells.columns[0]: x}, wave=wave) for x in levels)
        whole = everybody[0] if len(everybody) == 1 else key.replace("general|", "people|", 1)
        if len(everybody) > 1:
            yield whole, everybody
        yield whole, (key, key.replace("general|", "lists|", 1)) if boost.any() else (key,)


def collection(plan: Plan, wave: str, people: pd.DataFrame) -> Exhibit:
    """Return sessions, source and mode of each wave: people by each closed question about how they were reached."""
    table = layout.table(plan, wave, "who.collection")
    ever = {c: set(_stated(people.loc[_put(people, c), c])) for c in collected_columns(plan, people)}
    for wave_id, rows in people.groupby("wave", sort=True):
        name = str(wave_id)
        _sessions(plan, table, name, rows)
        if plan.population.boost_column:
            table.row("n.boost").count(name, int(arms.is_boost(plan, rows).sum()), boost="yes", wave=name)
        _near_the_police(plan, table, name, rows)
        _near_by_group(plan, table, name, rows)
        for column in [c for c in collected_columns(plan, rows) if len(ever[c]) > 1]:
            _levels(plan, table, name, rows[column], ever[column])
    return table.exhibit()


def _levels(plan: Plan, table: Table, wave: str, values: pd.Series, ever: set[str]) -> None:
    """Add the people of a wave by level of one question, every level that any wave holds."""
    column, stated, keys = str(values.name), _stated(values), {}
    for level, label in _labels(plan, column).items():
        if level in ever:
            row = table.row(f"n.{column}.{level}", f"{plan.label_of(column)}: {label}")
            n = int((stated == level).sum())
            row.count(wave, n, id=f"n.{column}.{level}.{wave}", **{column: level, "wave": wave})
            keys[level] = cell_key("people", **{column: level}, wave=wave)
    table.sum(cell_key("people", wave=wave), keys.values())
    if column == plan.population.boost_column and set(keys) & set(plan.population.boost_sources):
        lists = (key for level, key in keys.items() if level in plan.population.boost_sources)
        table.sum(cell_key("people", boost="yes", wave=wave), lists)


def _near_the_police(plan: Plan, table: Table, wave: str, rows: pd.DataFrame) -> None:
    """Add the share of all answers of a wave that came by each route that may colour them.

    A route that no session of the wave used is a fact about the collection, not about a person: it is 0, not hidden.
    """
    whole = (cell_key("people", wave=wave), len(rows))
    for column in plan.treatment.route_columns:
        kind = next((k for k in ROUTES if k in column), "")
        if not kind or column not in rows or not rows[column].notna().any():
            continue
        n, row = int((rows[column] == "yes").sum()), table.row(f"collection.{kind}")
        if n:
            row.share_of(wave, (cell_key("people", **{column: "yes"}, wave=wave), n), whole, wave=wave)
        else:
            row.share(wave, 0.0, base=len(rows), wave=wave)


def _near_by_group(plan: Plan, table: Table, wave: str, rows: pd.DataFrame) -> None:
    """Add, for each compared group of a wave, the share of answers that an officer could see or hear."""
    column = next((c for c in plan.treatment.route_columns if ROUTES[0] in c and c in rows), "")
    design = next((d for d in plan.designs.values() if len(d.group_levels) == 2 and d.group in rows), None)
    if not column or design is None or not rows[column].notna().any():
        return
    for code in design.group_levels:
        part = rows[(rows[design.group] == code).fillna(False)]
        keys = {"group": code, "wave": wave}
        whole = (cell_key("people", **keys), len(part))
        near = (cell_key("people", **{column: "yes"}, **keys), int((part[column] == "yes").sum()))
        row = table.row(f"officer.{code}", f"{NEAR}: {plan.levels_of(design.group).get(code, code)}")
        if near[1]:
            row.share_of(wave, near, whole, id=f"collection.officer.{code}.{wave}", wave=wave)
        elif len(part):
            row.share(wave, 0.0, base=len(part), id=f"collection.officer.{code}.{wave}", wave=wave)


def _sessions(plan: Plan, table: Table, wave: str, rows: pd.DataFrame) -> None:
    """Add the collection sessions of a wave, their size, and what answers alike within them cost."""
    session = plan.population.session_column
    if not session or session not in rows or not rows[session].notna().any():
        return
    sizes = rows[session].value_counts()
    table.row("n.sessions").count(wave, len(sizes), wave=wave)
    base = int(sizes.sum())
    table.row("mean.session_size").number(wave, sizes.mean(), base=base, wave=wave)
    usual = float((sizes**2).sum() / sizes.sum())  # the session of the average respondent
    for likeness in LIKENESS:
        label = vocabulary.own(plan, f"Design effect of sessions, answers alike by {likeness:g}")
        row = table.row(f"session_effect.{likeness}", label)
        row.number(wave, 1 + (usual - 1) * likeness, unit="times", decimals=1, base=base, wave=wave)


def collected_columns(plan: Plan, rows: pd.DataFrame) -> list[str]:
    """Return the closed questions about how answers were collected that this wave holds."""
    book = plan.codebook
    named = [n for n in book.names() if book.role(n) == "collection" and n in rows and book.variable(n).levels]
    return [n for n in named if rows[n].notna().any() and n not in {e.column for e in plan.exclusions}]


@dataclass(frozen=True, slots=True)
class SizeCheck:
    """One planned comparison: whether the people and sessions on each side suffice, and why not."""

    id: str
    title: str
    gate: Gate
    reason: str = ""


def size_checks(plan: Plan, wave: str, people: pd.DataFrame) -> list[SizeCheck]:
    """Return, for each planned comparison, whether there are enough people and sessions on each side."""
    now, t = people[people["wave"] == wave], plan.treatment
    title = "Attended and had not attended"
    if not t.register_name:
        title = f"{plan.words.treated_short}, and {plan.words.untreated_short}"
    checks: list[SizeCheck] = []
    if t.column in now and now[t.column].notna().any():
        checks = [_enough(plan, "attend", title, [now[now[t.column].isin(s)] for s in (t.treated, t.untreated)])]
    elif t.column:
        gate = Gate("carried.attend", "design", False, note="attendance was asked")
        checks = [SizeCheck("attend", title, gate, "attendance was not asked in this wave")]
    for name, design in plan.designs.items():
        if design.group in people and design.group_levels:
            sides = [
                (people["wave"] == w) & (people[design.group] == g) for w in design.waves for g in design.group_levels
            ]
            checks.append(_enough(plan, name.lower(), design.title, [people[s] for s in sides]))
    return checks


def _enough(plan: Plan, id: str, title: str, cells: list[pd.DataFrame]) -> SizeCheck:
    session, least, sessions = plan.population.session_column, plan.sizes.least_people, plan.sizes.least_sessions
    enough = all(len(c) >= least for c in cells)
    if session:
        enough = enough and all(session in c and c[session].nunique() >= sessions for c in cells)
    needed = f"{least} people and {sessions} sessions" if session else f"{least} people"
    note = vocabulary.own(plan, f"at least {needed} in each compared group")
    return SizeCheck(id, title, Gate(f"carried.{id}", "size", enough, note=note), "" if enough else "too few to say")


def size_table(plan: Plan, wave: str, checks: list[SizeCheck]) -> Exhibit:
    """Return for which planned comparisons people and sessions suffice."""
    table = layout.table(plan, wave, "who.carried")
    for check in checks:
        table.row(check.id, check.title).text("all", check.reason or "yes")
    return table.exhibit()


def gates(checks: list[SizeCheck]) -> list[Gate]:
    """Return the size gates of the planned comparisons."""
    return [c.gate for c in checks]


def answer(plan: Plan, wave: str, people: pd.DataFrame, checks: list[SizeCheck]) -> Exhibit:
    """Return the answer of notebook 01: how many answered, and for what that suffices."""
    table = layout.table(plan, wave, "answer.01")
    short = "; ".join(c.title for c in checks if not c.gate.passed)
    text = (
        f"Too small, or not asked, for: {short}."
        if short
        else "Every planned comparison has enough people and sessions."
    )
    table.row("n").count("", int((people["wave"] == wave).sum()), id=f"n.answered.all.{wave}", wave=wave)
    return table.row("all").text("", text).table.exhibit()


def missing(plan: Plan, wave: str, reasons: pd.DataFrame) -> Exhibit:
    """Return, for each outcome of the report wave, how many people answered, and how many not, by reason."""
    labels = {ANSWERED: "Answered", **{int(k): str(v) for k, v in plan.codebook.missing.items()}}
    table = layout.table(plan, wave, "who.missing")
    for item in outcome_items(plan):
        rows = reasons[(reasons["wave"] == wave) & (reasons["variable"] == item)]
        n = {int(r.reason): int(r.n) for r in rows.itertuples(index=False)}
        if not n or set(n) == {NOT_ASKED}:
            continue
        row = table.head({code: labels.get(code, str(code)) for code in n}).row(item, plan.label_of(item))
        for code in sorted(n, reverse=True):
            row.count(str(code), n[code], variable=item, missing=code, wave=wave)
        parts = (cell_key("people", variable=item, missing=code, wave=wave) for code in n)
        table.sum(cell_key("people", wave=wave), parts)
    return table.exhibit()


def completion(plan: Plan, wave: str, answered: pd.DataFrame) -> Exhibit:
    """Return the share of the outcome questions put to people that they answered, by how answers were collected.

    `answered` has wave, column, level, people, asked and answered: counts only. Shares rest on people, so a group
    under the least base is not shown.
    """
    table = layout.table(plan, wave, "who.completion")
    for r in answered[answered["asked"] > 0].itertuples(index=False):
        label = f"{plan.label_of(r.column)}: {plan.levels_of(r.column).get(r.level, 'Not stated')}"
        row = table.row(f"{r.column}.{r.level}", label)
        row.number(str(r.wave), 100 * r.answered / r.asked, base=int(r.people), wave=str(r.wave))
    return table.exhibit()


def response(plan: Plan, wave: str, people: pd.DataFrame, approached: dict[str, int | None]) -> Exhibit:
    """Return the response rate of each wave (people analysed over people approached), or why there is none."""
    table = layout.table(plan, wave, "who.response")
    for name, asked in approached.items():
        n, row = int((people["wave"] == name).sum()), table.row("rate")
        if not asked or asked < n:
            row.text(name, MISCOUNTED if asked else UNCOUNTED)
        else:
            whole = (cell_key("approached", wave=name), int(asked))
            row.share_of(name, (cell_key("people", wave=name), n), whole, wave=name)
    return table.exhibit()
