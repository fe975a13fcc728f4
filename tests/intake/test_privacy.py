"""Nobody can be found in what intake stores, says or prints; keys and files are private; a planted person is sought."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_study import answers, folder_of, headed, make, put, xlsx

from evaluation.errors import EvaluationError, StudyError
from evaluation.intake import faults, keys, privacy, waves

PLANTED = {
    "name": "Zebedee Quillfeather",
    "email": "zebedee.q@planted.example",
    "phone": "07700 900461",
    "postcode": "ZE9 4QF",
    "text": "the sergeant on Harrow Road laughed at me",
    "code": "ZQ-1961-HARP",
}
CONTACTS = {
    "contact_name": PLANTED["name"],
    "contact_email": PLANTED["email"],
    "contact_phone": PLANTED["phone"],
    "postcode": PLANTED["postcode"],
    "open_good": PLANTED["text"],
    "link_code": PLANTED["code"],
}
NEEDLES = [p.lower() for p in (*PLANTED.values(), "quillfeather", "zebedee", "07700900461", "ze94qf", "harrow road")]


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "keys" / "key"))
    monkeypatch.delenv("EVALUATION_STAGE", raising=False)


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022",))


def planted(n=60):
    """Return answers with one respondent who can be known by every contact detail."""
    frame = answers(n, seed=1)
    for column, value in CONTACTS.items():
        frame[column] = [value, *[""] * (n - 1)]
    return frame


def found_in(content):
    plain = (content if isinstance(content, bytes) else str(content).encode()).lower()
    spread = plain.replace(b"\0", b"")
    return [n for n in NEEDLES if n.encode() in plain or n.encode() in spread]


# ---- stages -------------------------------------------------------------------------------------------------------


def test_a_planted_person_is_in_no_stage_and_contacts_are_in_the_private_store(plan):
    put(plan, "W2024", planted())
    taken = waves.take_in_all(plan, "W2024")
    waves.store(plan, "W2024", taken)
    for path in (plan.root / "data_processed").rglob("*"):
        if path.is_file():
            assert found_in(path.read_bytes()) == [], path.name
    for frame in (taken[1].design, taken[1].outcomes, taken[1].reasons, taken[1].ledger):
        assert found_in(frame.reset_index().to_csv()) == []
    kept = pd.read_parquet(plan.root / "data_raw" / ".identifiers" / "W2024.parquet")
    assert list(kept.columns) == ["contact_name", "contact_email", "contact_phone"]
    assert kept.loc["W2024-0001", "contact_name"] == PLANTED["name"]
    assert found_in(repr(taken)) == []


def test_files_are_for_their_owner_alone(plan):
    put(plan, "W2024", planted())
    waves.store(plan, "W2024", waves.take_in_all(plan, "W2024"))
    made = [*(plan.root / "data_processed").rglob("*"), *(plan.root / "data_raw" / ".identifiers").rglob("*")]
    assert made
    for path in made:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), (path.name, oct(mode))


def test_the_private_store_goes_when_nobody_left_contacts(plan):
    put(plan, "W2024", planted())
    waves.store(plan, "W2024", waves.take_in_all(plan, "W2024"))
    put(plan, "W2024", answers(seed=1))
    waves.store(plan, "W2024", waves.take_in_all(plan, "W2024"))
    assert not (plan.root / "data_raw" / ".identifiers" / "W2024.parquet").exists()


def test_people_who_are_left_out_leave_no_contacts_behind(plan):
    frame = planted()
    frame.loc[0, "consent_analysis"] = "No"
    put(plan, "W2024", frame)
    assert found_in(waves.take_in(plan, "W2024").identifiers.to_csv()) == []


def test_git_ignores_the_private_store():
    root = Path(__file__).parents[2]
    done = subprocess.run(["git", "check-ignore", "-q", "data_raw/.identifiers/W2024.parquet"], cwd=root, check=False)
    assert done.returncode == 0


def test_a_postcode_becomes_its_district_a_date_its_month_an_age_its_band(plan):
    put(plan, "W2024", planted())
    design = waves.take_in(plan, "W2024").design
    assert design["postcode_district"].iloc[0] == "ZE9"
    assert design["postcode_district"].iloc[1:].isna().all()
    assert (design["interview_date"].dt.day == 1).all()


@pytest.mark.parametrize(
    ("postcode", "district"),
    [("LE2 7AB", "LE2"), ("le27ab", "LE2"), ("EC1A 1BB", "EC1A"), (" m1  1ae ", "M1"), ("LE2", ""), ("nowhere", "")],
)
def test_districts(postcode, district):
    assert privacy.district(postcode) == district


# ---- messages -----------------------------------------------------------------------------------------------------

EVERYWHERE = [
    *(
        dict.fromkeys([c], v)
        for c in ("area", "sex", "conf_overall", "contact_12m", "lpact_role")
        for v in PLANTED.values()
    ),
    *(dict.fromkeys([c], v) for c in ("years_in_llr", "interview_date", "session_id") for v in PLANTED.values()),
    *({"resp_id": v} for k, v in PLANTED.items() if k != "code"),
    {"area": f"Other: {PLANTED['name']}"},
    {"ethnic5": "Other, " + PLANTED["email"]},
]


@pytest.mark.parametrize("cells", EVERYWHERE, ids=lambda c: "-".join(c))
def test_no_message_shows_what_somebody_typed(plan, cells):
    frame = planted()
    for column, value in cells.items():
        frame.loc[0, column] = value
    put(plan, "W2024", frame)
    found = waves.check(plan, "W2024")
    assert found_in(waves.fault_table(found)) == []
    if found:
        with pytest.raises(EvaluationError) as error:
            waves.take_in(plan, "W2024")
        assert found_in(f"{error.value} {error.value!r} {error.value.args} {error.value.faults}") == []
    else:
        assert found_in(waves.take_in(plan, "W2024").design.drop(columns="session_id").to_csv()) == []


def test_a_label_is_shown_when_it_is_the_tool_s_and_withheld_when_it_may_be_a_person_s():
    assert faults.safe("Leicster", people=1, known=["Leicester"]) == "'Leicster'"
    assert faults.safe("Purple", people=3) == "'Purple'"
    assert "withheld" in faults.safe("Purple", people=2, known=["Leicester"])
    assert "withheld" in faults.safe("jo@example.org", people=50)
    assert "withheld" in faults.safe("x" * 61, people=50)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("0007", "0007"),
        ("R-1234", "R-1234"),
        ("118273645501", "118273645501"),
        ("07700900123", ""),
        ("Zebedee", ""),
        ("jo@example.org", ""),
        ("LE2 7AB", ""),
        ("LE27AB", ""),
        ("two words", ""),
        ("R_3kQx8abCdEfGhI2", "R_3kQx8abCdEfGhI2"),
    ],
)
def test_numbers_of_respondents_that_a_message_may_show(number, shown):
    assert faults.safe_number(number) == shown


def test_a_broken_file_s_message_shows_nobody(plan):
    folder = folder_of(plan, "W2024")
    put(plan, "W2024", planted())
    good = (folder / "export.csv").read_bytes()
    broken = [
        good.replace(b"\n", b",extra\n", 2),
        good + b'"',
        good.decode().replace("\n", "\n\ufffd").encode(),
        good[:-40],
    ]
    for content in broken:
        put(plan, "W2024", planted(), content=content)
        assert found_in(waves.fault_table(waves.check(plan, "W2024"))) == []
    xlsx(folder / "a.xlsx", {"S": [["a"], [PLANTED["name"], PLANTED["email"]]]})
    assert found_in(waves.fault_table(waves.check(plan, "W2024"))) == []


def test_add_wave_says_nothing_of_anybody_and_writes_nobody_into_wave_toml(plan, tmp_path):
    frame = planted()
    frame.loc[0, ["area", "conf_overall"]] = [PLANTED["name"], PLANTED["email"]]
    frame["Anything else?"] = [PLANTED["text"], *[""] * 59]
    export = tmp_path / "tool.csv"
    headed(frame).to_csv(export, index=False)
    added = waves.add(plan, export, "W2024")
    assert found_in(added.summary()) == []
    assert found_in(repr(added)) == []
    assert found_in((folder_of(plan, "W2024") / "wave.toml").read_bytes()) == []
    assert stat.S_IMODE((folder_of(plan, "W2024") / "tool.csv").stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_without_headings_shows_nobody(plan, tmp_path, kind):
    """Its first row is a respondent: whoever that is must not be printed as a heading."""
    rows = [
        ["0001", *PLANTED.values(), "Female", "No"],
        *([f"{i:04d}", *[""] * 6, "Male", "Yes"] for i in range(2, 60)),
    ]
    export = tmp_path / f"bare.{kind}"
    if kind == "csv":
        export.write_text("\n".join(",".join(f'"{c}"' for c in row) for row in rows), "utf-8")
    else:
        xlsx(export, {"Sheet1": rows})
    added = waves.add(plan, export, "W2024")
    assert "none of its 9 headings" in added.summary()
    assert found_in(added.summary()) == []
    assert found_in(faults.fault_table(waves.check(plan, "W2024"))) == []
    assert any(f.kind == "unknown_column" for f in added.faults)


def test_one_heading_that_looks_typed_in_is_withheld(plan, tmp_path):
    export = tmp_path / "one.csv"
    headed(answers(seed=1)).rename(columns={"refuse_satisfaction": PLANTED["email"]}).to_csv(export, index=False)
    assert found_in(waves.add(plan, export, "W2024").summary()) == []


# ---- keys ---------------------------------------------------------------------------------------------------------


def test_link_codes_are_keyed_alike_in_every_wave_and_unlike_under_another_key(monkeypatch, tmp_path):
    codes = pd.Series(["AB12", " ab 12 ", "AB13", pd.NA, ""], dtype=object)
    one = privacy.keyed(codes, keys.study_key())
    assert one[0] == one[1] != one[2]
    assert one[3:].isna().all()
    assert re.fullmatch(r"[0-9a-f]{24}", one[0])
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "other"))
    assert privacy.keyed(codes, keys.study_key())[0] != one[0]


def test_the_key_is_made_once_is_private_and_stays(tmp_path):
    first = keys.study_key()
    assert len(first) == 32
    assert keys.study_key() == first
    path = tmp_path / "keys" / "key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    words = path.with_name("key.txt")
    assert sorted(path.parent.iterdir()) == [path, words]
    assert "A lost key cannot be made again" in words.read_text()
    assert stat.S_IMODE(words.stat().st_mode) == 0o600


def test_without_a_home_or_a_named_file_there_is_no_key(monkeypatch):
    for name in ("EVALUATION_KEY_FILE", "HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StudyError, match="no home folder") as error:
        keys.study_key()
    assert error.value.exit_status == 2
    assert "EVALUATION_KEY_FILE" in str(error.value)


def test_the_key_stands_in_the_user_s_data_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("EVALUATION_KEY_FILE")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert keys.key_file() == tmp_path / ".local/share/evaluation/key"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert keys.key_file() == tmp_path / "data/evaluation/key"


def test_a_short_or_missing_key_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"no study key.*A lost key cannot be made again"):
        keys.study_key(create=False)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "key").write_bytes(b"short")
    with pytest.raises(StudyError, match="shorter than 32"):
        keys.study_key()


def test_an_open_key_file_or_folder_is_not_needed_to_write_whole(tmp_path):
    target = tmp_path / "private" / "a.json"
    keys.write_private(target, b"one")
    os.chmod(target, 0o644)
    keys.write_private(target, b"two")
    assert target.read_bytes() == b"two"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [p.name for p in target.parent.iterdir()] == ["a.json"]


@settings(max_examples=60, deadline=None)
@given(
    st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.(org|co\.uk)", fullmatch=True)
    | st.from_regex(r"07[0-9]{9}", fullmatch=True)
    | st.from_regex(r"[A-Z]{1,2}[0-9]{1,2} ?[0-9][A-Z]{2}", fullmatch=True)
)
def test_contact_details_are_known_when_seen(text):
    assert privacy.identifies(text)
    assert faults.safe_number(text) == "" or "@" not in text
    assert "withheld" in faults.safe(text, people=50) or not text.startswith("0")
