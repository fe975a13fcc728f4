"""Proof of a report: the manifest and the crate, the levels of `verify`, what `compare` explains."""

import contextlib
import csv
import json
import shutil

import pytest
import run_study
from run_study import run, tiny

from evaluation import cli
from evaluation.intake import keys
from evaluation.run import manifest as run_manifest
from evaluation.run import pipeline, verify

COLUMNS = ("id", "value", "low", "high", "null", "verdict")


def write_results(folder, rows):
    with (folder / "results.csv").open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([COLUMNS, *rows])


ROWS = [
    ("attend.conf.all", "0.1234567890", "-0.05", "0.31", "0", "too uncertain to say"),
    ("n.people", "340", "", "", "", ""),
]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Return a study and its report, whose results are then two hand-made rows recorded in the manifest."""
    study, _ = tiny(tmp_path / "one")
    monkeypatch.chdir(study)
    for name, value in run_study.environment(study).items():
        monkeypatch.setenv(name, value)
    report = study / "reports" / "2026-07-04_W2025"
    write_results(report, ROWS)
    manifest = json.loads((report / "manifest.json").read_text())
    manifest["code"]["digest"] = run_manifest.digest_files(run_manifest.code_files())
    run_manifest.write_json(report / "manifest.json", manifest | {"outputs": run_manifest.outputs(report)})
    return study, report


def again(monkeypatch, report, tmp_path, change=lambda _: None):
    """Let the run that `verify` makes give a copy of the report, changed."""

    @contextlib.contextmanager
    def rehearsed(request):
        assert request.wave == "W2025"
        assert request.date == "2026-07-04"
        assert request.draft
        copy = tmp_path / "again"
        shutil.copytree(report, copy)
        change(copy)
        yield copy

    monkeypatch.setattr(pipeline, "rehearse", rehearsed)


def edited(name, old, new):
    def change(folder):
        file = folder / name
        content = file.read_bytes()
        assert old in content
        file.write_bytes(content.replace(old, new, 1))

    return change


@pytest.mark.parametrize(
    ("change", "level", "first"),
    [
        (lambda _: None, "bytes equal", ""),
        (edited("index.html", b"</body>", b"</body> "), "numbers equal", "index.html has other bytes"),
        (edited("results.csv", b"0.1234567890", b"0.12345678901"), "numbers equal", "results.csv has other bytes"),
        (edited("results.csv", b"0.1234567890", b"0.1234568"), "conclusions equal", "attend.conf.all, value"),
        (
            edited("results.csv", b"too uncertain to say", b"higher"),
            "differs",
            "attend.conf.all: 'too uncertain to say",
        ),
        (edited("results.csv", b"-0.05", b"0.001"), "differs", "interval below to above the null' was published"),
        (edited("results.csv", b"0.1234567890", b"-0.1234567890"), "differs", "value below"),
        (edited("results.csv", b"n.people,340,,,,", b""), "differs", "n.people"),
    ],
    ids=["same", "page", "last digits", "digits", "verdict", "interval", "sign", "row gone"],
)
def test_verify_reaches_each_level_and_fails_it(made, monkeypatch, tmp_path, change, level, first):
    _, report = made
    again(monkeypatch, report, tmp_path, change)
    found = verify.verify(report, say=lambda _: None)
    assert found.level == level
    assert first in found.first
    assert found.notes == ()


def test_a_row_that_is_gone_without_a_verdict_is_a_difference(made, monkeypatch, tmp_path):
    _, report = made
    again(monkeypatch, report, tmp_path, edited("results.csv", b"n.people,340,,,,\r\n", b""))
    assert verify.verify(report, say=lambda _: None).level == "differs"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (edited("results.csv", b"0.1234567890", b"0.2234567890"), "results.csv was changed after the run"),
        (edited("index.html", b"</h1>", b" indeed</h1>"), "index.html was changed after the run"),
        (lambda folder: (folder / "annex.html").unlink(), "annex.html is missing"),
        (lambda folder: (folder / "more.html").write_text("x"), "more.html was added"),
    ],
    ids=["number", "page", "missing", "added"],
)
def test_verify_notices_what_was_done_to_a_report_without_running(made, monkeypatch, spoil, said, capsys):
    _, report = made
    monkeypatch.setattr(pipeline, "rehearse", lambda *_: pytest.fail("a spoilt report needs no run"))
    spoil(report)
    assert cli.main(["verify", str(report)]) == 1
    assert said in capsys.readouterr().out


def test_verify_notices_changed_inputs_plan_and_code(made, monkeypatch, tmp_path, capsys):
    study, report = made
    again(monkeypatch, report, tmp_path)
    (study / "data_raw" / "withdrawn.csv").write_text("wave,resp_id\nW2025,0001\n")
    export = study / "data_raw" / "waves" / "W2025" / "export.csv"
    export.write_bytes(export.read_bytes() + b"\n")
    plan = study / "study.toml"
    plan.write_text(plan.read_text().replace("least_people = 30", "least_people = 31"))
    monkeypatch.setattr(run_manifest, "digest_files", lambda *_: "other")
    assert cli.main(["verify", str(report)]) == 0
    said = capsys.readouterr().out
    assert "input data_raw/withdrawn.csv is new" in said
    assert "input data_raw/waves/W2025/export.csv is changed" in said
    assert "the plan (study.toml) differs" in said
    assert "the code differs" in said


def test_verify_with_another_study_key_says_so_and_blames_no_input(made, monkeypatch, tmp_path, capsys):
    _, report = made
    again(monkeypatch, report, tmp_path)
    monkeypatch.setattr(keys, "study_key", lambda **_: b"another key of thirty-two bytes!")
    assert cli.main(["verify", str(report)]) == 0
    said = capsys.readouterr().out
    assert "another study key is in use here" in said
    assert "is changed" not in said


def test_a_folder_without_a_manifest_is_refused(tmp_path, capsys):
    assert cli.main(["verify", str(tmp_path)]) == 1
    assert "manifest.json" in capsys.readouterr().err


def other(report, tmp_path, **changes):
    """Return a copy of a report whose manifest says something else."""
    copy = tmp_path / "other"
    shutil.copytree(report, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    for place, value in changes.items():
        keys = place.split("__")
        inner = manifest
        for key in keys[:-1]:
            inner = inner[key.replace("|", "/")]
        inner[keys[-1].replace("|", "/")] = value
    run_manifest.write_json(copy / "manifest.json", manifest)
    return copy


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"inputs__data_raw|waves|W2025|export.csv": "0" * 32}, "data: data_raw/waves/W2025/export.csv is changed"),
        ({"plan__digest": "x"}, "plan: study.toml chooses otherwise"),
        ({"plan__deviations": ["sizes.least_people: frozen as 30, now 31"]}, "plan: deviation sizes.least_people"),
        ({"code__digest": "x", "code__commit": "f" * 40}, "code: "),
        ({"environment__packages": {"numpy": "1.0"}}, "code: numpy"),
        ({"inputs__study.toml": "0" * 32}, "wording: study.toml differs in words only"),
        ({"date": "2026-07-05"}, "date: 2026-07-04 → 2026-07-05"),
    ],
)
def test_compare_explains_why(made, tmp_path, changes, said):
    _, report = made
    found = verify.compare(report, other(report, tmp_path, **changes))
    assert [c for c in found.causes if c.startswith(said)], found.causes


def test_compare_lists_what_moved(made, tmp_path, capsys):
    _, report = made
    second = other(report, tmp_path)
    write_results(second, [("attend.conf.all", "0.5", "0.1", "0.9", "0", "higher"), ("n.new", "3", "", "", "", "")])
    assert cli.main(["compare", str(report), str(second)]) == 0
    said = capsys.readouterr().out
    assert "attend.conf.all: too uncertain to say → higher" in said
    assert "attend.conf.all: 0.1234567890 → 0.5" in said
    assert "n.people (first)" in said
    assert "n.new (second)" in said
    same = verify.compare(report, report)
    assert (same.causes, same.verdicts, same.numbers, same.only_in) == ((), (), (), ())


# ---- what the manifest holds ------------------------------------------------------------------------------------


def test_the_manifest_says_what_made_the_report(tmp_path):
    study, _ = tiny(tmp_path / "one")
    report = study / "reports" / "2026-07-04_W2025"
    manifest = json.loads((report / "manifest.json").read_text())
    assert manifest["inputs"].keys() >= {
        "study.toml",
        "data_raw/codebook.yaml",
        "data_raw/population/margins.csv",
        "data_raw/waves/W2025/export.csv",
    }
    assert all(len(d) == 32 for d in manifest["inputs"].values())
    assert manifest["code"].keys() == {"commit", "dirty", "digest"}
    assert manifest["environment"]["packages"]["pandas"]
    assert manifest["environment"].keys() >= {"python", "blas", "lock", "threads", "locale", "timezone"}
    assert manifest["parameters"]["wave"] == ["W2025", "default"]
    assert manifest["parameters"]["date"] == ["2026-07-04", "asked"]
    (one,) = manifest["notebooks"]
    assert one["seconds"] > 0
    assert one["peak_bytes"] > 50e6
    assert len(one["digest"]) == 64
    files = {p.relative_to(report).as_posix() for p in report.rglob("*") if p.is_file()}
    assert manifest["outputs"].keys() == files - set(run_manifest.UNHASHED)
    assert run_manifest.tampered(report, manifest) == ""
    assert manifest["plan"]["digest"]
    assert manifest["plan"]["frozen"] == ""
    assert manifest["draft_reasons"]


def test_digests_of_inputs_are_keyed(tmp_path):
    """The same file under another key has another digest, so nobody can confirm a guess of its content."""
    study, notebooks = tiny(tmp_path / "one")
    first = json.loads((study / "reports" / "latest" / "manifest.json").read_text())["inputs"]
    export = study / "data_raw" / "waves" / "W2025" / "export.csv"
    key = (study.parent / "key").read_bytes()
    assert first["data_raw/waves/W2025/export.csv"] == run_manifest.keyed(key, export.read_bytes())
    assert run_manifest.keyed(b"k" * 32, export.read_bytes()) != first["data_raw/waves/W2025/export.csv"]
    import hashlib

    text = (study / "reports" / "latest" / "manifest.json").read_text()
    assert hashlib.sha256(export.read_bytes()).hexdigest() not in text
    assert notebooks.is_dir()


def test_the_crate_describes_every_file_and_the_run(tmp_path):
    study, _ = tiny(tmp_path / "one")
    report = study / "reports" / "2026-07-04_W2025"
    crate = json.loads((report / "ro-crate-metadata.json").read_text())
    graph = {e["@id"]: e for e in crate["@graph"]}
    assert graph["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    manifest = json.loads((report / "manifest.json").read_text())
    parts = {p["@id"] for p in graph["./"]["hasPart"]}
    assert parts >= manifest["outputs"].keys()
    for name in manifest["outputs"]:
        assert graph[name]["@type"] == "File"
        assert int(graph[name]["contentSize"]) == (report / name).stat().st_size
    action = graph["#run"]
    assert action["@type"] == "CreateAction"
    assert {"startTime", "endTime", "instrument", "object", "result", "agent"} <= action.keys()
    for key in ("instrument", "agent"):
        assert action[key]["@id"] in graph
    for key in ("object", "result"):
        assert all(e["@id"] in graph for e in action[key])
    every = json.dumps(crate["@graph"])
    assert not [e for e in graph.values() if "@type" not in e]
    assert str(study) not in every


@pytest.mark.slow
def test_a_whole_report_is_verified_to_the_byte_and_dirty_code_is_stamped(tmp_path, monkeypatch):
    study, notebooks = tiny(tmp_path / "one")
    done = run(study, "verify", "reports/latest", notebooks=notebooks)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("bytes equal"), done.stdout
    assert not list((study / "reports").glob(".making*"))
    monkeypatch.setattr(run_manifest, "code_version", lambda: run_manifest.CodeVersion("f" * 40, True))
    from evaluation.plan import study as studies

    plan = studies.load(study / "study.toml")
    assert "the code differs from its last commit" in pipeline._draft_reasons(plan, "W2025", True)
