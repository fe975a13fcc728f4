"""Notebook 04: the designed samples, their balance and weights, and the gates that judge balance against chance."""

from __future__ import annotations

from functools import partial

import pandas as pd

from evaluation import errors
from evaluation.analysis import layout, vocabulary, weight_tables
from evaluation.analysis.arms import NOT_STATED, TREATED
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison, caliper_over, companion, planned_matching
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Gate, NotIdentified
from evaluation.statistics import balance, matching, propensity
from evaluation.statistics.matching import MatchedSample

SPREADS = {"all": "of everybody", "control": "of those who did not attend", "within groups": "within both groups"}


def sample_table(plan: Plan, wave: str, compare: Comparison, sample: MatchedSample) -> Exhibit:
    """Return what each design keeps: people, effective number of others, largest weight, share left out."""
    table = layout.table(plan, wave, "design.sample")
    if compare.refusal is not None:
        return table.refused(compare.refusal)
    for place, one in enumerate((sample, companion(plan, compare))):
        row = table.row(str(place))
        if isinstance(one, NotIdentified):
            row.text("why", one.reason)
            continue
        kept = {"treated": 5 * round(one.n["treated"] / 5), "effective": one.n_effective["control"]}
        shares = {"largest": 100 * one.largest_control_share, "unmatched": 100 * one.share_unmatched}
        row.numbers({**kept, **shares}, base=sum(one.n.values()))
    table.note("design", method=sample.method, estimand=sample.estimand)
    if sample.caliper is not None:
        row, caliper = table.row("0"), sample.caliper
        row.number("caliper", caliper.absolute, id=f"sample.caliper.all.{wave}", base=sum(sample.n.values()))
        unit = "chance" if caliper.scale == "score" else "log odds"
        if caliper.over == "none":
            table.note("in_units", scale=unit)
        else:
            table.note("in_sd", width=f"{caliper.width:g}", scale=unit, over=SPREADS[caliper.over])
    return table.exhibit()


def compared(plan: Plan, compare: Comparison, sample: MatchedSample) -> balance.Balance:
    """Return balance before and after the planned matching, survey weights in both."""
    return balance.compare(
        compare.people,
        treat=TREATED,
        covariates=list(compare.covariates),
        weights=sample.match_weight,
        survey_weight=COMPARISON_WEIGHT,
        estimand=sample.estimand,
    )


def differences(plan: Plan, compare: Comparison, sample: MatchedSample) -> pd.DataFrame:
    """Return the standardised difference of every level before and after matching, without signs, one row each."""
    if compare.refusal is not None:
        return pd.DataFrame(columns=["level", "when", "difference"])
    table = compared(plan, compare, sample).table
    names = [_level(plan, str(c), x) for c, x in zip(table["covariate"], table["level"], strict=True)]
    wide = pd.DataFrame({"level": names, "before": table["smd_before"].abs(), "after": table["smd_after"].abs()})
    return wide.melt("level", var_name="when", value_name="difference")


def averages(plan: Plan, compare: Comparison, sample: MatchedSample) -> pd.DataFrame:
    """Return the average of every level among others before matching, and the people it is an average of.

    One row a level: `published` as balance has it, and the level as 0/1 (or the number) of each person who did not
    attend, indexed by `comparison_weight`: so that anybody can work it out again.
    """
    if compare.refusal is not None:
        return pd.DataFrame({"published": [1.0], 1.0: [1.0]})
    table, others = compared(plan, compare, sample).table, compare.people[compare.people[TREATED] == 0]
    rows = [
        (others[c].astype(str) == str(x)).astype(float) if x else others[c].astype(float)
        for c, x in zip(table["covariate"], table["level"], strict=True)
    ]
    weights = others[COMPARISON_WEIGHT].to_numpy()
    inside = pd.DataFrame([r.to_numpy() for r in rows], columns=weights)
    inside.insert(0, "published", table["mean_control_before"].to_numpy())
    return inside


def balance_table(plan: Plan, wave: str, compare: Comparison, sample: MatchedSample) -> Exhibit:
    """Return standardised differences of every level, before and after; the love plot is drawn from it."""
    table = layout.table(plan, wave, "design.balance")
    if compare.refusal is not None:
        return table.refused(compare.refusal)
    for number, level in enumerate(compared(plan, compare, sample).table.itertuples(index=False)):
        row = table.row(f"row{number:02d}", _level(plan, str(level.covariate), level.level))
        row.numbers({"before": level.smd_before, "after": level.smd_after}, base=sum(compare.n.values()))
    return table.exhibit()


def _level(plan: Plan, covariate: str, code: str) -> str:
    level = plan.levels_of(covariate).get(code, str(code).replace("_", " "))
    return plan.label_of(covariate) + (f": {level}" if code else "")


def design_again(plan: Plan, covariates: tuple[str, ...], over: str, people: pd.DataFrame) -> MatchedSample:
    """Return the planned design for a (drawn) treatment: score, then nearest neighbours; used by the placebo."""
    scores = propensity.fit(
        people, treat=TREATED, covariates=covariates, survey_weight=COMPARISON_WEIGHT, only_attendees="penalise"
    )
    return matching.nearest(people, scores, **planned_matching(plan, over))


def placebo(plan: Plan, compare: Comparison, sample: MatchedSample) -> balance.Placebo | NotIdentified | None:
    """Return where the design's balance stands among treatments drawn by lot within sessions; None without a design."""
    if compare.refusal is not None:
        return None
    try:
        return balance.placebo(
            compare.people[[TREATED, *compare.covariates, "session", COMPARISON_WEIGHT]],
            partial(design_again, plan, compare.covariates, caliper_over(compare)),
            treat=TREATED,
            covariates=list(compare.covariates),
            prognostic=[c for c in plan.matching.prognostic if c in compare.covariates],
            cluster="session",
            survey_weight=COMPARISON_WEIGHT,
            draws=plan.matching.placebo_draws,
            seed=plan.seed,
            observed=compared(plan, compare, sample),
        )
    except errors.NobodyMatched as error:
        return NotIdentified(error.what, error.todo)


def balance_gates(
    plan: Plan,
    wave: str,
    compare: Comparison,
    sample: MatchedSample,
    draws: balance.Placebo | NotIdentified | None = None,
) -> list[Gate]:
    """Return the gates of notebook 04: balance against chance, share unmatched, the companion's weights.

    `draws` is what `placebo` returned (made here when it is not given).
    """
    if compare.refusal is not None:
        return []
    m, share = plan.matching, sample.share_unmatched
    note = vocabulary.own(plan, f"at most {m.most_unmatched:.0%} of attendees have no counterpart")
    return [
        *_chance_gates(draws or placebo(plan, compare, sample)),
        Gate("attend.unmatched", "quality", share <= m.most_unmatched, share, m.most_unmatched, note),
        _companion_gate(plan, compare),
    ]


def _chance_gates(draws: balance.Placebo | NotIdentified) -> list[Gate]:
    note = "the groups are no less alike than a lot would make them"
    if isinstance(draws, NotIdentified):
        return [Gate("attend.balance", "design", False, None, "99th percentile", f"{note} ({draws.reason})")]
    observed, flag, fail = draws.worst
    return [
        Gate("attend.balance", "design", draws.grade != "fail", observed, fail, f"{note} (99 in 100)"),
        Gate("attend.balance_flag", "quality", draws.grade == "pass", observed, flag, f"{note} (90 in 100)"),
    ]


def _companion_gate(plan: Plan, compare: Comparison) -> Gate:
    other, m = companion(plan, compare), plan.matching
    if isinstance(other, NotIdentified):
        return Gate("attend.companion", "quality", False, None, None, "the companion design could be made")
    ratio, least = other.n_effective["control"] / max(compare.n["treated"], 1), m.least_controls_ratio
    enough = ratio >= least and other.largest_control_share <= m.largest_control_share
    note = f"the companion rests on {least:g} others per attendee, none weighing over {m.largest_control_share:.0%}"
    return Gate("attend.companion", "quality", enough, ratio, least, vocabulary.own(plan, note))


def balance_answer(plan: Plan, wave: str, compare: Comparison, sample: MatchedSample, gates: list[Gate]) -> Exhibit:
    """Return the answer of notebook 04."""
    table = layout.table(plan, wave, "answer.04")
    if compare.refusal is not None:
        return table.refused(compare.refusal)
    failed = "; ".join(g.note for g in gates if not g.passed)
    text = table.sentence("failed" if failed else "passed", method=sample.method, failed=failed)
    return table.row("all").text("", text).table.exhibit()


def sources(plan: Plan, wave: str, compare: Comparison) -> Exhibit:
    """Return where the people of each arm were found, and how many events attendees say they came to."""
    table = layout.table(plan, wave, "design.sources")
    if compare.refusal is not None:
        return table.refused(compare.refusal)
    people, came = compare.people, compare.people[TREATED] == 1
    arms = {plan.words.treated_short: people[came], plan.words.untreated_short: people[~came]}
    labels = plan.levels_of(plan.population.boost_column) if plan.population.boost_column else {}
    for place, source in enumerate(sorted(people["source"].unique())):
        name = "Not recorded" if source == NOT_STATED else labels.get(source, str(source).replace("_", " "))
        row = table.row(f"sources.{place}", f"Found: {name}")
        for arm, rows in arms.items():
            row.share(arm, (rows["source"] == source).mean(), base=len(rows))
    dose = people.loc[came, "dose"]
    for value in (1, 2, 3):
        row, share = table.row(f"dose.{value}"), (dose == value).mean()
        row.share(plan.words.treated_short, share, id=f"dose.{value}.all.{wave}", base=len(dose))
    return (table.note("unstated") if dose.isna().any() else table).exhibit()


def support(plan: Plan, wave: str, compare: Comparison) -> Exhibit:
    """Return the range of chances that both arms share, and the share of each arm outside it."""
    table = layout.table(plan, wave, "design.support")
    if compare.refusal is not None or compare.scores is None:
        return table.refused(compare.refusal)
    shared = compare.scores.common_support()
    for r in shared.tidy().itertuples(index=False):
        shares = {"inside": 100 * r.share_inside, "outside": 100 * r.dropped / r.n}
        table.row(r.arm).numbers(shares, base=int(r.n))
    table.row("range").numbers({"from": shared.low, "to": shared.high}, base=sum(compare.n.values()))
    return table.exhibit()


def spread_table(plan: Plan, wave: str, compare: Comparison, sample: MatchedSample) -> Exhibit:
    """Return variance ratios and gaps of distributions after matching, and the effective number in each arm."""
    table = layout.table(plan, wave, "design.spread")
    if compare.refusal is not None:
        return table.refused(compare.refusal)
    after = compared(plan, compare, sample)
    for number, r in enumerate(after.table.itertuples(index=False)):
        ratio = None if pd.isna(r.variance_ratio_after) else r.variance_ratio_after
        spread = {"gap": r.ks_after, "mean": r.ecdf_mean_after, "ratio": ratio}
        table.row(f"row{number:02d}", _level(plan, str(r.covariate), r.level)).numbers(
            spread, base=sum(compare.n.values())
        )
    for arm, n in (("treated", compare.n["treated"]), ("control", compare.n["untreated"])):
        table.row(arm).numbers({when: after.effective_n[f"{arm}_{when}"] for when in ("before", "after")}, base=n)
    return table.exhibit()


def placebo_table(plan: Plan, wave: str, compare: Comparison, draws: balance.Placebo | NotIdentified | None) -> Exhibit:
    """Return the balance reached and what a lot would have reached, with the customary bars."""
    if compare.refusal is not None or not isinstance(draws, balance.Placebo):
        return layout.refused(plan, wave, "design.lots", compare.refusal or draws)
    m, note = plan.matching, draws.summary().split(", judged")[0] + "."
    bars = {"flag_smd": f"{m.flag_smd:g}", "fail_smd": f"{m.fail_smd:g}"}
    table = layout.table(plan, wave, "design.lots", note=note, **bars)
    for place, values in enumerate((draws.worst, draws.mean)):
        columns = {str(spot): value for spot, value in enumerate(values)}
        table.row(str(place)).numbers(columns, base=sum(compare.n.values()))
    return table.exhibit()


def weights_audit(plan: Plan, wave: str, compare: Comparison, sample: MatchedSample) -> Exhibit:
    """Return which weight entered which step, read from the objects that the steps made."""
    table = layout.table(plan, wave, "design.weights")
    if compare.refusal is not None or compare.scores is None:
        return table.refused(compare.refusal)
    other = companion(plan, compare)
    names: dict[str | None, str] = {COMPARISON_WEIGHT: "comparison weight"}
    matched = names.get(sample.survey_weight)
    base = "none"
    if not isinstance(other, NotIdentified):
        base = table.sentence("base", weight=names.get(other.survey_weight, "no weight"))
    weights = {
        "1": names.get(compare.scores.survey_weight, "none"),
        "3": table.sentence("counterpart", weight=matched) if matched else "none",
        "5": base,
    }
    for step in table.declaration.rows:
        table.row(step).text("weight", weights.get(step) or table.sentence(step))
    if compare.raking is not None:
        table.note_texts("unused", weight_tables.unused(plan, compare.raking.left_out, "Comparison weight: "))
    return table.exhibit()
