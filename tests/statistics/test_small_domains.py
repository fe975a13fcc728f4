"""Small groups: metafor's numbers, a planted spread recovered, totals met, groups that agree, what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import recovery_small_domains
from evaluation import errors
from evaluation.statistics import small_domains, survey
from evaluation.statistics.survey.replicates import Jackknife

CASES = json.loads((Path(__file__).parents[1] / "golden" / "fixtures" / "small_domains.json").read_text())["cases"]


def made(case):
    return small_domains.pooled(pd.Series(case["y"]), pd.Series(case["v"]), pd.Series(case["family"]))


@pytest.mark.parametrize("case", CASES)
def test_the_area_level_model_is_metafors(case):
    ours = made(case)
    assert ours.variance == pytest.approx(case["tau2"][0], abs=1e-9)
    assert np.allclose(ours.table["pooled"], case["pooled"], atol=1e-9)
    assert np.allclose(np.sqrt(ours.table["mse_known"]), case["se"], atol=1e-9)
    assert np.allclose(ours.means, case["beta"], atol=1e-9)


def test_groups_that_scatter_as_chance_does_show_their_family_and_no_more():
    assert CASES[-1]["tau2"] == [0]
    table = made(CASES[-1]).table
    assert (table["own"] == 0).all()
    assert table.groupby(CASES[-1]["family"])["pooled"].nunique().eq(1).all()
    assert (table["se"] ** 2 > table["mse_known"]).all()


def test_the_more_a_group_is_known_the_more_its_own_answers_count():
    case = CASES[0]
    table = made(case).table.assign(v=case["v"]).sort_values("v")
    assert table["own"].is_monotonic_decreasing
    between = table[["direct", "pooled"]].assign(mean=made(case).means[case["family"]].to_numpy()[table.index])
    inside = (between["pooled"] - between["mean"]).abs() <= (between["direct"] - between["mean"]).abs()
    assert inside.all()


def test_groups_meet_their_total_and_keep_their_differences():
    result = made(CASES[0])
    shares = pd.Series([0.3, 0.2, 0.2, 0.2, 0.1])
    moved = small_domains.benchmarked(result, shares, 3.5)
    assert shares @ moved == pytest.approx(3.5)
    assert np.allclose(np.diff(moved), np.diff(result.table["pooled"][:5]))


def test_a_group_in_which_everybody_agrees_has_a_variance():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"w": 1.0, "c": np.arange(60) % 12})
    y, groups = rng.normal(3, 1, 60), [np.arange(60) % 3 == k for k in range(3)]
    y[groups[0]] = 4.0
    jackknife = Jackknife(survey.Design(frame, weight="w", cluster="c"))
    means, variances, shares, df = small_domains.direct_means(jackknife, y, [g.astype(float) for g in groups])
    assert means[0] == pytest.approx(4.0)
    assert (variances > 0.02).all()
    assert shares.sum() == pytest.approx(1.0)
    assert df == pytest.approx(11.0)


def test_a_clustered_sample_has_wider_variances():
    rng = np.random.default_rng(5)
    session = np.repeat(np.arange(12), 10)
    frame = pd.DataFrame({"w": 1.0, "c": session})
    y = rng.normal(0, 1, 12)[session] + rng.normal(0, 0.5, 120)
    groups = [(np.arange(120) % 4 == k).astype(float) for k in range(4)]
    plain = small_domains.direct_means(Jackknife(survey.Design(frame, weight="w")), y, groups)[1]
    held = small_domains.direct_means(Jackknife(survey.Design(frame, weight="w", cluster="c")), y, groups)[1]
    assert (held > 1.5 * plain).all()


def test_pooled_values_are_nearer_the_truth_and_their_ranges_hold_it():
    done = np.array([recovery_small_domains.study(0, np.random.default_rng(s), 0.1) for s in range(80)])
    direct, pooled, held, _ = np.moveaxis(done, 2, 0)
    assert np.sqrt(np.nanmean(pooled) / np.nanmean(direct)) < 0.8
    assert 0.91 < np.nanmean(held) <= 1


@pytest.mark.parametrize(
    ("y", "v"),
    [([1.0, 2.0, 3.0], [0.1] * 3), ([1.0, 2.0, 3.0, 4.0], [0.1, 0.0, 0.1, 0.1]), ([1, 2, 3, np.nan], [0.1] * 4)],
)
def test_too_few_groups_and_variances_of_nothing_are_refused(y, v):
    with pytest.raises(errors.DataError):
        small_domains.pooled(pd.Series(y), pd.Series(v), pd.Series(["age"] * len(y)))


def test_groups_without_a_family_of_several_are_refused():
    with pytest.raises(errors.DataError):
        small_domains.pooled(pd.Series([1.0, 2, 3, 4]), pd.Series([0.1] * 4), pd.Series(list("abcd")))
