"""Models and tests after raking with answers missing, held to R's survey (scripts/survey_missing.R)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import survey, weighting

GOLDEN = Path(__file__).parents[2] / "golden"
R = json.loads((GOLDEN / "fixtures" / "survey_missing.json").read_text("utf-8"))
MARGINS = {
    "sex": pd.Series({"F": 0.51, "M": 0.49}) * 100_000,
    "age": pd.Series({"16-24": 0.15, "25-44": 0.34, "45-64": 0.31, "65+": 0.20}) * 100_000,
}


def people():
    s = pd.read_csv(GOLDEN / "data" / "rake_survey.csv")
    k = s["id"] * 7 % 45
    s["session"], s["stratum"] = "s" + k.astype(str), np.where(k < 20, "a", "b")
    s["y"] = s["trust"].where(s["id"] % 7 != 0).astype(float)
    s["known"] = s["sex"].where(s["id"] % 11 != 3)
    s["high"] = (s["y"] > s["trust"].median()).astype(float).where(s["y"].notna())
    return s


S = people()
ROLES = {"cluster": "session", "strata": "stratum"}
DESIGNS = {
    "clustered": survey.Design(S, weight="base_w", **ROLES),
    "raked": survey.Design(S, weight=weighting.rake(S, MARGINS, base_weight="base_w", tolerance=1e-12), **ROLES),
}
FAMILIES = {"gaussian": "y ~ age + known", "quasibinomial": "high ~ age + known"}


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_of_those_who_answered_keeps_the_calibration(name, family):
    known, fit = R[name][family], survey.glm(DESIGNS[name], FAMILIES[family], family=family, missing="domain")
    assert list(fit.params) == pytest.approx(known["params"], rel=1e-8)
    assert list(fit.se) == pytest.approx(known["se"], rel=1e-8)
    assert fit.df == known["df"]
    assert fit.n == int((S["y"].notna() & S["known"].notna()).sum())
    factor = fit.wald("age")
    assert factor == fit.wald([t for t in fit.params.index if t.startswith("age")])
    assert (factor.f, factor.p) == pytest.approx((known["wald_f"], known["wald_p"]), rel=1e-7)
    contrast = fit.contrast({"age[T.45-64]": 1, "age[T.65+]": -1})
    assert (contrast.value, contrast.se) == pytest.approx((known["contrast"], known["contrast_se"]), rel=1e-8)


@pytest.mark.parametrize("name", DESIGNS)
def test_tests_of_those_who_answered_agree_with_r(name):
    known, t = R[name], survey.t_test(DESIGNS[name], "y", "known", missing="domain")
    assert t.value == pytest.approx(known["t"]["value"], rel=1e-8)
    assert t.value / t.se == pytest.approx(known["t"]["t"], rel=1e-8)
    assert t.df == known["t"]["df"]
    found = survey.chisq(DESIGNS[name], "high", "known", missing="domain")
    assert {k: found[k] for k in ("f", "df1", "df2", "p")} == pytest.approx(known["chisq"], rel=1e-8)


def test_ranks_of_those_who_answered_agree_with_r():
    known, made = R["rank"], survey.rank_test(DESIGNS["clustered"], "y", "known", missing="domain")
    assert made.value == pytest.approx(known["value"], rel=1e-8)
    assert made.value / made.se == pytest.approx(known["t"], rel=1e-8)
    assert made.df == known["df"]


CALLS = {
    "glm": lambda d, **m: survey.glm(d, "y ~ known", **m),
    "t test": lambda d, **m: survey.t_test(d, "y", "known", **m),
    "rank test": lambda d, **m: survey.rank_test(d, "y", "known", **m),
    "chi-squared": lambda d, **m: survey.chisq(d, "high", "known", **m),
    "ordered": lambda d, **m: survey.ordered_logit(d, "y", ["known"], **m),
}


@pytest.mark.parametrize("name", CALLS)
def test_missing_answers_are_refused_unless_a_policy_is_named(name):
    with pytest.raises(errors.MissingValues):
        CALLS[name](DESIGNS["raked"])
    with pytest.raises(errors.Unsupported, match="policy"):
        CALLS[name](DESIGNS["raked"], missing="drop")
    nobody = survey.Design(S.assign(y=np.nan, high=np.nan), weight="base_w", **ROLES)
    with pytest.raises(errors.EmptyCell, match="answered"):
        CALLS[name](nobody, missing="domain")


@pytest.mark.parametrize("name", CALLS)
def test_without_weights_made_to_totals_the_domain_is_the_rows(name):
    inside = S["y"].notna() & S["known"].notna()
    whole, part = (survey.Design(x, weight="base_w") for x in (S, S[inside]))
    one, two = CALLS[name](whole, missing="domain"), CALLS[name](part)
    if name == "chi-squared":
        assert one["df1"] == pytest.approx(two["df1"])
        assert one["f"] == pytest.approx(two["f"], rel=0.02)  # n / (n - 1) of the whole design, not of the rows
        return
    a, b = (x if hasattr(x, "se") and hasattr(x, "value") else x.estimate(x.params.index[0]) for x in (one, two))
    assert a.value == pytest.approx(b.value, rel=1e-6)
    assert a.se == pytest.approx(b.se, rel=0.01)
    assert (a.n, a.df) == (b.n, b.df)


def test_a_wald_test_names_what_it_does_not_know():
    fit = survey.glm(DESIGNS["clustered"], "y ~ age", missing="domain")
    for call in (
        lambda: fit.wald("sex"),
        lambda: fit.wald([]),
        lambda: fit.contrast({"sex": 1}),
        lambda: fit.contrast({}),
    ):
        with pytest.raises(errors.UnknownColumn, match="no terms"):
            call()
