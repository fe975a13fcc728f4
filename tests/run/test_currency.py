"""What is current is skipped by content: touching a thing makes exactly what depends on it run again."""

import ast
import hashlib
import json
import shutil

import pytest
from run_study import ROOT, planted

from evaluation.plan import study
from evaluation.run import currency, manifest

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
EVERY = {p.stem[:2] for p in NOTEBOOKS}
WAVES = ("W2022", "W2024", "W2025")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Return a copy of the study, its notebooks and the package, which the digests are then taken of."""
    root = tmp_path_factory.mktemp("currency")
    leave_out = shutil.ignore_patterns("__pycache__")
    for name in ("src/evaluation", "notebooks", "data_raw", "plans"):
        shutil.copytree(ROOT / name, root / name, ignore=leave_out)
    for name in ("study.toml", "requirements.lock"):
        shutil.copy(ROOT / name, root / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest, "PACKAGE", root / "src" / "evaluation")
        patch.setenv("EVALUATION_KEY_FILE", str(root / "key"))
        BEFORE.clear()
        BEFORE.update(keys(root))
        yield root


BEFORE = {}


def keys(root, *, parameters=None, draft=False):
    """Return the key of each notebook, as if what each wrote depended on nothing but its own key."""
    currency.environment.cache_clear()
    plan = study.load(root / "study.toml")
    sources = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    table, given = currency.needs(sources), parameters or {"wave": "W2025"}
    modules = currency.Modules()
    own = {
        p.stem: currency.parts(p, plan, WAVES, table[p.stem], parameters=given, draft=draft, modules=modules.of(p))
        for p in sources
    }
    return {n: currency.key(own[n], {}) for n in table}


def changed(root, path=None, text=None, **after):
    """Return the numbers of the notebooks whose own things differ once a file holds another text (put back then)."""
    old = path.read_bytes() if path is not None and path.exists() else None
    if path is not None:
        path.write_text(text, "utf-8")
    try:
        now = keys(root, **after)
    finally:
        if path is not None:
            path.unlink() if old is None else path.write_bytes(old)
    return {n[:2] for n in now if BEFORE[n] != now[n]}


def appended(root, name, text="\n"):
    return changed(root, root / name, (root / name).read_text("utf-8") + text)


def replaced(root, name, old, new):
    text = (root / name).read_text("utf-8")
    assert old in text
    return changed(root, root / name, text.replace(old, new, 1))


def test_nothing_touched_changes_nothing(copy):
    assert changed(copy) == set()


def test_a_notebook(copy):
    assert appended(copy, "notebooks/06_did_confidence_change_more.ipynb", " ") == {"06"}


def test_a_parameter_given_changed_or_taken_away(copy):
    assert changed(copy, parameters={"wave": "W2024"}) == EVERY
    assert changed(copy, parameters={"wave": "W2025", "more": 1}) == EVERY
    assert changed(copy, parameters={"none": 0}) == EVERY


def users(module):
    """Return the notebooks that import a module, directly or not, by following the imports in their text afresh."""
    file = manifest.PACKAGE / module
    return {p.stem[:2] for p in NOTEBOOKS if file in currency.modules_of(p)}


@pytest.mark.parametrize(
    ("module", "some", "not_those"),
    [
        ("statistics/did/__init__.py", {"06"}, {"00", "01", "08", "09"}),
        ("programme/costs.py", {"08"}, {"00", "01", "02"}),
        ("analysis/programme/register_cells.py", {"08", "09"}, {"00", "01", "02", "03", "04", "05"}),
        ("results.py", EVERY, set()),
    ],
)
def test_a_helper_module_changes_the_notebooks_that_import_it(copy, module, some, not_those):
    expected = users(module)
    assert some <= expected
    assert not expected & not_those
    assert appended(copy, f"src/evaluation/{module}", "# more\n") == expected


def test_modules_that_only_the_pages_use_change_no_notebook(copy):
    assert appended(copy, "src/evaluation/report/sense_check_pages.py", "# more\n") == users(
        "report/sense_check_pages.py"
    )
    assert appended(copy, "src/evaluation/run/publish.py", "# more\n") == set()


def test_the_codebook(copy):
    assert replaced(copy, "data_raw/codebook.yaml", 'label: "', 'label: "The ') == EVERY


def test_the_plan_by_its_choices_and_not_by_its_comments(copy):
    assert appended(copy, "study.toml", "\n# a remark\n") == set()
    assert replaced(copy, "study.toml", "least_people = 30", "least_people = 31") == EVERY


def test_the_lock(copy):
    assert appended(copy, "requirements.lock") == EVERY


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("data_raw/waves/W2022/wave.toml", EVERY - {"04"}),  # 04 reads what 03 kept
        ("data_raw/population/margins.csv", {"01", "02", "03", "05", "06", "07", "08", "09", "11"}),
        ("data_raw/registers/events.csv", {"03", "05", "06", "07", "08", "09"}),
        ("data_raw/registers/stop_search.csv", {"08", "09"}),
        ("plans/W2025.toml", {"10", "11"}),
        ("data_raw/truth.toml", set()),
    ],
)
def test_an_input_changes_the_notebooks_that_may_read_it(copy, name, expected):
    assert appended(copy, name) == expected


def test_an_export_people_withdrawn_and_the_key_change_what_takes_waves_in(copy):
    export = next((copy / "data_raw" / "waves" / "W2022").glob("*.csv"))
    assert appended(copy, export.relative_to(copy)) == {"00", "11"}
    assert changed(copy, copy / "data_raw" / "withdrawn.csv", "wave,resp_id\n") == {"00", "11"}
    assert changed(copy, copy / "key", "k" * 32) == {"00", "11"}
    assert changed(copy, draft=True) == {"00", "11"}


def test_what_a_notebook_wrote_changes_those_that_come_after_it():
    table = currency.needs(NOTEBOOKS)
    after = {n[:2]: {m[:2] for m in table if n in currency.upstream(m, table)} for n in table}
    assert after["00"] == EVERY - {"00"}
    assert after["04"] == {"05", "06", "07", "08", "09", "10", "11"}
    assert after["06"] == {"08", "09", "10", "11"}
    assert after["11"] == set()
    own = {"code": "1"}
    assert currency.key(own, {"04": "x"}) != currency.key(own, {"04": "y"})
    assert currency.key(own, {"04": "x"}) != currency.key(own, {})


def test_an_unknown_notebook_needs_all_before_it_and_every_input(tmp_path):
    planted(tmp_path)
    names = [tmp_path / "00_what_was_said.ipynb", tmp_path / "40_new.ipynb"]
    table = currency.needs(names)
    assert table["40_new"] == currency.Needs(("00_what_was_said",), currency.KINDS)


def test_what_was_read_beyond_the_declared_is_noticed():
    plan = study.load(ROOT / "study.toml")
    need = currency.NEEDS["03"]
    modules = currency.modules_of(NOTEBOOKS[3])
    fine = "data_raw/registers/events.csv\nstudy.toml\ndata_raw/waves/W2025/wave.toml\nimport evaluation.errors\n"
    assert currency.undeclared(fine, need, plan, WAVES, modules) == []
    more = "data_raw/registers/stop_search.csv\nimport evaluation.programme.costs\ndata_processed/x\n"
    assert currency.undeclared(more, need, plan, WAVES, modules) == [
        "data_raw/registers/stop_search.csv",
        "import evaluation.programme.costs",
    ]


def test_imports_are_followed_from_inside_functions_and_through_packages(tmp_path, monkeypatch):
    package = tmp_path / "evaluation"
    for name, text in {
        "__init__.py": "",
        "a/__init__.py": "from .one import f\n",
        "a/one.py": "def f():\n    from ..b import g\n",
        "b.py": "from evaluation.c import deep\n",
        "c/__init__.py": "",
        "c/deep.py": 'FILE = "words.toml"\n',
        "c/words.toml": "x = 1\n",
        "c/other.toml": "x = 1\n",
        "unused.py": "",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    monkeypatch.setattr(manifest, "PACKAGE", package)
    cells = [{"cell_type": "code", "source": ["from evaluation import a\n"]}]
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": cells}))
    found = {p.relative_to(package).as_posix() for p in currency.modules_of(tmp_path / "n.ipynb")}
    assert found == {"__init__.py", "a/__init__.py", "a/one.py", "b.py", "c/__init__.py", "c/deep.py", "c/words.toml"}


def test_digests_are_of_content_and_name(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    first = manifest.digest_files([tmp_path / "a", tmp_path / "b"], tmp_path)
    (tmp_path / "a").rename(tmp_path / "c")
    assert manifest.digest_files([tmp_path / "c", tmp_path / "b"], tmp_path) != first
    assert hashlib.sha256(b"1").hexdigest() != first


MODULES = sorted(manifest.PACKAGE.rglob("*.py"))
ODD = (
    "if x: import evaluation.study\n",
    "a = 1; import evaluation.study\n",
    "try: from evaluation import study\nexcept ImportError: pass\n",
    "from evaluation import (\n    study,  # a word (in brackets)\n    errors,\n)\n",
    "from evaluation import study, \\\n    errors\n",
    "from evaluation import study \\\n    , errors\n",
    "from evaluation import study  # the plan; import no more\n",
    "def f():\n    from . import study as s\n    import evaluation.errors as e, evaluation.study\n",
    '"""From the plan.\n\nfrom here import is a word, and so is this\n"""\nfrom evaluation import study\n',
    "from\tevaluation\timport\tstudy\n",
)


def test_every_import_of_a_module_is_found_without_parsing_the_rest():
    inside = ("evaluation", "report")
    for text in (*ODD, *(p.read_text("utf-8") for p in MODULES)):
        whole = currency._imports(ast.parse(text), inside)
        assert currency._imports(currency._parsed(text), inside) == whole, text
        assert whole or text not in ODD
