"""Dates are read in the styles that tools write and the order that is stated; placeholders and disorder are faults."""

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_study import answers, csv_bytes, describe, folder_of, make, put

from evaluation.intake import waves
from evaluation.intake.dates import parse_date


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022", "W2024"))


STYLES = [
    "2026/09/14 10:31:00 am GMT+1",
    "2026/09/14 10:31:00 PM GMT+01:00",
    "2026-09-14 10:31",
    "2026-09-14T10:31:00Z",
    "2026-09-14T10:31:00.123+01:00",
    "2026-09-14 10:31:00 UTC",
    "14/09/2026 10:31",
    "14/09/2026, 10:31:05",
    "14.09.2026",
    "14-09-26",
    "14 September 2026",
    "14 Sept 2026",
    "14 Sep. 2026",
    "14th September 2026",
    "September 14, 2026",
    "September 14th, 2026",
    "Sep 14, 2026 10:31 AM",
    "Monday, 14 September 2026",
    "Mon 14 Sep 2026 10:31",
    "14-Sep-2026",
    "20260914",
    "2026.09.14",
    "46279",
    "46279.5",
]


@pytest.mark.parametrize("text", STYLES)
def test_a_style_that_tools_write_is_read(text):
    assert parse_date(text, "day_first") == dt.date(2026, 9, 14)


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-14 or so",
        "14/09/2026 maybe",
        "14/09-2026",
        "14 Septembre 2026",
        "2026-13-01",
        "30 February 2026",
        "14/09",
        "2026",
        "14:30",
        "2026-09-14 25",
        "1409026",
        "",
    ],
)
def test_what_is_no_date_is_none(text):
    assert parse_date(text, "day_first") is None


@settings(max_examples=150, deadline=None)
@given(
    st.dates(dt.date(2001, 1, 2), dt.date(2068, 12, 31)),
    st.sampled_from(["%d/%m/%Y", "%d.%m.%y", "%Y-%m-%d", "%d %B %Y", "%A, %d %b %Y", "%Y%m%d", "%B %d, %Y"]),
    st.sampled_from(["", " 10:31", " 10:31:00 am GMT+1", ", 23:59:59"]),
)
def test_any_day_comes_back_from_any_style(day, style, time):
    assert parse_date(day.strftime(style) + time, "day_first") == day


def dated(plan, text, **more):
    put(plan, "W2024", answers(seed=1).assign(interview_date=[text, *["03/05/2024"] * 59]), **more)
    return [(f.kind, f.row) for f in waves.check(plan, "W2024")]


@pytest.mark.parametrize("text", ["01/01/1980", "1900-01-01", "1 January 1970", "1899-12-30", "01/01/2000"])
def test_a_placeholder_is_not_the_day_of_an_interview(plan, text):
    assert dated(plan, text) == [("value", 2)]


@pytest.mark.parametrize(
    ("text", "fault"), [("03/05/2024", False), ("30/05/2022", True), ("01/08/2022", False), ("01/02/2025", True)]
)
def test_the_dates_of_a_wave_lie_after_the_earlier_waves_and_before_the_later_ones(tmp_path, text, fault):
    plan = make(tmp_path / "three")
    put(
        plan,
        "W2022",
        answers(seed=0, wave="W2022").assign(interview_date="05/06/2022"),
        start="2022-06-01",
        end="2022-07-01",
    )
    put(plan, "W2025", answers(seed=2).assign(interview_date="05/01/2025"), start="2025-01-01")
    assert dated(plan, text) == ([("date_out_of_order", 2)] if fault else [])


def test_blank_date_times_of_spss_are_blank(plan):
    import pyreadstat

    frame = answers(seed=1)
    frame["interview_date"] = [pd.NaT, *[pd.Timestamp("2024-05-03 13:30")] * 59]
    path = folder_of(plan, "W2024") / "a.sav"
    pyreadstat.write_sav(frame, path)
    describe(plan, "W2024", path, {c: c for c in frame})
    assert waves.check(plan, "W2024") == []
    taken = waves.take_in(plan, "W2024")
    assert taken.reasons["interview_date"].iloc[0] == -9
    assert taken.design["interview_date"].notna().sum() == 59


@pytest.mark.parametrize(
    ("order", "said", "read"),
    [
        ("", "05/03/2026", "2026-03-05"),
        ("month_first", "05/03/2026", "2026-05-03"),
        ("month_first", "05/14/2026", "2026-05-14"),
        ("", "05/14/2026", None),
        ("iso", "05/03/2026", None),
        ("", "01/01/1980", None),
        ("", "2026/03/05 10:31:00 am GMT+1", "2026-03-05"),
    ],
)
def test_a_register_states_the_order_of_its_dates(plan, order, said, read):
    folder = plan.root / "data_raw" / "registers"
    folder.mkdir()
    if order:
        (folder / "registers.toml").write_text(f'[history]\nfile = "history.csv"\ndate_order = "{order}"\n')
    (folder / "history.csv").write_bytes(csv_bytes([["history_id", "start", "what"], ["H1", said, "A thing happened"]]))
    found = [f for f in waves.check_registers(plan) if f.file == "history.csv"]
    if read:
        assert found == []
        assert waves.register(plan, "history")["start"].iloc[0] == pd.Timestamp(read)
    else:
        assert [(f.kind, f.column, f.row) for f in found] == [("value", "start", 2)]


@pytest.mark.parametrize(("days", "fault"), [("03/05/2024", False), ("01/03/2022", True), ("05/06/2022", False)])
def test_an_earlier_wave_that_does_not_say_when_it_was_held_began_with_its_first_answer(plan, days, fault):
    put(plan, "W2022", answers(seed=0, wave="W2022").assign(interview_date="05/06/2022"))
    put(plan, "W2024", answers(seed=1).assign(interview_date=days))
    found = waves.check(plan, "W2024")
    assert [f.kind for f in found] == (["date_out_of_order"] if fault else [])
    if fault:
        assert found[0].n == 60
