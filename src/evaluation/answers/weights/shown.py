"""Show the weights: sample, weighted and population side by side; their price; their gates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from evaluation.answers.weights import cells as celled
from evaluation.answers.weights.cells import NOT_STATED
from evaluation.answers.weights.made import WaveWeights
from evaluation.answers.words import exhibit, measure, words
from evaluation.estimates import Gate
from evaluation.exhibits import Exhibit, cell_key
from evaluation.study import Plan


def margins_table(plan: Plan, wave: str, people: pd.DataFrame, made: Mapping[str, WaveWeights]) -> Exhibit:
    """Return, for the report's wave, each cell's share among those who answered, weighted, and in the population."""
    now = made[wave]
    triples: list[tuple[str, str, Any]] = []
    for cells in now.cells:
        raw = cells.of.value_counts()
        got = now.values.groupby(cells.of).sum()
        base = int((cells.of != NOT_STATED).sum())
        whole = (cell_key("general", margin=cells.name, wave=wave), base)
        for place, (cell, target) in enumerate(cells.population.items()):
            if cell == NOT_STATED:
                continue
            row = celled.words(plan, cells.columns, str(cell))
            stem = f"share.{cells.name}.cell{place:02d}.{wave}"
            part = (celled.key(cells.name, str(cell), wave), int(raw.get(cell, 0)))
            counted = {"share_of": (part[0], whole[0]), "counts": (part, whole)}
            shares = (("answered", part[1] / max(base, 1), counted), ("weighted", got[cell] / got.sum(), {}),
                      ("census", target / cells.population.sum(), {"public": True}))  # fmt: skip
            for column, share, more in shares:
                value = measure(f"{stem}.{column}", 100 * share, "per cent", base=base, wave=wave, decimals=0, **more)
                triples.append((row, _COLUMNS[column], value))
    sums = tuple(
        (cell_key("general", margin=c.name, wave=wave),
         tuple(celled.key(c.name, str(x), wave) for x in c.population.index if x != NOT_STATED))
        for c in now.cells
    )  # fmt: skip
    if not triples:
        reason = "no population figures were given: every answer counts the same"
        triples = [("Unweighted", "", words(f"share.none.all.{wave}", reason))]
    notes = [f"{c.name}: {s}." for c in now.cells for s in c.steps]
    notes += [f"{c.name} was not used: nobody answered in {', '.join(c.empty)}." for c in now.left_out]
    return exhibit(
        "weights.margins", "Who answered, weighted, and who lives here", triples, sections=("policy-4", "annex-E"),
        wave=wave, chart="bars" if now.cells else "", row_header="Group", notes=tuple(notes),
        sums=sums, source=f"Survey; {plan.population.title}", extras={"axis": "Share (per cent)"},
    )  # fmt: skip


_COLUMNS = {"answered": "People who answered", "weighted": "Weighted", "census": "Population"}


def summary(plan: Plan, wave: str, made: Mapping[str, WaveWeights]) -> Exhibit:
    """Return what the weights of each wave cost: design effect, effective number, largest share, trimmed share."""
    triples: list[tuple[str, str, Any]] = []
    for name, one in made.items():
        values, base = one.values, len(one.frame)
        kish = float(values.sum() ** 2 / (values**2).sum())
        rows = (
            ("Effective number of answers (weights alone)", "effective", kish, "people", 0),
            ("Design effect of weighting", "design_effect", base / kish, "times", 2),
            ("Largest weight, share of all", "largest", 100 * float(values.max() / values.sum()), "per cent", 1),
            ("Answers whose weight was trimmed", "trimmed", 100 * one.trimmed, "per cent", 1),
        )
        for row, id, value, unit, places in rows:
            made_of = measure(f"weights.{id}.all.{name}", value, unit, base=base, wave=name, decimals=places)
            triples.append((row, name, made_of))
    return exhibit("weights.summary", "The price of weighting", triples, sections=("annex-E",), wave=wave,
                   row_header="Measure", source="Survey, general sample")  # fmt: skip


def gates(plan: Plan, wave: str, made: Mapping[str, WaveWeights]) -> list[Gate]:
    """Return the gates of weighting for the report's wave: no empty cell, and enough effective answers."""
    now = made[wave]
    values = now.values
    kish = float(values.sum() ** 2 / (values**2).sum())
    deff = _cluster_effect(plan, now)
    effective, bar = kish / deff, plan.sizes.least_effective_n
    empty = [f"{c.name}: {', '.join(c.empty)}" for c in now.left_out]
    found = [Gate("weights.effective", "quality", effective >= bar, effective, bar,
                  f"the weighted, clustered answers are worth at least {bar:.0f} independent ones")]  # fmt: skip
    if plan.population.margins:
        note = "somebody answered in every population cell" + (f" (not in {'; '.join(empty)})" if empty else "")
        found.append(Gate("weights.cells", "quality", not empty, len(empty), 0, note))
    return found


def _cluster_effect(plan: Plan, now: WaveWeights) -> float:
    """Return 1 + (people per session - 1) × 0.05, a planning value: outcomes are not open yet."""
    session = plan.population.session_column
    if not session or session not in now.frame:
        return 1.0
    per = len(now.frame) / max(now.frame[session].nunique(), 1)
    return 1 + max(per - 1, 0) * 0.05


def answer(plan: Plan, wave: str, made: Mapping[str, WaveWeights]) -> Exhibit:
    """Return the answer of notebook 02."""
    now = made[wave]
    values = now.values
    kish = float(values.sum() ** 2 / (values**2).sum())
    if not now.cells:
        said = "For themselves: no population figures were given, so every answer counts the same."
    else:
        said = f"For {plan.population.title}, if people who answered are like those who did not in the same group."
    triples = [
        ("Answer", "", words(f"answer.02.all.{wave}", said)),
        (
            "Worth this many independent answers",
            "",
            measure(f"answer.02.effective.{wave}", kish, "people", base=len(now.frame), wave=wave, decimals=0),
        ),
    ]
    return exhibit("answer.02", "Whom do these answers speak for?", triples, sections=(), wave=wave)
