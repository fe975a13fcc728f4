"""Survey estimation: R's survey on the project's raked sample, domains, calibration, replicates."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from benchmarks import coverage_survey
from evaluation import errors
from evaluation.statistics import survey, weighting

GOLDEN = Path(__file__).parents[2] / "golden"
R = json.loads((GOLDEN / "fixtures" / "survey.json").read_text())
RAKED = json.loads((GOLDEN / "fixtures" / "b_rake4.json").read_text())


def sample():
    s = pd.read_csv(GOLDEN / "data" / "rake_survey.csv")
    place = (s["id"] * 7) % 45
    return s.assign(session="s" + place.astype(str), stratum=np.where(place < 20, "a", "b"))


def margins():
    return {
        "sex": pd.Series({"F": 51000, "M": 49000}),
        "age": pd.Series({"16-24": 15000, "25-44": 34000, "45-64": 31000, "65+": 20000}),
    }


def designs():
    s = sample()
    words = {"cluster": "session", "strata": "stratum"}
    raked = weighting.rake(s, margins(), base_weight="base_w", tolerance=1e-12)
    return {"plain": survey.Design(s, weight="base_w", **words), "calibrated": survey.Design(s, weight=raked, **words)}


D = designs()


@pytest.mark.parametrize("name", ["plain", "calibrated"])
def test_means_totals_ratios_agree_with_r(name):
    d, r = D[name], R[name]
    (m,) = survey.mean(d, "trust")
    assert (m.value, m.se, m.df) == pytest.approx((r["mean"], r["se"], r["df"]), rel=1e-9)
    by = survey.mean(d, "trust", by="ethnicity")
    assert [e.group for e in by] == r["by"]["names"]
    assert [e.value for e in by] == pytest.approx(r["by"]["est"], rel=1e-9)
    assert [e.se for e in by] == pytest.approx(r["by"]["se"], rel=1e-8)
    (t,) = survey.total(d, "trust")
    assert (t.value, t.se) == pytest.approx(tuple(r["total"]), rel=1e-8)
    (z,) = survey.ratio(d, "trust", "base_w")
    assert (z.value, z.se) == pytest.approx(tuple(r["ratio"]), rel=1e-8)


@pytest.mark.parametrize("name", ["plain", "calibrated"])
def test_shares_and_quantiles_agree_with_r(name):
    d, r = D[name], R[name]
    for interval in ("logit", "beta"):
        (p,) = survey.proportion(d, "confident", interval=interval)
        assert p.value == pytest.approx(r["prop"], rel=1e-9)
        assert [p.low, p.high] == pytest.approx(r[interval], rel=1e-7)
    assert [survey.quantile(d, "trust", q=q)[0].value for q in (0.25, 0.5, 0.75)] == r["quantile"]


@pytest.mark.parametrize("name", ["plain", "calibrated"])
def test_models_and_tests_agree_with_r(name):
    d, r = D[name], R[name]
    linear = survey.glm(d, "trust ~ sex + age")
    assert list(linear.params) == pytest.approx(list(r["glm"]["coef"].values()), rel=1e-8)
    assert list(linear.se) == pytest.approx(list(r["glm"]["se"].values()), rel=1e-7)
    assert linear.df == r["glm"]["df"]
    logistic = survey.glm(d, "confident ~ sex + age", family="quasibinomial")
    assert list(logistic.params) == pytest.approx(list(r["logistic"]["coef"].values()), rel=1e-7)
    assert list(logistic.se) == pytest.approx(list(r["logistic"]["se"].values()), rel=1e-6)
    x = survey.chisq(d, "ethnicity", "confident")
    assert x["f"] == pytest.approx(r["chisq"]["f"], rel=1e-7)
    assert [x["df1"], x["df2"]] == pytest.approx(r["chisq"]["df"], rel=1e-7)
    assert x["p"] == pytest.approx(r["chisq"]["p"], rel=1e-6)
    for made, known in ((survey.t_test(d, "trust", "sex"), r["t"]), (survey.rank_test(d, "trust", "sex"), r["rank"])):
        assert [made.value, made.value / made.se, made.df] == pytest.approx(known, rel=1e-7)


def test_ordered_logit_uses_the_weights():
    s = sample().assign(sexM=lambda x: (x["sex"] == "M") * 1.0)
    for level in ("25-44", "45-64", "65+"):
        s[f"age{level}"] = (s["age"] == level) * 1.0
    d = survey.Design(s, weight="base_w", cluster="session", strata="stratum")
    terms = ["sexM", "age25-44", "age45-64", "age65+"]
    fit = survey.ordered_logit(d, "trust", terms)
    known = list(R["olr"]["coef"].values())
    assert list(fit.params) == pytest.approx(known, abs=2e-4)  # R's svyolr stops early
    assert list(fit.se) == pytest.approx(list(R["olr"]["se"].values()), rel=2e-3)
    twice = s.loc[s.index.repeat(2)].reset_index(drop=True)
    whole = survey.ordered_logit(survey.Design(twice, weight="base_w"), "trust", terms)
    double = survey.ordered_logit(survey.Design(s.assign(base_w=s["base_w"] * 2), weight="base_w"), "trust", terms)
    assert list(whole.params) == pytest.approx(list(double.params), abs=1e-9)


def test_jackknife_agrees_with_r():
    jk = survey.Jackknife(D["plain"])
    y = D["plain"].column("trust")
    value, cov = jk.covariance(lambda w: np.array([w @ y / w.sum()]))
    assert [value[0], np.sqrt(cov[0, 0])] == pytest.approx(R["jkn"], rel=1e-3)  # R centres on the replicates' mean


def test_jackknife_calibrates_each_replicate_again():
    d = D["calibrated"]
    jk = survey.Jackknife(d)
    assert jk.failed == ()
    for cells in (("sex", "F"), ("age", "65+")):
        inside = (d.frame[cells[0]] == cells[1]).to_numpy(dtype=float)
        value, cov = jk.covariance(lambda w, inside=inside: np.array([w @ inside]))
        assert np.sqrt(cov[0, 0]) < 1e-6 * value[0]
    y = d.column("trust")
    value, cov = jk.covariance(lambda w: np.array([w @ y / w.sum()]))
    assert [value[0], np.sqrt(cov[0, 0])] == pytest.approx(R["jkn_calibrated"], rel=1e-3)


def test_the_share_of_a_raked_margin_has_no_error():
    (m,) = survey.mean(
        D["calibrated"].__class__(D["calibrated"].frame.assign(f=lambda x: (x["sex"] == "F") * 1.0), weight=_raked()),
        "f",
    )
    assert m.value == pytest.approx(0.51, abs=1e-10)
    assert m.se < 1e-9


def _raked():
    return weighting.rake(sample(), margins(), base_weight="base_w", tolerance=1e-12)


def test_weighted_shares_after_raking_agree_with_r():
    s = sample()
    targets = {k: pd.Series(v) * RAKED["population"] for k, v in RAKED["targets"].items()}
    d = survey.Design(s, weight=weighting.rake(s, targets, tolerance=1e-12))
    known = RAKED["results"]["rake_tight_flat"]["trust"]
    for column in ("trust", "confident"):
        (m,) = survey.mean(d, column)
        place = {"trust": 0, "confident": 1}[column]
        est = known["est"][column] if isinstance(known["est"], dict) else known["est"][place]
        se = known["se"][column] if isinstance(known["se"], dict) else known["se"][place]
        assert m.value == pytest.approx(est, rel=1e-8)
        assert m.se == pytest.approx(se, rel=2e-3)  # R's rake() uses its own residual rule: docs/methods


def test_multiplying_weights_changes_nothing():
    s = sample()
    one, two = (
        survey.mean(survey.Design(s.assign(w=s["base_w"] * k), weight="w", cluster="session"), "trust")[0]
        for k in (1, 1000)
    )
    assert (one.value, one.se) == pytest.approx((two.value, two.se), rel=1e-12)


def test_a_domain_keeps_the_whole_design():
    s = sample()
    whole = survey.mean(survey.Design(s, weight="base_w", cluster="session"), "trust", by="ethnicity")
    some = s[s["ethnicity"] == "Black"]
    alone = survey.mean(survey.Design(some, weight="base_w", cluster="session"), "trust")[0]
    black = next(e for e in whole if e.group == "Black")
    assert black.value == pytest.approx(alone.value)
    assert black.se != pytest.approx(alone.se, rel=1e-6)


def test_lonely_clusters_and_missing_roles_are_refused():
    s = sample()
    with pytest.raises(errors.EmptyCell, match="one cluster only"):
        survey.Design(
            s.assign(h=np.where(s["session"] == "s0", "lone", "rest")), weight="base_w", cluster="session", strata="h"
        )
    with pytest.raises(errors.MissingValues):
        survey.Design(s.assign(base_w=s["base_w"].mask(s["id"] == 1)), weight="base_w")
    with pytest.raises(errors.MissingValues):
        survey.mean(survey.Design(s.assign(trust=s["trust"].mask(s["id"] == 1)), weight="base_w"), "trust")


def test_published_intervals_cover():
    """200 studies of uneven sessions; the table of the methods page is made from 2,000 a row."""
    found = coverage_survey.coverage(next(x for x in coverage_survey.SHAPES if x.name == "uneven"), 200, seed=3)
    jackknife = found[found["how"] == "jackknife"].set_index("who")["coverage"]
    assert 0.91 <= jackknife["all"] <= 0.99
    assert jackknife["focus"] >= 0.91


@pytest.mark.slow
@pytest.mark.parametrize("shape", coverage_survey.SHAPES[:2], ids=lambda x: x.name)
def test_published_intervals_cover_on_many_runs(shape):
    found = coverage_survey.coverage(shape, 2000, seed=4)
    jackknife = found[found["how"] == "jackknife"].set_index("who")["coverage"]
    assert 0.93 <= jackknife["all"] <= 0.97
    assert jackknife["focus"] >= 0.92


def _every_kind(d):
    made = [
        *survey.mean(d, "trust", by="ethnicity"),
        *survey.total(d, "trust"),
        *survey.ratio(d, "trust", "base_w"),
        *survey.proportion(d, "confident"),
        *survey.quantile(d, "trust"),
        *survey.difference(d, "trust", by="sex"),
        *survey.distribution(d, "age"),
        survey.t_test(d, "trust", "sex"),
        survey.rank_test(d, "trust", "sex"),
        survey.glm(d, "trust ~ sex").estimate("sex[T.M]"),
        survey.ordered_logit(d, "trust", ["sex"]).estimate("sex[M]"),
        survey.Jackknife(d).mean(d.column("trust"), np.ones(d.n)),
    ]
    mean = survey.bootstrap_estimate(d, lambda w: np.array([w @ d.column("trust") / w.sum()]), draws=20, seed=1)
    return [*made, *mean]


def test_every_result_names_its_degrees_of_freedom_and_reference():
    for e in _every_kind(D["calibrated"]):
        assert e.df > 0, e
        assert "t with" in e.se_method, e
        assert e.low <= e.value <= e.high, e
        assert e.low <= e.low_90 <= e.high_90 <= e.high, e


def test_rows_shuffled_change_nothing():
    s, made = sample(), _raked()
    mixed = s.sample(frac=1, random_state=5)
    one = _every_kind(survey.Design(s, weight=made, cluster="session", strata="stratum"))[:-1]
    two = _every_kind(survey.Design(mixed, weight=made, cluster="session", strata="stratum"))[:-1]
    three = _every_kind(
        survey.Design(mixed.assign(w=made.values), weight="w", cluster="session", strata="stratum", calibrated_on=made)
    )[:-1]
    for a, b, c in zip(one, two, three, strict=True):
        assert (a.group, a.n) == (b.group, b.n)
        assert (a.value, a.se, a.low) == pytest.approx((b.value, b.se, b.low), rel=1e-8)
        assert (c.value, c.se, c.low) == pytest.approx((b.value, b.se, b.low), rel=1e-12)


def test_a_filtered_frame_is_not_a_domain():
    s, made = sample(), _raked()
    with pytest.raises(errors.DataError, match="domain with by="):
        survey.Design(s[s["sex"] == "F"], weight=made)
    with pytest.raises(errors.MissingValues):
        survey.Design(pd.concat([s, s.tail(1).set_axis([9999])]), weight=made)
    with pytest.raises(errors.DataError, match="duplicates"):
        survey.Design(pd.concat([s, s]), weight="base_w")


def test_an_own_share_has_no_error_and_no_width():
    d = survey.Design(sample().assign(f=lambda x: (x["sex"] == "F") * 1.0), weight=_raked(), cluster="session")
    (m,) = survey.proportion(d, "f")
    assert (m.low, m.high) == (m.value, m.value)
    assert m.se < 1e-12
    assert all(e.se < 1e-12 for e in survey.distribution(d, "age"))
    drawn = survey.bootstrap(d, lambda w: np.array([w @ d.column("f") / w.sum()]), draws=15, seed=2)
    assert np.ptp(drawn) < 1e-8  # every draw is raked again


def test_missing_answers_are_refused_or_a_domain():
    s = sample()
    s["trust"] = s["trust"].astype("Float64").mask(s["id"] % 7 == 0)
    d = survey.Design(s, weight=_raked(), cluster="session", strata="stratum")
    with pytest.raises(errors.MissingValues):
        survey.mean(d, "trust")
    (e,) = survey.mean(d, "trust", missing="domain")
    filled = survey.Design(
        s.assign(trust=s["trust"].fillna(0), held=s["trust"].notna()),
        weight=_raked(),
        cluster="session",
        strata="stratum",
    )
    known = next(x for x in survey.mean(filled, "trust", by="held") if x.group == "True")
    assert (e.value, e.se, e.n["all"]) == pytest.approx((known.value, known.se, known.n["True"]))
    with pytest.raises(errors.Unsupported):
        survey.mean(d, "trust", missing="drop")
    with pytest.raises(errors.MissingValues):
        survey.mean(survey.Design(s.assign(g=s["sex"].mask(s["id"] == 1)), weight="base_w"), "base_w", by="g")


def test_domains_stand_in_order_and_cross():
    s = sample().assign(number=lambda x: x["id"] % 11, grade=lambda x: pd.Categorical(x["sex"], ["M", "X", "F"]))
    d = survey.Design(s, weight="base_w")
    assert [e.group for e in survey.mean(d, "trust", by="number")] == [str(i) for i in range(11)]
    assert [e.group for e in survey.mean(d, "trust", by="grade")] == ["M", "F"]
    crossed = survey.mean(d, "trust", by=["sex", "age"])
    assert len(crossed) == 8
    assert crossed[0].group == "F × 16-24"
    assert sum(e.n[e.group] for e in crossed) == len(s)
    spread = survey.distribution(d, "ethnicity", by="sex")
    assert sum(e.value for e in spread) == pytest.approx(2)
    with pytest.raises(errors.DataError, match="not among"):
        survey.distribution(d, "sex", levels=["F"])


def test_levels_of_a_difference_may_be_numbers_of_another_kind():
    d = survey.Design(sample().assign(g=lambda x: (x["id"] % 3).astype(float)), weight="base_w")
    (e,) = survey.difference(d, "trust", by="g", levels=(0, 2))
    by = {x.group: x.value for x in survey.mean(d, "trust", by="g")}
    assert e.value == pytest.approx(by["2.0"] - by["0.0"])
    assert survey.difference(d, "trust", by="g", levels=(2, 0))[0].value == pytest.approx(-e.value)


def test_a_domain_in_one_cluster_has_no_error_that_could_be_seen():
    s = sample().assign(one=lambda x: np.where(x["session"] == "s3", "in", "out"))
    d = survey.Design(s, weight="base_w", cluster="session", strata="stratum")
    e = survey.mean(d, "trust", by="one")[0]
    assert (e.se, e.low, e.high) == (None, None, None)  # its linearised variable sums to nil in its only cluster
    assert "one cluster only" in e.se_method
    with pytest.raises(errors.EmptyCell, match="fewer than two sessions"):
        survey.Jackknife(d).mean(d.column("trust"), (s["one"] == "in").to_numpy(float))


def test_people_of_weight_nil_change_nothing_but_a_domain_of_them_is_refused():
    s = sample()
    w = s["base_w"].where(s["district"] != "West", 0.0)
    d = survey.Design(s.assign(w=w), weight="w", cluster="session", strata="stratum")
    one = survey.mean(d, "trust")[0]
    assert one.value == pytest.approx(np.average(s["trust"], weights=w))
    assert list(survey.glm(d, "trust ~ sex").params) == pytest.approx(
        list(survey.glm(survey.Design(s[w > 0], weight="base_w"), "trust ~ sex").params)
    )
    with pytest.raises(errors.EmptyCell, match="West"):
        survey.mean(d, "trust", by="district")


def test_finite_populations_as_counts_and_as_shares():
    s = sample().assign(units=90, share=0.5)
    errors_ = [
        survey.mean(survey.Design(s, weight="base_w", cluster="session", fpc=f), "trust")[0].se
        for f in ("units", "share")
    ]
    whole = survey.mean(survey.Design(s, weight="base_w", cluster="session"), "trust")[0].se
    assert errors_ == pytest.approx([whole * np.sqrt(0.5)] * 2)
    for bad in (30, 0, -1):
        with pytest.raises(errors.DataError):
            survey.Design(s.assign(units=bad), weight="base_w", cluster="session", fpc="units")


def test_labels_that_repeat_need_nest():
    s = sample().assign(place=lambda x: ((x["id"] * 7) % 45) % 20)
    with pytest.raises(errors.DataError, match="nest=True"):
        survey.Design(s, weight="base_w", cluster="place", strata="stratum")
    assert survey.Design(s, weight="base_w", cluster="place", strata="stratum", nest=True).df == 38


def test_a_change_adds_variances():
    a, b = survey.mean(D["plain"], "trust")[0], survey.mean(D["calibrated"], "trust")[0]
    e = survey.change(b, a, labels=("W2", "W1"))
    assert e.value == pytest.approx(b.value - a.value)
    assert e.se == pytest.approx(np.hypot(a.se, b.se))
    assert e.df == pytest.approx((a.se**2 + b.se**2) ** 2 / (a.se**4 / a.df + b.se**4 / b.df))
    assert e.n == {"W1": 900, "W2": 900}
    assert e.p is not None


def test_effective_number_is_kish_over_the_clustering():
    s = sample()
    plain = survey.mean(survey.Design(s.assign(w=1.0), weight="w"), "trust")[0]
    assert plain.n_effective == pytest.approx(900, rel=2e-3)
    again = survey.Jackknife(survey.Design(s.assign(w=1.0), weight="w", cluster="session"))
    e = again.mean(s["trust"].to_numpy(float), np.ones(900))
    assert e.n_effective == pytest.approx(s["trust"].var() / e.se**2, rel=1e-9)


def test_bootstrap_and_linearised_errors_agree():
    d = D["calibrated"]
    y = d.column("trust")
    (e,) = survey.bootstrap_estimate(d, lambda w: np.array([w @ y / w.sum()]), draws=400, seed=11)
    assert e.value == pytest.approx(survey.mean(d, "trust")[0].value)
    assert e.se == pytest.approx(survey.mean(d, "trust")[0].se, rel=0.12)


def test_wilson_is_the_score_interval_of_the_effective_number():
    (p,) = survey.proportion(D["plain"], "confident", interval="wilson")
    n, z = p.value * (1 - p.value) / p.se**2, student.ppf(0.975, p.df)
    for end in (p.low, p.high):
        assert (end - p.value) ** 2 == pytest.approx(z**2 * end * (1 - end) / n)


def test_models_refuse_what_they_cannot_fit():
    s = sample().assign(apart=lambda x: (x["id"] > 400) * 1.0, yes=lambda x: x["confident"] == 1)
    d = survey.Design(s, weight="base_w", cluster="session")
    assert survey.glm(d, "yes ~ sex", family="quasibinomial").params.iloc[1] == pytest.approx(
        survey.glm(d, "confident ~ sex", family="quasibinomial").params.iloc[1]
    )
    with pytest.raises(errors.NotConverged, match="separate"):
        survey.glm(survey.Design(s.assign(y=s["apart"]), weight="base_w"), "y ~ apart", family="quasibinomial")
    with pytest.raises(errors.NotConverged, match="separate"):
        survey.ordered_logit(survey.Design(s.assign(apart=(s["trust"] > 2) * 1.0), weight="base_w"), "trust", ["apart"])
    with pytest.raises(errors.Collinear):
        survey.glm(d, "trust ~ apart + I(2 * apart)")
    with pytest.raises(errors.Collinear):
        survey.ordered_logit(survey.Design(s.assign(one=1.0), weight="base_w"), "trust", ["apart", "one"])
    with pytest.raises(errors.DataError, match="cannot be used"):
        survey.glm(d, "trust ~ nowhere")
    with pytest.raises(errors.DataError, match="not one number"):
        survey.glm(d, "sex ~ trust")
    with pytest.raises(errors.DataError, match="0 to 1"):
        survey.glm(d, "trust ~ sex", family="quasibinomial")
    with pytest.raises(errors.DataError, match="not a number"):
        survey.mean(d, "sex")
    assert [e.value for e in survey.quantile(d, "trust", q=[0.25, 0.75])] == [
        survey.quantile(d, "trust", q=q)[0].value for q in (0.25, 0.75)
    ]
    for q in (0, 1, 1.5):
        with pytest.raises(errors.DataError, match="between 0 and 1"):
            survey.quantile(d, "trust", q=q)
    with pytest.raises(errors.DataError, match="levels, not two"):
        survey.t_test(d, "trust", "age")


def test_an_integer_weight_is_as_many_copies():
    s = sample().assign(k=lambda x: 1 + x["id"] % 3)
    copies = s.loc[s.index.repeat(s["k"])].reset_index(drop=True).assign(k=1)
    one = survey.ordered_logit(survey.Design(s, weight="k"), "trust", ["sex", "age"])
    two = survey.ordered_logit(survey.Design(copies, weight="k"), "trust", ["sex", "age"])
    assert list(one.params) == pytest.approx(list(two.params), abs=1e-8)
    sess = [
        survey.ordered_logit(survey.Design(f, weight="k", cluster="session"), "trust", ["sex"]).se for f in (s, copies)
    ]
    assert list(sess[0]) == pytest.approx(list(sess[1]), rel=1e-7)


@pytest.mark.parametrize("name", ["calfun_raking_base", "calfun_linear_base", "calfun_logit_flat_03_3"])
def test_calibrated_errors_agree_with_another_version_of_r(name):
    """survey 4.5, rows as clusters: means, domains, a share's interval and a logistic model after calibration."""
    s = sample().assign(flat=RAKED["population"] / 900)
    n = float(RAKED["population"])
    levels = {k: list(v) for k, v in RAKED["targets"].items()}
    totals = {"(Intercept)": n} | {f"{k}={x}": RAKED["targets"][k][x] * n for k, v in levels.items() for x in v[1:]}
    words = {
        "calfun_raking_base": {"method": "raking"},
        "calfun_linear_base": {},
        "calfun_logit_flat_03_3": {"method": "logit", "bounds": (0.3, 3)},
    }[name]
    made = weighting.calibrate(s, pd.Series(totals), base_weight="flat" if "flat" in name else "base_w", **words)
    d, r = survey.Design(s, weight=made), RAKED["results"][name]
    for column in ("trust", "confident"):
        (m,) = survey.mean(d, column)
        assert (m.value, m.se) == pytest.approx((r["trust"]["est"][column], r["trust"]["se"][column]), rel=1e-8)
    for e in survey.mean(d, "confident", by="ethnicity"):
        known = r["by_eth"][e.group]
        assert (e.value, e.se) == pytest.approx((known["confident"], known["se"]), rel=1e-8)
    (p,) = survey.proportion(d, "confident")
    assert [p.low, p.high] == pytest.approx(r["ciprop"]["ci"], rel=1e-8)
    fit = survey.glm(d, "confident ~ sex + age + ethnicity", family="quasibinomial")
    assert list(fit.params) == pytest.approx(list(r["glm"]["coef"].values()), rel=1e-5, abs=1e-6)  # glm stops at 1e-8
    assert list(fit.se) == pytest.approx(list(r["glm"]["se"].values()), rel=1e-5)


def test_rows_of_weight_nil_are_not_people_of_an_estimate():
    rng = np.random.default_rng(1)
    f = pd.DataFrame({"w": [1.0] * 10 + [0.0] * 30 + [1.0] * 100, "g": ["a"] * 40 + ["b"] * 100})
    f["y"], f["z"], f["c"] = [0] * 40 + [0, 1] * 50, rng.normal(size=140), np.arange(140) // 5
    without = f[f["w"] > 0]
    calls = [
        lambda d: survey.proportion(d, "y", by="g")[0],
        lambda d: survey.proportion(d, "y", by="g")[1],
        lambda d: survey.mean(d, "z", by="g")[0],
        lambda d: survey.total(d, "z")[0],
        lambda d: survey.difference(d, "z", by="g")[0],
        lambda d: survey.quantile(d, "z")[0],
        lambda d: survey.ratio(d, "z", "w", by="g")[1],
        lambda d: survey.glm(d, "z ~ g").estimate("g[T.b]"),
    ]
    for call in calls:
        for words in ({}, {"cluster": "c"}):
            padded, plain = (call(survey.Design(x, weight="w", **words)) for x in (f, without))
            assert padded.n == plain.n
            assert padded.df == plain.df
            assert padded.value == pytest.approx(plain.value)
    share = survey.proportion(survey.Design(f, weight="w"), "y", by="g")[0]
    assert (share.n, share.df) == ({"a": 10}, 9)
    assert share.high == pytest.approx(1 - 0.025 ** (1 / 10))  # Clopper-Pearson of 0 of 10


def test_a_domain_counts_its_own_clusters():
    s = sample()
    d = survey.Design(s, weight="base_w", cluster="session", strata="stratum")
    for e in survey.mean(d, "trust", by="district"):
        own = s[s["district"] == e.group]
        assert e.df == own["session"].nunique() - own["stratum"].nunique()
