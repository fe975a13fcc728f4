"""Two hundred studies in which nothing differs: the verdict rule seldom says otherwise."""

import json

import numpy as np
import pytest

from benchmarks import drawn_study as drawing
from benchmarks import known_truth as truth
from evaluation import parallel
from evaluation.run import manifest


@pytest.mark.slow
def test_two_hundred_null_studies_seldom_find_a_direction():
    made = parallel.run(truth.null_study, list(range(200)), 41)
    for key in ("attend", "change"):
        assert np.mean([truth.is_directed(m[key]) for m in made]) <= 0.085, key
    for family in ("secondary", "exploratory"):
        assert np.mean([m[family] for m in made]) <= 0.085, family


def test_expected_answers_are_those_that_are_drawn():
    """The expectation that recovery is held to is the mean of many draws."""
    _, _, table = drawing.load()
    full = drawing.truth(**truth.EFFECTS)
    rng = np.random.default_rng(2)
    people, answers = drawing.draw(full, table, rng, ("W2025",), times=30)
    expected = truth.expected(people, "W2025", full)
    assert answers[truth.PRIMARY].mean() == pytest.approx(expected.mean(), abs=0.04)
    came = people["attended"].to_numpy()
    gap = answers.loc[came, truth.PRIMARY].mean() - answers.loc[~came, truth.PRIMARY].mean()
    assert gap == pytest.approx(expected[came].mean() - expected[~came].mean(), abs=0.08)


def test_the_file_that_the_annex_prints_has_the_shape_it_reads():
    if not truth.FILE.exists():
        pytest.skip("the table has not been made")
    content = json.loads(truth.FILE.read_text("utf-8"))
    assert set(content) >= {"header", "rows", "digest", "made_on"}
    assert all(len(row) == len(content["header"]) for row in content["rows"])
    assert len(manifest.statistics_digest()) == 64


def test_only_what_is_computed_makes_the_table_stale(tmp_path, monkeypatch):
    statistics = tmp_path / "statistics"
    statistics.mkdir()
    for name in ("verdict.py", "results.py"):
        (tmp_path / name).write_text("X = 1\n")
    module = statistics / "mean.py"
    monkeypatch.setattr(manifest, "PACKAGE", tmp_path)

    def digest(text):
        module.write_text(text)
        return manifest.statistics_digest()

    first = digest('def mean(x):\n    """Return the mean."""\n    return sum(x) / len(x)\n')
    assert first == digest(
        "def mean(x: list[float]) -> float:\n    # plainly\n    return (\n        sum(x) / len(x))\n"
    )
    assert first != digest("def mean(x):\n    return sum(x) / (len(x) - 1)\n")
    assert first != digest("def mean(x, by=1):\n    return sum(x) / len(x)\n")
