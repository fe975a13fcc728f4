"""The designs as exhibits: the forest with its refusals, every cell counted, what each assumes, recall, shocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evaluation import exhibit as w
from evaluation.analysis import contrasts, layout
from evaluation.analysis.arms import TREATED
from evaluation.analysis.did.designs import COMPARISONS, REFUSED, unmet
from evaluation.analysis.did.inputs import Evidence
from evaluation.analysis.did.linked_panel import linked_rows
from evaluation.analysis.did.predicted_and_recalled import remembered
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics import inference


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
    return (
        layout.table(plan, found.wave, "designs.forest", points=contrasts.points(plan, plan.outcomes.primary))
        .add(triples)
        .note_texts("more", _capped(plan, results))
        .exhibit(chart=None if any(isinstance(r, Estimate) for r in results) else "")
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
    return layout.table(plan, found.wave, "designs.refused").add(triples).exhibit()


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
    return layout.table(plan, found.wave, "designs.cells").add(triples).exhibit()


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
            (row, "Made with", w.words(f"{stem}.m", COMPARISONS[name])),
            (row, "May say", w.words(f"{stem}.c", MAY_SAY[own.get(name, design.licence)])),
        ]
    if not triples:
        triples = [("No design", "Licence", w.words(f"assumes.none.all.{found.wave}", "the plan names no design"))]
    return layout.table(plan, found.wave, "designs.assumptions").add(triples).exhibit()


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
    return layout.table(plan, found.wave, "answer.06").add(triples).exhibit()


__all__ = ["ASSUMES", "REFUSED", "answer", "assumptions", "cells", "forest", "refusals"]


def recall(plan: Plan, found: Evidence) -> Exhibit:
    """Return how far memory agrees with what was answered then: people who did not attend, recalled and measured."""
    column, outcome = plan.treatment.retrospective_column, plan.outcomes.primary
    title, stem = "Does memory agree with what was said then?", "recall"
    before = found.survey.first_asked(plan, outcome, found.wave)
    people = remembered(plan, found, found.wave, outcome) if column and column in found.survey.outcomes else None
    if not isinstance(people, pd.DataFrame) or before is None:
        refusal = (
            people
            if isinstance(people, NotIdentified)
            else NotIdentified("nothing remembered can be set beside an earlier answer", "Ask how it was before.")
        )
        return layout.refused(plan, found.wave, "designs.recall", refusal, stem=stem, heading=title)
    others = people[people[TREATED] == 0]
    then = found.survey.outcomes[column].reindex(others.index)
    weight = others["comparison_weight"]
    frame = found.survey.general(before).dropna(subset=[outcome])
    cells_ = (
        (
            "Remembered, people who did not attend",
            float((then * weight).sum() / weight.sum()),
            len(others),
            "remembered",
        ),
        (
            f"Answered in {before}, everybody",
            float((frame[outcome] * frame["population_weight"]).sum() / frame["population_weight"].sum()),
            len(frame),
            "answered",
        ),
    )
    if min(c[2] for c in cells_) < plan.sizes.least_people:
        few = TooFew(counts={c[0]: c[2] for c in cells_}, needed=plan.sizes.least_people)
        return layout.refused(plan, found.wave, "designs.recall", few, stem=stem, heading=title)
    triples = [
        (name, "Mean", w.measure(f"{stem}.{outcome}.{id}.{found.wave}", value, "points", base=n, wave=found.wave))
        for name, value, n, id in cells_
    ]
    stem_bias = f"{stem}.{outcome}.bias.{found.wave}"
    triples.append(
        ("Remembered less answered, like with like", "Mean", _bias(plan, found, others, then, frame, stem_bias))
    )
    return layout.table(plan, found.wave, "designs.recall", heading=title).add(triples).exhibit()


def _bias(plan: Plan, found: Evidence, others: Any, then: Any, frame: Any, id: str) -> Any:
    """Return memory less answer among people alike in what both surveys asked, error by session (CR2)."""
    outcome, session = plan.outcomes.primary, plan.population.session_column
    rows = found.survey.people.loc[others.index]
    recalled = rows.assign(
        y=then, remembered=1.0, weight=others["comparison_weight"] / others["comparison_weight"].mean()
    )
    answered = frame.assign(y=frame[outcome], remembered=0.0)
    answered["weight"] = frame["population_weight"] / frame["population_weight"].mean()
    both = pd.concat([recalled, answered]).dropna(subset=["y"])
    shared = [c for c in plan.matching.prognostic if c in both and both[c].notna().all() and both[c].nunique() > 1]
    labels = both[session].astype(str) if session and session in both else pd.Series(both.index.astype(str))
    extra = pd.get_dummies(both[shared], drop_first=True) if shared else both[[]]
    x = np.column_stack([np.ones(len(both)), both["remembered"], extra]).astype(float)
    names = ["one", "remembered", *[f"x{k}" for k in range(x.shape[1] - 2)]]
    fit = inference.regress(x, both["y"].to_numpy(dtype=float), names, both["weight"].to_numpy(dtype=float))
    made = inference.cluster_robust(fit, labels.to_numpy()).estimate("remembered")
    base = int(min((both["remembered"] == 1).sum(), (both["remembered"] == 0).sum()))
    return w.measure(id, made.value, "points", base=base, wave=found.wave, low=made.low, high=made.high)


def shocks(plan: Plan, found: Evidence, results: Sequence[Any]) -> Exhibit:
    """Return the interval of each change widened by news that moved one group between the surveys.

    A shock of s percentage points is turned into points of the mean by the outcome's standard deviation (a share near
    one half has a standard deviation of 50 percentage points); it adds to the variance once per wave.
    """
    triples: list[tuple[str, str, Any]] = []
    for result in results:
        if not isinstance(result, Estimate) or not result.se or result.id.count(".") > 3:
            continue
        sd = found.survey.sd.get(result.outcome, float("nan"))
        if not math.isfinite(sd) or len(plan.designs[result.id.split(".")[0].upper()].waves) < 2:
            continue
        name = f"{result.id.split('.')[0].upper()} {plan.designs[result.id.split('.')[0].upper()].title}"
        half = (result.high - result.low) / 2 / result.se
        for points in plan.sensitivity.shocks_points:
            se = math.sqrt(result.se**2 + 2 * (points / 50.0 * sd) ** 2)
            column = "Sampling only" if points == 0 else f"News of {points:g} percentage points"
            made = w.measure(
                f"shock.{result.id}.{points:g}",
                result.value,
                result.unit,
                base=min(result.n.values()),
                wave=found.wave,
                low=result.value - half * se,
                high=result.value + half * se,
            )
            triples.append((name, column, made))
    if not triples:
        triples = [
            ("No change", "Sampling only", w.words(f"shock.none.all.{found.wave}", "no change could be estimated"))
        ]
    return layout.table(plan, found.wave, "designs.shocks").add(triples).exhibit()
