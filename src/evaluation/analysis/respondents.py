"""Notebook 01: composition, population, collection, and which planned comparisons the sizes can carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evaluation.analysis import arms, layout, population_weights
from evaluation.analysis.arms import NOT_STATED
from evaluation.exhibit import Count, Exhibit, Item, cell_key, measure, words
from evaluation.plan.study import Plan
from evaluation.results import Gate
from evaluation.statistics import crosstab

LIKENESS = (0.02, 0.05, 0.1)  # planning values: answers about trust are not opened here
MOST_SHOWN = 6  # characteristics in the table of who answered


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
    """Return counts of people by wave and by each characteristic that has a population figure or is adjusted for.

    A wave that did not ask for a characteristic is left out of its rows: "not asked" is not "not stated".
    """
    items: list[Item] = []
    sums: list[Any] = []
    shown = closed_columns(plan, people)
    for place, column in enumerate(shown):
        frame = pd.DataFrame({column: people[column].astype(object), "wave": people["wave"]})
        asked = frame.groupby("wave")[column].transform("count") > 0
        frame = frame[asked] if place else frame
        frame[column] = frame[column].astype(object).where(frame[column].notna(), NOT_STATED)
        labels = {**plan.levels_of(column), NOT_STATED: "Not stated"}
        made, implied = crosstab.crosstab(
            frame, column, "wave", universe="people", id=f"n.{column}", wave=wave, row_labels=labels, totals=not place
        )
        head = plan.label_of(column)
        items += [Item(i.row if i.row == "All" else f"{head}: {i.row}", i.column, i.result) for i in made]
        sums += implied
    if not items:
        said = [("Everybody", "", words(f"n.people.none.{wave}", "no characteristic with levels was asked"))]
        return layout.table(plan, wave, "who.composition").add(said).exhibit()
    return Exhibit(
        "who.composition",
        "Who answered, by wave",
        tuple(items),
        ("policy-4", "annex-D"),
        wave=wave,
        row_header="Group",
        sums=tuple(sums),
        source="Survey, unweighted",
        notes=("Small groups are hidden and other counts rounded, so that nobody can be found.",),
    )


def closed_columns(plan: Plan, people: pd.DataFrame) -> list[str]:
    """Return the characteristics that a table can count: margins first, then covariates with few levels."""
    named = [c for c in dict.fromkeys([*margin_columns(plan), *plan.covariates]) if c in people]
    named = [c for c in named if plan.levels_of(c) and people[c].notna().any()]
    return [c for c in named if not any(_coarser(plan, people, c, other) for other in named)][:MOST_SHOWN]


def _coarser(plan: Plan, people: pd.DataFrame, column: str, other: str) -> bool:
    """Return whether `column` only joins levels of `other`, both made from one question: it would count them twice."""
    source = {c: plan.derive[c].source if c in plan.derive else c for c in (column, other)}
    pairs = people[[other, column]].astype(object).fillna(NOT_STATED) if column != other else people[[]]
    if column == other or source[column] != source[other] or people[other].nunique() <= people[column].nunique():
        return False
    return bool(pairs.groupby(other)[column].nunique().max() == 1)


def over_population(plan: Plan, wave: str, people: pd.DataFrame, margins: Mapping[str, pd.Series]) -> Exhibit:
    """Return, for each cell of the population margins, people of the general sample, their share, and the ratio.

    A ratio of 1 is the population's share; 2 is twice as many as there should be. People whose cell is not known are
    in no share. Shares and ratios come from the rounded counts.
    """
    now = people[people["wave"] == wave]
    boost = arms.is_boost(plan, now)
    triples: list[tuple[str, str, Any]] = []
    sums: list[tuple[str, tuple[str, ...]]] = []
    notes: list[str] = []
    for name, margin in margins.items():
        if not set(margin.index.names) <= set(now.columns):
            continue
        steps, least = plan.population.collapse, plan.population.least_in_cell
        made = population_weights.collapsed(now[~boost], name, margin, steps=steps, least=least)
        notes += [f"{name}: {s}." for s in made.steps]
        n = made.of.value_counts()
        residents = made.population.drop(population_weights.NOT_STATED, errors="ignore")
        total = (cell_key("general", margin=name, wave=wave), int((made.of != population_weights.NOT_STATED).sum()))
        keys = []
        for place, (cell, people_there) in enumerate(residents.items()):
            key = population_weights.key(name, str(cell), wave)
            keys.append(key)
            row = population_weights.words(plan, made.columns, str(cell))
            share = float(people_there / residents.sum())
            triples += _beside(f"{name}.cell{place:02d}.{wave}", row, wave, (key, int(n.get(cell, 0))), total, share)
        sums += [(total[0], tuple(keys)), *_among_all(plan, made, now, boost, wave)]
    if not triples:
        triples = [("Everybody", "", words(f"over.none.all.{wave}", "no population figures were given"))]
    return (
        layout.table(plan, wave, "who.over_population").add(triples).note_texts("more", notes).exhibit(sums=tuple(sums))
    )


def _among_all(plan: Plan, made: population_weights.Cells, now: pd.DataFrame, boost: pd.Series, wave: str) -> list[Any]:
    """Return the sums that tie the cells of a margin of one column to the table of everybody."""
    if len(made.columns) > 1:
        return []
    column = made.columns[0]
    sums = []
    for cell in made.population.index.drop(population_weights.NOT_STATED, errors="ignore"):
        key = population_weights.key(made.name, str(cell), wave)
        everybody = tuple(
            cell_key("people", **{column: x}, wave=wave) for x in str(cell).split(population_weights.MERGED)
        )
        whole = everybody[0] if len(everybody) == 1 else key.replace("general|", "people|", 1)
        sums += [(whole, everybody)] if len(everybody) > 1 else []
        sums.append((whole, (key, key.replace("general|", "lists|", 1)) if boost.any() else (key,)))
    return sums


def _beside(
    stem: str, row: str, wave: str, part: tuple[str, int], total: tuple[str, int], share: float
) -> list[tuple[str, str, Any]]:
    """Return one cell's people, share, population share and ratio."""
    (key, n), (whole, base) = part, total
    more = {"share_of": (key, whole), "counts": (part, total), "base": base, "wave": wave}
    own = n / base if base else 0.0
    return [
        (row, "People (about)", Count(id=f"n.over.{stem}".lower(), n=n, key=key, kind="identity", wave=wave)),
        (row, "Share of them", measure(f"share.over.{stem}", 100 * own, "per cent", decimals=0, **more)),
        (
            row,
            "Share of residents",
            measure(f"residents.over.{stem}", 100 * share, "per cent", decimals=0, public=True, wave=wave),
        ),
        (row, "Ratio", measure(f"ratio.over.{stem}", own / share if share else 0.0, "times", decimals=1, **more)),
    ]


def collection(plan: Plan, wave: str, people: pd.DataFrame) -> Exhibit:
    """Return sessions, source and mode of each wave: people by each closed question about how they were reached."""
    triples: list[tuple[str, str, Any]] = []
    sums: list[Any] = []
    ever = {c: _ever(people, c) for c in collected_columns(plan, people)}
    for name, rows in people.groupby("wave", sort=True):
        wave_id = str(name)
        triples += _sessions(plan, wave_id, rows)
        boost = arms.is_boost(plan, rows)
        if plan.population.boost_column:
            triples.append(
                (
                    "Reached through lists of attendees",
                    wave_id,
                    Count(
                        id=f"n.boost.all.{name}".lower(),
                        n=int(boost.sum()),
                        key=cell_key("people", boost="yes", wave=name),
                        kind="identity",
                        wave=wave_id,
                    ),
                )
            )
        triples += _near_the_police(plan, rows, wave_id)
        for column in [c for c in collected_columns(plan, rows) if len(ever[c]) > 1]:
            values = rows[column].astype(object).where(rows[column].notna(), NOT_STATED)
            labels = {**plan.levels_of(column), NOT_STATED: "Not stated"}
            held = [x for x in labels if x in ever[column]]
            keys = {x: cell_key("people", **{column: x}, wave=name) for x in held}
            triples += [
                (
                    f"{plan.label_of(column)}: {labels[x]}",
                    wave_id,
                    Count(
                        id=f"n.{column}.{x}.{name}".lower(),
                        n=int((values == x).sum()),
                        key=keys[x],
                        kind="identity",
                        wave=wave_id,
                    ),
                )
                for x in held
            ]
            sums.append((cell_key("people", wave=name), tuple(keys.values())))
            if column == plan.population.boost_column:
                lists = tuple(keys[x] for x in held if x in plan.population.boost_sources)
                sums += [(cell_key("people", boost="yes", wave=name), lists)] if lists else []
    if not triples:
        triples = [("Sessions and routes", "", words(f"collection.none.all.{wave}", "not recorded"))]
    return layout.table(plan, wave, "who.collection").add(triples).exhibit(sums=tuple(sums))


ROUTES = {"officer": "Answers that an officer could see or hear", "event": "Answers given at an event"}


def _near_the_police(plan: Plan, rows: pd.DataFrame, wave: str) -> list[tuple[str, str, Any]]:
    """Return the share of all answers of a wave that came by each route that may colour them.

    A route that no session of the wave used is a fact about the collection, not about a person: it is 0, not hidden.
    """
    whole = (cell_key("people", wave=wave), len(rows))
    made: list[tuple[str, str, Any]] = []
    for column in plan.treatment.route_columns:
        kind = next((k for k in ROUTES if k in column), "")
        if not kind or column not in rows or not rows[column].notna().any():
            continue
        n = int((rows[column] == "yes").sum())
        part = (cell_key("people", **{column: "yes"}, wave=wave), n)
        counted: dict[str, Any] = {"share_of": (part[0], whole[0]), "counts": (part, whole)} if n else {}
        share = measure(
            f"collection.{kind}.all.{wave}",
            100 * n / len(rows),
            "per cent",
            base=len(rows),
            wave=wave,
            decimals=0,
            **counted,
        )
        made.append((ROUTES[kind], wave, share))
    return made


def _ever(people: pd.DataFrame, column: str) -> set[str]:
    """Return the levels that any wave that asked holds, "not stated" among them."""
    asked = people.groupby("wave")[column].transform("count") > 0
    return set(people.loc[asked, column].astype(object).fillna(NOT_STATED))


def _sessions(plan: Plan, wave: str, rows: pd.DataFrame) -> list[tuple[str, str, Any]]:
    session = plan.population.session_column
    if not session or session not in rows or not rows[session].notna().any():
        return []
    sizes = rows[session].value_counts()
    count = Count(
        id=f"n.sessions.all.{wave}".lower(),
        n=len(sizes),
        key=cell_key("sessions", wave=wave),
        sensitive=False,
        unit="sessions",
        wave=wave,
    )
    mean = measure(
        f"mean.session_size.all.{wave}", float(sizes.mean()), "people", base=int(sizes.sum()), wave=wave, decimals=0
    )
    made = [("Collection sessions", wave, count), ("People per session, on average", wave, mean)]
    usual = float((sizes**2).sum() / sizes.sum())  # the session of the average respondent
    for likeness in LIKENESS:
        effect = measure(
            f"session_effect.{likeness}.all.{wave}",
            1 + (usual - 1) * likeness,
            "times",
            base=int(sizes.sum()),
            wave=wave,
            decimals=1,
        )
        made.append((f"Design effect of sessions, answers alike by {likeness:g}", wave, effect))
    return made


def collected_columns(plan: Plan, rows: pd.DataFrame) -> list[str]:
    """Return the closed questions about how answers were collected that this wave holds."""
    book = plan.codebook
    named = [n for n in book.names() if book.role(n) == "collection" and n in rows and book.variable(n).levels]
    return [n for n in named if rows[n].notna().any() and n not in {e.column for e in plan.exclusions}]


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
            cells = [
                people[(people["wave"] == w) & (people[design.group] == g)]
                for w in design.waves
                for g in design.group_levels
            ]
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
    return layout.table(plan, wave, "who.carried").add(triples).exhibit()


def gates(plan: Plan, wave: str, people: pd.DataFrame) -> list[Gate]:
    """Return the size gates of the planned comparisons."""
    return [c.gate for c in carried(plan, wave, people)]


def answer(plan: Plan, wave: str, people: pd.DataFrame, found: list[Carried]) -> Exhibit:
    """Return the answer of notebook 01: how many answered, and what that can carry."""
    now = people[people["wave"] == wave]
    count = Count(
        id=f"n.answered.all.{wave}".lower(), n=len(now), key=cell_key("people", wave=wave), kind="identity", wave=wave
    )
    short = [c.title for c in found if not c.gate.passed]
    said = (
        "Every planned comparison has enough people and sessions."
        if not short
        else ("Too small, or not asked, for: " + "; ".join(short) + ".")
    )
    triples = [("People analysed in this wave", "", count), ("Sizes", "", words(f"answer.01.all.{wave}", said))]
    return layout.table(plan, wave, "answer.01").add(triples).exhibit()


ANSWERED, NOT_ASKED = 0, -5
UNCOUNTED = "cannot be computed: the number of people approached was not written down"
MISCOUNTED = "cannot be computed: more people answered than were written down as approached"


def missing(plan: Plan, wave: str, table: pd.DataFrame) -> Exhibit:
    """Return, for each outcome of the report wave, how many people answered, and how many not, by reason."""
    codes = {int(k): str(v) for k, v in plan.codebook.missing.items()}
    triples: list[tuple[str, str, Any]] = []
    sums = []
    rows = table[(table["wave"] == wave) & table["variable"].isin(_items(plan))]
    for item in _items(plan):
        found = {int(r.reason): int(r.n) for r in rows[rows["variable"] == item].itertuples(index=False)}
        if not found or set(found) == {NOT_ASKED}:
            continue
        keys = {code: cell_key("people", variable=item, missing=code, wave=wave) for code in found}
        for code in sorted(found, reverse=True):
            id = f"n.missing.{item}.{wave}.{code}".lower()
            count = Count(id=id, n=found[code], key=keys[code], kind="identity", wave=wave)
            head = "Answered" if code == ANSWERED else codes.get(code, str(code))
            triples.append((plan.label_of(item), head, count))
        sums.append((cell_key("people", wave=wave), tuple(keys.values())))
    if not triples:
        triples = [("Nothing was asked", "", words(f"n.missing.none.{wave}", "no outcome of the plan was asked"))]
    return layout.table(plan, wave, "who.missing").add(triples).exhibit(sums=tuple(sums))


def completion(plan: Plan, wave: str, table: pd.DataFrame) -> Exhibit:
    """Return the share of the outcome questions put to people that they answered, by how answers were collected.

    `table` has wave, column, level, people, asked and answered: counts only. Shares rest on people, so a group under
    the least base is not shown.
    """
    triples: list[tuple[str, str, Any]] = []
    for row in table[table["asked"] > 0].itertuples(index=False):
        level = plan.levels_of(row.column).get(row.level, "Not stated")
        share = measure(
            f"completion.{row.column}.{row.level}.{row.wave}",
            100 * row.answered / row.asked,
            "per cent",
            base=int(row.people),
            wave=str(row.wave),
            decimals=0,
        )
        triples.append((f"{plan.label_of(row.column)}: {level}", str(row.wave), share))
    if not triples:
        triples = [("How answers were collected", "", words(f"completion.none.all.{wave}", "was not recorded"))]
    return layout.table(plan, wave, "who.completion").add(triples).exhibit()


def response(plan: Plan, wave: str, people: pd.DataFrame, approached: dict[str, int | None]) -> Exhibit:
    """Return the response rate of each wave (people analysed over people approached), or why there is none."""
    triples: list[tuple[str, str, Any]] = []
    for name, asked in approached.items():
        n = int((people["wave"] == name).sum())
        id = f"response.all.{name}"
        if not asked or asked < n:
            triples.append(("Response rate", name, words(id, UNCOUNTED if not asked else MISCOUNTED)))
            continue
        key = cell_key("people", wave=name)
        rate = measure(
            id,
            100 * n / asked,
            "per cent",
            base=int(asked),
            wave=name,
            decimals=0,
            share_of=(key, cell_key("approached", wave=name)),
            counts=((key, n), (cell_key("approached", wave=name), int(asked))),
        )
        triples.append(("Response rate", name, rate))
    return layout.table(plan, wave, "who.response").add(triples).exhibit()


def _items(plan: Plan) -> list[str]:
    found = [i for o in plan.all_outcomes for i in (plan.scales[o].items if o in plan.scales else (o,))]
    return list(dict.fromkeys(found))
