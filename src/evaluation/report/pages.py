"""The policy report as sections of blocks: what stands where, and what is said where something is absent."""

from __future__ import annotations

from evaluation.analysis.declared_inputs import has_section
from evaluation.report import (
    caveats,
    front_page,
    lot_sentences,
    phrases,
    policy_views,
    programme_text,
    tables,
    too_small,
)
from evaluation.report import sentences as say
from evaluation.report.context import ReportContext
from evaluation.report.page_parts import (
    ANNEX,
    Block,
    Page,
    PageInputs,
    Section,
    counts_rule,
    exhibits,
    foot,
    is_refusal,
    meta,
)
from evaluation.report.sentences import fixed
from evaluation.report.tables import Cell, Table
from evaluation.verdict import MEANINGS

POLICY = (
    "In brief",
    "What you can and cannot say",
    "What was done",
    "Who answered",
    "Confidence, satisfaction and awareness",
    "Trust: respect, protection, involvement, representation",
    "People who have and have not attended",
    "Has it changed?",
    "What people told us",
    "What happened next",
    "The wider picture",
    "Cost",
    "How sure are we?",
    "What to do next",
    "Words used, contact and sources",
)
CONTEXT = 11  # the section whose figures are no results of the programme
OTHER_WORDS = (
    (
        "Indicative only",
        "Few people or few sessions stand behind the figure: it is a sign of what to ask next, no result.",
    ),
    ("Not shown, to protect people", "The figure is hidden because another, smaller one could be worked out from it."),
)
OF_PROGRAMME = ("sense-check.html", "practice-bank.html")
ABSENT = {
    3: "No events register was supplied, so nothing can be said here about the events held.",
    4: "No table of who answered was made for this wave.",
    5: "No shares could be made for this wave.",
    6: "The questions on trust were not asked, or too few people answered them.",
    7: "No comparison of people who attended with people who did not could be made for this wave.",
    8: "No comparison over time could be made: it needs at least two waves that asked the same question.",
    9: "No feedback register was supplied, so what people said at events is not shown.",
    10: "No register of actions was supplied, so what happened next is not shown.",
    11: "No context figures were supplied.",
    12: "No costs were supplied.",
}


def policy(inputs: PageInputs) -> Page:
    """Return the policy report: each section in its place, but for those never declared; or a small study's form."""
    ctx, made, told = inputs.ctx, [], set[str]()
    if too_small.applies(inputs.rows, ctx):
        return Page("policy", ctx.title, meta(ctx)[:-1], too_small.sections(inputs, _words(ctx)), foot(ctx)[1:])
    for number, title in enumerate(POLICY, 1):
        if not has_section(ctx.plan, number):
            continue
        own = _section_blocks(inputs, number)
        shown, folded = policy_views.section_exhibits(inputs.at(f"policy-{number}"), number, ctx)
        shown, old = policy_views.aged(shown, ctx) if number == CONTEXT else (shown, [])
        refused = [e for e in (*shown, *folded) if is_refusal(e)]  # said in one sentence, wherever they would stand
        shown, folded = ([e for e in part if e not in refused] for part in (shown, folded))
        placed = [
            *([Block("bullets", old, fixed=True)] if old else []),
            *exhibits(inputs, shown, fold=12, printed=told),
            *exhibits(inputs, folded, fold=12, most=0),
            *exhibits(inputs, refused, fold=12),
        ]
        reason = ctx.absent.get(f"policy-{number}") or ABSENT.get(number, "")
        missing = [Block("absent", reason, fixed=True)] if reason and not placed and number in ABSENT else []
        blocks = [*own, *placed, *missing]
        blocks += _in_annex(inputs, number)
        made.append(Section(str(len(made) + 1), _title(ctx, number, title), f"s{number}", tuple(blocks)))
    return Page("policy", ctx.title, meta(ctx)[:-1], tuple(made), foot(ctx)[1:])


def _title(ctx: ReportContext, number: int, title: str) -> str:
    """Return a section's title: the study's own words where it holds no register of events."""
    if ctx.plan.treatment.register_name:
        return title
    own = {5: "What people say", 6: "Statements together", 7: "The groups compared"}
    return own.get(number, title)


def _in_annex(inputs: PageInputs, number: int) -> list[Block]:
    """Return links to the annex sections that hold a section's exhibits in full."""
    found = (s for e in inputs.at(f"policy-{number}") for s in e.sections if s.startswith("annex-"))
    letters = sorted({s.removeprefix("annex-") for s in found})
    if not letters:
        return []
    links = [(f"annex.html#{x}", f"In full in annex {x}") for x in letters if x in ANNEX]
    return [Block("links", links, "screen row", fixed=True)]


def _section_blocks(inputs: PageInputs, number: int) -> list[Block]:  # noqa: C901 - one line for each section
    """Return the generated words of a policy section."""
    rows, ctx = inputs.rows, inputs.ctx
    if number == 1:
        return front_page.blocks(inputs)
    if number == 2:
        both = [("You can say", caveats.can_say(rows, ctx)), ("You cannot say", caveats.cannot_say(rows, ctx))]
        return [Block("two", both)]
    if number == 3:
        words = " ".join(ctx.words.programme_description.split())
        return [
            *([Block("para", [words], fixed=True)] if words else []),
            *_paragraphs(programme_text.events(rows, ctx)),
        ]
    if number == 4:
        return _paragraphs([*programme_text.who(rows, ctx), programme_text.communities(ctx)])
    if number == 7:
        line = say.attendee_contrast(rows, ctx)
        panel = [Block("lines", [line], "panel")] if line else []
        why = programme_text.reasons(inputs.at("policy-7"), ctx)
        return [*panel, *_paragraphs([*programme_text.four_arms(rows, ctx), why, programme_text.doses(rows, ctx)])]
    if number == 8:
        return _changes(inputs)
    if number == 9:
        sheet = [_corrections(ctx)] if ctx.sense_check else []
        wrong = sorted(policy_views.rejected(ctx))
        left_out = (
            f"Left out, because {ctx.words.checking_group} judged it wrong: {phrases.listed(wrong)}." if wrong else ""
        )
        return [*_paragraphs([*programme_text.feedback_sentence(rows, ctx), fixed(left_out)]), *sheet]
    if number == 10:
        return _paragraphs(programme_text.closed(rows, ctx))
    if number == 11:
        return [Block("para", ["These figures are context. They are not results of the programme."], "note")]
    if number == 12:
        return _paragraphs(programme_text.cost(rows, ctx))
    if number == 13:
        return [Block("bullets", caveats.how_sure(rows, ctx))]
    if number == 14:
        return [Block("bullets", [*caveats.next_wave(inputs), *_still_absent(inputs)])]
    return _words(ctx) if number == 15 else []


def _paragraphs(paragraphs: list[str]) -> list[Block]:
    return [Block("para", [p]) for p in paragraphs if p]


def _changes(inputs: PageInputs) -> list[Block]:
    lines = [x for x in (say.primary(inputs.rows, inputs.ctx),) if x] + say.designs(inputs.rows, inputs.ctx)
    lines += lot_sentences.lots(inputs.rows, inputs.ctx)
    blocks = [Block("lines", lines, "panel")] if lines else []
    mean = say.mean_sentence(say.main_row(inputs.rows, inputs.ctx))
    blocks += [Block("para", [mean])] if mean else []
    table = _change_table(inputs)
    return [*blocks, Block("html", table)] if table else blocks


def _change_table(inputs: PageInputs) -> Table | None:
    """Return the table of shares in the wave before and in this one, for outcomes that both waves asked."""
    ctx, rows = inputs.ctx, inputs.rows
    if not ctx.before:
        return None
    last, lines = ctx.before[-1], []
    for row in rows.starting("level."):
        parts = row.id.split(".")
        if len(parts) != 4 or parts[3] != ctx.wave.lower() or parts[2] not in (ctx.focus, ctx.comparison, "all"):
            continue
        then = rows.get(*parts[:3], last.id)
        if then is not None:
            label = f"{phrases.upper_first(ctx.short(parts[1]))}, {ctx.group_words(parts[2])}"
            lines.append((label, then, row))
    if not lines:
        return None
    body = tuple(
        (Cell(label, kind="head"), *(Cell(f"{x.text}, n {x.n_text}", x.id, "num") for x in (then, now)))
        for label, then, now in lines
    )
    caption = "From the last wave to this one: share giving a positive answer"
    return Table("t-last-wave", caption, ("Question and group", ctx.when(last.id), ctx.when(ctx.wave)), body)


def _corrections(ctx: ReportContext) -> Block:
    lines = [(r.theme, r.verdict, r.date, r.words, r.action) for r in ctx.sense_check]
    header = ("Theme", "The group's answer", "Date", "In the group's words", "What was done")
    caption = f"What {ctx.words.checking_group} agreed, corrected or rejected"
    return Block("html", tables.plain(header, lines, caption=caption, name="t-sense-check"), fixed=True)


def _still_absent(inputs: PageInputs) -> list[str]:
    missing = [
        POLICY[n - 1].lower() for n in ABSENT if has_section(inputs.ctx.plan, n) and not inputs.at(f"policy-{n}")
    ]
    return [f"Inputs or results absent from this report: {phrases.listed(missing)}."] if missing else []


def _words(ctx: ReportContext) -> list[Block]:
    sources = [
        ("annex.html", "Technical annex"),
        ("results.csv", "Every number, as a spreadsheet (CSV)"),
        ("results.xlsx", "Every number, as a workbook (XLSX)"),
        ("sense-check.html", "Sense-check pack"),
        ("practice-bank.html", "Practice-bank entry"),
        ("dossier.html", "Reviewer's dossier"),
        ("../index.html", "All reports"),
    ]
    programme = bool(ctx.plan.programme.registers)
    sources = [x for x in sources if not ctx.mock or not x[0].startswith("..")]
    return [
        Block("words", [*MEANINGS.items(), *((word, ctx.own(meaning)) for word, meaning in OTHER_WORDS)]),
        Block("links", [s for s in sources if programme or s[0] not in OF_PROGRAMME], "screen", fixed=True),
        Block("para", [f"{counts_rule(ctx)} Contact: {ctx.contact.team.rstrip('.')}."], fixed=True),
    ]
