"""Finite populations at two stages, and design effects: R's numbers, limits, what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import survey

GOLDEN = Path(__file__).parents[2] / "golden"
REFERENCE = json.loads((GOLDEN / "fixtures" / "survey_two_stage.json").read_text())
D = pd.read_csv(GOLDEN / "data" / "two_stage.csv")
ONE = {"weight": "weight", "cluster": "psu", "strata": "stratum", "fpc": "n1"}
TWO = {**ONE, "second": "ssu", "second_fpc": "n2"}
DESIGNS = {"two": TWO, "one": ONE, "none": {k: v for k, v in ONE.items() if k != "fpc"}}


@pytest.mark.parametrize("name", DESIGNS)
def test_errors_and_design_effects_are_those_of_r(name):
    design, theirs = survey.Design(D, **DESIGNS[name]), REFERENCE[name]
    (mean,), (share,), (total,) = survey.mean(design, "y"), survey.proportion(design, "high"), survey.total(design, "y")
    groups, model = survey.mean(design, "y", by="group"), survey.glm(design, "y ~ x")
    found = {
        "mean": [mean.value],
        "mean_se": [mean.se],
        "mean_deff": [mean.design_effect],
        "share_se": [share.se],
        "share_deff": [share.design_effect],
        "total": [total.value],
        "total_se": [total.se],
        "by": [e.value for e in groups],
        "by_se": [e.se for e in groups],
        "by_deff": [e.design_effect for e in groups],
        "slope": list(model.params),
        "slope_se": list(model.se),
        "df": [design.df],
    }
    for key, values in found.items():
        assert np.allclose(values, theirs[key], rtol=1e-8, atol=1e-10), key


def test_a_second_stage_that_took_everybody_adds_nothing():
    everybody = D.assign(n2=D.groupby("psu")["ssu"].transform("size"))
    (two,), (one,) = (survey.mean(survey.Design(everybody, **k), "y") for k in (TWO, ONE))
    assert two.se == pytest.approx(one.se, rel=1e-12)


def test_every_cluster_taken_leaves_the_second_stage_alone():
    every = D.assign(n1=D["stratum"].map({"a": 6, "b": 8}))
    (two,), (one,) = (survey.mean(survey.Design(every, **k), "y") for k in (TWO, ONE))
    assert one.se == pytest.approx(0.0, abs=1e-12)
    assert two.se > 0.01


def test_each_row_is_a_unit_where_none_is_named_and_order_is_nothing():
    (named,), (rows,) = (survey.mean(survey.Design(D, **k), "y") for k in (TWO, {**TWO, "second": None}))
    assert rows.se == pytest.approx(named.se, rel=1e-12)
    (mixed,) = survey.mean(survey.Design(D.sample(frac=1, random_state=2), **TWO), "y")
    assert mixed.se == pytest.approx(named.se, rel=1e-12)


def test_the_design_effect_is_people_over_those_they_are_worth():
    (mean,) = survey.mean(survey.Design(D, **ONE), "y")
    assert mean.design_effect == pytest.approx(len(D) / mean.n_effective)
    assert mean.tidy()["design_effect"] == mean.design_effect


@pytest.mark.parametrize(
    ("roles", "error"),
    [
        ({**TWO, "fpc": None}, errors.DataError),
        ({**TWO, "cluster": None, "strata": None}, errors.DataError),
        ({**ONE, "second": "ssu"}, errors.DataError),
        ({**TWO, "second_fpc": "nothing"}, errors.UnknownColumn),
    ],
)
def test_a_second_stage_without_a_first_is_refused(roles, error):
    with pytest.raises(error):
        survey.Design(D, **roles)


def test_one_unit_of_several_in_a_cluster_and_more_units_than_there_are_are_refused():
    with pytest.raises(errors.EmptyCell):
        survey.Design(D[(D["psu"] != 1) | (D["ssu"] == 1)], **TWO)
    with pytest.raises(errors.DataError):
        survey.Design(D.assign(n2=2), **TWO)
