"""The registers counted: events, costs, feedback, actions, meetings, recording, recruitment."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import errors
from evaluation.programme import actions, costs, events, feedback, iag, representation

GOLDEN = Path(__file__).parents[1] / "golden"
R = json.loads((GOLDEN / "fixtures" / "programme.json").read_text())
GOAL_IN_R = json.loads((GOLDEN / "fixtures" / "g_disparity.json").read_text())["proportions"]


def data(name):
    return pd.read_csv(GOLDEN / "data" / f"programme_{name}.csv")


# ---- events and costs -------------------------------------------------------------------------------------------


@pytest.fixture
def register():
    return pd.DataFrame(
        {
            "event_id": ["E1", "E2", "E3"],
            "event_date": pd.to_datetime(["2024-01-01", "2024-03-01", "2024-05-01"]),
            "area": ["city", "city", "county"],
            "n_public": pd.array([40, 100, pd.NA], dtype="Int64"),
            "n_officers": pd.array([20, 10, 8], dtype="Int64"),
            "n_public_method": ["signin", "estimate", "headcount"],
            "planned_hours": [3.0, 3.0, 3.0],
            "actual_hours": [3.0, 5.0, pd.NA],
            "chief_officer": ["yes", "no", pd.NA],
            "departments": ["a;b", "a", "a;b;c"],
            "external_orgs": pd.array([0, 2, 1], dtype="Int64"),
            "q_covered": ["respect;protect", "respect", "protect;respect;involve"],
            "community_facilitated": ["yes", "yes", "no"],
            "n_forms": pd.array([10, 0, 5], dtype="Int64"),
            "debrief_held": ["yes", pd.NA, "no"],
            "focus_community": ["african", "all", "caribbean"],
            "cost_hire": [85.0, 0.0, 50.0],
            "cost_catering": [100.0, pd.NA, 30.0],
            "cost_other": [5.0, 1.0, 1.0],
            "hours_organising": [10.0, 20.0, 30.0],
            "hours_setup": [2.0, 2.0, pd.NA],
        }
    ).astype({"actual_hours": "Float64", "cost_catering": "Float64", "hours_setup": "Float64"})


def test_attendances_are_not_people(register):
    n = events.event_summary(register)
    assert (n.events, n.attendances) == (3, 140)
    assert (n.people_low, n.people_high) == (100, 140)
    assert (n.mean, n.median, n.smallest, n.largest) == (70, 70, 40, 100)
    assert n.heavy == ("E1",)
    assert n.public_per_officer == pytest.approx(140 / 30)  # the event without a head count is in neither sum
    assert (n.timed, n.overran, n.overrun_mean) == (2, 1, 1.0)
    assert n.estimated == 1
    assert n.summary() == "3 events, 140 attendances, which are between 100 and 140 different people."


@given(st.lists(st.integers(0, 500), min_size=1, max_size=30))
def test_people_lie_between_the_largest_event_and_every_attendance(public):
    frame = pd.DataFrame({"event_id": range(len(public)), "n_public": public, "n_officers": 5})
    n = events.event_summary(frame)
    assert n.people_low == max(public) <= n.people_high == sum(public)


def test_a_register_without_attendance_is_refused(register):
    with pytest.raises(errors.DataError, match="no event has an attendance"):
        events.event_summary(register.assign(n_public=pd.array([pd.NA] * 3, dtype="Int64")))
    with pytest.raises(errors.UnknownColumn, match="n_public"):
        events.event_summary(register.drop(columns="n_public"))


def test_fidelity_counts_only_where_a_feature_is_known(register):
    found = {f.id: (f.present, f.known) for f in events.fidelity(register, questions=["respect", "protect"])}
    assert found["chief"] == (1, 2)
    assert found["debrief"] == (1, 2)
    assert found["questions"] == (2, 3)
    assert found["departments"] == (2, 3)
    assert found["officers"] == (2, 3)
    assert found["time"] == (1, 2)
    assert "questions" not in {f.id for f in events.fidelity(register)}


def test_slips_match_the_focus_and_leave_unknowns_out(register):
    slips = pd.DataFrame(
        {
            "event_id": ["E1", "E1", "E1", "E2", "E3"],
            "ethnic_group": ["a", "b", pd.NA, "a", "c"],
            "first_time": ["yes", "no", pd.NA, "yes", "yes"],
            "role": ["attendee"] * 4 + ["police"],
        }
    )
    n = events.slips(slips, register, focus={"african": ("a",), "caribbean": ("c",)})
    assert (n.slips, n.focus_known, n.focus_match) == (4, 2, 1)
    assert (n.first, n.repeat, n.first_unknown) == (2, 1, 1)


def test_costs_keep_their_kinds_and_their_base(register):
    hire, catering, _ = costs.cost_lines(register, costs.MONEY)
    assert (hire.known, hire.total, hire.mean, hire.median, hire.most) == (3, 135, 45, 50, 85)
    assert hire.largest == (85, 50)
    assert catering.known == 2  # a blank is not nought
    with pytest.raises(errors.DataError):
        costs.cost_line(pd.Series([-1.0]), "hire")


def test_cost_of_an_attendance_uses_the_same_events_above_and_below(register):
    n = costs.per_attendance(register)
    assert (n.events, n.attendances) == (1, 40)
    assert n.money == pytest.approx((85 + 100 + 5) / 40)
    assert n.hire == pytest.approx(85 / 40)
    assert n.officer_hours == pytest.approx(60 / 40)
    assert n.with_staff is None
    assert costs.per_attendance(register, staff_rate=20).with_staff == pytest.approx((190 + 20 * (12 + 60)) / 40)


# ---- feedback ---------------------------------------------------------------------------------------------------


@pytest.fixture
def comments():
    return pd.DataFrame(
        {
            "event_id": ["E1", "E1", "E2", "E2", "E3", "E3"],
            "question": ["respect"] * 5 + ["protect"],
            "theme": ["stops", "stops", "hate", "stops", "gone", "hate"],
            "channel": ["form", "notes", "form", "form", "form", "form"],
            "stance": ["problem", "solution", "problem", "problem", "story", "solution"],
            "sense_check": ["agreed", "rejected", "amended", "pending", "rejected", pd.NA],
        }
    )


def test_the_checking_group_is_obeyed(comments):
    n = feedback.sense_check(comments)
    assert (n.agreed, n.amended, n.rejected, n.pending, n.verdicts) == (1, 1, 2, 2, 4)
    assert n.rejected_themes == ("gone",)
    table = feedback.themes(comments)
    assert "gone" not in set(table["theme"])
    assert table.loc[table["theme"] == "stops", "comments"].sum() == 2


def test_themes_stand_beside_the_events_where_they_could_come_up(comments, register):
    table = feedback.themes(comments, register).set_index(["theme", "question"])
    assert table.loc[("stops", "respect"), ["events", "asked"]].tolist() == [2, 3]
    assert table.loc[("hate", "protect"), ["events", "asked"]].tolist() == [1, 2]


def test_voices_heard_on_forms_only_are_marked(comments):
    table = feedback.channels(comments)
    assert bool(table.loc["hate", "forms_only"])
    assert table.loc["stops", ["forms", "aloud"]].tolist() == [2, 0]


def test_kappa_agrees_with_psych():
    codes = data("codes")
    k = feedback.kappa(codes["first"], codes["second"])
    assert k.value == pytest.approx(R["kappa"]["value"], abs=1e-10)
    assert k.se**2 == pytest.approx(R["kappa"]["variance"], abs=1e-10)
    assert not k.recode


def test_kappa_without_a_value_is_refused():
    with pytest.raises(errors.DataError, match="no comment was coded by both"):
        feedback.kappa(pd.Series(["a", None]), pd.Series([None, "b"]))
    with pytest.raises(errors.DataError, match="one code to every comment"):
        feedback.kappa(pd.Series(["a"] * 5), pd.Series(["a"] * 5))
    assert feedback.kappa(pd.Series(list("aabb")), pd.Series(list("abab"))).recode


# ---- actions ----------------------------------------------------------------------------------------------------


def test_cumulative_incidence_agrees_with_survfit():
    given_days = data("actions")
    curves = actions.cumulative_incidence(given_days["days"], given_days["event"])
    for k, curve in enumerate(curves):
        for place, day in enumerate(R["incidence"]["times"]):
            at = int(np.searchsorted(curve.times, day, side="right")) - 1
            assert curve.value[at] == pytest.approx(R["incidence"]["value"][place][k], abs=1e-10)
            assert curve.se[at] == pytest.approx(R["incidence"]["se"][place][k], abs=1e-10)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3)), min_size=1, max_size=60))
def test_shares_ended_rise_and_never_exceed_one(rows):
    frame = pd.DataFrame(rows, columns=["days", "event"])
    curves = actions.cumulative_incidence(frame["days"], frame["event"])
    total = sum(c.at(1e9)[0] for c in curves)
    assert -1e-12 <= total <= 1 + 1e-9
    for c in curves:
        assert all(b >= a - 1e-12 for a, b in zip(c.value, c.value[1:], strict=False))


def test_without_competing_ends_incidence_is_one_minus_kaplan_meier():
    given_days = data("actions")
    ended = (given_days["event"] > 0).astype(int)
    (curve,) = actions.cumulative_incidence(given_days["days"], ended, names=("ended",))
    first = actions.first_response(given_days["days"], ended == 1)
    assert curve.value == pytest.approx(first.share)


def test_middle_time_agrees_with_survfit_and_waits_for_half():
    given_days = data("actions")
    first = actions.first_response(given_days["days"], given_days["event"] > 0)
    assert (first.median, first.low, first.high) == tuple(R["median"].values())
    early = actions.first_response(pd.Series([10.0, 20, 300, 300, 300]), pd.Series([True, True, False, False, False]))
    assert early.median is None


@pytest.fixture
def tracker():
    day = pd.Timestamp("2024-01-01")
    rows = [
        ("done", 30, None, None, None),
        ("cannot", 60, "no power", None, None),
        ("cannot", 90, None, 95, 2),
        ("under_way", 40, None, None, None),
        ("raised", 0, None, None, None),
        ("reported_back", 50, None, 80, 5),
        ("done", 900, None, None, None),
    ]
    frame = pd.DataFrame(
        rows, columns=["status", "status_date", "reason_cannot", "fed_back_date", "community_satisfied"]
    )
    for c in ("status_date", "fed_back_date"):
        frame[c] = day + pd.to_timedelta(frame[c].astype(float), unit="D")
    frame["raised_date"] = [day] * 6 + [pd.NaT]
    frame["due_date"] = day + pd.Timedelta(days=100)
    return frame


def test_refusals_compete_open_ones_are_censored_and_undated_ones_counted(tracker):
    until = pd.Timestamp("2024-12-31")
    out = actions.outcomes(tracker, until=until)
    assert out["event"].tolist() == [1, 2, 3, 0, 0, 1]
    assert out["days"].tolist() == [30, 60, 90, 365, 365, 50]
    assert out["was_answered"].tolist() == [True, True, True, True, False, True]
    assert actions.undated_actions(tracker) == 1
    early = actions.outcomes(tracker, until=pd.Timestamp("2024-02-15"))
    assert early["event"].tolist() == [1, 0, 0, 0, 0, 0]  # what came later is not known yet


def test_the_loop_counts_what_was_told_explained_and_is_overdue(tracker):
    n = actions.feedback_loop(tracker, until=pd.Timestamp("2024-12-31"))
    assert (n.raised, n.reported_back, n.refused, n.explained) == (7, 2, 2, 1)
    assert (n.overdue, n.undated, n.rated, n.satisfied) == (2, 1, 2, 1)


def test_an_action_answered_before_it_was_raised_is_refused(tracker):
    tracker.loc[0, "status_date"] = pd.Timestamp("2023-01-01")
    with pytest.raises(errors.DataError, match="before they were raised"):
        actions.outcomes(tracker, until=pd.Timestamp("2024-12-31"))


# ---- meetings ---------------------------------------------------------------------------------------------------


def test_permutation_of_meetings_agrees_with_every_split_in_r():
    meetings = data("meetings")
    sides = [meetings.loc[meetings["model"] == m, "depth"] for m in ("current", "revised")]
    found = iag.permutation(*sides)
    assert found.exact
    assert found.splits == R["permutation"]["splits"]
    assert found.p == pytest.approx(R["permutation"]["p"], abs=1e-12)
    assert found.difference == pytest.approx(R["permutation"]["difference"], abs=1e-12)
    assert found.low < found.difference < found.high
    drawn = iag.permutation(*sides, most=500, seed=3)
    assert not drawn.exact
    assert abs(drawn.p - found.p) < 0.02


def test_interval_and_test_of_meetings_agree():
    same = iag.permutation(pd.Series([1.0, 2, 3, 2, 1]), pd.Series([2.0, 1, 3, 1, 2]))
    assert same.p > 0.05
    assert same.low <= 0 <= same.high
    with pytest.raises(errors.DataError, match="two on each side"):
        iag.permutation(pd.Series([1.0]), pd.Series([1.0, 2]))


def test_three_meetings_a_side_cannot_give_an_interval():
    found = iag.permutation(pd.Series([1.0, 2, 3]), pd.Series([4.0, 5, 6]))
    assert found.p == pytest.approx(0.1)
    assert found.low is None
    assert found.high is None


def test_advice_is_taken_explained_or_met_with_silence():
    meetings = pd.DataFrame(
        {
            "depth": [1, 4],
            "chaired_by": ["police", "community"],
            "agenda_by": ["joint", "police"],
            "n_advice": [5, 3],
            "n_advice_adopted": [2, 3],
            "n_advice_explained": [1, 0],
            "n_members": [10, 8],
            "n_police": [4, 2],
        }
    )
    n = iag.practice(meetings)
    assert (n.advice, n.adopted, n.explained, n.silent) == (8, 5, 1, 2)
    assert (n.community_chaired, n.community_agenda) == (1, 1)
    with pytest.raises(errors.DataError, match="more advice than was given"):
        iag.practice(meetings.assign(n_advice_explained=[4, 0]))


# ---- recording and recruitment ----------------------------------------------------------------------------------


def test_exact_intervals_agree_with_binom_test():
    for (x, n), expected in zip(((50, 200), (0, 27)), R["exact"][:2], strict=True):
        assert representation.exact_interval(x, n) == pytest.approx(expected, abs=1e-10)
    assert representation.largest_failure_rate(0, 27) == pytest.approx(R["exact"][1][1], abs=1e-10)


def test_not_less_than_one_in_four():
    g = representation.against_goal(50, 200, 0, goal=0.25)
    assert (g.met, g.known_share) == ("met", 0.25)
    assert (round(g.low, 2), round(g.high, 2)) == (0.19, 0.32)
    assert g.least_for_rate == 63
    assert representation.against_goal(63, 200, 0, goal=0.25).p == pytest.approx(R["exact"][2], abs=1e-10)


@pytest.mark.parametrize("case", GOAL_IN_R, ids=lambda c: f"{c['x']} of {c['n']}")
def test_the_goal_is_tested_exactly_as_binom_test_does(case):
    goal = representation.against_goal(case["x"], case["n"], 0, goal=0.25)
    assert goal.p == pytest.approx(case["p_at_least_quarter_exact_lower_tail"], abs=1e-10)
    assert (goal.low, goal.high) == pytest.approx(case["clopper_pearson"], abs=1e-8)


def test_those_not_known_decide_the_goal():
    g = representation.against_goal(45, 200, 20, goal=0.25)
    assert (g.worst, g.best) == (45 / 200, 65 / 200)
    assert g.met == "depends on those not known"
    assert representation.against_goal(20, 200, 20, goal=0.25).met == "not met"
    with pytest.raises(errors.DataError, match="do not fit"):
        representation.against_goal(195, 200, 20, goal=0.25)


def test_a_change_is_told_three_ways():
    c = representation.change(24_800, 62_000, 15_500, 77_500)
    assert (c.count_per_cent, c.share_per_cent, c.share_points) == pytest.approx((-37.5, -50.0, -20.0))
    with pytest.raises(errors.DataError):
        representation.change(0, 10, 5, 10)


def test_a_control_chart_widens_only_with_enough_periods():
    rng = np.random.default_rng(5)
    base = pd.Series([50_000.0] * 24)
    wobble = pd.Series(base * np.clip(rng.normal(0.3, 0.03, 24), 0, 1)).round()
    long = representation.p_chart(wobble, base)
    assert long["sigma_z"].iloc[0] > 5
    assert (long["state"] == "as expected").mean() > 0.9
    short = representation.p_chart(wobble[:3], base[:3])
    assert short["sigma_z"].iloc[0] == 1.0


def test_funnel_and_parity():
    rows = pd.DataFrame(
        {"stage": ["joined", "applied"], "n_people": [20, 200], "n_total": [110, 900], "n_unknown": [10, 100]}
    )
    out = representation.funnel(rows, order=("applied", "joined"))
    assert out["stage"].tolist() == ["applied", "joined"]
    assert out["share"].tolist() == [0.25, 0.2]
    ratio, low, high = representation.parity(20, 100, 40, 100)
    assert ratio == pytest.approx(0.5)
    assert low < ratio < high
