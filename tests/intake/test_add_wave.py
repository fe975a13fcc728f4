"""add-wave over the layouts of common survey tools: what it proposes, what a person confirms, and the same answers in."""

import re
import stat

import pandas as pd
import pytest
from intake_study import AGREE, NOT_ASKED, answers, csv_bytes, folder_of, make, put, rows_of, xls, xlsx

from evaluation.errors import InputError, StudyError
from evaluation.intake import propose_mapping, waves

TICKS = {"none": "None", "victim": "Victim", "witness": "Witness"}


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022",))


def questions(plan, frame):
    """Return the heading of each column as a questionnaire would print it."""
    words = {c: f"{i}. {plan.codebook.label(c)}" for i, c in enumerate(frame, 1) if c != "resp_id"}
    return {"resp_id": "Respondent number", **words}


def google_form(plan, frame, path):
    """Question texts in one row, ticks joined by commas."""
    said = frame.assign(contact_12m=frame["contact_12m"].str.replace(";", ", "))
    path.write_bytes(csv_bytes(rows_of(said.rename(columns=questions(plan, said)))))


def ms_form(plan, frame, path):
    """One sheet, question texts, ticks ended by semicolons."""
    said = frame.assign(contact_12m=[f"{t};" for t in frame["contact_12m"]])
    xlsx(path, {"Form1": rows_of(said.rename(columns=questions(plan, said)))})


def qualtrics(plan, frame, path):
    """Three header rows: short names, question texts, import ids."""
    words = questions(plan, frame)
    short = [f"Q{i}" for i in range(len(frame.columns))]
    rows = [short, [words[c] for c in frame], [f'{{"ImportId":"QID{i}"}}' for i in range(len(short))]]
    path.write_bytes(csv_bytes([*rows, *rows_of(frame)[1:]], encoding="utf-8-sig"))


def survey_monkey(plan, frame, path):
    """Two header rows: the question once, then "Response" or a choice for each column of ticks."""
    words = questions(plan, frame)
    upper, lower, body = [], [], [[] for _ in range(len(frame))]
    for name in frame:
        if name == "contact_12m":
            for place, (_, word) in enumerate(TICKS.items()):
                upper.append(words[name] if place == 0 else "")
                lower.append(word)
                for row, said in zip(body, frame[name], strict=True):
                    row.append(word if word in said.split(";") else "")
        else:
            upper.append(words[name])
            lower.append("Response")
            for row, said in zip(body, frame[name], strict=True):
                row.append(said)
    xlsx(path, {"Sheet": [upper, lower, *body]})


def lime_survey(_, frame, path):
    """Codes as headings, a column for each choice in brackets with Yes or No, semicolons between cells."""
    said = frame.copy()
    column = said.pop("contact_12m")
    for level, word in TICKS.items():
        said[f"contact_12m[{level}]"] = ["Yes" if word in s.split(";") else "No" for s in column]
    path.write_bytes(csv_bytes(rows_of(said), ";"))


def titled_workbook(plan, frame, path):
    """Notes on one sheet; title rows above the header on another."""
    rows = rows_of(frame.rename(columns=questions(plan, frame)))
    xlsx(path, {"About": [["Exported by a tool"]], "Answers": [["Survey of 2024"], [], *rows]})


def old_workbook(plan, frame, path):
    """An xls with serial dates and numbers as floats."""
    said = frame.assign(interview_date=45415, resp_id=range(1, len(frame) + 1))
    xls(path, rows_of(said.rename(columns=questions(plan, said))))


def spss(plan, frame, path):
    """Codes with value labels, question texts as variable labels, user-missing kept."""
    import pyreadstat

    codes, labels = frame.copy(), {}
    for name in [c for c in frame if set(frame[c]) <= set(AGREE)]:
        labels[name] = {float(i + 1): w for i, w in enumerate(AGREE)} | {-9.0: "Prefer not to say"}
        codes[name] = [AGREE.index(w) + 1.0 for w in frame[name]]
    words = questions(plan, frame)
    pyreadstat.write_sav(
        codes, path, column_labels=words, variable_value_labels=labels, missing_ranges={n: [-9.0] for n in labels}
    )


LAYOUTS = [
    (google_form, "forms.csv"),
    (ms_form, "form.xlsx"),
    (qualtrics, "tool.csv"),
    (survey_monkey, "monkey.xlsx"),
    (lime_survey, "lime.csv"),
    (titled_workbook, "titled.xlsx"),
    (old_workbook, "old.xls"),
    (spss, "file.sav"),
]


def confirm(plan, wave, **said):
    """Do what a person does: read the map, give reasons, say how questions compare, confirm."""
    path = folder_of(plan, wave) / "wave.toml"
    text = path.read_text("utf-8")
    assert "confirmed = false" in text
    text = text.replace("confirmed = false", "confirmed = true").replace("SAY WHY", "not in this survey")
    for old, new in said.items():
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


@pytest.mark.parametrize(("layout", "name"), LAYOUTS, ids=[w.__name__ for w, _ in LAYOUTS])
def test_a_tool_s_layout_is_proposed_whole_and_comes_in_once_confirmed(plan, tmp_path, layout, name):
    frame = answers(seed=1)
    put(plan, "W2024", frame)
    expected = waves.take_in(plan, "W2024")
    for old in folder_of(plan, "W2024").iterdir():
        old.unlink()
    export = tmp_path / name
    layout(plan, frame, export)
    added = waves.add(plan, export, "W2024")
    assert added.unmapped == ()
    assert {f.kind for f in added.faults} <= {"unconfirmed", "reason_unstated"}
    assert "set confirmed = true" in added.summary()
    assert (folder_of(plan, "W2024") / name).read_bytes() == export.read_bytes()
    confirm(plan, "W2024")
    assert waves.check(plan, "W2024") == []
    taken = waves.take_in(plan, "W2024")
    pd.testing.assert_frame_equal(
        taken.design.drop(columns="interview_date"), expected.design.drop(columns="interview_date")
    )
    pd.testing.assert_frame_equal(taken.outcomes, expected.outcomes)
    assert taken.design["interview_date"].notna().all()


def test_the_proposals_say_how_sure_they_are(plan, tmp_path):
    frame = answers(seed=1).rename(
        columns={"sex": "Sex", "area": "Area of your residence", "session_id": "Mystery column"}
    )
    export = tmp_path / "a.csv"
    export.write_bytes(csv_bytes(rows_of(frame)))
    added = waves.add(plan, export, "W2024")
    how = {p.target: p.how for p in added.proposals}
    assert how["age_band"] == "exact"
    assert how["sex"] == "normalised"
    assert "session_id" not in how
    assert added.unmapped == ("Area of your residence", "Mystery column") or re.match("nearest, ..%", how["area"])
    assert "Mystery column" in added.summary()


def test_labels_are_proposed_by_likeness_and_numbers_never(plan, tmp_path):
    frame = answers(seed=1)
    frame["conf_overall"] = [str(AGREE.index(w) + 1) for w in frame["conf_overall"]]
    frame["education"] = frame["education"].replace({"Degree or above": "Degree and above"})
    frame["admin_by"] = ["A robot"] * 60
    export = tmp_path / "a.csv"
    export.write_bytes(csv_bytes(rows_of(frame)))
    added = waves.add(plan, export, "W2024")
    found = {(f.kind, f.column) for f in added.faults}
    assert {("unmapped_label", "conf_overall"), ("unmapped_label", "admin_by")} <= found
    assert ("unmapped_label", "education") in found, "a likeness is for a person to accept"
    assert "education: 'Degree and above' → 'degree'" in added.summary()
    text = (folder_of(plan, "W2024") / "wave.toml").read_text("utf-8")
    assert re.search(r'^# "Degree and above" = "degree"   # \d\d%', text, re.M)
    assert re.search(r'^# "5" =   # one of 1, 2, 3, 4, 5', text, re.M)
    assert re.search(r'^# "A robot" =   # one of', text, re.M)


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["2024-05-03", ""], "iso"),
        (["03/05/2024", "14/05/2024"], "day_first"),
        (["05/14/2024", "05/03/2024"], "month_first"),
        (["05/14/2024", "14/05/2024"], "mixed"),
        ([""], "day_first"),
        (["soon"], "day_first"),
    ],
)
def test_the_order_of_dates_is_the_one_that_all_allow(texts, order):
    assert propose_mapping.date_order(texts) == order


def test_an_export_is_kept_untouched_private_and_never_replaced(plan, tmp_path):
    export = tmp_path / "a.csv"
    export.write_bytes(csv_bytes(rows_of(answers(seed=1))))
    waves.add(plan, export, "W2024")
    kept = folder_of(plan, "W2024") / "a.csv"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    confirm(plan, "W2024")
    again = waves.add(plan, export, "W2024")
    assert again.kept
    assert "No faults" in again.summary()
    export.write_bytes(csv_bytes(rows_of(answers(seed=2))))
    with pytest.raises(InputError, match="another export"):
        waves.add(plan, export, "W2024")
    other = tmp_path / "b.csv"
    other.write_bytes(export.read_bytes())
    with pytest.raises(InputError, match="another export"):
        waves.add(plan, other, "W2024")
    kept.write_bytes(export.read_bytes())
    assert [f.kind for f in waves.check(plan, "W2024")] == ["export_changed"]


@pytest.mark.parametrize("wave", ["W2030", "w2024", "../W2024", "W24"])
def test_a_wave_that_the_plan_lacks_is_refused_before_anything_is_written(plan, tmp_path, wave):
    export = tmp_path / "a.csv"
    export.write_bytes(csv_bytes(rows_of(answers(seed=1))))
    with pytest.raises(StudyError):
        waves.add(plan, export, wave)
    assert sorted(p.name for p in (plan.root / "data_raw" / "waves").iterdir()) == ["W2022"]


def test_an_export_that_cannot_be_read_leaves_nothing_behind(plan, tmp_path):
    bad = tmp_path / "bad.xlsx"
    bad.write_bytes(b"not a workbook")
    for path in (bad, tmp_path / "gone.csv"):
        with pytest.raises(InputError):
            waves.add(plan, path, "W2024")
    assert not (plan.root / "data_raw" / "waves" / "W2024").exists()


def test_what_is_known_can_be_said(plan, tmp_path):
    export = tmp_path / "a.csv"
    export.write_bytes(csv_bytes([["Title"], *rows_of(answers(seed=1))], "|", "utf-16-le"))
    added = waves.add(plan, export, "W2024", encoding="utf-16-le", delimiter="|", header_row=2)
    assert added.unmapped == ()
    assert len(NOT_ASKED) == sum(f.kind == "reason_unstated" for f in added.faults)
