"""The designs as exhibits: the forest with its refusals, every cell counted, what each assumes, recall, shocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from evaluation.answers import words as w
from evaluation.answers.designs.evidence import Evidence
from evaluation.answers.designs.held import said
from evaluation.answers.designs.running import REFUSED, unmet
from evaluation.answers.designs.same_people import linked_rows
from evaluation.estimates import Estimate, NotIdentified, TooFew
from evaluation.exhibits import Exhibit
from evaluation.study import Plan


class Reading(NamedTuple):
    """What a design asks and assumes, what would have to be so, and what it leaves in."""

    question: str
    assumes: str
    had_to_be: str
    left_in: str


ASSUMES = {
    "D1": Reading(
        "Did answers change more in places that events reached than in other places?",
        "Places would have changed alike without events, and the same kinds of people answered each time.",
        "No other news or policing moved places with events only, and nobody's answer was moved by events elsewhere.",
        "People who never came are in it: it is about a place, not about attending.",
    ),
    "D2": Reading(
        "Did the gap between the two groups change between the surveys?",
        "News and policing moved both groups alike between the surveys.",
        "Without the programme the gap would have stayed as it was; and events moved one group only.",
        "Anything that moved one group only is in it.",
    ),
    "D3": Reading(
        "Did people like those who attend change more than people unlike them?",
        "Who attends can be told from age, sex, area and the like, in the same way in both years.",
        "People came for reasons that the questionnaire holds, not because they already trusted the police.",
        "People who came because they already trusted the police are not accounted for.",
    ),
    "D4": Reading(
        "Do people who came say that their answer moved more than people who did not come?",
        "Memory of then is coloured alike among those who came and those who did not.",
        "People remember what they would have answered, whatever they feel now.",
        "Memory is coloured by how one feels now.",
    ),
    "D5": Reading(
        "Did the same people change more when they had newly come than when they never came?",
        "Those who newly came would have changed like those who never did.",
        "Nothing that made people come also moved their answers, and those linked are like others.",
        "People who let their answers be linked are few and not typical; answering twice can itself change answers.",
    ),
}
MAY_SAY = {
    "effect": "is consistent with: one earlier survey cannot show that the groups were moving alike",
    "association": "went with: no cause is claimed",
    "exploratory": "hints at: nothing was planned, or an assumption is known to be doubtful",
    "descriptive": "was: a description",
}


def forest(plan: Plan, found: Evidence, results: Sequence[Any], refusal: Any) -> Exhibit:
    """Return each design's estimate or refusal, the refused change of attendees first."""
    triples = [("Attendees before and after", "Difference in change", refusal)]
    for result in results:
        parts = result.id.split(".")
        design = plan.designs[parts[0].upper()]
        name = f"{parts[0].upper()} {design.title}" + (f" ({parts[4].replace('-', ' ')})" if len(parts) > 4 else "")
        triples.append((name, "Difference in change", result))
    return w.exhibit(
        "designs.forest",
        "Did confidence change more where the events went?",
        triples,
        sections=("policy-8", "annex-H"),
        wave=found.wave,
        chart="forest" if any(isinstance(r, Estimate) for r in results) else "",
        row_header="Design",
        source="Survey, weighted; register of events",
        notes=(
            "Error of sampling only: news that moved one group between the surveys is not in the ranges.",
            *_capped(plan, results),
        ),
        extras={"axis": f"Difference in change ({w.points(plan, plan.outcomes.primary)})", "reference": 0.0},
    )


def _capped(plan: Plan, results: Sequence[Any]) -> list[str]:
    """Return why a design may say less than the plan licenses it to say."""
    out = []
    for result in results:
        name = result.id.split(".")[0].upper()
        own = isinstance(result, Estimate) and result.id.count(".") == 3
        if own and plan.designs[name].licence == "effect" and result.licence == "association":
            out.append(f"{name} claims no cause here, as the plan would let it. Not met: {'; '.join(unmet(result))}.")
    return out


OWN_CELLS = ("by-place", "next-door", "black-heritage")


def refusals(plan: Plan, found: Evidence, results: Sequence[Any], refusal: Any) -> Exhibit:
    """Return each design that was refused or had too few people, why, and what the next wave should ask."""
    triples: list[tuple[str, str, Any]] = []
    rows = [("Attendees before and after", refusal)]
    for result in results:
        parts = result.id.split(".")
        method = f" ({parts[4].replace('-', ' ')})" if len(parts) > 4 else ""
        rows.append((f"{parts[0].upper()} {plan.designs[parts[0].upper()].title}{method}", result))
    for place, (row, result) in enumerate(rows):
        if isinstance(result, NotIdentified):
            reason, ask = result.reason, result.what_would_help
        elif isinstance(result, TooFew):
            reason = f"too few {result.unit}: {result.needed} are needed in every cell"
            ask = "Survey more people in the smallest cell."
        else:
            continue
        stem = f"refused.{place}.all.{found.wave}"
        triples.append((row, "Why not", w.words(f"{stem}.why", reason)))
        triples.append((row, "What the next wave should ask", w.words(f"{stem}.ask", ask)))
    if not triples:
        triples = [("No design", "Why not", w.words(f"refused.none.all.{found.wave}", "every design could be run"))]
    return w.exhibit(
        "designs.refused",
        "What could not be answered, and what to ask next time",
        triples,
        sections=("annex-H",),
        wave=found.wave,
        row_header="Design",
    )


def cells(plan: Plan, found: Evidence, results: Sequence[Any]) -> Exhibit:
    """Return the number of people in every cell of every design, and how many linked people stand in none."""
    triples: list[tuple[str, str, Any]] = []
    for result in results:
        parts = result.id.split(".")
        if len(parts) > 4 and parts[4] not in OWN_CELLS:
            continue
        name = parts[0].upper() + (f" ({parts[4].replace('-', ' ')})" if len(parts) > 4 else "")
        counts = result.n if isinstance(result, Estimate) else getattr(result, "counts", {})
        if len(parts) > 4 and min(counts.values(), default=10) < 10:
            said = w.words(f"cells.{result.id}.few", "under 10 in at least one of its cells")
            triples.append((f"{name}: all cells", "People (about)", said))
            continue
        for place, (cell, n) in enumerate(counts.items()):
            triples.append((f"{name}: {cell}", "People (about)", _people(f"cells.{result.id}.{place}", n, found.wave)))
    design = plan.designs.get("D5")
    aside = linked_rows(plan, found, design)[1] if design and set(design.waves) <= set(found.fieldwork) else {}
    for place, (reason, n) in enumerate(aside.items()):
        triples.append(
            (
                f"D5, in no group: {reason}",
                "People (about)",
                _people(f"cells.d5.aside{place}.{found.wave}", n, found.wave),
            )
        )
    if not triples:
        triples = [
            ("No design", "People (about)", w.words(f"cells.none.all.{found.wave}", "no design had people to count"))
        ]
    return w.exhibit(
        "designs.cells",
        "How many people each design rests on",
        triples,
        sections=("annex-H",),
        wave=found.wave,
        row_header="Cell",
        source="Survey, unweighted, rounded to 5",
    )


def _people(id: str, n: int, wave: str) -> Any:
    """Return a rounded number of people, or words where it is under ten."""
    if n < 10:
        return w.words(id, "under 10")
    return w.measure(id, 5 * round(n / 5), "people", base=n, wave=wave, decimals=0)


def assumptions(plan: Plan, found: Evidence, results: Sequence[Any]) -> Exhibit:
    """Return what each design of the plan assumes, what it leaves in, and what its result may say."""
    triples: list[tuple[str, str, Any]] = []
    own = {r.id.split(".")[0].upper(): r.licence for r in results if isinstance(r, Estimate) and r.id.count(".") == 3}
    for name, design in plan.designs.items():
        read, stem, row = ASSUMES[name], f"assumes.{name}.all.{found.wave}", f"{name} {design.title}"
        triples += [
            (row, "Question", w.words(f"{stem}.q", read.question)),
            (row, "Assumes", w.words(f"{stem}.a", read.assumes)),
            (row, "Would have had to be true", w.words(f"{stem}.h", read.had_to_be)),
            (row, "Left in", w.words(f"{stem}.b", read.left_in)),
            (row, "Made with", w.words(f"{stem}.m", said(name))),
            (row, "May say", w.words(f"{stem}.c", MAY_SAY[own.get(name, design.licence)])),
        ]
    if not triples:
        triples = [("No design", "Licence", w.words(f"assumes.none.all.{found.wave}", "the plan names no design"))]
    return w.exhibit(
        "designs.assumptions",
        "What each design assumes",
        triples,
        sections=("annex-H", "annex-B"),
        wave=found.wave,
        row_header="Design",
    )


def answer(plan: Plan, found: Evidence, results: Sequence[Any], refusal: Any) -> Exhibit:
    """Return the answer of notebook 06: the refusal, then each design's estimate or reason, and what it may say."""
    triples: list[tuple[str, str, Any]] = [("Attendees before and after", "Answer", refusal)]
    for result in results:
        if result.id.count(".") > 3:
            continue
        name = result.id.split(".")[0].upper()
        row = f"{name} {plan.designs[name].title}"
        triples.append((row, "Answer", result))
        if isinstance(result, Estimate):
            verb = MAY_SAY[result.licence].split(":")[0]
            triples.append((row, "May say", w.words(f"answer.06.{name}.verb", f"“{verb}”, no more")))
    return w.exhibit(
        "answer.06", "Did confidence change more where the events went?", triples, sections=(), wave=found.wave
    )


__all__ = ["ASSUMES", "REFUSED", "answer", "assumptions", "cells", "forest", "refusals"]
