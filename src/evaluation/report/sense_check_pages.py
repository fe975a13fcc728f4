"""The sense-check pack, in plain words and large print, and the practice-bank entry."""

from __future__ import annotations

import csv
import io

from evaluation.disclosure import CheckedExhibit, CheckedRow
from evaluation.report import caveats, front_page, phrases, programme_text
from evaluation.report import sentences as say
from evaluation.report.context import ReportContext, long_date
from evaluation.report.page_parts import Block, Page, PageInputs, Section, exhibits
from evaluation.report.phrases import cite
from evaluation.report.sentences import fixed
from evaluation.report.tables import Cell, Table
from evaluation.verdict import HIGHER, LOWER, TOO_FEW


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


# ---- practice bank ----------------------------------------------------------------------------------------------


def practice_bank(inputs: PageInputs) -> Page:
    """Return the practice-bank entry: its headings filled from results, blanks listed, success never assumed."""
    ctx, rows = inputs.ctx, inputs.rows
    main = rows.get("change", ctx.plan.outcomes.primary, ctx.focus, ctx.wave)
    lines = [x for x in (say.primary(rows, ctx), say.attendee_contrast(rows, ctx)) if x]
    told = [Block("lines", lines)] if lines else [Block("absent", "No result could be given for this wave.")]
    costs = inputs.at("practice-bank") or [e for e in inputs.at("policy-12") if len(e.columns) == 1]
    told_costs = [*(Block("para", [p]) for p in programme_text.cost(rows, ctx)), *exhibits(inputs, costs, fold=20)]
    where = f"{ctx.words.place}. {phrases.upper_first(ctx.words.focus_group)}."
    no_costs = Block("absent", "No costs or programme figures were supplied.")
    described = " ".join(ctx.words.programme_description.split())
    next_time = [
        *caveats.next_wave(inputs),
        "What was learnt by running the events: to be written with those who ran them.",
    ]
    parts: list[tuple[str, tuple[Block, ...]]] = [
        ("Does it work?", (Block("para", [_stage(main, ctx)]),)),
        ("Aim and description", (Block("para", [described], fixed=True),)),
        ("Intended outcomes", (_intended_outcomes(inputs),)),
        ("Region and target group", (Block("para", [where]),)),
        ("Evaluation", (*told, Block("para", list(maryland(inputs))))),
        ("Effect, mechanism, moderators, implementation, economic cost", (Block("words", _emmie(inputs)),)),
        ("Overall result", (Block("para", [front_page.board_paragraph(rows, ctx)]),)),
        ("Costs and other evidence", tuple(told_costs) or (no_costs,)),
        ("Learning, and what the next survey needs", (Block("bullets", next_time),)),
        ("Left blank", (Block("bullets", _blanks(ctx)),)),
    ]
    sections = tuple(Section(str(k), t, f"p{k}", b) for k, (t, b) in enumerate(parts, 1))
    meta = (f"Draft entry made from the report of {long_date(ctx.date)} on {ctx.wave}.", *_meta_status(ctx))
    return Page("bank", f"Practice-bank entry: {ctx.words.programme}", meta, sections, (ctx.contact.team,))


def _intended_outcomes(inputs: PageInputs) -> Block:
    """Return what the programme means to bring about, from the register of indicators, and whether it is measured."""
    found = next((e for e in inputs.checked.exhibits if e.id == "theory.change"), None)
    if found is None:
        return Block("absent", "Not supplied: no register of indicators was given.")
    last = found.columns[-1]
    lines = [f"{r}: {found.cells[r, last].text}." for r in found.rows if (r, last) in found.cells]
    return Block("bullets", [fixed(x) for x in lines])


def _meta_status(ctx: ReportContext) -> tuple[str, ...]:
    return ("Status: checked.",) if ctx.checked else (f"Status: draft, not yet checked by {ctx.words.checking_group}.",)


def _stage(main: CheckedRow | None, ctx: ReportContext) -> str:
    if main is None or main.kind != "estimate" or not main.shown or main.verdict not in (HIGHER, LOWER):
        return "Untested – new or innovative. The evidence so far does not permit a stronger label."
    ran = ctx.contact.ran_by
    who = "evaluated locally" if ran in ("not stated", ctx.words.institution) else f"evaluated by {ran}"
    cap = "The design cannot show whether the programme is the reason, so no word of success is used."
    return f"New or innovative, {who}. Answers were {main.verdict} than in the first survey. {cap}"


def maryland(inputs: PageInputs) -> tuple[str, str]:
    """Return the Maryland scale level awarded, with its ceiling and the reason."""
    rows = inputs.rows
    ran = [
        n
        for n in inputs.ctx.plan.designs
        if any(r.kind == "estimate" and r.shown for r in rows.starting(f"{n.lower()}."))
    ]
    ceiling = cite_level("3" if ran else "2")
    level = cite_level("2")
    pre = len(inputs.ctx.plan.exposure.pre_waves) if inputs.ctx.plan.exposure is not None else 0
    why = (
        "comparing changes between groups could reach it, but one earlier survey cannot show that they moved alike"
        if ran and pre < 2
        else "people who attended are compared with people who did not, within one survey"
        if not ran
        else "the groups compared may still differ in ways that the surveys did not ask about"
    )
    return (f"Maryland scale: level {level} awarded; the methods used have a ceiling of {ceiling}.", f"Reason: {why}.")


def cite_level(level: str) -> str:
    """Return a level of a published scale, marked as fixed by the method and not a result."""
    return cite.plan(level)


def _emmie(inputs: PageInputs) -> list[tuple[str, str]]:
    rows, ctx = inputs.rows, inputs.ctx
    main = say.primary(rows, ctx)
    cost = next((r for r in rows.starting("costs.") if r.shown and r.value is not None and "attend" in r.id), None)
    price = "Not supplied." if cost is None else f"{cite(cost, cost.text)} {cost.unit} per attendance."
    has = {n: bool(inputs.at(f"policy-{n}")) for n in (3, 9, 10)}
    return [
        ("Effect", " ".join(main.sentences) if main else "No answer for this wave."),
        (
            "Mechanism",
            "People are heard; what was heard is checked, acted on and reported back: see the report."
            if has[9]
            else "Not supplied: no feedback was recorded.",
        ),
        (
            "Moderators",
            f"Results are shown for {ctx.words.focus_group} and {ctx.words.comparison_group}; "
            f"smaller groups are {TOO_FEW}.",
        ),
        ("Implementation", "Events held and what they covered are in the report." if has[3] else "Not supplied."),
        ("Economic cost", price),
    ]


def _blanks(ctx: ReportContext) -> list[str]:
    contact = ctx.contact.model_dump() if hasattr(ctx.contact, "model_dump") else {}
    blanks = [f"{k.replace('_', ' ')}" for k, v in contact.items() if v == "not stated"]
    owners = "Start date, partners and scale: to be filled by the programme's owners."
    tags = "Topic and kind of organisation, as the practice bank lists them: to be chosen by the programme's owners."
    return [*(f"{phrases.upper_first(b)}: not stated." for b in blanks), owners, tags]
