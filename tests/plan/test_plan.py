"""The plan loader: every slip is named with the nearest right word, all of them at once; a new study has its blanks."""

import re
import shutil
from pathlib import Path

import pytest

from evaluation.errors import EvaluationError, InputError, StudyError
from evaluation.plan import study
from evaluation.run import new_study

ROOT = Path(__file__).parents[2]


@pytest.fixture
def write(tmp_path):
    """Return a function that writes the shipped plan with one text replaced by another, and loads it."""
    (tmp_path / "data_raw").mkdir()
    shutil.copy(ROOT / "data_raw" / "codebook.yaml", tmp_path / "data_raw" / "codebook.yaml")
    text = (ROOT / "study.toml").read_text("utf-8")

    def written(*changes):
        changed = text
        for old, new in changes:
            assert old in changed, old
            changed = changed.replace(old, new, 1)
        path = tmp_path / "study.toml"
        path.write_text(changed, "utf-8")
        return path

    return written


def said(path):
    with pytest.raises(StudyError) as caught:
        study.load(path)
    assert caught.value.exit_status == 2
    return str(caught.value)


def test_the_shipped_plan_loads(write):
    plan = study.load(write())
    assert plan.waves[-1] == "W2025"
    assert plan.digest() == study.load(ROOT / "study.toml").digest(), "the folder's name is no choice of the study"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[population]", "[populaton]", "populaton: unknown key; did you mean 'population'?"),
        ("trim_low", "trim_lo", "population.trim_lo: unknown key; did you mean 'trim_low'?"),
        ("primary_reason", "primary_reson", "outcomes.primary_reson: unknown key; did you mean 'primary_reason'?"),
        ("estimand =", "estimend =", "designs.D1.estimend: unknown key; did you mean 'estimand'?"),
        ("least_items", "least_item", "scales.trust_scale.least_item: unknown key; did you mean 'least_items'?"),
        ('step = "no consent', 'stepp = "no consent', "exclusions.0.stepp: unknown key; did you mean 'step'?"),
        ("draws = 200", "draws = true", "matching.placebo_draws: should be a number"),
        ("ratio = 2\n", 'ratio = "2"\n', "matching.ratio: should be a number"),
        ("seed = 20260704", 'seed = "x"', "study.seed"),
        ("threshold = 10", "threshold = 2", "disclosure.threshold"),
        ('"W2025"]', '"W2024"]', "wave ids look like W2024"),
        ('"W2025"]', '"2025"]', "wave ids look like W2024"),
        ('licence = "effect"', 'licence = "proof"', "designs.D1.licence"),
        (
            'column = "lpact_attended"',
            'column = "lpact_atended"',
            "treatment: unknown variable 'lpact_atended'; did you mean 'lpact_attended'?",
        ),
        (
            'primary = "conf_overall"',
            'primary = "conf_overal"',
            "outcomes: unknown variable 'conf_overal'; did you mean 'conf_overall'?",
        ),
        (
            '"trust_respect", ',
            '"trust_respekt", ',
            "scales: unknown variable 'trust_respekt'; did you mean 'trust_respect'?",
        ),
        ('column = "works_for_police"', 'column = "works_for_polic"', "exclusions: unknown variable 'works_for_polic'"),
        ('from = "age_band"', 'from = "age_bnd"', "derive: unknown variable 'age_bnd'; did you mean 'age_band'?"),
        ('session_column = "session_id"', 'session_column = "sesion_id"', "population: unknown variable 'sesion_id'"),
        ('prognostic = ["age5"', 'prognostic = ["age4"', "matching: unknown covariate 'age4'; did you mean 'age5'?"),
        ('waves = ["W2024", "W2025"]', 'waves = ["W2023", "W2025"]', "designs.D5.waves: unknown wave 'W2023'"),
        ('group = "focus"', 'group = "fokus"', "designs.D2.group: unknown variable 'fokus'; did you mean 'focus'?"),
        (
            'treated = ["yes"]',
            'treated = ["yess"]',
            "treatment.treated: unknown level of 'lpact_attended': 'yess'; did you mean 'yes'?",
        ),
        ('drop = ["outside_llr"]', 'drop = ["outside"]', "unknown level of 'area': 'outside'"),
        ('"16_17" = "16_24"', '"16_18" = "16_24"', "derive.age5.map: unknown level of 'age_band': '16_18'"),
        ('"event_optin", "iag_list"', '"event_optim", "iag_list"', "did you mean 'event_optin'?"),
        ('disability = "not moved', 'conf_then = "not moved', "covariates: 'conf_then' has role 'mediator'"),
        ('secondary = ["satis_overall"', 'secondary = ["sex"', "outcomes: 'sex' has role 'design' in the codebook"),
        ('column = "lpact_attended"', 'column = "sex"', "treatment: 'sex' has role 'design' in the codebook"),
    ],
)
def test_each_slip_is_named_with_the_nearest_right_word(write, old, new, message):
    assert message in said(write((old, new)))


def test_every_fault_is_said_at_once_whatever_its_kind(write):
    text = said(
        write(
            ("trim_low", "trim_lo"),
            ('primary = "conf_overall"', 'primary = "conf_overal"'),
            ('treated = ["yes"]', 'treated = ["yess"]'),
            ('institution = "Leicestershire Police"', 'institution = "FILL IN: whose"'),
            ('waves = ["W2024", "W2025"]', 'waves = ["W2023", "W2025"]'),
        )
    )
    for part in ("trim_lo", "conf_overal", "yess", "words.institution: still to be filled in", "W2023"):
        assert part in text
    assert len(re.findall(r"^- ", text, re.M)) == 5
    assert text.endswith("Replace each FILL IN.")


def test_a_missing_part_is_named(write):
    path = write()
    path.write_text(path.read_text().replace('title = "Do police-community forums change trust and confidence?"\n', ""))
    assert "study.title: missing; every choice must be stated" in said(path)


@pytest.mark.parametrize(
    ("content", "message"), [(b"a = [1", "not valid TOML"), (b"\xff\xfe", "not valid TOML"), (b"", "missing")]
)
def test_a_broken_file_is_refused(tmp_path, content, message):
    path = tmp_path / "study.toml"
    path.write_bytes(content)
    assert message in said(path)


def test_words_of_toml_keep_their_type(write):
    """`yes`, `no`, `18_24` and `1e3` in quotes stay text; a bare number where text is due is refused."""
    plan = study.load(write(('place = "Leicester, Leicestershire and Rutland"', 'place = "1e3"')))
    assert plan.words.place == "1e3"
    assert plan.treatment.treated == ("yes",)
    assert "18_24" in plan.derive["age5"].map
    assert "words.place" in said(write(('place = "Leicester, Leicestershire and Rutland"', "place = 1e3")))


def test_a_study_is_found_from_below_and_missed_with_a_hint(write, tmp_path, monkeypatch):
    path = write()
    below = tmp_path / "data_raw"
    monkeypatch.chdir(below)
    assert study.find() == path.resolve()
    with pytest.raises(StudyError, match="evaluation init"):
        study.find(Path("/"))
    with pytest.raises(StudyError, match="no study file"):
        study.load(tmp_path / "nowhere.toml")


# ---- a new study ----------------------------------------------------------------------------------------------------


def test_a_new_study_holds_what_it_needs_and_lists_its_blanks(tmp_path):
    folder = tmp_path / "new"
    assert "study.toml" in new_study.init(folder)
    held = {p.relative_to(folder).as_posix() for p in folder.rglob("*")}
    assert {"study.toml", "README.md", ".gitignore", "data_raw/codebook.yaml", "data_raw/waves", "reports"} <= held
    assert "data_raw/registers/blank/events.csv" in held
    assert "data_raw/waves/" in (folder / ".gitignore").read_text().splitlines()
    text = said(folder / "study.toml")
    lines = (folder / "study.toml").read_text().splitlines()
    blanks = sum(line.count('"FILL') for line in lines if not line.startswith("#"))
    assert len(re.findall(r"^- .*still to be filled in", text, re.M)) == blanks
    for place in ("study.title", "outcomes.primary", "treatment.column", "matching.prognostic[0]"):
        assert f"- {place}: still to be filled in" in text


def test_registers_have_the_columns_of_the_codebook(tmp_path):
    new_study.init(tmp_path / "new")
    plan = study.load(ROOT / "study.toml")
    for path in (tmp_path / "new" / "data_raw" / "registers" / "blank").glob("*.csv"):
        assert path.read_text().strip().split(",") == list(plan.codebook.names(path.stem))


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="not empty"):
        new_study.init(tmp_path / "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["letter.txt"]
    with pytest.raises(EvaluationError):
        new_study.init(tmp_path / "mine" / "letter.txt")
