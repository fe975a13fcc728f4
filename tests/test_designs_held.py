"""What the plan says a design is made with is what it is made with, or the run is refused."""

import pytest

from evaluation import errors
from evaluation.analysis.did.designs import MADE_WITH, hold, said
from evaluation.plan import study

PLAN = study.load("study.toml")


@pytest.mark.parametrize("name", sorted(MADE_WITH))
def test_the_shipped_plan_states_what_each_design_is_made_with(name):
    design = PLAN.designs[name]
    assert {k: getattr(design, k) for k in ("time", "sample", "weights", "clusters")} == dict(MADE_WITH[name])
    hold(name, design)
    assert "errors by" in said(name)


@pytest.mark.parametrize(("key", "asked"), [("clusters", "area"), ("weights", "none"), ("sample", "linked")])
def test_a_choice_that_a_design_cannot_follow_is_refused_with_what_it_uses(key, asked):
    design = PLAN.designs["D2"].model_copy(update={key: asked})
    with pytest.raises(errors.Unsupported, match=f"D2: the plan asks for {key} = '{asked}'"):
        hold("D2", design)


def test_a_choice_left_out_is_no_fault():
    hold("D2", PLAN.designs["D2"].model_copy(update={"clusters": ""}))
