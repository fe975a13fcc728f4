"""Calipers on named covariates: the nearest who is near enough, nobody paired beyond them, what is refused."""

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.statistics import matching
from tests.helpers.attendance_study import D, P

OURS = {
    "age5": {"within": {"age": 5}},
    "age5_years2": {"within": {"age": 5, "years_llr": 2}},
    "age5_k2": {"within": {"age": 5}, "ratio": 2},
    "age5_score": {"within": {"age": 5}, "caliper": 0.05, "caliper_over": "none"},
    "age5_replace": {"within": {"age": 5}, "ratio": 2, "replace": True},
}


def matched(**choices):
    return matching.nearest(D, P, treat="attended", caliper_scale="score", **choices)


def by_hand(within, ratio=1, caliper=np.inf, replace=False):
    """Round by round, the highest score first: the free person nearest in score of those near enough on the rest."""
    attendees = P[D["attended"] == 1].sort_values(ascending=False, kind="stable").index
    free = list(D.index[D["attended"] == 0])
    found = {unit: [] for unit in attendees}
    for lap in range(ratio):
        for unit in [u for u in attendees if len(found[u]) == lap]:
            gap = (P[free] - P[unit]).abs()
            for name, width in within.items():
                gap = gap[(D.loc[gap.index, name] - D.loc[unit, name]).abs() <= width]
            gap = gap[(gap <= caliper) & ~gap.index.isin(found[unit])]
            if len(gap):
                found[unit].append(gap.idxmin())
                if not replace:
                    free.remove(gap.idxmin())
    return {unit: sorted(partners) for unit, partners in found.items() if partners}


@pytest.mark.parametrize("case", OURS)
def test_pairs_are_those_of_a_search_by_hand(case):
    choices = OURS[case]
    ours = {unit: sorted(rows["control"]) for unit, rows in matched(**choices).pairs.groupby("treated")}
    assert ours == by_hand(**{k: v for k, v in choices.items() if k != "caliper_over"})


@pytest.mark.parametrize("replace", [False, True])
def test_no_pair_is_further_apart_than_its_calipers(replace):
    pairs = matched(within={"age": 3, "deprivation": 4.0}, ratio=2, replace=replace).pairs
    for name, width in (("age", 3), ("deprivation", 4.0)):
        gap = np.abs(D.loc[pairs["treated"], name].to_numpy() - D.loc[pairs["control"], name].to_numpy())
        assert gap.max() <= width + 1e-6


def test_calipers_so_wide_that_they_bind_nobody_change_no_pair():
    plain, wide = matched(ratio=2), matched(ratio=2, within={"age": 1e6})
    pd.testing.assert_frame_equal(plain.pairs, wide.pairs)
    plain, wide = (matched(ratio=2, replace=True, **w) for w in ({}, {"within": {"age": 1e6}}))
    pd.testing.assert_frame_equal(plain.pairs, wide.pairs)


def test_a_caliper_of_nought_is_exact_matching():
    sample = matched(within={"female": 0})
    assert (
        D.loc[sample.pairs["treated"], "female"].to_numpy() == D.loc[sample.pairs["control"], "female"].to_numpy()
    ).all()
    assert "female within 0" in sample.method


@pytest.mark.parametrize(
    ("choices", "error"),
    [
        ({"within": {"age": -1}}, errors.Unsupported),
        ({"within": {"age": np.nan}}, errors.Unsupported),
        ({"within": {"ethnic5": 1}}, errors.DataError),
        ({"within": {"nothing": 1}}, errors.UnknownColumn),
        ({"within": {"age": 5}, "order": "closest"}, errors.Unsupported),
    ],
)
def test_a_caliper_that_means_nothing_is_refused(choices, error):
    with pytest.raises(error):
        matched(**choices)
