"""The scale's gate: on gaps, changes and attendees; what it says of the shipped wave; a scale without statements."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from evaluation.analysis import change, invariance
from evaluation.results import Estimate, NotIdentified, verdict
from evaluation.statistics.invariance import Invariance
from tests.analysis.test_levels import PLAN, SURVEY, WAVE

SCALE = "trust_scale"
NOBODY = SimpleNamespace(refusal=NotIdentified("nobody attended", "Ask."))
FOUND = invariance.examined(PLAN, WAVE, SURVEY, NOBODY)


def shifted():
    """The wave with two statements answered lower by the focus group, at equal trust."""
    black = (SURVEY.people["focus"] == "black").reindex(SURVEY.outcomes.index)
    moved = {
        i: SURVEY.outcomes[i].where(~black, (SURVEY.outcomes[i] - 1).clip(1, 5)) for i in ("trust_fair", "trust_listen")
    }
    return replace(SURVEY, outcomes=SURVEY.outcomes.assign(**moved))


def test_groups_and_ways_of_answering_are_examined_and_only_contrasts_have_gates():
    keys = {key for _, key in FOUND}
    assert "groups" in keys
    assert {s.name for s in PLAN.sensitivity.subsets if s.column in SURVEY.people} <= keys
    assert [g.id for g in invariance.gates(FOUND)] == [f"scale.invariance.{SCALE}.groups"]


def test_statements_that_one_group_reads_otherwise_make_its_gap_fragile():
    moved = shifted()
    found = invariance.between_groups(PLAN, moved, SCALE, WAVE)
    assert found.state == "not alike"
    assert set(found.worst[:2]) == {"trust_fair", "trust_listen"}
    gates = invariance.gates({(SCALE, "groups"): found})
    rows = {i.result.id: i.result for i in change.gaps(PLAN, WAVE, moved, gates).items}
    gap = rows[f"gap.{SCALE}.black.{WAVE.lower()}"]
    lower = replace(gap, low=-0.9, value=-0.5, high=-0.1, family="")
    assert verdict(lower) == "lower, but fragile"
    assert verdict(replace(lower, gates=())) == "lower"
    others = [r for id, r in rows.items() if SCALE not in id]
    assert others
    assert not any(g.id.startswith("scale.invariance") for r in others for g in r.gates)


@pytest.mark.parametrize(("state", "passed"), [("alike", True), ("not alike", False), ("too few to test", False)])
def test_what_could_not_be_tested_has_not_passed(state, passed):
    gate = invariance.gate(SCALE, "groups", Invariance(state))
    assert (gate.kind, gate.passed) == ("quality", passed)


def test_each_gap_stands_beside_the_same_without_the_worst_statements():
    table = invariance.freed(PLAN, WAVE, SURVEY, NOBODY, None, FOUND)
    rows = {i.result.id: i.result for i in table.items}
    whole = rows[f"freed.{SCALE}.gap-black.{WAVE.lower()}.0"]
    assert isinstance(whole, Estimate)
    assert whole.value == pytest.approx(change.gap(PLAN, SURVEY, SCALE, WAVE).value)
    worst = FOUND[SCALE, "groups"].worst
    rest = [i for i in PLAN.scales[SCALE].items if i not in worst[:2]]
    made = invariance.without(PLAN, SURVEY, SCALE, worst[:2]).outcomes[SCALE]
    by_hand = SURVEY.outcomes[rest].mean(axis=1)
    complete = SURVEY.outcomes[rest].notna().all(axis=1)
    pd.testing.assert_series_equal(made[complete], by_hand[complete], check_names=False)
    assert rows[f"freed.{SCALE}.gap-black.{WAVE.lower()}.2"].licence == "exploratory"


def test_a_scale_of_which_two_statements_were_asked_is_too_few_to_test():
    few = replace(SURVEY, outcomes=SURVEY.outcomes.drop(columns=list(PLAN.scales[SCALE].items[2:])))
    found = invariance.between_groups(PLAN, few, SCALE, WAVE)
    assert (found.state, found.p) == ("too few to test", None)
    assert "statements" in found.reason
    table = invariance.table(PLAN, WAVE, {(SCALE, "groups"): found})
    assert [i.result.id for i in table.items] == [f"invariance.{SCALE}.groups.{WAVE.lower()}.state"]
