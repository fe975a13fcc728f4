"""The questionnaire of the next wave, printed from the codebook with its routing."""

from __future__ import annotations

import html
import re

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.programme import national_trend
from evaluation.exhibit import Exhibit
from evaluation.plan import references
from evaluation.plan.codebook import Variable
from evaluation.plan.references import Harmonised, Reference
from evaluation.plan.study import Plan
from evaluation.table_builder import Table

OPTIONAL = "optional"


def questions(plan: Plan) -> list[str]:
    """Return the variables of the next questionnaire in its order: what every wave must hold, and what the plan uses.

    With them the questions that another survey asks too, and those that take another's place, beside it.

    Views of the police first, then the other services, contact, events, and the person; people who run the survey fill
    in the collection variables. Nothing that names a person is asked but the code that links answers.
    """
    book, used = plan.codebook, {i for s in plan.scales.values() for i in s.items}
    used |= {*book.harmonised, *(v.successor[0] for v in book.table("survey").variables.values())}
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
        more=_lacking(plan, table),
    )


def _lacking(plan: Plan, table: Table) -> str:
    """Return the questions of other surveys that the codebook lacks, each with where its official words stand."""
    lines = [
        table.sentence("lacks", **{k: html.escape(v) for k, v in words_of(r).items()})
        for key, r in references.shipped().items()
        if key not in {h.reference.key for h in plan.codebook.harmonised.values()}
    ]
    return table.sentence("more", lines="".join(lines)) if lines else ""


def words_of(reference: Reference) -> dict[str, str]:
    """Return a reference in words: its key, what it measures, who asks it, its answers, how, of whom, and where.

    Parameters
    ----------
    reference : Reference
        A question of another survey.

    Returns
    -------
    dict of str to str
        By name of the place they fill.
    """
    how = ", ".join(filter(None, (reference.mode, f"people {reference.ages}", reference.coverage)))
    answers = " / ".join(reference.levels.values())
    survey, name = reference.key.split(".")
    first = reference.since
    entry = f"harmonised: {{survey: {survey}, variable: {name}, years: {first}-{first + 20}, scale: {reference.scale}}}"
    said = {"key": reference.key, "what": reference.title, "survey": reference.survey, "words": reference.words}
    return {**said, "answers": answers, "how": how, "entry": entry}


def proposals(plan: Plan, wave: str, rows: pd.DataFrame | None) -> Exhibit:
    """Return each question of another survey: whether it is asked here, what comparing it would allow, how to ask it.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    wave : str
        The report's wave.
    rows : DataFrame or None
        The register of other surveys' figures.

    Returns
    -------
    Exhibit
        One row a question; the ones asked first.
    """
    table, hashes = layout.table(plan, wave, "next.harmonised"), national_trend.latest_hashes(plan, wave)
    asked = {h.reference.key: name for name, h in plan.codebook.harmonised.items()}
    for key in sorted(references.shipped(), key=lambda k: k not in asked):
        reference, name = references.shipped()[key], asked.get(key, "")
        said = words_of(reference)
        row = table.row(key, f"{said['survey']}: {said['what']}")
        state = "no" if not name else "asked" if hashes.get(name) else "unpasted"
        row.text("asked", table.sentence(state, variable=name, wave=wave, hash=hashes.get(name, "")))
        row.text("allows", _allows(table, reference, rows))
        row.text("how", table.sentence("how", **said)).text("paste", table.sentence("paste", **said))
    return table.exhibit()


def _allows(table: Table, reference: Reference, rows: pd.DataFrame | None) -> str:
    """Return what comparing a question would allow with the figures that the register holds."""
    figures = national_trend.series(rows, Harmonised(reference, (reference.since, 9999)))
    moved = national_trend.spread(figures)
    if figures.empty:
        return table.sentence("no_figures")
    said = {"n": len(figures), "survey": reference.survey, "latest": figures["period"].iloc[-1]}
    if moved is None:
        return table.sentence("few_figures", **said)
    return table.sentence("spread", points=f"{moved.per_year:.1f}", **said)


def _question(plan: Plan, table: Table, name: str, numbers: dict[str, int]) -> str:
    var, condition = plan.codebook.variable(name), condition_of(plan, name)
    lead = _official(table, var)
    if condition is not None and condition[0] in numbers:
        lead += table.sentence("only_if", answer=html.escape(condition[1]), number=numbers[condition[0]])
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


def _official(table: Table, var: Variable) -> str:
    """Return the official words of a question that repeats another survey's, or where they are to be pasted."""
    if var.harmonised is None:
        return ""
    if var.harmonised.wording:
        return table.sentence("official", wording=html.escape(var.harmonised.wording))
    said = {k: html.escape(v) for k, v in words_of(var.harmonised.reference).items()}
    return table.sentence("to_paste", variable=var.name, **said)


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
