"""Sensitivity: R's E-values and Rosenbaum bounds, published robustness values, and properties that must hold."""

import json
import math
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.results import NotIdentified, from_se
from evaluation.statistics import sensitivity

GOLDEN = Path(__file__).parents[1] / "golden"
E = json.loads((GOLDEN / "fixtures" / "d_evalue.json").read_text())
PAIRS = pd.read_csv(GOLDEN / "data" / "pairs_small.csv")

CASES = {
    "RR_3.9_1.8_8.7": (3.9, 1.8, 8.7, {}),
    "RR_0.80_0.71_0.91": (0.80, 0.71, 0.91, {}),
    "RR_1.3_0.9_1.9": (1.3, 0.9, 1.9, {}),
    "RR_2_true1.2": (2.0, 1.5, 2.6, {"true": 1.2}),
    "OR_common_0.86_0.75_0.99": (0.86, 0.75, 0.99, {"kind": "OR"}),
    "OR_rare_2.1_1.4_3.2": (2.1, 1.4, 3.2, {"kind": "OR", "rare": True}),
    "HR_common_0.56_0.46_0.69": (0.56, 0.46, 0.69, {"kind": "HR"}),
    "HR_rare_1.5_1.1_2": (1.5, 1.1, 2.0, {"kind": "HR", "rare": True}),
    "MD_d0.5_se0.25": (0.5, None, None, {"kind": "MD", "se": 0.25}),
    "MD_d_neg0.42_se0.14": (-0.42, None, None, {"kind": "MD", "se": 0.14}),
    "OLS_est_0.3_se_0.1_sd_1.2": (0.3, None, None, {"kind": "OLS", "se": 0.1, "sd": 1.2}),
}


@pytest.mark.parametrize("name", CASES)
def test_e_values_agree_with_r(name):
    point, low, high, words = CASES[name]
    found = sensitivity.e_value(point, low, high, **words)
    ratio, value = E[name]["values"]
    assert (found.rr, found.low, found.high) == pytest.approx(tuple(ratio), abs=1e-8)
    assert found.point == pytest.approx(value[0], abs=1e-8)
    assert found.limit == pytest.approx(next(v for v in value[1:] if v is not None), abs=1e-8)


def test_e_value_of_a_risk_difference_agrees_with_r():
    found = sensitivity.e_value_difference((397, 78557, 51, 108778))
    known = E["RD_397_78557_51_108778"]
    assert found.point == pytest.approx(known["est"], abs=1e-8)
    assert found.limit == pytest.approx(known["lower"], abs=1e-6)
    assert sensitivity.bias_factor(2, 3) == E["bias_factor_RR2_RR3"]


def test_e_values_refuse_what_they_cannot_read():
    with pytest.raises(errors.DataError, match="positive"):
        sensitivity.e_value(-0.2)
    with pytest.raises(errors.DataError, match="outside its interval"):
        sensitivity.e_value(2.0, 2.5, 3.0)
    with pytest.raises(errors.Unsupported, match="needs se"):
        sensitivity.e_value(0.3, kind="OLS", se=0.1)


def test_rosenbaum_bounds_agree_with_r():
    known = json.loads((GOLDEN / "fixtures" / "d_rosenbaum_unrounded.json").read_text())["small"]
    found = sensitivity.rosenbaum(PAIRS["treated"], PAIRS["control"], gammas=[float(g) for g in known])
    for row, bounds in zip(found.table.itertuples(index=False), known.values(), strict=True):
        assert row.upper == pytest.approx(bounds["upper"], rel=1e-10)
        assert row.lower == pytest.approx(bounds["lower"], abs=1e-15, rel=1e-9)
    assert 1.5 < found.critical < 2.0


def test_rosenbaum_companions():
    shift = sensitivity.rosenbaum(PAIRS["treated"], PAIRS["control"], gammas=[1, 2], test="hodges_lehmann").table
    gap = (PAIRS["treated"] - PAIRS["control"]).to_numpy()
    i, j = np.triu_indices(len(gap))
    assert shift.loc[0, "lower"] == shift.loc[0, "upper"] == pytest.approx(np.median((gap[i] + gap[j]) / 2))
    assert shift.loc[1, "lower"] < shift.loc[0, "lower"] < shift.loc[1, "upper"]
    yes = np.array([1] * 12 + [0] * 3 + [1] * 5)
    no = np.array([0] * 12 + [1] * 3 + [1] * 5)
    found = sensitivity.rosenbaum(yes, no, gammas=[1, 2], test="mcnemar").table
    exact = sum(math.comb(15, k) for k in range(12, 16)) / 2**15
    assert found.loc[0, "upper"] == pytest.approx(exact, rel=1e-12)
    tail = sum(math.comb(15, k) * (2 / 3) ** k * (1 / 3) ** (15 - k) for k in range(12, 16))
    assert found.loc[1, "upper"] == pytest.approx(tail, rel=1e-12)


def test_less_mirrors_greater():
    up = sensitivity.rosenbaum(PAIRS["treated"], PAIRS["control"]).table
    down = sensitivity.rosenbaum(PAIRS["control"], PAIRS["treated"], alternative="less").table
    pd.testing.assert_frame_equal(up, down)


def test_robustness_values_of_the_published_example():
    # Cinelli and Hazlett 2020, table 1: Darfur, estimate 0.097, se 0.023, df 783: RV 13.9 %, RV at 5 % 7.6 %, R2 2.2 %
    found = sensitivity.omitted_variable(
        0.09731582, 0.02325654, 783, benchmark_treat=0.00908, benchmark_outcome=0.10937
    )
    assert found.robustness == pytest.approx(0.139, abs=5e-4)
    assert found.robustness_significance == pytest.approx(0.076, abs=5e-4)
    assert found.partial_r2 == pytest.approx(0.022, abs=5e-4)
    assert found.adjusted == pytest.approx(0.0752, abs=2e-4)
    assert found.adjusted_se == pytest.approx(0.0219, abs=1e-4)


FEMALE = (0.0090811, 0.1090339)  # partial R2 of "female" with being harmed and with the outcome, from the regressions


@pytest.mark.parametrize(
    ("multiple", "treat", "outcome", "left", "error"),
    [(1, 0.0092, 0.1246, 0.0752, 0.0219), (2, 0.0183, 0.2493, 0.0529, 0.0204), (3, 0.0275, 0.3741, 0.0304, 0.0187)],
)
def test_bounds_of_the_published_example_at_one_two_and_three_times(multiple, treat, outcome, left, error):
    # Cinelli, Ferwerda and Hazlett 2020 (sensemakr), Darfur, benchmark "female": the printed bounds
    d, y = sensitivity.bound_strength(*FEMALE, multiple)
    assert (d, y) == pytest.approx((treat, outcome), abs=6e-5)
    found = sensitivity.omitted_variable(
        0.09731582, 0.02325654, 783, benchmark_treat=FEMALE[0], benchmark_outcome=FEMALE[1], multiple=multiple
    )
    assert found.adjusted == pytest.approx(left, abs=6e-5)
    assert found.adjusted_se == pytest.approx(error, abs=6e-5)


def test_nothing_can_be_stronger_than_everything():
    with pytest.raises(errors.DataError, match="times as strong"):
        sensitivity.bound_strength(0.6, 0.1, 2.0)


def test_omitted_variable_formula_is_the_bias_of_a_regression_that_omits_it():
    rng = np.random.default_rng(5)
    n = 4000
    z, x = rng.normal(size=n), rng.normal(size=n)
    d = 0.5 * z + x + rng.normal(size=n)
    y = 0.3 * d + 0.8 * z + 0.2 * x + rng.normal(size=n)
    short = _ols(np.column_stack([np.ones(n), d, x]), y)
    long = _ols(np.column_stack([np.ones(n), d, x, z]), y)
    with_d = _partial_r2(z, d, np.column_stack([np.ones(n), x]))
    with_y = _partial_r2(z, y, np.column_stack([np.ones(n), x, d]))
    bias = short[1] * math.sqrt(with_y * with_d / (1 - with_d)) * math.sqrt(short[2])
    assert short[0] - bias == pytest.approx(long[0], abs=1e-10)


def _ols(x, y):
    beta, *_ = np.linalg.lstsq(x, y, rcond=None)
    df = len(y) - x.shape[1]
    var = ((y - x @ beta) ** 2).sum() / df * np.linalg.inv(x.T @ x)
    return beta[1], math.sqrt(var[1, 1]), df


def _partial_r2(z, y, x):
    def left(v):
        return v - x @ np.linalg.lstsq(x, v, rcond=None)[0]

    return np.corrcoef(left(z), left(y))[0, 1] ** 2


def test_oster_explains_its_sign():
    towards = sensitivity.coefficient_stability(plain=0.5, adjusted=0.3, r2_plain=0.1, r2_adjusted=0.3)
    assert towards.delta == pytest.approx(0.3 * 0.2 / (0.2 * 0.09))
    away = sensitivity.coefficient_stability(plain=0.2, adjusted=0.3, r2_plain=0.1, r2_adjusted=0.3)
    assert away.sign == "away"
    assert "away from zero" in away.summary()


def test_break_even_and_kappa():
    estimate = from_se(0.4, 0.1)
    found = sensitivity.break_even(estimate, sd=0.8)
    assert (found.gap, found.in_sd) == (0.4, 0.5)
    assert found.gap_to_limit == pytest.approx(estimate.low)
    table = sensitivity.kappa_bounds(estimate, sd=0.8, kappas=[0.0, 0.3])
    assert table.loc[0, "ci_low"] == pytest.approx(estimate.low, abs=1e-9)
    assert 1.64 < (table.loc[1, "low"] - table.loc[1, "ci_low"]) / 0.1 < 1.65
    mono = sensitivity.kappa_bounds(estimate, sd=0.8, kappas=[0.3], monotone=True)
    assert mono.loc[0, "high"] == 0.4


def test_worst_case_and_lee_hold_the_truth():
    rng = np.random.default_rng(2)
    treat = pd.Series(rng.integers(0, 2, 20_000))
    full = pd.Series(rng.normal(3 + 0.4 * treat, 1).clip(1, 5))
    answers_if = rng.uniform(size=len(treat))
    kept = pd.Series(answers_if < np.where(treat == 1, 0.9, 0.8))
    low, high = sensitivity.worst_case(full.where(kept), treat, bounds=(1, 5))
    truth = full[treat == 1].mean() - full[treat == 0].mean()
    assert low < truth < high
    found = sensitivity.lee(full.where(kept), treat)
    always = answers_if < 0.8
    among = full[(treat == 1) & always].mean() - full[(treat == 0) & always].mean()
    assert found.low < among < found.high
    assert found.group == 1
    assert found.trimmed_share == pytest.approx(1 / 9, abs=0.01)


def test_lee_without_a_difference_in_answering_is_the_difference():
    outcome, treat = pd.Series([1.0, 2, 3, 4]), pd.Series([1, 1, 0, 0])
    found = sensitivity.lee(outcome, treat)
    assert (found.low, found.high, found.trimmed) == (-2.0, -2.0, 0)


def test_nonresponse_matches_the_settled_example():
    # 90 of 27,958 at a correlation of 0.005: 4.4 points of a share near one half (decisions: standard deviation 50 points)
    assert sensitivity.nonresponse_bias(answered=90, population=27_958, correlation=0.005, sd=50) == pytest.approx(
        4.4, abs=0.05
    )
    rho = sensitivity.correlation_to_erase(value=10, answered=90, population=27_958, sd=50)
    assert sensitivity.nonresponse_bias(answered=90, population=27_958, correlation=rho, sd=50) == pytest.approx(10)


def _estimate(choice):
    if choice["b"] == 3:
        return NotIdentified("nobody left", "more people")
    return from_se(choice["a"] * choice["b"], 1.0)


def test_curve_runs_every_combination_and_marks_the_planned_one():
    found = sensitivity.specification_curve(_estimate, {"a": [1, -1, 2], "b": [1, 2, 3]}, planned={"a": 1, "b": 2})
    assert len(found.table) == 6
    assert len(found.refused) == 3
    assert found.table["planned"].sum() == 1
    assert found.same_sign_share == pytest.approx(4 / 6)
    assert found.median == pytest.approx(1.5)
    with pytest.raises(errors.Unsupported):
        sensitivity.specification_curve(_estimate, {"a": [1], "b": [1]}, planned={"a": 1, "b": 2})


def _null(rng):
    return rng.normal(0, 0.1, 5)


def test_curve_p_value_counts_draws_as_far_out():
    axes = {"a": [1, 2], "b": [1, 2]}
    found = sensitivity.specification_curve(
        _estimate, axes, planned={"a": 1, "b": 1}, null_draws=_null, draws=99, seed=4
    )
    assert found.p == pytest.approx(0.01)


def _parts(rng, effect=0.0, sessions=30, each=8):
    """Return values and session parts of four related ways of comparing two groups with clustered answers."""
    session = np.repeat(np.arange(sessions), each)
    treat = rng.integers(0, 2, len(session)).astype(float)
    x = rng.normal(size=len(session))
    y = effect * treat + 0.4 * x + rng.normal(0, 0.5, sessions)[session] + rng.normal(size=len(session))
    values, parts = [], []
    for outcome in (y, (y > 0) / 0.4):
        for extra in ([], [x]):
            design = np.column_stack([np.ones(len(y)), treat, *extra])
            pull = np.linalg.solve(design.T @ design, design.T)[1]
            left = outcome - design @ np.linalg.lstsq(design, outcome, rcond=None)[0]
            values.append(pull @ outcome)
            parts.append(np.bincount(session, pull * left))
    return np.array(values), np.column_stack(parts)


def _chance(rng, effect, draws=99):
    values, parts = _parts(rng, effect)
    far = [abs(np.median(sensitivity.resampled_sessions(parts, rng))) >= abs(np.median(values)) for _ in range(draws)]
    return (1 + sum(far)) / (1 + draws)


def test_the_joint_chance_of_a_curve_keeps_its_size_and_sees_an_effect():
    rng = np.random.default_rng(13)
    quiet = np.array([_chance(rng, 0.0) for _ in range(300)])
    assert 0.02 <= (quiet <= 0.05).mean() <= 0.1
    assert 0.4 < quiet.mean() < 0.6
    assert np.mean([_chance(rng, 0.8) <= 0.05 for _ in range(20)]) > 0.9


def test_the_curve_is_judged_by_its_draws():
    rng = np.random.default_rng(4)
    values, parts = _parts(rng, 0.8)
    table = pd.DataFrame({"value": values, "planned": [True, False, False, False]})
    curve = sensitivity.SpecificationCurve(table, pd.DataFrame(), 1.0, float(np.median(values)))
    found = sensitivity.judged(curve, partial(sensitivity.resampled_sessions, parts), 99, 1)
    assert (found.p, found.draws) == (0.01, 99)
    assert found.p_share > 0.05, "all of one sign is no rare thing among four related ways"


def test_resampled_sessions_have_the_clustered_spread():
    rng = np.random.default_rng(3)
    _, parts = _parts(rng)
    drawn = np.array([sensitivity.resampled_sessions(parts, rng) for _ in range(4000)])
    assert drawn.mean(axis=0) == pytest.approx(0, abs=0.02)
    assert drawn.std(axis=0) == pytest.approx(np.sqrt(30 / 29 * (parts**2).sum(axis=0)), rel=0.05)
    with pytest.raises(errors.EmptyCell):
        sensitivity.resampled_sessions(parts[:1], rng)


def test_too_few_draws_give_no_chance():
    with pytest.raises(errors.DataError, match="too few"):
        sensitivity.specification_curve(
            _estimate, {"a": [1], "b": [1]}, planned={"a": 1, "b": 1}, null_draws=_null, draws=9
        )
