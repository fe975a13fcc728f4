"""Rates of two groups side by side: against R, against the public record, and where a ratio has no value."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import errors
from evaluation.statistics import disparity, proportions

GOLDEN = Path(__file__).parents[1] / "golden"
R = json.loads((GOLDEN / "fixtures" / "g_disparity.json").read_text())
PROGRAMME = json.loads((GOLDEN / "fixtures" / "programme.json").read_text())
PAIR = {"group": "black", "comparator": "white"}
# Leicestershire Police, December 2019 to February 2020 (data.police.uk), by self-defined and officer-defined group.
PUBLIC = {
    ("black", "black"): 66,
    ("black", "white"): 1,
    ("white", "white"): 396,
    ("white", "asian"): 1,
    ("white", "other"): 1,
    ("asian", "asian"): 101,
    ("asian", "white"): 1,
    ("asian", "other"): 1,
    ("mixed", "black"): 4,
    ("mixed", "white"): 3,
    ("mixed", "asian"): 1,
    ("other", "black"): 1,
    ("other", "white"): 1,
    ("not_stated", "black"): 29,
    ("not_stated", "white"): 46,
    ("not_stated", "asian"): 46,
    ("not_stated", "other"): 2,
}
CENSUS = pd.Series({"asian": 218679, "black": 37231, "mixed": 30185, "other": 22898, "white": 812992})


def series(**counts):
    return pd.Series(counts)


@pytest.mark.parametrize("case", R["rate_ratios"], ids=lambda c: str(c["events"]))
def test_rate_ratio_and_its_intervals_agree_with_r(case):
    (a, b), (size_a, size_b) = case["events"], case["population"]
    (e,) = disparity.rate_ratio(series(x=a, y=b), series(x=size_a, y=size_b), group="x", comparator="y")
    assert e.value == pytest.approx(case["ratio"], abs=1e-10)
    assert (e.low, e.high) == pytest.approx(case["ci_log_poisson"], abs=1e-8)
    assert disparity.exact_interval(a, size_a, b, size_b) == pytest.approx(case["exact_ci"], abs=1e-8)
    assert e.n == {"x": a, "y": b}
    assert e.null == 1
    rates = disparity.rates(series(x=a, y=b), series(x=size_a, y=size_b))
    assert [r.value for r in rates] == pytest.approx(case["rate_per_1000"], abs=1e-10)


def test_not_stated_is_bounded_allocated_and_never_dropped_in_silence():
    case = R["not_stated"]
    counts, people = pd.Series(case["counts"]), pd.Series(case["population"])
    ratio = {u: disparity.rate_ratio(counts, people, unknown=u, **PAIR) for u in ("drop", "bounds", "proportional")}
    assert ratio["drop"][0].value == pytest.approx(case["ratio_known_only"], abs=1e-10)
    assert ratio["proportional"][0].value == pytest.approx(case["ratio_proportional"], abs=1e-10)
    low, high = ratio["bounds"]
    assert low.value == pytest.approx(case["ratio_lower_all_to_white"], abs=1e-10)
    assert high.value == pytest.approx(case["ratio_upper_all_to_black"], abs=1e-10)


def test_public_months_give_the_three_published_ratios():
    cross = pd.Series(PUBLIC)
    by_officer = cross.groupby(level=1).sum()
    assert int(cross.sum()) == 701
    assert disparity.rate_ratio(cross, CENSUS, **PAIR)[0].value == pytest.approx(3.68, abs=0.005)
    assert disparity.rate_ratio(by_officer, CENSUS, **PAIR)[0].value == pytest.approx(4.87, abs=0.005)
    assert disparity.rate_ratio(cross, CENSUS, unknown="officer", **PAIR)[0].value == pytest.approx(4.72, abs=0.005)


def test_officer_groups_may_be_given_apart():
    self_defined = pd.Series(PUBLIC).groupby(level=0).sum()
    officer = pd.Series({"black": 29, "white": 46, "asian": 46, "other": 2})
    both = disparity.rate_ratio(pd.Series(PUBLIC), CENSUS, unknown="officer", **PAIR)[0]
    apart = disparity.rate_ratio(self_defined, CENSUS, unknown="officer", officer=officer, **PAIR)[0]
    assert apart.value == both.value
    table = pd.Series(PUBLIC).unstack(fill_value=0)
    for seen in (table, table.stack(), pd.Series(PUBLIC)):
        (e,) = disparity.rate_ratio(self_defined, CENSUS, unknown="officer", officer=seen, **PAIR)
        assert (e.value, e.n) == (both.value, {"black": 96, "white": 444})
    with pytest.raises(errors.Unsupported, match="officers recorded"):
        disparity.rate_ratio(self_defined, CENSUS, unknown="officer", **PAIR)
    with pytest.raises(errors.DataError, match="more people than were not stated"):
        disparity.rate_ratio(self_defined, CENSUS, unknown="officer", officer=officer * 10, **PAIR)


def test_officers_who_say_nothing_are_counted_and_classes_they_lack_are_refused():
    self_defined = pd.Series(PUBLIC).groupby(level=0).sum()
    some = pd.Series({"black": 20, "white": 40, "blank": 63})
    (e,) = disparity.rate_ratio(self_defined, CENSUS, unknown="officer", officer=some, **PAIR)
    assert e.n == {"black": 87, "white": 438}
    assert "63 without an officer's group left out" in e.estimand
    with pytest.raises(errors.Unsupported, match="officers have no class 'mixed'"):
        disparity.rate_ratio(pd.Series(PUBLIC), CENSUS, unknown="officer", group="mixed", comparator="white")
    turned = pd.Series(PUBLIC).unstack(fill_value=0).T
    with pytest.raises(errors.DataError, match="self-defined groups as rows"):
        disparity.rate_ratio(self_defined, CENSUS, unknown="officer", officer=turned, **PAIR)
    holes = pd.Series(PUBLIC).unstack()
    with pytest.raises(errors.DataError, match="officers' counts"):
        disparity.rate_ratio(self_defined, CENSUS, unknown="officer", officer=holes, **PAIR)


def test_what_was_left_out_is_said():
    (e,) = disparity.rate_ratio(series(black=10, white=20, not_stated=7), series(black=100, white=1000), **PAIR)
    assert e.estimand == "7 not stated left out"


@pytest.mark.parametrize("dtype", [int, float, "Int64", "Float64", object])
def test_counts_may_be_whole_numbers_of_any_type(dtype):
    counts, people = pd.Series({"black": 10, "white": 20}, dtype=dtype), pd.Series({"black": 100, "white": 1000.5})
    (e,) = disparity.rate_ratio(counts, people, **PAIR)
    assert e.value == pytest.approx(10 / 100 / (20 / 1000.5))
    assert e.n == {"black": 10, "white": 20}


@pytest.mark.parametrize("name", ["not_stated", "Not stated", "NS", "unknown", np.nan])
def test_not_stated_is_known_by_its_usual_names(name):
    counts = pd.Series([10, 20, 5], index=["black", "white", name])
    people = series(black=100, white=1000)
    low, high = disparity.rate_ratio(counts, people, unknown="bounds", **PAIR)
    assert (low.value, high.value) == pytest.approx((10 / 100 / (25 / 1000), 15 / 100 / (20 / 1000)))


@given(
    a=st.integers(1, 500),
    b=st.integers(1, 500),
    other=st.integers(0, 300),
    unstated=st.integers(0, 400),
    split=st.floats(0, 1),
)
def test_bounds_hold_every_way_of_sharing_out(a, b, other, unstated, split):
    counts, people = series(black=a, white=b, other=other, not_stated=unstated), series(black=1000, white=9000)
    low, high = disparity.rate_ratio(counts, people, unknown="bounds", **PAIR)
    given_black = round(split * unstated)
    officer = series(black=given_black, white=unstated - given_black)
    for unknown, more in (("drop", {}), ("proportional", {}), ("officer", {"officer": officer})):
        (e,) = disparity.rate_ratio(counts, people, unknown=unknown, **PAIR, **more)
        assert low.value - 1e-9 <= e.value <= high.value + 1e-9


def test_nobody_counted_in_the_group_keeps_an_exact_upper_end():
    (e,) = disparity.rate_ratio(series(black=0, white=40), series(black=100, white=1000), **PAIR)
    assert (e.value, e.low) == (0.0, 0.0)
    assert e.high == pytest.approx(disparity.exact_interval(0, 100, 40, 1000)[1])
    assert e.high > 0


def test_dispersion_widens_the_interval_and_leaves_the_ratio():
    plain, wide = (
        disparity.rate_ratio(series(black=60, white=400), series(black=1000, white=9000), dispersion=phi, **PAIR)[0]
        for phi in (1.0, 3.0)
    )
    assert wide.value == plain.value
    assert math.log(wide.high / wide.value) == pytest.approx(math.sqrt(3) * math.log(plain.high / plain.value))


@pytest.mark.parametrize(
    ("counts", "people", "error"),
    [
        ({"black": 5, "white": 0}, {"black": 10, "white": 10}, errors.EmptyCell),
        ({"black": 5}, {"black": 10, "white": 10}, errors.UnknownColumn),
        ({"black": 5, "white": 3}, {"black": 10}, errors.UnknownColumn),
        ({"black": 5, "white": 3}, {"black": 0, "white": 10}, errors.DataError),
        ({"black": -1, "white": 3}, {"black": 10, "white": 10}, errors.DataError),
        ({"black": np.nan, "white": 3}, {"black": 10, "white": 10}, errors.DataError),
        ({"black": 5.5, "white": 3}, {"black": 10, "white": 10}, errors.DataError),
        ({"black": "many", "white": 3}, {"black": 10, "white": 10}, errors.DataError),
        ({"black": 5, "white": 3}, {"black": np.nan, "white": 10}, errors.DataError),
        ({"black": 5, "white": 3}, {"black": "few", "white": 10}, errors.DataError),
        ({"black": 5, "white": 3}, {"black": -4, "white": 10}, errors.DataError),
    ],
)
def test_what_has_no_ratio_is_refused(counts, people, error):
    with pytest.raises(error):
        disparity.rate_ratio(pd.Series(counts), pd.Series(people), **PAIR)


def test_an_unknown_treatment_or_group_is_refused_by_name_with_the_nearest():
    counts, people = series(black=1, white=1), series(black=1, white=1)
    with pytest.raises(errors.Unsupported, match="nearest: 'bounds'"):
        disparity.rate_ratio(counts, people, unknown="bound", **PAIR)
    with pytest.raises(errors.UnknownColumn, match="nearest: 'black'"):
        disparity.rate_ratio(counts, people, group="blak", comparator="white")
    with pytest.raises(errors.DataError, match="compared with itself"):
        disparity.rate_ratio(counts, people, group="white", comparator="white")
    with pytest.raises(errors.DataError, match="stands twice"):
        disparity.rate_ratio(counts, pd.Series([1, 2, 3], index=["black", "white", "white"]), **PAIR)


def test_an_upper_bound_without_a_comparator_is_refused_rather_than_infinite():
    counts, people = series(black=3, white=0, not_stated=2), series(black=10, white=10)
    with pytest.raises(errors.EmptyCell):
        disparity.rate_ratio(counts, people, unknown="bounds", **PAIR)


# ---- areas, dispersion, years -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stops():
    return pd.read_csv(GOLDEN / "data" / "programme_stops.csv")


def test_within_areas_agrees_with_the_formula_in_r(stops):
    counts = stops.groupby(["area", "group"])["searches"].sum().unstack()
    people = stops.groupby(["area", "group"])["residents"].first().unstack()
    pooled, within = disparity.mantel_haenszel(counts, people, **PAIR)
    assert within.value == pytest.approx(PROGRAMME["within"]["ratio"], abs=1e-10)
    assert within.se == pytest.approx(PROGRAMME["within"]["log_se"], abs=1e-10)
    assert pooled.value > within.value  # the group lives where everybody is searched more


def test_pooled_and_within_differ_where_groups_live_apart():
    counts = pd.DataFrame({"black": [90, 1], "white": [100, 90]}, index=["city", "county"])
    people = pd.DataFrame({"black": [9000, 1000], "white": [10_000, 90_000]}, index=["city", "county"])
    pooled, within = disparity.mantel_haenszel(counts, people, **PAIR)
    assert within.value == pytest.approx(1.0, abs=0.01)
    assert pooled.value > 4


def test_areas_that_do_not_fit_are_refused():
    counts = pd.DataFrame({"black": [9, 1], "white": [10, 9]}, index=["city", "county"])
    people = pd.DataFrame({"black": [900, 100], "white": [1000, 9000]}, index=["city", "county"])
    bad = [
        (counts.rename(columns={"black": "blak"}), people, errors.UnknownColumn),
        (counts.rename(index={"city": "town"}), people, errors.DataError),
        (counts.astype(float).mask(counts == 1), people, errors.DataError),
        (counts, people.mask(people == 100, 0), errors.DataError),
        (counts.assign(black=0), people, errors.EmptyCell),
    ]
    for a, b, error in bad:
        with pytest.raises(error):
            disparity.mantel_haenszel(a, b, **PAIR)


def test_quasi_poisson_agrees_with_glm(stops):
    names = {"count": "searches", "population": "residents", "group": "group", "cells": ("month", "area")}
    e = disparity.quasi_poisson(stops, of="black", against="white", **names)
    assert math.log(e.value) == pytest.approx(PROGRAMME["quasi"]["log_ratio"], abs=1e-8)
    assert e.se == pytest.approx(PROGRAMME["quasi"]["se"], abs=1e-7)
    assert disparity.dispersion(stops, **names) == pytest.approx(PROGRAMME["quasi"]["dispersion"], abs=1e-6)


def test_dispersion_is_not_learnt_from_few_cells(stops):
    few = stops[stops["month"].isin(["2020-01", "2020-02", "2020-03"])]
    names = {"count": "searches", "population": "residents", "group": "group", "cells": ("month", "area")}
    assert disparity.dispersion(few, **names) is None
    with pytest.raises(errors.DataError, match="12 are needed"):
        disparity.quasi_poisson(few, of="black", against="white", **names)
    never = stops.assign(searches=stops["searches"].where(stops["group"] != "black", 0))
    with pytest.raises(errors.EmptyCell, match="black"):
        disparity.quasi_poisson(never, of="black", against="white", **names)
    with pytest.raises(errors.UnknownColumn, match="searches"):
        disparity.quasi_poisson(stops, of="black", against="white", **names | {"count": "search"})


def test_a_change_over_a_year_is_raised_only_outside_expected_variation():
    calm, rise = disparity.year_on_year(100, 110), disparity.year_on_year(1000, 1400)
    assert calm.low < 0 < calm.high
    assert rise.low > 0
    assert rise.value == pytest.approx(40)
    with pytest.raises(errors.EmptyCell, match="nobody was counted before"):
        disparity.year_on_year(0, 5)


def test_funnel_limits_narrow_with_size_and_flag_who_stands_outside():
    events, base = (
        pd.Series({"small": 5, "large": 300, "far": 400}),
        pd.Series({"small": 20, "large": 1000, "far": 900}),
    )
    out = disparity.funnel(events, base, target=0.3)
    width = out["high_95"] - out["low_95"]
    assert width["small"] > width["far"] > width["large"]
    assert out["state"].to_dict() == {"small": "inside", "large": "inside", "far": "outside 99.8 %"}


def test_find_rates_are_shares_and_their_difference():
    a, b, gap = disparity.find_rates(series(black=30, white=90), series(black=60, white=240), **PAIR)
    case = R["two_proportions"][0]
    assert (a.value, b.value) == pytest.approx((50, 37.5))
    assert gap.value == pytest.approx(100 * case["diff"])
    assert (gap.low, gap.high) == pytest.approx([100 * x for x in case["newcombe"]], abs=1e-6)


def test_rates_have_exact_poisson_intervals():
    (e,) = disparity.rates({"black": 10}, series(black=2000))
    assert e.value == 5.0
    assert (e.low, e.high) == pytest.approx((4.795389 / 2, 18.390356 / 2), abs=1e-5)  # R: poisson.test(10)
    assert [r.group for r in disparity.rates({"black": 1, "not_stated": 4}, series(black=10, white=5))] == ["black"]
    with pytest.raises(errors.DataError, match="above 0"):
        disparity.rates({"black": 1}, series(black=0))


# ---- single and paired shares -----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", R["proportions"], ids=lambda c: f"{c['x']} of {c['n']}")
def test_intervals_of_a_share_agree_with_r(case):
    names = {
        "wilson": "wilson",
        "wilson_cc": "wilson_cc",
        "exact": "clopper_pearson",
        "jeffreys": "jeffreys",
        "agresti_coull": "agresti_coull",
        "wald": "wald",
    }
    for method, name in names.items():
        assert proportions.interval(case["x"], case["n"], method=method) == pytest.approx(case[name], abs=1e-8), method


@pytest.mark.parametrize("case", R["two_proportions"], ids=lambda c: str(c["x"]))
def test_difference_of_shares_agrees_with_r(case):
    (x1, x2), (n1, n2) = case["x"], case["n"]
    e = proportions.difference(x1, n1, x2, n2, unit="share")
    assert e.value == pytest.approx(case["diff"], abs=1e-12)
    assert (e.low, e.high) == pytest.approx(case["newcombe"], abs=1e-8)
    assert e.p == pytest.approx(case["fisher_p"], abs=1e-8)


def test_a_share_outside_its_base_is_refused():
    with pytest.raises(errors.DataError):
        proportions.interval(5, 4)
    with pytest.raises(errors.Unsupported):
        proportions.interval(1, 4, method="guess")


@pytest.mark.slow
def test_log_interval_covers_a_known_ratio():
    rng = np.random.default_rng(11)
    black, white, truth = 20_000, 200_000, 4.0
    a, b = rng.poisson(black * 0.004, 3000), rng.poisson(white * 0.001, 3000)
    people = series(black=black, white=white)
    made = [disparity.rate_ratio(series(black=x, white=y), people, **PAIR)[0] for x, y in zip(a, b, strict=True)]
    covered = np.mean([e.low <= truth <= e.high for e in made])
    assert 0.94 <= covered <= 0.962


@pytest.mark.parametrize("method", proportions.METHODS)
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_every_interval_of_one_or_two_people_can_be_given(method, level):
    for n in (1, 2):
        for x in range(n + 1):
            low, high = proportions.interval(x, n, method=method, level=level)
            assert low <= high
            assert method == "jeffreys" or low <= x / n <= high  # Jeffreys leaves 0 and 1 out
            mirrored = proportions.interval(n - x, n, method=method, level=level)
            assert (low, high) == pytest.approx((1 - mirrored[1], 1 - mirrored[0]), abs=1e-12)
