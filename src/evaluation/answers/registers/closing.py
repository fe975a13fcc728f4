"""The answers of notebooks 08 and 09, in a few figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from evaluation.answers.registers import shelf
from evaluation.answers.registers.searches import Searches, estimates, prepared
from evaluation.answers.registers.shelf import Held, Triples, people, per_cent, plain
from evaluation.answers.words import exhibit, words
from evaluation.errors import EvaluationError
from evaluation.exhibits import Exhibit
from evaluation.programme import actions as doing
from evaluation.programme import events as held_events
from evaluation.programme import representation
from evaluation.study import Plan


def programme_answer(plan: Plan, wave: str, held: Held) -> Exhibit:
    """Return the answer of notebook 08: events, attendances, what was checked, done, refused and reported back."""
    cells: Triples = []
    events, actions = (shelf.register(plan, wave, held, n) for n in ("events", "actions"))
    if events is None:
        cells.append(("Events", "", words(f"answer.08.events.{wave}", "no register of events was supplied")))
    else:
        n = held_events.held(events, heavy_ratio=plan.programme.police_heavy_ratio)
        cells += [
            (
                "Events held",
                "",
                plain(f"answer.08.events.{wave}", n.events, wave, unit="events", universe="events", feature="held"),
            ),
            (
                "Attendances (not people)",
                "",
                people(
                    f"answer.08.attendances.{wave}",
                    n.attendances,
                    wave,
                    unit="attendances",
                    universe="attendances",
                    event="all",
                ),
            ),
        ]
    if actions is None:
        cells.append(("Actions", "", words(f"answer.08.actions.{wave}", "no register of actions was supplied")))
    else:
        cells += _done(plan, wave, held, actions)
    said = "What was done and answered. Whether it made a difference to anybody is another question."
    cells.append(("What this is", "", words(f"answer.08.all.{wave}", said)))
    return exhibit("answer.08", "What did the programme do, hear, answer and cost?", cells, sections=(), wave=wave)


def _done(plan: Plan, wave: str, held: Held, actions: Any) -> Triples:
    n = doing.loop(actions, until=shelf.through(plan, wave, held))
    key = {"unit": "actions", "universe": "actions"}
    return [
        ("Actions raised", "", plain(f"answer.08.actions.{wave}", n.raised, wave, **key, status="any")),
        ("Reported back to people", "", per_cent(f"answer.08.told.{wave}", n.reported_back / n.raised, wave)),
        ("Refused", "", plain(f"answer.08.refused.{wave}", n.refused, wave, **key, status="cannot")),
        (
            "Refused with a written reason",
            "",
            plain(f"answer.08.explained.{wave}", n.explained, wave, **key, status="cannot", reason="yes"),
        ),
    ]


def wider_answer(plan: Plan, wave: str, held: Held) -> Exhibit:
    """Return the answer of notebook 09: the ratio with its bounds, what goes unrecorded, recruits against the goal."""
    cells: Triples = [*_ratio(plan, wave, held), *_unrecorded(plan, wave, held), *_recruits(plan, wave, held)]
    said = f"Context, not a result of {plan.words.programme}. None of these figures explains another."
    cells.append(("What this is", "", words(f"answer.09.all.{wave}", said)))
    return exhibit("answer.09", "How fair are stops, records and recruitment?", cells, sections=(), wave=wave)


def _ratio(plan: Plan, wave: str, held: Held) -> Triples:
    from evaluation.intake import waves

    try:
        margins: Any = waves.margins(plan)
    except EvaluationError:
        margins = {}
    s = prepared(plan, wave, held, margins)
    if s is None:
        return [("Stop and search", "", words(f"answer.09.stops.{wave}", "no counts with residents were supplied"))]
    found = estimates(s)
    cells: Triples = []
    for key, row in (("bounds", "lowest"), ("bounds", "highest"), ("drop", "drop")):
        if key not in found:
            continue
        e = found[key][-1] if row == "highest" else found[key][0]
        cells.append(
            (
                _row_words(plan, s, row),
                "",
                replace(e, id=f"answer.09.stops_{row}.{wave}".lower(), wave=wave, null=None, p=None, n={}),
            )
        )
    return cells


def _row_words(plan: Plan, s: Searches, row: str) -> str:
    how = {
        "lowest": "lowest it can be, whatever those not stated are",
        "drop": "self-defined, not stated left out",
        "highest": "highest it can be, whatever those not stated are",
    }[row]
    pair = f"{plan.programme.stop_group} residents' search rate over {plan.programme.stop_comparator} residents'"
    return f"{pair}, {s.area}, {s.period}, {s.described}: {how}"


def _unrecorded(plan: Plan, wave: str, held: Held) -> Triples:
    rows = shelf.register(plan, wave, held, "victim_recording")
    if rows is None:
        return [
            (
                "Victims without a recorded ethnic group",
                "",
                words(f"answer.09.recording.{wave}", "no register was supplied"),
            )
        ]
    last = rows.sort_values("period").iloc[-1]
    return [
        (
            f"Victims whose ethnic group was left blank, {last['period']}",
            "",
            per_cent(
                f"answer.09.recording.{wave}",
                float(last["blank"]) / float(last["victims"]),
                wave,
                base=int(last["victims"]),
            ),
        )
    ]


def _recruits(plan: Plan, wave: str, held: Held) -> Triples:
    rows = shelf.register(plan, wave, held, "recruitment")
    joined = None if rows is None else rows[(rows["stage"] == "joined") & (rows["group_type"] == "ethnicity")]
    label = f"Recruits against the goal of not less than {100 * plan.programme.recruit_goal:.0f} per cent"
    if joined is None or joined.empty:
        return [(label, "", words(f"answer.09.recruits.{wave}", "no counts were supplied"))]
    row = joined.sort_values("year_ending").iloc[-1]
    try:
        g = representation.against_goal(
            int(row.n_people), int(row.n_total), int(row.n_unknown), goal=plan.programme.recruit_goal
        )
    except EvaluationError as refused:
        return [(label, "", words(f"answer.09.recruits.{wave}", refused.what))]
    return [
        (
            f"{label}, {row.group}, year to {shelf.day_words(row.year_ending)}",
            "",
            words(f"answer.09.recruits.{wave}", g.met),
        )
    ]
