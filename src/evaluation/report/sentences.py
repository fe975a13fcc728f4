"""The sentences of the reports, composed from checked rows: nothing here is typed by hand for one study or wave."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
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

    def share_of(self, row: CheckedRow) -> CheckedRow | None:
        """Return the same contrast of the share of positive answers, in percentage points; None where there is none."""
        contrast, _, rest = row.id.partition(".")
        return self._rows.get(f"{contrast}share.{rest}")

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


def short_words(ctx: ReportContext, outcome: str) -> str:
    """Return an outcome in a few words, marked as fixed where they hold a number."""
    return fixed(ctx.short(outcome))


def compared_people(ctx: ReportContext) -> str:
    """Return whom people who attended are compared with, said so: "similar people who had not attended"."""
    return f"similar {fixed(ctx.words.untreated)}"


def since(rows: Rows, ctx: ReportContext, outcome: str) -> str:
    """Return the id of the survey that a change of an outcome starts from."""
    said = rows.get("since", outcome, "all", ctx.wave)
    return said.text if said is not None else ctx.waves[0].id if ctx.waves else ctx.wave


def since_words(rows: Rows, ctx: ReportContext, outcome: str) -> str:
    """Return the year of the survey that a change starts from, marked as fixed."""
    return cite.plan(ctx.when(since(rows, ctx, outcome)))


def main_row(rows: Rows, ctx: ReportContext) -> CheckedRow | None:
    """Return the contrast that answers the report's title: the change in the focus group, else attendance."""
    outcome = ctx.plan.outcomes.primary
    tried = [rows.get("change", outcome, g, ctx.wave) for g in (ctx.focus, "all")]
    return next((r for r in (*tried, rows.get("attend", outcome, "all", ctx.wave)) if r is not None), None)


def level_words(rows: Rows, ctx: ReportContext, wave: str) -> str:
    """Return the focus group's share in a survey and in the one its change starts from, with range and people."""
    outcome = ctx.plan.outcomes.primary
    now = rows.get("level", outcome, ctx.focus, wave)
    if now is None or not now.shown:
        return ""
    then = rows.get("level", outcome, ctx.focus, since(rows, ctx, outcome))
    who, year = group_words(ctx, ctx.focus), cite.plan(ctx.when(wave))
    said = f"In {year}, {_share(now)} of {cite(now, now.n_text)} {who} gave a positive answer"
    said += f" on {short_words(ctx, outcome)}."
    if then is None or not then.shown or then.wave == now.wave:
        return said
    return f"{said} In {cite.plan(ctx.when(then.wave))}, {_share(then)} of {cite(then, then.n_text)} did."


def _share(row: CheckedRow) -> str:
    return cite(row, row.text.split(" (")[0])


def signed(row: CheckedRow, value: float, text: str) -> str:
    """Return a number of a contrast with its direction in words: never a minus sign."""
    if value == 0 or not text.strip("0."):
        return cite(row, text)
    return f"{cite(row, text)} {'lower' if value < 0 else 'higher'}"


SIDES = (rule.HIGHER, rule.LOWER)
Ends = tuple[tuple[float, str], tuple[float, str], tuple[float, str]]
PRINTED = re.compile(r"\d[\d,]*(?:\.\d+)?")


def ends_of(row: CheckedRow) -> Ends:
    """Return value, low and high of a contrast, each with its digits as every table prints them."""
    known = [phrases.known(x) for x in (row.value, row.low, row.high)]
    if phrases.is_share(row.unit):
        known = [float(round(x)) for x in known]
    printed = PRINTED.findall(row.text)
    texts = printed if len(printed) == len(known) else phrases.alike(known, row.unit)
    middle, low, high = zip(known, texts, strict=True)
    return middle, low, high


def signed_range(row: CheckedRow, unit: str = "") -> str:
    """Return "22 higher (between 8 and 37)": the most likely size of a contrast and its range, signs in words."""
    (value, text), low, high = ends_of(row)
    middle = f"{cite(row, text)}{unit}{_side(value, text)}"
    if low[0] * high[0] >= 0:
        first, last = (high, low) if low[0] < 0 else (low, high)
        return f"{middle} (between {cite(row, first[1])} and {cite(row, last[1])})"
    return f"{middle} (from {signed(row, *low)} to {signed(row, *high)})"


def sized(row: CheckedRow) -> str:
    """Return "0.4 of a point higher (between 0.1 and 0.7) on the five-point scale", or the same in points."""
    if phrases.is_share(row.unit):
        return signed_range(row, " point" if ends_of(row)[0][1] == "1" else " points")
    size, scale = phrases.in_unit(row.unit, phrases.known(row.value))
    return f"{signed_range(row, size)}{scale}"


def short_range(row: CheckedRow, unit: str = "") -> str:
    """Return "22 (8 to 37)" for a table whose verdict names the side; "2 lower to 18 higher" across no change."""
    (_, text), low, high = ends_of(row)
    if low[0] * high[0] >= 0:
        first, last = (high, low) if low[0] < 0 else (low, high)
        return f"{cite(row, text)}{unit} ({cite(row, first[1])} to {cite(row, last[1])})"
    return f"{signed(row, *low)} to {signed(row, *high)}"


def _side(value: float, text: str) -> str:
    return "" if value == 0 or not text.strip("0.") else f" {'lower' if value < 0 else 'higher'}"


def points_line(rows: Rows, row: CheckedRow, ctx: ReportContext) -> Line:
    """Return a contrast's line on page one: verdict, who and against what, most likely size and range in points."""
    verdict = row.verdict or (rule.NOT_ANSWERABLE if row.kind == "not_identified" else "")
    if row.kind == "too_few" or (not row.shown and row.kind != "not_identified"):
        verdict = rule.TOO_FEW
    about = _compared(rows, row, ctx)
    if verdict in rule.WITHOUT_NUMBER or row.value is None or row.low is None or row.high is None:
        subject = Subject(short_words(ctx, row.outcome), about)
        return Line(tuple(phrases.finding(row, subject, cite)), verdict)
    if not informative(row):
        return Line((f"{phrases.upper_first(about)}: not informative, the range is wider than the scale.",), verdict)
    number = rows.share_of(row)
    if number is None or not number.shown or number.low is None:
        number = row
    hint = "the answers hint at " if row.licence == "exploratory" and verdict.startswith(SIDES) else "most likely "
    size = sized(number)
    if number is not row and tells_otherwise(row, number):  # the average, on which the verdict rests, comes first
        size = f"{sized(row)}; in positive answers, {size}"
    said = [f"{phrases.upper_first(about)}: {hint}{size}{_would_remove(rows, row, ctx)}."]
    if row.indicative:
        said[0] = f"Indicative only: {said[0][:1].lower()}{said[0][1:]}" if said[0][:1].isupper() else said[0]
    return Line((*said, *_sides_of_share(row, number), *_overstated(rows, row)), verdict)


def _compared(rows: Rows, row: CheckedRow, ctx: ReportContext) -> str:
    """Return who is set against whom, or when, for a contrast."""
    contrast, group = row.id.split(".")[0], row.group or ctx.focus
    year = cite.plan(ctx.when(row.wave or ctx.wave))
    if contrast == "change":
        return f"{group_words(ctx, group)}, {year} against {since_words(rows, ctx, row.outcome)}"
    if (design := ctx.plan.designs.get(contrast[:2].upper() + contrast[2:])) is not None:
        first, last = (cite.plan(ctx.when(w)) for w in (design.waves[0], design.waves[-1]))
        years = "" if len(design.waves) < 2 else f", {first} to {last}"
        return f"“{fixed(design.title)}”{years}, difference in change"
    if contrast == "gap":
        return f"{group_words(ctx, ctx.focus)} against {group_words(ctx, ctx.comparison)} in {year}"
    return f"{fixed(ctx.words.treated)} against {compared_people(ctx)}"


def _sides_of_share(row: CheckedRow, share: CheckedRow) -> list[str]:
    """Return what to say where the share and the average answer, on which the verdict rests, tell unlike stories."""
    if share is not row and tells_otherwise(row, share):
        return ["The verdict rests on the average of all answers, as planned."]
    return []


def tells_otherwise(row: CheckedRow, share: CheckedRow) -> bool:
    """Return whether the range of a share lies on one side where the verdict of the average names none, or not."""
    if share.low is None or share.high is None:
        return False
    apart = not share.low <= 0 <= share.high
    directed = row.verdict.startswith((rule.HIGHER, rule.LOWER))
    together = row.verdict == rule.UNCERTAIN_TOGETHER  # the average's own range lies on one side
    return (row.verdict in rule.UNCERTAIN and apart != together) or (directed and not apart)


def _overstated(rows: Rows, row: CheckedRow) -> list[str]:
    """Return by how much a study of this size overstates what it finds, where it is small and found something."""
    small = row.mde is not None and row.margin is not None and row.mde > 2 * row.margin
    if not small or row.verdict not in SIDES:
        return []
    times = rows.get("exaggeration", row.id)
    if times is None or not times.shown or times.value is None:
        return ["Studies this small overstate differences."]
    factor = cite(times, f"{times.value:.1f}")
    return [f"Studies this small overstate: a difference just worth noticing looks {factor} times as large when found."]


def primary(rows: Rows, ctx: ReportContext) -> Line | None:
    """Return the line of the change in the primary outcome among the focus group, with its verdict."""
    outcome = ctx.plan.outcomes.primary
    row = next((r for g in (ctx.focus, "all") if (r := rows.get("change", outcome, g, ctx.wave))), None)
    return None if row is None else points_line(rows, row, ctx)


def in_brief(rows: Rows, ctx: ReportContext) -> list[Line]:
    """Return the lines of the main contrasts: the change, the gap, attendees."""
    return [x for x in (primary(rows, ctx), gap(rows, ctx), attendee_contrast(rows, ctx)) if x is not None]


def gap(rows: Rows, ctx: ReportContext) -> Line | None:
    """Return the line of the gap between the focus and the comparison group in the report's wave."""
    row = rows.get("gap", ctx.plan.outcomes.primary, ctx.focus, ctx.wave)
    return None if row is None or not ctx.comparison else points_line(rows, row, ctx)


def attendee_contrast(rows: Rows, ctx: ReportContext) -> Line | None:
    """Return the line of the planned comparison of people who attended with people who did not."""
    row = rows.get("attend", ctx.plan.outcomes.primary, "all", ctx.wave)
    if row is None:
        return None
    line = points_line(rows, row, ctx)
    return Line((*line.sentences, *_earlier_gap(rows, ctx)), line.verdict)


def _earlier_gap(rows: Rows, ctx: ReportContext) -> list[str]:
    """Return how far apart the compared groups were in an earlier wave, where the same people answered it."""
    row = next(rows.starting(f"attendbefore.{ctx.plan.outcomes.primary}.all.{ctx.wave}.".lower()), None)
    if row is None or not row.shown or row.value is None:
        return []
    when = cite.plan(ctx.when(row.id.split(".")[4]))
    return [f"In {when} the same people, compared alike, were {sized(row)} already."]


def _would_remove(rows: Rows, row: CheckedRow, ctx: ReportContext) -> str:
    """Return the clause that says how large a difference beforehand would remove the one found; "" if unknown."""
    if not row.id.startswith("attend.") or not row.verdict.startswith((rule.HIGHER, rule.LOWER)):
        return ""
    found = rows.get("breakeven", row.outcome or ctx.plan.outcomes.primary, "all", ctx.wave)
    if found is None or not found.shown or found.value is None:
        return ""
    unit = phrases.unit_words(found.unit or "", found.value)
    size = cite(found, phrases.number(found.value, found.unit or ""))
    before = "before they came" if ctx.plan.treatment.register_name else "beforehand"
    limit = rows.get("breakeven", row.outcome or ctx.plan.outcomes.primary, "all", ctx.wave, "limit")
    if limit is None or not limit.shown or not limit.value:
        return f"; a gap of {size} {unit} {before} would remove it"
    least = cite(limit, phrases.number(limit.value, limit.unit or ""))
    return f"; a gap of {least} {before} would leave it uncertain, one of {size} would remove it"


def linked_designs(rows: Rows, ctx: ReportContext) -> list[Line]:
    """Return the planned designs of the same people before and after that gave an estimate: they answer best."""
    planned = {n: d for n, d in ctx.plan.designs.items() if n[:2] == "D5" and d.planned}
    found = {n: rows.get(n, d.outcome, "all", d.waves[-1]) for n, d in planned.items()}
    return designs(rows, ctx, {n for n, r in found.items() if r is not None and r.kind == "estimate" and r.shown})


def designs(rows: Rows, ctx: ReportContext, names: Collection[str] | None = None) -> list[Line]:
    """Return one line for each planned design, or those of some names: its finding, or why it could not run."""
    out = []
    for name, design in ctx.plan.designs.items():
        if names is not None and name not in names:
            continue
        row = next((r for r in rows.starting(f"{name.lower()}.") if r.id.split(".")[1] == design.outcome.lower()), None)
        if row is None or not design.planned:
            continue
        line = points_line(rows, row, ctx)
        title = f"“{fixed(design.title)}”"
        said = [x for x in line.sentences if plain(x) != (row.question or "")]
        out.append(
            Line(
                (said[0] if title in said[0] else f"{title}: {said[0][:1].lower()}{said[0][1:]}", *said[1:]),
                line.verdict,
            )
        )
    return out


def informative(row: CheckedRow) -> bool:
    """Return whether a contrast's range is no wider than the scale of its answers."""
    ends = SCALE.search(row.unit or "")
    if row.low is None or row.high is None or row.null is None:
        return True
    widest = float(ends[2]) - float(ends[1]) if ends else 100.0 if phrases.is_share(row.unit or "") else float("inf")
    return row.high - row.low <= widest


SCALE = re.compile(r"(\d+) to (\d+) scale")


def mean_sentence(row: CheckedRow | None) -> str:
    """Return a contrast on the scale of the answers, on which its verdict rests; "" where it has no number."""
    if row is None or not row.shown or row.low is None or row.high is None or phrases.is_share(row.unit):
        return ""
    return f"The verdict rests on the average of all answers: most likely {sized(row)}."
