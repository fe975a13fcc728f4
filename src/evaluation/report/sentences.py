"""The sentences of the reports, composed from checked rows: nothing here is typed by hand for one study or wave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evaluation.disclosure import CheckedResults

from . import phrases
from .cite import cite, ids, plain
from .context import ReportContext
from .phrases import Subject


@dataclass(frozen=True, slots=True)
class Line:
    """One paragraph: a verdict word (or none) and its sentences, numbers marked with their result ids."""

    sentences: tuple[str, ...]
    verdict: str = ""

    def marked(self) -> str:
        """Return the paragraph as one text, its numbers still marked."""
        lead = f"{phrases.VERDICT_WORDS.get(self.verdict, self.verdict)}. " if self.verdict else ""
        return lead + " ".join(self.sentences)

    def text(self) -> str:
        """Return the paragraph as plain words."""
        return plain(self.marked())

    def ids(self) -> list[str]:
        """Return the result ids that the paragraph cites."""
        return [i for s in self.sentences for i in ids(s)]


class Rows:
    """The checked rows of a run, found by id or by the parts of an id; a row that is not there is None."""

    def __init__(self, checked: CheckedResults) -> None:
        if not isinstance(checked, CheckedResults):
            raise TypeError(f"sentences are made from what disclosure.protect made, not {type(checked).__name__}")
        self._rows = {x.id: x for e in checked.exhibits for x in e.cells.values()}

    def get(self, *parts: str) -> Any | None:
        """Return the row `<contrast>.<outcome>.<group>.<wave>`, or None."""
        return self._rows.get(".".join(p.lower() for p in parts))

    def starting(self, start: str) -> Iterator[Any]:
        """Yield the rows whose id starts so, in order of publication."""
        return (x for key, x in self._rows.items() if key.startswith(start))

    def all(self) -> list[Any]:
        """Return every row."""
        return list(self._rows.values())


def fixed(text: str) -> str:
    """Return words of the plan, marked as fixed where they hold a number ("people aged 16 to 24")."""
    return cite.plan(text) if any(ch.isdigit() for ch in text) else text


def _group(ctx: ReportContext, code: str) -> str:
    return fixed(ctx.group_words(code))


def _short(ctx: ReportContext, outcome: str) -> str:
    return fixed(ctx.short(outcome))


def in_brief(rows: Rows, ctx: ReportContext) -> list[Line]:
    """Return the lines of section 1: the focus group's level now and then, the change, the gap, attendees, actions."""
    lines = [_levels(rows, ctx)]
    for line in (primary(rows, ctx), gap(rows, ctx), attended(rows, ctx), actions(rows)):
        if line is not None:
            lines.append(line)
    return [x for x in lines if x.sentences]


def _levels(rows: Rows, ctx: ReportContext) -> Line:
    outcome, said = ctx.plan.outcomes.primary, []
    now = rows.get("level", outcome, ctx.focus, ctx.wave)
    if now is None:
        return Line(())
    who, short, year = _group(ctx, ctx.focus), _short(ctx, outcome), cite.plan(ctx.when(ctx.wave))
    if not now.shown:
        return Line((f"In {year}, too few {who} answered to report {short} safely.",))
    said.append(f"In {year}, {_tenth(now)} {who} gave a positive answer on {short}.")
    said.append(f"That is {_share(now)} of {_people(now)}.")
    then = next((r for w in ctx.before if (r := rows.get("level", outcome, ctx.focus, w.id)) and r.shown), None)
    if then is not None:
        said.append(f"In {cite.plan(ctx.when(then.wave))}, {_tenth(then)} did: {_share(then)} of {_people(then)}.")
    other = rows.get("level", outcome, ctx.comparison, ctx.wave) if ctx.comparison else None
    if other is not None and other.shown:
        said.append(
            f"Of {_group(ctx, ctx.comparison)}, {_tenth(other)} did in {year}: {_share(other)} of {_people(other)}."
        )
    return Line(tuple(said))


def _tenth(row: Any) -> str:
    """Return a share in tens; at the ends of the scale, where no value is given, as it is printed."""
    return cite(row, phrases.in_ten(row.value) if row.value is not None else row.text)


def _share(row: Any) -> str:
    text = row.text.split(" (")[0]
    return cite(row, text)


def _people(row: Any) -> str:
    return cite(row, row.n_text or "an unstated number") + ("" if "people" in (row.n_text or "") else " people")


def primary(rows: Rows, ctx: ReportContext) -> Line | None:
    """Return the primary sentence: the change in the primary outcome among the focus group, with its verdict."""
    outcome = ctx.plan.outcomes.primary
    row = next((r for g in (ctx.focus, "all") if (r := rows.get("change", outcome, g, ctx.wave))), None)
    if row is None:
        return None
    first = cite.plan(ctx.when(ctx.waves[0].id) if ctx.waves else "the first survey")
    subject = Subject(_short(ctx, outcome), f"among {_group(ctx, row.group or ctx.focus)}",
                      f"than in {first}", "change", since=f"since {first}")  # fmt: skip
    line = judged(row, subject, ctx)
    return Line((*line.sentences, *_share_alone(rows, row)), line.verdict)


def _share_alone(rows: Rows, row: Any) -> list[str]:
    """Return what to say where the share moved and the average answer, which was planned, did not show it."""
    share = rows.get("changeshare", *row.id.split(".")[1:4])
    ends = (getattr(share, "low", None), getattr(share, "high", None))
    if row.verdict != "too uncertain to say" or None in ends or ends[0] <= 0 <= ends[1]:
        return []
    first, last = (abs(ends[1]), abs(ends[0])) if ends[1] <= 0 else ends
    side = "rose" if ends[0] > 0 else "fell"
    unit = share.unit or ""
    moved = f"{cite(share, phrases.number(first, unit))} and {cite(share, phrases.number(last, unit))}"
    return [f"The share of positive answers alone {side} by between {moved} points.",
            "The test set in advance uses the average of all answers."]  # fmt: skip


def gap(rows: Rows, ctx: ReportContext) -> Line | None:
    """Return the sentence on the gap between the focus and the comparison group in the report's wave."""
    outcome = ctx.plan.outcomes.primary
    found = list(rows.starting(f"gap.{outcome}.".lower()))
    row = next((r for r in found if r.id.split(".")[3:4] == [ctx.wave.lower()]), None)
    if row is None or not ctx.comparison:
        return None
    than = f"than among {_group(ctx, ctx.comparison)}"
    pair = f"between {_group(ctx, ctx.focus)} and {_group(ctx, ctx.comparison)}"
    return judged(row, Subject(_short(ctx, outcome), f"among {_group(ctx, ctx.focus)}", than, pair=pair), ctx)


def attended(rows: Rows, ctx: ReportContext) -> Line | None:
    """Return the sentence of the planned comparison of people who attended with people who did not."""
    outcome = ctx.plan.outcomes.primary
    row = rows.get("attend", outcome, "all", ctx.wave)
    if row is None:
        return None
    who, than = f"among {fixed(ctx.words.treated)}", f"than among {fixed(ctx.words.untreated)} but were otherwise alike"
    pair = f"between {fixed(ctx.words.treated)} and {fixed(ctx.words.untreated)}"
    more = _would_remove(rows, row, ctx)
    return judged(row, Subject(_short(ctx, outcome), who, than, pair=pair, more=more), ctx)


def _would_remove(rows: Rows, row: Any, ctx: ReportContext) -> str:
    """Return the clause that says how large a difference beforehand would remove the one found; "" if unknown."""
    gap = rows.get("breakeven", row.outcome or ctx.plan.outcomes.primary, "all", ctx.wave)
    if gap is None or not gap.shown or gap.value is None:
        return ""
    return f"; a gap of {cite(gap, phrases.number(gap.value, gap.unit or ''))} before they came would remove it"


def actions(rows: Rows) -> Line | None:
    """Return the sentence on what happened to what people asked for, from the counts by status."""
    counts = [r for r in rows.starting("actions.status.") if r.kind == "count" and r.shown]
    if not counts:
        return None
    said = []
    for row in counts[:4]:
        status = row.id.split(".")[2].replace("_", " ").replace("-", " ")
        said.append(f"{cite(row, row.text)} {status}")
    return Line((f"Actions on what people asked for: {phrases.listed(said)}.",))


def judged(row: Any, subject: Subject, ctx: ReportContext) -> Line:
    """Return a contrast's line: verdict word, finding, how sure; the same pattern whatever the sign."""
    pre = len(ctx.plan.exposure.pre_waves) if ctx.plan.exposure is not None else 1
    verdict = row.verdict or ("not answerable" if row.kind == "not_identified" else "")
    if row.kind == "too_few" or (not row.shown and row.kind != "not_identified"):
        verdict = "too few to report"
    if not verdict and row.kind == "estimate":
        return Line(tuple(_without_verdict(row, subject)))
    return Line(tuple(phrases.finding(row, subject, cite, pre_waves=pre)), verdict)


def _without_verdict(row: Any, s: Subject) -> list[str]:
    ends = (
        f"{phrases.number(row.low, row.unit)} and {phrases.number(row.high, row.unit)}" if row.low is not None else ""
    )
    between = f" (between {_signed(row, row.low)} and {_signed(row, row.high)})" if ends else ""
    about = f"{s.what} {s.who}".strip()
    return [f"The {s.noun} in {about} was {_signed(row, row.value)} {phrases.unit_words(row.unit or '')}{between}."]


def _signed(row: Any, value: float) -> str:
    sign = "minus " if value < 0 else ""
    return sign + cite(row, phrases.number(value, row.unit or ""))


def designs(rows: Rows, ctx: ReportContext) -> list[Line]:
    """Return one line for each planned design: its finding, or why it could not run."""
    out = []
    for name, design in ctx.plan.designs.items():
        row = next((r for r in rows.starting(f"{name.lower()}.") if r.id.split(".")[1] == design.outcome.lower()), None)
        if row is None:
            continue
        subject = Subject(f"the change in {_short(ctx, design.outcome)}", "", "than in the group it is compared with",
                          "difference", "between the groups compared")  # fmt: skip
        line = judged(row, subject, ctx)
        said = [x for x in line.sentences if plain(x) != (row.question or "")]
        title = f"“{fixed(design.title)}”: "
        out.append(Line((f"{title}{said[0][:1].lower()}{said[0][1:]}", *said[1:]), line.verdict))
    return out


def can_say(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return what the results permit saying, from their licences and verdicts."""
    said = ["What the people who answered told us, group by group, with how sure we are."]
    judged_rows = [r for r in rows.all() if r.kind == "estimate" and r.verdict and r.planned]
    silent = ("not answerable", "too few to report")
    licences = {r.licence for r in judged_rows if r.verdict not in silent}
    attending = rows.get("attend", ctx.plan.outcomes.primary, "all", ctx.wave)
    unsure = (*silent, "too uncertain to say")
    told_apart = any(r.licence == "effect" and r.verdict not in unsure for r in judged_rows)
    if attending is not None and attending.shown and (attending.verdict or silent[0]) not in silent:
        said.append(f"How far {ctx.words.treated} and {ctx.words.untreated} gave different answers.")
    if "descriptive" in licences or rows.get("change", ctx.plan.outcomes.primary, ctx.focus, ctx.wave) is not None:
        said.append("How far answers differ between one survey and the next.")
    if told_apart:
        said.append("Whether answers moved differently where events were held.")
    return said


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
    size = cite(row, phrases.number(row.mde, row.unit or ""))
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


def _with_mde(rows: Rows, ctx: ReportContext) -> Any | None:
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
    if (
        main is not None
        and main.kind == "estimate"
        and main.shown
        and getattr(main, "same_sign_share", None) is not None
    ):
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


def _gate_words(gate: Any) -> str:
    known = phrases.UNMET.get(gate.id.rsplit(".", 1)[-1])
    return known or fixed(f"not so: {gate.note.rstrip('.') or gate.id.replace('_', ' ').replace('.', ' ')}")


def next_wave(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return the sentences of section 14: how many people would be needed, and what would change this report's mind."""
    target = cite.plan(f"{ctx.plan.power.target_points:.0f}")
    sizes = {name: rows.get("next", name, "all", ctx.wave) for name in ("group", "attendees", "others", "sessions")}
    known = {k: r for k, r in sizes.items() if r is not None and r.shown and r.value is not None}
    said = []
    if "group" in known:
        who, row = _group(ctx, ctx.focus), known["group"]
        said.append(
            f"About {cite(row, row.text)} {who} in each survey would be needed to see a change of {target} points."
        )
    if "attendees" in known and "others" in known:
        a, b = known["attendees"], known["others"]
        said.append(f"To see a difference of {target} points between {fixed(ctx.words.treated)} and "
                    f"{fixed(ctx.words.untreated)}: about {cite(a, a.text)} and {cite(b, b.text)}.")  # fmt: skip
    if "sessions" in known:
        row = known["sessions"]
        said.append(
            f"They should be reached in at least {cite(row, row.text)} separate sessions in each group compared."
        )
    if not said:
        said.append(f"The next survey should be large enough to detect a difference of {target} percentage points.")
    said.append("More answers, another survey, or the inputs named as absent here would change what can be said.")
    return said


def board_paragraph(rows: Rows, ctx: ReportContext) -> str:
    """Return a paragraph that a board paper can quote as it stands: the brief, the caution, the status."""
    levels, wanted = _levels(rows, ctx), (primary(rows, ctx), attended(rows, ctx))
    lines = [" ".join(levels.sentences), *(_aloud(x) for x in wanted if x is not None)]
    stamp = "These figures are synthetic and describe nobody. " if ctx.synthetic else ""
    status = "" if ctx.checked else f" This is a draft: {ctx.words.checking_group} has not checked it yet."
    caution = "Different people answered in each survey, so this does not show what made answers differ."
    return f"{stamp}{' '.join(x for x in lines if x)} {caution}{status}".strip()


def _aloud(line: Line) -> str:
    """Return a line with its verdict named after the finding, as a person would say it."""
    if not line.verdict or line.verdict == "not answerable":
        return " ".join(line.sentences)
    word = phrases.VERDICT_WORDS.get(line.verdict, line.verdict)
    return f"{' '.join(line.sentences)} The verdict on this is “{word[:1].lower()}{word[1:]}”."
