"""The reviewer's dossier: every item is answered or says why not, and every piece of evidence leads somewhere."""

import re
import string
import tomllib
from importlib import resources

import pytest
import report_study as study

from evaluation import disclosure
from evaluation.plan.study import Plan
from evaluation.report import checks, dossier_facts, dossier_pages, html
from evaluation.report.page_parts import PageInputs

ROOT = study.ROOT
ITEMS = [(form["id"], item) for form in dossier_pages.forms() for item in form["item"]]
DECLARED = tomllib.loads((ROOT / "src/evaluation/analysis/exhibits.toml").read_text("utf-8"))
EACH = pytest.mark.parametrize("item", [i for _, i in ITEMS], ids=[f"{f}-{i['number']}" for f, i in ITEMS])
COUNTS = {"target": 39, "trend": 9, "magenta": 6, "aqua": 7, "emmie": 6}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("dossier")
    checked = disclosure.protect(study.exhibits(), study.plan().disclosure)
    html.write_report(checked, study.context(), made, pdf=False)
    return made


@pytest.fixture(scope="module")
def inputs():
    checked = disclosure.protect(study.exhibits(), study.plan().disclosure)
    return PageInputs(checked, study.context(), {})


def test_every_item_of_the_forms_is_there_once():
    for form in dossier_pages.forms():
        numbers = [i["number"] for i in form["item"]]
        assert len(numbers) == len(set(numbers)) == COUNTS[form["id"]]


@EACH
def test_what_an_item_names_exists(item, inputs):
    known = dossier_facts.facts(inputs)
    assert {n for _, n, _, _ in string.Formatter().parse(item.get("answer", "")) if n} <= set(known)
    assert item.get("person") or item.get("answer") or item.get("sentences") or item.get("unless")
    assert not item.get("person") or item.get("unless")
    for evidence in [*item.get("evidence", []), *([item["needs"]] if "needs" in item else [])]:
        kind, _, name = evidence.partition(":")
        if kind == "exhibit":
            assert name in DECLARED, name
        elif kind == "notebook":
            assert list((ROOT / "notebooks").glob(f"{name}_*.ipynb"))
        elif kind == "plan" and name != "frozen":
            first, _, rest = name.partition(".")
            assert first in Plan.model_fields, name
            assert not rest or rest in Plan.model_fields[first].annotation.model_fields, name
        else:
            assert kind in ("gate", "page", "plan")


@EACH
def test_every_item_is_answered_or_says_why_not(item, inputs):
    links = dossier_pages.Links(inputs, {}, [])
    said, done = dossier_pages.answer(item, inputs, dossier_facts.facts(inputs), links)
    plain = checks.text(said)
    assert done or plain.startswith((dossier_pages.NOT_DONE, dossier_pages.OPEN))
    assert len(plain) > 5
    assert "None" not in plain


def test_a_fact_that_is_not_known_makes_its_item_not_done(inputs):
    item = {"number": "20", "asks": "Funding", "answer": "{funded_by}", "unless": "nobody says"}
    links = dossier_pages.Links(inputs, {}, [])
    said, done = dossier_pages.answer(item, inputs, {"funded_by": None}, links)
    assert not done
    assert checks.text(said) == "Not done, because nobody says."
    assert dossier_pages.answer(item, inputs, {"funded_by": "A trust"}, links)[1]


def test_no_link_of_the_dossier_leads_nowhere(folder):
    page = (folder / "dossier.html").read_text("utf-8")
    targets = re.findall(r'href="([^"#][^"]*)"', page)
    assert targets
    for target in targets:
        file, _, anchor = target.partition("#")
        if file.startswith(("http", "..")):
            continue
        there = folder / file
        assert there.is_file(), target
        assert not anchor or f'id="{anchor}"' in there.read_text("utf-8"), target


def test_the_page_shows_judgements_and_the_worst_of_them(folder):
    page = checks.text((folder / "dossier.html").read_text("utf-8"))
    assert "Overall" in page
    assert "the worst of the domains" in page


def test_a_persons_judgement_stands_only_where_it_is_worse(inputs):
    review = {"judgement": "critical", "by": "A Reviewer", "date": "2026-12-01", "reason": "seen in the field"}
    plan = Plan.model_validate(study.plan().model_dump(by_alias=True) | {"review": {"2": review}})
    worse = PageInputs(inputs.checked, study.context(plan=plan), {})
    links = dossier_pages.Links(worse, {}, [])
    section = dossier_pages._bias(worse, links)
    table = next(b.content for b in section.blocks if b.kind == "html")
    (row,) = [r for r in table.rows if r[0].text.startswith("2 ")]
    assert row[1].text == "critical"
    assert "A Reviewer" in row[2].text


def test_the_forms_file_is_shipped_with_the_package():
    assert resources.files("evaluation.report").joinpath("dossier.toml").is_file()
