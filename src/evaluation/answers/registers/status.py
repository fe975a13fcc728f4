"""Which requirements on the programme work in this run, and which are refused and why: computed, not typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from evaluation.answers.registers import shelf
from evaluation.answers.registers.rows import ROWS, TAGS, Row
from evaluation.answers.registers.shelf import Held, Triples, plain
from evaluation.answers.words import exhibit, words
from evaluation.errors import EvaluationError
from evaluation.estimates import NotIdentified, TooFew
from evaluation.exhibits import Exhibit
from evaluation.study import Plan

WORKS, REFUSED, OUT = "works", "refused", "out of scope"
MOST = 3  # exhibits named for one row
COLUMNS = {WORKS: "Works", REFUSED: "Refused, with a reason", OUT: "Out of scope, with a reason"}


def results_of(exhibits: Iterable[Exhibit]) -> dict[str, Any]:
    """Return every result of these exhibits by id."""
    return {i.result.id: i.result for e in exhibits for i in e.items}


def published(plan: Plan, wave: str) -> list[Exhibit]:
    """Return the exhibits that this run has published so far; none when it has published nothing."""
    from evaluation.intake import waves

    try:
        return waves.load_published(plan, wave)
    except (EvaluationError, OSError):
        return []


def requirements(plan: Plan, wave: str, held: Held, made: Sequence[Exhibit] = ()) -> list[Exhibit]:
    """Return the states counted by capability, and each requirement's state with its reason.

    A requirement works when a result whose id begins as it says was published in this run (or is `made` with it) and
    is no refusal; it is refused with the reason that the refusal gives, or with what a register does not hold.
    """
    if not plan.programme.registers:  # a study without registers: none of these was asked of it
        return []
    offered = [*published(plan, wave), *made]
    results, places = results_of(offered), {i.result.id: e.id for e in offered for i in e.items}
    tables = {name: shelf.register(plan, wave, held, name) for name in held}
    supplied = {k: v for k, v in tables.items() if v is not None}
    states = [(row, *state_of(row, results, supplied, places)) for row in ROWS]
    return [_counts(wave, states), _each(wave, states)]


def state_of(
    row: Row, results: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], places: Mapping[str, str]
) -> tuple[str, str]:
    """Return (state, the exhibits that show it or why none does) of one requirement; `places` is result to exhibit."""
    if row.out:
        return OUT, row.out
    lacks = [why for need in row.needs if (why := lacking(need, tables))]
    if lacks:
        return REFUSED, "; ".join(lacks)
    own = [r for id, r in results.items() if id.startswith(row.shown)] if row.shown else []
    good = [r for r in own if not isinstance(r, NotIdentified | TooFew)]
    if good:
        return WORKS, _shown(row, results, places)
    if not own:
        return REFUSED, "nothing of this kind was published in this run"
    first = own[0]
    return REFUSED, first.reason if isinstance(first, NotIdentified) else "too few to report"


def _shown(row: Row, results: Mapping[str, Any], places: Mapping[str, str]) -> str:
    """Return the exhibits in which what the row names was published: where a reader finds it."""
    found = [
        places[i]
        for start in row.shown
        for i, r in results.items()
        if i.startswith(start) and not isinstance(r, NotIdentified | TooFew)
    ]
    return "; ".join(list(dict.fromkeys(found))[:MOST])


def lacking(need: str, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return what a register does not hold of a need, in words; an empty string where it holds it."""
    table, _, rest = need.partition(".")
    column, sign, wanted = next(
        ((c, s, w) for s in ("=", "~") for c, found, w in (rest.partition(s),) if found), (rest, "", "")
    )
    name = f"the register of {table.replace('_', ' ')}"
    frame = tables.get(table)
    if frame is None:
        return f"{name} was not supplied"
    readable = column.replace("_", " ")
    if column not in frame or frame[column].isna().all():
        return f"{name} does not hold: {readable}"
    texts = frame[column].dropna().astype(str)
    if sign == "=" and not texts.isin(wanted.split("|")).any():
        return f"{name} has no row with {readable}: {wanted.replace('|', ', ').replace('_', ' ')}"
    if sign == "~" and not texts.str.contains(wanted, case=False, regex=False).any():
        return f"{name} has no row about: {wanted}"
    return ""


def _counts(wave: str, states: Sequence[tuple[Row, str, str]]) -> Exhibit:
    cells: Triples = []
    for tag, name in TAGS.items():
        own = [s for row, s, _ in states if tag in row.tags.split()]
        for state, column in COLUMNS.items():
            n = plain(
                f"status.{tag}.{state.replace(' ', '-')}.{wave}",
                own.count(state),
                wave,
                unit="requirements",
                universe="requirements",
                tag=tag,
                state=state,
            )
            cells.append((f"{tag} {name}", column, n))
    return exhibit(
        "status.requirements",
        "What this run shows of the programme and of what surrounds it",
        cells,
        sections=("annex-N",),
        wave=wave,
        row_header="Capability",
        source="Counted from the results that this run published",
        notes=("A requirement of two capabilities counts in both. Each requirement stands in the next table.",),
    )


def _each(wave: str, states: Sequence[tuple[Row, str, str]]) -> Exhibit:
    cells: Triples = []
    for row, state, why in states:
        label = f"{row.id} {row.what}"
        cells += [
            (label, "Capability", words(f"status.{row.id}.tags.{wave}", row.tags)),
            (label, "State", words(f"status.{row.id}.state.{wave}", state)),
            (label, "Shown in, or why not", words(f"status.{row.id}.why.{wave}", why)),
        ]
    return exhibit(
        "status.rows",
        "Each requirement, and its state in this run",
        cells,
        sections=("annex-N",),
        wave=wave,
        row_header="Requirement",
        source="Worked out from the results that this run published and from the registers supplied",
        notes=("A refusal gives the reason that the results themselves give.",),
    )
