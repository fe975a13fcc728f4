"""Population figures that the people who answered cannot meet all at once: which is spared, where it is said, when not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.analysis import balance_tables, comparison, population_weights, weight_tables
from evaluation.analysis.arms import TREATED
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison, raking
from evaluation.intake import ingest, waves
from evaluation.plan import study
from evaluation.statistics import propensity, weighting

LOADED = study.load(Path(__file__).parents[2] / "study.toml")
PLAN = LOADED.model_copy(update={"population": LOADED.population.model_copy(update={"least_in_cell": 12})})
WAVE = PLAN.waves[-1]
PEOPLE = ingest.take_in(PLAN, WAVE, draft=True).design.assign(wave=WAVE)
MARGINS = waves.margins(PLAN)
NEARLY = "cannot be weighted to match it and the other figures at once. It is still nearly met."


def one_sided(people=PEOPLE):
    """Put everybody of the joined groups into the city: the margin by group then fixes how many live there."""
    made = people.copy()
    city = made["ethnic5"].isin(["mixed", "other"])
    unstated = made["ethnic5"].isna() | made["area2"].isna()
    made.loc[city, ["area2", "area3"]] = ["city", "leicester"]
    made.loc[unstated, ["area2", "area3"]] = [None, "county"]
    return made


def targets(one):
    total = one.cells[0].population.sum()
    return {f"margin.{c.name}": c.population * (total / c.population.sum()) for c in one.cells}


def test_where_margins_hold_together_weights_are_raked_trimmed_and_raked_as_ever():
    one = population_weights.by_wave(PLAN, PEOPLE, MARGINS)[WAVE]
    assert one.left_out == ()
    pop = PLAN.population
    raw = weighting.rake(one.frame, targets(one), tolerance=pop.tolerance)
    middle = float(raw.values.median())
    if one.trimmed:
        cut = weighting.trim(raw, lower=pop.trim_low * middle, upper=pop.trim_high * middle)
        raw = weighting.rake(one.frame, targets(one), base_weight=cut.values, tolerance=pop.tolerance)
    pd.testing.assert_series_equal(one.values, raw.values, check_exact=True)
    assert [g.id for g in weight_tables.gates(PLAN, WAVE, {WAVE: one})] == ["weights.effective", "weights.cells"]
    assert not any("not used" in n for n in weight_tables.summary(PLAN, WAVE, {WAVE: one}, MARGINS).notes)


def test_the_least_detailed_margin_that_conflicts_is_spared_and_nearly_met():
    people = one_sided()
    one = population_weights.by_wave(PLAN, people, MARGINS)[WAVE]
    assert [c.name for c in one.left_out] == ["area3"]
    assert [c.name for c in one.cells] == ["ethnic5_area2", "age5_sex"]
    spared = one.left_out[0]
    every = {**targets(one), "margin.area3": spared.population * (912_739 / spared.population.sum())}
    with pytest.raises(errors.NotConverged):
        weighting.rake(one.frame.assign(**{"margin.area3": spared.of}), every, tolerance=1e-9)
    assert population_weights.margins_met(PLAN, {WAVE: one})
    got = one.values.groupby(spared.of).sum() / one.values.sum()
    gap = (got - spared.population / spared.population.sum()).abs().max()
    assert 1e-4 < gap <= population_weights.MOST_UNMET
    again = population_weights.by_wave(PLAN, people.sample(frac=1, random_state=1), MARGINS)[WAVE]
    assert [c.name for c in again.left_out] == ["area3"]
    assert again.values.reindex(one.values.index).to_numpy() == pytest.approx(one.values.to_numpy(), rel=1e-6)


def test_a_margin_that_was_spared_is_said_wherever_weights_are_shown():
    made = population_weights.by_wave(PLAN, one_sided(), MARGINS) | {
        "W2024": population_weights.by_wave(PLAN, PEOPLE, MARGINS)[WAVE]
    }
    table = weight_tables.margins_table(PLAN, WAVE, PEOPLE, made)
    assert any(n.startswith("Area was not used: these answers") and n.endswith(NEARLY) for n in table.notes)
    assert not any(i.result.id.startswith("share.area3") for i in table.items)
    price = weight_tables.summary(PLAN, WAVE, made, MARGINS)
    assert [n for n in price.notes if "not used" in n] == [f"{WAVE}: Area was not used: these answers {NEARLY}"]
    gates = {g.id: g for g in weight_tables.gates(PLAN, WAVE, made)}
    assert gates["weights.cells"].passed
    assert (gates["weights.margins"].kind, gates["weights.margins"].passed) == ("quality", False)
    assert gates["weights.margins"].note.endswith(f"(not to Area in {WAVE})")
    earlier = weight_tables.gates(PLAN, "W2024", made)
    assert any(g.id == "weights.margins" and not g.passed for g in earlier)


def test_the_comparison_weight_says_which_margin_it_does_not_use():
    people = one_sided().reset_index(drop=True)
    treated = pd.Series((np.arange(len(people)) % 9 == 0).astype(int), index=people.index)
    made = raking(PLAN, people, treated, MARGINS)
    assert [c.name for c in made.left_out] == ["area3"]
    names = ["sex", "age5"]
    frame = people[names].fillna("other").assign(**{TREATED: treated, COMPARISON_WEIGHT: 1.0, "boost": False})
    others = population_weights.comparison_weight(PLAN, people, treated, MARGINS)[treated == 0]
    again = made(frame.assign(times=1.0), "times")[treated == 0]
    assert again.to_numpy() == pytest.approx(others.to_numpy(), rel=1e-6)
    scores = propensity.fit(frame, treat=TREATED, covariates=names, survey_weight=COMPARISON_WEIGHT)
    both = Comparison(frame, tuple(names), scores, None, {"treated": 40, "untreated": 300}, raking=made)
    shown = balance_tables.weights_audit(PLAN, WAVE, both, comparison.everybody(frame))
    assert f"Comparison weight: Area was not used: these answers {NEARLY}" in shown.notes


def plan_with(*margins):
    return PLAN.model_copy(update={"population": PLAN.population.model_copy(update={"margins": margins})})


def figures(column, **people):
    return pd.Series(people, index=pd.Index(list(people), name=column), dtype=float)


def test_a_margin_is_joined_by_the_plan_s_order_before_it_is_left_out():
    rows = pd.DataFrame(
        {
            "area3": ["leicester"] * 60 + ["county"] * 100 + ["rutland"] * 40,
            "sex": ["female", "male"] * 100,
            "ethnic5": ["white", "black"] * 80 + ["other"] * 40,
        }
    )
    margins = {
        "who": figures("ethnic5", white=70, black=26, other=4),
        "area3": figures("area3", leicester=32, county=63, rutland=5),
    }
    one = population_weights.rake(plan_with("who", "area3"), rows, margins, wave=WAVE)
    assert one.left_out == ()
    assert one.cells[1].steps == ("county with rutland",)
    assert one.values[rows["area3"] == "leicester"].sum() / one.values.sum() == pytest.approx(0.32, abs=1e-8)


def test_weights_that_would_miss_every_margin_by_much_are_not_made():
    rows = pd.DataFrame({"sex": ["female"] * 50 + ["male"] * 50, "area2": ["city"] * 50 + ["elsewhere"] * 50})
    margins = {"sex": figures("sex", female=50, male=50), "area": figures("area2", city=30, elsewhere=70)}
    with pytest.raises(errors.NotConverged, match=r"did not meet its margins.*\(W2025\).*No margin can be spared"):
        population_weights.rake(plan_with("sex", "area"), rows, margins, wave=WAVE)
    margins["area"] = figures("area2", city=47, elsewhere=53)
    one = population_weights.rake(plan_with("sex", "area"), rows, margins, wave=WAVE)
    assert [c.name for c in one.left_out] == ["area"]  # of two as detailed, the one that the plan names last
