"""Weights, linearised errors, models, tests and replicates held to R's survey in ten designs, and the table of gaps."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from benchmarks import parity_survey as parity

BARS = {"weights": 1e-9, "replicates": 1e-8, "ordered logit": 1e-5}  # R's ordered logit takes a numerical Hessian
FOUND = defaultdict(list)
for row in parity.rows():
    FOUND[row[0]].append(row)


@pytest.mark.parametrize("where", list(FOUND))
def test_everything_agrees_with_r(where):
    bar = BARS.get(where, 1e-9)
    far = {q: parity.gap(a, b) for _, q, a, b in FOUND[where] if not parity.gap(a, b) <= bar}
    assert far == {}


def test_ten_designs_and_eight_sets_of_weights_are_compared():
    assert len(FOUND["weights"]) == 8
    assert len([w for w in FOUND if w not in BARS]) == 10
    assert all(len(rows) >= 20 for w, rows in FOUND.items() if w not in BARS)


def test_calibrated_errors_differ_from_errors_that_forget_the_calibration():
    """What the residuals are for: R's calibrated and uncalibrated errors are not the same number."""
    plain = {q: b for _, q, _, b in FOUND["stratified_clustered"]}
    raked = {q: b for _, q, _, b in FOUND["raked"]}
    assert not np.allclose(plain["errors of domain means"], raked["errors of domain means"], rtol=0.01)


def test_the_table_in_the_docs_is_the_one_the_script_makes():
    page = (Path(__file__).parents[3] / "docs" / "methods" / "survey.md").read_text("utf-8")
    for quantity, *_ in parity.table([row for rows in FOUND.values() for row in rows]):
        assert f"| {quantity} |" in page
