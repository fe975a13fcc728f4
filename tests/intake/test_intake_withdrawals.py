"""Somebody who withdrew is taken out, or a fault says which row could not be obeyed; the list never enters git."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_study import answers, make, put, xlsx

from evaluation.errors import InputError
from evaluation.intake import waves

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022", "W2024"))


def written(plan, content, name="withdrawn.csv"):
    path = plan.root / "data_raw" / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return waves.check(plan, "W2024")


def left(plan):
    """Return the numbers of those who are taken out."""
    taken = waves.take_in(plan, "W2024")
    return {i for i in range(1, 61) if f"W2024-{i:04d}" not in taken.design.index}


OBEYED = [
    "wave,resp_id\nW2024,6\n",
    "wave,resp_id\nW2024,0006\n",
    "wave,resp_id\nW2024,W2024-0006\n",
    "wave,resp_id\nw2024, w2024-0006 \n",
    "wave,resp_id\n W2024 , 6 \n\n",
    "Wave,Resp_ID\nW2024,6\n",
    "resp id;WAVE\n6;W2024\n",
    "wave\tresp_id\r\nW2024\t6\r\n",
    "wave,resp_id\rW2024,6\r",
    "wave,resp_id,why\nW2024,6,asked by post\n",
    "wave,resp_id\nW2024,6.0\nW2024,6\n",
    "\ufeffwave,resp_id\nW2024,6\n",
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("content", OBEYED)
def test_a_row_is_obeyed_however_it_is_written(plan, content, encoding):
    assert written(plan, content.encode(encoding)) == []
    assert left(plan) == {6}


@pytest.mark.parametrize(
    "name", ["withdrawn.csv", "Withdrawn.CSV", "WITHDRAWN.csv", "withdrawn.xlsx", "Withdrawn.XLSX"]
)
def test_the_list_is_read_in_any_case_and_as_a_workbook(plan, name):
    path = plan.root / "data_raw" / name
    if name.lower().endswith("xlsx"):
        xlsx(path, {"Sheet1": [["wave", "resp_id"], ["W2024", 6]]})
    else:
        path.write_text("wave,resp_id\nW2024,6\n")
    assert waves.check(plan, "W2024") == []
    assert left(plan) == {6}


REFUSED = [
    ("wave,resp_id\nW2023,6\n", 2),
    ("wave,resp_id\n2024,6\n", 2),
    ("wave,resp_id\nW2024 (May),6\n", 2),
    ("wave,resp_id\n,6\n", 2),
    ("wave,resp_id\nW2024,\n", 2),
    ("wave,resp_id\nW2024\n", 2),
    ("wave,resp_id\nW2022,1\nW2024,W2022-0006\n", 3),
    ("", None),
    ("W2024,6\n", None),
    ("who\nW2024\n", None),
    ("wave,wave,resp_id\nW2024,W2024,6\n", None),
    ('wave,resp_id\nW2024,"6\n', None),
    ("wave,resp_id\nW2024,6\n".encode("utf-16-le"), None),
    ("wave,resp_id\nW2024,7777\n", 2),
    ("wave,resp_id\nW2024,six\n", 2),
    ("wave,resp_id\nW2024,-6\n", 2),
]


@pytest.mark.parametrize(("content", "row"), REFUSED)
def test_a_row_that_cannot_be_obeyed_is_a_fault_of_its_row(plan, content, row):
    found = written(plan, content)
    assert {f.kind for f in found} <= {"withdrawal", "withdrawn_unknown"}
    assert [f.row for f in found][:1] == [row]
    assert found[0].file == "withdrawn.csv"
    with pytest.raises(InputError):
        waves.take_in(plan, "W2024")


@pytest.mark.parametrize(
    "place",
    [
        "withdrawn.csv",
        "data_raw/waves/withdrawn.csv",
        "data_raw/waves/W2024/Withdrawn.xlsx",
        "data_raw/registers/withdrawn.csv",
        "data_raw/withdrawn.tsv",
        "data_raw/withdrawals.csv",
        "data_raw/Withdrawn (1).csv",
        "data_raw/withdrawn",
    ],
)
def test_a_list_that_is_not_where_it_is_read_is_a_fault(plan, place):
    path = plan.root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("wave,resp_id\nW2024,6\n")
    found = waves.check(plan, "W2024")
    assert [f.kind for f in found] == ["withdrawal"]
    assert found[0].file == place


def test_two_lists_are_one_too_many(plan):
    xlsx(plan.root / "data_raw" / "withdrawn.xlsx", {"S": [["wave", "resp_id"], ["W2024", 6]]})
    assert "two lists" in written(plan, "wave,resp_id\nW2024,7\n")[0].what


def test_a_list_of_nobody_takes_nobody_out(plan):
    assert written(plan, "wave,resp_id\n") == []
    assert left(plan) == set()


def test_numbers_in_another_case_are_the_same_people(plan):
    put(plan, "W2024", answers(seed=1).assign(resp_id=[f"R-{i}" for i in range(60)]))
    assert written(plan, "wave,resp_id\nW2024,r-7\n") == []
    assert "W2024-R-7" not in waves.take_in(plan, "W2024").design.index


def test_a_withdrawal_from_an_export_whose_rows_are_numbered_needs_a_person_s_word(plan):
    put(plan, "W2024", answers(seed=1).drop(columns="resp_id"), columns={"#row": "resp_id"})
    assert [f.kind for f in written(plan, "wave,resp_id\nW2024,7\n")] == ["withdrawn_by_row"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wave=st.text(max_size=8), number=st.text(max_size=8))
def test_whatever_stands_in_a_row_somebody_leaves_or_a_fault_says_why_not(plan, wave, number):
    row = ",".join('"' + c.replace('"', '""') + '"' for c in (wave, number))
    found = written(plan, f"wave,resp_id\n{row}\n".encode("utf-8", "surrogatepass"))
    blank = not wave.strip() and not number.strip()
    assert found or blank or left(plan) or wave.strip().upper() == "W2022"


# ---- git ----------------------------------------------------------------------------------------------------------

PRIVATE = [
    "withdrawn.csv",
    "data_raw/withdrawn.csv",
    "data_raw/Withdrawn.XLSX",
    "docs/WITHDRAWN.csv",
    "data_raw/waves/W2026/withdrawn.csv",
    "data_raw/export.csv",
    "data_raw/W2026/export.xlsx",
    "export.sav",
    "data_raw/answers.txt",
    "notebooks/Survey 2026.CSV",
]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkout")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    shutil.copy(ROOT / ".gitignore", folder)
    shutil.copytree(ROOT / ".hooks", folder / ".hooks")
    (folder / "data_raw").mkdir()
    shutil.copy(ROOT / "data_raw" / "SHIPPED.sha256", folder / "data_raw")
    subprocess.run(["git", "-C", str(folder), "add", "data_raw"], check=True)
    return folder


@pytest.mark.parametrize("name", PRIVATE)
def test_answers_and_lists_of_people_are_ignored_by_git_and_refused_by_the_hook(checkout, name):
    path = checkout / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("wave,resp_id\n")
    git = ["git", "-C", str(checkout)]
    assert subprocess.run([*git, "check-ignore", "-q", name], check=False).returncode == 0
    subprocess.run([*git, "add", "-f", "--", name], check=True)
    done = subprocess.run(["sh", ".hooks/pre-commit"], cwd=checkout, capture_output=True, text=True, check=False)
    subprocess.run([*git, "rm", "-q", "--cached", "--", name], check=True)
    assert done.returncode == 1
    assert name in done.stderr


def test_code_and_shipped_files_pass_the_hook(checkout):
    for name in ("src/withdrawals.py", "tests/golden/data/attendance.csv", "data_raw/population/margins.csv"):
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a\n")
        subprocess.run(["git", "-C", str(checkout), "add", "--", name], check=True)
    done = subprocess.run(["sh", ".hooks/pre-commit"], cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
