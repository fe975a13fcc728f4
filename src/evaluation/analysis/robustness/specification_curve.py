"""Every combination of the choices that the plan lists: outcome form, method, covariates, sample, weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd

from evaluation import errors, parallel
from evaluation import exhibit as w
from evaluation.analysis import contrasts, layout
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import joined, sample_for
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison, caliper_over, everybody, planned_matching
from evaluation.analysis.levels import Survey
from evaluation.analysis.robustness.unmeasured_confounding import planned_row
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan, Subset
from evaluation.results import Estimate, NotIdentified
from evaluation.statistics import effects, matching, propensity, sensitivity

AXES: dict[str, tuple[str, ...]] = {
    "outcome_form": ("mean", "share"),
    "method": ("nearest", "nearest 1:1", "entropy balancing", "weighting", "regression"),
    "covariates": ("planned", "all", "none"),
    "sample": ("all",),
    "survey_weight": ("yes", "no"),
}
PLANNED = {
    "outcome_form": "mean",
    "method": "nearest",
    "covariates": "planned",
    "sample": "all",
    "survey_weight": "yes",
}
LOOK = {
    "outcome_form": "Outcome as",
    "method": "Method",
    "covariates": "Adjusted for",
    "sample": "People",
    "survey_weight": "Survey weight",
}


@dataclass(slots=True)
class Ways:
    """What one specification needs: the compared people with the outcome, the plan, designs made so far."""

    plan: Plan
    people: pd.DataFrame
    covariates: tuple[str, ...]
    over: str
    sd: Mapping[str, float]
    subsets: Mapping[str, pd.Series]
    sample: Any = None
    _designs: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)

    def estimate(self, choice: Mapping[str, str]) -> Any:
        """Return the estimate of one specification, in points of the mean whatever the outcome's form."""
        people = self.people[self.subsets[choice["sample"]]]
        n = people[TREATED].value_counts()
        if min(int(n.get(0, 0)), int(n.get(1, 0))) < self.plan.sizes.least_people:
            return NotIdentified("too few people", "More people.")
        sample, words = self._asked(choice, people)
        made = effects.in_sample(people, sample, cluster="session", **words)
        return _scaled(made, self._factor(choice))

    def parts(self, choice: Mapping[str, str], _: Any = None) -> pd.Series:
        """Return what each session adds to the estimate of one specification, index session, in the same points."""
        people = self.people[self.subsets[choice["sample"]]]
        sample, words = self._asked(choice, people)
        by_person = effects.influence(people, sample, **words)
        return self._factor(choice) * by_person.groupby(people["session"]).sum()

    def _asked(self, choice: Mapping[str, str], people: pd.DataFrame) -> tuple[Any, dict[str, Any]]:
        weight = COMPARISON_WEIGHT if choice["survey_weight"] == "yes" else None
        words = {"outcome": choice["outcome_form"], "treat": TREATED, "survey_weight": weight}
        return self._design(choice, people, weight), words | {"covariates": self._adjusted(choice, people)}

    def _factor(self, choice: Mapping[str, str]) -> float:
        return self.sd["mean"] / self.sd[choice["outcome_form"]]

    def _adjusted(self, choice: Mapping[str, str], people: pd.DataFrame) -> tuple[str, ...]:
        names = {"planned": self.plan.matching.prognostic, "all": self.covariates, "none": ()}[choice["covariates"]]
        return tuple(c for c in names if c in people and people[c].nunique() > 1)

    def _design(self, choice: Mapping[str, str], people: pd.DataFrame, weight: str | None) -> Any:
        key = (choice["method"], choice["sample"], choice["survey_weight"])
        if key == ("nearest", "all", "yes") and self.sample is not None:
            return sample_for(people, self.sample)
        if key not in self._designs:
            self._designs[key] = designed(self.plan, choice["method"], people, self._varying(people), weight, self.over)
        return self._designs[key]

    def _varying(self, people: pd.DataFrame) -> list[str]:
        return [c for c in self.covariates if people[c].nunique() > 1]


def designed(
    plan: Plan, method: str, people: pd.DataFrame, covariates: list[str], weight: str | None, over: str
) -> Any:
    """Return the designed sample of a method."""
    if method == "regression":
        return everybody(people)
    if method == "entropy balancing":
        names = [c for c in plan.matching.prognostic if c in covariates]
        return matching.entropy_balance(people, treat=TREATED, covariates=names, survey_weight=weight)
    scores = propensity.fit(
        people, treat=TREATED, covariates=covariates, survey_weight=weight, only_attendees="penalise"
    )
    if method == "weighting":
        return matching.weights(people, scores, treat=TREATED, estimand="ATT", survey_weight=weight)
    words = planned_matching(plan, over) | {"survey_weight": weight}
    if method == "nearest 1:1":
        words["ratio"] = 1
    return matching.nearest(people, scores, **words)


def _scaled(made: Estimate, factor: float) -> Estimate:
    from dataclasses import replace

    ends = {k: factor * getattr(made, k) for k in ("value", "se", "low", "high")}
    return replace(made, **ends, low_90=None, high_90=None)


def subsets(plan: Plan, compare: Comparison, design: pd.DataFrame) -> dict[str, pd.Series]:
    """Return who belongs to each sample of the axis `sample`; a sample that leaves nobody out is not listed again."""
    people = compare.people
    rows = design.reindex(people.index)
    everyone = pd.Series(True, index=people.index)
    found = {"all": everyone, "general sample only": ~people["boost"].astype(bool)}
    for one in plan.sensitivity.subsets:
        if one.column in rows:
            found[one.name] = chosen(one, rows)
    return {k: v for k, v in found.items() if k == "all" or not v.all()}


def chosen(one: Subset, rows: pd.DataFrame) -> pd.Series:
    """Return who belongs to a subset of the plan."""
    values = rows[one.column].astype(object)
    return values.isin(one.keep) if one.keep else ~values.isin(one.drop)


def specifications(plan: Plan, wave: str, compare: Comparison, sample: Any, survey: Survey) -> Any:
    """Run every combination of the plan's axes; a refusal where there is no comparison.

    The planned way uses the sample that notebook 04 fixed, as the planned estimate does; every other design is made
    anew among the people who answered.
    """
    if compare.refusal is not None:
        return NotIdentified("there is no comparison to vary", "See notebook 03.")
    unknown = [a for a in plan.sensitivity.specification_axes if a not in AXES]
    if unknown:
        raise errors.Unsupported(f"specification axes {unknown} are not known", todo=f"Known are {', '.join(AXES)}.")
    outcome = plan.outcomes.primary
    people = joined(compare, survey, outcome)
    people = people.assign(mean=people[outcome], share=people[outcome].isin(plan.outcomes.positive).astype(float))
    some = {k: v.reindex(people.index) for k, v in subsets(plan, compare, survey.people).items()}
    sd = {form: float(people[form].std()) for form in AXES["outcome_form"]}
    ways = Ways(plan, people, compare.covariates, caliper_over(compare), sd, some, sample)
    axes = {a: (AXES[a] if a in plan.sensitivity.specification_axes else (PLANNED[a],)) for a in AXES}
    axes["sample"] = tuple(some) if "sample" in plan.sensitivity.specification_axes else ("all",)
    if sd["share"] == 0:
        axes["outcome_form"] = ("mean",)
    try:
        curve = sensitivity.specification_curve(partial(Ways.estimate, ways), axes, planned=PLANNED, seed=plan.seed)
    except errors.DataError as error:
        return NotIdentified(error.what, "See the planned comparison.")
    return joint(plan, ways, curve)


def joint(plan: Plan, ways: Ways, curve: Any) -> Any:
    """Return the curve with the joint chance of its median: the effect removed, sessions drawn anew."""
    choices = curve.table[list(AXES)].to_dict("records")
    parts = parallel.run(partial(Ways.parts, ways), choices, plan.seed)
    table = pd.concat(parts, axis=1).reindex(sorted(ways.people["session"].unique())).fillna(0.0).to_numpy()
    draw = partial(sensitivity.resampled_sessions, table)
    return sensitivity.judged(curve, draw, plan.sensitivity.bootstrap_draws, plan.seed)


def curve_table(plan: Plan, wave: str, curve: Any, attend: Sequence[Any]) -> list[Exhibit]:
    """Return the curve: how many agree, their median, and every specification in order."""
    if isinstance(curve, NotIdentified):
        return [layout.refused(plan, wave, "sensitivity.curve", curve)]
    row = planned_row(plan, attend)
    base = min(row.n.values()) if isinstance(row, Estimate) else plan.sizes.least_people
    stem, unit = f"spec.{plan.outcomes.primary}.all.{wave}", contrasts.points(plan, plan.outcomes.primary)
    triples: list[tuple[str, str, Any]] = [
        ("Ways of analysing", "Value", w.measure(f"{stem}.ways", len(curve.table), "ways", wave=wave, decimals=0)),
        (
            "Share that point the same way",
            "Value",
            w.measure(f"{stem}.same", 100 * curve.same_sign_share, "per cent", base=base, wave=wave, decimals=0),
        ),
        ("Median difference", "Value", w.measure(f"{stem}.median", curve.median, unit, base=base, wave=wave)),
        (
            "Smallest and largest",
            "Value",
            w.measure(
                f"{stem}.range",
                curve.median,
                unit,
                base=base,
                wave=wave,
                low=float(curve.table["value"].min()),
                high=float(curve.table["value"].max()),
            ),
        ),
        (
            "Chance of a median this far from none if there were no difference",
            "Value",
            w.measure(f"{stem}.joint", curve.p, "", base=base, wave=wave, decimals=3),
        ),
        ("Could not be run", "Value", w.measure(f"{stem}.refused", len(curve.refused), "ways", wave=wave, decimals=0)),
    ]
    summary = (
        layout.table(
            plan, wave, "sensitivity.curve", note="Axes: " + "; ".join(f"{LOOK[a].lower()}" for a in AXES) + "."
        )
        .add(triples)
        .note_texts("more", _reasons(curve))
        .exhibit()
    )
    return [summary, _figure(plan, wave, curve, base)]


def _reasons(curve: Any) -> tuple[str, ...]:
    """Return why some ways could not be run, each reason once."""
    if not len(curve.refused):
        return ()
    reasons = sorted({r.split(":")[0] for r in curve.refused["reason"]})
    return (f"Could not be run because: {'; '.join(reasons)}.",)


def _figure(plan: Plan, wave: str, curve: Any, base: int) -> Exhibit:
    """Return every specification in order of its value; the chart marks the planned one."""
    triples, unit = [], contrasts.points(plan, plan.outcomes.primary)
    for place, one in enumerate(curve.table.to_dict("records")):
        words = "; ".join(str(one[a]) for a in AXES)
        name = f"{'Planned: ' if one['planned'] else ''}{place + 1}. {words}"
        made = Estimate(
            value=one["value"],
            low=one["low"],
            high=one["high"],
            unit=unit,
            n={"all": base},
            wave=wave,
            outcome=plan.outcomes.primary,
            planned=bool(one["planned"]),
            licence="association",
            id=f"spec.{plan.outcomes.primary}.all.{wave}.{place:04d}".lower(),
        )
        triples.append((name, "Difference", made))
    return layout.table(plan, wave, "sensitivity.specifications", unit=unit).add(triples).exhibit()
