"""A register that is named is read, one that is like a name is a fault, and what the codebook states of it is held."""

import shutil

import pytest
from intake_study import ROOT, make

from evaluation.intake import waves
from evaluation.plan import study

FOLDER = ROOT / "data_raw" / "registers"
EVENTS = "event_id,event_date,area,venue_type,focus_community,focus_age,n_public,n_public_method,n_officers,"
PERSON = "Ms Ayesha Testperson"


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    made = make(tmp_path / "study", waves=("W2022", "W2024"))
    shutil.copytree(FOLDER, made.root / "data_raw" / "registers")
    (made.root / "data_raw" / "registers" / "registers.toml").unlink()
    shutil.copytree(ROOT / "data_raw" / "population", made.root / "data_raw" / "population")
    return made


def place(plan, name=""):
    return plan.root / "data_raw" / "registers" / name


def faults(plan):
    found = [f for f in waves.check_registers(plan) if f.kind != "mixed_origin"]
    assert not any(PERSON in f.line() for f in found)
    return [(f.kind, f.file, f.column) for f in found]


def changed(plan, name, old, new, count=1):
    path = place(plan, name)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), "utf-8")


def test_the_shipped_registers_have_no_fault():
    assert waves.check_registers(study.load(ROOT / "study.toml")) == []


@pytest.mark.parametrize(
    "name",
    ["event.csv", "Events.CSV", "EVENTS.csv", "events.tsv", "events .csv", "events.xls", "events.ods", "eventz.csv"],
)
def test_a_file_that_is_only_like_a_register_is_a_fault(plan, name):
    place(plan, "events.csv").rename(place(plan, name))
    place(plan, "attendance.csv").unlink()  # what refers to the events is another test's
    assert ("unread_register", name, "") in faults(plan)


@pytest.mark.parametrize(
    "name", ["events.xlsx", "events.tsv", "event.csv", "Events.csv", "events (1).csv", "events_old.csv"]
)
def test_a_second_file_of_a_register_is_a_fault(plan, name):
    shutil.copy(place(plan, "events.csv"), place(plan, name))
    assert [f[:2] for f in faults(plan)] == [("two_registers", name)]


@pytest.mark.parametrize("name", ["README.md", "notes.txt", ".DS_Store", "~$events.xlsx", "how we count.docx"])
def test_a_note_beside_the_registers_is_no_register(plan, name):
    place(plan, name).write_text("Counted by hand.", "utf-8")
    assert faults(plan) == []


def test_a_folder_of_records_beside_the_counts_is_a_fault(plan):
    place(plan, "stop_search").mkdir()
    place(plan, "stop_search/2020-01-x-stop-and-search.csv").write_text("Type,Date\n", "utf-8")
    assert faults(plan) == [("two_registers", "stop_search", "")]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('[events]\nfile = "events 2026.csv"\n', "missing_register"),
        ('[event]\nfile = "events.csv"\n', "unknown_register"),
        ('[events]\nfiles = "events.csv"\n', "unknown_key"),
        ('[events]\norigin = "invented"\n', "unknown_key"),
        ('[events]\ndate_order = "dmy"\n', "unknown_key"),
    ],
)
def test_an_entry_of_registers_toml_that_names_nothing_is_a_fault(plan, text, kind):
    place(plan, "registers.toml").write_text(text, "utf-8")
    assert kind in {f[0] for f in faults(plan)}


@pytest.mark.parametrize(
    ("file", "old", "new", "kind", "column"),
    [
        ("attendance.csv", "E01,001,", "E99,001,", "unknown_reference", "event_id"),
        ("feedback.csv", "C0001,E01,", "C0001,E1,", "unknown_reference", "event_id"),
        ("actions.csv", "A001,iag,E01,", "A001,iag,M99,", "unknown_reference", "raised_ref"),
        ("actions.csv", ",2022-10-05,", ",2022-10-04,", "date_out_of_order", "raised_date"),
        ("actions.csv", "done,2023-04-01", "done,2022-04-01", "date_out_of_order", "status_date"),
        ("actions.csv", "2023-04-03", "2021-04-03", "date_out_of_order", "due_date"),
        ("feedback.csv", "agreed,2022-11-14", "agreed,2022-09-14", "date_out_of_order", "sense_check_date"),
        ("events.csv", "lg1,community_centre,all_black,all,27", "lg1,community_centre,all_black,all,7", "contradiction", "n_forms"),
        ("iag_meetings.csv", ",4,2,0,no", ",4,5,0,no", "contradiction", "n_advice_adopted"),
        ("victim_recording.csv", "16207,6416", "1620,6416", "contradiction", "blank"),
        ("recruitment.csv", ",190,900,40", ",1900,900,40", "contradiction", "n_people"),
        ("stop_search.csv", "A1,asian,4,4,", "A1,asian,4,5,", "contradiction", "nfa"),
        ("actions.csv", "Explain the reason for every search", "Ring Ms A on 0116 222 2222", "identifier", "issue"),
        ("actions.csv", "Explain the reason for every search", "Write to a.b@example.org", "identifier", "issue"),
        ("actions.csv", "Explain the reason for every search", "The house at LE2 7AB", "identifier", "issue"),
        ("feedback.csv", "C0002,", "C0001,", "duplicate_row", "comment_id"),
        ("feedback.csv", "C0002,", ",", "missing_id", "comment_id"),
    ],
)  # fmt: skip
def test_what_the_codebook_states_of_a_register_is_held(plan, file, old, new, kind, column):
    changed(plan, file, old, new)
    assert (kind, file, column) in faults(plan)


@pytest.mark.parametrize("source", ["inspection", "pcc", "other"])
def test_an_action_that_came_from_elsewhere_refers_to_no_event(plan, source):
    changed(plan, "actions.csv", "A001,iag,E01,", f"A001,{source},letter 7,")
    assert faults(plan) == []


def test_without_every_register_it_may_refer_to_a_number_is_not_doubted(plan):
    place(plan, "iag_meetings.csv").unlink()
    changed(plan, "actions.csv", "A001,iag,E01,", "A001,iag,M07,")
    assert faults(plan) == []


def test_a_number_outside_the_usual_range_is_said_and_is_no_fault(plan):
    changed(plan, "events.csv", ",27,signin,15,", ",27,signin,44,")
    assert faults(plan) == []
    assert [r for r in waves.registers_read(plan) if "nusual" in r] == [
        "Unusual: events.csv, row 2, n_officers: outside the usual 5 to 15; see that it is right"
    ]


def test_a_row_shifted_by_a_column_is_a_fault(plan):
    path = place(plan, "events.csv")
    lines = path.read_text("utf-8").splitlines()
    lines[3] = "," + lines[3].rpartition(",")[0]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    assert any(f[0] == "value" for f in faults(plan))


def test_headings_that_may_be_a_person_are_not_shown(plan):
    place(plan, "attendance.csv").write_text(f"E01,001,{PERSON},25_34\nE01,002,Another Person,25_34\n", "utf-8")
    assert ("unknown_column", "attendance.csv", "") in faults(plan)


# ---- margins ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("area3,rutland,34301", "area3,rutland,0", "nobody lives in cell 'rutland'"),
        ("area3,rutland,34301", "area3,rutland,343010", "totals that differ"),
        ("area3,rutland,34301,", "area4,rutland,34301,", "lacks the level 'rutland'"),
        ("age5_sex,16_24|female,67542", "age5_sex,65_plus|male,67542", "stands twice"),
        ("age5_sex,16_24|female,67542", "age5sex,16_24|female,67542", "lacks the cell '16_24|female'"),
        ("area3,rutland,34301", "area3,rutland,", "not a number of people"),
        ("area3,rutland,34301", "area3,rutland,-34301", "not a number of people"),
        ("area3,rutland,34301", "area3,rutland,34301.5", "not a number of people"),
        ("ethnic5_area2,white|city", "ethnic5_area2,city|white", "no level 'city' of ethnic5"),
        ("ethnic5_age5,asian|16_24", "ethnic5_age9,asian|16_24", "a margin 'ethnic5_age9'"),
    ],
)
def test_margins_that_do_not_hold_together_are_refused_by_name(plan, old, new, said):
    path = plan.root / "data_raw" / "population" / "margins.csv"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    found = [f for f in waves.check_registers(plan) if f.kind == "margins"]
    assert len(found) == 1
    assert said in found[0].line()
