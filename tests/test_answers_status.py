"""Each requirement's state is worked out from what the run published and what the registers hold; nothing is typed."""

import re

import pandas as pd
import pytest
from intake_study import ROOT

from evaluation import disclosure, study
from evaluation.answers import registers
from evaluation.answers.registers import status
from evaluation.answers.registers.rows import ROWS, TAGS, Row
from evaluation.answers.words import measure, words
from evaluation.estimates import NotIdentified, TooFew
from evaluation.intake import waves


@pytest.fixture(scope="module")
def plan():
    return study.load(ROOT / "study.toml")


def refusal(id, reason="nobody was asked"):
    return NotIdentified(reason, "Ask.", id=id, wave="w")


def state(row, *results):
    return status.state_of(row, {r.id: r for r in results}, {}, {r.id: "shown" for r in results})


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
    assert state(row, measure("costs.hire.total.w", 1.0, "pounds")) == ("works", "shown")
    assert state(row, words("costs.other.w", "y")) == ("refused", "nothing of this kind was published in this run")


@pytest.mark.parametrize(
    ("result", "why"),
    [(refusal("costs.hire.w"), "nobody was asked"), (TooFew({"a": 1}, 30, id="costs.hire.w"), "too few to report")],
)
def test_a_row_is_refused_with_the_reason_of_the_result(result, why):
    row = Row("R1", "E1", "x", ("costs.hire",))
    assert state(row, result) == ("refused", why)


def test_one_shown_result_is_enough_beside_refusals():
    row = Row("R1", "E1", "x", ("a.",))
    assert state(row, refusal("a.one"), words("a.two", "seen")) == ("works", "shown")


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
    assert status.lacking(need, {"actions": table}) == why


def test_out_of_scope_says_why_and_reads_nothing_else():
    rows = [row for row in ROWS if row.out]
    assert {"R021", "R198"} <= {row.id for row in rows}
    for row in rows:
        assert state(row, words("anything", "x")) == ("out of scope", row.out)


def shown(plan, held, exhibits, monkeypatch):
    monkeypatch.setattr(status, "published", lambda *_: exhibits)
    wave = plan.waves[-1]
    return status.requirements(plan, wave, held)


def test_states_follow_what_was_published(plan, monkeypatch):
    held = waves.registers_held(plan)
    wave = plan.waves[-1]
    made = [
        e
        for n in ("events", "feedback", "actions", "advisory", "costs", "recording", "recruitment")
        for e in getattr(registers, n)(plan, wave, held)
    ]
    made += registers.stops(plan, wave, held, waves.margins(plan))
    with_all = shown(plan, held, made, monkeypatch)
    nothing = shown(plan, held, [], monkeypatch)
    states = {
        w: {i.row.split()[0]: i.result.text for e in t for i in e.items if i.column == "State"}
        for w, t in (("all", with_all), ("none", nothing))
    }
    assert len(states["all"]) == len(ROWS)
    for id in ("R003", "R013", "R052", "R067", "R078", "R133", "R138", "R180"):
        assert states["all"][id] == "works", id
        assert states["none"][id] == "refused", id
    assert states["all"]["R045"] == "refused"  # lay observation is in no register: the exhibit itself says so
    why = {i.row.split()[0]: i.result.text for e in with_all for i in e.items if i.column.startswith("Shown")}
    assert "do not record who was offered it" in why["R045"]
    disclosure.protect(with_all, plan.disclosure)


def test_counts_by_capability_add_up(plan, monkeypatch):
    counts, each = shown(plan, {}, [], monkeypatch)
    total = {}
    for i in counts.items:
        total[i.row.split()[0]] = total.get(i.row.split()[0], 0) + i.result.n
    assert total == {t: sum(t in row.tags.split() for row in ROWS) for t in TAGS}
    assert {i.result.text for i in each.items if i.column == "State"} == {"refused", "out of scope"}
