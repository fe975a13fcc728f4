"""The house: who may import whom, who may touch the disk, what a notebook may hold, what git may track."""

import ast
import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "evaluation"
FLOORS = {
    "_verdict": 0,
    "errors": 0,
    "estimates": 0,
    "exhibits": 0,
    "parallel": 0,
    "codebook": 1,
    "plan_faults": 1,
    "plan_parts": 1,
    "study": 1,
    "intake": 2,
    "synthetic": 2,
    "statistics": 3,
    "programme": 3,
    "answers": 3.5,
    "disclosure": 4,
    "report": 5,
    "kernels": 6,
    "warm": 6,
    "execution": 6,
    "provenance": 6,
    "freezing": 6,
    "pipeline": 6,
    "publication": 6,
    "proof": 6,
    "releasing": 6,
    "starting": 6,
    "status": 6,
    "currency": 6,
    "placing": 6,
    "scheduling": 6,
    "several": 6,
    "cli": 7,
}
MODULES = sorted(SRC.rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DISK = {
    "study",
    "codebook",
    "intake",
    "synthetic",
    "pipeline",
    "provenance",
    "kernels",
    "warm",
    "execution",
    "freezing",
    "publication",
    "proof",
    "releasing",
    "starting",
    "status",
    "cli",
    "report",
    "currency",
    "placing",
    "scheduling",
    "several",
}
FORBIDDEN = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.For,
    ast.While,
    ast.Try,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


def room(path):
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def imported(path):
    """Yield (room, where) for each import of a module of this package."""
    inside = ("evaluation", *path.relative_to(SRC).parts)[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(inside[: len(inside) - node.level + 1]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{a.name}" for a in node.names] if module == "evaluation" else [module]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "evaluation" and len(parts) > 1:
                yield parts[1], node.lineno


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(SRC).as_posix())
def test_a_module_imports_only_from_rooms_below(path):
    own = room(path)
    if own == "__init__":
        return
    assert own in FLOORS, f"{own} has no floor"
    for other, line in imported(path):
        if other == own or other == "__version__":
            continue
        same_floor_run = FLOORS[own] == FLOORS.get(other) and FLOORS[own] in (0, 1, 6)
        allowed = FLOORS[other] < FLOORS[own] or same_floor_run
        assert allowed, f"{path.name}:{line}: {own} may not import {other}"


def test_statistics_and_programme_see_no_plan_and_no_intake():
    for path in [p for p in MODULES if room(p) in ("statistics", "programme")]:
        rooms = {other for other, _ in imported(path)}
        assert not rooms & {"study", "codebook", "intake", "synthetic"}, path


def test_only_the_named_rooms_touch_the_disk():
    touching = re.compile(
        r"\bopen\(|read_text\(|write_text\(|read_bytes\(|write_bytes\(|read_csv\(|to_csv\(|to_parquet\(|read_parquet\("
    )
    for path in MODULES:
        if room(path) not in DISK and room(path) != "__init__":
            assert not touching.search(path.read_text()), path


def test_joblib_has_one_importer():
    users = [p for p in MODULES if re.search(r"^\s*(from|import) joblib", p.read_text(), re.M)]
    assert [p.name for p in users] == ["parallel.py"]


def test_no_global_random_state_and_no_breadcrumbs():
    for path in MODULES:
        text = path.read_text()
        assert "np.random.seed" not in text, path
        assert not re.search(r"\b(TODO|FIXME|XXX|NotImplemented\b)", text), path


def test_the_library_knows_no_variable_of_this_study():
    names = re.compile(
        r"\b(lpact_\w+|iag_attended|conf_overall|satis_overall|prap_aware|trust_overall|ethnic5_area2)\b"
    )
    template = {"starting", "synthetic"}
    for path in MODULES:
        if room(path) not in template:
            assert not names.search(path.read_text()), f"{path}: {names.search(path.read_text())[0]}"


def test_outcomes_are_opened_by_three_notebooks_only():
    opened = [p.stem[:2] for p in NOTEBOOKS if "load_outcomes(" in p.read_text()]
    assert opened == ["05", "06", "07"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_a_question_in_words_and_a_few_lines_of_code(path):
    notebook = json.loads(path.read_text())
    cells = notebook["cells"]
    first = "".join(cells[0]["source"])
    assert first.startswith("# ")
    assert first.splitlines()[0].endswith("?")
    assert "**Why it matters.**" in first
    code = [c for c in cells if c["cell_type"] == "code"]
    prose = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    assert "What this does not show" in prose
    tags = [c["metadata"].get("tags", []) for c in code]
    assert ["parameters"] in tags
    assert tags[-1] == ["answer"]
    assert cells[-1]["metadata"]["tags"] == ["answer"]
    lines = "\n".join("".join(c["source"]) for c in code)
    assert len(prose.split()) >= len(lines.split()), "more words than code"
    for cell in code:
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        assert len(cell["source"]) <= 12
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            assert not isinstance(node, FORBIDDEN), f"a notebook defines nothing: {ast.dump(node)[:80]}"


def test_there_are_twelve_notebooks_in_order():
    assert [p.stem[:2] for p in NOTEBOOKS] == [f"{n:02d}" for n in range(12)]


def tracked(*folders):
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    out = subprocess.run(
        ["git", "ls-files", "-z", "--", *folders], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [f for f in out.stdout.split("\0") if f]


def test_git_tracks_no_data_but_the_shipped_synthetic_files():
    listed = dict(reversed(line.split("  ", 1)) for line in (ROOT / "data_raw/SHIPPED.sha256").read_text().splitlines())
    for name in tracked("data_raw/waves", "data_raw/registers"):
        if not name.endswith("README.md"):
            assert name in listed, f"{name} is not a shipped file"
            assert hashlib.sha256((ROOT / name).read_bytes()).hexdigest() == listed[name], f"{name} was changed"
    assert tracked("data_processed", "reports") == ["data_processed/README.md", "reports/README.md"]


def test_nothing_tracked_names_a_machine_or_a_registry():
    place = re.compile(r"(?<![\w.])/(?:work|home|root|tmp|Users)/\w|files\.pythonhosted|pypi\.org/simple")
    allowed = {"tests/test_house.py", "Makefile"}
    for name in tracked():
        path = ROOT / name
        if name in allowed or path.suffix in {".xlsx", ".sav", ".xls", ".png", ".parquet"} or not path.is_file():
            continue
        found = place.search(path.read_text(encoding="utf-8", errors="ignore"))
        assert not found, f"{name}: {found[0]}"
