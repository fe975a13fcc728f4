"""What a plan says that cannot be meant: two arms that are one, sizes out of order, levels that lead nowhere."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from evaluation.errors import nearest

ARMS = ("first", "second", "both", "neither")
APART = (("treated", "untreated"), ("treated_short", "untreated_short"), ("focus_group", "comparison_group"))


def senseless(plan: Any) -> list[str]:
    """Return a line for everything that the plan says and cannot mean.

    Parameters
    ----------
    plan : Plan
        A plan with its codebook.

    Returns
    -------
    list of str
        One line each: where, what is wrong, the nearest known word.
    """
    return [
        *_arms(plan),
        *_designs(plan),
        *_words(plan),
        *_sizes(plan),
        *_drawn(plan),
        *_derived(plan),
        *_registers(plan),
        *_windows(plan),
    ]


def _arms(plan: Any) -> Iterator[str]:
    t = plan.treatment
    for name in ("treated", "untreated") if t.column else ():
        if not getattr(t, name):
            yield f"- treatment.{name}: names no level"
    both = sorted(set(t.treated) & set(t.untreated))
    if both:
        yield f"- treatment: {', '.join(map(repr, both))} is both treated and untreated"
    if t.second_column and t.second_column == t.column:
        yield f"- treatment.second_column: it is the first programme's column {t.column!r}"
    for key in t.arms:
        if key not in ARMS:
            yield f"- treatment.arms: unknown arm {key!r}; the arms are {', '.join(ARMS)}"
    if t.column and not plan.covariates:
        yield "- covariates: people can be compared only if they are alike in something: name what was fixed beforehand"
    if t.nobody_before is not None and t.nobody_before not in plan.waves[1:]:
        yield f"- treatment.nobody_before: {t.nobody_before!r} is no wave with another before it"
    doubled = _doubled(t.arms.values())
    if doubled:
        yield f"- treatment.arms: {', '.join(map(repr, doubled))} stands for two arms"


def _designs(plan: Any) -> Iterator[str]:
    for name, design in plan.designs.items():
        yield from _unused(plan, name, design)
        if _doubled(design.group_levels):
            yield f"- designs.{name}.group_levels: the two groups are one"
        if _doubled(design.waves):
            yield f"- designs.{name}.waves: the two waves are one"


def _unused(plan: Any, name: str, design: Any) -> Iterator[str]:
    """Yield a line for a design that no code runs, what it lacks, and what its code would not use."""
    where, kind = f"- designs.{name}", name[:2]
    if not re.fullmatch("D[1-5][a-z]?", name):
        yield f"{where}: no such design; they are {', '.join(NEEDED)}, and D5b for a second D5"
        return
    for what, lacks in NEEDED[kind].items():
        if not lacks(plan, design):
            yield f"{where}: a {kind} needs {what}"
    if kind != "D2" and (design.group or design.group_levels):
        yield f"{where}.group: a {kind} does not compare groups by a column; take it out, or plan a D2"
    if len(design.waves) != (1 if kind == "D4" else 2):
        yield f"{where}.waves: a {kind} is about {'one wave' if kind == 'D4' else 'two waves'}"


NEEDED: dict[str, dict[str, Callable[[Any, Any], bool]]] = {
    "D1": {"[exposure]: which places were reached": lambda p, _: p.exposure is not None},
    "D2": {"a group and two group_levels": lambda _, d: bool(d.group) and len(d.group_levels) == 2},
    "D3": {
        "[treatment] column": lambda p, _: bool(p.treatment.column),
        "[covariates], by which people are alike": lambda p, _: bool(p.covariates),
    },
    "D4": {
        "[treatment] column": lambda p, _: bool(p.treatment.column),
        "[treatment] retrospective_column": lambda p, _: bool(p.treatment.retrospective_column),
    },
    "D5": {
        "[treatment] column": lambda p, _: bool(p.treatment.column),
        "[treatment] link_column": lambda p, _: bool(p.treatment.link_column),
    },
}


def _doubled(names: Iterable[str]) -> list[str]:
    found = [str(w) for w in names]
    return sorted({w for w in found if [x.casefold() for x in found].count(w.casefold()) > 1})


def _words(plan: Any) -> Iterator[str]:
    """Yield a line for words that tell two groups apart and are the same."""
    for one, other in APART:
        if getattr(plan.words, one).casefold() == getattr(plan.words, other).casefold():
            yield f"- words: {one} and {other} are the same words"


def _sizes(plan: Any) -> Iterator[str]:
    sizes, outcomes = plan.sizes, plan.outcomes
    for kind in ("people", "sessions"):
        if getattr(sizes, f"indicative_{kind}") < getattr(sizes, f"least_{kind}"):
            yield f"- sizes: indicative_{kind} is less than least_{kind}"
    if plan.matching.flag_smd > plan.matching.fail_smd:
        yield "- matching: flag_smd is more than fail_smd"
    named = [*outcomes.secondary, *outcomes.exploratory, *outcomes.negative_controls, outcomes.primary]
    for name in _doubled(named):
        yield f"- outcomes: {name!r} stands in two families, or twice in one"
    for name, scale in plan.scales.items():
        if scale.least_items > len(scale.items):
            yield f"- scales.{name}: least_items is more than its {len(scale.items)} items"
        if _doubled(scale.items):
            yield f"- scales.{name}: an item stands twice"


def _drawn(plan: Any) -> Iterator[str]:
    """Yield a line for strata and finite populations of a sample that nobody drew, or that do not fit each other."""
    pop = plan.population
    for key in ("strata_column", "size"):
        if getattr(pop, key) is not None and pop.sample != "probability":
            yield f'- population: {key} is of a sample that was drawn; say sample = "probability", or take it out'
    if pop.size is not None and isinstance(pop.size, dict) != (pop.strata_column is not None):
        how = "a table by stratum" if pop.strata_column is not None else "a number, for there is no strata_column"
        yield f"- population: size should be {how}"


def _derived(plan: Any) -> Iterator[str]:
    """Yield a line for each derived column with levels that lead nowhere, or cuts that cut nothing."""
    out = {(e.column, level) for e in plan.exclusions for level in e.drop}
    for name, made in plan.derive.items():
        if made.cuts:
            if len(made.levels) != len(made.cuts) + 1:
                yield f"- derive.{name}: has cuts, and not one level more than cuts"
            if not all(a < b for a, b in itertools.pairwise(made.cuts)):
                yield f"- derive.{name}: each cut should be above the one before"
        for level in sorted(set(made.labels) - set(made.map.values()) - set(made.levels)):
            hint = nearest(level, [*made.map.values(), *made.levels])
            yield f"- derive.{name}.labels: unknown level {level!r}" + (f"; did you mean {hint!r}?" if hint else "")
        if _doubled(made.labels.values()):
            yield f"- derive.{name}.labels: two levels have the same words"
        if made.source in plan.codebook.names() and made.map and "*" not in made.map:
            levels = {str(c) for c in plan.codebook.levels(made.source)}
            lost = sorted(c for c in levels - set(made.map) if (made.source, c) not in out)
            if lost:
                yield f"- derive.{name}.map: {', '.join(map(repr, lost))} of {made.source!r} becomes nothing"


def _registers(plan: Any) -> Iterator[str]:
    """Yield a line for each register, or column of one, that the codebook lacks."""
    known = [n for n in plan.codebook.tables if n != "survey"]
    t, place = plan.treatment, plan.exposure
    named = [("programme.registers", r) for r in plan.programme.registers]
    named += [("treatment.register", t.register_name)] if t.register_name else []
    named += [("exposure.register", plan.events_register)] if plan.events_register else []
    for where, name in named:
        if name not in known:
            hint = nearest(name, known)
            yield f"- {where}: the codebook has no register {name!r}" + (f"; did you mean {hint!r}?" if hint else "")
    columns = [("treatment.register_date", t.register_name, t.register_date)]
    if place and place.reached is not None:
        yield from _reached(plan)
    elif place:
        columns += [(f"exposure.{n}", place.register_name, getattr(place, n)) for n in ("area_column", "ward_column")]
    for wave in place.pre_waves if place else ():
        if wave not in plan.waves:
            yield f"- exposure.pre_waves: unknown wave {wave!r}"
    for where, register, column in columns:
        if column and register in known and column not in plan.codebook.names(register):
            hint = nearest(column, plan.codebook.names(register))
            yield f"- {where}: {register!r} has no column {column!r}" + (f"; did you mean {hint!r}?" if hint else "")


def _reached(plan: Any) -> Iterator[str]:
    """Yield a line for each place that is said to be reached and is none, and for a first wave that has none before."""
    place = plan.exposure
    if place.since is None or place.since not in plan.waves[1:]:
        yield "- exposure.since: the first wave held after places were reached, with another before it"
    if place.area_column not in {*plan.codebook.names(), *plan.derive}:
        yield f"- exposure.area_column: unknown variable {place.area_column!r}"
        return
    known = {str(c) for c in plan.levels_of(place.area_column)}
    for level in place.reached:
        if level not in known:
            hint = nearest(level, known)
            yield f"- exposure.reached: unknown level {level!r}" + (f"; did you mean {hint!r}?" if hint else "")


def _windows(plan: Any) -> Iterator[str]:
    window = plan.sensitivity.disorder_window
    if not window:
        return
    try:
        days = [dt.date.fromisoformat(d) for d in window]
    except ValueError:
        days = []
    if len(days) != 2 or days[0] > days[1]:
        yield "- sensitivity.disorder_window: a first and a last day, as 2022-08-28"
