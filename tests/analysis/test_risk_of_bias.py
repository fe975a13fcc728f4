"""Risk of bias by rule: the severe answer where nothing is known, and one planted weakness moves its own domain."""

from dataclasses import replace

import pytest

from evaluation.analysis import risk_of_bias as rob

GOOD = rob.Facts(
    gates={"attend.overlap": True, "attend.balance": True, "attend.routes": True, "attend.controls": True},
    earlier_answer=True,
    verified=True,
    missing_outcome=0.02,
    nonresponse_known=True,
    near_officer=0.1,
    frozen=True,
)


def judged(facts):
    return {d.name: d.judgement for d in rob.domains(facts)}


def test_the_best_association_is_never_plainly_low_for_confounding_or_measurement():
    found = judged(GOOD)
    assert found["1A"] == rob.EXCEPT
    assert found["5"] == rob.MODERATE
    assert rob.overall(rob.domains(GOOD)) == rob.MODERATE


def test_where_nothing_is_known_the_severe_answer_is_taken():
    found = judged(rob.Facts(gates={}))
    assert found == {"1A": "serious", "2": "serious", "3": "moderate", "4": "serious", "5": "serious", "6": "moderate"}


GATES = dict(GOOD.gates)
WEAK = {
    "a failed control": (replace(GOOD, gates=GATES | {"attend.controls": False}), {"1A": "moderate"}),
    "missing overlap": (replace(GOOD, gates=GATES | {"attend.overlap": False}), {"1A": "serious"}),
    "a covariate that attending could have changed": (replace(GOOD, late_covariates=("trust",)), {"1A": "serious"}),
    "nothing from before attending": (replace(GOOD, earlier_answer=False), {"1A": "serious"}),
    "claims not checked": (replace(GOOD, verified=False), {"2": "serious"}),
    "people reached through lists": (replace(GOOD, lists=True), {"3": "serious"}),
    "lists, and the result without them": (replace(GOOD, lists=True, lists_apart=True), {}),
    "answers missing": (replace(GOOD, missing_outcome=0.2), {"4": "serious"}),
    "answers missing and filled in": (replace(GOOD, missing_outcome=0.2, imputed_same_side=True), {"4": "moderate"}),
    "nobody knows who was asked": (replace(GOOD, nonresponse_known=False), {"4": "moderate"}),
    "officers near many": (replace(GOOD, near_officer=0.5), {"5": "serious"}),
    "nobody knows whether officers were near": (replace(GOOD, near_officer=None), {"5": "serious"}),
    "an outcome that was not planned": (replace(GOOD, planned=False), {"6": "serious"}),
    "a plan that was not frozen": (replace(GOOD, frozen=False), {"6": "moderate"}),
    "a deviation": (replace(GOOD, deviations=1), {"6": "moderate"}),
}


@pytest.mark.parametrize("weakness", WEAK)
def test_one_weakness_moves_its_own_domain_and_no_other(weakness):
    facts, moved = WEAK[weakness]
    assert judged(facts) == judged(GOOD) | moved


def test_two_faults_of_confounding_are_critical():
    facts = replace(GOOD, earlier_answer=False, gates=GATES | {"attend.controls": False})
    assert judged(facts)["1A"] == rob.CRITICAL
    assert rob.overall(rob.domains(facts)) == rob.CRITICAL


@pytest.mark.parametrize("judgement", rob.ORDER)
def test_a_person_may_only_make_a_judgement_worse(judgement):
    (domain,) = [d for d in rob.domains(GOOD) if d.name == "2"]
    found = rob.reviewed(domain, judgement, "A Reviewer", "2026-12-01", "seen in the field")
    assert rob.ORDER.index(found.judgement) == max(rob.ORDER.index(judgement), rob.ORDER.index(domain.judgement))
    assert "A Reviewer" in found.review
    assert ("not taken over" in found.review) == (judgement == rob.LOW)


def test_every_answer_has_a_reason_and_a_known_code():
    for facts in (GOOD, rob.Facts(gates={}), *(f for f, _ in WEAK.values())):
        for domain in rob.domains(facts):
            for answer in domain.answers:
                assert answer.why
                assert answer.code in rob.YES | rob.NO | {"NI", "NA"}
