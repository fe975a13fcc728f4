"""The policy report's views of exhibits: fewer rows, years for survey ids, groups side by side; the same checked rows.

A view holds a part of an exhibit's cells under other labels; it makes no number. The annex shows the whole.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

from evaluation.disclosure import CheckedExhibit, CheckedRow
from evaluation.report import phrases
from evaluation.report.context import ReportContext, long_date
from evaluation.report.sentences import informative
from evaluation.verdict import NOT_ANSWERABLE

Cells = list[tuple[str, str, CheckedRow]]

SECTION_VIEWS: dict[int, tuple[str, ...]] = {
    3: ("events.strip",),
    4: ("weights.margins",),
    5: ("levels.trio", "levels.answers", "gap.all"),
    6: ("levels.trust",),
    7: ("arms.counts", "attend.methods"),
    8: ("designs.forest",),
    9: ("feedback.themes",),
    10: ("actions.said_did",),
    11: ("context.trend", "stops.ratio", "recording.share", "recruitment.goal"),
    12: ("costs.attend",),
    13: (),
    14: (),
}
MOST = 3
ANNEX_ALONE = ("power.detectable", "actions.times")


def section_exhibits(
    exhibits: list[CheckedExhibit], number: int, ctx: ReportContext
) -> tuple[list[CheckedExhibit], list[CheckedExhibit]]:
    """Return (shown, folded) exhibits of a policy section: the ones it is for as views, the rest behind a fold.

    Where none of the named exhibits was made, the first three stand as they are.
    """
    named = SECTION_VIEWS.get(number)
    if named is None or (named and not any(e.id in named for e in exhibits)):
        return exhibits[:MOST], exhibits[MOST:]
    first = [view(e, ctx) for name in named for e in exhibits if e.id == name and not _refused(e)]
    stand = {f.id.removesuffix(SUFFIX) for f in first}
    rest = [e for e in exhibits if e.id not in stand and e.id not in ANNEX_ALONE]
    return first, [_with(e, cells, ctx) if (cells := _without_rejected(e, ctx)) else e for e in rest]


def _refused(exhibit: CheckedExhibit) -> bool:
    """Return whether every contrast of a chart is not answerable: its numbers then stand in the annex alone."""
    judged = [x for x in exhibit.cells.values() if x.verdict or x.kind == "not_identified"]
    return bool(exhibit.chart and judged) and all(
        x.verdict == NOT_ANSWERABLE or x.kind == "not_identified" for x in judged
    )


SUFFIX = ".policy"
OLDEST = 24  # months between a context figure and fieldwork, from which on it stands in the annex alone


def months_before(exhibit: CheckedExhibit, ctx: ReportContext) -> int | None:
    """Return how many whole months before the end of fieldwork a context figure ends; None where it names no date."""
    said, last = str(exhibit.extras.get("as_of", "")), ctx.wave_words(ctx.wave).end
    if not said or last is None:
        return None
    end = dt.date.fromisoformat(said)
    return max(12 * (last.year - end.year) + last.month - end.month - (last.day < end.day), 0)


def aged(exhibits: list[CheckedExhibit], ctx: ReportContext) -> tuple[list[CheckedExhibit], list[str]]:
    """Return the context figures recent enough to print, each with its age as a note, and sentences on the others."""
    kept, said = [], []
    for exhibit in exhibits:
        months = months_before(exhibit, ctx)
        if months is None:
            kept.append(exhibit)
        elif months > OLDEST:
            end = long_date(dt.date.fromisoformat(str(exhibit.extras["as_of"])))
            title = exhibit.title.rstrip("?.")
            old = "" if title.startswith("[") else f"the latest figure, of {end}, was {months} months old then; "
            said.append(f"{title}: {old}in the annex.")
        else:
            age = (
                f"The latest figure was {months} month{'s' * (months > 1)} old then."
                if months
                else "As recent as this survey."
            )
            kept.append(replace(exhibit, notes=(age, *exhibit.notes)))
    return kept, said


def view(exhibit: CheckedExhibit, ctx: ReportContext) -> CheckedExhibit:
    """Return the policy report's view of an exhibit: itself where it has none."""
    make = _VIEWS.get(exhibit.id)
    cells = make(exhibit, ctx) if make else _without_rejected(exhibit, ctx)
    if not cells:
        return exhibit
    return _with(exhibit, cells, ctx)


def _with(exhibit: CheckedExhibit, cells: Cells, ctx: ReportContext) -> CheckedExhibit:
    cells = [(r, c, x) for r, c, x in cells if informative(x)] or cells
    rows = tuple(dict.fromkeys(r for r, _, _ in cells))
    columns = tuple(dict.fromkeys(c for _, c, _ in cells))
    codes = (*ctx.plan.population.margins, *ctx.plan.derive)  # a note that names a column is for the annex
    notes = tuple(n for n in exhibit.notes if n.split(":")[0] not in codes and ": joined " not in n)
    made = {(r, c): x for r, c, x in cells}
    return replace(exhibit, id=exhibit.id + SUFFIX, rows=rows, columns=columns, cells=made, notes=notes)


def _all(exhibit: CheckedExhibit) -> Cells:
    return [(r, c, x) for r in exhibit.rows for c in exhibit.columns if (x := exhibit.cells.get((r, c))) is not None]


def grouped(exhibit: CheckedExhibit) -> CheckedExhibit:
    """Return an exhibit of one column with rows "question: group" with the groups as columns, for drawing.

    Only where each cell names its group, no group stands twice under a question, and there are at most four groups.
    """
    cells = _all(exhibit)
    parted = [(r.rpartition(": ")[0], r.rpartition(": ")[2], x) for r, _, x in cells]
    groups = dict.fromkeys(g for _, g, _ in parted)
    single = len(exhibit.columns) == 1 and exhibit.chart in ("dots", "forest")
    if not single or not 2 <= len(groups) <= 4 or not all(q and x.group for q, _, x in parted):
        return exhibit
    rows, made = tuple(dict.fromkeys(q for q, _, _ in parted)), {(q, g): x for q, g, x in parted}
    return replace(exhibit, rows=rows, columns=tuple(groups), cells=made) if len(made) == len(cells) else exhibit


def rejected(ctx: ReportContext) -> set[str]:
    """Return the themes that the checking group judged wrong."""
    return {r.theme for r in ctx.sense_check if r.verdict == "rejected"}


def _without_rejected(exhibit: CheckedExhibit, ctx: ReportContext) -> Cells:
    """Return the cells without themes judged wrong; none where the exhibit has no such theme."""
    wrong = rejected(ctx)
    if not wrong & set(exhibit.rows) or not exhibit.id.startswith("feedback."):
        return []
    return [(r, c, x) for r, c, x in _all(exhibit) if r not in wrong]


def _compared(ctx: ReportContext) -> tuple[str, ...]:
    return (ctx.focus, ctx.comparison) if ctx.comparison else ()


def _year(ctx: ReportContext, column: str) -> str:
    """Return the year of a survey's id, where the column is one and no other survey has that year."""
    known = [w for w in ctx.waves if w.id == column]
    years = [w.year() for w in ctx.waves]
    return known[0].year() if known and years.count(known[0].year()) == 1 else column


def _two_groups_by_year(exhibit: CheckedExhibit, ctx: ReportContext) -> Cells:
    """Return the compared groups over the years, without everybody together."""
    kept = [(r, _year(ctx, c), x) for r, c, x in _all(exhibit) if not _compared(ctx) or x.group in _compared(ctx)]
    return kept or [(r, _year(ctx, c), x) for r, c, x in _all(exhibit)]


def _statements_by_group(exhibit: CheckedExhibit, ctx: ReportContext) -> Cells:
    """Return the statements of the scales as rows and the compared groups as columns."""
    items = [i for s in ctx.plan.scales.values() for i in s.items]
    kept = [(r, x) for r, _, x in _all(exhibit) if x.group in _compared(ctx) and ": " in r]
    kept = [(r, x) for r, x in kept if x.outcome in items] or kept
    return [(r.rpartition(": ")[0], r.rpartition(": ")[2], x) for r, x in kept]


def _answers_by_year(exhibit: CheckedExhibit, ctx: ReportContext) -> Cells:
    """Return every answer of the groups that can be told apart, in each year, without everybody together."""
    parted = [(*r.rpartition(", ")[::2], c, x) for r, c, x in _all(exhibit)]
    fine = {who for who, _, _, x in parted if "-" in (x.group or "") or x.group == ctx.focus}
    kept = [p for p in parted if p[0] in fine] if len(fine) > 1 else parted
    return [(f"{who}, {_year(ctx, survey)}", c, x) for who, survey, c, x in kept]


def _main_outcomes(exhibit: CheckedExhibit, ctx: ReportContext) -> Cells:
    """Return the planned outcomes of the report's wave, and the primary one in every wave."""
    planned = (ctx.plan.outcomes.primary, *ctx.plan.outcomes.secondary[:2])
    return [(r, _year(ctx, c), x) for r, c, x in _all(exhibit) if x.outcome in planned]


def _first_margin(exhibit: CheckedExhibit, ctx: ReportContext) -> Cells:
    """Return the rows of the first margin of the plan: ethnic group and area."""
    names = [n for n in ctx.plan.population.margins if any(x.id.split(".")[1] == n for _, _, x in _all(exhibit))]
    return [(r, c, x) for r, c, x in _all(exhibit) if names and x.id.split(".")[1] == names[0]]


def _planned_only(exhibit: CheckedExhibit, ctx: ReportContext) -> Cells:
    """Return the main result of each planned design, without its variants."""
    names = {n.lower() for n, design in ctx.plan.designs.items() if design.planned}
    return [(r, c, x) for r, c, x in _all(exhibit) if len(x.id.split(".")) == 4 and x.id.split(".")[0] in names]


def _similar_people(exhibit: CheckedExhibit, ctx: ReportContext) -> Cells:
    """Return the planned comparison and the bare difference, named in plain words; the methods are for the annex."""
    names = {"": "Compared with similar people, as planned", "unadjusted": "Compared with all others, as they are"}
    methods = {".".join(x.id.split(".")[4:]): (c, x) for _, c, x in _all(exhibit)}
    who = phrases.upper_first(ctx.words.treated)
    return [(f"{who}: {name[:1].lower()}{name[1:]}", *methods[m]) for m, name in names.items() if m in methods]


def _here_and_there(exhibit: CheckedExhibit, _: ReportContext) -> Cells:
    """Return the changes here and there of the questions that could be compared; of all, with why, where none could."""
    refused = {r for r, _, x in _all(exhibit) if x.kind == "not_identified"}
    shown = [r for r in exhibit.rows if r not in refused]
    left = ("moved", "figures") if shown else ("moved", "there")
    return [(r, c, x) for r, c, x in _all(exhibit) if x.id.split(".")[1] not in left and (r in shown or not shown)]


def _first_column(exhibit: CheckedExhibit, _: ReportContext) -> Cells:
    """Return the first figure of each row: of the recruits, the share of those whose group is known."""
    return [(r, c, x) for r, c, x in _all(exhibit) if c == exhibit.columns[0]]


_VIEWS: dict[str, Callable[[CheckedExhibit, ReportContext], Cells]] = {
    "levels.trio": _two_groups_by_year,
    "levels.answers": _answers_by_year,
    "levels.trust": _statements_by_group,
    "gap.all": _main_outcomes,
    "weights.margins": _first_margin,
    "attend.methods": _similar_people,
    "designs.forest": _planned_only,
    "recruitment.goal": _first_column,
    "context.trend": _here_and_there,
}
