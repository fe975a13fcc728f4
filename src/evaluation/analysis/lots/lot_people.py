"""Who stands in a lot: each unit of the record with the answers that it gave, and the gates of the design."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.analysis.did.inputs import DesignInputs, attended, place
from evaluation.analysis.lots import lot_draws
from evaluation.analysis.lots.verification import Condition, conditions
from evaluation.errors import EvaluationError
from evaluation.intake import lot_frames, lot_records
from evaluation.intake.lot_records import LotRecord
from evaluation.plan.study import Lot, Plan
from evaluation.results import Gate, NotIdentified
from evaluation.statistics import randomisation

ARM, BLOCK, UNIT, EARLIER, TOOK = "arm", "block", "unit", "earlier", "took_part"


@dataclass(frozen=True, slots=True)
class LotPeople:
    """A lot with its answers.

    Attributes
    ----------
    name, lot, record : str, Lot, LotRecord
        The lot, its block of the plan, its record.
    units : DataFrame
        One row per unit in the order of the record: `code`, `block`, `arm`, `link`, `done`.
    answers : DataFrame, index respondent
        People of the wave who belong to a unit: `unit`, `block`, `arm`, outcomes, `earlier`, `took_part`.
    holds : list of Condition
        What the record promises.
    """

    name: str
    lot: Lot
    record: LotRecord
    units: pd.DataFrame
    answers: pd.DataFrame
    holds: list[Condition]

    @property
    def cluster(self) -> str | None:
        """Column of the unit that was drawn, where it holds several people."""
        return UNIT if self.lot.kind == "places" else None

    @property
    def outcomes(self) -> list[str]:
        """Outcomes that the wave's people answered."""
        return [c for c in self.answers if c not in (ARM, BLOCK, UNIT, EARLIER, TOOK)]

    def crossovers(self) -> float | None:
        """Return the share of units dealt with otherwise than drawn; None where nothing was recorded."""
        known = self.units["done"].notna()
        if not known.any():
            return None
        return float((self.units.loc[known, "done"] != self.units.loc[known, ARM]).mean())

    def allocations(self, seed: int) -> randomisation.Allocations:
        """Return what the lot could have given."""
        restriction = lot_draws.restriction_of(self.record)
        blocks, made = list(self.units[BLOCK]), self.units[ARM].to_numpy()
        return randomisation.allocations(blocks, made, restriction=restriction, seed=seed)


def people_of(plan: Plan, inputs: DesignInputs, name: str) -> LotPeople | NotIdentified:
    """Return a lot with the answers of the wave that it serves, or why it has none."""
    lot = plan.lots[name]
    record = lot_records.read_record(plan, name)
    if record is None or not record.draws:
        state = "was not drawn" if record else "was not committed"
        return NotIdentified(f"the lot {state}", f"evaluation lot draw {name}, before the wave begins.")
    if lot.serves not in {*plan.earlier_waves(inputs.wave), inputs.wave}:
        return NotIdentified("the wave that the lot serves is not in", f"Run it with {lot.serves}.")
    try:
        frame = lot_frames.read_frame(plan, name)
    except EvaluationError as error:
        return NotIdentified(f"the frame of the lot cannot be used: {error.what}", error.todo or "Restore it.")
    units = record.table().rename(columns={"drawn": ARM})
    units = units.merge(frame.units[["code", "link", "done"]], on="code", how="left")
    if units["link"].isna().any():
        missing = int(units["link"].isna().sum())
        return NotIdentified(f"the frame does not name {missing} of the lot's {len(units)} units", "Restore the frame.")
    answers = _answers(plan, inputs, lot, units)
    if not len(answers):
        return NotIdentified("nobody who answered belongs to a unit of the lot", "Ask for the unit in the survey.")
    return LotPeople(name, lot, record, units, answers, conditions(plan, name))


def _answers(plan: Plan, inputs: DesignInputs, lot: Lot, units: pd.DataFrame) -> pd.DataFrame:
    """Return the people of the wave who belong to a unit, with outcomes, earlier answer and taking part."""
    people, outcomes = inputs.survey.people, inputs.survey.outcomes
    rows = people[people["wave"] == lot.serves]
    own = _unit_in(plan, lot, rows)
    codes = own.map(dict(zip(units["link"], units["code"], strict=True)))
    if lot.kind == "people":
        codes = codes.where(~codes.duplicated(keep=False))
    codes = codes.dropna()
    by_code = units.set_index("code")
    out = pd.DataFrame({UNIT: codes, BLOCK: codes.map(by_code[BLOCK]), ARM: codes.map(by_code[ARM]).astype(int)})
    asked = [o for o in (lot.outcomes or (plan.outcomes.primary,)) if inputs.survey.asked(o, lot.serves)]
    out = out.join(outcomes[asked].astype(float))
    out[EARLIER] = _earlier(plan, inputs, lot, out, units)
    out[TOOK] = attended(inputs, rows).reindex(out.index)
    return out


def _unit_in(plan: Plan, lot: Lot, rows: pd.DataFrame) -> pd.Series:
    """Return each respondent's unit, as the frame's `link` names it."""
    if lot.kind == "people":
        return rows["link"] if "link" in rows else pd.Series(pd.NA, index=rows.index)
    if lot.unit in rows:
        return rows[lot.unit].astype(object)
    return place(plan, rows)


def _earlier(plan: Plan, inputs: DesignInputs, lot: Lot, answers: pd.DataFrame, units: pd.DataFrame) -> pd.Series:
    """Return the primary outcome's earlier answer: a person's own, or the mean of the place; the mean where unknown."""
    people, outcome = inputs.survey.people, (lot.outcomes or (plan.outcomes.primary,))[0]
    nothing = pd.Series(np.nan, index=answers.index)
    if not lot.before or lot.before not in set(people["wave"]) or not inputs.survey.asked(outcome, lot.before):
        return nothing
    rows = people[people["wave"] == lot.before]
    codes = _unit_in(plan, lot, rows).map(dict(zip(units["link"], units["code"], strict=True)))
    means = inputs.survey.outcomes.loc[rows.index, outcome].astype(float).groupby(codes.to_numpy()).mean()
    found = answers[UNIT].map(means).astype(float)
    return found.fillna(found.mean())


def gates_of(people: LotPeople) -> tuple[Gate, ...]:
    """Return the gates of the lot: record, execution, attrition; all must pass before an effect is claimed."""
    failed = [c.says for c in people.holds if not c.holds]
    record = Gate(
        "lot.record", "quality", not failed, "; ".join(failed) or "holds", "holds", "the record of the lot verifies"
    )
    share, bar = people.crossovers(), people.lot.most_crossovers
    note = f"at most {bar:.0%} of units were dealt with otherwise than drawn"
    followed = Gate("lot.followed", "quality", share is not None and share <= bar, share, bar, note)
    gap, most = answering_gap(people), people.lot.most_attrition_gap
    if gap is None:
        return record, followed
    words = f"the arms differ by at most {100 * most:.0f} percentage points in the share who answered"
    return record, followed, Gate("lot.answered", "quality", abs(gap) <= most, gap, most, words)


def answered_units(people: LotPeople, outcome: str) -> pd.DataFrame:
    """Return the units of a lot of people with `answered` (0 or 1) and the outcome, missing where not answered."""
    own = people.answers.set_index(UNIT)[outcome]
    units = people.units.assign(**{outcome: people.units["code"].map(own)})
    return units.assign(answered=units[outcome].notna().astype(float))


def answering_gap(people: LotPeople) -> float | None:
    """Return the difference between the arms in the share who answered; None where it is not people who were drawn."""
    if people.lot.kind != "people" or not people.outcomes:
        return None
    frame = answered_units(people, people.outcomes[0])
    return float(randomisation.answered_by_arm(frame, answered="answered", arm=ARM, block=BLOCK).value)
