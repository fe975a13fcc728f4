"""A result as a row and back: nothing that a row can hold is lost."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.errors import DataError
from evaluation.results import Estimate, Gate, NotIdentified, TooFew, from_row, from_se, read_gates, to_row

NUMBERS = st.floats(-1e6, 1e6)
GATES = st.lists(
    st.builds(
        Gate,
        st.from_regex(r"[a-z]+(\.[a-z_]+)?", fullmatch=True),
        st.sampled_from(("design", "size", "quality")),
        st.booleans(),
    ),
    max_size=3,
).map(tuple)
ESTIMATES = st.builds(
    Estimate,
    value=NUMBERS,
    se=st.none() | st.floats(0, 1e3),
    low=st.none() | NUMBERS,
    df=st.none() | st.floats(1, 100) | st.just(math.inf),
    n=st.dictionaries(st.sampled_from(("treated", "untreated")), st.integers(0, 10_000), max_size=2),
    n_sessions=st.none() | st.integers(0, 500),
    unit=st.sampled_from(("", "per cent", "points on the 1 to 5 scale")),
    id=st.just("a.b.c.w1"),
    planned=st.booleans(),
    indicative=st.booleans(),
    licence=st.sampled_from(("effect", "association", "exploratory", "descriptive")),
    gates=GATES,
)


@settings(max_examples=60, deadline=None)
@given(ESTIMATES)
def test_an_estimate_comes_back_from_its_row_and_from_the_row_as_text(estimate):
    assert from_row(to_row(estimate)) == estimate
    as_text = {k: "" if v is None else str(v) for k, v in to_row(estimate).items()}
    assert from_row(as_text) == estimate


@pytest.mark.parametrize(
    "refusal",
    [
        NotIdentified("nobody was asked", "Ask.", id="a.b.c.w1", gates=(Gate("x", "design", False),)),
        TooFew({}, 0, id="a.b.c.w1", unit="sessions", planned=True),
    ],
)
def test_a_refusal_comes_back_with_its_reason(refusal):
    assert from_row(to_row(refusal)) == refusal


def test_counts_of_too_few_people_are_in_no_row():
    row = to_row(TooFew({"treated": 7}, 30, id="a"))
    assert "counts" not in row
    assert "7" not in str(row)


@pytest.mark.parametrize("text", ["size=passed", "size:people", "size:people=perhaps"])
def test_what_is_no_gate_is_refused(text):
    with pytest.raises(DataError, match="is not a gate"):
        read_gates(text)


def test_a_ratio_of_the_null_and_its_p():
    assert from_se(0.0, 1.0).p == 1.0
