"""The questionnaire of the next wave, printed from the codebook with its routing."""

from __future__ import annotations

import html
import re

from evaluation.analysis import layout
from evaluation.plan.study import Plan
from evaluation.table_builder import Table

OPTIONAL = "optional"


def questions(plan: Plan) -> list[str]:
    """Return the variables of the next questionnaire in its order: what every wave must hold, and what the plan uses.

    Views of the police first, then the other services, contact, events, and the person; people who run the survey fill
    in the collection variables. Nothing that names a person is asked but the code that links answers.
    """
    book, used = plan.codebook, {i for s in plan.scales.values() for i in s.items}
    used |= {*plan.all_outcomes, *plan.covariates, *(d.source for d in plan.derive.values())}
    variables = {n: book.variable(n) for n in book.names()}
    wanted = [
        n
        for n, var in variables.items()
        if (var.required_from != OPTIONAL or n in used) and var.sens != "direct" and not var.made_from
    ]
    roles = layout.declarations()["next.questionnaire"].rows
    return [n for role in roles for n in wanted if variables[n].role == role]


def route_words(plan: Plan, name: str) -> str:
    """Return " (only if …)" for a question with a route in the codebook, in words; "" without."""
    condition = condition_of(plan, name)
    return f" (only if “{plan.codebook.label(condition[0])}” is {condition[1]})" if condition else ""


def condition_of(plan: Plan, name: str) -> tuple[str, str] | None:
    """Return (question, answer in words) on which a question depends, or None."""
    route = plan.codebook.variable(name).route
    match = re.fullmatch(r"\s*(\w+)\s*==\s*'([^']*)'\s*", route) if route else None
    if match is None:
        return None
    other, code = match.groups()
    return other, f"“{plan.codebook.levels(other).get(code, code)}”"


def questionnaire(plan: Plan, wave: str) -> str:
    """Return the questionnaire as one printable page (HTML), questions numbered, routing by number."""
    table = layout.table(plan, wave, "next.questionnaire")
    numbers = {name: place for place, name in enumerate(questions(plan), 1)}
    sections: dict[str, list[str]] = {}
    for name in numbers:
        sections.setdefault(plan.codebook.variable(name).role, []).append(_question(plan, table, name, numbers))
    body = [x for role, b in sections.items() for x in (f"<h2>{html.escape(table.row(role).label)}</h2>", *b)]
    return table.sentence(
        "page",
        title=html.escape(table.text(table.declaration.title)),
        intro=html.escape(table.sentence("intro")),
        body="\n".join(body),
        office="".join(f"<li>{html.escape(label)}: <span class=line></span></li>" for label in _office(plan)),
        link=table.sentence("link") if plan.treatment.link_column else "",
    )


def _question(plan: Plan, table: Table, name: str, numbers: dict[str, int]) -> str:
    var, condition, lead = plan.codebook.variable(name), condition_of(plan, name), ""
    if condition is not None and condition[0] in numbers:
        lead = table.sentence("only_if", answer=html.escape(condition[1]), number=numbers[condition[0]])
    answers = [str(v) for v in var.levels.values()] or (["Yes", "No"] if var.type == "yndk" else [])
    low = [a.casefold() for a in answers]
    more = ["Don’t know"] if var.role != "design" and not any("know" in a for a in low) else []
    more += ["Prefer not to say"] if not any("prefer not" in a for a in low) else []
    return table.sentence(
        "question",
        number=numbers[name],
        label=html.escape(plan.codebook.label(name)),
        lead=lead,
        hint=table.sentence(var.type if var.type in ("integer", "number", "date", "text", "multi") else "one"),
        write="" if answers else "<p><span class=line></span></p>",
        boxes="".join(f"<li><span class=box></span> {html.escape(a)}</li>" for a in [*answers, *more]),
        skip=_skip(plan, table, name, numbers),
    )


def _skip(plan: Plan, table: Table, name: str, numbers: dict[str, int]) -> str:
    """Return where people go who are not asked the questions that follow: the first one without a route on this."""
    later = [n for n in numbers if numbers[n] > numbers[name]]
    condition = condition_of(plan, later[0]) if later else None
    if condition is None or condition[0] != name:
        return ""
    target = next((numbers[n] for n in later if condition_of(plan, n) != condition), None)
    where = f"question {target}" if target else "the end"
    return table.sentence("skip", answer=html.escape(condition[1]), where=where)


def _office(plan: Plan) -> list[str]:
    """Return the questions that whoever collects the form fills in."""
    book = plan.codebook
    variables = ((n, book.variable(n)) for n in book.names() if book.variable(n).role == "collection")
    return [book.label(n) for n, var in variables if var.sens == "ordinary" and var.required_from != OPTIONAL]
