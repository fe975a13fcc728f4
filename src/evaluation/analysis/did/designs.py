"""Run each design of the plan: an estimate with its licence, or a refusal that says what would help."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from evaluation import errors
from evaluation import exhibit as w
from evaluation.analysis import contrasts, wave_checks
from evaluation.analysis.did.exposed_places import placed, places
from evaluation.analysis.did.group_gap import gap_change
from evaluation.analysis.did.inputs import Evidence, attended, exposed_places
from evaluation.analysis.did.linked_panel import linked
from evaluation.analysis.did.predicted_and_recalled import predicted_attendees, then_and_now
from evaluation.analysis.levels import margin_of
from evaluation.plan.study import Design, Plan
from evaluation.results import Estimate, Gate, NotIdentified, Result, TooFew
from evaluation.statistics import did

COMPARISONS: Mapping[str, str] = {
    "D1": "compares one survey and the next; people: the general sample, without lists; population weight; "
    "errors by place",
    "D2": "compares one survey and the next; people: the general sample, without lists; population weight; "
    "errors by collection session",
    "D3": "compares one survey and the next; people: the general sample, without lists; population weight; "
    "errors by collection session",
    "D4": "compares remembered and now; people: attendees, lists included, and others; comparison weight; "
    "errors by collection session",
    "D5": "compares one survey and the next; people: people who gave a link code twice; unweighted; errors by person",
}
REFUSED = "attendeechange"
EXPLORATORY = ("next-door", "by-place")
SAID = {
    "adjusted": "adjusted for who answered",
    "next-door": "places next door to events against places further away",
    "by-place": "whether the gap moved more where events were held",
    "four-group": "four groups weighted by predicted attendance: people who trusted already are not accounted for",
    "first-differences": "each person's difference",
    "linkage-weighted": "weighted to resemble everybody who answered first",
}


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
        frame["attended"] = attended(found, frame)
        known = frame["attended"].notna() | ~frame["wave"].isin(list(found.arms))
        early = frame.loc[known & (frame["after"] == 0), "attended"]
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
        elif len(early) and (early == 0).all():
            reason = (
                f"nobody in {before} had attended yet: it is not known who of them would, and other people answered"
            )
            made = NotIdentified(reason, "Link the same people across waves.")
    question = f"Has {contrasts.short(plan, outcome)} changed more among {plan.words.treated} than among others?"
    return contrasts.name(
        made,
        REFUSED,
        outcome=outcome,
        group="all",
        wave=found.wave,
        question=question,
        null=0.0,
        licence="association",
        planned=False,
        **({"unit": contrasts.points(plan, outcome)} if isinstance(made, Estimate) else {}),
    )


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
    return wave_checks.wording(plan, found.comparable, design.outcome, design.waves[0], design.waves[-1])


def _labelled(plan: Plan, found: Evidence, name: str, design: Design, method: str, result: Any) -> Any:
    """Return a design's result with its id, words, gates and the licence that its wording leaves it."""
    state = _wording(plan, found, design)
    licence = "exploratory" if state == "unknown" or method in EXPLORATORY else design.licence
    gates: tuple[Gate, ...] = tuple(getattr(result, "gates", ()))
    if len(design.waves) > 1:
        gates += (Gate("wording", "design", state != "changed", state, "same", "the question was not reworded"),)
    question = f"{design.title}: has {contrasts.short(plan, design.outcome)} changed more?"
    named = contrasts.name(
        replace(result, gates=()),
        name,
        outcome=design.outcome,
        group=_group(design),
        wave=found.wave,
        method=method,
        question=question + (f" ({SAID.get(method, method.replace('-', ' '))})" if method else ""),
        estimand=design.estimand,
        licence=licence,
        planned=design.planned and not method,
        null=0.0,
        **({"unit": contrasts.points(plan, design.outcome)} if isinstance(result, Estimate) else {}),
        family=plan.outcomes.family(design.outcome),
        margin=margin_of(plan, found.survey, design.outcome),
        gates=gates,
    )
    return _capped(_sized(plan, named))


def _capped(result: Any) -> Any:
    """Return an estimate that may claim an effect as an association where a quality gate of its design failed.

    An earlier survey that was not over before the first event, or a placebo that moved, is no clean "before".
    """
    if isinstance(result, Estimate) and result.licence == "effect" and unmet(result):
        return replace(result, licence="association")
    return result


def unmet(result: Any) -> list[str]:
    """Return what was asked of a design's quality and not met, in plain words."""
    return [g.note.split(" (")[0] or g.id for g in result.gates if g.kind == "quality" and not g.passed]


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


DESIGNS: dict[str, Callable[[Plan, Evidence, Design], list[tuple[str, Any]]]] = {
    "D1": places,
    "D2": gap_change,
    "D3": predicted_attendees,
    "D4": then_and_now,
    "D5": linked,
}


def with_placebos(results: Sequence[Any], speaks: Mapping[str, bool]) -> list[Any]:
    """Return the results with a gate for each design whose placebos speak: failed where one differs.

    Placebos that could not have seen anything make no gate: they have not passed.
    """
    out = []
    for result in results:
        name = result.id.split(".")[0].upper()
        if name in speaks:
            gate = Gate(
                f"{name.lower()}.placebo", "quality", speaks[name], None, 0.05, "no placebo differs (Holm, 5 %)"
            )
            result = _capped(replace(result, gates=(*result.gates, gate)))
        out.append(result)
    return out


Triples = list[tuple[str, str, Any]]


def runnable(plan: Plan, found: Evidence, name: str) -> Design | None:
    """Return a design of the plan that the waves held can carry, else None."""
    design = plan.designs.get(name)
    known = design and set(design.waves) <= {*plan.earlier_waves(found.wave), found.wave}
    if not known or any(not found.survey.asked(design.outcome, x) for x in design.waves):
        return None
    return design


def number(id: str, made: Estimate, wave: str, unit: str, scale: float = 1.0) -> Any:
    """Return an estimate as a measure with its range, times `scale`."""
    ends = {k: None if getattr(made, k) is None else scale * getattr(made, k) for k in ("low", "high")}
    return w.measure(id, scale * made.value, unit, base=min(made.n.values()), wave=wave, **ends)


def cell(id: str, made: Any, wave: str, unit: str, scale: float = 1.0) -> Any:
    """Return an estimate as a number with its range, and a refusal in words."""
    if isinstance(made, Estimate):
        return number(id, made, wave, unit, scale)
    if isinstance(made, TooFew):
        return w.words(id, f"too few {made.unit}: at least {made.needed} in every cell are needed")
    return w.words(id, made.reason)


def exposed_frame(plan: Plan, found: Evidence) -> tuple[Design, pd.DataFrame] | None:
    """Return D1 and its people, where there are places of both kinds."""
    design = runnable(plan, found, "D1")
    if design is None or plan.exposure is None:
        return None
    frame = placed(plan, found, design, exposed_places(plan, found, (design.waves[0], design.waves[-1]))[0])
    sides = frame.groupby("exposed")["unit"].nunique()
    return (design, frame) if len(sides) == 2 and sides.min() >= 2 else None
