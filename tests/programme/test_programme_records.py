"""Published stop and search records: the layout read, nothing dropped, repeats counted, and what is refused."""

import io

import numpy as np
import pandas as pd
import pytest
from intake_study import ROOT

from evaluation import disclosure
from evaluation.analysis.programme import stop_search_ratios
from evaluation.errors import InputError
from evaluation.intake import stop_search_records, waves
from evaluation.plan import study
from evaluation.statistics import disparity
from evaluation.synthetic import stops as made_up

HEAD = made_up.HEAD
BLACK = "Black/African/Caribbean/Black British - African"
WHITE = "White - English/Welsh/Scottish/Northern Irish/British"
UNSTATED = "Other ethnic group - Not stated"


def line(own, officer, *, when="2020-01-05T10:00:00+00:00", at="52.6,-1.1", law="Law A", outcome="Arrest", linked=""):
    return f"Person search,{when},,,{at},Male,18-24,{own},{officer},{law},Controlled drugs,{outcome},{linked},False\n"


def records(folder, *lines, name="2020-01.csv", head=HEAD):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(head + "".join(lines), "utf-8")
    return stop_search_records.files_of(folder)


def counts(files):
    frame, faults = stop_search_records.summarise(files)
    assert faults == []
    return frame


def test_the_published_labels_are_read_and_not_stated_is_a_value(tmp_path):
    frame = counts(
        records(
            tmp_path,
            line(BLACK, "Black"),
            line(WHITE, "White", at="52.7,-1.1"),
            line(UNSTATED, "Black", at="52.8,-1.1"),
            line("", "", at="52.9,-1.1"),
            line("W9", "white", at="52.5,-1.1"),
            line("B1", "Other", at="52.4,-1.1"),
        )
    )
    cells = {(r.ethnicity, r.officer): (r.searches, r.self_blank) for r in frame.itertuples()}
    assert cells == {
        ("B2", "black"): (1, 0),
        ("W1", "white"): (1, 0),
        ("NS", "black"): (1, 0),
        ("NS", "blank"): (1, 1),
        ("W9", "white"): (1, 0),
        ("B1", "other"): (1, 0),
    }
    assert set(frame["area"]) == {"force"}
    assert set(frame["basis"]) == {"cross"}


def test_every_published_label_has_a_code():
    heads = {
        "w": "White",
        "m": "Mixed/Multiple ethnic groups",
        "a": "Asian/Asian British",
        "b": "Black/African/Caribbean/Black British",
        "o": "Other ethnic group",
    }
    for letter, tails in stop_search_records.TAILS.items():
        for tail, code in tails.items():
            assert stop_search_records.self_defined(f"{heads[letter]} - {tail.title()}") == code
    assert stop_search_records.self_defined("White - Martian") is None
    assert stop_search_records.officer_defined("Purple") is None


def test_repeats_are_kept_and_counted(tmp_path):
    frame = counts(
        records(
            tmp_path,
            line(BLACK, "Black"),
            line(BLACK, "Black"),
            line(WHITE, "White"),
            line(WHITE, "White", law="Law B"),
            line(WHITE, "White", when="2020-01-05T10:01:00+00:00"),
            line(WHITE, "White", at="52.61,-1.1"),
        )
    )
    assert frame["searches"].sum() == 6
    by = frame.set_index("ethnicity")
    assert by.loc["B2", ["repeats", "identical"]].tolist() == [1, 1]
    assert by.loc["W1", ["repeats", "identical"]].tolist() == [
        1,
        0,
    ]  # same time, place and law as the first, another person


def test_outcomes_a_blank_one_and_its_link(tmp_path):
    frame = counts(
        records(
            tmp_path,
            line(WHITE, "White", outcome="A no further action disposal", linked="True"),
            line(WHITE, "White", outcome="", at="52.7,-1"),
            line(WHITE, "White", at="52.8,-1", linked="False"),
        )
    )
    assert (frame["nfa"].sum(), frame["outcomes_linked"].sum()) == (2, 1)
    blank = counts(records(tmp_path / "b", line(WHITE, "White")))
    assert "outcomes_linked" not in blank


def test_the_names_of_the_public_interface_are_read_too(tmp_path):
    frame = pd.read_csv(io.StringIO(HEAD + line(BLACK, "Black")))
    frame.columns = [
        "type",
        "datetime",
        "p",
        "q",
        "latitude",
        "longitude",
        "gender",
        "age_range",
        "self_defined_ethnicity",
        "officer_defined_ethnicity",
        "legislation",
        "object_of_search",
        "outcome",
        "outcome_linked_to_object_of_search",
        "removal_of_more_than_outer_clothing",
    ]
    frame.to_csv(tmp_path / "api.csv", index=False, encoding="utf-8-sig")
    assert counts(stop_search_records.files_of(tmp_path))["searches"].tolist() == [1]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([line("White - Englsh", "White")], "White - Englsh"),
        ([line(WHITE, "Whyte")], "Whyte"),
        ([line(WHITE, "White", when="05/01/2020 10:00")], "year and a month"),
        ([line(WHITE, "White"), "cut,short\n"], "do not have the columns"),
    ],
)
def test_what_cannot_be_counted_is_said_with_what_to_do(tmp_path, lines, words):
    frame, faults = stop_search_records.summarise(records(tmp_path, *lines))
    assert frame.empty
    assert any(words in f.line() for f in faults)
    assert all(f.todo for f in faults)


def test_a_file_without_its_columns_or_not_in_utf8_is_refused(tmp_path):
    _, faults = stop_search_records.summarise(
        records(tmp_path, head=HEAD.replace("Self-defined ethnicity", "Self-defined ethnicty"))
    )
    assert faults[0].near == "Self-defined ethnicty"
    (tmp_path / "2020-01.csv").write_bytes(b"Date,\xff\n")
    assert "cannot be read" in stop_search_records.summarise(stop_search_records.files_of(tmp_path))[1][0].what
    records(tmp_path)
    assert "no file has a record" in stop_search_records.summarise(stop_search_records.files_of(tmp_path))[1][0].what


def test_a_month_given_twice_is_refused(tmp_path):
    made_up.write(tmp_path, 4000, 8, seed=5)
    (tmp_path / "again.csv").write_bytes((tmp_path / "2015-03.csv").read_bytes())
    (fault,) = stop_search_records.summarise(stop_search_records.files_of(tmp_path))[1]
    assert fault.file == "again.csv"
    assert fault.what.startswith("100 per cent")
    (tmp_path / "again.csv").write_text(
        HEAD + line(WHITE, "White") * 4, "utf-8"
    )  # four like records in one file may be
    assert counts(stop_search_records.files_of(tmp_path))["searches"].sum() == 4004


def test_counts_agree_with_counting_the_rows_one_by_one(tmp_path):
    made_up.write(tmp_path, 6000, 3, seed=8)
    frame = counts(stop_search_records.files_of(tmp_path))
    rows = pd.concat([pd.read_csv(p, keep_default_na=False) for p in stop_search_records.files_of(tmp_path)])
    month, own = rows["Date"].str[:7], rows["Self-defined ethnicity"].map(stop_search_records.self_defined)
    officer = rows["Officer-defined ethnicity"].map(stop_search_records.officer_defined)
    expected = rows.groupby([month.rename("period"), own.rename("ethnicity"), officer.rename("officer")]).size()
    assert frame.set_index(["period", "ethnicity", "officer"])["searches"].astype(int).to_dict() == expected.to_dict()
    assert frame["nfa"].sum() == rows["Outcome"].isin(["", "A no further action disposal"]).sum()
    assert frame["repeats"].sum() == rows.duplicated(["Date", "Latitude", "Longitude", "Legislation"]).sum()


# ---- in a study -------------------------------------------------------------------------------------------------


@pytest.fixture
def counted(tmp_path):
    made_up.write(tmp_path, 6000, 12, seed=8)
    return counts(stop_search_records.files_of(tmp_path))


def test_records_serve_the_same_exhibits_as_counts(counted):
    plan = study.load(ROOT / "study.toml")
    wave = plan.waves[-1]
    made = stop_search_ratios.stops(plan, wave, {"stop_search": counted}, waves.margins(plan))
    disclosure.protect(made, plan.disclosure)
    found = {i.result.id.split(".")[1] + "." + i.result.id.split(".")[2]: i.result for e in made for i in e.items}
    assert found["n.all"].n == 6000
    assert found["repeats.all"].n == counted["repeats"].sum()
    assert "ratio.dispersion_found" in found  # twelve months: the dispersion is learnt
    assert plan.population.title in made[0].source
    kept = counted.assign(group=counted["ethnicity"].str[:1].map({"B": "black", "W": "white"}))
    pair = kept[kept["group"].notna()].groupby("group")[["searches", "repeats"]].sum().astype(int)
    people = waves.margins(plan)["ethnic5_area2"].groupby(level=0).sum()
    once = disparity.rate_ratio(pair["searches"] - pair["repeats"], people, group="black", comparator="white")[0]
    assert found["ratio.counted_once"].value == pytest.approx(once.value)


def test_a_folder_of_records_stands_for_the_register(tmp_path):
    import shutil

    for part in ("study.toml", "data_raw/codebook.yaml", "data_raw/population/margins.csv"):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / part, tmp_path / part)
    plan = study.load(tmp_path / "study.toml")
    assert waves.register(plan, "stop_search") is None
    folder = tmp_path / "data_raw" / "registers" / "stop_search"
    folder.mkdir(parents=True)
    made_up.write(folder, 2000, 2, seed=8)
    assert waves.register(plan, "stop_search")["searches"].sum() == 2000
    records(folder, line("White - Englsh", "White"), name="bad.csv")
    with pytest.raises(InputError, match="Englsh"):
        waves.register(plan, "stop_search")


def test_the_share_not_stated_has_its_funnel_and_the_year_its_change(counted):
    plan = study.load(ROOT / "study.toml")
    wave = plan.waves[-1]
    two = pd.concat([counted, counted.assign(period=counted["period"].str.replace("2015", "2016"))], ignore_index=True)
    two["searches"] = two["searches"] * np.where(two["period"] == "2016-12", 4, 1)
    made = {e.id: e for e in stop_search_ratios.stops(plan, wave, {"stop_search": two}, waves.margins(plan))}
    rows = {i.row: i.result for i in made["stops.funnel"].items if i.column == "Share not stated"}
    assert len(rows) == 24
    here = two[two["period"] == "2015-03"]
    share = here.loc[here["ethnicity"] == "NS", "searches"].sum() / here["searches"].sum()
    assert rows["March 2015"].value == pytest.approx(100 * share)
    change = [i for i in made["stops.months"].items if i.row == "December 2016 against December 2015"]
    assert change[0].result.value == pytest.approx(300)
    assert change[1].result.text == "outside expected variation"
