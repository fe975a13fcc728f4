"""What surrounds the programme: published figures, other surveys, history, initiatives, indicators, outcomes."""

from __future__ import annotations

import pandas as pd

from evaluation.answers.registers import shelf
from evaluation.answers.registers.cited import figures, surveys
from evaluation.answers.registers.dated import timeline
from evaluation.answers.registers.goals import indicators_sheet, theory
from evaluation.answers.registers.shelf import Held, Triples
from evaluation.answers.registers.status import requirements
from evaluation.answers.words import exhibit, words
from evaluation.exhibits import Exhibit
from evaluation.study import Plan


def context(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return published figures, other surveys, the timeline, initiatives, indicators, outcomes, and what works."""
    made = [
        *figures(plan, wave, held),
        surveys(plan, wave, held),
        *timeline(plan, wave, held),
        _initiatives(plan, wave, held),
        _partners(plan, wave, held),
        indicators_sheet(plan, wave, held),
        theory(plan, wave, held),
    ]
    return [*made, *requirements(plan, wave, held, made)]


def _initiatives(plan: Plan, wave: str, held: Held) -> Exhibit:
    rows = shelf.register(plan, wave, held, "initiatives")
    if rows is None:
        return shelf.absent(plan, wave, "initiatives.table", "Other initiatives", "initiatives", ("annex-N",))
    kinds, answers = (shelf.levels(plan, "initiatives", c) for c in ("mechanism", "contamination_risk"))
    cells: Triples = []
    labels = shelf.unique([f"{r.title} ({r.organisation})" for r in rows.itertuples(index=False)])
    for label, row in zip(labels, rows.itertuples(index=False), strict=True):
        stem = f"initiatives.{row.initiative_id}"
        columns = (
            ("Mechanism", kinds.get(row.mechanism, row.mechanism)),
            ("Does its source report an outcome?", answers.get(row.outcome_reported, row.outcome_reported)),
            ("Could it reach people compared here?", answers.get(row.contamination_risk, row.contamination_risk)),
            ("Source", row.source_ref),
        )
        cells += [
            (label, c, words(f"{stem}.{k + 1}.{wave}", "not stated" if pd.isna(v) else str(v)))
            for k, (c, v) in enumerate(columns)
        ]
    return exhibit(
        "initiatives.table",
        "Initiatives named in the sources",
        cells,
        sections=("annex-N",),
        wave=wave,
        row_header="Initiative",
        source="Register of initiatives",
        notes=(
            "Nothing is claimed of these initiatives. One that can reach people compared here makes any "
            "difference between groups harder to read.",
        ),
    )


def _partners(plan: Plan, wave: str, held: Held) -> Exhibit:
    rows = shelf.register(plan, wave, held, "partners")
    title = "Organisations that helped to reach people"
    if rows is None:
        return shelf.absent(plan, wave, "context.partners", title, "partners", ("annex-D",))
    names = shelf.levels(plan, "partners", "network")
    cells: Triples = []
    for network, part in rows.groupby("network", sort=True):
        label, stem = names.get(str(network), str(network)), f"partners.{network}.{wave}"
        key = {"unit": "organisations", "universe": "partners", "network": network}
        cells += [
            (
                label,
                "Approached",
                shelf.plain(
                    f"{stem}.approached", int((part["approached"] == "yes").sum()), wave, **key, step="approached"
                ),
            ),
            (
                label,
                "Agreed",
                shelf.plain(f"{stem}.agreed", int((part["agreed"] == "yes").sum()), wave, **key, step="agreed"),
            ),
            (
                label,
                "Answers through them",
                shelf.people(
                    f"{stem}.answers",
                    int(part["n_responses"].sum()),
                    wave,
                    unit="people",
                    universe="people",
                    partner=network,
                ),
            ),
        ]
    return exhibit(
        "context.partners",
        title,
        cells,
        sections=("annex-D",),
        wave=wave,
        row_header="Network",
        source="Register of partners",
    )
