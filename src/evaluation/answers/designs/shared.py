"""What the companions of the designs share: which design can run, the people of D1, how a number is put in a cell."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evaluation.answers import words as w
from evaluation.answers.designs.evidence import Evidence, exposed_places
from evaluation.answers.designs.places import placed
from evaluation.estimates import Estimate, TooFew
from evaluation.study import Design, Plan

Triples = list[tuple[str, str, Any]]


def runnable(plan: Plan, found: Evidence, name: str) -> Design | None:
    """Return a design of the plan that the waves held can carry, else None."""
    design = plan.designs.get(name)
    known = design and set(design.waves) <= {*plan.earlier_waves(found.wave), found.wave}
    if not known or any(not found.survey.asked(design.outcome, x) for x in design.waves):
        return None
    return design


def number(id: str, made: Estimate, wave: str, unit: str, scale: float = 1.0) -> Any:
    """Return an estimate as a measure with its range, times `scale`."""
    ends = {k: None if getattr(made, k) is None else scale * getattr(made, k) for k in ("low", "high")}
    return w.measure(id, scale * made.value, unit, base=min(made.n.values()), wave=wave, **ends)


def cell(id: str, made: Any, wave: str, unit: str, scale: float = 1.0) -> Any:
    """Return an estimate as a number with its range, and a refusal in words."""
    if isinstance(made, Estimate):
        return number(id, made, wave, unit, scale)
    if isinstance(made, TooFew):
        return w.words(id, f"too few {made.unit}: at least {made.needed} in every cell are needed")
    return w.words(id, made.reason)


def exposed_frame(plan: Plan, found: Evidence) -> tuple[Design, pd.DataFrame] | None:
    """Return D1 and its people, where there are places of both kinds."""
    design = runnable(plan, found, "D1")
    if design is None or plan.exposure is None:
        return None
    frame = placed(plan, found, design, exposed_places(plan, found, (design.waves[0], design.waves[-1]))[0])
    sides = frame.groupby("exposed")["unit"].nunique()
    return (design, frame) if len(sides) == 2 and sides.min() >= 2 else None
