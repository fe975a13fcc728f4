"""What ranges leave out: how far memory agrees with answers of then, and news that moved one group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evaluation.answers import words as w
from evaluation.answers.designs.evidence import Evidence
from evaluation.answers.designs.recalled import remembered
from evaluation.answers.samples import TREATED
from evaluation.estimates import Estimate, NotIdentified, TooFew
from evaluation.exhibits import Exhibit
from evaluation.statistics import inference
from evaluation.study import Plan


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
        return w.refusal_exhibit("designs.recall", title, refusal, found.wave, ("annex-H",), f"{stem}.all.all")
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
        return w.refusal_exhibit("designs.recall", title, few, found.wave, ("annex-H",), f"{stem}.all.all")
    triples = [
        (name, "Mean", w.measure(f"{stem}.{outcome}.{id}.{found.wave}", value, "points", base=n, wave=found.wave))
        for name, value, n, id in cells_
    ]
    stem_bias = f"{stem}.{outcome}.bias.{found.wave}"
    triples.append(
        ("Remembered less answered, like with like", "Mean", _bias(plan, found, others, then, frame, stem_bias))
    )
    return w.exhibit(
        "designs.recall",
        title,
        triples,
        sections=("annex-H",),
        wave=found.wave,
        row_header="Source",
        source="Survey, weighted",
    )


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
    return w.exhibit(
        "designs.shocks",
        "How much wider the ranges are when news moved one group",
        triples,
        sections=("annex-H", "annex-I"),
        wave=found.wave,
        row_header="Design",
    )
