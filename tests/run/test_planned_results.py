"""What a plan foretells and what a report calls planned are one set, both ways; the rest explores."""

import csv
import dataclasses
import shutil
import tomllib
from types import SimpleNamespace

import pytest
import run_study
import tomli_w
from run_study import ROOT

from evaluation.analysis import foretold
from evaluation.exhibit import Exhibit, Item
from evaluation.plan import registration, study
from evaluation.results import Estimate, NotIdentified, TooFew

WAVE = "W2025"
SHIPPED = tomllib.loads((ROOT / "study.toml").read_text("utf-8"))


def rows_of(report):
    with (report / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        found = csv.DictReader(line for line in file if not line.startswith("#"))
        return [SimpleNamespace(**r) for r in found]


@pytest.fixture
def folder(tmp_path):
    """Return the shipped study's plan and waves' maps, without an answer."""
    for file in ("study.toml", "data_raw/codebook.yaml", *(f"data_raw/waves/{w}/wave.toml" for w in ("W2022", WAVE))):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def planned_with(folder, **outcomes):
    """Return the shipped plan with other outcomes."""
    words = SHIPPED | {"outcomes": SHIPPED["outcomes"] | outcomes}
    (folder / "study.toml").write_text(tomli_w.dumps(words), "utf-8")
    return study.load(folder / "study.toml")


def result(id, **more):
    parts = id.split(".")
    named = {"id": id, "outcome": parts[1], "group": parts[2], "wave": parts[3].upper()}
    given = {"value": 0.4, "licence": "association", "planned": True, "family": "secondary", "null": 0.0}
    return Estimate(**(named | given | more))


def test_every_planned_result_of_a_report_is_foretold_and_all_that_is_foretold_is_given(tmp_path_factory):
    home, _ = run_study.small_report(tmp_path_factory)
    plan, rows = study.load(home / "study.toml"), rows_of(home / "reports" / "latest")
    told = foretold.foretold(plan, WAVE, foretold.asked(plan, WAVE))
    planned = [r for r in rows if r.planned == "yes"]
    assert len(planned) > 200
    assert foretold.unforetold(planned, told) == []
    absent = foretold.ungiven(rows, told)
    assert {x.contrast for x in absent} <= {"answers"}  # groups too small for any answer's share: the table names them
    notes = (home / "reports" / "latest" / "annex.html").read_text("utf-8")
    labels = plan.levels_of("ethnic5")
    for group in {x.group.removeprefix("ethnic5-") for x in absent}:
        assert labels[group] in notes


@pytest.mark.parametrize(
    "id",
    [
        "attend.would_report_hate.all.w2025",  # another outcome
        "attend.conf_overall.black.w2025",  # another group
        "change.conf_overall.black.w2024",  # another wave
        "d3.conf_overall.all.w2025",  # a design that the plan says is not planned
        "ratio.conf_overall.all.w2025",  # another contrast
    ],
)
def test_a_result_that_only_claims_to_be_planned_is_found(folder, id):
    plan = study.load(folder / "study.toml")
    told = foretold.foretold(plan, WAVE)
    good = result("attend.conf_overall.all.w2025")
    assert foretold.unforetold([good, result(id)], told) == [id]


def test_a_foretold_result_that_no_row_gives_is_found(folder):
    told = foretold.foretold(study.load(folder / "study.toml"), WAVE)
    rows = [result(".".join(k)) for k in told if k.contrast != "d2"]
    assert [k.contrast for k in foretold.ungiven(rows, told)] == ["d2"]


def test_an_outcome_that_joins_the_plan_after_it_was_frozen_explores(folder):
    registration.freeze(study.load(folder / "study.toml"), WAVE, date="2026-07-04")
    secondary = [*SHIPPED["outcomes"]["secondary"], "would_report_hate"]
    plan = planned_with(folder, secondary=secondary, exploratory=["know_rights"])
    late, early = result("attend.would_report_hate.all.w2025"), result("attend.trust_overall.all.w2025")
    marked = {r.id: r for r in foretold.demoted([late, early], foretold.frozen(plan, WAVE))}
    assert marked[early.id] == early
    found = marked[late.id]
    assert (found.planned, found.family, found.licence) == (False, "exploratory", "exploratory")
    exhibit = Exhibit("attend.outcomes", "Title", (Item("Row", "Column", late),))
    assert not foretold.marked([exhibit], foretold.frozen(plan, WAVE))[0].items[0].result.planned
    (last,) = foretold.final_results(plan, WAVE, [exhibit], [])
    assert (last.planned, last.family) == (False, "exploratory")


@pytest.mark.parametrize("refusal", [NotIdentified("nobody", "ask"), TooFew(counts={"all": 3}, needed=30)])
def test_a_refusal_that_was_not_foretold_is_no_planned_one_either(folder, refusal):
    registration.freeze(study.load(folder / "study.toml"), WAVE, date="2026-07-04")
    plan = study.load(folder / "study.toml")
    odd = dataclasses.replace(refusal, id="ratio.conf_overall.all.w2025", planned=True, licence="association")
    (found,) = foretold.demoted([odd], foretold.frozen(plan, WAVE))
    assert (found.planned, found.licence) == (False, "exploratory")


def test_without_a_frozen_plan_nothing_is_marked(folder):
    plan = study.load(folder / "study.toml")
    assert foretold.frozen(plan, WAVE) is None
    odd = result("ratio.conf_overall.all.w2025")
    assert foretold.demoted([odd], None) == [odd]


def test_a_question_that_a_wave_did_not_put_is_not_foretold_for_it(folder):
    plan = study.load(folder / "study.toml")
    put = foretold.asked(plan, WAVE)
    assert "trust_overall" not in put["W2022"]
    assert "W2024" not in put  # its map is not in: it may put anything
    told = foretold.foretold(plan, WAVE, put)
    trust = {k.wave for k in told if k.contrast == "level" and k.outcome == "trust_overall"}
    assert trust == {"w2025"}
