"""A study whose every wave asked about attendance: the change of attendees is estimated, with what it may say."""

import csv
import json

import pytest
import run_study
from run_study import ROOT, shared

SIZES = """[sizes]
W2022 = 150
W2024 = 520
W2025 = 520
boost_W2024 = 20
boost_W2025 = 45
linked = 100

[attending]
base = -2.6
"""


def study(folder):
    """Make the shipped study anew with more attendees, and leave out the wave that did not ask."""
    from evaluation import synthetic

    folder.mkdir(parents=True)
    (folder.parent / "truth.toml").write_text(SIZES)
    synthetic.make(folder.parent / "truth.toml", folder)
    plan = (ROOT / "study.toml").read_text("utf-8")
    changes = (
        ('waves = ["W2022", "W2024", "W2025"]', 'waves = ["W2024", "W2025"]'),
        ('waves = ["W2022", "W2025"]', 'waves = ["W2024", "W2025"]'),
        ('pre_waves = ["W2022"]', 'pre_waves = ["W2024"]'),
        ("bootstrap_draws = 199", "bootstrap_draws = 19"),
        ("placebo_draws = 200", "placebo_draws = 20"),
    )
    for before, after in changes:
        assert before in plan
        plan = plan.replace(before, after)
    (folder / "study.toml").write_text(plan, "utf-8")
    return folder


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The finished report's folder."""

    def build(folder):
        made = study(folder / "study")
        done = run_study.run(made, "run", "--draft", "--date", "2026-07-04")
        return done.returncode, done.stderr

    (status, said), folder = shared(tmp_path_factory, "asked", build)
    assert status == 0, said
    return folder / "study" / "reports" / "latest"


@pytest.mark.run
def test_it_runs_end_to_end_and_estimates_the_change_of_attendees(report):
    with (report / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    row = rows["attendeechange.conf_overall.all.w2025"]
    assert float(row["low"]) < float(row["value"]) < float(row["high"])
    assert row["licence"] == "association"
    assert row["se_method"].startswith("CR2")
    assert "W2022" not in (report / "index.html").read_text("utf-8")


@pytest.mark.run
def test_the_released_notebook_shows_the_estimate_where_the_shipped_study_shows_the_refusal(report):
    notebook = json.loads((report / "notebooks" / "06_did_confidence_change_more.ipynb").read_text("utf-8"))
    shown = [json.dumps(o.get("data", {})) for c in notebook["cells"] for o in c.get("outputs", [])]
    (forest,) = [text for text in shown if "Attendees before and after" in text and "designs.forest" not in text][:1]
    assert "attendeechange.conf_overall.all.w2025" in forest
    assert "not answerable" not in forest.split("attendeechange.conf_overall.all.w2025")[1].split("</td>")[0]
