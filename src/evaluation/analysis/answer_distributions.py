"""Distributions of answers: every answer's share, don't-knows apart, and gaps between groups that need no scores."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.analysis import contrasts, layout
from evaluation.analysis.level_tables import group_column, groups
from evaluation.analysis.levels import Survey, _too_few_sessions, bounded, domain, is_item
from evaluation.analysis.verdicts import focus
from evaluation.exhibit import Exhibit, result_id
from evaluation.plan.study import Plan
from evaluation.results import Result, TooFew
from evaluation.statistics import survey as estimation
from evaluation.table_builder import Row, Table
from evaluation.verdict import LABELS, TOO_FEW

NOT_PUT = (-5, -6)  # not asked in this wave, not applicable
UNSURE = -8


@dataclass(frozen=True, slots=True)
class Group:
    """People of one row: the column and level that hold them ("" for everybody), their id, the label of the row."""

    column: str
    code: str
    id: str
    row: str


@dataclass(frozen=True, slots=True)
class Shares:
    """One row's results: the share of each answer and of none by its label, and of don't-knows and of blanks apart."""

    answers: dict[str, Result]
    apart: dict[str, Result]


def distributions(plan: Plan, wave: str, survey: Survey, reasons: pd.DataFrame) -> list[Exhibit]:
    """Return the share of everybody asked who gave each answer; then don't-knows and blanks apart.

    First the primary question, by group and wave; then, for each set of answers, everybody's answers to the other
    questions in the report's wave. The shares of a row add to 100.
    """
    apart = layout.table(plan, wave, "levels.unsure")
    exhibits = _primary(plan, wave, survey, reasons, apart)
    sets: dict[tuple[str, ...], list[str]] = {}
    for outcome in plan.all_outcomes:
        if is_item(plan, outcome) and survey.asked(outcome, wave) and outcome != plan.outcomes.primary:
            sets.setdefault(tuple(plan.levels_of(outcome).values()), []).append(outcome)
    for place, (levels, outcomes) in enumerate(sets.items()):
        table = layout.table(plan, wave, "levels.distribution", lowest=levels[0], highest=levels[-1])
        for outcome in outcomes:
            group = Group("", "", "all", f"{plan.label_of(outcome)}: Everybody")
            shares = _shares(plan, wave, survey, reasons, outcome, group)
            _add(table, group.row, shares.answers)
            _add(apart, group.row, shares.apart)
        exhibit = table.exhibit(ordered=len(levels))
        exhibits.append(replace(exhibit, id=f"{exhibit.id}.{place + 1}") if place else exhibit)
    return [*exhibits, apart.exhibit()] if len(apart) else exhibits


def _add(table: Table, label: str, results: dict[str, Result]) -> None:
    row = table.row(label)
    for column, result in results.items():
        row.estimate(column, result)


def detailed(plan: Plan) -> tuple[list[Group], list[Group]]:
    """Return the groups of the question that the compared groups are made from, and the compared ones with everybody.

    The focus group stands once, among the first where it is one of the answers of that question.
    """
    column, (first, _) = group_column(plan), focus(plan)
    source = plan.derive[column].source if column in plan.derive else column
    levels = plan.levels_of(source) if source and source != column else {}
    alike = {first} & set(levels) if column in plan.derive else set()
    fine = [Group(source, code, first, plan.words.focus_group) for code in levels if code in alike]
    fine += [Group(source, code, f"{source}-{code}", label) for code, label in levels.items() if code not in alike]
    return fine, [Group(c, code, code or "all", who) for c, code, who in groups(plan) if code not in alike]


def _primary(plan: Plan, wave: str, survey: Survey, reasons: pd.DataFrame, apart: Table) -> list[Exhibit]:
    """Return the exhibit of every answer to the primary question, by group and wave; add its blanks to `apart`."""
    outcome = plan.outcomes.primary
    waves = survey.waves_of(plan, outcome, wave)
    if not is_item(plan, outcome) or wave not in waves:
        return []
    table = layout.table(plan, wave, "levels.answers", short=contrasts.short(plan, outcome))
    fine, coarse = detailed(plan)
    small = []
    for group in (*fine, *coarse):
        rows = {x: replace(group, row=f"{group.row}, {x}") for x in waves}
        shares = {x: _shares(plan, x, survey, reasons, outcome, row) for x, row in rows.items()}
        if group in fine and all(isinstance(r, TooFew) for s in shares.values() for r in s.answers.values()):
            small.append(group.row)
            continue
        for x, row in rows.items():
            _add(table, row.row, shares[x].answers)
        _add(apart, f"{plan.label_of(outcome)}: {group.row}", shares[wave].apart)
    if small:
        table.note("small", too_few=LABELS[TOO_FEW], groups=", ".join(small))
    return [table.exhibit(finding=_lowest(plan, table, outcome, waves), ordered=len(plan.levels_of(outcome)))]


def _lowest(plan: Plan, table: Table, outcome: str, waves: list[str]) -> str:
    """Return the sentence on the share of the focus group that gave the lowest answer, its ids in braces."""
    code, lowest = next(iter(plan.levels_of(outcome).items()))
    first, last = (f"{{{result_id('answers', outcome, focus(plan)[0], x, str(code))}}}" for x in (waves[0], waves[-1]))
    who = {} if focus(plan)[1] else {"focus_group": "people who answered"}
    return table.sentence("since" if first != last else "now", lowest=lowest, first=first, last=last, **who)


def _shares(plan: Plan, wave: str, survey: Survey, reasons: pd.DataFrame, outcome: str, group: Group) -> Shares:
    """Return the share of each answer and of no answer on the scale; and of don't-knows and blanks apart."""
    frame, jk = survey.general(wave), survey.jackknife(plan, wave)
    why = reasons[outcome].reindex(frame.index).astype(float)
    put = ~why.isin(NOT_PUT)
    if group.column:
        put &= (frame[group.column] == group.code).fillna(False).astype(bool)
    inside, answer = put.to_numpy(dtype=float), frame[outcome].astype(float)
    n = int(inside.sum())
    few = n < plan.sizes.least_people or _too_few_sessions(plan, jk.design, inside)

    def share(label: str, chosen: pd.Series, method: str) -> Result:
        result: Result = TooFew({group.id: n}, plan.sizes.least_people)
        if not few:
            mean = jk.mean(100.0 * chosen.to_numpy(dtype=float), inside, label=group.id)
            worth = None if mean.n_effective is None else min(mean.n_effective, n)
            result = bounded(replace(mean, unit="per cent", n_effective=worth))
        question = f"{label}: {group.row}, {wave}"
        return contrasts.level(result, "answers", outcome, group.id, wave, question, method=method)

    neither, unsure, blank = "Does not know, or no answer", "Does not know", "No answer"
    levels = {label: share(label, answer == float(code), str(code)) for code, label in plan.levels_of(outcome).items()}
    return Shares(
        {**levels, neither: share(neither, answer.isna(), "neither")},
        {unsure: share(unsure, why == UNSURE, "unsure"), blank: share(blank, answer.isna() & (why != UNSURE), "blank")},
    )


def ordinal(plan: Plan, wave: str, survey: Survey) -> Exhibit:
    """Return, for each gap in means, what needs no equal steps between answers: odds of a higher answer, and ranks.

    Weighted proportional-odds model and design-based rank test, errors linearised. People without an answer have
    weight 0, so that the design stays whole.
    """
    table, column = layout.table(plan, wave, "gap.ordinal"), group_column(plan)
    for outcome in plan.all_outcomes if column else ():
        if is_item(plan, outcome) and survey.asked(outcome, wave):
            row = table.row(f"{outcome}.{focus(plan)[0]}", plan.label_of(outcome))
            _ordinal(plan, wave, survey, outcome, column, row)
    return table.exhibit()


def _ordinal(plan: Plan, wave: str, survey: Survey, outcome: str, column: str, row: Row) -> None:
    frame, whole = survey.general(wave), survey.jackknife(plan, wave).design
    a, b = (domain(frame, outcome, column, code) for code in focus(plan))
    base, inside = int(min(a.sum(), b.sum())), (a + b) > 0
    if base < plan.sizes.least_people or _too_few_sessions(plan, whole, a, b):
        row.text("", TOO_FEW)
        return
    answer = np.where(inside, frame[outcome].fillna(0.0).astype(float), float(frame[outcome].median()))
    filled = frame.assign(answer=answer, first=a, side=np.where(a > 0, "b", "a"))
    weight = pd.Series(np.where(inside, whole.weights, 0.0), index=frame.index)
    design = estimation.Design(filled, weight=weight, cluster=whole.cluster, calibrated_on=whole.calibration)
    rank = estimation.rank_test(design, "answer", "side")
    try:
        odds = estimation.ordered_logit(design, "answer", ["first"]).estimate("first")
        value, low, high = (float(np.exp(x)) for x in (odds.value, odds.low, odds.high))
        row.number("", value, base=base, low=low, high=high)
    except errors.DataError as error:
        row.text("", error.what)
    row.number("rank", 100 * rank.value, base=base, low=100 * rank.low, high=100 * rank.high)
