"""Own change less another survey's, change over a bridge, and levels by a crosswalk: by hand, statsmodels, coverage."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from benchmarks import comparable_change as simulated
from evaluation.errors import DataError
from evaluation.results import from_se
from evaluation.statistics import bridges, external_series
from evaluation.statistics.external_series import Spread

OWN = from_se(-4.0, 3.0, df=20, unit="percentage points", n={"W2024": 400, "W2025": 420})


def people(share, n):
    """Return answers of which a share is positive, to the person."""
    return np.r_[np.full(round(share * n), 100.0), np.zeros(n - round(share * n))]


def test_the_difference_of_differences_is_the_one_by_hand_and_statsmodels_interaction():
    cells = {(1, 0): (0.40, 500), (1, 1): (0.36, 500), (0, 0): (0.65, 2000), (0, 1): (0.67, 2000)}
    frame = pd.concat(pd.DataFrame({"y": people(p, n), "here": h, "after": t}) for (h, t), (p, n) in cells.items())
    fit = smf.ols("y ~ here * after", frame).fit(cov_type="HC0")
    se = {k: 100 * math.sqrt(p * (1 - p) / n) for k, (p, n) in cells.items()}
    own = from_se(-4.0, math.hypot(se[1, 0], se[1, 1]), n={"a": 500, "b": 500})
    there = [external_series.sampling_error(v, 2000) for v in (65.0, 67.0)]
    found = external_series.beside(own, 2.0, errors=tuple(there))
    assert found.value == pytest.approx((36 - 40) - (67 - 65))
    assert found.value == pytest.approx(fit.params["here:after"])
    assert found.se == pytest.approx(fit.bse["here:after"])


def test_the_spread_is_the_root_mean_square_of_the_steps_over_their_years():
    found = external_series.spread(np.array([2025.25, 2015.25, 2024.25]), np.array([67.0, 76.0, 65.0]))
    assert found.per_year == pytest.approx(math.sqrt(((-11) ** 2 / 9 + 2**2 / 1) / 2))
    assert found.steps == 2
    assert found.over(4) == pytest.approx(2 * found.per_year)


def test_the_spread_widens_the_interval_and_takes_its_degrees_of_freedom():
    plain = external_series.beside(OWN, 2.0, errors=(0.5, 0.5))
    wide = external_series.beside(OWN, 2.0, moved=Spread(2.0, 2), years=1.5)
    variances = (9.0, 4.0 * 1.5)
    assert wide.se == pytest.approx(math.sqrt(sum(variances)))
    assert wide.df == pytest.approx(sum(variances) ** 2 / (variances[0] ** 2 / 20 + variances[1] ** 2 / 2))
    assert wide.high - wide.low > plain.high - plain.low
    assert wide.value == plain.value == -6.0


@pytest.mark.parametrize("errors", [(), (0.5,)])
def test_a_series_without_base_or_spread_is_refused(errors):
    with pytest.raises(DataError, match="neither base nor spread"):
        external_series.beside(OWN, 2.0, errors=errors)


@pytest.mark.parametrize(("years", "values"), [([2015.0, 2025.0], [62.0, 49.0]), ([2025.0], [48.0]), ([], [])])
def test_fewer_than_three_figures_have_no_spread(years, values):
    assert external_series.spread(np.array(years), np.array(values)) is None


def test_two_figures_at_one_time_are_refused():
    with pytest.raises(DataError, match="end at one time"):
        external_series.spread(np.array([2015.0, 2015.0, 2016.0]), np.array([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("base", [0, math.nan, -3])
def test_a_figure_without_a_base_has_no_sampling_error(base):
    assert external_series.sampling_error(49.0, base) is None
    assert external_series.sampling_error(49.0, base, 47.0, 51.0) == pytest.approx(4 / 2 / 1.95996, rel=1e-4)


def test_a_change_over_a_bridge_is_the_sum_of_its_two_legs():
    new_c, old_a, d_b = (
        from_se(v, s, df=d, null=None, n={"all": 300}) for v, s, d in ((50, 2, 30), (40, 3, 25), (-6, 1, 20))
    )
    found = bridges.over_bridge(new_c, old_a, d_b)
    assert found.value == pytest.approx(50 - 40 - 6)
    assert found.se == pytest.approx(math.sqrt(4 + 9 + 1))
    assert found.df == pytest.approx(14**2 / (16 / 30 + 81 / 25 + 1 / 20))


def test_a_crosswalk_of_unchanged_groups_gives_the_old_level():
    found = bridges.crossed(np.array([40.0, 60.0]), np.diag([4.0, 1.0]), np.array([1.0, 0.0]), 200, df=20)
    assert (found.value, found.se) == (40.0, 2.0)


def test_a_crosswalk_adds_the_error_of_its_shares():
    shares, levels = np.array([0.9, 0.1]), np.array([40.0, 60.0])
    found = bridges.crossed(levels, np.diag([4.0, 1.0]), shares, 50, df=20)
    assert found.value == pytest.approx(42.0)
    mixing = (0.9 * (40 - 42) ** 2 + 0.1 * (60 - 42) ** 2) / 50
    assert found.se**2 == pytest.approx(0.81 * 4 + 0.01 * 1 + mixing)


@pytest.mark.parametrize(("shares", "base"), [([0.5, 0.4], 10), ([1.2, -0.2], 10), ([0.9, 0.1], 0)])
def test_shares_that_are_none_and_a_crosswalk_without_people_are_refused(shares, base):
    with pytest.raises(DataError):
        bridges.crossed(np.array([1.0, 2.0]), np.eye(2), np.array(shares), base, df=9)


@pytest.mark.parametrize("name", list(simulated.CASES))
def test_intervals_cover_the_truth_in_a_quick_run(name):
    covered = simulated.coverage(name, 400, seed=20261201)
    assert 0.91 <= covered <= 0.99
