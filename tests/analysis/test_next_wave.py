"""The next wave: sizes by formula and by rehearsal, verdicts within reach, the sheet, the questionnaire's routing."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import drawn_study as drawing
from evaluation import errors
from evaluation.analysis import fieldwork_sheet, next_wave_simulation, questionnaire, sample_size
from evaluation.analysis.next_wave_simulation import OUTCOME, Size, draw
from evaluation.analysis.questionnaire import condition_of
from evaluation.analysis.sample_size import within_reach
from evaluation.exhibit import Exhibit, Item
from evaluation.intake import waves
from evaluation.plan import references
from evaluation.results import Estimate, from_se, verdict
from evaluation.statistics import power

WAVE = "W2025"


@pytest.fixture(scope="module")
def made():
    """Return the plan, its margins, and the people of a drawn study (design columns only)."""
    plan, margins, table = drawing.load()
    people, _ = drawing.draw(drawing.truth(), table, np.random.default_rng(5), ("W2024", WAVE))
    return plan, margins, people


# ---- sizes ---------------------------------------------------------------------------------------------------------


def test_needs_are_the_formula_and_fewer_alike_answers_need_fewer_people(made):
    plan, _, people = made
    need = sample_size.needs(plan, people, WAVE)
    n, _ = power.people_needed(plan.power.target_points, 50.0, effect=need["effect"])
    assert need["group"] == n
    assert need["others"] == pytest.approx(2 * need["attendees"], abs=1)
    by = sample_size.planning(plan, people, WAVE)
    assert by.effect == pytest.approx(power.design_effect(per_session=by.per_session, correlation=0.05, weighting=1.3))
    assert not by.observed


def test_the_observed_design_effect_is_that_of_the_published_level(made):
    plan, _, people = made
    level = Estimate(value=40.0, se=3.0, n={"all": 500}, id=f"level.{plan.outcomes.primary}.all.{WAVE}".lower())
    shown = [Exhibit("levels.trio", "Levels", (Item("Everybody", WAVE, level),))]
    effect = 9 / (40 * 60 / 500)
    assert sample_size.observed_effect(plan, WAVE, shown) == pytest.approx(effect)
    by = sample_size.planning(plan, people, WAVE, shown)
    assert by.observed
    assert by.effect == pytest.approx(effect)
    assert sample_size.observed_effect(plan, WAVE, []) is None


def test_verdicts_within_reach_are_those_that_the_rule_can_give():
    """At each error, the words said to be within reach are exactly those that some estimate gets."""
    for se, df in ((0.01, math.inf), (0.06, 20.0), (0.09, 30.0), (0.3, 12.0)):
        values = np.linspace(-1.5, 1.5, 3001)
        rows = [replace(from_se(v, se, df=df), margin=0.2) for v in values]
        words = {verdict(r) for r in rows}
        said = within_reach(0.2, se, df)
        assert ("little or no difference" in words) == ("little or no" in said)
        assert any("small" in x for x in words) == ("but small" in said)
        assert "higher" in words


def test_missing_questions_name_what_they_close(made):
    import pandas as pd

    plan, _, _ = made
    table = pd.DataFrame({"W2022": "not asked", WAVE: "new"}, index=[plan.treatment.column])
    shown = sample_size.missing_questions(plan, WAVE, table)
    assert "the comparison of attendees" in shown.items[0].result.text
    assert "W2022" in shown.items[0].result.text


# ---- rehearsal -----------------------------------------------------------------------------------------------------


def test_a_drawn_wave_has_the_size_and_the_likeness_asked(made):
    plan, _, people = made
    now, rng = people[people["wave"] == WAVE], np.random.default_rng(1)
    large = [draw(plan, now, Size("x", people=2.0, sessions=2.0, boost=1.0), 0.0, rng) for _ in range(5)]
    general = ~now["sample_source"].isin(plan.population.boost_sources)
    expected = 2 * general.sum() + (~general).sum()
    assert np.mean([len(m) for m in large]) == pytest.approx(expected, rel=0.1)
    assert np.mean([m[OUTCOME].std() for m in large]) == pytest.approx(1, abs=0.05)
    sessions = now.loc[general, "session_id"].nunique()
    drawn = large[0]["session_id"].str.startswith("general")
    assert large[0].loc[drawn, "session_id"].nunique() == 2 * sessions
    shifted = draw(plan, now, Size("x"), 5.0, np.random.default_rng(2))
    came = shifted[plan.treatment.column] == "yes"
    assert shifted.loc[came, OUTCOME].mean() > shifted.loc[~came, OUTCOME].mean() + 4


def test_linked_people_by_formula_find_the_difference_four_times_in_five(made):
    plan, margins, people = made
    plan = plan.model_copy(update={"power": plan.power.model_copy(update={"target_points": 30.0})})
    need = sample_size.needs(plan, people, WAVE)
    size = Size("formula", linked=round(need["linked"]), never=round(need["never"]))
    found = next_wave_simulation.rehearse(plan, people, margins, size, what="linked", draws=60, seed=3)
    assert found.share == pytest.approx(plan.power.power, abs=0.13)
    assert (found.treated, found.untreated) == (size.linked, size.never)


def test_the_comparison_is_rehearsed_by_the_planned_estimator_and_the_same_seed_gives_the_same(made):
    plan, margins, people = made
    now = people[people["wave"] == WAVE]
    one, two = (next_wave_simulation.rehearse(plan, now, margins, Size("x"), draws=3, seed=9) for _ in range(2))
    assert one == two
    assert one.treated >= plan.sizes.least_people
    assert one.sessions >= 4
    with pytest.raises(errors.Unsupported, match="rehearsal"):
        next_wave_simulation.rehearse(plan, now, margins, Size("x"), what="weather")


def test_a_wave_too_small_to_compare_finds_nothing(made):
    plan, margins, people = made
    now = people[people["wave"] == WAVE]
    found = next_wave_simulation.rehearse(
        plan, now, margins, Size("tiny", people=0.05, boost=0.05, sessions=0.1), draws=3, seed=1
    )
    assert found.share == 0


# ---- the sheet and the questionnaire -------------------------------------------------------------------------------


def test_the_sheet_says_how_many_of_whom_from_how_many_sessions_by_which_route(made):
    plan, _, people = made
    found = [("attend", Size("as this wave"), next_wave_simulation.Power(0.4, 40, 120, 300, 30))]
    text = fieldwork_sheet.text(plan, WAVE, people, found)
    need = sample_size.needs(plan, people, WAVE)
    for words in (
        "How many, of whom",
        f"{need['sessions']:.0f} in each compared group",
        "By which route",
        "as this wave: 40 %",
        "Card for interviewers",
        "Before fieldwork",
        plan.words.focus_group,
        plan.words.treated,
    ):
        assert words in text, words
    for name in questionnaire.questions(plan):
        assert plan.codebook.label(name) in text


def test_the_questionnaire_prints_every_route_of_the_codebook_and_nothing_that_names_a_person(made):
    plan, _, _ = made
    page = questionnaire.questionnaire(plan, WAVE)
    names = questionnaire.questions(plan)
    numbers = {n: k for k, n in enumerate(names, 1)}
    for name in names:
        assert plan.codebook.variable(name).sens != "direct"
        block = re.search(rf"<section><h3>{numbers[name]}\. .*?</section>", page, re.S)[0]
        condition = condition_of(plan, name)
        if condition is not None:
            assert f"to question {numbers[condition[0]]}." in block
        for level in plan.codebook.levels(name).values():
            assert str(level).split("'")[0].split("&")[0] in block
    skip = re.search(r"If you did not answer “Yes”, go to question (\d+)", page)
    first = numbers[plan.treatment.column]
    assert int(skip[1]) == next(numbers[n] for n in names if numbers[n] > first and condition_of(plan, n) is None)
    for control in plan.outcomes.negative_controls:
        assert control in names
    assert "A code of your own" in page
    assert page.count("<h1>") == 1


# ---- questions of other surveys ------------------------------------------------------------------------------------


def test_the_questionnaire_says_where_to_paste_official_words_and_prints_them_once_pasted(made):
    plan, _, _ = made
    page = questionnaire.questionnaire(plan, WAVE)
    for name, repeated in plan.codebook.harmonised.items():
        assert name in questionnaire.questions(plan)
        assert f"[official_wording] {name}" in page
        assert repeated.reference.key in page
    survey = plan.codebook.table("survey")
    pasted = replace(plan.codebook.harmonised["patrol_seen"], wording="How often, then?")
    variables = dict(survey.variables) | {"patrol_seen": replace(survey.variables["patrol_seen"], harmonised=pasted)}
    book = replace(plan.codebook, tables=dict(plan.codebook.tables) | {"survey": replace(survey, variables=variables)})
    page = questionnaire.questionnaire(plan.model_copy(update={"codebook": book}), WAVE)
    assert "<q>How often, then?</q>" in page
    assert "[official_wording] patrol_seen" not in page


def test_the_questionnaire_proposes_every_reference_that_the_codebook_lacks(made):
    plan, _, _ = made
    page = questionnaire.questionnaire(plan, WAVE)
    asked = {r.reference.key for r in plan.codebook.harmonised.values()}
    proposed = page.partition("<aside>")[2]
    for key, reference in references.shipped().items():
        assert (f"<b>{key}</b>" in proposed) == (key not in asked)
        assert (f"scale: {reference.scale}}}</code>" in proposed) or key in asked


def test_both_sides_of_a_bridge_are_asked(made):
    plan, _, _ = made
    old = plan.codebook.variable("prap_aware")
    assert {old.name, old.successor[0]} <= set(questionnaire.questions(plan))


def test_each_proposal_says_what_comparing_it_would_allow(made):
    plan, _, _ = made
    rows = waves.registers_held(plan)["external_surveys"]
    cells = {(i.row, i.column): i.result.text for i in questionnaire.proposals(plan, WAVE, rows).items}

    def said(key, column):
        reference = references.shipped()[key]
        return cells[f"{reference.survey}: {reference.title}", column]

    allows = "What comparing it would allow"
    assert "widened by 2.4 points a year, as 4 figures moved" in said("csew.local_confidence", allows)
    assert "figures in the register 2" in said("csew.victim_satisfaction", allows)
    assert "no figure of it" in said("mopac.good_job", allows)
    assert said("csew.foot_patrol", "Asked here?").startswith("yes, as patrol_seen")
    assert sum(t == "no" for (_, c), t in cells.items() if c == "Asked here?") == len(references.shipped()) - 3
    without = [i.result.text for i in questionnaire.proposals(plan, WAVE, None).items]
    assert sum("no figure of it" in t for t in without) == len(references.shipped())
