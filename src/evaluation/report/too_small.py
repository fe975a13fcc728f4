"""The form of a report whose primary question too few people answered: the count, the bar, what can still be said."""

from __future__ import annotations

from evaluation import verdict as rule
from evaluation.disclosure import CheckedRow
from evaluation.report import caveats, programme_text
from evaluation.report.context import ReportContext
from evaluation.report.front_page import REUSE
from evaluation.report.page_parts import Block, PageInputs, Section
from evaluation.report.phrases import cite, upper_first
from evaluation.report.sentences import Rows, group_words, main_row, points_line, short_words, since

TITLES = ("In brief", "What can still be said", "What to do", "Words used, contact and sources")


def applies(rows: Rows, ctx: ReportContext) -> bool:
    """Return whether the primary question is one that too few people answered."""
    row = main_row(rows, ctx)
    return row is not None and (row.kind == "too_few" or row.verdict == rule.TOO_FEW)


def sections(inputs: PageInputs, glossary: list[Block]) -> tuple[Section, ...]:
    """Return the four sections of the form; no table and no chart, so that nothing empty stands in it."""
    rows, ctx = inputs.rows, inputs.ctx
    still = still_said(inputs)
    parts = (
        [
            Block("answer", answer(ctx)),
            Block(
                "para", [" ".join(missed(rows, ctx)), "This does not mean that nothing changed, or that something did."]
            ),
            *([Block("para", [last])] if (last := last_usable(rows, ctx)) else []),
            Block("quote", quoted(rows, ctx), "A paragraph to quote"),
            Block("para", [REUSE], "note"),
        ],
        [Block("bullets", still or ["Nothing else that was asked for can be reported from this survey."])],
        [Block("bullets", what_to_do(inputs))],
        glossary,
    )
    return tuple(
        Section(str(k), title, f"s{k}", tuple(blocks))
        for k, (title, blocks) in enumerate(zip(TITLES, parts, strict=True), 1)
    )


def answer(ctx: ReportContext) -> list[str]:
    """Return the answer to the title: that there is none, and why."""
    what, who = short_words(ctx, ctx.plan.outcomes.primary), group_words(ctx, ctx.focus)
    return [f"We cannot say whether {what} among {who} changed: too few people answered in {_year(ctx)}."]


def _year(ctx: ReportContext) -> str:
    return cite.plan(ctx.when(ctx.wave))


def missed(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return the count and the bar it missed, of the survey that missed one: this, or the one it is compared with."""
    for wave in dict.fromkeys((ctx.wave, since(rows, ctx, ctx.plan.outcomes.primary))):
        bar = rows.get("base", "missed", ctx.focus, wave)
        if bar is not None and bar.text != "none":
            return _bar(rows, ctx, wave, bar)
    least = cite.plan(f"{ctx.plan.sizes.least_people}")
    return [f"A share is reported from {least} people in each group on; fewer answered."]


def _bar(rows: Rows, ctx: ReportContext, wave: str, bar: CheckedRow) -> list[str]:
    sizes, who = ctx.plan.sizes, group_words(ctx, ctx.focus)
    answered, sessions = (rows.get("base", k, ctx.focus, wave) for k in ("answered", "sessions"))
    year = cite.plan(ctx.when(wave))
    people = _count(answered, sizes.least_people if bar.text == "people" else None, ctx)
    told = f"In {year}, {people} {who} answered this question"
    if bar.text == "people":
        return [f"{told}; a share is reported from {cite.plan(str(sizes.least_people))} on."]
    units = ctx.own("sessions")
    held = f" in {cite(sessions, sessions.text)} {units}" if sessions is not None and sessions.shown else ""
    need = cite.plan(str(sizes.least_sessions))
    if bar.text == "sessions":
        return [f"{told}{held}; answers are needed from at least {need} separate {units}."]
    return [f"{told}{held}, but a few {units} hold most of them; answers must be spread over at least {need}."]


def _count(row: CheckedRow | None, bar: int | None, ctx: ReportContext) -> str:
    """Return a count in words, never one that rounding has put at or above the bar it missed."""
    if row is None:
        return "too few"
    if not row.shown or row.value is None:
        return f"fewer than {cite.plan(str(ctx.plan.disclosure.threshold))}"
    return (
        f"fewer than {cite.plan(str(bar))}" if bar is not None and row.value >= bar else f"about {cite(row, row.text)}"
    )


def last_usable(rows: Rows, ctx: ReportContext) -> str:
    """Return the last survey in which the focus group's share could be reported, named by its year; "" if none."""
    outcome = ctx.plan.outcomes.primary
    shares = [rows.get("level", outcome, ctx.focus, w.id) for w in (*ctx.before, ctx.wave_words(ctx.wave))]
    shown = [r for r in shares if r is not None and r.shown and r.value is not None]
    if not shown:
        return ""
    row = shown[-1]
    year, who = cite.plan(ctx.when(row.wave)), group_words(ctx, ctx.focus)
    said = f"The last survey that could be reported is that of {year}."
    share = f"{cite(row, row.text)} of {cite(row, row.n_text)} {who}"
    about = short_words(ctx, outcome)
    return f"{said} Then {share} gave a positive answer on {about}. It says nothing about {_year(ctx)}."


def still_said(inputs: PageInputs) -> list[str]:
    """Return what the survey and the registers still permit saying: other groups, attendees, actions, events."""
    rows, ctx = inputs.rows, inputs.ctx
    outcome, said = ctx.plan.outcomes.primary, []
    groups = [(g, rows.get("level", outcome, g, ctx.wave)) for g in (ctx.comparison, "all") if g]
    told = next(((g, r) for g, r in groups if r is not None and r.shown), None)
    if told:
        group, row = told
        said.append(
            f"In {_year(ctx)}, {cite(row, row.text)} of {cite(row, row.n_text)} {group_words(ctx, group)} "
            "gave a positive answer to the main question."
        )
    for parts in (("change", ctx.comparison), ("attend", "all")):
        found = rows.get(parts[0], outcome, parts[1], ctx.wave) if parts[1] else None
        if found is not None and found.kind == "estimate" and found.shown and found.verdict not in rule.WITHOUT_NUMBER:
            word = rule.LABELS.get(found.verdict, found.verdict)
            said.append(f"{' '.join(points_line(rows, found, ctx).sentences)} Verdict: {word[:1].lower()}{word[1:]}.")
    said += [x for x in (caveats.near_the_police(rows, ctx), caveats.not_reached(inputs)) if x]
    held = programme_text.events(rows, ctx)
    done = " ".join(programme_text.action_sentences(rows, ctx))
    return [*said, *([done] if done else []), *held]


def what_to_do(inputs: PageInputs) -> list[str]:
    """Return what to do: which bar to reach, what that would show, and what not to do with this survey."""
    rows, ctx = inputs.rows, inputs.ctx
    sizes, who = ctx.plan.sizes, group_words(ctx, ctx.focus)
    people, sessions = cite.plan(str(sizes.least_people)), cite.plan(str(sizes.least_sessions))
    said = [
        f"Reach at least {people} {who} in {sessions} separate {ctx.own('sessions')}: below that no share is reported.",
        *caveats.next_survey(inputs),
    ]
    need = rows.get("next", "group", "all", ctx.wave)
    if need is not None and need.shown:
        target = cite.plan(f"{ctx.plan.power.target_points:.0f}")
        said.append(
            f"A change of {target} points takes about {cite(need, need.text)} in each survey; surveys can be joined."
        )
    return [*said, "Do not fill the gap with an earlier year's figure, or with everybody's."]


def quoted(rows: Rows, ctx: ReportContext) -> str:
    """Return a paragraph of at most sixty words that a board paper can quote."""
    parts = [*answer(ctx), *missed(rows, ctx), "This does not mean that nothing changed."]
    status = [] if ctx.checked else ["Draft."]
    return " ".join([*parts, *status, *([f"{upper_first(ctx.of_nobody)}."] if ctx.of_nobody else [])])
