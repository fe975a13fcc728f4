"""The planned contrast of the primary outcome, and the same comparison, adjusted, in parts of the sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evaluation.analysis import contrasts
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import adjusted_for, guarded
from evaluation.analysis.comparison import COMPARISON_WEIGHT, everybody
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified, Result, TooFew
from evaluation.statistics import effects


def planned_row(plan: Plan, results: Sequence[Result]) -> Result:
    """Return the planned contrast of the primary outcome (an estimate or a refusal)."""
    return next(r for r in results if r.outcome == plan.outcomes.primary and r.id.startswith("attend."))


def planned_estimate(plan: Plan, results: Sequence[Result]) -> tuple[Estimate | None, NotIdentified | TooFew | None]:
    """Return the planned contrast where it has an error, else None and its refusal (None for an estimate without)."""
    row = planned_row(plan, results)
    if not isinstance(row, Estimate):
        return None, row
    return (row if row.se else None), None


def adjusted_difference(plan: Plan, people: pd.DataFrame, outcome: str) -> Result:
    """Return the weighted, adjusted difference of treated and untreated among these people, or why there is none."""
    n = people[TREATED].value_counts()
    counts = {"treated": int(n.get(1, 0)), "untreated": int(n.get(0, 0))}
    if min(counts.values()) < plan.sizes.least_people:
        return TooFew(counts=counts, needed=plan.sizes.least_people)
    roles = {"outcome": outcome, "treat": TREATED, "cluster": "session", "survey_weight": COMPARISON_WEIGHT}
    return guarded(effects.in_sample, people, everybody(people), covariates=adjusted_for(plan, people), **roles)


def difference_between(plan: Plan, people: pd.DataFrame, first: np.ndarray, second: np.ndarray) -> Result:
    """Return the adjusted difference of two groups of people in the primary outcome, or why there is none."""
    some = people[first | second].assign(**{TREATED: first[first | second].astype(int)})
    return adjusted_difference(plan, some, plan.outcomes.primary)


def exploratory(
    plan: Plan, wave: str, contrast: str, method: str, result: Result, *, group: str = "all", question: str = ""
) -> Result:
    """Return a result on the primary outcome with the words of an exploratory contrast."""
    outcome = plan.outcomes.primary
    unit, fields = contrasts.points(plan, outcome), {"licence": "exploratory", "planned": False, "question": question}
    return contrasts.name(result, contrast, outcome=outcome, group=group, wave=wave, method=method, unit=unit, **fields)
