"""Intake: every export layout tried and its outcome, what 200,000 rows by 70 columns cost, every kind of misreading.

Run from the repository's root: python -m benchmarks.intake [layouts|size|kinds]. The kinds are what pytest collects of
the tests of intake: each file's first line, its tests in words, and their numbers of inputs.

The layouts are written by the helpers of the tests (`tests/helpers/intake_study.py`, `tests/intake/test_add_wave.py`),
read by `evaluation add-wave` and `check`, and the answers compared cell by cell with those of a plain csv.
"""

from __future__ import annotations

import ast
import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import intake_study as made
import numpy as np
import pandas as pd
import test_add_wave as tools

from benchmarks import tables
from evaluation.errors import EvaluationError
from evaluation.intake import waves

WAVE = "W2024"
PAGE = "methods/intake.md"


def fresh(folder):
    plan = made.make(folder / "study", waves=("W2022",))
    frame = made.answers(seed=1)
    made.put(plan, WAVE, frame)
    expected = waves.take_in(plan, WAVE)
    for old in made.folder_of(plan, WAVE).iterdir():
        old.unlink()
    return plan, frame, expected


def tried(write, name, edit=None):
    """Return the outcome of one layout: the same answers, or the refusal in the command's own words."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        plan, frame, expected = fresh(folder)
        export = folder / name
        write(plan, frame, export)
        try:
            added = waves.add(plan, export, WAVE)
        except EvaluationError as error:
            return "refused: " + str(error).replace("\n", " ")
        tools.confirm(plan, WAVE)
        if edit:
            path = made.folder_of(plan, WAVE) / "wave.toml"
            path.write_text(edit(path.read_text("utf-8")), "utf-8")
        faults = waves.check(plan, WAVE)
        if faults:
            return "faults: " + faults[0].line()
        return same(waves.take_in(plan, WAVE), expected, added)


def same(taken, expected, added):
    dates = "interview_date"
    with contextlib.suppress(AssertionError):
        pd.testing.assert_frame_equal(taken.design.drop(columns=dates), expected.design.drop(columns=dates))
        pd.testing.assert_frame_equal(taken.outcomes, expected.outcomes)
        exact = sum(p.confidence == 1.0 for p in added.proposals)
        normal = sum(0.95 <= p.confidence < 1.0 for p in added.proposals)
        near = len(added.proposals) - exact - normal
        return f"the same answers; columns proposed: {exact} exact, {normal} normalised, {near} nearest"
    return "other answers"


def text(delimiter=",", encoding="utf-8", titles=0):
    def write(_, frame, path):
        rows = [["Export of answers"]] * titles + made.rows_of(frame)
        path.write_bytes(made.csv_bytes(rows, delimiter, encoding))

    return write


def garbled(_, frame, path):
    rows = made.rows_of(frame)
    rows[3][-1] = "CafÃ© owner"
    path.write_bytes(made.csv_bytes(rows))


def utf16_unmarked(_, frame, path):
    path.write_bytes(made.csv_bytes(made.rows_of(frame), encoding="utf-16-le"))


def floats(plan, frame, path):
    """Write numbers of respondents as a spreadsheet keeps them, and dates as serial days."""
    said = frame.assign(resp_id=[float(i + 1) for i in range(len(frame))], interview_date=45415.0)
    made.xlsx(path, {"Data": made.rows_of(said.rename(columns=tools.questions(plan, said)))})


def numbered_labels(_, frame, path):
    """Write an attitude as bare numbers: what 1 means is for the map to say."""
    said = frame.assign(conf_overall=[made.AGREE.index(w) + 1 for w in frame["conf_overall"]])
    path.write_bytes(made.csv_bytes(made.rows_of(said)))


def explain(toml):
    """Uncomment the numbers of the attitude, as a person does who has looked them up."""
    for code in range(1, 6):
        toml = toml.replace(f'# "{code}" =   # one of 1, 2, 3, 4, 5', f'"{code}" = "{code}"')
    return toml


def two_columns_alike(_, frame, path):
    rows = made.rows_of(frame)
    path.write_bytes(made.csv_bytes([[*row, row[-1]] for row in rows]))


def several_sheets(plan, frame, path):
    rows = made.rows_of(frame.rename(columns=tools.questions(plan, frame)))
    made.xlsx(path, {"Summary": [["Question", "Mean"], ["1", 3.2]], "Answers": rows})


def ragged(_, frame, path):
    rows = made.rows_of(frame)
    path.write_bytes(made.csv_bytes([*rows[:5], [*rows[5], "an answer; with, a delimiter"], *rows[6:]]))


LAYOUTS = [
    ("csv, comma, UTF-8", text(), "a.csv", None),
    ("csv, comma, UTF-8 with mark", text(encoding="utf-8-sig"), "a.csv", None),
    ("csv, semicolon, CP1252", text(";", "cp1252"), "a.csv", None),
    ("csv, bar, UTF-8", text("|"), "a.csv", None),
    ("txt, tab, UTF-16 with mark", text("\t", "utf-16"), "a.txt", None),
    ("tsv, UTF-8", text("\t"), "a.tsv", None),
    ("csv, two title rows above the header", text(titles=2), "a.csv", None),
    ("csv, UTF-16 without mark", utf16_unmarked, "a.csv", None),
    ("csv, garbled (UTF-8 read as CP1252)", garbled, "a.csv", None),
    ("csv, a cell too many in one row", ragged, "a.csv", None),
    ("csv, one heading twice", two_columns_alike, "a.csv", None),
    ("csv, an attitude as bare numbers", numbered_labels, "a.csv", None),
    ("the same, its numbers explained in the map", numbered_labels, "a.csv", explain),
    ("form service: question texts, ticks joined by commas", tools.google_form, "a.csv", None),
    ("form service: workbook, question texts, ticks ended by semicolons", tools.ms_form, "a.xlsx", None),
    ("survey tool: three header rows (names, questions, import ids)", tools.qualtrics, "a.csv", None),
    ("survey tool: two header rows, a column for each choice", tools.survey_monkey, "a.xlsx", None),
    ("survey tool: codes as headings, choices in brackets as Yes and No", tools.lime_survey, "a.csv", None),
    ("xlsx, notes on one sheet, titles above the header on another", tools.titled_workbook, "a.xlsx", None),
    ("xlsx, two sheets with tables", several_sheets, "a.xlsx", None),
    ("xlsx, respondent numbers as floats, dates as serial days", floats, "a.xlsx", None),
    ("xls (BIFF8), serial dates, numbers as floats", tools.old_workbook, "a.xls", None),
    ("sav, value labels, user-missing kept, question texts", tools.spss, "a.sav", None),
    ("a workbook by name only", lambda _p, _f, path: path.write_text("a,b\n1,2\n"), "a.xlsx", None),
    ("an empty file", lambda _p, _f, path: path.write_bytes(b""), "a.csv", None),
    ("a header without answers", lambda _p, f, path: path.write_text(",".join(f) + "\n"), "a.csv", None),
    ("an unknown format", lambda _p, _f, path: path.write_text("{}"), "a.json", None),
]


def layouts():
    rows = [(what, name.split(".")[-1], tried(write, name, edit)) for what, write, name, edit in LAYOUTS]
    table = tables.markdown(("Layout", "File", "Outcome"), rows)
    tables.write(PAGE, "layouts", table)
    print(table)


KINDS = "tests/intake/test_intake_*.py"


def collected():
    """Return file to test to the number of its cases, as pytest collects them; slow sets are among them."""
    root = Path(__file__).parents[1]
    files = sorted(p.relative_to(root).as_posix() for p in root.glob(KINDS))
    words = ["--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts="]
    done = subprocess.run([sys.executable, "-m", "pytest", *words, *files], cwd=root, capture_output=True, text=True)
    found = {}
    for line in done.stdout.splitlines():
        file, _, name = line.partition("::")
        if name:
            tests = found.setdefault(file, {})
            tests[name.partition("[")[0]] = tests.get(name.partition("[")[0], 0) + 1
    return found


def kinds_table():
    """Return the table of kinds: what each file of tests holds, the inputs it tries, and what becomes of them."""
    root, rows = Path(__file__).parents[1], []
    for file, tests in collected().items():
        kind = ast.get_docstring(ast.parse((root / file).read_text("utf-8"))).splitlines()[0]
        said = "; ".join(f"{name.removeprefix('test_').replace('_', ' ')} ({n})" for name, n in tests.items())
        rows.append((kind, sum(tests.values()), said, f"`{Path(file).stem}`"))
    return tables.markdown(("Kind", "Inputs tried", "Outcome (inputs)", "Test"), rows)


def kinds():
    table = kinds_table()
    tables.write(PAGE, "kinds", table)
    print(table)


CHECK = (
    "import sys,time,resource;from evaluation.plan import study;from evaluation.intake import waves;"
    "t=time.process_time();f=waves.check(study.load(sys.argv[1]),'W2024');"
    "print(len(f),time.process_time()-t,resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
)


def size(n=200_000, width=70):
    """Check an export of many answers, with words typed by each person in five columns that are not read."""
    rows = []
    for typed in (0, 5):
        with tempfile.TemporaryDirectory() as place:
            plan = made.make(Path(place) / "study", waves=("W2022",))
            block = made.answers(2000, seed=1)
            big = pd.concat([block] * (n // 2000), ignore_index=True)
            big["resp_id"] = np.arange(n).astype(str)
            big["link_code"] = [f"AB{i}" for i in range(n)]
            extra = {
                f"Extra {k}": "some words" if k >= typed else [f"typed {i} {k}" for i in range(n)]
                for k in range(width - big.shape[1])
            }
            path = made.folder_of(plan, WAVE) / "export.csv"
            made.headed(big).assign(**extra).to_csv(path, index=False)
            names = {made.HEADINGS.get(c, c): c for c in big}
            made.describe(plan, WAVE, path, names, ignore=dict.fromkeys(extra, "not read"))
            done = subprocess.run(
                [sys.executable, "-c", CHECK, str(plan.root / "study.toml")], capture_output=True, text=True, check=True
            )
            faults, seconds, kilobytes = (float(x) for x in done.stdout.split())
            rows.append((f"{n:,}", width, typed, int(faults), f"{seconds:.1f}", f"{kilobytes / 1024:.0f}"))
    head = ("Rows", "Columns", "of them typed words", "Faults", "CPU seconds (bar 10)", "MiB (bar 1024)")
    table = tables.markdown(head, rows)
    tables.write(PAGE, "size", table)
    print(table)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as keys:
        os.environ["EVALUATION_KEY_FILE"] = str(Path(keys) / "key")
        for asked in sys.argv[1:] or ("layouts", "size", "kinds"):
            {"layouts": layouts, "size": size, "kinds": kinds}[asked]()
