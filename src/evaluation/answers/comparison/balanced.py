"""Notebook 04: the designed sample, its balance, and the gates that read it against chance."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from evaluation import errors
from evaluation.answers.comparison.prepared import (
    COMPARISON_WEIGHT,
    Comparison,
    caliper_over,
    companion,
    planned_matching,
)
from evaluation.answers.samples import TREATED
from evaluation.answers.words import exhibit, measure, refusal_exhibit, words
from evaluation.estimates import Gate, NotIdentified
from evaluation.exhibits import Exhibit
from evaluation.statistics import balance, matching, propensity
from evaluation.study import Plan


def sample_table(plan: Plan, wave: str, compare: Comparison, sample: Any) -> Exhibit:
    """Return what each design keeps: people, effective number of others, largest weight, share left out."""
    title = "The designed samples"
    if compare.refusal is not None:
        return refusal_exhibit("design.sample", title, compare.refusal, wave, ("annex-G",), "sample.attend.all")
    triples: list[tuple[str, str, Any]] = []
    made = {"Nearest neighbours (planned)": sample, "Entropy balancing (companion)": companion(plan, compare)}
    for place, (name, one) in enumerate(made.items()):
        stem = f"sample.{place}.all.{wave}"
        if isinstance(one, NotIdentified):
            triples.append((name, "Why not", words(f"{stem}.why", one.reason)))
            continue
        base = sum(one.n.values())
        cells = (
            ("Attendees kept", "treated", one.n["treated"], "people", 0),
            ("Effective number of others", "effective", one.n_effective["control"], "people", 0),
            ("Largest weight of one other person", "largest", 100 * one.largest_control_share, "per cent", 1),
            ("Attendees without a counterpart", "unmatched", 100 * one.share_unmatched, "per cent", 0),
        )
        for column, id, value, unit, places in cells:
            value = 5 * round(value / 5) if id == "treated" else value
            triples.append((name, column, measure(f"{stem}.{id}", value, unit, base=base, wave=wave, decimals=places)))
    notes = [f"{sample.method}; about {sample.estimand}."]
    if sample.caliper is not None:
        value = measure(
            f"sample.caliper.all.{wave}", sample.caliper.absolute, "", base=sum(sample.n.values()), wave=wave
        )
        triples.append(("Nearest neighbours (planned)", "Caliper", value))
        notes.append(_caliper_words(sample.caliper))
    return exhibit(
        "design.sample",
        title,
        triples,
        sections=("annex-G",),
        wave=wave,
        row_header="Design",
        notes=tuple(notes),
        source="Survey",
    )


def _caliper_words(caliper: matching.Caliper) -> str:
    """Return the caliper with its scale and whose spread it is measured in."""
    scale = "chance" if caliper.scale == "score" else "log odds"
    over = {"all": "of everybody", "control": "of those who did not attend", "within groups": "within both groups"}
    if caliper.over == "none":
        return f"Pairs lie within the caliper, in units of the {scale} of attending."
    return (
        f"Pairs lie within the caliper: {caliper.width:g} standard deviations of the {scale} of attending "
        f"{over[caliper.over]}."
    )


def compared(plan: Plan, compare: Comparison, sample: Any) -> balance.Balance:
    """Return balance before and after the planned matching, survey weights in both."""
    return balance.compare(
        compare.people,
        treat=TREATED,
        covariates=list(compare.covariates),
        weights=sample.match_weight,
        survey_weight=COMPARISON_WEIGHT,
        estimand=sample.estimand,
    )


def balance_table(plan: Plan, wave: str, compare: Comparison, sample: Any) -> Exhibit:
    """Return standardised differences of every level, before and after; the love plot is drawn from it."""
    title = "How alike the groups are, before and after matching"
    if compare.refusal is not None:
        return refusal_exhibit("design.balance", title, compare.refusal, wave, ("annex-G",), "balance.attend.all")
    base = sum(compare.n.values())
    triples: list[tuple[str, str, Any]] = []
    for number, row in enumerate(compared(plan, compare, sample).table.itertuples(index=False)):
        labels = plan.levels_of(row.covariate)
        level = labels.get(row.level, str(row.level).replace("_", " "))
        name = plan.label_of(row.covariate) + (f": {level}" if row.level else "")
        for column, value in (("Before", row.smd_before), ("After", row.smd_after)):
            id = f"balance.row{number:02d}.all.{wave}.{column}".lower()
            triples.append((name, column, measure(id, value, "standard deviations", base=base, wave=wave)))
    return exhibit(
        "design.balance",
        title,
        triples,
        sections=("annex-G",),
        wave=wave,
        chart="love",
        row_header="Characteristic",
        source="Survey",
        notes=("Survey weights enter before and after. References at 0.1 and 0.25 are customs.",),
        extras={"axis": "Standardised difference", "references": (0.1, 0.25)},
    )


def design_again(plan: Plan, covariates: tuple[str, ...], over: str, people: pd.DataFrame) -> Any:
    """Return the planned design for a (drawn) treatment: score, then nearest neighbours; used by the placebo."""
    scores = propensity.fit(
        people, treat=TREATED, covariates=covariates, survey_weight=COMPARISON_WEIGHT, only_attendees="penalise"
    )
    return matching.nearest(people, scores, **planned_matching(plan, over))


def placebo(plan: Plan, compare: Comparison, sample: Any) -> balance.Placebo | NotIdentified | None:
    """Return where the design's balance stands among treatments drawn by lot within sessions; None without a design."""
    if compare.refusal is not None:
        return None
    columns = [TREATED, *compare.covariates, "session", COMPARISON_WEIGHT]
    prognostic = [c for c in plan.matching.prognostic if c in compare.covariates]
    again = partial(design_again, plan, compare.covariates, caliper_over(compare))
    try:
        return balance.placebo(
            compare.people[columns],
            again,
            treat=TREATED,
            covariates=list(compare.covariates),
            prognostic=prognostic,
            cluster="session",
            survey_weight=COMPARISON_WEIGHT,
            draws=plan.matching.placebo_draws,
            seed=plan.seed,
            observed=compared(plan, compare, sample),
        )
    except errors.NobodyMatched as error:
        return NotIdentified(error.what, error.todo)


def balance_gates(
    plan: Plan, wave: str, compare: Comparison, sample: Any, found: balance.Placebo | NotIdentified | None = None
) -> list[Gate]:
    """Return the gates of notebook 04: balance against chance, share unmatched, the companion's weights.

    `found` is what `placebo` returned (made here when it is not given).
    """
    if compare.refusal is not None:
        return []
    found = found or placebo(plan, compare, sample)
    m = plan.matching
    note = "the groups are no less alike than a lot would make them"
    if isinstance(found, NotIdentified):
        gates = [Gate("attend.balance", "design", False, None, "99th percentile", f"{note} ({found.reason})")]
    else:
        grade = found.grade
        gates = [
            Gate("attend.balance", "design", grade != "fail", found.worst[0], found.worst[2], f"{note} (99 in 100)"),
            Gate(
                "attend.balance_flag", "quality", grade == "pass", found.worst[0], found.worst[1], f"{note} (90 in 100)"
            ),
        ]
    share = sample.share_unmatched
    gates.append(
        Gate(
            "attend.unmatched",
            "quality",
            share <= m.most_unmatched,
            share,
            m.most_unmatched,
            f"at most {m.most_unmatched:.0%} of attendees have no counterpart",
        )
    )
    other = companion(plan, compare)
    if isinstance(other, NotIdentified):
        return [*gates, Gate("attend.companion", "quality", False, None, None, "the companion design could be made")]
    ratio = other.n_effective["control"] / max(compare.n["treated"], 1)
    enough = ratio >= m.least_controls_ratio and other.largest_control_share <= m.largest_control_share
    note = (
        f"the companion rests on {m.least_controls_ratio:g} others per attendee, none weighing over "
        f"{m.largest_control_share:.0%}"
    )
    return [*gates, Gate("attend.companion", "quality", enough, ratio, m.least_controls_ratio, note)]


def balance_answer(plan: Plan, wave: str, compare: Comparison, sample: Any, gates: list[Gate]) -> Exhibit:
    """Return the answer of notebook 04."""
    title = "Who is compared with whom?"
    if compare.refusal is not None:
        return refusal_exhibit("answer.04", title, compare.refusal, wave, (), "answer.04.all")
    failed = [g.note for g in gates if not g.passed]
    said = f"Attendees with the people nearest to them, by {sample.method}." + (
        " Every gate was passed." if not failed else " Not met: " + "; ".join(failed) + "."
    )
    return exhibit("answer.04", title, [("Answer", "", words(f"answer.04.all.{wave}", said))], sections=(), wave=wave)
