"""Cluster-robust errors and the wild bootstrap against clubSandwich, and by what must hold."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import inference

GOLDEN = Path(__file__).parents[1] / "golden"
TWFE = json.loads((GOLDEN / "fixtures" / "c_twfe.json").read_text())["results"]
WILD = json.loads((GOLDEN / "fixtures" / "c_wild_cluster.json").read_text())
RC = pd.read_csv(GOLDEN / "data" / "rc_two_wave.csv").assign(d_wave=lambda x: x["d"] * x["wave"])
FEW = pd.read_csv(GOLDEN / "data" / "few_clusters.csv").assign(tp=lambda x: x["treat"] * x["post"])
EIGHT = pd.read_csv(GOLDEN / "data" / "eight_areas.csv").assign(did=lambda x: x["exposed"] * x["post"])


def fit(frame, y, terms, weights=None):
    x = np.column_stack([np.ones(len(frame)), *(frame[t] for t in terms)])
    w = None if weights is None else frame[weights].to_numpy(dtype=float)
    return inference.regress(x, frame[y].to_numpy(dtype=float), ["(Intercept)", *terms], w)


CASES = {
    "did_unweighted": (["d", "wave", "d_wave"], None),
    "did_weighted": (["d", "wave", "d_wave"], "w"),
    "did_weighted_covariates": (["d", "wave", "d_wave", "female", "minority", "age"], "w"),
}


def satterthwaite(table):
    if "rows" in table:
        return {r: v[table["cols"].index("df")] for r, v in zip(table["rows"], table["values"], strict=True)}
    return {k: v["df"] for k, v in table.items()}


@pytest.mark.parametrize("name", CASES)
def test_cluster_robust_errors_agree_with_club_sandwich(name):
    terms, weights = CASES[name]
    made, known = fit(RC, "trust", terms, weights), TWFE[name]
    for kind in inference.KINDS:
        cov = inference.cluster_robust(made, RC["area"], kind=kind)
        assert list(cov.params) == pytest.approx(list(known["coef"].values()), rel=1e-9)
        assert list(cov.se) == pytest.approx(list(known[f"se_{kind}"].values()), rel=1e-8), kind
    cov = inference.cluster_robust(made, RC["area"], kind="CR2")
    for term, df in satterthwaite(known["CR2_satterthwaite"]).items():
        assert cov.df[term] == pytest.approx(df, rel=1e-6)


def test_statsmodels_results_are_read():
    import statsmodels.api as sm

    x = sm.add_constant(RC[["d", "wave", "d_wave"]])
    made = sm.WLS(RC["trust"], x, weights=RC["w"]).fit()
    cov = inference.cluster_robust(made, RC["area"], kind="CR2")
    assert cov.se["d_wave"] == pytest.approx(TWFE["did_weighted"]["se_CR2"]["d_wave"], rel=1e-8)


def test_eight_areas():
    plain = fit(EIGHT, "y", ["exposed", "post", "did"])
    weighted = fit(EIGHT, "y", ["exposed", "post", "did"], "w")
    for made, se, df in ((plain, 0.3574645, 4.5423), (weighted, 0.37081, 4.4727)):
        cov = inference.cluster_robust(made, EIGHT["area"], kind="CR2")
        assert cov.se["did"] == pytest.approx(se, rel=2e-5)
        assert cov.df["did"] == pytest.approx(df, rel=2e-4)
    p = [inference.wild_cluster(m, EIGHT["area"], term="did").p for m in (plain, weighted)]
    assert p == [0.3046875, 0.359375]


def test_wild_bootstrap_agrees_with_enumeration():
    made = fit(FEW, "y", ["treat", "post", "tp", "x"])
    found = inference.wild_cluster(made, FEW["cluster"], term="tp", draws=2000)
    assert found.value == pytest.approx(WILD["est"], rel=1e-12)
    assert found.se == pytest.approx(WILD["se_CR1"], rel=1e-10)
    assert found.p == pytest.approx(WILD["p_two_sided_WCR"], abs=1e-12)
    strict = inference.wild_cluster(made, FEW["cluster"], term="tp", draws=2000, ties="strict")
    assert strict.p == pytest.approx(WILD["p_two_sided_strict_WCR"], abs=1e-12)
    free = inference.wild_cluster(made, FEW["cluster"], term="tp", draws=2000, impose_null=False)
    assert free.p == pytest.approx(WILD["p_two_sided_WCU"], abs=1e-12)


def test_draws_do_not_depend_on_the_order_of_rows_and_approach_the_enumeration():
    made = fit(FEW, "y", ["treat", "post", "tp", "x"])
    drawn = inference.wild_cluster(made, FEW["cluster"], term="tp", draws=1000, seed=3)
    assert drawn.p == pytest.approx(WILD["p_two_sided_WCR"], abs=0.012)
    webb = inference.wild_cluster(made, FEW["cluster"], term="tp", draws=4000, weights="webb", seed=3)
    assert webb.p == pytest.approx(WILD["p_two_sided_WCR"], abs=0.02)


@pytest.mark.parametrize("name", CASES)
def test_many_clusters_take_the_same_degrees_of_freedom_without_a_matrix_of_them_all(name, monkeypatch):
    terms, weights = CASES[name]
    made = fit(RC, "trust", terms, weights)
    contrast = np.arange(1.0, len(terms) + 2)
    square = inference.cluster_robust(made, RC["area"])
    _, _, df = square.contrast(contrast)
    monkeypatch.setattr("evaluation.statistics.inference.covariance.MOST_SQUARE", 0)
    monkeypatch.delattr("evaluation.statistics.inference.covariance._gram")  # it must not be made
    sums = inference.cluster_robust(made, RC["area"])
    np.testing.assert_allclose(sums.df, square.df, rtol=1e-10)
    assert sums.contrast(contrast)[2] == pytest.approx(df, rel=1e-10)


def test_refusals():
    made = fit(FEW, "y", ["treat"])
    with pytest.raises(errors.MissingValues, match="cluster labels"):
        inference.cluster_robust(made, FEW["cluster"].astype(float).mask(FEW.index == 0))
    with pytest.raises(errors.EmptyCell):
        inference.cluster_robust(made, np.ones(len(FEW)))
    with pytest.raises(errors.Collinear, match="twice"):
        fit(FEW.assign(twice=FEW["treat"] * 2), "y", ["treat", "twice"])
    with pytest.raises(errors.Unsupported):
        inference.cluster_robust(made, FEW["cluster"], kind="CR9")


def test_a_covariance_lends_its_design_to_another_outcome_and_to_no_other_design():
    rng = np.random.default_rng(8)
    x, sessions = np.column_stack([np.ones(60), rng.normal(size=(60, 2))]), np.repeat(np.arange(12), 5)
    w, names = rng.uniform(1, 3, 60), ("one", "a", "b")
    first, second = (inference.regress(x, rng.normal(size=60), names, w) for _ in range(2))
    for kind in inference.KINDS:
        lender = inference.cluster_robust(first, sessions, kind=kind)
        alone, lent = (inference.cluster_robust(second, sessions, kind=kind, like=k) for k in (None, lender))
        pd.testing.assert_frame_equal(alone.matrix, lent.matrix)
        pd.testing.assert_series_equal(alone.df, lent.df)
    lender = inference.cluster_robust(first, sessions)
    moved = inference.regress(x + 1e-3 * rng.normal(size=x.shape), first.y, names, w)
    heavier = inference.regress(x, first.y, names, w * 2)
    others = [(moved, sessions), (heavier, sessions), (second, np.roll(sessions, 1)), (second, sessions // 2)]
    for fit, clusters in others:
        with pytest.raises(errors.DataError, match="another design"):
            inference.cluster_robust(fit, clusters, like=lender)
    with pytest.raises(errors.DataError, match="another design"):
        inference.cluster_robust(second, sessions, kind="CR1", like=lender)
