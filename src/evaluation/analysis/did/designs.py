"""The difference-in-differences designs of the plan: each an estimate with its licence and gates, or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from evaluation import errors
from evaluation.analysis import contrasts, layout, wave_checks
from evaluation.analysis.attendee_effect import guarded
from evaluation.analysis.did.exposed_places import ROLES, exposed_frame, placed, places
from evaluation.analysis.did.group_gap import gap_change, members, two_groups
from evaluation.analysis.did.inputs import DesignInputs, attended, runnable, session_in
from evaluation.analysis.did.linked_panel import linked, linked_rows
from evaluation.analysis.did.predicted_and_recalled import predicted_attendees, then_and_now
from evaluation.analysis.levels import margin_of
from evaluation.plan.study import Design, Plan
from evaluation.results import Estimate, Gate, NotIdentified, Result, Results
from evaluation.statistics import did

REFUSED, WEIGHT = "attendeechange", "population_weight"
EXPLORATORY = ("next-door", "by-place")
DESIGNS: dict[str, Callable[[Plan, DesignInputs, Design], list[tuple[str, Result]]]] = {
    "D1": places,
    "D2": gap_change,
    "D3": predicted_attendees,
    "D4": then_and_now,
    "D5": linked,
}

# ---- the change of attendees, which is asked for and refused --------------------------------------------------------


def attendee_change(plan: Plan, inputs: DesignInputs) -> Result:
    """Return the change of attendees over and above that of others, error by session; refused where a wave did not ask.

    The waves are handed over as they are: attendance is missing in a wave that did not ask, and stays missing.
    """
    outcome = plan.outcomes.primary
    before = inputs.survey.first_asked(plan, outcome, inputs.wave)
    if before is None:
        result: Result = NotIdentified("no earlier wave asked this question", "Ask it again next time.")
    else:
        result = _attendee_change(plan, inputs, outcome, before)
    question = f"Has {contrasts.short(plan, outcome)} changed more among {plan.words.treated} than among others?"
    fields = {"question": question, "null": 0.0, "licence": "association", "planned": False}
    if isinstance(result, Estimate):
        fields["unit"] = contrasts.points(plan, outcome)
    return contrasts.name(result, REFUSED, outcome=outcome, group="all", wave=inputs.wave, **fields)


def _attendee_change(plan: Plan, inputs: DesignInputs, outcome: str, before: str) -> Result:
    frame = inputs.general((before, inputs.wave), outcome)
    frame["attended"] = attended(inputs, frame)
    known = frame["attended"].notna() | ~frame["wave"].isin(list(inputs.arms))
    early = frame.loc[known & (frame["after"] == 0), "attended"]
    result = two_groups(plan, frame[known].rename(columns={"attended": "member"}), outcome, whole=True)
    if isinstance(result, NotIdentified):
        reason = f"the survey of {before} did not ask {plan.words.attended_question}, and other people answered"
        return replace(result, reason=reason)
    if len(early) and (early == 0).all():
        reason = f"nobody in {before} had attended yet: it is not known who of them would, and other people answered"
        return NotIdentified(reason, "Link the same people across waves.")
    return result


# ---- the designs ----------------------------------------------------------------------------------------------------


def all_designs(plan: Plan, inputs: DesignInputs) -> list[Result]:
    """Return one result, or refusal, per design of the plan, in its order; companions follow their design."""
    out: list[Result] = []
    for name, design in plan.designs.items():
        run = DESIGNS.get(kind(name))
        if run is None:
            raise errors.Unsupported(f"the plan names a design {name!r}", todo=f"Known are {', '.join(DESIGNS)}.")
        refusal = _refusal(plan, inputs, design)
        results = [("", refusal)] if refusal is not None else run(plan, inputs, design)
        out += [_labelled(plan, inputs, name, design, method, result) for method, result in results]
    return out


def kind(name: str) -> str:
    """Return which design a name is one of: "D5b" is a D5."""
    return name[:2]


def _refusal(plan: Plan, inputs: DesignInputs, design: Design) -> NotIdentified | None:
    """Return a refusal where a wave is not in, did not ask the outcome, or asked it in other words."""
    if not set(design.waves) <= {*plan.earlier_waves(inputs.wave), inputs.wave}:
        reason = f"the plan asks for the waves {', '.join(design.waves)}"
        return NotIdentified(reason, "Run it when those waves are in.")
    silent = [x for x in design.waves if not inputs.survey.asked(design.outcome, x)]
    if silent:
        return NotIdentified(f"{', '.join(silent)} did not ask this question", "Ask it in every wave.")
    if _wording(plan, inputs, design) == "changed":
        return NotIdentified("the question was reworded between the waves", "Keep the wording.")
    return None


def _wording(plan: Plan, inputs: DesignInputs, design: Design) -> str:
    if len(design.waves) < 2:
        return "same"
    return wave_checks.wording(plan, inputs.comparable, design.outcome, design.waves[0], design.waves[-1])


def _labelled(plan: Plan, inputs: DesignInputs, name: str, design: Design, method: str, result: Result) -> Result:
    """Return a design's result with its id, words, gates and the licence that its wording leaves it."""
    state, outcome = _wording(plan, inputs, design), design.outcome
    gates: tuple[Gate, ...] = tuple(getattr(result, "gates", ()))
    if len(design.waves) > 1:
        gates += (Gate("wording", "design", state != "changed", state, "same", "the question was not reworded"),)
    question = f"{design.title}: has {contrasts.short(plan, outcome)} changed more?"
    companions = layout.declarations(plan)["designs.forest"].texts["method"]
    named = contrasts.name(
        replace(result, gates=()),
        name,
        outcome=outcome,
        group=design.group_levels[0] if design.group_levels else "all",
        wave=inputs.wave,
        method=method,
        question=question + (f" ({companions.get(method, method.replace('-', ' '))})" if method else ""),
        estimand=design.estimand,
        licence="exploratory" if state == "unknown" or method in EXPLORATORY else design.licence,
        planned=design.planned and not method,
        null=0.0,
        **({"unit": contrasts.points(plan, outcome)} if isinstance(result, Estimate) else {}),
        family=plan.outcomes.family(outcome),
        margin=margin_of(plan, inputs.survey, outcome),
        gates=gates,
    )
    return _capped(_sized(plan, named))


def _sized(plan: Plan, result: Result) -> Result:
    """Return a design's result with its size gate: people in the smallest cell."""
    if not isinstance(result, Estimate):
        return result
    least, bar = min(result.n.values(), default=0), plan.sizes.least_people
    gate = Gate("size", "size", least >= bar, least, bar, f"{bar} people in every compared cell")
    return replace(result, gates=(*result.gates, gate), indicative=least < plan.sizes.indicative_people)


def _capped(result: Result) -> Result:
    """Return an estimate that may claim an effect as an association where a quality gate of its design failed.

    An earlier survey that was not over before the first event, or a placebo that moved, is no clean "before".
    """
    if isinstance(result, Estimate) and result.licence == "effect" and unmet(result):
        return replace(result, licence="association")
    return result


def with_placebos(results: Sequence[Result], supported: Mapping[str, bool]) -> Results:
    """Return the results with a gate for each design whose placebos could be read: failed where one differs.

    Placebos that could not have seen anything make no gate: they have not passed.
    """
    out = []
    for result in results:
        name = name_of(result)
        if name in supported:
            note = "no placebo differs (Holm, 5 %)"
            gate = Gate(f"{name.lower()}.placebo", "quality", supported[name], None, 0.05, note)
            result = _capped(replace(result, gates=(*result.gates, gate)))
        out.append(result)
    return Results(out)


# ---- two groups seen twice -------------------------------------------------------------------------------------------


class TwoGroups(NamedTuple):
    """D1 or D2 as two groups seen in two waves: its people, the 0/1 column of the group, the clusters of its error."""

    name: str
    design: Design
    people: pd.DataFrame
    group: str
    cluster: str | None

    @property
    def heading(self) -> str:
        """What is compared, the heading of a row."""
        return self.design.title

    def change(self, plan: Plan, frame: pd.DataFrame, outcome: str) -> Result:
        """Return the difference in change of an outcome among people like these, or why there is none."""
        if self.group == "exposed":
            return guarded(did.by_area, frame, outcome=outcome, least=plan.sizes.least_people, **ROLES)
        return two_groups(plan, frame, outcome, whole=True)

    def people_with(self, plan: Plan, inputs: DesignInputs, outcome: str, waves: tuple[str, str]) -> pd.DataFrame:
        """Return the same groups among people who answered another outcome in these waves."""
        moved = self.design.model_copy(update={"outcome": outcome, "waves": waves})
        if self.group == "exposed":
            return placed(plan, inputs, moved, set(self.people.loc[self.people["exposed"] == 1, "unit"]))
        return members(inputs, moved)


def two_group_designs(plan: Plan, inputs: DesignInputs) -> dict[str, TwoGroups]:
    """Return the designs that compare two groups of other people in each wave, as far as they can be run."""
    out, exposed, d2 = {}, exposed_frame(plan, inputs), runnable(plan, inputs, "D2")
    if exposed is not None:
        out["D1"] = TwoGroups("D1", *exposed, "exposed", "unit")
    if d2 is not None:
        people = members(inputs, d2)
        out["D2"] = TwoGroups("D2", d2, people, "member", session_in(plan, people))
    return out


def seen_twice(plan: Plan, inputs: DesignInputs) -> pd.DataFrame:
    """Return the people of D2 for a regression: `group`, `after`, `answer`, `weight`; nobody where it cannot run."""
    two = two_group_designs(plan, inputs).get("D2")
    columns = {"group": "member", "after": "after", "answer": two.design.outcome if two else "", "weight": WEIGHT}
    return pd.DataFrame({k: two.people[v] for k, v in columns.items()}) if two else pd.DataFrame(columns=list(columns))


def linked_people(plan: Plan, inputs: DesignInputs) -> pd.DataFrame:
    """Return the linked people of D5 by person and time, with `answer` and `attended`; nobody where it cannot run."""
    design = runnable(plan, inputs, "D5")
    panel = linked_rows(plan, inputs, design)[0] if design else None
    if design is None or panel is None:
        return pd.DataFrame(columns=["answer", "attended"])
    times = panel["wave"].map({w: k for k, w in enumerate(design.waves)})
    columns = {"answer": panel[design.outcome].astype(float), "attended": panel["treat"]}
    return pd.DataFrame({"person": panel["link"], "time": times, **columns}).set_index(["person", "time"])


# ---- reading a design's result --------------------------------------------------------------------------------------


def unmet(result: Result) -> list[str]:
    """Return what was asked of a design's quality and not met, in plain words."""
    return [g.note.split(" (")[0] or g.id for g in result.gates if g.kind == "quality" and not g.passed]


def name_of(result: Result) -> str:
    """Return the design that a result belongs to, "D1"."""
    name = str(result.id).split(".")[0]
    return name[:2].upper() + name[2:]


def method_of(result: Result) -> str:
    """Return the companion that a result is, "by-place"; "" for the design itself."""
    return str(result.id).split(".")[4] if result.id.count(".") > 3 else ""


def heading(plan: Plan, result: Result) -> str:
    """Return a result's design and companion as the heading of a row."""
    name, method = name_of(result), method_of(result)
    return plan.designs[name].title + (f" ({method.replace('-', ' ')})" if method else "")
