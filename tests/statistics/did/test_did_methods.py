"""Difference-in-differences by recovery and by what must hold: composition, areas, staggered exposure, linkage."""

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics import did
from evaluation.statistics.did import composition, pre_trends


def shifting(rng, n=6000, effect=0.5, shift=0.8):
    """Two waves whose people differ in x more as time goes on, in the group; y falls with x."""
    g, t = rng.integers(0, 2, n), rng.integers(0, 2, n)
    x = rng.normal(0.3 * g + shift * g * t, 1.0)
    y = 3 - 0.6 * x + 0.2 * t + effect * g * t + rng.normal(0, 0.8, n)
    return pd.DataFrame({"y": y, "g": g, "t": t, "x": x, "w": rng.uniform(0.5, 2.0, n), "s": rng.integers(0, 60, n)})


WORDS = {"outcome": "y", "group": "g", "time": "t"}


def test_a_change_of_composition_is_adjusted_and_found():
    frame = shifting(np.random.default_rng(1))
    plain = did.two_by_two(frame, weight="w", **WORDS)
    free = composition.robust_to_composition(frame, covariates=["x"], weight="w", **WORDS)
    four = composition.four_group(frame, covariates=["x"], weight="w", **WORDS)
    assert plain.value < 0.2
    assert free.value == pytest.approx(0.5, abs=4 * free.se)
    assert four.value == pytest.approx(0.5, abs=0.12)
    assert four.n_effective < len(frame)
    seen = composition.between_waves(frame, time="t", columns=["x"], weight="w", draws=99, seed=1)
    assert seen.grade == "fail"
    assert seen.worst == pytest.approx(abs(seen.table["smd"]).max())


def test_the_test_of_composition_sees_a_change_that_matters():
    rng = np.random.default_rng(2)
    n = 8000
    g, t = rng.integers(0, 2, n), rng.integers(0, 2, n)
    x = rng.normal(1.2 * g * t, 1.0)
    y = 3 + 0.2 * t + (0.2 + 0.6 * x) * g * t + rng.normal(0, 0.6, n)  # the effect itself depends on x
    frame = pd.DataFrame({"y": y, "g": g, "t": t, "x": x})
    made = composition.composition_test(frame, covariates=["x"], **WORDS)
    assert made.difference.p < 0.001
    assert made.free.value == pytest.approx(0.2 + 0.6 * 1.2, abs=4 * made.free.se)
    assert made.constant.value < made.free.value
    same = composition.composition_test(shifting(rng, n=3000, shift=0.0), covariates=["x"], cluster="s", **WORDS)
    assert same.difference.p > 0.001
    assert same.difference.df == 59


def test_without_covariates_all_composition_estimators_are_the_two_by_two():
    frame = shifting(np.random.default_rng(3), n=800)
    plain = did.two_by_two(frame, weight="w", **WORDS).value
    for run in (composition.robust_to_composition, composition.four_group):
        assert run(frame, covariates=[], weight="w", **WORDS).value == pytest.approx(plain, rel=1e-6)
    for method in ("traditional", "improved", "regression", "weighting"):
        assert did.doubly_robust(frame, covariates=[], weight="w", method=method, **WORDS).value == pytest.approx(plain)


def test_the_error_without_stationarity_agrees_with_a_bootstrap():
    frame = shifting(np.random.default_rng(4), n=900)
    made = composition.robust_to_composition(frame, covariates=["x"], **WORDS)
    drawn = [
        composition.robust_to_composition(
            frame.sample(frac=1, replace=True, random_state=i).reset_index(drop=True), covariates=["x"], **WORDS
        ).value
        for i in range(120)
    ]
    assert made.se == pytest.approx(np.std(drawn), rel=0.2)


def test_four_group_weights_make_all_cells_alike():
    frame = shifting(np.random.default_rng(5), shift=0.4)
    made = composition.four_group_weights(frame, group="g", time="t", covariates=["x"])
    target = frame.query("g == 1 and t == 0")["x"].mean()
    for _, rows in frame.groupby(["g", "t"]):
        assert np.average(rows["x"], weights=made[rows.index]) == pytest.approx(target, abs=0.12)
        assert made[rows.index].mean() == pytest.approx(1.0)
    with pytest.raises(errors.DataError, match="not known"):
        composition.four_group_weights(
            frame.assign(g=frame["g"].where(frame["t"] == 1)), group="g", time="t", covariates=["x"]
        )


def test_multinomial_chances_agree_with_statsmodels():
    import statsmodels.api as sm

    frame = shifting(np.random.default_rng(6), n=700)
    x = np.column_stack([np.ones(700), frame["x"]])
    cell = (3 - (2 * frame["g"] + frame["t"])).to_numpy()
    held = sm.MNLogit(cell, x).fit(disp=False, method="newton").predict()
    assert composition.cell_probabilities(x, cell, np.ones(700)) == pytest.approx(held, abs=1e-5)


def test_composition_by_chance_passes_with_whole_sessions():
    rng = np.random.default_rng(7)
    session = np.repeat(np.arange(40), 20)
    frame = pd.DataFrame({"t": session % 2, "s": session, "x": rng.normal(0, 1, 40)[session] + rng.normal(0, 1, 800)})
    whole = composition.between_waves(frame, time="t", columns=["x"], session="s", draws=199, seed=1)
    alone = composition.between_waves(frame, time="t", columns=["x"], draws=199, seed=1)
    assert whole.reference[0] > 2 * alone.reference[0]
    assert whole.grade in ("pass", "flag")


def test_a_panel_and_cross_sections_give_the_same_effects_and_other_errors():
    frame = panel(np.random.default_rng(8))
    words = {"outcome": "y", "first_treated": "first", "time": "t", "control": "never"}
    same, apart = did.group_time(frame, unit="id", **words), did.group_time(frame, **words)
    assert [e.value for e in same] == pytest.approx([e.value for e in apart])
    assert np.mean([e.se for e in same]) < 0.8 * np.mean([e.se for e in apart])
    by_person = did.group_time(frame, cluster="id", **words)
    assert [e.se for e in by_person] == pytest.approx([e.se for e in same], rel=0.01)


def panel(rng, n=600, times=5):
    own, first = rng.normal(0, 1, n), rng.choice([0, 3, 4], n)
    rows = [
        pd.DataFrame(
            {
                "id": range(n),
                "t": t,
                "first": first,
                "y": own + 0.1 * t + 0.5 * ((first > 0) & (t >= first)) + rng.normal(0, 0.6, n),
            }
        )
        for t in range(1, times + 1)
    ]
    return pd.concat(rows, ignore_index=True)


def test_group_time_refuses_what_it_cannot_read():
    frame = panel(np.random.default_rng(9), n=60)
    words = {"outcome": "y", "first_treated": "first", "time": "t"}
    for bad, match in (
        (frame.iloc[1:], "missing at a time"),
        (pd.concat([frame, frame.head(1)]), "twice"),
        (frame.assign(first=np.where(frame["t"] == 5, 3, frame["first"])), "changes group"),
    ):
        with pytest.raises(errors.DataError, match=match):
            did.group_time(bad, unit="id", **words)
    with pytest.raises(errors.EmptyCell, match="first time on"):
        did.group_time(frame.assign(first=1), **words)
    with pytest.raises(errors.EmptyCell, match="compared"):
        did.group_time(frame.assign(first=3), control="never", **words)
    with pytest.raises(errors.Unsupported):
        did.group_time(frame, control="some", **words)
    only = did.group_time(frame[frame["first"] > 0], **words)
    assert only.left_out  # from the last group's treatment on nobody is left to compare with


def test_simultaneous_intervals_are_wider_and_draws_agree_with_the_formula():
    made = did.group_time(panel(np.random.default_rng(10)), outcome="y", first_treated="first", time="t", unit="id")
    band = made.band(draws=1999, seed=1)
    assert all(b.high - b.low > e.high - e.low for b, e in zip(band, made, strict=True))
    drawn = did.group_time(
        panel(np.random.default_rng(10)), outcome="y", first_treated="first", time="t", unit="id", draws=1999, seed=1
    )
    assert [e.se for e in drawn] == pytest.approx([e.se for e in made], rel=0.1)
    assert made.pretest().p > 0.001


def test_detectable_slope_is_found_with_the_power_it_names():
    cov = 0.02 * (np.eye(3) + 0.3)
    times = [-3.0, -2.0, -1.0]
    steep = pre_trends.detectable_slope(cov, times)
    rng = np.random.default_rng(11)
    draws = rng.multivariate_normal(steep * np.array(times), cov, 4000)
    found = (np.abs(draws) / np.sqrt(np.diag(cov)) > 1.96).any(axis=1).mean()
    assert found == pytest.approx(0.8, abs=0.03)
    line = pre_trends.slope(steep * np.array(times), cov, times)
    assert line.value == pytest.approx(steep)
    with pytest.raises(errors.EmptyCell):
        pre_trends.slope([], np.zeros((0, 0)), [])


def test_smoothness_with_no_bend_is_a_straight_line_carried_on():
    cov = np.diag([0.01, 0.01, 0.02])
    d = pre_trends.Departures.of([-0.4, -0.2], [0.9], cov)
    found = pre_trends.smoothness(d, bounds=[0.0]).iloc[0]
    x = np.array([-2.0, -1.0])
    slope = (x @ np.array([-0.4, -0.2])) / (x @ x)
    se = np.sqrt(0.02 + 0.01 / (x @ x))
    assert (found["low"] + found["high"]) / 2 == pytest.approx(0.9 - slope, abs=1e-6)
    assert (found["high"] - found["low"]) / 2 == pytest.approx(1.959964 * se, rel=1e-4)


def test_an_area_on_both_sides_is_an_error():
    frame = pd.DataFrame({"y": range(16), "g": [0, 1] * 8, "t": [0, 0, 1, 1] * 4, "area": np.repeat([1, 2, 3, 4], 4)})
    for run in (did.by_area, did.permutation):
        with pytest.raises(errors.DataError, match="some people reached"):
            run(frame, area="area", **WORDS)


def test_linkage_weights_undo_who_is_linked():
    rng = np.random.default_rng(12)
    x = rng.normal(size=3000)
    frame = pd.DataFrame({"x": x, "linked": (rng.random(3000) < 1 / (1 + np.exp(1 - x))).astype(int)})
    w = did.linkage_weights(frame, linked="linked", covariates=["x"])
    inside = frame["linked"] == 1
    assert frame.loc[inside, "x"].mean() > 0.3
    assert np.average(frame.loc[inside, "x"], weights=w[inside]) == pytest.approx(0, abs=0.08)
    assert (w[~inside] == 0).all()
    table = did.linkage(frame, linked="linked", columns=["x"])
    assert table.loc[0, "smd"] > 0.3


def test_first_differences_take_two_times_only():
    frame = panel(np.random.default_rng(13), n=40).assign(d=lambda f: ((f["first"] > 0) & (f["t"] >= f["first"])) * 1.0)
    words = {"outcome": "y", "treat": "d", "unit": "id", "time": "t"}
    with pytest.raises(errors.DataError, match="exactly two"):
        did.first_differences(frame, **words)
    two = frame[frame["t"].isin([2, 5])]
    a, b = did.first_differences(two, **words), did.linked_panel(two, **words)
    assert a.value == pytest.approx(b.value)
    few = did.linked_panel(two[two["first"] == 0], **words)
    assert isinstance(few, TooFew)


def test_refusals_carry_no_number():
    frame = shifting(np.random.default_rng(14), n=80)
    few = did.two_by_two(frame, least=30, **WORDS)
    assert isinstance(few, TooFew)
    assert sum(few.counts.values()) == 80
    assert isinstance(did.doubly_robust(frame, covariates=["x"], least=30, **WORDS), TooFew)
    silent = did.by_area(frame.assign(g=np.nan), area="s", **WORDS)
    assert isinstance(silent, NotIdentified)
    assert not isinstance(silent, Estimate)
    with pytest.raises(errors.DataError, match="0 and 1"):
        did.two_by_two(frame.assign(t=frame["t"] + 2022), **WORDS)
    with pytest.raises(errors.DataError, match="positive"):
        did.two_by_two(frame.assign(w=0.0), weight="w", **WORDS)


def test_first_differences_refuse_what_linked_panel_refuses():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"id": np.repeat(range(40), 2), "t": [0, 1] * 40, "y": rng.normal(size=80)})
    frame["d"] = (frame["t"] == 1) & (frame["id"] < 20)
    words = {"outcome": "y", "treat": "d", "unit": "id", "time": "t"}
    for run in (did.first_differences, did.linked_panel):
        with pytest.raises(errors.DataError, match="'d' is not 0 and 1"):
            run(frame.assign(d=frame["d"] * 2), **words)
        with pytest.raises(errors.DataError, match="cluster"):
            run(frame, **words, cluster=frame["id"])
        with pytest.raises(errors.DataError, match="'y'"):
            run(frame.assign(y="good"), **words)
        with pytest.raises(errors.DataError, match="a person stands twice"):
            run(pd.concat([frame, frame.tail(1)], ignore_index=True), **words)
