"""The title of a chart, of ten words or fewer: the measure, or a finding with a verdict behind it; what it shows."""

from __future__ import annotations

import re

from evaluation.disclosure import CheckedExhibit, CheckedRow
from evaluation.report import phrases
from evaluation.report.phrases import cite
from evaluation.verdict import LABELS, TOO_FEW

MOST_WORDS = 10
_PLACE = re.compile(r"\{([^{}]+)\}")
Cell = tuple[str, str, CheckedRow]


def shown_cells(exhibit: CheckedExhibit) -> list[Cell]:
    """Return (row, column, checked row) of the cells whose number may be shown, in reading order."""
    cells = ((r, c, exhibit.cells.get((r, c))) for r in exhibit.rows for c in exhibit.columns)
    return [(r, c, x) for r, c, x in cells if x is not None and x.shown and x.value is not None]


def short_text(checked: CheckedRow) -> str:
    """Return a cell's printed value without its interval."""
    return re.split(r"\s*\(", checked.text, maxsplit=1)[0]


def headline(exhibit: CheckedExhibit) -> str:
    """Return a chart's title, its numbers marked with their results.

    In this order, each only in ten words or fewer: the sentence the exhibit was given (`extras["finding"]`, ids in
    braces), where all of its numbers may be shown; what matching left, for a balance chart; the title with the verdict
    where the exhibit shows one contrast; the title, which names the measure.
    """
    cells = shown_cells(exhibit)
    tried = [_given(exhibit), _left_by_matching(exhibit, cells), _one_verdict(exhibit)]
    return next((t for t in tried if t and words(t) <= MOST_WORDS), cite.plan(exhibit.title))


def words(text: str) -> int:
    """Return how many words a reader counts in a text."""
    return len(phrases.plain(text).split())


def finding(exhibit: CheckedExhibit) -> str:
    """Return what a chart shows in words, for those who cannot see it: never a count of verdicts."""
    cells = shown_cells(exhibit)
    if not cells and not any(x.kind == "words" for x in exhibit.cells.values()):
        return f"{cite.plan(exhibit.title)}: {TOO_FEW}, or not asked"
    return _given(exhibit) or headline(exhibit)


def _given(exhibit: CheckedExhibit) -> str:
    """Return the sentence that the exhibit brings, filled; "" where it brings none or a number may not be shown."""
    text = str(exhibit.extras.get("finding", ""))
    rows = {x.id: x for x in exhibit.cells.values() if x.shown and x.value is not None}
    wanted = _PLACE.findall(text)
    if not text or any(id.lower() not in rows for id in wanted):
        return ""
    parts = _PLACE.split(text)
    said = (cite(rows[p.lower()], short_text(rows[p.lower()])) if k % 2 else cite.plan(p) for k, p in enumerate(parts))
    return "".join(said)


def _left_by_matching(exhibit: CheckedExhibit, cells: list[Cell]) -> str:
    """Return the largest difference that matching left, for a balance chart of before and after."""
    after = [x for _, c, x in cells if c == exhibit.columns[-1]] if exhibit.chart == "love" else []
    if not after or len(exhibit.columns) < 2:
        return ""
    most = max(after, key=lambda x: abs(phrases.known(x.value)))
    size = phrases.number(phrases.known(most.value), most.unit)
    return f"Largest difference left after matching: {cite(most, size)} standard deviations"


def _one_verdict(exhibit: CheckedExhibit) -> str:
    judged = [x for x in exhibit.cells.values() if x.kind in ("estimate", "too_few", "not_identified")]
    if len(judged) != 1 or not judged[0].verdict or exhibit.title.endswith("?"):
        return ""
    verdict = LABELS.get(judged[0].verdict, judged[0].verdict)
    return f"{cite.plan(exhibit.title)}: {verdict[:1].lower()}{verdict[1:]}"
