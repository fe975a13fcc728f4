"""The notebooks keep the shape that the project asks of them, and the script that measures it can tell."""

import nbformat
from nbformat import v4

from benchmarks import notebook_shape


def notebook(folder, cells):
    folder.mkdir(exist_ok=True)
    nbformat.write(v4.new_notebook(cells=cells), folder / "00_x.ipynb")
    return notebook_shape.measured(folder)


def test_the_twelve_notebooks_meet_every_bar():
    assert notebook_shape.missed(notebook_shape.measured(notebook_shape.OURS)) == []


def test_a_notebook_that_only_publishes_misses_the_bars(tmp_path):
    publish = "report.publish(plan, wave, table(plan))"
    shape = notebook(tmp_path, [v4.new_markdown_cell("# Words"), *(v4.new_code_cell(publish) for _ in range(9))])
    assert shape.publish == 1
    assert shape.library == 0
    assert len(notebook_shape.missed(shape)) == 3


def test_calls_of_libraries_and_of_frames_are_told_from_own_ones(tmp_path):
    cells = [
        "import statsmodels.formula.api as smf\nfrom evaluation.analysis import levels",
        "smf.ols('y ~ x', frame).fit()",
        "levels.prepare(plan)",
        "people.groupby('wave').size()",
        "%matplotlib inline\nx = 1",
    ]
    shape = notebook(tmp_path, [v4.new_markdown_cell("word " * 60), *map(v4.new_code_cell, cells)])
    assert shape.library == 2 / 5
    assert shape.publish == 0
    assert shape.median == 1
