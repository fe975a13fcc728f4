"""Caveats, certainty and the sample sizes of the next wave: sections 2, 13 and 14 of the policy report."""

from __future__ import annotations

from evaluation.disclosure import CheckedRow
from evaluation.report import phrases
from evaluation.report.context import ReportContext
from evaluation.report.phrases import cite
from evaluation.report.sentences import Rows, fixed, group_words
from evaluation.results import Gate
from evaluation.verdict import NOT_ANSWERABLE, UNCERTAIN, WITHOUT_NUMBER


def can_say(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return what the results permit saying, from their licences and verdicts."""
    said = ["What the people who answered told us, group by group, with how sure we are."]
    judged_rows = [r for r in rows.all() if r.kind == "estimate" and r.verdict and r.planned]
    licences = {r.licence for r in judged_rows if r.verdict not in WITHOUT_NUMBER}
    attending = rows.get("attend", ctx.plan.outcomes.primary, "all", ctx.wave)
    unsure = (*WITHOUT_NUMBER, *UNCERTAIN)
    told_apart = any(_between_places(r) and r.verdict not in unsure for r in judged_rows)
    if attending is not None and attending.shown and (attending.verdict or NOT_ANSWERABLE) not in WITHOUT_NUMBER:
        said.append(f"How far {ctx.words.treated} and {ctx.words.untreated} gave different answers.")
    if "descriptive" in licences or rows.get("change", ctx.plan.outcomes.primary, ctx.focus, ctx.wave) is not None:
        said.append("How far answers differ between one survey and the next.")
    if told_apart:
        said.append("Whether answers moved differently where events were held.")
    return said


def _between_places(row: CheckedRow) -> bool:
    """Return whether a contrast sets places that events reached beside others, whatever it may claim."""
    return row.licence == "effect" or row.id.startswith("d1.")


def cannot_say(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return what may not be said, always with self-selection, different respondents and what could be detected."""
    asked = [w for w in ctx.waves if not w.attendance_asked]
    said = [
        f"That {ctx.words.programme} is the reason for any difference. People who attended may have differed before "
        "they came. This comparison cannot rule that out.",
        "That the same people changed their minds. Different people answered in each survey. We adjusted for "
        f"{adjusted_for(ctx)}; other differences may remain.",
        detectable(rows, ctx),
    ]
    if asked:
        years = phrases.listed([cite.plan(w.year()) for w in asked])
        said.append(f"How attendees answered before. The survey of {years} did not ask {ctx.words.attended_question}.")
    said.append("That activity is a result. Counts of events and actions count activity.")
    return said


def detectable(rows: Rows, ctx: ReportContext) -> str:
    """Return what size of difference this many answers could have detected."""
    row = _with_mde(rows, ctx)
    if row is None:
        return "That a small difference is absent. No detectable size could be worked out for this wave."
    unit = phrases.unit_words(row.unit or "")
    size = cite(row, phrases.number(phrases.known(row.mde), row.unit or ""))
    return (
        "That a small difference is absent. With this many answers we could only have detected a difference of about "
        f"{size} {unit} or more."
    )


def adjusted_for(ctx: ReportContext) -> str:
    """Return what the weights take into account, in words, from the plan's margins."""
    columns = dict.fromkeys(c for m in ctx.plan.population.margins for c in m.split("_"))
    words = []
    for name in columns:
        derived = ctx.plan.derive.get(name)
        try:
            label = derived.label if derived is not None else ctx.plan.label_of(name)
        except (KeyError, ValueError, AttributeError):
            label = name.rstrip("0123456789")
        words.append(label[:1].lower() + label[1:])
    return phrases.listed([fixed(w) for w in dict.fromkeys(words)])


def _with_mde(rows: Rows, ctx: ReportContext) -> CheckedRow | None:
    outcome = ctx.plan.outcomes.primary
    tried = [rows.get("change", outcome, ctx.focus, ctx.wave), rows.get("attend", outcome, "all", ctx.wave)]
    tried += [r for r in rows.all() if r.kind == "estimate"]
    return next(
        (r for r in tried if r is not None and r.kind == "estimate" and r.shown and getattr(r, "mde", None)), None
    )


def how_sure(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return the six bullets of section 13: what failed first, then what would move the answer most."""
    failed = [g for g in ctx.gates if not g.passed]
    said, police = [], fixed(ctx.words.institution)
    if failed:
        names = phrases.listed([_gate_words(g) for g in failed[:3]])
        said.append(f"Not all conditions set in advance were met: {names}.")
    main = rows.get("change", ctx.plan.outcomes.primary, ctx.focus, ctx.wave)
    if main is not None and main.kind == "estimate" and main.shown and main.same_sign_share is not None:
        share = cite(main, f"{main.same_sign_share * 100:.0f}")
        said.append(f"Of all the ways of analysing that we tried, {share} per cent agree in direction.")
    said += [
        "People chose to attend. Those who came may have felt differently beforehand.",
        f"People chose to answer. Those who declined may trust {police} less, so shares may be overstated.",
        f"Answers given near staff of {police} may be warmer than answers given alone.",
        "People who had not attended may have heard of the events, which would make any difference look smaller.",
        "Other things may have changed over the same period, for everybody.",
    ]
    return said[:6]


def _gate_words(gate: Gate) -> str:
    known = phrases.FAILED_CONDITIONS.get(gate.id.rsplit(".", 1)[-1])
    return known or fixed(f"not so: {gate.note.rstrip('.') or gate.id.replace('_', ' ').replace('.', ' ')}")


def next_wave(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return the sentences of section 14: how many people would be needed, and what would change this report's mind."""
    target = cite.plan(f"{ctx.plan.power.target_points:.0f}")
    sizes = {name: rows.get("next", name, "all", ctx.wave) for name in ("group", "attendees", "others", "sessions")}
    known = {k: r for k, r in sizes.items() if r is not None and r.shown and r.value is not None}
    said = []
    if "group" in known:
        who, row = group_words(ctx, ctx.focus), known["group"]
        said.append(
            f"About {cite(row, row.text)} {who} in each survey would be needed to see a change of {target} points."
        )
        said += _when_clear(rows, ctx, row, target)
    if "attendees" in known and "others" in known:
        a, b = known["attendees"], known["others"]
        said.append(
            f"To see a difference of {target} points between {fixed(ctx.words.treated)} and "
            f"{fixed(ctx.words.untreated)}: about {cite(a, a.text)} and {cite(b, b.text)}."
        )
    if "sessions" in known:
        row = known["sessions"]
        said.append(
            f"They should be reached in at least {cite(row, row.text)} separate sessions in each group compared."
        )
    if not said:
        said.append(f"The next survey should be large enough to detect a difference of {target} percentage points.")
    said.append("More answers, another survey, or the inputs named as absent here would change what can be said.")
    return said


def _when_clear(rows: Rows, ctx: ReportContext, needed: CheckedRow, target: str) -> list[str]:
    """Return at which size, and so from which survey on, a change of the target size would be seen."""
    now = rows.get("level", ctx.plan.outcomes.primary, ctx.focus, ctx.wave)
    if now is None or not now.shown or not now.n:
        return []
    year, size = cite.plan(ctx.when(ctx.wave)), cite(now, now.n_text)
    if now.n >= phrases.known(needed.value):
        return [f"The survey of {year}, with {size}, reached that size; one more of this size gives a clear answer."]
    return [
        f"With {size}, as in {year}, a change of {target} points could easily go unseen.",
        f"A clear answer is to be had from the first pair of surveys that reach {cite(needed, needed.text)} each; "
        "none of that size has a date yet.",
    ]
