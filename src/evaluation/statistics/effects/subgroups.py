"""Effects by subgroup, and how much they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.results import Estimate, from_se
from evaluation.statistics.effects import standard_errors
from evaluation.statistics.effects.g_computation import in_sample, influence
from evaluation.statistics.matching.sample import MatchedSample, restrict


@dataclass(frozen=True, slots=True)
class SubgroupEffects:
    """The effect in each subgroup, and each one's difference from the first.

    Attributes
    ----------
    effects, differences : dict of str to Estimate
        By level; differences leave out the first.
    """

    effects: dict[str, Estimate]
    differences: dict[str, Estimate]


def by_subgroup(
    frame: pd.DataFrame,
    sample: MatchedSample,
    *,
    outcome: str,
    treat: str,
    by: str,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    survey_weight: str | None = None,
) -> SubgroupEffects:
    """Estimate the effect within each level of a column, and the difference of each level's effect from the first's.

    Each effect is that of `in_sample` among the level's people; pairs across levels come apart, and are weighted again.
    That one effect is not zero and another is says nothing about their difference, which is given with its own error:
    influences of both levels summed by session, for the levels share sessions.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique.
    sample : MatchedSample
        The design, made on the same people; best exact on `by`.
    outcome, treat : str
        Numeric column; column of 0 and 1.
    by : str
        Column of the levels, fixed before the treatment.
    covariates : sequence of str
        Columns of the outcome model of each level; `by` is left out of it.
    cluster, survey_weight : str, optional
        Column of the collection session; column of positive weights.

    Returns
    -------
    SubgroupEffects
        In the order of the levels.

    Raises
    ------
    EmptyCell
        A level with nobody of one arm; fewer than two levels; treated people from fewer than four sessions.
    UnknownColumn, MissingValues, DataError
        As `in_sample`.
    """
    errors.require_columns(frame, [by], role="a subgroup")
    errors.require_complete(frame, [by], role="a subgroup")
    levels = sorted(frame[by].unique(), key=str)
    if len(levels) < 2:
        raise errors.EmptyCell(f"{by!r} has one level only", todo="Name a column that tells people apart.")
    kept = [c for c in covariates if c != by]
    effects: dict[str, Estimate] = {}
    parts: dict[str, np.ndarray] = {}
    for level in levels:
        some = frame[frame[by] == level]
        own = restrict(sample, some.index)
        effects[str(level)] = in_sample(
            some, own, outcome=outcome, treat=treat, covariates=kept, cluster=cluster, survey_weight=survey_weight
        )
        part = influence(some, own, outcome=outcome, treat=treat, covariates=kept, survey_weight=survey_weight)
        parts[str(level)] = part.reindex(frame.index, fill_value=0.0).to_numpy()
    first, *others = effects
    differences = {k: _difference(frame, effects, parts, (first, k), treat, cluster) for k in others}
    return SubgroupEffects(effects, differences)


def _difference(
    frame: pd.DataFrame,
    effects: dict[str, Estimate],
    parts: dict[str, np.ndarray],
    pair: tuple[str, str],
    treat: str,
    cluster: str | None,
) -> Estimate:
    """Return the second level's effect less the first's."""
    first, second = pair
    gap = parts[second] - parts[first]
    used = gap != 0
    by = None if cluster is None else frame[cluster].to_numpy()[used]
    treated = frame[treat].to_numpy()[used] == 1
    se, df, how = standard_errors.influence_error(gap[used], by, treated)
    return from_se(
        effects[second].value - effects[first].value,
        se,
        df=min(df, *(e.df or df for e in effects.values())),
        n={k: sum(effects[k].n.values()) for k in pair},
        group=f"{second} less {first}",
        method="difference of two effects",
        se_method=how,
        outcome=effects[first].outcome,
        sample=effects[first].sample,
        estimand=effects[first].estimand,
    )
