"""Weights by which people were drawn are where raking starts, in the estimates and in their draws."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
from intake_study import answers, make, put

from evaluation.analysis import comparison, population_weights
from evaluation.intake import waves
from evaluation.statistics import weighting


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))
    return make(tmp_path / "study", waves=("W2022", "W2024"), n=200)


@pytest.fixture
def margins():
    index = pd.Index(["black", "white", "asian"], name="ethnic5")
    return {"ethnic5": pd.Series([100.0, 700.0, 200.0], index=index, name="ethnic5")}


def drawn(plan, weights):
    put(plan, "W2024", answers(200, seed=1).assign(base_wt=weights))
    return [f.kind for f in waves.check(plan, "W2024")]


def raked(plan, margins):
    chosen = plan.model_copy(
        update={
            "population": plan.population.model_copy(
                update={"margins": ("ethnic5",), "trim_low": 0.0, "trim_high": 99.0}
            )
        }
    )
    design = waves.take_in(plan, "W2024").design
    return chosen, design, population_weights.rake(chosen, design, margins)


def test_raking_starts_from_the_weights_of_the_draw(plan, margins):
    weights = np.where(np.arange(200) % 2, 4.0, 0.25)
    assert drawn(plan, weights) == []
    _, design, one = raked(plan, margins)
    expected = weighting.rake(
        pd.DataFrame({"ethnic5": one.frame["margin.ethnic5"]}),
        {"ethnic5": margins["ethnic5"]},
        base_weight=design["base_wt"],
    )
    np.testing.assert_allclose(one.values, expected.values * (one.values.sum() / expected.values.sum()), rtol=1e-6)
    by = one.values.groupby(design["base_wt"].astype(float)).mean()
    assert by[4.0] / by[0.25] > 10


def test_a_draw_of_the_others_starts_from_them_too(plan, margins):
    assert drawn(plan, np.where(np.arange(200) % 2, 4.0, 0.25)) == []
    chosen, design, _ = raked(plan, margins)
    treated = pd.Series(0, index=design.index)
    again = comparison.raking(chosen, design, treated, margins)
    people = design.assign(**{comparison.TREATED: 0, "times": 1.0})
    once = population_weights.rake(chosen, design, margins).values
    np.testing.assert_allclose(again(people, "times"), once / once.mean(), rtol=1e-6)


@pytest.mark.parametrize("first", ["", "0", "0.0"])
def test_a_weight_that_somebody_lacks_is_a_fault(plan, first):
    assert drawn(plan, [first, *["1.5"] * 199]) == ["base_weight"]


def test_a_weight_under_0_is_a_fault(plan):
    assert "value" in drawn(plan, ["-1", *["1.5"] * 199])
