"""The reviewer's dossier: the field's own forms, each item answered with its evidence, or not done with its reason."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple, NotRequired, TypedDict, cast

from evaluation.analysis import risk_of_bias
from evaluation.report import dossier_facts, tables
from evaluation.report.page_parts import Block, Page, PageInputs, Section, foot, meta
from evaluation.report.phrases import upper_first
from evaluation.report.sentences import fixed

NOT_DONE = "Not done, because "
OPEN = "Left for a person, because "


class Item(TypedDict):
    """One item of a form, as `dossier.toml` declares it."""

    number: str
    asks: str
    answer: NotRequired[str]
    sentences: NotRequired[list[str]]
    evidence: NotRequired[list[str]]
    needs: NotRequired[str]
    unless: NotRequired[str]
    person: NotRequired[bool]


class Form(TypedDict):
    """One form with its items."""

    id: str
    title: str
    source: str
    note: str
    item: list[Item]


@cache
def forms() -> tuple[Form, ...]:
    """Return every declared form."""
    text = resources.files("evaluation.report").joinpath("dossier.toml").read_text("utf-8")
    return tuple(tomllib.loads(text)["form"])


def dossier(inputs: PageInputs, pages: Mapping[str, Page], notebooks: Sequence[tuple[str, str]]) -> Page:
    """Return the dossier; `pages` and `notebooks` are those that its links may lead to."""
    known = dossier_facts.facts(inputs)
    links = Links(inputs, pages, notebooks)
    made = [_bias(inputs, links)]
    made += [
        Section("", form["title"], f"d-{form['id']}", tuple(_form(form, inputs, known, links))) for form in forms()
    ]
    marked = tuple(Section(str(k), s.title, s.anchor, s.blocks) for k, s in enumerate(made, 1))
    lead = "Each answer is made from the plan, a gate or a result of this run; what cannot be answered says why."
    return Page("annex", "Reviewer's dossier", (*meta(inputs.ctx), lead), marked, foot(inputs.ctx))


class Evidence(NamedTuple):
    """Where an answer can be looked up: an address ("" for what is no page) and its words."""

    href: str
    words: str


class Links:
    """Where evidence stands, by name; evidence that this run does not have leads nowhere and is left out."""

    def __init__(self, inputs: PageInputs, pages: Mapping[str, Page], notebooks: Sequence[tuple[str, str]]) -> None:
        self.inputs = inputs
        self.exhibits = {e.id: e.title for e in inputs.checked.exhibits if e.sections}
        self.anchors = {f"{name}.html": {s.anchor for s in page.sections} for name, page in pages.items()}
        self.notebooks = {name[:2]: (name, title) for name, title in notebooks}
        self.gates = {g.id: g for g in inputs.ctx.gates}

    def one(self, evidence: str) -> Evidence | None:
        """Return one piece of evidence; None where this run does not have it."""
        kind, _, name = evidence.partition(":")
        if kind == "exhibit" and name in self.exhibits:
            prefix = "f" if name in self.inputs.figures else "t"
            return Evidence(f"annex.html#{tables.anchor(name, prefix)}", self.exhibits[name])
        if kind == "gate" and name in self.gates:
            return Evidence("annex.html#A", f"gate {name}: {'passed' if self.gates[name].passed else 'failed'}")
        if kind == "notebook" and name in self.notebooks:
            file, title = self.notebooks[name]
            return Evidence(f"notebooks/{file}.html", f"notebook {name}, {title}")
        if kind == "page":
            file, _, anchor = name.partition("#")
            there = file not in self.anchors or not anchor or anchor in self.anchors[file]
            return Evidence(name, file) if there else None
        if kind == "plan":
            return Evidence("", f"plans/{self.inputs.ctx.wave}.toml" if name == "frozen" else f"study.toml, [{name}]")
        return None

    def all(self, evidence: Sequence[str]) -> tuple[Evidence, ...]:
        """Return the evidence that this run has."""
        return tuple(x for e in evidence if (x := self.one(e)))


class Answered(NamedTuple):
    """One item on the page: its number and what it asks, the answer with marked numbers, the evidence."""

    term: str
    said: str
    evidence: tuple[Evidence, ...]


def answer(item: Item, inputs: PageInputs, known: dossier_facts.Facts, links: Links) -> tuple[str, bool]:
    """Return an item's answer as marked text, and whether it is one (else why it is not done)."""
    why = item.get("unless", "the run holds nothing to answer it with")
    if item.get("person"):
        return fixed(OPEN + why + "."), False
    if "needs" in item and links.one(item["needs"]) is None:
        return fixed(NOT_DONE + why + "."), False
    words: list[str] = []
    if "answer" in item:
        asked = [name for _, name, _, _ in string.Formatter().parse(item["answer"]) if name]
        lacking = [name for name in asked if known[name] is None]
        if lacking:
            return fixed(NOT_DONE + why + "."), False
        words.append(fixed(upper_first(item["answer"].format(**known))))
    words += [s for name in item.get("sentences", []) for s in dossier_facts.sentences(inputs, name)]
    return (" ".join(words), True) if words else (fixed(NOT_DONE + why + "."), False)


def _form(form: Form, inputs: PageInputs, known: dossier_facts.Facts, links: Links) -> Iterator[Block]:
    yield Block("para", [fixed(x) for x in (form["source"], form["note"]) if x], fixed=True)
    items = []
    for item in (_in_own_words(i, inputs) for i in form["item"]):
        said, done = answer(item, inputs, known, links)
        evidence = links.all(item.get("evidence", [])) if done else ()
        items.append(Answered(f"{item['number']} {item['asks']}", said, evidence))
    yield Block("items", items)


def _in_own_words(item: Item, inputs: PageInputs) -> Item:
    """Return an item in the study's vocabulary."""
    texts = {key: inputs.ctx.own(str(item[key])) for key in ("asks", "answer", "unless") if key in item}
    return cast("Item", item | texts)


def _bias(inputs: PageInputs, links: Links) -> Section:
    """Return the risk of bias of the attendee comparison, domain by domain."""
    own = inputs.ctx.own
    title = own("ROBINS-I V2: risk of bias of the comparison of attendees")
    known = dossier_facts.bias_facts(inputs)
    if known is None:
        return Section(
            "", title, "d-robins", (Block("absent", own(f"{NOT_DONE}no comparison of attendees was made.")),)
        )
    found = [_reviewed(inputs, d) for d in risk_of_bias.domains(known)]
    source = (
        "Six domains of the tool's revised draft (riskofbias.info, November 2025); judgements by rule, on the severe "
        "side. A person may only make one worse, in [review] of study.toml. Y yes, N no, P before it probably, "
        "W weakly, S strongly; NI not known, NA not asked."
    )
    judged = [(own(f"{d.name} {d.title}"), d.judgement, d.review or "–") for d in found]
    judged.append(("Overall", risk_of_bias.overall(found), "the worst of the domains"))
    head = ("Domain", "Judgement", "Review by a person")
    table = tables.plain(head, judged, caption="Judgement by domain", name="d-judged")
    items = [
        Answered(
            own(f"{a.number} {a.question}"),
            fixed(own(f"{a.code}: {a.why}.")),
            links.all([a.evidence] if a.evidence else []),
        )
        for d in found
        for a in d.answers
    ]
    blocks = (Block("para", [fixed(source)], fixed=True), Block("html", table, fixed=True), Block("items", items))
    return Section("", title, "d-robins", blocks)


def _reviewed(inputs: PageInputs, domain: risk_of_bias.Domain) -> risk_of_bias.Domain:
    given = inputs.ctx.plan.review.get(domain.name)
    if given is None:
        return domain
    return risk_of_bias.reviewed(domain, given.judgement, given.by, given.date, given.reason)
