"""Claims of attendance: the share that is true, and routes of collection without a counterpart."""

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import misclassification


@pytest.mark.parametrize("prevalence", [0.02, 0.1, 0.6])
@pytest.mark.parametrize("specificity", [0.95, 0.97, 0.995, 1.0])
@pytest.mark.parametrize("sensitivity", [0.8, 1.0])
def test_the_share_inverts_what_the_question_does(prevalence, specificity, sensitivity):
    claimed = prevalence * sensitivity + (1 - prevalence) * (1 - specificity)
    made = misclassification.share_true(claimed, specificity=specificity, sensitivity=sensitivity)
    assert made == pytest.approx(prevalence * sensitivity / claimed, rel=1e-10)


def test_the_rule_of_thumb_of_a_rare_event():
    """Two in a hundred attend; three in a hundred of the others say they did: four claims in ten are true."""
    claimed = 0.02 + 0.98 * 0.03
    assert misclassification.share_true(claimed, specificity=0.97) == pytest.approx(0.405, abs=5e-4)


def test_the_share_agrees_with_a_simulated_question():
    rng = np.random.default_rng(4)
    attended = rng.random(400_000) < 0.05
    said = np.where(attended, rng.random(400_000) < 0.9, rng.random(400_000) < 0.04)
    made = misclassification.share_true(said.mean(), specificity=0.96, sensitivity=0.9)
    assert made == pytest.approx(attended[said].mean(), abs=0.01)


def test_the_share_stays_a_share():
    assert misclassification.share_true(0.02, specificity=0.95) == 0.0
    assert misclassification.share_true(0.99, specificity=0.9, sensitivity=0.6) <= 1.0
    assert misclassification.share_true(0.3, specificity=1.0) == 1.0
    rising = [misclassification.share_true(0.05, specificity=s) for s in np.linspace(0.95, 1.0, 11)]
    assert rising == sorted(rising)


@pytest.mark.parametrize(
    ("claimed", "words"),
    [
        (0.0, {"specificity": 0.9}),
        (1.2, {"specificity": 0.9}),
        (0.1, {"specificity": -0.1}),
        (0.1, {"specificity": 0.5, "sensitivity": 0.5}),
        (float("nan"), {"specificity": 0.9}),
    ],
)
def test_impossible_shares_are_refused(claimed, words):
    with pytest.raises(errors.DataError):
        misclassification.share_true(claimed, **words)


def routes():
    return pd.DataFrame(
        {
            "attended": [1, 1, 1, 1, 0, 0, 0],
            "officer": ["yes", "yes", "no", "no", "no", "no", "yes"],
            "place": ["event", "street", "street", "event", "street", "street", "street"],
        }
    )


def test_routes_that_no_other_person_came_by():
    d = routes()
    assert misclassification.route_counterparts(d, treat="attended", routes=["officer", "place"]) == 0.5
    assert misclassification.route_counterparts(d, treat="attended", routes=["officer"]) == 0.0
    assert misclassification.route_counterparts(d, treat="attended", routes=["place"]) == 0.5
    assert misclassification.route_counterparts(d, treat="attended", routes=[]) == 0.0
    shuffled = d.sample(frac=1, random_state=2)
    assert misclassification.route_counterparts(shuffled, treat="attended", routes=["place"]) == 0.5


def test_routes_refuse_what_they_cannot_use():
    with pytest.raises(errors.EmptyCell):
        misclassification.route_counterparts(routes().assign(attended=0), treat="attended", routes=["place"])
    with pytest.raises(errors.UnknownColumn):
        misclassification.route_counterparts(routes(), treat="attended", routes=["plaice"])
    with pytest.raises(errors.MissingValues):
        misclassification.route_counterparts(
            routes().assign(place=None), treat="attended", routes=["place"], missing="refuse"
        )
    with pytest.raises(errors.Unsupported):
        misclassification.route_counterparts(routes(), treat="attended", routes=["place"], missing="drop")
    with pytest.raises(errors.MissingValues):
        misclassification.route_counterparts(routes().assign(attended=np.nan), treat="attended", routes=["place"])


def test_a_route_that_was_not_recorded_is_a_route_of_its_own():
    d = routes()
    d.loc[0, "place"] = None
    assert misclassification.route_counterparts(d, treat="attended", routes=["place"]) == 0.5
    d.loc[4, "place"] = None
    assert misclassification.route_counterparts(d, treat="attended", routes=["place"]) == 0.25
