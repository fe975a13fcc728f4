"""Risk of bias by rule: the severe answer where nothing is known, and one planted weakness moves its own domain."""

from dataclasses import replace

import pytest

from evaluation.analysis import risk_of_bias as rob
from evaluation.analysis import signalling_questions as sq

GOOD = rob.Facts(
    gates={"attend.overlap": True, "attend.balance": True, "attend.routes": True, "attend.controls": True},
    controls_asked=True,
    earlier_answer=True,
    verified=True,
    missing_outcome=0.02,
    missing_others=0.02,
    nonresponse_known=True,
    near_officer=0.1,
    routes_alone=0.0,
    frozen=True,
    fixed_before=True,
)


def judged(facts):
    return {d.name: d.judgement for d in rob.domains(facts)}


def test_the_best_association_is_never_plainly_low_for_confounding_or_measurement():
    found = judged(GOOD)
    assert found["1A"] == sq.EXCEPT
    assert found["5"] == sq.MODERATE
    assert rob.overall(rob.domains(GOOD)) == sq.MODERATE


def test_where_nothing_is_known_the_severe_answer_is_taken():
    found = judged(rob.Facts(gates={}))
    assert found == {"1A": "serious", "2": "serious", "3": "serious", "4": "serious", "5": "serious", "6": "serious"}


GATES = dict(GOOD.gates)


def without(gate):
    return {k: v for k, v in GATES.items() if k != gate}


WEAK = {
    "a failed control": (replace(GOOD, gates=GATES | {"attend.controls": False}), {"1A": "moderate"}),
    "controls that could not tell": (replace(GOOD, gates=without("attend.controls")), {"1A": "moderate"}),
    "nothing controlled": (replace(GOOD, covariates=False), {"1A": "critical"}),
    "missing overlap": (replace(GOOD, gates=GATES | {"attend.overlap": False}), {"1A": "serious"}),
    "overlap that nobody looked at": (replace(GOOD, gates=without("attend.overlap")), {"1A": "serious"}),
    "groups that are not alike": (replace(GOOD, gates=GATES | {"attend.balance": False}), {"1A": "serious"}),
    "a covariate that attending could have changed": (replace(GOOD, late_covariates=("trust",)), {"1A": "serious"}),
    "nothing from before attending": (replace(GOOD, earlier_answer=False), {"1A": "serious", "3": "serious"}),
    "claims not checked": (replace(GOOD, verified=False), {"2": "serious"}),
    "people reached through lists": (replace(GOOD, lists=True), {"3": "serious"}),
    "lists, and the same result without them": (replace(GOOD, lists=True, lists_apart=True), {}),
    "answers missing": (replace(GOOD, missing_outcome=0.2), {"4": "serious"}),
    "answers missing and filled in": (replace(GOOD, missing_outcome=0.2, imputed_same_side=True), {"4": "moderate"}),
    "attendance missing": (replace(GOOD, missing_others=0.2), {"4": "serious"}),
    "nobody knows who was asked": (replace(GOOD, nonresponse_known=False), {"3": "serious", "4": "serious"}),
    "officers near many": (replace(GOOD, near_officer=0.5), {"5": "serious"}),
    "nobody knows whether officers were near": (replace(GOOD, near_officer=None), {"5": "serious"}),
    "a route that nobody else shares": (replace(GOOD, routes_alone=0.3), {"5": "serious"}),
    "an outcome that was not planned": (replace(GOOD, planned=False), {"6": "serious"}),
    "a plan that was not frozen": (replace(GOOD, frozen=False, fixed_before=False), {"6": "serious"}),
    "a plan frozen after answers were in": (replace(GOOD, fixed_before=False), {"6": "serious"}),
    "a plan that nothing dates": (replace(GOOD, fixed_before=None), {"6": "moderate"}),
    "a deviation": (replace(GOOD, deviations=("matching.ratio",)), {"6": "serious"}),
    "an unplanned outcome and a deviation": (replace(GOOD, planned=False, deviations=("seed",)), {"6": "critical"}),
}


@pytest.mark.parametrize("weakness", WEAK)
def test_one_weakness_moves_its_own_domain_and_no_other(weakness):
    facts, moved = WEAK[weakness]
    assert judged(facts) == judged(GOOD) | moved


def test_two_faults_of_confounding_are_critical():
    facts = replace(GOOD, earlier_answer=False, gates=GATES | {"attend.controls": False})
    assert judged(facts)["1A"] == sq.CRITICAL
    assert rob.overall(rob.domains(facts)) == sq.CRITICAL


@pytest.mark.parametrize("judgement", sq.ORDER)
def test_a_person_may_only_make_a_judgement_worse(judgement):
    (domain,) = [d for d in rob.domains(GOOD) if d.name == "2"]
    found = rob.reviewed(domain, judgement, "A Reviewer", "2026-12-01", "seen in the field")
    assert sq.ORDER.index(found.judgement) == max(sq.ORDER.index(judgement), sq.ORDER.index(domain.judgement))
    assert "A Reviewer" in found.review
    assert ("not taken over" in found.review) == (judgement == sq.LOW)


def test_every_answer_has_a_reason_and_a_known_code():
    for facts in (GOOD, rob.Facts(gates={}), *(f for f, _ in WEAK.values())):
        for domain in rob.domains(facts):
            for answer in domain.answers:
                assert answer.why
                assert answer.code in sq.YES | sq.NO | {"NI", "NA"}


# ---- the way from answers to a judgement, row by row as the draft of the tool was read -------------------------------

OTHER = {"N": "PN", "Y": "PY"}
FLOW = {
    "1A": [
        ("1.1=SN 1.2=Y 1.3=N 1.4=N", "serious"),
        ("1.1=NI 1.2=Y 1.3=N 1.4=Y", "critical"),
        ("1.1=Y 1.2=Y 1.3=Y 1.4=N", "serious"),
        ("1.1=Y 1.2=Y 1.3=Y 1.4=Y", "critical"),
        ("1.1=Y 1.2=SN 1.3=N 1.4=N", "serious"),
        ("1.1=WN 1.2=Y 1.3=N 1.4=N", sq.EXCEPT),
        ("1.1=Y 1.2=WN 1.3=N 1.4=N", sq.EXCEPT),
        ("1.1=Y 1.2=Y 1.3=N 1.4=Y", "moderate"),
        ("1.1=Y 1.2=Y 1.3=N 1.4=NI", "moderate"),
        ("B2=Y 1.1=Y 1.2=Y 1.3=N 1.4=N", "critical"),
        ("B3=PY 1.1=Y 1.2=Y 1.3=N 1.4=N", "critical"),
    ],
    "2": [
        ("2.1=Y 2.4=N 2.5=N", "low"),
        ("2.1=Y 2.4=N 2.5=NI", "moderate"),
        ("2.1=N 2.2=Y 2.4=N 2.5=Y", "moderate"),
        ("2.1=Y 2.4=WY 2.5=N", "moderate"),
        ("2.1=Y 2.4=NI 2.5=Y", "serious"),
        ("2.1=Y 2.4=SY 2.5=N", "serious"),
        ("2.1=Y 2.4=SY 2.5=Y", "critical"),
        ("2.1=N 2.2=N 2.3=SY 2.4=N 2.5=N", "moderate"),
        ("2.1=N 2.2=N 2.3=NI 2.4=N 2.5=Y", "serious"),
        ("2.1=N 2.2=N 2.3=WY 2.4=SY 2.5=Y", "critical"),
        ("2.1=N 2.2=N 2.3=N 2.4=N 2.5=N", "serious"),
        ("2.1=N 2.2=N 2.3=N 2.4=N 2.5=Y", "critical"),
        ("2.1=N 2.2=N 2.3=N 2.4=WY 2.5=N", "critical"),
    ],
    "3": [
        ("3.1=Y 3.2=N 3.3=N", "low"),
        ("3.1=Y 3.2=Y 3.3=N", "moderate"),
        ("3.1=WN 3.2=N 3.3=N", "moderate"),
        ("3.1=SN 3.2=N 3.3=N 3.6=N 3.7=N 3.8=N", "serious"),
        ("3.1=SN 3.2=N 3.3=N 3.6=Y", "moderate"),
        ("3.1=SN 3.2=N 3.3=N 3.6=N 3.7=N 3.8=Y", "critical"),
        ("3.1=Y 3.2=N 3.3=Y 3.4=N", "low"),
        ("3.1=Y 3.2=N 3.3=NI 3.4=Y 3.5=Y", "moderate"),
        ("3.1=Y 3.2=N 3.3=Y 3.4=Y 3.5=NI", "moderate"),
        ("3.1=Y 3.2=N 3.3=Y 3.4=Y 3.5=Y 3.6=N 3.7=N 3.8=N", "serious"),
        ("3.1=Y 3.2=N 3.3=Y 3.4=Y 3.5=Y 3.6=N 3.7=Y", "moderate"),
    ],
    "4": [
        ("4.1=Y 4.2=Y 4.3=Y", "low"),
        ("4.1=Y 4.2=N 4.3=Y 4.4=Y 4.5=N", "low"),
        ("4.1=Y 4.2=N 4.3=Y 4.4=Y 4.5=Y 4.6=Y 4.11=Y", "moderate"),
        ("4.1=Y 4.2=N 4.3=Y 4.4=Y 4.5=Y 4.6=WN 4.11=N", "serious"),
        ("4.1=Y 4.2=N 4.3=Y 4.4=Y 4.5=NI 4.6=SN 4.11=Y", "serious"),
        ("4.1=Y 4.2=N 4.3=Y 4.4=Y 4.5=Y 4.6=SN 4.11=N", "critical"),
        ("4.1=Y 4.2=N 4.3=Y 4.4=N 4.7=Y 4.8=Y 4.9=Y", "low"),
        ("4.1=Y 4.2=N 4.3=Y 4.4=N 4.7=Y 4.8=N 4.9=Y 4.11=Y", "moderate"),
        ("4.1=Y 4.2=N 4.3=Y 4.4=N 4.7=Y 4.8=Y 4.9=SN 4.11=N", "critical"),
        ("4.1=Y 4.2=N 4.3=Y 4.4=N 4.7=N 4.10=Y", "low"),
        ("4.1=Y 4.2=N 4.3=Y 4.4=N 4.7=N 4.10=WN 4.11=N", "serious"),
    ],
    "5": [
        ("5.1=N 5.2=N", "low"),
        ("5.1=N 5.2=Y 5.3=N", "low"),
        ("5.1=N 5.2=Y 5.3=WY", "moderate"),
        ("5.1=N 5.2=Y 5.3=NI", "moderate"),
        ("5.1=N 5.2=Y 5.3=SY", "serious"),
        ("5.1=NI 5.2=N", "moderate"),
        ("5.1=Y 5.2=N", "serious"),
    ],
    "6": [
        ("6.1=Y", "low"),
        ("6.1=N 6.2=N 6.3=N 6.4=N", "low"),
        ("6.1=NI 6.2=NI 6.3=N 6.4=N", "moderate"),
        ("6.1=N 6.2=Y 6.3=N 6.4=N", "serious"),
        ("6.1=N 6.2=NI 6.3=NI 6.4=NI", "serious"),
        ("6.1=N 6.2=Y 6.3=Y 6.4=N", "critical"),
    ],
}
STEPS = [(domain, codes, expected) for domain, rows in FLOW.items() for codes, expected in rows]


@pytest.mark.parametrize(("domain", "codes", "expected"), STEPS)
def test_answers_lead_to_the_judgement_of_the_draft(domain, codes, expected):
    given = dict(x.split("=") for x in codes.split())
    assert sq.judgement(domain, given) == expected
    probably = {n: OTHER.get(c, c) for n, c in given.items()}
    assert sq.judgement(domain, probably) == expected


def test_every_question_of_the_six_domains_is_answered_or_not_applicable():
    counts = {"1A": 7, "2": 5, "3": 8, "4": 11, "5": 3, "6": 4}
    for facts in (GOOD, rob.Facts(gates={})):
        assert {d.name: len(d.answers) for d in rob.domains(facts)} == counts


@pytest.mark.parametrize("near", [None, 0.0, 0.1, 0.9])
@pytest.mark.parametrize("alone", [None, 0.0, 0.5])
def test_what_people_say_of_themselves_is_never_low_for_measurement(near, alone):
    assert judged(replace(GOOD, near_officer=near, routes_alone=alone))["5"] != sq.LOW


def test_no_facts_make_an_association_plainly_low_for_confounding():
    from itertools import product

    for overlap, controls, earlier in product((True, False), (True, False, None), (True, False)):
        gates = {"attend.overlap": overlap, "attend.balance": True}
        gates |= {} if controls is None else {"attend.controls": controls}
        assert judged(replace(GOOD, gates=gates, earlier_answer=earlier))["1A"] != sq.LOW


# ---- two reports judged by hand, as a hostile reviewer would ----------------------------------------------------------

HOSTILE = {
    "a survey after the fact, as the shipped one": (
        rob.Facts(
            gates={**GATES, "attend.controls": False},
            controls_asked=True,
            lists=True,
            lists_apart=True,
            missing_outcome=0.046,
            imputed_same_side=True,
            near_officer=0.42,
            routes_alone=0.0,
            frozen=True,
            fixed_before=False,
        ),
        # no earlier trust, a control differs; claims unchecked; who stayed and answered; nobody knows who was asked;
        # asked near officers; the plan is dated after fieldwork
        {"1A": "critical", "2": "serious", "3": "serious", "4": "serious", "5": "serious", "6": "serious"},
    ),
    "linked people, a frozen plan, no list": (
        replace(GOOD, verified=False, missing_others=None, imputed_same_side=True),
        # earlier answers controlled and controls alike; claims unchecked; asked before, not on the day; attendance not
        # counted as missing; told and not observed; frozen beforehand
        {"1A": sq.EXCEPT, "2": "serious", "3": "moderate", "4": "moderate", "5": "moderate", "6": "low"},
    ),
}


@pytest.mark.parametrize("report", HOSTILE)
def test_no_domain_is_judged_more_mildly_than_by_hand(report):
    facts, by_hand = HOSTILE[report]
    found = judged(facts)
    for domain, severe in by_hand.items():
        assert sq.ORDER.index(found[domain]) >= sq.ORDER.index(severe), domain
