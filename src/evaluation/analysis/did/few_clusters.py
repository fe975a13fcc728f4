"""Diagnostics of the designs: few-cluster tests, attendance as the first stage, composition, linkage."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from evaluation.analysis import contrasts, layout
from evaluation.analysis.attendee_effect import guarded
from evaluation.analysis.did.designs import TwoGroups, two_group_designs
from evaluation.analysis.did.exposed_places import ROLES, exposed_frame, prognostic, reached_share, source_of
from evaluation.analysis.did.inputs import DesignInputs, runnable, session_in
from evaluation.analysis.did.linked_panel import answered_first, linked_rows
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Design, Plan
from evaluation.results import NotIdentified, TooFew
from evaluation.statistics import did
from evaluation.statistics.did import composition as did_composition
from evaluation.table_builder import Row, Table

DRAWS = 9999

# ---- few clusters ---------------------------------------------------------------------------------------------------


def few_places(plan: Plan, inputs: DesignInputs) -> Exhibit:
    """Return D1 by every way of testing few places, without each place in turn, and attendance as the first stage."""
    exposed = exposed_frame(plan, inputs)
    if exposed is None:
        return layout.refused(plan, inputs.wave, "designs.places")
    design, frame = exposed
    table = layout.table(plan, inputs.wave, "designs.places")
    base = min(did.cell_counts(frame["exposed"].to_numpy(), frame["after"].to_numpy()).values())
    table.numbers(base=base, unit=contrasts.points(plan, plan.outcomes.primary))
    roles = {**ROLES, "outcome": design.outcome}
    for test in did.companions(frame, **roles, draws=DRAWS, seed=plan.seed):
        ends = {} if test["test"].startswith("wild") else {"low": test["low"], "high": test["high"]}
        least = f"{test['smallest_p']:.2g}" if test["smallest_p"] > 0 else "any"
        if test["smallest_p"] > 0.05:
            least += ": it cannot reach 0.05"
        row = table.row(test["test"].replace(",", ""), test["test"]).number("value", test["value"], **ends)
        row.number("p", test["p"], unit="").text("least", least)
    for number, left in enumerate(did.leave_one_out(frame, **roles).itertuples()):
        label = f"Without {_place(plan, left.area)} ({'reached' if left.side else 'not reached'})"
        table.row("", label).number("value", left.value, id=f"places.without{number}.all.{inputs.wave}")
    _first_stage(plan, inputs, design, frame, table)
    return table.exhibit()


def _place(plan: Plan, code: str) -> str:
    e = plan.exposure
    known = {**plan.levels_of(e.area_column), **(plan.levels_of(e.ward_column) if e.ward_column else {})} if e else {}
    return str(known.get(code, code))


def _first_stage(plan: Plan, inputs: DesignInputs, design: Design, frame: pd.DataFrame, table: Table) -> None:
    """Lay out attendance by place and by side, and the change per person reached with its Anderson-Rubin range."""
    known, stem = reached_share(inputs, design, frame), f"places.attended.all.{inputs.wave}"
    if known is None:
        table.row("none").declared("share", "none", id=f"{stem}.none")
        return
    after = known[known["after"] == 1]
    for flag, side in ((1, "reached"), (0, "unreached")):
        _attended(table.row(side), after[after["exposed"] == flag], f"{stem}.{flag}")
    for number, (code, rows) in enumerate(after.groupby("unit")):
        if len(rows) >= plan.sizes.least_people:
            _attended(table.row("", f"Attendance: {_place(plan, str(code))}"), rows, f"{stem}.place{number}")
    ratio = guarded(did.wald_ratio, known, outcome=design.outcome, taken="taken", **ROLES)
    strength = getattr(ratio, "first_stage_f", None)
    if strength is not None and math.isfinite(strength):
        table.row("f").number("value", strength, unit="", decimals=1, id=f"{stem}.f")
    row, id = table.row("ratio"), f"{stem}.ratio"
    if isinstance(ratio, NotIdentified) or ratio.bounded:
        row.interval("value", ratio, unit=contrasts.points(plan, design.outcome), id=id)
    else:
        row.declared("value", "open", id=id)


def _attended(row: Row, people: pd.DataFrame, id: str) -> None:
    came = int(people["taken"].sum())
    if min(came, len(people) - came) < 10:
        row.declared("share", "few" if came < 10 else "most", id=id)
    else:
        share = 100 * float(np.average(people["taken"], weights=people["population_weight"]))
        row.number("share", round(share), base=len(people), id=id)


# ---- composition ----------------------------------------------------------------------------------------------------


def composition(plan: Plan, inputs: DesignInputs) -> Exhibit:
    """Return whether other kinds of people answered, read against chance, and whether that moves D1 and D2."""
    table = layout.table(plan, inputs.wave, "designs.composition")
    for groups in two_group_designs(plan, inputs).values():
        design, (frame, columns) = groups.design, prognostic(plan, groups.people)
        columns = [c for c in columns if groups.name == "D1" or source_of(plan, c) != source_of(plan, design.group)]
        if columns:
            table.numbers(unit=contrasts.points(plan, design.outcome))
            row = table.row(f"{groups.name}.{design.outcome}", groups.heading)
            _composition(plan, row, frame, columns, groups)
    return table.exhibit()


def _composition(plan: Plan, row: Row, frame: pd.DataFrame, columns: list[str], groups: TwoGroups) -> None:
    roles = {"time": "after", "weight": "population_weight"}
    draws = {"draws": plan.matching.placebo_draws, "seed": plan.seed, "session": session_in(plan, frame)}
    change = did_composition.between_waves(frame, columns=columns, **roles, **draws)
    row.number("worst", change.worst, base=len(frame)).declared("grade", change.grade)
    roles |= {"group": groups.group, "outcome": groups.design.outcome, "cluster": groups.cluster}
    test = guarded(did_composition.composition_test, frame, covariates=columns, **roles)
    if isinstance(test, did_composition.CompositionTest):
        row.interval("constant", test.constant).interval("free", test.free).interval("gap", test.difference)
    else:
        row.interval("free", test)
    row.interval("four", guarded(did_composition.four_group, frame, covariates=columns, **roles))


# ---- linkage --------------------------------------------------------------------------------------------------------


def linkage(plan: Plan, inputs: DesignInputs) -> Exhibit:
    """Return linked people beside everybody else who answered the first wave."""
    design = runnable(plan, inputs, "D5")
    panel = linked_rows(plan, inputs, design)[0] if design else None
    if design is None or panel is None:
        return layout.refused(plan, inputs.wave, "designs.linkage")
    frame, names = answered_first(plan, inputs, design, panel)
    linked = int(frame["linked"].sum())
    if not names or min(linked, len(frame) - linked) < plan.sizes.least_people:
        few = TooFew(counts={"linked": linked, "others": len(frame) - linked}, needed=plan.sizes.least_people)
        return layout.refused(plan, inputs.wave, "designs.linkage", few)
    table = layout.table(plan, inputs.wave, "designs.linkage")
    for number, gap in enumerate(did.linkage(frame, linked="linked", columns=names).itertuples()):
        table.row(str(number), _level(plan, gap.column)).number("smd", gap.smd, base=linked)
    return table.exhibit()


def _level(plan: Plan, name: str) -> str:
    column, _, level = name.partition("[")
    code = level.rstrip("]")
    label = plan.levels_of(column).get(code, code.replace("_", " "))
    return f"{plan.label_of(column)}: {label}" if code else plan.label_of(column)
