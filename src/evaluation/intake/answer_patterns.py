"""Patterns of a whole wave's answers that no person gave: an item reversed in the export, one answer to everything."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from evaluation.intake.mapped_wave import Mapped
from evaluation.intake.wave_file import WaveInfo
from evaluation.plan.study import Plan

LEAST_FOR_CORRELATION = 50
MOST_STRAIGHT = 0.4
LEAST_STATEMENTS = 5
MOST_NEGATIVE = -0.1


def outcome_items(plan: Plan) -> list[str]:
    """Return the items behind every outcome of the plan, each once."""
    items = [i for o in plan.all_outcomes for i in (plan.scales[o].items if o in plan.scales else (o,))]
    return list(dict.fromkeys(items))


def _numbers(items: Iterable[str], mapped: Mapped) -> pd.DataFrame:
    held = {i: mapped.values[i] for i in items if i in mapped.values and mapped.values[i].notna().any()}
    return pd.DataFrame({i: pd.to_numeric(v.where(v.notna(), np.nan)).astype(float) for i, v in held.items()})


def reversed_items(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    """Find an item whose answers run against the rest of its set: it was reversed or recoded in this export.

    The sets are the plan's scales, and the primary outcome with the mean of every scale.
    """
    sets = [scale.items for scale in plan.scales.values()]
    sets += [(plan.outcomes.primary, *items) for items in sets]
    accused: set[str] = set()
    for number, items in enumerate(sets):
        frame = _numbers(items, mapped)
        whole = number < len(plan.scales)
        for item in frame.columns if whole else frame.columns[:1]:
            if item not in accused and _runs_against(frame, item):
                accused.add(item)
                mapped.fault(
                    "reversed_item",
                    info,
                    item,
                    "answers run against the rest of the scale",
                    "The item is reversed or recoded in this export: mend [labels].",
                )


def _runs_against(frame: pd.DataFrame, item: str) -> bool:
    rest = frame.drop(columns=item).mean(axis=1)
    both = frame[item].notna() & rest.notna()
    n = int(both.sum())
    if n < LEAST_FOR_CORRELATION or frame.loc[both, item].nunique() < 2 or rest[both].nunique() < 2:
        return False
    r = np.corrcoef(frame.loc[both, item], rest[both])[0, 1]
    return bool(r < MOST_NEGATIVE and r * np.sqrt(n) < -2)


def straight_lines(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    """Find a wave in which many people gave one answer to every statement."""
    frame = _numbers((i for s in plan.scales.values() for i in s.items), mapped).dropna()
    if len(frame) < LEAST_FOR_CORRELATION or frame.shape[1] < LEAST_STATEMENTS:
        return
    grid = frame.to_numpy()
    if (grid.min(axis=1) == grid.max(axis=1)).mean() > MOST_STRAIGHT:
        mapped.fault(
            "straight_lining",
            info,
            "",
            "many people gave one answer to every statement of the scale",
            "Look at how the answers were collected, or waive it with a reason.",
        )
