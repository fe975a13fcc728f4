"""References of other surveys' questions, the lists of ethnic groups, crosswalks: what a codebook and a plan may say."""

import re
import tomllib
from pathlib import Path

import pytest
import tomli_w

from evaluation.errors import CodebookError, StudyError
from evaluation.plan import codebook, references, standards, study

ROOT = Path(__file__).parents[2]
BOOK = (ROOT / "data_raw" / "codebook.yaml").read_text("utf-8")
STATED = "harmonised: {survey: csew, variable: good_job, years: 2012-2030, scale: job5}"


def load(tmp_path, old, new):
    assert old in BOOK
    (tmp_path / "codebook.yaml").write_text(BOOK.replace(old, new, 1), "utf-8")
    return codebook.load(tmp_path / "codebook.yaml")


def test_three_questions_of_the_shipped_codebook_repeat_one_of_the_crime_survey():
    found = codebook.load(ROOT / "data_raw" / "codebook.yaml").harmonised
    assert {n: r.reference.key for n, r in found.items()} == {
        "police_confidence": "csew.local_confidence",
        "police_good_job": "csew.good_job",
        "patrol_seen": "csew.foot_patrol",
    }
    assert not any(r.wording for r in found.values())


@pytest.mark.parametrize("reference", references.shipped().values(), ids=lambda r: r.key)
def test_a_reference_counts_answers_that_its_scale_has(reference):
    assert set(reference.positive) < set(reference.levels)
    assert list(reference.levels) == sorted(reference.levels)
    assert reference.words


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("harmonised: {survey: csew, variable: god_job, years: 2012-2030, scale: job5}", "no reference 'csew.god_job'; did you mean 'csew.good_job'"),
        ("harmonised: {survey: mopec, variable: good_job, years: 2012-2030, scale: job5}", "did you mean 'mopac.good_job'"),
        ("harmonised: {survey: zz, variable: 1, years: 2012-2030, scale: job5}", "no reference 'zz.1'"),
        ("harmonised: {survey: csew, variable: good_job, years: 2001-2030, scale: job5}", "from 2012 on"),
        ("harmonised: {survey: csew, variable: good_job, years: 2030-2012, scale: job5}", "from 2012 on"),
        ("harmonised: {survey: csew, variable: good_job, years: lately, scale: job5}", "written 2012-2025"),
        ("harmonised: {survey: csew, variable: good_job, years: 2012-2030, scale: agree5}", "has the scale 'job5'"),
        ("harmonised: {survey: csew, variable: foot_patrol, years: 2012-2030, scale: patrol6}", "whose answers are: 1 Never"),
        ("harmonised: {survey: csew, variable: good_job, years: 2012-2030}", "harmonised is written"),
        ("harmonised: csew", "harmonised is written"),
        ("harmonised: {survey: csew, variable: good_job, years: 2012-2030, scale: job5, words: x}", "no key 'words'; nearest: 'wording'"),
    ],
)  # fmt: skip
def test_a_question_that_repeats_nothing_known_is_refused_by_name(tmp_path, stated, message):
    with pytest.raises(CodebookError, match=re.escape(message)) as refused:
        load(tmp_path, STATED, stated)
    assert "police_good_job" in str(refused.value)


def test_the_hash_says_which_words_and_not_how_they_were_typed():
    assert references.wording_hash("How  good\na “job”?") == references.wording_hash('How good a "job"?')
    assert references.wording_hash("How good a job?") != references.wording_hash("How bad a job?")
    assert references.wording_hash("  ") == ""


def test_wording_pasted_into_the_codebook_is_read(tmp_path):
    book = load(tmp_path, "scale: job5}", "scale: job5, wording: pasted words}")
    assert book.harmonised["police_good_job"].wording == "pasted words"


def test_what_counts_as_positive_follows_the_reference_unless_the_plan_says_otherwise():
    plan = study.load(ROOT / "study.toml")
    assert plan.positive("patrol_seen") == (4, 5, 6)
    assert plan.positive("conf_overall") == plan.outcomes.positive
    own = plan.outcomes.model_copy(update={"positive_of": {"patrol_seen": (6,)}})
    assert plan.model_copy(update={"outcomes": own}).positive("patrol_seen") == (6,)


# ---- lists of groups, successors, crosswalks -------------------------------------------------------------------------


def test_the_lists_differ_by_the_group_that_the_later_one_added():
    assert set(standards.LISTS["2021"]) - set(standards.LISTS["2011"]) == {"white_roma"}
    assert standards.strangers(["white_roma", "black", "black_african"], "2011") == ["white_roma"]
    assert standards.strangers(["anything"], "next") == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('quasi: true, standard: "2021"}', 'quasi: true, standard: "2001"}', "standard '2001' is not known"),
        ('quasi: true, standard: "2021"}', 'quasi: true, standard: "2011"}', "the list of 2011 does not offer 'white_roma'"),
        ("successor: {variable: commitment_aware, bridge: W2027}", "successor: {variable: comitment, bridge: W2027}", "names 'comitment'"),
        ("successor: {variable: commitment_aware, bridge: W2027}", "successor: {variable: commitment_aware, bridge: 27}", "successor is written"),
        ("successor: {variable: commitment_aware, bridge: W2027}", "successor: commitment_aware", "successor is written"),
    ],
)  # fmt: skip
def test_a_list_or_a_successor_that_is_none_is_refused_by_name(tmp_path, old, new, message):
    with pytest.raises(CodebookError, match=re.escape(message)):
        load(tmp_path, old, new)


CROSSWALK = {
    "column": "focus",
    "before": "2011",
    "after": "2021",
    "shares": {"black": {"black": 0.95, "other": 0.05}, "other": {"other": 1.0}},
    "base": {"black": 400, "other": 2000},
    "source": "people asked both",
}


def planned(tmp_path, **changes):
    content = tomllib.loads((ROOT / "study.toml").read_text("utf-8"))
    content["crosswalks"] = {"focus_2021": {k: v for k, v in (CROSSWALK | changes).items() if v is not None}}
    (tmp_path / "data_raw").mkdir()
    (tmp_path / "data_raw" / "codebook.yaml").write_text(BOOK, "utf-8")
    (tmp_path / "study.toml").write_text(tomli_w.dumps(content), "utf-8")
    return study.load(tmp_path / "study.toml")


def test_a_crosswalk_with_its_base_is_read(tmp_path):
    assert planned(tmp_path).crosswalks["focus_2021"].base["black"] == 400


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"column": "focuss"}, "did you mean 'focus'"),
        ({"before": "2001"}, "unknown version '2001'"),
        ({"before": "2021"}, "before and after are the same list"),
        ({"shares": {"black": {"black": 0.9}}}, "the shares of 'black' do not sum to 1"),
        ({"shares": {"blak": {"black": 1.0}}, "base": {"blak": 9}}, "level of 'focus': 'blak'"),
        ({"shares": {"black": {"blak": 1.0}}}, "level of 'focus': 'blak'"),
        ({"base": {"other": 20}}, "base lacks 'black'"),
        ({"base": {"black": 0, "other": 20}}, "greater than or equal to 1"),
        ({"base": None}, "crosswalks.focus_2021.base: missing"),
        ({"source": None}, "crosswalks.focus_2021.source: missing"),
    ],
)
def test_a_crosswalk_that_does_not_state_its_error_is_refused(tmp_path, changes, message):
    with pytest.raises(StudyError, match=re.escape(message)):
        planned(tmp_path, **changes)
