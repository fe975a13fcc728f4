"""Which exhibits a study has inputs for: one whose inputs the plan never declared is absent, not empty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from evaluation.analysis.levels import has_shares
from evaluation.exhibit import Exhibit, Item, Text
from evaluation.plan.study import Plan

TREATMENT, GROUPS, DESIGNS, PLACES, LINKED, BEFORE = "treatment", "groups", "designs", "places", "linked", "before"
NEEDS = {  # how an exhibit's id begins, and what of the plan it is about; the first that fits
    "arms.claims": "claims",
    "arms.": TREATMENT,
    "design.routes": "routes",
    "design.": TREATMENT,
    "attend.claimed": "claims",
    "attend.reasons": "reasons",
    "attend.doses": "dose",
    "attend.sources": "boost",
    "attend.": TREATMENT,
    "answer.03": TREATMENT,
    "answer.04": TREATMENT,
    "answer.06": BEFORE,
    "answer.07": TREATMENT,
    "model.planned": TREATMENT,
    "model.gap": GROUPS,
    "model.linked": LINKED,
    "weights.group": GROUPS,
    "levels.own": GROUPS,
    "levels.pooled": GROUPS,
    "lots.": "lots",
    "levels.trust": "scales",
    "scales.": "scales",
    "gap.": GROUPS,
    "change.": BEFORE,
    "designs.recall": "recall",
    "designs.linkage": LINKED,
    "designs.places": PLACES,
    "designs.times": PLACES,
    "designs.fooled": PLACES,
    "designs.shocks": "shocks",
    "designs.sides": "sides",
    "designs.": DESIGNS,
    "sensitivity.nonresponse": "shares",
    "sensitivity.levels": "",
    "sensitivity.window": "window",
    "sensitivity.controls": "controls",
    "sensitivity.": TREATMENT,
    "mediation.": "mediation",
    "reporting.": "mediation",
    "power.detectable": TREATMENT,
    "power.precision": "sessions",
    "who.collection": "collected",
    "who.completion": "collected",
    "next.sizes": "shares",
    "next.harmonised": "external_surveys",
    "answer.11": "shares",
    "costs.": "events",
    "value.": "events",
    "actions.": "actions",
    "feedback.": "feedback",
    "iag.": "iag_meetings",
    "events.": "events",
    "stops.": "stop_search",
    "indicators.": "indicators",
    "theory.": "indicators",
    "recruitment.": "recruitment",
    "context.register": "context_figures",
    "context.figures": "context_figures",
    "context.surveys": "external_surveys",
    "context.trend": "trend",
    "context.partners": "partners",
    "history.": "history",
    "initiatives.": "initiatives",
    "recording.": "victim_recording",
}

ROWS = {  # the same for the rows of an exhibit, by the beginning of a result's id
    "attend": TREATMENT,
    "say.attend": TREATMENT,
    "say.change": BEFORE,
    "say.gap": GROUPS,
    "next.attendees": TREATMENT,
    "next.others": TREATMENT,
    "next.linked": LINKED,
    "next.never": LINKED,
    "next.sessions": "sessions",
    "answer.11.attendees": TREATMENT,
    "answer.11.others": TREATMENT,
    "answer.11.linked": LINKED,
    "answer.11.never": LINKED,
    "answer.11.sessions": "sessions",
    "weights.clustered": "sessions",
    "dose.": "dose",
    "sources.": "boost",
    "n.arm.second": "second",
    "n.arm.both": "second",
    "n.arm.aside": "aside",
}
SECTIONS = {  # of the policy report; any one of them suffices
    3: ("described", "events"),
    6: ("scales",),
    7: (TREATMENT,),
    8: (BEFORE,),
    9: ("feedback",),
    10: ("actions",),
    11: (
        "stop_search",
        "victim_recording",
        "recruitment",
        "context_figures",
        "external_surveys",
        "partners",
        "history",
        "initiatives",
        "indicators",
    ),
    12: ("events",),
}
UNASKED = {
    TREATMENT: "This study names no treatment, so the question of this notebook does not arise.",
    BEFORE: "This study has one wave, so no change can be seen.",
    "shares": "The outcome is a number: how many people a change in percentage points needs is not asked.",
}


def applied(plan: Plan, wave: str, exhibit: Exhibit) -> Exhibit | None:
    """Return an exhibit as a study may publish it.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    wave : str
        The report's wave.
    exhibit : Exhibit
        What a notebook offers.

    Returns
    -------
    Exhibit or None
        Itself; a notebook's answer that the question does not arise; None where the study declares nothing of it.
    """
    if declared(plan, exhibit.id):
        held = of(plan)
        kept = tuple(i for i in exhibit.items if (n := _need_of_row(i.result.id)) == "" or n in held)
        if len(kept) == len(exhibit.items):
            return exhibit
        if kept or not exhibit.id.startswith("answer."):
            return replace(exhibit, items=kept) if kept else None
    if not exhibit.id.startswith("answer."):
        return None
    words = Text(f"{exhibit.id}.all.{wave}".lower(), UNASKED[_need(exhibit.id) or TREATMENT])
    return replace(exhibit, items=(Item("Answer", "", words),))


def of(plan: Plan) -> frozenset[str]:
    """Return what a plan declares: names of `NEEDS`, and its registers.

    Parameters
    ----------
    plan : Plan
        Plan of the study.

    Returns
    -------
    frozenset of str
        Such as "treatment", "groups", "events".
    """
    t, designs = plan.treatment, plan.designs.values()
    questions = plan.codebook.table("survey").variables.values() if plan.codebook else ()
    registers = {*plan.programme.registers, t.register_name, plan.events_register}
    held = {
        TREATMENT: bool(t.column),
        "claims": bool(t.register_name),
        "reasons": any(t.column and t.column in v.route for v in questions if v.type == "multi"),
        "collected": any(v.role == "collection" and (v.levels or v.type == "id") for v in questions),
        "shares": plan.codebook is None or has_shares(plan, plan.outcomes.primary),
        "shocks": bool(designs) and (plan.codebook is None or has_shares(plan, plan.outcomes.primary)),
        "routes": bool(t.route_columns),
        "dose": bool(t.dose_column),
        "recall": bool(t.retrospective_column),
        "boost": bool(plan.population.boost_column),
        "sides": plan.exposure is not None or any(len(d.group_levels) == 2 for d in designs),
        GROUPS: any(len(d.group_levels) == 2 for d in designs),
        DESIGNS: bool(plan.designs),
        LINKED: bool(t.link_column),
        PLACES: plan.exposure is not None,
        "scales": bool(plan.scales),
        "controls": bool(plan.outcomes.negative_controls or plan.sensitivity.negative_exposures),
        "window": bool(plan.sensitivity.disorder_window),
        BEFORE: len(plan.waves) > 1,
        "lots": bool(plan.lots),
        "described": bool(plan.words.programme_description.strip()),
        "sessions": bool(plan.population.session_column),
        "second": bool(t.second_column),
        "aside": bool(t.aside_column),
        "trend": bool(plan.codebook and plan.codebook.harmonised) and "external_surveys" in registers,
        "mediation": any(v.role == "mediator" for v in questions),
    }
    return frozenset(k for k, v in held.items() if v) | (registers - {""})


def declared(plan: Plan, exhibit: str) -> bool:
    """Return whether a study declares what an exhibit is about.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    exhibit : str
        Id of the exhibit.

    Returns
    -------
    bool
        True also where the exhibit needs nothing that a plan may leave out.
    """
    need = _need(exhibit)
    return not need or need in of(plan)


def has_section(plan: Plan, number: int) -> bool:
    """Return whether a study declares what a section of the policy report is about.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    number : int
        The section's number among all.

    Returns
    -------
    bool
        True also for a section that every study has.
    """
    return number not in SECTIONS or bool(of(plan) & set(SECTIONS[number]))


def has_notebook(plan: Plan, number: str) -> bool:
    """Return whether a study asks the question of a notebook.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    number : str
        Its number, as "05".

    Returns
    -------
    bool
        08 and 09 need registers; 07 is also about who did not answer.
    """
    if number in ("08", "09"):
        return bool(plan.programme.registers)
    return number == "07" or _first(NEEDS, f"answer.{number}") in ("", "shares") or declared(plan, f"answer.{number}")


def has_words(plan: Plan, name: str) -> bool:
    """Return whether a study has what a word of its plan names.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    name : str
        A key of `[words]`.

    Returns
    -------
    bool
        Groups need a design that names them, attendees a treatment, other words that the plan gives them.
    """
    if name in ("treated", "untreated"):
        return bool(plan.treatment.column)
    if name in ("focus_group", "comparison_group"):
        return GROUPS in of(plan)
    return name in plan.words.model_fields_set


def _need(exhibit: str) -> str:
    return _first(NEEDS, exhibit)


def _need_of_row(id: str) -> str:
    """Return what a row is about: by the beginning of its id, or of what its id is about ("verdict.attend...")."""
    return _first(ROWS, id) or _first(ROWS, id.partition(".")[2])


def _first(needs: Mapping[str, str], id: str) -> str:
    return next((need for start, need in needs.items() if id.startswith(start)), "")
