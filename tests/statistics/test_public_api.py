"""The public functions as a stranger calls them: odd but valid inputs are answered, the rest refused in words."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from evaluation import errors, parallel, results
from evaluation.results import NotIdentified, from_se
from evaluation.statistics import (
    balance,
    did,
    disparity,
    effects,
    inference,
    matching,
    mediation,
    multiplicity,
    predicted_attendance,
    propensity,
    sensitivity,
    survey,
    weighting,
)

C = ["x", "sex"]
SEX = pd.Series({"m": 480.0, "f": 520.0})


def people(n=200, seed=5):
    rng = np.random.default_rng(seed)
    f = pd.DataFrame({"sex": rng.choice(["m", "f"], n), "x": rng.normal(size=n), "w": rng.uniform(0.5, 3, n)})
    f["session"] = rng.integers(0, 24, n)
    f["g"], f["late"] = rng.integers(0, 2, n), rng.integers(0, 2, n)
    f["t"] = (rng.uniform(size=n) < 1 / (1 + np.exp(1 - f["x"]))).astype(int)
    f["y"] = 2 + f["x"] + 0.5 * f["t"] + rng.normal(size=n)
    return f


F = people()
DESIGN = F.drop(columns="y")
SCORES = propensity.fit(DESIGN, treat="t", covariates=C)
PAIRS = matching.nearest(DESIGN, SCORES, treat="t", caliper=0.5)
FIT = smf.ols("y ~ x + t", F).fit()
ALONE = F.iloc[:8].assign(t=[1, 0, 0, 0, 0, 0, 0, 0])
CHANCE = pd.Series(np.linspace(0.2, 0.5, 8), ALONE.index)
TWICE = sm.OLS(F["y"], np.column_stack([np.ones(len(F)), F["x"], F["x"]]))
COUNTS, RESIDENTS = pd.Series({"a": 9, "b": 30}), pd.Series({"a": 100.0, "b": 900.0})
DID = {"outcome": "y", "group": "g", "time": "late"}
LINKED = pd.DataFrame({"u": np.repeat(np.arange(40), 2), "late": np.tile([0, 1], 40)})
LINKED = LINKED.assign(
    d=(LINKED["u"] % 2) * LINKED["late"], y=np.arange(80.0) ** 0.5, fixed=LINKED["u"], word="a", one=1
)
PANEL = {"outcome": "y", "treat": "d", "unit": "u", "time": "late"}

REFUSED = {
    "bounds as a number": (lambda: weighting.rake(F, {"sex": SEX}, bounds=3), "bounds"),
    "base weight in words": (lambda: weighting.rake(F, {"sex": SEX}, base_weight="sex"), "base weights"),
    "too few base weights": (lambda: weighting.rake(F, {"sex": SEX}, base_weight=np.ones(3)), "base weights"),
    "no frame": (lambda: weighting.rake({"sex": [1]}, {"sex": SEX}), "DataFrame"),
    "infinite calibration": (lambda: weighting.calibrate(F.assign(x=np.inf), pd.Series({"x": 1.0})), "infinite"),
    "totals out of reach": (
        lambda: weighting.calibrate(F, pd.Series({"(Intercept)": 1e3, "x": 1e6}), method="raking"),
        "totals",
    ),
    "trim of a series": (lambda: weighting.trim(F["w"], upper=2), "Weights"),
    "fpc in words": (lambda: survey.Design(F, weight="w", fpc="sex"), "finite population"),
    "calibrated on a series": (lambda: survey.Design(F, weight="w", calibrated_on=F["w"]), "calibrated_on"),
    "separated answers": (
        lambda: survey.glm(survey.Design(F.assign(b=(F["x"] > 0) * 1), weight="w"), "b ~ x", family="quasibinomial"),
        "separate",
    ),
    "quantile in words": (lambda: survey.quantile(survey.Design(F, weight="w"), "y", q="half"), "share"),
    "difference with itself": (
        lambda: survey.difference(survey.Design(F, weight="w"), "y", by="sex", levels=("m", "m")),
        "two levels",
    ),
    "penalty as a list": (lambda: propensity.fit(DESIGN, treat="t", covariates=C, penalty=[1]), "penalty"),
    "penalty of True": (lambda: propensity.fit(DESIGN, treat="t", covariates=C, penalty=True), "penalty"),
    "penalised probit": (
        lambda: propensity.fit(DESIGN, treat="t", covariates=C, link="probit", penalty="firth"),
        "probit",
    ),
    "one word of covariates": (lambda: propensity.fit(DESIGN, treat="t", covariates="x"), "one word"),
    "weight not a column": (lambda: propensity.fit(DESIGN, treat="t", covariates=C, survey_weight=F["w"]), "column"),
    "no scores": (lambda: matching.nearest(DESIGN, None, treat="t"), "scores"),
    "caliper in words": (lambda: matching.nearest(DESIGN, SCORES, treat="t", caliper="a"), "caliper"),
    "scale of optimal": (lambda: matching.optimal(DESIGN, SCORES, treat="t", caliper_scale="logits"), "caliper_scale"),
    "scale of full": (lambda: matching.full(DESIGN, SCORES, treat="t", caliper_scale="logits"), "caliper_scale"),
    "ratio 0": (lambda: matching.optimal(DESIGN, SCORES, treat="t", ratio=0), "ratio"),
    "estimand of full": (lambda: matching.full(DESIGN, SCORES, treat="t", estimand="X"), "estimand"),
    "estimand of cells": (lambda: matching.coarsened_exact(DESIGN, treat="t", covariates=C, estimand="X"), "estimand"),
    "cells of nothing": (lambda: matching.coarsened_exact(DESIGN, treat="t", covariates=[]), "covariates"),
    "negative match weights": (
        lambda: balance.compare(F, treat="t", covariates=C, weights=-PAIRS.match_weight),
        "match weights|match weight",
    ),
    "no match weight": (
        lambda: balance.compare(F, treat="t", covariates=C, weights=0 * PAIRS.match_weight),
        "match weight",
    ),
    "unknown match weight": (lambda: balance.compare(F, treat="t", covariates=C, weights="q"), "match weights"),
    "balance of nothing": (lambda: balance.compare(F, treat="t", covariates=[]), "covariates"),
    "no sample": (lambda: effects.in_sample(F, None, outcome="y", treat="t"), "sample"),
    "outcome in words": (lambda: effects.in_sample(F, PAIRS, outcome="sex", treat="t"), "not numeric"),
    "outcome as covariate": (
        lambda: effects.in_sample(F, PAIRS, outcome="y", treat="t", covariates=["y"]),
        "covariate",
    ),
    "treatment turned": (lambda: effects.in_sample(F.assign(t=1 - F["t"]), PAIRS, outcome="y", treat="t"), "designed"),
    "kind of error": (lambda: effects.in_sample(F, PAIRS, outcome="y", treat="t", kind="CR9"), "kind"),
    "one attendee": (
        lambda: effects.in_sample(ALONE, matching.weights(ALONE, CHANCE, treat="t"), outcome="y", treat="t"),
        "one person",
    ),
    "infinite outcome": (
        lambda: effects.doubly_robust(F.assign(y=np.inf), outcome="y", treat="t", covariates=C),
        "infinite",
    ),
    "group in words": (lambda: did.two_by_two(F.assign(g="a"), **DID), "0 and 1"),
    "weight in words": (lambda: did.two_by_two(F, **DID, weight="sex"), "not numeric"),
    "weight as values": (lambda: did.two_by_two(F, **DID, weight=F["w"]), "name of a column"),
    "cluster as values": (lambda: did.doubly_robust(F, **DID, covariates=C, cluster=F["session"]), "name of a column"),
    "staggered by values": (
        lambda: did.group_time(F, outcome="y", first_treated="g", time="late", weight=F["w"]),
        "name of a column",
    ),
    "linked by values": (lambda: did.linked_panel(LINKED, **PANEL, cluster=LINKED["u"]), "name of a column"),
    "effect by values": (
        lambda: effects.in_sample(F, PAIRS, outcome="y", treat="t", survey_weight=F["w"]),
        "name of a column",
    ),
    "augmented by values": (
        lambda: effects.doubly_robust(F, outcome="y", treat="t", covariates=C, cluster=F["session"]),
        "name of a column",
    ),
    "a row a cell": (lambda: did.two_by_two(F.drop_duplicates(["g", "late"]), **DID), "leave nothing|rows for"),
    "times in words": (lambda: did.group_time(F, outcome="y", first_treated="g", time="sex"), "not a number"),
    "linked outcome in words": (lambda: did.linked_panel(LINKED, **(PANEL | {"outcome": "word"})), "not numeric"),
    "covariate that never moves": (lambda: did.linked_panel(LINKED, **PANEL, covariates=["fixed"]), "never changes"),
    "one cluster": (lambda: did.linked_panel(LINKED, **PANEL, cluster="one"), "one cluster"),
    "no term": (lambda: inference.cluster_robust(FIT, F["session"]).estimate("q"), "no term"),
    "no draws": (lambda: inference.wild_cluster(FIT, F["session"], term="t", draws=0, seed=1), "draws"),
    "exact fit": (
        lambda: inference.wild_cluster(smf.ols("y ~ t", F.assign(y=3.0)).fit(), F["session"], term="t", seed=1),
        "exactly",
    ),
    "gamma": (lambda: sensitivity.rosenbaum([1.0, 2.0], [0.0, 0.5], gammas=[math.inf]), "gamma"),
    "pairs in words": (lambda: sensitivity.rosenbaum(["a"], ["b"]), "missing"),
    "E-value of words": (lambda: sensitivity.e_value("2"), "usable"),
    "E-value without spread": (lambda: sensitivity.e_value(2, kind="OLS", se=1, sd=0), "usable"),
    "robustness of nothing": (lambda: sensitivity.omitted_variable(math.nan, 0.1, 50), "finite"),
    "half a benchmark": (lambda: sensitivity.omitted_variable(0.3, 0.1, 50, benchmark_treat=0.1), "both"),
    "break-even of a number": (lambda: sensitivity.break_even(0.3, sd=1), "Estimate"),
    "curve of nothing": (lambda: sensitivity.specification_curve(dict, {}, planned={}), "choices"),
    "dispersion": (
        lambda: disparity.rate_ratio(COUNTS, RESIDENTS, group="a", comparator="b", dispersion=math.nan),
        "dispersion",
    ),
    "error not a number": (lambda: from_se(1.0, math.nan), "too few"),
    "no degrees of freedom": (lambda: from_se(1.0, 1.0, df=0), "too few"),
    "verdict of a number": (lambda: results.verdict(3.0), "verdict"),
    "no seed": (lambda: parallel.run(max, [1], None), "seed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_input_is_refused_in_words(name):
    call, words = REFUSED[name]
    with pytest.raises(errors.EvaluationError, match=words):
        call()


@pytest.mark.parametrize("vcov", ["CR0", "CR1", "CR2", "CR3"])
def test_whole_clusters_with_one_on_a_side_give_no_error(vcov):
    for place in (F["g"], F["g"].where(F["g"] == 1, 2 + F["session"])):  # one a side; one exposed among many
        made = did.two_by_two(F.assign(place=place), **DID, cluster="place", vcov=vcov)
        assert isinstance(made, NotIdentified)
        assert "one place" in made.reason
        assert isinstance(
            did.doubly_robust(F.assign(place=place), **DID, covariates=["x"], cluster="place"), NotIdentified
        )
    three = F.assign(place=3 * F["g"] + (F["session"] % 3))
    assert not isinstance(did.two_by_two(three, **DID, cluster="place", vcov=vcov), NotIdentified)


def test_group_time_effects_of_one_place_are_refused():
    words = {"outcome": "y", "first_treated": "g", "time": "late", "cluster": "place"}
    for place in (F["g"], F["g"].where(F["g"] == 1, 2 + F["session"])):
        with pytest.raises(errors.EmptyCell, match="one cluster only"):
            did.group_time(F.assign(place=place), **words)
    assert len(did.group_time(F.assign(place=3 * F["g"] + (F["session"] % 3)), **words)) == 1


def test_a_coefficient_whose_clusters_cannot_differ_has_no_error():
    fit = smf.ols("y ~ g", F).fit()
    found = inference.cluster_robust(fit, F["g"], kind="CR1")
    with pytest.raises(errors.EmptyCell, match="no error"):
        found.estimate("g")
    with pytest.raises(errors.EmptyCell, match="no error"):
        inference.wild_cluster(fit, F["g"], term="g", seed=1)


@pytest.mark.parametrize(
    "fit",
    [
        sm.Logit((F["y"] > 2) * 1, sm.add_constant(F["x"])).fit(disp=0),
        smf.glm("y ~ x", F).fit(),
        sm.GLS(F["y"], F[["x"]], sigma=F["w"]).fit(),
    ],
)
def test_cluster_errors_of_other_models_are_refused(fit):
    with pytest.raises(errors.Unsupported, match="least-squares"):
        inference.cluster_robust(fit, F["session"])


def test_collinear_fit_is_named():
    with pytest.warns(UserWarning, match="rank"):
        fit = TWICE.fit()
    with pytest.raises(errors.Collinear, match="x2"):
        inference.cluster_robust(fit, F["session"])


EXPLAINED = {  # every function that takes an outcome and covariates
    "matched": lambda f: effects.in_sample(f, PAIRS, outcome="y", treat="t", covariates=["x", "y"]),
    "ratio": lambda f: effects.ratio(f, PAIRS, outcome="y", treat="t", covariates=["x", "y"]),
    "influence": lambda f: effects.influence(f, PAIRS, outcome="y", treat="t", covariates=["x", "y"]),
    "several outcomes": lambda f: effects.of_outcomes(f, PAIRS, outcomes=["w", "y"], treat="t", covariates=["y"]),
    "bias-corrected": lambda f: effects.abadie_imbens(
        f, matching.nearest(DESIGN, SCORES, treat="t", replace=True), outcome="y", treat="t", covariates=["y"]
    ),
    "augmented": lambda f: effects.doubly_robust(f, outcome="y", treat="t", covariates=["x", "y"]),
    "bootstrap": lambda f: effects.bootstrap(f, outcome="y", treat="t", covariates=["x", "y"], draws=50, seed=1),
    "two by two": lambda f: did.two_by_two(f, **DID, covariates=["y"]),
    "triple": lambda f: did.triple(f, outcome="y", group="g", place="t", time="late", covariates=["y"]),
    "event study": lambda f: did.event_study(f, **DID, start=1, covariates=["y"]),
    "doubly robust": lambda f: did.doubly_robust(f, **DID, covariates=["x", "y"]),
    "probability": lambda f: did.probability_difference(f.assign(y=(f["y"] > 2) * 1.0), **DID, covariates=["y"]),
    "group and time": lambda f: did.group_time(f, outcome="y", first_treated="g", time="late", covariates=["y"]),
    "areas": lambda f: did.by_area(f, **DID, area="session", covariates=["y"]),
    "composition": lambda f: did.composition.robust_to_composition(f, **DID, covariates=["y"]),
    "four groups": lambda f: did.composition.four_group(f, **DID, covariates=["y"]),
    "linked": lambda _: did.linked_panel(LINKED, **PANEL, covariates=[PANEL["outcome"]]),
    "differences": lambda _: did.first_differences(LINKED, **PANEL, covariates=[PANEL["outcome"]]),
    "glm": lambda f: survey.glm(survey.Design(f, weight="w"), "y ~ x + y"),
    "glm, transformed": lambda f: survey.glm(survey.Design(f, weight="w"), "y ~ x + I(y ** 2)"),
    "ordered": lambda f: survey.ordered_logit(survey.Design(f.assign(y=f["y"].round()), weight="w"), "y", ["x", "y"]),
    "family": lambda f: multiplicity.romano_wolf(f, outcomes=["y"], treat="t", covariates=["y"], seed=1),
    "controls": lambda f: multiplicity.joint(f, outcomes=["y"], treat="t", covariates=["y"], seed=1),
    "mediation": lambda f: mediation.paths(f, x="t", mediators=["x"], y="y", covariates=["y"]),
    "mediator": lambda f: mediation.paths(f, x="t", mediators=["y"], y="y"),
    "predicted": lambda f: predicted_attendance.attendance(
        f.drop(columns="t"), f, outcome="y", treat="t", covariates=["x", "y"], seed=1
    ),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_an_outcome_does_not_explain_itself(name):
    with pytest.raises(errors.EvaluationError, match="covariate"):
        EXPLAINED[name](F)


def test_a_covariate_whose_name_begins_like_the_outcome_is_none():
    assert survey.glm(survey.Design(F.assign(y2=F["x"]), weight="w"), "y ~ y2").params["y2"] == pytest.approx(
        survey.glm(survey.Design(F, weight="w"), "y ~ x").params["x"]
    )


@pytest.mark.parametrize("code", [-5, -9, 99, 999])
def test_a_code_of_missing_attendance_is_answered_with_what_it_means(code):
    coded = DESIGN.assign(t=DESIGN["t"].where(np.arange(len(DESIGN)) > 2, code))
    with pytest.raises(errors.DataError, match=r"missing answers.*not known"):
        propensity.fit(coded, treat="t", covariates=C)
    if code < 0:
        with pytest.raises(errors.DataError, match=r"missing answers.*not known"):
            did.two_by_two(F.assign(g=F["g"].where(np.arange(len(F)) > 2, code)), **DID)


def test_a_linked_person_has_one_weight():
    weighted = LINKED.assign(weight=1.0 + LINKED[PANEL["time"]].rank(method="dense"))
    for function in (did.linked_panel, did.first_differences):
        with pytest.raises(errors.DataError, match="differ from time to time"):
            function(weighted, **PANEL, weight="weight")


def test_raking_refuses_people_who_share_an_id():
    with pytest.raises(errors.DataError, match="duplicate ids"):
        weighting.rake(F.set_axis([0, *range(len(F) - 1)]), {"sex": SEX})


def test_perfect_separation_has_no_weights_and_no_effect_by_scores():
    rng = np.random.default_rng(3)
    x = rng.normal(size=200)
    apart = pd.DataFrame({"t": (x > 0) * 1, "x": x, "y": rng.normal(size=200)})
    scores = propensity.fit(apart[["t", "x"]], treat="t", covariates=["x"])
    for estimand in ("ATT", "ATE", "ATC", "ATO", "ATM"):
        with pytest.raises(errors.EmptyCell, match="apart perfectly"):
            matching.weights(apart[["t", "x"]], scores, treat="t", estimand=estimand)
    calls = [
        lambda: effects.doubly_robust(apart, outcome="y", treat="t", covariates=["x"]),
        lambda: effects.bootstrap(apart, outcome="y", treat="t", covariates=["x"], draws=50, seed=1),
    ]
    for call in calls:
        with pytest.raises(errors.EmptyCell, match="apart perfectly"):
            call()


def test_a_value_on_a_cut_belongs_above_it():
    frame = pd.DataFrame({"t": [1, 0, 1, 0, 1, 0], "age": [20, 29, 30, 30, 45, 31]})
    made = matching.coarsened_exact(frame, treat="t", covariates=["age"], cutpoints={"age": [30]})
    assert made.stratum.tolist() == [1, 1, 2, 2, 2, 2]


def test_pairs_that_do_not_differ_are_dropped_or_kept_as_asked():
    treated, control = np.array([3.0, 4, 2, 5, 5, 4, 3, 5]), np.array([2.0, 4, 1, 3, 5, 1, 3, 2])
    dropped, kept = (sensitivity.rosenbaum(treated, control, gammas=1.0, zeros=z).table for z in ("drop", "keep"))
    moved = treated != control
    again = sensitivity.rosenbaum(treated[moved], control[moved], gammas=1.0).table
    pd.testing.assert_frame_equal(dropped, again)
    rank = pd.Series(np.abs(treated - control)).rank().to_numpy()
    z = (rank[treated > control].sum() - rank.sum() / 2) / np.sqrt((rank**2).sum() / 4)
    assert kept["upper"].iloc[0] == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)))
    with pytest.raises(errors.Unsupported, match="zeros"):
        sensitivity.rosenbaum(treated, control, zeros="some")


CONSTANT = F.assign(y=3.3)
UNMOVED = {
    "matched": lambda f: effects.in_sample(f, PAIRS, outcome="y", treat="t", covariates=["x"], cluster="session"),
    "weighted": lambda f: effects.weighted(f, matching.weights(DESIGN, SCORES, treat="t"), outcome="y", treat="t"),
    "augmented": lambda f: effects.doubly_robust(f, outcome="y", treat="t", covariates=C),
    "two by two": lambda f: did.two_by_two(f, **DID, covariates=["x"], weight="w", cluster="session"),
    "doubly robust": lambda f: did.doubly_robust(f, **DID, covariates=["x"]),
    "group and time": lambda f: did.group_time(f, outcome="y", first_treated="g", time="late")[0],
    "survey": lambda f: survey.difference(survey.Design(f, weight=weighting.rake(f, {"sex": SEX})), "y", by="t")[0],
    "regression": lambda f: survey.glm(survey.Design(f, weight="w"), "y ~ x").estimate("x"),
}


@pytest.mark.parametrize("name", UNMOVED)
def test_a_constant_outcome_differs_by_exactly_nothing(name):
    made = UNMOVED[name](CONSTANT)
    assert made.value == 0.0
    assert made.p == 1.0
    assert made.high - made.low < 1e-12


def test_optimal_pairs_do_not_depend_on_the_order_of_rows():
    mixed = DESIGN.sample(frac=1, random_state=1)
    found = [matching.optimal(d, propensity.fit(d, treat="t", covariates=C), treat="t").pairs for d in (DESIGN, mixed)]
    one, two = ({(a, b) for a, b in zip(p["treated"], p["control"], strict=True)} for p in found)
    assert one == two


def test_balance_where_the_treated_do_not_vary_uses_everybodys_spread():
    made = balance.compare(F.assign(z=F["t"] * 1.0), treat="t", covariates=["z"])
    p = F["t"].mean()
    assert made.table["smd_before"].iloc[0] == pytest.approx(1 / math.sqrt(p * (1 - p)))


def test_a_row_of_results_gives_the_same_verdict_as_the_estimate(tmp_path):
    made = from_se(0.5, 0.1, df=40, n={"a": 60, "b": 60})
    path = tmp_path / "results.csv"
    pd.DataFrame([made.tidy()]).to_csv(path, index=False)
    row = pd.read_csv(path).iloc[0]
    blank = row.astype(object).where(row.notna(), pd.NA)
    assert [results.verdict(v) for v in (made, made.tidy(), row, blank)] == ["higher"] * 4
    assert results.why_fragile(row) == ()


def test_a_group_never_counted_has_an_interval_and_a_p_value():
    made = disparity.rate_ratio(COUNTS.replace(9, 0), RESIDENTS, group="a", comparator="b")[0]
    share = 1 - 0.025 ** (1 / 30)  # Clopper-Pearson for 0 of 30
    assert made.high == pytest.approx(share / (1 - share) * 9)
    assert made.p == pytest.approx(2 * 0.9**30)
    wide = disparity.rate_ratio(COUNTS.replace(9, 0), RESIDENTS, group="a", comparator="b", dispersion=2)[0]
    assert wide.high > made.high


def test_results_name_the_people_behind_them():
    assert inference.wild_cluster(FIT, F["session"], term="t", draws=99, seed=1).n == {"all": len(F)}
    found = did.group_time(F, outcome="y", first_treated="g", time="late")
    treated = int(F["g"].sum())
    assert found.aggregate("simple")[0].n == {"group": treated, "others": len(F) - treated}
    band = found.band(draws=99)[0]
    assert band.low < band.low_90 < band.value < band.high_90 < band.high


def test_choices_of_a_curve_may_be_lists():
    made = sensitivity.specification_curve(
        lambda c: from_se(float(len(c["cov"])), 0.1), {"cov": [["x"], ["x", "y"]]}, planned={"cov": ["x"]}
    )
    assert list(made.table["value"]) == [1.0, 2.0]


def test_margin_may_be_named_by_the_series_and_base_may_be_weights():
    margin = SEX.rename_axis("level").rename("sex")
    first = weighting.poststratify(F, margin)
    second = weighting.rake(F, {"sex": SEX}, base_weight=first)
    assert np.allclose(first.values, second.values)
