"""The study end to end, on a small synthetic study: what a run leaves, and what it does when nothing changed."""

import csv
import html
import json
import os
import random
import re
import shutil
import subprocess
from functools import cache
from html.parser import HTMLParser

import pytest
import run_study
import table_schema
from run_study import ROOT, fingerprints, run

from evaluation.report.column_widths import BREAK
from evaluation.run import crate, scheduling

NOTEBOOKS = sorted(p.stem for p in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
WORDS = ("run", "--draft", "--date", "2026-07-04")
NOT_EQUAL = {"manifest.json", "ro-crate-metadata.json", "run.log"}


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Return a small study that was run once, and what the command said."""
    return run_study.small_report(tmp_path_factory)


@pytest.fixture(scope="session")
def report(made):
    return made[0] / "reports" / "2026-07-04_W2025"


def results(report):
    with (report / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        return {r["id"]: r for r in csv.DictReader(line for line in file if not line.startswith("#"))}


def copied(made, tmp_path):
    shutil.copytree(made[0].parent, tmp_path / "run", symlinks=True)
    return tmp_path / "run" / "study"


# ---- what a run leaves ------------------------------------------------------------------------------------------


def test_every_file_of_a_report_is_there(report):
    names = {p.relative_to(report).as_posix() for p in report.rglob("*") if p.is_file()}
    wanted = {
        "index.html",
        "annex.html",
        "sense-check.html",
        "practice-bank.html",
        "dossier.html",
        "results.csv",
        "results.xlsx",
        "results.schema.json",
        "manifest.json",
        "ro-crate-metadata.json",
        "run.log",
    }
    wanted |= {f"{n}.pdf" for n in ("index", "annex", "sense-check", "practice-bank", "dossier")}
    wanted |= {f"notebooks/{n}.{kind}" for n in NOTEBOOKS for kind in ("html", "ipynb")}
    assert wanted <= names, wanted - names
    figures = {n.rsplit(".", 1)[0] for n in names if n.startswith("figures/")}
    assert len(figures) >= 10
    assert {f"{n}.{kind}" for n in figures for kind in ("svg", "png", "csv")} <= names
    assert not [n for n in names if n.split("/")[-1].startswith(".")]


def test_the_crate_describes_every_file_with_a_known_media_type(report):
    metadata = json.loads((report / "ro-crate-metadata.json").read_text("utf-8"))
    files = {e["@id"]: e for e in metadata["@graph"] if e["@type"] == "File"}
    assert set(files) == set(json.loads((report / "manifest.json").read_text("utf-8"))["outputs"])
    assert {f["encodingFormat"] for f in files.values()} <= set(crate.FORMATS.values())


def test_the_results_of_a_run_keep_to_their_schema(report):
    fields = {f["name"]: f for f in json.loads((report / "results.schema.json").read_text("utf-8"))["fields"]}
    rows = list(results(report).values())
    assert list(rows[0]) == list(fields)
    assert table_schema.faults(rows, fields) == []


def test_latest_is_a_relative_link_and_the_index_lists_the_report(made, report):
    assert os.readlink(made[0] / "reports" / "latest") == report.name
    assert report.name in (made[0] / "reports" / "index.html").read_text("utf-8")


def test_the_command_says_what_it_did(made):
    said = made[1].stdout.splitlines()
    lines = [line for line in said if re.match(r"\[ ?\d+/12\] ", line)]
    assert sorted(line.split()[1 if line.startswith("[1") else 2] for line in lines) == NOTEBOOKS
    assert all(re.search(r" \d+\.\d s", line) for line in lines)
    assert all(re.search(r"about \d+ s left", line) for line in lines[:-1])
    assert said[-4].startswith("Status: draft")
    assert "Verdict:" in said[-3]
    assert said[-2].startswith("Gates failed: ")
    assert said[-1] == "Report: reports/2026-07-04_W2025/index.html"
    log = (made[0] / "reports" / "latest" / "run.log").read_text("utf-8")
    assert all(name in log for name in NOTEBOOKS)


class Printed(HTMLParser):
    """Collect the ids and words of elements with `data-result`."""

    def __init__(self):
        super().__init__()
        self.found, self._open = [], []

    def handle_starttag(self, tag, attrs):
        ids = dict(attrs).get("data-result")
        if tag not in ("br", "img", "meta", "link", "hr", "input", "source", "use", "path", "rect", "circle", "line"):
            self._open.append([tag, ids, ""])

    def handle_data(self, data):
        for one in self._open:
            one[2] += data

    def handle_endtag(self, tag):
        while self._open:
            name, ids, words = self._open.pop()
            if ids:
                self.found.append((ids, " ".join(words.split())))
            if name == tag:
                break


@cache
def printed(page):
    reader = Printed()
    reader.feed(page.read_text("utf-8"))
    return reader.found


def numbers(text):
    plain = text.replace("\u2212", "-").replace(",", "")
    return [float(x) for x in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", plain)]


@pytest.mark.parametrize("page", ["index.html", "annex.html"])
def test_every_printed_result_stands_in_the_results(report, page):
    rows = results(report)
    found = printed(report / page)
    assert len(found) > 50
    assert {i for i, _ in found} <= rows.keys()


def test_numbers_picked_at_random_are_those_of_the_results(report):
    """Cells of tables hold one result each: value and interval are those of its row, as rounded for print."""
    rows = results(report)
    cells = [(i, t) for i, t in printed(report / "annex.html") if re.fullmatch(r"[£\u2212\d.,%]+( \(.* to .*\))?", t)]
    shown = [(i, t) for i, t in cells if rows[i].get("value")]
    assert len(shown) > 100
    for id, text in random.Random(20260704).sample(shown, 40):
        row = rows[id]
        kept = [float(row[c]) for c in ("value", "low", "high", "n") if row.get(c)]
        for number in numbers(text):
            places = (
                len(re.search(rf"{abs(number):g}(\.\d+)?", text.replace(",", ""))[0].partition(".")[2]) if text else 0
            )
            near = 0.5 * 10**-places + 1e-9
            assert any(abs(number - k) <= near for k in kept), (id, text, row["value"], row["low"], row["high"])


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="needs poppler-utils")
@pytest.mark.parametrize("page", ["index", "annex", "sense-check", "practice-bank", "dossier"])
def test_every_number_of_a_pdf_is_a_result_or_words_of_the_plan(report, page):
    """A number of a PDF is one of results.csv, or one of the plan's fixed words in the page, or on a chart's scale."""
    said = subprocess.run(["pdftotext", "-raw", report / f"{page}.pdf", "-"], capture_output=True, check=True)
    text = said.stdout.decode().replace(BREAK, "")
    published = tokens(" ".join(" ".join(row.values()) for row in results(report).values()))
    words = (report / f"{page}.html").read_text("utf-8")
    fixed = tokens(re.sub(r'<(\w+)[^>]*data-result="[^"]*"[^>]*>.*?</\1>', "", words, flags=re.S))
    scales = set().union(*(tokens(p.read_text("utf-8")) for p in (report / "figures").glob("*.svg")))
    furniture = {str(n) for n in range(1, text.count("\f") + 1)}
    found = tokens(text)
    assert found - published - fixed - scales - furniture == set()
    assert len(found & published) > (100 if page == "annex" else 3)


def tokens(text):
    plain = re.sub(r"<style.*?</style>|<[^>]+>", " ", text, flags=re.S)
    return set(re.findall(r"\d+(?:[.,]\d+)*", html.unescape(plain)))


@pytest.mark.skipif(not shutil.which("pdfinfo"), reason="needs poppler-utils")
@pytest.mark.parametrize(
    ("page", "most"), [("index", 8), ("annex", 90), ("sense-check", 4), ("practice-bank", 4), ("dossier", 12)]
)
def test_pdfs_are_tagged_titled_and_of_their_length(report, page, most):
    from pdfua import validate

    path = report / f"{page}.pdf"
    told = subprocess.run(["pdfinfo", path], capture_output=True, check=True).stdout.decode()
    about = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
    assert about["Tagged"].strip() == "yes"
    assert about["Title"].strip()
    assert about["CreationDate"].split()[:3] == ["Sat", "Jul", "4"]
    assert int(about["Pages"]) <= most
    assert b"/Lang(en-GB)" in path.read_bytes().replace(b"/Lang (", b"/Lang(")
    assert [f.message for f in validate(str(path)).findings] == []


def test_synthetic_stands_on_every_page_figure_and_row(report):
    for page in report.rglob("*.html"):
        assert re.search("synthetic", page.read_text("utf-8"), re.I), page.name
    for figure in (report / "figures").glob("*.svg"):
        assert re.search("synthetic", figure.read_text("utf-8"), re.I), figure.name
    for id, row in results(report).items():
        assert row["synthetic"] == "yes", id


def test_nothing_published_names_this_machine_or_a_respondent(made, report):
    place = str(made[0].parent).encode()
    for file in [p for p in report.rglob("*") if p.is_file()]:
        content = file.read_bytes()
        assert place not in content, file.name
        assert b".making-" not in content, file.name


def test_stages_are_private_and_the_raw_notebooks_stay_with_them(made):
    home = made[0] / "data_processed" / "W2025"
    assert {p.stem for p in (home / "notebooks").glob("*.ipynb")} == set(NOTEBOOKS)
    for path in home.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0 or path.suffix == ".ipynb", path
    assert home.stat().st_mode & 0o077 == 0


def test_the_manifest_says_what_each_notebook_took(report):
    rows = json.loads((report / "manifest.json").read_text())["notebooks"]
    assert [r["name"] for r in rows] == NOTEBOOKS
    assert all(r["seconds"] > 0 and r["code_cells"] > 1 for r in rows)
    assert all(r["peak_bytes"] > 50e6 for r in rows)


def test_no_notebook_sees_what_it_is_not_known_to_need():
    table = scheduling.after([ROOT / "notebooks" / f"{n}.ipynb" for n in NOTEBOOKS])
    behind = {n[:2]: {m[:2] for m in table if n in scheduling.upstream(m, table)} for n in table}
    assert behind["00"] == {n[:2] for n in NOTEBOOKS} - {"00"}
    assert behind["04"] == {"05", "06", "07", "08", "09", "10", "11"}
    assert behind["06"] == {"08", "09", "10", "11"}
    assert behind["11"] == set()
    more = scheduling.after([ROOT / "00_a.ipynb", ROOT / "40_new.ipynb"])
    assert more["40_new"] == ("00_a",), "an unknown notebook comes after all before it"


# ---- run again --------------------------------------------------------------------------------------------------


def test_nothing_changed_is_said_and_nothing_is_written(made):
    study = made[0]
    before = {p: p.lstat().st_mtime_ns for p in study.rglob("*")}
    done = run(study, *WORDS)
    assert done.returncode == 0
    assert "Nothing changed" in done.stdout
    assert done.stdout.splitlines()[-1] == "Report: reports/2026-07-04_W2025/index.html"
    assert {p: p.lstat().st_mtime_ns for p in study.rglob("*")} == before


def test_quiet_and_json_say_the_outcome_only(made):
    study = made[0]
    assert run(study, *WORDS, "--quiet").stdout == "Report: reports/2026-07-04_W2025/index.html\n"
    told = json.loads(run(study, *WORDS, "--json").stdout)
    assert told["unchanged"] is True
    assert told["page"] == "reports/2026-07-04_W2025/index.html"


def test_status_tells_where_the_study_stands(made):
    said = run(made[0], "status").stdout
    assert "2026-07-04_W2025" in said
    told = json.loads(run(made[0], "status", "--json").stdout)
    assert [w["id"] for w in told["waves"]] == ["W2022", "W2024", "W2025"]
    assert told["last_report"] == "2026-07-04_W2025"
    assert told["status"] == "draft"
    assert any("frozen plan" in m for m in told["missing"])


def test_only_one_notebook_runs_what_it_needs_and_makes_no_report(made, tmp_path):
    study = copied(made, tmp_path)
    before = fingerprints(study / "reports")
    done = run(study, *WORDS, "--only", "04")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    assert [re.search(r"\] (\d\d)_", line)[1] for line in lines] == ["00", "03", "04"]
    assert fingerprints(study / "reports") == before
    kept = study / "data_processed" / "W2025" / "only"
    assert {p.stem[:2] for p in (kept / "notebooks").iterdir()} == {"00", "03", "04"}
    assert (study / "data_processed" / "W2025" / "design.parquet").is_file(), "the run's own stages stay"
    assert run(study, *WORDS, "--only", "77").returncode == 2


@pytest.mark.slow
def test_a_changed_register_gives_the_day_a_second_report(made, tmp_path):
    study = copied(made, tmp_path)
    before = fingerprints(study / "reports" / "2026-07-04_W2025")
    register = study / "data_raw" / "registers" / "stop_search.csv"
    register.write_text(register.read_text() + "\n")
    done = run(study, *WORDS)
    assert done.returncode == 0, done.stderr
    assert os.readlink(study / "reports" / "latest") == "2026-07-04_W2025_2"
    assert fingerprints(study / "reports" / "2026-07-04_W2025") == before
    second = fingerprints(study / "reports" / "2026-07-04_W2025_2")
    assert {k for k in before if before[k] != second.get(k)} <= NOT_EQUAL, "a blank line changes no result"


@pytest.mark.slow
def test_the_same_bytes_whatever_the_machine_says(made, tmp_path):
    """Time zone, locale, folder, working directory, threads and hash seed differ; so does the order of the notebooks."""
    study = copied(made, tmp_path / "ano ther")
    first = fingerprints(study / "reports" / "2026-07-04_W2025")
    odd = {
        "TZ": "Pacific/Kiritimati",
        "LC_ALL": "C",
        "LANG": "C",
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2",
        "PYTHONHASHSEED": "12345",
        "EVALUATION_WORKERS": "2",
    }
    done = run(study, *WORDS, "--fresh", "--study", study / "study.toml", env=odd, cwd="/")
    assert done.returncode == 0, done.stderr
    second = fingerprints(study / "reports" / "2026-07-04_W2025_2")
    assert first.keys() == second.keys()
    assert {k for k in first if first[k] != second[k]} <= NOT_EQUAL


@pytest.mark.slow
def test_papermills_own_engine_in_the_plain_order_gives_the_same_bytes(made, tmp_path, monkeypatch):
    """Neither our engine nor leaving out what a notebook is not known to read changes a byte, figures included."""
    from pathlib import Path

    from evaluation.run import pipeline
    from evaluation.run.request import Request

    study = copied(made, tmp_path)
    for name, value in run_study.environment(study, EVALUATION_PLAIN_ENGINE="1").items():
        monkeypatch.setenv(name, value)
    request = Request(study / "study.toml", date="2026-07-04", draft=True, say=lambda _: None)
    with pipeline.rehearse(request, everything=True) as again:
        assert json.loads((Path(again) / "manifest.json").read_text())["notebooks"][0]["peak_bytes"] is None
        second = fingerprints(again)
    first = fingerprints(study / "reports" / "2026-07-04_W2025")
    assert first.keys() == second.keys()
    assert sum(k.startswith("figures/") for k in first) >= 30
    assert {k for k in first if first[k] != second[k]} <= NOT_EQUAL


@pytest.mark.slow
def test_several_studies_side_by_side_each_with_its_report(made, tmp_path):
    one, two = copied(made, tmp_path / "1"), copied(made, tmp_path / "2")
    broken = copied(made, tmp_path / "3")
    (broken / "data_raw" / "waves" / "W2024" / "wave.toml").unlink()
    studies = [w for s in (one, broken, two) for w in ("--study", s / "study.toml")]
    env = run_study.environment(one)
    assert run(one, *WORDS, "--study", one / "study.toml", env=env).returncode == 0
    done = run(one, *WORDS, *studies, "--json", env=env)
    assert done.returncode == 2, "the worst exit status of all"
    told = json.loads(done.stdout.splitlines()[-1])
    assert [t["exit_status"] for t in told] == [0, 2, 0]
    assert [t.get("unchanged") for t in told] == [True, None, True]
    assert "W2024" in done.stderr
