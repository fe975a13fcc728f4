"""What the order of ids decides: the same matching under other orders of people with equal scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypedDict, Unpack

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics.matching.nearest import nearest
from evaluation.statistics.matching.sample import MatchedSample, Scores


class NearestOptions(TypedDict, total=False):
    """Arguments of `nearest` besides the frame, the scores and the treatment.

    Attributes
    ----------
    ratio, caliper, replace, exact, order, estimand
        Who is paired with whom, as in `nearest`.
    caliper_scale, caliper_over, common_support
        How near a pair must be, as in `nearest`.
    survey_weight, outcomes
        Columns with a role, as in `nearest`.
    """

    ratio: int
    caliper: float | None
    replace: bool
    exact: Sequence[str]
    order: str
    caliper_scale: str
    caliper_over: str
    estimand: str
    common_support: bool
    survey_weight: str | None
    outcomes: Iterable[str]


def tie_breaks(
    frame: pd.DataFrame, scores: Scores, *, treat: str, draws: int = 20, seed: int, **options: Unpack[NearestOptions]
) -> list[MatchedSample]:
    """Match again under other orders of people with equal scores.

    The scores, the caliper and everything else are the same, so designs differ only where scores tie; the range of an
    estimate over them is the part of the answer that the order of ids decided.

    Parameters
    ----------
    frame : DataFrame
        One row per person, index unique; the index breaks ties.
    scores : PropensityScores or Series
        Scores on the frame's index (a Series holds probabilities, between 0 and 1).
    treat : str
        Column of 0 and 1.
    draws : int
        Number of orders.
    seed : int
        Seed of the orders.
    **options
        Further arguments of `nearest`, but for order="data", which is the order of ids itself.

    Returns
    -------
    list of MatchedSample
        The designs that `nearest` makes when ids stand in another order, on the frame's own ids.

    Raises
    ------
    Unsupported, DataError
        order="data"; fewer than one draw; and the refusals of `nearest`.
    """
    if options.get("order") == "data":
        raise errors.Unsupported("order 'data' is the order of ids", todo="Use another order.")
    if draws < 1:
        raise errors.DataError(f"{draws} draws are none", todo="Use 1 or more.")
    nearest(frame, scores, treat=treat, **options)
    rng = np.random.default_rng(seed)
    values = scores if isinstance(scores, pd.Series) else scores.values
    plain = values.reindex(frame.index).to_numpy()
    labels, designs = frame.index, []
    for _ in range(draws):
        other = pd.Index(rng.permutation(len(frame)))
        sample = nearest(frame.set_axis(other), pd.Series(plain, index=other), treat=treat, **options)
        back = pd.Series(labels, index=other)
        pairs = sample.pairs.assign(**{side: back[sample.pairs[side]].to_numpy() for side in ("treated", "control")})
        designs.append(
            replace(
                sample,
                match_weight=sample.match_weight.set_axis(labels),
                treated=sample.treated.set_axis(labels),
                distance=None if sample.distance is None else sample.distance.set_axis(labels),
                pairs=pairs,
                scores=scores,
                survey=None if sample.survey is None else sample.survey.set_axis(labels),
                unmatched=pd.Index(back[sample.unmatched].to_numpy(), dtype=labels.dtype),
            )
        )
    return designs
