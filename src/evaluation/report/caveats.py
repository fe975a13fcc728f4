"""Caveats, certainty and the sample sizes of the next wave: sections 2, 13 and 14 of the policy report."""

from __future__ import annotations

from evaluation.analysis import declared_inputs
from evaluation.disclosure import CheckedRow
from evaluation.report import phrases
from evaluation.report.context import ReportContext
from evaluation.report.page_parts import PageInputs
from evaluation.report.phrases import cite
from evaluation.report.programme_text import action_sentences
from evaluation.report.sentences import Rows, fixed, group_words, in_brief, level_words, main_row, since
from evaluation.results import Gate
from evaluation.verdict import LABELS, TOO_UNCERTAIN, UNCERTAIN, WITHOUT_NUMBER

NEARLY_ALL = 99.5  # per cent of those who answered now


def can_say(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return sentences that may be said as they stand, each with its numbers and its verdict."""
    said = [level_words(rows, ctx, ctx.wave)]
    for line in in_brief(rows, ctx):
        if line.verdict not in WITHOUT_NUMBER:
            word = LABELS.get(line.verdict, line.verdict)
            said.append(f"{line.sentences[0]} {_as_verdict(word)}" if word else line.sentences[0])
    said += action_sentences(rows, ctx)[:1]
    return [x for x in said if x] or ["Who was asked, and what was asked: no answer can be reported yet."]


def _as_verdict(word: str) -> str:
    return f"Verdict: {word[:1].lower()}{word[1:]}."


def cannot_say(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return what may not be said, always with self-selection, different respondents and what could be detected."""
    held = declared_inputs.of(ctx.plan)
    asked = [w for w in ctx.waves if not w.attendance_asked] if declared_inputs.TREATMENT in held else []
    said = []
    if declared_inputs.TREATMENT in held:
        said.append(
            f"That {ctx.words.programme} is the reason for any difference. {_before(ctx)} "
            "This comparison cannot rule that out."
        )
    said += [*_changed_minds(rows, ctx), *detectable(rows, ctx)]
    if asked:
        years = phrases.listed([cite.plan(w.year()) for w in asked])
        whose = ctx.own("How attendees answered before.")
        said.append(f"{whose} The survey of {years} did not ask {ctx.words.attended_question}.")
    if ctx.plan.programme.registers:
        said.append("That activity is a result. Counts of events and actions count activity.")
    return said


def _before(ctx: ReportContext) -> str:
    """Return that the groups may have differed beforehand, in the words of attending where events are recorded."""
    if ctx.plan.treatment.register_name:
        return "People who attended may have differed before they came."
    return f"{phrases.upper_first(fixed(ctx.words.treated))} may have differed from others beforehand."


MOSTLY = 95.0  # per cent of people who answered twice, above which a change is one of the same people


def _changed_minds(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return that a change between surveys is no change of minds, where different people answered."""
    again = rows.get("base", "again", "all", since(rows, ctx, ctx.plan.outcomes.primary))
    same = again is not None and again.shown and (again.value or 0.0) > MOSTLY
    if not ctx.before or main_row(rows, ctx) is None or same:
        return []
    adjusted = adjusted_for(ctx)
    weighed = f" We adjusted for {adjusted}; other differences may remain." if adjusted else ""
    if _same_people(rows, ctx):
        return [f"That everybody moved alike. {other_people(rows, ctx)} An average change hides who moved.{weighed}"]
    return [f"That people changed their minds. {other_people(rows, ctx)}{weighed}"]


def _same_people(rows: Rows, ctx: ReportContext) -> bool:
    """Return whether everybody who answered now had answered the survey that the change starts from."""
    again = rows.get("base", "again", "all", since(rows, ctx, ctx.plan.outcomes.primary))
    return again is not None and again.shown and again.value is not None and again.value > NEARLY_ALL


def other_people(rows: Rows, ctx: ReportContext) -> str:
    """Return how many of those who answered now had answered the survey that the change starts from, where known."""
    first = since(rows, ctx, ctx.plan.outcomes.primary)
    again, year, now = (
        rows.get("base", "again", "all", first),
        cite.plan(ctx.when(first)),
        cite.plan(ctx.when(ctx.wave)),
    )
    if again is None or not again.shown or again.value is None:
        return f"How many of those who answered in {now} had answered in {year} is not known."
    if not again.value:
        return f"Nobody is known to have answered both in {year} and in {now}; read them as different people."
    share = f"{cite(again, again.text)} of {cite(again, again.n_text)} people who answered in {now}"
    others = "" if _same_people(rows, ctx) else "; the others are different people"
    return f"{share} had answered in {year} too{others}."


def detectable(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return which contrasts that showed nothing could have missed how much; nothing where none did."""
    said = []
    for row, what in _missable(rows, ctx):
        size = cite(row, phrases.number(phrases.known(row.mde), row.unit or ""))
        unit = "points" if phrases.is_share(row.unit or "") else "of a scale point"
        said.append(f"{phrases.upper_first(what)} under {size} {unit} could stay unseen.")
    word = LABELS[TOO_UNCERTAIN].lower()
    return [" ".join([f"That nothing happened where the verdict is “{word}”.", *said])] if said else []


def _missable(rows: Rows, ctx: ReportContext) -> list[tuple[CheckedRow, str]]:
    """Return the main contrasts whose verdict is uncertain, each with the words of its comparison."""
    outcome = ctx.plan.outcomes.primary
    who = group_words(ctx, ctx.focus)
    tried = [
        (rows.get("change", outcome, ctx.focus, ctx.wave), f"a change among {who}"),
        (rows.get("gap", outcome, ctx.focus, ctx.wave), f"a gap to {group_words(ctx, ctx.comparison)}"),
        (rows.get("attend", outcome, "all", ctx.wave), f"a gap between {fixed(ctx.words.treated)} and others"),
    ]
    return [
        (r, what) for r, what in tried if r is not None and r.shown and r.mde is not None and r.verdict in UNCERTAIN
    ]


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


# ---- what decides how far to believe page one ---------------------------------------------------------------------


def decisive(inputs: PageInputs) -> list[str]:
    """Return the caveats that decide what may be believed, with figures: who answered, near whom, who did not."""
    rows, ctx = inputs.rows, inputs.ctx
    said = [other_people(rows, ctx)] if ctx.before and main_row(rows, ctx) is not None else []
    return [x for x in (*said, near_the_police(rows, ctx), not_reached(inputs)) if x]


def near_the_police(rows: Rows, ctx: ReportContext) -> str:
    """Return the share of answers given to or near an officer, by group and survey; "" where it was never recorded."""
    said, unknown = [], []
    for wave in ctx.waves:
        groups = [(g, rows.get("collection", "officer", g, wave.id)) for g in (ctx.focus, ctx.comparison) if g]
        known = [(g, r) for g, r in groups if r is not None]
        if not any(r.shown for _, r in known):
            whole = rows.get("collection", "officer", "all", wave.id)
            known = [("all", whole)] if whole is not None and whole.shown else []
        if not known:
            unknown.append(cite.plan(ctx.when(wave.id)))
            continue
        told = [f"{_of_base(r)} {group_words(ctx, g)}" for g, r in known]
        said.append(f"In {cite.plan(ctx.when(wave.id))}: {', '.join(told)}.")
    if not said:
        return ""
    rest = [f"In {phrases.listed(unknown)} this was not recorded."] if unknown else []
    return " ".join(["Some answers were given to or near a police officer, and may be warmer.", *said, *rest])


def _of_base(row: CheckedRow) -> str:
    """Return a share with the people it is of; where it may not be shown, in which words."""
    return f"{cite(row, row.text)} of {cite(row, row.n_text)}" if row.shown else f"{cite(row, row.text)} for"


def not_reached(inputs: PageInputs) -> str:
    """Return whom the figures speak for, how many of those asked answered, and which residents are under-counted."""
    rows, ctx = inputs.rows, inputs.ctx
    rate = rows.get("response", "all", ctx.wave)
    drawn = ctx.plan.population.sample in ("probability", "census")
    said = [] if drawn else ["Nobody was drawn at random: these figures speak for people like those who answered."]
    if rate is not None and rate.kind != "words" and rate.shown:
        said.append(f"{cite(rate, rate.text)} of {cite(rate, rate.n_text)} people asked answered.")
    elif rate is not None:
        said.append("How many people were asked was not written down, so nobody knows how many declined.")
    missed = _most_missed(inputs)
    return " ".join([*said, *([missed] if missed else [])])


def _most_missed(inputs: PageInputs) -> str:
    """Return the part of the population that falls furthest short among those who answered; "" where none does."""
    exhibit = next((e for e in inputs.checked.exhibits if e.id == "weights.margins"), None)
    if exhibit is None:
        return ""
    short: list[tuple[float, str, CheckedRow, CheckedRow]] = []
    for label in exhibit.rows:
        cells = {x.id.rpartition(".")[2]: x for (r, _), x in exhibit.cells.items() if r == label}
        here, there = cells.get("answered"), cells.get("census")
        if here and there and here.value is not None and there.value is not None:
            short.append((there.value - here.value, label, here, there))
    if not short or max(short)[0] < 1:
        return ""
    _, label, here, there = max(short)
    return (
        f"“{fixed(label)}” are {cite(there, there.text)} of residents and {_of_base(here)} who answered. Weights "
        "mend that, not who declined."
    )


def next_survey(inputs: PageInputs) -> list[str]:
    """Return what surveys of this size and of twice it can show, by which routes people came, and when."""
    rows, ctx = inputs.rows, inputs.ctx
    seen, twice = (rows.get("next", k, "all", ctx.wave) for k in ("seen", "twice"))
    now = rows.get("level", ctx.plan.outcomes.primary, ctx.focus, ctx.wave)
    if seen is None or twice is None or now is None or not (seen.shown and twice.shown and now.shown):
        return []
    chance = cite.plan(f"{10 * ctx.plan.power.power:.0f} times in 10")
    who, when, routes = group_words(ctx, ctx.focus), ctx.plan.power.next_survey, _routes(inputs)
    said = [
        f"With {cite(now, now.n_text)} {who} in each survey, a change of {cite(seen, seen.text)} points is "
        f"seen {chance}. "
        f"With twice as many, one of {cite(twice, twice.text)} points is.",
        f"The next survey is planned for {fixed(when)}." if when else "No date is set for the next survey.",
    ]
    if routes:
        said[1] += f" The routes that reached most people were {phrases.listed(routes)}."
    return said


def _routes(inputs: PageInputs) -> list[str]:
    """Return the routes by which most people of the general sample were reached, with their people, most first."""
    pop, wave = inputs.ctx.plan.population, inputs.ctx.wave.lower()
    start, lists = f"n.{pop.boost_column}.", set(pop.boost_sources)
    found = []
    cells = (pair for e in inputs.checked.exhibits for pair in e.cells.items())
    for (label, _), row in cells:
        parts = row.id.split(".")
        named = pop.boost_column and row.id.startswith(start) and parts[-1] == wave and parts[2] not in lists
        if named and row.shown and row.value:
            found.append((row.value, label.rpartition(": ")[2], row))
    most = sorted(found, key=lambda x: -x[0])[:2]
    return [f"“{fixed(label)}” ({cite(row, row.text)})" for _, label, row in most]


# ---- sections 13 and 14 -------------------------------------------------------------------------------------------


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
    held = declared_inputs.of(ctx.plan)
    events, named = bool(ctx.plan.treatment.register_name), "institution" in ctx.words.model_fields_set
    if declared_inputs.TREATMENT in held:
        said.append(
            "People chose to attend. Those who came may have felt differently beforehand."
            if events
            else f"{phrases.upper_first(fixed(ctx.words.treated))} may have felt differently beforehand."
        )
    if ctx.plan.population.sample != "census":
        said.append(
            f"People chose to answer. Those who declined may trust {police} less, so shares may be overstated."
            if named
            else "People chose to answer. Those who declined may think otherwise."
        )
    if ctx.plan.treatment.route_columns:
        said.append(f"Answers given near staff of {police} may be warmer than answers given alone.")
    if events:
        said.append(
            "People who had not attended may have heard of the events, which would make any difference look smaller."
        )
    if declared_inputs.BEFORE in held:
        said.append("Other things may have changed over the same period, for everybody.")
    return said[:6]


def _gate_words(gate: Gate) -> str:
    known = phrases.FAILED_CONDITIONS.get(gate.id.rsplit(".", 1)[-1])
    return known or fixed(f"“{gate.note.rstrip('.') or gate.id.replace('_', ' ').replace('.', ' ')}”")


def next_wave(inputs: PageInputs) -> list[str]:
    """Return the sentences of section 14: what this size shows, how many are needed, what would change its mind."""
    rows, ctx = inputs.rows, inputs.ctx
    target = cite.plan(f"{ctx.plan.power.target_points:.0f}")
    sizes = {name: rows.get("next", name, "all", ctx.wave) for name in ("group", "attendees", "others", "sessions")}
    known = {k: r for k, r in sizes.items() if r is not None and r.shown and r.value is not None}
    said = next_survey(inputs)
    if "group" in known:
        who, row = group_words(ctx, ctx.focus), known["group"]
        said.append(
            f"A change of {target} points would take about {cite(row, row.text)} {who} in each survey. "
            "Surveys that are joined count as one larger one."
        )
    if "attendees" in known and "others" in known:
        a, b = known["attendees"], known["others"]
        said.append(
            f"A difference of {target} points between {fixed(ctx.words.treated)} and "
            f"{fixed(ctx.words.untreated)} would take about {cite(a, a.text)} and {cite(b, b.text)}."
        )
    if "sessions" in known:
        row = known["sessions"]
        units = ctx.own("sessions")
        said.append(
            f"They should be reached in at least {cite(row, row.text)} separate {units} in each group compared."
        )
    if not said and "shares" in declared_inputs.of(ctx.plan):
        said.append(f"The next survey should be large enough to detect a difference of {target} percentage points.")
    said.append(
        "More answers, another survey, or registers that are missing here would change what can be said."
        if ctx.plan.programme.registers
        else "More answers or another survey would change what can be said."
    )
    return said
