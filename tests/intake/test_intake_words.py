"""A word is read because it is known to mean that: known yes, known no, known missing, else a fault."""

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_study import AGREE, HEADINGS, answers, describe, folder_of, headed, make, put, rows_of, xlsx

from evaluation.intake import waves

LEVELS = {"none": "None", "victim": "Victim", "witness": "Witness"}


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022", "W2024"))


def kinds(faults):
    return {f.kind for f in faults}


def column_per_choice(yes, no, **last):
    """Return answers with a column per choice; `last` replaces the last respondent's cells."""
    frame = answers(seed=1)
    said = frame.pop("contact_12m")
    for level, word in LEVELS.items():
        mark = yes if yes != "word" else word
        frame[f"contact_12m.{level}"] = [mark if word in s.split(";") else no for s in said]
        frame.loc[59, f"contact_12m.{level}"] = last.get(level, frame.loc[59, f"contact_12m.{level}"])
    return frame


def ticks(plan):
    outcomes = waves.take_in(plan, "W2024").outcomes
    return outcomes[[f"contact_12m.{level}" for level in LEVELS]]


YES = ["word", "1", "1.0", "yes", "Yes", "Y", "TRUE", "true", "X", "Ticked", "Selected", "Checked", "Mentioned", "✓"]
NO = [
    "",
    "0",
    "0.0",
    "no",
    "No",
    "N",
    "FALSE",
    "Not ticked",
    "Unselected",
    "Not selected",
    "Not mentioned",
    "Unchecked",
]


@pytest.mark.parametrize(("yes", "no"), [*((y, "0") for y in YES), *(("Yes", n) for n in NO)])
def test_words_known_to_tick_and_not_to_tick(plan, yes, no):
    expected = ticks(plan)
    put(plan, "W2024", column_per_choice(yes, no))
    assert waves.check(plan, "W2024") == []
    pd.testing.assert_frame_equal(ticks(plan), expected)


@pytest.mark.parametrize(
    "word",
    ["nothing", "na", "-", ".", "2", "0.5", "Witness", "None", "none", "maybe", "Not mentionned", "5", "-1", "?"],
)
def test_a_word_that_is_not_known_is_a_fault_and_no_tick(plan, word):
    put(plan, "W2024", column_per_choice("Yes", "No", victim=word))
    found = waves.check(plan, "W2024")
    assert [(f.kind, f.column, f.row) for f in found] == [("unmapped_label", "contact_12m.victim", 61)]


@pytest.mark.parametrize(
    ("labels", "yes", "no"),
    [
        ({"Genannt": "yes", "Nicht genannt": "no"}, "Genannt", "Nicht genannt"),
        ({"2": "no"}, "1", "2"),
        ({"no": "yes", "yes": "no"}, "no", "yes"),
        ({"quoted": "1", "not quoted": "0"}, "Quoted", "Not quoted"),
    ],
)
def test_the_map_s_own_labels_are_obeyed_in_a_column_per_choice(plan, labels, yes, no):
    expected = ticks(plan)
    put(plan, "W2024", column_per_choice(yes, no), labels={"contact_12m": labels})
    assert waves.check(plan, "W2024") == []
    pd.testing.assert_frame_equal(ticks(plan), expected)


def test_a_missing_word_in_a_column_per_choice_is_a_reason(plan):
    put(plan, "W2024", column_per_choice("Yes", "No", none="refused", victim="refused", witness="refused"))
    assert waves.take_in(plan, "W2024").reasons["contact_12m"].iloc[59] == -7


@pytest.mark.parametrize("layout", ["listed", "columns"])
def test_none_beside_another_choice_is_a_fault(plan, layout):
    if layout == "listed":
        frame = answers(seed=1)
        frame.loc[59, "contact_12m"] = "None;Victim"
    else:
        frame = column_per_choice("Yes", "No", none="Yes", victim="Yes")
    put(plan, "W2024", frame)
    found = waves.check(plan, "W2024")
    assert [(f.kind, f.row) for f in found] == [("none_beside_others", 61)]


@pytest.mark.parametrize(
    "cell", ["Prefer not to say;Victim", "Victim;Don't know", "Victim;Victm", "Victim,Witness", "1"]
)
def test_a_list_of_ticks_with_something_else_in_it_is_a_fault(plan, cell):
    frame = answers(seed=1)
    frame.loc[59, "contact_12m"] = cell
    put(plan, "W2024", frame)
    assert [(f.kind, f.row) for f in waves.check(plan, "W2024")] == [("unmapped_label", 61)]


@pytest.mark.parametrize("words", [("TRUE", "FALSE"), ("True", "False"), (True, False)])
def test_true_and_false_are_yes_and_no_where_yes_and_no_are_asked(plan, words):
    frame = answers(seed=1)
    expected = waves.take_in(plan, "W2024").design["disability"]
    frame["disability"] = [words[0] if w == "Yes" else words[1] for w in frame["disability"]]
    path = folder_of(plan, "W2024") / "a.xlsx"
    xlsx(path, {"S": rows_of(headed(frame))})
    describe(plan, "W2024", path, {HEADINGS.get(c, c): c for c in frame})
    assert waves.check(plan, "W2024") == []
    pd.testing.assert_series_equal(waves.take_in(plan, "W2024").design["disability"], expected)


@pytest.mark.parametrize("cell", ["1", "TRUE", "5.0", "3.7", "Y", "agree", "Strongly", "N/K", "null", "NaN", "99"])
def test_an_attitude_in_a_word_that_is_not_known_is_a_fault(plan, cell):
    frame = answers(seed=1)
    frame.loc[59, "conf_overall"] = cell
    put(plan, "W2024", frame)
    assert [(f.kind, f.row) for f in waves.check(plan, "W2024")] == [("unmapped_label", 61)]


@pytest.mark.parametrize("form", ["{}", "{}.0", "{}.00", " {} "])
def test_codes_with_decimals_are_the_codes_that_the_map_names(plan, form):
    expected = waves.take_in(plan, "W2024").outcomes["conf_overall"]
    codes = [form.format(AGREE.index(w) + 1) for w in answers(seed=1)["conf_overall"]]
    straight = {str(i + 1): str(i + 1) for i in range(5)}
    put(plan, "W2024", answers(seed=1).assign(conf_overall=codes), labels={"conf_overall": straight})
    assert waves.check(plan, "W2024") == []
    pd.testing.assert_series_equal(waves.take_in(plan, "W2024").outcomes["conf_overall"], expected)


def test_labels_are_obeyed_for_numbers_too(plan):
    frame = answers(seed=1)
    frame.loc[0, "years_in_llr"], frame.loc[1, "years_in_llr"] = "less than a year", "all my life"
    labels = {"years_in_llr": {"less than a year": "0", "all my life": "-4"}}
    put(plan, "W2024", frame, labels=labels)
    taken = waves.take_in(plan, "W2024")
    assert taken.design["years_in_llr"].iloc[0] == 0
    assert taken.reasons["years_in_llr"].iloc[1] == -4


@pytest.mark.parametrize(
    ("column", "labels", "kind"),
    [
        ("conf_overall", {"Agree": "5"}, "two_labels_on_one_code"),
        ("conf_overall", {"Agree": "4", "agree.": "5"}, "label_said_twice"),
        ("sex", {"Female": "male"}, "label_said_twice"),
        ("sex", {"Female": "male", "Male": "female"}, "label_said_twice"),
    ],
)
def test_labels_that_cannot_be_told_apart_are_a_fault(plan, column, labels, kind):
    frame = answers(seed=1)
    if column == "conf_overall":
        frame.loc[:5, column] = "Agree"
    put(plan, "W2024", frame, labels={column: labels})
    assert kind in kinds(waves.check(plan, "W2024"))


@pytest.mark.parametrize("words", ["Strongly agree", "strongly  agree", "Strongly agree."])
def test_two_codes_with_one_label_are_a_fault(plan, words):
    import pyreadstat

    frame = answers(seed=1)
    frame["conf_overall"] = [AGREE.index(w) + 1.0 for w in frame["conf_overall"]]
    labels = {float(i + 1): w for i, w in enumerate(AGREE)} | {4.0: words}
    path = folder_of(plan, "W2024") / "a.sav"
    pyreadstat.write_sav(frame, path, variable_value_labels={"conf_overall": labels})
    describe(plan, "W2024", path, {c: c for c in frame})
    assert kinds(waves.check(plan, "W2024")) == {"two_codes_with_one_label"}


WORD = st.text(st.characters(min_codepoint=32, max_codepoint=0x17E), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(word=WORD)
def test_whatever_stands_in_a_choice_s_column_is_known_or_a_fault(plan, word):
    from evaluation.intake.known_words import MISSING_WORDS, TICKED, UNTICKED, normal

    put(plan, "W2024", column_per_choice("Yes", "No", none="No", victim=word, witness="No"))
    found = waves.check(plan, "W2024")
    known = normal(word) in {*MISSING_WORDS, *TICKED, *UNTICKED, "victim", ""}
    assert bool(found) != known or any(f.kind == "unreadable" for f in found)


MISSING = {"NA": -9, "na": -9, "-": -9, "–": -9, ".": -9, "N/A": -6, "Not stated": -9, "No response": -9, "(blank)": -9}
MISSING |= {"Does not know": -8, "Withheld": -3, "Unsure": -8, "Do not know.": -8, "Prefer not to answer": -7}


@pytest.mark.parametrize(
    "column", ["conf_overall", "sex", "years_in_llr", "disability", "session_id", "interview_date"]
)
@pytest.mark.parametrize("word", MISSING)
def test_a_single_word_that_is_known_to_be_missing_is_a_reason(plan, column, word):
    frame = answers(seed=1)
    frame.loc[59, column] = word
    put(plan, "W2024", frame)
    assert waves.check(plan, "W2024") == []
    assert waves.take_in(plan, "W2024").reasons[column].iloc[59] == MISSING[word]


def test_the_wave_s_own_words_for_missing_hold_for_every_column(plan):
    frame = answers(seed=1)
    frame.loc[59, ["conf_overall", "years_in_llr", "sex"]] = ["99", "99", "k.A."]
    put(plan, "W2024", frame, missing={"99": "-7", "k.A.": "-9"})
    assert waves.check(plan, "W2024") == []
    reasons = waves.take_in(plan, "W2024").reasons.iloc[59]
    assert [reasons[c] for c in ("conf_overall", "years_in_llr", "sex")] == [-7, -7, -9]


@pytest.mark.parametrize("said", [{"99": "7"}, {"99": "-1"}, {"99": "refused"}])
def test_a_word_for_missing_needs_one_of_the_missing_codes(plan, said):
    put(plan, "W2024", answers(seed=1), missing=said)
    assert [f.kind for f in waves.check(plan, "W2024")] == ["unreadable"]
