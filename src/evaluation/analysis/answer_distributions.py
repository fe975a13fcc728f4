"""The whole of what people answered: every answer's share, don't-knows beside, and gaps that need no scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation import exhibit as w
from evaluation.analysis import contrasts, layout
from evaluation.analysis.level_tables import group_column, groups
from evaluation.analysis.levels import Survey, _too_few_sessions, bounded, domain, is_item
from evaluation.analysis.verdicts import focus
from evaluation.analysis.weight_tables import MODEL_BASED
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import TooFew
from evaluation.statistics import survey as estimation
from evaluation.verdict import LABELS, TOO_FEW

NOT_PUT = (-5, -6)  # not asked in this wave, not applicable
UNSURE = -8
UNSURE_WORDS, BLANK_WORDS = "Does not know", "No answer"
NEITHER_WORDS = "Does not know, or no answer"
Cells = list[tuple[str, str, Any]]


def distributions(plan: Plan, wave: str, survey: Survey, reasons: pd.DataFrame) -> list[Exhibit]:
    """Return the share of everybody asked who gave each answer; then don't-knows and blanks apart.

    First the primary question, by group and wave; then, for each set of answers, everybody's answers to the other
    questions in the report's wave. The shares of a row add to 100.
    """
    made, apart = _primary(plan, wave, survey, reasons)
    sets: dict[tuple[str, ...], list[str]] = {}
    for outcome in plan.all_outcomes:
        if is_item(plan, outcome) and survey.asked(outcome, wave) and outcome != plan.outcomes.primary:
            sets.setdefault(tuple(plan.levels_of(outcome).values()), []).append(outcome)
    for place, (levels, outcomes) in enumerate(sets.items()):
        triples: Cells = []
        for outcome in outcomes:
            row = f"{plan.label_of(outcome)}: Everybody"
            whole, split = _row(plan, wave, survey, reasons, outcome, Group("", "", "all", row))
            triples += whole
            apart += split
        id = "levels.distribution" + (f".{place + 1}" if place else "")
        made.append(_exhibit(id, f"Every answer, from “{levels[0]}” to “{levels[-1]}”", triples, wave))
    if apart:
        title = "People who did not know, and people who did not answer"
        made.append(_exhibit("levels.unsure", title, apart, wave, chart=""))
    return made


@dataclass(frozen=True, slots=True)
class Group:
    """People of one row: the column and level that hold them ("" for everybody), their id, the label of the row."""

    column: str
    code: str
    id: str
    row: str


def detailed(plan: Plan) -> tuple[list[Group], list[Group]]:
    """Return the groups of the question that the compared groups are made from, and the compared ones with everybody.

    The focus group stands once, among the first where it is one of the answers of that question.
    """
    column, (first, _) = group_column(plan), focus(plan)
    source = plan.derive[column].source if column in plan.derive else column
    levels = plan.levels_of(source) if source and source != column else {}
    alike = {first} & set(levels) if column in plan.derive else set()
    fine = [
        Group(
            source,
            code,
            first if code in alike else f"{source}-{code}",
            plan.words.focus_group if code in alike else said,
        )
        for code, said in levels.items()
    ]
    fine.sort(key=lambda g: g.code not in alike)
    coarse = [Group(c, code, code or "all", who) for c, code, who in groups(plan) if code not in alike]
    return fine, coarse


def _primary(plan: Plan, wave: str, survey: Survey, reasons: pd.DataFrame) -> tuple[list[Exhibit], Cells]:
    """Return the exhibit of every answer to the primary question, by group and wave, and its blanks apart."""
    outcome = plan.outcomes.primary
    waves = [x for x in (*plan.earlier_waves(wave), wave) if x in survey.weights and survey.asked(outcome, x)]
    if not is_item(plan, outcome) or wave not in waves:
        return [], []
    fine, coarse = detailed(plan)
    triples: Cells = []
    apart: Cells = []
    small = []
    for group in (*fine, *coarse):
        made = {x: _row(plan, x, survey, reasons, outcome, replace(group, row=f"{group.row}, {x}")) for x in waves}
        if group in fine and all(isinstance(r, TooFew) for whole, _ in made.values() for _, _, r in whole):
            small.append(group.row)
            continue
        triples += [cell for whole, _ in made.values() for cell in whole]
        apart += [(f"{plan.label_of(outcome)}: {group.row}", c, r) for _, c, r in made[wave][1]]
    notes = (f"{LABELS[TOO_FEW]} in any survey: {', '.join(small)}.",) if small else ()
    title = f"Every answer on {contrasts.short(plan, outcome)}, by group and survey"
    table = _exhibit("levels.answers", title, triples, wave, sections=("policy-5", "annex-H"), notes=notes)
    return [replace(table, extras={"finding": _lowest(plan, outcome, waves)})], apart


def _lowest(plan: Plan, outcome: str, waves: list[str]) -> str:
    """Return the sentence on the share of the focus group that gave the lowest answer, its ids in braces."""
    code, said = next(iter(plan.levels_of(outcome).items()))
    first, last = (w.result_id("answers", outcome, focus(plan)[0], x, str(code)) for x in (waves[0], waves[-1]))
    who = plan.words.focus_group
    if first == last:
        return f"“{said}” was the answer of {{{last}}} of {who}"
    return f"“{said}” was the answer of {{{first}}} of {who} in the first survey, {{{last}}} in this one"


def _exhibit(
    id: str,
    title: str,
    triples: Cells,
    wave: str,
    *,
    chart: str = "stacked",
    sections: tuple[str, ...] = ("annex-H",),
    notes: tuple[str, ...] = (),
) -> Exhibit:
    asked = "Shares are of everybody who was asked, so they differ from shares of those who chose an answer."
    return w.exhibit(
        id,
        title,
        triples,
        sections=sections,
        wave=wave,
        chart=chart,
        source="Survey, weighted",
        row_header="Question and group",
        notes=(asked, *notes, MODEL_BASED),
    )


def _row(
    plan: Plan, wave: str, survey: Survey, reasons: pd.DataFrame, outcome: str, group: Group
) -> tuple[Cells, Cells]:
    """Return one row: the share of each answer and of no answer on the scale; and of don't-knows and blanks apart."""
    column, code = group.column, group.code
    frame, jk = survey.general(wave), survey.jackknife(plan, wave)
    why = reasons[outcome].reindex(frame.index).astype(float)
    asked = ~why.isin(NOT_PUT)
    if column:
        asked &= (frame[column] == code).fillna(False).astype(bool)
    inside, answer = asked.to_numpy(dtype=float), frame[outcome].astype(float)
    n = int(inside.sum())
    few = n < plan.sizes.least_people or _too_few_sessions(plan, jk.design, inside)
    row = group.row

    def cell(words: str, chosen: pd.Series, id: str) -> tuple[str, str, Any]:
        made: Any = TooFew({group.id: n}, plan.sizes.least_people)
        if not few:
            found = jk.mean(100.0 * chosen.to_numpy(dtype=float), inside, label=group.id)
            worth = None if found.n_effective is None else min(found.n_effective, n)
            made = bounded(replace(found, unit="per cent", n_effective=worth))
        named = contrasts.name(
            made,
            "answers",
            outcome=outcome,
            group=group.id,
            wave=wave,
            method=id,
            planned=True,
            licence="descriptive",
            question=f"{words}: {row}, {wave}",
        )
        return row, words, named

    whole = [cell(words, answer == float(level), str(level)) for level, words in plan.levels_of(outcome).items()]
    whole.append(cell(NEITHER_WORDS, answer.isna(), "neither"))
    split = [cell(UNSURE_WORDS, why == UNSURE, "unsure"), cell(BLANK_WORDS, answer.isna() & (why != UNSURE), "blank")]
    return whole, split


def ordinal(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return, beside each gap in means, what needs no equal steps between answers: odds of a higher answer, and ranks.

    Weighted proportional-odds model and design-based rank test, errors linearised. People without an answer have
    weight 0, so that the design stays whole.
    """
    triples: list[tuple[str, str, Any]] = []
    column, (first, second) = group_column(plan), focus(plan)
    for outcome in plan.all_outcomes if column else ():
        if is_item(plan, outcome) and survey.asked(outcome, wave):
            triples += _ordinal_row(plan, wave, survey, outcome, (column, first, second))
    if not triples:
        triples = [("No groups", "", w.words(f"ordinal.none.all.{wave}", "the plan compares no groups"))]
    return layout.table(plan, wave, "gap.ordinal").add(triples).exhibit()


def _ordinal_row(
    plan: Plan, wave: str, survey: Survey, outcome: str, group: tuple[str, str, str]
) -> list[tuple[str, str, Any]]:
    column, first, second = group
    frame, whole = survey.general(wave), survey.jackknife(plan, wave).design
    a, b = (domain(frame, outcome, column, code) for code in (first, second))
    row, id = plan.label_of(outcome), f"ordinal.{outcome}.{first}.{wave}"
    if min(a.sum(), b.sum()) < plan.sizes.least_people or _too_few_sessions(plan, whole, a, b):
        return [(row, "Odds of a higher answer, times", w.words(id, TOO_FEW))]
    held = (a + b) > 0
    filled = frame.assign(
        held=np.where(held, frame[outcome].fillna(0.0).astype(float), float(frame[outcome].median())),
        first=a,
        side=np.where(a > 0, "b", "a"),
    )
    weight = pd.Series(np.where(held, whole.weights, 0.0), index=frame.index)
    design = estimation.Design(filled, weight=weight, cluster=whole.cluster, calibrated_on=whole.calibration)
    base, more = int(min(a.sum(), b.sum())), {"wave": wave}
    rank = estimation.rank_test(design, "held", "side")
    ranks = w.measure(
        f"{id}.rank",
        100 * rank.value,
        "percentage points",
        base=base,
        low=100 * _end(rank.low),
        high=100 * _end(rank.high),
        decimals=0,
        **more,
    )
    try:
        odds = estimation.ordered_logit(design, "held", ["first"]).estimate("first")
    except errors.DataError as error:
        return [(row, "Odds of a higher answer, times", w.words(id, error.what)), (row, "Difference in ranks", ranks)]
    ends = [float(np.exp(_end(x))) for x in (odds.value, odds.low, odds.high)]
    times = w.measure(id, ends[0], "times", base=base, low=ends[1], high=ends[2], **more)
    return [(row, "Odds of a higher answer, times", times), (row, "Difference in ranks", ranks)]


def _end(x: float | None) -> float:
    assert x is not None
    return x
