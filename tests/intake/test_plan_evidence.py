"""Ways of back-dating a frozen plan: each is caught by a trace, refused, or said to be undetectable; the docs' table."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tomllib

import pytest
import tomli_w
from run_study import ROOT

from evaluation.errors import StudyError
from evaluation.intake import plan_evidence, waves
from evaluation.plan import registration, study

WAVE, EARLY, LATE = "W2022", "2020-01-01", "2021-06-01"
EXPORT = ROOT / "data_raw" / "waves" / WAVE / "survey 2022 final.csv"


class Study:
    """A study without answers, and what a person can do to it."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "data_raw").mkdir()
        shutil.copy(ROOT / "data_raw" / "codebook.yaml", folder / "data_raw")
        shutil.copy(ROOT / "study.toml", folder)
        self.plan = study.load(folder / "study.toml")
        self.file, self.waves = registration.frozen_file(self.plan, WAVE), folder / "data_raw" / "waves"

    def freeze(self, date=LATE, clock=LATE):
        registration.freeze(self.plan, WAVE, date=date, clock=clock)

    def take_in(self, **dates):
        waves.add(self.plan, EXPORT, WAVE)
        toml = self.waves / WAVE / "wave.toml"
        text = "".join(f'{k} = "{v}"\n' for k, v in dates.items()) + toml.read_text("utf-8")
        toml.write_text(text, "utf-8")

    def edit(self, *, again=False, **values):
        """Change the frozen plan; with `again`, make every hash in it anew, as a forger would."""
        content = tomllib.loads(self.file.read_text("utf-8"))
        content["plan"]["sizes"] |= values.pop("sizes", {})
        content |= values
        if again:
            content["sha256"] = sealed(content["plan"])
            content["seal"] = sealed({k: v for k, v in content.items() if k != "seal"})
        self.file.write_text(tomli_w.dumps(content), "utf-8")

    def commit(self, day):
        git = {"GIT_AUTHOR_DATE": f"{day}T12:00:00", "GIT_COMMITTER_DATE": f"{day}T12:00:00"}
        name = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.hooksPath=none")
        for words in (("init", "-q"), ("add", "plans"), (*name, "commit", "-qm", "plan")):
            subprocess.run(["git", *words], cwd=self.folder, env=os.environ | git, check=True)

    def found(self):
        return [*plan_evidence.traces(self.plan, WAVE), *plan_evidence.commits(self.plan, WAVE)]


def sealed(content):
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@pytest.fixture
def made(tmp_path):
    return Study(tmp_path)


def asked_day(s):
    s.freeze(EARLY, LATE)


def clock_back_answers_in(s):
    s.take_in()
    s.freeze(EARLY, EARLY)


def clock_back_committed(s):
    s.freeze(EARLY, EARLY)
    s.commit(LATE)


def edited_choice(s):
    s.freeze()
    s.edit(sizes={"least_people": 5})


def edited_day(s):
    s.freeze()
    s.edit(frozen_on=EARLY)


def forged(s):
    s.freeze()
    s.take_in()
    s.edit(again=True, sizes={"least_people": 5})


def forged_and_committed(s):
    s.freeze()
    s.commit(LATE)
    s.edit(again=True, sizes={"least_people": 5})
    s.commit(LATE)


def copied(s):
    registration.freeze(s.plan, "W2025", date=EARLY)
    shutil.copy(registration.frozen_file(s.plan, "W2025"), s.file)


def frozen_late(s):
    s.take_in()
    s.freeze()


def frozen_again(s):
    s.freeze()
    s.take_in()
    s.file.unlink()
    s.plan = s.plan.model_copy(update={"sizes": s.plan.sizes.model_copy(update={"least_people": 5})})
    s.freeze(EARLY, EARLY)


def export_out_and_back(s):
    s.take_in()
    held = s.folder / "held"
    (s.waves / WAVE).rename(held)
    s.freeze(EARLY, EARLY)
    held.rename(s.waves / WAVE)


def both_out_with_days(s):
    s.take_in()
    shutil.rmtree(s.waves)
    s.freeze()
    s.take_in(start="2020-08-15", end="2020-10-14")


def both_out(s):
    s.take_in()
    shutil.rmtree(s.waves)
    s.freeze()
    s.take_in()


def released_before(s):
    s.freeze()
    (s.folder / "releases").mkdir()
    released = {"releases": [{"report": f"2020-07-04_{WAVE}"}]}
    (s.folder / "releases" / "ledger.json").write_text(json.dumps(released), "utf-8")


def rebuilt_commit(s):
    s.freeze(EARLY, EARLY)
    s.commit(EARLY)
    s.take_in()


def read_elsewhere(s):
    assert EXPORT.read_bytes()
    s.freeze()
    s.take_in()


WAYS = {
    "an earlier day is asked for (`--date`)": asked_day,
    "the machine's clock is set back once answers are in": clock_back_answers_in,
    "the machine's clock is set back before answers are in, and the commit has the true day": clock_back_committed,
    "a choice in the frozen plan is edited": edited_choice,
    "the day in the frozen plan is edited": edited_day,
    "a choice is edited and every hash in the file made again, after intake": forged,
    "a choice is edited, every hash made again and committed": forged_and_committed,
    "the frozen plan of another wave is copied": copied,
    "the plan is frozen after intake": frozen_late,
    "the frozen plan is deleted after intake and frozen again": frozen_again,
    "the export is carried out of the folder, the plan frozen, the export put back": export_out_and_back,
    "export and map are carried out, the plan frozen, both taken in again, with the days of fieldwork": both_out_with_days,
    "export and map are carried out, the plan frozen, both taken in again, without them": both_out,
    "the frozen plan is dated after a released report of its wave": released_before,
    "a commit is rebuilt with an old day (`git commit --date`, committer's day too)": rebuilt_commit,
    "answers are read elsewhere before the plan is frozen": read_elsewhere,
}
TABLE = re.search(
    r"<!-- begin back-dating -->(.*?)<!-- end", (ROOT / "docs" / "reviewers.md").read_text("utf-8"), re.S
).group(1)
SAID = dict(re.findall(r"^\| (?!Way|---)(.*?) \| (.*?) \|$", TABLE, re.M))


def test_the_table_names_every_way_that_is_tried_and_no_other():
    assert list(SAID) == list(WAYS)
    assert len(WAYS) >= 10


@pytest.mark.parametrize("way", WAYS)
def test_what_the_table_says_of_a_way_is_what_is_found(made, way):
    WAYS[way](made)
    if SAID[way] == "refused":
        with pytest.raises(StudyError, match=r"edited after it was frozen|is that of"):
            made.found()
        return
    found = made.found()
    against = {t.id for t in found if t.holds is False}
    if SAID[way] == "cannot be seen":
        assert not against
        assert plan_evidence.before_answers(found) is True
    else:
        assert SAID[way].removeprefix("caught: ") in against
        assert plan_evidence.before_answers(found) is False


def test_an_honest_plan_is_found_to_be_one(made):
    made.freeze()
    made.commit(LATE)
    made.take_in()
    found = made.found()
    assert {t.id for t in found if t.holds} >= {"clock", "answers", "intake", "committed"}
    assert plan_evidence.before_answers(found) is True


def test_intake_says_whether_a_plan_was_frozen_by_then(made):
    made.take_in()
    assert waves.info(made.plan, WAVE).plan_frozen == "no"
    shutil.rmtree(made.waves)
    made.freeze()
    made.take_in()
    assert waves.info(made.plan, WAVE).plan_frozen == registration.frozen_digest(made.plan, WAVE)


def test_a_plan_of_an_earlier_version_proves_nothing(made):
    made.freeze()
    content = tomllib.loads(made.file.read_text("utf-8"))
    for key in ("seal", "clock", "answers"):
        del content[key]
    made.file.write_text(tomli_w.dumps(content), "utf-8")
    assert plan_evidence.before_answers(made.found()) is None


def test_taking_the_seal_off_a_plan_is_refused(made):
    made.freeze()
    content = tomllib.loads(made.file.read_text("utf-8"))
    del content["seal"]
    made.file.write_text(tomli_w.dumps(content), "utf-8")
    with pytest.raises(StudyError, match="edited after it was frozen"):
        made.found()
