"""Change over a bridge and by a crosswalk, through the survey: hand-made sums, refusals, and what each key changes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from benchmarks import drawn_study as drawing
from evaluation.analysis import change, group_lists, levels, population_weights
from evaluation.analysis.did import group_gap, inputs
from evaluation.intake import waves
from evaluation.plan.schema import Crosswalk
from evaluation.results import Estimate, NotIdentified

OLD, NEW = "prap_aware", "commitment_aware"
WAVES = ("W2022", "W2024", "W2025")
CROSSWALK = Crosswalk(
    column="focus",
    before="2011",
    after="2021",
    shares={"black": {"black": 0.9, "other": 0.1}, "other": {"other": 1.0}},
    base={"black": 150, "other": 900},
    source="people asked both",
)


@pytest.fixture(scope="module")
def drawn():
    """Return the plan with both questions as outcomes and W2024 as the bridge, and three drawn waves."""
    plan, margins, table = drawing.load()
    people, answers = drawing.draw(drawing.truth(), table, np.random.default_rng(7), WAVES)
    rng = np.random.default_rng(8)
    new = (answers[OLD].astype(float) - (rng.random(len(answers)) < 0.3)).clip(1, 3)
    answers = answers.assign(**{NEW: new.where(people["wave"] != "W2022")})
    answers.loc[people["wave"] == "W2025", OLD] = np.nan
    survey_of = population_weights.by_wave(plan, people, margins)
    named = plan.outcomes.model_copy(update={"exploratory": (NEW,), "positive_of": {OLD: (2, 3), NEW: (2, 3)}})
    plan = bridged(plan.model_copy(update={"outcomes": named}), "W2024")
    return plan, people, levels.prepare(plan, people, answers, survey_of)


def bridged(plan, wave):
    """Return the plan with another bridge wave in its codebook."""
    survey = plan.codebook.table("survey")
    variables = dict(survey.variables) | {OLD: replace(survey.variables[OLD], successor=(NEW, wave))}
    tables = dict(plan.codebook.tables) | {"survey": replace(survey, variables=variables)}
    return plan.model_copy(update={"codebook": replace(plan.codebook, tables=tables)})


@pytest.mark.parametrize("code", ["all", "other"])
def test_a_change_over_the_bridge_is_its_two_legs_and_its_error_holds_the_bridge_s(drawn, code):
    plan, _, survey = drawn
    found = change.change(plan, survey, NEW, "W2025", code, share=True)
    who = {} if code == "all" else {"column": "focus", "code": code}
    level = lambda q, w: levels.level(plan, survey, q, w, share=True, **who)  # noqa: E731
    shift = change._shift(plan, survey, (OLD, NEW), "W2024", share=True, **who)
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(level(NEW, "W2025").value - level(OLD, "W2022").value + shift.value)
    assert found.se**2 == pytest.approx(level(NEW, "W2025").se ** 2 + level(OLD, "W2022").se ** 2 + shift.se**2)
    assert shift.se > 0
    assert "bridge W2024" in found.method


def test_the_bridge_is_the_weighted_mean_of_people_s_own_differences(drawn):
    plan, _, survey = drawn
    frame = survey.general("W2024").dropna(subset=[OLD, NEW])
    frame = frame.assign(d=100.0 * (frame[OLD] >= 2) - 100.0 * (frame[NEW] >= 2))
    fit = smf.wls("d ~ 1", frame, weights=frame["population_weight"]).fit()
    assert change._shift(plan, survey, (OLD, NEW), "W2024", share=True).value == pytest.approx(fit.params["Intercept"])


def test_without_a_bridge_the_change_begins_with_the_first_wave_of_the_new_question(drawn):
    plan, _, survey = drawn
    found = change.change(bridged(plan, "W2030"), survey, NEW, "W2025", "all", share=True)
    assert set(found.n) == {"W2024", "W2025"}
    assert "bridge" not in found.method


def test_a_bridge_that_did_not_ask_both_is_refused_by_name(drawn):
    plan, _, survey = drawn
    found = change.change(bridged(plan, "W2022"), survey, NEW, "W2025", "all", share=True)
    assert isinstance(found, NotIdentified)
    assert "W2022 is named as the bridge and did not ask both" in found.reason


def test_the_table_of_changes_says_over_which_bridge_each_runs(drawn):
    plan, _, survey = drawn
    wordings = pd.DataFrame("same", index=[OLD, NEW], columns=list(WAVES))
    made = change.changes(plan, "W2025", survey, wordings)
    assert any("runs over W2024, which asked both" in note for note in made.notes)
    since = next(i.result for i in made.items if i.result.id == f"since.{NEW}.all.w2025")
    assert since.text == "W2022"


# ---- lists of groups ---------------------------------------------------------------------------------------------------


@pytest.fixture
def relisted(drawn, monkeypatch):
    """Return the plan and survey of a study whose first wave offered the list of 2011."""
    plan, _, survey = drawn
    known = {w: waves.info(plan, w) for w in WAVES}
    known["W2022"] = replace(known["W2022"], standards={"ethnic5": "2011"})
    monkeypatch.setattr(waves, "info", lambda _, wave: known[wave])
    return plan, survey


def test_a_changed_list_blocks_change_by_group_and_not_of_everybody(relisted):
    plan, survey = relisted
    outcome = plan.outcomes.primary
    found = change.change(plan, survey, outcome, "W2025", "black")
    assert isinstance(found, NotIdentified)
    assert "list of 2011" in found.reason
    assert "[crosswalks]" in found.what_would_help
    assert isinstance(change.change(plan, survey, outcome, "W2025", "all"), Estimate)


def test_the_same_list_in_both_waves_blocks_nothing(drawn):
    plan, _, survey = drawn
    assert group_lists.changed(plan, "focus", "W2022", "W2025") is None
    assert isinstance(change.change(plan, survey, plan.outcomes.primary, "W2025", "black"), Estimate)


def test_a_named_crosswalk_gives_the_change_with_its_error(relisted):
    plan, survey = relisted
    outcome = plan.outcomes.primary
    named = plan.model_copy(update={"crosswalks": {"c": CROSSWALK}})
    found = change.change(named, survey, outcome, "W2025", "black")
    means = [
        levels.level(plan, survey, outcome, "W2022", column="focus", code=g, share=False).value
        for g in ("black", "other")
    ]
    now = levels.level(plan, survey, outcome, "W2025", column="focus", code="black", share=False)
    assert found.value == pytest.approx(now.value - (0.9 * means[0] + 0.1 * means[1]))
    larger = CROSSWALK.model_copy(update={"base": {"black": 10**9, "other": 10**9}})
    sure = change.change(plan.model_copy(update={"crosswalks": {"c": larger}}), survey, outcome, "W2025", "black")
    mixing = 0.9 * 0.1 * (means[0] - means[1]) ** 2 / 150
    assert found.se**2 == pytest.approx(sure.se**2 + mixing)


def test_the_table_of_changes_says_which_crosswalk_it_rests_on(relisted):
    plan, survey = relisted
    named = plan.model_copy(update={"crosswalks": {"c": CROSSWALK}})
    wordings = pd.DataFrame("same", index=[OLD], columns=list(WAVES))
    notes = [note for note in change.changes(named, "W2025", survey, wordings).notes if "crosswalk" in note]
    assert len(notes) == 1
    assert CROSSWALK.source in notes[0]
    assert not any("crosswalk" in note for note in change.changes(plan, "W2025", survey, wordings).notes)


@pytest.mark.parametrize("changes", [{"column": "area2"}, {"before": "next"}, {"after": "next"}])
def test_a_crosswalk_of_another_column_or_list_does_not_unblock(relisted, changes):
    plan, survey = relisted
    other = plan.model_copy(update={"crosswalks": {"c": CROSSWALK.model_copy(update=changes)}})
    assert isinstance(change.change(other, survey, plan.outcomes.primary, "W2025", "black"), NotIdentified)


def test_a_crosswalk_without_the_group_asked_for_says_so(relisted):
    plan, survey = relisted
    fewer = CROSSWALK.model_copy(update={"shares": {"other": {"other": 1.0}}})
    found = change.change(
        plan.model_copy(update={"crosswalks": {"c": fewer}}), survey, plan.outcomes.primary, "W2025", "black"
    )
    assert "no shares of black" in found.reason


def test_the_design_of_two_groups_is_blocked_too_and_opened_by_the_crosswalk(relisted):
    plan, survey = relisted
    design = plan.designs["D2"]
    given = inputs.DesignInputs.__new__(inputs.DesignInputs)
    object.__setattr__(given, "survey", survey)
    refused = group_gap.gap_change(plan, given, design)
    assert [m for m, _ in refused] == [""]
    assert isinstance(refused[0][1], NotIdentified)
    named = plan.model_copy(update={"crosswalks": {"c": CROSSWALK}})
    ((_, found),) = group_gap.gap_change(named, given, design)
    changes = {g: change.change(named, survey, design.outcome, "W2025", g) for g in ("black", "other")}
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(changes["black"].value - changes["other"].value)
