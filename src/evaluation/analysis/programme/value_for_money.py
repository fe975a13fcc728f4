"""Value for money without a ratio: costs beside consequences, and what a changed answer would have to be worth."""

from __future__ import annotations

from collections.abc import Mapping

from evaluation.analysis import contrasts, verdicts
from evaluation.analysis.programme import indicators, register_cells
from evaluation.errors import DataError
from evaluation.exhibit import Cell, Exhibit, result_id
from evaluation.plan.study import Plan
from evaluation.programme import costs
from evaluation.results import Estimate, NotIdentified
from evaluation.table_builder import Tables
from evaluation.verdict import HIGHER

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)  # of attendances, beside the plan's smallest difference worth noticing
TOOK_PART = "took-part"  # the companion of a lot: its effect on those who took part because of it


def value_for_money(plan: Plan, wave: str, registers: register_cells.Registers) -> list[Exhibit]:
    """Return costs beside consequences, what a changed answer would have to be worth, a ratio where one is earned."""
    rates = plan.programme.staff_range or (0.0, 0.0)
    events, build = register_cells.read(plan, wave, registers, "events", valued=_valued(plan))
    if events is None:
        return []
    try:
        spent = costs.spent(events)
    except DataError:
        return []
    results = indicators.results_so_far(plan, wave)
    return [
        _consequences(plan, wave, build, spent, results),
        _worth(plan, build, spent, rates),
        _ratio(plan, wave, build, spent, results),
    ]


def _valued(plan: Plan) -> str:
    ends = plan.programme.staff_range
    if ends is None:
        return "Staff and officer time is left out of money, because the plan sets no range for what an hour is worth."
    return (
        f"An hour of staff and officers is valued at {ends[0]:g} to {ends[1]:g} pounds, the range that the plan sets."
    )


def _consequences(plan: Plan, wave: str, build: Tables, spent: costs.Spent, results: Mapping[str, Cell]) -> Exhibit:
    """Return what was put in, and beside it what was found, each in its own unit; nothing is summed over both."""
    table, ends = build.table("value.consequences"), plan.programme.staff_range
    money, given = spent.total(0.0), {"unit": "pounds", "base": spent.attendances}
    table.row("money").number("figure", money, largest=spent.largest(0.0), **given)
    for key, rate in zip(("least", "most"), ends or (), strict=False):
        table.row(f"time_{key}").number("figure", spent.total(rate) - money, **given)
        table.row(f"all_{key}").number("figure", spent.total(rate), largest=spent.largest(rate), **given)
    for key, hours in (("hours", spent.staff_hours), ("officers", spent.officer_hours)):
        table.row(key).number("figure", hours, unit="hours", base=spent.attendances)
    for id, about in _consequence_ids(plan, wave).items():
        result = results.get(id)
        if result is not None:
            said = getattr(result, "verdict", "") or "described"
            table.row(id.replace(".", "-"), f"Found: {about}").text("figure", said)
    return table.exhibit()


def _consequence_ids(plan: Plan, wave: str) -> dict[str, str]:
    """Return the primary results by id, in words: the change, the comparison of attendees, each lot."""
    outcome, words = plan.outcomes.primary, plan.words
    short, (group, _) = contrasts.short(plan, outcome), verdicts.focus(plan)
    found = {
        result_id("change", outcome, group, wave): f"Change in {short}, {words.focus_group}",
        result_id("attend", outcome, "all", wave): f"{words.treated.capitalize()} against others alike: {short}",
    }
    for name, lot in plan.lots.items():
        found[result_id("d6", (lot.outcomes or (outcome,))[0], name, wave)] = f"{lot.title}: {short}"
    return found


def _worth(plan: Plan, build: Tables, spent: costs.Spent, rates: tuple[float, float]) -> Exhibit:
    """Return what each changed answer would have to be worth, if so many of 100 attendances had changed one."""
    margin = plan.outcomes.margin_share
    shares = sorted({*SHARES, *([margin / 100] if margin and margin <= 100 else [])})
    table = build.table("value.worth")
    for one in costs.worth(spent, shares, rates):
        noticed = ", the smallest share worth noticing" if margin and one.share == margin / 100 else ""
        row = table.row(f"{1000 * one.share:g}", f"{100 * one.share:g} in 100 attendances{noticed}")
        row.number("people", one.people, unit="answers", decimals=0, base=spent.attendances)
        for column, value, rate in (("least", one.low, rates[0]), ("most", one.high, rates[1])):
            largest = tuple(x / one.people for x in spent.largest(rate))
            row.number(column, value, unit="pounds", decimals=0, base=spent.attendances, largest=largest)
    return table.exhibit()


def _ratio(plan: Plan, wave: str, build: Tables, spent: costs.Spent, results: Mapping[str, Cell]) -> Exhibit:
    """Return the cost of one point of effect for each lot that earned one upwards, or why there is none."""
    table = build.table("value.ratio")
    rates = plan.programme.staff_range or (0.0, 0.0)
    each = tuple(spent.total(r) / spent.attendances for r in rates)
    for name, lot in plan.lots.items():
        id = result_id("d6", (lot.outcomes or (plan.outcomes.primary,))[0], name, wave)
        main, took = results.get(id), results.get(f"{id}.{TOOK_PART}")
        ends = _earned(main, took)
        if ends is not None:
            low, high = costs.cost_per_point((each[0], each[1]), ends)
            row = table.row(name, lot.title)
            row.number("least", low, unit="pounds", base=spent.attendances).number(
                "most", high, unit="pounds", base=spent.attendances
            )
    if len(table):
        return table.exhibit()
    why = "no design of this study has earned the word effect and a direction upwards, so cost is set against no effect"
    return build.refused("value.ratio", NotIdentified(why, "A lot whose record holds, with enough people."))


def _earned(main: Cell | None, took: Cell | None) -> tuple[float, float] | None:
    """Return the interval of the effect on those who took part, where the lot earned an effect upwards."""
    if not isinstance(main, Estimate) or not isinstance(took, Estimate) or took.low is None or took.high is None:
        return None
    good = main.licence == took.licence == "effect" and main.verdict == HIGHER and took.low > 0
    return (took.low, took.high) if good else None
