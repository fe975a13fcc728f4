"""The protocol is made from the plan alone, names every choice, and changes with the plan."""

import shutil
import tomllib

import pytest
import report_study
import tomli_w

from evaluation.plan import registration, study
from evaluation.report import checks, html, protocol_estimation, protocol_page

ROOT = report_study.ROOT


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data_raw").mkdir()
    shutil.copy(ROOT / "data_raw" / "codebook.yaml", tmp_path / "data_raw")
    shutil.copy(ROOT / "study.toml", tmp_path)
    return tmp_path


def plan_with(folder, **tables):
    words = tomllib.loads((ROOT / "study.toml").read_text("utf-8")) | tables
    (folder / "study.toml").write_text(tomli_w.dumps(words), "utf-8")
    return study.load(folder / "study.toml")


def text_of(plan):
    page, context = protocol_page.protocol(plan, "W2025"), protocol_page.context(plan, "W2025")
    source = html.render(page, context)
    assert checks.accessibility(source) == []
    return checks.text(source)


def test_every_outcome_design_covariate_exclusion_and_lot_is_foretold(folder):
    plan = study.load(folder / "study.toml")
    said = text_of(plan)
    for name, design in plan.designs.items():
        assert f"{name} {design.title}" in said
        assert design.estimand in said
    for words in (
        *(e.reason for e in plan.exclusions),
        *plan.covariates.values(),
        *(x.title for x in plan.lots.values()),
    ):
        assert words in said
    for outcome in plan.all_outcomes:
        assert protocol_page._words(plan, outcome) in said


def test_another_plan_is_another_protocol_and_another_digest(folder):
    before = text_of(study.load(folder / "study.toml"))
    designs = {"D2": tomllib.loads((ROOT / "study.toml").read_text("utf-8"))["designs"]["D2"]}
    after = text_of(plan_with(folder, designs=designs, lots={}))
    assert "D1 Places" in before
    assert "D1 Places" not in after
    assert "Waits for" not in after
    assert study.load(folder / "study.toml").digest() in after


def test_a_frozen_plan_is_named_and_what_moved_since_is_listed(folder):
    plan = study.load(folder / "study.toml")
    registration.freeze(plan, "W2025", date="2026-07-04")
    assert registration.frozen_digest(plan, "W2025") in text_of(plan)
    sizes = tomllib.loads((ROOT / "study.toml").read_text("utf-8"))["sizes"] | {"least_people": 40}
    assert "sizes.least_people: frozen as 30, now 40" in text_of(plan_with(folder, sizes=sizes))


def test_the_protocol_reads_no_answer(folder):
    assert not (folder / "data_raw" / "waves").exists()
    made = protocol_page.write(study.load(folder / "study.toml"), "W2025", folder / "out")
    assert [p.name for p in made] == ["protocol.html", "protocol.pdf"]
    assert made[1].read_bytes().startswith(b"%PDF")


def test_it_says_what_is_estimated_how_and_with_which_error(folder):
    said = text_of(study.load(folder / "study.toml"))
    for words in ("(ATT)", "g-computation", "sessions left out in turn", "95 per cent", "Romano and Wolf", "filled in"):
        assert words in said, words


def test_a_study_without_a_treatment_estimates_no_difference_of_people(folder):
    words = tomllib.loads((ROOT / "study.toml").read_text("utf-8"))
    plan = study.load(folder / "study.toml")
    bare = plan.model_copy(update={"treatment": plan.treatment.model_copy(update={"column": ""})})
    assert words["treatment"]["column"]
    rows = [r[0] for r in protocol_estimation._rows(bare)]
    assert rows == ["Levels", "Changes", "Gaps"]
