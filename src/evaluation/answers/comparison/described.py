"""Notebooks 03 and 04, beside the design: doses, sources, common support, spread, lots, and the weights used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from evaluation.answers import weights
from evaluation.answers.comparison.balanced import compared
from evaluation.answers.comparison.prepared import COMPARISON_WEIGHT, Comparison, companion
from evaluation.answers.samples import NOT_STATED, TREATED
from evaluation.answers.words import exhibit, measure, refusal_exhibit, words
from evaluation.estimates import NotIdentified
from evaluation.exhibits import Exhibit
from evaluation.statistics import balance
from evaluation.study import Plan

DOSES = {1.0: "One event", 2.0: "Two events", 3.0: "Three or more"}


def sources(plan: Plan, wave: str, compare: Comparison) -> Exhibit:
    """Return where the people of each arm were found, and how many events attendees say they came to."""
    title = "Where the compared people were found, and how often attendees came"
    if compare.refusal is not None:
        return refusal_exhibit("design.sources", title, compare.refusal, wave, ("annex-G",), "sources.attend.all")
    people = compare.people
    arms = {plan.words.treated_short: people[TREATED] == 1, plan.words.untreated_short: people[TREATED] == 0}
    labels = plan.levels_of(plan.population.boost_column) if plan.population.boost_column else {}
    triples: list[tuple[str, str, Any]] = []
    for place, source in enumerate(sorted(people["source"].unique())):
        name = "Not recorded" if source == NOT_STATED else labels.get(source, str(source).replace("_", " "))
        for arm, rows in arms.items():
            id = f"sources.{place}.all.{wave}.{arm}".lower().replace(" ", "-")
            share = 100 * float((people.loc[rows, "source"] == source).mean())
            triples.append(
                (f"Found: {name}", arm, measure(id, share, "per cent", base=int(rows.sum()), wave=wave, decimals=0))
            )
    attended = people.loc[people[TREATED] == 1, "dose"]
    for value, name in DOSES.items():
        share = measure(
            f"dose.{value:.0f}.all.{wave}",
            100 * float((attended == value).mean()),
            "per cent",
            base=len(attended),
            wave=wave,
            decimals=0,
        )
        triples.append((f"Came to: {name.lower()}", plan.words.treated_short, share))
    notes = ("Whoever did not say how often they came is in no row.",) if attended.isna().any() else ()
    return exhibit(
        "design.sources",
        title,
        triples,
        sections=("annex-G",),
        wave=wave,
        row_header="Share of the group",
        source="Survey, unweighted",
        notes=notes,
    )


def support(plan: Plan, wave: str, compare: Comparison) -> Exhibit:
    """Return the range of chances that both arms share, and the share of each arm outside it."""
    title = "Who has a chance of attending that nobody in the other group has"
    if compare.refusal is not None or compare.scores is None:
        return refusal_exhibit("design.support", title, compare.refusal, wave, ("annex-G",), "support.attend.all")
    shared = compare.scores.common_support()
    names = {"treated": plan.words.treated_short, "control": plan.words.untreated_short}
    triples: list[tuple[str, str, Any]] = []
    for row in shared.tidy().itertuples(index=False):
        cells = (("inside", "Inside", 100 * row.share_inside), ("outside", "Outside", 100 * row.dropped / row.n))
        for id, column, value in cells:
            stem, base = f"support.{row.arm}.all.{wave}.{id}", int(row.n)
            triples.append((names[row.arm], column, measure(stem, value, "per cent", base=base, wave=wave, decimals=0)))
    base = sum(compare.n.values())
    for column, value in (("From", shared.low), ("To", shared.high)):
        id = f"support.range.all.{wave}.{column}"
        triples.append(("Shared range of the chance", column, measure(id, value, "", base=base, wave=wave)))
    notes = ("Nobody is left out for standing outside it: the caliper decides who has a counterpart.",)
    return exhibit(
        "design.support",
        title,
        triples,
        sections=("annex-G",),
        wave=wave,
        row_header="Group",
        source="Survey, unweighted",
        notes=notes,
    )


def spread_table(plan: Plan, wave: str, compare: Comparison, sample: Any) -> Exhibit:
    """Return variance ratios and gaps of distributions after matching, and the effective number in each arm."""
    title = "How alike the groups are beyond their averages"
    if compare.refusal is not None:
        return refusal_exhibit("design.spread", title, compare.refusal, wave, ("annex-G",), "spread.attend.all")
    found, base = compared(plan, compare, sample), sum(compare.n.values())
    triples: list[tuple[str, str, Any]] = []
    for number, row in enumerate(found.table.itertuples(index=False)):
        name = _row_name(plan, row)
        cells = [("gap", "Largest gap of the distributions", row.ks_after)]
        cells += [("mean", "Mean gap", row.ecdf_mean_after)]
        if not pd.isna(row.variance_ratio_after):
            cells.append(("ratio", "Ratio of variances", row.variance_ratio_after))
        for id, column, value in cells:
            stem = f"spread.row{number:02d}.all.{wave}.{id}"
            triples.append((name, column, measure(stem, value, "", base=base, wave=wave)))
    arms = (("treated", plan.words.treated_short, "treated"), ("control", plan.words.untreated_short, "untreated"))
    for arm, name, size in arms:
        for when in ("before", "after"):
            id, n = f"spread.{arm}.all.{wave}.{when}", compare.n[size]
            value = measure(id, found.effective_n[f"{arm}_{when}"], "people", base=n, wave=wave, decimals=0)
            triples.append((f"{name}: effective number", when.capitalize(), value))
    return exhibit(
        "design.spread",
        title,
        triples,
        sections=("annex-G",),
        wave=wave,
        row_header="Characteristic",
        source="Survey",
        notes=("After matching, match weight times survey weight.",),
    )


def _row_name(plan: Plan, row: Any) -> str:
    level = plan.levels_of(row.covariate).get(row.level, str(row.level).replace("_", " "))
    return plan.label_of(row.covariate) + (f": {level}" if row.level else "")


def lots(plan: Plan, wave: str, compare: Comparison, found: balance.Placebo | NotIdentified | None) -> Exhibit:
    """Return the balance reached beside what a lot would have reached, with the customary bars."""
    title = "Balance, against attendance drawn by lot"
    if compare.refusal is not None or found is None:
        return refusal_exhibit("design.lots", title, compare.refusal, wave, ("annex-G",), "lots.attend.all")
    if isinstance(found, NotIdentified):
        return refusal_exhibit("design.lots", title, found, wave, ("annex-G",), "lots.attend.all")
    rows = {"Largest standardised difference": found.worst, "Mean over the prognostic characteristics": found.mean}
    columns = ("Here", "90 in 100 lots are below", "99 in 100 lots are below")
    base = sum(compare.n.values())
    triples = [
        (name, column, measure(f"lots.{place}.all.{wave}.{spot}", value, "standard deviations", base=base, wave=wave))
        for place, (name, values) in enumerate(rows.items())
        for spot, (column, value) in enumerate(zip(columns, values, strict=True))
    ]
    m = plan.matching
    notes = (
        found.summary().split(", judged")[0] + ".",
        f"Customary bars, printed for reference: {m.flag_smd:g} and {m.fail_smd:g}.",
        "Each lot keeps the number of attendees, is drawn within sessions and matched as planned.",
    )
    return exhibit(
        "design.lots",
        title,
        triples,
        sections=("annex-G",),
        wave=wave,
        row_header="Measure",
        source="Survey",
        notes=notes,
    )


def weights_audit(plan: Plan, wave: str, compare: Comparison, sample: Any) -> Exhibit:
    """Return which weight entered which step, read from the objects that the steps made."""
    title = "Which weight entered which step"
    if compare.refusal is not None or compare.scores is None:
        return refusal_exhibit("design.weights", title, compare.refusal, wave, ("annex-G",), "audit.attend.all")
    other = companion(plan, compare)
    survey = {COMPARISON_WEIGHT: "comparison weight"}
    entered: Sequence[tuple[str, str]] = (
        ("Model of attendance", survey.get(compare.scores.survey_weight, "none")),
        ("Choice of pairs", "none: pairs are chosen by the score alone"),
        ("Match weight of a counterpart", _relative(survey.get(sample.survey_weight, ""))),
        ("Balance", "match weight times comparison weight, before and after"),
        (
            "Companion (entropy balancing)",
            "none"
            if isinstance(other, NotIdentified)
            else f"{survey.get(other.survey_weight, 'no weight')} as its base",
        ),
        ("Outcome, planned", "match weight times comparison weight"),
        ("Population levels and change", "population weight; the lists of attendees have weight 0 there"),
    )
    triples = [(step, "Weight", words(f"audit.{n}.all.{wave}", said)) for n, (step, said) in enumerate(entered, 1)]
    notes = (
        "Comparison weight: 1 for people who attended; for the others raked to the population among themselves.",
        "Everybody keeps their own weight in every step.",
    )
    if compare.raking is not None:
        notes += weights.unused(plan, compare.raking.left_out, "Comparison weight: ")
    return exhibit("design.weights", title, triples, sections=("annex-G",), wave=wave, row_header="Step", notes=notes)


def _relative(weight: str) -> str:
    if not weight:
        return "none"
    return f"its own {weight}, against counterparts of about the same score"
