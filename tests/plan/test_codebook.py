"""The codebook: everything is checked on load, nothing is executed, and no text changes its type."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.errors import CodebookError
from evaluation.plan import codebook, study

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "data_raw" / "codebook.yaml"
SMALL = """
missing_codes: {-9: "Blank"}
levels: {yndk: {yes: "Yes", no: "No", dk: "Don't know"}}
tables:
  survey:
    grain: a person
    key: [resp_id]
    vars:
      - {name: resp_id, label: Number, type: id, role: id}
"""


def written(tmp_path, *variables, text=SMALL):
    path = tmp_path / "codebook.yaml"
    path.write_text(text + "".join(f"      - {v}\n" for v in variables), "utf-8")
    return codebook.load(path)


def test_the_shipped_codebook_answers_for_every_variable():
    book = codebook.load(SHIPPED)
    for name in book.names():
        var = book.variable(name)
        assert var.role in codebook.ROLES
        assert book.label(name) == var.label
        assert bool(var.levels) == (var.type in codebook.WITH_LEVELS)
    assert book.levels("conf_overall")[5] == "Strongly agree"
    assert book.variable("ethnicity", "stop_search").levels["W2"] == "White Irish"
    assert book.missing["-5"].startswith("Not asked")
    assert book.role("conf_then") == "mediator"
    assert {book.role(n) for n in ("nhs_confidence", "council_satisfaction", "refuse_satisfaction")} == {"control"}
    assert len(book.levels("ward_group")) == 8
    assert len(book.levels("ethnic_group")) == 19


def test_the_plan_and_the_codebook_fit():
    plan = study.load(ROOT / "study.toml")
    assert set(plan.all_outcomes) - set(plan.scales) <= set(plan.codebook.names())
    assert all(plan.codebook.role(n) == "design" for n in plan.covariates if n in plan.codebook.names())


@pytest.mark.parametrize("word", ["yes", "no", "on", "18_24", "1e3", "0o7", "2024-05-01", "null", "~", "1_000", "0x1A"])
def test_a_word_stays_the_text_that_was_written(tmp_path, word):
    book = written(tmp_path, f"{{name: q, label: {word}, type: category, role: design, levels: {{{word}: {word}}}}}")
    assert book.levels("q") == {word: word}
    assert book.label("q") == word


def test_ordinals_have_whole_numbers(tmp_path):
    book = written(tmp_path, "{name: q, label: Q, type: ordinal, role: outcome, levels: {1: Low, 2: High}}")
    assert book.levels("q") == {1: "Low", 2: "High"}
    with pytest.raises(CodebookError, match="whole numbers"):
        written(tmp_path, "{name: q, label: Q, type: ordinal, role: outcome, levels: {a: Low}}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{name: q, label: Q, type: categry, role: design}", "did you mean 'category'"),
        ("{name: q, label: Q, type: text}", "role '' is not known"),
        ("{name: q, label: Q, type: text, role: desing}", "did you mean 'design'"),
        ("{name: q, label: Q, type: text, role: design, sens: secret}", "sensitivity 'secret'"),
        ("{name: q, label: Q, type: text, role: design, lable: x}", "unknown key 'lable'; nearest: 'label'"),
        ("{name: q, label: Q, type: yndk, role: design, levels: yndc}", "no levels 'yndc'; nearest: 'yndk'"),
        ("{name: q, label: Q, type: category, role: design}", "levels are written as code: words"),
        ("{name: q, label: Q, type: text, role: design, levels: {a: b}}", "a text has no levels"),
        ("{name: q, label: Q, type: category, role: design, levels: {a: x, b: x}}", "stand for two levels"),
        ("{name: q, label: Q, type: text, role: design, req: 2024}", "req '2024'"),
        ("{name: q, label: Q, type: integer, role: design, min: few}", "'few' is not a number"),
        ("{name: q, label: Q, type: text, role: design, route: \"gone == 'yes'\"}", "routed on 'gone'"),
        ("{name: q, label: Q, type: text, role: design, made_from: gone}", "names 'gone'"),
        ("{name: resp_id, label: Q, type: id, role: id}", "stands twice"),
        ("{name: q, type: text, role: design}", "needs a name and a label"),
        ("{name: q, label: Q, type: id, role: outcome, sens: direct}", "an identifier cannot be a outcome"),
    ],
)
def test_every_slip_is_named_with_the_nearest_right_word(tmp_path, line, message):
    with pytest.raises(CodebookError) as error:
        written(tmp_path, line)
    assert message in str(error.value)


def test_all_slips_are_listed_at_once(tmp_path):
    with pytest.raises(CodebookError) as error:
        written(tmp_path, "{name: a, label: A, type: x, role: design}", "{name: b, label: B, type: text, role: y}")
    assert "survey.a" in str(error.value)
    assert "survey.b" in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "tables: !!python/object/apply:os.system ['true']",
        "tables: [",
        "just words",
        "tables: {other: {vars: []}}",
        "tables: {survey: 3}",
        "tables: {survey: {vars: []}, survey: {vars: []}}",
    ],
)
def test_yaml_never_executes_and_broken_files_are_refused(tmp_path, text):
    with pytest.raises(CodebookError):
        written(tmp_path, text=text)


def test_unknown_names_are_answered_with_the_nearest(tmp_path):
    book = written(tmp_path)
    with pytest.raises(CodebookError, match="Nearest: 'resp_id'"):
        book.variable("respid")
    with pytest.raises(CodebookError, match="Nearest: 'survey'"):
        book.names("survy")
    with pytest.raises(CodebookError, match="no codebook"):
        codebook.load(tmp_path / "none.yaml")


def test_the_digest_is_of_the_file(tmp_path):
    one, two = written(tmp_path), written(tmp_path, "{name: q, label: Q, type: text, role: design}")
    assert one.digest() != two.digest()
    assert len(one.digest()) == 64


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1, max_size=20).filter(str.strip))
def test_any_quoted_label_comes_back_letter_by_letter(tmp_path_factory, label):
    quoted = "'" + label.replace("'", "''") + "'"
    if "\x85" in label or "\x7f" <= label.strip()[0] <= "\x9f" or any("\x7f" <= c <= "\xa0" for c in label):
        return  # control characters: YAML refuses or folds them
    book = written(tmp_path_factory.mktemp("b"), f"{{name: q, label: {quoted}, type: text, role: design}}")
    assert book.label("q") == label
