"""Notebook 07 on a drawn study: the curve and its chance, families, missing answers, collection, dose, doubts in order."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from benchmarks import drawn_study as drawing
from benchmarks.known_truth import PRIMARY, WAVE, Study
from evaluation import errors
from evaluation.analysis import verdicts
from evaluation.analysis.attendee_effect import joined
from evaluation.analysis.comparison import COMPARISON_WEIGHT, everybody
from evaluation.analysis.robustness import (
    missing_answers,
    multiple_testing,
    negative_controls,
    nonresponse,
    specification_curve,
    summary,
    unmeasured_confounding,
)
from evaluation.analysis.robustness.missing_answers import scale_ends
from evaluation.analysis.robustness.negative_controls import Controls
from evaluation.analysis.robustness.specification_curve import AXES, PLANNED
from evaluation.analysis.robustness.summary import ranked
from evaluation.results import Estimate, Gate, NotIdentified, verdict, why_fragile
from evaluation.statistics import effects


@pytest.fixture(scope="module")
def made():
    """Return one drawn study with effects, its planned results, and the plan."""
    plan, margins, table = drawing.load()
    rng = np.random.default_rng(11)
    study = Study(plan, margins, table, drawing.truth(), rng, ("W2022", WAVE))
    study.margins = margins
    study.attend = study.attended([PRIMARY, *plan.outcomes.secondary, *plan.outcomes.negative_controls])
    return study


@pytest.fixture(scope="module")
def shown(made):
    """Return the exhibits of notebook 07 and what they were made from."""
    words = (made.plan, WAVE, made.compare, made.sample, made.survey, made.attend)
    found = {"unseen": unmeasured_confounding.unseen(*words), "missing": missing_answers.missing_answers(*words)}
    found["collected"] = nonresponse.collection(made.plan, WAVE, made.compare, made.survey)
    return found


def cell(exhibit, end):
    return next(i.result for i in exhibit.items if i.result.id.endswith(end))


# ---- the curve -----------------------------------------------------------------------------------------------------


def test_only_the_axes_of_the_plan_are_varied_and_the_planned_way_is_the_planned_estimate(made):
    plan = made.plan
    few = plan.sensitivity.model_copy(update={"specification_axes": ("method", "survey_weight")})
    curve = specification_curve.specifications(
        plan.model_copy(update={"sensitivity": few}), WAVE, made.compare, made.sample, made.survey
    )
    assert len(curve.table) + len(curve.refused) == len(AXES["method"]) * len(AXES["survey_weight"])
    assert set(curve.table["outcome_form"]) == {PLANNED["outcome_form"]}
    marked = curve.table.loc[curve.table["planned"]]
    assert len(marked) == 1
    assert marked["value"].iloc[0] == pytest.approx(made.attend[0].value, rel=1e-12)
    assert marked["low"].iloc[0] == pytest.approx(made.attend[0].low, rel=1e-12)
    assert curve.same_sign_share == pytest.approx(
        (np.sign(curve.table["value"]) == np.sign(marked["value"].iloc[0])).mean()
    )
    assert 0 < curve.p <= 1
    assert curve.draws == plan.sensitivity.bootstrap_draws


def test_an_axis_that_is_not_known_is_refused(made):
    odd = made.plan.sensitivity.model_copy(update={"specification_axes": ("weather",)})
    with pytest.raises(errors.Unsupported, match="weather"):
        specification_curve.specifications(
            made.plan.model_copy(update={"sensitivity": odd}), WAVE, made.compare, made.sample, made.survey
        )


def test_each_persons_part_makes_the_clustered_error(made):
    """The parts sum to 0, and their sums by session give the CR0 variance of the same contrast."""
    people = joined(made.compare, made.survey, PRIMARY)
    words = {
        "outcome": PRIMARY,
        "treat": "treated",
        "survey_weight": COMPARISON_WEIGHT,
        "covariates": ("ethnic5", "area2"),
    }
    parts = effects.influence(people, everybody(people), **words)
    assert parts.sum() == pytest.approx(0, abs=1e-10)
    clustered = effects.in_sample(people, everybody(people), cluster="session", **words)
    by_session = parts.groupby(people["session"]).sum()
    assert (by_session**2).sum() == pytest.approx(clustered.se**2, rel=0.15), "CR0 beside CR2 with 41 sessions"
    pulled = people.assign(**{PRIMARY: people[PRIMARY] + 0.5 * (people["session"] == people["session"].iloc[0])})
    moved = effects.in_sample(pulled, everybody(pulled), **words).value
    assert moved != pytest.approx(effects.in_sample(people, everybody(people), **words).value)


# ---- families, signs ----------------------------------------------------------------------------------------------


def test_a_family_is_corrected_and_never_below_the_planned_chance(made):
    found = multiple_testing.family_p_values(made.plan, made.compare, made.sample, made.survey, made.attend)
    secondary = [r for r in made.attend if r.family == "secondary"]
    assert {r.id for r in secondary} <= set(found.p)
    assert all(found.p[r.id] >= r.p for r in secondary)
    assert found.methods["secondary"].startswith("Romano")
    assert PRIMARY not in {i.split(".")[1] for i in found.p}
    table = multiple_testing.families(made.plan, WAVE, made.attend, found)
    assert cell(table, f"tests.count.all.{WAVE.lower()}").value == len(found.p)
    assert cell(table, f"tests.chance.all.{WAVE.lower()}").value == pytest.approx(0.05 * len(found.p))


def contrast(id, value, p, family="secondary"):
    return Estimate(value=value, se=0.1, low=value - 0.1, high=value + 0.1, p=p, null=0.0, id=id, family=family)


def test_changes_of_one_group_are_one_family_and_holm_corrects_them():
    rows = [
        contrast("change.a.black.w", 0.5, 0.01),
        contrast("change.b.black.w", 0.5, 0.04),
        contrast("change.c.other.w", 0.5, 0.03),
        contrast("change.d.black.w", 0.5, 0.01, "primary"),
    ]
    out = {r.id: r.p_family for r in verdicts.corrected(rows)}
    assert out == {
        "change.a.black.w": 0.02,
        "change.b.black.w": 0.04,
        "change.c.other.w": 0.03,
        "change.d.black.w": None,
    }


def test_outcomes_that_were_not_planned_are_one_family_over_all_contrasts():
    p = {"change.a.black.w": 0.01, "change.b.other.w": 0.2, "gap.a.black.w": 0.03, "attend.a.all.w": 0.04}
    rows = [contrast(id, 0.5, x, "exploratory") for id, x in p.items()]
    rows[-1] = replace(rows[-1], p_family=0.04)  # of the attendee comparisons alone, as notebook 07 makes it
    out = {r.id: r.p_family for r in verdicts.corrected(rows)}
    expected = dict(zip(p, multipletests(list(p.values()), method="fdr_bh")[1], strict=True))
    assert out == pytest.approx(expected)
    assert out["attend.a.all.w"] > 0.05


@pytest.mark.parametrize(("other", "word"), [(-1.0, "higher, but fragile"), (2.0, "higher"), (0.0, "higher")])
def test_a_share_or_companion_that_points_the_other_way_makes_a_direction_fragile(other, word):
    mean = contrast("attend.y.all.w", 0.5, 0.001, "primary")
    for id in ("attendshare.y.all.w", "attend.y.all.w.entropy-balancing"):
        row = verdicts.signed(mean, {id: contrast(id, other, 0.5, "")})
        assert verdict(row) == word
    assert verdicts.signed(mean, {}) == mean


def test_controls_that_point_one_way_doubt_that_direction_only(made):
    gate = [Gate("attend.controls", "quality", False)]
    nothing = NotIdentified("no curve", "")
    up = Controls((), 0.01, {}, "a difference", 1)
    rows = summary.applied(
        made.plan,
        [contrast("attend.y.all.w", 0.5, 0.001, "primary")],
        nothing,
        multiple_testing.FamilyPValues(),
        gate,
        up,
    )
    assert why_fragile(rows[0]) == ("one-sided doubt",)
    both = Controls((), 0.01, {}, "a difference", 0)
    rows = summary.applied(
        made.plan,
        [contrast("attend.y.all.w", 0.5, 0.001, "primary")],
        nothing,
        multiple_testing.FamilyPValues(),
        gate,
        both,
    )
    assert why_fragile(rows[0]) == ("gate:attend.controls",)


def test_a_joint_test_that_could_see_nothing_sets_no_gate(made):
    assert summary.gates(made.plan, WAVE, Controls((), 0.9, {}, "not informative")) == []
    assert summary.gates(made.plan, WAVE, Controls((), None, {}, "not asked")) == []
    assert [g.passed for g in summary.gates(made.plan, WAVE, Controls((), 0.9, {}, "no difference"))] == [True]


def test_controls_say_what_they_could_have_noticed(made):
    found = negative_controls.controls(made.plan, WAVE, made.compare, made.sample, made.survey, made.attend)
    assert len(found.rows) == 3
    assert all(size > 0.1 for size in found.detectable.values())
    table = negative_controls.controls_table(made.plan, WAVE, found)
    assert sum(i.result.id.startswith("mde.control") for i in table.items) == 3


# ---- missing answers -----------------------------------------------------------------------------------------------


def test_the_worst_case_holds_every_other_treatment_of_blanks(made, shown):
    table = shown["missing"]
    complete, imputed = cell(table, ".complete"), cell(table, ".imputed")
    row = next(r for r in made.attend if r.outcome == PRIMARY)
    assert complete.value == row.value
    assert imputed.value == pytest.approx(row.value, abs=2 * row.se)
    worst, lee = cell(table, ".worst"), cell(table, ".lee")
    assert worst.low < worst.high
    assert worst.low <= lee.low <= lee.high <= worst.high or lee.high - lee.low < worst.high - worst.low
    people = made.compare.people
    outcome = made.survey.outcomes[PRIMARY].reindex(people.index)
    ends = scale_ends(made.plan, PRIMARY)
    filled = [outcome.fillna(x) for x in ends]
    weight = people[COMPARISON_WEIGHT]
    came = people["treated"] == 1
    low = np.average(filled[0][came], weights=weight[came]) - np.average(filled[1][~came], weights=weight[~came])
    assert worst.low == pytest.approx(low)


def test_levels_under_other_rules_stand_in_order(made):
    table = missing_answers.levels_otherwise(made.plan, WAVE, made.survey)
    found = {i.row: i.result for i in table.items}
    planned_level = found["Planned: blanks left out"].value
    assert found["No answer: all negative"].value < planned_level < found["No answer: all positive"].value
    between = found["Group not stated: counted in by share"].value
    ends = sorted([planned_level, found["Group not stated: all counted in"].value])
    assert ends[0] - 1e-9 <= between <= ends[1] + 1e-9


def test_nonresponse_says_what_would_erase_level_and_change(made):
    table = nonresponse.who_did_not_answer(made.plan, WAVE, made.survey)
    ids = [i.result.id for i in table.items]
    for start in ("nonresponse.", "erase.", "eraselevel."):
        assert any(i.startswith(start) for i in ids)


# ---- collection, dose, window --------------------------------------------------------------------------------------


def test_every_session_is_left_out_in_turn_and_lists_stand_against_other_attendees(shown):
    span = cell(shown["collected"], ".sessions")
    assert span.low < span.value < span.high
    assert cell(shown["collected"], ".lists.mde").value > 0


def test_the_window_is_dropped_and_weights_are_made_again(made):
    days = pd.Timestamp(2022, 8, 15) + pd.to_timedelta(np.arange(len(made.survey.people)) % 60, unit="D")
    survey = replace(made.survey, people=made.survey.people.assign(day=days), _jackknives={})
    table = nonresponse.window(made.plan, WAVE, survey, made.margins)
    rows = {(i.row, i.column): i.result for i in table.items}
    everyone = [rows["Everybody", c] for c in ("All answers", "Without the window")]
    assert all(isinstance(r, Estimate) for r in everyone)
    assert sum(everyone[1].n.values()) < sum(everyone[0].n.values())
    assert everyone[0].value != everyone[1].value
    assert isinstance(nonresponse.window(made.plan, WAVE, made.survey, made.margins).items[0].result, NotIdentified)


def test_dose_and_exposures_that_cannot_matter(made):
    people = made.survey.people
    came = people["lpact_attended"] == "yes"
    times = pd.Series(np.where(came, 1 + np.arange(len(people)) % 2, np.nan), index=people.index)
    heard = pd.Series(np.where(np.arange(len(people)) % 3 == 0, "yes", "no"), index=people.index, dtype=object)
    one = type(made.plan.sensitivity.subsets[0])(name="heard of it", column="lpact_heard", keep=("yes",))
    plan = made.plan.model_copy(
        update={"sensitivity": made.plan.sensitivity.model_copy(update={"negative_exposures": (one,)})}
    )
    survey = replace(made.survey, people=people.assign(lpact_n=times, lpact_heard=heard), _jackknives={})
    table = negative_controls.exposures(plan, WAVE, made.compare, survey, made.attend)
    found = {i.row: i.result for i in table.items}
    once, often = (found[f"Came {x}, against people who did not"] for x in ("once", "twice or more"))
    assert isinstance(once, Estimate)
    assert isinstance(often, Estimate)
    assert isinstance(found["Did not attend: heard of it"], Estimate)
    assert "number of events" in found["Reading"].text
    silent = negative_controls.exposures(made.plan, WAVE, made.compare, made.survey, made.attend)
    assert "names no exposure" in silent.items[0].result.reason


# ---- in order --------------------------------------------------------------------------------------------------------


def test_doubts_stand_in_order_of_what_they_could_take_away(made, shown):
    row = next(r for r in made.attend if r.outcome == PRIMARY)
    found = ranked(row, list(shown.values()))
    moves = [d.move for d in found]
    assert len(found) >= 5
    assert moves == sorted(moves, reverse=True)
    side = 1 if row.value >= 0 else -1
    for doubt in found:
        assert doubt.move == pytest.approx(max(side * (row.value - doubt.left), 0))
    worst = next(d for d in found if d.key == "kappa")
    assert worst.left == pytest.approx(row.value - side * 0.5 * made.survey.sd[PRIMARY])


def test_the_answer_names_the_gap_and_every_doubt(made, shown):
    nothing = NotIdentified("no curve", "")
    silent = Controls((), None, {}, "not asked")
    answer = summary.answer(made.plan, WAVE, made.attend, nothing, silent, list(shown.values()))
    assert cell(answer, ".breakeven").value == pytest.approx(abs(made.attend[0].value))
    assert any(i.result.id.startswith("doubt.") for i in answer.items)
    refused = NotIdentified("nobody", "Ask.", id=f"attend.{PRIMARY}.all.x", outcome=PRIMARY)
    assert len(summary.answer(made.plan, WAVE, [refused], nothing, silent, []).items) == 1


def test_unseen_explains_its_sign_and_bounds_pairs_three_ways(shown):
    ids = [i.result.id for i in shown["unseen"].items]
    for part in ("breakeven.", "evalue.", "kappa.", "robustness.", "stability.", "gamma."):
        assert any(i.startswith(part) for i in ids), part
    assert any(i.endswith(".sign") for i in ids)
    assert any(".shift." in i for i in ids)


def test_equivalence_needs_the_whole_range_inside_the_margin(made):
    words = (made.plan, WAVE, made.compare, made.sample, made.survey)
    row = made.attend[0]
    wide = [replace(row, margin=abs(row.value) + 10 * row.se)]
    narrow = [replace(row, margin=row.se)]
    assert cell(multiple_testing.equivalence(*words, wide), ".inside").text == "yes"
    assert cell(multiple_testing.equivalence(*words, narrow), ".inside").text == "no"
    assert cell(multiple_testing.equivalence(*words, wide), ".tost").value < 0.01
    assert cell(multiple_testing.equivalence(*words, narrow), ".tost").value > 0.05


def test_the_table_says_why_a_verdict_is_fragile_and_how_many_things_were_looked_at(made):
    rows = [replace(contrast(f"change.{o}.black.w", 0.5, p), p_family=2 * p) for o, p in (("a", 0.04), ("b", 0.01))]
    rows.append(
        replace(
            contrast("attend.y.all.w", 0.5, 0.001, "primary"),
            doubt="up",
            same_sign_share=0.5,
            gates=(Gate("unmatched", "quality", False, note="few are unmatched"),),
        )
    )
    table = verdicts.table(made.plan, WAVE, [replace(r, verdict=verdict(r)) for r in rows])
    said = {i.result.id: i.result.text for i in table.items if i.column == "Why fragile or uncertain"}
    assert (
        said["why.change.a.black.w"]
        == "the range lies on one side before the 2 questions asked together are allowed for"
    )
    assert "why.change.b.black.w" not in said
    assert said["why.attend.y.all.w"].startswith("not met: few are unmatched; other ways")
    assert verdicts.all_ruled([replace(r, verdict=verdict(r)) for r in rows])
    assert not verdicts.all_ruled([replace(rows[0], verdict="higher")])
