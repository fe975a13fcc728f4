"""The map of requirements to tests: every row is there, every test it names exists, and the page is the script's."""

import ast
import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "requirements-map.md"
NOT_GIVEN = {*range(120, 130), *range(171, 180)}  # numbers that no requirement bears


@pytest.fixture(scope="module")
def lines():
    rows = [
        line.split(" | ")
        for line in PAGE.read_text("utf-8").splitlines()
        if line.startswith("| R") and line[3].isdigit()
    ]
    return {row[0].removeprefix("| "): row for row in rows}


def names_of(path):
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_requirement_has_its_row_and_at_least_one_test(lines):
    assert set(lines) == {f"R{n:03d}" for n in range(1, 238) if n not in NOT_GIVEN}
    for id, row in lines.items():
        assert re.findall(r"`tests/[\w/]+\.py::test_\w+`", row[3]), id


def test_every_test_that_is_named_exists(lines):
    known = {}
    for id, row in lines.items():
        for file, name in re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row[3]):
            if file not in known:
                known[file] = names_of(ROOT / file)
            assert name in known[file], f"{id} names {file}::{name}"


def test_the_page_is_the_one_the_script_makes(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    for name in [n for n in sys.modules if n == "benchmarks" or n.startswith("benchmarks.")]:
        monkeypatch.delitem(sys.modules, name)
    made = importlib.import_module("benchmarks.requirements").page()
    assert PAGE.read_text("utf-8") == made
