"""What a plan cannot mean is refused by name before anything runs; what a sentence may hold survives to the last page."""

import copy
import tomllib
from pathlib import Path

import pytest
import tomli_w

from evaluation.errors import StudyError
from evaluation.plan import study

ROOT = Path(__file__).parents[2]
SHIPPED = tomllib.loads((ROOT / "study.toml").read_text("utf-8"))


def refusal(tmp_path, *changes):
    """Return what loading the shipped plan with these changes says; "" where it is accepted."""
    content = copy.deepcopy(SHIPPED)
    for place, value in changes:
        *path, last = place.split(".")
        table = content
        for part in path:
            table = table.setdefault(part, {})
        table[last] = value
    content["study"]["codebook"] = str(ROOT / "data_raw" / "codebook.yaml")
    file = tmp_path / "study.toml"
    file.write_text(tomli_w.dumps(content), "utf-8")
    try:
        study.load(file)
    except StudyError as error:
        return str(error)
    return ""


def test_the_shipped_plan_is_accepted(tmp_path):
    assert refusal(tmp_path) == ""


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("study.timezone", "Europe/Londn", "did you mean 'Europe/London'"),
        ("study.timezone", "GMT+25", "no such time zone"),
        ("study.timezone", "", "no such time zone"),
        ("study.seed", -1, "greater than or equal to 0"),
        ("study.seed", 1.5, "study.seed"),
        ("matching.caliper", -0.2, "greater than 0"),
        ("matching.caliper", 0, "greater than 0"),
        ("matching.ratio", 0, "greater than or equal to 1"),
        ("matching.most_unmatched", 1.5, "less than or equal to 1"),
        ("matching.flag_smd", 0.5, "flag_smd is more than fail_smd"),
        ("treatment.untreated", ["yes"], "both treated and untreated"),
        ("treatment.treated", [], "names no level"),
        ("treatment.arms", {"first": "A", "second": "A", "both": "B", "neither": "N"}, "'A' stands for two arms"),
        ("treatment.arms", {"frist": "A"}, "unknown arm 'frist'"),
        ("treatment.second_column", "lpact_attended", "first programme's column"),
        ("treatment.register", "event", "did you mean 'events'"),
        ("treatment.register_date", "event_day", "did you mean 'event_date'"),
        ("exposure.ward_column", "wards", "'events' has no column 'wards'"),
        ("exposure.pre_waves", ["W2021"], "unknown wave 'W2021'"),
        ("programme.registers", ["events", "actoins"], "did you mean 'actions'"),
        ("power.power", 80, "less than 1"),
        ("power.size", 0, "greater than 0"),
        ("population.trim_high", 0.5, "greater than 1"),
        ("population.trim_low", -1.0, "greater than or equal to 0"),
        ("sizes.indicative_people", 10, "indicative_people is less than least_people"),
        ("sizes.least_answers", 0, "greater than or equal to 1"),
        ("outcomes.margin_sd", -0.2, "greater than 0"),
        ("disclosure.profile", "lenient", "unknown key"),
        ("derive.area2.labels", {"city": "City", "elsewere": "Elsewhere"}, "did you mean 'elsewhere'"),
        ("derive.area2.labels", {"city": "City", "elsewhere": "City"}, "two levels have the same words"),
        ("derive.age5.map", {"18_24": "16_24"}, "becomes nothing"),
        ("sensitivity.disorder_window", ["2022-09-20", "2022-08-28"], "a first and a last day"),
        ("sensitivity.disorder_window", ["soon", "later"], "a first and a last day"),
        ("words.untreated", "people who had attended an event", "treated and untreated are the same words"),
        ("words.comparison_group", "black respondents", "focus_group and comparison_group are the same words"),
        ("words.place", "", "no letter"),
        ("words.place", "50 %", "no letter"),
        ("words.place", "Leicester\nRutland", "break of the line"),
        ("words.place", "Leicester\x07", "not printed"),
        ("words.place", " Leicester", "blank"),
        ("words.place", "x" * 200, "longer than"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(tmp_path, place, value, said):
    assert said in refusal(tmp_path, (place, value))


WORDS = {
    "place": ["Area 3 of Northshire", "A_city & B_shire <C> 50%", "Llŷn and Ynys Môn", 'the "Old" Town'],
    "programme": ["Forum 2030", "Let’s talk!", "C.O.P.S. #1", "$afe & Sound"],
    "focus_group": ["people aged 16 to 24", "women (all ages)", "Black respondents*"],
    "comparison_group": ["people aged 25 and over", "everybody else; no one named"],
    "treated_short": ["1 or more"],
    "checking_group": ["the 10-person focus group"],
    "institution": ["Police of Saint-Émile & O'Brien", "G4 Police"],
    "attended_question": ["whether they had attended in the last 12 months"],
}


@pytest.mark.parametrize(("key", "text"), [(k, t) for k, texts in WORDS.items() for t in texts])
def test_words_with_digits_and_signs_are_accepted(tmp_path, key, text):
    assert refusal(tmp_path, (f"words.{key}", text)) == ""
