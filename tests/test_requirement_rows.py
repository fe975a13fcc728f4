"""A requirement is shown by what a run published and what the registers hold; nothing is typed."""

import re

import pandas as pd
import pytest
from intake_study import ROOT

from benchmarks.requirement_rows import ROWS, TAGS, Row, lacking, state_of
from evaluation.analysis.programme import (
    actions,
    advisory_groups,
    costs,
    ethnicity_recording,
    events,
    feedback,
    recruitment,
    stop_search_ratios,
)
from evaluation.exhibit import Measure, Text
from evaluation.intake import waves
from evaluation.plan import study
from evaluation.results import NotIdentified, TooFew


@pytest.fixture(scope="module")
def plan():
    return study.load(ROOT / "study.toml")


def refusal(id, reason="nobody was asked"):
    return NotIdentified(reason, "Ask.", id=id, wave="w")


def state(row, *results):
    return state_of(row, {r.id: r for r in results}, {}, {r.id: "shown" for r in results})


def test_each_row_is_one_requirement_of_known_capabilities():
    ids = [row.id for row in ROWS]
    assert len(set(ids)) == len(ids) == 171
    assert all(re.fullmatch(r"R\d{3}", i) for i in ids)
    for row in ROWS:
        assert set(row.tags.split()) <= set(TAGS)
        assert row.what
        assert row.shown or row.needs or row.out, row.id


def test_a_row_works_when_something_it_names_was_published():
    row = Row("R1", "E1", "x", ("costs.hire",))
    assert state(row, Measure("costs.hire.total.w", 1.0, "pounds")) == ("works", "shown")
    assert state(row, Text("costs.other.w", "y")) == ("refused", "nothing of this kind was published in this run")


@pytest.mark.parametrize(
    ("result", "why"),
    [(refusal("costs.hire.w"), "nobody was asked"), (TooFew({"a": 1}, 30, id="costs.hire.w"), "too few to report")],
)
def test_a_row_is_refused_with_the_reason_of_the_result(result, why):
    row = Row("R1", "E1", "x", ("costs.hire",))
    assert state(row, result) == ("refused", why)


def test_one_shown_result_is_enough_beside_refusals():
    row = Row("R1", "E1", "x", ("a.",))
    assert state(row, refusal("a.one"), Text("a.two", "seen")) == ("works", "shown")


@pytest.mark.parametrize(
    ("need", "why"),
    [
        ("actions.owner", ""),
        ("actions.source=iag|form", ""),
        ("actions.source~ia", ""),
        ("actions.due", "the register of actions does not hold: due"),
        ("actions.blank", "the register of actions does not hold: blank"),
        ("actions.source=pcc|inspection", "the register of actions has no row with source: pcc, inspection"),
        ("actions.source~network", "the register of actions has no row about: network"),
        ("iag_meetings.venue", "the register of iag meetings was not supplied"),
    ],
)
def test_what_a_register_does_not_hold_is_named(need, why):
    table = pd.DataFrame({"owner": ["a"], "source": ["iag"], "blank": [pd.NA]})
    assert lacking(need, {"actions": table}) == why


def test_out_of_scope_says_why_and_reads_nothing_else():
    rows = [row for row in ROWS if row.out]
    assert {"R021", "R198"} <= {row.id for row in rows}
    for row in rows:
        assert state(row, Text("anything", "x")) == ("out of scope", row.out)


def test_what_the_registers_publish_shows_the_rows_that_name_it(plan):
    held, wave = waves.registers_held(plan), plan.waves[-1]
    made = [
        exhibit
        for maker in (
            events.events,
            feedback.feedback,
            actions.actions,
            advisory_groups.advisory,
            costs.costs,
            ethnicity_recording.recording,
            recruitment.recruitment,
            stop_search_ratios.stops,
        )
        for exhibit in (
            maker(plan, wave, held, waves.margins(plan)) if "stop" in maker.__name__ else maker(plan, wave, held)
        )
    ]
    results = {i.result.id: i.result for e in made for i in e.items}
    places = {i.result.id: e.id for e in made for i in e.items}
    rows = {row.id: row for row in ROWS}
    for id in ("R003", "R013", "R052", "R067", "R078", "R133", "R138", "R180"):
        assert state_of(rows[id], results, held, places)[0] == "works", id
        assert state_of(rows[id], {}, held, {})[0] == "refused", id
    state, why = state_of(rows["R045"], results, held, places)
    assert state == "refused"  # lay observation is in no register: the exhibit itself says so
    assert "do not record who was offered it" in why
