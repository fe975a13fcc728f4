"""Weighted means whose error knows that the score was estimated, against WeightIt's stacked estimating equations."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import _roles, effects, matching, propensity

GOLDEN = Path(__file__).parents[1] / "golden"
R = json.loads((GOLDEN / "fixtures" / "a_weighting.json").read_text())["results"]
D = pd.read_csv(GOLDEN / "data" / "attendance.csv").set_index("unit")
X = ["age", "years_llr", "ethnic5", "female", "contact", "deprivation", "distance_km"]
SCORES = propensity.fit(D, treat="attended", covariates=X)


def made(estimand="ATT", frame=D, scores=SCORES, **words):
    sample = matching.weights(D, scores, treat="attended", estimand=estimand)
    return effects.weighted(frame, sample, outcome="trust", treat="attended", **words)


@pytest.mark.parametrize("estimand", ["ATT", "ATE", "ATC", "ATO", "ATM"])
def test_errors_agree_with_weightit(estimand):
    name = {"ATO": "logit_overlap_ATO", "ATM": "logit_matching_ATM"}.get(estimand, f"logit_{estimand}")
    known = R[name]["effects"]["m_estimation"]
    ours = made(estimand)
    assert ours.value == pytest.approx(known["est"], rel=1e-6)
    assert ours.se == pytest.approx(known["se"], rel=1e-6)
    assert estimand in ours.estimand


def test_knowing_the_score_was_estimated_changes_the_error():
    assert made().se < R["logit_ATT"]["effects"]["hajek_difference"]["se_HC0"] * 0.97


def test_the_error_agrees_with_a_bootstrap_of_score_and_means():
    rng = np.random.default_rng(4)
    values = []
    for _ in range(150):
        again = D.iloc[rng.integers(0, len(D), len(D))].reset_index(drop=True)
        scores = propensity.fit(again, treat="attended", covariates=X, survey_weight="survey_weight")
        sample = matching.weights(again, scores, treat="attended")
        w = again["survey_weight"] * sample.match_weight
        t = again["attended"] == 1
        values.append(np.average(again["trust"][t], weights=w[t]) - np.average(again["trust"][~t], weights=w[~t]))
    scores = propensity.fit(D, treat="attended", covariates=X, survey_weight="survey_weight")
    ours = made(scores=scores, survey_weight="survey_weight")
    assert ours.se == pytest.approx(np.std(values), rel=0.2)


def test_sessions_are_summed_and_scale_changes_nothing():
    large = D.assign(survey_weight=D["survey_weight"] * 100)
    one, two = (made(frame=f, survey_weight="survey_weight", cluster="session") for f in (D, large))
    assert one.se == pytest.approx(two.se, rel=1e-9)
    assert one.df == D["session"].nunique() - 1
    assert "session" in one.se_method


def test_weights_of_another_origin_are_refused():
    weights = matching.weights(D, SCORES, treat="attended")
    for sample in (
        matching.trim(weights, at=0.9),
        matching.nearest(D, SCORES, treat="attended"),
        matching.weights(D, SCORES.values, treat="attended"),
    ):
        with pytest.raises(errors.Unsupported, match="in_sample"):
            effects.weighted(D, sample, outcome="trust", treat="attended")
    with pytest.raises(errors.DataError, match="other people"):
        effects.weighted(D.iloc[::-1].head(400), weights, outcome="trust", treat="attended")


DESIGNS = {
    "pairs": lambda: matching.nearest(D, SCORES, treat="attended"),
    "weights": lambda: matching.weights(D, SCORES, treat="attended"),
    "full": lambda: matching.full(D, SCORES, treat="attended"),
}


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("cluster", ["session", None])
@pytest.mark.parametrize("covariates", [(), tuple(X)])
def test_several_outcomes_at_once_are_what_each_gives_alone(design, cluster, covariates):
    sample, frame = (
        DESIGNS[design](),
        D.assign(half=D["trust"] / 2, high=(D["trust"] > D["trust"].median()).astype(float)),
    )
    words = {"treat": "attended", "covariates": covariates, "survey_weight": "survey_weight"}
    several = effects.of_outcomes(frame, sample, outcomes=["trust", "high", "half"], cluster=cluster, **words)
    for outcome, (estimate, influence) in several.items():
        assert estimate == effects.in_sample(frame, sample, outcome=outcome, cluster=cluster, **words)
        pd.testing.assert_series_equal(influence, effects.influence(frame, sample, outcome=outcome, **words))


def test_a_second_outcome_is_checked_as_the_first_is():
    sample, words = DESIGNS["pairs"](), {"treat": "attended"}
    for bad in (D["trust"].where(D.index != D.index[0]), D["trust"].astype(str) + "x"):
        frame, weighted = D.assign(other=bad), DESIGNS["weights"]()
        with pytest.raises(errors.DataError):
            effects.of_outcomes(frame, weighted, outcomes=["trust", "other"], **words)
    with pytest.raises(errors.DataError, match="no outcome"):
        effects.of_outcomes(D, sample, outcomes=[], **words)


def test_factors_coded_beforehand_give_the_same_matrix_and_score():
    factors = D.assign(place=np.where(D["female"] == 1, "north", "south"), unused=D["ethnic5"].astype("category"))
    names = [*X[:2], "ethnic5", "place"]
    coded = _roles.coded(factors, names)
    one, two = (_roles.columns(f, names, drop_first=True) for f in (factors, coded))
    assert one.names == two.names
    np.testing.assert_array_equal(one.matrix, two.matrix)
    few = coded[coded["ethnic5"] != coded["ethnic5"].iloc[0]]  # a level that nobody has any more is no column
    assert (
        _roles.columns(few, names, drop_first=False).names
        == _roles.columns(factors.loc[few.index], names, drop_first=False).names
    )


@pytest.mark.parametrize(
    "values",
    [
        ["a", "b"],
        ["a", "a"],
        ["a", None],
        [None, None],
        [1.0, np.nan],
        [1.0, 2.0],
        [np.nan, np.nan],
        [1, 1],
        [True, False],
    ],
)
def test_a_column_varies_where_it_holds_two_values(values):
    for column in (pd.Series(values), pd.Series(values).astype("category"), pd.Series(values, dtype=object)):
        assert _roles.varies(column) == (column.nunique() > 1)
