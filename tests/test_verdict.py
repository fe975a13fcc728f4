"""The verdict rule: every branch, every boundary, properties, and the verdict made again from a row of results.csv."""

import csv
import io
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import report_study
from hypothesis import given
from hypothesis import strategies as st

from evaluation import disclosure, errors
from evaluation.report import phrases, results
from evaluation.results import (
    VERDICTS,
    Estimate,
    Gate,
    Label,
    NotIdentified,
    TooFew,
    from_se,
    label,
    ratio_from_log,
    verdict,
    why_fragile,
    with_verdict,
)

PASSED = (Gate("overlap", "design", True), Gate("size", "size", True), Gate("balance", "quality", True))


def row(low=0.1, high=0.5, **more):
    """Return a primary contrast of points on a scale, margin 0.2, with its gates passed."""
    words = {"null": 0.0, "margin": 0.2, "licence": "association", "family": "primary", "gates": PASSED}
    return Estimate(value=(low + high) / 2, low=low, high=high, **(words | more))


def failed(kind, id="one"):
    return (*PASSED, Gate(id, kind, False))


def test_a_level_or_a_count_has_no_verdict():
    assert verdict(row(null=None)) == ""
    assert verdict(from_se(3.0, 0.1, null=None)) == ""


def test_an_estimate_without_an_interval_has_no_verdict():
    assert verdict(replace(row(), low=None, high=None)) == ""


# ---- (1) and (2): design, then size ------------------------------------------------------------------------------


def test_a_failed_design_gate_stands_above_everything():
    gates = (*failed("design"), Gate("size", "size", False), Gate("q", "quality", False))
    assert verdict(row(gates=gates)) == "not answerable"
    assert verdict(row(-0.05, 0.05, gates=gates)) == "not answerable"


def test_size_stands_above_what_the_interval_says():
    assert verdict(row(gates=(*failed("size"), Gate("q", "quality", False)))) == "too few to report"
    assert verdict(row(-0.05, 0.05, gates=failed("size"))) == "too few to report"


def test_refusals_keep_their_word():
    assert verdict(NotIdentified("nobody was asked", "Ask.")) == "not answerable"
    assert verdict(TooFew({"a": 3}, 30)) == "too few to report"
    assert verdict(TooFew({"a": 3}, 30, gates=(Gate("wording", "design", False),))) == "not answerable"


# ---- (3): direction ------------------------------------------------------------------------------------------------


def test_direction_comes_from_the_whole_interval():
    assert verdict(row(0.01, 0.6)) == "higher"
    assert verdict(row(-0.6, -0.01)) == "lower"
    assert verdict(row(-0.01, 0.6)) == "too uncertain to say"


def test_an_end_equal_to_the_null_does_not_exclude_it():
    assert verdict(row(0.0, 0.6)) == "too uncertain to say"
    assert verdict(row(-0.6, 0.0)) == "too uncertain to say"
    assert verdict(row(math.nextafter(0.0, 1), 0.6)) == "higher"
    assert verdict(row(1.0, 3.0, null=1.0, margin=math.log(1.25))) == "too uncertain to say"


# ---- (4): fragile --------------------------------------------------------------------------------------------------


def test_a_failed_quality_gate_makes_a_direction_fragile():
    assert verdict(row(gates=failed("quality"))) == "higher, but fragile"
    assert verdict(row(-0.5, -0.1, gates=failed("quality"))) == "lower, but fragile"
    assert why_fragile(row(gates=failed("quality", "attend.unmatched"))) == ("gate:attend.unmatched",)


def test_fragile_stands_before_small():
    assert verdict(row(0.01, 0.1, gates=failed("quality"))) == "higher, but fragile"


def test_a_failed_quality_gate_without_a_direction_leaves_uncertain_never_little():
    assert verdict(row(-0.05, 0.05, gates=failed("quality"))) == "too uncertain to say"


@pytest.mark.parametrize(("share", "word"), [(0.9, "higher"), (0.899, "higher, but fragile"), (1.0, "higher")])
def test_nine_in_ten_analyses_of_the_same_sign(share, word):
    assert verdict(row(same_sign_share=share, specification_median=0.3)) == word


@pytest.mark.parametrize(
    ("median", "word"),
    [(0.15, "higher"), (0.149, "higher, but fragile"), (0.9, "higher"), (-0.3, "higher, but fragile")],
)
def test_median_of_the_analyses_at_least_half_the_planned_estimate(median, word):
    """The planned estimate is 0.3."""
    assert verdict(row(same_sign_share=1.0, specification_median=median)) == word
    mirrored = row(-0.5, -0.1, same_sign_share=1.0, specification_median=-median)
    assert verdict(mirrored) == word.replace("higher", "lower")


def test_a_one_sided_doubt_downgrades_only_the_direction_that_it_favours():
    assert verdict(row(doubt="up")) == "higher, but fragile"
    assert verdict(row(doubt="down")) == "higher"
    assert verdict(row(-0.5, -0.1, doubt="down")) == "lower, but fragile"
    assert verdict(row(-0.5, -0.1, doubt="up")) == "lower"
    assert verdict(row(-0.1, 0.5, doubt="up")) == "too uncertain to say"


# ---- (5): small, little or no --------------------------------------------------------------------------------------


def test_small_and_little_need_the_whole_interval_inside_the_margin():
    assert verdict(row(0.01, 0.19)) == "higher, but small"
    assert verdict(row(-0.19, -0.01)) == "lower, but small"
    assert verdict(row(-0.19, 0.19)) == "little or no difference"
    assert verdict(row(-0.1, 0.21)) == "too uncertain to say"


def test_an_end_equal_to_the_margin_does_not_exclude_it():
    assert verdict(row(0.01, 0.2)) == "higher"
    assert verdict(row(-0.2, 0.1)) == "too uncertain to say"
    assert verdict(row(-0.1, 0.2)) == "too uncertain to say"
    assert verdict(row(-0.1, math.nextafter(0.2, 0))) == "little or no difference"


def test_without_a_margin_neither_small_nor_little_can_be_given():
    assert verdict(row(0.001, 0.002, margin=None)) == "higher"
    assert verdict(row(-0.001, 0.002, margin=None)) == "too uncertain to say"


def test_the_margin_of_a_ratio_is_on_the_log_scale():
    ratio = {"null": 1.0, "margin": math.log(1.25), "gates": PASSED}
    assert verdict(Estimate(value=1.0, low=1 / 1.24, high=1.24, **ratio)) == "little or no difference"
    assert verdict(Estimate(value=1.0, low=0.79, high=1.24, **ratio)) == "too uncertain to say"
    assert verdict(Estimate(value=1.1, low=1.01, high=1.24, **ratio)) == "higher, but small"
    assert verdict(Estimate(value=2.0, low=1.5, high=2.6, **ratio)) == "higher"
    assert verdict(Estimate(value=0.5, low=0.4, high=0.8, **ratio)) == "lower"
    assert verdict(Estimate(value=0.5, low=0.0, high=0.8, **ratio)) == "lower"
    assert verdict(replace(ratio_from_log(0.7, 0.1), margin=0.2)) == "higher"


def test_the_median_of_ratios_is_halved_on_the_log_scale():
    """Half of log 4 is log 2."""
    ratio = {"null": 1.0, "low": 3.0, "high": 5.0, "same_sign_share": 1.0}
    assert verdict(Estimate(value=4.0, specification_median=2.0001, **ratio)) == "higher"
    assert verdict(Estimate(value=4.0, specification_median=1.999, **ratio)) == "higher, but fragile"


# ---- (6): families -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["secondary", "exploratory", "control"])
def test_another_family_needs_its_own_p(family):
    assert verdict(row(family=family, p_family=0.05)) == "higher"
    assert verdict(row(family=family, p_family=0.0501)) == "too uncertain together"
    assert verdict(row(family=family, p_family=None)) == "too uncertain together"
    assert why_fragile(row(family=family, p_family=0.2)) == ("family",)
    assert verdict(row(-0.1, 0.5, family=family, p_family=0.001)) == "too uncertain to say"


def test_no_direction_in_any_form_without_the_p_of_the_family():
    doubted = {"gates": failed("quality"), "doubt": "up", "same_sign_share": 0.1}
    assert verdict(row(family="secondary", p_family=0.5, **doubted)) == "too uncertain together"
    assert verdict(row(family="secondary", p_family=0.01, **doubted)) == "higher, but fragile"
    assert verdict(row(0.01, 0.19, family="secondary", p_family=0.5)) == "little or no difference"
    assert verdict(row(0.01, 0.19, family="secondary", p_family=0.01)) == "higher, but small"
    assert verdict(row(-0.1, 0.1, family="secondary", p_family=1.0)) == "little or no difference"


def test_the_primary_family_and_no_family_need_none():
    assert verdict(row(family="primary")) == verdict(row(family="")) == "higher"


def test_reasons_come_in_the_order_of_the_rule():
    made = row(
        gates=failed("quality", "q"), same_sign_share=0.5, specification_median=0.0, doubt="up", family="secondary"
    )
    assert why_fragile(made) == ("gate:q", "signs of analyses", "size of analyses", "one-sided doubt", "family")
    assert why_fragile(row(-0.1, 0.5, gates=failed("quality"))) == ()


# ---- properties ----------------------------------------------------------------------------------------------------

ENDS = st.floats(-2, 2, allow_nan=False).map(lambda x: round(x, 6))
ROWS = st.builds(
    lambda a, b, margin, share, median, doubt, family, p, gate: row(
        min(a, b),
        max(a, b),
        margin=margin,
        same_sign_share=share,
        specification_median=median,
        doubt=doubt,
        family=family,
        p_family=p,
        gates=gate,
    ),
    ENDS,
    ENDS,
    st.none() | st.floats(0.01, 1),
    st.none() | st.floats(0, 1),
    st.none() | ENDS,
    st.sampled_from(["", "up", "down"]),
    st.sampled_from(["primary", "secondary", ""]),
    st.none() | st.floats(0, 1),
    st.sampled_from([PASSED, failed("quality"), failed("design"), failed("size")]),
)
SWAP = {"higher": "lower", "lower": "higher"}


@given(ROWS)
def test_the_sign_flipped_gives_the_mirrored_word(made):
    median = None if made.specification_median is None else -made.specification_median
    doubt = {"up": "down", "down": "up", "": ""}[made.doubt]
    mirror = replace(made, value=-made.value, low=-made.high, high=-made.low, specification_median=median, doubt=doubt)
    first = verdict(made).split(",")[0]
    expected = verdict(made).replace(first, SWAP.get(first, first), 1)
    assert verdict(mirror) == expected


@given(ROWS)
def test_every_row_has_one_of_the_ten_words(made):
    assert verdict(made) in VERDICTS


@given(ROWS, st.floats(0, 1))
def test_a_wider_interval_never_says_more(made, more):
    """Widening may lose a direction or a claim of little difference; it never makes one."""
    wide = replace(made, low=made.low - more, high=made.high + more)
    before, after = verdict(made), verdict(wide)
    claim = ("higher", "lower")
    if not before.startswith(claim):
        assert not after.startswith(claim)
    if after == "little or no difference":
        assert before in ("little or no difference", "higher, but small", "lower, but small") or why_fragile(made)
    if before in ("not answerable", "too few to report"):
        assert after == before


@given(ROWS)
def test_the_verdict_is_the_same_from_the_object_and_from_the_row(made):
    assert verdict(made.tidy()) == verdict(made)
    text = {k: "" if v is None else str(v) for k, v in made.tidy().items()}
    assert verdict(text) == verdict(made)
    assert why_fragile(text) == why_fragile(made)
    assert with_verdict(with_verdict(made)) == with_verdict(made)


# ---- from results.csv ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["positive", "negative", "null", "unsure", "small"])
def test_the_verdict_is_made_again_from_results_csv(kind):
    checked = disclosure.protect(report_study.exhibits(kind), report_study.plan().disclosure)
    text = results.as_csv(results.grid(checked, report_study.context())).decode()
    rows = [r for r in csv.DictReader(io.StringIO(text)) if r["verdict"]]
    assert len(rows) >= 4
    for found in rows:
        assert verdict(found) == found["verdict"], found["id"]


# ---- words: what the verdict may be said with ------------------------------------------------------------------------


def said(made, noun="difference", pre_waves=1):
    subject = phrases.Subject("confidence", "among attendees", "than among others", noun)
    checked = SimpleNamespace(
        **{k: getattr(made, k) for k in ("value", "low", "high", "unit", "licence", "margin", "mde", "gates")},
        verdict=verdict(made),
        kind="estimate",
        shown=True,
        reason="",
        indicative=False,
    )
    return " ".join(phrases.finding(checked, subject, Plain(), pre_waves=pre_waves))


class Plain:
    """Numbers without marks."""

    def __call__(self, _row, text):
        return text

    def plan(self, text):
        return text


def test_an_association_never_gets_a_causal_verb():
    for made in (row(), row(-0.5, -0.1), row(-0.1, 0.1), row(gates=failed("quality")), row(0.01, 0.1), row(-1, 1)):
        assert phrases.check(said(made), effect=False, annex=False) == []


def test_an_effect_with_one_survey_before_is_consistent_with_and_no_more():
    effect = row(licence="effect", unit="points on the 1 to 5 scale")
    assert "consistent with" in said(effect, pre_waves=1)
    assert phrases.check(said(effect, pre_waves=1), effect=False) == []
    assert "likely to have raised" in said(effect, pre_waves=2)


def test_little_or_no_of_an_association_says_that_groups_differed_by_less():
    assert "The groups who answered differed by less than" in said(row(-0.1, 0.1))


def test_a_study_too_small_for_twice_the_margin_gives_no_middle_value():
    small, fair = row(mde=0.41), row(mde=0.40)
    assert "about" not in said(small)
    assert "overstate" in said(small)
    assert "about" in said(fair)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Gate("overlap", "taste", True), r"gate 'overlap' has kind 'taste'\. Use one of design, size, quality"),
        (
            lambda: row(licence="proof", id="a.b.c.d"),
            r"licence 'proof' is not known \(a\.b\.c\.d\)\. Use one of effect",
        ),
        (lambda: NotIdentified("so", "that", licence="proof"), "licence 'proof' is not known"),
        (lambda: TooFew({"a": 1}, 30, licence="proof"), "licence 'proof' is not known"),
        (
            lambda: Estimate(value=math.nan, outcome="trust"),
            r"a finite value, got nan \(trust\)\. Return NotIdentified",
        ),
        (lambda: Estimate(value=None), "a finite value, got None"),
        (lambda: Estimate(value="3"), "a finite value, got '3'"),
        (lambda: label(row(), Label("a.b.c.d", licence="proof")), r"licence 'proof' is not known \(a\.b\.c\.d\)"),
        (lambda: label(3.0, Label("a")), "a label needs a result and a Label, not float and Label"),
        (lambda: label(row(), "a.b.c.d"), "a label needs a result and a Label, not Estimate and str"),
    ],
)
def test_what_is_no_gate_result_or_label_is_refused_with_what_to_do(made, said):
    with pytest.raises(errors.DataError, match=said):
        made()
