"""Balance and effects against cobalt, MatchIt and sandwich; recovery of a planted effect."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import balance, effects, matching, propensity
from evaluation.statistics.matching import sample as matching_sample

GOLDEN = Path(__file__).parents[1] / "golden"
SPECS = json.loads((GOLDEN / "fixtures" / "a_matching.json").read_text())["specs"]
DENOMINATORS = json.loads((GOLDEN / "fixtures" / "a_balance_denominators.json").read_text())
D = pd.read_csv(GOLDEN / "data" / "attendance.csv").set_index("unit")
X = ["age", "years_llr", "ethnic5", "female", "contact", "deprivation", "distance_km"]


def made(weights=None, **words):
    return balance.compare(D, treat="attended", covariates=X, weights=weights, **words).table.set_index("variable")


def cobalt(name):
    return {k.replace("ethnic5_", "ethnic5[") + ("]" if k.startswith("ethnic5_") else ""): v for k, v in name.items()}


@pytest.mark.parametrize("denominator", ["treated", "control", "pooled", "all"])
def test_standardised_differences_agree_with_cobalt(denominator):
    known = DENOMINATORS["unadjusted"].get(denominator)
    if known is None:
        pytest.skip("not in the fixture")
    table = made(denominator=denominator)
    for name, row in cobalt(known).items():
        assert table.loc[name, "smd_before"] == pytest.approx(row["Diff.Un"], abs=1e-8), name
        if row["V.Ratio.Un"] is not None:
            assert table.loc[name, "variance_ratio_before"] == pytest.approx(row["V.Ratio.Un"], rel=1e-8)
        assert table.loc[name, "ks_before"] == pytest.approx(row["KS.Un"], abs=1e-8)


def sample_of(spec):
    weight = pd.Series(spec["weights"], index=D.index, dtype=float)
    rows = D.index.to_numpy()
    m = spec["match_matrix"]
    pairs = pd.DataFrame({"treated": rows[np.array(m["treated_row"]) - 1], "control": 0, "round": 1})
    controls = np.array(m["control_row"])
    controls = controls[:, 0] if controls.ndim == 2 else controls
    keep = pd.notna(controls)
    pairs = pairs[keep].assign(control=rows[controls[keep].astype(int) - 1])
    return matching.MatchedSample(weight, pairs, D.index[:0], "ATT", "nearest", "attended", D["attended"] == 1)


def test_g_computation_agrees_with_matchit_and_sandwich():
    sample, known = sample_of(SPECS["nearest_default"]), SPECS["nearest_default"]["effects"]
    plain = effects.in_sample(D, sample, outcome="trust", treat="attended")
    assert plain.value == pytest.approx(known["unadjusted"]["est"], rel=1e-9)
    full = effects.in_sample(D, sample, outcome="trust", treat="attended", covariates=X)
    assert full.value == pytest.approx(known["gcomp_interacted"]["est"], rel=1e-7)
    scale = "CR1S" if "se_CL_HC1" in known["gcomp_interacted"] else "CR1"
    again = effects.in_sample(D, sample, outcome="trust", treat="attended", covariates=X, kind=scale)
    assert again.se == pytest.approx(known["gcomp_interacted"]["se_CL_HC1"], rel=1e-7)


def test_hc3_without_pairs_agrees_with_sandwich():
    sample = sample_of(SPECS["nearest_default"])
    alone = matching.MatchedSample(
        sample.match_weight,
        matching_sample.empty_pairs(),
        D.index[:0],
        "ATT",
        "weights",
        "attended",
        D["attended"] == 1,
    )
    found = effects.in_sample(D, alone, outcome="trust", treat="attended", covariates=X)
    assert found.se == pytest.approx(SPECS["nearest_default"]["effects"]["gcomp_interacted"]["se_HC3"], rel=1e-7)


def test_restricting_a_sample_drops_pairs_and_never_matches_anew():
    scores = propensity.fit(D, treat="attended", covariates=X)
    sample = matching.nearest(D, scores, treat="attended", ratio=2, caliper=0.2)
    gone = sample.pairs["treated"].iloc[0]
    some = matching.restrict(sample, D.index.drop(gone))
    assert gone not in some.match_weight.index
    assert set(map(tuple, some.pairs.to_numpy())) <= set(map(tuple, sample.pairs.to_numpy()))
    controls = some.match_weight[~D["attended"].drop(gone).astype(bool)]
    assert controls[controls > 0].mean() == pytest.approx(1.0)
    same = matching.restrict(sample, D.index)
    pd.testing.assert_series_equal(same.match_weight, sample.match_weight, check_exact=False)


def test_few_sessions_of_attendees_are_described_only():
    sample = sample_of(SPECS["nearest_default"])
    frame = D.assign(s=np.where(D["attended"] == 1, 1, D["session"]))
    with pytest.raises(errors.EmptyCell, match="sessions"):
        effects.in_sample(frame, sample, outcome="trust", treat="attended", cluster="s")


def test_balance_on_a_matched_sample_agrees_with_matchit():
    sample = sample_of(SPECS["nearest_default"])
    table = made(sample.match_weight)
    known = SPECS["nearest_default"]["balance_matched"]
    names = known.get("cols") if isinstance(known, dict) else None
    row = known["values"] if names else known
    smd = (
        {r: v[names.index("Std. Mean Diff.")] for r, v in zip(known["rows"], row, strict=True)}
        if names
        else {k: v["Std. Mean Diff."] for k, v in known.items()}
    )
    for name, value in smd.items():
        mine = {"ethnic5asian": "ethnic5[asian]", "ethnic5black": "ethnic5[black]", "ethnic5white": "ethnic5[white]"}
        if name != "distance":
            assert table.loc[mine.get(name, name), "smd_after"] == pytest.approx(value, abs=1e-8), name


def simulated(rng, n=600, effect=0.3):
    age, black = rng.normal(0, 1, n), rng.random(n) < 0.3
    p = 1 / (1 + np.exp(1.2 - 0.5 * age - 0.8 * black))
    session = rng.integers(0, 40, n)
    y = 3 + 0.3 * age - 0.4 * black + rng.normal(0, 0.15, 40)[session] + rng.normal(0, 0.8, n)
    t = rng.random(n) < p
    return pd.DataFrame({"t": t.astype(int), "age": age, "black": black.astype(int), "s": session, "y": y + effect * t})


def _design(frame):
    scores = propensity.fit(frame[["t", "age", "black"]], treat="t", covariates=["age", "black"])
    return matching.nearest(frame, scores, treat="t", ratio=1, caliper=0.2)


def _run(seed, runs):
    rng = np.random.default_rng(seed)
    out = {"matched": [], "dr": []}
    for _ in range(runs):
        f = simulated(rng)
        a = effects.in_sample(f, _design(f), outcome="y", treat="t", covariates=["age", "black"], cluster="s")
        b = effects.doubly_robust(f, outcome="y", treat="t", covariates=["age", "black"], cluster="s")
        for k, e in (("matched", a), ("dr", b)):
            out[k].append((e.value - 0.3, e.low <= 0.3 <= e.high))
    return {k: np.mean(v, axis=0) for k, v in out.items()}


def test_effects_recover_a_planted_truth():
    for bias, cover in _run(1, 120).values():
        assert abs(bias) < 0.03 + 2 * 0.09 / np.sqrt(120)
        assert 0.90 <= cover <= 1.0


@pytest.mark.slow
def test_effects_recover_a_planted_truth_on_many_runs():
    for bias, cover in _run(2, 1000).values():
        assert abs(bias) < 0.03
        assert 0.93 <= cover <= 0.975


def test_doubly_robust_error_agrees_with_the_bootstrap():
    f = simulated(np.random.default_rng(7), n=900)
    words = {"outcome": "y", "treat": "t", "covariates": ["age", "black"]}
    found = effects.doubly_robust(f, **words)
    rng = np.random.default_rng(1)
    draws = [
        effects.doubly_robust(
            f.sample(len(f), replace=True, random_state=int(rng.integers(1e9))).reset_index(drop=True), **words
        ).value
        for _ in range(200)
    ]
    assert found.se == pytest.approx(np.std(draws), rel=0.15)


def test_placebo_grades_a_random_treatment_as_chance():
    f = simulated(np.random.default_rng(3), n=300).drop(columns="y")
    f["t"] = np.random.default_rng(4).permutation(f["t"].to_numpy())
    found = balance.placebo(
        f, _design, treat="t", covariates=["age", "black"], prognostic=["age"], cluster="s", draws=40
    )
    assert found.grade in ("pass", "flag")
    bad = f.assign(age=f["age"] + 2.0 * f["t"])
    lopsided = balance.placebo(bad, _everybody, treat="t", covariates=["age", "black"], prognostic=["age"], draws=40)
    assert lopsided.grade == "fail"


def _everybody(frame):
    return matching.MatchedSample(
        pd.Series(1.0, index=frame.index),
        matching_sample.empty_pairs(),
        frame.index[:0],
        "ATT",
        "everybody",
        "t",
        frame["t"] == 1,
    )
