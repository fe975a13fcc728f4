"""Simulated power of the next wave: people drawn from this one, through the study's own weights and estimators."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from evaluation import errors, parallel
from evaluation.analysis import arms, attendee_effect, comparison
from evaluation.analysis.change import difference
from evaluation.analysis.level_tables import group_column
from evaluation.analysis.population_weights import rake
from evaluation.analysis.sample_size import BETWEEN, CORRELATION, SHARE_SD
from evaluation.analysis.verdicts import focus
from evaluation.plan.study import Plan
from evaluation.results import Estimate, Result, TooFew
from evaluation.statistics import did, survey

OUTCOME = "rehearsed"
DRAWS = 40


@dataclass(frozen=True, slots=True)
class Size:
    """One size of the next wave.

    `people` of the general sample and `boost` attendees reached through lists, as multiples of this wave's; `sessions`
    as a multiple too (people per session follow); `linked`, `never`: linked people who newly attended, and who never
    did; `name` in words.
    """

    name: str
    people: float = 1.0
    boost: float = 1.0
    sessions: float = 1.0
    linked: int = 0
    never: int = 0


@dataclass(frozen=True, slots=True)
class Power:
    """How often a size finds the target difference: share of rehearsals, their number, people and sessions drawn."""

    share: float
    draws: int
    treated: int
    untreated: int
    sessions: int

    def error(self) -> float:
        """Return two standard errors of the share found, from the number of rehearsals."""
        return 2 * math.sqrt(max(self.share * (1 - self.share), 0.25 / self.draws) / self.draws)


def draw(plan: Plan, people: pd.DataFrame, size: Size, effect: float, rng: np.random.Generator) -> pd.DataFrame:
    """Return people of a next wave with a drawn outcome (standard deviation 1), index new numbers.

    Sessions of this wave are drawn with replacement, those of the general sample and of the lists apart, and people
    within them, so who comes together stays together. Answers of a session are alike by the planning value; attending
    adds `effect` standard deviations.
    """
    session = plan.population.session_column or "session_drawn"
    boosted = arms.is_boost(plan, people)
    labels = people[session].astype(str) if session in people else pd.Series(people.index.astype(str), people.index)
    parts = [
        _resampled(people, labels[~boosted], size.people, size.sessions, "general", session, rng),
        _resampled(people, labels[boosted], size.boost, size.boost, "lists", session, rng),
    ]
    drawn = pd.concat([p for p in parts if p is not None], ignore_index=True)
    shared = rng.normal(0, math.sqrt(CORRELATION), len(drawn))
    noise = rng.normal(0, math.sqrt(1 - CORRELATION), len(drawn))
    came = drawn[plan.treatment.column].isin(plan.treatment.treated).to_numpy(float)
    return drawn.assign(**{OUTCOME: shared[pd.factorize(drawn[session])[0]] + noise + effect * came})


def _resampled(
    people: pd.DataFrame,
    labels: pd.Series,
    times: float,
    sessions: float,
    kind: str,
    column: str,
    rng: np.random.Generator,
) -> pd.DataFrame | None:
    """Return `times` as many people from `sessions` as many sessions, drawn with replacement at both steps."""
    if not len(labels) or times <= 0:
        return None
    members = {name: labels.index[labels == name] for name in labels.unique()}
    many = max(round(len(members) * sessions), 2)
    factor = times * len(members) / many  # people of a drawn session, as a multiple of those it had
    parts = []
    for place, name in enumerate(rng.choice(list(members), many)):
        rows = rng.choice(members[name], max(rng.poisson(factor * len(members[name])), 1))
        parts.append(people.loc[rows].assign(**{column: f"{kind} {place}"}))
    return pd.concat(parts, ignore_index=True)


def attending(
    plan: Plan, people: pd.DataFrame, margins: Mapping[str, pd.Series], size: Size, rng: np.random.Generator
) -> Result:
    """Return the planned comparison of one rehearsal: weights, score, matching, adjusted difference."""
    drawn = draw(plan, people, size, plan.power.target_points / SHARE_SD, rng)
    design = drawn.drop(columns=OUTCOME)
    compare = comparison.prepare(plan, "next", design, arms.arms(plan, design), margins)
    if compare.refusal is not None:
        return compare.refusal
    frame = compare.people.assign(**{OUTCOME: drawn[OUTCOME].reindex(compare.people.index)})
    return attendee_effect.planned(plan, frame, comparison.match(plan, "next", compare), OUTCOME)


def group_change(
    plan: Plan, people: pd.DataFrame, margins: Mapping[str, pd.Series], size: Size, rng: np.random.Generator
) -> Estimate:
    """Return the change of the focus group between two rehearsed waves of a size, jackknifed as the study does it."""
    column, code, parts = group_column(plan), focus(plan)[0], []
    for shift in (0.0, plan.power.target_points / SHARE_SD):
        drawn = draw(plan, arms.general(plan, people), size, 0.0, rng)
        raked = rake(plan, drawn, margins)
        weight = raked.weights if raked.weights is not None else raked.values
        design = survey.Design(raked.frame, weight=weight, cluster=plan.population.session_column or None)
        inside = (drawn[column] == code).fillna(False).to_numpy(float) if column else np.ones(len(drawn))
        parts.append(survey.Jackknife(design).mean((drawn[OUTCOME] + shift).to_numpy(), inside))
    return difference(parts[1], parts[0], labels=("next", "now"))


def linked_change(
    plan: Plan, people: pd.DataFrame, margins: Mapping[str, pd.Series], size: Size, rng: np.random.Generator
) -> Estimate | TooFew:
    """Return the linked design on drawn pairs of answers: people who newly attended against people who never did."""
    n, effect = size.linked + size.never, plan.power.target_points / SHARE_SD
    link, fixed, waves = np.arange(n), rng.normal(0, math.sqrt(BETWEEN), n), []
    for wave in ("a", "b"):
        treat = ((link < size.linked) & (wave == "b")).astype(float)
        answers = fixed + rng.normal(0, math.sqrt(1 - BETWEEN), n) + effect * treat
        waves.append(pd.DataFrame({"link": link, "wave": wave, "treat": treat, OUTCOME: answers}))
    rows = pd.concat(waves, ignore_index=True)
    return did.linked_panel(rows, outcome=OUTCOME, treat="treat", unit="link", time="wave")


DESIGNS = {"attend": attending, "group": group_change, "linked": linked_change}


def rehearse(
    plan: Plan,
    people: pd.DataFrame,
    margins: Mapping[str, pd.Series],
    size: Size,
    *,
    what: str = "attend",
    draws: int = DRAWS,
    seed: int = 0,
) -> Power:
    """Return how often a next wave of this size finds the plan's target difference in a test at the plan's size.

    `what` is "attend" (the planned comparison), "group" (change of the focus group) or "linked" (the same people).
    A rehearsal that is refused (too few people, no overlap) counts as one that finds nothing.
    """
    if what not in DESIGNS:
        raise errors.Unsupported(f"a rehearsal of {what!r} is not known", todo=f"Use one of {tuple(DESIGNS)}.")
    results = parallel.run(partial(_one, plan, people, margins, size, what), list(range(draws)), seed)
    known = [r for r in results if isinstance(r, Estimate)]
    significant = sum(r.p is not None and r.p <= plan.power.size and r.value > 0 for r in known)
    n = [(min(r.n.values()), max(r.n.values()), r.n_sessions or 0) for r in known] or [(0, 0, 0)]
    return Power(significant / draws, draws, *(round(float(x)) for x in np.mean(n, axis=0)))


def _one(
    plan: Plan,
    people: pd.DataFrame,
    margins: Mapping[str, pd.Series],
    size: Size,
    what: str,
    _: int,
    rng: np.random.Generator,
) -> Result | errors.DataError:
    try:
        return DESIGNS[what](plan, people, margins, size, rng)
    except errors.DataError as error:
        return error
