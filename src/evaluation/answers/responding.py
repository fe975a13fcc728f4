"""Notebook 01: what was left blank and why, by whom answers were collected, and who was asked and did not answer."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evaluation.answers.words import exhibit, measure, words
from evaluation.exhibits import Count, Exhibit, cell_key
from evaluation.study import Plan

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
    return exhibit(
        "who.missing",
        "What was left blank, and why",
        triples,
        sections=("annex-D",),
        wave=wave,
        row_header="Question",
        sums=tuple(sums),
        source="Survey, unweighted",
    )


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
    return exhibit(
        "who.completion",
        "Share of questions answered, by how they were asked",
        triples,
        sections=("annex-D",),
        wave=wave,
        row_header="Collected",
        source="Survey, unweighted",
    )


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
    return exhibit(
        "who.response",
        "Who was asked and did not answer",
        triples,
        sections=("annex-D",),
        wave=wave,
        row_header="",
        notes=("People analysed, of the people approached.",),
        source="wave.toml, as written down at fieldwork",
    )


def _items(plan: Plan) -> list[str]:
    found = [i for o in plan.all_outcomes for i in (plan.scales[o].items if o in plan.scales else (o,))]
    return list(dict.fromkeys(found))
