"""Effects on everybody, doubly robust and by g-computation; effects by subgroup and their difference."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from evaluation import errors
from evaluation.statistics import effects, matching, propensity

ROLES = {"outcome": "y", "treat": "d", "covariates": ["x", "z"], "survey_weight": "s"}


def people(seed, n=500, more=0.6):
    """Attendance goes with x and z; the effect is 0.5 on everybody, larger for those more likely to come."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.normal(size=n)
    d = (rng.random(n) < 1 / (1 + np.exp(0.5 - 0.7 * x - 0.4 * z))).astype(int)
    y = x + 0.5 * z + d * (0.5 + more * x) + rng.normal(size=n)
    city = rng.choice(["city", "elsewhere"], n)
    session = rng.integers(0, 40, n)
    return pd.DataFrame({"x": x, "z": z, "d": d, "y": y, "s": rng.uniform(0.5, 2, n), "city": city, "session": session})


def everybody(frame, estimand="ATE"):
    weight = pd.Series(1.0, index=frame.index, name="match_weight")
    none = pd.DataFrame({"treated": [], "control": [], "round": []})
    return matching.MatchedSample(weight, none, frame.index[:0], estimand, "no matching", "d", frame["d"] == 1)


def test_the_effect_on_everybody_is_found_and_its_error_is_right():
    found = [effects.doubly_robust(people(s), **ROLES, estimand="ATE") for s in range(120)]
    spread = np.std([e.value for e in found])
    assert np.mean([e.value for e in found]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([e.se for e in found]) == pytest.approx(spread, rel=0.2)
    assert np.mean([e.low <= 0.5 <= e.high for e in found]) >= 0.9
    on_treated = np.mean([effects.doubly_robust(people(s), **ROLES).value for s in range(40)])
    assert on_treated > 0.6  # attendees gain more here: the two estimands differ


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_the_error_is_that_of_each_persons_weight_moved_a_little(estimand):
    frame = people(3, n=120)
    made = effects.doubly_robust(frame, **ROLES, estimand=estimand)
    part = []
    for i in frame.index:
        ends = [
            effects.doubly_robust(
                frame.assign(s=frame["s"].where(frame.index != i, frame["s"] * (1 + h))), **ROLES, estimand=estimand
            )
            for h in (1e-4, -1e-4)
        ]
        part.append((ends[0].value - ends[1].value) / 2e-4)
    assert np.sqrt(np.square(part).sum()) == pytest.approx(made.se, rel=1e-6)


def test_it_is_right_where_either_model_is_wrong():
    wrong_outcome, wrong_score = [], []
    for seed in range(60):
        frame = people(seed, n=800, more=0.0)
        frame["y"] += np.where(frame["x"] > 0, frame["x"] ** 2, 0)  # not linear: the score has to carry it
        wrong_outcome.append(effects.doubly_robust(frame, **ROLES, estimand="ATE").value)
        other = people(seed, n=800, more=0.0)
        rng = np.random.default_rng(seed + 1000)
        other["d"] = (rng.random(800) < np.where(np.abs(other["x"]) > 1, 0.7, 0.3)).astype(int)  # no logit in x
        other["y"] = other["x"] + 0.5 * other["z"] + 0.5 * other["d"] + rng.normal(size=800)
        wrong_score.append(effects.doubly_robust(other, **ROLES, estimand="ATE").value)
    assert np.mean(wrong_outcome) == pytest.approx(0.5, abs=0.06)
    assert np.mean(wrong_score) == pytest.approx(0.5, abs=0.04)


def test_an_estimand_that_is_not_known_is_refused():
    with pytest.raises(errors.Unsupported):
        effects.doubly_robust(people(1), **ROLES, estimand="ATO")


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC"])
def test_g_computation_averages_over_those_whom_the_estimand_is_about(estimand):
    frame = people(5)
    ours = effects.in_sample(frame, everybody(frame, estimand), **ROLES, over="estimand")
    fit = smf.wls("y ~ d * (x + z)", frame, weights=frame["s"]).fit()
    gap = fit.predict(frame.assign(d=1)) - fit.predict(frame.assign(d=0))
    whom = {"ATE": frame["s"], "ATT": frame["s"] * frame["d"], "ATC": frame["s"] * (1 - frame["d"])}[estimand]
    assert ours.value == pytest.approx(np.average(gap, weights=whom), rel=1e-9)


def test_weights_for_everybody_carry_their_estimand_into_the_adjusted_outcome():
    frame = people(6, n=2000)
    scores = propensity.fit(frame.drop(columns="y"), treat="d", covariates=["x", "z"], survey_weight="s")
    sample = matching.weights(frame.drop(columns="y"), scores, treat="d", estimand="ATE", survey_weight="s")
    assert effects.in_sample(frame, sample, **ROLES, over="estimand").value == pytest.approx(0.5, abs=0.12)
    with pytest.raises(errors.Unsupported):
        effects.in_sample(frame, sample, **ROLES, over="nobody")


def test_subgroup_effects_are_those_of_their_people_and_differ_by_their_difference():
    frame = people(7)
    made = effects.by_subgroup(frame, everybody(frame), **ROLES, by="city", cluster="session")
    for level, effect in made.effects.items():
        some = frame[frame["city"] == level]
        assert effect.value == pytest.approx(effects.in_sample(some, everybody(some), **ROLES).value)
    (gap,) = made.differences.values()
    assert gap.value == pytest.approx(made.effects["elsewhere"].value - made.effects["city"].value)
    assert gap.group == "elsewhere less city"


def test_a_difference_of_subgroups_is_rejected_as_often_as_it_should_be():
    p = []
    for seed in range(150):
        frame = people(seed, more=0.0)
        (gap,) = effects.by_subgroup(frame, everybody(frame, "ATT"), **ROLES, by="city").differences.values()
        p.append(gap.p)
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 150)
    planted = people(3, n=2000, more=0.0)
    planted["y"] += 0.8 * planted["d"] * (planted["city"] == "city")
    (gap,) = effects.by_subgroup(planted, everybody(planted, "ATT"), **ROLES, by="city").differences.values()
    assert gap.value == pytest.approx(-0.8, abs=0.3)
    assert gap.p < 0.01


def test_sessions_shared_by_the_subgroups_are_in_the_error_of_the_difference():
    frame = people(9, more=0.0)
    moved = np.random.default_rng(9).normal(0, 1.5, 40)
    frame["y"] += moved[frame["session"]] * np.where(frame["city"] == "city", 1, -1) * frame["d"]
    plain, held = (
        next(iter(effects.by_subgroup(frame, everybody(frame), **ROLES, by="city", cluster=c).differences.values()))
        for c in (None, "session")
    )
    assert held.se > plain.se


def test_subgroups_that_cannot_be_compared_are_refused():
    frame = people(8)
    with pytest.raises(errors.EmptyCell):
        effects.by_subgroup(frame.assign(city="city"), everybody(frame), **ROLES, by="city")
    lonely = frame.assign(city=np.where(frame["d"] == 1, "city", frame["city"]))
    with pytest.raises(errors.EmptyCell):
        effects.by_subgroup(lonely, everybody(lonely), **ROLES, by="city")
    with pytest.raises(errors.UnknownColumn):
        effects.by_subgroup(frame, replace(everybody(frame)), **ROLES, by="nothing")
