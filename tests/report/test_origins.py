"""From a printed number to the section of the notebook that made it."""

import random
import re
from types import SimpleNamespace

import nbformat.v4 as v4
import report_study as study

from evaluation import disclosure
from evaluation.report import html, origins

CHECKED = disclosure.protect(study.exhibits(), study.plan().disclosure)


def marked(exhibit):
    return v4.new_output("display_data", data={"text/plain": ""}, metadata={"evaluation": {"exhibit": exhibit}})


def notebooks():
    """Two notebooks in which every exhibit of the test study stands, half of them in each, with an answer."""
    ids = [e.id for e in CHECKED.exhibits]
    made = []
    for place, part in enumerate((ids[::2], ids[1::2])):
        cells = [v4.new_markdown_cell(f"# Question {place}?\n\n**Why it matters.** Words.")]
        for k, exhibit in enumerate(part):
            cells.append(v4.new_markdown_cell(f"## Section {place} {k}\n\nWords."))
            cells.append(v4.new_code_cell("x", outputs=[marked(exhibit)]))
        cells.append(v4.new_code_cell("y", metadata={"tags": ["answer"]}))
        made.append((f"0{place}_notebook", v4.new_notebook(cells=cells)))
    return dict(made)


def test_twenty_numbers_of_the_report_lead_to_the_section_that_shows_them(tmp_path):
    html.write_report(CHECKED, study.context(), tmp_path, notebooks=notebooks(), pdf=False)
    numbers = []
    for page in ("index.html", "annex.html"):
        for section in origins.SECTION.findall((tmp_path / page).read_text("utf-8")):
            numbers += [(section, id) for id in origins.RESULT.findall(section)]
    assert len(numbers) > 40
    for section, id in random.Random(7).sample(numbers, 20):
        links = re.findall(r'href="(notebooks/[^"#]+)#([^"]+)"', section)
        shown = [(tmp_path / file).read_text("utf-8").split(f'<section id="{anchor}"')[1] for file, anchor in links]
        assert any(f'data-result="{id}"' in part.split("</section>")[0] for part in shown), id


def test_an_exhibit_that_stands_twice_leads_to_its_first_place_and_an_answer_to_the_answer():
    rows = {("r", "c"): SimpleNamespace(id="x.one")}
    first, again = SimpleNamespace(id="a", cells=rows), SimpleNamespace(id="b", cells=rows)
    words = [v4.new_markdown_cell("# Q?"), v4.new_code_cell("p", outputs=[marked("a")])]
    words += [v4.new_markdown_cell("## One\n\n## Two"), v4.new_code_cell("q", outputs=[marked("b"), marked("a")])]
    found = origins.origins([("05_x", "Q?", v4.new_notebook(cells=words))], [first, again])
    assert found["x.one"].address == "notebooks/05_x.html#part-1"
    words[1].metadata["tags"] = ["answer"]
    found = origins.origins([("05_x", "Q?", v4.new_notebook(cells=words))], [again, first])
    assert found["x.one"].address == "notebooks/05_x.html#part-3"
    found = origins.origins([("05_x", "Q?", v4.new_notebook(cells=words))], [first])
    assert found["x.one"].address == "notebooks/05_x.html#answer"


def test_a_section_without_numbers_gets_no_links_and_headings_cannot_inject():
    made = {"a": origins.Origin("05_x", "Q?", "<b>One</b>", "part-1")}
    plain = '<section id="s"><h2>S</h2><p>Words.</p></section>'
    assert origins.linked(plain, made) == plain
    linked = origins.linked(plain.replace("Words", '<span data-result="a">1</span>'), made)
    assert "&lt;b&gt;One" in linked
    assert linked.count("<a ") == 1
