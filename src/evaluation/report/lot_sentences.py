"""What a lot says in plain words: an effect where its record earned one, else what is not known or not met."""

from __future__ import annotations

from evaluation import verdict as rule
from evaluation.disclosure import CheckedRow
from evaluation.report.context import ReportContext
from evaluation.report.sentences import Line, Rows, fixed, short_words, sized


def lots(rows: Rows, ctx: ReportContext) -> list[Line]:
    """Return one line for each lot of the plan that has a row: its primary outcome first."""
    found = []
    for name, lot in ctx.plan.lots.items():
        outcome = (lot.outcomes or (ctx.plan.outcomes.primary,))[0]
        row = rows.get("d6", outcome, name, ctx.wave)
        if row is not None:
            found.append(_line(row, fixed(lot.title), ctx))
    return found


def proved(rows: Rows, ctx: ReportContext) -> list[CheckedRow]:
    """Return the lots whose record earned the word effect and whose verdict has a direction."""
    return [
        r
        for r in rows.starting("d6.")
        if r.planned and r.licence == "effect" and r.verdict.startswith((rule.HIGHER, rule.LOWER)) and ctx.plan.lots
    ]


def _line(row: CheckedRow, title: str, ctx: ReportContext) -> Line:
    what = short_words(ctx, row.outcome or ctx.plan.outcomes.primary)
    if row.kind != "estimate" or not row.shown:
        why = row.reason or "too few people answered"
        return Line((f"“{title}”, drawn by lot: no answer, as {fixed(why)}.",), row.verdict or rule.NOT_ANSWERABLE)
    size = sized(row)
    failed = [g.note or g.id for g in row.gates if g.id.startswith("lot.") and not g.passed]
    if failed:
        said = f"“{title}”, drawn by lot: {what} among those drawn was {size}. It may not be called an effect."
        return Line((said, f"Not met: {fixed('; '.join(failed))}."), row.verdict)
    if row.verdict.startswith((rule.HIGHER, rule.LOWER)):
        side = row.verdict.split(",")[0]
        said = f"“{title}”, drawn by lot: being drawn made {what} {side}, most likely {size}."
        return Line((said, "Only chance told those drawn from the others."), row.verdict)
    if row.verdict == rule.LITTLE_OR_NO:
        return Line((f"“{title}”, drawn by lot: being drawn moved {what} little or not at all ({size}).",), row.verdict)
    return Line((f"“{title}”, drawn by lot: whether being drawn moved {what} cannot be told ({size}).",), row.verdict)
