"""Notebooks 02 and 05: weights of everybody and of the focus group, distributions, missing answers, errors, companions."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation.analysis import (
    answer_distributions,
    change,
    level_diagnostics,
    level_tables,
    levels,
    margin_cells,
    population_weights,
    respondents,
    weight_tables,
)
from evaluation.analysis.levels import bounded
from evaluation.exhibit import Measure, Text
from evaluation.intake import ingest, validation, waves
from evaluation.plan import study
from evaluation.results import Estimate, TooFew
from evaluation.statistics import survey as estimation

ROOT = Path(__file__).parents[2]
PLAN = study.load(ROOT / "study.toml")
WAVE = PLAN.waves[-1]
TAKEN = ingest.take_in(PLAN, WAVE, draft=True)
PEOPLE = TAKEN.design.assign(wave=WAVE)
MARGINS = waves.margins(PLAN)
REASONS = TAKEN.reasons[[i for i in validation.outcome_items(PLAN) if i in TAKEN.reasons]].astype("Int64")
MADE = population_weights.by_wave(PLAN, PEOPLE, MARGINS)
SURVEY = levels.prepare(PLAN, PEOPLE, TAKEN.outcomes, MADE)
OUTCOME, FOCUS = PLAN.outcomes.primary, "black"


@pytest.fixture(autouse=True)
def few_imputations(monkeypatch):
    monkeypatch.setattr(level_diagnostics, "IMPUTATIONS", 4)
    monkeypatch.setattr(level_diagnostics, "PASSES", 2)


def own_margins():
    """Age and sex of the focus group, as a file of the study could hold them."""
    age = [(g, a) for g in ("black", "white") for a in PLAN.levels_of("age5")]
    sex = [(g, s) for g in ("black", "white") for s in ("female", "male")]
    return {
        "ethnic5_age5": pd.Series(
            [9.0, 5.0, 7.0, 5.0, 2.0, *[1.0] * 5], pd.MultiIndex.from_tuples(age, names=["ethnic5", "age5"])
        ),
        "ethnic5_sex": pd.Series([14.5, 13.5, 1.0, 1.0], pd.MultiIndex.from_tuples(sex, names=["ethnic5", "sex"])),
    }


def cells(exhibit):
    return {i.result.id: i.result for i in exhibit.items}


# ---- weights ------------------------------------------------------------------------------------------------------


def test_shares_are_of_people_who_stated_them_and_the_population_is_the_census():
    table = weight_tables.margins_table(PLAN, WAVE, PEOPLE, MADE)
    found = cells(table)
    for name in PLAN.population.margins:
        for column in ("answered", "weighted", "census"):
            parts = [m.value for id, m in found.items() if id.startswith(f"share.{name}.") and id.endswith(column)]
            assert sum(parts) == pytest.approx(100), (name, column)
    area = MARGINS["area3"] / MARGINS["area3"].sum()
    assert 100 * area["leicester"] == pytest.approx(
        next(m.value for i in table.items if i.row == "Leicester" and (m := i.result).public)
    )
    for id, m in found.items():
        if id.endswith("weighted"):
            assert m.value == pytest.approx(found[id.removesuffix("weighted") + "census"].value, abs=1e-6)


def test_a_figure_of_the_population_gives_no_count_of_the_survey_away():
    for m in cells(weight_tables.margins_table(PLAN, WAVE, PEOPLE, MADE)).values():
        assert m.base is None or not m.public


def test_each_joining_is_printed_in_words_and_the_caveat_stands_there():
    notes = weight_tables.margins_table(PLAN, WAVE, PEOPLE, MADE).notes
    assert any("joined Mixed or Multiple with Other (Leicester city)" in n for n in notes)
    assert any("Nobody was drawn at random" in n for n in notes)
    assert not any("ethnic5" in n for n in notes)


def test_the_price_names_effective_numbers_and_the_gap_that_weighting_left():
    found = cells(
        weight_tables.summary(
            PLAN, WAVE, MADE, MARGINS, population_weights.of_group(PLAN, PEOPLE, MARGINS | own_margins())
        )
    )
    w = MADE[WAVE].values
    kish = w.sum() ** 2 / (w**2).sum()
    stem = f"all.{WAVE.lower()}"
    assert found[f"weights.effective.{stem}"].value == pytest.approx(kish)
    assert found[f"weights.clustered.{stem}"].value < kish
    assert found[f"weights.largest.{stem}"].value == pytest.approx(100 * w.max() / w.sum())
    gaps = population_weights.benchmark_gaps(MADE[WAVE], MARGINS)
    assert found[f"weights.gap_after.{stem}"].value == pytest.approx(gaps["weighted"].abs().max())
    assert gaps["weighted"].abs().max() < gaps["answered"].abs().max() / 3
    leicester = gaps[gaps["cell"] == ("leicester",)].iloc[0]
    share = (MADE[WAVE].frame["area3"] == "leicester").sum() / MADE[WAVE].frame["area3"].notna().sum()
    assert leicester["answered"] == pytest.approx(
        100 * (share - MARGINS["area3"]["leicester"] / MARGINS["area3"].sum())
    )
    assert f"weights.effective.focus.{WAVE.lower()}" in found


def test_the_focus_group_meets_its_own_population():
    column, made = population_weights.of_group(PLAN, PEOPLE, MARGINS | own_margins())
    one = made[WAVE]
    assert column == "focus"
    assert set(one.frame[column]) == {FOCUS}
    stated = one.frame["sex"].isin(["female", "male"])
    share = one.values[one.frame["sex"] == "female"].sum() / one.values[stated].sum()
    assert share == pytest.approx(14.5 / 28, abs=1e-8)
    young = one.values[one.frame["age5"] == "16_24"].sum() / one.values[one.frame["age5"].notna()].sum()
    assert young == pytest.approx(9 / 28, abs=1e-8)
    assert population_weights.margins_met(PLAN, made)
    table = weight_tables.group_table(PLAN, WAVE, (column, made))
    assert {i.column for i in table.items} == {"People who answered", "Weighted", "Population"}


def test_without_figures_of_its_own_the_group_is_unweighted_and_that_is_said():
    own = population_weights.of_group(PLAN, PEOPLE, {k: v for k, v in MARGINS.items() if k != "ethnic5_area2"})
    assert own[1][WAVE].weights is None
    (only,) = weight_tables.group_table(PLAN, WAVE, own).items
    assert isinstance(only.result, Text)
    alone = PLAN.model_copy(update={"designs": {}})
    assert population_weights.of_group(alone, PEOPLE, MARGINS) == ("", {})


def test_gates_fail_where_answers_are_worth_too_few():
    assert all(g.passed for g in weight_tables.gates(PLAN, WAVE, MADE))
    sizes = PLAN.sizes.model_copy(update={"least_effective_n": 1e6})
    gate = next(
        g
        for g in weight_tables.gates(PLAN.model_copy(update={"sizes": sizes}), WAVE, MADE)
        if g.id == "weights.effective"
    )
    assert not gate.passed
    assert gate.value == pytest.approx(population_weights.effective_n(PLAN, MADE[WAVE]))


def test_people_of_the_boost_have_population_weight_nil():
    frame = population_weights.frame(MADE, PEOPLE)["population_weight"]
    boost = PEOPLE[PLAN.population.boost_column].isin(PLAN.population.boost_sources)
    assert boost.any()
    assert (frame[boost] == 0).all()
    assert (frame[~boost] > 0).all()


def test_in_the_comparison_attendees_count_once_and_others_are_the_population():
    treated = PEOPLE[PLAN.treatment.column].isin(PLAN.treatment.treated).astype(int)
    w = population_weights.comparison_weight(PLAN, PEOPLE, treated, MARGINS)
    assert (w[treated == 1] == 1).all()
    others = PEOPLE[treated == 0]
    assert w[others.index].mean() == pytest.approx(1)
    share = w[others.index][others["area3"] == "leicester"].sum() / w[others.index][others["area3"].notna()].sum()
    assert share == pytest.approx(MARGINS["area3"]["leicester"] / MARGINS["area3"].sum(), abs=1e-8)


def test_the_answer_says_for_whom_what_it_is_worth_and_the_worst_gap():
    found = cells(weight_tables.answer(PLAN, WAVE, MADE, MARGINS))
    assert PLAN.population.title in found[f"answer.02.all.{WAVE.lower()}"].text
    assert found[f"answer.02.effective.{WAVE.lower()}"].value == pytest.approx(
        population_weights.effective_n(PLAN, MADE[WAVE])
    )
    assert found[f"answer.02.gap.{WAVE.lower()}"].value > 0


# ---- what people say ----------------------------------------------------------------------------------------------


def test_every_row_of_a_distribution_adds_to_everybody_asked():
    made = answer_distributions.distributions(PLAN, WAVE, SURVEY, REASONS)
    rows = {}
    for exhibit in made[:-1]:
        assert exhibit.chart == "stacked"
        for i in exhibit.items:
            if isinstance(i.result, Estimate):
                rows.setdefault(i.row, []).append(i.result)
    assert len(rows) > 8
    for row, found in rows.items():
        assert sum(e.value for e in found) == pytest.approx(100), row
        assert all(0 <= e.low <= e.value <= e.high <= 100 for e in found), row


def test_dont_knows_are_counted_apart_and_weighted():
    made = answer_distributions.distributions(PLAN, WAVE, SURVEY, REASONS)
    found = cells(made[0]) | cells(made[-1])
    frame = SURVEY.general(WAVE)
    why = REASONS[OUTCOME].reindex(frame.index)
    known = 100 * frame.loc[why == -8, "population_weight"].sum() / frame["population_weight"].sum()
    assert known > 0
    e = found[f"answers.{OUTCOME}.all.{WAVE.lower()}.unsure"]
    assert e.value == pytest.approx(known)
    blank, neither = (found[f"answers.{OUTCOME}.all.{WAVE.lower()}.{k}"].value for k in ("blank", "neither"))
    assert e.value + blank == pytest.approx(neither)
    top = 100 * frame.loc[frame[OUTCOME] == 5, "population_weight"].sum() / frame["population_weight"].sum()
    assert found[f"answers.{OUTCOME}.all.{WAVE.lower()}.5"].value == pytest.approx(top)


@cache
def two_surveys():
    """Return people, outcomes and reasons of the first survey and of the report's."""
    taken = {w: ingest.take_in(PLAN, w, draft=True) for w in (PLAN.waves[0], WAVE)}
    people = pd.concat([t.design.assign(wave=w) for w, t in taken.items()])
    items = validation.outcome_items(PLAN)
    reasons = pd.concat([t.reasons[[i for i in items if i in t.reasons]].astype("Int64") for t in taken.values()])
    return people, pd.concat([t.outcomes for t in taken.values()]), reasons


def test_every_answer_is_shown_by_group_and_survey_with_the_people_who_gave_none():
    people, outcomes, reasons = two_surveys()
    survey = levels.prepare(PLAN, people, outcomes, population_weights.by_wave(PLAN, people, MARGINS))
    shown = answer_distributions.distributions(PLAN, WAVE, survey, reasons)[0]
    assert shown.id == "levels.answers"
    assert "policy-5" in shown.sections
    rows = list(dict.fromkeys(i.row for i in shown.items))
    for wave in ("W2022", WAVE):
        assert {f"Black respondents, {wave}", f"White, {wave}", f"Asian, {wave}"} <= set(rows)
    assert not any(r.startswith("Mixed") for r in rows)
    assert any("Too few to report in any survey" in n and "Mixed" in n for n in shown.notes)
    frame = survey.general("W2022")
    inside = (frame["ethnic5"] == "white").fillna(False)
    weight = frame.loc[inside, "population_weight"]
    expected = 100 * weight[frame.loc[inside, OUTCOME].isna()].sum() / weight.sum()
    assert expected > 0
    found = cells(shown)[f"answers.{OUTCOME}.ethnic5-white.w2022.neither"]
    assert found.value == pytest.approx(expected)
    assert found.n == {"ethnic5-white": int(inside.sum())}


def test_levels_that_are_all_joined_are_not_named():
    assert cells_of(PLAN, "black × city") == "Black, Leicester city"
    assert cells_of(PLAN, "black × city+elsewhere") == "Black"
    assert cells_of(PLAN, "mixed+other × city+elsewhere") == "Mixed or Multiple or Other"


def cells_of(plan, cell):
    return margin_cells.Cells("", ("ethnic5", "area2"), pd.Series(), pd.Series()).label(plan, cell)


def test_shares_of_answers_near_an_officer_have_their_base_and_a_route_nobody_used_is_nought():
    people, _, _ = two_surveys()
    found = cells(respondents.collection(PLAN, WAVE, people))
    now = people[people["wave"] == WAVE]
    near = found[f"collection.officer.all.{WAVE.lower()}"]
    assert near.value == pytest.approx(100 * (now["officer_present"] == "yes").mean())
    assert near.base == len(now)
    assert near.share_of
    event = found[f"collection.event.all.{WAVE.lower()}"]
    assert (event.value, event.base, event.share_of) == (0.0, len(now), ())
    assert "collection.officer.all.w2022" not in found  # not asked is not nought


def test_a_share_that_nobody_holds_has_an_exact_upper_end():
    e = bounded(Estimate(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, df=9.0, n={"all": 60}))
    assert e.high == pytest.approx(100 * (1 - 0.025 ** (1 / 60)))
    assert e.low == 0


def test_missing_answers_stand_between_their_worst_and_best():
    table = level_diagnostics.unanswered(PLAN, WAVE, SURVEY)
    rows = {}
    for i in table.items:
        rows.setdefault(i.row, {})[i.result.id.rsplit(".", 1)[1]] = i.result
    assert len(rows) == 6
    for row, found in rows.items():
        lowest, highest = found["lowest"].value, found["highest"].value
        assert lowest <= found["published"].value <= highest, row
        assert lowest - 1e-9 <= found["imputed"].value <= highest + 1e-9, row
        assert found["imputed"].low < found["imputed"].value < found["imputed"].high
    frame = SURVEY.general(WAVE)
    worst = np.average(frame[OUTCOME].fillna(1), weights=frame["population_weight"])
    assert rows["Everybody: mean"]["lowest"].value == pytest.approx(worst)
    assert cells(level_diagnostics.unanswered(PLAN, WAVE, SURVEY)) == cells(table)  # the seed is the plan's


def test_the_two_errors_are_those_of_the_room():
    found = cells(level_diagnostics.two_errors(PLAN, WAVE, SURVEY))
    design = SURVEY.jackknife(PLAN, WAVE).design
    frame = SURVEY.general(WAVE)
    y = (100.0 * frame[OUTCOME].isin(PLAN.outcomes.positive)).where(frame[OUTCOME].notna())
    held = estimation.Design(frame.assign(y=y), weight=MADE[WAVE].weights, cluster=PLAN.population.session_column)
    (linear,) = estimation.mean(held, "y", missing="domain")
    stem = f"error.{OUTCOME}.all.{WAVE.lower()}"
    assert found[f"{stem}.linearised"].value == pytest.approx(linear.se)
    whole = SURVEY.jackknife(PLAN, WAVE).mean(y.fillna(0).to_numpy(), frame[OUTCOME].notna().to_numpy(float))
    assert found[f"{stem}.jackknife"].value == pytest.approx(whole.se)
    assert found[f"{stem}.df"].value == pytest.approx(whole.df)
    assert design.clustered


def test_the_group_with_its_own_weights_differs_from_the_group_with_everybodys():
    group = population_weights.of_group(PLAN, PEOPLE, MARGINS | own_margins())
    found = cells(level_diagnostics.own_population(PLAN, WAVE, SURVEY, group))
    ours, theirs = (found[f"level.{OUTCOME}.{FOCUS}.{WAVE.lower()}.{k}"] for k in ("own", "everybody"))
    assert ours.value != pytest.approx(theirs.value, abs=1e-6)
    column, made = population_weights.of_group(PLAN, PEOPLE, MARGINS | own_margins())
    frame = made[WAVE].frame.join(SURVEY.outcomes)
    y = frame[OUTCOME].dropna()
    known = 100 * np.average(y.isin(PLAN.outcomes.positive), weights=made[WAVE].values[y.index])
    assert ours.value == pytest.approx(known)
    assert ours.n_effective is not None
    assert column == "focus"


def test_ordinal_companions_point_the_way_of_the_gap():
    found = cells(answer_distributions.ordinal(PLAN, WAVE, SURVEY))
    gaps = cells(change.gaps(PLAN, WAVE, SURVEY))
    checked = 0
    for outcome in PLAN.all_outcomes:
        odds = found.get(f"ordinal.{outcome}.{FOCUS}.{WAVE.lower()}")
        gap = gaps.get(f"gap.{outcome}.{FOCUS}.{WAVE.lower()}")
        if isinstance(odds, Measure) and isinstance(gap, Estimate) and abs(gap.value / gap.se) > 1.5:
            checked += 1
            assert (odds.value > 1) == (gap.value > 0), outcome
            assert odds.low < odds.value < odds.high
    assert checked >= 3
    frame = SURVEY.general(WAVE)
    frame = frame[frame[OUTCOME].notna() & frame["focus"].isin([FOCUS, "other"])].assign(
        a=lambda f: f["focus"] == FOCUS
    )
    design = estimation.Design(frame.assign(a=frame["a"].astype(float)), weight="population_weight")
    fit = estimation.ordered_logit(design, OUTCOME, ["a"])
    assert found[f"ordinal.{OUTCOME}.{FOCUS}.{WAVE.lower()}"].value == pytest.approx(np.exp(fit.params["a"]), rel=1e-6)


def test_statements_of_a_scale_have_their_place_at_the_ends():
    found = cells(level_tables.items(PLAN, WAVE, SURVEY))
    scale = next(iter(PLAN.scales.values()))
    rows = TAKEN.outcomes[list(scale.items)].dropna()
    item = scale.items[0]
    name = next(iter(PLAN.scales))
    assert found[f"item.{item}.{name}.{WAVE.lower()}.lowest"].value == pytest.approx(100 * (rows[item] == 1).mean())
    assert len(found) == 3 * len(scale.items)


def test_levels_carry_the_model_their_effective_number_and_their_reference():
    for i in level_tables.trio(PLAN, WAVE, SURVEY).items:
        if isinstance(i.result, Estimate):
            assert "model-based" in i.result.estimand
            assert 0 < i.result.n_effective <= sum(i.result.n.values())
            assert "t with" in i.result.se_method
    assert any("Nobody was drawn" in n for n in level_tables.trio(PLAN, WAVE, SURVEY).notes)


def test_groups_too_small_are_refused_everywhere():
    sizes = PLAN.sizes.model_copy(update={"least_people": 10_000})
    plan = PLAN.model_copy(update={"sizes": sizes})
    for exhibit in (
        *answer_distributions.distributions(plan, WAVE, SURVEY, REASONS),
        level_diagnostics.own_population(plan, WAVE, SURVEY, population_weights.of_group(plan, PEOPLE, MARGINS)),
    ):
        assert all(isinstance(i.result, TooFew) for i in exhibit.items)
    for exhibit in (
        answer_distributions.ordinal(plan, WAVE, SURVEY),
        level_diagnostics.two_errors(plan, WAVE, SURVEY),
        level_diagnostics.unanswered(plan, WAVE, SURVEY),
    ):
        assert all(isinstance(i.result, Text) for i in exhibit.items)


def test_a_plan_without_groups_still_has_its_exhibits():
    plan = PLAN.model_copy(update={"designs": {}})
    assert isinstance(answer_distributions.ordinal(plan, WAVE, SURVEY).items[0].result, Text)
    assert isinstance(level_diagnostics.own_population(plan, WAVE, SURVEY, ("", {})).items[0].result, Text)
    rows = {i.row for i in level_diagnostics.unanswered(plan, WAVE, SURVEY).items}
    assert rows == {"Everybody: share of positive answers", "Everybody: mean"}


def test_a_change_between_waves_is_that_of_independent_samples():
    one = Estimate(3.0, 0.2, df=10.0, n={"all": 60}, n_sessions=12)
    e = change.difference(replace(one, value=3.5, se=0.1, df=20.0), one, labels=("b", "a"))
    assert (e.value, e.se) == pytest.approx((0.5, np.hypot(0.1, 0.2)))
    assert e.df == pytest.approx((0.01 + 0.04) ** 2 / (0.01**2 / 20 + 0.04**2 / 10))
    assert e.n_sessions == 12


def drawn_plan(**keys):
    given = {"sample": "probability", **keys}
    return PLAN.model_copy(update={"population": PLAN.population.model_copy(update=given)})


def level_of(plan):
    return levels.level(plan, levels.prepare(plan, PEOPLE, TAKEN.outcomes, MADE), OUTCOME, WAVE, share=False)


def test_strata_and_a_finite_population_enter_the_error_of_a_level():
    """The stratified jackknife by hand: deviations within strata times (m - 1) / m (1 - f), sums over strata."""
    rows = MADE[WAVE].frame
    frame = rows.assign(y=TAKEN.outcomes[OUTCOME].reindex(rows.index).astype(float))
    session, pop = PLAN.population.session_column, {"stated": 90, "other": 60}
    half = sorted(frame[session].unique())[::2]
    frame["half"] = np.where(frame[session].isin(half), "stated", "other")
    plan = drawn_plan(strata_column="half", size=pop, given_weight=None)
    people = PEOPLE.assign(half=frame["half"].reindex(PEOPLE.index))
    made = {WAVE: replace(MADE[WAVE], frame=frame.drop(columns="y"), weights=None)}
    found = levels.level(plan, levels.prepare(plan, people, TAKEN.outcomes, made), OUTCOME, WAVE, share=False)
    kept, w = frame["y"].notna(), made[WAVE].values
    y = frame["y"].fillna(0.0)
    mean = (w * kept * y).sum() / (w * kept).sum()
    variance = 0.0
    for stratum, inside in frame.groupby("half"):
        units = inside[session].unique()
        m = len(units)
        for unit in units:
            scale = np.where(frame["half"] == stratum, m / (m - 1), 1.0) * (frame[session] != unit)
            variance += (m - 1) / m * (1 - m / pop[stratum]) * (
                (w * scale * kept * y).sum() / (w * scale * kept).sum() - mean
            ) ** 2  # fmt: skip
    assert found.value == pytest.approx(mean, abs=1e-12)
    assert found.se == pytest.approx(variance**0.5, abs=1e-12)
    effective = estimation.effective_clusters(levels.drawn(plan, made[WAVE].frame, w), kept.to_numpy(dtype=float))
    assert found.df == pytest.approx(effective - 2)
    assert "less strata" in found.se_method


def test_a_population_that_is_wholly_asked_leaves_no_error_of_sampling():
    sessions = MADE[WAVE].frame[PLAN.population.session_column].nunique()
    whole, endless = level_of(drawn_plan(size=sessions)), level_of(PLAN)
    assert whole.se == pytest.approx(0.0, abs=1e-12)
    assert level_of(drawn_plan(size=2 * sessions)).se == pytest.approx(endless.se * 0.5**0.5)
