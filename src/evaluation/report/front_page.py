"""Page one: the answer, the shares, what changed, what decides how far to believe it, and a paragraph to quote."""

from __future__ import annotations

from collections.abc import Iterable

from evaluation import verdict as rule
from evaluation.analysis import declared_inputs
from evaluation.disclosure import CheckedRow
from evaluation.report import caveats, lot_sentences, phrases, programme_text
from evaluation.report.context import ReportContext, long_date
from evaluation.report.page_parts import Block, PageInputs
from evaluation.report.phrases import cite
from evaluation.report.sentences import (
    SCALE,
    Line,
    Rows,
    attendee_contrast,
    compared_people,
    fixed,
    gap,
    group_words,
    level_words,
    linked_designs,
    main_row,
    points_line,
    primary,
    short_range,
    short_words,
    since,
    since_words,
    sized,
    tells_otherwise,
)
from evaluation.report.tables import Cell, Table

SHORT = {rule.UNCERTAIN_TOGETHER: "Too uncertain together"}  # in a table, where the list of words explains it
MOST_QUOTED = 60  # words of the paragraph to quote


def blocks(inputs: PageInputs) -> list[Block]:
    """Return page one of a study whose primary question has an answer, or a reason why it has none."""
    rows, ctx = inputs.rows, inputs.ctx
    told = [Block("answer", answer(rows, ctx))]
    shares = share_table(rows, ctx)
    told += [Block("html", shares)] if shares else []
    lines = [
        x
        for x in (
            *_leading(rows, ctx),
            primary(rows, ctx),
            everybody_else(rows, ctx),
            gap(rows, ctx),
            attendee_contrast(rows, ctx),
            *(lot_sentences.lots(rows, ctx) if lot_sentences.proved(rows, ctx) else ()),
        )
        if x
    ]
    told += [Block("lines", _said_once(lines), "panel brief")] if lines else []
    told.append(Block("para", [_units_told(ctx)], "note"))
    others = outcome_table(rows, ctx)
    told += [Block("html", others)] if others else []
    failed = failed_controls(rows, ctx)
    told += [Block("para", [failed])] if failed else []
    told.append(Block("bullets", caveats.decisive(inputs), "Before you use these figures"))
    done = " ".join(programme_text.action_sentences(rows, ctx))
    after = [x for x in (done, *caveats.next_survey(inputs)) if x]
    told += [Block("bullets", after, "What was done, and what comes next")] if after else []
    said = [Block("quote", board_paragraph(rows, ctx), "A paragraph to quote"), Block("para", [REUSE], "note")]
    return [*told, *said]


def _said_once(lines: list[Line]) -> list[Line]:
    """Return the lines without a sentence that an earlier one has said already."""
    said, out = set[str](), []
    for line in lines:
        out.append(Line(tuple(s for s in line.sentences if s not in said), line.verdict))
        said |= set(line.sentences)
    return out


def _units_told(ctx: ReportContext) -> str:
    """Return what a range and a point are; there are no points of shares where the outcome is a number."""
    shares = "shares" in declared_inputs.of(ctx.plan)
    return " ".join([phrases.INTERVAL_NOTE, *([phrases.POINT_NOTE] if shares else [])])


def _leading(rows: Rows, ctx: ReportContext) -> list[Line]:
    """Return what answers the title best: linked people before and after, where nobody else is the focus."""
    return linked_designs(rows, ctx) if not ctx.comparison else []


REUSE = "Quote a figure only with its verdict word, its range, the number of people, the survey and this report's date."


# ---- the answer -----------------------------------------------------------------------------------------------------


def answer(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return the answer to the report's title in plain words, for the verdict at hand, before any figure."""
    row = main_row(rows, ctx)
    if row is None:
        return [
            "This survey alone cannot say whether answers changed: nothing was asked before that could be compared."
        ]
    said = [_what_is_known(rows, row, ctx)]
    if row.verdict.startswith((rule.HIGHER, rule.LOWER)):
        said += _how_much(row)
    return [*said, *_reason(rows, row, ctx)]


def _about(row: CheckedRow, ctx: ReportContext) -> str:
    """Return what a contrast is about, for the middle of a sentence."""
    return short_words(ctx, row.outcome or ctx.plan.outcomes.primary)


def _what_is_known(rows: Rows, row: CheckedRow, ctx: ReportContext) -> str:
    what, verdict = _about(row, ctx), row.verdict
    over_time = row.id.startswith("change.")
    before = since_words(rows, ctx, row.outcome) if over_time else ""
    who = group_words(ctx, row.group or ctx.focus) if over_time else fixed(ctx.words.treated)
    whether = (
        f"{what} among {who} changed since {before}"
        if over_time
        else f"{what} differs between {who} and {compared_people(ctx)}"
    )
    if row.kind == "not_identified" or verdict == rule.NOT_ANSWERABLE:
        return f"This survey cannot say whether {whether}."
    if verdict.startswith((rule.HIGHER, rule.LOWER)):
        side = verdict.split(",")[0]
        than = f"than in {before}" if over_time else f"than among {compared_people(ctx)}"
        hint = "The answers hint that " if row.licence == "exploratory" else ""
        told = f"{hint}among {who}, {what} was {side} {than}."
        return phrases.upper_first(told)
    if verdict == rule.LITTLE_OR_NO:
        return (
            f"{phrases.upper_first(what)} among {who} is close to what it was in {before}."
            if over_time
            else (f"{phrases.upper_first(what)} is much the same among {who} and {compared_people(ctx)}.")
        )
    return f"We do not know whether {whether}. The survey is too small to tell."


def _how_much(row: CheckedRow) -> list[str]:
    side = row.verdict.split(",")[0]
    if row.verdict.endswith(rule.SMALL):
        return ["The difference is smaller than the size set in advance as worth noticing."]
    if row.verdict.endswith(rule.FRAGILE):
        return ["That depends on how it is analysed, or on doubts that could not be removed."]
    if row.mde is not None and row.margin is not None and row.mde > 2 * row.margin:
        return [f"How much {side} is very uncertain."]
    return []


def _reason(rows: Rows, row: CheckedRow, ctx: ReportContext) -> list[str]:
    """Return whether the programme is shown to be the reason: never by a descriptive change."""
    if not ctx.plan.treatment.column and ctx.plan.exposure is None and not ctx.plan.lots:
        return []
    drawn = lot_sentences.proved(rows, ctx)
    if drawn:
        title = fixed(ctx.plan.lots[str(drawn[0].group)].title)
        return [f"By lot, “{title}” made a difference: see below."]
    shown = [r for r in rows.all() if r.licence == "effect" and r.verdict in (rule.HIGHER, rule.LOWER) and r.planned]
    if shown:
        return [f"The comparison of places is consistent with {fixed(ctx.words.programme)} being a reason."]
    if not row.verdict.startswith((rule.HIGHER, rule.LOWER)):
        return [f"So nothing is shown about {fixed(ctx.words.programme)} either way."]
    return [f"Whether {fixed(ctx.words.programme)} is the reason is not shown."]


# ---- shares and outcomes --------------------------------------------------------------------------------------------


def share_table(rows: Rows, ctx: ReportContext) -> Table | None:
    """Return the share of positive answers of the compared groups in every wave, with range and people."""
    outcome = ctx.plan.outcomes.primary
    groups = list(dict.fromkeys(g for g in (ctx.focus, ctx.comparison) if g))
    kind = "level" if any(True for _ in rows.starting(f"level.{outcome}.".lower())) else "mean"
    lines, waves = [], [w for w in ctx.waves if any(rows.get(kind, outcome, g, w.id) is not None for g in groups)]
    for group in groups:
        cells = [_level_cell(rows.get(kind, outcome, group, w.id)) for w in waves]
        lines.append((Cell(phrases.upper_first(ctx.group_words(group)), kind="head"), *cells))
    if not waves:
        return None
    measure = "Positive answers on" if kind == "level" else "Average answer on"
    caption = f"{measure} {ctx.short(outcome)}: value (range) and people"
    return Table("t-shares", caption, ("Group", *(ctx.when(w.id) for w in waves)), tuple(lines))


def _level_cell(row: CheckedRow | None) -> Cell:
    if row is None:
        return Cell("not asked", kind="plan")
    if not row.shown:
        return Cell(row.text, row.id)
    return Cell(f"{row.text} of {row.n_text}", row.id)


def outcome_table(rows: Rows, ctx: ReportContext) -> Table | None:
    """Return each other planned outcome in one line: change among the focus group, and the attendee comparison."""
    lines = []
    for outcome in ctx.plan.outcomes.secondary:
        change = rows.get("change", outcome, ctx.focus, ctx.wave)
        attend = rows.get("attend", outcome, "all", ctx.wave)
        found = next((r for r in (change, attend) if r is not None), None)
        if found is not None:
            head = Cell(_outcome_label(rows, found, change is not None, ctx), kind="head")
            lines.append((head, _verdict_cell(rows, change), _verdict_cell(rows, attend)))
    kept = [k for k in (1, 2) if any(line[k].kind != "none" for line in lines)]
    if not lines:
        return None
    changed = f"{phrases.upper_first(ctx.group_words(ctx.focus))}: change"
    treated = f"{phrases.upper_first(ctx.words.treated)}, against similar people"
    header = ("Outcome", changed, treated)
    body = tuple((line[0], *(line[k] for k in kept)) for line in lines)
    caption = "The other planned outcomes: verdict, percentage points (or points of the scale named) and range"
    return Table("t-planned", caption, (header[0], *(header[k] for k in kept)), body)


def _outcome_label(rows: Rows, row: CheckedRow, changed: bool, ctx: ReportContext) -> str:
    """Return an outcome's name with the scale of its numbers, where that is none of points, and its first survey."""
    name = phrases.upper_first(ctx.short(row.outcome))
    share = rows.share_of(row)
    ends = SCALE.search(row.unit) if share is None or not share.shown else None
    scale = f", {ends[1]} to {ends[2]}" if ends else ""
    return f"{name}{scale} (since {ctx.when(since(rows, ctx, row.outcome))})" if changed else f"{name}{scale}"


def _verdict_cell(rows: Rows, row: CheckedRow | None) -> Cell:
    if row is None:
        return Cell("", kind="none")
    verdict = SHORT.get(row.verdict) or rule.LABELS.get(row.verdict, row.verdict) or rule.LABELS[rule.NOT_ANSWERABLE]
    if not row.shown or row.verdict in rule.WITHOUT_NUMBER or row.value is None:
        return Cell(verdict, row.id)
    share = rows.share_of(row)
    if share is not None and share.low is not None and not tells_otherwise(row, share):
        return Cell(f"{verdict}: {phrases.plain(short_range(share))}", share.id)
    ends = SCALE.search(row.unit)
    scale = f", on the scale of {ends[1]} to {ends[2]}" if ends and share is not None else ""
    return Cell(f"{verdict}: {phrases.plain(short_range(row))}{scale}", row.id)


def everybody_else(rows: Rows, ctx: ReportContext) -> Line | None:
    """Return the change among everybody else, said in the same way as that of the focus group."""
    row = rows.get("change", ctx.plan.outcomes.primary, ctx.comparison, ctx.wave) if ctx.comparison else None
    return None if row is None or not row.shown else points_line(rows, row, ctx)


def failed_controls(rows: Rows, ctx: ReportContext) -> str:
    """Return which things that the events cannot have changed differ too, named; "" where none does."""
    named = []
    for outcome in ctx.plan.outcomes.negative_controls:
        row = rows.get("attend", outcome, "all", ctx.wave)
        if row is not None and row.shown and row.verdict.startswith((rule.HIGHER, rule.LOWER)):
            number = rows.share_of(row) or row
            what = fixed(ctx.short(outcome)).removeprefix("the answer to ")
            named.append(f"{cite(row, row.verdict.split(',')[0])} on {what} ({short_range(number, ' points')})")
    if not named:
        return _hinting_control(rows, ctx)
    return (
        f"A check failed: {fixed(ctx.words.treated)} also answered {phrases.listed(named)}. "
        f"{fixed(ctx.words.programme)} cannot have changed that, so the people compared differ in other ways too."
    )


def _hinting_control(rows: Rows, ctx: ReportContext) -> str:
    """Return what to say where one control differs by itself and not together with the others; "" where none does."""
    found = [rows.get("attend", outcome, "all", ctx.wave) for outcome in ctx.plan.outcomes.negative_controls]
    alone = [r for r in found if r is not None and r.shown and r.low is not None and r.low * (r.high or 0.0) > 0]
    if not alone:
        return ""
    what = fixed(ctx.short(alone[0].outcome or "")).removeprefix("the answer to ")
    who, size = fixed(ctx.words.programme), short_range(alone[0])
    return f"A warning: they also differ on {what}, which {who} cannot move: {size}."


# ---- the paragraph to quote -----------------------------------------------------------------------------------------


def board_paragraph(rows: Rows, ctx: ReportContext) -> str:
    """Return a paragraph of at most sixty words that a board paper can quote: verdict, range, people, wave, status."""
    row = main_row(rows, ctx)
    status = _status(ctx)
    if row is None:
        return f"{answer(rows, ctx)[0]} {status}".strip()
    now = level_words(rows, ctx, ctx.wave)
    verdict = rule.LABELS.get(row.verdict, row.verdict)
    size = _size(rows, row)
    told = f"{size} Verdict: {verdict[:1].lower()}{verdict[1:]}."
    return " ".join(
        x for x in (now, told if size else _what_is_known(rows, row, ctx), _not_the_reason(ctx), status) if x
    )


def _size(rows: Rows, row: CheckedRow) -> str:
    number = rows.share_of(row) or row
    if not number.shown or number.value is None:
        return ""
    noun = "Change" if row.id.startswith("change.") else "Difference"
    return f"{noun}: {sized(number)}."


def _not_the_reason(ctx: ReportContext) -> str:
    return "The survey does not show why." if getattr(ctx.plan, "treatment", None) is not None else ""


def _status(ctx: ReportContext) -> str:
    said = [] if ctx.checked else [f"Draft of {cite.plan(long_date(ctx.date))}"]
    said += [ctx.of_nobody] if ctx.of_nobody else []
    return f"{phrases.upper_first(', '.join(said))}." if said else f"Report of {cite.plan(long_date(ctx.date))}."


def quoted_words(texts: Iterable[str]) -> int:
    """Return how many words a reader counts in texts."""
    return sum(len(phrases.plain(t).split()) for t in texts)
