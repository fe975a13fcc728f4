"""Notebook 05, beside the planned estimate: other units, doses, sources, ties, and claims that are not true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from evaluation import exhibit as w
from evaluation.analysis import comparison, contrasts, layout
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import adjusted_for, guarded, joined, labelled, planned, sample_for, subset
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison
from evaluation.analysis.levels import Survey
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified, TooFew, from_se
from evaluation.statistics import effects, matching, misclassification, power

DOSES = {1.0: "Came to one event", 2.0: "Came to two events", 3.0: "Came to three or more"}
TIE_DRAWS = 20


def units(plan: Plan, wave: str, compare: Comparison, sample: Any, survey: Survey) -> Exhibit:
    """Return the planned contrast as a difference of shares, a ratio of shares, points, and SD units, in that order."""
    if compare.refusal is not None:
        return layout.refused(plan, wave, "attend.units", compare.refusal)
    outcome = plan.outcomes.primary
    people = joined(compare, survey, outcome)
    people["positive"] = people[outcome].isin(plan.outcomes.positive).astype(float)
    points = planned(plan, people, sample, outcome)
    others = people.loc[people[TREATED] == 0, outcome]
    made = {
        "share": planned(plan, people.assign(positive=100 * people["positive"]), sample, outcome, "positive"),
        "ratio": guarded(
            effects.ratio,
            people,
            sample_for(people, sample),
            outcome="positive",
            treat=TREATED,
            cluster="session",
            covariates=adjusted_for(plan, people),
            survey_weight=COMPARISON_WEIGHT,
        ),
        "points": points,
        "sd": guarded(effects.in_sd, points, float(others.std())) if isinstance(points, Estimate) else points,
    }
    rows = {
        "share": ("Positive answers, difference", w.SHARE),
        "ratio": ("Positive answers, ratio", "times"),
        "points": ("Mean, difference", contrasts.points(plan, outcome)),
        "sd": ("Mean, difference in standard deviations of the others", "standard deviations"),
    }
    triples = [
        (rows[k][0], "Estimate", _named(plan, wave, r, compare, survey, "attendunits", k, unit=rows[k][1]))
        for k, r in made.items()
    ]
    return layout.table(plan, wave, "attend.units").add(triples).exhibit()


def doses(plan: Plan, wave: str, compare: Comparison, sample: Any, survey: Survey) -> Exhibit:
    """Return the planned contrast for attendees of one, two, and three or more events, against the same others."""
    if compare.refusal is not None:
        return layout.refused(plan, wave, "attend.doses", compare.refusal)
    outcome = plan.outcomes.primary
    people = joined(compare, survey, outcome)
    triples = []
    for value, name in DOSES.items():
        rows = (people[TREATED] == 0) | (people["dose"] == value)
        made = subset(plan, people, sample, outcome, rows)
        triples.append((name, "Difference", _named(plan, wave, made, compare, survey, "attenddose", f"{value:.0f}")))
    return layout.table(plan, wave, "attend.doses").add(triples).exhibit()


def sources(plan: Plan, wave: str, compare: Comparison, sample: Any, survey: Survey) -> Exhibit:
    """Return general-sample attendees alone, attendees from lists alone, their difference, and what it could see."""
    if compare.refusal is not None:
        return layout.refused(plan, wave, "attend.sources", compare.refusal)
    outcome = plan.outcomes.primary
    people = joined(compare, survey, outcome)
    others = people[TREATED] == 0
    rows = {"general": others | ~people["boost"], "lists": others | people["boost"]}
    made = {k: subset(plan, people, sample, outcome, r) for k, r in rows.items()}
    made["apart"] = _apart(plan, people, sample, outcome, rows, made)
    names = {"general": "General sample", "lists": "Lists of attendees", "apart": "Lists less general sample"}
    triples = [
        (names[k], "Difference", _named(plan, wave, r, compare, survey, "attendsource", k)) for k, r in made.items()
    ]
    if isinstance(made["apart"], Estimate):
        seen = power.minimum_detectable(
            made["apart"].se, df=made["apart"].df or np.inf, power=plan.power.power, size=plan.power.size
        )
        value = w.measure(
            f"attendsource.seen.all.{wave}", seen, contrasts.points(plan, outcome), base=len(people), wave=wave
        )
        triples.append(("Smallest difference between the two that could have been seen", "Difference", value))
    return layout.table(plan, wave, "attend.sources").add(triples).exhibit()


def _apart(
    plan: Plan, people: pd.DataFrame, sample: Any, outcome: str, rows: Mapping[str, pd.Series], made: Mapping[str, Any]
) -> Any:
    """Return the difference of both subsets' estimates; they share their others: influences are summed by session."""
    for one in made.values():
        if not isinstance(one, Estimate):
            return one
    parts = {}
    for name, which in rows.items():
        some = people[which]
        parts[name] = effects.influence(
            some,
            sample_for(some, sample),
            outcome=outcome,
            treat=TREATED,
            covariates=adjusted_for(plan, some),
            survey_weight=COMPARISON_WEIGHT,
        ).reindex(people.index, fill_value=0.0)
    sums = (parts["lists"] - parts["general"]).groupby(people["session"]).sum()
    attended = people[people[TREATED] == 1]
    held = attended.groupby("boost")["session"].nunique()
    se = float(np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum()))
    n = {"lists": int(attended["boost"].sum()), "general sample": int((~attended["boost"]).sum())}
    if held.min() < effects.LEAST_SESSIONS:
        return NotIdentified("one of the two kinds of attendees comes from too few sessions", "More sessions.")
    return from_se(
        made["lists"].value - made["general"].value,
        se,
        df=float(held.min() - 1),
        n=n,
        n_sessions=int(held.min()),
        method="difference of two planned estimates",
        se_method="influences summed by session",
        outcome=outcome,
        estimand="difference between attendees from lists and attendees of the general sample",
    )


def ties(plan: Plan, wave: str, compare: Comparison, sample: Any, survey: Survey) -> Exhibit:
    """Return the planned estimate's range when people with equal chances of attending stand in another order."""
    if compare.refusal is not None:
        return layout.refused(plan, wave, "attend.ties", compare.refusal)
    how = comparison.planned_matching(plan, comparison.caliper_over(compare))
    if how["order"] == "data":
        reason = NotIdentified("the plan matches in the order of respondents", "Another order in the plan.")
        return layout.refused(plan, wave, "attend.ties", reason)
    outcome = plan.outcomes.primary
    people = joined(compare, survey, outcome)
    others = matching.tie_breaks(compare.people, compare.scores, draws=TIE_DRAWS, seed=plan.seed, **how)
    found = [planned(plan, people, s, outcome) for s in (sample, *others)]
    values = [e.value for e in found if isinstance(e, Estimate)]
    if len(values) < len(found):
        reason = next(e for e in found if not isinstance(e, Estimate))
        return layout.refused(plan, wave, "attend.ties", reason)
    unit, base = contrasts.points(plan, outcome), len(people)
    cells = (
        ("As planned", values[0]),
        ("Smallest of other orders", min(values)),
        ("Largest of other orders", max(values)),
    )
    triples = [
        (name, "Difference", w.measure(f"ties.{i}.all.{wave}", value, unit, base=base, wave=wave))
        for i, (name, value) in enumerate(cells)
    ]
    return layout.table(plan, wave, "attend.ties").add(triples).exhibit()


def claimed(
    plan: Plan, wave: str, compare: Comparison, sample: Any, survey: Survey, claim: tuple[float, int]
) -> Exhibit:
    """Return the planned difference over the share of claims that are true; `claim` as `comparison.claimed_share`."""
    if compare.refusal is not None:
        return layout.refused(plan, wave, "attend.claimed", compare.refusal)
    outcome = plan.outcomes.primary
    people = joined(compare, survey, outcome)
    made, (share, n) = planned(plan, people, sample, outcome), claim
    if isinstance(made, NotIdentified | TooFew) or share == 0:
        reason = made if not isinstance(made, Estimate) else NotIdentified("nobody says that they attended", "")
        return layout.refused(plan, wave, "attend.claimed", reason)
    unit, triples = contrasts.points(plan, outcome), []
    for specificity in plan.treatment.specificity:
        true = misclassification.share_true(share, specificity=specificity)
        code = str(specificity).replace(".", "")
        row = f"{specificity:.1%} of people who did not attend say so"
        if true > 0:
            value = w.measure(f"claimed.value.all.{wave}.{code}", made.value / true, unit, base=n, wave=wave)
        else:
            value = w.words(f"claimed.value.all.{wave}.{code}", "every claim could be false")
        triples.append((row, "Difference among those who did attend", value))
    return layout.table(plan, wave, "attend.claimed").add(triples).exhibit()


def _named(
    plan: Plan, wave: str, result: Any, compare: Comparison, survey: Survey, contrast: str, part: str, unit: str = ""
) -> Any:
    """Return a result named as a part of a contrast that is not planned; without a margin where the unit is another."""
    outcome = plan.outcomes.primary
    if isinstance(result, NotIdentified | TooFew):
        return replace(result, id=w.result_id(contrast, outcome, "all", wave, part), outcome=outcome, wave=wave)
    made = labelled(plan, wave, result, outcome, compare, survey, method=part, contrast=contrast)
    return replace(made, unit=unit, margin=None, null=result.null) if unit else made
