"""Sentences on the programme's delivery: events, respondents, feedback, actions and costs.

Each sentence is left out where one of its numbers is absent or may not be shown: nothing is said in its place.
"""

from __future__ import annotations

import re

from evaluation.analysis import declared_inputs
from evaluation.disclosure import CheckedExhibit, CheckedRow
from evaluation.report import phrases
from evaluation.report.context import ReportContext
from evaluation.report.phrases import cite
from evaluation.report.sentences import Rows, fixed

_PLACE = re.compile(r"\{([^{}]+)\}")


def filled(rows: Rows, wave: str, text: str) -> str:
    """Return a sentence with each `{start of an id}` replaced by that result of the wave; "" if any is missing."""
    parts = _PLACE.split(text)
    out = []
    for k, part in enumerate(parts):
        if k % 2 == 0:
            out.append(part)
            continue
        row = _one(rows, part, wave)
        if row is None:
            return ""
        out.append(cite(row, row.text.split(" (")[0]))
    return phrases.upper_first("".join(out))


def _one(rows: Rows, start: str, wave: str) -> CheckedRow | None:
    """Return the first shown result with a number whose id begins so and names the wave."""
    wave = wave.lower()
    found = (r for r in rows.starting(start.lower()) if wave in r.id.split("."))
    return next((r for r in found if r.shown and r.value is not None), None)


def _sentence(rows: Rows, ctx: ReportContext, *texts: str) -> list[str]:
    return [x for x in (filled(rows, ctx.wave, t) for t in texts) if x]


def events(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return how many events, attendances and officers there were, and what the hall cost."""
    said = _sentence(
        rows,
        ctx,
        "{events.held.all} events were held, with {events.attendances.all} attendances. "
        "An attendance is not a person: somebody who came twice counts twice.",
        "An event had {events.mean.all} attendances on average (median {events.median.all}, from {events.smallest.} "
        "to {events.largest.}).",
        "Between {events.officers_low.all} and {events.officers_high.all} officers and staff were there, "
        "{events.officers.all} on average.",
        "Hire cost {costs.hire.mean} an event on average (median {costs.hire.median}, most {costs.hire.most}).",
        "The advisory groups met {iag.held.current} times under the current model and {iag.held.revised} times under "
        "the revised one.",
    )
    return [" ".join(said)] if said else []


def who(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return how many answered, how many of them are of the focus group, and how they were reached."""
    total = _one(rows, "flow.analysed.all", ctx.wave)
    group = next((r for r in rows.starting("n.") if r.id.split(".")[2:4] == [ctx.focus, ctx.wave.lower()]), None)
    said = []
    if total is not None and group is not None and group.shown:
        said.append(
            f"{cite(group, group.text)} of {cite(total, total.text)} respondents were "
            f"{fixed(ctx.words.focus_group.removesuffix(' respondents'))}."
        )
    said += _behind(rows, ctx)
    said += _sentence(
        rows,
        ctx,
        _worth(rows, ctx),
        ctx.own("Answers came from {n.sessions.all} sessions of about {mean.session_size.all} people each."),
        "{n.boost.all} people were reached through lists of attendees; they count only in the comparison of attendees.",
    )
    said += _collection_mode(rows, ctx)
    groups = [r for r in rows.starting("partners.") if r.id.endswith(f"{ctx.wave.lower()}.answers") and r.shown]
    if groups:
        largest = max(groups, key=lambda r: r.value or 0)
        said.append(
            f"Some answers came through organisations; the kind that helped most supplied "
            f"{cite(largest, largest.text)}."
        )
    if "institution" in ctx.words.model_fields_set:
        trust = f"may trust {fixed(ctx.words.institution)} less than those who answered"
    else:
        trust = "may think otherwise than those who answered"
    if ctx.plan.population.sample != "census":
        said.append(f"People who declined to answer {trust}.")
    return [" ".join(said)]


def _worth(rows: Rows, ctx: ReportContext) -> str:
    """Return what weighted answers are worth, sessions allowed for where answers came in sessions."""
    if not (ctx.plan.population.margins or ctx.plan.population.given_weight):
        return ""
    if rows.get("weights", "clustered", "all", ctx.wave) is None:
        return "After weighting, these answers tell us about as much as {weights.effective.all} equally weighted ones."
    units = ctx.own("sessions")
    said = f"Weights and {units} allowed for, these answers tell us about as much as "
    return said + "{weights.clustered.all} people asked one by one."


def _behind(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return in one sentence how the focus group's numbers of people hang together, from everybody to those counted."""
    found = [rows.get("base", k, ctx.focus, ctx.wave) for k in ("all", "general", "answered")]
    if not all(r is not None and r.shown for r in found) or not ctx.plan.population.boost_column:
        return []
    everybody, general, answered = (cite(r, r.text) for r in found if r is not None)
    return [
        f"Of about {everybody} {fixed(ctx.group_words(ctx.focus))}, about {general} were met without lists of "
        f"attendees, and about {answered} of those answered the main question; its shares are of them."
    ]


def _collection_mode(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return how many answers were given near an officer, and how many at an event."""
    said = []
    for kind, where in (("officer", "to, or near, a police officer"), ("event", "at an event")):
        row = _one(rows, f"collection.{kind}.all", ctx.wave)
        if row is None:
            continue
        base = cite(row, row.n_text)
        if row.value:
            said.append(f"{cite(row, row.text)} of {base} answers were given {where}.")
        else:
            said.append(f"None of {base} answers was given {where}.")
    return said


def communities(ctx: ReportContext) -> str:
    """Return the caution that the focus group is many communities; nothing where the plan has no such group."""
    if declared_inputs.GROUPS not in declared_inputs.of(ctx.plan):
        return ""
    name = fixed(ctx.words.focus_group.removesuffix(" respondents"))
    return f"{name} communities are not one group; numbers were too small to show each separately."


def four_arms(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return how many had attended both kinds of forum, and that helpers are not counted as attendees."""
    said = _sentence(rows, ctx, "About {n.arm.both} people had attended both kinds of forum.")
    if any(True for _ in rows.starting("n.arm.aside")):
        said.append("Members who help run the events are not counted as attendees here.")
    return [" ".join(said)] if said else []


def doses(rows: Rows, ctx: ReportContext) -> str:
    """Return the difference by number of events attended where each number can be shown; else why it is not."""
    stem = f"attenddose.{ctx.plan.outcomes.primary}.all.{ctx.wave}.".lower()
    found = list(rows.starting(stem))
    if not found:
        return ""
    if not all(r.shown and r.value is not None for r in found):
        least = cite.plan(f"{ctx.plan.sizes.least_people}")
        return (
            "Results by number of events attended are not set side by side. Too few people came some numbers of times: "
            f"at least {least} are needed. The annex has the others, if any."
        )
    times = {"1": "one event", "2": "two events", "3": "three events or more"}
    unit = found[0].unit or ""
    numbers = [(r, v) for r in found for v in (r.value, r.low, r.high)]
    texts = phrases.alike([phrases.known(v) for _, v in numbers], unit)
    shown = [("minus " if phrases.known(v) < 0 else "") + cite(r, x) for (r, v), x in zip(numbers, texts, strict=True)]
    said = []
    for place, row in enumerate(found):
        value, low, high = shown[3 * place : 3 * place + 3]
        count = times.get(row.id.rsplit(".", 1)[-1], "another number of events")
        said.append(f"{count}, {value} (between {low} and {high})")
    what = fixed(ctx.short(ctx.plan.outcomes.primary))
    return f"Difference in {what}, in {phrases.unit_words(unit)}, by number of events attended: {'; '.join(said)}."


def reasons(results: list[CheckedExhibit], ctx: ReportContext) -> str:
    """Return the three reasons for not coming that most people gave; in one sentence why not where there are none."""
    exhibit = next((e for e in results if e.id == "attend.reasons"), None)
    if exhibit is None:
        return ""
    shown = [(r, x) for r, c in exhibit.cells if (x := exhibit.cells[r, c]).shown and x.value is not None]
    shown = sorted(shown, key=lambda p: -phrases.known(p[1].value))[:3]
    if not shown:
        if not ctx.plan.treatment.register_name:
            return ""
        return f"Why {fixed(ctx.words.untreated)} did not come is not shown: it was not asked, or too few answered."
    base = cite(shown[0][1], shown[0][1].n_text)
    said = phrases.listed([f"“{fixed(r[:1].lower() + r[1:])}” ({cite(x, x.text)})" for r, x in shown])
    return f"Of {base} {fixed(ctx.words.untreated)}, the reasons most given were {said}."


def feedback_sentence(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return what the checking group made of the comments."""
    group = ctx.words.checking_group
    said = _sentence(
        rows,
        ctx,
        f"Of {{feedback.check.all}} comments, {group} agreed {{feedback.check.agreed}}, amended "
        "{feedback.check.amended} and rejected {feedback.check.rejected}. "
        "{feedback.check.pending} are not checked yet. Rejected comments are left out.",
    )
    return [" ".join(said)] if said else []


def action_sentences(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return what happened to everything that was asked for, in numbers that add up: one set for every page."""
    return _sentence(
        rows,
        ctx,
        "{actions.all.all} things were asked for: {actions.did.all} done, {actions.doing.all} under way or passed on, "
        "{actions.refused.all} refused, {actions.open.all} without an answer yet.",
        "Of those refused, {actions.explained.all} have a written reason.",
        "{actions.overdue.all} are overdue, and {actions.told.all} were reported back to people.",
    )


def closed(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return what happened to everything asked for, how long people waited, and what such counts are."""
    said = action_sentences(rows, ctx)
    said += _sentence(rows, ctx, "Half had a first response within {actions.median.answered} days.")
    return [" ".join([*said, "Counts of actions count activity, not effect."])] if said else []


def cost(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return what an event cost in money and hours."""
    said = _sentence(
        rows,
        ctx,
        "An event cost {costs.hire.mean} in hire, {costs.catering.mean} in catering and {costs.other.mean} in other "
        "costs, on average, from {costs.hire.known} events with a record.",
        "It took {costs.organising.mean} hours to organise, on average.",
    )
    return [" ".join(said)] if said else []
