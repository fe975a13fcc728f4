"""What a notebook calls: `publish` exhibits, `words` of the plan. Only the protected view is ever displayed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from evaluation.exhibit import Cell, Exhibit

if TYPE_CHECKING:
    from evaluation.plan.study import Plan


def publish(plan: Plan, wave: str, exhibits: Exhibit | Iterable[Exhibit]) -> None:
    """Store one exhibit, or several in order, for the run and display their protected views.

    The unprotected exhibit goes to the wave's stage (owner-only); what is displayed went through the disclosure
    gate by itself. The gate over the whole run may hide more: the run replaces the display by that view, which it
    finds by the metadata `{"evaluation": {"exhibit": id}}`. What the plan never declared is left out.
    """
    from evaluation.analysis import vocabulary
    from evaluation.analysis.declared_inputs import applied

    for exhibit in [exhibits] if isinstance(exhibits, Exhibit) else exhibits:
        if (shown := applied(plan, wave, exhibit)) is not None:
            _publish(plan, wave, vocabulary.of_methods(shown, plan))


def _publish(plan: Plan, wave: str, exhibit: Exhibit) -> None:
    from IPython.display import display

    from evaluation.disclosure import protect
    from evaluation.intake import waves
    from evaluation.report import figures, notebooks

    waves.save_published(plan, wave, exhibit)
    checked = protect([exhibit], plan.disclosure).exhibits[0]
    in_a_run = bool(os.environ.get("EVALUATION_STAGE"))
    figure = None if in_a_run else figures.draw(checked)
    display(notebooks.view(checked, figure), raw=True, metadata={"evaluation": {"exhibit": exhibit.id}})


def words(plan: Plan, *names: str) -> None:
    """Display what the notebook's neutral words stand for in this study: `words(plan, "programme", "focus_group")`.

    From here on results that are shown by their name are protected by this study's disclosure rules.
    """
    from IPython.display import display

    from evaluation.analysis.declared_inputs import has_words
    from evaluation.report.display import by_rules_of
    from evaluation.report.notebooks import words_of

    by_rules_of(plan.disclosure)
    _leave_charts_undrawn()
    said = words_of(plan, [n for n in names if has_words(plan, n)])
    display({"text/markdown": said, "text/plain": said}, raw=True, metadata={"evaluation": {"words": list(names)}})


def _leave_charts_undrawn() -> None:
    """In a run, lay a notebook's own charts out but draw none: nobody looks, and none may leave."""
    from IPython import get_ipython
    from IPython.core.pylabtools import select_figure_formats

    shell = get_ipython()
    if shell is not None and os.environ.get("EVALUATION_STAGE"):
        select_figure_formats(shell, [])


def answer(plan: Plan, results: Cell | Iterable[Cell]) -> None:
    """Display the answer of a notebook: one protected line for each result; the run puts the final view in place."""
    from IPython.display import display

    from evaluation.disclosure import protect
    from evaluation.report.notebooks import answer_lines

    several: Sequence[Cell] = [results] if isinstance(results, Cell) else list(results)
    checked = protect([_exhibit(several)], plan.disclosure).exhibits[0]
    rows = [checked.cells[r.id, "Answer"] for r in several]
    words = "\n\n".join(line.text() for line in answer_lines(rows))
    mark = {"evaluation": {"answer": [r.id for r in several]}}
    display({"text/markdown": words, "text/plain": words}, raw=True, metadata=mark)


def _exhibit(results: Sequence[Cell]) -> Exhibit:
    from evaluation.exhibit import Item

    return Exhibit("answer", "Answer", tuple(Item(r.id, "Answer", r) for r in results))
