"""Notebooks 03 to 05 on a made study: who is compared, on which weights, by which methods, and what stands beside."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import errors
from evaluation.analysis import (
    arms,
    attendance,
    attendee_effect,
    attendee_methods,
    attendee_subgroups,
    balance_tables,
    comparison,
)
from evaluation.analysis.arms import TREATED
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison
from evaluation.analysis.levels import Survey
from evaluation.exhibit import Count, Measure, Text
from evaluation.plan import study
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics import balance, effects, matching, power, propensity

ROOT = Path(__file__).parents[2]
WAVE = "W2025"
COVARIATES = ("age5", "sex", "ethnic5", "area2", "education", "years_in_llr")


@cache
def plan():
    made = study.load(ROOT / "study.toml")
    small = {"placebo_draws": 24}
    return made.model_copy(
        update={
            "matching": made.matching.model_copy(update=small),
            "sensitivity": made.sensitivity.model_copy(update={"bootstrap_draws": 50}),
        }
    )


@cache
def made(seed=3, boost=True):
    """Return a comparison of about 120 attendees and 420 others: a group oversampled fivefold attends more."""
    rng = np.random.default_rng(seed)
    n = 540
    ethnic = rng.choice(["black", "white", "asian"], n, p=[0.22, 0.6, 0.18])
    city = np.where(rng.random(n) < 0.45, "city", "elsewhere")
    odds = -1.9 + 1.0 * (ethnic == "black") + 0.5 * (city == "city")
    went = rng.random(n) < 1 / (1 + np.exp(-odds))
    people = pd.DataFrame(
        {
            TREATED: went.astype(int),
            "age5": rng.choice(["16_24", "25_34", "35_49", "50_64"], n),
            "sex": rng.choice(["female", "male"], n),
            "ethnic5": ethnic,
            "area2": city,
            "education": rng.choice(["degree", "below_degree", "none"], n),
            "years_in_llr": rng.integers(0, 60, n).astype(float),
            "session": [f"S{i}" for i in rng.integers(0, 36, n)],
            "boost": went & (rng.random(n) < 0.4) & boost,
            "dose": np.where(went, rng.integers(1, 4, n), 0.0),
            "source": np.where(went, "event_optin", "street"),
        },
        index=[f"R{i:04d}" for i in range(n)],
    )
    people.loc[people["boost"], "session"] = [f"L{i}" for i in rng.integers(0, 8, int(people["boost"].sum()))]
    rare = people["ethnic5"].map({"black": 0.2, "white": 1.3, "asian": 0.9})
    people[COMPARISON_WEIGHT] = np.where(went, 1.0, rare * rng.uniform(0.8, 1.2, n))
    scores = propensity.fit(people, treat=TREATED, covariates=COVARIATES, survey_weight=COMPARISON_WEIGHT)
    sizes = {"treated": int(went.sum()), "untreated": int((~went).sum())}
    return Comparison(people, COVARIATES, scores, None, sizes, {"treated": 30, "untreated": 30})


@cache
def survey(seed=3, boost=True, effect=0.4):
    people = made(seed, boost).people
    rng = np.random.default_rng(seed + 100)
    latent = 3.2 + effect * people[TREATED] - 0.5 * (people["ethnic5"] == "black") + rng.normal(0, 1, len(people))
    outcomes = pd.DataFrame({plan().outcomes.primary: np.clip(np.round(latent), 1, 5)})
    outcomes.iloc[5] = np.nan
    return Survey(people.assign(wave=WAVE), outcomes, {}, {plan().outcomes.primary: 1.0})


def cells(exhibit):
    return {(i.row, i.column): i.result for i in exhibit.items}


@cache
def sample():
    return comparison.match(plan(), WAVE, made())


@cache
def results():
    return attendee_methods.estimates(plan(), WAVE, made(), sample(), survey(), ())


def test_matching_keeps_its_balance_under_the_survey_weight():
    """Without measuring weights against the same score the oversampled group is far apart again."""
    compare = made()
    kept = balance_tables.compared(plan(), compare, sample())
    bare = matching.nearest(
        compare.people, compare.scores, **comparison.planned_matching(plan(), "control") | {"survey_weight": None}
    )
    lost = balance_tables.compared(plan(), compare, bare)
    assert kept.worst < 0.25 < 0.4 < lost.worst
    gates = {g.id: g for g in balance_tables.balance_gates(plan(), WAVE, compare, sample())}
    assert gates["attend.balance"].passed
    found = balance_tables.placebo(plan(), compare, bare)
    assert found.grade == "fail"
    assert found.worst[0] == pytest.approx(lost.worst)


def test_the_companion_is_judged_by_its_analysis_weights():
    compare = made()
    other = comparison.companion(plan(), compare)
    w = (other.match_weight * compare.people[COMPARISON_WEIGHT])[compare.people[TREATED] == 0]
    assert other.n_effective["control"] == pytest.approx(w.sum() ** 2 / (w**2).sum())
    assert other.largest_control_share == pytest.approx(w.max() / w.sum())
    gate = next(g for g in balance_tables.balance_gates(plan(), WAVE, compare, sample()) if g.id == "attend.companion")
    assert gate.value == pytest.approx(other.n_effective["control"] / compare.n["treated"])
    gap = balance.compare(
        compare.people,
        treat=TREATED,
        covariates=list(plan().matching.prognostic),
        weights=other.match_weight,
        survey_weight=COMPARISON_WEIGHT,
    )
    assert gap.worst < 1e-7


def test_a_level_that_another_column_settles_is_joined_and_changes_no_score():
    people = made().people.drop(columns=["boost", "dose", "source", "session"]).copy()
    people["work"] = np.where(
        people["age5"] == "50_64", "retired", np.where(people["sex"] == "male", "student", "paid")
    )
    rng = np.random.default_rng(1)
    people["work"] = people["work"].where(people["age5"].eq("50_64") | (rng.random(len(people)) < 0.5), "paid")
    joined = comparison.join_determined(people, (*COVARIATES, "work"))
    assert set(joined["work"]) == {"paid", "student"}
    words = {"treat": TREATED, "survey_weight": COMPARISON_WEIGHT}
    once = propensity.fit(joined, covariates=(*COVARIATES, "work"), **words)
    by_hand = propensity.fit(
        people.assign(student=(people["work"] == "student") * 1.0), covariates=(*COVARIATES, "student"), **words
    )
    assert once.values.to_numpy() == pytest.approx(by_hand.values.to_numpy(), abs=1e-9)
    pd.testing.assert_frame_equal(comparison.join_determined(people, COVARIATES), people)


def test_doses_are_none_one_two_and_three_or_more():
    column = plan().treatment.dose_column
    design = pd.DataFrame({column: ["1", "2", "9", None, "0", ""]}, index=list("abcdef"))
    treated = pd.Series([1, 1, 1, 1, 1, 0], index=design.index)
    found = comparison.dose(plan(), design, treated)
    assert found.to_numpy() == pytest.approx([1, 2, 3, np.nan, np.nan, 0], nan_ok=True)
    assert comparison.dose(plan(), design.drop(columns=column), treated).isna().sum() == 5


def test_methods_stand_in_one_table_the_planned_one_first():
    table = attendee_methods.methods(plan(), WAVE, results())
    rows = [i.row for i in table.items]
    assert rows[0].startswith("Planned")
    assert table.chart == "forest"
    assert len(set(rows)) == 14
    values = {i.row: i.result for i in table.items}
    about_all = {
        "Overlap weights",
        *(k for k in values if k.startswith("Among everybody")),
    }  # lists of attendees were added
    assert len(about_all) == 3
    assert {k for k, v in values.items() if isinstance(v, NotIdentified)} == about_all
    assert all(isinstance(v, Estimate) for k, v in values.items() if k not in about_all)
    planned, companion = values[rows[0]], values["Entropy balancing (planned companion)"]
    assert planned.planned
    assert not companion.planned
    assert "sessions" in values["The same, error from redrawing every step"].se_method
    assert abs(planned.value - companion.value) < 2 * planned.se


def test_overlap_weights_serve_where_nobody_was_added():
    found = attendee_methods.estimates(
        plan(), WAVE, made(boost=False), comparison.match(plan(), WAVE, made(boost=False)), survey(boost=False), ()
    )
    over = next(r for r in found if r.id.endswith(".overlap"))
    assert "ATO" in over.estimand
    assert isinstance(next(r for r in found if r.id.endswith(".lists-only")), TooFew)


def test_the_survey_weight_is_in_the_outcome():
    """Leaving the survey weight out of the outcome gives another number than the one that is reported."""
    outcome, compare = plan().outcomes.primary, made()
    people = attendee_effect.joined(compare, survey(), outcome)
    words = {
        "outcome": outcome,
        "treat": TREATED,
        "covariates": attendee_effect.adjusted_for(plan(), people),
        "cluster": "session",
    }
    held = attendee_effect.sample_for(people, sample())
    reported = next(r for r in results() if r.id.count(".") == 3)
    with_weight = effects.in_sample(people, held, survey_weight=COMPARISON_WEIGHT, **words)
    without = effects.in_sample(people, held, **words)
    assert reported.value == pytest.approx(with_weight.value, abs=1e-12)
    assert abs(reported.value - without.value) > 0.02


def test_the_audit_reads_the_weights_from_the_steps():
    compare = made()
    said = {k[0]: v.text for k, v in cells(balance_tables.weights_audit(plan(), WAVE, compare, sample())).items()}
    assert said["Model of attendance"] == "comparison weight"
    assert "about the same score" in said["Match weight of a counterpart"]
    bare = replace(compare, scores=replace(compare.scores, survey_weight=None))
    plain = {
        k[0]: v.text
        for k, v in cells(
            balance_tables.weights_audit(plan(), WAVE, bare, replace(sample(), survey_weight=None))
        ).items()
    }
    assert plain["Model of attendance"] == "none"
    assert plain["Match weight of a counterpart"] == "none"


def test_both_kinds_of_attendees_and_their_difference():
    found = {
        i.result.id.split(".")[-1]: i.result
        for i in attendee_subgroups.sources(plan(), WAVE, made(), sample(), survey()).items
    }
    apart = found["apart"]
    assert apart.value == pytest.approx(found["lists"].value - found["general"].value)
    assert apart.se > 0.7 * max(found["lists"].se, found["general"].se)
    seen = next(v for v in found.values() if isinstance(v, Measure))
    assert seen.value == pytest.approx(
        power.minimum_detectable(apart.se, df=apart.df, power=plan().power.power, size=0.05)
    )


def test_units_doses_ties_and_false_claims():
    units = cells(attendee_subgroups.units(plan(), WAVE, made(), sample(), survey()))
    rows = [k[0] for k in units]
    assert rows[0].startswith("Positive answers, difference")
    assert rows[1].startswith("Positive answers, ratio")
    points, sd = list(units.values())[2:]
    others = survey().outcomes[plan().outcomes.primary][made().people[TREATED] == 0]
    assert sd.value == pytest.approx(points.value / others.std())
    assert list(units.values())[1].null == 1
    doses = list(cells(attendee_subgroups.doses(plan(), WAVE, made(), sample(), survey())).values())
    assert len(doses) == 3
    assert all(isinstance(d, Estimate | TooFew) for d in doses)
    ties = [c.value for c in cells(attendee_subgroups.ties(plan(), WAVE, made(), sample(), survey())).values()]
    assert ties[1] <= ties[0] <= ties[2]
    claimed = list(cells(attendee_subgroups.claimed(plan(), WAVE, made(), sample(), survey(), (0.2, 400))).values())
    values = [c.value for c in claimed]
    assert values == sorted(values, reverse=True)
    assert values[-1] > points.value
    hopeless = cells(attendee_subgroups.claimed(plan(), WAVE, made(), sample(), survey(), (0.02, 400)))
    assert isinstance(next(iter(hopeless.values())), Text)


def test_claims_before_the_first_event_are_counted():
    t = plan().treatment
    n = 60
    design = pd.DataFrame({t.first_month_column: ["2021-03"] * 6 + ["2023-05"] * 54}, index=range(n))
    arm = pd.Series(["first"] * 40 + ["neither"] * 20, index=range(n))
    months = pd.Series(pd.to_datetime(["2022-10-05", "2023-05-09"]))
    found = cells(attendance.claims(plan(), WAVE, design, arm, months))
    early = next(v for k, v in found.items() if "before the first event" in k[0])
    assert early.value == pytest.approx(100 * 6 / 40)
    assert early.base == 40
    assert len(found) == len(t.specificity) + 1
    assert len(attendance.claims(plan(), WAVE, design, arm).items) == len(t.specificity)


def test_nothing_is_compared_where_nobody_was_asked():
    refused = Comparison(pd.DataFrame(), refusal=NotIdentified("not asked", "Ask.", wave=WAVE))
    empty = comparison.nobody(pd.Index([]))
    shown = [
        balance_tables.sources(plan(), WAVE, refused),
        balance_tables.support(plan(), WAVE, refused),
        balance_tables.spread_table(plan(), WAVE, refused, empty),
        balance_tables.placebo_table(plan(), WAVE, refused, None),
        balance_tables.weights_audit(plan(), WAVE, refused, empty),
        *(
            f(plan(), WAVE, refused, empty, survey())
            for f in (
                attendee_subgroups.units,
                attendee_subgroups.doses,
                attendee_subgroups.sources,
                attendee_subgroups.ties,
            )
        ),
        attendee_subgroups.claimed(plan(), WAVE, refused, empty, survey(), (0.1, 50)),
    ]
    for exhibit in shown:
        assert [type(i.result) for i in exhibit.items] == [NotIdentified]
    assert balance_tables.placebo(plan(), refused, empty) is None
    assert balance_tables.balance_gates(plan(), WAVE, refused, empty) == []


def test_no_exhibit_shows_a_count_of_few_people_outside_the_gate():
    shown = [
        balance_tables.sources(plan(), WAVE, made()),
        balance_tables.support(plan(), WAVE, made()),
        balance_tables.spread_table(plan(), WAVE, made(), sample()),
    ]
    for exhibit in shown:
        for item in exhibit.items:
            assert not isinstance(item.result, Count)
            assert item.result.base >= plan().sizes.least_people


def test_the_caliper_stands_beside_the_design_with_its_scale():
    table = balance_tables.sample_table(plan(), WAVE, made(), sample())
    found = cells(table)["Nearest neighbours (planned)", "Caliper"]
    others = made().scores.logit[made().people[TREATED] == 0]
    assert found.value == pytest.approx(plan().matching.caliper * others.std())
    assert "those who did not attend" in " ".join(table.notes)
    gap = made().scores.logit
    pairs = sample().pairs
    assert np.abs(gap[pairs["treated"]].to_numpy() - gap[pairs["control"]].to_numpy()).max() <= found.value


def test_reasons_for_not_coming_are_of_people_who_had_not_attended():
    options = plan().codebook.variable("why_not").levels
    rng = np.random.default_rng(5)
    n = 400
    design = pd.DataFrame({plan().treatment.column: np.where(np.arange(n) < 100, "yes", "no")})
    for k in options:
        design[f"why_not.{k}"] = pd.array(rng.random(n) < 0.2, dtype="boolean")
    design.loc[:119, [f"why_not.{k}" for k in options]] = pd.NA  # attendees, and twenty who gave no reason
    design["why_not.fear"] = design["why_not.fear"].where(design["why_not.fear"].isna(), False)
    shown = attendance.reasons(plan(), WAVE, design)
    assert "policy-7" in shown.sections
    found = {i.result.id.split(".")[1]: i.result for i in shown.items}
    assert found["do_not_want"].value == pytest.approx(100 * design.loc[120:, "why_not.do_not_want"].mean())
    assert found["do_not_want"].base == 280
    assert "fear" not in found
    assert [i.result.value for i in shown.items] == sorted((i.result.value for i in shown.items), reverse=True)
    (none,) = attendance.reasons(plan(), WAVE, design.drop(columns=[c for c in design if "why_not" in c])).items
    assert "not asked" in none.result.text


@pytest.mark.parametrize(
    ("said", "source", "what", "todo"),
    [
        ("no", "street", "nobody who answered is known to have attended", "Invite people who had attended to answer."),
        ("yes", "street", "nobody who answered is known not to have attended", "Invite people who had not attended to"),
        (
            None,
            "street",
            "nobody who answered is known to have attended, nor known not",
            "who had attended, and people who",
        ),
        (
            "mixed",
            "event_optin",
            "everybody who answered and had not attended was reached through the lists",
            "Invite people who had not attended, and stand on no such list, to answer.",
        ),
    ],
)
def test_a_wave_with_one_side_only_says_which_side_nobody_stands_on(said, source, what, todo):
    n, t = 40, plan().treatment
    attended = ["yes", "no"] * (n // 2) if said == "mixed" else [said or "dont_know"] * n
    design = pd.DataFrame({t.column: attended, "sample_source": source, "sex": ["female", "male"] * (n // 2)})
    arm = arms.arms(plan(), design)
    with pytest.raises(errors.EmptyCell) as error:
        arms.compared(plan(), design, arm)
    assert error.value.what.startswith(what)
    found = comparison.prepare(plan(), WAVE, design, arm, {})
    assert found.refusal.reason == error.value.what
    assert todo in found.refusal.what_would_help
    assert " or " not in found.refusal.reason
    assert [(g.id, g.passed) for g in found.refusal.gates] == [("both_arms", False)]
    assert found.refusal.reason in found.refusal.gates[0].note


def test_a_companion_without_a_prognostic_characteristic_is_refused_in_words():
    bare = replace(made(), covariates=("years_in_llr",))
    with_none = plan().model_copy(update={"matching": plan().matching.model_copy(update={"prognostic": ("age5",)})})
    found = comparison.companion(with_none, bare)
    assert isinstance(found, NotIdentified)
    assert found.reason == "no prognostic characteristic tells these people apart"
    gates = {
        g.id: g
        for g in balance_tables.balance_gates(with_none, WAVE, bare, sample(), NotIdentified("no lots", "None."))
    }
    assert not gates["attend.companion"].passed
