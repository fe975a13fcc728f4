"""Finished pages in headless Chromium: axe-core at three widths and in print, no sideways scrolling, PDF length."""

from __future__ import annotations

import html as escaping
import json
import os
import re
import shutil
from importlib import resources

import pytest
import report_study as study

from evaluation import disclosure
from evaluation.report import browser, html, printing

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not browser.find() and os.environ.get("EVALUATION_REQUIRE_BROWSER") != "1", reason="Chromium is not installed"
    ),
]
PAGES = ("index.html", "annex.html", "sense-check.html", "practice-bank.html", "notebooks/05_what.html")
FRAMES = {"320": (320, "screen"), "768": (768, "screen"), "1280": (1280, "screen"), "print": (794, "print")}
ASK = """
window.addEventListener("load", async () => {
  const out = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentWindow, root = page.document.documentElement;
    const found = await page.axe.run(page.document, {resultTypes: ["violations"]});
    out[frame.id] = {
      violations: found.violations.map(v => v.id + ": " + v.nodes.slice(0, 2).map(n => n.html.slice(0, 160)).join(" | ")),
      passes: found.passes.length, sideways: root.scrollWidth - root.clientWidth,
      images: [...page.document.images].map(i => i.naturalWidth > 50 && i.currentSrc.startsWith("data:image/svg")),
    };
  }
  const pre = document.createElement("pre");
  pre.id = "found"; pre.textContent = JSON.stringify(out); document.body.append(pre);
});
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished report with PDFs and one notebook."""
    from nbformat import v4

    made = tmp_path_factory.mktemp("report")
    display = v4.new_output("display_data", {"text/plain": "x"}, metadata={"evaluation": {"exhibit": "levels.trio"}})
    notebook = v4.new_notebook(
        cells=[
            v4.new_markdown_cell("# What do people answer?\n\nWords.\n\n## How\n\n| a | b |\n|---|---|\n| c | d |"),
            v4.new_code_cell("report.publish(plan, wave, exhibit)", outputs=[display]),
        ]
    )
    checked = disclosure.protect(study.exhibits(), study.plan().disclosure)
    html.write_report(checked, study.context(), made, notebooks={"05_what": notebook})
    return made


def seen(page, folder):
    """Return what axe finds in a page at each width and in print, from one run of the browser."""
    axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
    source = (folder / page).read_text("utf-8").replace("</head>", f"<script>{axe}</script></head>", 1)
    frames = []
    for name, (width, medium) in FRAMES.items():
        shown = source.replace("@media print{", "@media all{") if medium == "print" else source
        frames.append(
            f'<iframe title="{name}" id="{name}" style="width:{width}px;height:900px;border:0" '
            f'srcdoc="{escaping.escape(shown)}"></iframe>'
        )
    probe = folder / "probe.html"
    probe.write_text(f"<!DOCTYPE html><title>probe</title><script>{ASK}</script>{''.join(frames)}", "utf-8")
    done = browser.run(
        "--window-size=1400,1000", "--virtual-time-budget=60000", "--dump-dom", probe.as_uri(), seconds=300
    )
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout.decode(), re.S)
    assert found, "the browser gave no answer"
    return json.loads(escaping.unescape(found[1]))


@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_at_any_width_or_in_print(folder, page):
    for name, answer in seen(page, folder).items():
        assert answer["violations"] == [], f"{page} at {name}"
        assert answer["passes"] > 15, f"{page} at {name}"
        assert answer["sideways"] <= 0, f"{page} at {name} scrolls sideways"
        assert all(answer["images"]), f"{page} at {name} has a picture that is not drawn"
        assert answer["images"] or page in ("sense-check.html", "practice-bank.html")


def test_a_planted_fault_is_seen(folder):
    spoilt = (
        (folder / "practice-bank.html").read_text("utf-8").replace("</main>", '<p style="color:#ccc">pale</p></main>')
    )
    (folder / "spoilt.html").write_text(spoilt, "utf-8")
    assert any("color-contrast" in v for v in seen("spoilt.html", folder)["320"]["violations"])


def test_the_policy_pdf_has_at_most_eight_pages_and_the_pack_four(folder):
    for name, most in (("index", 8), ("sense-check", 4)):
        pages = re.findall(rb"/Type\s*/Page\b", (folder / f"{name}.pdf").read_bytes())
        assert 1 <= len(pages) <= most, name


def test_pdfs_have_the_same_bytes_twice_together_or_alone(folder, tmp_path, monkeypatch):
    names = ("practice-bank", "sense-check")
    for k in (1, 2, 3):
        (tmp_path / str(k)).mkdir()
        pages = [shutil.copy(folder / f"{n}.html", tmp_path / str(k) / f"{n}.html") for n in names]
        if k == 3:
            monkeypatch.setattr(printing, "available", lambda: False)
        assert browser.print_pdfs(pages) == [tmp_path / str(k) / f"{n}.pdf" for n in names]
        assert len(list((tmp_path / str(k)).iterdir())) == 4, "nothing else is left"
    for name in names:
        made = {(tmp_path / str(k) / f"{name}.pdf").read_bytes() for k in (1, 2, 3)}
        assert len(made) == 1
        assert b"/StructTreeRoot" in made.pop(), "tagged, so that readers of screens can follow it"


@pytest.mark.skipif(not printing.available(), reason="needs a pipe")
@pytest.mark.parametrize("says", ["", "exit 3", r"printf 'no\0' >&4; cat <&3 >/dev/null", "sleep 20"])
def test_a_browser_that_does_not_answer_leaves_its_page_to_another(tmp_path, monkeypatch, says):
    """The stand-in does as it is told over the pipe, and prints what it is told to print by its words."""
    fake = tmp_path / "browser"
    fake.write_text(
        '#!/bin/sh\nfor w in "$@"; do case "$w" in --print-to-pdf=*) printf PDF >"${w#*=}"; exit 0;; esac; done\n'
        f"{says}\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("EVALUATION_CHROMIUM", str(fake))
    monkeypatch.setattr(printing, "SECONDS", 0.5)
    page = tmp_path / "page.html"
    page.write_text("<p>Words.</p>")
    assert browser.print_pdfs([page]) == [tmp_path / "page.pdf"]
    assert (tmp_path / "page.pdf").read_bytes() == b"PDF"
    monkeypatch.setenv("EVALUATION_CHROMIUM", str(tmp_path / "none"))
    assert browser.print_pdfs([page]) == []


def test_a_page_that_cannot_be_opened_is_an_error(tmp_path):
    with printing.Printer([browser.find(), *browser.FLAGS], lambda: None) as printer:
        with pytest.raises(OSError, match="could not open"):
            printer.pdf((tmp_path / "none.html").as_uri())
        (tmp_path / "page.html").write_text("<p>Words.</p>")
        assert printer.pdf((tmp_path / "page.html").as_uri()).startswith(b"%PDF")


def test_what_chromium_numbers_by_chance_is_numbered_in_order():
    first = (
        b"/CreationDate (D:20261125171400+00'00') /Names [(node00000099) 1 0 R (node00000103) 2 0 R] /ID (node00000099)"
    )
    later = first.replace(b"node00000099", b"node00000096").replace(b"node00000103", b"node00000100")
    made = browser.settled(first)
    assert made == browser.settled(later)
    assert (
        made
        == b"/CreationDate (D:20200101000000+00'00') /Names [(node00000001) 1 0 R (node00000002) 2 0 R] /ID (node00000001)"
    )
    assert len(made) == len(first)


def test_what_is_folded_is_not_laid_out_for_print():
    page = (
        "<p>a</p><details><summary>b</summary><details open>c</details>d</details>"
        "<details class='x' open><summary>e</summary><details><p>f</p></details>g</details><p>h</p>"
    )
    assert browser.unfolded(page) == "<p>a</p><details class='x' open><summary>e</summary>g</details><p>h</p>"


def test_without_a_browser_no_pdf_is_promised(monkeypatch, tmp_path):
    monkeypatch.setenv("EVALUATION_CHROMIUM", "")
    checked = disclosure.protect(study.main_answers("null"), study.plan().disclosure)
    made = html.write_report(checked, study.context(), tmp_path)
    assert not [p for p in made if p.suffix == ".pdf"]
