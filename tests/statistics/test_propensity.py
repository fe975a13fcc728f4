"""Propensity scores against R's glm; separation, few events, overlap, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from evaluation import errors
from evaluation.statistics import propensity

GOLDEN = Path(__file__).parents[1] / "golden"
R = json.loads((GOLDEN / "fixtures" / "a_propensity.json").read_text())
WEIGHTED = json.loads((GOLDEN / "fixtures" / "a_weighting.json").read_text())["results"]
D = pd.read_csv(GOLDEN / "data" / "attendance.csv").set_index("unit")
X = ["age", "years_llr", "ethnic5", "female", "contact", "deprivation", "distance_km"]


def fitted(frame=D, covariates=X, **words):
    return propensity.fit(frame, treat="attended", covariates=covariates, **words)


def r_name(term):
    return {"(intercept)": "(Intercept)"}.get(term, term.replace("[", "").replace("]", ""))


def test_logit_agrees_with_glm():
    made = fitted()
    for term, row in made.coefficients.iterrows():
        assert row["coefficient"] == pytest.approx(R["coef"][r_name(term)], rel=1e-6, abs=1e-8), term
        assert row["se"] == pytest.approx(R["se"][r_name(term)], rel=5e-4), term  # glm keeps its last step's weights
    assert made.values.to_numpy() == pytest.approx(R["fitted"], rel=1e-6)
    assert made.logit.to_numpy() == pytest.approx(R["linear"], rel=1e-6, abs=1e-6)
    assert made.method == "maximum likelihood"
    assert made.separation == ()


def test_probit_agrees_with_glm():
    made = fitted(link="probit")
    for term, row in made.coefficients.iterrows():
        assert row["coefficient"] == pytest.approx(R["probit"][r_name(term)], rel=1e-4, abs=1e-6), (
            term
        )  # glm stops early


@pytest.mark.parametrize(("link", "model"), [("logit", sm.Logit), ("probit", sm.Probit)])
def test_both_links_agree_with_a_second_implementation(link, model):
    made = fitted(link=link)
    dummies = pd.get_dummies(D["ethnic5"], drop_first=True)
    design = pd.concat([D[["age", "years_llr"]], dummies, D[X[3:]]], axis=1).to_numpy(float)
    held = model(D["attended"], sm.add_constant(design)).fit(disp=0, method="newton", tol=1e-14, maxiter=100)
    assert made.coefficients["coefficient"].to_numpy() == pytest.approx(held.params.to_numpy(), rel=1e-7)
    if link == "logit":
        assert made.coefficients["se"].to_numpy() == pytest.approx(held.bse.to_numpy(), rel=1e-7)


def test_survey_weighted_score_agrees_with_weightit():
    made = fitted(survey_weight="survey_weight")
    assert made.values.to_numpy() == pytest.approx(WEIGHTED["logit_ATT_with_sampling_weights"]["ps"], rel=1e-6)


def test_scale_of_weights_and_of_covariates_changes_nothing():
    one = fitted(survey_weight="survey_weight")
    scaled = D.assign(survey_weight=D["survey_weight"] * 100, deprivation=D["deprivation"] * 1e6 + 5)
    two = fitted(scaled, survey_weight="survey_weight")
    assert two.values.to_numpy() == pytest.approx(one.values.to_numpy(), rel=1e-8)


def test_order_of_rows_changes_nothing():
    shuffled = D.sample(frac=1, random_state=4)
    again = fitted(shuffled).values.reindex(D.index)
    assert again.to_numpy() == pytest.approx(fitted().values.to_numpy(), rel=1e-9)


def test_scores_add_up_to_nothing_and_the_bread_inverts_their_slope():
    made = fitted(survey_weight="survey_weight")
    assert np.abs(made.scores.sum(axis=0)).max() < 1e-6 * len(D)
    p = made.values.to_numpy()
    design = made.gradient / (p * (1 - p))[:, None]
    w = (D["survey_weight"] / D["survey_weight"].mean()).to_numpy()
    information = design.T @ (design * (w * p * (1 - p))[:, None])
    assert np.abs(made.bread) == pytest.approx(np.abs(np.linalg.inv(information)), rel=1e-5, abs=1e-8)


def separated():
    x = np.arange(40.0)
    return pd.DataFrame({"x": x, "z": np.tile([0.0, 1.0], 20), "attended": (x >= 25).astype(int)})


def test_separation_is_named_and_handled_by_firth():
    made = fitted(separated(), ["x", "z"])
    assert "x" in made.separation
    assert "Firth" in made.method
    assert "separated" in made.method
    assert made.values.between(0, 1, inclusive="neither").all()
    with pytest.raises(errors.NotConverged, match="x"):
        fitted(separated(), ["x", "z"], penalty="none")


def test_firth_maximises_the_penalised_likelihood():
    made = fitted(separated(), ["x", "z"], penalty="firth")
    design = sm.add_constant(separated()[["x", "z"]].to_numpy())
    y = separated()["attended"].to_numpy()

    def value(beta):
        eta = design @ beta
        p = 1 / (1 + np.exp(-eta))
        information = design.T @ (design * (p * (1 - p))[:, None])
        return y @ eta - np.logaddexp(0, eta).sum() + 0.5 * np.linalg.slogdet(information)[1]

    best = made.coefficients["coefficient"].to_numpy()
    for j in range(3):
        for step in (-1e-3, 1e-3):
            assert value(best) >= value(best + step * np.eye(3)[j])


def test_few_events_are_handled_and_said():
    few = D.assign(attended=(np.arange(len(D)) % 60 == 0).astype(int))
    made = fitted(few, only_attendees="penalise")
    assert "few events" in made.method


def test_ridge_shrinks():
    plain, ridge = fitted(), fitted(penalty=50.0)
    assert ridge.logit.std() < plain.logit.std()
    assert "ridge" in ridge.method


def test_overlap_counts_everybody_once():
    made = fitted()
    table = made.overlap(bins=8)
    assert len(table) == 8
    assert table["share_treated"].sum() == pytest.approx(1)
    assert table["share_control"].sum() == pytest.approx(1)
    support = made.common_support()
    p, treated = made.values, D["attended"] == 1
    assert support.low == max(p[treated].min(), p[~treated].min())
    assert support.high == min(p[treated].max(), p[~treated].max())
    rows = support.tidy().set_index("arm")
    assert (rows["inside"] + rows["dropped"] == rows["n"]).all()
    assert rows.loc["treated", "n"] == treated.sum()
    assert support.share_treated_inside == pytest.approx(rows.loc["treated", "share_inside"])
    assert "attendees" in made.summary()


@pytest.mark.parametrize(
    ("change", "words", "error", "said"),
    [
        ({"attended": 1}, {}, errors.EmptyCell, "everybody"),
        ({"attended": 0}, {}, errors.EmptyCell, "nobody"),
        ({"attended": 2}, {}, errors.DataError, "0 or 1"),
        ({"age": np.nan}, {}, errors.MissingValues, "age"),
        ({"survey_weight": np.nan}, {"survey_weight": "survey_weight"}, errors.MissingValues, "survey_weight"),
        ({"survey_weight": -1.0}, {"survey_weight": "survey_weight"}, errors.DataError, "zero or negative"),
        ({"contact": 1.0}, {}, errors.Collinear, "contact"),
        ({}, {"outcomes": ["trust"]}, errors.OutcomesClosed, "trust"),
        ({}, {"changed_by_attending": ["contact"]}, errors.DataError, "contact"),
        ({}, {"covariates": []}, errors.DataError, "no covariates"),
        ({}, {"covariates": [*X, "attended"]}, errors.DataError, "also a covariate"),
        ({}, {"covariates": ["aeg"]}, errors.UnknownColumn, "age"),
        ({}, {"link": "cloglog"}, errors.Unsupported, "cloglog"),
        ({}, {"penalty": "lasso"}, errors.Unsupported, "lasso"),
        ({}, {"penalty": -1.0}, errors.Unsupported, "positive"),
    ],
)
def test_refusals_say_what_is_wrong(change, words, error, said):
    call = {"treat": "attended", "covariates": X} | words
    with pytest.raises(error, match=said):
        propensity.fit(D.assign(**change), **call)


def test_collinear_covariates_are_named():
    with pytest.raises(errors.Collinear, match=r"'total'.*'(age|years_llr)'"):
        fitted(D.assign(total=D["age"] + D["years_llr"]), [*X, "total"])


def test_a_level_only_attendees_have_needs_a_policy():
    lone = D.assign(ethnic5=D["ethnic5"].where(D.index != D.index[D["attended"] == 1][0], "other"))
    with pytest.raises(errors.EmptyCell, match="ethnic5 = other"):
        fitted(lone)
    assert fitted(lone, only_attendees="penalise").values.notna().all()


def test_repeated_people_are_refused():
    with pytest.raises(errors.DataError, match="duplicate"):
        fitted(pd.concat([D, D.iloc[:3]]))
