"""The questionnaire of the next wave, printed from the codebook with its routing."""

from __future__ import annotations

import html
import re

from evaluation.plan.study import Plan

ORDER = ("outcome", "control", "mediator", "treatment", "design")
HEADINGS = {
    "outcome": "What you think",
    "control": "Other services where you live",
    "mediator": "Your experience",
    "treatment": "Events and meetings",
    "design": "About you",
}
KINDS = {
    "integer": "Write a number",
    "number": "Write a number",
    "date": "Month and year",
    "text": "In your own words",
    "multi": "Tick all that apply",
}
DONT_KNOW = {"outcome": True, "control": True, "mediator": True, "treatment": True, "design": False}
OPTIONAL = "optional"


def asked(plan: Plan) -> list[str]:
    """Return the variables of the next questionnaire in its order: what every wave must hold, and what the plan uses.

    Views of the police first, then the other services, contact, events, and the person; people who run the survey fill
    in the collection variables. Nothing that names a person is asked but the code that links answers.
    """
    found: dict[str, list[str]] = {role: [] for role in ORDER}
    for name in plan.codebook.names():
        var = plan.codebook.variable(name)
        wanted = var.required_from != OPTIONAL or name in _used(plan)
        if var.role in found and wanted and var.sens != "direct" and not var.made_from:
            found[var.role].append(name)
    return [n for role in ORDER for n in found[role]]


def _used(plan: Plan) -> set[str]:
    items = {i for s in plan.scales.values() for i in s.items}
    sources = {d.source for d in plan.derive.values()}
    return items | set(plan.all_outcomes) | set(plan.covariates) | sources


def routed(plan: Plan, name: str) -> str:
    """Return " (only if …)" for a question with a route in the codebook, in words; "" without."""
    condition = condition_of(plan, name)
    if condition is None:
        return ""
    other, words = condition
    return f" (only if “{plan.codebook.label(other)}” is {words})"


def condition_of(plan: Plan, name: str) -> tuple[str, str] | None:
    """Return (question, answer in words) on which a question depends, or None."""
    route = plan.codebook.variable(name).route
    found = re.fullmatch(r"\s*(\w+)\s*==\s*'([^']*)'\s*", route) if route else None
    if found is None:
        return None
    other, code = found.groups()
    return other, f"“{plan.codebook.levels(other).get(code, code)}”"


def questionnaire(plan: Plan, wave: str) -> str:
    """Return the questionnaire as one printable page (HTML), questions numbered, routing by number."""
    names = asked(plan)
    numbers = {name: place for place, name in enumerate(names, 1)}
    body, now = [], ""
    for name in names:
        role = plan.codebook.variable(name).role
        if role != now:
            body.append(f"<h2>{html.escape(HEADINGS[role])}</h2>")
            now = role
        body.append(_question(plan, name, numbers))
    title = f"Questionnaire after {wave}"
    office = "".join(f"<li>{html.escape(label)}: <span class=line></span></li>" for label in _office(plan))
    return PAGE.format(
        title=html.escape(title), intro=_intro(plan), body="\n".join(body), office=office, link=_link(plan)
    )


def _question(plan: Plan, name: str, numbers: dict[str, int]) -> str:
    var, label = plan.codebook.variable(name), html.escape(plan.codebook.label(name))
    condition = condition_of(plan, name)
    lead = ""
    if condition is not None and condition[0] in numbers:
        lead = (
            f"<p class=route>Only if you answered {html.escape(condition[1])} to question {numbers[condition[0]]}.</p>"
        )
    answers = [str(v) for v in var.levels.values()] or []
    if var.type == "yndk" and not answers:
        answers = ["Yes", "No"]
    low = [a.casefold() for a in answers]
    more = ["Don’t know"] if DONT_KNOW[var.role] and not any("know" in a for a in low) else []
    more += ["Prefer not to say"] if not any("prefer not" in a for a in low) else []
    boxes = "".join(f"<li><span class=box></span> {html.escape(a)}</li>" for a in [*answers, *more])
    hint = KINDS.get(var.type, "Tick one")
    write = "" if answers else "<p><span class=line></span></p>"
    skip = _skips(plan, name, numbers)
    head = f"<h3>{numbers[name]}. {label}</h3>{lead}<p class=hint>{hint}.</p>"
    return f"<section>{head}{write}<ul>{boxes}</ul>{skip}</section>"


def _skips(plan: Plan, name: str, numbers: dict[str, int]) -> str:
    """Return where people go who are not asked the questions that follow: the first one without a route on this."""
    later = [n for n in numbers if numbers[n] > numbers[name]]
    behind = [n for n in later if (c := condition_of(plan, n)) is not None and c[0] == name]
    if not behind or numbers[behind[0]] != numbers[name] + 1:
        return ""
    asked_if, target = condition_of(plan, behind[0]), None
    for n in later:
        found = condition_of(plan, n)
        if found is None or found != asked_if:
            target = n
            break
    if asked_if is None:
        return ""
    where = f"question {numbers[target]}" if target else "the end"
    return f"<p class=route>&rarr; If you did not answer {html.escape(asked_if[1])}, go to {where}.</p>"


def _office(plan: Plan) -> list[str]:
    names = [n for n in plan.codebook.names() if plan.codebook.variable(n).role == "collection"]
    kept = [
        n
        for n in names
        if plan.codebook.variable(n).sens == "ordinary" and plan.codebook.variable(n).required_from != OPTIONAL
    ]
    return [plan.codebook.label(n) for n in kept]


def _intro(plan: Plan) -> str:
    w = plan.words
    return html.escape(
        f"This survey asks what people think of {w.institution} and of policing in {w.place}. Taking part is your "
        "choice: you may leave out any question and stop at any time. Answers are reported only for groups of people."
    )


def _link(plan: Plan) -> str:
    column = plan.treatment.link_column
    if not column:
        return ""
    return (
        "<section><h3>A code of your own</h3><p>If you agree that your answers may be set beside those you give next "
        "time, write a code that you can make again: the first two letters of the street you grew up in, the day of "
        "the month you were born on, the last letter of your first name.</p><p><span class=line></span></p></section>"
    )


PAGE = """<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
body {{ font: 1rem/1.5 sans-serif; max-width: 44rem; margin: 1rem auto; padding: 0 1rem; color: #111 }}
section {{ break-inside: avoid; margin: 0 0 1rem }} h1 {{ font-size: 1.5rem }} h2 {{ border-bottom: 2px solid #111 }}
h3 {{ font-size: 1rem; margin: 0 }} ul {{ list-style: none; padding-left: 1rem; margin: .25rem 0 }}
.box {{ display: inline-block; width: .9rem; height: .9rem; border: 1px solid #111; margin-right: .5rem }}
.line {{ display: inline-block; width: 20rem; max-width: 100%; border-bottom: 1px solid #111; height: 1.2rem }}
.hint {{ margin: 0; color: #444 }} .route {{ margin: 0; font-weight: bold }}
</style></head><body><h1>{title}</h1><p>{intro}</p>
<section><h3>Do you agree that your answers are used for this study?</h3><ul><li><span class=box></span> Yes</li>
<li><span class=box></span> No: please hand the form back without filling it in</li></ul></section>
{body}
{link}
<section><h2>To be filled in by whoever collects the form</h2><ul>{office}</ul></section>
</body></html>
"""
