"""`evaluation add-stops`: a folder of published months becomes the register, whole or not at all."""

import csv

import pytest

from evaluation import cli
from evaluation.errors import InputError, StudyError
from evaluation.intake import stop_months, waves
from evaluation.plan import study

HEAD = ["Type", "Date", "Latitude", "Longitude", "Gender", "Age range", "Self-defined ethnicity"]
HEAD += ["Officer-defined ethnicity", "Legislation", "Object of search", "Outcome"]
BLACK = "Black/African/Caribbean/Black British - African"
WHITE = "White - English/Welsh/Scottish/Northern Irish/British"


def month(folder, name, force="leicestershire", people=6, vehicles=1):
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    rows = [
        [
            *(
                "Person search",
                f"{name}-1{k}T10:00:00+00:00",
                "52.6",
                f"-1.{k}",
                "Male",
                "18-24",
                (BLACK, WHITE)[k % 2],
            ),
            *(("Black", "White")[k % 2], "Misuse of Drugs Act 1971 (section 23)", "Controlled drugs", "Arrest"),
        ]
        for k in range(people)
    ]
    rows += [
        ["Vehicle search", f"{name}-20T1{k}:00:00+00:00", "52.6", "-1.9", "", "", "", "", "", "", ""]
        for k in range(vehicles)
    ]
    with (place / f"{name}-{force}-stop-and-search.csv").open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([HEAD, *rows])
    (place / f"{name}-{force}-street.csv").write_text("Crime ID\n1\n", "utf-8")


@pytest.fixture
def plan(tmp_path):
    import run_study

    folder = run_study.small(tmp_path / "s" / "study")
    (folder / "data_raw" / "registers" / "stop_search.csv").unlink()
    listed = folder / "data_raw" / "registers" / "registers.toml"
    listed.write_text(listed.read_text("utf-8").replace('file = "stop_search.csv"\n', ""), "utf-8")
    return study.load(folder / "study.toml")


def test_months_become_the_register_by_one_command(plan, tmp_path, capsys):
    for name in ("2025-01", "2025-02"):
        month(tmp_path / "raw", name)
    assert cli.main(["add-stops", str(tmp_path / "raw"), "--study", str(plan.root / "study.toml")]) == 0
    said = capsys.readouterr().out
    assert "2 files, 2025-01 to 2025-02: 12 searches of people" in said
    assert "2 searches of vehicles alone" in said
    assert int(waves.register(plan, "stop_search")["searches"].sum()) == 12
    assert not list((plan.root / "data_raw" / "registers" / "stop_search").rglob("*street*"))


def test_two_forces_are_refused_and_nothing_is_copied(plan, tmp_path):
    month(tmp_path / "raw", "2025-01")
    month(tmp_path / "raw", "2025-02", force="derbyshire")
    with pytest.raises(InputError, match="nothing was copied"):
        stop_months.add(plan, tmp_path / "raw")
    assert not (plan.root / "data_raw" / "registers" / "stop_search").exists()


def test_a_folder_without_records_is_refused(plan, tmp_path):
    with pytest.raises(InputError, match="holds no stop and search records"):
        stop_months.add(plan, tmp_path / "nowhere")


def test_a_register_that_stands_there_is_never_overwritten(plan, tmp_path):
    month(tmp_path / "raw", "2025-01")
    stop_months.add(plan, tmp_path / "raw")
    with pytest.raises(StudyError, match="stands there already"):
        stop_months.add(plan, tmp_path / "raw")
