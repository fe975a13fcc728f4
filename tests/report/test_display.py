"""Results show themselves by their names: through the disclosure gate, and never by their exact numbers."""

import numpy as np
import pandas as pd
import pytest

from evaluation import report, results
from evaluation.exhibit import Count, Exhibit, Item, Measure
from evaluation.plan.schema import Disclosure
from evaluation.results import Estimate, NotIdentified, Results, TooFew
from evaluation.statistics import balance, matching, propensity, weighting


@pytest.fixture(autouse=True)
def _rules():
    report.display.by_rules_of(Disclosure())
    yield
    report.display.by_rules_of(Disclosure())


def people(n=200, seed=1):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"sex": rng.choice(["f", "m"], n), "age": rng.normal(40, 10, n), "w": rng.uniform(0.5, 2, n)})
    frame["came"] = (rng.uniform(size=n) < 0.3).astype(int)
    return frame


def designed():
    frame = people()
    scores = propensity.fit(frame, treat="came", covariates=["sex", "age"])
    sample = matching.nearest(frame, scores, treat="came")
    weights = weighting.rake(frame, {"sex": pd.Series({"f": 510.0, "m": 490.0})})
    compared = balance.compare(frame, treat="came", covariates=["sex", "age"], weights=sample.match_weight)
    return scores, sample, weights, compared


ESTIMATE = Estimate(0.25, se=0.1, low=0.05, high=0.45, n={"a": 47, "b": 93}, id="gap.x.y.z", question="Is there a gap?")


def test_an_estimate_shows_its_question_its_interval_and_rounded_people():
    html = ESTIMATE._repr_html_()
    assert "Is there a gap?" in html
    assert "about 45" in html
    assert "47" not in html
    assert ESTIMATE._repr_mimebundle_()["text/plain"]


def test_an_estimate_of_few_people_is_not_shown():
    few = Estimate(0.123456, low=0.1, high=0.2, n={"a": 4, "b": 93}, id="x")
    for text in few._repr_mimebundle_().values():
        assert "0.12" not in text
        assert "too few" in text


def test_the_studys_own_rules_are_stricter_where_the_plan_says_so():
    report.display.by_rules_of(Disclosure(least_base=100))
    assert "too few" in ESTIMATE._repr_html_()


def test_refusals_counts_and_exhibits_show_themselves_protected():
    assert "answerable" in NotIdentified("nobody was asked", "Ask.", id="r")._repr_html_()
    assert "too few" in TooFew({"a": 3}, 30, id="t")._repr_html_()
    table = Exhibit(
        "e", "People", (Item("r", "c", Count("n", 4, "people|x=1", kind="identity")), Item("s", "c", Measure("m", 1.5)))
    )
    assert ">4<" not in table._repr_html_()
    assert "1.50" in table._repr_html_()


def test_results_are_a_list_that_shows_itself_and_gives_a_frame():
    several = Results([ESTIMATE, NotIdentified("nobody was asked", "Ask.", id="r", question="Is there a gap?")])
    html = several._repr_html_()
    assert html.count("<tr>") == 3
    assert list(several.table()) == ["id", "value", "low", "high", "unit", "n", "licence", "verdict", "reason"]
    assert set(several.table(every=True)) >= {"se", "gates", "margin"}
    assert list(Results().table()) == list(several.table())
    assert several == [ESTIMATE, several[1]]
    assert results.by_id(several, "R") is several[1]
    with pytest.raises(results.DataError, match="no result 'q'"):
        results.by_id(several, "q")


def test_weights_scores_samples_and_balance_show_themselves():
    for thing in designed():
        html = thing._repr_html_()
        assert "<table" in html, type(thing).__name__


def test_a_design_of_few_people_shows_no_number():
    frame = people(9, seed=3)
    weights = weighting.rake(frame, {"sex": pd.Series({"f": 510.0, "m": 490.0})})
    assert "too few" in weights._repr_html_()
    assert f"{weights.effective_n:.2f}" not in weights._repr_html_()


def test_without_the_gate_nothing_is_shown(monkeypatch):
    monkeypatch.setattr(results, "_VIEWERS", [])
    assert set(ESTIMATE._repr_mimebundle_()) == {"text/plain"}
    assert "0.25" not in str(ESTIMATE._repr_mimebundle_())
    assert ESTIMATE._repr_html_() is None
