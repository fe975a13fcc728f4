"""The sentences of the reports, composed from checked rows: nothing here is typed by hand for one study or wave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evaluation import verdict as rule
from evaluation.disclosure import CheckedResults, CheckedRow
from evaluation.report import phrases
from evaluation.report.context import ReportContext
from evaluation.report.phrases import Subject, cite, ids, plain


@dataclass(frozen=True, slots=True)
class Line:
    """One paragraph: a verdict word (or none) and its sentences, numbers marked with their result ids."""

    sentences: tuple[str, ...]
    verdict: str = ""

    def marked(self) -> str:
        """Return the paragraph as one text, its numbers still marked."""
        lead = f"{rule.LABELS.get(self.verdict, self.verdict)}. " if self.verdict else ""
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

    def get(self, *parts: str) -> CheckedRow | None:
        """Return the row `<contrast>.<outcome>.<group>.<wave>`, or None."""
        return self._rows.get(".".join(p.lower() for p in parts))

    def starting(self, start: str) -> Iterator[CheckedRow]:
        """Yield the rows whose id starts so, in order of publication."""
        return (x for key, x in self._rows.items() if key.startswith(start))

    def all(self) -> list[CheckedRow]:
        """Return every row."""
        return list(self._rows.values())


def fixed(text: str) -> str:
    """Return words of the plan, marked as fixed where they hold a number ("people aged 16 to 24")."""
    return cite.plan(text) if any(ch.isdigit() for ch in text) else text


def group_words(ctx: ReportContext, code: str) -> str:
    """Return a group in the plan's words, marked as fixed where they hold a number."""
    return fixed(ctx.group_words(code))


def _short(ctx: ReportContext, outcome: str) -> str:
    return fixed(ctx.short(outcome))


def in_brief(rows: Rows, ctx: ReportContext) -> list[Line]:
    """Return the lines of section 1: the focus group's level now and then, the change, the gap, attendees, actions."""
    lines = [_levels(rows, ctx)]
    for line in (primary(rows, ctx), gap(rows, ctx), attendee_contrast(rows, ctx), actions(rows)):
        if line is not None:
            lines.append(line)
    return [x for x in lines if x.sentences]


def _levels(rows: Rows, ctx: ReportContext) -> Line:
    outcome, said = ctx.plan.outcomes.primary, []
    now = rows.get("level", outcome, ctx.focus, ctx.wave)
    if now is None:
        return Line(())
    who, short, year = group_words(ctx, ctx.focus), _short(ctx, outcome), cite.plan(ctx.when(ctx.wave))
    if not now.shown:
        return Line((f"In {year}, too few {who} answered to report {short} safely.",))
    said.append(f"In {year}, {_tenth(now)} {who} gave a positive answer on {short}.")
    said.append(f"That is {_share(now)} of {_people(now)}.")
    then = next((r for w in ctx.before if (r := rows.get("level", outcome, ctx.focus, w.id)) and r.shown), None)
    if then is not None:
        said.append(f"In {cite.plan(ctx.when(then.wave))}, {_tenth(then)} did: {_share(then)} of {_people(then)}.")
    other = rows.get("level", outcome, ctx.comparison, ctx.wave) if ctx.comparison else None
    if other is not None and other.shown:
        them = group_words(ctx, ctx.comparison)
        said.append(f"Of {them}, {_tenth(other)} did in {year}: {_share(other)} of {_people(other)}.")
    return Line(tuple(said))


def _tenth(row: CheckedRow) -> str:
    """Return a share in tens; at the ends of the scale, where no value is given, as it is printed."""
    return cite(row, phrases.in_ten(row.value) if row.value is not None else row.text)


def _share(row: CheckedRow) -> str:
    text = row.text.split(" (")[0]
    return cite(row, text)


def _people(row: CheckedRow) -> str:
    return cite(row, row.n_text or "an unstated number") + ("" if "people" in (row.n_text or "") else " people")


def primary(rows: Rows, ctx: ReportContext) -> Line | None:
    """Return the primary sentence: the change in the primary outcome among the focus group, with its verdict."""
    outcome = ctx.plan.outcomes.primary
    row = next((r for g in (ctx.focus, "all") if (r := rows.get("change", outcome, g, ctx.wave))), None)
    if row is None:
        return None
    first = cite.plan(ctx.when(ctx.waves[0].id) if ctx.waves else "the first survey")
    subject = Subject(
        _short(ctx, outcome),
        f"among {group_words(ctx, row.group or ctx.focus)}",
        f"than in {first}",
        "change",
        since=f"since {first}",
    )
    line = verdict_line(row, subject, ctx)
    return Line((*line.sentences, *_share_alone(rows, row)), line.verdict)


def _share_alone(rows: Rows, row: CheckedRow) -> list[str]:
    """Return what to say where the share moved and the average answer, which was planned, did not show it."""
    share = rows.get("changeshare", *row.id.split(".")[1:4])
    if share is None or share.low is None or share.high is None:
        return []
    low, high = share.low, share.high
    if row.verdict not in rule.UNCERTAIN or low <= 0 <= high:
        return []
    first, last = (abs(high), abs(low)) if high <= 0 else (low, high)
    side = "rose" if low > 0 else "fell"
    unit = share.unit or ""
    moved = " and ".join(cite(share, x) for x in phrases.alike((first, last), unit))
    return [
        f"The share of positive answers alone {side} by between {moved} points.",
        "The test set in advance uses the average of all answers.",
    ]


def gap(rows: Rows, ctx: ReportContext) -> Line | None:
    """Return the sentence on the gap between the focus and the comparison group in the report's wave."""
    outcome = ctx.plan.outcomes.primary
    found = list(rows.starting(f"gap.{outcome}.".lower()))
    row = next((r for r in found if r.id.split(".")[3:4] == [ctx.wave.lower()]), None)
    if row is None or not ctx.comparison:
        return None
    than = f"than among {group_words(ctx, ctx.comparison)}"
    pair = f"between {group_words(ctx, ctx.focus)} and {group_words(ctx, ctx.comparison)}"
    return verdict_line(
        row, Subject(_short(ctx, outcome), f"among {group_words(ctx, ctx.focus)}", than, pair=pair), ctx
    )


def attendee_contrast(rows: Rows, ctx: ReportContext) -> Line | None:
    """Return the sentence of the planned comparison of people who attended with people who did not."""
    outcome = ctx.plan.outcomes.primary
    row = rows.get("attend", outcome, "all", ctx.wave)
    if row is None:
        return None
    who, than = f"among {fixed(ctx.words.treated)}", f"than among {fixed(ctx.words.untreated)} but were otherwise alike"
    pair = f"between {fixed(ctx.words.treated)} and {fixed(ctx.words.untreated)}"
    more = _would_remove(rows, row, ctx)
    return verdict_line(row, Subject(_short(ctx, outcome), who, than, pair=pair, more=more), ctx)


def _would_remove(rows: Rows, row: CheckedRow, ctx: ReportContext) -> str:
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


def verdict_line(row: CheckedRow, subject: Subject, ctx: ReportContext) -> Line:
    """Return a contrast's line: verdict word, finding, how sure; the same pattern whatever the sign."""
    pre = len(ctx.plan.exposure.pre_waves) if ctx.plan.exposure is not None else 1
    verdict = row.verdict or (rule.NOT_ANSWERABLE if row.kind == "not_identified" else "")
    if row.kind == "too_few" or (not row.shown and row.kind != "not_identified"):
        verdict = rule.TOO_FEW
    if not verdict and row.kind == "estimate":
        return Line(tuple(_without_verdict(row, subject)))
    return Line(tuple(phrases.finding(row, subject, cite, pre_waves=pre)), verdict)


def _without_verdict(row: CheckedRow, s: Subject) -> list[str]:
    known = [x for x in (row.value, row.low, row.high) if x is not None]
    shown = [
        ("minus " if x < 0 else "") + cite(row, text)
        for x, text in zip(known, phrases.alike(known, row.unit or ""), strict=True)
    ]
    between = f" (between {shown[1]} and {shown[2]})" if len(shown) == 3 else ""
    about = f"{s.what} {s.who}".strip()
    return [f"The {s.noun} in {about} was {shown[0]} {phrases.unit_words(row.unit or '')}{between}."]


def designs(rows: Rows, ctx: ReportContext) -> list[Line]:
    """Return one line for each planned design: its finding, or why it could not run."""
    out = []
    for name, design in ctx.plan.designs.items():
        row = next((r for r in rows.starting(f"{name.lower()}.") if r.id.split(".")[1] == design.outcome.lower()), None)
        if row is None:
            continue
        subject = Subject(
            f"the change in {_short(ctx, design.outcome)}",
            "",
            "than in the group it is compared with",
            "difference",
            "between the groups compared",
        )
        line = verdict_line(row, subject, ctx)
        said = [x for x in line.sentences if plain(x) != (row.question or "")]
        title = f"“{fixed(design.title)}”: "
        out.append(Line((f"{title}{said[0][:1].lower()}{said[0][1:]}", *said[1:]), line.verdict))
    return out


def board_paragraph(rows: Rows, ctx: ReportContext) -> str:
    """Return a paragraph that a board paper can quote as it stands: the brief, the caution, the status."""
    levels, wanted = _levels(rows, ctx), (primary(rows, ctx), attendee_contrast(rows, ctx))
    lines = [" ".join(levels.sentences), *(_aloud(x) for x in wanted if x is not None)]
    stamp = "These figures are synthetic and describe nobody. " if ctx.synthetic else ""
    status = "" if ctx.checked else f" This is a draft: {ctx.words.checking_group} has not checked it yet."
    caution = "Different people answered in each survey, so this does not show what made answers differ."
    return f"{stamp}{' '.join(x for x in lines if x)} {caution}{status}".strip()


def _aloud(line: Line) -> str:
    """Return a line with its verdict named after the finding, as a person would say it."""
    if not line.verdict or line.verdict == rule.NOT_ANSWERABLE:
        return " ".join(line.sentences)
    word = rule.LABELS.get(line.verdict, line.verdict)
    return f"{' '.join(line.sentences)} The verdict on this is “{word[:1].lower()}{word[1:]}”."
