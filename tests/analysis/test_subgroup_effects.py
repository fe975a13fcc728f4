"""The planned comparison by group, with the difference of the groups; effects on everybody where the sample allows it."""

import numpy as np
import pytest

from benchmarks import drawn_study as drawing
from benchmarks.known_truth import PRIMARY, WAVE, Study
from evaluation.analysis import attendee_methods, attendee_subgroups
from evaluation.results import Estimate, NotIdentified, TooFew


@pytest.fixture(scope="module")
def made():
    plan, margins, table = drawing.load()
    return Study(plan, margins, table, drawing.truth(), np.random.default_rng(11), ("W2022", WAVE))


def shown(made, plan=None):
    table = attendee_subgroups.groups(plan or made.plan, WAVE, made.compare, made.sample, made.survey)
    return [i.result for i in table.items]


def test_groups_are_compared_and_so_are_their_differences(made):
    other, black, apart = shown(made)
    assert all(isinstance(r, Estimate) and r.licence == "exploratory" for r in (other, black, apart))
    assert apart.value == pytest.approx(black.value - other.value)
    assert apart.n == {"other": sum(other.n.values()), "black": sum(black.n.values())}
    assert not any(r.id.startswith("attend.") for r in (other, black, apart))  # none of them gets a verdict


def test_a_cell_too_small_hides_every_group(made):
    sizes = made.plan.sizes.model_copy(update={"least_people": 35})
    found = shown(made, made.plan.model_copy(update={"sizes": sizes}))
    assert len(found) == 3
    assert all(isinstance(r, TooFew) for r in found)


def test_the_effect_on_everybody_is_refused_with_lists_of_attendees_and_given_without(made):
    people = attendee_methods.joined(made.compare, made.survey, PRIMARY)
    names = ("everybody-g-computation", "everybody-doubly-robust")
    found = attendee_methods._companions(made.plan, made.compare, people, made.sample)
    assert all(isinstance(found[n], NotIdentified) and "lists" in found[n].reason for n in names)
    without = people.assign(boost=False)
    given = attendee_methods._companions(made.plan, made.compare, without, made.sample)
    assert all(isinstance(given[n], Estimate) and given[n].sample == "ATE" for n in names)
