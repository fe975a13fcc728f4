"""The table builder: ids composed as declared, labels from the declaration, notes in their places, refusals once."""

import tomllib

import pandas as pd
import pytest

from evaluation.errors import DataError
from evaluation.exhibit import Count, Measure, read_declarations
from evaluation.results import Estimate, NotIdentified
from evaluation.table_builder import Tables

TOML = """
[shared]
not_people = "An attendance is not a person."

["costs.table"]
title = "What {programme} costs"
places = ["policy-12"]
ids = "costs.{row}.{column}.{wave}"
refusal = "costs.none.{wave}"
refused_title = "Costs"
row_header = "Kind"
source = "Register of events"
chart = "bars"
notes = ["?few", "@not_people", "Since {start}."]
optional = { few = "{n} events have no record.", late = "Some came late." }
extras = { axis = "Pounds in {wave}", limits = [0, 100], finding = "{costs.hire.total.{wave}} pounds of hire" }

["costs.table".rows]
hire = "Hire of {programme}"

["costs.table".columns]
known = { label = "Events", unit = "events", universe = "events", exact = true }
people = { label = "People", kind = "identity" }
total = { label = "Total", unit = "pounds", decimals = 0 }
share = "Share"
why = "Why"
"""


@pytest.fixture
def tables():
    return Tables(read_declarations(tomllib.loads(TOML)), "W2025", {"programme": "LPACT"})


def test_cells_take_id_label_unit_and_kind_from_the_declaration(tables):
    table = tables.table("costs.table", start=2022)
    table.row("hire").count("known", 12, cost="hire").number("total", 345.6).share("share", 0.25, low=0.2, base=40)
    made = table.exhibit()
    assert [(i.row, i.column) for i in made.items] == [("Hire of LPACT", c) for c in ("Events", "Total", "Share")]
    count, total, share = (i.result for i in made.items)
    assert count == Count(
        "costs.hire.known.w2025", 12, "events|cost=hire", sensitive=False, unit="events", wave="W2025"
    )
    assert total == Measure("costs.hire.total.w2025", 345.6, "pounds", decimals=0, wave="W2025")
    assert share == Measure("costs.hire.share.w2025", 25.0, "per cent", base=40, low=20.0, decimals=0, wave="W2025")
    assert made.title == "What LPACT costs"
    assert (made.sections, made.chart, made.row_header) == (("policy-12",), "bars", "Kind")
    assert dict(made.extras) == {
        "axis": "Pounds in W2025",
        "limits": (0, 100),
        "finding": "{costs.hire.total.W2025} pounds of hire",
    }


def test_a_row_without_declared_words_is_headed_by_what_it_is_given(tables):
    table = tables.table("costs.table", start=2022)
    table.row("food", "Food").count("people", 3, food="yes").text("why", "–", id="Costs.Other")
    first, second = table.exhibit().items
    assert (first.row, first.result.kind, first.result.sensitive) == ("Food", "identity", True)
    assert second.result.id == "costs.other"


def test_optional_notes_stand_where_they_are_declared_and_the_others_at_the_end(tables):
    table = tables.table("costs.table", start=2022).note("late").note("few", n=2)
    assert table.notes() == (
        "2 events have no record.",
        "An attendance is not a person.",
        "Since 2022.",
        "Some came late.",
    )
    plain = tables.table("costs.table", start=2022)
    assert plain.notes() == ("An attendance is not a person.", "Since 2022.")


def test_a_refusal_is_one_cell_with_its_declared_id_and_title(tables):
    made = tables.refused("costs.table", NotIdentified("nothing was recorded", "Record it."))
    (only,) = made.items
    assert (made.title, only.row, only.result.id, only.result.wave) == (
        "Costs",
        "Not shown",
        "costs.none.w2025",
        "W2025",
    )
    assert tables.refused("costs.table", None).items[0].result.reason == "the comparison could not be prepared"
    assert made.notes == ()


def test_a_row_may_refuse_one_of_its_cells(tables):
    table = tables.table("costs.table", start=2022)
    table.row("hire").refused("total", "no amount is recorded", "Write it down.")
    cell = table.exhibit().items[0].result
    assert (cell.id, cell.licence, cell.what_would_help) == ("costs.hire.total.w2025", "descriptive", "Write it down.")


def test_a_crosstab_has_a_count_for_each_cell_and_its_key_holds_both_dimensions(tables):
    frame = pd.DataFrame([[1, 2], [3, 4]], index=pd.Index(["a", "b"], name="area"), columns=["x", "y"])
    frame.columns.name = "month"
    made = tables.table("costs.table", start=1).crosstab(frame, "known", labels={"a": "Area A"}, wave="W2025").exhibit()
    assert [(i.row, i.column, i.result.n) for i in made.items] == [
        ("Area A", "x", 1),
        ("Area A", "y", 2),
        ("b", "x", 3),
        ("b", "y", 4),
    ]
    assert made.items[1].result.key == "events|area=a|month=y|wave=W2025"
    assert made.items[1].result.id == "costs.a.y.w2025"


def test_a_tidy_frame_fills_the_declared_columns_it_has_and_leaves_out_what_is_missing(tables):
    frame = pd.DataFrame(
        {"total": [5.0, float("nan")], "why": ["paid", "unknown"], "people_behind": [10, 20], "other": [1, 2]},
        index=["hire", "food"],
    )
    made = (
        tables.table("costs.table", start=1).from_frame(frame, labels={"food": "Food"}, base="people_behind").exhibit()
    )
    assert [(i.row, i.column) for i in made.items] == [
        ("Hire of LPACT", "Total"),
        ("Hire of LPACT", "Why"),
        ("Food", "Why"),
    ]
    assert made.items[0].result.base == 10


def test_sums_given_row_by_row_and_at_the_end_are_kept(tables):
    table = tables.table("costs.table", start=1).sum("all", ["a", "b"])
    table.row("hire").estimate("total", Estimate(1.0, id="x"))
    assert table.exhibit(sums=[("every", ("c",))], chart="").sums == (("all", ("a", "b")), ("every", ("c",)))
    assert len(table) == 1


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('["a"]\ntitle = "T"\n["a".columns]\nx = { label = "X", colour = "red" }', "cannot be read"),
        ('["a"]\nplaces = ["annex-A"]', "cannot be read"),
    ],
)
def test_a_declaration_that_cannot_be_read_names_the_exhibit(toml, said):
    with pytest.raises(DataError, match=said) as refused:
        read_declarations(tomllib.loads(toml))
    assert "exhibits.toml, a" in str(refused.value)


def test_an_optional_note_that_is_not_declared_is_refused(tables):
    with pytest.raises(DataError, match="no note 'gone' is declared"):
        tables.table("costs.table").note("gone")
