"""Notebook 04: the designed sample, its balance, and the gates that read it against chance."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd

from evaluation import errors
from evaluation.analysis import layout, weight_tables
from evaluation.analysis.arms import NOT_STATED, TREATED
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison, caliper_over, companion, planned_matching
from evaluation.exhibit import Exhibit, measure, words
from evaluation.plan.study import Plan
from evaluation.results import Gate, NotIdentified
from evaluation.statistics import balance, matching, propensity


def sample_table(plan: Plan, wave: str, compare: Comparison, sample: Any) -> Exhibit:
    """Return what each design keeps: people, effective number of others, largest weight, share left out."""
    if compare.refusal is not None:
        return layout.refused(plan, wave, "design.sample", compare.refusal)
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
    return layout.table(plan, wave, "design.sample").add(triples).note_texts("more", tuple(notes)).exhibit()


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
    if compare.refusal is not None:
        return layout.refused(plan, wave, "design.balance", compare.refusal)
    base = sum(compare.n.values())
    triples: list[tuple[str, str, Any]] = []
    for number, row in enumerate(compared(plan, compare, sample).table.itertuples(index=False)):
        labels = plan.levels_of(row.covariate)
        level = labels.get(row.level, str(row.level).replace("_", " "))
        name = plan.label_of(row.covariate) + (f": {level}" if row.level else "")
        for column, value in (("Before", row.smd_before), ("After", row.smd_after)):
            id = f"balance.row{number:02d}.all.{wave}.{column}".lower()
            triples.append((name, column, measure(id, value, "standard deviations", base=base, wave=wave)))
    return layout.table(plan, wave, "design.balance").add(triples).exhibit()


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
    if compare.refusal is not None:
        return layout.refused(plan, wave, "answer.04", compare.refusal)
    failed = [g.note for g in gates if not g.passed]
    said = f"Attendees with the people nearest to them, by {sample.method}." + (
        " Every gate was passed." if not failed else " Not met: " + "; ".join(failed) + "."
    )
    return layout.table(plan, wave, "answer.04").add([("Answer", "", words(f"answer.04.all.{wave}", said))]).exhibit()


DOSES = {1.0: "One event", 2.0: "Two events", 3.0: "Three or more"}


def sources(plan: Plan, wave: str, compare: Comparison) -> Exhibit:
    """Return where the people of each arm were found, and how many events attendees say they came to."""
    if compare.refusal is not None:
        return layout.refused(plan, wave, "design.sources", compare.refusal)
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
    return layout.table(plan, wave, "design.sources").add(triples).note_texts("more", notes).exhibit()


def support(plan: Plan, wave: str, compare: Comparison) -> Exhibit:
    """Return the range of chances that both arms share, and the share of each arm outside it."""
    if compare.refusal is not None or compare.scores is None:
        return layout.refused(plan, wave, "design.support", compare.refusal)
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
    return layout.table(plan, wave, "design.support").add(triples).exhibit()


def spread_table(plan: Plan, wave: str, compare: Comparison, sample: Any) -> Exhibit:
    """Return variance ratios and gaps of distributions after matching, and the effective number in each arm."""
    if compare.refusal is not None:
        return layout.refused(plan, wave, "design.spread", compare.refusal)
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
    return layout.table(plan, wave, "design.spread").add(triples).exhibit()


def _row_name(plan: Plan, row: Any) -> str:
    level = plan.levels_of(row.covariate).get(row.level, str(row.level).replace("_", " "))
    return plan.label_of(row.covariate) + (f": {level}" if row.level else "")


def lots(plan: Plan, wave: str, compare: Comparison, found: balance.Placebo | NotIdentified | None) -> Exhibit:
    """Return the balance reached beside what a lot would have reached, with the customary bars."""
    if compare.refusal is not None or found is None:
        return layout.refused(plan, wave, "design.lots", compare.refusal)
    if isinstance(found, NotIdentified):
        return layout.refused(plan, wave, "design.lots", found)
    rows = {"Largest standardised difference": found.worst, "Mean over the prognostic characteristics": found.mean}
    columns = ("Here", "90 in 100 lots are below", "99 in 100 lots are below")
    base = sum(compare.n.values())
    triples = [
        (name, column, measure(f"lots.{place}.all.{wave}.{spot}", value, "standard deviations", base=base, wave=wave))
        for place, (name, values) in enumerate(rows.items())
        for spot, (column, value) in enumerate(zip(columns, values, strict=True))
    ]
    m = plan.matching
    (
        found.summary().split(", judged")[0] + ".",
        f"Customary bars, printed for reference: {m.flag_smd:g} and {m.fail_smd:g}.",
        "Each lot keeps the number of attendees, is drawn within sessions and matched as planned.",
    )
    return (
        layout.table(
            plan,
            wave,
            "design.lots",
            note=found.summary().split(", judged")[0] + ".",
            flag_smd=f"{m.flag_smd:g}",
            fail_smd=f"{m.fail_smd:g}",
        )
        .add(triples)
        .exhibit()
    )


def weights_audit(plan: Plan, wave: str, compare: Comparison, sample: Any) -> Exhibit:
    """Return which weight entered which step, read from the objects that the steps made."""
    if compare.refusal is not None or compare.scores is None:
        return layout.refused(plan, wave, "design.weights", compare.refusal)
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
        notes += weight_tables.unused(plan, compare.raking.left_out, "Comparison weight: ")
    return layout.table(plan, wave, "design.weights").add(triples).note_texts("more", notes).exhibit()


def _relative(weight: str) -> str:
    if not weight:
        return "none"
    return f"its own {weight}, against counterparts of about the same score"
