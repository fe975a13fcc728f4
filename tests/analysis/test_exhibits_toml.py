"""Every declared exhibit is used, every one used is declared, and each call gives the words that its texts ask for."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from evaluation.analysis import layout
from evaluation.errors import DataError
from evaluation.exhibit import read_declarations
from evaluation.plan import study
from evaluation.table_builder import Tables

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
    files = [*ANALYSIS.rglob("*.py"), *(ROOT / "notebooks").glob("*.ipynb")]  # notebooks name the tables of models
    named = set(re.findall(r'"([a-z_]+\.[a-z_0-9]+)\\?"', "\n".join(p.read_text("utf-8") for p in files)))
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


TABLE = """
["a.b"]
title = "T"
chart = "bars"
ids = "x.{row}.{column}"
empty = { row = "Nobody", column = "n", id = "x.none.{wave}", text = "nobody in {place}" }

["a.b".sentences]
why = "because of {reason} in {place}"

["a.b".rows]
sessions = { label = "Sessions in {place}", unit = "sessions", decimals = 0, exact = true }

["a.b".columns]
n = { label = "People", kind = "identity" }
"*" = { label = "", unit = "per cent", decimals = 1 }
"""


def table(**words):
    return Tables(read_declarations(tomllib.loads(TABLE)), "W2", {"place": "Leicester"}).table("a.b", **words)


def test_a_table_without_cells_shows_its_one_declared_cell_and_no_chart():
    (only,) = (made := table().exhibit()).items
    assert (only.row, only.column, only.result.id, only.result.text) == (
        "Nobody",
        "People",
        "x.none.w2",
        "nobody in Leicester",
    )
    assert made.chart == ""
    assert table().row("a").text("n", "yes").table.exhibit().chart == "bars"


def test_a_row_that_says_its_unit_overrules_columns_and_a_star_stands_for_columns_that_are_not_declared():
    made = table()
    made.row("sessions").count("W1", 4, wave="W1").numbers({"mean": 2.0, "none": None})
    made.row("other").number("W1", 3.0)
    count, mean, other = (i.result for i in made.items)
    assert [i.column for i in made.items] == ["W1", "mean", "W1"]
    assert (count.key, count.unit, count.sensitive, count.wave) == ("sessions|wave=W1", "sessions", False, "W1")
    assert (mean.unit, mean.decimals, other.unit, other.decimals) == ("sessions", 0, "per cent", 1)
    assert made.items[0].row == "Sessions in Leicester"


def test_a_share_of_counts_keeps_the_counts_that_it_is_worked_out_from():
    made = table().row("r", "R").share_of("n", ("people|a=1", 3), ("people", 12)).table.items[0].result
    assert (made.value, made.base, made.unit, made.decimals) == (25.0, 12, "per cent", 0)
    assert made.share_of == ("people|a=1", "people")
    assert made.counts == (("people|a=1", 3), ("people", 12))


def test_a_declared_sentence_is_filled_from_the_table_and_the_call():
    assert table().sentence("why", reason="rain") == "because of rain in Leicester"
