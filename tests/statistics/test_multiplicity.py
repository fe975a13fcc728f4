"""Families of outcomes: corrected p-values, the joint test of negative controls, and their refusals."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from evaluation import errors
from evaluation.statistics import inference, multiplicity

OUTCOMES = ["y1", "y2", "y3"]


def people(seed=1, clusters=9, size=20, shift=0.0, rho=0.5):
    rng = np.random.default_rng(seed)
    n = clusters * size
    session = np.repeat(np.arange(clusters), size)
    treat = rng.integers(0, 2, n)
    shared = rng.normal(size=n)
    common = rng.normal(scale=0.3, size=(clusters, 3))[session]
    noise = np.sqrt(1 - rho) * rng.normal(size=(n, 3)) + np.sqrt(rho) * shared[:, None] + common
    frame = pd.DataFrame(noise, columns=OUTCOMES)
    frame["y1"] += shift * treat
    return frame.assign(
        treat=treat, session=session, x=rng.normal(size=n), group=rng.choice(["a", "b", "c"], n), w=rng.uniform(1, 3, n)
    )


@pytest.mark.parametrize(("ours", "name"), [("holm", "holm"), ("benjamini_hochberg", "fdr_bh")])
def test_step_procedures_agree_with_a_second_implementation(ours, name):
    p = pd.Series([0.04, 0.001, 0.2, 0.03, 0.03, 0.9], index=list("abcdef"))
    made = getattr(multiplicity, ours)(p)
    assert list(made.index) == list("abcdef")
    assert made.to_numpy() == pytest.approx(multipletests(p, method=name)[1], abs=1e-14)
    from_mapping = getattr(multiplicity, ours)(p.to_dict())
    pd.testing.assert_series_equal(from_mapping, made)


def test_values_worked_by_hand():
    p = {"a": 0.01, "b": 0.04, "c": 0.03}
    assert multiplicity.holm(p).to_dict() == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert multiplicity.benjamini_hochberg(p).to_dict() == pytest.approx({"a": 0.03, "b": 0.04, "c": 0.04})
    assert multiplicity.expected_by_chance(40) == 2.0
    assert multiplicity.expected_by_chance(40, 0.1) == 4.0


@pytest.mark.parametrize("bad", [{"a": 1.2}, {"a": -0.1}, {"a": float("nan")}])
def test_p_values_out_of_range_are_refused(bad):
    for function in (multiplicity.holm, multiplicity.benjamini_hochberg):
        with pytest.raises(errors.DataError, match="between 0 and 1"):
            function(bad)


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize(("clusters", "draws"), [(9, 999), (14, 499)])
def test_one_outcome_is_the_wild_cluster_bootstrap(weight, clusters, draws):
    frame = people(clusters=clusters, shift=0.3)
    made = multiplicity.romano_wolf(
        frame, outcomes=["y1"], treat="treat", covariates=["x"], weight=weight, cluster="session", draws=draws, seed=5
    )
    x = np.column_stack([np.ones(len(frame)), frame["treat"], frame["x"]])
    fit = inference.regress(x, frame["y1"].to_numpy(), ["one", "treat", "x"], frame[weight] if weight else None)
    held = inference.wild_cluster(fit, frame["session"], term="treat", draws=draws, seed=5)
    assert made.loc[0, "p"] == pytest.approx(held.p, abs=1e-12)
    assert made.loc[0, "p_family"] == made.loc[0, "p"]
    assert made.loc[0, "se"] == pytest.approx(held.se, rel=1e-10)
    assert made.loc[0, "value"] == pytest.approx(held.value, rel=1e-10)


def test_family_p_from_the_definition():
    """Steps worked again from the draws of each single outcome, which share their signs."""
    frame = people(clusters=7, shift=0.45)
    call = {"treat": "treat", "covariates": ["x", "group"], "cluster": "session", "draws": 999, "seed": 3}
    made = multiplicity.romano_wolf(frame, outcomes=OUTCOMES, **call).set_index("outcome")
    dummies = pd.get_dummies(frame["group"], drop_first=True).to_numpy(float)
    x = np.column_stack([np.ones(len(frame)), frame["treat"], frame["x"], dummies])
    signs = 1 - 2 * ((np.arange(128)[:, None] >> np.arange(7)) & 1).astype(float)
    t, drawn = {}, {}
    for y in OUTCOMES:
        fit = inference.regress(x, frame[y].to_numpy(), list("abcde"))
        rest = np.delete(x, 1, axis=1)
        null = inference.regress(rest, frame[y].to_numpy(), list("acde"))
        t[y] = inference.cluster_robust(fit, frame["session"], kind="CR1S")
        t[y] = abs(t[y].params["b"] / t[y].se["b"])
        drawn[y] = []
        for sign in signs:
            star = null.y - null.residuals + null.residuals * sign[frame["session"]]
            c = inference.cluster_robust(inference.regress(x, star, list("abcde")), frame["session"], kind="CR1S")
            drawn[y].append(abs(c.params["b"] / c.se["b"]))
    left, last = sorted(OUTCOMES, key=lambda y: -t[y]), 0.0
    while left:
        largest = np.max([drawn[y] for y in left], axis=0)
        last = max(last, float((largest >= t[left[0]] - 1e-10).mean()))
        assert made.loc[left[0], "p_family"] == pytest.approx(last, abs=1e-12)
        left = left[1:]


def test_order_of_p_and_shuffles_and_scale_of_weights():
    frame = people(shift=0.4)
    call = {"treat": "treat", "cluster": "session", "weight": "w", "draws": 999, "seed": 3}
    made = multiplicity.romano_wolf(frame, outcomes=OUTCOMES, **call)
    assert (made["p_family"] >= made["p"] - 1e-12).all()
    assert list(made["outcome"]) == OUTCOMES
    assert set(made["method"]) == {multiplicity.WILD}
    other = frame.assign(w=frame["w"] * 100).sample(frac=1, random_state=1)
    again = multiplicity.romano_wolf(other, outcomes=OUTCOMES, **call)
    pd.testing.assert_frame_equal(made, again, rtol=1e-9)


def test_copies_of_one_outcome_cost_nothing():
    frame = people(shift=0.4).assign(same=lambda f: f["y1"], opposite=lambda f: -f["y1"])
    made = multiplicity.romano_wolf(
        frame, outcomes=["y1", "same", "opposite"], treat="treat", cluster="session", seed=1
    )
    assert made["p_family"].to_numpy() == pytest.approx(made["p"].to_numpy(), abs=1e-12)


def test_few_clusters_fall_back_to_holm_and_say_so():
    frame = people(clusters=5, shift=0.4)
    made = multiplicity.romano_wolf(frame, outcomes=OUTCOMES, treat="treat", cluster="session", seed=1)
    assert set(made["method"]) == {multiplicity.HOLM}
    fit = inference.regress(np.column_stack([np.ones(len(frame)), frame["treat"]]), frame["y2"].to_numpy(), ["a", "b"])
    held = inference.cluster_robust(fit, frame["session"]).estimate("b")
    assert made.loc[1, "p"] == pytest.approx(held.p, rel=1e-9)
    assert made.loc[1, "df"] == pytest.approx(held.df, rel=1e-9)
    assert made["p_family"].to_numpy() == pytest.approx(multiplicity.holm(made["p"]).to_numpy())


def test_sessions_of_one_side_count_not_their_sum():
    frame = people(clusters=20)
    frame["treat"] = (frame["session"] < 5).astype(int)
    made = multiplicity.romano_wolf(frame, outcomes=OUTCOMES, treat="treat", cluster="session", seed=1)
    assert set(made["method"]) == {multiplicity.HOLM}


def test_without_clusters_each_person_is_one():
    frame = people(shift=0.4)
    made = multiplicity.romano_wolf(frame, outcomes=OUTCOMES, treat="treat", seed=1)
    labelled = frame.assign(one=np.arange(len(frame)))
    again = multiplicity.romano_wolf(labelled, outcomes=OUTCOMES, treat="treat", cluster="one", seed=1)
    pd.testing.assert_frame_equal(made, again)


def test_missing_answers_are_refused_or_left_out_outcome_by_outcome():
    frame = people(shift=0.4)
    frame.loc[:6, "y2"] = np.nan
    call = {"outcomes": OUTCOMES, "treat": "treat", "cluster": "session", "seed": 1}
    with pytest.raises(errors.MissingValues, match="y2"):
        multiplicity.romano_wolf(frame, **call)
    made = multiplicity.romano_wolf(frame, **call, missing="each").set_index("outcome")
    assert made["n"].to_dict() == {"y1": 180, "y2": 173, "y3": 180}
    alone = multiplicity.romano_wolf(frame.dropna(), **(call | {"outcomes": ["y2"]}))
    assert made.loc["y2", "p"] == alone.loc[0, "p"]


@pytest.mark.parametrize(
    ("change", "call", "error"),
    [
        ({}, {"outcomes": []}, errors.DataError),
        ({}, {"outcomes": ["y1", "y1"]}, errors.DataError),
        ({}, {"outcomes": ["y1", "treat"]}, errors.DataError),
        ({}, {"outcomes": ["nowhere"]}, errors.UnknownColumn),
        ({}, {"missing": "drop"}, errors.Unsupported),
        ({}, {"draws": 10}, errors.DataError),
        ({"treat": 1}, {}, errors.EmptyCell),
        ({"session": 1}, {}, errors.EmptyCell),
        ({"y2": 3.0}, {}, errors.DataError),
        ({"w": 0.0}, {"weight": "w"}, errors.DataError),
        ({"x": 2.0}, {"covariates": ["x"]}, errors.Collinear),
    ],
)
def test_refusals(change, call, error):
    frame = people().assign(**change)
    with pytest.raises(error):
        multiplicity.romano_wolf(
            frame, **({"outcomes": OUTCOMES, "treat": "treat", "cluster": "session", "seed": 1} | call)
        )


def test_joint_is_the_smallest_family_p():
    frame = people(shift=0.3)
    call = {"outcomes": OUTCOMES, "treat": "treat", "covariates": ["x"], "cluster": "session", "seed": 4}
    made = multiplicity.joint(frame, **call)
    table = multiplicity.romano_wolf(frame, **call)
    assert made.p == table["p_family"].min()
    assert made.statistic == pytest.approx(table["t"].abs().max())
    assert (made.p <= 0.05) == (made.statistic >= made.critical)
    assert "p_joint" in made.tidy()
    assert "3 outcomes" in made.summary()


def test_an_underpowered_placebo_is_never_passed():
    made = multiplicity.joint(people(seed=2), outcomes=OUTCOMES, treat="treat", cluster="session", seed=4)
    assert made.p > 0.05
    largest = made.table["detectable"].max()
    assert made.reading(largest * 1.01) == "no difference seen"
    assert made.reading(largest * 0.99) == "not informative"
    assert made.reading(dict.fromkeys(OUTCOMES, largest)) == "no difference seen"
    with pytest.raises(errors.UnknownColumn, match="y3"):
        made.reading({"y1": 1, "y2": 1})
    shifted = multiplicity.joint(people(shift=2.0), outcomes=OUTCOMES, treat="treat", cluster="session", seed=4)
    assert shifted.reading(0.01) == "differs"


def test_joint_falls_back_with_few_clusters():
    made = multiplicity.joint(people(clusters=4), outcomes=OUTCOMES, treat="treat", cluster="session", seed=4)
    assert made.method == multiplicity.HOLM
    assert made.clusters_a_side == 4
    assert (made.table["detectable"] > made.table["se"]).all()


def test_size_and_power_at_the_stated_size():
    """The family error is near 5 % without a difference; the stated size is found in about four of five."""
    runs, clusters = 150, 14
    call = {"outcomes": OUTCOMES, "treat": "treat", "cluster": "session", "draws": 299}
    null = [multiplicity.joint(people(seed=s, clusters=clusters), seed=s, **call) for s in range(runs)]
    assert 0.01 <= np.mean([j.p <= 0.05 for j in null]) <= 0.095
    detectable = float(np.mean([j.table["detectable"].iloc[0] for j in null]))
    found = [
        multiplicity.joint(people(seed=s, clusters=clusters, shift=detectable), seed=s, **call).p <= 0.05
        for s in range(runs)
    ]
    assert np.mean(found) >= 0.72
