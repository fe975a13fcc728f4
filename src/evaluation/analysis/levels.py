"""Survey levels: the waves with their outcomes, scales, weights and jackknives, and weighted shares and means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from evaluation.analysis import population_weights
from evaluation.analysis.contrasts import points
from evaluation.plan.study import Plan
from evaluation.results import Estimate, TooFew
from evaluation.statistics import scales, survey, weighting

LEAST_EFFECTIVE = 5.0  # clusters, where one stratum holds them
DRAWN_FROM = "drawn_from"
ESTIMAND = "level in the population, if people who answered are like those who did not (model-based)"


@dataclass(slots=True)
class Survey:
    """Waves with outcomes.

    Attributes
    ----------
    people, outcomes : DataFrame, index respondent
        All waves; `outcomes` holds items and scored scales.
    weights : mapping wave → WaveWeights of the general sample.
    sd : mapping outcome → standard deviation in the first wave that asked it (the pooled baseline).
    """

    people: pd.DataFrame
    outcomes: pd.DataFrame
    weights: Mapping[str, population_weights.WaveWeights]
    sd: Mapping[str, float]
    _jackknives: dict[str, survey.Jackknife] = field(default_factory=dict, repr=False)
    _general: dict[str, pd.DataFrame] = field(default_factory=dict, init=False, repr=False)
    _asked: dict[str, set[str]] = field(default_factory=dict, init=False, repr=False)

    def asked(self, outcome: str, wave: str) -> bool:
        """Return whether anybody answered an outcome in a wave."""
        if wave not in self._asked:
            answered = self.outcomes.loc[self.people.index[self.people["wave"] == wave]].notna().any()
            self._asked[wave] = set(answered.index[answered])
        return outcome in self._asked[wave]

    def first_asked(self, plan: Plan, outcome: str, wave: str) -> str | None:
        """Return the first wave before `wave` that asked an outcome, or None."""
        return next((w for w in plan.earlier_waves(wave) if w in self.weights and self.asked(outcome, w)), None)

    def waves_of(self, plan: Plan, outcome: str, wave: str) -> list[str]:
        """Return the waves up to `wave` that have weights and asked an outcome."""
        return [w for w in (*plan.earlier_waves(wave), wave) if w in self.weights and self.asked(outcome, w)]

    def general(self, wave: str) -> pd.DataFrame:
        """Return the general sample of a wave with outcomes and `population_weight` (joined once)."""
        if wave not in self._general:
            weights = self.weights[wave]
            self._general[wave] = weights.frame.join(self.outcomes).assign(population_weight=weights.values)
        return self._general[wave].copy(deep=False)

    def jackknife(self, plan: Plan, wave: str) -> survey.Jackknife:
        """Return the wave's delete-one-session jackknife (made once)."""
        if wave not in self._jackknives:
            weights = self.weights[wave]
            weight = weights.weights if weights.weights is not None else weights.values
            self._jackknives[wave] = survey.Jackknife(drawn(plan, weights.frame, weight))
        return self._jackknives[wave]


def drawn(plan: Plan, frame: pd.DataFrame, weight: pd.Series | weighting.Weights) -> survey.Design:
    """Return the design of a wave as it was drawn: its clusters, and its strata and finite population where stated."""
    pop = plan.population
    cluster, strata = (c if c and c in frame else None for c in (pop.session_column, pop.strata_column))
    if pop.size is None:
        return survey.Design(frame, weight=weight, cluster=cluster, strata=strata, nest=bool(strata))
    whole = frame[strata].astype(str).map(pop.size) if isinstance(pop.size, dict) and strata else pop.size
    frame = frame.assign(**{DRAWN_FROM: whole})
    return survey.Design(frame, weight=weight, cluster=cluster, strata=strata, fpc=DRAWN_FROM, nest=bool(strata))


def prepare(
    plan: Plan, people: pd.DataFrame, outcomes: pd.DataFrame, weights: Mapping[str, population_weights.WaveWeights]
) -> Survey:
    """Return the waves with scales scored and the population weights that notebook 02 made."""
    scored = outcomes.copy()
    for name, scale in plan.scales.items():
        items = [i for i in scale.items if i in outcomes]
        if items:
            scored[name] = scales.score(outcomes, items, least=scale.least_items)
    known = [o for o in plan.all_outcomes if o in scored]
    numbers = scored[known].astype("Float64").astype(float)
    sd = {o: _baseline_sd(numbers[o], people["wave"]) for o in known}
    own = (plan.treatment.retrospective_column, *plan.codebook.forerunners(known))
    extra = [c for c in dict.fromkeys(own) if c and c in outcomes and c not in known]
    table = numbers.join(outcomes[extra].astype("Float64").astype(float)) if extra else numbers
    items = [i for s in plan.scales.values() for i in s.items if i in outcomes and i not in table]
    table = table.join(outcomes[items].astype("Float64").astype(float))
    return Survey(people, table, weights, sd)


def _baseline_sd(values: pd.Series, wave: pd.Series) -> float:
    for _, rows in values.groupby(wave.reindex(values.index), sort=True):
        if rows.notna().sum() > 1 and rows.std() > 0:
            return float(rows.std())
    return float("nan")


def margin_of(plan: Plan, survey_: Survey, outcome: str) -> float | None:
    """Return the smallest worthwhile change of an outcome's mean: the plan's share of its baseline SD."""
    sd = survey_.sd.get(outcome, float("nan"))
    if plan.outcomes.margin_sd is None or not np.isfinite(sd):
        return None
    return plan.outcomes.margin_sd * sd


def domain(frame: pd.DataFrame, outcome: str, column: str = "", level: str = "") -> np.ndarray:
    """Return who answered an outcome, within a level of a column where one is named, as 0/1."""
    inside = frame[outcome].notna()
    if column:
        inside &= (frame[column] == level).fillna(False)
    return inside.to_numpy(dtype=float)


def level(
    plan: Plan, survey_: Survey, outcome: str, wave: str, *, column: str = "", code: str = "", share: bool = True
) -> Estimate | TooFew:
    """Return the published level of a group: share of positive answers (per cent) or mean, jackknifed.

    Under the plan's least people or sessions, or fewer than five effective sessions: counts only.
    """
    frame, jk = survey_.general(wave), survey_.jackknife(plan, wave)
    inside = domain(frame, outcome, column, code)
    who, n = code or "all", int(inside.sum())
    if n < plan.sizes.least_people or _too_few_sessions(plan, jk.design, inside):
        return TooFew(counts={who: n}, needed=plan.sizes.least_people)
    mean = jk.mean(values(plan, frame, outcome, share=share), inside, label=who)
    unit, method = ("per cent", "weighted share") if share else (points(plan, outcome), "weighted mean")
    worth = None if mean.n_effective is None else min(mean.n_effective, n)
    mean = replace(mean, n_effective=worth, unit=unit, method=method, estimand=ESTIMAND)
    return bounded(mean) if share else mean


def bounded(share: Estimate) -> Estimate:
    """Return a share in per cent with its interval made on the log-odds scale, so that it stays inside 0 and 100."""
    from scipy.special import expit, logit
    from scipy.stats import t

    p, se, df = share.value / 100, (share.se or 0.0) / 100, share.df or 1.0
    if p in (0.0, 1.0):
        n, method = sum(share.n.values()), "exact interval at the edge"
        ends = [end for x in (0.95, 0.90) for end in survey.korn_graubard(p, 0.0, n, df, x)]
    elif 0 < p < 1 and se > 0:
        method = "logit interval"
        halves = (float(t.ppf(q, share.df)) * se / (p * (1 - p)) for q in (0.975, 0.95))
        ends = [float(expit(logit(p) + side * half)) for half in halves for side in (-1, 1)]
    else:
        return share
    low, high, low_90, high_90 = (100 * end for end in ends)
    method = f"{share.se_method}, {method}"
    return replace(share, low=low, high=high, low_90=low_90, high_90=high_90, se_method=method)


def _too_few_sessions(plan: Plan, design: survey.Design, *inside: np.ndarray) -> bool:
    if not plan.population.session_column or not design.clustered:
        return False
    sessions = min(len(np.unique(design.cluster_codes[d > 0])) for d in inside)
    return sessions < plan.sizes.least_sessions or any(
        survey.effective_clusters(design, d) - survey.strata_in_domain(design, d) < LEAST_EFFECTIVE - 1 for d in inside
    )


def values(plan: Plan, frame: pd.DataFrame, outcome: str, *, share: bool) -> np.ndarray:
    """Return an outcome as numbers: 0 or 100 for positive answers, or the answer itself; 0 where missing."""
    y = frame[outcome]
    if share:
        return np.where(y.isna(), 0.0, 100.0 * y.isin(plan.positive(outcome)))
    return y.fillna(0.0).to_numpy(dtype=float)


def has_shares(plan: Plan, outcome: str) -> bool:
    """Return whether some answers of an outcome count as positive, so that people can be counted who gave them."""
    return outcome in plan.scales or bool(
        {str(c) for c in plan.levels_of(outcome)} & {str(c) for c in plan.positive(outcome)}
    )


def is_item(plan: Plan, outcome: str) -> bool:
    """Return whether an outcome is one question with levels, of which some are positive."""
    levels = plan.levels_of(outcome) if outcome not in plan.scales else {}
    return bool(levels) and (len(levels) >= 5 or outcome in (plan.outcomes.positive_of or {}))
