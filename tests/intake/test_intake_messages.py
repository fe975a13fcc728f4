"""Every message says what is wrong, where, and what to do; none repeats what a planted person said of herself."""

import ast
import csv
import io
import shutil

import pytest
from intake_study import HEADINGS, ROOT, answers, csv_bytes, describe, folder_of, headed, make, put, rows_of, xlsx

from evaluation import cli
from evaluation.intake import faults, waves

ROOMS = ("intake", "plan")
PERSON = {
    "contact_name": "Zebedee Quillfeather",
    "contact_email": "zebedee.q@planted.example",
    "contact_phone": "07700 900461",
    "postcode": "ZE94 0QF",
    "open_good": "My neighbour Quillfeather of Harrow Road was stopped",
    "community_self": "The Quillfeathers of Harrow Road",
    "link_code": "quillfeather-1961",
}
NEEDLES = ("quillfeather", "zebedee", "07700", "900461", "ze94", "harrow road")


@pytest.fixture(autouse=True)
def _key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALUATION_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def plan(tmp_path):
    return make(tmp_path / "study", waves=("W2022", "W2024"))


def raised():
    """Yield (file, line, name, keywords) of each refusal that the intake or the plan makes."""
    for room in ROOMS:
        for path in sorted((ROOT / "src" / "evaluation" / room).glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("InputError", "StudyError"):
                    yield path.name, node.lineno, node.func.id, {k.arg for k in node.keywords}, ast.unparse(node)


def test_every_refusal_says_what_to_do():
    listed = ("has faults", "fault_table", "f.line()")  # each of its lines says it
    lacking = [
        f"{file}:{line} {text[:80]}"
        for file, line, _, words, text in raised()
        if "todo" not in words and not any(w in text for w in listed)
    ]
    assert lacking == []


def test_every_fault_says_what_to_do(plan):
    frame = answers(seed=1)
    frame.loc[3, ["sex", "conf_overall", "years_in_llr", "interview_date"]] = ["?", "?", "?", "?"]
    put(plan, "W2024", frame, waivers=[{"fault": "x", "reason": "y"}])
    for fault in waves.check(plan, "W2024"):
        assert fault.file
        assert fault.what
        assert fault.todo.endswith((".", "!", '"'))


def planted():
    """Return answers whose first respondent typed who she is into every box that takes words."""
    frame = answers(seed=1)
    for column, words in PERSON.items():
        if column != "link_code":
            frame[column] = ""
        frame.loc[0, column] = words
    return frame


def spoilt(frame, how):
    """Return the rows of an export that is spoilt in one way, with her words where they may be repeated."""
    rows = rows_of(headed(frame))
    place = {h: i for i, h in enumerate(rows[0])}
    first, boxes = rows[1], {"number": HEADINGS["resp_id"], "label": "conf_overall", "amount": "years_in_llr"}
    boxes |= {
        "day": HEADINGS["interview_date"],
        "tick": "contact_12m",
        "session": "session_id",
        "control": "session_id",
    }
    words = {"tick": f"Victim;{PERSON['open_good']}", "session": PERSON["contact_email"], "control": "\x07Quillfeather"}
    typed = {"garbled": f"Ã© {PERSON['open_good']}", "quotes": f'"{PERSON["open_good"]}'}
    if how in boxes:
        first[place[boxes[how]]] = words.get(how, PERSON["contact_name"])
    elif how in typed:
        first[place["open_good"]] = typed[how]
    elif how == "no heading":
        rows = rows[1:]
    elif how == "heading twice":
        rows[0] = [*rows[0][:-1], rows[0][0]]
    elif how == "a cell too many":
        rows[1] = [*rows[1], PERSON["contact_phone"]]
    elif how == "twice":
        rows.append(list(rows[1]))
    return rows


HOWS = ["number", "label", "amount", "day", "tick", "session", "no heading", "heading twice"]
HOWS += ["a cell too many", "twice", "garbled", "control", "quotes", "nothing"]


@pytest.mark.parametrize("kind", ["csv", "tsv", "xlsx"])
@pytest.mark.parametrize("how", HOWS)
def test_a_planted_person_is_in_no_message_and_in_no_map(plan, tmp_path, capsys, how, kind):
    rows = spoilt(planted(), how)
    export = tmp_path / f"a.{kind}"
    if kind == "xlsx":
        xlsx(export, {"S": [[c.replace("\x07", "") for c in row] for row in rows]})
    else:
        export.write_bytes(csv_bytes(rows, "\t" if kind == "tsv" else ","))
    shutil.rmtree(folder_of(plan, "W2024"))
    study = ["--study", str(plan.root / "study.toml"), "--wave", "W2024"]
    cli.main(["add-wave", str(export), *study])
    toml = folder_of(plan, "W2024") / "wave.toml"
    if toml.is_file():
        toml.write_text(toml.read_text("utf-8").replace("confirmed = false", "confirmed = true"), "utf-8")
    cli.main(["check", *study])
    frame = planted()
    shutil.copy(export, folder_of(plan, "W2024") / export.name)
    describe(plan, "W2024", folder_of(plan, "W2024") / export.name, {HEADINGS.get(c, c): c for c in frame})
    cli.main(["check", *study])
    said = capsys.readouterr()
    text = (said.out + said.err + (toml.read_text("utf-8") if toml.is_file() else "")).lower()
    assert "unexpected" not in text
    assert [n for n in NEEDLES if n in text] == []


@pytest.mark.parametrize("register", ["attendance", "feedback", "actions", "events"])
def test_a_planted_person_is_in_no_message_of_a_register(plan, register):
    source = ROOT / "data_raw" / "registers" / f"{register}.csv"
    rows = list(csv.reader(io.StringIO(source.read_text("utf-8"))))
    folder = plan.root / "data_raw" / "registers"
    folder.mkdir()
    for column in range(len(rows[0])):
        for words in (PERSON["contact_name"], PERSON["contact_email"], PERSON["postcode"]):
            changed = [list(r) for r in rows[:4]]
            changed[1][column] = words
            (folder / f"{register}.csv").write_bytes(csv_bytes(changed))
            text = "\n".join(f.line() for f in waves.check_registers(plan)).lower()
            assert [n for n in NEEDLES if n in text] == [], rows[0][column]


def test_200_000_wrong_rows_are_counted_and_not_listed():
    many = [
        faults.Fault("value", "a.csv", f"column {k % 70}", "it is wrong", "Mend it.", row=k) for k in range(200_000)
    ]
    assert len(faults.fault_table(many)) <= 3000
