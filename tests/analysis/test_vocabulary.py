"""The package's texts in a study's vocabulary: reworded where nobody attends, never a word of the plan or an id."""

import dataclasses
import re
import tomllib
from importlib import resources
from types import SimpleNamespace

import pytest

from evaluation.analysis import layout, vocabulary
from evaluation.exhibit import Exhibit, Item
from evaluation.results import Estimate, Gate

OTHER = vocabulary.TREATED + vocabulary._sessions("class")
KEPT = ("id", "ids", "key", "refusal", "places", "universe")


def leaves(block, key=""):
    """Yield every declared text with the key it stands under."""
    if isinstance(block, str):
        yield key, block
    elif isinstance(block, dict):
        for k, v in block.items():
            yield from leaves(v, k if k in KEPT else key or k)
    elif isinstance(block, list | tuple):
        for v in block:
            yield from leaves(v, key)


def plan(register="", events="", session="session", margins=("age",)):
    treatment = SimpleNamespace(register_name=register)
    population = SimpleNamespace(margins=margins)
    words = SimpleNamespace(session=session)
    return SimpleNamespace(
        treatment=treatment, events_register=events, words=words, population=population, given_weight=""
    )


def test_a_study_of_events_and_sessions_keeps_every_text():
    assert vocabulary.words(plan(register="events")) == ()
    assert vocabulary.words(plan(events="events")) == ()
    assert vocabulary.own(plan(register="events"), "Attendees and sessions") == "Attendees and sessions"


def test_a_source_is_weighted_only_where_answers_are():
    weighted, plain = plan(register="events"), plan(register="events", margins=())
    assert vocabulary.own(weighted, "Survey, weighted; register") == "Survey, weighted; register"
    assert vocabulary.own(plain, "Survey, weighted; register") == "Survey, unweighted; register"


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ("mean difference among people who attended and answered (ATT)", "mean difference among treated people who answered (ATT)"),
        ("People who attended, against similar people", "Treated people, against similar people"),
        ("at most 10% of attendees have no counterpart", "at most 10% of treated people have no counterpart"),
        ("2 others per attendee, none over 5%", "2 others per treated person, none over 5%"),
        ("by session, CR2 with Satterthwaite df", "by class, CR2 with Satterthwaite df"),
        ("delete-one-session jackknife", "delete-one-class jackknife"),
        ("too few people or sessions", "too few people or classs"),
        ("Among everybody, not attendees alone", "Among everybody, not treated people alone"),
        ("Model of attendance", "Model of treatment"),
        ("{attendees} in {sessions} sessions", "{attendees} in {sessions} classs"),
    ],
)  # fmt: skip
def test_texts_are_reworded_and_places_in_braces_are_not(said, other):
    assert vocabulary.reworded(said, OTHER) == other.replace("classs", "class")


def test_no_declared_text_keeps_a_word_of_attending_and_no_id_is_touched():
    blocks = {}
    for name in ("exhibits", "exhibits_without_events"):
        text = resources.files("evaluation.analysis").joinpath(f"{name}.toml").read_text("utf-8")
        blocks = layout._laid(blocks, tomllib.loads(text))
    reworded = vocabulary.laid(blocks, OTHER)
    before, after = (list(leaves(b)) for b in (blocks, reworded))
    assert [x for x in before if x[0] in KEPT] == [x for x in after if x[0] in KEPT]
    of_events = {
        k for k in blocks if k.split(".")[0] in ("events", "answer.08", "indicators", "theory", "costs", "lots")
    }
    for exhibit, block in reworded.items():
        if exhibit in of_events:
            continue
        for key, text in leaves(block):
            shown = re.sub(r"\{[^{}]*\}", "", text)
            if key not in KEPT:
                assert not re.search(r"\b[Aa]ttendees?\b|\bsessions?\b|\bwho attended\b", shown), (exhibit, text)


def test_methods_of_a_result_are_reworded_and_words_of_the_plan_are_not():
    row = Estimate(
        id="attend.x.all.w1",
        value=1.0,
        question="Do attendees of school sessions differ?",
        estimand="mean difference among people who attended and answered (ATT)",
        se_method="influence function, by session",
        gates=(Gate("g", "size", True, note="at most 10% of attendees have no counterpart"),),
    )
    exhibit = Exhibit("e", "Title", (Item("Attendance at school", "c", row),))
    changed = vocabulary.of_methods(exhibit, plan(session="cluster")).items[0]
    assert changed.row == "Attendance at school"
    assert changed.result.question == row.question
    assert changed.result.estimand == "mean difference among treated people who answered (ATT)"
    assert changed.result.se_method == "influence function, by cluster"
    assert changed.result.gates[0].note == "at most 10% of treated people have no counterpart"
    assert dataclasses.replace(changed.result, estimand=row.estimand, se_method=row.se_method, gates=row.gates) == row
