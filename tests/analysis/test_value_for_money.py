"""Value for money: costs beside consequences, what a changed answer would have to be worth, a ratio only when earned."""

import pandas as pd
import pytest
from run_study import ROOT

from evaluation.analysis.programme import indicators, value_for_money
from evaluation.errors import DataError, StudyError
from evaluation.plan import study
from evaluation.programme import costs
from evaluation.results import Estimate, NotIdentified

WAVE = "W2025"
D6 = "d6.conf_overall.invitations.w2025"
EVENTS = pd.DataFrame(
    {
        "event_date": pd.to_datetime(["2024-01-10", "2024-03-10", "2024-05-10"]),
        "n_public": [40, 60, pd.NA],
        "n_officers": [2, 3, 9],
        "actual_hours": [2.0, 4.0, 9.0],
        "cost_hire": [100.0, 200.0, 900.0],
        "cost_catering": [50.0, 150.0, 900.0],
        "cost_other": [0.0, pd.NA, 900.0],
        "hours_organising": [10.0, 20.0, 900.0],
        "hours_setup": [4.0, 6.0, 900.0],
    }
).convert_dtypes()


def effect(id, low, high, **more):
    middle = (low + high) / 2
    named = {
        "outcome": "conf_overall",
        "group": "invitations",
        "wave": WAVE,
        "null": 0.0,
        "n": {"drawn": 60, "not": 60},
    }
    return Estimate(middle, low=low, high=high, id=id, **(named | {"licence": "effect", "planned": True} | more))


@pytest.fixture(scope="module")
def plan():
    return study.load(ROOT / "study.toml")


def made(plan, monkeypatch, results=()):
    monkeypatch.setattr(indicators, "results_so_far", lambda *_: {r.id: r for r in results})
    return {e.id: e for e in value_for_money.value_for_money(plan, WAVE, {"events": EVENTS})}


def test_top_and_bottom_are_of_the_same_events():
    spent = costs.spent(EVENTS)
    assert (spent.events, spent.attendances) == (2, 100)  # the third has a cost and no attendance
    assert sum(spent.money.values()) == 500
    assert (spent.staff_hours, spent.officer_hours) == (40, 16)
    assert spent.total(0.0) == 500
    assert spent.total(10.0) == 500 + 560


def test_what_a_changed_answer_would_have_to_be_worth_is_cost_over_answers_changed():
    (one, all_of_them) = costs.worth(costs.spent(EVENTS), [0.05, 1.0], (10.0, 20.0))
    assert (one.people, one.low, one.high) == (5, 1060 / 5, 1620 / 5)
    assert all_of_them.low == 1060 / 100
    for share in (0.0, -0.1, 1.1, float("nan")):
        with pytest.raises(DataError):
            costs.worth(costs.spent(EVENTS), [share], (0.0, 0.0))


def test_a_ratio_has_an_end_only_above_nothing():
    assert costs.cost_per_point((10.0, 20.0), (0.5, 2.0)) == (5.0, 40.0)
    for ends in ((0.0, 1.0), (-1.0, 1.0), (2.0, 1.0)):
        with pytest.raises(DataError):
            costs.cost_per_point((10.0, 20.0), ends)


def test_costs_stand_beside_what_came_of_them_at_both_ends_of_the_range(plan, monkeypatch):
    said = {i.result.id: i.result for i in made(plan, monkeypatch)["value.consequences"].items}
    low, high = plan.programme.staff_range
    assert said["value.all_least.figure.w2025"].value == 500 + 56 * low
    assert said["value.all_most.figure.w2025"].value == 500 + 56 * high


def test_without_a_range_time_is_counted_in_hours_alone(plan, monkeypatch):
    bare = plan.model_copy(update={"programme": plan.programme.model_copy(update={"staff_range": None})})
    exhibits = made(bare, monkeypatch)
    rows = {i.result.id.split(".")[1] for i in exhibits["value.consequences"].items}
    assert rows == {"money", "hours", "officers"}
    assert any("left out of money" in n for n in exhibits["value.worth"].notes)


def test_the_share_that_the_plan_calls_worth_noticing_is_a_row(plan, monkeypatch):
    other = plan.model_copy(update={"outcomes": plan.outcomes.model_copy(update={"margin_share": 7.0})})
    rows = [i.row for i in made(other, monkeypatch)["value.worth"].items]
    assert "7 in 100 attendances, the smallest share worth noticing" in rows


UP = effect(D6, 0.1, 0.9, verdict="higher")
TOOK = effect(f"{D6}.took-part", 0.5, 2.0)


@pytest.mark.parametrize(
    ("results", "earned"),
    [
        ((UP, TOOK), True),
        ((), False),
        ((UP,), False),
        ((effect(D6, 0.1, 0.9, verdict="higher", licence="association"), TOOK), False),
        ((UP, effect(f"{D6}.took-part", 0.5, 2.0, licence="association")), False),
        ((effect(D6, -0.1, 0.9, verdict="too uncertain to say"), TOOK), False),
        ((effect(D6, 0.1, 0.9, verdict="higher, but fragile"), TOOK), False),
        ((effect(D6, -0.9, -0.1, verdict="lower"), effect(f"{D6}.took-part", -2.0, -0.5)), False),
        ((UP, effect(f"{D6}.took-part", -0.5, 2.0)), False),
    ],
)
def test_a_ratio_of_cost_to_effect_needs_an_effect_that_was_earned(plan, monkeypatch, results, earned):
    (first, *_) = [i.result for i in made(plan, monkeypatch, results)["value.ratio"].items]
    assert isinstance(first, NotIdentified) is not earned
    if earned:
        low = plan.programme.staff_range[0]
        assert first.value == pytest.approx((500 + 56 * low) / 100 / 2.0)


def test_no_association_is_ever_divided_into_a_cost(plan, monkeypatch):
    attend = effect("attend.conf_overall.all.w2025", 0.5, 1.0, licence="association", verdict="higher", group="all")
    exhibits = made(plan, monkeypatch, (attend,))
    assert [type(i.result) for i in exhibits["value.ratio"].items] == [NotIdentified]
    words = [getattr(i.result, "text", "") for i in exhibits["value.consequences"].items]
    assert "higher" in words


def test_a_range_that_runs_backwards_is_refused(tmp_path):
    text = (ROOT / "study.toml").read_text("utf-8").replace("[20.0, 45.0]", "[45.0, 20.0]")
    (tmp_path / "study.toml").write_text(text, "utf-8")
    with pytest.raises(StudyError, match="the least comes first"):
        study.load(tmp_path / "study.toml")


def test_nothing_is_said_without_a_cost_or_an_attendance(plan):
    assert value_for_money.value_for_money(plan, WAVE, {}) == []
    assert value_for_money.value_for_money(plan, WAVE, {"events": EVENTS.assign(n_public=pd.NA)}) == []


def test_a_total_that_one_event_makes_is_hidden_and_so_is_what_is_made_of_it(plan, monkeypatch):
    from evaluation import disclosure

    monkeypatch.setattr(indicators, "results_so_far", lambda *_: {})
    one = EVENTS.dropna(subset=["n_public"]).copy()
    one.loc[one.index[0], ["cost_hire", "cost_catering", "hours_organising", "hours_setup"]] = 0.0
    one.loc[one.index[0], "cost_other"] = 1.0
    checked = disclosure.protect(value_for_money.value_for_money(plan, WAVE, {"events": one}), plan.disclosure)
    shown = {r.id: r.shown for _, r in checked.rows()}
    assert not shown["value.money.figure.w2025"]
    assert not [i for i, there in shown.items() if "worth_" in i and ".people." not in i and there]
