"""Willingness to report: parts of a difference that go through other answers, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from intake_study import ROOT

from evaluation import disclosure, errors
from evaluation.analysis.level_tables import group_column
from evaluation.analysis.levels import Survey
from evaluation.analysis.robustness import mediation as answers
from evaluation.plan import study
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics import mediation


def people(n=400, *, through=0.5, direct=0.2, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, n).astype(float)
    m = 3 + 0.8 * x + rng.normal(0, 1, n)
    k = 3 + rng.normal(0, 1, n)
    y = 2 + through * m + direct * x + rng.normal(0, 1, n)
    return pd.DataFrame({"x": x, "m": m, "k": k, "y": y, "old": rng.integers(0, 2, n).astype(float)})


def paths(frame, **more):
    return mediation.paths(frame, **{"x": "x", "mediators": ["m", "k"], "y": "y", "draws": 200, **more})


def ols(frame, columns, y):
    design = np.column_stack([np.ones(len(frame)), frame[columns]])
    return dict(zip(["1", *columns], np.linalg.lstsq(design, frame[y], rcond=None)[0], strict=True))


def test_parts_are_the_products_of_three_regressions():
    frame = people()
    found = paths(frame, covariates=["old"])
    full = ols(frame, ["x", "m", "k", "old"], "y")
    assert found["direct"].value == pytest.approx(full["x"], abs=1e-9)
    for mediator in ("m", "k"):
        expected = ols(frame, ["x", "old"], mediator)["x"] * full[mediator]
        assert found[mediator].value == pytest.approx(expected, abs=1e-9)
    assert found["total"].value == pytest.approx(ols(frame, ["x", "old"], "y")["x"], abs=1e-9)
    parts = found["direct"].value + found["m"].value + found["k"].value
    assert found["total"].value == pytest.approx(parts, abs=1e-9)


def test_a_planted_path_is_found_and_another_is_not():
    found = paths(people(2000))
    assert found["m"].low < 0.4 < found["m"].high  # 0.8 · 0.5
    assert found["m"].low > 0
    assert found["k"].low < 0 < found["k"].high
    assert all(e.licence == "exploratory" and e.null is None for e in found.values())


def test_the_same_seed_gives_the_same_interval_and_another_does_not():
    a, b, c = (paths(people(), seed=s)["m"] for s in (3, 3, 4))
    assert (a.low, a.high) == (b.low, b.high) != (c.low, c.high)


def test_one_mediator_and_holes():
    frame = people()
    frame.loc[:99, "m"] = np.nan
    found = paths(frame, mediators=["m"])
    assert set(found) == {"total", "direct", "m"}
    assert sum(found["m"].n.values()) == 300


def test_what_cannot_be_worked_out_is_refused():
    assert isinstance(paths(people(50)), NotIdentified)
    assert isinstance(paths(people().assign(m=3.0)), NotIdentified)
    with pytest.raises(errors.UnknownColumn, match="nearest: 'old'"):
        paths(people(), covariates=["olt"])
    with pytest.raises(errors.DataError, match="0 or 1"):
        paths(people().assign(x=3.0))
    with pytest.raises(errors.DataError, match="mediator"):
        paths(people(), mediators=[])


# ---- as notebook 07 shows it ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plan():
    return study.load(ROOT / "study.toml")


def survey(plan, n=300, **more):
    rng = np.random.default_rng(2)
    wave = plan.waves[-1]
    black = rng.random(n) < 0.3
    design = pd.DataFrame(
        {
            "wave": wave,
            group_column(plan): np.where(black, "black", "other"),
            "ethnic5": np.where(black, "black", "white"),
            "age5": rng.choice(["25_34", "50_64"], n),
            "sample_source": "street",
            "area2": "city",
            "education": "degree",
            plan.treatment.column: rng.choice(["yes", "no"], n),
            plan.treatment.second_column: "no",
            plan.treatment.aside_column: "",
        },
        index=[f"p{i}" for i in range(n)],
    )
    fair, respect = (rng.integers(1, 6, n).astype(float) for _ in range(2))
    answers_ = pd.DataFrame(
        {
            "trust_fair": fair,
            "trust_respect": respect,
            "would_report_hate": np.clip(np.round(fair + rng.normal(0, 1, n)), 1, 5),
        }
        | more,
        index=design.index,
    )
    return design, answers_, Survey(design, answers_, {}, {})


def test_parts_stand_by_group_and_by_attendance_without_their_own_covariate(plan):
    design, given, asked = survey(plan)
    made = answers.reporting(plan, plan.waves[-1], design, given, asked)
    parts = {i.result.id: i.result for e in made for i in e.items}
    wave = plan.waves[-1].lower()
    assert isinstance(parts[f"mediation.would_report_hate.group.{wave}.total"], Estimate)
    assert isinstance(parts[f"mediation.would_report_hate.attended.{wave}.trust_fair"], Estimate)
    assert isinstance(parts[f"mediation.unfair.all.{wave}"], NotIdentified)  # discrimination is not asked
    assert isinstance(parts[f"reporting.hate.all.{wave}"], NotIdentified)  # nor what was experienced
    words = " ".join(n for e in made for n in e.notes)
    assert "Exploratory and unweighted" in words
    assert "nothing about information that was given" in words
    disclosure.protect(made, plan.disclosure)


def test_a_survey_that_asks_nothing_of_it_says_so(plan):
    design, given, _ = survey(plan)
    bare = given.drop(columns="would_report_hate")
    made = answers.reporting(plan, plan.waves[-1], design, bare, Survey(design, bare, {}, {}))
    assert "asks nothing about telling" in made[0].items[0].result.reason
    unfair = given[["would_report_hate"]]
    made = answers.reporting(plan, plan.waves[-1], design, unfair, Survey(design, unfair, {}, {}))
    assert "nothing about fairness" in made[0].items[0].result.reason


@pytest.mark.parametrize(("experienced", "kind"), [(200, Estimate), (20, TooFew)])
def test_reported_of_experienced_needs_thirty_people(plan, experienced, kind):
    n = 300
    happened = ["yes"] * experienced + ["no"] * (n - experienced)
    told = (["yes", "no"] * n)[:experienced] + [pd.NA] * (n - experienced)
    design, given, asked = survey(plan, n, hate_12m=happened, hate_reported=told)
    cell = answers.reporting(plan, plan.waves[-1], design, given, asked)[1].items[0].result
    assert isinstance(cell, kind)
    if kind is Estimate:
        assert (cell.value, cell.n) == (50.0, {"all": 200})
