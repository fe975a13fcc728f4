"""A lot in plain words: counts by block, and the page that says how it works and that nobody is left out in the end."""

from __future__ import annotations

from evaluation.analysis.lots import verification
from evaluation.intake import lot_records
from evaluation.intake.lot_records import LotRecord
from evaluation.plan.study import Plan
from evaluation.report.context import long_date

WHO = {"places": "places", "people": "people", "modes": "interviews"}
LATER = {
    "places": "Every place has its turn: the places not drawn come next.",
    "people": "Nobody is left out in the end: those not drawn are invited after the survey.",
    "modes": "Everybody is asked the same questions: only the way of answering differs.",
}


def counts(plan: Plan, name: str) -> str:
    """Return the lot's state and, once it is drawn, how many of each block were drawn."""
    lot, record = lot_records.lot_of(plan, name), lot_records.read_record(plan, name)
    if record is None:
        return f"{lot.title}: not committed. evaluation lot draw {name} commits it."
    if not record.draws:
        return (
            f"{lot.title}: committed on {record.committed_on}; it waits for {lot.public_number}.\n{record.commitment}"
        )
    table = record.table().groupby("block", sort=True)["drawn"].agg(["size", "sum"])
    width = max(len(str(b)) for b in [*table.index, "Block"])
    lines = [f"{'Block':<{width}}  {WHO[lot.kind]:>10}  {'drawn':>6}"]
    lines += [f"{b:<{width}}  {int(n):>10}  {int(d):>6}" for b, n, d in table.itertuples()]
    return "\n".join([f"{lot.title}: drawn on {record.draws[0]['drawn_on']}.", *lines])


def page(plan: Plan, name: str) -> str:
    """Return the public page of a lot as one HTML file to print: how it works, who drew it, how to draw it again."""
    from evaluation.report.html import template

    lot, record = lot_records.lot_of(plan, name), lot_records.read_record(plan, name)
    good = bool(record and record.draws) and all(c.holds for c in verification.conditions(plan, name))
    return template("lot.html.j2").render(
        lot=lot,
        name=name,
        team=plan.contact.team,
        words=plan.words,
        who=WHO[lot.kind],
        later=LATER[lot.kind],
        record=record,
        numbers=_numbers(record),
        proved=good,
        committed=_day(record.committed_on) if record else "",
    )


def _numbers(record: LotRecord | None) -> dict[str, str]:
    if record is None or not record.draws:
        return {}
    table = record.table()
    return {
        "units": f"{len(table):,}",
        "blocks": f"{table['block'].nunique():,}",
        "drawn": f"{int(table['drawn'].sum()):,}",
        "day": _day(record.draws[0]["drawn_on"]),
        "number": record.draws[0]["number"],
        "seed": record.seed(0),
    }


def _day(text: str) -> str:
    import datetime as dt

    return long_date(dt.date.fromisoformat(text))
