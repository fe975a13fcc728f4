"""docs/architecture.md tells the house as it is: rooms, floors, and the road of an answer by file and function."""

import ast
import re
from pathlib import Path

from test_house import FLOORS

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "evaluation"
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def test_every_room_stands_on_the_floor_that_the_page_gives_it():
    rows = re.findall(r"^\| (\d) \| `(\w+)(?:/|\.py)` \|", PAGE, re.MULTILINE)
    assert {name: int(floor) for floor, name in rows} == FLOORS
    rooms = {p.name.removesuffix(".py") for p in SRC.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
    assert rooms - {"__init__"} == set(FLOORS)


def test_each_step_of_the_road_is_a_function_of_the_file_named():
    steps = re.findall(r"\| `([\w/]+\.py)` \| `(\w+)` \|$", PAGE, re.MULTILINE)
    assert len(steps) >= 15
    for file, function in steps:
        tree = ast.parse((SRC / file).read_text("utf-8"))
        names = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        assert function in names, f"{file} has no function {function}"


def test_every_file_that_the_page_names_is_there():
    for name in re.findall(r"`((?:\w+/)+\w+\.(?:py|toml|md))`", PAGE):
        assert (SRC / name).is_file() or (ROOT / name).is_file(), name


def test_pages_of_methods_name_modules_that_are_there():
    rooms = "|".join(sorted(set(FLOORS)))
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for name in re.findall(rf"`((?:{rooms})/[\w/]+)`", page.read_text("utf-8")):
            stem = SRC / name
            assert stem.is_dir() or stem.with_suffix(".py").is_file() or stem.is_file(), f"{page.name}: {name}"
