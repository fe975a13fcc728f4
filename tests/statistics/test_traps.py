"""Known ways of getting weighting, matching and balance wrong: each is shown to be avoided or caught."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import balance, effects, inference, matching, propensity, survey, weighting

GOLDEN = Path(__file__).parents[1] / "golden"
SPECS = json.loads((GOLDEN / "fixtures" / "a_matching.json").read_text())["specs"]
WEIGHTS = json.loads((GOLDEN / "fixtures" / "a_weighting.json").read_text())["results"]
D = pd.read_csv(GOLDEN / "data" / "attendance.csv").set_index("unit")
X = ["age", "years_llr", "ethnic5", "female", "contact", "deprivation", "distance_km"]
T = D["attended"] == 1
SCORES = propensity.fit(D, treat="attended", covariates=X)
MARGIN = {
    "female": pd.Series({0: 480.0, 1: 520.0}),
    "ethnic5": pd.Series({"asian": 300.0, "black": 150.0, "white": 550.0}),
}


def effect(sample, frame=D, **words):
    return effects.in_sample(frame, sample, **({"outcome": "trust", "treat": "attended"} | words))


def test_survey_weights_are_not_counts_of_people():
    """Weights a hundred times as large give the same error, in effects and in levels."""
    sample = matching.nearest(D, SCORES, treat="attended")
    large = D.assign(survey_weight=D["survey_weight"] * 100)
    for words in ({}, {"covariates": X}, {"cluster": "session"}):
        one, two = (effect(sample, f, survey_weight="survey_weight", **words) for f in (D, large))
        assert two.se == pytest.approx(one.se, rel=1e-9)
        assert two.value == pytest.approx(one.value, rel=1e-9)
    levels = [survey.mean(survey.Design(f, weight="survey_weight"), "trust")[0].se for f in (D, large)]
    assert levels[0] == pytest.approx(levels[1], rel=1e-12)
    naive = D["trust"].std() / np.sqrt(large["survey_weight"].sum())
    assert levels[0] > 5 * naive


def test_raked_weights_are_not_taken_as_given():
    made = weighting.rake(D, MARGIN)
    known = survey.mean(survey.Design(D, weight=made), "female")[0]
    given = survey.mean(survey.Design(D, weight=made.values), "female")[0]
    assert known.se < 1e-8
    assert given.se > 0.01


def test_raking_stops_at_its_margins_by_default():
    assert weighting.rake(D, MARGIN).tidy()["gap"].max() <= 1e-8


def test_without_a_caliper_poor_overlap_is_red():
    """Attendees twenty years older: nearest neighbours are far, and the balance by lot says so."""
    rng = np.random.default_rng(3)
    age = rng.normal(50, 10, 300)
    frame = pd.DataFrame({"age": age, "x": rng.normal(size=300)})
    frame["attended"] = (rng.random(300) < 1 / (1 + np.exp(-(age - 50) / 4))).astype(int)

    def design(f):
        scores = propensity.fit(f, treat="attended", covariates=["age", "x"])
        return matching.nearest(f, scores, treat="attended")

    sample = design(frame)
    made = balance.compare(
        frame, treat="attended", covariates=["age", "x"], weights=sample.match_weight, estimand=sample.estimand
    )
    assert made.worst > 0.5
    lot = balance.placebo(
        frame, design, treat="attended", covariates=["age", "x"], prognostic=["age"], draws=30, seed=1
    )
    assert lot.grade == "fail"
    within = matching.nearest(
        frame, propensity.fit(frame, treat="attended", covariates=["age", "x"]), treat="attended", caliper=0.1
    )
    assert within.estimand == "ATM"
    assert len(within.unmatched) > 0


def test_errors_after_matching_know_the_pairs_and_the_sessions():
    sample = matching.nearest(D, SCORES, treat="attended")
    by_pair, by_session = effect(sample), effect(sample, cluster="session")
    assert "by pair" in by_pair.se_method
    assert "session" in by_session.se_method
    assert "HC3" in effect(matching.weights(D, SCORES, treat="attended")).se_method
    assert "HC3" in effect(matching.nearest(D, SCORES, treat="attended", replace=True)).se_method
    assert by_session.df < by_pair.df < len(D)


def test_matching_weights_enter_the_outcome():
    sample = matching.nearest(D, SCORES, treat="attended", replace=True, ratio=3)
    w = sample.match_weight
    known = np.average(D.loc[T, "trust"], weights=w[T]) - np.average(D.loc[~T, "trust"], weights=w[~T])
    made = effect(sample)
    assert made.value == pytest.approx(known, rel=1e-10)
    kept = (w > 0) & ~T
    assert abs(made.value - (D.loc[T, "trust"].mean() - D.loc[kept, "trust"].mean())) > 1e-3


def test_leaving_the_survey_weight_out_of_the_outcome_shows():
    """Trust differs by a trait that the survey weight undoes; only the weighted contrast recovers the truth."""
    rng = np.random.default_rng(8)
    n = 4000
    trait = rng.integers(0, 2, n)
    attended = rng.integers(0, 2, n)
    frame = pd.DataFrame({"attended": attended, "x": rng.normal(size=n), "w": np.where(trait == 1, 9.0, 1.0)})
    frame["trust"] = 3 + attended * (1 + 2.0 * trait) + rng.normal(scale=0.3, size=n)
    scores = propensity.fit(frame, treat="attended", covariates=["x"], outcomes=[], survey_weight="w")
    sample = matching.weights(frame, scores, treat="attended", survey_weight="w")
    assert effect(sample, frame, survey_weight="w").value == pytest.approx(1 + 2 * 0.9, abs=0.05)
    assert abs(effect(sample, frame).value - 2.8) > 0.5


def test_a_share_gets_a_risk_difference_and_not_a_conditional_odds_ratio():
    rng = np.random.default_rng(2)
    n = 6000
    x = rng.normal(scale=2, size=n)
    attended = (rng.random(n) < 1 / (1 + np.exp(-0.3 * x))).astype(int)

    def chance(a):
        return 1 / (1 + np.exp(-(-0.5 + a + 1.5 * x)))

    frame = pd.DataFrame({"attended": attended, "x": x, "trust": (rng.random(n) < chance(attended)).astype(float)})
    scores = propensity.fit(frame[["attended", "x"]], treat="attended", covariates=["x"])
    made = effect(matching.weights(frame, scores, treat="attended"), frame)
    treated = attended == 1
    truth = (chance(1) - chance(0))[treated].mean()
    assert made.value == pytest.approx(truth, abs=0.035)
    assert truth < 0.2
    assert abs(made.value - 1.0) > 0.7


def test_every_level_has_its_row_and_no_row_has_a_p_value():
    table = balance.compare(D, treat="attended", covariates=X).table
    assert set(table.loc[table["covariate"] == "ethnic5", "level"]) == {"asian", "black", "white"}
    assert not [c for c in table if c == "p" or c.startswith("p_") or "p_value" in c]


@pytest.mark.parametrize("name", ["nearest_default", "nearest_k2", "nearest_replace", "subclass6"])
def test_distribution_gaps_agree_with_matchit(name):
    spec = SPECS[name]
    weights = pd.Series(spec["weights"], index=D.index)
    table = balance.compare(D, treat="attended", covariates=X, weights=weights).table.set_index("variable")
    for when, known in (("before", spec["balance_all"]), ("after", spec["balance_matched"])):
        for variable, row in known.items():
            if variable in ("age", "years_llr", "deprivation", "distance_km") and row["eCDF Mean"] is not None:
                assert table.loc[variable, f"ks_{when}"] == pytest.approx(row["eCDF Max"], abs=1e-8)
                assert table.loc[variable, f"ecdf_mean_{when}"] == pytest.approx(row["eCDF Mean"], abs=1e-8)


def test_overlap_weights_have_the_denominator_of_the_weighted_sample():
    held = WEIGHTS["logit_overlap_ATO"]
    weights = pd.Series(held["weights"], index=D.index)
    table = balance.compare(D, treat="attended", covariates=X, weights=weights, estimand="ATO").table
    for variable in ("age", "years_llr", "deprivation"):
        row = table[table["variable"] == variable].iloc[0]
        assert row["smd_before"] == pytest.approx(held["balance"]["std"][variable]["Diff.Un"], abs=1e-8)
    assert table["smd_after"].abs().max() < 1e-6


def test_squares_and_products_are_asked_for():
    plain = balance.compare(D, treat="attended", covariates=X).table
    more = balance.compare(D, treat="attended", covariates=X, squares=True, interactions=True)
    table = more.table.set_index("variable")
    both = D["age"] * D["deprivation"]
    known = (both[T].mean() - both[~T].mean()) / both[T].std()
    assert table.loc["age × deprivation", "smd_before"] == pytest.approx(known, rel=1e-9)
    assert table.loc["age²", "mean_treated_before"] == pytest.approx((D.loc[T, "age"] ** 2).mean())
    assert "age × ethnic5[black]" in table.index
    assert "ethnic5[asian] × ethnic5[black]" not in table.index
    assert "female²" not in table.index
    pd.testing.assert_frame_equal(table.reset_index()[plain.columns].head(len(plain)), plain)


def test_few_clusters_take_few_degrees_of_freedom():
    few = D.assign(session=D["session"] % 6)
    x = np.column_stack([np.ones(len(few)), T.astype(float)])
    fit = inference.regress(x, few["trust"].to_numpy(), ["one", "attended"])
    made = inference.cluster_robust(fit, few["session"])
    assert made.df["attended"] <= 5
    plain = inference.cluster_robust(fit, few["session"], kind="CR0")
    assert made.se["attended"] > plain.se["attended"]


@pytest.mark.parametrize("role", ["trust", "attended", "survey_weight", "session", "age"])
def test_missing_values_are_refused_in_every_role(role):
    sample = matching.weights(D, SCORES, treat="attended")
    bad = D.astype({role: float}).assign(**{role: lambda f: f[role].where(f.index != f.index[7])})
    with pytest.raises(errors.MissingValues, match=role):
        effect(sample, bad, covariates=["age"], survey_weight="survey_weight", cluster="session")
