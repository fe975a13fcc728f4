"""Pages as sections of blocks: what stands where, and what is said where something is absent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import narration, phrases, tables, views
from . import sentences as say
from .context import ReportContext, long_date
from .figure_blocks import exhibits, is_refusal
from .layout import Block, Desk, Page, Section

POLICY = (
    "In brief", "What you can and cannot say", "What was done", "Who answered",
    "Confidence, satisfaction and awareness", "Trust: respect, protection, involvement, representation",
    "People who have and have not attended", "Has it changed?", "What people told us", "What happened next",
    "The wider picture", "Cost", "How sure are we?", "What to do next", "Words used, contact and sources",
)  # fmt: skip
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
ANNEX = {
    "A": "Manifest", "B": "Estimands", "C": "Intake ledger", "D": "Sample and mode", "E": "Weights", "F": "Scales",
    "G": "Comparable people", "H": "Difference-in-differences", "I": "Sensitivity", "J": "Power",
    "K": "Events and fidelity", "L": "Coding of feedback", "M": "Stop and search, recording, recruitment",
    "N": "Register of claims, initiatives and context", "O": "Disclosure log", "P": "Known-truth check",
}  # fmt: skip


# ---- policy report ----------------------------------------------------------------------------------------------


def policy(desk: Desk) -> Page:
    """Return the policy report: fifteen sections, each in its place whatever is absent."""
    ctx, made, told = desk.ctx, [], set[str]()
    for number, title in enumerate(POLICY, 1):
        own = _own(desk, number)
        shown, folded = views.placed(desk.at(f"policy-{number}"), number, ctx)
        refused = [e for e in (*shown, *folded) if is_refusal(e)]  # said in one sentence, wherever they would stand
        shown, folded = ([e for e in part if e not in refused] for part in (shown, folded))
        placed = [*exhibits(desk, shown, fold=12, told=told), *exhibits(desk, folded, fold=12, most=0),
                  *exhibits(desk, refused, fold=12)]  # fmt: skip
        reason = ctx.absent.get(f"policy-{number}") or ABSENT.get(number, "")
        missing = [Block("absent", reason, fixed=True)] if reason and not placed and number in ABSENT else []
        blocks = [*own, *placed, *missing]
        blocks += _in_annex(desk, number)
        if number == 1:
            blocks += [Block("quote", say.board_paragraph(desk.rows, ctx), "A paragraph to quote")]
        made.append(Section(str(number), title, f"s{number}", tuple(blocks)))
    return Page("policy", ctx.title, _meta(ctx), tuple(made), _foot(ctx))


def _in_annex(desk: Desk, number: int) -> list[Block]:
    """Return links to the annex sections that hold a section's exhibits in full."""
    found = (s for e in desk.at(f"policy-{number}") for s in e.sections if s.startswith("annex-"))
    letters = sorted({s.removeprefix("annex-") for s in found})
    if not letters:
        return []
    links = [(f"annex.html#{x}", f"In full in annex {x}") for x in letters if x in ANNEX]
    return [Block("links", links, "screen row", fixed=True)]


def _meta(ctx: ReportContext) -> tuple[str, ...]:
    wave = ctx.wave_words(ctx.wave)
    if ctx.checked:
        agreed = sum(r.verdict == "amended" for r in ctx.sense_check)
        dates = sorted(r.date for r in ctx.sense_check if r.date)
        when = f" on {dates[-1]}" if dates else ""
        status = f"Checked by {ctx.words.checking_group}{when}; {agreed} corrections made"
    else:
        status = f"Draft: not yet checked by {ctx.words.checking_group}"
    reasons = [r for r in ctx.draft_reasons if r.lower() not in status.lower()]
    why = f" ({'; '.join(reasons)})" if reasons and not ctx.checked else ""
    sizes = ctx.plan.disclosure
    return (
        f"{wave.label} ({wave.id}), {wave.fieldwork()}. Data to {ctx.through()}. Report of {long_date(ctx.date)}.",
        f"Status: {status}{why}.",
        f"To protect people, counts under {sizes.threshold} are not shown and others are rounded to the nearest "
        f"{sizes.rounding}. “Too few to report” is never zero.",
    )


def _foot(ctx: ReportContext) -> tuple[str, ...]:
    contact = ctx.contact
    return (
        f"{contact.team}. Funded by: {contact.funded_by}. Run by: {contact.ran_by}. Checked by: {contact.checked_by}.",
        f"{ctx.title} Report of {long_date(ctx.date)}, {ctx.wave}. {ctx.stamp()}".strip(),
    )


def _own(desk: Desk, number: int) -> list[Block]:  # noqa: C901 - one line for each section
    """Return the generated words of a policy section."""
    rows, ctx = desk.rows, desk.ctx
    if number == 1:
        lines = say.in_brief(rows, ctx)
        if not lines:
            return [Block("absent", "No result of the primary question could be given for this wave.")]
        return [Block("lines", lines, "panel brief"), Block("para", [phrases.INTERVAL_NOTE], "note")]
    if number == 2:
        both = [("You can say", say.can_say(rows, ctx)), ("You cannot say", say.cannot_say(rows, ctx))]
        return [Block("two", both)]
    if number == 3:
        described = Block("para", [" ".join(ctx.words.programme_description.split())], fixed=True)
        return [described, *_told(narration.events(rows, ctx))]
    if number == 4:
        return _told([*narration.who(rows, ctx), narration.communities(ctx)])
    if number == 7:
        line = say.attended(rows, ctx)
        return [*([Block("lines", [line], "panel")] if line else []), *_told(narration.four_arms(rows, ctx))]
    if number == 8:
        return _changed(desk)
    if number == 9:
        sheet = [_corrections(ctx)] if ctx.sense_check else []
        wrong = sorted(views.rejected(ctx))
        left_out = (
            f"Left out, because {ctx.words.checking_group} judged it wrong: {phrases.listed(wrong)}." if wrong else ""
        )
        return [*_told([*narration.heard(rows, ctx), say.fixed(left_out)]), *sheet]
    if number == 10:
        counts = say.actions(rows)
        return _told([*([" ".join(counts.sentences)] if counts else []), *narration.closed(rows, ctx)])
    if number == 11:
        return [Block("para", ["These figures are context. They are not results of the programme."], "note")]
    if number == 12:
        return _told(narration.cost(rows, ctx))
    if number == 13:
        return [Block("bullets", say.how_sure(rows, ctx))]
    if number == 14:
        return [Block("bullets", [*say.next_wave(rows, ctx), *_still_absent(desk)])]
    return _words(ctx) if number == 15 else []


def _told(paragraphs: list[str]) -> list[Block]:
    return [Block("para", [p]) for p in paragraphs if p]


def _changed(desk: Desk) -> list[Block]:
    lines = [x for x in (say.primary(desk.rows, desk.ctx),) if x] + say.designs(desk.rows, desk.ctx)
    blocks = [Block("lines", lines, "panel")] if lines else []
    table = _change_table(desk)
    return [*blocks, Block("html", table)] if table else blocks


def _change_table(desk: Desk) -> Any:
    """Return the table of shares in the wave before and in this one, for outcomes that both waves asked."""
    from markupsafe import Markup

    ctx, rows = desk.ctx, desk.rows
    if not ctx.before:
        return ""
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
        return ""
    cell = Markup('<td data-result="{}" class="num">{}, n {}</td>')
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}{}</tr>').format(
            label, *(cell.format(x.id, x.text, x.n_text) for x in (then, now))
        )
        for label, then, now in lines
    )
    return Markup(
        '<div class="wide" role="region" tabindex="0" aria-labelledby="t-last-wave"><table><caption id="t-last-wave">'
        "From the last wave to this one: share giving a positive answer</caption>"
        '<thead><tr><th scope="col">Question and group</th>'
        '<th scope="col">{}</th><th scope="col">{}</th></tr>'
        "</thead><tbody>{}</tbody></table></div>"
    ).format(ctx.when(last.id), ctx.when(ctx.wave), body)


def _corrections(ctx: ReportContext) -> Block:
    lines = [(r.theme, r.verdict, r.date, r.words, r.action) for r in ctx.sense_check]
    header = ("Theme", "The group's answer", "Date", "In the group's words", "What was done")
    caption = f"What {ctx.words.checking_group} agreed, corrected or rejected"
    return Block("html", tables.plain(header, lines, caption=caption, name="t-sense-check"), fixed=True)


def _still_absent(desk: Desk) -> list[str]:
    missing = [POLICY[n - 1].lower() for n in ABSENT if n > 2 and not desk.at(f"policy-{n}")]
    return [f"Inputs or results absent from this report: {phrases.listed(missing)}."] if missing else []


def _words(ctx: ReportContext) -> list[Block]:
    sources = [("annex.html", "Technical annex"), ("results.csv", "Every number, as a spreadsheet (CSV)"),
               ("results.xlsx", "Every number, as a workbook (XLSX)"), ("sense-check.html", "Sense-check pack"),
               ("practice-bank.html", "Practice-bank entry"), ("../index.html", "All reports")]  # fmt: skip
    reuse = "Figures may be quoted with their verdict word, the number of people, the wave and the date of this report."
    return [Block("words", list(phrases.VERDICT_MEANING.items())), Block("links", sources, "screen", fixed=True),
            Block("para", [f"Contact: {ctx.contact.team}.", reuse])]  # fmt: skip


# ---- technical annex --------------------------------------------------------------------------------------------


def annex(desk: Desk, notebooks: list[tuple[str, str]]) -> Page:
    """Return the technical annex: sections A to P, with every exhibit and the notebooks that made them."""
    made: list[Section] = []
    first: dict[str, str] = {}
    for letter, title in ANNEX.items():
        own = [replace(b, fixed=b.fixed or letter != "B") for b in _annex_own(desk, letter, notebooks)]
        found = desk.at(f"annex-{letter}")
        placed = exhibits(desk, [e for e in found if e.id not in first], fold=40, full=True)
        again = [(_anchor_of(desk, e), f"{e.title} (section {first[e.id]})") for e in found if e.id in first]
        first |= {e.id: letter for e in found if e.id not in first}
        reason = desk.ctx.absent.get(f"annex-{letter}", "No exhibit was made for this section in this run.")
        blocks = [*own, *placed, *([Block("links", again)] if again else [])] or [Block("absent", reason)]
        made.append(Section(letter, title, f"{letter}", tuple(blocks)))
    elsewhere = [e for e in desk.checked.exhibits if e.sections and not any(s.startswith("annex-") for s in e.sections)]
    rest = exhibits(desk, elsewhere, fold=0, full=True, pictures=False)
    if rest:
        made.append(Section("Q", "Exhibits of the other pages, with their result ids", "Q", tuple(rest)))
    return Page("annex", "Technical annex", _meta(desk.ctx), tuple(made), _foot(desk.ctx), letters=True)


def _anchor_of(desk: Desk, exhibit: Any) -> str:
    """Return the address, in the page, of an exhibit that stands in it already."""
    return "#" + tables.anchor(exhibit.id, "f" if exhibit.id in desk.figures else "t")


def _annex_own(desk: Desk, letter: str, notebooks: list[tuple[str, str]]) -> list[Block]:
    ctx = desk.ctx
    if letter == "A":
        told = any(e.id == "gates.all" for e in desk.at("annex-A"))
        return _manifest(ctx, notebooks, told=told)
    if letter == "B":
        return _estimands(desk)
    if letter == "O":
        facts = desk.checked.log
        lines = [(str(k), str(v)) for k, v in dict(facts).items()] if facts else []
        lines += [(str(k), str(v)) for k, v in _audit(desk.checked.audit)]
        table = tables.plain(("What", "Count"), lines, caption="What was withheld, and the attack on it", name="t-log")
        return [Block("html", table)] if lines else []
    if letter == "P":
        return _known_truth(ctx)
    return []


def _known_truth(ctx: ReportContext) -> list[Block]:
    """Return the table of the code tried where the truth is known, with a warning where the code has changed since."""
    made = ctx.known_truth
    if made is None:
        why = "No table was found. `python -m benchmarks.known_truth` makes it; it takes minutes, so a run does not."
        return [Block("absent", why)]
    digest = str(made.get("digest", ""))[:12]
    said = f"Made on {made.get('made_on', 'an unknown day')} with the statistics of digest {digest}, on drawn studies."
    stale = "The statistics have changed since this table was made: it describes the earlier code, not this report's."
    caption = "The same code on synthetic data with a known truth: bias, coverage, and how often it is fooled"
    table = tables.plain(made["header"], made["rows"], caption=caption, name="t-known-truth")
    notes = [Block("absent", stale)] if made.get("stale") else []
    return [*notes, Block("para", [said]), Block("html", table)]


def _audit(audit: Any) -> list[tuple[str, Any]]:
    if audit is None:
        return []
    if hasattr(audit, "tidy"):
        audit = audit.tidy()
    if isinstance(audit, dict):
        return list(audit.items())
    names = getattr(audit, "__dataclass_fields__", {})
    return [(n, v) for n in names if isinstance(v := getattr(audit, n), int | float | str)]


def _manifest(ctx: ReportContext, notebooks: list[tuple[str, str]], *, told: bool) -> list[Block]:
    """Return what made the report; the gates too, where no exhibit has told them."""
    flat = [(k, ", ".join(f"{a}: {b}" for a, b in v.items()) if isinstance(v, dict) else str(v))
            for k, v in ctx.manifest.items()]  # fmt: skip
    blocks = []
    if flat:
        blocks.append(
            Block("html", tables.plain(("What", "Value"), flat, caption="What made this report", name="t-made"))
        )
    if not told:
        blocks.append(Block("html", _gates(ctx)))
    deviations = list(ctx.deviations) or ["None: the plan is as it was frozen, or was not frozen (see the status)."]
    blocks.append(Block("bullets", deviations, "Deviations from the frozen plan"))
    if notebooks:
        blocks.append(Block("para", ["The notebooks that made the results, in order:"]))
        blocks.append(Block("links", [(f"notebooks/{n}.html", t) for n, t in notebooks]))
    if ctx.environment:
        blocks.append(Block("para", [f"Made with {phrases.listed(list(ctx.environment))}."]))
    return blocks


def _bar(bar: Any) -> str:
    return "" if bar is None else f"{bar:.3g}" if isinstance(bar, float) else str(bar)


def _gates(ctx: ReportContext) -> Any:
    lines = [(g.id, g.kind, "passed" if g.passed else "failed", _bar(g.bar), g.note) for g in ctx.gates]
    header = ("Gate", "Kind", "Result", "Bar", "What it asks")
    return tables.plain(header, lines or [("none recorded", "", "", "", "")], caption="Gates", name="t-gates")


def _estimands(desk: Desk) -> list[Block]:
    seen: dict[str, tuple[str, ...]] = {}
    for row in desk.rows.all():
        one_of_many = row.id.startswith(("spec.", "mde.", "breakeven.", "evalue."))
        judged = row.kind in ("not_identified", "too_few") or (row.kind == "estimate" and row.verdict)
        if judged and not one_of_many:
            planned = "planned" if row.planned else "added later"
            seen[row.id] = (row.id, row.question or "", getattr(row, "estimand", "") or "", row.method or "",
                            row.se_method or "", row.licence, planned, row.verdict or "", row.text)  # fmt: skip
    if not seen:
        return []
    header = ("Result", "Question", "Estimand", "Estimator", "Error", "Licence", "Planned", "Verdict", "Figure")
    cap = "One row for each contrast: what it estimates, how, and what it may be used to say"
    return [Block("html", _numbered(header, list(seen.values()), cap))]


def _numbered(header: Any, rows: Any, caption: str) -> Any:
    """Return a table whose first cell is the result id that every cell of the row traces to."""
    from markupsafe import Markup

    head = Markup("").join(Markup('<th scope="col">{}</th>').format(c) for c in header)
    body = Markup("\n").join(
        Markup('<tr data-result="{}"><th scope="row">{}</th>{}</tr>').format(
            r[0], r[0], Markup("").join(Markup("<td>{}</td>").format(c) for c in r[1:])
        )
        for r in rows
    )
    return Markup(
        '<div class="wide ids" role="region" tabindex="0" aria-labelledby="t-estimands"><table>'
        '<caption id="t-estimands">{}</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(caption, head, body)
