"""Several outcomes at once: chances corrected within their family, and how many would differ by chance alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from evaluation import errors
from evaluation.answers import words as w
from evaluation.answers.attendees import adjusted_for, sample_for
from evaluation.answers.comparison import COMPARISON_WEIGHT, Comparison
from evaluation.answers.levels import Survey
from evaluation.answers.samples import TREATED
from evaluation.answers.verdicts import FAMILIES
from evaluation.estimates import Estimate
from evaluation.exhibits import Exhibit
from evaluation.statistics import multiplicity
from evaluation.study import Plan

LEVEL = 0.05
WEIGHT = "analysis_weight"
LEAST_DRAWS = 199


@dataclass(frozen=True, slots=True)
class Together:
    """Result id → p within its family, and family → the method that made it."""

    p: dict[str, float] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)


def together(plan: Plan, compare: Comparison, sample: Any, survey: Survey, attend: Sequence[Any]) -> Together:
    """Return the corrected p of every planned comparison of a family.

    Secondary outcomes and controls: Romano-Wolf by wild cluster bootstrap in the designed sample, weighted and
    adjusted as planned, never below the p of the planned estimate itself; Holm where sessions are too few for it.
    Exploratory outcomes: Benjamini and Hochberg.
    """
    p: dict[str, float] = {}
    methods: dict[str, str] = {}
    for family in FAMILIES:
        rows = [r for r in attend if _in_family(r, family)]
        if not rows:
            continue
        plain = pd.Series({r.id: r.p for r in rows})
        if family == "exploratory":
            found, methods[family] = multiplicity.benjamini_hochberg(plain), "Benjamini and Hochberg"
        else:
            found, methods[family] = _stepped(plan, compare, sample, survey, rows, plain)
        p |= {k: float(v) for k, v in found.items()}
    return Together(p, methods)


def _in_family(row: Any, family: str) -> bool:
    named = isinstance(row, Estimate) and row.family == family and row.p is not None
    return named and row.id.startswith("attend.") and row.id.count(".") == 3


def _stepped(plan, compare, sample, survey, rows, plain) -> tuple[pd.Series, str]:
    """Return step-down p-values of a family in the designed sample; Holm's where the bootstrap cannot serve."""
    fixed = sample_for(compare.people, sample)
    frame = compare.people.assign(**{WEIGHT: fixed.match_weight * compare.people[COMPARISON_WEIGHT]})
    answers = survey.outcomes.reindex(frame.index)[[r.outcome for r in rows]].astype(float)
    frame = frame.join(answers)[lambda f: f[WEIGHT] > 0]
    try:
        table = multiplicity.romano_wolf(
            frame,
            outcomes=list(answers),
            treat=TREATED,
            covariates=adjusted_for(plan, frame),
            weight=WEIGHT,
            cluster="session",
            draws=max(plan.sensitivity.bootstrap_draws, LEAST_DRAWS),
            seed=plan.seed,
            missing="each",
        )
    except errors.DataError:
        return multiplicity.holm(plain), "Holm"
    if str(table["method"].iloc[0]) != multiplicity.WILD:
        return multiplicity.holm(plain), "Holm"
    stepped = pd.Series(table["p_family"].to_numpy(), index=plain.index)
    return pd.concat([stepped, plain], axis=1).max(axis=1), "Romano and Wolf, sessions drawn"


def families(plan: Plan, wave: str, attend: Sequence[Any], found: Together) -> Exhibit:
    """Return each outcome's chance as it stands and corrected, and how many would differ by chance alone."""
    triples: list[tuple[str, str, Any]] = []
    for row in attend:
        if row.id not in found.p:
            continue
        name, base = f"{plan.label_of(row.outcome)} ({row.family})", min(row.n.values())
        words = {"base": base, "wave": wave, "decimals": 3}
        triples.append((name, "Chance alone", w.measure(f"p.{row.id}", row.p, "", **words)))
        triples.append((name, "Within its family", w.measure(f"pfamily.{row.id}", found.p[row.id], "", **words)))
    triples += (
        _counts(wave, len(found.p))
        if found.p
        else [("No family", "Chance alone", w.words(f"tests.none.all.{wave}", "no further outcome could be compared"))]
    )
    notes = tuple(f"{family.capitalize()}: {method}." for family, method in found.methods.items())
    return w.exhibit(
        "sensitivity.families",
        "Several outcomes at once",
        triples,
        sections=("annex-I",),
        wave=wave,
        row_header="Outcome",
        notes=notes,
    )


def _counts(wave: str, count: int) -> list[tuple[str, str, Any]]:
    by_chance = multiplicity.expected_by_chance(count, LEVEL)
    cells = (("Comparisons made", "count", count, 0), ("Would differ by chance alone", "chance", by_chance, 1))
    return [
        (name, "Chance alone", w.measure(f"tests.{id}.all.{wave}", value, "comparisons", wave=wave, decimals=places))
        for name, id, value, places in cells
    ]
