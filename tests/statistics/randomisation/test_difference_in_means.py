"""Differences in means of a lot and the Wald ratio, held to R's estimatr (scripts/lots.R)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.results import NotIdentified
from evaluation.statistics import randomisation as lot

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
R = json.loads((GOLDEN / "fixtures" / "lots.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def data():
    frame = pd.read_csv(GOLDEN / "data" / "lots.csv")
    return {name: part.reset_index(drop=True) for name, part in frame.groupby("design")}


def equal(found, want):
    for key in ("value", "se", "df", "p", "low", "high"):
        assert getattr(found, key) == pytest.approx(want[key], rel=1e-8, abs=1e-10), key


@pytest.mark.parametrize(
    ("case", "design", "roles"),
    [
        ("plain", "people", {}),
        ("blocks", "people", {"block": "block"}),
        ("pairs", "pairs", {"block": "block"}),
        ("clusters", "places", {"cluster": "unit"}),
        ("block_clusters", "places", {"block": "block", "cluster": "unit"}),
        ("cluster_pairs", "place pairs", {"block": "block", "cluster": "unit"}),
    ],
)
def test_a_difference_in_means_is_estimatrs(data, case, design, roles):
    equal(lot.difference_in_means(data[design], outcome="y", arm="z", **roles), R[case])


def test_the_adjusted_difference_is_lins(data):
    roles = {"outcome": "y", "arm": "z", "covariates": ["earlier"]}
    equal(lot.adjusted_difference(data["people"], block="block", **roles), R["lin"])
    equal(lot.adjusted_difference(data["places"], cluster="unit", **roles), R["lin_clusters"])


@pytest.mark.parametrize(
    ("case", "design", "roles"), [("wald", "people", {}), ("wald_clusters", "places", {"cluster": "unit"})]
)
def test_the_wald_ratio_is_that_of_two_stages(data, case, design, roles):
    found = lot.compliance(data[design], outcome="y", arm="z", took_part="d", **roles)
    equal(found.effect, R[case])


def test_with_blocks_the_ratio_is_of_the_blocked_differences(data):
    frame = data["people"]
    found = lot.compliance(frame, outcome="y", arm="z", took_part="d", block="block")
    on_y = lot.difference_in_means(frame, outcome="y", arm="z", block="block")
    on_d = lot.difference_in_means(frame, outcome="d", arm="z", block="block")
    assert found.effect.value == pytest.approx(on_y.value / on_d.value, rel=1e-12)
    rest = frame.assign(e=frame["y"] - found.effect.value * frame["d"])
    error = lot.difference_in_means(rest, outcome="e", arm="z", block="block").se / on_d.value
    assert found.effect.se == pytest.approx(error, rel=1e-10)


def test_the_anderson_rubin_set_holds_what_a_test_of_the_rest_does_not_reject(data):
    frame = data["people"]
    found = lot.compliance(frame, outcome="y", arm="z", took_part="d", block="block").plausible
    assert found.shape == "interval"
    for value in np.linspace(-3, 3, 241):
        rest = frame.assign(e=frame["y"] - value * frame["d"])
        p = lot.difference_in_means(rest, outcome="e", arm="z", block="block").p
        assert found.holds(value) == (p >= 0.05), value


@pytest.mark.parametrize(
    ("numbers", "shape"),
    [
        ((1.0, 0.5, 0.04, 0.01, 0.0, 2.0), "interval"),
        ((1.0, 0.1, 0.04, 0.01, 0.0, 2.0), "two half-lines"),
        ((0.1, 0.1, 0.04, 0.01, 0.0, 2.0), "everything"),
    ],
)
def test_a_set_without_end_is_said_to_have_none(numbers, shape):
    y, d, v_y, v_d, c, cut = numbers
    found = lot.anderson_rubin(*numbers)
    assert found.shape == shape
    for e in np.linspace(-30, 30, 601):
        inside = (y - e * d) ** 2 <= cut**2 * (v_y - 2 * e * c + e**2 * v_d)
        assert found.holds(e) == inside, e


def test_nobody_moved_by_the_lot_is_refused(data):
    frame = data["people"].assign(d=lambda f: 1 - f["z"])
    found = lot.compliance(frame, outcome="y", arm="z", took_part="d")
    assert isinstance(found.effect, NotIdentified)
    assert "no more often" in found.effect.reason


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda f: f.assign(z=2), "0 and 1"),
        (lambda f: f.assign(y=f["y"].where(f.index != 3)), "missing"),
        (lambda f: f.assign(block=f.index), "one arm only"),
        (lambda f: f.drop(columns="z"), "'z'"),
    ],
)
def test_a_frame_that_is_no_lot_is_refused(data, spoil, why):
    with pytest.raises(errors.DataError, match=why):
        lot.difference_in_means(spoil(data["people"]), outcome="y", arm="z", block="block")


def test_a_cluster_in_both_arms_is_refused(data):
    frame = data["places"].copy()
    frame.loc[0, "z"] = 1 - frame.loc[0, "z"]
    with pytest.raises(errors.DataError, match="two arms"):
        lot.difference_in_means(frame, outcome="y", arm="z", cluster="unit")


def test_one_unit_in_an_arm_beside_fuller_blocks_is_refused():
    frame = pd.DataFrame({"y": [1.0, 2, 3, 4, 5], "z": [1, 1, 0, 1, 0], "b": list("aaabb")})
    with pytest.raises(errors.EmptyCell, match="one unit in an arm"):
        lot.difference_in_means(frame, outcome="y", arm="z", block="b")


# ---- answers missing by arm -------------------------------------------------------------------------------------


def test_lee_bounds_by_hand():
    frame = pd.DataFrame({"z": [1] * 5 + [0] * 5, "y": [1.0, 2, 3, 4, np.nan, 2, 4, np.nan, np.nan, np.nan]})
    found = lot.lee_bounds(frame, outcome="y", arm="z")
    assert found.answered == (0.8, 0.4)
    assert found.trimmed == pytest.approx(0.5)
    assert (found.low, found.high) == pytest.approx((1.5 - 3, 3.5 - 3))
    swapped = lot.lee_bounds(frame.assign(z=1 - frame["z"]), outcome="y", arm="z")
    assert (swapped.low, swapped.high) == pytest.approx((-found.high, -found.low))


def test_with_equal_answering_the_bounds_meet_at_the_difference():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"z": [0, 1] * 50, "y": rng.normal(size=100)})
    found = lot.lee_bounds(frame, outcome="y", arm="z")
    want = frame.groupby("z")["y"].mean()
    assert found.low == pytest.approx(found.high)
    assert found.low == pytest.approx(want[1] - want[0])


def test_an_arm_in_which_nobody_answered_has_no_bounds():
    frame = pd.DataFrame({"z": [1, 1, 0, 0], "y": [1.0, 2.0, np.nan, np.nan]})
    with pytest.raises(errors.EmptyCell, match="nobody of one arm"):
        lot.lee_bounds(frame, outcome="y", arm="z")
