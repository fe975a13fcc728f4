"""Words and numbers of sentences, against the reporting rules."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from evaluation.report import checks, phrases
from evaluation.report.phrases import Subject

ABOUT = Subject("confidence in the police", "among Black respondents", "than in 2022", "change")


def row(**more):
    base = {
        "id": "change.x.y.w1",
        "kind": "estimate",
        "shown": True,
        "value": 0.4,
        "low": 0.2,
        "high": 0.6,
        "mde": 0.3,
        "unit": "points on the 1 to 5 scale",
        "licence": "descriptive",
        "verdict": "higher",
        "margin": 0.2,
        "reason": "",
        "gates": "",
        "indicative": False,
    }
    return SimpleNamespace(**(base | more))


def said(r, subject=ABOUT, **more):
    return " ".join(phrases.plain(s) for s in phrases.finding(r, subject, phrases.cite, **more))


def test_higher_and_lower_share_one_pattern():
    up = said(row())
    down = said(row(value=-0.4, low=-0.6, high=-0.2, verdict="lower"))
    assert up == (
        "Confidence in the police among Black respondents was higher than in 2022, by about 0.4 of a point on the "
        "five-point scale (between 0.2 and 0.6)."
    )
    assert down == up.replace("higher", "lower")


def test_a_small_study_gives_no_point_estimate_and_says_that_it_overstates():
    text = said(row(mde=0.41))
    assert "about" not in text
    assert "by somewhere between 0.2 and 0.6" in text
    assert text.endswith("Studies this small overstate differences.")


@pytest.mark.parametrize(
    ("licence", "pre", "words"),
    [
        ("effect", 2, "The events are likely to have raised confidence"),
        ("effect", 1, "The answers are consistent with higher confidence"),
        ("association", 1, "Confidence in the police among Black respondents was higher"),
        ("exploratory", 1, "The answers hint that confidence"),
        ("descriptive", 1, "Confidence in the police among Black respondents was higher"),
    ],
)
def test_the_licence_caps_the_verb(licence, pre, words):
    assert said(row(licence=licence), pre_waves=pre).startswith(words)


def test_only_an_effect_with_two_earlier_waves_uses_a_causal_verb():
    for licence in ("association", "exploratory", "descriptive"):
        assert not phrases.check(said(row(licence=licence), pre_waves=5))
    assert "raised" not in said(row(licence="effect"), pre_waves=1)


def test_fragile_small_little_uncertain_and_refused():
    assert "depends on how we analyse it" in said(row(verdict="higher, but fragile"))
    assert "That is less than the 0.2 of" not in said(row(verdict="higher, but small"))
    assert "That is less than the 0.2 " in said(row(verdict="higher, but small"))
    none = row(verdict="little or no difference", value=0.0, low=-0.1, high=0.1)
    assert said(none).startswith("We can rule out a change of more than 0.2")
    none.licence = "association"
    assert said(none).startswith("The groups who answered differed by less than 0.2")
    unsure = row(verdict="too uncertain to say", low=-0.1, high=0.5)
    assert "from 0.1 lower to 0.5 higher" in said(unsure)
    refused = row(kind="not_identified", shown=False, verdict="not answerable", reason="Nobody was asked")
    assert said(refused) == "This survey cannot answer that, because nobody was asked."
    assert said(row(verdict="too few to report")).startswith("Too few people answered to report safely")


def test_a_failed_design_gate_is_the_reason_in_plain_words_after_the_question():
    blocked = row(verdict="not answerable", gates="design:attend.balance=failed;quality:wording=passed")
    blocked.question = "Do people who attended differ in confidence?"
    assert said(blocked) == (
        "Do people who attended differ in confidence? This survey cannot answer that, because the two groups were "
        "too unlike each other to be compared fairly."
    )


def test_a_gate_without_plain_words_of_its_own_says_its_note():
    from evaluation.results import Gate

    blocked = row(verdict="not answerable", gates=(Gate("odd.thing", "design", False, note="the moon was full."),))
    assert "because this condition was not met: the moon was full." in said(blocked)


def test_indicative_results_say_so_first():
    assert said(row(indicative=True)).startswith("Indicative only: confidence in the police")


def test_number_forms():
    assert phrases.number(41.7, "per cent") == "42"
    assert phrases.number(-0.304, "points on the 1 to 5 scale") == "0.3"
    assert phrases.number(1234.0) == "1,234"
    assert phrases.span(-0.6, -0.2) == "0.2 and 0.6"
    assert [phrases.bare(v) for v in (9.04e-06, -0.125, 41.0, 12345678.0)] == ["0.00000904", "-0.125", "41", "12345678"]
    assert phrases.listed(["a", "b", "c"]) == "a, b and c"


@pytest.mark.parametrize(
    ("low", "high", "unit", "said"),
    [
        (0.18, 0.9996, "points on the 1 to 5 scale", "0.18 and 1.00"),
        (0.5, 1.24, "points on the 1 to 5 scale", "0.50 and 1.24"),
        (1.2, 3.0, "points on the 1 to 5 scale", "1.2 and 3.0"),
        (-12.4, -3.0, "percentage points", "3 and 12"),
        (0.4, 7.2, "percentage points", "0.4 and 7.2"),
        (0.0, 7.2, "percentage points", "0 and 7"),
    ],
)
def test_both_ends_of_an_interval_have_the_same_decimals(low, high, unit, said):
    assert phrases.span(low, high, unit) == said
    made = row(value=(low + high) / 2, low=low, high=high, unit=unit)
    assert all(checks.is_number_of(x, made) for x in said.split(" and "))


@pytest.mark.parametrize(
    "text",
    [
        "The events led to more trust.",
        "Trust rose thanks to the events.",
        "There was no effect.",
        "The change was not significant.",
        "BAME respondents answered.",
        "The programme had an impact.",
        "Despite this, trust fell.",
        "These are hard to reach people.",
        "Confidence is up by 12% since then.",
        "We used propensity scores.",
        "The value of β was high.",
        "Evidence shows that LPACT helps.",
        "Answers were unchanged.",
        "The events works well.",
    ],
)
def test_the_checker_catches(text):
    assert phrases.check(text)


def test_the_checker_lets_honest_words_pass():
    text = "We cannot say that the events caused this. Confidence was lower by about 4 percentage points."
    assert phrases.check(text) == []
    assert phrases.check("The design uses propensity scores.", annex=True) == []
    assert phrases.check("The events led to more trust.", effect=True) == []


def test_long_sentences_are_found_and_verdicts_may_run_longer():
    assert phrases.too_long(" ".join(["word"] * 21) + ".")
    assert not phrases.too_long(" ".join(["word"] * 20) + ".")
    assert not phrases.too_long("It was higher " + " ".join(["word"] * 25) + ".")


def test_citations_become_spans_and_are_escaped():
    sentence = f"<b> {phrases.cite(row(), '0.4')} of {phrases.cite.plan('5')}"
    assert (
        str(phrases.markup(sentence))
        == '&lt;b&gt; <span data-result="change.x.y.w1">0.4</span> of <span data-plan>5</span>'
    )
    assert phrases.plain(sentence) == "<b> 0.4 of 5"
    assert phrases.ids(sentence) == ["change.x.y.w1"]
