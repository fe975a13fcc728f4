"""What a notebook calls: `publish` an exhibit, `answer` with results. Only the protected view is ever displayed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from evaluation.exhibit import Cell, Exhibit

if TYPE_CHECKING:
    from evaluation.plan.study import Plan


def publish(plan: Plan, wave: str, exhibit: Exhibit) -> None:
    """Store an exhibit for the run and display its protected view.

    The unprotected exhibit goes to the wave's stage (owner-only); what is displayed went through the disclosure
    gate by itself. The gate over the whole run may hide more: the run replaces the display by that view, which it
    finds by the metadata `{"evaluation": {"exhibit": id}}`.
    """
    from IPython.display import display

    from evaluation.disclosure import protect
    from evaluation.intake import waves
    from evaluation.report import figures, notebooks

    waves.save_published(plan, wave, exhibit)
    checked = protect([exhibit], plan.disclosure).exhibits[0]
    in_a_run = bool(os.environ.get("EVALUATION_STAGE"))
    figure = None if in_a_run else figures.draw(checked, png=False)
    display(notebooks.view(checked, figure), raw=True, metadata={"evaluation": {"exhibit": exhibit.id}})


def publish_all(plan: Plan, wave: str, exhibits: Iterable[Exhibit]) -> None:
    """Publish several exhibits, in order."""
    for exhibit in exhibits:
        publish(plan, wave, exhibit)


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
