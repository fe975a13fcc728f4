"""Groups whose list of answers changed between two waves: no change by group, unless a crosswalk is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evaluation.analysis.levels import Survey, domain, values
from evaluation.errors import EvaluationError
from evaluation.intake import waves
from evaluation.plan.schema import Crosswalk
from evaluation.plan.study import Plan
from evaluation.results import Estimate, NotIdentified, TooFew
from evaluation.statistics import bridges, survey


def version(plan: Plan, column: str, wave: str) -> str:
    """Return the list that a wave offered for a column of groups, derived or not; "" where it follows none.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    column : str
        A column of the survey.
    wave : str
        Wave id.

    Returns
    -------
    str
        "2011", "2021" or "next": what wave.toml says under [standards], else the codebook.
    """
    source = plan.derive[column].source if column in plan.derive else column
    if source not in plan.codebook.names() or not (stated := str(plan.codebook.variable(source).standard)):
        return ""
    try:
        return waves.info(plan, wave).standards.get(source, stated)
    except (EvaluationError, OSError):
        return stated


def changed(plan: Plan, column: str, before: str, wave: str) -> tuple[str, str] | None:
    """Return the lists of the earlier and the later wave where they differ, else None.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    column : str
        A column of groups; "" for everybody.
    before, wave : str
        Wave ids.

    Returns
    -------
    tuple of two str or None
        Versions.
    """
    lists = (version(plan, column, before), version(plan, column, wave)) if column else ("", "")
    return lists if lists[0] != lists[1] else None


def named(plan: Plan, column: str, lists: tuple[str, str]) -> Crosswalk | None:
    """Return the plan's crosswalk of a column between two lists, or None."""
    found = (c for c in plan.crosswalks.values() if (c.column, c.before, c.after) == (column, *lists))
    return next(found, None)


def refusal(plan: Plan, column: str, lists: tuple[str, str]) -> NotIdentified:
    """Return why a change by group cannot be given, and what would help."""
    reason = f"“{plan.label_of(column)}” was asked by the list of {lists[0]} before and by that of {lists[1]} now"
    helps = f"Name a crosswalk of {column!r} from {lists[0]} to {lists[1]} under [crosswalks], with its base."
    return NotIdentified(reason, helps)


def crossed(
    plan: Plan, survey_: Survey, outcome: str, wave: str, codes: Sequence[str], crosswalk: Crosswalk, *, share: bool
) -> Estimate | NotIdentified | TooFew:
    """Return an earlier wave's level of a group of the later list, or the gap between two, the first less the second.

    Parameters
    ----------
    plan : Plan
        Plan of the study.
    survey_ : Survey
        Waves with outcomes and weights.
    outcome, wave : str
        The question, and the earlier wave.
    codes : sequence of str
        One group of the later list, or two.
    crosswalk : Crosswalk
        The plan's.
    share : bool
        Whether of the share of positive answers, else of the mean.

    Returns
    -------
    Estimate, NotIdentified or TooFew
        With the error of the crosswalk.
    """
    lacking = [c for c in codes if c not in crosswalk.shares]
    if lacking:
        return NotIdentified(f"the crosswalk has no shares of {', '.join(lacking)}", "Add them under shares and base.")
    frame, jk = survey_.general(wave), survey_.jackknife(plan, wave)
    old = list(dict.fromkeys(g for c in codes for g, s in crosswalk.shares[c].items() if s > 0))
    inside = [domain(frame, outcome, crosswalk.column, g) for g in old]
    counts = {g: int(d.sum()) for g, d in zip(old, inside, strict=True)}
    if min(counts.values()) < plan.sizes.least_people:
        return TooFew(counts=counts, needed=plan.sizes.least_people)
    y = values(plan, frame, outcome, share=share)
    effective = min(survey.effective_clusters(jk.design, d) for d in inside)
    if effective < 2:
        return NotIdentified("a group of the earlier list was met in one session only", "Collect from more sessions.")
    levels, covariance = jk.covariance(lambda w: np.array([(w @ (y * d)) / (w @ d) for d in inside]))
    shares = [np.array([crosswalk.shares[c].get(g, 0.0) for g in old]) for c in codes]
    bases = [crosswalk.base[c] for c in codes]
    if len(codes) == 1:
        found = bridges.crossed(levels, covariance, shares[0], bases[0], df=effective - 1)
    else:
        pair = (shares[0], shares[1]), (bases[0], bases[1])
        found = bridges.crossed_gap(levels, covariance, *pair, df=effective - 1)
    method = f"{found.method} ({crosswalk.source})"
    return replace(found, n={"all": sum(counts.values())}, method=method)
