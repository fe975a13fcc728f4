"""The double negative control of a drawn study: silent where controls share little, and what an informative one does."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import double_control as simulated
from benchmarks import drawn_study as drawing
from benchmarks import known_truth
from evaluation.analysis.robustness import double_control
from evaluation.results import NotIdentified, verdict


def drawn(shared, seed=3):
    plan, margins, table = known_truth.inputs()
    sections = simulated.CASES["unseen selection twice as strong, no effect"]
    truth = drawing.truth(**sections, items={"control_unseen": shared})
    return known_truth.Study(plan, margins, table, truth, np.random.default_rng(seed), (known_truth.WAVE,))


@pytest.fixture(scope="module")
def one():
    return drawn(1.0)


def double(study, plan=None):
    return double_control.double_control(plan or study.plan, known_truth.WAVE, study.compare, study.survey)


def test_controls_that_carry_the_trait_make_a_false_direction_fragile(one):
    found = double(one)
    assert found.informative
    assert found.holds(0.0)
    row = replace(one.attended([known_truth.PRIMARY])[0], value=0.5, low=0.2, high=0.8)
    (judged,) = double_control.qualified(one.plan, [row], found)
    assert verdict(row) == "higher"
    assert verdict(judged) == "higher, but fragile"
    secondary = replace(row, outcome="trust_overall")
    assert double_control.qualified(one.plan, [secondary], found) == [secondary]


def test_controls_that_carry_nothing_set_no_gate_and_print_no_difference():
    study = drawn(0.0)
    found = double(study)
    assert not found.informative
    assert double_control.gates(found) == []
    ids = [i.result.id for i in double_control.table(study.plan, known_truth.WAVE, found).items]
    assert [id.split(".")[1] for id in ids] == ["naive", "strength", "reading"]


def test_one_control_is_too_few_and_the_table_says_so(one):
    plan = one.plan.model_copy(
        update={"outcomes": one.plan.outcomes.model_copy(update={"negative_controls": ("nhs_confidence",)})}
    )
    found = double(one, plan)
    assert isinstance(found, NotIdentified)
    table = double_control.table(plan, known_truth.WAVE, found)
    assert [i.result.id for i in table.items] == [f"double.refused.all.{known_truth.WAVE.lower()}"]
