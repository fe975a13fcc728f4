"""Stages: an object comes back to the last digit, and one of another state of the study is refused by name."""

from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_study import make

from evaluation.errors import CheckFailed, EvaluationError
from evaluation.intake import objects, provenance, stages, store, waves

WAVE = "W2024"


@pytest.fixture(autouse=True)
def _by_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("EVALUATION_STAGE", raising=False)


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022", WAVE))


@dataclass(frozen=True, slots=True)
class Inner:
    frame: pd.DataFrame
    series: pd.Series


@dataclass(frozen=True, slots=True)
class Outer:
    inner: dict[str, Inner]
    array: np.ndarray
    words: tuple[str, ...]
    index: pd.Index
    nothing: Any = None


TESTING = {pd.DataFrame: pd.testing.assert_frame_equal, pd.Series: pd.testing.assert_series_equal}


def same(a, b):
    """Hold two things against each other: values, types, order and labels."""
    if type(a) in TESTING:
        TESTING[type(a)](a, b, check_exact=True)
    elif isinstance(a, pd.Index):
        pd.testing.assert_index_equal(a, b, exact=True)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    else:
        assert type(a) is type(b)
        for x, y in zip(parts(a), parts(b), strict=True):
            same(x, y)
        assert parts(a) or a == b


def parts(thing):
    """Return what a thing is made of: fields, keys and values, or entries."""
    if is_dataclass(thing):
        return [getattr(thing, f.name) for f in fields(thing)]
    if isinstance(thing, dict):
        return [*thing, *thing.values()]
    return list(thing) if isinstance(thing, tuple | list) else []


COLUMN = st.sampled_from(
    [
        pd.Series(["a", "b", "c"], dtype=object),
        pd.Series(["a", None, "c"], dtype=object),
        pd.Series(["a", pd.NA, "c"], dtype=object),
        pd.Series(["a", np.nan, "c"], dtype=object),
        pd.Series(["a", "b", "c"], dtype="str"),
        pd.Series([1, None, 3], dtype="Int64"),
        pd.Series([1, 2, 3], dtype="int8"),
        pd.Series([0.1, np.nan, np.inf]),
        pd.Series([True, False, True]),
        pd.Series([True, None, False], dtype="boolean"),
        pd.Series(pd.to_datetime(["2024-05-01", None, "2024-05-03"])),
        pd.Series(["x", "y", "x"], dtype="category"),
    ]
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(columns=st.lists(COLUMN, min_size=1, max_size=4), label=st.sampled_from([["p", "q", "r"], [5, 3, 4], [0, 1, 2]]))
def test_an_object_comes_back_to_the_last_digit_and_type(plan, columns, label):
    frame = pd.concat(columns, axis=1).set_axis([f"c{k}" for k in range(len(columns))], axis=1).set_axis(label)
    many = pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "x")], names=["one", "two"])
    inner = Inner(frame, pd.Series([1 / 3, 2.0, -0.0], index=many, name="s"))
    thing = Outer({"k": inner}, np.arange(6.0).reshape(3, 2) / 7, ("w", "v"), pd.Index(["a", "b"], dtype=object))
    objects.keep(plan, WAVE, "weights", thing)
    same(thing, objects.kept(plan, WAVE, "weights", (Outer, Inner)))


def test_only_classes_that_the_reader_names_come_back(plan):
    objects.keep(plan, WAVE, "weights", Inner(pd.DataFrame({"a": [1]}), pd.Series([1])))
    with pytest.raises(KeyError):
        objects.kept(plan, WAVE, "weights", (Outer,))
    with pytest.raises(TypeError, match="cannot be kept"):
        objects.keep(plan, WAVE, "weights", {"a": object()})


def test_the_same_content_has_the_same_fingerprint_and_another_has_another(plan):
    first = objects.keep(plan, WAVE, "weights", {"a": pd.Series([1.0, 2.0])})
    assert (
        objects.keep(plan, WAVE, "weights", {"a": pd.Series([1.0, 2.0])}) == first == waves.stage(plan, WAVE, "weights")
    )
    assert objects.keep(plan, WAVE, "weights", {"a": pd.Series([1.0, 2.1])}).fingerprint != first.fingerprint


KEPT = pd.DataFrame({"a": [1.0]})


@pytest.mark.parametrize("name", [*provenance.MAKERS, "design", "outcomes", "answer.01", "answer.11"])
def test_a_missing_stage_names_the_file_of_the_notebook_that_makes_it(plan, name):
    number = int(name[-2:]) if name.startswith("answer.") else provenance.MAKERS.get(name, 0)
    with pytest.raises(CheckFailed, match=f"Run {number:02d}_\\w+\\.ipynb first"):
        stages.read_stage(plan, WAVE, name)


def test_every_notebook_that_a_refusal_names_is_there():
    folder = provenance.PACKAGE.parents[1] / "notebooks"
    assert tuple(sorted(p.stem for p in folder.glob("*.ipynb"))) == provenance.NOTEBOOKS


def test_a_stage_that_was_changed_after_it_was_shown_is_refused(plan):
    waves.save_stage(plan, WAVE, "weights", KEPT)
    stages.write_frame(stages.folder(plan, WAVE) / "weights.parquet", KEPT + 1)
    with pytest.raises(CheckFailed, match=r"'weights' is not as it was saved and shown\. Run 02_"):
        waves.load_stage(plan, WAVE, "weights")


def test_a_stage_from_other_code_is_refused_by_name(plan, monkeypatch):
    waves.save_stage(plan, WAVE, "scores", KEPT)
    assert waves.load_stage(plan, WAVE, "scores").equals(KEPT)
    monkeypatch.setattr(provenance, "_code", lambda: "another")
    with pytest.raises(CheckFailed, match=r"'scores' was made by other code than this\. Run 03_\w+\.ipynb again"):
        waves.load_stage(plan, WAVE, "scores")


@pytest.mark.parametrize("place", ["waves/W2024/wave.toml", "registers/new.csv", "withdrawn.csv"])
def test_a_stage_from_other_data_is_refused_by_name(plan, place):
    waves.save_stage(plan, WAVE, "sample", KEPT)
    file = plan.root / "data_raw" / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text((file.read_text() if file.exists() else "") + "\n# more\n")
    with pytest.raises(CheckFailed, match=r"'sample' was made from other data than stand in data_raw\. Run 04_"):
        waves.load_stage(plan, WAVE, "sample")


def test_a_stage_of_another_plan_is_refused_by_name(plan):
    waves.save_stage(plan, WAVE, "attend", KEPT)
    other = plan.model_copy(update={"study": plan.study.model_copy(update={"seed": 1})})
    with pytest.raises(CheckFailed, match=r"'attend' was made with another plan or codebook\. Run 05_"):
        waves.load_stage(other, WAVE, "attend")


def test_stages_of_a_run_bear_what_the_run_says_it_was_made_from(plan, monkeypatch):
    where = plan.root / "data_processed" / WAVE
    monkeypatch.setenv("EVALUATION_STAGE", str(where))
    waves.save_stage(plan, WAVE, "scores", KEPT)
    stages.say_made_from(where, plan, WAVE)
    monkeypatch.delenv("EVALUATION_STAGE")
    assert waves.load_stage(plan, WAVE, "scores").equals(KEPT)
    monkeypatch.setattr(provenance, "_code", lambda: "another")
    with pytest.raises(CheckFailed, match="other code"):
        waves.load_stage(plan, WAVE, "scores")


def test_a_notebook_that_reads_what_others_published_names_the_first_that_was_not_run_to_its_end(plan):
    from evaluation.exhibit import Exhibit

    for number in (0, 2):
        store.save_published(plan, WAVE, Exhibit(f"answer.{number:02d}", "Answer", ()))
    waves.require_notebooks(plan, WAVE, before=1)
    with pytest.raises(CheckFailed, match=r"Run 01_who_answered\.ipynb first"):
        waves.require_notebooks(plan, WAVE, before=3)


def test_a_refusal_in_a_notebook_is_a_sentence_and_no_traceback():
    from IPython.core.interactiveshell import InteractiveShell

    error = EvaluationError("the stage 'design' is not there", todo="Run 00 first.")
    assert error._render_traceback_() == [str(error)]
    assert hasattr(InteractiveShell, "showtraceback")
