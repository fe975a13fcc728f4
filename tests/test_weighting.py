"""Weighting: R's survey to 1e-8 and better, refusals, and what must hold."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import weighting

GOLDEN = Path(__file__).parent / "golden"
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
    found = weighting.again(made, base)
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
