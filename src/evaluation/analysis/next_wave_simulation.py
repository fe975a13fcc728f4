"""The next wave rehearsed: drawn from the people of this one, put through the study's own weights and estimators."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors, parallel
from evaluation.analysis import arms, attendee_effect, comparison
from evaluation.analysis.arms import TREATED
from evaluation.analysis.population_weights import rake
from evaluation.analysis.sample_size import BETWEEN, CORRELATION
from evaluation.analysis.verdicts import focus
from evaluation.plan.study import Plan
from evaluation.results import Estimate
from evaluation.statistics import did, survey

OUTCOME = "rehearsed"
SD_OF_SHARE = 50.0
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

    found: float
    draws: int
    treated: int
    untreated: int
    sessions: int

    def error(self) -> float:
        """Return two standard errors of the share found, from the number of rehearsals."""
        return 2 * math.sqrt(max(self.found * (1 - self.found), 0.25 / self.draws) / self.draws)


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
    made = pd.concat([p for p in parts if p is not None], ignore_index=True)
    shared = rng.normal(0, math.sqrt(CORRELATION), len(made))
    codes = pd.factorize(made[session])[0]
    noise = rng.normal(0, math.sqrt(1 - CORRELATION), len(made))
    came = made[plan.treatment.column].isin(plan.treatment.treated).to_numpy(float)
    return made.assign(**{OUTCOME: shared[codes] + noise + effect * came})


def _resampled(people, labels, times, sessions, kind, column, rng) -> pd.DataFrame | None:
    """Return `times` as many people from `sessions` as many sessions, drawn with replacement at both steps."""
    if not len(labels) or times <= 0:
        return None
    held = {name: labels.index[labels == name] for name in labels.unique()}
    many = max(round(len(held) * sessions), 2)
    factor = times * len(held) / many  # people of a drawn session, as a multiple of those it had
    parts = []
    for place, name in enumerate(rng.choice(list(held), many)):
        rows = rng.choice(held[name], max(rng.poisson(factor * len(held[name])), 1))
        parts.append(people.loc[rows].assign(**{column: f"{kind} {place}"}))
    return pd.concat(parts, ignore_index=True)


def attending(plan: Plan, people: pd.DataFrame, margins: Mapping[str, pd.Series], size: Size, rng: Any) -> Any:
    """Return the planned comparison of one rehearsal: weights, score, matching, adjusted difference."""
    effect = plan.power.target_points / SD_OF_SHARE
    made = draw(plan, people, size, effect, rng)
    design = made.drop(columns=OUTCOME)
    compare = comparison.prepare(plan, "next", design, arms.arms(plan, design), margins)
    if compare.refusal is not None:
        return compare.refusal
    frame = compare.people.assign(**{OUTCOME: made[OUTCOME].reindex(compare.people.index)})
    return attendee_effect.planned(plan, frame, comparison.match(plan, "next", compare), OUTCOME)


def group_change(plan: Plan, people: pd.DataFrame, margins: Mapping[str, pd.Series], size: Size, rng: Any) -> Any:
    """Return the change of the focus group between two rehearsed waves of a size, jackknifed as the study does it."""
    from evaluation.analysis.change import difference

    effect, parts = plan.power.target_points / SD_OF_SHARE, []
    code = focus(plan)[0]
    column = next((d.group for d in plan.designs.values() if len(d.group_levels) == 2), "")
    general = people[~arms.is_boost(plan, people)]
    for shift in (0.0, effect):
        made = draw(plan, general, size, 0.0, rng)
        raked = rake(plan, made, margins)
        session = plan.population.session_column
        jk = survey.Jackknife(
            survey.Design(
                raked.frame,
                weight=raked.weights if raked.weights is not None else raked.values,
                cluster=session or None,
            )
        )
        inside = (made[column] == code).fillna(False).to_numpy(float) if column else np.ones(len(made))
        parts.append(jk.mean((made[OUTCOME] + shift).to_numpy(), inside))
    return difference(parts[1], parts[0], labels=("next", "now"))


def linked_change(plan: Plan, people: pd.DataFrame, margins: Any, size: Size, rng: Any) -> Any:
    """Return the linked design on drawn pairs of answers: people who newly attended against people who never did."""
    n, effect = size.linked + size.never, plan.power.target_points / SD_OF_SHARE
    fixed = rng.normal(0, math.sqrt(BETWEEN), n)
    newly = np.arange(n) < size.linked
    rows = [
        pd.DataFrame(
            {
                "link": np.arange(n),
                "wave": wave,
                "treat": (newly & after).astype(float),
                OUTCOME: fixed + rng.normal(0, math.sqrt(1 - BETWEEN), n) + effect * (newly & after),
            }
        )
        for wave, after in (("a", False), ("b", True))
    ]
    return did.linked_panel(
        pd.concat(rows, ignore_index=True), outcome=OUTCOME, treat="treat", unit="link", time="wave"
    )


WHAT = {"attend": attending, "group": group_change, "linked": linked_change}


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
    if what not in WHAT:
        raise errors.Unsupported(f"a rehearsal of {what!r} is not known", todo=f"Use one of {tuple(WHAT)}.")
    work = partial(_one, plan, people, margins, size, what)
    made = parallel.run(work, list(range(draws)), seed)
    known = [m for m in made if isinstance(m, Estimate)]
    found = sum(m.p is not None and m.p <= plan.power.size and m.value > 0 for m in known)
    n = [sorted(m.n.values()) for m in known] or [[0, 0]]
    return Power(
        found / draws,
        draws,
        round(float(np.mean([x[0] for x in n]))),
        round(float(np.mean([x[-1] for x in n]))),
        round(float(np.mean([m.n_sessions or 0 for m in known]))) if known else 0,
    )


def _one(plan: Plan, people: pd.DataFrame, margins: Any, size: Size, what: str, _: int, rng: Any) -> Any:
    try:
        return WHAT[what](plan, people, margins, size, rng)
    except errors.DataError as error:
        return error


__all__ = ["DRAWS", "OUTCOME", "TREATED", "Power", "Size", "draw", "rehearse"]
