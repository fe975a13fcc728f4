"""A sample as it was drawn: its weights, its strata, and how many it was drawn from, held to what the plan says."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evaluation.intake.mapping import UNREADABLE, Mapped
from evaluation.intake.wave_file import WaveInfo
from evaluation.plan.study import Plan


def weights(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    """Refuse weights that some people lack, or that are no weights: raking starts from everybody's."""
    name = plan.given_weight
    if not name or not mapped.values[name].notna().any() or (mapped.reasons[name] == UNREADABLE).any():
        return
    values = mapped.values[name]
    wrong = values.isna() | (pd.to_numeric(values, errors="coerce").fillna(0) <= 0)
    if wrong.any():
        mapped.fault(
            "base_weight",
            info,
            name,
            "raking starts from these weights, and somebody has none above 0",
            "Give everybody a weight above 0, leave out who was not drawn, or move the column to [ignore].",
            list(np.flatnonzero(wrong.to_numpy())),
        )


def strata(plan: Plan, info: WaveInfo, mapped: Mapped) -> None:
    """Refuse strata that cannot carry an error, and a finite population that is smaller than what was drawn from it."""
    pop = plan.population
    stratum, unit = _units(mapped, pop.strata_column), _units(mapped, pop.session_column)
    if pop.strata_column and stratum is None:
        return
    frame = pd.DataFrame({"stratum": "all", "unit": mapped.rows.to_numpy()})
    frame = frame if stratum is None else frame.assign(stratum=stratum.to_numpy())
    frame = frame if unit is None else frame.assign(unit=unit.to_numpy())
    drawn = frame.dropna().groupby("stratum")["unit"].nunique()
    column, units = pop.strata_column or "", "clusters" if pop.session_column else "people"
    if without := list(np.flatnonzero(frame["stratum"].isna().to_numpy())):
        mapped.fault("drawn_otherwise", info, column, "somebody is in no stratum", "Give everybody a stratum.", without)
    elif stratum is not None and (drawn < 2).any():
        what = f"{(drawn < 2).sum()} strata hold one of the {units} only, so they have no error"
        todo = "Name a column of joined strata in the export, or take strata_column out of study.toml."
        mapped.fault("drawn_otherwise", info, column, what, todo)
    if wrong := _wrong_size(pop.size, drawn, units):
        mapped.fault("drawn_otherwise", info, column, wrong, f"Correct [population] size: it counts {units}.")


def _wrong_size(size: int | dict[str, int] | None, drawn: pd.Series, units: str) -> str:
    """Return what is wrong with the numbers that strata were drawn from; "" where nothing is, or none are stated."""
    if size is None:
        return ""
    known = {str(s): size.get(str(s)) if isinstance(size, dict) else size for s in drawn.index}
    if None in known.values():
        return "study.toml gives no size for a stratum that answered"
    if any((known[str(s)] or 0) < n for s, n in drawn.items()):
        return f"more {units} were drawn than [population] size says there are"
    return ""


def _units(mapped: Mapped, column: str | None) -> pd.Series | None:
    """Return a column of units or strata; None where the plan names none, or the wave lacks it."""
    values = mapped.values.get(column) if column else None
    return None if values is None or not values.notna().any() else values
