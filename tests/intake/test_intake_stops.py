"""Published stop and search records: people are counted, vehicles are not, and labels of every year say their code."""

import pytest

from evaluation.intake import stop_search_records
from evaluation.intake.stop_search_labels import self_defined

HEAD = "Type,Date,Latitude,Longitude,Self-defined ethnicity,Officer-defined ethnicity,Legislation"
WHITE = "White - English/Welsh/Scottish/Northern Irish/British"


def record(kind, day, label=WHITE, officer="White"):
    return f"{kind},2025-03-{day:02d}T00:10:00+00:00,52.6{day},-1.1,{label},{officer},Misuse of Drugs Act 1971"


def write(path, *lines, head=HEAD):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([head, *lines]) + "\n", "utf-8")
    return path


def counted(folder):
    frame, faults = stop_search_records.summarise(stop_search_records.files_of(folder))
    return (None if frame.empty else int(frame["searches"].sum())), faults, frame.attrs.get("vehicles")


def test_searches_of_vehicles_alone_are_no_searches_of_people(tmp_path):
    people = [record("Person search", d) for d in range(1, 7)]
    people += [record("Person and Vehicle search", d) for d in range(7, 10)]
    cars = [record("Vehicle search", d, "", "") for d in range(10, 14)]
    write(tmp_path / "2025-03-x-stop-and-search.csv", *people, *cars)
    assert counted(tmp_path) == (9, [], 4)


def test_the_interface_s_own_word_for_a_person_is_obeyed(tmp_path):
    head = "type,datetime,self_defined_ethnicity,officer_defined_ethnicity,involved_person"
    lines = [
        f"Person search,2025-03-0{d}T00:10:00+00:00,{WHITE},White,{'True' if d < 4 else 'False'}" for d in range(1, 6)
    ]
    write(tmp_path / "a.csv", *lines, head=head)
    assert counted(tmp_path)[0] == 3


@pytest.mark.parametrize("kind", ["Person serch", "Premises search", "1", "PERSON AND VEHICLE"])
def test_a_type_that_is_not_published_is_a_fault(tmp_path, kind):
    write(tmp_path / "a.csv", record("Person search", 1), *[record(kind, d) for d in range(2, 6)])
    searches, faults, _ = counted(tmp_path)
    assert searches is None
    assert [(f.kind, f.column) for f in faults] == [("value", "Type")]


@pytest.mark.parametrize("kind", ["person search", "PERSON SEARCH", " Person  search ", "Person and vehicle search"])
def test_the_case_and_blanks_of_a_type_do_not_matter(tmp_path, kind):
    write(tmp_path / "a.csv", record(kind, 1))
    assert counted(tmp_path)[0] == 1


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("White - White British (W1)", "W1"),
        ("White - White Irish (W2)", "W2"),
        ("White - Any other White ethnic background (W9)", "W9"),
        ("Mixed - White and Black Caribbean (M1)", "M1"),
        ("Mixed - Any other Mixed ethnic background (M9)", "M9"),
        ("Asian or Asian British - Indian (A1)", "A1"),
        ("Asian or Asian British - Any other Asian ethnic background (A9)", "A9"),
        ("Black or Black British - African (B2)", "B2"),
        ("Black or Black British - Any other Black ethnic background (B9)", "B9"),
        ("Chinese or other ethnic group - Chinese (O1)", "A4"),
        ("Chinese or other ethnic group - Any other ethnic group (O9)", "O9"),
        ("Not Stated (NS)", "NS"),
        ("Not stated", "NS"),
        ("White - White British", "W1"),
        ("Black or Black British - African", "B2"),
        ("Mixed - White and Asian", "M3"),
        ("b2", "B2"),
        ("", "NS"),
        ("White - White British (B2)", None),
        ("White - White British (Z1)", None),
        ("Wonder - Irish", None),
        ("Black - Irish", None),
        ("British", None),
    ],
)
def test_labels_of_earlier_years_say_their_code(label, code):
    assert self_defined(label) == code
    assert self_defined(label.upper()) == code


def test_a_folder_of_months_is_read_month_by_month(tmp_path):
    for month in ("2025-03", "2025-04"):
        lines = [record("Person search", d).replace("2025-03", month) for d in range(1, 4)]
        write(tmp_path / month / f"{month}-x-stop-and-search.csv", *lines)
        write(tmp_path / month / f"{month}-x-street.csv", "a,b", head="Crime ID,Month")
    assert counted(tmp_path) == (6, [], 0)


def test_a_month_twice_and_two_forces_are_faults(tmp_path):
    write(tmp_path / "a" / "2025-03-x-stop-and-search.csv", record("Person search", 1))
    write(tmp_path / "b" / "2025-03-x-stop-and-search.csv", record("Person search", 2))
    assert {f.kind for f in counted(tmp_path)[1]} == {"duplicate_row"}
    write(tmp_path / "b" / "2025-03-y-stop-and-search.csv", record("Person search", 3))
    assert "two_forces" in {f.kind for f in counted(tmp_path)[1]}


def test_a_folder_of_vehicles_alone_is_refused(tmp_path):
    write(tmp_path / "a.csv", record("Vehicle search", 1, "", ""))
    searches, faults, _ = counted(tmp_path)
    assert searches is None
    assert [f.kind for f in faults] == ["unreadable"]
