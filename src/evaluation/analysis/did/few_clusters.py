"""What is shown beside the designs: what few places can carry, who answered, who let answers be linked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from evaluation import exhibit as w
from evaluation.analysis import contrasts, layout
from evaluation.analysis.attendee_effect import guarded
from evaluation.analysis.did.designs import Triples, cell, exposed_frame, runnable
from evaluation.analysis.did.exposed_places import WORDS, prognostic, reached_share, source_of
from evaluation.analysis.did.group_gap import grouped
from evaluation.analysis.did.inputs import Evidence
from evaluation.analysis.did.linked_panel import UNLINKED, answered_first, linked_rows
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Design, Plan
from evaluation.results import NotIdentified, TooFew
from evaluation.statistics import did
from evaluation.statistics.did import composition as did_composition

# ---- few places ----------------------------------------------------------------------------------------------------


def few_places(plan: Plan, found: Evidence) -> Exhibit:
    """Return D1 by every way of testing few places, without each place in turn, and attendance as the first stage."""
    held, unit = exposed_frame(plan, found), contrasts.points(plan, plan.outcomes.primary)
    if held is None:
        few = NotIdentified("there are fewer than two places on one side", "Events in two places or more, two without.")
        return layout.refused(plan, found.wave, "designs.places", few)
    design, frame = held
    triples: Triples = []
    words = {**WORDS, "outcome": design.outcome}
    base = min(did.cell_counts(frame["exposed"].to_numpy(), frame["after"].to_numpy()).values())
    for row in did.companions(frame, **words, draws=9999, seed=plan.seed):
        stem = f"places.{row['test'].replace(' ', '-').replace(',', '')}.all.{found.wave}"
        ends = {} if row["test"].startswith("wild") else {"low": row["low"], "high": row["high"]}
        number = w.measure(f"{stem}.value", row["value"], unit, base=base, wave=found.wave, **ends)
        triples.append((row["test"], "Difference in change", number))
        triples.append((row["test"], "p", w.measure(f"{stem}.p", row["p"], "", base=base, wave=found.wave)))
        least = f"{row['smallest_p']:.2g}" if row["smallest_p"] > 0 else "any"
        if row["smallest_p"] > 0.05:
            least += ": it cannot reach 0.05"
        triples.append((row["test"], "Smallest p it can reach", w.words(f"{stem}.least", least)))
    without = did.leave_one_out(frame, **words)
    for place, made in enumerate(without.itertuples()):
        row = f"Without {_place(plan, made.area)} ({'reached' if made.side else 'not reached'})"
        number = w.measure(f"places.without{place}.all.{found.wave}", made.value, unit, base=base, wave=found.wave)
        triples.append((row, "Difference in change", number))
    triples += _first_stage(plan, found, design, frame, base)
    return layout.table(plan, found.wave, "designs.places").add(triples).exhibit()


def _place(plan: Plan, code: str) -> str:
    e = plan.exposure
    known = {**plan.levels_of(e.area_column), **(plan.levels_of(e.ward_column) if e.ward_column else {})} if e else {}
    return str(known.get(code, code))


def _first_stage(plan: Plan, found: Evidence, design: Design, frame: pd.DataFrame, base: int) -> Triples:
    """Return attendance by place and by side, and the change per person reached with its Anderson-Rubin range."""
    known, stem = reached_share(plan, found, design, frame), f"places.attended.all.{found.wave}"
    if known is None:
        return [("Attendance", "Share who attended", w.words(f"{stem}.none", "attendance was not asked"))]
    after, out = known[known["after"] == 1], []
    for flag, side in ((1.0, "Places reached"), (0.0, "Places not reached")):
        out.append(
            (side, "Share who attended", _attended(f"{stem}.{int(flag)}", after[after["exposed"] == flag], found))
        )
    for number, (code, rows) in enumerate(after.groupby("unit")):
        if len(rows) >= plan.sizes.least_people:
            label = f"Attendance: {_place(plan, str(code))}"
            out.append((label, "Share who attended", _attended(f"{stem}.place{number}", rows, found)))
    ratio = guarded(did.wald_ratio, known, outcome=design.outcome, taken="taken", **WORDS)
    row, unit = "Change per person reached", contrasts.points(plan, design.outcome)
    if isinstance(ratio, NotIdentified):
        cell: Any = w.words(f"{stem}.ratio", ratio.reason)
    elif ratio.bounded:
        cell = w.measure(f"{stem}.ratio", ratio.value, unit, base=base, wave=found.wave, low=ratio.low, high=ratio.high)
    else:
        cell = w.words(f"{stem}.ratio", "its range is not closed: attendance differs too little between the places")
    strength = getattr(ratio, "first_stage_f", None)
    if strength is not None and math.isfinite(strength):
        out.append(
            (
                "Strength of the first stage (F)",
                "Difference in change",
                w.measure(f"{stem}.f", strength, "", base=base, wave=found.wave, decimals=1),
            )
        )
    return [*out, (row, "Difference in change", cell)]


def _attended(id: str, rows: pd.DataFrame, found: Evidence) -> Any:
    count = int(rows["taken"].sum())
    if min(count, len(rows) - count) < 10:
        return w.words(id, "under 10 people attended" if count < 10 else "all but a few attended")
    share = 100 * float(np.average(rows["taken"], weights=rows["population_weight"]))
    return w.measure(id, round(share), "per cent", base=len(rows), wave=found.wave, decimals=0)


# ---- who answered --------------------------------------------------------------------------------------------------


def composition(plan: Plan, found: Evidence) -> Exhibit:
    """Return whether other kinds of people answered, read against chance, and whether that moves D1 and D2."""
    triples: Triples = []
    held, d2 = exposed_frame(plan, found), runnable(plan, found, "D2")
    session = plan.population.session_column
    for name, design, frame, group in (
        ("D1", held[0] if held else None, held[1] if held else None, "exposed"),
        ("D2", d2, grouped(found, d2, d2.group).dropna(subset=["member"]) if d2 else None, "member"),
    ):
        if design is None or frame is None:
            continue
        frame, columns = prognostic(plan, frame)
        columns = [c for c in columns if name != "D2" or source_of(plan, c) != source_of(plan, design.group)]
        if not columns:
            continue
        stem, row = f"composition.{name}.{design.outcome}.{found.wave}", f"{name} {design.title}"
        seen = did_composition.between_waves(
            frame,
            time="after",
            columns=columns,
            session=session if session in frame else None,
            weight="population_weight",
            draws=plan.matching.placebo_draws,
            seed=plan.seed,
        )
        worst = w.measure(f"{stem}.worst", seen.worst, "SD", base=len(frame), wave=found.wave)
        triples.append((row, "Largest difference between waves", worst))
        reading = {
            "pass": "as chance would give",
            "flag": "more than chance in nine of ten",
            "fail": "more than chance",
        }
        triples.append((row, "Read against chance", w.words(f"{stem}.grade", reading[seen.grade])))
        cluster = "unit" if name == "D1" else session if session in frame else None
        words = {"outcome": design.outcome, "group": group, "time": "after", "covariates": columns}
        words |= {"weight": "population_weight", "cluster": cluster}
        test = guarded(did_composition.composition_test, frame, **words)
        four = guarded(did_composition.four_group, frame, **words)
        unit = contrasts.points(plan, design.outcome)
        if isinstance(test, did_composition.CompositionTest):
            triples += [
                (row, "Composition taken as constant", cell(f"{stem}.constant", test.constant, found.wave, unit)),
                (row, "Composition free to change", cell(f"{stem}.free", test.free, found.wave, unit)),
                (row, "The two differ by", cell(f"{stem}.gap", test.difference, found.wave, unit)),
            ]
        else:
            triples.append((row, "Composition free to change", cell(f"{stem}.free", test, found.wave, unit)))
        triples.append((row, "All cells weighted to the group before", cell(f"{stem}.four", four, found.wave, unit)))
    if not triples:
        said = w.words(f"composition.none.all.{found.wave}", "no characteristic was asked of everybody in both waves")
        triples = [("No design", "Read against chance", said)]
    return layout.table(plan, found.wave, "designs.composition").add(triples).exhibit()


# ---- linkage -------------------------------------------------------------------------------------------------------


def linkage(plan: Plan, found: Evidence) -> Exhibit:
    """Return linked people beside everybody else who answered the first wave."""
    title, design = "Who let their answers be linked?", runnable(plan, found, "D5")
    panel = linked_rows(plan, found, design)[0] if design else None
    if design is None or panel is None:
        return layout.refused(plan, found.wave, "designs.linkage", UNLINKED, heading=title)
    frame, names = answered_first(plan, found, design, panel)
    linked = int(frame["linked"].sum())
    if not names or min(linked, len(frame) - linked) < plan.sizes.least_people:
        few = TooFew(counts={"linked": linked, "others": len(frame) - linked}, needed=plan.sizes.least_people)
        return layout.refused(plan, found.wave, "designs.linkage", few, heading=title)
    triples: Triples = []
    for number, row in enumerate(did.linkage(frame, linked="linked", columns=names).itertuples()):
        name = _level(plan, row.column)
        gap = w.measure(f"linkage.{number}.all.{found.wave}", row.smd, "SD", base=linked, wave=found.wave)
        triples.append((name, "Linked less others", gap))
    return layout.table(plan, found.wave, "designs.linkage", heading=title).add(triples).exhibit()


def _level(plan: Plan, name: str) -> str:
    column, _, level = name.partition("[")
    code = level.rstrip("]")
    label = plan.levels_of(column).get(code, code.replace("_", " "))
    return f"{plan.label_of(column)}: {label}" if code else plan.label_of(column)
