"""What each lot of the plan could see before it is drawn: by formula, and by drawing it many times."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evaluation.analysis import layout
from evaluation.errors import EvaluationError
from evaluation.intake import lot_frames
from evaluation.plan.study import Lot, Plan
from evaluation.statistics import randomisation
from evaluation.table_builder import Table

DRAWS = 200
CORRELATION = 0.5  # of the earlier answer with the later one, where a wave of the earlier answer is named
WITHIN = 0.05  # intraclass correlation of answers within a place


def prospects(plan: Plan, wave: str, *, draws: int = DRAWS) -> str:
    """Return a paragraph for each lot: what it could see, and whether it can answer; "" where the plan has none."""
    table = layout.table(plan, wave, "lots.prospects")
    return "\n\n".join(_one(plan, table, name, lot, draws) for name, lot in plan.lots.items())


def _one(plan: Plan, table: Table, name: str, lot: Lot, draws: int) -> str:
    try:
        units = lot_frames.read_frame(plan, name, create_key=True).units
        randomisation.sizes(list(units["block"]), lot.share)
    except EvaluationError as error:
        return table.sentence("no_frame", lot=lot.title, why=str(error))
    places, blocks = lot.kind == "places", units["block"].nunique()
    people = len(units) * lot.answering if not places else _people_of_places(plan)
    worthwhile = plan.outcomes.margin_sd or 0.2
    try:
        seen = randomisation.lot_power(
            people=people,
            share=lot.share,
            sd=1.0,
            take_up=lot.take_up,
            correlation=CORRELATION if lot.before else 0.0,
            units=len(units) if places else None,
            within=WITHIN,
            blocks=blocks,
        )
    except EvaluationError as error:
        return table.sentence("no_frame", lot=lot.title, why=str(error))
    said = [
        table.sentence(
            "size",
            lot=lot.title,
            units=len(units),
            blocks=blocks,
            people=f"{people:.0f}",
            low=f"{100 * lot.take_up[0]:.0f}",
            high=f"{100 * lot.take_up[1]:.0f}",
            drawn=f"{seen.detectable:.2f}",
            half=f"{seen.half_width:.2f}",
        ),
        table.sentence("can" if seen.can_answer(worthwhile) else "cannot", worthwhile=f"{worthwhile:g}"),
    ]
    if places:
        made = randomisation.draw(list(units["code"]), list(units["block"]), share=lot.share, seed="prospect").treat
        least = randomisation.smallest_p(randomisation.allocations(list(units["block"]), made))
        said.append(table.sentence("smallest" if least <= 0.05 else "never", p=f"{least:.2g}"))
    elif draws:
        said.append(_rehearsed(plan, table, lot, units, draws, worthwhile))
    return " ".join(said)


def _people_of_places(plan: Plan) -> float:
    """Return the people that a wave of the size planned for answers: the least that a compared side may have, twice."""
    return 2.0 * max(plan.sizes.indicative_people, plan.sizes.least_answers)


def _rehearsed(plan: Plan, table: Table, lot: Lot, units: pd.DataFrame, draws: int, worthwhile: float) -> str:
    rng = np.random.default_rng(plan.seed)
    answers = units[["block"]].assign(answer=rng.standard_normal(len(units)))
    try:
        found = randomisation.rehearse(
            answers,
            answer="answer",
            block="block",
            share=lot.share,
            effect=worthwhile,
            take_up=lot.take_up,
            answering=lot.answering,
            draws=draws,
            seed=plan.seed,
        )
    except EvaluationError as error:
        return table.sentence("no_frame", lot=lot.title, why=str(error))
    return table.sentence(
        "rehearsed",
        draws=found.draws,
        worthwhile=f"{worthwhile:g}",
        found=f"{100 * found.found:.0f}",
        alarms=f"{100 * found.false_alarms:.0f}",
    )
