"""Finished pages in headless Chromium: axe-core at three widths and in print, no sideways scrolling."""

from __future__ import annotations

import html as escaping
import json
import os
import re
from importlib import resources

import browser
import pytest
import report_study as study

from evaluation import disclosure
from evaluation.report import html
from evaluation.report.figures import address

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not browser.find() and os.environ.get("EVALUATION_REQUIRE_BROWSER") != "1", reason="Chromium is not installed"
    ),
]
PAGES = ("index.html", "annex.html", "sense-check.html", "practice-bank.html", "dossier.html", "notebooks/05_what.html")
FRAMES = {
    "320": (320, "screen"),
    "320 unfolded": (320, "unfolded"),
    "768": (768, "screen"),
    "1280": (1280, "screen"),
    "print": (794, "print"),
}
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
    """A finished report with one notebook."""
    from nbformat import v4

    made = tmp_path_factory.mktemp("report")
    display = v4.new_output("display_data", {"text/plain": "x"}, metadata={"evaluation": {"exhibit": "levels.trio"}})
    notebook = v4.new_notebook(
        cells=[
            v4.new_markdown_cell("# What do people answer?\n\nWords.\n\n## How\n\n| a | b |\n|---|---|\n| c | d |"),
            v4.new_markdown_cell(f"## By hand\n\n```\n{'a very long line of code ' * 20}\n```"),
            v4.new_code_cell(f"report.publish(plan, wave, exhibit)  # {'long ' * 60}", outputs=[display]),
        ]
    )
    checked = disclosure.protect(study.exhibits(), study.plan().disclosure)
    html.write_report(checked, study.context(), made, notebooks={"05_what": notebook}, pdf=False)
    return made


BOXES = """
window.addEventListener("load", () => {
  const out = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentWindow.document, faults = [];
    let texts = 0, least = 99;
    for (const image of page.images) {
      const bytes = Uint8Array.from(atob(image.currentSrc.split(",")[1]), c => c.charCodeAt(0));
      const box = page.createElement("div");
      box.style.cssText = `position:absolute;top:0;left:0;width:${image.clientWidth}px`;
      box.innerHTML = new TextDecoder().decode(bytes);
      page.body.append(box);
      const svg = box.querySelector("svg");
      svg.style.cssText = "width:100%;height:auto";
      const room = svg.getBoundingClientRect(), slack = room.width / svg.viewBox.baseVal.width;
      const all = [...svg.querySelectorAll("text")].map(t => [t.textContent, t.getBoundingClientRect()]);
      const inside = all.filter(([, r]) => r.bottom > room.top + slack && r.top < room.bottom - slack);
      texts += inside.length;
      inside.forEach(([words, r], k) => {
        least = Math.min(least, r.height);
        if (r.left < room.left - slack || r.right > room.right + slack || r.top < room.top - 2 * slack ||
            r.bottom > room.bottom + 2 * slack) faults.push(`${words} is cut`);
        for (const [others, q] of inside.slice(0, k))
          if (Math.min(r.right, q.right) - Math.max(r.left, q.left) > slack &&
              Math.min(r.bottom, q.bottom) - Math.max(r.top, q.top) > 1.5 * slack) faults.push(`${words} | ${others}`);
      });
      box.remove();
    }
    out[frame.id] = {faults, texts, least};
  }
  const pre = document.createElement("pre");
  pre.id = "found"; pre.textContent = JSON.stringify(out); document.body.append(pre);
});
"""


def seen(page, folder):
    """Return what axe finds in a page at each width and in print, from one run of the browser."""
    axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
    return asked(
        ASK, (folder / page).read_text("utf-8").replace("</head>", f"<script>{axe}</script></head>", 1), folder
    )


def asked(script, source, folder):
    """Return what a script finds in a page at each width and in print, from one run of the browser."""
    frames = []
    for name, (width, medium) in FRAMES.items():
        shown = source.replace("@media print{", "@media all{") if medium == "print" else source
        shown = shown.replace("<details", "<details open") if medium == "unfolded" else shown
        frames.append(
            f'<iframe title="{name}" id="{name}" style="width:{width}px;height:900px;border:0" '
            f'srcdoc="{escaping.escape(shown)}"></iframe>'
        )
    probe = folder / "probe.html"
    probe.write_text(f"<!DOCTYPE html><title>probe</title><script>{script}</script>{''.join(frames)}", "utf-8")
    done = browser.run(
        "--window-size=1400,1000", "--virtual-time-budget=60000", "--dump-dom", probe.as_uri(), seconds=300
    )
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout.decode(), re.S)
    assert found, "the browser gave no answer"
    return json.loads(escaping.unescape(found[1]))


@pytest.mark.parametrize("page", ["index.html", "annex.html"])
def test_no_words_of_a_chart_meet_or_are_cut_at_any_width_or_in_print(folder, page):
    for name, answer in asked(BOXES, (folder / page).read_text("utf-8"), folder).items():
        assert answer["faults"] == [], f"{page} at {name}"
        assert answer["texts"] > 50, f"{page} at {name}"
        assert answer["least"] > 8, f"{page} at {name} has words too small to read"


def test_words_that_meet_in_a_chart_are_seen(folder):
    spoilt = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 30"><text y="9">One</text><text y="12">Two</text></svg>'
    page = f'<html><body><img alt="x" src="{address(spoilt.encode())}" style="width:100%"></body></html>'
    assert all("Two | One" in answer["faults"] for answer in asked(BOXES, page, folder).values())


@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_at_any_width_or_in_print(folder, page):
    for name, answer in seen(page, folder).items():
        assert answer["violations"] == [], f"{page} at {name}"
        assert answer["passes"] > 15, f"{page} at {name}"
        assert answer["sideways"] <= 0, f"{page} at {name} scrolls sideways"
        assert all(answer["images"]), f"{page} at {name} has a picture that is not drawn"
        assert answer["images"] or page in ("sense-check.html", "practice-bank.html", "dossier.html")


def test_a_planted_fault_is_seen(folder):
    spoilt = (
        (folder / "practice-bank.html").read_text("utf-8").replace("</main>", '<p style="color:#ccc">pale</p></main>')
    )
    (folder / "spoilt.html").write_text(spoilt, "utf-8")
    assert any("color-contrast" in v for v in seen("spoilt.html", folder)["320"]["violations"])
