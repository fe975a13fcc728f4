"""Specification curve: every combination of outcome form, method, covariates, sample and weight that the plan lists."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pandas as pd

from evaluation import errors, parallel
from evaluation.analysis import contrasts, layout
from evaluation.analysis.arms import TREATED
from evaluation.analysis.attendee_effect import joined, sample_for
from evaluation.analysis.comparison import COMPARISON_WEIGHT, Comparison, caliper_over, everybody, planned_matching
from evaluation.analysis.levels import Survey
from evaluation.analysis.robustness.planned_contrast import planned_row
from evaluation.exhibit import Exhibit
from evaluation.plan.study import Plan, Subset
from evaluation.results import Estimate, NotIdentified, Result
from evaluation.statistics import _roles, effects, matching, propensity, sensitivity
from evaluation.statistics.matching import MatchedSample
from evaluation.statistics.sensitivity.specification_curve import SpecificationCurve

AXES: dict[str, tuple[str, ...]] = {
    "outcome_form": ("mean", "share"),
    "method": ("nearest", "nearest 1:1", "entropy balancing", "weighting", "regression"),
    "covariates": ("planned", "all", "none"),
    "sample": ("all",),
    "survey_weight": ("yes", "no"),
}
PLANNED = dict(zip(AXES, ("mean", "nearest", "planned", "all", "yes"), strict=True))


FORM = "outcome_form"
Choice = Mapping[str, str]
Part = tuple[Estimate, pd.Series] | NotIdentified | errors.DataError


@dataclass(slots=True)
class Specifications:
    """What the specifications need: the compared people with the outcome, the plan, designs fitted so far."""

    plan: Plan
    people: pd.DataFrame
    covariates: tuple[str, ...]
    over: str
    sd: Mapping[str, float]
    subsets: Mapping[str, pd.Series]
    sample: MatchedSample | None = None
    _designs: dict[tuple[str, ...], MatchedSample] = field(default_factory=dict, repr=False)

    def by_form(self, forms: Sequence[str], choice: Choice, _: object = None) -> dict[str, Part]:
        """Return one specification for each form of the outcome: its estimate and what each session adds to it.

        Both are in points of the mean, whatever the form; index session. What the data refuse is returned.
        """
        people = self.people[self.subsets[choice["sample"]]]
        n = people[TREATED].value_counts()
        if min(int(n.get(0, 0)), int(n.get(1, 0))) < self.plan.sizes.least_people:
            return dict.fromkeys(forms, NotIdentified("too few people", "More people."))
        try:
            sample, roles = self._sample_and_roles(choice, people)
            both = effects.of_outcomes(people, sample, outcomes=forms, cluster="session", **roles)
        except errors.DataError as error:
            return dict.fromkeys(forms, error)
        return {form: self._in_points(form, people["session"], *both[form]) for form in forms}

    def _in_points(self, form: str, session: pd.Series, result: Estimate, influence: pd.Series) -> Part:
        factor = self.sd["mean"] / self.sd[form]
        scaled = {k: factor * getattr(result, k) for k in ("value", "se", "low", "high")}
        estimate = replace(result, **scaled, low_90=None, high_90=None)
        return estimate, factor * influence.groupby(session).sum()

    def _sample_and_roles(self, choice: Choice, people: pd.DataFrame) -> tuple[MatchedSample, dict[str, Any]]:
        """Return the designed sample of a specification and the columns that its estimator reads."""
        weight = COMPARISON_WEIGHT if choice["survey_weight"] == "yes" else None
        names = {"planned": self.plan.matching.prognostic, "all": self.covariates, "none": ()}[choice["covariates"]]
        adjusted = tuple(c for c in names if c in people and _roles.varies(people[c]))
        roles = {"treat": TREATED, "survey_weight": weight, "covariates": adjusted}
        return self._design(choice, people, weight), roles

    def _design(self, choice: Choice, people: pd.DataFrame, weight: str | None) -> MatchedSample:
        key = (choice["method"], choice["sample"], choice["survey_weight"])
        if key == ("nearest", "all", "yes") and self.sample is not None:
            return sample_for(people, self.sample)
        if key not in self._designs:
            varying = [c for c in self.covariates if _roles.varies(people[c])]
            self._designs[key] = designed(self.plan, choice["method"], people, varying, weight, self.over)
        return self._designs[key]


def designed(
    plan: Plan, method: str, people: pd.DataFrame, covariates: list[str], weight: str | None, over: str
) -> MatchedSample:
    """Return the designed sample of a method."""
    roles = {"treat": TREATED, "survey_weight": weight}
    if method == "regression":
        return everybody(people)
    if method == "entropy balancing":
        names = [c for c in plan.matching.prognostic if c in covariates]
        return matching.entropy_balance(people, covariates=names, **roles)
    scores = propensity.fit(people, covariates=covariates, only_attendees="penalise", **roles)
    if method == "weighting":
        return matching.weights(people, scores, estimand="ATT", **roles)
    choices = planned_matching(plan, over) | {"survey_weight": weight}
    return matching.nearest(people, scores, **choices | ({"ratio": 1} if method == "nearest 1:1" else {}))


def subsets(plan: Plan, compare: Comparison, design: pd.DataFrame) -> dict[str, pd.Series]:
    """Return who belongs to each sample of the axis `sample`; a sample that leaves nobody out is not listed again."""
    people = compare.people
    rows = design.reindex(people.index)
    out = {"all": pd.Series(True, index=people.index), "general sample only": ~people["boost"].astype(bool)}
    out |= {one.name: members(one, rows) for one in plan.sensitivity.subsets if one.column in rows}
    return {k: v for k, v in out.items() if k == "all" or not v.all()}


def members(subset: Subset, rows: pd.DataFrame) -> pd.Series:
    """Return who belongs to a subset of the plan."""
    values = rows[subset.column].astype(object)
    return values.isin(subset.keep) if subset.keep else ~values.isin(subset.drop)


def specifications(
    plan: Plan, wave: str, compare: Comparison, sample: MatchedSample, survey: Survey
) -> SpecificationCurve | NotIdentified:
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
    people = _roles.coded(joined(compare, survey, outcome), compare.covariates)
    people = people.assign(mean=people[outcome], share=people[outcome].isin(plan.positive(outcome)).astype(float))
    some = {k: v.reindex(people.index) for k, v in subsets(plan, compare, survey.people).items()}
    sd = {form: float(people[form].std()) for form in AXES[FORM]}
    runner = Specifications(plan, people, compare.covariates, caliper_over(compare), sd, some, sample)
    axes = {a: (v if a in plan.sensitivity.specification_axes else (PLANNED[a],)) for a, v in AXES.items()}
    axes["sample"] = tuple(some) if "sample" in plan.sensitivity.specification_axes else ("all",)
    if sd["share"] == 0:
        axes[FORM] = ("mean",)
    parts = every_part(runner, axes, plan.seed)
    try:
        curve = sensitivity.specification_curve(partial(_estimate, parts), axes, planned=PLANNED, seed=plan.seed)
    except errors.DataError as error:
        return NotIdentified(error.what, "See the planned comparison.")
    return joint(plan, runner, curve, parts)


def every_part(runner: Specifications, axes: Mapping[str, Sequence[str]], seed: int) -> dict[tuple[str, ...], Part]:
    """Return each specification by its choices; forms of the outcome share the design and the model matrix."""
    rest = [a for a in axes if a != FORM]
    choices = [dict(zip(rest, c, strict=True)) for c in itertools.product(*(axes[a] for a in rest))]
    results = parallel.run(partial(Specifications.by_form, runner, axes[FORM]), choices, seed)
    return {
        tuple((choice | {FORM: form})[a] for a in axes): part
        for choice, forms in zip(choices, results, strict=True)
        for form, part in forms.items()
    }


def _estimate(parts: Mapping[tuple[str, ...], Part], choice: Choice) -> Estimate | NotIdentified:
    """Return the estimate of one specification, or raise what the data refused."""
    part = parts[tuple(choice[a] for a in AXES)]
    if isinstance(part, errors.DataError):
        raise part
    return part if isinstance(part, NotIdentified) else part[0]


def joint(
    plan: Plan, runner: Specifications, curve: SpecificationCurve, parts: Mapping[tuple[str, ...], Part]
) -> SpecificationCurve:
    """Return the curve with the joint chance of its median: the effect removed, sessions drawn anew."""
    each = [parts[choice] for choice in curve.table[list(AXES)].itertuples(index=False, name=None)]
    added = [part[1] for part in each if isinstance(part, tuple)]
    table = pd.concat(added, axis=1).reindex(sorted(runner.people["session"].unique())).fillna(0.0).to_numpy()
    draw = partial(sensitivity.resampled_sessions, table)
    return sensitivity.judged(curve, draw, plan.sensitivity.bootstrap_draws, plan.seed)


def curve_table(
    plan: Plan, wave: str, curve: SpecificationCurve | NotIdentified, attend: Sequence[Result]
) -> list[Exhibit]:
    """Return the curve: how many agree, their median, and every specification in order."""
    if isinstance(curve, NotIdentified):
        return [layout.refused(plan, wave, "sensitivity.curve", curve)]
    row, outcome = planned_row(plan, attend), plan.outcomes.primary
    base = min(row.n.values()) if isinstance(row, Estimate) else plan.sizes.least_people
    table = layout.table(plan, wave, "sensitivity.curve", outcome=outcome)
    table.numbers(unit=contrasts.points(plan, outcome), base=base)
    ends = {"low": float(curve.table["value"].min()), "high": float(curve.table["value"].max())}
    table.row("ways").number("value", len(curve.table), unit="ways", base=None, decimals=0)
    table.row("same").share("value", curve.same_sign_share)
    table.row("median").number("value", curve.median)
    table.row("range").number("value", curve.median, **ends)
    table.row("joint").number("value", curve.p, unit="", decimals=3)
    table.row("refused").number("value", len(curve.refused), unit="ways", base=None, decimals=0)
    if len(curve.refused):
        table.note("refused", reasons="; ".join(sorted({r.split(":")[0] for r in curve.refused["reason"]})))
    return [table.exhibit(), _figure(plan, wave, curve, base)]


def _figure(plan: Plan, wave: str, curve: SpecificationCurve, base: int) -> Exhibit:
    """Return every specification in order of its value; the chart marks the planned one."""
    outcome, unit = plan.outcomes.primary, contrasts.points(plan, plan.outcomes.primary)
    table = layout.table(plan, wave, "sensitivity.specifications", unit=unit, outcome=outcome)
    fields = {"unit": unit, "n": {"all": base}, "wave": wave, "outcome": outcome, "licence": "association"}
    for place, one in enumerate(curve.table.to_dict("records")):
        label = f"{'Planned: ' if one['planned'] else ''}{place + 1}. {'; '.join(str(one[a]) for a in AXES)}"
        values = {"value": one["value"], "low": one["low"], "high": one["high"], "planned": bool(one["planned"])}
        key = f"{place:04d}"
        table.row(key, label).estimate("difference", Estimate(id=table.id(key, ""), **values, **fields))
    return table.exhibit()
