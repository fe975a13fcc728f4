"""A sample that was drawn in strata from a finite population is read as such, or a fault says what does not fit."""

import pytest
from intake_study import answers, make, put

from evaluation.errors import StudyError
from evaluation.intake import waves
from evaluation.plan import sense


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022", "W2024"))


def drawn(plan, **keys):
    given = {"sample": "probability", **keys}
    return plan.model_copy(update={"population": plan.population.model_copy(update=given)})


def faults(plan):
    return [f.what for f in waves.check(plan, "W2024") if f.kind == "drawn_otherwise"]


def test_strata_and_sizes_that_fit_are_no_fault(plan):
    codes = sorted(waves.take_in(plan, "W2024").design["area"].dropna().unique())
    assert faults(drawn(plan, strata_column="area")) == []
    assert faults(drawn(plan, strata_column="area", size=dict.fromkeys(codes, 400))) == []
    assert faults(drawn(plan, size=40)) == []  # of 40 sessions


def test_a_stratum_of_one_cluster_is_a_fault(plan):
    frame = answers(seed=1)
    frame.loc[frame["area"] == "Rutland", "session_id"] = "S1"
    put(plan, "W2024", frame)
    assert faults(drawn(plan, strata_column="area")) == [
        "1 strata hold one of the clusters only, so they have no error"
    ]


def test_somebody_without_a_stratum_is_a_fault_of_the_row(plan):
    frame = answers(seed=1)
    frame.loc[7, "area"] = ""
    put(plan, "W2024", frame)
    found = [f for f in waves.check(drawn(plan, strata_column="area"), "W2024") if f.kind == "drawn_otherwise"]
    assert [(f.what, f.row) for f in found] == [("somebody is in no stratum", 9)]


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (lambda codes: dict.fromkeys(codes[1:], 400), "gives no size for a stratum"),
        (lambda codes: {**dict.fromkeys(codes, 400), codes[0]: 2}, "more clusters were drawn than"),
        (lambda codes: dict.fromkeys(codes, 9), "more clusters were drawn than"),
    ],
)
def test_strata_smaller_than_what_was_drawn_from_them_are_a_fault(plan, size, said):
    codes = sorted(waves.take_in(plan, "W2024").design["area"].dropna().unique())
    found = faults(drawn(plan, size=size(codes), strata_column="area"))
    assert len(found) == 1
    assert said in found[0]


def test_a_population_smaller_than_its_sample_is_a_fault(plan):
    assert faults(drawn(plan, size=10)) == []  # of 10 sessions
    assert faults(drawn(plan, size=9)) == ["more clusters were drawn than [population] size says there are"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"sample": "convenience", "strata_column": "area"}, "strata_column is of a sample that was drawn"),
        ({"sample": None, "size": 100}, "size is of a sample that was drawn"),
        ({"strata_column": "area", "size": 100}, "a table by stratum"),
        ({"size": {"north": 3}}, "a number, for there is no strata_column"),
    ],
)
def test_strata_and_sizes_that_nobody_drew_are_refused_by_the_plan(plan, keys, said):
    assert any(said in line for line in sense.senseless(drawn(plan, **keys)))


def test_a_column_of_strata_that_is_not_in_the_codebook_is_refused(plan):
    from evaluation.plan import checks

    assert any("region_drawn" in line for line in checks.plan_faults(drawn(plan, strata_column="region_drawn")))
    with pytest.raises(StudyError, match="greater than or equal to 1"):
        _loaded(plan, "size = 0")


def _loaded(plan, line):
    from evaluation.plan import study

    text = (plan.root / "study.toml").read_text("utf-8").replace("[population]", f"[population]\n{line}", 1)
    (plan.root / "study.toml").write_text(text, "utf-8")
    return study.load(plan.root / "study.toml")
