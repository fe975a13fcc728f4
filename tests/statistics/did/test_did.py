"""Difference-in-differences: DRDID, clubSandwich, area designs, the linked panel, and the refusal."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics import did

GOLDEN = Path(__file__).parents[2] / "golden"
RC = pd.read_csv(GOLDEN / "data" / "rc_two_wave.csv").assign(t=lambda x: x["wave"] - x["wave"].min())
DR = json.loads((GOLDEN / "fixtures" / "c_drdid_rc.json").read_text())["results"]
TWFE = json.loads((GOLDEN / "fixtures" / "c_twfe.json").read_text())["results"]
EIGHT = pd.read_csv(GOLDEN / "data" / "eight_areas.csv")
X = ["female", "minority", "age"]


@pytest.mark.parametrize(("name", "weight"), [("covariates_unweighted", None), ("covariates_weighted", "w")])
def test_doubly_robust_agrees_with_drdid(name, weight):
    found = did.doubly_robust(RC, outcome="trust", group="d", time="t", covariates=X, weight=weight)
    assert found.value == pytest.approx(DR[name]["drdid_rc"]["att"], abs=1e-8)
    assert found.se == pytest.approx(DR[name]["drdid_rc"]["se"], rel=0.03)  # the sign slip of DRDID 1.2.3


def test_doubly_robust_error_agrees_with_a_bootstrap():
    found = did.doubly_robust(RC, outcome="trust", group="d", time="t", covariates=X, weight="w")
    rng = np.random.default_rng(5)
    draws = []
    for _ in range(300):
        rows = RC.iloc[rng.integers(0, len(RC), len(RC))].reset_index(drop=True)
        draws.append(did.doubly_robust(rows, outcome="trust", group="d", time="t", covariates=X, weight="w").value)
    assert found.se == pytest.approx(np.std(draws), rel=0.12)


@pytest.mark.parametrize(
    ("name", "weight", "terms"),
    [("did_unweighted", None, ()), ("did_weighted", "w", ()), ("did_weighted_covariates", "w", X)],
)
def test_two_by_two_agrees_with_club_sandwich(name, weight, terms):
    for kind in ("CR0", "CR1S", "CR2", "CR3"):
        found = did.two_by_two(
            RC, outcome="trust", group="d", time="t", covariates=terms, weight=weight, cluster="area", vcov=kind
        )
        assert found.value == pytest.approx(TWFE[name]["coef"]["d_wave"], rel=1e-8)
        assert found.se == pytest.approx(TWFE[name][f"se_{kind}"]["d_wave"], rel=1e-8), kind


def test_weights_of_one_wave_times_a_hundred_move_nothing():
    big = RC.assign(w=np.where(RC["t"] == 1, 100 * RC["w"], RC["w"]))
    for terms in ((), X):
        words = {
            "outcome": "trust",
            "group": "d",
            "time": "t",
            "covariates": terms,
            "weight": "w",
            "cluster": "area",
            "rescale": True,
        }
        a, b = did.two_by_two(RC, **words), did.two_by_two(big, **words)
        assert (a.value, a.se) == pytest.approx((b.value, b.se), rel=1e-10)


def test_attendance_that_was_not_asked_is_refused_with_a_reason():
    silent = RC.assign(d=RC["d"].where(RC["t"] == 1))
    for made in (
        did.two_by_two(silent, outcome="trust", group="d", time="t"),
        did.doubly_robust(silent, outcome="trust", group="d", time="t", covariates=X),
        did.by_area(silent, outcome="trust", group="d", time="t", area="area"),
    ):
        assert isinstance(made, NotIdentified)
        assert "not known" in made.reason
        assert made.what_would_help


def test_a_partly_missing_group_is_an_error_not_a_guess():
    with pytest.raises(errors.MissingValues):
        did.two_by_two(RC.assign(d=RC["d"].mask(RC.index < 4)), outcome="trust", group="d", time="t")


def test_small_cells_are_counted_not_estimated():
    found = did.two_by_two(RC.head(60), outcome="trust", group="d", time="t", least=30)
    assert isinstance(found, TooFew | NotIdentified)


def test_card_and_krueger_from_the_printed_cells():
    # Card and Krueger 1994, table 3: New Jersey 20.44 to 21.03, Pennsylvania 23.33 to 21.17: 2.76 (rounded 2.75)
    rows = []
    for state, time, mean in ((1, 0, 20.44), (1, 1, 21.03), (0, 0, 23.33), (0, 1, 21.17)):
        rows += [{"g": state, "t": time, "y": mean + e} for e in (-1.0, 1.0)]
    found = did.two_by_two(pd.DataFrame(rows), outcome="y", group="g", time="t")
    assert found.value == pytest.approx(2.75, abs=0.011)


def test_areas_by_their_number():
    words = {"outcome": "y", "group": "exposed", "time": "post", "area": "area"}
    many = did.by_area(EIGHT, **words)
    assert many.se_method.startswith("CR2")
    exposed = sorted(EIGHT.loc[EIGHT["exposed"] == 1, "area"].unique())
    two = did.by_area(EIGHT[~EIGHT["area"].isin(exposed[2:])], **words)
    assert "area means" in two.method
    lone = did.by_area(EIGHT[~EIGHT["area"].isin(exposed[1:])], **words)
    assert isinstance(lone, NotIdentified)
    assert "ranks" in lone.reason
    p, smallest = did.permutation(EIGHT, **words)
    assert smallest == pytest.approx(1 / 56)
    assert smallest <= p <= 1


def _areas(rng, treated, others, effect=0.0, people=60):
    count = treated + others
    area = np.repeat(np.arange(count), 2 * people)
    t = np.tile(np.repeat([0, 1], people), count)
    g = (area < treated).astype(int)
    level, drift = rng.normal(0, 0.4, count), rng.normal(0, 0.12, count)
    y = 3 + level[area] + t * (drift[area] + effect * g) + rng.normal(0, 1, len(area))
    return pd.DataFrame({"y": y, "area": area, "g": g, "t": t})


def _rejections(runs, seed, treated=3, others=5):
    rng = np.random.default_rng(seed)
    found = [
        did.by_area(_areas(rng, treated, others), outcome="y", group="g", time="t", area="area").p for _ in range(runs)
    ]
    return float(np.mean(np.array(found) < 0.05))


def test_size_with_eight_areas():
    assert _rejections(150, 11) <= 0.11


@pytest.mark.slow
def test_size_with_eight_areas_on_many_runs():
    assert _rejections(2000, 12) <= 0.07
    assert _rejections(2000, 13, treated=2, others=6) <= 0.07


def panel(rng, n=200, effect=0.4):
    person, treated = rng.normal(0, 1, n), rng.random(n) < 0.4
    rows = []
    for t in (0, 1):
        y = person + 0.2 * t + effect * treated * t + rng.normal(0, 0.5, n)
        rows.append(pd.DataFrame({"id": np.arange(n), "time": t, "d": (treated & (t == 1)).astype(int), "y": y}))
    return pd.concat(rows, ignore_index=True)


def test_linked_panel_equals_the_regression_of_differences():
    f = panel(np.random.default_rng(1))
    found = did.linked_panel(f, outcome="y", treat="d", unit="id", time="time")
    wide = f.pivot(index="id", columns="time", values="y")
    change = wide[1] - wide[0]
    t = f[f["time"] == 1].set_index("id")["d"]
    assert found.value == pytest.approx(change[t == 1].mean() - change[t == 0].mean(), abs=1e-9)
    with pytest.raises(errors.DataError, match="twice"):
        did.linked_panel(pd.concat([f, f.head(1)]), outcome="y", treat="d", unit="id", time="time")


def test_group_time_recovers_a_planted_effect_and_no_pretrend():
    rng = np.random.default_rng(6)
    rows = []
    for t in (1, 2, 3, 4):
        first = rng.choice([0, 3, 4], 1500)
        y = 0.5 * (first == 3) + 0.1 * t + 0.6 * ((first > 0) & (t >= first)) + rng.normal(0, 1, 1500)
        rows.append(pd.DataFrame({"t": t, "first": first, "y": y, "x": rng.normal(0, 1, 1500)}))
    found = did.group_time(
        pd.concat(rows, ignore_index=True), outcome="y", first_treated="first", time="t", covariates=["x"]
    )
    after = [e for e in found if "before" not in e.estimand]
    before = [e for e in found if "before" in e.estimand]
    assert len(after) == 3
    assert all(isinstance(e, Estimate) and abs(e.value - 0.6) < 3.2 * e.se for e in after)
    assert all(abs(e.value) < 3.2 * e.se for e in before)
