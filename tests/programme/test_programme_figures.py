"""Published figures: none is read without its base, its area, its period and its comparator; each names its source."""

import hashlib

import pandas as pd
import pytest
from intake_study import ROOT

from evaluation import disclosure, synthetic
from evaluation.analysis.programme import context, national_trend, register_cells
from evaluation.intake import waves
from evaluation.plan import study
from evaluation.programme.figures import missing_information, period_end
from evaluation.results import NotIdentified

WHERE = {"area_of_figure": "force area", "period": "2023"}


@pytest.fixture(scope="module")
def plan():
    return study.load(ROOT / "study.toml")


@pytest.fixture(scope="module")
def held(plan):
    return waves.registers_held(plan)


@pytest.mark.parametrize(
    ("figure", "lack"),
    [
        ({"kind": "share", "value": 22.16, "numerator": 1433, "denominator": 6466}, ""),
        ({"kind": "share", "value": 22, "numerator": 1433, "denominator": 6466}, ""),
        ({"kind": "share", "value": 23, "numerator": 1433, "denominator": 6466}, "does not follow from its base"),
        ({"kind": "share", "value": 10, "numerator": 1, "denominator": 0}, "does not follow from its base"),
        ({"kind": "share", "value": 10}, "base not supplied"),
        ({"kind": "pct_change_count", "value": 31.6, "numerator": 25, "denominator": 19}, ""),
        ({"kind": "pct_change_count", "value": 31.6, "numerator": pd.NA, "denominator": 19}, "base not supplied"),
        ({"kind": "pct_change_count", "value": -37.5}, "base not supplied"),
        ({"kind": "rate_ratio", "value": 6, "comparator": "not stated"}, "comparator not stated"),
        ({"kind": "rate_ratio", "value": 5, "comparator": "White residents"}, ""),
        ({"kind": "average", "value": 60}, "number of cases not supplied"),
        ({"kind": "average", "value": 60, "denominator": 12}, ""),
        ({"kind": "count", "value": 4631}, ""),
        ({"kind": "target", "value": 25}, ""),
    ],
)
def test_what_a_figure_lacks(figure, lack):
    assert missing_information(**figure, **WHERE) == lack


def test_area_and_period_are_needed_by_all():
    assert (
        missing_information(kind="count", value=1, area_of_figure="", period="not stated")
        == "area not stated; period not stated"
    )


def test_figures_that_cannot_be_read_alone_stand_in_the_annex_only(plan, held):
    first, every = context.figures(plan, plan.waves[-1], held)
    assert first.sections == ("policy-11",)
    assert every.sections == ("annex-N",)
    rows = held["context_figures"]
    lacks = {
        r.claim
        for r in rows.itertuples()
        if missing_information(**{n: register_cells.optional(r, n) for n in context.PARTS})
    }
    end = national_trend.fieldwork_end(plan, plan.waves[-1])
    old = {r.claim for r in rows.itertuples() if register_cells.age_words(period_end(r.period), end)}
    assert lacks
    assert (
        {i.row for i in first.items}
        == set(rows["claim"]) - lacks - old
        == {"Goal for recruits from ethnic minorities: not less than"}
    )
    said = {i.row.partition(" ")[2]: i.result.text for i in every.items if i.column == "Base"}
    assert said["Rise in female recruits"].startswith("base not supplied")
    checked = disclosure.protect([first, every], plan.disclosure)
    text = {r: checked.exhibits[1].cells[r, "Value"].text for r in checked.exhibits[1].rows}
    assert text["F06 [2 years before this survey] Searches where ethnic group was not stated"] == "22.16%"


def test_a_register_whose_figures_all_lack_something_makes_no_empty_table(plan):
    row = {
        "figure_id": "F1",
        "claim": "x",
        "value": 3.0,
        "kind": "share",
        "area_of_figure": "a",
        "period": "p",
        "source": "s",
        "verified": "cited_only",
    }
    (only,) = context.figures(plan, plan.waves[-1], {"context_figures": pd.DataFrame([row])})
    assert only.id == "context.register"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"source": "News", "verified": "cited_only"}, "as cited in News"),
        ({"source": "News", "verified": "primary_seen"}, "News"),
        ({"source": "News", "verified": "conflicts"}, "News; its own source differs"),
        ({"source": "News"}, "as cited in News"),
        ({"source": pd.NA}, "source not stated"),
        ({}, "source not stated"),
    ],
)
def test_a_source_that_was_not_seen_says_as_cited_in(row, words):
    (given,) = pd.DataFrame([row or {"x": 1}]).itertuples()
    assert context.as_cited(given) == words


def test_the_line_of_dates_is_in_order_and_names_its_sources(plan, held):
    line, sources = context.timeline(plan, plan.waves[-1], held)
    when = [pd.Timestamp(row.partition(" (")[0]) for row in dict.fromkeys(i.row for i in line.items)]
    assert when == sorted(when)
    what = [i.result.text for i in line.items if i.column == "What"]
    assert any("answers, until" in w for w in what)
    assert any("First event" in w for w in what)
    assert {i.row for i in sources.items} == set(held["history"]["what"])
    (without,) = context.timeline(plan, plan.waves[-1], {"events": held["events"]})
    assert "outside event" not in [i.result.text for i in without.items if i.column == "Kind"]
    (absent,) = context.timeline(plan, plan.waves[-1], {})
    assert isinstance(absent.items[0].result, NotIdentified)


def test_published_registers_name_their_source_and_copy_no_passage(held):
    for name in ("history", "context_figures", "external_surveys"):
        assert held[name]["source"].notna().all()
        assert held[name]["verified"].notna().all()
    longest = max(
        len(str(v).split()) for name in ("history", "initiatives") for v in held[name].astype(str).to_numpy().ravel()
    )
    assert longest <= 16
    assert set(held["initiatives"]["outcome_reported"]) == {"no"}  # the sources report none


def test_shipped_registers_are_those_the_generator_makes(tmp_path):
    synthetic.make(None, tmp_path)
    for line in (tmp_path / "data_raw" / "SHIPPED.sha256").read_text().splitlines():
        digest, name = line.split("  ", 1)
        if "/registers/" in name:
            assert hashlib.sha256((ROOT / name).read_bytes()).hexdigest() == digest, name
