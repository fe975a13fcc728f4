"""Every specification that MatchIt was run with: who is compared with whom, balance, effects and their errors."""

import json

import numpy as np
import pandas as pd
import pytest
from attendance_study import (
    BY_DISTANCE,
    EQUAL,
    FIXTURES,
    NEAREST,
    SPECS,
    WEIGHTS,
    D,
    P,
    X,
    design,
    level_name,
    our_partners,
    partners,
    total_distance,
)

from evaluation import errors
from evaluation.statistics import balance, effects, matching, propensity

COLUMNS = {"Std. Mean Diff.": "smd", "eCDF Max": "ks", "eCDF Mean": "ecdf_mean"}
ABADIE = json.loads((FIXTURES / "abadie_imbens.json").read_text())


def test_every_specification_is_held_to_something():
    assert sorted([*EQUAL, *BY_DISTANCE]) == sorted(SPECS)


@pytest.mark.parametrize("name", EQUAL)
def test_who_is_compared_with_whom(name):
    made = design(name)
    assert made.match_weight.to_numpy() == pytest.approx(SPECS[name]["weights"], abs=1e-8)
    if len(made.pairs):
        assert our_partners(made) == partners(SPECS[name])


@pytest.mark.parametrize("name", EQUAL)
def test_balance_before_and_after(name):
    made = design(name)
    table = balance.compare(D, treat="attended", covariates=X, weights=made.match_weight, estimand=made.target).table
    table = table.set_index("variable")
    for side, key in (("before", "balance_all"), ("after", "balance_matched")):
        for row, known in SPECS[name][key].items():
            if level_name(row) in table.index:
                ours = table.loc[level_name(row)]
                for theirs, column in COLUMNS.items():
                    assert ours[f"{column}_{side}"] == pytest.approx(known[theirs], abs=1e-8), (row, column)
                if known["Var. Ratio"] is not None and ours["kind"] == "numeric":
                    assert ours[f"variance_ratio_{side}"] == pytest.approx(known["Var. Ratio"], abs=1e-8)


@pytest.mark.parametrize("name", EQUAL)
@pytest.mark.parametrize(("model", "covariates"), [("unadjusted", ()), ("gcomp_interacted", X)])
def test_effects_and_errors(name, model, covariates):
    made, known = design(name), SPECS[name]["effects"][model]
    if known.get("est") is None:
        pytest.skip("R gives none")
    ours = effects.in_sample(D, made, outcome="trust", treat="attended", covariates=covariates)
    assert ours.value == pytest.approx(known["est"], abs=1e-7)
    paired = len(made.pairs) and not made.replace
    held = known["se_CL_HC1" if paired else "se_HC3"]
    if held is None:
        pytest.skip("more terms than people: R gives no such error")
    assert ours.se == pytest.approx(held, abs=1e-7)


@pytest.mark.parametrize("name", [n for n in NEAREST if SPECS[n].get("effects_get_matches")])
@pytest.mark.parametrize(("model", "covariates"), [("unadjusted", ()), ("gcomp_interacted", X)])
def test_two_way_errors_after_matching_with_replacement(name, model, covariates):
    known = SPECS[name]["effects_get_matches"][model]
    ours = effects.in_sample(D, design(name), outcome="trust", treat="attended", covariates=covariates, kind="two-way")
    assert ours.value == pytest.approx(known["est"], abs=1e-7)
    assert ours.se == pytest.approx(known["se_CL_HC1"], abs=1e-7)


@pytest.mark.parametrize("row", ABADIE["rows"], ids=lambda r: f"{r['m']}-{r['adjusted']}-{r['variance']}")
def test_bias_corrected_estimate_agrees_with_matching(row):
    sample = matching.nearest(D, P, treat="attended", ratio=row["m"], replace=True)
    words = {"outcome": "trust", "treat": "attended", "covariates": X if row["adjusted"] else ()}
    made = effects.abadie_imbens(D, sample, variance=row["variance"], **words)
    assert made.value == pytest.approx(row["est"], abs=1e-9)
    assert made.se == pytest.approx(row["se"], abs=1e-9)


def test_bias_correction_is_for_matching_with_replacement():
    words = {"outcome": "trust", "treat": "attended"}
    with pytest.raises(errors.Unsupported, match="with replacement"):
        effects.abadie_imbens(D, matching.nearest(D, P, treat="attended"), **words)
    sample = matching.nearest(D, P, treat="attended", replace=True)
    with pytest.raises(errors.Unsupported, match="variance"):
        effects.abadie_imbens(D, sample, variance="both", **words)
    with pytest.raises(errors.Unsupported, match="two-way"):
        effects.in_sample(D, matching.nearest(D, P, treat="attended"), kind="two-way", **words)


@pytest.mark.parametrize("name", ["full_default", "full_ATE", "quick_full"])
def test_full_matching_is_no_further_apart(name):
    made = design(name)
    held = total_distance(pd.Series(SPECS[name]["subclass"], index=D.index))
    assert (made.match_weight > 0).all()
    assert total_distance(made.stratum) <= held * (1 + 1e-6)


@pytest.mark.parametrize("name", EQUAL)
def test_rows_in_another_order_and_other_kinds_of_index(name):
    """Same pairs and weights for shuffled rows; the same pairs again under ids of numbers in the same order."""
    shuffled = D.sample(frac=1, random_state=4)
    one, two = design(name), design(name, frame=shuffled)
    pd.testing.assert_series_equal(one.match_weight, two.match_weight.reindex(D.index))
    numbers = pd.Index(np.arange(len(D)) * 7 + 3)
    three = design(name, frame=D.set_axis(numbers), scores=P.set_axis(numbers))
    assert three.match_weight.to_numpy() == pytest.approx(one.match_weight.to_numpy(), abs=1e-12)
    assert three.match_weight.index.equals(numbers)


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_entropy_balancing_knows_that_its_weights_were_estimated(estimand):
    """WeightIt's `ebal` takes the target as given; its `ipt`, with the same weights for the ATT, does not."""
    sample = matching.entropy_balance(D, treat="attended", covariates=X, estimand=estimand)
    words = {"outcome": "trust", "treat": "attended"}
    fixed = effects.weighted(D, sample, target="fixed", **words)
    held = WEIGHTS[f"ebal_{estimand}"]["effects"]["m_estimation"]
    assert fixed.value == pytest.approx(held["est"], abs=1e-6)
    assert fixed.se == pytest.approx(held["se"], abs=1e-6)
    if estimand == "ATT":
        whole = effects.weighted(D, sample, **words)
        assert whole.se == pytest.approx(WEIGHTS["ipt_ATT"]["effects"]["m_estimation"]["se"], abs=1e-6)
    with pytest.raises(errors.DataError, match="same survey weight"):
        effects.weighted(D, sample, survey_weight="survey_weight", **words)


@pytest.mark.parametrize("name", ["logit_ATT", "logit_ATE", "logit_ATC", "logit_overlap_ATO", "ebal_ATT"])
def test_hc3_after_weighting_agrees_with_sandwich(name):
    scores = propensity.fit(D, treat="attended", covariates=X)
    made = (
        matching.entropy_balance(D, treat="attended", covariates=X)
        if name.startswith("ebal")
        else matching.weights(D, scores, treat="attended", estimand=name[-3:])
    )
    ours = effects.in_sample(D, made, outcome="trust", treat="attended")
    held = WEIGHTS[name]["effects"]["hajek_difference"]
    assert ours.value == pytest.approx(held["est"], rel=1e-6)
    assert ours.se == pytest.approx(held["se_HC3"], rel=1e-6)


@pytest.mark.parametrize("estimand", ["ATT", "ATE", "ATC", "ATO"])
def test_balance_after_weighting_agrees_with_cobalt(estimand):
    name = {"ATO": "logit_overlap_ATO"}.get(estimand, f"logit_{estimand}")
    scores = propensity.fit(D, treat="attended", covariates=X)
    made = matching.weights(D, scores, treat="attended", estimand=estimand)
    table = balance.compare(D, treat="attended", covariates=X, weights=made.match_weight, estimand=estimand).table
    table = table.set_index("variable")
    for row, known in WEIGHTS[name]["balance"]["std"].items():
        ours = f"ethnic5[{row[8:]}]" if row.startswith("ethnic5_") else row
        if ours in table.index:
            assert table.loc[ours, "smd_after"] == pytest.approx(known["Diff.Adj"], abs=1e-6), row
            assert table.loc[ours, "ks_after"] == pytest.approx(known["KS.Adj"], abs=1e-6), row
