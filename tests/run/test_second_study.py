"""A second study that nobody here wrote goes all the way through the command line; the library knows no study by name.

The 1996 American National Election Study extract that statsmodels carries: 944 people, much against little television
news, adjusted for age, education and income, one stated attitude compared; no margins, no registers, no sessions.
"""

import ast
import csv
import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.plan import study

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "evaluation"
EDUCATION = [
    "1-8 grades",
    "Some high school",
    "High school graduate",
    "Some college",
    "College degree",
    "Master's degree",
    "PhD",
]
LEANING = [
    "Extremely liberal",
    "Liberal",
    "Slightly liberal",
    "Moderate",
    "Slightly conservative",
    "Conservative",
    "Extremely conservative",
]


def levels(words):
    return "".join(f'    "{i}": "{w}"\n' for i, w in enumerate(words, 1))


CODEBOOK = f"""
codebook_version: "1"
missing_codes:
  "-9": "Left blank"
  "-5": "Not asked"
levels:
  leaning:
{levels(LEANING)}  schooling:
{levels(EDUCATION)}  watched:
    "little": "Two days a week or fewer"
    "some": "Three to five days a week"
    "much": "Six or seven days a week"
tables:
  survey:
    grain: "a respondent"
    key: ["resp_id"]
    vars:
      - {{name: wave, label: "Wave", type: id, role: id, req: always}}
      - {{name: resp_id, label: "Respondent", type: id, role: id, req: always}}
      - {{name: tv_news, label: "Days a week of television news", type: category, levels: watched, role: treatment, req: always}}
      - {{name: age, label: "Age", type: integer, role: design, min: 18, max: 110, quasi: true, req: always}}
      - {{name: educ, label: "Schooling", type: ordinal, levels: schooling, role: design, req: always}}
      - {{name: income, label: "Income bracket", type: integer, role: design, min: 1, max: 24, req: always}}
      - {{name: self_lr, label: "Where people place themselves", type: ordinal, levels: leaning, role: outcome, req: always}}
      - {{name: clin_lr, label: "Where people place the president", type: ordinal, levels: leaning, role: outcome}}
"""
FILLED = {
    "FILL IN: the question the study asks": "Do people who watch much television news place themselves further right?",
    "FILL IN: whose programme it is": "the broadcasters",
    "FILL IN: its short name": "television news",
    "FILL IN: its full name": "National television news",
    "FILL IN: where": "the United States",
    "FILL IN: people who took part": "people who watched much television news",
    "FILL IN: people who did not take part": "people who watched little television news",
    "FILL IN: what is done, by whom, for whom, and how it is meant to work, in about 120 words": "News is broadcast every evening by the national networks and seen by most adults.",
    "FILL IN: one column of the codebook with role outcome": "self_lr",
    "FILL IN: why this one": "everybody was asked to place themselves",
    "FILL IN: the column with role treatment that says who took part": "tv_news",
    'treated = ["yes"]': 'treated = ["much"]',
    'untreated = ["no"]': 'untreated = ["little"]',
    '"FILL IN: a column with role design" = "FILL IN: why taking part cannot have changed it"': 'age = "age is not moved by news"\neduc = "completed before"\nincome = "not moved by news"',
    "FILL IN: the covariates that go most with the outcome": "educ",
    '"W2026"': '"W1996"',
    "positive = [4, 5]": "positive = [5, 6, 7]",
    '"Took part"': '"Much news"',
    '"Did not take part"': '"Little news"',
}


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """Return a function that runs `evaluation` in a folder outside the repository: (exit status, all it printed)."""
    home = tmp_path_factory.mktemp("home")
    given = {k: v for k, v in os.environ.items() if not k.startswith("EVALUATION_")}
    given |= {"HOME": str(home), "EVALUATION_KEY_FILE": str(home / "key"), "OMP_NUM_THREADS": "1"}

    def run(folder, *words):
        line = [sys.executable, "-m", "evaluation.cli", *map(str, words)]
        done = subprocess.run(line, cwd=folder, env=given, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture(scope="module")
def begun(tmp_path_factory, command):
    """Return the folder of the second study, planned, with its wave proposed, and what the command said on the way."""
    from statsmodels.datasets import anes96

    outside = tmp_path_factory.mktemp("outside")
    export = outside / "anes96.csv"
    anes96.load_pandas().data.to_csv(export, index=False)
    said = {"init": command(outside, "init", "news")}
    folder = outside / "news"
    said["empty"] = command(folder, "check")
    (folder / "data_raw" / "codebook.yaml").write_text(CODEBOOK, "utf-8")
    plan = (folder / "study.toml").read_text("utf-8")
    for blank in sorted(FILLED, key=len, reverse=True):
        assert blank in plan, blank
        plan = plan.replace(blank, FILLED[blank])
    (folder / "study.toml").write_text(plan, "utf-8")
    said["no wave"] = command(folder, "check")
    said["too early"] = command(folder, "run")
    said["add"] = command(folder, "add-wave", export, "--wave", "W1996")
    return folder, said


@pytest.fixture(scope="module")
def confirmed(begun, command):
    """Return the study with its map read and confirmed, as a person would: numbers explained, news cut into levels."""
    folder, said = begun
    path = folder / "data_raw" / "waves" / "W1996" / "wave.toml"
    text = path.read_text("utf-8").replace("confirmed = false", "confirmed = true").replace('# "#row"', '"#row"')
    text = text.replace('"SAY WHY"', '"no part of the question"')
    text = re.sub(r"\n# or, where the numbers are amounts.*?\n# levels = [^\n]*", "", text, flags=re.S)
    text = re.sub(
        r"\n\[labels\.tv_news\][^\[]*",
        '\n[bands.tv_news]\ncuts = [3, 6]\nlevels = ["little", "some", "much"]\n\n',
        text,
    )
    path.write_text(re.sub(r'# ("(\d)\.0") =.*', r'\1 = "\2"', text), "utf-8")
    said["check"] = command(folder, "check")
    return folder, said


def test_each_step_that_is_not_done_yet_says_what_to_do(begun):
    _, said = begun
    assert said["init"][0] == 0
    status, text = said["empty"]
    assert status == 2
    assert "study.title: still to be filled in" in text
    for step, todo in (("no wave", "evaluation add-wave EXPORT"), ("too early", "evaluation plan --freeze")):
        status, text = said[step]
        assert status == 2, text
        assert f"{todo} --wave W1996" in text


def test_the_wave_is_proposed_and_its_numbers_are_not_guessed(begun):
    folder, said = begun
    status, text = said["add"]
    assert status == 2, "the map is not confirmed yet"
    assert "'TVnews' → tv_news   (nearest, 83%: check it)" in text
    assert "'age' → age   (exact)" in text
    assert "'PID' → ?" in text
    assert text.count("stand here, and nothing says what they mean") == 4, "one fault for a column of numbers"
    assert "[bands.tv_news]" in text
    kept = folder / "data_raw" / "waves" / "W1996" / "anes96.csv"
    assert kept.read_bytes() == (folder.parent / "anes96.csv").read_bytes()
    wave = (kept.parent / "wave.toml").read_text("utf-8")
    assert '"#row" = "resp_id"' in wave
    assert "attendance_asked = true" in wave


def test_the_confirmed_wave_has_no_fault_and_everybody_is_in(confirmed):
    folder, said = confirmed
    status, text = said["check"]
    assert (status, text.splitlines()[0]) == (0, "No faults: plan, codebook, registers and waves W1996 can be used.")
    assert "Read of W1996: anes96.csv, 944 rows, 944 people" in text
    from statsmodels.datasets import anes96

    from evaluation.intake import waves

    days = anes96.load_pandas().data["TVnews"]
    design = waves.read_design(study.load(folder / "study.toml"), "W1996")
    assert len(design) == 944
    counts = design["tv_news"].value_counts()
    assert counts["little"] == (days < 3).sum()
    assert counts["much"] == (days >= 6).sum()
    assert counts.sum() == len(days)


@pytest.mark.slow
@pytest.mark.run
def test_the_second_study_gets_its_own_dated_report(confirmed, command):
    folder, _ = confirmed
    assert command(folder, "plan", "--freeze", "--date", "2026-07-01")[0] == 0
    status, text = command(folder, "run", "--date", "2026-07-04", "--draft")
    assert status == 0, text
    report = folder / "reports" / "2026-07-04_W1996"
    index, annex = (words_of(report / name) for name in ("index.html", "annex.html"))
    for page in (index, annex.replace("Do people who attended trust the police more?", "")):  # a notebook's title
        found = re.search(r"LPACT|Leicest|\bIAGs?\b|Race Action|officer|\b[Pp]olice", page)
        assert not found, page[max(0, found.start() - 60) : found.end() + 60]
    assert "about 945" in index
    assert "no population figures were given: every answer counts the same" in annex
    with (report / "results.csv").open(newline="") as held:
        rows = {r["id"]: r for r in csv.DictReader(held)}
    from statsmodels.datasets import anes96

    data = anes96.load_pandas().data
    much, little = (data.loc[m, "selfLR"].mean() for m in (data["TVnews"] >= 6, data["TVnews"] < 3))
    assert float(rows["attend.self_lr.all.w1996.unadjusted"]["value"]) == pytest.approx(much - little, abs=6e-5)
    assert float(rows["level.self_lr.all.w1996"]["value"]) == round(100 * (data["selfLR"] >= 5).mean())
    assert rows["attend.self_lr.all.w1996"]["n_text"].startswith("about ")
    assert {r["synthetic"] for r in rows.values()} == {"no"}
    assert_no_section_about_registers(report / "index.html")


def words_of(path):
    """Return the words of a page."""
    text = re.sub(r"<(style|script|svg)[^>]*>.*?</\1>", " ", path.read_text("utf-8"), flags=re.S)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


def assert_no_section_about_registers(path):
    """What people told us, what happened next, the wider picture, cost: the plan declares no register, so none stands."""
    titles = [words(h.split("</h2>")[0]) for h in re.split(r"<h2", path.read_text("utf-8"))[1:]]
    assert len(titles) > 5
    for absent in ("What people told us", "What happened next", "The wider picture", "Cost"):
        assert not [t for t in titles if absent in t], titles
    for page in ("sense-check.html", "practice-bank.html"):
        assert not path.with_name(page).exists()


def words(text):
    return re.sub(r"<[^>]+>", " ", text)


def test_what_is_absent_is_said_in_one_sentence_that_cannot_inject():
    from types import SimpleNamespace

    from evaluation import disclosure
    from evaluation.exhibit import Exhibit, Item, Text
    from evaluation.report import page_parts
    from evaluation.results import NotIdentified

    def refused(id, title, reason):
        return Exhibit(id, title, (Item("Not shown", "", NotIdentified(reason, "Supply it.", id=f"{id}.x")),))

    said = Exhibit("c", "Words", (Item("a", "b", Text("w", "yes")),))
    made = (
        refused("a", "What <b>it</b> cost", "no register of costs"),
        refused("b", "Events?", "no register of costs"),
        said,
    )
    rules = SimpleNamespace(threshold=10, rounding=5, least_base=30)
    checked = disclosure.protect(made, rules).exhibits
    assert [page_parts.is_refusal(e) for e in checked] == [True, True, False]
    text = str(page_parts.absent(list(checked[:2])).marked)
    assert re.sub(r"<[^>]+>", "", text) == (
        "Not answerable with this data: What &lt;b&gt;it&lt;/b&gt; cost, Events (no register of costs)."
    )
    assert 'data-result="a.x"' in text


# ---- the library knows no study ----------------------------------------------------------------------------------


ROOMS_OF_REGISTERS = (
    "analysis/programme/",
    "analysis/did/",
    "programme/",
    "statistics/",
    "intake/stop_search_records.py",
)
KNOWN_EVERYWHERE = {"resp_id", "wave"}  # the key of every survey table, whatever the study
TERMS = {"influence", "focus"}  # a term of statistics, and the plan's own word for the group a study is about


def texts_of(path):
    """Yield each string of a module's code (docstrings left out) with its line."""
    tree = ast.parse(path.read_text("utf-8"))
    told = {
        id(n.body[0].value)
        for n in ast.walk(tree)
        if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef) and n.body and isinstance(n.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value, node.lineno
        elif isinstance(node, ast.Attribute):
            yield node.attr, node.lineno


def test_the_library_knows_no_column_and_no_place_of_the_shipped_study():
    """Column names and places stand in study.toml and codebook.yaml. The columns of registers are the package's own
    form (codebook tables), so the rooms that read registers may name those; `synthetic` writes the shipped study."""
    plan = study.load(ROOT / "study.toml")
    book = plan.codebook
    columns = {*book.names(), *plan.derive, *plan.scales} - KNOWN_EVERYWHERE - TERMS
    of_registers = {name for table in book.tables if table != "survey" for name in book.names(table)}
    places = {str(x) for column in ("area", "ward_group") for x in book.levels(column)} - {"outside_llr"}
    assert {"conf_overall", "lpact_attended", "iag_attended", "trust_scale", "age5"} <= columns
    assert "leicester" in places
    for path in sorted(SRC.rglob("*.py")):
        where = path.relative_to(SRC).as_posix()
        if where.startswith("synthetic/"):
            continue
        allowed = of_registers if where.startswith(ROOMS_OF_REGISTERS) else set()
        for text, line in texts_of(path):
            assert text not in places, f"{where}:{line} knows the place {text!r}"
            assert text not in columns - allowed, f"{where}:{line} knows the column {text!r}"


def test_pages_and_notebooks_name_no_programme():
    shown = [*SRC.rglob("*.j2"), *(ROOT / "notebooks").glob("*.ipynb"), *(SRC / "report").glob("*.py")]
    assert len(shown) > 20
    for path in shown:
        found = re.search(r"\b(LPACT|lpact_\w+|Leicest\w*|IAGs?|Rutland)\b", path.read_text("utf-8"))
        assert not found, f"{path.name} names {found[0]}"
