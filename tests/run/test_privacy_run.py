"""A planted respondent is sought in every byte that a good run and a failed run leave or print; the report is attacked.

Slow: it runs the shipped study once whole and twice until it breaks.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from evaluation.exhibit import Count, Measure
from evaluation.intake import waves
from evaluation.plan import study

ROOT = Path(__file__).parents[2]
WAVE = "W2025"
PLANTED = {
    "resp_id": "ZQF-94617x",
    "contact_name": "Zebedee Quillfeather",
    "contact_email": "zebedee.q@planted.example",
    "contact_phone": "07700 900461",
    "postcode": "ZE9 4QF",
    "open_good": "the sergeant on Harrow Road laughed at me",
    "link_code": "ZQ-1961-HARP",
    "community_self": "Lost tribe of Wigston Parva",
}
NEEDLES = [p.lower() for p in (*PLANTED.values(), "quillfeather", "zebedee", "07700900461", "ze94qf", "harrow road")]
SCRIPT = "<script>alert('zq')</script>"
FORMULA = '=HYPERLINK("http://planted.example","zq")'
pytestmark = [pytest.mark.slow, pytest.mark.run]

# how the worst day begins: a cell that prints a person by every road and then fails with that person in the error
BROKEN = """

def trio(plan, wave, survey):
    import logging, sys, warnings

    from IPython.display import HTML, display

    text = (plan.root / "data_raw" / "waves" / wave / "export_2025.csv").read_text("utf-8").splitlines()[-1]
    print(text)
    print(text, file=sys.stderr)
    logging.getLogger("evaluation").error(text)
    logging.getLogger().error(text)
    sys.stderr.flush()
    display(HTML(text))
    raise {error}(text)
"""


def plant(folder):
    """Copy the shipped study, and add one person with every contact detail to its last wave."""
    for name in ("study.toml", "plans", "data_raw"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    place = folder / "data_raw" / "waves" / WAVE
    path = place / "export_2025.csv"
    rows = list(csv.reader(path.read_text("utf-8").splitlines(), delimiter=";"))
    for row in rows[1::2]:  # a fault that a person may waive: one answer to every statement of the scale
        row[rows[0].index("trust_respect") : rows[0].index("trust_listen") + 1] = ["3"] * 6
    more = [c for c in PLANTED if c.startswith("contact") or c in ("postcode", "open_good")]
    rows[0] += more
    person = dict(zip(rows[0], rows[1] + [""] * len(more), strict=True)) | PLANTED | {"ResponseId": PLANTED["resp_id"]}
    rows = [rows[0], *(r + [""] * len(more) for r in rows[1:]), [person[c] for c in rows[0]]]
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out, delimiter=";").writerows(rows)
    toml = (place / "wave.toml").read_text("utf-8")
    toml = toml.replace("[columns]", "[columns]\n" + "".join(f'{c} = "{c}"\n' for c in more), 1)
    toml += f"\n[[waivers]]\nfault = \"straight_lining\"\nreason = '''{FORMULA} {SCRIPT}'''\n"
    toml = re.sub(r"\nsha256 = .*", "", toml)  # the export is another now
    (place / "wave.toml").write_text(toml, "utf-8")
    plan = (folder / "study.toml").read_text("utf-8")
    (folder / "study.toml").write_text(
        plan.replace('treated_short = "Attended"', f'treated_short = "Attended{SCRIPT}"')
    )


def run(folder, *words, checkout=None):
    given = {k: v for k, v in os.environ.items() if not k.startswith("EVALUATION_")}
    given |= {"HOME": str(folder.parent), "EVALUATION_KEY_FILE": str(folder.parent / "key"), "OMP_NUM_THREADS": "1"}
    if checkout is not None:
        given["PYTHONPATH"] = str(checkout / "src")
    line = [sys.executable, "-m", "evaluation.cli", "run", "--draft", "--date", "2026-07-04", *words]
    return subprocess.run(line, cwd=folder, env=given, capture_output=True, check=False)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good") / "study"
    folder.mkdir()
    plant(folder)
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done


def contents(path):
    """Yield (name, bytes) of a file and of everything packed inside it: workbook members, streams of a PDF or PNG."""
    raw = path.read_bytes()
    yield path.name, raw
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            yield from ((f"{path.name}!{name}", book.read(name)) for name in book.namelist())
    if path.suffix == ".pdf":
        for stream in re.findall(rb"stream\r?\n(.*?)endstream", raw, re.S):
            try:
                yield f"{path.name}!stream", zlib.decompress(stream)
            except zlib.error:
                continue
    if path.suffix == ".png":
        for kind, body in png_chunks(raw):
            yield f"{path.name}!{kind}", body


def png_chunks(raw):
    place = 8
    while place < len(raw):
        size = int.from_bytes(raw[place : place + 4], "big")
        kind = raw[place + 4 : place + 8].decode()
        yield kind, raw[place + 8 : place + 8 + size]
        place += 12 + size


def found_in(content):
    plain = content.lower()
    spread = plain.replace(b"\0", b"")
    return [n for n in NEEDLES if n.encode() in plain or n.encode() in spread]


def sought(folder):
    """Return (file, what) for each planted value in any byte under a folder."""
    return [
        (name, hit)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
        for name, body in contents(path)
        for hit in found_in(body)
    ]


def test_the_planted_person_was_read(good):
    """The search below would find nothing if nobody had been planted."""
    folder, _ = good
    kept = folder / "data_raw" / ".identifiers" / f"{WAVE}.parquet"
    assert "quillfeather" in found_in(kept.read_bytes())
    design = waves.read_design(study.load(folder / "study.toml"), WAVE)
    assert f"{WAVE}-{PLANTED['resp_id']}" in design.index


def test_no_byte_of_a_good_run_holds_the_planted_person(good):
    folder, done = good
    assert found_in(done.stdout) == []
    assert found_in(done.stderr) == []
    assert len(list((folder / "reports").rglob("*"))) > 100
    assert sought(folder / "reports") == []


def test_stages_hold_no_contact_and_are_for_their_owner_alone(good):
    """A respondent's number is the index of the private stages; no contact, text or link code is in any of them."""
    folder, _ = good
    number = PLANTED["resp_id"].lower()
    assert {hit for _, hit in sought(folder / "data_processed")} <= {number}
    stages = folder / "data_processed"
    for path in stages.rglob("*"):
        way = [path, *(p for p in path.parents if p.is_relative_to(stages) and p != stages)]
        assert any(p.stat().st_mode & 0o077 == 0 for p in way), path.name


def test_words_of_the_study_cannot_inject_html_or_run_in_a_spreadsheet(good):
    report = good[0] / "reports" / f"2026-07-04_{WAVE}"
    for path in report.rglob("*.html"):
        assert "<script>alert" not in path.read_text("utf-8"), path.name
    for path in report.rglob("*.csv"):
        with path.open(newline="", encoding="utf-8") as held:
            cells = [c for row in csv.reader(held) for c in row]
        risky = [c for c in cells if c[:1] in ("=", "@", "\t") or (c[:1] in "+-" and not is_number(c) and c)]
        assert risky == [], (path.name, risky[:3])
    import openpyxl

    book = openpyxl.load_workbook(report / "results.xlsx")
    formulas = [c.coordinate for sheet in book for row in sheet.iter_rows() for c in row if c.data_type == "f"]
    assert formulas == []


def is_number(text):
    return bool(re.fullmatch(r"[+-]?\d[\d,.]*(e[+-]?\d+)?%?", text, re.I))


def test_no_file_says_who_made_it_or_where(good):
    """Images and workbooks carry no name, machine or folder; nor does anything else in the report."""
    folder, _ = good
    report = folder / "reports" / f"2026-07-04_{WAVE}"
    private = [str(folder).encode(), str(ROOT).encode()]
    if len(os.uname().nodename) > 5:  # a shorter name may stand anywhere by chance
        private.append(os.uname().nodename.encode())
    for path in sorted(p for p in report.rglob("*") if p.is_file()):
        for name, body in contents(path):
            assert not any(p in body for p in private), name
    for path in report.rglob("*.png"):
        kinds = {kind for kind, _ in png_chunks(path.read_bytes())}
        assert kinds <= {"IHDR", "PLTE", "tRNS", "pHYs", "IDAT", "IEND", "sRGB", "gAMA", "bKGD"}, (path.name, kinds)
    import openpyxl

    about = openpyxl.load_workbook(report / "results.xlsx").properties
    assert about.lastModifiedBy in (None, "")
    assert about.creator in (None, "", "openpyxl", "evaluation", "not stated")


# ---- the worst day ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["ValueError", "AssertionError"])
def test_no_byte_of_a_failed_run_holds_the_planted_person(tmp_path, error):
    folder, checkout = tmp_path / "study", tmp_path / "checkout"
    folder.mkdir()
    plant(folder)
    for name in ("src", "notebooks"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    (checkout / "data_raw").mkdir()
    shutil.copy(ROOT / "data_raw" / "codebook.yaml", checkout / "data_raw" / "codebook.yaml")
    with (checkout / "src" / "evaluation" / "analysis" / "level_tables.py").open("a") as broken:
        broken.write(BROKEN.format(error=error))
    done = run(folder, checkout=checkout)
    assert done.returncode == 1
    said = (done.stdout + done.stderr).decode()
    assert "05_do_attendees" in said
    assert error in said
    assert "Traceback" not in said
    assert found_in(done.stdout + done.stderr) == []
    kept = list((folder / "reports" / ".failed").rglob("*.ipynb"))
    assert kept
    assert sought(folder / "reports") == []
    marked = {p.stem[:2] for p in kept if "failed-here" in p.read_text("utf-8")}
    assert "05" in marked  # one that ran beside it and was stopped may be marked too


# ---- the attack ---------------------------------------------------------------------------------------------------


def test_an_attacker_with_every_published_count_finds_no_small_cell(good):
    """Whole numbers, a solver apart from the gate's, and every sum that the tables imply: nobody small is pinned."""
    folder, _ = good
    plan = study.load(folder / "study.toml")
    report = folder / "reports" / f"2026-07-04_{WAVE}"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("EVALUATION_STAGE", raising=False)
        offered = waves.load_published(plan, WAVE)
    truth, exact, sums = {}, set(), set()
    for exhibit in offered:
        sums |= {(total, tuple(parts)) for total, parts in exhibit.sums}
        for item in exhibit.items:
            r = item.result
            if isinstance(r, Count):
                truth[r.key] = r.n
                exact |= {r.key} if r.public or not r.sensitive else set()
            elif isinstance(r, Measure) and not r.public:
                truth |= dict(r.counts)
    rows = {r["id"]: r for r in results(report)}
    published = {}
    for exhibit in offered:
        for item in exhibit.items:
            r = item.result
            if isinstance(r, Count) and rows[r.id]["status"] == "shown":
                published[r.key] = int(float(rows[r.id]["n"]))
    small = {k for k, n in truth.items() if n < plan.disclosure.threshold and k not in exact}
    assert len(small) > 30
    assert not small & published.keys(), "a small count was printed"
    for key, low, high in attacked(truth, exact, published, sums, small):
        assert low <= 1, (key, low, high)
        assert high >= plan.disclosure.threshold, (key, low, high)


def results(report):
    with (report / "results.csv").open(newline="", encoding="utf-8") as held:
        return list(csv.DictReader(held))


def attacked(truth, exact, published, sums, small):
    """Yield the least and most that each small cell can be, given what is printed."""
    keys = list(dict.fromkeys([*truth, *(k for t, p in sums for k in (t, *p))]))
    place = {k: i for i, k in enumerate(keys)}
    low, high = np.zeros(len(keys)), np.full(len(keys), np.inf)
    for key, n in published.items():
        half = 0 if key in exact else 2
        low[place[key]], high[place[key]] = max(0, n - half), n + half
    matrix = np.zeros((len(sums), len(keys)))
    for line, (total, parts) in enumerate(sorted(sums)):
        matrix[line, place[total]] -= 1
        for part in parts:
            matrix[line, place[part]] += 1
    held = LinearConstraint(matrix, 0, 0)
    for key in sorted(small):
        ends = []
        for sign in (1, -1):
            cost = np.zeros(len(keys))
            cost[place[key]] = sign
            found = milp(cost, integrality=np.ones(len(keys)), bounds=Bounds(low, high), constraints=held)
            assert found.status in (0, 3, 4), found.message
            ends.append(sign * found.fun if found.status == 0 else (0 if sign > 0 else np.inf))
        yield key, *ends


def test_every_number_of_people_in_the_results_is_rounded_or_public(good):
    folder, _ = good
    report = folder / "reports" / f"2026-07-04_{WAVE}"
    offered = waves.load_published(study.load(folder / "study.toml"), WAVE)
    public = {
        i.result.id
        for e in offered
        for i in e.items
        if getattr(i.result, "public", False) or not getattr(i.result, "sensitive", True)
    }
    for row in results(report):
        if row["n"] and row["id"] not in public:
            assert float(row["n"]) % 5 == 0, row["id"]


def test_the_manifest_counts_what_was_hidden_and_by_which_rule(good):
    manifest = json.loads((good[0] / "reports" / f"2026-07-04_{WAVE}" / "manifest.json").read_text("utf-8"))
    assert set(manifest["suppressions"]) == {"threshold", "secondary", "base", "dominance", "share"}
    assert manifest["suppressions"]["threshold"] > 0
    assert manifest["audit"]["recovered"] == 0
    assert manifest["audit"]["attacked"] > 0
