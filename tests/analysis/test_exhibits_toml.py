"""Every declared exhibit is used, every one used is declared, and each call gives the words that its texts ask for."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from evaluation.analysis import layout
from evaluation.errors import DataError
from evaluation.plan import study
from evaluation.table_builder import Tables, read_declarations

ROOT = Path(__file__).parents[2]
ANALYSIS = ROOT / "src" / "evaluation" / "analysis"
TEXTS = ("title", "row_header", "source")


def calls():
    """Yield (file, line, kind of call, exhibit id, words given) for each table that the analysis begins."""
    for path in sorted(ANALYSIS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            kind, ids = node.func.attr, [a.value for a in node.args if isinstance(a, ast.Constant)]
            if kind in ("table", "refused", "absent") and ids and ids[0] in layout.declarations():
                words = {k.arg for k in node.keywords}
                yield path.relative_to(ROOT).as_posix(), node, kind, ids[0], words


def asked(declaration, kind):
    """Return the words that a declaration's texts ask for where it is printed whole, or where it only refuses."""
    if kind != "table":
        texts = [declaration.refused_title or declaration.title, declaration.refusal]
    else:
        texts = [getattr(declaration, t) for t in TEXTS]
        texts += [n for n in declaration.notes if not n.startswith("?")]
        texts += [v for v in declaration.extras.values() if isinstance(v, str)]
    return {w for text in texts for w in re.findall(r"\{([a-z_0-9]+)\}", text)} - {"row", "column"}


def test_every_call_gives_the_words_that_its_texts_ask_for():
    plan = study.load(ROOT / "study.toml")
    known = {"wave", *layout.tables(plan, plan.waves[-1]).words}
    for file, node, kind, id, words in calls():
        if kind == "table" and None not in words:
            parents = ast.unparse(node)
            lacking = asked(layout.declarations()[id], kind) - known - words
            only = f"{parents}.only(" in ast.unparse(ast.parse((ROOT / file).read_text("utf-8")))
            build = "build" in ast.unparse(node.func)  # a builder that carries words of its own
            assert only or build or not lacking, f"{file}:{node.lineno}: {id} lacks {lacking}"


def test_every_declared_exhibit_is_made_somewhere():
    used = {id for *_, id, _ in calls()}
    named = set(re.findall(r'"([a-z_]+\.[a-z_0-9]+)"', "\n".join(p.read_text("utf-8") for p in ANALYSIS.rglob("*.py"))))
    assert set(layout.declarations()) <= used | named


def test_a_shared_text_that_is_missing_and_a_key_that_is_unknown_are_refused():
    with pytest.raises(DataError, match="no shared text '@gone'"):
        read_declarations({"a.b": {"title": "T", "notes": ["@gone"]}})
    with pytest.raises(DataError, match="cannot be read"):
        read_declarations({"a.b": {"title": "T", "titel": "T"}})
    with pytest.raises(DataError, match=r"no exhibit .x\.y. is declared"):
        Tables({}, "W1", {}).table("x.y")


def test_a_text_with_a_place_that_nobody_fills_is_refused():
    tables = Tables(read_declarations(tomllib.loads('["a.b"]\ntitle = "Of {nobody}"')), "W1", {"place": "here"})
    with pytest.raises(DataError, match=r"no word for \{nobody\}"):
        tables.table("a.b").exhibit()
