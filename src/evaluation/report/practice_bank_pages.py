"""The practice-bank entry under the bank's own headings: filled from results, blanks listed, success never assumed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from evaluation.disclosure import CheckedRow
from evaluation.plan.schema import PracticeBank
from evaluation.report import caveats, front_page, lot_sentences, phrases, programme_text
from evaluation.report import sentences as say
from evaluation.report.context import ReportContext, long_date
from evaluation.report.page_parts import UNSTATED, Block, Page, PageInputs, Section, exhibits
from evaluation.report.phrases import cite
from evaluation.report.sentences import fixed
from evaluation.verdict import TOO_FEW

BLANK = "Left blank."
SUCCESS = re.compile(r"\b(work(s|ed)|promising|effective|proven|success\w*)\b", re.IGNORECASE)
KEY_DETAILS = {  # the bank's heading: the key of [practice_bank]
    "First published": "published",
    "Topic or focus": "topic",
    "Organisation": "organisation",
    "Contact": "contact",
    "Email address": "email",
    "Region": "region",
    "Partners": "partners",
    "Stage of practice": "stage",
    "Start date": "start_date",
    "Scale of initiative": "scale",
    "Target group": "target_group",
}


def practice_bank(inputs: PageInputs) -> Page:
    """Return the practice-bank entry, field by field; nothing that the bank asks is passed over in silence."""
    ctx, rows = inputs.ctx, inputs.rows
    lines = [x for x in (say.primary(rows, ctx), say.attendee_contrast(rows, ctx), *lot_sentences.lots(rows, ctx)) if x]
    told = [Block("lines", lines)] if lines else [Block("absent", "No result could be given for this wave.")]
    described = " ".join(ctx.words.programme_description.split())
    parts: list[tuple[str, tuple[Block, ...]]] = [
        ("Key details", (Block("words", list(_key_details(inputs)), fixed=True),)),
        ("Aim", (Block("para", [fixed(ctx.plan.practice_bank.aim or BLANK)], fixed=True),)),
        ("Intended outcome", (_intended_outcomes(inputs),)),
        ("Description", (Block("para", [described or BLANK], fixed=True),)),
        ("Costs and resources", tuple(_costs(inputs))),
        ("Evaluation", (*told, Block("para", list(maryland(inputs))))),
        ("Overall result", (Block("para", [front_page.board_paragraph(rows, ctx)]),)),
        ("Learning", tuple(_learning(inputs))),
        ("Effect, mechanism, moderators, implementation, economic cost", (Block("words", _emmie(inputs)),)),
        ("Copyright", (Block("para", [fixed(ctx.plan.practice_bank.copyright or BLANK)], fixed=True),)),
        ("Left blank", (Block("bullets", _blanks(inputs)),)),
    ]
    sections = tuple(Section(str(k), t, f"p{k}", b) for k, (t, b) in enumerate(parts, 1))
    state = "checked" if ctx.checked else f"draft, not yet checked by {ctx.words.checking_group}"
    meta = (
        _first_sentence(described),
        f"Draft entry made from the report of {long_date(ctx.date)} on {ctx.wave}.",
        f"Status: {state}.",
    )
    title, above = f"Practice-bank entry: {ctx.words.programme}", tuple(filter(None, meta))
    return Page("bank", title, above, sections, (ctx.contact.team,))


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0]


def _known(ctx: ReportContext) -> dict[str, str]:
    """Return what the plan says of the key details where [practice_bank] leaves them blank."""
    words = ctx.words
    held = {"organisation": "institution", "region": "place", "target_group": "focus_group"}
    known = {k: phrases.upper_first(getattr(words, w)) for k, w in held.items() if w in words.model_fields_set}
    return known | ({} if ctx.contact.team == UNSTATED else {"contact": ctx.contact.team})


def _detail(ctx: ReportContext, key: str) -> str:
    return _given(ctx.plan.practice_bank)[key] or _known(ctx).get(key, "")


def _given(bank: PracticeBank) -> dict[str, str]:
    return {
        "published": bank.published,
        "topic": bank.topic,
        "organisation": bank.organisation,
        "contact": bank.contact,
        "email": bank.email,
        "region": bank.region,
        "partners": bank.partners,
        "stage": bank.stage,
        "start_date": bank.start_date,
        "scale": bank.scale,
        "target_group": bank.target_group,
        "aim": bank.aim,
        "learning": bank.learning,
        "copyright": bank.copyright,
    }


def _key_details(inputs: PageInputs) -> Iterator[tuple[str, str]]:
    yield "Does it work?", rating(inputs)
    for heading, key in KEY_DETAILS.items():
        yield heading, fixed(_detail(inputs.ctx, key) or BLANK)


def rating(inputs: PageInputs) -> str:
    """Return the bank's rating as the plan words it; a word of success only where a lot earned an effect upwards."""
    word = inputs.ctx.plan.practice_bank.rating.strip()
    proved = [r for r in lot_sentences.proved(inputs.rows, inputs.ctx) if earned(r) and phrases.known(r.value) > 0]
    if not word:
        return f"{BLANK} The bank's words change: choose its present one in [practice_bank] rating of the plan."
    if SUCCESS.search(word) and not proved:
        return "Left blank: the plan asks for a stronger word than any design of this study earned."
    cap = (
        "" if proved else " The design cannot show whether the programme is the reason, so no word of success is used."
    )
    return f"{fixed(word.rstrip('.'))}.{cap}"


def _costs(inputs: PageInputs) -> Iterator[Block]:
    placed = inputs.at("practice-bank") or [e for e in inputs.at("policy-12") if len(e.columns) == 1]
    told = [Block("para", [p]) for p in programme_text.cost(inputs.rows, inputs.ctx)]
    yield from told or ([] if placed else [Block("absent", "No costs or programme figures were supplied.")])
    yield from exhibits(inputs, placed, fold=20)


def _learning(inputs: PageInputs) -> Iterator[Block]:
    given = inputs.ctx.plan.practice_bank.learning
    yield Block("para", [fixed(given or f"What made it succeed, and what was hard: {BLANK.lower()}")], fixed=True)
    yield Block("bullets", list(caveats.next_wave(inputs)), "What the next survey needs")


def _intended_outcomes(inputs: PageInputs) -> Block:
    """Return what the programme means to bring about, from the register of indicators, and whether it is measured."""
    found = next((e for e in inputs.checked.exhibits if e.id == "theory.change"), None)
    if found is None:
        return Block("absent", "Not supplied: no register of indicators was given.")
    last = found.columns[-1]
    lines = [f"{r}: {found.cells[r, last].text}." for r in found.rows if (r, last) in found.cells]
    return Block("bullets", [fixed(x) for x in lines])


def maryland(inputs: PageInputs) -> tuple[str, ...]:
    """Return the Maryland scale level awarded, with its ceiling and the reason; what was drawn by lot stands apart."""
    return (*_drawn(inputs), *_not_drawn(inputs))


def _drawn(inputs: PageInputs) -> list[str]:
    """Return the level of each lot: the highest only where its record earned the word effect."""
    said = []
    for name, lot in inputs.ctx.plan.lots.items():
        if lot.kind == "modes":  # it is about how answers are taken, not about the programme
            continue
        rows = [r for r in inputs.rows.starting("d6.") if r.planned and f".{name.lower()}." in f".{r.id}."]
        row = next((r for r in rows if r.kind == "estimate" and r.shown), None)
        title = f"Maryland scale, “{fixed(lot.title)}”, drawn by lot"
        if row is not None and earned(row):
            said.append(
                f"{title}: level {cite_level('5')}, for that alone; its record, its allocation and answering hold."
            )
        else:
            unmet = [g.note or g.id for g in row.gates if not g.passed] if row is not None else []
            why = "; ".join(unmet) or "it could not be estimated"
            said.append(f"{title}: not level {cite_level('5')}, as this is not met: {fixed(why)}.")
    return said


def earned(row: CheckedRow) -> bool:
    """Return whether a lot's result may be called an effect: its licence, its record, its allocation and its sizes."""
    held = {g.id: g.passed for g in row.gates if g.id.startswith("lot.") or g.kind != "quality"}
    return row.licence == "effect" and all(held.values()) and {"lot.record", "lot.followed"} <= set(held)


def _not_drawn(inputs: PageInputs) -> tuple[str, str]:
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
    rest = " for all else" if inputs.ctx.plan.lots else ""
    return (
        f"Maryland scale: level {level} awarded{rest}; the methods used have a ceiling of {ceiling}.",
        f"Reason: {why}.",
    )


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


def _blanks(inputs: PageInputs) -> list[str]:
    """Return every field that is blank, with the key that fills it."""
    ctx = inputs.ctx
    headings = {**KEY_DETAILS, "Aim": "aim", "Learning": "learning", "Copyright": "copyright"}
    blanks = [f"{heading}: [practice_bank] {key}." for heading, key in headings.items() if not _detail(ctx, key)]
    if rating(inputs).startswith("Left blank"):
        blanks.insert(0, "Does it work?: [practice_bank] rating.")
    blanks += [
        f"{phrases.upper_first(k.replace('_', ' '))}: [contact] {k}."
        for k, v in ctx.contact.model_dump().items()
        if v == UNSTATED
    ]
    return blanks or ["Nothing."]
