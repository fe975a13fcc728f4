"""The waves with outcomes opened: scales scored, weights made again, a jackknife per wave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from evaluation.analysis import population_weights
from evaluation.analysis.contrasts import points
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics import scales, survey

LEAST_EFFECTIVE = 5.0
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
    _jackknives: dict[str, Any] = field(default_factory=dict, repr=False)

    def asked(self, outcome: str, wave: str) -> bool:
        """Return whether anybody answered an outcome in a wave."""
        rows = self.people.index[self.people["wave"] == wave]
        return outcome in self.outcomes and bool(self.outcomes.loc[rows, outcome].notna().any())

    def first_asked(self, plan: Plan, outcome: str, wave: str) -> str | None:
        """Return the first wave before `wave` that asked an outcome, or None."""
        return next((w for w in plan.earlier_waves(wave) if w in self.weights and self.asked(outcome, w)), None)

    def general(self, wave: str) -> pd.DataFrame:
        """Return the general sample of a wave with outcomes and `population_weight`."""
        made = self.weights[wave]
        frame = made.frame.join(self.outcomes)
        return frame.assign(population_weight=made.values)

    def jackknife(self, plan: Plan, wave: str) -> Any:
        """Return the wave's delete-one-session jackknife (made once)."""
        if wave not in self._jackknives:
            made = self.weights[wave]
            session = plan.population.session_column
            cluster = session if session and session in made.frame else None
            weight = made.weights if made.weights is not None else made.values
            self._jackknives[wave] = survey.Jackknife(survey.Design(made.frame, weight=weight, cluster=cluster))
        return self._jackknives[wave]


def prepare(
    plan: Plan, wave: str, people: pd.DataFrame, outcomes: pd.DataFrame, margins: Mapping[str, pd.Series]
) -> Survey:
    """Return the waves with scales scored and population weights made again (they are not kept between notebooks)."""
    scored = outcomes.copy()
    for name, scale in plan.scales.items():
        items = [i for i in scale.items if i in outcomes]
        if items:
            scored[name] = scales.score(outcomes, items, least=scale.least_items)
    known = [o for o in plan.all_outcomes if o in scored]
    numbers = scored[known].astype("Float64").astype(float)
    sd = {o: _baseline_sd(numbers[o], people["wave"]) for o in known}
    extra = [c for c in (plan.treatment.retrospective_column,) if c and c in outcomes]
    table = numbers.join(outcomes[extra].astype("Float64").astype(float)) if extra else numbers
    items = [i for s in plan.scales.values() for i in s.items if i in outcomes and i not in table]
    table = table.join(outcomes[items].astype("Float64").astype(float))
    return Survey(people, table, population_weights.by_wave(plan, people, margins), sd)


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
) -> Estimate | TooFew | NotIdentified:
    """Return the published level of a group: share of positive answers (per cent) or mean, jackknifed.

    Under the plan's least people or sessions, or fewer than five effective sessions: counts only.
    """
    frame = survey_.general(wave)
    inside = domain(frame, outcome, column, code)
    counts = {code or "all": int(inside.sum())}
    jk = survey_.jackknife(plan, wave)
    few = counts[code or "all"] < plan.sizes.least_people
    if few or _too_few_sessions(plan, jk.design, inside):
        return TooFew(counts=counts, needed=plan.sizes.least_people)
    y = values(plan, frame, outcome, share=share)
    made = jk.mean(y, inside, label=code or "all")
    worth = None if made.n_effective is None else min(made.n_effective, counts[code or "all"])
    made = replace(
        made,
        n_effective=worth,
        unit="per cent" if share else points(plan, outcome),
        method="weighted share" if share else "weighted mean",
        estimand=ESTIMAND,
    )
    return bounded(made) if share else made


def bounded(made: Estimate) -> Estimate:
    """Return a share in per cent with its interval made on the log-odds scale, so that it stays inside 0 and 100."""
    from scipy.special import expit, logit
    from scipy.stats import t

    p, se, df = made.value / 100, (made.se or 0.0) / 100, made.df or 1.0
    if p in (0.0, 1.0):
        n = sum(made.n.values())
        wide, narrow = (survey.korn_graubard(p, 0.0, n, df, x) for x in (0.95, 0.90))
        return replace(
            made,
            low=100 * wide[0],
            high=100 * wide[1],
            low_90=100 * narrow[0],
            high_90=100 * narrow[1],
            se_method=f"{made.se_method}, exact interval at the edge",
        )
    if not 0 < p < 1 or se == 0:
        return made
    half = {q: float(t.ppf(q, made.df)) * se / (p * (1 - p)) for q in (0.975, 0.95)}
    ends = {q: (100 * float(expit(logit(p) - h)), 100 * float(expit(logit(p) + h))) for q, h in half.items()}
    return replace(
        made,
        low=ends[0.975][0],
        high=ends[0.975][1],
        low_90=ends[0.95][0],
        high_90=ends[0.95][1],
        se_method=f"{made.se_method}, logit interval",
    )


def _too_few_sessions(plan: Plan, design: Any, *inside: np.ndarray) -> bool:
    if not plan.population.session_column or not design.clustered:
        return False
    sessions = min(len(np.unique(design.cluster_codes[d > 0])) for d in inside)
    return sessions < plan.sizes.least_sessions or any(
        survey.effective_clusters(design, d) < LEAST_EFFECTIVE for d in inside
    )


def values(plan: Plan, frame: pd.DataFrame, outcome: str, *, share: bool) -> np.ndarray:
    """Return an outcome as numbers: 0 or 100 for positive answers, or the answer itself; 0 where missing."""
    y = frame[outcome]
    if share:
        return np.where(y.isna(), 0.0, 100.0 * y.isin(plan.outcomes.positive))
    return y.fillna(0.0).to_numpy(dtype=float)


def is_item(plan: Plan, outcome: str) -> bool:
    """Return whether an outcome is one question with answers 1 to 5, of which some are positive."""
    return outcome not in plan.scales and len(plan.levels_of(outcome)) >= 5
