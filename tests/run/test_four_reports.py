"""Four whole reports, of truths that rise, fall, stand still and are too small, read as a board member would."""

import csv
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import run_study
from run_study import ROOT, shared

from evaluation.report import chart_titles, checks, front_page, phrases, too_small
from evaluation.verdict import UNCERTAIN

FIRST = {
    "higher": "Among Black respondents, confidence in the police was higher than in 2022.",
    "lower": "Among Black respondents, confidence in the police was lower than in 2022.",
    "null": "We do not know whether confidence in the police among Black respondents changed since 2022.",
    "too_small": "We cannot say whether confidence in the police among Black respondents changed",
}


def made(truth, tmp_path_factory):
    """Return the finished report of a truth, made once for all workers."""

    def build(folder):
        from evaluation import synthetic

        synthetic.make(Path(truth), folder / "study")
        plan = (ROOT / "study.toml").read_text("utf-8")
        for long, short in (("draws = 199", "draws = 19"), ("draws = 200", "draws = 20")):
            assert long in plan
            plan = plan.replace(long, short)
        (folder / "study" / "study.toml").write_text(plan, "utf-8")
        done = run_study.run(folder / "study", "run", "--draft", "--date", "2026-07-04")
        return done.returncode, done.stderr

    (status, said), folder = shared(tmp_path_factory, f"truth-{truth}", build)
    assert status == 0, said
    return folder / "study" / "reports" / "latest"


@pytest.fixture(scope="module", params=list(FIRST))
def report(request, tmp_path_factory):
    return request.param, made(request.param, tmp_path_factory)


def html(folder):
    return (folder / "index.html").read_text("utf-8")


def section(folder, anchor="s1"):
    found = re.search(rf'<section id="{anchor}".*?</section>', html(folder), re.S).group()
    return checks.text(re.sub(r'<p class="[^"]*screen[^"]*".*?</p>', "", found, flags=re.S))


def results(folder):
    with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
        return {r["id"]: r for r in csv.DictReader(file)}


def test_the_first_line_is_the_answer_for_the_verdict_at_hand(report):
    truth, folder = report
    assert section(folder).splitlines()[1].startswith(FIRST[truth])
    verdict = results(folder)["change.conf_overall.black.w2025"]["verdict"]
    expected = {"higher": ("higher",), "lower": ("lower",), "null": UNCERTAIN, "too_small": ("too few to report",)}
    assert verdict in expected[truth]


def test_page_one_uses_words_for_signs_and_no_tens(report):
    _, folder = report
    text = section(folder)
    assert "\N{MINUS SIGN}" not in text
    assert not re.search(r"\bminus\b|\bless\b(?! than)|\d+ in 10(?! )", text.replace("times in 10", ""))


def test_the_paragraph_to_quote_has_at_most_sixty_words(report):
    _, folder = report
    quoted = re.search(r"<blockquote>(.*?)</blockquote>", html(folder), re.S).group(1)
    text = " ".join(re.sub(r"<[^>]+>", "", quoted).split())
    assert len(text.split()) <= front_page.MOST_QUOTED
    assert "Draft" in text


def test_a_number_has_the_same_digits_everywhere(report):
    truth, folder = report
    rows, text = results(folder), checks.text(html(folder))
    if truth == "too_small":
        return
    for id in ("level.conf_overall.black.w2025", "level.conf_overall.black.w2022"):
        share, base = rows[id]["text"].split(" (")[0], rows[id]["n_text"]
        assert f"{share} of {base}" in text.replace("In 2022, ", "")
    change = rows["changeshare.conf_overall.black.w2025"]
    value = change["text"].split(" (")[0].lstrip("\N{MINUS SIGN}")
    said = re.findall(r"Black respondents, 2025 against 2022: most likely (\d+) points", text)
    assert said
    assert set(said) == {value}


def test_chart_titles_have_ten_words_at_most(report):
    _, folder = report
    for title in re.findall(r"<figcaption><strong>(.*?)</strong>", html(folder), re.S):
        words = re.sub(r"<[^>]+>", "", title).split()
        assert len(words) <= chart_titles.MOST_WORDS, title


def test_sentences_that_readers_could_not_parse_are_gone(report):
    _, folder = report
    text = checks.text(html(folder)) + checks.text((folder / "annex.html").read_text("utf-8"))
    for phrase in ("claims no cause here", "is to be had", "small difference is absent", "at so many times the rate"):
        assert phrase not in text
    assert not re.search(r"\bHas I\b|differ in I\b|\bless all other", text)
    assert "--draft" not in checks.text(html(folder))


def test_sentences_of_page_one_are_short(report):
    _, folder = report
    text = "\n".join(x for x in section(folder).splitlines() if not x.startswith("Where the numbers"))
    assert not [str(b) for b in phrases.too_long(text)]


@pytest.mark.skipif(not shutil.which("pdfinfo"), reason="needs poppler-utils")
def test_the_pdf_keeps_its_pages_and_page_one_ends_with_what_may_be_quoted(report):
    truth, folder = report
    told = subprocess.run(["pdfinfo", folder / "index.pdf"], capture_output=True, text=True, check=True).stdout
    pages = int(re.search(r"Pages:\s+(\d+)", told)[1])
    assert pages == 2 if truth == "too_small" else pages <= 8
    first = subprocess.run(["pdftotext", "-l", "1", folder / "index.pdf", "-"], capture_output=True, check=True).stdout
    assert front_page.REUSE in " ".join(first.decode().split())


def test_a_report_too_small_has_its_own_form(tmp_path_factory):
    folder = made("too_small", tmp_path_factory)
    page = html(folder)
    assert re.findall(r'<h2 id="s\d-h">\d ([^<]+)</h2>', page) == list(too_small.TITLES)
    assert "<figure" not in page
    assert "<table" not in page
    assert re.search(r"fewer than 30 Black respondents|about \d+ Black respondents", section(folder))


def test_an_unknown_truth_is_refused_by_name(tmp_path):
    done = run_study.run(ROOT, "synthesise", "--truth", "sideways", "--folder", tmp_path / "x", cwd=tmp_path)
    assert done.returncode != 0
    assert "sideways" in done.stderr
