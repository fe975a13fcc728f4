"""Tables of the lots: effects, conditions of the record, take-up and answering by arm, balance, modes, neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.analysis import layout
from evaluation.analysis.lots.lot_effects import COMPANIONS, LotAnalysis
from evaluation.analysis.lots.lot_people import ARM, BLOCK, EARLIER, TOOK, UNIT, LotPeople, answered_units
from evaluation.errors import EvaluationError
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified
from evaluation.statistics import randomisation
from evaluation.table_builder import Row


def exhibits(plan: Plan, wave: str, lots: Sequence[LotAnalysis]) -> list[Exhibit]:
    """Return every table of the lots; none where the plan has no lot."""
    if not lots:
        return []
    kinds = {plan.lots[one.name].kind for one in lots}
    beside = any(plan.lots[one.name].neighbours for one in lots)
    return [
        effects(plan, wave, lots),
        record(plan, wave, lots),
        arms(plan, wave, lots),
        balance(plan, wave, lots),
        *([ways_of_answering(plan, wave, lots)] if "modes" in kinds else []),
        *([neighbours(plan, wave, lots)] if beside else []),
    ]


def effects(plan: Plan, wave: str, lots: Sequence[LotAnalysis]) -> Exhibit:
    """Return the effect of being drawn and its companions for each lot and outcome, or why there is none."""
    table = layout.table(plan, wave, "lots.effects")
    for one in lots:
        title = plan.lots[one.name].title
        for result in one.results:
            method = str(result.id).split(".")[4] if str(result.id).count(".") > 3 else ""
            several = isinstance(one.people, LotPeople) and len(one.people.outcomes) > 1
            about = f"{title}: {plan.outcomes.short.get(result.outcome, result.outcome)}" if several else title
            label = f"{about} ({COMPANIONS[method]})" if method else about
            table.row(str(result.id), label).estimate("effect", result)
        failed = _failed(one)
        if failed:
            table.note("capped", lot=title, unmet="; ".join(failed))
    return table.exhibit(chart=None if any(isinstance(r, Estimate) for f in lots for r in f.results) else "")


def _failed(one: LotAnalysis) -> list[str]:
    gates = one.results[0].gates if one.results and isinstance(one.people, LotPeople) else ()
    return [g.note for g in gates if g.id.startswith("lot.") and not g.passed]


def record(plan: Plan, wave: str, lots: Sequence[LotAnalysis]) -> Exhibit:
    """Return what the record of each lot promises, and whether it holds."""
    table = layout.table(plan, wave, "lots.record")
    for one in lots:
        if isinstance(one.people, NotIdentified):
            table.row(f"{one.name}.none", plan.lots[one.name].title).text("holds", one.people.reason)
            continue
        for condition in one.people.holds:
            label = f"{plan.lots[one.name].title}: {condition.says}"
            row = table.row(f"{one.name}.{condition.id.replace(' ', '-')}", label)
            row.declared("holds", "yes" if condition.holds else "no")
        share = one.people.crossovers()
        label = f"{plan.lots[one.name].title}: dealt with otherwise than drawn"
        row = table.row(f"{one.name}.crossovers", label)
        if share is None:
            row.declared("holds", "unrecorded")
        else:
            row.number("holds", 100 * share, unit="per cent", decimals=0, base=len(one.people.units))
    return table.exhibit()


def arms(plan: Plan, wave: str, lots: Sequence[LotAnalysis]) -> Exhibit:
    """Return by arm how many stood in the lot, answered and took part, and the bounds where answers are missing."""
    table = layout.table(plan, wave, "lots.arms")
    for one in lots:
        if not isinstance(one.people, LotPeople):
            continue
        people, title = one.people, plan.lots[one.name].title
        for arm, words in ((1, "drawn"), (0, "not drawn")):
            rows, units = people.answers[people.answers[ARM] == arm], people.units[people.units[ARM] == arm]
            row = table.row(f"{one.name}.{words.replace(' ', '-')}", f"{title}: {words}")
            levels = {"arm": words, "wave": wave}
            row.count("units", len(units), universe=f"units of {one.name}", **levels)
            row.count("answered", len(rows), universe=f"answers of {one.name}", **levels)
            took = rows[TOOK].dropna()
            if len(took) and people.lot.kind != "modes":
                row.share("took", float(took.mean()), base=len(took))
        if people.lot.kind == "people" and people.outcomes:
            _bounds(table.row(f"{one.name}.bounds", f"{title}: bounds of the effect, whoever did not answer"), people)
    return table.exhibit()


def _bounds(row: Row, people: LotPeople) -> None:
    outcome = people.outcomes[0]
    try:
        bounds = randomisation.lee_bounds(answered_units(people, outcome), outcome=outcome, arm=ARM, block=BLOCK)
    except EvaluationError as error:
        row.text("took", error.what)
        return
    base = int(people.answers[outcome].notna().sum())
    middle = (bounds.low + bounds.high) / 2
    row.number("took", middle, low=bounds.low, high=bounds.high, unit="points", decimals=2, base=base)


def balance(plan: Plan, wave: str, lots: Sequence[LotAnalysis]) -> Exhibit:
    """Return what was known before the draw, by arm: shown, never tested away."""
    table = layout.table(plan, wave, "lots.balance")
    for one in lots:
        if not isinstance(one.people, LotPeople):
            continue
        answers, title = one.people.answers, plan.lots[one.name].title
        if answers[EARLIER].notna().any():
            row = table.row(f"{one.name}.earlier", f"{title}: earlier answer, mean of those who answered again")
            for arm, column in ((1, "drawn"), (0, "not_drawn")):
                values = answers.loc[answers[ARM] == arm, EARLIER].dropna()
                if len(values):
                    row.number(column, float(values.mean()), base=len(values), unit="points")
        for block, rows in answers.groupby(BLOCK, sort=True):
            row = table.row(f"{one.name}.{_key(str(block))}", f"{title}: in the block {block}")
            for arm, column in ((1, "drawn"), (0, "not_drawn")):
                levels = {"arm": column.replace("_", " "), "block": block, "wave": wave}
                row.count(column, int((rows[ARM] == arm).sum()), universe=f"answers of {one.name}", **levels)
    return table.exhibit()


def _key(block: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in block.lower()).strip("-") or "all"


def ways_of_answering(plan: Plan, wave: str, lots: Sequence[LotAnalysis]) -> Exhibit:
    """Return for lots of ways of answering each item's mean as answered, and as if everybody had answered alone."""
    table = layout.table(plan, wave, "lots.modes")
    for one in lots:
        if not isinstance(one.people, LotPeople) or one.people.lot.kind != "modes":
            continue
        for outcome in one.people.outcomes:
            rows = one.people.answers.dropna(subset=[outcome])
            alone = rows[rows[ARM] == 1]
            if min(len(alone), len(rows) - len(alone)) < plan.sizes.least_people:
                continue
            share = rows.groupby(BLOCK).size() / len(rows)
            level = float((alone.groupby(BLOCK)[outcome].mean().reindex(share.index) * share).sum())
            row = table.row(f"{one.name}.{outcome}", plan.label_of(outcome))
            row.number("answered", float(rows[outcome].mean()), base=len(rows), unit="points")
            row.number("alone", level, base=len(alone), unit="points")
    return table.exhibit()


def neighbours(plan: Plan, wave: str, lots: Sequence[LotAnalysis]) -> Exhibit:
    """Return for lots of places how places not drawn differ, beside a drawn one from beside none."""
    table = layout.table(plan, wave, "lots.neighbours")
    for one in lots:
        if not isinstance(one.people, LotPeople) or one.people.lot.kind != "places" or not one.people.lot.neighbours:
            continue
        outcome, units = one.people.outcomes[0], one.people.units
        means = one.people.answers.groupby(UNIT)[outcome].mean()
        seen = units.assign(mean=units["code"].map(means))
        place = {link: k for k, link in enumerate(units["link"])}
        pairs = [(place[a], place[b]) for a, b in one.people.lot.neighbours if a in place and b in place]
        every = one.people.allocations(plan.seed).treat
        result = randomisation.spill_over(seen, every, pairs, treat=ARM, mean="mean")
        base = int(one.people.answers[outcome].notna().sum())
        table.row(one.name, plan.lots[one.name].title).interval("difference", result, unit="points", base=base)
    return table.exhibit()
