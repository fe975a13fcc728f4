"""Change here beside the country's, and minus it: what is compared, what is refused, and the figures of the register."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from evaluation.analysis import contrasts
from evaluation.analysis.did import inputs, tables
from evaluation.analysis.levels import Survey
from evaluation.analysis.programme import context, national_trend, register_cells
from evaluation.exhibit import Measure, Text
from evaluation.intake import waves
from evaluation.plan import study
from evaluation.programme import figures
from evaluation.results import Estimate, NotIdentified, from_se
from evaluation.statistics import external_series

ROOT = Path(__file__).parents[2]
PLAN = study.load(ROOT / "study.toml")
WAVE, NAME = "W2025", "police_confidence"
REGISTERS = waves.registers_held(PLAN)
ROWS = REGISTERS["external_surveys"]
INFO = {w: waves.info(PLAN, w) for w in PLAN.waves}


def own(name=NAME, value=-3.0):
    made = from_se(value, 3.0, df=40, n={"W2024": 400, "W2025": 420}, unit="percentage points")
    return contrasts.name(
        made, "changeshare", outcome=name, group="all", wave=WAVE, method="since-w2024", licence="descriptive", null=0.0
    )


@pytest.fixture
def told(monkeypatch):
    """Return a function that changes what wave.toml says of a wave."""
    known = dict(INFO)
    monkeypatch.setattr(waves, "info", lambda _, wave: known[wave])

    def change(wave, **fields):
        known[wave] = replace(known[wave], **fields)

    return change


def compared(rows=ROWS, plan=PLAN, name=NAME):
    return national_trend.compared(plan, name, rows, ("W2024", "W2025"))


def edited(key="csew.local_confidence", until="2025-03-31", **fields):
    rows = ROWS.copy()
    at = (rows["variable"] == key) & (rows["until"] == until) & (rows["group"] == "All adults")
    assert at.sum() == 1
    for column, value in fields.items():
        rows.loc[at, column] = value
    return rows


def test_the_shipped_study_is_compared_with_the_country_on_the_same_question():
    table = national_trend.trend(PLAN, WAVE, REGISTERS, [own()])
    found = {i.column: i.result for i in table.items}
    assert found["England and Wales"].value == 67 - 65
    minus = found["Here, minus England and Wales"]
    assert isinstance(minus, Estimate)
    assert minus.value == pytest.approx(-3 - 2)
    moved = external_series.spread(
        pd.Series([2014.25, 2015.25, 2024.25, 2025.25]).to_numpy(), pd.Series([76.0, 76, 65, 67]).to_numpy()
    )
    years = (INFO["W2025"].end - INFO["W2024"].end).days / 365.25
    assert minus.se == pytest.approx((9 + moved.per_year**2 * years) ** 0.5, rel=1e-3)
    assert minus.high - minus.low > own().high - own().low


@pytest.mark.parametrize("name", ["police_good_job", "patrol_seen"])
def test_a_series_without_a_figure_near_a_survey_is_not_compared(name):
    table = national_trend.trend(PLAN, WAVE, REGISTERS, [own(name)])
    (refused,) = [i.result for i in table.items if isinstance(i.result, NotIdentified)]
    assert "figures:" in refused.reason


@pytest.mark.parametrize(
    ("wave", "fields", "word"),
    [
        ("W2025", {"mode": "online"}, "mode: here face to face, online, there face to face"),
        ("W2024", {"mode": ""}, "mode: here not stated, face to face"),
        ("W2025", {"official_wording": {}}, "wording: the official words of W2025 were not pasted"),
        ("W2024", {"official_wording": {NAME: "other words"}}, "wording: W2024 used words"),
    ],
)
def test_a_wave_that_asked_otherwise_is_refused_and_the_refusal_says_how(told, wave, fields, word):
    told(wave, **fields)
    against = compared().against
    assert len(against) == 1
    assert word in against[0]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"mode": "telephone"}, "mode: here face to face, there face to face, telephone"),
        ({"ages": "18 and over"}, "age range: here 16 and over, there 16 and over, 18 and over"),
        ({"area": "Great Britain"}, "area: here England and Wales, there England and Wales, Great Britain"),
        ({"area": pd.NA}, "area: here England and Wales, there England and Wales, not stated"),
    ],
)
def test_figures_got_otherwise_are_refused_and_the_refusal_says_which(fields, word):
    assert compared(edited(**fields)).against == (word,)


@pytest.mark.parametrize(("part", "value", "word"), [("ages", "18 and over", "age range"), ("area", "Wales", "area")])
def test_each_key_of_context_decides_what_may_be_compared(part, value, word):
    plan = PLAN.model_copy(update={"context": PLAN.context.model_copy(update={part: value})})
    (against,) = compared(plan=plan).against
    assert against.startswith(f"{word}: here {value}")


def two_figures(**fields):
    rows = ROWS[
        (ROWS["variable"] == "csew.local_confidence") & (ROWS["until"] > "2020") & (ROWS["group"] == "All adults")
    ]
    return rows.assign(**fields)


def test_a_series_without_base_or_spread_is_refused_by_name():
    assert compared(two_figures()).against == ("the series csew.local_confidence has neither base nor spread",)


@pytest.mark.parametrize("fields", [{"n_base": 3000}, {"lo": [64.0, 66.0], "hi": [66.0, 68.0]}])
def test_two_figures_with_bases_or_limits_are_compared_by_sampling_alone(fields):
    found = compared(two_figures(**fields))
    assert found.against == ()
    assert found.moved is None
    assert len(found.errors) == 2


def test_years_outside_the_codebook_s_are_not_of_the_series():
    repeated = replace(PLAN.codebook.harmonised[NAME], years=(2012, 2020))
    assert list(national_trend.series(ROWS, repeated)["estimate"]) == [76, 76]


# ---- the register: figures of the facts, and what can be compared ------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "until", "printed"),
    [
        ("csew.good_job", "2025-03-31", "49"),
        ("csew.good_job", "2015-03-31", "62"),
        ("csew.good_job", "2014-03-31", "63"),
        ("csew.local_confidence", "2025-03-31", "67"),
        ("csew.local_confidence", "2024-03-31", "65"),
        ("csew.local_confidence", "2015-03-31", "76"),
        ("csew.local_confidence", "2014-03-31", "76"),
        ("csew.foot_patrol", "2025-03-31", "11"),
        ("csew.foot_patrol", "2015-03-31", "29"),
        ("csew.foot_patrol", "2011-03-31", "39"),
        ("csew.victim_satisfaction", "2025-03-31", "51"),
        ("csew.victim_satisfaction", "2015-03-31", "70"),
        ("csew.justice_effective", "2025-03-31", "48"),
        ("csew.justice_fair", "2025-03-31", "63"),
    ],
)
def test_figures_of_the_national_statistics_office_stand_to_the_digit_printed(key, until, printed):
    made = context.surveys(PLAN, WAVE, REGISTERS)
    at = (ROWS["variable"] == key) & (ROWS["until"] == until) & (ROWS["group"] == "All adults")
    (place,) = at.to_numpy().nonzero()[0]
    cell = next(i.result for i in made.items if i.result.id == f"context.survey{place + 1:02d}.value.{WAVE}".lower())
    assert isinstance(cell, Measure)
    assert f"{cell.value:.{cell.decimals}f}" == printed


def test_at_most_three_figures_are_unusable_for_want_of_wording():
    made = context.surveys(PLAN, WAVE, REGISTERS)
    matches = [i.result.text for i in made.items if isinstance(i.result, Text) and ".match." in i.result.id]
    assert len(matches) == len(ROWS)
    assert sum("wording" in m or "words" in m for m in matches) <= 3


def test_a_question_whose_official_words_nobody_pasted_says_so(told):
    told(WAVE, official_wording={})
    made = context.surveys(PLAN, WAVE, REGISTERS)
    matches = [i.result.text for i in made.items if isinstance(i.result, Text) and ".match." in i.result.id]
    assert "no: its official words were not pasted" in matches


# ---- age ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "end"),
    [
        ("2019/20", "2020-03-31"),
        ("year to March 2023", "2023-03-31"),
        ("2018 to February 2023", "2023-02-28"),
        ("August 2018", "2018-08-31"),
        ("before October 2023", "2023-10-31"),
        ("2023 (YouGov)", "2023-12-31"),
        ("from October 2020", "None"),
        ("not stated", "None"),
    ],
)
def test_the_end_of_a_period_in_words(period, end):
    assert str(figures.period_end(period)) == end


@pytest.mark.parametrize(
    ("end", "words"),
    [("2025-03-31", ""), ("2023-11-15", ""), ("2023-11-14", "[2 years before this survey]"), ("2011-03-31", "[14 years before this survey]")],
)  # fmt: skip
def test_a_figure_older_than_24_months_at_the_end_of_fieldwork_says_its_age_first(end, words):
    assert register_cells.age_words(pd.Timestamp(end), INFO[WAVE].end) == words


def test_old_figures_leave_the_policy_report_and_stand_in_the_annex_with_their_age():
    shown, every = context.figures(PLAN, WAVE, REGISTERS)
    held = REGISTERS["context_figures"]
    old = held[held["period"].map(figures.period_end).map(lambda d: bool(register_cells.age_words(d, INFO[WAVE].end)))]
    assert len(old) > 5
    assert not {i.row for i in shown.items} & set(old["claim"])
    rows = {i.row for i in every.items}
    assert all(any(r.startswith(f"{o.figure_id} [") and r.endswith(o.claim) for r in rows) for o in old.itertuples())
    assert len(rows) == len(held)


def test_every_old_figure_of_another_survey_says_its_age_in_its_first_words():
    labels = list(dict.fromkeys(i.row for i in context.surveys(PLAN, WAVE, REGISTERS).items))
    for label, row in zip(labels, ROWS.itertuples(), strict=True):
        if not pd.isna(row.until) and row.until < pd.Timestamp("2023-11-14"):
            assert label.startswith("["), label


# ---- the series' own movement in place of assumed shocks -----------------------------------------------------------------


def shocks(outcome, rows):
    """Return the table of shocks of a design on an outcome."""
    design = PLAN.designs["D2"].model_copy(update={"outcome": outcome, "waves": ("W2024", "W2025")})
    plan = PLAN.model_copy(update={"designs": {"D2": design}})
    held = inputs.DesignInputs.__new__(inputs.DesignInputs)
    object.__setattr__(held, "wave", WAVE)
    object.__setattr__(held, "survey", Survey(None, None, {}, {outcome: 0.5}))
    made = from_se(0.4, 0.2, df=40, n={"a": 40, "b": 400}, unit="points")
    named = contrasts.name(made, "d2", outcome=outcome, group="black", wave=WAVE, licence="association")
    return {i.column: i.result for i in tables.shocks(plan, held, [named], rows).items}


def test_the_series_own_movement_stands_in_place_of_the_assumed_shocks():
    found = shocks(NAME, ROWS)
    assert list(found) == ["Sampling only", "Another survey's own movement on this question"]
    moved = national_trend.spreads(PLAN, ROWS)[NAME].over(national_trend.years_between(PLAN, "W2024", WAVE))
    (none, series) = found.values()
    ratio = (series.high - series.low) / (none.high - none.low)
    assert ratio == pytest.approx((1 + (moved / 50 * 0.5 / 0.2) ** 2) ** 0.5)


@pytest.mark.parametrize(("outcome", "rows"), [("conf_overall", ROWS), (NAME, None), (NAME, two_figures())])
def test_without_such_a_series_the_assumed_shocks_stay(outcome, rows):
    assert len(shocks(outcome, rows)) == len(PLAN.sensitivity.shocks_points)
