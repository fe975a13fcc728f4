"""A wave is taken in whole or refused with every fault at once; nobody is counted who should not be."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_study import AGREE, HEADINGS, answers, csv_bytes, describe, folder_of, headed, make, put, rows_of, xls, xlsx

from evaluation.errors import InputError, StudyError
from evaluation.intake import mapping, waves
from evaluation.intake.mapping import parse_date


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022", "W2024"))


def kinds(faults):
    return {(f.kind, f.column) for f in faults}


def changed(plan, more=None, **columns):
    """Put the second wave with some columns replaced, and return its faults."""
    put(plan, "W2024", answers(seed=1).assign(**columns), **(more or {}))
    return waves.check(plan, "W2024")


def first(name, value, seed=1):
    """Return a column of the answers with its first value replaced."""
    return [value, *answers(seed=seed)[name].tolist()[1:]]


# ---- layouts ------------------------------------------------------------------------------------------------------


def spss(path, frame):
    import pyreadstat

    codes = frame.copy()
    codes["conf_overall"] = [AGREE.index(w) + 1.0 if w in AGREE else -7.0 for w in frame["conf_overall"]]
    labels = {"conf_overall": {float(i + 1): w for i, w in enumerate(AGREE)} | {-7.0: "Prefer not to say"}}
    pyreadstat.write_sav(codes, path, variable_value_labels=labels, missing_ranges={"conf_overall": [-7.0]})


def test_the_same_answers_come_in_from_every_layout(plan):
    frame = answers(seed=1).assign(conf_overall=first("conf_overall", "Prefer not to say"))
    rows, folder, columns = rows_of(headed(frame)), folder_of(plan, "W2024"), {HEADINGS.get(c, c): c for c in frame}
    titled = [["Export", *[""] * (len(rows[0]) - 1)], [""] * len(rows[0]), *rows]
    layouts = [
        ("a.csv", lambda p: p.write_bytes(csv_bytes(rows)), columns, {}),
        ("b.csv", lambda p: p.write_bytes(csv_bytes(rows, ";", "utf-16")), columns, {}),
        ("c.tsv", lambda p: p.write_bytes(csv_bytes(rows, "\t", "utf-8-sig")), columns, {}),
        ("d.csv", lambda p: p.write_bytes(csv_bytes([["Export"], *rows])), columns, {"header_row": 2}),
        ("e.xlsx", lambda p: xlsx(p, {"Notes": [["x"]], "Raw": titled}), columns, {"header_row": 3, "sheet": "Raw"}),
        ("f.xls", lambda p: xls(p, rows), columns, {}),
        ("g.sav", lambda p: spss(p, frame), dict(zip(frame, frame, strict=True)), {}),
    ]
    taken = []
    for name, write, names, more in layouts:
        write(folder / name)
        describe(plan, "W2024", folder / name, names, **more)
        taken.append(waves.take_in(plan, "W2024"))
    assert len(taken[0].design) == 60
    assert taken[0].reasons["conf_overall"].iloc[0] == -7
    for other in taken[1:]:
        pd.testing.assert_frame_equal(other.design, taken[0].design)
        pd.testing.assert_frame_equal(other.outcomes, taken[0].outcomes)
        pd.testing.assert_frame_equal(other.reasons, taken[0].reasons)


def test_ticks_in_columns_and_ticks_in_one_column_are_the_same_answers(plan):
    whole = waves.take_in(plan, "W2024").outcomes
    ticks = [c for c in whole if c.startswith("contact_12m")]
    frame = answers(seed=1)
    said = frame.pop("contact_12m")
    marks = {"none": "None", "victim": "Victim", "witness": "Witness"}
    for level, word in marks.items():
        frame[f"contact_12m.{level}"] = [word if word in s.split(";") else "0" for s in said]
    put(plan, "W2024", frame)
    pd.testing.assert_frame_equal(waves.take_in(plan, "W2024").outcomes[ticks], whole[ticks])
    put(
        plan,
        "W2024",
        answers(seed=1).assign(contact_12m=said.str.replace(";", " / ")),
        multi={"contact_12m": {"delimiter": "/"}},
    )
    pd.testing.assert_frame_equal(waves.take_in(plan, "W2024").outcomes[ticks], whole[ticks])


def test_labels_decide_and_a_number_alone_never_does(plan):
    codes = [str(AGREE.index(w) + 1) for w in answers(seed=1)["conf_overall"]]
    assert ("unmapped_label", "conf_overall") in kinds(changed(plan, conf_overall=codes))
    reverse = {str(i + 1): str(5 - i) for i in range(5)}
    assert changed(plan, {"labels": {"conf_overall": reverse}}, conf_overall=codes)[0].kind == "reversed_item"
    straight = {str(i + 1): str(i + 1) for i in range(5)}
    assert changed(plan, {"labels": {"conf_overall": straight}}, conf_overall=codes) == []
    assert changed(plan, {"labels": {"conf_overall": {**straight, "-9": "-7"}}}, conf_overall=["-9", *codes[1:]]) == []
    assert waves.take_in(plan, "W2024").reasons["conf_overall"].iloc[0] == -7


def test_numbers_that_nothing_explains_are_one_fault_of_their_column(plan):
    codes = [f"{AGREE.index(w) + 1}.0" for w in answers(seed=1)["conf_overall"]]
    faults = changed(plan, conf_overall=codes)
    assert [(f.kind, f.column, f.n) for f in faults] == [("unmapped_label", "conf_overall", 60)]
    assert "1.0, 2.0, 3.0" in faults[0].what
    assert "[bands.conf_overall]" in faults[0].todo


def test_7_and_7_point_0_are_one_label_and_0001_is_not_1(plan):
    codes = [f"{AGREE.index(w) + 1}.0" for w in answers(seed=1)["conf_overall"]]
    straight = {str(i + 1): str(i + 1) for i in range(5)}
    assert changed(plan, {"labels": {"conf_overall": straight}}, conf_overall=codes) == []
    assert mapping.normal("7.0") == mapping.normal("7")
    assert mapping.normal("0001") == "0001"
    assert mapping.normal("7.5") == "7.5"


def test_a_number_that_somebody_typed_is_not_shown(plan):
    faults = changed(plan, area=first("area", "07700900461"))
    assert "07700900461" not in waves.fault_table(faults)
    faults = changed(plan, area=first("area", "94"))
    assert "94" not in faults[0].what, "one person gave it"


def test_a_code_under_0_is_not_cut_into_the_lowest_level(plan):
    bands = {
        "age_band": {
            "cuts": [18, 25, 35, 50, 65, 75],
            "levels": ["16_17", "18_24", "25_34", "35_49", "50_64", "65_74", "75_plus"],
        }
    }
    ages = ["-9", *(str(20 + i) for i in range(59))]
    assert kinds(changed(plan, {"bands": bands}, age_band=ages)) == {("unmapped_label", HEADINGS["age_band"])}
    more = {"bands": bands, "labels": {"age_band": {"-9": "-7"}}}
    assert changed(plan, more, age_band=ages) == []
    assert waves.take_in(plan, "W2024").reasons["age_band"].iloc[0] == -7


def test_the_map_may_not_invent_a_level(plan):
    faults = changed(plan, {"labels": {"sex": {"Female": "woman"}}})
    assert kinds(faults) == {("unknown_level", "sex")}


def test_a_number_can_be_banded_and_rows_can_number_people(plan):
    frame = answers(seed=1).drop(columns="resp_id").assign(age_band=[str(17 + i) for i in range(60)])
    bands = {
        "age_band": {
            "cuts": [18, 25, 35, 50, 65, 75],
            "levels": ["16_17", "18_24", "25_34", "35_49", "50_64", "65_74", "75_plus"],
        }
    }
    put(plan, "W2024", frame, columns={"#row": "resp_id"}, bands=bands)
    design = waves.take_in(plan, "W2024").design
    assert list(design.index[:2]) == ["W2024-0001", "W2024-0002"]
    assert list(design["age_band"].iloc[[0, 1, 7, 8, 59]]) == ["16_17", "18_24", "18_24", "25_34", "75_plus"]
    assert list(design["age5"].iloc[[0, 59]]) == ["16_24", "65_plus"]


def test_the_finer_ethnic_group_makes_the_coarser_one_and_they_may_not_disagree(plan):
    fine = ["Black, Black British, Black Welsh, Caribbean or African: African", "White: Irish"] * 30
    frame = answers(seed=1).drop(columns="ethnic5").assign(ethnic_group=fine)
    put(plan, "W2024", frame)
    design = waves.take_in(plan, "W2024").design
    assert list(design["ethnic5"].iloc[:2]) == ["black", "white"]
    assert list(design["focus"].iloc[:2]) == ["black", "other"]
    faults = changed(plan, ethnic_group=fine, ethnic5=["Asian"] * 60)
    assert kinds(faults) == {("contradiction", "ethnic5")}
    assert faults[0].n == 60


# ---- faults -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"area": first("area", "Leicster")}, ("unmapped_label", "area")),
        ({"years_in_llr": first("years_in_llr", "many")}, ("value", "years_in_llr")),
        ({"years_in_llr": first("years_in_llr", "-9")}, ("value", "years_in_llr")),
        ({"years_in_llr": first("years_in_llr", "1.5")}, ("value", "years_in_llr")),
        ({"lpact_n": first("lpact_n", "61")}, ("value", "lpact_n")),
        ({"interview_date": first("interview_date", "31/02/2024")}, ("value", HEADINGS["interview_date"])),
        (
            {"lpact_n": [*answers(seed=1)["lpact_n"][:1], "3", *answers(seed=1)["lpact_n"][2:]]},
            ("impossible_routing", "lpact_n"),
        ),
        ({"resp_id": first("resp_id", "0002")}, ("duplicate_respondent", "resp_id")),
        ({"resp_id": first("resp_id", "")}, ("missing_id", "resp_id")),
        ({"session_id": first("session_id", "jo@example.org")}, ("identifier", "session_id")),
        ({"session_id": first("session_id", "LE2 7AB")}, ("identifier", "session_id")),
        ({"session_id": first("session_id", "07700 900123")}, ("identifier", "session_id")),
        ({"Mystery": ["x"] * 60}, ("unknown_column", "Mystery")),
        (
            {
                name: ["Tend to agree"] * 60
                for name in [
                    "trust_respect",
                    "trust_protect",
                    "trust_involve",
                    "trust_represent",
                    "trust_fair",
                    "trust_listen",
                ]
            },
            ("straight_lining", ""),
        ),
        (
            {"trust_fair": [AGREE[4 - AGREE.index(w)] for w in answers(seed=1)["trust_fair"]]},
            ("reversed_item", "trust_fair"),
        ),
    ],
)
def test_each_fault_is_found_where_it_stands(plan, columns, expected):
    frame = answers(seed=1).assign(**columns)
    known = {HEADINGS.get(c, c): c for c in frame if c != "Mystery"}
    path = put(plan, "W2024", frame)
    describe(plan, "W2024", path, known)
    assert expected in {
        (f.kind, f.column) if f.kind != "missing_id" else (f.kind, "resp_id") for f in waves.check(plan, "W2024")
    }
    with pytest.raises(InputError):
        waves.take_in(plan, "W2024")


def test_a_fault_says_file_row_column_respondent_nearest_and_what_to_do(plan):
    fault = changed(plan, area=["Leicester", "Leicster", *answers(seed=1)["area"][2:]])[0]
    line = fault.line()
    assert (fault.row, fault.who, fault.n) == (3, "0002", 1)
    for part in ("export.csv", "row 3", "area", "respondent 0002", "'Leicster'", "Nearest: Leicester", "Map it"):
        assert part in line


def test_every_fault_is_listed_at_once_and_the_like_are_counted(plan):
    faults = changed(plan, area=["Leicster"] * 60, sex=["F"] * 60, resp_id=["0001"] * 60)
    assert {k for k, _ in kinds(faults)} == {"unmapped_label", "duplicate_respondent"}
    table = waves.fault_table(faults)
    assert "rows 2, 3, 4, 5, 6 and 55 more" in table
    assert table.startswith("3 faults found")


@pytest.mark.parametrize(
    ("more", "drop", "expected"),
    [
        ({"columns": {"Gone": "religion"}}, (), ("missing_column", "Gone")),
        ({"columns": {"sex": "sexx"}}, (), ("unknown_variable", "sex")),
        ({"columns": {"sex": "age_band"}}, (), ("doubled_column", "Q1. How old are you? and sex")),
        ({"columns": {"contact_12m": "contact_12m.victm"}}, (), ("unknown_variable", "contact_12m")),
        ({"not_asked": {"sexx": "no"}}, (), ("unknown_variable", "sexx")),
        ({"not_asked": {"sex": "no"}}, (), ("contradiction", "sex")),
        ({"not_asked": {"iag_n": "SAY WHY"}}, (), ("reason_unstated", "iag_n")),
        ({"wording": {}}, (), ("wording_unstated", "conf_overall")),
        ({"confirmed": False}, (), ("unconfirmed", "")),
        ({"sha256": "0" * 64}, (), ("export_changed", "")),
        ({}, ("education",), ("missing_column", "education")),
        ({"start": "2024-06-01", "end": "2024-07-01"}, (), ("date_outside_fieldwork", "interview_date")),
        ({"attendance_asked": False}, (), ("attendance_not_asked", "lpact_attended")),
        ({"waivers": [{"fault": "unknown_column", "reason": "x"}]}, (), ("bad_waiver", "")),
    ],
)
def test_faults_of_the_map(plan, more, drop, expected):
    put(plan, "W2024", answers(seed=1).drop(columns=list(drop)), **more)
    assert expected in kinds(waves.check(plan, "W2024"))


def test_too_few_answers_is_a_fault_that_may_be_waived(plan):
    put(plan, "W2024", answers(40, seed=1))
    assert kinds(waves.check(plan, "W2024")) == {("too_few_answers", "")}
    put(plan, "W2024", answers(40, seed=1), waivers=[{"fault": "too_few_answers", "where": "", "reason": "a pilot"}])
    taken = waves.take_in(plan, "W2024")
    assert [f.kind for f in taken.faults] == ["too_few_answers"]
    assert taken.meta.waivers[0].reason == "a pilot"


def test_a_draft_passes_what_may_be_waived_and_nothing_else(plan):
    put(plan, "W2024", answers(40, seed=1))
    assert [f.kind for f in waves.take_in(plan, "W2024", draft=True).faults] == ["too_few_answers"]
    put(plan, "W2024", answers(40, seed=1), confirmed=False)
    with pytest.raises(InputError, match="confirmed"):
        waves.take_in(plan, "W2024", draft=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wave = ", "not valid TOML"),
        ('wave = "W2024"\nlabel = "x"', "'file' is missing"),
        ('wave = "W2025"\nlabel = "x"\nfile = "a.csv"', "stands in the folder"),
        ('wave = "W2024"\nlabel = "x"\nfile = "../../a.csv"', "without folders"),
        ('wave = "W2024"\nlabel = "x"\nfile = "a.csv"\nheadr_row = 2', "did you mean 'header_row'"),
        ('wave = "W2024"\nlabel = "x"\nfile = "a.csv"\nheader_row = 0', "whole number"),
        ('wave = "W2024"\nlabel = "x"\nfile = "a.csv"\norigin = "made"', "'real' or 'synthetic'"),
        ('wave = "W2024"\nlabel = "x"\nfile = "a.csv"\ndate_order = "dmy"', "date_order"),
        ('wave = "W2024"\nlabel = "x"\nfile = "a.csv"\nstart = "May"', "start is a date"),
        ('wave = "W2024"\nlabel = "x"\nfile = "a.csv"\nstart = 2024-05-02\nend = 2024-05-01', "ends before"),
        ('wave = "W2024"\nlabel = "x"\nfile = "a.csv"\nattendance_asked = "yes"', "true or false"),
        ('wave = "W2024"\nlabel = "x"\nfile = "a.csv"\ncolumns = "all"', "a table"),
        ('wave = "W2024"\nlabel = "x"\nfile = "a.csv"\n[columns]\na = 1', "one name in quotes"),
        ('wave = "W2024"\nlabel = "x"\nfile = "a.csv"\n[labels]\na = 1', "label = code"),
        ('wave = "W2024"\nlabel = "x"\nfile = "a.csv"\n[wording]\na = "alike"', "wording.a"),
        ('wave = "W2024"\nlabel = "x"\nfile = "a.csv"\n[bands.a]\ncuts = [1]\nlevels = ["x"]', "one level more"),
        (
            'wave = "W2024"\nlabel = "x"\nfile = "a.csv"\n[bands.a]\ncuts = [2, 1]\nlevels = ["x", "y", "z"]',
            "each above",
        ),
        ('wave = "W2024"\nlabel = "x"\nfile = "a.csv"\n[[waivers]]\nfault = "x"', "a reason"),
    ],
)
def test_a_wave_file_is_checked_whole(plan, text, message):
    (folder_of(plan, "W2024") / "wave.toml").write_text(text, "utf-8")
    with pytest.raises(StudyError, match=message):
        waves.info(plan, "W2024")
    assert [f.kind for f in waves.check(plan, "W2024")] == ["unreadable"]


@pytest.mark.parametrize("name", ["../W2022", "W2024/../W2022", "", "w2024", "W2024;rm"])
def test_a_wave_cannot_leave_its_folder(plan, name):
    with pytest.raises(StudyError):
        waves.info(plan, name)


# ---- who is in ----------------------------------------------------------------------------------------------------


def test_the_ledger_names_every_step_and_everybody_it_left_out(plan):
    frame = answers(80, seed=1)
    frame.loc[0, "consent_analysis"] = "No"
    frame.loc[1, "consent_analysis"] = ""
    frame.loc[2, "works_for_police"] = "Yes"
    frame.loc[3, "area"] = "Lives outside Leicester, Leicestershire and Rutland"
    frame.loc[4, "age_band"] = "Under 16"
    put(plan, "W2024", frame)
    (plan.root / "data_raw" / "withdrawn.csv").write_text("wave,resp_id\nW2024,6\nW2022,0001\n")
    taken = waves.take_in(plan, "W2024")
    assert list(taken.ledger["n_out"]) == [0, 1, 2, 1, 1, 1]
    assert list(taken.ledger["n_left"]) == [80, 79, 77, 76, 75, 74]
    assert not set(taken.design.index) & {f"W2024-{i:04d}" for i in range(1, 7)}
    assert taken.design.index.equals(taken.outcomes.index)
    assert taken.design.index.equals(taken.reasons.index)


def test_a_withdrawal_that_finds_nobody_is_said(plan):
    (plan.root / "data_raw" / "withdrawn.csv").write_text("wave,resp_id\nW2024,7777\n")
    assert kinds(waves.check(plan, "W2024")) == {("withdrawn_unknown", "resp_id")}
    (plan.root / "data_raw" / "withdrawn.csv").write_text("who\nW2024\n")
    assert "lacks" in waves.check(plan, "W2024")[0].what


def test_reasons_stay_apart_and_not_asked_never_becomes_no(plan):
    frame = answers(seed=1)
    for place, word in enumerate(["", "Don't know", "Prefer not to say", "Not applicable"]):
        frame.loc[place, "satis_overall"] = word
    put(plan, "W2024", frame)
    taken = waves.take_in(plan, "W2024")
    assert list(taken.reasons["satis_overall"].iloc[:4]) == [-9, -8, -7, -6]
    assert taken.outcomes["satis_overall"].iloc[:4].isna().all()
    early = waves.take_in(plan, "W2022")
    assert (early.reasons["lpact_attended"] == -5).all()
    assert early.design["lpact_attended"].isna().all()
    assert early.design["lpact_role.organiser"].isna().all()
    routed = taken.reasons.loc[taken.design["lpact_attended"] == "yes", "why_not"]
    assert (routed == -6).all()


def test_roles_decide_the_file_and_direct_columns_are_in_neither(plan):
    taken = waves.take_in(plan, "W2024")
    book = plan.codebook
    roles = {c: book.role(c.split(".")[0]) for c in taken.design if c.split(".")[0] in book.names() and c != "wave"}
    assert set(roles.values()) == {"design", "treatment", "collection"}
    assert {book.role(c.split(".")[0]) for c in taken.outcomes} == {"outcome", "mediator", "control"}
    both = {*taken.design, *taken.outcomes}
    assert not both & {n for n in book.names() if book.variable(n).sens == "direct" or book.variable(n).type == "text"}


def test_types_of_the_stages(plan):
    taken = waves.take_in(plan, "W2024")
    kinds_of = {c: str(t) for frame in (taken.design, taken.outcomes) for c, t in frame.dtypes.items()}
    assert kinds_of["conf_overall"] == kinds_of["years_in_llr"] == "Int64"
    assert kinds_of["sex"] == "str"
    assert kinds_of["lpact_role.attendee"] == "boolean"
    assert kinds_of["interview_date"] == "datetime64[ns]"
    assert set(taken.design["interview_date"].dt.day) == {1}
    assert kinds_of["base_wt"] == "Float64"


# ---- dates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "order", "iso"),
    [
        ("03/05/2024", "day_first", "2024-05-03"),
        ("03/05/2024", "month_first", "2024-03-05"),
        ("2024-05-03", "day_first", "2024-05-03"),
        ("2024-05-03T10:11:12", "iso", "2024-05-03"),
        ("03/05/2024", "iso", None),
        ("13/05/2024", "month_first", None),
        ("05/13/2024", "mixed", "2024-05-13"),
        ("13/05/2024", "mixed", "2024-05-13"),
        ("05/06/2024", "mixed", "2024-06-05"),
        ("3 May 2024", "iso", "2024-05-03"),
        ("May 2024", "day_first", "2024-05-01"),
        ("2024-05", "iso", "2024-05-01"),
        ("45415", "day_first", "2024-05-03"),
        ("03/05/24 14:30", "day_first", "2024-05-03"),
        ("99999", "day_first", None),
        ("31/02/2024", "mixed", None),
        ("next week", "mixed", None),
        ("3-May-24", "iso", "2024-05-03"),
        ("05/2024", "day_first", "2024-05-01"),
    ],
)
def test_dates_are_read_as_the_wave_says(text, order, iso):
    found = parse_date(text, order)
    assert (found.isoformat() if found else None) == iso


# ---- any export ---------------------------------------------------------------------------------------------------

LABEL = st.text(st.characters(min_codepoint=32, max_codepoint=0x17E), max_size=30)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(label=LABEL, column=st.sampled_from(["area", "conf_overall", "contact_12m", "years_in_llr", "interview_date"]))
def test_whatever_stands_in_one_cell_the_other_answers_come_in_or_a_fault_names_the_row(plan, label, column):
    found = changed(plan, **{column: first(column, label)})
    assert all(f.column in (column, HEADINGS.get(column)) or f.kind == "unreadable" for f in found)
    if not found:
        taken = waves.take_in(plan, "W2024")
        assert len(taken.design) == 60
        reasons, held = taken.reasons[column], (taken.outcomes if column in taken.outcomes else taken.design)[column]
        assert ((reasons == 0) == held.notna()).all()
    elif found[0].kind != "unreadable":
        assert found[0].row == 2


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(60)), columns=st.permutations(list(answers(3))))
def test_the_order_of_rows_and_columns_changes_nothing_but_the_order(plan, order, columns):
    put(plan, "W2024", answers(seed=1))
    before = waves.take_in(plan, "W2024")
    put(plan, "W2024", answers(seed=1).iloc[list(order)][list(columns)])
    after = waves.take_in(plan, "W2024")
    pd.testing.assert_frame_equal(after.design.loc[before.design.index], before.design)
    pd.testing.assert_frame_equal(after.outcomes.loc[before.design.index], before.outcomes)


def test_three_waves_are_taken_in(tmp_path):
    plan = make(tmp_path / "three", n=400)
    taken = waves.take_in_all(plan, "W2025")
    assert [len(t.design) for t in taken] == [400, 400, 400]


@pytest.mark.slow
def test_200000_rows_of_70_columns_are_checked_within_a_gibibyte(tmp_path):
    import subprocess
    import sys

    plan = make(tmp_path / "big", waves=("W2022",))
    block = answers(2000, seed=1)
    big = pd.concat([block] * 100, ignore_index=True)
    big["resp_id"] = np.arange(len(big)).astype(str)
    big["link_code"] = [f"AB{i}" for i in range(len(big))]
    extra = {f"Extra {k}": "some words as typed" for k in range(70 - big.shape[1])}
    path = folder_of(plan, "W2024") / "export.csv"
    headed(big).assign(**extra).to_csv(path, index=False)
    describe(plan, "W2024", path, {HEADINGS.get(c, c): c for c in big}, ignore=dict.fromkeys(extra, "timings"))
    script = (
        "import sys,resource;from evaluation.plan import study;from evaluation.intake import waves;"
        "f=waves.check(study.load(sys.argv[1]),'W2024');"
        "print(len(f),resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(plan.root / "study.toml")], capture_output=True, text=True, check=True
    )
    n, kilobytes = (float(x) for x in done.stdout.split())
    assert n == 0
    assert kilobytes < 1024**2
