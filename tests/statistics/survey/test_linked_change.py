"""Change where some people answered twice: the paired error, its limits, and nobody linked."""

import numpy as np
import pandas as pd
import pytest

from evaluation.statistics import survey, weighting


def waves(seed, share=0.8, n=300, change=0.2):
    """Two waves of the same people with a trait that lasts; `share` of them come back."""
    rng = np.random.default_rng(seed)
    trait, back = rng.normal(size=n), rng.random(n) < share
    first = pd.DataFrame({"y": trait + rng.normal(0, 0.6, n), "w": rng.uniform(0.5, 2, n), "who": np.arange(n)})
    second = pd.DataFrame(
        {"y": change + trait + rng.normal(0, 0.6, n), "w": rng.uniform(0.5, 2, n), "who": np.arange(n)}
    )
    return first, second[back].reset_index(drop=True)


def changed(first, second, *, paired=True):
    designs = [survey.Design(f, weight="w") for f in (second, first)]
    (later,), (earlier,) = (survey.mean(d, "y") for d in designs)
    parts = [(f["y"].to_numpy() for f in (second, first)), (np.ones(len(f)) for f in (second, first))]
    people = second["who"].astype(object), first["who"].astype(object)
    shared = survey.linked_covariance(tuple(designs), *(tuple(p) for p in parts), people)
    return survey.change(later, earlier, covariance=shared if paired else 0.0)


def test_the_paired_error_is_that_of_the_changes_and_the_unpaired_one_is_half_as_wide_again():
    made = [waves(s) for s in range(200)]
    paired = [changed(*w) for w in made]
    spread = np.std([e.value for e in paired])
    assert np.mean([e.se for e in paired]) == pytest.approx(spread, rel=0.12)
    assert np.mean([changed(*w, paired=False).se for w in made]) > 1.35 * spread
    assert np.mean([e.low <= 0.2 <= e.high for e in paired]) == pytest.approx(0.95, abs=0.05)


def test_with_everybody_back_and_equal_weights_it_is_the_paired_t_test():
    first, second = waves(3, share=1.0)
    first, second = first.assign(w=1.0), second.assign(w=1.0)
    difference = second["y"] - first["y"]
    found = changed(first, second)
    assert found.value == pytest.approx(difference.mean())
    assert found.se == pytest.approx(difference.std(ddof=1) / np.sqrt(300), rel=2 / 300)


def test_other_people_or_a_code_met_twice_link_nobody():
    first, second = waves(4)
    plain = changed(first, second, paired=False)
    assert changed(first, second.assign(who=second["who"] + 1000)).se == plain.se
    assert changed(first.assign(who=None), second).se == plain.se
    assert changed(first, second.assign(who=7)).se == plain.se


def test_calibration_is_allowed_for_in_the_covariance():
    first, second = waves(5)
    for frame in (first, second):
        frame["high"] = np.where(frame["y"] > 0, "yes", "no")
    margin = {"high": pd.Series({"yes": 50.0, "no": 50.0})}
    raked = [weighting.rake(f, margin) for f in (second, first)]
    designs = tuple(survey.Design(f, weight=w) for f, w in zip((second, first), raked, strict=True))
    answers = tuple((f["high"] == "yes").to_numpy(dtype=float) for f in (second, first))
    ones = tuple(np.ones(len(f)) for f in (second, first))
    people = second["who"].astype(object), first["who"].astype(object)
    assert survey.linked_covariance(designs, answers, ones, people) == pytest.approx(0.0, abs=1e-12)


def test_a_covariance_beyond_the_errors_is_cut():
    first, second = waves(6)
    designs = [survey.Design(f, weight="w") for f in (second, first)]
    (later,), (earlier,) = (survey.mean(d, "y") for d in designs)
    assert survey.change(later, earlier, covariance=9.0).se == pytest.approx(abs(later.se - earlier.se))
    assert survey.change(later, earlier).se == pytest.approx(np.hypot(later.se, earlier.se))
