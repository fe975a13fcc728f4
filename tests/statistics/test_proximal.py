"""A double negative control: the planted effect found, sets that are right with weak controls, what is refused."""

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import sensitivity

TRUE = 0.3
ROLES = {"outcome": "y", "treat": "a", "outcome_control": "w", "exposure_controls": ["z1", "z2"], "width": 4.0}


def people(seed, shared, n=1000, effect=TRUE):
    """An unseen trait moves who attends and the answer by half; controls share it by `shared`."""
    rng = np.random.default_rng(seed)
    trait = rng.normal(size=n)
    a = (rng.random(n) < 1 / (1 + np.exp(1.4 - 0.8 * trait))).astype(float)
    controls = {name: shared * trait + rng.normal(size=n) for name in ("w", "z1", "z2")}
    answer = effect * a + 0.5 * trait + rng.normal(0, 0.8, n)
    return pd.DataFrame({"y": answer, "a": a, **controls, "c": rng.integers(0, 40, n), "one": 1.0})


def made(seed, shared, **more):
    return sensitivity.proximal(people(seed, shared), **ROLES, cluster="c", **more)


def test_where_controls_share_the_trait_the_effect_is_found_and_held():
    found = [made(s, 0.7) for s in range(60)]
    assert all(f.informative for f in found)
    assert np.median([f.estimate.value for f in found]) == pytest.approx(TRUE, abs=0.05)
    assert np.mean([f.naive for f in found]) > TRUE + 0.25
    assert np.mean([f.holds(TRUE) for f in found]) >= 0.88


def test_where_they_do_not_nothing_is_read_and_the_set_still_holds_the_truth():
    found = [made(s, 0.0) for s in range(60)]
    assert np.mean([f.informative for f in found]) <= 0.05
    assert np.mean([f.holds(TRUE) for f in found]) >= 0.9
    assert np.mean([f.estimate.low <= TRUE <= f.estimate.high for f in found]) < 0.8  # the plain interval is no guard


def test_with_one_exposure_control_it_is_the_ratio_of_four_coefficients():
    frame = people(3, 0.7)
    x = np.column_stack([np.ones(len(frame)), frame["a"], frame["z1"]])
    (_, ay, zy), (_, aw, zw) = (np.linalg.lstsq(x, frame[v], rcond=None)[0] for v in ("y", "w"))
    found = sensitivity.proximal(frame, **{**ROLES, "exposure_controls": ["z1"]})
    assert found.estimate.value == pytest.approx(ay - aw * zy / zw, rel=1e-9)


def test_weights_of_a_constant_and_shuffled_rows_change_nothing():
    frame = people(4, 0.7)
    one = sensitivity.proximal(frame, **ROLES, cluster="c")
    for other in (frame.assign(one=100.0), frame.sample(frac=1, random_state=1)):
        found = sensitivity.proximal(other, **ROLES, cluster="c", weight="one")
        assert found.estimate.value == pytest.approx(one.estimate.value, rel=1e-9)
        assert found.estimate.se == pytest.approx(one.estimate.se, rel=1e-9)
        assert (found.low, found.high) == (one.low, one.high)


def test_an_integer_weight_is_as_many_copies_of_a_person():
    frame = people(5, 0.7, n=300).assign(w2=lambda d: 1.0 + d.index % 3)
    copies = frame.loc[frame.index.repeat(frame["w2"].astype(int))].reset_index(drop=True)
    ours = sensitivity.proximal(frame, **ROLES, weight="w2", cluster="c").estimate
    theirs = sensitivity.proximal(copies, **ROLES, cluster="c").estimate
    assert ours.value == pytest.approx(theirs.value, rel=1e-9)
    assert ours.se == pytest.approx(theirs.se, rel=1e-9)


def test_controls_that_contradict_each_other_leave_an_empty_set():
    frame = people(6, 0.7, n=4000)
    frame["y"] += 2 * frame["z1"]  # an exposure control that moves the outcome
    found = sensitivity.proximal(frame, **ROLES, cluster="c")
    assert not found.informative
    assert not found.holds(TRUE)


@pytest.mark.parametrize(
    "roles",
    [
        {"outcome_control": "y"},
        {"exposure_controls": []},
        {"exposure_controls": ["w"]},
        {"covariates": ["y"]},
        {"covariates": ["z1"]},
        {"exposure_controls": ["z1", "a2"]},
    ],
)
def test_a_control_that_is_the_outcome_or_another_role_is_refused(roles):
    frame = people(7, 0.7).assign(a2=lambda d: 1 - d["a"])
    with pytest.raises(errors.DataError):
        sensitivity.proximal(frame, **{**ROLES, **roles})


def test_fewer_clusters_than_controls_are_refused():
    with pytest.raises(errors.EmptyCell):
        sensitivity.proximal(people(8, 0.7).assign(c=lambda d: d.index % 4), **ROLES, cluster="c")
