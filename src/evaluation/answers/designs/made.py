"""Run each design of the plan: an estimate with its licence, or a refusal that says what would help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.answers import comparison as comparing
from evaluation.answers import samples, usable
from evaluation.answers import words as w
from evaluation.answers.attendees import adjusted_for, guarded
from evaluation.answers.comparison import COMPARISON_WEIGHT
from evaluation.answers.designs.evidence import Evidence, exposed_places, place
from evaluation.answers.levels import margin_of
from evaluation.answers.levels.changing import difference, gap
from evaluation.answers.samples import TREATED
from evaluation.estimates import Estimate, Gate, NotIdentified, Result, TooFew
from evaluation.statistics import did, effects, predicted
from evaluation.study import Design, Plan

REFUSED = "attendeechange"


def attendee_change(plan: Plan, found: Evidence) -> Any:
    """Ask for the change of attendees over and above that of others; refused where a wave did not ask.

    The waves are handed over as they are: attendance is missing in a wave that did not ask, and stays missing.
    """
    outcome = plan.outcomes.primary
    before = found.survey.first_asked(plan, outcome, found.wave)
    if before is None:
        made: Result = NotIdentified("no earlier wave asked this question", "Ask it again next time.")
    else:
        frame = found.general((before, found.wave), outcome)
        frame["attended"] = _attended(found, frame)
        known = frame["attended"].notna() | ~frame["wave"].isin(list(found.arms))
        made = did.two_by_two(
            frame[known],
            outcome=outcome,
            group="attended",
            time="after",
            weight="population_weight",
            least=plan.sizes.least_people,
        )
        if isinstance(made, NotIdentified):
            reason = f"the survey of {before} did not ask {plan.words.attended_question}, and other people answered"
            made = replace(made, reason=reason)
    question = f"Has {w.short(plan, outcome)} changed more among {plan.words.treated} than among others?"
    return w.name(
        made,
        REFUSED,
        outcome=outcome,
        group="all",
        wave=found.wave,
        question=question,
        null=0.0,
        licence="association",
        planned=False,
        unit=w.points(plan, outcome),
    )


def _attended(found: Evidence, frame: pd.DataFrame) -> pd.Series:
    """Return 1 attended, 0 did not, missing where not known or not asked."""
    out = pd.Series(np.nan, index=frame.index)
    for arm in found.arms.values():
        rows = arm.reindex(frame.index)
        out[rows.isin(["first", "both"])] = 1.0
        out[rows == "neither"] = 0.0
    return out


def all_designs(plan: Plan, found: Evidence) -> list[Any]:
    """Return one result, or refusal, per design of the plan, in its order; companions follow their design."""
    out: list[Any] = []
    for name, design in plan.designs.items():
        run = DESIGNS.get(name)
        if run is None:
            raise errors.Unsupported(f"the plan names a design {name!r}", todo=f"Known are {', '.join(DESIGNS)}.")
        if not set(design.waves) <= {*plan.earlier_waves(found.wave), found.wave}:
            reason = f"the plan asks for the waves {', '.join(design.waves)}"
            made = [("", NotIdentified(reason, "Run it when those waves are in."))]
        else:
            made = _refused_first(plan, found, design) or run(plan, found, design)
        out += [_labelled(plan, found, name, design, method, result) for method, result in made]
    return out


def _refused_first(plan: Plan, found: Evidence, design: Design) -> list[tuple[str, Any]]:
    """Return a refusal where a wave did not ask the outcome, or asked it in other words."""
    silent = [x for x in design.waves if not found.survey.asked(design.outcome, x)]
    if silent:
        return [("", NotIdentified(f"{', '.join(silent)} did not ask this question", "Ask it in every wave."))]
    if _wording(plan, found, design) == "changed":
        return [("", NotIdentified("the question was reworded between the waves", "Keep the wording."))]
    return []


def _wording(plan: Plan, found: Evidence, design: Design) -> str:
    if len(design.waves) < 2:
        return "same"
    return usable.wording(plan, found.comparable, design.outcome, design.waves[0], design.waves[-1])


def _labelled(plan: Plan, found: Evidence, name: str, design: Design, method: str, result: Any) -> Any:
    """Return a design's result with its id, words, gates and the licence that its wording leaves it."""
    state = _wording(plan, found, design)
    licence = "exploratory" if state == "unknown" else design.licence
    gates: tuple[Gate, ...] = tuple(getattr(result, "gates", ()))
    if len(design.waves) > 1:
        gates += (Gate("wording", "design", state != "changed", state, "same", "the question was not reworded"),)
    question = f"{design.title}: has {w.short(plan, design.outcome)} changed more?"
    named = w.name(
        replace(result, gates=()),
        name,
        outcome=design.outcome,
        group=_group(design),
        wave=found.wave,
        method=method,
        question=question + (f" ({method.replace('-', ' ')})" if method else ""),
        estimand=design.estimand,
        licence=licence,
        planned=design.planned and not method,
        null=0.0,
        unit=w.points(plan, design.outcome),
        family=plan.outcomes.family(design.outcome),
        margin=margin_of(plan, found.survey, design.outcome),
        gates=gates,
    )
    return _sized(plan, named)


def _sized(plan: Plan, result: Any) -> Any:
    """Return a design's result with its size gate: people in the smallest cell."""
    if not isinstance(result, Estimate):
        return result
    least = min(result.n.values(), default=0)
    gate = Gate(
        "size",
        "size",
        least >= plan.sizes.least_people,
        least,
        plan.sizes.least_people,
        f"{plan.sizes.least_people} people in every compared cell",
    )
    return replace(result, gates=(*result.gates, gate), indicative=least < plan.sizes.indicative_people)


def _group(design: Design) -> str:
    return design.group_levels[0] if design.group_levels else "all"


# ---- D1: places ----------------------------------------------------------------------------------------------------


def places(plan: Plan, found: Evidence, design: Design) -> list[tuple[str, Any]]:
    """D1: change in places reached by events against change in places not reached; error by place."""
    names, gate = exposed_places(plan, found, (design.waves[0], design.waves[-1]))
    frame = placed(plan, found, design, names)
    if frame["exposed"].nunique() < 2:
        side = "no place" if not names else "every place"
        reason = f"{side} among those surveyed had an event between the surveys"
        return [("", NotIdentified(reason, "Survey places with events and places without."))]
    words: dict[str, Any] = {"outcome": design.outcome, "group": "exposed", "time": "after", "area": "unit"}
    least = plan.sizes.least_people
    main = guarded(did.by_area, frame, weight="population_weight", least=least, **words)
    out = [("", _gated(main, gate))]
    if isinstance(main, Estimate):
        adjusted = [
            c
            for c in plan.matching.prognostic
            if c in frame and c != plan.exposure.area_column and frame[c].notna().all() and frame[c].nunique() > 1
        ]
        companion = guarded(did.by_area, frame, covariates=adjusted, weight="population_weight", least=least, **words)
        out.append(("adjusted", _gated(companion, gate)))
    return out


def placed(plan: Plan, found: Evidence, design: Design, names: set[str]) -> pd.DataFrame:
    """Return the general samples of a design's waves in places that both waves reached, `exposed` 0/1."""
    frame = found.general((design.waves[0], design.waves[-1]), design.outcome)
    frame["unit"] = place(plan, frame)
    frame = frame[frame["unit"].notna()]
    waves = frame.groupby("unit")["after"].nunique()
    frame = frame[frame["unit"].isin(waves.index[waves == 2])]
    return frame.assign(exposed=frame["unit"].isin(names).astype(float), unit=frame["unit"].astype(str))


def _gated(result: Any, *gates: Gate) -> Any:
    return replace(result, gates=(*result.gates, *gates)) if hasattr(result, "gates") else result


# ---- D2: the focus group and the others ----------------------------------------------------------------------------


def gap_change(plan: Plan, found: Evidence, design: Design) -> list[tuple[str, Any]]:
    """D2: change of the gap between the groups, from the jackknifed gaps of the two waves."""
    return [("", _gap_change(plan, found, design))]


def _gap_change(plan: Plan, found: Evidence, design: Design) -> Any:
    first, last = design.waves[0], design.waves[-1]
    parts = [gap(plan, found.survey, design.outcome, x) for x in (first, last)]
    counts = {
        f"{g}, {x}": n
        for x, p in zip((first, last), parts, strict=True)
        for g, n in (p.counts if isinstance(p, TooFew) else p.n).items()
    }
    if any(isinstance(p, TooFew) for p in parts) or min(counts.values()) < plan.sizes.least_people:
        return TooFew(counts=counts, needed=plan.sizes.least_people)
    made = difference(parts[1], parts[0], labels=(last, first))
    return replace(made, n=counts, method="change of the gap between weighted means")


# ---- D3: people like those who attend ------------------------------------------------------------------------------


def predicted_attendees(plan: Plan, found: Evidence, design: Design) -> list[tuple[str, Any]]:
    """D3: change by predicted attendance, and the four-group contrast; neither removes unseen selection."""
    first, last = design.waves[0], design.waves[-1]
    if first in found.arms:
        return [("", NotIdentified(f"{first} asked about attendance: nothing needs predicting", "Use that answer."))]
    if last not in found.arms:
        return [("", NotIdentified(f"{last} did not ask about attendance", "Ask about attendance."))]
    frame = found.general((first, last), design.outcome)
    frame["attended"] = _attended(found, frame)
    before, after = frame[frame["after"] == 0], frame[(frame["after"] == 1) & frame["attended"].notna()]
    counts = {
        "before": len(before),
        "attended": int((after["attended"] == 1).sum()),
        "not": int((after["attended"] == 0).sum()),
    }
    if min(counts.values()) < plan.sizes.least_people:
        return [("", TooFew(counts=counts, needed=plan.sizes.least_people))]
    names = [c for c in plan.covariates if all(c in f and f[c].notna().any() for f in (before, after))]
    both = [_filled(f, names) for f in (before.drop(columns="attended"), after)]
    session = plan.population.session_column
    made = guarded(
        predicted.attendance,
        both[0],
        both[1],
        outcome=design.outcome,
        treat="attended",
        covariates=names,
        weight="population_weight",
        cluster=session if session and session in frame else None,
        draws=plan.sensitivity.bootstrap_draws,
        seed=plan.seed,
    )
    blind = Gate("d3.selection", "quality", False, None, None, "who came because they trusted already is told apart")
    if isinstance(made, NotIdentified):
        return [("", made)]
    return [("", _gated(made[0], blind)), ("four-group", _gated(made[1], blind))]


def _filled(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return frame.assign(**{c: frame[c].astype(object).fillna(samples.NOT_STATED).astype(str) for c in names})


# ---- D4: then and now, as remembered -------------------------------------------------------------------------------


def then_and_now(plan: Plan, found: Evidence, design: Design) -> list[tuple[str, Any]]:
    """D4: remembered change of attendees against that of others, weighted and adjusted, error by session."""
    column, name = plan.treatment.retrospective_column, design.waves[-1]
    answers = found.survey.outcomes
    if not column or column not in answers or not found.survey.asked(column, name):
        return [("", NotIdentified("nobody was asked how it was before", "Ask everybody how it was before."))]
    people = remembered(plan, found, name, design.outcome)
    if people is None:
        return [("", NotIdentified(f"{name} did not ask about attendance", "Ask about attendance."))]
    n, _ = samples.size_counts(people)
    if min(n.values()) < plan.sizes.least_people:
        return [("", TooFew(counts=n, needed=plan.sizes.least_people))]
    made = guarded(
        effects.in_sample,
        people,
        comparing.everybody(people),
        outcome="moved",
        treat=TREATED,
        covariates=adjusted_for(plan, people),
        cluster="session",
        survey_weight=COMPARISON_WEIGHT,
    )
    return [("", made)]


def remembered(plan: Plan, found: Evidence, name: str, outcome: str) -> pd.DataFrame | None:
    """Return the compared people of a wave with `moved`, the answer now less the answer remembered."""
    if name not in found.arms:
        return None
    rows = found.survey.people[found.survey.people["wave"] == name]
    try:
        people = samples.compared(plan, rows, found.arms[name]).people
    except errors.EmptyCell:
        return None
    weight = found.survey.weights[name].values.reindex(people.index)
    others = people[TREATED] == 0
    people[COMPARISON_WEIGHT] = 1.0
    people.loc[others, COMPARISON_WEIGHT] = weight[others] / weight[others].mean()
    answers = found.survey.outcomes.reindex(people.index)
    moved = answers[outcome] - answers[plan.treatment.retrospective_column]
    return people.assign(moved=moved).dropna(subset=["moved"])


# ---- D5: the same people -------------------------------------------------------------------------------------------


def linked(plan: Plan, found: Evidence, design: Design) -> list[tuple[str, Any]]:
    """D5: change of people who attended for the first time between two waves against people who never did."""
    panel, _ = linked_rows(plan, found, design)
    if panel is None:
        return [("", NotIdentified("answers cannot be linked between the waves", "Ask for a code that links them."))]
    status = panel.groupby("link")["treat"].max()
    counts = {"newly attended": int((status == 1).sum()), "never attended": int((status == 0).sum())}
    if min(counts.values()) < plan.sizes.least_linked:
        return [("", TooFew(counts=counts, needed=plan.sizes.least_linked))]
    made = guarded(did.linked_panel, panel, outcome=design.outcome, treat="treat", unit="link", time="wave")
    return [("", replace(made, n=counts) if isinstance(made, Estimate) else made)]


def linked_rows(plan: Plan, found: Evidence, design: Design) -> tuple[pd.DataFrame | None, dict[str, int]]:
    """Return linked people × two waves with `treat`, and how many linked people stand in no group, by reason."""
    first, last = design.waves[0], design.waves[-1]
    people = found.survey.people
    if "link" not in people or not {first, last} <= set(found.arms):
        return None, {}
    rows = people[people["wave"].isin([first, last]) & people["link"].notna()]
    rows = rows[~rows.duplicated(["wave", "link"], keep=False)]
    rows = rows.join(found.survey.outcomes[[design.outcome]]).dropna(subset=[design.outcome])
    rows["attended"] = _attended(found, rows)
    wide = rows.pivot(index="link", columns="wave", values="attended").reindex(columns=[first, last])
    in_both = rows.groupby("link")["wave"].nunique().reindex(wide.index) == 2
    newly = in_both & (wide[first] == 0) & (wide[last] == 1)
    never = in_both & (wide[first] == 0) & (wide[last] == 0)
    aside = {
        "already attended before": int((in_both & (wide[first] == 1)).sum()),
        "attendance not known at both times": int((in_both & ~newly & ~never & (wide[first] != 1)).sum()),
    }
    kept = rows[rows["link"].isin(wide.index[newly | never])].copy()
    kept["treat"] = (kept["link"].isin(wide.index[newly]) & (kept["wave"] == last)).astype(float)
    return (kept, aside) if len(kept) else (None, aside)


DESIGNS: dict[str, Callable[[Plan, Evidence, Design], list[tuple[str, Any]]]] = {
    "D1": places,
    "D2": gap_change,
    "D3": predicted_attendees,
    "D4": then_and_now,
    "D5": linked,
}
