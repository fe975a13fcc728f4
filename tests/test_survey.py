"""Survey estimation: R's survey on the project's raked sample, domains, calibration, replicates."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import survey, weighting

GOLDEN = Path(__file__).parent / "golden"
R = json.loads((GOLDEN / "fixtures" / "survey.json").read_text())
RAKED = json.loads((GOLDEN / "fixtures" / "b_rake4.json").read_text())


def sample():
    s = pd.read_csv(GOLDEN / "data" / "rake_survey.csv")
    place = (s["id"] * 7) % 45
    return s.assign(session="s" + place.astype(str), stratum=np.where(place < 20, "a", "b"))


def margins():
    return {"sex": pd.Series({"F": 51000, "M": 49000}),
            "age": pd.Series({"16-24": 15000, "25-44": 34000, "45-64": 31000, "65+": 20000})}  # fmt: skip


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
    (m,) = survey.mean(D["calibrated"].__class__(
        D["calibrated"].frame.assign(f=lambda x: (x["sex"] == "F") * 1.0), weight=_raked()), "f")  # fmt: skip
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
    one, two = (survey.mean(survey.Design(s.assign(w=s["base_w"] * k), weight="w", cluster="session"), "trust")[0]
                for k in (1, 1000))  # fmt: skip
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


def _coverage(sessions, runs, seed, effect=0.0):
    rng = np.random.default_rng(seed)
    hit = 0
    for _ in range(runs):
        size = rng.integers(4, 25, sessions)
        code = np.repeat(np.arange(sessions), size)
        y = rng.normal(0, 0.3, sessions)[code] + rng.normal(0, 1, len(code)) + effect
        frame = pd.DataFrame({"y": y, "s": code, "w": 1.0, "g": np.where(rng.uniform(size=len(code)) < 0.4, "a", "b")})
        frame["y"] += (frame["g"] == "a") * 0.5
        raked = weighting.rake(frame, {"g": pd.Series({"a": 50.0, "b": 50.0})}, tolerance=1e-10)
        jk = survey.Jackknife(survey.Design(frame, weight=raked, cluster="s"))
        e = jk.mean(frame["y"].to_numpy(), np.ones(len(frame)))
        hit += e.low <= effect + 0.25 <= e.high
    return hit / runs


def test_published_intervals_cover():
    assert 0.91 <= _coverage(20, 200, 3) <= 0.99


@pytest.mark.slow
def test_published_intervals_cover_on_many_runs():
    assert 0.93 <= _coverage(20, 2000, 4) <= 0.97
    assert _coverage(6, 2000, 5) >= 0.92
