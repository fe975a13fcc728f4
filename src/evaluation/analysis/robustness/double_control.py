"""A double negative control of the planned comparison: the difference with an unseen trait allowed for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.analysis import contrasts, layout
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import CLUSTERED, adjusted_for, joined
from evaluation.analysis.comparison import Comparison
from evaluation.analysis.levels import Survey
from evaluation.analysis.robustness.specification_curve import members
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Gate, NotIdentified, Result
from evaluation.statistics.sensitivity import Proximal, proximal

GATE = "attend.double_control"


def double_control(plan: Plan, wave: str, compare: Comparison, survey: Survey) -> Proximal | NotIdentified:
    """Return the primary difference with what the plan's first negative control and the other ones say allowed for.

    The first negative control asked is the outcome control; the others, and each negative exposure of people who did
    not attend, are the exposure controls.
    """
    if compare.refusal is not None:
        return NotIdentified("attendees and others could not be compared", "See notebook 04.")
    asked = [o for o in plan.outcomes.negative_controls if survey.asked(o, wave)]
    if len(asked) < 2:
        return NotIdentified("fewer than two negative controls were asked", "Ask about services events cannot move.")
    outcome = plan.outcomes.primary
    people = joined(compare, survey, outcome)
    people = people.join(survey.outcomes[asked].reindex(people.index).astype(float)).dropna(subset=asked)
    exposures = _exposures(plan, survey, people)
    least = people[TREATED].value_counts().reindex([0, 1], fill_value=0).min()
    if least < plan.sizes.least_people:
        return NotIdentified("too few people answered the negative controls", "Survey more people.")
    try:
        return proximal(
            people.assign(**exposures),
            outcome=outcome,
            treat=TREATED,
            outcome_control=asked[0],
            exposure_controls=[*asked[1:], *exposures],
            covariates=adjusted_for(plan, people),
            weight=CLUSTERED["survey_weight"],
            cluster=CLUSTERED["cluster"],
            width=float(np.ptp(contrasts.ends(plan, outcome))),
        )
    except errors.DataError as error:
        return NotIdentified(error.what, error.todo or "See the notebook.")


def _exposures(plan: Plan, survey: Survey, people: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return, for each negative exposure that varies among those who did not attend, 1 for those exposed, else 0."""
    found, others = {}, (people[TREATED] == 0).to_numpy()
    for exposure in plan.sensitivity.negative_exposures or ():
        if exposure.column in survey.people:
            answers = survey.people.reindex(people.index)
            exposed = others & members(exposure, answers).to_numpy(dtype=bool)
            if 10 <= exposed.sum() <= others.sum() - 10:
                found[f"exposed_{len(found)}"] = exposed.astype(float)
    return found


def gates(proximal: Proximal | NotIdentified) -> list[Gate]:
    """Return the gate of an informative double control: failed where it leaves room for no difference."""
    if isinstance(proximal, NotIdentified) or not proximal.informative:
        return []
    note = "a difference is left once an unseen trait is allowed for by the negative controls"
    return [Gate(GATE, "quality", not proximal.holds(0.0), note=note)]


def qualified(plan: Plan, attend: Sequence[Result], proximal: Proximal | NotIdentified) -> list[Result]:
    """Return the results with the gate on the planned contrast of the primary outcome and its companions."""
    own = tuple(gates(proximal))
    primary = plan.outcomes.primary
    return [replace(r, gates=(*r.gates, *own)) if r.outcome == primary else r for r in attend]


def table(plan: Plan, wave: str, proximal: Proximal | NotIdentified) -> Exhibit:
    """Return the difference as it is and with the trait allowed for, the strength of the controls, and the reading."""
    exhibit = layout.table(plan, wave, "sensitivity.double", points=contrasts.points(plan, plan.outcomes.primary))
    if isinstance(proximal, NotIdentified):
        return exhibit.refused(proximal)
    base = min(proximal.estimate.n.values())
    exhibit.numbers(unit=contrasts.points(plan, plan.outcomes.primary), base=base)
    exhibit.row("naive").number("difference", proximal.naive)
    state = "informative" if proximal.informative else "silent"
    if proximal.informative:
        exhibit.row("allowed").number("difference", proximal.estimate.value, low=proximal.low, high=proximal.high)
    exhibit.row("strength").number("difference", proximal.strength, unit="")
    exhibit.row("reading").text("difference", exhibit.sentence(state))
    return exhibit.exhibit()
