"""Scales: scores by the stated rule, reliability held to psych."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import scales

GOLDEN = Path(__file__).parents[1] / "golden"
R = json.loads((GOLDEN / "fixtures" / "scales.json").read_text())
ITEMS = list("abcd")


def items():
    d = pd.read_csv(GOLDEN / "data" / "attendance.csv")
    row = np.arange(1, len(d) + 1)
    raw = {
        "a": d["trust"] + 0.9 * np.sin(row),
        "b": d["trust"] + 1.1 * np.sin(2.3 * row),
        "c": 0.8 * d["trust"] + 0.5 + 1.3 * np.sin(3.7 * row),
        "d": d["trust"] + 1.5 * np.cos(1.1 * row),
    }
    return pd.DataFrame({k: np.searchsorted([1.6, 2.2, 2.8, 3.4], v, side="right") + 1 for k, v in raw.items()})


def test_items_are_those_r_saw():
    assert items().mean().to_dict() == pytest.approx(R["means"], rel=1e-12)


def test_reliability_agrees_with_psych():
    made = scales.reliability(items(), ITEMS)
    assert made.alpha == pytest.approx(R["alpha"], rel=1e-6, abs=1e-6)
    assert [made.alpha_low, made.alpha_high] == pytest.approx(R["feldt"], abs=1e-3)
    assert made.omega == pytest.approx(R["omega"], abs=1e-6)
    assert made.items.set_index("item")["item_rest"].to_dict() == pytest.approx(R["item_rest"], rel=1e-9)
    assert made.n == len(items())
    assert "omega" in made.summary()
    assert list(made.tidy()["item"]) == ITEMS


def test_floor_and_ceiling_are_the_ends_of_the_answers():
    table = scales.reliability(items(), ITEMS).items.set_index("item")
    for name, column in items().items():
        assert table.loc[name, "floor"] == pytest.approx((column == 1).mean())
        assert table.loc[name, "ceiling"] == pytest.approx((column == 5).mean())


def test_floor_and_ceiling_know_an_end_that_nobody_chose():
    """An item nobody answered with 1 has no people at the floor of a scale from 1 to 5."""
    d = items().assign(a=lambda f: f["a"].clip(lower=2))
    table = scales.reliability(d, ITEMS, ends=(1, 5)).items.set_index("item")
    assert table.loc["a", "floor"] == 0
    assert table.loc["b", "floor"] > 0


@pytest.mark.parametrize("k", [3, 5, 8])
def test_omega_of_equal_loadings_is_known(k):
    correlations = np.full((k, k), 0.49)
    np.fill_diagonal(correlations, 1.0)
    known = (k * 0.7) ** 2 / ((k * 0.7) ** 2 + k * 0.51)
    assert scales.omega(correlations) == pytest.approx(known, rel=1e-7)


def test_omega_does_not_change_with_the_order_of_items():
    d = items()
    assert scales.omega(d.corr().to_numpy()) == pytest.approx(scales.omega(d[list("dbca")].corr().to_numpy()), rel=1e-7)


def test_scores_need_the_stated_number_of_answers():
    d = pd.DataFrame({"a": [1, 2, pd.NA, pd.NA], "b": [3, 4, 5, pd.NA], "c": [5, pd.NA, pd.NA, pd.NA]}, dtype="Int64")
    made = scales.score(d, ["a", "b", "c"], least=2)
    assert made.iloc[:2].tolist() == [3.0, 3.0]
    assert made.iloc[2:].isna().all()
    assert scales.score(d, ["a", "b", "c"], least=1).iloc[2] == 5.0
    assert scales.score(d, ["a", "b", "c"], least=3).notna().sum() == 1
    assert made.index.equals(d.index)


@pytest.mark.parametrize("least", [0, 4])
def test_a_rule_that_cannot_be_met_is_refused(least):
    with pytest.raises(errors.DataError, match="least"):
        scales.score(items(), ["a", "b", "c"], least=least)


@pytest.mark.parametrize(
    ("frame", "names", "error"),
    [
        (items(), ["a", "b"], errors.DataError),
        (items().head(9), ITEMS, errors.DataError),
        (items().assign(b=3), ITEMS, errors.DataError),
        (items(), ["a", "b", "z"], errors.UnknownColumn),
    ],
)
def test_reliability_refuses(frame, names, error):
    with pytest.raises(error):
        scales.reliability(frame, names)
    with pytest.raises(errors.UnknownColumn):
        scales.score(frame, ["nowhere"], least=1)
