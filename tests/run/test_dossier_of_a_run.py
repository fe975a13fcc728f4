"""The dossier of a whole run: nothing unanswered or untraced, and one planted weakness moves its own entries alone."""

import dataclasses
import datetime as dt
from pathlib import Path

import pytest
import run_study

from evaluation import disclosure
from evaluation.analysis.signalling_questions import ORDER
from evaluation.exhibit import Item
from evaluation.intake import waves
from evaluation.plan import study
from evaluation.report import checks, dossier_facts, dossier_pages
from evaluation.report.page_parts import PageInputs
from evaluation.results import Estimate, Gate, with_verdict
from evaluation.run import publish
from evaluation.run.settle import settle

WAVE = "W2025"
NOTEBOOKS = [(p.stem, p.stem) for p in sorted((run_study.ROOT / "notebooks").glob("[0-9]*.ipynb"))]


class Desk:
    """What a run published and what its pages print; each change gives another desk, protected afresh."""

    def __init__(self, home):
        self.plan = study.load(home / "study.toml")
        self.exhibits = settle(waves.load_published(self.plan, WAVE))
        self.gates = waves.load_gates(self.plan, WAVE)
        self.context = {}

    def results(self, start, **changes):
        """Return a desk in which every result whose id starts so has other fields (a function is given the old)."""
        desk = self.copy()

        def one(item):
            if not isinstance(item.result, Estimate) or not item.result.id.startswith(start):
                return item
            new = {k: v(item.result) if callable(v) else v for k, v in changes.items()}
            return Item(item.row, item.column, dataclasses.replace(item.result, **new))

        desk.exhibits = [dataclasses.replace(e, items=tuple(map(one, e.items))) for e in self.exhibits]
        return desk

    def without(self, start):
        """Return a desk in which no exhibit's id starts so."""
        desk = self.copy()
        desk.exhibits = [e for e in self.exhibits if not e.id.startswith(start)]
        return desk

    def instead(self, made):
        """Return a desk in which a function makes another result of each id that it is told of."""
        desk = self.copy()

        def one(item):
            change = made.get(item.result.id)
            return Item(item.row, item.column, change(item.result)) if change else item

        desk.exhibits = [dataclasses.replace(e, items=tuple(map(one, e.items))) for e in self.exhibits]
        return desk

    def answered(self, share):
        """Return a desk in which this share of the general sample answered the primary question."""
        every = {i.result.id: i.result for e in self.exhibits for i in e.items}
        n = round(every["base.general.all.w2025"].n * share)
        return self.instead({"base.answered.all.w2025": lambda r: dataclasses.replace(r, n=n)})

    def gate(self, id, passed):
        """Return a desk in which a gate is as told, on the run and on every result that bears it."""
        told = [Gate(id, "design", passed, note="as planted")]
        desk = self.results("attend.conf_overall.all.", gates=lambda r: _told(r.gates, told[0]))
        desk.gates = _told(self.gates, told[0])
        return desk

    def of_plan(self, **tables):
        desk = self.copy()
        desk.plan = self.plan.model_copy(update=tables)
        return desk

    def of_record(self, **fields):
        desk = self.copy()
        desk.context = self.context | fields
        return desk

    def copy(self):
        desk = object.__new__(Desk)
        desk.__dict__.update(self.__dict__)
        return desk

    def inputs(self):
        checked = disclosure.protect(self.exhibits, self.plan.disclosure)
        job = publish.Job(self.plan, WAVE, dt.date(2026, 7, 4), Path(), Path(), ("run with --draft",), ())
        context = publish.make_context(job, tuple(self.gates), checked)
        return PageInputs(checked, dataclasses.replace(context, **self.context), {})

    def entries(self):
        """Return every entry of the dossier, words and evidence, by its form and number."""
        page = dossier_pages.dossier(self.inputs(), {}, NOTEBOOKS)
        found = {}
        for section in page.sections:
            form = section.anchor.removeprefix("d-")
            for block in section.blocks:
                if block.kind == "items":
                    for x in block.content:
                        number = x.term.split()[0] if form in ("robins", "target", "trend") else x.term.split(" ")[0]
                        found[f"{form} {number}"] = (checks.text(x.said), x.evidence)
                elif block.kind == "html":
                    found |= {f"judged {r[0].text.split()[0]}": r[1].text for r in block.content.rows}
        return found


def _told(gates, told):
    return tuple(told if g.id == told.id else g for g in gates)


D6 = "d6.conf_overall.invitations.w2025"


def lot_effect(question):
    """Return what a lot of the plan found, its record, allocation and answering in order."""
    gates = tuple(Gate(f"lot.{g}", "quality", True, note=f"{g} holds") for g in ("record", "followed", "answered"))
    words = {"outcome": "conf_overall", "group": "invitations", "wave": WAVE, "question": question, "planned": True}
    people = {"drawn": 80, "not drawn": 85}
    found = Estimate(0.3, 0.2, -0.1, 0.7, n=people, null=0.0, id=D6, licence="effect", gates=gates, **words)
    return with_verdict(found)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """Return the small study's desk with its strengths planted, so that each weakness has something to move."""
    home, _ = run_study.small_report(tmp_path_factory)
    made = Desk(home)
    calm = made.results("attend.nhs_", low=-0.5, high=0.5, value=0.0)
    for control in ("attend.council_", "attend.refuse_"):
        calm = calm.results(control, low=-0.5, high=0.5, value=0.0)
    for gate in ("attend.overlap", "attend.balance", "attend.routes", "attend.controls"):
        calm = calm.gate(gate, True)
    proved = {D6: lambda r: lot_effect(r.question)}
    calm = calm.answered(1.0).instead(proved)
    return calm.of_record(fixed_before=True, manifest={"Plan frozen": "0123456789ab", "Code": "0" * 12})


@pytest.fixture(scope="module")
def before(desk):
    return desk.entries()


@pytest.fixture(scope="module")
def inputs(desk):
    return desk.inputs()


def test_every_item_of_every_form_is_answered_or_refused_with_a_reason(before):
    assert len(before) > 100
    for name, entry in before.items():
        said = entry if isinstance(entry, str) else entry[0]
        assert len(said) > 2, name
        if said.startswith((dossier_pages.NOT_DONE, dossier_pages.OPEN)):
            assert len(said) > 30, name


def test_no_evidence_of_an_answer_is_untraced(inputs):
    links, known = dossier_pages.Links(inputs, {}, NOTEBOOKS), dossier_facts.facts(inputs)
    lost = []
    for form in dossier_pages.forms():
        for item in form["item"]:
            _, done = dossier_pages.answer(item, inputs, known, links)
            lost += [(form["id"], item["number"], e) for e in item.get("evidence", []) if done and links.one(e) is None]
    assert lost == []


def test_no_evidence_of_risk_of_bias_is_untraced(inputs):
    from evaluation.analysis import risk_of_bias

    links = dossier_pages.Links(inputs, {}, NOTEBOOKS)
    answers = [a for d in risk_of_bias.domains(dossier_facts.bias_facts(inputs)) for a in d.answers]
    assert [(a.number, a.evidence) for a in answers if a.evidence and links.one(a.evidence) is None] == []


def unproved(row):
    return tuple(dataclasses.replace(g, passed=g.passed and g.id != "lot.record") for g in row.gates)


PLANTED = {
    "a covariate that attending can change": (
        lambda d: d.of_plan(covariates={**d.plan.covariates, "lpact_heard": "asked after the events"}),
        {"robins 1.3", "target 7c", "target 7g(i)"},
    ),
    "missing overlap": (
        lambda d: d.gate("attend.overlap", False),
        {"robins 1.1", "target 6g", "target 1c", "target 13", "target 15", "emmie Effect"},  # no answer any more
    ),
    "a failed control": (
        lambda d: d.results("attend.nhs_confidence.all.", value=0.5, low=0.2, high=0.8),
        {"robins 1.4", "judged 1A", "judged Overall"},
    ),
    "an unplanned outcome": (
        lambda d: d.results("attend.conf_overall.all.w2025", planned=False),
        {"robins 6.1", "robins 6.2", "robins 6.3", "robins 6.4", "judged 6"},
    ),
    "attrition": (lambda d: d.answered(0.6), {"robins 4.2"}),
    "a plan frozen once answers were in": (
        lambda d: d.of_record(fixed_before=False),
        {"robins 6.1", "robins 6.2", "robins 6.3", "robins 6.4", "judged 6", "target 18", "magenta Planning"},
    ),
    "a lot whose record does not verify": (
        lambda d: d.results("d6.", licence="association", gates=unproved),
        {"emmie Maryland"},
    ),
}


@pytest.mark.parametrize("weakness", PLANTED)
def test_one_planted_weakness_moves_its_own_entries_and_no_other(desk, before, weakness):
    plant, expected = PLANTED[weakness]
    after = plant(desk).entries()
    assert {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)} == expected


def test_every_domain_is_as_severe_as_a_hostile_reader_judges_the_run(before):
    by_hand = {"1A": "serious", "2": "serious", "3": "serious", "4": "serious", "5": "serious", "6": "low"}
    for domain, severe in by_hand.items():
        assert ORDER.index(before[f"judged {domain}"]) >= ORDER.index(severe), domain
