"""What a plan names and nothing defines: variables, levels, roles, waves; every fault a line, with the nearest word."""

from __future__ import annotations

import keyword
from collections.abc import Iterable
from typing import Any

from evaluation.errors import nearest
from evaluation.plan import lot_checks, standards
from evaluation.plan.sense import senseless

RESERVED = frozenset(  # columns that the study adds to those of the survey, and names that a formula reads otherwise
    {"wave", "link", "respondent", "resp_id", "session", "boost", "source", "dose", "treated", "attended", "exposed"}
    | {"unit", "place", "after", "member", "group", "answer", "weight", "period", "positive", "mean", "share", "taken"}
    | {"linked", "first", "time", "person", "chance", "x", "y", "t", "id", "C", "Q", "I", "Intercept", "np", "index"}
    | {"population_weight", "comparison_weight", "match_weight", "analysis_weight", "linkage_weight", "everybody"}
)


def plan_faults(plan: Any) -> list[str]:
    """Return what a plan names and nothing defines.

    Parameters
    ----------
    plan : Plan
        A plan with its codebook.

    Returns
    -------
    list of str
        A line for every unknown variable, level, role, wave or outcome, with the nearest known word.
    """
    known = {*plan.codebook.names(), *plan.derive}
    outcomes, waves = known | set(plan.scales), set(plan.waves)
    t, pop, match = plan.treatment, plan.population, plan.matching
    columns = {
        "exclusions": [e.column for e in plan.exclusions],
        "covariates": [*plan.covariates],
        "scales": [i for s in plan.scales.values() for i in s.items],
        "treatment": [
            t.column,
            t.second_column,
            t.aside_column,
            t.dose_column,
            t.first_month_column,
            t.retrospective_column,
            t.link_column,
            *t.route_columns,
        ],
        "population": [pop.boost_column, pop.session_column, pop.strata_column, *(c.column for c in pop.collapse)],
        "sensitivity.subsets": [s.column for s in plan.sensitivity.subsets],
    }
    faults = _unknown("derive", [d.source for d in plan.derive.values()], set(plan.codebook.names()))
    for where, names in columns.items():
        faults += _unknown(where, names, known)
    faults += _unknown("outcomes", plan.all_outcomes, outcomes)
    faults += _unknown("designs", [d.outcome for d in plan.designs.values()], outcomes)
    faults += _unknown("matching", [*match.prognostic, *match.exact], set(plan.covariates), "covariate")
    for name, design in plan.designs.items():
        faults += _unknown(f"designs.{name}.group", [design.group], known)
        faults += _unknown(f"designs.{name}.waves", design.waves, waves, "wave")
    faults += _unusable_names({*plan.covariates, *plan.all_outcomes, *(c for c in columns["scales"])})
    faults += [f for name, crosswalk in plan.crosswalks.items() for f in _crosswalk(plan, name, crosswalk, known)]
    return faults + _wrong_roles(plan) + _unknown_levels(plan) + senseless(plan) + lot_checks.lot_faults(plan)


def _crosswalk(plan: Any, name: str, crosswalk: Any, known: set[str]) -> list[str]:
    """Return a line for each column, version and group that a crosswalk names and nothing defines."""
    where = f"crosswalks.{name}"
    versions = _unknown(where, (crosswalk.before, crosswalk.after), set(standards.VERSIONS), "version")
    faults = _unknown(f"{where}.column", [crosswalk.column], known) + versions
    if faults:
        return faults
    if crosswalk.before == crosswalk.after:
        faults.append(f"- {where}: before and after are the same list")
    groups = {str(c) for c in plan.levels_of(crosswalk.column)}
    named = [*crosswalk.shares, *(g for parts in crosswalk.shares.values() for g in parts)]
    return faults + _unknown(f"{where}.shares", dict.fromkeys(named), groups, f"level of {crosswalk.column!r}:")


def _unusable_names(names: Iterable[str]) -> list[str]:
    """Return a line for each column whose name the study uses itself, or that cannot stand in a formula."""
    return [
        f"- {n!r}: a column cannot bear this name; call it {n}_asked, say, in the codebook and here"
        for n in sorted(names)
        if n in RESERVED or keyword.iskeyword(n) or not n.isidentifier()
    ]


def _unknown(where: str, names: Iterable[str], among: set[str], kind: str = "variable") -> list[str]:
    faults = []
    for name in names:
        if name and name not in among:
            hint = nearest(name, among)
            faults.append(f"- {where}: unknown {kind} {name!r}" + (f"; did you mean {hint!r}?" if hint else ""))
    return faults


def _wrong_roles(plan: Any) -> list[str]:
    """Return a line for each covariate, outcome or treatment whose role in the codebook is another."""
    named = plan.outcomes
    answers = [named.primary, *named.secondary, *named.exploratory]
    wanted = {
        "covariates": (list(plan.covariates), {"design"}, "attendance could have changed it"),
        "treatment": ([plan.treatment.column, plan.treatment.second_column], {"treatment"}, "it is not what was done"),
        "outcomes": (answers, {"outcome", "mediator"}, "it is no outcome"),
        "outcomes.negative_controls": (list(named.negative_controls), {"control", "outcome"}, "it is no outcome"),
    }
    faults = []
    for where, (names, roles, why) in wanted.items():
        for name in names:
            source = plan.derive[name].source if name in plan.derive else name
            if source in plan.codebook.names() and (role := plan.codebook.role(source)) not in roles:
                faults.append(f"- {where}: {name!r} has role {role!r} in the codebook; {why}")
    return faults


def _unknown_levels(plan: Any) -> list[str]:
    """Return a line for each level that the plan names and its column does not have."""
    t, pop = plan.treatment, plan.population
    named = [
        ("treatment.treated", t.column, t.treated),
        ("treatment.untreated", t.column, t.untreated),
        ("treatment.aside_levels", t.aside_column, t.aside_levels),
        ("population.boost_sources", pop.boost_column, pop.boost_sources),
        *((f"exclusions, {e.step}", e.column, (*e.keep, *e.drop)) for e in plan.exclusions),
        *((f"derive.{n}.map", d.source, tuple(k for k in d.map if k != "*")) for n, d in plan.derive.items()),
        *((f"sensitivity.subsets, {s.name}", s.column, (*s.keep, *s.drop)) for s in plan.sensitivity.subsets),
        *((f"designs.{n}.group_levels", d.group, d.group_levels) for n, d in plan.designs.items()),
    ]
    faults = []
    for where, column, levels in named:
        if column in plan.derive:
            known = {*plan.levels_of(column)}
        elif column in plan.codebook.names() and plan.codebook.levels(column):
            variable = plan.codebook.variable(column)
            known = {*map(str, variable.levels), *variable.extra_levels}
        else:
            continue
        faults += _unknown(where, levels, known, f"level of {column!r}:")
    return faults
