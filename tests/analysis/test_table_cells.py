"""Cells of declared tables: numbers with shared fields, intervals and refusals, declared words, tables without rows."""

import pytest

from evaluation.exhibit import read_declarations
from evaluation.results import NotIdentified, TooFew, from_se
from evaluation.table_builder import Tables

BLOCK = {
    "title": "T",
    "ids": "x.{row}.{column}.{wave}",
    "columns": {"value": "Value", "share": {"label": "Share", "unit": "per cent"}},
    "texts": {"value": {"open": "open on {side}"}},
    "empty": {"id": "x.none.{wave}", "row": "No row", "column": "value", "text": "nothing to show"},
    "why": ["nobody answered", "Ask somebody."],
}


def table(**words):
    return Tables(read_declarations({"a.b": BLOCK}), "W1", words).table("a.b")


def test_shared_fields_give_way_to_those_of_column_and_call():
    t = table().numbers(unit="points", base=40)
    t.row("one").number("value", 1).number("share", 2).number("value", 3, unit="", base=7, id="y")
    cells = [i.result for i in t.items]
    assert [(c.unit, c.base) for c in cells] == [("points", 40), ("per cent", 40), ("", 7)]
    assert [c.id for c in cells] == ["x.one.value.w1", "x.one.share.w1", "y"]


def test_an_interval_is_a_number_with_its_range_and_a_refusal_is_words():
    estimate = from_se(0.2, 0.1, n={"a": 30, "b": 50})
    t = table()
    t.row("one").interval("value", estimate, scale=100.0)
    t.row("two").interval("value", NotIdentified("nobody was asked", "Ask."))
    t.row("three").interval("value", TooFew(counts={"a": 3}, needed=30))
    number, *words = (i.result for i in t.items)
    assert (number.value, number.low, number.base) == pytest.approx((20.0, 100 * estimate.low, 30))
    assert words[0].text == "nobody was asked"
    assert words[1].text == "too few people: at least 30 in every cell are needed"


def test_declared_words_are_filled_and_a_table_without_rows_says_so():
    t = table(side="one side")
    t.row("one").declared("value", "open")
    assert t.items[0].result.text == "open on one side"
    (only,) = table().exhibit().items
    assert (only.row, only.column, only.result.id, only.result.text) == (
        "No row",
        "Value",
        "x.none.w1",
        "nothing to show",
    )


def test_a_table_is_refused_with_its_declared_reason_unless_one_is_given():
    (only,) = table().refused().items
    assert only.result.reason == "nobody answered"
    (other,) = table().refused(NotIdentified("no link", "Ask for a code.")).items
    assert other.result.reason == "no link"
