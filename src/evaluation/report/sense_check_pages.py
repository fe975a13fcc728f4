"""The sense-check pack, in plain words and large print."""

from __future__ import annotations

import csv
import io

from evaluation.disclosure import CheckedExhibit
from evaluation.report import phrases
from evaluation.report import sentences as say
from evaluation.report.context import long_date
from evaluation.report.page_parts import Block, Page, PageInputs, Section, exhibits
from evaluation.report.phrases import cite
from evaluation.report.sentences import fixed
from evaluation.report.tables import Cell, Table


def themes(inputs: PageInputs) -> list[str]:
    """Return the themes to be checked: the row labels of the exhibits placed in the sense-check pack."""
    found = [r for e in inputs.at("sense-check") for r in e.rows]
    return list(dict.fromkeys(found))


def sense_check(inputs: PageInputs) -> Page:
    """Return the pack: what this is, what we heard, is it right, the return sheet."""
    ctx = inputs.ctx
    listed = themes(inputs)
    heard = what_was_heard(inputs, listed)
    better = what_good_looks_like(inputs, listed)
    placed = [Block("bullets", heard)] if heard else exhibits(inputs, inputs.at("sense-check"), fold=40)
    good = [Block("bullets", better)] if better else []
    reason = ctx.absent.get(
        "sense-check", "No feedback was supplied for this wave, so there are no themes to check yet."
    )
    why = [
        f"People came to {ctx.words.programme} events and said what they think. We sorted what they said into themes.",
        f"Please tell us if we heard right. {phrases.upper_first(ctx.words.checking_group)} has the last word on this.",
        "You can say that a theme is right, partly right, or wrong. You can add what is missing.",
        "What you write is printed with its date, in your words, also where others disagree.",
        "Please do not write anybody's name.",
    ]
    results = say.in_brief(inputs.rows, ctx)[:3]
    sections = (
        Section("1", "Why we ask you", "why", (Block("para", why),)),
        Section("2", "What we heard", "heard", tuple(placed) or (Block("absent", reason),)),
        Section(
            "3",
            "What good looks like",
            "good",
            (*good, Block("html", _lines("t-good", "What good looks like to you", 4))),
        ),
        Section(
            "4",
            "What the survey says so far",
            "survey",
            (Block("lines", results, "panel") if results else Block("absent", "The survey gives no answer yet."),),
        ),
        Section("5", "Your answer", "answer", (Block("html", _sheet(listed)),), sheet=True),
    )
    meta = (
        f"For {ctx.words.checking_group}. {long_date(ctx.date)}.",
        "This is a draft. Please bring it to the meeting.",
    )
    typing = (
        "For whoever types this in: the file is sense-check-return.csv; right is “agreed”, partly right is "
        "“amended”, wrong is “rejected”. Then run: evaluation sense-check sense-check-return.csv"
    )
    foot = (ctx.contact.team, "Return this sheet to the person who gave it to you.", typing, ctx.stamp())
    return Page("sense", "Did we hear you right?", meta, sections, tuple(x for x in foot if x))


def what_was_heard(inputs: PageInputs, listed: list[str]) -> list[str]:
    """Return a sentence for each theme: how many comments, on which questions, and an example where there is one."""
    themes_of, said = _exhibit(inputs, "feedback.themes"), []
    words = _exhibit(inputs, "feedback.examples")
    for theme in listed if themes_of else []:
        cells = {c: x for (r, c), x in themes_of.cells.items() if r == theme and x.shown and x.value}
        total = next((x for x in reversed(list(cells.values()))), None)
        if total is None:
            continue
        parts = [f"{cite(x, x.text)} on {fixed(c.lower())}" for c, x in cells.items() if x is not total]
        where = f": {phrases.listed(parts)}" if parts else ""
        line = f"“{fixed(theme)}” came up in {cite(total, total.text)} comments{where}."
        told = (
            next((x for (r, _), x in words.cells.items() if r == theme and x.kind == "words"), None) if words else None
        )
        said.append(f"{line} Somebody said: “{cite(told, told.text)}”" if told else line)
    return said


def what_good_looks_like(inputs: PageInputs, listed: list[str]) -> list[str]:
    """Return a sentence for each theme on which people said what good looks like, most comments first."""
    both = _exhibit(inputs, "feedback.wrong_good")
    if both is None or len(both.columns) < 2:
        return []
    found = [(t, both.cells.get((t, both.columns[-1])), both.cells.get((t, both.columns[0]))) for t in listed]
    known = [(t, good, bad) for t, good, bad in found if good is not None and good.shown and good.value]
    lines = []
    for theme, good, bad in sorted(known, key=lambda x: -phrases.known(x[1].value)):
        wrong = f", and {cite(bad, bad.text)} what is wrong" if bad is not None and bad.shown and bad.value else ""
        lines.append(f"On “{fixed(theme)}”, {cite(good, good.text)} comments said what good looks like{wrong}.")
    return lines


def _exhibit(inputs: PageInputs, id: str) -> CheckedExhibit | None:
    return next((e for e in inputs.checked.exhibits if e.id == id), None)


def _lines(name: str, caption: str, count: int) -> Table:
    """Return lines to write on."""
    rows = tuple((Cell(f"{k}.", kind="head"), Cell("", kind="blank")) for k in range(1, count + 1))
    return Table(name, caption, ("Line", "In your words"), rows)


def _sheet(listed: list[str]) -> Table:
    header = ("Theme", "Right", "Partly right", "Wrong", "What should it say?")
    blanks = [Cell("", kind="blank")] * (len(header) - 1)
    rows = ((Cell(t, kind="head"), *blanks) for t in (*listed, "Something missing:"))
    return Table("t-sheet", "Return sheet. Date of the meeting: ____________", header, tuple(rows))


def return_sheet(inputs: PageInputs) -> bytes:
    """Return the return sheet as CSV to type the group's answers into: theme, verdict, date, words."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("theme", "verdict", "date", "words"))
    writer.writerows((t, "", "", "") for t in (*themes(inputs), "Something missing"))
    return out.getvalue().encode()
