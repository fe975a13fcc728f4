"""Every variable of the codebook has a reader: a name in the source, the plan or a notebook, a rule by role, or a reason."""

import re
from pathlib import Path

import pytest

from evaluation.plan import study

ROOT = Path(__file__).parents[2]
PLAN = study.load(ROOT / "study.toml")
BOOK = PLAN.codebook


def said():
    """Return everything that may name a variable, without the codebook itself and what makes synthetic data."""
    package = ROOT / "src" / "evaluation"
    files = [p for p in package.rglob("*.py") if "synthetic" not in p.parts and p.name != "codebook.py"]
    files += [package / "analysis" / "exhibits.toml", ROOT / "study.toml", *(ROOT / "notebooks").glob("*.ipynb")]
    files += [ROOT / "data_raw" / "registers" / "indicators.csv"]
    return set(re.findall(r"\w+", "\n".join(p.read_text("utf-8") for p in files)))


SAID = said()


def read_by_rule(table, var):
    """Return whether a rule reads it: keys, people's own words (held apart), how answers were collected, weights."""
    book = BOOK.table(table)
    collected = var.role == "collection" and (bool(var.levels) or var.type == "date")
    routed = var.type == "multi" and PLAN.treatment.column in var.route
    return (
        bool(var.harmonised)  # notebooks 05 and 09
        or any(v.successor[0] == var.name for v in book.variables.values())
        or var.name in book.key
        or var.sens == "direct"
        or var.role == "id"
        or var.base_weight
        or collected
        or routed
    ) or (var.type == "text" and table == "survey")


@pytest.mark.parametrize("table", BOOK.tables)
def test_every_variable_has_a_reader_or_a_stated_reason(table):
    unread = [
        v.name
        for v in BOOK.table(table).variables.values()
        if v.name not in SAID and not read_by_rule(table, v) and not v.note
    ]
    assert unread == []


def test_a_variable_without_a_reader_would_be_found():
    assert "no_such_variable_at_all" not in SAID
    assert not read_by_rule("survey", BOOK.variable("religion"))


@pytest.mark.parametrize("rule", ["required_if", "minimum_age"])
def test_rules_that_nothing_enforces_are_refused(tmp_path, rule):
    from evaluation.errors import CodebookError
    from evaluation.plan import codebook

    text = (ROOT / "data_raw" / "codebook.yaml").read_text("utf-8")
    edited = (
        text.replace("    key: [wave, resp_id]\n", "    key: [wave, resp_id]\n    minimum_age: 16\n", 1)
        if rule == "minimum_age"
        else text.replace("{name: sex,", "{name: sex, required_if: \"area == 'rutland'\",", 1)
    )
    assert edited != text
    (tmp_path / "codebook.yaml").write_text(edited, "utf-8")
    with pytest.raises(CodebookError, match=f"unknown key '{rule}'"):
        codebook.load(tmp_path / "codebook.yaml")
