"""The design of the attendee comparison: people, comparison weights, propensity scores, matching; no outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.analysis import arms, population_weights
from evaluation.analysis.arms import TREATED
from evaluation.analysis.margin_cells import Cells
from evaluation.analysis.population_weights import rake
from evaluation.intake import objects
from evaluation.intake.stages import Stage
from evaluation.plan.study import Plan
from evaluation.results import Gate, NotIdentified, TooFew
from evaluation.statistics import _roles, matching, propensity, weighting


@dataclass(frozen=True, slots=True)
class Raking:
    """How those who did not attend were raked to the population, so that a draw of them can be raked again.

    `cells` has a column per margin used, on the respondents who did not attend; `targets` the population of each cell;
    `low`, `high` the bounds of trimming, times the median; `left_out` the margins that could not be used; `base` the
    weights by which people were drawn, from which raking starts. Without a usable margin `targets` is empty: weights
    are those, or 1.
    """

    cells: pd.DataFrame
    targets: Mapping[str, pd.Series]
    low: float
    high: float
    tolerance: float
    left_out: tuple[Cells, ...] = ()
    base: pd.Series | None = None

    def __call__(self, people: pd.DataFrame, times: str) -> pd.Series:
        """Return the comparison weight of drawn people; `times` is the column that says how often each was drawn."""
        out = pd.Series(1.0, index=people.index)
        others = people.index[people[TREATED] == 0]
        if not len(others) or (not self.targets and self.base is None):
            return out
        cells, count = self.cells.loc[others], people.loc[others, times].astype(float)
        drawn = count if self.base is None else count * self.base.loc[others]
        if not self.targets:
            out[others] = drawn / count / np.average(drawn / count, weights=count)
            return out
        weight = weighting.rake(cells, self.targets, base_weight=drawn, tolerance=self.tolerance).values / count
        factor = weight / (drawn / count)
        cut = _trimmed(factor.to_numpy(), count.to_numpy(), self.low, self.high)
        if cut is not None:
            base = pd.Series(cut, index=others) * drawn
            weight = weighting.rake(cells, self.targets, base_weight=base, tolerance=self.tolerance).values / count
        out[others] = weight / np.average(weight, weights=count)
        return out


def raking(plan: Plan, design: pd.DataFrame, treated: pd.Series, margins: Mapping[str, pd.Series]) -> Raking:
    """Return how the comparison weight of these people was made."""
    raked, pop = rake(plan, design[treated == 0], margins), plan.population
    total = raked.cells[0].population.sum() if raked.cells else 1.0
    targets = {f"margin.{c.name}": c.population * (total / c.population.sum()) for c in raked.cells}
    cells = raked.frame[list(targets)].copy()
    return Raking(cells, targets, pop.trim_low, pop.trim_high, pop.tolerance, raked.left_out, raked.base)


def _trimmed(weight: np.ndarray, count: np.ndarray, low: float, high: float) -> np.ndarray | None:
    """Return weights within `low` and `high` times the median, the excess shared among the rest; None where all are.

    As `weighting.trim`, each person counted as often as drawn.
    """
    order = np.argsort(weight)
    half = np.searchsorted(np.cumsum(count[order]), count.sum() / 2)
    middle = np.median(weight) if (count == 1).all() else weight[order][half]
    low, high = low * middle, high * middle
    if not ((weight < low) | (weight > high)).any():
        return None
    w = weight.copy()
    for _ in range(1000):
        outside = (w < low * (1 - 1e-12)) | (w > high * (1 + 1e-12))
        if not outside.any():
            return w
        if outside.all():
            break
        cut = np.clip(w, low, high)
        cut[~outside] += (count * (w - cut)).sum() / count[~outside].sum()
        w = cut
    raise errors.NotConverged("no weights of this draw lie within the bounds", todo="Widen them.")


COMPARISON_WEIGHT = "comparison_weight"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The attendee comparison before outcomes: people, weights and scores, or the reason there is none.

    Attributes
    ----------
    people : DataFrame
        Index respondent; `treated`, covariates, session, routes, `comparison_weight`. Empty when refused.
    scores : PropensityScores or None
    refusal : NotIdentified, TooFew or None
        Why there is no comparison in this wave.
    n, sessions : mapping
        People and collection sessions in each arm.
    ledger : mapping
        Named step to the number of people left out of the comparison.
    merged : mapping
        Covariate to the rare levels that were joined to its commonest one.
    raking : Raking or None
        How the others' weights were made, to be made again in a draw.
    arm : Series or None
        Arm of everybody who answered the wave, as `arms.arms` gives it.
    """

    people: pd.DataFrame
    covariates: tuple[str, ...] = ()
    scores: propensity.PropensityScores | None = None
    refusal: NotIdentified | TooFew | None = None
    n: Mapping[str, int] = field(default_factory=dict)
    sessions: Mapping[str, int] = field(default_factory=dict)
    ledger: Mapping[str, int] = field(default_factory=dict)
    merged: Mapping[str, list[str]] = field(default_factory=dict)
    raking: Raking | None = None
    arm: pd.Series | None = None


def save(plan: Plan, wave: str, compare: Comparison) -> Stage:
    """Keep the comparison as notebook 03 showed it: people, weights, scores, or the reason there is none."""
    return objects.keep(plan, wave, "scores", compare)


def load(plan: Plan, wave: str) -> Comparison:
    """Return the comparison that notebook 03 kept; refused where it is missing, altered or of another state."""
    kinds = (Comparison, Raking, Cells, propensity.PropensityScores)
    compare: Comparison = objects.kept(plan, wave, "scores", kinds)
    return compare


def prepare(
    plan: Plan, wave: str, design: pd.DataFrame, arm: pd.Series, margins: Mapping[str, pd.Series]
) -> Comparison:
    """Return the attendee comparison of a wave, or the reason there is none; a wave that did not ask is refused."""
    return replace(_prepared(plan, wave, design, arm, margins), arm=arm)


def _prepared(
    plan: Plan, wave: str, design: pd.DataFrame, arm: pd.Series, margins: Mapping[str, pd.Series]
) -> Comparison:
    column = plan.treatment.column
    if column not in design or design[column].isna().all():
        return Comparison(pd.DataFrame(), refusal=_not_asked(plan, wave))
    try:
        compared = arms.compared(plan, design, arm)
    except errors.EmptyCell as error:
        gate = Gate("both_arms", "design", False, note=f"both groups answered ({error.what})")
        return Comparison(pd.DataFrame(), refusal=NotIdentified(error.what, error.todo, wave=wave, gates=(gate,)))
    people = join_determined(compared.people, compared.covariates)
    n, sessions = arms.size_counts(people)
    if min(n.values()) < plan.sizes.least_people:
        few = TooFew(counts=n, needed=plan.sizes.least_people, wave=wave)
        return Comparison(people, compared.covariates, None, few, n, sessions, compared.ledger)
    rows = design.loc[people.index]
    people["dose"] = dose(plan, rows, people[TREATED])
    people["source"] = _source(plan, rows)
    people[COMPARISON_WEIGHT] = population_weights.comparison_weight(plan, rows, people[TREATED], margins)
    scores = propensity.fit(
        people,
        treat=TREATED,
        covariates=compared.covariates,
        survey_weight=COMPARISON_WEIGHT,
        outcomes=plan.all_outcomes,
    )
    merged, again = arms.merged_levels(plan, design, people), raking(plan, rows, people[TREATED], margins)
    return Comparison(people, compared.covariates, scores, None, n, sessions, compared.ledger, merged, again)


def dose(plan: Plan, design: pd.DataFrame, treated: pd.Series) -> pd.Series:
    """Return how many events people say they came to: 0 for those who did not attend, 1, 2, 3 for three or more."""
    column = plan.treatment.dose_column
    times = pd.to_numeric(design[column], errors="coerce") if column in design else pd.Series(np.nan, design.index)
    return times.where(times >= 1).clip(upper=3).where(treated == 1, 0.0).astype(float)


def _source(plan: Plan, design: pd.DataFrame) -> pd.Series:
    """Return where each respondent was found, as the survey names it."""
    column = plan.population.boost_column
    if not column or column not in design:
        return pd.Series(arms.NOT_STATED, index=design.index)
    return design[column].astype(object).fillna(arms.NOT_STATED)


def join_determined(people: pd.DataFrame, covariates: Sequence[str]) -> pd.DataFrame:
    """Return people with each level that other columns determine joined to its covariate's commonest level.

    Where everybody of 65 and over is retired, "retired" says nothing that the age does not. Joining it leaves the
    model's span, and so every score, as it was. A number that others determine is left for the model to refuse.
    """
    people = people.copy()
    model = _roles.columns(people, list(covariates), drop_first=True)
    for name in _roles.dependent(model.matrix, model.names):
        place = model.names.index(name)
        column, level = model.covariates[place], model.levels[place]
        if level:
            other = people[column].astype(str) != level
            people[column] = people[column].where(other, people.loc[other, column].value_counts().index[0])
    return people


def _not_asked(plan: Plan, wave: str) -> NotIdentified:
    if not plan.treatment.column:
        return NotIdentified("this study names no treatment", "Name one in the plan, if there is one.", wave=wave)
    return NotIdentified(
        f"the survey of {wave} did not ask {plan.words.attended_question}",
        "A next wave that asks can compare people who attended with people who did not.",
        wave=wave,
        gates=(Gate("attendance_asked", "design", False, note="the wave asked about attendance"),),
    )


def chances(compare: Comparison) -> pd.DataFrame:
    """Return each compared person's chance of attending and whether they did; nobody where there is no comparison."""
    if compare.scores is None:
        return pd.DataFrame({"chance": pd.Series(dtype=float), "attended": pd.Series(dtype=bool)})
    return pd.DataFrame({"chance": compare.scores.values, "attended": compare.scores.treated.astype(bool)})


def match(plan: Plan, wave: str, compare: Comparison) -> matching.MatchedSample:
    """Return the planned matched sample; when there is no comparison, a sample in which nobody has weight."""
    if compare.refusal is not None or compare.scores is None:
        return nobody(compare.people.index)
    rules = planned_matching(plan, caliper_over(compare))
    return matching.nearest(compare.people, compare.scores, outcomes=plan.all_outcomes, **rules)


def planned_matching(plan: Plan, over: str) -> dict[str, Any]:
    """Return the arguments of the planned matching; `over` is whose SD the caliper is measured in."""
    m = plan.matching
    planned: dict[str, Any] = {"ratio": m.ratio, "caliper": m.caliper, "caliper_scale": m.caliper_scale}
    planned |= {"replace": m.replace, "exact": m.exact, "order": m.order}
    return {"treat": TREATED, "survey_weight": COMPARISON_WEIGHT, "caliper_over": over, **planned}


def caliper_over(compare: Comparison) -> str:
    """Return over whom the caliper's SD is taken: those who did not attend where attendees were boosted."""
    return "control" if bool(compare.people["boost"].any()) else "all"


def nobody(index: pd.Index) -> matching.MatchedSample:
    """Return a sample that compares nobody, so that levels can still be opened where there is no comparison."""
    return _without_pairs(pd.Series(0.0, index=index), "no comparison", pd.Series(False, index=index))


def everybody(people: pd.DataFrame, estimand: str = "ATT") -> matching.MatchedSample:
    """Return a sample in which everybody has match weight 1: the comparison before matching."""
    return _without_pairs(pd.Series(1.0, index=people.index), "no matching", people[TREATED] == 1, estimand)


def _without_pairs(weight: pd.Series, method: str, treated: pd.Series, estimand: str = "ATT") -> matching.MatchedSample:
    pairs = pd.DataFrame({"treated": [], "control": [], "round": []})
    weight = weight.rename("match_weight")
    return matching.MatchedSample(weight, pairs, weight.index[:0], estimand, method, TREATED, treated)


def companion(plan: Plan, compare: Comparison) -> matching.MatchedSample | NotIdentified:
    """Return the planned companion: entropy balancing on the prognostic covariates, or why it has no weights."""
    columns = [c for c in plan.matching.prognostic if c in compare.covariates]
    if not columns:
        return NotIdentified("no prognostic characteristic tells these people apart", "Ask what the plan names.")
    try:
        return matching.entropy_balance(
            compare.people,
            treat=TREATED,
            covariates=columns,
            survey_weight=COMPARISON_WEIGHT,
            outcomes=plan.all_outcomes,
        )
    except (errors.EmptyCell, errors.NotConverged) as error:
        return NotIdentified(f"no weights balance the groups ({error.what})", "Merge levels, or ask more people.")


def holds_outcomes(plan: Plan, compare: Comparison) -> bool:
    """Return whether any outcome, or item of a scale, stands in the frame that the design is made from."""
    items = {i for s in plan.scales.values() for i in s.items} | set(plan.all_outcomes)
    return bool(items & set(compare.people.columns))
