"""Indicators: a formula over the registers, and a direction only when the interval excludes no change."""

import pandas as pd
import pytest

from evaluation import errors
from evaluation.programme import indicators

TABLES = {
    "events": pd.DataFrame(
        {
            "led": ["yes", "no", "yes", pd.NA],
            "n": [10, 20, 30, 40],
            "day": pd.to_datetime(["2023-01-01", "2023-05-01", "2024-02-01", "2024-03-01"]),
        }
    ),
    "victims": pd.DataFrame({"period": ["2022", "2023"], "blank": [4000, 3000], "all": [10_000, 10_000]}),
}


@pytest.mark.parametrize(
    ("formula", "value", "unit"),
    [
        ("count(events)", 4, ""),
        ("count(events where led = yes)", 2, ""),
        ("sum(events.n where led = yes|no)", 60, ""),
        ("mean(events.n)", 25, ""),
        ("median(events.n)", 25, ""),
        ("share(events where led = yes)", 50, "per cent"),
        ("share(events where led = yes of led present)", 200 / 3, "per cent"),
        ("ratio(victims.blank / all)", 35, "per cent"),
        ("ratio(victims.blank / all where period = 2023)", 30, "per cent"),
    ],
)
def test_formulas(formula, value, unit):
    got = indicators.evaluate(formula, TABLES)
    assert got.value == pytest.approx(value)
    assert got.unit == unit


def test_first_and_latest_period_with_the_interval_of_the_change():
    got = indicators.evaluate("ratio(victims.blank / all) by period", TABLES)
    assert (got.before, got.value) == (40, 30)
    assert got.low < -10 < got.high < 0
    assert indicators.direction(got, "lower") == "better"
    assert indicators.direction(got, "higher") == "worse"


def test_no_direction_while_the_change_could_be_none():
    got = indicators.evaluate("share(events where led = yes) by day", TABLES)
    assert got.periods == ("2023", "2024")
    assert indicators.direction(got, "higher") == "no direction: the change could be none"
    assert "no direction" in indicators.direction(indicators.evaluate("count(events) by day", TABLES), "higher")


def test_cases_in_clusters_claim_no_interval():
    twice = pd.concat([TABLES["victims"]] * 2, ignore_index=True)
    got = indicators.evaluate("ratio(victims.blank / all) by period", {"victims": twice})
    assert got.before == 40
    assert got.low is None


def test_targets_are_never_invented():
    got = indicators.evaluate("ratio(victims.blank / all)", TABLES)
    assert indicators.against_target(got, None, "lower") == "no target was set"
    assert indicators.against_target(got, 10, "lower") == "not met"
    assert indicators.against_target(got, 35, "lower") == "met"


@pytest.mark.parametrize(
    ("formula", "error"),
    [
        ("see the register", errors.DataError),
        ("none", errors.DataError),
        ("__import__('os')", errors.DataError),
        ("count(elsewhere)", errors.DataError),
        ("mean(events.nn)", errors.UnknownColumn),
        ("share(events where led = yes of led = maybe)", errors.DataError),
        ("count(events where led)", errors.DataError),
    ],
)
def test_what_is_no_formula_is_refused(formula, error):
    with pytest.raises(error):
        indicators.evaluate(formula, TABLES)


def test_outputs_and_outcomes_stay_apart():
    assert indicators.indicator_kind("count(events)") == "output"
    assert indicators.indicator_kind("share(events where led = yes)") == "process"
    assert indicators.indicator_kind("result(change.a.b)") == "outcome"
    assert indicators.result_reference("result(change.a.b)") == "change.a.b"
    assert indicators.tables_of("none") == ()


def test_those_not_known_leave_a_target_open():
    rows = pd.DataFrame({"year": ["2024", "2025"], "n_people": [40, 52], "n_total": [210, 210], "n_unknown": [0, 6]})
    formula = "ratio(recruitment.n_people / n_total) by year"
    value, most = (f(formula, {"recruitment": rows}) for f in (indicators.evaluate, indicators.value_with_unknown))
    assert most == pytest.approx(100 * 58 / 210)
    assert indicators.against_target(value, 25, "higher", most=most) == "depends on those not known"
    assert indicators.against_target(value, 30, "higher", most=most) == "not met"
    assert indicators.against_target(value, 20, "higher", most=most) == "met"
    assert indicators.against_target(value, 25, "lower", most=most) == "depends on those not known"
    assert indicators.value_with_unknown("share(events where a = b)", {"events": rows}) is None
    assert indicators.value_with_unknown(formula, {"recruitment": rows.drop(columns="n_unknown")}) is None
