"""What a lot could see before it is drawn: by formula, and by drawing it many times on the answers there are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation import errors
from evaluation.statistics import power
from evaluation.statistics.randomisation.allocation import draw
from evaluation.statistics.randomisation.difference_in_means import Arms, moments


@dataclass(frozen=True, slots=True)
class LotPower:
    """What a lot of a given size could see.

    Attributes
    ----------
    error : float
        Standard error of the effect of being drawn, in the outcome's unit.
    detectable : float
        Smallest effect of being drawn found four times in five.
    detectable_taking_part : float
        The same for the effect on those who take part because of the lot.
    half_width : float
        Half the 95 % range of the effect on those who take part because of the lot.
    """

    error: float
    detectable: float
    detectable_taking_part: float
    half_width: float

    def can_answer(self, worthwhile: float) -> bool:
        """Return whether the smallest worthwhile effect of taking part would be found four times in five.

        Parameters
        ----------
        worthwhile : float
            Smallest worthwhile effect, in the outcome's unit.

        Returns
        -------
        bool
            True where the lot can answer.
        """
        return self.detectable_taking_part <= worthwhile


def lot_power(
    *,
    people: float,
    share: float,
    sd: float,
    take_up: tuple[float, float],
    correlation: float = 0.0,
    units: int | None = None,
    within: float = 0.0,
    blocks: int = 1,
) -> LotPower:
    """Return what a lot could see by formula.

    Parameters
    ----------
    people : float
        People who answer.
    share : float
        Share of units drawn, between 0 and 1.
    sd : float
        Standard deviation of the outcome.
    take_up : tuple of float
        Share (0 to 1) who take part without being drawn, and when drawn; the second is larger.
    correlation : float
        Correlation of the earlier answer with the outcome, 0 to 1.
    units : int, optional
        Units drawn from, where a unit holds several people; the people themselves when not given.
    within : float
        Intraclass correlation of the outcome within a unit, 0 to 1.
    blocks : int
        Number of blocks.

    Returns
    -------
    LotPower
        Error, detectable effects, half width.

    Raises
    ------
    DataError
        Numbers outside these ranges, or too few units for an error.

    References
    ----------
    Bloom (1995, 2005).
    """
    without, drawn = take_up
    if not (people > 2 and 0 < share < 1 and sd > 0 and 0 <= correlation < 1 and 0 <= without < drawn <= 1):
        raise errors.DataError("needs people > 2, 0 < share < 1, sd > 0, correlation in 0 to 1, take-up that rises")
    count = people if units is None else units
    df = count - 2 * blocks
    if df < 1:
        raise errors.DataError("too few units for so many blocks", todo="Join blocks, or draw from more units.")
    inflated = 1.0 if units is None else power.design_effect(per_session=max(people / units, 1.0), correlation=within)
    error = sd * math.sqrt((1 - correlation**2) * inflated / (people * share * (1 - share)))
    detectable = power.minimum_detectable(error, df=df)
    lift = drawn - without
    return LotPower(error, detectable, detectable / lift, _quantile(df) * error / lift)


def _quantile(df: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.975))


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How a lot would go, drawn many times on the answers there are.

    Attributes
    ----------
    found : float
        Share (0 to 1) of draws in which the effect of being drawn was found.
    false_alarms : float
        The same where the lot moved nothing.
    half_width : float
        Mean half width of the 95 % range of the effect of being drawn.
    draws : int
        Number of draws.
    """

    found: float
    false_alarms: float
    half_width: float
    draws: int


def rehearse(  # noqa: PLR0913
    units: pd.DataFrame,
    *,
    answer: str,
    block: str,
    share: float,
    effect: float,
    take_up: tuple[float, float],
    answering: float,
    draws: int,
    seed: int,
) -> Rehearsal:
    """Draw the lot many times on the earlier answers of its units, and analyse each as the study would.

    Parameters
    ----------
    units : DataFrame
        One row per unit with its earlier answer and block.
    answer, block : str
        Columns of the earlier answer, in the outcome's unit, and of the block.
    share : float
        Share of each block that is drawn.
    effect : float
        Effect of taking part, in the outcome's unit.
    take_up : tuple of float
        Share (0 to 1) who take part without being drawn, and when drawn.
    answering : float
        Share (0 to 1) who answer again.
    draws, seed : int
        Number of draws, and their seed.

    Returns
    -------
    Rehearsal
        Shares of draws that find something, and the mean half width.

    Raises
    ------
    DataError
        A missing answer, or a block that a draw leaves with one arm each time.
    """
    errors.require_columns(units, [answer, block], role="a rehearsal")
    errors.require_complete(units, [answer, block], role="a rehearsal")
    rng = np.random.default_rng(seed)
    y, names, codes = units[answer].to_numpy(float), [str(k) for k in range(len(units))], pd.factorize(units[block])[0]
    lift = take_up[1] - take_up[0]
    found: list[bool] = []
    alarms: list[bool] = []
    widths: list[float] = []
    for _ in range(draws):
        z = draw(names, list(codes), share=share, seed=str(rng.integers(2**62))).treat
        here = rng.random(len(y)) < answering
        moved = y + effect * (rng.random(len(y)) < lift) * z
        for outcome, into in ((moved, found), (y, alarms)):
            try:
                seen = moments(Arms(outcome[here], z[here], pd.factorize(codes[here])[0], None))
            except errors.EmptyCell:
                continue
            half = _quantile(seen.df) * math.sqrt(seen.variance)
            into.append(abs(seen.value) > half)
            widths += [half] if into is found else []
    if not found or not alarms:
        raise errors.DataError("no draw left both arms in every block", todo="Join blocks.")
    return Rehearsal(float(np.mean(found)), float(np.mean(alarms)), float(np.mean(widths)), len(found))
