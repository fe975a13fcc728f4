"""Small groups of the focus group: which, how large at least, and that they meet the group's own figure."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.analysis import levels, small_groups
from evaluation.exhibit import Text
from tests.analysis.test_levels import PLAN, SURVEY, WAVE

FOUND, MADE = small_groups.levels(PLAN, SURVEY, PLAN.outcomes.primary, WAVE, share=True)


def test_the_group_is_split_by_age_sex_place_and_heritage_one_column_a_question():
    assert small_groups.families(PLAN, SURVEY, WAVE) == ["area2", "age5", "sex", "ethnic_group"]


def test_no_group_under_the_threshold_is_shown_and_no_direct_figure_of_under_thirty():
    assert FOUND.table["n"].min() >= PLAN.disclosure.threshold
    table = small_groups.table(PLAN, WAVE, SURVEY)
    ids = {i.result.id for i in table.items}
    for (column, level), n in FOUND.table["n"].items():
        name = f"pooled.{column}.{level}.{WAVE.lower()}"
        assert f"{name}.level" in ids
        assert (f"{name}.level.direct" in ids) == (n >= PLAN.sizes.least_people)
    assert all(
        getattr(i.result, "base", 99) >= PLAN.disclosure.threshold
        for i in table.items
        if not isinstance(i.result, Text)
    )


def test_groups_that_make_up_the_focus_group_meet_its_published_level():
    published = levels.level(PLAN, SURVEY, PLAN.outcomes.primary, WAVE, column="focus", code="black")
    assert FOUND.total == pytest.approx(published.value)
    for column in ("age5", "sex", "area2"):
        rows = FOUND.table.xs(column, level="column", drop_level=False)
        if rows["share"].sum() > 0.95:
            weight = rows["share"] / rows["share"].sum()
            assert weight @ MADE.table.loc[rows.index, "pooled"] == pytest.approx(published.value)


def test_a_study_that_compares_no_groups_has_nothing_to_split():
    plan = PLAN.model_copy(update={"designs": {}})
    table = small_groups.table(plan, WAVE, SURVEY)
    assert [i.result.id for i in table.items] == [f"pooled.none.all.{WAVE.lower()}"]


def test_changes_begin_where_the_group_was_first_known(monkeypatch):
    frames = {WAVE: SURVEY.weights[WAVE], "W2022": replace(SURVEY.weights[WAVE], wave="W2022")}
    first = frames["W2022"].frame
    frames["W2022"] = replace(frames["W2022"], frame=first.assign(ethnic_group=None))
    survey = levels.Survey(SURVEY.people, SURVEY.outcomes, frames, SURVEY.sd)
    monkeypatch.setattr(levels.Survey, "asked", lambda *_: True)  # the earlier wave holds the same answers
    found, made = small_groups.changes(PLAN, survey, PLAN.outcomes.primary, WAVE)
    assert set(found.table.index.get_level_values("column")) == {"area2", "age5", "sex"}
    assert set(found.table["since"]) == {"W2022"}
    assert np.allclose(found.table["value"], 0)
    assert np.allclose(made.table["pooled"], 0)
