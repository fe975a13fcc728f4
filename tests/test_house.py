"""The house: who may import whom, who may touch the disk, what a notebook may hold, what git may track."""

import ast
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "evaluation"
FLOORS = {
    "errors": 0,
    "verdict": 0,
    "results": 0,
    "exhibit": 0,
    "table_builder": 0,
    "parallel": 0,
    "plan": 1,
    "intake": 2,
    "synthetic": 2,
    "statistics": 3,
    "programme": 3,
    "disclosure": 4,
    "analysis": 5,
    "report": 6,
    "run": 7,
    "cli": 8,
}
MODULES = sorted(SRC.rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DISK = {"plan", "intake", "synthetic", "run", "report", "cli"}
READS_ITS_OWN_DATA = {"analysis/layout.py"}  # exhibits.toml, which lies beside it
# A room's own word may stand in two rooms where the path tells them apart: statistics/did/doubly_robust.py is the
# estimator for repeated surveys, statistics/effects/doubly_robust.py the one for a comparison in one survey.
SAME_BASENAME = {
    "checks": ("plan", "report"),
    "context": ("analysis/programme", "report"),
    "doubly_robust": ("statistics/did", "statistics/effects"),
    "figures": ("programme", "report"),
    "mediation": ("analysis/robustness", "statistics"),
    "notebooks": ("report", "run"),
    "publish": ("report", "run"),
    "registers": ("intake", "synthetic"),
    "results": ("", "report"),
    "specification_curve": ("analysis/robustness", "statistics/sensitivity"),
    "tables": ("analysis/did", "report"),
    "waves": ("intake", "synthetic"),
}
# Nouns of the field that end like participles.
NOUNS = {"mapping", "matching", "weighting", "testing", "recording", "printing", "scheduling"}
IRREGULAR = {
    "held",
    "made",
    "found",
    "said",
    "drawn",
    "shown",
    "spent",
    "heard",
    "told",
    "met",
    "taken",
    "given",
    "seen",
}
FORBIDDEN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.Try)


def room(path):
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def imported(path):
    """Yield (dotted module of this package, line) for each import, wherever in the file it stands."""
    inside = ("evaluation", *path.relative_to(SRC).parts)[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(inside[: len(inside) - node.level + 1]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{a.name}" for a in node.names]
        else:
            continue
        for name in names:
            if name.startswith("evaluation."):
                yield _module(name), node.lineno


def _module(name):
    """Return the module that a dotted name stands in: the name itself, or what it is an attribute of."""
    parts = name.split(".")
    while len(parts) > 1:
        stem = SRC.joinpath(*parts[1:])
        if stem.with_suffix(".py").is_file() or (stem / "__init__.py").is_file():
            return ".".join(parts)
        parts = parts[:-1]
    return "evaluation"


def dotted(path):
    return ".".join(("evaluation", *path.relative_to(SRC).with_suffix("").parts)).removesuffix(".__init__")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(SRC).as_posix())
def test_a_module_imports_only_from_rooms_below(path):
    own = room(path)
    if own == "__init__":
        return
    assert own in FLOORS, f"{own} has no floor"
    for module, line in imported(path):
        other = module.split(".")[1] if "." in module else own
        if other == own:
            continue
        allowed = FLOORS[other] < FLOORS[own] or FLOORS[own] == FLOORS[other] == 0
        assert allowed, f"{path.name}:{line}: {own} may not import {other}"


def circles(edges):
    """Return the groups of modules that import one another, directly or through others."""
    reach = {m: set(to) for m, to in edges.items()}
    changed = True
    while changed:
        changed = False
        for to in reach.values():
            more = set().union(*(reach.get(t, set()) for t in to)) - to
            changed = changed or bool(more)
            to |= more
    return {frozenset(n for n in to if m in reach.get(n, ())) for m, to in reach.items() if m in to}


def test_no_module_imports_itself_through_others():
    edges = {dotted(p): {m for m, _ in imported(p)} - {dotted(p), "evaluation"} for p in MODULES}
    # A package's __init__ offers what its modules define: those modules importing a sibling is no circle.
    edges = {m: {t for t in to if not m.startswith(f"{t}.")} for m, to in edges.items()}
    assert not circles(edges), circles(edges)


def test_the_reader_of_circles_sees_deferred_ones(tmp_path, monkeypatch):
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "a.py").write_text("def f():\n    from evaluation.b import g\n    return g\n")
    (tmp_path / "b.py").write_text("from evaluation import a\n")
    monkeypatch.setattr(sys.modules[__name__], "SRC", tmp_path)
    edges = {dotted(p): {m for m, _ in imported(p)} for p in sorted(tmp_path.glob("?.py"))}
    assert circles(edges) == {frozenset({"evaluation.a", "evaluation.b"})}


def test_modules_are_named_by_nouns_and_each_name_says_where_it_is():
    places = {}
    for path in MODULES:
        if path.stem != "__init__":
            places.setdefault(path.stem, []).append(path.parent.relative_to(SRC).as_posix().replace(".", ""))
    twice = {name: tuple(sorted(at)) for name, at in places.items() if len(at) > 1}
    registers = {n: at for n, at in twice.items() if at == ("analysis/programme", "programme")}
    assert twice == SAME_BASENAME | registers  # a register's statistics and its tables bear the register's name
    for name in places:
        bare = "_" not in name.strip("_")
        participle = name.endswith(("ed", "ing")) or name in IRREGULAR
        assert not (bare and participle and name not in NOUNS), f"{name} is a participle: name what it holds"


def test_the_top_of_the_house_is_small():
    assert len(list(SRC.glob("*.py"))) <= 8


def test_statistics_and_programme_see_no_plan_and_no_intake():
    for path in [p for p in MODULES if room(p) in ("statistics", "programme")]:
        rooms = {module.split(".")[1] for module, _ in imported(path) if "." in module}
        assert not rooms & {"plan", "intake", "synthetic"}, path


def test_only_the_named_rooms_touch_the_disk():
    touching = re.compile(
        r"\bopen\(|read_text\(|write_text\(|read_bytes\(|write_bytes\(|read_csv\(|to_csv\(|to_parquet\(|read_parquet\("
    )
    for path in MODULES:
        own_data = path.relative_to(SRC).as_posix() in READS_ITS_OWN_DATA
        if room(path) not in DISK and room(path) != "__init__" and not own_data:
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
    template = {"synthetic"}
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
        assert len(cell["source"]) <= 20
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
