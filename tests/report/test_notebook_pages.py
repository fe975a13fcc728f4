"""Notebooks as pages: the checked view replaces every output, the answer stands first, nothing else is kept."""

from __future__ import annotations

import report_study as study
from nbformat import v4

from evaluation import disclosure, report
from evaluation.exhibit import Exhibit, Item, Text
from evaluation.report import checks, html, notebooks
from evaluation.report.page_parts import PageInputs

SECRET = "resp 0042 said something"


def exhibits():
    said = Exhibit("answer.05", "The answer", (Item("Answer", "", Text("answer.05.all", "We cannot tell yet.")),))
    return [*study.main_answers("unsure"), said]


def inputs():
    checked = disclosure.protect(exhibits(), study.plan().disclosure)
    return PageInputs(checked, study.context(), {})


def shown(id):
    return v4.new_output(
        "display_data", {"text/html": SECRET, "text/plain": SECRET}, metadata={"evaluation": {"exhibit": id}}
    )


def notebook():
    stray = v4.new_output("stream", text=SECRET)
    cells = [
        v4.new_markdown_cell("# Do people trust **more**?\n\nWhy it <b>matters</b>.\n\n## How\n\nWords."),
        v4.new_code_cell("frame.head()", outputs=[stray], execution_count=3, metadata={"execution": {"time": "12:00"}}),
        v4.new_code_cell("report.publish(plan, wave, x)", outputs=[shown("levels.trio")]),
        v4.new_code_cell("report.publish(plan, wave, y)", outputs=[shown("answer.05")], metadata={"tags": ["answer"]}),
    ]
    return v4.new_notebook(
        cells=cells,
        metadata={"papermill": {"start": "12:00"}, "kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )


def page():
    return html.render(notebooks.page("05_x", notebook(), inputs()), study.context())


def test_title_comes_from_the_first_heading():
    assert notebooks.title(notebook(), "05_x") == "Do people trust more?"
    assert notebooks.title(v4.new_notebook(), "05_x") == "05 x"


def test_the_answer_stands_first_and_outputs_are_the_checked_view():
    whole = page()
    assert SECRET not in whole
    assert whole.index("We cannot tell yet.") < whole.index("Why it")
    assert 'data-result="level.conf_overall.black.w2025"' in whole
    assert "frame.head()" in whole
    assert "<b>matters</b>" not in whole
    assert checks.accessibility(whole) == []


def test_charts_in_a_notebook_page_link_to_the_report_s_files(tmp_path):
    import re

    checked = disclosure.protect(exhibits(), study.plan().disclosure)
    html.write_report(checked, study.context(), tmp_path, notebooks={"05_x": notebook()}, pdf=False)
    whole = (tmp_path / "notebooks" / "05_x.html").read_text("utf-8")
    links = re.findall(r'href="([^"#]+)"', whole)
    assert links
    assert all((tmp_path / "notebooks" / link).is_file() for link in links)


def test_released_notebooks_hold_only_the_checked_view():
    import nbformat

    clean = notebooks.released(notebook(), inputs())
    text = nbformat.writes(clean)
    assert SECRET not in text
    assert "12:00" not in text
    assert "papermill" not in text
    assert [len(c.outputs) for c in clean.cells if c.cell_type == "code"] == [0, 1, 1]
    nbformat.validate(clean)


def test_publish_stores_the_exhibit_and_displays_the_protected_view(monkeypatch):
    import IPython.display

    from evaluation.intake import waves

    stored, seen = [], []
    monkeypatch.setattr(waves, "save_published", lambda _, wave, exhibit: stored.append((wave, exhibit)))
    monkeypatch.setattr(IPython.display, "display", lambda data, **more: seen.append((data, more)))
    exhibit = next(e for e in study.tables() if e.id == "arms.counts")
    report.publish(study.plan(), "W2025", [exhibit])
    assert stored == [("W2025", exhibit)]
    ((data, more),) = seen
    assert more["metadata"] == {"evaluation": {"exhibit": "arms.counts"}}
    assert "too few to report" in data["text/html"]
    assert "41" not in data["text/plain"]


def test_answers_are_protected_and_marked(monkeypatch):
    import IPython.display

    seen = []
    monkeypatch.setattr(IPython.display, "display", lambda data, **more: seen.append((data, more)))
    report.answer(study.plan(), study.contrast("gap.conf_overall.black.w2025", -0.3, 0.2))
    ((data, more),) = seen
    assert data["text/plain"].startswith("Lower. The result gap.conf_overall.black.w2025:")
    assert more["metadata"] == {"evaluation": {"answer": ["gap.conf_overall.black.w2025"]}}
