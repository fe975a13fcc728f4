"""Power: against statsmodels and simulation."""

import math

import numpy as np
import pytest

from evaluation import errors
from evaluation.statistics import power


def test_people_needed_agree_with_statsmodels():
    from statsmodels.stats.power import NormalIndPower

    for difference, ratio in ((0.2, 1.0), (0.35, 2.0), (0.5, 0.5)):
        n1, n2 = power.people_needed(difference, 1.0, ratio=ratio)
        exact = NormalIndPower().solve_power(effect_size=difference, power=0.8, alpha=0.05, ratio=ratio)
        assert n1 == math.ceil(exact)
        assert n2 == math.ceil(exact * ratio)


def test_minimum_detectable_difference_is_found_with_the_power_asked():
    from scipy.stats import nct, t

    df, se = 14, 0.2
    d = power.minimum_detectable(se, df=df)
    bar = t.ppf(0.975, df)
    assert nct.sf(bar, df, d / se) == pytest.approx(0.8, abs=0.01)
    assert power.minimum_detectable(1.0) == pytest.approx(2.8016, abs=1e-4)


def test_retrodesign_agrees_with_simulation():
    rng = np.random.default_rng(8)
    for truth, se in ((0.1, 0.2), (0.4, 0.2)):
        draws = rng.normal(truth, se, 2_000_000)
        seen = np.abs(draws) > 1.959963985 * se
        found = power.retrodesign(truth, se)
        assert found.power == pytest.approx(seen.mean(), abs=0.001)
        assert found.wrong_sign == pytest.approx((draws[seen] < 0).mean(), abs=0.003)
        assert found.exaggeration == pytest.approx(np.abs(draws[seen]).mean() / truth, rel=0.005)


def test_design_effect_and_sessions():
    assert power.design_effect(per_session=1, correlation=0.3) == 1.0
    assert power.design_effect(per_session=11, correlation=0.1) == pytest.approx(2.0)
    n = power.sessions_needed(0.3, 1.0, per_session=10, correlation=0.05)
    effect = power.design_effect(per_session=10, correlation=0.05)
    se = power.standard_error(1.0, 10 * n, 10 * n, effect1=effect, effect2=effect)
    assert power.minimum_detectable(se, df=2 * (n - 1)) <= 0.3
    with pytest.raises(errors.DataError, match="not even"):
        power.sessions_needed(1e-6, 1.0, per_session=10, correlation=0.05, most=50)


def test_chance_of_equivalence_agrees_with_simulation():
    rng = np.random.default_rng(9)
    se, margin = 0.08, 0.2
    draws = rng.normal(0, se, 400_000)
    inside = (np.abs(draws) + 1.959963985 * se < margin).mean()
    assert power.chance_of_equivalence(margin, se) == pytest.approx(inside, abs=0.003)
    assert power.chance_of_equivalence(0.1, 0.08) == 0.0


def test_bad_words_are_refused():
    with pytest.raises(errors.DataError):
        power.minimum_detectable(0.0)
    with pytest.raises(errors.DataError):
        power.people_needed(0.0, 1.0)
