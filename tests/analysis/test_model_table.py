"""A fit of statsmodels or linearmodels is published through the gate: enough freedom, and no term of a few people."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from linearmodels.panel import PanelOLS

from evaluation.analysis.model_table import model_table
from evaluation.plan import study
from evaluation.results import NotIdentified, TooFew

PLAN = study.load(Path(__file__).parents[2] / "study.toml")


def people(n, seed=2):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"y": rng.normal(size=n), "x": rng.normal(size=n), "g": (np.arange(n) % 3 == 0).astype(float)})


def cells(exhibit):
    return {i.result.id: i.result for i in exhibit.items}


def test_coefficients_errors_and_intervals_are_those_of_the_fit():
    fit = smf.ols("y ~ x + g", people(90)).fit()
    found = cells(model_table(PLAN, "W2025", fit, "model.gap"))
    for number, term in enumerate(fit.params.index):
        cell = found[f"model.gap.all.w2025.term{number:02d}"]
        assert cell.value == fit.params[term]
        assert (cell.low, cell.high) == tuple(fit.conf_int().loc[term])
        assert found[f"model.gap.all.w2025.term{number:02d}.se"].value == fit.bse[term]
        assert cell.base == 90


def test_a_panel_fit_is_laid_out_alike():
    frame = (
        people(60).assign(person=np.repeat(np.arange(30), 2), time=np.tile([0, 1], 30)).set_index(["person", "time"])
    )
    fit = PanelOLS.from_formula("y ~ x + EntityEffects + TimeEffects", frame).fit()
    found = cells(model_table(PLAN, "W2025", fit, "model.linked"))
    assert found["model.linked.all.w2025.term00"].value == fit.params["x"]


def test_a_term_of_a_few_people_is_left_out_and_the_note_says_so():
    frame = people(90)
    frame["rare"] = (frame.index < PLAN.disclosure.threshold - 1).astype(float)
    table = model_table(PLAN, "W2025", smf.ols("y ~ x + rare", frame).fit(), "model.planned")
    assert not [i for i in table.items if "rare" in i.row]
    assert any("left out" in n for n in table.notes)
    frame["rare"] = (frame.index < PLAN.disclosure.threshold).astype(float)
    table = model_table(PLAN, "W2025", smf.ols("y ~ x + rare", frame).fit(), "model.planned")
    assert [i for i in table.items if "rare" in i.row]
    assert not any("left out" in n for n in table.notes)


@pytest.mark.parametrize(("n", "kind"), [(12, TooFew), (13, None)])
def test_a_fit_with_fewer_than_ten_degrees_of_freedom_left_is_refused(n, kind):
    table = model_table(PLAN, "W2025", smf.ols("y ~ x + g", people(n)).fit(), "model.gap")
    assert (type(table.items[0].result) is kind) == (kind is not None)


def test_no_fit_is_said_in_words():
    table = model_table(PLAN, "W2025", None, "model.linked")
    assert isinstance(table.items[0].result, NotIdentified)
    refusal = NotIdentified("nobody was asked", "Ask.")
    assert model_table(PLAN, "W2025", refusal, "model.planned").items[0].result.reason == "nobody was asked"
