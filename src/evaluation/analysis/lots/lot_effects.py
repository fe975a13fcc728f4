"""Design D6: the effect of a lot, of being drawn and of taking part because of it, with the licence it has earned."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from evaluation.analysis import contrasts
from evaluation.analysis.attendee_effect import guarded
from evaluation.analysis.did.inputs import DesignInputs
from evaluation.analysis.levels import margin_of
from evaluation.analysis.lots.lot_people import ARM, BLOCK, EARLIER, TOOK, UNIT, LotPeople, gates_of, people_of
from evaluation.plan.study import Plan
from evaluation.results import Estimate, Gate, NotIdentified, Result, TooFew
from evaluation.statistics import randomisation

COMPANIONS = {
    "": "",
    "adjusted": "adjusted for the earlier answer",
    "exact": "by the lot's own allocations",
    "took-part": "among those who took part because of it",
    "any-strength": "the same, whatever the lot's strength",
}


@dataclass(frozen=True, slots=True)
class LotAnalysis:
    """Everything D6 says of one lot.

    Attributes
    ----------
    name : str
        The lot.
    people : LotPeople or NotIdentified
        Its units with their answers, or why there are none.
    results : list of Result
        Per outcome the effect of being drawn and its companions, with ids, gates and licence.
    compliance : Compliance, NotIdentified or TooFew
        Take-up by arm.
    """

    name: str
    people: LotPeople | NotIdentified
    results: list[Result]
    compliance: randomisation.Compliance | NotIdentified | TooFew


def analyses(plan: Plan, inputs: DesignInputs) -> list[LotAnalysis]:
    """Return D6 for every lot of the plan."""
    return [analyse(plan, inputs, name) for name in plan.lots]


def analyse(plan: Plan, inputs: DesignInputs, name: str) -> LotAnalysis:
    """Return D6 for one lot: refused with a reason, or estimated with the licence that its record has earned."""
    people = people_of(plan, inputs, name)
    if isinstance(people, NotIdentified):
        outcome = (plan.lots[name].outcomes or (plan.outcomes.primary,))[0]
        return LotAnalysis(name, people, [_named(plan, inputs, name, people, outcome, "", ())], people)
    gates, results = gates_of(people), []
    for outcome in people.outcomes:
        for method, result in _estimates(plan, people, outcome):
            results.append(_named(plan, inputs, name, result, outcome, method, gates))
    return LotAnalysis(name, people, results, _compliance(plan, people))


def _estimates(plan: Plan, people: LotPeople, outcome: str) -> Iterator[tuple[str, Result]]:
    """Yield the effect of being drawn and its companions."""
    frame = people.answers.dropna(subset=[outcome])
    counts = {"drawn": int((frame[ARM] == 1).sum()), "not drawn": int((frame[ARM] == 0).sum())}
    if min(counts.values()) < plan.sizes.least_people:
        yield "", TooFew(counts=counts, needed=plan.sizes.least_people)
        return
    roles = {"outcome": outcome, "arm": ARM, "block": BLOCK, "cluster": people.cluster}
    yield "", guarded(randomisation.difference_in_means, frame, **roles)
    if frame[EARLIER].notna().all() and frame[EARLIER].nunique() > 1 and outcome == people.outcomes[0]:
        yield "adjusted", guarded(randomisation.adjusted_difference, frame, covariates=[EARLIER], **roles)
    yield "exact", guarded(_exact, plan, people, frame, outcome)
    if people.lot.kind != "modes" and outcome == people.outcomes[0]:
        found = _compliance(plan, people)
        if isinstance(found, randomisation.Compliance):
            yield "took-part", found.effect
            yield "any-strength", _set(found, counts)
        else:
            yield "took-part", found


def _exact(plan: Plan, people: LotPeople, frame: pd.DataFrame, outcome: str) -> Result:
    """Return the difference with the p-value and the range of the lot's own allocations."""
    sums = frame.groupby(UNIT)[outcome].agg(["sum", "size"]).reindex(people.units["code"]).fillna(0.0)
    units = people.units.assign(total=sums["sum"].to_numpy(), people=sums["size"].to_numpy())
    if people.record.settings["restrict"]:
        found = people.allocations(plan.seed)
    else:  # units without answers can stand on either side: only those that answered are permuted
        units = units[units["people"] > 0]
        found = randomisation.allocations(list(units[BLOCK]), units[ARM].to_numpy(), seed=plan.seed)
    test = randomisation.exact_test(units, found, treat=ARM, total="total", people="people", block=BLOCK)
    counts = {"drawn": int((frame[ARM] == 1).sum()), "not drawn": int((frame[ARM] == 0).sum())}
    if not (math.isfinite(test.low) and math.isfinite(test.high)):
        least = randomisation.smallest_p(found)
        return NotIdentified(
            f"with so few units no result could have a p-value under {least:.2g}, so that no range can be given",
            "Draw from more units.",
        )
    kind = "all" if test.complete else f"{test.allocations:,}"
    return Estimate(
        test.value,
        low=test.low,
        high=test.high,
        p=test.p,
        n=counts,
        null=0.0,
        outcome=outcome,
        method="difference in means within blocks",
        se_method=f"randomisation test over {kind} allocations of the lot, inverted",
    )


def _compliance(plan: Plan, people: LotPeople) -> randomisation.Compliance | NotIdentified | TooFew:
    """Return take-up by arm and the effect on those who took part because of the lot."""
    outcome = people.outcomes[0] if people.outcomes else ""
    frame = people.answers.dropna(subset=[outcome, TOOK]) if outcome else people.answers.iloc[:0]
    counts = {"drawn": int((frame[ARM] == 1).sum()), "not drawn": int((frame[ARM] == 0).sum())}
    if min(counts.values()) < plan.sizes.least_people:
        return TooFew(counts=counts, needed=plan.sizes.least_people)
    roles = {"outcome": outcome, "arm": ARM, "block": BLOCK, "cluster": people.cluster}
    return guarded(randomisation.compliance, frame, took_part=TOOK, **roles)


def _set(compliance: randomisation.Compliance, counts: dict[str, int]) -> Result:
    """Return the Anderson-Rubin set as a range, or as words where it has no end."""
    plausible = compliance.plausible
    if (
        isinstance(compliance.effect, Estimate)
        and plausible.shape == "interval"
        and math.isfinite(plausible.low + plausible.high)
    ):
        return Estimate(
            compliance.effect.value,
            low=plausible.low,
            high=plausible.high,
            n=counts,
            null=0.0,
            method="Wald ratio",
            se_method="Anderson-Rubin set",
        )
    return NotIdentified(
        "the lot moved so few that the effect on them has no range: any size could be true",
        "A lot that brings more people.",
    )


def _named(
    plan: Plan, inputs: DesignInputs, name: str, result: Result, outcome: str, method: str, gates: tuple[Gate, ...]
) -> Result:
    """Return a result with its id, words, gates and licence: an effect only where every gate of the lot passes."""
    lot, told = plan.lots[name], COMPANIONS[method]
    question = f"{lot.title}: did being drawn move {contrasts.short(plan, outcome)}?" + (f" ({told})" if told else "")
    proved = bool(gates) and all(g.passed for g in gates)
    if isinstance(result, Estimate):
        result = replace(result, gates=())
    named = contrasts.name(
        result,
        "d6",
        outcome=outcome,
        group=name,
        wave=inputs.wave,
        method=method,
        question=question,
        licence="effect" if proved else "association",
        planned=not method,
        null=0.0,
        family=plan.outcomes.family(outcome),
        margin=margin_of(plan, inputs.survey, outcome),
        gates=gates,
        **({"unit": contrasts.points(plan, outcome)} if isinstance(result, Estimate) else {}),
    )
    return contrasts.sized(named, plan)
