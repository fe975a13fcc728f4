"""The headline of a chart, composed from its checked rows: its verdict, its range, or the exhibit's own sentence."""

from __future__ import annotations

import re
from collections import Counter

from evaluation.disclosure import CheckedExhibit, CheckedRow
from evaluation.report import phrases
from evaluation.report.phrases import cite
from evaluation.verdict import LABELS, TOO_FEW

_PLACE = re.compile(r"\{([^{}]+)\}")
Cell = tuple[str, str, CheckedRow]


def shown_cells(exhibit: CheckedExhibit) -> list[Cell]:
    """Return (row, column, checked row) of the cells whose number may be shown, in reading order."""
    cells = ((r, c, exhibit.cells.get((r, c))) for r in exhibit.rows for c in exhibit.columns)
    return [(r, c, x) for r, c, x in cells if x is not None and x.shown and x.value is not None]


def short_text(checked: CheckedRow) -> str:
    """Return a cell's printed value without its interval."""
    return re.split(r"\s*\(", checked.text, maxsplit=1)[0]


def finding(exhibit: CheckedExhibit) -> str:
    """Return what the exhibit shows in one line, its numbers marked with their results.

    In this order: the sentence the exhibit was given (`extras["finding"]`, ids in braces), where all of its
    numbers may be shown; its verdicts; what its kind of chart shows; its title.
    """
    cells = shown_cells(exhibit)
    if not cells:
        words = any(x.kind == "words" for x in exhibit.cells.values())
        return _title(exhibit) if words else _led(exhibit, f"{TOO_FEW}, or not asked")
    given = _finding_of_extras(exhibit)
    if given:
        return given
    if any(x.verdict for _, _, x in cells):
        return _verdicts(exhibit)
    if len(cells) < 2 or (len({x.unit for _, _, x in cells}) > 1 and exhibit.chart != "panels"):
        return _title(exhibit)
    return _KINDS.get(exhibit.chart, _plainly)(exhibit, cells)


def _title(exhibit: CheckedExhibit) -> str:
    return cite.plan(exhibit.title)


def _led(exhibit: CheckedExhibit, rest: str) -> str:
    """Return the title and what is said of it: after a colon, or as the answer where the title is a question."""
    if exhibit.title.endswith("?"):
        plainly = re.match(r"[a-z]", rest)
        return f"{_title(exhibit)} {phrases.upper_first(rest) if plainly else rest}"
    return f"{_title(exhibit)}: {rest}"


def _finding_of_extras(exhibit: CheckedExhibit) -> str:
    """Return the sentence that the exhibit brings, filled; "" where it brings none or a number may not be shown."""
    text = str(exhibit.extras.get("finding", ""))
    rows = {x.id: x for x in exhibit.cells.values() if x.shown and x.value is not None}
    wanted = _PLACE.findall(text)
    if not text or any(id.lower() not in rows for id in wanted):
        return ""
    parts = _PLACE.split(text)
    said = (cite(rows[p.lower()], short_text(rows[p.lower()])) if k % 2 else cite.plan(p) for k, p in enumerate(parts))
    return "".join(said)


def _verdicts(exhibit: CheckedExhibit) -> str:
    """Return the verdicts of the exhibit's contrasts and of how many each is, those refused counted."""
    every = list(exhibit.cells.values())
    refused = sum(x.kind in ("not_identified", "too_few") or bool(x.verdict and not x.shown) for x in every)
    words = Counter(x.verdict for x in every if x.shown and x.verdict and x.kind == "estimate")
    total = sum(words.values()) + refused
    said = [f"{_lower(v)}{'' if total == 1 else f' in {k} of {total}'}" for v, k in words.most_common()]
    if len(words) == 1 and not refused and total > 1:
        said = [f"{_lower(next(iter(words)))} in each of the {total} shown"]
    rest = "; no answer for the rest" if refused else ""
    text = "; ".join(said) + rest
    return _led(exhibit, cite.plan(phrases.upper_first(text) if exhibit.title.endswith("?") else text))


def _lower(verdict: str) -> str:
    word = LABELS.get(verdict, verdict)
    return f"{word[:1].lower()}{word[1:]}"


def _of_panels(exhibit: CheckedExhibit, cells: list[Cell]) -> str:
    """Return the last share of the first two groups of the first outcome."""
    outcome = cells[0][0].rpartition(": ")[0]
    last = [c for c in exhibit.columns if any(k == c for _, k, _ in cells)][-1]
    found = [(r.rpartition(": ")[2], x) for r, c, x in cells if c == last and r.rpartition(": ")[0] == outcome]
    if len(found) < 2 or not all(phrases.is_share(x.unit or "") for _, x in found[:2]):
        return _title(exhibit)
    (one, a), (two, b) = found[:2]
    who = f"{cite(a, short_text(a))} of {cite.plan(one)} and {cite(b, short_text(b))} of {cite.plan(two)}"
    return f"{who} were positive in {cite.plan(f'{last}: “{outcome}”')}"


def _of_dots(exhibit: CheckedExhibit, cells: list[Cell]) -> str:
    """Return on how many rows the first of two groups stands below the second, in words."""
    if len(exhibit.columns) < 2 or not all(phrases.is_share(x.unit or "") and x.group for _, _, x in cells):
        return _plainly(exhibit, cells)
    first, second = exhibit.columns[:2]
    pairs = [(exhibit.cells.get((r, first)), exhibit.cells.get((r, second))) for r in exhibit.rows]
    both = [(a.value, b.value) for a, b in pairs if a and b and a.value is not None and b.value is not None]
    below = sum(a < b for a, b in both)
    above = sum(a > b for a, b in both)
    if not both:
        return _plainly(exhibit, cells)
    most = max(below, above)
    how = "each" if most == len(both) else "most" if most > len(both) / 2 else ""
    if not how:
        return _title(exhibit)
    word = "fewer" if below >= above else "more"
    return cite.plan(f"On {how} of the questions shown, {word} {first} than {second} gave a positive answer")


def _of_bars(exhibit: CheckedExhibit, cells: list[Cell]) -> str:
    """Return the highest bar; of shares in several columns, the row where the first and the last lie furthest apart."""
    columns = [c for c in exhibit.columns if any(k == c for _, k, _ in cells)]
    if len(columns) > 1 and all(phrases.is_share(x.unit or "") for _, _, x in cells):
        ends = {r: (exhibit.cells.get((r, columns[0])), exhibit.cells.get((r, columns[-1]))) for r in exhibit.rows}
        known = {r: (a, b) for r, (a, b) in ends.items() if a and b and a.value is not None and b.value is not None}
        if known:
            row = max(known, key=lambda r: abs(phrases.known(known[r][0].value) - phrases.known(known[r][1].value)))
            a, b = known[row]
            sides = [
                f"{cite(x, short_text(x))} of {cite.plan(c[:1].lower() + c[1:])}"
                for x, c in ((a, columns[0]), (b, columns[-1]))
            ]
            return f"{cite.plan(row)}: {phrases.listed(sides)}"
    row, column, most = max(cells, key=lambda c: phrases.known(c[2].value))
    under = f" under “{column}”" if len(columns) > 1 else ""
    return _led(exhibit, f"“{cite.plan(row)}” comes first, with {cite(most, short_text(most))}{cite.plan(under)}")


def _of_steps(exhibit: CheckedExhibit, cells: list[Cell]) -> str:
    (first, _, a), (last, _, b) = cells[0], cells[-1]
    return _led(exhibit, f"{cite.plan(first)} {cite(a, short_text(a))}, {cite.plan(last)} {cite(b, short_text(b))}")


def _of_lines(exhibit: CheckedExhibit, cells: list[Cell]) -> str:
    """Return where the first line begins and ends; the title where it has many points."""
    along_rows = exhibit.extras.get("x") == "rows" or len(exhibit.columns) == 1
    name = cells[0][1] if along_rows else cells[0][0]
    line = [(r if along_rows else c, x) for r, c, x in cells if (c if along_rows else r) == name]
    if not 2 <= len(line) <= 12:
        return _title(exhibit)
    (start, a), (end, b) = line[0], line[-1]
    ends = f"{cite(a, short_text(a))} in {cite.plan(start)}, {cite(b, short_text(b))} in {cite.plan(end)}"
    return _led(exhibit, f"{cite.plan(f'“{name}”')} {ends}")


def _of_strip(exhibit: CheckedExhibit, cells: list[Cell]) -> str:
    _, _, most = max(cells, key=lambda c: phrases.known(c[2].value))
    unit = f" {most.unit}" if most.unit else ""
    return _led(exhibit, f"the largest had {cite(most, short_text(most))}{cite.plan(unit)}")


def _plainly(exhibit: CheckedExhibit, cells: list[Cell]) -> str:
    """Return the least and the most of what is shown."""
    least, most = (
        min(cells, key=lambda c: phrases.known(c[2].value))[2],
        max(cells, key=lambda c: phrases.known(c[2].value))[2],
    )
    unit = f" {most.unit}" if most.unit and "%" not in most.text and "£" not in most.text else ""
    if short_text(least) == short_text(most):
        return _led(exhibit, f"{cite(most, short_text(most))}{cite.plan(unit)} throughout")
    ends = f"between {cite(least, short_text(least))} and {cite(most, short_text(most))}"
    return _led(exhibit, f"{ends}{cite.plan(unit)}")


_KINDS = {
    "panels": _of_panels,
    "dots": _of_dots,
    "bars": _of_bars,
    "steps": _of_steps,
    "lines": _of_lines,
    "strip": _of_strip,
}
TITLED = ("timeline", "overlap", "curve", "love", "stacked")
