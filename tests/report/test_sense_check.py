"""The return sheet of the sense-check, read back into a study: recorded whole, refused whole, words unaltered."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from evaluation.errors import InputError
from evaluation.plan import study
from evaluation.run import release

ROOT = Path(__file__).resolve().parents[2]
HEADER = ("theme", "verdict", "date", "words")
SAID = 'We said "slow", not rude;\nboth matter, to us.'


@pytest.fixture
def copy(tmp_path):
    """A study with the shipped plan, codebook and registers, and no wave read."""
    shutil.copy(ROOT / "study.toml", tmp_path)
    for part in ("codebook.yaml", "registers", "population", "waves"):
        source = ROOT / "data_raw" / part
        target = tmp_path / "data_raw" / part
        target.parent.mkdir(exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    return tmp_path / "study.toml"


def sheet(folder, rows, header=HEADER):
    file = folder / "sense-check-return.csv"
    with file.open("w", encoding="utf-8-sig", newline="") as opened:
        csv.writer(opened).writerows([header, *rows])
    return file


def themes(file):
    return release.known_themes(study.load(file))


def test_a_sheet_is_recorded_with_its_dates_and_unaltered_words_and_the_last_word_stands(copy, tmp_path):
    first, second = themes(copy)[:2]
    rows = [
        (first, "amended", "2026-06-20", SAID),
        (second, "agreed", "2026-06-20", ""),
        (release.MISSING, "amended", "2026-06-20", "Nobody asked about buses."),
    ]
    told = release.record_sense_check(sheet(tmp_path, rows), study_file=copy)
    assert told.startswith("3 verdicts recorded for W2025")
    release.record_sense_check(sheet(tmp_path, [(second, "rejected", "2026-07-01", "No.")]), study_file=copy)
    found = {r.theme: r for r in release.sense_check(study.load(copy), "W2025")}
    assert (found[first].verdict, found[first].date, found[first].words) == ("amended", "2026-06-20", SAID)
    assert (found[second].verdict, found[second].date, found[second].words) == ("rejected", "2026-07-01", "No.")
    assert found[release.MISSING].words == "Nobody asked about buses."


def test_each_fault_of_a_sheet_is_named_at_once_and_nothing_is_written(copy, tmp_path):
    first = themes(copy)[0]
    rows = [
        (first, "right", "2026-06-20", ""),
        (first + "s", "agreed", "2026-06-20", ""),
        ("", "agreed", "20 June", "x" * 401),
    ]
    with pytest.raises(InputError) as caught:
        release.record_sense_check(sheet(tmp_path, rows), study_file=copy)
    said = str(caught.value)
    for part in (
        "row 2: the verdict is one of",
        f"nearest: {first!r}",
        "row 4: the theme is blank",
        "2026-07-04",
        "longer",
    ):
        assert part in said
    assert release.sense_check(study.load(copy), "W2025") == ()


def test_a_sheet_without_rows_or_columns_is_refused(copy, tmp_path):
    with pytest.raises(InputError, match="no rows"):
        release.record_sense_check(sheet(tmp_path, []), study_file=copy)
    with pytest.raises(InputError, match="lacks the columns words"):
        release.record_sense_check(sheet(tmp_path, [], header=HEADER[:3]), study_file=copy)
