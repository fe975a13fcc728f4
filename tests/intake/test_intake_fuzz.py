"""Mutated exports and registers end as the truth or as a fault that names the place; none is silently different.

A mutation either leaves what people said as it was (another encoding, delimiter, order of columns, kind of file), and
then the answers are the same or a fault says why not; or it changes what stands in the file, and then what is taken in
is what stands there, or a fault. The routine set draws 60, the slow set 2,000.
"""

import csv
import io
import random
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from intake_study import csv_bytes, xls, xlsx

from evaluation.errors import EvaluationError
from evaluation.intake import register_files, waves, workbooks
from evaluation.plan import study

ROOT = Path(__file__).parents[2]
WAVES = ("W2022", "W2024", "W2025")
PERSON = "Zebedee Quillfeather"
PLANTED = (PERSON, "quillfeather", "ze94 0qf", "07700 900461", "z.q@planted.example")
ODD = [
    "",
    "NA",
    "-",
    ".",
    "?",
    "999",
    "-1",
    "1,5",
    "1e9",
    "=1+1",
    "#REF!",
    "yes no",
    "Yes",
    "0",
    "\u200b",
    '"',
    "'",
    ";",
]
ODD += ["31/02/2024", "1980-01-01", "\x07", "Ã©", "x" * 300, "E01", "e5"]
TYPED = [*ODD, PERSON, "ZE94 0QF", "07700 900461", "z.q@planted.example"]


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """Return a copy of the shipped inputs, each wave's answers, and each register."""
    root = tmp_path_factory.mktemp("shipped")
    shutil.copytree(ROOT / "data_raw", root / "data_raw")
    shutil.copy(ROOT / "study.toml", root / "study.toml")
    plan = study.load(root / "study.toml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVALUATION_KEY_FILE", str(root / "key"))
        taken = {w: answers(plan, w) for w in WAVES}
    registers = {n: waves.register(plan, n) for n in plan.codebook.tables if n != "survey"}
    return plan, taken, {n: f for n, f in registers.items() if f is not None}


def answers(plan, wave):
    """Return everything that is taken in of a wave, sorted by respondent, without link codes (another key)."""
    one = waves.take_in(plan, wave)
    frame = pd.concat([one.design, one.outcomes], axis=1).drop(columns="link", errors="ignore")
    return frame.sort_index()[sorted(frame)]


def rows_of_export(plan, wave):
    info = waves.info(plan, wave)
    if info.path.suffix == ".xlsx":
        rows = workbooks.sheet_rows(info.path, info.sheet)
    else:
        rows = list(csv.reader(io.StringIO(info.path.read_text("utf-8-sig")), delimiter=info.delimiter or ","))
    return rows, info.header_row + info.header_rows - 1


# ---- mutations: (rows, number of header rows, dice) -> (rows, whether what people said is the same) -----------------


def cell(rows, head, dice):
    row = dice.randrange(head, len(rows))
    column = dice.randrange(len(rows[row]))
    rows[row][column] = dice.choice([*TYPED, dice.choice(rows[dice.randrange(head, len(rows))])])
    return False


def heading(rows, head, dice):
    row, column = dice.randrange(head), dice.randrange(len(rows[head - 1]))
    rows[row][column] = dice.choice([*ODD, rows[row][dice.randrange(len(rows[row]))], rows[row][column].upper() + " "])
    return False


def doubled(rows, head, dice):
    rows.append(list(rows[dice.randrange(head, len(rows))]))
    return False


def dropped(rows, head, dice):
    del rows[dice.randrange(head, len(rows))]
    return False


def column_shifted(rows, head, dice):
    row = rows[dice.randrange(head, len(rows))]
    row.insert(dice.randrange(len(row)), dice.choice(TYPED))
    return False


def columns_swapped(rows, head, dice):
    a, b = (dice.randrange(len(rows[head - 1])) for _ in "ab")
    for row in rows[head - 1 :]:
        row[a], row[b] = row[b], row[a]
    return True


def answers_swapped(rows, head, dice):
    a, b = (dice.randrange(len(rows[head - 1])) for _ in "ab")
    for row in rows[head:]:
        row[a], row[b] = row[b], row[a]
    return a == b


def shuffled(rows, head, dice):
    body = rows[head:]
    dice.shuffle(body)
    rows[head:] = body
    return True


def blank_rows(rows, head, dice):
    for _ in range(3):
        rows.insert(dice.randrange(head, len(rows) + 1), [""] * len(rows[head - 1]))
    return True


def untouched(*_):
    return True


MUTATIONS = [cell, cell, cell, heading, doubled, dropped, column_shifted, columns_swapped, answers_swapped, shuffled]
MUTATIONS += [blank_rows, untouched]
FORMS = ["csv", "csv", "tsv", "semicolon", "cp1252", "utf-16", "xlsx", "xls"]


def written(path, rows, form):
    """Write rows in a form; return the file and the keys of wave.toml that say how it is written."""
    if form == "xlsx":
        clean = [[re.sub(r"[\x00-\x08\x0b-\x1f]", "", c) for c in row] for row in rows]
        xlsx(path.with_suffix(".xlsx"), {"Answers": [[c if c[:1] != "=" else f" {c}" for c in row] for row in clean]})
        return path.with_suffix(".xlsx"), {}
    if form == "xls":
        xls(path.with_suffix(".xls"), [[c[:250] for c in row] for row in rows])
        return path.with_suffix(".xls"), {}
    delimiter = {"tsv": "\t", "semicolon": ";"}.get(form, ",")
    encoding = form if form in ("cp1252", "utf-16") else "utf-8"
    out = path.with_suffix(".tsv" if form == "tsv" else ".csv")
    try:
        out.write_bytes(csv_bytes(rows, delimiter, encoding))
    except UnicodeEncodeError:
        out.write_bytes(csv_bytes(rows, delimiter, "utf-8"))
    return out, {"delimiter": delimiter}


def tried(shipped, folder, seed):
    """Return what one mutated export ended as: "truth", "fault" or "as it stands"."""
    plan, taken, _ = shipped
    dice = random.Random(seed)
    wave, form, mutation = dice.choice(WAVES), dice.choice(FORMS), dice.choice(MUTATIONS)
    rows, head = rows_of_export(plan, wave)
    rows = [list(r) for r in rows]
    same = mutation(rows, head, dice)
    place = f"seed {seed}: {mutation.__name__} of {wave} as {form}"
    here = copied(plan, folder, wave)
    info = waves.info(plan, wave)
    path, more = written(here / "data_raw" / "waves" / wave / "fuzzed", rows, form)
    described(here, wave, path, more)
    mutated = study.load(here / "study.toml")
    found = waves.check(mutated, wave)
    said = waves.fault_table(found).lower()
    assert not any(p.lower() in said for p in PLANTED), place
    assert "unexpected" not in said, place
    if found:
        assert all(f.what and f.todo for f in found), place
        assert all(f.file for f in found), place
        return "fault"
    now = answers(mutated, wave)
    if same:
        pd.testing.assert_frame_equal(now, taken[wave])
        return "truth"
    both = now.index.intersection(taken[wave].index)  # one whose consent, age or number was changed may be gone
    differs = cells_apart(now.loc[both], taken[wave].loc[both])
    limit = {"cell": 8, "heading": 0, "doubled": 0, "column_shifted": 0}.get(mutation.__name__)
    assert limit is None or differs <= limit, f"{place}: {differs} cells are silently different"
    if mutation in (cell, heading, doubled, dropped, column_shifted):
        most = mutation in (cell, dropped)
        assert len(both) >= len(taken[wave]) - most, place
        assert len(now) <= len(taken[wave]) + (mutation is cell), place
    assert info.wave == wave
    return "as it stands"


def cells_apart(one, other):
    """Return how many cells of two frames differ; two missing ones do not."""
    a, b = (frame.astype("string").fillna("") for frame in (one, other))
    return int((a != b).to_numpy().sum())


def copied(plan, folder, wave):
    """Return a study with this wave alone to be read; the others stand as they are."""
    here = folder / "study"
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(plan.root / "data_raw" / "waves" / wave, here / "data_raw" / "waves" / wave)
    shutil.copy(plan.root / "data_raw" / "codebook.yaml", here / "data_raw" / "codebook.yaml")
    shutil.copy(plan.root / "study.toml", here / "study.toml")
    return here


def described(here, wave, path, more):
    """Let the wave's own map name the file that was written, and how."""
    import tomllib

    import tomli_w

    toml = here / "data_raw" / "waves" / wave / "wave.toml"
    content = tomllib.loads(toml.read_text("utf-8"))
    for key in ("sha256", "sheet", "delimiter", "encoding"):
        content.pop(key, None)
    toml.write_text(tomli_w.dumps(content | more | {"file": path.name}), "utf-8")


def register_tried(shipped, folder, seed):
    """Return what one mutated register ended as."""
    plan, _, registers = shipped
    dice = random.Random(seed)
    name = dice.choice(sorted(registers))
    rows = list(csv.reader(io.StringIO(register_files.register_file(plan, name).read_text("utf-8-sig"))))
    mutation = dice.choice([m for m in MUTATIONS if m is not blank_rows])
    same = mutation(rows, 1, dice)
    here = folder / "study"
    shutil.rmtree(here, ignore_errors=True)
    (here / "data_raw" / "registers").mkdir(parents=True)
    shutil.copy(plan.root / "data_raw" / "codebook.yaml", here / "data_raw" / "codebook.yaml")
    shutil.copy(plan.root / "study.toml", here / "study.toml")
    written(here / "data_raw" / "registers" / name, rows, dice.choice(["csv", "semicolon", "cp1252", "xlsx"]))
    place = f"seed {seed}: {mutation.__name__} of {name}"
    frame, said = None, ""
    try:
        frame = waves.register(study.load(here / "study.toml"), name)
    except EvaluationError as error:
        said = str(error).lower()
    assert not any(p.lower() in said for p in PLANTED), place
    if frame is None:
        assert said, place
        return "fault"
    if same and mutation is not shuffled:
        pd.testing.assert_frame_equal(frame[list(registers[name])], registers[name])
    elif mutation is cell and frame.shape == registers[name].shape:
        assert cells_apart(frame, registers[name]) <= 1, place
    return "truth" if same else "as it stands"


@pytest.mark.parametrize("seed", range(40))
def test_a_mutated_export_is_read_as_it_stands_or_is_a_fault(shipped, tmp_path, seed):
    assert tried(shipped, tmp_path, seed) in ("truth", "fault", "as it stands")


@pytest.mark.parametrize("seed", range(20))
def test_a_mutated_register_is_read_as_it_stands_or_is_a_fault(shipped, tmp_path, seed):
    assert register_tried(shipped, tmp_path, seed) in ("truth", "fault", "as it stands")


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_two_thousand_mutated_inputs_are_read_as_they_stand_or_are_faults(shipped, tmp_path, part):
    for seed in range(1000 + 70 * part, 1070 + 70 * part):
        tried(shipped, tmp_path, seed)
    for seed in range(5000 + 30 * part, 5030 + 30 * part):
        register_tried(shipped, tmp_path, seed)
