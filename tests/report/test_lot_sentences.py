"""The report's sentence for a lot: an effect, an unclear one, one that was tampered with, one without an answer."""

import pytest
import report_study as study

from evaluation import disclosure
from evaluation.exhibit import Exhibit, Item
from evaluation.plan.study import Plan
from evaluation.report import front_page, lot_sentences
from evaluation.report.page_parts import PageInputs
from evaluation.results import Estimate, Gate, Label, NotIdentified, label, with_verdict

HELD = tuple(Gate(f"lot.{k}", "quality", True, note=k) for k in ("record", "followed", "answered"))
BROKEN = (Gate("lot.record", "quality", False, note="the record of the lot verifies"), *HELD[1:])


def row(value, half, *, licence="effect", gates=HELD):
    made = Estimate(
        value,
        se=half / 2,
        low=value - half,
        high=value + half,
        low_90=value - 0.8 * half,
        high_90=value + 0.8 * half,
        df=100.0,
        p=0.001 if abs(value) > half else 0.4,
        n={"drawn": 60, "not drawn": 60},
        null=0.0,
        unit="points on the 1 to 5 scale",
    )
    words = Label(
        id="d6.conf_overall.invitations.w2025",
        outcome="conf_overall",
        group="invitations",
        wave="W2025",
        question="did being drawn move it?",
        licence=licence,
        planned=True,
        margin=0.2,
    )
    return with_verdict(label(made, words, gates=gates))


def inputs_of(result):
    exhibit = Exhibit("lots.effects", "What being drawn by lot did", (Item("Lot", "Effect", result),))
    plan = study.plan()
    checked = disclosure.protect([exhibit], plan.disclosure)
    return PageInputs(checked, study.context(), {})


def said(result):
    inputs = inputs_of(result)
    (line,) = lot_sentences.lots(inputs.rows, inputs.ctx)
    return line.text(), " ".join(front_page.answer(inputs.rows, inputs.ctx))


def test_a_proved_lot_with_a_direction_made_a_difference():
    text, _ = said(row(0.5, 0.3))
    assert "being drawn made confidence in the police higher" in text
    assert "Only chance" in text
    assert lot_sentences.proved(inputs_of(row(0.5, 0.3)).rows, study.context())


def test_a_negative_effect_is_said_in_the_same_pattern():
    text, _ = said(row(-0.5, 0.3))
    assert "being drawn made confidence in the police lower" in text


def test_an_unclear_lot_cannot_be_told():
    text, _ = said(row(0.2, 0.5))
    assert "cannot be told" in text
    assert not lot_sentences.proved(inputs_of(row(0.2, 0.5)).rows, study.context())


def test_a_tampered_lot_claims_no_effect_and_says_what_failed():
    text, answer = said(row(0.5, 0.3, licence="association", gates=BROKEN))
    assert "may not be called an effect" in text
    assert "the record of the lot verifies" in text
    assert "made a difference" not in answer
    assert "being drawn made" not in text


def test_a_lot_without_an_answer_says_why():
    none = NotIdentified(
        "the lot was not drawn", "Draw it.", id="d6.conf_overall.invitations.w2025", outcome="conf_overall"
    )
    text, _ = said(none)
    assert "no answer, as the lot was not drawn" in text


@pytest.mark.parametrize("result", [row(0.5, 0.3), row(-0.5, 0.3)])
def test_page_one_names_the_lot_that_made_a_difference(result):
    inputs = inputs_of(result)
    assert front_page._reason(inputs.rows, next(inputs.rows.starting("d6.")), inputs.ctx)[0].startswith(
        "By lot, “Personal"
    )


def test_a_plan_without_lots_says_nothing_of_them():
    inputs = inputs_of(row(0.5, 0.3))
    plan = Plan.model_validate(study.plan().model_dump(by_alias=True) | {"lots": {}})
    assert lot_sentences.lots(inputs.rows, study.context(plan=plan)) == []
