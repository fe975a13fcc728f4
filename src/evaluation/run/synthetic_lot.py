"""A lot of invitations for a synthetic study: drawn among the people of W2024 as `evaluation lot draw` would."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pandas as pd

from evaluation import synthetic
from evaluation.analysis.lots import lot_draws
from evaluation.intake import keys, lot_frames, lot_records
from evaluation.plan import study
from evaluation.plan.study import Plan

COMMITTED, DRAWN = dt.date(2025, 7, 1), dt.date(2025, 7, 13)
MISSED = 2  # people who were drawn and could not be reached


def make(truth_file: Path | None, folder: Path, *, seed: int | None = None) -> Path:
    """Write a synthetic study; where its `study.toml` plans a lot of people before W2025, the lot is drawn too."""
    plan_file = Path(folder) / "study.toml"
    if plan_file.is_file():
        synthetic.inputs(Path(folder) / "data_raw")  # the plan reads the codebook
    plan = study.load(plan_file) if plan_file.is_file() else None
    name = _lot(plan)
    if plan is None or not name:
        return synthetic.make(truth_file, folder, seed=seed)
    number = synthetic.read_truth(truth_file)["seed"] if seed is None else seed
    return synthetic.make(
        truth_file, folder, seed=seed, invite=lambda answers: _invited(plan, name, answers, int(number))
    )


def _lot(plan: Plan | None) -> str:
    """Return the name of the plan's lot of people between W2024 and W2025; "" where it has none."""
    found = plan.lots.items() if plan else ()
    return next((n for n, x in found if (x.kind, x.before, x.serves) == ("people", "W2024", "W2025")), "")


def _invited(plan: Plan, name: str, answers: pd.DataFrame, seed: int) -> set[str]:
    """Draw the lot among people who may be asked again, write frame, key and record, and return who was invited."""
    frame = synthetic.invitation_frame(answers)
    key = lot_frames.key_file(plan, name)
    key.parent.mkdir(parents=True, exist_ok=True)
    secret = hashlib.sha256(f"synthetic lot {seed}".encode()).hexdigest()  # synthetic people have nothing to protect
    keys.write_private(key, f"{secret}\n".encode(), folder=False)
    frame.to_csv(lot_frames.frame_file(plan, name), index=False, lineterminator="\n")
    units = lot_frames.read_frame(plan, name)
    record = lot_draws.drawn(lot_draws.committed(plan, name, units, COMMITTED), f"{seed * 7919 % 10**9:09d}", DRAWN)
    lot_records.write_record(plan, record)
    codes = set(units.rows.loc[units.units["code"].isin(record.drawn[0]).to_numpy(), plan.lots[name].unit])
    missed = set(sorted(codes)[:MISSED])
    done = frame[plan.lots[name].unit].isin(codes - missed).map({True: "yes", False: "no"})
    frame.assign(done=done).to_csv(lot_frames.frame_file(plan, name), index=False, lineterminator="\n")
    return codes - missed
