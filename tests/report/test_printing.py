"""Pages as PDFs: what they say, how their tables fit, what is refused, and the same bytes anywhere."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import report_study as study
from hypothesis import given
from hypothesis import strategies as st

from evaluation import disclosure
from evaluation.errors import CheckFailed
from evaluation.report import column_widths, html, pages, printing
from evaluation.report.page_parts import Block, Page, PageInputs, Section
from evaluation.report.tables import Cell, Table


def table(*rows, header=("What", "Value"), caption="A table", notes=()):
    lines = tuple((Cell(r[0], kind="head"), *(Cell(t) for t in r[1:])) for r in rows)
    return Table("t-x", caption, header, lines, notes)


def page(*blocks, kind="policy", title="A page"):
    return Page(kind, title, ("Made for a test.",), (Section("1", "Part", "s1", blocks),), ("The team",))


def inputs():
    checked = disclosure.protect(study.exhibits(), study.plan().disclosure)
    return PageInputs(checked, study.context(), html.draw_all(checked, study.context()))


def said(pdf, tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf)
    done = subprocess.run(["pdftotext", "-layout", tmp_path / "a.pdf", "-"], capture_output=True, check=True)
    return " ".join(done.stdout.decode().replace(column_widths.BREAK, "").split())


poppler = pytest.mark.skipif(not shutil.which("pdftotext"), reason="needs poppler-utils")


@poppler
def test_a_pdf_says_what_every_kind_of_block_says(tmp_path):
    whole = pages.policy(inputs())
    kinds = {b.kind for s in whole.sections for b in s.blocks}
    assert {"lines", "para", "bullets", "two", "quote", "words", "figures", "html"} <= kinds
    text = said(printing.pdf("index", whole, study.context()), tmp_path)
    ctx = study.context()
    for words in (ctx.stamp(), ctx.wave, "Page 1 of", *(s.title for s in whole.sections)):
        assert words in text, words
    assert "data-result" not in text


@poppler
def test_words_are_words_whatever_signs_they_hold(tmp_path):
    odd = "#let x = 1 *bold* _it_ $a$ <b> @ref [x] \\ `y` // no // “q” 5 % & ~ -- ..."
    made = printing.pdf("x", page(Block("para", [odd]), Block("html", table((odd, odd)))), study.context())
    assert said(made, tmp_path).count("#let x = 1 *bold* _it_ $a$ <b> @ref [x]") >= 2


def test_a_header_is_repeated_on_every_page_of_a_long_table(tmp_path):
    rows = [(f"Row {k}", f"value {k}") for k in range(200)]
    made = printing.pdf("x", page(Block("html", table(*rows, header=("Rows", "Values")))), study.context())
    (tmp_path / "a.pdf").write_bytes(made)
    shown = subprocess.run(["pdftotext", "-layout", tmp_path / "a.pdf", "-"], capture_output=True, check=True).stdout
    every = shown.decode().split("\f")[:-1]
    assert len(every) > 2
    assert all("Values" in one for one in every if "Row" in one)


# ---- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alt", ["", "  "])
def test_a_chart_without_alternative_text_stops_the_build_in_one_sentence(alt):
    given = inputs()
    chart = next(b for s in pages.policy(given).sections for b in s.blocks if b.kind == "figures").content[0]
    spoilt = replace(chart, figure=replace(chart.figure, alt=alt))
    with pytest.raises(CheckFailed, match=r"^index\.pdf cannot be made: the chart “.+” has no alternative text\. Mend"):
        printing.pdf("index", page(Block("figures", [spoilt])), study.context())


@pytest.mark.parametrize("header", [(), ("What", ""), ("What", "  ")])
def test_a_table_without_a_header_stops_the_build_in_one_sentence(header):
    rows = [("a", "b")] if header else []
    with pytest.raises(CheckFailed, match="the table “Of a thing” has a column without a header"):
        printing.pdf("annex", page(Block("html", table(*rows, header=header, caption="Of a thing"))), study.context())


def test_what_typst_itself_refuses_is_said_in_one_sentence(monkeypatch):
    def spoilt(files, **words):
        return compiled({**files, "main": files["main"].replace(b"alt: b.alt", b"alt: none")}, **words)

    compiled = printing.typst.compile
    monkeypatch.setattr(printing.typst, "compile", spoilt)
    with pytest.raises(CheckFailed, match=r"index\.pdf cannot be made: PDF/UA-1 error: .*alt") as failed:
        printing.pdf("index", pages.policy(inputs()), study.context())
    assert "\n" not in str(failed.value)


def test_a_drawing_that_cannot_be_read_is_said():
    given = inputs()
    chart = next(b for s in pages.policy(given).sections for b in s.blocks if b.kind == "figures").content[0]
    spoilt = replace(chart, figure=replace(chart.figure, wide=b"<svg"))
    with pytest.raises(CheckFailed, match=r"index\.pdf cannot be made: failed to parse"):
        printing.pdf("index", page(Block("figures", [spoilt])), study.context())


def test_a_typeface_that_is_not_there_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(printing, "FONTS", tmp_path)
    with pytest.raises(CheckFailed, match=r"typeface of the PDFs is not there \(DejaVuSans\.ttf\)"):
        printing.pdf("x", page(), study.context())


# ---- widths -----------------------------------------------------------------------------------------------------

WORDS = st.text("abcdefghijklmnopqrstuvwxyzäéß0123456789%().,-", min_size=1, max_size=22)
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)


@given(st.integers(1, 9).flatmap(lambda n: st.lists(st.tuples(*[TEXTS] * n), min_size=1, max_size=6)))
def test_no_word_of_a_table_is_wider_than_its_column(rows):
    one = table(*rows, header=tuple(f"Column {k}" for k in range(len(rows[0]))))
    widths, size, across = column_widths.layout(one)
    room = column_widths.LANDSCAPE if across else column_widths.PORTRAIT
    assert sum(widths) <= room + 1
    if sum(widths) < room - 1 or size > column_widths.SMALLER[-1]:
        for k, width in enumerate(widths):
            words = [
                w for r in one.rows for w in column_widths.parted(r[k].text).replace(column_widths.BREAK, " ").split()
            ]
            assert all(column_widths._width(w, size, False) <= width for w in words)


def test_a_wide_table_goes_across_and_a_narrow_one_stands_upright():
    assert column_widths.layout(table(("a", "b")))[2] is False
    wide = table(("a", *["words that take up room"] * 9), header=tuple(f"A long header {k}" for k in range(10)))
    assert column_widths.layout(wide)[2] is True
    grid = table(("a", "", ""), header=("Theme", "Right", "Words"))
    blank = replace(grid, rows=((Cell("a", kind="head"), Cell("", kind="blank"), Cell("", kind="blank")),))
    assert sum(column_widths.layout(blank)[0]) == pytest.approx(column_widths.PORTRAIT, abs=0.2)


def test_ids_may_break_after_a_point_and_words_nowhere():
    assert column_widths.parted("level.conf_overall.all").count(column_widths.BREAK) == 3
    for words in ("self-completed", "2.5 to 3.5", "e.g.", "and/or", "well-being"):
        assert column_widths.parted(words) == words


# ---- bytes ------------------------------------------------------------------------------------------------------

MAKE = """
import hashlib, sys
sys.path[:0] = sys.argv[1:]
import test_printing as t
print(hashlib.sha256(t.printing.pdf("index", t.pages.policy(t.inputs()), t.study.context())).hexdigest())
"""
ODD = {
    "TZ": "Pacific/Kiritimati",
    "LC_ALL": "C",
    "LANG": "de_DE.UTF-8",
    "HOME": "/nowhere",
    "XDG_CONFIG_HOME": "/nowhere",
    "RAYON_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "2",
    "PYTHONHASHSEED": "7",
    "SOURCE_DATE_EPOCH": "1",
    "TYPST_FONT_PATHS": "/nowhere",
}


@pytest.mark.slow
def test_a_pdf_has_the_same_bytes_on_another_machines_settings(tmp_path):
    here = (str(Path(__file__).parent), str(Path(study.__file__).parent))
    made = set()
    for env in ({}, ODD):
        settings = {**os.environ, "MPLCONFIGDIR": str(tmp_path), **env}
        done = subprocess.run(
            [sys.executable, "-c", MAKE, *here], env=settings, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        made.add(done.stdout)
    assert len(made) == 1
