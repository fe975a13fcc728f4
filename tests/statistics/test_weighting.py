"""Weighting: R's survey to 1e-8 and better, refusals, and what must hold."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import weighting
from evaluation.statistics._constraints import Constraints

GOLDEN = Path(__file__).parents[1] / "golden"
R = json.loads((GOLDEN / "fixtures" / "b_rake4.json").read_text())
N = R["population"]
S = pd.read_csv(GOLDEN / "data" / "rake_survey.csv").assign(flat=lambda s: N / len(s))
MARGINS = {k: pd.Series(v) * N for k, v in R["targets"].items()}


def totals():
    found = {"(Intercept)": float(N)} | {
        f"{k}={level}": v[level] for k, v in MARGINS.items() for level in sorted(v.index)[1:]
    }
    return pd.Series(found)


MADE = {
    "rake_tight_base": lambda: weighting.rake(S, MARGINS, base_weight="base_w", tolerance=1e-9),
    "rake_tight_flat": lambda: weighting.rake(S, MARGINS, tolerance=1e-9),
    "calfun_raking_base": lambda: weighting.calibrate(S, totals(), base_weight="base_w", method="raking"),
    "calfun_linear_base": lambda: weighting.calibrate(S, totals(), base_weight="base_w"),
    "calfun_logit_flat_03_3": lambda: weighting.calibrate(
        S, totals(), base_weight="flat", method="logit", bounds=(0.3, 3)
    ),
    "calfun_linear_bounded_flat_03_3": lambda: weighting.calibrate(S, totals(), base_weight="flat", bounds=(0.3, 3)),
    "trimmed_to_3x_mean_strict": lambda: _trimmed(),
}


def _trimmed():
    made = weighting.rake(S, MARGINS, tolerance=1e-9)
    return weighting.trim(made, upper=3 * made.values.mean())


@pytest.mark.parametrize("name", MADE)
def test_weights_agree_with_r(name):
    made = MADE[name]()
    np.testing.assert_allclose(made.values.to_numpy(), R["results"][name]["weights"], rtol=1e-8)
    assert made.design_effect == pytest.approx(R["results"][name]["kish_deff"], rel=1e-8)


def test_bounded_raking_agrees_with_anesrake_where_the_cap_is_the_distance_minimiser():
    for cap in (5, 2):
        made = weighting.rake(S, MARGINS, bounds=(1e-6, cap))
        known = R["results"][f"anesrake_cap{cap}"]["weights"]
        np.testing.assert_allclose(made.values / made.values.mean(), known, atol=2e-4)  # anesrake stops early


def test_margins_are_met_to_one_in_a_thousand_million():
    made = weighting.rake(S, MARGINS, base_weight="base_w", tolerance=1e-9)
    assert made.tidy()["gap"].max() <= 1e-9
    assert made.largest_gap <= 1e-9


def test_crossed_margins_and_poststratification():
    crossed = pd.crosstab(S["sex"], S["age"]).stack() * 10.0 + 1
    made = weighting.rake(S, {("sex", "age"): crossed}, tolerance=1e-10)
    got = made.values.groupby([S["sex"], S["age"]]).sum()
    np.testing.assert_allclose(got.to_numpy(), crossed.to_numpy(), rtol=1e-9)
    post = weighting.poststratify(S, crossed)
    np.testing.assert_allclose(post.values, made.values, rtol=1e-9)


def test_order_of_rows_and_of_margins_changes_nothing():
    mixed = S.sample(frac=1, random_state=1)
    a = weighting.rake(S, MARGINS, tolerance=1e-11).values
    b = weighting.rake(mixed, dict(reversed(MARGINS.items())), tolerance=1e-11).values
    np.testing.assert_allclose(a, b.reindex(a.index), rtol=1e-8)


def test_scale_of_base_weights_changes_nothing():
    a = weighting.rake(S, MARGINS, base_weight="base_w").values
    b = weighting.rake(S.assign(base_w=S["base_w"] * 1e6), MARGINS, base_weight="base_w").values
    np.testing.assert_allclose(a, b, rtol=1e-10)


def test_refusals_name_what_is_wrong():
    with pytest.raises(errors.EmptyCell, match="'X'"):
        weighting.rake(S, {"sex": pd.Series({"F": 1.0, "M": 1.0, "X": 1.0})})
    with pytest.raises(errors.MarginMismatch, match=r"\['M'\]"):
        weighting.rake(S, {"sex": pd.Series({"F": 1.0})})
    with pytest.raises(errors.MarginMismatch, match="disagree in total"):
        weighting.rake(S, MARGINS | {"sex": MARGINS["sex"] * 1.1})
    with pytest.raises(errors.MissingValues, match="policy"):
        weighting.rake(S.assign(sex=S["sex"].mask(S["id"] < 5)), MARGINS)
    with pytest.raises(errors.DataError, match="positive"):
        weighting.rake(S.assign(base_w=0.0), MARGINS, base_weight="base_w")
    with pytest.raises(errors.NotConverged):
        weighting.calibrate(S, totals(), base_weight="flat", method="logit", bounds=(0.95, 1.05))
    with pytest.raises(errors.Unsupported, match="bounds"):
        weighting.calibrate(S, totals(), method="logit")


def test_not_stated_keeps_its_share():
    s = S.assign(sex=S["sex"].mask(S["id"] <= 90))
    made = weighting.rake(s, {"sex": MARGINS["sex"]}, not_stated="proportional")
    share = made.values[s["sex"].isna()].sum() / made.values.sum()
    assert share == pytest.approx(s["sex"].isna().mean())
    stated = made.values.groupby(s["sex"]).sum()
    assert stated["F"] / stated.sum() == pytest.approx(0.51)


def test_replicates_are_made_by_the_same_recipe():
    made = weighting.rake(S, MARGINS, tolerance=1e-10)
    base = made.base.to_numpy() * (np.arange(len(S)) % 10 != 0)
    found = weighting.recalibrate(made, base)
    assert (found[::10] == 0).all()
    np.testing.assert_allclose(found @ made.columns, made.targets, rtol=1e-8)
    kept = weighting.rake(S[base > 0], MARGINS, tolerance=1e-10)
    np.testing.assert_allclose(found[base > 0], kept.values, rtol=1e-7)


def test_trimming_keeps_the_total_and_the_bounds():
    made = weighting.rake(S, MARGINS, base_weight="base_w")
    cut = weighting.trim(made, lower=0.5 * made.values.mean(), upper=1.5 * made.values.mean())
    assert cut.values.sum() == pytest.approx(made.values.sum())
    assert cut.values.max() <= 1.5 * made.values.mean() * (1 + 1e-9)
    assert cut.trimmed_share > 0
    assert cut.largest_gap > 1e-6


CROSSED = S.groupby(["sex", "age"]).size() * 10.0 + 1


@pytest.mark.parametrize(
    "change",
    [
        {"age": S["age"].astype("category")},
        {"age": S["age"].astype("string"), "sex": pd.Categorical(S["sex"], ["M", "X", "F"])},
        {"age": S["age"].astype(object)},
    ],
)
def test_the_kind_of_a_column_changes_nothing(change):
    one = weighting.rake(S, MARGINS, tolerance=1e-11).values
    np.testing.assert_allclose(weighting.rake(S.assign(**change), MARGINS, tolerance=1e-11).values, one, rtol=1e-12)


@pytest.mark.parametrize("levels", [[1, 2], ["1", "2"], [1.0, 2.0]])
@pytest.mark.parametrize("column", [int, float, str, "Int64"])
def test_a_level_as_number_and_as_text_is_one_level(levels, column):
    s = S.assign(sex=(S["sex"] == "F").astype(int).add(1).astype(column))
    made = weighting.rake(s, {"sex": pd.Series([40.0, 60.0], levels)}, tolerance=1e-12)
    assert made.values[S["sex"] == "F"].sum() == pytest.approx(60)


@pytest.mark.parametrize(
    ("key", "margin"),
    [
        (("sex", "age"), CROSSED.reorder_levels(["age", "sex"])),
        (("age", "sex"), CROSSED),
        (("sex", "age"), CROSSED.rename_axis([None, None])),
        (("sex", "age"), pd.Series(CROSSED.to_numpy(), pd.Index(list(CROSSED.index), tupleize_cols=False))),
        (("sex", "age"), CROSSED.sample(frac=1, random_state=2)),
    ],
)
def test_a_crossed_margin_is_read_in_any_order_of_its_levels(key, margin):
    made = weighting.rake(S, {key: margin}, tolerance=1e-12)
    got = made.values.groupby([S["sex"], S["age"]]).sum()
    np.testing.assert_allclose(got, CROSSED, rtol=1e-10)


def test_a_level_with_no_population_and_nobody_in_it_is_harmless():
    margin = pd.Series({"F": 51.0, "M": 49.0, "X": 0.0})
    made = weighting.rake(S, {"sex": margin, "age": pd.Series(R["targets"]["age"]) * 100}, tolerance=1e-11)
    known = weighting.rake(S, {"sex": margin.drop("X"), "age": pd.Series(R["targets"]["age"]) * 100}, tolerance=1e-11)
    np.testing.assert_allclose(made.values, known.values, rtol=1e-10)
    half = made.base.to_numpy() * (np.arange(len(S)) % 5 != 0)
    np.testing.assert_allclose(weighting.recalibrate(made, half), weighting.recalibrate(known, half), rtol=1e-8)


def test_more_refusals():
    with pytest.raises(errors.MarginMismatch, match="population is 0"):
        weighting.rake(S, {"sex": pd.Series({"F": 1.0, "M": 0.0})})
    with pytest.raises(errors.EmptyCell, match=r"F × 16-24.*the sample has"):
        weighting.rake(S[(S["sex"] != "F") | (S["age"] != "16-24")], {("sex", "age"): CROSSED})
    with pytest.raises(errors.DataError, match="index levels"):
        weighting.rake(S, {"sex": CROSSED})
    for bounds in ((1.2, 3), (0.3, 0.9), (-1, 2)):
        with pytest.raises(errors.DataError, match="both sides"):
            weighting.rake(S, MARGINS, bounds=bounds)
    with pytest.raises(errors.NotConverged, match="age="):
        weighting.rake(S, MARGINS, max_iterations=1, tolerance=1e-14)
    with pytest.raises(errors.EmptyCell):
        weighting.rake(S.head(0), MARGINS)
    with pytest.raises(errors.Unsupported, match="proportional"):
        weighting.rake(S, MARGINS, not_stated="drop")
    with pytest.raises(errors.MissingValues, match="base"):
        weighting.rake(S.assign(base_w=S["base_w"].mask(S["id"] == 3)), MARGINS, base_weight="base_w")
    with pytest.raises(errors.Collinear, match="carry 2"):
        weighting.calibrate(S, pd.Series({"(Intercept)": 10.0, "sex=F": 5.0, "sex=M": 5.0}))
    with pytest.raises(errors.EmptyCell, match="sex = Z"):
        weighting.calibrate(S, pd.Series({"(Intercept)": 10.0, "sex=Z": 5.0}))
    with pytest.raises(errors.DataError, match="not a number"):
        weighting.calibrate(S, pd.Series({"sex": 5.0}))


def test_repeated_labels_of_rows_are_refused():
    same = S.set_index(pd.Index([7, 7, *range(100, 98 + len(S))]))
    with pytest.raises(errors.DataError, match="duplicate ids: 2 rows"):
        weighting.rake(same, MARGINS, base_weight="base_w", tolerance=1e-11)


def test_not_stated_keeps_the_share_of_its_base_weights():
    s = S.assign(sex=S["sex"].mask(S["id"] <= 90))
    made = weighting.rake(s, {"sex": MARGINS["sex"]}, base_weight="base_w", not_stated="proportional")
    share = made.values[s["sex"].isna()].sum() / made.values.sum()
    assert share == pytest.approx(s.loc[s["sex"].isna(), "base_w"].sum() / s["base_w"].sum())


def test_columns_of_any_size_are_calibrated():
    s = S.assign(income=1e7 * (3 + np.sin(S["id"])))
    totals_ = pd.Series({"(Intercept)": 1000.0, "income": 3.02e10})
    for method in ("linear", "raking"):
        made = weighting.calibrate(s, totals_, method=method)
        assert made.largest_gap < 1e-10
        assert made.values.sum() == pytest.approx(1000)
    boxed = weighting.calibrate(s, totals_, method="logit", bounds=(0.5, 2))
    ratio = boxed.values / boxed.base
    assert 0.5 <= ratio.min() < ratio.max() <= 2


def test_weights_trimmed_and_raked_again_meet_the_margins_with_a_smaller_largest_weight():
    made = weighting.rake(S, MARGINS, base_weight="base_w", tolerance=1e-10)
    top = 2.0 * made.values.mean()
    cut = weighting.trim(made, upper=top, rerake=True)
    assert cut.tidy()["gap"].max() <= 1e-9
    assert cut.trimmed_share == pytest.approx((made.values > top).mean(), abs=0.02)
    assert cut.largest < made.largest
    assert cut.effective_n > made.effective_n
    by_hand = weighting.rake(S, MARGINS, base_weight=weighting.trim(made, upper=top).values, tolerance=1e-10)
    np.testing.assert_allclose(cut.values, by_hand.values, rtol=1e-7)
    half = cut.base.to_numpy() * (np.arange(len(S)) % 9 != 0)
    known = weighting.rake(S[half > 0], MARGINS, base_weight=cut.base[half > 0], tolerance=1e-11)
    np.testing.assert_allclose(weighting.recalibrate(cut, half)[half > 0], known.values, rtol=1e-7)
    with pytest.raises(errors.Unsupported, match="rerake"):
        weighting.recalibrate(weighting.trim(made, upper=top), half)
    whole = weighting.trim(made, upper=10 * made.largest, rerake=True)
    np.testing.assert_array_equal(whole.values, made.values)
    with pytest.raises(errors.DataError, match="cannot lie"):
        weighting.trim(made, lower=2 * made.values.mean())


def test_the_price_of_weights_and_of_sessions():
    made = weighting.rake(S, MARGINS, tolerance=1e-10)
    table = made.tidy()
    assert table["sample"].sum() == 4 * len(S)
    np.testing.assert_allclose(table["achieved"], table["target"], rtol=1e-9)
    assert made.largest_share == pytest.approx(made.values.max() / made.values.sum())
    assert made.quantiles((0.5,)).item() == pytest.approx((made.values / made.values.mean()).median())
    place = pd.Series((S["id"] * 7) % 45, index=S.index)
    assert weighting.effective_n(made) == pytest.approx(made.effective_n)
    assert weighting.effective_n(made, cluster=place, icc=0.0) == pytest.approx(made.effective_n)
    equal = made.values * 0 + 1.0
    assert weighting.effective_n(equal, cluster=place, icc=0.05) == pytest.approx(900 / (1 + 19 * 0.05))
    found = weighting.require_effective(made, 100, cluster=place, icc=0.05)
    assert found < made.effective_n
    with pytest.raises(errors.DataError, match="independent ones"):
        weighting.require_effective(made, found + 1, cluster=place, icc=0.05)


@pytest.mark.parametrize("kind", ["cells", "numbers"])
def test_constraints_are_the_matrix_they_stand_for(kind):
    rng = np.random.default_rng(4)
    made = weighting.rake(S, MARGINS, tolerance=1e-10)
    held = made.constraints if kind == "cells" else Constraints(matrix=made.columns)
    x, w, z = made.columns, rng.uniform(size=len(S)), rng.normal(size=(len(S), 3))
    np.testing.assert_allclose(held.totals(w), w @ x, rtol=1e-12)
    np.testing.assert_allclose(held.gram(w), x.T @ (x * w[:, None]), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(held.cross_products(z), x.T @ z, rtol=1e-10, atol=1e-12)
    slopes = rng.normal(size=(held.k, 2))
    np.testing.assert_allclose(held.linear_predictor(slopes), x @ slopes, rtol=1e-12, atol=1e-12)
    few, group = held.combinations()
    np.testing.assert_allclose(few.linear_predictor(slopes)[group], x @ slopes, rtol=1e-12, atol=1e-12)


def test_many_margins_are_grouped_without_a_table_of_every_combination():
    rng = np.random.default_rng(1)
    codes = tuple(rng.integers(0, 40, 500) for _ in range(6))
    held = Constraints(codes, (40,) * 6)
    few, group = held.combinations()
    assert few.n <= 500
    for a, b in zip(few.codes, codes, strict=True):
        np.testing.assert_array_equal(a[group], b)
