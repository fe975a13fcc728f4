"""What the order of ids decides: the same matching under other orders of people with equal scores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics.matching.nearest import nearest
from evaluation.statistics.matching.sample import MatchedSample


def tie_breaks(
    frame: pd.DataFrame, scores: Any, *, treat: str, draws: int = 20, seed: int, **words: Any
) -> list[MatchedSample]:
    """Return `draws` designs that `nearest` makes when ids stand in another order, on the frame's own ids.

    The scores, the caliper and everything else are the same, so designs differ only where scores tie; the range of an
    estimate over them is the part of the answer that the order of ids decided.

    Parameters
    ----------
    words
        Further arguments of `nearest`, but for order="data", which is the order of ids itself.
    """
    if words.get("order") == "data":
        raise errors.Unsupported("order 'data' is the order of ids", todo="Use another order.")
    if draws < 1:
        raise errors.DataError(f"{draws} draws are none", todo="Use 1 or more.")
    nearest(frame, scores, treat=treat, **words)
    rng = np.random.default_rng(seed)
    values = scores if isinstance(scores, pd.Series) else scores.values
    plain = values.reindex(frame.index).to_numpy()
    labels, found = frame.index, []
    for _ in range(draws):
        other = pd.Index(rng.permutation(len(frame)))
        made = nearest(frame.set_axis(other), pd.Series(plain, index=other), treat=treat, **words)
        back = pd.Series(labels, index=other)
        pairs = made.pairs.assign(**{side: back[made.pairs[side]].to_numpy() for side in ("treated", "control")})
        found.append(
            replace(
                made,
                match_weight=made.match_weight.set_axis(labels),
                treated=made.treated.set_axis(labels),
                distance=made.distance.set_axis(labels),
                pairs=pairs,
                scores=scores,
                survey=None if made.survey is None else made.survey.set_axis(labels),
                unmatched=pd.Index(back[made.unmatched].to_numpy(), dtype=labels.dtype),
            )
        )
    return found
