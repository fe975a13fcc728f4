"""Verify a report by running it again, and list what differs between two reports."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.plan import study
from evaluation.run import manifest as run_manifest
from evaluation.run import pipeline
from evaluation.run.manifest import Manifest
from evaluation.run.request import Request

LEVELS = ("bytes equal", "numbers equal", "conclusions equal", "differs")
RTOL = 1e-8


@dataclass(frozen=True, slots=True)
class Verified:
    """How equal a report is to the one made again from the same things, and the first difference."""

    level: str
    first: str = ""
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return the level, the first difference, and what else was noticed."""
        lines = [self.level + (f": {self.first}" if self.first else "")]
        return "\n".join([*lines, *self.notes])


@dataclass(frozen=True, slots=True)
class Compared:
    """What moved between two reports, sorted by why: data, plan, code, wording."""

    causes: tuple[str, ...]
    verdicts: tuple[str, ...]
    numbers: tuple[str, ...]
    only_in: tuple[str, ...]

    def summary(self) -> str:
        """Return a plain text account; numbers as both reports publish them."""
        parts = [
            ("What differs in what made them", self.causes),
            ("Verdicts that differ", self.verdicts),
            ("Numbers that moved", self.numbers),
            ("In one report only", self.only_in),
        ]
        lines = []
        for title, found in parts:
            lines += [f"{title}:", *(f"  {line}" for line in found or ("none",))]
        return "\n".join(lines)


def verify(report: Path, *, study_file: Path | None = None, say: Callable[[str], None] = print) -> Verified:
    """Run the study again as the report's manifest says, and compare.

    Raises
    ------
    CheckFailed
        The folder has no manifest.
    """
    manifest = run_manifest.read_manifest(report)
    notes = _inputs_moved(manifest, study_file)
    spoilt = run_manifest.tampered(report, manifest)
    if spoilt:
        return Verified("differs", spoilt, notes)
    draft = "run with --draft" in manifest["draft_reasons"]
    request = Request(study_file, manifest["wave"], manifest["date"], draft=draft, say=say)
    if manifest["parameters"].keys() - {"study_file", "wave", "date"}:
        asked = {k: str(v[0]) for k, v in manifest["parameters"].items() if k not in ("study_file", "wave", "date")}
        request = replace(request, parameters=asked)
    with pipeline.rehearse(request) as again:
        level, first = _level(report, again, manifest)
    return Verified(level, first, notes)


def _inputs_moved(manifest: Manifest, study_file: Path | None) -> tuple[str, ...]:
    """Return a line for each input, plan or code that is not the one the report was made from."""
    from evaluation.intake import keys

    plan = study.load(study_file)
    key = keys.study_key(create=False)
    up_to = plan.waves_up_to(manifest["wave"])
    files = run_manifest.input_files(plan.root, up_to, plan.study.codebook, plan.population.margins_file)
    now = {p.relative_to(plan.root).as_posix(): run_manifest.keyed(key, p.read_bytes()) for p in files}
    then = manifest["inputs"]
    lines = [
        f"input {n} is {_change(then, now, n)}" for n in sorted(then.keys() | now.keys()) if then.get(n) != now.get(n)
    ]
    same_plan = plan.digest() == manifest["plan"]["digest"]
    if same_plan and then.keys() == now.keys() and len(lines) == len(then):
        lines = [
            "the inputs cannot be compared: another study key is in use here than when the report was made "
            "(name its file in $EVALUATION_KEY_FILE)"
        ]
    if not same_plan:
        lines.append("the plan (study.toml) differs from the report's")
    if run_manifest.digest_files(run_manifest.code_files()) != manifest["code"]["digest"]:
        lines.append("the code differs from the report's")
    return tuple(lines)


def _change(then: Mapping[str, str], now: Mapping[str, str], name: str) -> str:
    return "new" if name not in then else "gone" if name not in now else "changed"


def _level(report: Path, again: Path, manifest: Manifest) -> tuple[str, str]:
    """Return the level reached and the first difference."""
    made, recorded = run_manifest.outputs(again), manifest["outputs"]
    different = [n for n in sorted(made.keys() | recorded.keys()) if _hash(made, n) != _hash(recorded, n)]
    if not different:
        return "bytes equal", ""
    rows, rows_again = read_results(report), read_results(again)
    number = first_difference(rows, rows_again)
    if not number:
        return "numbers equal", f"{different[0]} has other bytes"
    moved = [i for i in sorted(rows.keys() | rows_again.keys()) if _concludes(rows, i) != _concludes(rows_again, i)]
    if not moved:
        return "conclusions equal", number
    return (
        "differs",
        f"{moved[0]}: {_concludes(rows, moved[0])!r} was published, {_concludes(rows_again, moved[0])!r} now",
    )


def _hash(outputs: Mapping[str, Mapping[str, str | int]], name: str) -> str:
    return str(outputs.get(name, {}).get("sha256", ""))


def _verdict(rows: Mapping[str, Mapping[str, str]], id: str) -> str:
    return rows[id].get("verdict", "") if id in rows else "absent"


def _concludes(rows: Mapping[str, Mapping[str, str]], id: str) -> str:
    """Return what a row concludes: its verdict, on which side of its null value and interval lie; or that it is absent.

    Levels and counts conclude nothing: only that they are there.
    """
    row = rows.get(id)
    if row is None:
        return "absent"
    null = row.get("null", "")
    if null == "":
        return row.get("verdict", "")
    sides = [_side(row.get(c, ""), null) for c in ("value", "low", "high")]
    return f"{row.get('verdict', '')}, value {sides[0]}, interval {sides[1]} to {sides[2]} the null"


def _side(number: str, null: str) -> str:
    if number == "":
        return "unknown"
    return "above" if float(number) > float(null) else "below" if float(number) < float(null) else "at"


def read_results(report: Path) -> dict[str, dict[str, str]]:
    """Return the rows of a report's results.csv by result id (comment lines before the header are skipped)."""
    with (Path(report) / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(line for line in file if not line.startswith("#"))}


def first_difference(a: Mapping[str, Mapping[str, str]], b: Mapping[str, Mapping[str, str]]) -> str:
    """Return the first cell in which two sets of results differ (numbers by more than 1e-8 relatively), or ""."""
    for id in sorted(a.keys() | b.keys()):
        if id not in a or id not in b:
            return f"{id} is in one report only"
        for column in a[id]:
            if not _equal(a[id][column], b[id].get(column, "")):
                return f"{id}, {column}: {a[id][column]!r} was published, {b[id].get(column, '')!r} now"
    return ""


def _equal(x: str, y: str) -> bool:
    if x == y:
        return True
    try:
        return math.isclose(float(x), float(y), rel_tol=RTOL)
    except ValueError:
        return False


def compare(first: Path, second: Path) -> Compared:
    """Return what moved between two reports, and what differs in the data, plan and code that made them."""
    a, b = read_results(first), read_results(second)
    old, new = run_manifest.read_manifest(first), run_manifest.read_manifest(second)
    both = [i for i in b if i in a]
    verdicts = [f"{i}: {_verdict(a, i)} → {_verdict(b, i)}" for i in both if _verdict(a, i) != _verdict(b, i)]
    numbers = [
        f"{i}: {a[i]['value']} → {b[i]['value']}"
        for i in both
        if not _equal(a[i].get("value", ""), b[i].get("value", ""))
    ]
    only = [f"{i} (first)" for i in a if i not in b] + [f"{i} (second)" for i in b if i not in a]
    return Compared(tuple(_causes(old, new)), tuple(verdicts), tuple(numbers), tuple(only))


def _causes(old: Manifest, new: Manifest) -> list[str]:
    names = sorted(old["inputs"].keys() | new["inputs"].keys())
    lines = [
        f"data: {n} is {_change(old['inputs'], new['inputs'], n)}"
        for n in names
        if old["inputs"].get(n) != new["inputs"].get(n) and n != "study.toml"
    ]
    if old["plan"]["digest"] != new["plan"]["digest"]:
        lines.append("plan: study.toml chooses otherwise")
    elif old["inputs"].get("study.toml") != new["inputs"].get("study.toml"):
        lines.append("wording: study.toml differs in words only")
    lines += [f"plan: deviation {d}" for d in new["plan"]["deviations"] if d not in old["plan"]["deviations"]]
    if old["code"]["digest"] != new["code"]["digest"]:
        lines.append(f"code: {old['code']['commit'][:12]} → {new['code']['commit'][:12]}")
    then, now = old["environment"]["packages"], new["environment"]["packages"]
    lines += [f"code: {k} {then.get(k)} → {now.get(k)}" for k in sorted(now) if then.get(k) != now.get(k)]
    if old["date"] != new["date"]:
        lines.append(f"date: {old['date']} → {new['date']}")
    return lines
