"""results.csv holds no number that is none, and the plan's own words survive to the last page."""

import csv
import io
import math
from types import SimpleNamespace

import pandas as pd
import pytest
import report_study as study

from evaluation import disclosure
from evaluation.errors import CheckFailed
from evaluation.report import checks, html, results


def checked():
    return disclosure.protect(study.exhibits("positive"), study.plan().disclosure)


def test_every_cell_of_the_results_is_a_finite_number_a_word_or_blank():
    rows = list(csv.reader(io.StringIO(results.as_csv(results.grid(checked(), study.context())).decode())))
    assert len(rows) > 50
    for cell in (c for row in rows for c in row):
        assert cell.strip().lower().lstrip("'+-−") not in ("nan", "inf", "infinity", "<na>", "nat", "none")


@pytest.mark.parametrize("odd", [math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_by_name(odd):
    frame = pd.DataFrame({"id": ["level.a", "level.b"], "value": [0.5, odd]})
    with pytest.raises(CheckFailed, match=r"'value' of the result 'level.b'"):
        results.grid(SimpleNamespace(frame=lambda: frame), study.context())


SIGNS = {
    "institution": "Police of Saint-Émile & O'Brien",
    "programme": 'Forum "2030"',
    "programme_long": "Community Forum of 2030 (C.F.)",
    "second_programme": "the 12 Advisory Groups <IAG>",
    "place": "A_city & B_shire <C> 50%",
    "focus_group": "people aged 16 to 24",
    "comparison_group": "people aged 25 and over; all others",
    "treated": "people who came to 1 or more events",
    "untreated": "people who came to 0 events, ever",
    "treated_short": "1 or more",
    "untreated_short": "0: none",
    "checking_group": "the 10-person $focus$ group",
    "attended_question": "whether they had attended in the last 12 months",
    "programme_description": "Twelve events; 60 people at each, 5 officers.",
}


@pytest.mark.parametrize("words", [*({k: v} for k, v in SIGNS.items()), SIGNS], ids=[*SIGNS, "all"])
def test_words_of_the_plan_with_digits_and_signs_survive_to_the_last_page(tmp_path, words):
    plan = study.plan()
    plan = plan.model_copy(update={"words": plan.words.model_copy(update=words)})
    html.write_report(checked(), study.context(plan=plan), tmp_path / "report", pdf=False)
    assert (tmp_path / "report" / "practice-bank.html").is_file()


def test_a_number_by_hand_beside_the_plan_s_own_words_is_still_found():
    page = "<html lang='en'><main><p>Forum 2030 moved 73 people, and 2030 of them came.</p></main></html>"
    assert checks.untraced(page, {}, ["Forum 2030"]) == ["73 (p): no result id", "2030 (p): no result id"]
