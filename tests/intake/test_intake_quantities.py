"""Numbers are read by a convention that is declared or proven, or refused; none is read as another number."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_study import HEADINGS, answers, csv_bytes, describe, folder_of, headed, make, put, rows_of, xlsx

from evaluation.intake import numbers, waves
from evaluation.intake.wave_file import load


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022", "W2024"))


def kinds(faults):
    return {(f.kind, f.column) for f in faults}


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("0.61", "", 0.61),
        ("0,61", "", None),
        ("0,61", ",", 0.61),
        ("8,50", "", None),
        ("8,50", ",", 8.5),
        ("1.234,5", "", None),
        ("1.234,5", ",", 1234.5),
        ("1,234.5", "", 1234.5),
        ("1,234.5", ",", None),
        ("1,234", "", 1234),
        ("1,234", ",", 1.234),
        ("1.234", ",", 1234),
        ("12,34", "", None),
        ("1,2345", "", None),
        ("0,123", "", None),
        ("1,23,456", "", None),
        ("1,234,567", "", 1234567),
        ("0.6123456789012345", "", 0.6123456789012345),
        ("123456789012345", "", 123456789012345),
        ("£5", "", 5),
        ("12%", "", 12),
        ("−5", "", -5),
        (".", "", None),
        ("", "", None),
        ("1 234", "", None),
        ("5-", "", None),
        ("٣", "", None),
        ("1e999", "", None),
        ("E01", "", None),
        ("e5", "", None),
        ("E01", ",", None),
        ("inf", "", None),
        ("nan", "", None),
        ("5,", "", None),
    ],
)
def test_a_number_is_read_by_its_convention_or_not_at_all(text, decimal, value):
    assert numbers.number(text, decimal) == value


WEIGHTS = [1.5, 0.75, 1.25, 2.0, 0.6, 1.43] * 10


@settings(max_examples=200, deadline=None)
@given(st.floats(0.001, 10**7).map(lambda v: round(v, 3)), st.sampled_from([".", ","]), st.booleans())
def test_a_number_written_in_its_convention_comes_back(value, decimal, grouped):
    text = f"{value:,.3f}" if grouped else f"{value:.3f}"
    if decimal == ",":
        text = text.translate(str.maketrans(",.", ".,"))
    assert numbers.number(text, decimal) == value


@pytest.mark.parametrize(
    ("texts", "proven"),
    [
        (["0,61", "1", ""], ","),
        (["0.61", "1,250"], "."),
        (["1,250", "2"], ""),
        (["0,61", "0.61"], ""),
        (["1.234,5"], ","),
        (["none", ""], ""),
    ],
)
def test_a_column_proves_its_convention(texts, proven):
    assert numbers.convention(texts) == proven


def weighted(plan, texts, **more):
    put(plan, "W2024", answers(seed=1).assign(base_wt=texts), **more)
    return waves.check(plan, "W2024")


def test_a_column_with_decimal_commas_is_read_rightly(plan):
    assert weighted(plan, [f"{w:g}".replace(".", ",") for w in WEIGHTS]) == []
    assert list(waves.take_in(plan, "W2024").design["base_wt"]) == WEIGHTS


def test_a_comma_that_nothing_explains_is_a_fault_until_it_is_declared(plan):
    texts = ["1,250"] * 30 + ["2"] * 30
    found = weighted(plan, texts)
    assert kinds(found) == {("value", "base_wt")}
    assert "declare decimal" in found[0].what
    assert weighted(plan, texts, decimal=",") == []
    assert waves.take_in(plan, "W2024").design["base_wt"].iloc[0] == 1.25
    assert weighted(plan, texts, decimal=".") == []
    assert waves.take_in(plan, "W2024").design["base_wt"].iloc[0] == 1250


def test_two_conventions_in_one_column_are_a_fault(plan):
    assert kinds(weighted(plan, ["1,5", "1.5", *["2"] * 58])) == {("value", "base_wt")}


def test_a_workbook_s_numbers_have_a_point_whatever_is_declared(plan):
    frame = answers(seed=1).assign(base_wt=WEIGHTS)
    path = folder_of(plan, "W2024") / "a.xlsx"
    xlsx(path, {"S": rows_of(headed(frame))})
    describe(plan, "W2024", path, {HEADINGS.get(c, c): c for c in frame}, decimal=",")
    assert list(waves.take_in(plan, "W2024").design["base_wt"]) == WEIGHTS


BANDS = {"cuts": [18, 25, 35, 50, 65, 75], "levels": ["16_17", "18_24", "25_34", "35_49", "50_64", "65_74", "75_plus"]}


@pytest.mark.parametrize("age", ["999", "1987", "2001", "121", "1e3", "-5", "−5", "4,5,1", "17.5.2007"])
def test_an_age_that_nobody_has_is_no_level(plan, age):
    ages = [age, *(str(20 + i) for i in range(59))]
    put(plan, "W2024", answers(seed=1).assign(age_band=ages), bands={"age_band": BANDS})
    found = waves.check(plan, "W2024")
    assert [(f.kind, f.row) for f in found] == [("unmapped_label", 2)]


def test_the_ends_of_a_band_can_be_declared(plan):
    ages = ["102", "130", *(str(20 + i) for i in range(58))]
    put(plan, "W2024", answers(seed=1).assign(age_band=ages), bands={"age_band": BANDS | {"most": 130, "least": 16}})
    assert waves.check(plan, "W2024") == []
    put(plan, "W2024", answers(seed=1).assign(age_band=ages), bands={"age_band": BANDS | {"most": "old"}})
    assert "least and most" in waves.check(plan, "W2024")[0].what


@pytest.mark.parametrize("cell", ["1.5", "-1", "−1", "111", "8,50", "0,61", "1.234,5", "1,000", "yes", "2024-01-01"])
def test_a_count_is_whole_and_in_its_range(plan, cell):
    put(plan, "W2024", answers(seed=1).assign(years_in_llr=[cell, *["5"] * 59]))
    assert kinds(waves.check(plan, "W2024")) == {("value", "years_in_llr")}


def register(plan, name, header, *rows):
    folder = plan.root / "data_raw" / "registers"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.csv").write_bytes(csv_bytes([header, *rows], ";"))
    return [f for f in waves.check_registers(plan) if f.file == f"{name}.csv"]


VICTIMS = ["period", "victims", "blank"]


@pytest.mark.parametrize("cell", ["-5", "−5", "1.5", "0,61", "8,50", "many", "1e9", "12,34"])
def test_people_in_a_register_are_whole_and_not_under_0(plan, cell):
    found = register(plan, "victim_recording", VICTIMS, ["2024", cell, "3"])
    assert [(f.kind, f.column, f.row) for f in found] == [("value", "victims", 2)]


def test_figures_in_a_register_are_read_by_their_convention(plan):
    assert register(plan, "victim_recording", VICTIMS, ["2024", "1,234", "3"]) == []
    assert waves.register(plan, "victim_recording")["victims"].iloc[0] == 1234


@pytest.mark.parametrize("people", ["1.5", "0,61", "−5", "12,34", "about 5", "1.234,5"])
def test_a_margin_counts_whole_people(plan, people):
    folder = plan.root / "data_raw" / "population"
    folder.mkdir()
    name = plan.population.margins[0]
    (folder / "margins.csv").write_bytes(
        csv_bytes([["margin", "cell", "population", "source"], [name, "x|y", people, "census"]])
    )
    found = [f.what for f in waves.check_registers(plan)]
    assert any("is not a number of people" in w for w in found), found


@pytest.mark.parametrize("mark", [";", "point", "1"])
def test_the_declared_mark_is_a_point_or_a_comma(plan, mark):
    put(plan, "W2024", answers(seed=1), decimal=mark)
    assert "decimal is" in waves.check(plan, "W2024")[0].what
    put(plan, "W2024", answers(seed=1), decimal=",")
    assert load(plan.root, "W2024").decimal == ","
