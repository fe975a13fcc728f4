"""The five questions about an export: what cannot be used is asked again, and groups keep their own names."""

import pandas as pd
import pyreadstat
import pytest

from evaluation.errors import InputError
from evaluation.plan import study
from evaluation.run import first_questions, new_study

SATISFIED = "Very dissatisfied < Fairly dissatisfied < Fairly satisfied < Very satisfied"
LONG = "Q3. In the last 12 months, have you had any contact with your neighbourhood officer?"
PREFIX = "In the last twelve months about the officer of this area"


def export(folder, *, question="Met", answers=("Yes", "No"), rows=60):
    words = SATISFIED.split(" < ")
    made = {
        "Respondent ID": range(1001, 1001 + rows),
        "Satisfaction": [words[i * 7 % 4] for i in range(rows)],
        question: [answers[i % 3 % 2] for i in range(rows)],
        "Sex": [("Female", "Male")[i // 2 % 2] for i in range(rows)],
        "Weight": [1 + i % 5 / 10 for i in range(rows)],
    }
    path = folder / "export.csv"
    pd.DataFrame(made).to_csv(path, index=False)
    return path


def labelled(path, question, answers):
    """Return the same export as a labelled file, in which an answer may be a sentence."""
    frame = pd.read_csv(path).rename(columns={"Respondent ID": "resp"})
    frame[question] = frame[question].map({a: float(n) for n, a in enumerate(answers, 1)})
    there = path.with_suffix(".sav")
    pyreadstat.write_sav(frame, there, variable_value_labels={question: dict(enumerate(answers, 1))})
    return there


def person(*answers):
    """Return somebody who gives these answers in turn, and the prompts that were shown."""
    waiting, shown = list(answers), []

    def reply(prompt):
        shown.append(prompt)
        return waiting.pop(0)

    return reply, shown


def test_an_answer_that_cannot_be_used_is_asked_again_at_once_with_the_reason(tmp_path):
    reply, shown = person(
        *("", "Satisfaction", f"Satisfaction: {SATISFIED}"),
        *("Met: Yes / No", "Met: Yes / Maybe | Sex", "Met: Yes / No | Sex"),
        *("Number", "Respondent ID; none", "by chance; none", "convenience; Weight", "Place", "none; none"),
    )
    said = new_study.begin(tmp_path / "study", [export(tmp_path)], ["W2026"], {}, reply)
    assert "A new study is in" in said
    reasons = ["no outcome is named", "nothing says their order", "only if they are alike", "no answer 'Maybe'"]
    reasons += ["no column 'Number'", "no way to find people", "no column 'Place'"]
    again = [prompt for prompt in shown if any(reason in prompt for reason in reasons)]
    assert len(again) == len(reasons)
    assert len(shown) == len(reasons) + len(first_questions.QUESTIONS)


def test_a_person_who_cannot_answer_is_not_asked_for_ever(tmp_path):
    reply, shown = person(*["Nonsense"] * 50)
    with pytest.raises(InputError, match="no column 'Nonsense'"):
        new_study.begin(tmp_path / "study", [export(tmp_path)], ["W2026"], {}, reply)
    assert len(shown) < 40
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("Met", ("Yes", "No")),
        (LONG, ("Yes", "No")),
        ("Q3: Contact: any?", ("Yes", "No")),
        (LONG, ("Yes once or more often", "No never in all that time")),
        ("Met", (f"{PREFIX} Yes I have had", f"{PREFIX} No I have not")),
    ],
)
def test_groups_have_different_names_however_long_question_and_answers_are(tmp_path, question, answers):
    given = {"outcome": f"Satisfaction: {SATISFIED}", "treatment": f"{question}: {answers[0]} / {answers[1]} | Sex"}
    path = export(tmp_path, question=question, answers=answers)
    if max(map(len, answers)) > 40:
        path = labelled(path, question, answers)
    new_study.begin(tmp_path / "study", [path], ["W2026"], given, None, accept=True)
    words = study.load(tmp_path / "study" / "study.toml").words
    assert words.treated_short != words.untreated_short
    assert max(len(words.treated_short), len(words.untreated_short)) <= 60
    for answer, short in zip(answers, (words.treated_short, words.untreated_short), strict=True):
        assert answer in short or len(answer) > 57
    assert words.treated != words.untreated


def test_a_title_asks_with_one_question_mark(tmp_path):
    given = {"outcome": f"Satisfaction: {SATISFIED}", "treatment": f"{LONG}: Yes / No | Sex"}
    new_study.begin(tmp_path / "study", [export(tmp_path, question=LONG)], ["W2026"], given, None, accept=True)
    assert "??" not in (tmp_path / "study" / "study.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "known", "parts"),
    [
        ("Age, in years, Sex", ["Age, in years", "Sex"], ["Age, in years", "Sex"]),
        ("Sex, Age, in years", ["Age, in years", "Sex"], ["Sex", "Age, in years"]),
        ("Sex,Agee, in years", ["Age, in years", "Sex"], ["Sex", "Agee", "in years"]),
        ("Yes, often, Yes", ["Yes", "Yes, often", "No"], ["Yes, often", "Yes"]),
        ("a, b, c", ["a", "b", "c", "a, b"], ["a, b", "c"]),
    ],
)
def test_a_heading_or_an_answer_may_hold_commas(text, known, parts):
    assert first_questions._listed(text, known) == parts


def test_a_heading_with_commas_can_be_named_after_the_bar(tmp_path):
    path = export(tmp_path, answers=("Yes, often", "No, never"))
    pd.read_csv(path).rename(columns={"Sex": "Sex, as asked"}).to_csv(path, index=False)
    given = {
        "outcome": f"Satisfaction: {SATISFIED}",
        "treatment": "Met: Yes, often / No, never | Sex, as asked, Weight",
        "number": "Respondent ID",
        "weight": "convenience; none",
        "cluster": "none",
    }
    new_study.begin(tmp_path / "study", [path], ["W2026"], given, lambda _: "")
    text = (tmp_path / "study" / "study.toml").read_text("utf-8")
    assert "Yes, often" in text
    assert "sex_as_asked" in text


@pytest.mark.parametrize(
    ("values", "shares"), [(range(60), False), ([i % 6 for i in range(60)], False), ([i % 2 for i in range(60)], True)]
)
def test_numbers_without_words_are_no_scale_unless_they_are_no_and_yes(tmp_path, values, shares):
    path = export(tmp_path)
    pd.read_csv(path).assign(Visits=list(values)).to_csv(path, index=False)
    given = {
        "outcome": "Visits",
        "treatment": "none",
        "number": "Respondent ID",
        "weight": "convenience; none",
        "cluster": "none",
    }
    new_study.begin(tmp_path / "study", [path], ["W2026"], given, lambda _: "")
    assert ("positive_of" in (tmp_path / "study" / "study.toml").read_text("utf-8")) is shares


def test_numbers_whose_order_is_said_are_a_scale(tmp_path):
    path = export(tmp_path)
    pd.read_csv(path).assign(Trust=[1 + i % 5 for i in range(60)]).to_csv(path, index=False)
    given = {"outcome": "Trust: 1 < 2 < 3 < 4 < 5", "treatment": "none", "number": "Respondent ID"}
    given |= {"weight": "convenience; none", "cluster": "none"}
    new_study.begin(tmp_path / "study", [path], ["W2026"], given, lambda _: "")
    assert "positive_of = { trust = [4, 5] }" in (tmp_path / "study" / "study.toml").read_text("utf-8")
