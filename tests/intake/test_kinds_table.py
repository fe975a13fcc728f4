"""The table of kinds in docs/methods/intake.md is what the tests say."""

from benchmarks import intake, tables


def test_the_table_of_kinds_is_made_by_the_tests_and_current():
    assert intake.kinds_table().strip() in (tables.DOCS / intake.PAGE).read_text("utf-8")
